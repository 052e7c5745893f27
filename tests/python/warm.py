"""Loaded once by the process from which runs are forked: what every run needs and none changes."""

from runner import PROJECT_DIR  # noqa: F401

from orchestration import dbt_runner
from orchestration.definitions import defs
from orchestration.settings import NO_TRACKING, Settings  # noqa: F401

# The warehouse's file has the same name in every place, so this parse serves every run.
dbt_runner._parse("warehouse.duckdb")
defs.resolve_job_def("refresh")
