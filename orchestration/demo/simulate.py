"""Write a simulated company's landing files, and the truth about it, into two folders.

    python -m orchestration.demo.simulate --landing DIR --truth DIR [--accounts 2000] ...

The same arguments give the same rows. Existing folders must be empty or be a simulation's own.
"""

from __future__ import annotations

import argparse
import datetime as dt
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from . import crm, deals, homes, intent, records, reference, systems, truth
from .acting import Acting
from .activity import Activity
from .batches import Batch
from .campaigns import campaigns
from .company import CRMS, Plan, build
from .deliveries import Landing
from .hubspot import HubSpot
from .planning import planning
from .research import research
from .salesforce import Salesforce
from .writer import Crm


def simulate(
    plan: Plan, landing: Path, truth_folder: Path, say: Callable[[str], None] = print
) -> dict[str, int]:
    """Simulate and write everything; gives the rows landed by feed.

    Raises FileExistsError for a folder that holds something else than a simulation, and
    ValueError for a truth folder inside the landing folder.
    """
    if truth_folder.resolve().is_relative_to(landing.resolve()):
        raise ValueError("the truth may not lie inside the landing folder: choose another --truth")
    _clear(landing, truth_folder)
    began = time.perf_counter()

    def step(what: str) -> None:
        say(f"{time.perf_counter() - began:6.1f} s  {what}")

    world = build(plan)
    held = records.draw(world)
    home = homes.draw(world, held)
    known_to = systems.draw(world)
    step(f"{world.accounts.n:,} companies with {world.people.n:,} people")
    deal, plans = deals.draw(world), campaigns(plan)
    crms: list[Crm] = [
        (HubSpot if number == homes.HUBSPOT else Salesforce)(number, world, held, home)
        for number in home.crms
    ]
    out = Landing(plan, landing)

    def land(batches: Iterable[Batch]) -> int:
        """Facts go through every CRM, rows of other systems as they are; gives how many."""
        count = 0
        for batch in batches:
            count += batch.table.num_rows
            if not batch.feed.startswith("crm/"):
                out.take(batch)
                continue
            for each in crms:
                for rows in each.write(batch):
                    out.take(rows)
        return count

    for each in crms:
        land(each.settings())
    land([crm.accounts(world, held), crm.users(world, home), crm.campaign_records(world, plans)])
    land(reference.before_activity(world, held, home, deal))
    land([intent.universe(world)])
    land(planning(world, home, deal))
    step("records of companies, targets, contracts")
    acting = Acting(world, held, home, known_to, deal)
    activity = Activity(acting, plans)
    acts = 0
    for month in range(plan.months):
        acts += land(activity.month(month))
        if (month + 1) % max(1, plan.months // 6) == 0:
            step(f"month {month + 1} of {plan.months}: {acts:,} rows of activity")
    parts = deals.parts(world, deal)
    land(crm.people(world, held, parts))
    land([*deals.facts(world, home, deal), deals.named(world, home, deal, parts)])
    land(activity.records())
    dirt: list[dict[str, str]] = []
    land(research(world, home, dirt))
    step("records of people, deals, research")
    out.close()
    step("daily files of the last 30 days")
    truth.write(world, held, home, known_to, acting.reach, [*out.planted, *dirt], truth_folder)
    step(f"truth written to {truth_folder}, landing files to {landing}")
    return out.rows


def _clear(landing: Path, truth_folder: Path) -> None:
    """Remove an earlier simulation; refuse to touch anything else."""
    for folder, mark in ((landing, ".simulated"), (truth_folder, "README.txt")):
        if folder.exists() and any(folder.iterdir()):
            if not (folder / mark).exists():
                raise FileExistsError(f"{folder} holds files that no simulation wrote")
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
    (landing / ".simulated").write_text("Written by orchestration.demo.simulate.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    default = Plan()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--landing", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--accounts", type=int, default=default.accounts)
    parser.add_argument("--months", type=int, default=default.months)
    parser.add_argument("--activities", type=int, default=default.activities)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--end-date", type=dt.date.fromisoformat, default=default.end)
    parser.add_argument("--crm", choices=CRMS, default="both")
    parser.add_argument("--silent-days", type=int, default=default.silent_days)
    parser.add_argument("--programme-lift", type=float, default=default.programme_lift)
    given = parser.parse_args(arguments)
    try:
        plan = Plan(
            given.accounts,
            given.months,
            given.activities,
            given.seed,
            given.end_date,
            given.crm,
            silent_days=given.silent_days,
            programme_lift=given.programme_lift,
        )
        simulate(plan, given.landing, given.truth)
    except (ValueError, FileExistsError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
