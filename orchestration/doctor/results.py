"""What came of it: the warehouse, what is published, and what the published marts say of the feeds.

Everything is read: the warehouse is open for two queries only, for while it is, no refresh starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb

from orchestration.doctor.findings import Finding, Severity
from orchestration.engine.warehouse import WarehouseBusyError, connect
from orchestration.landing import messages
from orchestration.landing.discovery import MAIN_INSTANCE, FoundFile, counted
from orchestration.landing.manifest import Entry, read_entries
from orchestration.project import FEEDS_SEED, rule_file
from orchestration.rules.checks import faults_of_warehouse
from orchestration.runs import score_store
from orchestration.runs.planning import History
from orchestration.runs.publish import open_published
from orchestration.settings import Settings

AREA = "results"
SHOWN = 3
# The marts of yesterday are normal, and of the day before where files come late.
OLD_DAYS = 2
RULES_ITEM = "rule_not_set"  # rules.py tells these
FATES = ("used", "not used", "duplicate", "conflicting", "quarantined")
LOST_ITEM = "lost_rows"  # told of load_audit itself


@dataclass(frozen=True)
class Stored:
    """What the warehouse holds of runs and files."""

    history: History | None
    published_day: date | None
    published_at: datetime | None
    unfinished: tuple[date, date] | None
    taken: frozenset[str]
    failed: tuple[tuple[str, str], ...]  # files that could not be read, and why
    entries: tuple[Entry, ...] = ()  # of the manifest


def examine(
    settings: Settings, files: Sequence[FoundFile], now: datetime, lost_rows_min_share: float
) -> list[Finding]:
    """Findings about the warehouse and the published marts. now: UTC, without a zone."""
    stored, findings = _warehouse(settings)
    if stored is not None:
        findings += _of_stored(stored, files)
    findings += _published(settings, now, lost_rows_min_share, stored)
    return findings


# --- the warehouse --------------------------------------------------------------------------------


def _warehouse(settings: Settings) -> tuple[Stored | None, list[Finding]]:
    path = settings.warehouse_path
    if not path.exists():
        missing = Finding(
            AREA,
            Severity.NOTE,
            "no_warehouse",
            f"{path} is not there: nothing has been refreshed yet",
            "Run make refresh START_DATE=... when the landing folder is as you want it.",
        )
        return None, [missing]
    if faults := faults_of_warehouse(path):
        return None, [
            Finding(AREA, Severity.FAULT, "warehouse_damaged", fault, _again(path))
            for fault in faults
        ]
    try:
        with connect(path, read_only=True) as warehouse:
            has_plans = warehouse.has_table("raw_landing", "plans")
            history = score_store.read_history(warehouse)
            published = unfinished = None
            if has_plans:
                (published,) = warehouse.rows(
                    "select max(end_date), max(published_at) from raw_landing.plans"
                    " where published_at is not null"
                )
                ((start, end),) = warehouse.rows(
                    "select min(start_date), max(end_date) from raw_landing.plans"
                    " where scored_at is not null and published_at is null"
                )
                unfinished = (start, end) if start else None
            entries = tuple(read_entries(warehouse))
            taken, failed = frozenset[str](), list[tuple[str, str]]()
            if warehouse.has_table("raw_landing", "files"):
                taken = frozenset(
                    file
                    for (file,) in warehouse.rows(
                        "select file from raw_landing.files where status = 'loaded'"
                    )
                )
                failed = [
                    (file, reason)
                    for file, reason in warehouse.rows(
                        "select file, reason from raw_landing.files where status = 'unreadable'"
                        " order by file"
                    )
                ]
    except WarehouseBusyError as error:
        return None, [
            Finding(
                AREA,
                Severity.WARNING,
                "warehouse_open",
                str(error).partition(". ")[0] + ".",
                "Wait until that process is done, or close it; what is stored was not looked at.",
                {"path": str(path)},
            )
        ]
    except duckdb.Error as error:
        said = str(error).splitlines()[0].rstrip(".")
        return None, [
            Finding(
                AREA,
                Severity.FAULT,
                "warehouse_damaged",
                f"{path} cannot be read: {said}.",
                _again(path),
                {"path": str(path)},
            )
        ]
    day, moment = published or (None, None)
    return Stored(history, day, moment, unfinished, taken, tuple(failed), entries), []


def _again(path: object) -> str:
    return f"Move {path} away and refresh again from the landing files, or put a copy of it back."


def _of_stored(stored: Stored, files: Sequence[FoundFile]) -> Iterator[Finding]:
    history = stored.history
    if history is None:
        yield Finding(
            AREA,
            Severity.NOTE,
            "stored_days",
            "The warehouse holds no day yet",
            "Run make refresh START_DATE=....",
        )
    else:
        yield Finding(
            AREA,
            Severity.OK,
            "stored_days",
            f"Stored: {history.first} to {history.last}",
            numbers={"first": str(history.first), "last": str(history.last)},
        )
    if stored.published_at is not None:
        yield Finding(
            AREA,
            Severity.OK,
            "last_publish",
            f"Published last on {stored.published_at:%Y-%m-%d %H:%M} UTC, up to"
            f" {stored.published_day}",
            numbers={"at": str(stored.published_at), "day": str(stored.published_day)},
        )
    if stored.unfinished:
        start, end = stored.unfinished
        yield Finding(
            AREA,
            Severity.WARNING,
            "run_unfinished",
            f"The days {start} to {end} are computed and not published: a run failed or was"
            " stopped",
            "Run make refresh; it says what stopped it.",
        )
    for file, reason in stored.failed[:SHOWN]:
        if any(found.file == file for found in files):
            yield Finding(
                AREA,
                Severity.WARNING,
                "unreadable_file",
                f"{file} could not be taken in: {reason}",
                "Export it again in a new file and take this one away.",
                {"file": file},
            )
    for line in messages.read_otherwise(stored.entries, {file.file: file for file in files}):
        yield Finding(
            AREA, Severity.WARNING, "read_otherwise", line.replace(f" {messages.REREAD}", ""),
            f"{messages.REREAD}.",
        )  # fmt: skip
    waiting = [
        found
        for found in files
        if found.file not in stored.taken and found.file not in {file for file, _ in stored.failed}
    ]
    if waiting:
        days = sorted(found.folder_day for found in waiting if found.folder_day)
        span = f" ({days[0]} to {days[-1]})" if days else ""
        yield Finding(
            AREA,
            Severity.NOTE,
            "files_wait",
            f"{counted(len(waiting), 'file')} not taken in yet{span}, such as {waiting[0].file}",
            "Run make refresh.",
            numbers={"files": len(waiting)},
        )


# --- what is published ----------------------------------------------------------------------------


def _published(
    settings: Settings, now: datetime, min_share: float, stored: Stored | None
) -> Iterator[Finding]:
    path = settings.published_path
    if not path.exists():
        is_lost = stored is not None and stored.published_day is not None
        yield Finding(
            AREA,
            Severity.FAULT if is_lost else Severity.NOTE,
            "nothing_published",
            f"{path} is not there"
            + (f", though {stored.published_day} was published" if stored and is_lost else ""),
            "Run make refresh; check PUBLISHED_DIR." if is_lost else "Run make refresh.",
            {"path": str(path)},
        )
        return
    try:
        with open_published(path) as connection:
            days = connection.execute(
                "select max(as_of_date), (select min(as_of_date) from activation_gap) from accounts"
            ).fetchone() or (None, None)
            audit = _rows(
                connection,
                """
                select
                    source || case when source_instance = 'main' then ''
                        else '@' || source_instance end || '.' || table_name as feed,
                    source, table_name, source_instance, fate, reason, row_count, share,
                    is_loss, remedy, example_file, example_row
                from load_audit
                order by source, table_name, source_instance, row_count desc, reason
                """,
            )
            health = _rows(
                connection,
                """
                select
                    source, table_name, last_delivery_date, is_stale, accepted, features_off
                from data_health order by source, table_name
                """,
            )
            items = _rows(
                connection,
                """
                select
                    item_type, count(*) as items, max_by(item, occurrences) as example,
                    max_by(remedy, occurrences) as remedy
                from review_items group by item_type order by items desc, item_type
                """,
            )
    except duckdb.Error as error:
        said = str(error).splitlines()[0].rstrip(".")
        yield Finding(
            AREA,
            Severity.FAULT,
            "published_damaged",
            f"{path} cannot be read: {said}.",
            "Link PUBLISHED_DIR/current to an earlier folder of versions/, or run make refresh.",
            {"path": str(path)},
        )
        return
    yield from _day(days, now)
    yield from _stale(health)
    yield from _fates(audit, min_share)
    yield from _features(health)
    for item in items:
        if item["item_type"] in (RULES_ITEM, LOST_ITEM):
            continue
        yield Finding(
            AREA,
            Severity.NOTE,
            "to_review",
            f"{item['item_type']}: {counted(item['items'], 'item')}, such as {item['example']}",
            _sentence(item["remedy"]) or "Look at marts_detail.review_items.",
            numbers={"item_type": item["item_type"], "items": item["items"]},
        )


def _day(days: Sequence[Any], now: datetime) -> Iterator[Finding]:
    last, first = days
    if last is None:
        yield Finding(
            AREA,
            Severity.WARNING,
            "published_old",
            "The published marts hold no account",
            "Run make refresh.",
        )
        return
    behind = (now.date() - last).days
    is_old = behind > OLD_DAYS
    yield Finding(
        AREA,
        Severity.NOTE if is_old else Severity.OK,
        "published_old" if is_old else "last_publish",
        f"Published: {first} to {last}" + (f", {behind:,} days ago" if is_old else ""),
        "Run make refresh once newer files have landed." if is_old else "",
        numbers={"first": str(first), "last": str(last), "days_behind": behind},
    )


def _stale(health: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    for row in health:
        if row["is_stale"]:
            feed = f"{row['source']}.{row['table_name']}"
            yield Finding(
                AREA,
                Severity.WARNING,
                "stale_feed",
                f"{feed} is stale: nothing new since {row['last_delivery_date']}",
                "See that its export runs. If it has stopped for good, set retired_on in"
                f" {rule_file(FEEDS_SEED)}.",
                {"source": row["source"], "table": row["table_name"]},
                numbers={"last_delivery_date": str(row["last_delivery_date"])},
            )


def _fates(audit: Sequence[dict[str, Any]], min_share: float) -> Iterator[Finding]:
    by_feed: dict[str, list[dict[str, Any]]] = {}
    for row in audit:
        by_feed.setdefault(row["feed"], []).append(row)
    for feed, rows in by_feed.items():
        where = _where(rows[0])
        counts = dict.fromkeys(FATES, 0)
        for row in rows:
            counts[row["fate"]] += row["row_count"]
        why = [f"{row['reason']} {row['row_count']:,}" for row in rows if row["fate"] == "not used"]
        total = sum(counts.values())
        accepted = counts["used"] + counts["not used"]
        yield Finding(
            AREA,
            Severity.OK,
            "table_fates",
            f"{feed}: {total:,} delivered, {accepted:,} accepted, {counts['used']:,} used,"
            f" {counts['not used']:,} not"
            + (f" ({', '.join(why[:SHOWN])})" if why else "")
            + f", {counts['quarantined']:,} in quarantine",
            where=where,
            numbers={
                "delivered": total,
                "accepted": accepted,
                **{fate.replace(" ", "_"): count for fate, count in counts.items()},
                "reasons": [
                    {"fate": row["fate"], "reason": row["reason"], "rows": row["row_count"]}
                    for row in rows
                ],
            },
        )
    for row in sorted(audit, key=lambda row: -row["row_count"]):
        if not row["is_loss"]:
            continue
        is_much = row["share"] >= min_share or row["reason"] == "no reason found"
        example = f"{row['example_file']}, row {row['example_row']}"
        yield Finding(
            AREA,
            Severity.WARNING if is_much else Severity.NOTE,
            "rows_lost",
            f"{row['feed']}: {counted(row['row_count'], 'row')} ({row['share']:.0%}) {row['fate']}:"
            f" {row['reason']}" + (f" (such as {example})" if row["example_file"] else ""),
            _sentence(row["remedy"]) or "Look at marts_detail.load_audit.",
            {**_where(row), "file": str(row["example_file"] or "")},
            numbers={
                "rows": row["row_count"],
                "share": row["share"],
                "fate": row["fate"],
                "reason": row["reason"],
            },
        )


def _features(health: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """What was off on the published day; what has never landed the landing folder says itself."""
    for row in health:
        said = row["features_off"] or ""
        if row["accepted"] and said:
            is_lost = "no longer delivered" in said or "may mark rows" in said
            yield Finding(
                AREA,
                Severity.WARNING if is_lost else Severity.OK,
                "features_off",
                f"{row['source']}.{row['table_name']}: {said}",
                "Export it again, or leave such rows out of the export." if is_lost else "",
                {"source": row["source"], "table": row["table_name"]},
            )


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    result = connection.execute(sql)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _where(row: dict[str, Any]) -> dict[str, str]:
    where = {"source": row["source"], "table": row["table_name"]}
    instance = row["source_instance"]
    return where if instance == MAIN_INSTANCE else {**where, "instance": instance}


def _sentence(text: str | None) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""
