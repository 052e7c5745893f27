"""Marketing automation (Marketo): the people it mails, and what they and their machines do with it.

What belongs here: leads, deliveries, opens, clicks, forms, bounces and unsubscribes in Marketo's
columns, with the opens that mail programs make by themselves and the clicks of mail gateways.
What does not: who responds to a campaign (`campaigns`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from . import text, titles
from .acting import STEP, Acting
from .addresses import emails, personal_emails
from .batches import SECONDS, Batch, Versions
from .campaigns import Download, Mailing
from .company import FIRST_NAMES, MONTH, NEVER, Bools
from .homes import SALESFORCE, contact_ids, lead_ids
from .systems import lots
from .text import Ints

LINKS = (
    "https://www.ourplatform.io/blog/what-is-a-lakehouse",
    "https://www.ourplatform.io/product/platform",
    "https://www.ourplatform.io/customers",
)
NEWSLETTER_DAY = 8  # of each month
NO_CAMPAIGN = 900  # number that stands for the newsletter


class Marketo:
    """Mail and forms, month by month; then the people behind them."""

    def __init__(self, acting: Acting) -> None:
        self.acting, self.world, self.systems = acting, acting.world, acting.systems
        people, plan = self.world.people, self.world.plan
        self.suspended = np.zeros(people.n, dtype=bool)  # a mail bounced for good
        self.bounced_day = np.full(people.n, NEVER)  # the day on which that was seen
        self.unsubscribed_day = np.where(
            lots(np.arange(people.n), plan.seed + 41, 100) < 60, people.opted_out_day, NEVER
        )
        # A second record of a person, under a private address, until somebody merges them.
        merged = plan.random("marketo merges").integers(0, plan.days + 120, people.n)
        self.merged_day = np.where(self.systems.doubled, merged, -NEVER)

    # -- a month ---------------------------------------------------------------------------

    def month(
        self, month: int, mailings: Sequence[Mailing], downloads: Sequence[Download]
    ) -> list[Batch]:
        """What a month's mails and forms leave behind."""
        r = self.world.plan.random("marketo", month)
        letters = [*mailings, self._newsletter(r, month)]
        person = np.concatenate([m.person for m in letters])
        sent = np.concatenate([m.second for m in letters])
        clicked = np.concatenate([m.clicked for m in letters])
        clicked_at = np.concatenate([m.clicked_second for m in letters])
        letter = np.repeat(np.arange(len(letters)), [len(m.person) for m in letters])
        names = [m.name for m in letters]
        campaigns = np.array([m.campaign for m in letters])

        arrives, bounced, soft = self._deliver(r, person, sent)
        back = np.flatnonzero(bounced)
        columns = {
            "campaign_id": text.codes("", campaigns[letter[back]] + 1001, 4),
            "category": text.pick(["2", "3"], soft[back].astype(int)),
            "primary_attribute_value": text.pick(names, letter[back]),
        }
        batches = [self._activity("email_bounced", person[back], sent[back] + 4, columns)]
        rows = np.flatnonzero(arrives)
        person, sent, letter = person[rows], sent[rows], letter[rows]
        clicked, clicked_at = clicked[rows], clicked_at[rows]

        def feed(kind: str, of: Ints, second: Ints, **more: pa.Array) -> Batch:
            columns = {
                "campaign_id": text.codes("", campaigns[letter[of]] + 1001, 4),
                "primary_attribute_value": text.pick(names, letter[of]),
            }
            return self._activity(kind, person[of], second, columns | more)

        template = text.codes("", campaigns + 2001, 4)
        everyone = np.arange(len(person))
        there = self.world.people.left_day[person] > sent // SECONDS
        self.acting.contacted(person[there], sent[there])
        batches.append(
            feed(
                "email_delivered",
                everyone,
                sent,
                email_template_id=template.take(pa.array(letter)),
            )
        )
        opened, opened_at = self._opens(r, person, sent, clicked, clicked_at)
        batches.append(feed("open_email", opened, opened_at))
        of, at, link = self._clicks(r, person, sent, clicked, clicked_at)
        batches.append(
            feed(
                "click_email",
                of,
                at,
                link=text.pick(LINKS, link),
                email_template_id=template.take(pa.array(letter[of])),
            )
        )
        batches.append(self._forms(downloads))
        batches.append(self._unsubscribes(month))
        return batches

    def _newsletter(self, r: np.random.Generator, month: int) -> Mailing:
        """One letter a month to its readers."""
        world, people, noise = self.world, self.world.people, self.systems.noise
        day = month * MONTH + NEWSLETTER_DAY
        step = NEWSLETTER_DAY // STEP
        reads = self.systems.subscribes & (self.systems.marketing_day(world) < day)
        reads &= (people.opted_out_day > day) & (r.random(people.n) < self.acting.intensity)
        who = np.flatnonzero(reads)
        involved = self.acting.involved[step, who]
        motion = self.acting.by_person[step, who]
        share = np.where(involved, np.array(noise.click_shares)[motion], 0.0)
        clicks = r.random(len(who)) < share + noise.idle_click_share
        clicks &= self.acting.there[step, who] & (people.bounced_day[who] > day)
        sent = day * SECONDS + 8 * 3600 + r.integers(0, 1800, len(who))
        at = sent + 30 + (r.exponential(0.7, len(who)) * SECONDS).astype(np.int64)
        at = np.minimum(at, (month + 1) * MONTH * SECONDS - 60)
        self.acting.contacted(who[clicks], at[clicks])
        return Mailing(f"Newsletter {month + 1:02d}", NO_CAMPAIGN + month, who, sent, clicks, at)

    def _deliver(
        self, r: np.random.Generator, person: Ints, sent: Ints
    ) -> tuple[Bools, Bools, Bools]:
        """Which mails arrive, which come back, and which of those may arrive another time.

        To an address that bounced for good nothing is sent again.
        """
        gone = self.world.people.bounced_day[person] <= sent // SECONDS
        first = np.zeros(len(person), dtype=bool)
        order = np.argsort(sent, kind="stable")
        first[order[np.unique(person[order], return_index=True)[1]]] = True
        hard = gone & first & ~self.suspended[person]
        soft = ~gone & (r.random(len(person)) < self.systems.noise.soft_bounce_share)
        self.suspended[person[hard]] = True
        self.bounced_day[person[hard]] = sent[hard] // SECONDS
        return ~gone & ~soft, hard | soft, soft

    def _opens(
        self,
        r: np.random.Generator,
        person: Ints,
        sent: Ints,
        clicked: Bools,
        clicked_at: Ints,
    ) -> tuple[Ints, Ints]:
        """Opens by people, before their clicks, and opens by mail programs within seconds."""
        noise, people = self.systems.noise, self.world.people
        there = people.left_day[person] > sent // SECONDS
        fetched = np.flatnonzero(self.systems.prefetches[person] & there)
        fetched_at = sent[fetched] + r.integers(1, 25, len(fetched))
        reads = clicked | (there & (r.random(len(person)) < noise.true_open_share))
        read = np.flatnonzero(reads)
        later = (r.exponential(0.4, len(read)) * SECONDS).astype(np.int64) + 45
        read_at = np.where(clicked[read], clicked_at[read] - 12, sent[read] + later)
        return np.concatenate([fetched, read]), np.concatenate([fetched_at, read_at])

    def _clicks(
        self,
        r: np.random.Generator,
        person: Ints,
        sent: Ints,
        clicked: Bools,
        clicked_at: Ints,
    ) -> tuple[Ints, Ints, Ints]:
        """Clicks by people on one link, and by mail gateways on every link within two seconds."""
        real = np.flatnonzero(clicked)
        link = np.searchsorted([0.5, 0.85], r.random(len(real)))
        people = self.world.people
        scanned = self.systems.scans_mail[people.account[person]] & ~people.has_free_mail[person]
        each = np.repeat(np.flatnonzero(scanned), len(LINKS))
        every = np.tile(np.arange(len(LINKS)), int(scanned.sum()))
        at = sent[each] + r.integers(0, 3, len(each))
        return (
            np.concatenate([real, each]),
            np.concatenate([clicked_at[real], at]),
            np.concatenate([link, every]),
        )

    def _forms(self, downloads: Sequence[Download]) -> Batch:
        none = np.zeros(0, dtype=np.int64)
        person = np.concatenate([none, *[d.person for d in downloads]])
        second = np.concatenate([none, *[d.second for d in downloads]])
        which = np.repeat(np.arange(len(downloads)), [len(d.person) for d in downloads])
        which = which.astype(np.int64)
        number = np.array([d.campaign for d in downloads], dtype=np.int64)
        columns = {
            "campaign_id": text.codes("", number[which] + 1001, 4),
            "primary_attribute_value": text.pick([f"Form: {d.name}" for d in downloads], which),
        }
        return self._activity("fill_out_form", person, second, columns)

    def _unsubscribes(self, month: int) -> Batch:
        day = self.unsubscribed_day
        who = np.flatnonzero(
            (day // MONTH == month) & (self.systems.marketing_day(self.world) <= day)
        )
        columns = {
            "campaign_id": text.codes("", np.full(len(who), 1001 + NO_CAMPAIGN + month), 4),
            "primary_attribute_value": text.pick(["Unsubscribe page"], np.zeros(len(who), int)),
        }
        return self._activity("unsubscribe_email", who, day[who] * SECONDS + 50_000, columns)

    def _activity(
        self, kind: str, person: Ints, second: Ints, columns: dict[str, pa.Array]
    ) -> Batch:
        """Rows of one kind of activity, in order of time."""
        plan = self.world.plan
        second = np.minimum(second, plan.days * SECONDS - 1)
        order = np.argsort(second, kind="stable")
        number = self.acting.number("marketo", len(order))
        table = pa.table(
            {
                "id": text.codes("", 400_000_000 + number, 9),
                "lead_id": self._lead_ids(person, second).take(pa.array(order)),
                "activity_date": plan.stamps(second[order]),
            }
            | {name: values.take(pa.array(order)) for name, values in columns.items()}
        )
        return Batch(f"marketo/activity_{kind}", table, second[order] // SECONDS)

    def _lead_ids(self, person: Ints, second: Ints) -> pa.Array:
        """The record an activity is filed under: every other one of a double under its second."""
        return marketo_ids(
            person, (second // SECONDS < self.merged_day[person]) & (second % 2 == 1)
        )

    # -- records ---------------------------------------------------------------------------

    def records(self) -> Iterator[Batch]:
        """Leads and their merges, once the months have made them."""
        world, plan, people = self.world, self.world.plan, self.world.people
        since = self.systems.marketing_day(world)
        rows = np.flatnonzero(since < plan.days)
        contact_day = people.contact_day()
        title = titles.wordings(people.title)
        untold = lots(np.arange(people.n), plan.seed + 43, 100) < 25
        title = text.blank(title, untold & (people.known_day > since))
        companies = world.accounts.name.take(pa.array(people.account))
        mail, private = emails(world, np.arange(people.n)), personal_emails(world)

        def lead(who: Ints, day: Ints, double: bool = False) -> dict[str, pa.Array]:
            where = pa.array(who)
            synced = self.systems.synced[who] & (not double)
            synced &= self.acting.homes.of_person[who] == SALESFORCE
            is_contact = synced & (contact_day[who] < day)
            is_lead = synced & (people.lead_day[who] < day)
            return {
                "id": marketo_ids(who, double),
                "email": (private if double else mail).take(where),
                "title": title.take(where),
                "department": text.blank(
                    titles.departments(people.job[who]), people.known_day[who] > day
                ),
                "company": companies.take(where),
                "sfdc_contact_id": text.blank(contact_ids(SALESFORCE, who + 1), ~is_contact),
                "sfdc_lead_id": text.blank(lead_ids(SALESFORCE, who + 1), ~is_lead),
                "unsubscribed": pa.array(self.unsubscribed_day[who] <= day),
                "email_invalid": pa.array(self.bounced_day[who] <= day),
                "created_at": plan.stamps(since[who] * SECONDS + 25_000),
            }

        versions = Versions(plan, "marketo/lead", stamp="updated_at")
        versions.add(rows, since[rows] * SECONDS + 25_000, lead(rows, since[rows]))
        changes = (self.bounced_day, self.unsubscribed_day, people.known_day + 1, contact_day + 1)
        for place, change in enumerate(changes):
            who = rows[(change[rows] > since[rows]) & (change[rows] < plan.days)]
            second = change[who] * SECONDS + 60_000 + place
            versions.add(who, second, lead(who, change[who]))
        twice = rows[self.systems.doubled[rows]]
        number = people.n + twice
        versions.add(number, since[twice] * SECONDS + 25_400, lead(twice, since[twice], True))
        self._strangers(versions)
        yield versions.batch()

        done = twice[(self.merged_day[twice] < plan.days) & (self.merged_day[twice] > since[twice])]
        at = self.merged_day[done] * SECONDS + 55_000
        merged = text.join("[", marketo_ids(done, second=True), "]")
        none = {"campaign_id": pa.nulls(len(done), pa.string())}
        yield self._activity("merge_leads", done, at, none | {"merge_ids": merged})
        yield self._deleted()

    def _strangers(self, versions: Versions) -> None:
        """People from nowhere who left an address for the newsletter."""
        plan = self.world.plan
        r = plan.random("marketo strangers")
        count = max(12, self.world.accounts.n // 8)
        number = np.arange(count)
        born = np.sort(r.integers(-200, plan.days, count))
        first = text.pick([f.lower() for f in FIRST_NAMES], r.integers(0, len(FIRST_NAMES), count))
        host = text.pick(["gmail.com", "hotmail.com", "uni-031.edu", "web.de"], number % 4)
        mail = text.join(text.join(first, text.codes("", number, 4)), host, by="@")
        none = pa.nulls(count, pa.string())
        no = pa.array(np.zeros(count, dtype=bool))
        versions.add(
            2 * self.world.people.n + number,
            born * SECONDS + 31_000,
            {
                "id": text.codes("", 3_000_000 + number, 7),
                "email": mail,
                "title": text.pick([None, "Student", "Consultant"], number % 3),
                "department": none,
                "company": text.pick([None, "self-employed", "University"], number % 3),
                "sfdc_contact_id": none,
                "sfdc_lead_id": none,
                "unsubscribed": no,
                "email_invalid": no,
                "created_at": plan.stamps(born * SECONDS + 31_000),
            },
        )

    def _deleted(self) -> Batch:
        """Some of those are deleted again."""
        plan = self.world.plan
        count = max(3, self.world.accounts.n // 80)
        number = np.arange(count) * 4
        day = plan.random("marketo deletions").integers(plan.days // 2, plan.days, count)
        order = np.argsort(day, kind="stable")
        number, day = number[order], day[order]
        table = pa.table(
            {
                "id": text.codes("", 480_000_000 + np.arange(count), 9),
                "lead_id": text.codes("", 3_000_000 + number, 7),
                "activity_date": plan.stamps(day * SECONDS + 56_000),
                "campaign_id": pa.nulls(count, pa.string()),
            }
        )
        return Batch("marketo/activity_delete_lead", table, day)


def marketo_ids(person: Ints, second: Bools | bool = False) -> pa.Array:
    """Ids of the records of people, or of their second records."""
    return text.codes("", 1_000_000 * (1 + np.asarray(second, dtype=np.int64)) + person, 7)
