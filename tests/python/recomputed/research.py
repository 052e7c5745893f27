"""What people inside have said, and whether an account can decide.

docs/method.md, section 9, and docs/research.md.

Findings in custom fields of a CRM's calls are left out: the simulated companies have none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from math import prod, sqrt
from typing import Any

from scipy.stats import beta

from recomputed import titles
from recomputed.accounts import plain_name
from recomputed.coverage import Coverage
from recomputed.files import Row, address, crm_id, day, number, registrable
from recomputed.rules import constants, rules

DIMENSIONS = tuple(row["dimension"] for row in rules()["research_dimensions"])


@dataclass(frozen=True)
class Finding:
    """One rating of one dimension in one conversation."""

    account: str
    conversation: str
    respondent: str
    source_type: str
    role: str
    dimension: str
    rating: float
    held_on: date


class Research(Coverage):
    """A day, with all that had been said by then."""

    @cached_property
    def findings(self) -> list[Finding]:
        return [*self._coded, *self._surveyed]

    @cached_property
    def _conversations(self) -> dict[str, list[tuple[date, Any, date | None]]]:
        """By account: day, order and the day on which to come back, of each conversation."""
        found: dict[str, list[tuple[date, Any, date | None]]] = defaultdict(list)
        back: dict[str, date] = {}
        for row in self.rows("research/findings"):
            later = row.day("revisit_on")
            if later and not row.yes("is_retracted"):
                name = row["interview_id"]
                back[name] = max(later, back.get(name, later))
        for name, (account, row) in self._interviews.items():
            held = row.day("held_on")
            if held:
                found[account].append((held, (row.version, name), back.get(name)))
        for row, account, _, answers in self._responses:
            when = row.version.date()
            found[account].append((when, (row.version, ""), day(answers.get("revisit_on"))))
        return found

    @cached_property
    def _interviews(self) -> dict[str, tuple[str, Row]]:
        found = {}
        for row in self.rows("research/interviews"):
            account = self.account_of_record.get(crm_id(row["crm_account_id"]) or "")
            account = account or self.owners.get(registrable(row["account_domain"]) or "")
            held = row.day("held_on")
            if account and held and held <= self.on and not row.yes("is_retracted"):
                found[row["interview_id"]] = (account, row)
        return found

    @cached_property
    def _coded(self) -> list[Finding]:
        found = []
        for row in self.rows("research/findings"):
            account, interview = self._interviews.get(row["interview_id"], ("", None))
            rating = row.number("rating")
            if interview is None or rating is None or row.yes("is_retracted"):
                continue
            contact = crm_id(interview["contact_id"])
            found.append(
                Finding(
                    account,
                    f"interview {row['interview_id']}",
                    self._voice(contact, None) or f"interview {row['interview_id']}",
                    interview["source_type"],
                    self._role(interview["respondent_role"], contact, None),
                    row["dimension"],
                    rating,
                    interview.day("held_on") or self.on,
                )
            )
        return found

    def _voice(self, contact: str | None, email: str | None) -> str | None:
        if contact:
            return self.person_of_record.get(contact, contact)
        return self._person_of_address.get(email or "", email)

    def _role(self, said: str | None, contact: str | None, email: str | None) -> str:
        """A persona by its name, a seller's word or a title; else by the contact's title."""
        person = self.people.get(self._voice(contact, email) or "")
        record = self.speaker(person) if person else None
        part = self._part(said, None)
        if not part and record:
            part = self._part(record.title, record.department)
        return part or "other"

    def _part(self, text: str | None, department: str | None) -> str | None:
        names = {plain_name(row["persona"]): row["persona"] for row in rules()["personas"]}
        if text and plain_name(text) in names:
            return names[plain_name(text)]
        if text and plain_name(text) == "other":
            return "other"
        found = titles.stated(text) or (titles.persona(text, department) if text else None)
        if not found:
            return None
        return "other" if found[0] == "no_seat" else found[0]

    # --- surveys ----------------------------------------------------------------------------------

    @cached_property
    def _responses(self) -> list[tuple[Row, str, str, dict[str, Any]]]:
        """Of each person, account and form the latest submission: row, account, voice, answers."""
        latest: dict[tuple[Any, ...], tuple[Row, str, str, dict[str, Any]]] = {}
        for row in self.rows("research/survey_responses"):
            email = address(row["respondent_email"])
            account = (
                self.account_of_record.get(crm_id(row["crm_account_id"]) or "")
                or self.owners.get(registrable(row["account_domain"]) or "")
                or self.owners.get(registrable(email) or "")
            )
            submitted = row.day("submitted_at")
            if not account or not submitted or submitted > self.on:
                continue
            contact = crm_id(row["contact_id"])
            voice = self._voice(contact, email) or f"response {row['response_id']}"
            answers = self._answers(row)
            key = (row.instance, account, voice)
            if key not in latest or _submitted(latest[key][0]) < _submitted(row):
                latest[key] = (row, account, voice, answers)
        return list(latest.values())

    def _answers(self, row: Row) -> dict[str, Any]:
        found: dict[str, list[Any]] = defaultdict(list)
        for question, answer in row.values.items():
            field = _field(row.instance, question)
            if field and answer not in (None, ""):
                value = _value(row.instance, question, str(answer), field in DIMENSIONS)
                if value is not None:
                    found[field].append(value)
        return {
            field: sum(values) / len(values) if field in DIMENSIONS else values[0]
            for field, values in found.items()
        }

    @cached_property
    def _surveyed(self) -> list[Finding]:
        found = []
        for row, account, voice, answers in self._responses:
            email, contact = address(row["respondent_email"]), crm_id(row["contact_id"])
            for dimension in DIMENSIONS:
                if dimension in answers:
                    found.append(
                        Finding(
                            account,
                            f"response {row.instance} {row['response_id']} {row['submitted_at']}",
                            voice,
                            "survey",
                            self._role(row["respondent_role"], contact, email),
                            dimension,
                            answers[dimension],
                            row.day("submitted_at") or self.on,
                        )
                    )
        return found

    # --- readiness --------------------------------------------------------------------------------

    def readiness(self, account: str) -> dict[str, Any]:
        dimensions = {name: self._dimension(account, name) for name in DIMENSIONS}
        known = {name: one for name, one in dimensions.items() if one["is_known"]}
        settings = constants()
        blocking = min(known, key=lambda name: known[name]["probability"], default=None)
        if blocking and known[blocking]["probability"] > settings["blocked_max_probability"]:
            blocking = None
        cleared = [
            name
            for name, one in known.items()
            if one["probability"] >= settings["cleared_min_probability"]
        ]
        if not known:
            segment = "unknown"
        elif any(one["spread"] > settings["contested_min_spread"] for one in known.values()):
            segment = "contested"
        elif blocking:
            segment = "blocked"
        elif len(cleared) == len(DIMENSIONS):
            segment = "can_decide"
        else:
            segment = "partial"
        capacity = prod(one["probability"] for one in dimensions.values())
        return {
            "readiness_segment": segment,
            "decision_capacity": None if segment == "unknown" else capacity,
            "known_dimensions": len(known),
            "cleared_dimensions": len(cleared),
            "blocking_dimension": blocking if segment == "blocked" else None,
        }

    def _dimension(self, account: str, dimension: str) -> dict[str, Any]:
        settings = constants()
        mine = [f for f in self._findings_of[account] if f.dimension == dimension]
        weights: list[tuple[float, float, str]] = []
        for one in mine:
            age = (self.on - one.held_on).days
            if age > settings["research_max_age_days"]:
                continue
            twins = [f for f in mine if f.conversation == one.conversation]
            weight = (
                _source_weight(one.source_type)
                * _relevance(one.role, dimension)
                * 2 ** (-age / settings["research_half_life_days"])
                / len(twins)
            )
            weights.append((weight, one.rating / 4, one.respondent))
        total = sum(weight for weight, _, _ in weights)
        yes = sum(weight * x for weight, x, _ in weights)
        strength = settings["rating_strength"]
        voices: dict[str, tuple[float, float]] = {}
        for weight, x, who in weights:
            before = voices.get(who, (0.0, 0.0))
            voices[who] = (before[0] + weight, before[1] + weight * x)
        spread = 0.0
        if total:
            mean = yes / total
            spread = sqrt(sum(w * (wx / w - mean) ** 2 for w, wx in voices.values() if w) / total)
        return {
            "weight": total,
            "is_known": total >= settings["evidence_min_weight"],
            "probability": float(beta.sf(0.5, 1 + strength * yes, 1 + strength * (total - yes))),
            "spread": spread,
        }

    @cached_property
    def _findings_of(self) -> dict[str, list[Finding]]:
        found: dict[str, list[Finding]] = defaultdict(list)
        for one in self.findings:
            found[one.account].append(one)
        return found

    def revisit_on(self, account: str) -> date | None:
        """The day that the newest conversation named, if it is to come."""
        newest = max(self._conversations[account], key=lambda one: one[:2], default=None)
        return newest[2] if newest and newest[2] and newest[2] > self.on else None


def _submitted(row: Row) -> str:
    found = day(row["submitted_at"])
    return f"{found} {row['submitted_at']}"


def _same(text: str) -> str:
    for written, typed in zip(
        "\u2019\u2018\u201c\u201d\u2013\u2014\u00a0", "''\"\"-- ", strict=True
    ):
        text = text.replace(written, typed)
    return re.sub(r"\s+", " ", text.lower()).strip()


def _field(form: str, question: str) -> str | None:
    """What a column of a form asks; a row of the form goes before one of any."""
    found = {
        row["form"]: row["field"]
        for row in rules()["survey_questions"]
        if row["form"] in (form, "any") and _same(row["question_text"]) == _same(question)
    }
    field = found.get(form, found.get("any"))
    return None if field == "ignore" else field


def _value(form: str, question: str, answer: str, is_rating: bool) -> Any:
    ranked = []
    for row in rules()["survey_answers"]:
        is_form, is_question = row["form"] == form, _same(row["question_text"]) == _same(question)
        if (
            (is_form or row["form"] == "any")
            and (is_question or row["question_text"] == "any")
            and _same(row["answer"]) == _same(answer)
        ):
            ranked.append((is_question and is_form, is_form, is_question, row["value"]))
    value = max(ranked)[3] if ranked else answer
    if value == "none":
        return None
    if not is_rating:
        return value
    rating = number(value)
    return rating if rating is not None and 0 <= rating <= 4 else None


def _source_weight(source_type: str) -> float:
    return next(
        float(row["weight_share"])
        for row in rules()["research_sources"]
        if row["source_type"] == source_type
    )


def _relevance(role: str, dimension: str) -> float:
    found = {row["role"]: float(row["relevance_share"]) for row in rules()["role_relevance"]
             if row["dimension"] == dimension}  # fmt: skip
    return found.get(role, found["other"])
