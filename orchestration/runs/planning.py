"""Which days a run computes. Pure functions: what is stored and what was asked for come in.

Scores are kept without gaps, and each day builds on the one before. So a range has to touch what
is stored, refilling a day recomputes every stored day after it, and the state machine restarts
from its last checkpoint before the range.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


class PlanningError(ValueError):
    """The days asked for cannot be run; the message says why and which command would work."""


@dataclass(frozen=True)
class History:
    """The days that are stored, first to last without a gap.

    checkpoints: days at whose end the state of every account is stored. redo_from: first day of
    runs that stored scores and were stopped before they published, None if there are none.
    """

    first: date
    last: date
    checkpoints: frozenset[date] = frozenset()
    redo_from: date | None = None


@dataclass(frozen=True)
class Plan:
    """The days of one run, all inclusive.

    replay_start <= start: the state machine sees features from there, so that it can start from a
    checkpoint; results are kept from `start` on.
    """

    start: date
    end: date
    replay_start: date

    def __post_init__(self) -> None:
        if not self.replay_start <= self.start <= self.end:
            raise ValueError(f"not in order: {self.replay_start}, {self.start}, {self.end}")

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    def as_environment(self) -> dict[str, str]:
        """The dates as dbt reads them."""
        return {
            "START_DATE": self.start.isoformat(),
            "END_DATE": self.end.isoformat(),
            "REPLAY_START_DATE": self.replay_start.isoformat(),
        }


def plan_range(
    requested_start: date | None,
    requested_end: date | None,
    *,
    last_complete_day: date | None,
    history: History | None,
    today: date,
) -> Plan:
    """The days to compute for what was asked.

    Without an end: the last complete day in the landing data, or the last stored day if that is
    later. Without a start: the day after the last stored one, or the end if that is stored already
    or nothing is. Planning a plan's own range again gives the same plan.

    Raises PlanningError for days to come, for an empty range and for one that leaves a gap.
    """
    end = requested_end or _default_end(last_complete_day, history)
    start = requested_start or _default_start(end, history)
    if end > today:
        raise PlanningError(
            f"END_DATE {end} is still to come: today is {today} (UTC). Take {today} or earlier."
        )
    if start > end:
        if requested_end:
            raise PlanningError(f"START_DATE {start} is after END_DATE {end}. Swap them.")
        raise PlanningError(
            f"START_DATE {start} is after {end}, the last complete day in the landing data. Take"
            " an earlier START_DATE, or set END_DATE too if a later day is complete."
        )
    if history is None:
        return Plan(start=start, end=end, replay_start=start)
    _check_touches(start, end, history)
    end = max(end, history.last)
    if history.redo_from is not None:
        start = min(start, max(history.redo_from, history.first))
    return Plan(start=start, end=end, replay_start=_replay_start(start, history))


def describe(
    plan: Plan, requested: tuple[date | None, date | None], history: History | None
) -> str:
    """The plan in words, with the reason for every day that was not asked for."""
    days = "1 day" if plan.days == 1 else f"{plan.days} days"
    words = [f"{plan.start} ({days})" if plan.days == 1 else f"{plan.start} to {plan.end} ({days})"]
    if history is None:
        words.append("nothing is stored yet")
        return "; ".join(words)
    words.append(f"stored so far: {history.first} to {history.last}")
    start, end = requested
    if end is not None and plan.end > end:
        words.append(f"goes on to {plan.end} because later days build on the ones before")
    if history.redo_from is not None and plan.start == history.redo_from and plan.start != start:
        words.append(f"starts at {plan.start} because an earlier run stopped before publishing")
    if plan.replay_start < plan.start:
        words.append(f"states are continued from {plan.replay_start - ONE_DAY}")
    return "; ".join(words)


def month_blocks(start: date, end: date) -> Iterator[tuple[date, date]]:
    """The range cut at month ends: first and last day of each block, in order."""
    while start <= end:
        next_month = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        block_end = min(end, next_month - ONE_DAY)
        yield start, block_end
        start = block_end + ONE_DAY


def _default_end(last_complete_day: date | None, history: History | None) -> date:
    days = [day for day in (last_complete_day, history.last if history else None) if day]
    if not days:
        raise PlanningError(
            "There is nothing to refresh: LANDING_DIR has no file that the contract knows, and no"
            " day is stored. Put files into LANDING_DIR/<source>/<table>/, or name the schemas that"
            " an EL tool fills (docs/landing.md says which)."
        )
    return max(days)


def _default_start(end: date, history: History | None) -> date:
    if history is None or end <= history.last:
        return end
    return history.last + ONE_DAY


def _check_touches(start: date, end: date, history: History) -> None:
    stored = f"{history.first} to {history.last} are stored"
    if start > history.last + ONE_DAY:
        first, last = history.last + ONE_DAY, start - ONE_DAY
        raise PlanningError(
            f"{_days(first, last)} would be missing: {stored} and the range starts at {start}."
            f" Run: make refresh START_DATE={first} END_DATE={end}"
        )
    if end < history.first - ONE_DAY:
        first, last = end + ONE_DAY, history.first - ONE_DAY
        raise PlanningError(
            f"{_days(first, last)} would be missing: {stored} and the range ends at {end}."
            f" Run: make refresh START_DATE={start} END_DATE={last}"
        )


def _days(first: date, last: date) -> str:
    return f"The day {first}" if first == last else f"The days {first} to {last}"


def _replay_start(start: date, history: History) -> date:
    if start <= history.first:
        return start
    before = [day for day in history.checkpoints if history.first <= day < start]
    return max(before) + ONE_DAY if before else history.first
