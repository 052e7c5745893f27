"""Who is an account and who a person, who owns which domain, who is a target, and how each fits.

docs/method.md, sections 1, 2 and 4.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache, cached_property
from typing import Any

from recomputed.files import Row, Table, address, crm_id, registrable
from recomputed.rules import constants, matches, rules, truth
from recomputed.titles import plain

# Marketo's categories of bounces that last; the others are full mailboxes and servers at rest.
HARD_BOUNCES = ("1", "2")
FIRST_NAMED = tuple(constants()["sources"])


@dataclass
class Record:
    """An account record of a CRM on a day."""

    id: str
    source: str
    name: str
    domain: str | None
    merged_into: str | None
    says_it_is: str | None
    is_deleted: bool
    created: date
    delivered: date
    attributes: dict[str, Any]
    account: str = ""

    @property
    def rank(self) -> tuple[Any, ...]:
        return (self.delivered, FIRST_NAMED.index(self.source), self.created, self.id)


@dataclass
class Person:
    """A person: all records that are one, and what they say."""

    id: str
    records: list[PersonRecord] = field(default_factory=list)
    account: str | None = None
    emails: set[str] = field(default_factory=set)


@dataclass
class PersonRecord:
    """A lead or contact of a system on a day."""

    id: str
    kind: str
    source: str
    rows: list[Row]
    now: Row
    created: date
    email: str | None
    account: str | None
    title: str | None
    department: str | None
    buying_role: str | None
    is_bounced: bool
    is_opted_out: bool
    is_deleted: bool
    links: set[str]

    def row_on(self, on: date) -> Row | None:
        """The version in force on a day; the first load's first version holds from creation."""
        there = [row for row in self.rows if row.known <= on]
        if there:
            return max(there, key=lambda row: row.version)
        return next(iter(_taken_back(self.rows, on)), None)

    def title_on(self, on: date) -> str | None:
        row = self.row_on(on)
        return (row["title"] or row["property_jobtitle"]) if row else None


PAST: dict[tuple[int, date], World] = {}


class World:
    """What was known at the end of a day."""

    def __init__(self, tables: Mapping[str, Table], on: date) -> None:
        self.tables, self.on = tables, on

    def past(self, on: date) -> World:
        """An earlier day; what was known on it never changes, so it is computed once."""
        key = (id(self.tables), on)
        if key not in PAST:
            PAST[key] = World(self.tables, on)
        return PAST[key]

    def rows(self, table: str) -> list[Row]:
        """The versions in force."""
        return self.tables[table].on(self.on) if table in self.tables else []

    def versions(self, table: str) -> Iterable[list[Row]]:
        """For each record that is known all its versions known by now."""
        for rows in self.tables[table].records.values() if table in self.tables else ():
            there = [row for row in rows if row.known <= self.on] or _taken_back(rows, self.on)
            if there:
                yield sorted(there, key=lambda row: (row.known, row.version))

    # --- accounts ---------------------------------------------------------------------------------

    @cached_property
    def record_types(self) -> dict[str, str]:
        return {
            row.id("id") or "": row["name"] or "" for row in self.rows("salesforce/record_type")
        }

    @cached_property
    def records(self) -> dict[str, Record]:
        """Account records that count, by id."""
        found = [*self._salesforce_accounts(), *self._hubspot_companies()]
        merged = {r.id: r.merged_into for r in found if r.merged_into}
        for company in self.rows("hubspot/company"):
            for loser in (company["property_hs_merged_object_ids"] or "").split(";"):
                if loser.strip():
                    merged[crm_id(loser, company.instance) or ""] = company.id("id") or ""
        by_id = {record.id: record for record in found}
        for record in found:
            winner, steps = record.id, 0
            while winner in merged and merged[winner] in by_id and steps < 30:
                winner, steps = merged[winner] or "", steps + 1
            record.merged_into = winner if winner != record.id else None
        return by_id

    def _salesforce_accounts(self) -> list[Record]:
        found = []
        for versions in self.versions("salesforce/account"):
            now = max(versions, key=lambda row: row.version)
            kind = self.record_types.get(now.id("record_type_id") or "", "")
            if now.yes("is_person_account") or is_left_out(
                "account", {"name": now["name"], "record_type": kind}
            ):
                continue
            found.append(
                Record(
                    now.id("id") or "",
                    "salesforce",
                    now["name"],
                    registrable(now["website"]),
                    now.id("master_record_id"),
                    None,
                    now.yes("is_deleted"),
                    now.day("created_date") or versions[0].known,
                    min(row.delivered for row in versions),
                    {
                        "industry": now["industry"],
                        "employees": now.number("number_of_employees"),
                        "revenue_usd": self._dollars(
                            now.number("annual_revenue"), now["currency_iso_code"], versions
                        ),
                        "country": now["billing_country"],
                        "owner_id": now.id("owner_id"),
                        "extra": now,
                    },
                )
            )
        return found

    def _hubspot_companies(self) -> list[Record]:
        found = []
        for versions in self.versions("hubspot/company"):
            now = max(versions, key=lambda row: row.version)
            if is_left_out("account", {"name": now["property_name"]}):
                continue
            found.append(
                Record(
                    now.id("id") or "",
                    "hubspot",
                    now["property_name"],
                    registrable(now["property_domain"]) or registrable(now["property_website"]),
                    None,
                    crm_id(now["property_salesforceaccountid"]),
                    now.yes("is_deleted"),
                    now.day("property_createdate") or versions[0].known,
                    min(row.delivered for row in versions),
                    {
                        "industry": now["property_industry"],
                        "employees": now.number("property_numberofemployees"),
                        "revenue_usd": now.number("property_annualrevenue"),
                        "country": now["property_country"],
                        "owner_id": now.id("property_hubspot_owner_id"),
                        "extra": now,
                    },
                )
            )
        return found

    def _dollars(self, amount: float | None, currency: str | None, versions: list[Row]) -> Any:
        if amount is None:
            return None
        currency = currency or constants()["default_currency"]
        on = max(versions, key=lambda row: row.version).known
        rates = [
            (row["valid_from"], float(row["usd_per_unit"]))
            for row in rules()["currency_rates"]
            if row["currency_code"] == currency and row["valid_from"] <= str(on)
        ]
        return amount * max(rates)[1] if rates else None

    @cached_property
    def account_of_record(self) -> dict[str, str]:
        """The account of each record that counts."""
        alive = {r.id: r for r in self.records.values() if not r.merged_into and not r.is_deleted}
        together: dict[str, set[str]] = {name: {name} for name in alive}

        def join(left: str, right: str) -> None:
            both = together[left] | together[right]
            for name in both:
                together[name] = both

        for record in alive.values():
            if record.says_it_is in alive:
                join(record.id, record.says_it_is or "")
        systems: dict[str, dict[tuple[str, str], Record]] = defaultdict(dict)
        for record in sorted(alive.values(), key=lambda r: (r.created, r.id)):
            if record.domain and record.domain not in self.nobodys_domains:
                where = (record.source, record.id.partition(":")[0] if ":" in record.id else "")
                systems[record.domain].setdefault(where, record)
        for oldest in systems.values():
            first, *others = oldest.values()
            for other in others:
                join(first.id, other.id)
        named = {
            name: min((alive[one] for one in ones), key=lambda r: r.rank).id
            for name, ones in together.items()
        }
        for record in self.records.values():
            if record.merged_into in named:
                named[record.id] = named[record.merged_into or ""]
        return named

    @cached_property
    def nobodys_domains(self) -> set[str]:
        return {
            row["domain"] for seed in ("excluded_domains", "own_domains") for row in rules()[seed]
        }

    @cached_property
    def members(self) -> dict[str, list[Record]]:
        """Records of each account that are not merged away, the one that names it first."""
        found: dict[str, list[Record]] = defaultdict(list)
        for name, account in self.account_of_record.items():
            if not self.records[name].merged_into:
                found[account].append(self.records[name])
        return {
            account: sorted(records, key=lambda r: (r.id != account, r.rank))
            for account, records in found.items()
        }

    # --- domains and targets ----------------------------------------------------------------------

    @cached_property
    def listed(self) -> list[Row]:
        """Rows of the target list that hold."""
        return [
            row
            for row in self.rows("targets/target_accounts")
            if (row.day("listed_on") or self.on) <= self.on
            and not ((gone := row.day("removed_on")) and gone <= self.on)
        ]

    @cached_property
    def owner_before_people(self) -> dict[str, str]:
        """Owner of a domain by the target list or else the CRM's website (oldest account)."""
        owners: dict[str, str] = {}
        for row in self.rows("targets/target_accounts"):
            named = self.account_of_record.get(crm_id(row["crm_account_id"]) or "")
            domain = registrable(row["domain"])
            if row in self.listed and named and domain and domain not in self.nobodys_domains:
                owners.setdefault(domain, named)
        by_age = sorted(self.records.values(), key=lambda r: (r.created, r.id))
        for record in by_age:
            account = self.account_of_record.get(record.id)
            is_gone = record.merged_into or record.domain in self.nobodys_domains
            if account and record.domain and not is_gone:
                owners.setdefault(record.domain, account)
        return owners

    @cached_property
    def owners(self) -> dict[str, str]:
        """Owner of each domain that has one."""
        owners = dict(self.owner_before_people)
        first = self.on.replace(day=1)
        earlier = self if first == self.on else self.past(first)
        votes: dict[str, Counter[str]] = defaultdict(Counter)
        for record in earlier.person_records.values():
            domain = registrable(record.email)
            if record.account and domain and not record.is_deleted:
                votes[domain][earlier.account_of_record.get(record.account, "")] += 1
        for domain, counts in votes.items():
            if domain in self.nobodys_domains:
                continue
            account, most = counts.most_common(1)[0]
            share = most / counts.total()
            if (
                most >= constants()["contact_majority_min_people"]
                and share > constants()["contact_majority_min_share"]
                and account in self.members
            ):
                owners.setdefault(domain, account)
        # A target that no CRM knows is an account of its own.
        for row in self.listed:
            domain = registrable(row["domain"])
            if domain and domain not in self.nobodys_domains:
                named = self.account_of_record.get(crm_id(row["crm_account_id"]) or "")
                owners.setdefault(domain, named or f"domain:{domain}")
        for row in self.rows("firmographics/relationships"):
            link = _link(row["relationship_type"])
            begun = row.day("starts_on")
            if link == "successor" and (begun is None or begun <= self.on):
                old, new = registrable(row["domain"]), registrable(row["related_domain"])
                if old and new in owners and self._has_gone(old):
                    owners.setdefault(old, owners[new])
        return owners

    def _has_gone(self, domain: str) -> bool:
        standing = {row["status"]: row["standing"] for row in rules()["company_statuses"]}
        return any(
            standing.get((row["status"] or "").lower()) == "inactive"
            for row in self.rows("firmographics/companies")
            if registrable(row["domain"]) == domain
        )

    @cached_property
    def target_rows(self) -> dict[str, list[Row]]:
        """The list's rows of each target."""
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self.listed:
            named = self.account_of_record.get(crm_id(row["crm_account_id"]) or "")
            account = named or self.owners.get(registrable(row["domain"]) or "")
            if account:
                found[account].append(row)
        return dict(found)

    @cached_property
    def accounts(self) -> set[str]:
        return set(self.members) | set(self.target_rows)

    @cached_property
    def targets(self) -> set[str]:
        """All accounts, as long as no list is known."""
        has_list = any(True for _ in self.versions("targets/target_accounts"))
        return set(self.target_rows) if has_list else self.accounts

    @cached_property
    def domain_of(self) -> dict[str, set[str]]:
        """The domains of each account."""
        found: dict[str, set[str]] = defaultdict(set)
        for domain, account in self.owners.items():
            found[account].add(domain)
        return found

    def main_domain(self, account: str) -> str | None:
        for record in self.members.get(account, ()):
            if record.domain and self.owners.get(record.domain) == account:
                return record.domain
        if account.startswith("domain:"):
            return account.removeprefix("domain:")
        return min(self.domain_of.get(account, ()), default=None)

    # --- fit --------------------------------------------------------------------------------------

    @cached_property
    def company_of_domain(self) -> dict[str, Row]:
        found: dict[str, Row] = {}
        for row in self.rows("firmographics/companies"):
            domain = registrable(row["domain"])
            if domain and (domain not in found or found[domain].version < row.version):
                found[domain] = row
        return found

    def company(self, account: str) -> Row | None:
        """The company of the register that it is: by website and name, else by a domain it owns."""
        records = self.members.get(account, ())
        names = {plain_name(record.name) for record in records} | {
            plain_name(row["account_name"]) for row in self.target_rows.get(account, ())
        }
        owned = [d for d in [self.main_domain(account)] if d] + sorted(self.domain_of[account])
        claimed = [*owned, *(record.domain for record in records if record.domain)]
        known = self.company_of_domain
        named = [
            known[d]
            for d in claimed
            if d in known and plain_name(known[d]["company_name"]) in names
        ]
        found = [known[domain] for domain in owned if domain in known]
        return next(iter([*named, *found]), None)

    def attributes(self, account: str) -> dict[str, Any]:
        """What is known of an account: its CRM's records first, then the company register."""
        known: dict[str, Any] = {}
        for record in self.members.get(account, ()):
            for name in ("industry", "employees", "revenue_usd", "country"):
                if known.get(name) is None:
                    known[name] = record.attributes[name]
        company = self.company(account)
        for name in ("industry", "employees", "revenue_usd", "country", "technologies"):
            if company is not None and known.get(name) is None:
                is_number = name in ("employees", "revenue_usd")
                known[name] = company.number(name) if is_number else company[name]
        return known

    def fit(self, account: str) -> dict[str, Any]:
        """Score, tier, share of the weight that is known, whether it fits."""
        known = self.attributes(account)
        weight = matched = total = 0.0
        is_refused = False
        for row in rules()["fit_criteria"]:
            if row["valid_from"] > str(self.on) or (row["valid_to"] or "9") <= str(self.on):
                continue
            value = known.get(row["attribute"])
            total += float(row["weight"])
            if value is None:
                continue
            is_match = _meets(row, value)
            if row["attribute"] == "industry":
                one_name = _meets(row, one_industry(str(value)))
                is_not = row["operator"] == "not_in"
                is_match = (is_match and one_name) if is_not else (is_match or one_name)
            weight += float(row["weight"])
            if truth(row["is_must_not"]):
                is_refused = is_refused or is_match
            elif is_match:
                matched += float(row["weight"])
        share = weight / total if total else 0.0
        score = 100 * matched / weight if weight else None
        settings = constants()
        if share < settings["fit_min_known_share"]:
            tier = "unknown"
        elif (score or 0) >= settings["fit_strong_min_score"]:
            tier = "strong"
        elif (score or 0) >= settings["fit_moderate_min_score"]:
            tier = "moderate"
        else:
            tier = "weak"
        if is_refused:
            tier = "weak"
        return {
            "fit_score": score,
            "fit_tier": tier,
            "fits_icp": tier != "weak",
            "is_fit_assumed": tier == "unknown",
            "fit_completeness_share": share,
        }

    # --- people -----------------------------------------------------------------------------------

    @cached_property
    def person_records(self) -> dict[str, PersonRecord]:
        """Leads and contacts of every system that count, by id."""
        found = [
            *self._records("salesforce/contact", "contact"),
            *self._records("salesforce/lead", "lead"),
            *self._person_accounts(),
            *self._records("hubspot/contact", "contact"),
            *self._records("marketo/lead", "lead"),
        ]
        return {
            record.id: record
            for record in found
            if not is_left_out("person", {"email": record.email})
        }

    def _records(self, table: str, kind: str) -> list[PersonRecord]:
        source = table.partition("/")[0]
        found = []
        for rows in self.versions(table):
            now = max(rows, key=lambda row: row.version)
            mine, links = now.id("id") or "", set()
            if source == "salesforce":
                links = {now.id("master_record_id"), now.id("converted_contact_id")}
                email, title, department = "email", "title", "department"
                account, created = now.id("account_id"), now.day("created_date")
                bounced = now["email_bounced_date"] is not None
                opted_out, deleted = now.yes("has_opted_out_of_email"), now.yes("is_deleted")
                role = None
            elif source == "hubspot":
                merged = (now["property_hs_merged_object_ids"] or "").split(";")
                links = {crm_id(one, now.instance) for one in merged} | {
                    crm_id(now["property_salesforcecontactid"]),
                    crm_id(now["property_salesforceleadid"]),
                }
                email, title, department = (
                    "property_email",
                    "property_jobtitle",
                    "property_department",
                )
                account = now.id("property_associatedcompanyid")
                created = now.day("property_createdate")
                bounced = bool(now["property_hs_email_hard_bounce_reason_enum"])
                opted_out = now.yes("property_hs_email_optout")
                deleted, role = now.yes("fivetran_deleted"), now["property_hs_buying_role"]
            else:
                mine = f"marketo:{mine}"
                links = {crm_id(now["sfdc_contact_id"]), crm_id(now["sfdc_lead_id"])}
                email, title, department = "email", "title", "department"
                account, created = None, now.day("created_at")
                bounced, opted_out = now.yes("email_invalid"), now.yes("unsubscribed")
                deleted, role = False, None
            found.append(
                PersonRecord(
                    mine,
                    kind,
                    source,
                    rows,
                    now,
                    created or rows[0].known,
                    address(now[email]),
                    account,
                    now[title],
                    now[department],
                    role,
                    bounced,
                    opted_out,
                    deleted,
                    {link for link in links if link},
                )
            )
        return found

    def _person_accounts(self) -> list[PersonRecord]:
        found = []
        for rows in self.versions("salesforce/account"):
            now = max(rows, key=lambda row: row.version)
            person = now.id("person_contact_id")
            if now.yes("is_person_account") and person:
                found.append(
                    PersonRecord(
                        person, "contact", "salesforce", rows, now,
                        now.day("created_date") or rows[0].known, address(now["person_email"]),
                        None, None, None, None, False, False, now.yes("is_deleted"), set(),
                    )
                )  # fmt: skip
        return found

    @cached_property
    def person_of_record(self) -> dict[str, str]:
        """One name for all records that are one person."""
        parent: dict[str, str] = {}

        def top(name: str) -> str:
            while parent.setdefault(name, name) != name:
                name = parent[name]
            return name

        def join(left: str, right: str) -> None:
            one, other = sorted((top(left), top(right)))
            parent[other] = one

        records = self.person_records
        for row in self.rows("marketo/activity_merge_leads"):
            for loser in (row["merge_ids"] or "").strip("[]").replace('"', "").split(","):
                if loser.strip():
                    join(f"marketo:{row['lead_id']}", f"marketo:{loser.strip()}")
        for record in records.values():
            top(record.id)
            for link in record.links:
                join(record.id, link)
            if record.email:
                join(record.id, f"address {record.email}")
        return {name: top(name) for name in parent}

    @cached_property
    def people(self) -> dict[str, Person]:
        gone = {f"marketo:{row['lead_id']}" for row in self.rows("marketo/activity_delete_lead")}
        found: dict[str, Person] = {}
        for record in self.person_records.values():
            name = self.person_of_record[record.id]
            if record.is_deleted or record.id in gone:
                continue
            person = found.setdefault(name, Person(name))
            person.records.append(record)
            if record.email:
                person.emails.add(record.email)
        for person in found.values():
            person.account = self._account_of(self.speaker(person))
        return found

    @cached_property
    def bounced_addresses(self) -> set[str]:
        """Addresses that some system knows to bounce."""
        found = {r.email for r in self.person_records.values() if r.is_bounced and r.email}
        for row in self.rows("marketo/activity_email_bounced"):
            record = self.person_records.get(f"marketo:{row['lead_id']}")
            if record and record.email and (row["category"] or "1") in HARD_BOUNCES:
                found.add(record.email)
        return found

    @cached_property
    def unsubscribed(self) -> set[str]:
        return {
            f"marketo:{row['lead_id']}" for row in self.rows("marketo/activity_unsubscribe_email")
        }

    def is_opted_out(self, person: Person) -> bool:
        return any(r.is_opted_out or r.id in self.unsubscribed for r in person.records)

    def speaker(self, person: Person, at: date | None = None) -> PersonRecord:
        """The record that says who a person is: one of a CRM's account first, then the oldest.

        at: of those that were known on that day, if any was.
        """
        there = [one for one in person.records if at is None or one.row_on(at)]

        def order(record: PersonRecord) -> tuple[Any, ...]:
            by_crm = self.account_of_record.get(record.account or "") is not None
            by_domain = self.owners.get(registrable(record.email) or "") is not None
            return (
                record.email in self.bounced_addresses,
                0 if by_crm else 1 if by_domain else 2,
                FIRST_NAMED.index(record.source),
                record.created,
                record.id,
            )

        return min(there or person.records, key=order)

    def _account_of(self, record: PersonRecord) -> str | None:
        named = self.account_of_record.get(record.account or "")
        return named or self.owners.get(registrable(record.email) or "")


def _taken_back(rows: list[Row], on: date) -> list[Row]:
    """What a first load says of a record holds from its creation."""
    first = min(rows, key=lambda row: row.version)
    created = (
        first.day("created_date") or first.day("created_at") or first.day("property_createdate")
    )
    is_there = first.is_first_load and created and created <= on
    return [first] if is_there and constants()["backfill_first_load"] else []


def is_left_out(kind: str, values: Mapping[str, str | None]) -> bool:
    """Whether a record is a test, a copy or a person entered as an account."""
    return any(
        (value := values.get(row["field"])) and matches(row["pattern"], value)
        for row in rules()["record_exclusions"]
        if row["record_kind"] == kind
    )


def _link(text: str | None) -> str:
    links = {row["relationship_type"]: row["link"] for row in rules()["company_relationship_types"]}
    return links.get((text or "").lower(), "none")


def _meets(row: Mapping[str, str], value: Any) -> bool:
    words = row["list_values"].split("|")
    low, high = float(row["min_value"] or "-inf"), float(row["max_value"] or "inf")
    if row["operator"] == "in":
        return str(value).strip().lower() in words
    if row["operator"] == "not_in":
        return str(value).strip().lower() not in words
    if row["operator"] == "contains":
        return any(word in str(value).lower() for word in words)
    if row["operator"] == "between":
        return low <= float(value) <= high
    assert row["operator"] == "outside", row["operator"]
    return not low <= float(value) <= high


@cache
def _industries() -> dict[frozenset[str], str]:
    return {_words(row["industry_name"]): row["industry"] for row in rules()["industry_names"]}


def _words(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W_]+", plain(name))) - {"and"}


def one_industry(name: str) -> str:
    """The one name of an industry; what nobody knows as it stands."""
    return _industries().get(_words(name), name)


def plain_name(name: str | None) -> str:
    """The letters and digits of a name."""
    return "".join(letter for letter in (name or "").lower() if letter.isalnum())


def days_ago(on: date, days: int) -> date:
    return on - timedelta(days=days)
