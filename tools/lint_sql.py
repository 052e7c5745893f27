"""Lints SQL as `sqlfluff lint` does, but leaves out what passed before and is unchanged.

sqlfluff keeps nothing between two runs, and most of its minutes go into files that nobody touched.
So the key of each file that passed is kept: a hash of the file and of all else its verdict hangs
on; its last three keys, for those who go from branch to branch. Only passes are kept; a file with
a fault is linted again until it has none. Goes when sqlfluff has a cache of its own (its pull
request 8418).

    python -m tools.lint_sql [PATH ...]     from the folder of the project

Prints what sqlfluff prints. Exit code: 0 if every file passed, now or before; 1 if one has faults
or could not be linted; 2 if sqlfluff cannot start, or there is no SQL file where a path leads.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import distributions
from pathlib import Path

from sqlfluff.cli import EXIT_ERROR, EXIT_FAIL, EXIT_SUCCESS
from sqlfluff.cli.commands import get_linter_and_formatter
from sqlfluff.core import FluffConfig, SQLFluffUserError
from sqlfluff.core.config import clear_config_caches
from sqlfluff.core.linter.discovery import paths_from_path

LINTED = ("models", "tests/data")
# macros/lint makes what the templater sees out of the macros and the vars.
SEEN_BY_TEMPLATER = ("macros", "dbt_project.yml")
CACHE = Path(".sqlfluff_cache") / "passed.json"
KEPT_KEYS = 3
PROCESSES = 2
# sqlfluff makes millions of objects that live until their file is done. Looking through them for
# garbage as often as Python does takes a seventh of its time.
OBJECTS_BETWEEN_COLLECTIONS = 100_000


def lint(paths: Sequence[str], processes: int = PROCESSES) -> int:
    """Lints the SQL files under the paths; gives the exit code.

    Raises sqlfluff's SQLFluffUserError: a path that is not there or leads to no SQL file, a broken
    config.
    """
    keys: dict[str, str] = {}
    for path in paths:
        found = _keys([path])
        if not found:
            raise SQLFluffUserError(f"{path} is no SQL file and holds none that is linted.")
        keys |= found
    passed = _read_cache()
    due = [file for file, key in keys.items() if key not in passed.get(file, [])]
    print(f"{len(keys) - len(due)} of {len(keys)} SQL files passed before and are unchanged.")
    known = {file: key for file, key in keys.items() if file not in due}
    if not due:
        _write_cache(passed, known)
        return EXIT_SUCCESS

    linter, formatter = get_linter_and_formatter(FluffConfig.from_root(require_dialect=False))
    result = linter.lint_paths(tuple(due), processes=processes, retain_files=False)
    records = result.as_records()
    clean = [record["filepath"] for record in records if not record["violations"]]
    # What changed while it was linted has passed nobody knows how.
    unchanged = _keys(clean).items() & keys.items()
    _write_cache(passed, known | dict(unchanged))

    # sqlfluff only warns of a file that is too long for it or makes it stumble.
    left_out = sorted(set(due) - {record["filepath"] for record in records})
    for file in left_out:
        print(f"{file} was not linted.")
    formatter.completion_message()
    has_faults = result.stats(EXIT_FAIL, EXIT_SUCCESS)["exit code"] != EXIT_SUCCESS
    return EXIT_FAIL if has_faults or left_out else EXIT_SUCCESS


def _keys(paths: Sequence[str]) -> dict[str, str]:
    """The SQL files under the paths, those that sqlfluff ignores left out, with their keys.

    A key is a hash of path, text, the file's own config and what is around all files.
    """
    clear_config_caches()
    config = FluffConfig.from_root(require_dialect=False)
    extensions = str(config.get("sql_file_exts")).lower().split(",")
    around = _hash("\0".join(_surroundings()).encode())
    keys = {}
    for path in paths:
        for file in paths_from_path(path, target_file_exts=extensions, working_path=os.getcwd()):
            settings = config.make_child_from_path(file, require_dialect=False).iter_vals()
            parts = (around, file, repr([*settings]), _hash(Path(file).read_bytes()))
            keys[file] = _hash("\0".join(parts).encode())
    return keys


def _surroundings() -> Iterator[str]:
    """What every verdict hangs on: Python, packages, this file, and what the templater sees."""
    yield sys.version
    # All packages and not just sqlfluff, its plugins and what they need: short, and never wrong.
    yield from sorted(f"{package.name} {package.version}" for package in distributions())
    yield _hash(Path(__file__).read_bytes())
    for start in map(Path, SEEN_BY_TEMPLATER):
        for path in sorted([start, *start.rglob("*")]):
            if path.is_file() and path.suffix != ".pyc":
                yield f"{path.as_posix()} {_hash(path.read_bytes())}"


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_cache() -> dict[str, list[str]]:
    """The keys under which each file passed, the last one last. Empty if nothing can be read."""
    try:
        passed = json.loads(CACHE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(passed, dict):
        return {}
    return {file: keys for file, keys in passed.items() if isinstance(keys, list)}


def _write_cache(before: dict[str, list[str]], passed: dict[str, str]) -> None:
    """Adds the keys of files that passed. Keeps the last KEPT_KEYS of those that are still there.

    Swapped in whole: another run may be reading it.
    """
    after = dict(before)
    for file, key in passed.items():
        after[file] = [*(other for other in before.get(file, []) if other != key), key]
    there = {file: keys[-KEPT_KEYS:] for file, keys in after.items() if Path(file).exists()}
    if there == before:
        return
    CACHE.parent.mkdir(exist_ok=True)
    draft = CACHE.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(there, indent=0, sort_keys=True), encoding="utf-8")
    draft.replace(CACHE)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.lint_sql", description="Lint SQL.")
    parser.add_argument("paths", nargs="*", default=LINTED)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    options = parser.parse_args(arguments)
    try:
        return lint(options.paths, options.processes)
    except SQLFluffUserError as error:
        print(f"User Error: {error}", file=sys.stderr)
        return EXIT_ERROR


# Python starts each of sqlfluff's processes with this module, under the second name.
if __name__ in ("__main__", "__mp_main__"):
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)

if __name__ == "__main__":
    sys.exit(main())
