"""Every sentence that a mart can write, for none, one and many, as people read it.

The file sentences_snapshot.txt holds them all. A change of a sentence changes the file
(UPDATE_SNAPSHOT=1 writes it), and whoever changes one reads it there. A sentence is written by the
model's own SQL: rows are put in the place of one of its CTEs, and what stands behind it is run.
"""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from marts import let_go, query
from runner import Place, program
from sqlglot import exp

from orchestration.commands import match_review
from orchestration.engine.data_tests import STAND_INS
from orchestration.engine.warehouse import connect
from orchestration.rules.ruleset import SEED, VAR, Rules, changes_between, match_rules
from orchestration.runs import score_store
from orchestration.scoring import matching
from orchestration.settings import PROJECT_DIR

SNAPSHOT = Path(__file__).parent / "sentences_snapshot.txt"
DAY = date(2026, 3, 31)
Row = Mapping[str, Any]


def literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, date):
        return f"date '{value}'"
    return "'" + str(value).replace("'", "''") + "'"


def closing(sql: str, opening: int) -> int:
    """Where the bracket that opens at a place closes; texts and comments are passed over."""
    depth, place = 0, opening
    while place < len(sql):
        if sql[place] == "'":
            place = sql.index("'", place + 1)
        elif sql.startswith("--", place):
            place = sql.index("\n", place)
        elif sql[place] == "(":
            depth += 1
        elif sql[place] == ")":
            depth -= 1
            if depth == 0:
                return place
        place += 1
    raise AssertionError("a bracket that does not close")


def cte(sql: str, name: str) -> tuple[int, int]:
    """Where the body of a CTE begins and ends."""
    found = re.search(rf"(?<![\w.]){name} as \(", sql)
    assert found, f"no CTE {name}"
    return found.end(), closing(sql, found.end() - 1)


def model_sql(model: str) -> str:
    """The select of a model, from its first CTE on."""
    for statement in program().by_name[model].fresh:
        begin = re.search(r"(?m)^\s*with\s", statement)
        if begin:
            sql = statement[begin.start() :]
            for name, stand_in in STAND_INS.items():
                sql = sql.replace(stand_in, str(DAY) if "DATE" in name else "by hand")
            # dbt puts it in brackets.
            while sql.count("(") < sql.count(")"):
                sql = sql[: sql.rindex(")")]
            return sql
    raise AssertionError(f"{model} has no CTE")


def with_rows(sql: str, name: str, rows: Sequence[Row]) -> str:
    """The SQL with rows in the place of a CTE; a column that a row does not name is null."""
    begin, end = cte(sql, name)
    # A row of nulls of the CTE's own types.
    empty = (
        f"select * from (values (1)) as a (one) left join (select * from ({sql[begin:end]}) as b"
    )
    empty = f"{empty} limit 0) as c on true"
    said = "\nunion all by name\n".join(
        f"select * exclude (one) replace ({replaced}) from ({empty}) as d"
        for row in rows
        for replaced in [", ".join(f"{literal(value)} as {key}" for key, value in row.items())]
    )
    return f"{sql[:begin]}\n{said}\n{sql[end:]}"


def rendered(
    connection: duckdb.DuckDBPyConnection, column: str, given: Mapping[str, Sequence[Row]]
) -> list[str]:
    """The values of `mart.column` for the rows in the place of CTEs."""
    model, _, name = column.partition(".")
    sql = model_sql(model)
    for where, rows in given.items():
        sql = with_rows(sql, where, rows)
    found = connection.execute(f"select distinct {name} from ({sql}) as said order by all")
    return [value for (value,) in found.fetchall()]


# --- the sentences --------------------------------------------------------------------------------

COMMON_ACTIVATION = {
    "account_id": "a",
    "as_of_date": DAY,
    "state": "active",
    "state_since": date(2026, 3, 1),
    "strength_score": 43.1,
    "signal_level": "strong",
    "is_broad": True,
    "has_committed_motion": False,
    "reached_coverage_share": 0.5,
    "is_held": False,
    "has_coverage_driver": False,
    "days_below": 0,
}
# A rule of which the account has nothing.
NOTHING_OF_A_RULE = {
    "account_id": "a",
    "is_own": True,
    "is_broad_enough": False,
    "has_buying_signal": False,
    "has_motion": True,
    "is_replaceable": True,
    "is_signal_replaced": False,
    "strength_score": 12.3,
    "reached_coverage_share": 0.301,
    "enter_strength": 40.0,
    "keep_strength": 32.0,
    "enter_coverage": 0.48,
    "keep_coverage": 0.384,
    "has_enter_strength": False,
    "has_keep_strength": False,
    "has_enter_signal": False,
    "has_keep_signal": False,
}
# The account with nothing of it.
LITTLE = {
    "signal_level": "some",
    "strength_score": 12.3,
    "is_broad": False,
    "reached_coverage_share": 0.301,
    "days_below": 1,
}
COMMON_HISTORY = {
    "account_id": "a",
    "valid_from": date(2026, 3, 1),
    "valid_to": date(9999, 12, 31),
    "strength_score": 43.1,
    "reached_coverage_share": 0.625,
    "has_committed_motion": False,
    "is_broad": False,
    "is_strong": False,
    "has_recent_buying_signal": False,
    "is_attribution_changed": False,
    "min_strength": 40.0,
    "min_coverage": 0.48,
    "asks_motion": True,
    "asks_strong_signal": True,
    "is_fall": False,
    "is_by_strength": False,
    "is_by_breadth": False,
    "is_by_buying_signal": False,
    "is_by_committed_motion": False,
    "is_by_coverage": False,
}
COMMON_PLAY = {
    "account_id": "a",
    "as_of_date": DAY,
    "play_decision": "pursue",
    "play_id": "create_demand",
    "what_to_do": "Widen their interest and prepare the sales approach",
    "state": "warming",
    "state_since": date(2026, 3, 1),
    "previous_state": "cold",
    "trigger": "state",
    "triggered_on": date(2026, 3, 1),
    "has_committed_motion": False,
    "needs_committed_motion": False,
    "readiness_segment": "unknown",
    "primary_driver": "low_intent",
    "days_below": 0,
}
CAN_DECIDE = {
    "readiness_segment": "can_decide",
    "play_id": "decide_now",
    "what_to_do": "Send whoever can close the deal to talk about a decision now",
}
WATCHED = {
    "play_decision": "watch",
    "play_id": "watch_window",
    "what_to_do": "Keep in touch without pressing, ask when they can buy, and be there then",
    "state": "active",
    "previous_state": "warming",
    "primary_driver": None,
    "timing_reason": "They cannot buy now: budget freeze from 2026-01-01 to 2026-04-30 (source"
    " timing.windows); from 2026-05-01 they can.",
}
SEEN = {
    "account_id": "a",
    "occurred_date": date(2026, 3, 28),
    "person_id": "p1",
    "is_buying_signal": True,
    "act_order": 1,
}
COMMON_PATH = {
    "account_id": "a",
    "change_kind": "both",
    "needs_signal": True,
    "points_missing": 0,
    "points": 0,
    "needed_points": 25.55,
    "is_broad": True,
    "has_recent_buying_signal": True,
    "is_observable": True,
    "has_coverage_driver": False,
    "is_outside_window": False,
    "reached_coverage_share": 0.2,
    "reached_coverage_share_after": 0.6,
    "vp_points": 18,
}
COMMON_VIEW = {
    "attribute": "employees",
    "source_kind": "internal",
}
COMMON_READINESS = {
    "account_id": "a",
    "as_of_date": DAY,
    "readiness_segment": "partial",
    "last_research_date": date(2026, 3, 1),
    "respondents": 2,
    "is_single_voice": False,
    "known_words": "pressure to act 60 (probably 40 to 80)",
    "unknown_words": "ownership of the problem, control of budget and priority, inability to wait",
    "expires_on": date(2026, 6, 1),
}
CONDITIONS = {
    "pressure": "pressure to act",
    "ownership": "ownership of the problem",
    "authority_alignment": "control of budget and priority",
    "timing_tolerance": "inability to wait",
}
COMMON_QUESTION = {
    "account_id": "a",
    "respondent_role": "economic_buyer",
    "dimension": "pressure",
    "flip_share": 0.912,
    "fit_share": 0.85,
    "account_value_usd": 52000,
    "value_basis": "median deal of its size",
    "expected_value_usd": 40000,
    "readiness_segment": "unknown",
    "is_lapsing": False,
    "expected_people": 0,
    "rank": 1,
    "evidence_weight": 0,
}
COMMON_DECISION = {
    "account_id": "a",
    "as_of_date": DAY,
    "decision_in_force": "pursue",
    "decision": "pursue",
    "decision_since": date(2026, 3, 1),
    "fit_tier": "strong",
    "readiness_segment": "can_decide",
    "is_told_to_wait": False,
    "is_revisit_due": False,
    "is_return": False,
    "is_stalled": False,
    "is_under_served": False,
    "rule_reason": "A deal is possible now",
    "readiness_why": "They can decide: all four conditions of a decision are met. Heard from 2"
    " people.",
    "effort_usd": 1200,
    "usual_effort_usd": 2000,
}
BLOCKED = {
    "readiness_segment": "blocked",
    "readiness_why": "They will not decide now, because nothing forces them to act.",
}
COMMON_TURN = {
    "account_id": "a",
    "stored_since": date(2026, 3, 1),
    "known_since": date(2026, 3, 1),
    "is_account": True,
    "as_of_date": date(2026, 3, 1),
    "valid_to": date(9999, 12, 31),
    "previous_decision": "research",
    "decision": "pursue",
    "fit_tier": "strong",
    "previous_fit_tier": "strong",
    "readiness_segment": "can_decide",
    "previous_readiness_segment": "can_decide",
    "lifecycle": "prospect",
    "previous_lifecycle": "prospect",
    "is_told_to_wait": False,
    "previous_is_told_to_wait": False,
    "is_revisit_due": False,
    "previous_is_revisit_due": False,
    "ruleset_version": "1",
    "previous_ruleset_version": "1",
}
COMMON_MOVE = {
    "account_id": "a",
    "as_of_date": date(2026, 3, 3),
    "is_gap": False,
    "was_gap": True,
    "is_target": True,
    "was_target": True,
    "state": "active",
    "reason": "rose from warming to active: strength 43.1 (40.0 needed)",
}
COMMON_WEEK = {
    "week_start_date": date(2026, 3, 2),
    "opening_date": date(2026, 3, 1),
    "closing_date": date(2026, 3, 8),
    "opening_gap": 0,
    "closing_gap": 0,
    "listed": 0,
    "removed": 0,
    "activated": 0,
    "cooled": 0,
    "rule_or_identity_change": 0,
    "closing_held_accounts": 0,
    "list_began": 0,
}
COMMON_DARK = {
    "segment_type": "all",
    "target_accounts": 100,
    "observed_accounts": 10,
    "caught_once": 6,
    "caught_twice": 4,
    "channels_used": 2,
    "used_channels": "intent, web",
    "estimated_dark_accounts_on_list": 12.3,
    "lower_bound_on_list": 3,
    "upper_bound_on_list": 40,
}
COMMON_WINDOW = {
    "account_id": "a",
    "window_type": "budget_freeze",
    "source": "timing.windows",
    "effect": "closed",
    "is_current": True,
    "decides_timing": True,
    "starts_on": date(2026, 1, 1),
    "ends_on": date(2026, 4, 30),
}
COMMON_CONTACT = {
    "account_id": "a",
    "contact_rank": 1,
    "persona": "champion",
    "is_whitespace": False,
    "is_required": True,
    "required_people": 2,
    "reached_people": 0.4,
}
PERSONAS = ("blocker", "champion", "economic_buyer", "procurement", "technical", "user")
# One gap account, with what the last CTE of account_activation_paths joins.
NOBODY_ELSE: dict[str, list[Row]] = {
    "gap_accounts": [{"account_id": "a", "has_coverage_driver": True, "fits_icp": True}],
    "features": [{"account_id": "a"}],
    "account_values": [{"account_id": "a"}],
}
COMMON_MISFIT = {"account_id": "a", "is_must_not": False, "attribute_order": 1}
FIT = {"account_id": "a", "as_of_date": DAY, "fits_icp": False, "is_fit_assumed": False}

COMMON_MILESTONE = {
    "account_id": "a",
    "milestone_id": "m",
    "kind": "onboarding",
    "due_on": date(2026, 3, 20),
    "first_due_on": date(2026, 3, 20),
    "days_late": 0,
    "days_moved": 0,
}
COMMON_COUNT = {
    "account_id": "a",
    "product": "Platform",
    "counted_on": date(2026, 3, 20),
    "licensed_people": 1200,
    "deployed_people": 1000,
    "active_people": 800,
}
COMMON_SEAT = {
    "account_id": "a",
    "function_name": "sales_development",
    "is_needed": True,
    "is_missing": False,
    "reason": "Accounts get standard sequences",
}
MEMBER = {
    **COMMON_SEAT,
    "member_id": "m",
    "member_name": "Ann Lee",
    "team_roles": "Account owner",
    "is_active": True,
    "member_accounts": 12,
    "accounts_per_person": 200,
    "member_load_share": 0.4,
}
COMMON_BASELINE = {
    "account_id": "a",
    "was_listed": True,
    "known_from": date(2025, 1, 1),
    "baseline_from": date(2025, 10, 1),
    "is_all_left_out": False,
    "is_overlapped": False,
    "after_weeks": 12,
}
COMMON_CHANGE = {
    "scope": "account",
    "account_id": "a",
    "measure": "acts",
    "before_amount": 10,
    "after_amount": 20,
    "is_long_enough": True,
}
COMMON_COHORT = {"segment_type": "all", "measure": "acts", "compared": 9, "seen": 9}
LISTED = {
    **COMMON_DECISION,
    "lifecycle": "prospect",
    "listed_on": date(2026, 1, 1),
    "last_movement_on": date(2026, 3, 1),
    "touches_since_listed": 12,
    "recent_touches": 12,
    "effort_since_listed_usd": 1300,
}
UNMOVED = {**LISTED, "last_movement_on": date(2025, 11, 1), "listed_on": date(2025, 11, 1)}
COMMON_REVIEW = {
    "account_id": "a",
    "has_reviews": True,
    "has_plans": True,
    "is_overdue": False,
    "reviews_left_out": 0,
    "reviews_before_listing": 0,
    "touches_of_plan": 0,
    "engaged_people": 0,
    "campaigns": 0,
    "plans_alike": 1,
    "open_deals": 0,
    "open_pipeline_usd": 0,
    "touches": 0,
    "meetings": 0,
    "answers": 0,
    "sales_development_touches": 0,
    "sales_touches": 0,
    "marketing_touches": 0,
    "customer_success_touches": 0,
    "fit_why": "Fits: 100 of 100 points.",
    "readiness_why": "Nobody inside has been asked yet.",
    "activation_why": "Cold since 2026-01-01.",
    "decision": "pursue",
    "play_name": "Create demand",
    "play_owner_function": "none",
    "play_why": "Cold since 2026-01-01.",
}
NO_RISK = {
    "account_id": "a",
    "has_plans": True,
    "has_reviews": True,
    "readiness_segment": "can_decide",
    "is_single_voice": False,
    "is_single_threaded": False,
    "is_stalled": False,
    "past_close_date": 0,
    "red_items": 0,
    "is_downgrade_paused": False,
}

Sentence = tuple[str, str, Mapping[str, Sequence[Row]]]


def of(column: str, where: str, common: Row, cases: Mapping[str, Row]) -> list[Sentence]:
    """Cases that are a row each in the place of one CTE, beside what they have in common."""
    return [(column, case, {where: [{**common, **row}]}) for case, row in cases.items()]


# mart.column, case, and the rows in the place of CTEs.
SENTENCES: list[Sentence] = [
    *of(
        "account_activation.why",
        "kept",
        COMMON_ACTIVATION,
        {
            "nothing holds it": {},
            "some signal, from one person": {
                "signal_level": "some",
                "state": "warming",
                "is_broad": False,
                "primary_driver": "low_intent",
                "signal_driver": "low_intent",
            },
            "some signal, no buying signal, two drivers": {
                "signal_level": "some",
                "state": "warming",
                "primary_driver": "low_intent",
                "signal_driver": "low_intent",
                "has_coverage_driver": True,
                "reached_coverage_share": 0.2,
            },
            "a deal": {
                "has_committed_motion": True,
                "state": "engaged",
                "reached_coverage_share": 0.7,
            },
            "nobody knows who sits there": {
                "reached_coverage_share": None,
                "coverage_unknown_reason": "no_titles",
            },
            "nobody knows what its contacts are": {
                "reached_coverage_share": None,
                "coverage_unknown_reason": "no_contacts_with_titles",
            },
            "kept by less": {
                "kept_by": "keep_thresholds",
                "signal_level": "some",
                "strength_score": 35.0,
                "enter_words": "strength 35.0 (40.0 needed) and no committed deal is moving that"
                " would make up for it",
            },
            "about to fall": {
                "kept_by": "waiting_rule",
                "days_below": 3,
                "signal_level": "some",
                "is_broad": False,
                "keep_words": "only one person and channel, no buying signal in 30 days and no"
                " committed deal is moving that would make up for it",
            },
            "held by a feed": {
                "kept_by": "stale_feed",
                "is_held": True,
                "reached_coverage_share": 0.3,
                "keep_words": "30.0% of its buying committee reached (38.4% needed)",
                "feeds": "segment.pages",
                "feeds_in_words": "segment.pages (since 2026-03-20)",
            },
            **{
                f"driver {driver}": {
                    "state": "cold",
                    "signal_level": "none",
                    "strength_score": 0,
                    "primary_driver": driver,
                    "signal_driver": driver,
                }
                for driver in (
                    "poor_fit",
                    "wrong_timing",
                    "no_signal_detected",
                )
            },
            "driver insufficient_coverage": {
                "state": "warming",
                "reached_coverage_share": 0.1,
                "primary_driver": "insufficient_coverage",
                "has_coverage_driver": True,
            },
        },
    ),
    *of(
        "account_activation_history.reason",
        "asked",
        COMMON_HISTORY,
        {
            "first day": {"reason_code": "first_day", "state": "cold", "strength_score": 0},
            "rise": {
                "reason_code": "rise",
                "state": "active",
                "previous_state": "warming",
                "is_by_strength": True,
                "is_by_breadth": True,
                "is_by_buying_signal": True,
                "is_by_coverage": True,
            },
            "rise by a deal": {
                "reason_code": "rise",
                "state": "engaged",
                "previous_state": "active",
                "reached_coverage_share": 0.7,
                "is_by_committed_motion": True,
                "has_committed_motion": True,
            },
            "rise, no coverage known": {
                "reason_code": "rise",
                "state": "active",
                "previous_state": "cold",
                "is_strong": True,
                "is_broad": True,
                "has_recent_buying_signal": True,
                "reached_coverage_share": None,
            },
            "fall after a day": {
                "reason_code": "fall",
                "is_fall": True,
                "state": "cold",
                "previous_state": "warming",
                "days_below": 1,
                "is_by_strength": True,
                "min_strength": 8.0,
                "strength_score": 3.2,
                "is_attribution_changed": True,
            },
            "fall after days": {
                "reason_code": "fall",
                "is_fall": True,
                "state": "warming",
                "previous_state": "active",
                "days_below": 7,
                "is_by_breadth": True,
                "is_by_buying_signal": True,
                "is_by_committed_motion": True,
                "is_by_coverage": True,
                "min_strength": 32.0,
                "min_coverage": 0.384,
                "reached_coverage_share": 0.301,
                "is_attribution_changed": True,
            },
        },
    ),
    *of(
        "account_gap_movements.why",
        "movements",
        COMMON_MOVE,
        {
            "activated": {"change_kind": "activated"},
            "activated by rules": {"change_kind": "activated", "is_rule_change": True},
            "cooled": {
                "change_kind": "cooled",
                "is_gap": True,
                "was_gap": False,
                "reason": "fell from active to warming after 7 days with too little to stay",
            },
            "listed": {
                "change_kind": "listed",
                "target_cause": "list",
                "is_gap": True,
                "was_gap": False,
                "state": "cold",
            },
            "removed": {"change_kind": "removed", "target_cause": "list"},
            "gone": {"change_kind": "removed", "target_cause": "list", "state": None},
            "merged": {
                "change_kind": "removed",
                "target_cause": "merge",
                "other_account": "Acme (001B)",
            },
            "in place of another": {
                "change_kind": "listed",
                "target_cause": "merge",
                "other_account": "Acme (001B)",
                "is_gap": True,
                "was_gap": False,
            },
            "lost its domain": {
                "change_kind": "removed",
                "target_cause": "identity",
                "other_account": "Acme (001B)",
            },
            "got a domain": {
                "change_kind": "listed",
                "target_cause": "identity",
                "other_account": "Acme (001B)",
                "is_gap": True,
                "was_gap": False,
            },
            "a list begins with it": {
                "change_kind": "listed",
                "target_cause": "list",
                "is_list_begun": True,
                "is_gap": True,
                "was_gap": False,
                "state": "cold",
            },
            "a list begins without it": {
                "change_kind": "removed",
                "target_cause": "list",
                "is_list_begun": True,
            },
            "another segment": {
                "is_gap": True,
                "region_value": "Europe",
                "region_before": "North America",
            },
        },
    ),
    *of(
        "activation_gap_movements.why",
        "reckoned",
        COMMON_WEEK,
        {
            "nothing": {},
            "one listed": {"listed": 1, "closing_gap": 1},
            "one fewer": {
                "opening_gap": 2,
                "closing_gap": 1,
                "activated": 1,
                "closing_held_accounts": 1,
                "closing_gap_without_held": 2,
                "held_by": "segment.pages since 2026-03-05",
            },
            "many": {
                "opening_gap": 1200,
                "closing_gap": 1210,
                "listed": 20,
                "removed": 2,
                "activated": 15,
                "cooled": 9,
                "rule_or_identity_change": -2,
                "closing_held_accounts": 11,
                "closing_gap_without_held": 1221,
                "held_by": "segment.pages since 2026-03-05",
            },
            "by rules alone": {"closing_gap": 2, "rule_or_identity_change": 2},
            "a list begins": {"closing_gap": 1200, "list_began": 1201, "activated": 1},
            "another list": {"opening_gap": 226, "closing_gap": 169, "list_began": -57},
            "one may have risen": {
                "opening_gap": 2,
                "closing_gap": 2,
                "closing_gap_if_risen": 1,
                "held_by": "segment.pages since 2026-03-05",
            },
            "some may have risen": {
                "opening_gap": 1200,
                "closing_gap": 1200,
                "closing_gap_if_risen": 1189,
                "held_by": "marketo.forms since 2026-03-03, segment.pages since 2026-03-05",
            },
        },
    ),
    *of(
        "account_plays.why",
        "chosen",
        COMMON_PLAY,
        {
            "excluded": {
                "play_decision": "withheld",
                "play_id": "none",
                "exclusion_reason": "legal, partner_owned",
            },
            "excluded for a time": {
                "play_decision": "withheld",
                "play_id": "none",
                "exclusion_reason": "do_not_contact",
                "excluded_until": date(2026, 6, 1),
            },
            "dropped": {"play_decision": "drop", "play_id": "none", "fit_score": 31},
            "dropped though they can decide": {
                "play_decision": "drop",
                "play_id": "confirm_fit",
                "what_to_do": "Check once whether they fit after all, then decline, or have the"
                " record or the fit rule corrected",
                "fit_score": 31,
                "readiness_segment": "can_decide",
            },
            "dropped by a number": {
                "play_decision": "drop",
                "play_id": "none",
                "misfits": "51,166 employees, we serve up to 20,000",
            },
            "on hold": {
                "play_decision": "hold",
                "play_id": "none",
                "revisit_on": date(2026, 5, 1),
                "readiness_segment": "blocked",
                "blocking_dimension": "pressure",
            },
            "on hold with a deal": {
                "play_decision": "hold",
                "play_id": "check_capacity",
                "what_to_do": "Ask what has changed, then correct the research or the forecast",
                "revisit_on": date(2026, 5, 1),
                "readiness_segment": "blocked",
                "blocking_dimension": "timing_tolerance",
                "has_committed_motion": True,
            },
            **{
                f"ask about {dimension}": {
                    "play_decision": "research",
                    "play_id": "discovery_research",
                    "what_to_do": "Listen before selling anything",
                    "respondent_role": role,
                    "asked_dimension": dimension,
                }
                for role, dimension in (
                    ("economic_buyer", "pressure"),
                    ("technical", "ownership"),
                    ("procurement", "authority_alignment"),
                    ("user", "timing_tolerance"),
                )
            },
            "can decide": CAN_DECIDE,
            "can decide by a day": {
                **CAN_DECIDE,
                "next_deadline_on": date(2026, 5, 5),
            },
            "watched with a deal": {
                **WATCHED,
                "signal_level": "some",
                "has_committed_motion": True,
            },
            "rise": {"trigger": "rise"},
            "fall, the last day": {
                "trigger": "fall",
                "previous_state": "active",
                "kept_by": "waiting_rule",
                "days_below": 6,
            },
            "about to fall": {"kept_by": "waiting_rule", "days_below": 2},
            "held by a feed": {
                "kept_by": "stale_feed",
                "paused_by": "segment.pages",
                "paused_since": date(2026, 3, 20),
            },
            "held by two feeds": {
                "kept_by": "stale_feed",
                "paused_by": "marketo.forms, segment.pages",
                "paused_since": date(2026, 3, 20),
            },
            "topics": {"surging_topic_names": "data warehouse, data quality and 2 more"},
            "engaged without a deal": {
                "state": "engaged",
                "previous_state": "active",
                "primary_driver": None,
                "kept_by": "waiting_rule",
                "days_below": 2,
                "needs_committed_motion": True,
                "play_id": "review_deal",
                "what_to_do": "Find out whether the deal was won, lost or put off, and decide what"
                " follows",
            },
        },
    ),
    *(
        (
            "account_plays.why",
            case,
            {
                "chosen": [
                    {**COMMON_PLAY, "trigger": trigger, "play_id": play, "what_to_do": to_do}
                ],
                "event_triggers": [
                    {
                        "account_id": "a",
                        "trigger": trigger,
                        "triggered_on": date(2026, 3, 1),
                        "event_type": event,
                        "pattern_order": 1,
                    }
                    for event in events
                ],
            },
        )
        for play, to_do, case, trigger, events in (
            (
                "executive_welcome",
                "Introduce yourself to the new executive",
                *("news", "executive_change", ["executive_change"]),
            ),
            *(
                ("change_follow_up", "Ask what the change means for them", *news)
                for news in (
                    ("news, other change", "other_change", ["new_data_platform"]),
                    ("news, two of a day", "other_change", ["new_office", "layoffs"]),
                )
            ),
        )
    ),
    *of(
        "account_activation_paths.what_it_takes",
        "paths",
        COMMON_PATH,
        {
            "excluded": {"change_kind": "excluded", "exclusion_reasons": "legal"},
            "excluded for a time": {
                "change_kind": "excluded",
                "exclusion_reasons": "do_not_contact",
                "excluded_until": date(2026, 6, 1),
            },
            "does not fit": {"change_kind": "list"},
            "does not fit by a number": {
                "change_kind": "list",
                "misfits": "1 employee, we serve 200 and more",
            },
            "one meeting": {"points_missing": 10},
            "a meeting and topics": {
                "points_missing": 25.55,
                "is_broad": False,
                "has_recent_buying_signal": False,
            },
            "several VPs": {"points_missing": 40, "has_recent_buying_signal": False},
            "no meeting is worth points": {"points_missing": 10, "vp_points": None},
            "only breadth": {"is_broad": False},
            "only a buying signal": {"has_recent_buying_signal": False},
            "nobody sees it": {"is_observable": False, "points_missing": 10},
            "no intent source": {
                "is_observable": False,
                "signal_cause": "no_intent_source",
                "points_missing": 10,
            },
            "one person": {
                "needs_signal": False,
                "has_coverage_driver": True,
                "people_to_reach": 1,
                "people_to_find": 0,
                "personas_to_reach": "1 champion",
            },
            "one person to find": {
                "needs_signal": False,
                "has_coverage_driver": True,
                "people_to_reach": 1,
                "people_to_find": 1,
                "personas_to_reach": "1 champion",
            },
            "three people, one to find": {
                "needs_signal": False,
                "has_coverage_driver": True,
                "people_to_reach": 3,
                "people_to_find": 1,
                "personas_to_reach": "2 champions, 1 technical evaluator",
            },
            "three people, two to find": {
                "needs_signal": False,
                "has_coverage_driver": True,
                "people_to_reach": 3,
                "people_to_find": 2,
                "personas_to_reach": "2 champions, 1 technical evaluator",
            },
            "all to find": {
                "needs_signal": False,
                "has_coverage_driver": True,
                "people_to_reach": 2,
                "people_to_find": 2,
                "personas_to_reach": "2 champions",
            },
            "all of three to find": {
                "needs_signal": False,
                "has_coverage_driver": True,
                "people_to_reach": 6,
                "people_to_find": 6,
                "personas_to_reach": "2 champions, 3 economic buyers, 1 user",
            },
            "too few personas required": {"needs_signal": False, "has_coverage_driver": True},
            "window opens": {
                "is_outside_window": True,
                "next_window_opens_on": date(2026, 5, 1),
                "points_missing": 10,
            },
            "window unknown": {"is_outside_window": True, "points_missing": 10},
            "committee unknown": {"points_missing": 10, "coverage_unknown_reason": "no_titles"},
            "its contacts' roles unknown": {
                "points_missing": 10,
                "coverage_unknown_reason": "no_contacts_with_titles",
            },
        },
    ),
    *of(
        "activation_levers.note",
        "told",
        {
            "gap_accounts": 1,
            "alone_accounts": 0,
            "is_unknown": False,
            "sole_blocker_value": 0,
            "win_share": 0.2,
            "win_share_basis": "own deals",
        },
        {
            "one, not alone": {},
            "one": {"alone_accounts": 1, "sole_blocker_value": 50000},
            "many, none alone": {"gap_accounts": 1900},
            "many, one alone": {
                "gap_accounts": 1900,
                "alone_accounts": 1,
                "sole_blocker_value": 50000,
            },
            "nobody can see": {"gap_accounts": 1900, "is_unknown": True},
            "many": {
                "gap_accounts": 1900,
                "alone_accounts": 1200,
                "sole_blocker_value": 64000000,
                "win_share_basis": "assumed",
            },
        },
    ),
    *of(
        "account_readiness.why",
        "joined",
        COMMON_READINESS,
        {
            "nobody asked": {"readiness_segment": "unknown", "last_research_date": None},
            "too old": {"readiness_segment": "unknown", "evidence_weight": 0},
            "says too little": {"readiness_segment": "unknown", "evidence_weight": 0.2},
            "contested": {"readiness_segment": "contested", "contested_words": "pressure to act"},
            "contested in two": {
                "readiness_segment": "contested",
                "known_words": "pressure to act 60 (probably 40 to 80), inability to wait 45"
                " (probably 30 to 60)",
                "unknown_words": "ownership of the problem, control of budget and priority",
                "contested_words": "pressure to act, inability to wait",
            },
            **{
                f"blocked by {dimension}": {
                    "readiness_segment": "blocked",
                    "blocking_dimension": dimension,
                    "known_words": f"{words} 20 (probably 5 to 40)",
                    "unknown_words": ", ".join(
                        other for other in CONDITIONS.values() if other != words
                    ),
                    "respondents": 1,
                    "is_single_voice": True,
                }
                for dimension, words in CONDITIONS.items()
            },
            "can decide": {
                "readiness_segment": "can_decide",
                "known_words": ", ".join(
                    f"{words} 85 (probably 70 to 95)" for words in CONDITIONS.values()
                ),
                "unknown_words": None,
                "is_single_voice": True,
            },
            "partial, come back": {"revisit_on": date(2026, 5, 1), "expires_on": None},
        },
    ),
    *of(
        "research_queue.why",
        "ranked",
        COMMON_QUESTION,
        {
            "nobody asked": {},
            "one on file": {"expected_people": 0.8, "respondent_role": "champion"},
            "several on file, too old": {
                "expected_people": 2.4,
                "respondent_role": "technical",
                "dimension": "ownership",
                "last_research_date": date(2025, 3, 1),
            },
            "nobody knows, says too little": {
                "expected_people": None,
                "last_research_date": date(2026, 3, 1),
                "evidence_weight": 0.2,
                "dimension": "authority_alignment",
                "respondent_role": "procurement",
            },
            "soon too old": {
                "is_lapsing": True,
                "expires_on": date(2026, 4, 10),
                "last_research_date": date(2025, 11, 1),
            },
            "contested": {
                "readiness_segment": "contested",
                "last_research_date": date(2026, 3, 1),
                "dimension": "timing_tolerance",
                "respondent_role": "blocker",
            },
        },
    ),
    *of(
        "account_decisions.why",
        "judged",
        COMMON_DECISION,
        {
            "pursue": {},
            "waiting for another": {
                "decision": "research",
                "readiness_segment": "unknown",
                "readiness_why": "What people there told us is too old to count; last asked on"
                " 2025-11-01.",
                "called_since": date(2026, 3, 29),
            },
            "hold as they said": {
                "decision_in_force": "hold",
                "decision": "hold",
                "revisit_on": date(2026, 5, 1),
                "is_told_to_wait": True,
                "rule_reason": "Leave them alone until then",
            },
            "hold until evidence is old": {
                "decision_in_force": "hold",
                "decision": "hold",
                "revisit_on": date(2026, 5, 1),
                "expires_on": date(2026, 5, 1),
                "rule_reason": "We cannot change what keeps them from deciding",
                **BLOCKED,
            },
            "hold over": {
                "decision_in_force": "research",
                "decision": "research",
                "is_revisit_due": True,
                "revisit_on": date(2026, 3, 1),
                **BLOCKED,
            },
            "came back": {"is_return": True, "previous_decision": "hold"},
            "stalled": {"is_stalled": True},
            "under-served": {"is_under_served": True},
        },
    ),
    *of(
        "account_decision_history.reason",
        "turns",
        COMMON_TURN,
        {
            "first stored day": {"previous_decision": None},
            "first stored day of a customer": {"previous_decision": None, "lifecycle": "customer"},
            "new account": {
                "previous_decision": None,
                "is_told_to_wait": True,
                "decision": "hold",
                "stored_since": date(2026, 1, 1),
            },
            "account again": {"previous_decision": None, "known_since": date(2026, 1, 1)},
            "readiness": {"previous_readiness_segment": "unknown"},
            "fit and lifecycle": {
                "previous_fit_tier": "weak",
                "previous_decision": "drop",
                "previous_lifecycle": "open_opportunity",
            },
            "day came": {"is_revisit_due": True, "previous_decision": "hold"},
            "told to wait": {"is_told_to_wait": True, "decision": "hold"},
            "no longer told": {"previous_is_told_to_wait": True, "previous_decision": "hold"},
            "rules": {"previous_ruleset_version": "2"},
            "nothing else": {},
        },
    ),
    *of(
        "coder_agreement.note",
        "agreement",
        {"dimension": "all"},
        {
            "none": {},
            "one": {"alpha": 0.9, "units": 1},
            "many": {"alpha": 0.9, "units": 100},
            "many that disagree": {"alpha": 0.2, "units": 100},
        },
    ),
    *of(
        "dark_activation.note",
        "bounds",
        COMMON_DARK,
        {
            "no channel": {"channels_used": 0},
            "one channel": {"channels_used": 1, "used_channels": "web"},
            "nobody seen": {"observed_accounts": 0},
            "one seen": {"observed_accounts": 1, "caught_once": 1, "caught_twice": 0},
            "never twice": {"caught_once": 10, "caught_twice": 0},
            "many, one left out": {"left_out_channels": "marketing"},
            "one more": {
                "estimated_dark_accounts_on_list": 1.3,
                "lower_bound_on_list": 0,
                "left_out_channels": "ads, marketing",
            },
        },
    ),
    *of(
        "contacts_to_reach.why",
        "ranked",
        COMMON_CONTACT,
        {
            "missing": {"is_whitespace": True},
            "enough": {"last_act_on": date(2026, 3, 1), "last_touch_on": date(2026, 3, 2)},
            "not needed": {"is_required": False, "persona": "technical"},
            "no persona": {"persona": None, "is_required": False},
        },
    ),
    *(
        (
            "account_fit.why",
            case,
            {"features": [{**FIT, **row}], "misfits": misfits},
        )
        for case, row, misfits in (
            (
                "fits",
                {"fits_icp": True, "fit_score": 100, "fit_tier": "strong"},
                [{"account_id": "b", "attribute_order": 1, "is_must_not": False}],
            ),
            (
                "fits, one thing against it",
                {"fits_icp": True, "fit_score": 85, "fit_tier": "strong"},
                [
                    {
                        **COMMON_MISFIT,
                        "attribute": "c",
                        "words": "country Brazil, not one that we look for",
                    }
                ],
            ),
            (
                "too few points",
                {"fit_score": 31, "fit_tier": "weak"},
                [
                    {
                        **COMMON_MISFIT,
                        "attribute": "a",
                        "words": "90 employees, we serve 200 and more",
                    },
                    {
                        **COMMON_MISFIT,
                        "attribute": "c",
                        "words": "country Brazil, not one that we look for",
                    },
                ],
            ),
            (
                "ruled out",
                {"fit_score": 70, "fit_tier": "weak"},
                [
                    {
                        **COMMON_MISFIT,
                        "is_must_not": True,
                        "attribute": "employees",
                        "words": "51,166 employees, we serve up to 20,000",
                    }
                ],
            ),
            (
                "no rule set",
                {"fits_icp": True, "is_fit_assumed": True, "fit_tier": "unknown"},
                [{"account_id": "b", "attribute_order": 1, "is_must_not": False}],
            ),
            (
                "hardly anything known",
                {
                    "fits_icp": True,
                    "is_fit_assumed": True,
                    "fit_tier": "unknown",
                    "fit_completeness_share": 0.1,
                },
                [{"account_id": "b", "attribute_order": 1, "is_must_not": False}],
            ),
        )
    ),
    *(
        (
            "account_fit.misfits",
            case,
            {
                "features": [FIT],
                "criteria": [
                    {"criterion": "c", "weight": 0, "is_must_not": True, **criterion},
                ],
                "fit_spans": [{"account_id": "a", "criterion": "c", "is_match": True, **span}],
            },
        )
        for case, criterion, span in (
            (
                "one employee",
                {"attribute": "employees", "operator": "outside", "min_value": 200},
                {"value_number": 1},
            ),
            (
                "too many employees",
                {"attribute": "employees", "operator": "outside", "max_value": 20000},
                {"value_number": 51166},
            ),
            (
                "revenue",
                {
                    "attribute": "revenue_usd",
                    "operator": "between",
                    "min_value": 50000000,
                    "is_must_not": False,
                },
                {"value_number": 1200000, "is_match": False},
            ),
            (
                "within what is ruled out",
                {
                    "attribute": "employees",
                    "operator": "between",
                    "min_value": 200,
                    "max_value": 500,
                },
                {"value_number": 300},
            ),
            (
                "an industry that is ruled out",
                {"attribute": "industry", "operator": "not_in"},
                {"value_text": "Hospitality"},
            ),
            (
                "a country",
                {"attribute": "country", "operator": "in", "is_must_not": False},
                {"value_text": "Brazil", "is_match": False},
            ),
            (
                "a tool that is ruled out",
                {"attribute": "technologies", "operator": "contains", "list_values": "kafka|flink"},
                {"value_text": "dbt;Kafka"},
            ),
            (
                "tools that are ruled out, in the source's words",
                {
                    "attribute": "technologies",
                    "operator": "contains",
                    "list_values": "apache kafka",
                },
                {"value_text": "dbt;kafka"},
            ),
            (
                "below what is ruled out",
                {"attribute": "employees", "operator": "between", "max_value": 500},
                {"value_number": 300},
            ),
            (
                "tools that nobody looks for",
                {"attribute": "technologies", "operator": "contains", "is_must_not": False},
                {"value_text": "dbt;kafka", "is_match": False},
            ),
        )
    ),
    *(
        (
            "account_plays.why",
            case,
            {
                "chosen": [{**COMMON_PLAY, **WATCHED, "signal_level": "strong", **row}],
                "seen_acts": [
                    {
                        **SEEN,
                        "activity_type": "reply",
                        "did": "replied to an email",
                        "called": "a VP",
                    }
                ],
            },
        )
        for case, row in (
            ("watched", {}),
            (
                "watched, until nobody knows when",
                {
                    "timing_reason": "They cannot buy now: their last buying window was budget"
                    " planning from 2026-01-01 to 2026-02-01 (source timing.windows); when they can"
                    " is not known.",
                },
            ),
            ("watched with both", {"has_committed_motion": True}),
        )
    ),
    *(
        (
            "account_plays.why",
            case,
            {
                "chosen": [{**COMMON_PLAY, "trigger": "spike" if case == "spike" else "state"}],
                "seen_acts": rows,
            },
        )
        for case, rows in (
            (
                "spike",
                [
                    {
                        **SEEN,
                        "activity_type": "documentation",
                        "did": "read the documentation",
                        "is_buying_signal": False,
                    }
                ],
            ),
            (
                "acts of one person",
                [
                    {
                        **SEEN,
                        "activity_type": "reply",
                        "did": "replied to an email",
                        "called": "a VP",
                    }
                ],
            ),
            (
                "acts of nobody known",
                [
                    {
                        **SEEN,
                        "person_id": None,
                        "activity_type": "ad_click",
                        "did": "clicked an ad",
                        "is_buying_signal": False,
                    }
                ],
            ),
            (
                "acts of several people",
                [
                    {
                        **SEEN,
                        "activity_type": "pricing_page",
                        "did": "looked at the pricing page",
                        "called": "an executive",
                        "persona": "economic_buyer",
                    },
                    {
                        **SEEN,
                        "activity_type": "pricing_page",
                        "did": "looked at the pricing page",
                        "person_id": "p2",
                        "act_order": 2,
                    },
                    {
                        **SEEN,
                        "activity_type": "webinar",
                        "did": "attended a webinar",
                        "person_id": "p2",
                        "called": "somebody",
                        "persona": "user",
                        "is_buying_signal": False,
                    },
                    {
                        **SEEN,
                        "activity_type": "webinar",
                        "did": "attended a webinar",
                        "person_id": "p3",
                        "act_order": 2,
                        "is_buying_signal": False,
                    },
                ],
            ),
        )
    ),
    *(
        ("account_timing.timing_reason", case, {"accounts": [account], "all_windows": windows})
        for case, account, windows in (
            (
                "no window",
                {"account_id": "a", "is_outside_window": False},
                [{"account_id": "b"}],
            ),
            (
                "closed",
                {"account_id": "a", "is_outside_window": True},
                [
                    {
                        **COMMON_WINDOW,
                        "words": "budget freeze from 2026-01-01 to 2026-04-30",
                        "by_end": "1",
                    }
                ],
            ),
            (
                "open",
                {"account_id": "a", "is_outside_window": False},
                [
                    {
                        **COMMON_WINDOW,
                        "effect": "open",
                        "words": "budget planning from 2026-01-01 to 2026-04-30",
                        "by_end": "1",
                    }
                ],
            ),
            (
                "before the first",
                {"account_id": "a", "is_outside_window": True},
                [
                    {
                        **COMMON_WINDOW,
                        "effect": "open",
                        "is_current": False,
                        "starts_on": date(2026, 6, 1),
                        "ends_on": date(2026, 7, 1),
                    }
                ],
            ),
            (
                "after the last",
                {"account_id": "a", "is_outside_window": True},
                [
                    {
                        **COMMON_WINDOW,
                        "effect": "open",
                        "is_current": False,
                        "starts_on": date(2026, 1, 1),
                        "ends_on": date(2026, 2, 1),
                        "words": "budget planning from 2026-01-01 to 2026-02-01",
                        "by_end": "1",
                    }
                ],
            ),
            (
                "closed later, one for information",
                {"account_id": "a", "is_outside_window": False},
                [
                    {
                        **COMMON_WINDOW,
                        "is_current": False,
                        "starts_on": date(2026, 5, 1),
                        "ends_on": date(2026, 6, 1),
                    },
                    {
                        **COMMON_WINDOW,
                        "effect": "open",
                        "decides_timing": False,
                        "words": "contract end from 2026-06-01 to 2026-08-31",
                        "by_start": "1",
                    },
                ],
            ),
        )
    ),
    *(
        (
            "account_activation.why",
            case,
            {
                "gap_days": [{**COMMON_ACTIVATION, **row}],
                "judged": [{**NOTHING_OF_A_RULE, **rule}],
                "standing": [{"account_id": "a", "meets_enter": False, "meets_keep": keeps}],
                "holding_spans": [
                    {
                        "account_id": "a" if feed else "b",
                        "feed": feed,
                        "stale_since": date(2026, 3, 20),
                    }
                    for feed in feeds
                ],
            },
        )
        for case, row, rule, keeps, feeds in (
            ("all that could be missing", LITTLE, {}, False, [None]),
            (
                "no deal and too few",
                {"state": "engaged", "days_below": 1, "reached_coverage_share": 0.301},
                {
                    "has_motion": False,
                    "is_replaceable": False,
                    "enter_coverage": 0.67,
                    "keep_coverage": 0.536,
                    "is_broad_enough": True,
                    "has_buying_signal": True,
                    "strength_score": 43.1,
                    "has_keep_strength": True,
                    "has_keep_signal": True,
                },
                False,
                [None],
            ),
            (
                "two feeds stopped",
                {**LITTLE, "is_held": True},
                {},
                False,
                ["marketo.forms", "segment.pages"],
            ),
            (
                "kept without the strength to rise",
                {"signal_level": "some", "strength_score": 35.0},
                {
                    "is_broad_enough": True,
                    "has_buying_signal": True,
                    "strength_score": 35.0,
                    "reached_coverage_share": 0.5,
                    "has_keep_strength": True,
                    "has_keep_signal": True,
                },
                True,
                [None],
            ),
        )
    ),
    *(
        ("account_activation_paths.personas_to_reach", case, {**NOBODY_ELSE, "chosen_steps": rows})
        for case, rows in (
            ("one person", [{"account_id": "a", "persona": "champion", "people": 1}]),
            (
                "several people",
                [
                    {"account_id": "a", "persona": persona, "people": people}
                    for people, persona in enumerate(PERSONAS, 1)
                ],
            ),
        )
    ),
    *of(
        "account_gap_drivers.meaning",
        "gap_days",
        {"account_id": "a"},
        {
            driver: {"signal_driver": driver}
            for driver in ("poor_fit", "low_intent", "wrong_timing", "no_signal_detected")
        },
    ),
    *of(
        "account_gap_drivers.meaning",
        "gap_days",
        {"account_id": "a"},
        {"insufficient_coverage": {"has_coverage_driver": True}},
    ),
    *(
        (
            "account_signals.surging_topic_names",
            case,
            {
                "features": [{"account_id": "a"}],
                "momentum": [{"account_id": "a"}],
                "surging_scores": [
                    {"account_id": owner, "topic": topic, "topic_order": order}
                    for order, (owner, topic) in enumerate(topics, 1)
                ],
            },
        )
        for case, topics in (
            ("none", [("b", "data quality")]),
            ("one", [("a", "data quality")]),
            ("two", [("a", "data quality"), ("a", "data lake")]),
            ("four", [("a", f"data {name}") for name in ("quality", "lake", "mesh", "apps")]),
        )
    ),
    *of(
        "icp_alignment.what_to_do",
        "compared",
        {
            "function_name": "sales",
            "other_function": "customer_success",
            "accounts_only_here": 0,
            "accounts_only_there": 0,
            "accounts_known": 900,
            "attribute": "revenue_usd",
        },
        {
            "they agree": {"status": "agree"},
            "they differ on one": {"status": "differ", "accounts_only_here": 1},
            "they differ": {
                "status": "differ",
                "accounts_known": 9000,
                "accounts_only_here": 1200,
                "accounts_only_there": 34,
            },
            "settled": {"status": "resolved", "accounts_only_here": 3},
            "no value": {"status": "nothing known", "accounts_known": 0},
            "nothing said": {"status": "not said", "function_name": "customer_success"},
            "not delivered": {
                "attribute": "account_profit_usd",
                "status": "missing",
                "missing_words": "what accounts earn us",
            },
        },
    ),
    *(
        (
            "icp_alignment.says",
            case,
            {
                "views": [
                    {**COMMON_VIEW, **row, "function_name": name} for name in ("sales", "marketing")
                ]
            },
        )
        for case, row in (
            ("a range", {"operator": "between", "min_value": 200, "max_value": 20000}),
            ("a least", {"operator": "between", "min_value": 200}),
            ("a most", {"operator": "between", "max_value": 20000}),
            ("outside", {"operator": "outside", "min_value": 200, "max_value": 20000}),
            ("a list", {"operator": "in", "list_values": "retail|banking"}),
            ("not on a list", {"operator": "not_in", "list_values": "retail"}),
            ("has one of", {"operator": "contains", "list_values": "dbt|kafka"}),
        )
    ),
    *of(
        "data_health.features_off",
        "tables",
        {"source": "salesforce", "table_name": "lead", "has_landed": True},
        {
            "all is well": {},
            "never landed": {"has_landed": False, "features": "leads from Salesforce"},
            "no model reads it": {"unread_models": ""},
            "no line in sources": {"unread_models": "stg_salesforce__leads"},
            "columns": {
                "lost_columns": "title",
                "missing_optional_columns": "is_deleted, owner_id",
                "unread_flags": "is_archived (3 rows)",
            },
        },
    ),
    *(
        ("success_milestones.why", case, {"accounts": [{"account_id": "a"}], where: [row]})
        for where, common, rows in (
            (
                "milestones",
                COMMON_MILESTONE,
                {
                    "done": {"done_on": date(2026, 3, 20)},
                    "done a day late": {"done_on": date(2026, 3, 21), "days_late": 1},
                    "done days late, put off": {
                        "done_on": date(2026, 3, 22),
                        "days_late": 2,
                        "first_due_on": date(2026, 3, 1),
                        "days_moved": 19,
                    },
                    "a day overdue": {"days_late": 1},
                    "overdue, escalated": {"days_late": 11, "escalated_to": "the CFO"},
                    "escalated before it is due": {"days_late": -20, "escalated_to": "the CFO"},
                    "due within a week": {"days_late": -6},
                    "due on a far day": {"days_late": -60},
                    "put off": {
                        "days_late": -60,
                        "first_due_on": date(2026, 3, 1),
                        "days_moved": 19,
                    },
                    "end of a trial": {"kind": "trial", "days_late": -3},
                },
            ),
            (
                "counts",
                COMMON_COUNT,
                {
                    "well used": {},
                    "partly used": {"active_people": 500},
                    "hardly used, by one": {
                        "licensed_people": 5,
                        "deployed_people": 4,
                        "active_people": 1,
                    },
                    "more than licensed": {"licensed_people": 900},
                    "old counts": {"counted_on": date(2026, 1, 1)},
                    "a wrong count": {"active_people": 1100},
                    "nobody has it": {"deployed_people": 0, "active_people": 0},
                    "two counts missing": {"licensed_people": None, "active_people": None},
                    "a unit without licences": {
                        "unit": "HQ",
                        "licensed_people": 0,
                        "deployed_people": 0,
                        "active_people": 0,
                    },
                },
            ),
            (
                "white_space",
                {"account_id": "a", "product": "Analytics"},
                {
                    "no contract, one in the group": {"accounts_with_contract": 1},
                    "no contract, several in the group": {"accounts_with_contract": 1200},
                },
            ),
            (
                "expansion",
                {"account_id": "a", "open_deals": 0},
                {
                    "full": {"licensed_people": 100, "active_people": 95, "is_full": True},
                    "more than licensed": {
                        "licensed_people": 100,
                        "deployed_people": 120,
                        "active_people": 95,
                        "is_full": True,
                        "is_over_licence": True,
                        "open_deals": 1,
                        "open_pipeline_usd": 12000,
                    },
                    "licences left, deals": {
                        "licensed_people": 100,
                        "active_people": 50,
                        "is_full": False,
                        "open_deals": 2,
                        "open_pipeline_usd": 64000,
                    },
                    "use not known, deal without an amount": {"open_deals": 1},
                },
            ),
        )
        for case, row in ((case, {**common, **row}) for case, row in rows.items())
    ),
    *of(
        "account_teams.why",
        "judged",
        COMMON_SEAT,
        {
            "nobody": {"is_missing": True},
            "left": {**MEMBER, "is_active": False, "is_missing": True},
            "left, another is there": {**MEMBER, "is_active": False},
            "not known": {"is_missing": None},
            "function not known": {
                **MEMBER,
                "function_name": "unknown",
                "is_needed": False,
                "reason": None,
            },
            "one account": {**MEMBER, "member_accounts": 1, "member_load_share": 0.005},
            "accounts of a tier": {**MEMBER, "target_tier": "A", "member_load_share": 1.25},
            "no capacity": {
                **MEMBER,
                "team_roles": None,
                "accounts_per_person": None,
                "member_load_share": None,
                "is_needed": False,
            },
        },
    ),
    *of(
        "engagement_baseline.why",
        "windows",
        COMMON_BASELINE,
        {
            "known too late": {"known_from": date(2025, 11, 1)},
            "feeds left out": {"is_all_left_out": True, "left_out_feeds": "segment.pages"},
            "moved": {"changed_on": date(2026, 2, 1)},
            "another programme": {"is_overlapped": True},
            "too soon": {"after_weeks": 3},
            "nothing seen": {},
        },
    ),
    *of(
        "engagement_baseline.why",
        "rows_of_both",
        COMMON_CHANGE,
        {
            "rose": {"lower_share": 0.1, "upper_share": 1.2},
            "fell": {"lower_share": -0.8, "upper_share": -0.1},
            "no clear change": {"lower_share": -0.2, "upper_share": 0.4},
        },
    ),
    *(
        (
            "engagement_baseline.why",
            case,
            {
                "windows": [{"account_id": "b", "was_listed": False}],
                "cohort_changes": [{**COMMON_COHORT, **row}],
            },
        )
        for case, row in (
            ("no account to compare", {"compared": 0, "seen": 0}),
            ("too few accounts", {"before_amount": 10, "after_amount": 20}),
        )
    ),
    *of(
        "sdr_cadences.why",
        "judged",
        {"account_id": "a"},
        {
            "one touch of nobody known": {
                "status": "unknown_function",
                "unknown_function_touches": 1,
            },
            "touches of nobody known": {
                "status": "unknown_function",
                "unknown_function_touches": 1200,
            },
            **{
                status: {"status": status}
                for status in (
                    "over",
                    "answered",
                    "running",
                    "below",
                    "one_channel",
                    "too_fast",
                    "too_slow",
                    "kept",
                )
            },
        },
    ),
    *of(
        "account_decisions.why_listed",
        "judged",
        LISTED,
        {
            "moved": {"selected_by": "Ann Lee", "selection_basis": "uses a rival's product"},
            "not since it was listed": {
                "last_movement_on": date(2026, 1, 1),
                "touches_since_listed": 1,
            },
            "by somebody not named": {"selection_basis": "uses a rival's product"},
            "a customer": {**UNMOVED, "lifecycle": "customer"},
            "does not fit": {**UNMOVED, "decision_in_force": "drop"},
            "on hold": {**UNMOVED, "decision_in_force": "hold", "revisit_on": date(2026, 5, 1)},
            "on hold, no day": {**UNMOVED, "decision_in_force": "hold"},
            "stalled": {**UNMOVED, "is_stalled": True},
            "never touched": {**UNMOVED, "touches_since_listed": 0, "effort_since_listed_usd": 0},
            "not touched of late": {**UNMOVED, "recent_touches": 0},
            "not worked on for long": UNMOVED,
        },
    ),
    *(
        (
            "account_reviews.said",
            f"{item}, {case}",
            {
                "told": [{**COMMON_REVIEW, **row}],
                "items": [{"item_order": 1, "item": item}],
            },
        )
        for item, rows in {
            "review": {
                "none delivered": {"has_reviews": False},
                "none planned": {},
                "due": {"next_due_on": date(2026, 5, 1), "last_held_on": date(2026, 3, 1)},
                "overdue": {"next_due_on": date(2026, 3, 1), "is_overdue": True},
                "one never held, one before the listing": {
                    "last_held_on": date(2026, 3, 1),
                    "reviews_left_out": 1,
                    "reviews_before_listing": 1,
                },
                "several never held, several before the listing": {
                    "last_held_on": date(2026, 3, 1),
                    "reviews_left_out": 2,
                    "reviews_before_listing": 3,
                },
            },
            "plan": {
                "none delivered": {"has_plans": False},
                "none made": {},
                "runs": {
                    "plan_period": "1 runs",
                    "plan_starts_on": date(2026, 1, 1),
                    "plan_ends_on": date(2026, 6, 30),
                    "plan_owner_function": "customer_success",
                    "objective": "Win the data team.",
                    "challenge": "A rival is in place.",
                    "touches_of_plan": 1200,
                    "planned_touches": 2000,
                    "engaged_people": 3,
                    "planned_stakeholders": 5,
                    "campaigns": 2,
                    "plans_alike": 2,
                },
                "runs without an end": {"plan_period": "1 runs", "touches_of_plan": 1},
                "to come": {"plan_period": "2 to come", "plan_starts_on": date(2026, 5, 1)},
                "ended": {"plan_period": "3 ended", "plan_ends_on": date(2026, 2, 1)},
            },
            "team": {
                "nobody": {},
                "some": {"members": "Ann Lee (owner of the account)", "missing": "executive"},
                "some not known": {
                    "members": "Ann Lee (owner of the account)",
                    "team_not_known": "marketing, sales development",
                },
            },
            "readiness": {
                "not known": {},
                "known": {
                    "readiness_why": "They can decide: all four conditions of a decision are met."
                    " Heard from 2 people.",
                    "pressure_types": "audit, cost_cut",
                    "next_deadline_on": date(2026, 6, 1),
                    "constraint_types": "competing_priority",
                },
            },
            "company_events": {
                "none": {},
                "two": {"company_events": "2026-03-20 acquisition; 2026-03-09 new office"},
            },
            "pipeline": {
                "none": {},
                "a renewal": {
                    "open_words": "Renewal, expected to close on 2026-08-01 (renewal)",
                },
                "one": {
                    "open_deals": 1,
                    "open_pipeline_usd": 50000,
                    "open_words": "Proposal, 50,000 USD a year, expected to close on 2026-05-01",
                },
                "many without amounts": {"open_deals": 2, "open_words": "Proposal; Proposal"},
            },
            "touches_and_answers": {
                "none": {},
                "one": {
                    "touches": 1,
                    "sales_touches": 1,
                    "meetings": 1,
                    "answers": 1,
                    "last_touch_on": date(2026, 3, 1),
                    "last_answer_on": date(2026, 3, 2),
                },
                "many": {
                    "touches": 1200,
                    "sales_touches": 1000,
                    "marketing_touches": 200,
                    "meetings": 12,
                    "answers": 34,
                    "last_touch_on": date(2026, 3, 1),
                    "last_answer_on": date(2026, 3, 2),
                },
            },
            "next_steps": {
                "nothing to do": {
                    "exclusion_reason": "legal",
                    "play_why": "Excluded (legal): nobody should act on them,"
                    " whatever the decision.",
                },
                "overdue": {
                    "play_due_on": date(2026, 3, 20),
                    "is_play_overdue": True,
                    "play_owner_function": "sales_development",
                    "next_milestone_on": date(2026, 4, 9),
                },
                "no day": {"is_play_overdue": False},
            },
        }.items()
        for case, row in rows.items()
    ),
    *(
        (
            "account_reviews.said",
            f"risks, {case}",
            {
                "joined": [{**NO_RISK, **row}],
                "items": [{"item_order": 1, "item": "risks"}],
            },
        )
        for case, row in {
            "none": {},
            "cannot decide": {"readiness_segment": "blocked"},
            "contested": {"readiness_segment": "contested"},
            "nobody asked": {"readiness_segment": "unknown"},
            "one of each": {
                "readiness_segment": "blocked",
                "is_single_voice": True,
                "is_single_threaded": True,
                "expires_on": date(2026, 6, 1),
                "is_stalled": True,
                "past_close_date": 1,
                "red_items": 1,
                "missing": "executive",
                "is_downgrade_paused": True,
                "paused_by": "segment.pages",
                "exclusion_reason": "do_not_contact",
            },
            "several": {
                "past_close_date": 2,
                "red_items": 3,
                "missing": "executive, marketing",
                "is_downgrade_paused": True,
                "paused_by": "marketo.forms, segment.pages",
            },
        }.items()
    ),
    *(
        (
            "pipeline.stage_norm_unknown_reason",
            case,
            {
                "deals": [{"crm_opportunity_id": "d", "stage_name": "P", "outcome": "open"}],
                "stage_norms": [{"stage_key": key, "norm_deals": deals}],
            },
        )
        for case, key, deals in (("none", "q", 9), ("one", "p", 1), ("several", "p", 3))
    ),
    *(
        (
            "pipeline_history.created_unknown_reason",
            case,
            {
                "first_days": [{"stored_from": date(2026, 1, 1), "listed_from": date(2026, 1, 1)}],
                "described": [
                    {
                        "crm_opportunity_id": "d",
                        "account_id": "a",
                        "created_on": date(2026, 2, 1),
                        "valid_from": date(2026, 2, 1),
                        "valid_to": date(9999, 12, 31),
                        **row,
                    }
                ],
            },
        )
        for case, row in (
            ("no account", {"account_id": None, "no_account_reason": "no account"}),
            ("account unknown", {"account_id": None, "no_account_reason": "account unknown"}),
            ("too early", {"created_on": date(2025, 2, 1)}),
            ("not known yet", {}),
        )
    ),
    *(
        (
            "account_orchestration.contact_sequence",
            case,
            {
                "touches": [
                    {
                        "account_id": "a",
                        "touch_date": date(2026, 3, day),
                        "function_name": function,
                        "channel": channel,
                        "activity_type": "touch_email",
                    }
                    for day, function, channel in contacts
                ]
            },
        )
        for case, contacts in (
            ("one", [(2, "sales_development", "email")]),
            ("two of a day", [(2, "sales", "phone"), (2, "marketing", "ads")]),
            (
                "one after two",
                [(2, "sales", "message"), (2, "marketing", "event"), (5, "sales", "meeting")],
            ),
            ("others", [(2, "sales", "social"), (5, "customer_success", "workshop")]),
        )
    ),
]

PLACES = ("Form main: ", "CRM field: ")
# Who has set a rule of the company's, and whether make init proposes it, as company_rules has it.
SETTERS = (("proposed", "true"), ("nobody", "true"), ("nobody", "false"))
FAULTS = ("unknown_question", "unknown_account", "nothing_rated", "no_rating")
# What stands for the columns of review_items, so that each of its sentences is written.
STAND_INS_OF_ITEMS = {
    "alpha": "0.41",
    "remedy": "'Fill in the account at the source'",
    "example_file": "'salesforce/lead/a.csv'",
    "source_instance": "'emea'",
    "example_row": "7",
    "rule_file": "'RULES_DIR/account_exclusions.csv'"
    " || ' (not there yet? copy it from seeds/plays)'",
    "domain": "'acme.com'",
    "account_name": "'Acme'",
    "account_id": "'001A'",
    "other_account_id": "'002B'",
    "claim_source": "'website'",
    "company_name": "'Acme Ltd'",
    "company": "'acmeltd'",
    "source": "'salesforce'",
    "table_name": "'lead'",
    "reason": "'no account'",
    "source_type": "'interview'",
    "held_on": "date '2026-05-01'",
    "item": "'pressure'",
    "account_named": "null",
    "rule": "'fit_criteria'",
    "decides": "'what makes an account fit'",
    "until_then": "'every account counts as fitting'",
    "attribute": "'employees'",
    "function_name": "'sales'",
    "other_function": "'customer_success'",
}
# The account beside that of the item, and what stands for it in its SQL.
OTHER = {"account_name": "'Beta'", "account_id": "'002B'"}
TABLES_OF_OTHER = {"losers", "losing_accounts", "successors", "other_accounts"}
# Seeds whose words marts repeat: file, column, what it stands in.
SEEDS = (
    ("landing/row_fates", "reason", "load_audit.reason"),
    ("landing/row_fates", "meaning", "load_audit.meaning"),
    ("landing/row_fates", "remedy", "load_audit.remedy"),
    ("plays/plays", "play_name", "account_plays.play_name"),
    ("plays/plays", "description", "account_plays.why"),
    ("plays/play_rules", "reason", "account_plays.rule_reason"),
    ("activation/activation_states", "response", "account_plays.response"),
    ("plays/inbound_routes", "reason", "inbound_routing.route_reason"),
    ("research/decision_rules", "reason", "account_decisions.why"),
    ("signals/activity_types", "did", "account_plays.why"),
    ("signals/seniority_levels", "called", "account_plays.why"),
    *(
        ("planning/persona_composites", column, f"account_persona_coverage.{column}")
        for column in (
            "daily_work",
            "challenges",
            "goals",
            "motivation",
            "part_in_decision",
        )
    ),
    ("planning/team_seats", "reason", "account_teams.why"),
    ("success/milestone_rules", "reason", "success_milestones.why"),
)


def of_review_items(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    """The sentences of review_items, by type of item."""
    sql = model_sql("review_items")
    begin, end = cte(sql, "items")
    tree = sqlglot.parse_one(sql[begin:end], dialect="duckdb")
    lines = []
    for select in tree.find_all(exp.Select):
        if select.parent_select is not None or len(select.expressions) != 4:
            continue
        item_type = select.expressions[0].unalias().this
        faults = FAULTS if select.find(exp.Case) and "fault" in select.sql() else ("",)
        places = PLACES if len(faults) > 1 else ("",)
        setters = SETTERS if item_type == "rule_not_set" else (("", "true"),)
        for fault, place, (setter, proposable) in itertools.product(faults, places, setters):
            named = {
                **STAND_INS_OF_ITEMS,
                "fault": f"'{fault}'",
                "place": f"'{place}'",
                "set_by": f"'{setter}'",
                "is_proposable": proposable,
            }
            for column, at in (("item", 1), ("remedy", 3)):
                words = (
                    select.expressions[at]
                    .unalias()
                    .transform(
                        lambda node, named=named: (
                            sqlglot.parse_one(
                                (named | OTHER if node.table in TABLES_OF_OTHER else named)[
                                    node.name
                                ],
                                dialect="duckdb",
                            )
                            if isinstance(node, exp.Column) and node.name in named
                            else node
                        )
                    )
                )
                if words.find(exp.Column):
                    continue
                said = connection.execute(f"select {words.sql('duckdb')}").fetchone()[0]
                if said is not None and " " in str(said):
                    lines.append((f"review_items.{column}", item_type, str(said)))
    return lines


def of_pairs() -> list[tuple[str, str]]:
    """The evidence of match review for pairs of companies."""
    pairs = {
        "one company": ("Acme Dairy Ltd", "Acme Dairy", "acme.com", "acme.com", "GB", "GB"),
        "another spelling": ("Akme Dairies", "Acme Dairy", "", "", "GB", "NL"),
        "initials": ("International Cheese Works", "ICW", "", "", "", ""),
        "strangers": ("Northwind Steel", "Acme Dairy", "northwind.com", "acme.com", "GB", "NL"),
    }
    names = ("name_left", "name_right", "domain_left", "domain_right", "country_left")
    columns = [*names, "country_right"]
    rows = [dict(zip(columns, pair, strict=True)) for pair in pairs.values()]
    table = match_review.as_pairs(rows, {name: name for name in columns})
    judged = matching.judge(table, match_rules(PROJECT_DIR)).to_pylist()
    return [(case, row["evidence"]) for case, row in zip(pairs, judged, strict=True)]


def of_rules() -> list[tuple[str, str]]:
    """What rulesets says of none, one and many: of vars, of rows and of all rules."""
    name = "fit/weights.csv"
    header = ["name", "weight"]
    few, many = [["a", "1"]], [[letter, "1"] for letter in "abcdef"]

    def seed(rows: list[list[str]], columns: Sequence[str] = header) -> dict[tuple[str, str], str]:
        return {(SEED, name): json.dumps([columns, *rows])}

    def var(value: object, name: str = "flap_days") -> dict[tuple[str, str], str]:
        return {(VAR, name): json.dumps(value)}

    uses: dict[str, tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]]] = {
        "a var": (var(14), var(21)),
        "a var of words": (var("EUR", "default_currency"), var("USD", "default_currency")),
        "a new var": ({}, var(14)),
        "a var that is gone": (var(14), {}),
        "a new seed": ({}, seed(few)),
        "a new seed without rows": ({}, seed([])),
        "a seed that is gone": (seed(many), {}),
        "one row changed": (seed(few), seed([["a", "2"]])),
        "one row changed to nothing": (seed(few), seed([["a", ""]])),
        "many rows changed": (seed(many), seed([[letter, "2"] for letter, _ in many])),
        "one row added": (seed(few), seed([*few, ["b", "1"]])),
        "one row removed, many added": (seed([["z", "1"]]), seed(many)),
        "another order": (seed(many), seed(many[::-1])),
        "columns": (seed(few), seed([["a", "x"]], ["name", "share"])),
    }
    said = [
        (case, change.what_changed)
        for case, (before, after) in uses.items()
        for change in changes_between(before, Rules(after, {name: ("name",)}))
    ]
    assert [case for case, _ in said] == [*uses], "each case has one sentence"
    return [
        *said,
        ("nothing", score_store.NOTHING_ELSE),
        ("not kept", score_store.NOT_KEPT),
        ("the first", score_store.first_kept(1200)),
    ]


def snapshot(connection: duckdb.DuckDBPyConnection) -> str:
    """All sentences, as the file holds them."""
    said: dict[str, list[str]] = {}
    for column, case, given in SENTENCES:
        values = rendered(connection, column, given)
        # Rows beside the case may have no sentence.
        for value in [value for value in values if value is not None] or values:
            said.setdefault(column, []).append(f"{case}: {value}")
    for case, value in of_pairs():
        said.setdefault("match_proposals.evidence", []).append(f"{case}: {value}")
    for case, value in of_rules():
        said.setdefault("rulesets.what_changed", []).append(f"{case}: {value}")
    for column, case, value in of_review_items(connection):
        line = f"{case}: {value}"
        if line not in said.setdefault(column, []):
            said[column].append(line)
    for file, name, column in SEEDS:
        with (PROJECT_DIR / "seeds" / f"{file}.csv").open(encoding="utf-8", newline="") as handle:
            words = dict.fromkeys(row[name] for row in csv.DictReader(handle) if row[name])
        said[f"{column} (seeds/{file}.csv, {name})"] = list(words)
    return "\n".join(
        "\n".join([column, *(f"  {line}" for line in lines), ""]) for column, lines in said.items()
    )


def test_the_sentences_are_those_that_somebody_has_read(refreshed: Place) -> None:
    let_go(refreshed.folder)
    with connect(refreshed.warehouse, read_only=True) as warehouse:
        found = snapshot(warehouse.connection)
    if os.environ.get("UPDATE_SNAPSHOT"):
        SNAPSHOT.write_text(found, encoding="utf-8")
    assert found == SNAPSHOT.read_text(encoding="utf-8"), (
        "A sentence has changed. Read the new ones and, if a stranger understands them, run this"
        " test with UPDATE_SNAPSHOT=1."
    )


# Columns that repeat what stands in the file, or whose words are data.
OTHER_COLUMNS = {
    "icp_alignment.other_says": "icp_alignment.says",
    "account_change_feed.why": "account_plays.why",
    "account_change_feed.play_name": "account_plays.play_name",
    "salesforce_account_fields.why": "account_plays.why",
    "salesforce_account_fields.play_name": "account_plays.play_name",
    "hubspot_company_properties.why": "account_plays.why",
    "hubspot_company_properties.play_name": "account_plays.play_name",
    "crm_field_changes.value": "values of account_change_feed",
    "pipeline.created_unknown_reason": "pipeline_history.created_unknown_reason",
    "account_voices.verbatim": "what people inside said, in their own words",
    "effort_allocation.group_value": "the name of a group: spend on no account",
}


def columns_with_sentences(place: Place) -> set[str]:
    """Columns of what is published in which some value reads like a sentence of English."""
    found = set()
    for schema, table, column in query(
        place.warehouse,
        "select table_schema, table_name, column_name from information_schema.columns"
        " where table_schema in ('marts', 'marts_detail', 'exports', 'restricted')"
        " and data_type = 'VARCHAR' and table_catalog = 'db'",
    ):
        if query(
            place.warehouse,
            f'select 1 from {schema}.{table} where length("{column}") - '
            f"length(replace(\"{column}\", ' ', '')) >= 2 and regexp_matches(\"{column}\","
            r" '\b(?:a|and|are|by|for|in|is|it|no|not|nobody|of|on|the|to|who|with)\b') limit 1",
        ):
            found.add(f"{table}.{column}")
    return found


def test_no_sentence_is_missing_from_the_file(refreshed: Place) -> None:
    text = SNAPSHOT.read_text(encoding="utf-8")
    listed = set(re.findall(r"(?m)^(\w+\.\w+)", text))
    missing = columns_with_sentences(refreshed) - listed - set(OTHER_COLUMNS)
    assert missing == set(), "give these columns their cases in SENTENCES, or say why not"
    assert set(OTHER_COLUMNS.values()) - listed == {
        "values of account_change_feed",
        "the name of a group: spend on no account",
        "what people inside said, in their own words",
    }


ONE = "day|touch|person|account|champion|user|economic buyer|technical evaluator"
MANY = "days|touches|people|accounts|champions|users|economic buyers|technical evaluators"


def test_the_file_has_no_riddle_of_grammar() -> None:
    """What went wrong before: a number of one with a plural, and a role without its noun."""
    text = SNAPSHOT.read_text(encoding="utf-8")
    wrong = re.findall(rf"(?<![\d.,])1 (?:{MANY})\b", text)
    wrong += re.findall(rf"\b(?:[02-9]|\d[\d,]*\d) (?:{ONE})\b", text)
    wrong += re.findall(r"[Tt]he (?:technical|procurement)\b(?! (?:evaluator|contact))", text)
    assert wrong == []
