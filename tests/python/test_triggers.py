"""What the schedule waits for, and what is tried again after a run that failed."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from dagster._core.test_utils import create_run_for_test

from orchestration.assets import triggers
from orchestration.assets.partitions import DAYS, ONE_RUN
from orchestration.assets.triggers import (
    ABOUT_TAG,
    JOB,
    TRIES,
    WITHOUT_TAG,
    daily_refresh,
    landing_files,
)
from orchestration.runs.context import Outlook, first_day
from orchestration.runs.planning import Plan
from orchestration.runs.records import forget_old_runs
from orchestration.settings import FIRST_DAY, PROJECT_DIR, PUBLISHED_FILE, load_settings

DAY = date(2026, 6, 10)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as opened:
        yield opened


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LANDING_DIR", str(tmp_path / "landing"))
    monkeypatch.setenv("WAREHOUSE_PATH", str(tmp_path / "warehouse.duckdb"))
    monkeypatch.setenv("PUBLISHED_DIR", str(tmp_path / "published"))
    for name in ("START_DATE", "END_DATE", "WAIT_UNTIL"):
        monkeypatch.delenv(name, raising=False)
    for back in (3, 2, 1):
        for table in ("salesforce/account", "salesforce@emea/account", "hubspot/company"):
            deliver(tmp_path / "landing", table, DAY - timedelta(days=back))
    deliver(tmp_path / "landing", "salesforce/user", DAY - timedelta(days=2))  # now and then
    return tmp_path / "landing"


def deliver(landing: Path, table: str, day: date) -> None:
    folder = landing / table / f"loaded_date={day}"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("id\n")
    os.utime(folder / "a.csv", (0, 0))


def tick(instance: dg.DagsterInstance, hour: int) -> dg.RunRequest | str:
    moment = datetime(2026, 6, 11, hour, tzinfo=UTC)
    with dg.build_schedule_context(instance, scheduled_execution_time=moment) as context:
        said = daily_refresh(context)
    return said if isinstance(said, dg.RunRequest) else str(said.skip_message)


def look(instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult | str:
    with dg.build_sensor_context(instance, cursor=cursor) as context:
        said = landing_files(context)
    return said if isinstance(said, dg.SensorResult) else str(said.skip_message)


def end(instance: dg.DagsterInstance, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
    create_run_for_test(instance, job_name=JOB, tags=dict(request.tags), status=status)


def test_the_schedule_waits_for_its_files_and_says_for_which(
    instance: dg.DagsterInstance, landing: Path
) -> None:
    said = tick(instance, 13)
    assert said == (
        "Waiting until 18:00 UTC for the files of 2026-06-10:"
        " hubspot.company, salesforce.account, salesforce@emea.account."
    )
    deliver(landing, "salesforce/account", DAY)
    deliver(landing, "hubspot/company", DAY)
    assert str(tick(instance, 17)).endswith("2026-06-10: salesforce@emea.account.")
    late = tick(instance, 18)
    assert isinstance(late, dg.RunRequest)
    assert late.tags[WITHOUT_TAG] == "salesforce@emea.account"
    deliver(landing, "salesforce@emea/account", DAY)
    soon = tick(instance, 13)
    assert isinstance(soon, dg.RunRequest)
    assert soon.tags[triggers.RANGE_END_TAG] == str(DAY)
    assert WITHOUT_TAG not in soon.tags


def test_the_hour_is_a_setting(
    instance: dg.DagsterInstance, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAIT_UNTIL", "15")
    assert str(tick(instance, 14)).startswith("Waiting until 15:00 UTC")
    assert isinstance(tick(instance, 15), dg.RunRequest)


def test_the_schedule_tries_a_failed_day_again_and_a_refreshed_one_not(
    instance: dg.DagsterInstance, landing: Path
) -> None:
    keys = []
    for hour in range(18, 18 + TRIES):
        request = tick(instance, hour)
        assert isinstance(request, dg.RunRequest)
        assert request.tags[ABOUT_TAG] == str(DAY)
        keys.append(request.run_key)
        end(instance, request, dg.DagsterRunStatus.FAILURE)
    assert len(set(keys)) == TRIES, "Dagster starts no second run for a key"
    assert "3 runs have failed" in str(tick(instance, 22))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (dg.DagsterRunStatus.SUCCESS, "refreshed already"),
        (dg.DagsterRunStatus.STARTED, "under way"),
    ],
)
def test_a_day_is_asked_for_once(
    instance: dg.DagsterInstance, landing: Path, status: dg.DagsterRunStatus, said: str
) -> None:
    request = tick(instance, 18)
    assert isinstance(request, dg.RunRequest)
    end(instance, request, status)
    assert said in str(tick(instance, 19))


def test_the_sensor_tries_again_an_hour_after_a_failure(
    instance: dg.DagsterInstance, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = look(instance, None)
    assert isinstance(first, dg.SensorResult)
    assert look(instance, first.cursor) == "No new landing files."
    (request,) = first.run_requests or ()
    end(instance, request, dg.DagsterRunStatus.FAILURE)
    ended = datetime.now(UTC).timestamp()
    monkeypatch.setattr(triggers, "_ended_at", lambda _: ended)
    assert "tried again an hour after" in str(look(instance, first.cursor))
    ended -= 3_601
    again = look(instance, first.cursor)
    assert isinstance(again, dg.SensorResult)
    (second,) = again.run_requests or ()
    assert second.run_key != request.run_key
    end(instance, second, dg.DagsterRunStatus.SUCCESS)
    assert "refreshed already" in str(look(instance, again.cursor))


def test_of_old_runs_only_the_days_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    (home / "dagster.yaml").write_bytes(
        (PROJECT_DIR / "orchestration" / "dagster.yaml").read_bytes()
    )

    @dg.asset(check_specs=[dg.AssetCheckSpec("is_there", asset="raw")])
    def raw() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

    @dg.asset(partitions_def=DAYS, backfill_policy=ONE_RUN, deps=[raw])
    def marts() -> None:
        pass

    defs = dg.Definitions([raw, marts], jobs=[dg.define_asset_job("refresh")])
    days = [str(DAY + timedelta(days=number)) for number in range(5)]

    def rows() -> dict[str, int]:
        with closing(sqlite3.connect(home / "events" / "index.db")) as index:
            tables = ("event_logs", "asset_check_executions", "asset_event_tags")
            return {
                table: index.execute(f"select count(*) from {table}").fetchone()[0]
                for table in tables
            }

    with dg.DagsterInstance.get() as kept:
        sizes = []
        for day in days:
            result = defs.resolve_job_def("refresh").execute_in_process(
                instance=kept, partition_key=day
            )
            assert result.success
            forget_old_runs(kept, keep=2)
            sizes.append(rows())
        assert len(kept.get_runs()) == 2
        assert len(list((home / "events").glob("*-*-*-*-*.db"))) == 2
        assert set(kept.get_materialized_partitions(dg.AssetKey("marts"))) == set(days)
        last_check = kept.event_log_storage.get_latest_asset_check_execution_by_key(
            [dg.AssetCheckKey(dg.AssetKey("raw"), "is_there")]
        )
        assert len(last_check) == 1
    # What still grows is what says which days are computed.
    grown = sizes[4]["event_logs"] - sizes[3]["event_logs"]
    assert 0 < grown < sizes[0]["event_logs"] / 2
    assert sizes[4]["asset_check_executions"] == sizes[1]["asset_check_executions"] == 2


def test_the_days_of_the_ui_begin_with_the_data(
    landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin() -> date:
        return first_day(load_settings())

    before = DAY - timedelta(days=4)  # of the first file; the schedule asks for yesterday
    assert begin() == before
    monkeypatch.setenv("START_DATE", str(DAY))
    assert begin() == DAY
    published = tmp_path / "published" / PUBLISHED_FILE
    published.parent.mkdir()
    with duckdb.connect(str(published)) as made:
        made.execute("create schema marts")
        made.execute("create table marts.activation_gap as select date '2025-01-01' as as_of_date")
    assert begin() == date(2025, 1, 1)
    monkeypatch.delenv("START_DATE")
    assert begin() == date(2025, 1, 1)
    published.write_text("somebody's notes")
    assert begin() == before
    monkeypatch.setenv("LANDING_DIR", str(tmp_path / "nothing"))
    assert begin() == FIRST_DAY


def test_what_is_asked_for_is_among_the_days(
    instance: dg.DagsterInstance, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was stopped before it published may begin before them; the next one knows."""
    days = dg.DailyPartitionsDefinition(start_date=str(DAY - timedelta(days=1)))
    monkeypatch.setattr(triggers, "DAYS", days)
    plan = Plan(DAY - timedelta(days=9), DAY, DAY - timedelta(days=9))
    monkeypatch.setattr(triggers, "outlook", lambda *_: Outlook(plan, None))
    request = tick(instance, 18)
    assert isinstance(request, dg.RunRequest)
    assert request.tags[triggers.RANGE_START_TAG] == str(DAY - timedelta(days=1))
    assert request.tags[triggers.RANGE_END_TAG] == str(DAY)
