"""Account teams, plans and reviews, and what customer success keeps: milestones and counts of use.

What belongs here: rows and their versions as the tools of these teams would export them, with the
dirt that people leave in them. What does not: who is a customer and which deals there are
(`company`, `deals`), and how files arrive (`deliveries`).

All of it is drawn from generators of its own, and nothing else reads it: the company's other files
are the same with it and without.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import text
from .batches import SECONDS, Batch, Versions
from .company import NEVER, Bools, World
from .deals import WON
from .homes import EMEA, PODS, SALESFORCE, SOURCES, Homes, account_ids
from .text import Ints

# Shares, by tier (1 to 3): targets with a plan, and teams with somebody of a function. FIXED by the
# promise of company.Noise: set before any mart was computed on them.
PLAN_SHARES = (0.85, 0.35, 0.05)
CUSTOMER_PLAN_SHARE = 0.4
TEAM_SHARES = {
    "SDR": (0.9, 0.6, 0.2),
    "Marketing Manager": (0.7, 0.25, 0.03),
    "Executive Sponsor": (0.4, 0.06, 0.0),
}
# The users of a role in each CRM: first number, and how many.
USERS_OF = {"SDR": (1, 10), "Marketing Manager": (34, 7), "Executive Sponsor": (11, 6)}
PLAN_DAYS, REVIEW_EVERY = 180, 91
SYNC_WEEKDAY = 1  # these tools hand over what is new once a week, on Tuesdays
UNKNOWN = 900_000  # numbers of accounts that nobody has

OBJECTIVES = (
    "First meeting with the economic buyer",
    "Win the first department",
    "Expand from one department to the group",
    "Displace the incumbent at its renewal",
    None,  # nobody wrote one
)
CHALLENGES = (
    "We know nobody above manager level",
    "Budget is frozen until the new year",
    "Security review takes a quarter",
    "A competitor is in place",
    None,
)
FUNCTIONS = ("sales", "Sales Development", "marketing", "customer success")
STEPS = {
    "onboarding": (
        ("Kickoff held", 7),
        ("Data connected", 30),
        ("First users live", 60),
        ("Roll-out complete", 90),
    ),
    "trial": (("Trial set up", 7), ("Success criteria met", 30)),
    "close_plan": (("Security review passed", 20), ("Contract signed", 50)),
}
PRODUCTS = ("Platform", "Platform Plus", "Analytics")  # as contracts name them
UNITS = ("Headquarters", "Operations", "Finance")


def planning(world: World, homes: Homes, deal: pa.Table) -> Iterator[Batch]:
    """Rows of account teams, `planning/*` and `success/*`, with the day on which each comes."""
    yield from _teams(world, homes)
    yield from _plans(world, homes)
    yield _milestones(world, homes, deal)
    yield _usage(world, homes)


def _handed_over(world: World, day: Ints) -> Ints:
    """The next weekly hand-over on or after each day."""
    handed: Ints = day + (SYNC_WEEKDAY - world.plan.weekday(day)) % 7
    return handed


def _teams(world: World, homes: Homes) -> Iterator[Batch]:
    """Further members of account teams, in the history load alone and in a file of their own.

    Some have no role, one user left long ago and another leaves in the last days, some were taken
    off again.
    """
    plan, accounts = world.plan, world.accounts
    for crm in homes.crms:
        if crm not in (SALESFORCE, EMEA):
            continue  # HubSpot keeps no teams
        r = plan.random("teams", crm)
        parts: list[tuple[Ints, Ints, list[str | None]]] = []
        for role, shares in TEAM_SHARES.items():
            first, count = USERS_OF[role]
            has = r.random(accounts.n) < np.array(shares)[accounts.tier - 1]
            user = first + r.integers(0, count, accounts.n)
            is_blank = r.random(accounts.n) < 0.05
            has &= homes.stands[crm, : accounts.n] & accounts.is_listed
            has &= accounts.listed_day <= plan.load_day
            who = np.flatnonzero(has)
            parts.append((who, user[who], [None if is_blank[one] else role for one in who]))
        who, user = (np.concatenate([part[place] for part in parts]) for place in (0, 1))
        roles = [role for part in parts for role in part[2]]
        born = np.minimum(accounts.listed_day[who] + r.integers(0, 30, len(who)), plan.load_day)
        is_gone = r.random(len(who)) < 0.03
        stamp = plan.stamps(born * SECONDS + 50_500)
        table = pa.table(
            {
                "id": text.salesforce_ids("01M", 100_000 + np.arange(len(who)), PODS[crm]),
                "account_id": account_ids(crm, who),
                "user_id": text.salesforce_ids("005", user, PODS[crm]),
                "team_member_role": pa.array(roles, pa.string()),
                "is_deleted": pa.array(is_gone),
                "created_date": stamp,
                "system_modstamp": stamp,
            }
        )
        yield Batch(f"{SOURCES[crm]}/account_team_member", table, born, part="teams")


def _plans(world: World, homes: Homes) -> Iterator[Batch]:
    """Plans and their reviews.

    Some plans name an account that nobody has, or a record that is merged into another; some
    reviews are held late or not at all, some were due before the account was listed.
    """
    plan, accounts = world.plan, world.accounts
    r = plan.random("plans")
    is_customer = accounts.customer_since < 0
    share = np.where(
        accounts.is_listed, np.array(PLAN_SHARES)[accounts.tier - 1], is_customer * 0.0
    )
    share = np.maximum(share, is_customer * CUSTOMER_PLAN_SHARE)
    who = np.flatnonzero(accounts.in_crm & (r.random(accounts.n) < share))
    begun = np.where(accounts.is_listed[who], accounts.listed_day[who], -60)
    begun = begun + r.integers(-10, 60, len(who))
    # Half of the plans that ended are followed by another one.
    again = np.flatnonzero((begun + PLAN_DAYS < plan.days) & (r.random(len(who)) < 0.5))
    who = np.concatenate([who, who[again]])
    begun = np.concatenate([begun, begun[again] + PLAN_DAYS + 1])
    k = len(who)
    number = np.arange(1, k + 1)
    ids = homes.account_names(_records(world, who, r.random(k) < 0.5))
    ids = pc.if_else(
        pa.array(number % 60 == 7),
        text.salesforce_ids("001", UNKNOWN + number, PODS[SALESFORCE]),
        ids,
    )
    first, second = r.integers(1, 12, (2, k))
    campaigns = text.join(
        text.salesforce_ids("701", first, PODS[SALESFORCE]),
        text.salesforce_ids("701", second, PODS[SALESFORCE]),
        by=";",
    )
    ends = np.where(r.random(k) < 0.1, NEVER, begun + PLAN_DAYS)
    columns = {
        "plan_id": text.codes("PLN-", number, 5),
        "crm_account_id": ids,
        "objective": text.pick(OBJECTIVES, r.integers(0, len(OBJECTIVES), k)),
        "owner_function": text.pick(FUNCTIONS, np.where(is_customer[who], 3, r.integers(0, 3, k))),
        "starts_on": plan.dates(begun),
        "ends_on": plan.dates(ends),
        "challenge": text.pick(CHALLENGES, r.integers(0, len(CHALLENGES), k)),
        "campaign_ids": text.blank(campaigns, r.random(k) < 0.3),
        "planned_touches": pa.array(r.integers(10, 60, k), mask=r.random(k) < 0.1),
        "planned_stakeholders": pa.array(r.integers(2, 9, k), mask=r.random(k) < 0.1),
    }
    recorded = _handed_over(world, begun - r.integers(0, 8, k))
    versions = Versions(plan, "planning/plans", stamp="recorded_at")
    versions.add(number, recorded * SECONDS + 30_000, columns, keep=True)
    # Some are carried on for a quarter when they would end.
    longer = np.flatnonzero((ends < NEVER) & (r.random(k) < 0.15))
    carried = {name: values.take(pa.array(longer)) for name, values in columns.items()}
    carried["ends_on"] = plan.dates(ends[longer] + REVIEW_EVERY)
    at = _handed_over(world, ends[longer] - 5)
    versions.add(number[longer], at * SECONDS + 30_000, carried, keep=True)
    yield versions.batch()
    yield _reviews(world, ids, who, begun, recorded)


def _records(world: World, company: Ints, or_twin: Bools) -> Ints:
    """The account record of each company; of one entered twice the second, where `or_twin`."""
    record = company.copy()
    twins = world.duplicates
    for place, survivor in enumerate(twins.survivor.tolist()):
        record[(company == survivor) & or_twin] = world.accounts.n + place
    return record


def _reviews(world: World, ids: pa.Array, who: Ints, begun: Ints, recorded: Ints) -> Batch:
    plan, accounts = world.plan, world.accounts
    r = plan.random("reviews")
    row = np.repeat(np.arange(len(who)), 3)
    due = begun[row] + REVIEW_EVERY * np.tile(np.arange(3), len(who)) + r.integers(5, 30, len(row))
    # A few are due before the account was on the list.
    early = accounts.is_listed[who[row]] & (r.random(len(row)) < 0.02)
    due = np.where(early, accounts.listed_day[who[row]] - 20, due)
    k = len(row)
    number = np.arange(1, k + 1)
    lot = r.random(k)
    late = np.where(lot < 0.7, r.integers(-4, 6, k), r.integers(15, 45, k))
    held = np.where(early | (lot >= 0.85), NEVER, due + late)
    columns = {
        "review_id": text.codes("RVW-", number, 6),
        "crm_account_id": ids.take(pa.array(row)),
        "due_on": plan.dates(due),
        "held_on": plan.dates(np.full(k, NEVER)),
    }
    versions = Versions(plan, "planning/reviews", stamp="recorded_at")
    planned = recorded[row] + 7 * (np.arange(k) % 2)
    versions.add(number, planned * SECONDS + 31_000, columns, keep=True)
    moved = np.flatnonzero((held == NEVER) & ~early & (r.random(k) < 0.15))
    later = {name: values.take(pa.array(moved)) for name, values in columns.items()}
    later["due_on"] = plan.dates(due[moved] + 28)
    at = np.maximum(_handed_over(world, due[moved]), planned[moved] + 7)
    versions.add(number[moved], at * SECONDS + 31_000, later, keep=True)
    done = np.flatnonzero(held < NEVER)
    there = {name: values.take(pa.array(done)) for name, values in columns.items()}
    there["held_on"] = plan.dates(held[done])
    at = np.maximum(_handed_over(world, held[done]), planned[done] + 7)
    versions.add(number[done], at * SECONDS + 31_000, there, keep=True)
    return versions.batch()


def _milestones(world: World, homes: Homes, deal: pa.Table) -> Batch:
    """Onboardings of what was won, trials and close plans of what is open.

    Some are done before they are due, some late, some never; the due day of some is moved when it
    has come; some are escalated; a few name an account that nobody has.
    """
    plan = world.plan
    r = plan.random("milestones")
    d = {name: deal[name].to_numpy() for name in deal.column_names}
    is_new = (d["kind"] < 2) & (d["account"] >= 0)
    won = np.flatnonzero(is_new & (d[f"day_{WON}"] > -120) & (d[f"day_{WON}"] < plan.days - 7))
    tried = np.flatnonzero(is_new & (d["day_3"] > -60) & (d["day_3"] < plan.days))
    proposed = np.flatnonzero(is_new & (d["day_4"] > -60) & (d["day_4"] < plan.days))
    starts = {
        "onboarding": (won, d[f"day_{WON}"][won]),
        "trial": (tried, d["day_3"][tried]),
        "close_plan": (proposed, d["day_4"][proposed]),
    }
    account, begun, due, kinds, names = [], [], [], [], []
    for kind, (rows, day) in starts.items():
        for name, days in STEPS[kind]:
            account.append(d["account"][rows])
            begun.append(day)
            due.append(day + days)
            kinds += [kind] * len(rows)
            names += [name] * len(rows)
    who, since, by = (np.concatenate(parts).astype(np.int64) for parts in (account, begun, due))
    k = len(who)
    number = np.arange(1, k + 1)
    ids = homes.account_names(_records(world, who, r.random(k) < 0.5))
    ids = pc.if_else(
        pa.array(number % 90 == 5),
        text.salesforce_ids("001", UNKNOWN + 5_000 + number, PODS[SALESFORCE]),
        ids,
    )
    lot = r.random(k)
    after = np.where(lot < 0.65, r.integers(-6, 1, k), r.integers(2, 40, k))
    done = np.where(lot < 0.85, by + after, NEVER)
    is_onboarding = np.array(kinds) == "onboarding"
    columns = {
        "milestone_id": text.codes("MST-", number, 6),
        "crm_account_id": ids,
        "kind": pa.array(kinds),
        "name": pa.array(names),
        "due_on": plan.dates(by),
        "done_on": plan.dates(np.full(k, NEVER)),
        "owner_function": text.pick(
            ["customer success", "sales", None],
            np.where(r.random(k) < 0.05, 2, np.where(is_onboarding, 0, 1)),
        ),
        "escalated_to": pa.array([None] * k, pa.string()),
    }
    versions = Versions(plan, "success/milestones", stamp="recorded_at")
    planned = _handed_over(world, since + 1)
    versions.add(number, planned * SECONDS + 32_000, columns, keep=True)

    def change(rows: Ints, day: Ints, **other: pa.Array) -> None:
        changed = {name: values.take(pa.array(rows)) for name, values in columns.items()} | other
        at = np.maximum(_handed_over(world, day), planned[rows] + 7)
        versions.add(number[rows], at * SECONDS + 32_000, changed, keep=True)

    open_still = done == NEVER
    moved = np.flatnonzero(open_still & (r.random(k) < 0.4))
    change(moved, by[moved], due_on=plan.dates(by[moved] + 28))
    raised = np.setdiff1d(np.flatnonzero(open_still & (r.random(k) < 0.4)), moved)
    change(
        raised,
        by[raised] + 14,
        escalated_to=text.pick(["VP Customer Success", "VP Sales"], raised % 2),
    )
    over = np.flatnonzero(done < NEVER)
    change(over, done[over], done_on=plan.dates(done[over]))
    return versions.batch()


def _usage(world: World, homes: Homes) -> Batch:
    """Counts of customers, each month and in the last days each week.

    In some units more people have the product than the licence covers, in a few more use it than
    have it; some licences are not counted; some rows come twice, some again with other counts.
    """
    plan, accounts = world.plan, world.accounts
    r = plan.random("usage")
    since = accounts.customer_since
    who = np.flatnonzero(accounts.in_crm & (since < 0) & (accounts.customer_until > 0))
    units = r.integers(1, len(UNITS) + 1, len(who))
    who = np.repeat(who, units)
    unit = np.concatenate([np.arange(count) for count in units]) if len(units) else units
    k = len(who)
    licensed = np.maximum(5, (accounts.employees[who] * r.uniform(0.005, 0.05, k)).astype(int))
    licensed = np.where((unit > 0) & (r.random(k) < 0.2), 0, licensed)  # units without a licence
    is_over = r.random(k) < 0.05
    rolled_out = np.where(is_over, r.uniform(1.05, 1.3, k), r.uniform(0.4, 1.0, k))
    uses = r.beta(4, 2, k)
    is_uncounted, is_odd = r.random(k) < 0.03, r.random(k) < 0.02
    weekly = np.arange(plan.days - 35, plan.days)
    monthly = np.arange(0, plan.days - 35, 28)
    days = np.unique(np.concatenate([_handed_over(world, weekly), _handed_over(world, monthly)]))
    days = days[days < plan.days]
    row, day = np.repeat(np.arange(k), len(days)), np.tile(days, k)
    there = day < accounts.customer_until[who[row]]
    row, day = row[there], day[there]
    share = np.minimum(1.0, 0.5 + 0.5 * (day + 200) / (plan.days + 200))
    share = np.where(is_over[row], 1.0, share)
    deployed = (licensed[row] * rolled_out[row] * share).astype(np.int64)
    active = (deployed * uses[row] * r.uniform(0.9, 1.0, len(row))).astype(np.int64)
    active = np.where(is_odd[row], deployed + 3, active)
    table = pa.table(
        {
            "crm_account_id": homes.account_names(who[row]),
            "date": plan.dates(day),
            "product": text.pick(PRODUCTS, who[row] % 3),
            "unit": text.pick(UNITS, unit[row]),
            "licensed_people": pa.array(licensed[row], mask=is_uncounted[row]),
            "deployed_people": pa.array(deployed),
            "active_people": pa.array(active),
            "recorded_at": plan.stamps(day * SECONDS + 33_000),
        }
    )
    twice = np.flatnonzero(r.random(len(row)) < 0.02)
    fixed = np.flatnonzero((r.random(len(row)) < 0.01) & (day + 7 < plan.days))
    again = table.take(pa.array(fixed))
    place = again.column_names.index("active_people")
    again = again.set_column(place, "active_people", pa.array(active[fixed] // 2))
    place = again.column_names.index("recorded_at")
    again = again.set_column(place, "recorded_at", plan.stamps((day[fixed] + 7) * SECONDS + 33_000))
    return Batch(
        "success/usage",
        pa.concat_tables([table, table.take(pa.array(twice)), again]),
        np.concatenate([day, day[twice], day[fixed] + 7]),
    )
