"""The research queue in the simulator: it decides more, and the decision is the seed's."""

from __future__ import annotations

import numpy as np
import pytest

from orchestration.rules.ruleset import seed_rows
from orchestration.settings import PROJECT_DIR
from tools.evaluate_research import FIT, POLICIES, QUEUE, RANDOM, decide, describe, run

MATRIX = seed_rows(PROJECT_DIR, "research/decision_rules.csv")


@pytest.mark.parametrize(
    ("fit_tier", "segment", "lifecycle", "waits", "decision"),
    [
        ("strong", "can_decide", "prospect", False, "pursue"),
        ("weak", "can_decide", "prospect", False, "drop"),
        ("weak", "blocked", "customer", True, "pursue"),
        ("weak", "unknown", "prospect", True, "drop"),
        ("strong", "can_decide", "prospect", True, "hold"),
        ("moderate", "blocked", "former_customer", False, "hold"),
        ("moderate", "contested", "prospect", False, "research"),
        ("unknown", "partial", "prospect", False, "research"),
        ("unknown", "unknown", "open_opportunity", False, "research"),
    ],
)
def test_the_first_row_that_matches_decides(
    fit_tier: str, segment: str, lifecycle: str, waits: bool, decision: str
) -> None:
    assert decide(MATRIX, fit_tier, segment, lifecycle, is_told_to_wait=waits) == decision
    assert decide(MATRIX[::-1], fit_tier, segment, lifecycle, is_told_to_wait=waits) == decision


def test_rules_that_leave_a_case_out_are_refused() -> None:
    with pytest.raises(ValueError, match="no row for strong, unknown, prospect"):
        decide(
            [row for row in MATRIX if row["decision"] != "research"],
            "strong",
            "unknown",
            "prospect",
        )


def test_the_queue_beats_chance_and_highest_fit_first() -> None:
    runs = [run(seed) for seed in range(1, 7)]
    gain = {
        policy: np.mean([one[policy].right_after - one[policy].right_before for one in runs])
        for policy in POLICIES
    }
    assert gain[QUEUE] > gain[FIT] > 0
    assert gain[QUEUE] > gain[RANDOM] > 0
    assert QUEUE in describe(runs)


def test_the_same_seed_gives_the_same_outcome() -> None:
    assert run(3, accounts=200, interviews=10) == run(3, accounts=200, interviews=10)
