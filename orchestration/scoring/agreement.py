"""Agreement of coders who rated the same: Krippendorff's alpha for ordinal ratings.

Source: K. Krippendorff, "Computing Krippendorff's alpha-reliability" (University of Pennsylvania,
2011): any number of coders, ratings may be missing. Alpha is 1 - observed / expected disagreement:
1 where coders always agree, 0 where they agree as often as by chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from orchestration.scoring.readiness import ALL, DIMENSIONS

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
# values and how often each occurs -> squared distances, (values, values)
Distances = Callable[[FloatArray, FloatArray], FloatArray]

AGREEMENT_SCHEMA = pa.schema(
    [
        ("dimension", pa.string()),
        ("alpha", pa.float64()),
        ("units", pa.int32()),
        ("ratings", pa.int32()),
        ("coders", pa.int32()),
    ]
)


@dataclass(frozen=True)
class Agreement:
    """alpha: at most 1, None where no two ratings differ or can be compared. units: rated by two
    coders or more; ratings and coders: in those."""

    alpha: float | None
    units: int
    ratings: int
    coders: int


def ordinal(values: FloatArray, counts: FloatArray) -> FloatArray:
    """(Ratings from one value to the other, each end counted half) squared."""
    up_to = np.cumsum(counts) - counts / 2
    return (up_to[:, np.newaxis] - up_to) ** 2


def alpha(
    unit: Codes, coder: Codes, rating: FloatArray, distances: Distances = ordinal
) -> Agreement:
    """Agreement over units, from one rating per unit and coder (arrays of one length)."""
    _, unit, sizes = np.unique(unit, return_inverse=True, return_counts=True)
    paired = sizes[unit] > 1
    unit, coder, rating = unit[paired], coder[paired], rating[paired]
    units, coders = len(np.unique(unit)), len(np.unique(coder))
    values, value = np.unique(rating, return_inverse=True)
    found = None
    if len(values) > 1:
        cells = np.zeros((len(sizes), len(values)))
        np.add.at(cells, (unit, value), 1.0)
        cells, m = cells[sizes > 1], sizes[sizes > 1][:, np.newaxis]
        # Pairs of ratings within units, each unit counted as often as it has ratings.
        together = cells.T @ (cells / (m - 1)) - np.diag((cells / (m - 1)).sum(axis=0))
        counts = cells.sum(axis=0)
        apart = distances(values, counts)
        expected = (np.outer(counts, counts) * apart).sum() / (counts.sum() - 1)
        found = float(np.round(1 - (together * apart).sum() / expected, 6))
    return Agreement(found, units, len(rating), coders)


def coder_agreement(table: pa.Table) -> pa.Table:
    """Agreement by dimension and over all: AGREEMENT_SCHEMA, one row each.

    table: interview_id, dimension, coder, rating; rows without interview or coder do not count. A
    unit is a dimension of an interview; what one coder wrote twice of it counts once, by its mean.
    """
    ratings: dict[tuple[str, str, str], list[float]] = {}
    for row in table.select(["interview_id", "dimension", "coder", "rating"]).to_pylist():
        if row["interview_id"] is not None and row["coder"] is not None:
            key = (row["dimension"], row["interview_id"], row["coder"])
            ratings.setdefault(key, []).append(row["rating"])
    keys = sorted(ratings)
    unit_of = {unit: place for place, unit in enumerate(sorted({key[:2] for key in keys}))}
    coder_of = {coder: place for place, coder in enumerate(sorted({key[2] for key in keys}))}
    dimension = np.array([key[0] for key in keys], dtype=str)
    unit = np.array([unit_of[key[:2]] for key in keys], dtype=np.int64)
    coder = np.array([coder_of[key[2]] for key in keys], dtype=np.int64)
    rating = np.array([round(sum(ratings[key]) / len(ratings[key]), 2) for key in keys])
    rows = []
    for name in (*DIMENSIONS, ALL):
        of = (dimension == name) | (name == ALL)
        rows.append({"dimension": name, **vars(alpha(unit[of], coder[of], rating[of]))})
    return pa.Table.from_pylist(rows, schema=AGREEMENT_SCHEMA)
