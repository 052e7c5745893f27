"""Records that full lists show to be removed or back, and the lists that show nothing.

The law at the end compares ingestion with a model of one page that takes one list at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from landed import Landed, lines

from orchestration.commands.as_of import cut_after
from orchestration.landing.contract import Column, Contract, Table
from orchestration.landing.presence import Snapshots, read_snapshots
from orchestration.project import FEEDS_SEED, project

KEY = ("crm", "company")
COMPANY = Table(
    *KEY,
    columns=(
        Column("id", "text", is_required=True),
        Column("name", "text"),
        Column("people", "integer"),
    ),
    key=("id",),
)
SNAPSHOTS = Snapshots(frozenset({KEY}), min_share=0.5)
BROKEN_ROW, NAMELESS_ROW = "{},Acme,many", ",Acme,1"


def rows(ids: str) -> list[str]:
    """A row per letter: capitals are good rows, small letters are quarantined, - has no id."""
    return [
        NAMELESS_ROW
        if letter == "-"
        else (f"{letter},Acme,1" if letter.isupper() else BROKEN_ROW.format(letter.upper()))
        for letter in ids
    ]


def put(landed: Landed, day: int, *files: str, folder: str = "crm") -> None:
    for number, ids in enumerate(files):
        landed.put(
            f"{folder}/company/loaded_date=2026-06-{day:02}/{number}.csv",
            lines("id,name,people", *rows(ids)),
        )


@pytest.fixture
def landed(tmp_path: Path) -> Landed:
    return Landed(tmp_path / "landing", Contract({KEY: COMPANY}))


def take(landed: Landed, until: int = 30) -> str:
    """Ingests; gives the problems."""
    report = landed.ingest(date(2026, 6, until), snapshots=SNAPSHOTS)
    return "\n".join(report.problems)


def changes(landed: Landed, columns: str = "day(delivery_day), record_id, is_present") -> list[Any]:
    return landed.rows(f"select {columns} from raw_landing.presence_changes order by all")


def statuses(landed: Landed) -> list[str]:
    return [
        status
        for (status,) in landed.rows(
            "select status from raw_landing.snapshots order by instance, delivery_day, load_id"
        )
    ]


def test_a_record_that_a_list_lacks_is_removed_and_may_come_back(landed: Landed) -> None:
    put(landed, 1, "ABC")
    put(landed, 2, "AB", "D")
    put(landed, 4, "AD")
    put(landed, 5, "ACD")
    assert "company" not in take(landed)
    assert changes(landed) == [
        (2, "C", False),
        (4, "B", False),
        (5, "C", True),
    ]
    assert landed.rows(
        "select day(delivery_day), status, records, removed, returned from raw_landing.snapshots"
        " order by all"
    ) == [
        (1, "first_load", 3, 0, 0),
        (2, "compared", 3, 1, 0),
        (4, "compared", 2, 1, 0),
        (5, "compared", 3, 0, 1),
    ]
    take(landed)
    assert len(changes(landed)) == 3


def test_a_quarantined_row_shows_that_its_record_is_there(landed: Landed) -> None:
    put(landed, 1, "ABC")
    put(landed, 2, "AbC")
    put(landed, 3, "ACd")  # D was never taken
    put(landed, 4, "AC")
    put(landed, 5, "AbC")
    take(landed)
    assert changes(landed) == [(3, "B", False), (5, "B", True)]


def test_an_empty_list_removes_nobody(landed: Landed) -> None:
    put(landed, 1, "ABC")
    put(landed, 2, "")
    landed.put("crm/company/loaded_date=2026-06-03/a.csv")
    put(landed, 4, "AB")
    told = take(landed)
    assert changes(landed) == [(4, "C", False)]
    assert statuses(landed) == ["first_load", "empty", "empty", "compared"]
    assert "crm.company: the snapshot of 2026-06-02 is empty; no record counts as removed" in told


@pytest.mark.parametrize("second_file", [b"PAR1 broken", b"", None])
def test_a_list_with_a_file_that_nobody_can_read_removes_nobody(
    landed: Landed, second_file: bytes | None
) -> None:
    put(landed, 1, "AB", "CD")
    put(landed, 2, "AB")
    if second_file is not None:
        landed.put("crm/company/loaded_date=2026-06-02/1.parquet", second_file)
    put(landed, 3, "ABC")
    told = take(landed)
    if second_file:
        assert "the snapshot of 2026-06-02 is not whole (1 unreadable file(s))" in told
        assert changes(landed) == [(3, "D", False)]
    else:
        assert changes(landed) == [(2, "C", False), (2, "D", False), (3, "C", True)]


@pytest.mark.parametrize("bad", [NAMELESS_ROW, "E", "E,Acme,1,1"])
def test_a_row_of_which_nobody_knows_whose_it_is_may_be_anybodys(landed: Landed, bad: str) -> None:
    put(landed, 1, "ABC")
    landed.put(
        "crm/company/loaded_date=2026-06-02/a.csv", lines("id,name,people", *rows("AB"), bad)
    )
    told = take(landed)
    assert changes(landed) == []
    assert "(1 row(s) of which the key cannot be read); no record counts as removed" in told


def test_a_list_that_falls_by_half_waits_for_the_next_one(landed: Landed) -> None:
    put(landed, 1, "ABCDEFGH")
    put(landed, 2, "ABC")  # broke off
    put(landed, 3, "ABCDEFG")
    put(landed, 4, "ABC")  # did not: the next one says the same
    put(landed, 5, "ABD")
    put(landed, 6, "A")  # falls again
    told = take(landed)
    assert statuses(landed) == ["first_load", "held", "compared", "held", "compared", "held"]
    assert changes(landed) == [(3, "H", False), *((5, letter, False) for letter in "CEFG")]
    assert (
        "the snapshot of 2026-06-04 has 3 records after 7 (less than 50%, var snapshot_min_share);"
        " no record counts as removed unless the next snapshot confirms it"
    ) in told


def test_a_held_list_still_shows_who_is_back(landed: Landed) -> None:
    put(landed, 1, "ABCDEF")
    put(landed, 2, "ABCDE")
    put(landed, 3, "AF")
    put(landed, 4, "ABCDE")
    take(landed)
    assert changes(landed) == [(2, "F", False), (3, "F", True), (4, "F", False)]


def test_instances_have_lists_of_their_own(landed: Landed) -> None:
    put(landed, 1, "AB")
    put(landed, 2, "ABC")
    put(landed, 2, "BC", folder="crm@emea")
    put(landed, 3, "B", folder="crm@emea")
    take(landed)
    assert changes(landed, "instance, day(delivery_day), record_id") == [("emea", 3, "C")]


def test_a_first_load_of_several_days_is_one_list(landed: Landed) -> None:
    put(landed, 1, "ABCD")
    put(landed, 2, "EF")
    put(landed, 3, "AB")
    put(landed, 4, "ABCD")
    live_since = {(*KEY, "main"): date(2026, 6, 2)}
    landed.ingest(date(2026, 6, 3), live_since=live_since, snapshots=SNAPSHOTS)
    assert changes(landed) == []
    assert statuses(landed) == ["first_load", "first_load", "held"]
    landed.ingest(live_since=live_since, snapshots=SNAPSHOTS)
    assert changes(landed) == [(4, "E", False), (4, "F", False)]


def test_more_files_of_a_day_add_to_its_list(landed: Landed) -> None:
    put(landed, 1, "ABCDEF")
    put(landed, 2, "ABC")
    take(landed)
    assert changes(landed) == [(2, "D", False), (2, "E", False), (2, "F", False)]
    put(landed, 2, "ABC", "DE")
    put(landed, 3, "AB")
    take(landed)
    assert changes(landed, "day(delivery_day), record_id, is_present, load_id")[:5] == [
        (2, "D", False, 1),
        (2, "D", True, 2),
        (2, "E", False, 1),
        (2, "E", True, 2),
        (2, "F", False, 1),
    ]
    assert statuses(landed) == ["first_load", "compared", "addition", "held"]


def test_an_older_list_that_comes_after_a_newer_one_changes_nothing(landed: Landed) -> None:
    put(landed, 1, "ABC")
    put(landed, 3, "AB")
    take(landed)
    put(landed, 2, "CD")
    told = take(landed)
    assert changes(landed) == [(3, "C", False)]
    assert "the snapshot of 2026-06-02 came after a later one; it tells of no removals" in told
    put(landed, 4, "AB")
    take(landed)
    assert changes(landed)[1:] == [(4, "D", False)]


def test_a_table_that_becomes_a_snapshot_is_compared_with_what_is_known(landed: Landed) -> None:
    put(landed, 1, "ABCDEF")
    put(landed, 2, "G")
    landed.ingest()
    put(landed, 3, "ABC")
    put(landed, 4, "ABC")
    take(landed)
    assert statuses(landed) == ["held", "compared"]
    assert [change[1] for change in changes(landed)] == list("DEFG")


def test_an_incremental_table_tells_nothing(landed: Landed) -> None:
    put(landed, 1, "ABC")
    put(landed, 2, "A")
    landed.ingest()
    assert (changes(landed), statuses(landed)) == ([], [])


def test_a_key_of_several_columns_cannot_be_a_snapshot(tmp_path: Path) -> None:
    pair = Table(**(vars(COMPANY) | {"key": ("id", "name")}))
    landed = Landed(tmp_path / "landing", Contract({KEY: pair}))
    put(landed, 1, "AB")
    put(landed, 2, "A")
    assert "crm.company is a snapshot by feeds.csv, but its key" in take(landed)
    assert changes(landed) == []


def test_a_look_back_forgets_later_lists(landed: Landed) -> None:
    put(landed, 1, "ABC")
    put(landed, 2, "AB")
    put(landed, 3, "A")
    take(landed)
    everything = changes(landed)
    cut_after(landed.warehouse, date(2026, 6, 2))
    assert changes(landed) == everything[:1]
    assert statuses(landed) == ["first_load", "compared"]
    take(landed)
    assert changes(landed) == everything


def test_the_seed_says_which_tables_are_snapshots(tmp_path: Path) -> None:
    seed = tmp_path / "feeds.csv"
    header = "source,table_name,freshness_days,load_mode,retired_on,reason"
    seed.write_text(lines(header, "crm,company,3,snapshot,,x", "crm,deal,3,,,x"))
    assert read_snapshots(seed, 0.5) == SNAPSHOTS
    seed.write_text(lines(header, "crm,company,3,weekly,,x"))
    with pytest.raises(ValueError, match=r"line 2.*'weekly' is none of incremental, snapshot"):
        read_snapshots(seed, 0.5)
    assert read_snapshots(tmp_path / "none.csv", 0.5).tables == frozenset()
    read_snapshots(project() / FEEDS_SEED, 0.5)


# --- the law --------------------------------------------------------------------------------------


@dataclass
class OneByOne:
    """What lists show, taken one at a time. Day 1 is the first load."""

    present: dict[str, bool] = field(default_factory=dict)
    measure: int = 0
    changes: list[tuple[int, str, bool]] = field(default_factory=list)

    def take(self, day: int, ids: str) -> None:
        listed = set(ids.upper()) - {"-"}
        for record in sorted(listed):
            if self.present.get(record) is False:
                self._change(day, record, True)
        if day > 1 and listed and "-" not in ids:
            if len(listed) >= self.measure / 2:
                for record in sorted(self.present):
                    if self.present[record] and record not in listed:
                        self._change(day, record, False)
            self.measure = len(listed)
        for letter in ids:
            if letter.isupper():
                self.present.setdefault(letter, True)
        if day == 1:
            self.measure = len(self.present)

    def _change(self, day: int, record: str, is_present: bool) -> None:
        self.present[record] = is_present
        self.changes.append((day, record, is_present))


# Few records, so that they come and go; half of all lists are whole.
LISTS = st.lists(
    st.text("ABCDEFGH", max_size=12) | st.text("AABBCCDDEEFFGGabcdef-", max_size=12),
    min_size=2,
    max_size=7,
)


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(LISTS, st.lists(st.integers(1, 7), max_size=3))
def test_one_by_one_or_together_lists_show_the_same(
    tmp_path_factory: pytest.TempPathFactory, lists: Sequence[str], stops: Sequence[int]
) -> None:
    landed = Landed(tmp_path_factory.mktemp("x") / "landing", Contract({KEY: COMPANY}))
    model = OneByOne()
    for day, ids in enumerate(lists, start=1):
        cut = len(ids) // 2
        put(landed, day, ids[:cut], ids[cut:])
        model.take(day, ids)
    for stop in sorted({*stops, len(lists)}):
        take(landed, stop)
    assert changes(landed) == sorted(model.changes)
