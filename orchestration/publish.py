"""Publishes the marts: a read-only copy of schema `marts`, swapped in whole.

People and BI tools read the copy, never the warehouse, so a refresh never locks them out and a
failed one leaves yesterday's copy. The new file is written aside in the same folder, checkpointed
and closed, and then takes the old one's name in one step: whoever has the old file open keeps it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from orchestration.settings import PUBLISHED_FILE
from orchestration.warehouse import Warehouse

SCHEMA = "marts"
BESIDE = ("restricted", "exports")
"""Schemas written as Parquet files into folders of their own beside the published file: ids of
single people, and what goes back into other tools. Neither is for everybody who opens the file."""
DATED_TABLE = "accounts"
ASIDE = f".{PUBLISHED_FILE}.new"


class PublishError(RuntimeError):
    """Nothing was published; the message says why and what to do."""


@dataclass(frozen=True)
class Published:
    """What was published.

    path: the published file. rows: row count by table. as_of_date: its day, None if empty.
    beside: the files beside it.
    """

    path: Path
    rows: dict[str, int]
    as_of_date: date | None
    beside: tuple[Path, ...] = ()


def publish(warehouse: Warehouse, published_dir: Path) -> Published:
    """Copies every table of schema `marts` with its comments, and swaps the copy in.

    The tables of the schemas in `BESIDE` go into folders of those names, before the swap: who sees
    the new marts finds them too.

    Raises PublishError when there are no marts, when the copy would be older than what is
    published, or when the published file cannot be read.
    """
    target = published_dir / PUBLISHED_FILE
    aside = published_dir / ASIDE
    tables = [
        name
        for (name,) in warehouse.rows(
            "select table_name from information_schema.tables where table_schema = ?"
            " and table_catalog = current_database() order by table_name",
            [SCHEMA],
        )
    ]
    if DATED_TABLE not in tables:
        raise PublishError("The warehouse has no marts yet. Run make refresh.")
    ((as_of_date,),) = warehouse.rows(f"select max(as_of_date) from {SCHEMA}.{DATED_TABLE}")
    _refuse_to_go_back(target, as_of_date)
    published_dir.mkdir(parents=True, exist_ok=True)
    _remove(aside)
    warehouse.execute(f"attach {_literal(str(aside))} as published")
    try:
        with warehouse.transaction():
            warehouse.execute(f"create schema published.{SCHEMA}")
            rows = {table: _copy(warehouse, table) for table in tables}
        warehouse.execute("checkpoint published")
    finally:
        warehouse.execute("detach published")
    if aside.with_name(aside.name + ".wal").exists():
        raise PublishError(f"{aside} was not written to its end. Run make refresh again.")
    _to_disk(aside)
    beside = tuple(
        file for schema in BESIDE for file in _write_beside(warehouse, schema, published_dir)
    )
    os.replace(aside, target)
    _to_disk(published_dir)
    return Published(target, rows, as_of_date, beside)


@contextmanager
def open_published(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection in which the tables are `marts.<table>`.

    DuckDB names a database after its file, and in `marts.duckdb` opened directly a plain `marts.x`
    could mean the database or the schema: it refuses. So the file is attached under another name.
    """
    with duckdb.connect() as connection:
        connection.execute(f"attach {_literal(str(path))} as published (read_only)")
        connection.execute("use published")
        yield connection


def published_day(path: Path) -> date | None:
    """The day of a published file, None if there is no file or it holds no account.

    Raises PublishError when the file is there and cannot be read.
    """
    if not path.exists():
        return None
    try:
        with open_published(path) as connection:
            row = connection.execute(
                f"select max(as_of_date) from {SCHEMA}.{DATED_TABLE}"
            ).fetchone()
    except duckdb.Error as error:
        raise PublishError(
            f"The published file {path} cannot be read ({str(error).splitlines()[0]}). If another"
            " program has it open for writing, close that program; if it is not ours, move it away."
        ) from error
    return row[0] if row else None


def _refuse_to_go_back(target: Path, as_of_date: date | None) -> None:
    there = published_day(target)
    if there is not None and (as_of_date is None or as_of_date < there):
        raise PublishError(
            f"{target} shows {there}, and this warehouse only goes to {as_of_date}: published marts"
            f" never move back. Give this warehouse another PUBLISHED_DIR, refresh it to {there},"
            " or remove the published file if it is not wanted any more."
        )


def _write_beside(warehouse: Warehouse, schema: str, published_dir: Path) -> list[Path]:
    """One Parquet file per table of a schema, each swapped in whole; files of lost tables go.

    Only the owner may read the folders: whoever else should see them is let in on purpose.
    """
    folder = published_dir / schema
    tables = [
        name
        for (name,) in warehouse.rows(
            "select table_name from information_schema.tables where table_schema = ?"
            " and table_catalog = current_database() order by table_name",
            [schema],
        )
    ]
    written = []
    if tables:
        folder.mkdir(mode=0o700, exist_ok=True)
    for table in tables:
        file = folder / f"{table}.parquet"
        aside = folder / f".{table}.new"
        warehouse.execute(
            f"copy {schema}.{_quoted(table)} to {_literal(str(aside))} (format parquet)"
        )
        _to_disk(aside)
        os.replace(aside, file)
        written.append(file)
    for left in folder.glob("*.parquet") if folder.exists() else ():
        if left not in written:
            left.unlink()
    return written


def _copy(warehouse: Warehouse, table: str) -> int:
    new = f"published.{SCHEMA}.{_quoted(table)}"
    warehouse.execute(f"create table {new} as select * from {SCHEMA}.{_quoted(table)}")
    for kind, name, comment in warehouse.rows(
        """
        select 'table', null, comment from duckdb_tables()
        where schema_name = $1 and table_name = $2 and database_name = current_database()
        union all
        select 'column', column_name, comment from duckdb_columns()
        where schema_name = $1 and table_name = $2 and database_name = current_database()
        """,
        [SCHEMA, table],
    ):
        if comment is not None:
            what = new if kind == "table" else f"{new}.{_quoted(name)}"
            warehouse.execute(f"comment on {kind} {what} is {_literal(comment)}")
    ((count,),) = warehouse.rows(f"select count(*) from {new}")
    return int(count)


def _remove(aside: Path) -> None:
    # What a killed run left behind.
    for path in (aside, aside.with_name(aside.name + ".wal")):
        path.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
