"""The systems around the CRM: whom marketing, advertising and further intent providers can see.

What belongs here: who is known to which of these systems, and the chances with which each blurs
what it sees. What does not: what they write down (`marketo`, `ads`, `intent`), and the market
itself (`company`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .company import NEVER, Accounts, Bools, Plan, World
from .text import Ints, mix


@dataclass(frozen=True)
class SystemNoise:
    """How blurred these systems are, and what a motion does to what they see.

    FIXED in the first commit that has it and NEVER tuned to results, by the promise of
    `company.Noise`. Shares are 0-1, rates are per day unless a name says otherwise. Four numbers
    in a row are for the motions none, interest, buying, deal.
    """

    # who can be seen at all, of companies that any channel sees
    ads_see_share: float = 0.52
    sixsense_sees_share: float = 0.36
    g2_sees_share: float = 0.20
    # whom marketing knows
    synced_share: float = 0.85  # people of the CRM whom marketing automation holds too
    own_leads_share: float = 0.10  # people whom marketing alone knows
    double_share: float = 0.015  # people who stand twice in marketing automation
    subscriber_share: float = 0.11  # of those it knows, readers of the newsletter
    # mail
    prefetch_share: float = 0.38  # people whose mail program opens everything by itself
    scanner_share: float = 0.07  # companies whose mail gateway follows every link
    true_open_share: float = 0.20
    idle_click_share: float = 0.004  # of newsletters delivered
    click_shares: tuple[float, ...] = (0.0, 0.025, 0.06, 0.05)  # the same, involved people
    soft_bounce_share: float = 0.006  # mails that bounce once and arrive the next time
    # advertising
    ad_day_share: float = 0.065  # days on which a matched company of the audience is shown one
    idle_ad_clicks: float = 0.003  # of impressions
    ad_clicks: tuple[float, ...] = (0.0, 0.006, 0.014, 0.009)  # added to that
    restated_share: float = 0.15  # company days that a later report states again
    # a provider whose normal is about 30 and whose surging is about 70
    sixsense_base: float = 30.0
    sixsense_sd: float = 8.0
    sixsense_lift: tuple[float, ...] = (0.0, 14.0, 40.0, 32.0)
    sixsense_reads_share: float = 0.40  # keywords that a company would read about
    unscored_share: float = 0.010  # company keywords exported without a score
    # a provider that counts visits to its category pages, per company and week
    g2_idle: float = 0.010
    g2_visits: tuple[float, ...] = (0.0, 0.10, 0.55, 0.35)


@dataclass
class Systems:
    """Who is known where. Columns by company, then by person."""

    noise: SystemNoise
    sees_ads: Bools
    sees_sixsense: Bools
    sees_g2: Bools
    scans_mail: Bools
    synced: Bools  # marketing automation takes the person over from the CRM
    own_lead_day: Ints  # the day on which marketing learns of the person by itself
    doubled: Bools
    subscribes: Bools
    prefetches: Bools

    def marketing_day(self, world: World) -> Ints:
        """The day from which marketing automation holds each person, as known by now."""
        taken_over = np.where(self.synced, world.people.known_day + 1, NEVER)
        return np.minimum(self.own_lead_day, taken_over)


def draw(world: World, noise: SystemNoise | None = None) -> Systems:
    """Draw who is known to which system."""
    noise = noise or SystemNoise()
    plan, accounts, people = world.plan, world.accounts, world.people
    visible = (0.75 + 0.5 / (1 + np.exp(-np.log(accounts.employees / 1200)))).clip(0, 1.15)
    r = plan.random("marketing people")
    dark = accounts.is_dark[people.account]
    own = ~dark & (r.random(people.n) < noise.own_leads_share)
    return Systems(
        noise=noise,
        sees_ads=_sees(plan, accounts, "ads see", noise.ads_see_share * visible),
        sees_sixsense=_sees(plan, accounts, "6sense sees", noise.sixsense_sees_share * visible),
        sees_g2=_sees(plan, accounts, "g2 sees", noise.g2_sees_share * visible),
        scans_mail=plan.random("mail gateways").random(accounts.n) < noise.scanner_share,
        synced=(r.random(people.n) < noise.synced_share) & ~lacks_mail(world),
        own_lead_day=np.where(own, r.integers(-300, plan.days, people.n), NEVER),
        doubled=r.random(people.n) < noise.double_share,
        subscribes=r.random(people.n) < noise.subscriber_share,
        prefetches=r.random(people.n) < noise.prefetch_share,
    )


def _sees(plan: Plan, accounts: Accounts, purpose: str, share: np.ndarray) -> Bools:
    seen: Bools = ~accounts.is_dark & (plan.random(purpose).random(accounts.n) < share)
    return seen


def lacks_mail(world: World) -> Bools:
    """People whose CRM record has no address."""
    missing: Bools = world.plan.random("crm people").random(world.people.n) < 0.03
    return missing


def lots(keys: Ints, salt: int, of: int) -> Ints:
    """A lot of 0 to `of` - 1 for each key, the same wherever it is drawn again."""
    return (mix(keys, salt) >> np.uint64(24)).astype(np.int64) % of
