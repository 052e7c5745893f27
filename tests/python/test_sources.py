"""Which sources count, and that it is the same company whichever CRM tells of it."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
from conftest import COMPANY, REFRESHED, Company
from runner import OF_ROWS, Place, compute, faults

from orchestration.demo.deals import PARTS
from orchestration.demo.hubspot import BUYING_ROLES
from orchestration.demo.simulate import simulate
from orchestration.rules.ruleset import project_vars
from orchestration.settings import PROJECT_DIR

# What names a record differs between two CRMs; what is said of it does not.
RECORD_IDS = {
    "crm_account_id",
    "salesforce_account_id",
    "hubspot_company_id",
    "owner_id",
    "expected_owner_id",
    "ruleset_version",
    "source",
    "stale_feeds",
    "left_out_feeds",
    "hierarchy_path",
    "crm_opportunity_id",
    "deal_owner_id",
    "created_owner_id",
    "sequence_owner_id",
    "source_system",
    "opportunity_type",
}
ACCOUNT_IDS = {
    "account_id",
    "parent_account_id",
    "ultimate_parent_id",
    "successor_account_id",
    "left_account_id",
    "right_account_id",
    "other_account_id",
    "segment_value",
}
OTHER_MARTS = {
    "account_crosswalk": "about records, of which each CRM has its own",
    "data_health": "about files",
    "load_audit": "about files",
    "review_items": "names records",
    "domain_ownership": "lists losing claims by what each CRM says of contacts without an account",
    "account_teams": "HubSpot lands no account teams",
}
COMPARED_ROWS = {
    # Reviews tell of the team, which HubSpot does not land.
    "account_reviews": "item not in ('team', 'risks')",
    # Leads without an account: each CRM has its own.
    "programme_activity": "account_id is not null or leads = 0",
}
# What one CRM does not say, or says in words of its own.
OTHER_COLUMNS = {
    "engagement_baseline": {"why"},  # names feeds
    "pipeline": {"named_people"},  # of HubSpot nobody reads who has a part in a deal
}

OFF = ["salesforce", "marketo", "linkedin_ads", "intent"]


def test_a_source_that_is_off_counts_for_nothing_and_breaks_nothing(
    company: Company, template: Place, tmp_path: Path
) -> None:
    landing = company.until(REFRESHED[0], tmp_path / "landing")
    place = template.copy(tmp_path / "place", landing)
    day = str(REFRESHED[0])
    looked_at = ("int_activity_daily", "data_health", "load_audit")
    compute(place, day, day, only=looked_at, variables={"sources_off": OFF})
    with duckdb.connect(str(place.warehouse), read_only=True) as connection:
        feeds = {
            row[0].split(".")[0].split("@")[0]
            for row in connection.execute(
                "select distinct feed from intermediate.int_activity_daily"
            ).fetchall()
        }
        features = dict(
            connection.execute(
                "select distinct source, features_off from marts.data_health"
                " where source in ('salesforce', 'marketo', 'linkedin_ads', 'intent')"
            ).fetchall()
        )
        fates = connection.execute(
            "select distinct reason from marts_detail.load_audit where fate in ('used', 'not used')"
            " and source in ('salesforce', 'marketo', 'linkedin_ads', 'intent')"
        ).fetchall()
        ((delivered,),) = connection.execute(
            "select sum(accepted) from marts.data_health where source = 'marketo'"
        ).fetchall()
    assert "segment" in feeds
    assert not feeds & set(OFF)
    assert fates == [("source switched off",)]
    assert faults(place, OF_ROWS) == {}
    assert set(features.values()) == {"switched off by the var sources_off"}
    assert delivered > 0, "files of a source that is off are still taken in"


def test_acts_count_as_long_as_a_line_in_sources_and_a_mapping_name_them(
    company: Company, template: Place, tmp_path: Path
) -> None:
    """Also those that landed before their line or mapping; and no more once the line is gone."""
    fewer = {source: dict(kinds) for source, kinds in project_vars(PROJECT_DIR)["sources"].items()}
    del fewer["linkedin_ads"]
    del fewer["marketo"]["activities"]
    first, second, third = (REFRESHED[0] + timedelta(days=days) for days in range(3))
    landing = company.until(second, tmp_path / "landing")
    place = template.copy(tmp_path / "place", landing)
    afresh = template.copy(tmp_path / "afresh", landing)
    whole = (
        "select feed, known_date, occurred_date, identity, activity_type, sum(quantity)"
        " from intermediate.int_activity_daily group by all having sum(quantity) != 0 order by all"
    )

    def counted(at: Place, day: date, variables: dict[str, Any] | None = None) -> list[Any]:
        compute(at, str(day), str(day), only=("int_activity_daily",), variables=variables)
        with duckdb.connect(str(at.warehouse), read_only=True) as connection:
            return connection.execute(whole).fetchall()

    def feeds(rows: list[Any]) -> set[str]:
        return {row[0].split(".")[0] for row in rows}

    for at in (place, afresh):
        with duckdb.connect(str(at.warehouse)) as connection:
            connection.execute("create table mappings as from seeds.crm_activity_types")
            connection.execute("delete from seeds.crm_activity_types where source_table = 'task'")
    before = counted(place, first, {"sources": fewer})
    assert not feeds(before) & {"marketo", "linkedin_ads"}
    added = counted(place, second)
    assert feeds(added) >= {"marketo", "linkedin_ads", "salesforce"}
    assert added == counted(afresh, second)
    assert not [row for row in added if row[0] == "salesforce.task"]
    with duckdb.connect(str(place.warehouse)) as connection:
        connection.execute("delete from seeds.crm_activity_types")
        connection.execute("insert into seeds.crm_activity_types from mappings")
    mapped = counted(place, third, {"sources": fewer})
    assert not feeds(mapped) & {"marketo", "linkedin_ads"}
    assert min(row[1] for row in mapped if row[0] == "salesforce.task") < first


def test_an_account_that_goes_with_its_source_leaves_the_history_on_that_day(
    refreshed: Place, tmp_path: Path
) -> None:
    """And comes back with it; the rows of the days before stay as they were."""
    place = refreshed.copy(tmp_path / "place")
    day = REFRESHED[1]

    def history() -> tuple[set[Any], set[Any], set[Any]]:
        """Accounts of the day; those with an open row; those whose row ended on the day."""
        with duckdb.connect(str(place.warehouse), read_only=True) as connection:
            accounts, opened, ended = (
                {row[0] for row in connection.execute(sql).fetchall()}
                for sql in (
                    "select account_id from marts.accounts",
                    "select account_id from marts.account_activation_history"
                    " where valid_to is null",
                    f"select account_id from marts.account_activation_history"
                    f" where valid_to = '{day}'",
                )
            )
        return accounts, opened, ended

    before, opened, _ = history()
    assert opened == before
    looked_at = ("accounts", "account_activation_history")
    off = {"sources_off": OFF}
    compute(place, str(day), str(day), only=looked_at, variables=off)
    accounts, opened, ended = history()
    gone = before - accounts
    assert gone, "Salesforce alone knows some"
    assert opened == accounts
    assert gone <= ended
    compute(place, str(day), str(day), only=looked_at)
    assert history()[:2] == (before, before)


def test_a_part_in_a_purchase_is_as_sure_in_the_words_of_either_crm() -> None:
    with (PROJECT_DIR / "seeds" / "coverage" / "persona_roles.csv").open(newline="") as handle:
        means = {
            row["role"]: (row["persona"], row["confidence_share"]) for row in csv.DictReader(handle)
        }
    for ours, theirs in zip(PARTS, BUYING_ROLES, strict=True):
        said = means.get(theirs.lower().replace("_", " "))
        assert (theirs, said) == (theirs, means.get(ours.lower()))


def test_the_same_company_in_hubspot_has_the_same_account_marts(
    template: Place, tmp_path: Path
) -> None:
    places: list[Place] = []
    for crm in ("salesforce", "hubspot"):
        folder = tmp_path / crm
        plan = replace(COMPANY, crm=crm, campaigns=False, mishaps=False)
        simulate(plan, folder / "landing", folder / "truth", say=lambda _: None)
        place = template.copy(folder / "place", folder / "landing")
        compute(place, "2026-06-24", "2026-06-30")
        places.append(place)
    ours, theirs = (marts_without_ids(place.warehouse) for place in places)
    assert set(ours) == set(theirs)
    assert len(ours["accounts"]) > 60
    assert len({row[0] for row in ours["accounts"]}) == len(ours["accounts"]), "names tell apart"
    assert ours["account_touches"], "there are touches to compare"
    differences = {}
    for mart, rows in ours.items():
        only_ours = list(Counter(rows) - Counter(theirs[mart]))
        only_theirs = list(Counter(theirs[mart]) - Counter(rows))
        if only_ours or only_theirs:
            differences[mart] = (only_ours[:3], only_theirs[:3])
    assert differences == {}


def marts_without_ids(warehouse: Path) -> dict[str, Sequence[tuple[Any, ...]]]:
    """Rows of the account marts, accounts named by name and domain, floats to 6 decimals."""
    found: dict[str, Sequence[tuple[Any, ...]]] = {}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        names = dict(
            connection.execute(
                "select crm_account_id, max_by(account_name, valid_from) || ' of '"
                " || min(created_date) from intermediate.int_account_versions"
                " group by crm_account_id"
            ).fetchall()
        )
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where schema_name like 'marts%'"
            " order by table_name"
        ).fetchall()
        for schema, table in tables:
            if table in OTHER_MARTS:
                continue
            relation = connection.table(f"{schema}.{table}")
            if "segment_type" in relation.columns:
                relation = relation.filter("segment_type not in ('owner', 'deal_owner')")
            if table in COMPARED_ROWS:
                relation = relation.filter(COMPARED_ROWS[table])
            left_out = RECORD_IDS | {"hierarchy_path"} | OTHER_COLUMNS.get(table, set())
            kept = [name for name in relation.columns if name not in left_out]
            rows = relation.project(", ".join(f'"{name}"' for name in kept)).fetchall()
            found[table] = [
                tuple(_plain(name, value, names) for name, value in zip(kept, row, strict=True))
                for row in rows
            ]
    return found


def _plain(column: str, value: Any, names: dict[str, str]) -> Any:
    if column in ACCOUNT_IDS:
        return names.get(value, value)
    return round(value, 6) if isinstance(value, float) else value
