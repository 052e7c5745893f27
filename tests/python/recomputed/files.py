"""Landing files as rows, each with the day on which it became known (docs/landing.md)."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import tldextract
from pyarrow import parquet

# Key, and the columns of which the first filled one is the time of a version.
TABLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "billing/contracts": (("contract_id",), ("recorded_at",)),
    "bombora/company_surge": (("domain", "topic", "report_date"), ()),
    "change_events/events": (("event_id",), ("recorded_at",)),
    "firmographics/companies": (("company_id", "domain"), ("updated_at",)),
    "firmographics/relationships": (
        (
            "company_id",
            "domain",
            "related_company_id",
            "related_domain",
            "relationship_type",
            "starts_on",
        ),
        ("recorded_at",),
    ),
    "hubspot/company": (("id",), ("property_hs_lastmodifieddate", "fivetran_synced")),
    "hubspot/contact": (("id",), ("property_lastmodifieddate", "fivetran_synced")),
    "hubspot/deal": (("deal_id",), ("property_hs_lastmodifieddate", "fivetran_synced")),
    "hubspot/deal_stage": (("deal_id", "value", "date_entered"), ("date_entered",)),
    "hubspot/deal_property_history": (("deal_id", "name", "timestamp"), ("timestamp",)),
    "hubspot/deal_pipeline_stage": (("stage_id",), ("updated_at", "fivetran_synced")),
    "hubspot/deal_company": (("deal_id", "company_id", "type_id"), ("fivetran_synced",)),
    "hubspot/deal_contact": (("deal_id", "contact_id", "type_id"), ("fivetran_synced",)),
    **{
        f"hubspot/engagement_{kind}": (
            ("engagement_id",),
            ("property_hs_lastmodifieddate", "fivetran_synced"),
        )
        for kind in ("call", "email", "meeting", "communication", "task")
    },
    "hubspot/engagement_contact": (("engagement_id", "contact_id"), ("fivetran_synced",)),
    "hubspot/engagement_company": (("engagement_id", "company_id"), ("fivetran_synced",)),
    "hubspot/owner": (("owner_id",), ("updated_at", "fivetran_synced")),
    "hubspot/owner_team": (("owner_id", "team_id"), ("fivetran_synced",)),
    "hubspot/team": (("id",), ("fivetran_synced",)),
    "intent/topic_scores": (("provider", "domain", "topic", "report_date"), ()),
    "intent_coverage/domains": (("provider", "domain", "seen_on"), ()),
    "linkedin_ads/company_engagement": (("date", "company_domain", "campaign_id"), ()),
    "marketo/lead": (("id",), ("updated_at",)),
    **{
        f"marketo/activity_{kind}": (("id",), ("activity_date",))
        for kind in (
            "email_delivered",
            "open_email",
            "click_email",
            "fill_out_form",
            "email_bounced",
            "unsubscribe_email",
            "merge_leads",
            "delete_lead",
        )
    },
    "research/interviews": (("interview_id",), ("recorded_at",)),
    "research/findings": (("finding_id",), ()),
    "research/survey_responses": (("response_id", "submitted_at", "respondent_email"), ()),
    "reveal/ip_companies": (("ip",), ("resolved_at",)),
    "salesforce/account": (("id",), ("system_modstamp", "fivetran_synced")),
    "salesforce/opportunity": (("id",), ("system_modstamp", "fivetran_synced")),
    **{
        f"salesforce/{kind}": (("id",), ("system_modstamp",))
        for kind in (
            "contact",
            "lead",
            "opportunity_contact_role",
            "task",
            "event",
            "campaign",
            "campaign_member",
            "record_type",
            "event_relation",
            "task_relation",
        )
    },
    "salesforce/opportunity_history": (("id",), ("created_date",)),
    "salesforce/opportunity_field_history": (("id",), ("created_date",)),
    "salesforce/user": (("id",), ("system_modstamp", "fivetran_synced")),
    "salesforce/user_role": (("id",), ("system_modstamp", "fivetran_synced")),
    "segment/pages": (("id",), ("received_at",)),
    "segment/identifies": (("id",), ("received_at",)),
    "targets/target_accounts": (("programme_id", "domain", "crm_account_id"), ("recorded_at",)),
    "timing/windows": (
        ("domain", "crm_account_id", "window_type", "effect", "starts_on"),
        ("recorded_at",),
    ),
}
# Tables whose rows have no version: the column with the day on which the source recorded a row.
RECORDED_ON = {
    "bombora/company_surge": "report_date",
    "intent/topic_scores": "report_date",
    "intent_coverage/domains": "seen_on",
    "linkedin_ads/company_engagement": "date",
    "research/survey_responses": "submitted_at",
    "salesforce/opportunity_contact_role": "created_date",
}
# Columns without which a row is put aside, beside keys of one column.
REQUIRED: dict[str, tuple[str, ...]] = {
    "bombora/company_surge": ("domain", "topic", "composite_score", "report_date"),
    "hubspot/company": ("property_createdate",),
    "hubspot/contact": ("property_createdate",),
    "hubspot/deal": ("property_createdate", "deal_pipeline_stage_id"),
    "linkedin_ads/company_engagement": ("date", "company_domain"),
    "marketo/lead": ("created_at", "updated_at"),
    **{
        f"marketo/activity_{kind}": ("lead_id", "activity_date")
        for kind in ("email_delivered", "open_email", "click_email", "fill_out_form")
    },
    "research/findings": ("interview_id", "dimension", "rating"),
    "research/interviews": ("source_type", "held_on", "recorded_at"),
    "research/survey_responses": ("submitted_at",),
    "salesforce/account": ("name",),
    **{
        f"salesforce/{kind}": ("created_date", "system_modstamp")
        for kind in ("contact", "lead", "task", "event", "campaign", "campaign_member")
    },
    "salesforce/opportunity": ("stage_name", "created_date"),
    "segment/identifies": ("anonymous_id", "received_at"),
    "segment/pages": ("anonymous_id", "received_at"),
    "targets/target_accounts": ("listed_on",),
    "timing/windows": ("window_type", "effect", "starts_on", "ends_on"),
}
# One of these has to be filled.
REQUIRED_ANY = {
    "research/survey_responses": (
        "account_domain",
        "crm_account_id",
        "respondent_email",
        "contact_id",
    ),
    "research/interviews": ("account_domain", "crm_account_id"),
    "targets/target_accounts": ("domain", "crm_account_id"),
    "timing/windows": ("domain", "crm_account_id"),
}
# Names under which form tools export a survey's columns.
ALSO = {
    "#": "response_id",
    "responseid": "response_id",
    "submitdateutc": "submitted_at",
    "timestamp": "submitted_at",
    "workemail": "respondent_email",
    "email": "respondent_email",
    "emailaddress": "respondent_email",
    "jobtitle": "respondent_role",
    "accountid": "crm_account_id",
}
SYNC = {"fivetran_synced"}


@dataclass
class Row:
    """A delivered row. known: the first day on which it counts; version: its time, to order by."""

    values: dict[str, Any]
    instance: str
    delivered: date
    is_first_load: bool
    known: date
    version: datetime

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)

    def id(self, name: str) -> str | None:
        """An id of a CRM as the marts write it."""
        return crm_id(self.values.get(name), self.instance)

    def day(self, name: str) -> date | None:
        return day(self.values.get(name))

    def yes(self, name: str) -> bool:
        return str(self.values.get(name) or "").lower() in ("true", "t", "1", "yes")

    def number(self, name: str) -> float | None:
        return number(self.values.get(name))


@dataclass
class Table:
    """Rows of a table by key, each key's oldest version first; conflicting ones are left out."""

    records: dict[tuple[Any, ...], list[Row]] = field(default_factory=dict)
    deliveries: dict[str, set[date]] = field(default_factory=dict)

    def on(self, at: date) -> list[Row]:
        """The version of each record that was in force on a day."""
        return [
            max(there, key=lambda row: row.version)
            for rows in self.records.values()
            if (there := [row for row in rows if row.known <= at])
        ]

    def all(self, at: date) -> list[Row]:
        """Every version that was known on a day."""
        return [row for rows in self.records.values() for row in rows if row.known <= at]


def day(value: Any) -> date | None:
    """The day of a text; timestamps are UTC unless they say otherwise."""
    if value in (None, ""):
        return None
    text = str(value).strip()
    if len(text) > 10:
        found = moment(text)
        return found.date() if found else None
    return _day(text)


@cache
def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        found = moment(text)
        return found.date() if found else None


@cache
def moment(text: str) -> datetime | None:
    """A timestamp of a text, in UTC."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        for written in ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y"):
            try:
                found = datetime.strptime(text.strip(), written)
                break
            except ValueError:
                continue
        else:
            return None
    return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)


def number(value: Any) -> float | None:
    try:
        return None if value in (None, "") else float(value)
    except ValueError:
        return None


def crm_id(value: Any, instance: str = "main") -> str | None:
    """15 letters are the same id as 18; an id of a second organisation names that."""
    text = str(value or "").strip()
    if not text:
        return None
    before, colon, text = text.rpartition(":")
    if re.fullmatch(r"[a-zA-Z0-9]{15}", text):
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
        for start in (0, 5, 10):
            text += letters[sum(1 << place for place in range(5) if text[start + place].isupper())]
    if colon:
        return f"{before}:{text}"
    return text if instance == "main" else f"{instance}:{text}"


_SUFFIXES = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


@cache
def registrable(text: str | None) -> str | None:
    """The registrable domain of an address, a website or a host."""
    if not text:
        return None
    host = text.strip().lower().rsplit("@", 1)[-1]
    return _SUFFIXES(host).top_domain_under_public_suffix or None


def address(text: Any) -> str | None:
    """An e-mail address in lower case and without a `+tag`."""
    plain = str(text or "").strip().lower()
    if "@" not in plain:
        return None
    name, _, host = plain.rpartition("@")
    return f"{name.split('+')[0]}@{host}"


def read(landing: Path, until: date) -> dict[str, Table]:
    """All tables, with what had been delivered by a day."""
    files: dict[tuple[str, str], list[tuple[date, Path]]] = defaultdict(list)
    for path in sorted(landing.rglob("*")):
        found = re.search(r"loaded_date=(\d{4}-\d\d-\d\d)", str(path))
        if not path.is_file() or not found or path.name.startswith("."):
            continue
        delivered = date.fromisoformat(found[1])
        if delivered <= until:
            source, table = path.relative_to(landing).parts[:2]
            name, _, instance = source.partition("@")
            files[f"{name}/{table}", instance or "main"].append((delivered, path))
    tables: dict[str, Table] = defaultdict(Table)
    for (name, instance), delivered_files in files.items():
        if name in TABLES:
            _take_in(tables[name], name, instance, sorted(delivered_files))
    return tables


def _take_in(table: Table, name: str, instance: str, files: Iterable[tuple[date, Path]]) -> None:
    key, versions = TABLES[name]
    first = min(delivered for delivered, _ in files)
    table.deliveries[instance] = set()
    last_said: dict[tuple[Any, ...], Any] = {}
    for delivered, path in files:
        rows = _rows(path)
        if rows is None:
            continue
        table.deliveries[instance].add(delivered)
        for values in rows:
            if name == "research/survey_responses":
                values = {ALSO.get(_plain(k) or k, k): v for k, v in values.items()}
            said = next((values[c] for c in versions if values.get(c)), None)
            at = moment(str(said)) if said else None
            if versions and not at and name not in RECORDED_ON:
                continue
            required = (*REQUIRED.get(name, ()), *(key if len(key) == 1 else ()))
            either = REQUIRED_ANY.get(name, ())
            if any(values.get(column) in (None, "") for column in required):
                continue
            if either and not any(values.get(column) for column in either):
                continue
            if not all(_has_its_type(column, value) for column, value in values.items()):
                continue
            recorded = at.date() if at else day(values.get(RECORDED_ON.get(name, "")))
            recorded = recorded or delivered
            is_seen_only = not said or any(values.get(c) == said for c in SYNC)
            at = at or datetime(delivered.year, delivered.month, delivered.day, tzinfo=UTC)
            row = Row(
                values,
                instance,
                delivered,
                delivered == first,
                recorded if delivered == first else max(recorded, delivered),
                at,
            )
            keyed = (instance, *(values.get(column) for column in key))
            earlier = table.records.setdefault(keyed, [])
            content = {k: v for k, v in values.items() if k not in SYNC and v not in (None, "")}
            if is_seen_only and last_said.get(keyed) == content:
                continue
            last_said[keyed] = content
            # The same time said twice: what came first stands, be it the same or something else.
            if not any(other.version == row.version for other in earlier):
                earlier.append(row)


NUMBERS = set(
    "number_of_employees annual_revenue amount arr_usd composite_score employees revenue_usd rating"
    " property_numberofemployees property_annualrevenue property_amount impressions clicks leads"
    " spend_usd score interactions".split()
)
MOMENTS = set(
    "system_modstamp received_at recorded_at report_date seen_on date resolved_at submitted_at"
    " held_on starts_on ends_on listed_on removed_on created_date activity_date close_date"
    " created_at updated_at converted_date first_responded_date email_bounced_date"
    " property_createdate property_lastmodifieddate property_hs_lastmodifieddate date_entered"
    " property_hs_timestamp start_time property_hs_createdate property_closedate".split()
)


def _has_its_type(column: str, value: Any) -> bool:
    """A text that is no number or day where one belongs puts its row aside."""
    if value in (None, ""):
        return True
    if column in MOMENTS:
        return day(value) is not None
    if column in NUMBERS and value not in ("-", "N/A", "null"):
        return number(value) is not None
    return True


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_NAMES = {
    _plain(name): name
    for name in {column for key, versions in TABLES.values() for column in (*key, *versions)}
    | set(
        "name website industry number_of_employees annual_revenue billing_country parent_id type"
        " owner_id master_record_id record_type_id is_person_account is_deleted created_date"
        " account_id email title department email_bounced_date has_opted_out_of_email status"
        " who_id task_subtype subject call_disposition activity_date is_child event_subtype"
        " has_responded first_responded_date lead_id contact_id campaign_id anonymous_id user_id"
        " context_ip context_page_path is_converted converted_contact_id stage_name close_date"
        " is_won is_closed composite_score score interactions impressions clicks leads confidence"
        " listed_on removed_on user_role_id property_hubspot_owner_id".split()
    )
}


def _rows(path: Path) -> list[dict[str, Any]] | None:
    """The rows of a file, all values as texts; None if it cannot be read."""
    try:
        if ".parquet" in path.name:
            found = parquet.ParquetFile(path).read().to_pylist()
            return [
                {_name(k): None if v is None else str(v) for k, v in row.items()} for row in found
            ]
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except (OSError, EOFError, ValueError, zlib.error):
        return None
    if ".jsonl" in path.name:
        return _json_rows(text)
    lines = list(csv.reader(io.StringIO(text)))
    if not lines:
        return []
    names = [_name(name) for name in lines[0]]
    return [
        {name: value or None for name, value in zip(names, line, strict=True)}
        for line in lines[1:]
        if len(line) == len(names)
    ]


def _name(written: str) -> str:
    return _NAMES.get(_plain(written), written)


def _json_rows(text: str) -> list[dict[str, Any]]:
    rows = []
    for line in text.splitlines():
        try:
            rows.append({_name(k): v for k, v in json.loads(line).items()})
        except (ValueError, AttributeError):
            continue
    return rows
