"""Runs the dbt unit tests of the models, in a warehouse with every relation and not one row.

The daily job leaves them out (they test the code, which does not change between two days), so they
run here. dbt takes the types of their inputs from built relations, hence the empty warehouse. That
dbt can build it is what recording the models' SQL begins with; that it passes the data tests is
tested here.
"""

from __future__ import annotations

from typing import Any

import pytest
from runner import Place, Runs, program, remake

from orchestration.engine import dbt_runner
from orchestration.engine.warehouse import connect

DAYS = dict.fromkeys(("START_DATE", "REPLAY_START_DATE", "END_DATE"), "2026-03-31")
# Threads would wait for each other: nearly all of it is Python.
UNIT_TESTS = ("test", "--no-write-json", "--threads=1", "--select=test_type:unit")


@pytest.fixture(scope="module")
def empty(template: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = template.copy(tmp_path_factory.mktemp("empty") / "place")
    remake(place, program().by_name, DAYS["START_DATE"], DAYS["END_DATE"])
    return place


def run_unit_tests(place: Place) -> dict[str, Any]:
    """Runs in a process of its own: what failed, how many ran, and how many there are."""
    from dbt.cli.main import dbtRunner

    manifest = dbt_runner.parse(place.settings)
    with dbt_runner.process_environment({**DAYS, **place.settings.as_environment()}):
        outcome = dbtRunner(manifest=manifest).invoke([*UNIT_TESTS, *dbt_runner.flags()])
    assert outcome.result is not None, outcome.exception
    results = outcome.result.results
    return {
        "failed": [
            f"{result.node.name}: {result.status}\n{result.message}"
            for result in results
            if str(result.status) not in dbt_runner.SUCCESS
        ],
        # What dbt runs at the start of a run is a result too.
        "run": sum(result.node.resource_type == "unit_test" for result in results),
        "there": len(manifest.unit_tests),
    }


def test_dbt_unit_tests(runs: Runs, empty: Place) -> None:
    found = runs.start(run_unit_tests, empty).result().check().value
    assert found["failed"] == [], "\n\n".join(found["failed"])
    assert found["run"] == found["there"] > 90


def test_a_warehouse_without_a_row_passes_the_data_tests(empty: Place) -> None:
    with connect(empty.warehouse, read_only=True) as warehouse:
        environment = {**DAYS, "RULESET_VERSION": "by hand"}
        assert program().faults(warehouse.connection, environment) == {}
    assert len(program().tests) > 200
