"""dbt's data tests, run by the engine itself in few statements.

A node costs dbt some thirty milliseconds whatever it looks at, and half of the nodes that a run
builds are tests. So dbt says once what each test asks, for dates that stand for any others, and a
run asks the database. Names, severities, limits and messages are dbt's. `dbt test` runs the same
tests, one by one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from orchestration.engine import dbt_runner
from orchestration.engine.dbt_runner import SKIPPED, DbtError, NodeResult
from orchestration.engine.warehouse import Warehouse, literal
from orchestration.settings import Settings

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

# What a run gives dbt, and what stands for it in what dbt says. No model or test may hold these.
# The days lie far apart: dbt counts those between them to know how many rows of days to make, and a
# run may have no more (it takes what it needs of them).
STAND_INS = {
    "REPLAY_START_DATE": "1971-03-05",
    "START_DATE": "1971-03-07",
    "END_DATE": "1982-03-09",
    "RULESET_VERSION": "the ruleset version of the run",
}
# A statement that fails tells nothing of its other tests, and the engine plans it as a whole.
TESTS_OF_A_STATEMENT = 40
SHOWN_ROWS = 3


def for_run(sql: str, environment: Mapping[str, str]) -> str:
    """SQL for a run: its values in place of STAND_INS. environment: those that the SQL holds."""
    for name, stand_in in STAND_INS.items():
        if stand_in in sql:
            sql = sql.replace(stand_in, environment[name])
    return sql


def queries(settings: Settings, manifest: Manifest) -> Mapping[str, str]:
    """What each data test asks, by unique id: one row per fault. With STAND_INS for dates.

    Kept in target/ as long as the manifest is. Raises DbtError.
    """
    # Relations are named with their database, which is the name of the warehouse's file.
    name = f"data_tests_{settings.warehouse_path.stem}.json"
    kept = dbt_runner.manifest_path().with_name(name)
    if _is_current(kept):
        found: dict[str, str] = json.loads(kept.read_bytes())
        return found
    _check_stand_ins(manifest)
    dbt_runner.invoke(
        manifest, ["compile", "--threads=1"], STAND_INS, settings, resource_types=("test",)
    )
    nodes: Mapping[str, Any] = manifest.nodes
    found = {
        unique_id: str(node.compiled_code)
        for unique_id, node in nodes.items()
        if node.resource_type == "test"
    }
    draft = kept.with_name(f"{kept.name}.{os.getpid()}")
    draft.write_text(json.dumps(found), encoding="utf-8")
    draft.replace(kept)
    return found


def run(
    warehouse: Warehouse,
    manifest: Manifest,
    asked: Mapping[str, str],
    unbuilt: set[str],
) -> Iterator[NodeResult]:
    """Runs data tests; gives a result for each.

    asked: the queries of these tests, for the days of the run. unbuilt: models that are not as
    they should be; a test that reads one is skipped.
    """
    tests = []
    for unique_id in asked:
        if unbuilt & set(manifest.nodes[unique_id].depends_on_nodes):
            yield NodeResult(unique_id, SKIPPED, "", 0.0, None)
        else:
            tests.append(unique_id)
    for start in range(0, len(tests), TESTS_OF_A_STATEMENT):
        part = tests[start : start + TESTS_OF_A_STATEMENT]
        try:
            yield from _results(warehouse, manifest, asked, part)
        except duckdb.Error:  # of one of them
            for unique_id in part:
                try:
                    yield from _results(warehouse, manifest, asked, [unique_id])
                except duckdb.Error as error:
                    yield NodeResult(unique_id, "error", str(error), 0.0, None)


def _results(
    warehouse: Warehouse, manifest: Manifest, asked: Mapping[str, str], tests: Sequence[str]
) -> list[NodeResult]:
    started = time.perf_counter()
    counted = warehouse.rows(
        "\nunion all\n".join(_counting(manifest.nodes[name], asked[name]) for name in tests)
    )
    seconds = (time.perf_counter() - started) / len(tests)
    results = []
    for unique_id, failures, warns, fails in counted:
        config: Any = manifest.nodes[unique_id].config
        status, rule = "pass", ""
        if fails and config.severity.upper() == "ERROR":
            status, rule = "fail", f"fail if {config.error_if}"
        elif warns:
            status, rule = "warn", f"warn if {config.warn_if}"
        some = "result" if failures == 1 else "results"
        message = f"Got {failures} {some}, configured to {rule}" if rule else ""
        rows = _first_rows(warehouse, asked[unique_id]) if rule else ()
        results.append(NodeResult(unique_id, status, message, seconds, failures, rows))
    return results


def _counting(test: Any, query: str) -> str:
    """As dbt's own macro get_test_sql, with the name of the test."""
    config = test.config
    limit = f"limit {config.limit}" if config.limit else ""
    return (
        f"select {literal(test.unique_id)} as test, {config.fail_calc} as failures,"
        f" {config.fail_calc} {config.warn_if} as warns,"
        f" {config.fail_calc} {config.error_if} as fails"
        f" from (\n{query}\n{limit}\n) as faults"
    )


def _first_rows(warehouse: Warehouse, query: str) -> tuple[str, ...]:
    """The first rows that a test gives: `column value` pairs, or the text if it is one."""
    table = warehouse.read(f"select * from (\n{query}\n) as faults limit {SHOWN_ROWS}")
    return tuple(
        str(row["fault"])
        if row.keys() == {"fault"}
        else ", ".join(f"{column} {value}" for column, value in row.items())
        for row in table.to_pylist()
    )


def _is_current(kept: Path) -> bool:
    manifest = dbt_runner.manifest_path()
    return kept.exists() and kept.stat().st_mtime_ns >= manifest.stat().st_mtime_ns


def _check_stand_ins(manifest: Manifest) -> None:
    texts = [(name, node.raw_code) for name, node in manifest.nodes.items()]
    texts += [(name, macro.macro_sql) for name, macro in manifest.macros.items()]
    for name, text in texts:
        for stand_in in STAND_INS.values():
            if stand_in in text:
                raise DbtError(f"{name} holds {stand_in}: choose another in STAND_INS.")
