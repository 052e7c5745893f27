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
from collections.abc import Callable, Sequence
from pathlib import Path

from . import intent, records, systems, truth
from .activity import Activity
from .campaigns import campaigns
from .company import Plan, build
from .deliveries import Landing


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
    step(f"{world.accounts.n:,} companies with {world.people.n:,} people")
    known_to = systems.draw(world)
    deal, plans = records.deals(world), campaigns(plan)
    out = Landing(plan, landing)
    for batch in records.before_activity(world, plans, deal):
        out.take(batch)
    out.take(intent.universe(world))
    step("records of companies, targets, contracts")
    acting = Activity(world, known_to, deal, plans)
    acts = 0
    for month in range(plan.months):
        for batch in acting.month(month):
            acts += batch.table.num_rows
            out.take(batch)
        if (month + 1) % max(1, plan.months // 6) == 0:
            step(f"month {month + 1} of {plan.months}: {acts:,} rows of activity")
    for batch in (*records.after_activity(world, deal), *acting.records()):
        out.take(batch)
    step("records of people, deals, research")
    out.close()
    step("daily files of the last 30 days")
    truth.write(world, known_to, acting.acting.reach, out.planted, truth_folder)
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
    given = parser.parse_args(arguments)
    try:
        plan = Plan(given.accounts, given.months, given.activities, given.seed, given.end_date)
        simulate(plan, given.landing, given.truth)
    except (ValueError, FileExistsError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
