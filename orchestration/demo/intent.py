"""What intent providers report: Bombora's surges, and others in one table.

What belongs here: scores and counts that a provider derives from what companies read elsewhere, and
which domains it can see. What does not: what the scores mean to us.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import text
from .acting import Acting
from .batches import Batch
from .company import INDUSTRIES, MONTH, Plan, World
from .systems import lots
from .text import Ints

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

SIXSENSE_KEYWORDS = (
    "data lakehouse platform",
    "data integration tools",
    "data governance software",
    "business intelligence software",
)
SIXSENSE_FLOOR = 50  # the export leaves out keywords below this score, but for some without one
G2_PAGES = ("Data Warehouse", "ETL Tools", "Analytics Platforms")
MONDAY, SUNDAY = 0, 6


class Intent:
    """Reports of intent providers, month by month."""

    def __init__(self, acting: Acting) -> None:
        self.acting, self.world, self.systems = acting, acting.world, acting.systems
        n, seed = self.world.accounts.n, self.world.plan.seed
        self.surging = np.zeros(n, dtype=np.int64)  # weeks left of an unrelated project
        topic = text.mix(np.arange(n * len(TOPICS)), seed + 31)
        self.reads = ((topic >> np.uint64(20)) % np.uint64(100) < 55).reshape(n, -1)
        share = round(100 * self.systems.noise.sixsense_reads_share)
        keyword = lots(np.arange(n * len(SIXSENSE_KEYWORDS)), seed + 61, 100)
        self.searches = (keyword < share).reshape(n, -1)

    def month(self, month: int) -> list[Batch]:
        """All reports of a month."""
        return [self._bombora(month), self._sixsense(month), self._g2(month)]

    def _reports(self, month: int, weekday: int) -> list[int]:
        """The days of a month that are this day of the week."""
        days = np.arange(month * MONTH, (month + 1) * MONTH)
        return [int(day) for day in days[self.world.plan.weekday(days) == weekday]]

    def _bombora(self, month: int) -> Batch:
        """Weekly reports, dated Sundays and delivered on the Tuesday after."""
        world, plan, noise = self.world, self.world.plan, self.world.noise
        accounts = world.accounts
        seen = np.flatnonzero(accounts.sees_intent)
        strangers = len(world.outsiders)
        topic_count = len(TOPICS)
        columns: list[tuple[Ints, Ints, Ints, Ints]] = []
        for day in self._reports(month, SUNDAY):
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
                (score >= REPORT_FLOOR) & (r.random(score.shape) < self.acting.intensity)
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

    def _sixsense(self, month: int) -> Batch:
        """A weekly export, delivered two days later: a score a company and keyword, `-` for none.

        Every other month's files write dates the American way; they come as text.
        """
        world, plan, noise = self.world, self.world.plan, self.systems.noise
        seen = np.flatnonzero(self.systems.sees_sixsense)
        parts: list[tuple[Ints, Ints, Ints, Ints]] = []
        for day in self._reports(month, MONDAY):
            r = plan.random("6sense", day)
            motion = world.motion[max(day - 4, 0), seen].astype(np.int64)
            lift = np.array(noise.sixsense_lift)[motion][:, None] * self.searches[seen]
            score = r.normal(noise.sixsense_base, noise.sixsense_sd, lift.shape)
            score = np.rint((score + lift * r.uniform(0.6, 1.4, lift.shape)).clip(0, 100))
            unscored = r.random(lift.shape) < noise.unscored_share
            kept = ((score >= SIXSENSE_FLOOR) | unscored) & (
                r.random(lift.shape) < self.acting.intensity
            )
            row, keyword = np.nonzero(kept)
            value = np.where(unscored[row, keyword], -1, score[row, keyword]).astype(np.int64)
            parts.append((seen[row], keyword, value, np.full(len(row), day)))
        company, keyword, score, dated = (np.concatenate([p[i] for p in parts]) for i in range(4))
        scores = pa.array(score).cast(pa.string())
        table = pa.table(
            {
                "provider": text.pick(["6sense"], np.zeros(len(score), dtype=np.int64)),
                "domain": world.accounts.domain.take(pa.array(company)),
                "topic": text.pick(SIXSENSE_KEYWORDS, keyword),
                "score": pc.if_else(pa.array(score < 0), "-", scores),
                "interactions": pa.nulls(len(score), pa.string()),
                "people": pa.nulls(len(score), pa.string()),
                "report_date": _written(plan, dated, american=month % 2 == 1),
            }
        )
        part = "6sense_us" if month % 2 else "6sense"
        return Batch("intent/topic_scores", table, dated + 2, part)

    def _g2(self, month: int) -> Batch:
        """Visits to category pages in a week, counted; no score."""
        world, plan, noise = self.world, self.world.plan, self.systems.noise
        seen = np.flatnonzero(self.systems.sees_g2)
        parts: list[tuple[Ints, Ints, Ints, Ints]] = []
        for day in self._reports(month, MONDAY):
            r = plan.random("g2", day)
            motion = world.motion[max(day - 4, 0), seen].astype(np.int64)
            rate = noise.g2_idle + np.array(noise.g2_visits)[motion] * self.acting.intensity
            visits = r.poisson(np.tile(rate[:, None], (1, len(G2_PAGES))))
            row, page = np.nonzero(visits)
            parts.append((seen[row], page, visits[row, page], np.full(len(row), day)))
        company, page, visits, dated = (np.concatenate([p[i] for p in parts]) for i in range(4))
        pages = visits * (1 + lots(company + dated, plan.seed + 63, 3))
        table = pa.table(
            {
                "provider": text.pick(["g2"], np.zeros(len(page), dtype=np.int64)),
                "domain": world.accounts.domain.take(pa.array(company)),
                "topic": text.pick(G2_PAGES, page),
                "score": pa.nulls(len(page), pa.string()),
                "interactions": pa.array(pages).cast(pa.string()),
                "people": pa.array(np.minimum(visits, 4)).cast(pa.string()),
                "report_date": _written(plan, dated, american=False),
            }
        )
        return Batch("intent/topic_scores", table, dated + 2, "g2")


def _written(plan: Plan, days: Ints, american: bool) -> pa.Array:
    """Dates as text: 2026-06-29, or 6/29/2026."""
    dates = plan.dates(days)
    if not american:
        return dates.cast(pa.string())
    month, day, year = (part(dates).cast(pa.string()) for part in (pc.month, pc.day, pc.year))
    return text.join(month, day, year, by="/")


def universe(world: World) -> Batch:
    """Once a quarter and on a day of the last month: the domains that Bombora can see."""
    plan, accounts = world.plan, world.accounts
    seen = pa.concat_arrays(
        [accounts.domain.filter(pa.array(accounts.sees_intent)), world.outsiders]
    )
    days = sorted({*range(plan.load_day - 5, 0, -90), plan.days - 20})
    table = pa.concat_tables(
        [
            pa.table(
                {
                    "provider": text.pick(["bombora"], np.zeros(len(seen), dtype=np.int64)),
                    "domain": seen,
                    "seen_on": plan.dates(np.full(len(seen), day)),
                }
            )
            for day in days
        ]
    )
    return Batch("intent_coverage/domains", table, np.repeat(days, len(seen)))
