"""Does the research queue help? Fifty interviews in the simulated company, chosen in several ways.

    python -m tools.evaluate_research [--seeds 20] [--accounts 2000] [--interviews 50]

What belongs here: the comparison of ways to choose accounts. What does not: the scorer, which is
the project's own, and the decision, which is `seeds/research/decision_rules.csv`.

Companies, their fit and their true readiness are the simulator's (`company.py`). Fit is scored by
`seeds/fit/fit_criteria.csv` from what a data provider would say of them. Earlier research is spread
as the simulator spreads it (`reference.py`), but a rating is Binomial(4, truth), which is what the
posterior takes it for. An account's value is drawn as the simulator draws a first deal, and is
known. One interview: one account, one role, each dimension answered with chance 0.8, held
`research_lead_days` after it was chosen. The luck of an account's interview is the same whoever
chooses it. An account is interviewed once, so ranking again between interviews would change no
rank.

A decision is right if it is the one that the rules give for what is true: fit as it is, and
`can_decide` if all four true values lie above 0.5, else `blocked`.
"""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from orchestration.demo.company import COUNTRIES, INDUSTRIES, NEVER, PERSONAS, Accounts, Plan, build
from orchestration.project import project
from orchestration.rules.ruleset import project_vars, readiness_rules, seed_rows
from orchestration.scoring import readiness
from orchestration.scoring.readiness import ALL, DIMENSIONS, NOBODY, SEGMENTS, UNIT, ReadinessRules

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Rows = Sequence[Mapping[str, str]]

QUEUE, FLIP_AND_FIT = "queue", "queue without value"
FIT, FIT_OPEN = "highest fit first", "highest fit first, open decisions"
RANDOM, RANDOM_ROLE = "random", "random, random role"
POLICIES = (QUEUE, FLIP_AND_FIT, FIT, FIT_OPEN, RANDOM, RANDOM_ROLE)
"""queue: chance that the decision flips x fit x value. Open decisions: those that say research at
the horizon. All but the last ask the role that the queue would ask."""

ANSWERED_SHARE = 0.8
SOURCES = ("interview", "survey", "discovery_call")


@dataclass(frozen=True)
class Outcome:
    """One way to choose in one company: right decisions, and the value (USD) of their accounts."""

    right_before: int
    right_after: int
    value_before: float
    value_after: float


@dataclass(frozen=True)
class Market:
    """Target accounts with what is true and what is known of them; arrays by account."""

    names: list[str]
    truth: Floats  # (accounts, dimensions)
    true_fit: Bools
    lifecycle: list[str]
    fit_tier: list[str]
    fit_share: Floats  # 0-1
    value: Floats  # USD
    findings: pa.Table
    today: dt.date


def decide(
    rules: Rows, fit_tier: str, segment: str, lifecycle: str, *, is_told_to_wait: bool = False
) -> str:
    """The decision by the first row of `decision_rules` that matches."""
    for row in sorted(rules, key=lambda row: int(row["rule_rank"])):
        if all(
            row[column] == "any" or word in row[column].split("|")
            for column, word in (
                ("fit_tier", fit_tier),
                ("readiness_segment", segment),
                ("lifecycle", lifecycle),
                ("is_told_to_wait", str(is_told_to_wait).lower()),
            )
        ):
            return row["decision"]
    raise ValueError(f"decision_rules: no row for {fit_tier}, {segment}, {lifecycle}")


def score_fit(accounts: Accounts, criteria: Rows, r: np.random.Generator) -> tuple[Floats, Floats]:
    """Score (0-100) and share of the weight that is known; a must-not that holds scores -1.

    Known of a company is what a data provider with 92% of them says, with the gaps of
    `reference.py`.
    """
    row = np.arange(accounts.n)
    told = r.random(accounts.n) < 0.92
    words: dict[str, tuple[list[str], Bools]] = {
        "industry": ([INDUSTRIES[i].lower() for i in accounts.industry], told),
        "country": ([COUNTRIES[i].lower() for i in accounts.country], told),
        "technologies": (["snowflake" if has else "" for has in accounts.has_data_stack], told),
    }
    numbers = {
        "employees": (accounts.employees, told & (row % 29 != 3)),
        "revenue_usd": (accounts.revenue, told & (row % 5 != 1)),
    }
    matched, known, total = np.zeros(accounts.n), np.zeros(accounts.n), 0.0
    must_not = np.zeros(accounts.n, dtype=np.bool_)
    for criterion in criteria:
        name, operator = criterion["attribute"], criterion["operator"]
        if name in numbers:
            amounts, is_known = numbers[name]
            low, high = float(criterion["min_value"] or 0), float(criterion["max_value"] or "inf")
            holds = (amounts >= low) & (amounts <= high)
        else:
            texts, is_known = words[name]
            listed = criterion["list_values"].split("|")
            holds = np.array([text in listed for text in texts])
        holds = is_known & (~holds if operator in ("not_in", "outside") else holds)
        if criterion["is_must_not"] == "true":
            must_not |= holds
            continue
        weight = float(criterion["weight"])
        matched, known, total = matched + weight * holds, known + weight * is_known, total + weight
    score = np.where(must_not, -1.0, 100 * matched / np.maximum(known, 1))
    return score, known / total


def market(seed: int, accounts: int, rules: ReadinessRules) -> Market:
    """Draws the targets of one simulated company and the research done on them so far."""
    plan = Plan(accounts=accounts, seed=seed)
    world = build(plan)
    company, people = world.accounts, world.people
    n = accounts  # targets come first
    r = plan.random("evaluate_research")
    values = project_vars(project())
    score, known = score_fit(company, seed_rows(project(), "fit/fit_criteria.csv"), r)
    is_unknown = (known < float(values["fit_min_known_share"])) & (score >= 0)
    tier = np.select(
        [
            is_unknown,
            score >= float(values["fit_strong_min_score"]),
            score >= float(values["fit_moderate_min_score"]),
        ],
        ["unknown", "strong", "moderate"],
        "weak",
    )
    fit_share = np.where(is_unknown, float(values["fit_unknown_share"]), score.clip(0) / 100)
    lifecycle = np.select(
        [
            (company.customer_since < plan.days) & (company.customer_until > plan.days),
            company.customer_since < NEVER,
        ],
        ["customer", "former_customer"],
        "prospect",
    )
    value = np.exp(r.normal(10.6, 0.6, company.n)) * (company.employees / 1500.0) ** 0.35

    source_weight = {
        row["source_type"]: float(row["weight_share"])
        for row in seed_rows(project(), "research/research_sources.csv")
    }
    relevance = np.array(
        [rules.relevance_share.get(name, rules.relevance_share["other"]) for name in PERSONAS]
    )
    chosen = np.flatnonzero(r.random(n) < 0.14)
    account = np.repeat(chosen, r.integers(1, 4, len(chosen)))
    age = r.integers(1, 331, len(account))
    size = np.bincount(people.account, minlength=company.n)[account]
    person = np.searchsorted(people.account, account)
    person = person + (r.random(len(account)) * size).astype(np.int64)
    source = np.array([source_weight[name] for name in SOURCES])[
        r.integers(0, len(SOURCES), len(account))
    ]
    row, dimension = np.nonzero(r.random((len(account), len(DIMENSIONS))) < ANSWERED_SHARE)
    weight = source[row] * relevance[people.persona[person[row]], dimension]
    return Market(
        names=[f"{i:05d}" for i in range(n)],
        truth=company.readiness[:n],
        true_fit=company.true_fit[:n],
        lifecycle=lifecycle[:n].tolist(),
        fit_tier=tier[:n].tolist(),
        fit_share=fit_share[:n],
        value=value[:n],
        findings=_findings(
            [f"{i:05d}" for i in account[row]],
            dimension,
            [str(p) for p in person[row]],
            r.binomial(4, company.readiness[account[row], dimension]),
            weight,
            [plan.end - dt.timedelta(days=int(a)) for a in age[row]],
        ),
        today=plan.end,
    )


def _findings(
    account: Sequence[str],
    dimension: Ints,
    respondent: Sequence[str],
    rating: Ints,
    weight: Floats,
    held: Sequence[dt.date],
) -> pa.Table:
    days = pa.array(held, pa.date32())
    return pa.table(
        {
            "account_id": pa.array(account, pa.string()),
            "dimension": pa.array([DIMENSIONS[d] for d in dimension], pa.string()),
            "respondent": pa.array(respondent, pa.string()),
            "rating": pa.array(rating.astype(np.float64)),
            "weight_millionths": pa.array(np.rint(UNIT * weight).astype(np.int64)),
            "held_on": days,
            "valid_from": days,
            "valid_to": pa.array([dt.date(9999, 12, 31)] * len(days), pa.date32()),
        }
    )


def flips(
    market: Market, asked: pa.Table, decision: Callable[[int, str], str]
) -> tuple[Floats, list[str], list[str]]:
    """Chance that a conversation with each role flips the decision, (accounts, roles).

    With it the roles, and the segment of each account at the horizon if nothing is added.
    """
    roles = sorted(set(asked["respondent_role"].to_pylist()))
    rows: dict[str, dict[str, Mapping[str, object]]] = {}
    for row in asked.to_pylist():
        if row["dimension"] == ALL:
            rows.setdefault(row["account_id"], {})[row["respondent_role"]] = row
    chance, without = np.zeros((len(market.names), len(roles))), []
    for place, name in enumerate(market.names):
        own = rows.get(name, rows[NOBODY])
        without.append(str(own[roles[0]]["segment_without"]))
        now = decision(place, without[-1])
        others = [segment for segment in SEGMENTS if decision(place, segment) != now]
        for column, role in enumerate(roles):
            chance[place, column] = sum(float(str(own[role][f"{s}_share"])) for s in others)
    return chance, roles, without


def run(seed: int, accounts: int = 2000, interviews: int = 50) -> dict[str, Outcome]:
    """What each of POLICIES brings in one simulated company."""
    rules = readiness_rules(project())
    matrix = seed_rows(project(), "research/decision_rules.csv")
    place = market(seed, accounts, rules)
    n = accounts
    kept: dict[tuple[str, str, str], str] = {}

    def decision(account: int, segment: str, tier: str | None = None) -> str:
        key = (tier or place.fit_tier[account], segment, place.lifecycle[account])
        if key not in kept:
            kept[key] = decide(matrix, *key)
        return kept[key]

    can_decide: Bools = np.all(place.truth > 0.5, axis=1)
    right = [
        decision(
            a,
            "can_decide" if can_decide[a] else "blocked",
            "strong" if place.true_fit[a] else "weak",
        )
        for a in range(n)
    ]
    asked = readiness.questions(place.findings, place.today, rules)
    chance, roles, without = flips(place, asked, decision)
    best_role, flip = chance.argmax(axis=1), chance.max(axis=1)
    before = np.array([decision(a, without[a]) for a in range(n)])
    was_right = before == np.array(right)

    r = np.random.default_rng([seed, 5])
    lots = r.random(n)
    random_role = r.integers(0, len(roles), n)
    is_answered = r.random((n, len(DIMENSIONS))) < ANSWERED_SHARE
    answer = r.binomial(4, place.truth)
    is_open = before == "research"
    rank = {
        QUEUE: flip * place.fit_share * place.value,
        FLIP_AND_FIT: flip * place.fit_share,
        FIT: place.fit_share,
        FIT_OPEN: np.where(is_open, place.fit_share, -1),
        RANDOM: np.zeros(n),
        RANDOM_ROLE: np.zeros(n),
    }
    horizon = place.today + dt.timedelta(days=rules.lead_days)
    relevance = np.array([rules.relevance_share[role] for role in roles])
    outcomes = {}
    for policy in POLICIES:
        chosen = np.lexsort((lots, -rank[policy]))[:interviews]
        role = random_role if policy == RANDOM_ROLE else best_role
        row, dimension = np.nonzero(is_answered[chosen])
        account = chosen[row]
        held = _findings(
            [place.names[a] for a in account],
            dimension,
            ["new"] * len(account),
            answer[account, dimension],
            rules.interview_weight_share * relevance[role[account], dimension],
            [horizon] * len(account),
        )
        said = readiness.changes(
            readiness.CHANGE_SCHEMA.empty_table(),
            pa.concat_tables([place.findings, held]),
            horizon,
            horizon,
            rules,
        )
        segment = dict(
            zip(said["account_id"].to_pylist(), said["segment"].to_pylist(), strict=True)
        )
        after = [decision(a, segment.get(place.names[a], "unknown")) for a in range(n)]
        is_right = np.array(after) == np.array(right)
        outcomes[policy] = Outcome(
            int(was_right.sum()),
            int(is_right.sum()),
            float(place.value[was_right].sum()),
            float(place.value[is_right].sum()),
        )
    return outcomes


def describe(runs: Sequence[Mapping[str, Outcome]]) -> str:
    """A table: decisions that became right, by policy, mean and standard error over companies."""
    lines = [
        f"{len(runs)} companies, decisions right before:"
        f" {np.mean([run[QUEUE].right_before for run in runs]):.0f} of the targets",
        f"{'chosen by':<36}{'became right':>16}{'value, million USD':>22}{'queue wins':>12}",
    ]
    for policy in POLICIES:
        mine = [run[policy] for run in runs]
        gain: Ints = np.array([one.right_after - one.right_before for one in mine])
        value: Floats = np.array([one.value_after - one.value_before for one in mine]) / 1e6
        wins = sum(run[QUEUE].right_after > run[policy].right_after for run in runs)
        lines.append(
            f"{policy:<36}{_mean(gain, 1):>16}{_mean(value, 2):>22}"
            + ("" if policy == QUEUE else f"{wins:>12}")
        )
    return "\n".join(lines)


def _mean(values: Floats | Ints, digits: int) -> str:
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{np.mean(values):.{digits}f} +- {error:.{digits}f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--accounts", type=int, default=2000)
    parser.add_argument("--interviews", type=int, default=50)
    given = parser.parse_args(arguments)
    runs = [run(seed, given.accounts, given.interviews) for seed in range(1, given.seeds + 1)]
    print(describe(runs))


if __name__ == "__main__":
    main()
