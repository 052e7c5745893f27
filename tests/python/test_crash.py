"""A job that is killed at any point and run again gives what an undisturbed one gives.

The process kills itself (SIGKILL: nothing is cleaned up) at points that only the tests know; see
`runner.KILL_POINTS`. Until a run gets to its end, the published file is yesterday's. What comes
before a point in dbt is only built where the run after it needs it; kills at the scores stop the
same code over the same tables, built without dbt and Dagster. The whole job is killed in ingestion
and after the scores; at the swap it has the models' recorded SQL said.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import pytest
from conftest import REFRESHED, Company
from marts import mart_differences, one
from runner import KILL_POINTS, Place, Result, Runs, compute, program

START, END = "2026-06-11", "2026-06-12"


@dataclass(frozen=True)
class Kill:
    """A run that was killed, and what was published after it.

    untouched: whether the published file was yesterday's, byte for byte. showed: the day that it
    then gave to a reader.
    """

    run: Result
    untouched: bool
    showed: date


@dataclass(frozen=True)
class Story:
    """A place killed at every point, one run after the other, and at last left to finish.

    Each run but the first begins with what the kill before it left.
    """

    kills: Mapping[str, Kill]
    again: Result
    place: Place


@pytest.fixture(scope="module")
def undisturbed(
    company: Company, refreshed: Place, tmp_path_factory: pytest.TempPathFactory
) -> Place:
    place = refreshed.copy(tmp_path_factory.mktemp("undisturbed") / "place", company.landing)
    compute(place, START, END)
    return place


@pytest.fixture(scope="module")
def story(
    company: Company, refreshed: Place, runs: Runs, tmp_path_factory: pytest.TempPathFactory
) -> Story:
    yesterday = refreshed.published.read_bytes()
    place = refreshed.copy(tmp_path_factory.mktemp("crash") / "place", company.landing)

    def job(point: str, models: frozenset[str] = frozenset()) -> Result:
        return runs.refresh(place, end=END, whole=False, models=models, kill_at=point)

    def scores(point: str) -> Result:
        return runs.start(compute, place, START, END, kill_at=point).result()

    grows = "int_act_days"
    kill: Mapping[str, Callable[[str], Result]] = {
        "dbt before the scores, after a table that grows": lambda point: job(
            point, program().with_parents([grows])
        ),
        "before scoring": scores,
        "while scores are written": scores,
        "publish, before the swap": lambda point: runs.refresh(
            place, end=END, with_dbt=False, kill_at=point
        ),
    }
    kills = {}
    for point in KILL_POINTS:
        run = kill.get(point, job)(point)
        kills[point] = Kill(
            run,
            untouched=place.published.read_bytes() == yesterday,
            showed=one(place.published, "select max(as_of_date) from marts.accounts"),
        )
    return Story(kills, runs.refresh(place, end=END, with_dbt=False), place)


@pytest.mark.parametrize("point", KILL_POINTS)
def test_a_killed_job_publishes_nothing(point: str, story: Story) -> None:
    kill = story.kills[point]
    assert kill.run.code == -signal.SIGKILL, kill.run.out + kill.run.error
    assert kill.untouched
    assert kill.showed == REFRESHED[1]


def test_a_killed_job_runs_again_to_the_same_marts(story: Story, undisturbed: Place) -> None:
    story.again.check()
    assert str(one(story.place.published, "select max(as_of_date) from marts.accounts")) == END
    assert mart_differences(story.place.published, undisturbed.warehouse) == {}
    assert {path.name for path in story.place.published.parent.iterdir()} == {
        ".lock",
        "activation_gap.duckdb",
        "current",
        "exports",
        "restricted",
        "versions",
    }
