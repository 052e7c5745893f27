"""CRMs that land in their own words, by a mapping: exports as four systems write them, to the marts."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from landed import Landed
from marts import query
from runner import Place, compute

from orchestration.landing.contract import Contract, load_contract
from orchestration.landing.mappings import load_mappings
from orchestration.project import mapping_folders
from orchestration.rules.checks import faults_of_mappings
from orchestration.settings import MODELS_DIR

FIRST, LAST = "2026-06-01", "2026-06-10"
LOOKED_AT = ("accounts", "account_activation", "load_audit", "data_health", "account_effort")
BOM = "\ufeff"
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


def land(folder: Path, files: dict[str, str]) -> Path:
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


def test_each_company_is_an_account(place: Place) -> None:
    print(
        rows(
            place,
            "select instance, file, delivered, accepted, duplicate, conflicting, quarantined, left_out, reason from raw_landing.files",
        )
    )
    print(rows(place, "select instance, table_name, reason from raw_landing.quarantine"))
    for m in ("accounts",):
        for r in rows(
            place,
            "select crm_account_id, account_name, primary_domain, industry, employees, revenue_usd, country, owner_name, node_type from marts.accounts order by 1",
        ):
            print(r)
    for r in rows(
        place,
        "select a.account_name, state, why, has_committed_motion from marts.account_activation join marts.accounts a using (account_id) order by 1",
    ):
        print(r)
    for r in rows(
        place,
        "select table_name, source_instance, fate, reason, row_count, example_file, example_row from marts_detail.load_audit order by 1,2,3,4",
    ):
        print(r)
    assert 0
