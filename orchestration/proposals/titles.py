"""Titles that no rule reads, by frequency; proposed where the departments of their people tell."""

from __future__ import annotations

from collections import Counter, defaultdict

from orchestration.proposals.facts import Facts, rules_of
from orchestration.proposals.store import Findings, Proposal, is_plain, reason
from orchestration.proposals.words import counted, plain

SEED = "title_words"
DECIDES = "departments of the people who have the title"
# Titles of fewer people are not worth a rule; of so many departments that agree, one is.
LEAST_PEOPLE, LEAST_DEPARTMENTS, LEAST_SHARE = 2, 2, 0.7
SHOWN = 20


def propose(facts: Facts, findings: Findings) -> None:
    """Proposes what field of work a title names, and lists the titles that nothing tells."""
    blank = {str(word) for word in facts.variables.get("blank_titles", ())}
    digits = int(facts.variables.get("title_max_digits", 6))
    known = {row["word"] for row in rules_of("coverage/title_words.csv")}
    fields = _fields()
    people: Counter[str] = Counter()
    departments: dict[str, Counter[str]] = defaultdict(Counter)
    for title, department, count in facts.rows(
        """
        select personas.title_text, people.department, count(distinct people.person_id)
        from intermediate.int_person_records as people
        inner join intermediate.int_title_personas as personas
            on people.title = personas.title
            and people.department is not distinct from personas.department
        where not personas.is_mapped and not personas.is_departed
        group by all order by all
        """
    ):
        numbers = sum(letter.isdigit() for letter in title or "")
        if not title or title in blank or "@" in title or numbers >= digits:
            continue
        people[title] += count
        field = next((fields[w] for w in plain(department or "").split() if w in fields), None)
        if field:
            departments[title][field] += count
    rows = []
    for title, count in people.most_common():
        told = departments[title]
        field, agreeing = told.most_common(1)[0] if told else ("", 0)
        all_told = sum(told.values())
        if (
            agreeing >= LEAST_DEPARTMENTS
            and agreeing >= LEAST_SHARE * all_told
            and title not in known
            and is_plain(title)
        ):
            rows.append(
                {
                    "word": title,
                    "match": "whole",
                    "level": "staff",
                    "field": field,
                    "language": "en" if title.isascii() else "mul",
                    "reason": reason(
                        f"{counted(count, 'person', 'people')} have this title; the department of"
                        f" {agreeing:,} of {all_told:,} says {field}; its level is a guess",
                        unsure=True,
                    ),
                }
            )
    findings.rules.append(Proposal(SEED, rows, DECIDES))
    proposed = {row["word"] for row in rows}
    rest = [(title, count) for title, count in people.most_common() if title not in proposed]
    rest = [(title, count) for title, count in rest if count >= LEAST_PEOPLE]
    if rest:
        findings.note(
            "Titles that no rule reads, by frequency (docs/titles.md says how to add one)",
            *(f"{title}: {counted(count, 'person', 'people')}" for title, count in rest[:SHOWN]),
            *([f"and {len(rest) - SHOWN:,} more titles"] if len(rest) > SHOWN else []),
        )


def _fields() -> dict[str, str]:
    """Fields of work by the single words that name one."""
    return {
        plain(row["word"]): row["field"]
        for row in rules_of("coverage/title_words.csv")
        if row["field"] and row["field"] != "outside" and " " not in row["word"]
    }
