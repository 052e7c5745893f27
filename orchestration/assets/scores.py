"""Scores as assets: the one hop from SQL through Python and back.

The maths is in `orchestration.scoring`; reading and writing in `orchestration.score_store`.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pyarrow as pa

from orchestration import score_store
from orchestration.assets.partitions import DAYS, ONE_RUN
from orchestration.ruleset import match_rules, state_rules
from orchestration.run_context import Run
from orchestration.scoring import activation, matching
from orchestration.settings import PROJECT_DIR
from orchestration.stages import TIMES

FEATURES = dg.AssetKey(["features", "feat_account_days"])
MATCH_ACCOUNTS = dg.AssetKey(["features", "feat_match_accounts"])
MATCHES = dg.AssetKey(["scores", "match_proposals"])
TRANSITIONS = dg.AssetKey(["scores", "activation_transitions"])
CHECKPOINTS = dg.AssetKey(["scores", "activation_checkpoints"])


@dg.multi_asset(
    name="activation_scores",
    specs=[
        dg.AssetSpec(
            TRANSITIONS,
            deps=[FEATURES],
            description="One row per account and day on which the activation state changed.",
            group_name="scores",
            kinds={"python"},
        ),
        dg.AssetSpec(
            CHECKPOINTS,
            deps=[FEATURES],
            description="The state of every account at month ends and at the end of each run.",
            group_name="scores",
            kinds={"python"},
        ),
    ],
    partitions_def=DAYS,
    backfill_policy=ONE_RUN,
)
def activation_scores(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Runs the activation state machine over the run's days."""
    run = Run.of(context.run_id, context.run.tags)
    rules = state_rules(PROJECT_DIR)

    def scorer(checkpoint: pa.Table, features: pa.Table) -> tuple[pa.Table, pa.Table]:
        step = activation.advance(checkpoint, features, rules)
        return step.transitions, step.checkpoint

    try:
        with TIMES.stage("scores"), run.warehouse() as warehouse:
            counts = score_store.score_activation(
                warehouse,
                run.run_id,
                run.plan(warehouse),
                scorer,
                activation.FEATURES,
                run.ruleset_version,
                run.now,
            )
    except score_store.StoredScoresError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    yield dg.MaterializeResult(asset_key=TRANSITIONS, metadata={"rows": counts.transitions})
    yield dg.MaterializeResult(asset_key=CHECKPOINTS, metadata={"rows": counts.checkpoint_rows})


@dg.multi_asset(
    name="match_review",
    specs=[
        dg.AssetSpec(
            MATCHES,
            deps=[MATCH_ACCOUNTS],
            description="Pairs of accounts that are probably one company, or child and parent.",
            group_name="scores",
            kinds={"python"},
        )
    ],
)
def match_review(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Proposes doubles and parents among the accounts of the run's last day."""
    run = Run.of(context.run_id, context.run.tags)
    version = f"{run.ruleset_version} {matching.code_version()}"

    def matcher(accounts: pa.Table) -> pa.Table:
        return matching.propose(accounts, match_rules(PROJECT_DIR))

    try:
        with TIMES.stage("match review"), run.warehouse() as warehouse:
            proposals = score_store.score_matches(
                warehouse, run.plan(warehouse), matcher, version, run.ruleset_version
            )
    except score_store.StoredScoresError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    yield dg.MaterializeResult(asset_key=MATCHES, metadata={"rows": proposals})
