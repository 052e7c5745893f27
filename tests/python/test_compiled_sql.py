"""The models' SQL without dbt: what it is made of, and what it says when something is wrong.

That it gives what the whole job gives is tested in test_refresh.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
import runner
from runner import Place, program

from orchestration.engine import data_tests, dbt_runner
from orchestration.engine.data_tests import STAND_INS
from orchestration.settings import PROJECT_DIR
from tools.compiled_sql import Program


@pytest.fixture(scope="module")
def sql(template: Place) -> Program:
    assert template.warehouse.exists()
    return program()


def test_parents_are_followed_across_the_scores(sql: Program) -> None:
    states = sql.with_parents(["account_activation_history"])
    assert {"feat_account_days", "int_activity_daily", "int_accounts"} <= states
    assert not {"account_plays", "match_proposals", "feat_match_accounts"} & states
    assert "feat_match_accounts" in sql.with_parents(["match_proposals"])
    with pytest.raises(KeyError, match="no_such_mart"):
        sql.with_parents(["no_such_mart"])


def test_every_model_comes_after_its_parents(sql: Program) -> None:
    place = {model.name: number for number, model in enumerate(sql.models)}
    assert all(
        place[parent] < place[model.name] for model in sql.models for parent in model.parents
    )
    assert all(model.fresh for model in sql.models)


def test_only_what_grows_is_said_otherwise_the_second_time(sql: Program) -> None:
    again = {model.name for model in sql.models if model.again}
    assert {"int_page_days", "int_act_days", "activation_gap", "account_change_feed"} <= again
    assert "accounts" not in again
    # What is deleted before it is written anew: hooks of the model, and dbt's own.
    gap_changes = sql.by_name["int_account_gap_changes"].again or ()
    assert gap_changes[0].startswith("delete from")
    assert any("delete from" in said for said in sql.by_name["activation_gap"].again or ())


def test_a_model_that_fails_is_named(sql: Program) -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as caught:
        sql.run(connection, STAND_INS, {"accounts"})
    assert caught.value.__notes__ == ["while model accounts was built"]


def test_more_days_than_were_recorded_are_refused(sql: Program) -> None:
    many = STAND_INS | {"END_DATE": "1982-03-10"}
    with duckdb.connect() as connection, pytest.raises(ValueError, match="more than 4022 days"):
        sql.run(connection, many, {"int_days"})


def test_a_model_that_holds_a_date_that_stands_for_others_is_refused() -> None:
    node = SimpleNamespace(raw_code=f"select date '{STAND_INS['END_DATE']}'")
    manifest = SimpleNamespace(nodes={"model.p.bad": node}, macros={})
    with pytest.raises(dbt_runner.DbtError, match=r"model\.p\.bad holds 1982-03-09"):
        data_tests._check_stand_ins(manifest)


def test_faults_are_given_by_test() -> None:
    tests = {"none": "select 1 where false", "end": f"select date '{STAND_INS['END_DATE']}' as day"}
    with duckdb.connect() as connection:
        found = Program((), tests).faults(connection, STAND_INS | {"END_DATE": "2026-06-30"})
    assert [*found] == ["end"]
    assert str(found["end"][0][0]) == "2026-06-30"


FILES = {
    "dbt_project.yml": "",
    "models/marts/a.sql": "",
    "seeds/b.csv": "",
    "tools/compiled_sql.py": "from orchestration import c\ndef f():\n    import tools.other",
    "tools/__init__.py": "",
    "tools/other.py": "",
    "orchestration/__init__.py": "",
    "orchestration/c.py": "from orchestration.deep.d import name\nfrom json import loads",
    "orchestration/deep/__init__.py": "from .e import name",
    "orchestration/deep/d.py": "import orchestration.c",
    "orchestration/deep/e.py": "",
}
OTHER_FILES = (
    "README.md",
    "orchestration/deep/not_imported.py",
    "models/marts/a.pyc",
    "tools/bench.py",
    "tests/python/test_a.py",
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the project."""
    monkeypatch.setattr(runner, "PROJECT_DIR", tmp_path)
    for file, text in FILES.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    return tmp_path


def test_a_changed_file_is_recorded_anew(project: Path) -> None:
    seen = [runner.made_from()]
    for file, text in FILES.items():
        (project / file).write_text(f"{text}\n#")
        seen.append(runner.made_from())
    (project / "models/marts/a.sql").rename(project / "models/a.sql")
    seen.append(runner.made_from())
    assert len({*seen}) == len(seen)


def test_a_file_that_the_recording_does_not_read_records_nothing_anew(project: Path) -> None:
    before = runner.made_from()
    for file in OTHER_FILES:
        (project / file).parent.mkdir(parents=True, exist_ok=True)
        (project / file).write_text("3")
    assert runner.made_from() == before


def test_all_that_the_recording_imports_is_named() -> None:
    """Asked of Python itself."""
    names = (
        "import sys, tools.compiled_sql\n"
        "print(*(module.__file__ for name, module in sys.modules.items()"
        " if name.split('.')[0] in ('orchestration', 'tools')), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", names],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {Path(line) for line in done.stdout.splitlines()}
    named = runner.with_imports(PROJECT_DIR / runner.RECORDED_BY)
    assert imported == named
    assert PROJECT_DIR / "orchestration" / "landing" / "ingest.py" in named
    assert PROJECT_DIR / "tools" / "bench.py" not in named


def test_the_least_recently_used_recording_goes_first(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "record", lambda folder: folder.mkdir())
    model, made = project / "models/marts/a.sql", {}
    for number in range(runner.KEPT_RECORDINGS):
        model.write_text(str(number))
        assert not runner.is_recorded()
        made[number] = runner.recorded()
        assert runner.is_recorded()
        os.utime(made[number], (number, number))
    model.write_text("0")
    assert runner.recorded() == made[0]
    model.write_text("new")
    runner.recorded()
    assert [number for number, folder in made.items() if folder.exists()] == [0, 2]
