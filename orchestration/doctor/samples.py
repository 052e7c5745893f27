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
    UnreadableError,
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
    found: Sequence[FoundFile],
    today: date,
    folder: Path,
    *,
    is_quick: bool = False,
) -> Sample:
    """Reads a sample of the files of one table and organisation. folder: for parts of long files.

    Whatever a file holds, it costs no other anything. is_quick: rows are read of the largest file,
    and of those with other columns than it; of the others only the columns.
    """
    picked = chosen(found)
    sample = Sample(table, found[0].instance, found, [])
    files = []
    for number, file in enumerate(picked):
        day = (file.folder_day or today).isoformat()
        to_read = FileToRead(number, file.path, file.format, file.instance, day)
        try:
            to_read = _beginning(to_read, folder)
            names = _names(to_read, table)
        except (UnreadableError, OSError, EOFError, pa.ArrowException) as error:
            sample.unreadable[file.file] = _why(error, file.path)
            continue
        except Exception as error:
            sample.unreadable[file.file] = _why(error, file.path)
            continue
        sample.names[file.file] = names
        if names:
            sample.matches[file.file] = met(table, names)
        files.append(to_read)
    if is_quick:
        largest = max(files, key=lambda file: picked[file.number].size, default=None)
        files = [
            file
            for file in files
            if file is largest
            or not largest
            or _columns_of(sample, picked[file.number])
            != _columns_of(sample, picked[largest.number])
        ]
    sample.sampled = files
    if not files:
        return sample
    outcome = stage(warehouse, table, files)
    identities.normalise(warehouse, table)
    by_number = {number: file.file for number, file in enumerate(picked)}
    _note_unreadable(sample, outcome, by_number)
    ((sample.rows, sample.good),) = warehouse.rows(
        "select (select count(*) from staged) + (select count(*) from staged_lines),"
        " (select count(*) from staged where _reason is null)"
    )
    sample.refusals = [
        Refusal(column or "", cause or "", rows, by_number[file], row, reason)
        for column, cause, rows, file, row, reason in warehouse.rows(
            "select column_name, cause, count(*), arg_min(file_number, (file_number, row_number)),"
            " arg_min(row_number, (file_number, row_number)),"
            " arg_min(reason, (file_number, row_number)) from ("
            " select _column_name as column_name, _cause as cause, _file_number as file_number,"
            " _row_number as row_number, _reason as reason from staged where _reason is not null"
            " union all select null, cause, file_number, row_number, reason from staged_lines)"
            " group by column_name, cause order by count(*) desc, column_name, cause"
        )
    ]
    if len(table.key) == 1 and _is_id(table, table.key[0]):
        key = quoted(table.key[0])
        sample.ids = frozenset(
            text
            for (text,) in warehouse.rows(
                f"select distinct {key} from staged where _reason is null and {key} is not null"
            )
        )
    _forget(warehouse)
    return sample


def good_rows(warehouse: Warehouse, sample: Sample, table: Table) -> tuple[int, list[Refusal]]:
    """How many rows of the sample are good by what `table` declares, and why others are not."""
    stage(warehouse, table, sample.sampled)
    ((good,),) = warehouse.rows("select count(*) from staged where _reason is null")
    refusals = [
        Refusal(column or "", cause, rows, "", 0, reason)
        for column, cause, rows, reason in warehouse.rows(
            "select _column_name, _cause, count(*), any_value(_reason) from staged"
            " where _reason is not null group by all order by all"
        )
    ]
    _forget(warehouse)
    return good, refusals


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


def _columns_of(sample: Sample, file: FoundFile) -> frozenset[str]:
    return frozenset(sample.names[file.file])


def _is_id(table: Table, name: str) -> bool:
    return any(
        column.name == name and column.identity in ("id", "crm_id") for column in table.columns
    )


def _note_unreadable(sample: Sample, outcome: Outcome, by_number: Mapping[int, str]) -> None:
    for number, reason in (*outcome.unreadable.items(), *outcome.postponed.items()):
        sample.unreadable[by_number[number]] = reason


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
