"""Collects what EL tools fill in database schemas into the landing folder, as deliveries.

Fivetran, Airbyte and the like keep a table of each kind of record and overwrite its rows. What is
new or changed in such a table since the last time is written as a Parquet file to
`LANDING_DIR/<source>[@instance]/<table>/loaded_date=<day>/`, and from there on it is a file like
any other. What was collected before is read from those files themselves; nothing else is kept.

What belongs here: which tables of a schema are ours, what is new in them, the day of the delivery,
writing it. What does not: what becomes of a file (ingest.py), what the settings may be
(rules/checks.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from orchestration.engine.warehouse import Warehouse, connect, is_locked, literal, quoted
from orchestration.landing.contract import Contract, Output, Table, plain_name
from orchestration.landing.discovery import DAY_FOLDER, SHOWN_FILES, counted
from orchestration.landing.manifest import utc
from orchestration.landing.mappings import LAYER
from orchestration.landing.presence import Snapshots
from orchestration.project import FEEDS_SEED, rule_file
from orchestration.settings import PROJECT_DIR

PREFIX = "collected_"
MOMENT = "%Y%m%dT%H%M%SZ"
SYNCED_UNTIL = "synced_until"  # in the metadata of a file: the last sync stamp of the table then
# The stamps of the tools, besides those that a contract or a mapping names.
STAMPS = frozenset(
    map(plain_name, ("_fivetran_synced", "_airbyte_extracted_at", "_airbyte_emitted_at"))
)
# Airbyte writes when a row was deleted; a contract wants to know whether.
DELETED_AT = "_ab_cdc_deleted_at"
DELETION_MARKS = frozenset(map(plain_name, ("_fivetran_deleted", "_deleted", DELETED_AT)))
# Airbyte keeps HubSpot's properties in one column, and mostly in columns of their own besides.
PROPERTIES = "properties_"
# Types that a Parquet file keeps as they are; the others are written as text.
KEPT_TYPES = {
    *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"),
    *("UBIGINT", "FLOAT", "DOUBLE", "VARCHAR", "JSON", "UUID", "DATE", "TIMESTAMP", "TIMESTAMP_MS"),
    "TIMESTAMP WITH TIME ZONE",
}
MOMENTS = ("TIMESTAMP", "TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE")
NESTED_TYPES = ("DECIMAL", "STRUCT", "MAP")
ATTACHED = "el_database"
SETTING = "var raw_schemas"


class CollectError(RuntimeError):
    """Schemas that could not be read; what the others brought is collected. Says what to do."""


@dataclass(frozen=True)
class ElSchema:
    """A schema that a tool fills. name: the source's folder in LANDING_DIR, as salesforce@emea.

    database: the DuckDB file that holds it; None for the warehouse itself.
    """

    name: str
    schema: str
    database: Path | None = None

    @property
    def source(self) -> str:
        return self.name.partition("@")[0]

    @property
    def where(self) -> str:
        """The schema for people."""
        return f"the schema {self.schema} of {self.database or 'the warehouse'}"


@dataclass(frozen=True)
class Known:
    """A table that may stand in a schema. names: by which; folder: where its files land.

    outputs: how a mapping reads it; none where it has the columns of the contract.
    """

    table: Table
    folder: str
    names: tuple[str, ...]
    outputs: tuple[Output, ...] = ()

    @cached_property
    def read(self) -> dict[str, str]:
        """The columns that somebody reads, by their plain names."""
        if self.outputs:
            names = [name for output in self.outputs for _, of in output.columns for name in of]
            names += [one.column for output in self.outputs for one in output.where]
            names += [n for c in self.table.columns if c.is_sync or c.is_deletion for n in c.also]
        else:
            names = [name for column in self.table.columns for name in column.names]
        return {plain_name(name): name for name in names}

    def names_of(self, column: str) -> tuple[str, ...]:
        """The names that a column of the contract has in the schema, the nearest first."""
        (found,) = (one for one in self.table.columns if one.name == column)
        if not self.outputs:
            return found.names
        return dict(self.outputs[0].columns).get(column, ())

    def is_list(self, snapshots: Snapshots) -> bool:
        """Whether it lands as a full list."""
        tables = [output.table for output in self.outputs] or [self.table.name]
        return any((self.table.source, table) in snapshots.tables for table in tables)


@dataclass
class Collected:
    """What came of it. said: one sentence for each schema; problems: what somebody should see."""

    said: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Survey:
    """What a schema holds. fault: why it cannot be read; then there is nothing else.

    tables: (the table of the contract, its name in the schema, its columns). unknown: tables that
    nobody here reads. missing: tables of the source that are not there.
    """

    schema: ElSchema
    fault: str = ""
    tables: tuple[tuple[Known, str, tuple[tuple[str, str], ...]], ...] = ()
    unknown: tuple[str, ...] = ()
    missing: tuple[Known, ...] = ()

    @property
    def is_mapped(self) -> bool:
        return any(known.outputs for known, _, _ in self.tables)


def read_setting(value: Mapping[str, Any] | None) -> list[ElSchema]:
    """The schemas of the var `raw_schemas`, which the checks have found sound.

    A relative path begins in the checkout, as those of the settings do.
    """
    schemas = []
    for name, given in (value or {}).items():
        parts = given if isinstance(given, dict) else {"schema": given}
        path = None
        if "database" in parts:
            path = (PROJECT_DIR / Path(parts["database"]).expanduser()).resolve()
        schemas.append(ElSchema(name, parts["schema"], path))
    return schemas


def collect(
    schemas: Sequence[ElSchema],
    landing_dir: Path,
    contract: Contract,
    now: datetime,
    *,
    warehouse_path: Path,
    snapshots: Snapshots,
    cutoff_hours: int,
) -> Collected:
    """Writes what is new in the schemas to the landing folder, which is made if it is not there.

    now: the moment of this run. cutoff_hours: taken off the moment up to which a tool had copied
    when the day of the delivery is told, as of files without a day. snapshots: tables that are
    written whole when anything in them changed. The database files are only read; nothing in this
    process may have them open. Done again it writes nothing.

    Raises CollectError where schemas cannot be read, once the others are collected.
    """
    collected, faults = Collected(), []
    for survey, warehouse in _surveys(schemas, contract, warehouse_path):
        if survey.fault:
            faults.append(survey.fault)
            continue
        try:
            _collect(warehouse, survey, landing_dir, utc(now), snapshots, cutoff_hours, collected)
        except OSError as error:
            faults.append(
                f"{survey.schema.name}: what is new cannot be written to LANDING_DIR {landing_dir}:"
                f" {error.strerror or error}. Make room, or change its rights"
            )
        except duckdb.Error as error:
            said = str(error).splitlines()[0].rstrip(".")
            faults.append(
                f"{survey.schema.name}: {survey.schema.where} cannot be collected: {said}. If the"
                " tool was writing, run it again; else mend what it says"
            )
    if faults:
        raise CollectError("\n".join(f"{fault}." for fault in faults))
    return collected


def examine(schemas: Sequence[ElSchema], contract: Contract, warehouse_path: Path) -> list[Survey]:
    """What the schemas hold, for those who want to know and write nothing."""
    return [survey for survey, _ in _surveys(schemas, contract, warehouse_path)]


def lacking(known: Known, columns: Sequence[str]) -> list[str]:
    """What a table must have and lacks: columns of the contract, none of a table that is mapped."""
    there = set(map(plain_name, columns))
    if known.outputs:
        return []
    needed = [(column.name,) for column in known.table.columns if column.is_required]
    return [
        " or ".join(group)
        for group in (*needed, *known.table.required_any)
        if not any(there & set(map(plain_name, known.names_of(name))) for name in group)
    ]


# --- what a schema holds --------------------------------------------------------------------------


def _surveys(
    schemas: Sequence[ElSchema], contract: Contract, warehouse_path: Path
) -> Iterator[tuple[Survey, Warehouse]]:
    """Each schema with the connection on which it is attached while it is looked at."""
    with connect(Path(":memory:")) as warehouse:
        for schema in schemas:
            path = schema.database or warehouse_path
            fault = _attach(warehouse, schema, path)
            if fault:
                yield Survey(schema, f"{schema.name}: {fault}"), warehouse
                continue
            try:
                yield _survey(warehouse, schema, contract), warehouse
            finally:
                warehouse.execute(f"detach {ATTACHED}")


def _attach(warehouse: Warehouse, schema: ElSchema, path: Path) -> str:
    """Attaches the file; gives what keeps it from being read, in words."""
    if not path.is_file():
        if schema.database is None:
            return (
                f"{schema.where} cannot be read, for there is no warehouse at {path} yet. Set"
                f" WAREHOUSE_PATH to the file that the tool fills, or name the tool's own file"
                f" ({SETTING}: {{{schema.name}: {{database: path, schema: {schema.schema}}}}})"
            )
        return (
            f"there is no file {path} ({SETTING}). Write the path of the DuckDB file that the tool"
            " fills; a relative one begins in the checkout"
        )
    try:
        warehouse.execute(f"attach {literal(str(path))} as {ATTACHED} (read_only)")
    except duckdb.Error as error:
        said = str(error).splitlines()[0].rstrip(".")
        if is_locked(error):
            return (
                f"{path} is open in another process, probably the tool that fills it, and DuckDB"
                " lets nobody read a file while it is written to. Wait until its sync is done and"
                " run this again"
            )
        return f"{path} cannot be opened as a DuckDB database ({SETTING}): {said}"
    return ""


def _survey(warehouse: Warehouse, schema: ElSchema, contract: Contract) -> Survey:
    named = warehouse.rows(
        "select schema_name, table_name from ("
        " select database_name, schema_name, table_name from duckdb_tables() union all"
        " select database_name, schema_name, view_name from duckdb_views() where not internal)"
        " where database_name = ? order by all",
        [ATTACHED],
    )
    there = [table for of, table in named if of.lower() == schema.schema.lower()]
    if not there:
        others = sorted({of for of, _ in named})
        has = f"It has {', '.join(others[:SHOWN_FILES])}" if others else "It has no table at all"
        return Survey(
            schema,
            f"{schema.name}: {schema.where} is not there, or has no table ({SETTING}). {has}."
            " Write the name of the one that the tool fills",
        )
    by_name: dict[str, str] = {}
    for table in there:
        by_name.setdefault(plain_name(table), table)
    tables, missing, taken = [], [], set()
    for known in known_tables(contract, schema.source):
        found = next((by_name[n] for n in map(plain_name, known.names) if n in by_name), None)
        if found is None:
            missing.append(known)
            continue
        taken.add(found)
        columns = warehouse.rows(f"describe select * from {_full(schema, found)}")
        tables.append((known, found, tuple((str(row[0]), str(row[1])) for row in columns)))
    unknown = [table for table in there if table not in taken and not _is_of_tool(table)]
    if not tables:
        wanted = ", ".join(known.names[0] for known in missing[:SHOWN_FILES])
        return Survey(
            schema,
            f"{schema.name}: {schema.where} holds no table that {schema.source} is known by"
            f" (such as {wanted}); it has {_some(there)}. Name another schema ({SETTING}), or write"
            " a mapping of these tables (docs/mappings.md)",
        )
    return Survey(schema, "", tuple(tables), tuple(unknown), tuple(missing))


def known_tables(contract: Contract, source: str) -> tuple[Known, ...]:
    """The tables that a schema of the source may hold."""
    if system := contract.systems.get(source):
        return tuple(
            Known(
                contract.tables[LAYER, outputs[0].table],
                outputs[0].folder,
                (outputs[0].folder,),
                outputs,
            )
            for outputs in system.folders.values()
        )
    return tuple(
        Known(table, table.name, (table.name, *table.also))
        for (of, _), table in contract.tables.items()
        if of == source
    )


def _is_of_tool(table: str) -> bool:
    """Whether a table is the tool's own: fivetran_audit, _airbyte_raw_accounts, _dlt_loads."""
    return table.startswith("_") or plain_name(table).startswith("fivetran")


def _full(schema: ElSchema, table: str) -> str:
    return f"{ATTACHED}.{quoted(schema.schema)}.{quoted(table)}"


# --- collecting -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reading:
    """How a table of a schema is read. columns: name -> SQL of what is written of it; types: the
    types of these.

    compared: of these, those whose change makes a row another one. key: those that name a record.
    stamps: SQL of the time at which the tool copied the row, a null where there is no such column.
    """

    known: Known
    table: str
    columns: Mapping[str, str]
    types: Mapping[str, str]
    compared: tuple[str, ...]
    key: tuple[str, ...]
    stamps: tuple[str, ...]

    @property
    def source(self) -> str:
        return f"(select {self.listed()} from {self.table})"

    def listed(self) -> str:
        return ", ".join(f"{sql} as {quoted(name)}" for name, sql in self.columns.items())

    def hashed(self, types: Mapping[str, str]) -> str:
        """SQL of key, content and stamp of a row that has columns of these types."""
        small = {name.lower(): name for name in types}

        def text(name: str) -> str:
            found = small.get(name.lower())
            if not found:
                return "null::varchar"
            # The text of a moment takes fifteen times as long, and differs with the type.
            is_moment = types[found] in MOMENTS
            value = f"epoch_us({quoted(found)})" if is_moment else quoted(found)
            # Not marked is as good as no mark.
            return (
                f"nullif(lower({value}::varchar), 'false')"
                if _is_mark(name)
                else (f"{value}::varchar")
            )

        key = ", ".join(f"coalesce({text(name)}, chr(30))" for name in self.key) or "''"
        content = ", ".join(map(text, self.compared)) or "0"
        there = [small[name.lower()] for name in self.stamps if name.lower() in small]
        stamps = [_moment(quoted(name), types[name]) for name in there]
        stamp = f"greatest({', '.join(stamps)})" if stamps else "null::timestamp"
        return f"concat_ws(chr(31), {key}) as _key, hash({content}) as _content, {stamp} as _stamp"


def _reading(schema: ElSchema, known: Known, table: str, types: Mapping[str, str]) -> _Reading:
    columns = {name: _written(name, kind) for name, kind in types.items()}
    by_name: dict[str, str] = {}
    for name in columns:
        by_name.setdefault(plain_name(name), name)
    if DELETED_AT in types and not by_name.keys() & DELETION_MARKS - {plain_name(DELETED_AT)}:
        columns["_deleted"] = f"{quoted(DELETED_AT)} is not null"
    members = _members(known, by_name, types)
    columns |= members
    syncs = STAMPS | {
        plain_name(name)
        for column in known.table.columns
        if column.is_sync
        for name in (*known.names_of(column.name), *column.also)
    }
    stamps = tuple(name for name in columns if plain_name(name) in syncs)
    compared = tuple(
        name
        for name in columns
        if name not in stamps
        and name not in members  # it changes with the column that it is in
        and (not name.startswith("_") or plain_name(name) in known.read or _is_mark(name))
    )
    key = [
        next((by_name[n] for n in map(plain_name, known.names_of(column)) if n in by_name), None)
        for column in known.table.key
    ]
    return _Reading(
        known,
        _full(schema, table),
        columns,
        {
            name: types.get(name, "VARCHAR") if sql == quoted(name) else "VARCHAR"
            for name, sql in columns.items()
        },
        compared,
        tuple(name for name in key if name),
        stamps,
    )


def _is_mark(name: str) -> bool:
    return plain_name(name) in DELETION_MARKS


def _written(name: str, kind: str) -> str:
    if kind in KEPT_TYPES or kind.startswith(NESTED_TYPES) or kind.endswith("]"):
        return quoted(name)
    return f"{quoted(name)}::varchar"


def _members(known: Known, by_name: Mapping[str, str], types: Mapping[str, str]) -> dict[str, str]:
    """What stands inside a column: `Owner.id` of a mapping, or one of HubSpot's properties."""
    members = {}
    for name in (name for plain, name in known.read.items() if plain not in by_name):
        is_property = name.startswith(PROPERTIES)
        at, _, member = name.partition("_" if is_property else ".")
        column = by_name.get(plain_name(at))
        if not member or not column:
            continue
        kind, text = types[column], quoted(column)
        if kind.startswith(("STRUCT", "MAP")):
            json = f"to_json({text})"
        elif kind == "JSON" or (kind == "VARCHAR" and is_property):
            json = f"case when json_valid({text}) then {text} end"
        else:
            continue
        path = literal(f"/{member.replace('~', '~0').replace('/', '~1')}")
        members[name] = f"json_extract_string({json}, {path})"
    return members


def _moment(text: str, kind: str) -> str:
    """SQL of a stamp as a UTC timestamp; null where it is none."""
    stamp = text if kind in MOMENTS else f"try_cast({text}::varchar as timestamptz)"
    return f"case when isfinite({stamp}) then make_timestamp(epoch_us({stamp})) end"


def _collect(
    warehouse: Warehouse,
    survey: Survey,
    landing_dir: Path,
    now: datetime,
    snapshots: Snapshots,
    cutoff_hours: int,
    collected: Collected,
) -> None:
    schema = survey.schema
    readings = [_reading(schema, known, at, dict(types)) for known, at, types in survey.tables]
    synced = {reading.known.folder: _synced_until(warehouse, reading, now) for reading in readings}
    until = max((stamp for stamp in synced.values() if stamp), default=None)
    counts: dict[str, int] = {}
    for reading in readings:
        known = reading.known
        table = _Table(
            warehouse,
            reading,
            landing_dir / schema.name / known.folder,
            known.is_list(snapshots),
            now,
            cutoff_hours,
        )
        rows, gone = table.collect(synced[known.folder], until)
        counts[known.folder] = rows
        if gone:
            collected.problems.append(
                f"{schema.name}.{known.folder}: {counted(gone, 'record')} collected before"
                f" {'is' if gone == 1 else 'are'} no longer in {schema.where}, and no row says that"
                f" {'it was' if gone == 1 else 'they were'} deleted, so"
                f" {'it stays' if gone == 1 else 'they stay'}. If the tool copies the whole table"
                f" each time, set its load_mode to snapshot in {rule_file(FEEDS_SEED)}"
            )
    filled = {folder: rows for folder, rows in counts.items() if rows}
    listed = ", ".join(f"{folder} {rows:,}" for folder, rows in filled.items())
    collected.said.append(
        f"{schema.name}: {counted(sum(filled.values()), 'new or changed row')} collected from"
        f" {schema.where}{f' ({listed})' if filled else ''}"
    )
    collected.problems += _notes(survey, landing_dir)


def _notes(survey: Survey, landing_dir: Path) -> Iterator[str]:
    schema = survey.schema
    gone = [
        known.folder for known in survey.missing if _files(landing_dir / schema.name / known.folder)
    ]
    if gone:
        yield (
            f"{schema.name}: {schema.where} no longer has the table {', '.join(gone)}; what was"
            " collected stays, and nothing new comes. If the tool renamed it, put it back or map it"
        )
    if survey.unknown:
        yield (
            f"{schema.name}: {schema.where} has tables that nothing here reads:"
            f" {_some(survey.unknown)}"
        )


def _some(names: Sequence[str]) -> str:
    more = len(names) - SHOWN_FILES
    and_more = f" and {counted(more, 'more table')}" if more > 0 else ""
    return ", ".join(names[:SHOWN_FILES]) + and_more


def _synced_until(warehouse: Warehouse, reading: _Reading, now: datetime) -> datetime | None:
    """The last stamp in a table, no later than now: a clock that is ahead is no later day."""
    if not reading.stamps:
        return None
    stamps = ", ".join(_moment(quoted(name), reading.types[name]) for name in reading.stamps)
    ((last,),) = warehouse.rows(f"select max(greatest({stamps})) from {reading.table}")
    return min(last, now) if last else None


@dataclass(frozen=True)
class _Table:
    """One table of a schema and its folder of files."""

    warehouse: Warehouse
    reading: _Reading
    folder: Path
    is_list: bool
    now: datetime
    cutoff_hours: int

    def collect(self, synced: datetime | None, until: datetime | None) -> tuple[int, int]:
        """Writes a file if there is something to say; gives its rows, and how many are gone.

        synced: the last stamp of the table; until: that of the schema.
        """
        files = _files(self.folder)
        for draft in self.folder.glob(f".{PREFIX}*"):
            draft.unlink()  # of a run that was killed
        before = self._synced_before(files)
        has_run = synced is not None and (before is None or synced > before)
        # Without a stamp that moved, it is not known when before now it changed.
        day = self._day(until if has_run and until else self.now)
        if not files:
            return self._write(self.reading.source, files, day, synced), 0
        if self.is_list or not self.reading.key:
            rows, gone = self._whole(files, day, synced), 0
        else:
            rows, gone = self._changes(files, day, synced)
        # The tool has read the source and found nothing new: that is a sign of life, which an empty
        # file gives. An empty full list would say that all is gone.
        if has_run and synced and not rows and not self.is_list:
            alive = self._day(synced)
            if alive > max(_day_of(file) for file in files):
                self._write(f"{self.reading.source} where false", files, alive, synced, True)
        return rows, gone

    def _whole(self, files: Sequence[Path], day: date, synced: datetime | None) -> int:
        """Writes the whole table if its rows are others than those of the last file."""
        last = files[-1] if self.is_list else self._last_filled(files)
        hashed = self.reading.hashed(self.reading.types)
        ((differs,),) = self.warehouse.rows(
            f"""
            with there as (
                select _content, count(*) as rows
                from (select {hashed} from {self.reading.source}) group by _content
            ),
            before as (
                select _content, count(*) as rows from ({self._collected([last])}) group by _content
            )
            select count(*) > 0 from there full join before using (_content)
            where there.rows is distinct from before.rows
            """
        )
        if not differs:
            return 0
        return self._write(self.reading.source, files, day, synced, self.is_list)

    def _last_filled(self, files: Sequence[Path]) -> Path:
        rows = dict(
            self.warehouse.rows(
                f"select file_name, num_rows from parquet_file_metadata({_list(files)})"
            )
        )
        return next((file for file in reversed(files) if rows[str(file)]), files[-1])

    def _changes(
        self, files: Sequence[Path], day: date, synced: datetime | None
    ) -> tuple[int, int]:
        """Writes rows whose record is new or another one than when it was last collected.

        A table may keep several versions of a record; of those, one that was collected with this
        very stamp is not new again because another came after it.
        """
        run = self.warehouse.execute
        hashed = self.reading.hashed(self.reading.types)
        run(f"create or replace temp table collected as {self._collected(files)}")
        run(f"create or replace temp table current as select {hashed} from {self.reading.source}")
        run(
            """
            create or replace temp table last_known as
            select _key, arg_max(_content, _file || coalesce(_stamp::varchar, '')) as _content
            from collected group by _key
            """
        )
        run(
            """
            create or replace temp table versions as
            select _key, _content, _stamp from collected
            semi join (
                select _key from current group by _key having count(*) > 1
            ) as several using (_key)
            """
        )
        names = ", ".join(f"there.{quoted(name)}" for name in self.reading.columns)
        rows = self._write(
            f"""(
            select {names} from (select *, {hashed} from {self.reading.source}) as there
            anti join last_known
                on last_known._key = there._key and last_known._content = there._content
            anti join versions
                on versions._key = there._key and versions._content = there._content
                and versions._stamp is not distinct from there._stamp
            )""",
            files,
            day,
            synced,
        )
        ((gone,),) = self.warehouse.rows(
            "select count(*) from (select distinct _key from collected) anti join current"
            " using (_key)"
        )
        for table in ("versions", "last_known", "current", "collected"):
            run(f"drop table {table}")
        return rows, gone

    def _collected(self, files: Sequence[Path]) -> str:
        """SQL of key, content and stamp of the rows of files; columns may differ from file to file.

        Files of the same columns and types are read together, for types that differ cannot be.
        """
        alike: dict[Any, list[Path]] = {}
        for file, described in self.warehouse.rows(
            "select file_name, list((name, type, converted_type, logical_type, num_children))"
            f" from parquet_schema({_list(files)}) group by file_name order by file_name"
        ):
            alike.setdefault(str(described), []).append(Path(file))
        parts = []
        for group in alike.values():
            read = f"read_parquet({_list(group)}, hive_partitioning = false"
            types = dict(row[:2] for row in self.warehouse.rows(f"describe from {read})"))
            parts.append(
                f"select {self.reading.hashed(types)}, parse_filename(_read_from) as _file"
                f" from {read}, filename = '_read_from')"
            )
        return " union all ".join(parts)

    def _synced_before(self, files: Sequence[Path]) -> datetime | None:
        if not files:
            return None
        ((last,),) = self.warehouse.rows(
            "select max(try_cast(decode(value) as timestamp)) from"
            f" parquet_kv_metadata({_list(files)}) where decode(key) = '{SYNCED_UNTIL}'"
        )
        return last if isinstance(last, datetime) else None

    def _day(self, moment: datetime) -> date:
        return (moment - timedelta(hours=self.cutoff_hours)).date()

    def _write(
        self,
        rows: str,
        files: Sequence[Path],
        day: date,
        synced: datetime | None,
        is_kept_empty: bool = False,
    ) -> int:
        """Writes the rows (SQL) as the next file of the table; without rows there is none."""
        moment = self.now.replace(microsecond=0)
        if files:  # what was collected later is of no earlier day
            day = max(day, *map(_day_of, files))
            last = datetime.strptime(files[-1].stem.removeprefix(PREFIX), MOMENT)
            moment = max(moment, last + timedelta(seconds=1))
        name = f"{PREFIX}{moment.strftime(MOMENT)}.parquet"
        draft = self.folder / f".{name}"
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp = f", kv_metadata {{{SYNCED_UNTIL}: '{synced}'}}" if synced else ""
        try:
            ((written,),) = self.warehouse.rows(
                f"copy (select * from {rows}) to {literal(str(draft))}"
                f" (format parquet, compression zstd{stamp})"
            )
            if written or is_kept_empty:
                place = self.folder / f"{DAY_FOLDER}{day}"
                place.mkdir(exist_ok=True)
                os.replace(draft, place / name)
        finally:
            draft.unlink(missing_ok=True)
        return int(written)


def _files(folder: Path) -> list[Path]:
    """What was collected of a table, in the order in which it was."""
    return sorted(folder.glob(f"{DAY_FOLDER}*/{PREFIX}*.parquet"), key=lambda path: path.name)


def _day_of(file: Path) -> date:
    return date.fromisoformat(file.parent.name.removeprefix(DAY_FOLDER))


def _list(files: Iterable[Path]) -> str:
    return "[" + ", ".join(literal(str(file)) for file in files) + "]"
