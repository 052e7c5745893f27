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
from .records import DIMENSIONS, domain_moves
from .systems import Systems
from .text import Ints

README = """The truth behind the landing files, for judging what the project finds. Never an input.

accounts   one row per real company. crm_account_id is null where the CRM lacks it. is_target holds
           on the last day. sees_*: whether that channel can see the company at all; sees_contacts:
           on the last day the CRM has a contact there who did not bounce, leave or opt out.
motions    episodes: interest, buying, deal (from the first day past qualification). Days outside
           have no motion.
windows    when the company could buy (open) or could not (closed), and whether the timing feed
           says so (is_known). Research may say so too.
committee  the real people, their persona, and from when the CRM knows them.
reach      true_reached_share: of the seats a purchase needs (needed_seats in accounts), the share
           filled by a person still there whom a delivered touch reached, or who acted toward us by
           name (reply, meeting, form, response, click in a mail, visit in a recognised browser), in
           the 90 days to ends_on. A newsletter that is merely delivered reaches nobody. Steps of
           five days; equal neighbours are one row.
mishaps    what was planted in the last 30 days: faults of delivery (stopped, missing, late_file,
           late_rows, repeated, conflicting, bad_rows, unreadable, renamed_column, extra_column,
           shuffled_columns) and changes of identity (merged, website_moved, target_moved).

True state of a company on a day: no motion, no signal; interest, some signal; buying, strong
signal; deal, committed motion; then the state table with true_reached_share.
"""


def write(
    world: World,
    systems: Systems,
    reach: Sequence[npt.NDArray[np.float32]],
    planted: list[dict[str, str]],
    folder: Path,
) -> None:
    """Write all tables as parquet, and README.txt."""
    plan, accounts, people = world.plan, world.accounts, world.people
    ids = text.blank(text.salesforce_ids("001", np.arange(accounts.n) + 1), ~accounts.in_crm)
    last = plan.days - 1

    def keys(account: Ints) -> dict[str, pa.Array]:
        where = pa.array(account)
        return {"crm_account_id": ids.take(where), "domain": accounts.domain.take(where)}

    trackable = (people.contact_day() <= last) & (people.bounced_day > last)
    trackable &= (people.left_day > last) & (people.opted_out_day > last)
    sees_contacts = np.bincount(people.account[trackable], minlength=accounts.n) > 0
    seats = SEATS[accounts.is_large.astype(int)].sum(axis=1)
    planted = [*planted, *_identity_changes(world)]
    everyone = np.arange(accounts.n)
    moves = domain_moves(world)
    moved = np.isin(everyone, np.concatenate([moves["website"], moves["listing"]]))
    tables = {
        "accounts": keys(everyone)
        | {
            "account_name": accounts.name,
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
                text.salesforce_ids("003", np.arange(people.n) + 1), people.contact_day() >= NEVER
            ),
        },
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


def _identity_changes(world: World) -> list[dict[str, str]]:
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
        ids = text.salesforce_ids("001", np.array([old, new]) + 1).to_pylist()
        date = str(plan.first_date + dt.timedelta(days=day))
        note = f"from {ids[0]} to {ids[1]}"
        rows.append(
            {"kind": kind, "feed": feed, "day": date, "until": date, "rows": "1", "note": note}
        )
    return rows
