"""The input contract: which tables may land, with which columns.

It is written once, in the dbt source files `models/staging/<source>/_<source>__sources.yml`, and
read here for ingestion. What belongs here: reading and checking that contract. What does not:
files, the database, dbt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

# The reader in C, where there is one, takes a tenth of the time.
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DATA_TYPES = ("text", "integer", "double", "boolean", "date", "timestamp")
TABLE_META = {
    *("key", "also", "version", "month", "immutable", "required_any", "features"),
    *("nulls", "date_formats", "number_style", "universe", "ordered", "derived"),
}
COLUMN_META = {
    *("required", "host", "sync", "deletion", "one_of", "also", "between", "open_end", "identity"),
}
IDENTITIES = ("id", "crm_id", "ids", "anonymous_id", "email", "ip", "country")
REGISTRABLE_SUFFIX = "_registrable"
NUMBER_STYLES = ("plain", "us", "eu")
ISO_DAY = "%Y-%m-%d"
# What a column can hold that says nothing closer in `between`. Nothing that companies record
# happened before 1900, and what systems write for "never" or mistype (9999, 26 for 2026) lies
# outside: one such day makes an account that never begins, or a history of millennia.
DAY_LIMITS = (date(1900, 1, 1), date(2099, 12, 31))
# No count and no amount of one record reaches this in any currency; sums of more would not fit the
# decimals of the marts.
NUMBER_LIMITS = (-1e13, 1e13)
DATE_PARTS = ({"Y", "y"}, {"m", "b", "B"}, {"d"})  # a date format has one of each
TIME_PARTS = {"H", "I", "M", "S", "f", "p"}


class ContractError(ValueError):
    """The source files contradict themselves; the message names file, table and column."""


@dataclass(frozen=True)
class Column:
    """A column of the contract.

    is_host: holds a website, an e-mail address or a domain. is_sync: the stamp of the tool that
    copied the row; it says when that was, and nothing about the record. is_deletion: the mark by
    which that tool says that the row is gone at the source. one_of: the only words that
    can stand in a text column, in any case; empty where any can. also: other names by which exports
    call it. between: the least and the greatest number or day that can stand in it; where nothing
    is said the limits of all columns hold. open_end: a day after the greatest stands for no day, as
    9999-12-31 does in the end of a contract that has none. identity: what it tells apart (one of
    IDENTITIES, see identities.py), empty where it tells nobody.
    """

    name: str
    data_type: str
    is_required: bool = False
    is_host: bool = False
    is_sync: bool = False
    is_deletion: bool = False
    one_of: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    between: tuple[float, float] | tuple[date, date] | None = None
    is_open_end: bool = False
    identity: str = ""

    @property
    def limits(self) -> tuple[float, float] | tuple[date, date] | None:
        """The least and the greatest value; None for texts and truths."""
        if self.between:
            return self.between
        if self.data_type in ("integer", "double"):
            return NUMBER_LIMITS
        return DAY_LIMITS if self.data_type in ("date", "timestamp") else None

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which a file may call the column, the contract's own first."""
        return (self.name, *self.also)


# --- how the exports of another system fill a table (mappings.py reads these) ---------------------


@dataclass(frozen=True)
class Condition:
    """What a column of the file must hold for a row to be taken.

    words: in small letters; is_not: none of them. Without words the column must hold something.
    """

    column: str
    words: tuple[str, ...] = ()
    is_not: bool = False


@dataclass(frozen=True)
class Output:
    """How the files of a folder become rows of one table of the input layer.

    columns: column -> names in the file, of which the first that is filled counts. constants:
    column -> its text in every row. values: column -> what its texts stand for (in small letters).
    prefix: column -> what is written before its text. where: conditions for a row to be taken.
    keys: column -> groups of columns that name a record without an id, instead of the contract's;
    the first of a group must be filled. is_first: whether it is the file's own, which keeps the
    columns that nobody named; what it also gives does not.
    """

    system: str
    folder: str
    table: str
    columns: tuple[tuple[str, tuple[str, ...]], ...]
    constants: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, tuple[tuple[str, str | None], ...]], ...] = ()
    prefix: tuple[tuple[str, str], ...] = ()
    where: tuple[Condition, ...] = ()
    keys: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = ()
    nulls: tuple[str, ...] = ()
    date_formats: tuple[str, ...] = ()
    number_style: str = "plain"
    is_first: bool = True

    def label(self, file: str) -> str:
        """The file as the manifest names it: of what it also gives, with the table."""
        return file if self.is_first else f"{file} ({self.table})"


@dataclass(frozen=True)
class System:
    """A system that is mapped: outputs by the plain name of the folder of their files."""

    name: str
    folders: Mapping[str, tuple[Output, ...]]

    @property
    def shown_folders(self) -> tuple[str, ...]:
        return tuple(outputs[0].folder for outputs in self.folders.values())

    def of_folder(self, folder: str) -> tuple[Output, ...]:
        return self.folders.get(plain_name(folder), ())


@dataclass(frozen=True)
class Table:
    """A table that may land.

    key: columns that name a record (per instance); null is a value of its own.
    also: other names by which tools call the table, as a folder or in their schemas.
    version: columns with the modification time; the first that a row has filled counts. Where none
        is filled, or none is named, the delivery day is the version.
    month: date or timestamp column by which the lookup of duplicates is bounded: equal for two
        deliveries of the same version. None = looked up in the whole table.
    is_immutable: a record never changes, so earlier versions are looked for in these months too.
    required_any: of each group of columns at least one is filled.
    ordered: pairs of columns of which the first is never after the second.
    features: in words, what is off while the table has never landed.
    is_universe: its records are accounts; without one from such a table nothing can be computed.
    nulls: texts that stand for no value, besides an empty one.
    date_formats: how dates and times are written where they are not in ISO form, as for strptime.
    number_style: plain = digits and a point; us = also 1,234.5, (1,200.00) for less than nothing,
        K, M and B behind a number, and signs of per cent and currencies, which are dropped (45% is
        45, $22,700.00 is 22700); eu = the same with point and comma the other way round.
    derived: column -> groups of columns that name the record where it is empty; the first group
        whose first column is filled counts.
    mapping: how the files at hand are mapped to the table; None where they have its columns.
    """

    source: str
    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    also: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    month: str | None = None
    is_immutable: bool = False
    required_any: tuple[tuple[str, ...], ...] = ()
    ordered: tuple[tuple[str, str], ...] = ()
    features: str = ""
    is_universe: bool = False
    nulls: tuple[str, ...] = ()
    date_formats: tuple[str, ...] = ()
    number_style: str = "plain"
    derived: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = ()
    mapping: Output | None = None

    @property
    def label(self) -> str:
        """The name for people, such as `salesforce.account`."""
        return f"{self.source}.{self.name}"

    @property
    def raw_schema(self) -> str:
        return f"raw_{self.source}"

    @property
    def raw_table(self) -> str:
        """The raw table's quoted name."""
        return f'"{self.raw_schema}"."{self.name}"'

    @property
    def is_always_stamped(self) -> bool:
        """Whether the version of every good row is a modification time of the source's own."""
        return bool(self.version and not self.deletions) and any(
            column.is_required and not column.is_sync
            for column in self.columns
            if column.name == self.version[0]
        )

    @property
    def syncs(self) -> frozenset[str]:
        return frozenset(column.name for column in self.columns if column.is_sync)

    @property
    def deletions(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.is_deletion)

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.is_host)

    @property
    def optional(self) -> tuple[str, ...]:
        """Columns that may be missing from a file."""
        grouped = {name for group in self.required_any for name in group}
        return tuple(
            column.name
            for column in self.columns
            if not column.is_required and column.name not in grouped
        )


@dataclass(frozen=True)
class Contract:
    """All tables that may land, by (source, table).

    systems: those that land in their own words, by a mapping.
    """

    tables: Mapping[tuple[str, str], Table]
    systems: Mapping[str, System] = field(default_factory=dict)

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(source for source, _ in self.tables))

    def of_source(self, source: str) -> tuple[str, ...]:
        """Names of the tables of a source."""
        return tuple(table for owner, table in self.tables if owner == source)

    def folders_of(self, source: str) -> dict[str, str]:
        """The folders in which tables of a source may land, each with its table."""
        names = {
            name: table
            for table in self.of_source(source)
            for name in self.tables[source, table].also
        }
        return {table: table for table in self.of_source(source)} | names


def load_contract(models_dir: Path) -> Contract:
    """Reads and checks every `staging/*/_*__sources.yml` under `models_dir`.

    A source of which no table states a `key` does not land (the scores come back that way) and is
    left out. Raises ContractError when a file contradicts itself or none is found.
    """
    paths = sorted(models_dir.glob("staging/*/_*__sources.yml"))
    tables: dict[tuple[str, str], Table] = {}
    for path in paths:
        for table in _tables_of(path):
            if (table.source, table.name) in tables:
                raise ContractError(f"{path}: {table.label} is declared twice")
            tables[table.source, table.name] = table
    if not tables:
        raise ContractError(f"no table with a key in {models_dir}/staging/*/_*__sources.yml")
    return Contract(tables)


def _tables_of(path: Path) -> Iterable[Table]:
    with path.open(encoding="utf-8") as handle:
        document = yaml.load(handle, YAML_LOADER) or {}
    for source in document.get("sources", []):
        declared = source.get("tables", [])
        if not any("key" in _meta(table) for table in declared):
            continue
        for table in declared:
            yield _table(path, source["name"], table)


def _meta(node: Mapping[str, Any]) -> dict[str, Any]:
    return dict((node.get("config") or {}).get("meta") or {})


def _table(path: Path, source: str, node: Mapping[str, Any]) -> Table:
    where = f"{path}: {source}.{node['name']}"
    meta = _meta(node)
    if unknown := set(meta) - TABLE_META:
        raise ContractError(f"{where}: unknown meta {sorted(unknown)}; known: {sorted(TABLE_META)}")
    if "key" not in meta:
        raise ContractError(f"{where}: states no key")
    table = Table(
        source=source,
        name=node["name"],
        columns=tuple(_column(where, column) for column in node.get("columns", [])),
        key=tuple(meta["key"]),
        also=_names(meta.get("also")),
        version=_names(meta.get("version")),
        month=meta.get("month"),
        is_immutable=bool(meta.get("immutable", False)),
        required_any=tuple(tuple(group) for group in meta.get("required_any", [])),
        ordered=tuple((first, last) for first, last in meta.get("ordered", [])),
        features=str(meta.get("features", "")),
        is_universe=bool(meta.get("universe", False)),
        nulls=tuple(str(token).strip() for token in meta.get("nulls", [])),
        date_formats=tuple(meta.get("date_formats", [])),
        number_style=str(meta.get("number_style", "plain")),
        derived=tuple(
            (column, tuple(tuple(group) for group in groups))
            for column, groups in meta.get("derived", {}).items()
        ),
    )
    _check(where, table)
    return table


def _column(where: str, node: Mapping[str, Any]) -> Column:
    name, data_type, meta = node["name"], node.get("data_type"), _meta(node)
    if data_type not in DATA_TYPES:
        raise ContractError(f"{where}.{name}: data_type {data_type!r} is none of {DATA_TYPES}")
    if unknown := set(meta) - COLUMN_META:
        raise ContractError(
            f"{where}.{name}: unknown meta {sorted(unknown)}; known: {sorted(COLUMN_META)}"
        )
    if name != name.lower() or name.startswith("_") or name.endswith(REGISTRABLE_SUFFIX):
        raise ContractError(f"{where}.{name}: names are lower case, no leading _, no _registrable")
    for of_text in ("host", "one_of", "identity"):
        if meta.get(of_text) and data_type != "text":
            raise ContractError(f"{where}.{name}: {of_text} is for text")
    if meta.get("open_end") and data_type not in ("date", "timestamp"):
        raise ContractError(f"{where}.{name}: open_end is for dates")
    if meta.get("deletion") and data_type != "boolean":
        raise ContractError(f"{where}.{name}: deletion is for a boolean")
    identity = meta.get("identity", "")
    if identity and identity not in IDENTITIES:
        raise ContractError(
            f"{where}.{name}: identity {identity!r} is none of {', '.join(IDENTITIES)}"
        )
    also = meta.get("also", [])
    if not isinstance(also, list) or not all(isinstance(other, str) for other in also):
        raise ContractError(f"{where}.{name}: also is a list of names, got {also!r}")
    return Column(
        name,
        data_type,
        is_required=bool(meta.get("required")),
        is_host=bool(meta.get("host")),
        is_sync=bool(meta.get("sync")),
        is_deletion=bool(meta.get("deletion")),
        one_of=tuple(str(word).lower() for word in meta.get("one_of", [])),
        also=tuple(also),
        between=_limits(f"{where}.{name}", data_type, meta.get("between")),
        is_open_end=bool(meta.get("open_end")),
        identity=identity,
    )


def _limits(
    where: str, data_type: str, given: Any
) -> tuple[float, float] | tuple[date, date] | None:
    """The two numbers or days of `between`."""
    if given is None:
        return None
    is_date = data_type in ("date", "timestamp")
    if not is_date and data_type not in ("integer", "double"):
        raise ContractError(f"{where}: between is for numbers and dates")
    try:
        limits = [date.fromisoformat(limit) for limit in given] if is_date else list(given)
        are_right = is_date or all(type(limit) in (int, float) for limit in given)
    except (TypeError, ValueError):
        limits, are_right = [], False
    if not are_right or len(limits) != 2 or limits[0] > limits[1]:
        thing = "day, as texts like '2026-01-31'" if is_date else "number"
        raise ContractError(
            f"{where}: between is the least and the greatest {thing}, got {given!r}"
        )
    return limits[0], limits[1]


def _names(given: str | Sequence[str] | None) -> tuple[str, ...]:
    """One name, several or none, as YAML may say it."""
    if not given:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


def _check(where: str, table: Table) -> None:
    types = {column.name: column.data_type for column in table.columns}
    if len(types) != len(table.columns):
        raise ContractError(f"{where}: a column is declared twice")
    if len({plain_name(name) for name in types}) != len(types):
        raise ContractError(f"{where}: two columns differ only by case or separators")
    _check_names(where, table.columns)
    groups = (*table.required_any, *table.ordered)
    named = [*table.key, *(name for group in groups for name in group)]
    named += [*table.version, *([table.month] if table.month else [])]
    for column, keys in table.derived:
        named += [column, *(name for group in keys for name in group)]
    if missing := [name for name in named if name not in types]:
        raise ContractError(f"{where}: meta names columns that it does not have: {missing}")
    if not table.key:
        raise ContractError(f"{where}: the key is empty")
    if synced := table.syncs.intersection(table.key):
        raise ContractError(f"{where}: a sync stamp is no part of a key: {sorted(synced)}")
    for name in table.version:
        if types[name] != "timestamp":
            raise ContractError(f"{where}: version {name} is not a timestamp")
    if table.month:
        if types[table.month] not in ("date", "timestamp"):
            raise ContractError(f"{where}: month {table.month} is no date or timestamp")
        required = {column.name for column in table.columns if column.is_required}
        if table.month not in required or table.month not in (*table.version[:1], *table.key):
            raise ContractError(
                f"{where}: month {table.month} must be required, and the version or in the key"
            )
        if table.month in table.syncs:
            raise ContractError(f"{where}: month {table.month} differs with each delivery")
    if table.number_style not in NUMBER_STYLES:
        raise ContractError(
            f"{where}: number_style {table.number_style} is none of {', '.join(NUMBER_STYLES)}"
        )
    check_formats(where, table.date_formats)


def _check_names(where: str, columns: Sequence[Column]) -> None:
    """No other name of a column is empty, said before, or the name of another column."""
    taken = {plain_name(column.name): column.name for column in columns}
    for column in columns:
        for other in column.also:
            plain = plain_name(other)
            if not plain:
                raise ContractError(f"{where}.{column.name}: also holds an empty name")
            if plain in taken:
                raise ContractError(
                    f"{where}.{column.name}: also {other!r} is a name of {taken[plain]}"
                )
            taken[plain] = column.name


def check_formats(where: str, formats: Sequence[str]) -> None:
    """Each format says year, month and day, and no text can be read by two of them."""
    taken = [ISO_DAY]
    for form in formats:
        parts = re.findall("%(.)", form)
        unknown = set(parts) - set().union(*DATE_PARTS, TIME_PARTS)
        if unknown or any(len(part & set(parts)) != 1 for part in DATE_PARTS):
            raise ContractError(
                f"{where}: date format {form!r} must have year (%Y or %y), month (%m, %b or %B) and"
                " day (%d), and may have a time (%H, %I, %M, %S, %f, %p)"
            )
        for other in taken:
            if form == other or contradicts(form, other):
                raise ContractError(
                    f"{where}: date formats {other!r} and {form!r} would read the same text as"
                    " different days"
                )
        taken.append(form)


def contradicts(form: str, other: str) -> bool:
    """Whether two date formats read the same text, or the same writing, as different days.

    Years of two and of four digits are no such text, nor is a year in front one behind: 25-05-2026
    is not 2026-05-25. But who writes the month first in one writes it first in the other.
    """

    def shape(written: str) -> str:
        return re.sub("%[myd]", "#", written)

    one, two = form.replace("%y", "%Y"), other.replace("%y", "%Y")
    if one == two:
        return False
    return shape(one) == shape(two) or shape(form) == shape(other)


@lru_cache(maxsize=1 << 14)
def plain_name(name: str) -> str:
    """A column name as compared with a file's: `CreatedDate`, `CREATED DATE` -> `createddate`.

    A name without a letter or a digit, such as `#`, is compared as it stands.
    """
    return "".join(letter for letter in name.casefold() if letter.isalnum()) or name.strip()
