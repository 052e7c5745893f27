"""What other systems of record hold: target list, contracts, firmographics, timing, news.

What belongs here: rows and their versions as these sources would export them. What does not: the
CRM (`crm`), acts (`activity`), research (`research`) and how files arrive (`deliveries`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import text
from .batches import SECONDS, Batch
from .company import COUNTRIES, INDUSTRIES, NEVER, WINDOW_TYPES, World
from .deals import WON, contract_values
from .homes import Homes
from .records import Records
from .text import Ints

EVENT_SHARE = 0.5
"""Events of a company in a year, on average."""
EVENT_TYPES = {
    "executive_change": 0.4,
    "funding": 0.2,
    "merger": 0.1,
    "regulation": 0.1,
    "competitor": 0.1,
    "new_site": 0.1,
}
"""Kinds of change events and their shares; the last is one that no rule names."""


def domain_moves(world: World) -> dict[str, Ints]:
    """Domains that change hands in the last days.

    `website`: the CRM website moves from the first company's record to the second's, nine days
    before the end. `listing`: a target row is recorded again for another record, twelve days
    before the end. Raises ValueError for a company in which too few can be chosen.
    """
    accounts = world.accounts
    fine = accounts.in_crm & (accounts.created_day < -50) & (accounts.parent < 0)
    fine &= accounts.listed_day > 0
    twin = np.zeros(accounts.n, dtype=bool)
    twin[world.duplicates.survivor] = True
    fine &= ~twin & (accounts.removed_day == NEVER)
    listed_early = accounts.is_listed & (accounts.listed_day < world.plan.load_day)
    # In a small company there may be too few whose visits would show the change.
    for chosen in (fine & accounts.sees_web, fine):
        giver = np.flatnonzero(chosen & ~accounts.is_listed)
        taker = np.flatnonzero(chosen & listed_early)
        if len(giver) > 1 and len(taker) > 2:
            return {
                "website": np.array([giver[0], taker[0]]),
                "listing": np.array([taker[2], giver[1]]),
            }
    raise ValueError(f"{accounts.n} accounts are too few with seed {world.plan.seed}: choose more")


def _targets(world: World, homes: Homes) -> Batch:
    plan, accounts = world.plan, world.accounts
    r = plan.random("targets")
    rows = np.flatnonzero(accounts.is_listed)
    form = r.random(accounts.n)
    with_id = accounts.in_crm & (form < 0.92)
    with_domain = ~with_id | (form < 0.66)
    start = world.programme_start

    def listing(who: Ints, recorded: Ints, removed: Ints, record: Ints | None = None) -> pa.Table:
        ids = who if record is None else record
        return pa.table(
            {
                "domain": text.blank(accounts.domain.take(pa.array(who)), ~with_domain[who]),
                "crm_account_id": text.blank(homes.account_names(ids), ~with_id[who]),
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


def _contracts(world: World, homes: Homes, deal: pa.Table) -> Batch:
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
            "crm_account_id": homes.account_names(account),
            "starts_on": plan.dates(starts),
            "ends_on": plan.dates(starts + 364),
            "arr_usd": pa.array(value.astype(np.float64)),
            "product": text.pick(["Platform", "Platform Plus", "Analytics"], account % 3),
            "recorded_at": plan.stamps(recorded * SECONDS + 61_200),
        }
    )
    return Batch("billing/contracts", table, recorded)


def _firmographics(world: World, records: Records) -> Iterator[Batch]:
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
        parent = records.parent(who, at, world)
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
    # The provider learns of most acquisitions some days after them.
    bought = np.flatnonzero((records.acquired_day < plan.days) & (r.random(accounts.n) < 0.85))
    heard = records.acquired_day[bought] + r.integers(2, 12, len(bought))
    told = np.isin(bought, known)
    yield Batch(
        "firmographics/companies",
        pa.concat_tables(
            [
                companies(known, first, 1.0),
                companies(fresh, when, 1.06),
                companies(bought[told], heard[told], 1.0),
            ]
        ),
        np.concatenate([first, when, heard[told]]),
    )
    before = accounts.parent[bought]
    sold = np.flatnonzero(before >= 0)
    since = records.acquired_day[bought]
    who = np.concatenate([bought, bought[sold]])
    other = np.concatenate([records.buyer[bought], before[sold]])
    ended = np.arange(len(who)) >= len(bought)
    at = np.concatenate([heard, heard[sold]])
    yield Batch(
        "firmographics/relationships",
        pa.table(
            {
                "domain": accounts.domain.take(pa.array(who)),
                "related_domain": accounts.domain.take(pa.array(other)),
                "relationship_type": text.pick(
                    ["acquired by", "subsidiary of"], ended.astype(np.int64)
                ),
                "starts_on": plan.dates(np.concatenate([since, np.full(len(sold), NEVER)])),
                "ends_on": plan.dates(np.concatenate([np.full(len(bought), NEVER), since[sold]])),
                "recorded_at": plan.stamps(at * SECONDS + 21_000),
            }
        ),
        at,
    )


def _timing(world: World, homes: Homes) -> Batch:
    plan, windows, accounts = world.plan, world.windows, world.accounts
    rows = np.flatnonzero(windows.is_known)
    who = windows.account[rows]
    by_id = accounts.in_crm[who] & (who % 3 > 0)
    recorded = windows.recorded[rows]
    table = pa.table(
        {
            "domain": text.blank(accounts.domain.take(pa.array(who)), by_id),
            "crm_account_id": text.blank(homes.account_names(who), ~by_id),
            "window_type": text.pick(WINDOW_TYPES, windows.kind[rows]),
            "effect": text.pick(["closed", "open"], windows.is_open[rows].astype(int)),
            "starts_on": plan.dates(windows.starts[rows]),
            "ends_on": plan.dates(windows.ends[rows]),
            "recorded_at": plan.stamps(recorded * SECONDS + 43_200),
        }
    )
    return Batch("timing/windows", table, recorded)


def _change_events(world: World, homes: Homes) -> Batch:
    """News of companies, as a feed of it tells: it moves nobody here, and some of it comes late."""
    plan, accounts = world.plan, world.accounts
    r = plan.random("change_events")
    who = np.flatnonzero(r.random(accounts.n) < EVENT_SHARE * plan.days / 365)
    day = r.integers(0, plan.days, len(who))
    kind = r.choice(len(EVENT_TYPES), len(who), p=list(EVENT_TYPES.values()))
    by_id = accounts.in_crm[who] & (r.random(len(who)) < 0.3)
    recorded = np.minimum(day + r.integers(0, 15, len(who)), plan.days - 1)
    table = pa.table(
        {
            "event_id": text.codes("EVT-", np.arange(1, len(who) + 1), 6),
            "domain": text.blank(accounts.domain.take(pa.array(who)), by_id),
            "crm_account_id": text.blank(homes.account_names(who), ~by_id),
            "event_type": text.pick(list(EVENT_TYPES), kind),
            "event_date": plan.dates(day),
            "headline": text.pick([f"News: {name}" for name in EVENT_TYPES], kind),
            "source": text.pick(["news", "register", "sales"], who % 3),
            "recorded_at": plan.stamps(recorded * SECONDS + 28_800),
        }
    )
    return Batch("change_events/events", table, recorded)


def before_activity(
    world: World, records: Records, homes: Homes, deal: pa.Table
) -> Iterator[Batch]:
    """What does not depend on what happens in the months."""
    yield _targets(world, homes)
    yield _contracts(world, homes, deal)
    yield from _firmographics(world, records)
    yield _timing(world, homes)
    yield _change_events(world, homes)
