"""The days that a run computes."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.runs.planning import (
    ONE_DAY,
    History,
    Plan,
    PlanningError,
    describe,
    month_blocks,
    plan_range,
)
from orchestration.settings import FIRST_DAY, SettingsError, load_settings

TODAY = date(2026, 7, 10)
LAST_COMPLETE = date(2026, 7, 8)
STORED = History(
    first=date(2026, 5, 10),
    last=date(2026, 7, 7),
    checkpoints=frozenset({date(2026, 5, 31), date(2026, 6, 30), date(2026, 7, 7)}),
)


def plan(
    start: date | None = None,
    end: date | None = None,
    history: History | None = STORED,
    last_complete_day: date | None = LAST_COMPLETE,
) -> Plan:
    return plan_range(start, end, last_complete_day=last_complete_day, history=history, today=TODAY)


def test_the_first_run_takes_the_last_complete_day() -> None:
    assert plan(history=None) == Plan(LAST_COMPLETE, LAST_COMPLETE, LAST_COMPLETE)


def test_the_next_run_adds_the_day_after_the_last_stored_one() -> None:
    day = date(2026, 7, 8)
    assert plan() == Plan(start=day, end=day, replay_start=day)


def test_missed_days_are_caught_up() -> None:
    assert plan(end=date(2026, 7, 10)) == Plan(
        date(2026, 7, 8), date(2026, 7, 10), date(2026, 7, 8)
    )


def test_running_again_refills_the_last_day_from_its_checkpoint() -> None:
    again = plan(last_complete_day=STORED.last)
    assert again == Plan(STORED.last, STORED.last, replay_start=date(2026, 7, 1))


def test_landing_files_that_are_gone_do_not_move_the_end_back() -> None:
    assert plan(last_complete_day=None).end == STORED.last
    assert plan(last_complete_day=date(2026, 6, 1)).end == STORED.last


def test_refilling_a_day_goes_on_to_the_last_stored_one() -> None:
    refill = plan(date(2026, 6, 5), date(2026, 6, 6))
    assert refill == Plan(date(2026, 6, 5), STORED.last, replay_start=date(2026, 6, 1))


def test_without_a_checkpoint_states_start_at_the_first_stored_day() -> None:
    refill = plan(date(2026, 5, 20), date(2026, 5, 20))
    assert refill.replay_start == STORED.first


def test_history_can_be_put_before_the_first_stored_day() -> None:
    earlier = plan(date(2026, 4, 1), date(2026, 5, 9))
    assert earlier == Plan(date(2026, 4, 1), STORED.last, replay_start=date(2026, 4, 1))


def test_a_run_that_stored_scores_and_stopped_is_redone() -> None:
    stopped = History(STORED.first, STORED.last, STORED.checkpoints, redo_from=date(2026, 6, 20))
    redone = plan(history=stopped)
    assert redone == Plan(date(2026, 6, 20), LAST_COMPLETE, replay_start=date(2026, 6, 1))
    assert "stopped before publishing" in describe(redone, (None, None), stopped)


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (date(2026, 7, 10), date(2026, 7, 10), "START_DATE=2026-07-08 END_DATE=2026-07-10"),
        (date(2026, 4, 1), date(2026, 4, 30), "START_DATE=2026-04-01 END_DATE=2026-05-09"),
        (date(2026, 7, 11), date(2026, 7, 11), "still to come"),
        (date(2026, 7, 5), date(2026, 7, 1), "Swap them"),
        (date(2026, 7, 9), None, "last complete day"),
    ],
)
def test_impossible_ranges_say_what_would_work(start: date, end: date | None, said: str) -> None:
    with pytest.raises(PlanningError, match=said):
        plan(start, end)


def test_the_days_that_would_be_missing_are_named() -> None:
    with pytest.raises(PlanningError, match="The days 2026-07-08 to 2026-07-09 would be missing"):
        plan(date(2026, 7, 10), date(2026, 7, 10))
    with pytest.raises(PlanningError, match="The day 2026-05-09 would be missing"):
        plan(date(2026, 5, 1), date(2026, 5, 8))


def test_nothing_landed_and_nothing_stored_is_an_error() -> None:
    with pytest.raises(PlanningError, match="LANDING_DIR"):
        plan(history=None, last_complete_day=None)


def test_the_plan_in_words_gives_its_reasons() -> None:
    asked = (date(2026, 6, 5), date(2026, 6, 6))
    words = describe(plan(*asked), asked, STORED)
    assert "2026-06-05 to 2026-07-07 (33 days)" in words
    assert "later days build on the ones before" in words
    assert "states are continued from 2026-05-31" in words


def test_months_are_blocks() -> None:
    assert list(month_blocks(date(2024, 1, 30), date(2024, 3, 1))) == [
        (date(2024, 1, 30), date(2024, 1, 31)),
        (date(2024, 2, 1), date(2024, 2, 29)),
        (date(2024, 3, 1), date(2024, 3, 1)),
    ]


days = st.dates(min_value=date(2026, 1, 1), max_value=TODAY)


@st.composite
def histories(draw: st.DrawFn) -> History:
    first, last = sorted((draw(days), draw(days)))
    inside = st.dates(min_value=first, max_value=last)
    return History(
        first,
        last,
        frozenset({*draw(st.sets(inside, max_size=5)), last}),
        draw(st.none() | inside),
    )


@given(st.none() | histories(), st.none() | days, st.none() | days, st.none() | days)
def test_every_plan_leaves_stored_days_without_a_gap(
    history: History | None, start: date | None, end: date | None, last: date | None
) -> None:
    try:
        made = plan_range(start, end, last_complete_day=last, history=history, today=TODAY)
    except PlanningError:
        return
    assert made.replay_start <= made.start <= made.end <= TODAY
    if start is not None:
        assert made.start <= start
    if end is not None:
        assert made.end >= end
    if history is None:
        assert made.replay_start == made.start
        return
    # The new days and the stored ones are one range, and everything after the start is made anew.
    assert made.start <= history.last + ONE_DAY
    assert made.end >= history.last
    # The machine starts from nothing only where nothing is stored before it.
    before = made.replay_start - ONE_DAY
    assert made.replay_start <= history.first or before in history.checkpoints
    # What is planned once is planned the same by every later step.
    assert made == plan_range(
        made.start, made.end, last_complete_day=last, history=history, today=TODAY
    )


@given(days, days)
def test_blocks_cover_every_day_once(one: date, other: date) -> None:
    start, end = sorted((one, other))
    blocks = list(month_blocks(start, end))
    covered = [
        first + timedelta(days=step)
        for first, last in blocks
        for step in range((last - first).days + 1)
    ]
    assert covered == [start + timedelta(days=step) for step in range((end - start).days + 1)]
    assert all((first.year, first.month) == (last.year, last.month) for first, last in blocks)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"START_DATE": "2026-6-1"}, "START_DATE is '2026-6-1'.*YYYY-MM-DD"),
        ({"END_DATE": "soon"}, "END_DATE is 'soon'.*YYYY-MM-DD"),
        ({"START_DATE": "1999-01-01"}, f"the first day that can be run is {FIRST_DAY}"),
        ({"START_DATE": "2026-02-02", "END_DATE": "2026-02-01"}, "is after END_DATE"),
        ({"KEEP_VERSIONS": "0"}, "KEEP_VERSIONS is '0'. Give a whole number from 1 to 1000"),
        ({"KEEP_VERSIONS": "all"}, "KEEP_VERSIONS is 'all'"),
        ({"MEMORY_LIMIT": "6"}, "MEMORY_LIMIT is '6'. Write it as 6GB or 500MB."),
        ({"MEMORY_LIMIT": "60%"}, "MEMORY_LIMIT is '60%'. Write it as 6GB or 500MB."),
        ({"MEMORY_LIMIT": "100MB"}, "with which no refresh gets through. Give 500MB or more"),
        ({"SPILL_DIR": __file__}, "which is a file. Name a folder."),
        ({"WAREHOUSE_PATH": "."}, "WAREHOUSE_PATH is .* a folder"),
        ({"LANDING_DIR": "pyproject.toml"}, "LANDING_DIR is .* a file"),
        ({"WAREHOUSE_PATH": "x/activation_gap.duckdb", "PUBLISHED_DIR": "x"}, "are the same file"),
    ],
)
def test_settings_that_cannot_be_used_say_which_and_what_to_do(
    environment: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings(environment)


def test_settings_have_defaults_and_empty_ones_count_as_absent() -> None:
    settings = load_settings({"START_DATE": "", "LANDING_DIR": " "})
    assert settings == load_settings({})
    assert settings.start_date is None
    assert settings.published_path.name == "activation_gap.duckdb"
    assert settings.warehouse_path.is_absolute()
