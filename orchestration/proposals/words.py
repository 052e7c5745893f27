"""Words as they are compared: without accents, case, numbers in front and marks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

# Letters that do not come apart into a letter and an accent.
LETTERS = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d"})
DIGRAPHS = re.compile(r"(?<=[a-z])(?:ae|oe|ue)")
VOWEL = {"ae": "a", "oe": "o", "ue": "u"}
# Letters up to which an entry stands in too many other words.
SHORT = 4
CODE_IN_FRONT = re.compile(r"^\W*(?:[a-z]{0,2}\d+[a-z]?\b|[ivx]{1,4}\b(?=\s*[.):-]))[\s.):_/|-]*")


@cache
def plain(text: str) -> str:
    """Lower case, no accents, marks as blanks: "3 - Prüfung/Test" is "prufung test"."""
    text = re.sub(r"(?<=[a-zà-ÿ])(?=[A-Z])", " ", text)  # appointmentScheduled
    text = text.lower().translate(LETTERS)
    parts = unicodedata.normalize("NFKD", text)
    text = "".join(letter for letter in parts if not unicodedata.combining(letter))
    text = CODE_IN_FRONT.sub("", text)
    return " ".join(re.findall(r"[^\W_]+", text))


@cache
def spellings(text: str) -> tuple[str, ...]:
    """The text as `plain`, and with ae, oe and ue as the one vowel that German means by them."""
    said = plain(text)
    other = DIGRAPHS.sub(lambda found: VOWEL[found[0]], said)
    return (said, other) if other != said else (said,)


def number_in_front(text: str) -> int | None:
    """The number that a name begins with, as in "3 - Offer" or "S3: Offer"."""
    found = re.match(r"^\W*[A-Za-z]{0,2}(\d{1,3})(?:\.\d+)?[a-z]?\b", text)
    return int(found[1]) if found else None


class Lexicon:
    """Words by meaning. An entry is found anywhere in a word, one of up to four letters at its
    beginning; `=` in front wants the whole word, `^` its beginning. Several words are found one
    after the other.
    """

    def __init__(self, words: Mapping[str, str]) -> None:
        self.entries: list[tuple[str, re.Pattern[str], int]] = []
        for meaning, listed in words.items():
            for entry in listed.split(","):
                if said := entry.strip():
                    self.entries.append((meaning, _pattern(said), len(said)))

    def meanings(self, *texts: str) -> dict[str, str]:
        """What the texts mean, with the longest words that say so."""
        found: dict[str, str] = {}
        for text in dict.fromkeys(said for each in texts for said in spellings(each)):
            for meaning, pattern, _ in self.entries:
                if (match := pattern.search(text)) and len(match[0]) > len(found.get(meaning, "")):
                    found[meaning] = match[0]
        return found

    def first(self, order: Sequence[str], *texts: str) -> tuple[str, str] | None:
        """The meaning that goes first in an order, and the words that say it."""
        found = self.meanings(*texts)
        return next(((meaning, found[meaning]) for meaning in order if meaning in found), None)


def _pattern(entry: str) -> re.Pattern[str]:
    parts = []
    for word in entry.split():
        exact, start = word.startswith("="), word.startswith("^")
        stem = re.escape(plain(word.lstrip("=^")) or word.lstrip("=^"))
        start = start or len(stem) <= SHORT
        parts.append(rf"\b{stem}\b" if exact else rf"\b{stem}\w*" if start else rf"\w*{stem}\w*")
    return re.compile(r"\s+".join(parts))


def counted(many: int, one: str, more: str | None = None) -> str:
    """A number with its noun: 1 deal, 2,000 deals."""
    return f"{many:,} {one if many == 1 else more or one + 's'}"


def listed(words: Iterable[str], most: int = 5) -> str:
    """Words in a row, the first of many."""
    all_of_them = [*words]
    more = len(all_of_them) - most
    return ", ".join(all_of_them[:most]) + (f" and {more:,} more" if more > 0 else "")
