"""A Salesforce organisation: facts of the CRM in Salesforce's tables and words.

What belongs here: ids, columns, types and statuses of Salesforce. What does not: what is so (`crm`,
`deals`, `sales`, `campaigns`), and which organisation holds what (`homes`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import text
from .batches import SECONDS, Batch
from .company import NEVER
from .crm import DEPARTMENTS, RANKS, person_mails
from .deals import PARTS, STAGES, WON
from .deals import TYPES as DEAL_TYPES
from .homes import EMEA, PODS, account_ids, contact_ids, deal_ids, lead_ids
from .records import PARTNER, PERSON
from .text import Ints
from .writer import Columns, Crm, Rows, all_of, bools, ints, none_of

RECORD_TYPES = (
    ("Business Account", "Business_Account", "Account"),
    ("Partner", "Partner", "Account"),
    ("Person Account", "PersonAccount", "Account"),
    ("New Business", "New_Business", "Opportunity"),
    ("Renewal", "Renewal", "Opportunity"),
)
EUR_PER_USD = 0.91


class Salesforce(Crm):
    """Writes what one organisation holds."""

    def tables(self) -> Mapping[str, Callable[[pa.Table], Rows]]:
        """By kind of fact."""
        campaigns: dict[str, Callable[[pa.Table], Rows]] = {
            "campaign": self._campaign,
            "member": self._member,
        }
        return (campaigns if self.plan.campaigns else {}) | {
            "account": self._account,
            "contact": self._contact,
            "lead": self._lead,
            "deal": self._deal,
            "deal_stage": self._deal_stage,
            "part": self._part,
            "task": self._task,
            "event": self._event,
            "attendee": self._attendee,
            "user": self._user,
        }

    # -- ids ---------------------------------------------------------------------------------

    def _id(self, prefix: str, numbers: Ints) -> pa.Array:
        return text.salesforce_ids(prefix, np.maximum(numbers, 0), PODS[self.crm])

    def _account_id(self, record: Ints) -> pa.Array:
        """Null where there is none, or where it stands in another CRM."""
        known = (record >= 0) & self.homes.stands[self.crm, np.maximum(record, 0)]
        return text.blank(account_ids(self.crm, np.maximum(record, 0)), ~known)

    def _who(self, table: pa.Table) -> pa.Array:
        number = ints(table, "who")
        return pc.if_else(
            table["is_lead"].combine_chunks(),
            lead_ids(self.crm, number),
            contact_ids(self.crm, number),
        )

    def _deal_id(self, number: Ints) -> pa.Array:
        return text.blank(deal_ids(self.crm, np.maximum(number, 0)), number < 0)

    # -- records -----------------------------------------------------------------------------

    def _account(self, t: pa.Table) -> Rows:
        n, record, kind = t.num_rows, ints(t, "record"), ints(t, "kind")
        is_person = kind == PERSON
        number = np.where(is_person, record - self.records.n + int(self._persons()), 0)
        mails = person_mails(self.records).take(pa.array(number))
        money, currency = t["revenue"].combine_chunks(), "USD"
        if self.crm == EMEA:
            money, currency = pc.round(pc.multiply(money, EUR_PER_USD), -3), "EUR"
        types = np.select([kind == PARTNER, is_person], [2, 3], 1)
        columns = {
            "id": account_ids(self.crm, record),
            "name": t["name"],
            "website": t["website"],
            "industry": t["industry"],
            "number_of_employees": t["employees"],
            "annual_revenue": money,
            "billing_country": t["country"],
            "parent_id": self._account_id(ints(t, "parent")),
            "type": t["type"],
            "owner_id": self._id("005", ints(t, "owner")),
            "currency_iso_code": text.pick([currency], np.zeros(n, dtype=np.int64)),
            "master_record_id": self._account_id(ints(t, "survivor")),
            "record_type_id": self._id("012", types),
            "is_person_account": pa.array(is_person),
            "person_email": text.blank(mails, ~is_person),
            "person_contact_id": text.blank(
                contact_ids(self.crm, 2 * self.world.people.n + 1 + number), ~is_person
            ),
            "is_deleted": t["is_deleted"],
            "created_date": t["created"],
            "system_modstamp": t["modified"],
            "Segment__c": t["segment"],
            "Territory__c": t["territory"],
        }
        yield "account", columns, all_of(n)

    def _persons(self) -> int:
        return int((self.records.kind == PERSON).sum())

    def _contact(self, t: pa.Table) -> Rows:
        survivor = ints(t, "survivor")
        columns = {
            "id": contact_ids(self.crm, ints(t, "number")),
            "account_id": self._account_id(ints(t, "record")),
            "email": t["email"],
            "first_name": t["first_name"],
            "last_name": t["last_name"],
            "title": t["title"],
            "department": t["department"],
            "owner_id": self._id("005", ints(t, "owner")),
            "master_record_id": text.blank(
                contact_ids(self.crm, np.maximum(survivor, 0)), survivor < 0
            ),
            "email_bounced_date": t["bounced"],
            "has_opted_out_of_email": t["has_opted_out"],
            "is_deleted": t["is_deleted"],
            "created_date": t["created"],
            "system_modstamp": t["modified"],
        }
        yield "contact", columns, all_of(t.num_rows)

    def _lead(self, t: pa.Table) -> Rows:
        n, number = t.num_rows, ints(t, "number")
        done = bools(t, "is_converted")
        none = pa.nulls(n, pa.string())
        columns = {
            "id": lead_ids(self.crm, number),
            "email": t["email"],
            "company": t["company"],
            "website": t["website"],
            "title": t["title"],
            "department": none,
            "has_opted_out_of_email": t["has_opted_out"],
            "email_bounced_date": t["bounced"],
            "owner_id": self._id("005", ints(t, "owner")),
            "master_record_id": none,
            "is_deleted": pa.array(none_of(n)),
            "status": t["status"],
            "is_converted": t["is_converted"],
            "converted_date": t["converted_date"],
            "converted_account_id": text.blank(self._account_id(ints(t, "record")), ~done),
            "converted_contact_id": text.blank(contact_ids(self.crm, number), ~done),
            "converted_opportunity_id": none,
            "created_date": t["created"],
            "system_modstamp": t["modified"],
        }
        yield "lead", columns, all_of(n)

    # -- deals -------------------------------------------------------------------------------

    def _deal(self, t: pa.Table) -> Rows:
        n, stage, campaign = t.num_rows, ints(t, "stage"), ints(t, "campaign")
        columns = {
            "id": self._deal_id(ints(t, "number")),
            "account_id": self._account_id(ints(t, "record")),
            "name": t["name"],
            "amount": t["amount"],
            "stage_name": text.pick(STAGES, stage),
            "is_won": pa.array(stage == WON),
            "is_closed": pa.array(stage >= WON),
            "close_date": t["close_date"],
            "type": text.pick(DEAL_TYPES, ints(t, "kind")),
            "record_type_id": self._id("012", np.where(ints(t, "kind") == 2, 5, 4)),
            "campaign_id": text.blank(
                self._id("701", campaign), (campaign < 0) | (not self.plan.campaigns)
            ),
            "owner_id": self._id("005", ints(t, "owner")),
            "currency_iso_code": t["currency"],
            "is_deleted": pa.array(none_of(n)),
            "created_date": t["created"],
            "system_modstamp": t["modified"],
        }
        yield "opportunity", columns, all_of(n)

    def _deal_stage(self, t: pa.Table) -> Rows:
        stage, old = ints(t, "stage"), ints(t, "old_stage")
        deal, key = self._deal_id(ints(t, "number")), ints(t, "row") * 8 + stage
        everything = all_of(t.num_rows)
        columns = {
            "id": self._id("008", key + 1),
            "opportunity_id": deal,
            "stage_name": text.pick(STAGES, stage),
            "amount": t["amount"].cast(pa.float64()),
            "close_date": t["close_date"],
            "created_date": t["at"],
        }
        yield "opportunity_history", columns, everything
        # One row a changed field: its value before and after.
        for place, (field, before, after) in enumerate(
            (
                ("StageName", text.pick(STAGES, old), text.pick(STAGES, stage)),
                ("Amount", _words(t["old_amount"]), _words(t["amount"])),
                ("CloseDate", _words(t["old_close_date"]), _words(t["close_date"])),
            )
        ):
            changed = pc.fill_null(pc.not_equal(before, after), False)
            columns = {
                "id": self._id("017", key * 3 + place),
                "opportunity_id": deal,
                "field": text.pick([field], np.zeros(len(key), dtype=np.int64)),
                "old_value": before,
                "new_value": after,
                "created_date": t["at"],
            }
            yield (
                "opportunity_field_history",
                columns,
                (old >= 0) & changed.to_numpy(zero_copy_only=False),
            )

    def _part(self, t: pa.Table) -> Rows:
        columns = {
            "id": self._id("00K", ints(t, "key")),
            "opportunity_id": self._deal_id(ints(t, "number")),
            "contact_id": contact_ids(self.crm, ints(t, "contact")),
            "role": text.pick(PARTS, ints(t, "part")),
            "is_primary": t["is_primary"],
            "created_date": t["created"],
            "system_modstamp": t["created"],
        }
        yield "opportunity_contact_role", columns, all_of(t.num_rows)

    # -- acts --------------------------------------------------------------------------------

    def _task(self, t: pa.Table) -> Rows:
        n, kind = t.num_rows, ints(t, "kind")
        columns = {
            "id": self._id("00T", ints(t, "number")),
            "account_id": self._account_id(ints(t, "record")),
            "who_id": self._who(t),
            "what_id": self._deal_id(ints(t, "deal")),
            "type": text.pick(["Email", "Call", "LinkedIn", "Reply"], kind),
            "task_subtype": text.pick(["Email", "Call", "Task", "Email"], kind),
            "subject": t["subject"],
            "status": text.pick(["Open", "Completed"], bools(t, "is_done").astype(np.int64)),
            "call_disposition": text.pick(
                ["Connected", "Voicemail", "No answer"], ints(t, "answer")
            ),
            "call_duration_in_seconds": t["call_seconds"],
            "owner_id": self._id("005", ints(t, "owner")),
            "activity_date": t["at"].cast(pa.date32()),
            "is_deleted": pa.array(none_of(n)),
            "created_date": t["created"],
            "system_modstamp": t["modified"],
        }
        yield "task", columns, all_of(n)

    def _event(self, t: pa.Table) -> Rows:
        """A meeting that is cancelled is deleted; one to which nobody came says so in its type.

        Every seventh has a colleague of ours too, who gets a copy of it (a child event).
        """
        n, number, kind, status = t.num_rows, ints(t, "number"), ints(t, "kind"), ints(t, "status")
        missed = np.where(status == 3, 3, kind)
        columns = {
            "id": self._id("00U", number),
            "account_id": self._account_id(ints(t, "record")),
            "who_id": self._who(t),
            "what_id": self._deal_id(ints(t, "deal")),
            "type": text.pick(["Meeting", "Demo", "Trial", "Meeting: no show"], missed),
            "event_subtype": text.pick(["Event"], np.zeros(n, dtype=np.int64)),
            "subject": text.pick(["Meeting", "Product demo", "Trial review"], kind),
            "status": text.pick(["Planned", "Completed", "Cancelled", "No Show"], status),
            "is_child": pa.array(none_of(n)),
            "group_event_type": text.pick(["0", "1"], (number % 7 == 0).astype(np.int64)),
            "owner_id": self._id("005", ints(t, "owner")),
            "activity_date": t["at"].cast(pa.date32()),
            "duration_in_minutes": t["minutes"],
            "is_deleted": pa.array(status == 2),
            "created_date": t["created"],
            "system_modstamp": t["modified"],
        }
        yield "event", columns, all_of(n)
        copies = columns | {
            "id": self._id("00U", 50_000_000 + number),
            "is_child": pa.array(all_of(n)),
            "owner_id": self._id("005", 11 + ints(t, "owner") % 15),
        }
        yield "event", copies, number % 7 == 0

    def _attendee(self, t: pa.Table) -> Rows:
        n, act, number = t.num_rows, ints(t, "act"), ints(t, "number")
        shared = {
            "relation_id": contact_ids(self.crm, ints(t, "who")),
            "is_what": pa.array(none_of(n)),
            "is_deleted": pa.array(none_of(n)),
            "created_date": t["created"],
            "system_modstamp": t["created"],
        }
        tasks = {"id": self._id("0RT", ints(t, "key")), "task_id": self._id("00T", number)}
        yield "task_relation", tasks | shared, act == 0
        events = {
            "id": self._id("0RE", ints(t, "key")),
            "event_id": self._id("00U", number),
            "is_invitee": pa.array(all_of(n)),
            "status": text.pick(["Accepted", "New"], (number % 3 == 0).astype(np.int64)),
        }
        yield "event_relation", events | shared, act == 1

    def _campaign(self, t: pa.Table) -> Rows:
        n = t.num_rows
        columns = {
            "id": self._id("701", ints(t, "number")),
            "name": t["name"],
            "type": t["type"],
            "start_date": t["start_date"],
            "end_date": t["end_date"],
            "actual_cost": t["actual_cost"],
            "parent_id": pa.nulls(n, pa.string()),
            "created_date": t["created"],
            "system_modstamp": t["modified"],
        }
        yield "campaign", columns, all_of(n)

    def _member(self, t: pa.Table) -> Rows:
        n, who = t.num_rows, ints(t, "who")
        is_lead = bools(t, "is_lead")
        columns = {
            "id": self._id("00v", ints(t, "number")),
            "campaign_id": self._id("701", ints(t, "campaign")),
            "lead_id": text.blank(lead_ids(self.crm, who), ~is_lead),
            "contact_id": text.blank(contact_ids(self.crm, who), is_lead),
            "status": t["status"],
            "has_responded": t["has_responded"],
            "first_responded_date": t["responded"],
            "created_date": t["created"],
            "system_modstamp": t["modified"],
        }
        yield "campaign_member", columns, all_of(n)

    # -- users and settings ------------------------------------------------------------------

    def _user(self, t: pa.Table) -> Rows:
        n, role = t.num_rows, ints(t, "role")
        columns = {
            "id": self._id("005", ints(t, "number")),
            "name": text.join(
                t["first_name"].combine_chunks(), t["last_name"].combine_chunks(), by=" "
            ),
            "email": t["email"],
            "user_role_id": self._id("00E", role + 1),
            "department": text.pick(DEPARTMENTS, role),
            "title": text.pick(RANKS, role),
            "is_active": t["is_active"],
            "created_date": t["created"],
            "system_modstamp": t["modified"],
        }
        yield "user", columns, all_of(n)

    def settings(self) -> Iterator[Batch]:
        """Record types, roles and account teams."""
        plan = self.plan

        def batch(name: str, count: int, columns: Columns) -> Batch:
            stamp = plan.stamps(np.full(count, -1400 * SECONDS))
            rows = pa.table(columns | {"system_modstamp": stamp})
            return self.batch(name, rows, np.full(count, -1400))

        k = len(RECORD_TYPES)
        names, developers, objects = (list(column) for column in zip(*RECORD_TYPES, strict=True))
        yield batch(
            "record_type",
            k,
            {
                "id": self._id("012", np.arange(1, k + 1)),
                "name": pa.array(names),
                "developer_name": pa.array(developers),
                "sobject_type": pa.array(objects),
                "created_date": plan.stamps(np.full(k, -1400 * SECONDS)),
            },
        )
        k = len(DEPARTMENTS)
        ids = self._id("00E", np.arange(1, k + 1))
        yield batch("user_role", k, {"id": ids, "name": pa.array(DEPARTMENTS)})

        accounts = self.world.accounts
        served = self.homes.stands[self.crm, : accounts.n] & (accounts.customer_since < 0)
        served &= accounts.customer_until == NEVER
        company = np.flatnonzero(served)
        born = plan.stamps(accounts.customer_since[company] * SECONDS + 50_000)
        team = pa.table(
            {
                "id": self._id("01M", company + 1),
                "account_id": account_ids(self.crm, company),
                "user_id": self._id("005", 27 + company % 7),
                "team_member_role": text.pick(["Customer Success Manager"], company * 0),
                "is_deleted": pa.array(none_of(len(company))),
                "created_date": born,
                "system_modstamp": born,
            }
        )
        yield self.batch("account_team_member", team, accounts.customer_since[company])


def _words(values: pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks().cast(pa.string())
