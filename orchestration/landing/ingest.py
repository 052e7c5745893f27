"""Takes landing files into the raw tables: each file once, and every row accounted for.

What belongs here: which files there are and when they were delivered (the manifest), which rows
repeat earlier ones, appending, the counts. What does not: formats and casts (files.py), which
records a full list lacks (presence.py), how the quarantine is told (fates.py), business rules.
Nothing here reads the clock; `now` comes in from outside.

A row of a file ends in one of four places, so that delivered = accepted + duplicate + conflicting +
quarantined holds for each file: the raw table with its `_status`, or `raw_landing.quarantine`.
All new files of a table are taken in one transaction together with their manifest rows, so a run
that is killed leaves whole tables, and the next run takes what is left.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.engine.warehouse import Warehouse
from orchestration.landing import fates, flags, identities, presence
from orchestration.landing.contract import REGISTRABLE_SUFFIX, Contract, Table, plain_name
from orchestration.landing.files import (
    SQL_TYPES,
    FileToRead,
    Outcome,
    content_hash,
    quoted,
    stage,
    unstage,
)
from orchestration.landing.identities import registrable_domain
from orchestration.landing.presence import PRESENCE_TABLES, Snapshots

MAIN_INSTANCE = "main"
FORMATS = ("csv", "parquet", "jsonl")
DAY_FOLDER = "loaded_date="
FIRST_DELIVERY_DAY = date(2000, 1, 1)  # a folder of a day before it is a slip of some tool
# Days running on which a table delivered before it is waited for: two are a habit, and a table that
# comes weekly or on working days keeps nobody waiting on most days that it skips.
HABIT_DAYS = 2
AHEAD_DAYS = 366  # as is one of a day further ahead of the run
INSTANCE = re.compile("[A-Za-z0-9][A-Za-z0-9._-]*")
NARROW_SHARE = 0.05  # of a delivery: when more rows share a key, the key is to blame
COMPARED_ROWS = 200  # conflicting ones, for the columns in which they differ
SHOWN_FILES = 5  # in a message
SHOWN_COLUMNS = 4
SHOWN_REASONS = 3  # why the rows of a file are in quarantine
TABLES_AT_A_TIME = 2  # two processors are in every machine

MANIFEST_COLUMNS = """
    file varchar, source varchar, table_name varchar, instance varchar, delivery_day date,
    first_seen_at timestamp, is_late boolean, is_first_load boolean, status varchar,
    load_id bigint, delivered bigint, accepted bigint, duplicate bigint, conflicting bigint,
    quarantined bigint, reason varchar, size_bytes bigint, columns varchar[],
    rewritten bigint, rewrites varchar, content_hash varchar, written_ns bigint
"""
LANDING_TABLES = {
    "files": MANIFEST_COLUMNS,
    "quarantine": (
        "source varchar, table_name varchar, instance varchar, file varchar, row_number bigint,"
        " column_name varchar, cause varchar, reason varchar, row_json varchar, delivery_day date,"
        " load_id bigint"
    ),
    "tables": (
        "source varchar, table_name varchar, has_landed boolean,"
        " missing_optional_columns varchar[], features varchar, lost_columns varchar[],"
        " unread_models varchar[], unread_flags varchar[]"
    ),
    "loads": "load_id bigint, end_date date, taken_at timestamp, is_finished boolean",
    **PRESENCE_TABLES,
    **flags.FLAG_TABLES,
}
STAMPS = {
    "_instance": "varchar",
    "_delivery_day": "date",
    "_is_first_load": "boolean",
    "_file": "varchar",
    "_row": "bigint",
    "_load_id": "bigint",
    "_status": "varchar",
    "_version_at": "timestamp",
    "_version_number": "integer",
    "_extra": "varchar",
}

LiveSince = Mapping[tuple[str, str, str], date]


@dataclass(frozen=True)
class Unread:
    """What no model reads of a table.

    models: its staging models that no other model reads; none where it has no staging model.
    is_whole: whether nothing of the table is read.
    """

    models: tuple[str, ...]
    is_whole: bool = True


NOTHING_UNREAD: Mapping[tuple[str, str], Unread] = {}


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


@dataclass(frozen=True)
class FoundFile:
    """A file in the landing folder that the contract knows."""

    file: str  # path relative to the landing folder, with /
    path: Path
    source: str
    table: str
    instance: str
    format: str
    size: int
    written_ns: int  # when it was last written to
    state: tuple[int, int, int]  # another one where its content is another
    folder_day: date | None


@dataclass(frozen=True)
class Entry:
    """A row of the manifest."""

    file: str
    source: str
    table: str
    instance: str
    delivery_day: date
    is_late: bool
    status: str
    size: int
    columns: Sequence[str] | None  # of the contract, that the file has
    content_hash: str | None = None
    written_ns: int | None = None
    is_lost: bool = False  # it has rows, all in quarantine

    @property
    def owner(self) -> tuple[str, str, str]:
        return self.source, self.table, self.instance


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
    found = {file.file: file for file in discover(landing_dir, contract, problems, _utc(now))}
    last_published_day = _last_published_day(warehouse)
    entries = _register(warehouse, found, _utc(now), cutoff_hours, last_published_day)
    problems += _changed(warehouse, entries, found)
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
    first_days = _first_days(entries, live_since or {})
    chosen: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if entry.status == "loaded" or entry.file not in found:
            continue
        if entry.delivery_day <= max(end_date, first_days[entry.owner]):
            chosen.setdefault((entry.source, entry.table), []).append(entry)
    tried = {entry.file for files in chosen.values() for entry in files}
    if moving := _still_written(found, tried, _utc(now), settle_seconds):
        problems += [f"{file} is still being written; the next refresh takes it" for file in moving]
        chosen = {
            key: files
            for key, entries_of in chosen.items()
            if (files := [entry for entry in entries_of if entry.file not in moving])
        }
    problems += _told_again(entries, found)
    load_id = _start_load(warehouse, end_date, now) if chosen else None
    failures: list[tuple[Table, Exception]] = []
    if load_id is not None:
        found_by_tables, failures = _load_all(
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
        problems += _taken_for_nothing(chosen, sources_off)
        problems += _left_out(chosen, sources_off, unread)
        told = [_failed(table, error) for table, error in failures]
        raise LoadError([*told, *problems]) from failures[0][1]
    entries = _manifest(warehouse)
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
            f"{source}.{name}: {_count(len(files), 'file')} delivered after {end_date} wait"
            f" (from {first} on)"
        )
    problems += _taken_for_nothing(chosen, sources_off)
    problems += _left_out(chosen, sources_off, unread)
    counts = _counts(warehouse, contract, load_id, waiting)
    return IngestReport(load_id, counts, tuple(problems), _notes(warehouse))


def missing_universe(
    warehouse: Warehouse,
    contract: Contract,
    *,
    filled_elsewhere: Collection[str] = (),
    sources_off: Collection[str] = (),
    unread: Mapping[tuple[str, str], Unread] = NOTHING_UNREAD,
) -> str | None:
    """Why there is no account to compute anything for, in words; None when there is one.

    It looks at all that was ever taken, so a run after the faulty one says the same.
    filled_elsewhere: sources that do not land. sources_off, unread: what does not count.
    """
    landing = [
        table
        for table in contract.tables.values()
        if table.is_universe and table.source not in sources_off
    ]
    whole = {key for key, what in unread.items() if what.is_whole}
    left_out = [table.label for table in landing if (table.source, table.name) in whole]
    universe = [table for table in landing if table.label not in left_out]
    if any(table.source in filled_elsewhere for table in universe):
        return None
    labels = [table.label for table in universe]
    files = warehouse.rows(
        "select file, status, delivered, accepted, quarantined, reason from raw_landing.files"
        " where list_contains(?, source || '.' || table_name) and status <> 'pending'"
        " order by delivered = 0, delivery_day, file",
        [labels],
    )
    if any(accepted for _, _, _, accepted, _, _ in files):
        return None
    delivered_in_vain = [
        label
        for (label,) in warehouse.rows(
            "select distinct source || '.' || table_name from raw_landing.files"
            " where list_contains(?, source || '.' || table_name) and accepted > 0 order by 1",
            [left_out],
        )
    ]
    if delivered_in_vain:
        names = ", ".join(delivered_in_vain)
        return (
            f"No CRM account and no target has been delivered that counts: rows of {names} were"
            f" taken, but the var sources (dbt_project.yml) does not name their models. {_REMEDY}"
        )
    if not files:
        return (
            f"No CRM account and no target has been delivered: {', '.join(labels)} have no file in"
            " LANDING_DIR. One of them is needed: without it there is no account to compute."
        )
    sentences = ["No CRM account and no target has been delivered that could be taken:"]
    for file, status, delivered, _, quarantined, reason in files[:SHOWN_FILES]:
        if status == "unreadable":
            sentences.append(f"{file} cannot be read: {reason}")
        elif delivered == 0:
            sentences.append(f"{file} has no rows")
        else:
            sentences.append(f"{file}: {_all_quarantined(warehouse, file, quarantined)}")
    if len(files) > SHOWN_FILES:
        sentences.append(f"and {_count(len(files) - SHOWN_FILES, 'more file')}")
    return "\n".join([*sentences, "Deliver them again, corrected, in a new file."])


def last_complete_day(
    landing_dir: Path,
    warehouse: Warehouse,
    now: datetime,
    contract: Contract,
    *,
    cutoff_hours: int,
) -> date | None:
    """The latest delivery day before the delivery day of `now`, which may still go on.

    The latest one at all if there is none before; None if nothing has landed. Writes nothing.
    """
    days = [day for _, day in _deliveries(landing_dir, warehouse, now, contract, cutoff_hours)]
    today = (_utc(now) - timedelta(hours=cutoff_hours)).date()
    return max((day for day in days if day < today), default=max(days, default=None))


def awaited(
    landing_dir: Path,
    warehouse: Warehouse,
    day: date,
    now: datetime,
    contract: Contract,
    *,
    cutoff_hours: int,
) -> list[str]:
    """Tables that delivered on each of the `HABIT_DAYS` before the day, and not on it.

    As `source.table`, or `source@instance.table` of another organisation. Writes nothing.
    """
    days: dict[tuple[str, str, str], set[date]] = {}
    for owner, delivered in _deliveries(landing_dir, warehouse, now, contract, cutoff_hours):
        days.setdefault(owner, set()).add(delivered)
    before = {day - timedelta(days=back) for back in range(1, HABIT_DAYS + 1)}
    return sorted(
        f"{source}.{table}" if instance == MAIN_INSTANCE else f"{source}@{instance}.{table}"
        for (source, table, instance), delivered in days.items()
        if before <= delivered and day not in delivered
    )


def _deliveries(
    landing_dir: Path, warehouse: Warehouse, now: datetime, contract: Contract, cutoff_hours: int
) -> Iterator[tuple[tuple[str, str, str], date]]:
    """Whose each file is and its delivery day, of those that are taken in and of those to come."""
    known = {entry.file: entry for entry in _manifest(warehouse)}
    yield from ((entry.owner, entry.delivery_day) for entry in known.values())
    last_published_day = _last_published_day(warehouse)
    for file in discover(landing_dir, contract, [], _utc(now)):
        if file.file not in known:
            day, _ = _delivery_day(file, _utc(now), cutoff_hours, last_published_day)
            yield (file.source, file.table, file.instance), day


def read_live_since(path: Path) -> dict[tuple[str, str, str], date]:
    """The seed of days since when tables are live: source, table_name, instance, live_since.

    Raises ValueError naming the line that cannot be read. A missing file is an empty one.
    """
    days: dict[tuple[str, str, str], date] = {}
    if not path.exists():
        return days
    with path.open(newline="", encoding="utf-8-sig") as handle:
        for number, row in enumerate(csv.DictReader(handle), start=2):
            try:
                owner = row["source"], row["table_name"], row["instance"] or MAIN_INSTANCE
                days[owner] = date.fromisoformat(row["live_since"])
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"{path}, line {number}: wants source,table_name,instance,live_since with a"
                    f" date like 2026-01-31, got {dict(row)}"
                ) from error
    return days


# --- what is there --------------------------------------------------------------------------------


def ensure_tables(warehouse: Warehouse, contract: Contract) -> None:
    """Makes the raw tables of the whole contract, and columns that the contract gained."""
    existing: dict[tuple[str, str], dict[str, str]] = {}
    for schema, name, column, kind in warehouse.rows(
        "select schema_name, table_name, column_name, lower(data_type) from duckdb_columns()"
        " where database_name = current_database() and starts_with(schema_name, 'raw_')"
    ):
        existing.setdefault((schema, name), {})[column] = kind
    wanted: dict[tuple[str, str], dict[str, str]] = {}
    version_at: dict[tuple[str, str], str] = {}
    for table in contract.tables.values():
        version_at[table.raw_schema, table.name] = _version_at(table)
        wanted[table.raw_schema, table.name] = (
            {column.name: SQL_TYPES[column.data_type] for column in table.columns}
            | {name + REGISTRABLE_SUFFIX: "varchar" for name in table.hosts}
            | STAMPS
        )
    with warehouse.transaction():
        schemas = {schema for schema, _ in existing}
        for schema in dict.fromkeys(["raw_landing", *(schema for schema, _ in wanted)]):
            if schema not in schemas:
                warehouse.execute(f"create schema if not exists {quoted(schema)}")
        for name, columns in LANDING_TABLES.items():
            if ("raw_landing", name) not in existing:
                warehouse.execute(f"create table raw_landing.{name} ({columns})")
                continue
            for column in columns.split(","):
                if column.split()[0] not in existing["raw_landing", name]:
                    warehouse.execute(f"alter table raw_landing.{name} add column {column}")
        for (schema, name), kinds in wanted.items():
            full_name = f"{quoted(schema)}.{quoted(name)}"
            if (schema, name) not in existing:
                columns = ", ".join(f"{quoted(column)} {kind}" for column, kind in kinds.items())
                warehouse.execute(f"create table {full_name} ({columns})")
                continue
            has = existing[schema, name]
            for column, kind in kinds.items():
                if column not in has:
                    warehouse.execute(f"alter table {full_name} add column {quoted(column)} {kind}")
                    if column == "_version_at":  # rows taken before there was this stamp
                        warehouse.execute(
                            f"update {full_name} set _version_at = {version_at[schema, name]}"
                        )
                elif has[column] != kind:
                    raise ValueError(
                        f"{schema}.{name}.{column} holds {has[column]}, the contract now says"
                        f" {kind}: the type of a landed column cannot change; give the column a new"
                        " name, or start a new warehouse from the landing files"
                    )


def discover(
    landing_dir: Path, contract: Contract, problems: list[str], now: datetime
) -> list[FoundFile]:
    """Files of known tables in the landing folder, by path. Adds what it ignores to `problems`.

    now: UTC, without a zone; a folder of a day far ahead of it is a slip.
    """
    found: list[FoundFile] = []
    if not landing_dir.is_dir():
        problems.append(f"the landing folder {landing_dir} does not exist")
        return found
    for source_entry in _sorted_entries(landing_dir, landing_dir, problems):
        source, at, instance = source_entry.name.partition("@")
        if not _is_folder(source_entry):
            problems.append(f"{source_entry.name} is no folder of a source; it is ignored")
            continue
        if source not in contract.sources:
            problems.append(_unknown_source(source_entry.name, source, contract.sources))
            continue
        if at and (instance.lower() == MAIN_INSTANCE or not INSTANCE.fullmatch(instance)):
            problems.append(
                f"{source_entry.name} names no other organisation and is ignored: the main one"
                f" lands as {source}, others as {source}@name, the name in letters, digits, - and _"
            )
            continue
        tables = contract.of_source(source)
        table_entries = _sorted_entries(Path(source_entry.path), landing_dir, problems)
        others = [
            entry.name for entry in table_entries if _is_folder(entry) and entry.name not in tables
        ]
        problems += _unknown_tables(
            source_entry.name, others, tables, {entry.name for entry in table_entries}
        )
        for table_entry in table_entries:
            shown = f"{source_entry.name}/{table_entry.name}"
            if not _is_folder(table_entry):
                problems.append(f"{shown} is no folder of a table; it is ignored")
                continue
            if table_entry.name not in tables:
                continue
            for path in _walk(Path(table_entry.path), landing_dir, problems):
                file = path.relative_to(landing_dir).as_posix()
                suffixes = path.name.lower().removesuffix(".gz").rsplit(".", 1)
                if len(suffixes) < 2 or suffixes[1] not in FORMATS:
                    problems.append(f"{file} is no csv, parquet or jsonl file; it is ignored")
                    continue
                try:
                    folder_day = _folder_day(path, landing_dir, now.date())
                    stat = path.stat()
                except ValueError as error:
                    problems.append(f"{file}: {error}; the file is ignored")
                    continue
                except OSError as error:
                    problems.append(f"{file} cannot be opened ({error.strerror}); it is ignored")
                    continue
                found.append(
                    FoundFile(
                        file=file,
                        path=path,
                        source=source,
                        table=table_entry.name,
                        instance=instance or MAIN_INSTANCE,
                        format=suffixes[1],
                        size=stat.st_size,
                        written_ns=_written_ns(stat),
                        state=_state(stat),
                        folder_day=folder_day,
                    )
                )
    return found


def _written_ns(stat: os.stat_result) -> int:
    """When a file was last written to; a copy keeps the time of its model, but not the second."""
    return max(stat.st_mtime_ns, stat.st_ctime_ns)


def _state(stat: os.stat_result) -> tuple[int, int, int]:
    """What changes with the content of a file, and not when a backup links to it."""
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _sorted_entries(folder: Path, landing_dir: Path, problems: list[str]) -> list[os.DirEntry[str]]:
    """Entries of a folder by name, without hidden ones and markers such as _SUCCESS.

    What cannot be looked into, or has a name that is no text, is told and left out.
    """
    try:
        with os.scandir(folder) as entries:
            seen = [entry for entry in entries if not entry.name.startswith((".", "_"))]
    except OSError as error:
        where = folder.relative_to(landing_dir).as_posix()
        problems.append(f"the folder {where} cannot be opened ({error.strerror}); it is ignored")
        return []
    kept = []
    for entry in sorted(seen, key=lambda entry: entry.name):
        try:
            entry.name.encode()
        except UnicodeEncodeError:
            path = (folder / entry.name).relative_to(landing_dir).as_posix()
            shown = os.fsencode(path).decode("utf-8", "backslashreplace")
            problems.append(f"{shown} has a name that is not UTF-8 and is ignored; rename it")
        else:
            kept.append(entry)
    return kept


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _walk(
    folder: Path, landing_dir: Path, problems: list[str], above: frozenset[str] = frozenset()
) -> Iterator[Path]:
    """All files under a folder. A link that leads back to a folder above it is told."""
    here = os.path.realpath(folder)
    if here in above:
        where = folder.relative_to(landing_dir).as_posix()
        problems.append(f"{where} is a link to a folder above it; it is ignored")
        return
    for entry in _sorted_entries(folder, landing_dir, problems):
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError:
            is_folder = is_file = False
        if is_folder:
            yield from _walk(Path(entry.path), landing_dir, problems, above | {here})
        elif is_file:
            yield Path(entry.path)
        else:
            where = Path(entry.path).relative_to(landing_dir).as_posix()
            problems.append(f"{where} is neither file nor folder (a broken link?); it is ignored")


def _unknown_source(shown: str, name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    hint = f"the nearest known source is {near[0]}" if near else f"known: {', '.join(known)}"
    return f"{shown} is no source of the contract and is ignored; {hint}"


def _unknown_tables(
    shown: str, names: Sequence[str], known: Sequence[str], landed: Collection[str]
) -> list[str]:
    """Sentences on folders of a source that are no tables of the contract.

    An EL tool lands dozens of tables that nobody here reads, so those share a sentence. One that
    looks like a misspelt table of ours has its own.
    """
    sentences, others = [], []
    for name in names:
        near = get_close_matches(name.lower(), known, n=1, cutoff=0.75)
        if near and (near[0] not in landed or get_close_matches(name, near, cutoff=0.9)):
            sentences.append(
                f"{shown}/{name} is no table of the contract and is ignored; the nearest known"
                f" table is {near[0]}"
            )
        else:
            others.append(name)
    if others:
        names = ", ".join(others[:SHOWN_FILES])
        more = len(others) - SHOWN_FILES
        and_more = f" and {_count(more, 'more folder')}" if more > 0 else ""
        sentences.append(f"{shown}: the contract has no table {names}{and_more}; ignored")
    return sentences


def _folder_day(path: Path, landing_dir: Path, today: date) -> date | None:
    """The day that a folder of the path names. Raises ValueError, in words, if it can be none."""
    days = set()
    for part in path.relative_to(landing_dir).parts[:-1]:
        if not plain_name(part).startswith(plain_name(DAY_FOLDER)):
            continue
        try:
            if not part.lower().startswith(DAY_FOLDER):
                raise ValueError(part)
            day = datetime.strptime(part[len(DAY_FOLDER) :], "%Y-%m-%d").date()
        except ValueError:
            raise ValueError(f"the folder's date is not like {DAY_FOLDER}2026-01-31") from None
        if not FIRST_DELIVERY_DAY <= day <= today + timedelta(days=AHEAD_DAYS):
            raise ValueError(
                f"no delivery is of {day}: that is before {FIRST_DELIVERY_DAY} or more than a year"
                " ahead. Name the folder after the day on which the file came"
            )
        days.add(day)
    if len(days) > 1:
        raise ValueError(f"its folders name {_count(len(days), 'day')}")
    return next(iter(days), None)


# --- the manifest ---------------------------------------------------------------------------------


def _utc(moment: datetime) -> datetime:
    """A moment as a UTC timestamp without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _last_published_day(warehouse: Warehouse) -> date | None:
    """The last day that is published: what is delivered for it now comes too late.

    A day that was scored by a run that failed afterwards is computed again, so its own correction
    still counts for it.
    """
    if not warehouse.has_table("raw_landing", "plans"):
        return None
    day: date | None = warehouse.rows(
        "select max(end_date) from raw_landing.plans where published_at is not null"
    )[0][0]
    return day


def _delivery_day(
    file: FoundFile, first_seen: datetime, cutoff_hours: int, last_published_day: date | None
) -> tuple[date, bool]:
    """The delivery day of a new file, and whether it came too late for the day it was meant for."""
    day = file.folder_day or (first_seen - timedelta(hours=cutoff_hours)).date()
    if last_published_day and day <= last_published_day:
        return last_published_day + timedelta(days=1), True
    return day, False


def _manifest(warehouse: Warehouse) -> list[Entry]:
    if not warehouse.has_table("raw_landing", "files"):
        return []
    rows = warehouse.rows(
        "select file, source, table_name, instance, delivery_day, is_late, status, size_bytes,"
        " columns, content_hash, written_ns, coalesce(delivered > 0 and quarantined = delivered,"
        " false) as is_lost from raw_landing.files order by delivery_day, file"
    )
    return [Entry(*row) for row in rows]


def _register(
    warehouse: Warehouse,
    found: Mapping[str, FoundFile],
    now: datetime,
    cutoff_hours: int,
    last_published_day: date | None,
) -> list[Entry]:
    """Writes new files to the manifest, which fixes their delivery day; returns all of it."""
    known = {entry.file for entry in _manifest(warehouse)}
    new = [file for file in found.values() if file.file not in known]
    if new:
        days = [_delivery_day(file, now, cutoff_hours, last_published_day) for file in new]
        rows = pa.table(
            {
                "file": [file.file for file in new],
                "source": [file.source for file in new],
                "table_name": [file.table for file in new],
                "instance": [file.instance for file in new],
                "delivery_day": [day for day, _ in days],
                "first_seen_at": [now] * len(new),
                "is_late": [is_late for _, is_late in days],
                "status": ["pending"] * len(new),
                "size_bytes": [file.size for file in new],
            }
        )
        with warehouse.transaction():
            warehouse.append("raw_landing.files", rows)
    return _manifest(warehouse)


def _changed(
    warehouse: Warehouse, entries: Sequence[Entry], found: Mapping[str, FoundFile]
) -> list[str]:
    """Sentences on files whose content is no longer what was taken.

    Size and time only say whether to look: a file that was copied or touched is the same.
    """
    sentences, same = [], []
    for entry in entries:
        file = found.get(entry.file)
        if not file or entry.status != "loaded":
            continue
        now = f"{entry.size} bytes then, {file.size} now"
        if file.size == entry.size:
            if not entry.content_hash or file.written_ns == entry.written_ns:
                continue
            try:
                content = _hash_of(file.path)
            except OSError:
                continue
            if content == entry.content_hash:
                same.append((entry.file, file.written_ns))
                continue
            now = f"other content of the same {file.size} bytes"
        sentences.append(
            f"{entry.file} changed after it was taken ({now}); files are only ever added: deliver"
            " the rows again in a new file"
        )
    if same:
        touched = pa.table(
            {"file": [file for file, _ in same], "written_ns": [when for _, when in same]}
        )
        warehouse.connection.register("_touched", touched)
        warehouse.execute(
            "update raw_landing.files set written_ns = _touched.written_ns from _touched"
            " where files.file = _touched.file"
        )
        warehouse.connection.unregister("_touched")
    return sentences


def _hash_of(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "blake2b").hexdigest()[:32]


def _still_written(
    found: Mapping[str, FoundFile], tried: Collection[str], now: datetime, settle_seconds: float
) -> list[str]:
    """Files that move. A young one gets until it is `settle_seconds` old to show that."""
    moment_ns = int(now.replace(tzinfo=UTC).timestamp() * 1e9)
    young = [
        file
        for name in tried
        if 0 <= moment_ns - (file := found[name]).written_ns < settle_seconds * 1e9
    ]
    if not young:
        return []
    youngest = max(file.written_ns for file in young)
    time.sleep(settle_seconds - (moment_ns - youngest) / 1e9)
    return sorted(file.file for file in young if _moves(file))


def _moves(file: FoundFile) -> bool:
    """Whether a file was written to since it was found."""
    try:
        stat = file.path.stat()
    except OSError:
        return False  # reading it will say so
    return _state(stat) != file.state


def _told_again(entries: Sequence[Entry], found: Mapping[str, FoundFile]) -> list[str]:
    """Sentences on files of earlier loads of which no row was taken, as long as they are there."""
    lost: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if entry.is_lost and entry.file in found:
            lost.setdefault((entry.source, entry.table), []).append(entry)
    return [
        f"{files[0].file}{_and_more(len(files))}: all rows are still in quarantine; deliver them"
        " corrected in a new file and take this one away"
        for files in lost.values()
    ]


def _and_more(files: int) -> str:
    return f" and {_count(files - 1, 'more file')}" if files > 1 else ""


def _first_days(
    entries: Sequence[Entry], live_since: LiveSince
) -> dict[tuple[str, str, str], date]:
    """The day up to which deliveries are a table's first load, per instance.

    A day set by a person, else the earliest day taken, else the earliest day known.
    """
    days: dict[tuple[str, str, str], date] = {}
    for status in ("loaded", "pending", "unreadable"):
        earliest: dict[tuple[str, str, str], date] = {}
        for entry in entries:
            if entry.status == status:
                day = earliest.get(entry.owner, entry.delivery_day)
                earliest[entry.owner] = min(day, entry.delivery_day)
        days = earliest | days
    return days | dict(live_since)


def _start_load(warehouse: Warehouse, end_date: date, now: datetime) -> int:
    """The number of this load: that of one that was interrupted and goes on, else a new one."""
    open_load, last_load = warehouse.rows(
        "select max(load_id) filter (not is_finished), max(load_id) from raw_landing.loads"
    )[0]
    if open_load is not None:
        return int(open_load)
    load_id = int(last_load or 0) + 1
    warehouse.execute(
        "insert into raw_landing.loads values (?, ?, ?, false)", [load_id, end_date, _utc(now)]
    )
    return load_id


# --- one table ------------------------------------------------------------------------------------


TableLoad = tuple[Table, Sequence[tuple[Entry, FoundFile]], Sequence[Entry]]


def _load_all(
    warehouse: Warehouse,
    loads: Sequence[TableLoad],
    live_since: LiveSince,
    snapshots: Snapshots,
    flag_words: Sequence[str],
    load_id: int,
) -> tuple[list[str], list[tuple[Table, Exception]]]:
    """Loads tables, some at a time; gives the problems and what failed, in the order of the tables.

    Much of a table's load is many small statements, each of which keeps one processor busy. A table
    that fails leaves the others to be loaded and told.
    """

    def load(one: TableLoad) -> list[str]:
        with warehouse.another() as mine:
            return _load(mine, *one, live_since, snapshots, flag_words, load_id)

    def size(number: int) -> int:
        return sum(file.size for _, file in loads[number][1])

    with ThreadPoolExecutor(TABLES_AT_A_TIME) as threads:
        # The largest first, so that no thread is left alone with it at the end.
        largest_first = sorted(range(len(loads)), key=size, reverse=True)
        started = {number: threads.submit(load, loads[number]) for number in largest_first}
        problems, failures = [], []
        for number in sorted(started):
            try:
                problems += started[number].result()
            except Exception as error:  # it is raised when the others have ended
                failures.append((loads[number][0], error))
        return problems, failures


def _failed(table: Table, error: Exception) -> str:
    """What failed in the load of a table, in words."""
    message = str(error).strip().split("\n")[0].removeprefix(f"{table.label}: ")
    return f"{table.label} could not be taken: {message or type(error).__name__}"


def _load(
    warehouse: Warehouse,
    table: Table,
    files: Sequence[tuple[Entry, FoundFile]],
    entries: Sequence[Entry],
    live_since: LiveSince,
    snapshots: Snapshots,
    flag_words: Sequence[str],
    load_id: int,
) -> list[str]:
    """Reads files of a table and appends their rows, with the manifest, in one transaction.

    entries: all that the manifest has of the table. Gives what is wrong with the files, in words.
    """
    problems: list[str] = []
    outcome = stage(
        warehouse,
        table,
        [
            FileToRead(
                number=number,
                path=file.path,
                format=file.format,
                instance=entry.instance,
                delivery_day=entry.delivery_day.isoformat(),
            )
            for number, (entry, file) in enumerate(files)
        ],
    )
    hashes = _settled(warehouse, files, outcome)
    known_columns: dict[str, set[str]] = {}
    for entry in entries:
        known_columns.setdefault(entry.instance, set()).update(entry.columns or ())
    _tell(table, files, outcome, known_columns, problems)
    told = {files[number][0].file for number in outcome.faults}
    # What still cannot be read stays as it stands in the manifest.
    again = [number for number in outcome.unreadable if files[number][0].status == "unreadable"]
    if again:
        numbers = ", ".join(map(str, again))
        warehouse.execute(f"delete from staged_files where file_number in ({numbers})")
    taken = [
        number
        for number in range(len(files))
        if number not in outcome.postponed and number not in again
    ]
    if not taken:
        return problems
    # A first delivery that nobody can read is none: the next one is the first load then.
    unread = {files[number][0].file for number in (*outcome.unreadable, *outcome.postponed)}
    first_days = _first_days([entry for entry in entries if entry.file not in unread], live_since)
    warehouse.connection.register(
        "_batch",
        pa.table(
            {
                "file_number": pa.array(taken, pa.int32()),
                "file": [files[number][0].file for number in taken],
                "is_first_load": [
                    number not in outcome.unreadable
                    and files[number][0].delivery_day <= first_days[files[number][0].owner]
                    for number in taken
                ],
                "delivery_day": [files[number][0].delivery_day for number in taken],
                "is_late": [files[number][0].is_late for number in taken],
                "size_bytes": [files[number][1].size for number in taken],
                "content_hash": pa.array([hashes.get(number) for number in taken], pa.string()),
                "written_ns": [files[number][1].written_ns for number in taken],
                "reason": pa.array(
                    [
                        outcome.unreadable.get(number) or outcome.faults.get(number)
                        for number in taken
                    ],
                    pa.string(),
                ),
                "rows_before": [outcome.rows_before.get(number, 0) for number in taken],
                "is_unreadable": [number in outcome.unreadable for number in taken],
                "columns": pa.array(
                    [outcome.columns.get(number) for number in taken], pa.list_(pa.string())
                ),
            }
        ),
    )
    try:
        identities.normalise(warehouse, table)
        if table.hosts:
            _resolve_hosts(warehouse, table)
        _judge(warehouse, table)
        _summarise(warehouse)
        with warehouse.transaction():
            flags.keep(warehouse, table, flag_words)
            if snapshots.covers(table):
                problems += presence.take(warehouse, table, snapshots, load_id)
            lost = _append(warehouse, table, load_id)
            identities.note(warehouse)
        problems += [
            f"{file}: all its rows ({rows:,}) are in quarantine"
            for file, rows in lost
            if file not in told
        ]
        problems += _conflicts(warehouse, table)
    finally:
        warehouse.connection.unregister("_batch")
        for name in ("staged", "staged_lines", "staged_files", "verdicts"):
            warehouse.execute(f"drop table if exists temp.{name}")
    return problems


def _settled(
    warehouse: Warehouse, files: Sequence[tuple[Entry, FoundFile]], outcome: Outcome
) -> dict[int, str]:
    """Hashes of the files as they were read. One that was written to meanwhile is postponed."""
    hashes = {}
    for number, (_, file) in enumerate(files):
        if number in outcome.postponed:
            continue
        try:
            hashes[number] = _hash_of(file.path)
            fault = "it is still being written" if _moves(file) else ""
        except OSError as error:
            fault = error.strerror or "it is gone"
        if fault:
            unstage(warehouse, [number])
            for noted in (outcome.unreadable, outcome.faults, outcome.columns, hashes):
                noted.pop(number, None)
            outcome.postponed[number] = fault
    return hashes


def _conflicts(warehouse: Warehouse, table: Table) -> list[str]:
    """Sentences on the rows of this load that contradict another of the same key and version.

    Which columns differ, and one key as an example. Rows that contradict one of their own delivery
    are told apart from rows with newer content under an old stamp.
    """
    if not warehouse.rows("select 1 from verdicts where status = 'conflicting' limit 1"):
        return []
    keys = ["_instance", *(quoted(name) for name in table.key)]
    same_key = " and ".join(f"standing.{key} is not distinct from new.{key}" for key in keys)
    names = [column.name for column in table.columns if column.name not in table.key]
    names = [name for name in names if name not in table.syncs]
    columns = ["_extra", *map(quoted, names)]
    warehouse.execute(
        f"""
        create or replace temp table contradictions as
        select
            {", ".join(f"new.{key}" for key in keys)},
            new._delivery_day, new._file_number,
            standing._delivery_day = new._delivery_day as _is_of_one_delivery,
            {", ".join(f"new.{name} as _new_{place}" for place, name in enumerate(columns))},
            {", ".join(f"standing.{name} as _old_{place}" for place, name in enumerate(columns))}
        from staged as new
        inner join verdicts
            on
                new._file_number = verdicts.file_number
                and new._row_number = verdicts.row_number
        left join {table.raw_table} as standing
            on {same_key}
            and standing._status = 'accepted'
            and standing._version_at = {_version_at(table, "new")}
        where verdicts.status = 'conflicting'
        qualify row_number() over (
            partition by new._file_number, new._row_number order by standing._delivery_day
        ) = 1
        """
    )
    sentences = []
    for (is_of_one,) in warehouse.rows(
        "select distinct coalesce(_is_of_one_delivery, false) from contradictions order by all"
    ):
        where = f"where coalesce(_is_of_one_delivery, false) = {is_of_one}"
        rows = warehouse.rows(
            f"select {', '.join(quoted(name) for name in table.key)},"
            f" {', '.join(f'_new_{place}, _old_{place}' for place in range(len(columns)))}"
            f" from contradictions {where} order by all limit {COMPARED_ROWS}"
        )
        [(count, delivered)] = warehouse.rows(
            f"select count(*), (select count(*) from staged) from contradictions {where}"
        )
        differ = Counter(name for row in rows for name in _differing(row[len(table.key) :], names))
        shown = [name for name, _ in differ.most_common(SHOWN_COLUMNS)]
        if len(differ) > SHOWN_COLUMNS:
            shown.append(_count(len(differ) - SHOWN_COLUMNS, "more column"))
        example = ", ".join(
            f"{name} {value}" for name, value in zip(table.key, rows[0], strict=False)
        )
        of_key = f"{', '.join(table.key)} (for example {example})"
        in_columns = f" in {', '.join(shown)}" if shown else ""
        if is_of_one:
            text = (
                f"{count:,} of {delivered:,} rows share {of_key} with another row of their delivery"
                f" and differ from it{in_columns}: one of each counts, the first by content hash,"
                " the others are left out as conflicting"
            )
            if count >= NARROW_SHARE * delivered:
                text += (
                    ". The key is too narrow for this export: deliver one row for each"
                    f" {', '.join(table.key)}"
                )
        else:
            stamps = (
                " or ".join(name for name in table.version if name not in table.syncs) or "version"
            )
            text = (
                f"{_count(count, 'row')} with newer content under an old {stamps} left out as"
                f" conflicting: {of_key} differs{in_columns} from what was taken before, which"
                f" stands. A formula field changes so; deliver the record with a newer {stamps}"
            )
        sentences.append(f"{table.label}: {text}")
    warehouse.execute("drop table temp.contradictions")
    return sentences


def _differing(pairs: Sequence[object], names: Sequence[str]) -> list[str]:
    """The columns in which two rows differ: new and old value of _extra, then of each column."""
    extras = [json.loads(str(extra)) if extra else {} for extra in pairs[:2]]
    differing = [
        name
        for place, name in enumerate(names, start=1)
        if pairs[2 * place] != pairs[2 * place + 1]
    ]
    return differing + [
        name
        for name in sorted({*extras[0], *extras[1]})
        if not name.startswith("_") and extras[0].get(name) != extras[1].get(name)
    ]


def _tell(
    table: Table,
    files: Sequence[tuple[Entry, FoundFile]],
    outcome: Outcome,
    known_columns: Mapping[str, set[str]],
    problems: list[str],
) -> None:
    """Puts into words what is wrong with files, one sentence for files with the same fault.

    known_columns: what earlier files had, by the instance that delivered them.
    """
    sentences: dict[str, list[str]] = {}
    for number, (entry, _) in enumerate(files):
        if number in outcome.unreadable:
            text = f"cannot be read: {outcome.unreadable[number]}"
        elif number in outcome.postponed:
            text = f"could not be read now and will be tried again: {outcome.postponed[number]}"
        elif number in outcome.faults:
            text = f"all its rows are in quarantine: {outcome.faults[number]}"
            if number in outcome.header_lines:
                text += f" (its header was taken to be line {outcome.header_lines[number]})"
        elif number in outcome.header_lines:
            line = outcome.header_lines[number]
            text = f"its header is line {line}; what stands above it is not read"
        else:
            has = outcome.columns.get(number, ())
            had = known_columns.get(entry.instance, ())
            lost = [name for name in table.optional if name in had and name not in has]
            if not has or not lost:
                continue
            text = f"lacks {', '.join(lost)}, which earlier files had; these values are empty"
        sentences.setdefault(text, []).append(entry.file)
    for text, names in sentences.items():
        problems.append(f"{names[0]}{_and_more(len(names))}: {text}")


def _taken_for_nothing(
    chosen: Mapping[tuple[str, str], Sequence[Entry]], sources_off: Collection[str]
) -> list[str]:
    """Sentences on files of sources that are switched off."""
    files = {
        source: sum(len(entries) for (owner, _), entries in chosen.items() if owner == source)
        for source in sources_off
    }
    return [
        f"{source}: {_count(number, 'file')} taken in, but the source is switched off (var"
        " sources_off), so nothing of them counts"
        for source, number in files.items()
        if number
    ]


_REMEDY = (
    "Give the source its line there, with the kinds that they bring (docs/adding-a-source.md)."
)


def _left_out(
    chosen: Mapping[tuple[str, str], Sequence[Entry]],
    sources_off: Collection[str],
    unread: Mapping[tuple[str, str], Unread],
) -> list[str]:
    """Sentences on files whose rows are taken in and read by no model, one for each source.

    A single table without a staging model, of a source that counts, is told in data_health alone.
    """
    found: dict[str, tuple[list[str], list[str]]] = {}
    for source, table in chosen:
        if (source, table) not in unread or source in sources_off:
            continue
        tables, models = found.setdefault(source, ([], []))
        tables.append(f"{source}.{table}")
        models += unread[source, table].models
    sentences = []
    for source, (tables, models) in found.items():
        names = ", ".join(sorted(tables))
        if models:
            sentences.append(
                f"{names}: taken in, but the var sources (dbt_project.yml) does not name"
                f" {', '.join(sorted(models))}, so what they bring does not count. {_REMEDY}"
            )
        elif all(key in unread for key in chosen if key[0] == source):
            sentences.append(
                f"{names}: taken in, but no model reads them, so nothing of them counts. They need"
                " staging models (docs/adding-a-source.md)."
            )
    return sentences


def _all_quarantined(warehouse: Warehouse, file: str, rows: int) -> str:
    """Why all rows of a file are in quarantine, with the most frequent reasons."""
    reasons = warehouse.rows(
        "select reason, count(*) from raw_landing.quarantine where file = ? group by reason"
        " order by count(*) desc, reason",
        [file],
    )
    shown = [f"{reason} ({count:,})" for reason, count in reasons[:SHOWN_REASONS]]
    if len(reasons) > SHOWN_REASONS:
        shown.append(_count(len(reasons) - SHOWN_REASONS, "more reason"))
    return f"all its rows ({rows:,}) are in quarantine: {'; '.join(shown)}"


def _resolve_hosts(warehouse: Warehouse, table: Table) -> None:
    """Fills the temporary table `staged_hosts` (host, registrable) for the hosts of the load."""
    parts = " union all ".join(
        f"select {quoted('_host_' + name)} as host from staged" for name in table.hosts
    )
    found = warehouse.rows(f"select distinct host from ({parts}) where host <> ''")
    pairs = [(host, registrable_domain(host)) for (host,) in found]
    warehouse.connection.register(
        "_hosts",
        pa.table(
            {
                "host": pa.array([host for host, _ in pairs], pa.string()),
                "registrable": pa.array([domain for _, domain in pairs], pa.string()),
            }
        ),
    )
    warehouse.execute("create or replace temp table staged_hosts as select * from _hosts")
    warehouse.connection.unregister("_hosts")


def _version_at(table: Table, relation: str = "") -> str:
    """SQL of the version of a row: its modification time, else the start of its delivery day.

    Tools that copy rows mark one as deleted without touching its modification time. That is a
    version of its own, of when it was copied.

    relation: the name that the columns stand behind, if any.
    """
    behind = f"{relation}." if relation else ""
    stamps = [behind + quoted(name) for name in table.version]
    if table.is_always_stamped:
        return stamps[0]
    seen = f"cast({behind}_delivery_day as timestamp)"
    version = f"coalesce({', '.join([*stamps, seen])})"
    if not table.deletions:
        return version
    copied = ", ".join([*(behind + quoted(name) for name in sorted(table.syncs)), seen])
    return (
        f"case when {_is_marked_deleted(table, behind)}"
        f" then greatest({version}, coalesce({copied})) else {version} end"
    )


def _is_only_seen(table: Table) -> str:
    """SQL of whether the version of a row says when the row was seen, not when the record changed.

    So it is where the first column filled is a sync stamp, where none is, and of a row that the
    copying tool marks as deleted.
    """
    if table.is_always_stamped:
        return "false"
    cases = [
        f"when {quoted(name)} is not null then {str(name in table.syncs).lower()}"
        for name in table.version
    ]
    if table.deletions:
        cases.insert(0, f"when {_is_marked_deleted(table)} then true")
    return f"case {' '.join(cases)} else true end" if cases else "true"


def _is_marked_deleted(table: Table, behind: str = "") -> str:
    """SQL of whether the copying tool marks a row as deleted; null counts as no."""
    return " or ".join(f"coalesce({behind}{quoted(name)}, false)" for name in table.deletions)


def _judge(warehouse: Warehouse, table: Table) -> None:
    """Fills the temporary table `verdicts`: status and version number of rows whose key repeats.

    Columns: file_number, row_number, status, version_number (accepted rows only). A good row that
    is not in it is the first and only one of its key: accepted, version 1.

    A row with a modification time: of the rows of one time the first stands (one that was taken
    earlier, else by delivery day and content hash); the same content again is a duplicate, other
    content is conflicting. A row that was only seen (see `_is_only_seen`) is a duplicate if the
    record had this content when it was last delivered, and a new version if not; of several on one
    day with one version the first by content hash stands. What comes later never enters: judged
    day by day or all at once, a row gets the same verdict.
    """
    keys = ["_instance", *(quoted(name) for name in table.key)]
    key_list = ", ".join(keys)

    def same_key(left: str, right: str) -> str:
        return " and ".join(f"{left}.{key} is not distinct from {right}.{key}" for key in keys)

    warehouse.execute(
        "create or replace temp table verdicts"
        " (file_number integer, row_number bigint, status varchar, version_number bigint)"
    )
    if not warehouse.rows("select 1 from staged where _reason is null limit 1"):
        return
    within = _touched_months(warehouse, table)
    # Where the month is part of the record, its earlier versions lie in the same months.
    anywhere = within if table.is_immutable or table.month in table.key else "true"
    warehouse.execute(
        f"""
        create or replace temp table earlier as
        select {key_list}, max(_version_number) as _last_number
        from {table.raw_table} as taken
        semi join (select {key_list} from staged where _reason is null) as new
            on {same_key("new", "taken")}
        where _status = 'accepted' and {anywhere}
        group by {key_list}
        """
    )
    [(contested,)] = warehouse.rows(
        f"""
        create or replace temp table contested as
        select {key_list} from staged where _reason is null
        group by {key_list} having count(*) > 1
        union
        select {key_list} from earlier
        """
    )
    if not contested:
        return
    warehouse.execute(
        f"""
        insert into verdicts
        with
        lineup as (
            select
                0 as _origin, {key_list}, _version_at,
                {_is_only_seen(table)} as _is_only_seen,
                _delivery_day, {content_hash(table)} as _content_hash,
                null as _file_number, null as _row_number
            from {table.raw_table} as taken
            semi join earlier on {same_key("earlier", "taken")}
            where _status = 'accepted' and {within}
            union all
            select
                1, {key_list}, {_version_at(table)}, {_is_only_seen(table)},
                _delivery_day, {content_hash(table)}, _file_number, _row_number
            from staged
            semi join contested on {same_key("contested", "staged")}
            where _reason is null
        ),
        placed as (
            select
                *,
                row_number() over one_version as _place,
                first_value(_content_hash) over one_version as _standing
            from lineup
            window one_version as (
                partition by
                    {key_list}, _version_at, case when _is_only_seen then _delivery_day end
                order by _origin, _delivery_day, _content_hash, _file_number, _row_number
            )
        ),
        {_judged(table, key_list, same_key)}
        select
            _file_number, _row_number, _verdict,
            case when _verdict = 'accepted' then
                coalesce(earlier._last_number, 0) + row_number() over (
                    partition by {", ".join(f"judged.{key}" for key in keys)}, _verdict
                    order by judged._delivery_day, _version_at, judged._content_hash
                )
            end
        from judged
        left join earlier on {same_key("judged", "earlier")}
        """
    )


def _judged(table: Table, key_list: str, same_key: Callable[[str, str], str]) -> str:
    """SQL of the CTE `judged` over `placed`: the new rows with their status."""
    by_place = """
        when _place = 1 then 'accepted'
        when placed._content_hash = _standing then 'duplicate'
        else 'conflicting'
    """
    if table.is_always_stamped:
        verdict = f"case {by_place} end as _verdict"
        return f"judged as (select *, {verdict} from placed where _origin = 1)"
    # A modification time that says the same moment is the better witness of the two.
    is_beaten = f"""
        _is_only_seen and coalesce(
            _delivery_day >= min(_delivery_day) filter (where not _is_only_seen)
                over (partition by {key_list}, _version_at),
            false
        )
    """
    return f"""
        weighed as (
            select *, {is_beaten if table.version else "false"} as _is_beaten from placed
        ),
        last_seen as (
            select
                {key_list}, _version_at, _delivery_day, _is_only_seen,
                lag(_content_hash) over (
                    partition by {key_list} order by _delivery_day, _version_at
                ) as _content
            from weighed
            where _place = 1 and not _is_beaten
        ),
        judged as (
            select
                placed.*,
                case
                    when placed._content_hash = last_seen._content then 'duplicate'
                    when _is_beaten then 'conflicting'
                    {by_place}
                end as _verdict
            from weighed as placed
            left join last_seen
                on placed._is_only_seen
                and last_seen._is_only_seen
                and placed._version_at = last_seen._version_at
                and placed._delivery_day = last_seen._delivery_day
                and {same_key("placed", "last_seen")}
            where _origin = 1
        )
    """


def _touched_months(warehouse: Warehouse, table: Table) -> str:
    """A condition on a raw table's month column: the months of the staged rows, as ranges."""
    if table.month is None:
        return "true"
    month = quoted(table.month)
    months = [
        row[0]
        for row in warehouse.rows(
            f"select distinct date_trunc('month', {month})::date as month from staged"
            f" where _reason is null order by month"
        )
    ]
    ranges: list[list[date]] = []
    for first in months:
        after = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        if ranges and ranges[-1][1] == first:
            ranges[-1][1] = after
        else:
            ranges.append([first, after])
    touched = " or ".join(
        f"({month} >= date '{start}' and {month} < date '{end}')" for start, end in ranges
    )
    return f"({touched})" if touched else "false"


def _summarise(warehouse: Warehouse) -> None:
    """Fills the temporary table `staged_counts`: a row per file of the batch with its counts."""
    warehouse.execute(
        """
        create or replace temp table staged_counts as
        with rows as (
            select
                _file_number as file_number,
                count(*) as delivered,
                count(*) filter (_reason is not null) as quarantined
            from staged
            group by _file_number
        ),
        lines as (select file_number, count(*) as malformed from staged_lines group by file_number),
        repeats as (
            select
                file_number,
                count(*) filter (status = 'duplicate') as duplicate,
                count(*) filter (status = 'conflicting') as conflicting
            from verdicts
            group by file_number
        )
        select
            batch.*,
            coalesce(rows.delivered, 0) + coalesce(malformed, 0) as delivered,
            coalesce(rows.quarantined, 0) + coalesce(malformed, 0) as quarantined,
            coalesce(duplicate, 0) as duplicate,
            coalesce(conflicting, 0) as conflicting,
            coalesce(rows.delivered, 0) - coalesce(rows.quarantined, 0)
                - coalesce(duplicate, 0) - coalesce(conflicting, 0) as accepted
        from _batch as batch
        left join rows using (file_number)
        left join lines using (file_number)
        left join repeats using (file_number)
        """
    )


def _append(warehouse: Warehouse, table: Table, load_id: int) -> list[tuple[str, int]]:
    """Appends the load to the raw table, the quarantine and the manifest.

    Returns the files of which every row is in quarantine, with the number of rows.

    Duplicates are counted and not kept: what they say is in the row that they repeat, and a full
    export each day would make the table grow without end.
    Raises RuntimeError, before anything is committed, if a row got lost or was counted twice.
    """
    names = [quoted(column.name) for column in table.columns]
    hosts = [
        f"host_{place}.registrable as {quoted(name + REGISTRABLE_SUFFIX)}"
        for place, name in enumerate(table.hosts)
    ]
    host_joins = "\n".join(
        f"left join staged_hosts as host_{place}"
        f" on host_{place}.host = staged.{quoted('_host_' + name)}"
        for place, name in enumerate(table.hosts)
    )
    [(appended,)] = warehouse.rows(
        f"""
        insert into {table.raw_table} by name
        select
            {", ".join(["staged." + name for name in names] + hosts)},
            staged._instance,
            staged._delivery_day,
            counts.is_first_load as _is_first_load,
            counts.file as _file,
            staged._row_number - counts.rows_before as _row,
            ? as _load_id,
            coalesce(verdicts.status, 'accepted') as _status,
            {_version_at(table, "staged")} as _version_at,
            case when verdicts.status is null then 1 else verdicts.version_number end
                as _version_number,
            staged._extra
        from staged
        inner join staged_counts as counts on staged._file_number = counts.file_number
        left join verdicts
            on
                staged._file_number = verdicts.file_number
                and staged._row_number = verdicts.row_number
        {host_joins}
        where staged._reason is null and verdicts.status is distinct from 'duplicate'
        """,
        [load_id],
    )
    [(good, bad, lost)] = warehouse.rows(
        "select sum(accepted + conflicting), sum(quarantined),"
        " list((file, quarantined) order by file)"
        " filter (quarantined = delivered and delivered > 0)"
        " from staged_counts"
    )
    quarantined = _append_quarantine(warehouse, load_id) if bad else 0
    if (appended, quarantined) != (good, bad):
        raise RuntimeError(
            f"{table.label}: {appended} rows appended and {quarantined} put in quarantine, where"
            f" {good} and {bad} were counted; nothing of this table was taken"
        )
    warehouse.execute(
        """
        update raw_landing.files set
            delivery_day = done.delivery_day,
            is_late = done.is_late,
            is_first_load = done.is_first_load,
            status = case when done.is_unreadable then 'unreadable' else 'loaded' end,
            load_id = done.load_id,
            delivered = done.delivered,
            accepted = done.accepted,
            duplicate = done.duplicate,
            conflicting = done.conflicting,
            quarantined = done.quarantined,
            reason = done.reason,
            size_bytes = done.size_bytes,
            content_hash = done.content_hash,
            written_ns = done.written_ns,
            columns = done.columns
        from (select *, ? as load_id from staged_counts) as done
        where files.file = done.file
        """,
        [load_id],
    )
    return lost or []


def _append_quarantine(warehouse: Warehouse, load_id: int) -> int:
    """Appends what is wrong to the quarantine; returns how many rows that were."""
    [(quarantined,)] = warehouse.rows(
        """
        insert into raw_landing.quarantine by name
        with faults as (
            select
                _file_number as file_number, _row_number as row_number,
                _column_name as column_name, _cause as cause, _reason as reason,
                _row_json as row_json, true as is_row
            from staged
            where _reason is not null
            union all
            select
                file_number, row_number, null as column_name, cause, reason, row_json,
                false as is_row
            from staged_lines
        )
        select
            files.source,
            files.table_name,
            files.instance,
            files.file,
            case when is_row then row_number - counts.rows_before else row_number end as row_number,
            faults.column_name,
            faults.cause,
            faults.reason,
            faults.row_json,
            counts.delivery_day,
            ? as load_id
        from faults
        inner join staged_counts as counts using (file_number)
        inner join raw_landing.files as files on files.file = counts.file
        """,
        [load_id],
    )
    return int(quarantined)


# --- what there is to say -------------------------------------------------------------------------


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


def _notes(warehouse: Warehouse) -> tuple[str, ...]:
    notes = []
    for source, name, has_landed, missing, features, lost, _, marks in warehouse.rows(
        "select * from raw_landing.tables order by source, table_name"
    ):
        if not has_landed:
            notes.append(f"{source}.{name} has not landed; it serves: {features}")
        elif missing:
            notes.append(f"{source}.{name} has landed without {', '.join(missing)}")
        if lost:
            notes.append(f"{source}.{name} lands no longer with {', '.join(lost)}")
        if marks:
            notes.append(
                f"{source}.{name} has columns that look like a mark of the source and are not read:"
                f" {', '.join(marks)}"
            )
    return tuple(notes)


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


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
