"""Chao's lower bound, as the very SQL of the mart, on simulated channels that catch accounts.

Each seed draws a company whose active accounts differ in how easily they are caught, some of which
no channel can see, and whose channels go together: who shows in one shows in the others. The truth
is the number of active accounts that nobody caught.
"""

from __future__ import annotations

import math
from statistics import median

import duckdb
import jinja2
import numpy as np
import pytest
import yaml

from orchestration.settings import PROJECT_DIR

SEEDS = 100
VARS = yaml.safe_load((PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
WIDTH = float(VARS["dark_interval_width"])
Counts = tuple[int, int, int, int, int]


def bounds(rows: list[Counts]) -> list[tuple[float | None, float | None, float | None]]:
    """Estimate, lower and upper end for (observed, once, twice, captures, channels) of each row."""
    text = (PROJECT_DIR / "macros" / "capture_recapture.sql").read_text(encoding="utf-8")
    macro = getattr(jinja2.Environment().from_string(text).module, "chao_lower_bound")  # noqa: B009
    sql = macro("counts", WIDTH)
    with duckdb.connect() as connection:
        connection.execute(
            "create table counts (place integer, observed_accounts bigint, caught_once bigint,"
            " caught_twice bigint, captures bigint, channels_used bigint)"
        )
        connection.executemany(
            "insert into counts values (?, ?, ?, ?, ?, ?)",
            [(place, *row) for place, row in enumerate(rows)],
        )
        return connection.execute(
            "select estimated_dark_accounts, lower_bound, upper_bound"
            f" from ({sql}) as bounds order by place"
        ).fetchall()


def caught(seed: int) -> tuple[Counts, int]:
    """Counts of one simulated company, and its active accounts that no channel caught."""
    random = np.random.default_rng(seed)
    accounts = int(random.integers(60, 600))
    channels = int(random.integers(2, 5))
    ease = random.normal(0.0, random.uniform(0.3, 1.5), accounts)  # unequal, and shared by channels
    level = random.normal(-0.8, 0.7, channels)
    chance = 1 / (1 + np.exp(-(level[None, :] + ease[:, None])))
    chance[random.random(accounts) < random.uniform(0.05, 0.25)] = 0.0  # blind
    chance[random.random((accounts, channels)) < 0.1] = 0.0  # blind to single channels
    times = (random.random((accounts, channels)) < chance).sum(axis=1)
    seen = int((times > 0).sum())
    counts = (seen, int((times == 1).sum()), int((times == 2).sum()), int(times.sum()), channels)
    return counts, accounts - seen


def test_the_lower_end_is_at_or_under_the_truth() -> None:
    """In at least 90 of 100 seeds; the median of estimate over truth is shown (pytest -s)."""
    drawn = [caught(seed) for seed in range(SEEDS)]
    found = bounds([counts for counts, _ in drawn])
    truths = [truth for _, truth in drawn]
    assert all(estimate is not None for estimate, _, _ in found)
    held = sum(
        lower is not None and lower <= truth
        for (_, lower, _), truth in zip(found, truths, strict=True)
    )
    ratio = median(
        float(estimate or 0) / truth for (estimate, _, _), truth in zip(found, truths, strict=True)
    )
    print(f"lower end at or under the truth: {held} of {SEEDS}; median estimate/truth {ratio:.2f}")
    assert held >= 90
    assert 0.3 <= ratio <= 1.1


def test_equal_and_independent_channels_are_estimated_without_bias() -> None:
    """Where the assumptions hold, the bound is the number itself."""
    rows, truths = [], []
    for seed in range(SEEDS):
        times = (np.random.default_rng(seed).random((400, 4)) < 0.3).sum(axis=1)
        seen = int((times > 0).sum())
        rows.append((seen, int((times == 1).sum()), int((times == 2).sum()), int(times.sum()), 4))
        truths.append(400 - seen)
    ratios = [float(row[0] or 0) / truth for row, truth in zip(bounds(rows), truths, strict=True)]
    assert median(ratios) == pytest.approx(1.0, abs=0.1)


def test_a_worked_example() -> None:
    """t = 4, Q1 = 10, Q2 = 5: 0.75 * 10 * 9 / (2 * 6) = 5.625; its variance term by term."""
    ((estimate, lower, upper),) = bounds([(20, 10, 5, 35, 4)])
    variance = 0.75 * 90 / 12 + 0.5625 * 10 * 19**2 / (4 * 36)
    variance += 0.5625 * 100 * 5 * 81 / (4 * 6**4)
    ratio = math.exp(WIDTH * math.sqrt(math.log(1 + variance / 5.625**2)))
    assert estimate == pytest.approx(5.625)
    assert lower == pytest.approx(5.625 / ratio)
    assert upper == pytest.approx(5.625 * ratio)


def test_nothing_caught_twice() -> None:
    """Q2 = 0: the bias-corrected form holds, and the interval widens."""
    ((estimate, lower, upper),) = bounds([(6, 6, 0, 6, 3)])
    assert estimate == pytest.approx(2 / 3 * 6 * 5 / 2)
    assert lower is not None
    assert estimate is not None
    assert upper is not None
    assert 0 < lower < estimate < upper


@pytest.mark.parametrize("once", [0, 1])
def test_hardly_anybody_caught_once(once: int) -> None:
    """The point is zero; the upper end is not, for four captures of ten accounts prove little."""
    ((estimate, lower, upper),) = bounds([(10, once, 10 - once, 20 - once, 4)])
    assert estimate == 0
    assert lower == 0
    assert upper is not None
    assert upper > 0


def test_no_estimate_without_two_channels_or_anybody_seen() -> None:
    assert bounds([(5, 5, 0, 5, 1), (0, 0, 0, 0, 0), (0, 0, 0, 0, 4)]) == [(None,) * 3] * 3
