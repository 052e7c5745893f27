"""The shape of the job: assets, partitions, what starts it, and where dbt is split.

The names are kept in definitions_snapshot.json. After a change that is meant:
UPDATE_SNAPSHOT=1 make test
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.dependency import NodeHandle

from orchestration.assets.dbt import (
    AFTER_SCORES,
    MANIFEST,
    PUBLISHED_KEYS,
    UNIQUE_ID,
    owner_of_test,
)
from orchestration.assets.ingestion import FRESHNESS
from orchestration.assets.publish import PUBLISHED
from orchestration.assets.scores import (
    CHECKPOINTS,
    FEATURES,
    FINDINGS,
    MATCHES,
    READINESS,
    RULE_CHANGES,
    TRANSITIONS,
)
from orchestration.assets.triggers import JOB
from orchestration.commands import dev
from orchestration.definitions import defs
from orchestration.landing.contract import load_contract
from orchestration.landing.messages import Unread
from orchestration.runs.context import RANGE_END_TAG, RANGE_START_TAG, unread_tables
from orchestration.settings import MODELS_DIR, PROJECT_DIR

SNAPSHOT = Path(__file__).with_name("definitions_snapshot.json")


@pytest.fixture(scope="module")
def specs() -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


@pytest.fixture(scope="module")
def selections() -> dict[str, set[dg.AssetKey]]:
    """Assets by step of the job, in the order of the steps."""
    job = defs.resolve_job_def(JOB)
    steps: dict[str, set[dg.AssetKey]] = {}
    for node in job.nodes_in_topological_order:
        assets = job.asset_layer.get_assets_def_for_node(NodeHandle(node.name, None))
        assert assets is not None
        steps[node.name] = set(assets.keys)
    return steps


def test_names_are_those_of_the_snapshot(specs: dict[str, dg.AssetSpec]) -> None:
    repository = defs.get_repository_def()
    now: dict[str, Any] = {
        "assets": sorted(specs),
        "daily_assets": sorted(name for name, spec in specs.items() if spec.partitions_def),
        "jobs": sorted(job.name for job in repository.get_all_jobs() if job.name[0] != "_"),
        "schedules": {
            schedule.name: schedule.cron_schedule for schedule in repository.schedule_defs
        },
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    }
    if os.environ.get("UPDATE_SNAPSHOT"):
        SNAPSHOT.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")
    assert now == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def test_dbt_is_split_around_the_scores(selections: dict[str, set[dg.AssetKey]]) -> None:
    # Which of the two halves Dagster calls dbt and which dbt_2 is its own affair.
    assert [name.removesuffix("_2") for name in selections] == [
        "ingestion",
        "dbt",
        "scores",
        "dbt",
        "published__marts",
    ]
    before, after = (name for name in selections if name.startswith("dbt"))
    assert {FEATURES, FINDINGS} <= selections[before]
    assert selections[after] == AFTER_SCORES
    readiness = {dg.AssetKey(table.split(".")) for table in READINESS}
    others = {TRANSITIONS, CHECKPOINTS, RULE_CHANGES, MATCHES}
    assert selections["scores"] == others | readiness
    assert selections["published__marts"] == {PUBLISHED}


def test_there_is_one_hop() -> None:
    """Nothing that a scorer reads comes from a score."""
    assert not {FEATURES, FINDINGS} & AFTER_SCORES


def test_publishing_waits_for_every_mart(specs: dict[str, dg.AssetSpec]) -> None:
    assert {dep.asset_key for dep in specs["published/marts"].deps} == PUBLISHED_KEYS


def test_every_dbt_test_is_an_asset_check() -> None:
    checks = {
        check.metadata.get(UNIQUE_ID)
        for assets in defs.assets or []
        if isinstance(assets, dg.AssetsDefinition)
        for check in assets.check_specs
    }
    tests = {
        unique_id
        for unique_id, node in MANIFEST["nodes"].items()
        if node["resource_type"] == "test" and owner_of_test(node) is not None
    }
    assert tests <= checks
    sourced = [
        node["name"]
        for node in MANIFEST["nodes"].values()
        if node["resource_type"] == "test" and owner_of_test(node) is None
    ]
    assert not sourced, "tests on sources only do not run in a refresh: put them on staging models"


def test_every_landing_table_has_a_freshness_check() -> None:
    checked = {
        tuple(check.asset_key.path)
        for assets in defs.assets or []
        if isinstance(assets, dg.AssetsDefinition)
        for check in assets.check_specs
        if check.name == FRESHNESS
    }
    assert checked == set(load_contract(MODELS_DIR).tables)


def test_the_ui_shows_the_floors_of_the_house(specs: dict[str, dg.AssetSpec]) -> None:
    assert {spec.group_name for spec in specs.values()} == {
        "landing",
        "seeds",
        "staging",
        "intermediate",
        "features",
        "scores",
        "marts",
        "exports",
        "restricted",
        "published",
    }


def test_nothing_starts_by_itself() -> None:
    repository = defs.get_repository_def()
    assert all(
        schedule.default_status is dg.DefaultScheduleStatus.STOPPED
        for schedule in repository.schedule_defs
    )
    assert all(
        sensor.default_status is dg.DefaultSensorStatus.STOPPED for sensor in repository.sensor_defs
    )


def test_the_ui_listens_on_loopback_only() -> None:
    command = dev.command(port=3000)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command.count("--host") == 1


def test_one_writer_and_no_telemetry() -> None:
    instance = yaml.safe_load((PROJECT_DIR / "orchestration" / "dagster.yaml").read_text())
    assert instance["telemetry"] == instance["nux"] == {"enabled": False}
    assert instance["concurrency"]["runs"]["max_concurrent_runs"] == 1
    project = yaml.safe_load((PROJECT_DIR / "dbt_project.yml").read_text())
    assert project["flags"]["send_anonymous_usage_stats"] is False


def test_a_range_of_days_plans_each_check_once() -> None:
    """Dagster takes the days of a run from the last asset it looks at (assets/scores.py).

    With days of its own, every check would be planned once a day: a minute for a year and a half.
    """
    job = defs.resolve_job_def(JOB)
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(
            job_def=job,
            tags={RANGE_START_TAG: "2026-06-01", RANGE_END_TAG: "2026-06-30"},
        )
    assert run.partitions_subset is None


def test_what_no_line_of_the_var_sources_names_is_known() -> None:
    """Of the tables of the contract: staging models that nobody reads, and tables without any."""
    whole = load_contract(MODELS_DIR)
    no_staging = {("hubspot", "deal_contact"), ("hubspot", "engagement_deal")}
    assert unread_tables(MANIFEST, whole) == {key: Unread(()) for key in no_staging}
    # As it is with fewer lines in the var: nobody reads the one, and one of two of the other.
    children = dict(MANIFEST["child_map"])
    owners, campaigns = (
        f"model.activation_gap.stg_{name}" for name in ("hubspot__owners", "salesforce__campaigns")
    )
    assert children[owners]
    assert children[campaigns]
    children[owners] = ["test.activation_gap.some_test"]
    campaign = "source.activation_gap.salesforce.campaign"
    children[campaign] = [*children[campaign], "model.activation_gap.stg_salesforce__names"]
    names = {"model.activation_gap.stg_salesforce__names": {"name": "stg_salesforce__names"}}
    fewer = {**MANIFEST, "child_map": children, "nodes": MANIFEST["nodes"] | names}
    found = unread_tables(fewer, whole)
    assert {key: found[key] for key in found if key not in no_staging} == {
        ("hubspot", "owner"): Unread(("stg_hubspot__owners",)),
        ("salesforce", "campaign"): Unread(("stg_salesforce__names",), is_whole=False),
    }
