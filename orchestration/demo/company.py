"""The market as it truly is: companies, their people, buying windows and motions.

What belongs here: latent facts and the chances behind them. What does not: what any system
records of them (`activity`, `records`) or when it is delivered (`deliveries`).

Days are integers counted from the first simulated day (negative before it). Arrays are columns:
position a is company a, position p is person p. Everything is drawn from generators keyed by
seed and purpose, so one draw more in one place moves nothing in another.
"""

from __future__ import annotations

import datetime as dt
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from . import text, titles
from .text import Ints

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MONTH = 30  # days in a simulated month: the unit in which activity is generated
DAILY = 30  # the last days, delivered day by day; everything before is the history load
BURN_IN = 240  # days the motions run before the first day, so that they start mid-life
NEVER = 10**6

NONE, INTEREST, BUYING, DEAL = range(4)
MOTIONS = ("none", "interest", "buying", "deal")
PERSONAS = (
    "economic_buyer",
    "champion",
    "technical",
    "user",
    "procurement",
    "blocker",
    "bystander",
)
# Seats that a purchase truly needs, per persona, in a mid-sized and in a large company.
SEATS = np.array([[1, 1, 1, 1, 1, 0, 0], [1, 2, 2, 2, 1, 0, 0]])

FIT_INDUSTRIES = ("Software", "Financial Services", "Manufacturing", "Healthcare", "Retail")
OTHER_INDUSTRIES = (
    "Education",
    "Government",
    "Hospitality",
    "Agriculture",
    "Non-profit",
    "Construction",
    "Media",
)
INDUSTRIES = FIT_INDUSTRIES + OTHER_INDUSTRIES
COUNTRIES = (
    "United States",
    "United Kingdom",
    "Germany",
    "France",
    "Netherlands",
    "Sweden",
    "Canada",
    "Spain",
    "Brazil",
    "India",
)
COUNTRY_SHARES = (0.44, 0.13, 0.13, 0.08, 0.06, 0.04, 0.06, 0.03, 0.015, 0.015)
CURRENCIES = ("USD", "GBP", "EUR", "EUR", "EUR", "SEK", "CAD", "EUR", "BRL", "INR")
CRMS = ("salesforce", "hubspot", "both")
ENDINGS = (".com", ".co.uk", ".de", ".fr", ".nl", ".se", ".ca", ".es", ".com.br", ".in")


@dataclass(frozen=True)
class Noise:
    """How blurred the world is. FIXED in the first commit that has it and NEVER tuned to results.

    These numbers were set once, from what the feeds of such companies commonly look like, before
    any mart had been computed on them. Changing one to make a score look better makes every
    published comparison worthless. Shares are 0-1, rates are per day unless a name says otherwise.
    """

    # who can be seen at all
    dark_share: float = 0.10  # companies that no channel sees
    intent_sees_share: float = 0.66
    resolver_sees_share: float = 0.56
    cookie_share: float = 0.55  # known people who can be recognised on the web
    office_ip_share: float = 0.55  # sessions from the office rather than from home
    wrong_resolution_share: float = 0.02  # office addresses that resolve to another company
    # acts that mean nothing
    idle_sessions: float = 0.0030  # a committee member of a company that wants nothing
    idle_spread: float = 0.9  # log standard deviation of that between people
    passer_sessions: float = 0.010  # other employees and job seekers, per company
    busy_visitor_share: float = 0.004  # people who, in a given month, read for themselves
    busy_sessions: float = 0.40
    customer_sessions: float = 0.05  # a customer's user, in the product's help and login pages
    idle_reply_share: float = 0.012  # replies to a touch that mean nothing ("not interested")
    idle_meetings: float = 0.0006  # per company
    idle_response_share: float = 0.012  # invited people who come to a webinar for no reason
    idle_forms: float = 0.00003
    # intent scores (0-100)
    score_base: float = 46.0
    score_sd: float = 7.0
    false_surge_share: float = 0.006  # company-weeks in which an unrelated project starts reading
    false_surge_lift: float = 13.0
    # people
    bounced_share: float = 0.06
    departed_share: float = 0.07
    opted_out_share: float = 0.05
    free_mail_share: float = 0.04
    blank_title_share: float = 0.08
    # bookkeeping
    logged_late_share: float = 0.08  # tasks written down days after they happened
    received_late_share: float = 0.02  # page events that a device sent later
    hopeful_deal_share: float = 0.02  # companies with an early deal that has no motion behind it
    blank_name_share: float = 0.80  # intent rows without a company name


@dataclass(frozen=True)
class Rates:
    """What a motion does to behaviour: by motion (none, interest, buying, deal).

    FIXED with `Noise`, by the same promise. Rates are per day and involved person unless a
    comment says otherwise.
    """

    involved_share: tuple[float, ...] = (0.0, 0.32, 0.62, 0.75)
    sessions: tuple[float, ...] = (0.0, 0.040, 0.070, 0.060)
    forms: tuple[float, ...] = (0.0, 0.0006, 0.0035, 0.0010)
    replies: tuple[float, ...] = (0.0, 0.006, 0.022, 0.045)  # of people we are in touch with
    meetings: tuple[float, ...] = (0.0, 0.003, 0.022, 0.065)  # per company
    responses: tuple[float, ...] = (0.0, 0.10, 0.22, 0.20)  # share of those invited
    uninvited: tuple[float, ...] = (0.0, 0.010, 0.030, 0.015)  # per campaign
    score_lift: tuple[float, ...] = (0.0, 9.0, 20.0, 15.0)  # on the topics the company reads about


@dataclass(frozen=True)
class Plan:
    """What is asked for: number of targets, months of history, activity rows, seed, last day.

    crm: `salesforce`, `hubspot` or `both`. campaigns: whether the CRM keeps campaigns and their
    members, which HubSpot's tables do not. mishaps: whether deliveries go wrong. silent_days: how
    many days before the end the visits stop arriving, where deliveries go wrong; 0: they do not
    stop. The same company is simulated whatever these say: only what lands changes.

    programme_lift: by which share visits, forms, replies and meetings rise from the first day of
    the programme on, at half of the accounts ever on its list (`World.lifted`); 0: by nothing.
    """

    accounts: int = 2000
    months: int = 18
    activities: int = 1_000_000
    seed: int = 7
    end: dt.date = dt.date(2026, 6, 30)
    crm: str = "salesforce"
    campaigns: bool = True
    mishaps: bool = True
    silent_days: int = 12
    programme_lift: float = 0.0

    def __post_init__(self) -> None:
        if self.accounts < 40 or self.months < 3 or self.activities < 1000:
            raise ValueError("at least 40 accounts, 3 months and 1,000 activities are needed")
        if self.crm not in CRMS:
            raise ValueError(f"crm {self.crm!r} is none of {', '.join(CRMS)}")
        if not 0 <= self.silent_days <= DAILY:
            raise ValueError(f"silent days: 0 to {DAILY}, the days that come one by one")
        if not 0 <= self.programme_lift <= 3:
            raise ValueError("programme lift: 0 to 3, the share by which acts rise")

    @property
    def days(self) -> int:
        return self.months * MONTH

    @property
    def load_day(self) -> int:
        """The day of the history load; everything after it is delivered daily."""
        return self.days - 1 - DAILY

    @property
    def first_date(self) -> dt.date:
        return self.end - dt.timedelta(days=self.days - 1)

    @property
    def epoch_day(self) -> int:
        """Days from 1970-01-01 to day 0."""
        return (self.first_date - dt.date(1970, 1, 1)).days

    def weekday(self, day: Ints) -> Ints:
        """0 for Monday."""
        weekday: Ints = (day + self.epoch_day + 3) % 7
        return weekday

    def random(self, purpose: str, part: int = 0) -> np.random.Generator:
        """A generator of its own for each purpose and part."""
        key = [self.seed, zlib.crc32(purpose.encode()), part]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))

    def dates(self, days: npt.ArrayLike) -> pa.Array:
        """Arrow dates; days beyond +-100,000 are null."""
        days = np.asarray(days, dtype=np.int64)
        values = (days + self.epoch_day).astype(np.int32)
        return pa.array(values, mask=np.abs(days) > 100_000).cast(pa.date32())

    def stamps(self, seconds: npt.ArrayLike) -> pa.Array:
        """Arrow UTC timestamps from seconds since day 0; beyond +-100,000 days null."""
        seconds = np.asarray(seconds, dtype=np.int64)
        unset = np.abs(seconds) > 100_000 * 86_400
        values = np.where(unset, 0, (seconds + self.epoch_day * 86_400) * 1000)
        return pa.array(values, pa.timestamp("ms", "UTC"), mask=unset)


@dataclass
class Accounts:
    """Companies, targets first. `n` of them; see the columns' comments."""

    n: int
    is_listed: Bools  # ever on the target list
    listed_day: Ints
    removed_day: Ints
    tier: Ints  # 1-3
    in_crm: Bools
    created_day: Ints  # in the CRM
    true_fit: Bools
    industry: Ints
    country: Ints
    employees: Ints
    revenue: Ints
    has_data_stack: Bools
    is_dark: Bools
    sees_intent: Bools
    sees_web: Bools
    readiness: Floats  # (n, 4): pressure, ownership, authority alignment, timing tolerance
    build: Floats  # share of the people that the CRM tends to hold
    effort: Floats  # how often sales development works the company, 0-1
    owner: Ints  # user
    customer_since: Ints  # NEVER if it was no customer on the first day
    customer_until: Ints
    parent: Ints  # -1
    name: pa.Array
    domain: pa.Array  # where its people's mail and its visits belong
    is_large: Bools


@dataclass
class People:
    """Real people at the companies. `known_day`, `lead_day` and so on change as months pass."""

    n: int
    account: Ints
    persona: Ints
    job: Ints  # index of titles.JOBS, -1 for a blank title
    title: Ints  # index of titles.WORDINGS, -1 for a blank one
    first: Ints
    last: Ints
    has_free_mail: Bools
    known_day: Ints  # the CRM has a contact or lead from this day on
    lead_day: Ints  # a lead from this day on
    converted_day: Ints  # the lead became a contact on this day
    cookie: Bools  # can be recognised on the web once known
    left_day: Ints
    bounced_day: Ints
    opted_out_day: Ints
    keenness: Floats  # weight of the person's acts, mean 1
    threshold: Floats  # involved in a motion whose involved share is above it
    idle: Floats  # sessions a day without any motion
    filed_under: Ints  # CRM account record: the company's own, or a duplicate of it

    def contact_day(self) -> Ints:
        """The day the person is a CRM contact (not only a lead)."""
        return np.where(self.lead_day < NEVER, self.converted_day, self.known_day)


@dataclass
class Windows:
    """True buying windows, one per position; `is_known` ones also stand in the timing feed."""

    account: Ints
    kind: Ints  # index of WINDOW_TYPES
    is_open: Bools
    starts: Ints
    ends: Ints
    is_known: Bools
    recorded: Ints


@dataclass
class Runs:
    """Motion episodes, ordered by company and start; `ends` is inclusive."""

    account: Ints
    motion: Ints
    starts: Ints
    ends: Ints
    is_running: Bools  # still going on at the end


@dataclass
class Duplicates:
    """Second CRM records of one company, numbered from `Accounts.n` on, merged on a day."""

    survivor: Ints
    created_day: Ints
    merged_day: Ints


@dataclass
class World:
    """Everything that is true."""

    plan: Plan
    noise: Noise
    rates: Rates
    accounts: Accounts
    people: People
    windows: Windows
    duplicates: Duplicates
    outsiders: pa.Array  # domains of companies that nobody here knows
    motion: npt.NDArray[np.uint8]  # (days, companies): motion on each day
    runs: Runs

    @property
    def programme_start(self) -> int:
        """First day of the programme for which the targets are listed."""
        return int(np.median(self.accounts.listed_day[self.accounts.is_listed]))

    @property
    def lifted(self) -> Bools:
        """Companies whose acts `Plan.programme_lift` raises: half of those ever listed, by lot."""
        lot = self.plan.random("programme lift").random(self.accounts.n) < 0.5
        chosen: Bools = lot & self.accounts.is_listed & (self.plan.programme_lift > 0)
        return chosen


WINDOW_TYPES = ("competitor_contract", "planning", "budget_freeze")

FIRST_NAMES = (
    "Anna Ben Carla David Elena Frank Grace Hugo Ines Jonas Karin Liam Maria Noah Olivia Paul "
    "Quentin Rosa Samuel Tara Ulrich Vera William Xenia Yusuf Zoe Amir Bianca Cedric Diana "
    "Emil Fatima Gustav Helena Igor Julia Kenji Laura Mateo Nina Oscar Priya Rafael Sofia "
    "Thomas Uma Victor Wanda Aiko Bruno Clara Dmitri Eva Felix Gloria Henrik Isabel James Kofi"
).split()
LAST_NAMES = (
    "Adler Baker Costa Dubois Evans Fischer Garcia Hansen Ivanov Jensen Keller Lopez Meyer Novak "
    "Olsen Patel Quinn Rossi Schmidt Taylor Ueda Vogel Weber Xu Young Zimmer Abbott Brandt Clarke "
    "Dietrich Eriksson Ferrari Gomez Holm Iqbal Jansen Kowalski Larsen Moreau Nguyen Okafor Petit "
    "Reed Santos Thompson Urban Vidal Wagner Yilmaz Zhang Andersson Becker Carter Dahl Ellis Frost "
    "Gallo Hughes Ito Johnson Klein Lund Martin Nilsson Ortiz Peters Rao Silva Tanaka Ullman Vance "
    "Walsh Yang Ziegler Ahmed Bauer Cohen Diaz Engel Ford Gupta Hart Ibsen Jones Kim Lee Mora Nash "
    "Owens Price Ross Stone Turner Usman Vega Wood York"
).split()
_HEADS = "Al Bren Cor Dal Ev Fen Gal Hel Is Jor Kel Lum Mar Nor Or Pel Quor Riv Sol Tor".split()
_HEADS += "Ul Vek Wes Xan Yar Zen Ast Bor Cal Dor Elm Fal Gren Hav Ing Jul Kor Lor Mon Nim".split()
_TAILS = "ana aro aven ax eda ek elo enta era eto ian ida il ima ion ira is ito ium iva".split()
_TAILS += "ix ocr olo on ona ora oro os ova ox ula um una ura us uta uvo yle yn ys".split()
_WORDS = (
    "Systems Group Industries Health Bank Retail Software Logistics Labs Partners Energy Foods "
    "Capital Networks Media Insurance Motors Pharma Analytics Devices Materials Stores Mobility "
    "Services Robotics Textiles Clinics Payments Chemicals Packaging Optics Metals Tools Paper "
    "Travel Homes Security Ventures Digital Engineering Works Supply Trading Brands Holdings Care "
    "Diagnostics Semiconductors Finance Credit Aviation Rail Marine Power Water Solar Wind Grid "
    "Telecom Cloud Data Design Studios Press Learning Academy Farms Dairy Beverages Kitchens "
    "Resorts Hotels Events Sports Fashion Beauty Outdoor Toys Electronics Appliances Furniture"
).split()


def build(plan: Plan, noise: Noise | None = None, rates: Rates | None = None) -> World:
    """Draw the whole latent world for a plan."""
    noise, rates = noise or Noise(), rates or Rates()
    accounts = _accounts(plan, noise)
    windows, in_window = _windows(plan, accounts)
    motion, runs = _motions(plan, accounts, in_window)
    people = _people(plan, noise, accounts)
    duplicates = _duplicates(plan, accounts, people)
    extra = max(60, accounts.n // 8)
    nowhere = np.zeros(accounts.n + extra, dtype=np.int64)
    outsiders = _names(plan, len(nowhere), nowhere)[1].slice(accounts.n)
    return World(plan, noise, rates, accounts, people, windows, duplicates, outsiders, motion, runs)


def _names(plan: Plan, n: int, country: Ints) -> tuple[pa.Array, pa.Array]:
    """Invented company names and their domains, all different."""
    combinations = 1600 * len(_WORDS)
    place = (np.arange(n) * 7919 + plan.seed * 104_729) % combinations
    word, stem = np.divmod(place, 1600)
    head, tail = text.pick(_HEADS, stem // 40), text.pick(_TAILS, stem % 40)
    again = np.arange(n) // combinations
    number = text.pick([""] + [f" {k}" for k in range(2, 40)], again)
    words = text.pick(_WORDS, word)
    name = text.join(text.join(head, tail), text.join(words, number), by=" ")
    lower = text.pick([w.lower() for w in _WORDS], word)
    slug = text.join(
        text.pick([h.lower() for h in _HEADS], stem // 40),
        tail,
        lower,
        text.pick([""] + [str(k) for k in range(2, 40)], again),
    )
    ending = np.where(np.arange(n) % 3 == 0, country, 0)
    return name, text.join(slug, text.pick(ENDINGS, ending))


def _accounts(plan: Plan, noise: Noise) -> Accounts:
    r = plan.random("accounts")
    n_targets = plan.accounts
    n = n_targets + round(0.2 * n_targets)
    is_listed = np.arange(n) < n_targets
    true_fit = r.random(n) < np.where(is_listed, 0.83, 0.5)

    # Poor fit shows in the industry, the size (too small, too large), or in nothing one can see.
    reason = np.where(true_fit, -1, np.searchsorted([0.45, 0.75, 0.86], r.random(n)))
    industry = r.integers(0, 5, n)
    industry = np.where(reason == 0, 5 + r.integers(0, 7, n), industry)
    size = np.exp(r.normal(np.log(1800), 0.9, n)).clip(200, 20_000)
    size = np.where(reason == 1, np.exp(r.normal(np.log(50), 0.7, n)).clip(4, 160), size)
    size = np.where(reason == 2, np.exp(r.normal(np.log(60_000), 0.5, n)).clip(26_000, None), size)
    employees = size.astype(np.int64)
    revenue = (size * np.exp(r.normal(np.log(210_000), 0.5, n))).astype(np.int64) // 1000 * 1000
    country = r.choice(len(COUNTRIES), n, p=COUNTRY_SHARES)

    start = plan.days - 450 if plan.days >= 460 else min(30, plan.days // 3)
    listed = np.where(r.random(n) < 0.86, start, r.integers(start, plan.load_day - 5, n))
    recent = r.random(n) < 0.004
    recent[7] = True
    listed = np.where(recent, plan.days - 5 - r.integers(0, 20, n), listed)
    removed = np.where((r.random(n) < 0.025) & ~recent, listed + 40 + r.integers(0, 300, n), NEVER)
    removed[11] = plan.days - 15
    removed = np.where(removed > plan.days - 3, NEVER, removed)

    in_crm = ~is_listed | (r.random(n) < 0.91)
    in_crm[7] = True
    created = np.where(r.random(n) < 0.9, -r.integers(20, 1500, n), r.integers(0, plan.load_day, n))
    created = np.where(r.random(n) < 0.006, plan.days - 1 - r.integers(0, 28, n), created)
    created = np.where(listed < created, listed - 3, created)  # nobody lists an unknown CRM id

    is_dark = r.random(n) < noise.dark_share
    visible = (0.75 + 0.5 / (1 + np.exp(-np.log(employees / 1200)))).clip(0, 1.15)
    sees_intent = ~is_dark & (r.random(n) < noise.intent_sees_share * visible)
    sees_web = ~is_dark & (r.random(n) < noise.resolver_sees_share * visible)
    readiness = r.beta(1.6, 1.6, (n, 4)).clip(0.02, 0.98)

    tier = np.searchsorted([0.15, 0.5], r.random(n)) + 1
    effort = (
        r.beta(0.9, 1.0, n) * np.choose(tier - 1, [1.0, 0.85, 0.65]) * np.where(is_listed, 1, 0.5)
    )
    build_share = np.where(is_dark, 0.0, r.beta(2.2, 1.1, n))

    chance = r.random(n)
    can_buy = true_fit & in_crm & (created < -600)
    is_customer = can_buy & (chance < 0.16)
    was_customer = can_buy & (chance > 0.93)
    since = np.where(is_customer | was_customer, created + 60 + r.integers(0, 400, n), NEVER)
    since = np.where(since < -20, since, np.where(since < NEVER, -25, NEVER))
    years = (-since // 365 + 1).clip(1, None)
    until = np.where(was_customer, since + 365 * years.clip(1, 2), NEVER)
    # Some customers leave during the simulation, at the end of a contract year.
    leaves = is_customer & (r.random(n) < 0.15)
    until = np.where(leaves, since + 365 * years, until)

    name, domain = _names(plan, n, country)
    parent = np.full(n, -1)
    child = np.flatnonzero((r.random(n) < 0.06) & (np.arange(n) > 20) & in_crm)
    candidate = (child * r.random(len(child)) * 0.9).astype(np.int64)
    fine = in_crm[candidate] & (parent[candidate] < 0) & ~np.isin(candidate, child)
    parent[child[fine]] = candidate[fine]
    region = text.pick(COUNTRIES, country)
    daughters = parent >= 0
    named_after = name.take(pa.array(np.maximum(parent, 0)))
    name = pc.if_else(pa.array(daughters), text.join(named_after, region, by=" "), name)
    return Accounts(
        n=n,
        is_listed=is_listed,
        listed_day=np.where(is_listed, listed, NEVER),
        removed_day=np.where(is_listed, removed, NEVER),
        tier=tier,
        in_crm=in_crm,
        created_day=created,
        true_fit=true_fit,
        industry=industry,
        country=country,
        employees=employees,
        revenue=revenue,
        has_data_stack=r.random(n) < np.where(true_fit, 0.7, 0.3),
        is_dark=is_dark,
        sees_intent=sees_intent,
        sees_web=sees_web,
        readiness=readiness,
        build=build_share,
        effort=effort,
        owner=10 + r.integers(0, 16, n),
        customer_since=since,
        customer_until=until,
        parent=parent,
        name=name,
        domain=domain,
        is_large=employees >= 2500,
    )


def _windows(plan: Plan, accounts: Accounts) -> tuple[Windows, Bools]:
    """True windows, and whether each company may buy on each day, shape (days + burn-in, n)."""
    r, n = plan.random("windows"), accounts.n
    chance = r.random(n)
    parts: list[tuple[Ints, int, bool, Ints, Ints]] = []
    bound = np.flatnonzero(chance < 0.20)  # under contract with a competitor
    until = r.integers(-150, plan.days + 500, len(bound))
    parts.append((bound, 0, False, until - 1095, until - 150))
    parts.append((bound, 0, True, until - 149, until + 75))
    planned = np.flatnonzero((chance >= 0.20) & (chance < 0.33))  # buys in its planning season
    season = r.integers(-BURN_IN - 365, -BURN_IN, len(planned))
    for year in range((plan.days + BURN_IN) // 365 + 3):
        opens = season + 365 * year
        parts.append((planned, 1, True, opens, opens + 110))
    frozen = np.flatnonzero((chance >= 0.33) & (chance < 0.46))
    starts = r.integers(-100, plan.days, len(frozen))
    parts.append((frozen, 2, False, starts, starts + r.integers(60, 240, len(frozen))))

    account = np.concatenate([p[0] for p in parts])
    kind = np.concatenate([np.full(len(p[0]), p[1]) for p in parts])
    is_open = np.concatenate([np.full(len(p[0]), p[2]) for p in parts])
    begins = np.concatenate([p[3] for p in parts])
    ends = np.concatenate([p[4] for p in parts])
    known = (r.random(n) < 0.6)[account]
    learned = r.integers(-120, plan.days, n)[account]
    learned = np.where(r.random(n)[account] < 0.7, -30, learned)
    recorded = np.maximum(np.minimum(begins - 10, learned + 60), learned).clip(-400, None)

    length = plan.days + BURN_IN
    first, last = (begins + BURN_IN).clip(0, length), (ends + 1 + BURN_IN).clip(0, length)

    def covered(rows: Bools) -> Bools:
        steps = np.zeros((length + 1, n), dtype=np.int8)
        np.add.at(steps, (first[rows], account[rows]), 1)
        np.add.at(steps, (last[rows], account[rows]), -1)
        return np.cumsum(steps, axis=0, dtype=np.int8)[:length] > 0

    has_open = np.zeros(n, dtype=bool)
    has_open[account[is_open]] = True
    in_window = ~covered(~is_open) & (covered(is_open) | ~has_open)
    order = np.lexsort((begins, account))
    windows = Windows(
        account[order],
        kind[order],
        is_open[order],
        begins[order],
        ends[order],
        (known & (recorded < plan.days))[order],
        recorded[order],
    )
    return windows, in_window


def _motions(
    plan: Plan, accounts: Accounts, in_window: Bools
) -> tuple[npt.NDArray[np.uint8], Runs]:
    """Each company's motion day by day: a semi-Markov walk with two phases a motion.

    Phases: 0 rest, 1-2 interest, 3-4 buying, 5-6 deal, 7 pause after a motion. Two phases make
    the length of a motion Erlang(2): few last a day, few last a year.
    """
    r, n = plan.random("motions"), accounts.n
    length = plan.days + BURN_IN
    capacity = accounts.readiness.mean(axis=1)
    pull = np.exp(r.normal(-0.1, 0.45, n)) * np.where(accounts.true_fit, 1.0, 0.30)
    pull *= 0.5 + capacity
    go_on = (0.18 + 0.6 * capacity) * np.where(accounts.true_fit, 1.0, 0.35)
    to_deal = np.where(accounts.in_crm, 0.20 + 0.65 * capacity, 0.0)
    phase = np.zeros(n, dtype=np.int8)
    motion = np.zeros((length, n), dtype=np.uint8)
    name = np.array([NONE, INTEREST, INTEREST, BUYING, BUYING, DEAL, DEAL, NONE], dtype=np.uint8)
    leave = np.array([0.0, 2 / 62, 2 / 62, 2 / 80, 2 / 80, 2 / 80, 2 / 80, 1 / 60])
    for day in range(length):
        may = in_window[day]
        chance, turn = r.random(n), r.random(n)
        wakes = 0.0058 * pull * np.where(may, 1.0, 0.40)
        moves = chance < np.where(phase == 0, wakes, leave[phase])
        goes = turn < np.select(
            [phase == 2, phase == 4], [go_on * np.where(may, 1.0, 0.15), to_deal], 1.0
        )
        after = np.where(goes, phase + 1, 7)
        after = np.where(phase >= 6, (phase + 1) % 8, after)
        phase = np.where(moves, after, phase).astype(np.int8)
        # A window that closes ends most purchases in it.
        quits = ~may & ((phase == 3) | (phase == 4)) & (chance > 0.985)
        phase = np.where(quits, 7, phase).astype(np.int8)
        motion[day] = name[phase]

    flat = motion.T
    change = np.ones((n, length), dtype=bool)
    change[:, 1:] = flat[:, 1:] != flat[:, :-1]
    account, start = np.nonzero(change)
    state = flat[account, start].astype(np.int64)
    stop = np.append(start[1:], 0)
    last = np.append(account[1:] != account[:-1], True)
    stop = np.where(last, length, stop)
    keep = state != NONE
    runs = Runs(
        account[keep],
        state[keep],
        start[keep] - BURN_IN,
        stop[keep] - 1 - BURN_IN,
        (stop == length)[keep],
    )
    return motion[BURN_IN:].copy(), runs


def _people(plan: Plan, noise: Noise, accounts: Accounts) -> People:
    r = plan.random("people")
    # The seats that are needed, and some more people around them.
    seats = SEATS[accounts.is_large.astype(int)]  # (n, personas)
    more = np.array([0.5, 0.7, 1.0, 1.6, 0.4, 0.7, 1.3])
    count = seats + r.poisson(more * np.where(accounts.is_large, 1.4, 0.8)[:, None])
    cell = np.repeat(np.arange(count.size), count.ravel())
    account, persona = np.divmod(cell, len(PERSONAS))
    n = len(account)
    jobs_of = [[i for i, j in enumerate(titles.JOBS) if j.persona == p] for p in PERSONAS]
    options = np.array([len(jobs) for jobs in jobs_of])
    table = np.array([jobs + [0] * (options.max() - len(jobs)) for jobs in jobs_of])
    job = table[persona, (r.random(n) * options[persona]).astype(np.int64)]
    job = np.where(r.random(n) < noise.blank_title_share, -1, job)

    first_row = np.searchsorted(account, account)  # where the person's company begins
    number = np.arange(n) - first_row
    last = (mixed(account) + 7 * number) % len(LAST_NAMES)
    ease = np.array([0.62, 0.95, 0.85, 0.85, 0.55, 0.5, 0.5])[persona]
    has_contact = (r.random(n) < accounts.build[account] * ease) & accounts.in_crm[account]
    created = accounts.created_day[account]
    known = np.where(
        r.random(n) < 0.6,
        created + r.integers(0, 90, n),
        created + ((plan.days - created) * r.random(n)).astype(np.int64),
    )
    known = np.where(known < plan.days, np.maximum(known, created), plan.days - 1)
    known = np.where(has_contact, known, NEVER)

    span = plan.days + 200
    left = np.where(r.random(n) < noise.departed_share, r.integers(-200, span - 200, n), NEVER)
    bounced = np.where(r.random(n) < noise.bounced_share, r.integers(0, plan.days, n), NEVER)
    notices = (left < NEVER) & (r.random(n) < 0.6)
    bounced = np.where(notices, np.minimum(bounced, left + r.integers(1, 60, n)), bounced)
    opted = np.where(r.random(n) < noise.opted_out_share, r.integers(-300, plan.days, n), NEVER)
    keen_threshold = r.random(n) * np.where(np.isin(persona, [1, 2, 3]), 0.85, 1.0)
    return People(
        n=n,
        account=account,
        persona=persona,
        job=job,
        title=_titles(plan, accounts.country[account], job),
        first=r.integers(0, len(FIRST_NAMES), n),
        last=last,
        has_free_mail=r.random(n) < noise.free_mail_share,
        known_day=known,
        lead_day=np.full(n, NEVER),
        converted_day=np.full(n, NEVER),
        cookie=(r.random(n) < noise.cookie_share) & ~accounts.is_dark[account],
        left_day=left,
        bounced_day=np.where(bounced < plan.days, bounced, NEVER),
        opted_out_day=opted,
        keenness=r.gamma(2.0, 0.5, n),
        threshold=np.where(persona == 6, 1.0, keen_threshold),
        idle=noise.idle_sessions * np.exp(r.normal(-0.4, noise.idle_spread, n)),
        filed_under=account.copy(),
    )


def _titles(plan: Plan, country: Ints, job: Ints) -> Ints:
    """How people word their jobs: two in three in the language of the country."""
    r = plan.random("titles")
    language = np.array([titles.LANGUAGE_OF.get(name, 0) for name in COUNTRIES])[country]
    language = np.where(r.random(len(job)) < 0.65, language, 0)
    return titles.worded(job, language, r.integers(0, 10_000, len(job)))


def _duplicates(plan: Plan, accounts: Accounts, people: People) -> Duplicates:
    """Some companies stand twice in the CRM; most are merged in time, three in the last days."""
    r = plan.random("duplicates")
    old = np.flatnonzero(accounts.in_crm & (accounts.created_day < -200))
    survivor = np.sort(r.choice(old, max(4, accounts.n // 100), replace=False))
    created = accounts.created_day[survivor] + 100
    merged = r.integers(0, plan.load_day - 10, len(survivor))
    merged[:3] = plan.days - np.array([18, 12, 5])
    merged[3] = NEVER  # nobody has noticed
    record = np.full(accounts.n, -1)
    record[survivor] = accounts.n + np.arange(len(survivor))
    theirs = record[people.account]
    moved = (theirs >= 0) & (r.random(people.n) < 0.4)
    people.filed_under[moved] = theirs[moved]
    return Duplicates(survivor, created, merged)


def mixed(keys: Ints) -> Ints:
    """Small scrambled non-negative integers of keys."""
    return (text.mix(keys, 5) >> np.uint64(40)).astype(np.int64)
