"""Labelled pairs of company names, made from the Research Organization Registry when it is there.

Matches: a company's name and each of its aliases, whatever they have in common; former names and
names in other scripts are among them. Strangers: companies of other families, of six kinds, most of
them chosen because they look alike (`kind`). A family is everything that relationships, or a name
that reads the same, join; the half a family is in is a hash of its id, so the half that parameters
are estimated on and the half they are judged on share no company.

`python tests/python/ror_pairs.py labelled.csv` writes what
`python -m orchestration.commands.match_review --estimate labelled.csv --companies 6600` was run on:
the tuning half, the tuning part of data/company_name_pairs.csv, and names with a slip, a short
form, turned words or another legal form. The registry itself stays where it is: nothing of it is
copied.
"""

from __future__ import annotations

import csv
import hashlib
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from rapidfuzz import fuzz, process

from orchestration.rules.ruleset import match_rules
from orchestration.scoring.names import PLACE, STRUCTURE, Name, canonical, fold, read_name
from orchestration.settings import PROJECT_DIR

ROR = PROJECT_DIR.parent / "shared" / "data" / "ror"
BY_HAND = Path(__file__).with_name("data") / "company_name_pairs.csv"
TUNE, TEST = 0, 1
RULES = match_rules(PROJECT_DIR).names


@dataclass(frozen=True)
class Pair:
    """label: match, related or stranger."""

    left: str
    right: str
    label: str
    kind: str
    country_left: str = ""
    country_right: str = ""
    weight: float = 1.0


@dataclass(frozen=True)
class Company:
    ror_id: str
    names: tuple[str, ...]
    country: str
    family: str
    key: str


@cache
def read(text: str) -> Name:
    return read_name(text, RULES)


def companies(half: int) -> list[Company]:
    """Companies of a half."""
    with (ROR / "companies.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    parents: dict[str, str] = {}

    def top(node: str) -> str:
        while parents.setdefault(node, node) != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    def join(one: str, other: str) -> None:
        one, other = sorted((top(one), top(other)))
        parents[other] = one

    for related in _relationships():
        join(related[0], related[1])
    for row in rows:
        join(row["ror_id"], f"~{_key(row['name'])}")
    found = []
    for row in rows:
        family = top(row["ror_id"])
        if int(hashlib.sha256(family.encode()).hexdigest(), 16) % 2 != half:
            continue
        aliases = [alias.strip() for alias in row["aliases"].split("|") if alias.strip()]
        names = tuple(dict.fromkeys([row["name"], *aliases]))
        found.append(Company(row["ror_id"], names, row["country_code"], family, _key(row["name"])))
    return found


def _relationships() -> list[tuple[str, str, str]]:
    with (ROR / "relationships.csv").open(newline="", encoding="utf-8") as handle:
        return [
            (row["ror_id"], row["related_ror_id"], row["type"].lower())
            for row in csv.DictReader(handle)
        ]


def _key(name: str) -> str:
    tokens = read(name).tokens
    naming = [token.word for token in tokens if token.word_class not in (PLACE, STRUCTURE)]
    return " ".join(sorted(naming or [token.word for token in tokens]))


def ror_pairs(half: int, share: float = 1.0) -> list[Pair]:
    """Labelled pairs of a half; share: of its companies that get strangers beside them (0-1)."""
    everyone = companies(half)
    rng = random.Random(half)
    chosen = everyone if share == 1 else rng.sample(everyone, int(share * len(everyone)))
    pairs = [
        Pair(company.names[0], alias, "match", "alias", company.country, company.country)
        for company in everyone
        for alias in company.names[1:]
    ]
    pairs += _strangers(everyone, chosen, rng)
    pairs += _relatives(everyone, {company.ror_id for company in chosen}, rng)
    return _once(pairs)


def _strangers(
    everyone: Sequence[Company], chosen: Sequence[Company], rng: random.Random
) -> list[Pair]:
    names = [(company, name) for company in everyone for name in company.names]
    cores = [" ".join(token.raw for token in read(name).tokens) for _, name in names]
    by_first = defaultdict(list)
    for place, core in enumerate(cores):
        by_first[core.partition(" ")[0]].append(place)
    found = []

    def add(kind: str, company: Company, place: int) -> None:
        other, name = names[place]
        found.append(Pair(company.names[0], name, "stranger", kind, company.country, other.country))

    readable = [company for company in chosen if read(company.names[0]).tokens]
    own = [" ".join(token.raw for token in read(company.names[0]).tokens) for company in readable]
    for company, core in zip(readable, own, strict=True):
        place = rng.randrange(len(names))
        if names[place][0].family != company.family:
            add("random", company, place)
        others = [
            place
            for place in by_first[core.partition(" ")[0]]
            if names[place][0].family != company.family
        ]
        for place in rng.sample(others, min(2, len(others))):
            add("same first word", company, place)
    for kind, scorer in (("nearest spelling", fuzz.ratio), ("nearest words", fuzz.token_set_ratio)):
        for start in range(0, len(readable), 500):
            part = slice(start, start + 500)
            alike = process.cdist(own[part], cores, scorer=scorer, dtype=np.float32, workers=2)
            for company, row in zip(readable[part], alike, strict=True):
                for place in np.argsort(-row, kind="stable")[:60]:
                    if names[place][0].family != company.family:
                        add(kind, company, int(place))
                        break
    return found


def _relatives(
    everyone: Sequence[Company], chosen: Iterable[str], rng: random.Random
) -> list[Pair]:
    """Units of one group: not one company. Where nothing tells two of them apart, none is made."""
    wanted = set(chosen)
    by_id = {company.ror_id: company for company in everyone}
    by_key = defaultdict(list)
    for company in everyone:
        by_key[company.key].append(company)
    found = []

    def add(kind: str, one: Company, other: Company) -> None:
        countries = {read(one.names[0]).country, read(other.names[0]).country} - {None}
        if len(countries) == 2 or kind == "relative":
            found.append(
                Pair(one.names[0], other.names[0], "related", kind, one.country, other.country)
            )

    for group in by_key.values():
        units = [(one, other) for i, one in enumerate(group) for other in group[i + 1 :]]
        units = [pair for pair in units if wanted & {pair[0].ror_id, pair[1].ror_id}]
        for one, other in rng.sample(units, min(3, len(units))):
            if one.country != other.country:
                add("national unit", one, other)
    for ror_id, related_id, kind in _relationships():
        one, other = by_id.get(ror_id), by_id.get(related_id)
        if one and other and kind in ("child", "parent") and wanted & {ror_id, related_id}:
            add("relative" if one.key != other.key else "national unit", one, other)
    return found


def _once(pairs: Iterable[Pair]) -> list[Pair]:
    seen: set[tuple[str, ...]] = set()
    kept = []
    for pair in pairs:
        key = tuple(sorted((pair.left, pair.right)))
        if key not in seen:
            seen.add(key)
            kept.append(pair)
    return kept


def pairs_by_hand(part: str) -> list[Pair]:
    """Pairs of well-known companies, written for this project: part is tune or test."""
    with BY_HAND.open(newline="", encoding="utf-8") as handle:
        return [
            Pair(
                row["name_left"],
                row["name_right"],
                "match" if row["label"] == "1" else "stranger",
                row["kind"],
                weight=8.0 if row["kind"] == "unit" else 4.0,
            )
            for row in csv.DictReader(handle)
            if row["part"] == part
        ]


def altered_names(half: int, many: int = 900) -> list[Pair]:
    """Names with a slip, a short form, turned words or another legal form."""
    rng = random.Random(5)
    forms = defaultdict(list)
    for form, word in sorted(RULES.abbreviations.items()):
        forms[word].append(form)
    found = []
    for company in rng.sample(companies(half), many):
        name = re.sub(r"\s*\([^)]*\)", "", company.names[0])
        words = name.split()
        change = rng.choice(["slip", "slip", "slip", "short form", "turned", "legal form"])
        if change == "slip":
            long = [i for i, word in enumerate(words) if len(word) >= 7 and word.isalpha()]
            if not long:
                continue
            i = rng.choice(long)
            word, at = words[i], rng.randrange(1, len(words[i]) - 1)
            slips = (
                word[:at] + rng.choice("aeiourstln") + word[at + 1 :],
                word[:at] + word[at + 1 :],
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
                word[: at + 1] + word[at:],
            )
            words[i] = rng.choice(slips)
        elif change == "short form":
            listed = [i for i, word in enumerate(words) if canonical(fold(word), RULES) in forms]
            if not listed:
                continue
            i = rng.choice(listed)
            words[i] = rng.choice(forms[canonical(fold(words[i]), RULES)])
        elif change == "turned":
            words = words[1:] + words[:1]
        else:
            words.append(rng.choice("GmbH Ltd Inc. S.A. LLC AB S.r.l. K.K. Sp.z.o.o.".split()))
        if " ".join(words) != name:
            found.append(Pair(name, " ".join(words), "match", change, weight=0.3))
    return found


def main(path: str) -> None:
    pairs = [*ror_pairs(TUNE), *pairs_by_hand("tune"), *altered_names(TUNE)]
    with open(path, "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["name_left", "name_right", "label", "kind", "weight"])
        writer.writerows([p.left, p.right, p.label, p.kind, p.weight] for p in pairs)


if __name__ == "__main__":
    main(sys.argv[1])
