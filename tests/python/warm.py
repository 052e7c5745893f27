"""Loaded once by the process from which runs are forked: what every run needs and none changes."""

import gc
from importlib import import_module

from orchestration.assets.triggers import JOB
from orchestration.definitions import defs
from orchestration.engine import dbt_runner
from orchestration.project import project

# Loaded by Dagster and dbt when they are first used, which would be in every run.
for name in (
    "dagster._core.storage.base_storage",
    "dagster._core.storage.runs",
    "dagster._core.storage.schedules",
    "dbt.adapters.duckdb",
    "dbt.task.build",
    "orchestration.engine.event_log",
    "orchestration.commands.refresh",
    "runner",
    "splink.internals.duckdb.database_api",
):
    import_module(name)

# The warehouse's file has the same name in every place, so this parse serves every run.
dbt_runner._parse("warehouse.duckdb", project())
defs.resolve_job_def(JOB)

# All of it stays: Python need not look through it for garbage in every run.
gc.freeze()
gc.set_threshold(dbt_runner.OBJECTS_BETWEEN_COLLECTIONS)
