"""The dbt project as assets: models and seeds, and every dbt test as an asset check.

Dagster splits the build around the scores by itself: what the scores need is built before them,
what reads them after. The work is done by `orchestration.engine.dbt_process`.
"""

from collections.abc import Collection, Iterator, Mapping, Set
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets

from orchestration.assets.partitions import DAYS, ONE_RUN
from orchestration.engine import dbt_process, dbt_runner
from orchestration.engine.build import UNCHANGED, describe_failures
from orchestration.engine.warehouse import Warehouse
from orchestration.runs import score_store
from orchestration.runs.context import Run, dbt_environment, lock
from orchestration.runs.publish import BESIDE, SCHEMAS
from orchestration.runs.records import run_of
from orchestration.stages import TIMES, say

UNIQUE_ID = "dagster_dbt/unique_id"
SLOW_NODE_SECONDS = 2.0
MANIFEST = dbt_runner.load_manifest()
INGESTED = dg.AssetKey(["landing", "files"])


class Translator(DagsterDbtTranslator):
    """Names, partitions and checks of dbt's nodes in Dagster."""

    def get_partitions_def(
        self, dbt_resource_props: Mapping[str, Any]
    ) -> dg.PartitionsDefinition[str] | None:
        """Daily, where a run writes its own days."""
        return DAYS if is_daily(dbt_resource_props) else None

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        """What reads nothing waits for ingestion, or Dagster would start dbt once more for it."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        is_root = not unique_id.startswith("source.") and not list(spec.deps)
        return spec.replace_attributes(deps=[INGESTED]) if is_root else spec

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The floor of the house, which is the folder under models/."""
        if dbt_resource_props["resource_type"] == "seed":
            return "seeds"
        return str(dbt_resource_props["fqn"][1])

    def get_asset_check_spec(
        self,
        asset_spec: dg.AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetCheckSpec | None:
        """A check for every test, also for one that reads several models: on the last of them."""
        test = manifest["nodes"][unique_id]
        if asset_spec.metadata[UNIQUE_ID] != owner_of_test(test):
            return None
        others = {
            self.get_asset_spec(manifest, parent, project).key
            for parent in test["depends_on"]["nodes"]
            if parent.startswith(("model.", "seed.", "source."))
        }
        return dg.AssetCheckSpec(
            name=test["name"],
            asset=asset_spec.key,
            description=test.get("description") or None,
            additional_deps=others - {asset_spec.key},
            blocking=test["config"]["severity"].lower() == "error",
            metadata={UNIQUE_ID: unique_id},
        )


def is_daily(node: Mapping[str, Any]) -> bool:
    """Whether a run rewrites exactly its own days of the model, and so a partition is a day.

    Such a model names as_of_date in its unique_key.
    """
    unique_key = node.get("config", {}).get("unique_key") or []
    keys = [unique_key] if isinstance(unique_key, str) else unique_key
    return node["resource_type"] == "model" and "as_of_date" in keys


def owner_of_test(test: Mapping[str, Any]) -> str | None:
    """The model that is built last of those a test reads; None if it reads sources only."""
    models: list[str] = [
        parent
        for parent in test["depends_on"]["nodes"]
        if parent.startswith(("model.", "seed.", "snapshot."))
    ]
    if not models:
        return None
    return max(models, key=lambda model: (DEPTHS[model], model == test.get("attached_node"), model))


def depths(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Steps from the sources to each node. Scores come after everything that does not read them."""
    parents: Mapping[str, list[str]] = manifest["parent_map"]
    depth: dict[str, int] = {}

    def measure(node: str) -> int:
        if node not in depth:
            if node.startswith("source."):
                is_score = manifest["sources"][node]["source_name"] == "scores"
                depth[node] = SCORE_DEPTH if is_score else 0
            else:
                depth[node] = 1 + max((measure(parent) for parent in parents[node]), default=0)
        return depth[node]

    for node in parents:
        measure(node)
    return depth


SCORE_DEPTH = 1_000
DEPTHS = depths(MANIFEST)
TRANSLATOR = Translator()

KEYS: dict[str, dg.AssetKey] = {
    unique_id: TRANSLATOR.get_asset_key(node)
    for unique_id, node in MANIFEST["nodes"].items()
    if node["resource_type"] in ("model", "seed")
}
# The models that read each node themselves.
CHILDREN: dict[str, set[str]] = {
    unique_id: KEYS.keys() & set(children) for unique_id, children in MANIFEST["child_map"].items()
}
SCORE_KEYS = {
    TRANSLATOR.get_asset_key(source)
    for source in MANIFEST["sources"].values()
    if source["source_name"] == "scores"
}
# Assets built after the scores: the last step of the project, and so the one that ends its checks.
AFTER_SCORES = {
    key
    for unique_id, key in KEYS.items()
    if DEPTHS[unique_id] > SCORE_DEPTH and unique_id.startswith("model.")
}
# Where each mart stands.
SCHEMA_OF_MART: dict[str, str] = {
    node["name"]: node["schema"]
    for node in MANIFEST["nodes"].values()
    if node["resource_type"] == "model" and node["fqn"][1] == "marts"
}
# What is published: the marts, and what is written beside them.
PUBLISHED_KEYS = {
    key
    for unique_id, key in KEYS.items()
    if unique_id.startswith("model.")
    and MANIFEST["nodes"][unique_id]["fqn"][1] in ("marts", *BESIDE)
}


@dbt_assets(
    manifest=MANIFEST,
    dagster_dbt_translator=TRANSLATOR,
    exclude="resource_type:unit_test",
    name="dbt",
    backfill_policy=ONE_RUN,
)
def dbt_models(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Builds the selected models and runs their tests, for the run's days."""
    run = run_of(context)
    assets = {
        spec.metadata[UNIQUE_ID]: spec.key
        for spec in context.assets_def.specs
        if spec.key in context.selected_asset_keys
    }
    checks = {
        spec.metadata[UNIQUE_ID]: spec
        for spec in context.assets_def.check_specs
        if spec.key in context.selected_asset_check_keys
    }
    is_last = context.selected_asset_keys >= AFTER_SCORES
    stage = "dbt after the scores" if is_last else "dbt before the scores"
    with TIMES.stage(stage), lock(run.settings):
        for result in build([*assets, *checks], run, selection_of(context)):
            yield from events(result, assets, checks)
        if is_last:
            with run.warehouse() as warehouse:
                score_store.mark_checked(warehouse, run.run_id, run.now)


def selection_of(context: dg.AssetExecutionContext) -> Set[dg.AssetKey] | None:
    """The assets of the run, None for all."""
    return context.run.asset_selection or None


def build(
    unique_ids: Collection[str], run: Run, selection: Set[dg.AssetKey] | None
) -> Iterator[dbt_runner.NodeResult]:
    """Has dbt build these nodes for the run's days, and first what they are made from.

    selection: see `selection_of`. What it leaves out holds the days of an earlier run, so it is
    built for the days of this one as well. Scores are not: they must be there.
    Raises dg.Failure, at the end, when something could not be built or a test failed.
    """
    others = [] if selection is None else _made_from(unique_ids, selection)
    checked = None
    with run.warehouse() as warehouse:
        plan = run.plan(warehouse)
        move_marts(warehouse)
        if selection is not None:
            if not selection & SCORE_KEYS and _are_after_scores(unique_ids):
                try:
                    score_store.check_scored(warehouse, plan)
                except score_store.StoredScoresError as error:
                    raise dg.Failure(str(error), allow_retries=False) from error
            # What a part of the assets breaks is not published by the next run of another part.
            checked = score_store.take_back_check(warehouse)
    if others:
        say(f"  with {len(others)} models and seeds that these are made from")
    unbuilt: list[dbt_runner.NodeResult] = []
    environment = dbt_environment(plan, run.ruleset_version)
    for result in dbt_process.build(run.settings, [*others, *unique_ids], environment):
        if result.seconds >= SLOW_NODE_SECONDS:
            say(f"  {result.name}: {result.seconds:.1f} s")
        if result.status not in dbt_runner.SUCCESS:
            unbuilt.append(result)
        yield result
    if failures := describe_failures(unbuilt):
        raise dg.Failure(failures, allow_retries=False)
    if checked:
        with run.warehouse() as warehouse:
            score_store.mark_checked(warehouse, checked, run.now)


def move_marts(warehouse: Warehouse) -> None:
    """Moves marts that an earlier release kept in another schema, with the history they hold."""
    for schema, table in warehouse.rows(
        "select table_schema, table_name from information_schema.tables"
        " where table_catalog = current_database()"
    ):
        to = SCHEMA_OF_MART.get(table, schema)
        if schema in SCHEMAS and schema != to:
            warehouse.move_table(table, schema, to)


def build_left_out(keys: Set[dg.AssetKey], run: Run, selection: Set[dg.AssetKey] | None) -> None:
    """Builds those of the models that the run leaves out, for its days."""
    left_out = (
        []
        if selection is None
        else [unique_id for unique_id, key in KEYS.items() if key in keys - selection]
    )
    if left_out:
        with TIMES.stage("dbt before the scores"), lock(run.settings):
            for _ in build(left_out, run, selection):
                pass


def _made_from(unique_ids: Collection[str], selection: Set[dg.AssetKey]) -> list[str]:
    """Models and seeds outside the selection that lead from raw tables and scores to these."""
    found: set[str] = set()
    todo = [*unique_ids]
    while todo:
        for parent in MANIFEST["parent_map"][todo.pop()]:
            if parent not in found and parent.startswith(("model.", "seed.")):
                found.add(parent)
                todo.append(parent)
    return sorted(node for node in found - {*unique_ids} if KEYS[node] not in selection)


def _are_after_scores(unique_ids: Collection[str]) -> bool:
    return any(KEYS.get(unique_id) in AFTER_SCORES for unique_id in unique_ids)


def events(
    result: dbt_runner.NodeResult,
    assets: Mapping[str, dg.AssetKey],
    checks: Mapping[str, dg.AssetCheckSpec],
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """dbt's result as Dagster's event. What was skipped or failed to build has none.

    What was left as it is was not made anew, so it has none either; Dagster would leave out a step
    that waits for it, so where another step reads it, it has one.
    """
    is_unchanged = result.message == UNCHANGED
    if result.unique_id in assets and result.status == "success":
        if not is_unchanged or not CHILDREN[result.unique_id] <= assets.keys():
            yield dg.MaterializeResult(
                asset_key=assets[result.unique_id],
                metadata={"seconds": result.seconds, "unchanged": is_unchanged},
            )
    elif result.unique_id in checks and result.status != "skipped":
        spec = checks[result.unique_id]
        warns = result.status == "warn"
        yield dg.AssetCheckResult(
            asset_key=spec.asset_key,
            check_name=spec.name,
            passed=result.status == "pass",
            severity=dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR,
            metadata={"seconds": result.seconds, "rows": result.failures or 0},
        )
