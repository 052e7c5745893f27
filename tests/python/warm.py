"""Loaded once by the process from which runs are forked: what every run needs and none changes."""

import runner  # noqa: F401

from orchestration import dbt_runner, event_log  # noqa: F401
from orchestration.definitions import defs

# The warehouse's file has the same name in every place, so this parse serves every run.
dbt_runner._parse("warehouse.duckdb")
defs.resolve_job_def("refresh")
