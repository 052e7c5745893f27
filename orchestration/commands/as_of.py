"""A past day as it was known then, computed in a place of its own.

The warehouse is copied, what was delivered and scored after the day is taken out of the copy, and
the day is refreshed there. The warehouse and the published marts are left as they are.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

from orchestration.engine.warehouse import Warehouse, connect
from orchestration.landing import flags, presence
from orchestration.runs import circuit_breakers, score_store
from orchestration.runs.context import lock
from orchestration.settings import Settings, SettingsError

# Built from raw tables by each run or added to day by day: in the copy built anew, so that nothing
# in them stems from a later delivery.
REBUILT_SCHEMAS = ("intermediate", "features")


def prepare(settings: Settings, day: date) -> Settings:
    """Makes the copy for `day` and returns the settings with which to refresh it.

    Raises SettingsError when there is no warehouse to look back in.
    """
    if not settings.warehouse_path.exists():
        raise SettingsError(
            f"There is no warehouse at {settings.warehouse_path} to look back in."
            " Run make refresh first, or set WAREHOUSE_PATH."
        )
    # The copy of the warehouse holds raw data: it stays beside the warehouse, away from readers.
    place = settings.warehouse_path.parent / "as_of" / day.isoformat()
    copy = replace(
        settings,
        warehouse_path=place / settings.warehouse_path.name,
        published_dir=settings.published_dir / "as_of" / day.isoformat(),
        start_date=day,
        end_date=day,
    )
    # Only its owner may look in, and a copy found open is closed.
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.chmod(0o700)
    with lock(settings), lock(copy):
        with connect(settings.warehouse_path) as warehouse:
            warehouse.execute("checkpoint")
        # A killed look back may have left a log, which is of another copy.
        for left in (copy.warehouse_path, Path(f"{copy.warehouse_path}.wal")):
            left.unlink(missing_ok=True)
        copy.warehouse_path.touch(mode=0o600)
        shutil.copyfile(settings.warehouse_path, copy.warehouse_path)
    with connect(copy.warehouse_path) as warehouse, warehouse.transaction():
        cut_after(warehouse, day)
    return copy


def cut_after(warehouse: Warehouse, day: date) -> None:
    """Takes out what was delivered or scored after `day`, but for first loads.

    A table's first load stands for what held before it (method, section 1), whenever it came.
    """
    raw_tables = _tables_with(warehouse, "_delivery_day")
    for table in raw_tables:
        warehouse.execute(
            f"delete from {table} where _delivery_day > ? and not _is_first_load", [day]
        )
    if warehouse.has_table("raw_landing", "files"):
        # Those files are met again as new ones, and wait for their delivery day.
        later = "select file from raw_landing.files where delivery_day > ? and not is_first_load"
        for table in ("quarantine", *flags.FLAG_TABLES):
            if warehouse.has_table("raw_landing", table):
                warehouse.execute(f"delete from raw_landing.{table} where file in ({later})", [day])
        warehouse.execute(
            "delete from raw_landing.files where delivery_day > ? and not is_first_load", [day]
        )
    for table in (*presence.PRESENCE_TABLES, circuit_breakers.CONFIRMATIONS):
        if warehouse.has_table("raw_landing", table):
            warehouse.execute(f"delete from raw_landing.{table} where delivery_day > ?", [day])
    score_store.prepare(warehouse)
    warehouse.execute(f"delete from {score_store.PLANS}")
    warehouse.execute(f"delete from {score_store.RUNS} where start_date > ?", [day])
    warehouse.execute(f"update {score_store.RUNS} set end_date = ? where end_date > ?", [day, day])
    for schema in REBUILT_SCHEMAS:
        warehouse.execute(f"drop schema if exists {schema} cascade")
    for table in _tables_with(warehouse, "as_of_date"):
        warehouse.execute(f"delete from {table} where as_of_date > ?", [day])


def _tables_with(warehouse: Warehouse, column: str) -> list[str]:
    return [
        f'"{schema}"."{table}"'
        for schema, table in warehouse.rows(
            """
            select duckdb_columns.schema_name, duckdb_columns.table_name
            from duckdb_columns()
            inner join duckdb_tables() using (database_name, schema_name, table_name)
            where database_name = current_database() and column_name = ?
            """,
            [column],
        )
    ]
