"""What a run need not build again: seeds, views of staging, tests of seeds, as long as they stay.

They are two of five nodes of the project, and what a node costs dbt does not depend on its rows. So
the warehouse keeps of each of them what it was built from: the files, and for a view the columns of
the table that it reads. Everything else is built by every run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.engine.warehouse import Warehouse
from orchestration.project import project

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

BUILT = "engine.built"
# A change in any of these may change any seed, view or test of a seed.
SHARED = (
    *("dbt_project.yml", "profiles", "macros", "requirements.lock"),
    *("models/staging", "seeds/**/*.yml"),
)


def is_fixed(node: Any) -> bool:
    """Whether no row that is delivered changes what the node makes: seeds, views of staging."""
    is_staging = node.resource_type == "model" and node.fqn[1] == "staging"
    return bool(node.resource_type == "seed" or is_staging)


def contents(manifest: Manifest, warehouse: Warehouse) -> dict[str, str]:
    """A hash of what each node is made from, of those nodes that no delivered row changes."""
    columns = _columns(warehouse)
    fixed = {name: node for name, node in manifest.nodes.items() if is_fixed(node)}
    found: dict[str, str] = {}
    for name, node in fixed.items():
        if name.startswith("seed."):
            made_from = [(project() / node.original_file_path).read_bytes()]
        else:
            sources = [manifest.sources[parent] for parent in node.depends_on_nodes]
            made_from = [columns.get((each.schema, each.identifier), b"") for each in sources]
        found[name] = _hash(_shared(project()), *made_from)
    for name, node in manifest.nodes.items():
        reads = node.depends_on_nodes
        is_test = name.startswith("test.")
        if is_test and reads and all(parent.startswith("seed.") for parent in reads):
            seeds = (found[parent].encode() for parent in reads)
            found[name] = _hash(_shared(project()), node.raw_code.encode(), *seeds)
    return found


def unchanged(
    manifest: Manifest, warehouse: Warehouse, wanted: Collection[str], now: Mapping[str, str]
) -> set[str]:
    """Those of the wanted nodes that the warehouse holds just as they would be made.

    The others are forgotten until `remember` is told that they were built: a run that is stopped
    midway may have made them or not. now: from `contents`.
    """
    _ensure_table(warehouse)
    built = dict(warehouse.rows(f"select unique_id, content from {BUILT}"))
    relations = set(
        warehouse.rows(
            "select table_schema, table_name from information_schema.tables"
            " where table_catalog = current_database()"
        )
    )
    there = {
        name
        for name in now.keys() & set(wanted)
        if built.get(name) == now[name]
        and (
            name.startswith("test.")
            or (manifest.nodes[name].schema, manifest.nodes[name].alias) in relations
        )
    }
    forgotten = sorted(name for name in now.keys() & set(wanted) - there if name in built)
    if forgotten:
        warehouse.execute(f"delete from {BUILT} where list_contains(?, unique_id)", [forgotten])
    return there


def remember(warehouse: Warehouse, built: Iterable[str], contents: Mapping[str, str]) -> None:
    """Keeps what these nodes were built from. contents: from `contents`."""
    rows = [(name, contents[name]) for name in built if name in contents]
    _ensure_table(warehouse)
    with warehouse.transaction():
        for name, content in rows:
            warehouse.execute(f"insert or replace into {BUILT} values (?, ?)", [name, content])


def _ensure_table(warehouse: Warehouse) -> None:
    warehouse.execute("create schema if not exists engine")
    warehouse.execute(
        f"create table if not exists {BUILT} (unique_id varchar primary key, content varchar)"
    )


def _columns(warehouse: Warehouse) -> dict[tuple[str, str], bytes]:
    """The columns of each table, with their types: a view over others would no longer be read."""
    return {
        (schema, table): str(columns).encode()
        for schema, table, columns in warehouse.rows(
            "select schema_name, table_name, list([column_name, data_type] order by column_index)"
            " from duckdb_columns() where database_name = current_database() group by all"
        )
    }


@cache
def _shared(place: Path) -> bytes:
    files: set[Path] = set()
    for pattern in SHARED:
        for start in place.glob(pattern):
            files.update([start] if start.is_file() else start.rglob("*"))
    texts = [
        part
        for path in sorted(path for path in files if path.is_file())
        if path.suffix not in (".pyc", ".md")
        for part in (str(path.relative_to(place)).encode(), path.read_bytes())
    ]
    return _hash(*texts).encode()


def _hash(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)} ".encode())
        digest.update(part)
    return digest.hexdigest()
