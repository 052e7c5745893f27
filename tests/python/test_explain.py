"""`make explain` on the small company as published: who is meant, which day, what goes wrong."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import REFRESHED
from marts import query, tables
from rich.console import Console
from runner import Place

from orchestration.commands import refresh
from orchestration.commands.explain import DRIVER_WORDS, ExplainError, explain, main
from orchestration.commands.gap_report import print_gap, print_lost_rows
from orchestration.settings import PROJECT_DIR, PUBLISHED_FILE, Settings
from orchestration.stages import say
from orchestration.terminal import printable

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
            accounts.account_id, salesforce_account_id, primary_domain,
            accounts.account_name, account_activation.why
        from marts.accounts
        inner join marts.account_activation using (account_id)
        inner join marts.account_signals using (account_id)
        inner join marts.account_plays using (account_id)
        where play_decision = 'pursue' and due_on is not null
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


def test_the_drivers_of_a_day_before_are_in_the_words_of_the_marts(refreshed: Place) -> None:
    drivers = "select distinct driver, meaning from marts.account_gap_drivers"
    words = dict(query(refreshed.published, drivers))
    assert words
    assert words == {driver: DRIVER_WORDS[driver] for driver in words}


FIVE = ("State: ", "What holds it back: ", "Decision: ", "Next step: ", "Why now: ")


def five(story: str) -> list[str]:
    """The first five lines, each without its name."""
    lines = story.splitlines()
    assert [line[: len(name)] for line, name in zip(lines, FIVE, strict=False)] == [*FIVE]
    return [line[len(name) :] for line, name in zip(lines, FIVE, strict=False)]


def test_the_first_five_lines_say_what_counts(refreshed: Place, account: dict[str, str]) -> None:
    state, held, decision, step, why = five(tell(refreshed.settings, account["id"], width=40))
    ((name, since, driver, misfits, decided, decided_on, play, due, owner, said),) = query(
        refreshed.published,
        "select activation.state, state_since, meaning, misfits, decision, decision_since,"
        " play_name, due_on, accounts.owner_name, plays.why"
        " from marts.account_activation as activation"
        " inner join marts.accounts as accounts using (account_id)"
        " inner join marts.account_fit using (account_id)"
        " inner join marts.account_decisions using (account_id)"
        " inner join marts.account_plays as plays using (account_id)"
        " inner join marts.account_gap_drivers as drivers"
        " on activation.account_id = drivers.account_id and is_primary"
        f" where activation.account_id = '{account['id']}'",
    )
    assert state.startswith(f"{account['name']} has been {name} since {since}")
    assert "feed" not in state
    assert held.startswith(driver)
    assert (misfits is not None and misfits in held) == (driver == "it does not fit")
    assert decision.startswith(f"{decided} since {decided_on}")
    assert step.startswith(play)
    assert f"Due on {due}" in step or f"Overdue since {due}" in step
    assert f"{owner or 'nobody'} owns the account" in step
    assert said.startswith(why)
    assert "To do" not in why
    assert "keeps them from becoming" not in why


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (
            [
                "update marts.accounts set is_target = false",
                "delete from marts.account_gap_drivers",
            ],
            {1: "nothing, for it is not a target"},
        ),
        (["delete from marts.account_gap_drivers"], {1: "nothing, it is activated"}),
        (
            ["update marts.account_coverage set coverage_unknown_reason = 'no_titles'"],
            {1: "; nobody knows who sits in its buying committee (no job titles delivered)"},
        ),
        (
            [
                "update marts.account_gap_drivers set driver = 'poor_fit', meaning = 'no fit'",
                "update marts.account_fit set misfits = '1 employee, we serve 200 and more'",
            ],
            {1: "no fit (1 employee, we serve 200 and more)"},
        ),
        (
            ["update marts.accounts set owner_name = null"],
            {3: "; nobody owns the account. "},
        ),
        (
            [
                "update marts.account_plays set play_id = 'none',"
                " why = 'Excluded until 2026-08-01 (legal): nobody should act on them,"
                " whatever the decision.'"
            ],
            {
                3: "nobody has anything to do",
                4: "Excluded until 2026-08-01 (legal): nobody should act on them,"
                " whatever the decision",
            },
        ),
        (
            [
                "update marts.account_plays set play_id = 'none', play_decision = 'hold'",
                "update marts.account_decisions set revisit_on = '2026-09-05'",
            ],
            {2: " until 2026-09-05: ", 3: "nobody has anything to do before 2026-09-05"},
        ),
        (
            ["update marts.account_plays set due_on = null, is_overdue = false"],
            {3: ". No date"},
        ),
        (["update marts.account_plays set is_overdue = true"], {3: ". Overdue since "}),
        (
            [
                "update marts.account_activation set kept_by = 'stale_feed',"
                " paused_by = 'segment.pages'"
            ],
            {0: ", held there only because a feed stopped (segment.pages)"},
        ),
        (
            ["update marts.account_activation set kept_by = 'waiting_rule', days_below = 1"],
            {0: "; for 1 day now it has had too little to stay"},
        ),
        (["drop table marts.account_decisions"], {2: "nobody has made one"}),
    ],
)
def test_the_first_five_lines_of_odd_accounts(
    refreshed: Place,
    account: dict[str, str],
    tmp_path: Path,
    statements: list[str],
    words: dict[int, str],
) -> None:
    said = five(tell(altered(refreshed, tmp_path, *statements), account["id"]))
    assert all(said)
    for place, expected in words.items():
        assert expected in said[place]


def test_the_first_five_lines_of_an_account_that_is_gone(
    refreshed: Place, account: dict[str, str], tmp_path: Path
) -> None:
    settings = altered(
        refreshed, tmp_path, f"delete from marts.accounts where account_id = '{account['id']}'"
    )
    said = five(tell(settings, account["id"]))
    assert "is no longer an account on" in said[0]
    assert said[2:4] == ["nobody has one to make", "nobody has anything to do"]
    before = five(tell(settings, account["id"], FIRST))
    assert before[0].startswith(f"{account['id']} had been ")
    assert f"make as-of DATE={FIRST}" in before[3]


# An escape sequence, a tab, a line break, C1's own escape, a mark that turns the order round, half
# a character and rich's markup.
HOSTILE = "Ev\x1b[31mil\x1b]0;title\x07\t\n\x9b2J\u202emoc.emca[/bold]"
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\ud800-\udfff]")
SHOWN = "Ev\\x1b[31mil\\x1b]0;title\\x07\\x09\\x0a\\x9b2J\\u202emoc.emca[/bold]"


def test_no_name_rules_the_terminal(
    refreshed: Place,
    account: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All texts of the published file are hostile, and what is printed obeys none of them."""
    hostile = "'Ev' || chr(27) || '[31mil' || chr(27) || ']0;title' || chr(7) || chr(9) || chr(10)"
    hostile += " || chr(155) || '2J' || chr(8238) || 'moc.emca[/bold]'"
    columns = query(
        refreshed.published,
        "select table_schema || '.' || table_name, column_name from information_schema.columns"
        " where table_schema like 'marts%' and data_type = 'VARCHAR' and table_catalog = 'db'"
        " and (table_name like 'account%' or table_name in ('research_queue', 'load_audit',"
        " 'inbound_routing')) and column_name not in ('account_id', 'state', 'play_decision',"
        " 'momentum_status', 'segment_type', 'readiness_segment', 'kept_by', 'why', 'dimension',"
        " 'fate')",
    )
    settings = altered(
        refreshed,
        tmp_path,
        *(f"update {table} set {column} = {hostile}" for table, column in columns),
        f"update marts.account_plays set why = {hostile} || '. To do: ' || {hostile}",
        "update marts_detail.load_audit set share = 0.5, is_loss = true",
        "update marts_detail.research_scope set asked_accounts = 5",
    )
    console = Console(width=120, force_terminal=False, file=StringIO())
    for day in (None, FIRST):
        explain(settings, account["id"], day, console)
    print_gap(settings.published_path, console)
    print_lost_rows(settings.published_path, console)
    assert isinstance(console.file, StringIO)
    told = console.file.getvalue()
    assert OBEYED.findall(told) == []
    assert SHOWN in told
    monkeypatch.setenv("PUBLISHED_DIR", str(settings.published_dir))
    assert main([HOSTILE]) == 2
    assert OBEYED.findall(capsys.readouterr().err) == []


def test_what_is_said_of_files_and_failures_rules_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say(f"  note: {HOSTILE}\udcff.csv cannot be read")
    refresh._say_failure("It failed.", f"first {HOSTILE}\nsecond \x85 \u2028 line")
    said = capsys.readouterr()
    assert OBEYED.findall(said.out + said.err) == []
    assert f"  note: {SHOWN}\\udcff.csv cannot be read\n" == said.out
    # A message has lines of its own, so a line break in it stays one, set in like the others.
    assert said.err.count("\n") == 6
    assert "\n  \\x9b2J" in said.err


def test_letters_of_every_language_are_printed_as_they_are() -> None:
    # Polish, Chinese, Arabic, Persian with its joiner, an emoji made of two.
    for name in (
        "Łódź Śląsk",
        "中国银行",
        "\u0634\u0631\u0643\u0629",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "👩\u200d💻 AG",
        "O'Neil & Söhne",
    ):
        assert printable(name) == name


def part(story: str, title: str) -> str:
    """The words under a title, on one line."""
    return " ".join(story.split(f"\n\n{title}\n")[1].split("\n\n")[0].split())


def row_of(refreshed: Place, mart: str, account_id: str, columns: str) -> tuple[Any, ...]:
    (row,) = query(
        refreshed.published, f"select {columns} from {mart} where account_id = '{account_id}'"
    )
    return tuple(row)


def test_who_reads_the_first_lines_alone_is_told_of_no_error(
    refreshed: Place, account: dict[str, str]
) -> None:
    environment = {**os.environ, **refreshed.settings.as_environment()}
    command = f"{sys.executable} -m orchestration.commands.explain {account['id']}"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -1"],
        env={**environment, "PYTHONPATH": str(PROJECT_DIR), "PYTHONUNBUFFERED": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


def test_a_narrow_terminal_shows_every_word(refreshed: Place, account: dict[str, str]) -> None:
    story = tell(refreshed.settings, account["id"], width=80)
    assert max(map(len, story.splitlines()[5:])) <= 80
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
    ours = "1 touch of ours" if touches == 1 else f"{touches} touches of ours"
    assert (ours if touches else "We did not touch anybody there") in effort
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
        "select account_id, act_date, route, outcome from marts_detail.inbound_routing"
        " order by account_id, act_date limit 1",
    )
    inbound = part(tell(refreshed.settings, asked, width=80), "Inbound")
    assert str(day) in inbound
    assert f"to {route}".replace("_", " ") in inbound
    assert outcome.replace("_", " ") in inbound
    ((silent,),) = query(
        refreshed.published,
        "select account_id from marts.accounts where account_id not in"
        " (select account_id from marts_detail.inbound_routing) order by account_id limit 1",
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
            "Spike and momentum cannot be told: a feed that would show activities has stopped.",
        ),
        (
            "momentum_status = 'cannot_see', is_spiking = null, momentum_ratio = null,"
            " is_first_signal = false, is_return_after_silence = false",
            "Spike and momentum cannot be told: no channel would see its activities.",
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


def altered(refreshed: Place, folder: Path, *statements: str) -> Settings:
    """The settings of a copy of the published file in which the statements were run."""
    settings = replace(refreshed.settings, published_dir=folder)
    shutil.copy(refreshed.published, settings.published_path)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{settings.published_path}' as copied")
        connection.execute("set search_path = 'copied.marts,copied.marts_detail'")
        for statement in statements:
            connection.execute(statement)
    return settings


def test_it_tells_readiness_as_it_is_known(
    refreshed: Place, account: dict[str, str], tmp_path: Path
) -> None:
    """A number where somebody spoke about it, words where nobody did, and what was named once."""
    of_account = f"where account_id = '{account['id']}'"
    settings = altered(
        refreshed,
        tmp_path,
        "update marts.account_readiness set readiness_segment = 'blocked',"
        " decision_capacity = 0.03, interviews = 2, last_research_date = '2026-05-01',"
        f" why = 'Blocked by pressure.' {of_account}",
        "update marts.account_readiness_dimensions set mean_share = null, evidence_weight = 0,"
        " roles_heard = null, pressure_type = null, deadline_on = null, constraint_type = null,"
        f" expires_on = null {of_account}",
        "update marts.account_readiness_dimensions set mean_share = 0.26, lower_80_share = 0.05,"
        " upper_80_share = 0.52, evidence_weight = 0.85, respondents = 2,"
        " expires_on = '2026-08-01', roles_heard = 'champion, economic_buyer',"
        " last_heard_on = '2026-05-01',"
        " pressure_type = 'customer_demand', deadline_on = '2026-10-02',"
        f" constraint_type = 'political_cost' {of_account} and dimension = 'pressure'",
        "update marts.account_readiness_dimensions set mean_share = 0.5, lower_80_share = 0.2,"
        " upper_80_share = 0.8, evidence_weight = 0.1, respondents = 1, roles_heard = 'user',"
        f" last_heard_on = '2026-04-01' {of_account} and dimension = 'ownership'",
        "update marts.account_decisions set decision = 'hold', decision_since = '2026-05-01',"
        " revisit_on = '2026-08-01', previous_decision = 'research', holds = 2, is_stalled = null,"
        " is_under_served = false,"
        f" why = 'Hold until 2026-08-01: missing. Blocked by pressure. Came back.' {of_account}",
        "update marts_detail.account_effort set listed_on = '2026-01-10', selected_by = 'sales',"
        " selection_basis = 'look-alike', days_since_listed = 151, touches_since_listed = 30,"
        f" effort_since_listed_usd = 104.06 {of_account}",
    )
    story = tell(settings, account["id"], width=80)
    assert max(map(len, story.splitlines()[5:])) <= 80
    decision = part(story, "Decision")
    assert "decision hold since 2026-05-01" in decision
    assert "come back on 2026-08-01" in decision
    assert "times on hold 2" in decision
    assert "stalled cannot be told" in decision
    assert "why Hold until 2026-08-01: missing. Came back." in decision
    assert "why Blocked by pressure." in part(story, "Readiness")
    conditions = part(story, "The four conditions")
    assert "pressure 26% 5% - 52% 0.85 2 2026-08-01" in conditions
    assert "ownership 50% 20% - 80% 0.10 1 too little" in conditions
    assert "authority alignment nobody asked timing tolerance nobody asked" in conditions
    said = part(story, "What was said")
    assert (
        "pressure heard from champion, economic buyer, last on 2026-05-01; pressure customer"
        in said
    )
    assert "deadline 2026-10-02; constraint political cost" in said
    assert "ownership heard from user, last on 2026-04-01" in said
    assert "authority" not in said
    assert (
        "Listed on 2026-01-10 by sales; grounds: look-alike. Since then (151 days) 30 touches and"
        " about 104.06 USD" in part(story, "Effort")
    )


def test_research_that_is_old_is_told_from_none(
    refreshed: Place, account: dict[str, str], tmp_path: Path
) -> None:
    settings = altered(
        refreshed,
        tmp_path,
        "update marts.account_readiness set interviews = 0, last_research_date = '2025-05-01'",
        "update marts.account_readiness_dimensions set mean_share = null, evidence_weight = 0",
    )
    story = tell(settings, account["id"], width=80)
    assert max(map(len, story.splitlines()[5:])) <= 80
    assert "ownership nothing lately" in part(story, "The four conditions")
    assert "nobody asked" not in story


def test_it_tells_the_place_in_the_research_queue(
    refreshed: Place, account: dict[str, str], tmp_path: Path
) -> None:
    ((asked, rank, role, why, places),) = query(
        refreshed.published,
        "select account_id, rank, respondent_role, why,"
        " (select count(*) from marts.research_queue) from marts.research_queue where rank = 1",
    )
    question = part(tell(refreshed.settings, asked, width=80), "Whom to ask next")
    assert f"place {rank} of {places}, within the budget" in question
    assert f"role {role.replace('_', ' ')}" in question
    assert f"why {why}" in question
    emptied = "delete from marts.research_queue"
    words = {
        "update marts.account_plays set play_decision = 'pursue'": "no conversation could change",
        "update marts.account_plays set play_decision = 'withheld'": "the account is excluded",
        "update marts.accounts set is_target = false": "it is not a target",
    }
    for number, (statement, expected) in enumerate(words.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        settings = altered(refreshed, folder, emptied, statement)
        assert expected in part(tell(settings, account["id"]), "Whom to ask next")


def test_a_return_and_readiness_of_a_day_before_are_told(
    refreshed: Place, account: dict[str, str], tmp_path: Path
) -> None:
    """Of a day before, what was known then: nothing that came later."""
    settings = altered(
        refreshed,
        tmp_path,
        "delete from marts_detail.account_decision_history",
        "insert into marts_detail.account_decision_history by name select"
        f" '{account['id']}' as account_id, 'research' as decision, 'hold' as previous_decision,"
        f" true as is_return, date '{FIRST}' as valid_from, date '{LAST}' as valid_to,"
        " 'came back from hold: the day to look again has come' as reason",
        "insert into marts_detail.account_decision_history by name select"
        f" '{account['id']}' as account_id, 'pursue' as decision, date '{LAST}' as valid_from,"
        " 'later' as reason",
        "delete from marts_detail.account_readiness_history",
        "insert into marts_detail.account_readiness_history by name select"
        f" '{account['id']}' as account_id, 'blocked' as readiness_segment,"
        " 'timing_tolerance' as blocking_dimension, 3 as known_dimensions, 1 as cleared_dimensions,"
        " date '2026-08-01' as expires_on, true as is_single_voice,"
        f" date '{FIRST}' as valid_from, date '{LAST}' as valid_to",
    )
    story = " ".join(tell(settings, account["id"], FIRST).split())
    assert f"Decision research since {FIRST}: came back from hold: the day to look again" in story
    assert (
        f"Readiness blocked from {FIRST}, blocked by timing tolerance: 3 of 4 conditions known,"
        " 1 met; too old from 2026-08-01; it rests on one person." in story
    )
    assert "later" not in story
    before = " ".join(tell(settings, account["id"], date(2026, 6, 9)).split())
    assert "Readiness blocked" in before
    settings = altered(refreshed, tmp_path, "delete from marts_detail.account_readiness_history")
    assert "Readiness unknown" in tell(settings, account["id"], FIRST)


def test_a_file_of_an_older_version_is_told_without_readiness(
    refreshed: Place, account: dict[str, str], tmp_path: Path
) -> None:
    marts = (
        "account_decisions",
        "account_decision_history",
        "account_readiness",
        "account_readiness_dimensions",
        "account_readiness_history",
        "research_queue",
    )
    columns = (
        "listed_on",
        "selected_by",
        "selection_basis",
        "days_since_listed",
        "touches_since_listed",
        "effort_since_listed_usd",
    )
    settings = altered(
        refreshed,
        tmp_path,
        *(f"drop table {mart}" for mart in marts),
        *(f"alter table marts_detail.account_effort drop {column}" for column in columns),
    )
    for day in (None, FIRST):
        story = tell(settings, account["id"], day)
        assert account["name"] in story
        for title in ("Decision", "Decisions so far", "Readiness", "Whom to ask next"):
            assert f"\n{title}\n" not in story
        assert "Readiness unknown" not in story


def test_a_file_with_all_marts_in_one_schema_is_told_alike(
    refreshed: Place, account: dict[str, str], tmp_path: Path
) -> None:
    """As they stood in earlier releases."""
    details = tables(refreshed.published, ["marts_detail"])
    settings = altered(
        refreshed,
        tmp_path,
        *(f"create table marts.{mart.split('.')[1]} as from {mart}" for mart in details),
        "drop schema marts_detail cascade",
    )
    for day in (None, FIRST):
        assert tell(settings, account["id"], day) == tell(refreshed.settings, account["id"], day)
    assert printed(settings.published_path) == printed(refreshed.published)


def printed(published: Path) -> str:
    console = Console(width=80, record=True, file=StringIO())
    print_gap(published, console)
    return console.export_text()


def test_the_report_of_a_refresh_ends_with_whom_to_ask(refreshed: Place, tmp_path: Path) -> None:
    settings = altered(
        refreshed,
        tmp_path,
        "update marts_detail.research_scope set asked_accounts = 5, known_accounts = 4"
        " where segment_type = 'all'",
    )
    report = printed(settings.published_path)
    counts: dict[str, int] = dict(
        query(
            refreshed.published,
            "select decision, count(*) from marts.account_decisions"
            " inner join marts.accounts using (account_id) where is_target group by decision",
        )
    )
    words = ", ".join(f"{name} {counts.get(name, 0)}" for name in ("pursue", "research", "hold"))
    assert f"Decisions on targets: {words}" in report
    assert "told us whether they can decide: 4 of " in " ".join(report.split())
    ((name,),) = query(
        refreshed.published,
        "select account_name from marts.accounts inner join marts.research_queue using (account_id)"
        " where rank = 1",
    )
    assert f"  1. {name}: " in report
    assert "  4. " not in report


@pytest.mark.parametrize("risen", [0, 3])
@pytest.mark.parametrize("held", [0, 1, 2])
def test_the_report_says_what_stopped_feeds_hold(
    refreshed: Place, tmp_path: Path, held: int, risen: int
) -> None:
    settings = altered(
        refreshed,
        tmp_path,
        f"update marts.activation_gap set held_accounts = {held}, activated_accounts = 9,"
        f" target_gap = 51, target_gap_without_held = 51 + {held},"
        f" may_have_risen_accounts = {risen}, target_gap_if_risen = 51 - {risen},"
        " held_by = 'segment.pages since 2026-06-19'",
    )
    line = {
        0: "",
        1: "1 of the 9 activated counts only because a feed stopped (segment.pages since"
        " 2026-06-19). If it fell meanwhile, the gap is 52, not 51.",
        2: "2 of the 9 activated count only because a feed stopped (segment.pages since"
        " 2026-06-19). If they fell meanwhile, the gap is 53, not 51.",
    }[held]
    report = printed(settings.published_path)
    assert line in report
    assert ("only because a feed" in report) == bool(held)
    by = "" if held else " because a feed stopped (segment.pages since 2026-06-19)"
    unseen = f"3 of the gap may be active without our seeing it{by}. If they are, the gap is 48."
    assert (unseen in report) == bool(risen)


def test_the_report_says_where_to_start_where_nobody_was_asked(
    refreshed: Place, tmp_path: Path
) -> None:
    settings = altered(
        refreshed, tmp_path, "update marts_detail.research_scope set asked_accounts = 0"
    )
    report = " ".join(printed(settings.published_path).split())
    assert "Nobody inside a target has been asked yet: marts.research_queue says whom" in report
    assert "Ask next" not in report


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
                "update copied.marts_detail.account_crosswalk set crm_account_id = ?"
                " where account_id = ?",
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
    assert "A target in the gap. What held it back since" in story
    ((decision, judged_on, why),) = query(
        refreshed.published,
        "select decision, valid_from, reason from marts_detail.account_decision_history"
        f" where account_id = '{account['id']}' and valid_from <= date '{FIRST}'"
        f" and (valid_to is null or valid_to > date '{FIRST}')",
    )
    assert f"Decision {decision} since {judged_on}: {why}." in " ".join(story.split())
    assert "first decision" not in story  # the first that is stored, and no reason
    assert "what was decided before is not stored" in story.splitlines()[2]
    assert "Decisions so far" in story
    for later in (
        "Plays",
        "What it would take",
        "Effort",
        "Timing",
        "Signals",
        "Inbound",
        "Decision",
        "Readiness",
        "Whom to ask next",
    ):
        assert f"\n{later}\n" not in story, "only today's is known"
    assert f"make as-of DATE={FIRST}" in story


def test_a_day_that_was_looked_back_at_is_told_from_its_copy(
    refreshed: Place, account: dict[str, str], tmp_path: Path
) -> None:
    settings = replace(refreshed.settings, published_dir=tmp_path)
    shutil.copy(refreshed.published, settings.published_path)
    day = date(2026, 6, 9)
    copy = tmp_path / "as_of" / str(day) / PUBLISHED_FILE
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
