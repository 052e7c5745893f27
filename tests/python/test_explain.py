"""`make explain` on the small company as published: who is meant, which day, what goes wrong."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import REFRESHED
from marts import query
from rich.console import Console
from runner import Place

from orchestration.explain import ExplainError, explain, main
from orchestration.settings import Settings

FIRST, LAST = REFRESHED


def tell(settings: Settings, account: str, day: date | None = None, width: int = 200) -> str:
    console = Console(width=width, record=True, file=StringIO())
    explain(settings, account, day, console)
    return console.export_text()


@pytest.fixture(scope="module")
def account(refreshed: Place) -> dict[str, str]:
    """A target in the gap that is in the CRM, with an own domain, points of signal and a play."""
    ((account_id, crm_id, domain, name, why),) = query(
        refreshed.published,
        """
        select
            accounts.account_id, salesforce_account_id, primary_domain, account_name,
            account_activation.why
        from marts.accounts
        inner join marts.account_activation using (account_id)
        inner join marts.account_signals using (account_id)
        inner join marts.account_plays using (account_id)
        where decision = 'pursue' and due_on is not null
            and is_target and primary_driver is not null and salesforce_account_id is not null
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


def part(story: str, title: str) -> str:
    """The words under a title, on one line."""
    return " ".join(story.split(f"\n\n{title}\n")[1].split("\n\n")[0].split())


def row_of(refreshed: Place, mart: str, account_id: str, columns: str) -> tuple[Any, ...]:
    (row,) = query(
        refreshed.published, f"select {columns} from marts.{mart} where account_id = '{account_id}'"
    )
    return tuple(row)


def test_a_narrow_terminal_shows_every_word(refreshed: Place, account: dict[str, str]) -> None:
    story = tell(refreshed.settings, account["id"], width=80)
    assert max(map(len, story.splitlines())) <= 80
    assert "…" not in story
    plays = part(story, "Plays")
    play, due, rule, why = row_of(
        refreshed, "account_plays", account["id"], "play_id, due_on, rule_reason, why"
    )
    assert f"play {play}:" in plays
    assert f"due on {due}" in plays
    assert rule in plays
    assert f"why {why}" in plays


def test_it_tells_timing_paths_effort_and_what_changed(
    refreshed: Place, account: dict[str, str]
) -> None:
    story = tell(refreshed.settings, account["id"], width=80)
    reason, opens = row_of(
        refreshed, "account_timing", account["id"], "timing_reason, next_window_opens_on"
    )
    assert f"reason {reason}" in part(story, "Timing")
    assert opens is None or f"opens next {opens}" in part(story, "Timing")
    (path,) = row_of(refreshed, "account_activation_paths", account["id"], "what_it_takes")
    assert path in part(story, "What it would take")
    touches, last = row_of(refreshed, "account_effort", account["id"], "touches, last_touch_on")
    effort = part(story, "Effort")
    assert f"{touches} touches of ours" in effort if touches else "No touch of ours" in effort
    assert last is None or f"the last on {last}" in effort
    assert "Last touches" in story
    status, ratio, web = row_of(
        refreshed,
        "account_signals",
        account["id"],
        "momentum_status, momentum_ratio, web_evidence_on",
    )
    signals = part(story, "Signals")
    if status == "measured":
        assert f"momentum {ratio:.2f} (1 is steady)" in signals
    else:
        assert "Spike and momentum cannot be told" in signals
    assert web is None or f"web {web}" in signals


def test_it_tells_who_should_answer_what_came_in(refreshed: Place) -> None:
    """Of an account that asked, and of one that did not nothing."""
    ((asked, day, route, outcome),) = query(
        refreshed.published,
        "select account_id, act_date, route, outcome from marts.inbound_routing"
        " order by account_id, act_date limit 1",
    )
    inbound = part(tell(refreshed.settings, asked, width=80), "Inbound")
    assert str(day) in inbound
    assert f"to {route}" in inbound
    assert outcome in inbound
    ((silent,),) = query(
        refreshed.published,
        "select account_id from marts.accounts where account_id not in"
        " (select account_id from marts.inbound_routing) order by account_id limit 1",
    )
    assert "\nInbound\n" not in tell(refreshed.settings, silent, width=80)


@pytest.mark.parametrize(
    ("signals", "words"),
    [
        (
            "momentum_status = 'measured', is_spiking = true, momentum_ratio = 2.5,"
            " is_first_signal = true, is_return_after_silence = false",
            "Spike; momentum 2.50 (1 is steady); its first signal ever.",
        ),
        (
            "momentum_status = 'measured', is_spiking = false, momentum_ratio = 1,"
            " is_first_signal = false, is_return_after_silence = true",
            "No spike; momentum 1.00 (1 is steady); back after silence.",
        ),
        (
            "momentum_status = 'stale_feed', is_spiking = null, momentum_ratio = null,"
            " is_first_signal = false, is_return_after_silence = false",
            "Spike and momentum cannot be told: a feed that would show acts is stale.",
        ),
        (
            "momentum_status = 'cannot_see', is_spiking = null, momentum_ratio = null,"
            " is_first_signal = false, is_return_after_silence = false",
            "Spike and momentum cannot be told: no channel would see it act.",
        ),
    ],
)
def test_it_tells_spikes_only_where_they_could_be_seen(
    refreshed: Place, account: dict[str, str], tmp_path: Path, signals: str, words: str
) -> None:
    settings = replace(refreshed.settings, published_dir=tmp_path)
    shutil.copy(refreshed.published, settings.published_path)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{settings.published_path}' as copied")
        connection.execute(f"update copied.marts.account_signals set {signals}")
    assert words in part(tell(settings, account["id"], width=80), "Signals")


def test_an_id_in_small_letters_is_found_if_it_is_one(
    refreshed: Place, account: dict[str, str], tmp_path: Path
) -> None:
    story = tell(refreshed.settings, account["id"])
    assert tell(refreshed.settings, account["crm"].lower()) == story
    # Fifteen letters tell two records apart by their case alone, the last three of eighteen say it.
    settings = replace(refreshed.settings, published_dir=tmp_path)
    shutil.copy(refreshed.published, settings.published_path)
    ((other,),) = query(
        refreshed.published,
        f"select account_id from marts.accounts where account_id != '{account['id']}' limit 1",
    )
    with duckdb.connect() as connection:
        connection.execute(f"attach '{settings.published_path}' as copied")
        for crm_id, owner in (("001aB0000000001AAC", account["id"]), ("001Ab0000000001AAE", other)):
            connection.execute(
                "update copied.marts.account_crosswalk set crm_account_id = ? where account_id = ?",
                [crm_id, owner],
            )
    with pytest.raises(ExplainError, match="may be any of 2 accounts"):
        tell(settings, "001ab0000000001")
    for given in ("001aB0000000001", "001ab0000000001aac"):
        assert tell(settings, given) == story


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
    assert f"{account['name']} ({account['id']}) on {FIRST}" in story
    assert "A target in the gap, held back by" in story
    for later in ("Plays", "What it would take", "Effort", "Timing", "Signals", "Inbound"):
        assert f"\n{later}\n" not in story, "only today's is known"
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
