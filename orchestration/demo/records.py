"""What systems of record hold: the CRM's objects, target list, contracts, firmographics, research.

What belongs here: rows and their versions as the source would export them. What does not: acts
(`activity`) and how files arrive (`deliveries`).

A mutable record is a list of versions, each with the second it was written. The history load holds
the version current on its day (and, for some records, earlier ones too); later versions come daily.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import text, titles
from .acting import NOT_YET
from .addresses import emails
from .batches import SECONDS, Batch, Versions
from .campaigns import KINDS, Campaigns
from .company import (
    BUYING,
    COUNTRIES,
    CURRENCIES,
    DEAL,
    FIRST_NAMES,
    INDUSTRIES,
    LAST_NAMES,
    NEVER,
    PERSONAS,
    WINDOW_TYPES,
    Bools,
    World,
)
from .intent import TOPICS
from .systems import lacks_mail
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
DIMENSIONS = ("pressure", "ownership", "authority_alignment", "timing_tolerance")
USERS = 40
RETITLED = "Left company"


# -- deals -----------------------------------------------------------------------------------


def deals(world: World) -> pa.Table:
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


def _opportunities(world: World, deal: pa.Table) -> Iterator[Batch]:
    plan = world.plan
    r = plan.random("opportunities")
    d = {name: deal[name].to_numpy() for name in deal.column_names}
    stage_day = np.stack([d[f"day_{s}"] for s in range(8)], axis=1)
    row, stage = np.nonzero(stage_day < NEVER)
    day = stage_day[row, stage]
    second = day * SECONDS + 30_000 + stage * 1_800 + (row * 7919) % 1500
    n = len(d["number"])
    amount = d["value"][row] * (100 + 8 * np.minimum(stage, 5) * (row % 3 - 1)) // 100
    planned = np.where(stage < 6, day + np.array([150, 120, 95, 70, 40, 20, 0, 0])[stage], day)
    account = d["account"][row]
    ids = text.salesforce_ids("006", d["number"][row])
    names = pa.concat_arrays([world.accounts.name, pa.array(["Unassigned"])])
    title = text.join(
        names.take(pa.array(np.where(account >= 0, account, world.accounts.n))),
        text.pick(["New Business", "Expansion", "Renewal"], d["kind"][row]),
        by=" - ",
    )
    owner = np.where(account >= 0, world.accounts.owner[account], 10 + row % 16)
    versions = Versions(plan, "salesforce/opportunity")
    first = d["created"][row] * SECONDS + 30_000
    source = r.integers(1, 12, n)[row]
    has_campaign = (r.random(n) < 0.3)[row]
    currency = np.where(account >= 0, world.accounts.country[account], 0)
    versions.add(
        row,
        second,
        {
            "id": ids,
            "account_id": text.blank(text.salesforce_ids("001", account + 1), account < 0),
            "name": title,
            "amount": pa.array(amount.astype(np.float64)),
            "stage_name": text.pick(STAGES, stage),
            "is_won": pa.array(stage == WON),
            "is_closed": pa.array(stage >= WON),
            "close_date": plan.dates(planned),
            "type": text.pick(["New Business", "Expansion", "Renewal"], d["kind"][row]),
            "campaign_id": text.blank(text.salesforce_ids("701", source), ~has_campaign),
            "owner_id": text.salesforce_ids("005", owner),
            "currency_iso_code": text.pick(CURRENCIES, currency),
            "is_deleted": pa.array(np.zeros(len(row), dtype=bool)),
            "created_date": plan.stamps(first),
        },
        keep=(r.random(n) < 0.05)[row],
    )
    yield versions.batch()

    order = np.lexsort((stage, row))
    history = pa.table(
        {
            "id": text.salesforce_ids("008", row * 8 + stage + 1),
            "opportunity_id": ids,
            "stage_name": text.pick(STAGES, stage),
            "amount": pa.array(amount.astype(np.float64)),
            "close_date": plan.dates(planned),
            "created_date": plan.stamps(second),
        }
    ).take(pa.array(order))
    yield Batch("salesforce/opportunity_history", history, day[order])

    # Field history: stage, amount and close date, old value and new.
    later = np.flatnonzero(np.append(False, row[order][1:] == row[order][:-1]))
    now, before = order[later], order[later - 1]
    fields = []
    for place, (field, values) in enumerate(
        (
            ("StageName", text.pick(STAGES, stage)),
            ("Amount", pa.array(amount).cast(pa.string())),
            ("CloseDate", plan.dates(planned).cast(pa.string())),
        )
    ):
        old, new = values.take(pa.array(before)), values.take(pa.array(now))
        changed = pc.not_equal(old, new).to_numpy(zero_copy_only=False)
        rows = now[changed]
        fields.append(
            (
                pa.table(
                    {
                        "id": text.salesforce_ids("017", (row[rows] * 8 + stage[rows]) * 3 + place),
                        "opportunity_id": ids.take(pa.array(rows)),
                        "field": pa.array([field] * len(rows), pa.string()),
                        "old_value": old.filter(pa.array(changed)),
                        "new_value": new.filter(pa.array(changed)),
                        "created_date": plan.stamps(second[rows]),
                    }
                ),
                day[rows],
            )
        )
    table = pa.concat_tables([f[0] for f in fields])
    yield Batch(
        "salesforce/opportunity_field_history", table, np.concatenate([f[1] for f in fields])
    )

    yield _contact_roles(world, d)


def _contact_roles(world: World, d: dict[str, Ints]) -> Batch:
    """People whom a deal names: known ones, most of the involved, with their parts."""
    plan, people = world.plan, world.people
    r = plan.random("roles")
    real = np.flatnonzero((d["account"] >= 0) & (d["kind"] < 2))
    first = np.searchsorted(people.account, d["account"][real])
    size = np.searchsorted(people.account, d["account"][real], side="right") - first
    deal = np.repeat(real, size)
    offset = np.arange(len(deal)) - np.repeat(np.cumsum(size) - size, size)
    person = np.repeat(first, size) + offset
    day = d["created"][deal] + r.integers(0, 25, len(deal))
    joins = (people.threshold[person] < 0.7) & (r.random(len(deal)) < 0.5)
    joins &= (people.contact_day()[person] < day) & (people.left_day[person] > day)
    joins &= day < plan.days
    deal, person, day = deal[joins], person[joins], day[joins]
    primary = np.zeros(len(deal), dtype=bool)
    primary[np.unique(deal, return_index=True)[1]] = True
    parts = ["Economic Buyer", "Decision Maker", "Evaluator", "Business User", "Procurement"]
    parts += ["Influencer", "Other"]
    role = text.blank(text.pick(parts, people.persona[person]), r.random(len(deal)) < 0.12)
    number = deal * 64 + person % 64 + 1
    table = pa.table(
        {
            "id": text.salesforce_ids("00K", number),
            "opportunity_id": text.salesforce_ids("006", d["number"][deal]),
            "contact_id": text.salesforce_ids("003", person + 1),
            "role": role,
            "is_primary": pa.array(primary),
            "created_date": plan.stamps(day * SECONDS + 40_000),
            "system_modstamp": plan.stamps(day * SECONDS + 40_000),
        }
    )
    return Batch("salesforce/opportunity_contact_role", table, day)


# -- accounts, people --------------------------------------------------------------------------


def domain_moves(world: World) -> dict[str, Ints]:
    """Domains that change hands in the last days.

    `website`: the CRM website moves from the first company's record to the second's, nine days
    before the end. `listing`: a target row is recorded again for another record, twelve days
    before the end.
    """
    accounts = world.accounts
    fine = accounts.in_crm & (accounts.created_day < -50) & (accounts.parent < 0)
    fine &= accounts.sees_web & (accounts.listed_day > 0)
    twin = np.zeros(accounts.n, dtype=bool)
    twin[world.duplicates.survivor] = True
    fine &= ~twin & (accounts.removed_day == NEVER)
    giver = np.flatnonzero(fine & ~accounts.is_listed)
    taker = np.flatnonzero(fine & accounts.is_listed & (accounts.listed_day < world.plan.load_day))
    return {
        "website": np.array([giver[0], taker[0]]),
        "listing": np.array([taker[2], giver[1]]),
    }


def _accounts(world: World) -> Batch:
    plan, accounts, twins = world.plan, world.accounts, world.duplicates
    r = plan.random("crm accounts")
    n, k = accounts.n, len(twins.survivor)
    tests = ["Test Account", "sandbox company", "TEST - do not use", "Demo Sandbox Inc"]
    tests += ["Acme Test Account 2", "zz_test"]
    total = n + k + len(tests)
    of = np.concatenate([np.arange(n), twins.survivor, np.zeros(len(tests), dtype=np.int64)])
    is_test = np.arange(total) >= n + k
    is_twin = (np.arange(total) >= n) & ~is_test
    created = np.concatenate(
        [accounts.created_day, twins.created_day, np.linspace(-300, 200, len(tests)).astype(int)]
    )
    name = accounts.name.take(pa.array(of))
    short = pc.if_else(
        pa.array(is_twin), text.join(name, text.pick(["Inc."], of * 0), by=" "), name
    )
    name = pa.concat_arrays([short.slice(0, n + k), pa.array(tests)])

    # Websites: as typed by people; some none; some subsidiaries share the parent's.
    domain = accounts.domain.take(pa.array(of))
    shares = (accounts.parent[of] >= 0) & (r.random(total) < 0.35) & ~is_twin
    parents = accounts.domain.take(pa.array(np.maximum(accounts.parent[of], 0)))
    domain = pc.if_else(pa.array(shares), parents, domain)
    same = np.flatnonzero((r.random(total) < 0.01) & (np.arange(total) < n - 1))
    mine = np.arange(total)
    moves = domain_moves(world)["website"]
    same = same[~np.isin(same, moves)]
    mine[same] = same + 1  # two companies, one website
    domain = domain.take(pa.array(np.where(mine < n, mine, np.arange(total))))
    shape = r.integers(0, 5, total)
    left = text.pick(["https://www.", "http://", "www.", "", "HTTPS://"], shape)
    right = text.pick(["", "/", "/en", "", "/"], shape)
    website = text.join(left, domain, right)
    none = (r.random(total) < 0.06) | is_test
    none[moves[0]], none[moves[1]] = False, True
    website = text.blank(website, none)

    alias = {"Software": "Computer Software", "Financial Services": "Banking"}
    clean = list(INDUSTRIES)
    dirty = [alias.get(i, i) for i in clean] + [i.lower() for i in clean]
    industry = text.pick(
        [*clean, *dirty], accounts.industry[of] + 12 * np.searchsorted([0.9, 0.97], r.random(total))
    )
    industry = text.blank(industry, r.random(total) < 0.15)
    heads = (accounts.employees[of] * np.exp(r.normal(0, 0.15, total))).astype(np.int64)
    no_heads = r.random(total) < 0.25
    no_money = r.random(total) < 0.5
    parent = accounts.parent[of]
    owner = accounts.owner[of]
    known_parent = (parent >= 0) & ~is_twin & ~is_test & (r.random(total) < 0.8)

    def columns(
        rows: Ints, day: Ints, owners: Ints, sites: pa.Array, first: bool, gone: Bools
    ) -> dict[str, pa.Array]:
        where = pa.array(rows)
        buys = (accounts.customer_since[of[rows]] <= day) & ~is_test[rows]
        lost = buys & (accounts.customer_until[of[rows]] <= day)
        kind = np.where(lost, 2, buys.astype(np.int64))
        survivor = text.salesforce_ids("001", of[rows] + 1)
        return {
            "id": text.salesforce_ids("001", rows + 1),
            "name": name.take(where),
            "website": sites,
            "industry": text.blank(industry.take(where), np.full(len(rows), first)),
            "number_of_employees": pa.array(heads[rows], mask=no_heads[rows] | first),
            "annual_revenue": pa.array(
                accounts.revenue[of[rows]].astype(np.float64), mask=no_money[rows] | first
            ),
            "billing_country": text.pick(COUNTRIES, accounts.country[of[rows]]),
            "parent_id": text.blank(
                text.salesforce_ids("001", np.maximum(parent[rows], 0) + 1), ~known_parent[rows]
            ),
            "type": text.pick(["Prospect", "Customer", "Former Customer"], kind),
            "owner_id": text.salesforce_ids("005", owners),
            "currency_iso_code": text.pick(CURRENCIES, accounts.country[of[rows]]),
            "master_record_id": text.blank(survivor, ~gone),
            "record_type_id": text.salesforce_ids("012", np.ones(len(rows), dtype=np.int64)),
            "is_deleted": pa.array(gone),
            "created_date": plan.stamps(created[rows] * SECONDS + 32_000),
        }

    versions = Versions(plan, "salesforce/account")
    there = np.concatenate([accounts.in_crm, np.ones(k + len(tests), dtype=bool)])
    rows = np.flatnonzero(there & (created < plan.days))
    gone = np.zeros(total, dtype=bool)
    born = created[rows] * SECONDS + 32_000
    some = r.random(total) < 0.06
    old = 10 + r.integers(0, 16, total)
    versions.add(
        rows,
        born,
        columns(rows, created[rows], old[rows], website.take(pa.array(rows)), True, gone[rows]),
        keep=some[rows],
    )
    # The record as people completed it, some time before the load.
    edited = np.where(
        created <= plan.load_day,
        created + 1 + ((plan.load_day - created) * r.random(total)).astype(np.int64),
        created,
    )
    edited = np.minimum(edited, np.where(created <= plan.load_day, plan.load_day, NEVER))
    stamp = edited * SECONDS + 50_000
    full = website.take(pa.array(rows))
    versions.add(
        rows, stamp[rows], columns(rows, edited[rows], owner[rows], full, False, gone[rows])
    )
    # New owners in the last days.
    days = np.arange(plan.load_day + 1, plan.days)
    when = r.choice(days, total) * SECONDS + 45_000
    moved = np.flatnonzero((r.random(total) < 0.02) & there & (created <= plan.load_day))
    moved = moved[~np.isin(moved, moves) & (moved < n)]
    new = 10 + (owner[moved] - 9) % 16
    sites = website.take(pa.array(moved))
    kept = gone[moved]
    versions.add(
        moved, when[moved], columns(moved, when[moved] // SECONDS, new, sites, False, kept)
    )
    # Merges: the duplicate is deleted and points at the survivor.
    twin = n + np.flatnonzero(twins.merged_day < plan.days)
    at = twins.merged_day[twin - n]
    sites = website.take(pa.array(twin))
    done = np.ones(len(twin), dtype=bool)
    versions.add(twin, at * SECONDS + 80_000, columns(twin, at, owner[twin], sites, False, done))
    # A website that moves from one company's record to another's.
    day = np.full(2, plan.days - 1 - 9)
    sites = pa.concat_arrays([pa.nulls(1, pa.string()), website.slice(int(moves[0]), 1)])
    versions.add(
        moves,
        day * SECONDS + 60_000,
        columns(moves, day, owner[moves], sites, False, gone[moves]),
    )
    return versions.batch()


def _people(world: World) -> Iterator[Batch]:
    plan, people = world.plan, world.people
    r = plan.random("crm people")
    twins = world.duplicates
    contact_day = people.contact_day()
    rows = np.flatnonzero(contact_day < plan.days)
    r.random(people.n)
    no_mail = lacks_mail(world)
    spelled = r.random(people.n)

    def contact(who: Ints, day: Ints, first: bool) -> dict[str, pa.Array]:
        title = titles.wordings(people.title[who])
        title = pc.if_else(pa.array(spelled[who] < 0.05), pc.utf8_upper(title), title)
        left = (people.left_day[who] + 20 <= day) & (people.bounced_day[who] == NEVER)
        title = pc.if_else(pa.array(left), pa.scalar(RETITLED), title)
        department = titles.departments(people.job[who])
        record = people.filed_under[who]
        twin = np.clip(record - world.accounts.n, 0, len(twins.survivor) - 1)
        merged = (record >= world.accounts.n) & (twins.merged_day[twin] <= day)
        record = np.where(merged, people.account[who], record)
        return {
            "id": text.salesforce_ids("003", who + 1),
            "account_id": text.salesforce_ids("001", record + 1),
            "email": text.blank(emails(world, who), no_mail[who]),
            "first_name": text.pick(FIRST_NAMES, people.first[who]),
            "last_name": text.pick(LAST_NAMES, people.last[who]),
            "title": text.blank(title, np.full(len(who), first)),
            "department": text.blank(department, (spelled[who] > 0.7) | first),
            "email_bounced_date": plan.stamps(
                np.where(
                    people.bounced_day[who] <= day,
                    people.bounced_day[who] * SECONDS + 36_000,
                    NOT_YET,
                )
            ),
            "has_opted_out_of_email": pa.array(people.opted_out_day[who] <= day),
            "is_deleted": pa.array(np.zeros(len(who), dtype=bool)),
            "created_date": plan.stamps(contact_day[who] * SECONDS + 33_000),
        }

    versions = Versions(plan, "salesforce/contact")
    versions.add(
        rows,
        contact_day[rows] * SECONDS + 33_000,
        contact(rows, contact_day[rows], True),
        keep=(r.random(people.n) < 0.05)[rows],
    )
    span = np.maximum(plan.load_day - contact_day, 1)
    edited = contact_day + (span * r.random(people.n)).astype(np.int64)
    versions.add(rows, edited[rows] * SECONDS + 51_000, contact(rows, edited[rows], False))
    record = np.clip(people.filed_under - world.accounts.n, 0, len(twins.survivor) - 1)
    merge = np.where(people.filed_under >= world.accounts.n, twins.merged_day[record], NEVER)
    changes = (people.bounced_day, people.opted_out_day, people.left_day + 20, merge)
    for place, change in enumerate(changes):
        who = rows[(change[rows] > edited[rows]) & (change[rows] < plan.days)]
        versions.add(who, change[who] * SECONDS + 81_000 + place, contact(who, change[who], False))
    yield versions.batch()

    # Leads: people who named themselves before anyone knew them, and passing strangers.
    rows = np.flatnonzero(people.lead_day < plan.days)
    statuses = ["Open", "Working", "Nurture", "Disqualified", "Qualified"]
    status = np.searchsorted([0.35, 0.6, 0.85], r.random(people.n))
    company = world.accounts.name

    def lead(who: Ints, day: Ints) -> dict[str, pa.Array]:
        account = people.account[who]
        converted = people.converted_day[who] <= day
        return {
            "id": text.salesforce_ids("00Q", who + 1),
            "email": emails(world, who),
            "company": company.take(pa.array(account)),
            "website": text.blank(
                text.join("https://", world.accounts.domain.take(pa.array(account))),
                spelled[who] < 0.5,
            ),
            "title": titles.wordings(people.title[who]),
            "status": text.pick(statuses, np.where(converted, 4, status[who])),
            "is_converted": pa.array(converted),
            "converted_date": plan.dates(np.where(converted, people.converted_day[who], NEVER)),
            "converted_account_id": text.blank(text.salesforce_ids("001", account + 1), ~converted),
            "converted_contact_id": text.blank(text.salesforce_ids("003", who + 1), ~converted),
            "converted_opportunity_id": pa.nulls(len(who), pa.string()),
            "created_date": plan.stamps(people.lead_day[who] * SECONDS + 40_000),
        }

    versions = Versions(plan, "salesforce/lead")
    versions.add(rows, people.lead_day[rows] * SECONDS + 40_000, lead(rows, people.lead_day[rows]))
    done = rows[people.converted_day[rows] < plan.days]
    day = people.converted_day[done]
    versions.add(done, day * SECONDS + 70_000, lead(done, day))
    junk = max(10, world.accounts.n // 10)
    number = np.arange(junk)
    born = np.sort(r.integers(0, plan.days, junk))
    first = r.integers(0, len(FIRST_NAMES), junk)
    mail = text.join(text.pick([f.lower() for f in FIRST_NAMES], first), text.codes("", number, 5))
    host = text.pick(["gmail.com", "uni-017.edu", "yahoo.com", "mailinator.com"], number % 4)
    none = pa.nulls(junk, pa.string())
    versions.add(
        people.n + number,
        born * SECONDS + 39_000,
        {
            "id": text.salesforce_ids("00Q", people.n + number + 1),
            "email": text.join(mail, host, by="@"),
            "company": text.pick(["", "Student", "University", "self", "n/a"], number % 5),
            "website": none,
            "title": text.pick(["Student", "Freelancer", None], number % 3),
            "status": text.pick(["Open", "Disqualified"], number % 2),
            "is_converted": pa.array(np.zeros(junk, dtype=bool)),
            "converted_date": plan.dates(np.full(junk, NEVER)),
            "converted_account_id": none,
            "converted_contact_id": none,
            "converted_opportunity_id": none,
            "created_date": plan.stamps(born * SECONDS + 39_000),
        },
    )
    yield versions.batch()


def _users_and_campaigns(world: World, plans: Campaigns) -> Iterator[Batch]:
    plan = world.plan
    number = np.arange(1, USERS + 1)
    role = np.searchsorted([10, 26, 33], number - 1, side="right")
    born = np.full(USERS, -1400) * SECONDS
    first, last = text.pick(FIRST_NAMES, number), text.pick(LAST_NAMES, number * 3 % 90)
    mail = text.join(
        text.join(pc.utf8_lower(first), pc.utf8_lower(last), by="."), "ourplatform.io", by="@"
    )
    ranks = ["Sales Development Representative", "Account Executive", "Customer Success Manager"]
    departments = ["Sales Development", "Sales", "Customer Success", "Marketing"]
    versions = Versions(plan, "salesforce/user")
    columns = {
        "id": text.salesforce_ids("005", number),
        "name": text.join(first, last, by=" "),
        "email": mail,
        "user_role_id": text.salesforce_ids("00E", role + 1),
        "department": text.pick(departments, role),
        "title": text.pick([*ranks, "Campaign Manager"], role),
        "created_date": plan.stamps(born),
    }
    active = pa.array(number != 5)
    versions.add(number, born, columns | {"is_active": active})
    leaves = {name: values.slice(20, 1) for name, values in columns.items()}
    versions.add(
        number[20:21],
        np.array([(plan.days - 9) * SECONDS]),
        leaves | {"is_active": pa.array([False])},
    )
    yield versions.batch()

    versions = Versions(plan, "salesforce/campaign")
    k = len(plans.kind)
    number = np.arange(1, k + 1)
    topic = text.pick([t[0] for t in TOPICS], number % len(TOPICS))
    ends = plans.day + np.array([0, 3, 30, 2])[plans.kind]
    born = (plans.day - 30) * SECONDS
    columns = {
        "id": text.salesforce_ids("701", number),
        "name": text.join(text.pick(KINDS, plans.kind), topic, by=": "),
        "type": text.pick(KINDS, plans.kind),
        "start_date": plan.dates(plans.day),
        "end_date": plan.dates(ends),
        "parent_id": pa.nulls(k, pa.string()),
        "created_date": plan.stamps(born),
    }
    cost = np.array([4_000, 500, 9_000, 35_000])[plans.kind] + number * 37 % 900
    versions.add(number, born, columns | {"actual_cost": pa.array([None] * k, pa.float64())})
    paid = pa.array(cost.astype(np.float64))
    versions.add(number, (ends + 2) * SECONDS, columns | {"actual_cost": paid})
    yield versions.batch()


# -- other systems -----------------------------------------------------------------------------


def _targets(world: World) -> Batch:
    plan, accounts = world.plan, world.accounts
    r = plan.random("targets")
    rows = np.flatnonzero(accounts.is_listed)
    form = r.random(accounts.n)
    with_id = accounts.in_crm & (form < 0.92)
    with_domain = ~with_id | (form < 0.66)
    start = int(np.median(accounts.listed_day[rows]))

    def listing(who: Ints, recorded: Ints, removed: Ints, record: Ints | None = None) -> pa.Table:
        ids = who if record is None else record
        return pa.table(
            {
                "domain": text.blank(accounts.domain.take(pa.array(who)), ~with_domain[who]),
                "crm_account_id": text.blank(text.salesforce_ids("001", ids + 1), ~with_id[who]),
                "account_name": accounts.name.take(pa.array(who)),
                "tier": text.pick(["tier_1", "tier_2", "tier_3"], accounts.tier[who] - 1),
                "programme_id": text.pick(["ABX-2025"], who * 0),
                "selection_basis": text.pick(
                    ["look-alike", "sales nomination", "intent", "industry list"], who % 4
                ),
                "selected_by": text.pick(["marketing", "sales", "sales"], who % 3),
                "listed_on": plan.dates(accounts.listed_day[who]),
                "recorded_at": plan.stamps(recorded * SECONDS + 28_800),
                "programme_start_date": plan.dates(np.full(len(who), start)),
                "removed_on": plan.dates(removed),
            }
        )

    moves = domain_moves(world)["listing"]
    with_id[moves[0]] = with_domain[moves[0]] = True
    listed = accounts.listed_day[rows]
    removed = rows[accounts.removed_day[rows] < plan.days]
    left = accounts.removed_day[removed]
    again = np.array([moves[0]])
    when = np.array([plan.days - 1 - 12])
    parts = [
        (listing(rows, listed, np.full(len(rows), NEVER)), listed),
        (listing(removed, left, left), left),
        (listing(again, when, np.array([NEVER]), moves[1:]), when),
    ]
    return Batch(
        "targets/target_accounts",
        pa.concat_tables([p[0] for p in parts]),
        np.concatenate([p[1] for p in parts]),
    )


def _contracts(world: World, deal: pa.Table) -> Batch:
    plan, accounts = world.plan, world.accounts
    parts: list[tuple[Ints, Ints, Ints, Ints]] = []
    customers = np.flatnonzero(accounts.customer_since < NEVER)
    for year in range(0, 9):
        starts = accounts.customer_since[customers] + 365 * year
        runs = (starts < plan.days + 30) & (starts < accounts.customer_until[customers])
        who = customers[runs]
        recorded = starts[runs] - (2 if year else 1)
        parts.append((who, starts[runs], contract_values(world, who), recorded))
    d = {name: deal[name].to_numpy() for name in deal.column_names}
    won = (d[f"day_{WON}"] < plan.days) & (d["kind"] < 2) & (d["account"] >= 0)
    won &= d[f"day_{WON}"] != accounts.customer_since[np.maximum(d["account"], 0)] - 1
    parts.append((d["account"][won], d["closed"][won] + 5, d["value"][won], d["closed"][won] + 1))
    account, starts, value, recorded = (np.concatenate([p[i] for p in parts]) for i in range(4))
    keep = recorded < plan.days
    account, starts, value, recorded = account[keep], starts[keep], value[keep], recorded[keep]
    table = pa.table(
        {
            "contract_id": text.codes("CTR-", np.arange(1, len(account) + 1), 6),
            "crm_account_id": text.salesforce_ids("001", account + 1),
            "starts_on": plan.dates(starts),
            "ends_on": plan.dates(starts + 364),
            "arr_usd": pa.array(value.astype(np.float64)),
            "product": text.pick(["Platform", "Platform Plus", "Analytics"], account % 3),
            "recorded_at": plan.stamps(recorded * SECONDS + 61_200),
        }
    )
    return Batch("billing/contracts", table, recorded)


def _firmographics(world: World) -> Batch:
    plan, accounts = world.plan, world.accounts
    r = plan.random("firmographics")
    known = np.flatnonzero(r.random(accounts.n) < 0.92)
    stack = text.pick(
        ["Snowflake;Salesforce;AWS", "Databricks;Azure", "Google Cloud;BigQuery;HubSpot"],
        np.arange(accounts.n) % 3,
    )
    plain = text.pick(["SAP;Oracle", "Excel", "WordPress", None], np.arange(accounts.n) % 4)
    stack = pc.if_else(pa.array(accounts.has_data_stack), stack, plain)

    def companies(who: Ints, at: Ints, growth: float) -> pa.Table:
        where = pa.array(who)
        seen = (accounts.employees[who] * growth).astype(np.int64)
        parent = accounts.parent[who]
        return pa.table(
            {
                "domain": accounts.domain.take(where),
                "company_name": accounts.name.take(where),
                "industry": text.pick(INDUSTRIES, accounts.industry[who]),
                "employees": pa.array(seen, mask=(who % 29) == 3),
                "revenue_usd": pa.array(
                    accounts.revenue[who].astype(np.float64), mask=(who % 5) == 1
                ),
                "country": text.pick(COUNTRIES, accounts.country[who]),
                "technologies": stack.take(where),
                "fiscal_year_end_month": pa.array(np.where(who % 3 == 0, 1 + who % 12, 12)),
                "parent_domain": text.blank(
                    accounts.domain.take(pa.array(np.maximum(parent, 0))), parent < 0
                ),
                "updated_at": plan.stamps(at * SECONDS + 20_000),
            }
        )

    first = r.integers(-200, plan.load_day - 40, accounts.n)[known]
    fresh = known[r.random(len(known)) < 0.03]
    when = r.integers(plan.load_day + 1, plan.days, len(fresh))
    return Batch(
        "firmographics/companies",
        pa.concat_tables([companies(known, first, 1.0), companies(fresh, when, 1.06)]),
        np.concatenate([first, when]),
    )


def _timing(world: World) -> Batch:
    plan, windows, accounts = world.plan, world.windows, world.accounts
    rows = np.flatnonzero(windows.is_known)
    who = windows.account[rows]
    by_id = accounts.in_crm[who] & (who % 3 > 0)
    recorded = windows.recorded[rows]
    table = pa.table(
        {
            "domain": text.blank(accounts.domain.take(pa.array(who)), by_id),
            "crm_account_id": text.blank(text.salesforce_ids("001", who + 1), ~by_id),
            "window_type": text.pick(WINDOW_TYPES, windows.kind[rows]),
            "effect": text.pick(["closed", "open"], windows.is_open[rows].astype(int)),
            "starts_on": plan.dates(windows.starts[rows]),
            "ends_on": plan.dates(windows.ends[rows]),
            "recorded_at": plan.stamps(recorded * SECONDS + 43_200),
        }
    )
    return Batch("timing/windows", table, recorded)


def _research(world: World) -> Iterator[Batch]:
    """Interviews: noisy, dated answers about the true readiness; some say when to come back."""
    plan, accounts, people = world.plan, world.accounts, world.people
    r = plan.random("research")
    chosen = np.flatnonzero(accounts.is_listed & (r.random(accounts.n) < 0.14))
    account = np.repeat(chosen, r.integers(1, 4, len(chosen)))
    k = len(account)
    held = r.integers(max(0, plan.days - 330), plan.days - 1, k)
    recorded = np.minimum(held + r.integers(0, 5, k), plan.days - 1)
    size = np.bincount(people.account, minlength=accounts.n)[account]
    person = np.searchsorted(people.account, account) + (r.random(k) * size).astype(np.int64)
    on_file = people.contact_day()[person] <= held
    by_id = accounts.in_crm[account] & (r.random(k) < 0.7)
    interviews = pa.table(
        {
            "interview_id": text.codes("INT-", np.arange(1, k + 1), 5),
            "account_domain": text.blank(accounts.domain.take(pa.array(account)), by_id),
            "crm_account_id": text.blank(text.salesforce_ids("001", account + 1), ~by_id),
            "respondent_role": text.pick(PERSONAS, people.persona[person]),
            "contact_id": text.blank(text.salesforce_ids("003", person + 1), ~on_file),
            "source_type": text.pick(
                ["interview", "survey", "discovery_call"], r.integers(0, 3, k)
            ),
            "held_on": plan.dates(held),
            "recorded_at": plan.stamps(recorded * SECONDS + 64_800),
            "coder": text.pick(["coder_a", "coder_b"], r.integers(0, 2, k)),
        }
    )
    yield Batch("research/interviews", interviews, recorded)

    spoken = r.random((k, 4)) < 0.8
    row, dimension = np.nonzero(spoken)
    truth = accounts.readiness[account[row], dimension]
    rating = np.rint(4 * truth + r.normal(0, 0.6, len(row))).clip(0, 4).astype(np.int64)
    # Where the window is shut, half of the answers about timing say when it opens.
    windows = world.windows
    opens = np.full(accounts.n, NEVER)
    coming = windows.is_open & (windows.starts > plan.days - 200)
    np.minimum.at(opens, windows.account[coming], windows.starts[coming])
    wait = (dimension == 3) & (opens[account[row]] < NEVER) & (r.random(len(row)) < 0.5)
    wait &= opens[account[row]] > held[row]
    pressed = (dimension == 0) & (rating >= 3) & (r.random(len(row)) < 0.5)
    findings = pa.table(
        {
            "finding_id": text.codes("FND-", np.arange(1, len(row) + 1), 6),
            "interview_id": text.codes("INT-", row + 1, 5),
            "dimension": text.pick(DIMENSIONS, dimension),
            "rating": pa.array(rating),
            "verbatim": text.pick(
                [
                    "Nobody is asking for this.",
                    "We may look at it one day.",
                    "It comes up now and then.",
                    "This is on our list for the year.",
                    "We have to solve this, there is a date.",
                ],
                rating,
            ),
            "revisit_on": plan.dates(np.where(wait, opens[account[row]], NEVER)),
            "pressure_type": text.blank(
                text.pick(["regulation", "cost", "growth"], row % 3), ~pressed
            ),
            "deadline_on": plan.dates(np.where(pressed, held[row] + 150, NEVER)),
            "constraint_type": text.blank(
                text.pick(["budget", "staff", "contract"], row % 3), ~wait
            ),
        }
    )
    yield Batch("research/findings", findings, recorded[row])


def before_activity(world: World, plans: Campaigns, deal: pa.Table) -> Iterator[Batch]:
    """Records that do not depend on what happens in the months."""
    yield _accounts(world)
    yield from _users_and_campaigns(world, plans)
    yield _targets(world)
    yield _contracts(world, deal)
    yield _firmographics(world)
    yield _timing(world)


def after_activity(world: World, deal: pa.Table) -> Iterator[Batch]:
    """Records of people and deals, once the months have made leads and contacts."""
    yield from _people(world)
    yield from _opportunities(world, deal)
    yield from _research(world)
