"""The published marts as an asset: last of the job, and only after every check has passed.

The work is done by `orchestration.runs.publish`.
"""

import dagster as dg

from orchestration.assets.dbt import PUBLISHED_KEYS
from orchestration.runs import publish as publishing
from orchestration.runs import score_store
from orchestration.runs.circuit_breakers import StoppedError
from orchestration.runs.records import forget_old_runs, run_of
from orchestration.settings import PUBLISHED_FILE
from orchestration.stages import TIMES, say

PUBLISHED = dg.AssetKey(["published", "marts"])


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
    run = run_of(context)
    try:
        with TIMES.stage("publish"), run.warehouse() as warehouse:
            score_store.check_publishable(warehouse)
            verdict = run.judge(warehouse)
            verdict.heed()
            published = publishing.publish(
                warehouse, run.settings.published_dir, run.settings.keep_versions
            )
            score_store.mark_published(warehouse, run.now)
        if note := run.compact():
            say(f"  note: {note}")
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
