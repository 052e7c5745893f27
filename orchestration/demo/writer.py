"""What every CRM does with facts: keep those it holds, and write them in tables of its own.

What belongs here: the way from a batch of facts to the tables of a CRM. What does not: the words of
any CRM (`salesforce`, `hubspot`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pyarrow as pa

from .batches import Batch
from .company import Bools, World
from .homes import SOURCES, Homes
from .records import Records
from .text import Ints

Columns = dict[str, pa.Array]
# Name of a table, its columns, and which of the rows belong in it.
Rows = Iterator[tuple[str, Columns, Bools]]


class Crm(ABC):
    """One CRM; `tables` says what it makes of each kind of fact."""

    def __init__(self, crm: int, world: World, records: Records, homes: Homes) -> None:
        self.crm, self.source = crm, SOURCES[crm]
        self.world, self.records, self.homes, self.plan = world, records, homes, world.plan

    @abstractmethod
    def tables(self) -> Mapping[str, Callable[[pa.Table], Rows]]:
        """By kind of fact. Kinds that are not in it are left out."""

    @abstractmethod
    def settings(self) -> Iterator[Batch]:
        """Tables that hold what an administrator has set up."""

    def write(self, fact: Batch) -> Iterator[Batch]:
        """The rows that this CRM lands of a batch of facts."""
        kind = fact.feed.removeprefix("crm/")
        rows_of = self.tables().get(kind)
        if rows_of is None:
            return
        held = self._holds(fact.table, kind)
        table = fact.table if held.all() else fact.table.filter(pa.array(held))
        day = fact.day[held]
        for name, columns, keeps in rows_of(table):
            rows = pa.table(columns)
            if not keeps.all():
                rows = rows.filter(pa.array(keeps))
            yield self.batch(name, rows, day[keeps])

    def batch(self, name: str, rows: pa.Table, day: Ints) -> Batch:
        """Rows of a table, delivered on days."""
        return Batch(f"{self.source}/{name}", rows, day)

    def _holds(self, table: pa.Table, kind: str) -> Bools:
        everything = np.ones(table.num_rows, dtype=bool)
        if len(self.homes.crms) == 1 or kind == "campaign":
            return everything
        if "home" in table.column_names:
            mine: Bools = ints(table, "home") == self.crm
            return mine
        record = ints(table, "record")
        if kind == "account":
            stands: Bools = self.homes.stands[self.crm, record]
            return stands
        person = ints(table, "person")
        held = self.homes.holds_person(self.crm, np.maximum(person, 0), record)
        return np.where(person < 0, self.crm == self.homes.crms[0], held)


def ints(table: pa.Table, name: str) -> Ints:
    """A column of numbers."""
    values: Ints = table.column(name).to_numpy()
    return values


def bools(table: pa.Table, name: str) -> Bools:
    """A column of truths."""
    values: Bools = table.column(name).to_numpy()
    return values


def none_of(count: int) -> Bools:
    """A mask that holds nowhere."""
    return np.zeros(count, dtype=bool)


def all_of(count: int) -> Bools:
    """A mask that holds everywhere."""
    return np.ones(count, dtype=bool)


def firsts(numbers: Ints) -> Bools:
    """The first of each run of equal numbers."""
    return np.append(True, numbers[1:] != numbers[:-1])[: len(numbers)]
