"""What sources say of their own records: deletions, opt-outs, bounces, marks that nobody reads."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import REFRESHED
from landed import Landed, lines
from marts import query
from runner import Place, compute, program

from orchestration.engine.dbt_runner import parse
from orchestration.landing.contract import Column, Contract, Table
from orchestration.landing.flags import looks_like_a_flag
from orchestration.runs.context import flag_words

KEY = ("crm", "visit")
VISIT = Table(
    *KEY,
    columns=(
        Column("id", "text", is_required=True),
        Column("note", "text"),
        Column("changed_at", "timestamp", is_required=True),
        Column("gone", "boolean", is_deletion=True, also=("_deleted",)),
        Column("copied_at", "timestamp", is_sync=True),
    ),
    key=("id",),
    version=("changed_at",),
)
HEADER = "id,note,changed_at,_deleted,copied_at"


@pytest.fixture
def landed(tmp_path: Path) -> Landed:
    return Landed(tmp_path / "landing", Contract({KEY: VISIT}))


def put(landed: Landed, day: int, *rows: str, header: str = HEADER) -> None:
    landed.put(f"crm/visit/loaded_date=2026-06-{day:02}/v.csv", lines(header, *rows))


def test_a_mark_of_deletion_is_a_version_of_when_it_was_copied(landed: Landed) -> None:
    """Tools set it without touching the modification time, and send the row again and again."""
    put(landed, 1, "a,x,2026-05-01,false,2026-06-01T03:00:00Z", "b,y,2026-05-01,,")
    put(landed, 2, "a,x,2026-05-01,true,2026-06-02T03:00:00Z", "b,y,2026-05-01,true,")
    put(landed, 3, "a,x,2026-05-01,true,2026-06-03T03:00:00Z", "b,y,2026-05-01,true,")
    put(landed, 4, "a,x,2026-06-04,false,2026-06-04T03:00:00Z")
    for day in (1, 2, 3, 4):
        landed.ingest(date(2026, 6, day))
    assert landed.rows(
        "select id, coalesce(gone, false), strftime(_version_at, '%d %H')"
        " from raw_crm.visit where _status = 'accepted' order by 1, _version_at"
    ) == [
        ("a", False, "01 00"),
        ("a", True, "02 03"),
        ("a", False, "04 00"),
        ("b", False, "01 00"),
        ("b", True, "02 00"),
    ]
    assert landed.verdicts() == [(2, 0, 0), (2, 0, 0), (0, 2, 0), (1, 0, 0)]


def test_a_mark_that_is_off_is_as_good_as_none(landed: Landed) -> None:
    """The tool begins to send the column: no row is another one because of that."""
    put(landed, 1, "a,x,2026-05-01", header="id,note,changed_at")
    put(landed, 2, "a,x,2026-05-01,false,2026-06-02")
    landed.ingest()
    assert landed.verdicts() == [(1, 0, 0), (0, 1, 0)]


def test_unread_marks_are_named_with_the_rows_in_which_they_are_set(landed: Landed) -> None:
    header = f"{HEADER},isBot,hs_email_optout,Archived At,test_score,verdict_deleted,robot"
    rows = [
        "a,x,2026-05-01,,,true,no,,71,by hand,true",
        "b,x,2026-05-01,,,1,FALSE,2026-04-30,12,,true",
        "c,x,2026-05-01,,,0,no,,,,true",
    ]
    put(landed, 1, *rows, header=header)
    put(landed, 2, *rows, "d,x,2026-05-01,,,TRUE,,,,,", header=header)
    landed.ingest(date(2026, 6, 1), flag_words=flag_words())
    report = landed.ingest(flag_words=flag_words())
    unread = "select unread_flags from raw_landing.tables"
    assert landed.rows(unread) == [(["Archived At (1 row)", "isBot (3 rows)"],)]
    assert any("Archived At (1 row), isBot (3 rows)" in note for note in report.notes)
    columns = (*VISIT.columns, Column("is_bot", "boolean"))
    landed.contract = Contract({KEY: replace(VISIT, columns=columns)})
    landed.ingest(flag_words=flag_words())
    assert landed.rows(unread) == [(["Archived At (1 row)"],)]


@pytest.mark.parametrize(
    "name", ["is_deleted", "IsDeleted", "_merged_", "bot", "Do_Not_Contact__c", "isTest", "optOut"]
)
def test_names_that_look_like_a_mark(name: str) -> None:
    assert looks_like_a_flag(name, flag_words())


@pytest.mark.parametrize("name", ["latest", "robot_vendor", "mergers", "contested", "optics", ""])
def test_names_that_do_not(name: str) -> None:
    assert not looks_like_a_flag(name, flag_words())


def test_every_table_that_brings_records_or_acts_can_lose_them(template: Place) -> None:
    """A full list removes what it lacks, whatever the source calls the table."""
    sql = " ".join(program().by_name["int_record_removals"].fresh)
    found = set(re.findall(r"select\s+'(\w+)' as record_kind, '(\w+)' as source,\s+'(\w+)'", sql))
    assert {
        ("account", "hubspot", "company"),
        ("person", "marketo", "lead"),
        ("opportunity", "hubspot", "deal"),
        ("act", "salesforce", "campaign_member"),
        ("act", "linkedin_ads", "company_engagement"),
    } <= found
    nodes = {node.name: node for node in parse(template.settings).nodes.values()}
    assert ("act", *nodes["stg_hubspot__engagement_emails"].sources[0]) in found


SAID = {
    "salesforce/account/1": """
        id,name,website,created_date,system_modstamp
        A1,Alder Works,alderworks.com,2026-01-01,2026-02-01
        A2,Birch Works,birchworks.com,2026-01-01,2026-02-01
        """,
    "salesforce/contact/1": """
        id,account_id,email,title,created_date,system_modstamp
        C1,A1,ada@alderworks.com,CTO,2026-01-01,2026-02-01
        C2,A2,bo@birchworks.com,CTO,2026-01-01,2026-02-01
        """,
    "hubspot/company/1": """
        id,property_name,property_domain,property_hs_additional_domains,property_createdate,property_hs_lastmodifieddate
        51,Cedar,cedarworks.com,cedarworks.fr; WWW.cedarworks.co.uk,2026-01-01,2026-02-01
        52,Dogwood,dogwoodworks.com,,2026-01-01,2026-02-01
        """,
    "hubspot/contact/1": """
        id,property_email,property_hs_additional_emails,property_associatedcompanyid,property_createdate,property_lastmodifieddate
        81,cy@cedarworks.com,Cy+mail@elsewhere.net,51,2026-01-01,2026-02-01
        82,dee@dogwoodworks.com,,52,2026-01-01,2026-02-01
        """,
    "hubspot/engagement_meeting/1": """
        engagement_id,start_time,property_hs_lastmodifieddate
        91,2026-03-02T09:00:00Z,2026-03-02T10:00:00Z
        """,
    "hubspot/engagement_contact/1": """
        engagement_id,contact_id,_fivetran_synced
        91,82,2026-03-02T10:00:00Z
        """,
    "hubspot/engagement_contact/6": """
        engagement_id,contact_id,_fivetran_synced,_fivetran_deleted
        91,82,2026-03-06T10:00:00Z,true
        """,
    "hubspot/engagement_task/5": """
        engagement_id,property_hs_timestamp,property_hs_task_completion_date,property_hs_task_type,property_hs_task_status,property_hs_lastmodifieddate
        92,2026-06-30T09:00:00Z,2026-03-04T09:00:00Z,LINKED_IN_MESSAGE,COMPLETED,2026-03-05T09:00:00Z
        """,
    "hubspot/engagement_contact/5": """
        engagement_id,contact_id,_fivetran_synced
        92,81,2026-03-05T09:00:00Z
        """,
    "salesforce/event/1": """
        id,account_id,who_id,type,activity_date,created_date,system_modstamp,_fivetran_deleted
        E1,A1,C1,Meeting,2026-03-01,2026-03-01,2026-03-01T09:00:00Z,false
        E2,A2,C2,Meeting,2026-03-01,2026-03-01,2026-03-01T09:00:00Z,false
        """,
    "salesforce/event/4": """
        id,account_id,who_id,type,activity_date,created_date,system_modstamp,_fivetran_deleted
        E1,A1,C1,Meeting,2026-03-01,2026-03-01,2026-03-01T09:00:00Z,true
        """,
    "segment/identifies/3": """
        id,anonymous_id,email,received_at
        i1,v1,cy@elsewhere.net,2026-03-03T10:00:00Z
        i2,v2,somebody@cedarworks.co.uk,2026-03-03T10:00:00Z
        """,
    "segment/pages/3": """
        id,anonymous_id,context_ip,context_page_path,received_at,timestamp
        p1,v1,,/pricing,2026-03-03T10:00:05Z,2026-03-03T10:00:05Z
        p2,v2,,/pricing,2026-03-03T10:00:05Z,2026-03-03T10:00:05Z
        """,
}


def test_what_is_taken_back_counts_until_then(template: Place, tmp_path: Path) -> None:
    """Acts and parts in acts that tools mark as deleted, further addresses, days of completion."""
    for name, content in SAID.items():
        table, day = name.rsplit("/", 1)
        path = tmp_path / "landing" / table / f"loaded_date=2026-03-{int(day):02}" / "rows.csv"
        path.parent.mkdir(parents=True)
        path.write_text(lines(*(line.strip() for line in content.strip().splitlines())))
    place = template.copy(tmp_path / "place", tmp_path / "landing")
    looked_at = ("int_identity_owners", "int_domain_owners")
    compute(place, "2026-03-01", "2026-03-08", only=looked_at)
    acts = query(
        place.warehouse,
        "select identity, activity_type, occurred_date::varchar, known_date::varchar, quantity"
        " from intermediate.int_act_days where identity_type = 'person_record' order by all",
    )
    assert acts == [
        ("81", "touch_linkedin", "2026-03-04", "2026-03-05", 1),
        ("82", "meeting", "2026-03-02", "2026-03-02", 1),
        ("82", "meeting", "2026-03-02", "2026-03-06", -1),
        ("C1", "meeting", "2026-03-01", "2026-03-01", 1),
        ("C1", "meeting", "2026-03-01", "2026-03-04", -1),
        ("C2", "meeting", "2026-03-01", "2026-03-01", 1),
    ]
    owners = query(
        place.warehouse,
        "select identity, account_id, person_id from intermediate.int_identity_owners"
        " where identity_type = 'visitor' and date '2026-03-08' < valid_to order by all",
    )
    assert owners == [
        ("v1", "51", "cy@cedarworks.com"),
        ("v2", "51", "somebody@cedarworks.co.uk"),
    ]


def test_nobody_who_said_no_in_any_system_is_contacted(refreshed: Place) -> None:
    """And nobody is there of whom every address bounced. Told from the sources' own words."""
    day = f"date '{REFRESHED[1]}'"
    in_force = f"{day} >= valid_from and {day} < valid_to"

    def said(sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(refreshed.warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def people(flag: str, events: str) -> str:
        return f"""
            (
                select email from intermediate.int_person_versions
                where {flag} and {in_force} and email is not null
                union
                select email
                from staging.{events} as said
                inner join intermediate.int_person_versions as versions using (record_id)
                where said.known_date <= {day} and said.outcome is not null
                        and {in_force} and email is not null
            )
        """

    refused = people("is_opted_out", "stg_marketo__unsubscribes")
    bounced = people("is_bounced", "stg_marketo__emails_bounced")
    records = f"(select * from intermediate.int_person_records where {in_force})"
    [(opted_out, contactable, reasons)] = said(
        f"""
        select
            count(*), count(*) filter (is_contactable or is_present),
            list(distinct absence_reason)
        from intermediate.int_people
        where {in_force} and person_id in (
            select person_id from {records} where email in {refused}
        )
        """,
    )
    assert (opted_out > 10, contactable, reasons) == (True, 0, ["opted_out"])
    [(unreachable, present)] = said(
        f"""
        select count(*), count(*) filter (is_contactable or is_present)
        from intermediate.int_people
        where {in_force} and person_id in (
            select person_id from {records}
            group by person_id having bool_and(coalesce(email in {bounced}, false))
        )
        """,
    )
    assert (unreachable > 10, present) == (True, 0)
    listed = f"""
        select count(*), count(*) filter (email in {refused} or email in {bounced})
        from restricted.contacts_to_reach inner join {records} using (record_id)
    """
    [(count, wrongly)] = said(listed)
    assert count > 10
    assert wrongly == 0
