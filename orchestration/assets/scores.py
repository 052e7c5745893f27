"""Scores as assets: the one hop from SQL through Python and back.

The maths is in `orchestration.scoring`; reading and writing in `orchestration.runs.score_store`.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dagster as dg
import pyarrow as pa

from orchestration.assets.dbt import build_left_out, selection_of
from orchestration.assets.partitions import DAYS, ONE_RUN
from orchestration.engine.warehouse import Warehouse
from orchestration.project import project
from orchestration.rules.ruleset import match_rules, readiness_rules, rules_in_force, state_rules
from orchestration.runs import score_store
from orchestration.runs.planning import Plan
from orchestration.runs.records import run_of
from orchestration.scoring import matching
from orchestration.scoring.activation import advance
from orchestration.stages import TIMES

FEATURES = dg.AssetKey(["features", "feat_account_days"])
FINDINGS = dg.AssetKey(["features", "feat_research_findings"])
MATCH_ACCOUNTS = dg.AssetKey(["features", "feat_match_accounts"])
MATCHES = dg.AssetKey(["scores", "match_proposals"])
TRANSITIONS = dg.AssetKey(["scores", "activation_transitions"])
CHECKPOINTS = dg.AssetKey(["scores", "activation_checkpoints"])
RULE_CHANGES = dg.AssetKey(score_store.RULE_CHANGES.split("."))
READINESS = {
    score_store.READINESS: "One row per account and day on which what research says changed.",
    score_store.READINESS_DIMENSIONS: (
        "What is known of each dimension of an account, at month ends and at the end of each run."
    ),
    score_store.QUESTIONS: "What one more answer would do, by account, role and dimension.",
    score_store.AGREEMENT: "How coders of interviews agree, at the end of each run.",
}


def _spec(
    key: dg.AssetKey, made_from: dg.AssetKey, description: str, *, is_daily: bool = True
) -> dg.AssetSpec:
    return dg.AssetSpec(
        key,
        deps=[made_from],
        description=description,
        group_name="scores",
        kinds={"python"},
        partitions_def=DAYS if is_daily else None,
    )


@dg.multi_asset(
    name="scores",
    specs=[
        _spec(
            TRANSITIONS,
            FEATURES,
            "One row per account and day on which the activation state changed.",
        ),
        _spec(
            CHECKPOINTS,
            FEATURES,
            "The state of every account at month ends and at the end of each run.",
        ),
        *(
            _spec(
                dg.AssetKey(table.split(".")),
                FINDINGS,
                description,
                is_daily=table in score_store.DAILY,
            )
            for table, description in READINESS.items()
        ),
        _spec(
            RULE_CHANGES,
            FEATURES,
            "What changed whenever a run used other rules than the run before it.",
            is_daily=False,
        ),
        # Last, for it has no days. Dagster takes the partitions of a run from the last asset it
        # looks at, and plans every check of such a run for every day: a minute for 540 days.
        _spec(
            MATCHES,
            MATCH_ACCOUNTS,
            "Pairs of accounts that are probably one company, or child and parent.",
            is_daily=False,
        ),
    ],
    backfill_policy=ONE_RUN,
)
def scores(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Runs activation states and readiness over the run's days, match review on the last of them.

    Match review shares nothing with the others and runs beside them: they are mostly reading and
    writing, match review is mostly Python.
    """
    run = run_of(context)
    rules = state_rules(project())
    version = f"{run.ruleset_version} {matching.code_version()}"

    def scorer(checkpoint: pa.Table, features: pa.Table) -> tuple[pa.Table, pa.Table]:
        step = advance(checkpoint, features, rules)
        return step.transitions, step.checkpoint

    def matcher(accounts: pa.Table) -> pa.Table:
        return matching.propose(accounts, match_rules(project()))

    def review(plan: Plan, warehouse: Warehouse) -> int:
        with warehouse.another() as beside:
            return score_store.score_matches(beside, plan, matcher, version, run.ruleset_version)

    build_left_out({FEATURES, FINDINGS, MATCH_ACCOUNTS}, run, selection_of(context))
    try:
        with TIMES.stage("scores"), run.warehouse() as warehouse, ThreadPoolExecutor(1) as thread:
            plan = run.plan(warehouse)
            reviewed = thread.submit(review, plan, warehouse)
            counts = score_store.score_activation(
                warehouse, run.run_id, plan, scorer, run.ruleset_version, run.now
            )
            changes = score_store.keep_rules(
                warehouse, plan, run.ruleset_version, lambda: rules_in_force(project())
            )
            said = score_store.score_readiness(
                warehouse, plan, readiness_rules(project()), run.ruleset_version
            )
            proposals = reviewed.result()
    except score_store.StoredScoresError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    yield dg.MaterializeResult(asset_key=TRANSITIONS, metadata={"rows": counts.transitions})
    yield dg.MaterializeResult(asset_key=CHECKPOINTS, metadata={"rows": counts.checkpoint_rows})
    yield dg.MaterializeResult(asset_key=RULE_CHANGES, metadata={"rows": changes})
    yield dg.MaterializeResult(asset_key=MATCHES, metadata={"rows": proposals})
    for table, rows in said.items():
        yield dg.MaterializeResult(asset_key=table.split("."), metadata={"rows": rows})
