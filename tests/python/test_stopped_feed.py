"""Feeds of signal that stop for three weeks hold what they could have kept, and start smoothly.

All feeds that bring points stop after the 8th of June; what they would have brought comes with the
files of the 30th. One of them stays away. Each has an account of our own that has signal from it
alone, so that for these accounts the feeds stop in turn though they stop on one day. Beside it, the
same company whose feeds never stopped; and the same features without the hold, which the state
machine alone reads.

And companies of five seeds whose visits stop for three weeks, each beside the same one whose visits
go on: what the marts say that the gap may be holds what it is.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import log
from pathlib import Path

import duckdb
import pytest
from conftest import Company, Once
from marts import Rows, differences, query, read
from runner import Place, Runs, compute

from orchestration.demo.company import Plan
from orchestration.demo.simulate import simulate
from orchestration.rules.ruleset import state_rules
from orchestration.scoring.activation import CHECKPOINT_SCHEMA, FEATURES, advance
from orchestration.settings import PROJECT_DIR

ACTED = date(2026, 6, 7)
STOPPED = date(2026, 6, 8)  # the last day that is delivered
RESTARTED = date(2026, 6, 30)
LAST = date(2026, 7, 6)
ONE_DAY = timedelta(days=1)
ALL_STALE = STOPPED + timedelta(days=11)  # reports come weekly, and are waited for longest
STAYS_AWAY = "linkedin_ads.company_engagement"
# An account of our own by the feed that alone brings it signal, and what it acts with.
ACCOUNTS = {
    "pages": "segment.pages",
    "surges": "bombora.company_surge",
    "scores": "intent.topic_scores",
    "counts": "intent.topic_scores",
    "clicks": "marketo.activity_click_email",
    "forms": "marketo.activity_fill_out_form",
    "replies": "salesforce.task",
    "meetings": "salesforce.event",
    "webinars": "salesforce.campaign_member",
    "adverts": STAYS_AWAY,
}
FEEDS = sorted(set(ACCOUNTS.values()))
RANKS = "['cold', 'warming', 'active', 'engaged']"
SINCE = "2026-01-05T09:00:00Z"
# Companies large enough for the gap to move, from well before their visits stop.
COMPANY = Plan(accounts=600, months=6, activities=100_000, crm="both")
SILENT_DAYS = 21
SEEDS = (7, 11, 12, 13, 14)
COMPUTED = ("2026-05-01", "2026-06-30")

Row = Mapping[str, object]


# --- what is delivered ----------------------------------------------------------------------------


def account_id(name: str) -> str:
    return f"001{name:0<12}"


def planted(load_day: date) -> dict[str, list[Row]]:
    """Files of our own: three people at each account, and its acts of one day."""
    then = {"created_date": SINCE, "system_modstamp": SINCE, "is_deleted": "false"}
    now = {"created_date": f"{ACTED}T16:00:00Z", "system_modstamp": f"{ACTED}T16:00:00Z"}
    titles = ("Chief Information Officer", "Data Architect")

    def person(name: str, number: int) -> dict[str, object]:
        return {"id": f"003{name:0<11}{number}", "email": f"p{number}@{name}-works.com"}

    def domain(name: str) -> dict[str, object]:
        return {"domain": f"{name}-works.com", "report_date": ACTED}

    marketo = [
        {"id": f"lead-{name}", "email": person(name, number)["email"], "created_at": SINCE}
        | {"updated_at": SINCE, "sfdc_contact_id": person(name, number)["id"]}
        for name, number in (("clicks", 0), ("forms", 1))
    ]
    mailed = {"lead_id": "lead-clicks", "activity_date": f"{ACTED}T09:00:00Z"}
    crm_act = {"activity_date": ACTED, "is_deleted": "false", **now}
    in_load: dict[str, list[Row]] = {
        "salesforce/account": [
            {
                "id": account_id(name),
                "name": f"{name} works",
                "website": f"{name}-works.com",
                **then,
            }
            for name in ACCOUNTS
        ],
        "salesforce/contact": [
            {**person(name, number), "account_id": account_id(name), "title": title, **then}
            for name in ACCOUNTS
            for number, title in enumerate(titles)
        ],
        "salesforce/campaign": [{"id": "701planted00000", "type": "Webinar", **then}],
        "marketo/lead": marketo,
        "segment/identifies": [
            {"id": "planted", "anonymous_id": "planted", "received_at": SINCE}
            | {"email": person("pages", 0)["email"]}
        ],
    }
    acts: dict[str, list[Row]] = {
        "segment.pages": [
            {"id": f"planted-{number}", "anonymous_id": "planted", "context_page_path": "/blog"}
            | {"received_at": f"{ACTED}T1{number}:00:00Z", "timestamp": f"{ACTED}T1{number}:00:00Z"}
            for number in range(3)
        ],
        "bombora.company_surge": [
            {**domain("surges"), "topic": topic, "composite_score": 80}
            for topic in ("data warehouse", "data lakehouse", "data quality")
        ],
        "intent.topic_scores": [
            {**domain("scores"), "provider": "6sense", "topic": topic, "score": 95}
            for topic in ("data lakehouse platform", "business intelligence software")
        ]
        + [
            {**domain("counts"), "provider": "g2", "topic": topic, "interactions": 20}
            for topic in ("data warehouse", "etl tools", "analytics platforms")
        ],
        "marketo.activity_click_email": [
            {"id": f"click-{number}", "primary_attribute_value": f"Mail {number}", **mailed}
            for number in range(3)
        ],
        "marketo.activity_fill_out_form": [
            {"id": "form", "lead_id": "lead-forms", "activity_date": f"{ACTED}T09:00:00Z"}
        ],
        "salesforce.task": [
            {"id": f"00Tplanted{number}", "who_id": person("replies", 1)["id"], **crm_act}
            | {"type": "Reply", "status": "Completed", "subject": f"Re: {number}"}
            for number in range(2)
        ],
        "salesforce.event": [
            {
                "id": "00Uplanted",
                "who_id": person("meetings", 1)["id"],
                "type": "Meeting",
                **crm_act,
            }
        ],
        "salesforce.campaign_member": [
            {"id": "00Vplanted", "campaign_id": "701planted00000", "has_responded": "true", **now}
            | {"contact_id": person("webinars", 1)["id"], "first_responded_date": ACTED}
        ],
        STAYS_AWAY: [{"date": ACTED, "company_domain": "adverts-works.com", "clicks": 3}],
    }
    assert sorted(acts) == FEEDS
    files = {f"{name}/loaded_date={load_day}/planted.csv": rows for name, rows in in_load.items()}
    return files | {
        f"{feed.replace('.', '/')}/loaded_date={STOPPED}/planted.csv": rows
        for feed, rows in acts.items()
    }


def write(path: Path, rows: Sequence[Row], columns: Iterable[str] = ()) -> None:
    columns = dict.fromkeys(columns) | dict.fromkeys(name for row in rows for name in row)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(columns))
        writer.writeheader()
        writer.writerows(rows)


def deliver(company: Company, landing: Path, *, stops: bool) -> None:
    """The company's files and our own, those of the stopped weeks on their days or all at once."""
    for path in sorted(company.landing.rglob("loaded_date=*/*")):
        file = path.relative_to(company.landing)
        day = date.fromisoformat(path.parent.name.removeprefix("loaded_date="))
        feed = ".".join(file.parts[:2])
        target = landing / file
        if feed in FEEDS and day > STOPPED:
            if feed == STAYS_AWAY:
                continue
            if stops and day < RESTARTED:
                name = f"{day}-{path.name}"
                target = landing / file.parent.parent / f"loaded_date={RESTARTED}" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, target)
    mine = planted(company.load_day)
    for name, rows in mine.items():
        write(landing / name, rows)
    # An empty file is a delivery.
    for feed in set(FEEDS) - {STAYS_AWAY}:
        folder = feed.replace(".", "/")
        header = mine[f"{folder}/loaded_date={STOPPED}/planted.csv"][0]
        day = RESTARTED if stops else STOPPED + ONE_DAY
        while day <= LAST:
            write(landing / folder / f"loaded_date={day}" / "nothing.csv", [], header)
            day += ONE_DAY


# --- the runs -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stopped:
    """Warehouses: stopped, never_stopped. let_go: falls without the hold, account and day."""

    stopped: Path
    never_stopped: Path
    let_go: Rows

    def ours(self, names: Iterable[str]) -> dict[str, str]:
        """Our names by the ids of the accounts."""
        return {
            found: name
            for (found,) in query(self.stopped, "select account_id from marts.accounts")
            for name in names
            if account_id(name) in found
        }


def falls_without_hold(path: Path) -> Rows:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as db (read_only)")
        columns = ", ".join(
            "null as held_rank" if name == "held_rank" else name for name in FEATURES
        )
        features = connection.execute(
            f"select {columns} from db.features.feat_account_days"
        ).to_arrow_table()
        moves = advance(CHECKPOINT_SCHEMA.empty_table(), features, state_rules(PROJECT_DIR))
        transitions = moves.transitions
        assert transitions.num_rows
        return connection.execute(
            "select account_id, as_of_date from transitions where reason = 'fall'"
        ).fetchall()


@pytest.fixture(scope="module")
def stopped(company: Company, template: Place, tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    folder = tmp_path_factory.mktemp("stopped")
    places = {}
    for name in ("stopped", "never stopped"):
        deliver(company, folder / f"{name} landing", stops=name == "stopped")
        places[name] = template.copy(folder / name, folder / f"{name} landing")
    looked_at = (
        "account_activation",
        "account_activation_history",
        "accounts",
        "activation_gap",
        "int_feed_gaps",
    )
    for place in places.values():
        compute(place, str(STOPPED), str(LAST), only=looked_at)
    path = places["stopped"].warehouse
    return Stopped(path, places["never stopped"].warehouse, falls_without_hold(path))


# --- stopped --------------------------------------------------------------------------------------


def test_every_feed_of_signal_stops_and_all_but_one_start_again(stopped: Stopped) -> None:
    assert [
        feed
        for (feed,) in query(
            stopped.stopped,
            "select distinct feed from intermediate.int_account_acts"
            " where base_points_h > 0 order by 1",
        )
    ] == FEEDS
    gaps = query(
        stopped.stopped,
        f"""
        select feed, max(valid_to) from intermediate.int_feed_gaps
        where list_contains({FEEDS}, feed) and valid_from > date '{STOPPED}'
            and valid_from < date '{RESTARTED}'
        group by all order by all
        """,
    )
    assert [feed for feed, _ in gaps] == FEEDS
    assert {until for feed, until in gaps if feed != STAYS_AWAY} == {RESTARTED}
    assert dict(gaps)[STAYS_AWAY] > LAST


def test_each_of_our_accounts_has_signal_from_its_feed_alone(stopped: Stopped) -> None:
    ours = stopped.ours(ACCOUNTS)
    found = query(
        stopped.stopped,
        "select distinct account_id, feed from intermediate.int_account_acts"
        f" where base_points_h > 0 and list_contains({sorted(ours)}, account_id)",
    )
    assert {ours[account]: feed for account, feed in found} == ACCOUNTS
    assert len(found) == len(ACCOUNTS)


def test_what_the_feeds_could_have_kept_is_warming_and_nothing_else_is(stopped: Stopped) -> None:
    """All signal is silent, so twice the points of the last day tell who stays warming."""
    enough = -50 * log(1 - 0.8 * 10 / 100)  # points of 80% of a strength of 10
    fell, kept = (
        query(
            stopped.stopped,
            f"""
            select last_day.intent_points + last_day.engagement_points
            from features.feat_account_days as last_day
            inner join features.feat_account_days as today
                on last_day.account_id = today.account_id
            inner join marts.account_activation_history as history
                on today.account_id = history.account_id and {when}
            where last_day.as_of_date = date '{STOPPED}'
                and today.as_of_date between date '{ALL_STALE}' and date '{RESTARTED}' - 1
                and not today.has_committed_motion and today.strength_score < 8
            """,
        )
        for when in (
            "today.as_of_date = valid_from and previous_state = 'warming' and state = 'cold'",
            "today.as_of_date >= valid_from and today.as_of_date >= valid_from + 7"
            " and today.as_of_date < coalesce(valid_to, date '9999-12-31') and state = 'warming'"
            f" and today.as_of_date >= date '{ALL_STALE}' + 7",
        )
    )
    # Whom the feeds could not have kept has fallen before all of them are stale, or falls now.
    assert all(points * 2 < enough for (points,) in fell)
    assert kept
    assert min(points for (points,) in kept) * 2 >= enough


@pytest.mark.parametrize("name", ACCOUNTS)
def test_each_feed_holds_an_account_that_would_have_cooled(stopped: Stopped, name: str) -> None:
    (ours,) = stopped.ours([name])
    assert query(
        stopped.stopped,
        "select distinct state from marts.account_activation_history"
        f" where account_id = '{ours}' and valid_from < date '{RESTARTED}'",
    ) == [("warming",)]
    assert [day < RESTARTED for account, day in stopped.let_go if account == ours] == [True]


def test_accounts_say_what_holds_them(stopped: Stopped) -> None:
    """On the last day one feed is away: whoever is held had signal of it, and ours are."""
    held = query(
        stopped.stopped,
        "select account_id, paused_by, why from marts.account_activation where is_downgrade_paused",
    )
    had_signal = query(
        stopped.stopped,
        "select distinct account_id from intermediate.int_account_acts"
        f" where feed = '{STAYS_AWAY}' and base_points_h > 0",
    )
    assert stopped.ours(["adverts"]).keys() <= {account for account, *_ in held}
    assert {account for account, *_ in held} < {account for (account,) in had_signal}
    for _, feeds, why in held:
        assert feeds == STAYS_AWAY
        since = STOPPED + timedelta(days=5)
        assert f"a feed that stopped could be why: {STAYS_AWAY} (since {since})." in why
    assert not query(
        stopped.stopped,
        "select account_id from marts.account_activation"
        " where is_downgrade_paused != (paused_by is not null)",
    )


def test_the_gap_tells_what_is_held_and_since_when(stopped: Stopped) -> None:
    """On every day: the accounts behind the number, and the feeds that were stale on it."""
    told = query(
        stopped.stopped,
        """
        select
            gap.as_of_date, held_accounts, target_gap_without_held - target_gap,
            target_gap - target_gap_if_risen, held_by,
            (
                select count(*)
                from features.feat_account_days as days
                inner join marts.account_activation_history as history
                    on days.account_id = history.account_id
                    and days.as_of_date >= history.valid_from
                    and days.as_of_date < coalesce(history.valid_to, date '9999-12-31')
                where days.as_of_date = gap.as_of_date and days.is_target
                    and case state when 'active' then 3 when 'engaged' then 4 end
                        between kept_rank + 1 and held_rank
            )
        from marts.activation_gap as gap
        where segment_type = 'all'
        order by gap.as_of_date
        """,
    )
    assert [held for _, held, *_ in told] == [counted for *_, counted in told]
    assert all(held == more for _, held, more, *_ in told)
    assert any(held for _, held, *_ in told)
    for day, held, _, risen, feeds, _ in told:
        assert bool(held or risen) == bool(feeds), day
        if feeds and day >= STOPPED + timedelta(days=3):
            assert (f"segment.pages since {STOPPED + timedelta(days=3)}" in feeds) == (
                day < RESTARTED
            )


# --- started again --------------------------------------------------------------------------------


def points(path: Path) -> dict[str, tuple[int, int]]:
    """Base points and points of the acts that count on the restart, in hundredths, by account."""
    return {
        account: (base, weighed)
        for account, base, weighed in query(
            path,
            f"""
            select account_id, sum(base_points_h), sum(points_h)
            from intermediate.int_account_acts
            where date '{RESTARTED}' >= valid_from and date '{RESTARTED}' < valid_to
            group by all
            """,
        )
    }


def test_from_the_restart_on_all_is_as_if_nothing_had_stopped(stopped: Stopped) -> None:
    """What jumps on that day is what the late data brings: the days from then on know the same.

    But for who was given a title meanwhile: acts are weighed by the title known when they are.
    """
    late, in_time = points(stopped.stopped), points(stopped.never_stopped)
    assert {account: base for account, (base, _) in late.items()} == {
        account: base for account, (base, _) in in_time.items()
    }
    retitled = [account for account, weighed in late.items() if in_time[account] != weighed]
    assert len(retitled) < 3
    one, other = (
        read(
            path,
            "features.feat_account_days",
            f"as_of_date >= date '{RESTARTED}' and not list_contains({retitled}, account_id)",
        )
        for path in (stopped.stopped, stopped.never_stopped)
    )
    assert len(one["account_id"]) > 500
    assert differences(one, other) == []


def test_nobody_moves_on_the_restart_without_late_data(stopped: Stopped) -> None:
    """A rise has acts that became known; a fall has the days below, the last of them not stale."""
    moved = query(
        stopped.stopped,
        f"""
        select history.account_id, history.reason_code, history.days_below,
            count(acts.account_id) as late_acts
        from marts.account_activation_history as history
        left join intermediate.int_account_acts as acts
            on history.account_id = acts.account_id
            and acts.valid_from = history.valid_from
            and acts.occurred_date < history.valid_from
            and acts.points_h != 0
        where history.valid_from = date '{RESTARTED}'
        group by all
        """,
    )
    assert any(reason == "rise" for _, reason, *_ in moved)
    for _, reason, days_below, late_acts in moved:
        assert (reason == "rise" and late_acts > 0) or (reason == "fall" and days_below == 7)
    assert not {account for account, *_ in moved} & set(stopped.ours(ACCOUNTS))


# --- what the gap may be --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seed", [SEEDS[0], *(pytest.param(seed, marks=pytest.mark.long) for seed in SEEDS[1:])]
)
def test_the_gap_of_the_feed_running_is_within_what_the_marts_say_it_may_be(
    seed: int, runs: Runs, template: Place, once: Once, capsys: pytest.CaptureFixture[str]
) -> None:
    """The simulated company is the same whatever arrives, so its gap with all visits is the truth.

    Without a feed that stopped the three numbers are one.
    """

    def make(folder: Path) -> None:
        for days in (0, SILENT_DAYS):
            place = folder / f"{days}"
            plan = replace(COMPANY, seed=seed, silent_days=days)
            simulate(plan, folder / f"landing {days}", folder / f"truth {days}", say=lambda _: None)
            there = template.copy(place, folder / f"landing {days}")
            runs.start(compute, there, *COMPUTED, only=("activation_gap",)).result().check()

    folder = once(f"silent {seed}", make)
    sql = (
        "select target_gap_if_risen, target_gap, target_gap_without_held, held_by"
        f" from marts.activation_gap where segment_type = 'all' and as_of_date = '{COMPUTED[1]}'"
    )
    (running,), (stopped,) = (
        query(folder / f"{days}" / "warehouse.duckdb", sql) for days in (0, SILENT_DAYS)
    )
    least, published, most, feeds = stopped
    gap = running[1]
    with capsys.disabled():
        print(f"\nseed {seed}: {least} to {most}, published {published}, feed running {gap}")
    assert running == (gap, gap, gap, None)
    assert feeds.startswith("segment.pages since 2026-06-")
    assert least <= gap <= most
    assert least <= published < most
    # Wide enough to hold it, and no wider: of a hundred targets two or three may be either.
    assert most - least <= 0.03 * COMPANY.accounts
