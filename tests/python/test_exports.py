"""What goes out beside the published marts: exports of a second day, and no person in them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from conftest import REFRESHED, Company
from marts import query, tables
from runner import Place, compute

FEED = "select * exclude (ruleset_version) from exports.account_change_feed order by change_id"
LAST = REFRESHED[1]
NEXT = LAST + timedelta(days=1)
LOOKED_AT = (
    "account_activation",
    "account_fit",
    "account_plays",
    "account_decisions",
    "account_change_feed",
    "salesforce_account_fields",
    "hubspot_company_properties",
)
SEEN = """
    select activation.account_id, activation.state, activation.primary_driver, fit.fit_tier,
        plays.play_id, plays.due_on, decisions.decision, decisions.readiness_segment,
        decisions.revisit_on
    from marts.account_activation as activation
    inner join marts.account_fit as fit using (account_id)
    inner join marts.account_plays as plays using (account_id)
    inner join marts.account_decisions as decisions using (account_id)
    where plays.play_decision != 'withheld'
"""


@pytest.fixture(scope="module")
def next_day(company: Company, refreshed: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The refreshed company one day on."""
    folder = tmp_path_factory.mktemp("next")
    place = refreshed.copy(folder / "place", company.until(NEXT, folder / "landing"))
    compute(place, str(NEXT), str(NEXT), only=LOOKED_AT)
    return place


def parquet(place: Place, file: str, columns: str) -> list[tuple[object, ...]]:
    return duckdb.sql(f"select {columns} from '{place.published.parent / file}'").fetchall()


def test_the_first_export_holds_every_account_once(refreshed: Place) -> None:
    rows = query(refreshed.warehouse, "select change, version from exports.account_change_feed")
    accounts = query(refreshed.published, "select count(*) from marts.accounts")[0][0]
    assert rows == [("created", 1)] * accounts


def test_the_next_day_brings_versions_of_what_changed_and_nothing_else(
    refreshed: Place, next_day: Place
) -> None:
    before = {row[0]: row[1:] for row in query(refreshed.published, SEEN)}
    after = {row[0]: row[1:] for row in query(next_day.warehouse, SEEN)}
    changed = {account for account in before | after if before.get(account) != after.get(account)}
    assert changed
    assert len(changed) < len(after)
    rows = query(
        next_day.warehouse,
        f"select account_id, version from exports.account_change_feed where as_of_date = '{NEXT}'",
    )
    assert dict(rows) == {account: 2 if account in before else 1 for account in changed}
    # Only their records are to be written, in both CRMs.
    for table in ("salesforce_account_fields", "hubspot_company_properties"):
        written = query(next_day.warehouse, f"select account_id, version from exports.{table}")
        assert {account for account, _ in written} <= changed
        assert set(written) <= set(rows)


def test_a_day_run_again_changes_nothing(next_day: Place, tmp_path: Path) -> None:
    again = next_day.copy(tmp_path / "again")
    compute(again, str(NEXT), str(NEXT), only=LOOKED_AT)
    assert query(again.warehouse, FEED) == query(next_day.warehouse, FEED)


def test_no_person_stands_in_the_published_file_or_in_an_export(refreshed: Place) -> None:
    listed = "restricted/contacts_to_reach.parquet"
    contacts = {
        str(id_)
        for row in parquet(refreshed, listed, "crm_contact_id, record_id")
        for id_ in row
        if id_ is not None
    }
    assert contacts
    people = contacts | {
        str(email)
        for (email,) in query(
            refreshed.warehouse, "select distinct email from intermediate.int_people"
        )
        if email
    }
    read = [("published", refreshed.published, name) for name in tables(refreshed.published)]
    read += [
        ("exports", refreshed.warehouse, name) for name in tables(refreshed.warehouse, ["exports"])
    ]
    found = [
        (where, table, value)
        for where, path, table in read
        for row in query(path, f"select columns(c -> true) from {table}")
        for value in row
        if isinstance(value, str) and value in people
    ]
    assert found == []
    assert not any("@" in contact for contact in contacts)
    file = refreshed.published.parent / "restricted" / "contacts_to_reach.parquet"
    names = {name for name, *_ in duckdb.sql(f"describe select * from '{file}'").fetchall()}
    assert names.isdisjoint({"email", "name", "first_name", "last_name", "title", "phone"})
