"""A HubSpot portal: facts of the CRM in HubSpot's tables and words.

What belongs here: ids, properties, associations and outcomes of HubSpot. What does not: what is so
(`crm`, `deals`, `sales`), and which companies the portal holds (`homes`).

HubSpot has no leads: they are contacts without a company, and one that is converted is merged into
the contact that sales opened. It has no campaign members either; those are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import text
from .batches import SECONDS, Batch
from .company import Bools
from .crm import DEPARTMENTS
from .deals import STAGES, WON
from .homes import HUBSPOT, SALESFORCE, account_ids, contact_ids, deal_ids, lead_ids
from .records import PERSON
from .systems import lots
from .text import Ints
from .writer import Columns, Crm, Rows, all_of, bools, firsts, ints, none_of

DEAL_TYPES = ("newbusiness", "existingbusiness", "renewal")
BUYING_ROLES = (
    "BUDGET_HOLDER",
    "DECISION_MAKER",
    "EVALUATOR",
    "END_USER",
    "PROCUREMENT",
    "INFLUENCER",
    "OTHER",
)
EMAIL, CALL, MESSAGE, REPLY = range(4)
SYNCED = 70  # in a hundred records that stand in Salesforce too, those that name its id


class HubSpot(Crm):
    """Writes what the portal holds."""

    def tables(self) -> Mapping[str, Callable[[pa.Table], Rows]]:
        """By kind of fact."""
        return {
            "account": self._company,
            "contact": self._contact,
            "lead": self._lead,
            "deal": self._deal,
            "deal_stage": self._deal_stage,
            "part": self._part,
            "task": self._task,
            "event": self._meeting,
            "attendee": self._attendee,
            "user": self._owner,
        }

    def batch(self, name: str, rows: pa.Table, day: Ints) -> Batch:
        """Rows of a table, stamped with the moment at which the loading tool copied them."""
        copied = np.maximum(day, self.plan.load_day) * SECONDS + 82_000
        return super().batch(
            name, rows.append_column("_fivetran_synced", self.plan.stamps(copied)), day
        )

    # -- ids ---------------------------------------------------------------------------------

    def _company_id(self, record: Ints) -> pa.Array:
        """Null where there is none, where it stands elsewhere, and for a person."""
        inside = np.maximum(record, 0)
        known = (record >= 0) & self.homes.stands[HUBSPOT, inside]
        known &= self.records.kind[inside] != PERSON
        return text.blank(account_ids(HUBSPOT, inside), ~known)

    def _contact_id(self, t: pa.Table) -> pa.Array:
        number = ints(t, "who")
        return pc.if_else(
            t["is_lead"].combine_chunks(), lead_ids(HUBSPOT, number), contact_ids(HUBSPOT, number)
        )

    def _owner_id(self, number: Ints) -> pa.Array:
        return text.codes("", 70_000_000 + number, 8)

    def _synced(self, key: Ints, home: Ints, ids: pa.Array) -> pa.Array:
        """The ids of records in Salesforce, for most that stand in its first organisation."""
        known = (len(self.homes.crms) > 1) & (home == SALESFORCE) & (lots(key, 73, 100) < SYNCED)
        return text.blank(ids, ~known)

    # -- records -----------------------------------------------------------------------------

    def _company(self, t: pa.Table) -> Rows:
        record, absorbed = ints(t, "record"), ints(t, "absorbed")
        website = t["website"].combine_chunks()
        domain = pc.replace_substring_regex(pc.utf8_lower(website), "^(https?://)?(www[.])?", "")
        domain = pc.replace_substring_regex(domain, "/.*$", "")
        columns = {
            "id": account_ids(HUBSPOT, record),
            "property_name": t["name"],
            "property_domain": domain,
            "property_website": website,
            "property_industry": t["industry"],
            "property_numberofemployees": t["employees"],
            "property_annualrevenue": t["revenue"],
            "property_country": t["country"],
            "property_hs_parent_company_id": self._company_id(ints(t, "parent")),
            "property_type": t["type"],
            "property_hubspot_owner_id": self._owner_id(ints(t, "owner")),
            "property_hs_merged_object_ids": self._company_id(absorbed),
            "property_salesforceaccountid": self._synced(
                record, self.homes.of_record[record], account_ids(SALESFORCE, record)
            ),
            "is_deleted": t["is_deleted"],
            "property_createdate": t["created"],
            "property_hs_lastmodifieddate": t["modified"],
            "property_segment": t["segment"],
            "property_territory": t["territory"],
        }
        yield "company", columns, ints(t, "kind") != PERSON

    def _contact(self, t: pa.Table) -> Rows:
        number, person = ints(t, "number"), np.maximum(ints(t, "person"), 0)
        absorbed, lead = ints(t, "absorbed"), ints(t, "converted_lead")
        second = text.blank(contact_ids(HUBSPOT, np.maximum(absorbed, 0)), absorbed < 0)
        former = text.blank(lead_ids(HUBSPOT, np.maximum(lead, 0)), lead < 0)
        both = text.join(former, second, by=";")
        columns = self._person(t) | {
            "id": contact_ids(HUBSPOT, number),
            "property_department": t["department"],
            "property_company": pa.nulls(t.num_rows, pa.string()),
            "property_associatedcompanyid": self._company_id(ints(t, "record")),
            "property_hs_buying_role": text.pick(BUYING_ROLES, ints(t, "part")),
            "property_hs_merged_object_ids": pc.coalesce(both, former, second),
            "property_salesforcecontactid": self._synced(
                number, self.homes.of_person[person], contact_ids(SALESFORCE, number)
            ),
            "property_salesforceleadid": pa.nulls(t.num_rows, pa.string()),
            "_fivetran_deleted": t["is_deleted"],
        }
        yield "contact", columns, all_of(t.num_rows)

    def _lead(self, t: pa.Table) -> Rows:
        """A contact without a company, gone once it was merged into one with."""
        n, number, person = t.num_rows, ints(t, "number"), ints(t, "person")
        none = pa.nulls(n, pa.string())
        home = np.where(person < 0, -1, self.homes.of_person[np.maximum(person, 0)])
        columns = self._person(t) | {
            "id": lead_ids(HUBSPOT, number),
            "property_department": none,
            "property_company": t["company"],
            "property_associatedcompanyid": none,
            "property_hs_buying_role": none,
            "property_hs_merged_object_ids": none,
            "property_salesforcecontactid": none,
            "property_salesforceleadid": self._synced(number, home, lead_ids(SALESFORCE, number)),
            "_fivetran_deleted": t["is_converted"],
        }
        yield "contact", columns, all_of(n)

    def _person(self, t: pa.Table) -> Columns:
        bounced = t["bounced"].is_valid().to_numpy()
        return {
            "property_email": t["email"],
            "property_jobtitle": t["title"],
            "property_hs_email_bounce": pa.array(bounced.astype(np.int64)),
            "property_hs_email_hard_bounce_reason_enum": text.pick(
                ["UNKNOWN_USER"], bounced.astype(np.int64) - 1
            ),
            "property_hs_email_optout": t["has_opted_out"],
            "property_hubspot_owner_id": self._owner_id(ints(t, "owner")),
            "property_createdate": t["created"],
            "property_lastmodifieddate": t["modified"],
        }

    def _owner(self, t: pa.Table) -> Rows:
        number, role = ints(t, "number"), ints(t, "role")
        active = bools(t, "is_active")
        columns = {
            "owner_id": self._owner_id(number),
            "email": t["email"],
            "first_name": t["first_name"],
            "last_name": t["last_name"],
            "type": text.pick(["PERSON"], number * 0),
            "active_user_id": text.blank(text.codes("", 5_000_000 + number, 7), ~active),
            "created_at": t["created"],
            "updated_at": t["modified"],
        }
        yield "owner", columns, all_of(len(number))
        columns = {
            "owner_id": self._owner_id(number),
            "team_id": text.codes("", 301 + role, 3),
            "is_team_primary": pa.array(all_of(len(number))),
        }
        yield "owner_team", columns, firsts(number)

    # -- deals -------------------------------------------------------------------------------

    def _deal(self, t: pa.Table) -> Rows:
        n, number = t.num_rows, ints(t, "number")
        columns = {
            "deal_id": deal_ids(HUBSPOT, number),
            "property_dealname": t["name"],
            "deal_pipeline_id": text.pick(["default"], np.zeros(n, dtype=np.int64)),
            "deal_pipeline_stage_id": _stage_ids(ints(t, "stage")),
            "owner_id": self._owner_id(ints(t, "owner")),
            "property_amount": t["amount"],
            "property_deal_currency_code": t["currency"],
            "property_closedate": _noon(t["close_date"]),
            "property_dealtype": text.pick(DEAL_TYPES, ints(t, "kind")),
            "is_deleted": pa.array(none_of(n)),
            "property_createdate": t["created"],
            "property_hs_lastmodifieddate": t["modified"],
        }
        yield "deal", columns, all_of(n)
        company = self._company_id(ints(t, "record"))
        columns = {
            "deal_id": deal_ids(HUBSPOT, number),
            "company_id": company,
            "type_id": text.pick(["5"], np.zeros(n, dtype=np.int64)),
            "category": text.pick(["HUBSPOT_DEFINED"], np.zeros(n, dtype=np.int64)),
        }
        yield "deal_company", columns, firsts(number) & _filled(company)

    def _deal_stage(self, t: pa.Table) -> Rows:
        n, deal = t.num_rows, deal_ids(HUBSPOT, ints(t, "number"))
        source = text.pick(["CRM_UI"], np.zeros(n, dtype=np.int64))
        stages = _stage_ids(ints(t, "stage"))
        columns = {
            "deal_id": deal,
            "value": stages,
            "date_entered": t["at"],
            "source": source,
            "source_id": pa.nulls(n, pa.string()),
        }
        yield "deal_stage", columns, all_of(n)
        first = ints(t, "old_stage") < 0
        dates = [
            text.join(t[name].combine_chunks().cast(pa.string()), "T12:00:00Z")
            for name in ("old_close_date", "close_date")
        ]
        amounts = [t[name].combine_chunks().cast(pa.string()) for name in ("old_amount", "amount")]
        for name, before, after in (
            ("dealstage", None, stages),
            ("amount", *amounts),
            ("closedate", *dates),
        ):
            changed = all_of(n)
            if before is not None:
                other = pc.fill_null(pc.not_equal(before, after), True)
                changed = first | other.to_numpy(zero_copy_only=False)
            columns = {
                "deal_id": deal,
                "name": text.pick([name], np.zeros(n, dtype=np.int64)),
                "value": after,
                "timestamp": t["at"],
                "source": source,
            }
            yield "deal_property_history", columns, changed

    def _part(self, t: pa.Table) -> Rows:
        """Who is in a deal; what part they have stands on the contact."""
        n = t.num_rows
        columns = {
            "deal_id": deal_ids(HUBSPOT, ints(t, "number")),
            "contact_id": contact_ids(HUBSPOT, ints(t, "contact")),
            "type_id": text.pick(["3"], np.zeros(n, dtype=np.int64)),
            "category": text.pick(["HUBSPOT_DEFINED"], np.zeros(n, dtype=np.int64)),
        }
        yield "deal_contact", columns, all_of(n)

    # -- acts --------------------------------------------------------------------------------

    def _task(self, t: pa.Table) -> Rows:
        """Mails, calls and messages are engagements of their own; what was never done is a task."""
        n, number, kind = t.num_rows, ints(t, "number"), ints(t, "kind")
        act, done, never = task_ids(number), bools(t, "is_done"), bools(t, "is_never_done")
        shared = {
            "engagement_id": act,
            "property_hs_timestamp": t["at"],
            "property_hubspot_owner_id": self._owner_id(ints(t, "owner")),
            "property_hs_createdate": t["created"],
            "property_hs_lastmodifieddate": t["modified"],
            "_fivetran_deleted": pa.array(none_of(n)),
        }
        is_mail = np.isin(kind, [EMAIL, REPLY])
        yield (
            "engagement_email",
            shared
            | {
                "property_hs_email_subject": t["subject"],
                "property_hs_email_direction": text.pick(
                    ["EMAIL", "INCOMING_EMAIL"], (kind == REPLY).astype(np.int64)
                ),
                "property_hs_email_status": text.pick(["SENT"], np.where(kind == REPLY, -1, 0)),
            },
            is_mail & ~never,
        )
        yield (
            "engagement_call",
            shared
            | {
                "property_hs_call_title": t["subject"],
                "property_hs_call_disposition": text.pick(
                    ["Connected", "Left voicemail", "No answer"], ints(t, "answer")
                ),
                "property_hs_call_direction": text.pick(["OUTBOUND"], kind * 0),
                "property_hs_call_status": text.pick(
                    ["SCHEDULED", "COMPLETED"], done.astype(np.int64)
                ),
            },
            (kind == CALL) & ~never,
        )
        channel = text.pick(["LINKEDIN_MESSAGE"], kind * 0)
        yield (
            "engagement_communication",
            shared | {"property_hs_communication_channel_type": channel},
            (kind == MESSAGE) & ~never,
        )
        yield (
            "engagement_task",
            shared
            | {
                # The four types that HubSpot has; TODO is its word for any other task.
                "property_hs_task_type": text.pick(["EMAIL", "CALL", "LINKED_IN", "TODO"], kind),
                "property_hs_task_status": text.pick(["NOT_STARTED"], kind * 0),
            },
            never,
        )
        types = text.pick(
            ["EMAIL", "CALL", "COMMUNICATION", "EMAIL", "TASK"], np.where(never, 4, kind)
        )
        yield from self._associations(t, act, types, firsts(number))

    def _meeting(self, t: pa.Table) -> Rows:
        n, number, kind = t.num_rows, ints(t, "number"), ints(t, "kind")
        titles = text.pick(["Meeting", "Product demo", "Trial review"], kind)
        length = pc.multiply(t["minutes"].combine_chunks(), 60_000).cast(pa.duration("ms"))
        columns = {
            "engagement_id": meeting_ids(number),
            "title": titles,
            "start_time": t["at"],
            "end_time": pc.add(t["at"].combine_chunks(), length),
            "meeting_outcome": text.pick(
                ["SCHEDULED", "COMPLETED", "CANCELED", "NO_SHOW"], ints(t, "status")
            ),
            "property_hs_activity_type": text.pick(["Meeting", "Demo", "Trial"], kind),
            "property_hs_timestamp": t["at"],
            "property_hubspot_owner_id": self._owner_id(ints(t, "owner")),
            "property_hs_createdate": t["created"],
            "property_hs_lastmodifieddate": t["modified"],
            "_fivetran_deleted": pa.array(none_of(n)),
        }
        yield "engagement_meeting", columns, all_of(n)
        types = text.pick(["MEETING"], kind * 0)
        yield from self._associations(t, meeting_ids(number), types, firsts(number))

    def _associations(self, t: pa.Table, act: pa.Array, types: pa.Array, first: Bools) -> Rows:
        """The person, company and deal of acts; they come with an act's first version."""
        shared = {"engagement_id": act, "engagement_type": types}
        yield "engagement_contact", shared | {"contact_id": self._contact_id(t)}, first
        company = self._company_id(ints(t, "record"))
        yield "engagement_company", shared | {"company_id": company}, first & _filled(company)
        deal = ints(t, "deal")
        deals = deal_ids(HUBSPOT, np.maximum(deal, 0))
        yield "engagement_deal", shared | {"deal_id": deals}, first & (deal >= 0)

    def _attendee(self, t: pa.Table) -> Rows:
        number, is_meeting = ints(t, "number"), ints(t, "act") == 1
        columns = {
            "engagement_id": pc.if_else(
                pa.array(is_meeting), meeting_ids(number), task_ids(number)
            ),
            "engagement_type": text.pick(["EMAIL", "MEETING"], is_meeting.astype(np.int64)),
            "contact_id": contact_ids(HUBSPOT, ints(t, "who")),
        }
        yield "engagement_contact", columns, all_of(t.num_rows)

    # -- settings ----------------------------------------------------------------------------

    def settings(self) -> Iterator[Batch]:
        """Stages of the pipeline, and teams."""
        stage = np.arange(len(STAGES))
        born = np.full(len(stage), -1400)
        table = pa.table(
            {
                "stage_id": _stage_ids(stage),
                "pipeline_id": text.pick(["default"], stage * 0),
                "label": pa.array(STAGES),
                "display_order": pa.array(stage),
                "is_closed": pa.array(stage >= WON),
                "closed_won": pa.array(stage == WON),
                "_fivetran_deleted": pa.array(none_of(len(stage))),
                "updated_at": self.plan.stamps(born * SECONDS),
            }
        )
        yield self.batch("deal_pipeline_stage", table, born)
        team = np.arange(len(DEPARTMENTS))
        table = pa.table({"id": text.codes("", 301 + team, 3), "name": pa.array(DEPARTMENTS)})
        yield self.batch("team", table, np.full(len(team), -1400))


def task_ids(number: Ints) -> pa.Array:
    """Ids of mails, calls, messages and tasks."""
    return text.codes("", 50_000_000_000 + number, 11)


def meeting_ids(number: Ints) -> pa.Array:
    """Ids of meetings."""
    return text.codes("", 60_000_000_000 + number, 11)


def _stage_ids(stage: Ints) -> pa.Array:
    return text.codes("", 9001 + stage, 4)


def _filled(values: pa.Array) -> Bools:
    filled: Bools = values.is_valid().to_numpy(zero_copy_only=False)
    return filled


def _noon(dates: pa.ChunkedArray) -> pa.Array:
    """Twelve o'clock of days, which is that day in most places."""
    stamps = dates.combine_chunks().cast(pa.timestamp("ms", "UTC"))
    return pc.add(stamps, pa.scalar(43_200_000, pa.duration("ms")))
