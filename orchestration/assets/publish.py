"""The published marts as an asset: last of the job, and only after every check has passed.

The work is done by `orchestration.publish`.
"""

import shutil
from pathlib import Path

import dagster as dg

from orchestration import publish as publishing
from orchestration import score_store
from orchestration.assets.dbt import PUBLISHED_KEYS
from orchestration.circuit_breakers import StoppedError
from orchestration.run_context import Run
from orchestration.settings import PUBLISHED_FILE
from orchestration.stages import TIMES

PUBLISHED = dg.AssetKey(["published", "marts"])
# Dagster's records of a run are some 10 MB; two months of daily runs are enough to look back at.
KEPT_RUNS = 60
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dg.asset(
    key=PUBLISHED,
    deps=sorted(PUBLISHED_KEYS),
    description=f"The marts as people and BI tools read them, PUBLISHED_DIR/{PUBLISHED_FILE}, and"
    " beside them what is restricted and what is exported: all of one version.",
    group_name="published",
    kinds={"duckdb"},
)
def published_marts(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Swaps in a new published copy, unless a table breaks with its own past."""
    run = Run.of(context.run_id, context.run.tags)
    try:
        with TIMES.stage("publish"), run.warehouse() as warehouse:
            score_store.check_publishable(warehouse)
            verdict = run.judge(warehouse)
            verdict.heed()
            published = publishing.publish(
                warehouse, run.settings.published_dir, run.settings.keep_versions
            )
            score_store.mark_published(warehouse, run.now)
        forget_old_runs(context.instance)
    except (StoppedError, publishing.PublishError, score_store.StoredScoresError) as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    return dg.MaterializeResult(
        metadata={
            "path": str(published.path),
            "version": published.version.name,
            "as_of_date": str(published.as_of_date),
            "tables": len(published.rows),
            "rows": sum(published.rows.values()),
            "warnings": list(verdict.warnings),
            "confirmed": list(verdict.confirmed),
        }
    )


def forget_old_runs(instance: dg.DagsterInstance, keep: int = KEPT_RUNS) -> None:
    """Removes what Dagster keeps of all but the last runs that have ended."""
    for run in instance.get_runs(dg.RunsFilter(statuses=ENDED))[keep:]:
        instance.delete_run(run.run_id)
        shutil.rmtree(Path(instance.storage_directory(), run.run_id), ignore_errors=True)
