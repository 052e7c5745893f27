"""Simulates a company and refreshes all of its days (make demo).

    python -m orchestration.commands.demo_refresh --folder data/demo [arguments of the simulation]

The simulation runs in a process of its own while this one gets dbt and Dagster ready, which takes
as long. A company that is there already is simulated again only when its arguments or the simulator
have changed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from orchestration.commands import refresh
from orchestration.demo.company import Plan
from orchestration.rules import checks
from orchestration.settings import DEMO_RULES, PROJECT_DIR
from orchestration.terminal import lines

SIMULATOR = PROJECT_DIR / "orchestration" / "demo"
# Written last, so a simulation that was stopped is made again.
DONE = ".simulated"


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulates if need be, and refreshes; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--folder", type=Path, required=True)
    options, plan = parser.parse_known_args(arguments)
    folder: Path = options.folder
    os.environ.update(
        RULES_DIR=str(DEMO_RULES),
        DAGSTER_HOME=os.environ.get("DAGSTER_HOME") or str(PROJECT_DIR / ".dagster"),
        LANDING_DIR=str(folder / "landing"),
        WAREHOUSE_PATH=str(folder / "warehouse.duckdb"),
        PUBLISHED_DIR=str(folder / "published"),
        START_DATE=Plan().first_date.isoformat(),
        END_DATE="",
    )
    if not _is_simulated(folder, plan):
        try:
            # Or it would be told when the company has been simulated.
            checks.ready(is_landing_needed=False)
        except checks.CheckError as error:
            print("\n".join(["The demo did not start.", *lines(error)]), file=sys.stderr)
            return 1
        if (folder / "landing" / DONE).exists():
            shutil.rmtree(folder)  # with the results of the company before
        simulation = subprocess.Popen(
            [sys.executable, "-m", "orchestration.demo.simulate"]
            + ["--landing", str(folder / "landing"), "--truth", str(folder / "truth"), *plan]
        )
        try:
            refresh.get_ready()
        except BaseException:
            simulation.kill()
            raise
        if simulation.wait():
            return simulation.returncode
        (folder / DONE).write_text(" ".join(plan))
    return refresh.main([])


def _is_simulated(folder: Path, plan: Sequence[str]) -> bool:
    done = folder / DONE
    return (
        done.exists()
        and done.read_text() == " ".join(plan)
        and all(path.stat().st_mtime <= done.stat().st_mtime for path in SIMULATOR.glob("*.py"))
    )


if __name__ == "__main__":
    sys.exit(main())
