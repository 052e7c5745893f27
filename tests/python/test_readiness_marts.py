"""Readiness from files to marts: what it hangs on, what it does not, and that nobody is named.

A dozen accounts of our own and five days, computed four times: as it is, with every firmographic,
intent and engagement row changed, with one interview taken out, and without any research.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from marts import Rows, let_go, one, query, tables
from runner import Place, compute, faults

from orchestration.engine.warehouse import connect
from orchestration.runs.publish import publish
from orchestration.settings import PUBLISHED_FILE

LOADED = date(2026, 6, 7)
FIRST = date(2026, 6, 8)
BACK = date(2026, 6, 10)  # holds of two accounts end
CORRECTED = date(2026, 6, 11)  # a rating is corrected, a form is filled in again
LAST = date(2026, 6, 12)
ONE_DAY = timedelta(days=1)
SINCE = "2025-11-03T09:00:00Z"

# Accounts by what happens to them. `poor` does not fit, `unlisted` is no target.
NAMES = ("decided", "waiting", "lapsing", "disputed", "called", "twofold", "coded", "corrected")
NAMES += ("resubmitted", "unasked", "quiet", "poor", "unlisted")
FITTING_TARGETS = set(NAMES) - {"poor", "unlisted"}
CRM_ID = {name: f"001{name:0<12}" for name in NAMES}
DIMENSIONS = ("pressure", "ownership", "authority_alignment", "timing_tolerance")
QUESTIONS = {
    "pressure": "How much does something outside your team (a law, a contract, a customer, a goal)"
    " force you to deal with this now?",
    "ownership": "How clear is it who in your company has to solve this?",
    "authority_alignment": "How close are those who have the problem to those who decide on budget"
    " and priority?",
    "timing_tolerance": "What happens if nothing changes in the next six to twelve months?",
    "pressure_type": "What is it that forces you most?",
    "added": "Is there anything you would like to add?",
}

# What nobody may read who opens the published marts. None of it is a word of anything else.
SURNAME = "zwetschgenmus"
STRANGER = "quittenbrot"
SAID = "our treasurer hides the ledger behind the aquarium"
TOLD = "the night shift votes against every spreadsheet"
WROTE = 'he said "never", laughed,\nand left through the greenhouse'
UNASKED_FOR = "my brother-in-law runs the committee from a houseboat"
MISPLACED = "they keep the contract in a piano stool"
ANSWERED = "somewhere between a monsoon and a shrug"
IN_A_FIELD = "the vicar owns a third of the warehouse"
SECRETS = (SURNAME, STRANGER, SAID, TOLD, WROTE.splitlines()[1], UNASKED_FOR, MISPLACED, ANSWERED)
SECRETS += (IN_A_FIELD,)

Row = dict[str, object]
Files = dict[str, list[Row]]


# --- what is delivered ----------------------------------------------------------------------------


def email(name: str, number: int) -> str:
    return f"{SURNAME}.{number}@{name}-works.com"


def contact_id(name: str, number: int) -> str:
    return f"003{name:0<11}{number}"


def interview(name: str, number: int, role: str, held_on: date) -> Row:
    return {
        "interview_id": f"INT-{name}-{number}",
        "account_domain": f"{name}-works.com",
        "contact_id": contact_id(name, number),
        "respondent_role": role,
        "source_type": "interview",
        "held_on": held_on,
        "recorded_at": f"{held_on}T15:00:00Z",
        "coder": "ann",
    }


def finding(name: str, number: int, dimension: str, rating: float, coder: str = "") -> Row:
    return {
        "finding_id": f"FND-{name}-{number}-{dimension}-{coder}",
        "interview_id": f"INT-{name}-{number}",
        "dimension": dimension,
        "rating": rating,
        "verbatim": f"{SAID}, {name}",
        "pressure_type": "regulation" if dimension == "pressure" else "",
        "coder": coder,
    }


def findings(name: str, number: int, ratings: Mapping[str, float]) -> list[Row]:
    return [finding(name, number, dimension, rating) for dimension, rating in ratings.items()]


ALL_THERE = dict.fromkeys(DIMENSIONS, 4.0)


def research() -> Files:
    """Interviews, coded findings and two exports of a form."""
    may = date(2026, 5, 20)
    files: Files = {
        f"research/interviews/loaded_date={LOADED}/a.csv": [
            interview("decided", 0, "economic_buyer", may),
            interview("decided", 1, "champion", may),
            # Ninety days before the day they come back.
            interview("waiting", 0, "economic_buyer", BACK - timedelta(days=90)),
            interview("waiting", 1, "economic_buyer", BACK - timedelta(days=90)),
            interview("lapsing", 0, "champion", lapsing_since()),
            interview("disputed", 0, "economic_buyer", may),
            interview("disputed", 1, "economic_buyer", may),
            interview("twofold", 0, "economic_buyer", may),
            interview("coded", 0, "economic_buyer", may),
            interview("corrected", 0, "economic_buyer", may),
        ],
        f"research/findings/loaded_date={LOADED}/a.csv": [
            *findings("decided", 0, ALL_THERE),
            *findings("decided", 1, ALL_THERE | {"authority_alignment": 3.0}),
            *findings("waiting", 0, {"ownership": 0, "pressure": 3}),
            *findings("waiting", 1, {"ownership": 0}),
            *findings("lapsing", 0, {"timing_tolerance": 0}),
            *findings("disputed", 0, {"pressure": 4, "ownership": 3}),
            *findings("disputed", 1, {"pressure": 0}),
            *findings("twofold", 0, {"pressure": 4}),
            *findings("corrected", 0, ALL_THERE),
            # Coded by two on their own, but for one dimension.
            *(
                finding("coded", 0, dimension, rating, coder)
                for dimension, ratings in (
                    ("pressure", (4, 4)),
                    ("authority_alignment", (2, 3)),
                    ("timing_tolerance", (1, 1)),
                )
                for coder, rating in zip(("ann", "bob"), ratings, strict=True)
            ),
            finding("coded", 0, "ownership", 4, "ann"),
            # A row that slipped: what was said stands where the dimension should.
            finding("coded", 0, MISPLACED, 4, "eve"),
        ],
        f"research/findings/loaded_date={CORRECTED}/b.csv": findings(
            "corrected", 0, {"pressure": 0}
        ),
        f"research@pulse/survey_responses/loaded_date={LOADED}/a.csv": [
            submission("1", email("twofold", 0), "2026-06-05", {"pressure": "3", "added": WROTE}),
            submission(
                "2",
                f"{STRANGER}@resubmitted-works.com",
                "2026-06-05",
                dict.fromkeys(DIMENSIONS, "4") | {"pressure_type": UNASKED_FOR},
            ),
            submission("3", f"mirabelle.{STRANGER}@gmail.com", "2026-06-05", {"pressure": "4"}),
            submission("4", email("twofold", 1), "2026-06-05", {"ownership": ANSWERED}),
            # Of a contact whom the CRM knows without a company.
            submission("5", "", "2026-06-05", {"pressure": "2"}) | {"contact_id": ORPHAN},
        ],
        f"research@pulse/survey_responses/loaded_date={CORRECTED}/b.csv": [
            submission(
                "6",
                f"{STRANGER.upper()}@resubmitted-works.com",
                "2026-06-10",
                {"ownership": "0", "authority_alignment": "4", "timing_tolerance": "4"},
            ),
        ],
    }
    return files


ORPHAN = "003orphan0000000"[:15]


def submission(number: str, address: str, day: str, answers: Mapping[str, str]) -> Row:
    return {
        "Response ID": number,
        "Submitted At": f"{day}T09:00:00Z",
        "Email Address": address,
        "contact_id": "",
        "Name": f"Mirabelle {STRANGER.title()}",
        "Job title": "economic_buyer",
        **{text: answers.get(key, "") for key, text in QUESTIONS.items()},
        "What should we have asked?": UNASKED_FOR,
    }


def lapsing_since() -> date:
    """The day of an interview whose one answer, of weight 0.8, is under the least weight on BACK.

    It halves in 90 days, and a dimension is known from 0.5 on.
    """
    return BACK - timedelta(days=math.floor(90 * math.log2(0.8 / 0.5)) + 1)


def identities() -> Files:
    """Who they are, and who is on the list: the same in every run."""
    return {
        "salesforce/contact": [
            {
                "id": contact_id(name, number),
                "account_id": CRM_ID[name],
                "email": email(name, number),
                "first_name": "Leopoldine",
                "last_name": SURNAME.title(),
                "title": title,
                "is_deleted": "false",
                "created_date": SINCE,
                "system_modstamp": SINCE,
            }
            for name in NAMES
            for number, title in enumerate(("Chief Information Officer", "Data Architect"))
        ]
        + [
            {
                "id": ORPHAN,
                "account_id": "",
                "email": f"{SURNAME}@yahoo.com",
                "first_name": "Leopoldine",
                "last_name": SURNAME.title(),
                "title": "Chief Financial Officer",
                "is_deleted": "false",
                "created_date": SINCE,
                "system_modstamp": SINCE,
            }
        ],
        "targets/target_accounts": [
            {
                "crm_account_id": CRM_ID[name],
                "account_name": name,
                "listed_on": "2026-04-15",
                "recorded_at": "2026-04-15T08:00:00Z",
            }
            for name in NAMES
            if name != "unlisted"
        ],
        "segment/identifies": [
            {
                "id": f"identify-{name}",
                "anonymous_id": f"visitor-{name}",
                "email": email(name, 0),
                "received_at": SINCE,
            }
            for name in NAMES
        ],
    }


@dataclass(frozen=True)
class World:
    """What is not research: of the company as a provider sees it, and of what its people do."""

    industry: str
    employees: int
    revenue: int
    country: str
    topics: tuple[str, ...]
    score: int
    page: str
    readers: tuple[str, ...]
    met: tuple[str, ...]
    amount: int
    stage: str

    def files(self) -> Files:
        return {
            "salesforce/account": [
                {
                    "id": CRM_ID[name],
                    "name": f"{name.title()} Works",
                    "website": f"https://{name}-works.com",
                    "industry": "Mining" if name == "poor" else self.industry,
                    "number_of_employees": self.employees,
                    "annual_revenue": self.revenue,
                    "billing_country": self.country,
                    "type": "Prospect",
                    "is_deleted": "false",
                    "created_date": SINCE,
                    "system_modstamp": SINCE,
                }
                for name in NAMES
            ],
            "firmographics/companies": [
                {
                    "domain": f"{name}-works.com",
                    "company_name": f"{name.title()} Works",
                    "industry": "Mining" if name == "poor" else self.industry,
                    "employees": self.employees,
                    "revenue_usd": self.revenue,
                    "country": self.country,
                    "updated_at": "2026-05-01T00:00:00Z",
                }
                for name in NAMES
            ],
            "bombora/company_surge": [
                {
                    "domain": f"{name}-works.com",
                    "topic": topic,
                    "composite_score": self.score,
                    "report_date": "2026-05-31",
                }
                for name in self.readers
                for topic in self.topics
            ],
            "segment/pages": [
                {
                    "id": f"page-{name}-{number}",
                    "anonymous_id": f"visitor-{name}",
                    "context_page_path": self.page,
                    "received_at": f"2026-06-0{number + 1}T09:00:00Z",
                    "timestamp": f"2026-06-0{number + 1}T09:00:00Z",
                }
                for name in self.readers
                for number in range(6)
            ],
            "salesforce/event": [
                {
                    "id": f"00U{name:0<11}{number}",
                    "account_id": CRM_ID[name],
                    "who_id": contact_id(name, number),
                    "type": "Meeting",
                    "subject": "Meeting",
                    "activity_date": "2026-06-03",
                    "is_deleted": "false",
                    "created_date": "2026-06-03T16:00:00Z",
                    "system_modstamp": "2026-06-03T16:00:00Z",
                }
                for name in self.met
                for number in range(2)
            ],
            "salesforce/opportunity": [
                {
                    "id": f"006{name:0<12}",
                    "account_id": CRM_ID[name],
                    "name": f"{name} new business",
                    "amount": self.amount,
                    "stage_name": self.stage,
                    "is_won": "false",
                    "is_closed": "false",
                    "close_date": "2026-09-30",
                    "type": "New Business",
                    "is_deleted": "false",
                    "created_date": "2026-05-04T09:00:00Z",
                    "system_modstamp": "2026-05-04T09:00:00Z",
                }
                for name in ("decided", "unasked")
            ],
        }


WORLD = World(
    industry="Software",
    employees=800,
    revenue=90_000_000,
    country="Germany",
    topics=("data warehouse", "data lakehouse"),
    score=85,
    page="/pricing",
    readers=("decided", "waiting", "quiet", "poor"),
    met=("decided", "disputed", "unasked"),
    amount=120_000,
    stage="Proposal",
)
OTHER_WORLD = World(
    industry="Retail",
    employees=21_000,
    revenue=3_000_000,
    country="Peru",
    topics=("etl tools",),
    score=61,
    page="/blog",
    readers=("coded", "twofold", "unlisted"),
    met=(),
    amount=7_500,
    stage="Qualification",
)

CALL: Row = {
    "id": "00Uthecall00000",
    "account_id": CRM_ID["called"],
    "who_id": contact_id("called", 0),
    "type": "Meeting",
    "subject": "Discovery",
    "activity_date": "2026-06-02",
    "is_deleted": "false",
    "created_date": "2026-06-02T16:00:00Z",
    "system_modstamp": "2026-06-02T16:00:00Z",
}
CODED_IN_CRM: Row = {
    "Readiness_Pressure__c": 4,
    "Readiness_Ownership__c": 3,
    "Readiness_Pressure_Type__c": "contract_end",
    "Readiness_Constraint__c": IN_A_FIELD,
    "Readiness_Role__c": "economic_buyer",
    "Notes__c": TOLD,
}


# And one that was written down without a person and without a company.
NAMELESS_CALL = CALL | {"id": "00Unobody000000", "account_id": "", "who_id": ""}


def deliver(landing: Path, world: World, answers: Files, coded: Row) -> None:
    of_load = identities() | world.files()
    of_load["salesforce/event"] += [CALL | coded, NAMELESS_CALL | coded]
    files = {f"{feed}/loaded_date={LOADED}/all.csv": rows for feed, rows in of_load.items()}
    for file, rows in (files | answers).items():
        write(landing / file, rows)


def write(path: Path, rows: Sequence[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)


def without_interview(answers: Files, interview_id: str) -> Files:
    kept = {
        file: [row for row in rows if row.get("interview_id") != interview_id]
        for file, rows in answers.items()
    }
    assert sum(map(len, kept.values())) < sum(map(len, answers.values())) - 1
    return kept


# --- the runs -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Readiness:
    """Places by what is delivered there."""

    base: Place
    changed: Place
    without: Place
    silent: Place

    def names(self) -> dict[str, str]:
        """Our names by account id."""
        rows = query(self.base.warehouse, "select account_id from marts.accounts")
        return {account: name for (account,) in rows for name in NAMES if CRM_ID[name] in account}

    def by_name(self, place: Place, table: str, columns: str, where: str = "true") -> Rows:
        """Rows of a table with our name in place of the account id, in order."""
        names = self.names()
        rows = query(place.warehouse, f"select account_id, {columns} from {table} where {where}")
        return sorted(((names[row[0]], *row[1:]) for row in rows), key=repr)

    def of(self, name: str, table: str, columns: str, place: Place | None = None) -> Rows:
        found = self.by_name(place or self.base, table, f"{columns}")
        return [row[1:] for row in found if row[0] == name]


@pytest.fixture(scope="module")
def readiness(template: Place, tmp_path_factory: pytest.TempPathFactory) -> Readiness:
    folder = tmp_path_factory.mktemp("readiness")
    answers = research()
    given: dict[str, tuple[World, Files, Row]] = {
        "base": (WORLD, answers, CODED_IN_CRM),
        "changed": (OTHER_WORLD, answers, CODED_IN_CRM),
        "without": (WORLD, without_interview(answers, "INT-disputed-1"), CODED_IN_CRM),
        "silent": (WORLD, {}, {}),
    }
    places = {}
    for name, (world, heard, coded) in given.items():
        deliver(folder / f"{name} landing", world, heard, coded)
        places[name] = template.copy(folder / name, folder / f"{name} landing")
    for place in places.values():
        compute(place, str(FIRST), str(LAST))
    return Readiness(**places)


EVERYTHING_OF_READINESS = {
    "marts.account_readiness": "true",
    "marts.account_readiness_dimensions": "true",
    "marts_detail.account_readiness_history": "true",
    "marts_detail.coder_agreement": "true",
    "marts_detail.research_scope": "segment_type = 'all'",
    "scores.readiness_changes": "true",
    "scores.readiness_dimensions": "true",
    "scores.research_questions": "true",
}


def rows_of(place: Place, table: str, where: str = "true") -> Counter[tuple[Any, ...]]:
    return Counter(query(place.warehouse, f"select columns(*) from {table} where {where}"))


# --- what it hangs on -----------------------------------------------------------------------------


def test_every_segment_is_there(readiness: Readiness) -> None:
    found = dict(readiness.by_name(readiness.base, "marts.account_readiness", "readiness_segment"))
    assert found == {
        "decided": "can_decide",
        "waiting": "blocked",
        "lapsing": "unknown",
        "disputed": "contested",
        "called": "partial",
        "twofold": "partial",
        "coded": "blocked",
        "corrected": "blocked",
        "resubmitted": "blocked",
        **dict.fromkeys(("unasked", "quiet", "poor", "unlisted"), "unknown"),
    }
    ((alpha, units),) = query(
        readiness.base.warehouse,
        "select alpha, units from marts_detail.coder_agreement where dimension = 'all'",
    )
    assert (units, alpha is not None) == (3, True)


@pytest.mark.parametrize("table", EVERYTHING_OF_READINESS)
def test_nothing_but_research_moves_a_number_of_readiness(readiness: Readiness, table: str) -> None:
    where = EVERYTHING_OF_READINESS[table]
    of_base = rows_of(readiness.base, table, where)
    assert of_base
    assert of_base == rows_of(readiness.changed, table, where)


@pytest.mark.parametrize(
    "table",
    ["account_fit", "account_signals", "account_activation", "account_decisions", "accounts"],
)
def test_all_else_was_changed(readiness: Readiness, table: str) -> None:
    assert rows_of(readiness.base, f"marts.{table}") != rows_of(readiness.changed, f"marts.{table}")


@pytest.mark.parametrize(
    "table",
    [
        name
        for name in EVERYTHING_OF_READINESS
        if name not in ("marts_detail.coder_agreement", "marts_detail.research_scope")
    ],
)
def test_an_interview_taken_out_changes_its_account_alone(readiness: Readiness, table: str) -> None:
    of_base, of_without = (rows_of(place, table) for place in (readiness.base, readiness.without))
    position = 1 if table == "scores.research_questions" else 0
    moved = {row[position] for row in (of_base - of_without) + (of_without - of_base)}
    assert {readiness.names()[account] for account in moved} == {"disputed"}


def test_a_call_recorded_in_the_crm_is_research(readiness: Readiness) -> None:
    columns = "dimension, is_known, respondents, roles_heard, pressure_type, constraint_type"
    assert readiness.of("called", "marts.account_readiness_dimensions", columns) == [
        ("authority_alignment", False, 0, None, None, None),
        ("ownership", True, 1, "economic_buyer", "contract_end", None),
        ("pressure", True, 1, "economic_buyer", "contract_end", None),
        ("timing_tolerance", False, 0, None, None, None),
    ]


def test_two_codings_of_one_answer_weigh_as_one(readiness: Readiness) -> None:
    columns = "dimension, findings, respondents, evidence_weight"
    found = {
        dimension: row
        for dimension, *row in readiness.of("coded", "marts.account_readiness_dimensions", columns)
    }
    findings_of_one, respondents, weight = found["ownership"]
    assert (findings_of_one, respondents) == (1, 1)
    assert found["pressure"] == [2, 1, pytest.approx(weight, abs=2e-6)]
    assert weight == pytest.approx(0.5 ** (23 / 90), abs=1e-6)


def test_one_person_in_an_interview_and_in_a_form_is_one_voice(readiness: Readiness) -> None:
    assert readiness.of("twofold", "marts.account_readiness", "respondents, interviews") == [(1, 2)]
    assert readiness.of(
        "twofold",
        "marts.account_readiness_dimensions",
        "dimension, respondents, findings",
    )[2] == ("pressure", 1, 2)


# --- what is known when ---------------------------------------------------------------------------

HISTORY = "readiness_segment, previous_segment, blocking_dimension, known_dimensions"
HISTORY += ", valid_from, valid_to"


def test_a_correction_counts_from_the_day_it_is_known(readiness: Readiness) -> None:
    assert readiness.of("corrected", "marts_detail.account_readiness_history", HISTORY) == [
        ("blocked", "can_decide", "pressure", 4, CORRECTED, None),
        ("can_decide", None, None, 4, FIRST, CORRECTED),
    ]


def test_a_form_filled_in_again_takes_the_first_answers_back(readiness: Readiness) -> None:
    """What was left blank the second time is unknown again."""
    assert readiness.of("resubmitted", "marts_detail.account_readiness_history", HISTORY) == [
        ("blocked", "can_decide", "ownership", 3, CORRECTED, None),
        ("can_decide", None, None, 4, FIRST, CORRECTED),
    ]


DECIDED = "decision, previous_decision, is_return, reason, valid_from, valid_to"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("waiting", "came back from hold: the day to look again has come"),
        ("lapsing", "came back from hold: can they decide? not known (before: not now)"),
    ],
)
def test_a_hold_ends_and_says_why(readiness: Readiness, name: str, reason: str) -> None:
    first = "fit strong, can decide: not now; what was decided before is not stored"
    assert readiness.of(name, "marts_detail.account_decision_history", DECIDED) == [
        ("hold", None, False, first, FIRST, BACK),
        ("research", "hold", True, reason, BACK, None),
    ]
    columns = "decision, previous_decision, decision_since, is_return, holds, revisit_on"
    assert readiness.of(name, "marts.account_decisions", columns) == [
        ("research", "hold", BACK, True, 1, None)
    ]


def test_another_decision_waits_until_the_rules_have_said_it_for_a_week(
    readiness: Readiness,
) -> None:
    ((decision, pending, revisit_on, why),) = readiness.of(
        "corrected", "marts.account_decisions", "decision, pending_decision, revisit_on, why"
    )
    assert (decision, pending, revisit_on) == ("pursue", "hold", None)
    assert why.startswith(
        "Pursue (fit: strong, can decide: not now): as before; our rules have called for hold since"
        f" {CORRECTED} and it takes effect on {CORRECTED + timedelta(days=6)} if they still do. "
    )


def test_who_can_decide_comes_first_and_is_led_by_who_can_close(readiness: Readiness) -> None:
    found = readiness.by_name(
        readiness.base,
        "marts.account_plays inner join marts.account_readiness using (account_id)",
        "readiness_segment, owner_function, priority",
    )
    ready = {(name, owner): rank for name, segment, owner, rank in found if segment == "can_decide"}
    assert {name for name, _ in ready} >= {"decided"}
    assert {owner for _, owner in ready} == {"sales"}
    others = [rank for _, segment, _, rank in found if segment != "can_decide" and rank]
    assert max(ready.values()) <= 2 < min(others)


# --- without research -----------------------------------------------------------------------------

# Marts that say something of readiness or of what is decided by it.
OF_READINESS = {
    "account_decision_history",
    "account_decisions",
    "account_plays",
    "account_readiness",
    "account_readiness_dimensions",
    "account_readiness_history",
    "account_reviews",
    "coder_agreement",
    "data_health",
    "effort_allocation",
    "load_audit",
    "research_programme",
    "research_queue",
    "research_scope",
    "review_items",
}


def test_without_research_everything_else_is_the_same(readiness: Readiness) -> None:
    schema_of = {
        name: schema
        for schema, name in (table.split(".") for table in tables(readiness.base.warehouse))
    }
    assert set(schema_of) > OF_READINESS
    apart = {
        "account_snapshots": ("decision", "readiness_segment"),
        "pipeline": (
            *("decision", "readiness_segment", "created_decision"),
            "created_readiness_segment",
        ),
        "pipeline_history": ("created_decision", "created_readiness_segment"),
        "programme_trends": (
            "readiness_known_accounts",
            "readiness_known_share",
            "can_decide_accounts",
        ),
    }
    compared = sorted(set(schema_of) - OF_READINESS)
    assert len(compared) > 30
    found = {}
    with duckdb.connect() as connection:
        for name in ("base", "silent"):
            path = getattr(readiness, name).warehouse
            connection.execute(f"attach '{path}' as {name} (read_only)")
        for table in compared:
            left_out = apart.get(table, ())
            columns = f"columns(c -> not list_contains({list(left_out)}::varchar[], c))"
            ours, theirs = (
                Counter(
                    connection.execute(
                        f"select {columns} from {name}.{schema_of[table]}.{table}"
                    ).fetchall()
                )
                for name in ("base", "silent")
            )
            found[table] = list((ours - theirs) + (theirs - ours))[:3]
    assert {table: rows for table, rows in found.items() if rows} == {}


def test_what_counts_for_no_account_is_to_be_looked_at(readiness: Readiness) -> None:
    """A call without a company, and an answer of a contact without one, whose id stays inside."""
    items = "select item, occurrences from marts_detail.review_items where item_type ="
    path = readiness.base.warehouse
    assert query(path, f"{items} 'unknown_account_of_research'") == [("neither id nor domain", 2)]
    assert ("Form pulse: a submission (unknown account)", 1) in query(
        path, f"{items} 'refused_research_answer'"
    )


def test_without_research_everybody_is_unknown_and_has_no_number(readiness: Readiness) -> None:
    path = readiness.silent.warehouse
    assert query(
        path,
        "select distinct readiness_segment, decision_capacity, blocking_dimension,"
        " known_dimensions, cleared_dimensions, evidence_weight, respondents, is_single_voice, why"
        " from marts.account_readiness",
    ) == [("unknown", None, None, 0, 0, 0, 0, False, "Nobody inside has been asked yet.")]
    assert query(
        path,
        "select distinct mean_share, lower_80_share, upper_80_share, probability_above_half,"
        " is_known from marts.account_readiness_dimensions",
    ) == [(None, None, None, None, False)]
    assert query(path, "select * from marts_detail.account_readiness_history") == []
    assert query(
        path,
        "select target_accounts, known_share, unknown_accounts from marts_detail.research_scope"
        " where segment_type = 'all'",
    ) == [(len(FITTING_TARGETS) + 1, 0, len(FITTING_TARGETS) + 1)]


def test_without_research_fit_alone_decides(readiness: Readiness) -> None:
    decided = dict(readiness.by_name(readiness.silent, "marts.account_decisions", "decision"))
    assert decided == dict.fromkeys(NAMES, "research") | {"poor": "drop"}


def test_without_research_the_queue_says_where_to_start(readiness: Readiness) -> None:
    queue = readiness.by_name(readiness.silent, "marts.research_queue", "rank, why")
    assert {name for name, *_ in queue} == FITTING_TARGETS
    assert sorted(rank for _, rank, _ in queue) == list(range(1, len(queue) + 1))
    for _, _, why in queue:
        assert why.startswith("First find out ")
        assert " (ask an economic buyer). There is a chance of " in why
        assert "changes what we decide. Nobody inside has been asked yet. A deal is worth" in why


def test_without_research_data_health_says_so(readiness: Readiness) -> None:
    health = (
        "select table_name, features_off from marts.data_health where source = 'research'"
        " order by all"
    )
    off = dict(query(readiness.silent.warehouse, health))
    assert off.keys() == {"interviews", "findings", "survey_responses"}
    assert all("readiness" in what for what in off.values())
    assert not any(
        "readiness" in (what or "") for _, what in query(readiness.base.warehouse, health)
    )


def test_every_check_passes(readiness: Readiness) -> None:
    for place in (readiness.base, readiness.changed, readiness.without, readiness.silent):
        assert faults(place) == {}


# --- nobody is named ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(readiness: Readiness) -> Path:
    """The folder of what everybody reads, and of what some do."""
    folder = readiness.base.published.parent
    let_go(readiness.base.folder)
    with connect(readiness.base.warehouse) as warehouse:
        publish(warehouse, folder)
    return folder


def secrets_in(texts: Iterable[str]) -> set[str]:
    """Which of the secrets stand there, in whatever case."""
    lowered = [text.lower() for text in texts]
    return {secret for secret in SECRETS if any(secret in text for text in lowered)}


def bytes_of(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.read_bytes().decode("latin-1")


def values_of(path: Path, schemas: Sequence[str] = ()) -> Iterator[str]:
    """Every value of every table of a database, or of a Parquet file, as text."""
    if path.suffix == ".parquet":
        for row in duckdb.sql(f"select columns(*)::varchar from '{path}'").fetchall():
            yield from (value for value in row if value is not None)
        return
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as db (read_only)")
        connection.execute("use db")
        found = connection.execute(
            "select table_schema, table_name from information_schema.tables"
            " where table_catalog = 'db' order by all"
        ).fetchall()
        for schema, table in found:
            if not schemas or schema in schemas:
                rows = connection.execute(f'select columns(*)::varchar from {schema}."{table}"')
                for row in rows.fetchall():
                    yield from (value for value in row if value is not None)


def test_the_files_and_the_warehouse_hold_what_was_said(readiness: Readiness) -> None:
    """The scan below can fail: it finds all of it where it came in."""
    assert secrets_in(bytes_of(readiness.base.landing)) == set(SECRETS)
    raw = ("raw_research", "raw_salesforce", "raw_landing")
    assert secrets_in(values_of(readiness.base.warehouse, raw)) == set(SECRETS)


def test_nothing_published_holds_what_somebody_said_or_who(published: Path) -> None:
    """But for the words themselves, without a name, in the restricted file made for them."""
    everything = [path for path in sorted(published.rglob("*")) if path.is_file()]
    assert {path.parent.name for path in everything} >= {"published", "restricted", "exports"}
    voices = [path for path in everything if path.stem == "account_voices"]
    assert {path.parent.name for path in voices} == {"restricted"}
    in_voices = {secret for path in voices for secret in secrets_in(values_of(path))}
    assert SAID in in_voices
    assert not in_voices & {SURNAME, STRANGER}
    files = [path for path in everything if path not in voices]
    assert secrets_in(path.read_bytes().decode("latin-1") for path in files) == set()
    found = {
        path.name: secrets_in(values_of(path))
        for path in files
        if path.suffix in (".duckdb", ".parquet")
    }
    assert len(found) > 5
    assert found == {name: set() for name in found}


def test_no_respondent_can_be_looked_up_in_the_marts(readiness: Readiness, published: Path) -> None:
    """Neither the id of a contact nor the hash of an address, which who knows it could make."""
    hashes = {
        key
        for (key,) in query(
            readiness.base.warehouse,
            "select distinct respondent_key from intermediate.int_survey_answers"
            " where respondent_key is not null",
        )
    }
    assert len(hashes) > 2
    people = hashes | {ORPHAN} | {contact_id(name, n) for name in NAMES for n in range(2)}
    found = {
        key for value in values_of(published / PUBLISHED_FILE) for key in people if key in value
    }
    assert found == set()
    assert one(published / PUBLISHED_FILE, "select count(*) from marts.account_readiness") == len(
        NAMES
    )
