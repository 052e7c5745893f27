"""Runs the dbt unit tests of the models, in a warehouse with every relation and not one row.

The daily job leaves them out (they test the code, which does not change between two days), so they
run here. dbt takes the types of their inputs from built relations, hence the empty warehouse; that
it passes the singular tests is tested on the way. That dbt can build it is what recording the
models' SQL begins with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner import Place, Runs, program, remake

from orchestration import dbt_runner
from orchestration.settings import PROJECT_DIR

DAY = "2026-03-31"
SELECTED = ("test_type:unit", "test_type:singular")


def run_tests(place: Place) -> dict[str, Any]:
    """Runs in a process of its own: what failed, how many ran, and how many there are."""
    from dbt.cli.main import dbtRunner

    manifest = dbt_runner.parse(place.settings)
    days = dict.fromkeys(("START_DATE", "REPLAY_START_DATE", "END_DATE"), DAY)
    with dbt_runner.process_environment({**days, **place.settings.as_environment()}):
        outcome = dbtRunner(manifest=manifest).invoke(
            ["test", "--no-write-json", *dbt_runner.flags(), "--select", *SELECTED]
        )
    assert outcome.result is not None, outcome.exception
    results = outcome.result.results
    return {
        "failed": [
            f"{result.node.name}: {result.status}\n{result.message}"
            for result in results
            if str(result.status) not in dbt_runner.SUCCESS
        ],
        "unit": sum(str(result.node.resource_type) == "unit_test" for result in results),
        "singular": sum(str(result.node.resource_type) == "test" for result in results),
        "unit tests": len(manifest.unit_tests),
    }


def test_dbt_unit_tests(runs: Runs, template: Place, tmp_path: Path) -> None:
    place = template.copy(tmp_path / "place")
    remake(place, program().by_name, DAY, DAY)
    found = runs.start(run_tests, place).result().check().value
    assert found["failed"] == [], "\n\n".join(found["failed"])
    assert found["unit"] == found["unit tests"] > 90
    assert found["singular"] == len(list((PROJECT_DIR / "tests" / "data").glob("assert_*.sql")))
