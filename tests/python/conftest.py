"""Fixtures of the tests that run the job: a small company, and places to run it in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from runner import Place, Runs, make_template

from orchestration.demo.company import Plan
from orchestration.demo.simulate import simulate

COMPANY = Plan(accounts=60, months=3, activities=8_000)


@dataclass(frozen=True)
class Company:
    """A simulated company: its plan, landing files and truth. Read only: other tests use it too."""

    plan: Plan
    landing: Path
    truth: Path

    @property
    def load_day(self) -> date:
        """The day of the history load; files come daily from the next day on."""
        return date.fromordinal(self.plan.first_date.toordinal() + self.plan.load_day)


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    folder = tmp_path_factory.mktemp("company")
    made = Company(COMPANY, folder / "landing", folder / "truth")
    simulate(COMPANY, made.landing, made.truth, say=lambda _: None)
    return made


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Starts runs of the job."""
    running = Runs(tmp_path_factory.mktemp("runs"))
    yield running
    running.threads.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def template(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A warehouse with all that no run changes, to be copied."""
    folder = tmp_path_factory.mktemp("template")
    place = Place(folder / "place", folder / "no landing")
    place.folder.mkdir()
    runs.start(make_template, place).result().check()
    return place
