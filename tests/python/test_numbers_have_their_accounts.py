"""The queries of docs/marts.md that list the accounts behind a number list as many as it says."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pytest
from marts import query
from runner import Place

from orchestration.runs.publish import open_published
from orchestration.settings import PROJECT_DIR

DOCS = (PROJECT_DIR / "docs" / "marts.md").read_text(encoding="utf-8")
COUNTED, MOVED = re.findall(r"```sql\n(select account_id.*?)```", DOCS, flags=re.DOTALL)
NUMBERS = re.findall(r"^\| `(activation_gap\w*)\.(\w+)` \| `(.+)` \|$", DOCS, flags=re.MULTILINE)


def listed(connection: duckdb.DuckDBPyConnection, sql: str, **given: Any) -> list[Any]:
    named = {name: value for name, value in given.items() if f"${name}" in sql}
    return connection.execute(sql, named).fetchall()


@pytest.mark.parametrize(("mart", "number", "condition"), NUMBERS)
def test_a_number_of_the_gap(refreshed: Place, mart: str, number: str, condition: str) -> None:
    drivers = ", driver" if mart == "activation_gap_drivers" else ", null"
    numbers = query(
        refreshed.published,
        f"select as_of_date, segment_type, segment_value, {number}{drivers} from {mart}"
        " where segment_type in ('all', 'region', 'owner')",
    )
    # No feed is stale on the days of this company.
    of_stale_feeds = ("held_accounts", "may_have_risen_accounts")
    assert any(row[3] for row in numbers) == (number not in of_stale_feeds)
    with open_published(refreshed.published) as connection:
        for day, kind, value, count, driver in numbers:
            column = {"all": "'all'", "owner": "owner_id"}.get(kind, kind)
            sql = COUNTED.replace("coalesce(region,", f"coalesce({column},")
            sql = sql.replace("and is_gap ", f"and {condition} ")
            assert condition in sql
            accounts = listed(connection, sql, day=day, value=value, driver=driver)
            assert len(set(accounts)) == len(accounts) == count, (day, kind, value, driver)


def test_a_number_of_the_movements(refreshed: Place) -> None:
    signed = ("list_began", "rule_or_identity_change")
    kinds = ["listed", "removed", "activated", "cooled", *signed]
    weeks = query(
        refreshed.published,
        f"select week_start_date, segment_type, segment_value, {', '.join(kinds)}"
        " from marts.activation_gap_movements",
    )
    assert weeks
    with open_published(refreshed.published) as connection:
        for week, kind, value, *counts in weeks:
            for movement, count in zip(kinds, counts, strict=True):
                rows = listed(
                    connection, MOVED, week=week, type=kind, value=value, movement=movement
                )
                change = sum(row[2] for row in rows)
                assert (change if movement in signed else abs(change)) == count


def test_the_documents_name_all_numbers() -> None:
    assert len(NUMBERS) == 12
