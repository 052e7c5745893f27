"""Refreshes the marts: `python -m orchestration.commands.refresh` (make refresh, make demo).

Plans the days, runs the Dagster job in this process, says what is going on, and at the end shows
the gap and the time of each stage. On a failure it says in a few words what failed and what to do,
and nothing is published.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, cast

from orchestration.commands import as_of
from orchestration.commands.gap_report import print_gap, print_lost_rows
from orchestration.engine import dbt_process, dbt_runner
from orchestration.engine.warehouse import WarehouseBusyError
from orchestration.landing.contract import ContractError
from orchestration.landing.el_schemas import CollectError
from orchestration.rules import checks
from orchestration.runs.context import (
    COLLECTED_TAG,
    CONFIRM_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
    BusyError,
    Outlook,
    collect,
    first_day,
    lock,
    outlook,
)
from orchestration.runs.planning import PlanningError, describe
from orchestration.settings import (
    DAYS_FROM,
    NO_TRACKING,
    Settings,
    SettingsError,
    dagster_home,
    keep_files_private,
    load_settings,
    parse_date,
)
from orchestration.stages import TIMES, say
from orchestration.terminal import lines

if TYPE_CHECKING:
    from dagster import ExecuteInProcessResult

# Faults of the input or the moment: said in one message, without a traceback.
EXPECTED = (
    BusyError,
    CollectError,
    ContractError,
    PlanningError,
    SettingsError,
    WarehouseBusyError,
    checks.CheckError,
    dbt_runner.DbtError,
)

PUBLISH_STEP = "published__marts"
STAGE_OF_STEP = {
    "ingestion": "taking in the landing files",
    "dbt": "building and checking the models",
    "scores": "scoring",
    PUBLISH_STEP: "publishing",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the job; returns the exit code."""
    # Dagster and dbt would catch Ctrl-C half-way and go on. A run may be stopped at any point, so
    # it works in a thread, and the main thread ends the process at once.
    signal.signal(signal.SIGINT, _stop)
    gc.set_threshold(dbt_runner.OBJECTS_BETWEEN_COLLECTIONS)
    with ThreadPoolExecutor(max_workers=1) as worker:
        return worker.submit(_main, arguments).result()


def get_ready() -> None:
    """Loads dbt, Dagster and the definitions, ahead of `main` in this process.

    What is wrong with the settings or the project is left for `main` to say.
    """
    gc.set_threshold(dbt_runner.OBJECTS_BETWEEN_COLLECTIONS)
    with suppress(SettingsError, dbt_runner.DbtError):
        os.environ.update(NO_TRACKING)
        dbt_process.prepare(load_settings())
        import orchestration.definitions  # noqa: F401


def _stop(*_: object) -> None:
    _say_failure("Stopped.", "Run the same command again to go on.")
    os._exit(130)


def _main(arguments: Sequence[str] | None) -> int:
    options = _options(arguments)
    started = time.perf_counter()
    os.environ.update(NO_TRACKING)
    keep_files_private()
    if not options.verbose:
        warnings.simplefilter("ignore")
        os.environ["PYTHONWARNINGS"] = "ignore"  # for processes started from here
    try:
        settings = checks.ready()
        if options.as_of:
            with TIMES.stage("copy of the warehouse"):
                settings = as_of.prepare(settings, options.as_of)
        _announce(settings)
        with lock(settings):
            return _refresh(settings, options, started)
    except EXPECTED as error:
        _say_failure("The refresh did not start.", str(error))
        return 1


def _refresh(settings: Settings, options: argparse.Namespace, started: float) -> int:
    now = datetime.now(UTC)
    if options.as_of is None:
        # Before the days are planned, for what is collected says how far they go.
        collected = collect(settings, now)
        for sentence in collected.said:
            say(f"  {sentence}")
        for problem in collected.problems:
            say(f"  note: {problem}")
    ahead = outlook(settings, now)
    say(f"Refreshing {_in_words(settings, ahead)}.")
    result = _run_job(settings, ahead, is_kept=options.as_of is None, verbose=options.verbose)
    if not result.success or not _has_published(result):
        _say_failure(*_failure_of(result, options.verbose))
        _say_times(time.perf_counter() - started)
        return 1
    say("")
    print_gap(settings.published_path)
    print_lost_rows(settings.published_path)
    for kind, title in (("warnings", "Look at"), ("confirmed", "Confirmed")):
        for sentence in _said_of_publishing(result, kind):
            say(f"{title}: {sentence}")
    _say_times(time.perf_counter() - started)
    say(f"Published: {settings.published_path} (schemas marts and marts_detail; open it read-only)")
    return 0


def _run_job(
    settings: Settings, ahead: Outlook, *, is_kept: bool, verbose: bool
) -> ExecuteInProcessResult:
    if is_kept:
        dagster_home()
    dbt_process.prepare(settings)
    # Dagster's days begin no later than the run's.
    days_from = first_day(replace(settings, start_date=ahead.plan.start))
    os.environ.setdefault(DAYS_FROM, days_from.isoformat())
    import dagster as dg

    from orchestration.assets.triggers import JOB
    from orchestration.definitions import defs
    from orchestration.runs.records import end_dead_runs

    gc.freeze()
    # A look back is no run of the warehouse, so Dagster does not remember it.
    instance = dg.DagsterInstance.get() if is_kept else dg.DagsterInstance.ephemeral()
    with instance:
        end_dead_runs(instance, datetime.now(UTC))
        return defs.resolve_job_def(JOB).execute_in_process(
            instance=instance,
            tags={
                RANGE_START_TAG: ahead.plan.start.isoformat(),
                RANGE_END_TAG: ahead.plan.end.isoformat(),
                COLLECTED_TAG: "true",
                **({CONFIRM_TAG: ",".join(settings.confirm)} if settings.confirm else {}),
            },
            run_config={
                "loggers": {
                    "console": {"config": {"log_level": "DEBUG" if verbose else "CRITICAL"}}
                }
            },
            raise_on_error=False,
        )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    def day(text: str) -> date:
        try:
            return parse_date("--as-of", text)
        except SettingsError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    parser = argparse.ArgumentParser(
        prog="make refresh",
        description="From landing files to published marts. LANDING_DIR, WAREHOUSE_PATH,"
        " PUBLISHED_DIR, START_DATE, END_DATE and CONFIRM are read from the environment.",
    )
    parser.add_argument(
        "--as-of",
        type=day,
        metavar="DATE",
        help="show a past day as it was known then, in PUBLISHED_DIR/as_of/DATE",
    )
    parser.add_argument("--verbose", action="store_true", help="show everything Dagster says")
    return parser.parse_args(arguments)


def _announce(settings: Settings) -> None:
    """Makes these settings those of every step of the run."""
    os.environ.update(settings.as_environment())
    for name, day in (("START_DATE", settings.start_date), ("END_DATE", settings.end_date)):
        if day:
            os.environ[name] = day.isoformat()


def _in_words(settings: Settings, ahead: Outlook) -> str:
    return describe(ahead.plan, (settings.start_date, settings.end_date), ahead.history)


def _has_published(result: ExecuteInProcessResult) -> bool:
    # A step is skipped, and the run counts as a success, where a step before it gave no result.
    return any(
        event.is_step_success and event.step_key == PUBLISH_STEP for event in result.all_events
    )


def _said_of_publishing(result: ExecuteInProcessResult, kind: str) -> list[str]:
    """Sentences that the publishing step has left: `warnings` or `confirmed`."""
    (published,) = result.asset_materializations_for_node(PUBLISH_STEP)
    return cast("list[str]", published.metadata[kind].value)


def _failure_of(result: ExecuteInProcessResult, verbose: bool) -> tuple[str, str]:
    for event in result.all_events:
        if not event.is_step_failure:
            continue
        failure = event.step_failure_data
        step = (event.step_key or "").removesuffix("_2")
        title = f"The refresh failed while {STAGE_OF_STEP.get(step, step)}."
        if failure.user_failure_data and failure.user_failure_data.description:
            return title, failure.user_failure_data.description
        error = failure.error
        while error is not None and error.cause is not None:
            error = error.cause
        message = error.message.strip() if error else "no message"
        if verbose and failure.error:
            message = failure.error.to_string()
        return title, message + ("" if verbose else "\n(--verbose shows where.)")
    return "The refresh failed.", "Run it with --verbose to see why."


def _say_failure(title: str, message: str) -> None:
    said = [title, *(f"  {line}" for line in lines(message))]
    said.append("The published marts are as they were.")
    print("\n" + "\n".join(said), file=sys.stderr, flush=True)


def _say_times(total: float) -> None:
    overhead = total - sum(TIMES.seconds.values())
    say("")
    say("Seconds")
    for name, seconds in [*TIMES.seconds.items(), ("dagster and dbt start-up", overhead)]:
        say(f"  {name:<26}{seconds:>7.1f}")
    say(f"  {'total':<26}{total:>7.1f}")


if __name__ == "__main__":
    sys.exit(main())
