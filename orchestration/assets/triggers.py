"""The job, and what starts it: a daily schedule and a sensor on new landing files.

Both ask for the days that are missing up to the day they are about, so a day on which nothing ran
is caught up on by itself. Both are off until someone turns them on.
"""

import os
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from orchestration.checks import CheckError, check_rules
from orchestration.planning import PlanningError
from orchestration.run_context import RANGE_END_TAG, RANGE_START_TAG, outlook, settle_seconds
from orchestration.settings import PROJECT_DIR, Settings, load_settings
from orchestration.warehouse import WarehouseBusyError

refresh = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.all(),
    description="From landing files to published marts, for the days of the partition range.",
)


@dg.schedule(
    job=refresh,
    cron_schedule="0 13 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Each day at 13:00 UTC, an hour after yesterday's delivery day ended.",
)
def daily_refresh(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Yesterday, and the days before it that are missing."""
    yesterday = context.scheduled_execution_time.astimezone(UTC).date() - timedelta(days=1)
    return _request(load_settings(), yesterday, run_key=yesterday.isoformat())


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
    if seen == context.cursor:
        return dg.SkipReason("No new landing files.")
    request = _request(settings, None, run_key=seen)
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


def _request(settings: Settings, end: date | None, run_key: str) -> dg.RunRequest | dg.SkipReason:
    try:
        check_rules(PROJECT_DIR)
        plan = outlook(settings, datetime.now(UTC), end).plan
    except (CheckError, PlanningError, WarehouseBusyError) as error:
        return dg.SkipReason(str(error))
    return dg.RunRequest(
        run_key=run_key,
        tags={RANGE_START_TAG: plan.start.isoformat(), RANGE_END_TAG: plan.end.isoformat()},
    )
