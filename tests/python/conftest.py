"""Fixtures of the tests that run the job: a small company, and places to run it in."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings
from runner import PROGRAM, Place, Runs, is_recorded, recorded

from orchestration.demo.company import Plan
from orchestration.demo.simulate import simulate
from orchestration.engine.dbt_runner import OBJECTS_BETWEEN_COLLECTIONS
from orchestration.settings import DAYS_FROM, DEMO_RULES, FIRST_DAY

# Whatever is landed and published in this checkout.
os.environ[DAYS_FROM] = str(FIRST_DAY)

# The company of the tests is the demo's, and so are its rules.
os.environ["RULES_DIR"] = str(DEMO_RULES)

# How long an example takes says how busy the machine is.
settings.register_profile("no deadlines", deadline=None)
settings.load_profile("no deadlines")

COMPANY = Plan(accounts=60, months=3, activities=8_000)
# The days of the fixture `refreshed`, first and last.
REFRESHED = (date(2026, 6, 8), date(2026, 6, 10))


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

    def until(self, last: date, folder: Path) -> Path:
        """The landing files up to a day, in a folder of their own."""
        for path in self.landing.rglob("*"):
            day = path.parent.name.removeprefix("loaded_date=")
            if path.is_file() and day <= str(last):
                link = folder / path.relative_to(self.landing)
                link.parent.mkdir(parents=True, exist_ok=True)
                os.link(path, link)
        return folder


Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Folders that the test processes share. The first that asks for one makes it, others wait."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder(name: str, make: Callable[[Path], object]) -> Path:
        made, failed = root / name, root / f"{name}.failed"
        with FileLock(f"{made}.lock"):
            assert not failed.exists(), f"{name} could not be made: see the first test that failed"
            if not made.exists():
                made.mkdir()
                failed.touch()
                make(made)
                failed.unlink()
        return made

    return folder


@pytest.fixture(scope="session")
def company(once: Once) -> Company:
    def make(folder: Path) -> None:
        simulate(COMPANY, folder / "landing", folder / "truth", say=lambda _: None)

    folder = once("company", make)
    return Company(COMPANY, folder / "landing", folder / "truth")


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Starts runs of the job."""
    running = Runs(tmp_path_factory.mktemp("runs"))
    yield running
    running.threads.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def template() -> Place:
    """A warehouse with all that no run changes, to be copied, and the SQL of what runs build."""
    folder = recorded()
    os.environ[PROGRAM] = str(folder)
    return Place(folder / "template", folder / "no landing")


@pytest.fixture(scope="session")
def refreshed(company: Company, runs: Runs, template: Place, once: Once) -> Place:
    """Three days refreshed by the whole job and published. Read only: copy it to go on.

    Its landing folder ends with the last of these days.
    """

    def make(folder: Path) -> None:
        place = template.copy(folder / "place", company.until(REFRESHED[1], folder / "landing"))
        runs.refresh(place, start=str(REFRESHED[0]), end=str(REFRESHED[1])).check()

    folder = once("refreshed", make)
    return Place(folder / "place", folder / "landing")


# Files that take minutes come first, so that no processor waits for the last of them.
LONG_FILES = (
    "test_time_laws",
    "test_dbt_unit_tests",
    "test_refresh",
    "test_crash",
    "test_circuit_breakers",
    "test_bench",
    "test_maven",
    "test_adding_a_source",
    "test_sources",
    "test_readiness_marts",
    "test_stopped_feed",
    "test_match_review",
    "test_portability",
    "test_company_properties",
    "test_lint_sql",
    "test_hierarchy",
    "test_exports",
    "test_numbers_have_their_accounts",
)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Says what will take a while: the test processes themselves are not heard."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal and not session.config.option.collectonly and not is_recorded():
        terminal.write_line(
            "The models' SQL is not recorded from these files: the first test that needs it has it"
            " recorded, half a minute and more, once until a file changes."
        )


class ResultsAsTheyCome:
    """Writes a line for each test that has ended: somebody may end a long run by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = "" if report.when == "call" else f" ({report.when})"
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(f"{report.outcome} {report.duration:.1f} s {report.nodeid}{part}\n")
            if report.failed:
                lines.write(f"{report.longreprtext}\n")


def pytest_configure(config: pytest.Config) -> None:
    results = config.getoption("xmlpath", None)
    # The processes of the tests report to the one that started them.
    if results and not hasattr(config, "workerinput"):
        path = Path(results).with_suffix(".txt")
        config.pluginmanager.register(ResultsAsTheyCome(path), "results as they come")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(
        key=lambda item: (
            LONG_FILES.index(item.path.stem) if item.path.stem in LONG_FILES else len(LONG_FILES)
        )
    )


def pytest_collection_finish() -> None:
    """What is loaded by now stays: Python need not look through it for garbage again and again."""
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Counts of the long tests, each of which is many of a kind."""
    counts: Counter[tuple[str, str]] = Counter()
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.getreports(outcome):
            # A file that cannot be collected has none.
            keywords = getattr(report, "keywords", ())
            if "long" in keywords and (report.when == "call" or outcome == "error"):
                counts[report.nodeid.split("::")[-1].split("[")[0], outcome] += 1
    for (name, outcome), count in sorted(counts.items()):
        terminalreporter.write_line(f"{name}: {count} {outcome}")
