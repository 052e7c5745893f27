"""Every `why` sentence is true: its words and numbers are read back and held against the marts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from marts import query
from runner import Place

DAY = r"\d{4}-\d{2}-\d{2}"
NUMBER = r"\d+(?:\.\d+)?"
STATES = "cold|warming|active|engaged"
HELD_BACK = r"(?:, held back by (?P<driver>[a-z ]+?)(?: and (?P<second>insufficient coverage))?)?"

ACTIVATION = re.compile(
    rf"(?P<state>{STATES}) since (?P<since>{DAY}): strength (?P<strength>{NUMBER})"
    rf" \(signal (?P<level>none|some|strong)(?P<missing>, too narrow for strong|, no recent buying"
    rf" signal)?\)(?P<motion>, committed deal in motion)?, reached coverage (?P<coverage>{NUMBER})%"
    rf"{HELD_BACK}(?:, downgrades held while (?P<paused>.+) is stale)?\.",
    re.IGNORECASE,
)
PLAY = re.compile(
    rf"(?:(?P<watch>Strong signal outside the buying window); |(?P<trigger>[a-z ]+) on"
    rf" (?P<on>{DAY}); )?(?:(?P<move>rose|fell) from (?P<before>{STATES}) to (?P<moved>{STATES}) on"
    rf"|(?P<state>{STATES}) since) (?P<since>{DAY}): strength (?P<strength>{NUMBER}), engaged"
    rf" people (?P<people>\d+), reached coverage (?P<coverage>{NUMBER})%, required personas on file"
    rf" (?P<covered>\d+) of (?P<required>\d+){HELD_BACK}\.",
    re.IGNORECASE,
)
WITHHELD = re.compile(rf"Withheld(?: until (?P<until>{DAY}))?: (?P<reasons>[a-z, ]+)\.")
DROPPED = re.compile(
    rf"Dropped: fit is (?P<tier>\w+)(?: \(score (?P<score>{NUMBER})\))?"
    r"(?P<must_not>, for a must-not criterion matches)?\."
)

FACTS = """
    select
        activation.why as activation_why,
        plays.why as play_why,
        activation.state, activation.previous_state, activation.state_since,
        activation.primary_driver, activation.has_committed_motion, activation.paused_by,
        activation.has_timing_conflict,
        (
            select count(*) from marts.account_gap_drivers as drivers
            where drivers.account_id = activation.account_id
        ) as drivers,
        signals.strength_score, signals.signal_level, signals.engaged_people, signals.is_broad,
        signals.last_buying_signal_date, signals.last_signal_date, signals.is_spiking,
        coverage.reached_coverage_share, coverage.covered_personas, coverage.required_personas,
        fit.fit_tier, fit.fit_score, fit.fits_icp,
        accounts.lifecycle,
        plays.decision, plays.trigger, plays.triggered_on, plays.exclusion_reason,
        plays.excluded_until
    from marts.account_activation as activation
    inner join marts.account_plays as plays using (account_id)
    inner join marts.account_signals as signals using (account_id)
    inner join marts.account_coverage as coverage using (account_id)
    inner join marts.account_fit as fit using (account_id)
    inner join marts.accounts as accounts using (account_id)
"""
COLUMNS = (
    "activation_why play_why state previous_state state_since primary_driver has_committed_motion"
    " paused_by has_timing_conflict drivers strength_score signal_level engaged_people is_broad"
    " last_buying_signal_date last_signal_date is_spiking reached_coverage_share covered_personas"
    " required_personas fit_tier fit_score fits_icp lifecycle decision trigger triggered_on"
    " exclusion_reason excluded_until"
).split()


@pytest.fixture(scope="module")
def facts(refreshed: Place) -> list[dict[str, Any]]:
    rows = query(refreshed.published, FACTS)
    assert len(rows) == query(refreshed.published, "select count(*) from marts.accounts")[0][0]
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def is_rounded(written: str, number: float) -> bool:
    """Whether the text is the number, rounded to the decimals that the text has."""
    decimals = len(written.partition(".")[2])
    return bool(abs(float(written) - number) <= 0.5 * 10.0**-decimals + 1e-9)


def check_common(said: re.Match[str], fact: dict[str, Any]) -> None:
    assert said["since"] == str(fact["state_since"])
    assert is_rounded(said["strength"], fact["strength_score"])
    assert is_rounded(said["coverage"], 100 * fact["reached_coverage_share"])
    driver = fact["primary_driver"]
    assert said["driver"] == (driver.replace("_", " ") if driver else None)


def test_why_an_account_is_in_its_state(facts: list[dict[str, Any]]) -> None:
    for fact in facts:
        said = ACTIVATION.fullmatch(fact["activation_why"])
        assert said, fact["activation_why"]
        check_common(said, fact)
        assert said["state"].lower() == fact["state"]
        assert said["level"] == fact["signal_level"]
        assert bool(said["motion"]) == fact["has_committed_motion"]
        assert said["paused"] == fact["paused_by"]
        assert bool(said["second"]) == (fact["drivers"] == 2)
        if said["missing"]:
            assert ("narrow" in said["missing"]) == (not fact["is_broad"])


def test_why_this_play_and_why_now(facts: list[dict[str, Any]]) -> None:
    for fact in facts:
        why = fact["play_why"]
        if fact["decision"] == "withheld":
            withheld = WITHHELD.fullmatch(why)
            assert withheld, why
            assert withheld["reasons"] == fact["exclusion_reason"].replace("_", " ")
            assert withheld["until"] == (fact["excluded_until"] and str(fact["excluded_until"]))
        elif fact["decision"] == "drop":
            dropped = DROPPED.fullmatch(why)
            assert dropped, why
            assert dropped["tier"] == fact["fit_tier"]
            assert not fact["fits_icp"]
            assert fact["lifecycle"] != "customer"
            assert (dropped["score"] is None) == (fact["fit_score"] is None)
            if dropped["score"]:
                assert is_rounded(dropped["score"], fact["fit_score"])
        else:
            check_play(why, fact)


def check_play(why: str, fact: dict[str, Any]) -> None:
    said = PLAY.fullmatch(why)
    assert said, why
    check_common(said, fact)
    assert int(said["people"]) == fact["engaged_people"]
    assert int(said["covered"]) == fact["covered_personas"]
    assert int(said["required"]) == fact["required_personas"]
    assert bool(said["watch"]) == (fact["decision"] == "watch")
    if said["watch"]:
        assert fact["has_timing_conflict"]
    assert (said["moved"] or said["state"]).lower() == fact["state"]
    if said["move"]:
        assert fact["trigger"] == {"rose": "rise", "fell": "fall"}[said["move"].lower()]
        assert said["before"] == fact["previous_state"]
    if said["trigger"]:
        assert said["trigger"].lower() == fact["trigger"].replace("_", " ")
        assert said["on"] == str(fact["triggered_on"])
        if fact["trigger"] == "buying_signal":
            assert fact["triggered_on"] == fact["last_buying_signal_date"]
        if fact["trigger"] == "spike":
            assert fact["is_spiking"]
            assert fact["triggered_on"] == fact["last_signal_date"]


def test_the_checks_tell_a_false_number() -> None:
    assert is_rounded("43.1", 43.1449)
    assert not is_rounded("43.1", 43.2)
    assert is_rounded("15", 15.4)
    assert not is_rounded("15", 16.0)
