"""Runs the job for the tests.

`refresh` is the whole job, in a process of its own that starts warm and can be killed. A refresh as
people run it starts Python, Dagster and dbt, which takes longer than a small company does; so one
server process loads them once and every run is forked from it: nothing is left over from the run
before, and a run may die like any process.

`compute` does the same work on the models' SQL as dbt said it once (tools/compiled_sql.py), without
Dagster, dbt and the data tests: for tests that are about the numbers. That both give the same marts
is a test of its own (test_refresh.py).
"""

from __future__ import annotations

import ast
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from itertools import count
from pathlib import Path
from threading import Timer
from typing import Any

from filelock import FileLock
from marts import let_go

from orchestration.engine import dbt_process, dbt_runner
from orchestration.engine.unchanged import is_fixed
from orchestration.engine.warehouse import Warehouse, connect
from orchestration.landing import loading
from orchestration.landing.raw_tables import ensure_tables
from orchestration.project import project
from orchestration.rules.ruleset import ruleset_version
from orchestration.runs import score_store
from orchestration.runs.context import contract, dbt_environment
from orchestration.runs.planning import Plan
from orchestration.settings import PROJECT_DIR, PUBLISHED_FILE, Settings
from tools import compiled_sql
from tools.compiled_sql import Program, score, take_in

DATES = ("START_DATE", "END_DATE")
LOST, ENDED = 255, "ended"
RECORDED_BY = "tools/compiled_sql.py"
RECORDED_FROM = (*dbt_runner.PARSED_FROM, "requirements.lock", "orchestration/demo/rules")
RECORDINGS = "target/recorded"
KEPT_RECORDINGS = 3
PROGRAM = "ACTIVATION_GAP_TEST_PROGRAM"
"""Names, for every process of the tests, the folder where the models' SQL is recorded."""


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
        return self.folder / "published" / PUBLISHED_FILE

    @property
    def settings(self) -> Settings:
        return Settings(self.landing, self.warehouse, self.published.parent)

    def copy(self, folder: Path, landing: Path | None = None) -> Place:
        """The same state in another folder, to go on from there."""
        ignored = shutil.ignore_patterns("*.lock")
        shutil.copytree(self.folder, folder, symlinks=True, ignore=ignored)
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


def _workers() -> int:
    """Test processes that share the processors."""
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def _at_a_time() -> int:
    """How many runs at once: the processors, shared with other test processes."""
    return max(1, min(2, os.cpu_count() or 1) // _workers())


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

    def _run(
        self, task: Callable[..., Any], arguments: Sequence[Any], options: Mapping[str, Any]
    ) -> Result:
        for given in arguments:
            if isinstance(given, Place):
                let_go(given.folder)
        folder = self.folder / f"run-{next(self.numbers):03d}"
        folder.mkdir(parents=True)
        recorded = os.environ.get(PROGRAM, "")
        process = self.context.Process(
            target=_child, args=(folder, recorded, task, arguments, options)
        )
        process.start()
        process.join()
        value, code = folder / "value.json", process.exitcode
        # On a busy machine Python's fork server now and then loses how a process ended.
        if code == LOST and not (folder / ENDED).exists():
            code = -signal.SIGKILL
        return Result(
            code=code if code is not None else -1,
            out=(folder / "out.txt").read_text() if (folder / "out.txt").exists() else "",
            error=(folder / "error.txt").read_text() if (folder / "error.txt").exists() else "",
            value=json.loads(value.read_text()) if value.exists() else None,
        )


def _child(
    folder: Path,
    recorded: str,
    task: Callable[..., Any],
    arguments: Sequence[Any],
    options: Mapping[str, Any],
) -> None:
    """Runs in the forked process: what it prints goes to files, what it returns to another."""
    os.environ[PROGRAM] = recorded
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
    (folder / ENDED).touch()
    # As at the end of a program, but without waiting for threads that libraries left behind.
    os._exit(code)


# --- what runs there ------------------------------------------------------------------------------


def refresh(
    place: Place,
    *arguments: str,
    start: str = "",
    end: str = "",
    whole: bool = True,
    with_dbt: bool = True,
    models: Collection[str] = (),
    checks: Collection[str] = (),
    confirm: str = "",
    kill_at: str = "",
    kill_after: float | None = None,
) -> int:
    """`make refresh`: the whole job; gives its exit code.

    whole=False leaves the data tests out, and what the template has already; and where `models` are
    given, all others too. with_dbt=False leaves them out and has the models' recorded SQL said
    instead of dbt, for tests of what the job does around it. `checks` are data tests that dbt runs
    all the same. confirm: as in `make refresh CONFIRM=...`. kill_at: the point of KILL_POINTS at
    which the process kills itself. kill_after: seconds after which it does, wherever it is.
    """
    from orchestration.commands import refresh as command

    _environment(place, start, end)
    os.environ["CONFIRM"] = confirm
    if not with_dbt:
        _without_dbt(checks)
    elif not whole:
        _only_what_counts(models)
    if kill_at:
        KILL_POINTS[kill_at]()
    if kill_after is not None:
        Timer(kill_after, _die).start()
    return command.main(list(arguments))


@cache
def program(variables: str = "") -> Program:
    """The models' SQL; `variables`: vars that differ from dbt_project.yml, as JSON."""
    folder = Path(os.environ[PROGRAM])
    given = json.loads(variables) if variables else None
    file = compiled_sql.file_of(folder, given)
    with FileLock(f"{file}.lock"):
        if variables and not file.exists():
            record(folder, variables)
    return Program.load(folder, given)


def recorded() -> Path:
    """The folder of the models' SQL; kept in target/ until a file changes that it is made from."""
    all_of_them = PROJECT_DIR / RECORDINGS
    folder, draft = all_of_them / made_from(), all_of_them / "draft"
    all_of_them.mkdir(parents=True, exist_ok=True)
    with FileLock(all_of_them / "lock"):
        if folder.exists():
            os.utime(folder)  # the least recently used goes first
        else:
            shutil.rmtree(draft, ignore_errors=True)  # of a recording that was ended
            made = sorted(all_of_them.glob("*/"), key=lambda path: path.stat().st_mtime)
            for old in made[: -KEPT_RECORDINGS + 1]:
                shutil.rmtree(old)
            record(draft)
            draft.rename(folder)
    return folder


def is_recorded() -> bool:
    """Whether the models' SQL is recorded from the files as they are."""
    return (PROJECT_DIR / RECORDINGS / made_from()).exists()


def made_from() -> str:
    """A hash of the files that the recorded SQL is made from."""
    digest = hashlib.sha256(sys.version.encode())
    paths = [path for start in RECORDED_FROM for path in _files(PROJECT_DIR / start)]
    for path in [*paths, *sorted(with_imports(PROJECT_DIR / RECORDED_BY))]:
        digest.update(f"{path.relative_to(PROJECT_DIR)} {path.stat().st_size} ".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _files(start: Path) -> list[Path]:
    paths = sorted([start, *start.rglob("*")])
    return [path for path in paths if path.is_file() and path.suffix != ".pyc"]


def with_imports(file: Path) -> set[Path]:
    """A Python file and all of the project that it imports, wherever in a file the import stands.

    A change in any other leaves what is recorded as it is.
    """
    found: set[Path] = set()
    todo = [file, file.with_name("__init__.py")]
    while todo:
        path = todo.pop()
        if path not in found and path.is_file():
            found.add(path)
            for name in imported_by(path):
                place = Path(*name.split("."))
                todo.append(PROJECT_DIR / place.with_suffix(".py"))
                todo += [PROJECT_DIR / each / "__init__.py" for each in (place, *place.parents)]
    return found


def imported_by(path: Path) -> Iterator[str]:
    """Modules that a file may import: of `from a import b` both a and a.b."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = path.relative_to(PROJECT_DIR).parts[: -node.level] if node.level else ()
            start = ".".join([*above, *([node.module] if node.module else [])])
            yield from (start, *(f"{start}.{alias.name}" for alias in node.names))


@cache
def version_of_rules() -> str:
    """The rules' version; no test of this process changes them."""
    return ruleset_version(project())


def record(folder: Path, *variables: str) -> None:
    """Has dbt build everything on no row, and what it says written down, in a process of its own.

    Fails the test that needs it if dbt fails.
    """
    command = [sys.executable, "-m", "tools.compiled_sql", str(folder), *variables]
    environment = {**os.environ, "DBT_PROFILES_DIR": str(PROJECT_DIR / "profiles")}
    done = subprocess.run(
        command, cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"recording the SQL failed\n{done.stdout}\n{done.stderr}"


def compute(
    place: Place,
    start: str,
    end: str,
    *,
    only: Collection[str] = (),
    variables: Mapping[str, Any] | None = None,
    manifest: Sequence[Sequence[Any]] = (),
    kill_at: str = "",
) -> None:
    """Takes in the landing files, and computes features, scores and marts for the days.

    only: the models that the test looks at, built with all that they are made from; by default all.
    variables: vars that differ from dbt_project.yml, for models only. manifest: delivery days to be
    taken as given, rows of (file, source, table, instance, delivery_day, first_seen_at, is_late,
    size). kill_at: as for `refresh`.
    """
    let_go(place.folder)
    if kill_at:
        KILL_POINTS[kill_at]()
    now, run_id = datetime.now(UTC), f"{start} to {end}"
    sql = program(json.dumps(variables) if variables else "")
    names = sql.with_parents(only or sql.by_name)
    with connect(place.warehouse) as warehouse:
        warehouse.execute(f"set threads = {max(1, (os.cpu_count() or 1) // _workers())}")
        ensure_tables(warehouse, contract())
        if manifest:
            warehouse.connection.executemany(
                "insert into raw_landing.files (file, source, table_name, instance, delivery_day,"
                " first_seen_at, is_late, size_bytes, status)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, 'pending')",
                [list(row) for row in manifest],
            )
        days = date.fromisoformat(start), date.fromisoformat(end)
        plan = take_in(warehouse, place.landing, run_id, *days, now)
        environment = dbt_environment(plan, version_of_rules())
        after = {name for name in names if sql.by_name[name].is_after_scores}
        sql.run(warehouse.connection, environment, names - after)
        score(warehouse, run_id, plan, version_of_rules(), now, names)
        sql.run(warehouse.connection, environment, after)
        score_store.mark_checked(warehouse, run_id, now)
        score_store.mark_published(warehouse, now)


def remake(
    place: Place,
    models: Collection[str],
    start: str = "",
    end: str = "",
    variables: Mapping[str, Any] | None = None,
) -> None:
    """Builds some models again, from what the warehouse holds: for tests that change it.

    variables: vars that differ from dbt_project.yml.
    """
    let_go(place.folder)
    days = {"START_DATE": start, "REPLAY_START_DATE": start, "END_DATE": end}
    environment = {**days, "RULESET_VERSION": "by hand"}
    with connect(place.warehouse) as warehouse:
        sql = program(json.dumps(variables) if variables else "")
        assert set(models) <= set(sql.by_name), f"{models} are not all there"
        sql.run(warehouse.connection, environment, models)


OF_ROWS = (
    "assert_load_audit_sums",
    "assert_every_row_has_a_reason",
    "assert_acts_are_in_the_rollup",
)
"""The data tests by which no delivered row is lost without a word."""


def faults(place: Place, names: Collection[str] | None = None) -> dict[str, list[tuple[Any, ...]]]:
    """What the data tests find after the last run, by test: all of them, or those named."""
    with connect(place.warehouse, read_only=True) as warehouse:
        (days,) = warehouse.rows(
            "select start_date, end_date, replay_start_date from raw_landing.plans"
            " order by planned_at desc limit 1"
        )
        environment = dbt_environment(Plan(*days), version_of_rules())
        assert set(names or ()) <= set(program().tests), f"{names} are not all there"
        return program().faults(warehouse.connection, environment, names)


def _environment(place: Place, start: str, end: str) -> None:
    # Dagster's own records are no part of any test, so they go where nobody looks.
    os.environ.update(place.settings.as_environment(), DAGSTER_HOME=str(place.folder / "dagster"))
    for name, day in zip(DATES, (start, end), strict=True):
        os.environ.pop(name, None)
        if day:
            os.environ[name] = day


def _only_what_counts(models: Collection[str]) -> None:
    """Leaves out what no number comes from: data tests, what stays as it is, Dagster's records."""
    import dagster as dg

    build = dbt_process.build

    def build_models(
        settings: Settings, unique_ids: Sequence[str], *rest: Any, **named: Any
    ) -> Any:
        nodes = dbt_runner.parse(settings).nodes
        there = [
            name
            for name in unique_ids
            if is_fixed(nodes[name]) or (models and nodes[name].name not in models)
        ]
        wanted = [name for name in unique_ids if name.startswith("model.") and name not in there]
        # Dagster skips what builds on an asset of which it hears nothing.
        made = [dbt_runner.NodeResult(name, "success", "", 0.0, None) for name in there]
        return [*made, *build(settings, wanted, *rest, **named)]

    dbt_process.build = build_models  # type: ignore[assignment]
    dg.DagsterInstance.get = dg.DagsterInstance.ephemeral  # type: ignore[method-assign, assignment]


def _without_dbt(checks: Collection[str]) -> None:
    """Has the models' recorded SQL said where the job has dbt build them; no records of Dagster."""
    import dagster as dg

    build = dbt_process.build

    def build_models(
        settings: Settings, unique_ids: Sequence[str], environment: Mapping[str, str]
    ) -> Iterator[dbt_runner.NodeResult]:
        nodes = [name for name in unique_ids if not name.startswith("test.")]
        models = {name.split(".")[2] for name in nodes} & set(program().by_name)
        with connect(settings.warehouse_path) as warehouse:
            program().run(warehouse.connection, environment, models)
        # Dagster wants to hear of them in order.
        for name in sorted(nodes, key=lambda name: (DEPTHS[name], name)):
            yield dbt_runner.NodeResult(name, "success", "", 0.0, None)
        if wanted := [name for name in unique_ids if name.split(".")[2] in checks]:
            yield from build(settings, wanted, environment)

    from orchestration.assets.dbt import DEPTHS

    dbt_process.build = build_models  # type: ignore[assignment]
    dg.DagsterInstance.get = dg.DagsterInstance.ephemeral  # type: ignore[method-assign, assignment]


# --- where a run can be killed --------------------------------------------------------------------


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _between_two_tables() -> None:
    load, taken = loading._load, count()

    def die_at_the_sixth(*arguments: Any) -> list[str]:
        if next(taken) == 5:
            _die()
        return load(*arguments)

    loading._load = die_at_the_sixth  # type: ignore[assignment]


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
    "dbt before the scores, after a table that grows": _after_node("int_act_days"),
    "before scoring": _before_scoring,
    "while scores are written": _while_writing_scores,
    "dbt after the scores, before the tables that grow": _after_node("int_account_gap_days"),
    "publish, before the swap": _before_the_swap,
}
