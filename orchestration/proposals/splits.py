"""Whether an attribute tells two groups of accounts apart, and what chance would give.

An account counts once, with a share of 0 to 1 (deals won of those decided, or kept or not), so that
one with eighty deals is no eighty witnesses. An attribute is cut in two where the shares differ
most; how often shuffled shares are cut as well as that is its p-value, which so pays for all cuts
that were tried. No clock and no chance: shuffles come from a fixed seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy
from scipy.stats import beta

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SHUFFLES = 1_999
SEED = 20_240_501
# Of fewer accounts a value or a band says nothing by itself.
LEAST = 5
# False discoveries among what is found, and the width of intervals.
RATE, WIDTH = 0.05, 0.95


@dataclass(frozen=True)
class Group:
    """Accounts, what they won or kept (a sum of shares), and the interval of its share."""

    accounts: int
    sum: float

    @property
    def share(self) -> float:
        return self.sum / self.accounts if self.accounts else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Jeffreys' interval."""
        rest = (1 - WIDTH) / 2
        one, other = self.sum + 0.5, self.accounts - self.sum + 0.5
        return float(beta.ppf(rest, one, other)), float(beta.ppf(1 - rest, one, other))

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.share:.0%} of {self.accounts:,} accounts ({low:.0%} to {high:.0%})"


@dataclass(frozen=True)
class Split:
    """An attribute cut in two. p: how often chance cuts as well.

    names: values, bands or words by group. high: those of the better group. is_high: by account,
    of those whose value is known (`known`).
    """

    p: float
    evidence: float
    names: tuple[str, ...]
    groups: tuple[Group, ...]
    high_names: tuple[str, ...]
    low_names: tuple[str, ...]
    high: Group
    low: Group
    known: Bools
    is_high: Bools


def group(shares: Floats) -> Group:
    """The accounts with these shares."""
    return Group(len(shares), float(shares.sum()))


def of_values(values: Sequence[str | None], shares: Floats) -> Split | None:
    """Cuts words that say one thing each, such as industries. None where there are not two."""
    known = np.array([value is not None for value in values])
    words = np.array([value or "" for value in values])[known]
    found, place, counts = np.unique(words, return_inverse=True, return_counts=True)
    is_rare = counts < LEAST
    # Rare values are judged together or not at all.
    names = [*found[~is_rare]]
    number = np.cumsum(~is_rare) - 1
    rare_number = len(names) if counts[is_rare].sum() >= LEAST else -1
    if rare_number >= 0:
        names.append("")
    column = np.where(is_rare[place], rare_number, number[place])
    kept = column >= 0
    known[np.flatnonzero(known)[~kept]] = False
    column, mine = column[kept], shares[known]
    if len(names) < 2:
        return None
    flags = np.zeros((len(column), len(names)))
    flags[np.arange(len(column)), column] = 1
    sizes = flags.sum(axis=0)

    def best(sums: Floats) -> tuple[Floats, Any]:
        """Evidence of the best cut of values in the order of their shares, and the order, cut."""
        order = np.argsort(-sums / sizes, axis=1, kind="stable")
        ordered = np.take_along_axis(sums, order, axis=1).cumsum(axis=1)[:, :-1]
        ordered_sizes = sizes[order].cumsum(axis=1)[:, :-1]
        found = evidence(ordered, ordered_sizes, sums.sum(axis=1)[:, None], float(len(column)))
        return found.max(axis=1), (order, found.argmax(axis=1))

    observed, (order, cut) = best((mine @ flags)[None, :])
    chance, _ = best(_shuffled(mine) @ flags)
    high = {int(each) for each in order[0][: cut[0] + 1]}
    is_high = np.isin(column, [*high])
    return _split(observed[0], chance, names, flags, mine, high, known, is_high)


def of_numbers(
    numbers: Sequence[float | None], shares: Floats, edges: Sequence[float]
) -> tuple[Split, float | None, float | None] | None:
    """Cuts a range out of numbers; its ends, None for an open one. edges: where cuts may be."""
    known = np.array([number is not None for number in numbers])
    mine = shares[known]
    taken = np.array([number for number in numbers if number is not None], dtype=float)
    bounds = [edge for edge in edges if (taken < edge).sum() >= LEAST]
    kept: list[float] = []
    for edge in bounds:
        start = kept[-1] if kept else -np.inf
        inside = ((taken >= start) & (taken < edge)).sum()
        if inside >= LEAST and (taken >= edge).sum() >= LEAST:
            kept.append(edge)
    if not kept:
        return None
    column = np.searchsorted(kept, taken, side="right")
    flags = np.zeros((len(column), len(kept) + 1))
    flags[np.arange(len(column)), column] = 1
    sizes = flags.sum(axis=0)
    bands = len(sizes)
    ranges = [
        (first, last)
        for first in range(bands)
        for last in range(first, bands)
        if last - first + 1 < bands
    ]
    member = np.array([[first <= b <= last for b in range(bands)] for first, last in ranges])
    member_sizes = member.astype(float) @ sizes

    def best(sums: Floats) -> tuple[Floats, Any]:
        inside = sums @ member.T.astype(float)
        total = sums.sum(axis=1)[:, None]
        found = evidence(inside, member_sizes[None, :], total, float(len(column)))
        better = inside / member_sizes > (total - inside) / (len(column) - member_sizes)
        found = np.where(better, found, 0.0)
        return found.max(axis=1), found.argmax(axis=1)

    observed, chosen = best((mine @ flags)[None, :])
    chance, _ = best(_shuffled(mine) @ flags)
    first, last = ranges[int(chosen[0])]
    ends = [-np.inf, *kept, np.inf]
    names = [_band(ends[b], ends[b + 1]) for b in range(bands)]
    high = set(range(first, last + 1))
    is_high = (column >= first) & (column <= last)
    split = _split(observed[0], chance, names, flags, mine, high, known, is_high)
    return (
        split,
        None if first == 0 else kept[first - 1],
        None if last == bands - 1 else kept[last],
    )


def of_words(lists: Sequence[Sequence[str] | None], shares: Floats) -> Split | None:
    """Looks for words of lists, such as technologies, that go with higher shares."""
    known = np.array([words is not None for words in lists])
    mine = shares[known]
    having = [set(words) for words in lists if words is not None]
    counts: dict[str, int] = {}
    for words in having:
        for word in words:
            counts[word] = counts.get(word, 0) + 1
    names = sorted(w for w, count in counts.items() if LEAST <= count <= len(having) - LEAST)
    if not names:
        return None
    flags = np.array([[word in words for word in names] for words in having], dtype=float)
    sizes = flags.sum(axis=0)

    def each(sums: Floats, total: Floats) -> Floats:
        found = evidence(sums, sizes[None, :], total[:, None], float(len(mine)))
        better = sums / sizes > (total[:, None] - sums) / (len(mine) - sizes)
        return np.where(better, found, 0.0)

    observed = each((mine @ flags)[None, :], np.array([mine.sum()]))[0]
    shuffled = _shuffled(mine)
    chance = each(shuffled @ flags, shuffled.sum(axis=1)).max(axis=1)
    limit = np.quantile(chance, 1 - RATE)
    high = {number for number in range(len(names)) if observed[number] > limit}
    high = high or {int(observed.argmax())}
    is_high: Bools = np.asarray(flags[:, [*high]].sum(axis=1) > 0)
    if not 0 < is_high.sum() < len(mine):
        return None
    return _split(observed.max(), chance, names, flags, mine, high, known, is_high)


def adds(is_high: Bools, shares: Floats, strata: npt.NDArray[np.int64]) -> float:
    """p-value of a cut among accounts that earlier cuts do not tell apart."""
    rest = shares.astype(float).copy()
    for stratum in np.unique(strata):
        rest[strata == stratum] -= rest[strata == stratum].mean()
    observed = float(rest[is_high].sum())
    chance = np.random.default_rng(SEED)
    beaten = 0
    for _ in range(SHUFFLES):
        shuffled = rest.copy()
        for stratum in np.unique(strata):
            here = np.flatnonzero(strata == stratum)
            shuffled[here] = rest[chance.permutation(here)]
        beaten += float(shuffled[is_high].sum()) >= observed - 1e-9
    return (beaten + 1) / (SHUFFLES + 1)


def discoveries(p_values: Mapping[str, float]) -> set[str]:
    """Those that Benjamini and Hochberg's procedure lets stand, at RATE."""
    ordered = sorted(p_values.items(), key=lambda item: item[1])
    last = 0
    for rank, (_, p) in enumerate(ordered, start=1):
        if p <= RATE * rank / len(ordered):
            last = rank
    return {name for name, _ in ordered[:last]}


def evidence(inside: Floats, sizes: Floats, total: Floats, accounts: float) -> Floats:
    """Twice the logarithm of the likelihood ratio of two shares against one."""
    outside, rest = total - inside, accounts - sizes

    def fit(sums: Floats, of: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.clip(np.where(of > 0, sums / of, 0.0), 0.0, 1.0)
        found: Floats = xlogy(sums, share) + xlogy(of - sums, 1 - share)
        return found

    whole = fit(total, np.full_like(total, accounts))
    found: Floats = 2 * (fit(inside, sizes) + fit(outside, rest) - whole)
    return found


def _shuffled(shares: Floats) -> Floats:
    chance = np.random.default_rng(SEED)
    return chance.permuted(np.tile(shares, (SHUFFLES, 1)), axis=1)


def _split(
    observed: float,
    chance: Floats,
    names: Sequence[str],
    flags: Floats,
    shares: Floats,
    high: set[int],
    known: Bools,
    is_high: Bools,
) -> Split:
    beaten = int((chance >= observed - 1e-9).sum())
    return Split(
        p=(beaten + 1) / (SHUFFLES + 1),
        evidence=float(observed),
        names=tuple(str(name) for name in names),
        groups=tuple(group(shares[flags[:, number] > 0]) for number in range(len(names))),
        high_names=tuple(str(name) for number, name in enumerate(names) if number in high),
        low_names=tuple(str(name) for number, name in enumerate(names) if number not in high),
        high=group(shares[is_high]),
        low=group(shares[~is_high]),
        known=known,
        is_high=is_high,
    )


def _band(low: float, high: float) -> str:
    if low == -np.inf:
        return f"under {high:,.0f}"
    return f"{low:,.0f} and more" if high == np.inf else f"{low:,.0f} to {high:,.0f}"
