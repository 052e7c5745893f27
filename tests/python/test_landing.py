"""Ingestion: every delivered row is accounted for, whatever the files look like.

Each test lands a few files of its own in a fresh folder and reads the warehouse back.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from landed import END, NOW, Landed, lines

from orchestration.engine.warehouse import Warehouse, WarehouseBusyError, connect
from orchestration.landing import identities
from orchestration.landing.contract import (
    Column,
    Contract,
    ContractError,
    Table,
    load_contract,
    plain_name,
)
from orchestration.landing.identities import registrable_domain
from orchestration.landing.ingest import IngestReport, TableCounts, ingest
from orchestration.landing.manifest import last_complete_day, read_live_since
from orchestration.landing.messages import Unread, missing_universe
from orchestration.landing.presence import Snapshots

ROOT = Path(__file__).parents[2]
CONNECTOR = ROOT.parent / "shared" / "data" / "schemas" / "landed_columns.csv"
WHOLE_CONTRACT = load_contract(ROOT / "models")
# The tables that these tests use: making all of them anew for each test would be most of the time.
CONTRACT = Contract(
    {
        (table.source, table.name): table
        for table in WHOLE_CONTRACT.tables.values()
        if table.label
        in (
            "salesforce.account",
            "salesforce.opportunity_contact_role",
            "salesforce.task",
            "segment.pages",
            "targets.target_accounts",
            "research.findings",
            "billing.contracts",
            "timing.windows",
        )
    }
)
# A table as EL tools land it: a modification time that may be missing, and the tool's own stamp.
COMPANY = Table(
    source="crm",
    name="company",
    columns=(
        Column("id", "text", is_required=True),
        Column("name", "text"),
        Column("modified", "timestamp"),
        Column("fivetran_deleted", "boolean"),
        Column("fivetran_synced", "timestamp", is_sync=True),
    ),
    key=("id",),
    version=("modified", "fivetran_synced"),
)
ACCOUNT = "id,name,website,number_of_employees,created_date,system_modstamp"


@pytest.fixture
def landed(tmp_path: Path) -> Landed:
    return Landed(tmp_path / "landing", CONTRACT)


def account(number: int, stamp: str = "2026-01-02T00:00:00Z", name: str = "Acme") -> str:
    return f"{number},{name},www.acme.com,12,2026-01-01T00:00:00Z,{stamp}"


def has_problem(report: IngestReport, *parts: str) -> bool:
    return any(all(part in problem for part in parts) for problem in report.problems)


# --- files and their columns ----------------------------------------------------------------------


def test_a_csv_lands_with_types_stamps_and_registrable_domain(landed: Landed) -> None:
    landed.put(
        "salesforce/account/loaded_date=2026-06-01/part-0.csv",
        lines(
            ACCOUNT + ",annual_revenue,is_deleted",
            "1,Acme,https://www.Acme.co.uk/x,12.0,2026-01-01T00:00:00.000+0000,"
            "2026-01-02T02:30:00+02:00,1.5e6,false",
        ),
    )
    report = landed.ingest()
    assert report.load_id == 1
    assert report.tables["salesforce", "account"] == TableCounts(files=1, delivered=1, accepted=1)
    assert landed.accounts(
        "id, name, website, website_registrable, number_of_employees, annual_revenue, is_deleted,"
        " created_date, system_modstamp, industry, _instance, _delivery_day, _is_first_load, _file,"
        " _row, _load_id, _status, _version_number, _extra"
    ) == [
        (
            "1",
            "Acme",
            "https://www.Acme.co.uk/x",
            "acme.co.uk",
            12,
            1.5e6,
            False,
            datetime(2026, 1, 1),
            datetime(2026, 1, 2, 0, 30),
            None,
            "main",
            date(2026, 6, 1),
            True,
            "salesforce/account/loaded_date=2026-06-01/part-0.csv",
            1,
            1,
            "accepted",
            1,
            None,
        )
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\ufeff" + lines(ACCOUNT, account(1), account(2)), id="byte order mark"),
        pytest.param(lines(ACCOUNT, account(1), account(2)).replace("\n", "\r\n"), id="crlf"),
        pytest.param(lines(ACCOUNT, account(1)) + account(2), id="no last line end"),
        pytest.param(lines(ACCOUNT, account(1), account(2)).replace(",", ";"), id="semicolons"),
        pytest.param(lines(ACCOUNT, account(1), account(2)).replace(",", "\t"), id="tabs"),
        pytest.param(lines(ACCOUNT.upper(), account(1), account(2)), id="upper case"),
        pytest.param(
            lines("Id,Name,Website,NumberOfEmployees,CreatedDate,SystemModstamp", account(1))
            + lines(account(2)),
            id="the names of the Salesforce API",
        ),
        pytest.param(lines("", "", ACCOUNT, account(1), "", account(2), ""), id="blank lines"),
        pytest.param(
            lines(ACCOUNT) + account(1) + "\r\n" + lines(account(2)), id="mixed line ends"
        ),
    ],
)
def test_dialects_of_csv_give_the_same_rows(landed: Landed, text: str) -> None:
    landed.put("salesforce/account/a.csv", text)
    report = landed.ingest()
    assert report.tables["salesforce", "account"] == TableCounts(files=1, delivered=2, accepted=2)
    assert landed.accounts("id, name, website_registrable, number_of_employees, _extra") == [
        ("1", "Acme", "acme.com", 12, None),
        ("2", "Acme", "acme.com", 12, None),
    ]
    assert report.problems == ()


def test_quotes_hold_delimiters_and_line_ends(landed: Landed) -> None:
    landed.put("salesforce/account/a.csv", lines(ACCOUNT, account(1, name='"A ""x"", \n B"')))
    landed.ingest()
    assert landed.accounts("name, _row") == [('A "x", \n B', 1)]


def test_a_column_that_is_gone_is_kept_in_mind_until_it_is_back(landed: Landed) -> None:
    def folder(day: int) -> str:
        return f"salesforce/account/loaded_date=2026-06-{day:02}"

    def lost(end: int) -> list[str]:
        landed.ingest(date(2026, 6, end))
        return landed.rows(
            "select lost_columns from raw_landing.tables"
            " where source = 'salesforce' and table_name = 'account'"
        )[0][0]

    renamed = ACCOUNT.replace("website", "url")
    landed.put(f"{folder(1)}/a.csv", lines(ACCOUNT, account(1)))
    landed.put(f"{folder(2)}/a.csv", lines(renamed, account(2)))
    # Files of one day are one delivery, and one without a line says nothing.
    landed.put(f"{folder(2)}/b.csv", lines(renamed.replace("number_of_", ""), account(3)))
    landed.put(f"{folder(3)}/a.csv", lines(renamed.replace("name", "named"), account(4)))
    landed.put(f"{folder(4)}/a.csv")
    landed.put(f"{folder(5)}/a.csv", lines(ACCOUNT, account(5)))
    landed.put("salesforce@emea/account/loaded_date=2026-06-02/a.csv", lines(ACCOUNT, account(1)))
    landed.put("salesforce@emea/account/loaded_date=2026-06-05/a.csv", lines(renamed, account(2)))
    assert lost(1) == []
    assert lost(2) == ["website (since 2026-06-02)"]
    gone = [
        "name (since 2026-06-03, without which no row is taken)",
        "website (since 2026-06-02)",
    ]
    assert lost(3) == gone
    assert lost(4) == gone
    assert lost(5) == ["website of emea (since 2026-06-05)"]


def test_no_instance_is_told_that_it_lacks_what_only_another_had(landed: Landed) -> None:
    renamed = lines(ACCOUNT.replace("website", "url"), account(1))
    landed.put("salesforce/account/loaded_date=2026-06-01/a.csv", lines(ACCOUNT, account(1)))
    landed.ingest(date(2026, 6, 1))
    landed.put("salesforce@emea/account/loaded_date=2026-06-02/a.csv", renamed)
    assert not any("lacks" in problem for problem in landed.ingest(date(2026, 6, 2)).problems)
    landed.put("salesforce/account/loaded_date=2026-06-03/b.csv", renamed)
    assert any("b.csv: lacks website" in told for told in landed.ingest(date(2026, 6, 3)).problems)


def test_a_warehouse_from_before_lost_columns_learns_of_them(landed: Landed) -> None:
    landed.ingest()
    landed.warehouse.execute("alter table raw_landing.tables drop column lost_columns")
    landed.put("salesforce/account/a.csv", lines(ACCOUNT, account(1)))
    landed.ingest()
    assert landed.rows("select distinct lost_columns from raw_landing.tables") == [([],)]


def test_files_of_a_table_may_order_and_leave_out_columns(landed: Landed) -> None:
    landed.put("salesforce/account/a.csv", lines(ACCOUNT, account(1)))
    landed.put(
        "salesforce/account/b.csv",
        lines("system_modstamp,created_date,name,id", "2026-01-02,2026-01-01,Bolt,2"),
    )
    report = landed.ingest()
    assert landed.accounts("id, name, website, created_date") == [
        ("1", "Acme", "www.acme.com", datetime(2026, 1, 1)),
        ("2", "Bolt", None, datetime(2026, 1, 1)),
    ]
    missing = landed.rows(
        "select has_landed, missing_optional_columns from raw_landing.tables"
        " where source = 'salesforce' and table_name = 'account'"
    )
    assert missing[0][0]
    assert "website" not in missing[0][1]
    assert "industry" in missing[0][1]
    assert any("salesforce.account has landed without" in note for note in report.notes)


def test_an_optional_column_that_stops_coming_is_told(landed: Landed) -> None:
    landed.put("salesforce/account/loaded_date=2026-06-01/a.csv", lines(ACCOUNT, account(1)))
    landed.ingest()
    landed.put(
        "salesforce/account/loaded_date=2026-06-02/a.csv",
        lines("id,name,created_date,system_modstamp", "2,Bolt,2026-01-01,2026-01-02"),
    )
    report = landed.ingest()
    assert has_problem(report, "loaded_date=2026-06-02/a.csv", "lacks", "website")
    assert report.tables["salesforce", "account"].accepted == 1


def test_tables_that_never_landed_are_there_and_named(landed: Landed) -> None:
    landed.put("salesforce/account/a.csv", lines(ACCOUNT, account(1)))
    report = landed.ingest()
    assert landed.rows("select count(*) from raw_billing.contracts") == [(0,)]
    assert any(
        note.startswith("billing.contracts has not landed") and "customers" in note
        for note in report.notes
    )
    assert landed.rows("select count(*) from raw_landing.tables where not has_landed") == [
        (len(CONTRACT.tables) - 1,)
    ]


def test_columns_that_the_contract_does_not_know_are_kept(landed: Landed) -> None:
    landed.put(
        "salesforce/account/a.csv",
        lines(ACCOUNT + ",segment__c,_airbyte_raw_id", account(1) + ",Gold,2026-06-01"),
    )
    landed.put(
        "salesforce/account/b.csv",
        lines(ACCOUNT + ",segment__c,_airbyte_raw_id", account(1) + ",Gold,2026-06-02"),
    )
    landed.put("salesforce/account/c.csv", lines(ACCOUNT + ",segment__c", account(2) + ","))
    landed.ingest()
    # A sync tool's own stamp does not make a repeated row a conflict.
    kept = landed.accounts("id, _extra, _status")
    assert [row[::2] for row in kept] == [("1", "accepted"), ("2", "accepted")]
    assert json.loads(kept[0][1]) == {"segment__c": "Gold", "_airbyte_raw_id": "2026-06-01"}
    assert kept[1][1] is None
    assert landed.verdicts() == [(1, 0, 0), (0, 1, 0), (1, 0, 0)]


def test_a_renamed_required_column_puts_the_rows_in_quarantine_with_a_hint(landed: Landed) -> None:
    header = ACCOUNT.replace("name", "names")
    landed.put("salesforce/account/bad.csv", lines(header, account(1), account(2)))
    landed.put("salesforce/account/good.csv", lines(ACCOUNT, account(3)))
    report = landed.ingest()
    assert report.tables["salesforce", "account"] == TableCounts(
        files=2, delivered=3, accepted=1, quarantined=2
    )
    hint = 'required column name is missing; the file has "names": is it that one?'
    assert has_problem(report, "bad.csv", hint)
    quarantined = landed.rows(
        "select source, table_name, instance, file, row_number, reason, row_json, load_id"
        " from raw_landing.quarantine order by row_number"
    )
    assert [row[:6] for row in quarantined] == [
        ("salesforce", "account", "main", "salesforce/account/bad.csv", number, hint)
        for number in (1, 2)
    ]
    assert json.loads(quarantined[0][6])["names"] == "Acme"
    assert landed.rows("select reason from raw_landing.files where reason is not null") == [(hint,)]


def test_no_odd_column_is_named_for_a_missing_one(landed: Landed) -> None:
    header = "id,name,last_viewed_date,last_modified_stamp,created_date"
    landed.put("salesforce/account/a.csv", lines(header, "1,Acme,2026-01-01,2026-01-01,2026-01-01"))
    landed.ingest()
    assert landed.rows("select reason from raw_landing.quarantine") == [
        ("required column system_modstamp or fivetran_synced is missing",)
    ]


@pytest.mark.skipif(not CONNECTOR.exists(), reason="needs the columns of a connector in ../shared")
def test_the_columns_that_a_connector_lands_for_salesforce_are_enough(tmp_path: Path) -> None:
    with CONNECTOR.open(encoding="utf-8", newline="") as handle:
        of_connector = [row for row in csv.DictReader(handle) if row["source"] == "salesforce"]
    columns: dict[str, list[str]] = {}
    for row in of_connector:
        columns.setdefault(row["table"], []).append(row["column"])
    # That connector keeps versions of the opportunity under the name of the history of its stages.
    del columns["opportunity_history"]
    landed = Landed(tmp_path, WHOLE_CONTRACT)
    tables = [name for name in WHOLE_CONTRACT.of_source("salesforce") if name in columns]
    assert {"account", "opportunity", "user", "user_role"} <= set(tables)
    for name in tables:
        table = WHOLE_CONTRACT.tables["salesforce", name]
        types = {plain_name(column.name): column.data_type for column in table.columns}
        values = {
            "date": "2026-01-31",
            "timestamp": "2026-01-31T09:00:00Z",
            "boolean": "false",
            "integer": "1",
            "double": "1",
            "text": "x",
        }
        header = columns[name]
        row = [values[types.get(plain_name(column), "text")] for column in header]
        landed.put(f"salesforce/{name}/a.csv", lines(",".join(header), ",".join(row)))
    landed.ingest()
    assert landed.rows("select file, reason from raw_landing.quarantine") == []
    assert landed.rows(
        "select table_name from raw_landing.files where accepted = 1 order by table_name"
    ) == [(name,) for name in sorted(tables)]


def test_a_file_of_which_every_row_is_bad_is_told_with_the_causes(landed: Landed) -> None:
    bad = [account(number, "yesterday") for number in range(2)]
    bad += [account(number, "soon") for number in range(3)]
    landed.put("salesforce/account/a.csv", lines(ACCOUNT, *bad, "4,short,row", "5,,,,,"))
    landed.put("salesforce/account/b.csv", lines(ACCOUNT, account(7), bad[0]))
    report = landed.ingest()
    in_all = (
        "salesforce.account: {} of 9 rows in quarantine: {} (first in salesforce/account/a.csv,"
    )
    again = "; deliver the rows again, corrected, in a new file"
    assert report.problems == (
        "salesforce/account/a.csv: all its rows (7) are in quarantine",
        in_all.format(6, "system_modstamp no date")
        + f' row 1: system_modstamp is no timestamp: "yesterday"; also in 1 more file){again}',
        in_all.format(1, "malformed line")
        + f" line 7: not a csv row: expected number of columns: 6 found: 3){again}",
        in_all.format(1, "missing") + " row 6: name is required and empty; one of system_modstamp,"
        f" fivetran_synced must be filled){again}",
    )


def test_a_word_that_means_nothing_and_dates_out_of_order_are_put_aside(landed: Landed) -> None:
    header = "domain,window_type,effect,starts_on,ends_on,recorded_at"
    rows = [
        "a.com,budget_freeze,opened,2026-06-01,2026-06-30,2026-05-01 08:00",
        "b.com,budget_freeze, Closed ,2026-06-01,2026-06-30,2026-05-01 08:00",
        "c.com,budget_freeze,closed,2026-06-30,2026-06-01,2026-05-01 08:00",
    ]
    landed.put("timing/windows/a.csv", lines(header, *rows))
    landed.ingest()
    assert landed.rows(
        "select row_number, reason from raw_landing.quarantine order by row_number"
    ) == [
        (1, 'effect "opened" is none of open, closed'),
        (3, "starts_on is after ends_on"),
    ]
    # Corrected in a new file it counts.
    landed.put("timing/windows/b.csv", lines(header, rows[0].replace("opened", "open")))
    landed.ingest()
    assert landed.rows(
        "select domain, trim(effect) from raw_timing.windows where _status = 'accepted'"
        " order by domain"
    ) == [("a.com", "open"), ("b.com", "Closed")]


def test_without_an_account_it_says_why(landed: Landed) -> None:
    def missing(**options: Any) -> str:
        landed.ingest()
        return missing_universe(landed.warehouse, CONTRACT, **options) or ""

    landed.put("billing/contracts/a.csv", "contract_id")
    nothing = missing()
    assert "salesforce.account, targets.target_accounts have no file in LANDING_DIR" in nothing
    landed.put("salesforce/account/a.csv", lines(ACCOUNT, account(1, "soon")))
    landed.put("salesforce/account/b.parquet", b"x")
    landed.put("salesforce/account/c.csv", "")
    said = missing().splitlines()
    assert said[1] == (
        "salesforce/account/a.csv: all its rows (1) are in quarantine:"
        ' system_modstamp is no timestamp: "soon" (1)'
    )
    assert said[2].startswith("salesforce/account/b.parquet cannot be read: ")
    assert said[3] == "salesforce/account/c.csv has no rows"
    for number in range(5):
        landed.put(f"targets/target_accounts/{number}.csv", "")
    assert missing().splitlines()[-2] == "and 3 more files"
    landed.put("salesforce/account/d.csv", lines(ACCOUNT, account(1)))
    assert missing() == ""
    assert "targets/target_accounts/0.csv has no rows" in missing(sources_off=["salesforce"])
    # One that the var `sources` does not name counts as little, and the remedy is another.
    accounts = ("salesforce", "account")
    unnamed = missing(unread={accounts: Unread(("stg_salesforce__accounts",))})
    assert "rows of salesforce.account were taken, but the var sources" in unnamed
    assert missing(unread={accounts: Unread(("stg_salesforce__names",), is_whole=False)}) == ""


def test_what_no_model_reads_is_told(landed: Landed) -> None:
    """By source, for the files of a load; a single table without a model only in the table."""
    unread = {
        ("billing", "contracts"): Unread(("stg_billing__contracts", "stg_billing__terms")),
        ("segment", "pages"): Unread(("stg_segment__bots",), is_whole=False),
        ("research", "findings"): Unread(()),
        ("salesforce", "task"): Unread(()),
        ("timing", "windows"): Unread(("stg_timing__windows",)),
    }
    for table in ("billing/contracts", "segment/pages", "research/findings", "salesforce/task"):
        landed.put(f"{table}/a.csv")
    landed.put("salesforce/account/a.csv", lines(ACCOUNT, account(1)))
    found = landed.ingest(unread=unread, sources_off=["segment"]).problems
    told = [problem for problem in found if "dbt_project.yml" in problem or "no model" in problem]
    assert [problem.split(", so")[0] for problem in told] == [
        "billing.contracts: taken in, but the var sources (dbt_project.yml) does not name"
        " stg_billing__contracts, stg_billing__terms",
        "research.findings: taken in, but no model reads them",
    ]
    assert landed.rows(
        "select source, unread_models from raw_landing.tables where unread_models is not null"
        " order by 1"
    ) == [
        ("billing", ["stg_billing__contracts", "stg_billing__terms"]),
        ("research", []),
        ("salesforce", []),
        ("segment", ["stg_segment__bots"]),
        ("timing", ["stg_timing__windows"]),
    ]
    again = landed.ingest(unread=unread).problems
    assert not [problem for problem in again if "dbt_project.yml" in problem]


def test_one_of_a_group_of_columns_must_be_there_and_filled(landed: Landed) -> None:
    rest = "listed_on,recorded_at"
    landed.put(
        "targets/target_accounts/a.csv",
        lines(f"domain,{rest}", "acme.com,2026-01-01,2026-01-01", ",2026-01-01,2026-01-01"),
    )
    landed.put("targets/target_accounts/b.csv", lines(rest, "2026-01-01,2026-01-01"))
    landed.ingest()
    assert landed.rows("select domain from raw_targets.target_accounts") == [("acme.com",)]
    assert landed.rows("select reason from raw_landing.quarantine order by file") == [
        ("one of domain, crm_account_id must be filled",),
        ("required column domain or crm_account_id is missing",),
    ]


FORM = Table(
    source="crm",
    name="form",
    columns=(
        Column("answer_id", "text", also=("#", "Response No.")),
        Column("given_at", "timestamp", is_required=True, also=("Submit Date (UTC)", "Timestamp")),
        Column("rating", "double", between=(0, 4)),
    ),
    key=("answer_id", "given_at"),
)


def test_a_column_is_known_by_its_other_names(tmp_path: Path) -> None:
    landed = Landed(tmp_path / "landing", Contract({("crm", "form"): FORM}))
    # The delimiter is the one by which these names are found; the question has more commas.
    question = '"How much, how often, how soon, and why?"'
    landed.put("crm/form/a.csv", f"#;submit date UTC;Rating;{question}\n1;2026-06-01;2;a, b\n")
    # Its own name goes first, then the others as they stand; what is left over is kept.
    landed.put(
        "crm/form/b.csv",
        lines("timestamp,Submit_Date_(UTC),response no", "2026-06-02,2026-06-03,2"),
    )
    landed.put("crm/form/c.csv", lines("TIMESTAMP,given at,answer-id", "2026-06-02,2026-06-04,3"))
    landed.put("crm/form/d.csv", lines("#,when", "4,2026-06-05"))
    landed.put("crm/form/e.csv", lines("#,Submit Date (UT)", "5,2026-06-05"))
    landed.ingest()
    assert landed.rows(
        "select answer_id, day(given_at), rating, _extra from raw_crm.form order by 1"
    ) == [
        ("1", 1, 2.0, '{"How much, how often, how soon, and why?":"a, b"}'),
        ("2", 3, None, '{"timestamp":"2026-06-02"}'),
        ("3", 4, None, '{"TIMESTAMP":"2026-06-02"}'),
    ]
    assert landed.rows("select reason from raw_landing.quarantine order by file") == [
        ("required column given_at is missing",),
        ('required column given_at is missing; the file has "Submit Date (UT)": is it that one?',),
    ]


def test_a_quoted_name_may_hold_line_breaks(tmp_path: Path) -> None:
    landed = Landed(tmp_path / "landing", Contract({("crm", "form"): FORM}))
    landed.put(
        "crm/form/a.csv", '\ufeff#,Timestamp,"How\nbig ""is"" it?"\n1,2026-06-01,"very\nbig"\n'
    )
    landed.put("crm/form/b.csv", lines('#,Timestamp,5" pipes', "2,2026-06-01,6"))
    landed.ingest()
    assert landed.rows("select answer_id, _extra from raw_crm.form order by 1") == [
        ("1", '{"How\\nbig \\"is\\" it?":"very\\nbig"}'),
        ("2", '{"5\\" pipes":"6"}'),
    ]


def test_a_number_outside_its_limits_goes_to_quarantine(tmp_path: Path) -> None:
    landed = Landed(tmp_path / "landing", Contract({("crm", "form"): FORM}))
    at = "2026-06-01"
    landed.put(
        "crm/form/a.csv",
        lines("#,Timestamp,rating", *(f"{row},{at},{row}" for row in ("0", "4", "", "4.5", "-1"))),
    )
    landed.parquet(
        "crm/form/b.parquet", {"#": ["7", "8"], "given_at": [at, at], "rating": [3.0, 5.0]}
    )
    landed.ingest()
    assert landed.rows("select rating from raw_crm.form order by 1") == [
        (0.0,),
        (3.0,),
        (4.0,),
        (None,),
    ]
    assert landed.rows("select reason from raw_landing.quarantine order by 1") == [
        ('rating "-1" is not between 0 and 4',),
        ('rating "4.5" is not between 0 and 4',),
        ('rating "5.0" is not between 0 and 4',),
    ]


# --- rows that cannot be taken --------------------------------------------------------------------


def test_bad_rows_go_to_quarantine_and_all_else_goes_on(landed: Landed) -> None:
    landed.put(
        "salesforce/account/a.csv",
        lines(
            ACCOUNT,
            account(1),
            "2,Bolt,,many,2026-01-01,2026-01-02",
            "3, ,,,2026-01-01,2026-31-02",
            "4,short,row",
            account(5),
            "6,too,,1,2026-01-01,2026-01-02,long",
            account(7),
        ),
    )
    report = landed.ingest()
    assert report.tables["salesforce", "account"] == TableCounts(
        files=1, delivered=7, accepted=3, quarantined=4
    )
    assert landed.accounts("id") == [("1",), ("5",), ("7",)]
    reasons = landed.rows(
        "select row_number, reason, row_json from raw_landing.quarantine order by row_number"
    )
    assert [row[:2] for row in reasons] == [
        (2, 'number_of_employees is no integer: "many"'),
        (3, 'name is required and empty; system_modstamp is no timestamp: "2026-31-02"'),
        (5, "not a csv row: expected number of columns: 6 found: 3"),
        (7, "not a csv row: expected number of columns: 6 found: 7"),
    ]
    assert json.loads(reasons[0][2])["number_of_employees"] == "many"
    assert json.loads(reasons[2][2]) == {"line": "4,short,row"}


def test_text_in_another_encoding_is_a_bad_row(landed: Landed) -> None:
    text = lines(ACCOUNT, account(1, name="Caf\u00e9"), account(2))
    landed.put("salesforce/account/a.csv", text.encode("latin-1"))
    landed.put("salesforce/account/b.csv", lines(ACCOUNT, account(3)).encode("utf-16"))
    report = landed.ingest()
    assert landed.accounts("id") == [("2",)]
    assert landed.rows("select reason from raw_landing.quarantine")[0][0].count("utf-8") == 1
    assert has_problem(report, "b.csv", "UTF-16")


def test_types_are_taken_strictly(landed: Landed) -> None:
    cases = {
        "annual_revenue": (["1,000", "nan", "inf", "x", "-1.5"], ["1000", "1.5", "1e3", " 7 "]),
        "number_of_employees": (["1.5", "0x10", "1e3", "-3"], ["12", "12.0", "+3"]),
        "is_deleted": (["perhaps", "2"], ["true", "FALSE", "1", "0", "t"]),
    }
    rows: list[str] = []
    good = 0
    for column, (bad, fine) in cases.items():
        for value in bad + fine:
            cells = {name: value if name == column else "" for name in cases}
            rows.append(
                f'{len(rows)},Acme,2026-01-01,2026-01-02,"'
                + '","'.join(cells[name] for name in cases)
                + '"'
            )
        good += len(fine)
    header = "id,name,created_date,system_modstamp," + ",".join(cases)
    landed.put("salesforce/account/a.csv", lines(header, *rows))
    report = landed.ingest()
    assert report.tables["salesforce", "account"].accepted == good
    assert report.tables["salesforce", "account"].quarantined == len(rows) - good


MOMENTS = {
    "2026-01-05": datetime(2026, 1, 5),
    "2026-01-05 10:00": datetime(2026, 1, 5, 10),
    "2026-01-05T10:00:00Z": datetime(2026, 1, 5, 10),
    "2026-01-05T10:00:00.000+0000": datetime(2026, 1, 5, 10),
    "2026-01-05T10:00:00+02:00": datetime(2026, 1, 5, 8),
    "2026-01-05T10:00:00-0330": datetime(2026, 1, 5, 13, 30),
    "2026-01-05 10:00:00-05": datetime(2026, 1, 5, 15),
    "2026-01-05 10:00:00 UTC": datetime(2026, 1, 5, 10),
    "2026-01-05T10:00:00.123456789Z": datetime(2026, 1, 5, 10, 0, 0, 123456),
    "05.01.2026": None,
    "infinity": None,
    "1767607200": None,
    "2026-01-05T25:00:00Z": None,
}


def test_timestamps_become_utc(landed: Landed) -> None:
    rows = [account(number, stamp=text) for number, text in enumerate(MOMENTS)]
    landed.put("salesforce/account/a.csv", lines(ACCOUNT, *rows))
    landed.ingest()
    assert dict(landed.accounts("id::integer, system_modstamp")) == {
        number: moment for number, moment in enumerate(MOMENTS.values()) if moment
    }


def test_plain_dates_are_taken_as_they_are(landed: Landed) -> None:
    header = "id,activity_date,created_date,system_modstamp"
    landed.put(
        "salesforce/task/a.csv",
        lines(
            header,
            "1,2026-01-05,2026-01-01,2026-01-02",
            "2,2026-01-05T23:30:00-05:00,2026-01-01,2026-01-02",
            "3,5/1/2026,2026-01-01,2026-01-02",
        ),
    )
    landed.ingest()
    assert landed.rows("select id, activity_date from raw_salesforce.task order by id") == [
        ("1", date(2026, 1, 5)),
        ("2", date(2026, 1, 5)),
    ]


EXPORT = Table(
    source="crm",
    name="export",
    columns=(
        Column("id", "text", is_required=True),
        Column("seen_on", "date"),
        Column("seen_at", "timestamp"),
        Column("score", "double"),
        Column("people", "integer"),
    ),
    key=("id",),
    nulls=("-", "N/A"),
    date_formats=("%m/%d/%Y", "%m/%d/%Y %I:%M %p"),
    number_style="us",
)
NEITHER = "neither YYYY-MM-DD nor %m/%d/%Y nor %m/%d/%Y %I:%M %p"


@pytest.mark.parametrize("file", ["a.csv", "a.jsonl", "a.parquet"])
def test_dates_numbers_and_nulls_are_taken_as_the_table_writes_them(
    tmp_path: Path, file: str
) -> None:
    names = ("id", "seen_on", "seen_at", "score", "people", "note")
    rows = [
        ("1", "2026-01-05", "2026-01-05T10:00:00+02:00", "1234.5", "12", "x"),
        ("2", "1/5/2026", "1/5/2026 9:05 PM", "1,234.5", "1,234,567", "-"),
        ("3", "12/31/2026", "01/05/2026", "45%", "-1,000", "N/A"),
        ("4", "-", "N/A", " - ", "", ""),
        ("5", "31/12/2026", "", "", "", ""),
        ("6", "1/5/26", "", "", "", ""),
        ("7", "", "", "12,34", "", ""),
        ("-", "", "", "", "", ""),
    ]
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    landed = Landed(tmp_path / "landing", Contract({("crm", "export"): EXPORT}))
    if file.endswith("parquet"):
        landed.parquet(f"crm/export/{file}", columns)
    elif file.endswith("jsonl"):
        written = (json.dumps(dict(zip(names, row, strict=True))) for row in rows)
        landed.put(f"crm/export/{file}", lines(*written))
    else:
        written = (",".join(f'"{value}"' for value in row) for row in rows)
        landed.put(f"crm/export/{file}", lines(",".join(names), *written))
    landed.ingest()
    assert landed.rows(
        "select id, seen_on, seen_at, score, people, _extra from raw_crm.export order by id"
    ) == [
        ("1", date(2026, 1, 5), datetime(2026, 1, 5, 8), 1234.5, 12, '{"note":"x"}'),
        ("2", date(2026, 1, 5), datetime(2026, 1, 5, 21, 5), 1234.5, 1_234_567, None),
        ("3", date(2026, 12, 31), datetime(2026, 1, 5), 45.0, -1000, None),
        ("4", None, None, None, None, None),
    ]
    assert landed.rows("select reason from raw_landing.quarantine order by row_number") == [
        (f'seen_on is no date: "31/12/2026" ({NEITHER})',),
        (f'seen_on is no date: "1/5/26" ({NEITHER})',),
        ('score is no double: "12,34"',),
        ("id is required and empty",),
    ]


def test_a_file_that_nobody_can_read_is_counted_and_the_rest_goes_on(landed: Landed) -> None:
    landed.put("salesforce/account/broken.parquet", b"PAR1 nothing of the sort")
    (landed.folder / "salesforce/account/broken.csv.gz").write_bytes(b"no gzip")
    whole = gzip.compress(lines(ACCOUNT, *(account(n) for n in range(9000))).encode())
    (landed.folder / "salesforce/account/cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    (landed.folder / "salesforce/account/torn.csv.gz").write_bytes(whole[:20] + b"\xff" * 99)
    (landed.folder / "salesforce/account/cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    landed.put("salesforce/account/binary.csv", bytes(range(256)) * 10)
    landed.put("salesforce/account/zipped.parquet.gz", b"x")
    landed.put("salesforce/account/good.csv.gz", lines(ACCOUNT, account(1)))
    report = landed.ingest()
    assert landed.accounts("id, _is_first_load") == [("1", True)]
    counts = report.tables["salesforce", "account"]
    assert (counts.files, counts.unreadable_files, counts.delivered) == (8, 7, 1)
    assert len(report.problems) == 6  # the two that were cut off share a sentence
    assert all("cannot be read: " in problem for problem in report.problems)
    assert landed.rows(
        "select count(*) from raw_landing.files where status = 'unreadable' and delivered = 0"
        " and reason is not null"
    ) == [(7,)]


def test_a_broken_first_delivery_is_no_first_load(landed: Landed) -> None:
    landed.put("salesforce/account/loaded_date=2026-06-01/broken.parquet", b"x")
    landed.put("salesforce/account/loaded_date=2026-06-02/a.csv", lines(ACCOUNT, account(1)))
    landed.ingest()
    assert landed.accounts("id, _is_first_load") == [("1", True)]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.csv.gz", "b.csv"])
def test_an_empty_file_is_a_delivery_of_no_rows(landed: Landed, name: str) -> None:
    landed.put(f"salesforce/account/{name}", lines(ACCOUNT) if name == "b.csv" else "")
    report = landed.ingest()
    assert report.tables["salesforce", "account"] == TableCounts(files=1)
    assert landed.rows("select status, delivered from raw_landing.files") == [("loaded", 0)]
    assert landed.rows("select has_landed from raw_landing.tables where has_landed") == [(True,)]
    assert report.problems == ()


# --- other formats --------------------------------------------------------------------------------


def test_json_lines_may_nest_and_leave_out_keys(landed: Landed) -> None:
    base = {"name": "Acme", "created_date": "2026-01-01", "system_modstamp": "2026-01-02"}
    rows = [
        {"id": 1, "IsDeleted": True, "number_of_employees": 12, "address": {"city": "Ulm"}} | base,
        {"id": "2", "industry": {"main": "Retail"}, "annual_revenue": None} | base,
        {"id": "3", "number_of_employees": "many"} | base,
        {"id": "4"},
    ]
    text = lines(*(json.dumps(row) for row in rows), "", '{"id": "5"', "[1]")
    landed.put("salesforce/account/a.jsonl", text)
    landed.put("salesforce/account/b.jsonl.gz", lines(json.dumps({"id": "6"} | base)))
    empty = "name is required and empty; one of system_modstamp, fivetran_synced must be filled"
    report = landed.ingest()
    assert report.tables["salesforce", "account"] == TableCounts(
        files=2, delivered=7, accepted=3, quarantined=4
    )
    assert landed.accounts("id, is_deleted, number_of_employees, industry, _extra, _row") == [
        ("1", True, 12, None, '{"address":{"city":"Ulm"}}', 1),
        ("2", None, None, '{"main":"Retail"}', None, 2),
        ("6", None, None, None, None, 1),
    ]
    assert landed.rows(
        "select row_number, reason from raw_landing.quarantine order by row_number"
    ) == [
        (3, 'number_of_employees is no integer: "many"'),
        (4, empty),
        (6, "not a JSON object"),
        (7, "not a JSON object"),
    ]


def test_parquet_keeps_its_types(landed: Landed) -> None:
    berlin = pa.timestamp("us", tz="Europe/Berlin")
    moments = [datetime(2026, 1, 2, 12, tzinfo=UTC)] * 3
    landed.parquet(
        "salesforce/account/a.parquet",
        {
            "id": pa.array([1, 2, 3], pa.int32()),
            "name": ["Acme", "Bolt", " "],
            "number_of_employees": pa.array([12.0, float("nan"), 1.5], pa.float64()),
            "annual_revenue": pa.array([1, None, 3], pa.int64()),
            "is_deleted": pa.array([1, 0, None], pa.int8()),
            "created_date": pa.array([date(2026, 1, 1)] * 3, pa.date32()),
            "SystemModstamp": pa.array(moments, berlin),
            "tags": pa.array([["a"], None, []], pa.list_(pa.string())),
            "filename": ["x", "y", "z"],
        },
    )
    report = landed.ingest()
    assert report.tables["salesforce", "account"] == TableCounts(
        files=1, delivered=3, accepted=2, quarantined=1
    )
    assert landed.accounts(
        "id, number_of_employees, annual_revenue, is_deleted, created_date, system_modstamp,"
        " _extra, _row"
    ) == [
        (
            "1",
            12,
            1.0,
            True,
            datetime(2026, 1, 1),
            datetime(2026, 1, 2, 12),
            '{"filename":"x","tags":["a"]}',
            1,
        ),
        (
            "2",
            None,
            None,
            False,
            datetime(2026, 1, 1),
            datetime(2026, 1, 2, 12),
            '{"filename":"y"}',
            2,
        ),
    ]
    [(reason, row_json)] = landed.rows("select reason, row_json from raw_landing.quarantine")
    assert "name is required and empty" in reason
    assert 'number_of_employees is no integer: "1.5"' in reason
    assert json.loads(row_json)["id"] == 3


def test_content_is_compared_across_formats(landed: Landed) -> None:
    header = "id,name,number_of_employees,created_date,system_modstamp"
    landed.put("salesforce/account/a.csv", lines(header, "1,Acme,12,2026-01-01,2026-01-02"))
    row = {
        "system_modstamp": "2026-01-02T01:00:00+01:00",
        "id": "1",
        "name": "Acme",
        "number_of_employees": 12,
        "created_date": "2026-01-01T00:00:00Z",
    }
    landed.put("salesforce/account/b.jsonl", lines(json.dumps(row)))
    landed.parquet(
        "salesforce/account/c.parquet",
        {
            "id": ["1"],
            "name": ["Acme"],
            "number_of_employees": [12.0],
            "created_date": [datetime(2026, 1, 1)],
            "system_modstamp": [datetime(2026, 1, 2, tzinfo=UTC)],
        },
    )
    landed.ingest()
    assert landed.verdicts() == [(1, 0, 0), (0, 1, 0), (0, 1, 0)]


def test_odd_paths_are_read(landed: Landed) -> None:
    landed.put("salesforce/account/it's [a] *trap*?/a b.csv", lines(ACCOUNT, account(1)))
    landed.put("salesforce/account/it's [a] *trap*?/a c.CSV", lines(ACCOUNT, account(2)))
    landed.parquet(
        "salesforce/account/{x}/[y].parquet",
        {
            name: [value]
            for name, value in zip(ACCOUNT.split(","), account(3).split(","), strict=True)
        },
    )
    report = landed.ingest()
    assert landed.accounts("id") == [("1",), ("2",), ("3",)]
    assert report.problems == ()


# --- repeated rows and versions -------------------------------------------------------------------


def test_versions_duplicates_and_conflicts_by_modification_time(landed: Landed) -> None:
    landed.put(
        "salesforce/account/loaded_date=2026-06-01/a.csv",
        lines(
            ACCOUNT,
            account(1, "2026-03-01"),
            account(1, "2026-02-01", "Old Acme"),
            account(1, "2026-03-01"),
            account(2),
        ),
    )
    landed.ingest()
    landed.put(
        "salesforce/account/loaded_date=2026-06-02/a.csv",
        lines(
            ACCOUNT,
            account(1, "2026-03-01"),
            account(1, "2026-03-01", "Other"),
            account(1, "2026-06-02", "New Acme"),
            account(3),
        ),
    )
    landed.ingest()
    assert landed.accounts(
        "id, system_modstamp::date, name, _status, _version_number, _load_id"
    ) == [
        ("1", date(2026, 2, 1), "Old Acme", "accepted", 1, 1),
        ("1", date(2026, 3, 1), "Acme", "accepted", 2, 1),
        ("1", date(2026, 3, 1), "Other", "conflicting", None, 2),
        ("1", date(2026, 6, 2), "New Acme", "accepted", 3, 2),
        ("2", date(2026, 1, 2), "Acme", "accepted", 1, 1),
        ("3", date(2026, 1, 2), "Acme", "accepted", 1, 2),
    ]
    assert landed.verdicts() == [(3, 1, 0), (2, 1, 1)]
    assert landed.accounts("id", "_version_at <> system_modstamp") == []


def test_the_first_taken_stands_also_against_an_earlier_day(landed: Landed) -> None:
    for day, name in ((1, "Acme"), (5, "New"), (3, "Other")):
        landed.put(
            f"salesforce/account/loaded_date=2026-06-0{day}/a.csv",
            lines(ACCOUNT, account(1, f"2026-0{1 if day == 1 else 2}-01", name)),
        )
        landed.ingest()
    assert landed.accounts("name, _status, _version_number") == [
        ("Acme", "accepted", 1),
        ("New", "accepted", 2),
        ("Other", "conflicting", None),
    ]


def test_versions_by_delivery_day(landed: Landed) -> None:
    header = "finding_id,interview_id,dimension,rating"

    def deliver(day: int, *ratings: int) -> None:
        landed.put(
            f"research/findings/loaded_date=2026-06-{day:02}/a.csv",
            lines(header, *(f"f,i,pressure,{rating}" for rating in ratings)),
        )

    deliver(1, 1)
    deliver(2, 1, 1)
    deliver(3, 2)
    deliver(4, 1)
    landed.ingest(date(2026, 6, 3))
    deliver(5, 1)
    deliver(6, 3)
    landed.ingest(date(2026, 6, 6))
    landed.put("research/findings/loaded_date=2026-06-06/b.csv", lines(header, "f,i,pressure,4"))
    landed.ingest()
    assert landed.rows(
        "select day(_delivery_day), rating, _status, _version_number from raw_research.findings"
        " order by _delivery_day, _file, _row"
    ) == [
        (1, 1.0, "accepted", 1),
        (3, 2.0, "accepted", 2),
        (4, 1.0, "accepted", 3),
        (6, 3.0, "accepted", 4),
        (6, 4.0, "conflicting", None),
    ]
    assert landed.verdicts()[1] == (0, 2, 0)
    assert landed.verdicts()[4] == (0, 1, 0)
    assert landed.rows(
        "select count(*) from raw_research.findings where _version_at <> _delivery_day"
    ) == [(0,)]


def test_without_a_modification_time_the_delivery_day_is_the_version(landed: Landed) -> None:
    header = "id,opportunity_id,contact_id,role,created_date,system_modstamp"
    for day, role in ((1, "User"), (2, "User"), (3, "Champion")):
        landed.put(
            f"salesforce/opportunity_contact_role/loaded_date=2026-06-0{day}/a.csv",
            lines(header, f"1,o,c,{role},2026-01-01,"),
        )
    landed.ingest()
    assert landed.rows(
        "select role, _status, _version_number from raw_salesforce.opportunity_contact_role"
        " order by _delivery_day"
    ) == [("User", "accepted", 1), ("Champion", "accepted", 2)]
    assert landed.verdicts() == [(1, 0, 0), (0, 1, 0), (1, 0, 0)]


def companies(tmp_path: Path, *days: Sequence[str], contract: Table = COMPANY) -> Landed:
    """Days of files of rows: id, name, modified, _fivetran_deleted, _fivetran_synced."""
    landed = Landed(tmp_path / "landing", Contract({("crm", "company"): contract}))
    header = "id,name,modified,_fivetran_deleted,_fivetran_synced"
    for day, rows in enumerate(days, start=1):
        landed.put(f"crm/company/loaded_date=2026-06-{day:02}/a.csv", lines(header, *rows))
    landed.ingest()
    return landed


def kept(
    landed: Landed, columns: str = "id, name, strftime(_version_at, '%m-%d %H:%M')"
) -> list[Any]:
    return landed.rows(
        f"select {columns} from raw_crm.company where _status = 'accepted'"
        " order by id, _version_at, _delivery_day"
    )


def test_the_first_modification_time_that_is_filled_counts(tmp_path: Path) -> None:
    landed = companies(
        tmp_path,
        ["1,Acme,2026-05-01,,2026-05-30", "2,Bolt,,true,2026-05-30T08:00:00Z", "3,Core,,false,"],
        ["1,Acme Inc,2026-05-02,,2026-05-02", "2,Bolt Inc,,true,2026-06-02T09:00:00Z"],
    )
    assert kept(landed, "id, name, _version_at, fivetran_deleted, _version_number") == [
        ("1", "Acme", datetime(2026, 5, 1), None, 1),
        ("1", "Acme Inc", datetime(2026, 5, 2), None, 2),
        ("2", "Bolt", datetime(2026, 5, 30, 8), True, 1),
        ("2", "Bolt Inc", datetime(2026, 6, 2, 9), True, 2),
        ("3", "Core", datetime(2026, 6, 1), False, 1),
    ]


def test_a_record_that_was_only_copied_again_is_a_duplicate(tmp_path: Path) -> None:
    landed = companies(
        tmp_path,
        ["1,Acme,2026-05-01,,2026-06-01", "2,Bolt,,,2026-06-01", "3,Core,,,"],
        ["1,Acme,2026-05-01,,2026-06-02", "2,Bolt,,,2026-06-02", "3,Core,,,2026-06-02"],
        ["1,Acme,2026-05-01,,2026-06-03", "2,Bolt,,,2026-06-03", "3,Core,,,"],
        ["1,Acme,2026-06-03,,2026-06-04", "2,Bolt,2026-06-03,,2026-06-04", "3,Cone,,,"],
    )
    assert landed.verdicts() == [(3, 0, 0), (0, 3, 0), (0, 3, 0), (3, 0, 0)]
    assert kept(landed) == [
        ("1", "Acme", "05-01 00:00"),
        ("1", "Acme", "06-03 00:00"),
        ("2", "Bolt", "06-01 00:00"),
        ("2", "Bolt", "06-03 00:00"),
        ("3", "Core", "06-01 00:00"),
        ("3", "Cone", "06-04 00:00"),
    ]


def test_a_full_export_each_day_does_not_make_the_table_grow(tmp_path: Path) -> None:
    plain = Table(**(vars(COMPANY) | {"version": ()}))
    rows = [f"{number},Acme,,," for number in range(50)]
    landed = companies(tmp_path, rows, rows, rows, [*rows[1:], "0,Bolt,,,"], contract=plain)
    assert landed.verdicts() == [(50, 0, 0), (0, 50, 0), (0, 50, 0), (1, 49, 0)]
    assert landed.rows("select count(*) from raw_crm.company") == [(51,)]
    assert kept(landed)[:2] == [("0", "Acme", "06-01 00:00"), ("0", "Bolt", "06-04 00:00")]


def test_sync_stamps_of_one_day_are_versions_and_equal_ones_may_conflict(tmp_path: Path) -> None:
    morning, noon = "2026-06-01T08:00:00Z", "2026-06-01T12:00:00Z"
    landed = companies(
        tmp_path,
        [f"1,A,,,{morning}", f"1,B,,,{noon}", f"1,B,,,{noon}", f"2,A,,,{noon}", f"2,B,,,{noon}"],
        # The stamp of the day before with other content is what the record says now.
        [f"1,C,,,{noon}", "2,A,,,2026-06-02"],
    )
    assert landed.verdicts()[0] == (3, 1, 1)
    assert kept(landed)[:3] == [
        ("1", "A", "06-01 08:00"),
        ("1", "B", "06-01 12:00"),
        ("1", "C", "06-01 12:00"),
    ]


def test_a_modification_time_goes_before_a_sight_of_the_same_moment(tmp_path: Path) -> None:
    landed = companies(tmp_path, ["1,Seen,,,", "1,Changed,2026-06-01,,"], ["1,Seen,,,"])
    assert landed.verdicts() == [(1, 0, 1), (1, 0, 0)]
    assert kept(landed) == [("1", "Changed", "06-01 00:00"), ("1", "Seen", "06-02 00:00")]


def test_rows_taken_before_there_were_version_stamps_get_them(tmp_path: Path) -> None:
    rows = ["1,Acme,2026-05-01,,", "2,Bolt,,,2026-05-30", "3,Core,,,"]
    landed = companies(tmp_path, rows)
    before = kept(landed, "id, _version_at")
    landed.warehouse.execute("alter table raw_crm.company drop column _version_at")
    landed.ingest()
    assert kept(landed, "id, _version_at") == before


def test_empty_parts_of_a_key_are_equal(landed: Landed) -> None:
    header = "programme_id,domain,crm_account_id,listed_on,recorded_at"
    row = ",acme.com,,2026-01-01,2026-01-01"
    landed.put("targets/target_accounts/a.csv", lines(header, row, row))
    report = landed.ingest()
    counts = report.tables["targets", "target_accounts"]
    assert (counts.accepted, counts.duplicate) == (1, 1)


def test_duplicates_are_found_in_the_months_of_the_load(landed: Landed) -> None:
    header = "id,anonymous_id,received_at"
    rows = [f"{n},a,2026-{month:02}-15T00:00:00Z" for n, month in enumerate((1, 3, 4, 12))]
    landed.put("segment/pages/loaded_date=2026-06-01/a.csv", lines(header, *rows))
    landed.put("segment/pages/loaded_date=2026-06-02/a.csv", lines(header, *rows[1:]))
    landed.ingest(date(2026, 6, 1))
    report = landed.ingest()
    counts = report.tables["segment", "pages"]
    assert (counts.accepted, counts.duplicate) == (0, 3)


def test_instances_are_kept_apart(landed: Landed) -> None:
    landed.put("salesforce/account/loaded_date=2026-06-01/a.csv", lines(ACCOUNT, account(1)))
    landed.put("salesforce@emea/account/loaded_date=2026-06-05/a.csv", lines(ACCOUNT, account(1)))
    landed.put("salesforce@emea/account/loaded_date=2026-06-06/a.csv", lines(ACCOUNT, account(2)))
    report = landed.ingest()
    assert report.tables["salesforce", "account"].accepted == 3
    assert landed.accounts("_instance, id, _is_first_load") == [
        ("emea", "1", True),
        ("emea", "2", False),
        ("main", "1", True),
    ]


@pytest.mark.parametrize(
    ("ending", "version"),
    [("csv", ()), ("jsonl", ("modified",)), ("parquet", ("modified", "synced"))],
)
def test_columns_may_have_any_name(tmp_path: Path, ending: str, version: tuple[str, ...]) -> None:
    """Every word of ingestion's own code is a column, and those of its SQL are part of the key."""
    key = ("status", "place", "row_number", "line", "version_number")
    words = {*key, "file_number", "filename", "path", "c0", "c1", "content", "select", "group"}
    words |= {"origin", "standing", "version_at", "is_only_seen"}
    named = re.compile(r"\b(?:as|over|update|from|join)\s+([a-z][a-z_]+)\b")
    for path in ROOT.glob("orchestration/landing/*.py"):
        words |= set(named.findall(path.read_text(encoding="utf-8")))
    by_plain_name = {plain_name(word): word for word in sorted(words - {"modified", "synced"})}
    names = sorted(by_plain_name.values())
    assert len(names) > 100
    table = Table(
        source="crm",
        name="company",
        columns=(
            *(Column(name, "text", is_required=name in key) for name in names),
            Column("modified", "timestamp", is_required=version == ("modified",)),
            Column("synced", "timestamp", is_sync=True),
        ),
        key=key,
        version=version,
    )
    landed = Landed(tmp_path / "landing", Contract({("crm", "company"): table}))
    stamps = {"modified": "2026-03-01T00:00:00", "synced": "2026-03-02T00:00:00"}
    one = {name: f"{name} 1" for name in names} | stamps
    other = {name: f"{name} 2" for name in names} | stamps
    changed = {**one, "content": "another"}
    days = {"2026-03-02": [one, one, other], "2026-03-03": [changed, other]}
    for day, rows in days.items():
        file = f"crm/company/loaded_date={day}/part.{ending}"
        if ending == "csv":
            values = (",".join(row.values()) for row in rows)
            landed.put(file, lines(",".join(rows[0]), *values))
        elif ending == "jsonl":
            landed.put(file, lines(*map(json.dumps, rows)))
        else:
            landed.parquet(file, {name: [row[name] for row in rows] for name in rows[0]})
    landed.ingest(snapshots=Snapshots(frozenset({("crm", "company")})))
    assert landed.verdicts() == [(2, 1, 0), (0, 1, 1) if version else (1, 1, 0)]
    assert landed.rows(
        'select "status", "line", "version_number" from raw_crm.company limit 1'
    ) == [("status 1", "line 1", "version_number 1")]


# --- which files, and when ------------------------------------------------------------------------


def test_the_delivery_day_comes_from_the_folder_or_the_moment_first_seen(landed: Landed) -> None:
    landed.put("salesforce/account/x/loaded_date=2026-06-01/y/a.csv", lines(ACCOUNT, account(1)))
    landed.put("salesforce/account/b.csv", lines(ACCOUNT, account(2)))
    landed.ingest(now=datetime(2026, 6, 29, 2, tzinfo=UTC))
    landed.put("salesforce/account/c.csv", lines(ACCOUNT, account(3)))
    landed.ingest(now=datetime(2026, 6, 29, 13, tzinfo=UTC))
    assert landed.accounts("id, _delivery_day") == [
        ("1", date(2026, 6, 1)),
        ("2", date(2026, 6, 28)),
        ("3", date(2026, 6, 29)),
    ]
    assert landed.rows("select first_seen_at from raw_landing.files where file like '%c.csv'") == [
        (datetime(2026, 6, 29, 13),)
    ]


def test_files_wait_for_their_day_but_a_first_load_does_not(landed: Landed) -> None:
    for day in (10, 11, 12):
        landed.put(
            f"salesforce/account/loaded_date=2026-06-{day}/a.csv", lines(ACCOUNT, account(day))
        )
    report = landed.ingest(date(2026, 6, 1))
    assert landed.accounts("id") == [("10",)]
    assert report.tables["salesforce", "account"].pending_files == 2
    assert has_problem(report, "salesforce.account: 2 files", "wait", "2026-06-11")
    landed.ingest(date(2026, 6, 11))
    assert landed.accounts("id, _is_first_load, _load_id") == [("10", True, 1), ("11", False, 2)]


def test_a_person_may_set_since_when_a_table_is_live(landed: Landed, tmp_path: Path) -> None:
    for day in (1, 2, 3):
        landed.put(
            f"salesforce/account/loaded_date=2026-06-0{day}/a.csv", lines(ACCOUNT, account(day))
        )
    seed = tmp_path / "live_since.csv"
    seed.write_text(
        lines("source,table_name,instance,live_since", "salesforce,account,main,2026-06-02")
    )
    landed.ingest(date(2026, 5, 1), live_since=read_live_since(seed))
    assert landed.accounts("id, _is_first_load") == [("1", True), ("2", True)]
    seed.write_text(lines("source,table_name,instance,live_since", "salesforce,account,,soon"))
    with pytest.raises(ValueError, match=r"line 2.*soon"):
        read_live_since(seed)
    assert read_live_since(tmp_path / "none.csv") == {}
    assert read_live_since(ROOT / "seeds/landing/live_since.csv") == {}


def publish(landed: Landed, end: date) -> None:
    """Has a run up to `end` scored and published."""
    landed.warehouse.execute(
        "create table if not exists raw_landing.plans (end_date date, published_at timestamp)"
    )
    landed.warehouse.execute("insert into raw_landing.plans values (?, now())", [end])


def test_what_comes_after_its_day_was_published_counts_from_the_next_day(landed: Landed) -> None:
    landed.put("salesforce/account/loaded_date=2026-06-01/a.csv", lines(ACCOUNT, account(1)))
    landed.ingest()
    publish(landed, date(2026, 6, 10))
    # A run up to the 11th was scored and failed then: the day is computed again, so it is open.
    landed.warehouse.execute("insert into raw_landing.plans values (date '2026-06-11', null)")
    landed.put("salesforce/account/loaded_date=2026-06-10/late.csv", lines(ACCOUNT, account(2)))
    landed.put("salesforce/account/loaded_date=2026-06-11/a.csv", lines(ACCOUNT, account(3)))
    report = landed.ingest()
    assert landed.rows(
        "select file[-8:], delivery_day, is_late from raw_landing.files order by file"
    ) == [
        ("01/a.csv", date(2026, 6, 1), False),
        ("late.csv", date(2026, 6, 11), True),
        ("11/a.csv", date(2026, 6, 11), False),
    ]
    assert report.tables["salesforce", "account"].late_files == 1


def test_each_file_is_taken_once(landed: Landed) -> None:
    path = landed.put("salesforce/account/a.csv", lines(ACCOUNT, account(1)))
    landed.ingest()
    before = landed.rows("from raw_landing.files"), landed.rows("from raw_salesforce.account")
    again = landed.ingest(now=datetime(2026, 7, 5, tzinfo=UTC))
    assert again.load_id is None
    assert again.problems == ()
    path.unlink()
    gone = landed.ingest()
    assert (gone.load_id, gone.problems) == (None, ())
    path.write_text(lines(ACCOUNT, account(1), account(2)))
    changed = landed.ingest()
    assert has_problem(changed, "salesforce/account/a.csv changed after it was taken")
    after = landed.rows("from raw_landing.files"), landed.rows("from raw_salesforce.account")
    assert after == before


def test_a_file_that_vanishes_before_it_is_taken_is_told(landed: Landed) -> None:
    landed.put("salesforce/account/loaded_date=2026-06-01/a.csv", lines(ACCOUNT, account(1)))
    path = landed.put("salesforce/account/loaded_date=2026-06-02/a.csv", lines(ACCOUNT, account(2)))
    landed.ingest(date(2026, 6, 1))
    path.unlink()
    report = landed.ingest()
    assert has_problem(report, "loaded_date=2026-06-02/a.csv is gone before it was taken")
    assert landed.accounts("id") == [("1",)]


def test_unknown_folders_and_files_are_named_and_ignored(landed: Landed) -> None:
    landed.put("salesforce/account/a.csv", lines(ACCOUNT, account(1)))
    for file in (
        "salesfroce/account/a.csv",
        "salesforce/acount/a.csv",
        "marketo/lead/a.csv",
        "salesforce/account/notes.xlsx",
        "salesforce/account/loaded_date=yesterday/a.csv",
        "salesforce/loose.csv",
        "readme.txt",
        "salesforce/account/_SUCCESS",
        "salesforce/account/.hidden.csv",
        ".git/x",
    ):
        landed.put(file, "x")
    report = landed.ingest()
    assert landed.rows("select count(*) from raw_landing.files") == [(1,)]
    assert has_problem(report, "salesfroce is no source", "nearest known source is salesforce")
    assert has_problem(report, "salesforce/acount is no table", "nearest known table is account")
    assert has_problem(report, "marketo is no source")
    assert has_problem(report, "notes.xlsx", "ignored")
    assert has_problem(report, "loaded_date=yesterday/a.csv", "date")
    assert has_problem(report, "salesforce/loose.csv", "ignored")
    assert has_problem(report, "readme.txt", "ignored")
    assert len(report.problems) == 7


def test_tables_that_an_el_tool_lands_beside_ours_share_a_sentence(landed: Landed) -> None:
    landed.put("salesforce/account/a.csv", lines(ACCOUNT, account(1)))
    for name in ("account_history", "order", "product_2", "tasks", "opportunity_contact_roles"):
        landed.put(f"salesforce/{name}/a.csv", "x")
    assert landed.ingest().problems == (
        "salesforce/opportunity_contact_roles is no table of the contract and is ignored; the"
        " nearest known table is opportunity_contact_role",
        "salesforce/tasks is no table of the contract and is ignored; the nearest known table is"
        " task",
        "salesforce: the contract has no table account_history, order, product_2; ignored",
    )


def test_files_of_a_source_that_is_off_are_taken_and_told(landed: Landed) -> None:
    landed.put("salesforce/account/a.csv", lines(ACCOUNT, account(1)))
    landed.put("salesforce/task/a.csv", "")
    report = landed.ingest(sources_off=["salesforce", "segment"])
    assert report.problems == (
        "salesforce: 2 files taken in, but the source is switched off (var sources_off), so nothing"
        " of them counts",
    )
    assert landed.accounts("id") == [("1",)]
    assert landed.ingest(sources_off=["salesforce"]).problems == ()


def test_no_landing_folder_is_a_problem_in_words(tmp_path: Path) -> None:
    landed = Landed(tmp_path / "landing", CONTRACT)
    landed.folder.rmdir()
    report = landed.ingest()
    assert has_problem(report, "does not exist")
    assert report.load_id is None


def test_last_complete_day(landed: Landed) -> None:
    def last(now: datetime = NOW) -> date | None:
        return last_complete_day(landed.folder, landed.warehouse, now, CONTRACT, cutoff_hours=12)

    assert last() is None
    landed.put("salesforce/account/a.csv", lines(ACCOUNT, account(1)))
    assert last() == date(2026, 6, 30)  # seen only now, and nothing before
    landed.put("salesforce/account/loaded_date=2026-06-29/a.csv", lines(ACCOUNT, account(1)))
    landed.put("salesforce/account/loaded_date=2026-06-30/a.csv", lines(ACCOUNT, account(1)))
    landed.put("salesforce/account/loaded_date=2026-06-20/a.csv", lines(ACCOUNT, account(1)))
    landed.put("unknown/account/loaded_date=2026-06-28/a.csv", "x")
    assert last() == date(2026, 6, 29)
    assert last(datetime(2026, 6, 30, 11, tzinfo=UTC)) == date(2026, 6, 20)
    landed.ingest()
    assert last() == date(2026, 6, 29)
    assert last(datetime(2026, 7, 2, tzinfo=UTC)) == date(2026, 6, 30)


def test_a_column_that_the_contract_gains_is_added(tmp_path: Path) -> None:
    key = ("salesforce", "account")
    table = CONTRACT.tables[key]
    smaller = type(table)(
        source=table.source,
        name=table.name,
        columns=tuple(column for column in table.columns if column.name != "number_of_employees"),
        key=table.key,
        version=table.version,
        month=table.month,
    )
    landed = Landed(tmp_path / "landing", Contract({key: smaller}))
    landed.put("salesforce/account/loaded_date=2026-06-01/a.csv", lines(ACCOUNT, account(1)))
    landed.ingest()
    assert landed.accounts("_extra") == [('{"number_of_employees":"12"}',)]
    landed.contract = Contract({key: table})
    landed.put("salesforce/account/loaded_date=2026-06-02/a.csv", lines(ACCOUNT, account(2)))
    landed.ingest()
    assert landed.accounts("id, number_of_employees") == [("1", None), ("2", 12)]


# --- being killed ---------------------------------------------------------------------------------


class KilledError(BaseException):
    """Stands for a kill: nothing in the code may catch it."""


def small_company(landed: Landed) -> None:
    for day in (1, 2):
        folder = f"loaded_date=2026-06-0{day}/a.csv"
        landed.put(f"salesforce/account/{folder}", lines(ACCOUNT, account(day), account(9)))
        landed.put(
            f"segment/pages/{folder}", lines("id,anonymous_id,received_at", "1,a,2026-01-01")
        )


def content(landed: Landed) -> list[list[tuple[Any, ...]]]:
    return [
        landed.rows(f"select * from {table} order by all")
        for table in (
            "raw_salesforce.account",
            "raw_segment.pages",
            "raw_landing.files",
            "raw_landing.quarantine",
            "raw_landing.tables",
            "raw_landing.loads",
        )
    ]


def test_a_kill_anywhere_and_another_run_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = Landed(tmp_path / "landing", CONTRACT)
    small_company(calm)
    calm.ingest()
    wanted = content(calm)
    lock = threading.Lock()
    statements, killed_at = 0, 0

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any) -> Any:
            nonlocal statements
            with lock:  # two tables are loaded at a time
                statements += 1
                if statements >= killed_at:  # whoever is dead does nothing more
                    raise KilledError
            return call(*arguments)

        return wrapped

    while True:
        run = Landed(tmp_path / "landing", CONTRACT)
        statements, killed_at = 0, killed_at + 11
        with monkeypatch.context() as patched:
            patched.setattr(Warehouse, "execute", counted(Warehouse.execute))
            patched.setattr(Warehouse, "rows", counted(Warehouse.rows))
            try:
                ingest(run.warehouse, run.folder, END, NOW, CONTRACT, cutoff_hours=12)
            except KilledError:
                pass
            else:
                break
        # What a new process would find: committed tables, nothing temporary.
        for (name,) in run.rows("select table_name from duckdb_tables() where temporary"):
            run.warehouse.execute(f"drop table temp.{name}")
        run.ingest()
        assert content(run) == wanted, f"killed at statement {killed_at}"
    assert killed_at > 55


def test_a_killed_process_leaves_a_file_that_the_next_one_completes(tmp_path: Path) -> None:
    folder = Landed(tmp_path / "landing", CONTRACT)
    small_company(folder)
    database = tmp_path / "warehouse.duckdb"
    program = (
        "import os, sys; from pathlib import Path; from datetime import date, datetime\n"
        "from orchestration.landing import loading\n"
        "from orchestration.landing.ingest import ingest\n"
        "from orchestration.landing.contract import load_contract\n"
        "from orchestration.engine.warehouse import connect\n"
        "plain = loading._append\n"
        "def dying(warehouse, table, load_id):\n"
        "    lost = plain(warehouse, table, load_id)\n"
        "    if table.source == 'segment': os.kill(os.getpid(), 9)\n"
        "    return lost\n"
        "loading._append = dying\n"
        f"with connect(Path({str(database)!r})) as warehouse:\n"
        f"    ingest(warehouse, Path({str(folder.folder)!r}), date(2026, 6, 30),\n"
        "        datetime(2026, 6, 30, 13), load_contract(Path('models')), cutoff_hours=12)\n"
    )
    died = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert died.returncode == -9
    with connect(database) as warehouse:
        after = Landed(tmp_path / "landing", CONTRACT)
        after.warehouse = warehouse
        # Tables are loaded two at a time: the other one was done by then, or not.
        ((pending,),) = after.rows(
            "select count(*) from raw_landing.files where status = 'pending'"
        )
        assert pending in (2, 4)
        after.ingest()
        folder.ingest()
        assert content(after) == content(folder)


def test_the_warehouse_has_one_writer(tmp_path: Path) -> None:
    database = tmp_path / "folder" / "warehouse.duckdb"
    program = (
        "import sys; from pathlib import Path; from orchestration.engine.warehouse import connect\n"
        f"with connect(Path({str(database)!r})):\n"
        "    print('open', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        message = f"process {other.pid}.*one writer"
        with pytest.raises(WarehouseBusyError, match=message), connect(database):
            pass
        other.communicate("")
    with connect(database) as warehouse:
        warehouse.execute("create table numbers (n integer)")
        warehouse.append("numbers", pa.table({"n": [1, 2]}))

        def fail_halfway() -> None:
            with warehouse.transaction():
                warehouse.execute("delete from numbers")
                raise KilledError

        with pytest.raises(KilledError):
            fail_halfway()
        warehouse.replace("numbers", pa.table({"n": [3]}), "n = ?", [2])
        assert warehouse.read("select n from numbers order by n").to_pydict() == {"n": [1, 3]}
        assert warehouse.has_table("main", "numbers")
        assert not warehouse.has_table("main", "letters")


# --- laws -----------------------------------------------------------------------------------------

ONE_TABLE = {
    (table.source, table.name): Contract({(table.source, table.name): table})
    for table in (
        CONTRACT.tables["salesforce", "account"],
        CONTRACT.tables["research", "findings"],
        COMPANY,
    )
}
# Few keys, times and names, so that rows repeat; many rows an example, since a file costs more.
ACCOUNT_ROWS = st.builds(
    lambda key, stamp, name: f"{key},{name},a.com,1,2026-01-01,2026-0{stamp}-01",
    st.integers(1, 8),
    st.integers(1, 3),
    st.sampled_from(["A", "B", ""]),
)
FINDING_ROWS = st.builds(
    lambda key, rating: f"{key},i,pressure,{rating}", st.integers(1, 8), st.sampled_from("12x")
)
COMPANY_ROWS = st.builds(
    lambda key, name, modified, synced: f"{key},{name},{modified},,{synced}",
    st.integers(1, 4),
    st.sampled_from("AB"),
    st.sampled_from(["", "", "2026-05-01", "2026-06-02"]),
    st.sampled_from(["", "2026-05-20", "2026-06-01", "2026-06-02"]),
)
DAYS = {
    ("crm", "company"): ("id,name,modified,_fivetran_deleted,_fivetran_synced", COMPANY_ROWS),
    ("salesforce", "account"): (ACCOUNT, ACCOUNT_ROWS),
    ("research", "findings"): ("finding_id,interview_id,dimension,rating", FINDING_ROWS),
}


def deliveries(rows: st.SearchStrategy[str]) -> st.SearchStrategy[list[list[list[str]]]]:
    """Days of files of rows."""
    return st.lists(st.lists(st.lists(rows, max_size=25), min_size=1, max_size=3), max_size=4)


def deliver(landed: Landed, key: tuple[str, str], days: Iterable[Sequence[Sequence[str]]]) -> None:
    for day, files in enumerate(days, start=1):
        for number, rows in enumerate(files):
            landed.put(
                f"{key[0]}/{key[1]}/loaded_date=2026-06-{day:02}/{number}.csv",
                lines(DAYS[key][0], *rows),
            )


def rows_taken(landed: Landed, key: tuple[str, str], what: str) -> list[tuple[Any, ...]]:
    return landed.rows(f"select {what} from raw_{key[0]}.{key[1]} order by all")


FEW = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("key", list(DAYS), ids=".".join)
def test_any_shuffle_within_a_day_gives_the_same_rows(
    key: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    @FEW
    @given(deliveries(DAYS[key][1]), st.data())
    def law(days: list[list[list[str]]], data: st.DataObject) -> None:
        shuffled = []
        for files in days:
            rows = data.draw(st.permutations([row for file in files for row in file]))
            cut = data.draw(st.integers(0, len(rows)))
            shuffled.append([rows[:cut], rows[cut:]])
        taken = []
        for order in (days, shuffled):
            landed = Landed(tmp_path_factory.mktemp("x") / "landing", ONE_TABLE[key])
            deliver(landed, key, order)
            landed.ingest()
            # Of rows that differ in nothing but where they stood and when they were copied, any may
            # stand.
            places = ["_file", "_row", *ONE_TABLE[key].tables[key].syncs]
            taken.append(rows_taken(landed, key, f"* exclude ({', '.join(places)})"))
        assert taken[0] == taken[1]

    law()


@pytest.mark.parametrize("key", list(DAYS), ids=".".join)
def test_day_by_day_gives_the_same_as_all_at_once(
    key: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    @FEW
    @given(deliveries(DAYS[key][1]))
    def law(days: list[list[list[str]]]) -> None:
        folder = tmp_path_factory.mktemp("x") / "landing"
        at_once, daily = Landed(folder, ONE_TABLE[key]), Landed(folder, ONE_TABLE[key])
        deliver(at_once, key, days)
        at_once.ingest()
        for day in range(1, len(days) + 1):
            daily.ingest(date(2026, 6, day))
        daily.ingest()
        what = "* exclude (_load_id)"
        assert rows_taken(daily, key, what) == rows_taken(at_once, key, what)
        names = ", ".join(ONE_TABLE[key].tables[key].key)
        assert not at_once.rows(
            f"select 1 from raw_{key[0]}.{key[1]} where _status = 'accepted'"
            f" group by _instance, {names}, _version_at, _delivery_day having count(*) > 1"
        )
        for table in ("files", "quarantine"):
            sql = f"select * exclude (load_id) from raw_landing.{table} order by all"
            assert daily.rows(sql) == at_once.rows(sql)

    law()


# --- hosts and the contract -----------------------------------------------------------------------


DOMAINS = {
    "www.Acme.com": "acme.com",
    "https://user:pw@shop.acme.co.uk:8080/a?b=c@d.com": "acme.co.uk",
    "http://acme.com.": "acme.com",
    "//acme.com/x": "acme.com",
    "acme.com/path//more": "acme.com",
    "Jane.Doe@mail.acme.com": "acme.com",
    "Jane Doe <jane@acme.com>": "acme.com",
    "mailto:jane@acme.com?subject=x": "acme.com",
    "b\u00fccher.de": "xn--bcher-kva.de",
    "https://www.B\u00dcCHER.de/": "xn--bcher-kva.de",
    "xn--bcher-kva.de": "xn--bcher-kva.de",
    "acme.github.io": "acme.github.io",
    "github.io": "github.io",
    "acme.newtopleveldomain": "acme.newtopleveldomain",
    "co.uk": None,
    "10.0.0.1": None,
    "http://[::1]/x": None,
    "http://192.168.1.1:80/": None,
    "localhost": None,
    "n/a": None,
    "-": None,
    "not a domain": None,
    "acme..com": None,
    "": None,
}


def test_hosts_are_reduced_to_what_is_registered(landed: Landed) -> None:
    columns = dict(zip(ACCOUNT.split(","), account(1).split(","), strict=True))
    rows = [columns | {"id": str(n), "website": text} for n, text in enumerate(DOMAINS)]
    landed.put("salesforce/account/a.jsonl", lines(*(json.dumps(row) for row in rows)))
    landed.ingest()
    found = dict(landed.accounts("id::integer, website_registrable"))
    assert {text: found[number] for number, text in enumerate(DOMAINS)} == DOMAINS


def test_registrable_domain_never_asks_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was asked")

    identities._suffixes.cache_clear()
    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    assert registrable_domain("a.b.co.jp") == "b.co.jp"


def test_the_contract_is_whole() -> None:
    contract = WHOLE_CONTRACT
    assert contract.tables["salesforce", "account"].hosts == ("website", "person_email")
    assert contract.tables["segment", "pages"].month == "received_at"
    assert contract.tables["targets", "target_accounts"].required_any == (
        ("domain", "crm_account_id"),
    )
    assert "domain" not in contract.tables["targets", "target_accounts"].optional
    assert plain_name("Created Date") == plain_name("created_date") == "createddate"
    for table in contract.tables.values():
        assert table.features, table.label


def test_the_documentation_lists_the_tables_of_the_contract() -> None:
    text = (ROOT / "docs/landing.md").read_text(encoding="utf-8")
    listed = text.split("| source | tables |\n|---|---|\n")[1].split("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in listed.splitlines()]
    assert sorted((source, table) for source, tables in rows for table in tables.split(", ")) == (
        sorted(WHOLE_CONTRACT.tables)
    )


@pytest.mark.parametrize(
    ("meta", "column", "words"),
    [
        ("key: [nothing]", "data_type: text", "does not have"),
        ("key: [a], versoin: a", "data_type: text", "unknown meta"),
        ("key: [a], version: a", "data_type: text", "not a timestamp"),
        ("key: [a], month: b", "data_type: date", "does not have"),
        ("key: [a]", "data_type: varchar", "data_type 'varchar'"),
        ("key: [a]", "data_type: date, config: {meta: {host: true}}", "host is for text"),
        ("key: [a]", "data_type: date, config: {meta: {one_of: [x]}}", "one_of is for text"),
        (
            "key: [a]",
            "data_type: text, config: {meta: {between: [0, 4]}}",
            "between is for numbers",
        ),
        ("key: [a]", "data_type: double, config: {meta: {between: [4, 0]}}", "least and the great"),
        ("key: [a]", "data_type: double, config: {meta: {between: [0]}}", "least and the greatest"),
        ("key: [a]", "data_type: double, config: {meta: {between: 4}}", "least and the greatest"),
        ("key: [a]", "data_type: text, config: {meta: {also: name}}", "also is a list of names"),
        ("key: [a]", "data_type: text, config: {meta: {also: [' ']}}", "holds an empty name"),
        ("key: [a]", "data_type: text, config: {meta: {also: [A]}}", "'A' is a name of a"),
        (
            "key: [a]",
            "data_type: text, config: {meta: {also: [c d]}}}, {name: b, data_type: text,"
            " config: {meta: {also: [C_D]}}",
            "b: also 'C_D' is a name of a",
        ),
        ("key: [a], ordered: [[a, b]]", "data_type: date", "does not have"),
        ("key: []", "data_type: text", "key is empty"),
        ("key: [a], number_style: german", "data_type: text", "none of plain, us, eu"),
        ("key: [a], date_formats: ['%m/%Y']", "data_type: date", "must have year"),
        ("key: [a], date_formats: ['%Y/%j/%m/%d']", "data_type: date", "must have year"),
        ("key: [a], date_formats: ['%m/%d/%Y', '%d/%m/%y']", "data_type: date", "different days"),
        ("key: [a], date_formats: ['%Y-%d-%m']", "data_type: date", "different days"),
        ("key: [a], date_formats: ['%d.%m.%y', '%m.%d.%y']", "data_type: date", "different days"),
        ("key: [a], date_formats: ['%y-%m-%d', '%d-%m-%y']", "data_type: date", "different days"),
        ("key: [a], version: [b, a]", "data_type: timestamp", "does not have"),
        ("key: [a]", "data_type: text, config: {meta: {sync: true}}", "no part of a key"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(
    tmp_path: Path, meta: str, column: str, words: str
) -> None:
    folder = tmp_path / "staging" / "crm"
    folder.mkdir(parents=True)
    (folder / "_crm__sources.yml").write_text(
        "sources: [{name: crm, tables: [{name: things, config: {meta: {" + meta + "}}, columns: ["
        "{name: a, " + column + "}]}]}]"
    )
    with pytest.raises(ContractError, match=words):
        load_contract(tmp_path)


def test_no_contract_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no table with a key"):
        load_contract(tmp_path)
