"""What the landing files hold, read by kind of fact for those who propose rules from it.

The files are taken into a warehouse of its own, with the project's own ingestion and models, so a
source that is added later is read like the others, and the warehouse in use is not touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from orchestration.engine import dbt_runner
from orchestration.engine.build import build, describe_failures
from orchestration.engine.unchanged import is_fixed
from orchestration.engine.warehouse import Warehouse, connect, literal, quoted
from orchestration.landing.ingest import ingest
from orchestration.landing.manifest import read_live_since
from orchestration.project import LIVE_SINCE_SEED, project
from orchestration.rules.ruleset import project_vars, seed_rows
from orchestration.runs import score_store
from orchestration.runs.context import (
    contract,
    cutoff_hours,
    dbt_environment,
    flag_words,
    remedies,
    snapshots,
    sources_off,
    unread_tables,
)
from orchestration.runs.planning import Plan
from orchestration.settings import Settings

# What is read besides the views of staging. They are made from records of accounts, people and
# deals; nothing of acts, which are the most by far, is among their parents.
MODELS = (
    "int_account_attributes",
    "int_account_survivors",
    "int_account_versions",
    "int_contract_spans",
    "int_currency_rates",
    "int_crm_opportunities",
    "int_opportunity_spans",
    "int_opportunity_stages",
    "int_person_records",
    "int_title_personas",
)
RUN = "proposals"


class NothingLandedError(ValueError):
    """There is nothing to propose rules from; the message says what to do."""


@dataclass
class Facts:
    """The facts of one company. Kinds are those of the var `sources`.

    tables: the raw tables behind each staging model.
    """

    warehouse: Warehouse
    variables: Mapping[str, Any]
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def rows(self, sql: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.warehouse.rows(sql, parameters)

    def models(self, kind: str) -> list[tuple[str, str]]:
        """Source and staging model of all that bring a kind, but of sources that are off."""
        off = self.variables.get("sources_off") or ()
        return [
            (source, f"stg_{source}__{table}")
            for source, kinds in self.variables["sources"].items()
            if source not in off
            for table in kinds.get(kind, ())
        ]

    def kind(self, kind: str, columns: Collection[str] = ()) -> str:
        """A query for all rows of a kind; columns that a source does not have are null.

        columns: those that must be there, whatever the sources have.
        """
        parts = [
            f"select '{source}' as of_source, '{model}' as of_model, * from staging.{model}"
            for source, model in self.models(kind)
        ]
        empty = ", ".join(f"cast(null as varchar) as {name}" for name in columns)
        head = f"select {empty}" if empty else "select null as of_source"
        return f"({' union all by name '.join([*parts, f'({head} limit 0)'])})"

    def fields(self, kind: str, pattern: str) -> list[tuple[str, str, str]]:
        """Delivered fields by name, also those outside the contract: name, relation, expression.

        pattern: a regular expression for lower-case names. relation: the staging model joined to
        the rows it is made from, as `staged` and `raw`.
        """
        found = []
        for _, model in self.models(kind):
            for table in self.tables.get(model, ()):
                relation = (
                    f"(staging.{model} as staged inner join {table} as raw"
                    " on staged.file_path = raw._file and staged.file_row = raw._row)"
                )
                for name in self.columns(table):
                    if re.search(pattern, name.lower()):
                        found.append((name, relation, f"cast(raw.{quoted(name)} as varchar)"))
                for (name,) in self.rows(
                    f"select distinct unnest(json_keys(_extra)) from {table}"
                    " where _extra is not null"
                ):
                    if re.search(pattern, name.lower()) and '"' not in name:
                        path = literal(f'$."{name}"')
                        found.append((name, relation, f"json_extract_string(raw._extra, {path})"))
        return found

    def columns(self, relation: str) -> list[str]:
        """Columns of a relation."""
        return [row[0] for row in self.rows(f"describe {relation}")]

    @cached_property
    def last_day(self) -> date | None:
        """The last day on which a deal or account changed: no clock, for files may be old."""
        ((day,),) = self.rows(
            "select max(day) from (select max(least(known_date, cast(version_at as date))) as day"
            " from intermediate.int_crm_opportunities union all select"
            f" max(cast(version_at as date)) from {self.kind('accounts', ['version_at'])})"
        )
        return day if isinstance(day, date) else None


def take(
    settings: Settings,
    warehouse_path: Path,
    now: datetime,
    build_models: Callable[[Settings, Mapping[str, str]], None] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Takes the landing files into a warehouse and builds there what is read.

    build_models: by default dbt. Gives the raw tables behind each staging model. Raises
    NothingLandedError, LoadError and DbtError.
    """
    own = Settings(settings.landing_dir, warehouse_path, warehouse_path.parent / "published")
    plan = Plan(now.date(), now.date(), now.date())
    manifest = dbt_runner.load_manifest()
    with connect(warehouse_path) as warehouse:
        score_store.prepare(warehouse)
        report = ingest(
            warehouse,
            settings.landing_dir,
            plan.end,
            now,
            contract(),
            cutoff_hours=cutoff_hours(),
            live_since=read_live_since(project() / LIVE_SINCE_SEED),
            snapshots=snapshots(),
            sources_off=sources_off(),
            unread=unread_tables(manifest, contract()),
            flag_words=flag_words(),
            remedies=remedies(),
        )
    if not sum(counts.accepted for counts in report.tables.values()):
        raise NothingLandedError(
            f"No landing files with rows are in {settings.landing_dir}. Put files there"
            " (docs/landing.md says which; salesforce/account and salesforce/opportunity are a"
            " good beginning), and run make init again."
        )
    (build_models or build_with_dbt)(own, dbt_environment(plan, RUN))
    return raw_tables(manifest)


def build_with_dbt(settings: Settings, environment: Mapping[str, str]) -> None:
    """Builds seeds, staging and MODELS with what they are made from. Raises DbtError."""
    nodes = dbt_runner.parse(settings).nodes
    by_name = {node.name: name for name, node in nodes.items() if name.startswith("model.")}
    wanted = {
        name
        for name, node in nodes.items()
        if node.resource_type in ("model", "seed") and is_fixed(node)
    }
    todo = [by_name[name] for name in MODELS]
    while todo:
        name = todo.pop()
        if name in nodes and name not in wanted:
            wanted.add(name)
            todo += nodes[name].depends_on_nodes
    results = list(build(settings, sorted(wanted), environment))
    if any(result.is_failure for result in results):
        raise dbt_runner.DbtError(describe_failures(results))


def raw_tables(manifest: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The raw tables that each staging model reads, as schema.table."""
    sources = manifest["sources"]
    return {
        node["name"]: tuple(
            f"{sources[parent]['schema']}.{sources[parent]['identifier']}"
            for parent in node["depends_on"]["nodes"]
            if parent in sources
        )
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][1] == "staging"
    }


def facts_of(warehouse: Warehouse, tables: Mapping[str, tuple[str, ...]]) -> Facts:
    """The facts in a warehouse that `take` has filled."""
    return Facts(warehouse, project_vars(project()), tables)


def rules_of(name: str) -> list[dict[str, str]]:
    """The rows in force of a seed, by its path under seeds/."""
    return seed_rows(project(), name)
