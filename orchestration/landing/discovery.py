"""Which files are in the landing folder, and whether one still moves.

What belongs here: folders of sources and tables, formats by name, days that folders name, and what
is ignored, in words. What does not: what stands in a file (files.py), which file was taken when
(manifest.py).
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

from orchestration.landing.contract import Contract, Output, System, plain_name
from orchestration.landing.mappings import LAYER

MAIN_INSTANCE = "main"
FORMATS = ("csv", "parquet", "jsonl")
DAY_FOLDER = "loaded_date="
FIRST_DELIVERY_DAY = date(2000, 1, 1)  # a folder of a day before it is a slip of some tool
AHEAD_DAYS = 366  # as is one of a day further ahead of the run
INSTANCE = re.compile("[A-Za-z0-9][A-Za-z0-9._-]*")
SHOWN_FILES = 5  # in a message


@dataclass(frozen=True)
class FoundFile:
    """A file in the landing folder that the contract knows, as rows of one table.

    A file that a mapping makes rows of several tables of stands there once for each.
    """

    file: str  # path relative to the landing folder, with /; see Output.label
    path: Path
    source: str
    table: str
    instance: str
    format: str
    size: int
    written_ns: int  # when it was last written to
    state: tuple[int, int, int]  # another one where its content is another
    folder_day: date | None
    mapping: Output | None = None  # how its columns become those of the table

    @property
    def read_as(self) -> str | None:
        """A hash of its mapping, which another mapping changes; None without one."""
        if self.mapping is None:
            return None
        return hashlib.sha256(repr(self.mapping).encode()).hexdigest()[:16]


def discover(
    landing_dir: Path, contract: Contract, problems: list[str], now: datetime
) -> list[FoundFile]:
    """Files of known tables in the landing folder, by path. Adds what it ignores to `problems`.

    now: UTC, without a zone; a folder of a day far ahead of it is a slip.
    """
    found: list[FoundFile] = []
    if not landing_dir.is_dir():
        problems.append(f"the landing folder {landing_dir} does not exist")
        return found
    for source_entry in _sorted_entries(landing_dir, landing_dir, problems):
        source, at, instance = source_entry.name.partition("@")
        if not _is_folder(source_entry):
            problems.append(f"{source_entry.name} is no folder of a source; it is ignored")
            continue
        system = contract.systems.get(source)
        if source not in contract.sources and not system:
            known = [*contract.sources, *contract.systems]
            problems.append(_unknown_source(source_entry.name, source, known))
            continue
        if at and (instance.lower() == MAIN_INSTANCE or not INSTANCE.fullmatch(instance)):
            problems.append(
                f"{source_entry.name} names no other organisation and is ignored: the main one"
                f" lands as {source}, others as {source}@name, the name in letters, digits, - and _"
            )
            continue
        folders = {} if system else contract.folders_of(source)
        tables = system.shown_folders if system else tuple(folders)
        table_entries = _sorted_entries(Path(source_entry.path), landing_dir, problems)
        others = [
            entry.name
            for entry in table_entries
            if _is_folder(entry) and not _takes(entry.name, tables, system)
        ]
        problems += _unknown_tables(
            source_entry.name,
            others,
            tables,
            {entry.name for entry in table_entries},
            f"the mapping {source}.yml names" if system else "the contract has",
        )
        for table_entry in table_entries:
            shown = f"{source_entry.name}/{table_entry.name}"
            if not _is_folder(table_entry):
                problems.append(f"{shown} is no folder of a table; it is ignored")
                continue
            if not _takes(table_entry.name, tables, system):
                continue
            outputs = system.of_folder(table_entry.name) if system else (None,)
            for path in _walk(Path(table_entry.path), landing_dir, problems):
                file = path.relative_to(landing_dir).as_posix()
                suffixes = path.name.lower().removesuffix(".gz").rsplit(".", 1)
                if len(suffixes) < 2 or suffixes[1] not in FORMATS:
                    problems.append(f"{file} is no csv, parquet or jsonl file; it is ignored")
                    continue
                try:
                    folder_day = _folder_day(path, landing_dir, now.date())
                    stat = path.stat()
                except ValueError as error:
                    problems.append(f"{file}: {error}; the file is ignored")
                    continue
                except OSError as error:
                    problems.append(f"{file} cannot be opened ({error.strerror}); it is ignored")
                    continue
                found += [
                    FoundFile(
                        file=output.label(file) if output else file,
                        path=path,
                        source=LAYER if output else source,
                        table=output.table if output else folders[table_entry.name],
                        instance=source_entry.name if output else instance or MAIN_INSTANCE,
                        format=suffixes[1],
                        size=stat.st_size,
                        written_ns=_written_ns(stat),
                        state=_state(stat),
                        folder_day=folder_day,
                        mapping=output,
                    )
                    for output in outputs
                ]
    return found


def _takes(folder: str, tables: Collection[str], system: System | None) -> bool:
    """Whether files of a folder are taken. Of a system that is mapped, case and signs are free."""
    return bool(system.of_folder(folder)) if system else folder in tables


def _written_ns(stat: os.stat_result) -> int:
    """When a file was last written to; a copy keeps the time of its model, but not the second."""
    return max(stat.st_mtime_ns, stat.st_ctime_ns)


def _state(stat: os.stat_result) -> tuple[int, int, int]:
    """What changes with the content of a file, and not when a backup links to it."""
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _sorted_entries(folder: Path, landing_dir: Path, problems: list[str]) -> list[os.DirEntry[str]]:
    """Entries of a folder by name, without hidden ones and markers such as _SUCCESS.

    What cannot be looked into, or has a name that is no text, is told and left out.
    """
    try:
        with os.scandir(folder) as entries:
            seen = [entry for entry in entries if not entry.name.startswith((".", "_"))]
    except OSError as error:
        where = folder.relative_to(landing_dir).as_posix()
        problems.append(f"the folder {where} cannot be opened ({error.strerror}); it is ignored")
        return []
    kept = []
    for entry in sorted(seen, key=lambda entry: entry.name):
        try:
            entry.name.encode()
        except UnicodeEncodeError:
            path = (folder / entry.name).relative_to(landing_dir).as_posix()
            shown = os.fsencode(path).decode("utf-8", "backslashreplace")
            problems.append(f"{shown} has a name that is not UTF-8 and is ignored; rename it")
        else:
            kept.append(entry)
    return kept


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _walk(
    folder: Path, landing_dir: Path, problems: list[str], above: frozenset[str] = frozenset()
) -> Iterator[Path]:
    """All files under a folder. A link that leads back to a folder above it is told."""
    here = os.path.realpath(folder)
    if here in above:
        where = folder.relative_to(landing_dir).as_posix()
        problems.append(f"{where} is a link to a folder above it; it is ignored")
        return
    for entry in _sorted_entries(folder, landing_dir, problems):
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError:
            is_folder = is_file = False
        if is_folder:
            yield from _walk(Path(entry.path), landing_dir, problems, above | {here})
        elif is_file:
            yield Path(entry.path)
        else:
            where = Path(entry.path).relative_to(landing_dir).as_posix()
            problems.append(f"{where} is neither file nor folder (a broken link?); it is ignored")


def _unknown_source(shown: str, name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    hint = f"the nearest known source is {near[0]}" if near else f"known: {', '.join(known)}"
    return f"{shown} is no source of the contract and is ignored; {hint}"


def _unknown_tables(
    shown: str,
    names: Sequence[str],
    known: Sequence[str],
    landed: Collection[str],
    lacks: str,
) -> list[str]:
    """Sentences on folders of a source that are no tables of the contract.

    An EL tool lands dozens of tables that nobody here reads, so those share a sentence. One that
    looks like a misspelt table of ours has its own.
    """
    sentences, others = [], []
    for name in names:
        near = get_close_matches(name.lower(), known, n=1, cutoff=0.75)
        if near and (near[0] not in landed or get_close_matches(name, near, cutoff=0.9)):
            sentences.append(
                f"{shown}/{name} is no table of the contract and is ignored; the nearest known"
                f" table is {near[0]}"
            )
        else:
            others.append(name)
    if others:
        names = ", ".join(others[:SHOWN_FILES])
        more = len(others) - SHOWN_FILES
        and_more = f" and {counted(more, 'more folder')}" if more > 0 else ""
        sentences.append(f"{shown}: {lacks} no table {names}{and_more}; ignored")
    return sentences


def _folder_day(path: Path, landing_dir: Path, today: date) -> date | None:
    """The day that a folder of the path names. Raises ValueError, in words, if it can be none."""
    days = set()
    for part in path.relative_to(landing_dir).parts[:-1]:
        if not plain_name(part).startswith(plain_name(DAY_FOLDER)):
            continue
        try:
            if not part.lower().startswith(DAY_FOLDER):
                raise ValueError(part)
            day = datetime.strptime(part[len(DAY_FOLDER) :], "%Y-%m-%d").date()
        except ValueError:
            raise ValueError(f"the folder's date is not like {DAY_FOLDER}2026-01-31") from None
        if not FIRST_DELIVERY_DAY <= day <= today + timedelta(days=AHEAD_DAYS):
            raise ValueError(
                f"no delivery is of {day}: that is before {FIRST_DELIVERY_DAY} or more than a year"
                " ahead. Name the folder after the day on which the file came"
            )
        days.add(day)
    if len(days) > 1:
        raise ValueError(f"its folders name {counted(len(days), 'day')}")
    return next(iter(days), None)


def hash_of(path: Path) -> str:
    """Hash (32 hex digits) of a file's content. Raises OSError where it cannot be read."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "blake2b").hexdigest()[:32]


def still_written(
    found: Mapping[str, FoundFile], tried: Collection[str], now: datetime, settle_seconds: float
) -> list[str]:
    """Files that move. A young one gets until it is `settle_seconds` old to show that."""
    moment_ns = int(now.replace(tzinfo=UTC).timestamp() * 1e9)
    young = [
        file
        for name in tried
        if 0 <= moment_ns - (file := found[name]).written_ns < settle_seconds * 1e9
    ]
    if not young:
        return []
    youngest = max(file.written_ns for file in young)
    time.sleep(settle_seconds - (moment_ns - youngest) / 1e9)
    return sorted(file.file for file in young if moves(file))


def moves(file: FoundFile) -> bool:
    """Whether a file was written to since it was found."""
    try:
        stat = file.path.stat()
    except OSError:
        return False  # reading it will say so
    return _state(stat) != file.state


def counted(number: int, thing: str) -> str:
    """A number of things in words: 1 file, 2 files."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
