"""The three laws of time, on a small company with six days on which something goes wrong.

1. No look-ahead: a day computed from everything equals the day computed from what was there by its
   end.
2. Incremental equals full: day by day gives what one refresh of the range gives.
3. Late data never rewrites: it changes results from the day it became known, not before.

To the simulated company, ten accounts of our own are added that nothing else touches, so that the
effect of each planted delivery can be seen on one account alone.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import Company
from marts import Rows, differences, mart_differences, query, read, tables
from runner import Place, compute, faults

from orchestration.landing.contract import plain_name
from orchestration.rules.ruleset import project_vars
from orchestration.runs.context import contract
from orchestration.settings import PROJECT_DIR

FIRST = date(2026, 5, 20)  # before the history load, so that a late file finds something to rewrite
LATE = date(2026, 6, 4)  # meetings of May are delivered
TWICE = date(2026, 6, 9)  # a file of three days before is delivered again
OUT_OF_ORDER = date(2026, 6, 10)  # a file for the 8th turns up when the 9th has been refreshed
MERGED = date(2026, 6, 16)  # two accounts become one
HANDED = date(2026, 6, 18)  # a seed gives a domain to another account
MOVED = date(2026, 6, 20)  # a domain goes to another account
OUTAGE = date(2026, 6, 24)  # pages have stopped on the 19th and are stale by now
LAST = date(2026, 6, 30)
ONE_DAY = timedelta(days=1)
CHOSEN = (LATE, TWICE, OUT_OF_ORDER, MERGED, MOVED, OUTAGE)
STEPS = (*CHOSEN, LAST)

FEATURES = "features.feat_account_days"
NAMES = ("late", "twice", "older", "merged", "kept", "giver", "taker", "silent")
NAMES += ("handing", "handed")
# Accounts at which only those act who do not count: a competitor, our own people, a program, and a
# mail gateway.
NOBODY = ("rival", "staffed", "crawled", "scanned")
NAMES += NOBODY
DOMAIN_OF = {"rival": "competitor-inc.com", "staffed": "our-own-firm.com"}
CRM_ID = {name: f"001{name:0<12}" for name in NAMES}

Row = Mapping[str, object]


# --- what is delivered ----------------------------------------------------------------------------


@dataclass
class Deliveries:
    """Our own files. history: part of the history load. planted: what goes wrong later."""

    history: dict[str, list[Row]] = field(default_factory=dict)
    planted: dict[str, list[Row]] = field(default_factory=dict)


def deliveries(load_day: date) -> Deliveries:
    def in_load(feed: str) -> str:
        return f"{feed}/loaded_date={load_day}/added.csv"

    def on(feed: str, day: date, name: str) -> str:
        return f"{feed}/loaded_date={day}/{name}.csv"

    made = Deliveries()
    made.history[in_load("salesforce/account")] = [account(name) for name in NAMES]
    made.history[in_load("salesforce/contact")] = [
        contact(name, number) for name in NAMES for number in range(3)
    ]
    made.history[in_load("targets/target_accounts")] = [
        {
            "crm_account_id": CRM_ID[name],
            "domain": "",
            "account_name": name,
            "listed_on": "2026-04-15",
            "recorded_at": "2026-04-15T08:00:00Z",
        }
        for name in NAMES
    ]
    made.history[in_load("salesforce/event")] = meetings("merged", date(2026, 5, 12), 2)
    # Visitors: readers whom the CRM does not know, and a contact of the silent one.
    readers = {name: f"reader@{name}-works.com" for name in ("giver", "handing")}
    readers["silent"] = email("silent", 0)
    known = readers | {"crawled": email("crawled", 0)}
    made.history[in_load("segment/identifies")] = [
        {
            "id": f"identify-{name}",
            "anonymous_id": f"visitor-{name}",
            "user_id": name,
            "email": address,
            "received_at": "2026-05-02T09:00:00Z",
        }
        for name, address in known.items()
    ]
    made.history[in_load("segment/pages")] = [
        page(name, number) for name in readers for number in range(12)
    ]
    # Visits of the first and the last day that still count when the domain changes hands.
    made.history[in_load("segment/pages")] += [
        page("handing", number, HANDED - timedelta(days=age))
        for number, age in ((20, 181), (21, 180))
    ]
    made.history[in_load("bombora/company_surge")] = [
        {
            "domain": "handing-works.com",
            "topic": "Data Warehousing",
            "composite_score": 90,
            "report_date": "2026-05-24",
        }
    ]
    events = "salesforce/event"
    made.planted[on(events, LATE, "late")] = meetings("late", date(2026, 5, 21), 2)
    again = meetings("twice", date(2026, 6, 5), 1)
    made.planted[on(events, TWICE - timedelta(days=3), "first")] = again
    made.planted[on(events, TWICE, "again")] = again
    made.planted[on(events, date(2026, 6, 8), "older")] = meetings("older", date(2026, 6, 7), 2)
    for name in ("rival", "staffed"):
        made.planted[on(events, date(2026, 6, 12), name)] = meetings(name, date(2026, 6, 10), 2)
    made.planted[on("segment/pages", date(2026, 6, 12), "crawled")] = [
        page("crawled", number, date(2026, 6, 11)) for number in range(70)
    ]
    made.history[in_load("marketo/lead")] = [lead("scanned", number) for number in range(3)]
    mailed, followed = mails("scanned", date(2026, 6, 5), 7)
    made.history[on("marketo/activity_email_delivered", date(2026, 6, 12), "mailed")] = mailed
    made.planted[on("marketo/activity_click_email", date(2026, 6, 12), "scanned")] = followed
    # What somebody said in May, handed in later.
    made.planted[on("research/interviews", LATE, "late")] = [
        {
            "interview_id": "interview-late",
            "crm_account_id": CRM_ID["late"],
            "account_domain": "",
            "contact_id": contact_id("late", 0),
            "respondent_role": "economic_buyer",
            "source_type": "interview",
            "held_on": "2026-05-25",
            "recorded_at": "2026-05-25T16:00:00Z",
            "coder": "ann",
        }
    ]
    made.planted[on("research/findings", LATE, "late")] = [
        {
            "finding_id": "finding-late",
            "interview_id": "interview-late",
            "dimension": "ownership",
            "rating": 0,
        }
    ]
    made.planted[on("salesforce/account", MERGED, "merge")] = [
        account(
            "merged",
            stamp="2026-06-16T10:00:00Z",
            is_deleted="true",
            master_record_id=CRM_ID["kept"],
        )
    ]
    made.planted[on("salesforce/account", MOVED, "domain")] = [
        account("giver", stamp="2026-06-20T10:00:00Z", website=""),
        account("taker", stamp="2026-06-20T10:00:00Z", website="www.giver-works.com"),
    ]
    return made


PAGE = ("id", "anonymous_id", "context_ip", "context_page_path", "received_at", "timestamp")


def page(name: str, number: int, day: date | None = None) -> Row:
    seen_at = f"{day or date(2026, 5, 19 + number)}T09:00:00Z"
    ip = f"203.0.113.{number + 1}"
    values = (f"page-{name}-{number}", f"visitor-{name}", ip, "/pricing", seen_at, seen_at)
    return dict(zip(PAGE, values, strict=True))


def account(name: str, stamp: str = "2025-11-03T09:00:00Z", **changes: str) -> Row:
    return {
        "id": CRM_ID[name],
        "name": f"{name.title()} Works",
        "website": f"https://{name}-works.com",
        "industry": "Software",
        "number_of_employees": 800,
        "annual_revenue": 90_000_000,
        "billing_country": "Germany",
        "parent_id": "",
        "type": "Prospect",
        "owner_id": "",
        "master_record_id": "",
        "is_deleted": "false",
        "created_date": "2025-11-03T09:00:00Z",
        "system_modstamp": stamp,
        **changes,
    }


def email(name: str, number: int) -> str:
    return f"person{number}@{DOMAIN_OF.get(name, f'{name}-works.com')}"


def contact_id(name: str, number: int) -> str:
    return f"003{name:0<11}{number}"


def contact(name: str, number: int) -> Row:
    return {
        "id": contact_id(name, number),
        "account_id": CRM_ID[name],
        "email": email(name, number),
        "first_name": "Kim",
        "last_name": f"{name.title()}{number}",
        "title": ("Chief Information Officer", "Head of Data & Analytics", "Data Architect")[
            number
        ],
        "department": "IT",
        "is_deleted": "false",
        "has_opted_out_of_email": "false",
        "created_date": "2025-11-03T09:00:00Z",
        "system_modstamp": "2025-11-03T09:00:00Z",
    }


def lead(name: str, number: int) -> Row:
    return {
        "id": f"lead-{name}-{number}",
        "email": email(name, number),
        "sfdc_contact_id": contact_id(name, number),
        "created_at": "2025-11-03T09:00:00Z",
        "updated_at": "2025-11-03T09:00:00Z",
    }


def mails(name: str, day: date, days: int) -> tuple[list[Row], list[Row]]:
    """A mail to each of the three people on each of the days, and what a gateway clicks in it.

    Two links as the mail is handed over, or all three of them an hour later.
    """
    mailed: list[Row] = []
    followed: list[Row] = []
    for step in range(days):
        for number in range(3):
            mail: Row = {
                "id": f"mail-{name}-{step}-{number}",
                "lead_id": f"lead-{name}-{number}",
                "activity_date": f"{day + timedelta(days=step)}T09:00:00Z",
                "primary_attribute_value": f"Mail {step}",
            }
            mailed.append(mail)
            time, links = (("09:00:01", "ab"), ("10:00:00", "abc"))[number == 2]
            followed += [
                mail
                | {
                    "id": f"click-{name}-{step}-{number}-{link}",
                    "activity_date": f"{day + timedelta(days=step)}T{time}Z",
                    "link": f"https://www.ourplatform.io/{link}",
                }
                for link in links
            ]
    return mailed, followed


def meetings(name: str, day: date, days: int) -> list[Row]:
    """A meeting with each of the three people on each of the days, written down the same day."""
    return [
        {
            "id": f"00U{name:0<9}{step}{number}X",
            "account_id": CRM_ID[name],
            "who_id": contact_id(name, number),
            "type": "Meeting",
            "event_subtype": "Event",
            "subject": "Meeting",
            "activity_date": str(day + timedelta(days=step)),
            "duration_in_minutes": 30,
            "is_deleted": "false",
            "created_date": f"{day + timedelta(days=step)}T16:00:00Z",
            "system_modstamp": f"{day + timedelta(days=step)}T16:00:00Z",
        }
        for step in range(days)
        for number in range(3)
    ]


def write(landing: Path, file: str, rows: Sequence[Row], columns: Sequence[str] = ()) -> None:
    path = landing / file
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=columns or list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def link(source: Path, target: Path, files: Iterable[str]) -> None:
    """Puts files of one landing folder into another."""
    for file in files:
        path = target / file
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(source / file, path)


def files_of(landing: Path) -> list[str]:
    return sorted(
        path.relative_to(landing).as_posix()
        for path in landing.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    )


def folder_day(file: str) -> date:
    (part,) = [part for part in file.split("/") if part.startswith("loaded_date=")]
    return date.fromisoformat(part.removeprefix("loaded_date="))


def arrives_on(file: str) -> date:
    """The day on which a file is there: its folder's, but for the one that turns up later."""
    return OUT_OF_ORDER if file.endswith("/older.csv") else folder_day(file)


# --- the runs -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Laws:
    """What the runs gave.

    daily: the place refreshed step by step. full: the same deliveries refreshed at once, with the
    delivery days that the steps found. without: refreshed at once, none of it having happened.
    seen: features of a step's last day, as that step computed them.
    """

    daily: Place
    full: Place
    without: Place
    seen: Mapping[date, dict[str, list[Any]]] = field(repr=False)
    history: Mapping[date, dict[str, dict[str, list[Any]]]] = field(repr=False)

    def feature(self, place: Place, name: str, column: str, day: date) -> Any:
        rows = self.features(place, name, column, f"as_of_date = date '{day}'")
        assert len(rows) < 2
        return rows[0][0] if rows else None

    def features(self, place: Place, name: str, columns: str, where: str = "true") -> Rows:
        return query(
            place.warehouse,
            f"select {columns} from {FEATURES} where account_id = '{self.account_id(name)}'"
            f" and {where} order by as_of_date",
        )

    def account_id(self, name: str) -> str:
        ((account_id,),) = query(
            self.full.warehouse,
            "select distinct account_id from intermediate.int_accounts"
            f" where account_id like '%{CRM_ID[name]}%'",
        )
        return str(account_id)


@pytest.fixture(scope="module")
def laws(company: Company, template: Place, tmp_path_factory: pytest.TempPathFactory) -> Laws:
    folder = tmp_path_factory.mktemp("laws")
    ours = deliveries(company.load_day)
    everything = folder / "everything"
    link(company.landing, everything, files_of(company.landing))
    for file, rows in (ours.history | ours.planted).items():
        write(everything, file, rows)
    files = files_of(everything)

    nothing = folder / "nothing happened"
    link(everything, nothing, [file for file in files if file not in ours.planted])
    day = max(folder_day(file) for file in files if file.startswith("segment/pages/"))
    while day < LAST:
        day += timedelta(days=1)
        # An empty file is a delivery.
        write(nothing, f"segment/pages/loaded_date={day}/data.csv", [], columns=list(PAGE))
    without = template.copy(folder / "without", nothing)
    compute(without, str(FIRST), str(LAST))

    daily = template.copy(folder / "daily", folder / "arriving")
    hand_over(daily)
    seen, history = {}, {}
    start = FIRST
    for end in STEPS:
        link(everything, daily.landing, [file for file in files if arrives_on(file) <= end])
        compute(daily, str(start), str(end))
        seen[end] = read(daily.warehouse, FEATURES, f"as_of_date = date '{end}'")
        history[end] = history_until(daily, end)
        start = end + timedelta(days=1)

    full = template.copy(folder / "full", everything)
    hand_over(full)
    manifest = query(
        daily.warehouse,
        "select file, source, table_name, instance, delivery_day, first_seen_at, is_late,"
        " size_bytes from raw_landing.files order by file",
    )
    compute(full, str(FIRST), str(LAST), manifest=manifest)
    return Laws(daily, full, without, seen, history)


def hand_over(place: Place) -> None:
    """Adds a row to the seed of owners decided by hand, and rules for competitors and ourselves."""
    with duckdb.connect(str(place.warehouse)) as connection:
        connection.execute(
            "insert into seeds.domain_owner_overrides (domain, crm_account_id, valid_from, reason)"
            " values ('handing-works.com', ?, ?, 'a test')",
            [CRM_ID["handed"] + "AAA", HANDED],
        )
        connection.execute(
            "insert into seeds.traffic_rules"
            " (rule_rank, category, domain_pattern, weight_share, reason)"
            " values (1, 'competitor', ?, 0, 'a test'), (2, 'employee', ?, 0, 'a test')",
            [DOMAIN_OF["rival"], DOMAIN_OF["staffed"]],
        )


def history_until(place: Place, day: date) -> dict[str, dict[str, list[Any]]]:
    """What the marts that keep history say of the days up to `day`, as far as it was known then."""
    found = {
        table: read(place.warehouse, table, f"as_of_date <= date '{day}'")
        for table in ("activation_gap", "activation_gap_drivers", "account_snapshots")
    }
    # The last day of a run gets a snapshot too, which the next run takes back.
    found["account_snapshots"] = read(
        place.warehouse,
        "marts.account_snapshots",
        f"as_of_date <= date '{day}' and as_of_date = last_day(as_of_date)",
    )
    # How an account and its owner are called is as of the last day, whatever day a row speaks of.
    for kind in ("activation", "decision", "readiness"):
        table = f"account_{kind}_history"
        intervals = f"""(
            select * exclude (valid_to, account_name, owner_name),
                nullif(least(valid_to, date '{day}' + 1), date '{day}' + 1) as valid_to
            from {table} where valid_from <= date '{day}'
        )"""
        found[table] = read(place.warehouse, intervals)
    found["pipeline_history"] = read(
        place.warehouse,
        f"""(
            select * replace (
                nullif(least(valid_to, date '{day}' + 1), date '{day}' + 1) as valid_to
            )
            from pipeline_history where valid_from <= date '{day}'
        )""",
    )
    found["pipeline_months"] = read(
        place.warehouse, "pipeline_months", f"as_of_date <= date '{day}' and is_complete"
    )
    return found


EARLY = date(2026, 5, 16)
NO_BACKFILL = {"backfill_first_load": False}


@dataclass(frozen=True)
class Early:
    """Days before the first load. cut: rows recorded after them are left out, `dropped` of them."""

    all: Place
    cut: Place
    backfilled: Place
    dropped: int


@pytest.fixture(scope="module")
def early(company: Company, template: Place, tmp_path_factory: pytest.TempPathFactory) -> Early:
    folder = tmp_path_factory.mktemp("early")
    dropped = 0
    for file in files_of(company.landing):
        if folder_day(file) == company.load_day:
            dropped += _cut(company.landing, folder / "landing", file)
    made = Early(
        template.copy(folder / "all", company.landing),
        template.copy(folder / "cut", folder / "landing"),
        template.copy(folder / "backfilled", company.landing),
        dropped,
    )
    for place in (made.all, made.cut, made.backfilled):
        variables = None if place == made.backfilled else NO_BACKFILL
        days = (str(EARLY - timedelta(days=3)), str(EARLY))
        compute(place, *days, only=("feat_account_days",), variables=variables)
    return made


def _cut(landing: Path, target: Path, file: str) -> int:
    """Copies the rows of a file that were recorded by the end of EARLY; gives how many were not."""
    feed = "/".join(file.split("/")[:2])
    source = landing / file
    (target / file).parent.mkdir(parents=True, exist_ok=True)
    rows = f"read_parquet('{source}')"
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        columns = [row[0] for row in connection.execute(f"describe from {rows}").fetchall()]
        if feed == "research/findings":  # recorded with their interview
            interviews = source.parent.parent.parent / "interviews" / source.parent.name
            late = (
                "interview_id in (select interview_id from"
                f" read_parquet('{interviews}/*.parquet')"
                f" where cast(recorded_at as date) > date '{EARLY}')"
            )
        else:
            late = f"{_recorded(feed, columns)} > date '{EARLY}'"
        kept = f"select * from {rows} where ({late}) is not true"
        if feed == "salesforce/account":
            # An account stood in the CRM from its creation; of what it said then, nothing is known.
            then = {"id": "id", "name": "'unknown'", "is_deleted": "false"}
            then |= dict.fromkeys(("created_date", "system_modstamp"), "created_date")
            values = ", ".join(f"{then.get(name, 'null')} as {name}" for name in columns)
            kept += (
                f" union all select distinct {values} from {rows} where {late}"
                f" and cast(created_date as date) <= date '{EARLY}'"
                f" and id not in (select id from {rows} where not {late})"
            )
        connection.execute(f"copy ({kept}) to '{target / file}' (format parquet)")
        ((count,),) = connection.execute(f"select count(*) from {rows} where {late}").fetchall()
    return int(count)


def _recorded(feed: str, columns: Sequence[str]) -> str:
    """The day on which a row was recorded: its version's, else the one in its key."""
    source, name = feed.split("/")
    table = contract().tables[source, name]
    columns_of = {column.name: column for column in table.columns}
    dated = {n for n, column in columns_of.items() if column.data_type in ("date", "timestamp")}
    stamps = table.version or tuple(name for name in table.key if name in dated)
    assert stamps, f"{feed} does not say when a row was recorded"
    written = {plain_name(column): column for column in columns}
    days = []
    names = (plain_name(name) for stamp in stamps for name in columns_of[stamp].names)
    for stamp in (f'"{written[name]}"' for name in names if name in written):
        if not table.date_formats:
            days.append(f"cast({stamp} as date)")
            continue
        # Exports mix the forms of a date.
        days.append(f"try_cast({stamp} as date)")
        days += [f"cast(try_strptime({stamp}, '{form}') as date)" for form in table.date_formats]
    assert days, f"{feed} was delivered without a stamp"
    return f"coalesce({', '.join(days)})"


# --- the planted deliveries do something ----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("late", LATE),
        ("twice", TWICE - timedelta(days=3)),
        ("older", OUT_OF_ORDER),
        ("kept", MERGED),
    ]
    + [("taker", MOVED)],
)
def test_a_delivery_changes_its_account_from_its_day_on(laws: Laws, name: str, day: date) -> None:
    before = f"as_of_date < date '{day}'"
    assert laws.features(laws.full, name, "*", before) == (
        laws.features(laws.without, name, "*", before)
    )
    strength = laws.feature(laws.full, name, "strength_score", day)
    assert strength > laws.feature(laws.without, name, "strength_score", day) + 1


def test_an_interview_handed_in_later_counts_from_then_on(laws: Laws) -> None:
    """What is decided follows once the rules have said so for a week."""
    wait = project_vars(PROJECT_DIR)["days_before_decision_changes"]
    decided = LATE + timedelta(days=wait - 1)
    of_late = f"from {{}} where account_id = '{laws.account_id('late')}' order by valid_from"
    for place in (laws.full, laws.daily):
        assert query(
            place.warehouse,
            "select readiness_segment, blocking_dimension, valid_from, valid_to "
            + of_late.format("account_readiness_history"),
        ) == [("blocked", "ownership", LATE, None)]
        *_, before, since = query(
            place.warehouse,
            "select decision, readiness_segment, valid_from, valid_to "
            + of_late.format("account_decision_history"),
        )
        assert before[:2] == ("research", "unknown")
        assert before[3] == decided
        assert since == ("hold", "blocked", decided, None)
    assert not query(
        laws.without.warehouse, "select 1 " + of_late.format("account_readiness_history")
    )


@pytest.mark.parametrize("name", NOBODY)
def test_competitors_employees_programs_and_gateways_move_nobody(laws: Laws, name: str) -> None:
    assert laws.features(laws.full, name, "*") == laws.features(laws.without, name, "*")
    for place in (laws.full, laws.without):
        states = query(
            place.warehouse,
            "select distinct state from marts.account_activation_history"
            f" where account_id = '{laws.account_id(name)}'",
        )
        assert states == [("cold",)]


def test_what_was_left_out_is_counted(laws: Laws) -> None:
    excluded = "select category, activity_type, activities from marts_detail.excluded_activity"
    found = query(laws.full.warehouse, f"{excluded} where category in ('competitor', 'employee')")
    assert sorted(found) == [("competitor", "meeting", 6), ("employee", "meeting", 6)]
    for category, acts in (("bot", 70), ("scanner", 7 * (2 + 2 + 3))):
        of_machines = (
            "select sum(activities) from marts_detail.excluded_activity"
            f" where category = '{category}'"
        )
        ((planted,),) = query(laws.full.warehouse, of_machines)
        ((before,),) = query(laws.without.warehouse, of_machines)
        assert planted - before == acts


def test_a_file_delivered_twice_counts_once(laws: Laws) -> None:
    stated = query(
        laws.full.warehouse,
        "select _file like '%again%', _status, count(*) from raw_salesforce.event"
        f" where account_id like '{CRM_ID['twice']}%' group by all order by 1",
    )
    assert stated == [(False, "accepted", 3)]
    assert query(
        laws.full.warehouse,
        "select delivered, duplicate from raw_landing.files"
        " where file like 'salesforce/event/%/again.csv'",
    ) == [(3, 3)]
    day_before = laws.feature(laws.full, "twice", "strength_score", TWICE - timedelta(days=1))
    assert 0 < laws.feature(laws.full, "twice", "strength_score", TWICE) < day_before


def test_a_file_out_of_order_counts_from_the_day_after_the_last_refreshed_one(laws: Laws) -> None:
    assert query(
        laws.daily.warehouse,
        "select delivery_day, is_late from raw_landing.files where file like '%older.csv'",
    ) == [(OUT_OF_ORDER, True)]


def test_a_merged_account_leaves_on_the_day_of_the_merge(laws: Laws) -> None:
    assert laws.features(laws.full, "merged", "as_of_date")[-1:] == [(MERGED - timedelta(days=1),)]
    assert laws.feature(laws.without, "merged", "strength_score", MERGED) > 0


def test_the_domain_takes_its_visits_along(laws: Laws) -> None:
    day_before = MOVED - timedelta(days=1)
    assert laws.feature(laws.full, "giver", "engagement_points", day_before) > 1
    assert laws.feature(laws.full, "taker", "engagement_points", day_before) == 0
    assert laws.feature(laws.full, "giver", "engagement_points", MOVED) == 0
    assert laws.feature(laws.full, "taker", "engagement_points", MOVED) > 1


def acts_on(laws: Laws, place: Place, name: str, day: date) -> Rows:
    return query(
        place.warehouse,
        "select occurred_date, activity_type, feed, sum(quantity), sum(points_h)"
        " from intermediate.int_account_acts"
        f" where account_id = '{laws.account_id(name)}'"
        f" and valid_from <= date '{day}' and valid_to > date '{day}' group by all order by all",
    )


def test_an_override_moves_the_acts_that_still_count_from_its_day_on(laws: Laws) -> None:
    day_before = HANDED - timedelta(days=1)
    unmoved = acts_on(laws, laws.without, "handing", HANDED)
    assert unmoved[0][0] == HANDED - timedelta(days=180)
    assert {feed for _, _, feed, *_ in unmoved} == {"segment.pages", "bombora.company_surge"}
    assert acts_on(laws, laws.full, "handed", HANDED) == unmoved
    assert acts_on(laws, laws.full, "handing", HANDED) == []
    before = acts_on(laws, laws.without, "handing", day_before)
    assert acts_on(laws, laws.full, "handing", day_before) == before
    assert before[0][0] == day_before - timedelta(days=180)
    for name in ("handing", "handed"):
        days_before = f"as_of_date < date '{HANDED}'"
        assert laws.features(laws.full, name, "*", days_before) == (
            laws.features(laws.without, name, "*", days_before)
        )


def flagged(place: Place, day: date) -> set[str]:
    return {
        account_id
        for (account_id,) in query(
            place.warehouse,
            f"select account_id from {FEATURES}"
            f" where as_of_date = date '{day}' and is_attribution_changed",
        )
    }


@pytest.mark.parametrize(
    ("day", "names"),
    [(HANDED, ("handing", "handed")), (MOVED, ("giver", "taker")), (MERGED, ("kept",))],
)
def test_a_change_of_owner_is_flagged_on_its_day(
    laws: Laws, day: date, names: tuple[str, ...]
) -> None:
    ours = {laws.account_id(name) for name in names}
    assert flagged(laws.full, day) - flagged(laws.without, day) == ours
    assert not ours & flagged(laws.full, day + timedelta(days=1))
    assert not ours & flagged(laws.full, day - timedelta(days=1))
    assert query(
        laws.full.warehouse,
        "select distinct attribution_changed_on from marts.account_signals"
        f" where list_contains({sorted(ours)}, account_id)",
    ) == [(day,)]


def test_the_jump_and_the_fall_after_it_say_that_acts_had_moved(laws: Laws) -> None:
    for name, day, code in (("handed", HANDED, "rise"), ("handing", HANDED + 6 * ONE_DAY, "fall")):
        assert query(
            laws.full.warehouse,
            "select reason_code, is_attribution_changed,"
            " reason like '%records changed too: activities%'"
            " from marts.account_activation_history"
            f" where account_id = '{laws.account_id(name)}' and valid_from = date '{day}'",
        ) == [(code, True, True)]


def test_a_change_of_owner_rolls_nothing_up_again(laws: Laws) -> None:
    rollup = (
        "select * from intermediate.int_page_days where identity = 'visitor-handing' order by all"
    )
    rows = query(laws.full.warehouse, rollup)
    assert len(rows) == 14
    assert rows == query(laws.without.warehouse, rollup)
    loads = "select count(distinct load_id), max(load_id) = min(load_id) from"
    assert query(laws.daily.warehouse, f"{loads} ({rollup})") == [(1, True)]


def test_the_outage_holds_nobody_whose_visits_were_long_past(laws: Laws) -> None:
    """Who had signal of the feed and is held is told by test_stopped_feed.py."""
    assert query(
        laws.full.warehouse,
        "select count(*) from intermediate.int_feed_gaps where feed = 'segment.pages'"
        f" and date '{OUTAGE}' >= valid_from and date '{OUTAGE}' < valid_to",
    ) == [(1,)]
    for name in ("silent", "late"):
        assert laws.feature(laws.full, name, "held_rank", OUTAGE) is None


# --- the laws -------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", CHOSEN, ids=str)
def test_no_look_ahead(laws: Laws, day: date) -> None:
    """Features of a day from everything equal those from what had been delivered by its end."""
    of_everything = read(laws.full.warehouse, FEATURES, f"as_of_date = date '{day}'")
    assert len(of_everything["account_id"]) > 60
    assert differences(laws.seen[day], of_everything) == []


def test_day_by_day_gives_the_same_marts_as_one_refresh(laws: Laws) -> None:
    assert len(tables(laws.full.warehouse)) >= 14
    assert faults(laws.full) == faults(laws.daily) == {}
    assert mart_differences(laws.daily.warehouse, laws.full.warehouse) == {}


def test_late_data_never_rewrites(laws: Laws) -> None:
    """Until the first planted delivery, history is as if none of them had come."""
    before = LATE - timedelta(days=1)
    ours = history_until(laws.full, before)
    assert {table: bool(rows) for table, rows in ours.items()} == dict.fromkeys(ours, True)
    # Few of them have been asked.
    least = dict.fromkeys(ours, 60) | {"account_readiness_history": 2}
    assert all(len(next(iter(rows.values()))) > least[table] for table, rows in ours.items())
    theirs = history_until(laws.without, before)
    assert {table: differences(ours[table], theirs[table]) for table in ours} == {
        table: [] for table in ours
    }
    # And from that day on, it is not.
    assert any(
        differences(rows, history_until(laws.without, LAST)[table])
        for table, rows in history_until(laws.full, LAST).items()
    )


@pytest.mark.parametrize("day", CHOSEN, ids=str)
def test_no_later_refresh_rewrites_what_was_said(laws: Laws, day: date) -> None:
    """History as it stood at the end of each step is what the last refresh still says."""
    now = history_until(laws.daily, day)
    then = laws.history[day]
    assert {table: differences(then[table], now[table]) for table in then} == {
        table: [] for table in then
    }


# --- before the first load ------------------------------------------------------------------------


def test_no_look_ahead_before_the_first_load(early: Early) -> None:
    """Before a table is live, with backfill off: rows recorded later change nothing."""
    assert early.dropped > 500
    of_all, of_cut, backfilled = (
        read(place.warehouse, FEATURES) for place in (early.all, early.cut, early.backfilled)
    )
    assert len(of_all["account_id"]) > 200
    assert differences(of_all, of_cut) == []
    # Backfill is what reads the future here: with it on, the day looks otherwise.
    assert differences(of_all, backfilled)
