"""Marketing campaigns and who responds to them.

What belongs here: webinars, mailings, papers to download, trade shows: whom they invite and who
answers. What does not: how a mail is opened and followed, and what a form leaves (`marketo`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from . import text
from .acting import STEP, Acting
from .batches import SECONDS, Batch, Versions
from .company import MONTH, NEVER, Bools, Plan
from .text import Ints

KINDS = ("Webinar", "Email", "Content", "Trade Show")
WEBINAR, EMAIL, CONTENT, TRADE_SHOW = range(4)


@dataclass
class Campaigns:
    """Marketing campaigns, by number."""

    kind: Ints
    day: Ints  # of the event, or of the sending

    def on_forms(self) -> Bools:
        """Papers that are given for a form of marketing automation: all but every third."""
        papers: Bools = self.kind == CONTENT
        return papers & (np.cumsum(papers) % 3 > 0)


@dataclass
class Mailing:
    """A mail sent to people at a second, by whom it was clicked, and when."""

    name: str
    campaign: int
    person: Ints
    second: Ints
    clicked: Bools
    clicked_second: Ints


@dataclass
class Download:
    """A form filled in for a paper."""

    name: str
    campaign: int
    person: Ints
    second: Ints


@dataclass
class Responses:
    """A month's responses: rows of the CRM, and what marketing automation has to record."""

    batches: list[Batch] = field(default_factory=list)
    mailings: list[Mailing] = field(default_factory=list)
    downloads: list[Download] = field(default_factory=list)


def campaigns(plan: Plan) -> Campaigns:
    """A webinar and a mailing a month, a content offer every second, a trade show a quarter."""
    r = plan.random("campaigns")
    kind, day = [], []
    for month in range(plan.months):
        for number, every in ((WEBINAR, 1), (EMAIL, 1), (CONTENT, 2), (TRADE_SHOW, 3)):
            if month % every == 0:
                kind.append(number)
                day.append(month * MONTH + int(r.integers(3, 27)))
    return Campaigns(np.array(kind), np.array(day))


class Marketing:
    """Invitations and responses, month by month."""

    def __init__(self, acting: Acting, plans: Campaigns) -> None:
        self.acting, self.world, self.campaigns = acting, acting.world, plans

    def month(self, month: int) -> Responses:
        """Who answered the campaigns of a month."""
        world, people, plan = self.world, self.world.people, self.world.plan
        acting, systems = self.acting, self.acting.systems
        rates, noise = world.rates, world.noise
        out = Responses()
        on_forms = self.campaigns.on_forms()
        for campaign in np.flatnonzero(self.campaigns.day // MONTH == month).tolist():
            r = plan.random("responses", campaign)
            day, kind = int(self.campaigns.day[campaign]), int(self.campaigns.kind[campaign])
            step = (day - month * MONTH) // STEP
            motion, involved = acting.by_person[step], acting.involved[step]
            there = acting.there[step]
            open_to = there & (people.known_day <= day - 15) & (people.opted_out_day > day)
            invited_share = (0.075, 0.10, 0.0, 0.012)[kind] * acting.intensity
            invited = open_to & (r.random(people.n) < invited_share)
            share = np.where(involved, np.array(rates.responses)[motion], 0.0)
            answers = invited & (r.random(people.n) < np.maximum(share, noise.idle_response_share))
            extra = np.where(involved, np.array(rates.uninvited)[motion], 0.0002)
            extra = extra * (1.0, 0.0, 1.6, 0.6)[kind] * acting.intensity
            joins = there & ~invited & (r.random(people.n) < extra)
            if kind == EMAIL:  # goes to people whom marketing automation holds
                invited &= systems.marketing_day(world) < day
            who = np.flatnonzero(invited | joins)
            if not len(who):
                continue
            responded = (answers | joins)[who]
            late = kind in (EMAIL, CONTENT)
            delay = r.integers(0, 4, len(who)) if late else np.zeros(len(who), int)
            hour = r.integers(8 * 3600, 18 * 3600, len(who))
            at = np.minimum((day + delay) * SECONDS + hour, plan.days * SECONDS - 60)
            created = np.where(joins[who], at - 1800, (day - 14) * SECONDS + hour)
            name = f"{KINDS[kind]} {campaign + 1:03d}"
            if kind == EMAIL:
                bounced = people.bounced_day[who] <= day
                responded &= ~bounced
                sent = day * SECONDS + 7 * 3600 + hour // 60
                out.mailings.append(Mailing(name, campaign, who, sent, responded, at))
            acting.meet(who[responded], at[responded] // SECONDS)
            acting.contacted(who[responded], at[responded])
            if on_forms[campaign]:
                done = who[responded]
                first = at[responded] // SECONDS
                systems.own_lead_day[done] = np.minimum(systems.own_lead_day[done], first)
                out.downloads.append(Download(name, campaign, done, at[responded]))
            elif kind != EMAIL:
                out.batches.append(self._members(campaign, kind, who, created, at, responded))
        return out

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
        number = self.acting.number("member", len(who))
        is_lead = people.contact_day()[who] > created // SECONDS
        answer = ("Attended", "Clicked", "Downloaded", "Visited Booth")[kind]

        home = self.acting.homes.of_person[who]
        contact = self.acting.records.contact_of(
            who, created // SECONDS, number, people.contact_day()
        )

        def rows(pick: Ints, done: Bools) -> dict[str, pa.Array]:
            return {
                "number": pa.array(number[pick]),
                "home": pa.array(home[pick]),
                "campaign": pa.array(np.full(len(pick), campaign + 1)),
                "is_lead": pa.array(is_lead[pick]),
                "who": pa.array(np.where(is_lead, who + 1, contact)[pick]),
                "status": text.pick(["Sent", answer], done.astype(int)),
                "has_responded": pa.array(done),
                "responded": plan.dates(np.where(done, at[pick] // SECONDS, NEVER)),
                "created": plan.stamps(created[pick]),
            }

        versions = Versions(plan, "crm/member", stamp="modified")
        stamp = np.where(responded, at + 900, created)
        versions.add(number, stamp, rows(np.arange(len(who)), responded))
        first = np.flatnonzero(responded)
        versions.add(number[first], created[first], rows(first, np.zeros(len(first), dtype=bool)))
        return versions.batch()
