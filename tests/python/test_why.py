"""Every `why` sentence is true: its words and numbers are read back and held against the marts."""

from __future__ import annotations

import csv
import re
from collections import Counter
from datetime import date, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from marts import query
from runner import Place

from orchestration.rules.ruleset import project_vars, state_rules
from orchestration.scoring.activation import Signals, highest_state
from orchestration.settings import PROJECT_DIR

DAY = r"\d{4}-\d{2}-\d{2}"
NUMBER = r"\d+(?:\.\d+)?"
STATES = "cold|warming|active|engaged"
# What an account misses, by the name that the scorer gives to the condition.
MISSED = {
    "strength": rf"strength ({NUMBER}) \(({NUMBER}) needed\)",
    "breadth": "only one person and channel",
    "buying_signal": r"no buying signal in (\d+) days",
    "committed_motion": "no committed deal is moving( that would make up for it)?",
    "coverage": rf"({NUMBER})% of its buying committee reached \(({NUMBER})% needed\)",
}
# What holds an account back, in words.
DRIVERS = {
    "poor_fit": "it does not fit",
    "low_intent": "it shows too little interest",
    "wrong_timing": "it cannot buy now",
    "no_signal_detected": "no channel can see its interest",
    "insufficient_coverage": "too few of its buying committee are reached",
}
TOO_FEW = DRIVERS["insufficient_coverage"]
# The same in the sentence of a play, which calls the account they.
DRIVERS_OF_PLAYS = {
    "poor_fit": "they do not fit",
    "low_intent": "they show too little interest",
    "wrong_timing": "they cannot buy now",
    "no_signal_detected": "no channel can see their interest",
    "insufficient_coverage": "too few of their buying committee are reached",
}
ACTIVATION = re.compile(
    rf"(?P<state>{STATES}) since (?P<since>{DAY}): (?P<level>none|no|some|strong) signal \(strength"
    rf" (?P<strength>{NUMBER}) of 100(?P<missing>, but from only one person and channel|, but no"
    r" buying signal in \d+ days)?\)(?P<motion>, a committed deal is moving)?,"
    rf" (?P<coverage>{NUMBER})% of its buying committee reached\."
    rf"(?: What holds it back: (?P<driver>[a-z ]+?)(?P<second>, and {TOO_FEW})?\.)?"
    rf"(?: It has (?:(?P<kept>enough to stay (?:{STATES}), but too little to become"
    rf" (?:{STATES}) today):"
    r" (?P<missed>.+?)|too little to stay: (?P<below>.+?))\.)?"
    rf"(?: It drops below (?P<held>{STATES}) on (?P<falls>{DAY}) if nothing changes: this is day"
    r" (?P<day>\d+) of (?P<days>\d+)\.)?"
    r"(?: It does not fall while (?P<feeds>a feed|feeds) that stopped could be why:"
    r" (?P<paused>.+?)\.)?",
    re.IGNORECASE,
)
WITHHELD = re.compile(
    rf"Excluded(?: until (?P<until>{DAY}))? \((?P<reasons>[a-z, ]+)\): nobody should act on them,"
    r" whatever the decision\."
)
ACT = re.compile(rf".+ (?P<did>[a-z ]+?)(?:, last)? on (?P<on>{DAY})")

FACTS = """
    select
        activation.why as activation_why,
        plays.why as play_why,
        activation.state, activation.previous_state, activation.state_since,
        activation.primary_driver, activation.has_committed_motion, activation.paused_by,
        activation.paused_since,
        activation.has_timing_conflict, activation.kept_by, activation.days_below,
        activation.as_of_date,
        (
            select count(*) from marts.account_gap_drivers as drivers
            where drivers.account_id = activation.account_id
        ) as drivers,
        signals.strength_score, signals.signal_level, signals.engaged_people, signals.is_broad,
        signals.last_buying_signal_date, signals.last_signal_date, signals.is_spiking,
        coverage.reached_coverage_share, coverage.covered_personas, coverage.required_personas,
        fit.fit_tier, fit.fit_score, fit.fits_icp, fit.misfits, signals.surging_topic_names,
        accounts.lifecycle,
        plays.play_decision, plays.trigger, plays.triggered_on, plays.exclusion_reason,
        plays.excluded_until, plays.play_id, plays.due_on, plays.is_overdue, plays.last_touch_on,
        plays.play_since, plays.next_deadline_on,
        decisions.revisit_on, readiness.readiness_segment, readiness.blocking_dimension,
        timing.is_outside_window, timing.timing_reason, queue.respondent_role, queue.dimension
    from marts.account_activation as activation
    inner join marts.account_plays as plays using (account_id)
    inner join marts.account_signals as signals using (account_id)
    inner join marts.account_coverage as coverage using (account_id)
    inner join marts.account_fit as fit using (account_id)
    inner join marts.accounts as accounts using (account_id)
    inner join marts.account_decisions as decisions using (account_id)
    inner join marts.account_readiness as readiness using (account_id)
    inner join marts_detail.account_timing as timing using (account_id)
    left join marts.research_queue as queue
        on activation.account_id = queue.account_id and queue.is_within_budget
"""
COLUMNS = (
    "activation_why play_why state previous_state state_since primary_driver"
    " has_committed_motion paused_by paused_since has_timing_conflict kept_by days_below"
    " as_of_date drivers"
    " strength_score signal_level engaged_people is_broad last_buying_signal_date"
    " last_signal_date is_spiking reached_coverage_share covered_personas required_personas"
    " fit_tier fit_score fits_icp misfits surging_topic_names lifecycle play_decision trigger"
    " triggered_on exclusion_reason"
    " excluded_until play_id due_on is_overdue last_touch_on"
    " play_since next_deadline_on"
    " revisit_on readiness_segment blocking_dimension is_outside_window timing_reason"
    " respondent_role dimension"
).split()


RULES = state_rules(PROJECT_DIR)
VARS = project_vars(PROJECT_DIR)


@pytest.fixture(scope="module")
def facts(refreshed: Place) -> list[dict[str, Any]]:
    return facts_of(refreshed.published)


def facts_of(published: Path) -> list[dict[str, Any]]:
    rows = query(published, FACTS)
    assert len(rows) == query(published, "select count(*) from marts.accounts")[0][0]
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
    assert said["driver"] == (DRIVERS[driver] if driver else None)


def test_why_an_account_is_in_its_state(facts: list[dict[str, Any]]) -> None:
    for fact in facts:
        said = ACTIVATION.fullmatch(fact["activation_why"])
        assert said, fact["activation_why"]
        check_common(said, fact)
        assert said["state"].lower() == fact["state"]
        assert {"no": "none"}.get(said["level"], said["level"]) == fact["signal_level"]
        assert bool(said["motion"]) == fact["has_committed_motion"]
        assert feeds_of(said["paused"]) == fact["paused_by"]
        assert said["feeds"] == (fact["paused_by"] and feed_words(fact["paused_by"]))
        assert bool(said["second"]) == (fact["drivers"] == 2)
        if said["missing"]:
            assert ("one person" in said["missing"]) == (not fact["is_broad"])
        check_kept(said, fact)
        check_missed(said["missed"] or said["below"], fact)


def signals_of(fact: dict[str, Any]) -> Signals:
    """The account on the latest day, as the state machine is told."""
    last, days = fact["last_buying_signal_date"], VARS["buying_signal_days"]
    return Signals(
        strength=np.array(fact["strength_score"]),
        coverage=np.array(fact["reached_coverage_share"]),
        is_broad=np.array(fact["is_broad"]),
        has_buying_signal=np.array(
            last is not None and fact["as_of_date"] < last + timedelta(days=int(days))
        ),
        has_motion=np.array(fact["has_committed_motion"]),
    )


def kept_by(fact: dict[str, Any]) -> str | None:
    """What keeps the account in its state by the rules of the state machine."""
    signals = signals_of(fact)
    rank = next(rule.rank for rule in RULES.states if rule.state == fact["state"])
    if highest_state(signals, RULES) >= rank:
        return None
    if highest_state(signals, RULES, RULES.keep_factor) >= rank:
        return "keep_thresholds"
    return "stale_feed" if fact["paused_by"] else "waiting_rule"


def check_kept(said: re.Match[str], fact: dict[str, Any]) -> None:
    assert fact["kept_by"] == kept_by(fact), fact
    assert bool(said["kept"]) == (fact["kept_by"] == "keep_thresholds")
    assert bool(said["below"]) == (fact["kept_by"] in ("waiting_rule", "stale_feed"))
    assert bool(said["day"]) == (fact["kept_by"] == "waiting_rule")
    if said["day"]:
        assert int(said["day"]) == fact["days_below"]
        assert int(said["days"]) == RULES.days_below_to_fall
        assert said["falls"] == str(falls_on(fact))
        assert said["held"] == fact["state"]
        assert 1 <= fact["days_below"] < RULES.days_below_to_fall
    elif not fact["paused_by"]:
        assert fact["days_below"] == 0


def check_missed(words: str | None, fact: dict[str, Any]) -> None:
    """Each condition of the state that does not hold is said, with its numbers, and no other."""
    if fact["kept_by"] is None:
        assert words is None
        return
    factor = 1.0 if fact["kept_by"] == "keep_thresholds" else RULES.keep_factor
    rule = next(rule for rule in RULES.states if rule.state == fact["state"])
    signals = signals_of(fact)
    min_strength, min_coverage = factor * rule.min_strength, factor * rule.min_reached_coverage
    missed = set()
    if not (rule.motion_replaces_signal and signals.has_motion):
        if signals.strength < round(min_strength, 6):
            missed.add("strength")
        if rule.needs_strong_signal and not signals.is_broad:
            missed.add("breadth")
        if rule.needs_strong_signal and not signals.has_buying_signal:
            missed.add("buying_signal")
        if rule.motion_replaces_signal and missed:
            missed.add("committed_motion")
    if rule.needs_committed_motion and not signals.has_motion:
        missed.add("committed_motion")
    if signals.coverage < round(min_coverage, 6):
        missed.add("coverage")
    said: dict[str, re.Match[str]] = {}
    for word in (words or "").replace(" and no committed", ", no committed").split(", "):
        ((name, match),) = [
            (name, match)
            for name, pattern in MISSED.items()
            if (match := re.fullmatch(pattern, word))
        ]
        said[name] = match
    assert set(said) == missed
    if "strength" in said:
        assert is_rounded(said["strength"][1], fact["strength_score"])
        assert is_rounded(said["strength"][2], min_strength)
    if "coverage" in said:
        assert is_rounded(said["coverage"][1], 100 * fact["reached_coverage_share"])
        assert is_rounded(said["coverage"][2], 100 * min_coverage)
    if "committed_motion" in said:
        assert bool(said["committed_motion"][1]) == rule.motion_replaces_signal
    if "buying_signal" in said:
        assert int(said["buying_signal"][1]) == int(VARS["buying_signal_days"])


def feeds_of(held: str | None) -> str | None:
    return held and re.sub(rf" \(since {DAY}\)", "", held).replace(" and ", ", ")


def feed_words(feeds: str) -> str:
    return "a feed" if len(feeds.split(", ")) == 1 else "feeds"


def falls_on(fact: dict[str, Any]) -> date:
    return fact["as_of_date"] + timedelta(days=RULES.days_below_to_fall - fact["days_below"])


def test_a_hold_names_the_day_since_which_its_feed_is_stale(
    facts: list[dict[str, Any]], refreshed: Place
) -> None:
    check_stale_since(facts, refreshed.published)


def check_stale_since(facts: list[dict[str, Any]], published: Path) -> None:
    with (PROJECT_DIR / "seeds" / "landing" / "feeds.csv").open(encoding="utf-8") as handle:
        fresh = {
            f"{row['source']}.{row['table_name']}": int(row["freshness_days"])
            for row in csv.DictReader(handle)
            if row["freshness_days"]
        }
    health = "select source || '.' || table_name, last_delivery_date from marts.data_health"
    delivered: dict[str, date] = dict(query(published, health))
    for fact in facts:
        for feed, day in re.findall(rf"([^ ,]+) \(since ({DAY})\)", fact["activation_why"]):
            # A feed of several instances is delivered when the first of them is.
            if "@" not in feed:
                assert day == str(delivered[feed] + timedelta(days=fresh[feed] + 1))


def test_why_this_play_and_why_now(facts: list[dict[str, Any]]) -> None:
    for fact in facts:
        why = fact["play_why"]
        if fact["play_decision"] == "withheld":
            withheld = WITHHELD.fullmatch(why)
            assert withheld, why
            assert withheld["reasons"] == fact["exclusion_reason"].replace("_", " ")
            assert withheld["until"] == (fact["excluded_until"] and str(fact["excluded_until"]))
        elif fact["play_decision"] == "drop":
            misfits = fact["misfits"] and f": {fact['misfits']}."
            points = (
                fact["fit_score"] and f" ({fact['fit_score']:.0f} of 100 points, 50 are needed)."
            )
            assert why == f"Does not fit{misfits or points or '.'}"
            assert not fact["fits_icp"]
            assert fact["lifecycle"] != "customer"
        else:
            check_play(why, fact)


with (PROJECT_DIR / "seeds" / "plays" / "plays.csv").open(encoding="utf-8") as opened:
    TO_DO = {row["play_id"]: row["description"] for row in csv.DictReader(opened)}
ASKED = {
    "pressure": "what forces them to act",
    "ownership": "who answers for the problem that we solve",
    "authority_alignment": "who controls budget and priority",
    "timing_tolerance": "how long they can wait",
}
NOUNS = {
    "technical": "technical evaluator",
    "procurement": "procurement contact",
    "blocker": "security or legal reviewer",
}
READINESS = {
    "unknown": "Nobody knows whether they can decide",
    "blocked": "They will not decide now",
    "contested": "People there contradict each other on whether they can decide",
    "partial": "Whether they can decide is known only in part",
}
BLOCKED = {
    "pressure": "nothing forces them to act",
    "ownership": "nobody answers for the problem that we solve",
    "authority_alignment": "those with the problem do not control budget and priority",
    "timing_tolerance": "they can wait",
}
with (PROJECT_DIR / "seeds" / "plays" / "play_triggers.csv").open(encoding="utf-8") as opened:
    KINDS_OF_NEWS = [
        (row["event_pattern"].replace("%", "*"), row["trigger"])
        for row in csv.DictReader(opened)
        if row["kind"] == "change_event"
    ]


def before_the_acts(fact: dict[str, Any]) -> list[str]:
    """The sentences of a play up to who did what."""
    segment, has_deal = fact["readiness_segment"], fact["has_committed_motion"]
    said = []
    if fact["play_decision"] == "hold":
        said.append(f"On hold until {fact['revisit_on']}")
    if segment == "can_decide":
        day = fact["next_deadline_on"]
        said.append("They can decide" + (f" and must act by {day}" if day else ""))
    elif fact["play_decision"] in ("hold", "research"):
        because = f", because {BLOCKED[fact['blocking_dimension']]}" if segment == "blocked" else ""
        said.append(READINESS[segment] + because)
    trigger = fact["trigger"]
    if fact["play_decision"] == "watch":
        assert fact["has_timing_conflict"]
        strong, deal = "Strong signal" if fact["signal_level"] == "strong" else "", "committed deal"
        both = f"{strong} and a {deal}" if strong and has_deal else strong or f"A {deal}"
        assert fact["is_outside_window"]
        said.append(f"{both}, but t{fact['timing_reason'].removesuffix('.')[1:]}")
    elif trigger == "spike":
        assert fact["is_spiking"]
        assert fact["triggered_on"] == fact["last_signal_date"]
        said.append(f"They showed more interest than usual in the last {VARS['spike_days']} days")
    elif trigger not in ("state", "rise", "fall", "buying_signal"):
        said.append(f"News of {fact['triggered_on']}: {news_of(fact)}")
    moved = {"rise": "Rose", "fall": "Fell"}.get(trigger)
    state = f"{fact['state'].capitalize()} since "
    if moved:
        state = f"{moved} from {fact['previous_state']} to {fact['state']} on "
    state += str(fact["state_since"])
    if fact["kept_by"] == "waiting_rule":
        state += f", drops below {fact['state']} on {falls_on(fact)} if nothing changes"
    if fact["kept_by"] == "stale_feed":
        feeds = feed_words(fact["paused_by"])
        state += f", held there only because {feeds} stopped ({fact['paused_by']}, since"
        state += f" {fact['paused_since']})"
    rule = next(rule for rule in RULES.states if rule.state == fact["state"])
    if has_deal or rule.needs_committed_motion:
        state += f"; {'a' if has_deal else 'no'} committed deal is moving"
    return [*said, state]


def news_of(fact: dict[str, Any]) -> str:
    """What the sentence says of the news: each kind of event that it names is of the trigger."""
    said = re.search(rf"News of {DAY}: (.+?)\. ", fact["play_why"])
    assert said, fact["play_why"]
    for kind in said[1].split(" and "):
        first = next(name for pattern, name in KINDS_OF_NEWS if fnmatchcase(kind, pattern))
        assert first == fact["trigger"]
    return said[1]


def behind_the_acts(fact: dict[str, Any]) -> list[str]:
    said = []
    if fact["surging_topic_names"]:
        said.append(f"Elsewhere they read more than usual about {fact['surging_topic_names']}")
    if fact["primary_driver"]:
        said.append(
            f"What keeps them from becoming active: {DRIVERS_OF_PLAYS[fact['primary_driver']]}"
        )
    if fact["play_id"] == "none":
        return said
    to_do = TO_DO[fact["play_id"]]
    if fact["play_decision"] == "research":
        role = NOUNS.get(fact["respondent_role"], fact["respondent_role"].replace("_", " "))
        article = "an" if role[0] in "aeio" else "a"
        to_do = f"Find out {ASKED[fact['dimension']]} (ask {article} {role}). {to_do}"
    return [*said, f"To do: {to_do}"]


def check_play(why: str, fact: dict[str, Any]) -> None:
    """The sentence is put together again from the marts, but for the acts, whose days are."""
    start = ". ".join(before_the_acts(fact)) + ". "
    end = "".join(f". {part}" for part in behind_the_acts(fact)) + "."
    assert why.startswith(start), (why, start)
    assert why.endswith(end), (why, end)
    acts = why[len(start) : len(why) - len(end)]
    last, first_day = fact["last_buying_signal_date"], fact["as_of_date"] - timedelta(days=90)
    assert VARS["engaged_days"] == 90
    if acts == "We saw nobody there contact us or use our site, emails, ads or events in 90 days":
        assert last is None or last <= first_day
        return
    told = [ACT.fullmatch(act) for act in acts.split("; ")]
    assert all(told), acts
    assert 1 <= len(told) <= VARS["acts_named"]
    days = [date.fromisoformat(act["on"]) for act in told if act]
    assert all(first_day < day <= fact["as_of_date"] for day in days)
    if last is not None and last > first_day:
        assert days[0] == last
    if fact["trigger"] == "buying_signal":
        assert fact["triggered_on"] <= days[0]


def test_what_is_due_and_what_is_late(facts: list[dict[str, Any]]) -> None:
    """A deal play has a deal that moves; what is overdue was not done since it fell due."""
    for fact in facts:
        if fact["play_id"] in ("deal_velocity", "expansion_deal"):
            assert fact["has_committed_motion"]
        assert (fact["due_on"] is None) == (fact["play_id"] == "none")
        if fact["due_on"]:
            assert fact["is_overdue"] == (fact["due_on"] < fact["as_of_date"])
            assert fact["play_since"] <= fact["due_on"]
        if fact["is_overdue"] and fact["last_touch_on"]:
            assert fact["last_touch_on"] < fact["due_on"]
    assert {fact["is_overdue"] for fact in facts} == {True, False}


REASON = re.compile(
    rf"(?:first seen as (?P<first>{STATES})|rose from (?P<risen>{STATES}) to (?P<up>{STATES})|"
    rf"fell from (?P<fallen>{STATES}) to (?P<down>{STATES}) after (?P<days>\d+) days? with too"
    rf" little to stay): (?=.*strength (?P<strength>{NUMBER}))"
    rf"(?=.*(?<![\d.])(?P<coverage>{NUMBER})% of its buying committee reached)(?P<rest>.*)"
)


def test_the_reasons_of_transitions_have_the_numbers_of_their_rows(refreshed: Place) -> None:
    check_reasons(refreshed.published)


def check_reasons(published: Path) -> None:
    rows = query(
        published,
        """
        select reason, reason_code, state, previous_state, days_below, strength_score,
            reached_coverage_share, has_committed_motion, is_attribution_changed
        from marts.account_activation_history
        """,
    )
    assert rows
    for reason, code, state, before, days, strength, coverage, has_motion, is_moved in rows:
        said = REASON.fullmatch(reason)
        assert said, reason
        assert said["first"] == (state if code == "first_day" else None)
        assert said["risen"] == (before if code == "rise" else None)
        assert said["fallen"] == (before if code == "fall" else None)
        assert state == (said["first"] or said["up"] or said["down"])
        assert said["days"] == (str(days) if code == "fall" else None)
        assert is_rounded(said["strength"], strength)
        assert is_rounded(said["coverage"], 100 * coverage)
        assert has_motion or "a committed deal" not in said["rest"]
        assert ("activities turned out to belong to" in reason) == is_moved
        several = code == "fall" and days > 1
        assert ("on these days" in reason) == (is_moved and several), reason


def test_what_moved_an_account_into_or_out_of_the_gap(refreshed: Place) -> None:
    check_account_movements(refreshed.published)


def check_account_movements(published: Path) -> None:
    """Every sentence is put together again from the histories of the account."""
    rows = query(
        published,
        """
        with history as (
            select
                account_id, as_of_date, state, is_target,
                coalesce(lag(is_target) over of_account, false) as was_target
            from marts_detail.account_gap_history
            window of_account as (partition by account_id order by as_of_date)
        )

        select
            moved.why, moved.movement, moved.cause, moved.gap_change,
            case
                when named.account_name != named.account_id
                    then named.account_name || ' (' || named.account_id || ')'
                else moved.other_account_id
            end,
            replace(moved.segment_type, '_', ' '), moved.segment_value, other.segment_value,
            history.state, history.is_target, history.was_target, transitions.reason
        from marts_detail.account_gap_movements as moved
        left join marts_detail.account_gap_movements as other
            on moved.account_id = other.account_id
            and moved.as_of_date = other.as_of_date
            and moved.segment_type = other.segment_type
            and moved.gap_change = -other.gap_change
        left join (
            select distinct account_id, account_name from marts.account_activation_history
        ) as named on moved.other_account_id = named.account_id
        left join history
            on moved.account_id = history.account_id and moved.as_of_date = history.as_of_date
        left join marts.account_activation_history as transitions
            on moved.account_id = transitions.account_id
            and moved.as_of_date = transitions.valid_from
        """,
    )
    (count,) = query(published, "select count(*) from marts_detail.account_gap_movements")[0]
    assert len(rows) == count > 0
    for why, movement, cause, change, other, segment, value, other_value, *facts in rows:
        state, is_target, was_target, reason = facts
        if cause == "segment":
            before, after = (value, other_value) if change == -1 else (other_value, value)
            assert why == f"In the gap as before; its {segment} changed from {before} to {after}."
            continue
        assert is_target or was_target
        if is_target and was_target:
            kind, words = ("activated" if change == -1 else "cooled"), f"it {reason}"
            assert reason.startswith("rose from" if change == -1 else "fell from")
        elif is_target:
            kind, words = "listed", f"it is a new target and {state}"
            if cause == "merge":
                words = (
                    f"the CRM record of the target {other} was merged into its own or linked to it,"
                    " and it now counts for both"
                )
            elif cause == "identity":
                words = f"the domain that is on the target list came to it from {other}"
            elif movement == "list_began":
                words = f"it is {state} and on the target list that begins on this day"
        else:
            kind = "removed"
            words = (
                "it is no longer a target"
                if state
                else "its record was deleted or left out by a rule"
            )
            if cause == "merge":
                words = (
                    f"its CRM record was merged into or linked to that of {other},"
                    " which now counts for both"
                )
            elif cause == "identity":
                words = f"the domain that is on the target list now belongs to {other}"
            elif movement == "list_began":
                words = "it is not on the target list that begins on this day"
        assert movement in (
            ("rule_or_identity_change",)
            if cause
            else (kind, "list_began")
            if kind in ("listed", "removed")
            else (kind,)
        )
        assert change == (1 if kind in ("listed", "cooled") else -1)
        side = "Came into the gap" if change == 1 else "Left the gap"
        rules = "; our rules had changed (see the mart rulesets)" if cause == "rules" else ""
        assert why == f"{side}: {words}{rules}."


def test_what_moved_the_gap_in_a_week(refreshed: Place) -> None:
    check_gap_movements(refreshed.published)


def check_gap_movements(published: Path) -> None:
    """Every sentence is put together again from the accounts that moved and the gap of the days."""
    moved = Counter(
        {
            tuple(key): n
            for *key, n in query(
                published,
                """
                select week_start_date, segment_type, segment_value, movement, sum(gap_change)
                from marts_detail.account_gap_movements
                group by all
                """,
            )
        }
    )
    gap, holds = {}, {}
    for day, segment, value, count, *held in query(
        published,
        "select as_of_date, segment_type, segment_value, target_gap, held_accounts,"
        " may_have_risen_accounts, held_by"
        " from marts.activation_gap",
    ):
        gap[(day, segment, value)] = count
        holds[(day, segment, value)] = held
    rows = query(
        published,
        """
        select
            why, week_start_date, segment_type, segment_value, as_of_date,
            lag(as_of_date) over (
                partition by segment_type, segment_value order by week_start_date
            ), opening_gap
        from marts.activation_gap_movements
        """,
    )
    assert rows
    for why, week, segment, value, day, day_before, opening in rows:
        if day_before == week - timedelta(days=1):
            assert opening == gap.get((day_before, segment, value), 0)
        closing = gap.get((day, segment, value), 0)
        held, risen, feeds = holds.get((day, segment, value), (0, 0, None))
        counts = {
            kind: int(moved[(week, segment, value, kind)])
            for kind in (
                "list_began",
                "listed",
                "removed",
                "activated",
                "cooled",
                "rule_or_identity_change",
            )
        }
        assert opening + sum(counts.values()) == closing
        began = counts.pop("list_began")
        other = counts.pop("rule_or_identity_change")
        verb = "stayed at" if opening == closing else f"grew from {opening} to"
        if began:
            verb = f"went from {opening} to"
        elif closing < opening:
            verb = f"shrank from {opening} to"
        names = ("newly listed", "taken off the list", "activated", "cooled off")
        told = [f"{abs(n)} {name}" for n, name in zip(counts.values(), names, strict=True) if n]
        if other:
            told.append(f"{abs(other)} {'more' if other > 0 else 'fewer'}")
        if began:
            told.insert(
                0,
                f"{abs(began)} {'more' if began > 0 else 'fewer'} because a new target list began"
                " to count",
            )
        moves = ", ".join(told) or "no account moved"
        if other:
            moves += " because rules or segments changed or records moved between accounts"
        accounts = "account" if closing == 1 else "accounts"
        assert why == (
            f"The gap {verb} {closing} {accounts}: {moves}."
            + (
                f" {held} activated {'account counts' if held == 1 else 'accounts count'} as such"
                f" only because {feed_words(feeds)} stopped ({feeds});"
                f" if {'it' if held == 1 else 'they'} fell meanwhile, the gap is {closing + held}."
                if held
                else ""
            )
            + (
                f" {risen} {'account' if risen == 1 else 'accounts'} may have risen unseen because"
                f" {feed_words(feeds)} stopped ({feeds});"
                f" if {'it' if risen == 1 else 'they'} rose, the gap is {closing - risen}."
                if risen
                else ""
            )
        )


def test_the_checks_tell_a_false_number() -> None:
    assert is_rounded("43.1", 43.1449)
    assert not is_rounded("43.1", 43.2)
    assert is_rounded("15", 15.4)
    assert not is_rounded("15", 16.0)
