"""Starts the Dagster UI on this machine: `python -m orchestration.commands.dev [--port 3000]`."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime

from orchestration.engine import dbt_runner
from orchestration.rules import checks
from orchestration.settings import (
    NO_TRACKING,
    PROJECT_DIR,
    dagster_home,
    keep_files_private,
)
from orchestration.stages import say
from orchestration.terminal import lines

LOOPBACK = "127.0.0.1"


def command(port: int) -> list[str]:
    """The program to run (pyproject.toml says what it loads). It listens on loopback only."""
    return [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "--host",
        LOOPBACK,
        "--port",
        str(port),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Prepares the dbt manifest and Dagster's home, and becomes the Dagster UI."""
    parser = argparse.ArgumentParser(prog="make dev", description=__doc__)
    parser.add_argument("--port", type=int, default=3000)
    options = parser.parse_args(arguments)
    os.environ.update(NO_TRACKING)
    keep_files_private()
    try:
        os.environ.update(checks.ready(is_landing_needed=False).as_environment())
        dagster_home()
        dbt_runner.load_manifest()
    except (checks.CheckError, dbt_runner.DbtError) as error:
        print("\n".join(lines(error)), file=sys.stderr)
        return 1
    import dagster as dg

    from orchestration.runs.records import end_dead_runs

    with dg.DagsterInstance.get() as instance:
        end_dead_runs(instance, datetime.now(UTC))
    say(f"The Dagster UI will be at http://{LOOPBACK}:{options.port} (stop it with Ctrl-C).")
    os.chdir(PROJECT_DIR)
    # Dagster's processes load our event log before they load our definitions.
    paths = [str(PROJECT_DIR), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    program = command(options.port)
    os.execv(program[0], program)  # does not come back
    return 0


if __name__ == "__main__":
    sys.exit(main())
