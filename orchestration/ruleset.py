"""The rules people make: the seeds and the vars of `dbt_project.yml`, and the version they carry.

What belongs here: reading them for Python, and hashing them. What does not: any rule itself.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from orchestration.contract import YAML_LOADER
from orchestration.scoring.activation import StateRule, StateRules
from orchestration.scoring.matching import MatchRules, levels_from_rows
from orchestration.scoring.name_pairs import FEATURES
from orchestration.scoring.names import rules_from_rows
from orchestration.scoring.readiness import DIMENSIONS, ReadinessRules

T = TypeVar("T")

STATES_SEED = "activation/activation_states.csv"
FIT_SEED = "fit/fit_criteria.csv"
STATES = ("cold", "warming", "active", "engaged")
"""The states, lowest first. What each asks for is a rule; the models know them by these names."""

NOT_RULES = (
    "account_exclusions.csv",
    "contact_exclusions.csv",
    "domain_owner_overrides.csv",
    "match_decisions.csv",
    "persona_overrides.csv",
    "live_since.csv",
    "row_fates.csv",
)
"""Dated decisions on single records, which change what is known, and words for people."""

NOT_RULE_COLUMNS = {"feeds.csv": ("load_mode",)}
"""Columns of rule seeds that say how something is delivered, and not what it counts for."""


def project_vars(project_dir: Path) -> dict[str, Any]:
    """The vars of `dbt_project.yml`."""
    text = (project_dir / "dbt_project.yml").read_text(encoding="utf-8")
    project = yaml.load(text, YAML_LOADER)
    return dict(project["vars"])


def ruleset_version(project_dir: Path) -> str:
    """Hash (12 hex digits) of every rule seed and var; formatting of the files does not enter."""
    digest = hashlib.sha256(json.dumps(project_vars(project_dir), sort_keys=True).encode())
    for path in sorted((project_dir / "seeds").rglob("*.csv")):
        if path.name in NOT_RULES:
            continue
        with path.open(newline="", encoding="utf-8") as handle:
            rows = [[cell.strip() for cell in row] for row in csv.reader(handle) if row]
        out = NOT_RULE_COLUMNS.get(path.name)
        if out and rows:
            kept = [place for place, column in enumerate(rows[0]) if column not in out]
            rows = [[row[place] for place in kept if place < len(row)] for row in rows]
        digest.update(json.dumps([path.name, rows]).encode())
    return digest.hexdigest()[:12]


def state_rules(project_dir: Path) -> StateRules:
    """The states of `seeds/activation/activation_states.csv` with the waiting rules of the vars.

    Raises:
        ValueError: a row that does not read; the message names the file and the state.
    """
    values = project_vars(project_dir)
    min_strength = {
        "none": 0.0,
        "some": float(values["some_min_strength"]),
        "strong": float(values["strong_min_strength"]),
    }
    path = project_dir / "seeds" / "activation" / "activation_states.csv"
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    states = []
    for row in rows:

        def read(column: str, as_type: Callable[[str], T], row: dict[str, str] = row) -> T:
            try:
                return as_type(row[column].strip())
            except (KeyError, ValueError, AttributeError) as error:
                raise ValueError(
                    f"{path.name}, state {row.get('state')}: {column} does not read: {error}"
                ) from None

        level = read("min_signal_level", _one_of(tuple(min_strength)))
        states.append(
            StateRule(
                rank=read("state_rank", int),
                state=read("state", str),
                min_strength=min_strength[level],
                needs_strong_signal=level == "strong",
                needs_committed_motion=read("needs_committed_motion", _boolean),
                motion_replaces_signal=read("motion_replaces_signal", _boolean),
                min_reached_coverage=read("min_reached_coverage", float),
            )
        )
    states.sort(key=lambda rule: rule.rank)
    return StateRules(
        states=tuple(states),
        keep_factor=float(values["keep_factor"]),
        days_below_to_fall=int(values["days_below_to_fall"]),
    )


def match_rules(project_dir: Path) -> MatchRules:
    """The word lists, weights and levels of match review, in seeds/identity, and its vars.

    Raises:
        ValueError: a row that does not read, or a feature without a weight.
    """
    values = project_vars(project_dir)
    weights = {
        row["feature"]: float(row["weight_bits"])
        for row in seed_rows(project_dir, "identity/match_weights.csv")
    }
    if set(weights) != set(FEATURES):
        raise ValueError(
            f"match_weights.csv must name each feature once: {set(weights) ^ set(FEATURES)}"
        )
    return MatchRules(
        names=rules_from_rows(
            seed_rows(project_dir, "identity/legal_forms.csv"),
            seed_rows(project_dir, "identity/country_names.csv"),
            seed_rows(project_dir, "identity/name_words.csv"),
            seed_rows(project_dir, "identity/name_abbreviations.csv"),
        ),
        weights=weights,
        levels=levels_from_rows(seed_rows(project_dir, "identity/match_levels.csv")),
        free_mail=frozenset(
            row["domain"] for row in seed_rows(project_dir, "identity/excluded_domains.csv")
        ),
        pairs_per_account=dict(values["match_pairs_per_account"]),
        list_prior=dict(values["match_list_prior"]),
        min_probability=float(values["match_min_probability"]),
    )


def readiness_rules(project_dir: Path) -> ReadinessRules:
    """The vars of readiness with the weights of roles and of interviews in seeds/research.

    Raises:
        ValueError: a number that does not read or lies outside its range, a role that lacks a
            dimension or has it twice, or no weight of interviews; the message names the file.
    """
    values = _Numbers(project_vars(project_dir))
    relevance: dict[str, dict[str, float]] = {}
    for row in seed_rows(project_dir, "research/role_relevance.csv"):
        role, dimension = row["role"].strip(), row["dimension"].strip()
        shares = relevance.setdefault(role, {})
        if dimension not in DIMENSIONS or dimension in shares:
            raise ValueError(
                f"role_relevance.csv, role {role}: {dimension!r} is there twice or is none of"
                f" {', '.join(DIMENSIONS)}"
            )
        shares[dimension] = _share(row["relevance_share"], f"role_relevance.csv, role {role}")
    for role, shares in relevance.items():
        if missing := [name for name in DIMENSIONS if name not in shares]:
            raise ValueError(f"role_relevance.csv, role {role}: no row for {', '.join(missing)}")
    interviews = [
        row["weight_share"]
        for row in seed_rows(project_dir, "research/research_sources.csv")
        if row["source_type"].strip() == "interview"
    ]
    if len(interviews) != 1:
        raise ValueError("research_sources.csv must have one row for interview")

    return ReadinessRules(
        half_life_days=values["research_half_life_days"],
        max_age_days=int(values["research_max_age_days"]),
        rating_strength=values["rating_strength"],
        evidence_min_weight=values["evidence_min_weight"],
        contested_min_spread=values["contested_min_spread"],
        blocked_max_probability=values["blocked_max_probability"],
        cleared_min_probability=values["cleared_min_probability"],
        lead_days=int(values["research_lead_days"]),
        interview_weight_share=_share(interviews[0], "research_sources.csv, interview"),
        relevance_share={
            role: tuple(shares[name] for name in DIMENSIONS) for role, shares in relevance.items()
        },
    )


def seed_rows(project_dir: Path, name: str) -> list[dict[str, str]]:
    """Rows of a seed, by its path under seeds/, as text."""
    with (project_dir / "seeds" / name).open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def _one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    def check(word: str) -> str:
        if word not in words:
            raise ValueError(f"must be one of {', '.join(words)}, got {word!r}")
        return word

    return check


class _Numbers:
    """Vars as numbers; one that does not read is named."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def __getitem__(self, name: str) -> float:
        try:
            return float(self.values[name])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"dbt_project.yml, var {name} does not read: {error}") from None


def _share(text: str, where: str) -> float:
    """A number of 0 to 1."""
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"{where}: {text!r} is no share of 0 to 1")
    return share


def _boolean(word: str) -> bool:
    """true or false in any case, as dbt reads them: any other word must not quietly mean false."""
    if word.lower() not in ("true", "false"):
        raise ValueError(f"must be true or false, got {word!r}")
    return word.lower() == "true"
