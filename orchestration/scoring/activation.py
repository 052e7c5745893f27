"""The activation state machine: hysteresis, waiting time and stale-feed hold.

A state depends on the state of the day before, so it cannot be one set-based statement. The machine
steps through the days of a block and treats all accounts of a day at once.

Source of the rules: docs/method.md, "Activation state". Per account and day D, entry(D) is the
highest state whose rule holds, and keep(D) the same with the thresholds of strength and coverage at
`keep_factor`:

* entry(D) > state: the account moves up at once;
* a state that keep(D) is below on `days_below_to_fall` days in a row is left: the account moves to
  the highest state under it that is not;
* a day below a state that a silent feed could have kept (up to `held_rank`) neither counts nor
  breaks its row of days;
* an account's first day takes its entry state;
* coverage that cannot be known (null) keeps nobody out of a state, nor down
  (docs/decisions/0038-what-cannot-be-known.md).

Each state has its own row of days, so that falling is a matter of what was seen of late and not of
the way the account had come: more signal on any day never lowers a state (but through the hold: a
silent feed that could have kept one account and not another freezes the days of the one alone).

A transition says whether something else than the account's doing is behind it, acts that moved to
or from it by a change of owner, or coverage that became known or unknown: on the day itself, or,
before a fall, on any of the days below. It also says what decided it: of a rise, the
conditions of the new state that hold and did not the day before; of a fall, the conditions of the
state left that do not hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

ABSENT = 0
"""State code of an account that is not in the universe; states are coded by their rank, from 1."""

FEATURES = (
    "account_id",
    "as_of_date",
    "strength_score",
    "reached_coverage_share",
    "is_broad",
    "has_recent_buying_signal",
    "has_committed_motion",
    "held_rank",
    "is_attribution_changed",
)
"""Columns of the features: one row per account and day, strength 0-100, coverage 0-1 or null.

held_rank: rank of the highest state that feeds gone silent could have kept; null where none could.
"""

CONDITIONS = ("strength", "breadth", "buying_signal", "committed_motion", "coverage")
"""What the states ask for, in the order in which a transition names them."""

CHECKPOINT_SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("as_of_date", pa.date32()),
        ("state", pa.string()),
        ("state_since", pa.date32()),
        ("days_below", pa.int32()),
        # Days in a row below each state up to the account's own, lowest first, with | between.
        ("days_below_states", pa.string()),
        ("is_attribution_changed", pa.bool_()),
        # The features of the day: what a rise on the next day is compared with.
        ("strength_score", pa.float64()),
        ("reached_coverage_share", pa.float64()),
        ("is_broad", pa.bool_()),
        ("has_recent_buying_signal", pa.bool_()),
        ("has_committed_motion", pa.bool_()),
    ]
)
TRANSITION_SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("as_of_date", pa.date32()),
        ("from_state", pa.string()),
        ("to_state", pa.string()),
        ("reason", pa.string()),
        ("strength_score", pa.float64()),
        ("reached_coverage_share", pa.float64()),
        ("is_strong", pa.bool_()),
        ("has_committed_motion", pa.bool_()),
        ("days_below", pa.int32()),
        ("is_attribution_changed", pa.bool_()),
        ("is_broad", pa.bool_()),
        ("has_recent_buying_signal", pa.bool_()),
        # Names of CONDITIONS with | between; null where the day before is not known.
        ("decided_by", pa.string()),
    ]
)


@dataclass(frozen=True)
class StateRule:
    """When an account may enter a state; a row of the seed `activation_states`.

    min_strength: strength score, 0-100. min_reached_coverage: share, 0-1.
    """

    rank: int
    state: str
    min_strength: float
    needs_strong_signal: bool
    needs_committed_motion: bool
    motion_replaces_signal: bool
    min_reached_coverage: float


@dataclass(frozen=True)
class StateRules:
    """All states in rising rank from 1, and how reluctantly they are left.

    keep_factor: share of the thresholds that keeps a state, 0-1. days_below_to_fall: days, >= 1.
    """

    states: tuple[StateRule, ...]
    keep_factor: float
    days_below_to_fall: int

    def __post_init__(self) -> None:
        ranks = [rule.rank for rule in self.states]
        if ranks != list(range(1, len(ranks) + 1)):
            raise ValueError(f"activation_states: ranks must be 1, 2, 3, ... in order, got {ranks}")
        if not 0 < self.keep_factor <= 1:
            raise ValueError(f"keep_factor must lie in (0, 1], got {self.keep_factor}")
        if self.days_below_to_fall < 1:
            raise ValueError(f"days_below_to_fall must be 1 or more, got {self.days_below_to_fall}")

    def name(self, code: int) -> str | None:
        """Name of a state code; None for ABSENT."""
        return None if code == ABSENT else self.states[code - 1].state


@dataclass(frozen=True)
class Advance:
    """What a block of days did: the transitions in it, and the machine's memory at its end."""

    transitions: pa.Table
    checkpoint: pa.Table


@dataclass(frozen=True)
class Signals:
    """Features as arrays of one shape, usually days x accounts; coverage NaN if not known."""

    strength: FloatArray
    coverage: FloatArray
    is_broad: BoolArray
    has_buying_signal: BoolArray
    has_motion: BoolArray

    def at(self, where: IntArray | int) -> Signals:
        """Those of some rows (of days, or of accounts where there is but one day)."""
        return Signals(
            self.strength[where],
            self.coverage[where],
            self.is_broad[where],
            self.has_buying_signal[where],
            self.has_motion[where],
        )

    def flat(self, cells: IntArray) -> Signals:
        """Those of some cells, counted through the rows."""
        return Signals(
            self.strength.flat[cells],
            self.coverage.flat[cells],
            self.is_broad.flat[cells],
            self.has_buying_signal.flat[cells],
            self.has_motion.flat[cells],
        )


def highest_state(signals: Signals, rules: StateRules, factor: float = 1.0) -> IntArray:
    """Code of the highest state whose rule holds, thresholds of strength and coverage x `factor`.

    Shape: that of the signals. The first state holds always.
    """
    highest = np.ones(signals.strength.shape, dtype=np.int64)
    for rule in rules.states[1:]:
        signal = signals.strength >= round(rule.min_strength * factor, 6)
        if rule.needs_strong_signal:
            signal &= signals.is_broad & signals.has_buying_signal
        if rule.motion_replaces_signal:
            signal |= signals.has_motion
        if rule.needs_committed_motion:
            signal &= signals.has_motion
        holds = signal & _covers(signals, rule, factor)
        highest[holds] = rule.rank
    return highest


def conditions(signals: Signals, rule: StateRule, factor: float = 1.0) -> BoolArray:
    """Which of CONDITIONS hold, thresholds of strength and coverage x `factor`.

    Shape: conditions x that of the signals. What the rule does not ask for holds always, but for
    committed motion, which holds wherever it is in place of a signal.
    """
    asks_motion = rule.needs_committed_motion or rule.motion_replaces_signal
    always = np.ones(signals.strength.shape, dtype=np.bool_)
    return np.stack(
        [
            signals.strength >= round(rule.min_strength * factor, 6),
            signals.is_broad if rule.needs_strong_signal else always,
            signals.has_buying_signal if rule.needs_strong_signal else always,
            signals.has_motion if asks_motion else always,
            _covers(signals, rule, factor),
        ]
    )


def _covers(signals: Signals, rule: StateRule, factor: float) -> BoolArray:
    """Whether coverage reaches the rule's threshold x `factor`, or cannot be known."""
    is_short: BoolArray = signals.coverage < round(rule.min_reached_coverage * factor, 6)
    return ~is_short


def advance(checkpoint: pa.Table, features: pa.Table, rules: StateRules) -> Advance:
    """Steps the machine through the days of `features`, from the memory in `checkpoint`.

    Args:
        checkpoint: CHECKPOINT_SCHEMA (more columns are ignored), one row per account in the
            universe on the day before the first day of `features`; empty at the start of history.
        features: the columns FEATURES, one row per account and day, every day of the block present
            for at least one account, in any order; a missing row means that the account is not in
            the universe.
        rules: the states and the waiting rules.

    Returns:
        TRANSITION_SCHEMA and CHECKPOINT_SCHEMA tables, ordered by day and account.

    Raises:
        ValueError: two rows for one account and day, a missing day, a checkpoint of another day
            than the one before, or a state that the rules do not name.
    """
    if features.num_rows == 0:
        return Advance(TRANSITION_SCHEMA.empty_table(), checkpoint.select(CHECKPOINT_SCHEMA.names))

    days = pc.unique(features["as_of_date"]).sort().to_numpy(zero_copy_only=False)
    _check_days(days, checkpoint)
    accounts = pc.unique(
        pa.chunked_array(
            [*features["account_id"].cast(pa.string()).chunks]
            + [*checkpoint["account_id"].cast(pa.string()).chunks],
            type=pa.string(),
        )
    ).sort()
    shape = (len(days), len(accounts))
    cells = np.searchsorted(days, features["as_of_date"].to_numpy()) * shape[1] + pc.index_in(
        features["account_id"].cast(pa.string()), accounts
    ).to_numpy().astype(np.int64)
    present = np.zeros(shape, dtype=np.bool_)
    np.put(present, cells, True)
    if np.count_nonzero(present) != len(cells):
        raise ValueError("features: more than one row for an account and day")

    def amounts(column: str) -> FloatArray:
        filled = np.zeros(shape)
        np.put(filled, cells, features[column].to_numpy())
        return filled

    def counts_of(column: str) -> IntArray:
        filled = np.zeros(shape, dtype=np.int64)
        np.put(filled, cells, pc.fill_null(features[column].cast(pa.int64()), 0).to_numpy())
        return filled

    def flags(column: str) -> BoolArray:
        filled = np.zeros(shape, dtype=np.bool_)
        np.put(filled, cells, features[column].to_numpy())
        return filled

    signals = Signals(
        strength=amounts("strength_score"),
        coverage=amounts("reached_coverage_share"),
        is_broad=flags("is_broad"),
        has_buying_signal=flags("has_recent_buying_signal"),
        has_motion=flags("has_committed_motion"),
    )
    held_up_to = counts_of("held_rank")
    moved_acts = flags("is_attribution_changed")
    entry = highest_state(signals, rules)
    keep = highest_state(signals, rules, rules.keep_factor)

    ranks = np.array([rule.rank for rule in rules.states])[:, np.newaxis]
    known = pc.index_in(checkpoint["account_id"].cast(pa.string()), accounts).to_numpy()
    state, since, below, changed = _memory(checkpoint, known, len(accounts), rules)
    yesterday = _remembered_signals(checkpoint, known, len(accounts))
    steps: list[dict[str, npt.NDArray[np.generic]]] = []
    for index, day in enumerate(days):
        here = present[index]
        was_here = state != ABSENT
        arrives = here & ~was_here
        leaves = ~here & was_here
        stays = here & was_here
        rises = stays & (entry[index] > state)
        steps_on = stays & ~rises
        # Days in a row below each state: states x accounts. A day that is held does not count.
        is_below = keep[index] < ranks
        is_held = is_below & (ranks <= held_up_to[index])
        below = np.where(
            steps_on, np.where(is_below, np.where(is_held, below, below + 1), 0), below
        )
        counts = steps_on & ~(is_held & (ranks == state)).any(axis=0)
        is_turned = stays & ~np.isnan(yesterday.strength)
        is_turned &= np.isnan(signals.coverage[index]) != np.isnan(yesterday.coverage)
        happened = moved_acts[index] | is_turned
        # Remembered until a day that is not below: what happened on the way explains the fall.
        changed = changed | happened
        is_left = (below >= rules.days_below_to_fall) & ~is_held & (ranks <= state)
        stands = np.where(~is_left & (ranks <= state), ranks, ABSENT).max(axis=0)
        falls = counts & (stands < state)

        moved = arrives | leaves | rises | falls
        target = np.where(arrives | rises, entry[index], np.where(falls, stands, state))
        target[leaves] = ABSENT
        at = np.flatnonzero(moved)
        if len(at):
            steps.append(
                {
                    "account": at,
                    "day": np.full(len(at), day),
                    "from": state[at],
                    "to": target[at],
                    "below": np.where(falls, _of(state, below), 0)[at],
                    "changed": np.where(falls, changed, happened)[at],
                    "cell": index * shape[1] + at,
                    "decided": _decided_by(
                        signals.at(index).at(at), yesterday.at(at), state[at], target[at], rules
                    ),
                }
            )
        yesterday = signals.at(index)
        since[moved] = day
        # What is held up to the new state has not been waited for; what is above it is over.
        below[:, arrives | leaves | rises] = 0
        below[(ranks > target) & moved] = 0
        state = target
        changed[((moved & ~falls) | counts) & (_of(state, below) == 0)] = False

    return Advance(
        transitions=_transitions(steps, accounts, signals, rules),
        checkpoint=_checkpoint(days[-1], accounts, state, since, below, changed, yesterday, rules),
    )


def _of(state: IntArray, below: IntArray) -> IntArray:
    """Days below the accounts' own states. Shapes: accounts; states x accounts."""
    days: IntArray = below[np.maximum(state, 1) - 1, np.arange(len(state))]
    return days


def _check_days(days: npt.NDArray[np.generic], checkpoint: pa.Table) -> None:
    if len(days) > 1 and np.any(np.diff(days).astype(np.int64) != 1):
        raise ValueError(f"features: days are missing between {days[0]} and {days[-1]}")
    remembered = np.unique(checkpoint["as_of_date"].to_numpy())
    if len(remembered) and (len(remembered) > 1 or remembered[0] + 1 != days[0]):
        raise ValueError(
            f"checkpoint of {', '.join(map(str, remembered))} does not lead up to {days[0]}"
        )


def _memory(
    checkpoint: pa.Table, at: IntArray, accounts: int, rules: StateRules
) -> tuple[IntArray, npt.NDArray[np.datetime64], IntArray, BoolArray]:
    """State code, day entered, days below each state and whether acts had moved in them.

    at: places of the checkpoint's rows among the accounts. Shape: accounts; days below: states x
    accounts.
    """
    state = np.full(accounts, ABSENT, dtype=np.int64)
    since = np.zeros(accounts, dtype="datetime64[D]")
    below = np.zeros((len(rules.states), accounts), dtype=np.int64)
    changed = np.zeros(accounts, dtype=np.bool_)
    if checkpoint.num_rows:
        names = pa.array([rule.state for rule in rules.states], pa.string())
        place = pc.index_in(checkpoint["state"].cast(pa.string()), names)
        if place.null_count:
            unknown = set(pc.unique(checkpoint["state"]).to_pylist()) - set(names.to_pylist())
            raise ValueError(f"checkpoint: states {sorted(unknown)} are not in activation_states")
        rank = np.array([rule.rank for rule in rules.states])[place.to_numpy()]
        state[at] = rank
        since[at] = checkpoint["state_since"].to_numpy()
        below[:, at] = _days_below_states(checkpoint, rank, len(rules.states)).T
        # Null in checkpoints from before it was kept.
        changed[at] = pc.fill_null(checkpoint["is_attribution_changed"], False).to_numpy()
    return state, since, below, changed


def _days_below_states(checkpoint: pa.Table, rank: IntArray, states: int) -> IntArray:
    """Days below each state; shape: rows x states. rank: of the rows' own states.

    Where they were not kept (checkpoints from before), or are those of another number of states,
    those below the account's own state alone are known.
    """
    days = np.zeros((checkpoint.num_rows, states), dtype=np.int64)
    own = checkpoint["days_below"].to_numpy().astype(np.int64)
    rows = np.arange(checkpoint.num_rows)
    if "days_below_states" in checkpoint.column_names:
        # Of many accounts most say the same: each text is read once.
        texts = pc.fill_null(checkpoint["days_below_states"].cast(pa.string()), "")
        texts = texts.combine_chunks().dictionary_encode()
        numbers = np.zeros((len(texts.dictionary), states), dtype=np.int64)
        lengths = np.zeros(len(texts.dictionary), dtype=np.int64)
        for place, text in enumerate(texts.dictionary.to_pylist()):
            read = [int(word) for word in text.split("|") if word]
            lengths[place] = len(read)
            numbers[place, : len(read)] = read[:states]
        of_row = texts.indices.to_numpy()
        is_kept = (lengths[of_row] == rank) & (numbers[of_row, rank - 1] == own)
        days[is_kept] = numbers[of_row[is_kept]]
    days[rows, rank - 1] = own
    return days


def _words_of_days(state: IntArray, below: IntArray) -> pa.Array:
    """Days below each state up to the account's own, with | between; shapes: rows; states x rows.

    Of many accounts most have the same: each text is written once.
    """
    upto = np.where(np.arange(1, len(below) + 1)[:, np.newaxis] <= state, below, 0)
    base = int(upto.max(initial=0)) + 1
    if base ** len(upto) * (len(upto) + 1) >= np.iinfo(np.int64).max:  # days of millennia
        numbers = np.arange(len(state))
        first, of_row = numbers, numbers
    else:
        key = state.copy()
        for days in upto:
            key = key * base + days
        _, first, of_row = np.unique(key, return_index=True, return_inverse=True)
    texts = ["|".join(map(str, upto[: state[row], row])) for row in first]
    return pa.array(texts, pa.string()).take(pa.array(of_row))


def _remembered_signals(checkpoint: pa.Table, at: IntArray, accounts: int) -> Signals:
    """The features of the day before the block; strength NaN where they were not kept."""

    def remembered(column: str, missing: float) -> FloatArray:
        values = np.full(accounts, missing)
        if checkpoint.num_rows and column in checkpoint.column_names:
            numbers = checkpoint[column].cast(pa.float64())
            values[at] = pc.fill_null(numbers, missing).to_numpy()
        return values

    return Signals(
        strength=remembered("strength_score", np.nan),
        coverage=remembered("reached_coverage_share", np.nan),
        is_broad=remembered("is_broad", 0.0) > 0,
        has_buying_signal=remembered("has_recent_buying_signal", 0.0) > 0,
        has_motion=remembered("has_committed_motion", 0.0) > 0,
    )


def _decided_by(
    today: Signals, yesterday: Signals, before: IntArray, after: IntArray, rules: StateRules
) -> npt.NDArray[np.object_]:
    """What decided each transition: names of CONDITIONS with | between, None where not known.

    Shapes: accounts that moved.
    """
    decided = np.full(len(after), None, dtype=np.object_)
    for rule in rules.states:
        rises = (before != ABSENT) & (after == rule.rank) & (before < after)
        rises &= ~np.isnan(yesterday.strength)
        holds, held = conditions(today, rule), conditions(yesterday, rule)
        kept = conditions(today, rule, rules.keep_factor)
        new, missed = holds & ~held, ~kept
        if rule.motion_replaces_signal:
            # Signal or motion: where one of them does, the other decides nothing.
            new[:3] &= holds[:3].all(axis=0)
            new[:4] &= ~(held[:3].all(axis=0) | held[3])
            missed[:4] &= ~(kept[:3].all(axis=0) | kept[3])
        falls = (before == rule.rank) & (after != ABSENT) & (after < before)
        for which, found in ((rises, new), (falls, missed)):
            for place in np.flatnonzero(which):
                names = [
                    name for name, is_so in zip(CONDITIONS, found[:, place], strict=True) if is_so
                ]
                decided[place] = "|".join(names)
    return decided


def _names(codes: IntArray, rules: StateRules) -> pa.Array:
    names = pa.array([rules.name(code) for code in range(len(rules.states) + 1)], pa.string())
    return names.take(pa.array(codes))


def _transitions(
    steps: Sequence[dict[str, npt.NDArray[np.generic]]],
    accounts: pa.Array,
    signals: Signals,
    rules: StateRules,
) -> pa.Table:
    if not steps:
        return TRANSITION_SCHEMA.empty_table()
    moved = {name: np.concatenate([step[name] for step in steps]) for name in steps[0]}
    before, after, cell = moved["from"], moved["to"], moved["cell"]
    reason = np.select(
        [before == ABSENT, after == ABSENT, after > before], ["first_day", "left", "rise"], "fall"
    )
    strong_rules = [rule for rule in rules.states if rule.needs_strong_signal]
    strong_from = strong_rules[0].min_strength if strong_rules else np.inf
    left = after == ABSENT
    there = signals.flat(cell)
    is_strong = (there.strength >= strong_from) & there.is_broad & there.has_buying_signal
    return pa.table(
        {
            "account_id": accounts.take(pa.array(moved["account"])),
            "as_of_date": pa.array(moved["day"].astype("datetime64[D]")),
            "from_state": _names(before, rules),
            "to_state": _names(after, rules),
            "reason": pa.array(reason.tolist(), pa.string()),
            "strength_score": pa.array(there.strength, mask=left),
            "reached_coverage_share": pa.array(
                there.coverage, mask=left | np.isnan(there.coverage)
            ),
            "is_strong": pa.array(is_strong, mask=left),
            "has_committed_motion": pa.array(there.has_motion, mask=left),
            "days_below": pa.array(moved["below"], pa.int32()),
            "is_attribution_changed": pa.array(moved["changed"].tolist(), pa.bool_()),
            "is_broad": pa.array(there.is_broad, mask=left),
            "has_recent_buying_signal": pa.array(there.has_buying_signal, mask=left),
            "decided_by": pa.array(moved["decided"].tolist(), pa.string()),
        },
        schema=TRANSITION_SCHEMA,
    )


def _checkpoint(
    day: np.generic,
    accounts: pa.Array,
    state: IntArray,
    since: npt.NDArray[np.datetime64],
    below: IntArray,
    changed: BoolArray,
    signals: Signals,
    rules: StateRules,
) -> pa.Table:
    at = np.flatnonzero(state != ABSENT)
    return pa.table(
        {
            "account_id": accounts.take(pa.array(at)),
            "as_of_date": pa.array(np.full(len(at), day).astype("datetime64[D]")),
            "state": _names(state[at], rules),
            "state_since": pa.array(since[at]),
            "days_below": pa.array(_of(state, below)[at], pa.int32()),
            "days_below_states": _words_of_days(state[at], below[:, at]),
            "is_attribution_changed": pa.array(changed[at]),
            "strength_score": pa.array(signals.strength[at]),
            "reached_coverage_share": pa.array(
                signals.coverage[at], mask=np.isnan(signals.coverage[at])
            ),
            "is_broad": pa.array(signals.is_broad[at]),
            "has_recent_buying_signal": pa.array(signals.has_buying_signal[at]),
            "has_committed_motion": pa.array(signals.has_motion[at]),
        },
        schema=CHECKPOINT_SCHEMA,
    )
