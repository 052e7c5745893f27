"""The pipeline marts on deals computed by hand, and the law of time: what a day showed stays.

A dozen deals of our own with what goes wrong in real ones. They are computed up to the middle of
June, then further with other rules: a stage that was unmapped gets a rank, and a currency another
rate.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from marts import Rows, differences, let_go, query, read
from runner import Place, compute, faults

LOADED = date(2026, 5, 31)
FIRST, MIDDLE, LAST = date(2026, 6, 1), date(2026, 6, 14), date(2026, 7, 2)
MARTS = ("pipeline", "pipeline_history", "pipeline_months")
TARGET, OTHER, LEFT_OUT = (f"001{name:0<12}" for name in ("target", "other", "leftout"))
STRANGE = "001strange00000"

Row = dict[str, object]


def deal_id(name: str) -> str:
    return f"006{name:0<12}"


@dataclass
class Deal:
    """A deal's versions: day, then what changed. The first makes it."""

    name: str
    account: str
    versions: Sequence[tuple[str, Mapping[str, object]]]
    kind: str = "New Business"
    currency: str = "USD"

    def rows(self) -> list[Row]:
        created = self.versions[0][0]
        row: Row = {
            "id": deal_id(self.name),
            "account_id": self.account,
            "name": self.name,
            "type": self.kind,
            "currency_iso_code": self.currency,
            "is_won": "false",
            "is_closed": "false",
            "is_deleted": "false",
            "owner_id": "",
            "created_date": f"{created}T08:00:00Z",
        }
        rows = []
        for day, changes in self.versions:
            row = row | dict(changes) | {"system_modstamp": f"{day}T09:00:00Z"}
            rows.append(row)
        return rows


def at(stage: str, amount: object = "", close: str = "") -> dict[str, object]:
    return {"stage_name": stage, "amount": amount, "close_date": close}


def won(close: str) -> dict[str, object]:
    end = {"stage_name": "Closed Won", "close_date": close}
    return end | {"is_won": "true", "is_closed": "true"}


def lost(close: str) -> dict[str, object]:
    return {"stage_name": "Closed Lost", "close_date": close, "is_closed": "true"}


OPEN_AGAIN = {"is_closed": "false", "is_won": "false"}
DEALS = [
    # From the second stage to the sixth: those between are skipped. 1,000 EUR at 1.13.
    Deal(
        "skips",
        TARGET,
        [
            ("2026-04-01", at("Qualification", 1000, "2026-06-15")),
            ("2026-05-01", {"stage_name": "Proposal"}),
            ("2026-06-10", won("2026-06-09")),
        ],
        currency="EUR",
    ),
    Deal(
        "reopened",
        OTHER,
        [
            ("2026-04-01", at("Proposal", 500, "2026-05-05")),
            ("2026-05-05", lost("2026-05-05")),
            ("2026-06-05", at("Negotiation", 500, "2026-06-30") | OPEN_AGAIN),
            ("2026-06-20", won("2026-06-20")),
        ],
    ),
    # Postponed by 15 and by 20 days, brought forward by 5 between; overdue on the last day.
    Deal(
        "slips",
        TARGET,
        [
            ("2026-05-04", at("Discovery", 300, "2026-06-01")),
            ("2026-06-03", {"close_date": "2026-06-16"}),
            ("2026-06-08", {"close_date": "2026-06-11"}),
            ("2026-06-25", {"close_date": "2026-07-01"}),
        ],
    ),
    Deal("nobodys", "", [("2026-06-02", at("Discovery", 70, "2026-09-01"))]),
    Deal("strangers", STRANGE, [("2026-06-02", at("Discovery", 80, "2026-09-01"))]),
    Deal("leftout", LEFT_OUT, [("2026-06-02", at("Discovery", 9000, "2026-09-01"))]),
    Deal("noamount", TARGET, [("2026-06-03", at("Discovery", "", "2026-09-01"))]),
    Deal("norate", TARGET, [("2026-06-03", at("Discovery", 90, "2026-09-01"))], currency="XAU"),
    Deal(
        "renews",
        TARGET,
        [("2026-05-06", at("Proposal", 4000, "2026-06-30")), ("2026-06-30", won("2026-06-30"))],
        kind="Renewal",
    ),
    Deal(
        "deleted",
        TARGET,
        [
            ("2026-06-02", at("Discovery", 60, "2026-09-01")),
            ("2026-06-12", {"is_deleted": "true"}),
        ],
    ),
    Deal("unmapped", TARGET, [("2026-06-04", at("Haggling", 40, "2026-09-01"))]),
    # It was lost in May, as the CRM says in June.
    Deal(
        "late",
        OTHER,
        [
            ("2026-05-10", at("Evaluation", 100, "2026-05-20")),
            ("2026-06-18", lost("2026-05-20")),
        ],
    ),
]


def landed() -> dict[str, list[Row]]:
    """Files by name: each version on its day, the ones up to the load with it."""
    files: dict[str, list[Row]] = {}
    for deal in DEALS:
        for row in deal.rows():
            day = max(date.fromisoformat(str(row["system_modstamp"])[:10]), LOADED)
            files.setdefault(f"salesforce/opportunity/loaded_date={day}/a.csv", []).append(row)
    stages = [
        ("reopened", "2026-05-05", "Proposal", "Closed Lost"),
        ("skips", "2026-05-01", "Qualification", "Proposal"),
    ]
    files[f"salesforce/opportunity_field_history/loaded_date={LOADED}/a.csv"] = [
        {
            "id": f"017{name}{day[-2:]}",
            "opportunity_id": deal_id(name),
            "field": "StageName",
            "old_value": before,
            "new_value": after,
            "created_date": f"{day}T09:00:00Z",
        }
        for name, day, before, after in stages
    ]
    files[f"salesforce/account/loaded_date={LOADED}/a.csv"] = [
        {
            "id": account,
            "name": name,
            "website": f"https://{name.split()[0].lower()}-works.com",
            "industry": "Software",
            "is_deleted": "false",
            "created_date": "2025-11-03T09:00:00Z",
            "system_modstamp": "2025-11-03T09:00:00Z",
        }
        for account, name in ((TARGET, "Target"), (OTHER, "Other"), (LEFT_OUT, "Test account"))
    ]
    # On the list from 15 May on, and from 10 June on.
    files[f"targets/target_accounts/loaded_date={LOADED}/a.csv"] = [
        {
            "crm_account_id": TARGET,
            "account_name": "Target",
            "listed_on": "2026-05-15",
            "recorded_at": "2026-05-15T08:00:00Z",
        }
    ]
    return files


@dataclass(frozen=True)
class Seen:
    """The place after the last run, and the marts as the run up to MIDDLE left them."""

    place: Place
    middle: Mapping[str, dict[str, list[Any]]]
    pipeline_then: Rows

    def rows(self, sql: str) -> Rows:
        return query(self.place.warehouse, sql)


AS_THEN = (
    "crm_opportunity_id, account_id, stage_name, stage_rank, outcome, closed_on, amount_usd,"
    " close_date, times_postponed, days_postponed, is_target, created_state"
)


def history_at(place: Place, day: date, columns: str) -> Rows:
    """The pipeline of a day, as the history has it."""
    return query(
        place.warehouse,
        f"select {columns} from marts_detail.pipeline_history where valid_from <= date '{day}'"
        f" and (valid_to is null or valid_to > date '{day}') order by crm_opportunity_id",
    )


@pytest.fixture(scope="module")
def seen(template: Place, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("pipeline")
    place = template.copy(folder / "place", folder / "landing")
    for file, rows in landed().items():
        write(folder / "later", file, rows)
        if date.fromisoformat(file.split("loaded_date=")[1][:10]) <= MIDDLE:
            write(place.landing, file, rows)
    compute(place, str(FIRST), str(MIDDLE), only=(*MARTS, "accounts"))
    middle = {name: read(place.warehouse, name) for name in MARTS}
    then = query(
        place.warehouse, f"select {AS_THEN} from marts.pipeline order by crm_opportunity_id"
    )
    for file, rows in landed().items():
        write(place.landing, file, rows)
    let_go(place.folder)
    with duckdb.connect(str(place.warehouse)) as connection:
        connection.execute(
            "insert into seeds.opportunity_stages (stage_name, is_committed, outcome, stage_rank)"
            " values ('Haggling', true, 'open', 7)"
        )
        connection.execute("update seeds.currency_rates set usd_per_unit = 2 * usd_per_unit")
    compute(place, str(MIDDLE.replace(day=15)), str(LAST), only=(*MARTS, "accounts"))
    return Seen(place, middle, then)


def write(landing: Path, file: str, rows: Sequence[Row]) -> None:
    path = landing / file
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def of(seen: Seen, columns: str, name: str) -> tuple[Any, ...]:
    """Columns of a deal's row in `pipeline` after the last run."""
    (row,) = seen.rows(
        f"select {columns} from marts.pipeline where crm_opportunity_id like '{deal_id(name)}%'"
    )
    return row


# --- the law of time ------------------------------------------------------------------------------


def test_a_day_s_pipeline_is_what_was_published_on_it(seen: Seen) -> None:
    """Though a stage was mapped and a rate changed after it, and a late loss became known."""
    assert len(seen.pipeline_then) == 10
    assert history_at(seen.place, MIDDLE, AS_THEN) == seen.pipeline_then


def test_no_interval_of_the_past_was_rewritten(seen: Seen) -> None:
    """All columns of the rows up to the middle, but for the end that one may have by now."""
    then = seen.middle["pipeline_history"]
    ends = f"nullif(least(valid_to, date '{MIDDLE}' + 1), date '{MIDDLE}' + 1)"
    now = read(
        seen.place.warehouse,
        f"(select * replace ({ends} as valid_to) from marts_detail.pipeline_history"
        f" where valid_from <= date '{MIDDLE}')",
    )
    assert differences(then, now) == []


def test_a_month_that_is_over_changes_no_more(seen: Seen) -> None:
    months = seen.middle["pipeline_months"]
    assert set(zip(months["month_start_date"], months["is_complete"], strict=True)) == {
        (date(2026, 4, 1), True),
        (date(2026, 5, 1), True),
        (date(2026, 6, 1), False),
    }
    over = "as_of_date < date '2026-06-01'"
    now = read(seen.place.warehouse, "pipeline_months", over)
    # The order of the segments' rows is theirs.
    kept = [i for i, day in enumerate(months["as_of_date"]) if day < date(2026, 6, 1)]
    then = {name: [values[i] for i in kept] for name, values in months.items()}
    assert differences(then, now) == []


def test_new_rules_count_from_the_next_day(seen: Seen) -> None:
    assert seen.rows(
        "select valid_from, valid_to, stage_rank, amount_usd from marts_detail.pipeline_history"
        f" where crm_opportunity_id like '{deal_id('unmapped')}%' order by 1"
    ) == [
        (date(2026, 6, 4), date(2026, 6, 15), None, 40.0),
        (date(2026, 6, 15), None, 7, 80.0),
    ]


# --- deals by hand --------------------------------------------------------------------------------


def test_every_deal_is_there_but_those_of_a_record_left_out_and_a_deleted_one(seen: Seen) -> None:
    there = {deal for (deal,) in seen.rows("select deal_name from marts.pipeline")}
    assert there == {deal.name for deal in DEALS} - {"leftout", "deleted"}
    assert seen.rows(
        "select deal_name, no_account_reason, account_group from marts.pipeline"
        " where account_id is null order by 1"
    ) == [("nobodys", "no account", "rest"), ("strangers", "account unknown", "rest")]


def test_what_cannot_be_counted_has_no_amount_and_a_reason(seen: Seen) -> None:
    assert seen.rows(
        "select deal_name, amount, amount_usd, annual_amount_usd, no_amount_reason"
        " from marts.pipeline where amount_usd is null order by 1"
    ) == [
        ("noamount", None, None, None, "no amount"),
        ("norate", 90.0, None, None, "no rate for the currency"),
    ]


def test_a_deal_that_skips_stages(seen: Seen) -> None:
    columns = "created_on, closed_on, outcome_since, cycle_days, age_days, currency_code"
    day = date.fromisoformat
    assert of(seen, columns, "skips") == (
        *(day("2026-04-01"), day("2026-06-09"), day("2026-06-10")),
        *(69, 69, "EUR"),
    )
    # 1,000 EUR at 1.13 while that was the rate.
    then = history_at(seen.place, date(2026, 6, 10), "deal_name, amount_usd")
    assert ("skips", 1130.0) in then


def test_a_deal_that_was_opened_again(seen: Seen) -> None:
    columns = "outcome, times_reopened, created_on, closed_on, cycle_days"
    assert of(seen, columns, "reopened") == (*("won", 1, date(2026, 4, 1), date(2026, 6, 20), 80),)


def test_how_far_a_close_date_slipped(seen: Seen) -> None:
    columns = "first_close_date, close_date, times_postponed, days_postponed, is_overdue"
    assert of(seen, f"{columns}, days_overdue", "slips") == (
        *(date(2026, 6, 1), date(2026, 7, 1), 2, 35, True, 1),
    )
    # Between the first postponement and the second it was brought forward.
    middle = history_at(seen.place, date(2026, 6, 9), "deal_name, close_date, days_postponed")
    assert ("slips", date(2026, 6, 11), 15) in middle


def test_an_end_that_was_known_late_counts_from_then(seen: Seen) -> None:
    columns = "outcome, closed_on, outcome_since, age_days"
    assert of(seen, columns, "late") == (*("lost", date(2026, 5, 20), date(2026, 6, 18), 10),)
    before = history_at(seen.place, date(2026, 6, 17), "deal_name, outcome")
    assert ("late", "open") in before


def test_context_is_that_of_the_day_of_creation_or_unknown(seen: Seen) -> None:
    columns = "created_is_target, created_state != 'unknown', created_unknown_reason, is_target"
    assert of(seen, columns, "noamount") == (True, True, None, True)
    # No list was known then, and nothing stored.
    early = "created before the first stored day"
    assert of(seen, columns, "slips") == (None, False, early, True)
    assert of(seen, columns, "late") == (None, False, early, False)
    assert of(seen, columns, "nobodys") == (False, False, "no account", False)


def test_too_few_won_deals_give_no_norm(seen: Seen) -> None:
    assert of(seen, "days_in_stage, stage_norm_days, stage_norm_unknown_reason", "slips") == (
        *(59, None, "0 won deals have a known time in this stage, 10 are needed"),
    )


# --- months by hand -------------------------------------------------------------------------------


def month(seen: Seen, columns: str, day: str, where: str) -> Rows:
    return seen.rows(
        f"select account_group, {columns} from marts_detail.pipeline_months"
        f" where month_start_date = date '{day}' and {where} order by account_group"
    )


WHOLE = "segment_type = 'all' and stage = 'all'"


def test_what_came_in_a_month_and_what_it_left_open(seen: Seen) -> None:
    columns = "created_deals, created_usd, created_without_amount, open_deals, open_usd"
    columns += ", open_without_amount, slipped_deals, overdue_deals"
    # The rates are twice those of before since 15 June.
    assert month(seen, columns, "2026-06-01", WHOLE) == [
        ("all", 5, 380.0, 2, 6, 980.0, 2, 1, 0),
        ("rest", 2, 300.0, 0, 2, 300.0, 0, 0, 0),
        ("targets", 3, 80.0, 2, 4, 680.0, 2, 1, 0),
    ]


def test_what_ended_in_a_month(seen: Seen) -> None:
    columns = "won_deals, won_usd, lost_deals, win_share, mean_cycle_days"
    assert month(seen, columns, "2026-05-01", WHOLE) == [
        ("all", 0, 0.0, 1, 0.0, None),
        ("rest", 0, 0.0, 1, 0.0, None),
        ("targets", 0, 0.0, 0, None, None),
    ]
    assert month(seen, columns, "2026-06-01", WHOLE) == [
        ("all", 2, 3260.0, 1, pytest.approx(2 / 3), 74.5),
        ("rest", 1, 1000.0, 1, 0.5, 80.0),
        ("targets", 1, 2260.0, 0, 1.0, 69.0),
    ]


def test_renewals_stand_apart(seen: Seen) -> None:
    columns = "won_deals, won_usd, open_deals"
    assert month(seen, columns, "2026-06-01", "segment_type = 'renewal' and stage = 'all'") == [
        ("all", 1, 8000.0, 0),
        ("targets", 1, 8000.0, 0),
    ]


def test_skipped_stages_are_passed_and_reopened_deals_count_once(seen: Seen) -> None:
    stages = (
        "select month_start_date, stage, passed_deals, failed_deals"
        " from marts_detail.pipeline_months where segment_type = 'all' and account_group = 'all'"
        " and passed_deals + failed_deals > 0 order by 1, 2"
    )
    may, june = date(2026, 5, 1), date(2026, 6, 1)
    assert seen.rows(stages) == [
        # From 2 to 6. Nobody has been in 3; and 6 is where the other one was lost.
        *((may, "2", 1, 0), (may, "4", 1, 0), (may, "5", 1, 0), (may, "6", 0, 1)),
        # It is won; the late loss was in 5; the reopened one has had its end.
        *((june, "5", 0, 1), (june, "6", 1, 0), (june, "7", 1, 0)),
    ]


def test_segments_split_the_whole(seen: Seen) -> None:
    wrong = """
        with sums as (
            select month_start_date, segment_type, account_group, sum(created_deals) as created,
                sum(open_deals) as open, sum(won_deals) as won, sum(open_usd) as usd
            from marts_detail.pipeline_months
            where stage = 'all' and segment_type != 'renewal'
            group by all
        )
        select sums.*
        from sums
        inner join sums as whole using (month_start_date, account_group)
        where whole.segment_type = 'all'
            and (sums.created, sums.open, sums.won, sums.usd)
            is distinct from (whole.created, whole.open, whole.won, whole.usd)
    """
    assert seen.rows("select count(distinct segment_type) from marts_detail.pipeline_months") == [
        (13,)
    ]
    assert seen.rows(wrong) == []


def test_rows_are_what_they_must_be(seen: Seen) -> None:
    names = [f"well_formed_{name}" for name in MARTS]
    assert faults(seen.place, [*names, "assert_pipeline_adds_up"]) == {}
