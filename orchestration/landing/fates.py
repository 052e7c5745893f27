"""Why rows are put into quarantine, and how that is told: column, cause, count, remedy.

What belongs here: the list of causes, which one a row of several faults gets, and the sentences
about a load. What does not: finding the faults (files.py, identities.py), what to do about
them and what the causes mean (`seeds/landing/row_fates.csv`), files that cannot be read at all.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.engine.warehouse import Warehouse

MISSING = "missing"
COLUMN_MISSING = "column missing"
NO_NUMBER = "no number"
NO_TRUTH = "no true or false"
NO_DATE = "no date"
UNKNOWN_WORD = "unknown word"
OUT_OF_RANGE = "out of range"
AHEAD = "ahead of its delivery"
OUT_OF_ORDER = "out of order"
ROUNDED = "rounded"
MALFORMED = "malformed line"
NOT_UTF8 = "not UTF-8"
TOO_LONG = "too long"
SEVERAL = "several faults"
CAUSES = (
    *(MISSING, COLUMN_MISSING, NO_NUMBER, NO_TRUTH, NO_DATE, UNKNOWN_WORD, OUT_OF_RANGE, AHEAD),
    *(OUT_OF_ORDER, ROUNDED, MALFORMED, NOT_UTF8, TOO_LONG, SEVERAL),
)
OF_LINES = (MALFORMED, NOT_UTF8, TOO_LONG)  # there is no row: lines are counted
NOT_OF_TYPE = {
    "integer": NO_NUMBER,
    "double": NO_NUMBER,
    "boolean": NO_TRUTH,
    "date": NO_DATE,
    "timestamp": NO_DATE,
}
# How the engine names what is wrong with a line; all else is malformed.
OF_REJECTS = {"INVALID ENCODING": NOT_UTF8, "LINE SIZE OVER MAXIMUM": TOO_LONG}

QUARANTINED = "quarantined"
REMEDY = "deliver the rows again, corrected, in a new file"  # where the seed has none
SHOWN_CAUSES = 5  # of a table
REASON_LETTERS = 300  # of the reason that is shown for a cause
NO_REMEDIES: Mapping[str, str] = {}


@dataclass(frozen=True)
class Fault:
    """What can be wrong with a row. condition, words: SQL of whether it is, and of the sentence.

    column: None where it is a fault of several columns.
    """

    condition: str
    words: str
    cause: str
    column: str | None = None


def faults_of_a_row(faults: Sequence[Fault]) -> str:
    """SQL of a list of what is wrong with a row (words, cause, column_name); null if nothing is."""
    if not faults:
        return "null::struct(words varchar, cause varchar, column_name varchar)[]"
    anything = " or ".join(f"({fault.condition})" for fault in faults)
    found = ", ".join(
        f"case when {fault.condition} then {{'words': {fault.words}, 'cause': '{fault.cause}',"
        f" 'column_name': '{fault.column or ''}'}} end"
        for fault in faults
    )
    return f"case when {anything} then list_filter([{found}], _one -> _one is not null) end"


def told_of_a_row(faults: str) -> str:
    """SQL of the columns _reason, _cause and _column_name from a list of `faults_of_a_row`.

    One column with several faults has the first of them for its cause. Several columns with one
    cause keep the cause and name no column. A column that the file lacks goes before all else: it
    is the fault of every row.
    """
    columns = f"list_distinct(list_transform({faults}, _one -> _one.column_name))"
    causes = f"list_transform({faults}, _one -> _one.cause)"
    is_of_file = f"{faults}[1].cause = '{COLUMN_MISSING}'"
    is_of_one = f"len({columns}) = 1 and {faults}[1].column_name <> ''"
    return (
        f"array_to_string(list_transform({faults}, _one -> _one.words), '; ') as _reason,"
        f" case when {is_of_file} or {is_of_one} or len(list_distinct({causes})) = 1"
        f" then {faults}[1].cause when {faults} is not null then '{SEVERAL}' end as _cause,"
        f" case when {is_of_file} or {is_of_one} then nullif({faults}[1].column_name, '') end"
        " as _column_name"
    )


def one_more_fault(fault: Fault) -> str:
    """SQL that adds a fault to those of rows in `staged`, as `told_of_a_row` would."""
    column = f"'{fault.column}'" if fault.column else "null"
    is_same = f"(_column_name = {column} or _cause in ('{fault.cause}', '{COLUMN_MISSING}'))"
    return (
        f"_reason = concat_ws('; ', _reason, {fault.words}),"
        f" _cause = case when _reason is null then '{fault.cause}'"
        f" when {is_same} then _cause else '{SEVERAL}' end,"
        f" _column_name = case when _reason is null or _column_name = {column} then {column}"
        f" when _cause = '{COLUMN_MISSING}' then _column_name end"
    )


def read_remedies(path: Path) -> dict[str, str]:
    """What to do about each cause, from the seed of row fates. A missing file is an empty one.

    Raises ValueError naming the line that cannot be used.
    """
    remedies: dict[str, str] = {}
    if not path.exists():
        return remedies
    with path.open(newline="", encoding="utf-8-sig") as handle:
        rows = csv.DictReader(handle)
        for row in rows:
            fate, cause, remedy = (
                (row.get(name) or "").strip() for name in ("fate", "reason", "remedy")
            )
            if fate != QUARANTINED:
                continue
            if cause not in CAUSES or not remedy:
                raise ValueError(
                    f"{path}, line {rows.line_num}: wants a remedy for one of the causes"
                    f" {', '.join(CAUSES)}; got {remedy!r} for {cause!r}"
                )
            remedies[cause] = remedy
    return remedies


def tell(warehouse: Warehouse, remedies: Mapping[str, str]) -> list[str]:
    """Sentences on the rows that the open load put into quarantine, the most frequent first.

    Read off what is kept, so that a run that goes on with an interrupted load tells all of it. One
    sentence for each table, instance, column and cause; rows without a cause, taken before there
    were any, by their reason.
    """
    is_open = "load_id in (select load_id from raw_landing.loads where not is_finished)"
    found = warehouse.rows(
        f"""
        select
            source || '.' || table_name || case when instance <> 'main' then ' of ' || instance
                else '' end as place,
            column_name, cause, case when cause is null then reason end as old_reason,
            count(*) as row_count, count(distinct file) as file_count,
            arg_min(
                {{'file': file, 'row': row_number, 'reason': reason}},
                (delivery_day, file, coalesce(row_number, 0))
            ) as first_one,
            any_value(delivered) as delivered
        from raw_landing.quarantine
        inner join (
            select source, table_name, instance, sum(delivered)::bigint as delivered
            from raw_landing.files
            where {is_open}
            group by source, table_name, instance
        ) using (source, table_name, instance)
        where {is_open}
        group by source, table_name, instance, column_name, cause, old_reason
        order by source, table_name, instance, row_count desc, column_name, cause, old_reason
        """
    )
    sentences = []
    for place in dict.fromkeys(row[0] for row in found):
        groups = [row[1:] for row in found if row[0] == place]
        for column, cause, old_reason, rows, files, first, delivered in groups[:SHOWN_CAUSES]:
            what = f"{column} {cause}" if column else cause or _shown(old_reason)
            sentences.append(
                f"{place}: {rows:,} of {delivered:,} rows in quarantine: {what}"
                f" ({_first(first, cause, files)}); {remedies.get(cause, REMEDY)}"
            )
        if more := groups[SHOWN_CAUSES:]:
            causes = "1 more cause" if len(more) == 1 else f"{len(more)} more causes"
            rest = sum(rows for _, _, _, rows, *_ in more)
            sentences.append(
                f"{place}: and {causes} ({rest:,} of {delivered:,} rows); all are in"
                " raw_landing.quarantine of the warehouse"
            )
    return sentences


def _first(first: Mapping[str, Any], cause: str | None, files: int) -> str:
    """Where a fault stands first, with the reason as it is kept."""
    kind = "line" if cause in OF_LINES else "row"
    place = f", {kind} {first['row']:,}" if first["row"] is not None else ""
    reason = f": {_shown(first['reason'])}" if cause else ""
    more = f"; also in {files - 1:,} more file{'' if files == 2 else 's'}" if files > 1 else ""
    return f"first in {first['file']}{place}{reason}{more}"


def _shown(reason: str) -> str:
    """A reason on one line."""
    plain = " ".join(reason.split())
    return plain if len(plain) <= REASON_LETTERS else f"{plain[:REASON_LETTERS]}…"
