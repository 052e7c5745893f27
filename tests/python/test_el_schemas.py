"""Schemas that EL tools fill: what is new in them becomes deliveries, and those become history.

The schemas are laid out as the tools lay them: Fivetran's `_fivetran_synced` and soft deletes,
Airbyte's columns that change with each sync though the record does not.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from landed import Landed
from marts import query
from runner import Place, compute

from orchestration.landing import el_schemas
from orchestration.landing.contract import Contract, load_contract
from orchestration.landing.el_schemas import Collected, CollectError, ElSchema
from orchestration.landing.mappings import load_mappings
from orchestration.landing.presence import Snapshots
from orchestration.project import mapping_folders
from orchestration.settings import MODELS_DIR

TABLES = load_contract(MODELS_DIR).tables
CONTRACT = Contract(TABLES, load_mappings(mapping_folders(None), TABLES.values())[0])
SALESFORCE = """
    create table sf.account (id varchar, name varchar, website varchar, industry varchar,
        annual_revenue decimal(18, 2), odd hugeint, is_deleted boolean, _fivetran_deleted boolean,
        created_date timestamptz, system_modstamp timestamptz, _fivetran_synced timestamptz);
    create table sf.fivetran_audit (id varchar, done timestamptz);
    create table sf.product_2 (id varchar);
"""
HUBSPOT = """
    create table hs.companies (id varchar, archived boolean, "updatedAt" timestamptz,
        properties json, properties_name varchar, properties_domain varchar,
        properties_createdate timestamptz, properties_hs_lastmodifieddate timestamptz,
        tags varchar[], home struct(city varchar),
        _airbyte_raw_id varchar, _airbyte_extracted_at timestamptz, _airbyte_meta json,
        _airbyte_generation_id bigint);
    create table hs._airbyte_raw_companies (_airbyte_data json);
"""
ZOHO = """
    create table zo."Accounts" (id varchar, "Account_Name" varchar, "Website" varchar,
        "Owner" json, "Created_Time" timestamptz, "Modified_Time" timestamptz,
        _fivetran_deleted boolean, _fivetran_synced timestamptz);
"""


class Tool:
    """A DuckDB file that a tool fills, and the landing folder into which it is collected."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "el.duckdb"
        self.landed = Landed(folder / "landing", CONTRACT)
        self.snapshots = Snapshots()
        self.names = {"salesforce": "sf", "hubspot": "hs", "zoho": "zo"}
        self.does("create schema sf; create schema hs; create schema zo")

    def does(self, sql: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(sql)

    def accounts(self, *rows: str, synced: str) -> None:
        """Upserts as Fivetran does: `id, name, industry, modified` a row."""
        for row in rows:
            number, name, industry, modified = row.split(", ")
            self.does(
                f"delete from sf.account where id = '{sf_id(number)}';"
                f"insert into sf.account by name select '{sf_id(number)}' as id, '{name}' as name,"
                f" '{industry}' as industry, 1500.50 as annual_revenue, 7 as odd,"
                " false as is_deleted, false as _fivetran_deleted,"
                " timestamptz '2024-01-01 00:00:00+00' as created_date,"
                f" timestamptz '{modified}' as system_modstamp,"
                f" timestamptz '{synced}' as _fivetran_synced"
            )

    def companies(self, *names: str, synced: str, sync: int) -> None:
        """Overwrites the whole table as Airbyte's full refresh does."""
        self.does("delete from hs.companies")
        for number, name in enumerate(names, start=1):
            self.does(
                f"insert into hs.companies by name select '{number}' as id, false as archived,"
                f' timestamptz \'2026-05-01\' as "updatedAt", \'{{"industry": "RETAIL"}}\' as'
                f" properties, '{name}' as properties_name, ['a', 'b'] as tags,"
                " {'city': 'Bonn'} as home, timestamptz '2024-01-01' as properties_createdate,"
                f" uuid()::varchar as _airbyte_raw_id, timestamptz '{synced}' as"
                f" _airbyte_extracted_at, '{{\"sync_id\": {sync}}}' as _airbyte_meta,"
                f" {sync} as _airbyte_generation_id"
            )

    def collect(self, source: str, now: str) -> Collected:
        """Collects a schema, twice, for the second time must find nothing."""
        name = source.partition("@")[0]

        def once() -> Collected:
            return el_schemas.collect(
                [ElSchema(source, self.names[name], self.path)],
                self.landed.folder,
                CONTRACT,
                datetime.fromisoformat(now).replace(tzinfo=UTC),
                warehouse_path=self.path.parent / "warehouse.duckdb",
                snapshots=self.snapshots,
                cutoff_hours=12,
            )

        collected, files = once(), self.files()
        once()
        assert self.files() == files
        return collected

    def files(self) -> list[str]:
        """Folder and number of rows of each file that was collected, in their order."""
        found = sorted(self.landed.folder.rglob("*.parquet"), key=lambda path: path.name)
        return [
            f"{path.parent.relative_to(self.landed.folder)}: "
            f"{duckdb.read_parquet(str(path)).count('*').fetchall()[0][0]}"
            for path in found
        ]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        self.landed.ingest(date(2026, 12, 31), datetime(2026, 12, 31, 13, tzinfo=UTC))
        return self.landed.rows(sql)


def sf_id(number: str) -> str:
    return f"001A0000000000{number}"


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    return Tool(tmp_path)


# --- what is new ----------------------------------------------------------------------------------


def test_the_tool_overwrites_and_history_stays(tool: Tool) -> None:
    tool.does(SALESFORCE)
    tool.accounts("1, One, Retail, 2026-05-01", "2, Two, Retail, 2026-05-01", synced="2026-06-01")
    collected = tool.collect("salesforce", "2026-06-01T13:00")
    assert "2 new or changed rows" in collected.said[0]
    # The tables of the tool itself are no news; one that nobody reads is named.
    assert [note.rpartition(": ")[2] for note in collected.problems] == ["product_2"]
    # One changed, one was only copied again.
    tool.accounts("1, One, Banking, 2026-06-02", synced="2026-06-02 02:00:00+00")
    tool.accounts("2, Two, Retail, 2026-05-01", synced="2026-06-02 02:00:00+00")
    tool.collect("salesforce", "2026-06-02T13:00")
    # What it copied by two in the night is the day before's.
    assert tool.files() == [
        "salesforce/account/loaded_date=2026-05-31: 2",
        "salesforce/account/loaded_date=2026-06-01: 1",
    ]
    assert tool.rows(
        "select name, industry, annual_revenue, system_modstamp::date::varchar, _delivery_day::"
        "varchar, _status from raw_salesforce.account order by all"
    ) == [
        ("One", "Banking", 1500.5, "2026-06-02", "2026-06-01", "accepted"),
        ("One", "Retail", 1500.5, "2026-05-01", "2026-05-31", "accepted"),
        ("Two", "Retail", 1500.5, "2026-05-01", "2026-05-31", "accepted"),
    ]


def test_what_changes_back_is_new_again(tool: Tool) -> None:
    """Compared with all that was ever collected, the third day would be lost."""
    tool.does(HUBSPOT)
    for day, name in ((1, "One"), (2, "Uno"), (3, "One")):
        tool.companies(name, synced=f"2026-06-0{day}", sync=day)
        tool.collect("hubspot", f"2026-06-0{day}T13:00")
    assert tool.rows(
        "select property_name, _status from raw_hubspot.company order by _version_at"
    ) == [("One", "accepted"), ("Uno", "accepted"), ("One", "accepted")]


def test_soft_deletes_are_versions(tool: Tool) -> None:
    tool.does(SALESFORCE)
    tool.accounts("1, One, Retail, 2026-05-01", synced="2026-06-01")
    tool.collect("salesforce", "2026-06-01T13:00")
    tool.does("update sf.account set _fivetran_deleted = true, _fivetran_synced = '2026-06-02'")
    tool.collect("salesforce", "2026-06-02T13:00")
    assert tool.rows(
        "select fivetran_deleted, _version_at::date::varchar from raw_salesforce.account"
        " where _status = 'accepted' order by all"
    ) == [(False, "2026-05-01"), (True, "2026-06-02")]


def test_a_full_refresh_that_changes_nothing_is_a_sign_of_life_and_no_more(tool: Tool) -> None:
    tool.does(HUBSPOT)
    for day in (1, 2, 3):
        tool.companies("One", "Two" if day < 3 else "Zwei", synced=f"2026-06-0{day}", sync=day)
        collected = tool.collect("hubspot", f"2026-06-0{day}T13:00")
        assert not collected.problems
    # Day four: the tool did not run.
    tool.collect("hubspot", "2026-06-04T13:00")
    assert tool.files() == [
        "hubspot/company/loaded_date=2026-05-31: 2",
        "hubspot/company/loaded_date=2026-06-01: 0",
        "hubspot/company/loaded_date=2026-06-02: 1",
    ]
    assert tool.rows(
        "select id, property_name, property_industry, fivetran_deleted, _version_at::date::varchar,"
        " _extra->>'$.tags[1]', _extra->>'$.home.city' from raw_hubspot.company order by all"
    ) == [
        ("1", "One", "RETAIL", False, "2026-06-01", "b", "Bonn"),
        ("2", "Two", "RETAIL", False, "2026-06-01", "b", "Bonn"),
        ("2", "Zwei", "RETAIL", False, "2026-06-03", "b", "Bonn"),
    ]


def test_columns_come_go_and_change_their_type(tool: Tool) -> None:
    tool.does(SALESFORCE)
    tool.accounts("1, One, Retail, 2026-05-01", "2, Two, Retail, 2026-05-01", synced="2026-06-01")
    tool.collect("salesforce", "2026-06-01T13:00")
    tool.does("alter table sf.account add column rating_c varchar")
    tool.collect("salesforce", "2026-06-02T13:00")  # empty, so nothing is new
    tool.does("alter table sf.account drop column website")
    tool.collect("salesforce", "2026-06-03T13:00")
    assert len(tool.files()) == 1
    tool.does("update sf.account set rating_c = 'hot' where name = 'One'")
    tool.collect("salesforce", "2026-06-04T13:00")
    tool.does("alter table sf.account alter odd type struct(a integer) using {'a': odd::integer}")
    tool.collect("salesforce", "2026-06-05T13:00")
    tool.collect("salesforce", "2026-06-06T13:00")
    files = tool.files()
    assert [file.rpartition(" ")[2] for file in files] == ["2", "1", "2"]
    tool.does("drop table sf.account; create table sf.contact (id varchar)")
    collected = tool.collect("salesforce", "2026-06-07T13:00")
    assert any("no longer has the table account" in note for note in collected.problems)
    assert tool.files() == files


def test_without_stamps_the_day_is_that_of_the_run(tool: Tool) -> None:
    tool.does(SALESFORCE)
    tool.accounts("1, One, Retail, 2026-05-01", synced="2026-06-01")
    tool.does("update sf.account set _fivetran_synced = null")
    for day, industry in ((10, "Retail"), (11, "Banking"), (12, "Retail")):
        tool.does(f"update sf.account set industry = '{industry}'")
        tool.collect("salesforce", f"2026-06-{day}T13:00")
    assert tool.files() == [
        f"salesforce/account/loaded_date=2026-06-{day}: 1" for day in (10, 11, 12)
    ]


def test_a_table_of_several_versions_is_collected_once(tool: Tool) -> None:
    """Airbyte's append keeps each version: the older ones are not new because a newer came."""
    tool.does(HUBSPOT)
    tool.companies("One", synced="2026-06-01", sync=1)
    tool.collect("hubspot", "2026-06-01T13:00")
    for day, name in ((2, "Uno"), (3, "One")):  # it changes back
        tool.does(
            f"insert into hs.companies by name select * replace ('{name}' as properties_name,"
            f" timestamptz '2026-06-0{day}' as _airbyte_extracted_at) from hs.companies limit 1"
        )
        tool.collect("hubspot", f"2026-06-0{day}T13:00")
    tool.collect("hubspot", "2026-06-04T13:00")
    assert [file.rpartition(" ")[2] for file in tool.files()] == ["1", "1", "1"]
    # Without stamps too.
    tool.does("update hs.companies set _airbyte_extracted_at = null")
    tool.does("delete from hs.companies where properties_name = 'Uno'")
    tool.does("insert into hs.companies by name select 'x' as id, 'a' as properties_name")
    tool.does("insert into hs.companies by name select 'x' as id, 'b' as properties_name")
    for day in (5, 6, 7):
        tool.collect("hubspot", f"2026-06-0{day}T13:00")
    assert tool.files()[3:] == ["hubspot/company/loaded_date=2026-06-05: 2"]


def test_what_is_gone_without_a_word_stays_and_is_told(tool: Tool) -> None:
    tool.does(HUBSPOT)
    tool.companies("One", "Two", synced="2026-06-01", sync=1)
    tool.collect("hubspot", "2026-06-01T13:00")
    tool.companies("One", synced="2026-06-02", sync=2)
    (problem,) = tool.collect("hubspot", "2026-06-02T13:00").problems
    assert problem.startswith("hubspot.company: 1 record collected before is no longer in")


def test_a_full_list_is_written_whole_when_it_changed(tool: Tool) -> None:
    tool.snapshots = Snapshots(frozenset({("hubspot", "company")}))
    tool.does(HUBSPOT)
    tool.companies("One", "Two", "Three", synced="2026-06-01", sync=1)
    tool.collect("hubspot", "2026-06-01T13:00")
    tool.companies("One", "Two", "Three", synced="2026-06-02", sync=2)
    tool.collect("hubspot", "2026-06-02T13:00")
    tool.companies("One", "Two", synced="2026-06-03", sync=3)
    assert tool.collect("hubspot", "2026-06-03T13:00").problems == []
    assert [file.rpartition(" ")[2] for file in tool.files()] == ["3", "2"]
    tool.landed.ingest(
        date(2026, 6, 30), datetime(2026, 6, 30, 13, tzinfo=UTC), snapshots=tool.snapshots
    )
    assert tool.landed.rows("select record_id, is_present from raw_landing.presence_changes") == [
        ("3", False)
    ]


def test_a_mapping_reads_a_schema_as_it_reads_files(tool: Tool) -> None:
    """The marks of the tool count though the mapping does not name them, and inner values too."""
    tool.does(ZOHO)
    tool.does(
        "insert into zo.\"Accounts\" values ('1', 'Alder', 'alder.com',"
        " '{\"id\": \"9\", \"name\": \"Ada\"}', '2024-01-01', '2026-05-01', false, '2026-06-01')"
    )
    tool.collect("zoho@emea", "2026-06-01T13:00")
    tool.does(
        "update zo.\"Accounts\" set _fivetran_deleted = true, _fivetran_synced = '2026-06-02'"
    )
    tool.collect("zoho@emea", "2026-06-02T13:00")
    assert [file.partition("/loaded")[0] for file in tool.files()] == ["zoho@emea/Accounts"] * 2
    assert tool.rows(
        "select account_id, account_name, owner_id, owner_name, is_deleted, _instance"
        " from raw_crm.accounts where _status = 'accepted' order by is_deleted"
    ) == [
        ("1", "Alder", "9", "Ada", False, "zoho@emea"),
        ("1", "Alder", "9", "Ada", True, "zoho@emea"),
    ]


def test_airbytes_deletions_are_marks(tool: Tool) -> None:
    tool.names["billing"] = "sf"
    tool.does(
        "create table sf.contracts (contract_id varchar, _ab_cdc_deleted_at varchar,"
        " _airbyte_extracted_at timestamptz);"
        "insert into sf.contracts values ('1', null, '2026-06-01'),"
        " ('2', '2026-06-01', '2026-06-01')"
    )
    tool.collect("billing", "2026-06-01T13:00")
    (file,) = tool.landed.folder.rglob("*.parquet")
    assert duckdb.sql(f"select contract_id, _deleted from '{file}' order by 1").fetchall() == [
        ("1", False),
        ("2", True),
    ]
    tool.does("update sf.contracts set _ab_cdc_deleted_at = '2026-06-02' where contract_id = '1'")
    tool.collect("billing", "2026-06-02T13:00")
    assert [file.rpartition(" ")[2] for file in tool.files()] == ["2", "1"]


# --- what cannot be read --------------------------------------------------------------------------


def test_each_schema_that_cannot_be_read_is_told_and_the_others_are_collected(
    tool: Tool, tmp_path: Path
) -> None:
    tool.does(SALESFORCE + "create schema other; create table other.x (id varchar)")
    tool.accounts("1, One, Retail, 2026-05-01", synced="2026-06-01")
    (tmp_path / "text.duckdb").write_text("no database at all")
    schemas = [
        ElSchema("hubspot", "hs", tmp_path / "lost.duckdb"),
        ElSchema("marketo", "mk", tool.path),
        ElSchema("zoho", "other", tool.path),
        ElSchema("bombora", "b", tmp_path / "text.duckdb"),
        ElSchema("billing", "in_the_warehouse"),
        ElSchema("salesforce", "SF", tool.path),
    ]
    with pytest.raises(CollectError) as refused:
        el_schemas.collect(
            schemas,
            tool.landed.folder,
            CONTRACT,
            datetime(2026, 6, 1, 13, tzinfo=UTC),
            warehouse_path=tmp_path / "none.duckdb",
            snapshots=Snapshots(),
            cutoff_hours=12,
        )
    said = str(refused.value).splitlines()
    assert [line.partition(":")[0] for line in said] == [schema.name for schema in schemas[:5]]
    for line, words in zip(
        said,
        (
            "there is no file",
            "is not there, or has no table (var raw_schemas). It has other, sf",
            "holds no table that zoho is known by (such as Accounts",
            "cannot be opened as a DuckDB database",
            "there is no warehouse at",
        ),
        strict=True,
    ):
        assert words in line
    assert [file.partition("/loaded")[0] for file in tool.files()] == ["salesforce/account"]


def test_a_file_that_the_tool_is_writing_is_told(tool: Tool) -> None:
    tool.does(SALESFORCE)
    holds = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holds, str(tool.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        with pytest.raises(CollectError, match=r"is open in another process.*Wait until its sync"):
            tool.collect("salesforce", "2026-06-01T13:00")
        process.communicate("\n")


def test_what_a_killed_run_left_is_cleared_away(tool: Tool) -> None:
    tool.does(SALESFORCE)
    tool.accounts("1, One, Retail, 2026-05-01", synced="2026-06-01")
    tool.collect("salesforce", "2026-06-01T13:00")
    draft = tool.landed.folder / "salesforce" / "account" / ".collected_x.parquet"
    draft.write_text("half")
    tool.collect("salesforce", "2026-06-02T13:00")
    assert not draft.exists()
    assert len(tool.files()) == 1


# --- the same as files ----------------------------------------------------------------------------


def test_files_and_schemas_give_the_same_marts(template: Place, tool: Tool, tmp_path: Path) -> None:
    """The rows of two days, once as a tool leaves them and once as files of these days."""
    tool.does(SALESFORCE)
    files = tmp_path / "files"
    for day, rows in (
        (1, ("1, One, Retail, 2026-05-01", "2, Two, Retail, 2026-05-02")),
        (4, ("1, One, Banking, 2026-06-03", "3, Three, Retail, 2026-06-03")),
    ):
        tool.accounts(*rows, synced=f"2026-06-0{day} 20:00:00+00")
        tool.collect("salesforce", f"2026-06-0{day}T22:00")
        path = files / f"salesforce/account/loaded_date=2026-06-0{day}/a.csv"
        path.parent.mkdir(parents=True)
        with duckdb.connect(str(tool.path), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(
                "copy (select * from sf.account where _fivetran_synced ="
                f" timestamptz '2026-06-0{day} 20:00:00+00') to '{path}'"
            )
    found = []
    for name, landing in (("schemas", tool.landed.folder), ("files", files)):
        place = template.copy(tmp_path / f"by_{name}", landing)
        compute(place, "2026-06-01", "2026-06-05", only=("accounts", "account_fit", "load_audit"))
        found.append(
            [
                query(place.warehouse, f"select {columns} from {mart} order by all")
                for mart, columns in (
                    ("marts.accounts", "*"),
                    ("marts.account_fit", "*"),
                    ("marts_detail.load_audit", "source, table_name, fate, reason, row_count"),
                )
            ]
        )
    assert found[0] == found[1]
    assert len(found[0][0]) == 3
