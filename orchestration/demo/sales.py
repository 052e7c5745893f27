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
from .text import Ints


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
        by, _, at = self.acting.occur(r, pace * people.keenness)
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

        number = self.acting.number("task", len(who))
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
        deal = self.acting.deal_number[company]
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
        rate = np.array(world.rates.meetings)[self.acting.by_company] + world.noise.idle_meetings
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

        number, everyone = self.acting.number("event", len(who)), np.arange(len(who))
        versions = Versions(plan, "salesforce/event")
        versions.add(number, at + 3600, rows(everyone, number, np.where(held, 1, 2)))
        versions.add(number, created, rows(everyone, number, np.zeros(len(who), dtype=np.int64)))
        # Meetings that stand in the calendar when the simulation ends.
        ahead = np.flatnonzero((plan.days - 1 - at // SECONDS < 6) & (r.random(len(who)) < 0.25))
        more, none = self.acting.number("event", len(ahead)), np.zeros(len(ahead), dtype=np.int64)
        versions.add(more, created[ahead], rows(ahead, more, none, shift=9))
        return [versions.batch()]
