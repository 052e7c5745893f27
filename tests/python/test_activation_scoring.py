"""The activation state machine: each rule of docs/method.md section 7, and what always holds.

`follow` is the same machine written again from the method, an account and a day at a time, with its
numbers spelled out; hypothesis compares the two on histories that crowd around the thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.scoring import activation
from orchestration.scoring.activation import (
    CHECKPOINT_SCHEMA,
    FEATURES,
    TRANSITION_SCHEMA,
    Advance,
    Signals,
    StateRule,
    StateRules,
    advance,
    highest_state,
)

# How long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

RULES = StateRules(
    states=(
        StateRule(1, "cold", 0.0, False, False, False, 0.0),
        StateRule(2, "warming", 10.0, False, False, True, 0.0),
        StateRule(3, "active", 40.0, True, False, True, 0.50),
        StateRule(4, "engaged", 0.0, False, True, False, 0.70),
    ),
    keep_factor=0.8,
    days_below_to_fall=7,
)
STATES = ("cold", "warming", "active", "engaged")
FIRST = date(2026, 3, 1)
EMPTY = CHECKPOINT_SCHEMA.empty_table()


@dataclass(frozen=True)
class Day:
    """What the features say of an account on a day."""

    strength: float = 0.0
    coverage: float | None = 0.0  # None where it cannot be known
    broad: bool = True
    buying: bool = True
    motion: bool = False
    held: int = 0  # rank of the highest state that a silent feed could have kept
    moved: bool = False


# An account's days from FIRST on; None where it is not in the universe.
Path = Sequence[Day | None]

COLD = Day()
WARMING = Day(strength=10)
ACTIVE = Day(strength=40, coverage=0.5)
ENGAGED = Day(coverage=0.7, motion=True)


def day_number(index: int) -> date:
    return FIRST + timedelta(days=index)


def features(histories: Mapping[str, Path], first: int = 0, last: int | None = None) -> pa.Table:
    """The features of the days `first` to `last` (exclusive)."""
    rows = [
        {
            "account_id": account,
            "as_of_date": day_number(index),
            "strength_score": float(day.strength),
            "reached_coverage_share": None if day.coverage is None else float(day.coverage),
            "is_broad": day.broad,
            "has_recent_buying_signal": day.buying,
            "has_committed_motion": day.motion,
            "held_rank": day.held or None,
            "is_attribution_changed": day.moved,
        }
        for account, path in histories.items()
        for index, day in enumerate(path)
        if day is not None and index >= first and (last is None or index < last)
    ]
    schema = pa.schema(
        [
            ("account_id", pa.string()),
            ("as_of_date", pa.date32()),
            ("strength_score", pa.float64()),
            ("reached_coverage_share", pa.float64()),
            ("is_broad", pa.bool_()),
            ("has_recent_buying_signal", pa.bool_()),
            ("has_committed_motion", pa.bool_()),
            ("held_rank", pa.int32()),
            ("is_attribution_changed", pa.bool_()),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)


def run(histories: Mapping[str, Path], rules: StateRules = RULES) -> Advance:
    return advance(EMPTY, features(histories), rules)


def daily_states(path: Path, rules: StateRules = RULES) -> list[str | None]:
    """State of a lone account at the end of each day, replayed from its transitions."""
    moves = run({"a": path}, rules).transitions.to_pylist()
    steps = {move["as_of_date"]: move["to_state"] for move in moves}
    state: str | None = None
    states = []
    for index in range(len(path)):
        state = steps.get(day_number(index), state)
        states.append(state)
    return states


# -- the method once more, plainly -----------------------------------------------------------------


def holds(day: Day, state: str, factor: float) -> bool:
    """Method, section 7, the table: entry with factor 1, keep with 0.8."""
    strong = day.strength >= round(40 * factor, 6) and day.broad and day.buying
    if state == "engaged":
        return day.motion and covers(day, 0.70 * factor)
    if state == "active":
        return (strong or day.motion) and covers(day, 0.50 * factor)
    if state == "warming":
        return day.strength >= round(10 * factor, 6) or day.motion
    return True


def covers(day: Day, threshold: float) -> bool:
    return day.coverage is None or day.coverage >= round(threshold, 6)


def highest(day: Day, factor: float) -> int:
    return max(rank for rank, state in enumerate(STATES) if holds(day, state, factor))


def follow(path: Path) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Transitions of one account, and what is remembered of it at the end."""
    state: int | None = None
    since = FIRST
    below = [0, 0, 0, 0]  # days in a row below each state
    changed = happened = False
    transitions = []

    def move(index: int, to: int | None, reason: str, days_below: int = 0) -> None:
        nonlocal state, since, below, changed
        today = path[index]
        is_changed = changed if reason == "fall" else today is not None and happened
        transitions.append(
            {
                "as_of_date": day_number(index),
                "from_state": None if state is None else STATES[state],
                "to_state": None if to is None else STATES[to],
                "reason": reason,
                "days_below": days_below,
                "is_attribution_changed": is_changed,
            }
        )
        state, since = to, day_number(index)
        if reason != "fall":
            below[:] = [0, 0, 0, 0]
        if reason != "fall" or below[state] == 0:
            changed = False

    for index, day in enumerate(path):
        if day is None:
            if state is not None:
                move(index, None, "left")
            continue
        entry, keep = highest(day, 1.0), highest(day, 0.8)
        before = path[index - 1] if index else None
        happened = day.moved or (
            before is not None and (day.coverage is None) != (before.coverage is None)
        )
        changed = changed or happened
        if state is None:
            move(index, entry, "first_day")
        elif entry > state:
            move(index, entry, "rise")
        else:
            below = [
                0 if keep >= rank else days + (rank >= day.held) for rank, days in enumerate(below)
            ]
            if keep < state < day.held:
                continue
            if below[state] == 7:
                kept = max(rank for rank in range(state) if below[rank] < 7)
                move(index, kept, "fall", 7)
            elif below[state] == 0:
                changed = False
    end = None
    if state is not None:
        end = {
            "state": STATES[state],
            "state_since": since,
            "days_below": below[state],
            "days_below_states": "|".join(map(str, below[: state + 1])),
            "is_attribution_changed": changed,
        }
    return transitions, end


# -- histories -------------------------------------------------------------------------------------

DAYS = st.builds(
    Day,
    strength=st.sampled_from([0, 7.999999, 8, 9.999999, 10, 31.999999, 32, 39.999999, 40, 90]),
    coverage=st.sampled_from(
        [0, 0.399999, 0.4, 0.499999, 0.5, 0.559999, 0.56, 0.699999, 0.7, 0.95, None]
    ),
    broad=st.sampled_from([True, True, False]),
    buying=st.sampled_from([True, True, False]),
    motion=st.booleans(),
    held=st.sampled_from([0, 0, 0, 2, 3, 4]),
    moved=st.sampled_from([False, False, False, True]),
)


@st.composite
def paths(draw: st.DrawFn, length: int, with_absences: bool = True) -> list[Day | None]:
    """Runs of equal days, so that waits of seven days come about at all."""
    path: list[Day | None] = []
    while len(path) < length:
        day = draw(st.one_of(DAYS, st.none()) if with_absences else DAYS)
        path += [day] * draw(st.integers(1, 9))
    return path[:length]


@st.composite
def companies(draw: st.DrawFn, max_days: int = 40) -> dict[str, Path]:
    """Some accounts over the same days; one is always there, for a day needs an account."""
    length = draw(st.integers(1, max_days))
    histories: dict[str, Path] = {"always": draw(paths(length, with_absences=False))}
    for number in range(draw(st.integers(0, 3))):
        histories[f"account {number}"] = draw(paths(length))
    return histories


# -- the table of states ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "state"),
    [
        (Day(), "cold"),
        (Day(strength=9.999999, coverage=1.0), "cold"),
        (Day(strength=10), "warming"),
        (Day(motion=True), "warming"),
        (Day(strength=100, coverage=0.499999), "warming"),
        (Day(strength=39.999999, coverage=1.0), "warming"),
        (Day(strength=40, coverage=0.5), "active"),
        (Day(strength=40, coverage=0.5, broad=False), "warming"),
        (Day(strength=40, coverage=0.5, buying=False), "warming"),
        (Day(coverage=0.5, motion=True), "active"),
        (Day(coverage=0.5, motion=True, broad=False, buying=False), "active"),
        (Day(strength=100, coverage=1.0), "active"),
        (Day(coverage=0.699999, motion=True), "active"),
        (Day(coverage=0.7, motion=True), "engaged"),
        (Day(coverage=0.7, motion=True, broad=False, buying=False), "engaged"),
        (Day(strength=9.999999, coverage=None), "cold"),
        (Day(strength=40, coverage=None, buying=False), "warming"),
        (Day(strength=40, coverage=None), "active"),
        (Day(coverage=None, motion=True), "engaged"),
    ],
)
def test_the_first_day_takes_the_highest_state_whose_rule_holds(day: Day, state: str) -> None:
    outcome = run({"a": [day]})
    assert outcome.transitions.to_pylist() == [
        {
            "account_id": "a",
            "as_of_date": FIRST,
            "from_state": None,
            "to_state": state,
            "reason": "first_day",
            "strength_score": day.strength,
            "reached_coverage_share": day.coverage,
            "is_strong": day.strength >= 40 and day.broad and day.buying,
            "has_committed_motion": day.motion,
            "days_below": 0,
            "is_attribution_changed": False,
            "is_broad": day.broad,
            "has_recent_buying_signal": day.buying,
            "decided_by": None,
        }
    ]


def test_a_feed_that_is_silent_raises_nobody() -> None:
    assert daily_states([replace(WARMING, held=4)] * 2) == ["warming"] * 2


@pytest.mark.parametrize(
    ("start", "day", "kept"),
    [
        (ENGAGED, Day(coverage=0.56, motion=True), True),
        (ENGAGED, Day(coverage=0.559999, motion=True), False),
        (ENGAGED, Day(strength=100, coverage=1.0), False),
        (ACTIVE, Day(strength=32, coverage=0.4), True),
        (ACTIVE, Day(strength=31.999999, coverage=0.4), False),
        (ACTIVE, Day(strength=32, coverage=0.399999), False),
        (ACTIVE, Day(strength=32, coverage=0.4, broad=False), False),
        (ACTIVE, Day(strength=32, coverage=0.4, buying=False), False),
        (ACTIVE, Day(coverage=0.4, motion=True), True),
        (WARMING, Day(strength=8), True),
        (WARMING, Day(strength=7.999999), False),
    ],
)
def test_a_state_is_kept_down_to_the_kept_share_of_its_thresholds(
    start: Day, day: Day, kept: bool
) -> None:
    states = daily_states([start] + [day] * 60)
    assert (states[-1] == states[0]) is kept


def test_a_kept_threshold_is_a_decimal_not_a_float() -> None:
    """0.55 x 0.9 is a trifle above 0.495 in floats; a coverage of 0.495 must keep the state."""
    states = (*RULES.states[:2], replace(RULES.states[2], min_reached_coverage=0.55))
    rules = replace(RULES, states=states, keep_factor=0.9)
    kept = Day(strength=36, coverage=0.495)
    assert daily_states([Day(strength=40, coverage=0.55)] + [kept] * 7, rules)[-1] == "active"


# -- moving ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", [WARMING, ACTIVE, ENGAGED])
def test_a_rise_is_immediate_and_may_skip_states(to: Day) -> None:
    assert daily_states([COLD, to])[1] == daily_states([to])[0]


def test_a_rise_goes_through_a_hold() -> None:
    assert daily_states([COLD, replace(ACTIVE, held=4)]) == ["cold", "active"]


def test_a_fall_takes_seven_days_in_a_row() -> None:
    assert daily_states([ACTIVE] + [COLD] * 6) == ["active"] * 7
    assert daily_states([ACTIVE] + [COLD] * 7) == ["active"] * 7 + ["cold"]


def test_a_fall_goes_to_the_highest_state_that_was_kept_of_late() -> None:
    assert daily_states([ENGAGED] + [COLD] * 7)[-1] == "cold"
    assert daily_states([ENGAGED] + [WARMING] + [COLD] * 6)[-1] == "warming"
    assert daily_states([ENGAGED] + [COLD] * 6 + [ACTIVE])[-1] == "active"
    # Each state has its own wait, which does not begin again when one above it is left.
    path = [ENGAGED] + [ACTIVE] * 6 + [COLD]
    assert daily_states(path)[-1] == "active"
    assert daily_states(path + [COLD] * 5)[-1] == "active"
    assert daily_states(path + [COLD] * 6)[-1] == "cold"


def test_a_day_that_keeps_the_state_starts_the_wait_again() -> None:
    kept = Day(strength=32, coverage=0.4)
    assert daily_states([ACTIVE] + [COLD] * 6 + [kept] + [COLD] * 6)[-1] == "active"
    assert daily_states([ACTIVE] + [COLD] * 6 + [kept] + [COLD] * 7)[-1] == "cold"


def test_a_rise_starts_the_wait_again() -> None:
    path = [WARMING] + [COLD] * 6 + [ACTIVE] + [COLD] * 6
    assert daily_states(path)[-1] == "active"
    assert daily_states([*path, COLD])[-1] == "cold"


def test_a_fall_starts_the_wait_again() -> None:
    path = [ENGAGED] + [ACTIVE] * 7 + [COLD] * 6
    assert daily_states(path)[7:] == ["active"] * 7
    assert daily_states([*path, COLD])[-1] == "cold"


def test_held_days_neither_count_nor_break_the_row() -> None:
    held = [replace(COLD, held=3)] * 30
    assert daily_states([ACTIVE] + [COLD] * 3 + held + [COLD] * 3)[-1] == "active"
    assert daily_states([ACTIVE] + [COLD] * 3 + held + [COLD] * 4)[-1] == "cold"


def test_a_state_that_the_silent_feed_could_not_have_kept_is_left() -> None:
    """To the one that it could."""
    held = replace(COLD, held=2)
    assert daily_states([ACTIVE] + [held] * 6)[-1] == "active"
    assert daily_states([ACTIVE] + [held] * 30)[7:] == ["warming"] * 24
    assert daily_states([ACTIVE] + [held] * 30 + [COLD] * 7)[-2:] == ["warming", "cold"]


def test_a_day_that_keeps_the_state_starts_the_wait_again_also_while_a_feed_is_silent() -> None:
    path = [ACTIVE] + [COLD] * 6 + [replace(ACTIVE, held=4)]
    assert daily_states([*path, *[COLD] * 6])[-1] == "active"
    assert daily_states([*path, *[COLD] * 7])[-1] == "cold"


def test_a_fall_tells_how_long_it_waited_and_the_state_its_first_day() -> None:
    outcome = run({"a": [ACTIVE] + [COLD] * 7})
    fall = outcome.transitions.to_pylist()[-1]
    assert (fall["reason"], fall["from_state"], fall["days_below"]) == (
        "fall",
        "active",
        7,
    )
    assert outcome.checkpoint.to_pylist() == [
        {
            "account_id": "a",
            "as_of_date": day_number(7),
            "state": "cold",
            "state_since": day_number(7),
            "days_below": 0,
            "days_below_states": "0",
            "is_attribution_changed": False,
            "strength_score": 0.0,
            "reached_coverage_share": 0.0,
            "is_broad": True,
            "has_recent_buying_signal": True,
            "has_committed_motion": False,
        }
    ]


NARROW = Day(strength=45, coverage=0.5, broad=False, buying=False)


@pytest.mark.parametrize(
    ("path", "decided_by"),
    [
        pytest.param([COLD, WARMING], "strength", id="strength passed"),
        pytest.param([COLD, replace(COLD, motion=True)], "committed_motion", id="a deal moved"),
        pytest.param(
            [WARMING, replace(WARMING, strength=30, motion=True), ENGAGED],
            "coverage",
            id="coverage passed, while the deal had moved before",
        ),
        pytest.param([NARROW, replace(NARROW, broad=True, buying=True)], "breadth|buying_signal"),
        pytest.param([NARROW, replace(NARROW, broad=True, motion=True)], "committed_motion"),
        pytest.param(
            [replace(ACTIVE, coverage=0.4), replace(ACTIVE, motion=True)],
            "coverage",
            id="signal was there, so the deal decided nothing",
        ),
        pytest.param([ACTIVE] + [COLD] * 7, "strength|committed_motion|coverage", id="all gone"),
        pytest.param(
            [ACTIVE] + [replace(ACTIVE, coverage=0.39)] * 7, "coverage", id="coverage fell"
        ),
        pytest.param(
            [ACTIVE] + [replace(ACTIVE, strength=32, buying=False)] * 7,
            "buying_signal|committed_motion",
            id="strength is enough to stay",
        ),
        pytest.param([COLD], None, id="a first day is decided by nothing"),
        pytest.param([Day(strength=40), Day(strength=40, coverage=None)], "coverage"),
        pytest.param(
            [Day(strength=40, coverage=None)] + [Day(strength=40)] * 7,
            "coverage",
            id="coverage became known",
        ),
    ],
)
def test_a_transition_says_what_decided_it(path: Path, decided_by: str | None) -> None:
    assert run({"a": path}).transitions.to_pylist()[-1]["decided_by"] == decided_by


def test_what_decided_a_rise_is_unknown_after_a_checkpoint_without_features() -> None:
    memory = run({"a": [COLD]}).checkpoint
    place = memory.schema.get_field_index("strength_score")
    empty = memory.set_column(place, "strength_score", pa.array([None], pa.float64()))
    for old in (empty, memory.drop_columns(["strength_score"])):
        outcome = advance(old, features({"a": [COLD, WARMING]}, first=1), RULES)
        assert [move["decided_by"] for move in outcome.transitions.to_pylist()] == [None]


MOVED = replace(COLD, moved=True)


@pytest.mark.parametrize(
    ("path", "is_changed"),
    [
        pytest.param(
            [ACTIVE, MOVED] + [COLD] * 6, True, id="acts moved away on the first day below"
        ),
        pytest.param([ACTIVE] + [COLD] * 6 + [MOVED], True, id="and on the last"),
        pytest.param(
            [ACTIVE, replace(MOVED, held=3)] + [COLD] * 7, True, id="while a feed was stale"
        ),
        pytest.param(
            [ACTIVE, MOVED, ACTIVE] + [COLD] * 7, False, id="but the account had recovered"
        ),
        pytest.param([ACTIVE] + [COLD] * 7, False, id="no acts moved"),
    ],
)
def test_a_fall_says_whether_acts_had_moved(path: Path, is_changed: bool) -> None:
    fall = run({"a": path}).transitions.to_pylist()[-1]
    assert (fall["reason"], fall["is_attribution_changed"]) == ("fall", is_changed)


def test_a_rise_says_whether_acts_moved_on_the_day() -> None:
    moves = run({"a": [COLD, MOVED, WARMING, replace(ACTIVE, moved=True)]}).transitions.to_pylist()
    assert [(move["to_state"], move["is_attribution_changed"]) for move in moves] == [
        ("cold", False),
        ("warming", False),
        ("active", True),
    ]


def test_the_checkpoint_remembers_the_days_below() -> None:
    outcome = run({"a": [ACTIVE] + [COLD] * 4})
    assert outcome.checkpoint["days_below"].to_pylist() == [4]
    assert outcome.checkpoint["days_below_states"].to_pylist() == ["0|4|4"]
    assert outcome.checkpoint["state_since"].to_pylist() == [FIRST]


def test_an_account_that_leaves_is_forgotten_and_starts_afresh_when_it_returns() -> None:
    outcome = run({"always": [COLD] * 5, "a": [ACTIVE, None, None, WARMING, WARMING]})
    moves = [row for row in outcome.transitions.to_pylist() if row["account_id"] == "a"]
    assert [
        (row["as_of_date"], row["from_state"], row["to_state"], row["reason"]) for row in moves
    ] == [
        (day_number(0), None, "active", "first_day"),
        (day_number(1), "active", None, "left"),
        (day_number(3), None, "warming", "first_day"),
    ]
    left = moves[1]
    assert [left[name] for name in ("strength_score", "reached_coverage_share", "is_strong")] == [
        None
    ] * 3
    gone = run({"always": [COLD] * 2, "a": [ACTIVE, None]})
    assert gone.checkpoint["account_id"].to_pylist() == ["always"]


def test_the_waiting_time_is_a_rule() -> None:
    assert daily_states([ACTIVE, COLD], replace(RULES, days_below_to_fall=1)) == [
        "active",
        "cold",
    ]


def test_without_hysteresis_the_entry_threshold_keeps() -> None:
    states = daily_states([WARMING] + [Day(strength=9.999999)] * 7, replace(RULES, keep_factor=1.0))
    assert states[-1] == "cold"


# -- what holds for any history --------------------------------------------------------------------


@given(companies())
def test_the_machine_is_the_method(histories: dict[str, Path]) -> None:
    outcome = run(histories)
    moves = outcome.transitions.to_pylist()
    memory = {row["account_id"]: row for row in outcome.checkpoint.to_pylist()}
    for account, path in histories.items():
        expected, end = follow(path)
        columns = ("as_of_date", "from_state", "to_state", "reason", "days_below")
        columns += ("is_attribution_changed",)
        assert [
            {name: move[name] for name in columns}
            for move in moves
            if move["account_id"] == account
        ] == expected
        if end is None:
            assert account not in memory
        else:
            assert {name: memory[account][name] for name in end} == end
            assert memory[account]["as_of_date"] == day_number(len(path) - 1)


@given(companies(), st.data())
def test_block_boundaries_do_not_matter(histories: dict[str, Path], data: st.DataObject) -> None:
    length = len(histories["always"])
    cuts = data.draw(st.sets(st.integers(1, length)), label="cuts")
    edges = sorted({0, length, *cuts})
    memory, parts = EMPTY, []
    for first, last in pairwise(edges):
        step = advance(memory, features(histories, first, last), RULES)
        memory = step.checkpoint
        parts.append(step.transitions)
    whole = run(histories)
    assert pa.concat_tables(parts).equals(whole.transitions)
    assert memory.equals(whole.checkpoint)


@given(companies(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(histories: dict[str, Path], random: Any) -> None:
    table = features(histories)
    order = list(range(table.num_rows))
    random.shuffle(order)
    half = len(order) // 2
    shuffled = pa.concat_tables(
        [table.take(pa.array(part, pa.int64())) for part in (order[:half], order[half:])]
    )
    one, other = advance(EMPTY, table, RULES), advance(EMPTY, shuffled, RULES)
    assert one.transitions.equals(other.transitions)
    assert one.checkpoint.equals(other.checkpoint)


@given(companies())
def test_an_account_does_not_depend_on_the_others(histories: dict[str, Path]) -> None:
    together = run(histories)
    alone = run({"always": histories["always"]})
    for table, lone in (
        (together.transitions, alone.transitions),
        (together.checkpoint, alone.checkpoint),
    ):
        assert [
            row for row in table.to_pylist() if row["account_id"] == "always"
        ] == lone.to_pylist()


@given(companies())
def test_transitions_replayed_give_the_checkpoint(histories: dict[str, Path]) -> None:
    outcome = run(histories)
    replayed: dict[str, tuple[str, date]] = {}
    for move in outcome.transitions.to_pylist():
        before = replayed.pop(move["account_id"], (None, None))[0]
        assert before == move["from_state"]
        assert move["from_state"] != move["to_state"]
        if move["to_state"] is not None:
            replayed[move["account_id"]] = (move["to_state"], move["as_of_date"])
    assert replayed == {
        row["account_id"]: (row["state"], row["state_since"])
        for row in outcome.checkpoint.to_pylist()
    }


@given(paths(50, with_absences=False))
def test_rises_are_at_once_and_falls_wait_exactly(path: Sequence[Day]) -> None:
    path = [replace(day, held=0) for day in path]
    states = [STATES.index(str(state)) for state in daily_states(path)]
    waited = 0
    for index in range(1, len(path)):
        day, before, now = path[index], states[index - 1], states[index]
        entry, keep = highest(day, 1.0), highest(day, 0.8)
        assert now >= entry
        if entry > before:
            assert now == entry
            waited = 0
        else:
            waited = waited + 1 if keep < before else 0
            assert (now < before) == (waited == 7)
            lately = path[: index + 1][-7:]
            if now < before:
                assert keep <= now <= max(highest(later, 0.8) for later in lately)
                # The wait of the state it falls to is under way since that was kept last.
                waited = next(
                    since
                    for since, later in enumerate(reversed(lately))
                    if highest(later, 0.8) >= now
                )


@given(paths(40, with_absences=False))
def test_held_days_never_lower_a_state_and_freeze_the_counter(path: Sequence[Day]) -> None:
    counted = [replace(day, held=0) for day in path]
    # Days held for all states that could not raise the account change nothing but the dates.
    padded: list[Day] = []
    positions = []
    for day in counted:
        padded += [replace(COLD, held=4)] * (2 if padded else 0)
        positions.append(len(padded))
        padded.append(day)
    states = daily_states(padded)
    assert [states[position] for position in positions] == daily_states(counted)
    assert all(
        states[index] == states[index - 1] for index in range(1, len(padded)) if padded[index].held
    )


@given(DAYS, st.floats(0, 50), st.floats(0, 0.5), st.sampled_from([0.8, 1.0]))
def test_more_signal_or_coverage_never_satisfies_a_lower_rule(
    day: Day, more_strength: float, more_coverage: float, factor: float
) -> None:
    better = replace(
        day,
        strength=day.strength + more_strength,
        coverage=None if day.coverage is None else day.coverage + more_coverage,
    )

    def rank(it: Day) -> int:
        signals = Signals(
            strength=np.array([it.strength]),
            coverage=np.array([np.nan if it.coverage is None else it.coverage]),
            is_broad=np.array([it.broad]),
            has_buying_signal=np.array([it.buying]),
            has_motion=np.array([it.motion]),
        )
        return int(highest_state(signals, RULES, factor)[0])

    assert rank(replace(better, motion=True, broad=True, buying=True)) >= rank(better) >= rank(day)


@given(paths(50, with_absences=False), st.data())
def test_more_signal_on_any_day_never_lowers_a_state(
    path: Sequence[Day], data: st.DataObject
) -> None:
    """One more buying signal: from its day on there is more of everything that it can bring.

    Also while a feed is silent: what it could have kept, it could have kept of the better one too.
    """
    first = data.draw(st.integers(0, len(path) - 1), label="first day")
    days = data.draw(st.integers(1, len(path)), label="days")
    more = data.draw(st.sampled_from([1e-6, 2.0, 8.0, 32.0]), label="more strength")
    reached = data.draw(st.sampled_from([0.0, 0.1, 0.5]), label="more coverage")
    is_two_way = data.draw(st.booleans(), label="keeps a deal in motion")
    better = [
        replace(
            day,
            strength=day.strength + more,
            coverage=None if day.coverage is None else day.coverage + reached,
            buying=True,
            broad=True,
            motion=day.motion or is_two_way,
        )
        if first <= index < first + days
        else day
        for index, day in enumerate(path)
    ]
    pairs = zip(daily_states(better), daily_states(path), strict=True)
    assert all(STATES.index(str(one)) >= STATES.index(str(other)) for one, other in pairs)


def test_who_was_higher_up_does_not_fall_past_the_others() -> None:
    """Waits of the state above begin a day earlier; what is under it is left on the same day."""
    better = [ENGAGED, ACTIVE, *[COLD] * 7]
    worse = [replace(ENGAGED, coverage=0.5), ACTIVE, *[COLD] * 7]
    assert daily_states(better)[-2:] == ["active", "cold"]
    assert daily_states(worse)[-2:] == ["active", "cold"]


def test_a_checkpoint_from_before_knows_the_wait_of_the_own_state_alone() -> None:
    memory = run({"a": [ENGAGED] + [COLD] * 6}).checkpoint
    place = memory.schema.get_field_index("days_below_states")
    old = memory.set_column(place, "days_below_states", pa.array([None], pa.string()))
    after = features({"a": [ENGAGED] + [COLD] * 7}, first=7)
    assert advance(memory, after, RULES).transitions["to_state"].to_pylist() == ["cold"]
    assert advance(old, after, RULES).transitions["to_state"].to_pylist() == ["active"]


# -- errors ----------------------------------------------------------------------------------------


def test_no_features_leave_the_memory_as_it_is() -> None:
    memory = run({"a": [ACTIVE]}).checkpoint
    outcome = advance(memory, features({}), RULES)
    assert outcome.checkpoint.equals(memory)
    assert outcome.transitions.num_rows == 0
    assert outcome.transitions.schema == TRANSITION_SCHEMA


def test_two_rows_of_an_account_and_day_are_refused() -> None:
    table = features({"a": [COLD]})
    with pytest.raises(ValueError, match="more than one row"):
        advance(EMPTY, pa.concat_tables([table, table]), RULES)


def test_a_missing_day_is_refused() -> None:
    with pytest.raises(ValueError, match="days are missing"):
        run({"a": [COLD, None, COLD]})


@pytest.mark.parametrize("first", [1, 3])
def test_a_checkpoint_of_another_day_is_refused(first: int) -> None:
    memory = run({"a": [COLD, COLD]}).checkpoint
    with pytest.raises(ValueError, match="does not lead up to"):
        advance(memory, features({"a": [COLD] * 5}, first), RULES)


def test_a_checkpoint_of_several_days_is_refused() -> None:
    memory = pa.concat_tables([run({"a": [COLD]}).checkpoint, run({"b": [COLD, COLD]}).checkpoint])
    with pytest.raises(ValueError, match="does not lead up to"):
        advance(memory, features({"a": [COLD] * 3}, 2), RULES)


def test_a_state_the_rules_do_not_name_is_refused() -> None:
    memory = run({"a": [COLD]}).checkpoint
    memory = memory.set_column(2, "state", pa.array(["lukewarm"]))
    with pytest.raises(ValueError, match="lukewarm"):
        advance(memory, features({"a": [COLD] * 2}, 1), RULES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"states": RULES.states[1:]}, "ranks must be"),
        ({"states": RULES.states[::-1]}, "ranks must be"),
        ({"keep_factor": 0.0}, "keep_factor"),
        ({"keep_factor": 1.01}, "keep_factor"),
        ({"days_below_to_fall": 0}, "days_below_to_fall"),
    ],
)
def test_rules_that_make_no_machine_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(RULES, **change)


def test_features_are_what_the_scorer_says_it_reads() -> None:
    assert features({"a": [COLD]}).column_names == list(FEATURES)
    table = features({"a": [COLD]}).append_column("more", pa.array([1]))
    assert advance(EMPTY, table, RULES).checkpoint.num_rows == 1


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.lists(st.integers(0, 60_000), min_size=4, max_size=4)),
        max_size=30,
    )
)
def test_days_below_are_written_and_read_as_they_are(
    rows: list[tuple[int, list[int]]],
) -> None:
    """Also where so many differ, or last so long, that they cannot be told by one number."""
    state = np.array([rank for rank, _ in rows], dtype=np.int64)
    below = np.array([days for _, days in rows], dtype=np.int64).reshape(-1, 4).T
    written = activation._words_of_days(state, below)
    expected = ["|".join(map(str, days[:rank])) for rank, days in rows]
    assert written.to_pylist() == expected
    own = [days[rank - 1] for rank, days in rows]
    checkpoint = pa.table({"days_below_states": written, "days_below": pa.array(own, pa.int32())})
    read = activation._days_below_states(checkpoint, state, 4)
    upto = [[*days[:rank], *[0] * (4 - rank)] for rank, days in rows]
    assert read.tolist() == upto
