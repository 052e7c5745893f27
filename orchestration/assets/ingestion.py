"""Raw tables as assets: one step takes all landing files, each raw table is an asset.

Raw tables are append-only and hold all days, so they are not partitioned. The work is done by
`orchestration.landing.ingest`.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from orchestration.assets.dbt import MANIFEST, TRANSLATOR
from orchestration.engine.warehouse import Warehouse, WarehouseBusyError
from orchestration.landing.el_schemas import CollectError
from orchestration.landing.ingest import LoadError, ingest
from orchestration.landing.manifest import read_live_since
from orchestration.landing.messages import missing_universe
from orchestration.project import FEEDS_SEED, LIVE_SINCE_SEED, project
from orchestration.rules.checks import CheckError, ready
from orchestration.runs.circuit_breakers import BEFORE_THE_MODELS, StoppedError
from orchestration.runs.context import (
    BusyError,
    Run,
    check_landing_dir,
    collect,
    contract,
    cutoff_hours,
    flag_words,
    remedies,
    settle_seconds,
    snapshots,
    sources_off,
    unread_tables,
)
from orchestration.runs.planning import PlanningError
from orchestration.runs.records import run_of
from orchestration.settings import SettingsError
from orchestration.stages import TIMES, say

FRESHNESS = "is_fresh"
SAID: set[tuple[str, str]] = set()  # run and problem

# Faults that a second try does not mend.
NO_RETRY = (
    SettingsError,
    PlanningError,
    CheckError,
    CollectError,
    BusyError,
    WarehouseBusyError,
)


def raw_specs(manifest: Mapping[str, Any]) -> list[dg.AssetSpec]:
    """An asset for every dbt source table that ingestion fills: all but the scores."""
    return [
        dg.AssetSpec(
            TRANSLATOR.get_asset_key(source),
            description=source["description"],
            group_name="landing",
            kinds={"duckdb"},
        )
        for source in manifest["sources"].values()
        if source["source_name"] != "scores"
    ]


SPECS = raw_specs(MANIFEST)


@dg.multi_asset(
    name="ingestion",
    specs=SPECS,
    check_specs=[
        dg.AssetCheckSpec(
            FRESHNESS,
            asset=[source, table],
            description="Delivered within freshness_days (feeds.csv). Warns only:"
            " what a stale feed means for the marts is the models' business.",
        )
        for source, table in contract().tables
    ],
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL),
)
def ingestion(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Takes the landing files of the run's days into the raw tables."""
    run = run_of(context)
    unread = unread_tables(MANIFEST, contract())
    try:
        ready()
        if not run.is_collected:
            _say(run, collect(run.settings, run.now).problems)
        check_landing_dir(run.settings)
        with TIMES.stage("ingest"), run.warehouse() as warehouse:
            plan = run.plan(warehouse)
            report = ingest(
                warehouse,
                run.settings.landing_dir,
                plan.end,
                run.now,
                contract(),
                cutoff_hours=cutoff_hours(),
                live_since=read_live_since(project() / LIVE_SINCE_SEED),
                snapshots=snapshots(),
                sources_off=sources_off(),
                unread=unread,
                flag_words=flag_words(),
                settle_seconds=settle_seconds(),
                remedies=remedies(),
            )
            delivered = last_deliveries(warehouse, plan.end)
            nothing = missing_universe(
                warehouse,
                contract(),
                sources_off=sources_off(),
                unread=unread,
            )
            verdict = run.judge(warehouse, BEFORE_THE_MODELS)
    except NO_RETRY as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    except LoadError as error:
        # The failure is told by the words of its cause alone, so all else is said before.
        _say(run, error.problems)
        raise
    _say(run, report.problems)
    if nothing:
        # Models and scores would run for a minute to find that there is nobody to compute.
        raise dg.Failure(nothing, allow_retries=False)
    try:
        verdict.heed()
    except StoppedError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    for spec in SPECS:
        counts = report.tables.get((spec.key.path[0], spec.key.path[-1]))
        yield dg.MaterializeResult(
            asset_key=spec.key, metadata=dict(vars(counts)) if counts else None
        )
    limits = freshness_days()
    for owner in contract().tables:
        yield freshness(owner, delivered.get(owner), plan.end, limits.get(owner))


def _say(run: Run, problems: Sequence[str]) -> None:
    """Says what an earlier try of the run has not said."""
    for problem in problems:
        if (run.run_id, problem) not in SAID:
            SAID.add((run.run_id, problem))
            say(f"  note: {problem}")


def freshness_days() -> dict[tuple[str, str], int]:
    """Days without a delivery after which a table is stale; none for retired or unlisted ones."""
    feeds = project() / FEEDS_SEED
    if not feeds.exists():
        return {}
    with feeds.open(newline="", encoding="utf-8-sig") as handle:
        return {
            (row["source"], row["table_name"]): int(row["freshness_days"])
            for row in csv.DictReader(handle)
            if row["freshness_days"] and not row.get("retired_on")
        }


def last_deliveries(warehouse: Warehouse, end: date) -> dict[tuple[str, str], date]:
    """The last day up to `end` on which each table brought a new row, or an empty file."""
    rows = warehouse.rows(
        "select source, table_name, max(delivery_day) from raw_landing.files"
        " where status = 'loaded' and (delivered = 0 or duplicate < delivered)"
        " and delivery_day <= ? group by source, table_name",
        [end],
    )
    return {(source, table): day for source, table, day in rows}


def freshness(
    owner: tuple[str, str], last_day: date | None, end: date, limit: int | None
) -> dg.AssetCheckResult:
    """Whether the table was delivered within its limit; a table that never landed is not late."""
    age = (end - last_day).days if last_day else None
    return dg.AssetCheckResult(
        asset_key=list(owner),
        check_name=FRESHNESS,
        passed=age is None or limit is None or age <= limit,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "last_delivery": last_day.isoformat() if last_day else "never landed",
            "days_ago": age if age is not None else "",
            "freshness_days": limit if limit is not None else "no limit",
        },
    )
