"""What is decided of an account, and which play it has, since when and until when.

docs/method.md, sections 8 and 9. Whom there is time to ask is given: it is drawn from chances.
Exclusions and landed outcomes of plays are left out: the simulated companies have none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from recomputed.accounts import days_ago
from recomputed.files import crm_id, registrable
from recomputed.gap import ACTIVATED, LEVELS, STATES, Gap, History
from recomputed.research import DIMENSIONS
from recomputed.rules import constants, matches, rules, truth

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Play:
    """The play of an account: by which rule, needed since when, due when."""

    play_id: str
    rule_rank: str
    since: date
    due_on: date | None


@dataclass(frozen=True)
class Situation:
    """What the rules ask about an account on a day; decision: what they say of it."""

    decision: str
    is_at_once: bool
    revisit_on: date | None
    state: str
    driver: str
    lifecycle: str
    has_motion: bool
    has_timing_conflict: bool
    readiness: str


def _is_one_of(words: str, word: str) -> bool:
    return words == "any" or word in words.split("|")


def lifecycle(there: Gap, account: str) -> str:
    """By contracts where there are any, else by deals."""
    contracts = [
        row
        for row in there.rows("billing/contracts")
        if there.account_of_record.get(crm_id(row["crm_account_id"]) or "") == account
        and (row.day("starts_on") or there.on) <= there.on
    ]
    won = [deal for deal in there.deals_of[account] if deal.is_closed and deal.is_won]
    years, months = divmod(int(constants()["customer_months"]), 12)
    since = there.on.replace(year=there.on.year - years)
    assert not months, "whole years"
    if contracts:
        is_customer = any((row.day("ends_on") or there.on) >= there.on for row in contracts)
    else:
        is_customer = any((there.ended_on(deal) or there.on) > since for deal in won)
    if is_customer:
        return "customer"
    if contracts or won:
        return "former_customer"
    if any(not deal.is_renewal for deal in there.open_deals(account)):
        return "open_opportunity"
    return "prospect"


def lapses_on(there: Gap, account: str) -> date | None:
    """The first day on which something that is known of readiness would be known no more."""
    settings = constants()
    known = [name for name in DIMENSIONS if there._dimension(account, name)["is_known"]]
    for ahead in range(1, settings["research_max_age_days"] + 2):
        later = Gap(there.tables, there.on)
        later.__dict__["findings"] = there.findings
        later.on = there.on + timedelta(days=ahead)
        if any(not later._dimension(account, name)["is_known"] for name in known):
            return later.on
    return None


def situation(there: Gap, account: str, state: str) -> Situation:
    """What holds of an account on a day."""
    settings = constants()
    facts = there.facts(account)
    is_activated = truth(next(row["is_activated"] for row in STATES if row["state"] == state))
    has_signal = (
        LEVELS[facts["signal_level"]] >= LEVELS[ACTIVATED["min_signal_level"]] or facts["motion"]
    )
    driver = "untargeted"
    if account in there.targets:
        driver = "none" if is_activated else there.drivers(account)[0][0]
    readiness = there.readiness(account)["readiness_segment"]
    told = there.revisit_on(account)
    life = lifecycle(there, account)
    rule = next(
        row
        for row in rules()["decision_rules"]
        if _is_one_of(row["fit_tier"], there.fit(account)["fit_tier"])
        and _is_one_of(row["readiness_segment"], readiness)
        and _is_one_of(row["lifecycle"], life)
        and _is_one_of(row["is_told_to_wait"], str(told is not None).lower())
    )
    decision, revisit_on = rule["decision"], None
    if decision == "hold":
        revisit_on = told
        if told is None:
            newest = max(there._conversations[account], key=lambda one: one[:2])[0]
            revisit_on = newest + timedelta(days=int(rule["revisit_days"]))
            if (lapses := lapses_on(there, account)) is not None:
                revisit_on = min(revisit_on, lapses)
        if revisit_on is not None and revisit_on <= there.on:
            decision = "research"
    assert settings["days_before_decision_changes"] >= 1
    return Situation(
        decision,
        truth(rule["is_at_once"]),
        revisit_on,
        state,
        driver,
        life,
        facts["motion"],
        is_activated and has_signal and there.is_outside_window(account),
        readiness,
    )


def in_force(said: Mapping[date, Situation]) -> dict[date, str]:
    """The decision of each day: one that the rules have said for some days in a row, or at once.

    What follows a hold does not wait. said: an account's situations, of days one after the other.
    """
    wait = constants()["days_before_decision_changes"]
    found: dict[date, str] = {}
    run: list[date] = []
    held: str | None = None
    is_after_hold = was_held = False
    for on in sorted(said):
        if run and said[run[-1]].decision != said[on].decision:
            is_after_hold, was_held = was_held and said[run[-1]].decision == "hold", False
            run = []
        run.append(on)
        is_sure = len(run) >= wait or any(said[one].is_at_once for one in run)
        if held is None or is_sure or is_after_hold:
            held, was_held = said[on].decision, True
        found[on] = held
    return found


def _play_decision(one: Situation, decision: str, is_asked: bool) -> str:
    if decision == "drop":
        return "drop"
    if decision == "hold" and not one.has_motion:
        return "hold"
    if one.has_timing_conflict:
        return "watch"
    if decision == "hold":
        return "hold"
    return "research" if decision == "research" and is_asked else "pursue"


def rule_of(one: Situation, play_decision: str, trigger: str) -> dict[str, str]:
    """The first rule that matches."""
    return next(
        row
        for row in rules()["play_rules"]
        if play_decision in row["decision"].split("|")
        and _is_one_of(row["trigger"], trigger)
        and _is_one_of(row["state"], one.state)
        and _is_one_of(row["driver"], one.driver)
        and _is_one_of(row["lifecycle"], one.lifecycle)
        and _is_one_of(row["has_committed_motion"], str(one.has_motion).lower())
        and _is_one_of(row["readiness_segment"], one.readiness)
    )


def done_on(there: Gap, account: str, play: Mapping[str, str]) -> date | None:
    """The last day on which whoever leads a play did what it asks for."""
    enough = {"addressed"}
    if play["content_level"] == "account":
        enough.add("mailing")
    if not play["first_touch_hours"]:
        enough |= {"mailing", "shown"}
    return max(
        (
            on
            for on, function, kind in there.work(account)
            if function == play["owner_function"] and kind in enough
        ),
        default=None,
    )


def _news(there: Gap, account: str, history: History) -> Iterator[tuple[str, date]]:
    """What happened to an account: trigger, and the day from which it counts."""
    for row in there.rows("change_events/events"):
        named = there.account_of_record.get(crm_id(row["crm_account_id"]) or "")
        happened = row.day("event_date")
        if happened is None or happened > there.on:
            continue
        if (named or there.owners.get(registrable(row["domain"]) or "")) == account:
            kind = (row["event_type"] or "").strip().lower()
            trigger = next(
                one["trigger"]
                for one in rules()["play_triggers"]
                if one["kind"] == "change_event" and matches(one["event_pattern"], kind)
            )
            first = min(
                one.known
                for one in there.tables["change_events/events"].all(there.on)
                if one["event_id"] == row["event_id"]
            )
            yield trigger, max(first, happened)
    ranks = [history.states[on][account].rank for on in _days_of(account, history)]
    turned = max((i for i in range(1, len(ranks)) if ranks[i] != ranks[i - 1]), default=None)
    if turned is not None:
        since = there.on - timedelta(days=len(ranks) - 1 - turned)
        yield "rise" if ranks[turned] > ranks[turned - 1] else "fall", since
    oldest = days_ago(there.on, constants()["max_age_days"])
    for on in {
        one.act.on
        for one in there._counted_by_account.get(account, ())
        if truth(one.act.rule["is_buying_signal"]) and one.points > 0 and one.act.on > oldest
    }:
        yield "buying_signal", on


def _days_of(account: str, history: History) -> list[date]:
    """The days up to the last on which it was an account without a break."""
    found: list[date] = []
    for on in sorted(history.days, reverse=True):
        if account not in history.states[on]:
            break
        found.append(on)
    return found[::-1]


def plays(history: History, asked: Collection[str]) -> dict[str, Play]:
    """The play of each account on the last day. asked: whom there is time to ask."""
    last = max(history.days)
    there = history.days[last]
    found = {}
    for account in there.accounts:
        days = _days_of(account, history)
        said = {
            on: situation(
                history.days[on], account, STATES[history.states[on][account].rank - 1]["state"]
            )
            for on in days
        }
        decided = in_force(said)
        rules_of_days = {
            on: rule_of(said[on], _play_decision(said[on], decided[on], account in asked), "state")
            for on in days
        }
        found[account] = _chosen(there, account, history, said, decided, rules_of_days, asked)
    return found


def _chosen(
    there: Gap,
    account: str,
    history: History,
    said: Mapping[date, Situation],
    decided: Mapping[date, str],
    rules_of_days: Mapping[date, dict[str, str]],
    asked: Collection[str],
) -> Play:
    last = there.on
    by_id = {row["play_id"]: row for row in rules()["plays"]}
    play_decision = _play_decision(said[last], decided[last], account in asked)
    candidates: list[tuple[int, Play]] = []

    # What the state calls for: since the first day of the run of days that gave it.
    rule = rules_of_days[last]
    run = [last]
    while rules_of_days.get(run[0] - ONE_DAY, {}).get("play_id") == rule["play_id"]:
        run.insert(0, run[0] - ONE_DAY)
    due_days = [
        on + timedelta(days=int(rules_of_days[on]["due_days"]))
        for on in run
        if rules_of_days[on]["due_days"]
    ]
    due_on = min(due_days, default=None)
    done = done_on(there, account, by_id[rule["play_id"]])
    if done and done >= run[0]:
        due_on = done + timedelta(days=int(rule["repeat_days"])) if rule["repeat_days"] else None
    if due_on is None and play_decision == "hold" and rule["play_id"] != "none":
        due_on = said[last].revisit_on
    candidates.append((900, Play(rule["play_id"], rule["rule_rank"], run[0], due_on)))

    # News that a rule names and nobody has acted on since.
    by_trigger: dict[str, list[date]] = defaultdict(list)
    for trigger, counts_from in _news(there, account, history):
        by_trigger[trigger].append(counts_from)
    for trigger, starts in by_trigger.items():
        rule = rule_of(said[last], play_decision, trigger)
        if rule["trigger"] == "any":
            continue
        found = [row for row in rules()["play_triggers"] if row["trigger"] == trigger]
        fresh = timedelta(days=max(int(row["fresh_days"]) for row in found))
        answers = [done_on(there, account, by_id[rule["play_id"]])]
        if trigger == "buying_signal":
            answers += [
                on
                for route in rules()["inbound_routes"]
                if route["response_days"] and _is_one_of(route["lifecycle"], said[last].lifecycle)
                for on, function, kind in there.work(account)
                if kind == "addressed" and function in route["expected_functions"].split("|")
            ]
        answered = max((one for one in answers if one), default=date.min)
        chains: list[list[date]] = []
        for start in sorted(one for one in starts if one > answered):
            if chains and start < chains[-1][-1] + fresh:
                chains[-1].append(start)
            else:
                chains.append([start])
        for chain in chains:
            if found[0]["kind"] == "state" or any(last < one + fresh for one in chain):
                due_on = chain[0] + timedelta(days=int(rule["due_days"]))
                rank = min(int(row["trigger_rank"]) for row in found)
                candidates.append(
                    (rank, Play(rule["play_id"], rule["rule_rank"], chain[0], due_on))
                )
    candidates.sort(key=lambda one: one[0])
    of_first = [one for one in candidates if one[1].play_id == candidates[0][1].play_id]
    return min(of_first, key=lambda one: (one[1].due_on or date.max, one[0]))[1]
