"""Advertising and what touching accounts costs: LinkedIn Ads by company, daily spend.

What belongs here: impressions and clicks that the ad platform reports by company, restated days,
and the books of marketing and sales development. What does not: mail (`marketo`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from . import text
from .acting import Acting
from .batches import Batch
from .campaigns import KINDS, TRADE_SHOW, WEBINAR, Campaigns
from .company import MONTH
from .systems import lots
from .text import Ints

FLIGHT = 90  # days that a campaign on the ad platform runs
REPORTED_AFTER, RESTATED_AFTER = 2, 9  # days
BOOKS = ("ads", "events", "direct mail", "content", "sequencer")
FUNCTIONS = ("marketing", "marketing", "sales development", "marketing", "sales development")


class Ads:
    """Companies that saw and clicked, month by month; then the books."""

    def __init__(self, acting: Acting) -> None:
        self.acting, self.world, self.systems = acting, acting.world, acting.systems
        self.spent = np.zeros((self.world.plan.days, 2))  # USD by day and kind of campaign

    def month(self, month: int) -> Batch:
        """One row a company, campaign and day with an impression; some are restated later."""
        world, plan, accounts = self.world, self.world.plan, self.world.accounts
        noise = self.systems.noise
        r = plan.random("ads", month)
        day = np.arange(month * MONTH, (month + 1) * MONTH)
        listed = (accounts.listed_day <= day[:, None]) & (accounts.removed_day > day[:, None])
        lot = lots(np.arange(accounts.n) + 10_000_019 * (day[0] // FLIGHT), plan.seed + 51, 100)
        aimed_at = self.systems.sees_ads & (lot < 60)
        share = noise.ad_day_share * self.acting.intensity
        shown = (listed | (lot < 6)) & aimed_at & (r.random(listed.shape) < share)
        row, company = np.nonzero(shown)
        at = day[row]
        size = 1.0 + np.log10(accounts.employees[company] + 10)
        impressions = 3 + r.poisson(3.0 * size)
        motion = world.motion[at, company].astype(np.int64)
        clicks = r.binomial(impressions, noise.idle_ad_clicks + np.array(noise.ad_clicks)[motion])
        leads = (clicks > 0) & (r.random(len(row)) < 0.02)
        kind = (lot[company] % 2).astype(np.int64)
        cost = np.round(impressions * 0.055 + clicks * 7.5, 2)
        np.add.at(self.spent, (at, kind), cost)

        def rows(pick: Ints, seen: Ints) -> pa.Table:
            flight = 2 * (at[pick] // FLIGHT) + kind[pick]
            return pa.table(
                {
                    "date": plan.dates(at[pick]),
                    "company_domain": accounts.domain.take(pa.array(company[pick])),
                    "campaign_id": text.codes("", 310_000_000 + flight, 9),
                    "impressions": pa.array(seen),
                    "clicks": pa.array(clicks[pick]),
                    "leads": pa.array(leads[pick].astype(np.int64)),
                    "spend_usd": pa.array(np.round(cost[pick] * seen / impressions[pick], 2)),
                }
            )

        # The history load holds a restated day once; later a second delivery takes the first back.
        again = r.random(len(row)) < noise.restated_share
        final = np.where(again, impressions + 1 + impressions // 8, impressions)
        settled = at + RESTATED_AFTER <= plan.load_day
        everything = np.arange(len(row))
        late = np.flatnonzero(again & ~settled)
        return Batch(
            "linkedin_ads/company_engagement",
            pa.concat_tables(
                [rows(everything, np.where(settled, final, impressions)), rows(late, final[late])]
            ),
            np.concatenate([at + REPORTED_AFTER, at[late] + RESTATED_AFTER]),
        )

    def books(self, plans: Campaigns) -> Iterator[Batch]:
        """What was spent, booked on the second day of the week after."""
        plan, accounts = self.world.plan, self.world.accounts
        r = plan.random("spend")
        parts: list[tuple[Ints, int, pa.Array, Ints, np.ndarray]] = []  # day, book, campaign, ...

        def book(day: Ints, which: int, campaign: pa.Array, account: Ints, usd: np.ndarray) -> None:
            parts.append((day, which, campaign, account, usd))

        def nobody(day: Ints) -> Ints:
            return np.full(len(day), -1)

        day, kind = np.nonzero(self.spent)
        flight = text.codes("", 310_000_000 + 2 * (day // FLIGHT) + kind, 9)
        book(day, 0, flight, nobody(day), self.spent[day, kind])
        held = np.flatnonzero(np.isin(plans.kind, [WEBINAR, TRADE_SHOW]))
        on = plans.day[held]
        named = text.join(
            text.pick([k.lower().replace(" ", "-") for k in KINDS], plans.kind[held]),
            text.codes("-", held + 1, 3),
        )
        cost = np.where(plans.kind[held] == TRADE_SHOW, 35_000.0, 4_000.0)
        book(on, 1, named, nobody(on), cost + held * 37 % 900)
        # Parcels to people of companies in the first tiers.
        worth = np.flatnonzero(accounts.is_listed & accounts.in_crm & (accounts.tier < 3))
        count = max(8, worth.size * plan.months // 24)
        to = r.choice(worth, count)
        posted = r.integers(0, plan.days, count)
        fine = (accounts.listed_day[to] <= posted) & (accounts.created_day[to] < posted)
        once = np.unique(np.stack([posted[fine], to[fine]]), axis=1)
        cost = 40.0 + once[1] % 60
        book(once[0], 2, pa.nulls(len(cost), pa.string()), once[1], cost)
        month = np.arange(plan.months) * MONTH + 2
        book(month, 3, pa.nulls(len(month), pa.string()), nobody(month), 6_000.0 + month % 700)
        weekly = np.arange(0, plan.days, 7)
        seats = np.full(len(weekly), 10 * 25.0)
        book(weekly, 4, pa.nulls(len(weekly), pa.string()), nobody(weekly), seats)

        dated = np.concatenate([p[0] for p in parts])
        which = np.concatenate([np.full(len(p[0]), p[1]) for p in parts])
        account = np.concatenate([p[3] for p in parts])
        usd = np.concatenate([p[4] for p in parts])
        table = pa.table(
            {
                "date": plan.dates(dated),
                "channel": text.pick(BOOKS, which),
                "function": text.pick(FUNCTIONS, which),
                "campaign_id": pa.concat_arrays([p[2] for p in parts]),
                "crm_account_id": text.blank(
                    self.acting.homes.account_names(np.maximum(account, 0)), account < 0
                ),
                "spend_usd": pa.array(np.round(usd, 2)),
            }
        )
        order = np.argsort(dated, kind="stable")
        booked = dated + 7 - plan.weekday(dated) + 1
        yield Batch("spend/daily", table.take(pa.array(order)), booked[order])
