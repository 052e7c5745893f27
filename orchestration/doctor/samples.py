"""A sample of what lands, read as the ingestion reads it.

Of each table and organisation a few files are read, of a long file its first rows. The sample goes
through the ingestion's own reader into memory, so what it refuses here it would refuse there.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.engine.warehouse import Warehouse, quoted
from orchestration.landing import identities
from orchestration.landing.contract import Column, Table
from orchestration.landing.discovery import FoundFile
from orchestration.landing.files import (
    FileToRead,
    Match,
    Outcome,
    met,
    names_in,
    stage,
)

# A table's first file, its largest and its last: history, bulk, and the export as it is now.
SAMPLED_ROWS = 2_000  # of a file
SAMPLED_BYTES = 1 << 20
SAMPLED_VALUES = 1_000  # of a column, where they are looked at one by one
TEMPORARY = ("staged", "staged_lines", "staged_files", "staged_rewrites")


@dataclass(frozen=True)
class Refusal:
    """Rows that would go to quarantine for one cause of one column. file: of the first of them."""

    column: str
    cause: str
    rows: int
    file: str
    row: int
    reason: str


@dataclass
class Sample:
    """What a sample of a table's files shows. matches, names: by file, in the order of days."""

    table: Table
    instance: str
    found: Sequence[FoundFile]
    sampled: Sequence[FileToRead]
    rows: int = 0
    good: int = 0
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    matches: dict[str, Match] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    ids: frozenset[str] = frozenset()

    @property
    def feed(self) -> str:
        """The name for people, such as `salesforce@emea.account`."""
        at = "" if self.instance == "main" else f"@{self.instance}"
        return f"{self.table.source}{at}.{self.table.name}"

    @property
    def columns(self) -> frozenset[str]:
        return frozenset(name for match in self.matches.values() for name in match.places)


def chosen(found: Sequence[FoundFile]) -> list[FoundFile]:
    """The files of a table to look into, in the order of their days."""
    ordered = sorted(found, key=lambda file: (file.folder_day or date.max, file.written_ns))
    filled = [file for file in ordered if file.size] or ordered
    few = {file.file: file for file in (filled[0], max(filled, key=lambda f: f.size), filled[-1])}
    return [file for file in ordered if file.file in few]


def take(
    warehouse: Warehouse,
    table: Table,
    by_instance: Mapping[str, Sequence[FoundFile]],
    today: date,
    folder: Path,
    *,
    is_quick: bool = False,
) -> list[Sample]:
    """Reads a sample of a table's files, of each organisation. folder: for parts of long files.

    Whatever a file holds, it costs no other anything. is_quick: rows are read of the largest file,
    and of those with other columns than it; of the others only the columns.
    """
    taken: list[Sample] = []
    of_file: list[Sample] = []  # by the number of a file
    files: list[FileToRead] = []
    names_of: list[str] = []
    for instance, found in sorted(by_instance.items()):
        sample = Sample(table, instance, found, [])
        taken.append(sample)
        readable: list[tuple[FoundFile, FileToRead]] = []
        for file in chosen(found):
            day = (file.folder_day or today).isoformat()
            to_read = FileToRead(
                len(of_file), file.path, file.format, instance, day, mapping=file.mapping
            )
            of_file.append(sample)
            names_of.append(file.file)
            try:
                to_read = _beginning(to_read, folder)
                names = _names(to_read, table)
            except Exception as error:
                sample.unreadable[file.file] = _why(error, file.path)
                continue
            sample.names[file.file] = names
            if names:
                sample.matches[file.file] = met(table, names)
            readable.append((file, to_read))
        if is_quick and readable:
            largest = max(readable, key=lambda pair: pair[0].size)[0].file
            readable = [
                (file, to_read)
                for file, to_read in readable
                if file.file == largest
                or set(sample.names[file.file]) != set(sample.names[largest])
            ]
        sample.sampled = [to_read for _, to_read in readable]
        files += sample.sampled
    if files:
        outcome = stage(warehouse, table, files)
        identities.normalise(warehouse, table)
        _count(warehouse, table, of_file, names_of, outcome)
        _forget(warehouse)
    return taken


def _count(
    warehouse: Warehouse,
    table: Table,
    of_file: Sequence[Sample],
    names: Sequence[str],
    outcome: Outcome,
) -> None:
    """Writes into the samples what became of their rows."""
    for number, reason in (*outcome.unreadable.items(), *outcome.postponed.items()):
        of_file[number].unreadable[names[number]] = reason
    refused: dict[tuple[int, str, str], Refusal] = {}
    for number, column, cause, rows, row, reason in warehouse.rows(
        "select file_number, column_name, cause, count(*), min(row_number),"
        " arg_min(reason, row_number) from ("
        " select _file_number as file_number, _column_name as column_name, _cause as cause,"
        " _row_number as row_number, _reason as reason from staged"
        " union all select file_number, null, cause, row_number, reason from staged_lines)"
        " group by file_number, column_name, cause order by file_number, column_name, cause"
    ):
        sample = of_file[number]
        sample.rows += rows
        if reason is None:
            sample.good += rows
            continue
        row -= outcome.rows_before.get(number, 0)
        key = id(sample), column or "", cause or ""
        first = refused.setdefault(
            key, Refusal(column or "", cause or "", 0, names[number], row, reason)
        )
        refused[key] = replace(first, rows=first.rows + rows)
    for (of_sample, _, _), refusal in refused.items():
        next(each for each in of_file if id(each) == of_sample).refusals.append(refusal)
    for sample in of_file:
        sample.refusals.sort(key=lambda refusal: (-refusal.rows, refusal.column, refusal.cause))
    if len(table.key) == 1 and _is_id(table, table.key[0]):
        key_column = quoted(table.key[0])
        ids: dict[int, set[str]] = {}
        for number, text in warehouse.rows(
            f"select distinct _file_number, {key_column} from staged"
            f" where _reason is null and {key_column} is not null"
        ):
            ids.setdefault(id(of_file[number]), set()).add(text)
        for sample in of_file:
            sample.ids = frozenset(ids.get(id(sample), ()))


def texts(warehouse: Warehouse, sample: Sample) -> dict[str, list[str]]:
    """Values as they are written: of the contract's columns that the files have, and of others.

    Those outside the contract go by their name in the file.
    """
    plain = replace(
        sample.table,
        columns=tuple(
            Column(column.name, "text", also=column.also) for column in sample.table.columns
        ),
        version=(),
        month=None,
        required_any=(),
        ordered=(),
        date_formats=(),
        number_style="plain",
    )
    stage(warehouse, plain, sample.sampled)
    values: dict[str, list[str]] = {}
    for name in sorted(sample.columns):
        values[name] = [
            text
            for (text,) in warehouse.rows(
                f"select distinct {quoted(name)} from staged where {quoted(name)} is not null"
                f" order by all limit {SAMPLED_VALUES}"
            )
        ]
    for (extra,) in warehouse.rows(
        f"select _extra from staged where _extra is not null limit {SAMPLED_VALUES}"
    ):
        for name, value in json.loads(extra).items():
            if value is not None:
                text = value if isinstance(value, str) else json.dumps(value)
                values.setdefault(name, []).append(text)
    _forget(warehouse)
    return values


def _is_id(table: Table, name: str) -> bool:
    return any(
        column.name == name and column.identity in ("id", "crm_id") for column in table.columns
    )


def _forget(warehouse: Warehouse) -> None:
    for name in TEMPORARY:
        warehouse.execute(f"drop table if exists temp.{name}")


def _why(error: Exception, path: Path) -> str:
    said = getattr(error, "strerror", None) or str(error).strip().split("\n")[0]
    return said.replace(str(path), "the file") or type(error).__name__


def _names(file: FileToRead, table: Table) -> tuple[str, ...]:
    """The columns as the file names them, of JSON lines all that its lines name."""
    if file.format != "jsonl":
        return names_in(file, table)
    names: dict[str, None] = {}
    with _open(file) as handle:
        for line in handle:
            try:
                read: Any = json.loads(line)
            except ValueError:
                continue  # the reader says what is wrong with it
            if isinstance(read, dict):
                names.update(dict.fromkeys(read))
    return tuple(names)


def _beginning(file: FileToRead, folder: Path) -> FileToRead:
    """The file itself if it is short, else a file in `folder` with its first rows."""
    size = file.path.stat().st_size
    if file.format == "parquet":
        return _first_batch(file, folder)
    if not file.is_zipped and size <= SAMPLED_BYTES:
        return file
    with _open(file) as handle:
        head = handle.read(SAMPLED_BYTES)
        is_whole = not handle.read(1)
    lines = head.splitlines(keepends=True)
    if not is_whole:
        lines.pop()  # it may be cut
    if len(lines) > SAMPLED_ROWS:
        del lines[SAMPLED_ROWS:]
        is_whole = False
    # A value of several lines must not be cut either.
    for _ in range(0 if is_whole else min(100, len(lines))):
        if sum(line.count(b'"') for line in lines) % 2 == 0:
            break
        lines.pop()
    copy = folder / f"{file.number}-{abs(hash(str(file.path)))}.{file.format}"
    copy.write_bytes(b"".join(lines))
    return replace(file, path=copy)


def _first_batch(file: FileToRead, folder: Path) -> FileToRead:
    try:
        with pq.ParquetFile(file.path) as parquet:
            if parquet.metadata.num_rows <= SAMPLED_ROWS:
                return file
            batch = next(parquet.iter_batches(batch_size=SAMPLED_ROWS))
    except (pa.ArrowException, OSError, StopIteration):
        return file  # the reader says what is wrong with it
    copy = folder / f"{file.number}-{abs(hash(str(file.path)))}.parquet"
    pq.write_table(pa.Table.from_batches([batch]), copy, compression="none")
    return replace(file, path=copy)


def _open(file: FileToRead) -> BinaryIO:
    return cast(BinaryIO, gzip.open(file.path)) if file.is_zipped else file.path.open("rb")
