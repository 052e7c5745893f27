"""A job that is killed at any point and run again gives what an undisturbed one gives.

The process kills itself (SIGKILL: nothing is cleaned up) at points that only the tests know; see
`runner.KILL_POINTS`. Until the second run is done, the published file is yesterday's.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

import pytest
from conftest import REFRESHED, Company
from marts import mart_differences, one
from runner import KILL_POINTS, Place, Result, Runs

END = "2026-06-12"
UNDISTURBED = ""


@dataclass(frozen=True)
class Story:
    """A place that was refreshed on the second day, killed at a point, and refreshed again.

    untouched: whether the published file was yesterday's, byte for byte, after the kill. showed:
    the day that it then gave to a reader.
    """

    place: Place
    killed: Result | None
    untouched: bool
    showed: date
    again: Result


@pytest.fixture(scope="module")
def stories(
    company: Company, refreshed: Place, runs: Runs, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Story]:
    folder = tmp_path_factory.mktemp("crash")
    yesterday = refreshed.published.read_bytes()

    def tell(number: int, point: str) -> Story:
        place = refreshed.copy(folder / f"place-{number}", company.landing)
        killed = None
        if point != UNDISTURBED:
            killed = runs.refresh(place, end=END, whole=False, kill_at=point)
        untouched = place.published.read_bytes() == yesterday
        showed = one(place.published, "select max(as_of_date) from marts.accounts")
        again = runs.refresh(place, end=END, whole=False)
        return Story(place, killed, untouched, showed, again)

    points = [UNDISTURBED, *KILL_POINTS]
    with ThreadPoolExecutor() as pool:
        told = list(pool.map(tell, range(len(points)), points))
    return dict(zip(points, told, strict=True))


@pytest.mark.parametrize("point", KILL_POINTS)
def test_a_killed_job_runs_again_to_the_same_marts(
    point: str, stories: Mapping[str, Story]
) -> None:
    undisturbed, story = stories[UNDISTURBED], stories[point]
    assert story.killed is not None
    assert story.killed.code == -signal.SIGKILL, story.killed.out + story.killed.error
    assert story.untouched
    assert story.showed == REFRESHED[1]

    story.again.check()
    undisturbed.again.check()
    assert str(one(story.place.published, "select max(as_of_date) from marts.accounts")) == END
    assert mart_differences(story.place.published, undisturbed.place.published) == {}
    assert {path.name for path in story.place.published.parent.iterdir()} == {"marts.duckdb"}
