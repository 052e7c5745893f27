"""The feed that stops cools nobody: no account that it gave signal moves down while it is stale.

The simulated company's page views stop on the 19th of June and stay away. The same days without the
hold show that some accounts would have cooled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from conftest import Company
from marts import Rows, one, query
from runner import Place, Runs, compute

FEED = "segment.pages"
FIRST, LAST = date(2026, 6, 12), date(2026, 7, 20)
HOLD_DAYS = 30


@dataclass(frozen=True)
class Stopped:
    """held: the warehouse by the rules; let_go: without the hold. silent_from: first stale day."""

    held: Path
    let_go: Path
    silent_from: date

    @property
    def held_until(self) -> date:
        """The day after the last on which this feed holds anything."""
        return self.silent_from + timedelta(days=HOLD_DAYS)

    def falls(self, path: Path) -> Rows:
        """Accounts with signal from the feed in 90 days that moved down while it was stale."""
        return query(
            path,
            f"""
            select distinct history.account_id, history.valid_from, previous_state, state
            from marts.account_activation_history as history
            inner join intermediate.int_account_acts as acts
                on history.account_id = acts.account_id and acts.feed = '{FEED}'
                and acts.base_points_h > 0
                and history.valid_from >= acts.valid_from
                and history.valid_from < least(acts.valid_to, acts.occurred_date + 90)
            where history.valid_from >= date '{self.silent_from}'
                and history.valid_from < date '{self.held_until}'
                and list_position({RANKS}, state) < list_position({RANKS}, previous_state)
            """,
        )


RANKS = "['cold', 'warming', 'active', 'engaged']"


@pytest.fixture(scope="module")
def stopped(
    company: Company, runs: Runs, template: Place, tmp_path_factory: pytest.TempPathFactory
) -> Stopped:
    folder = tmp_path_factory.mktemp("stopped")
    held = template.copy(folder / "held", company.landing)
    let_go = template.copy(folder / "let go", company.landing)
    days = (str(FIRST), str(LAST))
    started = [
        runs.start(compute, held, *days),
        runs.start(compute, let_go, *days, variables={"stale_hold_days": 0}),
    ]
    for run in started:
        run.result().check()
    last_delivery = one(
        held.warehouse,
        "select max(delivery_day) from raw_landing.files"
        " where source || '.' || table_name = 'segment.pages' and status = 'loaded'",
    )
    freshness = one(
        held.warehouse, "select freshness_days from seeds.feeds where table_name = 'pages'"
    )
    return Stopped(held.warehouse, let_go.warehouse, last_delivery + timedelta(days=freshness + 1))


def test_the_feed_stops_inside_the_range(stopped: Stopped) -> None:
    assert stopped.silent_from > FIRST
    assert stopped.held_until == LAST + timedelta(days=1)
    assert one(stopped.held, "select is_stale from marts.data_health where table_name = 'pages'")


def test_nobody_cools_while_the_feed_is_stale(stopped: Stopped) -> None:
    assert stopped.falls(stopped.held) == []


def test_without_the_hold_some_would_have_cooled(stopped: Stopped) -> None:
    assert stopped.falls(stopped.let_go)


def test_accounts_say_what_holds_them(stopped: Stopped) -> None:
    """On the last day of the hold: whoever had signal from the feed and can fall names it."""
    paused = query(
        stopped.held,
        "select account_id, contains(paused_by, 'segment.pages')"
        " from marts.account_activation where is_downgrade_paused",
    )
    had_signal = query(
        stopped.held,
        f"""
        select distinct account_id from intermediate.int_account_acts
        inner join marts.account_activation using (account_id)
        where feed = '{FEED}' and base_points_h > 0 and state != 'cold'
            and date '{LAST}' >= valid_from and date '{LAST}' < least(valid_to, occurred_date + 90)
        """,
    )
    assert len(had_signal) > 10
    assert {account_id for (account_id,) in had_signal} == {
        account_id for account_id, names_it in paused if names_it
    }
    assert not query(
        stopped.held,
        "select * from marts.account_activation"
        " where is_downgrade_paused != (paused_by is not null)",
    )
    assert not query(
        stopped.let_go, "select * from marts.account_activation where is_downgrade_paused"
    )
