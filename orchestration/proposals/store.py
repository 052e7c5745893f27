"""Proposals as files: RULES_DIR/proposed, and how they come into force.

`proposed/<seed>.csv` has the seed's own columns; each reason begins with `proposed: ` or
`proposed, unsure: `. Written anew each time are only rows as they were proposed: what a person has
written, in RULES_DIR or in `proposed/`, stays as it is, and what was declined does not come again.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

from orchestration.project import PROPOSED, VARS_FILE, YAML_LOADER, compose, own_vars
from orchestration.rules.checks import CheckError, check_rules
from orchestration.settings import PROJECT_DIR
from orchestration.terminal import printable

MARK, UNSURE = "proposed: ", "proposed, unsure: "
README = "README.md"
DECLINED = "declined.csv"
WRITTEN = ".written.json"
VARS = Path(VARS_FILE).stem
# Names compared as the models compare them: without regard to case.
CASELESS = ("stage_name", "domain", "topic", "provider", "word")
# What is of no use without the other.
BRINGS = {"fit_criteria": ("custom_fields",)}

Row = Mapping[str, str]


@dataclass(frozen=True)
class Proposal:
    """Rows proposed for a seed. decides: what decides, in a few words. of: what was looked at."""

    seed: str
    rows: Sequence[Row]
    decides: str


@dataclass(frozen=True)
class VarProposal:
    """A value proposed for a var of dbt_project.yml."""

    name: str
    value: str | int | float
    reason: str
    is_unsure: bool = False


@dataclass
class Findings:
    """All that was found: rows, values, and by heading what a person should read."""

    rules: list[Proposal] = field(default_factory=list)
    values: list[VarProposal] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    brief: list[str] = field(default_factory=list)
    """What a terminal shows besides the table, a line each."""

    def note(self, heading: str, *lines: str) -> None:
        """Adds lines under a heading."""
        self.notes.setdefault(heading, []).extend(lines)


@dataclass(frozen=True)
class Written:
    """What lies in `proposed/` of one rule. rows: all of them. unsure: those that say so."""

    name: str
    path: Path
    rows: int
    unsure: int
    decides: str


@dataclass(frozen=True)
class SeedFile:
    """A seed of the project: path under seeds/, columns in order, the columns that name a row."""

    path: Path
    columns: tuple[str, ...]
    key: tuple[str, ...]

    def key_of(self, row: Row) -> tuple[str, ...]:
        """What names a row, as it is compared."""
        return tuple(
            row.get(name, "").strip().lower() if name in CASELESS else row.get(name, "").strip()
            for name in self.key
        )


def reason(text: str, *, unsure: bool = False) -> str:
    """The reason of a proposed row: its mark, and what it was seen from."""
    return (UNSURE if unsure else MARK) + printable(text)


def is_plain(text: str) -> bool:
    """Whether a name from data can stand in a rule file: nothing that a terminal would obey."""
    return bool(text) and text == text.strip() and printable(text) == text


@cache
def seed_files() -> dict[str, SeedFile]:
    """The seeds of the project, by name."""
    found = {}
    for path in sorted((PROJECT_DIR / "seeds").rglob("_*.yml")):
        declared = yaml.load(path.read_text(encoding="utf-8"), YAML_LOADER).get("seeds") or ()
        for seed in declared:
            keys = [
                tuple(test["well_formed"]["arguments"].get("key") or ())
                for test in seed.get("data_tests") or ()
                if isinstance(test, dict) and "well_formed" in test
            ]
            file = path.parent / f"{seed['name']}.csv"
            columns = tuple(seed["config"]["column_types"])
            key = keys[0] if keys and set(keys[0]) <= set(columns) else columns
            found[seed["name"]] = SeedFile(file, columns, key)
    return found


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file; none where it is not there."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as handle:
        return [
            {name: value or "" for name, value in row.items() if isinstance(name, str)}
            for row in csv.DictReader(handle)
        ]


# --- writing --------------------------------------------------------------------------------------


def write(folder: Path, findings: Findings) -> list[Written]:
    """Writes what is proposed into `folder/proposed`; gives what lies there then, by rule."""
    place = folder / PROPOSED
    place.mkdir(parents=True, exist_ok=True)
    seeds, before = seed_files(), _read_written(place)
    declined = {(row["rule"], row["key"]) for row in read_rows(place / DECLINED)}
    written: list[Written] = []
    digests: dict[str, list[str]] = {}
    for proposal in findings.rules:
        seed = seeds[proposal.seed]
        own = {seed.key_of(row) for row in read_rows(folder / f"{proposal.seed}.csv")}
        kept = [
            row
            for row in read_rows(place / f"{proposal.seed}.csv")
            if _digest(row) not in before.get(proposal.seed, ()) and seed.key_of(row) not in own
        ]
        taken = own | {seed.key_of(row) for row in kept}
        new = []
        for row in proposal.rows:
            key = seed.key_of(row)
            if key not in taken and (proposal.seed, _named(key)) not in declined:
                taken.add(key)
                new.append({name: str(row.get(name, "")) for name in seed.columns})
        digests[proposal.seed] = [_digest(row) for row in new]
        path = place / f"{proposal.seed}.csv"
        if kept + new:
            _write(path, _csv(seed.columns, kept + new))
            unsure = sum(row.get("reason", "").startswith(UNSURE) for row in kept + new)
            written.append(Written(proposal.seed, path, len(kept + new), unsure, proposal.decides))
        else:
            path.unlink(missing_ok=True)
    written += _write_vars(folder, findings.values, declined, before, digests)
    _write(place / README, _readme(findings, written))
    _write(place / WRITTEN, json.dumps(digests, indent=1, sort_keys=True))
    return written


def _write_vars(
    folder: Path,
    values: Sequence[VarProposal],
    declined: Collection[tuple[str, str]],
    before: Mapping[str, list[str]],
    digests: dict[str, list[str]],
) -> list[Written]:
    path = folder / PROPOSED / VARS_FILE
    own = own_vars(folder)
    new = [v for v in values if v.name not in own and (VARS, v.name) not in declined]
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() not in before.get(VARS, ()):
        # A person has written into it: it stays, and what it has not is added.
        there = own_vars(folder / PROPOSED)
        text = path.read_text(encoding="utf-8").rstrip("\n") + "\n"
        new = [value for value in new if value.name not in there]
        names = len(there) + len(new)
    else:
        text, names = "", len(new)
    text += "".join(_lines_of_var(value) for value in new)
    if not names:
        path.unlink(missing_ok=True)
        return []
    _write(path, text)
    digests[VARS] = [hashlib.sha256(text.encode()).hexdigest()]
    unsure = text.count(f"# {UNSURE}")
    return [Written(VARS, path, names, unsure, "what deals, users and contracts say")]


def _lines_of_var(value: VarProposal) -> str:
    said = json.dumps(value.value, ensure_ascii=False)
    return f"# {reason(value.reason, unsure=value.is_unsure)}\n{value.name}: {said}\n"


def _readme(findings: Findings, written: Sequence[Written]) -> str:
    lines = [
        "# Proposed rules",
        "",
        "Written by `make init` from your landing files. Nothing here is in force.",
        "`make init ACCEPT=all` puts all of it into force, `ACCEPT=fit_criteria,vars` a part.",
        "Change or delete rows first if they are wrong: what you write stays.",
        "",
        "| rule | rows | unsure | decided by |",
        "|---|---|---|---|",
        *(f"| `{each.name}` | {each.rows} | {each.unsure} | {each.decides} |" for each in written),
    ]
    for heading, said in findings.notes.items():
        lines += ["", f"## {heading}", "", *(f"- {_markdown(line)}" for line in said)]
    return "\n".join(lines) + "\n"


def _markdown(line: str) -> str:
    return printable(line).replace("<", "&lt;")


def _read_written(place: Path) -> dict[str, list[str]]:
    with suppress(OSError, ValueError):
        read = json.loads((place / WRITTEN).read_text(encoding="utf-8"))
        return {str(name): list(digests) for name, digests in read.items()}
    return {}


def _digest(row: Row) -> str:
    return hashlib.sha256(json.dumps(sorted(row.items())).encode()).hexdigest()[:16]


def _named(key: Sequence[str]) -> str:
    return " | ".join(key)


def _csv(columns: Sequence[str], rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8", newline="")
    draft.replace(path)


# --- accepting ------------------------------------------------------------------------------------


def proposed_names(folder: Path) -> list[str]:
    """The rules of which something is proposed."""
    place, seeds = folder / PROPOSED, seed_files()
    names = [path.stem for path in sorted(place.glob("*.csv")) if path.stem in seeds]
    return names + ([VARS] if (place / VARS_FILE).is_file() else [])


def path_of(folder: Path, name: str) -> Path:
    """Where what is proposed of a rule lies."""
    return folder / PROPOSED / (VARS_FILE if name == VARS else f"{name}.csv")


def accept(folder: Path, names: Collection[str]) -> dict[str, int]:
    """Puts what is proposed of these rules into force; gives the rows of each.

    Raises CheckError, and changes nothing, where the rules that would then hold are not sound.
    """
    seeds, place = seed_files(), folder / PROPOSED
    there = proposed_names(folder)
    wanted = {each for name in names for each in (name, *BRINGS.get(name, ())) if each in there}
    counts: dict[str, int] = {}
    texts: dict[str, str] = {}
    for name in sorted(wanted - {VARS}):
        seed, own = seeds[name], folder / f"{name}.csv"
        new = [_accepted(row) for row in read_rows(place / f"{name}.csv")]
        taken = {seed.key_of(row) for row in new}
        if own.is_file():
            # What somebody has written meanwhile goes before what is proposed.
            before = read_rows(own)
            written = {seed.key_of(row) for row in before}
            new = [row for row in new if seed.key_of(row) not in written]
        else:
            before = [row for row in read_rows(seed.path) if seed.key_of(row) not in taken]
        texts[f"{name}.csv"] = _csv(seed.columns, [*before, *new])
        counts[name] = len(new)
    if VARS in wanted:
        own_text = _text(folder / VARS_FILE)
        new_text = _text(place / VARS_FILE)
        proposed = {n: v for n, v in own_vars(place).items() if n not in own_vars(folder)}
        if proposed:
            kept = _only(new_text, proposed.keys())
            marks = kept.replace(f"# {MARK}", "# ").replace(f"# {UNSURE}", "# unsure: ")
            texts[VARS_FILE] = (own_text.rstrip("\n") + "\n" if own_text else "") + marks
        counts[VARS] = len(proposed)
    _check(folder, texts)
    for file, text in texts.items():
        _write(folder / file, text)
    for name in wanted:
        path_of(folder, name).unlink(missing_ok=True)
    return counts


def decline(folder: Path, name: str) -> None:
    """Takes what is proposed of a rule away, and keeps it from being proposed again."""
    seeds, place = seed_files(), folder / PROPOSED
    rows = read_rows(place / DECLINED)
    if name == VARS:
        keys = [*own_vars(place)]
    else:
        seed = seeds[name]
        keys = [_named(seed.key_of(row)) for row in read_rows(place / f"{name}.csv")]
    rows += [{"rule": name, "key": key} for key in keys]
    _write(place / DECLINED, _csv(("rule", "key"), rows))
    path_of(folder, name).unlink(missing_ok=True)


def _accepted(row: Row) -> dict[str, str]:
    """A row without its mark. What was unsure still says so."""
    said = row.get("reason", "")
    if said.startswith(UNSURE):
        said = "unsure: " + said[len(UNSURE) :]
    elif said.startswith(MARK):
        said = said[len(MARK) :]
    return {**row, "reason": said}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _only(text: str, names: Collection[str]) -> str:
    """The lines of vars with these names, each with the comment above it."""
    kept: list[str] = []
    waiting: list[str] = []
    for line in text.splitlines():
        waiting.append(line)
        if line and not line.startswith(("#", " ")):
            if line.split(":")[0] in names:
                kept += waiting
            waiting = []
    return "\n".join(kept) + "\n" if kept else ""


def _check(folder: Path, texts: Mapping[str, str]) -> None:
    """Raises CheckError where the company's rules with these files among them are not sound."""
    with tempfile.TemporaryDirectory() as draft:
        tried = Path(draft) / folder.name
        tried.mkdir()
        for path in [*folder.glob("*.csv"), folder / VARS_FILE]:
            if path.is_file():
                shutil.copyfile(path, tried / path.name)
        for file, text in texts.items():
            (tried / file).write_text(text, encoding="utf-8", newline="")
        composed = compose(tried, PROJECT_DIR)
        try:
            check_rules(composed)
        except CheckError as error:
            raise CheckError(str(error).replace(str(tried), str(folder))) from None
        finally:
            shutil.rmtree(composed, ignore_errors=True)
