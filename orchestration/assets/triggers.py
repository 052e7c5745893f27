"""The job, and what starts it: a daily schedule and a sensor on new landing files.

Both ask for the days that are missing up to the day they are about, so a day on which nothing ran
is caught up on by itself. Both are off until someone turns them on.
"""

import os
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from orchestration.assets.partitions import DAYS
from orchestration.engine.warehouse import WarehouseBusyError
from orchestration.project import project
from orchestration.rules.checks import CheckError, check_rules
from orchestration.runs.context import (
    RANGE_END_TAG,
    RANGE_START_TAG,
    awaited,
    outlook,
    settle_seconds,
)
from orchestration.runs.planning import PlanningError
from orchestration.runs.records import end_dead_runs
from orchestration.settings import Settings, load_settings
from orchestration.terminal import printable

# What a run was started for: a day, or landing files.
ABOUT_TAG = "activation_gap/about"
WITHOUT_TAG = "activation_gap/without_files_of"
# What fails three times in three hours wants a person; a full disk or a busy warehouse does not.
TRIES = 3
RETRY_SECONDS = 3_600
# With a capital letter, for that comes before the `_` of the job that Dagster makes of all assets
# by itself. The UI launches assets by the first job that has them all. By this one, all assets and
# a range of days are one run; by Dagster's they are refused, for not every asset has days.
JOB = "Refresh"

refresh = dg.define_asset_job(
    JOB,
    selection=dg.AssetSelection.all(),
    description="From landing files to published marts, for the days of the partition range.",
)


@dg.schedule(
    job=refresh,
    cron_schedule="0 13-23 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Yesterday, as soon as its files have come: looked for each hour from 13:00 UTC, an"
    " hour after its delivery day ended. From the hour WAIT_UNTIL on it goes ahead without them. A"
    " run that failed is tried again the next hour, three times in all.",
)
def daily_refresh(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Yesterday, and the days before it that are missing."""
    now = context.scheduled_execution_time.astimezone(UTC)
    yesterday, settings = now.date() - timedelta(days=1), load_settings()
    failed = _failed_before(context.instance, yesterday.isoformat())
    if isinstance(failed, dg.SkipReason):
        return failed
    without: list[str] = []
    if not failed:
        try:
            without = awaited(settings, yesterday, now)
        except WarehouseBusyError as error:
            return dg.SkipReason(str(error))
        if without and now.hour < settings.wait_until:
            return dg.SkipReason(
                f"Waiting until {settings.wait_until}:00 UTC for the files of {yesterday}:"
                f" {', '.join(without)}."
            )
    request = _request(settings, yesterday, yesterday.isoformat(), len(failed))
    if without and isinstance(request, dg.RunRequest):
        context.log.warning(
            printable(f"Goes ahead without files of {yesterday}: {', '.join(without)}.")
        )
        request = request.with_replaced_attrs(
            tags={**request.tags, WITHOUT_TAG: ", ".join(without)}
        )
    return request


@dg.sensor(
    job=refresh,
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Runs when landing files have been added, up to the last complete day.",
)
def landing_files(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """The cursor is how many files there were and when the newest was written."""
    settings = load_settings()
    seen = landing_fingerprint(settings)
    if seen is None:
        return dg.SkipReason("Landing files are still being written.")
    failed = _failed_before(context.instance, seen) if seen == context.cursor else []
    if isinstance(failed, dg.SkipReason):
        return failed
    if seen == context.cursor and not failed:
        return dg.SkipReason("No new landing files.")
    if failed and datetime.now(UTC).timestamp() < max(failed) + RETRY_SECONDS:
        return dg.SkipReason("The last run failed; it is tried again an hour after it.")
    request = _request(settings, None, seen, len(failed))
    if isinstance(request, dg.SkipReason):
        return request
    return dg.SensorResult(run_requests=[request], cursor=seen)


def landing_fingerprint(settings: Settings, now: datetime | None = None) -> str | None:
    """Changes when a landing file is added; None while the newest may still be written to.

    Hidden files and folders count as little as for a refresh: tools copy into them first.
    """
    times = []
    for folder, folders, names in os.walk(settings.landing_dir):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        for name in names:
            if not name.startswith((".", "_")):
                with suppress(OSError):  # it may be gone by now
                    times.append(os.stat(os.path.join(folder, name)).st_mtime_ns)
    newest = max(times, default=0)
    age = (now or datetime.now(UTC)).timestamp() - newest / 1e9
    if 0 <= age < settle_seconds():
        return None
    return f"{len(times)} files, newest {newest}"


def _failed_before(instance: dg.DagsterInstance, about: str) -> list[float] | dg.SkipReason:
    """When each failed run about the same files or day ended, or why there is to be no other."""
    end_dead_runs(instance, datetime.now(UTC))
    records = instance.get_run_records(dg.RunsFilter(job_name=JOB, tags={ABOUT_TAG: about}))
    if any(not record.dagster_run.is_finished for record in records):
        return dg.SkipReason("A run is under way.")
    if any(record.dagster_run.is_success for record in records):
        return dg.SkipReason("It is refreshed already.")
    if len(records) >= TRIES:
        return dg.SkipReason(
            f"{TRIES} runs have failed. Mend what the last of them names, and start a run by hand."
        )
    return [_ended_at(record) for record in records]


def _ended_at(record: dg.RunRecord) -> float:
    return record.end_time or record.update_timestamp.timestamp()


def _request(
    settings: Settings, end: date | None, about: str, tries: int
) -> dg.RunRequest | dg.SkipReason:
    try:
        check_rules(project())
        plan = outlook(settings, datetime.now(UTC), end).plan
    except (CheckError, PlanningError, WarehouseBusyError) as error:
        return dg.SkipReason(str(error))
    # What a stopped run left before the first of Dagster's days, the run itself adds to its plan.
    first = max(plan.start, DAYS.start.date())
    return dg.RunRequest(
        run_key=f"{about}, try {tries + 1}",
        tags={
            RANGE_START_TAG: first.isoformat(),
            RANGE_END_TAG: plan.end.isoformat(),
            ABOUT_TAG: about,
        },
    )
