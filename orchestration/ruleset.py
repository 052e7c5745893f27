"""The rules people make: the seeds and the vars of `dbt_project.yml`, and the version they carry.

What belongs here: reading them for Python, and hashing them. What does not: any rule itself.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import yaml

from orchestration.contract import YAML_LOADER
from orchestration.identities import RESERVED_ENDINGS, registrable_domain
from orchestration.scoring.activation import StateRule, StateRules
from orchestration.scoring.matching import MatchRules, levels_from_rows
from orchestration.scoring.name_pairs import FEATURES
from orchestration.scoring.names import rules_from_rows
from orchestration.scoring.readiness import DIMENSIONS, ReadinessRules

T = TypeVar("T")

SHOWN_FAULTS = 5  # in a message
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


class SeedError(ValueError):
    """A seed holds what would be misread; the message names file, line and column."""


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


def check_seeds(project_dir: Path) -> None:
    """Raises SeedError for what seeds and the var `sources` say and nobody would miss.

    That is misread dates, domains that meet nothing, names of states and of kinds of facts that no
    model knows, and criteria of fit that count for what a must-not excludes.

    Dates are written like 2026-01-31. dbt would guess: 01/02/2026 became the second of January, and
    a decision counted from another day than the one meant. Which columns are dates is what their
    `column_types` say. Columns named `domain` hold registrable domains, the form in which the
    warehouse keeps them: an exclusion of mail.acme.com would leave acme.com alone in no way.
    """
    wrong = _faults_of_states(project_dir) + _faults_of_kinds(project_dir)
    wrong += _faults_of_fit(project_dir)
    for path in sorted((project_dir / "seeds").rglob("*.yml")):
        document = yaml.load(path.read_text(encoding="utf-8"), YAML_LOADER) or {}
        for seed in document.get("seeds", []):
            types = (seed.get("config") or {}).get("column_types") or {}
            checks = {
                column: _fault_of_domain if column == "domain" else _fault_of_date
                for column, kind in types.items()
                if kind == "date" or column == "domain"
            }
            file = path.parent / f"{seed['name']}.csv"
            if not checks or not file.exists():
                continue
            with file.open(newline="", encoding="utf-8-sig") as handle:
                rows = csv.DictReader(handle)
                for row in rows:
                    wrong += [
                        f"{file.relative_to(project_dir)}, line {rows.line_num}: {column} is"
                        f" {row[column]!r}, {fault}"
                        for column, fault_of in checks.items()
                        if (fault := fault_of((row.get(column) or "").strip()))
                    ]
    if wrong:
        more = [f"and {len(wrong) - SHOWN_FAULTS} more"] if len(wrong) > SHOWN_FAULTS else []
        shown = [*wrong[:SHOWN_FAULTS], *more]
        raise SeedError("\n".join([*shown, "Correct the seed, and run again."]))


def _faults_of_states(project_dir: Path) -> list[str]:
    """A state of another name would be one that no account of the marts is ever counted in."""
    rows = seed_rows(project_dir, STATES_SEED)
    named = {str(row.get("state_rank")): str(row.get("state")).strip() for row in rows}
    wanted = {str(rank): state for rank, state in enumerate(STATES, start=1)}
    if named == wanted:
        return []
    return [
        f"seeds/{STATES_SEED}: the states are {', '.join(STATES)}, with the ranks 1 to"
        f" {len(STATES)}; it has {', '.join(named.values())}. The models know them by these names,"
        " so none can be renamed, added or left out; what each asks for is yours to set."
    ]


def _faults_of_fit(project_dir: Path) -> list[str]:
    """What a criterion counts for and a must-not of the same days excludes would do nothing.

    The two say the same from both sides, in two rows: whoever changes one has to change the other.
    """
    path = project_dir / "seeds" / FIT_SEED
    with path.open(newline="", encoding="utf-8-sig") as handle:
        reader = csv.DictReader(handle)
        rows = [
            ({name: (cell or "").strip() for name, cell in row.items()}, reader.line_num)
            for row in reader
        ]
    wrong = []
    for row, line in rows:
        for other, other_line in rows:
            is_pair = row["attribute"] == other["attribute"] and (
                row["is_must_not"].lower(),
                other["is_must_not"].lower(),
            ) == ("false", "true")
            # Days as text are in the order of days.
            is_then = row["valid_from"] < (other["valid_to"] or "9999") and other["valid_from"] < (
                row["valid_to"] or "9999"
            )
            if is_pair and is_then and (lost := _excluded(row, other)):
                wrong.append(
                    f"seeds/{FIT_SEED}, line {line}: {row['criterion']} counts for {lost}, which"
                    f" the must-not {other['criterion']} in line {other_line} excludes whatever"
                    " the score: change both or neither"
                )
    return wrong


def _excluded(row: dict[str, str], must_not: dict[str, str]) -> str:
    """What a criterion counts for though a must-not excludes it, in words; empty if nothing."""
    kinds = row["operator"], must_not["operator"]
    if kinds in (("in", "not_in"), ("in", "in")):
        counted, named = (
            [word.strip() for word in one["list_values"].lower().split("|")]
            for one in (row, must_not)
        )
        return ", ".join(word for word in counted if (word in named) == (kinds[1] == "in"))
    if kinds == ("between", "outside"):
        try:
            low, high, least, most = (
                float(one[name] or open_end)
                for one in (row, must_not)
                for name, open_end in (("min_value", "-inf"), ("max_value", "inf"))
            )
        except ValueError:
            return ""  # No number at all is for the seed's own test to say.
        if low < least or high > most:
            return f"{low:,.0f} to {high:,.0f}"
    return ""


def _faults_of_kinds(project_dir: Path) -> list[str]:
    """A misspelt kind of facts would be one that no model asks the sources for."""
    known: set[str] = set()
    for path in (project_dir / "models").rglob("*.sql"):
        known.update(
            re.findall(
                r"\b(?:rows_of_sources|sources_of)\('(\w+)'", path.read_text(encoding="utf-8")
            )
        )
    return [
        f"dbt_project.yml: the var sources gives {source} the kind {kind!r}, which no model reads;"
        f" known are {', '.join(sorted(known))}"
        for source, kinds in project_vars(project_dir)["sources"].items()
        for kind in kinds
        if kind not in known
    ]


def _fault_of_date(text: str) -> str | None:
    """None for nothing and for a day that exists, in the one form that cannot be misread."""
    try:
        if not text or (re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) and date.fromisoformat(text)):
            return None
    except ValueError:
        pass
    return "not a date like 2026-01-31"


def _fault_of_domain(text: str) -> str | None:
    """None for nothing and for a registrable domain as ingestion writes it."""
    registrable = registrable_domain(text) if text else ""
    if registrable == text or text in RESERVED_ENDINGS:
        return None
    return f"not as it is registered: write {registrable}" if registrable else "no domain"


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
