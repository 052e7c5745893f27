"""The days of the job."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import date

import dagster as dg

from orchestration.runs.context import first_day
from orchestration.settings import DAYS_FROM, FIRST_DAY, SettingsError, load_settings


def _first_day() -> date:
    if known := os.environ.get(DAYS_FROM):
        return date.fromisoformat(known)
    with suppress(SettingsError):  # told by what reads the settings before anything runs
        return first_day(load_settings())
    return FIRST_DAY


# end_offset: the day that is not over yet may be asked for; nothing asks for it by itself.
DAYS = dg.DailyPartitionsDefinition(start_date=_first_day().isoformat(), end_offset=1)
ONE_RUN = dg.BackfillPolicy.single_run()
