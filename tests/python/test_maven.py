"""The job on a real CRM export, which has no contacts, no intent feed and no web data.

The export (Maven Analytics, "CRM sales opportunities") lies beside the project; without it this is
skipped.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median

import pytest
from marts import one, query, tables
from runner import PROJECT_DIR, Place, Runs, faults

from orchestration.runs.publish import open_published

SHARED = PROJECT_DIR.parent / "shared"
TOOL = SHARED / "tools" / "landing_from_maven.py"
EXPORT = SHARED / "data" / "maven_crm"
FIRST, LAST = "2017-01-01", "2017-12-31"
DAYS = 365

pytestmark = pytest.mark.skipif(
    not (TOOL.exists() and EXPORT.exists()),
    reason=f"needs the Maven CRM export ({EXPORT.name}) and its converter in ../shared",
)

ACCOUNT_MARTS = ("accounts", "account_fit", "account_signals", "account_coverage")
ACCOUNT_MARTS += ("account_activation",)

# The public contract of the marts: columns that must be there.
REQUIRED = {
    "accounts": "account_id as_of_date account_name primary_domain crm_account_id is_target"
    " target_tier lifecycle industry employees revenue_usd country region territory owner_id"
    " owner_name node_type parent_account_id ultimate_parent_id hierarchy_depth",
    "account_fit": "account_id as_of_date fit_score fit_tier fits_icp is_fit_assumed"
    " fit_completeness_share scorecard_score learned_score fit_method ruleset_version",
    "account_fit_contributions": "account_id as_of_date criterion is_known is_match points",
    "account_signals": "account_id as_of_date strength_score signal_level intent_points"
    " engagement_points surging_topics engaged_people signal_channels last_buying_signal_date"
    " is_spiking is_observable observable_channels last_signal_date stale_feeds",
    "account_signal_contributions": "account_id as_of_date signal_type source points",
    "account_coverage": "account_id as_of_date coverage_share reached_coverage_share"
    " engaged_coverage_share coverage_level contacts expected_valid_contacts required_personas"
    " covered_personas is_single_threaded",
    "account_persona_coverage": "account_id as_of_date persona decision_role required_people"
    " expected_people reached_people engaged_people covered_share is_whitespace",
    "account_activation": "account_id as_of_date state state_since previous_state"
    " is_downgrade_paused paused_by has_committed_motion has_timing_conflict primary_driver why",
    "account_activation_history": "account_id state previous_state valid_from valid_to reason"
    " ruleset_version",
    "account_gap_drivers": "account_id as_of_date driver cause share is_primary is_sole_blocker",
    "activation_gap": "as_of_date segment_type segment_value target_accounts icp_accounts"
    " icp_assumed_accounts activated_accounts activated_icp_accounts target_gap icp_gap gap_rate"
    " not_in_market_share touched_gap_accounts",
    "activation_gap_drivers": "as_of_date segment_type segment_value driver attributed_accounts"
    " primary_accounts sole_blocker_accounts",
    "account_snapshots": "as_of_date account_id state strength_score reached_coverage_share"
    " fit_tier lifecycle primary_driver",
    "data_health": "source table_name last_delivery_date is_stale delivered accepted duplicate"
    " conflicting quarantined features_off",
}
SEGMENT_TYPES = {
    "all",
    "lifecycle",
    "fit_tier",
    "target_tier",
    "industry",
    "region",
    "owner",
    "employee_band",
}


@pytest.fixture(scope="module")
def refreshed_year(runs: Runs, template: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The year refreshed from the export and published; dbt's part is said from what it said."""
    folder = tmp_path_factory.mktemp("maven")
    command = [sys.executable, str(TOOL), str(EXPORT), str(folder / "landing")]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "8800 opportunities in 15511 versions" in said
    place = template.copy(folder / "place", folder / "landing")
    result = runs.refresh(place, start=FIRST, end=LAST, with_dbt=False).check()
    first, second, third, *_ = result.out[result.out.index("Unknown: ") :].splitlines()
    assert first.startswith(
        "Unknown: who sits in the buying committee of 85 of 85 targets (no contacts with job titles"
        " delivered for 85)."
    )
    assert second.startswith("Unknown: which accounts you target (no target list delivered).")
    assert third.startswith("Unknown: who researches your topics elsewhere (no intent source")
    assert f"Activation gap on {LAST}" in result.out.split(third)[1]
    return place


@pytest.fixture(scope="module")
def maven(refreshed_year: Place) -> Path:
    """The published marts of the year."""
    return refreshed_year.published


def test_every_check_passes(refreshed_year: Place) -> None:
    assert faults(refreshed_year) == {}


def test_the_published_file_holds_every_mart_with_its_columns(maven: Path) -> None:
    with open_published(maven) as connection:
        for mart, columns in REQUIRED.items():
            there = {row[0] for row in connection.execute(f"describe {mart}").fetchall()}
            assert set(columns.split()) <= there, mart


def test_the_published_file_holds_nothing_but_marts(maven: Path) -> None:
    schemas = query(
        maven,
        "select distinct table_schema from information_schema.tables where table_catalog = 'db'"
        " order by 1",
    )
    assert schemas == [("marts",), ("marts_detail",)]
    assert {f"marts.{mart}" for mart in REQUIRED} <= {*tables(maven)}


@pytest.mark.parametrize("mart", ACCOUNT_MARTS)
def test_every_account_mart_has_the_85_accounts_on_the_last_day(maven: Path, mart: str) -> None:
    counted = query(
        maven,
        "select count(*), count(distinct account_id), min(as_of_date)::varchar,"
        f" max(as_of_date)::varchar from {mart}",
    )
    assert counted == [(85, 85, LAST, LAST)]


@pytest.mark.parametrize(
    "mart", ["account_fit_contributions", "account_persona_coverage", "account_activation_history"]
)
def test_no_account_is_missing_where_there_are_several_rows_for_each(
    maven: Path, mart: str
) -> None:
    assert one(maven, f"select count(distinct account_id) from {mart}") == 85


def test_there_is_a_snapshot_of_every_account_for_every_month(maven: Path) -> None:
    ends = query(
        maven,
        "select as_of_date = last_day(as_of_date), count(*) from marts.account_snapshots"
        " group by as_of_date",
    )
    assert ends == [(True, 85)] * 12


def test_opportunities_reconcile(maven: Path) -> None:
    """8,800 opportunities in 15,511 versions: nothing lost, nothing counted twice."""
    (row,) = query(
        maven,
        "select delivered, accepted, duplicate, conflicting, quarantined, files, unreadable_files"
        " from marts.data_health where table_name = 'opportunity'",
    )
    assert row == (15_511, 15_511, 0, 0, 0, 1, 0)


def test_every_table_reconciles(maven: Path) -> None:
    landed = query(
        maven,
        "select table_name, delivered from marts.data_health"
        " where delivered = accepted + duplicate + conflicting + quarantined and delivered > 0",
    )
    assert dict(landed) == {
        "account": 85,
        "user": 35,
        "opportunity": 15_511,
        "opportunity_field_history": 6_711,
    }
    assert not query(
        maven,
        "select table_name from marts.data_health"
        " where delivered != accepted + duplicate + conflicting + quarantined",
    )


def test_opportunities_stand_under_their_accounts(maven: Path) -> None:
    """Deals won in the last 24 months make a customer; every account of the export has some."""
    assert query(maven, "select lifecycle, count(*) from marts.accounts group by 1") == [
        ("customer", 85)
    ]


def test_subsidiaries_stand_under_their_parents(maven: Path) -> None:
    children = query(
        maven,
        "select accounts.account_name, parents.account_name, accounts.node_type,"
        " accounts.hierarchy_depth, accounts.ultimate_parent_id = parents.account_id"
        " from marts.accounts"
        " inner join marts.accounts as parents on accounts.parent_account_id = parents.account_id",
    )
    with (EXPORT / "accounts.csv").open(newline="") as handle:
        said = {
            (row["account"], row["subsidiary_of"])
            for row in csv.DictReader(handle)
            if row["subsidiary_of"]
        }
    assert len(said) == 15
    assert {(child, parent) for child, parent, *_ in children} == said
    assert {row[2:] for row in children} == {("subsidiary", 1, True)}
    assert (
        one(
            maven,
            "select count(*) from marts.accounts"
            " where parent_account_id is null and node_type = 'company' and hierarchy_depth = 0"
            " and ultimate_parent_id = account_id",
        )
        == 70
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("contact", "coverage"),
        ("company_surge", "intent"),
        ("pages", "web"),
        ("target_accounts", "target"),
    ],
)
def test_what_never_landed_is_named_with_what_is_off(maven: Path, table: str, said: str) -> None:
    ((features_off, is_stale, delivered),) = query(
        maven,
        "select features_off, is_stale, delivered from marts.data_health"
        f" where table_name = '{table}' and source != 'hubspot'",
    )
    assert said in features_off.lower()
    assert not is_stale
    assert delivered == 0


def test_a_feed_without_new_files_is_stale_and_no_error(maven: Path) -> None:
    """The export landed once, without a day: it is as fresh as the day on which it was found."""
    stale = query(maven, "select distinct is_stale from marts.data_health where delivered > 0")
    assert stale == [(False,)]


def test_what_cannot_be_seen_is_no_signal_and_not_low_intent(maven: Path) -> None:
    """Without contacts and feeds no fitting account is observable."""
    drivers = query(
        maven,
        "select driver, cause, share, count(*) from marts.account_gap_drivers"
        " inner join marts.account_fit using (account_id) where fits_icp group by all order by 1",
    )
    gap = one(
        maven,
        f"select icp_gap from marts.activation_gap where segment_type = 'all'"
        f" and as_of_date = '{LAST}'",
    )
    assert gap > 0
    assert drivers == [("no_signal_detected", "no_intent_source", 1.0, gap)]
    assert query(
        maven, "select distinct is_observable, signal_level from marts.account_signals"
    ) == [(False, "none")]
    assert query(
        maven,
        "select distinct coverage_level, coverage_unknown_reason, coverage_share, contacts"
        " from marts.account_coverage",
    ) == [("unknown", "no_contacts_with_titles", None, 0)]


def test_drivers_sum_to_the_gap_on_every_day_and_segment(maven: Path) -> None:
    sums = """
        select gap.as_of_date, segment_type, segment_value, target_gap, icp_gap,
            sum(attributed_accounts) as attributed, sum(primary_accounts) as primaries,
            sum(attributed_accounts) filter (driver = 'poor_fit') as poor_fit, count(*) as drivers
        from marts.activation_gap as gap
        left join marts.activation_gap_drivers using (as_of_date, segment_type, segment_value)
        group by all
    """
    assert one(maven, f"select count(distinct as_of_date) from ({sums})") == DAYS
    assert {row[0] for row in query(maven, f"select distinct segment_type from ({sums})")} == (
        SEGMENT_TYPES
    )
    wrong = query(
        maven,
        f"select * from ({sums}) where attributed is distinct from target_gap"
        " or primaries is distinct from target_gap"
        " or poor_fit is distinct from target_gap - icp_gap or drivers != 5",
    )
    assert not wrong
    # Each kind of segment splits the whole.
    assert not query(
        maven,
        "select as_of_date, segment_type from marts.activation_gap group by all"
        " having sum(target_accounts) != 85",
    )


def test_a_stage_that_nobody_mapped_is_listed_and_commits_nobody(maven: Path) -> None:
    """Every opportunity, with an account or without, was in Engaging unless it never got there."""
    with (EXPORT / "sales_pipeline.csv").open(newline="") as handle:
        stages = [row["deal_stage"] for row in csv.DictReader(handle)]
    engaging = len(stages) - stages.count("Prospecting")
    assert engaging > 8_000
    assert query(
        maven,
        "select item, occurrences from marts_detail.review_items"
        " where item_type = 'unmapped_stage'",
    ) == [("Engaging", engaging)]
    assert query(
        maven, "select distinct has_committed_motion, state from marts.account_activation"
    ) == [(False, "cold")]


# --- the pipeline, against the export itself -----------------------------------------------------


@dataclass
class Deals:
    """Deals of a group: won, lost, what was won in cents, days from engagement to the win."""

    won: int = 0
    lost: int = 0
    cents: int = 0
    cycle_days: int = 0

    def add(self, deal: dict[str, str]) -> None:
        if deal["deal_stage"] == "Won":
            ended, engaged = (date.fromisoformat(deal[n]) for n in ("close_date", "engage_date"))
            self.won += 1
            self.cents += round(100 * float(deal["close_value"]))
            self.cycle_days += (ended - engaged).days
        elif deal["deal_stage"] == "Lost":
            self.lost += 1

    def as_row(self) -> tuple[int, int, int, float | None, float | None]:
        ended = self.won + self.lost
        return (
            *(self.won, self.lost, self.cents),
            round(self.won / ended, 9) if ended else None,
            round(self.cycle_days / self.won, 9) if self.won else None,
        )


def rows_of(name: str) -> list[dict[str, str]]:
    with (EXPORT / f"{name}.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


SECTORS = {row["account"]: row["sector"] for row in rows_of("accounts")} if EXPORT.exists() else {}
PARENTS = (
    {row["account"]: row["subsidiary_of"] or row["account"] for row in rows_of("accounts")}
    if EXPORT.exists()
    else {}
)
# By what deals are grouped: of the export's row, and as a column of the marts.
GROUPS: dict[str, tuple[Callable[[dict[str, str]], str], str]] = {
    "all": (lambda deal: "all", "'all'"),
    "month": (lambda deal: deal["close_date"][:7], "strftime(closed_on, '%Y-%m')"),
    "agent": (lambda deal: deal["sales_agent"], "deal_owner_name"),
    "product": (lambda deal: deal["product"], "deal_name"),
    "sector": (lambda deal: SECTORS.get(deal["account"], ""), "accounts.industry_as_delivered"),
    "parent": (lambda deal: PARENTS.get(deal["account"], ""), "parents.account_name"),
    "account": (lambda deal: deal["account"], "pipeline.account_name"),
}


@pytest.mark.parametrize("group", GROUPS)
def test_win_rate_value_and_cycle_are_those_of_the_export_to_the_cent(
    maven: Path, group: str
) -> None:
    of_row, column = GROUPS[group]
    said: dict[str, Deals] = defaultdict(Deals)
    for deal in rows_of("sales_pipeline"):
        said[of_row(deal)].add(deal)
    ended = {name: deals.as_row() for name, deals in said.items() if deals.won + deals.lost}
    found = query(
        maven,
        f"select coalesce({column}, ''), count(*) filter (outcome = 'won'),"
        " count(*) filter (outcome = 'lost'),"
        " sum(cast(round(100 * amount_usd) as bigint)) filter (outcome = 'won'),"
        " count(*) filter (outcome = 'won') / count(*), avg(cycle_days)"
        " from marts.pipeline"
        " left join marts.accounts on pipeline.account_id = accounts.account_id"
        " left join marts.accounts as parents on accounts.ultimate_parent_id = parents.account_id"
        " where outcome != 'open' group by 1",
    )
    assert len(found) == len(ended)
    assert {
        name: (won, lost, cents or 0, round(share, 9), None if days is None else round(days, 9))
        for name, won, lost, cents, share, days in found
    } == ended


def test_the_months_are_those_of_the_export(maven: Path) -> None:
    """Won, lost and cycle by month; what was open at each month's end; and what was created."""
    deals = rows_of("sales_pipeline")
    columns = "strftime(month_start_date, '%Y-%m'), created_deals, won_deals, lost_deals"
    columns += ", open_deals, open_without_amount, cast(round(100 * won_usd) as bigint)"
    found = query(
        maven,
        f"select {columns} from marts_detail.pipeline_months where segment_type = 'all'"
        " and stage = 'all' and account_group = 'all' order by 1",
    )
    # A deal without an engagement is created on the last day, as the converter says.
    created = [deal["engage_date"] or LAST for deal in deals]
    expected = []
    for name in sorted({day[:7] for day in created}):
        group = Deals()
        for deal in deals:
            if deal["close_date"][:7] == name:
                group.add(deal)
        still_open = sum(
            day[:7] <= name and not (deal["close_date"] and deal["close_date"][:7] <= name)
            for deal, day in zip(deals, created, strict=True)
        )
        started = sum(day[:7] == name for day in created)
        # The export has no amounts of open deals.
        ends = (still_open, still_open, group.cents)
        expected.append((name, started, group.won, group.lost, *ends))
    assert len(expected) == 15
    assert found == expected


def test_deals_without_an_account_are_open_pipeline_of_none(maven: Path) -> None:
    without = sum(not deal["account"] for deal in rows_of("sales_pipeline"))
    assert without > 1_000
    assert query(
        maven,
        "select no_account_reason, outcome, count(*) from marts.pipeline"
        " where account_id is null group by all",
    ) == [("no account", "open", without)]


def test_any_day_of_the_history_has_the_deals_of_the_day(maven: Path) -> None:
    day = "2017-06-15"
    deals = rows_of("sales_pipeline")
    expected = sum(
        bool(deal["engage_date"])
        and deal["engage_date"] <= day
        and not (deal["close_date"] and deal["close_date"] <= day)
        for deal in deals
    )
    at_the_day = f"valid_from <= date '{day}' and (valid_to is null or valid_to > date '{day}')"
    assert (
        one(
            maven,
            f"select count(*) from marts_detail.pipeline_history"
            f" where {at_the_day} and outcome = 'open'",
        )
        == expected
    )


def test_norms_are_the_medians_of_won_deals(maven: Path) -> None:
    """Won deals were in Engaging from creation to end; of Prospecting nothing is known."""
    days = [
        (date.fromisoformat(deal["close_date"]) - date.fromisoformat(deal["engage_date"])).days
        for deal in rows_of("sales_pipeline")
        if deal["deal_stage"] == "Won"
    ]
    found = query(
        maven,
        "select distinct stage_name, stage_norm_days, cycle_norm_days, stage_norm_unknown_reason"
        " from marts.pipeline where outcome = 'open' order by 1",
    )
    norm = float(median(days))
    none = "0 won deals have a known time in this stage, 10 are needed"
    assert found == [("Engaging", norm, norm, None), ("Prospecting", None, norm, none)]


def test_velocity_is_its_formula(maven: Path) -> None:
    """Open deals at the month's end; the rest of the last three months."""
    group, still_open = Deals(), 0
    for deal in rows_of("sales_pipeline"):
        if "2017-07" <= deal["close_date"][:7] <= "2017-09":
            group.add(deal)
        still_open += bool(deal["engage_date"]) and (
            deal["engage_date"] <= "2017-09-30"
            and not (deal["close_date"] and deal["close_date"] <= "2017-09-30")
        )
    win_share = group.won / (group.won + group.lost)
    value, cycle = group.cents / 100 / group.won, group.cycle_days / group.won
    assert one(
        maven,
        "select velocity_usd_a_day from marts_detail.pipeline_months where segment_type = 'all'"
        " and stage = 'all' and account_group = 'all' and month_start_date = date '2017-09-01'",
    ) == pytest.approx(still_open * win_share * value / cycle, abs=0.006)
