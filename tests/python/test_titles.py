"""How well titles are read: on titles labelled before the map, and on the simulated company.

The labelled titles are not to be copied into the map; docs/titles.md says how they were labelled.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest
from marts import query
from runner import Place, remake

from orchestration.demo.titles import JOBS
from orchestration.engine.warehouse import connect
from orchestration.settings import PROJECT_DIR

MODEL = "int_title_personas"
SEEDS = PROJECT_DIR / "seeds" / "coverage"
NO_SEAT = "none"

Labelled = dict[str, str]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def labelled() -> list[Labelled]:
    return rows_of(Path(__file__).with_name("labelled_titles.csv"))


def read_titles(
    place: Place, titles: Sequence[tuple[str | None, str | None]]
) -> list[list[object]]:
    """Builds the model on these (title, department) alone.

    Gives (title, department, persona, is_mapped, seniority), blanks for what is not there.
    """
    with connect(place.warehouse) as warehouse:
        warehouse.connection.execute("create schema if not exists intermediate")
        warehouse.connection.execute(
            "create table intermediate.int_person_records (title varchar, department varchar)"
        )
        warehouse.connection.executemany(
            "insert into intermediate.int_person_records values (?, ?)", [list(t) for t in titles]
        )
    remake(place, [MODEL])
    return [
        [value if value is not None else "" for value in row]
        for row in query(
            place.warehouse,
            "select title, department, persona, is_mapped, seniority"
            " from intermediate.int_title_personas",
        )
    ]


class Figures:
    """Of (true persona, persona or "", is_mapped): how much is said and how much of it is right."""

    def __init__(self, pairs: Sequence[tuple[str, str, bool]]) -> None:
        right = sum(truth == persona for truth, persona, _ in pairs)
        self.mapped = sum(mapped for *_, mapped in pairs) / len(pairs)
        self.precision = right / max(sum(persona != "" for _, persona, _ in pairs), 1)
        self.recall = right / max(sum(truth != NO_SEAT for truth, *_ in pairs), 1)

    def __str__(self) -> str:
        return f"mapped {self.mapped:.3f} precision {self.precision:.3f} recall {self.recall:.3f}"


@pytest.fixture(scope="module")
def read(
    labelled: list[Labelled], template: Place, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], list[str]]:
    """(title, department) -> [persona or "", is_mapped, seniority] of all titles of this file."""
    titles = {(row["title"], row["department"] or None) for row in labelled}
    titles |= {
        (wording, department)
        for job in JOBS
        for wordings in job.wordings
        for wording in wordings
        for department in (job.department, None)
    }
    place = template.copy(tmp_path_factory.mktemp("titles") / "place")
    rows = read_titles(place, sorted(titles, key=str))
    return {(row[0], row[1]): row[2:] for row in rows}


def test_labelled_titles_are_read_right(
    labelled: list[Labelled], read: dict[tuple[str, str], list[str]]
) -> None:
    def figures(rows: list[Labelled]) -> Figures:
        found = [(row["persona"], read[row["title"], row["department"]]) for row in rows]
        return Figures([(truth, said[0], bool(said[1])) for truth, said in found])

    assert len(labelled) >= 300
    languages = sorted({row["language"] for row in labelled})
    for language in languages:
        rows = [row for row in labelled if row["language"] == language]
        print(language, len(rows), figures(rows))
    total = figures(labelled)
    seniority = sum(
        read[row["title"], row["department"]][2] == row["seniority"] for row in labelled
    ) / len(labelled)
    print("all", len(labelled), total, f"seniority {seniority:.3f}")
    assert total.precision >= 0.90
    assert total.recall >= 0.90
    assert total.mapped >= 0.95
    assert seniority >= 0.90


def test_wordings_of_the_simulated_company_are_read_right(
    read: dict[tuple[str, str], list[str]],
) -> None:
    """Written by others than the map, and labelled by what the simulated person does."""
    pairs = [
        (
            NO_SEAT if job.persona == "bystander" else job.persona,
            read[wording, department][0],
            bool(read[wording, department][1]),
        )
        for job in JOBS
        for wordings in job.wordings
        for wording in wordings
        for department in (job.department, "")
    ]
    total = Figures(pairs)
    print("wordings", len(pairs), total)
    assert total.mapped >= 0.95
    assert total.precision >= 0.90


def test_titles_of_the_simulated_company_are_mapped(refreshed: Place) -> None:
    ((titles, mapped, people, mapped_people),) = query(
        refreshed.warehouse,
        """
        with titles as (
            select title_text, bool_and(is_mapped or is_departed) as is_read, sum(people) as people
            from intermediate.int_title_personas
            left join (
                select title, department, count(*) as people
                from intermediate.int_people group by all
            ) as people
                on people.title is not distinct from int_title_personas.title
                and people.department is not distinct from int_title_personas.department
            where title_text != '' group by all
        )
        select count(*), sum(is_read::int), sum(people), sum(people) filter (is_read) from titles
        """,
    )
    print(f"{mapped} of {titles} titles, {mapped_people} of {people} people")
    assert titles > 100
    assert mapped >= 0.95 * titles
    assert mapped_people >= 0.95 * people


def plain(text: str) -> str:
    """Words as in macros/titles.sql, but for transcribed umlauts."""
    letters = unicodedata.normalize("NFD", text.casefold())
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[^\W_]+", letters))


def test_no_labelled_title_stands_in_the_map(labelled: list[Labelled]) -> None:
    words = {plain(row["word"]) for row in rows_of(SEEDS / "title_words.csv")}
    assert words & {plain(row["title"]) for row in labelled} == set()
