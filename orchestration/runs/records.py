"""Dagster's records of runs: which runs live, which have died unseen, which are forgotten.

A run whose process is killed stays `started` in Dagster for ever, and as runs wait for each other,
no other would start. So a run holds a lock for as long as its process lives: the system frees it
when the process dies, however it dies.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout

from orchestration.runs.context import Run

# Dagster's records of a run are some 10 MB; two months of daily runs are enough to look back at.
KEPT_RUNS = 60
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
UNDER_WAY = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
# From the start of a process to its first step: seconds, or a minute on a busy machine.
TO_FIRST_STEP = timedelta(minutes=10)
ALIVE: dict[str, FileLock] = {}
"""The locks of the runs of this process."""


def run_of(context: dg.AssetExecutionContext) -> Run:
    """The run of a step. It counts as alive from its first step on, until its process ends."""
    if context.run_id not in ALIVE:
        path = _lock_path(context.instance, context.run_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        ALIVE[context.run_id] = FileLock(path)
        ALIVE[context.run_id].acquire()
    return Run.of(context.run_id, context.run.tags)


def end_dead_runs(instance: dg.DagsterInstance, now: datetime) -> list[str]:
    """Notes of each run whose process is gone that it has failed; gives their ids."""
    dead = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=UNDER_WAY)):
        run = record.dagster_run
        if run.run_id in ALIVE or _is_held(_lock_path(instance, run.run_id)):
            continue
        has_begun = _lock_path(instance, run.run_id).exists()
        if has_begun or now - record.update_timestamp.replace(tzinfo=UTC) > TO_FIRST_STEP:
            instance.report_run_failed(run, "The process of this run was ended. Start it again.")
            dead.append(run.run_id)
    return dead


def forget_old_runs(instance: dg.DagsterInstance, keep: int = KEPT_RUNS) -> None:
    """Removes what Dagster keeps of all but the last runs that have ended."""
    for run in instance.get_runs(dg.RunsFilter(statuses=ENDED))[keep:]:
        instance.delete_run(run.run_id)
        shutil.rmtree(_folder(instance, run.run_id), ignore_errors=True)


def _folder(instance: dg.DagsterInstance, run_id: str) -> Path:
    return Path(instance.storage_directory(), run_id)


def _lock_path(instance: dg.DagsterInstance, run_id: str) -> Path:
    return _folder(instance, run_id) / "alive.lock"


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
