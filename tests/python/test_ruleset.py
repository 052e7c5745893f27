"""The ruleset version: what changes it and what does not; and reading the rules of the states."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.project import project as project_in_force
from orchestration.rules.ruleset import (
    NOT_RULES,
    changes_between,
    project_vars,
    readiness_rules,
    rules_in_force,
    ruleset_version,
    state_rules,
)
from orchestration.settings import PROJECT_DIR

STATES = "seeds/activation/activation_states.csv"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project's rules that a test may change."""
    shutil.copy(PROJECT_DIR / "dbt_project.yml", tmp_path)
    shutil.copytree(project_in_force() / "seeds", tmp_path / "seeds")
    (tmp_path / "models").symlink_to(PROJECT_DIR / "models")
    return tmp_path


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert after != before, f"the edit of {path.name} changed nothing: the test proves nothing"
    path.write_text(after, encoding="utf-8")


def test_the_version_is_short_and_stable(project: Path) -> None:
    version = ruleset_version(project)
    assert len(version) == 12
    assert set(version) <= set("0123456789abcdef")
    assert version == ruleset_version(project_in_force())


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("seeds/fit/fit_criteria.csv", ",30,false,sales", ",31,false,sales"),
        ("seeds/signals/activity_types.csv", "page_view,web,1,", "page_view,web,2,"),
        (STATES, "active,true,strong,false,true,0.48", "active,true,strong,false,true,0.55"),
        ("dbt_project.yml", "person_cap_points: 20", "person_cap_points: 21"),
        ("dbt_project.yml", "backfill_first_load: true", "backfill_first_load: false"),
        ("seeds/landing/feeds.csv", "salesforce,account,3", "salesforce,account,4"),
    ],
)
def test_a_changed_rule_changes_the_version(project: Path, file: str, old: str, new: str) -> None:
    before = ruleset_version(project)
    edit(project / file, lambda text: text.replace(old, new))
    assert ruleset_version(project) != before


def test_how_a_table_is_delivered_is_no_rule(project: Path) -> None:
    before = ruleset_version(project)
    feeds = project / "seeds" / "landing" / "feeds.csv"
    edit(
        feeds, lambda text: text.replace("salesforce,account,3,,", "salesforce,account,3,snapshot,")
    )
    assert ruleset_version(project) == before
    # The columns beside it are rules still, and none takes the place of another.
    edit(feeds, lambda text: text.replace("3,snapshot,,", "3,snapshot,2026-01-31,"))
    assert ruleset_version(project) != before


def test_a_rule_seed_added_or_removed_changes_the_version(project: Path) -> None:
    before = ruleset_version(project)
    (project / "seeds" / "fit" / "more.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    added = ruleset_version(project)
    (project / "seeds" / "activation" / "renewal_types.csv").unlink()
    assert len({before, added, ruleset_version(project)}) == 3


@pytest.mark.parametrize("name", NOT_RULES)
def test_what_is_no_rule_does_not_change_the_version(project: Path, name: str) -> None:
    before = ruleset_version(project)
    (path,) = (project / "seeds").rglob(name)
    width = path.read_text(encoding="utf-8").splitlines()[0].count(",")
    edit(path, lambda text: text + "x" + "," * width + "\n")
    assert ruleset_version(project) == before


def test_formatting_does_not_change_the_version(project: Path) -> None:
    before = ruleset_version(project)
    edit(
        project / "dbt_project.yml",
        lambda text: text.replace("keep_factor: 0.8", "keep_factor:   0.80"),
    )
    edit(project / "dbt_project.yml", lambda text: "# a word more\n" + text)
    edit(project / STATES, lambda text: text.replace("cold,false,none,", "cold, false ,none,"))
    edit(
        project / STATES,
        lambda text: text.replace(",Take away what slows", ',"Take away what slows').replace(
            "deal down", 'deal down"'
        ),
    )
    edit(project / STATES, lambda text: text.replace("\n", "\r\n") + "\r\n")
    edit(
        project / "seeds" / "fit" / "_fit__seeds.yml",
        lambda text: text + "\n# a word more\n",
    )
    assert ruleset_version(project) == before


def test_the_order_of_vars_does_not_change_the_version(project: Path) -> None:
    before = ruleset_version(project)
    lines = "  customer_months: 24  # whole 1 to 60\n"
    edit(
        project / "dbt_project.yml",
        lambda text: text.replace(lines, "").replace("vars:\n", "vars:\n" + lines),
    )
    assert ruleset_version(project) == before


def test_the_states_are_read_in_rank_order_whatever_the_order_of_rows(
    project: Path,
) -> None:
    rules = state_rules(project)
    edit(
        project / STATES,
        lambda text: "\n".join([text.splitlines()[0], *reversed(text.splitlines()[1:])]) + "\n",
    )
    assert state_rules(project) == rules
    assert [rule.rank for rule in rules.states] == [1, 2, 3, 4]


def test_cells_are_read_as_dbt_reads_them(project: Path) -> None:
    rules = state_rules(project)
    edit(
        project / STATES,
        lambda text: text.replace("none,true,false", " none ,TRUE,False"),
    )
    assert state_rules(project) == rules


def test_the_shipped_states_are_those_of_the_method() -> None:
    """docs/method.md, the table of activation states. Who changes the rule changes the page too."""
    rules = state_rules(PROJECT_DIR)
    read = [
        (
            rule.state,
            rule.min_strength,
            rule.needs_strong_signal,
            rule.needs_committed_motion,
            rule.motion_replaces_signal,
            rule.min_reached_coverage,
        )
        for rule in rules.states
    ]
    assert read == [
        ("cold", 0.0, False, False, False, 0.0),
        ("warming", 10.0, False, False, True, 0.0),
        ("active", 40.0, True, False, True, 0.48),
        ("engaged", 0.0, False, True, False, 0.67),
    ]
    assert (rules.keep_factor, rules.days_below_to_fall) == (0.8, 7)


def test_the_levels_and_the_waits_come_from_the_vars(project: Path) -> None:
    edit(
        project / "dbt_project.yml",
        lambda text: (
            text.replace("strong_min_strength: 40", "strong_min_strength: 44")
            .replace("some_min_strength: 10", "some_min_strength: 11")
            .replace("keep_factor: 0.8", "keep_factor: 0.9")
            .replace("days_below_to_fall: 7", "days_below_to_fall: 5")
        ),
    )
    rules = state_rules(project)
    assert [rule.min_strength for rule in rules.states] == [0, 11, 44, 0]
    assert (rules.keep_factor, rules.days_below_to_fall) == (0.9, 5)
    assert project_vars(project)["strong_min_strength"] == 44


@pytest.mark.parametrize("rank", [2, 5])
def test_ranks_with_a_gap_or_a_tie_are_refused(project: Path, rank: int) -> None:
    edit(project / STATES, lambda text: text.replace("3,active", f"{rank},active"))
    with pytest.raises(ValueError, match="ranks must be"):
        state_rules(project)


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("true,0.48,", "true,half,", "min_reached_coverage"),
        ("strong,false,true", "strong,false,yes", "motion_replaces_signal"),
        ("3,active", "three,active", "state_rank"),
        ("min_reached_coverage,response", "coverage,response", "min_reached_coverage"),
        ("3,active,true,strong", "3,active,true,huge", "min_signal_level"),
    ],
)
def test_a_cell_that_does_not_read_is_named(project: Path, old: str, new: str, column: str) -> None:
    edit(project / STATES, lambda text: text.replace(old, new))
    with pytest.raises(ValueError, match=rf"activation_states\.csv, state \w+: {column}"):
        state_rules(project)


# --- readiness ------------------------------------------------------------------------------------

RELEVANCE = "seeds/research/role_relevance.csv"
SOURCES = "seeds/research/research_sources.csv"


def test_the_shipped_numbers_of_readiness_are_those_of_the_method() -> None:
    rules = readiness_rules(PROJECT_DIR)
    assert (rules.half_life_days, rules.max_age_days, rules.rating_strength) == (90, 180, 4)
    assert (rules.evidence_min_weight, rules.contested_min_spread) == (0.5, 0.3)
    assert (rules.blocked_max_probability, rules.cleared_min_probability) == (0.4, 0.6)
    assert (rules.lead_days, rules.interview_weight_share) == (14, 1)
    assert rules.relevance_share["user"] == (0.7, 0.5, 0.3, 0.7)


def test_the_roles_are_read_whatever_the_order_of_rows(project: Path) -> None:
    rules = readiness_rules(project)
    edit(
        project / RELEVANCE,
        lambda text: "\n".join([text.splitlines()[0], *reversed(text.splitlines()[1:])]) + "\n",
    )
    assert readiness_rules(project) == rules


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (RELEVANCE, "user,pressure,0.7", "user,pressure,1.7", "role user: '1.7' is no share"),
        (RELEVANCE, "user,pressure,0.7", "user,pressure,", "role user: '' is no share"),
        (RELEVANCE, "user,pressure", "user,ownership", "role user: 'ownership' is there twice"),
        (RELEVANCE, "user,pressure", "user,mood", "role user: 'mood' is there twice or is none"),
        (RELEVANCE, "user,pressure", "users,pressure", "role users: no row for ownership"),
        (SOURCES, "interview,1,", "interviews,1,", "one row for interview"),
        (SOURCES, "interview,1,", "interview,much,", "'much' is no share"),
        ("dbt_project.yml", "rating_strength: 4", "rating_strength: four", "var rating_strength"),
        ("dbt_project.yml", "rating_strength: 4", "rating_strength: 0", "rating_strength must be"),
        ("dbt_project.yml", "  research_lead_days: 14", "  lead: 14", "var research_lead_days"),
    ],
)
def test_numbers_of_readiness_that_do_not_read_are_named(
    project: Path, file: str, old: str, new: str, message: str
) -> None:
    edit(project / file, lambda text: text.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        readiness_rules(project)


# --- what differs between two versions ------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new", "rule", "words", "counts"),
    [
        (
            "dbt_project.yml",
            "keep_factor: 0.8 ",
            "keep_factor: 0.7 ",
            "keep_factor",
            "keep_factor is 0.7; it was 0.8.",
            (None, None, None, "0.8", "0.7"),
        ),
        (
            "seeds/signals/activity_types.csv",
            "page_view,web,1,",
            "page_view,web,2,",
            "signals/activity_types.csv",
            "1 row changed (page_view: base_points 2, was 1).",
            (0, 0, 1, None, None),
        ),
        (
            "seeds/activation/renewal_types.csv",
            "%renewal%,",
            "%extension%,",
            "activation/renewal_types.csv",
            "1 row added (%extension%); 1 row removed (%renewal%).",
            (1, 1, 0, None, None),
        ),
        (
            "seeds/landing/feeds.csv",
            "salesforce,account,3",
            "salesforce,account,4",
            "landing/feeds.csv",
            "1 row changed (salesforce, account: freshness_days 4, was 3).",
            (0, 0, 1, None, None),
        ),
    ],
)
def test_a_changed_rule_is_told(
    project: Path, file: str, old: str, new: str, rule: str, words: str, counts: tuple[object, ...]
) -> None:
    before = rules_in_force(project).contents
    edit(project / file, lambda text: text.replace(old, new, 1))
    (change,) = changes_between(before, rules_in_force(project))
    assert (change.rule, change.change, change.what_changed) == (rule, "changed", words)
    assert (
        change.rows_added,
        change.rows_removed,
        change.rows_changed,
        change.value_before,
        change.value_after,
    ) == counts


def test_how_a_table_is_delivered_changes_no_rule(project: Path) -> None:
    before = rules_in_force(project).contents
    edit(
        project / "seeds" / "landing" / "feeds.csv",
        lambda text: text.replace("salesforce,account,3,,", "salesforce,account,3,snapshot,"),
    )
    assert changes_between(before, rules_in_force(project)) == []


def test_seeds_and_vars_that_come_and_go_are_told(project: Path) -> None:
    before = rules_in_force(project).contents
    (project / "seeds" / "fit" / "more.csv").write_text("a,b\n1,2\n1,3\n", encoding="utf-8")
    (project / "seeds" / "activation" / "renewal_types.csv").unlink()
    edit(
        project / "dbt_project.yml",
        lambda text: text.replace("  keep_factor: 0.8 ", "  holding_factor: 0.8 "),
    )
    told = {
        change.rule: (change.change, change.what_changed)
        for change in changes_between(before, rules_in_force(project))
    }
    gone, words = told.pop("activation/renewal_types.csv")
    assert gone == "removed"
    assert words.startswith("The seed is gone; ")
    assert told == {
        "fit/more.csv": ("added", "A new seed; 2 rows added (1, 2; 1, 3)."),
        "keep_factor": ("removed", "keep_factor is gone; it was 0.8."),
        "holding_factor": ("added", "holding_factor is new: 0.8."),
    }


def test_rows_in_another_order_and_other_columns_are_told(project: Path) -> None:
    seed = project / "seeds" / "signals" / "seniority_levels.csv"
    before = rules_in_force(project).contents

    def turn(text: str) -> str:
        header, *rows = text.splitlines()
        return "\n".join([header, *reversed(rows)]) + "\n"

    edit(seed, turn)
    turned = rules_in_force(project)
    (change,) = changes_between(before, turned)
    assert change.what_changed == "The same rows in another order."
    edit(
        seed,
        lambda text: "\n".join(
            f"{line},{'more' if place == 0 else 'x'}"
            for place, line in enumerate(text.splitlines())
        ),
    )
    (change,) = changes_between(turned.contents, rules_in_force(project))
    assert change.what_changed == "Column more added."


def test_what_is_kept_is_what_the_version_is_made_of(project: Path) -> None:
    rules = rules_in_force(project)
    seeds = {path.name for path in (project / "seeds").rglob("*.csv")} - set(NOT_RULES)
    assert {Path(name).name for kind, name in rules.contents if kind == "seed"} == seeds
    assert {name for kind, name in rules.contents if kind == "var"} == set(project_vars(project))
    without_key = [
        name for kind, name in rules.contents if kind == "seed" and not rules.keys.get(name)
    ]
    assert without_key == ["signals/observability_channels.csv"]
