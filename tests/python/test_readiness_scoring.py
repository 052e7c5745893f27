"""Readiness: closed forms, laws of time, a plain reference, calibration, agreement of coders."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from orchestration.demo.company import Noise, build
from orchestration.demo.company import Plan as Company
from orchestration.rules.ruleset import readiness_rules
from orchestration.scoring.agreement import alpha, coder_agreement
from orchestration.scoring.readiness import (
    CHANGE_SCHEMA,
    DIMENSIONS,
    NOBODY,
    SEGMENTS,
    ReadinessRules,
    changes,
    posteriors,
    questions,
)
from orchestration.settings import PROJECT_DIR

RULES = readiness_rules(PROJECT_DIR)
DAY = date(2026, 3, 31)
ONE_DAY = timedelta(days=1)
FOREVER = date(9999, 12, 31)
NOTHING = CHANGE_SCHEMA.empty_table()
UNIT = 1_000_000

FINDING_SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("dimension", pa.string()),
        ("respondent", pa.string()),
        ("rating", pa.float64()),
        ("weight_millionths", pa.int64()),
        ("held_on", pa.date32()),
        ("valid_from", pa.date32()),
        ("valid_to", pa.date32()),
    ]
)
Row = dict[str, Any]


def finding(dimension: str, rating: float, **other: Any) -> Row:
    """A finding of full weight, held and known on DAY, of person p at account a."""
    row = {
        "account_id": "a",
        "dimension": dimension,
        "respondent": "p",
        "rating": float(rating),
        "weight_millionths": UNIT,
        "held_on": DAY,
        "valid_from": DAY,
        "valid_to": FOREVER,
    } | other
    if "valid_from" not in other:
        row["valid_from"] = row["held_on"]
    return row


def table(rows: Sequence[Row]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=FINDING_SCHEMA)


def one(rows: Sequence[Row], day: date = DAY, rules: ReadinessRules = RULES) -> Row:
    """The posterior where there is but one."""
    (found,) = posteriors(table(rows), day, rules).to_pylist()
    return found


def on(rows: Sequence[Row], day: date = DAY, rules: ReadinessRules = RULES) -> Row:
    """What is said of account a on a day."""
    found = changes(NOTHING, table(rows), day, day, rules).to_pylist()
    unknown = {"segment": "unknown", "known_dimensions": 0, "expires_on": None}
    return next((row for row in found if row["account_id"] == "a"), unknown)


def each(*ratings: float, **other: Any) -> list[Row]:
    """One finding per dimension."""
    return [
        finding(name, rating, **other) for name, rating in zip(DIMENSIONS, ratings, strict=True)
    ]


# --- closed forms ---------------------------------------------------------------------------------


def test_one_best_rating_of_full_weight_is_beta_5_1() -> None:
    found = one([finding("pressure", 4)])
    assert found["probability_above_half"] == pytest.approx(1 - 0.5**5, abs=1e-6)
    assert found["mean_share"] == pytest.approx(5 / 6, abs=1e-6)
    assert found["lower_80_share"] == pytest.approx(0.1 ** (1 / 5), abs=1e-6)
    assert found["upper_80_share"] == pytest.approx(0.9 ** (1 / 5), abs=1e-6)
    assert (found["evidence_weight"], found["disagreement"]) == (1, 0)
    assert (found["respondents"], found["findings"], found["is_known"]) == (1, 1, True)


def test_one_worst_rating_is_its_mirror_image() -> None:
    found = one([finding("pressure", 0)])
    assert found["probability_above_half"] == pytest.approx(0.5**5, abs=1e-6)
    assert found["mean_share"] == pytest.approx(1 / 6, abs=1e-6)
    assert found["lower_80_share"] == pytest.approx(1 - 0.9 ** (1 / 5), abs=1e-6)
    assert found["upper_80_share"] == pytest.approx(1 - 0.1 ** (1 / 5), abs=1e-6)


def test_the_middle_rating_says_nothing_about_the_side() -> None:
    found = one([finding("ownership", 2)])
    assert (found["probability_above_half"], found["mean_share"]) == (0.5, 0.5)
    assert found["lower_80_share"] + found["upper_80_share"] == pytest.approx(1, abs=2e-6)


def test_a_rating_of_3_is_beta_4_2() -> None:
    # P(above 0.5) of Beta(4, 2) = 1 - (5 q^4 - 4 q^5) with q = 0.5
    found = one([finding("ownership", 3)])
    assert found["probability_above_half"] == pytest.approx(1 - (5 / 16 - 4 / 32), abs=1e-6)


def test_a_finding_of_half_weight_counts_as_two_answers() -> None:
    found = one([finding("pressure", 4, weight_millionths=UNIT // 2)])
    assert found["mean_share"] == pytest.approx(3 / 4, abs=1e-6)
    assert found["probability_above_half"] == pytest.approx(1 - 0.5**3, abs=1e-6)


def test_a_weight_is_halved_after_the_half_life() -> None:
    held = DAY - timedelta(days=int(RULES.half_life_days))
    assert one([finding("pressure", 4, held_on=held)])["evidence_weight"] == 0.5


@pytest.mark.parametrize("ratings", [(4, 0), (4, 3, 1), (2, 2, 2, 0)])
def test_a_posterior_is_prior_times_likelihood(ratings: tuple[int, ...]) -> None:
    """Integrated by brute force, the binomial likelihood of each rating."""
    rows = [finding("pressure", r, respondent=str(i)) for i, r in enumerate(ratings)]

    def weight(theta: float) -> float:
        return float(np.prod([theta**r * (1 - theta) ** (4 - r) for r in ratings]))

    whole = integrate.quad(weight, 0, 1)[0]
    found = one(rows)
    assert found["probability_above_half"] == pytest.approx(
        integrate.quad(weight, 0.5, 1)[0] / whole, abs=2e-6
    )
    assert found["mean_share"] == pytest.approx(
        integrate.quad(lambda theta: theta * weight(theta), 0, 1)[0] / whole, abs=2e-6
    )


def test_disagreement_is_between_people_not_between_answers_of_one() -> None:
    alone = [finding("pressure", 4), finding("pressure", 0)]
    two = [finding("pressure", 4), finding("pressure", 0, respondent="q")]
    assert one(alone)["disagreement"] == 0
    assert one(two)["disagreement"] == 0.5
    assert (on(alone)["segment"], on(two)["segment"]) == ("partial", "contested")


def test_disagreement_is_weighted() -> None:
    rows = [
        finding("pressure", 4, weight_millionths=600_000),
        finding("pressure", 0, respondent="q", weight_millionths=200_000),
    ]
    assert one(rows)["disagreement"] == pytest.approx(np.sqrt(0.75 * 0.25), abs=1e-6)


# --- segments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "segment", "blocking", "known", "cleared"),
    [
        (each(4, 4, 4, 4), "can_decide", None, 4, 4),
        (each(4, 4, 4, 2), "partial", None, 4, 3),
        (each(4, 4, 4, 1), "blocked", "timing_tolerance", 4, 3),
        (each(1, 4, 0, 0), "blocked", "authority_alignment", 4, 1),  # the first of two lowest
        (each(4, 4, 4, 4)[:3], "partial", None, 3, 3),
        (each(0, 4, 4, 4, weight_millionths=499_999), None, None, 0, 0),
        (each(0, 4, 4, 4, weight_millionths=500_000), "blocked", "pressure", 4, 3),
    ],
)
def test_segments(
    rows: list[Row], segment: str | None, blocking: str | None, known: int, cleared: int
) -> None:
    found = on(rows)
    if segment is None:
        assert found["segment"] == "unknown"
        return
    assert (found["segment"], found["blocking_dimension"]) == (segment, blocking)
    assert (found["known_dimensions"], found["cleared_dimensions"]) == (known, cleared)


def test_voices_that_contradict_each_other_go_before_a_blocker() -> None:
    rows = [*each(0, 4, 4, 4), finding("ownership", 0, respondent="q")]
    assert on(rows)["segment"] == "contested"


def test_contradiction_in_a_dimension_that_is_not_known_does_not_count() -> None:
    little = {"weight_millionths": 200_000}
    rows = [*each(4, 4, 4, 4)[:3]]
    rows += [finding("timing_tolerance", r, respondent=str(r), **little) for r in (0, 4)]
    assert on(rows)["segment"] == "partial"


def test_one_respondent_alone_is_a_single_voice_and_two_who_agree_are_none() -> None:
    alone = each(4, 4, 4, 4)
    both = alone + each(4, 4, 4, 4, respondent="q")
    assert on(alone)["is_single_voice"]
    assert not on(both)["is_single_voice"]
    assert on([*both, finding("pressure", 0, respondent="r")])["segment"] == "contested"
    assert on([*both, finding("pressure", 0, respondent="r")])["is_single_voice"]


# --- against a plain reference --------------------------------------------------------------------


def plain(rows: Sequence[Row], day: date, rules: ReadinessRules = RULES) -> Row:
    """What is said of one account on a day, finding by finding."""
    age = [(day - row["held_on"]).days for row in rows]
    live = [
        (row, row["weight_millionths"] * round(UNIT * 2 ** (-a / rules.half_life_days)))
        for row, a in zip(rows, age, strict=True)
        if row["valid_from"] <= day < row["valid_to"] and 0 <= a <= rules.max_age_days
    ]
    live = [(row, (w + UNIT // 2) // UNIT) for row, w in live]

    def judge(live: Sequence[tuple[Row, int]]) -> tuple[str, str | None, int, int]:
        known, cleared, contested, blockers = 0, 0, False, []
        for name in DIMENSIONS:
            own = [(row, w / UNIT) for row, w in live if row["dimension"] == name and w]
            if sum(w for row, w in live if row["dimension"] == name) < 0.5 * UNIT:
                continue
            known += 1
            a = 1 + 4 * sum(w * row["rating"] / 4 for row, w in own)
            b = 1 + 4 * sum(w * (1 - row["rating"] / 4) for row, w in own)
            p = round(float(stats.beta.sf(0.5, a, b)), 6)
            voices = {row["respondent"] for row, _ in own}
            weights = {v: sum(w for row, w in own if row["respondent"] == v) for v in voices}
            means = {
                v: sum(w * row["rating"] / 4 for row, w in own if row["respondent"] == v)
                / weights[v]
                for v in voices
            }
            total = sum(weights.values())
            mean = sum(weights[v] * means[v] for v in voices) / total
            spread = sum(weights[v] * (means[v] - mean) ** 2 for v in voices) / total
            contested |= round(spread**0.5, 6) > rules.contested_min_spread
            cleared += p >= rules.cleared_min_probability
            blockers += [(p, name)] if p <= rules.blocked_max_probability else []
        if not known:
            return "unknown", None, 0, 0
        if contested:
            return "contested", None, known, cleared
        if blockers:
            lowest = min(p for p, _ in blockers)
            return "blocked", next(n for p, n in blockers if p == lowest), known, cleared
        return ("can_decide" if cleared == 4 else "partial"), None, known, cleared

    segment, blocking, known, cleared = judge(live)
    voices = {row["respondent"] for row, _ in live}
    others = [judge([(row, w) for row, w in live if row["respondent"] != v])[0] for v in voices]
    return {
        "segment": segment,
        "blocking_dimension": blocking,
        "known_dimensions": known,
        "cleared_dimensions": cleared,
        "is_single_voice": segment != "unknown" and any(s != segment for s in others),
    }


@st.composite
def findings(draw: st.DrawFn) -> list[Row]:
    rows = []
    for _ in range(draw(st.integers(0, 12))):
        held = DAY - timedelta(days=draw(st.integers(0, 220)))
        since = held + timedelta(days=draw(st.integers(-2, 30)))
        until = since + timedelta(days=draw(st.sampled_from([1, 20, 90, 100_000])))
        rows.append(
            finding(
                draw(st.sampled_from(DIMENSIONS)),
                draw(st.sampled_from([0, 1, 2, 3, 4, 2.5])),
                account_id=draw(st.sampled_from("ab")),
                respondent=draw(st.sampled_from("pqr")),
                weight_millionths=draw(st.sampled_from([0, 1, 180_000, 700_000, UNIT])),
                held_on=held,
                valid_from=since,
                valid_to=min(until, FOREVER),
            )
        )
    return rows


def timeline(found: pa.Table, account: str, first: date, last: date) -> list[Row]:
    """What is said of an account on each day, from its changes."""
    rows = {row["as_of_date"]: row for row in found.to_pylist() if row["account_id"] == account}
    said: Row = {"segment": "unknown", "blocking_dimension": None, "known_dimensions": 0}
    said |= {"cleared_dimensions": 0, "expires_on": None, "is_single_voice": False}
    days = []
    while first <= last:
        change = rows.get(first, said)
        said = {name: change[name] for name in said}
        days.append(said)
        first += ONE_DAY
    return days


def stored(found: pa.Table) -> pa.Table:
    """The last row of each account."""
    last = {row["account_id"]: row for row in found.to_pylist()}
    return pa.Table.from_pylist(list(last.values()), schema=CHANGE_SCHEMA)


@given(findings(), st.integers(0, 230))
@settings(max_examples=150, deadline=None)
def test_days_are_as_a_plain_reference_says(rows: list[Row], back: int) -> None:
    day = DAY - timedelta(days=back)
    for account in "ab":
        own = [row for row in rows if row["account_id"] == account]
        found = timeline(changes(NOTHING, table(rows), day, day, RULES), account, day, day)[0]
        del found["expires_on"]
        assert found == plain(own, day)


@given(findings(), st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_day_by_day_equals_the_range_at_once_in_any_order(rows: list[Row], random: Any) -> None:
    first, last = DAY - timedelta(days=70), DAY + timedelta(days=40)
    at_once = changes(NOTHING, table(rows), first, last, RULES)
    parts, day = [NOTHING], first
    while day <= last:
        random.shuffle(rows)
        parts.append(changes(stored(pa.concat_tables(parts)), table(rows), day, day, RULES))
        day += ONE_DAY
    assert pa.concat_tables(parts).to_pylist() == at_once.to_pylist()


@given(findings())
@settings(max_examples=40, deadline=None)
def test_what_was_not_yet_known_changes_nothing(rows: list[Row]) -> None:
    cut = DAY - timedelta(days=60)
    first = cut - timedelta(days=60)
    known = [row for row in rows if row["valid_from"] <= cut]
    known = [row | {"valid_to": FOREVER} if row["valid_to"] > cut else row for row in known]
    assert changes(NOTHING, table(rows), first, cut, RULES).equals(
        changes(NOTHING, table(known), first, cut, RULES)
    )
    assert posteriors(table(rows), cut, RULES).equals(posteriors(table(known), cut, RULES))
    assert questions(table(rows), cut, RULES).equals(questions(table(known), cut, RULES))


@given(findings())
@settings(max_examples=40, deadline=None)
def test_an_account_s_findings_move_only_that_account(rows: list[Row]) -> None:
    first = DAY - timedelta(days=120)
    less = [row for row in rows if row["account_id"] == "b"]

    def of_b(found: pa.Table) -> list[Row]:
        return [row for row in found.to_pylist() if row["account_id"] == "b"]

    for ask in (posteriors, questions):
        assert of_b(ask(table(rows), DAY, RULES)) == of_b(ask(table(less), DAY, RULES))
    assert of_b(changes(NOTHING, table(rows), first, DAY, RULES)) == of_b(
        changes(NOTHING, table(less), first, DAY, RULES)
    )


@given(findings(), st.integers(0, 11))
@settings(max_examples=60, deadline=None)
def test_a_higher_rating_never_lowers_a_dimension(rows: list[Row], which: int) -> None:
    higher = [dict(row) for row in rows]
    if which < len(rows):
        higher[which]["rating"] = min(higher[which]["rating"] + 1, 4.0)
    before, after = (posteriors(table(r), DAY, RULES).to_pylist() for r in (rows, higher))
    for low, high in zip(before, after, strict=True):
        for name in ("probability_above_half", "mean_share", "lower_80_share", "upper_80_share"):
            assert high[name] >= low[name]


@given(findings())
@settings(max_examples=60, deadline=None)
def test_expires_on_is_the_first_day_on_which_it_is_known_no_more(rows: list[Row]) -> None:
    live = [row for row in rows if row["valid_from"] <= DAY < row["valid_to"]]
    live = [row | {"valid_to": FOREVER} for row in live]
    found = posteriors(table(rows), DAY, RULES).to_pylist()
    for row in found:
        if not row["is_known"]:
            assert row["expires_on"] is None
            continue
        then = {
            day: [
                later["is_known"]
                for later in posteriors(table(live), day, RULES).to_pylist()
                if (later["account_id"], later["dimension"])
                == (row["account_id"], row["dimension"])
            ]
            for day in (row["expires_on"] - ONE_DAY, row["expires_on"])
        }
        assert then[row["expires_on"] - ONE_DAY] == [True]
        assert then[row["expires_on"]] in ([], [False])
    for account in "ab":
        days = [r["expires_on"] for r in found if r["account_id"] == account and r["is_known"]]
        said = timeline(changes(NOTHING, table(rows), DAY, DAY, RULES), account, DAY, DAY)[0]
        assert said["expires_on"] == (min(days) if days else None)


def test_evidence_is_gone_after_the_last_age_and_a_row_says_so() -> None:
    rows = each(4, 4, 4, 4, weight_millionths=10 * UNIT)
    last_day = DAY + timedelta(days=RULES.max_age_days)
    found = changes(NOTHING, table(rows), DAY, last_day + timedelta(days=30), RULES).to_pylist()
    assert [row["as_of_date"] for row in found] == [DAY, last_day + ONE_DAY]
    assert found[0]["expires_on"] == last_day + ONE_DAY
    assert (found[1]["segment"], found[1]["known_dimensions"]) == ("unknown", 0)
    assert found[1]["expires_on"] is None
    assert posteriors(table(rows), last_day + ONE_DAY, RULES).num_rows == 0


def test_an_account_whose_findings_are_taken_away_becomes_unknown() -> None:
    before = stored(changes(NOTHING, table(each(4, 4, 4, 4)), DAY, DAY, RULES))
    found = changes(before, table([]), DAY + ONE_DAY, DAY + timedelta(days=40), RULES).to_pylist()
    assert [(row["as_of_date"], row["segment"]) for row in found] == [(DAY + ONE_DAY, "unknown")]


def test_a_team_without_research_has_no_readiness_and_one_place_to_start() -> None:
    assert changes(NOTHING, table([]), DAY, DAY + timedelta(days=400), RULES).num_rows == 0
    assert posteriors(table([]), DAY, RULES).num_rows == 0
    found = questions(table([]), DAY, RULES).to_pylist()
    assert len(found) == 5 * len(RULES.relevance_share)
    assert {row["account_id"] for row in found} == {NOBODY}
    assert {row["segment_without"] for row in found} == {"unknown"}


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("rating", 5.0, "rating"),
        ("dimension", "mood", "dimension"),
        ("respondent", None, "respondent is null"),
        ("weight_millionths", -1, "weight"),
    ],
)
def test_findings_that_cannot_be_are_refused(column: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        posteriors(table([finding("pressure", 1) | {column: value}]), DAY, RULES)


# --- questions ------------------------------------------------------------------------------------


def shares(row: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    return np.array([row[f"{segment}_share"] for segment in SEGMENTS])


@given(findings())
@settings(max_examples=40, deadline=None)
def test_chances_sum_to_one(rows: list[Row]) -> None:
    for row in questions(table(rows), DAY, RULES).to_pylist():
        assert shares(row).sum() == pytest.approx(1, abs=1e-8)
        assert shares(row).min() >= 0


def test_one_conversation_with_who_knows_best_where_nothing_is_known() -> None:
    """Each rating is equally likely; 3 and 4 clear, 0 and 1 block, 2 does neither."""
    found = {
        (row["respondent_role"], row["dimension"]): row
        for row in questions(table([]), DAY, RULES).to_pylist()
    }
    chance = shares(found["economic_buyer", "all"])
    assert chance == pytest.approx([0, 0, 1 - 0.6**4, 0.6**4 - 0.4**4, 0.4**4], abs=1e-8)
    assert shares(found["economic_buyer", "pressure"]) == pytest.approx([0, 0, 0.4, 0.6, 0])
    # 0.3 of a conversation is too little to know anything.
    assert shares(found["user", "authority_alignment"]) == pytest.approx([1, 0, 0, 0, 0])


@given(findings(), st.sampled_from(sorted(RULES.relevance_share)))
@settings(max_examples=8, deadline=None)
def test_chances_equal_every_combination_of_answers(rows: list[Row], role: str) -> None:
    """All 625 conversations, each held and judged as findings are, and answers one by one."""
    then = DAY + timedelta(days=RULES.lead_days)
    known = [
        row | {"valid_from": row["held_on"], "valid_to": FOREVER}
        for row in rows
        if row["valid_from"] <= DAY < row["valid_to"] and row["account_id"] == "a"
    ]
    asked = questions(table(rows), DAY, RULES).to_pylist()
    has_evidence = any(row["account_id"] == "a" for row in asked)
    by_dimension = {
        row["dimension"]: row
        for row in asked
        if row["account_id"] == ("a" if has_evidence else NOBODY) and row["respondent_role"] == role
    }
    weights = [
        round(UNIT * RULES.interview_weight_share * share) for share in RULES.relevance_share[role]
    ]
    before = {row["dimension"]: row for row in posteriors(table(known), then, RULES).to_pylist()}
    chance = []
    for name in DIMENSIONS:
        weight = before[name]["evidence_weight"] if name in before else 0.0
        yes = before[name]["mean_share"] * (2 + 4 * weight) if name in before else 1.0
        chance.append(stats.betabinom.pmf(range(5), 4, yes, 2 + 4 * weight - yes))

    def answered(answers: Mapping[int, int]) -> list[Row]:
        return [
            finding(DIMENSIONS[d], rating, respondent="new", weight_millionths=weights[d])
            | {"held_on": then, "valid_from": then}
            for d, rating in answers.items()
        ]

    cases: list[tuple[str, dict[int, int]]] = [
        (name, {place: rating}) for place, name in enumerate(DIMENSIONS) for rating in range(5)
    ]
    cases += [("all", dict(enumerate(c))) for c in itertools.product(range(5), repeat=4)]
    # All cases at once, each as an account of its own.
    many = [
        row | {"account_id": f"{i:03d}"}
        for i, (_, answers) in enumerate(cases)
        for row in known + answered(answers)
    ]
    ends = changes(NOTHING, table(many), then, then, RULES).to_pylist()
    segment = {int(row["account_id"]): row["segment"] for row in ends}
    expected = {name: np.zeros(5) for name in (*DIMENSIONS, "all")}
    for i, (name, answers) in enumerate(cases):
        p = np.prod([chance[d][rating] for d, rating in answers.items()])
        expected[name][SEGMENTS.index(segment.get(i, "unknown"))] += p
    for name, wanted in expected.items():
        assert shares(by_dimension[name]) == pytest.approx(wanted, abs=1e-5)
    without = on(known, then)["segment"] if known else "unknown"
    assert by_dimension["all"]["segment_without"] == without


def test_evidence_that_lapses_before_the_interview_counts_as_lapsed() -> None:
    held = DAY - timedelta(days=RULES.max_age_days - RULES.lead_days + 1)
    rows = each(4, 4, 4, 4, held_on=held, weight_millionths=10 * UNIT)
    assert on(rows)["segment"] == "can_decide"
    found = [r for r in questions(table(rows), DAY, RULES).to_pylist() if r["account_id"] == "a"]
    assert {row["segment_without"] for row in found} == {"unknown"}


# --- calibration ----------------------------------------------------------------------------------


def held_share(truths: npt.NDArray[np.float64], seed: int, *, realistic: bool) -> float:
    """Share of true values within the 80% interval.

    One account each, 1 to 5 findings of different people; a rating is Binomial(4, truth), which is
    what the posterior takes it for.
    """
    r = np.random.default_rng(seed)
    count = r.integers(1, 6, len(truths))
    case = np.repeat(np.arange(len(truths)), count)
    rating = r.binomial(4, truths[case])
    weight, age = np.full(len(case), UNIT), np.zeros(len(case), np.int64)
    if realistic:
        relevance = np.array(list(RULES.relevance_share.values())).ravel()
        source = r.choice([1.0, 0.8, 0.6], len(case))
        weight = np.rint(UNIT * source * r.choice(relevance, len(case))).astype(np.int64)
        age = r.integers(0, RULES.max_age_days + 1, len(case))
    rows = pa.table(
        {
            "account_id": pa.array([f"{i:05d}" for i in case]),
            "dimension": pa.array(["pressure"] * len(case)),
            "respondent": pa.array([str(i) for i in range(len(case))]),
            "rating": pa.array(rating.astype(np.float64)),
            "weight_millionths": pa.array(weight),
            "held_on": pa.array([DAY - timedelta(days=int(a)) for a in age]),
            "valid_from": pa.array([date(2025, 1, 1)] * len(case)),
            "valid_to": pa.array([FOREVER] * len(case)),
        }
    )
    found = posteriors(rows, DAY, RULES)
    assert found.num_rows == len(truths)
    low, high = (found[f"{end}_80_share"].to_numpy() for end in ("lower", "upper"))
    return float(np.mean((low <= truths) & (truths <= high)))


def true_values(kind: str, seed: int, cases: int = 5000) -> npt.NDArray[np.float64]:
    """`uniform`: as the prior has it. `simulator`: of the companies of the simulator."""
    if kind == "uniform":
        return np.random.default_rng(seed).random(cases)
    world = build(Company(accounts=cases, months=3, seed=seed), Noise())
    return world.accounts.readiness[:cases, 0]


@pytest.mark.parametrize("kind", ["uniform", "simulator"])
def test_intervals_hold_the_true_value_as_often_as_they_say(kind: str) -> None:
    assert 0.78 <= held_share(true_values(kind, 7), 7, realistic=False) <= 0.82


@pytest.mark.parametrize("kind", ["uniform", "simulator"])
def test_intervals_of_weighted_findings_are_wide_enough(kind: str) -> None:
    assert held_share(true_values(kind, 7), 7, realistic=True) >= 0.80


# --- agreement of coders --------------------------------------------------------------------------

# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C: four observers, twelve
# units, some not rated.
PUBLISHED = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
)


def published() -> tuple[npt.NDArray[np.int64], ...]:
    cells = [
        (unit, coder, value)
        for coder, values in enumerate(PUBLISHED)
        for unit, value in enumerate(values)
        if value is not None
    ]
    return tuple(np.array(column) for column in zip(*cells, strict=True))


def test_agreement_is_that_of_the_published_example() -> None:
    unit, coder, value = published()
    found = alpha(unit, coder, value.astype(float))
    assert found.alpha == pytest.approx(0.815, abs=5e-4)
    assert (found.units, found.ratings, found.coders) == (11, 40, 4)
    nominal = alpha(unit, coder, value.astype(float), lambda v, n: (v[:, None] != v) * 1.0)
    interval = alpha(unit, coder, value.astype(float), lambda v, n: (v[:, None] - v) ** 2)
    assert nominal.alpha == pytest.approx(0.743, abs=5e-4)
    assert interval.alpha == pytest.approx(0.849, abs=5e-4)


def coded(*rows: tuple[str, str, str | None, float]) -> pa.Table:
    names = ["interview_id", "dimension", "coder", "rating"]
    return pa.Table.from_pylist(
        [dict(zip(names, row, strict=True)) for row in rows],
        schema=pa.schema([(n, pa.float64() if n == "rating" else pa.string()) for n in names]),
    )


def test_agreement_cannot_be_told_of_one_coder_or_of_equal_ratings() -> None:
    none = {"alpha": None, "units": 0, "ratings": 0, "coders": 0}
    for rows in (coded(), coded(("1", "pressure", "x", 3), ("2", "pressure", None, 2))):
        found = coder_agreement(rows).to_pylist()
        assert [row.pop("dimension") for row in found] == [*DIMENSIONS, "all"]
        assert found == [none] * 5
    same = coded(("1", "pressure", "x", 3), ("1", "pressure", "y", 3))
    assert coder_agreement(same).to_pylist()[0] == {
        "dimension": "pressure",
        "alpha": None,
        "units": 1,
        "ratings": 2,
        "coders": 2,
    }


def test_agreement_is_of_dimensions_of_interviews() -> None:
    rows = [
        (str(i), name, coder, rating)
        for i, rating in enumerate((0, 1, 2, 3, 4))
        for name in ("pressure", "ownership")
        for coder in "xy"
    ]
    rows[0] = (*rows[0][:3], 4)
    found = {row["dimension"]: row for row in coder_agreement(coded(*rows)).to_pylist()}
    assert found["ownership"]["alpha"] == 1
    assert found["pressure"]["alpha"] < found["all"]["alpha"] < 1
    assert (found["all"]["units"], found["all"]["ratings"]) == (10, 20)


# --- rules ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("half_life_days", 0, "research_half_life_days"),
        ("evidence_min_weight", 0, "evidence_min_weight"),
        ("blocked_max_probability", 0.7, "blocked_max_probability"),
        ("relevance_share", {"user": (1.0, 1.0)}, "role user"),
        ("relevance_share", {}, "no role"),
    ],
)
def test_numbers_outside_their_range_are_refused(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(RULES, **{name: value})


def test_the_predictive_of_a_rating_is_the_beta_binomial() -> None:
    from orchestration.scoring.readiness import rating_chances

    found = rating_chances(np.array([3.2]), np.array([1.7]))[0]
    wanted = [
        special.comb(4, k) * special.beta(3.2 + k, 1.7 + 4 - k) / special.beta(3.2, 1.7)
        for k in range(5)
    ]
    assert found == pytest.approx(wanted)


def test_the_models_list_the_segments_that_the_scorer_gives() -> None:
    text = (PROJECT_DIR / "macros" / "words.sql").read_text(encoding="utf-8")
    _, _, behind = text.partition("macro readiness_segments()")
    listed = re.findall(r"'(\w+)'", behind.partition("endmacro")[0])
    assert sorted(listed) == sorted(SEGMENTS)
