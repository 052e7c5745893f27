"""The tables that landing fills: one for each table of the contract, and those of its own.

What belongs here: their columns, making them, and adding what the contract gained. What does not:
rows.
"""

from __future__ import annotations

from orchestration.engine.warehouse import Warehouse, quoted
from orchestration.landing import flags, verdicts
from orchestration.landing.contract import REGISTRABLE_SUFFIX, Contract
from orchestration.landing.files import SQL_TYPES
from orchestration.landing.presence import PRESENCE_TABLES

MANIFEST_COLUMNS = """
    file varchar, source varchar, table_name varchar, instance varchar, delivery_day date,
    first_seen_at timestamp, is_late boolean, is_first_load boolean, status varchar,
    load_id bigint, delivered bigint, accepted bigint, duplicate bigint, conflicting bigint,
    quarantined bigint, reason varchar, size_bytes bigint, columns varchar[],
    rewritten bigint, rewrites varchar, content_hash varchar, written_ns bigint,
    left_out bigint, read_as varchar
"""
LANDING_TABLES = {
    "files": MANIFEST_COLUMNS,
    "quarantine": (
        "source varchar, table_name varchar, instance varchar, file varchar, row_number bigint,"
        " column_name varchar, cause varchar, reason varchar, row_json varchar, delivery_day date,"
        " load_id bigint"
    ),
    "tables": (
        "source varchar, table_name varchar, has_landed boolean,"
        " missing_optional_columns varchar[], features varchar, lost_columns varchar[],"
        " unread_models varchar[], unread_flags varchar[]"
    ),
    "loads": "load_id bigint, end_date date, taken_at timestamp, is_finished boolean",
    **PRESENCE_TABLES,
    **flags.FLAG_TABLES,
}
STAMPS = {
    "_instance": "varchar",
    "_delivery_day": "date",
    "_is_first_load": "boolean",
    "_file": "varchar",
    "_row": "bigint",
    "_load_id": "bigint",
    "_status": "varchar",
    "_version_at": "timestamp",
    "_version_number": "integer",
    "_extra": "varchar",
}


def ensure_tables(warehouse: Warehouse, contract: Contract) -> None:
    """Makes the raw tables of the whole contract, and columns that the contract gained."""
    existing: dict[tuple[str, str], dict[str, str]] = {}
    for schema, name, column, kind in warehouse.rows(
        "select schema_name, table_name, column_name, lower(data_type) from duckdb_columns()"
        " where database_name = current_database() and starts_with(schema_name, 'raw_')"
    ):
        existing.setdefault((schema, name), {})[column] = kind
    wanted: dict[tuple[str, str], dict[str, str]] = {}
    version_at: dict[tuple[str, str], str] = {}
    for table in contract.tables.values():
        version_at[table.raw_schema, table.name] = verdicts.version_at(table)
        wanted[table.raw_schema, table.name] = (
            {column.name: SQL_TYPES[column.data_type] for column in table.columns}
            | {name + REGISTRABLE_SUFFIX: "varchar" for name in table.hosts}
            | STAMPS
        )
    with warehouse.transaction():
        schemas = {schema for schema, _ in existing}
        for schema in dict.fromkeys(["raw_landing", *(schema for schema, _ in wanted)]):
            if schema not in schemas:
                warehouse.execute(f"create schema if not exists {quoted(schema)}")
        for name, columns in LANDING_TABLES.items():
            if ("raw_landing", name) not in existing:
                warehouse.execute(f"create table raw_landing.{name} ({columns})")
                continue
            for column in columns.split(","):
                if column.split()[0] not in existing["raw_landing", name]:
                    warehouse.execute(f"alter table raw_landing.{name} add column {column}")
        for (schema, name), kinds in wanted.items():
            full_name = f"{quoted(schema)}.{quoted(name)}"
            if (schema, name) not in existing:
                columns = ", ".join(f"{quoted(column)} {kind}" for column, kind in kinds.items())
                warehouse.execute(f"create table {full_name} ({columns})")
                continue
            has = existing[schema, name]
            for column, kind in kinds.items():
                if column not in has:
                    warehouse.execute(f"alter table {full_name} add column {quoted(column)} {kind}")
                    if column == "_version_at":  # rows taken before there was this stamp
                        warehouse.execute(
                            f"update {full_name} set _version_at = {version_at[schema, name]}"
                        )
                elif has[column] != kind:
                    raise ValueError(
                        f"{schema}.{name}.{column} holds {has[column]}, the contract now says"
                        f" {kind}: the type of a landed column cannot change; give the column a new"
                        " name, or start a new warehouse from the landing files"
                    )
