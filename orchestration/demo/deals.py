"""Deals: how purchases run through the stages of the CRM, and who is named in them.

What belongs here: deals drawn from motions and contracts, their stages, amounts and people, as
facts that any CRM can hold. What does not: the columns of a CRM (`salesforce`, `hubspot`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import text
from .batches import SECONDS, Batch, Versions
from .company import BUYING, CURRENCIES, DEAL, NEVER, Bools, World
from .homes import Homes
from .text import Ints

STAGES = (
    "Prospecting",
    "Qualification",
    "Discovery",
    "Evaluation",
    "Proposal",
    "Negotiation",
    "Closed Won",
    "Closed Lost",
)
WON, LOST = 6, 7
TYPES = ("New Business", "Expansion", "Renewal")
PARTS = (
    "Economic Buyer",
    "Decision Maker",
    "Evaluator",
    "Business User",
    "Procurement",
    "Influencer",
    "Other",
)
# What a dollar costs where the deal is made: the books are kept in one rate.
PER_DOLLAR = {"USD": 1.0, "GBP": 0.78, "EUR": 0.91, "SEK": 10.2, "CAD": 1.38, "BRL": 5.4, "INR": 85}


@dataclass
class Parts:
    """People whom deals name: known ones, most of the involved."""

    deal: Ints  # row of the table of deals
    person: Ints
    day: Ints
    part: Ints  # index of PARTS, -1 where nobody wrote it down
    is_primary: Bools


def draw(world: World) -> pa.Table:
    """Every opportunity with its stage days: number, account, kind, created, closed, days 0-7.

    `day_<stage>` is the day the stage was entered, NEVER if it was not; `closed` is NEVER for open
    ones. Ordered by creation. Kinds: 0 new business, 1 expansion, 2 renewal.
    """
    plan, accounts, runs = world.plan, world.accounts, world.runs
    r = plan.random("deals")
    columns: list[list[Ints]] = []

    def add(account: Ints, kind: Ints, days: Ints, value: Ints) -> None:
        columns.append([account, kind, value, *[days[:, stage] for stage in range(8)]])

    # Deals that are truly on: past qualification from the first day of the motion to its last.
    here = np.flatnonzero(runs.motion == DEAL)
    account, starts, ends = runs.account[here], runs.starts[here], runs.ends[here]
    begun = here - 1  # the run before: the buying that led to the deal, if it is that company's
    since = np.where(
        (here > 0) & (runs.account[begun] == account) & (runs.motion[begun] == BUYING),
        runs.starts[begun],
        starts - 40,
    )
    k = len(here)
    days = np.full((k, 8), NEVER)
    days[:, 0] = np.maximum(since + 3, starts - r.integers(8, 40, k))
    days[:, 0] = np.minimum(days[:, 0], starts - 1)
    days[:, 1] = (days[:, 0] + starts + 1) // 2
    days[:, 2] = starts
    running = runs.is_running[here]
    length = np.where(running, ends - starts + r.exponential(35, k), ends - starts).astype(np.int64)
    won = r.random(k) < 0.42
    for stage, share in ((3, 0.28), (4, 0.55), (5, 0.8)):
        days[:, stage] = starts + (length * (share + r.uniform(-0.08, 0.08, k))).astype(np.int64)
    gone = ~won & (r.random(k) < 0.5)  # many lost deals end before a negotiation
    days[gone, 5] = NEVER
    days[np.arange(k), np.where(won, WON, LOST)] = np.where(running, NEVER, ends + 1)
    later = days[:, 2:6] >= np.where(running, plan.days, ends + 1)[:, None]
    days[:, 2:6] = np.where(later & (np.arange(4) > 0), NEVER, days[:, 2:6])
    size = accounts.employees[account]
    value = (np.exp(r.normal(10.6, 0.6, k)) * (size / 1500.0) ** 0.35).astype(np.int64)
    customer = (accounts.customer_since[account] < starts) & (
        accounts.customer_until[account] > starts
    )
    add(account, customer.astype(np.int64), days, value)

    # Early deals: purchases that never got past qualification, and hopes of the field.
    buying = np.flatnonzero(runs.motion == BUYING)
    after = np.minimum(buying + 1, len(runs.motion) - 1)
    goes_on = (runs.account[after] == runs.account[buying]) & (runs.motion[after] == DEAL)
    early = buying[~goes_on & (r.random(len(buying)) < 0.45)]
    early = early[accounts.in_crm[runs.account[early]]]
    hopes = np.flatnonzero(
        accounts.in_crm & (r.random(accounts.n) < world.noise.hopeful_deal_share)
    )
    account = np.concatenate([runs.account[early], hopes])
    starts = np.concatenate([runs.starts[early], r.integers(-100, plan.days - 5, len(hopes))])
    ends = np.concatenate([runs.ends[early], starts[len(early) :] + 60])
    k = len(account)
    days = np.full((k, 8), NEVER)
    days[:, 0] = np.minimum(starts + r.integers(2, 20, k), ends)
    days[:, 1] = days[:, 0] + r.integers(3, 25, k)
    days[:, LOST] = np.where(r.random(k) < 0.72, np.maximum(ends, days[:, 1]) + 5, NEVER)
    add(account, np.zeros(k, dtype=np.int64), days, (np.exp(r.normal(10.4, 0.6, k))).astype(int))

    # Customers: the first sale, and a renewal a year.
    customers = np.flatnonzero(accounts.customer_since < NEVER)
    k = len(customers)
    sold = accounts.customer_since[customers]
    days = np.full((k, 8), NEVER)
    for stage, before in enumerate((95, 80, 62, 45, 28, 12)):
        days[:, stage] = sold - before
    days[:, WON] = sold - 1
    arr = contract_values(world, customers)
    add(customers, np.zeros(k, dtype=np.int64), days, arr)
    for year in range(1, 8):
        renews = sold + 365 * year
        due = (renews < plan.days + 60) & (renews <= accounts.customer_until[customers])
        who, when = customers[due], renews[due]
        days = np.full((len(who), 8), NEVER)
        days[:, 1], days[:, 4] = when - 90, when - 30
        ended = accounts.customer_until[who] == when
        days[np.arange(len(who)), np.where(ended, LOST, WON)] = when - 2
        add(who, np.full(len(who), 2), days, arr[due])

    # Deals that stand under no account.
    k = max(3, accounts.n // 150)
    days = np.full((k, 8), NEVER)
    days[:, 0] = r.integers(-50, plan.days - 5, k)
    days[:, 1] = days[:, 0] + 12
    days[:, 2] = np.where(r.random(k) < 0.4, days[:, 0] + 30, NEVER)
    add(np.full(k, -1), np.zeros(k, dtype=np.int64), days, np.full(k, 25_000))

    joined = [np.concatenate([c[i] for c in columns]) for i in range(11)]
    days = np.stack(joined[3:], axis=1)
    created = np.where(days == NEVER, NEVER, days).min(axis=1)
    # Stages in order: one that would come before an earlier one is entered with it.
    known = np.where(days == NEVER, -NEVER, days)
    days = np.where(days == NEVER, NEVER, np.maximum.accumulate(known, axis=1))
    closed = np.minimum(days[:, WON], days[:, LOST])
    floor = np.where(joined[0] >= 0, accounts.created_day[joined[0]] + 1, -NEVER)
    shift = np.maximum(floor - created, 0)  # nothing stands in the CRM before its account
    days = np.where(days == NEVER, NEVER, np.maximum(days, (created + shift)[:, None]))
    created = created + shift
    order = np.lexsort((joined[0], created))
    order = order[created[order] < plan.days]
    out = {
        "number": np.arange(1, len(order) + 1),
        "account": joined[0][order],
        "kind": joined[1][order],
        "value": joined[2][order],
        "created": created[order],
        "closed": np.where(closed >= plan.days, NEVER, np.maximum(closed, created))[order],
    }
    for stage in range(8):
        day = days[order, stage]
        out[f"day_{stage}"] = np.where(day >= plan.days, NEVER, day)
    return pa.table(out)


def contract_values(world: World, account: Ints) -> Ints:
    """Yearly value of a company's contract in USD."""
    size = world.accounts.employees[account]
    spread = (text.mix(account, world.plan.seed + 11) >> np.uint64(44)).astype(np.int64) % 100
    return ((18_000 + 900 * spread) * (size / 1500.0) ** 0.3).astype(np.int64)


def facts(world: World, homes: Homes, deal: pa.Table) -> Iterator[Batch]:
    """Deals in their versions, and their stages one by one."""
    plan = world.plan
    r = plan.random("opportunities")
    d = {name: deal[name].to_numpy() for name in deal.column_names}
    stage_day = np.stack([d[f"day_{s}"] for s in range(8)], axis=1)
    row, stage = np.nonzero(stage_day < NEVER)
    day = stage_day[row, stage]
    second = day * SECONDS + 30_000 + stage * 1_800 + (row * 7919) % 1500
    n = len(d["number"])
    account = d["account"][row]
    inside = np.maximum(account, 0)
    home = homes.of_deal(account, d["number"][row])
    code = np.where(account >= 0, world.accounts.country[inside], 0)
    rate = np.array([PER_DOLLAR[currency] for currency in CURRENCIES])[code]
    amount = d["value"][row] * (100 + 8 * np.minimum(stage, 5) * (row % 3 - 1)) // 100
    amount = (amount * rate).astype(np.int64)
    planned = np.where(stage < 6, day + np.array([150, 120, 95, 70, 40, 20, 0, 0])[stage], day)
    names = pa.concat_arrays([world.accounts.name, pa.array(["Unassigned"])])
    title = text.join(
        names.take(pa.array(np.where(account >= 0, account, world.accounts.n))),
        text.pick(TYPES, d["kind"][row]),
        by=" - ",
    )
    versions = Versions(plan, "crm/deal", stamp="modified")
    source = r.integers(1, 12, n)[row]
    has_campaign = (r.random(n) < 0.3)[row]
    versions.add(
        row,
        second,
        {
            "number": pa.array(d["number"][row]),
            "home": pa.array(home),
            "record": pa.array(account),
            "name": title,
            "amount": pa.array(amount.astype(np.float64)),
            "stage": pa.array(stage),
            "close_date": plan.dates(planned),
            "kind": pa.array(d["kind"][row]),
            "campaign": pa.array(np.where(has_campaign, source, -1)),
            "owner": pa.array(np.where(account >= 0, world.accounts.owner[inside], 10 + row % 16)),
            "currency": text.pick(CURRENCIES, code),
            "created": plan.stamps(d["created"][row] * SECONDS + 30_000),
        },
        keep=(r.random(n) < 0.05)[row],
    )
    yield versions.batch()

    # Stage by stage, with what stood before it.
    order = np.lexsort((stage, row))
    first = np.append(True, row[order][1:] != row[order][:-1])
    before = np.where(first, -1, np.append(-1, order[:-1]))
    old = np.maximum(before, 0)
    gone = pa.array(first)
    table = pa.table(
        {
            "number": pa.array(d["number"][row[order]]),
            "row": pa.array(row[order]),
            "home": pa.array(home[order]),
            "stage": pa.array(stage[order]),
            "amount": pa.array(amount[order]),
            "close_date": plan.dates(planned[order]),
            "old_stage": pa.array(np.where(first, -1, stage[old])),
            "old_amount": pc.if_else(gone, pa.scalar(None, pa.int64()), pa.array(amount[old])),
            "old_close_date": plan.dates(np.where(first, NEVER, planned[old])),
            "at": plan.stamps(second[order]),
        }
    )
    yield Batch("crm/deal_stage", table, day[order])


def parts(world: World, deal: pa.Table) -> Parts:
    """Draw who is named in deals, once the months have made contacts."""
    plan, people = world.plan, world.people
    d = {name: deal[name].to_numpy() for name in ("number", "account", "kind", "created")}
    r = plan.random("roles")
    real = np.flatnonzero((d["account"] >= 0) & (d["kind"] < 2))
    first = np.searchsorted(people.account, d["account"][real])
    size = np.searchsorted(people.account, d["account"][real], side="right") - first
    row = np.repeat(real, size)
    offset = np.arange(len(row)) - np.repeat(np.cumsum(size) - size, size)
    person = np.repeat(first, size) + offset
    day = d["created"][row] + r.integers(0, 25, len(row))
    joins = (people.threshold[person] < 0.7) & (r.random(len(row)) < 0.5)
    joins &= (people.contact_day()[person] < day) & (people.left_day[person] > day)
    joins &= day < plan.days
    row, person, day = row[joins], person[joins], day[joins]
    primary = np.zeros(len(row), dtype=bool)
    primary[np.unique(row, return_index=True)[1]] = True
    part = np.where(r.random(len(row)) < 0.12, -1, people.persona[person])
    return Parts(row, person, day, part, primary)


def named(world: World, homes: Homes, deal: pa.Table, given: Parts) -> Batch:
    """The people whom deals name, as facts; those whom the deal's own CRM holds."""
    plan = world.plan
    number, account = deal["number"].to_numpy()[given.deal], deal["account"].to_numpy()[given.deal]
    home = homes.of_deal(account, number)
    rows = np.flatnonzero(homes.of_person[given.person] == home)
    person, day = given.person[rows], given.day[rows]
    table = pa.table(
        {
            "key": pa.array(given.deal[rows] * 64 + person % 64 + 1),
            "number": pa.array(number[rows]),
            "home": pa.array(home[rows]),
            "contact": pa.array(person + 1),
            "part": pa.array(given.part[rows]),
            "is_primary": pa.array(given.is_primary[rows]),
            "created": plan.stamps(day * SECONDS + 40_000),
        }
    )
    return Batch("crm/part", table, day)
