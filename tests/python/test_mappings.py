"""CRMs that land in their own words, by a mapping: exports of four systems, from files to marts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from landed import NOW, Landed
from marts import query
from runner import Place, compute

from orchestration.commands.add_source import add_source
from orchestration.doctor.findings import Severity
from orchestration.doctor.results import Stored, _of_stored
from orchestration.landing.contract import Contract, load_contract
from orchestration.landing.discovery import discover
from orchestration.landing.manifest import read_entries
from orchestration.landing.mappings import LAYER, load_mappings
from orchestration.landing.messages import REREAD
from orchestration.project import mapping_folders
from orchestration.rules.checks import CheckError, faults_of_mappings, ready
from orchestration.settings import DEMO_RULES, MODELS_DIR, PROJECT_DIR, SettingsError

FIRST, LAST = "2026-06-01", "2026-06-10"
LOOKED_AT = ("accounts", "account_activation", "load_audit", "data_health")
PAGE = (PROJECT_DIR / "docs" / "mappings.md").read_text(encoding="utf-8")
BOM = "\ufeff"
# Lines as long as exports have them.
# ruff: noqa: E501
EXPORTS = {
    # Zoho's data export, opened with its byte order mark. Two accounts of one name, one account without
    # a website; a deal of an account that is told by its name, a call without a person.
    "zoho/Accounts/loaded_date=2026-06-02/Accounts_001.csv": BOM
    + """\
        Record Id,Account Owner.id,Account Owner,Account Name,Website,Parent Account.id,Parent Account,Account Type,Industry,Employees,Annual Revenue,Billing Country,Currency,Created Time,Modified Time,Rating
        zcrm_101,zcrm_1,Ada Berg,Alder Works,https://www.alderworks.com/,,,Prospect,Software,"1,200","$1,117.10K",Germany,USD,2024-01-05 10:00:00,2026-05-01 09:00:00,Hot
        zcrm_102,zcrm_1,Ada Berg,Birch,birch.io,zcrm_101,Alder Works,-None-,Retail,80,,Austria,EUR,2024-02-05 10:00:00,2026-05-01 09:00:00,
        zcrm_103,zcrm_2,Bo Dahl,Birch,birchgroup.net,,,Customer,Retail,90,,Spain,EUR,2024-02-06 10:00:00,2026-05-02 09:00:00,
        zcrm_104,zcrm_2,Bo Dahl,Cedar,,,,Prospect,Retail,n.a.,,Spain,EUR,2024-02-06 10:00:00,2026-05-02 09:00:00,
        zcrm_105,zcrm_2,Bo Dahl,Elm,elm.es,,,Prospect,Retail,12,,Spain,EUR,2024-02-06 10:00:00,2026-05-02 09:00:00,
        """,
    "zoho/Contacts/loaded_date=2026-06-02/Contacts_001.csv": """\
        Record Id,First Name,Last Name,Account Name.id,Account Name,Email,Title,Email Opt Out,Created Time,Modified Time
        zcrm_201,Cy,Cole,zcrm_101,Alder Works,cy@alderworks.com,,false,2024-03-01 08:00:00,2026-05-01 08:00:00
        zcrm_202,Di,Dunn,,Elm,di@elm.es,CFO,true,2024-03-01 08:00:00,2026-05-01 08:00:00
        """,
    "zoho/Leads/loaded_date=2026-06-02/Leads_001.csv": """\
        Record Id,Company,First Name,Last Name,Title,Email,Website,Converted Contact.id,Created Time,Modified Time
        zcrm_301,Unknown Ltd,Ed,Earl,CTO,ed@alderworks.com,,,2024-03-01 08:00:00,2026-05-01 08:00:00
        """,
    "zoho/Deals/loaded_date=2026-06-02/Deals_001.csv": """\
        Record Id,Deal Owner.id,Deal Owner,Deal Name,Account Name.id,Account Name,Stage,Amount,Currency,Closing Date,Type,Created Time,Modified Time
        zcrm_401,zcrm_1,Ada Berg,Alder 2026,zcrm_101,Alder Works,Negotiation/Review,"$12,000.00",USD,2026-07-31,New Business,2026-02-01 08:00:00,2026-05-30 08:00:00
        zcrm_402,zcrm_1,Ada Berg,Elm first,,Elm,Qualification,5000,EUR,"Aug 31, 2026",New Business,2026-02-01 08:00:00,2026-05-30 08:00:00
        zcrm_403,zcrm_1,Ada Berg,Nobody's,,,Qualification,5000,EUR,2026-08-31,New Business,2026-02-01 08:00:00,2026-05-30 08:00:00
        zcrm_404,zcrm_1,Ada Berg,Which one?,,Birch,Qualification,5000,EUR,2026-08-31,New Business,2026-02-01 08:00:00,2026-05-30 08:00:00
        zcrm_405,zcrm_1,Ada Berg,Won one,zcrm_103,Birch,Closed Won,5000,EUR,31/08/2026,New Business,2026-02-01 08:00:00,2026-05-30 08:00:00
        """,
    "zoho/Stage History/loaded_date=2026-06-02/Deals_Stage_History_001.csv": """\
        Deal Name.id,Stage,Amount,Closing Date,Modified Time
        zcrm_401,Qualification,10000,2026-06-30,2026-02-01 08:00:00
        zcrm_401,Negotiation/Review,12000,2026-07-31,2026-05-30 08:00:00
        """,
    "zoho/Calls/loaded_date=2026-06-02/Calls_001.csv": """\
        Record Id,Call Owner,Subject,Call Type,Contact Name.id,Contact Name,Related To.id,Related To,Call Start Time,Call Result,Outgoing Call Status,Created Time,Modified Time
        zcrm_501,Ada Berg,Hello,Outbound,zcrm_201,Cy Cole,zcrm_101,Alder Works,2026-05-20 10:00:00,Interested,Completed,2026-05-20 10:00:00,2026-05-20 10:30:00
        zcrm_502,Ada Berg,Nobody named,Outbound,,,zcrm_105,Elm,2026-05-21 10:00:00,,Completed,2026-05-21 10:00:00,2026-05-21 10:30:00
        zcrm_503,Ada Berg,On a deal,Outbound,,,zcrm_402,Elm first,2026-05-22 10:00:00,,Completed,2026-05-22 10:00:00,2026-05-22 10:30:00
        zcrm_504,Ada Berg,Planned,Outbound,zcrm_201,Cy Cole,,,2026-06-20 10:00:00,,Scheduled,2026-05-22 10:00:00,2026-05-22 10:30:00
        """,
    "zoho/Users/loaded_date=2026-06-02/Users_001.csv": """\
        User Id,First Name,Last Name,Email,Role,Status
        zcrm_1,Ada,Berg,ada@ours.example,Sales Rep,active
        zcrm_2,Bo,Dahl,bo@ours.example,Sales Rep,inactive
        """,
    # Dynamics: Dataverse columns with numbers of choices and GUIDs in capitals and braces.
    "dynamics/account/loaded_date=2026-06-02/a.csv": """\
        accountid,name,websiteurl,industrycode,numberofemployees,revenue,transactioncurrencyidname,address1_country,customertypecode,_ownerid_value,createdon,modifiedon
        {A1B2C3D4-0000-4000-8000-000000000001},Fir AG,fir.ch,7,500,2500000,Swiss Franc,Switzerland,8,d1b2c3d4-0000-4000-8000-000000000001,2024-01-01T00:00:00Z,2026-05-01T00:00:00Z
        """,
    # A view exported to a csv with labels: another organisation.
    "dynamics@us/accounts/loaded_date=2026-06-02/a.csv": """\
        (Do Not Modify) Account,(Do Not Modify) Modified On,Account Name,Website,Relationship Type,Owner
        a1b2c3d4-0000-4000-8000-000000000001,5/1/2026 9:30 AM,Gum Inc,gum.example.com.invalid,Prospect,Eve Ford
        a1b2c3d4-0000-4000-8000-000000000002,5/1/2026 9:30 AM,Hazel Inc,hazel.us,Prospect,Eve Ford
        """,
    "dynamics/contact/loaded_date=2026-06-02/c.csv": """\
        contactid,fullname,emailaddress1,jobtitle,_parentcustomerid_value,donotbulkemail,createdon,modifiedon
        b1b2c3d4-0000-4000-8000-000000000001,Flo Frei,flo@fir.ch,Head of IT,a1b2c3d4-0000-4000-8000-000000000001,Allow,2024-01-01T00:00:00Z,2026-05-01T00:00:00Z
        """,
    "dynamics/opportunity/loaded_date=2026-06-02/o.csv": """\
        opportunityid,name,_parentaccountid_value,stepname,estimatedvalue,actualvalue,estimatedclosedate,actualclosedate,statecode,_ownerid_value,createdon,modifiedon
        c1b2c3d4-0000-4000-8000-000000000001,Fir all,a1b2c3d4-0000-4000-8000-000000000001,3-Propose,1000,,2026-09-01,,0,d1b2c3d4-0000-4000-8000-000000000001,2026-01-01T00:00:00Z,2026-05-01T00:00:00Z
        c1b2c3d4-0000-4000-8000-000000000002,Fir old,a1b2c3d4-0000-4000-8000-000000000001,4-Close,1000,900,2025-09-01,2025-08-15,1,d1b2c3d4-0000-4000-8000-000000000001,2025-01-01T00:00:00Z,2025-08-15T00:00:00Z
        """,
    "dynamics/systemuser/loaded_date=2026-06-02/u.csv": """\
        systemuserid,fullname,internalemailaddress,title,isdisabled
        d1b2c3d4-0000-4000-8000-000000000001,Gil Gut,gil@ours.example,Account Executive,False
        """,
    "dynamics/phonecall/loaded_date=2026-06-02/p.csv": """\
        activityid,subject,directioncode,actualend,scheduledend,statecode,_regardingobjectid_value,_ownerid_value,createdon,modifiedon
        e1b2c3d4-0000-4000-8000-000000000001,Rang us,False,2026-05-20T10:00:00Z,,1,b1b2c3d4-0000-4000-8000-000000000001,d1b2c3d4-0000-4000-8000-000000000001,2026-05-20T10:00:00Z,2026-05-20T10:00:00Z
        e1b2c3d4-0000-4000-8000-000000000002,Cancelled,True,,2026-05-21T10:00:00Z,2,b1b2c3d4-0000-4000-8000-000000000001,d1b2c3d4-0000-4000-8000-000000000001,2026-05-20T10:00:00Z,2026-05-20T10:00:00Z
        """,
    "dynamics/appointment/loaded_date=2026-06-02/p.csv": """\
        activityid,subject,scheduledstart,statecode,_regardingobjectid_value,_ownerid_value,createdon,modifiedon
        f1b2c3d4-0000-4000-8000-000000000001,Workshop,2026-05-25T10:00:00Z,1,c1b2c3d4-0000-4000-8000-000000000001,d1b2c3d4-0000-4000-8000-000000000001,2026-05-20T10:00:00Z,2026-05-25T10:00:00Z
        """,
    "dynamics/activityparty/loaded_date=2026-06-02/p.csv": """\
        activityid,partyid,partyobjecttypecode
        f1b2c3d4-0000-4000-8000-000000000001,b1b2c3d4-0000-4000-8000-000000000001,contact
        f1b2c3d4-0000-4000-8000-000000000001,d1b2c3d4-0000-4000-8000-000000000001,systemuser
        """,
    # Pipedrive: one number is an organization, a person, a deal and an activity.
    "pipedrive/organizations/loaded_date=2026-06-02/organizations.csv": """\
        Organization - ID,Organization - Name,Organization - Owner,Organization - Country of Address,Organization - Website,Organization - Organization created,Organization - Update time
        7,Ivy BV,Hal Hart,Netherlands,ivy.nl,2024-01-01 00:00:00,2026-05-01 00:00:00
        """,
    "pipedrive/persons/loaded_date=2026-06-02/people.csv": """\
        Person - ID,Person - Name,Person - Organization,Person - Email - Work,Person - Email - Home,Person - Marketing status,Person - Person created,Person - Update time
        7,Ida Ivens,Ivy BV,ida@ivy.nl,,Unsubscribed,2024-01-01 00:00:00,2026-05-01 00:00:00
        8,Jo Jansen,Ivy BV,,jo@gmail.com,No consent,2024-01-01 00:00:00,2026-05-01 00:00:00
        """,
    "pipedrive/deals/loaded_date=2026-06-02/deals.csv": """\
        Deal - ID,Deal - Title,Deal - Organization,Deal - Stage,Deal - Status,Deal - Value,Deal - Currency of Value,Deal - Expected close date,Deal - Won time,Deal - Owner,Deal - Deal created,Deal - Update time
        7,Ivy deal,Ivy BV,Negotiation,Won,20000,EUR,2026-06-01,2026-05-20 12:00:00,Hal Hart,2026-01-01 00:00:00,2026-05-20 12:00:00
        """,
    "pipedrive/deal_flow/loaded_date=2026-06-02/flow.jsonl": """\
        {"deal_id": 7, "field_key": "stage_id", "old_value": "1", "new_value": "2", "old_value_formatted": "Qualification", "new_value_formatted": "Negotiation", "log_time": "2026-03-01 10:00:00"}
        {"deal_id": 7, "field_key": "value", "old_value": "1", "new_value": "20000", "log_time": "2026-03-01 10:00:00"}
        """,
    "pipedrive/activities/loaded_date=2026-06-02/activities.csv": """\
        Activity - ID,Activity - Subject,Activity - Type,Activity - Due date,Activity - Done,Activity - Marked as done time,Activity - Organization,Activity - Contact person,Activity - Deal ID,Activity - Assigned to user,Activity - Add time,Activity - Update time
        7,Call Ida,Call,2026-05-20,Done,2026-05-20 12:00:00,Ivy BV,Ida Ivens,7,Hal Hart,2026-05-01 00:00:00,2026-05-20 12:00:00
        8,Lunch,Lunch,2026-05-21,Done,2026-05-21 12:00:00,,,7,Hal Hart,2026-05-01 00:00:00,2026-05-21 12:00:00
        9,Later,Meeting,2026-06-21,To do,,Ivy BV,,,Hal Hart,2026-05-01 00:00:00,2026-05-21 12:00:00
        """,
    # By hand, from a spreadsheet with semicolons: no ids, no times.
    "spreadsheet/Accounts/loaded_date=2026-06-02/list.csv": """\
        Company;Website;Industry;Employees;Country;Owner
        Juniper;www.juniper-co.fr;Retail;250;France;Kim Kerr
        Kapok;;Retail;40;France;Kim Kerr
        Lime;facebook.com/lime;Retail;40;France;Kim Kerr
        """,
    "spreadsheet/Contacts/loaded_date=2026-06-02/list.csv": """\
        Name;Email;Company
        Jan Jule;jan@juniper-co.fr;Juniper
        Kay Kunz;;Kapok
        """,
    "spreadsheet/Deals/loaded_date=2026-06-02/list.csv": """\
        Deal;Company;Stage;Amount;Close Date;Owner
        Pilot;Juniper;Proposal;$4.5K;31 Jul 2026;Kim Kerr
        Pilot;Kapok;Qualification;(100);2026-07-31;Kim Kerr
        """,
    "spreadsheet/Accounts/loaded_date=2026-06-09/list.csv": """\
        Company;Website;Industry;Employees;Country;Owner
        Juniper;https://juniper-co.fr/;Retail;300;France;Kim Kerr
        Kapok;;Retail;40;France;Kim Kerr
        """,
}


def land(folder: Path, files: Mapping[str, str]) -> Path:
    for file, text in files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text.removeprefix(BOM)), encoding="utf-8")
        if text.startswith(BOM):
            path.write_text(BOM + path.read_text(encoding="utf-8"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def place(template: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """All four systems taken in and computed. Read only."""
    folder = tmp_path_factory.mktemp("mapped")
    place = template.copy(folder / "place", land(folder / "landing", EXPORTS))
    compute(place, FIRST, LAST, only=LOOKED_AT)
    return place


def rows(place: Place, sql: str) -> list[tuple[Any, ...]]:
    return query(place.warehouse, sql)


# --- from exports to marts ------------------------------------------------------------------------


def test_each_company_is_an_account(place: Place) -> None:
    assert rows(
        place,
        "select crm_account_id, account_name, primary_domain, employees, revenue_usd, country,"
        " owner_name from marts.accounts order by 1",
    ) == [
        (
            *("dynamics:a1b2c3d4-0000-4000-8000-000000000001", "Fir AG", "fir.ch", 500, 3e6),
            *("Switzerland", "Gil Gut"),
        ),
        (
            *("dynamics@us:a1b2c3d4-0000-4000-8000-000000000001", "Gum Inc", None, None, None),
            *(None, "dynamics@us:Eve Ford"),
        ),
        (
            *("dynamics@us:a1b2c3d4-0000-4000-8000-000000000002", "Hazel Inc", "hazel.us"),
            *(None, None, None, "dynamics@us:Eve Ford"),
        ),
        ("pipedrive:7", "Ivy BV", "ivy.nl", None, None, "Netherlands", "pipedrive:Hal Hart"),
        (
            *("spreadsheet:name:kapok|france", "Kapok", None, 40, None, "France"),
            "spreadsheet:Kim Kerr",
        ),
        (
            *("spreadsheet:name:lime|france", "Lime", None, 40, None, "France"),
            "spreadsheet:Kim Kerr",
        ),
        (
            *("spreadsheet:website:juniper-co.fr", "Juniper", "juniper-co.fr", 300, None),
            *("France", "spreadsheet:Kim Kerr"),
        ),
        ("zoho:zcrm_101", "Alder Works", "alderworks.com", 1200, 1117100.0, "Germany", "Ada Berg"),
        ("zoho:zcrm_102", "Birch", "birch.io", 80, None, "Austria", "Ada Berg"),
        ("zoho:zcrm_103", "Birch", "birchgroup.net", 90, None, "Spain", "Bo Dahl"),
        ("zoho:zcrm_105", "Elm", "elm.es", 12, None, "Spain", "Bo Dahl"),
    ]


def test_deals_move_their_accounts(place: Place) -> None:
    """By a history where there is one, else by the deals' versions; a won deal makes a customer."""
    assert rows(
        place,
        "select accounts.account_name, has_committed_motion, lifecycle from marts.account_activation"
        " inner join marts.accounts using (account_id)"
        " where has_committed_motion or lifecycle = 'customer' order by 1",
    ) == [
        ("Alder Works", True, "open_opportunity"),
        ("Fir AG", True, "customer"),
        ("Ivy BV", False, "customer"),
        ("Juniper", True, "open_opportunity"),
    ]


def test_acts_count_for_people_and_without_people_for_the_account(place: Place) -> None:
    """Calls on a deal alone count for its account, and a name stands for the person so called."""
    assert rows(
        place,
        "select identity_type, identity, activity_type, count(*) from"
        " (select distinct identity_type, identity, activity_type, occurred_date"
        f"  from {schema_of(place, 'int_act_days')}.int_act_days) group by all order by all",
    ) == [
        ("crm_account", "pipedrive:7", "meeting", 1),
        ("crm_account", "zoho:zcrm_105", "touch_call", 2),
        ("person_record", "dynamics:b1b2c3d4-0000-4000-8000-000000000001", "meeting", 1),
        ("person_record", "dynamics:b1b2c3d4-0000-4000-8000-000000000001", "reply_call", 1),
        ("person_record", "pipedrive:7", "touch_call", 1),
        ("person_record", "zoho:zcrm_201", "touch_call_connected", 1),
    ]


def schema_of(place: Place, table: str) -> str:
    ((schema,),) = rows(
        place,
        f"select table_schema from information_schema.tables where table_name = '{table}'"
        " and table_catalog = current_database()",
    )
    return str(schema)


def test_every_row_of_the_user_is_in_the_audit(place: Place) -> None:
    """Each file's rows, and each table's fates, add up to the lines that were exported."""
    exported = {
        file: len(text.strip().splitlines()) - (not file.endswith("jsonl"))
        for file, text in EXPORTS.items()
    }
    assert dict(rows(place, "select file, delivered from raw_landing.files")) == exported
    assert rows(
        place,
        "select count(*) from raw_landing.files where delivered"
        " != accepted + duplicate + conflicting + quarantined + left_out",
    ) == [(0,)]
    assert rows(
        place,
        "select table_name, source_instance, fate, reason, row_count from marts_detail.load_audit"
        " where source = 'crm' and fate != 'used' order by all",
    ) == [
        ("accounts", "spreadsheet", "duplicate", "repeats an earlier row", 1),
        ("accounts", "spreadsheet", "not used", "superseded by a later version", 1),
        ("accounts", "zoho", "quarantined", "no number", 1),
        ("activities", "dynamics", "not used", "not done", 1),
        ("activities", "pipedrive", "not used", "not yet known", 1),
        ("activities", "zoho", "not used", "not yet known", 1),
        ("attendees", "dynamics", "left out", "left out by the mapping", 1),
        ("deals", "zoho", "not used", "deal of an unknown account", 1),
        ("deals", "zoho", "not used", "deal without an account", 1),
        ("deals", "zoho", "quarantined", "no date", 1),
        ("stage_changes", "pipedrive", "left out", "left out by the mapping", 1),
    ]
    assert rows(
        place,
        "select sum(row_count)::int, sum(row_count) filter (fate = 'used') > 0"
        " from marts_detail.load_audit where source = 'crm'",
    ) == [(sum(exported.values()), True)]
    assert rows(
        place,
        f"select table_name, delivered, left_out from {schema_of(place, 'data_health')}.data_health"
        " where source = 'crm' and left_out > 0 order by 1",
    ) == [("attendees", 2, 1), ("stage_changes", 4, 1)]


def test_day_by_day_gives_the_same(place: Place, template: Place, tmp_path: Path) -> None:
    steps = template.copy(tmp_path / "steps", place.landing)
    for start, end in ((FIRST, "2026-06-05"), ("2026-06-06", LAST)):
        compute(steps, start, end, only=LOOKED_AT)
    for mart in ("marts.accounts", "marts.account_activation", "marts_detail.load_audit"):
        assert rows(steps, f"select * from {mart} order by all") == rows(
            place, f"select * from {mart} order by all"
        ), mart


# --- a mapping of one's own -----------------------------------------------------------------------

OWN = """
    dates: ['%d.%m.%Y']
    numbers: eu
    nulls: ['-']
    files:
      Contacts:
        table: people
        columns:
          person_id: No
          email: Mail
          account_name: Firm
          is_opted_out: Newsletter
          created_at: Since
        prefix: {person_id: c-}
        values:
          is_opted_out: {abgemeldet: 'true', '*': 'false', '': ~}
        where:
          Kind: {not: [Supplier]}
          Mail: not_null
        also:
          - table: accounts
            columns: {account_name: Firm}
      Projects:
        table: deals
        columns:
          deal_name: Project
          account_name: Firm
          stage_name: [Phase, Status]
          is_won: Phase
          amount: Value
          close_date: Until
        constants: {currency: EUR}
        values: {is_won: {Ordered: 'true', '*': ~}}
    """


def contract_with(folder: Path, text: str, name: str = "own") -> Contract:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yml").write_text(dedent(text), encoding="utf-8")
    tables = load_contract(MODELS_DIR).tables
    systems, problems = load_mappings([folder], tables.values())
    assert problems == []
    return Contract(tables, systems)


@pytest.fixture
def own(tmp_path: Path) -> Landed:
    landed = Landed(tmp_path / "landing", contract_with(tmp_path / "mappings", OWN))
    landed.put(
        "own/contacts/loaded_date=2026-06-02/a.csv",
        "No;Mail;Firm;Newsletter;Since;Kind;Hobby\n"
        "1;ann@acme.com;Acme;abgemeldet;31.12.2025;Customer;Chess\n"
        "2;bob@acme.com; ACME ;ja;01.02.2026;Customer;-\n"
        "3;cy@other.com;;;01.02.2026;Customer;Golf\n"
        "4;;Nomail;;01.02.2026;Customer;\n"
        "5;dan@sup.com;Sup;;01.02.2026;supplier;\n"
        "6;eve@acme.com;Acme;;2026/1/1;Customer;\n",
    )
    return landed


def test_one_row_gives_two_records_and_each_is_counted(own: Landed) -> None:
    own.ingest()
    assert own.rows(
        "select file, table_name, instance, delivered, accepted, duplicate, conflicting,"
        " quarantined, left_out from raw_landing.files order by 1"
    ) == [
        ("own/contacts/loaded_date=2026-06-02/a.csv", "people", "own", 6, 3, 0, 0, 1, 2),
        (
            "own/contacts/loaded_date=2026-06-02/a.csv (accounts)",
            "accounts",
            "own",
            6,
            3,
            1,
            1,
            0,
            1,
        ),
    ]


def test_what_nobody_named_stays_with_the_row(own: Landed) -> None:
    """So does a word that a map changed; what a file also gives has no rest."""
    own.ingest()
    people = own.rows(
        "select person_id, is_opted_out, created_at::varchar, _row, _extra"
        " from raw_crm.people order by 1"
    )
    assert [row[:4] for row in people] == [
        ("c-1", True, "2025-12-31 00:00:00", 1),
        ("c-2", False, "2026-02-01 00:00:00", 2),
        ("c-3", None, "2026-02-01 00:00:00", 3),
    ]
    assert [json.loads(row[4]) for row in people] == [
        {"Hobby": "Chess", "Kind": "Customer", "Newsletter": "abgemeldet"},
        {"Kind": "Customer", "Newsletter": "ja"},
        {"Hobby": "Golf", "Kind": "Customer"},
    ]
    assert own.rows("select distinct _extra from raw_crm.accounts") == [(None,)]
    ((quarantined,),) = own.rows("select row_json from raw_landing.quarantine")
    assert json.loads(quarantined)["Since"] == "2026/1/1"


def test_records_without_an_id_keep_the_one_that_they_got(own: Landed) -> None:
    """A later list with other spelling is the same deal; formats read alike in CSV and JSON."""
    own.put(
        "own/projects/loaded_date=2026-06-02/a.csv",
        "Project,Firm,Phase,Status,Value,Until\n"
        'Roof,Acme,Offer,,"1.117,10 €",31.12.2026\n'
        "Roof,Other,,Lead,,\n",
    )
    own.put(
        "own/Projects/loaded_date=2026-06-03/b.jsonl",
        '{"Project": "ROOF ", "Firm": "acme", "Phase": "Ordered", "Value": "(2.000)"}\n',
    )
    own.ingest()
    assert own.rows(
        "select deal_id, stage_name, is_won, amount, currency, close_date::varchar,"
        " _version_number from raw_crm.deals order by 1, 7"
    ) == [
        ("name:roof|acme", "Offer", None, 1117.1, "EUR", "2026-12-31", 1),
        ("name:roof|acme", "Ordered", True, -2000.0, "EUR", None, 2),
        ("name:roof|other", "Lead", None, None, "EUR", None, 1),
    ]


def test_a_person_without_an_address_is_named_by_first_and_last_name(own: Landed) -> None:
    """Lists kept by hand have the name in two columns, and years of two digits among others."""
    own.contract = contract_with(
        own.folder.parent / "list",
        """
        dates: ['%d.%m.%Y', '%d.%m.%y']
        files:
          Leute:
            table: people
            columns: {first_name: Vorname, last_name: Nachname, email: Mail, account_name: Firma,
              created_at: Seit}
          Team:
            table: owners
            columns: {first_name: Vorname, last_name: Nachname}
        """,
        "liste",
    )
    own.put(
        "liste/Leute/loaded_date=2026-06-02/a.csv",
        "Vorname,Nachname,Mail,Firma,Seit\n"
        "Ann,Weber,,Acme,05.03.26\n"
        "Ann,Weber,,Other,05.03.2026\n"
        "Bo,Weber,bo@acme.com,Acme,\n"
        "Cy,,,Acme,\n",
    )
    own.put("liste/Team/loaded_date=2026-06-02/a.csv", "Vorname,Nachname\nDi,Koch\n")
    own.ingest()
    assert own.rows(
        "select person_id, created_at::varchar from raw_crm.people where _instance = 'liste'"
        " order by _row"
    ) == [
        ("name:weber|ann|acme", "2026-03-05 00:00:00"),
        ("name:weber|ann|other", "2026-03-05 00:00:00"),
        ("email:bo@acme.com", None),
    ]
    assert own.rows("select owner_id from raw_crm.owners") == [("name:koch|di",)]
    assert own.rows(
        "select reason from raw_landing.quarantine where file like 'liste/%' order by all"
    ) == [("person_id is required and empty",)]


def test_a_column_that_chooses_rows_must_be_there(own: Landed) -> None:
    """Else all rows would be left out, and nobody told."""
    own.put("own/Contacts/loaded_date=2026-06-03/b.csv", "No,Mail\n9,zoe@acme.com\n")
    problems = own.ingest().problems
    assert any('column "Kind" is missing, by which the mapping of own chooses rows' in one
               for one in problems)  # fmt: skip


def test_files_that_were_taken_under_another_mapping_are_told(own: Landed, tmp_path: Path) -> None:
    """They are not read again: who mends a mapping after the first day is told what to do."""
    own.ingest()
    assert not [one for one in own.ingest().problems if "mapping" in one]
    text = OWN.replace("Mail", "E-Mail")
    assert text != OWN
    own.contract = contract_with(tmp_path / "mended", text)
    (told,) = [one for one in own.ingest().problems if "mapping own.yml was changed" in one]
    assert told.startswith("own/contacts/loaded_date=2026-06-02/a.csv: taken before")
    assert "move WAREHOUSE_PATH and PUBLISHED_DIR away" in told
    entries = tuple(read_entries(own.warehouse))
    stored = Stored(None, None, None, None, frozenset(), (), entries)
    files = discover(own.folder, own.contract, [], NOW.replace(tzinfo=None))
    (finding,) = [one for one in _of_stored(stored, files) if one.code == "read_otherwise"]
    assert (finding.severity, finding.remedy) == (Severity.WARNING, f"{REREAD}.")
    # New files are read by it, and of files that no mapping reads nothing is said.
    own.put("own/contacts/loaded_date=2026-06-03/b.csv", "No;E-Mail;Kind\n9;z@a.com;x\n")
    assert [one for one in own.ingest().problems if "mapping own.yml" in one] == [told]
    assert own.rows("select email from raw_crm.people where person_id = 'c-9'") == [("z@a.com",)]


def test_an_unmapped_folder_is_told(own: Landed) -> None:
    own.put("own/Contact/a.csv", "No\n1\n")
    own.put("own/Vendors/a.csv", "No\n1\n")
    own.put("ownn/Contacts/a.csv", "No\n1\n")
    told = "\n".join(own.ingest().problems)
    assert "own/Contact is no table of the contract and is ignored; the nearest known" in told
    assert "own: the mapping own.yml names no table Vendors; ignored" in told
    assert (
        "ownn is no source of the contract and is ignored; the nearest known source is own" in told
    )


def test_ones_own_mapping_goes_before_the_shipped(tmp_path: Path) -> None:
    contract_with(tmp_path, "files: {X: {table: deals, columns: {deal_id: No}}}", "zoho")
    systems, _ = load_mappings(
        [tmp_path, *mapping_folders(None)], load_contract(MODELS_DIR).tables.values()
    )
    assert systems["zoho"].shown_folders == ("X",)
    assert {"dynamics", "pipedrive", "spreadsheet"} < systems.keys()


# --- what is wrong is told ------------------------------------------------------------------------

WRONG = """\
about: X
dates: ['%m/%d/%Y', '%d/%m/%Y', '%H']
numbers: german
filez: {}
files:
  Deals:
    table: deels
  Accounts:
    table: accounts
    columns:
      account_id: ID
      account_id: No
      acount_name: Name
      website: "?"
      industry: Sector
      country: Sector
    constants: {industry: Retail}
    values:
      is_person: {a: maybe}
  Contacts:
    table: people
    columns: {title: Title}
    also: {table: accounts}
  Calls:
    table: activities
    columns: {activity_id: ID, occurred_at: When}
    where: {When: {before: 2020}}
"""


def test_all_faults_of_a_mapping_are_told_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "x.yml").write_text(WRONG, encoding="utf-8")
    (tmp_path / "hubspot.yml").write_text("files: {a: {table: deals, columns: {deal_id: a}}}")
    (tmp_path / "y.yml").write_text("files: [a: {b", encoding="utf-8")
    told = [
        (Path(fault.file).stem, fault.line, fault.column, fault.value, fault.problem)
        for fault in faults_of_mappings([tmp_path])
    ]
    for expected in (
        ("hubspot", 0, "", "hubspot", "is a source of its own, which needs no mapping"),
        ("x", 3, "", "german", "is no way to write numbers"),
        ("x", 4, "", "filez", "is nothing that a mapping says here"),
        ("x", 7, "Deals", "deels", "is no table of the input layer"),
        ("x", 12, "Accounts, accounts, columns", "account_id", "is mapped twice"),
        ("x", 13, "Accounts, accounts, columns", "acount_name", "is no column of accounts"),
        ("x", 14, "Accounts, accounts", None, "is still open"),
        ("x", 16, "Accounts, accounts", "Sector", "is mapped twice, to industry and to country"),
        (
            *("x", 15, "Accounts, accounts", "industry"),
            "is mapped twice, to a column and a constant",
        ),
        ("x", 19, "Accounts, accounts, is_person", "maybe", "is not true or false"),
        ("x", 21, "Contacts, people", "person_id", "is needed and not mapped"),
        ("x", 23, "Contacts", None, "says also without a list"),
        ("x", 25, "Calls, activities", "activity_kind", "is needed and not mapped"),
        ("x", 27, "Calls, activities, where", "before", "is nothing that a mapping says here"),
    ):
        assert expected in told, (expected, told)
    assert any(one[:2] == ("x", 2) and "date format" in one[4] for one in told)
    assert any(one[0] == "y" and "does not read as YAML" in one[4] for one in told)


def test_a_refresh_does_not_begin_with_a_wrong_mapping(tmp_path: Path) -> None:
    (tmp_path / "rules" / "mappings").mkdir(parents=True)
    (tmp_path / "rules" / "mappings" / "x.yml").write_text(WRONG, encoding="utf-8")
    with pytest.raises(CheckError, match=r"is no table of the input layer.*did you mean deals"):
        ready({"RULES_DIR": str(tmp_path / "rules"), "LANDING_DIR": str(tmp_path)})


@pytest.mark.parametrize("rules", [None, DEMO_RULES])
def test_the_shipped_mappings_have_no_fault(rules: Path | None) -> None:
    assert faults_of_mappings(mapping_folders(rules)) == []


# --- make add-source, and the page ----------------------------------------------------------------


def test_a_mapping_begins_from_the_files(tmp_path: Path) -> None:
    """Known words are found, near ones marked, and the rest is left open and told."""
    land(
        tmp_path / "landing",
        {
            "acme/Companies/a.csv": """\
                Company ID;Company Name;Homepage;Web site;Head count;Revenue
                1;Alder;x;alder.com;1.200;"12.000,50"
                """,
            "acme/Deals/a.csv": """\
                Deal No,Deal Name,Company ID,Stage,Amount,Closing Date,Won
                1,Roof,1,Offer,12,31/12/2026,gewonnen
                """,
            "acme/Calls/a.csv": """\
                Record Id,Subject,Related To
                1,Hello,Alder
                """,
        },
    )
    path, told = add_source("acme", tmp_path / "landing", tmp_path / "rules")
    text = path.read_text(encoding="utf-8")
    written = yaml.safe_load(text)
    assert written["dates"] == ["%d/%m/%Y"]
    assert written["numbers"] == "eu"
    companies = written["files"]["Companies"]
    assert companies["table"] == "accounts"
    assert companies["columns"].items() >= {
        ("account_id", "Company ID"),
        ("account_name", "Company Name"),
        ("website", "Web site"),
    }
    assert written["files"]["Deals"]["columns"]["stage_name"] == "Stage"
    assert written["files"]["Calls"]["constants"] == {"activity_kind": "call"}
    assert 'occurred_at: "?"  # needed' in text
    assert [re.sub(r"^.*, line", "line", one) for one in told] == [
        f"line {text[: text.index('occurred_at')].count(chr(10)) + 1}, Calls, activities: is still"
        " open. Write what belongs there instead of ?, or take the line out."
    ]
    with pytest.raises(SettingsError, match="is there already"):
        add_source("acme", tmp_path / "landing", tmp_path / "rules")
    with pytest.raises(SettingsError, match="holds no folder with a file"):
        add_source("nobody", tmp_path / "landing", tmp_path / "rules")


def test_words_that_do_not_matter_and_days_with_dashes(tmp_path: Path) -> None:
    """As Freshsales and Copper write it: 25-05-2026, "Sales account id", "Display name"."""
    files = {
        "fresh/Accounts/a.csv": """\
            Id,Name,Website,Sales owner,Created at
            16,Alder,alder.com,Ann Lee,25-05-2026 17:35:29
            """,
        "fresh/Deals/a.csv": """\
            Id,Name,Deal stage,Deal value,Sales account,Sales account id,Expected close,Sales owner
            7,Roof,Demo,1200.0,Alder,16,01-12-2026,Ann Lee
            """,
        "fresh/Users/a.csv": """\
            Id,Display name,Email
            3,Ann Lee,ann@us.com
            """,
        "fresh/Calls/a.csv": """\
            Id,Subject,Start date,Targetable id
            9,Hello,25-05-2026 17:35:29,16
            """,
    }
    path, told = add_source("fresh", land(tmp_path / "landing", files), tmp_path / "rules")
    (open_one,) = [one for one in told if "no column was found that says whose" in one]
    assert open_one.startswith("Calls:")
    assert open_one.endswith("with one of Targetable id.")
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert written["dates"] == ["%d-%m-%Y %H:%M:%S", "%d-%m-%Y"]
    deals = written["files"]["Deals"]["columns"]
    assert (deals["account_id"], deals["account_name"]) == ("Sales account id", "Sales account")
    assert deals["owner_name"] == "Sales owner"
    assert written["files"]["Users"]["columns"]["owner_name"] == "Display name"
    text = path.read_text(encoding="utf-8")
    landed = Landed(tmp_path / "landing", contract_with(tmp_path / "mappings", text, "fresh"))
    landed.ingest()
    assert landed.rows("select account_id, close_date::varchar from raw_crm.deals") == [
        ("16", "2026-12-01")
    ]


def test_exports_of_a_known_system_need_no_more_than_a_look(tmp_path: Path) -> None:
    files = {
        file.replace("zoho/", "other/"): text
        for file, text in EXPORTS.items()
        if file.startswith("zoho/")
    }
    path, told = add_source("other", land(tmp_path / "landing", files), tmp_path / "rules")
    assert told == []
    written = yaml.safe_load(path.read_text(encoding="utf-8"))["files"]
    shipped = yaml.safe_load((PROJECT_DIR / "mappings" / "zoho.yml").read_text(encoding="utf-8"))
    assert {name: one["table"] for name, one in written.items()} == {
        name: shipped["files"][name]["table"] for name in written
    }


def test_the_example_of_the_page_can_be_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    contract_with(tmp_path, example, "acmecrm")


def test_the_page_describes_the_input_layer() -> None:
    tables = [t for t in load_contract(MODELS_DIR).tables.values() if t.source == LAYER]
    for table in tables:
        section = PAGE.split(f"\n### `{table.name}`\n")[1].split("\n### ")[0]
        listed = re.findall(r"^\| (\*\*)?`(\w+)`", section, flags=re.MULTILINE)
        assert [(name, bool(bold)) for bold, name in listed] == [
            (column.name, column.is_required) for column in table.columns
        ]
