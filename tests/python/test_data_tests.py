"""What a person reads when the rows of a relation are not what they must be."""

from __future__ import annotations

from pathlib import Path

import pytest
from runner import Place, Runs

from orchestration.engine import build, dbt_runner
from orchestration.engine.warehouse import connect

FAULTS = {
    "another row of the same type": "several rows have one key: activity_type page_view",
    "no direction": "direction is empty: activity_type page_view",
    "a direction of its own": "direction is none of inbound, outbound: activity_type",
    "too many points": "base_points is not between 0 and 100: activity_type page_view",
}
CHANGES = {
    "another row of the same type": "insert into {0} from {0} where activity_type = 'page_view'",
    "no direction": "update {0} set direction = null where activity_type = 'page_view'",
    "a direction of its own": "update {0} set direction = 'up' where activity_type = 'page_view'",
    "too many points": "update {0} set base_points = 101 where activity_type = 'page_view'",
}


def what_is_said(place: Place) -> str:
    """Runs in a process of its own: tests the seed, gives what is said of it."""
    results = build.build(place.settings, [_well_formed("activity_types", place)], {})
    return build.describe_failures([*results])


def _well_formed(relation: str, place: Place) -> str:
    (name,) = (
        unique_id
        for unique_id, node in dbt_runner.parse(place.settings).nodes.items()
        if node.name == f"well_formed_{relation}"
    )
    return str(name)


@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_a_failed_test_shows_its_rows(
    fault: str | None, runs: Runs, template: Place, tmp_path: Path
) -> None:
    place = template.copy(tmp_path / "place")
    if fault:
        with connect(place.warehouse) as warehouse:
            warehouse.execute(CHANGES[fault].format("seeds.activity_types"))
    run = runs.start(what_is_said, place).result().check()
    if fault:
        assert run.value.startswith("test well_formed_activity_types: 1 rows that should not be")
        assert f"    {FAULTS[fault]}" in run.value
    else:
        assert run.value == ""
