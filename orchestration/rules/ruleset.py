"""The rules people make: the seeds and the vars of `dbt_project.yml`, and the version they carry.

What belongs here: reading them for Python, hashing them, and saying what differs between two
versions. What does not: any rule itself, and where versions are kept (runs/score_store.py).
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from orchestration.landing.contract import YAML_LOADER
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
    "company_rules.csv",
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
    for path, rows in _rule_seeds(project_dir):
        digest.update(json.dumps([path.name, rows]).encode())
    return digest.hexdigest()[:12]


def _rule_seeds(project_dir: Path) -> Iterator[tuple[Path, list[list[str]]]]:
    """The seeds that are rules, with their rows; the first is the header."""
    for path in sorted((project_dir / "seeds").rglob("*.csv")):
        if path.name in NOT_RULES:
            continue
        with path.open(newline="", encoding="utf-8") as handle:
            rows = [[cell.strip() for cell in row] for row in csv.reader(handle) if row]
        out = NOT_RULE_COLUMNS.get(path.name)
        if out and rows:
            kept = [place for place, column in enumerate(rows[0]) if column not in out]
            rows = [[row[place] for place in kept if place < len(row)] for row in rows]
        yield path, rows


# --- what differs between two versions ------------------------------------------------------------

SEED, VAR = "seed", "var"
EXAMPLES = 3
"""Rows of a seed that are named; the others are counted."""
LONGEST = 40
"""Letters of a value that are shown: a reason is a sentence, a list may be a page."""


@dataclass(frozen=True)
class Rules:
    """All rules of one version, in a form that can be kept.

    contents: by (kind, name) the content as JSON. A seed is named by its path under seeds/, its
    content is its rows, the first of them the header. keys: by seed the columns that name a row.
    """

    contents: Mapping[tuple[str, str], str]
    keys: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class RuleChange:
    """What differs in one rule. Rows are counted of seeds, values given of vars."""

    rule_kind: str | None
    rule: str
    change: str
    what_changed: str
    rows_added: int | None = None
    rows_removed: int | None = None
    rows_changed: int | None = None
    value_before: str | None = None
    value_after: str | None = None


def rules_in_force(project_dir: Path) -> Rules:
    """The rules that `ruleset_version` is a hash of."""
    contents = {
        (VAR, name): json.dumps(value, sort_keys=True, ensure_ascii=False)
        for name, value in project_vars(project_dir).items()
    }
    for path, rows in _rule_seeds(project_dir):
        name = path.relative_to(project_dir / "seeds").as_posix()
        contents[(SEED, name)] = json.dumps(rows, ensure_ascii=False)
    keys = {}
    for path in sorted((project_dir / "seeds").rglob("_*.yml")):
        for seed in yaml.load(path.read_text(encoding="utf-8"), YAML_LOADER).get("seeds") or ():
            for test in seed.get("data_tests") or ():
                well_formed = test.get("well_formed") if isinstance(test, dict) else None
                if well_formed:
                    file = (path.parent / f"{seed['name']}.csv").relative_to(project_dir / "seeds")
                    keys[file.as_posix()] = tuple(well_formed["arguments"].get("key") or ())
    return Rules(contents, keys)


def changes_between(before: Mapping[tuple[str, str], str], after: Rules) -> list[RuleChange]:
    """The rules that differ, in the order of their names. before: contents as in `Rules`."""
    found = []
    for kind, name in sorted(before.keys() | after.contents.keys()):
        old, new = before.get((kind, name)), after.contents.get((kind, name))
        if old == new:
            continue
        change = "added" if old is None else "removed" if new is None else "changed"
        if kind == VAR:
            found.append(_change_of_var(name, change, old, new))
        else:
            found.append(_change_of_seed(name, change, old, new, after.keys.get(name, ())))
    return found


def _change_of_var(name: str, change: str, old: str | None, new: str | None) -> RuleChange:
    words = {
        "added": f"{name} is new: {_short(new or '')}.",
        "removed": f"{name} is gone; it was {_short(old or '')}.",
        "changed": f"{name} is {_short(new or '')}; it was {_short(old or '')}.",
    }
    return RuleChange(VAR, name, change, words[change], value_before=old, value_after=new)


def _change_of_seed(
    name: str, change: str, old: str | None, new: str | None, key: Sequence[str]
) -> RuleChange:
    columns_before, rows_before = _table(old)
    columns_after, rows_after = _table(new)
    names = [column for column in key if column in columns_after] or columns_after or columns_before
    before, after = _by_key(rows_before, names), _by_key(rows_after, names)
    if key and (None in (before, after)):
        # Two rows have one key, so rows are told from one another as a whole.
        names = columns_after or columns_before
        before, after = _by_key(rows_before, names), _by_key(rows_after, names)
    shared = [column for column in columns_after if column in columns_before]
    if before is None or after is None:
        counted_before = Counter(tuple(row.items()) for row in rows_before)
        counted_after = Counter(tuple(row.items()) for row in rows_after)
        added = [dict(row) for row in (counted_after - counted_before).elements()]
        removed = [dict(row) for row in (counted_before - counted_after).elements()]
        edited: list[tuple[dict[str, str], dict[str, str]]] = []
    else:
        added = [row for at, row in after.items() if at not in before]
        removed = [row for at, row in before.items() if at not in after]
        edited = [
            (before[at], row)
            for at, row in after.items()
            if at in before and any(before[at][column] != row[column] for column in shared)
        ]
    words = []
    if change != "changed":
        words.append("a new seed" if change == "added" else "the seed is gone")
    if edited:
        told = [f"{_named(row, names)}: {_edit(old_row, row, shared)}" for old_row, row in edited]
        words.append(f"{_rows(len(edited))} changed ({_some(told)})")
    for rows, verb in ((added, "added"), (removed, "removed")):
        if rows:
            words.append(f"{_rows(len(rows))} {verb} ({_some([_named(r, names) for r in rows])})")
    if change == "changed":
        gained = [column for column in columns_after if column not in columns_before]
        lost = [column for column in columns_before if column not in columns_after]
        words += [f"column {column} added" for column in gained]
        words += [f"column {column} removed" for column in lost]
    text = "; ".join(words) or "the same rows in another order"
    return RuleChange(
        SEED,
        name,
        change,
        f"{text[0].upper()}{text[1:]}.",
        rows_added=len(added),
        rows_removed=len(removed),
        rows_changed=len(edited),
    )


def _table(content: str | None) -> tuple[list[str], list[dict[str, str]]]:
    header, *rows = json.loads(content) if content and content != "[]" else [[]]
    return header, [
        {name: row[place] if place < len(row) else "" for place, name in enumerate(header)}
        for row in rows
    ]


def _by_key(
    rows: Sequence[dict[str, str]], names: Sequence[str]
) -> dict[tuple[str, ...], dict[str, str]] | None:
    """Rows by their key; None where two have the same one, or one lacks a column of it."""
    found = {tuple(row.get(name, "") for name in names): row for row in rows}
    return found if len(found) == len(rows) else None


def _named(row: Mapping[str, str], names: Sequence[str]) -> str:
    return _short(", ".join(row.get(name) or "blank" for name in names))


def _edit(old: Mapping[str, str], new: Mapping[str, str], columns: Sequence[str]) -> str:
    return ", ".join(
        f"{column} {_short(new[column]) or 'blank'}, was {_short(old[column]) or 'blank'}"
        for column in columns
        if old[column] != new[column]
    )


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - EXAMPLES
    return "; ".join(texts[:EXAMPLES]) + (f"; and {more:,} more" if more > 0 else "")


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


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
            row["domain"]
            for seed in ("excluded_domains", "own_domains")
            for row in seed_rows(project_dir, f"identity/{seed}.csv")
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
