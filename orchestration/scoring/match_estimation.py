"""Estimates the parameters of match review from labelled pairs of names.

What belongs here: the weights of a name's features, and m and u of a name's levels. What does not:
the levels of country and website, which need labelled accounts with both and are set by hand.

Weights: logistic regression with a ridge towards the starting weights (the seed's `start_bits`, set
by reason), by Newton's method; so a feature that the labelled pairs never show keeps its start. The
constant takes in the share of matches in the labelled pairs, and so bits 0 is even odds there.

Levels: m is the share of matches at a level. u is the number of labelled strangers there over the
number of pairs possible among the companies they were chosen from: the strangers are meant to be
those that look most alike, so that all others are at the last level. Neighbouring levels whose m/u
falls where the bits rise are pooled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from orchestration.scoring.matching import (
    DUPLICATE,
    NAME,
    PARENT,
    Level,
    MatchRules,
    is_of_initials,
    name_level,
    parent_pattern,
)
from orchestration.scoring.name_pairs import (
    FEATURES,
    NameEvidence,
    Rarity,
    compare_names,
    count_features,
)
from orchestration.scoring.names import Name, read_name

RIDGE = 2.0
"""As if this many pairs spoke for the starting weight of each feature (times its square)."""
ABROAD_BITS = -10.0
"""Taken off where the names say other countries: that is told by the country, another field."""
ROUNDS = 3
PSEUDO_PAIRS = 0.5
"""Added to each level's counts, so that no share is 0."""


@dataclass(frozen=True)
class LabelledPair:
    """Two names with what they are. is_match: names of one company; is_related: of one group.

    weight: how much the pair counts for the weights, > 0. Pairs with a weight other than 1 are made
    up or chosen for what they teach, so they do not count for the levels.
    """

    left: str
    right: str
    is_match: bool
    is_related: bool = False
    weight: float = 1.0


@dataclass(frozen=True)
class _Read:
    pair: LabelledPair
    left: Name
    right: Name

    @property
    def is_abroad(self) -> bool:
        countries = (self.left.country, self.right.country)
        return None not in countries and countries[0] != countries[1]


def estimate(
    pairs: Sequence[LabelledPair],
    rules: MatchRules,
    start: Mapping[str, float],
    companies: int,
) -> tuple[dict[str, float], tuple[Level, ...]]:
    """Weights in bits by feature, and the levels with those of names estimated anew.

    companies: how many names the strangers were chosen from. Raises ValueError without matches or
    strangers.
    """
    if not any(pair.is_match for pair in pairs) or all(pair.is_match for pair in pairs):
        raise ValueError("Labelled pairs must hold both matches and strangers.")
    read = [
        _Read(pair, read_name(pair.left, rules.names), read_name(pair.right, rules.names))
        for pair in pairs
    ]
    rarity = Rarity(rules.names)
    weights = {feature: start[feature] for feature in FEATURES}
    # Which of several names of a side is compared depends on the weights, so fit and compare again.
    for _ in range(ROUNDS):
        evidence = [compare_names(item.left, item.right, rarity, weights) for item in read]
        weights = _fit(read, evidence, start)
    evidence = [compare_names(item.left, item.right, rarity, weights) for item in read]
    possible = companies * (companies - 1) / 2
    kept = tuple(level for level in rules.levels if level.comparison != NAME)
    names = [
        *_duplicate_levels(read, evidence, rules.of(DUPLICATE, NAME), possible),
        *_parent_levels(read, evidence, rules.of(PARENT, NAME), possible),
    ]
    return weights, (*names, *kept)


def _fit(
    read: Sequence[_Read], evidence: Sequence[NameEvidence], start: Mapping[str, float]
) -> dict[str, float]:
    features = np.zeros((len(read), len(FEATURES)))
    for row, found in enumerate(evidence):
        counted = count_features(found.left, found.right, found.alignment)
        features[row] = [counted.get(name, 0.0) for name in FEATURES]
    labels = np.array([item.pair.is_match for item in read], dtype=float)
    counts = np.array([item.pair.weight for item in read])
    offset = np.array([ABROAD_BITS * item.is_abroad for item in read]) * math.log(2)
    centre = np.array([start[name] for name in FEATURES]) * math.log(2)
    ridge = np.full(len(FEATURES), RIDGE)
    ridge[FEATURES.index("constant")] = 0.01

    def likelihood(weights: np.ndarray) -> float:
        odds = features @ weights + offset
        fitted = labels * odds - np.logaddexp(0, odds)
        return float((counts * fitted).sum() - (ridge * (weights - centre) ** 2).sum() / 2)

    weights = centre.copy()
    for _ in range(60):
        share = 1 / (1 + np.exp(-np.clip(features @ weights + offset, -30, 30)))
        slope = features.T @ (counts * (labels - share)) - ridge * (weights - centre)
        curve = (features * (counts * share * (1 - share))[:, None]).T @ features + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        # Newton's step can be too long far from the top; half of it then, and so on.
        before = likelihood(weights)
        while likelihood(weights + step) < before and np.abs(step).max() > 1e-9:
            step = step / 2
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            break
    return {
        name: round(float(value), 4)
        for name, value in zip(FEATURES, weights / math.log(2), strict=True)
    }


def _duplicate_levels(
    read: Sequence[_Read],
    evidence: Sequence[NameEvidence],
    levels: Sequence[Level],
    possible: float,
) -> list[Level]:
    matches, strangers = np.zeros(len(levels)), np.zeros(len(levels))
    for item, found in zip(read, evidence, strict=True):
        if item.pair.weight != 1:
            continue
        if item.pair.is_match:
            matches[name_level(found, levels, is_chosen=True)] += 1
        elif not item.is_abroad:
            strangers[name_level(found, levels, is_chosen=True)] += 1
    # The levels of initials are for all pairs of accounts, which no list of pairs stands for.
    by_bits = [index for index, level in enumerate(levels) if not is_of_initials(level)]
    shares = _with_shares(
        [levels[index] for index in by_bits],
        matches[by_bits],
        strangers[by_bits],
        possible,
        is_ordered=True,
    )
    return [*(level for level in levels if is_of_initials(level)), *shares]


def _parent_levels(
    read: Sequence[_Read],
    evidence: Sequence[NameEvidence],
    levels: Sequence[Level],
    possible: float,
) -> list[Level]:
    names = [level.level for level in levels]
    related, strangers = np.zeros(len(levels)), np.zeros(len(levels))
    for item, found in zip(read, evidence, strict=True):
        if item.pair.weight != 1:
            continue
        place = names.index(parent_pattern(found, is_abroad=item.is_abroad))
        if item.pair.is_related:
            related[place] += 1
        elif not item.pair.is_match:
            strangers[place] += 1
    return _with_shares(levels, related, strangers, possible, is_ordered=False)


def _with_shares(
    levels: Sequence[Level],
    together: np.ndarray,
    strangers: np.ndarray,
    possible: float,
    *,
    is_ordered: bool,
) -> list[Level]:
    m = (together + PSEUDO_PAIRS) / (together + PSEUDO_PAIRS).sum()
    u = (strangers + PSEUDO_PAIRS) / possible
    u[-1] = 1 - u[:-1].sum()
    if is_ordered:
        m, u = _pooled(m, u)
    return [
        replace(level, m_share=_digits(float(m[index])), u_share=_digits(float(u[index])))
        for index, level in enumerate(levels)
    ]


def _pooled(m: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pools neighbours until m/u falls from the first level to the last (pool adjacent violators).

    Each level keeps the m/u of its pool, and its own share of the pool's m.
    """
    pools: list[list[int]] = []
    for index in range(len(m)):
        pools.append([index])
        while len(pools) > 1 and _ratio(m, u, pools[-1]) > _ratio(m, u, pools[-2]):
            pools[-2:] = [pools[-2] + pools[-1]]
    pooled = u.copy()
    for pool in pools:
        pooled[pool] = m[pool] / _ratio(m, u, pool)
    return m, pooled


def _ratio(m: np.ndarray, u: np.ndarray, pool: Sequence[int]) -> float:
    return float(m[list(pool)].sum() / u[list(pool)].sum())


def _digits(value: float) -> float:
    """Four significant digits: more would say what the labelled pairs do not."""
    return min(float(f"{value:.4g}"), 0.999999)
