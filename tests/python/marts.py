"""Reads marts for the tests, and compares them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

Rows = list[tuple[Any, ...]]
TOLERANCE = 1e-6
MOST_OPEN = 6
MARTS = ("marts", "marts_detail")
"""Schemas of the marts."""


_open: dict[Path, tuple[tuple[int, int], duckdb.DuckDBPyConnection]] = {}
"""Databases that were looked at, by path, with size and time of the file as it was then."""


def attached(path: Path) -> duckdb.DuckDBPyConnection:
    """A connection to a database file, read-only, whose tables are named schema.table.

    A mart goes by its name alone too, in whichever of their schemas it is.

    Opening a file costs a hundred times what a small query does, so it stays open until the file
    changes or `let_go` is called.
    """
    state = path.stat()
    seen = (state.st_size, state.st_mtime_ns)
    if path in _open and _open[path][0] == seen:
        return _open[path][1]
    if path in _open:
        _open.pop(path)[1].close()
    if len(_open) >= MOST_OPEN:
        _open.pop(next(iter(_open)))[1].close()
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(f"attach '{path}' as db (read_only)")
    there = {
        name
        for (name,) in connection.execute(
            "select schema_name from duckdb_schemas() where database_name = 'db'"
        ).fetchall()
    }
    connection.execute("use db")
    if there >= {*MARTS}:
        connection.execute("set search_path = 'db.marts,db.marts_detail'")
    _open[path] = seen, connection
    return connection


def let_go(folder: Path) -> None:
    """Closes what `attached` keeps open in a folder: a file that is written has no readers."""
    for path in [*_open]:
        if path.is_relative_to(folder):
            _open.pop(path)[1].close()


def query(path: Path, sql: str) -> Rows:
    """Rows of a query; tables are named schema.table. The file is opened read-only."""
    return attached(path).execute(sql).fetchall()


def one(path: Path, sql: str) -> Any:
    """The only value of a query."""
    ((value,),) = query(path, sql)
    return value


def tables(path: Path, schemas: Iterable[str] = MARTS) -> list[str]:
    """The tables of some schemas, as schema.table."""
    return [
        name
        for (name,) in query(
            path,
            "select table_schema || '.' || table_name from information_schema.tables"
            f" where list_contains({list(schemas)}, table_schema) and table_catalog = 'db'"
            " order by 1",
        )
    ]


def read(
    path: Path, table: str, where: str = "true", without: Iterable[str] = ()
) -> dict[str, list[Any]]:
    """Columns of a table by name, rows in an order that does not hang on its floats."""
    connection = attached(path)
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


def _have_equal_rows(one: Path, other: Path, table: str) -> bool:
    """Whether two files hold exactly the same rows in a table, as the database compares them.

    Quick where nothing differs; what differs, and by how much, is then looked at row by row.
    """
    sides = [attached(path).execute(f"from {table}").to_arrow_table() for path in (one, other)]
    if sides[0].schema != sides[1].schema or sides[0].num_rows != sides[1].num_rows:
        return False
    with duckdb.connect() as connection:
        for name, rows in zip(("ours", "theirs"), sides, strict=True):
            connection.register(name, rows)
        return not connection.execute(
            "select 1 from (from ours except all from theirs) limit 1"
        ).fetchall()


def mart_differences(
    one: Path,
    other: Path,
    without: Mapping[str, Iterable[str]] | None = None,
    schemas: Iterable[str] = MARTS,
) -> dict[str, list[str]]:
    """Differences between all marts of two databases, by table. Empty if they say the same.

    without: columns not to compare, by mart.
    """
    names = tables(one, schemas)
    assert names == tables(other, schemas)
    assert names
    left_out = {name: (without or {}).get(name.split(".")[1], ()) for name in names}
    found = {
        name: differences(
            read(one, name, without=left_out[name]), read(other, name, without=left_out[name])
        )
        for name in names
        if not _have_equal_rows(one, other, name)
    }
    return {name: what for name, what in found.items() if what}
