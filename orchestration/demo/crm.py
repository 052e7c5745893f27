"""What sellers keep in their CRM of companies, people, users and campaigns, as facts.

What belongs here: the fields of records and their versions, with the slips of people who type, in
no CRM's words: numbers for ids, days and seconds for dates. What does not: the columns of a CRM
(`salesforce`, `hubspot`), deals (`deals`) and acts (`sales`, `campaigns`).

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
from .addresses import emails, personal_emails
from .batches import SECONDS, Batch, Versions
from .campaigns import KINDS, Campaigns
from .company import COUNTRIES, FIRST_NAMES, INDUSTRIES, LAST_NAMES, NEVER, Bools, World
from .deals import Parts
from .homes import EMEA, Homes
from .intent import TOPICS
from .records import PARTNER, PERSON, TEST, TWIN, VARIANT, Records, person_names
from .reference import domain_moves
from .systems import lacks_mail, lots
from .text import Ints

USERS = 40
RETITLED = "Left company"
TYPES = ("Prospect", "Customer", "Former Customer", "Partner")
DEPARTMENTS = ("Sales Development", "Sales", "Customer Success", "Marketing")
RANKS = (
    "Sales Development Representative",
    "Account Executive",
    "Customer Success Manager",
    "Campaign Manager",
)
TERRITORIES = {
    "United States": ("AMER East", "AMER West", "AMER Central"),
    "Canada": ("AMER Canada",),
    "Brazil": ("LATAM",),
    "India": ("APAC South",),
    "United Kingdom": ("EMEA UKI",),
    "Germany": ("EMEA DACH",),
    "Netherlands": ("EMEA Benelux",),
    "Sweden": ("EMEA Nordics",),
    "France": ("EMEA South",),
    "Spain": ("EMEA South",),
}


def accounts(world: World, records: Records) -> Batch:
    """Account records."""
    plan, latent, twins = world.plan, world.accounts, world.duplicates
    r = plan.random("crm accounts")
    n, k = latent.n, len(twins.survivor)
    total = n + k + int((records.kind == TEST).sum())  # records that these draws know
    extra = records.n - total
    of = np.maximum(records.company, 0)
    kind, created = records.kind, records.created_day

    # Websites: as typed by people; some none; some subsidiaries share the parent's.
    mine = of.copy()
    shares = (latent.parent[of[:total]] >= 0) & (r.random(total) < 0.35) & (kind[:total] != TWIN)
    mine[:total] = np.where(shares, latent.parent[of[:total]], mine[:total])
    same = np.flatnonzero((r.random(total) < 0.01) & (np.arange(total) < n - 1))
    moves = domain_moves(world)["website"]
    same = same[~np.isin(same, moves)]
    mine[same] = mine[same + 1]  # two companies, one website
    shape = np.concatenate([r.integers(0, 5, total), np.zeros(extra, dtype=np.int64)])
    left = text.pick(["https://www.", "http://", "www.", "", "HTTPS://"], shape)
    right = text.pick(["", "/", "/en", "", "/"], shape)
    domain = latent.domain.take(pa.array(mine))
    partner = text.join("partner-", text.codes("", np.arange(records.n), 5), ".consulting")
    domain = pc.if_else(pa.array(kind == PARTNER), partner, domain)
    none = np.concatenate([r.random(total) < 0.06, np.zeros(extra, dtype=bool)])
    none |= np.isin(kind, [TEST, VARIANT, PERSON])
    none[moves[0]], none[moves[1]] = False, True
    website = text.blank(text.join(left, domain, right), none)

    alias = {"Software": "Computer Software", "Financial Services": "Banking"}
    clean = list(INDUSTRIES)
    dirty = [alias.get(i, i) for i in clean] + [i.lower() for i in clean]
    slip = np.concatenate([r.random(total), np.zeros(extra)])
    industry = text.pick(
        [*clean, *dirty], latent.industry[of] + 12 * np.searchsorted([0.9, 0.97], slip)
    )
    industry = pc.if_else(pa.array(kind == PARTNER), pa.scalar("Consulting"), industry)
    unknown = np.concatenate([r.random(total) < 0.15, kind[total:] == PERSON])
    industry = text.blank(industry, unknown)
    spread = np.concatenate([r.normal(0, 0.15, total), np.zeros(extra)])
    heads = (latent.employees[of] * np.exp(spread)).astype(np.int64)
    heads = np.where(kind == PARTNER, 40 + np.arange(records.n) % 200, heads)
    no_heads = np.concatenate([r.random(total) < 0.25, kind[total:] == PERSON])
    no_money = np.concatenate([r.random(total) < 0.5, kind[total:] != VARIANT])
    parent_told = np.concatenate([r.random(total) < 0.8, np.ones(extra, dtype=bool)])
    owner = np.where(kind == PARTNER, 33, latent.owner[of])
    segment = np.searchsorted([200, 2500], latent.employees[of])
    segment = np.where((kind > TEST) | (lots(np.arange(records.n), 81, 100) < 8), -1, segment)
    territory = text.blank(_territories(latent.country[of]), kind > VARIANT)

    survives = np.full(records.n, -1)  # by record: the one merged into it
    twin = np.flatnonzero(kind == TWIN)
    survives[records.survivor[twin]] = twin

    def columns(
        rows: Ints, day: Ints, owners: Ints, sites: pa.Array, first: bool, gone: Bools
    ) -> dict[str, pa.Array]:
        where = pa.array(rows)
        mutable = kind[rows] != TEST
        buys = (latent.customer_since[of[rows]] <= day) & mutable & (kind[rows] < PARTNER)
        lost = buys & (latent.customer_until[of[rows]] <= day)
        status = np.where(lost, 2, buys.astype(np.int64))
        status = np.where(kind[rows] == PARTNER, 3, status)
        parent = records.parent(rows, day, world)
        bought = records.acquired_day[of[rows]] <= day
        parent = np.where(parent_told[rows] | bought, parent, -1)
        absorbs = (survives[rows] >= 0) & (records.merged_day[np.maximum(survives[rows], 0)] <= day)
        return {
            "record": where,
            "kind": pa.array(kind[rows]),
            "name": records.name.take(where),
            "website": sites,
            "industry": text.blank(industry.take(where), np.full(len(rows), first)),
            "employees": pa.array(heads[rows], mask=no_heads[rows] | first),
            "revenue": pa.array(
                latent.revenue[of[rows]].astype(np.float64), mask=no_money[rows] | first
            ),
            "country": text.pick(COUNTRIES, latent.country[of[rows]]),
            "parent": pa.array(parent),
            "type": text.pick(TYPES, status),
            "owner": pa.array(owners),
            "survivor": pa.array(np.where(gone, records.survivor[rows], -1)),
            "absorbed": pa.array(np.where(absorbs, survives[rows], -1)),
            "is_deleted": pa.array(gone),
            "segment": text.pick(["SMB", "Mid-Market", "Enterprise"], segment[rows]),
            "territory": territory.take(where),
            "created": plan.stamps(created[rows] * SECONDS + 32_000),
        }

    versions = Versions(plan, "crm/account", stamp="modified")
    there = np.concatenate([latent.in_crm, np.ones(records.n - n, dtype=bool)])
    rows = np.flatnonzero(there & (created < plan.days))
    gone = np.zeros(records.n, dtype=bool)
    born = created[rows] * SECONDS + 32_000
    some = np.concatenate([r.random(total) < 0.06, np.zeros(extra, dtype=bool)])
    old = np.concatenate([10 + r.integers(0, 16, total), owner[total:]])
    versions.add(
        rows,
        born,
        columns(rows, created[rows], old[rows], website.take(pa.array(rows)), True, gone[rows]),
        keep=some[rows],
    )
    # The record as people completed it, some time before the load.
    lot = np.concatenate([r.random(total), np.full(extra, 0.5)])
    edited = np.where(
        created <= plan.load_day,
        created + 1 + ((plan.load_day - created) * lot).astype(np.int64),
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
    moved = np.flatnonzero((r.random(total) < 0.02) & there[:total])
    moved = moved[(created[moved] <= plan.load_day) & ~np.isin(moved, moves) & (moved < n)]
    new = owner.copy()
    new[moved] = 10 + (owner[moved] - 9) % 16
    changed_at = np.full(records.n, NEVER * SECONDS)
    changed_at[moved] = when[moved]

    def change(who: Ints, second: Ints, sites: pa.Array, is_gone: bool = False) -> None:
        """A version in which something else has changed; owners are those of the second."""
        owners = np.where(changed_at[who] <= second, new[who], owner[who])
        done = np.full(len(who), is_gone)
        day = second // SECONDS
        versions.add(who, second, columns(who, day, owners, sites, False, done))

    change(moved, when[moved], website.take(pa.array(moved)))
    # Merges: the duplicate is deleted and points at the survivor, which changes too.
    done = twin[records.merged_day[twin] < plan.days]
    at = records.merged_day[done] * SECONDS + 80_000
    change(done, at, website.take(pa.array(done)), is_gone=True)
    kept = records.survivor[done]
    change(kept, at, website.take(pa.array(kept)))
    # A website that moves from one company's record to another's.
    day = np.full(2, plan.days - 1 - 9)
    sites = pa.concat_arrays([pa.nulls(1, pa.string()), website.slice(int(moves[0]), 1)])
    change(moves, day * SECONDS + 60_000, sites)
    # Companies that were bought.
    bought = np.flatnonzero((records.acquired_day < plan.days) & latent.in_crm)
    bought = bought[records.acquired_day[bought] > np.maximum(edited, created)[bought]]
    bought = bought[~np.isin(bought, moves)]
    change(bought, records.acquired_day[bought] * SECONDS + 62_000, website.take(pa.array(bought)))
    return versions.batch()


def _territories(country: Ints) -> pa.Array:
    names = [TERRITORIES[country] for country in COUNTRIES]
    flat = [name for options in names for name in options]
    count = np.array([len(options) for options in names])
    lot = lots(np.arange(len(country)), 82, 60)
    return text.pick(flat, (np.cumsum(count) - count)[country] + lot % count[country])


def people(world: World, records: Records, parts: Parts) -> Iterator[Batch]:
    """Contacts, then leads."""
    plan, latent = world.plan, world.people
    r = plan.random("crm people")
    r.random(latent.n)  # who lacks an address: systems.lacks_mail
    no_mail = lacks_mail(world)
    spelled = r.random(latent.n)
    kept = r.random(latent.n) < 0.05
    contact_day = latent.contact_day()
    span = np.maximum(plan.load_day - contact_day, 1)
    edited = contact_day + (span * r.random(latent.n)).astype(np.int64)
    twice = records.doubles(contact_day)
    mail, private = emails(world, np.arange(latent.n)), personal_emails(world)
    owner = world.accounts.owner[latent.account]
    part, part_day = _buying_parts(latent.n, parts)

    def contact(
        who: Ints, day: Ints, first: bool = False, second: bool = False
    ) -> dict[str, pa.Array]:
        """Fields of people's contacts on a day, or of their second contacts."""
        where = pa.array(who)
        title = titles.wordings(latent.title[who])
        title = pc.if_else(pa.array(spelled[who] < 0.05), pc.utf8_upper(title), title)
        left = (latent.left_day[who] + 20 <= day) & (latent.bounced_day[who] == NEVER)
        title = pc.if_else(pa.array(left), pa.scalar(RETITLED), title)
        department = titles.departments(latent.job[who])
        merged = twice[who] & (records.double_merged_day[who] <= day)
        bounced = np.where(latent.bounced_day[who] <= day, latent.bounced_day[who], NEVER)
        address = private.take(where) if second else text.blank(mail.take(where), no_mail[who])
        came = records.double_created_day if second else contact_day
        converted = (latent.lead_day[who] < NEVER) & (not second)
        return {
            "number": pa.array(who + 1 + latent.n * second),
            "person": where,
            "record": pa.array(records.of_person(who, day)),
            "email": address,
            "first_name": text.pick(FIRST_NAMES, latent.first[who]),
            "last_name": text.pick(LAST_NAMES, latent.last[who]),
            "title": text.blank(title, np.full(len(who), first)),
            "department": text.blank(department, (spelled[who] > 0.7) | first | second),
            "owner": pa.array(owner[who]),
            "bounced": plan.stamps(np.full(len(who), NOT_YET) if second else _at(bounced, 36_000)),
            "has_opted_out": pa.array((latent.opted_out_day[who] <= day) & (not second)),
            "part": pa.array(np.where((part_day[who] <= day) & (not second), part[who], -1)),
            "is_deleted": pa.array(merged & second),
            "survivor": pa.array(np.where(merged & second, who + 1, -1)),
            "absorbed": pa.array(np.where(merged & (not second), who + 1 + latent.n, -1)),
            "converted_lead": pa.array(np.where(converted, who + 1, -1)),
            "created": plan.stamps(came[who] * SECONDS + 33_000),
        }

    rows = np.flatnonzero(contact_day < plan.days)
    versions = Versions(plan, "crm/contact", stamp="modified")
    versions.add(
        rows,
        contact_day[rows] * SECONDS + 33_000,
        contact(rows, contact_day[rows], first=True),
        keep=kept[rows],
    )
    versions.add(rows, edited[rows] * SECONDS + 51_000, contact(rows, edited[rows]))
    filed = records.filed_under
    changes = (
        latent.bounced_day,
        latent.opted_out_day,
        latent.left_day + 20,
        records.merged_day[filed],
        part_day,
        np.where(twice, records.double_merged_day, NEVER),
    )
    for place, changed in enumerate(changes):
        who = rows[(changed[rows] > edited[rows]) & (changed[rows] < plan.days)]
        second = changed[who] * SECONDS + 81_000 + place
        versions.add(who, second, contact(who, changed[who]))
    # Second contacts of some, until somebody merges them.
    again = rows[twice[rows]]
    since = records.double_created_day[again]
    versions.add(latent.n + again, since * SECONDS + 33_000, contact(again, since, second=True))
    merged = again[records.double_merged_day[again] < plan.days]
    day = records.double_merged_day[merged]
    versions.add(
        latent.n + merged,
        day * SECONDS + 81_005,
        contact(merged, day, second=True),
    )
    _persons(world, records, versions)
    yield versions.batch()
    yield _leads(world, r, spelled)


def _at(day: Ints, second: int) -> Ints:
    return np.where(day < NEVER, day * SECONDS + second, NOT_YET)


def _buying_parts(n: int, parts: Parts) -> tuple[Ints, Ints]:
    """The part each person has in purchases, as deals first say, and from which day on."""
    rows = np.flatnonzero(parts.part >= 0)
    rows = rows[np.argsort(parts.day[rows], kind="stable")]
    part, day = np.full(n, -1), np.full(n, NEVER)
    who, first = np.unique(parts.person[rows], return_index=True)
    part[who], day[who] = parts.part[rows[first]], parts.day[rows[first]]
    return part, day


def _persons(world: World, records: Records, versions: Versions) -> None:
    """The contacts that stand behind persons who are accounts."""
    plan, n = world.plan, world.people.n
    record = np.flatnonzero(records.kind == PERSON)
    number = np.arange(len(record))
    first, last = person_names(number)
    nobody = pa.array(np.full(len(record), -1))
    no = pa.array(np.zeros(len(record), dtype=bool))
    second = records.created_day[record] * SECONDS + 32_000
    versions.add(
        2 * n + number,
        second,
        {
            "number": pa.array(2 * n + 1 + number),
            "person": nobody,
            "record": pa.array(record),
            "email": person_mails(records),
            "first_name": first,
            "last_name": last,
            "title": text.pick(["Consultant", "Freelancer", None], number % 3),
            "department": pa.nulls(len(record), pa.string()),
            "owner": pa.array(np.full(len(record), 11)),
            "bounced": plan.stamps(np.full(len(record), NOT_YET)),
            "has_opted_out": no,
            "part": nobody,
            "is_deleted": no,
            "survivor": nobody,
            "absorbed": nobody,
            "converted_lead": nobody,
            "created": plan.stamps(second),
        },
    )


def person_mails(records: Records) -> pa.Array:
    """Addresses of the persons who are accounts."""
    number = np.arange(int((records.kind == PERSON).sum()))
    first, last = person_names(number)
    local = text.join(pc.utf8_lower(first), pc.utf8_lower(last), by=".")
    host = text.pick(["gmail.com", "outlook.com"], number % 2)
    return text.join(text.join(local, text.codes("", number, 3)), host, by="@")


def _leads(world: World, r: np.random.Generator, spelled: np.ndarray) -> Batch:
    """People who named themselves before anyone knew them, and passing strangers."""
    plan, latent = world.plan, world.people
    rows = np.flatnonzero(latent.lead_day < plan.days)
    statuses = ["Open", "Working", "Nurture", "Disqualified", "Qualified"]
    status = np.searchsorted([0.35, 0.6, 0.85], r.random(latent.n))
    mail = emails(world, np.arange(latent.n))

    def lead(who: Ints, day: Ints) -> dict[str, pa.Array]:
        account = latent.account[who]
        converted = latent.converted_day[who] <= day
        bounced = np.where(latent.bounced_day[who] <= day, latent.bounced_day[who], NEVER)
        site = text.join("https://", world.accounts.domain.take(pa.array(account)))
        return {
            "number": pa.array(who + 1),
            "person": pa.array(who),
            "record": pa.array(account),
            "email": mail.take(pa.array(who)),
            "company": world.accounts.name.take(pa.array(account)),
            "website": text.blank(site, (spelled[who] < 0.5) | latent.has_free_mail[who]),
            "title": titles.wordings(latent.title[who]),
            "status": text.pick(statuses, np.where(converted, 4, status[who])),
            "is_converted": pa.array(converted),
            "converted_date": plan.dates(np.where(converted, latent.converted_day[who], NEVER)),
            "bounced": plan.stamps(_at(bounced, 36_000)),
            "has_opted_out": pa.array(latent.opted_out_day[who] <= day),
            "owner": pa.array(1 + who % 4),
            "created": plan.stamps(latent.lead_day[who] * SECONDS + 40_000),
        }

    versions = Versions(plan, "crm/lead", stamp="modified")
    versions.add(rows, latent.lead_day[rows] * SECONDS + 40_000, lead(rows, latent.lead_day[rows]))
    for place, changed in enumerate((latent.bounced_day, latent.opted_out_day)):
        who = rows[(changed[rows] > latent.lead_day[rows]) & (changed[rows] < plan.days)]
        who = who[changed[who] < latent.converted_day[who]]
        versions.add(who, changed[who] * SECONDS + 69_000 + place, lead(who, changed[who]))
    done = rows[latent.converted_day[rows] < plan.days]
    day = latent.converted_day[done]
    versions.add(done, day * SECONDS + 70_000, lead(done, day))

    junk = max(10, world.accounts.n // 10)
    number = np.arange(junk)
    born = np.sort(r.integers(0, plan.days, junk))
    first = r.integers(0, len(FIRST_NAMES), junk)
    local = text.join(text.pick([f.lower() for f in FIRST_NAMES], first), text.codes("", number, 5))
    host = text.pick(["gmail.com", "uni-017.edu", "yahoo.com", "mailinator.com"], number % 4)
    no = pa.array(np.zeros(junk, dtype=bool))
    versions.add(
        latent.n + number,
        born * SECONDS + 39_000,
        {
            "number": pa.array(latent.n + number + 1),
            "person": pa.array(np.full(junk, -1)),
            "record": pa.array(np.full(junk, -1)),
            "email": text.join(local, host, by="@"),
            "company": text.pick(["", "Student", "University", "self", "n/a"], number % 5),
            "website": pa.nulls(junk, pa.string()),
            "title": text.pick(["Student", "Freelancer", None], number % 3),
            "status": text.pick(["Open", "Disqualified"], number % 2),
            "is_converted": no,
            "converted_date": plan.dates(np.full(junk, NEVER)),
            "bounced": plan.stamps(np.full(junk, NOT_YET)),
            "has_opted_out": no,
            "owner": pa.array(1 + number % 4),
            "created": plan.stamps(born * SECONDS + 39_000),
        },
    )
    return versions.batch()


def users(world: World, homes: Homes) -> Batch:
    """The sellers; one leaves in the last days. The second organisation has people of its own."""
    plan = world.plan
    number = np.arange(1, USERS + 1)
    role = np.searchsorted([10, 26, 33], number - 1, side="right")
    born = np.full(USERS, -1400) * SECONDS
    versions = Versions(plan, "crm/user", stamp="modified")
    for crm in homes.crms:
        is_emea = crm == EMEA
        first = text.pick(FIRST_NAMES, (number + 40 * is_emea) % len(FIRST_NAMES))
        last = text.pick(LAST_NAMES, (number * 3 + 50 * is_emea) % 90)
        local = text.join(pc.utf8_lower(first), pc.utf8_lower(last), by=".")
        columns = {
            "number": pa.array(number),
            "home": pa.array(np.full(USERS, crm)),
            "first_name": first,
            "last_name": last,
            "email": text.join(local, "ourplatform.eu" if is_emea else "ourplatform.io", by="@"),
            "role": pa.array(role),
            "created": plan.stamps(born),
        }
        record = 1000 * crm + number
        versions.add(record, born, columns | {"is_active": pa.array(number != 5)})
        leaves = {name: values.slice(20, 1) for name, values in columns.items()}
        versions.add(
            record[20:21],
            np.array([(plan.days - 9) * SECONDS]),
            leaves | {"is_active": pa.array([False])},
        )
    return versions.batch()


def campaign_records(world: World, plans: Campaigns) -> Batch:
    """Campaigns, and what they cost once they are over."""
    plan = world.plan
    k = len(plans.kind)
    number = np.arange(1, k + 1)
    topic = text.pick([t[0] for t in TOPICS], number % len(TOPICS))
    ends = plans.day + np.array([0, 3, 30, 2])[plans.kind]
    born = (plans.day - 30) * SECONDS
    columns = {
        "number": pa.array(number),
        "name": text.join(text.pick(KINDS, plans.kind), topic, by=": "),
        "type": text.pick(KINDS, plans.kind),
        "start_date": plan.dates(plans.day),
        "end_date": plan.dates(ends),
        "created": plan.stamps(born),
    }
    cost = np.array([4_000, 500, 9_000, 35_000])[plans.kind] + number * 37 % 900
    versions = Versions(plan, "crm/campaign", stamp="modified")
    versions.add(number, born, columns | {"actual_cost": pa.array([None] * k, pa.float64())})
    paid = pa.array(cost.astype(np.float64))
    versions.add(number, (ends + 2) * SECONDS, columns | {"actual_cost": paid})
    return versions.batch()
