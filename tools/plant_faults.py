"""Plants faults one at a time, and says which of them the tests see.

    python -m tools.plant_faults --seed 14 --faults 30 --result faults.json

Each fault is one small change in a model, a macro, a seed or a scorer, drawn by the seed: a limit
that is let in or kept out, `and` for `or`, another join, a sum for a maximum, a number doubled. The
tests run on a copy of what is committed and stop at the first failure. A fault that nobody sees is
printed as `not seen`: it wants a test, or is none (a limit that no value meets). This takes minutes
a fault, so it is no part of `make test`.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import random
import re
import subprocess
import sys
import time
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestration.settings import PROJECT_DIR

# What is changed where, and how many of a hundred faults lie there: by lines that compute.
ROOMS = {
    "models": ("models/**/*.sql", 50),
    "macros": ("macros/*.sql", 10),
    "seeds": ("seeds/**/*.csv", 15),
    "scorers": ("orchestration/scoring/*.py", 25),
}
BOTH = [
    (r"(?<=\s)>=(?=\s)", ">"),
    (r"(?<=\s)<=(?=\s)", "<"),
    (r"(?<=\s)>(?=\s)", ">="),
    (r"(?<=\s)<(?=\s)", "<="),
    (r"\band\b", "or"),
    (r"\bor\b", "and"),
    (r"\bmin\(", "max("),
    (r"\bmax\(", "min("),
    (r"(?<=\s)\+(?=\s)", "-"),
    (r"(?<=\s)-(?=\s)", "+"),
    (r"\bnot (?!null|exists)", ""),
]
IN_SQL = [
    *BOTH,
    (r"\bleft join\b", "inner join"),
    (r"\bsum\(", "max("),
    (r"\bgreatest\(", "least("),
    (r"\bleast\(", "greatest("),
    (r"\bis not null\b", "is null"),
    (r"\bis null\b", "is not null"),
    (r"(?<=\s)=(?=\s)", "!="),
    (r"\bdesc\b", "asc"),
    (r"\bunion all\b", "union"),
]
IN_PYTHON = [*BOTH, (r"==", "!="), (r"\bTrue\b", "False"), (r"\bFalse\b", "True")]


@dataclass(frozen=True)
class Fault:
    """One change: the line of a file as it was and as it is, and what followed.

    seen_by: the first test that failed, None if none did. seconds: of the run, by the clock.
    """

    file: str
    line: int
    was: str
    became: str
    seen_by: str | None = None
    seconds: float = 0.0


def places(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Each change that could be made in a file: line number (from 1) and the line as it becomes."""
    lines = text.splitlines()
    if path.suffix == ".csv":
        for number, line in enumerate(lines[1:], start=2):
            cells = next(csv.reader([line]))
            for place, cell in enumerate(cells):
                other = {"true": "false", "false": "true"}.get(cell)
                if re.fullmatch(r"\d+(\.\d+)?", cell):
                    other = str(float(cell) * 2 or 1) if "." in cell else str(int(cell) * 2 or 1)
                if other:
                    written = io.StringIO()
                    changed = [*cells[:place], other, *cells[place + 1 :]]
                    csv.writer(written, lineterminator="").writerow(changed)
                    yield number, written.getvalue()
        return
    silent = _words_in_python(text) if path.suffix == ".py" else _words_in_sql(text)
    for number, line in enumerate(lines, start=1):
        for pattern, other in IN_PYTHON if path.suffix == ".py" else IN_SQL:
            for found in re.finditer(pattern, line):
                if not any(a <= found.start() < b for a, b in silent.get(number, ())):
                    yield number, line[: found.start()] + other + line[found.end() :]


def _words_in_python(text: str) -> dict[int, list[tuple[int, int]]]:
    """Columns of comments and strings by line: what is said there is no code."""
    words: dict[int, list[tuple[int, int]]] = {}
    kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in kinds:
            for line in range(token.start[0], token.end[0] + 1):
                first = token.start[1] if line == token.start[0] else 0
                last = token.end[1] if line == token.end[0] else sys.maxsize
                words.setdefault(line, []).append((first, last))
    return words


def _words_in_sql(text: str) -> dict[int, list[tuple[int, int]]]:
    words: dict[int, list[tuple[int, int]]] = {}
    for found in re.finditer(r"\{#.*?#\}|--[^\n]*|'[^'\n]*'", text, re.DOTALL):
        start, end = (text.count("\n", 0, place) + 1 for place in found.span())
        for line in range(start, end + 1):
            first = found.start() - text.rfind("\n", 0, found.start()) - 1 if line == start else 0
            last = found.end() - text.rfind("\n", 0, found.end()) - 1 if line == end else 10**6
            words.setdefault(line, []).append((first, last))
    return words


def draw(seed: int, count: int) -> list[Fault]:
    """`count` faults, the same for the same seed and files; no two in one line."""
    chance = random.Random(seed)
    faults: dict[tuple[str, int], Fault] = {}
    while len(faults) < count:
        pattern, _ = chance.choices([*ROOMS.values()], [share for _, share in ROOMS.values()])[0]
        files = sorted(PROJECT_DIR.glob(pattern))
        # Long lists of words would be all that is drawn of the seeds.
        sizes = [min(file.stat().st_size, 20_000) for file in files]
        path = chance.choices(files, sizes)[0]
        text = path.read_text(encoding="utf-8")
        found = [*places(path, text)]
        if found:
            line, became = chance.choice(found)
            name = str(path.relative_to(PROJECT_DIR))
            was = text.splitlines()[line - 1]
            faults.setdefault((name, line), Fault(name, line, was.strip(), became.strip()))
    return [*faults.values()]


def try_out(fault: Fault, place: Path, tests: Sequence[str]) -> Fault:
    """Plants a fault in a copy of the project, runs the tests, and takes it back."""
    path = place / fault.file
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    lines[fault.line - 1] = lines[fault.line - 1].replace(fault.was, fault.became)
    path.write_text("\n".join(lines), encoding="utf-8")
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--durations=0", *tests],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        check=False,
    )
    path.write_text(text, encoding="utf-8")
    seen_by = None
    if done.returncode:
        failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
        seen_by = failed.group(1) if failed else f"exit code {done.returncode}"
    return Fault(**{**asdict(fault), "seen_by": seen_by, "seconds": time.monotonic() - started})


def main() -> int:
    """Draws, plants and tells. Exit code 1 if a fault was not seen."""
    parser = argparse.ArgumentParser(description="Plants faults and says which the tests see.")
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--first", type=int, default=1, help="go on with this one")
    parser.add_argument("--result", type=Path, help="where the list is stored as JSON")
    parser.add_argument("--draw-only", action="store_true", help="print the faults, plant none")
    parser.add_argument("tests", nargs="*", help="files of tests; all by default")
    given = parser.parse_args()
    faults = draw(given.seed, given.faults)
    tried: list[Fault] = []
    with TemporaryDirectory() as folder:
        place = Path(folder) / "project"
        subprocess.run(["git", "clone", "-q", str(PROJECT_DIR), str(place)], check=True)
        (place.parent / "shared").symlink_to(PROJECT_DIR.parent / "shared")
        for number, fault in enumerate(faults, start=1):
            if number < given.first:
                continue
            if not given.draw_only:
                fault = try_out(fault, place, given.tests)
                tried.append(fault)
                if given.result:
                    given.result.write_text(json.dumps([asdict(one) for one in tried], indent=1))
            seen = "" if given.draw_only else f" | {fault.seen_by or 'not seen'}"
            seconds = f" ({fault.seconds:.0f} s)" if fault.seconds else ""
            print(f"{number:3} {fault.file}:{fault.line}{seen}{seconds}", flush=True)
            print(f"    {fault.was}\n    {fault.became}", flush=True)
    return int(any(fault.seen_by is None for fault in tried))


if __name__ == "__main__":
    sys.exit(main())
