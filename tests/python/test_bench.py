"""The bench: what it measures of a small company, and what it makes of figures. No test here asks
how long anything takes."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from runner import Place

from orchestration.engine.data_tests import STAND_INS
from orchestration.engine.warehouse import connect
from tools import bench
from tools.bench import (
    AFTER,
    BEFORE,
    DAY,
    FULL,
    REST,
    STAGES,
    BenchError,
    Company,
    Floor,
    Result,
    Run,
    Stage,
)
from tools.compiled_sql import FEATURES_OF_SCORES, TEMPLATE, Program

PLAN = replace(bench.plan_of(0.02), months=3, crm="salesforce")
PLANTED = "int_owners"
SLOW = "select max(hash(i)) from range(400000000) as numbers (i)"
TESTS = {
    "of_days": 'select * from "warehouse"."intermediate"."int_days" where false',
    "of_states": 'select * from "warehouse"."intermediate"."int_account_states" where false',
}
# A refresh as people run it, but for the seeds, views and tests that cost most of a small one, and
# for all marts but one.
PART_OF_A_REFRESH = """
import os, shutil, sys
from pathlib import Path
from orchestration.commands import refresh
from orchestration.engine import dbt_process
from orchestration.assets.dbt import DEPTHS
from orchestration.runs.circuit_breakers import Verdict
from orchestration.engine.dbt_runner import NodeResult
from orchestration.runs.context import Run

template, models = sys.argv[1], {*sys.argv[2:]}
build = dbt_process.build

def build_part(settings, unique_ids, environment):
    nodes = [name for name in unique_ids if not name.startswith("test.")]
    wanted = [name for name in nodes if name.split(".")[2] in models]
    # Dagster wants them in order: what the template has, what is built, what would come after.
    there = [name for name in nodes if name.startswith("seed.") or ".stg_" in name]
    yield from (NodeResult(name, "success", "", 0.0, None) for name in there)
    yield from build(settings, wanted, environment)
    left = sorted({*nodes} - {*wanted, *there}, key=DEPTHS.get)
    yield from (NodeResult(name, "success", "", 0.0, None) for name in left)

dbt_process.build = build_part
refresh.print_gap = refresh.print_lost_rows = lambda path: None
# What the checks before publishing read is not among these models.
Run.judge = lambda run, warehouse, names=None: Verdict((), (), (), ())
if not Path(os.environ["WAREHOUSE_PATH"]).exists():
    shutil.copyfile(template, os.environ["WAREHOUSE_PATH"])
sys.exit(refresh.main([]))
"""


# --- a small company ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(template: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded SQL of a part of the models, with two data tests."""
    folder = tmp_path_factory.mktemp("part of what is recorded")
    whole = Program.load(template.folder.parent)
    names = whole.with_parents({*FEATURES_OF_SCORES.values(), "accounts", "int_account_states"})
    Program(tuple(model for model in whole.models if model.name in names), TESTS).save(folder)
    os.symlink(template.folder, folder / TEMPLATE)
    return folder


@pytest.fixture(scope="module")
def stored(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a bench of the smallest size, of a part of the models."""
    out = tmp_path_factory.mktemp("bench") / "small.json"
    template = recorded / TEMPLATE / bench.WAREHOUSE
    part = (sys.executable, "-c", PART_OF_A_REFRESH, str(template))
    bench.measure_all([PLAN], out, recorded, (*part, *Program.load(recorded).by_name))
    return out


def test_every_stage_has_its_figures(stored: Path, recorded: Path) -> None:
    (company,) = bench.load(str(stored))["companies"]
    assert (company["acts"], company["accounts"]) == (20_000, 40)
    assert company["generate"]["processor"] > 0
    assert company["generate"]["rows"] > 5_000
    assert [*company["runs"]] == [FULL, DAY]
    program = Program.load(recorded)
    for run in company["runs"].values():
        assert run["stages"].keys() == {REST, *STAGES}
        for name, stage in run["stages"].items():
            assert stage["processor"] > 0, name
            assert stage["wall"] > 0, name
            assert stage["peak_bytes"] > 10**7, name
            assert (stage["rows"] > 0) == (name != REST), name
        assert [*run["floors"]] == [BEFORE, AFTER]
        assert bench.models_of(run).keys() == program.by_name.keys()
        assert [*run["floors"][BEFORE]["tests"]] == ["of_days"]
        assert [*run["floors"][AFTER]["tests"]] == ["of_states"]
        assert all(floor["peak_bytes"] > 10**7 for floor in run["floors"].values())
        assert min(run["disk"].values()) > 0
        assert run["threads"] >= 1
    full, day = (company["runs"][name]["stages"]["ingest"]["rows"] for name in (FULL, DAY))
    assert full > day > 0
    assert full + day == company["generate"]["rows"]


def test_nothing_but_the_result_stays(stored: Path) -> None:
    assert [*stored.parent.iterdir()] == [stored]
    result = json.loads(stored.read_text())
    assert result["machine"].keys() >= {"processor", "cores", "memory_bytes", "duckdb", "dbt"}


def test_the_table_is_printed(stored: Path) -> None:
    said = printed(lambda console: bench.print_result(bench.load(str(stored)), console))
    for words in (FULL, DAY, *STAGES, "20,000 acts", "2 cores" if os.cpu_count() == 2 else "cores"):
        assert words in said


def test_a_model_that_became_slow_is_named_and_so_is_one_that_became_fast(
    stored: Path, template: Place, tmp_path: Path
) -> None:
    """Measured, not made up: its SQL is given a long statement more."""
    model = Program.load(template.folder.parent).by_name[PLANTED]
    planted = Program((replace(model, fresh=(SLOW, *model.fresh)),), {})
    with connect(template.copy(tmp_path / "place").warehouse) as warehouse:
        models, _ = bench.say_stage(planted, warehouse, STAND_INS, is_after_scores=False)
    before, after = bench.load(str(stored)), bench.load(str(stored))
    after["companies"][0]["runs"][FULL]["floors"][BEFORE]["models"].update(models)
    for one, other, word in ((before, after, "slower"), (after, before, "faster")):
        said = printed(lambda c, a=one, b=other: bench.print_comparison(a, b, bench.FACTOR, c))
        full, _, day = said.partition(f"20,000 acts, {DAY}")
        (line,) = [line for line in full.splitlines() if line.strip().startswith(PLANTED)]
        assert word in line
        assert PLANTED not in day


# --- figures from figures -------------------------------------------------------------------------


def stage(processor: float) -> Stage:
    return Stage(processor=processor, wall=processor, peak_bytes=10**8, rows=100)


def run(stages: float, models: dict[str, float]) -> Run:
    """A run whose stages cost so much each, and its models in plain DuckDB."""
    before = Floor(models=models, tests={"a_test": 0.3}, wall=1.0, peak_bytes=10**8)
    after = Floor(models={"a_mart": 1.0}, tests={}, wall=1.0, peak_bytes=10**8)
    return Run(
        stages={name: stage(stages) for name in (REST, *STAGES)},
        floors={BEFORE: before, AFTER: after},
        threads=2,
        disk={"landing": 1, "warehouse": 2, "published": 3},
        load=0.0,
    )


def company(acts: int, full: Run) -> Company:
    return Company(
        acts=acts, accounts=acts // 500, generate=stage(1.0), runs={FULL: full, DAY: run(1.0, {})}
    )


def result(*companies: Company) -> Result:
    return Result(
        format=bench.FORMAT,
        measured_at="2026-06-30T12:00:00+00:00",
        commit="abc1234",
        commit_date="2026-06-30T11:00:00+00:00",
        is_changed=False,
        machine=bench.machine(),
        companies=[*companies],
    )


SMALL = {"linear": 1.0, "square": 0.1, "flat": 3.0, "tiny": 0.001, "noise": 0.01, "gone": 9.0}
LARGE = {"linear": 10.0, "square": 10.0, "flat": 3.0, "tiny": 5.0, "noise": 0.4, "new": 9.0}


def test_the_exponent_of_growth() -> None:
    small, large = company(10**6, run(2.0, SMALL)), company(10**7, run(20.0, LARGE))
    grown = bench.growth_of_models(small, large, FULL)
    # Too cheap at the larger size, or of one size alone, is not told; too cheap at the smaller
    # size counts as 0.05 s, so that 0.001 s becoming 5 s is no more than a hundred times as much.
    assert [growth.name for growth in grown] == ["square", "tiny", "linear", "flat", "a_mart"]
    exponents = [growth.exponent for growth in grown]
    assert exponents == pytest.approx([2.0, 2.0, 1.0, 0.0, 0.0])
    assert (grown[1].small, grown[1].large) == (0.001, 5.0)
    stages = bench.growth_of_stages(small, large, FULL)
    assert [growth.name for growth in stages] == [REST, *STAGES]
    assert [growth.exponent for growth in stages] == pytest.approx([1.0] * 6)
    said = printed(lambda console: bench.print_result(result(small, large), console))
    assert "Growth of models, full build" in said
    assert "Growth of stages, next day" in said
    assert [line.split() for line in said.splitlines() if line.strip().startswith("square")] == [
        ["square", "0.10", "10.00", "2.00"]
    ]


def test_with_one_size_the_dearest_models_are_shown() -> None:
    said = printed(lambda c: bench.print_result(result(company(10**6, run(2.0, SMALL))), c))
    names = [line.split()[0] for line in said.splitlines() if line.strip().startswith(tuple(SMALL))]
    assert names[:3] == ["gone", "flat", "linear"]
    assert "Growth" not in said


def changed(one: Result, other: Result, factor: float = 1.3) -> dict[tuple[str, str], float]:
    """Ratio by kind and name of what is told of the full build."""
    return {
        (change.kind, change.name): change.ratio
        for change in bench.changes(one, other)
        if change.run == FULL and change.is_told(factor)
    }


def test_a_change_is_told_by_factor_and_seconds_and_on_another_machine_too() -> None:
    models = {"slower": 1.0, "faster": 4.0, "same": 2.0, "small": 0.01, "gone": 3.0}
    then = {"slower": 1.5, "faster": 2.0, "same": 2.0, "small": 0.10, "new": 3.0}
    one, other = result(company(10**6, run(2.0, models))), result(company(10**6, run(2.0, then)))
    told = {("model", "slower"): pytest.approx(1.5), ("model", "faster"): pytest.approx(0.5)}
    assert changed(one, other) == told
    assert changed(one, other, factor=1.6) == {("model", "faster"): pytest.approx(0.5)}
    # Twice as slow a machine: everything takes twice as long.
    busy = run(4.0, {name: 2 * seconds for name, seconds in then.items()})
    busy["floors"][AFTER]["models"]["a_mart"] = 2.0
    busy["floors"][BEFORE]["tests"]["a_test"] = 0.6
    assert changed(one, result(company(10**6, busy))) == told
    assert bench.pace(run(2.0, models), busy) == pytest.approx(2.0)


def test_one_model_is_not_the_measure_of_all() -> None:
    """However much it cost, and whichever way it changed."""
    slow, fast = run(2.0, {"most": 100.0, "rest": 1.0}), run(2.0, {"most": 0.1, "rest": 1.0})
    assert bench.pace(slow, fast) == bench.pace(fast, slow) == 1.0
    assert bench.pace(run(2.0, {}), run(2.0, {})) == 1.0


def test_stages_are_told_too() -> None:
    one, other = (result(company(10**6, run(2.0, SMALL))) for _ in range(2))
    stages = other["companies"][0]["runs"][FULL]["stages"]
    stages["scores"]["processor"] = 8.0
    assert changed(one, other) == {
        ("stage", "scores"): pytest.approx(4.0),
        ("stage", "whole"): pytest.approx(18 / 12),
    }
    said = printed(lambda console: bench.print_comparison(one, other, 1.3, console))
    assert "0 of 7 models changed, 0 new, 0 gone" in said
    assert "normalised" in said


def test_a_stage_is_not_told_for_the_pace_of_the_sql_alone() -> None:
    """Python keeps another: here all SQL takes half as long, and Python as long as before."""
    models = {"first": 1.0, "second": 2.0, "third": 3.0}
    then = run(2.0, {name: seconds / 2 for name, seconds in models.items()})
    then["floors"][AFTER]["models"]["a_mart"] = 0.5
    then["stages"]["publish"]["processor"] = 6.0
    one, other = result(company(10**6, run(2.0, models))), result(company(10**6, then))
    stages = {name for kind, name in changed(one, other) if kind == "stage"}
    assert stages == {"publish", "whole"}
    assert {
        c.name for c in bench.changes(one, other) if c.ratio > 1.3 and c.kind == "stage"
    } > stages


def test_new_and_gone_models_are_counted_and_the_dear_ones_named() -> None:
    one = result(company(10**6, run(2.0, {"same": 2.0, "was": 0.7, "was_cheap": 0.1})))
    other = result(company(10**6, run(2.0, {"same": 2.0, "slow": 5.0, "cheap": 0.1})))
    said = printed(lambda console: bench.print_comparison(one, other, 1.3, console))
    full, _, day = said.partition(DAY)
    assert "0 of 2 models changed, 2 new, 2 gone" in full
    assert "0 of 1 models changed, 0 new, 0 gone" in day
    named = [line.split() for line in full.splitlines() if line.split()[-1:] in (["new"], ["gone"])]
    assert ["slow", "5.00", "new"] in named
    assert ["was", "0.70", "gone"] in named
    assert not re.search("cheap", said)
    assert "less than 0.2 s is never told" in " ".join(said.split())


def test_a_run_on_a_busy_machine_is_warned_of() -> None:
    quiet, busy = (result(company(10**6, run(2.0, SMALL))) for _ in range(2))
    cores = int(quiet["machine"]["cores"])
    quiet["companies"][0]["runs"][FULL]["load"] = cores
    busy["companies"][0]["runs"][DAY]["load"] = cores + 0.5
    warning = f"load of {cores + 0.5} before next day, 1,000,000 acts."
    for is_warned, say in (
        (False, lambda c: bench.print_result(quiet, c)),
        (True, lambda c: bench.print_result(busy, c)),
        (False, lambda c: bench.print_comparison(quiet, quiet, 1.3, c)),
        (True, lambda c: bench.print_comparison(quiet, busy, 1.3, c)),
        (True, lambda c: bench.print_comparison(busy, quiet, 1.3, c)),
    ):
        said = " ".join(printed(say).split())
        assert ("Warning" in said) == (warning in said) == is_warned


def test_results_without_a_common_size_are_not_compared() -> None:
    one, other = result(company(10**6, run(2.0, SMALL))), result(company(10**7, run(2.0, SMALL)))
    with pytest.raises(BenchError, match="no size in common"):
        bench.print_comparison(one, other, 1.3, Console(file=io.StringIO()))


def test_a_result_that_is_not_there_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main(["show", str(tmp_path / "none.json")]) == 1
    assert "none.json" in capsys.readouterr().err
    old = tmp_path / "old.json"
    old.write_text('{"format": 0}')
    assert bench.main(["compare", str(old), str(old)]) == 1
    assert "another version of the bench" in capsys.readouterr().err
    assert bench.main(["run", "0.0001"]) == 1
    assert "0.02 at least" in capsys.readouterr().err


def test_a_result_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    monkeypatch.setattr(bench, "measure_all", lambda *_: pytest.fail("it was measured"))
    (tmp_path / "before.json").write_text("{}")
    assert bench.main(["run", "0.02", "--result", "before"]) == 1
    assert "There is a result before already" in capsys.readouterr().err


# --- measuring processes --------------------------------------------------------------------------

BURN = """
import sys, time
def burn(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until: pass
"""
OTHER = BURN + "burn(0.5)"
DBT = BURN + "burn(1)\nprint(flush=True)\nsys.stdin.readline()\nburn(1)"
STANDS_FOR_A_REFRESH = (
    BURN
    + """
import subprocess
other, dbt, end = sys.argv[1:]
# It is told from others by its arguments.
child = subprocess.Popen(
    [sys.executable, "-c", dbt, "orchestration.engine.dbt_process"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
)
print("ingest ...", flush=True)
began = time.perf_counter()
burn(0.3)
subprocess.run([sys.executable, "-c", other])
child.stdout.readline()
print("  note: nothing", flush=True)
print(f"ingest: done in {time.perf_counter() - began:.1f} s", flush=True)
print("dbt before the scores ...", flush=True)
began = time.perf_counter()
print(file=child.stdin, flush=True)
burn(0.2)
if end == "waited for":
    child.wait()
else:
    time.sleep(3)
print(f"dbt before the scores: done in {time.perf_counter() - began:.1f} s", flush=True)
burn(0.3)
"""
)


@pytest.mark.parametrize("end", ["waited for", "left alone"])
def test_processes_are_counted_where_they_belong(end: str, tmp_path: Path) -> None:
    """What dbt's process does before dbt's stage is start-up, whatever runs beside it."""
    command = [sys.executable, "-c", STANDS_FOR_A_REFRESH, OTHER, DBT, end]
    stages = bench.measure(command, {}, tmp_path / "errors.txt")
    assert [*stages] == [REST, "ingest", BEFORE]
    # What is burnt, give or take ticks of the clock and what starting Python may cost.
    for name, burnt in ((REST, 1.3), ("ingest", 0.8), (BEFORE, 1.2)):
        assert burnt - 0.1 < stages[name]["processor"] < burnt + 0.8, name


def test_a_command_that_fails_is_said_with_its_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('half-way'); raise SystemExit('no more room')"]
    with pytest.raises(BenchError, match=r"(?s)failed:.*half-way.*no more room"):
        bench.measure(command, {}, tmp_path / "errors.txt")


def test_a_stage_whose_lines_come_too_late_is_not_measured(tmp_path: Path) -> None:
    words = "ingest ...\\ningest: done in 9.5 s"
    with pytest.raises(BenchError, match=r"9\.5 s', but 0\.. s as seen from here"):
        bench.measure([sys.executable, "-c", f"print('{words}')"], {}, tmp_path / "errors.txt")


# --- helpers --------------------------------------------------------------------------------------


def printed(say: Callable[[Console], None]) -> str:
    """What is said to a terminal of 80 columns."""
    console = Console(file=io.StringIO(), width=80)
    say(console)
    return console.file.getvalue()
