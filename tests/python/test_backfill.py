"""What the Dagster UI starts: days of all assets, of a few, and again after a run that failed.

It is driven by the queries that the UI sends, and the daemons are asked to look once at a time. The
runs they start are real ones, in the place of the test.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import runner
import yaml
from conftest import REFRESHED, Company
from dagster._core.test_utils import create_run_for_test
from filelock import FileLock
from marts import differences, mart_differences, query, read
from runner import Place, Runs, compute
from test_refresh import INVARIANT, break_an_invariant

from orchestration.engine.warehouse import connect
from orchestration.runs.records import _lock_path, end_dead_runs
from orchestration.settings import PROJECT_DIR

FIRST, LAST = (str(day) for day in REFRESHED)
NEXT = "2026-06-11"
GAP = "marts/activation_gap"
LOCATION = "activation_gap"

ASSETS = "query { assetNodes { assetKey { path } jobNames } }"
BACKFILL = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
AGAIN = """
mutation ($params: ReexecutionParams!) {
  launchRunReexecution(reexecutionParams: $params) {
    __typename
    ... on PythonError { message }
  }
}
"""


@dataclass(frozen=True)
class Ui:
    """The UI and the daemons beside it."""

    instance: dg.DagsterInstance
    workspace: Any

    def ask(self, text: str, **params: Any) -> dict[str, Any]:
        from dagster_graphql.test.utils import execute_dagster_graphql

        context = self.workspace.create_request_context()
        data = execute_dagster_graphql(context, text, {"params": params} if params else None).data
        (answer,) = data.values()
        assert isinstance(answer, list) or "Success" in answer["__typename"], answer
        return {"nodes": answer} if isinstance(answer, list) else dict(answer)

    def launch(self, days: Sequence[str], *only: str) -> str:
        """Launches days of these assets, by default all, as the UI does; gives the backfill's id.

        It takes the first job that has them all; without one that people made, it leaves it to the
        daemon which runs to make of them.
        """
        nodes = [
            node
            for node in self.ask(ASSETS)["nodes"]
            if not only or "/".join(node["assetKey"]["path"]) in only
        ]
        assert len(nodes) == len(only) or not only
        shared = set.intersection(*(set(node["jobNames"]) for node in nodes))
        job = next(name for name in nodes[0]["jobNames"] if name in shared)
        selector = {
            "partitionSetName": f"{job}_partition_set",
            "repositorySelector": {
                "repositoryLocationName": LOCATION,
                "repositoryName": "__repository__",
            },
        }
        launched = self.ask(
            BACKFILL,
            assetSelection=[node["assetKey"] for node in nodes],
            partitionNames=[*days],
            fromFailure=False,
            tags=[],
            **({} if job.startswith("__ASSET_JOB") else {"selector": selector}),
        )
        return str(launched["backfillId"])

    def work(self) -> None:
        """Has the daemons look until there is nothing left to start."""
        from dagster._daemon.backfill import execute_backfill_iteration
        from dagster._daemon.run_coordinator import QueuedRunCoordinatorDaemon

        queue = QueuedRunCoordinatorDaemon(interval_seconds=1)
        queued = dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])
        while True:
            faults = [*execute_backfill_iteration(self.workspace, logging.getLogger("backfill"))]
            assert not any(faults), faults
            if not self.instance.get_runs(queued):
                return
            assert not any([*queue.run_iteration(self.workspace)])

    def seen(self, backfill: str) -> dict[str, Any]:
        """What became of a backfill: its status and its runs, the first one first."""
        runs = self.instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill}))
        asked = self.instance.get_backfill(backfill)
        assert asked
        return {
            "status": asked.status.value,
            "runs": [run.status.value for run in reversed(runs)],
            "steps": [self.steps(run.run_id) for run in reversed(runs)],
            "days": sorted(self.instance.get_materialized_partitions(dg.AssetKey(GAP.split("/")))),
        }

    def steps(self, run_id: str) -> list[str]:
        return sorted(step.step_key for step in self.instance.get_run_step_stats(run_id))


@contextmanager
def ui(place: Place, *, with_dbt: bool = False, checks: Sequence[str] = ()) -> Iterator[Ui]:
    """For a process of its own."""
    from dagster._core.remote_origin import InProcessCodeLocationOrigin
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget

    runner._environment(place, "", "")
    if with_dbt:
        runner._only_what_counts(())
    else:
        runner._without_dbt(checks)
    home = place.folder / "dagster"
    home.mkdir(exist_ok=True)
    settings = yaml.safe_load((PROJECT_DIR / "orchestration" / "dagster.yaml").read_text())
    launcher = "sync_in_memory_run_launcher"
    settings["run_launcher"] = {
        "module": f"dagster._core.launcher.{launcher}",
        "class": "SyncInMemoryRunLauncher",
    }
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
    origin = LoadableTargetOrigin(
        executable_path=sys.executable,
        module_name="orchestration.definitions",
        working_directory=str(PROJECT_DIR),
    )
    target = InProcessWorkspaceLoadTarget(
        InProcessCodeLocationOrigin(origin, location_name=LOCATION)
    )
    with (
        dg.DagsterInstance.from_config(str(home)) as instance,
        WorkspaceProcessContext(instance, target) as workspace,
    ):
        yield Ui(instance, workspace)


def launched(
    place: Place, days: Sequence[str], *only: str, with_dbt: bool = False
) -> dict[str, Any]:
    """Launches days of the assets, waits for the runs, and tells what was seen of them."""
    with ui(place, with_dbt=with_dbt) as opened:
        backfill = opened.launch(days, *only)
        opened.work()
        return opened.seen(backfill)


def failed_and_again(place: Place, days: Sequence[str]) -> dict[str, Any]:
    """The same with two faults, which are mended one by one, each time going on where it failed."""
    with ui(place, checks=[INVARIANT]) as opened:
        in_the_way = place.published.parent / "exports" / "account_change_feed.parquet"
        in_the_way.unlink()
        in_the_way.write_text("somebody's notes")
        break_an_invariant(place)
        opened.launch(days)
        opened.work()
        (run,) = opened.instance.get_runs(limit=1)
        statuses, steps = [run.status.value], []
        for mend in (lambda: break_an_invariant(place, by=-1), in_the_way.unlink):
            mend()
            opened.ask(AGAIN, parentRunId=run.run_id, strategy="FROM_FAILURE")
            opened.work()
            (again,) = opened.instance.get_runs(limit=1)
            assert again.parent_run_id == run.run_id
            run = again
            statuses.append(run.status.value)
            steps.append(opened.steps(run.run_id))
        return {"runs": statuses, "steps": steps}


@pytest.fixture(scope="module")
def arrived(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return company.until(REFRESHED[1].replace(day=11), tmp_path_factory.mktemp("arrived"))


@pytest.fixture(scope="module")
def filled(
    refreshed: Place, arrived: Path, runs: Runs, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Place, Mapping[str, Any]]:
    """A stored day and two more, of all assets, from the UI. Read only: copy it to go on."""
    place = refreshed.copy(tmp_path_factory.mktemp("filled") / "place", arrived)
    days = ["2026-06-09", "2026-06-10", NEXT]
    return place, runs.start(launched, place, days, with_dbt=True).result().check().value


def test_a_range_of_all_assets_is_one_run_with_these_days(
    filled: tuple[Place, Mapping[str, Any]], refreshed: Place, arrived: Path, tmp_path: Path
) -> None:
    place, seen = filled
    assert seen["status"] == "COMPLETED_SUCCESS"
    assert seen["runs"] == ["SUCCESS"]
    assert seen["days"] == [FIRST, "2026-06-09", LAST, NEXT]
    plans = "select start_date::varchar, end_date::varchar from raw_landing.plans"
    assert query(place.warehouse, f"{plans} order by planned_at")[-1] == ("2026-06-09", NEXT)
    other = refreshed.copy(tmp_path / "place", arrived)
    compute(other, "2026-06-09", NEXT)
    assert mart_differences(place.published, other.warehouse) == {}


@pytest.mark.parametrize("asset", [GAP, "marts/activation_gap_drivers"])
def test_days_of_one_asset_are_made_from_these_days(
    asset: str, filled: tuple[Place, Mapping[str, Any]], runs: Runs, tmp_path: Path
) -> None:
    """What is made anew by each run holds only the days of the last: it is made for these too."""
    place = filled[0].copy(tmp_path / "place")
    mart = asset.replace("/", ".")
    with connect(place.warehouse) as warehouse:
        warehouse.execute(f"delete from {mart} where as_of_date < date '2026-06-10'")
    seen = runs.start(launched, place, [FIRST, "2026-06-09"], asset).result().check().value
    assert seen["runs"] == ["SUCCESS"]
    assert len(seen["steps"][0]) == 1
    then = read(filled[0].warehouse, mart)
    assert differences(read(place.warehouse, mart), then) == []


def test_days_of_the_scores_alone(
    filled: tuple[Place, Mapping[str, Any]], runs: Runs, tmp_path: Path
) -> None:
    place = filled[0].copy(tmp_path / "place")
    scores = ("transitions", "checkpoints")
    tables = [f"scores.activation_{name}" for name in scores]
    with connect(place.warehouse) as warehouse:
        for table in tables:
            warehouse.execute(f"delete from {table} where as_of_date >= date '2026-06-10'")
    names = query(
        place.warehouse,
        "select table_name from information_schema.tables where table_schema = 'scores'"
        " and table_name not in ('runs', 'match_runs', 'rule_contents')",
    )
    assets = [f"scores/{name}" for (name,) in names]
    seen = runs.start(launched, place, [FIRST, "2026-06-09"], *assets).result().check().value
    assert seen["runs"] == ["SUCCESS"]
    assert seen["steps"] == [["scores"]]
    for table in tables:
        then = read(filled[0].warehouse, table)
        assert differences(read(place.warehouse, table), then) == []


def test_days_without_scores_are_refused(
    filled: tuple[Place, Mapping[str, Any]], runs: Runs, tmp_path: Path
) -> None:
    place = filled[0].copy(tmp_path / "place")
    seen = runs.start(launched, place, [NEXT, "2026-06-12"], GAP).result().check().value
    assert seen["runs"] == ["FAILURE"]
    assert mart_differences(place.warehouse, filled[0].warehouse) == {}


def test_a_run_that_failed_is_gone_on_with_from_the_ui(
    refreshed: Place, arrived: Path, runs: Runs, tmp_path: Path
) -> None:
    """First a check fails, then a file of somebody's is in the way of publishing."""
    place = refreshed.copy(tmp_path / "place", arrived)
    seen = runs.start(failed_and_again, place, [LAST, NEXT]).result().check().value
    assert seen["runs"] == ["FAILURE", "FAILURE", "SUCCESS"]
    checked, published = seen["steps"]
    assert [step.removesuffix("_2") for step in checked] == ["dbt", "published__marts"]
    assert published == ["published__marts"]
    last = query(place.published, "select max(as_of_date)::varchar from marts.accounts")
    assert last == [(NEXT,)]


def test_a_run_that_was_killed_has_failed_and_holds_up_no_other(
    refreshed: Place,
    arrived: Path,
    runs: Runs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = refreshed.copy(tmp_path / "place", arrived)
    monkeypatch.setenv("DAGSTER_HOME", str(place.folder / "dagster"))
    point = "ingestion, between two tables"
    assert runs.refresh(place, end=NEXT, kill_at=point).code == -signal.SIGKILL
    with dg.DagsterInstance.from_config(str(place.folder / "dagster")) as instance:
        killed, before = instance.get_runs()
        assert killed.status is dg.DagsterRunStatus.STARTED
        assert before.status is dg.DagsterRunStatus.SUCCESS
        now = datetime.now(UTC)
        with FileLock(_lock_path(instance, killed.run_id)):
            assert end_dead_runs(instance, now + timedelta(days=1)) == []
        assert end_dead_runs(instance, now) == [killed.run_id]
        assert end_dead_runs(instance, now) == []
        (last,) = instance.get_runs(limit=1)
        assert last.status is dg.DagsterRunStatus.FAILURE
        # One that never came to its first step has no lock.
        young = create_run_for_test(instance, status=dg.DagsterRunStatus.STARTED)
        assert end_dead_runs(instance, now) == []
        assert end_dead_runs(instance, now + timedelta(minutes=11)) == [young.run_id]
