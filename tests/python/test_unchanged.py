"""What a run leaves as it is: no more than what would be made again just as it is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestration.engine import unchanged
from orchestration.engine.warehouse import Warehouse, connect

SEED, OTHER = "seed.project.weights", "seed.project.names"
VIEW, MODEL = "model.project.stg_crm__accounts", "model.project.int_accounts"
OF_SEED, OF_MODEL = "test.project.of_weights", "test.project.of_accounts"
FIXED = {SEED, OTHER, VIEW, OF_SEED}


def seed(name: str) -> Any:
    return SimpleNamespace(
        resource_type="seed", schema="seeds", alias=name, original_file_path=f"seeds/{name}.csv",
        depends_on_nodes=[], fqn=["project", name],
    )  # fmt: skip


def node(kind: str, name: str, schema: str, *reads: str, code: str = "") -> Any:
    return SimpleNamespace(
        resource_type=kind, schema=schema, alias=name, fqn=["project", schema, name],
        depends_on_nodes=[*reads], depends_on=SimpleNamespace(nodes=[*reads]), raw_code=code,
    )  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "project"
    for name in ("seeds/weights.csv", "seeds/names.csv", "seeds/seeds.yml", "macros/text.sql"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    monkeypatch.setattr(unchanged, "project", lambda: folder)
    unchanged._shared.cache_clear()
    yield folder
    unchanged._shared.cache_clear()


@pytest.fixture
def manifest() -> Any:
    source = SimpleNamespace(schema="raw_crm", identifier="account")
    nodes = {
        SEED: seed("weights"),
        OTHER: seed("names"),
        VIEW: node("model", "stg_crm__accounts", "staging", "source.project.crm.account"),
        MODEL: node("model", "int_accounts", "intermediate", VIEW, SEED),
        OF_SEED: node("test", "of_weights", "tests", SEED, code="key: name"),
        OF_MODEL: node("test", "of_accounts", "tests", MODEL, SEED, code="key: account_id"),
    }
    return SimpleNamespace(nodes=nodes, sources={"source.project.crm.account": source})


@pytest.fixture
def built(project: Path, manifest: Any, tmp_path: Path) -> Iterator[Warehouse]:
    """A warehouse in which all of it was built."""
    with connect(tmp_path / "warehouse.duckdb") as warehouse:
        for schema in ("raw_crm", "seeds", "staging", "intermediate"):
            warehouse.execute(f"create schema {schema}")
        warehouse.execute("create table raw_crm.account (id varchar)")
        for name in ("weights", "names"):
            warehouse.execute(f"create table seeds.{name} (name varchar)")
        warehouse.execute("create view staging.stg_crm__accounts as select * from raw_crm.account")
        warehouse.execute("create table intermediate.int_accounts (id varchar)")
        assert same(manifest, warehouse) == set()
        unchanged.remember(warehouse, manifest.nodes, unchanged.contents(manifest, warehouse))
        yield warehouse


def same(manifest: Any, warehouse: Warehouse) -> set[str]:
    now = unchanged.contents(manifest, warehouse)
    return unchanged.unchanged(manifest, warehouse, manifest.nodes, now)


def test_what_no_row_changes_is_left(built: Warehouse, manifest: Any) -> None:
    assert same(manifest, built) == FIXED
    assert same(manifest, built) == FIXED


def test_a_row_of_a_seed_makes_it_and_its_tests_anew(
    built: Warehouse, manifest: Any, project: Path
) -> None:
    (project / "seeds/weights.csv").write_text("another row")
    assert same(manifest, built) == {OTHER, VIEW}
    # Not built yet, and the old row is back: the run in between may have been stopped midway.
    (project / "seeds/weights.csv").write_text("seeds/weights.csv")
    assert same(manifest, built) == {OTHER, VIEW}


@pytest.mark.parametrize("name", ["macros/text.sql", "seeds/seeds.yml"])
def test_what_any_of_them_may_use_makes_all_anew(
    name: str, built: Warehouse, manifest: Any, project: Path
) -> None:
    (project / name).write_text("another line")
    unchanged._shared.cache_clear()
    assert same(manifest, built) == set()


def test_another_column_makes_the_view_anew(built: Warehouse, manifest: Any) -> None:
    built.execute("alter table raw_crm.account add column name varchar")
    assert same(manifest, built) == FIXED - {VIEW}


def test_another_rule_makes_the_test_anew(built: Warehouse, manifest: Any) -> None:
    manifest.nodes[OF_SEED].raw_code = "key: name, filled: reason"
    assert same(manifest, built) == FIXED - {OF_SEED}


def test_what_is_gone_is_made_anew(built: Warehouse, manifest: Any) -> None:
    built.execute("drop table seeds.names")
    built.execute("drop view staging.stg_crm__accounts")
    assert same(manifest, built) == {SEED, OF_SEED}


def test_what_a_run_does_not_build_stays_known(
    built: Warehouse, manifest: Any, project: Path
) -> None:
    (project / "seeds/weights.csv").write_text("another row")
    now = unchanged.contents(manifest, built)
    assert unchanged.unchanged(manifest, built, {OTHER, VIEW}, now) == {OTHER, VIEW}
    (project / "seeds/weights.csv").write_text("seeds/weights.csv")
    assert same(manifest, built) == FIXED


def test_a_test_that_failed_is_run_again(built: Warehouse, manifest: Any, project: Path) -> None:
    (project / "seeds/weights.csv").write_text("another row")
    now = unchanged.contents(manifest, built)
    unchanged.unchanged(manifest, built, manifest.nodes, now)
    unchanged.remember(built, [SEED], now)
    assert same(manifest, built) == FIXED - {OF_SEED}
