"""Has rules proposed from landing files, with the models' recorded SQL in place of dbt."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from runner import Place, program

from orchestration.commands import init
from orchestration.engine import dbt_runner
from orchestration.engine.warehouse import connect
from orchestration.proposals import facts, store
from orchestration.proposals.propose import propose
from orchestration.settings import Settings

Rows = Sequence[Mapping[str, Any]]
Builder = Callable[[Settings, Mapping[str, str]], None]


def builder() -> Builder:
    """Says the recorded SQL of what is read for proposals."""

    def build(settings: Settings, environment: Mapping[str, str]) -> None:
        with connect(settings.warehouse_path) as warehouse:
            sql = program()
            sql.run(warehouse.connection, environment, sql.with_parents(facts.MODELS))

    return build


def land(folder: Path, tables: Mapping[str, Rows]) -> Path:
    """Writes rows as CSV, by source/table; columns are those of the first row."""
    for name, rows in tables.items():
        path = folder / name / "part-0.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return folder


# Told apart from what a person may have in the checkout.
COMPANY = "proposed_for"
TAKEN: dict[str, tuple[Path, dict[str, tuple[str, ...]]]] = {}


def _content(landing: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(landing.rglob("*.csv")):
        digest.update(str(path.relative_to(landing)).encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def manifest() -> dict[str, Any]:
    """That of the project as the tests have it: staging is the same for every company."""
    return dbt_runner.load_manifest()


class Company:
    """A company with landing files and a folder for its rules."""

    def __init__(self, folder: Path, template: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.template, self.monkeypatch = folder, template, monkeypatch
        self.landing, self.rules = folder / "landing", folder / COMPANY / "rules"
        self.proposed = self.rules / "proposed"

    def init(self, accept: str = "") -> int:
        """`make init`: gives its exit code."""
        of_tests = manifest()
        for name, value in {
            "LANDING_DIR": self.landing,
            "WAREHOUSE_PATH": self.folder / "data" / "warehouse.duckdb",
            "PUBLISHED_DIR": self.folder / "published",
            "DAGSTER_HOME": self.folder / "dagster",
            "RULES_DIR": self.rules,
            "ACCEPT": accept,
        }.items():
            self.monkeypatch.setenv(name, str(value))
        kept = self.template.warehouse

        def from_template(settings: Settings, *arguments: Any) -> dict[str, tuple[str, ...]]:
            # What the same files come to is known after the first time.
            again = TAKEN.get(_content(settings.landing_dir))
            if again is not None:
                shutil.copyfile(again[0], arguments[0])
                return again[1]
            shutil.copyfile(kept, arguments[0])
            tables = take(settings, *arguments)
            copy = self.folder / "taken.duckdb"
            shutil.copyfile(arguments[0], copy)
            TAKEN[_content(settings.landing_dir)] = copy, tables
            return tables

        take = facts.take
        with self.monkeypatch.context() as patched:
            patched.setattr(facts, "take", from_template)
            patched.setattr(dbt_runner, "load_manifest", lambda: of_tests)
            return init.main(build_models=builder())

    def rows(self, seed: str, *, accepted: bool = False) -> list[dict[str, str]]:
        """The rows of a rule, proposed or accepted."""
        return store.read_rows((self.rules if accepted else self.proposed) / f"{seed}.csv")

    def write(self, seed: str, rows: Rows, *, proposed: bool = False) -> Path:
        """A rule file as a person writes it."""
        path = (self.proposed if proposed else self.rules) / f"{seed}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, store.seed_files()[seed].columns)
            writer.writeheader()
            writer.writerows(rows)
        return path


def findings_of(landing: Path, folder: Path, template: Place) -> store.Findings:
    """What is proposed from landing files; the warehouse stays in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "warehouse.duckdb"
    shutil.copyfile(template.warehouse, file)
    settings = Settings(landing, file, folder / "published")
    made = facts.take(settings, file, datetime.now(UTC), builder())
    with connect(file) as warehouse:
        return propose(facts.facts_of(warehouse, made))
