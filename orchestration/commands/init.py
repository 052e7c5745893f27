"""Proposes rules from the landing files: `python -m orchestration.commands.init` (make init).

Writes RULES_DIR/proposed; nothing in it is in force. At a terminal it asks, rule by rule, what to
accept. ACCEPT=all, or names of rules, accepts without asking: what lies in `proposed` already, so
that what was read is what is taken, and otherwise what is proposed now.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from orchestration.engine import dbt_runner
from orchestration.engine.warehouse import WarehouseBusyError, connect
from orchestration.landing.contract import ContractError
from orchestration.landing.el_schemas import CollectError
from orchestration.landing.ingest import LoadError
from orchestration.project import PROPOSED
from orchestration.proposals import facts, store
from orchestration.proposals.facts import NothingLandedError
from orchestration.proposals.propose import propose
from orchestration.proposals.store import Findings, Written
from orchestration.rules import checks
from orchestration.runs.context import BusyError, collect
from orchestration.runs.planning import PlanningError
from orchestration.settings import (
    NO_TRACKING,
    Settings,
    SettingsError,
    as_umask_says,
    keep_files_private,
    rules_path,
)
from orchestration.stages import TIMES, say
from orchestration.terminal import lines, marked_up, printable

EXPECTED = (
    BusyError,
    CollectError,
    ContractError,
    LoadError,
    NothingLandedError,
    PlanningError,
    SettingsError,
    WarehouseBusyError,
    checks.CheckError,
    dbt_runner.DbtError,
)
WAREHOUSE = "warehouse.duckdb"
ALL = "all"
# Lines under the table: more would push it off the screen, and all of them are in the README.
SHOWN = 12
Builder = Callable[[Settings, Mapping[str, str]], None]


def main(arguments: Sequence[str] = (), *, build_models: Builder | None = None) -> int:
    """Proposes, asks or accepts; returns the exit code. build_models: by default dbt."""
    os.environ.update(NO_TRACKING)
    keep_files_private()
    warnings.simplefilter("ignore")
    is_new = False
    folder: Path | None = None
    try:
        folder = rules_path(os.environ)
        is_new = not folder.exists()
        with as_umask_says():
            folder.mkdir(parents=True, exist_ok=True)
        return _run(folder, build_models)
    except EXPECTED as error:
        for line in lines(error):
            print(line, file=sys.stderr)
        return 1
    except (EOFError, KeyboardInterrupt):
        print("\nStopped. What is proposed stays; make init goes on.", file=sys.stderr)
        return 130
    finally:
        if is_new and folder:
            with suppress(OSError):
                folder.rmdir()  # nothing was put into it


def _run(folder: Path, build_models: Builder | None) -> int:
    settings = checks.ready()
    wanted = [name.strip() for name in os.environ.get("ACCEPT", "").split(",") if name.strip()]
    if not (wanted and store.proposed_names(folder)):
        findings, written = _proposed(settings, folder, build_models)
        show(findings, written, folder)
    if wanted:
        return _accept(folder, wanted)
    if is_asked() and store.proposed_names(folder):
        return _ask(folder)
    if there := store.proposed_names(folder):
        say(
            f"Nothing of this is in force. Read {folder / PROPOSED}, change what is wrong, and then"
            f" make init ACCEPT=all, or a part: ACCEPT={','.join(there[:2])}."
        )
    return 0


def _proposed(
    settings: Settings, folder: Path, build_models: Builder | None
) -> tuple[Findings, list[Written]]:
    collected = collect(settings, datetime.now(UTC))
    for sentence in (*collected.said, *collected.problems):
        say(sentence)
    beside = settings.warehouse_path.parent
    with as_umask_says():
        beside.mkdir(parents=True, exist_ok=True)
    # Raw data of a company: for its owner alone, and gone at the end.
    place = Path(tempfile.mkdtemp(prefix=".init-", dir=beside))
    try:
        with TIMES.stage("reading the landing files"):
            tables = facts.take(settings, place / WAREHOUSE, datetime.now(UTC), build_models)
        dbt_runner.close_connections()
        with TIMES.stage("proposing rules"), connect(place / WAREHOUSE) as warehouse:
            findings = propose(facts.facts_of(warehouse, tables))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    with as_umask_says():
        return findings, store.write(folder, findings)


def show(findings: Findings, written: Sequence[Written], folder: Path) -> None:
    """What is proposed, on one screen."""
    console = Console()
    if written:
        table = Table(title=marked_up(f"Proposed in {folder / PROPOSED}"), title_justify="left")
        for heading in ("file", "rows", "unsure", "decided by"):
            is_number = heading in ("rows", "unsure")
            table.add_column(heading, justify="right" if is_number else "left", no_wrap=is_number)
        for each in written:
            table.add_row(
                marked_up(each.path.name),
                f"{each.rows:,}",
                f"{each.unsure:,}" if each.unsure else "",
                marked_up(each.decides),
            )
        console.print(table)
    else:
        say("Nothing new is proposed: what the files say has its rule, or too little is known.")
    for line in findings.brief[:SHOWN]:
        say(f"  {line}")
    if len(findings.brief) > SHOWN:
        say(f"  and {len(findings.brief) - SHOWN} more lines")
    say(f"Numbers and what could not be told: {folder / PROPOSED / store.README}")


def is_asked() -> bool:
    """Whether a person is there to answer."""
    return sys.stdin.isatty() and not os.environ.get("CI", "").strip()


def _accept(folder: Path, wanted: Sequence[str]) -> int:
    there = store.proposed_names(folder)
    names = there if ALL in wanted else list(wanted)
    if unknown := [name for name in names if name not in there]:
        known = ", ".join(there) or "nothing"
        print(
            f"ACCEPT names {printable(', '.join(unknown))}, of which nothing is proposed. Proposed"
            f" is {known}.",
            file=sys.stderr,
        )
        return 2
    with as_umask_says():
        counts = store.accept(folder, names)
    for name, count in counts.items():
        say(f"Accepted: {count:,} of {name}")
    say(f"They hold from the next make refresh on; they stand in {folder}.")
    return 0


def _ask(folder: Path) -> int:
    for name in store.proposed_names(folder):
        file = store.path_of(folder, name)
        if not file.exists():
            continue  # came with another one
        answer = ""
        while answer not in ("y", "n", "later"):
            said = input(f"{printable(name)} ({printable(file)}): accept (y/n/later)? ")
            answer = said.strip().lower() or "later"
            answer = {"yes": "y", "no": "n", "l": "later"}.get(answer, answer)
        with as_umask_says():
            if answer == "y":
                for accepted, count in store.accept(folder, [name]).items():
                    say(f"Accepted: {count:,} of {accepted}")
            elif answer == "n":
                store.decline(folder, name)
                say(f"Not proposed again; take lines out of {store.DECLINED} to have them back.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
