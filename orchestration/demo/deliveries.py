"""How files arrive: one history load, then a file a day, with everything that goes wrong.

What belongs here: formats, folders, and the planted dirt (`Mishaps`). What does not: what the rows
mean. `Landing.take` accepts batches in any order; rows delivered up to the load day go to parquet
files of the load, later ones are kept and written as daily files by `Landing.close`.
"""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from .batches import Batch
from .company import Plan
from .text import Ints

# The format of the daily files of every feed; the tables of a CRM come as csv.
FEEDS = {
    "bombora/company_surge": "csv",
    "segment/pages": "csv.gz",
    "segment/identifies": "jsonl",
    "reveal/ip_companies": "csv.gz",
    "targets/target_accounts": "csv",
    "firmographics/companies": "csv",
    "firmographics/relationships": "csv",
    "intent_coverage/domains": "csv",
    "intent/topic_scores": "csv",
    "linkedin_ads/company_engagement": "csv",
    "marketo/lead": "csv",
    "marketo/activity_email_delivered": "csv.gz",
    "marketo/activity_open_email": "csv.gz",
    "marketo/activity_click_email": "csv.gz",
    "marketo/activity_fill_out_form": "csv",
    "marketo/activity_email_bounced": "csv",
    "marketo/activity_unsubscribe_email": "csv",
    "marketo/activity_merge_leads": "csv",
    "marketo/activity_delete_lead": "csv",
    "spend/daily": "csv",
    "timing/windows": "csv",
    "change_events/events": "csv",
    "billing/contracts": "csv",
    "research/interviews": "jsonl",
    "research/findings": "jsonl",
    "research/survey_responses": "csv",
    "planning/plans": "csv",
    "planning/reviews": "csv",
    "success/milestones": "csv",
    "success/usage": "csv",
}
SALESFORCE_TABLES = (
    "account contact lead opportunity opportunity_history opportunity_field_history"
    " opportunity_contact_role task task_relation event event_relation campaign campaign_member"
    " user user_role record_type account_team_member"
).split()
HUBSPOT_TABLES = (
    "company contact deal deal_stage deal_property_history deal_pipeline_stage deal_company"
    " deal_contact engagement_call engagement_email engagement_meeting engagement_communication"
    " engagement_task engagement_contact engagement_company engagement_deal owner owner_team team"
).split()
CRM_TABLES = {
    "salesforce": {"salesforce": SALESFORCE_TABLES},
    "hubspot": {"hubspot": HUBSPOT_TABLES},
    "both": {
        "salesforce": SALESFORCE_TABLES,
        "salesforce@emea": SALESFORCE_TABLES,
        "hubspot": HUBSPOT_TABLES,
    },
}
CAMPAIGN_TABLES = ("campaign", "campaign_member")


def feeds(plan: Plan) -> dict[str, str]:
    """The feeds of a plan and the format of their daily files."""
    of_crms = {
        f"{source}/{table}": "csv"
        for source, tables in CRM_TABLES[plan.crm].items()
        for table in tables
        if plan.campaigns or table not in CAMPAIGN_TABLES
    }
    return of_crms | FEEDS


# Rows that a file of the history load has at least, if there are so many.
PART_ROWS = 100_000
# The part of a feed that mishaps happen to.
MAIN_PART = "data"
# Feeds that come on days with something in them; the others send an empty file on the rest.
NOW_AND_THEN = {"intent/topic_scores", "spend/daily", "success/usage"}
# Tables that hardly change: they are sent, mostly empty, on every fifth day.
SELDOM = set(
    "user_role record_type account_team_member deal_pipeline_stage owner_team team"
    " relationships activity_delete_lead plans reviews milestones".split()
)


@dataclass(frozen=True)
class Mishap:
    """One planted fault. `day` and `until` count back from the last day (0 is the last)."""

    kind: str
    feed: str
    day: int
    until: int = 0  # last day of a stop; day on which a late or repeated file comes
    note: str = ""


MISHAPS = (
    # Its first day is the plan's: silent_days before the end.
    Mishap("stopped", "segment/pages", 11, 0, "no file from this day on, to the end"),
    Mishap("missing", "salesforce/task", 24, 23, "no file; its rows come a day later"),
    Mishap("late_file", "salesforce/event", 21, 18, "the day's file comes three days later"),
    Mishap("late_file", "bombora/company_surge", 14, 9, "a report comes five days late"),
    Mishap("late_rows", "salesforce/campaign_member", 20, 16, "half of the rows come later"),
    Mishap("late_rows", "segment/identifies", 14, 10, "half of the rows come later"),
    Mishap("late_rows", "salesforce/task", 9, 4, "half of the rows come later"),
    Mishap("repeated", "salesforce/contact", 22, 19, "the same file delivered again"),
    Mishap("repeated", "segment/pages", 17, 13, "the same file delivered again"),
    Mishap("repeated", "salesforce/task", 12, 11, "the same file delivered again"),
    Mishap(
        "conflicting", "salesforce/task", 15, 10, "rows again, same id and stamp, other content"
    ),
    Mishap("conflicting", "salesforce/campaign_member", 13, 8, "the same"),
    Mishap("bad_rows", "salesforce/task", 19, 0, "a date that is none, and a missing id"),
    Mishap("bad_rows", "salesforce/campaign_member", 7, 0, "a date that is none, and a missing id"),
    Mishap("bad_rows", "segment/pages", 16, 0, "a date that is none, and a missing id"),
    Mishap("late_rows", "marketo/activity_email_delivered", 13, 9, "half of the rows come later"),
    Mishap("repeated", "marketo/activity_click_email", 16, 12, "the same file delivered again"),
    Mishap("bad_rows", "marketo/lead", 11, 0, "a date that is none, and a missing id"),
    Mishap("repeated", "research/survey_responses", 9, 6, "the same export fetched again"),
    Mishap("unreadable", "reveal/ip_companies", 18, 0, "an extra file that is not gzip"),
    Mishap("unreadable", "salesforce/event", 10, 0, "an extra parquet file cut off in the middle"),
    Mishap("renamed_column", "salesforce/lead", 6, 0, "created_date delivered as createddate_utc"),
    Mishap("extra_column", "salesforce/account", 8, 0, "a new field Priority__c from one day on"),
    Mishap("shuffled_columns", "salesforce/contact", 3, 0, "columns in another order"),
)

STAMPS = ("received_at", "created_date", "created_at")  # what a row of a feed must have

_NEED_ROWS = {"late_file", "missing", "late_rows", "repeated", "conflicting", "bad_rows"}
_NEED_ROWS |= {"renamed_column", "shuffled_columns"}


class Landing:
    """Writes a landing folder."""

    def __init__(self, plan: Plan, root: Path) -> None:
        self.plan, self.root, self.feeds = plan, root, feeds(plan)
        self.parts: dict[str, int] = {}
        self.history: dict[tuple[str, str], list[pa.Table]] = {}
        self.waiting: dict[str, list[Batch]] = {feed: [] for feed in self.feeds}
        self.schema: dict[str, pa.Schema] = {}
        self.rows: dict[str, int] = dict.fromkeys(self.feeds, 0)
        self.planted: list[dict[str, str]] = []

    def take(self, batch: Batch) -> None:
        """Write a batch's share of the history load; keep the rest for its days."""
        plan, table = self.plan, batch.table
        self.schema[batch.feed] = table.schema
        loaded = batch.day <= plan.load_day
        history = table if loaded.all() else table.filter(pa.array(loaded))
        if history.num_rows:
            held = self.history.setdefault((batch.feed, batch.part), [])
            held.append(history)
            if sum(table.num_rows for table in held) >= PART_ROWS:
                self._write_history(batch.feed, held)
        later = ~loaded & (batch.day < plan.days)
        if later.any():
            rest = Batch(batch.feed, table.filter(pa.array(later)), batch.day[later], batch.part)
            self.waiting[batch.feed].append(rest)

    def close(self) -> None:
        """Write the daily files of every feed, with their mishaps."""
        for feed in self.feeds:
            empty = Batch(feed, self.schema[feed].empty_table(), np.zeros(0, dtype=np.int64))
            rest = [h for (other, _), h in sorted(self.history.items()) if other == feed and h]
            for held in rest or ([] if feed in self.parts else [[empty.table]]):
                self._write_history(feed, held)
            parts: dict[str, list[Batch]] = {}
            for batch in self.waiting[feed] or [empty]:
                parts.setdefault(batch.part, [empty]).append(batch)
            for part, batches in sorted(parts.items()):
                table = pa.concat_tables([batch.table for batch in batches])
                self._daily(feed, part, table, np.concatenate([batch.day for batch in batches]))

    # -- daily files -----------------------------------------------------------------------

    def _daily(self, feed: str, part: str, table: pa.Table, day: Ints) -> None:
        plan = self.plan
        mishaps = [
            (m, *self._when(m, day))
            for m in MISHAPS
            if self.plan.mishaps
            and m.feed == feed
            and part == MAIN_PART
            and (m.kind != "stopped" or self.plan.silent_days)
        ]
        day = day.copy()
        lost = np.zeros(len(day), dtype=bool)
        silent: set[int] = set()  # days without a file
        for m, on, until in mishaps:
            there = day == on
            if m.kind == "stopped":
                lost = (day >= on) & (day <= until)
                silent |= set(range(on, until + 1))
                self._note(m, on, until, int(lost.sum()))
            elif m.kind in ("missing", "late_file", "late_rows"):
                if m.kind == "late_rows":
                    there &= np.cumsum(there) % 2 == 1
                else:
                    silent.add(on)
                day[there] = until
                self._note(m, on, until, int(there.sum()))
        table, day = table.filter(pa.array(~lost)), day[~lost]
        order = np.argsort(day, kind="stable")
        table, day = table.take(pa.array(order)), day[order]
        edges = np.searchsorted(day, np.arange(plan.load_day + 1, plan.days + 1))
        days: dict[int, list[tuple[str, pa.Table]]] = {}
        for number, on in enumerate(range(plan.load_day + 1, plan.days)):
            rows = table.slice(edges[number], edges[number + 1] - edges[number])
            is_due = feed not in NOW_AND_THEN and on not in silent
            if feed.split("/")[1] in SELDOM:
                is_due &= number % 5 == 4
            if rows.num_rows or is_due:
                days[on] = [(part, rows)]
        for m, on, until in mishaps:
            self._spoil(m, on, until, days)
        for on, files in sorted(days.items()):
            for name, rows in files:
                self._write(feed, on, name, rows)

    def _when(self, m: Mishap, day: Ints) -> tuple[int, int]:
        """First and last day of a mishap; one that needs rows moves to a day with some."""
        first = self.plan.silent_days - 1 if m.kind == "stopped" else m.day
        on, until = self.plan.days - 1 - first, self.plan.days - 1 - m.until
        if m.kind in _NEED_ROWS and len(day):
            other = np.unique(day)
            near = int(other[np.argmin(np.abs(other - on))])
            on, until = near, min(until + near - on, self.plan.days - 1)
        return on, until

    def _spoil(
        self, m: Mishap, on: int, again: int, days: dict[int, list[tuple[str, pa.Table]]]
    ) -> None:
        """Mishaps that change files rather than the day of rows."""
        files = days.get(on)
        if files is None or (m.kind in _NEED_ROWS and not files[0][1].num_rows):
            return  # no file that day, or no row in it: nothing to spoil
        if m.kind == "repeated":
            rows = days[on][0][1]
            days[again].append(("again", rows))
            self._note(m, on, again, rows.num_rows)
        elif m.kind == "conflicting":
            rows = days[on][0][1].slice(0, 7)
            field = "status"
            place = rows.column_names.index(field)
            other = pa.array(["Deferred"] * rows.num_rows, pa.string())
            days[again].append(("correction", rows.set_column(place, field, other)))
            self._note(m, on, again, rows.num_rows)
        elif m.kind == "bad_rows":
            rows = _as_text(days[on][0][1].slice(0, 4))
            stamp = next(name for name in STAMPS if name in rows.column_names)
            ids = rows["id"].to_pylist()
            dates = rows[stamp].to_pylist()
            count = len(ids)
            fresh = [None if number % 2 else f"bad{number:012d}AAA" for number in range(count)]
            dates = [value if number % 2 else "31/31/2026" for number, value in enumerate(dates)]
            rows = rows.set_column(
                rows.column_names.index("id"), "id", pa.array(fresh, pa.string())
            )
            rows = rows.set_column(
                rows.column_names.index(stamp), stamp, pa.array(dates, pa.string())
            )
            days[on].append(("extra", rows))
            self._note(m, on, on, count)
        elif m.kind == "unreadable":
            folder = self._folder(m.feed, on)
            if self.feeds[m.feed].endswith(".gz"):
                (folder / "broken.csv.gz").write_bytes(b"this is not gzip\n")
            else:
                (folder / "broken.parquet").write_bytes(b"PAR1" + bytes(200))
            self._note(m, on, on, 0)
        elif m.kind == "renamed_column":
            rows = days[on][0][1]
            names = ["createddate_utc" if n == "created_date" else n for n in rows.column_names]
            days[on] = [("data", rows.rename_columns(names))]
            self._note(m, on, on, rows.num_rows)
        elif m.kind == "extra_column":
            for day in range(on, self.plan.days):
                rows = days[day][0][1]
                value = pa.array(["High"] * rows.num_rows, pa.string())
                days[day][0] = ("data", rows.append_column("Priority__c", value))
            self._note(m, on, self.plan.days - 1, 0)
        elif m.kind == "shuffled_columns":
            rows = days[on][0][1]
            days[on] = [("data", rows.select(rows.column_names[::-1]))]
            self._note(m, on, on, rows.num_rows)

    def _note(self, m: Mishap, day: int, until: int, rows: int) -> None:
        first = self.plan.first_date
        self.planted.append(
            {
                "kind": m.kind,
                "feed": m.feed,
                "day": str(first + dt.timedelta(days=day)),
                "until": str(first + dt.timedelta(days=until)),
                "rows": str(rows),
                "note": m.note,
            }
        )

    def _folder(self, feed: str, day: int) -> Path:
        date = self.plan.first_date + dt.timedelta(days=int(day))
        folder = self.root / feed / f"loaded_date={date}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _write_history(self, feed: str, held: list[pa.Table]) -> None:
        table = pa.concat_tables(held)
        held.clear()
        number = self.parts.get(feed, 0)
        self.parts[feed] = number + 1
        path = self._folder(feed, self.plan.load_day) / f"part-{number:03d}.parquet"
        pq.write_table(table, path, compression="zstd", compression_level=1)
        self.rows[feed] += table.num_rows

    def _write(self, feed: str, day: int, name: str, table: pa.Table) -> None:
        form = self.feeds[feed]
        path = self._folder(feed, day) / f"{name}.{form}"
        table = _as_text(table)
        if form == "jsonl":
            lines = (json.dumps(row, separators=(",", ":")) for row in table.to_pylist())
            content = "".join(line + "\n" for line in lines).encode()
        else:
            sink = io.BytesIO()
            pcsv.write_csv(table, sink, pcsv.WriteOptions(quoting_style="needed"))
            content = sink.getvalue()
        if form.endswith(".gz"):
            content = gzip.compress(content, compresslevel=3, mtime=0)
        path.write_bytes(content)
        self.rows[feed] += table.num_rows


def _as_text(table: pa.Table) -> pa.Table:
    """Timestamps as ISO 8601 text; everything else as it is."""
    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            values = pc.strftime(
                table.column(place).cast(pa.timestamp("s", "UTC")), format="%Y-%m-%dT%H:%M:%SZ"
            )
            table = table.set_column(place, field.name, values)
        elif pa.types.is_date(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.string()))
    return table
