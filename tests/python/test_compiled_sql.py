"""The models' SQL without dbt: what it is made of, and what it says when something is wrong.

That it gives what the whole job gives is tested in test_refresh.py.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
import runner
from runner import Place, program

from orchestration import dbt_runner
from tools import compiled_sql
from tools.compiled_sql import STAND_INS, Program


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
    assert {"int_activity_daily", "activation_gap", "account_change_feed"} <= again
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
        compiled_sql._check_stand_ins(manifest)


def test_faults_are_given_by_test() -> None:
    tests = {"none": "select 1 where false", "end": f"select date '{STAND_INS['END_DATE']}' as day"}
    with duckdb.connect() as connection:
        found = Program((), tests).faults(connection, STAND_INS | {"END_DATE": "2026-06-30"})
    assert [*found] == ["end"]
    assert str(found["end"][0][0]) == "2026-06-30"


def test_a_changed_file_is_recorded_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PROJECT_DIR", tmp_path)
    for file in ("models/marts/a.sql", "seeds/b.csv", "orchestration/c.py", "dbt_project.yml"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("1")
    seen = {runner.made_from()}
    for file in ("models/marts/a.sql", "seeds/b.csv", "orchestration/c.py", "dbt_project.yml"):
        (tmp_path / file).write_text("2")
        seen.add(runner.made_from())
    (tmp_path / "models/marts/a.sql").rename(tmp_path / "models/a.sql")
    seen.add(runner.made_from())
    assert len(seen) == 6
    (tmp_path / "orchestration" / "c.pyc").write_text("3")
    (tmp_path / "README.md").write_text("4")
    assert runner.made_from() in seen
