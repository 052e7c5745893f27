"""Which level, field of work and persona a title says (docs/titles.md)."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from functools import cache

from recomputed.rules import constants, like, rules

UNKNOWN = ("unsaid", frozenset[str]())


@cache
def plain(text: str) -> str:
    """Lower case, no accents, no punctuation, transcribed umlauts as plain vowels."""
    text = text.lower().replace("ß", "ss").replace("ø", "o").replace("æ", "a").replace("ł", "l")
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    bare = re.sub(r"(?<=\b\w)\.(?=\w\b)", "", unicodedata.normalize("NFC", bare))
    bare = re.sub(r"[^\w]+|_", " ", bare)
    return re.sub(r"([aou])e", r"\1", " ".join(bare.split()))


@cache
def _entries() -> dict[str, list[tuple[str, str, str]]]:
    """Entries of the map by how they are looked for: word, level, field."""
    found: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for row in rules()["title_words"]:
        found[row["match"]].append((plain(row["word"]), row["level"], row["field"]))
    return found


def _pattern(word: str, match: str) -> str:
    text = re.escape(word)
    return {
        "word": rf"(?<!\w){text}(?!\w)",
        "start": rf"(?<!\w){text}",
        "end": rf"{text}(?!\w)",
        "anywhere": text,
        "whole": rf"^{text}$",
    }[match]


@cache
def said(text: str) -> tuple[tuple[str, str], ...]:
    """Levels and fields that a text says: of entries that lie in one another the longest speaks."""
    text = " ".join(_mended(word) for word in plain(text).split())
    found: list[tuple[tuple[int, int, bool], str, str]] = []
    for match, entries in _entries().items():
        is_whole_word = match in ("word", "whole")
        for word, level, field in entries:
            if word in text:
                for place in re.finditer(_pattern(word, match), text):
                    found.append(((*place.span(), is_whole_word), level, field))
    return tuple(
        (level, field)
        for place, level, field in found
        if not any(_outdoes(other, place) for other, _, _ in found)
    )


def _outdoes(one: tuple[int, int, bool], other: tuple[int, int, bool]) -> bool:
    """Whether a place holds another and is longer, or as long and no mere part of a word."""
    holds = one[0] <= other[0] and other[1] <= one[1]
    return holds and (one[1] - one[0], one[2]) > (other[1] - other[0], other[2])


@cache
def _known_parts() -> tuple[frozenset[str], dict[str, list[str]]]:
    """Single words of all entries; and the parts of words that speak, by how they stand."""
    singles = frozenset(
        word for entries in _entries().values() for text, _, _ in entries for word in text.split()
    )
    parts = {
        match: [text for text, _, _ in _entries()[match] if " " not in text]
        for match in ("start", "end", "anywhere")
    }
    return singles, parts


@cache
def _mended(word: str) -> str:
    """A word that no entry knows, but for one letter of a long word that one does, is that word."""
    least = constants()["title_typo_min_letters"]
    singles, parts = _known_parts()
    if (
        len(word) < least - 1
        or word in singles
        or any(word.startswith(part) for part in parts["start"])
        or any(word.endswith(part) for part in parts["end"])
        or any(part in word for part in parts["anywhere"])
    ):
        return word
    alike = [
        known
        for known, _, _ in _entries()["word"]
        if " " not in known and len(known) >= least and _differs_by_one(word, known)
    ]
    return min((known for known in alike if known[0] == word[0]), default=word)


def _differs_by_one(left: str, right: str) -> bool:
    if abs(len(left) - len(right)) > 1 or left == right:
        return False
    short, long = sorted((left, right), key=len)
    same = next(
        (i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short)
    )
    return short[same + (len(short) == len(long)) :] == long[same + 1 :]


@cache
def level_and_fields(text: str | None) -> tuple[str, frozenset[str]]:
    if not text:
        return UNKNOWN
    parts = said(text)
    fields = frozenset(field for _, field in parts if field)
    order = {row["level"]: int(row["level_rank"]) for row in rules()["title_levels"]}
    levels = sorted((level for level, _ in parts if level), key=lambda one: order[one])
    return (levels[0] if levels else "staff" if fields else "unsaid"), fields


@cache
def seniority(title: str | None) -> str:
    level, _ = level_and_fields(title)
    return next(row["seniority"] for row in rules()["title_levels"] if row["level"] == level)


def _rule(level: str, fields: frozenset[str]) -> tuple[str, float] | None:
    for row in sorted(rules()["title_personas"], key=lambda row: int(row["rule_rank"])):
        has_level = row["levels"] == "any" or level in row["levels"].split("|")
        has_field = row["fields"] == "any" or fields & set(row["fields"].split("|"))
        if has_level and has_field:
            return row["persona"], float(row["confidence_share"])
    return None


@cache
def persona(title: str | None, department: str | None) -> tuple[str, float] | None:
    """The persona of a title in its department, and how sure that is."""
    level, fields = level_and_fields(title)
    share = 1.0
    if not fields:
        _, fields = level_and_fields(department)
        if fields:
            share = constants()["department_confidence_share"]
    found = _rule(level, fields)
    return (found[0], found[1] * share) if found else None


@cache
def stated(role: str | None) -> tuple[str, float] | None:
    """The persona of a part that a CRM states; of several the surest."""
    found = [
        (float(row["confidence_share"]), row["persona"])
        for one in re.split(r"[;|]", role or "")
        for row in rules()["persona_roles"]
        if plain(one) == plain(row["role"])
    ]
    return (max(found)[1], max(found)[0]) if found else None


@cache
def has_left(title: str | None) -> bool:
    """Whether a title says that the person has gone."""
    text = f" {plain(title or '')} "
    return bool(title) and any(
        like(row["title_pattern"]).fullmatch(text) for row in rules()["departed_titles"]
    )
