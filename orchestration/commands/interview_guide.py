"""Writes the interview guide from the codebook's seeds (make guide).

    python -m orchestration.commands.interview_guide

What is asked and what is scored stand in the same rows (seeds/research), so a changed question or
anchor changes the page. What belongs here: how the page is laid out. What does not: questions,
anchors, weights, which are the seeds'.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from orchestration.settings import PROJECT_DIR

RESEARCH_SEEDS = PROJECT_DIR / "seeds" / "research"
GUIDE = PROJECT_DIR / "docs" / "interview-guide.md"
# A page ends before each heading of this kind; browsers and converters print it so.
PAGE_BREAK = '<div style="page-break-after: always"></div>'

COVER = """\
# Interview guide

Written by `make guide` from the codebook in `seeds/research`; edit the seeds, not this page.

The conversation finds out whether an account can decide now. It sells nothing: a clear no is as
good a result as a yes, and an account that cannot decide is left in peace until it can.
""".split("\n")
RULES = """
How to go about it:

- Say at the start what it is for, who will read it, and that they may skip any question.
- Ask the questions as they are written, in this order. Ask for the last time it happened, not for
  opinions. Let silence stand.
- Rate right after the conversation, each dimension by itself, by the anchor that fits what was
  *said*. Between two anchors give the half.
- A dimension that was not talked about gets no rating: unknown is better than guessed.
- Do not rate from what you know of the company otherwise. Its size, its visits to the website and
  its news are measured elsewhere.
- Where two people listened, both rate on their own, before they talk about it.
""".split("\n")
WORDS = """\
## What stands in the way, and what forces

Kept beside the ratings. Write the word of the first column; the respondent's own words go into
`verbatim`, which stays in the warehouse.

### Constraint (`constraint_type`)
""".split("\n")
DATES = """
### Dates

- `deadline_on`: the day by which they must act. Only one that others set.
- `revisit_on`: the day on which they asked to be called again. Until then the account is held.
""".split("\n")
RECORD = """\
## Record it in under five minutes

One of three ways; [research](research.md) has an example of each.

### In the CRM, on the call or the meeting

Four numbers, and what else was said:
""".split("\n")
OTHER_WAYS = """\
names the person; the owner of the activity is the coder.

### As a survey

Send the form; its export lands as it is in `research/survey_responses` (or
`research@<form>/survey_responses`). `seeds/research/survey_questions.csv` says what each question
asks, `survey_answers.csv` what each answer means.

### As a coded interview

One row in `research/interviews`, and one per dimension in `research/findings`:

- interviews: `interview_id`, `account_domain` or `crm_account_id`, `respondent_role`, `contact_id`,
  `source_type` (`interview`, `survey`, `discovery_call`), `held_on`, `recorded_at`, `coder`
- findings: `finding_id`, `interview_id`, `dimension`, `rating`, `verbatim`, `coder`,
  `constraint_type`, `pressure_type`, `deadline_on`, `revisit_on`
""".split("\n")

Row = Mapping[str, str]


def write_guide() -> Path:
    """Writes the guide and returns its path."""
    GUIDE.write_text(guide(), encoding="utf-8")
    return GUIDE


def guide(seeds: Path = RESEARCH_SEEDS) -> str:
    """The guide as Markdown, from the seeds in a folder: one page per dimension.

    Raises KeyError for a seed without one of the columns, OSError for a missing seed.
    """
    dimensions = _rows(seeds, "research_dimensions.csv", "dimension_order")
    questions = _rows(seeds, "research_questions.csv", "question_order")
    anchors = _rows(seeds, "rating_anchors.csv", "rating")
    relevance = _rows(seeds, "role_relevance.csv")
    fields = _rows(seeds, "crm_research_fields.csv")
    constraints = _rows(seeds, "constraint_types.csv", "constraint_order")
    pressures = _rows(seeds, "pressure_types.csv", "pressure_order")
    pages = [_cover(dimensions)]
    for dimension in dimensions:
        of_it = [
            [row for row in rows if row["dimension"] == dimension["dimension"]]
            for rows in (questions, anchors, relevance)
        ]
        pages.append(_dimension_page(dimension, *of_it))
    pages.append(_words_page(constraints, pressures))
    pages.append(_record_page(fields))
    return f"\n{PAGE_BREAK}\n\n".join(pages)


def _rows(seeds: Path, name: str, order: str | None = None) -> list[Row]:
    with (seeds / name).open(newline="", encoding="utf-8") as handle:
        rows: list[Row] = list(csv.DictReader(handle))
    return sorted(rows, key=lambda row: int(row[order])) if order else rows


def _cover(dimensions: Sequence[Row]) -> str:
    asked = ((_bold(row["label"]), row["meaning"]) for row in dimensions)
    return "\n".join([*COVER, *_table(("dimension", "what it asks"), asked), *RULES])


def _dimension_page(
    dimension: Row, questions: Sequence[Row], anchors: Sequence[Row], relevance: Sequence[Row]
) -> str:
    lines = [f"## {dimension['label']}", "", dimension["meaning"], "", "### Ask", ""]
    for number, row in enumerate(questions, start=1):
        lines += [
            f"{number}. {_bold(row['question'])}",
            f"   - Listen for: {_lower_first(row['listen_for'])}.",
            f"   - Then: {row['follow_up']}",
        ]
    lines += ["", "### Rate", ""]
    lines += _table(
        ("rating", "what was said"), ((row["rating"], row["meaning"]) for row in anchors)
    )
    lines += ["", "### Whom to ask", ""]
    ranked = sorted(relevance, key=lambda row: -float(row["relevance_share"]))
    lines += _table(
        ("role", "an answer counts", "why"),
        (
            (row["role"].replace("_", " "), f"{float(row['relevance_share']):.0%}", row["reason"])
            for row in ranked
        ),
    )
    lines += ["", "Notes:", "", *["&nbsp;  "] * 4, ""]
    return "\n".join(lines)


def _words_page(constraints: Sequence[Row], pressures: Sequence[Row]) -> str:
    lines = [*WORDS]
    lines += _table(
        ("word", "means", "for example"),
        ((_code(row["constraint_type"]), row["meaning"], row["example"]) for row in constraints),
    )
    lines += ["", "### Pressure (`pressure_type`)", ""]
    lines += _table(
        ("word", "means"), ((_code(row["pressure_type"]), row["meaning"]) for row in pressures)
    )
    return "\n".join([*lines, *DATES])


def _record_page(fields: Sequence[Row]) -> str:
    sources = list(dict.fromkeys(row["source"] for row in fields))
    tables = list(dict.fromkeys(_code(f"{row['source']}/{row['table_name']}") for row in fields))
    named: dict[str, dict[str, dict[str, None]]] = {}  # what -> source -> names in their order
    for row in fields:
        names = named.setdefault(row["research_field"], {}).setdefault(row["source"], {})
        names[_code(row["field"])] = None
    lines = [*RECORD]
    lines += _table(
        ("what", *(f"column in {source}" for source in sources)),
        (
            (_code(what), *(", ".join(of_source.get(source, {})) for source in sources))
            for what, of_source in named.items()
        ),
    )
    lines += ["", f"They stand in {', '.join(tables)}. The call", *OTHER_WAYS]
    return "\n".join(lines)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    return lines + [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]


def _bold(text: str) -> str:
    return f"**{text}**"


def _code(text: str) -> str:
    return f"`{text}`"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


if __name__ == "__main__":
    print(f"Written: {write_guide()}")
