"""Research in: what exports of form tools and coded findings become when they land, and the guide.

What the answers mean is tested where it is worked out, in the dbt unit tests of
models/intermediate/research.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from landed import Landed, lines

from orchestration.commands.interview_guide import GUIDE, RESEARCH_SEEDS, guide
from orchestration.landing.contract import Contract, load_contract
from orchestration.settings import MODELS_DIR, PROJECT_DIR

CONTRACT = Contract(
    {key: table for key, table in load_contract(MODELS_DIR).tables.items() if key[0] == "research"}
)
DIMENSIONS = ("pressure", "ownership", "authority_alignment", "timing_tolerance")


@pytest.fixture
def landed(tmp_path: Path) -> Landed:
    return Landed(tmp_path / "landing", CONTRACT)


def responses(landed: Landed, columns: str) -> list[tuple[object, ...]]:
    return landed.rows(
        f"select {columns} from raw_research.survey_responses where _status = 'accepted'"
        " order by all"
    )


def reasons(landed: Landed) -> list[str]:
    return [
        reason
        for (reason,) in landed.rows(
            "select reason from raw_landing.quarantine order by file, row_number"
        )
    ]


def rows_of(name: str) -> list[dict[str, str]]:
    with (RESEARCH_SEEDS / name).open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.parametrize(
    ("head", "row", "response_id"),
    [
        ("Timestamp,Email Address,Company website,Job title", "6/1/2026 9:05:00,{rest}", None),
        ("#,Submit Date (UTC),Work email,Website,Your role", "k1,2026-06-01 09:05:00,{rest}", "k1"),
        (
            "Respondent ID,Collector ID,Date submitted,Email Address,Company domain,Title",
            "77,9,06/01/2026 09:05:00 AM,{rest}",
            "77",
        ),
        (
            "ResponseId,StartDate,EndDate,Email,account_domain,respondent_role",
            "R_1,2026-06-01 09:00:00,2026-06-01 09:05:00,{rest}",
            "R_1",
        ),
    ],
    ids=["a sheet", "a hash sign", "AM and PM", "camel case"],
)
def test_the_export_of_a_form_tool_lands_as_it_is(
    landed: Landed, head: str, row: str, response_id: str | None
) -> None:
    answers = row.format(rest="Ann <ann@acme.co.uk>,www.acme.co.uk,CFO")
    landed.put(
        "research@pulse/survey_responses/a.csv",
        lines(f'{head},"How much, and why?"', f'{answers},"4, ""at least"""'),
    )
    landed.ingest()
    assert reasons(landed) == []
    assert responses(
        landed,
        "_instance, response_id, submitted_at::varchar, account_domain_registrable,"
        " respondent_email_registrable, respondent_role,"
        " json_extract_string(_extra, '/How much, and why?')",
    ) == [
        (
            "pulse",
            response_id,
            "2026-06-01 09:05:00",
            "acme.co.uk",
            "acme.co.uk",
            "CFO",
            '4, "at least"',
        )
    ]


def test_free_text_blank_answers_and_a_byte_order_mark_are_taken(landed: Landed) -> None:
    landed.put(
        "research/survey_responses/a.csv",
        '\ufeffTimestamp;Website;"How much?\n(0 to 4)";Comment\r\n'
        '2026-06-01 09:00;a.com;3;"He said ""no"";\nand left, then"\r\n'
        "2026-06-02 09:00;b.com;;\r\n",
    )
    landed.ingest()
    assert reasons(landed) == []
    assert responses(landed, "account_domain, _extra") == [
        (
            "a.com",
            r'{"Comment":"He said \"no\";\nand left, then","How much?\n(0 to 4)":"3"}',
        ),
        ("b.com", None),
    ]


def test_a_response_without_a_time_or_an_account_is_put_aside(landed: Landed) -> None:
    landed.put(
        "research/survey_responses/a.csv",
        lines(
            "Response ID,Submitted At,Website,Email,How much?",
            "1,2026-06-01,a.com,,3",
            "2,,a.com,,3",
            "3,31.12.2026,a.com,,3",
            "4,2026-06-01,,,3",
            "5,2026-06-01,,ann@gmail.com,3",
            "End Date,End Date,Website,Email,How much does it hurt?",
        ),
    )
    landed.put("research/survey_responses/b.csv", lines("Response ID,Website", "1,a.com"))
    landed.put("research/survey_responses/c.csv", lines("Timestamp,How much?", "2026-06-01,3"))
    landed.ingest()
    # A free-mail address lands: that it names no account is seen where accounts are known.
    assert responses(landed, "response_id") == [("1",), ("5",)]
    found = reasons(landed)
    assert found[0] == "submitted_at is required and empty"
    assert found[1].startswith('submitted_at is no timestamp: "31.12.2026" (neither YYYY-MM-DD nor')
    assert found[2] == (
        "one of account_domain, crm_account_id, respondent_email, contact_id must be filled"
    )
    assert found[3].startswith('submitted_at is no timestamp: "End Date"')
    assert found[4:] == [
        "required column submitted_at is missing",
        "required column account_domain or crm_account_id or respondent_email or contact_id is"
        " missing",
    ]


def test_an_export_again_repeats_and_an_edited_answer_is_a_version(landed: Landed) -> None:
    head = "Timestamp,Email,How much?"
    landed.put(
        "research/survey_responses/loaded_date=2026-06-01/all.csv",
        lines(head, "2026-06-01 09:00:00,ann@a.com,3", "2026-06-01 09:00:00,bob@a.com,3"),
    )
    landed.put(
        "research/survey_responses/loaded_date=2026-06-02/all.csv",
        lines(
            head.replace("How much?", "New question,How much?"),
            "2026-06-01 09:00:00,ann@a.com,,3",
            "2026-06-01 09:00:00,bob@a.com,,4",
            "2026-06-02 09:00:00,ann@a.com,x,3",
        ),
    )
    landed.ingest()
    assert landed.verdicts() == [(2, 0, 0), (2, 1, 0)]
    assert responses(landed, "respondent_email, day(submitted_at), _version_number, _extra") == [
        ("ann@a.com", 1, 1, '{"How much?":"3"}'),
        ("ann@a.com", 2, 1, '{"How much?":"3","New question":"x"}'),
        ("bob@a.com", 1, 1, '{"How much?":"3"}'),
        ("bob@a.com", 1, 2, '{"How much?":"4"}'),
    ]


def test_coded_findings_keep_to_the_codebook(landed: Landed) -> None:
    landed.put(
        "research/findings/a.csv",
        lines(
            "finding_id,interview_id,dimension,rating,verbatim,coder,constraint_type",
            '1,i,Pressure,3.5,"""Now"", he said,\nor never",ann,political_cost',
            "2,i,pressure,3,,bob,his own words",
            "3,i,budget,3,,,",
            "4,i,ownership,5,,,",
            "5,i,ownership,high,,,",
            "6,i,ownership,,,,",
        ),
    )
    landed.put(
        "research/interviews/a.csv",
        lines(
            "interview_id,account_domain,source_type,held_on,recorded_at",
            "i,a.com,interview,2026-06-01,2026-06-01",
            "j,a.com,gossip,2026-06-01,2026-06-01",
        ),
    )
    landed.ingest()
    assert landed.rows(
        "select finding_id, rating, coder from raw_research.findings order by 1"
    ) == [
        ("1", 3.5, "ann"),
        ("2", 3.0, "bob"),
    ]
    assert reasons(landed) == [
        'dimension "budget" is none of pressure, ownership, authority_alignment, timing_tolerance',
        'rating "5" is not between 0 and 4',
        'rating is no double: "high"',
        "rating is required and empty",
        'source_type "gossip" is none of interview, survey, discovery_call',
    ]


def test_the_examples_of_the_documentation_land(tmp_path: Path) -> None:
    examples = re.findall(
        r"`((?:research|salesforce)[^` ]*[.]csv)`[:]?\n\n```csv\n(.*?)```",
        (PROJECT_DIR / "docs" / "research.md").read_text("utf-8"),
        re.DOTALL,
    )
    assert len(examples) == 4
    tables = load_contract(MODELS_DIR).tables
    with_tasks = {**CONTRACT.tables, ("salesforce", "task"): tables["salesforce", "task"]}
    landed = Landed(tmp_path / "landing", Contract(with_tasks))
    for file, content in examples:
        landed.put(file, content)
    landed.ingest()
    assert reasons(landed) == []
    assert landed.rows(
        "select source, table_name, accepted from raw_landing.files order by all"
    ) == [
        ("research", "findings", 3),
        ("research", "interviews", 1),
        ("research", "survey_responses", 1),
        ("salesforce", "task", 1),
    ]
    [(answers,)] = responses(landed, "_extra")
    assert len(json.loads(str(answers))) == 3


# --- the codebook ---------------------------------------------------------------------------------


def test_the_codebook_is_whole() -> None:
    anchors = {(row["dimension"], row["rating"]) for row in rows_of("rating_anchors.csv")}
    assert anchors == {(dimension, str(rating)) for dimension in DIMENSIONS for rating in range(5)}
    asked = [row["dimension"] for row in rows_of("research_questions.csv")]
    assert {dimension: asked.count(dimension) for dimension in DIMENSIONS} == dict.fromkeys(
        DIMENSIONS, 3
    )
    assert [row["dimension"] for row in rows_of("research_dimensions.csv")] == list(DIMENSIONS)


def test_the_default_form_asks_for_every_dimension_and_knows_its_answers() -> None:
    questions = {
        row["question_text"]: row["field"]
        for row in rows_of("survey_questions.csv")
        if row["field"] != "ignore"
    }
    assert set(DIMENSIONS) < set(questions.values())
    answers: dict[str, list[str]] = {}
    for row in rows_of("survey_answers.csv"):
        answers.setdefault(row["question_text"], []).append(row["value"])
    for question, field in questions.items():
        if field in DIMENSIONS:
            assert answers[question] == ["0", "1", "2", "3", "4"]
        elif field in ("pressure_type", "constraint_type"):
            assert answers[question] == [row[field] for row in rows_of(f"{field}s.csv")]
        else:
            assert field in ("deadline_on", "revisit_on")


def test_the_guide_is_written_from_the_codebook() -> None:
    assert GUIDE.read_text("utf-8") == guide(), "run `make guide`"
    for row in rows_of("research_questions.csv"):
        assert f"**{row['question']}**" in guide()
    pages = re.split(r"<div style=.page-break", guide())
    assert len(pages) == 1 + len(DIMENSIONS) + 2
    assert [page.count("### Ask") for page in pages] == [0, 1, 1, 1, 1, 0, 0]
