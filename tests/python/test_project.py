"""Whose rules are in force: the general ones, and over them a company's own."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from orchestration import project
from orchestration.rules.checks import CheckError, check_rules
from orchestration.rules.ruleset import project_vars, ruleset_version, seed_rows
from orchestration.settings import (
    DEMO_RULES,
    PROJECT_DIR,
    SettingsError,
    home_path,
    load_settings,
    rules_dir,
)

CRITERIA = "seeds/fit/fit_criteria.csv"
HEADER = (PROJECT_DIR / CRITERIA).read_text(encoding="utf-8").splitlines()[0]
LARGE = "large,employees,between,,1000,,10,false,sales,internal,,,Ours are large"


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """What is put together for folders of a test goes with them."""
    companies = PROJECT_DIR / "target" / "companies"
    before = set(companies.glob("*"))
    yield
    for place in set(companies.glob("acme-*")) - before:
        shutil.rmtree(place)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "acme" / "rules"
    folder.mkdir(parents=True)
    return folder


def of(rules: Path) -> Path:
    return project.project({"RULES_DIR": str(rules)})


def said_by(place: Path) -> dict[str, str]:
    rows = seed_rows(place, "company/company_rules.csv")
    return {row["rule"]: row["set_by"] for row in rows}


def test_without_a_company_the_checkout_is_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rules_dir({"RULES_DIR": " "}) == rules_dir({})
    if not (PROJECT_DIR / "rules").exists():
        assert project.project({}) == PROJECT_DIR


def test_a_companys_file_stands_in_for_the_general_one(rules: Path) -> None:
    (rules / "fit_criteria.csv").write_text(f"{HEADER}\n{LARGE}\n")
    place = of(rules)
    assert [row["criterion"] for row in seed_rows(place, "fit/fit_criteria.csv")] == ["large"]
    assert seed_rows(place, "coverage/personas.csv") == seed_rows(
        PROJECT_DIR, "coverage/personas.csv"
    )
    check_rules(place)
    assert ruleset_version(place) != ruleset_version(PROJECT_DIR)
    # Edited, it holds at once; gone, the general one holds again.
    (rules / "fit_criteria.csv").write_text(f"{HEADER}\n{LARGE.replace('large', 'huge')}\n")
    assert [row["criterion"] for row in seed_rows(place, "fit/fit_criteria.csv")] == ["huge"]
    (rules / "fit_criteria.csv").unlink()
    assert seed_rows(of(rules), "fit/fit_criteria.csv") == []
    assert ruleset_version(of(rules)) == ruleset_version(PROJECT_DIR)


def test_who_has_set_each_rule_is_told(rules: Path) -> None:
    (rules / "fit_criteria.csv").write_text(f"{HEADER}\n{LARGE}\n")
    (rules / "proposed").mkdir()
    for name in ("fit_criteria", "personas"):
        (rules / "proposed" / f"{name}.csv").write_text("not in force")
    said = said_by(of(rules))
    assert (said.pop("fit_criteria"), said.pop("personas")) == ("company", "proposed")
    assert set(said.values()) == {"nobody"}
    assert set(said_by(PROJECT_DIR).values()) == {"nobody"}


def test_the_demo_has_said_all_that_a_company_can_say() -> None:
    assert set(said_by(of(DEMO_RULES)).values()) == {"company"}


def test_vars_of_a_company_hold_and_the_file_stays_readable(rules: Path) -> None:
    (rules / "vars.yml").write_text(
        "default_currency: EUR\nsources_off: [hubspot, marketo]\nflag_words: [gone]\n"
        "reporting_timezone: Europe/Berlin\n"
    )
    place = of(rules)
    values, general = project_vars(place), project_vars(PROJECT_DIR)
    changed = {name: value for name, value in values.items() if general[name] != value}
    assert changed == yaml.safe_load((rules / "vars.yml").read_text())
    assert values.keys() == general.keys()
    check_rules(place)  # reads reasons and ranges from the comments around


def test_a_wrong_value_is_told_with_the_companys_file(rules: Path) -> None:
    (rules / "fit_criteria.csv").write_text(f"{HEADER}\n{LARGE.replace('1000', 'many')}\n")
    with pytest.raises(CheckError) as refused:
        check_rules(of(rules))
    assert f"{rules / 'fit_criteria.csv'}, line 2, min_value: 'many'" in str(refused.value)


def test_names_that_no_rule_has_are_told_at_once(rules: Path) -> None:
    (rules / "fit_criterias.csv").write_text(HEADER)
    (rules / "vars.yml").write_text("default_curency: EUR\n")
    with pytest.raises(SettingsError) as refused:
        of(rules)
    assert "fit_criterias.csv: no rule has this name" in str(refused.value)
    assert "no var has the name default_curency" in str(refused.value)


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "\xff"])
def test_vars_that_do_not_read_are_told(rules: Path, text: str) -> None:
    (rules / "vars.yml").write_text(text, encoding="latin-1")
    with pytest.raises(SettingsError, match=r"vars\.yml"):
        of(rules)


def test_two_companies_share_a_checkout(tmp_path: Path) -> None:
    """Two folders called rules, in folders of one name: neither sees the other."""
    places = []
    for number in ("1", "2"):
        rules = tmp_path / number / "acme" / "rules"
        rules.mkdir(parents=True)
        (rules / "vars.yml").write_text(f"default_currency: {'EUR' if number == '1' else 'GBP'}\n")
        places.append(of(rules))
    one, two = places
    assert one != two
    assert project_vars(one)["default_currency"] == "EUR"
    assert project_vars(two)["default_currency"] == "GBP"


def test_paths_follow_the_company(rules: Path) -> None:
    settings = load_settings({"RULES_DIR": str(rules)})
    home = PROJECT_DIR / "data" / "acme"
    assert settings.landing_dir == home / "landing"
    assert settings.warehouse_path == home / "warehouse.duckdb"
    assert settings.published_dir == home / "published"
    assert home_path({"RULES_DIR": str(rules)}) == home / ".dagster"
    given = load_settings({"RULES_DIR": str(rules), "WAREHOUSE_PATH": "data/w.duckdb"})
    assert given.warehouse_path == PROJECT_DIR / "data" / "w.duckdb"
    assert load_settings({}).warehouse_path == PROJECT_DIR / "data" / "warehouse.duckdb"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no folder is there"):
        rules_dir({"RULES_DIR": str(tmp_path / "lost")})


def test_the_general_rules_are_nobodys() -> None:
    """What describes a company is empty in general, or says no more than what any has."""
    for name in ("fit/fit_criteria", "fit/icp_views", "signals/intent_topics"):
        assert seed_rows(PROJECT_DIR, f"{name}.csv") == []
    demo = {path.name for path in DEMO_RULES.glob("*.csv")}
    with (PROJECT_DIR / project.COMPANY_RULES).open(newline="", encoding="utf-8") as handle:
        assert {f"{row['rule']}.csv" for row in csv.DictReader(handle)} <= demo
