"""What a refresh costs at several sizes, beside the floor of its own SQL (make bench).

    python -m tools.bench run 1 10 [--result NAME]    measure companies of 1 and 10 million acts
    python -m tools.bench show NAME                   print a stored result again
    python -m tools.bench compare ONE OTHER           what became slower or faster

For each size it simulates a company, refreshes all of its days but the last as people do it
(`python -m orchestration.commands.refresh`, from nothing), then the last day on top. Both are
measured from outside, stage by stage: the processes' own counts in /proc, so Linux only. After each
refresh the same SQL runs in plain DuckDB in one process, over the warehouse as it was before
(`floor`): what is above that floor is dbt, Dagster and Python. docs/bench.md says how to read the
figures.

What belongs here: measuring, and figures from figures. What does not: how the SQL is recorded and
said again (compiled_sql).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, TypedDict

import duckdb
from rich import box
from rich.console import Console
from rich.table import Table

from orchestration.demo.company import Plan
from orchestration.engine.warehouse import Warehouse, connect
from orchestration.project import project
from orchestration.rules.ruleset import ruleset_version
from orchestration.runs.context import dbt_environment
from orchestration.runs.publish import open_published
from orchestration.settings import DEMO_RULES, PROJECT_DIR, PUBLISHED_FILE
from orchestration.stages import StageTimes
from tools import compiled_sql
from tools.compiled_sql import TEMPLATE, WAREHOUSE, Program

RESULTS = PROJECT_DIR / "data" / "bench"
REFRESH = (sys.executable, "-m", "orchestration.commands.refresh")
ACCOUNTS_PER_MILLION_ACTS = 2_000
LEAST_MILLIONS = 0.02  # the simulator makes no fewer than 40 accounts
FULL, DAY = "full build", "next day"
# The stages of a refresh, as it names them while it runs, and what is outside of them.
BEFORE, AFTER = "dbt before the scores", "dbt after the scores"
STAGES = ("ingest", BEFORE, "scores", AFTER, "publish")
REST = "start-up and the rest"
BEGINS = re.compile(r"^(\S.*) \.\.\.$")
ENDS = re.compile(r"^\S.*: (?:done in|failed after) ([\d.]+) s$")
SECONDS_BETWEEN_LOOKS = 0.2
SHOWN_LINES = 20  # of a command that failed
SHOWN_MODELS = 10
# Growth is told of models that cost this much at the larger size; less than the other at the
# smaller one counts as that much, so an exponent is never above the true one for want of a clock.
LEAST_LARGE_SECONDS, LEAST_SMALL_SECONDS = 0.5, 0.05
# A comparison tells what changed by this factor and by this many processor seconds.
FACTOR, LEAST_CHANGE_SECONDS = 1.5, 0.2
FORMAT = 1


class BenchError(RuntimeError):
    """Nothing was measured, or nothing can be compared; the message says why."""


class Stage(TypedDict):
    """processor, wall: seconds, the former user and system of all processes of the stage.

    peak_bytes: memory of the largest single process, looked at every SECONDS_BETWEEN_LOOKS.
    rows: see ROWS_ARE; 0 outside of the stages.
    """

    processor: float
    wall: float
    peak_bytes: int
    rows: int


class Floor(TypedDict):
    """One dbt stage in plain DuckDB: processor seconds by model and by data test.

    wall: seconds of both. peak_bytes: as for a stage.
    """

    models: dict[str, float]
    tests: dict[str, float]
    wall: float
    peak_bytes: int


class Run(TypedDict):
    """One refresh. stages, floors: by name. threads: of the floor's DuckDB.

    disk: bytes of landing, warehouse and published after it. load: how many processes wanted a
    processor, over the minute before it.
    """

    stages: dict[str, Stage]
    floors: dict[str, Floor]
    threads: int
    disk: dict[str, int]
    load: float


class Company(TypedDict):
    """One size. runs: by FULL and DAY. generate: the simulation."""

    acts: int
    accounts: int
    generate: Stage
    runs: dict[str, Run]


class Result(TypedDict):
    """What is stored of one `make bench`. is_changed: whether the checkout was not the commit."""

    format: int
    measured_at: str
    commit: str
    commit_date: str
    is_changed: bool
    machine: dict[str, str | int]
    companies: list[Company]


ROWS_ARE = (
    "Thousands of rows by processor second: of generate and ingest those landed, of dbt those in"
    " the tables of the stage's models afterwards, of scores account-days, of publish those"
    " published."
)


# --- measuring processes --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Process:
    pid: int
    parent: int
    has_ended: bool  # and nobody has asked how
    seconds: float  # its own, and those of its children that somebody waited for
    bytes: int


def _processes(root: int) -> Iterator[_Process]:
    """The process and all below it, parents first."""
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    children: dict[int, list[_Process]] = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            text = Path(entry.path, "stat").read_text()
        except OSError:  # it is gone
            continue
        # proc(5): the name, in brackets, may hold anything. The field behind it is the third.
        fields = text.rpartition(")")[2].split()
        process = _Process(
            pid=int(entry.name),
            parent=int(fields[1]),
            has_ended=fields[0] == "Z",
            seconds=sum(map(int, fields[11:15])) / tick,
            bytes=int(fields[21]) * page,
        )
        children.setdefault(-1 if process.pid == root else process.parent, []).append(process)
    todo = children.get(-1, [])
    while todo:
        process = todo.pop()
        yield process
        todo += children.get(process.pid, [])


def _is_dbt(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"orchestration.engine.dbt_process" in command


class Meter:
    """Adds up what a process and all below it use, by stage.

    dbt's own process reads the project while files are taken in: what it uses outside of a stage
    of dbt is start-up.
    """

    def __init__(self, root: int) -> None:
        self.stages: dict[str, Stage] = {REST: _nothing()}
        self._root, self._stage = root, REST
        self._roots: dict[int, int] = {}  # by process of dbt: the one that it belongs to
        self._of_dbt: dict[int, float] = {}  # seconds by process of dbt
        self._waited_for = 0.0  # seconds of dbt that are now among those of others
        self._others = 0.0  # seconds of all others
        self._since = time.perf_counter()
        self._lock = Lock()

    def look(self, stage: str | None = None) -> None:
        """Adds what was used since the last look; what comes belongs to `stage`, if it is given."""
        with self._lock:
            others, of_dbt, here = 0.0, dict[int, float](), set[int]()
            current = self.stages[self._stage]
            for process in _processes(self._root):
                current["peak_bytes"] = max(current["peak_bytes"], process.bytes)
                # Seen between fork and exec a process still has its parent's words: look again.
                root = self._roots.get(process.pid) or self._dbt_of(process)
                if root:
                    self._roots[process.pid] = root
                    of_dbt[root] = of_dbt.get(root, 0.0) + process.seconds
                    here |= set() if process.has_ended else {root}
                else:
                    others += process.seconds
            known = self._of_dbt | of_dbt
            gone = sum(seconds for pid, seconds in known.items() if pid not in of_dbt)
            self._add(known, others - gone)
            self._waited_for = sum(seconds for pid, seconds in known.items() if pid not in here)
            if stage is not None:
                self._stage = stage
                self.stages.setdefault(stage, _nothing())

    def end(self, seconds: float) -> None:
        """Adds the rest. seconds: processor seconds of the process and of all it waited for."""
        self._add(self._of_dbt, seconds - self._waited_for)

    def _dbt_of(self, process: _Process) -> int:
        return self._roots.get(process.parent) or (process.pid if _is_dbt(process.pid) else 0)

    def _add(self, of_dbt: dict[int, float], others: float) -> None:
        current, now = self.stages[self._stage], time.perf_counter()
        current["wall"] += now - self._since
        current["processor"] += max(0.0, others - self._others)
        stage_of_dbt = current if self._stage.startswith("dbt") else self.stages[REST]
        stage_of_dbt["processor"] += sum(of_dbt.values()) - sum(self._of_dbt.values())
        self._since, self._others, self._of_dbt = now, max(others, self._others), of_dbt


def _nothing() -> Stage:
    return Stage(processor=0.0, wall=0.0, peak_bytes=0, rows=0)


def measure(
    command: Sequence[str], environment: Mapping[str, str], errors: Path
) -> dict[str, Stage]:
    """Runs a command to its end; what it used, by the stages that it names on standard output.

    errors: the file for its standard error. Raises BenchError when it fails, and when its lines
    came so late that nobody can say what belongs to which stage.
    """
    lines: list[str] = []
    since = time.perf_counter()
    with (
        errors.open("wb") as error_file,
        subprocess.Popen(
            command,
            cwd=PROJECT_DIR,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=error_file,
            text=True,
        ) as process,
    ):
        meter = Meter(process.pid)
        try:
            with _looking(meter):
                for line in process.stdout or ():
                    lines.append(line.rstrip("\n"))
                    if begins := BEGINS.match(lines[-1]):
                        meter.look(begins[1])
                        since = time.perf_counter()
                    elif ends := ENDS.match(lines[-1]):
                        meter.look(REST)
                        _check_border(lines[-1], float(ends[1]), time.perf_counter() - since)
                meter.look()
        except BaseException:
            process.kill()
            raise
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        meter.end(used.ru_utime + used.ru_stime)
    if process.returncode:
        said = [*lines, *errors.read_text(errors="replace").splitlines()][-SHOWN_LINES:]
        raise BenchError("\n".join([f"{' '.join(command[:3])} failed:", *said]))
    return meter.stages


def _check_border(line: str, said: float, seen: float) -> None:
    if abs(said - seen) > max(1.0, said / 5):
        raise BenchError(
            f"'{line}', but {seen:.1f} s as seen from here: something held the bench up."
            " Measure again."
        )


@contextmanager
def _looking(meter: Meter) -> Iterator[None]:
    """Looks again and again meanwhile: memory comes and goes."""
    is_over = Event()

    def look() -> None:
        while not is_over.wait(SECONDS_BETWEEN_LOOKS):
            meter.look()

    thread = Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


# --- one company ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where a company is measured."""

    folder: Path

    @property
    def landing(self) -> Path:
        return self.folder / "landing"

    @property
    def warehouse(self) -> Path:
        return self.folder / WAREHOUSE

    @property
    def floor(self) -> Path:
        """The floor's own warehouse. dbt's SQL holds the name of the file."""
        return self.folder / "floor" / WAREHOUSE

    @property
    def errors(self) -> Path:
        return self.folder / "errors.txt"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "RULES_DIR": str(DEMO_RULES),
            "LANDING_DIR": str(self.landing),
            "WAREHOUSE_PATH": str(self.warehouse),
            "PUBLISHED_DIR": str(self.folder / "published"),
            "DAGSTER_HOME": str(self.folder / "dagster"),
        }

    @property
    def disk(self) -> dict[str, int]:
        """Bytes."""
        places = {
            "landing": self.landing,
            "warehouse": self.warehouse,
            "published": self.folder / "published",
        }
        return {name: _bytes(path) for name, path in places.items()}


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink())


def plan_of(millions: float) -> Plan:
    """The company of so many million acts. Raises ValueError for one that is too small."""
    if not LEAST_MILLIONS <= millions < math.inf:
        raise ValueError(
            f"ACTS is in million acts, {LEAST_MILLIONS} at least; {millions:g} is not."
        )
    accounts = round(millions * ACCOUNTS_PER_MILLION_ACTS)
    return Plan(accounts=accounts, activities=round(millions * 1_000_000), crm="both")


def measure_company(
    plan: Plan, folder: Path, recorded: Path, refresh: Sequence[str] = REFRESH
) -> Company:
    """Simulates a company and measures both of its refreshes and their floors.

    folder: must not exist, and is left as the last run leaves it. recorded: where compiled_sql has
    recorded. refresh: the command. Raises BenchError when a command fails.
    """
    place, say = Place(folder), StageTimes()
    place.floor.parent.mkdir(parents=True)
    title = f"{plan.activities:,} acts"
    simulation = [
        *(sys.executable, "-m", "orchestration.demo.simulate"),
        *("--landing", str(place.landing), "--truth", str(folder / "truth")),
        *("--accounts", str(plan.accounts), "--activities", str(plan.activities)),
        *("--months", str(plan.months), "--seed", str(plan.seed), "--crm", plan.crm),
        *("--end-date", plan.end.isoformat()),
    ]
    with say.stage(f"{title}: generate"):
        generate = measure(simulation, {}, place.errors)[REST]
    runs: dict[str, Run] = {}
    eve = plan.end - timedelta(days=1)
    for name, start, end in ((FULL, plan.first_date, eve), (DAY, plan.end, plan.end)):
        before = recorded / TEMPLATE / WAREHOUSE if name == FULL else place.warehouse
        shutil.copyfile(before, place.floor)
        load = os.getloadavg()[0]
        dates = {"START_DATE": start.isoformat(), "END_DATE": end.isoformat()}
        with say.stage(f"{title}: {name}"):
            stages = measure(refresh, {**place.environment, **dates}, place.errors)
        if missing := set(STAGES) - stages.keys():
            raise BenchError(f"The refresh did not say when it came to: {', '.join(missing)}.")
        _count_rows(place, Program.load(recorded), stages)
        with say.stage(f"{title}: floor of the {name}"):
            floors, threads = measure_floor(place, recorded, start, end)
        runs[name] = Run(
            stages=stages,
            floors=floors,
            threads=threads,
            disk=place.disk,
            load=load,
        )
    with connect(place.warehouse, read_only=True) as warehouse:
        generate["rows"] = _count(warehouse, "select sum(delivered) from raw_landing.files")
    return Company(acts=plan.activities, accounts=plan.accounts, generate=generate, runs=runs)


def _count_rows(place: Place, program: Program, stages: Mapping[str, Stage]) -> None:
    with connect(place.warehouse, read_only=True) as warehouse:
        tables = dict(warehouse.rows(_TABLE_ROWS))
        landed = "select sum(delivered) from raw_landing.files where load_id ="
        stages["ingest"]["rows"] = _count(
            warehouse, f"{landed} (select max(load_id) from raw_landing.loads)"
        )
        days = "select count(*) from features.feat_account_days"
        stages["scores"]["rows"] = _count(warehouse, days)
    for model in program.models:
        stage = stages[AFTER if model.is_after_scores else BEFORE]
        stage["rows"] += tables.get(model.relation, 0)
    with open_published(place.folder / "published" / PUBLISHED_FILE) as published:
        stages["publish"]["rows"] = sum(
            rows for _, rows in published.execute(_TABLE_ROWS).fetchall()
        )


_TABLE_ROWS = (
    "select schema_name || '.' || table_name, estimated_size from duckdb_tables()"
    " where database_name = current_database() and not temporary"
)


def _count(warehouse: Warehouse, query: str) -> int:
    return int(warehouse.rows(query)[0][0] or 0)


def measure_floor(
    place: Place, recorded: Path, start: date, end: date
) -> tuple[dict[str, Floor], int]:
    """The floors by stage, and the threads of their DuckDB. Changes `place.floor`."""
    out = place.floor.with_name("floor.json")
    command = [
        *(sys.executable, "-m", "tools.bench", "floor", str(recorded)),
        *(str(place.floor), str(place.landing), start.isoformat(), end.isoformat(), str(out)),
    ]
    stages = measure(command, {}, place.errors)
    told = json.loads(out.read_text(encoding="utf-8"))
    floors = {
        name: Floor(
            models=told["models"][name],
            tests=told["tests"][name],
            wall=stages[name]["wall"],
            peak_bytes=stages[name]["peak_bytes"],
        )
        for name in (BEFORE, AFTER)
    }
    return floors, told["threads"]


def run_floor(
    recorded: Path, path: Path, landing_dir: Path, start: date, end: date, out: Path
) -> None:
    """Does the work of a refresh without Dagster and dbt, and writes what its SQL used.

    path: a warehouse as it was before the refresh; it is changed. To be run in a process of its
    own, for what is measured is the processor time of the process.
    """
    program, times = Program.load(recorded), StageTimes()
    now, run_id = datetime.now(UTC), "floor"
    told: dict[str, Any] = {"models": {}, "tests": {}}
    with connect(path) as warehouse:
        ((told["threads"],),) = warehouse.rows("select current_setting('threads')")
        plan = compiled_sql.take_in(warehouse, landing_dir, run_id, start, end, now)
        ruleset = ruleset_version(project())
        environment = dbt_environment(plan, ruleset)
        for stage in (BEFORE, AFTER):
            if stage == AFTER:
                compiled_sql.score(warehouse, run_id, plan, ruleset, now)
            with times.stage(stage):
                models, tests = say_stage(program, warehouse, environment, stage == AFTER)
            told["models"][stage], told["tests"][stage] = models, tests
    out.write_text(json.dumps(told), encoding="utf-8")


def say_stage(
    program: Program, warehouse: Warehouse, environment: Mapping[str, str], is_after_scores: bool
) -> tuple[dict[str, float], dict[str, float]]:
    """Processor seconds of the models of a stage, and of the data tests that belong to it."""
    models: dict[str, float] = {}
    after = [model for model in program.models if model.is_after_scores]
    program.run(
        warehouse.connection,
        environment,
        {model.name for model in program.models if model.is_after_scores == is_after_scores},
        heed=lambda name, _, processor: models.update({name: processor}),
    )
    tests: dict[str, float] = {}
    relations = ['"{}"."{}"'.format(*model.relation.split(".")) for model in after]
    for name, query in program.tests.items():
        if any(relation in query for relation in relations) == is_after_scores:
            started = time.process_time()
            program.faults(warehouse.connection, environment, [name])
            tests[name] = time.process_time() - started
    return models, tests


# --- a result -------------------------------------------------------------------------------------


def measure_all(
    plans: Sequence[Plan],
    out: Path,
    recorded: Path | None = None,
    refresh: Sequence[str] = REFRESH,
) -> Result:
    """Measures companies, smallest first, and stores the result after each.

    recorded: where compiled_sql has recorded; by default the SQL is recorded anew. What is made on
    the way is removed at the end. Raises BenchError.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    work = out.with_suffix(".work")
    shutil.rmtree(work, ignore_errors=True)
    result = Result(
        format=FORMAT,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=_git("rev-parse", "--short", "HEAD"),
        commit_date=_git("show", "--no-patch", "--format=%cI", "HEAD"),
        is_changed=bool(_git("status", "--porcelain")),
        machine=machine(),
        companies=[],
    )
    try:
        work.mkdir()
        if recorded is None:
            recorded = work / "recorded"
            recorded.mkdir()
            with StageTimes().stage("recording the models' SQL"):
                recording = (sys.executable, "-m", "tools.compiled_sql", str(recorded))
                measure(recording, {}, work / "errors.txt")
        for plan in sorted(plans, key=lambda plan: plan.activities):
            folder = work / str(plan.activities)
            result["companies"].append(measure_company(plan, folder, recorded, refresh))
            out.write_text(json.dumps(result, indent=1), encoding="utf-8")
            shutil.rmtree(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return result


def machine() -> dict[str, str | int]:
    """Cores, bytes of memory, name of the processor, and versions. Raises BenchError."""
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:
        raise BenchError("The bench needs Linux, which tells of its processes in /proc.") from None
    names = re.findall(r"^model name\s*:\s*(.+)$", told, re.M)
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
        "dbt": version("dbt-core"),
        "dagster": version("dagster"),
    }


def _git(*arguments: str) -> str:
    """What git says of the checkout; nothing where there is no git."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=PROJECT_DIR, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def load(name: str) -> Result:
    """A stored result, by its name or its path. Raises BenchError."""
    path = Path(name) if name.endswith(".json") else RESULTS / f"{name}.json"
    try:
        result: Result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        there = sorted(file.stem for file in RESULTS.glob("*.json"))
        raise BenchError(f"{path}: {error}. Stored: {', '.join(there) or 'none'}.") from error
    if result.get("format") != FORMAT:
        raise BenchError(f"{path} was written by another version of the bench.")
    return result


# --- figures from figures -------------------------------------------------------------------------


def models_of(run: Run) -> dict[str, float]:
    """Processor seconds of every model in plain DuckDB."""
    return {
        name: seconds
        for floor in run["floors"].values()
        for name, seconds in floor["models"].items()
    }


def floor_seconds(floor: Floor) -> float:
    """Processor seconds of models and data tests."""
    return sum(floor["models"].values()) + sum(floor["tests"].values())


@dataclass(frozen=True)
class Growth:
    """Processor seconds at two sizes. exponent: 1 grows as the acts do, 2 with their square."""

    name: str
    small: float
    large: float
    exponent: float


def growth_of_stages(small: Company, large: Company, run: str) -> list[Growth]:
    """How the stages grow, in their order."""
    one, other = small["runs"][run]["stages"], large["runs"][run]["stages"]
    return [
        _growth(name, one[name]["processor"], other[name]["processor"], small, large)
        for name in (REST, *STAGES)
    ]


def growth_of_models(small: Company, large: Company, run: str) -> list[Growth]:
    """How the models grow that cost LEAST_LARGE_SECONDS at the larger size, the fastest first."""
    one, other = models_of(small["runs"][run]), models_of(large["runs"][run])
    grown = [
        _growth(name, one[name], seconds, small, large)
        for name, seconds in other.items()
        if name in one and seconds >= LEAST_LARGE_SECONDS
    ]
    return sorted(grown, key=lambda growth: -growth.exponent)


def _growth(name: str, one: float, other: float, small: Company, large: Company) -> Growth:
    ratio = max(other, LEAST_SMALL_SECONDS) / max(one, LEAST_SMALL_SECONDS)
    return Growth(name, one, other, math.log(ratio) / math.log(large["acts"] / small["acts"]))


@dataclass(frozen=True)
class Change:
    """Processor seconds of a stage or a model in two results.

    kind: stage, models, tests or model. other: as measured. ratio: of the other, normalised by
    `pace`, to the one.
    """

    acts: int
    run: str
    kind: str
    name: str
    one: float
    other: float
    ratio: float

    def is_told(self, factor: float) -> bool:
        """Whether it is a change by this factor, and of more than LEAST_CHANGE_SECONDS.

        The pace is that of SQL, and Python may keep another: a stage is told only where it changed
        in the same direction as measured.
        """
        is_large = abs(self.ratio - 1) * self.one >= LEAST_CHANGE_SECONDS
        is_so_as_measured = self.kind != "stage" or (self.other > self.one) == (self.ratio > 1)
        return is_large and is_so_as_measured and not 1 / factor < self.ratio < factor


def pace(then: Run, now: Run) -> float:
    """Processor seconds that models take now for each second then: the median.

    Machines differ, and one machine from minute to minute, and all models feel it; a few that were
    changed do not move the median. Each counts by the lesser of its two times, so none that became
    slow or fast can be the measure of the others.
    """
    one, other = models_of(then), models_of(now)
    ratios = sorted(
        (other[name] / seconds, min(seconds, other[name]))
        for name, seconds in one.items()
        if seconds > 0 and max(seconds, other.get(name, 0.0)) >= LEAST_SMALL_SECONDS
        if name in other
    )
    left = sum(weight for _, weight in ratios) / 2
    for ratio, weight in ratios:
        left -= weight
        if left <= 0 < ratio:
            return ratio
    return 1.0


def changes(one: Result, other: Result) -> list[Change]:
    """Every stage, floor and model of the sizes that both results have, normalised by `pace`.

    A model that one of them lacks is left out: see `of_one_alone`.
    """
    found = []
    for before, after in _pairs(one, other):
        for name, then in before["runs"].items():
            now = after["runs"][name]
            rows = [
                *_shared("stage", _stage_seconds(then), _stage_seconds(now)),
                *_shared("models", _floors(then, "models"), _floors(now, "models")),
                *_shared("tests", _floors(then, "tests"), _floors(now, "tests")),
                *_shared("model", models_of(then), models_of(now)),
            ]
            scale = pace(then, now)
            found += [
                Change(before["acts"], name, kind, what, seconds, later, later / seconds / scale)
                for kind, what, seconds, later in rows
                if seconds > 0
            ]
    return found


def of_one_alone(one: Run, other: Run) -> dict[str, float]:
    """Processor seconds of the models that the second run lacks, the dearest first."""
    alone = {name: s for name, s in models_of(one).items() if name not in models_of(other)}
    return dict(sorted(alone.items(), key=lambda model: -model[1]))


def _pairs(one: Result, other: Result) -> list[tuple[Company, Company]]:
    sizes = {company["acts"]: company for company in other["companies"]}
    return [
        (company, sizes[company["acts"]])
        for company in one["companies"]
        if company["acts"] in sizes
    ]


def _stage_seconds(run: Run) -> dict[str, float]:
    seconds = {name: run["stages"][name]["processor"] for name in (REST, *STAGES)}
    return seconds | {"whole": sum(seconds.values())}


def _floors(run: Run, what: str) -> dict[str, float]:
    return {
        stage: sum((floor["models"] if what == "models" else floor["tests"]).values())
        for stage, floor in run["floors"].items()
    }


def _shared(
    kind: str, one: Mapping[str, float], other: Mapping[str, float]
) -> list[tuple[str, str, float, float]]:
    return [(kind, name, seconds, other[name]) for name, seconds in one.items() if name in other]


# --- printing -------------------------------------------------------------------------------------


def print_result(result: Result, console: Console) -> None:
    """The table of all sizes, and how stages and models grow."""
    of = result["machine"]
    memory = f"{int(of['memory_bytes']) / 2**30:.0f} GB"
    console.print(
        f"Commit {_commit(result)} of {result['commit_date'][:10]},"
        f" measured {result['measured_at'][:16]}. {of['cores']} cores ({of['processor']}),"
        f" {memory}, Python {of['python']}, DuckDB {of['duckdb']}, dbt {of['dbt']}.",
        highlight=False,
    )
    console.print(_stage_table(result["companies"]))
    console.print(_disk_table(result["companies"]))
    threads = {
        run["threads"] for company in result["companies"] for run in company["runs"].values()
    }
    console.print(
        "Processor seconds: user and system of all processes. Floor: the same SQL, models and"
        " data tests, in plain DuckDB in one process"
        f" ({', '.join(map(str, sorted(threads)))} threads)."
        f" Peak: the largest single process, looked at every {SECONDS_BETWEEN_LOOKS} s. {ROWS_ARE}",
        highlight=False,
    )
    for run in (FULL, DAY):
        if len(result["companies"]) > 1:
            _print_growth(result["companies"][0], result["companies"][-1], run, console)
        else:
            console.print(_dearest_table(result["companies"][0], run))
    if len(result["companies"]) > 1:
        console.print(
            f"Exponent: 1 grows as the acts do. The {SHOWN_MODELS} models that grow fastest, in"
            f" plain DuckDB, of those of {LEAST_LARGE_SECONDS} processor s and more at the larger"
            f" size; less than {LEAST_SMALL_SECONDS} s counts as that much.",
            highlight=False,
        )
    _warn_of_load(result, console)


def _warn_of_load(result: Result, console: Console) -> None:
    """Names the runs before which more wanted a processor than there were."""
    cores = int(result["machine"]["cores"])
    busy = [
        f"{run['load']:.1f} before {name}, {company['acts']:,} acts"
        for company in result["companies"]
        for name, run in company["runs"].items()
        if run["load"] > cores
    ]
    if busy:
        console.print(
            f"Warning: {_commit(result)} was measured while more wanted a processor than its"
            f" {cores} cores: a load of {'; '.join(busy)}. Its seconds are higher than on a quiet"
            " machine, and not all alike. Measure again.",
            highlight=False,
        )


def _commit(result: Result) -> str:
    return (result["commit"] or "unknown") + (" (changed)" if result["is_changed"] else "")


def _stage_table(companies: Sequence[Company]) -> Table:
    columns = ("proc. s", "wall s", "k rows/s", "peak GB", "floor s", "x floor")
    table = _table("What a refresh costs", "", *columns)
    for company in companies:
        table.add_row(f"{company['acts']:,} acts", style="bold")
        table.add_row(*_stage_row("generate", company["generate"]))
        for name, run in company["runs"].items():
            table.add_row(name, style="italic")
            for stage in (REST, *STAGES):
                floor = run["floors"].get(stage)
                table.add_row(*_stage_row(f" {stage}", run["stages"][stage], floor))
            table.add_row(*_stage_row(" whole", _whole(run), _whole_floor(run)))
        table.add_section()
    return table


def _stage_row(label: str, stage: Stage, floor: Floor | None = None) -> list[str]:
    rate = stage["rows"] / stage["processor"] if stage["processor"] else 0.0
    row = [
        label,
        f"{stage['processor']:,.1f}",
        f"{stage['wall']:,.1f}",
        f"{rate / 1000:.3g}" if rate else "",
        f"{stage['peak_bytes'] / 2**30:.2f}",
    ]
    if floor and (least := floor_seconds(floor)):
        row += [f"{least:,.1f}", f"{stage['processor'] / least:.1f}"]
    return row


def _disk_table(companies: Sequence[Company]) -> Table:
    table = _table("On disk, MB", "", "landing", "warehouse", "published", "load before")
    for company in companies:
        for name, run in company["runs"].items():
            sizes = [f"{size / 1e6:,.0f}" for size in run["disk"].values()]
            table.add_row(f"{company['acts']:,} acts, {name}", *sizes, f"{run['load']:.1f}")
    return table


def _whole(run: Run) -> Stage:
    stages = run["stages"].values()
    return Stage(
        processor=sum(stage["processor"] for stage in stages),
        wall=sum(stage["wall"] for stage in stages),
        peak_bytes=max(stage["peak_bytes"] for stage in stages),
        rows=0,
    )


def _whole_floor(run: Run) -> Floor:
    floors = run["floors"].values()
    return Floor(
        models=models_of(run),
        tests={name: seconds for floor in floors for name, seconds in floor["tests"].items()},
        wall=sum(floor["wall"] for floor in floors),
        peak_bytes=max(floor["peak_bytes"] for floor in floors),
    )


def _print_growth(small: Company, large: Company, run: str, console: Console) -> None:
    sizes = [f"{company['acts'] / 1e6:g}M acts, s" for company in (small, large)]
    models = growth_of_models(small, large, run)[:SHOWN_MODELS]
    for what, rows in (("stages", growth_of_stages(small, large, run)), ("models", models)):
        table = _table(f"Growth of {what}, {run}", "", *sizes, "exponent")
        for row in rows:
            table.add_row(row.name, f"{row.small:,.2f}", f"{row.large:,.2f}", f"{row.exponent:.2f}")
        console.print(table)


def _dearest_table(company: Company, run: str) -> Table:
    title = f"Dearest models, {run}, {company['acts']:,} acts"
    table = _table(title, "", "floor s", "of all models")
    seconds = models_of(company["runs"][run])
    whole = sum(seconds.values())
    for name in sorted(seconds, key=lambda name: -seconds[name])[:SHOWN_MODELS]:
        table.add_row(name, f"{seconds[name]:,.2f}", f"{seconds[name] / whole:.1%}")
    return table


def print_comparison(one: Result, other: Result, factor: float, console: Console) -> None:
    """Stages side by side, and the models that became slower or faster by the factor.

    Raises BenchError where there is nothing to compare.
    """
    found = changes(one, other)
    if not found:
        raise BenchError("The two results have no size in common.")
    table = _table(f"{_commit(one)}, then {_commit(other)}", "", "proc. s", "then", "ratio", "")
    for before, after in _pairs(one, other):
        for name, then in before["runs"].items():
            now = after["runs"][name]
            table.add_section()
            table.add_row(f"{before['acts']:,} acts, {name}", style="bold")
            table.add_row(" load before", f"{then['load']:.1f}", f"{now['load']:.1f}")
            table.add_row(" pace: the median model", "1", f"{pace(then, now):.2f}", "1")
            here = [
                change for change in found if (change.acts, change.run) == (before["acts"], name)
            ]
            models = [change for change in here if change.kind == "model"]
            for change in here:
                if change.kind != "model":
                    label = "" if change.kind == "stage" else f", floor of {change.kind}"
                    table.add_row(f" {change.name}{label}", *_compared(change, factor))
            told = [change for change in models if change.is_told(factor)]
            gone, new = of_one_alone(then, now), of_one_alone(now, then)
            table.add_row(
                f" {len(told)} of {len(models_of(then)) - len(gone)} models changed,"
                f" {len(new)} new, {len(gone)} gone",
                style="italic",
            )
            for change in sorted(told, key=lambda change: -abs(change.ratio - 1) * change.one):
                table.add_row(f"  {change.name}", *_compared(change, factor))
            for model, seconds in new.items():
                if seconds >= LEAST_CHANGE_SECONDS:
                    table.add_row(f"  {model}", "", f"{seconds:,.2f}", "", "new")
            for model, seconds in gone.items():
                if seconds >= LEAST_CHANGE_SECONDS:
                    table.add_row(f"  {model}", f"{seconds:,.2f}", "", "", "gone")
    console.print(table)
    console.print(
        f"Slower, faster: by a factor of {factor} and {LEAST_CHANGE_SECONDS} processor s at least;"
        " a stage only if it also changed that way as measured. New, gone:"
        f" {LEAST_CHANGE_SECONDS} s at least."
        f" A change of less than {LEAST_CHANGE_SECONDS} s is never told, however large a part of"
        " its model it is; at small sizes that is most of them."
        " Ratios are normalised: divided by what the median model took in plain DuckDB in the"
        " second result for each second in the first. What makes all models slower or faster alike"
        " is seen in that pace alone.",
        highlight=False,
    )
    _warn_of_load(one, console)
    _warn_of_load(other, console)


def _compared(change: Change, factor: float) -> list[str]:
    word = ("slower" if change.ratio > 1 else "faster") if change.is_told(factor) else ""
    return [f"{change.one:,.2f}", f"{change.other:,.2f}", f"{change.ratio:.2f}", word]


def _table(title: str, label: str, *numbers: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE)
    table.add_column(label, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right")
    return table


# --- the command line -----------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure companies")
    run.add_argument("millions", nargs="+", type=float, help="sizes in million acts")
    run.add_argument("--result", default="", help="name of the result; else commit and time")
    show = commands.add_parser("show", help="print a stored result")
    show.add_argument("result")
    compare = commands.add_parser("compare", help="what became slower or faster")
    compare.add_argument("one")
    compare.add_argument("other")
    compare.add_argument("--factor", type=float, default=FACTOR)
    floor = commands.add_parser("floor", help="used by run, in a process of its own")
    for name, kind in (("recorded", Path), ("warehouse", Path), ("landing", Path)):
        floor.add_argument(name, type=kind)
    for name in ("start", "end"):
        floor.add_argument(name, type=date.fromisoformat)
    floor.add_argument("out", type=Path)
    given = parser.parse_args(arguments)
    console = Console()
    # Whoever ends it ends what it started, and finds nothing left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if given.command == "run":
            plans = [plan_of(millions) for millions in given.millions]
            moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
            name = given.result or f"{_git('rev-parse', '--short', 'HEAD') or 'unknown'}-{moment}"
            out = RESULTS / f"{name}.json"
            if out.exists():
                raise BenchError(
                    f"There is a result {name} already: give RESULT another name, or remove {out}."
                )
            print_result(measure_all(plans, out), console)
            console.print(f"Stored: {out.relative_to(PROJECT_DIR)}", highlight=False)
        elif given.command == "show":
            print_result(load(given.result), console)
        elif given.command == "compare":
            print_comparison(load(given.one), load(given.other), given.factor, console)
        else:
            run_floor(
                given.recorded, given.warehouse, given.landing, given.start, given.end, given.out
            )
    except (BenchError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
