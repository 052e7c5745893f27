"""Takes landing files into the raw tables: each file once, and every row accounted for.

This is the door of the room. What belongs here: which files are taken, in which order all is done,
and the report. What does not: each step by itself (discovery.py, manifest.py, loading.py,
verdicts.py, messages.py), business rules. Nothing here reads the clock; `now` comes in from
outside.

A row of a file ends in one of four places, so that delivered = accepted + duplicate + conflicting +
quarantined holds for each file: the raw table with its `_status`, or `raw_landing.quarantine`.
All new files of a table are taken in one transaction together with their manifest rows, so a run
that is killed leaves whole tables, and the next run takes what is left.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.engine.warehouse import Warehouse
from orchestration.landing import fates, flags, manifest, messages, presence
from orchestration.landing.contract import Contract, Table
from orchestration.landing.discovery import MAIN_INSTANCE, counted, discover, still_written
from orchestration.landing.loading import load_all
from orchestration.landing.manifest import Entry, LiveSince, utc
from orchestration.landing.messages import NOTHING_UNREAD, Unread
from orchestration.landing.presence import Snapshots
from orchestration.landing.raw_tables import ensure_tables


@dataclass(frozen=True)
class TableCounts:
    """What one ingestion did for a table, over all its instances. Counts are rows or files."""

    files: int = 0
    unreadable_files: int = 0
    late_files: int = 0
    pending_files: int = 0
    delivered: int = 0
    accepted: int = 0
    duplicate: int = 0
    conflicting: int = 0
    quarantined: int = 0


@dataclass(frozen=True)
class IngestReport:
    """What an ingestion did.

    load_id: None when nothing was taken. tables: one entry per table of the contract. problems:
    what somebody should look at, one sentence each. notes: what has never landed, and what is off.
    """

    load_id: int | None
    tables: Mapping[tuple[str, str], TableCounts]
    problems: tuple[str, ...]
    notes: tuple[str, ...]


class LoadError(RuntimeError):
    """Tables could not be loaded; nothing of them was taken, and all of the others.

    problems: what somebody should look at, in these and in the others, one sentence each.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def ingest(
    warehouse: Warehouse,
    landing_dir: Path,
    end_date: date,
    now: datetime,
    contract: Contract,
    *,
    cutoff_hours: int,
    live_since: LiveSince | None = None,
    snapshots: Snapshots | None = None,
    sources_off: Collection[str] = (),
    unread: Mapping[tuple[str, str], Unread] = NOTHING_UNREAD,
    flag_words: Sequence[str] = (),
    settle_seconds: float = 0,
    remedies: Mapping[str, str] = fates.NO_REMEDIES,
) -> IngestReport:
    """Takes every pending file delivered up to `end_date`, and each table's first load.

    Files that could not be read are tried again, and told again as long as they are there.

    now: the moment of this run, with a zone (without one: UTC). cutoff_hours: a file without a
    `loaded_date` folder belongs to the UTC date of (first seen - cutoff_hours). live_since: days
    that a person has set, by (source, table, instance). snapshots: tables whose every delivery day
    is the complete list. sources_off, unread: what the models leave out; taken in and said.
    flag_words: in the name of a column outside the contract they tell a mark that nobody reads.
    settle_seconds: a file that was written to less than this ago is waited for, and left for the
    next run if it moves meanwhile. remedies: what to do about each cause of the quarantine. Running
    it again changes nothing.

    Raises LoadError where the load of a table failed: the others are taken, and what was found in
    them is told by it. The next run goes on with the load and tells the quarantine of all of it.
    """
    snapshots = snapshots or Snapshots()
    problems: list[str] = presence.unfit(snapshots, contract)
    ensure_tables(warehouse, contract)
    found = {file.file: file for file in discover(landing_dir, contract, problems, utc(now))}
    last_published_day = manifest.published_until(warehouse)
    entries = manifest.register(warehouse, found, utc(now), cutoff_hours, last_published_day)
    problems += manifest.changed(warehouse, entries, found)
    problems += [
        f"{entry.file} is gone before it was taken"
        for entry in entries
        if entry.file not in found
        and entry.status == "pending"
        and (entry.source, entry.table) in contract.tables
    ]
    # What was unreadable is delivered anew: a day that is published no longer changes.
    entries = [
        replace(entry, delivery_day=last_published_day + timedelta(days=1), is_late=True)
        if entry.status == "unreadable"
        and last_published_day
        and entry.delivery_day <= last_published_day
        else entry
        for entry in entries
        if entry.status != "unreadable" or entry.file in found
    ]
    first_days = manifest.first_days(entries, live_since or {})
    chosen: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if entry.status == "loaded" or entry.file not in found:
            continue
        if entry.delivery_day <= max(end_date, first_days[entry.owner]):
            chosen.setdefault((entry.source, entry.table), []).append(entry)
    tried = {entry.file for files in chosen.values() for entry in files}
    if moving := still_written(found, tried, utc(now), settle_seconds):
        problems += [f"{file} is still being written; the next refresh takes it" for file in moving]
        chosen = {
            key: files
            for key, entries_of in chosen.items()
            if (files := [entry for entry in entries_of if entry.file not in moving])
        }
    problems += messages.told_again(entries, found)
    problems += messages.read_otherwise(entries, found)
    load_id = manifest.start_load(warehouse, end_date, now) if chosen else None
    failures: list[tuple[Table, Exception]] = []
    if load_id is not None:
        found_by_tables, failures = load_all(
            warehouse,
            [
                (
                    table,
                    [(entry, found[entry.file]) for entry in chosen[key]],
                    [entry for entry in entries if (entry.source, entry.table) == key],
                )
                for key, table in contract.tables.items()
                if key in chosen
            ],
            live_since or {},
            snapshots,
            flag_words,
            load_id,
        )
        problems += found_by_tables
    try:
        problems += fates.tell(warehouse, remedies)
    except duckdb.Error:
        if not failures:  # of a database that broke, why it did is to be told
            raise
    if failures:
        problems += messages.taken_for_nothing(chosen, sources_off)
        problems += messages.left_out(chosen, sources_off, unread)
        told = [messages.failed(table, error) for table, error in failures]
        raise LoadError([*told, *problems]) from failures[0][1]
    entries = manifest.read_entries(warehouse)
    if load_id is not None and not warehouse.rows(
        "select 1 from raw_landing.files where load_id = ? limit 1", [load_id]
    ):
        warehouse.execute("delete from raw_landing.loads where load_id = ?", [load_id])
        load_id = None
    _describe_tables(warehouse, contract, entries, unread)
    if warehouse.rows("select 1 from raw_landing.loads where not is_finished"):
        warehouse.execute("update raw_landing.loads set is_finished = true where not is_finished")
    waiting: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if entry.status == "pending" and entry.file in found and entry.file not in tried:
            waiting.setdefault((entry.source, entry.table), []).append(entry)
    for (source, name), files in waiting.items():
        first = min(entry.delivery_day for entry in files)
        problems.append(
            f"{source}.{name}: {counted(len(files), 'file')} delivered after {end_date} wait"
            f" (from {first} on)"
        )
    problems += messages.taken_for_nothing(chosen, sources_off)
    problems += messages.left_out(chosen, sources_off, unread)
    counts = _counts(warehouse, contract, load_id, waiting)
    return IngestReport(load_id, counts, tuple(problems), messages.notes(warehouse))


def _describe_tables(
    warehouse: Warehouse,
    contract: Contract,
    entries: Sequence[Entry],
    unread: Mapping[tuple[str, str], Unread],
) -> None:
    """Rewrites raw_landing.tables where it changed: what has landed, what never did or is gone."""
    loaded: dict[tuple[str, str], set[str]] = {}
    of_table: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if entry.status == "loaded":
            loaded.setdefault((entry.source, entry.table), set()).update(entry.columns or ())
            of_table.setdefault((entry.source, entry.table), []).append(entry)
    marks = flags.unread(warehouse, contract.tables.values())
    described = [
        (
            table.source,
            table.name,
            key in loaded,
            [name for name in table.optional if key in loaded and name not in loaded[key]],
            table.features,
            _lost_columns(table, of_table.get(key, ())),
            sorted(unread[key].models) if key in unread else None,
            marks.get(key, []),
        )
        for key, table in sorted(contract.tables.items())
    ]
    if warehouse.rows("select * from raw_landing.tables order by source, table_name") == described:
        return
    names = ["source", "table_name", "has_landed", "missing_optional_columns", "features"]
    names += ["lost_columns", "unread_models", "unread_flags"]
    texts = pa.list_(pa.string())
    types = [pa.string(), pa.string(), pa.bool_(), texts, pa.string(), texts, texts, texts]
    rows = pa.table(
        {
            name: pa.array([row[place] for row in described], kind)
            for place, (name, kind) in enumerate(zip(names, types, strict=True))
        }
    )
    warehouse.replace("raw_landing.tables", rows, "true")


def _lost_columns(table: Table, entries: Sequence[Entry]) -> list[str]:
    """The columns that earlier deliveries of a table had and the last one lacks, with since when.

    Each instance by itself: its exports are its own. Files of one day are one delivery.
    """
    days: dict[str, dict[date, set[str]]] = {}
    for entry in entries:
        if entry.columns:  # a file without a line says nothing of columns
            of_instance = days.setdefault(entry.instance, {})
            of_instance.setdefault(entry.delivery_day, set()).update(entry.columns)
    lost = []
    for instance, deliveries in sorted(days.items()):
        where = "" if instance == MAIN_INSTANCE else f" of {instance}"
        for column in table.columns:
            had = [day for day, columns in deliveries.items() if column.name in columns]
            without = [day for day in deliveries if had and day > max(had)]
            # The stamp of a copying tool tells nothing about a record.
            if without and not column.is_sync:
                needed = ", without which no row is taken" if column.is_required else ""
                lost.append(f"{column.name}{where} (since {min(without)}{needed})")
    return lost


def _counts(
    warehouse: Warehouse,
    contract: Contract,
    load_id: int | None,
    waiting: Mapping[tuple[str, str], Sequence[Entry]],
) -> dict[tuple[str, str], TableCounts]:
    done = {
        (row[0], row[1]): row[2:]
        for row in warehouse.rows(
            """
            select
                source, table_name, count(*), count(*) filter (status = 'unreadable'),
                count(*) filter (is_late), sum(delivered)::bigint, sum(accepted)::bigint,
                sum(duplicate)::bigint, sum(conflicting)::bigint, sum(quarantined)::bigint
            from raw_landing.files
            where load_id = ?
            group by source, table_name
            """,
            [load_id],
        )
    }
    counts = {}
    for key in contract.tables:
        files, unreadable, late, *rows = done.get(key, (0,) * 8)
        counts[key] = TableCounts(files, unreadable, late, len(waiting.get(key, ())), *rows)
    return counts
