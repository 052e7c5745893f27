"""What people have decided: the seeds' rows and the project's vars."""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parents[3]


@cache
def rules() -> dict[str, list[dict[str, str]]]:
    """The seeds by name, each a list of rows."""
    found = {}
    # A company's own rules take the place of the general ones; the company is the demo's.
    for path in [*PROJECT.glob("seeds/*/*.csv"), *PROJECT.glob("orchestration/demo/rules/*.csv")]:
        with path.open(encoding="utf-8", newline="") as file:
            found[path.stem] = list(csv.DictReader(file))
    return found


@cache
def constants() -> dict[str, Any]:
    """The vars of dbt_project.yml."""
    return dict(yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"])


@cache
def like(pattern: str) -> re.Pattern[str]:
    """A pattern of a seed (`%` any letters, `_` one letter) as one of Python."""
    parts = {"%": ".*", "_": "."}
    return re.compile("".join(parts.get(letter, re.escape(letter)) for letter in pattern), re.S)


def matches(pattern: str, text: str | None) -> bool:
    """Whether a text is as a seed's pattern says, whatever its case; an empty text is like '%'."""
    return like(pattern.lower()).fullmatch((text or "").lower()) is not None


def truth(text: str) -> bool:
    """A yes or no of a seed."""
    return text.lower() == "true"
