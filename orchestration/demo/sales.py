"""What sales does and what comes back: touches, replies, meetings, as the CRM files them.

What belongs here: sales activity drawn from the latent world. What does not: marketing
(`campaigns`, `marketo`), and rules about what an act is worth.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import text
from .acting import STEP, STEPS, Acting
from .batches import SECONDS, Batch, Versions
from .company import BUYING, DEAL, MONTH, Bools
from .systems import lots
from .text import Ints

SUBJECTS = (
    "Data platform for your team",
    "Quick question",
    "Case study from your industry",
    "Following up",
    "Reporting without the wait",
    "Invitation: data governance roundtable",
    "Your data roadmap",
    "Pricing overview",
    "A guide to lakehouse costs",
    "Next steps",
)
PLANNED, HELD, CANCELLED, NO_SHOW = range(4)
# FIXED by the promise of company.Noise.
COPIED_SHARE = 0.06  # mails that the sequencer files twice
SECOND_READER_SHARE = 0.03  # mails that go to two people


class Sales:
    """Sales development and sales, month by month."""

    def __init__(self, acting: Acting) -> None:
        self.acting, self.world = acting, acting.world

    def month(self, month: int) -> list[Batch]:
        """Touches and replies, then meetings."""
        return self._touches_and_replies(month) + self._meetings(month)

    def _touches_and_replies(self, month: int) -> list[Batch]:
        world, people = self.world, self.world.people
        noise, rates, plan = world.noise, world.rates, world.plan
        r = plan.random("touches", month)
        n = world.accounts.n

        # Sales development works a company for a month or not, and some of its people.
        hottest = self.acting.by_company.max(axis=0)
        chance = np.select(
            [hottest == DEAL, hottest == BUYING],
            [0.92, np.minimum(1, world.accounts.effort * 1.3 + 0.12)],
            world.accounts.effort * 0.9,
        )
        worked = (r.random(n) < chance)[people.account]
        included = r.random(people.n) < np.where(hottest[people.account] == DEAL, 0.75, 0.58)
        day = month * MONTH + STEP * np.arange(STEPS)[:, None]
        pace = (
            0.095 * (worked & included) * (people.opted_out_day[None, :] > day) * self.acting.known
        )
        pace = pace * np.where(people.bounced_day[None, :] > day, 1.0, 0.2)
        person, _, second = self.acting.occur(r, pace)
        count = len(person)
        when = second // SECONDS
        bounced = people.bounced_day[person] <= when
        kind = np.searchsorted([0.62, 0.85], r.random(count))  # Email, Call, LinkedIn
        kind = np.where(bounced & (kind == 0), 1, kind)
        answer = np.searchsorted([0.22, 0.55], r.random(count))  # Connected, Voicemail, No answer
        idle_open = r.random(count) < 0.015  # planned and never done
        arrives = ~idle_open & (people.left_day[person] > when) & ((kind != 1) | (answer == 0))
        self.acting.contacted(person[arrives], second[arrives])
        np.maximum.at(self.acting.last_touch, person[arrives], when[arrives])

        # Replies: of involved people in touch with us, and some that mean nothing.
        in_touch = self.acting.known & (self.acting.last_touch[None, :] > month * MONTH - 45)
        pace = np.array(rates.replies)[self.acting.by_person] * self.acting.involved * in_touch
        pace = self.acting.lift(pace * people.keenness, people.account)
        by, _, at = self.acting.occur(r, pace)
        idle = arrives & (kind != 2) & (r.random(count) < noise.idle_reply_share)
        at_idle = second[idle] + r.integers(600, 2 * SECONDS, int(idle.sum()))
        replier = np.concatenate([by, person[idle]])
        replied = np.minimum(np.concatenate([at, at_idle]), (month + 1) * MONTH * SECONDS - 60)
        self.acting.contacted(replier, replied)

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

        is_call, is_mail = kind == 1, kind == 0
        subject = text.pick(SUBJECTS, lots(at // SECONDS + 31 * who, plan.seed + 21, len(SUBJECTS)))
        named = [SUBJECTS[0], "Call", None, "Re: "]
        subject = pc.if_else(pa.array(is_mail), subject, text.pick(named, kind))
        answers = text.join("Re: ", text.pick(SUBJECTS, who % len(SUBJECTS)))
        subject = pc.if_else(pa.array(kind == 3), answers, subject)

        def rows(pick: Ints, number: Ints, is_done: Bools) -> dict[str, pa.Array]:
            p = who[pick]
            answered = np.where(is_call[pick] & is_done, answer[pick], -1)
            seconds = np.where(is_call & (answer == 0), 60 + (at * 7919) % 900, 0)[pick]
            return self._filed(p, at[pick], number) | {
                "kind": pa.array(kind[pick]),
                "subject": subject.take(pa.array(pick)),
                "is_never_done": pa.array(never[pick]),
                "is_done": pa.array(is_done),
                "answer": pa.array(answered),
                "call_seconds": pa.array(seconds, mask=~is_call[pick]),
                "owner": pa.array(self._toucher(p, at[pick] // SECONDS)),
                "at": plan.stamps(at[pick]),
                "created": plan.stamps(created[pick]),
            }

        everyone, number = np.arange(len(who)), self.acting.number("task", len(who))
        versions = Versions(plan, "crm/task", stamp="modified")
        versions.add(number, stamp, rows(everyone, number, done))
        first = np.flatnonzero(planned & done)
        none = np.zeros(len(first), dtype=bool)
        versions.add(number[first], created[first], rows(first, number[first], none))
        # The sequencer files some mails a second time, under its own name for them.
        lot = lots(number, plan.seed + 22, 1000)
        copied = np.flatnonzero(is_mail & done & (lot < 1000 * COPIED_SHARE))
        again = self.acting.number("task", len(copied))
        copy = rows(copied, again, np.ones(len(copied), dtype=bool))
        copy["subject"] = text.join("[Outreach] [Email] [Out] ", copy["subject"])
        versions.add(again, stamp[copied], copy)
        # Some mails go to a second person of the company too.
        twice = np.flatnonzero(is_mail & done & (lot >= 1000 * (1 - SECOND_READER_SHARE)))
        other = self._colleague(who[twice], at[twice], lot[twice])
        read = other >= 0
        twice, other = twice[read], other[read]
        self.acting.contacted(other, at[twice])
        batch = self._attendees(0, number[twice], who[twice], other, at[twice], created[twice])
        return [versions.batch(), batch]

    def _toucher(self, person: Ints, day: Ints) -> Ints:
        """Who touches: customer success its customers, the owner in a deal, else development."""
        accounts, company = self.world.accounts, self.world.people.account[person]
        served = (accounts.customer_since[company] <= day) & (
            accounts.customer_until[company] > day
        )
        developer = np.array([1, 2, 3, 4, 6, 7, 8, 9, 10])[company % 9]
        owner = np.where(self.acting.deal_number[company] >= 0, accounts.owner[company], developer)
        return np.where(served, 27 + company % 7, owner)

    def _filed(self, person: Ints, at: Ints, number: Ints) -> dict[str, pa.Array]:
        """The relations of an act: number, CRM, person, account record, deal."""
        people, accounts, homes = self.world.people, self.world.accounts, self.acting.homes
        records = self.acting.records
        day, contact_day = at // SECONDS, people.contact_day()
        company = people.account[person]
        is_lead = contact_day[person] > day
        contact = records.contact_of(person, day, number, contact_day)
        deal, home = self.acting.deal_number[company], homes.files[person]
        same = homes.of_deal(company, np.maximum(deal, 0)) == home
        return {
            "number": pa.array(number),
            "home": pa.array(home),
            "person": pa.array(person),
            "is_lead": pa.array(is_lead),
            "who": pa.array(np.where(is_lead, person + 1, contact)),
            "record": pa.array(
                np.where(is_lead | ~accounts.in_crm[company], -1, records.of_person(person, day))
            ),
            "deal": pa.array(np.where(is_lead | ~same, -1, deal)),
        }

    def _colleague(self, person: Ints, at: Ints, lot: Ints, involved: bool = False) -> Ints:
        """A contact of the same company, or -1; wanted involved, only such a one."""
        acting, people = self.acting, self.world.people
        company, day = people.account[person], at // SECONDS
        size = np.maximum(np.diff(acting.first_person)[company], 1)
        step = (day - acting.month * MONTH) // STEP
        contact_day = people.contact_day()
        found = np.full(len(person), -1)
        for attempt in range(6):
            other = acting.first_person[company] + (person * 31 + lot + 5 * attempt) % size
            fine = (other != person) & acting.there[step, other] & (contact_day[other] < day)
            fine &= (people.opted_out_day[other] > day) & (people.bounced_day[other] > day)
            if involved:
                fine &= acting.involved[step, other]
            found = np.where((found < 0) & fine, other, found)
        return found

    def _attendees(
        self, act: int, number: Ints, person: Ints, other: Ints, at: Ints, created: Ints
    ) -> Batch:
        """More people of acts (0 tasks, 1 meetings), from the day the act was written down.

        Somebody whom the act's CRM does not hold is not written down in any.
        """
        plan, files = self.world.plan, self.acting.homes.files
        contact_day = self.world.people.contact_day()
        contact = self.acting.records.contact_of(other, at // SECONDS, number, contact_day)
        table = pa.table(
            {
                "act": pa.array(np.full(len(number), act)),
                "number": pa.array(number),
                "home": pa.array(np.where(files[other] == files[person], files[person], -1)),
                "person": pa.array(other),
                "who": pa.array(contact),
                "key": pa.array(self.acting.number("attendee", len(number))),
                "created": plan.stamps(created),
            }
        )
        return Batch("crm/attendee", table, created // SECONDS)

    def _meetings(self, month: int) -> list[Batch]:
        world, plan = self.world, self.world.plan
        r = plan.random("meetings", month)
        rate = np.array(world.rates.meetings)[self.acting.by_company] + world.noise.idle_meetings
        rate = self.acting.lift(rate)
        company, step, at = self.acting.occur(r, rate)

        # Someone whom we know and who is involved, else someone whom we know.
        first, size = self.acting.first_person[company], np.diff(self.acting.first_person)[company]
        who = np.full(len(company), -1)
        for wants_involved in (True, True, True, True, False, False):
            candidate = first + (r.random(len(company)) * size).astype(np.int64)
            fine = self.acting.known[step, candidate] & self.acting.there[step, candidate]
            if wants_involved:
                fine &= self.acting.involved[step, candidate]
            who = np.where((who < 0) & fine, candidate, who)
        keep = who >= 0
        who, at = who[keep], at[keep]
        motion = self.acting.by_company[step[keep], company[keep]]
        chance = r.random(len(who))
        kind = np.where(motion == DEAL, np.searchsorted([0.66, 0.87], chance), 0)
        kind = np.where(motion == BUYING, np.searchsorted([0.72, 0.94], chance), kind)
        held = r.random(len(who)) < 0.92
        self.acting.contacted(who[held], at[held])
        created = at - r.integers(1, 12, len(who)) * SECONDS
        accounts, people = world.accounts, world.people
        ends = np.minimum(at + 3600, (at // SECONDS + 1) * SECONDS - 60)

        def rows(pick: Ints, number: Ints, status: Ints, shift: int = 0) -> dict[str, pa.Array]:
            return self._filed(who[pick], at[pick], number) | {
                "kind": pa.array(kind[pick]),
                "status": pa.array(status),
                "owner": pa.array(accounts.owner[people.account[who[pick]]]),
                "at": plan.stamps(at[pick] + shift * SECONDS),
                "minutes": pa.array(np.where(kind[pick] == 0, 30, 60)),
                "created": plan.stamps(created[pick]),
            }

        number, everyone = self.acting.number("event", len(who)), np.arange(len(who))
        lot = lots(number, plan.seed + 23, 1000)
        missed = np.where(lot < 400, NO_SHOW, CANCELLED)
        versions = Versions(plan, "crm/event", stamp="modified")
        versions.add(number, ends, rows(everyone, number, np.where(held, HELD, missed)))
        planned = np.zeros(len(who), dtype=np.int64)
        versions.add(number, created, rows(everyone, number, planned))
        # Meetings that stand in the calendar when the simulation ends.
        ahead = np.flatnonzero((plan.days - 1 - at // SECONDS < 6) & (r.random(len(who)) < 0.25))
        more, none = self.acting.number("event", len(ahead)), np.zeros(len(ahead), dtype=np.int64)
        versions.add(more, created[ahead], rows(ahead, more, none, shift=9))
        # More people come: two in three meetings have a second, some of those a third.
        batches = [versions.batch()]
        guests = np.full((2, len(who)), -1)
        for guest, below in enumerate((660, 250)):
            pick = np.flatnonzero(lot < below)
            other = self._colleague(who[pick], at[pick], lot[pick] + 7 * guest, involved=True)
            new = (other >= 0) & (other != guests[0, pick])
            pick, other = pick[new], other[new]
            guests[guest, pick] = other
            came = held[pick]
            self.acting.contacted(other[came], at[pick][came])
            batches.append(
                self._attendees(1, number[pick], who[pick], other, at[pick], created[pick])
            )
        return batches
