"""The truth folder: what was so, whether or not any feed saw it. Never in the landing folder."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from . import text, titles
from .acting import STEP
from .company import MOTIONS, NEVER, PERSONAS, SEATS, WINDOW_TYPES, World
from .homes import SOURCES, Homes, account_ids, contact_ids, lead_ids
from .marketo import marketo_ids
from .records import KINDS, TWIN, VARIANT, Records
from .reference import domain_moves
from .research import DIMENSIONS
from .systems import Systems
from .text import Ints

README = """The truth behind the landing files, for judging what the project finds. Never an input.

accounts   one row per real company. crm_account_id is null where the CRM lacks it. is_target holds
           on the last day. sees_*: whether that channel can see the company at all; sees_contacts:
           on the last day the CRM has a contact there who did not bounce, leave or opt out.
           pressure, ownership, authority_alignment, timing_tolerance: the true share (0-1) of each;
           all four above 0.5: the company can decide. They stay what they are. An answer is the
           number of yes in four observations, each yes with that share; coders err by a step.
           programme_lift: by which share its visits, forms, replies and meetings rise from the
           first day of the programme on.
motions    episodes: interest, buying, deal (from the first day past qualification). Days outside
           have no motion.
windows    when the company could buy (open) or could not (closed), and whether the timing feed
           says so (is_known). Research may say so too.
committee  the real people, their persona and title, and from when the CRM knows them.
reach      true_reached_share: of the seats a purchase needs (needed_seats in accounts), the share
           filled by a person still there whom a delivered touch reached, or who acted toward us by
           name (reply, meeting, form, response, click in a mail, visit in a recognised browser), in
           the 90 days to ends_on. A mail that arrives is a delivered touch, of marketing too; an
           impression of an ad is none. Steps of five days; equal neighbours are one row.
records    every account record of every CRM, and the company it stands for; kind says which are
           tests, partners, persons, duplicates.
people     every contact and lead, of CRMs and of marketing, and the person it is.
families   parents of companies. valid_from is empty where it always was so, valid_to where it still
           is; companies that were bought have two rows, or one.
duplicates pairs of account records of one CRM that are one company: `merged` ones, some day, and
           probable ones, which nobody has noticed.
mishaps    what was planted. In the last 30 days: faults of delivery (stopped, missing, late_file,
           late_rows, repeated, conflicting, bad_rows, unreadable, renamed_column, extra_column,
           shuffled_columns) and changes of identity (merged, website_moved, target_moved); and
           what is wrong with answers to the survey, at any time, from day to until (blank_answer,
           no_answer, no_date, out_of_range, free_mail, no_address, sent_twice).

True state of a company on a day: no motion, no signal; interest, some signal; buying, strong
signal; deal, committed motion; then the state table with true_reached_share.
"""


def write(
    world: World,
    records: Records,
    homes: Homes,
    systems: Systems,
    reach: Sequence[npt.NDArray[np.float32]],
    planted: list[dict[str, str]],
    folder: Path,
) -> None:
    """Write all tables as parquet, and README.txt."""
    plan, accounts, people = world.plan, world.accounts, world.people
    ids = text.blank(homes.account_ids(np.arange(accounts.n)), ~accounts.in_crm)
    last = plan.days - 1

    def keys(account: Ints) -> dict[str, pa.Array]:
        where = pa.array(account)
        return {"crm_account_id": ids.take(where), "domain": accounts.domain.take(where)}

    trackable = (people.contact_day() <= last) & (people.bounced_day > last)
    trackable &= (people.left_day > last) & (people.opted_out_day > last)
    sees_contacts = np.bincount(people.account[trackable], minlength=accounts.n) > 0
    seats = SEATS[accounts.is_large.astype(int)].sum(axis=1)
    planted = [*planted, *_identity_changes(world, homes)]
    everyone = np.arange(accounts.n)
    moves = domain_moves(world)
    moved = np.isin(everyone, np.concatenate([moves["website"], moves["listing"]]))
    tables = {
        "accounts": keys(everyone)
        | {
            "account_name": accounts.name,
            "crm": text.blank(text.pick(SOURCES, homes.of_record[everyone]), ~accounts.in_crm),
            "is_target": pa.array((accounts.listed_day <= last) & (accounts.removed_day > last)),
            "listed_on": plan.dates(accounts.listed_day),
            "removed_on": plan.dates(accounts.removed_day),
            "true_fit": pa.array(accounts.true_fit),
            **{d: pa.array(accounts.readiness[:, i]) for i, d in enumerate(DIMENSIONS)},
            "committee_size": pa.array(np.bincount(people.account, minlength=accounts.n)),
            "needed_seats": pa.array(seats),
            "is_dark": pa.array(accounts.is_dark),
            "sees_intent": pa.array(accounts.sees_intent),
            "sees_web": pa.array(accounts.sees_web),
            "sees_ads": pa.array(systems.sees_ads),
            "sees_6sense": pa.array(systems.sees_sixsense),
            "sees_g2": pa.array(systems.sees_g2),
            "sees_contacts": pa.array(sees_contacts),
            "effort": pa.array(accounts.effort),
            "programme_lift": pa.array(world.lifted * plan.programme_lift),
            "domain_changes_hands": pa.array(moved),
        },
        "motions": keys(world.runs.account)
        | {
            "motion": text.pick(MOTIONS, world.runs.motion),
            "starts_on": plan.dates(world.runs.starts),
            "ends_on": plan.dates(world.runs.ends),
            "is_running": pa.array(world.runs.is_running),
        },
        "windows": keys(world.windows.account)
        | {
            "window_type": text.pick(WINDOW_TYPES, world.windows.kind),
            "effect": text.pick(["closed", "open"], world.windows.is_open.astype(int)),
            "starts_on": plan.dates(world.windows.starts),
            "ends_on": plan.dates(world.windows.ends),
            "is_known": pa.array(world.windows.is_known),
        },
        "committee": keys(people.account)
        | {
            "person_id": text.codes("usr_", np.arange(people.n), 8),
            "persona": text.pick(PERSONAS, people.persona),
            "title": titles.wordings(people.title),
            "in_crm": pa.array(people.known_day <= last),
            "known_on": plan.dates(people.known_day),
            "left_on": plan.dates(people.left_day),
            "contact_id": text.blank(
                homes.contact_names(np.arange(people.n) + 1, np.arange(people.n)),
                people.contact_day() >= NEVER,
            ),
        },
        "records": _records(world, records, homes),
        "people": _people(world, records, homes, systems),
        "families": _families(world, records),
        "duplicates": _duplicates(world, records, homes),
        "reach": _reach(world, reach, keys),
        "mishaps": {
            name: pa.array([row[name] for row in planted])
            for name in ("kind", "feed", "day", "until", "rows", "note")
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet", compression="zstd")
    (folder / "README.txt").write_text(README)


def _reach(
    world: World,
    reach: Sequence[npt.NDArray[np.float32]],
    keys: Callable[[Ints], dict[str, pa.Array]],
) -> dict[str, pa.Array]:
    """Steps of true reach, equal neighbours joined; shape of `reach`: (steps, companies)."""
    share = np.stack(reach, axis=1)
    change = np.ones(share.shape, dtype=bool)
    change[:, 1:] = share[:, 1:] != share[:, :-1]
    account, step = np.nonzero(change)
    last = np.append(account[1:] != account[:-1], True)
    until = np.where(last, share.shape[1], np.append(step[1:], 0))
    return keys(account) | {
        "starts_on": world.plan.dates(step * STEP),
        "ends_on": world.plan.dates(until * STEP - 1),
        "true_reached_share": pa.array(np.round(share[account, step].astype(np.float64), 4)),
    }


def _records(world: World, records: Records, homes: Homes) -> dict[str, pa.Array]:
    """Every account record of every CRM, and the company it stands for."""
    last = world.plan.days - 1
    crm, record = np.nonzero(homes.stands & (records.created_day <= last))
    company = records.company[record]
    domains = world.accounts.domain.take(pa.array(np.maximum(company, 0)))
    return {
        "source": text.pick(SOURCES, crm),
        "crm_account_id": _ids(crm, record, account_ids),
        "kind": text.pick(KINDS, records.kind[record]),
        "domain": text.blank(domains, company < 0),
        "merged_on": world.plan.dates(records.merged_day[record]),
    }


def _ids(crm: Ints, number: Ints, ids: Callable[[int, Ints], pa.Array]) -> pa.Array:
    """Ids of records of several CRMs, given in the order of the CRMs."""
    return pa.concat_arrays(
        [pa.array([], pa.string()), *[ids(int(c), number[crm == c]) for c in np.unique(crm)]]
    )


def _people(world: World, records: Records, homes: Homes, systems: Systems) -> dict[str, pa.Array]:
    """Every contact, lead and marketing lead of a person we simulate."""
    people, last = world.people, world.plan.days - 1
    parts: list[tuple[str, str, Ints, pa.Array]] = []
    contact_day = people.contact_day()
    twice = records.doubles(contact_day)
    for crm in homes.crms:
        everyone = np.arange(people.n)
        held = homes.holds_person(crm, everyone, records.filed_under)
        first = np.flatnonzero(held & (contact_day <= last))
        second = first[(twice & (records.double_created_day <= last))[first]]
        named = np.flatnonzero(held & (people.lead_day <= last))
        parts.append((SOURCES[crm], "contact", first, contact_ids(crm, first + 1)))
        parts.append((SOURCES[crm], "contact", second, contact_ids(crm, second + 1 + people.n)))
        parts.append((SOURCES[crm], "lead", named, lead_ids(crm, named + 1)))
    known = np.flatnonzero(systems.marketing_day(world) <= last)
    doubles = known[systems.doubled[known]]
    parts.append(("marketo", "lead", known, marketo_ids(known)))
    parts.append(("marketo", "lead", doubles, marketo_ids(doubles, second=True)))
    rows = [np.full(len(p[2]), place) for place, p in enumerate(parts)]
    return {
        "source": text.pick([p[0] for p in parts], np.concatenate(rows)),
        "record_kind": text.pick([p[1] for p in parts], np.concatenate(rows)),
        "record_id": pa.concat_arrays([p[3] for p in parts]),
        "person_id": text.codes("usr_", np.concatenate([p[2] for p in parts]), 8),
    }


def _families(world: World, records: Records) -> dict[str, pa.Array]:
    """Parents of companies, from and until the day a company was bought."""
    plan, accounts = world.plan, world.accounts
    born = np.flatnonzero(accounts.parent >= 0)
    bought = np.flatnonzero(records.acquired_day < plan.days)
    company = np.concatenate([born, bought])
    parent = np.concatenate([accounts.parent[born], records.buyer[bought]])
    first, day = np.arange(len(company)) < len(born), records.acquired_day[company]
    return {
        "domain": accounts.domain.take(pa.array(company)),
        "parent_domain": accounts.domain.take(pa.array(parent)),
        "valid_from": plan.dates(np.where(first, NEVER, day)),
        "valid_to": plan.dates(np.where(first & (day < plan.days), day, NEVER)),
    }


def _duplicates(world: World, records: Records, homes: Homes) -> dict[str, pa.Array]:
    """Pairs of account records of one CRM that are one company."""
    second = np.flatnonzero(np.isin(records.kind, [TWIN, VARIANT]))
    first = records.company[second]
    merged = records.merged_day[second]
    return {
        "source": text.pick(SOURCES, homes.of_record[first]),
        "crm_account_id": homes.account_ids(first),
        "duplicate_crm_account_id": homes.account_ids(second),
        "kind": text.pick(KINDS, records.kind[second]),
        "merged_on": world.plan.dates(np.where(merged < world.plan.days, merged, NEVER)),
    }


def _identity_changes(world: World, homes: Homes) -> list[dict[str, str]]:
    """Merges and moves of domains in the last days, in the shape of planted mishaps."""
    plan, twins, moves = world.plan, world.duplicates, domain_moves(world)
    record = world.accounts.n + np.arange(len(twins.survivor))
    merged = np.flatnonzero((twins.merged_day > plan.load_day) & (twins.merged_day < plan.days))
    changes = [
        ("merged", "salesforce/account", int(twins.merged_day[m]), record[m], twins.survivor[m])
        for m in merged
    ]
    website, listing = moves["website"], moves["listing"]
    changes.append(("website_moved", "salesforce/account", plan.days - 10, *website))
    changes.append(("target_moved", "targets/target_accounts", plan.days - 13, *listing))
    rows = []
    for kind, feed, day, old, new in changes:
        ids = homes.account_names(np.array([old, new])).to_pylist()
        date = str(plan.first_date + dt.timedelta(days=day))
        note = f"from {ids[0]} to {ids[1]}"
        rows.append(
            {"kind": kind, "feed": feed, "day": date, "until": date, "rows": "1", "note": note}
        )
    return rows
