"""Publishing stops where a table breaks with its own past, until a person confirms it.

Each test lands files day by day, as a feed does, and judges each day as a run of that day would.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import REFRESHED, Company
from landed import NOW, Landed, lines
from marts import let_go, one, query
from runner import OF_ROWS, Place, Runs, faults

from orchestration.commands.as_of import cut_after
from orchestration.engine.warehouse import connect
from orchestration.landing.contract import Column, Contract, Table
from orchestration.landing.presence import Snapshots
from orchestration.runs import score_store
from orchestration.runs.circuit_breakers import (
    CHECKS,
    MEETS_NOTHING,
    Limits,
    StoppedError,
    Verdict,
    judge,
)
from orchestration.runs.context import CONFIRM_TAG, Run, breaker_limits
from orchestration.settings import SettingsError, load_settings

KEY = ("crm", "company")
COMPANY = Table(
    *KEY,
    columns=(
        Column("id", "text", is_required=True),
        Column("name", "text"),
        Column("owner", "text"),
        Column("is_deleted", "boolean"),
        Column("tool_deleted", "boolean", is_deletion=True),
        Column("synced", "timestamp", is_sync=True),
    ),
    key=("id",),
)
CONTACT = Table("crm", "contact", columns=(Column("id", "text", is_required=True),), key=("id",))
LIMITS = Limits(
    min_rows=20,
    past_deliveries=4,
    full_min_share=0.9,
    empty_max_share=0.05,
    part_min_share=0.25,
    part_min_deliveries=3,
    meet_min_share=0.5,
    meet_min_rows=50,
    deletion_max_share=0.5,
)
FATES = (
    "source varchar, table_name varchar, source_instance varchar, delivery_date date, fate varchar,"
    " reason varchar, row_count bigint, amount double, example_file varchar, example_row bigint"
)
FATE_CHECK = "fewer_meet"


def june(day: int) -> date:
    return date(2026, 6, day)


class Feed:
    """A landing folder that is refreshed day by day. A day that nothing stops is published."""

    def __init__(self, folder: Path) -> None:
        self.landed = Landed(folder, Contract({KEY: COMPANY, ("crm", "contact"): CONTACT}))
        self.warehouse = self.landed.warehouse
        self.runs = 0
        score_store.prepare(self.warehouse)
        self.models()

    def models(self) -> None:
        """What dbt makes: of the fates of rows only the table."""
        self.warehouse.execute("create schema intermediate")
        self.warehouse.execute(f"create table intermediate.int_row_fates ({FATES})")

    def put(
        self,
        day: int,
        ids: Iterable[int],
        *,
        name: str = "Acme",
        owner: str = "kim",
        without_owner: Iterable[int] = (),
        deleted: Iterable[int] = (),
        folder: str = "crm",
        file: str = "a",
    ) -> None:
        ownerless, gone = set(without_owner), set(deleted)
        self.landed.put(
            f"{folder}/company/loaded_date={june(day)}/{file}.csv",
            lines(
                "id,name,owner,tool_deleted",
                *(
                    f"{number},{name},{'' if number in ownerless else owner},{number in gone}"
                    for number in ids
                ),
            ),
        )

    def fates(self, day: int, meets: int, others: int, table: str = "company") -> None:
        """What became of a delivery that landed: some rows meet an account, others nothing."""
        for reason, count in ((None, meets), ("account unknown", others)):
            self.warehouse.execute(
                "insert into intermediate.int_row_fates values"
                " ('crm', ?, 'main', ?, ?, ?, ?, null, 'a.csv', 1)",
                [table, june(day), "used" if reason is None else "not used", reason, count],
            )

    def run(
        self,
        first: int,
        last: int | None = None,
        *,
        confirm: Sequence[str] = (),
        publishes: bool = True,
        snapshots: Snapshots | None = None,
        **options: Any,
    ) -> Verdict:
        """A refresh of these days."""
        days = june(first), june(last or first)
        self.landed.ingest(days[1], snapshots=snapshots)
        self.runs += 1
        verdict = judge(
            self.warehouse,
            self.landed.contract,
            LIMITS,
            days,
            run_id=f"run {self.runs}",
            now=NOW,
            confirm=confirm,
            **options,
        )
        if publishes and not verdict.stops:
            self.warehouse.execute(
                "insert into raw_landing.plans (run_id, start_date, end_date, published_at)"
                " values (?, ?, ?, ?)",
                [f"run {self.runs}", *days, datetime(2026, 6, 30)],
            )
        return verdict


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return Feed(tmp_path / "landing")


def found(verdict: Verdict) -> list[tuple[str, int]]:
    return [(stop.check, stop.delivery_day.day) for stop in verdict.stops]


def said(verdict: Verdict) -> str:
    with pytest.raises(StoppedError) as stopped:
        verdict.heed()
    return str(stopped.value)


NOTHING: list[tuple[str, int]] = []
EMPTY = "empty_column"
GONE = "mass_deletion"


# --- a column comes empty -------------------------------------------------------------------------


def test_a_full_column_that_comes_empty_stops(feed: Feed) -> None:
    feed.put(1, range(100))
    feed.put(2, range(100, 130))
    assert found(feed.run(1, 2)) == NOTHING
    feed.put(3, range(200, 240), owner="")
    verdict = feed.run(3)
    assert found(verdict) == [(EMPTY, 3)]
    message = said(verdict)
    assert "crm.company, delivery of 2026-06-03" in message
    assert "owner (100% before) filled in at most 0% of 40 rows" in message
    assert "name" not in message
    assert "make refresh CONFIRM=empty_column" in message


def test_a_column_that_the_file_no_longer_has_is_empty_too(feed: Feed) -> None:
    feed.put(1, range(100))
    feed.run(1)
    folder = f"crm/company/loaded_date={june(2)}"
    feed.landed.put(f"{folder}/a.csv", lines("id,name", *(f"{n},A" for n in range(200, 240))))
    verdict = feed.run(2)
    assert found(verdict) == [(EMPTY, 2)]
    assert "owner" in said(verdict)
    assert "tool_deleted" in said(verdict)


@pytest.mark.parametrize(
    ("filled", "left", "stops"),
    [
        ([12, 10, 10], 0, True),
        ([12, 10, 10], 1, False),  # some are left: rarer is no fault
        ([12, 10], 0, False),  # of two deliveries it is not known what is usual
        ([40, 9, 20], 0, False),  # under a quarter once
    ],
)
def test_a_column_that_was_filled_in_part_and_has_no_value_stops(
    feed: Feed, filled: list[int], left: int, stops: bool
) -> None:
    for day, some in enumerate([*filled, left], start=1):
        rows = (f"{day}-{n},Acme,{'Ann' if n < some else ''}" for n in range(40))
        file = f"crm/company/loaded_date={june(day)}/a.csv"
        feed.landed.put(file, lines("id,name,owner", *rows))
        last = feed.run(day)
        assert day > len(filled) or found(last) == NOTHING
    assert found(last) == ([(EMPTY, len(filled) + 1)] if stops else NOTHING)
    assert not stops or "owner (25% before) filled in at most 0% of 40 rows" in said(last)


def test_the_stamp_of_the_copying_tool_may_go(feed: Feed) -> None:
    for day, stamp in ((1, "2026-06-01T08:00:00Z"), (2, "2026-06-02T08:00:00Z"), (3, "")):
        rows = (f"{day}-{number},Acme,{stamp}" for number in range(40))
        file = f"crm/company/loaded_date={june(day)}/a.csv"
        feed.landed.put(file, lines("id,name,synced", *rows))
        assert found(feed.run(day)) == NOTHING


@pytest.mark.parametrize(
    ("rows", "without_owner", "stops"),
    [(1_000, 0, False), (40, 37, False), (40, 38, True), (20, 20, True), (19, 19, False)],
)
def test_growth_halves_and_small_deliveries_are_normal(
    feed: Feed, rows: int, without_owner: int, stops: bool
) -> None:
    feed.put(1, range(100))
    feed.run(1)
    ids = range(200, 200 + rows)
    feed.put(2, ids, without_owner=ids[:without_owner])
    assert found(feed.run(2)) == ([(EMPTY, 2)] if stops else NOTHING)


def test_a_column_that_was_never_full_may_come_nearly_empty(feed: Feed) -> None:
    for day, share in ((1, 0.5), (2, 0.85), (3, 0.85)):
        ids = range(day * 100, day * 100 + 100)
        feed.put(day, ids, without_owner=ids[int(share * 100) :])
    assert found(feed.run(1, 3)) == NOTHING
    feed.put(4, range(500, 600), without_owner=range(501, 600))
    assert found(feed.run(4)) == NOTHING


def test_a_first_load_and_a_column_that_nobody_fills_are_normal(feed: Feed) -> None:
    for day in (1, 2, 3):
        feed.put(day, range(day * 100, day * 100 + 50), owner="")
        verdict = feed.run(day)
        assert (found(verdict), verdict.warnings) == (NOTHING, ())


def test_the_past_is_that_of_the_same_organisation(feed: Feed) -> None:
    feed.put(1, range(100))
    feed.run(1)
    feed.put(2, range(50), owner="", folder="crm@emea")
    assert found(feed.run(2)) == NOTHING
    feed.put(3, range(100, 150), owner="", folder="crm@emea")
    feed.put(3, range(100, 150), owner="")
    verdict = feed.run(3)
    assert [(stop.check, stop.instance) for stop in verdict.stops] == [(EMPTY, "main")]


def test_a_deleted_record_need_not_say_anything(feed: Feed) -> None:
    """Some tools bring of a deleted record its id alone."""
    feed.put(1, range(100))
    feed.run(1)
    feed.put(2, range(49), owner="", deleted=range(30))
    assert found(feed.run(2)) == NOTHING  # nineteen are left, too few to tell
    feed.put(3, range(200, 245), owner="", deleted=range(200, 225))
    assert found(feed.run(3)) == [(EMPTY, 3)]
    assert "of 20 rows" in said(feed.run(3))


def test_rows_that_no_model_reads_prove_nothing(feed: Feed) -> None:
    """The same records delivered again for their day contradict what stands, and mend nothing."""
    feed.put(1, range(100))
    feed.run(1)
    feed.put(2, range(40), owner="")
    assert found(feed.run(2)) == [(EMPTY, 2)]
    feed.put(2, range(40), owner="lee", file="b")
    assert found(feed.run(2)) == [(EMPTY, 2)]
    assert feed.landed.verdicts()[-1] == (0, 0, 40)


def test_what_came_later_changes_no_judgement(feed: Feed, tmp_path: Path) -> None:
    later = Feed(tmp_path / "later")
    for each in (feed, later):
        for day in (1, 2):
            each.put(day, range(day * 100, day * 100 + 60))
        each.put(3, range(300, 360), owner="")
    for day in (4, 5, 6):
        later.put(day, range(day * 100, day * 100 + 60), owner="")
    alone = feed.run(3, publishes=False).stops
    among = later.run(3, 6, publishes=False).stops
    assert alone == among[:1]
    assert [stop.delivery_day.day for stop in among] == [3, 4, 5]


# --- confirmed ------------------------------------------------------------------------------------


def test_a_confirmation_is_for_its_delivery_alone(feed: Feed) -> None:
    feed.put(1, range(100))
    feed.run(1)
    feed.put(2, range(200, 240), owner="")
    assert found(feed.run(2)) == [(EMPTY, 2)]
    # Nobody who did not say so has confirmed it, and what stopped once stops again.
    assert found(feed.run(2)) == [(EMPTY, 2)]
    assert found(feed.run(2, confirm=[GONE])) == [(EMPTY, 2)]
    verdict = feed.run(2, confirm=[EMPTY], publishes=False)
    assert found(verdict) == NOTHING
    assert verdict.idle == ()
    assert verdict.confirmed[0].startswith("empty_column: crm.company, delivery of 2026-06-02: ")
    assert feed.landed.rows(
        "select check_name, source, table_name, instance, day(delivery_day), run_id, confirmed_at"
        " from raw_landing.confirmations"
    ) == [(EMPTY, "crm", "company", "main", 2, "run 5", NOW.replace(tzinfo=None))]
    # A run that did not get to its end is run again without a word.
    assert found(feed.run(2)) == NOTHING
    feed.put(3, range(300, 340), owner="")
    verdict = feed.run(3)
    assert found(verdict) == [(EMPTY, 3)]
    assert found(feed.run(3, confirm=[EMPTY])) == NOTHING


def test_a_change_that_lasts_becomes_the_rule(feed: Feed) -> None:
    stopped = []
    for day in range(1, 13):
        feed.put(day, range(day * 100, day * 100 + 40), owner="kim" if day < 5 else "")
        stopped.append(bool(feed.run(day, publishes=False).stops))
        feed.run(day, confirm=[EMPTY])
    # Four deliveries are the past: two of them must be as they were, the third makes the rule.
    assert stopped == [False] * 4 + [True] * 3 + [False] * 5


def test_what_was_not_there_to_confirm_is_said(
    feed: Feed, capsys: pytest.CaptureFixture[str]
) -> None:
    feed.put(1, range(100))
    verdict = feed.run(1, confirm=[GONE])
    assert verdict.idle == (GONE,)
    verdict.heed()
    assert "CONFIRM=mass_deletion: this check stops nothing" in capsys.readouterr().out
    assert feed.landed.rows("select count(*) from raw_landing.confirmations") == [(0,)]


def test_a_name_that_is_no_check_is_refused() -> None:
    assert load_settings({"CONFIRM": "mass_deletion, raw_rows"}).confirm == (GONE, "raw_rows")
    assert load_settings({}).confirm == ()
    for text in ("mass_deletions", "mass_deletion,", "all"):
        with pytest.raises(SettingsError, match=f"Known are {', '.join(CHECKS)};"):
            load_settings({"CONFIRM": text})


def test_what_the_schedule_starts_confirms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the process that starts runs is not that of the person who looks."""
    monkeypatch.setenv("CONFIRM", GONE)
    assert Run.of("scheduled", {}).confirm == ()
    assert Run.of("by hand", {CONFIRM_TAG: f"{GONE},{EMPTY}"}).confirm == (GONE, EMPTY)


# --- whose delivery it is -------------------------------------------------------------------------


def test_what_is_published_is_not_judged_again(feed: Feed) -> None:
    feed.put(1, range(100))
    feed.put(2, range(200, 240))
    feed.run(1, 2)
    feed.put(3, range(300, 340), owner="")
    assert found(feed.run(2)) == NOTHING  # it waits for its day
    assert found(feed.run(3)) == [(EMPTY, 3)]
    assert found(feed.run(2, publishes=False)) == NOTHING  # not of these days
    feed.run(3, confirm=[EMPTY])
    feed.warehouse.execute("delete from raw_landing.confirmations")
    assert found(feed.run(1, 3)) == NOTHING


def test_days_that_were_missed_are_each_judged(feed: Feed) -> None:
    feed.put(1, range(100))
    feed.run(1)
    feed.put(2, range(200, 240), owner="")
    feed.put(3, range(300, 340))
    assert found(feed.run(2, 3)) == [(EMPTY, 2)]


def test_a_look_back_stops_for_its_own_day_alone(feed: Feed) -> None:
    feed.put(1, range(100))
    feed.run(1)
    for day in (2, 3):
        feed.put(day, range(day * 100, day * 100 + 40), owner="")
        feed.run(day, confirm=[EMPTY])
    feed.put(4, range(400, 440))
    feed.run(4)
    cut_after(feed.warehouse, june(4))
    feed.models()
    assert found(feed.run(4, publishes=False)) == NOTHING
    cut_after(feed.warehouse, june(2))
    feed.models()
    days = feed.landed.rows("select day(delivery_day) from raw_landing.confirmations")
    assert days == [(2,)]
    assert found(feed.run(2, publishes=False)) == NOTHING


# --- most records are deleted ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "deleted", "stops"),
    [(40, 20, False), (40, 21, True), (19, 19, False), (20, 11, True)],
)
def test_marks_on_most_records_stop(feed: Feed, records: int, deleted: int, stops: bool) -> None:
    feed.put(1, range(records))
    feed.run(1)
    feed.put(2, range(deleted), deleted=range(deleted))
    verdict = feed.run(2)
    assert found(verdict) == ([(GONE, 2)] if stops else NOTHING)
    if stops:
        numbers = f"{deleted} of the {records} records that were there are deleted"
        assert numbers in said(verdict)
        assert "make refresh CONFIRM=mass_deletion" in said(verdict)
        assert found(feed.run(2, confirm=[GONE])) == NOTHING


def test_marks_in_rows_that_no_model_reads_delete_nobody(feed: Feed) -> None:
    feed.put(1, range(40))
    feed.run(1)
    feed.put(2, [*range(40), 200], name="Acme AG", deleted=[200])
    feed.run(2, publishes=False)
    feed.put(2, range(40), deleted=range(40), file="b")
    assert found(feed.run(2)) == NOTHING
    assert feed.landed.verdicts()[-1] == (0, 0, 40)


def test_the_mark_of_the_crm_itself_counts(feed: Feed) -> None:
    feed.put(1, range(40))
    feed.run(1)
    folder = f"crm/company/loaded_date={june(2)}"
    rows = (f"{number},Acme,true" for number in range(30))
    feed.landed.put(f"{folder}/a.csv", lines("id,name,is_deleted", *rows))
    assert (GONE, 2) in found(feed.run(2))


def test_who_was_never_there_or_gone_before_does_not_count(feed: Feed) -> None:
    feed.put(1, range(40))
    feed.run(1)
    feed.put(2, range(100, 300), deleted=range(100, 300))
    assert found(feed.run(2)) == NOTHING
    feed.put(3, range(20), deleted=range(20))
    assert found(feed.run(3)) == NOTHING
    # Twenty are left; the twenty of before are delivered again as deleted.
    feed.put(4, range(30), name="Acme AG", deleted=range(30))
    assert found(feed.run(4)) == NOTHING


def test_who_is_back_can_be_deleted_again(feed: Feed) -> None:
    feed.put(1, range(40))
    feed.run(1)
    feed.put(2, range(40), deleted=range(40))
    assert found(feed.run(2)) == [(GONE, 2)]
    feed.put(3, range(40), name="Acme AG")
    assert found(feed.run(2, 3)) == [(GONE, 2)]
    feed.run(2, 3, confirm=[GONE])
    feed.put(4, range(40), deleted=range(40))
    assert found(feed.run(4)) == [(GONE, 4)]


def test_full_lists_that_are_believed_stop_and_lists_that_are_held_do_not(feed: Feed) -> None:
    lists = Snapshots(frozenset({KEY}), min_share=0.5)
    feed.put(1, range(40))
    feed.run(1, snapshots=lists)
    feed.put(2, range(10))
    assert found(feed.run(2, snapshots=lists)) == NOTHING
    feed.put(3, range(10))
    verdict = feed.run(3, snapshots=lists)
    assert found(verdict) == [(GONE, 3)]
    assert "30 of the 40 records" in said(verdict)


def test_who_was_gone_from_an_earlier_list_does_not_count(feed: Feed) -> None:
    lists = Snapshots(frozenset({KEY}), min_share=0)
    for day, records in ((1, 40), (2, 20)):
        feed.put(day, range(records))
        assert found(feed.run(day, snapshots=lists)) == NOTHING
    feed.put(3, range(9))
    assert "11 of the 20 records" in said(feed.run(3, snapshots=lists))


def test_marks_and_lists_count_together(feed: Feed) -> None:
    lists = Snapshots(frozenset({KEY}), min_share=0)
    feed.put(1, range(40))
    feed.run(1, snapshots=lists)
    feed.put(2, range(25), deleted=range(6))
    verdict = feed.run(2, snapshots=lists)
    assert "21 of the 40 records" in said(verdict)


def test_a_first_load_of_deleted_records_is_only_warned_about(feed: Feed) -> None:
    feed.put(1, range(40), deleted=range(30))
    verdict = feed.run(1)
    assert found(verdict) == NOTHING
    assert verdict.warnings == (
        "crm.company, first load of 2026-06-01: 30 of 40 records are marked as deleted (75%)",
    )
    assert feed.run(1).warnings == ()


# --- fewer rows meet something --------------------------------------------------------------------


def meets(feed: Feed, *shares: tuple[int, int]) -> list[Verdict]:
    """A delivery a day: how many rows meet an account, and how many meet nothing."""
    verdicts = []
    for day, (meeting, others) in enumerate(shares, start=1):
        feed.put(day, [day])
        feed.fates(day, meeting, others)
        verdicts.append(feed.run(day))
    return verdicts


def test_a_share_that_falls_below_half_stops(feed: Feed) -> None:
    usual = [(80, 120), (85, 115), (60, 140)]
    *before, last = meets(feed, *usual, (38, 162))
    assert [found(verdict) for verdict in before] == [NOTHING] * 3
    assert found(last) == [(FATE_CHECK, 4)]
    message = said(last)
    assert "19% of 200 rows meet an account, a person, a deal or an act, 40% before" in message
    assert "of most others: account unknown" in message
    feed.put(5, [5])
    feed.fates(5, 39, 161)
    assert found(feed.run(4, 5, confirm=[FATE_CHECK])) == NOTHING
    feed.put(6, [6])
    feed.fates(6, 10, 190)
    assert found(feed.run(6)) == [(FATE_CHECK, 6)]


@pytest.mark.parametrize(
    "last",
    [(41, 159), (400, 600), (0, 19), (4, 96)],
    ids=["half", "growth", "too few rows", "too few that would meet"],
)
def test_a_share_that_falls_less_or_by_chance_is_normal(feed: Feed, last: tuple[int, int]) -> None:
    assert found(meets(feed, (80, 120), (80, 120), last)[-1]) == NOTHING


def test_a_table_that_mostly_meets_nobody_is_measured_by_itself(feed: Feed) -> None:
    verdicts = meets(feed, (20, 980), (20, 980), (11, 989), (500, 49_500), (400, 49_600))
    assert [found(verdict) for verdict in verdicts] == [NOTHING] * 4 + [[(FATE_CHECK, 5)]]


def test_a_first_load_that_meets_nobody_is_only_warned_about(feed: Feed) -> None:
    verdicts = meets(feed, (10, 990), (10, 990))
    assert [found(verdict) for verdict in verdicts] == [NOTHING] * 2
    (warning,) = verdicts[0].warnings
    assert "crm.company, first load of 2026-06-01: 1.0% of 1,000 rows meet" in warning
    assert verdicts[1].warnings == ()
    for place, share in enumerate([(60, 40), (0, 19)]):
        assert meets(Feed(feed.landed.folder / str(place)), share)[0].warnings == ()


def test_deliveries_of_a_few_rows_are_no_measure(feed: Feed) -> None:
    last = meets(feed, (80, 120), (0, 5), (0, 5), (0, 5), (0, 5), (30, 170))[-1]
    assert found(last) == [(FATE_CHECK, 6)]


@pytest.mark.parametrize(("meeting", "stops"), [(80, False), (38, True)])
def test_rows_that_are_left_out_for_other_reasons_say_nothing(
    feed: Feed, meeting: int, stops: bool
) -> None:
    """Most rows of an old delivery are superseded by now; those of the newest one are not."""
    meets(feed, (80, 120))
    feed.warehouse.execute(
        "insert into intermediate.int_row_fates values ('crm', 'company', 'main', ?, 'not used',"
        " 'superseded by a later version', 800, null, 'a.csv', 1)",
        [june(1)],
    )
    feed.put(2, [2])
    feed.fates(2, meeting, 200 - meeting)
    assert found(feed.run(2)) == ([(FATE_CHECK, 2)] if stops else NOTHING)


def test_without_the_fates_of_rows_nothing_is_published(feed: Feed) -> None:
    feed.put(1, range(40))
    feed.warehouse.execute("drop table intermediate.int_row_fates")
    with pytest.raises(RuntimeError, match="int_row_fates is missing"):
        feed.run(1)


# --- raw rows -------------------------------------------------------------------------------------


def test_rows_that_a_raw_table_lost_stop_also_for_published_days(feed: Feed) -> None:
    feed.put(1, range(40))
    feed.put(2, range(100, 140))
    feed.run(1, 2)
    feed.warehouse.execute("delete from raw_crm.company where id in ('3', '4')")
    verdict = look(feed)
    assert found(verdict) == [("raw_rows", 1)]
    assert (
        "38 accepted and 0 conflicting rows of crm/company/loaded_date=2026-06-01/a.csv, where 40"
        " and 0 were taken"
    ) in said(verdict)
    assert "make refresh CONFIRM=raw_rows" in said(verdict)
    assert found(look(feed, confirm=["raw_rows"])) == NOTHING
    assert found(look(feed)) == NOTHING
    # What is lost after that was not confirmed.
    feed.warehouse.execute("delete from raw_crm.company where id = '5'")
    assert found(look(feed)) == [("raw_rows", 1)]
    feed.warehouse.execute("delete from raw_crm.company where id = '105'")
    assert found(look(feed)) == [("raw_rows", 1), ("raw_rows", 2)]


def look(feed: Feed, **options: Any) -> Verdict:
    """A run of a day on which nothing came."""
    return judge(
        feed.warehouse,
        feed.landed.contract,
        LIMITS,
        (june(3), june(3)),
        run_id="a look",
        now=NOW,
        **options,
    )


@pytest.mark.parametrize(
    "fault",
    [
        "update raw_crm.company set _status = 'conflicting' where id = '7'",
        "insert into raw_crm.company select * from raw_crm.company where id = '7'",
        "update raw_crm.company set _file = 'crm/company/other.csv' where id = '7'",
        "delete from raw_crm.company where _status = 'conflicting'",
        "delete from raw_landing.files",
        "delete from raw_crm.company",
    ],
)
def test_raw_rows_of_another_status_file_or_number_stop(feed: Feed, fault: str) -> None:
    feed.put(1, range(40))
    feed.put(1, range(3), name="Other", file="b")
    feed.run(1)
    assert found(look(feed)) == NOTHING
    feed.warehouse.execute(fault)
    assert {check for check, _ in found(look(feed))} == {"raw_rows"}


def test_quarantined_repeated_and_contradicting_rows_are_accounted_for(feed: Feed) -> None:
    feed.put(1, range(40))
    feed.put(1, [*range(20), 20], name="Other", file="b")
    feed.put(2, range(40))
    folder = f"crm/company/loaded_date={june(2)}"
    feed.landed.put(f"{folder}/b.csv", lines("id,name,is_deleted", ",Acme,", "9,Acme,perhaps"))
    feed.run(1, 2)
    kinds = feed.landed.rows(
        "select sum(duplicate) > 0, sum(conflicting) > 0, sum(quarantined) > 0"
        " from raw_landing.files"
    )
    assert kinds == [(True, True, True)]
    assert found(look(feed)) == NOTHING


def test_of_sources_that_are_left_out_nothing_stops(feed: Feed) -> None:
    """Of one that is switched off nothing counts; one that another tool fills has no manifest."""
    feed.put(1, range(100))
    feed.fates(1, 90, 10)
    feed.run(1)
    feed.put(2, range(100), owner="", deleted=range(60))
    feed.fates(2, 10, 90)
    assert len(feed.run(2).stops) == 3
    feed.warehouse.execute("delete from raw_crm.company where id = '99'")
    feed.landed.reconcile = lambda: None  # type: ignore[method-assign]
    assert found(feed.run(2, left_out=["crm"])) == NOTHING


# --- all together ---------------------------------------------------------------------------------


def test_all_that_is_found_is_told_at_once(feed: Feed) -> None:
    feed.put(1, range(100))
    feed.fates(1, 90, 10)
    feed.run(1)
    feed.put(2, range(100), owner="", deleted=range(60))
    feed.fates(2, 10, 90)
    feed.put(2, range(40), owner="", folder="crm@emea")
    feed.warehouse.execute("delete from raw_crm.company where id = '99'")
    # Landed looks for lost rows too.
    feed.landed.reconcile = lambda: None  # type: ignore[method-assign]
    verdict = feed.run(2)
    assert [check for check, _ in found(verdict)] == ["raw_rows", EMPTY, FATE_CHECK, GONE]
    message = said(verdict)
    for check in CHECKS:
        assert f"make refresh CONFIRM={check}\n" in message
    assert message.endswith(f"make refresh CONFIRM={','.join(CHECKS)}")
    # One of them confirmed leaves the others.
    left = feed.run(2, confirm=[EMPTY, GONE])
    assert [check for check, _ in found(left)] == ["raw_rows", FATE_CHECK]
    assert found(feed.run(2, confirm=["raw_rows", FATE_CHECK])) == NOTHING


def test_the_job_stops_publishes_nothing_and_goes_on_once_confirmed(
    company: Company, refreshed: Place, runs: Runs, tmp_path: Path
) -> None:
    """Lost rows stop it before the models, all else before publishing, with dbt's SQL said."""
    end = str(REFRESHED[1] + timedelta(days=1))
    landing = company.until(date.fromisoformat(end), tmp_path / "landing")
    place = refreshed.copy(tmp_path / "place", landing)
    ids = query(place.warehouse, "select distinct id from db.raw_salesforce.account")
    assert len(ids) > breaker_limits().min_rows
    deleted = (f"{record_id},Gone,true,{end}T08:00:00Z" for (record_id,) in ids)
    file = landing / "salesforce" / "account" / f"loaded_date={end}" / "deleted.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(lines("id,name,is_deleted,system_modstamp", *deleted))
    let_go(place.folder)
    with connect(place.warehouse) as warehouse:
        warehouse.execute(
            "delete from raw_salesforce.task where id = (select min(id) from raw_salesforce.task)"
        )
    before = place.published.read_bytes()

    lost = runs.refresh(place, end=end, with_dbt=False)
    assert lost.code == 1
    assert "The refresh failed while taking in the landing files." in lost.error
    assert "salesforce.task, delivery of" in lost.error
    assert "make refresh CONFIRM=raw_rows" in lost.error

    gone = runs.refresh(place, end=end, with_dbt=False, confirm="raw_rows")
    assert gone.code == 1
    assert "confirmed: raw_rows: salesforce.task" in gone.out
    assert "The refresh failed while publishing." in gone.error
    assert f"salesforce.account, delivery of {end}: {len(ids)} of the" in gone.error
    assert "CONFIRM=mass_deletion" in gone.error
    assert "The published marts are as they were." in gone.error
    assert place.published.read_bytes() == before

    done = runs.refresh(place, end=end, with_dbt=False, confirm="mass_deletion,fewer_meet")
    done.check()
    assert "Confirmed: raw_rows: salesforce.task" in done.out
    assert "Confirmed: mass_deletion: salesforce.account" in done.out
    assert "CONFIRM=fewer_meet: this check stops nothing" in done.out
    assert query(
        place.warehouse,
        "select check_name, table_name from db.raw_landing.confirmations order by confirmed_at",
    ) == [("raw_rows", "task"), ("mass_deletion", "account")]
    # The rollup, too, is without the acts that were confirmed as gone.
    assert "assert_acts_are_in_the_rollup" not in faults(place, OF_ROWS)
    assert one(place.published, "select max(as_of_date)::varchar from marts.accounts") == end

    unknown = runs.refresh(place, end=end, confirm="everything")
    assert "CONFIRM names 'everything', which is no check" in unknown.error


def test_the_limits_are_those_of_the_project() -> None:
    limits = breaker_limits()
    assert limits.min_rows >= 1
    assert limits.meet_min_rows >= 1
    assert limits.past_deliveries >= 1
    for share in (
        limits.full_min_share,
        limits.empty_max_share,
        limits.meet_min_share,
        limits.deletion_max_share,
    ):
        assert 0 <= share <= 1
    assert limits.empty_max_share < limits.full_min_share


def test_what_meets_nothing_is_what_the_seed_of_reasons_says(template: Place) -> None:
    said = query(template.warehouse, "select reason from seeds.row_fates where is_meeting")
    assert {reason for (reason,) in said} == set(MEETS_NOTHING)
