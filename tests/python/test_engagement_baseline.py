"""Engagement against baseline, as the very SQL of the mart, on simulated accounts.

Each seed draws 400 accounts whose visits come as visits do: several pages at once, fewer on
weekends, rates that differ a hundredfold between accounts, and stretches of some ten weeks in which
an account reads seven times as much as at rest. The programme changes nothing, or raises all rates
by a known share.
"""

from __future__ import annotations

import math
from typing import Any

import duckdb
import jinja2
import numpy as np
import numpy.typing as npt
import pytest
import yaml

from orchestration.settings import PROJECT_DIR

VARS = yaml.safe_load((PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
WIDTH = float(VARS["baseline_interval_width"])
BEFORE = int(VARS["baseline_days"]) // 7
ACCOUNTS = 400
BUSY = 60  # Of fewer pages hardly anything speaks against zero where windows are equally long.
WEEKDAYS = np.array([1.2, 1.25, 1.25, 1.2, 1.1, 0.5, 0.5])
Floats = npt.NDArray[np.float64]


def macro(name: str) -> Any:
    text = (PROJECT_DIR / "macros" / "baseline_interval.sql").read_text(encoding="utf-8")
    return getattr(jinja2.Environment().from_string(text).module, name)


def pages(seed: int, after: int, lift: float = 0.0) -> Floats:
    """Pages by account and day: (accounts, days of BEFORE weeks and `after` weeks since).

    What comes before the first of these days only lets reading and rest find their balance.
    """
    random = np.random.default_rng(seed)
    days = 7 * (BEFORE + after)
    level = 0.08 * np.exp(random.normal(-0.5, 1.0, ACCOUNTS))
    reads = random.random(ACCOUNTS) < 0.3
    left = random.gamma(2, 35, ACCOUNTS)
    rate = np.zeros((ACCOUNTS, days))
    for day in range(-400, days):
        left -= 1
        turns = np.where(reads, left <= 0, random.random(ACCOUNTS) < 1 / 150)
        reads = np.where(turns, ~reads, reads)
        left = np.where(turns & reads, random.gamma(2, 35, ACCOUNTS), left)
        if day >= 0:
            rate[:, day] = level * (1 + 6 * reads) * WEEKDAYS[day % 7]
    rate[:, 7 * BEFORE :] *= 1 + lift
    visits = random.poisson(rate)
    return (visits + random.poisson(1.4 * visits)).astype(np.float64)


class Found:
    """What the SQL makes of pages: `lower` and `upper` of accounts (nan: none), and `cohort`."""

    def __init__(self, drawn: Floats, after: int) -> None:
        before_amount = drawn[:, : 7 * BEFORE].sum(axis=1)
        after_amount = drawn[:, 7 * BEFORE :].sum(axis=1)
        expected = before_amount * after / BEFORE
        clump = max((drawn**2).sum() / drawn.sum(), 1.0)
        ratio = after_amount.sum() / expected.sum()
        self.is_seen = before_amount + after_amount > 0
        self.is_busy = (before_amount + after_amount >= BUSY)[self.is_seen]
        with duckdb.connect() as connection:
            connection.execute(
                "create table drawn as"
                " select unnest(?) as before_amount, unnest(?) as after_amount",
                [before_amount.astype(int).tolist(), after_amount.astype(int).tolist()],
            )
            connection.execute(
                f"create table shared as select *, {BEFORE} as before_weeks,"
                f" {after} as after_weeks, cast({clump} as double) as clump,"
                f" cast({BEFORE / (BEFORE + ratio * after)} as double) as expected_share from drawn"
            )
            connection.execute(
                "create table counts as select *, (select"
                f" {macro('spread_between_windows')()} from shared) as spread from shared"
            )
            rows = connection.execute(
                "select lower_share, upper_share from ("
                f"{macro('change_between_windows')('counts', WIDTH)}) as changes"
            ).fetchnumpy()
            self.lower, self.upper = (
                np.ma.filled(rows[name].astype(np.float64), np.nan)
                for name in ("lower_share", "upper_share")
            )
            self.cohort = change_of_many(connection, after_amount, expected)

    @property
    def held(self) -> npt.NDArray[np.bool_]:
        """Whether zero lies in the interval, of accounts of which anything was seen."""
        held = (self.lower <= 0) & ((self.upper >= 0) | np.isnan(self.upper))
        return np.asarray(held[self.is_seen])


def change_of_many(
    connection: duckdb.DuckDBPyConnection, after: Floats, expected: Floats, least: int = 10
) -> tuple[Any, Any, Any]:
    """change_share, lower_share and upper_share of accounts together; None where none is told."""
    seen = int((after + expected > 0).sum())
    sums = (seen, after.sum(), expected.sum(), (after**2).sum(), (expected**2).sum())
    connection.execute(
        "create or replace table sums (seen bigint, after_amount double,"
        " expected_amount double, after_squares double, expected_squares double, products double)"
    )
    connection.execute(
        "insert into sums values (?, ?, ?, ?, ?, ?)",
        [*map(float, sums), float((after * expected).sum())],
    )
    row = connection.execute(
        "select change_share, lower_share, upper_share from ("
        f"{macro('change_of_many')('sums', WIDTH, least)}) as changes"
    ).fetchone()
    assert row is not None
    return row


def one(
    before: int, after: int, weeks: tuple[int, int] = (12, 12), clump: float = 1, spread: float = 0
) -> tuple[float | None, float | None, float | None]:
    """change_share, lower_share, upper_share of one account."""
    with duckdb.connect() as connection:
        connection.execute(
            f"create table counts as select cast({before} as bigint) as before_amount,"
            f" cast({after} as bigint) as after_amount, {weeks[0]} as before_weeks,"
            f" {weeks[1]} as after_weeks, cast({clump} as double) as clump,"
            f" cast({spread} as double) as spread"
        )
        row = connection.execute(
            "select change_share, lower_share, upper_share from ("
            f"{macro('change_between_windows')('counts', WIDTH)}) as changes"
        ).fetchone()
    assert row is not None
    return row


def coverage(after: int, seeds: range) -> tuple[float, float, float]:
    """Shares that hold zero without an effect: of accounts, of busy ones, of cohorts."""
    found = [Found(pages(seed, after), after) for seed in seeds]
    return (
        float(np.mean([each.held.mean() for each in found])),
        float(np.mean([each.held[each.is_busy].mean() for each in found])),
        float(np.mean([each.cohort[1] <= 0 <= each.cohort[2] for each in found])),
    )


def test_intervals_of_accounts_hold_zero_where_nothing_changed() -> None:
    """For every length of time since; the figures are shown (pytest -s)."""
    for after in (6, 30):
        accounts, busy, _ = coverage(after, range(3))
        print(f"{after} weeks since: {accounts:.3f} of accounts hold zero, {busy:.3f} of busy ones")
        assert 0.91 <= accounts <= 0.98
        # Many are busy because a burst fell into a window: a harder choice than all accounts.
        assert 0.88 <= busy <= 0.98


def test_counts_that_come_one_by_one_would_be_too_sure() -> None:
    """The same accounts without clump and spread: zero is missed far too often."""
    drawn = pages(1, 30)
    sums = drawn[:, : 7 * BEFORE].sum(axis=1), drawn[:, 7 * BEFORE :].sum(axis=1)
    total = sums[0] + sums[1]
    share = BEFORE / (BEFORE + 30)
    seen = total > 0
    deviation = np.abs(sums[0] - total * share)[seen] / np.sqrt(total * share * (1 - share))[seen]
    assert (deviation <= WIDTH).mean() < 0.75
    assert Found(drawn, 30).held.mean() > 0.91


def test_a_planted_rise_is_found_without_bias() -> None:
    """Visits of all accounts rise by half: the cohort says so, on average neither more nor less."""
    found = [Found(pages(seed, 26, lift=0.5), 26).cohort for seed in range(100, 110)]
    logs = np.log([1 + change for change, _, _ in found])
    error = logs.std(ddof=1) / math.sqrt(len(logs))
    print(f"planted 0.5, found {math.exp(logs.mean()) - 1:.3f} (+- {error:.3f} in logarithms)")
    assert abs(logs.mean() - math.log(1.5)) < 2.5 * error
    assert sum(lower > 0 for _, lower, _ in found) >= 8
    assert sum(lower <= 0.5 <= upper for _, lower, upper in found) >= 8


@pytest.mark.long
def test_calibration_at_length() -> None:
    """Accounts and cohorts, 100 seeds for each length of time since."""
    for after in (6, 12, 30, 60):
        accounts, busy, cohorts = coverage(after, range(200, 300))
        print(f"{after} weeks: accounts {accounts:.3f}, busy {busy:.3f}, cohorts {cohorts:.2f}")
        assert 0.88 <= busy <= 0.98
        # Of accounts with a handful of pages hardly any interval excludes zero.
        assert 0.91 <= accounts <= 0.99
        assert 0.88 <= cohorts <= 0.99


def test_a_worked_example() -> None:
    """10 before and 20 since in as many weeks: a third came before, Wilson 0.1923 to 0.5122."""
    change, lower, upper = one(10, 20)
    assert change == pytest.approx(1.0)
    loss = WIDTH**2 / 30
    half = math.sqrt(loss * (1 / 3) * (2 / 3) + loss**2 / 4)
    high, low = ((1 / 3 + loss / 2 + sign * half) / (1 + loss) for sign in (1, -1))
    assert (low, high) == pytest.approx((0.1923, 0.5122), abs=0.0001)
    assert lower == pytest.approx((1 - high) / high - 1)
    assert upper == pytest.approx((1 - low) / low - 1)


def test_clumps_and_spread_widen_and_weeks_scale() -> None:
    """Twice as many pages a visit tell as much as half as many; twice the weeks bring twice."""
    assert one(20, 40, clump=2) == pytest.approx(one(10, 20))
    assert one(10, 40, weeks=(12, 24))[0] == pytest.approx(1.0)
    widths = [
        (upper or 0) - (lower or 0)
        for _, lower, upper in (one(10, 20), one(10, 20, spread=0.1), one(10, 20, spread=0.5))
    ]
    assert widths == sorted(widths)
    assert widths[2] > 3 * widths[0]


def test_small_numbers_and_none() -> None:
    """Nothing before: a rise has a lower end and no upper one. Nothing at all: nothing is said."""
    change, lower, upper = one(0, 30)
    assert (change, upper) == (None, None)
    assert lower is not None
    assert lower > 0
    change, lower, upper = one(30, 0)
    assert change == -1
    assert lower == pytest.approx(-1)
    assert upper is not None
    assert upper < 0
    assert one(0, 0) == (None, None, None)
    assert one(0, 1)[1] is not None
    assert (one(0, 1)[1] or 0) < 0


def test_many_accounts_by_hand() -> None:
    """Ratio 40 / 20; departures 10-2*5, 10-2*5, 20-2*10, 0: only their squares give the error."""
    with duckdb.connect() as connection:
        after, expected = np.array([12.0, 8.0, 20.0]), np.array([5.0, 5.0, 10.0])
        change, lower, upper = change_of_many(connection, after, expected, least=3)
        error = math.sqrt((2**2 + 2**2 + 0) * 3 / 2) / 40
        assert change == pytest.approx(1.0)
        assert lower == pytest.approx(2 * math.exp(-WIDTH * error) - 1)
        assert upper == pytest.approx(2 * math.exp(WIDTH * error) - 1)
        assert change_of_many(connection, after, expected, least=4) == (None, None, None)
        assert change_of_many(connection, after, 0 * expected, least=3) == (None, None, None)
