"""The state that acts share as months pass: who is involved, known and reached, and counters.

What belongs here: drawing acts in time, and what acts teach the systems (a form makes a lead).
What does not: any kind of act (`sales`, `campaigns`, `web`, `marketo`, `ads`, `intent`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .batches import SECONDS
from .company import MONTH, NEVER, PERSONAS, SEATS, Floats, World
from .homes import Homes
from .records import Records
from .systems import Systems
from .text import Ints

STEP = 5  # days for which rates are held constant
STEPS = MONTH // STEP
NOT_YET = np.int64(NEVER) * SECONDS

# Own rows a company leaves in a month on average: what is asked for beyond it is background
# traffic; where less is asked for, every rate is thinned alike.
ROWS_PER_ACCOUNT_MONTH = 23.0


class Acting:
    """The acting world. `begin` is called for each month in order, `end` after its acts."""

    def __init__(
        self, world: World, records: Records, homes: Homes, systems: Systems, deals: pa.Table
    ) -> None:
        """`deals` needs number, account, created and closed (days), ordered by created."""
        self.world, self.records, self.homes, self.systems = world, records, homes, systems
        self.deals = {c: deals[c].to_numpy() for c in ("number", "account", "created", "closed")}
        plan, accounts, people = world.plan, world.accounts, world.people
        expected = ROWS_PER_ACCOUNT_MONTH * accounts.n * plan.months
        self.intensity = min(1.0, plan.activities / expected)
        self.lifted = world.lifted
        self.last_contact = np.full(people.n, -NEVER)
        self.last_touch = np.full(people.n, -NEVER)
        self.reach: list[npt.NDArray[np.float32]] = []  # one row per step: share by company
        self.numbers: dict[str, int] = {}
        # People of each company stand side by side.
        self.first_person = np.searchsorted(people.account, np.arange(accounts.n + 1))
        self.seats = SEATS[accounts.is_large.astype(int)]
        self.contacts: list[tuple[Ints, Ints]] = []  # this month's (person, day) contacts

    # -- the month -------------------------------------------------------------------------

    def begin(self, month: int) -> None:
        """Work out who is where in a month; arrays are (STEPS, companies) or (STEPS, people)."""
        world, people = self.world, self.world.people
        self.month = month
        middle = world.motion[month * MONTH + 2 : (month + 1) * MONTH : STEP]
        self.by_company = middle.astype(np.int64)
        self.by_person = self.by_company[:, people.account]
        step_day = month * MONTH + STEP * np.arange(STEPS)[:, None]
        self.there = people.left_day[None, :] > step_day
        share = np.array(world.rates.involved_share)[self.by_person]
        self.involved = self.there & (people.threshold[None, :] < share)
        self.known = people.known_day[None, :] <= step_day
        self.deal_number = np.full(world.accounts.n, -1)
        live = (self.deals["created"] < (month + 1) * MONTH) & (
            self.deals["closed"] >= month * MONTH
        )
        live &= self.deals["account"] >= 0
        self.deal_number[self.deals["account"][live]] = self.deals["number"][live]
        self.contacts = []

    def end(self) -> None:
        """Measure the share of needed seats reached in 90 days, at the end of each step."""
        people, accounts = self.world.people, self.world.accounts
        person = np.concatenate([c[0] for c in self.contacts])
        day = np.concatenate([c[1] for c in self.contacts])
        cells = len(PERSONAS)
        for step in range(STEPS):
            ends = self.month * MONTH + (step + 1) * STEP - 1
            now = (day > ends - STEP) & (day <= ends)
            np.maximum.at(self.last_contact, person[now], day[now])
            reached = (self.last_contact > ends - 90) & (people.left_day > ends)
            filled = np.bincount(
                (people.account * cells + people.persona)[reached], minlength=accounts.n * cells
            ).reshape(-1, cells)
            share = np.minimum(filled, self.seats).sum(axis=1) / self.seats.sum(axis=1)
            self.reach.append(share.astype(np.float32))

    # -- drawing ---------------------------------------------------------------------------

    def number(self, what: str, count: int) -> Ints:
        """The next `count` numbers of a kind of record, from 1."""
        start = self.numbers.get(what, 0)
        self.numbers[what] = start + count
        return np.arange(start + 1, start + count + 1)

    def lift(self, rate: Floats, company: Ints | None = None) -> Floats:
        """Rates of shape (STEPS, k) as the programme raises them from its first day on.

        `company`: that of each column; without it the columns are the companies. What the lift
        leaves as it is comes out as it went in, so a programme without effect changes no draw.
        """
        lifted = self.lifted if company is None else self.lifted[company]
        begun = self.month * MONTH + STEP * np.arange(STEPS) >= self.world.programme_start
        raised: Floats = rate * (
            1.0 + self.world.plan.programme_lift * (begun[:, None] & lifted[None, :])
        )
        return raised

    def occur(
        self, r: np.random.Generator, rate: npt.NDArray[np.floating]
    ) -> tuple[Ints, Ints, Ints]:
        """Poisson acts for rates per day, shape (STEPS, k): columns, steps and seconds.

        Four in five acts of a weekend move to the Friday before it or the Monday after.
        """
        count = r.poisson(rate * (STEP * self.intensity))
        cell = np.repeat(np.arange(count.size), count.ravel())
        step, column = np.divmod(cell, count.shape[1])
        inside = step * STEP + r.integers(0, STEP, len(cell))
        day = self.month * MONTH + inside
        weekday = self.world.plan.weekday(day)
        moves = (weekday >= 5) & (r.random(len(cell)) < 0.8)
        back = np.where(weekday == 5, -1, -2)
        shift = np.where(inside + back >= 0, back, 7 - weekday)
        inside = np.where(moves, np.clip(inside + shift, 0, MONTH - 1), inside)
        hour = (r.normal(13.2, 3.4, len(cell)) % 24 * 3600).astype(np.int64)
        return column, step, (self.month * MONTH + inside) * SECONDS + hour

    # -- what acts teach -------------------------------------------------------------------

    def contacted(self, person: Ints, second: Ints) -> None:
        """These people were reached by a delivered touch, or acted toward us by name."""
        self.contacts.append((person, second // SECONDS))

    def meet(self, person: Ints, day: Ints) -> None:
        """Unknown people who name themselves become leads on that day; some convert."""
        people, plan = self.world.people, self.world.plan
        new = people.known_day[person] > day
        who, order = np.unique(person[new], return_index=True)
        if not len(who):
            return
        when = day[new][order]
        r = plan.random("leads", int(when.sum()))
        people.known_day[who] = when
        people.lead_day[who] = when
        can = self.world.accounts.in_crm[people.account[who]] & (r.random(len(who)) < 0.5)
        can &= self.world.accounts.created_day[people.account[who]] < when
        later = when + r.integers(2, 30, len(who))
        people.converted_day[who] = np.where(can & (later < plan.days), later, NEVER)
