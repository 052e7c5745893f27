"""Reads the files of one table into the temporary table `staged`, as typed rows with their faults.

What belongs here: formats (csv, parquet, jsonl), column names, casts, what is wrong with a row.
What does not: which files are taken and when (ingest.py), duplicates (verdicts.py), the raw tables
(raw_tables.py).

Files that look alike (format, dialect, columns) are read by one statement; when that fails they are
read one by one, so that a broken file costs nobody else anything. A csv file that the engine reads
otherwise than its lines say is copied without what is broken, and the copy is read.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.engine.warehouse import Warehouse, literal, quoted
from orchestration.landing import identities
from orchestration.landing.contract import Column, Condition, Output, Table, plain_name
from orchestration.landing.fates import (
    AHEAD,
    COLUMN_MISSING,
    MALFORMED,
    MISSING,
    NOT_OF_TYPE,
    NOT_UTF8,
    OF_REJECTS,
    OUT_OF_ORDER,
    OUT_OF_RANGE,
    TOO_LONG,
    UNKNOWN_WORD,
    Fault,
    faults_of_a_row,
    told_of_a_row,
)
from orchestration.landing.mappings import ELSE, EMPTY, as_mapped

SQL_TYPES = {
    "text": "varchar",
    "integer": "bigint",
    "double": "double",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}
WHOLE_TYPES = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
STAMP_TYPES = {"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
# Faults of the machine or of the whole database: no file is to blame.
NOT_OF_A_FILE = (duckdb.FatalException, duckdb.InterruptException, MemoryError)
HEAD_BYTES = 1 << 16  # the first look at a file
LONG_HEAD_BYTES = 1 << 23  # a csv header must end within this
HEAD_LINES = 30  # of a csv file, among which its header is looked for
QUOTED_LINES = 1000  # a quoted value has no more lines: behind them its quote was never closed
MANY_EXTRAS = 50  # columns outside the contract; more are taken as one list
WAIT_DAYS = 366  # a modification time so long after its delivery never was
CHUNK_BYTES = 1 << 20  # read at a time
LINE_BYTES = 64 << 20  # a longer line is malformed
csv.field_size_limit(LINE_BYTES)
LINE_END = rb"\r\n|\n|\r"
BOM = b"\xef\xbb\xbf"
WEB_PAGE = re.compile(rb"\s*<(!doctype|html|\?xml|head|body)", re.IGNORECASE)
SEPARATOR_LINE = re.compile(rb'"?sep=(.)"?', re.IGNORECASE)
UNLOADED_NULLS = (r"\N", "NULL")  # how databases unload a value that is none
WRITTEN_DAY = "^ *[0-9]{4}-[0-9]{2}-[0-9]{2}"
FIRST_YEAR = 1000  # a date before it was not written with a whole year
# A number as people write it, in capitals: sign, currency, digits in groups, scale, currency, sign.
_MONEY = (
    "(?:(?:US|CA|AU|NZ|HK|A|C|S)?[$]|[€£¥₹]|USD|EUR|GBP|CHF|JPY|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK"
    "|INR|CNY|SGD|HKD|BRL|MXN|ZAR|KRW|ILS|AED|TRY)"
)
_GAP = "[ \u00a0\u202f]*"
WRITTEN_NUMBER = (
    f"[(]?{_GAP}[+\u2212-]?{_GAP}(?:{_MONEY}{_GAP}[+\u2212-]?)?{_GAP}"
    "([0-9]{1,3}(?:,[0-9]{3})+(?:[.][0-9]*)?|[0-9]+(?:[.][0-9]*)?|[.][0-9]+)"
    f"{_GAP}(K|MM?|MN|MIO|BN?|TN?)?{_GAP}{_MONEY}?{_GAP}%?{_GAP}[)]?"
)
# Exports write true and false in more words than the engine reads.
YES_AND_NO = {"yes": "true", "no": "false", "y": "true", "n": "false", "x": "true"}
SHOWN_LETTERS = 80  # of a bad value in a reason
NOT_TEXT, LONG_VALUE = "not UTF-8", f"field larger than field limit ({LINE_BYTES})"
NO_CSV_ROWS = {NOT_TEXT: NOT_UTF8, LONG_VALUE: TOO_LONG}  # all else is malformed


@dataclass(frozen=True)
class FileToRead:
    """A file of a table. `number` is its place in this load, `format` csv, parquet or jsonl."""

    number: int
    path: Path
    format: str
    instance: str
    delivery_day: str
    mapping: Output | None = None

    @property
    def is_zipped(self) -> bool:
        return self.path.name.lower().endswith(".gz")


@dataclass(frozen=True)
class Layout:
    """What files must share to be read by one statement.

    names: columns as delivered; types: the engine's types (parquet only); delimiter, skip (lines
    before the header), is_zipped, is_odd, has_title: csv only.
    """

    format: str
    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    delimiter: str = ""
    skip: int = 0
    is_zipped: bool = False
    is_odd: bool = False  # it is read through a mended copy
    has_title: bool = False  # lines that are no header stand above it


@dataclass(frozen=True)
class Match:
    """How a file's columns meet the contract."""

    places: Mapping[str, int]  # contract column -> place in the file
    others: Mapping[str, Sequence[int]]  # contract column -> places of its other names
    extras: Mapping[str, int]  # the other columns
    missing: Mapping[str, str]  # required column -> sentence with the nearest name
    conditions: Mapping[str, int] = field(default_factory=dict)  # column of a filter -> place

    @property
    def fault(self) -> str:
        """What all rows of the file lack, in words."""
        nothing = () if self.places else ("the contract knows none of its columns",)
        return "; ".join([*nothing, *self.missing.values()])


@dataclass(frozen=True)
class Value:
    """SQL of a delivered value.

    text: as text, null when empty; typed: in the contract's type, None where it is cast from text;
    given: the condition that there is a value (only beside typed).
    """

    text: str
    typed: str | None = None
    given: str = ""


@dataclass
class Outcome:
    """What was found out about the files of a load, by their number."""

    columns: dict[int, tuple[str, ...]] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)  # all its rows are in quarantine: why
    unreadable: dict[int, str] = field(default_factory=dict)
    rows_before: dict[int, int] = field(default_factory=dict)  # to take off a file's row numbers
    postponed: dict[int, str] = field(default_factory=dict)  # could not be opened now
    header_lines: dict[int, int] = field(default_factory=dict)  # where it is not the first: which


class UnreadableError(ValueError):
    """A file that no reader understands; the message is the reason in words."""


def stage(warehouse: Warehouse, table: Table, files: Sequence[FileToRead]) -> Outcome:
    """Fills the temporary tables `staged`, `staged_lines` and `staged_files` from the files.

    staged: _file_number, _row_number (rising in the file), _instance, _delivery_day, the contract's
    columns, _extra, _host_<column>, _reason (null = the row is good) with _cause and _column_name
    (see fates.py), _row_json, _is_unusual (an identity in it is to be looked at, see
    identities.py). What stands beside the contract's columns begins with _, as none of them does,
    so that they may have any name.
    staged_lines: csv and jsonl lines that are no rows: file_number, row_number (the line), reason,
    cause, row_json. staged_files: file_number, path, instance, delivery_day. staged_left_out:
    file_number, left_out, the rows that a mapping leaves out; these are not staged.
    """
    _create(warehouse, table, files)
    outcome = Outcome()
    groups: dict[tuple[Table, Layout], list[FileToRead]] = {}
    for file in files:
        read_as = as_mapped(table, file.mapping) if file.mapping else table
        try:
            layout = _layout(file, read_as)
        except NOT_OF_A_FILE:
            raise
        except OSError as error:
            outcome.postponed[file.number] = error.strerror or str(error)
        except Exception as error:  # whatever a file holds, it costs no other file anything
            outcome.unreadable[file.number] = _in_words(error, file)
        else:
            if layout is None:
                outcome.columns[file.number] = ()
            else:
                groups.setdefault((read_as, layout), []).append(file)
                if layout.has_title:
                    outcome.header_lines[file.number] = layout.skip + 1
    for (read_as, layout), group in groups.items():
        _stage_group(warehouse, read_as, layout, group, outcome)
    _leave_out(warehouse)
    return outcome


def names_in(file: FileToRead, table: Table) -> tuple[str, ...]:
    """The columns of a csv or parquet file as it names them; none of an empty one.

    Of JSON lines there are none: each line names its values itself. Raises UnreadableError and
    OSError.
    """
    layout = _layout(file, table)
    return layout.names if layout else ()


def met(table: Table, names: Sequence[str]) -> Match:
    """How columns of these names would meet the contract."""
    return _match(table, names)


def _leave_out(warehouse: Warehouse) -> None:
    """Takes off what a mapping leaves out, and keeps how many rows that were."""
    warehouse.execute(
        "create or replace temp table staged_left_out as select _file_number as file_number,"
        " count(*) as left_out from staged where _is_left_out group by _file_number"
    )
    warehouse.execute("delete from staged where _is_left_out")


# --- what a file looks like -----------------------------------------------------------------------


def _layout(file: FileToRead, table: Table) -> Layout | None:
    """How the file is read; None when it is empty, which is a delivery of no rows."""
    if file.path.stat().st_size == 0:
        return None
    if file.format == "jsonl":
        head = _head(file)
        _refuse_web_page(head)
        return Layout("jsonl", is_zipped=file.is_zipped) if head.strip() else None
    if file.format == "parquet":
        if file.is_zipped:
            raise UnreadableError("a parquet file is compressed inside; unzip it")
        try:
            schema = pq.read_schema(file.path)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno:
                raise  # the system's fault, not the file's
            raise UnreadableError(f"not a parquet file ({_first_line(error)})") from error
        if any("\x00" in name for name in schema.names):
            raise UnreadableError("the name of a column holds a NUL character")
        return Layout("parquet", tuple(schema.names), tuple(str(kind) for kind in schema.types))
    return _csv_layout(file, table)


def _head(file: FileToRead) -> bytes:
    """The first bytes of a text file, with a whole line. A zipped one is unpacked to its end.

    The engine takes a zipped file that was cut off for a whole one: its checksum is tested here.
    """
    try:
        with _open(file) as handle:
            head = handle.read(HEAD_BYTES)
            if len(head) == HEAD_BYTES and len(head.lstrip().splitlines()) < 2:
                head += handle.read(LONG_HEAD_BYTES - HEAD_BYTES)
            while file.is_zipped and handle.read(CHUNK_BYTES):
                pass
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UnreadableError(f"a broken gzip file ({error})") from error
    return head


def _open(file: FileToRead) -> BinaryIO:
    """A text file as bytes, unpacked."""
    return cast(BinaryIO, gzip.open(file.path)) if file.is_zipped else file.path.open("rb")


def _refuse_web_page(head: bytes) -> None:
    if WEB_PAGE.match(head.removeprefix(BOM)):
        raise UnreadableError("a web page and no table: the export may have ended in an error page")


def _csv_layout(file: FileToRead, table: Table) -> Layout | None:
    head = _head(file)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableError("encoded as UTF-16; it must be UTF-8")
    _refuse_web_page(head)
    lines = _lines(head.removeprefix(BOM))
    skip = next((place for place, line in enumerate(lines) if line.strip()), None)
    if skip is None:
        return None
    separator = SEPARATOR_LINE.fullmatch(lines[skip].strip())
    if separator:
        after = (place for place in range(skip + 1, len(lines)) if lines[place].strip())
        skip = next(after, skip)
    else:
        skip = _header_place(lines, skip, table)
    try:
        header = _header(lines[skip:]).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError("the header is not UTF-8") from error
    if "\x00" in header:
        raise UnreadableError("not a text file")
    given = separator.group(1).decode("latin-1") if separator else ""
    delimiter, names = _dialect(header, table, given)
    is_unclosed = header.count('"') % 2 == 1
    if is_unclosed and any(delimiter in name for name in names):
        delimiter, names = _dialect(header.replace('"', ""), table, given)
    if not _match(table, names).places and header.lstrip()[:1] in ("{", "["):
        shown = header.strip()[:SHOWN_LETTERS]
        raise UnreadableError(f"JSON and no csv: it begins with {shown}")
    has_title = any(line.strip() for line in lines[:skip])
    ends = islice(re.finditer(LINE_END, head.removeprefix(BOM)), skip + 1)
    is_odd = is_unclosed or "\n" in header or has_title or len({end.group() for end in ends}) > 1
    return Layout(
        "csv",
        names,
        delimiter=delimiter,
        skip=skip,
        is_zipped=file.is_zipped,
        is_odd=is_odd,
        has_title=has_title and not separator,
    )


def _lines(text: bytes) -> list[bytes]:
    return re.split(LINE_END, text)


def _header_place(lines: Sequence[bytes], first: int, table: Table) -> int:
    """The line of the header: the first that is filled, unless only a later one has all we need.

    Reports put their name and their days above the header. No row of values names all columns
    that the contract requires, and two at least.
    """
    for place, line in enumerate(lines[: first + HEAD_LINES]):
        if place < first or not line.strip():
            continue
        names = _dialect(_header(lines[place:]).decode("utf-8", "replace"), table)[1]
        match = _match(table, names)
        if not match.missing and (place == first or len(match.places) > 1):
            return place
    return first


def _header(lines: Sequence[bytes]) -> bytes:
    """The first line, with those after it that belong to it: a quoted name may hold line breaks."""
    quotes = 0
    for place, line in enumerate(lines[:HEAD_LINES]):
        quotes += line.count(b'"')
        if quotes % 2 == 0:
            return b"\n".join(lines[: place + 1])
    return lines[0]


@lru_cache(maxsize=1024)
def _dialect(header: str, table: Table, given: str = "") -> tuple[str, tuple[str, ...]]:
    """The delimiter by which most names of a header are the contract's, and the names.

    given: the delimiter, where the file says it.
    """
    known = {plain_name(name) for name in _names_in_files(table)}

    def split(delimiter: str) -> tuple[str, ...]:
        return tuple(next(csv.reader(StringIO(header, newline=""), delimiter=delimiter), ()))

    def fitness(delimiter: str) -> tuple[int, int]:
        names = split(delimiter)
        return len(known & {plain_name(name) for name in names}), len(names)

    delimiter = given or max(",;\t|", key=fitness)
    return delimiter, split(delimiter)


def _match(table: Table, names: Sequence[str]) -> Match:
    """Meets a file's column names with the contract, by name without case and separators.

    The nearest name of a column is taken; its others are told too, for JSON lines name each value.
    """
    if table.mapping:
        return _match_mapped(table, table.mapping, names)
    wanted = {
        plain_name(name): (column.name, rank)
        for column in table.columns
        for rank, name in enumerate(column.names)
    }
    own = {column.name for column in table.columns}
    places: dict[str, int] = {}
    others: dict[str, list[int]] = {}
    extras: dict[str, int] = {}

    def closeness(place: int) -> int:
        """An exact name goes first, then one of other case or separators, then the others."""
        if names[place] in own:
            return -1
        return wanted.get(plain_name(names[place]), ("", 0))[1]

    for place in sorted(range(len(names)), key=closeness):
        name, _ = wanted.get(plain_name(names[place]), ("", 0))
        if name and name not in places:
            places[name] = place
        else:
            label = names[place].strip() or f"column_{place + 1}"
            while label in extras:
                label += "_"
            extras[label] = place
            if name:
                others.setdefault(name, []).append(place)
    names_of = {column.name: column.names for column in table.columns}
    groups: list[tuple[str, ...]] = [
        (column.name,) for column in table.columns if column.is_required
    ]
    groups += table.required_any
    missing = {
        " or ".join(group): _missing(group, names_of, extras)
        for group in groups
        if not any(name in places for name in group)
    }
    return Match(places, others, dict(sorted(extras.items())), missing)


def _names_in_files(table: Table) -> list[str]:
    """The names that columns have in the files of a table."""
    if table.mapping:
        return [name for _, names in table.mapping.columns for name in names]
    return [name for column in table.columns for name in column.names]


def _match_mapped(table: Table, output: Output, names: Sequence[str]) -> Match:
    """Meets a file's column names with a mapping, which may give one column to several of ours."""
    by_name: dict[str, int] = {}
    for place, name in enumerate(names):
        by_name.setdefault(plain_name(name), place)
    found = {
        column: [by_name[name] for name in dict.fromkeys(map(plain_name, named)) if name in by_name]
        for column, named in output.columns
    }
    # What a copying tool adds to every table is read where the mapping has nothing for it.
    for column in table.columns:
        if (column.is_sync or column.is_deletion) and not found.get(column.name):
            marks = [by_name[name] for name in map(plain_name, column.also) if name in by_name]
            found[column.name] = marks if column.name not in dict(output.constants) else []
    places = {column: at[0] for column, at in found.items() if at}
    others = {column: at[1:] for column, at in found.items() if at[1:]}
    # What a map of values changed stays as it was written.
    plain = [place for column, place in places.items() if column not in dict(output.values)]
    extras: dict[str, int] = {}
    for place, name in enumerate(names):
        if place not in plain:
            label = name.strip() or f"column_{place + 1}"
            while label in extras:
                label += "_"
            extras[label] = place
    names_of = dict(output.columns)
    filled = places.keys() | dict(output.constants).keys()
    derived = dict(table.derived)
    missing: dict[str, str] = {}
    for column in table.columns:
        firsts = [group[0] for group in derived.get(column.name, ())]
        if column.is_required and not filled.intersection([column.name, *firsts]):
            wanted = {name: names_of[name] for name in (column.name, *firsts) if name in names_of}
            missing[column.name] = _missing(tuple(wanted), wanted, extras) + (
                f"; the mapping of {output.system} takes it from"
                f" {' or '.join(chr(34) + name + chr(34) for of in wanted.values() for name in of)}"
            )
    conditions = {}
    for condition in output.where:
        if plain_name(condition.column) in by_name:
            conditions[condition.column] = by_name[plain_name(condition.column)]
        else:
            missing[condition.column] = (
                f'column "{condition.column}" is missing, by which the mapping of {output.system}'
                " chooses rows"
            )
    return Match(places, others, dict(sorted(extras.items())), missing, conditions)


def _missing(
    group: Sequence[str], names_of: Mapping[str, Sequence[str]], extras: Iterable[str]
) -> str:
    """The sentence for a required column (or one of a group) that a file lacks."""
    shown = " or ".join(group)
    by_plain_name = {plain_name(extra): extra for extra in extras}
    for name in (name for column in group for name in names_of[column]):
        # Only a misspelling is worth a question: by half their letters any two dates are alike.
        if near := get_close_matches(plain_name(name), list(by_plain_name), n=1, cutoff=0.8):
            extra = by_plain_name[near[0]]
            return f'required column {shown} is missing; the file has "{extra}": is it that one?'
    return f"required column {shown} is missing"


# --- reading --------------------------------------------------------------------------------------


def _create(warehouse: Warehouse, table: Table, files: Sequence[FileToRead]) -> None:
    columns = "".join(
        f", {quoted(column.name)} {SQL_TYPES[column.data_type]}" for column in table.columns
    )
    hosts = "".join(f", {quoted('_host_' + name)} varchar" for name in table.hosts)
    warehouse.execute(
        "create or replace temp table staged (_file_number integer, _row_number bigint,"
        f" _instance varchar, _delivery_day date{columns}, _extra varchar"
        f"{hosts}, _reason varchar, _cause varchar, _column_name varchar, _row_json varchar,"
        " _is_unusual boolean, _is_left_out boolean)"
    )
    warehouse.execute(
        "create or replace temp table staged_lines"
        " (file_number integer, row_number bigint, reason varchar, cause varchar,"
        " row_json varchar)"
    )
    values = ", ".join(
        f"({file.number}, {literal(str(file.path))}, {literal(file.instance)},"
        f" date {literal(file.delivery_day)})"
        for file in files
    )
    warehouse.execute(
        "create or replace temp table staged_files as select * from (values "
        f"{values}) as files (file_number, path, instance, delivery_day)"
    )


def _stage_group(
    warehouse: Warehouse,
    table: Table,
    layout: Layout,
    files: Sequence[FileToRead],
    outcome: Outcome,
) -> None:
    """Reads files of one layout at once or, if that fails, one by one and leniently."""
    read = {"csv": _stage_csv, "parquet": _stage_parquet, "jsonl": _stage_jsonl}[layout.format]
    if not layout.is_odd:
        try:
            read(warehouse, table, layout, files, outcome, True)
        except NOT_OF_A_FILE:
            raise
        except Exception:  # which file it is shows when each is read by itself
            _unstage(warehouse, files)
        else:
            if layout.format == "csv":
                for file in _misread(warehouse, layout, files, outcome):
                    _unstage(warehouse, [file])
                    outcome.rows_before.pop(file.number, None)
                    _read_alone(warehouse, table, layout, file, outcome)
            return
    for file in files:
        if layout.format == "csv":
            _read_alone(warehouse, table, layout, file, outcome)
            continue
        with _blamed(warehouse, file, outcome):
            read(warehouse, table, layout, [file], outcome, False)


@contextmanager
def _blamed(warehouse: Warehouse, file: FileToRead, outcome: Outcome) -> Iterator[None]:
    """Whatever goes wrong inside is the fault of the file, of which nothing is staged then."""
    try:
        yield
    except NOT_OF_A_FILE:
        raise
    except Exception as error:
        _unstage(warehouse, [file])
        outcome.columns.pop(file.number, None)
        outcome.faults.pop(file.number, None)
        if isinstance(error, OSError) or not file.path.exists():
            outcome.postponed[file.number] = getattr(error, "strerror", "") or "it is gone"
        else:
            outcome.unreadable[file.number] = _in_words(error, file)


def _unstage(warehouse: Warehouse, files: Sequence[FileToRead]) -> None:
    unstage(warehouse, [file.number for file in files])


def unstage(warehouse: Warehouse, file_numbers: Sequence[int]) -> None:
    """Takes what was staged of files back."""
    numbers = ", ".join(map(str, file_numbers))
    warehouse.execute(f"delete from staged where _file_number in ({numbers})")
    warehouse.execute(f"delete from staged_lines where file_number in ({numbers})")


def _in_words(error: Exception, file: FileToRead) -> str:
    """Why a file cannot be read. The engine's words may show where it lies."""
    return _first_line(error).replace(f"{file.path}", "the file") or type(error).__name__


def _misread(
    warehouse: Warehouse, layout: Layout, files: Sequence[FileToRead], outcome: Outcome
) -> list[FileToRead]:
    """Files in which a quote swallowed lines, or of whose lines none came out."""
    seen = {
        number: bool(is_swallowed)
        for number, is_swallowed in warehouse.rows(
            "select file_number, bool_or(is_swallowed) from ("
            "select _file_number as file_number, false as is_swallowed from staged union all"
            " select file_number, contains(row_json, '\\n') or contains(row_json, '\\r')"
            " from staged_lines) as rows group by file_number"
        )
    }
    return [
        file
        for file in files
        if seen.get(file.number, not outcome.columns[file.number] or _has_rows(file, layout))
    ]


def _has_rows(file: FileToRead, layout: Layout) -> bool:
    """Whether there is anything behind the header of a csv file."""
    with _open(file) as handle:
        lines = _lines(handle.read(HEAD_BYTES))
    return len(lines) > HEAD_LINES or any(line.strip() for line in lines[layout.skip + 1 :])


def _read_alone(
    warehouse: Warehouse, table: Table, layout: Layout, file: FileToRead, outcome: Outcome
) -> None:
    """Reads a csv file through a copy that has its header, its good rows and nothing else."""
    with _blamed(warehouse, file, outcome), tempfile.TemporaryDirectory() as folder:
        copy = replace(file, path=Path(folder) / "rows.csv")
        bad_lines = _mend(file, layout, copy.path)
        where = f"where file_number = {file.number}"
        warehouse.execute(f"update staged_files set path = {literal(str(copy.path))} {where}")
        try:
            plain = replace(layout, skip=0, is_zipped=False, is_odd=False)
            _stage_csv(warehouse, table, plain, [copy], outcome, True)
        finally:
            warehouse.execute(f"update staged_files set path = {literal(str(file.path))} {where}")
        is_read = bad_lines or warehouse.rows(
            f"select 1 from staged where _file_number = {file.number}"
            f" union all select 1 from staged_lines {where} limit 1"
        )
        if not is_read and not outcome.columns[file.number]:
            shown = layout.delimiter.join(layout.names)[:SHOWN_LETTERS]
            raise UnreadableError(f'the contract knows none of its columns: "{shown}"')
        if bad_lines:
            lines = pa.table(
                {
                    "file_number": pa.array([file.number] * len(bad_lines), pa.int32()),
                    "row_number": [number for number, _, _ in bad_lines],
                    "reason": [f"not a csv row: {reason}" for _, _, reason in bad_lines],
                    "cause": [NO_CSV_ROWS.get(reason, MALFORMED) for _, _, reason in bad_lines],
                    "row_json": [json.dumps({"line": line}) for _, line, _ in bad_lines],
                }
            )
            warehouse.append("staged_lines", lines)


def _mend(file: FileToRead, layout: Layout, copy: Path) -> list[tuple[int, str, str]]:
    """Writes the rows of a csv file anew; returns the lines that are none: number, text, reason.

    A line with an odd number of quotes begins a value of several lines. Where they never come to
    a row, that line alone is bad.
    """
    width = len(layout.names)
    bad: list[tuple[int, str, str]] = []

    def fault(row: Sequence[bytes]) -> str:
        try:
            text = b"\n".join(row).decode("utf-8")
            cells = next(csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True))
        except UnicodeDecodeError:
            return NOT_TEXT
        except (csv.Error, StopIteration) as error:
            return str(error) or "no value"
        if len(cells) == width:
            return ""
        return f"{len(cells)} values where the header has {width} columns"

    delimiter = layout.delimiter
    with _open(file) as handle:
        lines = _lines(handle.read().removeprefix(BOM))
    place = layout.skip + 1 + sum(name.count("\n") for name in layout.names)
    with copy.open("wb") as out:
        # The engine needs a header, and loses its way in names with quotes and line breaks.
        out.write(delimiter.join(f"c{number}" for number in range(width)).encode() + b"\n")
        while place < len(lines):
            line = lines[place]
            if not line.strip():
                place += 1
                continue
            length, why = 1, ""
            if line.count(b'"') % 2:
                length, why = _quoted_lines(lines, place, fault), 'a quote (") is not closed'
            why = why if length == 0 else fault(lines[place : place + length])
            length = max(length, 1)
            if why:
                shown = line.decode("utf-8", "replace")
                bad.append((place + 1, shown, why))
                length = 1
            else:
                out.write(b"\n".join(lines[place : place + length]) + b"\n")
            place += length
    return bad


def _quoted_lines(
    lines: Sequence[bytes], place: int, fault: Callable[[Sequence[bytes]], str]
) -> int:
    """How many lines from `place` on are a row with a value of several lines; 0 = none are."""
    quotes = 0
    for length, line in enumerate(lines[place : place + QUOTED_LINES], start=1):
        quotes += line.count(b'"')
        if length > 1 and quotes % 2 == 0 and not fault(lines[place : place + length]):
            return length
    return 0


def _note(outcome: Outcome, files: Iterable[FileToRead], match: Match) -> None:
    for file in files:
        outcome.columns[file.number] = tuple(sorted(match.places))
        if match.missing:
            outcome.faults[file.number] = match.fault


def _stage_csv(
    warehouse: Warehouse,
    table: Table,
    layout: Layout,
    files: Sequence[FileToRead],
    outcome: Outcome,
    is_strict: bool,
) -> None:
    match = _match(table, layout.names)
    raw = [f"c{place}" for place in range(len(layout.names))]
    columns = ", ".join(f"'{name}': 'varchar'" for name in raw)
    reader = (
        f"read_csv({_paths(files)}, auto_detect = false, delim = {literal(layout.delimiter)},"
        f" quote = '\"', escape = '\"', header = true, skip = {layout.skip},"
        f" columns = {{{columns}}}, strict_mode = {str(is_strict).lower()},"
        f" compression = '{'gzip' if layout.is_zipped else 'none'}', max_line_size = {LINE_BYTES},"
        " filename = true, hive_partitioning = false, store_rejects = true,"
        f" {_rejects_into(table)})"
    )
    values = {
        name: _first_filled(
            [
                Value(_filled(raw[one], table.nulls))
                for one in (place, *(match.others.get(name, ()) if table.mapping else ()))
            ]
        )
        for name, place in match.places.items()
    }
    filters = {name: _filled(raw[place], table.nulls) for name, place in match.conditions.items()}
    if len(match.extras) > MANY_EXTRAS:
        cells = [raw[place] for place in match.extras.values()]
        extras = _many_extras(_pairs(match.extras, cells), "pair[2]", table.nulls)
    else:
        filled = {name: _filled(raw[place], table.nulls) for name, place in match.extras.items()}
        extras = _extra_json(filled)
    row_json = "json_object(" + ", ".join(
        f"{literal(name or f'column_{place + 1}')}, {raw[place]}"
        for place, name in enumerate(layout.names)
    )
    source = (
        f"(select filename as _path, row_number() over () as _row_number, {', '.join(raw)}"
        f" from {reader})"
    )
    try:
        _insert(warehouse, table, match, source, values, extras, row_json + ")", filters)
        _keep_rejects(warehouse, table, "not a csv row")
    finally:
        _drop_rejects(warehouse, table)
    if len(files) > 1:
        numbers = ", ".join(str(file.number) for file in files)
        outcome.rows_before |= dict(
            warehouse.rows(
                "select _file_number, min(_row_number) - 1 from staged"
                f" where _file_number in ({numbers}) group by _file_number"
            )
        )
    _note(outcome, files, match)


def _rejects_into(table: Table) -> str:
    """Where a read puts the lines that are no rows: tables of this one table alone.

    The engine finds them by name for all connections, though they are temporary: of two reads at
    the same time with the same names, one now and then keeps no rejects and says nothing.
    """
    rejects, scans = _reject_tables(table)
    return f"rejects_table = {literal(rejects)}, rejects_scan = {literal(scans)}"


def _reject_tables(table: Table) -> tuple[str, str]:
    name = f"{table.source}__{table.name}"
    return f"csv_rejects__{name}", f"csv_reject_scans__{name}"


def _keep_rejects(warehouse: Warehouse, table: Table, what: str) -> None:
    """Puts the lines that the engine's csv reader could not take into `staged_lines`."""
    # Of several errors of a line the reason and the cause are those of the same one.
    causes = " ".join(f"when '{kind}' then '{cause}'" for kind, cause in OF_REJECTS.items())
    rejects, scans = (quoted(name) for name in _reject_tables(table))
    warehouse.execute(
        "insert into staged_lines by name"
        " select file_number, min(line) as row_number,"
        f" min('{what}: ' || lower(error_message)) as reason,"
        " case arg_min(error_type::varchar, lower(error_message))"
        f" {causes} else '{MALFORMED}' end as cause,"
        " json_object('line', trim(min(csv_line), chr(10) || chr(13))) as row_json"
        f" from {rejects} join {scans} as scans using (scan_id, file_id)"
        " join staged_files on staged_files.path = scans.file_path"
        " group by file_number, line_byte_position"
    )
    _drop_rejects(warehouse, table)


def _drop_rejects(warehouse: Warehouse, table: Table) -> None:
    for name in _reject_tables(table):
        warehouse.execute(f"drop table if exists {quoted(name)}")


def _stage_parquet(
    warehouse: Warehouse,
    table: Table,
    layout: Layout,
    files: Sequence[FileToRead],
    outcome: Outcome,
    is_strict: bool,
) -> None:
    del is_strict  # parquet knows no malformed rows
    match = _match(table, layout.names)
    options = "binary_as_string = true, hive_partitioning = false"
    described = warehouse.rows(
        f"describe select * from read_parquet({_paths(files[:1])}, {options})"
    )
    types = [str(row[1]) for row in described]
    raw = [f"_c{place}" for place in range(len(types))]
    wanted = {column.name: column.data_type for column in table.columns}
    values = {
        name: _first_filled(
            [
                _parquet_value(raw[one], types[one], wanted[name], table.nulls)
                for one in (place, *(match.others.get(name, ()) if table.mapping else ()))
            ]
        )
        for name, place in match.places.items()
    }
    filters = {
        name: _parquet_value(raw[place], types[place], "text", table.nulls).text
        for name, place in match.conditions.items()
    }
    if len(match.extras) > MANY_EXTRAS:
        cells = [
            f"to_json({_as_extra(raw[place], types[place])})" for place in match.extras.values()
        ]
        extras = _many_extras(
            _pairs(match.extras, cells), "json_extract_string(pair[2], '$')", table.nulls
        )
    else:
        extras = _extra_json(
            {
                name: _filled(raw[place], table.nulls)
                if types[place] == "VARCHAR"
                else _as_extra(raw[place], types[place])
                for name, place in match.extras.items()
            }
        )
    row_json = "json_object(" + ", ".join(
        f"{literal(str(row[0]))}, {_as_extra(raw[place], types[place])}"
        for place, row in enumerate(described)
    )
    columns = ", ".join(
        f"{quoted(str(row[0]))} as {raw[place]}" for place, row in enumerate(described)
    )
    source = (
        f"(select _read_from as _path, file_row_number + 1 as _row_number, {columns}"
        f" from read_parquet({_paths(files)}, {options}, filename = '_read_from'))"
    )
    _insert(warehouse, table, match, source, values, extras, row_json + ")", filters)
    _note(outcome, files, match)


def _stage_jsonl(
    warehouse: Warehouse,
    table: Table,
    layout: Layout,
    files: Sequence[FileToRead],
    outcome: Outcome,
    is_strict: bool,
) -> None:
    del is_strict  # lines are read as they are
    # A line is read whole: control characters, which JSON forbids, stand for delimiter and quote.
    warehouse.execute(
        "create or replace temp table staged_json as"
        " select file_number, row_number, line, 'not a JSON object' as reason,"
        " case when json_valid(line) then json_type(line) = 'OBJECT' else false end as is_object"
        " from (select filename, row_number - min(row_number) over"
        " (partition by filename) + 1 as row_number, line"
        " from (select filename, row_number() over () as row_number, line from"
        f" read_csv({_paths(files)}, auto_detect = false, delim = chr(1), quote = chr(2),"
        " escape = chr(2), header = false, columns = {'line': 'varchar'}, strict_mode = false,"
        f" compression = '{'gzip' if layout.is_zipped else 'none'}', max_line_size = {LINE_BYTES},"
        " filename = true, hive_partitioning = false, store_rejects = true,"
        f" {_rejects_into(table)})))"
        " join staged_files on path = filename where trim(line) <> ''"
    )
    _keep_rejects(warehouse, table, "not a line of text")
    # Such a name could stand in no statement.
    warehouse.execute(
        "update staged_json set is_object = false, reason = 'a name holds a NUL character'"
        " where is_object and contains(line, '\\u0000') and"
        " len(list_filter(json_keys(line), name -> contains(name, chr(0)))) > 0"
    )
    keys: dict[int, list[str]] = dict(
        warehouse.rows(
            "select file_number, list(distinct name order by name) from (select file_number,"
            " unnest(json_keys(line)) as name from staged_json where is_object) group by all"
        )
    )
    objects = {
        number
        for (number,) in warehouse.rows(
            "select distinct file_number from staged_json where is_object"
        )
    }
    groups: dict[tuple[str, ...], list[FileToRead]] = {}
    for file in files:
        if file.number in objects:
            groups.setdefault(tuple(keys.get(file.number, ())), []).append(file)
        else:
            outcome.columns[file.number] = ()
    for names, group in groups.items():
        match = _match(table, names)
        pointers = [literal("/" + name.replace("~", "~0").replace("/", "~1")) for name in names]
        filled = [
            _filled(f"json_extract_string(_line, {pointer})", table.nulls) for pointer in pointers
        ]
        # Each line names its values itself: of the names of a column the nearest that is filled
        # counts, and what else is filled is a column outside the contract.
        values = {}
        spare: dict[int, str] = {}
        for name, place in match.places.items():
            candidates = [place, *match.others.get(name, ())]
            for number, other in enumerate(candidates[1:], start=1):
                before = [f"{filled[earlier]} is not null" for earlier in candidates[:number]]
                spare[other] = f" and ({' or '.join(before)})"
            texts = _list(*(filled[candidate] for candidate in candidates))
            values[name] = Value(f"coalesce({texts})" if len(candidates) > 1 else texts)
        if len(match.extras) > MANY_EXTRAS:
            taken = _list(*(literal(names[place]) for place in match.places.values()))
            pairs = (
                "list_filter(map_entries(from_json(_line, '\"MAP(VARCHAR, JSON)\"')),"
                f" pair -> pair.key not in ({taken or literal('')}))"
            )
            extras = _many_extras(
                f"list_sort({pairs})", "json_extract_string(pair.value, '$')", table.nulls
            )
        else:
            extras = _extra_json(
                {
                    name: f"case when {filled[place]} is not null{spare.get(place, '')}"
                    f" then json_extract(_line, {pointers[place]}) end"
                    for name, place in match.extras.items()
                }
            )
        filters = {name: filled[place] for name, place in match.conditions.items()}
        numbers = ", ".join(str(file.number) for file in group)
        source = (
            "(select staged_files.path as _path, row_number as _row_number, line as _line"
            " from staged_json join staged_files using (file_number)"
            f" where is_object and file_number in ({numbers}))"
        )
        _insert(warehouse, table, match, source, values, extras, "_line", filters)
        _note(outcome, group, match)
    warehouse.execute(
        "insert into staged_lines by name select file_number, row_number, reason,"
        f" '{MALFORMED}' as cause, json_object('line', line) as row_json"
        " from staged_json where not is_object"
    )
    warehouse.execute("drop table staged_json")


def _insert(
    warehouse: Warehouse,
    table: Table,
    match: Match,
    source: str,
    values: Mapping[str, Value],
    extras: str,
    row_json: str,
    filters: Mapping[str, str],
) -> None:
    """Inserts the rows of `source` (SQL with _path and _row_number) into `staged`.

    values: contract column -> how to take it; extras: SQL of a JSON text of the columns that the
    contract does not know; row_json: SQL of the row as it was delivered; filters: column of a
    condition of the mapping -> SQL of its text.
    """
    left_out = "false"
    if table.mapping:
        values = _mapped(table, table.mapping, values)
        left_out = _left_out(table, table.mapping, values, filters)
        if not table.mapping.is_first:
            extras = "null::varchar"
    columns = [column for column in table.columns if column.name in values]
    texts: list[str] = []
    typed: list[str] = []
    given: dict[str, str] = {}  # column -> condition that it holds something
    faults = []
    if match.missing:
        lacking = next(iter(match.missing)) if len(match.missing) == 1 else None
        faults.append(
            Fault(
                "true",
                literal(match.fault),
                COLUMN_MISSING,
                lacking if lacking in {column.name for column in table.columns} else None,
            )
        )
    for place, column in enumerate(columns):
        name, value, text = column.name, values[column.name], f"_text_{place}"
        if value.typed is None:
            texts.append(f"{value.text} as {text}")
            typed.append(f"{_cast(text, column, table)} as {quoted(name)}")
            given[name] = f"{text} is not null"
        else:
            text = value.text
            typed.append(f"{value.typed} as {quoted(name)}")
            given[name] = value.given
        shown = f"left({text}, {SHOWN_LETTERS})"
        if column.data_type != "text":
            forms = literal('"' + _other_than(column, table))
            faults.append(
                Fault(
                    f"{quoted(name)} is null and {given[name]}",
                    f"'{name} is no {column.data_type}: \"' || {shown} || {forms}",
                    NOT_OF_TYPE[column.data_type],
                    name,
                )
            )
        if column.one_of:
            words = ", ".join(literal(word) for word in column.one_of)
            known = literal('" is none of ' + ", ".join(column.one_of))
            faults.append(
                Fault(
                    f"{given[name]} and lower(trim({text})) not in ({words})",
                    f"'{name} \"' || {shown} || {known}",
                    UNKNOWN_WORD,
                    name,
                )
            )
        if column.limits:
            condition, limits = _outside(column)
            outside = f"'{name} \"' || {shown} || {literal(limits)}"
            faults.append(Fault(condition, outside, OUT_OF_RANGE, name))
        if name in table.version:
            faults.append(
                Fault(
                    f"{quoted(name)} > _delivery_day + interval {WAIT_DAYS} day",
                    f"'{name} \"' || {shown} || '\" is more than a year after the delivery'",
                    AHEAD,
                    name,
                )
            )
        if column.is_required:
            empty = f"not ({given[name]})"
            faults.append(Fault(empty, f"'{name} is required and empty'", MISSING, name))
    for group in table.required_any:
        if present := [given[name] for name in group if name in given]:
            empty = f"not ({' or '.join(present)})"
            faults.append(Fault(empty, f"'one of {', '.join(group)} must be filled'", MISSING))
    for first, last in table.ordered:
        if first in given and last in given:
            late = f"{quoted(first)} > {quoted(last)}"
            faults.append(Fault(late, f"'{first} is after {last}'", OUT_OF_ORDER))
    hosts = [
        f"{_host(quoted(name))} as {quoted('_host_' + name)}"
        for name in table.hosts
        if name in values
    ]
    is_unusual, is_doubtful = identities.unusual(table, tuple(values))
    warehouse.execute(
        f"""
        insert into staged by name
        with delivered as (
            select {_list("rows.*", *texts)},
                files.file_number as _file_number, files.instance as _instance,
                files.delivery_day as _delivery_day,
                {extras} as _extra, {left_out} as _is_left_out
            from {source} as rows
            inner join staged_files as files on files.path = rows._path
        ),
        typed as (select {_list("*", *typed)} from delivered),
        faulty as (select *, {faults_of_a_row(faults)} as _faults from typed),
        checked as (select *, {told_of_a_row("_faults")} from faulty)
        select
            {_list(*map(_kept, columns), *hosts, "_file_number, _row_number")},
            _instance, _delivery_day, _extra, _is_left_out,
            _reason, _cause, _column_name, {is_unusual} as _is_unusual,
            case when _reason is not null or {is_doubtful} then {row_json} end as _row_json
        from checked
        """
    )


def _mapped(table: Table, output: Output, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values as a mapping says them: words, constants, prefixes, ids of what has none."""
    kinds = {column.name: column for column in table.columns}
    said = dict(values)
    for name, text in output.constants:
        said[name] = Value(literal(text))
    words = dict(output.values)
    for name, value in said.items():
        meanings = dict(words.get(name, ()))
        if kinds[name].data_type == "boolean" and value.typed is None:
            meanings = {**YES_AND_NO, **meanings}
        if meanings:
            said[name] = Value(_meaning(value.text, meanings))
    for name, text in output.prefix:
        if name in said:
            said[name] = Value(f"{literal(text)} || ({said[name].text})")
    for name, groups in table.derived:
        ids = [said[name].text] if name in said else []
        for group in groups:
            parts = [_named(kinds[part], said[part].text) for part in group if part in said]
            if group[0] in said:
                label = literal(f"{group[0].rpartition('_')[2]}:")
                name_of_it = f"{label} || concat_ws('|', {_list(*parts)})"
                ids.append(f"case when {parts[0]} is not null then {name_of_it} end")
        if ids:
            said[name] = Value(f"coalesce({_list(*ids)})")
    return said


def _meaning(text: str, meanings: Mapping[str, str | None]) -> str:
    """SQL of what a text stands for; one that nobody named stays as it is."""
    cases = " ".join(
        f"when {literal(word)} then {_or_null(meaning)}"
        for word, meaning in meanings.items()
        if word not in (ELSE, EMPTY)
    )
    other = _or_null(meanings[ELSE]) if ELSE in meanings else text
    known = f"case lower(trim({text})) {cases} else {other} end" if cases else other
    return f"case when ({text}) is null then {_or_null(meanings.get(EMPTY))} else {known} end"


def _or_null(text: str | None) -> str:
    return "null" if text is None else literal(text)


def _named(column: Column, text: str) -> str:
    """SQL of a part of the id of a record that has none; null where it names nobody.

    Staging writes names in the same way (macros/crm.sql).
    """
    if column.identity == "email":
        address = f"lower(regexp_extract({text}, '[^\\s<>,;:\x22]+@[^\\s<>,;:\x22]+'))"
        return f"nullif(regexp_replace({address}, '[+][^@]*@', '@'), '')"
    if column.is_host:
        host = f"regexp_replace({_host(text)}, '^www[.]', '')"
        shared = _list(*map(literal, identities.nobodys_domains())) or "''"
        return f"case when {host} like '%_._%' and {host} not in ({shared}) then {host} end"
    return f"nullif(lower(trim(regexp_replace({text}, '\\s+', ' ', 'g'))), '')"


def _left_out(
    table: Table, output: Output, values: Mapping[str, Value], filters: Mapping[str, str]
) -> str:
    """SQL of whether the mapping leaves a row out.

    So it does with one that a condition does not let through. What a file also gives, such as the
    company of a contact, is not in every row.
    """
    reasons = [_fails(one, filters[one.column]) for one in output.where if one.column in filters]
    if not output.is_first:
        named = [values[name].text for name in table.key if name in values]
        reasons.append(" and ".join(f"({text}) is null" for text in named) or "true")
    return " or ".join(f"({reason})" for reason in reasons) or "false"


def _fails(condition: Condition, text: str) -> str:
    if not condition.words:
        return f"({text}) is null"
    is_one = f"coalesce(lower(trim({text})), '') in ({_list(*map(literal, condition.words))})"
    return is_one if condition.is_not else f"not {is_one}"


def _first_filled(values: Sequence[Value]) -> Value:
    """Of several columns of a file the first that is filled."""
    if len(values) == 1:
        return values[0]
    return Value(f"coalesce({_list(*(value.text for value in values))})")


def _outside(column: Column) -> tuple[str, str]:
    """SQL of whether a value lies outside the limits of its column, and the words for it."""
    name = quoted(column.name)
    assert column.limits is not None
    least, greatest = column.limits
    if isinstance(least, date) and isinstance(greatest, date):
        words = f'" is not between {least} and {greatest}'
        below = f"{name} < date '{least}'"
        if column.is_open_end:
            return below, words
        return f"{below} or {name} >= date '{greatest}' + 1", words
    words = f'" is not between {_number(least)} and {_number(greatest)}'
    return f"{name} not between {least:g} and {greatest:g}", words


def _number(limit: float | date) -> str:
    return f"{int(limit):,}" if isinstance(limit, float) and limit.is_integer() else f"{limit:,}"


def _kept(column: Column) -> str:
    """A checked value as it is staged: an end that never comes is none."""
    name = quoted(column.name)
    if not column.is_open_end or column.limits is None:
        return name
    return f"case when {name} < date '{column.limits[1]}' + 1 then {name} end as {name}"


def _list(*items: str) -> str:
    return ", ".join(items)


def _paths(files: Sequence[FileToRead]) -> str:
    """A SQL list of the paths, with the letters of patterns taken as they are."""
    escaped = (re.sub(r"([*?\[])", r"[\1]", str(file.path)) for file in files)
    return "[" + ", ".join(literal(path) for path in escaped) + "]"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:300]


# --- SQL of values --------------------------------------------------------------------------------


def _filled(text: str, nulls: Sequence[str] = ()) -> str:
    """A text, null when blank, unloaded as none or one of `nulls`."""
    if nulls:
        tokens = _list(*map(literal, ("", *UNLOADED_NULLS, *nulls)))
        return f"case when trim({text}) not in ({tokens}) then {text} end"
    # Blanks sort before '!': the first test spares most rows the slower second one.
    unloaded = _list(*map(literal, UNLOADED_NULLS))
    return (
        f"case when ({text} >= '!' or trim({text}) <> '') and {text} not in ({unloaded})"
        f" then {text} end"
    )


def _cast(text: str, column: Column, table: Table) -> str:
    """A text as the contract's type; null when it is not one."""
    if column.data_type == "text":
        return text
    if column.data_type in ("integer", "double") and table.number_style != "plain":
        if table.number_style == "eu":
            text = f"translate({text}, '.,', ',.')"
        text = _plain_number(text)
    if column.data_type == "integer":
        return f"case when regexp_full_match(trim({text}), '[+-]?[0-9]+([.]0*)?') then" + (
            f" try_cast({text} as bigint) end"
        )
    if column.data_type == "double":
        number = f"try_cast({text} as double)"
        return f"case when isfinite({number}) then {number} end"
    if column.data_type == "boolean":
        return f"try_cast(trim({text}) as boolean)"
    if column.data_type == "date":
        # A plain date is taken as it is, also when a time of day is written behind it.
        iso = (
            f"case when regexp_matches({text}, '{WRITTEN_DAY}([T ].*)?$')"
            f" then try_cast(left(trim({text}), 10) as date) end"
        )
    else:
        # Without a zone it is UTC. The plain cast is ten times faster, but would drop an offset.
        iso = (
            f"case when regexp_matches({text}, '{WRITTEN_DAY}([T ][0-9:.]*)?Z? *$')"
            f" then try_cast({text} as timestamp)"
            f" when regexp_matches({text}, '{WRITTEN_DAY}')"
            f" then {_in_utc(f'try_cast({text} as timestamptz)')} end"
        )
    if not table.date_formats:
        return iso
    # %Y takes 26 for the year 26, so %y goes first; it takes no year of four digits.
    formats = sorted(table.date_formats, key=lambda form: "%y" not in form)
    written = f"try_strptime(trim({text}), [{_list(*map(literal, formats))}])"
    written = f"case when {written} >= timestamp '{FIRST_YEAR}-01-01' then {written} end"
    return f"coalesce({iso}, cast({written} as {SQL_TYPES[column.data_type]}))"


def _in_utc(moment: str) -> str:
    """A moment with a zone as a UTC timestamp: what `at time zone` gives in 15 times as long."""
    return f"make_timestamp(epoch_us({moment}))"


def _plain_number(text: str) -> str:
    """A number as people write it, such as 1,234.5, 45%, ($1,200.00) or 1.2M, as a plain one.

    What is a plain number is left alone, and so is what is none: the cast refuses it.
    """
    bare = f"upper(trim({text}))"
    part = f"regexp_extract({bare}, '{WRITTEN_NUMBER}', "
    digits = f"replace({part}1), ',', '')"
    scale = (
        f"case left({part}2), 1) when 'K' then 1000 when 'M' then 1000000"
        " when 'B' then 1000000000 when 'T' then 1000000000000 else 1 end"
    )
    is_negative = f"starts_with({bare}, '(') or regexp_matches({bare}, '[-\u2212]')"
    number = (
        f"(case when {is_negative} then -1 else 1 end"
        f" * try_cast(nullif({digits}, '') as decimal(28, 10)) * {scale})::varchar"
    )
    is_written = (
        f"regexp_full_match({bare}, '{WRITTEN_NUMBER}')"
        f" and starts_with({bare}, '(') = ends_with({bare}, ')')"
    )
    return (
        f"case when regexp_full_match({bare}, '[+-]?[0-9.]+(E[+-]?[0-9]+)?') then {text}"
        f" when {is_written} then regexp_replace({number}, '[.]?0*$', '') else {text} end"
    )


def _other_than(column: Column, table: Table) -> str:
    """What a date could have looked like, for the reason why it is none."""
    if not table.date_formats or column.data_type not in ("date", "timestamp"):
        return ""
    return f" (neither YYYY-MM-DD nor {' nor '.join(table.date_formats)})"


def content_hash(table: Table) -> str:
    """SQL of a hash of a typed row's content, the same whatever file format it came in.

    Required values come first; optional ones carry their name and are skipped when empty, so that
    an optional column added to the contract later leaves earlier hashes as they are. Sync stamps
    are left out, as are the columns that sync tools add (_fivetran_synced, _airbyte_...): they are
    of the delivery, not of the record.
    """
    parts = []
    for column in sorted(table.columns, key=lambda column: (not column.is_required, column.name)):
        if column.is_sync:
            continue
        name = quoted(column.name)
        value = f"epoch_us({name})" if column.data_type == "timestamp" else f"{name}"
        if column.is_deletion:  # not marked is as good as no mark
            value = f"nullif({name}, false)"
        parts.append(value if column.is_required else f"'{column.name}=' || {value}")
    tool_columns = "list_filter(json_keys(_extra), name -> starts_with(name, '_'))"
    patch = (
        f"'{{' || array_to_string(list_transform({tool_columns}, name -> to_json(name) || ':null'),"
        " ',') || '}'"
    )
    extra = (
        "case when contains(_extra, '\"_')"
        f" then nullif(json_merge_patch(_extra, {patch})::varchar, '{{}}') else _extra end"
    )
    return f"md5(concat_ws(chr(31), {_list(*parts, extra)}))"


def _parquet_value(value: str, kind: str, wanted: str, nulls: Sequence[str]) -> Value:
    """A parquet value of the engine's type `kind` for a column of the contract's type `wanted`."""
    if kind == "VARCHAR":
        return Value(_filled(value, nulls))
    if kind in ("DOUBLE", "FLOAT"):
        # Data frames write a missing number as NaN.
        text, given = (
            f"case when not isnan({value}) then {value}::varchar end",
            f"not isnan({value})",
        )
        if wanted == "double":
            typed = f"case when isfinite({value}) then {value}::double end"
            return Value(text, typed, f"coalesce({given}, false)")
        return Value(text)
    text, given = f"{value}::varchar", f"{value} is not null"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        return Value(f"to_json({value})::varchar")
    is_whole = kind in WHOLE_TYPES
    if (
        (wanted == "integer" and is_whole)
        or (wanted == "double" and (is_whole or kind.startswith("DECIMAL")))
        or (wanted == "boolean" and kind == "BOOLEAN")
    ):
        return Value(text, f"{value}::{SQL_TYPES[wanted]}", given)
    if wanted in ("date", "timestamp"):
        if kind in STAMP_TYPES:
            return Value(text, f"case when isfinite({value}) then {value}::{wanted} end", given)
        if kind == "TIMESTAMP WITH TIME ZONE":
            in_utc = f"{_in_utc(value)}::{wanted}"
            return Value(text, f"case when isfinite({value}) then {in_utc} end", given)
    return Value(text)


def _as_extra(value: str, kind: str) -> str:
    """A parquet value for JSON, which knows no NaN."""
    return f"case when isfinite({value}) then {value} end" if kind in ("DOUBLE", "FLOAT") else value


def _extra_json(extras: Mapping[str, str]) -> str:
    """A JSON object of the values that are there, null when none is."""
    if not extras:
        return "null::varchar"
    pairs = ", ".join(f"{literal(name)}, {value}" for name, value in extras.items())
    return f"nullif(json_merge_patch('{{}}', json_object({pairs}))::varchar, '{{}}')"


def _many_extras(pairs: str, text: str, nulls: Sequence[str]) -> str:
    """What `_extra_json` gives, for hundreds of columns: one expression instead of one a column.

    pairs: SQL of a list of names and values; text: SQL of the text of a value of such a `pair`.
    """
    tokens = _list(*map(literal, ("", *nulls)))
    filled = f"list_filter({pairs}, pair -> trim({text}) not in ({tokens}))"
    return f"nullif(json_merge_patch('{{}}', to_json(map_from_entries({filled})))::varchar, '{{}}')"


def _pairs(names: Iterable[str], cells: Iterable[str]) -> str:
    return f"list_zip([{_list(*map(literal, names))}], [{_list(*cells)}])"


def _host(name: str) -> str:
    """The host in a website, an e-mail address or a domain."""
    label = r"[^@/?#:\s<>,;()\x22\x27]+"
    return (
        f"case when contains({name}, '@') and not contains({name}, '//')"
        f" then regexp_extract(lower({name}), '@\\s*({label})[^@]*$', 1)"
        f" else regexp_extract(lower(trim({name})),"
        f" '^(?:(?:[a-z][a-z0-9+.-]*:)?//(?:[^/?#]*@)?)?({label})', 1) end"
    )
