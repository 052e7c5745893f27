"""make doctor: each kind of finding on a small landing folder of its own."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from filelock import FileLock
from landed import lines
from rich.console import Console
from runner import Place

from orchestration.commands import doctor as command
from orchestration.doctor import contract_lines, landing, likely, machine, results, rules
from orchestration.doctor.examination import examine
from orchestration.doctor.findings import AREAS, CODES, Finding, Severity, exit_code
from orchestration.engine.warehouse import Warehouse
from orchestration.landing.contract import Contract, load_contract
from orchestration.landing.mappings import load_mappings
from orchestration.rules.ruleset import project_vars
from orchestration.runs.context import contract
from orchestration.settings import DEMO_RULES, MODELS_DIR, PROJECT_DIR

# The first code of each area, in the order of CODES.
FIRST_CODES = (
    *(("landing", "no_landing_folder"), ("results", "no_warehouse")),
    *(("rules", "settings_wrong"), ("machine", "disk_low")),
)
PLACES = {code: place for place, code in enumerate(CODES)}
NOW = datetime(2026, 6, 30, 13)
ACCOUNTS = "id,name,website,created_date,system_modstamp"
ACCOUNT = "001A{0},Acme {0},acme{0}.com,2026-01-01T00:00:00Z,2026-06-01T00:00:00Z"


@dataclass
class Patient:
    """A landing folder, a warehouse and a published folder, none of them there at first."""

    folder: Path

    def put(self, file: str, *rows: str) -> Path:
        path = self.folder / "landing" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lines(*rows))
        return path

    def accounts(self, header: str = ACCOUNTS, row: str = ACCOUNT, count: int = 5) -> None:
        self.put("salesforce/account/a.csv", header, *(row.format(n) for n in range(count)))

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LANDING_DIR": str(self.folder / "landing"),
            "WAREHOUSE_PATH": str(self.folder / "warehouse.duckdb"),
            "PUBLISHED_DIR": str(self.folder / "published"),
            "DAGSTER_HOME": str(self.folder / "dagster"),
            "RULES_DIR": str(DEMO_RULES),
        }

    def findings(self, **environment: str) -> list[Finding]:
        return examine(self.environment | environment, NOW)

    def found(self, code: str, **environment: str) -> list[Finding]:
        return [finding for finding in self._part(code, environment) if finding.code == code]

    def _part(self, code: str, environment: dict[str, str]) -> list[Finding]:
        """Where a finding comes from: all parts together check all rules each time."""
        area = next(area for area, first in reversed(FIRST_CODES) if PLACES[code] >= PLACES[first])
        given = self.environment | environment
        settings, _ = rules.settings_of(given)
        if area == "rules" or settings is None:
            return self.findings(**environment)
        if area == "landing":
            place, _ = rules.project_of(given)
            of_project = landing.Rules(place, project_vars(place))
            return landing.examine(settings, contract(), of_project, NOW).findings
        if area == "results":
            return results.examine(settings, [], NOW, 0.01)
        return list(machine.examine(given, settings))

    def one(self, code: str, **environment: str) -> Finding:
        (finding,) = self.found(code, **environment)
        return finding


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(tmp_path)


def texts(finding: Finding) -> list[str]:
    return [setting.text for setting in finding.settings]


# --- nothing there, and nothing wrong -------------------------------------------------------------


def test_nothing_is_there_at_all(patient: Patient) -> None:
    findings = patient.findings()
    codes = {finding.code for finding in findings}
    assert {"no_landing_folder", "no_warehouse", "nothing_published"} <= codes
    assert patient.one("no_landing_folder").severity == Severity.FAULT
    assert "not_examined" not in codes
    assert exit_code(findings) == 2
    assert list(patient.folder.iterdir()) == []


def test_an_empty_landing_folder(patient: Patient) -> None:
    (patient.folder / "landing").mkdir()
    assert patient.one("nothing_landed").severity == Severity.FAULT


def test_accounts_alone_are_enough(patient: Patient) -> None:
    patient.accounts()
    findings = patient.findings()
    assert [f for f in findings if f.severity >= Severity.WARNING] == []
    assert exit_code(findings) == 0
    (landed,) = [f for f in findings if f.code == "table_landed"]
    assert landed.numbers["sampled_rows"] == landed.numbers["good_rows"] == 5
    assert "industry" in landed.numbers["columns_missing"]


# --- folders --------------------------------------------------------------------------------------


def test_folders_that_nobody_reads(patient: Patient) -> None:
    patient.accounts()
    patient.put("sales_force/account/a.csv", "id")
    patient.put("salesforce/acount/a.csv", "id")
    patient.put("salesforce/pricebook/a.csv", "id")
    patient.put("salesforce/account/notes.xlsx", "x")
    source = patient.one("unknown_source")
    assert source.severity == Severity.WARNING
    assert "Rename the folder to salesforce" in source.remedy
    tables = patient.found("unknown_table")
    assert [finding.severity for finding in tables] == [Severity.WARNING, Severity.NOTE]
    assert "notes.xlsx" in patient.one("ignored_file").what


def test_reserved_names(patient: Patient) -> None:
    patient.accounts()
    patient.put("salesforce@main/account/a.csv", "id")
    patient.put("landing/files/a.csv", "id")
    patient.put("_hubspot/company/a.csv", "id")
    patient.put("salesforce/account/_more.csv", "id")
    patient.put("salesforce/account/_SUCCESS", "")
    found = patient.found("reserved_name")
    assert [finding.where["path"] for finding in found] == [
        "landing",
        "salesforce@main",
        "_hubspot",
    ]
    assert "_hubspot, salesforce/account/_more.csv" in found[-1].what


def test_an_unreadable_file(patient: Patient) -> None:
    patient.accounts()
    patient.put("salesforce/contact/c.parquet", "this is none")
    patient.put("salesforce/lead/l.csv.gz", "this is none")
    found = patient.found("unreadable_file")
    assert {finding.where["file"] for finding in found} == {
        "salesforce/contact/c.parquet",
        "salesforce/lead/l.csv.gz",
    }
    assert {finding.severity for finding in found} == {Severity.FAULT}


def test_no_accounts_land(patient: Patient) -> None:
    patient.put("salesforce/user/u.csv", "id,name", "005A1,Ann")
    assert patient.one("no_accounts").severity == Severity.FAULT


def test_a_missing_table_says_what_it_costs(patient: Patient) -> None:
    patient.accounts()
    tables = {finding.where["table"]: finding for finding in patient.found("table_missing")}
    assert "coverage, known people's acts" in tables["contact"].what
    sources = {finding.where["source"]: finding for finding in patient.found("source_missing")}
    assert "third-party intent" in sources["bombora"].what
    assert tables["contact"].severity == Severity.NOTE


# --- columns --------------------------------------------------------------------------------------


def test_renamed_columns_and_the_line_to_write(patient: Patient) -> None:
    patient.accounts("Record ID,Account name,Company website,Created,system_modstamp")
    found = {finding.where["column"]: finding for finding in patient.found("column_renamed")}
    assert found["id"].severity == found["name"].severity == Severity.FAULT
    assert found["website"].severity == Severity.WARNING
    (setting,) = found["id"].settings
    assert setting.text == "config: {meta: {identity: crm_id, required: true, also: [Record ID]}}"
    line = (PROJECT_DIR / setting.file).read_text().splitlines()[setting.line - 1]
    assert line.strip() == "config: {meta: {identity: crm_id, required: true}}"
    assert texts(found["name"]) == ["config: {meta: {required: true, also: [Account name]}}"]
    assert patient.found("column_required") == []
    assert "universe" in found["id"].what


def test_a_column_without_a_config_gets_its_line() -> None:
    table = contract().tables["salesforce", "account"]
    setting = contract_lines.also(table, "industry", "Branch")
    assert setting.text == "config: {meta: {also: [Branch]}}"
    assert contract_lines.description(table, "owner_id") == "Id of the user who owns the record."


def test_a_required_column_is_told_by_its_values(patient: Patient) -> None:
    patient.accounts()
    patient.put(
        "targets/target_accounts/t.csv",
        "homepage,begin,recorded_at",
        *(f"acme{n}.com,2026-01-0{n + 1},2026-06-01T00:00:00Z" for n in range(5)),
    )
    found = {finding.where["column"]: finding for finding in patient.found("column_renamed")}
    assert found["domain"].numbers == {"likely": ["homepage"], "by_values": True}
    assert found["listed_on"].numbers["likely"] == ["begin"]


def test_a_required_column_that_nothing_resembles(patient: Patient) -> None:
    patient.accounts("colour,name,system_modstamp", "blue {0},Acme {0},2026-06-01T00:00:00Z")
    finding = patient.one("column_required")
    assert (finding.where["column"], finding.severity) == ("id", Severity.FAULT)
    assert "colour" in finding.remedy


def test_values_alone_do_not_choose_between_columns(patient: Patient) -> None:
    patient.accounts()
    rows = (f"acme{n}.com,2026-01-0{n + 1}" for n in range(5))
    patient.put("targets/target_accounts/t.csv", "domain,begin", *rows)
    assert patient.found("column_renamed") == []
    required = patient.one("column_required")
    assert required.numbers["columns"] == ["listed_on", "recorded_at"]
    assert "homepage" not in required.remedy
    assert "begin" in required.remedy


def test_one_more_name_of_a_column_is_no_other_column(patient: Patient) -> None:
    first = {"id": "A1", "name": "Acme", "system_modstamp": "2026-06-01T00:00:00Z"}
    second = {"Id": "A2", "name": "Brix", "system_modstamp": "2026-06-01T00:00:00Z"}
    patient.put("salesforce/account/a.jsonl", json.dumps(first), json.dumps(second))
    assert patient.found("column_renamed") == []


def test_records_in_one_column(patient: Patient) -> None:
    patient.accounts()
    record = {"id": "7", "property_createdate": "2026-01-01", "property_email": "ann@acme.com"}
    line = {"_airbyte_raw_id": "x", "_airbyte_data": record}
    patient.put("hubspot/contact/c.jsonl", json.dumps(line))
    assert patient.one("record_wrapped").where["column"] == "_airbyte_data"
    assert patient.found("column_required") == patient.found("column_renamed") == []


def test_a_column_that_the_last_file_lacks(patient: Patient) -> None:
    patient.accounts()
    for day, columns in (
        ("2026-06-01", ACCOUNTS),
        ("2026-06-02", ACCOUNTS.replace("website", "x")),
    ):
        patient.put(f"salesforce/account/loaded_date={day}/a.csv", columns, ACCOUNT.format(day[-1]))
    (patient.folder / "landing/salesforce/account/a.csv").unlink()
    assert patient.one("column_lost").where["column"] == "website"


def test_an_unknown_column_that_may_be_a_mark(patient: Patient) -> None:
    patient.accounts(f"{ACCOUNTS},Is_Test", ACCOUNT + ",true")
    assert patient.one("unread_mark").where["column"] == "Is_Test"
    assert patient.one("column_unknown").numbers["columns"] == ["Is_Test"]


# --- values ---------------------------------------------------------------------------------------


def dated(patient: Patient, *dates: str) -> None:
    rows = (f"A{n},Acme {n},{day}" for n, day in enumerate(dates))
    patient.put("salesforce/account/a.csv", "id,name,system_modstamp", *rows)


def test_dates_in_one_form(patient: Patient) -> None:
    dated(patient, "3/4/2026", "3/14/2026", "12/31/2025")
    finding = patient.one("dates_unread")
    assert texts(finding) == ["date_formats: ['%m/%d/%Y']"]
    assert finding.severity == Severity.FAULT  # no row could be taken
    assert patient.found("rows_refused") == []
    (setting,) = finding.settings
    assert setting.file == "models/staging/salesforce/_salesforce__sources.yml"
    assert "key: [id]" in (PROJECT_DIR / setting.file).read_text().splitlines()[setting.line - 1]


def test_dates_in_several_forms(patient: Patient) -> None:
    dated(patient, "31.12.2025", "31.12.2025 14:30", "2026-01-01")
    assert texts(patient.one("dates_unread")) == ["date_formats: ['%d.%m.%Y', '%d.%m.%Y %H:%M']"]


def test_dates_that_cannot_be_told(patient: Patient) -> None:
    dated(patient, "3/4/2026", "5/6/2026")
    finding = patient.one("dates_ambiguous")
    assert sorted(texts(finding)) == ["date_formats: ['%d/%m/%Y']", "date_formats: ['%m/%d/%Y']"]
    assert "3/4/2026" in finding.what
    assert "cannot be told" in finding.what


def test_dates_that_no_form_reads(patient: Patient) -> None:
    dated(patient, "soon", "later")
    assert patient.one("rows_refused").numbers["cause"] == "no date"
    assert patient.found("dates_unread") == []


def test_money_with_signs(patient: Patient) -> None:
    patient.accounts(f"{ACCOUNTS},annual_revenue", ACCOUNT + ',"$1,{0}00.50"')
    finding = patient.one("numbers_unread")
    assert texts(finding) == ["number_style: us"]
    assert finding.where["column"] == "annual_revenue"


def test_dates_and_money_of_the_same_rows(patient: Patient) -> None:
    row = 'A{0},Acme {0},3/1{0}/2026,"$1,{0}00.50"'
    patient.accounts("id,name,system_modstamp,annual_revenue", row)
    assert texts(patient.one("dates_unread")) == ["date_formats: ['%m/%d/%Y']"]
    assert texts(patient.one("numbers_unread")) == ["number_style: us"]
    assert patient.found("rows_refused") == []


def test_money_that_no_style_reads(patient: Patient) -> None:
    patient.accounts(f"{ACCOUNTS},annual_revenue", ACCOUNT + ",\"1'{0}00'000\"")
    assert patient.found("numbers_unread") == patient.found("numbers_misread") == []
    assert patient.one("rows_refused").where["column"] == "annual_revenue"


def listed(patient: Patient, *revenues: str, header: str = "Firma;Umsatz") -> None:
    """A list kept by hand; its mapping says `numbers: us`."""
    rows = (f"Firma {number};{text}" for number, text in enumerate(revenues))
    patient.put("spreadsheet/accounts/a.csv", header, *rows)


@pytest.mark.parametrize(
    "revenues",
    [
        ("45.000", "3.500", "120.000"),  # all of them taken, a thousandth each
        ("45.000", "1.200.000"),
        ("45.000", "1.200,50 €"),
        ("3.500 €", "900", "1.234.567,8"),
        ("12,5", "7"),
        ("EUR 45.000", "EUR 7.300", "EUR 8.100"),
    ],
)
def test_german_numbers_where_american_ones_are_declared(
    patient: Patient, revenues: tuple[str, ...]
) -> None:
    listed(patient, *revenues)
    finding = patient.one("numbers_misread")
    assert finding.where["column"] == "revenue"
    assert "spreadsheet/accounts/a.csv" in finding.what
    assert any(revenue in finding.what for revenue in revenues)
    (setting,) = finding.settings
    assert (setting.file, setting.text) == ("mappings/spreadsheet.yml", "numbers: eu")
    said = (PROJECT_DIR / setting.file).read_text().splitlines()[setting.line - 1]
    assert said == "numbers: us"
    assert "mappings/ and write the line in the copy" in finding.remedy
    assert patient.found("rows_refused") == []


@pytest.mark.parametrize(
    "revenues",
    [
        ("1.234", "5.678", "9.123", "4.5"),  # three digits behind the point by chance
        ("1.234", "5.678", "9.123", "0.125"),
        ("1.234", "5.678", "9.123", "1234.567"),
        ("1.234", "5.678", "9.123", "$1,200.50"),
        ("1.234", "5.678", "9.123", "7.1234"),
        ("1.234", "5.678", "45000", "900"),  # two are no pattern
        ("1.117K", "2.250K", "3.500K"),
        ("45,000", "1,200", "7,300"),
        ("45000", "1200", "900.00"),
    ],
)
def test_american_numbers_give_no_false_alarm(patient: Patient, revenues: tuple[str, ...]) -> None:
    listed(patient, *revenues)
    assert patient.found("numbers_misread") == []


def test_american_numbers_where_german_ones_are_declared(patient: Patient, tmp_path: Path) -> None:
    own = tmp_path / "rules" / "mappings"
    own.mkdir(parents=True)
    shipped = (PROJECT_DIR / "mappings" / "spreadsheet.yml").read_text()
    (own / "spreadsheet.yml").write_text(shipped.replace("numbers: us", "numbers: eu"))
    listed(patient, "45,000", "1,200", "$7,300.50")
    settings, _ = rules.settings_of(patient.environment)
    assert settings is not None
    tables = load_contract(MODELS_DIR).tables
    systems, problems = load_mappings([own], tables.values())
    assert problems == []
    place, _ = rules.project_of(patient.environment)
    found = landing.examine(
        settings, Contract(tables, systems), landing.Rules(place, project_vars(place)), NOW
    ).findings
    (finding,) = [each for each in found if each.code == "numbers_misread"]
    assert texts(finding) == ["numbers: us"]


def test_german_numbers_in_a_table_of_the_contract(patient: Patient) -> None:
    patient.accounts(f"{ACCOUNTS},annual_revenue", ACCOUNT + ",4{0}.000")
    finding = patient.one("numbers_misread")
    assert texts(finding) == ["number_style: eu"]
    assert finding.severity == Severity.WARNING  # every row is taken


def test_a_currency_that_only_the_signs_say(patient: Patient) -> None:
    listed(patient, "1.200,50 €", "45.000 €", "7.300 €")
    finding = patient.one("currency_unsaid")
    assert texts(finding) == ["default_currency: EUR"]
    listed(patient, "$1,200.50", "$45,000", "$7,300")  # there is more than one dollar
    assert patient.found("currency_unsaid") == []
    listed(patient, "1.200,50 €;CHF", "45.000 €;EUR", header="Firma;Umsatz;Währung")
    assert patient.found("currency_unsaid") == []


def test_years_of_two_and_of_four_digits(patient: Patient) -> None:
    dated(patient, "31.12.2025", "11.05.26")
    assert texts(patient.one("dates_unread")) == ["date_formats: ['%d.%m.%Y', '%d.%m.%y']"]


def test_a_column_that_a_mapping_reads_is_no_other_column(patient: Patient) -> None:
    """`isdisabled` says is_active and not is_deleted; an account with an id needs no name."""
    patient.put(
        "dynamics/systemuser/a.csv",
        "systemuserid,fullname,isdisabled,isdisabledname",
        "8a1b6d0e-0000-4000-8000-000000000001,Ann Lee,false,Enabled",
    )
    patient.put(
        "dynamics/contact/a.csv",
        "contactid,fullname,_parentcustomerid_value,accountrolecode,accountrolecodename",
        *(f"8a1b6d0e-0000-4000-8000-00000000001{n},Bo,{n},{n},Influencer" for n in range(5)),
    )
    assert patient.found("column_renamed") == []


def test_words_for_nothing(patient: Patient) -> None:
    patient.accounts(f"{ACCOUNTS},annual_revenue", ACCOUNT + ",N/A")
    assert texts(patient.one("empty_words")) == ["nulls: [N/A]"]


def test_forms_of_dates_that_are_declared_and_wrong(contract_table: likely.Table) -> None:
    warehouse = Warehouse(duckdb.connect())
    american = replace(contract_table, date_formats=("%m/%d/%Y",))
    assert likely.dates(warehouse, american, ["13/04/2026", "1/2/2026"]) == likely.Dates(
        ("%d/%m/%Y",)
    )
    assert likely.dates(warehouse, american, ["2026-04-13"]) is None


@pytest.fixture
def contract_table() -> likely.Table:
    return contract().tables["salesforce", "account"]


def test_ids_in_two_kinds_of_records(patient: Patient) -> None:
    patient.accounts()
    stamp = "2026-06-01T00:00:00Z"
    patient.put(
        "salesforce/contact/c.csv",
        "id,account_id,email,created_date,system_modstamp",
        f"7,001A1,ann@acme1.com,{stamp},{stamp}",
    )
    patient.put(
        "salesforce/lead/l.csv",
        "id,company,email,is_converted,created_date,system_modstamp",
        f"7,Acme,bob@acme2.com,false,{stamp},{stamp}",
    )
    finding = patient.one("shared_ids")
    assert finding.severity == Severity.WARNING
    assert sorted(finding.numbers["tables"]) == ["contact", "lead"]


def test_a_table_without_a_feed(patient: Patient) -> None:
    patient.accounts()
    patient.put("salesforce/user_role/r.csv", "id,name,system_modstamp", "00E1,Sales,2026-06-01")
    found = {finding.where["table"]: finding for finding in patient.found("feed_unknown")}
    feeds = (PROJECT_DIR / "seeds/landing/feeds.csv").read_text()
    assert ("user_role" in found) == ("salesforce,user_role," not in feeds)


# --- results --------------------------------------------------------------------------------------


def publish(patient: Patient, *, stale: bool) -> None:
    """The marts that the doctor reads, with one row each."""
    folder = patient.folder / "published"
    folder.mkdir()
    with duckdb.connect(str(folder / "activation_gap.duckdb")) as connection:
        connection.execute("create schema marts")
        connection.execute("create schema marts_detail")
        connection.execute("create table marts.accounts as select date '2026-06-29' as as_of_date")
        connection.execute("create table marts.activation_gap as from marts.accounts")
        connection.execute(
            "create table marts.data_health as select 'segment' as source, 'pages' as table_name,"
            f" date '2026-06-01' as last_delivery_date, {stale} as is_stale, 10 as accepted,"
            " 'columns no longer delivered: url (since 2026-06-20)' as features_off"
        )
        connection.execute(
            "create table marts_detail.load_audit as select 'segment' as source,"
            " 'pages' as table_name, 'emea' as source_instance, fate, reason, row_count, share,"
            " is_loss, 'deliver it' as remedy, 'a.csv' as example_file, 1 as example_row from"
            " (values ('used', 'used', 90, 0.9, false), ('not used', 'no account', 10, 0.1, true))"
            " as rows (fate, reason, row_count, share, is_loss)"
        )
        connection.execute(
            "create table marts_detail.review_items as select 'unmapped_stage' as item_type,"
            " 'Pondering' as item, 3 as occurrences, 'map it' as remedy"
        )


def test_what_the_published_marts_say(patient: Patient) -> None:
    patient.accounts()
    publish(patient, stale=True)
    settings, _ = rules.settings_of(patient.environment)
    assert settings
    found = {finding.code: finding for finding in results.examine(settings, [], NOW, 0.01)}
    stale = found["stale_feed"]
    assert (stale.severity, stale.where["source"]) == (Severity.WARNING, "segment")
    fates = found["table_fates"]
    assert "100 delivered, 100 accepted, 90 used, 10 not (no account 10)" in fates.what
    assert fates.where["instance"] == "emea"
    assert found["rows_lost"].remedy == "Deliver it."
    assert "url" in found["features_off"].what
    assert "Pondering" in found["to_review"].what


def test_a_feed_that_goes_on(patient: Patient) -> None:
    patient.accounts()
    publish(patient, stale=False)
    assert patient.found("stale_feed") == []


def test_a_warehouse_that_another_process_has_open(patient: Patient) -> None:
    patient.accounts()
    path = patient.environment["WAREHOUSE_PATH"]
    hold = f"import duckdb; c = duckdb.connect({path!r}); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        finding = patient.one("warehouse_open")
        process.communicate(b"\n")
    assert finding.severity == Severity.WARNING
    assert str(process.pid) in finding.what


def test_damaged_files(patient: Patient) -> None:
    patient.accounts()
    with duckdb.connect(patient.environment["WAREHOUSE_PATH"]) as connection:
        connection.execute("create table t as select range from range(100000)")
    path = Path(patient.environment["WAREHOUSE_PATH"])
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:6000] + b"\0" * 9000)
    published = Path(patient.environment["PUBLISHED_DIR"]) / "activation_gap.duckdb"
    published.parent.mkdir()
    published.write_text("this is no database")
    damaged = results.examine(rules.settings_of(patient.environment)[0], [], NOW, 0.01)
    assert [(finding.code, finding.severity) for finding in damaged] == [
        ("warehouse_damaged", Severity.FAULT),
        ("published_damaged", Severity.FAULT),
    ]


def test_a_refreshed_company(refreshed: Place) -> None:
    environment = {
        "LANDING_DIR": str(refreshed.landing),
        "WAREHOUSE_PATH": str(refreshed.warehouse),
        "PUBLISHED_DIR": str(refreshed.published.parent),
        "RULES_DIR": str(DEMO_RULES),
    }
    before = fingerprint(refreshed.folder), fingerprint(refreshed.landing)
    findings = examine(environment, NOW)
    assert (fingerprint(refreshed.folder), fingerprint(refreshed.landing)) == before
    codes = {finding.code for finding in findings}
    assert {"stored_days", "last_publish", "table_fates", "features_off"} <= codes
    assert "not_examined" not in codes
    audited = sum(f.numbers["delivered"] for f in findings if f.code == "table_fates")
    assert audited > 1000
    screen = printed(findings)
    assert len(screen.splitlines()) <= 50


# --- rules and machine ----------------------------------------------------------------------------


def test_a_broken_rule(patient: Patient) -> None:
    patient.accounts()
    rules = patient.folder / "rules"
    rules.mkdir()
    seed = (DEMO_RULES / "personas.csv").read_text().splitlines()
    (rules / "personas.csv").write_text(lines(seed[0], seed[1] + ",one,more", *seed[2:]))
    found = patient.found("rule_wrong", RULES_DIR=str(rules))
    assert {finding.severity for finding in found} == {Severity.FAULT}
    assert any("personas.csv, line 2" in finding.what for finding in found)
    (rules / "persona.csv").write_text("x\n")
    (finding,) = patient.found("rule_wrong", RULES_DIR=str(rules))
    assert "no rule has this name" in finding.what
    assert patient.found("table_landed", RULES_DIR=str(rules))


def test_rules_that_nobody_has_set(patient: Patient) -> None:
    patient.accounts()
    rules = patient.folder / "rules"
    (rules / "proposed").mkdir(parents=True)
    proposed = rules / "proposed" / "fit_criteria.csv"
    proposed.write_text((DEMO_RULES / "fit_criteria.csv").read_text())
    found = {f.where["path"]: f for f in patient.found("rule_not_set", RULES_DIR=str(rules))}
    assert found["fit_criteria"].numbers["set_by"] == "proposed"
    assert str(proposed) in found["fit_criteria"].remedy
    assert found["personas"].numbers["set_by"] == "nobody"
    # It does not say of a rule that make init proposes it, where it never does.
    assert "make init" not in found["personas"].remedy
    assert found["opportunity_stages"].remedy.endswith("; make init proposes it.")
    assert patient.found("rule_not_set") == []


def test_settings_that_cannot_be_used(patient: Patient) -> None:
    patient.accounts()
    found = patient.found("settings_wrong", START_DATE="tomorrow", MEMORY_LIMIT="much")
    assert [finding.where["setting"] for finding in found] == ["START_DATE", "MEMORY_LIMIT"]
    assert patient.found("settings_wrong", LANDING_DIR=str(patient.folder / "published"))


def test_locks_versions_and_rights(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    patient.accounts()
    warehouse = Path(patient.environment["WAREHOUSE_PATH"])
    duckdb.connect(str(warehouse)).close()
    warehouse.chmod(0o644)
    with FileLock(f"{warehouse}.lock"):
        if Path("/proc/locks").exists():
            assert f"process {os.getpid()}" in patient.one("refresh_runs").what
    assert patient.found("refresh_runs") == []
    assert patient.one("open_to_others").remedy == f"chmod 600 {warehouse}"
    assert patient.found("version_other") == []
    monkeypatch.setattr("importlib.metadata.version", lambda _: "0.0")
    assert len(patient.found("version_other")) == 7
    monkeypatch.setattr("shutil.disk_usage", lambda _: os.terminal_size((0, 0)) and Full())
    assert {f.where["setting"] for f in patient.found("disk_low")} == {
        "WAREHOUSE_PATH",
        "PUBLISHED_DIR",
    }


class Full:
    free = 1_000


# --- the command ----------------------------------------------------------------------------------


def fingerprint(folder: Path) -> str:
    """A hash of every name, content and time of change under a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(f"{path.relative_to(folder)} {path.lstat().st_mtime_ns}".encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def printed(findings: list[Finding], *, everything: bool = False) -> str:
    console = Console(width=100, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    command.show(findings, console, everything=everything)
    return console.export_text()


@pytest.fixture
def by_hand(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> Patient:
    for name, value in patient.environment.items():
        monkeypatch.setenv(name, value)
    return patient


def test_exit_codes_and_json(by_hand: Patient, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--json"]) == 2
    by_hand.accounts()
    capsys.readouterr()
    before = fingerprint(by_hand.folder)
    assert command.main(["--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert fingerprint(by_hand.folder) == before
    assert list(said) == ["schema_version", "exit_code", "counts", "findings"]
    assert (said["schema_version"], said["exit_code"]) == (1, 0)
    assert list(said["counts"]) == ["fault", "warning", "note", "ok"]
    for finding in said["findings"]:
        assert list(finding) == [
            *("area", "severity", "code", "what", "remedy", "where", "settings", "numbers"),
        ]
        assert finding["area"] in AREAS
        assert finding["code"] in CODES
    by_hand.put("salesfroce/account/a.csv", "id")
    assert command.main([]) == 1
    assert "Rename the folder to salesforce" in " ".join(capsys.readouterr().out.split())


def test_no_control_character_reaches_the_terminal(
    by_hand: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    by_hand.accounts(f"{ACCOUNTS},Is_Test\x1b[2J", ACCOUNT + ",true")
    by_hand.put("bad\x1b[31m/a.csv", "id")
    for arguments in ([], ["--all"], ["--json"]):
        command.main(arguments)
        said = capsys.readouterr().out
        assert "\x1b" not in said
        assert "Is_Test" in said or not arguments


def test_much_trouble_fits_one_screen(patient: Patient) -> None:
    for source in "abcdefghijklmnopqrst":
        patient.put(f"{source}{source}{source}/x/a.csv", "id")
    patient.accounts("Record ID,Account name,Web site,Created,Stamp,Branch,Staff", ACCOUNT + ",x,y")
    findings = patient.findings()
    few = printed(findings)
    assert 40 < len(few.splitlines()) <= 50
    assert re.search(r"and .*unknown_source \d+", few)
    everything = printed(findings, everything=True)
    assert all(f"{letter * 3} is no source" in everything for letter in "abcdefghijklmnopqrst")


def test_every_code_has_its_meaning_in_the_docs() -> None:
    page = (PROJECT_DIR / "docs" / "doctor.md").read_text()
    assert [code for code in CODES if f"`{code}`" not in page] == []
