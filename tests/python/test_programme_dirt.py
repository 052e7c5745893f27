"""A small company with the dirt that the marts of the programme meet.

Every number is computed by hand, and every row that is lost is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from marts import Rows, query
from runner import OF_ROWS, Place, compute, faults
from test_pipeline import OPEN_AGAIN, Deal, Row, at, deal_id, lost, won, write

LOADED, LAST = date(2026, 5, 31), date(2026, 6, 30)
MARTS = (
    *("pipeline", "pipeline_history", "pipeline_months", "review_items", "load_audit", "accounts"),
    *(
        "programme_activity",
        "programme_focus",
        "account_orchestration",
        "sdr_cadences",
        "account_teams",
    ),
    *("account_reviews", "success_milestones", "int_effort_days"),
)
TARGET, OTHER, MERGED = (f"001{name:0<12}" for name in ("target", "other", "merged"))
STRANGE = "001strange00000"
RITA, ALEX, GONE = (f"005{name:0<12}" for name in ("rita", "alex", "gone"))
DEALS = [
    # Lost, opened again, won, opened again and lost, all in one month.
    Deal(
        "twice",
        TARGET,
        [
            ("2026-06-01", at("Proposal", 500, "2026-07-31")),
            ("2026-06-04", lost("2026-06-04")),
            ("2026-06-08", at("Negotiation", 500, "2026-07-15") | OPEN_AGAIN),
            ("2026-06-12", won("2026-06-12")),
            ("2026-06-16", at("Negotiation", 500, "2026-07-20") | OPEN_AGAIN),
            ("2026-06-20", lost("2026-06-19")),
        ],
    ),
    Deal("moves", MERGED, [("2026-06-02", at("Discovery", 300, "2026-09-01"))]),
    # Nobody's, in a stage that nobody has mapped and a currency without a rate.
    Deal("nobodys", "", [("2026-06-03", at("Haggling", 90, "2026-09-01"))], currency="XAU"),
    # Its close date was past when it was created, and its owner left.
    Deal(
        "past",
        TARGET,
        [("2026-06-02", at("Discovery", 70, "2026-01-15") | {"owner_id": GONE})],
    ),
    # Won on a day before it was created, as the CRM has it.
    Deal(
        "early",
        OTHER,
        [("2026-06-05", at("Proposal", 40, "2026-03-01")), ("2026-06-10", won("2026-03-01"))],
    ),
    # Won for nobody knows how much.
    Deal(
        "free",
        OTHER,
        [("2026-06-06", at("Proposal", "", "2026-06-30")), ("2026-06-16", won("2026-06-16"))],
    ),
]
FILES: dict[str, tuple[str, Sequence[str]]] = {
    "salesforce/user_role": (
        "id,name,system_modstamp",
        ["00E1,SDR,2025-01-01T08:00:00Z", "00E2,Account Executive,2025-01-01T08:00:00Z"],
    ),
    "salesforce/user": (
        "id,name,user_role_id,is_active,created_date,system_modstamp",
        [
            f"{owner},{name},{role},{active},2025-01-01T08:00:00Z,2025-01-01T08:00:00Z"
            for owner, name, role, active in (
                (RITA, "Rita", "00E1", "true"),
                (ALEX, "Alex", "00E2", "true"),
                (GONE, "Gus", "00E2", "false"),
            )
        ],
    ),
    "salesforce/contact": (
        "id,account_id,email,created_date,system_modstamp",
        [
            f"003{name:0<12},{TARGET},{name}@target-works.com,2026-01-05T08:00:00Z,"
            "2026-01-05T08:00:00Z"
            for name in ("ann", "bob")
        ]
        + [
            f"003{'cid':0<12},,cid@gmail.com,2026-01-05T08:00:00Z,2026-01-05T08:00:00Z",
        ],
    ),
    # A meeting with somebody of no account.
    "salesforce/event": (
        "id,who_id,account_id,type,subject,activity_date,created_date,system_modstamp",
        [f"00U1,003{'cid':0<12},,Meeting,Talk,2026-05-21,2026-05-21,2026-05-21"],
    ),
    # A call and a mail of two functions on one day, and a second call to another person.
    "salesforce/task": (
        "id,account_id,who_id,type,subject,status,owner_id,activity_date,created_date,system_modstamp",
        [
            f"00T{number:0>12},{TARGET},003{who:0<12},{kind},Hello,Completed,{owner},2026-05-20,"
            "2026-05-20T08:00:00Z,2026-05-20T08:00:00Z"
            for number, (who, kind, owner) in enumerate(
                (("ann", "Call", RITA), ("ann", "Email", ALEX), ("bob", "Call", RITA))
            )
        ],
    ),
    "targets/target_accounts": (
        "crm_account_id,domain,account_name,tier,listed_on,recorded_at",
        [
            f"{TARGET},,Target,tier_1,2026-05-15,2026-05-15T08:00:00Z",
            # The same account again, by its website.
            ",target-works.com,Target Inc.,tier_1,2026-05-16,2026-05-16T08:00:00Z",
        ],
    ),
    "planning/plans": (
        "plan_id,crm_account_id,starts_on,ends_on,planned_touches,recorded_at",
        [
            f"backwards,{TARGET},2026-08-01,2026-05-01,9,2026-05-02T08:00:00Z",
            f"runs,{TARGET},2026-05-01,,4,2026-05-01T08:00:00Z",
        ],
    ),
    "success/milestones": (
        "milestone_id,crm_account_id,kind,name,due_on,done_on,recorded_at",
        [
            f"m1,{STRANGE},trial,Set up,2026-05-10,,2026-05-01T08:00:00Z",
            f"m2,{MERGED},trial,Set up,2026-06-20,,2026-05-01T08:00:00Z",
        ],
    ),
    "success/usage": (
        "crm_account_id,date,product,unit,licensed_people,deployed_people,active_people,recorded_at",
        [
            f"{TARGET},2026-05-30,Platform,HQ,10,8,12,2026-05-30T08:00:00Z",
            f"{TARGET},2026-05-30,Platform,Lab,10,,12,2026-05-30T08:00:00Z",
            f"{TARGET},2026-05-30,Platform,Ops,10,20,12,2026-05-30T08:00:00Z",
        ],
    ),
    # Rita in two seats, one of them twice; Gus can no longer log in.
    "salesforce/account_team_member": (
        "id,account_id,user_id,team_member_role,created_date,system_modstamp",
        [
            f"01M{number:0>12},{TARGET},{user},{role},2026-05-01T08:00:00Z,2026-05-01T08:00:00Z"
            for number, (user, role) in enumerate(
                (
                    (RITA, "SDR"),
                    (RITA, "Inside sales SDR"),
                    (RITA, "Executive Sponsor"),
                    (GONE, "Account Executive"),
                )
            )
        ],
    ),
    # The total of two accounts of a fair; a row of one account beside the same amount for nobody.
    "spend/daily": (
        "date,channel,function,campaign_id,crm_account_id,spend_usd",
        [
            f"2026-05-20,events,marketing,fair,{TARGET},10.10",
            f"2026-05-20,events,marketing,fair,{OTHER},20.20",
            "2026-05-20,events,marketing,fair,,30.30",
            f"2026-05-21,gifts,marketing,,{TARGET},5",
            "2026-05-21,gifts,marketing,,,5",
            f"2026-05-22,ads,marketing,web,{TARGET},5",
            "2026-05-22,ads,marketing,web,,4",
        ],
    ),
}


def account(name: str, number: str, day: str, **more: object) -> Row:
    return {
        "id": number,
        "name": name,
        "website": f"https://{name.lower()}-works.com",
        "is_deleted": "false",
        "master_record_id": "",
        "created_date": "2025-11-03T09:00:00Z",
        "system_modstamp": f"{day}T09:00:00Z",
    } | more


@pytest.fixture(scope="module")
def place(template: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder: Path = tmp_path_factory.mktemp("dirt")
    place = template.copy(folder / "place", folder / "landing")
    for table, (header, rows) in FILES.items():
        lines = "\n".join((header, *rows)) + "\n"
        path = place.landing / table / f"loaded_date={LOADED}" / "a.csv"
        path.parent.mkdir(parents=True)
        path.write_text(lines, encoding="utf-8")
    accounts = [("Target", TARGET), ("Other", OTHER), ("Merged", MERGED)]
    write(
        place.landing,
        f"salesforce/account/loaded_date={LOADED}/a.csv",
        [account(name, number, "2025-11-03") for name, number in accounts],
    )
    write(
        place.landing,
        "salesforce/account/loaded_date=2026-06-10/a.csv",
        [account("Merged", MERGED, "2026-06-10", is_deleted="true", master_record_id=OTHER)],
    )
    deliveries: dict[str, list[Row]] = {}
    for deal in DEALS:
        for row in deal.rows():
            deliveries.setdefault(str(row["system_modstamp"])[:10], []).append(row)
    for day, versions in deliveries.items():
        write(place.landing, f"salesforce/opportunity/loaded_date={day}/a.csv", versions)
    compute(place, "2026-06-01", str(LAST), only=MARTS)
    return place


def of(place: Place, columns: str, name: str) -> tuple[Any, ...]:
    (row,) = query(
        place.warehouse,
        f"select {columns} from marts.pipeline where crm_opportunity_id like '{deal_id(name)}%'",
    )
    return row


def rows(place: Place, mart: str, columns: str, where: str = "true") -> Rows:
    return query(
        place.warehouse, f"select {columns} from marts_detail.{mart} where {where} order by all"
    )


def test_every_row_is_accounted_for(place: Place) -> None:
    assert faults(place, OF_ROWS) == {}
    lost_rows = "table_name || ': ' || fate || ', ' || reason, row_count"
    assert rows(place, "load_audit", lost_rows, "fate not in ('used', 'duplicate')") == [
        ("account: not used, record merged or deleted", 1),
        ("account: not used, superseded by a later version", 1),
        ("contact: not used, no account", 1),
        ("daily: not used, total of other rows", 1),
        ("event: not used, account unknown", 1),
        ("milestones: not used, account unknown", 1),
        ("opportunity: not used, deal without an account", 1),
        ("opportunity: not used, superseded by a later version", 7),
        ("plans: quarantined, out of order", 1),
    ]


def test_a_deal_that_was_opened_again_twice(place: Place) -> None:
    columns = "outcome, times_reopened, created_on, closed_on, outcome_since, times_postponed"
    assert of(place, columns, "twice") == (
        *("lost", 2, date(2026, 6, 1), date(2026, 6, 19), date(2026, 6, 20), 0),
    )
    then = (
        f"crm_opportunity_id like '{deal_id('twice')}%' and valid_from <= date '2026-06-13'"
        " and valid_to > date '2026-06-13'"
    )
    assert rows(place, "pipeline_history", "outcome, times_reopened", then) == [("won", 1)]


def test_the_month_counts_each_deal_once(place: Place) -> None:
    """`twice` ended as lost; `early` was won, and its cycle ends when that was known."""
    columns = "account_group, created_deals, created_usd, created_without_amount, won_deals"
    columns += ", won_usd, lost_deals, lost_usd, reopened_deals, open_deals, open_usd"
    columns += ", open_without_amount, overdue_deals, mean_cycle_days"
    where = "segment_type = 'all' and stage = 'all' and month_start_date = date '2026-06-01'"
    assert rows(place, "pipeline_months", columns, where) == [
        ("all", 6, 910.0, 2, 2, 40.0, 1, 500.0, 0, 3, 370.0, 1, 1, 7.5),
        ("rest", 4, 340.0, 2, 2, 40.0, 0, 0.0, 0, 2, 300.0, 1, 0, 7.5),
        ("targets", 2, 570.0, 0, 0, 0.0, 1, 500.0, 0, 1, 70.0, 0, 1, None),
    ]
    unmapped = where.replace("'all' and month", "'unmapped' and month")
    assert rows(place, "pipeline_months", "account_group, open_usd", unmapped) == [
        ("all", None),
        ("rest", None),
    ]


def test_a_deal_goes_with_its_merged_account(place: Place) -> None:
    assert of(place, "account_id, account_name", "moves") == (f"{OTHER}AAA"[:18], "Other")


def test_a_past_close_date_and_an_owner_who_left(place: Place) -> None:
    columns = "is_overdue, days_overdue, first_close_date, deal_owner_name, age_days"
    assert of(place, columns, "past") == (True, 166, date(2026, 1, 15), "Gus", 28)
    columns = "outcome, close_date, closed_on, cycle_days"
    assert of(place, columns, "early") == ("won", date(2026, 3, 1), date(2026, 6, 10), 5)
    ((said,),) = query(
        place.warehouse,
        "select said from marts.account_reviews"
        " where account_name = 'Target' and item = 'pipeline'",
    )
    assert "was expected to close on 2026-01-15" in said


def test_what_a_person_has_to_map_is_named_for_deals_of_nobody(place: Place) -> None:
    kinds = "('unmapped_stage', 'currency_without_rate', 'spend_of_account_and_total')"
    assert rows(place, "review_items", "item_type, item, occurrences", f"item_type in {kinds}") == [
        ("currency_without_rate", "XAU", 1),
        ("spend_of_account_and_total", "gifts, no campaign", 1),
        ("unmapped_stage", "Haggling", 1),
    ]


def test_touches_of_two_functions_on_one_day(place: Place) -> None:
    may = "month_start_date = date '2026-05-01' and account_name = 'Target'"
    assert rows(
        place, "programme_activity", "function_name, channel, touches", f"{may} and touches > 0"
    ) == [("sales", "email", 1), ("sales_development", "phone", 2)]
    columns = "functions, addressed_functions, channels, stakeholders, touch_days, contact_sequence"
    assert rows(place, "account_orchestration", columns, may) == [
        # A call that nobody is said to have answered reached nobody.
        (2, 2, 2, 1, 1, "sales by email and sales development by phone")
    ]
    columns = "touches, people, channels, sequence_owner_name, status, is_latest"
    assert rows(place, "sdr_cadences", columns) == [(2, 2, 1, "Rita", "below", True)]


def test_a_total_of_spend_counts_once(place: Place) -> None:
    assert rows(
        place, "programme_activity", "account_name, channel, spend_usd", "spend_usd > 0"
    ) == [
        ("Other", "events", 20.2),
        ("Target", "ads", 5.0),
        ("Target", "events", 10.1),
        ("Target", "gifts", 5.0),
        (None, "ads", 4.0),
        (None, "gifts", 5.0),
    ]


def test_what_is_not_known_of_money_is_said(place: Place) -> None:
    """A deal won without an amount; and what was spent on no account has no meeting."""
    assert rows(
        place,
        "programme_activity",
        "account_name, deals_won, won_amount_usd, won_without_amount",
        "deals_won > 0 and account_name = 'Other'",
    ) == [("Other", 2, 40.0, 1)]
    assert rows(
        place,
        "programme_focus",
        "group_value, meetings, won_without_amount, spend_usd, cost_per_meeting_usd",
        "period = 'since' and group_type = 'target' and group_value = 'no_account'",
    ) == [("no_account", 1, 0, 9.0, None)]


def test_one_person_in_two_seats(place: Place) -> None:
    columns = "function_name, member_name, team_roles, status, is_missing, member_accounts"
    seats = rows(place, "account_teams", columns, "account_name = 'Target'")
    assert [seat for seat in seats if seat[1]] == [
        ("executive", "Rita", "Executive Sponsor", "filled", False, 1),
        ("sales", "Gus", "Account Executive", "left", True, None),
        ("sales_development", "Rita", "Inside sales SDR, SDR", "filled", False, 1),
    ]


def test_a_plan_that_ends_before_it_starts_is_none(place: Place) -> None:
    ((said,),) = query(
        place.warehouse,
        "select said from marts.account_reviews where account_name = 'Target' and item = 'plan'",
    )
    assert said.startswith("Runs from 2026-05-01, open-ended")
    # By a copy of the list the account is one target.
    assert query(
        place.warehouse,
        "select count(*), count(distinct account_id) from marts.account_reviews"
        " where item = 'plan' and account_name like 'Target%'",
    ) == [(1, 1)]


def test_use_that_cannot_be_right(place: Place) -> None:
    columns = "unit, status, deployed_share, active_share, why like '%than are licensed%'"
    assert rows(place, "success_milestones", columns, "kind = 'adoption'") == [
        ("HQ", None, 0.8, None, False),
        ("Lab", None, None, None, True),
        ("Ops", "yellow", 2.0, 0.6, True),
    ]
    assert rows(place, "success_milestones", "account_name, days_late", "kind = 'trial'") == [
        ("Other", 10)
    ]
