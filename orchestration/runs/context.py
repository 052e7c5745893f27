"""What the assets of a run have in common: settings, the lock, the plan, the moment.

Dates come to a run as Dagster partitions. What a run computes from them is settled by its first
step and read by the later ones (score_store.plan_of_run).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import duckdb
from filelock import FileLock, Timeout

from orchestration.engine.warehouse import Warehouse, compact, connect
from orchestration.landing import el_schemas
from orchestration.landing import manifest as landing_manifest
from orchestration.landing.contract import Contract, load_contract
from orchestration.landing.discovery import discover
from orchestration.landing.fates import read_remedies
from orchestration.landing.mappings import load_mappings
from orchestration.landing.messages import Unread
from orchestration.landing.presence import Snapshots, read_snapshots
from orchestration.project import FEEDS_SEED, ROW_FATES_SEED, mapping_folders, project
from orchestration.rules.checks import faults_of_landing
from orchestration.rules.ruleset import project_vars, ruleset_version
from orchestration.runs import score_store
from orchestration.runs.circuit_breakers import Limits, Verdict, judge
from orchestration.runs.planning import ONE_DAY, History, Plan, PlanningError, plan_range
from orchestration.runs.publish import PublishError, first_published_day
from orchestration.settings import (
    FIRST_DAY,
    MODELS_DIR,
    Settings,
    SettingsError,
    as_umask_says,
    load_settings,
    parse_confirm,
    rules_dir,
)
from orchestration.stages import TIMES

# Dagster's names for the days of a run.
PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
# What a person has confirmed, for this run alone. Runs do not read it from the environment, or what
# the schedule and the sensor start would confirm all that comes as long as their process lives.
CONFIRM_TAG = "activation_gap/confirm"
# What EL tools have filled is collected already, or is not to be, as in a look back.
COLLECTED_TAG = "activation_gap/collected"


class BusyError(RuntimeError):
    """Another refresh of the same warehouse is running."""


@dataclass(frozen=True)
class Run:
    """A run and the days that were asked for."""

    run_id: str
    requested_start: date | None
    requested_end: date | None
    settings: Settings
    confirm: tuple[str, ...] = ()
    is_collected: bool = False

    @classmethod
    def of(cls, run_id: str, tags: Mapping[str, str]) -> Run:
        """The run with this id and these Dagster tags."""
        settings = load_settings()
        one_day = tags.get(PARTITION_TAG)
        first, last = tags.get(RANGE_START_TAG, one_day), tags.get(RANGE_END_TAG, one_day)
        return cls(
            run_id=run_id,
            requested_start=date.fromisoformat(first) if first else settings.start_date,
            requested_end=date.fromisoformat(last) if last else settings.end_date,
            settings=settings,
            confirm=parse_confirm(tags.get(CONFIRM_TAG, "")),
            is_collected=COLLECTED_TAG in tags,
        )

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    @cached_property
    def ruleset_version(self) -> str:
        return ruleset_version(project())

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        """The warehouse, with the lock that keeps other refreshes away."""
        with lock(self.settings), connect(self.settings.warehouse_path) as warehouse:
            yield warehouse

    def compact(self) -> str | None:
        """Makes the warehouse smaller where half of it is dead; gives what there is to say."""
        with lock(self.settings):
            try:
                sizes = compact(self.settings.warehouse_path)
            except duckdb.Error as error:
                return f"the warehouse stays as large as it is, half of it unused: {error}"
        if sizes is None:
            return None
        before, after = (f"{size / 1e9:.1f} GB" for size in sizes)
        return f"the warehouse was written anew: {after} in place of {before}"

    def judge(self, warehouse: Warehouse, names: Collection[str] | None = None) -> Verdict:
        """What circuit breakers, by default all, find in the deliveries of this run."""
        plan = self.plan(warehouse)
        return judge(
            warehouse,
            contract(),
            breaker_limits(),
            (plan.start, plan.end),
            run_id=self.run_id,
            now=self.now,
            confirm=self.confirm,
            names=names,
            left_out=sources_off(),
        )

    def plan(self, warehouse: Warehouse) -> Plan:
        """The days of this run."""
        last_day = None
        if self.requested_end is None:
            last_day = last_complete_day(self.settings, warehouse, self.now)
        return score_store.plan_of_run(
            warehouse,
            self.run_id,
            self.requested_start,
            self.requested_end,
            last_complete_day=last_day,
            now=self.now,
        )


@dataclass(frozen=True)
class Outlook:
    """What a run started now would compute, and on what ground."""

    plan: Plan
    history: History | None


def outlook(settings: Settings, now: datetime, end: date | None = None) -> Outlook:
    """The days that a run would compute for these settings, or up to `end`, if it started now.

    Settings and rules are those that `checks.ready` found sound. Raises PlanningError, and
    WarehouseBusyError while a refresh runs.
    """
    check_landing_dir(settings)
    if settings.warehouse_path.exists():
        with connect(settings.warehouse_path, read_only=True) as warehouse:
            history = score_store.read_history(warehouse)
            last_day = last_complete_day(settings, warehouse, now)
    else:
        history = None
        with connect(Path(":memory:")) as warehouse:
            last_day = last_complete_day(settings, warehouse, now)
    try:
        plan = plan_range(
            settings.start_date if end is None else None,
            settings.end_date if end is None else end,
            last_complete_day=last_day,
            history=history,
            today=now.date(),
        )
    except PlanningError as error:
        if last_day or history:
            raise
        ignored: list[str] = []
        discover(settings.landing_dir, contract(), ignored, now.replace(tzinfo=None))
        raise PlanningError("\n".join([str(error), *ignored])) from None
    return Outlook(plan, history)


def check_landing_dir(settings: Settings) -> None:
    """Raises PlanningError if there is no landing folder: a lost disk is no day without files.

    Where schemas are collected into it, it is made as long as nothing was ever published.
    """
    is_made = bool(raw_schemas()) and not settings.published_path.exists()
    if (faults := faults_of_landing(settings.landing_dir)) and not is_made:
        raise PlanningError(faults[0])


def collect(settings: Settings, now: datetime) -> el_schemas.Collected:
    """Brings what EL tools have filled (var raw_schemas) into the landing folder, as files.

    To be done before the days are planned, for those follow from the files, and while nobody has
    the warehouse open. On the first day the landing folder is made. Raises CollectError, BusyError
    and PlanningError.
    """
    schemas = raw_schemas()
    if not schemas:
        return el_schemas.Collected()
    with TIMES.stage("collect"), lock(settings):
        check_landing_dir(settings)
        try:
            settings.landing_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PlanningError(
                f"LANDING_DIR {settings.landing_dir}, into which the schemas of the var raw_schemas"
                f" are collected, cannot be made: {error.strerror}. Name another folder."
            ) from None
        return el_schemas.collect(
            schemas,
            settings.landing_dir,
            contract(),
            now,
            warehouse_path=settings.warehouse_path,
            snapshots=snapshots(),
            cutoff_hours=cutoff_hours(),
        )


def last_complete_day(settings: Settings, warehouse: Warehouse, now: datetime) -> date | None:
    """The last complete day of the landing files, None when nothing has landed."""
    return landing_manifest.last_complete_day(
        settings.landing_dir, warehouse, now, contract(), cutoff_hours=cutoff_hours()
    )


def first_day(settings: Settings) -> date:
    """The day with which the days of the UI begin: earlier ones would only be shown as missing.

    That is START_DATE, or the day before the first file where it is not set, for the schedule may
    ask for that; the first published day if it is earlier. FIRST_DAY where none of them is known.
    Each process of Dagster's asks for itself, so the answer does not hang on the clock, nor does
    it open the warehouse, which a run may be writing to.
    """
    days: list[date | None] = (
        [settings.start_date] if settings.start_date else _days_before(settings.landing_dir)
    )
    with suppress(PublishError):
        days.append(first_published_day(settings.published_path))
    return max(min((day for day in days if day), default=FIRST_DAY), FIRST_DAY)


def _days_before(landing_dir: Path) -> list[date | None]:
    now = datetime.now(UTC)
    files = discover(landing_dir, contract(), [], now.replace(tzinfo=None))
    return [
        (file.folder_day or datetime.fromtimestamp(file.written_ns / 1e9, UTC).date()) - ONE_DAY
        for file in files
    ]


def awaited(settings: Settings, day: date, now: datetime) -> list[str]:
    """Tables that deliver daily and have not delivered for the day.

    Those that are collected from schemas of EL tools come with the run itself, so nobody waits for
    them. Raises WarehouseBusyError while a refresh runs.
    """
    path = settings.warehouse_path
    is_there = path.exists()
    with connect(path if is_there else Path(":memory:"), read_only=is_there) as warehouse:
        return landing_manifest.awaited(
            settings.landing_dir,
            warehouse,
            day,
            now,
            contract(),
            cutoff_hours=cutoff_hours(),
            collected=[schema.name for schema in raw_schemas()],
        )


def contract() -> Contract:
    """The tables that may land, and the systems that land by a mapping.

    A mapping with a fault is left out; checks.ready tells it before anything runs.
    """
    return _contract(rules_dir(os.environ))


@cache
def _contract(rules: Path | None) -> Contract:
    tables = load_contract(MODELS_DIR).tables
    systems, _ = load_mappings(mapping_folders(rules), tables.values())
    return Contract(tables, systems)


def settle_seconds() -> float:
    """How long nothing must have been written to a file that is taken (var)."""
    return float(project_vars(project())["landing_settle_seconds"])


def cutoff_hours() -> int:
    """Hours that are taken off the moment a file was first seen (var delivery_cutoff_hours)."""
    return int(project_vars(project())["delivery_cutoff_hours"])


def raw_schemas() -> list[el_schemas.ElSchema]:
    """Schemas that EL tools fill (var raw_schemas)."""
    return el_schemas.read_setting(project_vars(project())["raw_schemas"])


def sources_off() -> tuple[str, ...]:
    """Sources that are switched off (var sources_off)."""
    return tuple(project_vars(project()).get("sources_off") or ())


def snapshots() -> Snapshots:
    """The tables that land as full lists (seeds/landing/feeds.csv, var snapshot_min_share)."""
    return read_snapshots(
        project() / FEEDS_SEED, float(project_vars(project())["snapshot_min_share"])
    )


def remedies() -> dict[str, str]:
    """What to do about each cause of the quarantine (seeds/landing/row_fates.csv)."""
    return read_remedies(project() / ROW_FATES_SEED)


def breaker_limits() -> Limits:
    """From where on a table breaks with its own past (vars)."""
    values = project_vars(project())
    return Limits(
        min_rows=int(values["breaker_min_rows"]),
        past_deliveries=int(values["breaker_past_deliveries"]),
        full_min_share=float(values["full_column_min_share"]),
        empty_max_share=float(values["empty_column_max_share"]),
        part_min_share=float(values["part_column_min_share"]),
        part_min_deliveries=int(values["part_column_min_deliveries"]),
        meet_min_share=float(values["fewer_meet_min_share"]),
        meet_min_rows=int(values["fewer_meet_min_rows"]),
        deletion_max_share=float(values["mass_deletion_max_share"]),
    )


def flag_words() -> tuple[str, ...]:
    """Words by which a column outside the contract looks like a mark (var flag_words)."""
    return tuple(project_vars(project())["flag_words"])


def unread_tables(
    manifest: Mapping[str, Any], of_contract: Contract
) -> dict[tuple[str, str], Unread]:
    """Tables of which not all counts.

    Models above staging read the kinds of facts that the var `sources` names, so what it does not
    name is taken in, and read by nobody.
    """
    children: Mapping[str, list[str]] = manifest["child_map"]

    def models_after(unique_id: str) -> list[str]:
        return [child for child in children.get(unique_id, ()) if child.startswith("model.")]

    unread = {}
    for unique_id, source in manifest["sources"].items():
        key = source["source_name"], source["name"]
        staging = models_after(unique_id)
        idle = [model for model in staging if not models_after(model)]
        if key in of_contract.tables and (idle or not staging):
            names = tuple(manifest["nodes"][model]["name"] for model in idle)
            unread[key] = Unread(names, is_whole=len(idle) == len(staging))
    return unread


@contextmanager
def lock(settings: Settings) -> Iterator[None]:
    """Keeps other refreshes of this warehouse away; within one process it may be taken again.

    Raises BusyError at once when another process has it, and SettingsError where there can be none.
    The system frees it when a process dies.
    """
    path = settings.lock_path
    try:
        with as_umask_says():
            path.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(path, timeout=0, is_singleton=True).acquire()
    except Timeout:
        # A lock that is held is there. Where no file can be made, the wait for it ends alike.
        if not path.exists():
            raise SettingsError(_without_lock(settings, errno.ENOENT)) from None
        raise BusyError(
            f"Another refresh of {settings.warehouse_path} is running. Wait until it is done and"
            " start again, or give this one a WAREHOUSE_PATH and PUBLISHED_DIR of its own."
        ) from None
    except OSError as error:
        raise SettingsError(_without_lock(settings, error.errno or 0)) from None
    with held:
        yield


def _without_lock(settings: Settings, why: int) -> str:
    remedy = {
        errno.EACCES: "Change its rights (chmod, chown), or name another",
        errno.EPERM: "Change its rights (chmod, chown), or name another",
        errno.EISDIR: "Move that folder away, or name another",
        errno.ELOOP: "Take that link away, or name another",
        errno.ENOSPC: "Make room on the disk, or name another",
    }.get(why, "Name a file in a folder that can be written to")
    return (
        f"WAREHOUSE_PATH is {settings.warehouse_path}, and {settings.lock_path}, which every"
        f" refresh writes to, cannot be opened: {os.strerror(why)}. {remedy}."
    )


def dbt_environment(plan: Plan, version: str) -> dict[str, str]:
    """What dbt reads of a run."""
    return {**plan.as_environment(), "RULESET_VERSION": version}
