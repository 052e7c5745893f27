"""What people do, month by month: visits, touches, replies, meetings, responses, intent.

What belongs here: acts drawn from the latent world, and what they teach the systems (a form makes
a lead, a click ties a browser to a person). What does not: rules about what an act is worth.

`Activity.month` is called in order for each month and returns batches: a table of rows and, row by
row, the day on which the source would deliver it. Memory is bounded by one month.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from . import text
from .batches import SECONDS, Batch, Versions
from .company import (
    BUYING,
    DEAL,
    FIRST_NAMES,
    INDUSTRIES,
    LAST_NAMES,
    MONTH,
    NEVER,
    PERSONAS,
    SEATS,
    Bools,
    Plan,
    World,
)
from .text import Ints

STEP = 5  # days for which rates are held constant
STEPS = MONTH // STEP
NOT_YET = np.int64(NEVER) * SECONDS

TOPICS = (
    ("Data Warehouse", "Data Management"),
    ("Data Lakehouse", "Data Management"),
    ("Data Integration", "Data Management"),
    ("Data Governance", "Data Management"),
    ("Data Quality", "Data Management"),
    ("Business Intelligence", "Analytics"),
    ("Self-Service Analytics", "Analytics"),
    ("Predictive Analytics", "Analytics"),
    ("Customer Analytics", "Analytics"),
    ("Machine Learning Platforms", "Artificial Intelligence"),
    ("Cloud Migration", "Infrastructure"),
    ("Master Data Management", "Data Management"),
)
REPORT_FLOOR = 55  # the provider reports nothing below this score

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

# Own rows a company leaves in a month on average: what is asked for beyond it is background
# traffic; where less is asked for, every rate is thinned alike.
ROWS_PER_ACCOUNT_MONTH = 20.0

CAMPAIGN_KINDS = ("Webinar", "Email", "Content", "Trade Show")


@dataclass
class Campaigns:
    """Marketing campaigns, by number."""

    kind: Ints
    day: Ints  # of the event, or of the sending


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


def campaigns(plan: Plan) -> Campaigns:
    """A webinar and a mailing a month, a content offer every second, a trade show a quarter."""
    r = plan.random("campaigns")
    kind, day = [], []
    for month in range(plan.months):
        for number, every in ((0, 1), (1, 1), (2, 2), (3, 3)):
            if month % every == 0:
                kind.append(number)
                day.append(month * MONTH + int(r.integers(3, 27)))
    return Campaigns(np.array(kind), np.array(day))


def emails(world: World, person: Ints) -> pa.Array:
    """Work addresses, or a free-mail one for people who gave that."""
    people, accounts = world.people, world.accounts
    first = text.pick([n.lower() for n in FIRST_NAMES], people.first[person])
    last = text.pick([n.lower() for n in LAST_NAMES], people.last[person])
    own = accounts.domain.take(pa.array(people.account[person]))
    free = text.pick(["gmail.com", "outlook.com", "gmx.de"], person % 3)
    number = text.join(last, text.codes("", person, 7))
    local = text.join(
        first,
        pc.if_else(pa.array(people.has_free_mail[person]), number, last),
        by=".",
    )
    host = pc.if_else(pa.array(people.has_free_mail[person]), free, own)
    return text.join(local, host, by="@")


class Activity:
    """The acting world: state that carries over from month to month."""

    def __init__(self, world: World, deals: pa.Table, plans: Campaigns) -> None:
        """`deals` needs number, account, created and closed (days), ordered by created."""
        self.world, self.campaigns = world, plans
        self.deals = {c: deals[c].to_numpy() for c in ("number", "account", "created", "closed")}
        plan, accounts, people = world.plan, world.accounts, world.people
        expected = ROWS_PER_ACCOUNT_MONTH * accounts.n * plan.months
        self.intensity = min(1.0, plan.activities / expected)
        self.identified = np.full(2 * people.n, NOT_YET)  # second at which a browser is named
        self.last_contact = np.full(people.n, -NEVER)
        self.last_touch = np.full(people.n, -NEVER)
        self.reach: list[npt.NDArray[np.float32]] = []  # one row per step: share by company
        self.surging = np.zeros(accounts.n, dtype=np.int64)  # weeks left of an unrelated project
        topic = text.mix(np.arange(accounts.n * len(TOPICS)), plan.seed + 31)
        self.reads = ((topic >> np.uint64(20)) % np.uint64(100) < 55).reshape(accounts.n, -1)
        self.numbers = {"task": 0, "event": 0, "member": 0, "visitor": 0, "page": 0}
        # People of each company stand side by side.
        self.first_person = np.searchsorted(people.account, np.arange(accounts.n + 1))
        self.seats = SEATS[accounts.is_large.astype(int)]
        self.contacts: list[tuple[Ints, Ints]] = []  # this month's (person, day) contacts

    # -- drawing ---------------------------------------------------------------------------

    def _number(self, what: str, count: int) -> Ints:
        """The next `count` numbers of a kind of record."""
        start = self.numbers[what]
        self.numbers[what] += count
        return np.arange(start + 1, start + count + 1)

    def _occur(
        self, r: np.random.Generator, rate: npt.NDArray[np.floating], month: int
    ) -> tuple[Ints, Ints, Ints]:
        """Poisson acts for rates per day, shape (STEPS, k): columns, steps and seconds.

        Four in five acts of a weekend move to the Friday before it or the Monday after.
        """
        count = r.poisson(rate * (STEP * self.intensity))
        cell = np.repeat(np.arange(count.size), count.ravel())
        step, column = np.divmod(cell, count.shape[1])
        inside = step * STEP + r.integers(0, STEP, len(cell))
        day = month * MONTH + inside
        weekday = (day + self.world.plan.epoch_day + 3) % 7  # 0 is Monday
        moves = (weekday >= 5) & (r.random(len(cell)) < 0.8)
        back = np.where(weekday == 5, -1, -2)
        shift = np.where(inside + back >= 0, back, 7 - weekday)
        inside = np.where(moves, np.clip(inside + shift, 0, MONTH - 1), inside)
        hour = (r.normal(13.2, 3.4, len(cell)) % 24 * 3600).astype(np.int64)
        return column, step, (month * MONTH + inside) * SECONDS + hour

    def _contacted(self, person: Ints, second: Ints) -> None:
        self.contacts.append((person, second // SECONDS))

    def _meet(self, person: Ints, day: Ints) -> None:
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

    # -- the month -------------------------------------------------------------------------

    def month(self, month: int) -> list[Batch]:
        """All acts of one month."""
        world, people = self.world, self.world.people
        middle = world.motion[month * MONTH + 2 : (month + 1) * MONTH : STEP]
        self.by_company = middle.astype(np.int64)  # (STEPS, companies)
        self.by_person = self.by_company[:, people.account]
        step_day = month * MONTH + STEP * np.arange(STEPS)[:, None]
        there = people.left_day[None, :] > step_day
        share = np.array(world.rates.involved_share)[self.by_person]
        self.involved = there & (people.threshold[None, :] < share)
        self.there = there
        self.known = people.known_day[None, :] <= step_day
        self.deal_number = np.full(world.accounts.n, -1)
        live = (self.deals["created"] < (month + 1) * MONTH) & (
            self.deals["closed"] >= month * MONTH
        )
        live &= self.deals["account"] >= 0
        self.deal_number[self.deals["account"][live]] = self.deals["number"][live]
        self.contacts = []

        batches = self._touches_and_replies(month)
        batches += self._meetings(month)
        batches += self._responses(month)
        surge = self._intent(month)
        others = sum(b.table.num_rows for b in batches) + surge.table.num_rows
        batches += [surge, *self._visits(month, others)]
        self._measure_reach(month)
        return batches

    def _measure_reach(self, month: int) -> None:
        """The share of needed seats reached in 90 days, at the end of each step."""
        people, accounts = self.world.people, self.world.accounts
        person = np.concatenate([c[0] for c in self.contacts])
        day = np.concatenate([c[1] for c in self.contacts])
        cells = len(PERSONAS)
        for step in range(STEPS):
            ends = month * MONTH + (step + 1) * STEP - 1
            now = (day > ends - STEP) & (day <= ends)
            np.maximum.at(self.last_contact, person[now], day[now])
            reached = (self.last_contact > ends - 90) & (people.left_day > ends)
            filled = np.bincount(
                (people.account * cells + people.persona)[reached], minlength=accounts.n * cells
            ).reshape(-1, cells)
            share = np.minimum(filled, self.seats).sum(axis=1) / self.seats.sum(axis=1)
            self.reach.append(share.astype(np.float32))

    # -- touches, replies, meetings --------------------------------------------------------

    def _touches_and_replies(self, month: int) -> list[Batch]:
        world, people = self.world, self.world.people
        noise, rates, plan = world.noise, world.rates, world.plan
        r = plan.random("touches", month)
        n = world.accounts.n

        # Sales development works a company for a month or not, and some of its people.
        hottest = self.by_company.max(axis=0)
        chance = np.select(
            [hottest == DEAL, hottest == BUYING],
            [0.92, np.minimum(1, world.accounts.effort * 1.3 + 0.12)],
            world.accounts.effort * 0.9,
        )
        worked = (r.random(n) < chance)[people.account]
        included = r.random(people.n) < np.where(hottest[people.account] == DEAL, 0.75, 0.58)
        day = month * MONTH + STEP * np.arange(STEPS)[:, None]
        pace = 0.095 * (worked & included) * (people.opted_out_day[None, :] > day) * self.known
        pace = pace * np.where(people.bounced_day[None, :] > day, 1.0, 0.2)
        person, _, second = self._occur(r, pace, month)
        count = len(person)
        when = second // SECONDS
        bounced = people.bounced_day[person] <= when
        kind = np.searchsorted([0.62, 0.85], r.random(count))  # Email, Call, LinkedIn
        kind = np.where(bounced & (kind == 0), 1, kind)
        answer = np.searchsorted([0.22, 0.55], r.random(count))  # Connected, Voicemail, No answer
        idle_open = r.random(count) < 0.015  # planned and never done
        arrives = ~idle_open & (people.left_day[person] > when) & ((kind != 1) | (answer == 0))
        self._contacted(person[arrives], second[arrives])
        np.maximum.at(self.last_touch, person[arrives], when[arrives])

        # Replies: of involved people in touch with us, and some that mean nothing.
        in_touch = self.known & (self.last_touch[None, :] > month * MONTH - 45)
        pace = np.array(rates.replies)[self.by_person] * self.involved * in_touch
        by, _, at = self._occur(r, pace * people.keenness, month)
        idle = arrives & (kind != 2) & (r.random(count) < noise.idle_reply_share)
        at_idle = second[idle] + r.integers(600, 2 * SECONDS, int(idle.sum()))
        replier = np.concatenate([by, person[idle]])
        replied = np.minimum(np.concatenate([at, at_idle]), (month + 1) * MONTH * SECONDS - 60)
        self._contacted(replier, replied)

        who = np.concatenate([person, replier])
        at = np.concatenate([second, replied])
        kind = np.concatenate([kind, np.full(len(replier), 3)])
        answer = np.concatenate([answer, np.full(len(replier), 3)])
        never = np.concatenate([idle_open, np.zeros(len(replier), dtype=bool)])
        chance = r.random(len(who))
        logged_late = (kind != 0) & (chance < noise.logged_late_share) & ~never
        planned = never | ((kind == 1) & (chance > 0.82))
        created = np.where(logged_late, at + r.integers(1, 6, len(who)) * SECONDS, at + 60)
        created = np.where(planned, at - r.integers(1, 5, len(who)) * SECONDS, created)
        done = ~never
        stamp = np.where(planned & done, at + 300, created)
        is_call = kind == 1

        def rows(pick: Ints, is_done: Bools) -> dict[str, pa.Array]:
            p = who[pick]
            answered = text.pick(
                ["Connected", "Voicemail", "No answer", None],
                np.where(is_call[pick] & is_done, answer[pick], 3),
            )
            seconds = np.where(is_call & (answer == 0), 60 + (at * 7919) % 900, 0)[pick]
            return self._filed(p, at[pick], number[pick], "00T") | {
                "type": text.pick(["Email", "Call", "LinkedIn", "Reply"], kind[pick]),
                "task_subtype": text.pick(["Email", "Call", "Task", "Email"], kind[pick]),
                "subject": text.pick(
                    ["Email: data platform", "Call", "LinkedIn message", "Re: data platform"],
                    kind[pick],
                ),
                "status": text.pick(["Open", "Completed"], is_done.astype(int)),
                "call_disposition": answered,
                "call_duration_in_seconds": pa.array(seconds, mask=~is_call[pick]),
                "activity_date": plan.dates(at[pick] // SECONDS),
                "is_deleted": pa.array(np.zeros(len(pick), dtype=bool)),
                "created_date": plan.stamps(created[pick]),
            }

        number = self._number("task", len(who))
        versions = Versions(plan, "salesforce/task")
        versions.add(number, stamp, rows(np.arange(len(who)), done))
        first = np.flatnonzero(planned & done)
        versions.add(number[first], created[first], rows(first, np.zeros(len(first), dtype=bool)))
        return [versions.batch()]

    def _filed(self, person: Ints, at: Ints, number: Ints, prefix: str) -> dict[str, pa.Array]:
        """The relations of a task or event: id, company, person, deal, owner."""
        people, accounts = self.world.people, self.world.accounts
        day = at // SECONDS
        company = people.account[person]
        record = self._record(person, day)
        is_lead = people.contact_day()[person] > day
        who = pc.if_else(
            pa.array(is_lead),
            text.salesforce_ids("00Q", person + 1),
            text.salesforce_ids("003", person + 1),
        )
        deal = self.deal_number[company]
        return {
            "id": text.salesforce_ids(prefix, number),
            "account_id": text.blank(
                text.salesforce_ids("001", record + 1), is_lead | ~accounts.in_crm[company]
            ),
            "who_id": who,
            "what_id": text.blank(
                text.salesforce_ids("006", np.maximum(deal, 0)), (deal < 0) | is_lead
            ),
            "owner_id": text.salesforce_ids("005", accounts.owner[company]),
        }

    def _record(self, person: Ints, day: Ints) -> Ints:
        """The CRM account record a person is filed under on a day."""
        people, twins = self.world.people, self.world.duplicates
        filed = people.filed_under[person]
        twin = np.clip(filed - self.world.accounts.n, 0, len(twins.survivor) - 1)
        gone = (filed >= self.world.accounts.n) & (twins.merged_day[twin] <= day)
        return np.where(gone, people.account[person], filed)

    def _meetings(self, month: int) -> list[Batch]:
        world, plan = self.world, self.world.plan
        r = plan.random("meetings", month)
        rate = np.array(world.rates.meetings)[self.by_company] + world.noise.idle_meetings
        company, step, at = self._occur(r, rate, month)

        # Someone whom we know and who is involved, else someone whom we know.
        first, size = self.first_person[company], np.diff(self.first_person)[company]
        who = np.full(len(company), -1)
        for wants_involved in (True, True, True, True, False, False):
            candidate = first + (r.random(len(company)) * size).astype(np.int64)
            fine = self.known[step, candidate] & self.there[step, candidate]
            if wants_involved:
                fine &= self.involved[step, candidate]
            who = np.where((who < 0) & fine, candidate, who)
        keep = who >= 0
        who, at = who[keep], at[keep]
        motion = self.by_company[step[keep], company[keep]]
        chance = r.random(len(who))
        kind = np.where(motion == DEAL, np.searchsorted([0.66, 0.87], chance), 0)
        kind = np.where(motion == BUYING, np.searchsorted([0.72, 0.94], chance), kind)
        held = r.random(len(who)) < 0.92
        self._contacted(who[held], at[held])
        created = at - r.integers(1, 12, len(who)) * SECONDS

        def rows(pick: Ints, number: Ints, status: Ints, shift: int = 0) -> dict[str, pa.Array]:
            return self._filed(who[pick], at[pick], number, "00U") | {
                "type": text.pick(["Meeting", "Demo", "Trial"], kind[pick]),
                "event_subtype": text.pick(["Event"], np.zeros(len(pick), dtype=int)),
                "subject": text.pick(["Meeting", "Product demo", "Trial review"], kind[pick]),
                "status": text.pick(["Planned", "Completed", "Cancelled"], status),
                "activity_date": plan.dates(at[pick] // SECONDS + shift),
                "duration_in_minutes": pa.array(np.where(kind[pick] == 0, 30, 60)),
                "is_deleted": pa.array(np.zeros(len(pick), dtype=bool)),
                "created_date": plan.stamps(created[pick]),
            }

        number, everyone = self._number("event", len(who)), np.arange(len(who))
        versions = Versions(plan, "salesforce/event")
        versions.add(number, at + 3600, rows(everyone, number, np.where(held, 1, 2)))
        versions.add(number, created, rows(everyone, number, np.zeros(len(who), dtype=np.int64)))
        # Meetings that stand in the calendar when the simulation ends.
        ahead = np.flatnonzero((plan.days - 1 - at // SECONDS < 6) & (r.random(len(who)) < 0.25))
        more, none = self._number("event", len(ahead)), np.zeros(len(ahead), dtype=np.int64)
        versions.add(more, created[ahead], rows(ahead, more, none, shift=9))
        return [versions.batch()]

    # -- campaigns -------------------------------------------------------------------------

    def _responses(self, month: int) -> list[Batch]:
        world, people, plan = self.world, self.world.people, self.world.plan
        rates, noise = world.rates, world.noise
        batches = []
        here = np.flatnonzero(self.campaigns.day // MONTH == month)
        for campaign in here:
            r = plan.random("responses", int(campaign))
            day, kind = int(self.campaigns.day[campaign]), int(self.campaigns.kind[campaign])
            step = (day - month * MONTH) // STEP
            motion, involved = self.by_person[step], self.involved[step]
            there = self.there[step]
            open_to = there & (people.known_day <= day - 15) & (people.opted_out_day > day)
            invited_share = (0.075, 0.10, 0.0, 0.012)[kind] * self.intensity
            invited = open_to & (r.random(people.n) < invited_share)
            share = np.where(involved, np.array(rates.responses)[motion], 0.0)
            answers = invited & (r.random(people.n) < np.maximum(share, noise.idle_response_share))
            extra = np.where(involved, np.array(rates.uninvited)[motion], 0.0002)
            extra = extra * (1.0, 0.0, 1.6, 0.6)[kind] * self.intensity
            joins = there & ~invited & (r.random(people.n) < extra)
            who = np.flatnonzero(invited | joins)
            if not len(who):
                continue
            responded = (answers | joins)[who]
            delay = r.integers(0, 4, len(who)) if kind in (1, 2) else np.zeros(len(who), int)
            hour = r.integers(8 * 3600, 18 * 3600, len(who))
            at = np.minimum((day + delay) * SECONDS + hour, plan.days * SECONDS - 60)
            created = np.where(joins[who], at - 1800, (day - 14) * SECONDS + hour)
            self._meet(who[responded], at[responded] // SECONDS)
            self._contacted(who[responded], at[responded])
            batches.append(self._members(int(campaign), kind, who, created, at, responded))
        return batches

    def _members(
        self,
        campaign: int,
        kind: int,
        who: Ints,
        created: Ints,
        at: Ints,
        responded: Bools,
    ) -> Batch:
        plan, people = self.world.plan, self.world.people
        number = self._number("member", len(who))
        is_lead = people.contact_day()[who] > created // SECONDS
        answer = ("Attended", "Clicked", "Downloaded", "Visited Booth")[kind]

        def rows(pick: Ints, done: Bools) -> dict[str, pa.Array]:
            p = who[pick]
            return {
                "id": text.salesforce_ids("00v", number[pick]),
                "campaign_id": text.salesforce_ids("701", np.full(len(pick), campaign + 1)),
                "lead_id": text.blank(text.salesforce_ids("00Q", p + 1), ~is_lead[pick]),
                "contact_id": text.blank(text.salesforce_ids("003", p + 1), is_lead[pick]),
                "status": text.pick(["Sent", answer], done.astype(int)),
                "has_responded": pa.array(done),
                "first_responded_date": plan.dates(np.where(done, at[pick] // SECONDS, NEVER)),
                "created_date": plan.stamps(created[pick]),
            }

        versions = Versions(plan, "salesforce/campaign_member")
        stamp = np.where(responded, at + 900, created)
        versions.add(number, stamp, rows(np.arange(len(who)), responded))
        first = np.flatnonzero(responded)
        versions.add(number[first], created[first], rows(first, np.zeros(len(first), dtype=bool)))
        return versions.batch()

    # -- intent ----------------------------------------------------------------------------

    def _intent(self, month: int) -> Batch:
        """Weekly reports, dated Sundays and delivered on the Tuesday after."""
        world, plan, noise = self.world, self.world.plan, self.world.noise
        accounts = world.accounts
        seen = np.flatnonzero(accounts.sees_intent)
        strangers = len(world.outsiders)
        topic_count = len(TOPICS)
        columns: list[tuple[Ints, Ints, Ints, Ints]] = []
        for day in range(month * MONTH, (month + 1) * MONTH):
            if (day + plan.epoch_day + 3) % 7 != 6:
                continue
            r = plan.random("intent", day)
            self.surging = np.maximum(self.surging - 1, 0)
            starts = r.random(accounts.n) < noise.false_surge_share
            self.surging = np.where(starts, r.integers(2, 5, accounts.n), self.surging)
            motion = world.motion[max(day - 4, 0), seen].astype(np.int64)
            lift = np.array(world.rates.score_lift)[motion][:, None] * self.reads[seen]
            lift = lift * r.uniform(0.6, 1.4, (len(seen), topic_count))
            unrelated = (self.surging[seen] > 0)[:, None] & (
                r.random((len(seen), topic_count)) < 0.25
            )
            score = r.normal(noise.score_base, noise.score_sd, (len(seen), topic_count))
            score = (score + lift + unrelated * noise.false_surge_lift).clip(0, 100)
            row, topic = np.nonzero(
                (score >= REPORT_FLOOR) & (r.random(score.shape) < self.intensity)
            )
            value = np.rint(score[row, topic]).astype(np.int64)
            columns.append((seen[row], topic, value, np.full(len(row), day)))
            other = r.normal(noise.score_base, noise.score_sd, (strangers, topic_count))
            row, topic = np.nonzero(other >= REPORT_FLOOR + 3)
            value = np.rint(other[row, topic]).astype(np.int64)
            columns.append((accounts.n + row, topic, value, np.full(len(row), day)))
        company, topic, reported, dated = (
            np.concatenate([c[i] for c in columns]) for i in range(4)
        )
        r = plan.random("intent rows", month)
        domains = pa.concat_arrays([accounts.domain, world.outsiders])
        names = pa.concat_arrays([accounts.name, pa.nulls(strangers, pa.string())])
        inside = np.minimum(company, accounts.n - 1)
        band = np.searchsorted([50, 200, 1000, 5000, 10_000], accounts.employees[inside])
        is_other = company >= accounts.n
        table = pa.table(
            {
                "domain": domains.take(pa.array(company)),
                "company_name": text.blank(
                    names.take(pa.array(company)), r.random(len(company)) < noise.blank_name_share
                ),
                "topic": text.pick([t[0] for t in TOPICS], topic),
                "composite_score": pa.array(reported),
                "size": text.blank(
                    text.pick(
                        ["Micro", "Small", "Medium", "Medium-Large", "Large", "XLarge"], band
                    ),
                    is_other,
                ),
                "industry": text.blank(text.pick(INDUSTRIES, accounts.industry[inside]), is_other),
                "category": text.pick([t[1] for t in TOPICS], topic),
                "report_date": plan.dates(dated),
            }
        )
        return Batch("bombora/company_surge", table, dated + 2)

    # -- visits ----------------------------------------------------------------------------

    def _visits(self, month: int, other_rows: int) -> list[Batch]:
        world, plan = self.world, self.world.plan
        r = plan.random("visits", month)
        sessions = Sessions()
        self._own_sessions(month, r, sessions)
        self._form_sessions(month, r, sessions)
        self._passer_sessions(month, r, sessions)
        second = np.concatenate(sessions.second)
        kind = np.concatenate(sessions.kind)
        pages = np.where(kind == FORM, 2, 1 + r.poisson(_MORE_PAGES[kind]))
        budget = plan.activities / plan.months - other_rows - int(pages.sum())
        self._background_sessions(month, r, sessions, max(0, int(budget)))
        grown = np.concatenate(sessions.kind)[len(kind) :]
        pages = np.concatenate([pages, 1 + r.poisson(_MORE_PAGES[grown])])
        person, device = np.concatenate(sessions.person), np.concatenate(sessions.device)
        ip = np.concatenate(sessions.ip)
        second, kind = np.concatenate(sessions.second), np.concatenate(sessions.kind)

        identifies = self._identify(r, person, device, second, kind)

        # From sessions to pages.
        of = np.repeat(np.arange(len(pages)), pages)
        nth = np.arange(len(of)) - np.repeat(np.cumsum(pages) - pages, pages)
        path = np.zeros(len(of), dtype=np.int64)
        draw = r.random(len(of))
        for each in range(len(_PATH_STEPS)):
            rows = np.flatnonzero(kind[of] == each)
            path[rows] = np.searchsorted(_PATH_STEPS[each], draw[rows])
        path = np.where((kind[of] == FORM) & (nth == 1), PATHS.index("/demo-request/thanks"), path)
        gap = np.where(kind[of] == BOT, 3, 25 + r.integers(0, 90, len(of)))
        at = np.minimum(second[of] + nth * gap, (month + 1) * MONTH * SECONDS - 1)
        late = r.random(len(of)) < world.noise.received_late_share
        received = at + np.where(late, r.integers(3600, 40 * 3600, len(of)), 1)
        received = np.minimum(received, plan.days * SECONDS - 1)
        order = np.argsort(received, kind="stable")
        of, path, at, received = of[order], path[order], at[order], received[order]

        browser, who = device[of], person[of]
        named = (who >= 0) & (self.identified[np.where(who >= 0, browser, 0)] <= second[of])
        number = self._number("page", len(of))
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
        moved = np.array(world.rates.sessions)[self.by_person] * self.involved * people.keenness
        resting = people.idle * self.there
        busy = r.random(people.n) < noise.busy_visitor_share
        resting = resting + noise.busy_sessions * busy * self.there
        user = (people.persona == PERSONAS.index("user")) | (people.persona == 2)
        day = month * MONTH
        buys = (accounts.customer_since <= day) & (accounts.customer_until > day)
        served = noise.customer_sessions * (user & buys[people.account]) * self.there
        for rate, is_customer in ((moved, False), (resting, False), (served, True)):
            person, step, second = self._occur(r, rate, month)
            company = people.account[person]
            device = 2 * person + (r.random(len(person)) < 0.2)
            motion = self.by_company[step, company]
            kind = motion if rate is moved else np.zeros(len(person), dtype=np.int64)
            kind = np.full(len(person), CUSTOMER) if is_customer else kind
            sessions.add(person, device, self._address(r, person, company), second, kind)

    def _form_sessions(self, month: int, r: np.random.Generator, sessions: Sessions) -> None:
        """Demo requests: two pages, and the visitor gives a name."""
        people = self.world.people
        rate = np.array(self.world.rates.forms)[self.by_person] * self.involved
        rate = (rate + self.world.noise.idle_forms) * self.there
        person, _, second = self._occur(r, rate, month)
        company = people.account[person]
        kind = np.full(len(person), FORM)
        sessions.add(person, 2 * person, self._address(r, person, company), second, kind)
        self._meet(person, second // SECONDS)
        self._contacted(person, second)

    def _passer_sessions(self, month: int, r: np.random.Generator, sessions: Sessions) -> None:
        """Other employees, applicants and students at a company: a new browser each time."""
        accounts = self.world.accounts
        size = 0.4 + np.log10(accounts.employees + 10) / 3
        rate = np.tile(self.world.noise.passer_sessions * size, (STEPS, 1))
        company, _, second = self._occur(r, rate, month)
        nobody = np.full(len(company), -1)
        device = -self._number("visitor", len(company))
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
        device = -self._number("visitor", count)
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
        self._contacted(person[seen], second[seen])
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
