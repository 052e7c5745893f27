"""The job as people run it: again, the next day, over past days, with bad input, two at a time."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from conftest import REFRESHED, Company
from marts import MARTS, differences, mart_differences, one, query, read, tables
from runner import Place, Result, Runs, compute, faults

from orchestration.engine.warehouse import connect
from orchestration.runs.context import lock
from orchestration.settings import PUBLISHED_FILE

FIRST, LAST = (str(day) for day in REFRESHED)
NEXT = "2026-06-11"
INVARIANT = "assert_drivers_sum_to_the_gap"
PAST = ("2026-06-06", "2026-06-07")
KEPT = ("activation_gap", "activation_gap_drivers")


def published_day(place: Place) -> str:
    return str(one(place.published, "select max(as_of_date)::varchar from marts.accounts"))


def umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def raw_counts(place: Place) -> dict[str, int]:
    """Rows of every raw table and of the manifest."""
    names = query(
        place.warehouse,
        "select table_schema || '.' || table_name from information_schema.tables"
        " where table_catalog = 'db' and table_schema like 'raw\\_%' escape '\\'"
        " and table_name not in ('plans', 'loads')",
    )
    return {name: one(place.warehouse, f"select count(*) from {name}") for (name,) in names}


# --- the runs -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """A place, and how the run there ended."""

    place: Place
    result: Result


Scenes = Mapping[str, Future[Scene]]


@pytest.fixture(scope="module")
def scenes(
    company: Company,
    refreshed: Place,
    runs: Runs,
    template: Place,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scenes]:
    """All runs of this module that succeed or fail on their own; they run beside the tests."""
    folder = tmp_path_factory.mktemp("scenes")

    def go(name: str, *arguments: str, landing: Path | None = None, **options: Any) -> Scene:
        place = refreshed.copy(folder / name, landing)
        if name == "failing check":
            break_an_invariant(place)
        return Scene(place, runs.refresh(place, *arguments, **options))

    def crm_only() -> Scene:
        landing = make_crm_only(company, folder / "crm only landing")
        place = template.copy(folder / "crm only", landing)
        return Scene(place, runs.refresh(place, end="2026-06-02", with_dbt=False))

    arrived = company.until(date.fromisoformat(NEXT), folder / "next day landing")
    with ThreadPoolExecutor() as pool:
        yield {
            "again": pool.submit(go, "again", start=FIRST, end=LAST, with_dbt=False),
            "next day": pool.submit(go, "next day", landing=arrived, whole=False),
            "past": pool.submit(go, "past", start=PAST[0], end=PAST[1], with_dbt=False),
            "as of": pool.submit(go, "as of", "--as-of", "2026-06-09", with_dbt=False),
            "failing check": pool.submit(
                go, "failing check", landing=arrived, end=NEXT, checks=[INVARIANT], with_dbt=False
            ),
            "crm only": pool.submit(crm_only),
        }


def break_an_invariant(place: Place, by: int = 1) -> None:
    with connect(place.warehouse) as warehouse:
        warehouse.execute(
            "update marts.activation_gap_drivers"
            f" set attributed_accounts = attributed_accounts + {by}"
            f" where as_of_date = date '{FIRST}' and segment_type = 'all' and driver = 'poor_fit'"
        )


def make_crm_only(company: Company, landing: Path) -> Path:
    """A CRM and nothing else: an empty feed, a renamed column, an account without a domain."""
    day = f"loaded_date={company.load_day}"
    for table in ("account", "opportunity", "user"):
        target = landing / "salesforce" / table / day
        target.mkdir(parents=True)
        for path in (company.landing / "salesforce" / table / day).iterdir():
            os.link(path, target / path.name)
    crm, stamp = landing / "salesforce", "2026-05-04T09:00:00Z"
    stamps = {"created_date": stamp, "system_modstamp": stamp}
    nameless = {"id": "001nowebsite000", "name": "No Website AG", "website": ""}
    _write(crm / "account" / day / "added.csv", [nameless], **stamps)
    _write(crm / "contact" / day / "data.csv", [], id="", **stamps)
    _write(
        crm / "lead" / day / "data.csv",
        [{"id": f"00Q{number:012d}"} for number in range(3)],
        email="kim@lead-works.com",
        createddate_utc=stamp,
        system_modstamp=stamp,
    )
    return landing


def _write(path: Path, rows: list[dict[str, str]], **same: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as handle:
        names = list(dict.fromkeys([*(rows[0] if rows else {}), *same]))
        writer = csv.DictWriter(handle, fieldnames=names)
        writer.writeheader()
        writer.writerows(row | same for row in rows)


# --- again, later, earlier ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["first", "next day", pytest.param("past", marks=pytest.mark.long)]
)
def test_the_whole_job_gives_what_the_tests_compute(
    kind: str, refreshed: Place, runs: Runs, template: Place, scenes: Scenes, tmp_path: Path
) -> None:
    """Tests about numbers leave out Dagster, dbt and the data tests; every relation is the same."""
    if kind == "first":
        job, place = refreshed, template.copy(tmp_path / "place", refreshed.landing)
        compute(place, FIRST, LAST)
    elif kind == "next day":
        scene = scenes[kind].result()
        scene.result.check()
        job, place = scene.place, refreshed.copy(tmp_path / "place", scene.place.landing)
        compute(place, NEXT, NEXT)
    else:
        job, place = refreshed.copy(tmp_path / "job"), refreshed.copy(tmp_path / "place")
        runs.refresh(job, start=PAST[0], end=PAST[1], whole=False).check()
        compute(place, *PAST)
    for schema in ("features", *MARTS, "exports", "restricted", "history"):
        assert mart_differences(place.warehouse, job.warehouse, schemas=[schema]) == {}, schema
        columns = (
            "select table_name, column_name, data_type from information_schema.columns"
            f" where table_schema = '{schema}' order by all"
        )
        assert query(place.warehouse, columns) == query(job.warehouse, columns)


def test_running_again_changes_nothing(refreshed: Place, scenes: Scenes) -> None:
    scene = scenes["again"].result()
    assert f"Activation gap on {LAST}" in scene.result.check().out
    before = raw_counts(refreshed)
    assert before["raw_segment.pages"] > 1_000
    assert raw_counts(scene.place) == before
    assert mart_differences(scene.place.published, refreshed.published) == {}


def test_the_next_run_goes_to_the_last_complete_day_and_leaves_history_as_it_was(
    refreshed: Place, scenes: Scenes
) -> None:
    """Without dates: from the day after the stored ones to the last day that has landed."""
    scene = scenes["next day"].result()
    assert "these are made from" not in scene.result.check().out, "that is for parts of the assets"
    place = scene.place
    assert published_day(place) == NEXT
    stored = f"as_of_date <= date '{LAST}'"
    for mart in KEPT:
        then = read(refreshed.published, mart)
        assert differences(read(place.published, mart, stored), then) == []
        days = one(place.published, f"select count(distinct as_of_date) from {mart}")
        assert days == 4
    moved = "select account_id, state, valid_from from marts.account_activation_history"
    assert set(query(refreshed.published, moved)) <= set(query(place.published, moved))


def test_past_days_fill_history_and_the_current_marts_stay(
    refreshed: Place, scenes: Scenes
) -> None:
    scene = scenes["past"].result()
    assert f"goes on to {LAST}" in scene.result.check().out
    place = scene.place
    assert published_day(place) == LAST
    days = query(
        place.published,
        "select distinct as_of_date::varchar from marts.activation_gap order by 1",
    )
    assert [day for (day,) in days] == [f"2026-06-{day:02d}" for day in range(6, 11)]
    for mart in ("accounts", "account_fit", "account_signals", "account_coverage"):
        then = read(refreshed.published, mart)
        assert differences(read(place.published, mart), then) == []


def test_a_past_day_is_shown_in_a_place_of_its_own(refreshed: Place, scenes: Scenes) -> None:
    scene = scenes["as of"].result()
    scene.result.check()
    place = scene.place
    shown = place.published.parent / "as_of" / "2026-06-09" / PUBLISHED_FILE
    assert one(shown, "select max(as_of_date)::varchar from marts.accounts") == "2026-06-09"
    for mart in KEPT:
        then = read(refreshed.published, mart, "as_of_date <= date '2026-06-09'")
        assert differences(read(shown, mart), then) == []
    assert place.published.read_bytes() == refreshed.published.read_bytes()
    copy = place.folder / "as_of" / "2026-06-09" / "warehouse.duckdb"
    assert one(copy, "select count(*) from raw_salesforce.contact") > 0
    for private in (copy, copy.parent, place.warehouse, shown.parent / "restricted"):
        assert private.stat().st_mode & 0o077 == 0, private
    assert shown.stat().st_mode & 0o777 == 0o666 & ~umask()
    assert raw_counts(place) == raw_counts(refreshed)
    assert mart_differences(place.warehouse, refreshed.warehouse) == {}


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_range_with_a_gap_is_an_error_that_names_the_command(
    refreshed: Place, runs: Runs, tmp_path: Path
) -> None:
    place = refreshed.copy(tmp_path / "place")
    result = runs.refresh(place, start="2026-06-13", end="2026-06-14")
    assert result.code == 1
    assert "The days 2026-06-11 to 2026-06-12 would be missing" in result.error
    assert "make refresh START_DATE=2026-06-11 END_DATE=2026-06-14" in result.error
    assert place.published.read_bytes() == refreshed.published.read_bytes()


def test_a_failing_check_leaves_the_published_file(refreshed: Place, scenes: Scenes) -> None:
    scene = scenes["failing check"].result()
    assert scene.result.code == 1
    assert "building and checking the models" in scene.result.error
    assert f"test {INVARIANT}" in scene.result.error
    assert "The published marts are as they were." in scene.result.error
    assert scene.place.published.read_bytes() == refreshed.published.read_bytes()


def test_two_refreshes_at_once(refreshed: Place, runs: Runs, tmp_path: Path) -> None:
    place = refreshed.copy(tmp_path / "place")
    with lock(place.settings):
        result = runs.refresh(place, end=NEXT)
    assert result.code == 1
    assert f"Another refresh of {place.warehouse} is running" in result.error
    with duckdb.connect(str(place.warehouse)):
        result = runs.refresh(place, end=NEXT)
    assert result.code == 1
    assert f"is open in process {os.getpid()}" in result.error
    assert place.published.read_bytes() == refreshed.published.read_bytes()


def test_without_an_account_nothing_starts(runs: Runs, template: Place, tmp_path: Path) -> None:
    """No folder, a folder without files, only files that are wrong: three messages, each early."""
    landing = tmp_path / "landing"
    place = template.copy(tmp_path / "place", landing)
    result = runs.refresh(place)
    assert result.code == 1
    assert f"LANDING_DIR {landing} does not exist" in result.error

    (landing / "salesfroce").mkdir(parents=True)
    result = runs.refresh(place)
    assert result.code == 1
    assert "Put files into LANDING_DIR" in result.error
    assert "the nearest known source is salesforce" in result.error

    _write(landing / "salesforce/account" / f"loaded_date={LAST}" / "a.csv", [{"id": "1"}])
    result = runs.refresh(place, whole=False)
    assert result.code == 1
    assert "dbt before the scores" not in result.out
    assert "The refresh failed while taking in the landing files." in result.error
    assert "required column name is missing" in result.error
    assert not place.published.exists()


# --- the second day at a new company --------------------------------------------------------------


@pytest.fixture(scope="module")
def crm_only(scenes: Scenes) -> Place:
    scene = scenes["crm only"].result()
    scene.result.check()
    return scene.place


def test_a_crm_alone_is_enough(crm_only: Place) -> None:
    assert faults(crm_only) == {}
    assert one(crm_only.published, "select count(*) from marts.accounts") > 60
    assert one(crm_only.published, "select count(*) from marts.accounts where not is_target") == 0
    off = dict(
        query(
            crm_only.published,
            "select source || '.' || table_name, features_off from marts.data_health",
        )
    )
    assert off["bombora.company_surge"] == "third-party intent"
    assert off["targets.target_accounts"].endswith("every CRM account counts as a target")
    assert off["salesforce.user"] is None


def test_an_account_without_a_domain_is_an_account(crm_only: Place) -> None:
    assert query(
        crm_only.published,
        "select primary_domain, state from marts.accounts inner join marts.account_activation"
        " using (account_id) where accounts.account_name = 'No Website AG'",
    ) == [(None, "cold")]


def test_an_empty_feed_is_a_delivery(crm_only: Place, company: Company) -> None:
    assert query(
        crm_only.published,
        "select last_delivery_date, delivered, quarantined, files from marts.data_health"
        " where source = 'salesforce' and table_name = 'contact'",
    ) == [(company.load_day, 0, 0, 1)]


def test_a_renamed_required_column_quarantines_the_file_and_the_rest_goes_on(
    crm_only: Place, scenes: Scenes
) -> None:
    assert query(
        crm_only.published,
        "select delivered, accepted, quarantined from marts.data_health"
        " where source = 'salesforce' and table_name = 'lead'",
    ) == [(3, 0, 3)]
    reasons = query(crm_only.warehouse, "select distinct reason from raw_landing.quarantine")
    assert "created_date" in reasons[0][0]
    said = scenes["crm only"].result().result.out
    assert (
        "note: salesforce.lead: 3 of 3 rows in quarantine: created_date column missing (first in"
        " salesforce/lead/" in said
    )
    assert "; export the column, or name the column of the file as the contract does" in said
    with connect(crm_only.warehouse, read_only=True) as warehouse:
        assert warehouse.rows(
            "select source_instance, file_row, column_name, cause"
            " from staging.stg_landing__quarantine where table_name = 'lead' order by file_row"
        ) == [("main", row, "created_date", "column missing") for row in (1, 2, 3)]


# --- what is published ----------------------------------------------------------------------------


def test_no_personal_data_is_published(company: Company, refreshed: Place) -> None:
    """No e-mail address and no name of a contact, in no value and nowhere in the file's bytes."""
    schemas = query(
        refreshed.published,
        "select distinct table_schema from information_schema.tables where table_catalog = 'db'"
        " order by 1",
    )
    assert schemas == [("marts",), ("marts_detail",)]
    emails, names = set(), set()
    for path in (company.landing / "salesforce" / "contact").rglob("part-*.parquet"):
        for row in pq.read_table(path).to_pylist():
            emails.add(row["email"])
            names.add(f"{row['first_name']} {row['last_name']}")
    emails.discard(None)
    assert len(emails) > 200
    # Our own people may share a name with somebody.
    names -= {
        name for (name,) in query(refreshed.warehouse, "select name from raw_salesforce.user")
    }
    values = {
        str(value)
        for table in tables(refreshed.published)
        for column in read(refreshed.published, table).values()
        for value in column
        if isinstance(value, str)
    }
    everything = "\n".join(values)
    assert len(values) > 500
    assert not [email for email in emails if email.lower() in everything.lower()]
    assert not [name for name in names if name in everything]
    content = refreshed.published.read_bytes()
    assert not [email for email in emails if email.encode() in content]
    # The warehouse has them: had they been copied, this would have found them.
    stored = refreshed.warehouse.read_bytes()
    assert [email for email in emails if email.encode() in stored]


GAINED = {
    "history.int_account_gap_changes": "may_have_risen",
    "history.int_decision_changes": "rule_decision",
    "marts.account_snapshots": "account_name",
    "marts_detail.database_buildout": "coverage_known_accounts",
}


MONTH_END = "date '2026-05-31'"


def test_a_warehouse_of_before_gains_what_is_read(
    refreshed: Place, runs: Runs, tmp_path: Path
) -> None:
    """dbt adds columns with the new rows, and the statements read them in the old ones.

    The rollup was one table before it had two halves, which take in all that was ever loaded. All
    marts were in one schema: what is not opened first moves, with the month ends that no run makes
    anew.
    """
    rolled_up = "from intermediate.int_activity_daily order by all"
    of_month_end = (
        "select columns(c -> c != 'coverage_known_accounts') from {}"
        f" where as_of_date = {MONTH_END} order by all"
    )
    place = refreshed.copy(tmp_path / "place")
    with connect(place.warehouse) as warehouse:
        for table, column in GAINED.items():
            warehouse.execute(f"alter table {table} drop column {column}")
        before = warehouse.rows(rolled_up)
        warehouse.execute("create table intermediate.whole as from intermediate.int_activity_daily")
        warehouse.execute("drop view intermediate.int_activity_daily")
        warehouse.execute("alter table intermediate.whole rename to int_activity_daily")
        for half in ("int_page_days", "int_act_days"):
            warehouse.execute(f"drop table intermediate.{half}")
        for (mart,) in warehouse.rows(
            "select table_name from duckdb_tables() where schema_name = 'marts_detail'"
        ):
            warehouse.execute(f"create table marts.{mart} as from marts_detail.{mart}")
        warehouse.execute("drop schema marts_detail cascade")
        warehouse.execute(
            "insert into marts.database_buildout by name"
            f" select * replace ({MONTH_END} as as_of_date, true as is_month_end)"
            " from marts.database_buildout"
        )
        kept = warehouse.rows(of_month_end.format("marts.database_buildout"))
    runs.refresh(place, start=LAST, end=LAST, whole=False).check()
    with connect(place.warehouse, read_only=True) as warehouse:
        assert warehouse.rows(rolled_up) == before != []
    assert kept
    for path in (place.warehouse, place.published):
        assert query(path, of_month_end.format("marts_detail.database_buildout")) == kept
        assert {*tables(path)} == {*tables(refreshed.published)}
    for table, column in GAINED.items():  # no day of the company is the last of its month
        seen = f"select count({column}) > 0 or count(*) = 0 from {table}"
        assert query(place.warehouse, seen) == [(True,)], table
