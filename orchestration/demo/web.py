"""What happens on the website: visits, forms, who is recognised, whose address it is.

What belongs here: Segment's page views and identities, and the resolver's answers. What does not:
mails that led there (`marketo`), and rules about what a page is worth.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from . import text
from .acting import NOT_YET, STEPS, Acting
from .addresses import emails
from .batches import SECONDS, Batch
from .company import MONTH, PERSONAS
from .text import Ints

# Kinds of session: the four motions, then others. Each row: how often each path is read.
CUSTOMER, PASSER, BACKGROUND, BOT, FORM = range(4, 9)
PATHS = (
    "/",
    "/product/platform",
    "/product/integrations",
    "/product/governance",
    "/pricing",
    "/demo-request",
    "/contact",
    "/blog/what-is-a-lakehouse",
    "/blog/data-quality-checklist",
    "/blog/forecasting-with-confidence",
    "/customers",
    "/docs/getting-started",
    "/docs/api",
    "/careers",
    "/careers/data-engineer",
    "/login",
    "/demo-request/thanks",
)
_PATH_WEIGHTS = np.array(
    [
        # / plat int gov pri dem con b1 b2 b3 cus d1 d2 ca cd log thx
        [30, 6, 3, 2, 2, 0, 1, 18, 12, 10, 4, 4, 2, 4, 2, 1, 0],
        [18, 16, 8, 6, 5, 1, 1, 14, 12, 8, 8, 3, 2, 0, 0, 0, 0],
        [12, 16, 12, 8, 14, 3, 2, 5, 5, 4, 11, 6, 4, 0, 0, 0, 0],
        [10, 12, 12, 10, 15, 1, 2, 3, 3, 3, 9, 12, 10, 0, 0, 1, 0],
        [8, 2, 3, 1, 1, 0, 0, 2, 2, 1, 0, 20, 20, 0, 0, 40, 0],
        [30, 5, 2, 1, 1, 0, 2, 10, 6, 6, 2, 2, 1, 20, 12, 0, 0],
        [25, 4, 2, 1, 3, 0, 1, 20, 15, 14, 2, 5, 3, 3, 2, 0, 0],
        [10, 10, 10, 10, 10, 4, 6, 10, 10, 10, 10, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ],
    dtype=np.float64,
)
_PATH_STEPS = np.cumsum(_PATH_WEIGHTS / _PATH_WEIGHTS.sum(axis=1, keepdims=True), axis=1)
_MORE_PAGES = np.array([0.8, 1.4, 1.8, 1.8, 1.5, 0.9, 1.3, 9.0, 1.0])  # beyond the first


@dataclass
class Sessions:
    """Visits of a month, as parallel arrays; -1 for no person or no company."""

    person: list[Ints] = field(default_factory=list)
    device: list[Ints] = field(default_factory=list)
    ip: list[Ints] = field(default_factory=list)
    second: list[Ints] = field(default_factory=list)
    kind: list[Ints] = field(default_factory=list)

    def add(self, person: Ints, device: Ints, ip: Ints, second: Ints, kind: Ints) -> None:
        self.person.append(person)
        self.device.append(device)
        self.ip.append(ip)
        self.second.append(second)
        self.kind.append(kind)

    def columns(self) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """Person, device, ip, second and kind of all visits, in the order of their adding."""
        parts = (self.person, self.device, self.ip, self.second, self.kind)
        person, device, ip, second, kind = (np.concatenate(part) for part in parts)
        return person, device, ip, second, kind


class Web:
    """The website and its watchers, month by month."""

    def __init__(self, acting: Acting) -> None:
        self.acting, self.world = acting, acting.world
        self.identified = np.full(2 * self.world.people.n, NOT_YET)  # when a browser is named

    def month(self, month: int, other_rows: int) -> list[Batch]:
        world, plan = self.world, self.world.plan
        r = plan.random("visits", month)
        sessions = Sessions()
        self._own_sessions(month, r, sessions)
        self._form_sessions(month, r, sessions)
        self._passer_sessions(month, r, sessions)
        person, device, ip, second, kind = sessions.columns()
        pages = np.where(kind == FORM, 2, 1 + r.poisson(_MORE_PAGES[kind]))
        identifies = self._identify(r, person, device, second, kind)

        asked = plan.activities / plan.months
        rest = max(0.02 * asked, asked - other_rows - int(pages.sum()))
        r = plan.random("background", month)  # how much there is of it moves nothing else
        self._background_sessions(month, r, sessions, int(rest))
        person, device, ip, second, kind = sessions.columns()
        pages = np.concatenate([pages, 1 + r.poisson(_MORE_PAGES[kind[len(pages) :]])])

        # From sessions to pages.
        of = np.repeat(np.arange(len(pages)), pages)
        nth = np.arange(len(of)) - np.repeat(np.cumsum(pages) - pages, pages)
        path = np.zeros(len(of), dtype=np.int64)
        draw = plan.random("paths", month).random(len(of))
        for each in range(len(_PATH_STEPS)):
            rows = np.flatnonzero(kind[of] == each)
            path[rows] = np.searchsorted(_PATH_STEPS[each], draw[rows])
        path = np.where((kind[of] == FORM) & (nth == 1), PATHS.index("/demo-request/thanks"), path)
        gap = np.where(kind[of] == BOT, 3, 25 + r.integers(0, 90, len(of)))
        at = np.minimum(second[of] + nth * gap, (month + 1) * MONTH * SECONDS - 1)
        chance = plan.random("late pages", month).random((2, len(of)))
        late = chance[0] < world.noise.received_late_share
        received = at + np.where(late, (3600 + chance[1] * 39 * 3600).astype(np.int64), 1)
        received = np.minimum(received, plan.days * SECONDS - 1)
        order = np.argsort(received, kind="stable")
        of, path, at, received = of[order], path[order], at[order], received[order]

        browser, who = device[of], person[of]
        named = (who >= 0) & (self.identified[np.where(who >= 0, browser, 0)] <= second[of])
        number = self.acting.number("page", len(of))
        table = pa.table(
            {
                "id": text.uuids(number, plan.seed + 1),
                "anonymous_id": text.uuids(browser, plan.seed + 2),
                "user_id": text.blank(text.codes("usr_", np.maximum(who, 0), 8), ~named),
                "context_ip": text.ip_addresses(ip[of]),
                "context_page_path": text.pick(PATHS, path),
                "received_at": plan.stamps(received),
                "timestamp": plan.stamps(at),
            }
        )
        batches = [Batch("segment/pages", table, received // SECONDS), identifies]
        return [*batches, self._resolutions(ip, second)]

    def _address(self, r: np.random.Generator, person: Ints, company: Ints) -> Ints:
        """The office's address, or the person's own."""
        accounts = self.world.accounts
        at_office = (r.random(len(person)) < self.world.noise.office_ip_share) | (person < 0)
        desk = np.where(accounts.is_large[company], r.integers(0, 2, len(person)), 0)
        return np.where(at_office, _office(company, desk), _home(np.maximum(person, 0)))

    def _own_sessions(self, month: int, r: np.random.Generator, sessions: Sessions) -> None:
        """Visits of real people: in a motion, idle or for themselves, as customers' users."""
        world, people, accounts = self.world, self.world.people, self.world.accounts
        noise = world.noise
        moved = (
            np.array(world.rates.sessions)[self.acting.by_person]
            * self.acting.involved
            * people.keenness
        )
        resting = people.idle * self.acting.there
        busy = r.random(people.n) < noise.busy_visitor_share
        resting = resting + noise.busy_sessions * busy * self.acting.there
        user = (people.persona == PERSONAS.index("user")) | (people.persona == 2)
        day = month * MONTH
        buys = (accounts.customer_since <= day) & (accounts.customer_until > day)
        served = noise.customer_sessions * (user & buys[people.account]) * self.acting.there
        moved = self.acting.lift(moved, people.account)
        resting = self.acting.lift(resting, people.account)
        for rate, is_customer in ((moved, False), (resting, False), (served, True)):
            person, step, second = self.acting.occur(r, rate)
            company = people.account[person]
            device = 2 * person + (r.random(len(person)) < 0.2)
            motion = self.acting.by_company[step, company]
            kind = motion if rate is moved else np.zeros(len(person), dtype=np.int64)
            kind = np.full(len(person), CUSTOMER) if is_customer else kind
            sessions.add(person, device, self._address(r, person, company), second, kind)

    def _form_sessions(self, month: int, r: np.random.Generator, sessions: Sessions) -> None:
        """Demo requests: two pages, and the visitor gives a name."""
        people = self.world.people
        rate = np.array(self.world.rates.forms)[self.acting.by_person] * self.acting.involved
        rate = (rate + self.world.noise.idle_forms) * self.acting.there
        rate = self.acting.lift(rate, people.account)
        person, _, second = self.acting.occur(r, rate)
        company = people.account[person]
        kind = np.full(len(person), FORM)
        sessions.add(person, 2 * person, self._address(r, person, company), second, kind)
        self.acting.meet(person, second // SECONDS)
        self.acting.contacted(person, second)

    def _passer_sessions(self, month: int, r: np.random.Generator, sessions: Sessions) -> None:
        """Other employees, applicants and students at a company: a new browser each time."""
        accounts = self.world.accounts
        size = 0.4 + np.log10(accounts.employees + 10) / 3
        rate = self.acting.lift(np.tile(self.world.noise.passer_sessions * size, (STEPS, 1)))
        company, _, second = self.acting.occur(r, rate)
        nobody = np.full(len(company), -1)
        device = -self.acting.number("visitor", len(company))
        kind = np.full(len(company), PASSER)
        sessions.add(nobody, device, self._address(r, nobody, company), second, kind)

    def _background_sessions(
        self, month: int, r: np.random.Generator, sessions: Sessions, rows: int
    ) -> None:
        """Everyone else: private visitors, universities, strangers' offices, bots."""
        share = np.array([0.76, 0.08, 0.08, 0.08])  # of sessions
        mean = share @ np.array([2.3, 2.3, 2.3, 10.0])
        count = int(rows / mean)
        source = np.searchsorted(np.cumsum(share)[:3], r.random(count))
        whom = np.select(
            [source == 0, source == 1, source == 2],
            [r.integers(0, 2**22, count), r.integers(0, 400, count), r.integers(0, 2000, count)],
            r.integers(0, 60, count),
        )
        second = month * MONTH * SECONDS + r.integers(0, MONTH * SECONDS, count)
        ip = _foreign(source, whom)
        device = -self.acting.number("visitor", count)
        kind = np.where(source == 3, BOT, BACKGROUND)
        sessions.add(np.full(count, -1), device, ip, second, kind)

    def _identify(
        self, r: np.random.Generator, person: Ints, device: Ints, second: Ints, kind: Ints
    ) -> Batch:
        """Browsers that are tied to a person: at forms, logins and clicks in mails."""
        world, plan, people = self.world, self.world.plan, self.world.people
        own = np.maximum(person, 0)
        may = (person >= 0) & people.cookie[own] & (people.known_day[own] <= second // SECONDS)
        click = may & (r.random(len(person)) < np.where(kind == CUSTOMER, 0.9, 0.3))
        rows = np.flatnonzero(click | (kind == FORM))
        rows = rows[np.argsort(second[rows], kind="stable")]
        first = np.zeros(len(rows), dtype=bool)
        first[np.unique(device[rows], return_index=True)[1]] = True
        new = first & (self.identified[device[rows]] == NOT_YET)
        rows = rows[new | (kind[rows] == FORM)]
        np.minimum.at(self.identified, device[rows], second[rows])
        who, at = person[rows], second[rows]
        # A named visit is an act of a person we know.
        seen = np.flatnonzero(person >= 0)
        seen = seen[self.identified[device[seen]] <= second[seen]]
        self.acting.contacted(person[seen], second[seen])
        table = pa.table(
            {
                "id": text.uuids(device[rows] * 65_537 + at, plan.seed + 3),
                "anonymous_id": text.uuids(device[rows], plan.seed + 2),
                "user_id": text.codes("usr_", who, 8),
                "email": emails(world, who),
                "received_at": plan.stamps(at),
            }
        )
        return Batch("segment/identifies", table, at // SECONDS)

    def _resolutions(self, ip: Ints, second: Ints) -> Batch:
        """What the resolver returns for the month's addresses, once an address and month."""
        world, plan, accounts = self.world, self.world.plan, self.world.accounts
        order = np.argsort(second, kind="stable")
        unique, first = np.unique(ip[order], return_index=True)
        at = second[order][first]
        kind, whom = _whose(unique, accounts.n)
        known = np.isin(kind, [_UNIVERSITY, _STRANGER, _HOSTED])
        office = kind == _OFFICE
        known |= office & accounts.sees_web[np.where(office, whom, 0)]
        unique, at, kind, whom = unique[known], at[known], kind[known], whom[known]
        office = kind == _OFFICE
        lot = (text.mix(unique, 77) >> np.uint64(24)).astype(np.int64)
        wrong = office & (lot % 1000 < round(1000 * world.noise.wrong_resolution_share))
        whom = np.where(wrong, lot % accounts.n, whom)
        labels = [f"uni-{k:03d}.edu" for k in range(400)]
        hosts = ["amazonaws.com", "googleusercontent.com", "hetzner.com", "ovh.net"]
        domains = pa.concat_arrays(
            [accounts.domain, world.outsiders, pa.array(labels), pa.array(hosts)]
        )
        strangers = accounts.n + len(world.outsiders)
        place = np.select(
            [office, kind == _STRANGER, kind == _UNIVERSITY],
            [
                whom,
                accounts.n + whom % len(world.outsiders),
                strangers + whom % 400,
            ],
            strangers + 400 + whom % 4,
        )
        table = pa.table(
            {
                "ip": text.ip_addresses(unique),
                "domain": domains.take(pa.array(place)),
                "confidence": pa.array(np.round(0.55 + (lot % 45) / 100, 2)),
                "resolved_at": plan.stamps(at + 2),
            }
        )
        sort = np.argsort(at, kind="stable")
        return Batch("reveal/ip_companies", table.take(pa.array(sort)), at[sort] // SECONDS)


# Addresses: one block for each kind of place, and a stride inside it so that neighbours differ.
_OFFICE, _HOME, _UNIVERSITY, _STRANGER, _HOSTED, _PRIVATE = range(6)
_BLOCK = 2**25
_STARTS = np.array([20, 80, 129, 150, 52, 90], dtype=np.int64) << 24
_STRIDE, _BACK = 2_654_435_761, pow(2_654_435_761, -1, _BLOCK)


def _place(kind: int | Ints, number: Ints) -> Ints:
    place: Ints = _STARTS[kind] + (number * _STRIDE) % _BLOCK
    return place


def _office(company: Ints, desk: Ints) -> Ints:
    return _place(_OFFICE, company * 2 + desk)


def _home(person: Ints) -> Ints:
    return _place(_HOME, person)


def _foreign(source: Ints, whom: Ints) -> Ints:
    return _place(np.array([_PRIVATE, _UNIVERSITY, _STRANGER, _HOSTED])[source], whom)


def _whose(ip: Ints, companies: int) -> tuple[Ints, Ints]:
    """Kind of place and company or number behind addresses."""
    kind = np.full(len(ip), _PRIVATE)
    for each in range(6):
        kind[(ip >= _STARTS[each]) & (ip < _STARTS[each] + _BLOCK)] = each
    number = ((ip - _STARTS[kind]) * _BACK) % _BLOCK
    whom = np.where(kind == _OFFICE, np.minimum(number // 2, companies - 1), number)
    return kind, whom
