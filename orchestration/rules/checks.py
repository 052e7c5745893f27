"""What people write, checked before anything runs: settings, vars and seeds.

All faults are told at once, each with its file, line, column, value and what to do, for a run that
fails on the third of five is started five times. What a cell may be is declared once: in
`column_types` and the tests of the seeds' yml, which dbt reads too, and behind each var in
`dbt_project.yml`. What belongs here: whether a value can be what its place says. What does not:
whether rules fit together as a whole, which the tests in tests/data know.
"""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import yaml

from orchestration.engine.warehouse import is_locked
from orchestration.landing.contract import YAML_LOADER, load_contract
from orchestration.landing.discovery import INSTANCE, MAIN_INSTANCE
from orchestration.landing.identities import RESERVED_ENDINGS, registrable_domain
from orchestration.landing.mappings import load_mappings
from orchestration.project import mapping_folders, project, source_of
from orchestration.rules.ruleset import FIT_SEED, STATES, STATES_SEED
from orchestration.settings import (
    MODELS_DIR,
    PROJECT_DIR,
    PUBLISHED_FILE,
    Settings,
    SettingsError,
    home_path,
    path_of,
    read_settings,
    rules_dir,
    spill_path,
)

PROJECT_FILE = "dbt_project.yml"
SHOWN_ALIKE = 3  # faults of one kind in one column: whoever mends them sees what the rest is
SHOWN_FAULTS = 30  # on one screen

LIMIT = r"-?[\w.]+"
NUMBER = re.compile(
    rf"(?P<each>each )?(?P<kind>whole|number)"
    rf"(?: (?P<from>{LIMIT})(?: or more| to (?P<to>{LIMIT}))"
    rf"| above (?P<above>{LIMIT})(?: to (?P<up_to>{LIMIT}))?)"
    r"(?: for (?P<names>\w+(?:, \w+)*))?"
)
NAMED = re.compile(r"(?P<many>list of|one) (?P<column>\w+) of (?P<seed>\w+)")
CHOICE = re.compile(r"one of (?P<words>\w+(?:, \w+)*)")
NOT_THIS = re.compile(r"(\w+) != '([^']*)'")
LOWERED = re.compile(r"lower\((\w+)\)")
# Schemas of the warehouse that the project fills.
OWN_SCHEMA = re.compile(
    r"raw_landing|staging|intermediate|features|marts|marts_detail|seeds|scores|exports|restricted"
    r"|information_schema"
)


# Where each path comes from; None: not set, and nothing to look at.
PATHS: dict[str, Callable[[Mapping[str, str]], Path | None]] = {
    "LANDING_DIR": lambda environment: path_of(environment, "LANDING_DIR"),
    "PUBLISHED_DIR": lambda environment: path_of(environment, "PUBLISHED_DIR"),
    "WAREHOUSE_PATH": lambda environment: path_of(environment, "WAREHOUSE_PATH"),
    "DAGSTER_HOME": home_path,
    "SPILL_DIR": spill_path,
}


class CheckError(ValueError):
    """Settings, vars or seeds that nothing can run with; the message names all of them."""


class Fault(NamedTuple):
    """One fault: where it is (path under the project, line from 1), and what to do about it."""

    file: str
    line: int
    column: str
    value: object
    problem: str
    remedy: str

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line else ""
        column = f", {self.column}" if self.column else ""
        value = "" if self.value is None else f"{self.value!r} "
        return f"{self.file}{line}{column}: {value}{self.problem}. {self.remedy}."


class Var(NamedTuple):
    """A var as it stands: value, line from 1, and what it may be by the words behind it."""

    value: Any
    line: int
    declared: str


@dataclass
class Seed:
    """A seed's declaration and, once read, its rows with the lines on which they begin."""

    file: str
    types: Mapping[str, str]
    tests: list[Mapping[str, Any]]
    references: list[tuple[str, str, str, str]]
    """Column, seed and column that it names, and the word that names none."""
    rows: list[tuple[int, dict[str, str]]] | None = None

    def known(self, column: str) -> set[str]:
        return {row[column] for _, row in self.rows or ()}


def ready(
    environment: Mapping[str, str] | None = None, *, is_landing_needed: bool = True
) -> Settings:
    """The settings, once they and the rules of the project have been found sound.

    is_landing_needed: false where the landing folder may come later. Raises CheckError with all
    that is wrong.
    """
    environment = os.environ if environment is None else environment
    settings, faults = read_settings(environment)
    # Of several paths one may lead nowhere; the others are looked at all the same.
    paths: dict[str, Path] = {}
    for name, read in PATHS.items():
        try:
            path = read(environment)
        except SettingsError as error:
            faults.append(str(error))
        else:
            if path is not None:
                paths[name] = path
                faults += _faults_of_folder(name, path)
    of_rules: list[str] = []
    try:
        place = project(environment)
        of_rules = shown(faults_of_rules(place))
        of_rules += shown(faults_of_mappings(mapping_folders(rules_dir(environment))))
        # The first refresh makes the folder where it is to hold what EL tools have filled.
        is_first = not (paths.get("PUBLISHED_DIR", place) / PUBLISHED_FILE).exists()
        is_landing_needed &= not (is_first and _has_schemas(place))
    except SettingsError as error:
        of_rules.append(str(error))
    if is_landing_needed and "LANDING_DIR" in paths:
        faults += faults_of_landing(paths["LANDING_DIR"])
    if "WAREHOUSE_PATH" in paths:
        faults += faults_of_warehouse(paths["WAREHOUSE_PATH"])
    if settings:
        faults += faults_of_paths(settings)
    faults += of_rules
    if faults or settings is None:
        raise CheckError("\n".join(dict.fromkeys(faults)))
    return settings


def check_rules(project_dir: Path) -> None:
    """Raises CheckError with all that is wrong with vars and seeds."""
    if faults := faults_of_rules(project_dir):
        raise CheckError("\n".join(shown(faults)))


def shown(faults: Iterable[Fault]) -> list[str]:
    """The faults in words, in the order of files and lines; of many alike the first ones."""
    alike: dict[tuple[str, str, str], int] = {}
    lines = []
    for fault in sorted(faults, key=lambda fault: (fault.file, fault.line)):
        kind = fault.file, fault.column, fault.problem
        alike[kind] = alike.get(kind, 0) + 1
        if alike[kind] <= SHOWN_ALIKE:
            lines.append(str(fault))
    lines += [
        f"{file}{f', {column}' if column else ''}: {count - SHOWN_ALIKE} more rows alike."
        for (file, column, _), count in alike.items()
        if count > SHOWN_ALIKE
    ]
    if len(lines) > SHOWN_FAULTS:
        lines[SHOWN_FAULTS:] = [f"And {len(lines) - SHOWN_FAULTS} more. Mend these first."]
    return lines


def faults_of_rules(project_dir: Path) -> list[Fault]:
    """All that is wrong with the vars and seeds of a project."""
    faults: list[Fault] = []
    seeds = read_seeds(project_dir, faults)
    for seed in seeds.values():
        faults += _faults_of_rows(seed)
    for seed in seeds.values():
        faults += _faults_of_references(seed, seeds)
    faults += _faults_of_states(seeds)
    faults += _faults_of_fit(seeds)
    values = read_vars(project_dir, faults)
    if values is not None:
        faults += _faults_of_vars(project_dir, values, seeds)
    return [fault._replace(file=source_of(project_dir, fault.file)) for fault in faults]


def faults_of_mappings(folders: Sequence[Path]) -> list[Fault]:
    """All that is wrong with the mappings of systems (docs/mappings.md)."""
    _, problems = load_mappings(folders, load_contract(MODELS_DIR).tables.values())
    return [Fault(_in_checkout(Path(problem.file)), *problem[1:]) for problem in problems]


def _in_checkout(path: Path) -> str:
    """The path as people write it: from the checkout where it is in there."""
    return str(path.relative_to(PROJECT_DIR) if path.is_relative_to(PROJECT_DIR) else path)


# --- paths ----------------------------------------------------------------------------------------


def faults_of_landing(landing_dir: Path) -> list[str]:
    """Whether there is a landing folder at all: a lost disk is no day without files."""
    if os.path.lexists(landing_dir):
        return []  # what else may be wrong with it is told apart
    return [
        f"LANDING_DIR {landing_dir} does not exist. Set it to the folder that holds"
        " <source>/<table>/, or make it and put files there (docs/landing.md says which)."
    ]


def _has_schemas(project_dir: Path) -> bool:
    """Whether something is collected from schemas that EL tools fill."""
    found = (read_vars(project_dir, []) or {}).get("raw_schemas")
    return found is not None and bool(found.value)


def faults_of_paths(settings: Settings) -> list[str]:
    """Folders that are in each other."""
    landing, warehouse = settings.landing_dir, settings.warehouse_path
    published = settings.published_dir
    faults = []
    if landing.is_relative_to(published) or published.is_relative_to(landing):
        faults.append(
            f"LANDING_DIR {landing} and PUBLISHED_DIR {published} are in each other: results would"
            " be taken in as files that have landed. Give each a folder of its own."
        )
    if warehouse.is_relative_to(landing):
        faults.append(
            f"WAREHOUSE_PATH is {warehouse}, in LANDING_DIR {landing}: each run would look like"
            " files that have landed. Put it elsewhere."
        )
    if warehouse.is_relative_to(published) and warehouse != settings.published_path:
        faults.append(
            f"WAREHOUSE_PATH is {warehouse}, in PUBLISHED_DIR {published}: whoever may read the"
            " marts could read raw data there. Put it elsewhere."
        )
    return faults


def _faults_of_folder(name: str, path: Path) -> list[str]:
    """What keeps a folder, or the warehouse, from being read or made and written to."""
    folder = path.parent if name == "WAREHOUSE_PATH" else path
    there = next(folder for folder in (folder, *folder.parents) if os.path.exists(folder))
    if not there.is_dir():
        under = "" if there == path else f" under {there}"
        return [f"{name} is {path}{under}, which is a file. Name a folder."]
    is_read = name == "LANDING_DIR"
    rights, verb = (os.R_OK, "read") if is_read else (os.W_OK, "written to")
    faults = [
        f"{name} is {path}, and {place} cannot be {verb}. Change its rights (chmod, chown), or"
        " name another."
        for place in ([there, path] if os.path.isfile(path) else [there])
        if not os.access(place, rights | os.X_OK if place.is_dir() else rights)
    ]
    if not faults and not is_read:
        try:
            # Root has all rights, also where nothing can be written.
            tempfile.TemporaryFile(dir=there).close()
        except OSError as error:
            faults = [
                f"{name} is {path}, and no file can be made in {there}: {error.strerror}. Name"
                " another."
            ]
    return faults


def faults_of_warehouse(path: Path) -> list[str]:
    """Whether the file can be the warehouse; one that another process has open is told later."""
    if not os.path.isfile(path) or not os.access(path, os.R_OK):
        return []  # nothing, or told already
    elsewhere = "Set WAREHOUSE_PATH to another name, or move the file away if it is not needed"
    with path.open("rb") as handle:
        head = handle.read(12)
    if not head:
        return []  # DuckDB makes a database of an empty file
    if head[8:] != b"DUCK":
        return [f"WAREHOUSE_PATH is {path}, which is no DuckDB database. {elsewhere}."]
    try:
        duckdb.connect(str(path), read_only=True).close()
    except duckdb.ConnectionException:
        return []  # open in this very process
    except duckdb.Error as error:
        if is_locked(error):
            return []
        said = str(error).splitlines()[0].rstrip(".")
        return [
            f"WAREHOUSE_PATH is {path}, which DuckDB {duckdb.__version__} cannot open: {said}."
            f" {elsewhere}."
        ]
    return []


# --- reading what people write --------------------------------------------------------------------


def _text(project_dir: Path, file: str, faults: list[Fault]) -> str | None:
    """A file's text. Bytes that Python, dbt and DuckDB would read otherwise are faults."""
    data = (project_dir / file).read_bytes()
    save = "Save it as plain UTF-8"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        faults.append(Fault(file, 1, "", None, "is written in UTF-16", save))
        return None
    if data.startswith(b"\xef\xbb\xbf"):
        faults.append(
            Fault(
                file,
                1,
                "",
                None,
                "begins with a byte order mark, which would be read as part of the first name",
                save + " without a byte order mark (BOM)",
            )
        )
        data = data[3:]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line_start = before.rfind(b"\n") + 1
        line = data[line_start:].splitlines()[0].decode("cp1252", errors="replace")
        faults.append(
            Fault(
                file,
                before.count(b"\n") + 1,
                f"character {error.start - line_start + 1}",
                line[max(0, error.start - line_start - 20) :][:40],
                "is not UTF-8; it looks like the Windows code page",
                save,
            )
        )
        return None
    if "\0" in text:
        line_no = text.count("\n", 0, text.index("\0")) + 1
        faults.append(Fault(file, line_no, "", None, "has a NUL character", "Take it out"))
        return None
    return text


def _yaml(project_dir: Path, file: str, faults: list[Fault]) -> tuple[Any, str] | None:
    """The document of a file, and its text; what does not read is a fault."""
    if not (project_dir / file).exists():
        faults.append(Fault(file, 0, "", None, "is not there", "Put it back"))
        return None
    text = _text(project_dir, file, faults)
    if text is None:
        return None
    try:
        return yaml.load(text, YAML_LOADER), text
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at, character = (mark.line, mark.column) if mark else (0, 0)
        lines = text.splitlines()
        line = lines[at] if at < len(lines) else ""
        if "\t" in line:
            problem, remedy = "has a tab, which YAML does not read", "Put blanks in its place"
            character = line.index("\t")
        else:
            problem = f"does not read as YAML: {error.problem}"
            remedy = "Compare the line, and the one before it, with its neighbours: blanks before"
            remedy += " it, the colon, and quotes and brackets that are not closed"
        faults.append(
            Fault(file, at + 1, f"character {character + 1}", line.strip()[:60], problem, remedy)
        )
    except yaml.YAMLError as error:
        said = str(error).splitlines()[0]
        faults.append(Fault(file, 0, "", None, f"does not read as YAML: {said}", "Correct it"))
    return None


def read_vars(project_dir: Path, faults: list[Fault]) -> dict[str, Var] | None:
    """The vars with their lines and declarations; None if the file does not read."""
    read = _yaml(project_dir, PROJECT_FILE, faults)
    if read is None:
        return None
    document, text = read
    values = document.get("vars") if isinstance(document, dict) else None
    if not isinstance(values, dict):
        faults.append(Fault(PROJECT_FILE, 0, "", None, "has no vars", "Put the block vars: back"))
        return None
    lines = text.splitlines()
    found: dict[str, Var] = {}
    for key in _keys_of_vars(text):
        name, at = str(key.value), key.start_mark.line
        if name in found:
            problem = f"stands on line {found[name].line} too, and only the last one counts"
            faults.append(
                Fault(PROJECT_FILE, at + 1, f"var {name}", None, problem, "Take one of them out")
            )
        _, mark, declared = lines[at].rpartition(" # ")
        found[name] = Var(values.get(name), at + 1, declared.strip() if mark else "")
    return found


def _keys_of_vars(text: str) -> list[yaml.ScalarNode]:
    """The keys under vars, each with its place: of two alike a document keeps the last one."""
    root = yaml.compose(text, YAML_LOADER)
    blocks = {key.value: value for key, value in root.value} if root else {}
    return [key for key, _ in blocks["vars"].value]


def read_seeds(project_dir: Path, faults: list[Fault]) -> dict[str, Seed]:
    """The seeds that are declared, by name, with the rows of those that read."""
    seeds: dict[str, Seed] = {}
    folder = project_dir / "seeds"
    for path in sorted(folder.rglob("*.yml")):
        read = _yaml(project_dir, str(path.relative_to(project_dir)), faults)
        document = read[0] if read and isinstance(read[0], dict) else {}
        for declared in document.get("seeds") or []:
            seeds[declared["name"]] = _declaration(declared, path.parent, project_dir)
    all_known = not faults  # else a seed may be described where nothing can be read
    described = {seed.file for seed in seeds.values()}
    for path in sorted(folder.rglob("*.csv")):
        file = str(path.relative_to(project_dir))
        if all_known and file not in described:
            faults.append(
                Fault(
                    file,
                    0,
                    "",
                    None,
                    "is no seed that a yml beside it describes",
                    f"Give it the name of one{_meant(path.stem, seeds)}, describe it, or move it"
                    " out of seeds/",
                )
            )
    for seed in seeds.values():
        if not seed.types:
            continue  # of somebody's own, and dbt's to read
        if (project_dir / seed.file).exists():
            seed.rows = _rows(project_dir, seed, faults)
        else:
            header = ",".join(seed.types)
            faults.append(
                Fault(
                    seed.file,
                    0,
                    "",
                    None,
                    "is not there",
                    f"Put it back; if nothing is to count, leave its first line alone: {header}",
                )
            )
    return seeds


def _declaration(declared: Mapping[str, Any], folder: Path, project_dir: Path) -> Seed:
    """What the yml says of a seed; tests of other kinds are left to dbt."""
    seed = Seed(
        file=str((folder / f"{declared['name']}.csv").relative_to(project_dir)),
        types=(declared.get("config") or {}).get("column_types") or {},
        tests=[*_arguments(declared, "well_formed")],
        references=[],
    )
    for column in declared.get("columns") or []:
        for test in _arguments(column, "relationships"):
            to = re.fullmatch(r"ref\('(\w+)'\)", test["to"])
            where = test.get("where", f"{column['name']} != ''")
            if to and (found := NOT_THIS.fullmatch(where)):
                seed.references.append((column["name"], to[1], test["field"], found[2]))
    return seed


def _arguments(declared: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    """The arguments of the data tests of a kind, with the condition under which they hold."""
    for test in declared.get("data_tests") or []:
        if isinstance(test, dict) and kind in test:
            yield {
                **(test[kind].get("arguments") or test[kind]),
                **(test[kind].get("config") or {}),
            }


def _rows(
    project_dir: Path, seed: Seed, faults: list[Fault]
) -> list[tuple[int, dict[str, str]]] | None:
    """The rows of a seed that are as wide as its header; None where the header does not serve."""
    text = _text(project_dir, seed.file, faults)
    if text is None:
        return None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, dict[str, str]]] = []
    names: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if "unexpected end" in str(error):
                problem, remedy = "opens a quote that is never closed", 'Close it with "'
            else:
                problem = "goes on after a quote is closed, or has a quote within quotes"
                remedy = 'Write a quote within quotes twice (""), and a comma right after the last'
            value = text.splitlines()[line - 1][:60]
            faults.append(Fault(seed.file, line, "", value, problem, remedy))
            return None
        if names is None:
            if not _is_header(seed, cells, faults):
                return None
            names = cells
        elif not cells:
            continue
        elif len(cells) != len(names):
            if len(cells) > len(names):
                problem = f"has {len(cells)} cells, and the first line names {len(names)} columns"
                remedy = 'Put a text with a comma into quotes ("), or take the comma too many out'
            else:
                problem = f"has {len(cells)} of {len(names)} cells"
                remedy = "Put in the commas that are missing; a cell may be empty"
            value = ",".join(cells)
            faults.append(Fault(seed.file, line, "", value[:60], problem, remedy))
        else:
            rows.append((line, dict(zip(names, cells, strict=True))))
    if names is None:
        header = ",".join(seed.types)
        faults.append(
            Fault(seed.file, 1, "", None, "is empty", f"Write the columns into it: {header}")
        )
        return None
    return rows


def _is_header(seed: Seed, names: list[str], faults: list[Fault]) -> bool:
    """Whether the columns are those that are declared, in any order."""
    before = len(faults)
    if len(names) == 1 and len(seed.types) > 1 and re.search("[;\t]", names[0]):
        faults.append(
            Fault(
                seed.file,
                1,
                "",
                names[0][:60],
                "separates columns by something else than commas",
                "Save it with commas (CSV, comma delimited)",
            )
        )
        return False
    missing = [name for name in seed.types if name not in names]
    for name in dict.fromkeys(names):
        if not name:
            faults.append(
                Fault(seed.file, 1, "", None, "has a column without a name", "Take it out")
            )
        elif name not in seed.types:
            remedy = f"Known are {', '.join(seed.types)}{_meant(name, missing)}"
            faults.append(Fault(seed.file, 1, name, None, "is no column of this seed", remedy))
        elif names.count(name) > 1:
            faults.append(Fault(seed.file, 1, name, None, "is there twice", "Take one out"))
    faults += [
        Fault(seed.file, 1, name, None, "is missing among the columns", "Put it back")
        for name in missing
    ]
    return len(faults) == before


# --- seeds ----------------------------------------------------------------------------------------


def _faults_of_rows(seed: Seed) -> Iterator[Fault]:
    """Cells that are not what the yml says: types, filled, one_of, between and keys."""
    filled = {name for test in seed.tests for name in test.get("filled", ())}
    one_of = {name: words for test in seed.tests for name, words in test.get("one_of", {}).items()}
    between = {name: ends for test in seed.tests for name, ends in test.get("between", {}).items()}
    spans = {"valid_from", "valid_to"} <= {*seed.types}
    for line, row in seed.rows or ():
        for name, kind in seed.types.items():
            cell = row[name]
            said = None
            if not cell.strip():
                if name in filled:
                    said = "is empty", "Write something into it"
            elif name in one_of:
                words = [str(word) for word in one_of[name]]
                if cell not in words:
                    hint = _meant(cell.strip(), words)
                    said = f"is none of {', '.join(words)}", f"Write one of them{hint}"
            elif kind in READ:
                said = _fault_of_cell(kind, cell, between.get(name))
            elif name == "domain":
                said = _fault_of_domain(cell)
            elif cell != cell.strip():
                said = "has blanks before or behind it", "Take them out: it would match nothing"
            if said:
                yield Fault(seed.file, line, name, cell, *said)
        if spans and row["valid_to"].strip() and row["valid_to"].strip() <= row["valid_from"]:
            yield Fault(
                seed.file,
                line,
                "valid_to",
                row["valid_to"],
                f"is not after valid_from ({row['valid_from']}), so the row holds on no day",
                "valid_to is the first day on which it holds no more; leave it empty for ever",
            )
    for test in seed.tests:
        yield from _faults_of_key(seed, test.get("key", []))


def _faults_of_key(seed: Seed, key: list[str]) -> Iterator[Fault]:
    """Rows that have the key of a row before. A key is columns, or columns in lower case."""
    names = [(LOWERED.sub(r"\1", part), bool(LOWERED.fullmatch(part))) for part in key]
    if not {name for name, _ in names} <= {*seed.types}:
        return  # an expression that only the engine knows
    seen: dict[tuple[str, ...], int] = {}
    for line, row in (seed.rows or ()) if key else ():
        values = tuple(row[name].lower() if lower else row[name] for name, lower in names)
        if first := seen.get(values):
            yield Fault(
                seed.file,
                line,
                " and ".join(name for name, _ in names),
                ", ".join(values),
                f"stands on line {first} too",
                "Take one of the two rows out, or change it",
            )
        seen.setdefault(values, line)


def _faults_of_references(seed: Seed, seeds: Mapping[str, Seed]) -> Iterator[Fault]:
    for column, to, field, none in seed.references:
        other = seeds.get(to)
        if other is None or other.rows is None:
            continue  # told already
        known = other.known(field)
        for line, row in seed.rows or ():
            cell = row[column]
            if cell and cell != none and cell not in known:
                yield Fault(
                    seed.file,
                    line,
                    column,
                    cell,
                    f"is no {field} of {other.file}",
                    f"Write one that is there{_meant(cell, known)}, or add it there",
                )


def _faults_of_states(seeds: Mapping[str, Seed]) -> Iterator[Fault]:
    """States that the marts do not count, or of which they could not say what is lacking.

    The drivers and paths of accounts that are not activated are worked out for strong signal, or a
    committed deal in its place.
    """
    seed = seeds.get(Path(STATES_SEED).stem)
    if seed is None or seed.rows is None:
        return
    named = {row["state_rank"].strip(): row["state"].strip() for _, row in seed.rows}
    if named != {str(rank): state for rank, state in enumerate(STATES, start=1)}:
        yield Fault(
            seed.file,
            0,
            "state",
            ", ".join(named.values()),
            f"should be {', '.join(STATES)}, with the ranks 1 to {len(STATES)}",
            "The models know them by these names, so none can be renamed, added or left out;"
            " what each asks for is yours to set",
        )
        return
    states = [
        {name: cell.strip().lower() for name, cell in row.items()}
        for _, row in sorted(seed.rows, key=lambda numbered: int(numbered[1]["state_rank"]))
    ]
    activated = [row for row in states if row["is_activated"] == "true"]
    lowest = activated[0] if activated else {}
    if (
        activated != states[-len(activated) :]
        or lowest["min_signal_level"] != "strong"
        or lowest["needs_committed_motion"] != "false"
    ):
        yield Fault(
            seed.file,
            0,
            "is_activated",
            ", ".join(row["state"] for row in activated),
            "should be one that asks for strong signal, and every state above it",
            "What holds accounts back, and what would activate them, is told for strong signal",
        )


def _faults_of_fit(seeds: Mapping[str, Seed]) -> Iterator[Fault]:
    """What a criterion counts for and a must-not of the same days excludes would do nothing.

    The two say the same from both sides, in two rows: whoever changes one has to change the other.
    """
    seed = seeds.get(Path(FIT_SEED).stem)
    if seed is None or seed.rows is None:
        return
    rows = [
        (line, {name: (cell or "").strip() for name, cell in row.items()})
        for line, row in seed.rows
    ]
    for line, row in rows:
        for other_line, other in rows:
            is_pair = row["attribute"] == other["attribute"] and (
                row["is_must_not"].lower(),
                other["is_must_not"].lower(),
            ) == ("false", "true")
            # Days as text are in the order of days.
            is_then = row["valid_from"] < (other["valid_to"] or "9999") and other["valid_from"] < (
                row["valid_to"] or "9999"
            )
            if is_pair and is_then and (lost := _excluded(row, other)):
                yield Fault(
                    seed.file,
                    line,
                    "criterion",
                    row["criterion"],
                    f"counts for {lost}, which the must-not {other['criterion']} in line"
                    f" {other_line} excludes whatever the score",
                    "Change both or neither",
                )


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


def _fault_of_cell(
    kind: str, cell: str, ends: tuple[float, float] | None
) -> tuple[str, str] | None:
    what, example, read = READ[kind]
    try:
        value = read(cell.strip())
    except ValueError:
        example = cell.replace(",", ".") if re.fullmatch(r"\d+,\d+", cell) else example
        return f"is not {what}", f"Write it like {example}"
    if ends and not ends[0] <= value <= ends[1]:
        return f"is not between {ends[0]} and {ends[1]}", "Write a number in this range"
    return None


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError
    return int(text)


def _number(text: str) -> float:
    if "_" in text or not text.isascii() or not isfinite(value := float(text)):
        raise ValueError
    return value


def _day(text: str) -> date:
    """A day that exists, in the one form that cannot be misread: dbt would guess others."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError
    return date.fromisoformat(text)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


READ: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "integer": ("a whole number", "3", _whole),
    "double": ("a number", "0.5", _number),
    "boolean": ("true or false", "true", _boolean),
    "date": ("a date", "2026-01-31", _day),
}
"""By type of a column: what a cell should be, one that is, and how it is read."""


def _fault_of_domain(text: str) -> tuple[str, str] | None:
    """None for a registrable domain, the form in which the warehouse keeps domains.

    An exclusion of mail.acme.com would leave acme.com alone in no way.
    """
    registrable = registrable_domain(text)
    if registrable == text or text in RESERVED_ENDINGS:
        return None
    if registrable:
        return "is not a domain as it is registered", f"Write {registrable}"
    return "is no domain", "Write it like acme.com"


# --- vars -----------------------------------------------------------------------------------------


def _faults_of_vars(
    project_dir: Path, values: Mapping[str, Var], seeds: Mapping[str, Seed]
) -> Iterator[Fault]:
    needed, known = names_of_vars(project_dir)
    for name, var in values.items():
        where = PROJECT_FILE, var.line, f"var {name}"
        if name not in known:
            missing = needed - {*values}
            yield Fault(
                *where,
                None,
                "is a var that nothing reads",
                f"Take it out, or write its name right{_meant(name, missing)}",
            )
        elif name == "sources":
            yield from _faults_of_sources(project_dir, var)
        elif name == "raw_schemas":
            yield from _faults_of_schemas(var)
        elif name in needed and (said := _fault_of_var(var, values, seeds)):
            yield Fault(*where, var.value, *said)
    for name in sorted(needed - {*values}):
        yield Fault(PROJECT_FILE, 0, f"var {name}", None, "is missing", "Put its line back")


def names_of_vars(project_dir: Path) -> tuple[set[str], set[str]]:
    """Names of the vars that a run cannot do without, and of all that something reads."""
    needed, known = set(), set()
    paths = [
        path
        for folder in ("models", "macros")
        for ending in ("*.sql", "*.yml")
        for path in (project_dir / folder).rglob(ending)
    ]
    for path in paths:
        for name, default in re.findall(
            r"\bvar\(\s*['\"](\w+)['\"]\s*(,)?", path.read_text(encoding="utf-8", errors="replace")
        ):
            known.add(name)
            if not default:
                needed.add(name)
    for path in Path(__file__).parents[1].rglob("*.py"):
        needed.update(
            re.findall(
                r"\b(?:values|project_vars\(project\(\)\))\[\"(\w+)\"\]",
                path.read_text(encoding="utf-8"),
            )
        )
    return needed, known | needed


def _fault_of_var(
    var: Var, values: Mapping[str, Var], seeds: Mapping[str, Seed]
) -> tuple[str, str] | None:
    """What is wrong with a var, by the words that stand behind it."""
    value, declared = var.value, var.declared
    if found := NUMBER.fullmatch(declared):
        return _fault_of_number(value, found, values)
    if found := CHOICE.fullmatch(declared):
        words = found["words"].split(", ")
        if value in words:
            return None
        return f"is not {declared}", f"Write one of them{_meant(str(value), words)}"
    if found := NAMED.fullmatch(declared):
        seed = seeds.get(found["seed"])
        if found["many"] != "one" and not _is_list_of_texts(value):
            return "is not a list", "Write it like [first, second]"
        if seed is None or seed.rows is None:
            return None  # told already
        known = seed.known(found["column"])
        unknown = [
            word for word in ([value] if found["many"] == "one" else value) if word not in known
        ]
        if not unknown:
            return None
        hint = _meant(str(unknown[0]), known)
        return (
            f"names {unknown[0]}, which is no {found['column']} of {seed.file}",
            f"Write one that is there{hint}, or add it there",
        )
    if declared in CHECKS:
        return CHECKS[declared](value, values)
    if isinstance(value, (bool, int, float)):
        return None
    return "has no range behind it", "Write behind it what it may be, as behind the others"


def _fault_of_number(
    value: Any, found: re.Match[str], values: Mapping[str, Var]
) -> tuple[str, str] | None:
    if found["each"]:
        names = found["names"].split(", ") if found["names"] else None
        if not isinstance(value, dict) or (names and {*value} != {*names}):
            of = f" for each of {', '.join(names)}" if names else "s by name"
            return f"is not a number{of}", "Write it like {name: 0.5, other: 0.1}"
    what = "a whole number" if found["kind"] == "whole" else "a number"
    low, high = found["from"] or found["above"], found["to"] or found["up_to"]
    least, most = _limit(low, values), _limit(high, values)
    span = f"{'above ' if found['above'] else ''}{_named(low, least)}"
    span += f" to {_named(high, most)}" if high else " or more" if found["from"] else ""
    remedy = f"Write {what} {span}"
    for number in value.values() if found["each"] else [value]:
        is_number = isinstance(number, (int, float)) and not isinstance(number, bool)
        if not is_number or not isfinite(number):
            return f"is not {what}", remedy
        if found["kind"] == "whole" and number != int(number):
            return f"is not {what}", remedy
        if least is not None and (number < least or (found["above"] and number == least)):
            return "is too small", remedy
        if most is not None and number > most:
            return "is too large", remedy
    return None


def _limit(text: str | None, values: Mapping[str, Var]) -> float | None:
    """A limit, which is a number or another var; None if that is none itself, and told there."""
    if text is None:
        return None
    value = values[text].value if text in values else text
    with suppress(TypeError, ValueError):
        return float(value)
    return None


def _named(text: str, value: float | None) -> str:
    is_number = re.fullmatch(r"-?[\d.]+", text)
    return text if is_number or value is None else f"{text} ({value:g})"


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _fault_of_words(value: Any, _: Mapping[str, Var]) -> tuple[str, str] | None:
    if not _is_list_of_texts(value):
        return (
            "is not a list of words",
            'Write it like [first, second], and words such as no, null or 1 in quotes: "no"',
        )
    if wrong := [word for word in value if word != word.lower().strip() or not word]:
        return f"has {wrong[0]!r}, which is not in lower case", "Write it in lower-case letters"
    return None


def _fault_of_zone(value: Any, _: Mapping[str, Var]) -> tuple[str, str] | None:
    zones = time_zones()
    if value in zones:
        return None
    towns = [zone for zone in zones if zone.lower().endswith("/" + str(value).lower())]
    meant = f": {towns[0]}" if towns else _meant(str(value), zones)
    return "is no time zone", f"Write its IANA name{meant or ', such as Europe/Berlin'}"


@cache
def time_zones() -> tuple[str, ...]:
    """Names of the time zones that the engine knows."""
    with duckdb.connect() as connection:
        rows = connection.execute("select name from pg_timezone_names() order by 1").fetchall()
    return tuple(name for (name,) in rows)


def _fault_of_pattern(value: Any, _: Mapping[str, Var]) -> tuple[str, str] | None:
    with duckdb.connect() as connection:
        try:
            connection.execute("select regexp_matches('', $1)", [str(value)])
        except duckdb.Error as error:
            said = str(error).splitlines()[0]
            return f"is no regular expression: {said}", "Correct it, between single quotes"
    return None


def _fault_of_switch(value: Any, _: Mapping[str, Var]) -> tuple[str, str] | None:
    return None if isinstance(value, bool) else ("is not true or false", "Write true or false")


def _fault_of_off(value: Any, values: Mapping[str, Var]) -> tuple[str, str] | None:
    if not _is_list_of_texts(value):
        return "is not a list", "Write it like [hubspot], or [] for none"
    known = values["sources"].value if "sources" in values else None
    if not isinstance(known, dict):
        return None
    unknown = [name for name in value if name not in known]
    if not unknown:
        return None
    return (
        f"names {unknown[0]}, which the var sources does not have",
        f"Known are {', '.join(known)}{_meant(unknown[0], known)}",
    )


CHECKS: dict[str, Callable[[Any, Mapping[str, Var]], tuple[str, str] | None]] = {
    "true or false": _fault_of_switch,
    "time zone": _fault_of_zone,
    "regular expression": _fault_of_pattern,
    "list of lower-case words": _fault_of_words,
    "list of sources": _fault_of_off,
}
"""By what stands behind a var: what is wrong with a value, and what to do."""


def _faults_of_sources(project_dir: Path, var: Var) -> Iterator[Fault]:
    """A misspelt kind of facts would be one that no model asks the sources for."""
    where = PROJECT_FILE, var.line, "var sources"
    models = {path.stem: path for path in (project_dir / "models").rglob("*.sql")}
    text = "\n".join(path.read_text(encoding="utf-8") for path in models.values())
    wanted = set(re.findall(r"\brows_of_sources\('(\w+)'", text))
    kinds_read = wanted.union(re.findall(r"\b(?:sources_of|tables_of)\('(\w+)'", text))
    if not isinstance(var.value, dict):
        yield Fault(*where, var.value, "names no sources", "Put the block back")
        return
    brought = {kind for kinds in var.value.values() if isinstance(kinds, dict) for kind in kinds}
    for kind in sorted(wanted - brought):
        yield Fault(
            *where,
            None,
            f"names no source that brings {kind}",
            "Leave the kind with one, and name that source in sources_off if it is not to count",
        )
    for source, kinds in var.value.items():
        if not isinstance(kinds, dict):
            yield Fault(
                *where, kinds, f"does not say what {source} brings", "Write kind: [table] under it"
            )
            continue
        for kind, tables in kinds.items():
            if kind not in kinds_read:
                yield Fault(
                    *where,
                    kind,
                    f"of {source} is a kind that no model reads",
                    f"Known are {', '.join(sorted(kinds_read))}{_meant(str(kind), kinds_read)}",
                )
            for table in tables if isinstance(tables, list) else [tables]:
                if f"stg_{source}__{table}" not in models:
                    prefix = f"stg_{source}__"
                    staged = [n.removeprefix(prefix) for n in models if n.startswith(prefix)]
                    known = ", ".join(sorted(staged)) or "none"
                    yield Fault(
                        *where,
                        table,
                        f"is no table of {source} ({kind})",
                        f"Known are {known}{_meant(str(table), staged)}",
                    )


def _faults_of_schemas(var: Var) -> Iterator[Fault]:
    """What is wrong with the schemas that EL tools fill; the files themselves are looked at later.

    A name that is mistyped would be a source that never comes.
    """
    where = PROJECT_FILE, var.line, "var raw_schemas"
    example = (
        "Write it like {salesforce: fivetran_salesforce} or {salesforce: {database: el.duckdb,"
    )
    example += " schema: salesforce}}"
    if not isinstance(var.value, dict):
        yield Fault(*where, var.value, "names no schemas by source", f"{example}; {{}} for none")
        return
    if not var.value:
        return
    contract = load_contract(MODELS_DIR)
    systems, _ = load_mappings(mapping_folders(rules_dir(os.environ)), contract.tables.values())
    known = [*contract.sources, *systems]
    for name, given in var.value.items():
        source, at, instance = str(name).partition("@")
        if source not in known:
            yield Fault(
                *where,
                name,
                "is neither a source nor a system that a mapping reads",
                f"Known are {', '.join(known)}{_meant(source, known)}; another CRM needs a mapping"
                " (docs/mappings.md)",
            )
        elif at and (instance.lower() == MAIN_INSTANCE or not INSTANCE.fullmatch(instance)):
            yield Fault(
                *where,
                name,
                "names no other organisation",
                f"Write {source} for the main one, or {source}@name, the name in letters, digits,"
                " - and _",
            )
        schema = given.get("schema") if isinstance(given, dict) else given
        parts = {*given} if isinstance(given, dict) else {"schema"}
        if parts not in ({"schema"}, {"schema", "database"}) or not all(
            isinstance(text, str) and text.strip()
            for text in (given.values() if isinstance(given, dict) else [given])
        ):
            yield Fault(*where, given, f"says no schema for {name}", example)
        elif parts == {"schema"} and (
            OWN_SCHEMA.fullmatch(str(schema).lower())
            or str(schema).lower() in [f"raw_{source}" for source in contract.sources]
        ):
            yield Fault(
                *where,
                schema,
                f"is a schema that this project fills itself, so it cannot be the tool's ({name})",
                "Let the tool fill a schema of another name, or a file of its own",
            )
    by_schema: dict[str, list[str]] = {}
    for name, given in var.value.items():
        by_schema.setdefault(str(given), []).append(str(name))
    for given, names in by_schema.items():
        if len(names) > 1:
            yield Fault(
                *where,
                given,
                f"is the schema of {' and of '.join(names)}, so each record would count for both",
                "Give each its own",
            )


def _meant(word: str, known: Iterable[str]) -> str:
    """The known word that is nearest, if one is near."""
    near = get_close_matches(word, [*known], n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""
