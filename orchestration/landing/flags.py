"""Marks of a source that nobody reads: columns outside the contract named like `is_deleted`.

What belongs here: which names look like such a mark, and in how many rows of a load it is set. What
does not: files, verdicts on rows, what the marks that are in the contract mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from orchestration.engine.warehouse import Warehouse
from orchestration.landing.contract import Table, plain_name

FLAG_TABLES = {
    "flags": (
        "source varchar, table_name varchar, file varchar, column_name varchar, row_count bigint"
    )
}
# A mark says yes, or when it was set. Any other text is no mark.
IS_SET = (
    "lower(trim(value)) in ('true', 't', 'yes', 'y', '1', '1.0')"
    r" or regexp_matches(value, '^\s*\d{4}-\d{2}-\d{2}')"
)
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def looks_like_a_flag(name: str, words: Iterable[str]) -> bool:
    """Whether one of the words, such as `opt_out`, stands in a column's name, in whatever case."""
    parts = f"_{'_'.join(part.lower() for part in WORD.findall(name))}_"
    return any(f"_{word}_" in parts for word in words)


def keep(warehouse: Warehouse, table: Table, words: Sequence[str]) -> None:
    """Appends, per file of the load, the columns that look like a mark and the rows that set it.

    Reads the temporary tables staged, staged_counts and verdicts; to be called in the load's
    transaction. What repeats an earlier row counts no second time.
    """
    if not words:
        return
    # Most rows have no such column, and to look for its letters costs less than to read the object.
    letters = "|".join(word.replace("_", "[^a-z]?") for word in words)
    found = warehouse.connection.execute(
        f"""
        with marked as (
            select staged._file_number as file_number, staged._extra
            from staged
            left join verdicts
                on
                    staged._file_number = verdicts.file_number
                    and staged._row_number = verdicts.row_number
            where staged._reason is null and verdicts.status is distinct from 'duplicate'
                and regexp_matches(staged._extra, ?, 'i')
        ),
        pairs as (
            select file_number, entry.key as name, entry.value as value
            from (
                select
                    file_number,
                    unnest(map_entries(cast(cast(_extra as json) as map(varchar, varchar))))
                        as entry
                from marked
            )
        )
        select file, name, count(*) from pairs
        inner join staged_counts using (file_number)
        where {IS_SET}
        group by file, name
        order by file, name
        """,
        [f'"[^"]*({letters})[^"]*":'],
    ).fetchall()
    for file, name, count in found:
        if looks_like_a_flag(name, words):
            warehouse.connection.execute(
                "insert into raw_landing.flags values (?, ?, ?, ?, ?)",
                [table.source, table.name, file, name, count],
            )


def unread(warehouse: Warehouse, tables: Iterable[Table]) -> dict[tuple[str, str], list[str]]:
    """What to say of each table's unread marks, such as `is_test (3 rows)`.

    A column that the contract has gained since is read.
    """
    read = {
        (table.source, table.name): {
            plain_name(name) for column in table.columns for name in column.names
        }
        for table in tables
    }
    said: dict[tuple[str, str], list[str]] = {}
    for source, table_name, column, count in warehouse.rows(
        "select source, table_name, column_name, sum(row_count) from raw_landing.flags"
        " group by all order by all"
    ):
        owner = (source, table_name)
        if owner in read and plain_name(column) not in read[owner]:
            rows = "1 row" if count == 1 else f"{count} rows"
            said.setdefault(owner, []).append(f"{column} ({rows})")
    return said
