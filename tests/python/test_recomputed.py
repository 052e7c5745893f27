"""The marts' main numbers equal those recomputed from the landing files by other means.

`recomputed` shares nothing with the project but its documents, seeds and vars. It is compared with
two simulated companies: the one other tests refresh, and one with two CRMs over a week.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import REFRESHED, Company, Once
from recomputed.files import read
from recomputed.gap import ACTIVATED, STATES, Gap, History, highest, history
from recomputed.plays import done_on, plays
from recomputed.rules import constants, rules
from runner import Place, Runs, compute

from orchestration.demo.company import Plan
from orchestration.demo.simulate import simulate

# Every account is compared, of each company at least so many.
ACCOUNTS = 50
# A week from Monday to Sunday; the day before is where it opens.
WEEK = (date(2026, 6, 7), date(2026, 6, 14))
# From the first day that is delivered by itself to the last.
SEASON = (date(2026, 6, 1), date(2026, 6, 30))
OF_SEASON = (
    "accounts",
    "account_plays",
    "inbound_routing",
    "int_account_gap_days",
    "research_queue",
)
TWO_CRMS = Plan(accounts=60, months=12, activities=8_000, seed=11, crm="both")
MARTS = (
    "accounts",
    "account_activation",
    "account_coverage",
    "account_decisions",
    "account_fit",
    "account_gap_drivers",
    "account_readiness",
    "account_signals",
    "activation_gap_movements",
)
# Marts round to six decimals; points are sums of integers of hundredths of a point.
ROUNDED, POINTS = 2e-6, 2e-3


@dataclass(frozen=True)
class Compared:
    """Marts beside what was recomputed of the same days."""

    marts: Path
    days: History
    first: date
    last: date

    @property
    def there(self) -> Gap:
        return self.days.days[self.last]

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with duckdb.connect(str(self.marts), read_only=True) as connection:
            found = connection.execute(sql)
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.fixture(scope="module")
def one_crm(company: Company, refreshed: Place) -> Compared:
    days = history(read(company.landing, REFRESHED[1]), *REFRESHED)
    return Compared(refreshed.warehouse, days, *REFRESHED)


@pytest.fixture(scope="module")
def two_crms(runs: Runs, template: Place, once: Once) -> Compared:
    def make(folder: Path) -> None:
        simulate(TWO_CRMS, folder / "landing", folder / "truth", say=lambda _: None)
        place = template.copy(folder / "place", folder / "landing")
        days = [str(day) for day in WEEK]
        runs.start(compute, place, *days, only=MARTS).result().check()

    folder = once("recomputed", make)
    place = Place(folder / "place", folder / "landing")
    return Compared(place.warehouse, history(read(place.landing, WEEK[1]), *WEEK), *WEEK)


@pytest.fixture(params=["one_crm", "two_crms"])
def compared(request: pytest.FixtureRequest) -> Compared:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Compared)
    return found


def differences(
    mart: Iterable[Mapping[str, Any]], recomputed: Mapping[str, Mapping[str, Any]], within: float
) -> list[str]:
    """In which columns rows of a mart are not what was recomputed, by account."""
    found = []
    for row in mart:
        account = row["account_id"]
        for name, value in row.items():
            other = recomputed[account].get(name) if name != "account_id" else account
            is_same = value == other
            if isinstance(value, float) and isinstance(other, int | float):
                is_same = abs(value - other) <= within
            if not is_same:
                found.append(f"{account} {name}: mart {value}, recomputed {other}")
    return found


def test_targets(compared: Compared) -> None:
    mart = {row["account_id"]: row["is_target"] for row in compared.rows("from marts.accounts")}
    assert set(mart) == compared.there.accounts
    assert {one for one, is_target in mart.items() if is_target} == compared.there.targets
    assert 0 < len(compared.there.targets) < len(mart)


def test_fit(compared: Compared) -> None:
    accounts = compared.there.accounts
    mart = compared.rows(
        "select account_id, fit_score, fit_tier, fits_icp, is_fit_assumed, fit_completeness_share"
        " from marts.account_fit"
    )
    assert len(mart) == len(accounts) >= ACCOUNTS
    assert differences(mart, {one: compared.there.fit(one) for one in accounts}, ROUNDED) == []
    assert len({row["fit_tier"] for row in mart}) >= 3


def test_strength(compared: Compared) -> None:
    accounts = compared.there.accounts
    recomputed = {one: compared.there.signals(one) for one in accounts}
    for signals in recomputed.values():
        signals["engaged_people"] = len(signals["engaged_people"])
        signals["signal_channels"] = signals["signal_channels"] or None
    mart = compared.rows(
        "select account_id, strength_score, signal_level, intent_points, engagement_points,"
        " engaged_people, nullif(signal_channels, '') as signal_channels, is_broad,"
        " last_buying_signal_date"
        " from marts.account_signals"
    )
    assert len(mart) == len(accounts) >= ACCOUNTS
    assert differences(mart, recomputed, POINTS) == []
    assert sum(row["strength_score"] > 0 for row in mart) > ACCOUNTS / 4


def test_coverage(compared: Compared) -> None:
    accounts = compared.there.accounts
    mart = compared.rows(
        "select account_id, coverage_share, reached_coverage_share, engaged_coverage_share,"
        " coverage_level from marts.account_coverage"
    )
    assert len(mart) == len(accounts) >= ACCOUNTS
    assert differences(mart, {one: compared.there.coverage(one) for one in accounts}, ROUNDED) == []
    assert sum(row["reached_coverage_share"] > 0 for row in mart) > ACCOUNTS / 4


def test_open_deals(compared: Compared) -> None:
    """A renewal is no deal of the pipeline."""
    mart = compared.rows("select account_id, open_deals from marts.account_decisions")
    recomputed = {
        one: sum(not deal.is_renewal for deal in compared.there.open_deals(one))
        for one in compared.there.accounts
    }
    of_mart = {row["account_id"]: row["open_deals"] or 0 for row in mart}
    assert {one: recomputed[one] for one in of_mart} == of_mart
    assert any(of_mart.values())


def test_states(compared: Compared) -> None:
    mart = {
        row["account_id"]: row["state"] for row in compared.rows("from marts.account_activation")
    }
    states = compared.days.states[compared.last]
    assert mart == {one: STATES[state.rank - 1]["state"] for one, state in states.items()}
    assert {"cold", "warming", "active"} <= set(mart.values())


def test_drivers_of_all_gap_accounts(compared: Compared) -> None:
    mart: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in compared.rows("from marts.account_gap_drivers"):
        columns = ("driver", "share", "is_primary", "is_sole_blocker")
        mart[row["account_id"]].append(tuple(row[name] for name in columns))
    gap = compared.days.gap(compared.last)
    assert {one: sorted(rows) for one, rows in mart.items()} == {
        one: sorted(compared.there.drivers(one)) for one in gap
    }
    assert len({driver for rows in mart.values() for driver, *_ in rows}) >= 4


def test_movements(one_crm: Compared, two_crms: Compared) -> None:
    """Of the last week; that of the first company opens on the first of its three days."""
    for compared in (one_crm, two_crms):
        (mart,) = compared.rows(
            "select opening_gap, listed, removed, activated, cooled, closing_gap,"
            " rule_or_identity_change, list_began from marts.activation_gap_movements"
            " where segment_type = 'all' qualify week_start_date = max(week_start_date) over ()"
        )
        assert mart.pop("rule_or_identity_change") == 0
        assert mart.pop("list_began") == 0
        assert mart == compared.days.movements(compared.first, compared.last)
    assert mart["activated"] or mart["cooled"]


def test_readiness(compared: Compared) -> None:
    accounts = compared.there.accounts
    mart = compared.rows(
        "select account_id, readiness_segment, decision_capacity, known_dimensions,"
        " cleared_dimensions, blocking_dimension"
        " from marts.account_readiness"
    )
    assert len(mart) == len(accounts) >= ACCOUNTS
    assert (
        differences(mart, {one: compared.there.readiness(one) for one in accounts}, ROUNDED) == []
    )
    assert sum(row["readiness_segment"] != "unknown" for row in mart) >= 2


@pytest.fixture(scope="module")
def season(runs: Runs, template: Place, once: Once, two_crms: Compared) -> Compared:
    """Long enough for plays to fall due and to be done; from the 21st on visits are missed."""
    landing = two_crms.marts.parent / "../landing"

    def make(folder: Path) -> None:
        place = template.copy(folder / "place", landing)
        days = [str(day) for day in SEASON]
        runs.start(compute, place, *days, only=OF_SEASON).result().check()

    warehouse = Place(once("season", make) / "place", landing).warehouse
    return Compared(warehouse, history(read(landing, SEASON[1]), *SEASON), *SEASON)


def test_states_while_a_feed_is_silent(season: Compared) -> None:
    """On each day: the state, and whether the missing visits hold it or could have raised it."""
    assert season.there.silent.keys() == {"segment.pages"}
    mart = {
        (row["account_id"], row["as_of_date"]): (row["state"], row["is_held"], row["risen"])
        for row in season.rows(
            "select account_id, as_of_date, state, is_held, may_have_risen as risen"
            " from intermediate.int_account_gap_days"
        )
    }
    activated = int(ACTIVATED["state_rank"])
    found = {}
    for on, there in season.days.days.items():
        for account, state in season.days.states[on].items():
            keeps = highest(there.facts(account), constants()["keep_factor"])
            found[account, on] = (
                STATES[state.rank - 1]["state"],
                keeps < state.rank <= there.held_rank(account),
                state.rank < activated <= there.reachable_rank(account),
            )
    assert {key: row for key, row in found.items() if mart[key] != row} == {}
    assert mart.keys() == found.keys()
    assert any(is_held for _, is_held, _ in found.values())


def test_a_play_is_overdue_where_nothing_was_done_and_nowhere_else(season: Compared) -> None:
    """Which play, since when it is needed and when it is due are read off the files.

    Whom there is time to ask is given.
    """
    asked = {
        row["account_id"] for row in season.rows("from marts.research_queue where is_within_budget")
    }
    recomputed = plays(season.days, asked)
    mart = {row["account_id"]: row for row in season.rows("from marts.account_plays")}
    assert mart.keys() == recomputed.keys()
    leads = {row["play_id"]: row for row in rules()["plays"]}
    wrong, judged = [], Counter[tuple[bool, bool]]()
    for account, row in mart.items():
        play = recomputed[account]
        is_due = play.due_on is not None
        expected = (play.play_id, play.due_on, play.since if is_due else None)
        told = (row["play_id"], row["due_on"], row["play_since"])
        is_late = play.due_on is not None and play.due_on < season.last
        if expected != told or row["is_overdue"] != is_late:
            wrong.append((account, told, expected))
        if is_due:
            done = done_on(season.there, account, leads[play.play_id])
            judged[row["is_overdue"], bool(done and done >= play.since)] += 1
    assert wrong == []
    # A month is too short for what was done to be due again, and late.
    cases = [(True, False), (False, False), (False, True)]
    assert all(judged[case] >= 3 for case in cases), judged


def test_what_inbound_calls_an_answer_is_one_for_the_plays(season: Compared) -> None:
    """An addressed touch or a meeting of a function that should answer, by the files."""
    answers = season.rows(
        "select account_id, expected_functions, first_expected_touch_on from marts.inbound_routing"
        " where outcome in ('answered_in_time', 'answered_late')"
    )
    assert len(answers) >= 5
    for row in answers:
        assert any(
            on == row["first_expected_touch_on"]
            and kind == "addressed"
            and function in row["expected_functions"].split("|")
            for on, function, kind in season.there.work(row["account_id"])
        ), row


def test_recomputing_imports_nothing_of_what_it_checks() -> None:
    libraries = {"pyarrow", "recomputed", "scipy", "tldextract", "yaml"}
    allowed = libraries | set(sys.stdlib_module_names) - {"importlib", "runpy", "subprocess"}
    folder = Path(__file__).parent / "recomputed"
    imported = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path.name} imports by a relative name"
                imported.add((node.module or "").split(".")[0])
    assert imported
    assert imported - allowed == set()
    # Nor does it read the models' or macros' text.
    for path in folder.glob("*.py"):
        assert not {"models", "macros"} & {
            node.value.split("/")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
