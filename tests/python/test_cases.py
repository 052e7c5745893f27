"""The landing folders of troubles that people have reported in public, and what must come of them.

The folders lie beside the project; without them this is skipped. Most do not interfere, so they are
laid side by side and computed together: `files` are those about files that cannot be taken as they
are, `lists` the one that wants a table of accounts to be a full list, `rows` all others. Each case
is one test, which says what the case's expect.txt says. Where that allows a trouble to be told
instead, the telling must name the case's file or record.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from marts import one, query, tables
from runner import OF_ROWS, PROJECT_DIR, Place, compute, faults, program

from orchestration.engine.warehouse import connect
from orchestration.landing.ingest import ingest
from orchestration.landing.presence import Snapshots
from orchestration.landing.raw_tables import ensure_tables
from orchestration.runs.context import contract, cutoff_hours

SHARED = PROJECT_DIR.parent / "shared" / "cases"
NOW = datetime(2026, 7, 1, 13, tzinfo=UTC)
LAID_AT = datetime(2026, 7, 1, tzinfo=UTC).timestamp()
FIRST, LAST = "2026-06-01", "2026-06-30"

# They are no part of the project: whoever clones it alone has none to run. CI has them.
pytestmark = pytest.mark.skipif(
    not SHARED.exists(), reason="needs the cases from public bug reports in ../shared/cases"
)

FILES = (
    *("airbyte-raw", "empty-object", "excel-sep-line", "export-preamble", "hubspot-ui-export"),
    *("jsonl-key-case", "parquet-nothing-known"),
    # Their people have the addresses of people of other cases.
    *("float-ids-csv", "float-ids-parquet", "decimal-ids-parquet"),
)
LISTS = ("snapshot-id-form",)
# Where a trouble is told: what the refresh prints (kept in said.printed), and these.
TOLD_IN = {
    "said.printed": "line",
    "raw_landing.files": "file, reason",
    "raw_landing.quarantine": "file, row_number, reason, row_json",
    "marts.data_health": "source, table_name, features_off",
    "marts_detail.review_items": "item_type, item, remedy",
    "marts_detail.load_audit": "*",
    "marts_detail.domain_ownership": "domain, account_id, excluded_as",
}

Check = Callable[[Path], None]
CHECKS: dict[str, Check] = {}


def case(check: Check) -> Check:
    """The function says what must come of the case of its name."""
    CHECKS[check.__name__.replace("_", "-")] = check
    return check


# --- the cases, side by side ----------------------------------------------------------------------


def lay_together(names: list[str], landing: Path) -> None:
    """Copies the cases' files into one landing folder, each case in a folder of its own in it."""
    for name in names:
        files = [path for path in (SHARED / name / "landing").rglob("*") if path.is_file()]
        assert files, name
        for path in files:
            source, table, *rest = path.relative_to(SHARED / name / "landing").parts
            copy = landing / source / table / name / Path(*rest)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            os.utime(copy, (LAID_AT, LAID_AT))  # no file is still being written


def computed(
    folder: Path,
    template: Place,
    names: list[str],
    days: tuple[str, str],
    only: tuple[str, ...],
    full_lists: tuple[tuple[str, str], ...] = (),
) -> Path:
    """The warehouse of some cases, with what the refresh would print in a table `printed`."""
    landing = folder / "landing"
    lay_together(names, landing)
    place = template.copy(folder / "place", landing)
    with connect(place.warehouse) as warehouse:
        ensure_tables(warehouse, contract())
        # Taken in here and not by `compute`, which would ask the seed for the full lists.
        report = ingest(
            warehouse,
            landing,
            date.fromisoformat(days[1]),
            NOW,
            contract(),
            cutoff_hours=cutoff_hours(),
            snapshots=Snapshots(frozenset(full_lists)),
        )
        warehouse.execute("create schema if not exists said")
        warehouse.execute("create table said.printed (line varchar)")
        for line in (*report.problems, *report.notes):
            warehouse.connection.execute("insert into said.printed values (?)", [line])
    compute(place, *days, only=[name for name in only if name in program().by_name])
    return place.warehouse


@pytest.fixture(scope="module")
def files(template: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that cannot be taken as they are, on one day."""
    folder = tmp_path_factory.mktemp("files")
    models = ("accounts", "account_coverage", "account_signals")
    models += ("data_health", "load_audit", "review_items")
    return computed(folder, template, list(FILES), (LAST, LAST), models)


@pytest.fixture(scope="module")
def lists(template: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Full lists of accounts from March to June."""
    folder = tmp_path_factory.mktemp("lists")
    days = ("2026-06-15", "2026-06-15")
    models = ("accounts", "int_people", "load_audit")
    return computed(folder, template, list(LISTS), days, models, (("salesforce", "account"),))


@pytest.fixture(scope="module")
def rows(template: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All other cases, over the month."""
    folder = tmp_path_factory.mktemp("rows")
    names = sorted(path.name for path in SHARED.iterdir() if path.is_dir())
    models = (
        *("accounts", "account_coverage", "account_signals", "data_health", "domain_ownership"),
        *("load_audit", "review_items", "int_people", "int_opportunity_spans", "int_account_acts"),
        "int_contract_spans",
    )
    others = [name for name in names if name not in (*FILES, *LISTS)]
    full_lists = (("salesforce", "campaign_member"),)
    return computed(folder, template, others, (FIRST, LAST), models, full_lists)


# --- what the checks ask --------------------------------------------------------------------------


def is_told(warehouse: Path, *words: str) -> bool:
    """Whether one row of what a person is told has all these words, in any case."""
    wanted = " and ".join(f"contains(lower(cast(told as varchar)), '{w.lower()}')" for w in words)
    return any(
        query(
            warehouse,
            f"select 1 from (select {columns} from {relation}) as told where {wanted} limit 1",
        )
        for relation, columns in TOLD_IN.items()
        if relation in tables(warehouse, [relation.split(".")[0]])
    )


def quarantined(warehouse: Path, file: str) -> list[str]:
    """Why rows of a file of a case are in quarantine, one reason per row."""
    return [
        reason
        for (reason,) in query(
            warehouse,
            "select reason from raw_landing.quarantine"
            f" where file like '%{file}%' order by row_number",
        )
    ]


def of(warehouse: Path, mart: str, column: str, *names: str) -> list[Any]:
    """A column of a mart for accounts of these domains or names, null where there is none."""
    found = []
    for name in names:
        rows = query(
            warehouse,
            f"select mart.{column} from marts.accounts inner join {mart} as mart"
            " using (account_id)"
            f" where '{name}' in (accounts.primary_domain, accounts.account_name)",
        )
        assert len(rows) <= 1, f"{name} is {len(rows)} accounts"
        found.append(rows[0][0] if rows else None)
    return found


def contacts(warehouse: Path, *names: str) -> list[Any]:
    return of(warehouse, "account_coverage", "contacts", *names)


def strength(warehouse: Path, *names: str) -> list[Any]:
    return of(warehouse, "account_signals", "strength_score", *names)


def is_silent(warehouse: Path, name: str) -> bool:
    """Whether an account is there, without strength and without a buying signal."""
    buying = of(warehouse, "account_signals", "last_buying_signal_date", name)
    return strength(warehouse, name) == [0] and buying == [None]


def acts(warehouse: Path, name: str, activity_type: str, day: str = LAST) -> int:
    """Acts of an account's own that count on a day."""
    found = one(
        warehouse,
        "select coalesce(sum(quantity), 0) from intermediate.int_account_acts as acts"
        " inner join marts.accounts using (account_id)"
        f" where '{name}' in (primary_domain, account_name) and activity_type = '{activity_type}'"
        f" and date '{day}' >= valid_from and date '{day}' < valid_to",
    )
    return int(found)


def open_deals(warehouse: Path, name: str, day: str = LAST) -> list[float]:
    """Amounts of an account's open deals on a day."""
    return [
        amount
        for (amount,) in query(
            warehouse,
            "select amount from intermediate.int_opportunity_spans as spans"
            " inner join marts.accounts using (account_id)"
            f" where '{name}' in (primary_domain, account_name) and outcome = 'open'"
            f" and date '{day}' >= valid_from and date '{day}' < valid_to order by 1",
        )
    ]


def is_account(warehouse: Path, *names: str) -> bool:
    return None not in of(warehouse, "accounts", "account_id", *names)


# --- files that cannot be taken as they are -------------------------------------------------------


@case
def airbyte_raw(warehouse: Path) -> None:
    assert is_account(warehouse, "arone.com")
    (reason,) = quarantined(warehouse, "airbyte-raw")
    assert "required column id is missing" in reason


@case
def empty_object(warehouse: Path) -> None:
    assert is_account(warehouse, "eoone.com")
    assert len(quarantined(warehouse, "empty-object")) == 2


@case
def excel_sep_line(warehouse: Path) -> None:
    taken = is_account(warehouse, "seone.com")
    assert taken or is_told(warehouse, "excel-sep-line", "header")


@case
def export_preamble(warehouse: Path) -> None:
    assert is_account(warehouse, "epone.com")
    taken = one(warehouse, "select count(*) from raw_linkedin_ads.company_engagement")
    assert taken == 1 or is_told(warehouse, "report.csv", "header")


@case
def hubspot_ui_export(warehouse: Path) -> None:
    assert is_account(warehouse, "hxone.com")
    assert is_told(warehouse, "all-companies.csv", " id")


@case
def jsonl_key_case(warehouse: Path) -> None:
    assert is_account(warehouse, "kcone.com", "kctwo.com")
    assert of(warehouse, "accounts", "account_name", "kcone.com", "kctwo.com") == ["Kcone", "Kctwo"]


@case
def parquet_nothing_known(warehouse: Path) -> None:
    assert is_account(warehouse, "pnone.com")
    assert quarantined(warehouse, "parquet-nothing-known") or query(
        warehouse,
        "select reason from raw_landing.files"
        " where file like '%parquet-nothing-known%x.parquet' and status = 'unreadable'",
    )
    assert one(warehouse, "select count(*) from raw_billing.contracts") == 0


# --- ids ------------------------------------------------------------------------------------------


@case
def backslash_n_null(warehouse: Path) -> None:
    names = ("Nnone", "Nntwo", "Nnthree")
    if is_account(warehouse, *names):
        own = query(
            warehouse,
            "select parent_account_id, owner_id from marts.accounts where account_name like 'Nn%'",
        )
        assert own == [(None, None)] * 3
        assert not query(
            warehouse,
            "select account_type from intermediate.int_account_versions"
            " where account_name like 'Nn%' and account_type is not null",
        )
    else:
        assert len(quarantined(warehouse, "backslash-n-null")) == 3


@case
def decimal_ids_parquet(warehouse: Path) -> None:
    assert contacts(warehouse, "hctwelve.com") == [1]


@case
def excel_scientific_ids(warehouse: Path) -> None:
    put_aside = quarantined(warehouse, "excel-scientific-ids")
    assert len(put_aside) == 3 or is_told(warehouse, "1.23457E+10")
    conflicting = "select sum(conflicting) from raw_landing.files where file like '%/xl.csv'"
    assert one(warehouse, conflicting) == 0


@case
def float_ids_csv(warehouse: Path) -> None:
    assert contacts(warehouse, "hcten.com") == [1] or quarantined(warehouse, "float-ids-csv")


@case
def float_ids_jsonl(warehouse: Path) -> None:
    assert contacts(warehouse, "hceleven.com") == [1]


@case
def float_ids_parquet(warehouse: Path) -> None:
    assert contacts(warehouse, "hceight.com", "hcnine.com") == [1, 1]


@case
def snapshot_id_form(warehouse: Path) -> None:
    assert is_account(warehouse, "sn0nine.com", "sn1nine.com", "sn2nine.com")
    assert one(warehouse, "select count(*) from marts.accounts") == 3
    assert not query(warehouse, "select * from raw_landing.presence_changes")
    with_contact = (
        "select count(*) from intermediate.int_people inner join marts.accounts using (account_id)"
        " where primary_domain = 'sn0nine.com' and date '2026-06-15' < valid_to"
    )
    assert one(warehouse, with_contact) == 1


@case
def spaces_after_commas(warehouse: Path) -> None:
    assert contacts(warehouse, "spone.com", "sptwo.com") == [1, 2]


# --- names, addresses and places ------------------------------------------------------------------


@case
def countries(warehouse: Path) -> None:
    unread = query(
        warehouse,
        "select distinct country from marts.accounts where account_name like 'Cn% Works'"
        " and region is null",
    )
    assert one(warehouse, "select count(*) from marts.accounts where account_name like 'Cn%'") == 19
    listed = query(warehouse, "select lower(trim(item)) from marts_detail.review_items")
    assert [country for (country,) in unread if (country.strip().lower(),) not in listed] == []


@case
def hubspot_more_addresses(warehouse: Path) -> None:
    assert acts(warehouse, "hcsixteen.com", "pricing_page") == 1


@case
def ip_spellings(warehouse: Path) -> None:
    visits = [acts(warehouse, f"ipco{n}nine.com", "pricing_page") for n in range(1, 7)]
    assert visits == [1] * 6


@case
def odd_websites(warehouse: Path) -> None:
    found = dict(
        query(
            warehouse,
            "select account_name, primary_domain from marts.accounts"
            " where account_name like 'WWS%'",
        )
    )
    assert len(found) == 16
    words = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    words = (*words, "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen")
    own = {
        f"WWS{number}": f"ws{word}.com"
        for number, word in enumerate(words, start=1)
        if number in (1, 2, 3, 9, 10)
    }
    assert {name: found[name] for name in own} == own
    for number in (6, 7, 12, 15, 16):
        read, begins = found[f"WWS{number}"], f"ws{words[number - 1]}."
        told = is_told(warehouse, begins) or is_told(warehouse, f"WS{number}", "shared_host")
        assert (read or "").startswith(begins) or (read is None and told), (number, read, told)
    for number in (4, 5, 8, 11, 13, 14):
        assert found[f"WWS{number}"] is None, (number, found[f"WWS{number}"])
    shared = ("google.com", "wa.me", "goo.gl", "onmicrosoft.com", "salesforce-sites.com")
    assert not query(
        warehouse,
        f"select domain, account_id from marts_detail.domain_ownership where domain in {shared}"
        " and is_owner",
    )


@case
def one_address_two_accounts(warehouse: Path) -> None:
    on_file = contacts(warehouse, "deone.com", "detwo.com")
    told = any(is_told(warehouse, word) for word in ("DEC1", "DEC2", "sam@samconsult.com"))
    told |= is_told(warehouse, "contact_of_two_accounts", "DE1", "DE2")
    assert on_file == [1, 1] or told


@case
def placeholder_addresses(warehouse: Path) -> None:
    assert contacts(warehouse, "peone.com", "petwo.com", "pethree.com") == [3, 2, 3]


@case
def sandbox_invalid(warehouse: Path) -> None:
    assert not query(
        warehouse,
        "select domain from marts_detail.domain_ownership"
        " where domain like '%invalid' and is_owner",
    )
    assert not query(
        warehouse,
        "select record_id from intermediate.int_people inner join marts.accounts"
        " using (account_id) where primary_domain = 'ivone.com' and record_id like '%IVL1%'",
    )


@case
def shared_anonymous_id(warehouse: Path) -> None:
    visits = [acts(warehouse, f"sa{n}nine.com", "pricing_page") for n in (1, 3)]
    assert visits == [0, 3]


# --- what sources say of themselves ---------------------------------------------------------------


@case
def auto_reply(warehouse: Path) -> None:
    assert is_silent(warehouse, "arone.net")
    assert is_silent(warehouse, "artwo.net")
    assert acts(warehouse, "arthree.net", "reply") == 1


@case
def bounce_then_new_address(warehouse: Path) -> None:
    assert contacts(warehouse, "bnone.com") == [1]
    present = (
        "select is_present from intermediate.int_people inner join marts.accounts"
        f" using (account_id) where primary_domain = 'bnone.com' and date '{LAST}' >= valid_from"
        f" and date '{LAST}' < valid_to"
    )
    assert query(warehouse, present) == [(True,)]


@case
def campaign_member_deleted(warehouse: Path) -> None:
    assert strength(warehouse, "cdone.com") == [0]
    assert strength(warehouse, "cdtwo.com")[0] > 0


@case
def campaign_member_gone(warehouse: Path) -> None:
    assert strength(warehouse, "cgone.com") == [0]
    assert strength(warehouse, "cgtwo.com")[0] > 0


@case
def hubspot_association_removed(warehouse: Path) -> None:
    taken_away = is_account(warehouse, "hcsix.com") and not open_deals(warehouse, "hcsix.com")
    assert taken_away or is_told(warehouse, "deal_company", "_fivetran_deleted")


@case
def hubspot_merged_deal(warehouse: Path) -> None:
    assert open_deals(warehouse, "hcone.com") == [120_000]
    assert open_deals(warehouse, "hcone.com", "2026-06-05") == [60_000, 60_000]


@case
def hubspot_stages(warehouse: Path) -> None:
    """Nothing to check by itself: the deals of the others lie in these stages."""
    assert not query(
        warehouse,
        "select item from marts_detail.review_items"
        " where item_type = 'unmapped_stage' and lower(item) = 'contractsent'",
    )


@case
def marketo_bot_clicks(warehouse: Path) -> None:
    told = is_told(warehouse, "activity_click_email", "is_bot_activity")
    assert strength(warehouse, "mkone.com") == [0] or told
    assert acts(warehouse, "mktwo.com", "click") == 1


@case
def marketo_unsubscribe_form(warehouse: Path) -> None:
    assert is_silent(warehouse, "mkfour.com")


@case
def task_due_ahead(warehouse: Path) -> None:
    first, second = strength(warehouse, "tkone.com", "tktwo.com")
    assert first == second > 0


# --- rows against each other, dates and amounts ---------------------------------------------------


@case
def bombora_metro_rows(warehouse: Path) -> None:
    points = of(warehouse, "account_signals", "intent_points", "bmone.com")
    alone = query(
        warehouse,
        "select max(composite_score) from raw_bombora.company_surge"
        " where domain = 'bmone.com' and _status = 'accepted'",
    )
    counts = points[0] > 0 and alone == [(91,)]
    assert counts or is_told(warehouse, "company_surge", "metro_area")


@case
def formula_without_stamp(warehouse: Path) -> None:
    territory = of(warehouse, "accounts", "territory", "ffone.com")
    told = is_told(warehouse, "formula-without-stamp", "conflicting") or is_told(warehouse, "FF1")
    assert territory == ["South"] or told


@case
def odd_contracts(warehouse: Path) -> None:
    names = [f"co{number}nine.com" for number in range(1, 8)]
    lifecycle = dict(zip(names, of(warehouse, "accounts", "lifecycle", *names), strict=True))
    put_aside = quarantined(warehouse, "odd-contracts")
    for number in (2, 5):
        assert lifecycle[f"co{number}nine.com"] == "prospect"
        assert is_told(warehouse, "odd-contracts", f"K{number}")
    assert lifecycle["co7nine.com"] == "prospect"
    assert any("1900-01-00" in reason or "starts_on" in reason for reason in put_aside)
    assert lifecycle["co3nine.com"] == "customer"
    assert lifecycle["co4nine.com"] == "customer"
    assert lifecycle["co1nine.com"] == "prospect" or is_told(warehouse, "odd-contracts", "K1")
    assert lifecycle["co6nine.com"] == "former_customer"


# --- the tests ------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", ["files", "lists", "rows"])
def test_every_row_has_one_fate(together: str, request: pytest.FixtureRequest) -> None:
    warehouse: Path = request.getfixturevalue(together)
    place = Place(warehouse.parent, warehouse.parent)
    assert faults(place, OF_ROWS) == {}


def test_every_case_has_its_check() -> None:
    assert sorted(CHECKS) == sorted(path.name for path in SHARED.iterdir() if path.is_dir())


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_case(name: str, request: pytest.FixtureRequest) -> None:
    together = "files" if name in FILES else "lists" if name in LISTS else "rows"
    CHECKS[name](request.getfixturevalue(together))
