"""Runs refreshes for the tests: in processes of their own, which start warm and can be killed.

A refresh as people run it starts Python, Dagster and dbt, which takes longer than a small company
does. So one server process loads them once and every run is forked from it: nothing is left over
from the run before, and a run may die like any process. No more runs at a time than processors.

`refresh` is the whole job. `compute` does the same work without Dagster, without the data tests and
with the parts that never change copied in: for tests that are about the numbers. That both give the
same marts is a test of its own (test_refresh.py).
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any

from orchestration import dbt_process, dbt_runner, landing, score_store
from orchestration.planning import Plan
from orchestration.ruleset import match_rules, readiness_rules, ruleset_version, state_rules
from orchestration.run_context import contract, cutoff_hours, dbt_environment, snapshots
from orchestration.scoring import matching
from orchestration.scoring.activation import advance
from orchestration.settings import PROJECT_DIR, Settings
from orchestration.warehouse import Warehouse, connect

DATES = ("START_DATE", "END_DATE")


@dataclass(frozen=True)
class Place:
    """A warehouse with its published marts, in a folder of their own, and the landing folder."""

    folder: Path
    landing: Path

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        return self.folder / "published" / "marts.duckdb"

    @property
    def settings(self) -> Settings:
        return Settings(self.landing, self.warehouse, self.published.parent)

    def copy(self, folder: Path, landing: Path | None = None) -> Place:
        """The same state in another folder, to go on from there."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("*.lock"))
        return Place(folder, landing or self.landing)


@dataclass(frozen=True)
class Result:
    """How a run ended. code: exit code, or minus the signal that killed it."""

    code: int
    out: str
    error: str
    value: Any = None

    def check(self) -> Result:
        """This result; fails the test if the run failed."""
        assert self.code == 0, f"exit code {self.code}\n{self.out}\n{self.error}"
        return self


def _at_a_time() -> int:
    """How many runs at once: the processors, shared with other test processes."""
    others = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return max(1, min(2, os.cpu_count() or 1) // others)


@dataclass
class Runs:
    """Starts runs in forked processes, as many at a time as there are processors."""

    folder: Path
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=_at_a_time())
    )
    numbers: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["warm"])
        here = [str(Path(__file__).parent), str(PROJECT_DIR)]
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join([*here, *([before] if before else [])])

    def start(self, task: Callable[..., Any], *arguments: Any, **options: Any) -> Future[Result]:
        """Starts a run as soon as a processor is free."""
        return self.threads.submit(self._run, task, arguments, options)

    def refresh(self, place: Place, *arguments: str, **options: Any) -> Result:
        """Runs the whole job and waits. See `refresh`."""
        return self.start(refresh, place, *arguments, **options).result()

    def compute(self, place: Place, start: str, end: str, **options: Any) -> Result:
        """Computes the marts and waits. See `compute`."""
        return self.start(compute, place, start, end, **options).result()

    def _run(
        self, task: Callable[..., Any], arguments: Sequence[Any], options: Mapping[str, Any]
    ) -> Result:
        folder = self.folder / f"run-{next(self.numbers):03d}"
        folder.mkdir(parents=True)
        process = self.context.Process(target=_child, args=(folder, task, arguments, options))
        process.start()
        process.join()
        value = folder / "value.json"
        return Result(
            code=process.exitcode if process.exitcode is not None else -1,
            out=(folder / "out.txt").read_text() if (folder / "out.txt").exists() else "",
            error=(folder / "error.txt").read_text() if (folder / "error.txt").exists() else "",
            value=json.loads(value.read_text()) if value.exists() else None,
        )


def _child(
    folder: Path, task: Callable[..., Any], arguments: Sequence[Any], options: Mapping[str, Any]
) -> None:
    """Runs in the forked process: what it prints goes to files, what it returns to another."""
    for number, name in ((1, "out.txt"), (2, "error.txt")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), number)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    code = 1
    try:
        value = task(*arguments, **options)
        if isinstance(value, int):
            code = value
        else:
            (folder / "value.json").write_text(json.dumps(value, default=str))
            code = 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    # As at the end of a program, but without waiting for threads that libraries left behind.
    os._exit(code)


# --- what runs there ------------------------------------------------------------------------------


def refresh(
    place: Place,
    *arguments: str,
    start: str = "",
    end: str = "",
    whole: bool = True,
    kill_at: str = "",
) -> int:
    """`make refresh`: the whole job; gives its exit code.

    whole=False leaves the data tests out, and what `make_template` made. kill_at: the point of
    KILL_POINTS at which the process kills itself.
    """
    from orchestration import refresh as command

    _environment(place, start, end)
    if not whole:
        _only_what_counts()
    if kill_at:
        KILL_POINTS[kill_at]()
    return command.main(list(arguments))


def compute(
    place: Place,
    start: str,
    end: str,
    variables: Mapping[str, Any] | None = None,
    manifest: Sequence[Sequence[Any]] = (),
) -> dict[str, Any]:
    """Takes in the landing files, and computes features, scores and marts for the days.

    variables: vars that differ from dbt_project.yml, for models only. manifest: delivery days to be
    taken as given, rows of (file, source, table, instance, delivery_day, first_seen_at, is_late,
    size). Gives the plan's dates.
    """
    _environment(place, start, end)
    _with_vars(variables)
    now, run_id = datetime.now(UTC), f"{start} to {end}"
    version = ruleset_version(PROJECT_DIR)
    rules = state_rules(PROJECT_DIR)

    def scorer(checkpoint: Any, features: Any) -> Any:
        step = advance(checkpoint, features, rules)
        return step.transitions, step.checkpoint

    def matcher(accounts: Any) -> Any:
        return matching.propose(accounts, match_rules(PROJECT_DIR))

    with connect(place.warehouse) as warehouse:
        landing.ensure_tables(warehouse, contract())
        if manifest:
            warehouse.connection.executemany(
                "insert into raw_landing.files (file, source, table_name, instance, delivery_day,"
                " first_seen_at, is_late, size_bytes, status)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, 'pending')",
                [list(row) for row in manifest],
            )
        plan = score_store.plan_of_run(
            warehouse,
            run_id,
            date.fromisoformat(start),
            date.fromisoformat(end),
            last_complete_day=None,
            now=now,
        )
        landing.ingest(
            warehouse,
            place.landing,
            plan.end,
            now,
            contract(),
            cutoff_hours=cutoff_hours(),
            snapshots=snapshots(),
        )
    _build(place, plan, version, after_scores=False)
    with connect(place.warehouse) as warehouse:
        score_store.score_activation(warehouse, run_id, plan, scorer, version, now)
        score_store.score_readiness(warehouse, plan, readiness_rules(PROJECT_DIR), version)
        score_store.score_matches(warehouse, plan, matcher, version, version)
    _build(place, plan, version, after_scores=True)
    with connect(place.warehouse) as warehouse:
        score_store.mark_checked(warehouse, run_id, now)
        score_store.mark_published(warehouse, now)
    return plan.as_environment()


def remake(
    place: Place,
    models: Sequence[str],
    start: str,
    end: str,
    variables: Mapping[str, Any] | None = None,
) -> None:
    """Builds some models again, from what the warehouse holds: for tests that change it.

    variables: vars that differ from dbt_project.yml.
    """
    _environment(place, start, end)
    _with_vars(variables)
    manifest = dbt_runner.parse(place.settings)
    chosen = [
        name
        for name, node in manifest.nodes.items()
        if node.resource_type == "model" and node.name in models
    ]
    assert len(chosen) == len(models), f"{models} are not all there"
    _run_dbt(place, chosen, {"START_DATE": start, "REPLAY_START_DATE": start, "END_DATE": end})


def make_template(place: Place) -> None:
    """Makes a warehouse that holds what no run changes: seeds, empty raw tables, staging views."""
    with connect(place.warehouse) as warehouse:
        landing.ensure_tables(warehouse, contract())
        score_store.prepare(warehouse)
    manifest = dbt_runner.parse(place.settings)
    fixed = [name for name, node in manifest.nodes.items() if _is_fixed(node)]
    _run_dbt(place, fixed, {})


def _with_vars(variables: Mapping[str, Any] | None) -> None:
    if variables:
        given = f"--vars={json.dumps(variables)}"
        flags = dbt_runner._flags
        dbt_runner._flags = lambda: [*flags(), given]  # type: ignore[assignment]


def _is_fixed(node: Any) -> bool:
    return node.resource_type == "seed" or (
        node.resource_type == "model" and node.fqn[1] == "staging"
    )


def _build(place: Place, plan: Plan, version: str, *, after_scores: bool) -> None:
    from orchestration.assets.dbt import DEPTHS, SCORE_DEPTH

    manifest = dbt_runner.parse(place.settings)
    chosen = [
        name
        for name, node in manifest.nodes.items()
        if node.resource_type == "model"
        and (DEPTHS[name] > SCORE_DEPTH) == after_scores
        and not _is_fixed(node)
    ]
    _run_dbt(place, chosen, dbt_environment(plan, version))


def _run_dbt(place: Place, chosen: Sequence[str], environment: Mapping[str, str]) -> None:
    results = dbt_runner.build(place.settings, chosen, environment)
    failures = dbt_runner.describe_failures([*results])
    if failures:
        raise RuntimeError(failures)


def _environment(place: Place, start: str, end: str) -> None:
    # Dagster's own records are no part of any test, so they go where nobody looks.
    os.environ.update(place.settings.as_environment(), DAGSTER_HOME=str(place.folder / "dagster"))
    for name, day in zip(DATES, (start, end), strict=True):
        os.environ.pop(name, None)
        if day:
            os.environ[name] = day


def _only_what_counts() -> None:
    """Leaves out what no number comes from: data tests, what stays as it is, Dagster's records."""
    import dagster as dg

    build = dbt_process.build

    def build_models(
        settings: Settings, unique_ids: Sequence[str], *rest: Any, **named: Any
    ) -> Any:
        nodes = dbt_runner.parse(settings).nodes
        there = [name for name in unique_ids if _is_fixed(nodes[name])]
        wanted = [name for name in unique_ids if name.startswith("model.") and name not in there]
        # Dagster skips what builds on an asset of which it hears nothing.
        made = [dbt_runner.NodeResult(name, "success", "", 0.0, None) for name in there]
        return [*made, *build(settings, wanted, *rest, **named)]

    dbt_process.build = build_models  # type: ignore[assignment]
    dg.DagsterInstance.get = dg.DagsterInstance.ephemeral  # type: ignore[method-assign, assignment]


# --- where a run can be killed --------------------------------------------------------------------


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _between_two_tables() -> None:
    load, taken = landing._load, count()

    def die_at_the_sixth(*arguments: Any) -> list[str]:
        if next(taken) == 5:
            _die()
        return load(*arguments)

    landing._load = die_at_the_sixth  # type: ignore[assignment]


def _after_node(name: str) -> Callable[[], None]:
    def arrange() -> None:
        from dbt.cli import main as dbt

        class Deadly(dbt.dbtRunner):
            def __init__(self, manifest: Any = None, callbacks: Any = None) -> None:
                def heed(event: Any) -> None:
                    if event.info.name == "NodeFinished" and event.data.node_info.node_name == name:
                        _die()

                super().__init__(manifest, [*(callbacks or []), heed])

        dbt.dbtRunner = Deadly  # type: ignore[misc]

    return arrange


def _before_scoring() -> None:
    score_store.score_activation = _die  # type: ignore[assignment]


def _while_writing_scores() -> None:
    replace = Warehouse.replace

    def die_after_the_first(self: Warehouse, *arguments: Any) -> None:
        replace(self, *arguments)
        _die()

    Warehouse.replace = die_after_the_first  # type: ignore[method-assign]


def _before_the_swap() -> None:
    os.replace = _die  # type: ignore[assignment]


KILL_POINTS: dict[str, Callable[[], None]] = {
    "ingestion, between two tables": _between_two_tables,
    "dbt before the scores, after a table that grows": _after_node("int_activity_daily"),
    "before scoring": _before_scoring,
    "while scores are written": _while_writing_scores,
    "dbt after the scores, before the tables that grow": _after_node("int_account_gap_days"),
    "publish, before the swap": _before_the_swap,
}
