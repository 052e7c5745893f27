"""The one door to the database. What only this engine does lives here; business rules do not.

The default engine is DuckDB: one file, one writer at a time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.settings import as_umask_says

# Strings are not squeezed by FSST: nearly all of a warehouse is written anew each day, and looking
# for what it would save costs more than it saves (docs/decisions/0053). profiles.yml says the same.
NO_COMPRESSION_BY = "fsst,dict_fsst"
# Less than this is not worth writing a warehouse anew.
LEAST_DEAD_BYTES = 100_000_000


class WarehouseBusyError(RuntimeError):
    """Another process has the database open; the message says which one and what to do."""


def is_locked(error: duckdb.Error) -> bool:
    """Whether a file does not open because another process has it open."""
    return "Could not set lock" in str(error)  # "lock" alone stands in "block" too


class Warehouse:
    """An open database. Timestamps without a zone are UTC."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._is_in_transaction = False

    def execute(self, sql: str, parameters: Sequence[Any] | None = None) -> None:
        """Runs one statement."""
        self.connection.execute(sql, parameters)

    def rows(self, sql: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Result rows of a query, for the few values that Python decides on."""
        return self.connection.execute(sql, parameters).fetchall()

    def read(self, sql: str, parameters: Sequence[Any] | None = None) -> pa.Table:
        """Result of a query as an Arrow table."""
        return self.connection.execute(sql, parameters).to_arrow_table()

    def append(self, table: str, rows: pa.Table) -> None:
        """Appends rows to a table, columns matched by name. `table` is schema.name."""
        if rows.num_rows == 0:
            return
        self.connection.register("_rows_to_append", rows)
        try:
            self.connection.execute(f"insert into {table} by name select * from _rows_to_append")
        finally:
            self.connection.unregister("_rows_to_append")

    def replace(
        self, table: str, rows: pa.Table, where: str, parameters: Sequence[Any] | None = None
    ) -> None:
        """Deletes the rows that meet `where` and appends `rows`, in one transaction."""
        with self.transaction():
            self.connection.execute(f"delete from {table} where {where}", parameters)
            self.append(table, rows)

    def has_table(self, schema: str, table: str) -> bool:
        return bool(
            self.rows(
                "select 1 from information_schema.tables where table_schema = ? and table_name = ?"
                " and table_catalog = current_database()",
                [schema, table],
            )
        )

    def move_table(self, table: str, schema: str, to: str) -> None:
        """Moves a table with its rows from one schema to another, which is made if missing.

        Its comments do not come along. A table that stands there already stays as it is.
        """
        with self.transaction():
            self.execute(f"create schema if not exists {to}")
            self.execute(f"create table if not exists {to}.{table} as from {schema}.{table}")
            self.execute(f"drop table {schema}.{table}")

    @contextmanager
    def another(self) -> Iterator[Warehouse]:
        """One more connection to the open database, for work in a thread of its own.

        It has its own transactions and temporary tables.
        """
        with _set_up(self.connection.cursor()) as connection:
            yield Warehouse(connection)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements inside take effect together, or none does. Joins one already open."""
        if self._is_in_transaction:
            yield
            return
        self.connection.begin()
        self._is_in_transaction = True
        try:
            yield
        except BaseException:
            self.connection.rollback()
            raise
        else:
            self.connection.commit()
        finally:
            self._is_in_transaction = False


@contextmanager
def connect(path: Path, *, read_only: bool = False) -> Iterator[Warehouse]:
    """Opens the database file, which is made with its folders if missing, and closes it after.

    It holds raw data, so a file that others may read is closed to them.

    Raises WarehouseBusyError while another process has it open.
    """
    if not read_only:
        with as_umask_says():
            path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = duckdb.connect(str(path), read_only=read_only)
    except duckdb.IOException as error:
        if not is_locked(error):
            raise
        holder = re.search(r"PID (\d+)", str(error))
        who = f"process {holder.group(1)}" if holder else "another process"
        raise WarehouseBusyError(
            f"{path} is open in {who}. The warehouse has one writer at a time: wait until that"
            " process is done or close it, then run this again. To look at results, open the"
            " published copy instead."
        ) from error
    with _set_up(connection):
        if not read_only and path.is_file() and path.stat().st_mode & 0o077:
            with suppress(PermissionError):  # it is somebody else's
                path.chmod(0o600)
        # Written to the file when it is closed; in the middle of a load that only takes time.
        connection.execute("set checkpoint_threshold = '1GB'")
        connection.execute(f"set disabled_compression_methods = '{NO_COMPRESSION_BY}'")
        for setting, name in (("memory_limit", "MEMORY_LIMIT"), ("temp_directory", "SPILL_DIR")):
            if value := os.environ.get(name, "").strip():
                connection.execute(f"set {setting} = {literal(value)}")
        yield Warehouse(connection)


def compact(path: Path) -> tuple[int, int] | None:
    """Writes a database anew if half of its file or more holds nothing any more.

    DuckDB fills what is free in a file again and never makes the file smaller: after a large
    backfill it stays as large as it was at its largest. Gives the bytes before and after, None if
    it was left as it is. The new file takes the place of the old in one step, so whoever is stopped
    midway leaves the old one. Nothing else may have the database open. Raises duckdb.Error where
    there is no room for a second file.
    """
    draft = path.with_name(f"{path.name}.compact")
    draft.unlink(missing_ok=True)
    with connect(path) as warehouse:
        warehouse.execute("force checkpoint")
        ((used, free, size),) = warehouse.rows(
            "select used_blocks, free_blocks, block_size from pragma_database_size()"
        )
        if free < used or free * size < LEAST_DEAD_BYTES:
            return None
        ((name,),) = warehouse.rows("select current_database()")
        try:
            warehouse.execute(f"attach {literal(str(draft))} as compacted")
            draft.chmod(0o600)
            warehouse.execute(f'copy from database "{name}" to compacted')
            warehouse.execute("detach compacted")
        except duckdb.Error:
            draft.unlink(missing_ok=True)
            raise
    before = path.stat().st_size
    os.replace(draft, path)
    return before, path.stat().st_size


def literal(text: str) -> str:
    """A text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name as a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def _set_up(connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        connection.execute("set TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()
