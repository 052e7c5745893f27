"""What nobody delivers is unknown and said: titles, contacts and intent that are not there.

Salesforce brings contacts without titles until the 12th and nobody of one account, its second
organisation contacts with titles from the start, HubSpot none with a title. Intent comes on the
14th. No feed is ever stale: there is an empty file on each day.
"""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pytest
from marts import let_go, query
from rich.console import Console
from runner import Place, compute, faults

from orchestration.commands.gap_report import _nothing_new, print_gap
from orchestration.engine.warehouse import connect
from orchestration.runs.publish import publish

FIRST, BEFORE, INTENT, LAST = "2026-03-06", "2026-03-11", "2026-03-14", "2026-03-20"
THEN = "2026-01-05T09:00:00Z"
DEAL = "Negotiation/Review,false,false,2026-06-30"
FILES = {
    "salesforce/account/loaded_date=2026-03-05/a.csv": (
        "id,name,website,created_date,system_modstamp",
        *(f"{name},{name},{name}-works.com,{THEN},{THEN}" for name in ("deal", "quiet", "hollow")),
    ),
    "salesforce/contact/loaded_date=2026-03-05/a.csv": (
        "id,account_id,email,title,created_date,system_modstamp",
        # What stands for no title is none.
        f"p1,deal,p1@deal-works.com,n/a,{THEN},{THEN}",
        f"p2,quiet,p2@quiet-works.com,,{THEN},{THEN}",
    ),
    "salesforce/contact/loaded_date=2026-03-12/a.csv": (
        "id,account_id,email,title,created_date,system_modstamp",
        f"p1,deal,p1@deal-works.com,Data Architect,{THEN},2026-03-12T09:00:00Z",
    ),
    "salesforce/opportunity/loaded_date=2026-03-05/a.csv": (
        "id,account_id,stage_name,is_won,is_closed,close_date,created_date,system_modstamp",
        f"d1,deal,{DEAL},{THEN},{THEN}",
    ),
    "salesforce@emea/account/loaded_date=2026-03-05/a.csv": (
        "id,name,website,created_date,system_modstamp",
        *(f"{name},{name},{name}-works.com,{THEN},{THEN}" for name in ("titled", "nobody")),
    ),
    "salesforce@emea/contact/loaded_date=2026-03-05/a.csv": (
        "id,account_id,email,title,created_date,system_modstamp",
        f"p1,titled,p1@titled-works.com,Chief Information Officer,{THEN},{THEN}",
    ),
    "salesforce@emea/opportunity/loaded_date=2026-03-05/a.csv": (
        "id,account_id,stage_name,is_won,is_closed,close_date,created_date,system_modstamp",
        f"d1,titled,{DEAL},{THEN},{THEN}",
    ),
    "hubspot/company/loaded_date=2026-03-05/a.csv": (
        "id,property_name,property_domain,property_createdate,property_hs_lastmodifieddate",
        f"71,bare,bare-works.com,{THEN},{THEN}",
    ),
    "hubspot/contact/loaded_date=2026-03-05/a.csv": (
        "id,property_email,property_associatedcompanyid,property_createdate,"
        "property_lastmodifieddate",
        f"81,p1@bare-works.com,71,{THEN},{THEN}",
    ),
    "intent/topic_scores/loaded_date=2026-03-14/a.csv": (
        "provider,domain,topic,report_date,score",
        "g2,elsewhere.com,data warehouse,2026-03-14,20",
    ),
}
LOOKED_AT = (
    "account_activation", "account_activation_history", "account_activation_paths",
    "account_coverage", "account_gap_drivers", "account_gap_history", "account_gap_movements",
    "account_persona_coverage", "account_plays", "accounts", "activation_gap",
    "activation_gap_drivers", "activation_levers", "database_buildout",
)  # fmt: skip


def deliver(folder: Path, until: str = LAST) -> Path:
    for file, lines in FILES.items():
        if file.split("loaded_date=")[1][:10] <= until:
            (folder / file).parent.mkdir(parents=True)
            (folder / file).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    for file, (header, *_) in FILES.items():
        table, first = file.removesuffix("/a.csv").split("/loaded_date=")
        for number in range(int(first[8:]) + 1, int(until[8:]) + 1):
            path = folder / table / f"loaded_date={until[:8]}{number:02}" / "nothing.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{header}\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def before(template: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The days up to the one before the titles come, of what was there by then."""
    folder = tmp_path_factory.mktemp("before")
    place = template.copy(folder / "place", deliver(folder / "landing", BEFORE))
    compute(place, FIRST, BEFORE)
    return place


@pytest.fixture(scope="module")
def whole(template: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """All days at once, of all that is delivered."""
    folder = tmp_path_factory.mktemp("whole")
    place = template.copy(folder / "place", deliver(folder / "landing"))
    compute(place, FIRST, LAST, only=LOOKED_AT)
    return place


def by_name(place: Place, columns: str, mart: str) -> dict[str, Any]:
    rows = query(
        place.warehouse,
        f"select accounts.account_name, {columns} from marts.accounts left join {mart}"
        " using (account_id) order by all",
    )
    return {name: tuple(rest) for name, *rest in rows}


def test_whose_coverage_is_unknown_and_why(before: Place, whole: Place) -> None:
    columns = "coverage_level, coverage_unknown_reason"
    unknown = ("unknown", "no_titles")
    nobody = ("unknown", "no_contacts_with_titles")
    known = ("minimal", None)
    assert by_name(before, columns, "account_coverage") == {
        "deal": unknown,
        "quiet": unknown,
        "hollow": nobody,
        "titled": known,
        "nobody": known,
        "bare": unknown,
    }
    assert by_name(whole, columns, "account_coverage") == {
        "deal": known,
        "quiet": known,
        "hollow": known,
        "titled": known,
        "nobody": known,
        "bare": unknown,
    }


def test_what_is_unknown_has_no_number(before: Place) -> None:
    nulls = query(
        before.warehouse,
        "select count(*), count(coverage_share), count(reached_coverage_share),"
        " count(engaged_coverage_share), count(covered_personas) from marts.account_coverage"
        " where coverage_level = 'unknown'",
    )
    assert nulls == [(4, 0, 0, 0, 0)]
    assert query(
        before.warehouse,
        "select count(covered_share), count(is_whitespace), count(expected_people)"
        " from marts.account_persona_coverage"
        " inner join marts.account_coverage using (account_id)"
        " where coverage_level = 'unknown'",
    ) == [(0, 0, 0)]
    # Of the two accounts whose coverage is known one has the one person on file.
    assert query(
        before.warehouse,
        "select coverage_known_accounts, required_personas > 0,"
        " round(2 * mean_coverage_share - (select max(coverage_share) from marts.account_coverage),"
        " 9) from marts_detail.database_buildout where segment_type = 'all'",
    ) == [(2, True, 0.0)]


def test_no_driver_and_no_price_rests_on_it(before: Place) -> None:
    drivers = query(
        before.warehouse,
        "select accounts.account_name, string_agg(driver, ' ' order by driver), sum(share)"
        " from marts.accounts inner join marts.account_gap_drivers using (account_id)"
        " group by all order by all",
    )
    no_signal = "no_signal_detected"
    assert drivers == [
        ("bare", no_signal, 1.0),
        ("hollow", no_signal, 1.0),
        ("nobody", f"insufficient_coverage {no_signal}", 1.0),
        ("quiet", no_signal, 1.0),
        ("titled", "insufficient_coverage", 1.0),
    ]
    assert query(
        before.warehouse,
        "select driver, gap_accounts, sole_blocker_accounts, expected_value_usd > 0"
        " from marts_detail.activation_levers order by all",
    ) == [("insufficient_coverage", 2, 1, True), (no_signal, 4, 3, None)]
    paths = by_name(before, "people_to_reach, what_it_takes", "account_activation_paths")
    assert paths["quiet"][0] is None
    assert "reach" not in paths["quiet"][1].split(".")[0]
    assert paths["quiet"][1].endswith(
        "Nobody knows who sits in its buying committee (no job titles delivered)."
    )
    assert query(
        before.warehouse,
        "select distinct target_gap, attributed from marts.activation_gap inner join ("
        "select as_of_date, sum(attributed_accounts) as attributed"
        " from marts.activation_gap_drivers where segment_type = 'all' group by all"
        ") using (as_of_date) where segment_type = 'all'",
    ) == [(5, 5.0)]


def test_every_sentence_says_it(before: Place) -> None:
    said = by_name(before, "why", "account_activation")
    unknown = "reach into its buying committee unknown"
    assert f"{unknown} (no job titles delivered)" in said["deal"][0]
    assert f"{unknown} (no contacts with job titles delivered)" in said["hollow"][0]
    assert "0% of its buying committee reached" in said["titled"][0]
    assert not query(
        before.warehouse, "select account_id from marts.account_plays where why is null"
    )


def test_the_data_tests_hold(before: Place) -> None:
    assert faults(before) == {}


def test_the_first_lines_say_what_is_missing(before: Place) -> None:
    settings = before.settings
    let_go(before.folder)
    with connect(before.warehouse) as warehouse:
        publish(warehouse, settings.published_dir)
    console = Console(width=500, record=True, file=StringIO())
    print_gap(settings.published_path, console)
    first, second, third, fourth, *_ = console.export_text().splitlines()
    assert first == (
        "Unknown: who sits in the buying committee of 4 of 6 targets (no job titles delivered for 3"
        " and no contacts with job titles delivered for 1). Neither their state nor what holds them"
        " back rests on it: 1 of them counts as activated by what people there did alone."
    )
    assert second.startswith("Unknown: which accounts you target (no target list delivered).")
    assert third.startswith("Unknown: who researches your topics elsewhere (no intent source")
    assert fourth.startswith("Activation gap")


def test_titles_that_come_change_no_day_before(before: Place, whole: Place) -> None:
    for mart in ("activation_gap", "activation_gap_drivers"):
        sql = f"select * exclude (ruleset_version) from {mart} where as_of_date <= '{BEFORE}'"
        rows = query(before.warehouse, f"{sql} order by all")
        assert rows, mart
        assert rows == query(whole.warehouse, f"{sql} order by all"), mart


def test_a_state_that_titles_end_is_not_the_accounts_doing(whole: Place) -> None:
    """The deal was enough while coverage was unknown; known, it reaches nobody."""
    history = query(
        whole.warehouse,
        "select state, valid_from::varchar, is_attribution_changed, decided_by, reason"
        " from marts.account_activation_history inner join marts.accounts using (account_id)"
        " where accounts.account_name = 'deal' order by valid_from",
    )
    assert [row[:4] for row in history] == [
        ("engaged", FIRST, False, None),
        ("warming", "2026-03-18", True, "coverage"),
    ]
    assert "reach into its buying committee unknown" in history[0][4]
    assert "became known or unknown who sits in its buying committee" in history[1][4]
    assert query(
        whole.warehouse,
        "select as_of_date::varchar, movement from marts_detail.account_gap_movements"
        " where segment_type = 'all'",
    ) == [("2026-03-18", "rule_or_identity_change")]


def test_intent_that_comes_makes_silence_low_intent(whole: Place) -> None:
    assert query(
        whole.warehouse,
        "select signal_driver, min(history.as_of_date)::varchar"
        " from marts_detail.account_gap_history as history"
        " inner join marts.accounts using (account_id)"
        " where accounts.account_name = 'quiet' group by 1 order by 2",
    ) == [("no_signal_detected", FIRST), ("low_intent", INTENT)]
    assert query(
        whole.warehouse,
        "select distinct cause from marts.account_gap_drivers where driver = 'no_signal_detected'",
    ) == [(None,)]


@pytest.mark.parametrize("cut", [BEFORE, "2026-03-17"])
def test_a_range_is_its_days(template: Place, whole: Place, tmp_path: Path, cut: str) -> None:
    place = template.copy(tmp_path / "place", whole.landing)
    after = f"{cut[:8]}{int(cut[8:]) + 1:02}"
    for start, end in ((FIRST, cut), (after, LAST)):
        compute(place, start, end, only=LOOKED_AT)
    for mart in LOOKED_AT:
        sql = f"select * from {mart} order by all"
        assert query(place.warehouse, sql) == query(whole.warehouse, sql), mart


def test_files_that_end_long_before_the_day_are_told() -> None:
    with duckdb.connect() as connection:
        connection.execute("create table account_touches (touch_date date)")
        connection.execute("create table account_signals (as_of_date date, last_signal_date date)")
        connection.execute("insert into account_signals values ('2026-11-30', '2026-10-31')")
        assert _nothing_new(connection) == []
        connection.execute("update account_signals set last_signal_date = '2026-06-03'")
        (told,) = _nothing_new(connection)
        assert "is of 2026-06-03, 180 days before 2026-11-30" in told
        assert "END_DATE=2026-06-03" in told
        connection.execute("insert into account_touches values ('2026-11-20')")
        assert _nothing_new(connection) == []
