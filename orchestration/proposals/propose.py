"""All that is proposed for a company, in the order in which one thing hangs on another."""

from __future__ import annotations

from orchestration.proposals import (
    activity_types,
    criteria,
    customers,
    domains,
    money_and_time,
    pages_and_topics,
    stages,
    titles,
)
from orchestration.proposals.facts import Facts
from orchestration.proposals.store import Findings


def propose(facts: Facts) -> Findings:
    """Rows and values for the rules, and what a person should read beside them."""
    findings = Findings()
    # Criteria read the outcome of deals off the stages that are proposed.
    for module in (
        stages,
        criteria,
        activity_types,
        domains,
        pages_and_topics,
        titles,
        customers,
        money_and_time,
    ):
        module.propose(facts, findings)
    return findings
