"""The models' SQL as dbt says it to the database, to be run again without dbt.

For a small company dbt takes four times as long as the database. So dbt builds all models once, in
a warehouse without a row and for dates that stand for any others, and what it says is written down
by model: for a relation that is not there yet (`fresh`) and, where that differs, for one that is
(`again`). `Program.run` says it in dependency order for a run's own dates. It is a tool of tests
and of the bench; the product runs dbt. That both give the same is a test (test_refresh.py).

`python -m tools.compiled_sql FOLDER [VARS]` records into FOLDER. VARS is JSON, vars that differ
from dbt_project.yml, recorded beside what the folder holds already.
"""

from __future__ import annotations

import gc
import hashlib
import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import yaml

from orchestration.engine import data_tests, dbt_runner, unchanged
from orchestration.engine.data_tests import STAND_INS, for_run
from orchestration.engine.unchanged import is_fixed
from orchestration.engine.warehouse import Warehouse, connect
from orchestration.landing.contract import load_contract
from orchestration.landing.ingest import ingest
from orchestration.landing.manifest import read_live_since
from orchestration.landing.messages import Unread
from orchestration.landing.raw_tables import ensure_tables
from orchestration.project import LIVE_SINCE_SEED, project
from orchestration.rules.ruleset import match_rules, readiness_rules, rules_in_force, state_rules
from orchestration.runs import score_store
from orchestration.runs.context import (
    contract,
    cutoff_hours,
    flag_words,
    remedies,
    snapshots,
    sources_off,
    unread_tables,
)
from orchestration.runs.planning import Plan
from orchestration.scoring import matching
from orchestration.scoring.activation import advance
from orchestration.settings import MODELS_DIR, PROJECT_DIR, Settings

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

# Which features each score is made from: the graph of dbt ends there and begins anew behind it.
FEATURES_OF_SCORES = {
    "activation_transitions": "feat_account_days",
    "activation_checkpoints": "feat_account_days",
    "rule_changes": "feat_account_days",
    "match_proposals": "feat_match_accounts",
    "readiness_changes": "feat_research_findings",
    "readiness_dimensions": "feat_research_findings",
    "research_questions": "feat_research_findings",
    "coder_agreement": "feat_research_findings",
}
CHANGES = re.compile(r"(create|drop|delete|insert|alter|update)\b", re.IGNORECASE)
SIGNATURE = re.compile(r"\s*/\* \{.*?\} \*/\s*", re.DOTALL)  # dbt's, before each statement
TEMPLATE, EMPTY = "template", "empty"
WAREHOUSE = "warehouse.duckdb"


@dataclass(frozen=True)
class Model:
    """One model of a program.

    relation: schema.name. parents: models that are built before it, those that a scorer reads for
    it included. is_after_scores: whether it reads scores, itself or by a parent. again: None where
    the relation is simply made anew.
    """

    name: str
    relation: str
    is_view: bool
    parents: tuple[str, ...]
    is_after_scores: bool
    fresh: tuple[str, ...]
    again: tuple[str, ...] | None


@dataclass(frozen=True)
class Program:
    """The models that a run builds, in dependency order, and its data tests by name.

    What no run changes (seeds, staging views) lies in the warehouse FOLDER/template. A test is a
    query that gives one row per fault.
    """

    models: tuple[Model, ...]
    tests: Mapping[str, str]

    @classmethod
    def load(cls, folder: Path, variables: Mapping[str, Any] | None = None) -> Program:
        """The program recorded in a folder, for the vars it was recorded with."""
        read = json.loads(file_of(folder, variables).read_text(encoding="utf-8"))
        models = tuple(
            Model(
                **{
                    **model,
                    "parents": tuple(model["parents"]),
                    "fresh": tuple(model["fresh"]),
                    "again": None if model["again"] is None else tuple(model["again"]),
                }
            )
            for model in read["models"]
        )
        return cls(models, read["tests"])

    def save(self, folder: Path, variables: Mapping[str, Any] | None = None) -> None:
        """Writes the program into a folder."""
        text = json.dumps({"models": [asdict(m) for m in self.models], "tests": self.tests})
        file_of(folder, variables).write_text(text, encoding="utf-8")

    @cached_property
    def by_name(self) -> Mapping[str, Model]:
        return {model.name: model for model in self.models}

    def with_parents(self, names: Iterable[str]) -> frozenset[str]:
        """These models and all that they are made from, across the scores.

        Raises KeyError for a name that no model has.
        """
        found: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += self.by_name[name].parents
        return frozenset(found)

    def run(
        self,
        connection: duckdb.DuckDBPyConnection,
        environment: Mapping[str, str],
        names: Collection[str],
        *,
        heed: Callable[[str, float, float], None] | None = None,
    ) -> None:
        """Builds models in an open warehouse that began as a copy of the template.

        environment: values of STAND_INS. heed: called with each model's name, wall seconds and
        processor seconds of this process. Raises duckdb.Error, with the model's name in a note, and
        ValueError for more days than the stand-ins have.
        """
        if _days(environment) > _days(STAND_INS):
            raise ValueError(f"more than {_days(STAND_INS)} days: set STAND_INS further apart")
        schemas = sorted({model.relation.split(".")[0] for model in self.models})
        connection.execute("".join(f"set {name} = '{value}';" for name, value in _settings()))
        connection.execute("".join(f"create schema if not exists {name};" for name in schemas))
        there = {
            f"{schema}.{name}"
            for schema, name in connection.execute(
                "select table_schema, table_name from information_schema.tables"
                " where table_catalog = current_database() and table_type = 'BASE TABLE'"
            ).fetchall()
        }
        for model in self.models:
            if model.name not in names:
                continue
            started = time.perf_counter(), time.process_time()
            is_there = model.relation in there
            said = model.fresh if model.again is None or not is_there else model.again
            try:
                if is_there and model.again is None and not model.is_view:
                    connection.execute(f"drop table {model.relation}")
                for statement in said:
                    connection.execute(for_run(statement, environment))
            except duckdb.Error as error:
                error.add_note(f"while model {model.name} was built")
                raise
            if heed:
                wall, processor = time.perf_counter(), time.process_time()
                heed(model.name, wall - started[0], processor - started[1])

    def faults(
        self,
        connection: duckdb.DuckDBPyConnection,
        environment: Mapping[str, str],
        names: Collection[str] | None = None,
    ) -> dict[str, list[tuple[Any, ...]]]:
        """What the data tests find in an open warehouse, by test: all of them, or those named."""
        found = {}
        for name, query in self.tests.items():
            if names is None or name in names:
                rows = connection.execute(for_run(query, environment)).fetchall()
                if rows:
                    found[name] = rows
        return found


def _days(environment: Mapping[str, str]) -> int:
    """Days of a run; 0 where none are given, as for models that read none."""
    first, last = environment["REPLAY_START_DATE"], environment["END_DATE"]
    return (date.fromisoformat(last) - date.fromisoformat(first)).days if first and last else 0


def _settings() -> Sequence[tuple[str, Any]]:
    """The settings of a connection that the profile asks for."""
    profile = yaml.safe_load((PROJECT_DIR / "profiles" / "profiles.yml").read_text())
    settings = profile["activation_gap"]["outputs"]["duckdb"]["settings"]
    return tuple(
        (name, str(value).lower()) for name, value in settings.items() if name != "TimeZone"
    )


def file_of(folder: Path, variables: Mapping[str, Any] | None) -> Path:
    """Where a program lies in a folder."""
    if not variables:
        return folder / "program.json"
    named = hashlib.sha256(json.dumps(variables, sort_keys=True).encode()).hexdigest()[:12]
    return folder / f"program-{named}.json"


# --- what a run does besides ----------------------------------------------------------------------


def take_in(
    warehouse: Warehouse, landing_dir: Path, run_id: str, start: date, end: date, now: datetime
) -> Plan:
    """Settles the days of a run and takes in their landing files, as the job's first step does."""
    plan = score_store.plan_of_run(warehouse, run_id, start, end, last_complete_day=None, now=now)
    ingest(
        warehouse,
        landing_dir,
        plan.end,
        now,
        contract(),
        cutoff_hours=cutoff_hours(),
        live_since=read_live_since(project() / LIVE_SINCE_SEED),
        snapshots=snapshots(),
        sources_off=sources_off(),
        unread=_unread(),
        flag_words=flag_words(),
        remedies=remedies(),
    )
    return plan


@cache
def _unread() -> Mapping[tuple[str, str], Unread]:
    return unread_tables(dbt_runner.load_manifest(), contract())


def score(
    warehouse: Warehouse,
    run_id: str,
    plan: Plan,
    ruleset: str,
    now: datetime,
    names: Collection[str] = tuple(FEATURES_OF_SCORES.values()),
) -> None:
    """Makes the scores of a run as the job does: those whose features are among these models.

    ruleset: the version of the rules.
    """
    rules = state_rules(project())

    def scorer(checkpoint: pa.Table, features: pa.Table) -> tuple[pa.Table, pa.Table]:
        step = advance(checkpoint, features, rules)
        return step.transitions, step.checkpoint

    def matcher(accounts: pa.Table) -> pa.Table:
        return matching.propose(accounts, match_rules(project()))

    if "feat_account_days" in names:
        score_store.score_activation(warehouse, run_id, plan, scorer, ruleset, now)
        score_store.keep_rules(warehouse, plan, ruleset, lambda: rules_in_force(project()))
    if "feat_research_findings" in names:
        score_store.score_readiness(warehouse, plan, readiness_rules(project()), ruleset)
    if "feat_match_accounts" in names:
        version = f"{ruleset} {matching.code_version()}"
        score_store.score_matches(warehouse, plan, matcher, version, ruleset)


# --- recording ------------------------------------------------------------------------------------


def record(folder: Path, variables: Mapping[str, Any] | None = None) -> None:
    """Records into a folder: warehouses `template` and `empty`, and the program.

    variables: vars that differ from dbt_project.yml; the folder must hold a program without them,
    and only models that read one of them are recorded anew. To be run in a process of its own: dbt
    keeps what it has parsed and opened.

    Raises dbt_runner.DbtError when dbt cannot build a model without a row.
    """
    settings = Settings(folder / "no landing", folder / EMPTY / WAREHOUSE, folder / "none")
    manifest = dbt_runner.parse(settings)
    if variables:
        program = _with_variables(folder, manifest, variables)
    else:
        program = _whole(folder, settings, manifest)
    program.save(folder, variables)


def _whole(folder: Path, settings: Settings, manifest: Manifest) -> Program:
    nodes: Mapping[str, Any] = manifest.nodes
    with connect(settings.warehouse_path) as warehouse:
        ensure_tables(warehouse, load_contract(MODELS_DIR))
        score_store.prepare(warehouse)
    fixed = [unique_id for unique_id, node in nodes.items() if is_fixed(node)]
    _listen(settings, manifest, fixed)
    with connect(settings.warehouse_path) as warehouse:
        unchanged.remember(warehouse, fixed, unchanged.contents(manifest, warehouse))
    (folder / TEMPLATE).mkdir()
    shutil.copyfile(settings.warehouse_path, folder / TEMPLATE / WAREHOUSE)
    ours = [
        unique_id
        for unique_id, node in nodes.items()
        if node.resource_type == "model" and not is_fixed(node)
    ]
    grown = [unique_id for unique_id in ours if _grows(manifest, unique_id)]
    fresh = _listen(settings, manifest, ours)
    again = _listen(settings, manifest, grown)
    parents = {unique_id: _parents(manifest, unique_id) for unique_id in ours}
    models = []
    for unique_id in _in_order(parents):
        node = nodes[unique_id]
        models.append(
            Model(
                name=node.name,
                relation=f"{node.schema}.{node.name}",
                is_view=node.config.materialized == "view",
                parents=tuple(sorted(nodes[p].name for p in parents[unique_id])),
                is_after_scores=_reads_scores(manifest, unique_id),
                fresh=fresh[unique_id],
                again=again.get(unique_id),
            )
        )
    queries = data_tests.queries(settings, manifest)
    tests = {nodes[unique_id].name: query for unique_id, query in queries.items()}
    return Program(tuple(models), tests)


def _with_variables(folder: Path, manifest: Manifest, variables: Mapping[str, Any]) -> Program:
    nodes: Mapping[str, Any] = manifest.nodes
    whole = Program.load(folder)
    place = folder / f"recording {hashlib.sha256(repr(variables).encode()).hexdigest()[:12]}"
    settings = Settings(folder / "no landing", place / WAREHOUSE, folder / "none")
    place.mkdir()
    shutil.copyfile(folder / EMPTY / WAREHOUSE, settings.warehouse_path)
    chosen = [
        unique_id
        for unique_id, node in nodes.items()
        if node.resource_type == "model" and _reads_one_of(manifest, unique_id, variables)
    ]
    fixed = [unique_id for unique_id in chosen if is_fixed(nodes[unique_id])]
    if fixed:
        raise dbt_runner.DbtError(f"{fixed[0]} reads {[*variables]}, and no run builds it.")
    grown = [unique_id for unique_id in chosen if _grows(manifest, unique_id)]
    with connect(settings.warehouse_path) as warehouse:
        for unique_id in grown:
            warehouse.execute(f"drop table {nodes[unique_id].schema}.{_name(unique_id)}")
    fresh = _listen(settings, manifest, chosen, variables)
    again = _listen(settings, manifest, grown, variables) if grown else {}
    shutil.rmtree(place)
    said = {_name(unique_id): (fresh[unique_id], again.get(unique_id)) for unique_id in chosen}
    models = [
        Model(**{**vars(model), "fresh": said[model.name][0], "again": said[model.name][1]})
        if model.name in said
        else model
        for model in whole.models
    ]
    return Program(tuple(models), whole.tests)


def _listen(
    settings: Settings,
    manifest: Manifest,
    unique_ids: Sequence[str],
    variables: Mapping[str, Any] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Builds models and seeds; gives what dbt said to change the database, by node."""
    said: dict[str, list[str]] = {}

    def heed(event: Any) -> None:
        if event.info.name == "SQLQuery":
            statement = SIGNATURE.sub("", event.data.sql, count=1).strip()
            if CHANGES.match(statement):
                said.setdefault(event.data.node_info.unique_id, []).append(statement)

    given = [f"--vars={json.dumps(variables)}"] if variables else []
    results = dbt_runner.invoke(
        manifest,
        # Without a row, nearly all of it is Python, whose threads wait for each other.
        ["build", "--threads=1", *given],
        STAND_INS,
        settings,
        heed,
        resource_types=dbt_runner.BUILT,
        **dbt_runner.selection_of(manifest, unique_ids),
    )
    failed = [
        f"{result.node.unique_id}: {result.message}"
        for result in results
        if str(result.status) not in dbt_runner.SUCCESS
    ]
    if failed:
        raise dbt_runner.DbtError("\n".join(failed))
    return {unique_id: tuple(statements) for unique_id, statements in said.items()}


def _grows(manifest: Manifest, unique_id: str) -> bool:
    return bool(manifest.nodes[unique_id].config.materialized == "incremental")


def _name(unique_id: str) -> str:
    return unique_id.split(".")[2]


def _inputs(manifest: Manifest, unique_id: str) -> Sequence[str]:
    """What a node reads; a seed reads nothing."""
    return getattr(manifest.nodes[unique_id].depends_on, "nodes", ())


def _parents(manifest: Manifest, unique_id: str) -> set[str]:
    """Models that a run builds before this one. What no run builds is passed through."""
    found: set[str] = set()
    for parent in _inputs(manifest, unique_id):
        if parent.startswith("source."):
            source = manifest.sources[parent]
            if source.source_name == "scores":
                found.add(f"model.{source.package_name}.{FEATURES_OF_SCORES[source.name]}")
        elif is_fixed(manifest.nodes[parent]):
            found |= _parents(manifest, parent)
        else:
            found.add(parent)
    return found


def _reads_scores(manifest: Manifest, unique_id: str) -> bool:
    return any(
        manifest.sources[parent].source_name == "scores"
        if parent.startswith("source.")
        else _reads_scores(manifest, parent)
        for parent in _inputs(manifest, unique_id)
    )


def _in_order(parents: Mapping[str, set[str]]) -> list[str]:
    ordered: dict[str, None] = {}

    def add(unique_id: str) -> None:
        if unique_id not in ordered:
            for parent in sorted(parents[unique_id]):
                add(parent)
            ordered[unique_id] = None

    for unique_id in sorted(parents):
        add(unique_id)
    return [*ordered]


def _reads_one_of(manifest: Manifest, unique_id: str, variables: Mapping[str, Any]) -> bool:
    """Whether a model or a macro that it calls reads one of the vars."""
    reads = re.compile(rf"\bvar\(\s*['\"]({'|'.join(map(re.escape, variables))})['\"]")
    seen: set[str] = set()
    texts = [manifest.nodes[unique_id].raw_code]
    todo = list(manifest.nodes[unique_id].depends_on.macros)
    while todo:
        macro = todo.pop()
        if macro not in seen:
            seen.add(macro)
            texts.append(manifest.macros[macro].macro_sql)
            todo += manifest.macros[macro].depends_on.macros
    return any(reads.search(text) for text in texts)


if __name__ == "__main__":
    gc.set_threshold(dbt_runner.OBJECTS_BETWEEN_COLLECTIONS)
    where, *rest = sys.argv[1:]
    try:
        record(Path(where), json.loads(rest[0]) if rest else None)
    except dbt_runner.DbtError as error:
        sys.exit(str(error))
