"""Loads the assets, the job and what starts it."""

from __future__ import annotations

import dagster as dg

from orchestration.assets.dbt import dbt_models
from orchestration.assets.ingestion import ingestion
from orchestration.assets.publish import published_marts
from orchestration.assets.scores import scores
from orchestration.assets.triggers import daily_refresh, landing_files, refresh

defs = dg.Definitions(
    assets=[ingestion, dbt_models, scores, published_marts],
    jobs=[refresh],
    schedules=[daily_refresh],
    sensors=[landing_files],
    executor=dg.in_process_executor,
)
