"""What CI cannot afford: hundreds of companies, kills at any moment, another engine's parser.

`make test-long` runs these and nothing else does. SIMULATIONS and KILLS say how many.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Company
from marts import mart_differences, one, tables
from runner import Place, Runs, compute, faults
from test_portability import EXCEPTIONS, compile_all, read

from orchestration.demo.company import CRMS, Plan
from orchestration.demo.simulate import simulate
from orchestration.settings import PROJECT_DIR

pytestmark = pytest.mark.long

SIMULATIONS = int(os.environ.get("SIMULATIONS", "200"))
KILLS = int(os.environ.get("KILLS", "30"))
SPARK = PROJECT_DIR / ".venv" / "spark" / "bin" / "python"
FIRST_SEED = 1_000
KILLED_START, KILLED_END = "2026-06-11", "2026-06-12"
LAST_KILL_SECONDS = 12.0  # a refresh of the small company takes longer on any machine


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SIMULATIONS))
def test_a_company_of_any_seed_passes_every_check_and_day_by_day_is_all_at_once(
    seed: int, template: Place, tmp_path: Path
) -> None:
    """Companies of other sizes, CRMs and luck: every data test after each run; the law of time."""
    chance = random.Random(seed)
    plan = Plan(
        accounts=chance.randrange(40, 100),
        months=chance.randrange(3, 7),
        activities=chance.randrange(1_000, 9_000),
        seed=seed,
        crm=chance.choice(CRMS),
        campaigns=chance.random() < 0.7,
        mishaps=chance.random() < 0.7,
    )
    landing = tmp_path / "landing"
    simulate(plan, landing, tmp_path / "truth", say=lambda _: None)
    # No file of a day may arrive after a day that is computed: that is a late file's own test.
    last = plan.end
    first = last - timedelta(days=chance.randrange(2, 12))
    middle = first + timedelta(days=chance.randrange(0, (last - first).days))
    stepwise = template.copy(tmp_path / "stepwise", landing)
    whole = template.copy(tmp_path / "whole", landing)
    compute(stepwise, str(first), str(middle))
    assert faults(stepwise) == {}
    compute(stepwise, str(middle + timedelta(days=1)), str(last))
    assert faults(stepwise) == {}
    compute(whole, str(first), str(last))
    assert faults(whole) == {}
    assert mart_differences(stepwise.warehouse, whole.warehouse) == {}


@pytest.fixture(scope="module")
def killed(
    refreshed: Place, runs: Runs, company: Company, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Place, list[int]]:
    """A place whose next refresh was killed again and again, at moments drawn by a seed."""
    place = refreshed.copy(tmp_path_factory.mktemp("killed") / "place", company.landing)
    chance = random.Random(KILLS)
    codes = []
    for _ in range(KILLS):
        after = chance.uniform(0, LAST_KILL_SECONDS)
        run = runs.refresh(place, end=KILLED_END, whole=False, kill_after=after)
        codes.append(run.code)
        assert run.code in (0, -signal.SIGKILL), run.out + run.error
        assert one(place.published, "select count(*) from marts.accounts") > 60
    return place, codes


def test_a_refresh_killed_at_any_moment_goes_on_to_the_same_marts(
    killed: tuple[Place, list[int]], refreshed: Place, company: Company, runs: Runs, tmp_path: Path
) -> None:
    place, codes = killed
    assert codes.count(-signal.SIGKILL) > KILLS / 2
    runs.refresh(place, end=KILLED_END, whole=False).check()
    undisturbed = refreshed.copy(tmp_path / "place", company.landing)
    compute(undisturbed, KILLED_START, KILLED_END)
    assert tables(place.published)
    assert mart_differences(place.published, undisturbed.warehouse) == {}


@pytest.mark.skipif(not SPARK.exists(), reason="make test-long installs Spark; it wants Java")
def test_spark_reads_what_is_written_for_it(runs: Runs, tmp_path: Path) -> None:
    """By its own parser, where sqlglot alone is asked in test_portability.py. Nothing is run."""
    place = Place(tmp_path / "compiled", tmp_path / "no landing")
    place.folder.mkdir()
    statements = {
        f"{name} {number}": statement.sql("spark")
        for name, sql in runs.start(compile_all, place).result().check().value
        for number, statement in enumerate(read(sql, "duckdb"))
    }
    assert len(statements) > 400
    statements["planted 0"] = "select a from t where ("
    done = subprocess.run(
        [str(SPARK), str(PROJECT_DIR / "tools" / "spark_parser.py")],
        input=json.dumps(statements),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    refused = {name.split()[0]: why for name, why in json.loads(done.stdout).items()}
    print(len(statements), "statements read by Spark's parser, refused:", refused)
    known = {name for name, dialect, _ in EXCEPTIONS if dialect == "spark"}
    assert refused.keys() - known == {"planted"}
