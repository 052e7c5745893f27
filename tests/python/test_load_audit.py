"""What becomes of every delivered row: that nothing is lost without a word, and what is said."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from conftest import REFRESHED, Company
from marts import query
from runner import OF_ROWS, Place, compute, faults, remake

from orchestration.engine.warehouse import connect
from orchestration.settings import PROJECT_DIR

AUDIT = ("int_known_ids", "int_record_fates", "int_act_fates", "int_list_fates")
AUDIT += ("int_row_fates", "load_audit")
LAST = str(REFRESHED[1])
HOLDS = f"valid_from <= date '{LAST}' and valid_to > date '{LAST}'"

# One row less in each of the places that a row goes through.
ONE = "delete from {0} where rowid = (select min(rowid) from {0} where {1})"
LOST_IN = {
    "a raw table": ONE.format("raw_salesforce.contact", "_status = 'accepted'"),
    "staging": (
        "create or replace view staging.stg_salesforce__tasks as select * from"
        " staging.stg_salesforce__tasks_whole where act_id != (select min(act_id) from"
        " staging.stg_salesforce__tasks_whole)"
    ),
    "versions of accounts": ONE.format(
        "intermediate.int_account_versions", f"not is_deleted and not is_excluded and {HOLDS}"
    ),
    "accounts": ONE.format("intermediate.int_accounts", f"is_in_crm and {HOLDS}"),
    "accounts of records": ONE.format("intermediate.int_account_survivors", HOLDS),
    "people": ONE.format(
        "intermediate.int_person_records",
        f"account_id is not null and absence_reason is null and {HOLDS}",
    ),
    "deals": ONE.format("intermediate.int_deal_spans", f"account_id is not null and {HOLDS}"),
    "deals of no account": ONE.format(
        "intermediate.int_deal_spans", f"account_id is null and {HOLDS}"
    ),
    "the rollup of pages": ONE.format("intermediate.int_page_days", "quantity = 1"),
    "the rollup of acts": ONE.format("intermediate.int_act_days", "quantity = 1"),
    "a count of the rollup": (
        "update intermediate.int_act_days set quantity = quantity - 1 where rowid ="
        " (select min(rowid) from intermediate.int_act_days where quantity > 1)"
    ),
    "owners of identities": (
        "delete from intermediate.int_identity_owners where identity = (select min(identity)"
        " from intermediate.int_identity_owners join intermediate.int_activity_daily using"
        f" (identity_type, identity) where identity_type = 'person_record' and {HOLDS}"
        f" and occurred_date > date '{LAST}' - 30 and activity_type = 'touch_email')"
    ),
    "the list of targets": ONE.format("intermediate.int_target_memberships", HOLDS),
    "targets": ONE.format("intermediate.int_target_accounts", HOLDS),
    "contracts": ONE.format("intermediate.int_contract_spans", HOLDS),
    "events of accounts": (
        "delete from intermediate.int_account_events where event_id ="
        " (select min(event_id) from intermediate.int_account_events)"
    ),
    "findings of research": (
        "delete from intermediate.int_research_findings where finding_id = (select"
        " min(finding_id) from intermediate.int_research_findings where account_id is not null"
        f" and source_type = 'interview' and {HOLDS})"
    ),
}


def test_every_row_of_a_company_has_a_fate(refreshed: Place) -> None:
    assert faults(refreshed, OF_ROWS) == {}
    per_table = query(
        refreshed.warehouse,
        "select audit.source, audit.table_name, sum(row_count), any_value(health.delivered),"
        " round(sum(share), 9) from marts_detail.load_audit as audit"
        " join marts.data_health as health using (source, table_name) group by all",
    )
    assert len(per_table) > 40
    assert all(rows == delivered and share == 1 for _, _, rows, delivered, share in per_table)


@pytest.mark.parametrize("place_of_loss", LOST_IN)
def test_a_row_that_is_lost_on_the_way_is_found(
    place_of_loss: str, refreshed: Place, tmp_path: Path
) -> None:
    place = refreshed.copy(tmp_path / "place")
    with connect(place.warehouse) as warehouse:
        if place_of_loss == "staging":
            [(view,)] = warehouse.rows(
                "select sql from duckdb_views() where view_name = 'stg_salesforce__tasks'"
            )
            warehouse.execute(view.replace("stg_salesforce__tasks", "stg_salesforce__tasks_whole"))
        before = _rows(warehouse.rows, LOST_IN[place_of_loss])
        warehouse.execute(LOST_IN[place_of_loss])
        assert _rows(warehouse.rows, LOST_IN[place_of_loss]) < before
    remake(place, AUDIT, start=LAST, end=LAST)
    assert faults(place, OF_ROWS)


def _rows(rows: Any, change: str) -> int:
    """Rows, or acts, of the relation that is changed."""
    relation = change.split("view ")[1].split()[0] if "view " in change else change.split()[2]
    if change.startswith("update"):
        relation = change.split()[1]
    counted = "sum(quantity)" if relation.endswith("_days") else "count(*)"
    return int(rows(f"select {counted} from {relation}")[0][0])


def test_planted_mishaps_are_found_under_their_reasons(
    company: Company, template: Place, tmp_path: Path
) -> None:
    place = template.copy(tmp_path / "place", company.landing)
    end = str(company.plan.end)
    compute(place, end, end, only=("load_audit", "data_health"))
    assert faults(place, OF_ROWS) == {}
    planted: Counter[tuple[str, str]] = Counter()
    for mishap in pq.read_table(company.truth / "mishaps.parquet").to_pylist():
        planted[mishap["feed"], mishap["kind"]] += int(mishap["rows"])
    found = {
        (feed, reason): count
        for feed, reason, count in query(
            place.warehouse,
            "select source || '/' || table_name, case when fate = 'not used' then reason"
            " else fate end, sum(row_count)::integer from marts_detail.load_audit group by all",
        )
    }
    kinds = {"repeated": "duplicate", "conflicting": "conflicting", "bad_rows": "quarantined"}
    kinds |= {"renamed_column": "quarantined", "merged": GONE}
    seen = Counter(kind for _, kind in planted)
    assert all(seen[kind] for kind in kinds)
    for (feed, kind), rows in planted.items():
        if kind in ("repeated", "merged"):  # sources do it of their own accord as well
            assert found[feed, kinds[kind]] >= rows, (feed, kind)
        elif kind in kinds:
            assert found[feed, kinds[kind]] == rows, (feed, kind)
    # Of a file that nobody can read no row is known.
    unreadable = query(
        place.warehouse,
        "select source || '/' || table_name from marts.data_health where unreadable_files > 0",
    )
    assert {feed for (feed,) in unreadable} == {
        feed for feed, kind in planted if kind == "unreadable"
    }


# --- each reason, by rows of our own --------------------------------------------------------------

FIRST_LOAD, SECOND, END = "2026-06-01", "2026-06-03", "2026-06-05"
SUPERSEDED, UNKNOWN = "superseded by a later version", "account unknown"
NOBODYS, STRANGERS = "deal without an account", "deal of an unknown account"
GONE, RULE, NOT_YET = "record merged or deleted", "excluded by a rule", "not yet known"
# By file: its header, and each line with what must be said of it (None: it counts).
ROWS: dict[str, tuple[str, list[tuple[str, str | None]]]] = {
    f"salesforce/account/loaded_date={FIRST_LOAD}/a.csv": (
        "id,name,website,created_date,system_modstamp,is_deleted,master_record_id",
        [
            ("A1,Alfa,alfa.io,2026-01-01,2026-05-01,,", SUPERSEDED),
            ("A2,Beta,beta.io,2026-01-01,2026-05-01,,", None),
            ("A3,Test of sales,gamma.io,2026-01-01,2026-05-01,,", RULE),
            ("A4,Delta,delta.io,2026-01-01,2026-05-01,true,", GONE),
            ("A5,Beta Inc,beta.io,2026-01-01,2026-05-01,true,A2", GONE),
            ("A6,Epsilon,epsilon.io,2026-01-01,2026-05-01,,", SUPERSEDED),
        ],
    ),
    f"salesforce/account/loaded_date={SECOND}/a.csv": (
        "id,name,website,created_date,system_modstamp,is_deleted",
        [
            ("A1,Alfa Group,alfa.io,2026-01-01,2026-06-02,", None),
            ("A6,Epsilon,epsilon.io,2026-01-01,2026-06-02,true", GONE),
        ],
    ),
    f"salesforce/contact/loaded_date={FIRST_LOAD}/c.csv": (
        "id,account_id,email,created_date,system_modstamp,is_deleted",
        [
            ("C1,A1,ann@alfa.io,2026-01-01,2026-05-01,", None),
            ("C2,,ben@beta.io,2026-01-01,2026-05-01,", None),
            ("C3,,cid@gmail.com,2026-01-01,2026-05-01,", "no account"),
            ("C4,A77,dan@nowhere.io,2026-01-01,2026-05-01,", UNKNOWN),
            ("C5,A1,eve@alfa.io,2026-01-01,2026-05-01,true", GONE),
            ("C6,A1,fay@example.com,2026-01-01,2026-05-01,", RULE),
            ("C7,A4,gus@delta.io,2026-01-01,2026-05-01,", "account left out"),
            ("C8,A5,hal@beta.io,2026-01-01,2026-05-01,", None),
            ("C9,A2,ivy@epsilon.io,2026-01-01,2026-05-01,", None),
            # The owner of the domain went on the third; who has an address of it is there still.
            ("C10,,jim@epsilon.io,2026-01-01,2026-05-01,", UNKNOWN),
        ],
    ),
    f"salesforce/opportunity/loaded_date={FIRST_LOAD}/o.csv": (
        "id,account_id,name,amount,stage_name,close_date,created_date,system_modstamp,is_deleted",
        [
            ("O1,A1,One,1000,Discovery,2026-09-01,2026-02-01,2026-05-01,", None),
            ("O2,,Two,2000,Discovery,2026-09-01,2026-02-01,2026-05-01,", NOBODYS),
            ("O3,A77,Three,3000,Discovery,2026-09-01,2026-02-01,2026-05-01,", STRANGERS),
            ("O4,A2,Four,4000,Handshake,2026-09-01,2026-02-01,2026-05-01,", "stage unmapped"),
            ("O5,A2,Five,5000,Discovery,2026-09-01,2026-02-01,2026-05-01,true", GONE),
            ("O6,A2,test deal,6000,Discovery,2026-09-01,2026-02-01,2026-05-01,", RULE),
            ("O7,A3,Seven,7000,Discovery,2026-09-01,2026-02-01,2026-05-01,", "account left out"),
        ],
    ),
    f"salesforce/opportunity_history/loaded_date={FIRST_LOAD}/h.csv": (
        "id,opportunity_id,stage_name,created_date",
        [
            ("H1,O1,Prospecting,2026-02-01", None),
            ("H2,O1,Handshake,2026-03-01", "stage unmapped"),
            ("H3,O99,Discovery,2026-03-01", "deal unknown"),
            ("H4,O5,Discovery,2026-03-01", "deal left out"),
            # It is pipeline of no account, and so is what is told of its stages.
            ("H5,O2,Prospecting,2026-03-01", None),
            ("H6,O3,Handshake,2026-03-01", "stage unmapped"),
        ],
    ),
    f"salesforce/opportunity_field_history/loaded_date={FIRST_LOAD}/f.csv": (
        "id,opportunity_id,field,old_value,new_value,created_date",
        [
            ("F1,O1,Amount,900,1000,2026-03-01", None),
            ("F2,O1,NextStep,call,mail,2026-03-01", "has nothing in it that we use"),
        ],
    ),
    f"salesforce/task/loaded_date={FIRST_LOAD}/t.csv": (
        "id,who_id,account_id,type,subject,status,activity_date,created_date,system_modstamp,"
        "is_deleted",
        [
            ("T1,C1,A1,Email,Hello,Completed,2026-05-02,2026-05-02,2026-05-02,", None),
            ("T2,C1,A1,Email,[Out] Hello,Completed,2026-05-02,2026-05-02,2026-05-02,", "repeats"),
            ("T3,C1,A1,Email,Later,Not Started,2026-05-02,2026-05-02,2026-05-02,", "not done"),
            ("T4,C1,A1,Fax,Fax,Completed,2026-05-02,2026-05-02,2026-05-02,", "unmapped"),
            ("T5,,,Email,To nobody,Completed,2026-05-02,2026-05-02,2026-05-02,", "no account"),
            ("T6,C99,,Email,Who,Completed,2026-05-02,2026-05-02,2026-05-02,", "person unknown"),
            ("T7,C99,A2,Email,Who,Completed,2026-05-03,2026-05-02,2026-05-03,", None),
            ("T8,,A77,Email,Where,Completed,2026-05-02,2026-05-02,2026-05-02,", UNKNOWN),
            ("T9,C1,A1,Email,Gone,Completed,2026-05-04,2026-05-02,2026-05-04,true", GONE),
            ("T10,C6,,Email,Test,Completed,2026-05-02,2026-05-02,2026-05-02,", RULE),
            # Long ago: it counts for nothing any more, and met what it must.
            ("T11,C1,A1,Call,,Completed,2019-05-02,2019-05-02,2019-05-02,", None),
            ("T12,C3,,Email,Free,Completed,2026-05-02,2026-05-02,2026-05-02,", UNKNOWN),
        ],
    ),
    f"salesforce/task_relation/loaded_date={FIRST_LOAD}/r.csv": (
        "id,task_id,relation_id,is_what,created_date,system_modstamp",
        [
            ("R1,T1,C2,false,2026-05-02,2026-05-02", None),
            ("R2,T99,C2,false,2026-05-02,2026-05-02", "activity unknown"),
            ("R3,T1,C99,false,2026-05-02,2026-05-02", "person unknown"),
            ("R4,T1,O1,true,2026-05-02,2026-05-02", "has nothing in it that we use"),
        ],
    ),
    f"salesforce/event/loaded_date={FIRST_LOAD}/e.csv": (
        "id,who_id,account_id,type,subject,activity_date,created_date,system_modstamp",
        [("E1,C1,A1,Meeting,Talk,2026-05-02,2026-05-01,2026-05-02", None)],
    ),
    f"salesforce/event_relation/loaded_date={FIRST_LOAD}/r.csv": (
        "id,event_id,relation_id,is_what,created_date,system_modstamp",
        [
            ("V1,E1,C2,false,2026-05-02,2026-05-02", None),
            # One of our own, and what the meeting is about.
            ("V2,E1,0055e000000004Q,false,2026-05-02,2026-05-02", "has nothing in it that we use"),
            ("V3,E1,C2,true,2026-05-02,2026-05-02", "has nothing in it that we use"),
        ],
    ),
    f"marketo/activity_open_email/loaded_date={FIRST_LOAD}/o.csv": (
        "id,lead_id,activity_date",
        [("M1,1,2026-05-02", "person unknown"), ("M2,2,2026-05-02", "person unknown")],
    ),
    f"hubspot/company/loaded_date={FIRST_LOAD}/c.csv": (
        "id,property_name,property_domain,property_createdate,property_hs_lastmodifieddate",
        [("31,Zeta,zeta.io,2026-01-01,2026-05-01", None)],
    ),
    f"hubspot/contact/loaded_date={FIRST_LOAD}/c.csv": (
        "id,property_associatedcompanyid,property_email,property_hs_additional_emails,"
        "property_createdate,property_lastmodifieddate",
        [("51,31,kim@zeta.io,kim@home.io,2026-01-01,2026-05-01", None)],
    ),
    f"marketo/lead/loaded_date={FIRST_LOAD}/l.csv": (
        "id,email,created_at,updated_at",
        [
            ("9,ivy@epsilon.io,2026-01-01,2026-05-01", None),
            ("10,jim@epsilon.io,2026-01-01,2026-05-01", UNKNOWN),
        ],
    ),
    # She is a contact of Beta, and so her lead and her click are Beta's.
    f"marketo/activity_click_email/loaded_date={FIRST_LOAD}/c.csv": (
        "id,lead_id,activity_date",
        [("M3,9,2026-06-04", None), ("M4,10,2026-06-04", UNKNOWN)],
    ),
    f"segment/pages/loaded_date={FIRST_LOAD}/p.csv": (
        "id,anonymous_id,context_ip,context_page_path,received_at",
        [
            ("P1,v1,,/pricing,2026-05-02T10:00:00Z", None),
            ("P2,v2,,/pricing,2026-05-02T10:00:00Z", "visitor unresolved"),
            ("P3,v3,8.8.4.1,/,2026-05-02T10:00:00Z", None),
            ("P4,v4,8.8.4.2,/,2026-05-02T10:00:00Z", "visitor unresolved"),
            ("P5,v5,,/,2026-05-02T10:00:00Z", UNKNOWN),
            ("P6,v6,,/,2026-05-02T10:00:00Z", None),
        ],
    ),
    f"segment/identifies/loaded_date={FIRST_LOAD}/i.csv": (
        "id,anonymous_id,email,received_at",
        [
            ("I1,v1,ann@alfa.io,2026-05-02T09:00:00Z", None),
            ("I2,v5,zoe@nowhere.io,2026-05-02T09:00:00Z", UNKNOWN),
            ("I3,v6,kim@home.io,2026-05-02T09:00:00Z", None),
        ],
    ),
    f"reveal/ip_companies/loaded_date={FIRST_LOAD}/i.csv": (
        "ip,domain,confidence,resolved_at",
        [
            ("8.8.4.1,beta.io,0.9,2026-05-01T00:00:00Z", None),
            ("8.8.4.2,nowhere.io,0.9,2026-05-01T00:00:00Z", UNKNOWN),
            ("8.8.4.3,beta.io,0.01,2026-05-01T00:00:00Z", RULE),
        ],
    ),
    f"intent/topic_scores/loaded_date={FIRST_LOAD}/s.csv": (
        "provider,domain,topic,score,interactions,report_date",
        [
            ("6sense,alfa.io,crm,80,,2026-05-04", None),
            ("unheard,alfa.io,crm,80,,2026-05-04", "provider unmapped"),
            ("6sense,alfa.io,erp,,,2026-05-04", "has nothing in it that we use"),
            ("6sense,nowhere.io,crm,80,,2026-05-04", UNKNOWN),
        ],
    ),
    f"targets/target_accounts/loaded_date={FIRST_LOAD}/t.csv": (
        "programme_id,domain,crm_account_id,listed_on,removed_on,recorded_at",
        [
            ("p,alfa.io,,2026-05-01,,2026-05-01T00:00:00Z", None),
            ("p,beta.io,,2026-05-01,2026-06-02,2026-05-01T00:00:00Z", "taken off the list"),
            # A target that no CRM has is an account of its own.
            ("p,unlisted.io,,2026-05-01,,2026-05-01T00:00:00Z", None),
            ("p,later.io,,2026-07-01,,2026-05-01T00:00:00Z", NOT_YET),
        ],
    ),
    f"billing/contracts/loaded_date={FIRST_LOAD}/c.csv": (
        "contract_id,crm_account_id,starts_on,ends_on,arr_usd,recorded_at",
        [
            ("K1,A2,2026-01-01,2026-12-31,500,2026-01-01T00:00:00Z", None),
            ("K2,A77,2026-01-01,2026-12-31,700,2026-01-01T00:00:00Z", UNKNOWN),
        ],
    ),
    f"planning/plans/loaded_date={FIRST_LOAD}/p.csv": (
        "plan_id,crm_account_id,objective,recorded_at",
        [
            ("P1,A2,First meeting,2026-05-01T00:00:00Z", "superseded by a later version"),
            ("P1,A2,Second meeting,2026-05-02T00:00:00Z", None),
            ("P2,A77,First meeting,2026-05-01T00:00:00Z", UNKNOWN),
        ],
    ),
    f"planning/reviews/loaded_date={FIRST_LOAD}/r.csv": (
        "review_id,crm_account_id,due_on,held_on,recorded_at",
        [
            ("R1,A2,2026-05-10,,2026-05-01T00:00:00Z", None),
            ("R2,A2,2026-05-10,,2026-07-01T00:00:00Z", NOT_YET),
            ("R3,A77,2026-05-10,,2026-05-01T00:00:00Z", UNKNOWN),
        ],
    ),
    f"success/milestones/loaded_date={FIRST_LOAD}/m.csv": (
        "milestone_id,crm_account_id,kind,name,due_on,done_on,recorded_at",
        [
            ("M1,A2,Trial,Set up,2026-05-10,,2026-05-01T00:00:00Z", None),
            ("M2,A77,trial,Set up,2026-05-10,,2026-05-01T00:00:00Z", UNKNOWN),
        ],
    ),
    f"success/usage/loaded_date={FIRST_LOAD}/u.csv": (
        "crm_account_id,date,product,unit,licensed_people,deployed_people,active_people,recorded_at",
        [
            ("A2,2026-05-01,Platform,,10,12,5,2026-05-01T00:00:00Z", None),
            (
                "A2,2026-05-02,Platform,,,,,2026-05-02T00:00:00Z",
                "has nothing in it that we use",
            ),
            ("A77,2026-05-01,Platform,,10,5,5,2026-05-01T00:00:00Z", UNKNOWN),
        ],
    ),
    f"salesforce/account_team_member/loaded_date={FIRST_LOAD}/t.csv": (
        "id,account_id,user_id,team_member_role,is_deleted,created_date,system_modstamp",
        [
            ("T1,A2,U1,SDR,false,2026-05-01,2026-05-01", None),
            ("T2,A2,U1,SDR,true,2026-05-01,2026-05-01", "record merged or deleted"),
            ("T3,A77,U1,SDR,false,2026-05-01,2026-05-01", UNKNOWN),
        ],
    ),
    f"plays/outcomes/loaded_date={FIRST_LOAD}/o.csv": (
        "domain,play_id,assigned_on,status,recorded_at",
        [
            ("alfa.io,no-such-play,2026-05-01,done,2026-05-02T00:00:00Z", "play unknown"),
        ],
    ),
    # What comes after the day that is looked at is no part of it.
    "salesforce/contact/loaded_date=2026-06-09/c.csv": (
        "id,account_id,email,created_date,system_modstamp",
        [("C1,A2,ann@alfa.io,2026-01-01,2026-06-08", NOT_YET)],
    ),
}
SHORT = {"repeats": "same activity as another row", "unmapped": "activity unmapped"}


@pytest.fixture(scope="module")
def by_hand(template: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A few rows for each reason, refreshed until END and on to the tenth of June."""
    folder = tmp_path_factory.mktemp("by_hand")
    for file, (header, rows) in ROWS.items():
        path = folder / "landing" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([header, *(row for row, _ in rows), ""]), encoding="utf-8")
    place = template.copy(folder / "place", folder / "landing")
    compute(place, END, END, only=("load_audit",))
    return place


@pytest.mark.parametrize("file", [file for file in ROWS if "06-09" not in file])
def test_each_row_has_its_reason(file: str, by_hand: Place) -> None:
    with connect(by_hand.warehouse, read_only=True) as warehouse:
        said = warehouse.rows(
            "select reason from (from intermediate.int_record_fates union all by name"
            " from intermediate.int_act_fates union all by name from intermediate.int_list_fates)"
            f" where file_path = '{file}' order by file_row"
        )
    assert [reason for (reason,) in said] == [
        SHORT.get(reason or "", reason) for _, reason in ROWS[file][1]
    ]


def test_the_mart_adds_them_up(by_hand: Place) -> None:
    assert faults(by_hand, OF_ROWS) == {}
    of_deals = query(
        by_hand.warehouse,
        "select fate, reason, row_count, round(share, 3), amount_usd, example_row, is_loss"
        " from marts_detail.load_audit where table_name = 'opportunity' order by amount_usd",
    )
    assert of_deals == [
        ("used", "used", 1, 0.143, 1000, 1, False),
        ("not used", NOBODYS, 1, 0.143, 2000, 2, True),
        ("not used", STRANGERS, 1, 0.143, 3000, 3, True),
        ("not used", "stage unmapped", 1, 0.143, 4000, 4, True),
        ("not used", GONE, 1, 0.143, 5000, 5, False),
        ("not used", RULE, 1, 0.143, 6000, 6, False),
        ("not used", "account left out", 1, 0.143, 7000, 7, False),
    ]
    # Two deliveries of accounts are one row of the mart for each reason.
    [(rows, file)] = query(
        by_hand.warehouse,
        "select row_count, example_file from marts_detail.load_audit"
        " where table_name = 'account' and fate = 'used'",
    )
    assert (rows, file) == (2, f"salesforce/account/loaded_date={FIRST_LOAD}/a.csv")


def test_the_next_days_change_what_they_bring_and_no_day_before(
    by_hand: Place, tmp_path: Path
) -> None:
    place = by_hand.copy(tmp_path / "place")
    # Both CRMs have a table of that name.
    said = "select fate, reason, row_count from marts_detail.load_audit"
    said += " where source = 'salesforce' and table_name = 'contact'"
    before = query(place.warehouse, said + " order by all")
    compute(place, "2026-06-06", "2026-06-10", only=("load_audit",))
    assert faults(place, OF_ROWS) == {}
    after = {row[:2]: row[2] for row in query(place.warehouse, said)}
    assert after["not used", SUPERSEDED] == 1
    delivered = [rows for file, (_, rows) in ROWS.items() if file.startswith("salesforce/contact/")]
    assert sum(after.values()) == sum(map(len, delivered))
    # The earlier day again, now that the later delivery is there.
    remake(place, AUDIT, start=END, end=END)
    assert query(place.warehouse, said + " order by all") == before


def test_every_reason_has_a_meaning(template: Place) -> None:
    """What the models can say stands in the seed, and the other way round."""
    sql = (
        "".join(
            path.read_text() for path in (PROJECT_DIR / "models/intermediate/audit").glob("*.sql")
        )
        + (PROJECT_DIR / "macros/row_fates.sql").read_text()
    )
    said = set(re.findall(r"(?:then|else) '([a-z ]+)'", sql))
    told = {
        reason
        for (reason,) in query(
            template.warehouse, "select reason from seeds.row_fates where fate = 'not used'"
        )
    }
    other_words = {"person_record", "domain", "scanner_click", "used", "not used"}
    assert said - other_words == told
