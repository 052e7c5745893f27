"""`make explain` on the small company as published: who is meant, which day, what goes wrong."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from io import StringIO
from pathlib import Path

import duckdb
import pytest
from conftest import REFRESHED
from marts import query
from rich.console import Console
from runner import Place

from orchestration.explain import ExplainError, explain, main
from orchestration.settings import Settings

FIRST, LAST = REFRESHED


def tell(settings: Settings, account: str, day: date | None = None) -> str:
    console = Console(width=200, record=True, file=StringIO())
    explain(settings, account, day, console)
    return console.export_text()


@pytest.fixture(scope="module")
def account(refreshed: Place) -> dict[str, str]:
    """A target in the gap that is in the CRM, with an own domain and points of signal."""
    ((account_id, crm_id, domain, name, why),) = query(
        refreshed.published,
        """
        select accounts.account_id, salesforce_account_id, primary_domain, account_name, why
        from marts.accounts
        inner join marts.account_activation using (account_id)
        inner join marts.account_signals using (account_id)
        where is_target and primary_driver is not null and salesforce_account_id is not null
            and salesforce_account_id not like '%:%' and primary_domain is not null
            and intent_points + engagement_points > 0
        order by account_id limit 1
        """,
    )
    return {"id": account_id, "crm": crm_id, "domain": domain, "name": name, "why": why}


def test_the_latest_day_is_told_whole(refreshed: Place, account: dict[str, str]) -> None:
    story = tell(refreshed.settings, account["id"])
    assert account["name"] in story
    assert account["why"] in " ".join(story.split())
    for part in ("Points of fit", "Points of signal", "Personas", "States so far", "holds it back"):
        assert part in story
    drivers = query(
        refreshed.published,
        f"select driver from marts.account_gap_drivers where account_id = '{account['id']}'",
    )
    assert drivers
    assert all(driver in story for (driver,) in drivers)


def test_an_account_is_found_by_all_its_names(refreshed: Place, account: dict[str, str]) -> None:
    story = tell(refreshed.settings, account["id"])
    for given in (
        account["crm"],
        account["crm"][:15],
        account["domain"],
        f"https://www.{account['domain'].upper()}/about",
        account["name"].upper(),
    ):
        assert tell(refreshed.settings, given) == story


def test_the_latest_day_by_its_date_is_the_same(refreshed: Place, account: dict[str, str]) -> None:
    assert tell(refreshed.settings, account["id"], LAST) == tell(refreshed.settings, account["id"])


def test_a_day_before_is_told_as_far_as_history_goes(
    refreshed: Place, account: dict[str, str]
) -> None:
    story = tell(refreshed.settings, account["id"], FIRST)
    ((state, since, reason),) = query(
        refreshed.published,
        "select state, valid_from, reason from marts.account_activation_history"
        f" where account_id = '{account['id']}' and valid_from <= date '{FIRST}'"
        f" and (valid_to is null or valid_to > date '{FIRST}')",
    )
    assert f"{state} since {since}: {reason}." in " ".join(story.split())
    assert "A target in the gap, held back by" in story
    assert f"make as-of DATE={FIRST}" in story


def test_a_day_that_was_looked_back_at_is_told_from_its_copy(
    refreshed: Place, account: dict[str, str], tmp_path: Path
) -> None:
    settings = replace(refreshed.settings, published_dir=tmp_path)
    shutil.copy(refreshed.published, settings.published_path)
    day = date(2026, 6, 9)
    copy = tmp_path / "as_of" / str(day) / "marts.duckdb"
    copy.parent.mkdir(parents=True)
    shutil.copy(refreshed.published, copy)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{copy}' as copied")
        connection.execute(f"update copied.marts.accounts set as_of_date = date '{day}'")
    story = tell(settings, account["id"], day)
    assert f"As known then, from {copy}" in story
    assert "Points of fit" in story


@pytest.mark.parametrize(
    ("given", "day", "words"),
    [
        ("", None, "Which account?"),
        ("no such account", None, "No account is 'no such account'"),
        ("a", None, "may be any of"),
        ("the account", date(2030, 1, 1), "2030-01-01 is not stored"),
        ("the account", date(2020, 1, 1), "2020-01-01 is not stored"),
    ],
)
def test_what_cannot_be_told_says_why(
    refreshed: Place, account: dict[str, str], given: str, day: date | None, words: str
) -> None:
    name = account["id"] if given == "the account" else given
    with pytest.raises(ExplainError, match=words.replace("?", "[?]")):
        tell(refreshed.settings, name, day)


def test_the_command_says_that_nothing_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUBLISHED_DIR", str(tmp_path))
    monkeypatch.setenv("ACCOUNT", "acme.com")
    monkeypatch.setenv("DATE", "")
    assert main([]) == 2
    assert "Nothing is published" in capsys.readouterr().err
    monkeypatch.setenv("DATE", "June")
    assert main([]) == 2
    assert "DATE is 'June'" in capsys.readouterr().err
