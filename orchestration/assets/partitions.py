"""The days of the job."""

from __future__ import annotations

import dagster as dg

from orchestration.settings import FIRST_DAY

# end_offset: the day that is not over yet may be asked for; nothing asks for it by itself.
DAYS = dg.DailyPartitionsDefinition(start_date=FIRST_DAY.isoformat(), end_offset=1)
ONE_RUN = dg.BackfillPolicy.single_run()
