"""Reads marts for the tests, and compares them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

Rows = list[tuple[Any, ...]]
TOLERANCE = 1e-6


def query(path: Path, sql: str) -> Rows:
    """Rows of a query; tables are named schema.table. The file is opened read-only."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as db (read_only)")
        connection.execute("use db")
        return connection.execute(sql).fetchall()


def one(path: Path, sql: str) -> Any:
    """The only value of a query."""
    ((value,),) = query(path, sql)
    return value


def tables(path: Path, schema: str = "marts") -> list[str]:
    return [
        name
        for (name,) in query(
            path,
            "select table_name from information_schema.tables"
            f" where table_schema = '{schema}' and table_catalog = 'db' order by 1",
        )
    ]


def read(
    path: Path, table: str, where: str = "true", without: Iterable[str] = ()
) -> dict[str, list[Any]]:
    """Columns of a table by name, rows in an order that does not hang on its floats."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as db (read_only)")
        connection.execute("use db")
        described = connection.execute(f"describe {table}").fetchall()
        names = [row[0] for row in described if row[0] not in set(without)]
        exact = [row[0] for row in described if row[0] in names and row[1] not in FLOATS]
        chosen = ", ".join(f'"{name}"' for name in names)
        order = ", ".join(f'"{name}"' for name in [*exact, *(n for n in names if n not in exact)])
        rows = connection.execute(
            f"select {chosen} from {table} where {where} order by {order}"
        ).fetchall()
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


FLOATS = ("DOUBLE", "FLOAT")


def differences(one: Mapping[str, list[Any]], other: Mapping[str, list[Any]]) -> list[str]:
    """What differs between two tables as read: floats by more than 1e-6, all else at all."""
    if list(one) != list(other):
        return [f"columns {list(one)} and {list(other)}"]
    found = []
    for name in one:
        if len(one[name]) != len(other[name]):
            return [f"{len(one[name])} rows and {len(other[name])}"]
        for row, (left, right) in enumerate(zip(one[name], other[name], strict=True)):
            if not _is_same(left, right):
                key = {column: one[column][row] for column in list(one)[:4]}
                found.append(f"{name}: {left!r} and {right!r} in {key}")
    return found[:10]


def _is_same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(left == right)


def mart_differences(
    one: Path,
    other: Path,
    without: Mapping[str, Iterable[str]] | None = None,
    schema: str = "marts",
) -> dict[str, list[str]]:
    """Differences between all marts of two databases, by table. Empty if they say the same."""
    names = tables(one, schema)
    assert names == tables(other, schema)
    assert names
    found = {
        name: differences(
            read(one, f"{schema}.{name}", without=(without or {}).get(name, ())),
            read(other, f"{schema}.{name}", without=(without or {}).get(name, ())),
        )
        for name in names
    }
    return {name: what for name, what in found.items() if what}
