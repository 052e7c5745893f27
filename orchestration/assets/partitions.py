"""The days of the job."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import dagster as dg

from orchestration.run_context import first_day
from orchestration.settings import FIRST_DAY, SettingsError, load_settings


def _first_day() -> date:
    with suppress(SettingsError):  # said by what reads the settings before it runs
        return first_day(load_settings())
    return FIRST_DAY


# end_offset: the day that is not over yet may be asked for; nothing asks for it by itself.
DAYS = dg.DailyPartitionsDefinition(start_date=_first_day().isoformat(), end_offset=1)
ONE_RUN = dg.BackfillPolicy.single_run()
