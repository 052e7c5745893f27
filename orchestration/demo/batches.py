"""Rows on their way out of a source: batches, and versions of records.

What belongs here: which version of a record a source would hand over, and on which day. What does
not: files and mishaps (`deliveries`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .company import Plan
from .text import Ints

SECONDS = 86_400


@dataclass
class Batch:
    """Rows of one feed (`source/table`) and, row by row, the day on which each is delivered.

    Rows of several `part`s of a feed come in files of their own.
    """

    feed: str
    table: pa.Table
    day: Ints
    part: str = "data"


class Versions:
    """Collects versions of mutable records, each with the second it was written.

    The history load holds the version that was current on its day (and those marked `keep`: some
    sources keep a few); every later version comes in the file of its day.
    """

    def __init__(self, plan: Plan, feed: str, stamp: str = "system_modstamp") -> None:
        """`stamp`: the source's column for the second a version was written."""
        self.plan, self.feed, self.stamp = plan, feed, stamp
        self.tables: list[pa.Table] = []
        self.record: list[Ints] = []
        self.second: list[Ints] = []
        self.keep: list[npt.NDArray[np.bool_]] = []

    def add(
        self,
        record: Ints,
        second: Ints,
        columns: Mapping[str, pa.Array],
        keep: npt.NDArray[np.bool_] | bool = False,
    ) -> None:
        """Versions of the numbered records, written and stamped at `second`."""
        stamped = {**columns, self.stamp: self.plan.stamps(second)}
        self.tables.append(pa.table(stamped))
        self.record.append(record)
        self.second.append(second)
        self.keep.append(np.broadcast_to(np.asarray(keep, dtype=bool), len(record)))

    def batch(self) -> Batch:
        """The versions the source hands over until the last day, by record and time."""
        record, second = np.concatenate(self.record), np.concatenate(self.second)
        load_end = (self.plan.load_day + 1) * SECONDS
        order = np.lexsort((second, record))
        loaded = order[second[order] < load_end]
        current = np.zeros(len(record), dtype=bool)
        current[
            loaded[np.append(record[loaded][1:] != record[loaded][:-1], True)[: len(loaded)]]
        ] = 1
        wanted = current | (second >= load_end) | np.concatenate(self.keep)
        wanted &= second < self.plan.days * SECONDS
        order = order[wanted[order]]
        table = pa.concat_tables(self.tables).take(pa.array(order))
        return Batch(self.feed, table, second[order] // SECONDS)
