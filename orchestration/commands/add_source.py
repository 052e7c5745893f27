"""Writes the beginning of a mapping from the files of a system: `make add-source NAME=acmecrm`.

It looks at the folders in LANDING_DIR/<name>, says which of them is which table of the input layer
and which column is which, by the words that the mappings at hand know, and writes that to
RULES_DIR/mappings/<name>.yml. What it is not sure of is marked; what it could not find is left open
and told (docs/mappings.md).
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

import pyarrow.parquet as pq

from orchestration.landing.contract import Column, Output, Table, load_contract, plain_name
from orchestration.landing.discovery import FORMATS, INSTANCE
from orchestration.landing.mappings import ELSE, LAYER, OPEN, load_mappings
from orchestration.project import MAPPINGS, mapping_folders
from orchestration.rules.checks import faults_of_mappings, shown
from orchestration.settings import MODELS_DIR, SettingsError, load_settings, rules_path

SAMPLE = 200  # rows of a file that are looked at
FEW_WORDS = 12  # a column with as many different texts or fewer is shown with them
# Words in front of or behind a column's name that do not change what it is.
NO_MATTER = frozenset("sales crm related associated linked primary main display".split())
NEAR = 0.82  # from here on two names are alike
FOLDER_WEIGHT = 3  # columns that a folder's name is worth when its table is chosen
# Of each table columns of which one must be there, or its rows count for nothing.
BELONGS_BY = {
    "people": ("account_id", "account_website", "account_name"),
    "deals": ("account_id", "account_website", "account_name"),
    "activities": (
        *("account_id", "account_website", "account_name", "related_id", "deal_id", "person_id"),
        *("person_email", "person_name"),
    ),
}
TABLE_WORDS = {
    "accounts": "account company companies organization organisation firm customer client",
    "people": "people person contact lead prospect",
    "deals": "deal opportunity opportunities potential pipeline sale",
    "stage_changes": "stagehistory dealhistory history flow",
    "activities": "activity activities call meeting event task email appointment phonecall",
    "attendees": "attendee participant activityparty",
    "owners": "user owner rep agent systemuser team",
    "roles": "contactrole dealcontact role",
    "campaign_responses": "campaign response campaignmember",
}
KINDS = {"call": "call", "meeting": "meeting", "event": "meeting", "appointment": "meeting"}
KINDS |= {"email": "email", "task": "task"}
DAY_FIRST = ("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y")
MONTH_FIRST = ("%m/%d/%Y", "%m-%d-%Y")
WRITTEN_OUT = ("%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y")
TRUTHS = {"true", "false", "yes", "no", "y", "n", "1", "0", "t", "f", "x"}
TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")
EU_NUMBER = re.compile(r"[^\d]*\d{1,3}([.]\d{3})*,\d{1,2}[^\d]*|[^\d]*\d{1,3}([.]\d{3}){2,}[^\d]*")
US_NUMBER = re.compile(r"[^\d]*\d{1,3}(,\d{3})+([.]\d+)?\D*|[$€£(]\s*[\d.]+\D*|[\d.]+\s*[KMBkmb%]")


@dataclass
class Folder:
    """A folder of files: the columns of one of them, with a sample of their texts."""

    name: str
    columns: dict[str, list[str]]


@dataclass
class Guess:
    """What a folder may be. columns: ours -> name in the file and whether that is sure.

    words: ours -> what texts stand for in the mappings at hand.
    """

    folder: Folder
    table: Table
    columns: dict[str, tuple[str, bool]]
    missing: list[str] = field(default_factory=list)
    is_sure: bool = True
    words: Mapping[str, list[Mapping[str, str | None]]] = field(default_factory=dict)

    @property
    def is_nobodys(self) -> bool:
        """Whether no column says whose the rows are."""
        by = BELONGS_BY.get(self.table.name, ())
        return bool(by) and self.columns.keys().isdisjoint(by)

    @property
    def unused(self) -> list[str]:
        used = {plain_name(name) for name, _ in self.columns.values()}
        return [name for name in self.folder.columns if plain_name(name) not in used]


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the file and says what is open; returns the exit code."""
    parser = argparse.ArgumentParser(description="Writes the beginning of a mapping.")
    parser.add_argument("name", help="the folder of the system in LANDING_DIR")
    name = parser.parse_args(arguments).name
    try:
        path, said = add_source(name, load_settings().landing_dir, rules_path(os.environ))
    except (SettingsError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Written: {path}")
    for sentence in said:
        print(f"  {sentence}")
    if not said:
        print("  It passes the check. Look at the lines that end with `sure?`, then make refresh.")
    return 0


def add_source(name: str, landing_dir: Path, rules: Path) -> tuple[Path, list[str]]:
    """Writes the mapping of a system; gives its path and what is open. Raises SettingsError."""
    path = rules / MAPPINGS / f"{name}.yml"
    if not INSTANCE.fullmatch(name):
        raise SettingsError(f"{name!r} is no name of a system: write letters, digits, - and _.")
    if path.exists():
        raise SettingsError(f"{path} is there already. Change it, or move it away first.")
    tables = load_contract(MODELS_DIR).tables.values()
    if name in {table.source for table in tables}:
        raise SettingsError(f"{name} is a source of its own, which needs no mapping.")
    folders = _folders(landing_dir / name)
    if not folders:
        raise SettingsError(
            f"{landing_dir / name} holds no folder with a file. Put the exports there, each kind of"
            " record in a folder of its own, such as deals/2026-06-01.csv."
        )
    layer = {table.name: table for table in tables if table.source == LAYER}
    systems, _ = load_mappings(mapping_folders(None), tables)
    outputs = [
        output
        for system in systems.values()
        for found in system.folders.values()
        for output in found
    ]
    guesses = [_guess(folder, layer, outputs) for folder in folders]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_written(name, guesses), encoding="utf-8")
    said = shown(
        fault for fault in faults_of_mappings([path.parent]) if Path(fault.file).name == path.name
    )
    said += [
        f"{guess.folder.name}: no column was found that says whose the rows are, and without one"
        f" they count for nothing. Write {' or '.join(BELONGS_BY[guess.table.name][:4])} with"
        f" one of {_some(guess.unused)}."
        for guess in guesses
        if guess.is_nobodys
    ]
    return path, said


# --- what the files hold --------------------------------------------------------------------------


def _folders(place: Path) -> list[Folder]:
    folders = []
    for entry in sorted(place.iterdir()) if place.is_dir() else ():
        files = sorted(
            path
            for path in entry.rglob("*")
            if path.is_file()
            and path.name.removesuffix(".gz").rpartition(".")[2].lower() in FORMATS
        )
        if files and not entry.name.startswith((".", "_")):
            folders.append(Folder(entry.name, _columns(files[-1])))
    return folders


def _columns(path: Path) -> dict[str, list[str]]:
    """The columns of a file and some of their texts, empty ones left out."""
    if path.suffix.lower() == ".parquet":
        batch = next(pq.ParquetFile(path).iter_batches(SAMPLE), None)
        rows: Iterable[Mapping[str, object]] = batch.to_pylist() if batch else []
        names = pq.read_schema(path).names
    else:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines = data.decode("utf-8-sig", errors="replace").splitlines(keepends=True)
        text = "".join(lines[:SAMPLE])
        if ".jsonl" in path.name.lower():
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
            names = list(dict.fromkeys(name for row in rows for name in row))
        else:
            first = text.split("\n", 1)[0]
            delimiter = max(",;\t|", key=first.count)
            reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
            names, rows = list(reader.fieldnames or ()), list(reader)
    texts: dict[str, list[str]] = {name: [] for name in names if name}
    for row in rows:
        for name in texts:
            value = row.get(name)
            if value is not None and str(value).strip():
                texts[name].append(str(value).strip())
    return texts


# --- what they may be -----------------------------------------------------------------------------


def _guess(folder: Folder, layer: Mapping[str, Table], outputs: Sequence[Output]) -> Guess:
    """The table of which most columns are found, the folder's name being worth some of them."""
    guesses = []
    for table in layer.values():
        columns = _match(folder, table, [one for one in outputs if one.table == table.name])
        plain = plain_name(folder.name)
        named = TABLE_WORDS[table.name].split()
        is_named = any(word in plain or plain in word for word in named)
        sure = sum(is_sure for _, is_sure in columns.values())
        guesses.append((sure + FOLDER_WEIGHT * is_named, is_named, table, columns))
    _, is_named, table, columns = max(guesses, key=lambda guess: guess[:2])
    words: dict[str, list[Mapping[str, str | None]]] = {}
    for output in (one for one in outputs if one.table == table.name):
        for name, meanings in output.values:
            words.setdefault(name, []).append(dict(meanings))
    guess = Guess(folder, table, columns, is_sure=is_named, words=words)
    constant = _kind(folder)
    derived = dict(table.derived)
    for column in table.columns:
        firsts = [group[0] for group in derived.get(column.name, ())]
        is_constant = table.name == "activities" and column.name == "activity_kind" and constant
        if column.is_required and not {column.name, *firsts} & columns.keys() and not is_constant:
            guess.missing.append(column.name)
    return guess


def _match(folder: Folder, table: Table, outputs: Sequence[Output]) -> dict[str, tuple[str, bool]]:
    """Our columns and the names that they may have in the file, each name once."""
    free = {plain_name(name): name for name in reversed(folder.columns)}
    singular = plain_name(folder.name).removesuffix("s")
    found: dict[str, tuple[str, bool]] = {}
    known: dict[str, list[str]] = {}
    for column in table.columns:
        names = [column.name]
        names += [name for one in outputs for name in dict(one.columns).get(column.name, ())]
        known[column.name] = list(dict.fromkeys(map(plain_name, names)))
    for rank in range(max((len(names) for names in known.values()), default=0)):
        for column in table.columns:
            if column.name not in found and rank < len(known[column.name]):
                name = known[column.name][rank]
                if name in free:
                    found[column.name] = free.pop(name), True
    # "Sales account id" is the id of an account.
    bare = {name: _bare(given) for name, given in free.items()}
    for column in table.columns:
        alike = [name for name in free if bare[name] in known[column.name]]
        if column.name not in found and alike:
            found[column.name] = free.pop(alike[0]), False
    for column in table.columns:
        if column.name in found or not free:
            continue
        wanted = [*known[column.name], singular + known[column.name][0]]
        near = [
            close for name in wanted for close in get_close_matches(name, free, n=1, cutoff=NEAR)
        ]
        if near:
            found[column.name] = free.pop(near[0]), False
    return {column.name: found[column.name] for column in table.columns if column.name in found}


def _bare(name: str) -> str:
    """A name as it is compared, without words that do not matter; nothing where none goes."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+", name)
    left = [word for word in words if word.lower() not in NO_MATTER]
    return plain_name("".join(left)) if len(left) < len(words) else ""


def _kind(folder: Folder) -> str:
    plain = plain_name(folder.name)
    return next((kind for word, kind in KINDS.items() if word in plain), "")


def _dates(columns: Iterable[Sequence[str]]) -> tuple[list[str], str]:
    """The formats in which the samples write days, and a doubt about them."""
    formats: list[str] = []
    doubt = ""
    for texts in columns:
        for text in (text for text in texts if not ISO.fullmatch(text)):
            fits = [
                day + time
                for day in (*MONTH_FIRST, *DAY_FIRST, *WRITTEN_OUT)
                for time in TIMES
                if _is_written(text, day + time)
            ]
            if fits and not any(_is_written(text, one) for one in formats):
                formats.append(fits[0])
    doubtful = set[str]()
    for place, form in enumerate(formats):
        turned = _turned(form)
        numeric = "%b" not in form and "%B" not in form
        if numeric and form.startswith("%m"):
            texts = [text for texts in columns for text in texts]
            both = [text for text in texts if _is_written(text, form)]
            if any(_is_written(text, turned) for text in texts if text not in both):
                formats[place] = turned
            elif all(_is_written(text, turned) for text in both):
                doubtful.add(form)
    # Who writes 25-05-2026 17:35 writes 01-12-2026 the same way.
    sure = {form[:6] for form in formats if form not in doubtful}
    formats = [
        _turned(form) if form in doubtful and _turned(form)[:6] in sure else form
        for form in formats
    ]
    if any(form in doubtful and form[:6] not in sure for form in formats):
        doubt = "sure? the sample does not say whether the month or the day comes first"
    kept: list[str] = []
    for form in formats:  # a month first and a day first of one shape are the day first
        shape = form.replace("%m", "#").replace("%d", "#")
        if shape not in [one.replace("%m", "#").replace("%d", "#") for one in kept]:
            kept.append(form)
    return kept, doubt


def _turned(form: str) -> str:
    """A format with day and month in each other's place."""
    return form.replace("%m", "%_").replace("%d", "%m").replace("%_", "%d")


def _is_written(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def _numbers(columns: Iterable[Sequence[str]]) -> str:
    texts = [text for column in columns for text in column]
    if any(EU_NUMBER.fullmatch(text) for text in texts):
        return "eu"
    return "us" if any(US_NUMBER.fullmatch(text) for text in texts) else "plain"


# --- how it is written ----------------------------------------------------------------------------


def _written(name: str, guesses: Sequence[Guess]) -> str:
    def of(*types: str) -> list[Sequence[str]]:
        return [
            guess.folder.columns[given]
            for guess in guesses
            for column in guess.table.columns
            if column.data_type in types and (given := guess.columns.get(column.name, ("",))[0])
        ]

    dates, doubt = _dates(of("date", "timestamp"))
    lines = [
        f"# Written from the files in LANDING_DIR/{name}. Lines that end with `sure?` are guesses;",
        f"# {OPEN} is to be filled in. docs/mappings.md says what else can stand here.",
        f"about: {_quoted(name)}",
    ]
    if dates:
        lines.append(f"dates: [{', '.join(map(_quoted, dates))}]{f'  # {doubt}' if doubt else ''}")
    if (style := _numbers(of("integer", "double"))) != "plain":
        lines.append(f"numbers: {style}")
    lines.append("files:")
    for guess in guesses:
        lines += _folder_lines(guess)
    return "\n".join(lines) + "\n"


def _folder_lines(guess: Guess) -> list[str]:
    sure = "" if guess.is_sure else "  # sure?"
    lines = [f"  {_quoted(guess.folder.name)}:", f"    table: {guess.table.name}{sure}"]
    lines.append("    columns:")
    types: dict[str, Column] = {column.name: column for column in guess.table.columns}
    for column, (given, is_sure) in guess.columns.items():
        mark = "" if is_sure else "  # sure?"
        lines.append(f"      {column}: {_quoted(given)}{mark}")
    for column in guess.missing:
        said = types[column].name
        lines.append(f'      {said}: "{OPEN}"  # needed; one of {_some(guess.unused)}')
    constants = {}
    if guess.table.name == "people":
        constants["person_kind"] = "lead" if "lead" in plain_name(guess.folder.name) else "contact"
    is_act = guess.table.name == "activities" and "activity_kind" not in guess.columns
    if is_act and (kind := _kind(guess.folder)):
        constants["activity_kind"] = kind
    if constants:
        pairs = ", ".join(f"{column}: {text}" for column, text in constants.items())
        lines.append(f"    constants: {{{pairs}}}")
    values = _values(guess, types)
    if values:
        lines += ["    values:", *values]
    if guess.unused:
        lines.append(f"    # not named, kept beside the row: {_some(guess.unused)}")
    return lines


def _values(guess: Guess, types: Mapping[str, Column]) -> list[str]:
    """What the texts of columns stand for, by a mapping at hand that knows them all.

    A column of true or false that holds other words needs it, so there it is left open.
    """
    lines = []
    for column, (given, _) in guess.columns.items():
        words = sorted(set(guess.folder.columns[given]), key=str.lower)
        is_truth = types[column].data_type == "boolean"
        if not words or (is_truth and {word.lower() for word in words} <= TRUTHS):
            continue
        for meanings in guess.words.get(column, ()):
            if all(word.lower() in meanings or ELSE in meanings for word in words):
                found = {word: meanings.get(word.lower(), meanings.get(ELSE)) for word in words}
                pairs = ", ".join(
                    f"{_quoted(word)}: {'~' if text is None else json.dumps(text)}"
                    for word, text in found.items()
                )
                lines.append(f"      {column}: {{{pairs}}}  # sure?")
                break
        else:
            if is_truth:
                pairs = ", ".join(f'{_quoted(word)}: "{OPEN}"' for word in words[:FEW_WORDS])
                lines.append(f"      {column}: {{{pairs}}}  # true or false for each")
    return lines


def _some(names: Sequence[str]) -> str:
    more = len(names) - FEW_WORDS
    return ", ".join(names[:FEW_WORDS]).replace("\n", " ") + (
        f" and {more} more" if more > 0 else ""
    )


def _quoted(text: str) -> str:
    """A text as YAML takes it for a text."""
    is_plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_ .]*[A-Za-z0-9_.]|[A-Za-z]", text)
    words = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
    return text if is_plain and text.lower() not in words else json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
