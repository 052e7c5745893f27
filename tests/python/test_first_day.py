"""The first day of companies that the project has never seen: from their exports to the marts.

No SQL and no row of a rule by hand: what is proposed is accepted as it is, or not at all.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from marts import query
from proposing import Company
from runner import Place, compute, faults
from test_mappings import EXPORTS, FIRST, LAST, land
from test_maven import EXPORT, TOOL

from orchestration.commands import doctor
from orchestration.engine.warehouse import connect, literal
from orchestration.project import project
from orchestration.settings import DEMO_RULES


@dataclass(frozen=True)
class Case:
    """A company: how its files land, and the days of its first refresh."""

    land: Callable[[Path], object]
    first: str = FIRST
    last: str = LAST
    accounts: int = 0


def of(*systems: str) -> Callable[[Path], object]:
    """The exports of these systems."""
    files = {name: text for name, text in EXPORTS.items() if name.split("/")[0] in systems}
    assert files
    return lambda folder: land(folder, files)


def maven(folder: Path) -> None:
    if not EXPORT.exists():
        pytest.skip(f"{EXPORT} is not there: the export lies beside the project, not in it")
    command = [sys.executable, str(TOOL), str(EXPORT), str(folder)]
    subprocess.run(command, check=True, capture_output=True)


CASES = {
    "zoho": Case(of("zoho"), accounts=4),
    "dynamics": Case(of("dynamics", "dynamics@us"), accounts=3),
    "spreadsheet": Case(of("spreadsheet"), accounts=3),
    "maven": Case(maven, "2017-06-01", "2017-06-30", accounts=85),
}


def with_rules(place: Place) -> None:
    """Puts the rules in force into the warehouse, as dbt's seeds do."""
    with connect(place.warehouse) as warehouse:
        for path in sorted((project() / "seeds").rglob("*.csv")):
            warehouse.execute(f"delete from seeds.{path.stem}")
            warehouse.execute(
                f"insert into seeds.{path.stem} by name select * from read_csv("
                f"{literal(str(path.resolve()))}, header = true, all_varchar = true)"
            )


# Each company one way in every run, the other way where there is time.
@pytest.mark.parametrize(
    ("name", "is_accepted"),
    [
        pytest.param(
            name,
            is_accepted,
            id=f"{name}, {'accepted' if is_accepted else 'not accepted'}",
            marks=() if is_accepted == (name in ("zoho", "spreadsheet")) else pytest.mark.long,
        )
        for name in CASES
        for is_accepted in (False, True)
    ],
)
def test_the_first_day(
    name: str,
    is_accepted: bool,
    template: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    case = CASES[name]
    company = Company(tmp_path, template, monkeypatch)
    case.land(company.landing)
    assert company.init() == 0
    proposed = {path.stem for path in company.proposed.glob("*.csv")} - {"declined"}
    # Nothing is in force before somebody says so.
    assert not {*company.rules.glob("*.csv")}
    if is_accepted:
        assert company.init("all") == 0
        assert {path.stem for path in company.rules.glob("*.csv")} == proposed
    place = template.copy(tmp_path / "place", company.landing)
    with_rules(place)
    compute(place, case.first, case.last)

    def rows(sql: str) -> list[tuple[object, ...]]:
        return query(place.warehouse, sql)

    # Every row is accounted for, every sum adds up, nothing contradicts itself.
    assert faults(place) == {}
    assert rows("select count(*) from marts.accounts") == [(case.accounts,)]
    own = {path.stem for path in company.rules.glob("*.csv")}
    # What nobody has said is told, and what is accepted no longer.
    unsaid = {
        str(item)
        for (item,) in rows(
            "select item from marts_detail.review_items where item_type = 'rule_not_set'"
        )
    }
    every = {str(rule) for (rule,) in rows("select rule from seeds.company_rules")}
    assert unsaid == every - own
    # Nothing of the demo's company is in any mart, and nobody is dropped for rules that nobody set.
    criteria = {
        str(name)
        for (name,) in rows("select distinct criterion from marts.account_fit_contributions")
    }
    demos = {line.split(",")[0] for line in (DEMO_RULES / "fit_criteria.csv").open()}
    assert not criteria & demos
    if "fit_criteria" not in own:
        assert criteria == set()
        assert rows("select distinct fit_tier from marts.account_fit") == [("unknown",)]
        assert rows("select count(*) from marts.account_decisions where decision = 'drop'") == [
            (0,)
        ]
        assert rows("select distinct fits_icp, why from marts.account_fit") == [
            (
                True,
                "Unknown: nobody has said what makes an account fit (RULES_DIR/fit_criteria.csv)."
                " Counts as fitting until then.",
            )
        ]
    # What cannot be had is named.
    off = " ".join(
        str(words)
        for (words,) in rows(
            "select features_off from marts.data_health where features_off is not null"
        )
    )
    assert "intent" in off
    capfd.readouterr()
    assert doctor.main(["--all"]) in (0, 1, 2)
    said = capfd.readouterr().out
    for rule in sorted(every - own):
        assert rule in said
