"""Match review: pairs of accounts that are probably one company, or probably child and parent.

What belongs here: blocking, probabilities and the words of the evidence, Arrow in and Arrow out.
What does not: reading and comparing names (names.py, name_pairs.py), storing (score_store.py),
decisions (the seed `match_decisions`, which the mart reads).

The model is Fellegi and Sunter's (1969, "A theory for record linkage"), run by splink: a pair has
the prior odds of two random accounts, times m/u for the level at which each field agrees, where m
is how often that level is seen on pairs that belong together and u how often on pairs that do not.
splink expects several fields that are not correlated and advises against a bag of words as one
field, so the name enters as one field with ordered levels: the bits that name_pairs.py finds in it.
Nothing is ever joined here; a pair is a proposal.

splink runs on an in-memory DuckDB of its own and never sees the warehouse. Results do not depend on
the order of the rows and are rounded to six decimals.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa

from orchestration.scoring.name_pairs import (
    NAMING,
    Alignment,
    NameEvidence,
    Rarity,
    compare_names,
    naming_word,
    places_differ,
    series_differ,
    sounds,
)
from orchestration.scoring.names import (
    DESCRIPTOR,
    HOUSE,
    INDUSTRY,
    LEGAL,
    OWN,
    PLACE,
    STRUCTURE,
    TRADE,
    UNIT,
    Name,
    NameRules,
    fold,
    read_name,
)

DUPLICATE, PARENT = "duplicate", "parent"
NAME, COUNTRY, WEBSITE = "name", "country", "website"

ACCOUNT_SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("account_name", pa.string()),
        ("domain", pa.string()),
        ("country", pa.string()),
        ("employees", pa.float64()),
        ("parent_account_id", pa.string()),
        ("crm", pa.string()),
    ]
)
"""One row per account. domain: registrable, never a free-mail one. country: name or code. crm:
the one whose record states the domain as its website, null where none does."""

PROPOSAL_SCHEMA = pa.schema(
    [
        ("left_account_id", pa.string()),
        ("right_account_id", pa.string()),
        ("proposal_type", pa.string()),
        ("probability_share", pa.float64()),
        ("match_weight_bits", pa.float64()),
        ("evidence", pa.string()),
    ]
)
"""One row per proposed pair. Left is the child of a parent, of doubles the one of lesser id."""

PAIR_SCHEMA = pa.schema(
    [
        ("name_left", pa.string()),
        ("name_right", pa.string()),
        ("country_left", pa.string()),
        ("country_right", pa.string()),
        ("domain_left", pa.string()),
        ("domain_right", pa.string()),
    ]
)
"""One row per pair that somebody wants judged."""

JUDGED_SCHEMA = pa.schema(
    [
        ("probability_share", pa.float64()),
        ("parent_probability_share", pa.float64()),
        ("decision", pa.string()),
        ("evidence", pa.string()),
    ]
)
"""decision: duplicate, parent or none. Rows in the order of the pairs."""

MAX_BLOCK_ACCOUNTS = 60
"""A key that more accounts share than this tells nothing, and its pairs grow with its square."""
MIN_KEY_LETTERS = 4

LONG_INITIALS, SHORT_INITIALS, WEAK_INITIALS = (
    "initials, four letters and more",
    "initials, three letters",
    "initials, two letters or words left over",
)

BESIDE_INITIALS = frozenset({STRUCTURE, PLACE, LEGAL})
"""What may stand beside initials and leave them whole: BGI Group, MSD Peru."""

MIN_HOUSE_BITS = 11.0
"""What names a group is a word of at most one company in 2,000, or of a listed house."""

# How a parent's name stands to its child's, most telling first.
NATIONAL_UNIT, DESCRIBED_UNIT, NAMED_UNIT, SAME_HOUSE, OTHER = (
    "national unit",
    "described unit",
    "named unit",
    "same house",
    "other",
)


@dataclass(frozen=True)
class Level:
    """How often a level of agreement is seen: a row of the seed `match_levels`.

    min_bits: of a name's level, the least evidence in it, None for the levels of other fields.
    m_share: among pairs that belong together; u_share: among pairs that do not; both in (0, 1).
    """

    relation: str
    comparison: str
    level: str
    min_bits: float | None
    m_share: float
    u_share: float


@dataclass(frozen=True)
class MatchRules:
    """Everything people decide: word lists, weights of a name's features, levels, thresholds.

    pairs_per_account: expected pairs of a relation per account, > 0. list_prior: probability that
    two names of a list of candidate pairs belong together, before anything is known of them.
    min_probability: a pair is proposed from this on, 0-1.
    """

    names: NameRules
    weights: Mapping[str, float]
    levels: tuple[Level, ...]
    free_mail: frozenset[str]
    pairs_per_account: Mapping[str, float]
    list_prior: Mapping[str, float]
    min_probability: float

    def __post_init__(self) -> None:
        if not 0 < self.min_probability <= 1:
            raise ValueError(
                f"match_min_probability must lie in (0, 1], got {self.min_probability}"
            )
        for level in self.levels:
            if not (0 < level.m_share < 1 and 0 < level.u_share < 1):
                raise ValueError(
                    f"match_levels, {level.relation} {level.comparison} {level.level}:"
                    " m_share and u_share must lie between 0 and 1"
                )
        for relation in (DUPLICATE, PARENT):
            bits = [
                level.min_bits for level in self.of(relation, NAME) if level.min_bits is not None
            ]
            if bits != sorted(bits, reverse=True):
                raise ValueError(f"match_levels, {relation}: min_bits must fall from row to row")

    def of(self, relation: str, comparison: str) -> list[Level]:
        """Levels of a comparison, in the order of the seed: the first that holds is the level."""
        return [
            level
            for level in self.levels
            if level.relation == relation and level.comparison == comparison
        ]


@dataclass(frozen=True)
class Record:
    """A side of a pair, read."""

    name: Name
    domain: str | None
    country: str | None
    is_country_noted: bool
    employees: float | None = None
    parent_id: str | None = None


def code_version() -> str:
    """Hash of the code that makes proposals: with the rules, it settles what they are."""
    digest = hashlib.sha256()
    for name in ("names.py", "name_pairs.py", "matching.py"):
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()[:12]


# -- proposals among accounts ----------------------------------------------------------------------


def propose(accounts: pa.Table, rules: MatchRules) -> pa.Table:
    """Probable duplicates and parents among accounts (ACCOUNT_SCHEMA), as PROPOSAL_SCHEMA.

    Rows come in the order of the two ids. An account without a name has no proposal, and neither
    have two of which one is above the other in the hierarchy: what they are is known.
    """
    rows = sorted(
        (row for row in accounts.select(ACCOUNT_SCHEMA.names).to_pylist() if row["account_name"]),
        key=lambda row: row["account_id"],
    )
    ids = [row["account_id"] for row in rows]
    records = [
        _record(
            row["account_name"], row["domain"], row["country"], rules, row["employees"],
            row["parent_account_id"],
        )
        for row in rows
    ]  # fmt: skip
    if len(records) < 2:
        return PROPOSAL_SCHEMA.empty_table()
    evidence = _Evidence(records, records, rules, Rarity(rules.names, (r.name for r in records)))
    possible = len(records) * (len(records) - 1) / 2
    table = _records_table(records, block_keys(records))
    scored: dict[str, dict[tuple[int, int], _Scored]] = {}
    with _Splink() as splink:
        for relation in (DUPLICATE, PARENT):
            prior = rules.pairs_per_account[relation] * len(records) / possible
            scored[relation] = splink.score(
                [table], relation, min(prior, 0.1), evidence, rules, rules.min_probability
            )
    # Two CRMs have one website and nothing else in common: unlikely, and for a person to say.
    pairs = _of_one_website(rows) - scored[DUPLICATE].keys() - scored[PARENT].keys()
    if pairs:
        few = table.take(sorted({record for pair in pairs for record in pair}))
        prior = rules.pairs_per_account[DUPLICATE] * len(records) / possible
        with _Splink() as splink:
            judged = splink.score([few], DUPLICATE, min(prior, 0.1), evidence, rules, None)
        scored[DUPLICATE] |= {pair: judged[pair] for pair in pairs if pair in judged}
    _drop_known(scored, rows, ids)
    # A pair is what it is likelier to be; and whose name adds a country is a unit there.
    doubles = {
        pair: found
        for pair, found in scored[DUPLICATE].items()
        if pair not in scored[PARENT]
        or (found.bits >= scored[PARENT][pair].bits and not evidence.adds_country(*pair))
    }
    proposals = [
        {
            "left_account_id": ids[left],
            "right_account_id": ids[right],
            "proposal_type": DUPLICATE,
            **_result(found, evidence.in_words(left, right, found)),
        }
        for (left, right), found in doubles.items()
    ]
    parents = {pair: found for pair, found in scored[PARENT].items() if pair not in doubles}
    for child, parent, found in _best_parents(parents, evidence, ids):
        proposals.append(
            {
                "left_account_id": ids[child],
                "right_account_id": ids[parent],
                "proposal_type": PARENT,
                **_result(found, evidence.in_words(child, parent, found)),
            }
        )
    proposals.sort(key=lambda row: (row["left_account_id"], row["right_account_id"]))
    return pa.Table.from_pylist(proposals, schema=PROPOSAL_SCHEMA)


def _of_one_website(rows: Sequence[Mapping[str, Any]]) -> set[tuple[int, int]]:
    """The pairs of accounts that two CRMs have with the same website."""
    by_domain: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        if row["domain"] and row["crm"]:
            by_domain.setdefault(row["domain"], []).append(number)
    return {
        (left, right)
        for numbers in by_domain.values()
        for left, right in combinations(numbers, 2)
        if len(numbers) <= MAX_BLOCK_ACCOUNTS and rows[left]["crm"] != rows[right]["crm"]
    }


def _drop_known(
    scored: Mapping[str, dict[tuple[int, int], _Scored]],
    rows: Sequence[Mapping[str, Any]],
    ids: Sequence[str],
) -> None:
    """Takes out the pairs of which one is above the other on file, directly or not."""
    parents = {row["account_id"]: row["parent_account_id"] for row in rows}
    above: dict[str, set[str]] = {}
    for account_id in ids:
        found: set[str] = set()
        parent = parents[account_id]
        # The hierarchy has no circles; one that came in all the same ends here.
        while parent is not None and parent not in found:
            found.add(parent)
            parent = parents.get(parent)
        above[account_id] = found
    for pairs in scored.values():
        for left, right in list(pairs):
            if ids[left] in above[ids[right]] or ids[right] in above[ids[left]]:
                del pairs[left, right]


def _result(found: _Scored, words: str) -> dict[str, Any]:
    return {
        "probability_share": round(found.probability, 6),
        "match_weight_bits": round(found.bits, 6),
        "evidence": words,
    }


def _best_parents(
    scored: Mapping[tuple[int, int], _Scored], evidence: _Evidence, ids: Sequence[str]
) -> list[tuple[int, int, _Scored]]:
    """(child, parent, score): for each account its likeliest parent.

    An account that has a parent on file keeps it.
    """
    best: dict[int, tuple[tuple[float, float, str], int, _Scored]] = {}
    for (left, right), found in scored.items():
        child, parent = evidence.direction(left, right, ids)
        if evidence.left[child].parent_id is not None:
            continue
        employees = evidence.left[parent].employees or 0.0
        rank = (-round(found.probability, 6), -employees, ids[parent])
        if child not in best or rank < best[child][0]:
            best[child] = (rank, parent, found)
    return [(child, parent, found) for child, (_, parent, found) in sorted(best.items())]


# -- a list of pairs -------------------------------------------------------------------------------


def judge(pairs: pa.Table, rules: MatchRules) -> pa.Table:
    """Judges pairs of names (PAIR_SCHEMA), row by row, as JUDGED_SCHEMA.

    The pairs are taken for candidates that somebody has chosen: the prior is `list_prior`, not that
    of two random accounts.
    """
    rows = pairs.select(PAIR_SCHEMA.names).to_pylist()
    left, right = (
        [
            _record(row[f"name_{side}"] or "", row[f"domain_{side}"], row[f"country_{side}"], rules)
            for row in rows
        ]
        for side in ("left", "right")
    )
    if not rows:
        return JUDGED_SCHEMA.empty_table()
    # Names of a list repeat for reasons of the list, so only the word lists say what is rare.
    evidence = _Evidence(left, right, rules, Rarity(rules.names), is_by_row=True)
    by_row = [[str(row)] for row in range(len(rows))]
    tables = [_records_table(left, by_row), _records_table(right, by_row)]
    with _Splink() as splink:
        scored = {
            relation: splink.score(
                tables, relation, rules.list_prior[relation], evidence, rules, None
            )
            for relation in (DUPLICATE, PARENT)
        }
    judged = []
    for row in range(len(rows)):
        found, above = scored[DUPLICATE][row, row], scored[PARENT][row, row]
        decision = "none"
        if found.probability >= rules.min_probability:
            decision = DUPLICATE
        elif above.probability >= rules.min_probability:
            decision = PARENT
        judged.append(
            {
                "probability_share": round(found.probability, 6),
                "parent_probability_share": round(above.probability, 6),
                "decision": decision,
                "evidence": evidence.in_words(row, row, above if decision == PARENT else found),
            }
        )
    return pa.Table.from_pylist(judged, schema=JUDGED_SCHEMA)


# -- reading and blocking --------------------------------------------------------------------------


def _record(
    name: str,
    domain: str | None,
    country: str | None,
    rules: MatchRules,
    employees: float | None = None,
    parent_id: str | None = None,
) -> Record:
    read = read_name(name, rules.names)
    domain = (domain or "").strip().casefold() or None
    if domain in rules.free_mail:
        domain = None
    code = rules.names.countries.get(tuple(fold(country or "").replace(".", "").split()))
    return Record(
        read,
        domain,
        read.country if read.is_country_noted else code or read.country,
        read.is_country_noted,
        employees,
        parent_id,
    )


def block_keys(records: Sequence[Record]) -> list[list[str]]:
    """Keys of each record; two records that share one are compared.

    A key: a word that names the company, how it sounds, two words in a row, how the name begins
    without spaces, its initials or itself where it could be initials, all its words in any order,
    its website. Keys that more than MAX_BLOCK_ACCOUNTS records share are dropped.
    """
    keys = [sorted(_keys(record)) for record in records]
    shared = Counter(key for record_keys in keys for key in record_keys)
    return [
        [key for key in record_keys if 1 < shared[key] <= MAX_BLOCK_ACCOUNTS]
        for record_keys in keys
    ]


def _keys(record: Record) -> set[str]:
    keys: set[str] = set()
    if record.domain:
        keys |= {f"website {record.domain}", f"label {_label(record.domain)}"}
    for name in (record.name, *record.name.alternates):
        words = [token.word for token in name.tokens]
        keys.add("words " + " ".join(sorted(words)))
        keys |= {f"two {one} {other}" for one, other in pairwise(words)}
        naming = [token for token in name.tokens if token.word_class in NAMING]
        for token in naming or name.tokens[:1]:
            keys |= {f"word {token.word}", f"sound {sounds(token.raw)}"}
            if len(token.raw) >= 2 * MIN_KEY_LETTERS - 1:
                keys |= {
                    f"head {token.raw[:MIN_KEY_LETTERS]} {len(name.tokens)}",
                    f"tail {token.raw[-MIN_KEY_LETTERS:]} {len(name.tokens)}",
                }
        if len(name.compact) >= MIN_KEY_LETTERS:
            keys |= {f"whole {name.compact}", f"begin {name.compact[: 2 * MIN_KEY_LETTERS]}"}
        keys |= {f"initials {initials}" for initials in name.initials if len(initials) > 2}
        keys |= {f"initials {token.raw}" for token in naming if 3 <= len(token.raw) <= 7}
    return keys


def _label(domain: str) -> str:
    return domain.split(".")[0]


def _records_table(records: Sequence[Record], keys: Sequence[Sequence[str]]) -> pa.Table:
    return pa.table(
        {
            "unique_id": pa.array([f"{index:09d}" for index in range(len(records))], pa.string()),
            "record": pa.array(range(len(records)), pa.int32()),
            "keys": pa.array(keys, pa.list_(pa.string())),
            "country": pa.array([record.country for record in records], pa.string()),
            "is_noted": pa.array([record.is_country_noted for record in records], pa.bool_()),
            "domain": pa.array([record.domain for record in records], pa.string()),
            "domain_label": pa.array(
                [_label(record.domain) if record.domain else None for record in records],
                pa.string(),
            ),
        }
    )


# -- evidence --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scored:
    """What splink says of a pair: bits and probability in all, bits by comparison."""

    bits: float
    probability: float
    bits_by_comparison: Mapping[str, float]


class _Evidence:
    """The evidence of names, worked out once a pair. is_by_row: left i only meets right i."""

    def __init__(
        self,
        left: Sequence[Record],
        right: Sequence[Record],
        rules: MatchRules,
        rarity: Rarity,
        *,
        is_by_row: bool = False,
    ) -> None:
        self.left, self.right, self.is_by_row = left, right, is_by_row
        self._rules, self._rarity = rules, rarity
        self._known: dict[tuple[int, int], NameEvidence] = {}

    def of(self, left: int, right: int) -> NameEvidence:
        known = self._known.get((left, right))
        if known is None:
            known = compare_names(
                self.left[left].name, self.right[right].name, self._rarity, self._rules.weights
            )
            self._known[left, right] = known
        return known

    def level(self, relation: str) -> Callable[[int, int], int]:
        """The place of the level at which two names agree, among the relation's levels.

        splink asks for it once for every level, so the answer is kept.
        """
        levels = self._rules.of(relation, NAME)

        @cache
        def by_bits(left: int, right: int) -> int:
            return name_level(self.of(left, right), levels, is_chosen=self.is_by_row)

        @cache
        def by_pattern(left: int, right: int) -> int:
            pattern = self.pattern(left, right)
            return next(place for place, level in enumerate(levels) if level.level == pattern)

        return by_bits if relation == DUPLICATE else by_pattern

    def pattern(self, left: int, right: int) -> str:
        """How the two names could be those of a parent and its child; see `parent_pattern`."""
        one, other = self.left[left], self.right[right]
        is_abroad = None not in (one.country, other.country) and one.country != other.country
        return parent_pattern(self.of(left, right), is_abroad=is_abroad)

    def adds_country(self, left: int, right: int) -> bool:
        """Whether one of the names has a country's name in it that the other lacks."""
        alignment = self.of(left, right).alignment
        left_over = alignment.left_only + alignment.right_only
        return any(token.word.startswith("=") for token in left_over)

    def direction(self, left: int, right: int, ids: Sequence[str]) -> tuple[int, int]:
        """(child, parent): the parent's name says less; else it is larger, or says no country."""
        alignment = self.of(left, right).alignment
        if bool(alignment.left_only) != bool(alignment.right_only):
            return (left, right) if alignment.left_only else (right, left)

        def rank(index: int) -> tuple[float, bool, int, str]:
            record = self.left[index]
            has_country = record.name.country is not None
            return (-(record.employees or 0.0), has_country, len(record.name.text), ids[index])

        return (left, right) if rank(right) < rank(left) else (right, left)

    def in_words(self, left: int, right: int, found: _Scored) -> str:
        """Why, in words: what agrees, what does not, and the bits of each field."""
        one, other = (left, right) if self.is_by_row else (min(left, right), max(left, right))
        alignment = self.of(one, other).alignment
        if (one, other) != (left, right):
            alignment = Alignment(alignment.agreements, alignment.right_only, alignment.left_only)
        said = _names_in_words(alignment)
        a, b = self.left[left], self.right[right]
        if a.country and b.country:
            same = a.country == b.country
            said.append(
                f"same country ({a.country})" if same else f"countries {a.country} and {b.country}"
            )
        if a.domain and b.domain:
            same = a.domain == b.domain
            said.append(
                f"same website ({a.domain})" if same else f"websites {a.domain} and {b.domain}"
            )
        bits = ", ".join(
            f"{name} {value:+.1f}" for name, value in found.bits_by_comparison.items() if value
        )
        return (
            f"{'; '.join(said)}. What each field says for the match (+) or against it (-), where"
            f" each point doubles the odds: {bits or 'nothing'}."
        )


def name_level(evidence: NameEvidence, levels: Sequence[Level], *, is_chosen: bool) -> int:
    """The place of the level at which two names agree, among those of doubles.

    Where nothing but initials says so, their number of letters does: among all pairs of accounts,
    strangers with the same three are as many as matches. Not so where people chose the pairs
    (is_chosen): they seldom choose strangers that meet in their initials only. Two of a series are
    at the last level, so that the high prior of a short list of accounts does not make them one.
    """
    if series_differ(evidence.alignment) or places_differ(evidence.alignment):
        return len(levels) - 1
    initials = None if is_chosen else initials_level(evidence.alignment)
    return next(
        place
        for place, level in enumerate(levels)
        if (level.level == initials if initials else _holds(level, evidence.bits))
    )


def is_of_initials(level: Level) -> bool:
    """Whether the level is one of those for names that only initials hold together."""
    return level.level in (LONG_INITIALS, SHORT_INITIALS, WEAK_INITIALS)


def _holds(level: Level, bits: float) -> bool:
    is_reached = level.min_bits is None or bits >= level.min_bits
    return is_reached and not is_of_initials(level)


def initials_level(alignment: Alignment) -> str | None:
    """The level of names that only initials hold together, None for all others."""
    initials = [a for a in alignment.agreements if a.kind == "acronym"]
    naming = [
        agreement
        for agreement in alignment.agreements
        if agreement.kind != "acronym"
        and any(token.word_class in NAMING for token in agreement.left + agreement.right)
    ]
    if not initials or naming:
        return None
    letters = min(
        len(side[0].raw)
        for agreement in initials
        for side in (agreement.left, agreement.right)
        if len(side) == 1
    )
    left_over = alignment.left_only + alignment.right_only
    if letters < 3 or any(token.word_class not in BESIDE_INITIALS for token in left_over):
        return WEAK_INITIALS
    return LONG_INITIALS if letters > 3 else SHORT_INITIALS


def parent_pattern(evidence: NameEvidence, *, is_abroad: bool) -> str:
    """How two names could be those of a parent and its child.

    national unit: one name in two countries, or with a place on one side only; described unit: one
    side adds what the unit does; named unit: one side adds a name; same house: both add something
    to the first word that names them; other: no word that names them is shared, or only common
    ones, or nothing tells the two names apart, or a number, letter or place of each does: those are
    two of a series, and neither is above the other.
    """
    alignment = evidence.alignment
    shared = [
        agreement
        for agreement in alignment.agreements
        if agreement.kind not in ("short_typo", "begins_alike")
        and any(token.word_class in NAMING for token in agreement.left + agreement.right)
    ]
    has_house = any(token.word_class == HOUSE for agreement in shared for token in agreement.left)
    if not has_house and sum(agreement.bits for agreement in shared) < MIN_HOUSE_BITS:
        return OTHER
    left_over = alignment.left_only + alignment.right_only
    if not left_over and not is_abroad:
        return OTHER
    if series_differ(alignment) or places_differ(alignment):
        return OTHER
    # Two countries and a common word: the National Bank of one is none of the other's.
    is_own = any(token.word_class in (OWN, HOUSE) for a in shared for token in a.left + a.right)
    if alignment.left_only and alignment.right_only and not is_own:
        return OTHER
    classes = {token.word_class for token in left_over}
    if classes <= {PLACE, STRUCTURE, LEGAL} and (is_abroad or PLACE in classes):
        return NATIONAL_UNIT
    if alignment.left_only and alignment.right_only:
        firsts = naming_word(evidence.left), naming_word(evidence.right)
        return OTHER if any(first in left_over for first in firsts) else SAME_HOUSE
    if classes <= {PLACE, STRUCTURE, LEGAL, DESCRIPTOR, TRADE, INDUSTRY, UNIT}:
        return DESCRIBED_UNIT
    return NAMED_UNIT


def _names_in_words(alignment: Alignment) -> list[str]:
    said = []
    same = [a.left[0].raw for a in alignment.agreements if a.kind == "same"]
    if same:
        first = f"{', '.join(same[:-1])} and " if same[1:] else ""
        said.append(f"both names say {first}{same[-1]}")
    spoken = {
        "joined": "{} and {} are the same letters",
        "acronym": "{} stands for {}",
        "variant": "{} and {} are two spellings of one word",
        "typo": "{} and {} differ by a slip of the pen",
        "short_typo": "{} and {} differ by one letter",
        "begins_alike": "{} and {} begin alike",
    }
    for agreement in alignment.agreements:
        if agreement.kind in spoken:
            sides = sorted(
                " ".join(token.raw for token in side) for side in (agreement.left, agreement.right)
            )
            if agreement.kind == "acronym":  # the initials first
                sides.sort(key=len)
            if sides[0] == sides[1]:  # written as one word in one of the names
                said.append(f"both names say {sides[0]}")
            else:
                said.append(spoken[agreement.kind].format(*sides))
    left, right = (
        " ".join(token.raw for token in side)
        for side in (alignment.left_only, alignment.right_only)
    )
    if left and right:
        said.append(f"only one name has {left}, only the other has {right}")
    elif left or right:
        said.append(f"only one name has {left or right}")
    return said or ["the names share no word"]


# -- splink ----------------------------------------------------------------------------------------


class _Splink:
    """splink on an in-memory database; a context manager that closes it."""

    def __enter__(self) -> _Splink:
        # Imported here: it takes most of a second, and most processes that load the assets never
        # score.
        import duckdb

        self._connection = duckdb.connect(":memory:")
        self._tables = 0
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def score(
        self,
        tables: Sequence[pa.Table],
        relation: str,
        prior: float,
        evidence: _Evidence,
        rules: MatchRules,
        min_probability: float | None,
    ) -> dict[tuple[int, int], _Scored]:
        """Scores the pairs that share a key: one table against itself, or two against each other.

        Returns what splink gives by (left record, right record). min_probability: drop less.
        """
        from duckdb.func import PythonUDFType
        from splink import DuckDBAPI, Linker, block_on

        function = f"{relation}_name_level"
        self._connection.create_function(
            function,
            _arrow_function(evidence.level(relation)),
            ["INTEGER", "INTEGER"],
            "INTEGER",
            type=PythonUDFType.ARROW,
            side_effects=False,
        )
        api = DuckDBAPI(self._connection)
        inputs = []
        for table in tables:
            self._tables += 1
            inputs.append(api.register(table, table_name=f"side_{self._tables}"))
        linker = Linker(
            inputs if len(inputs) > 1 else inputs[0],
            {
                "link_type": "link_only" if len(inputs) > 1 else "dedupe_only",
                "probability_two_random_records_match": prior,
                "comparisons": _comparisons(relation, function, rules),
                "blocking_rules_to_generate_predictions": [
                    block_on("keys", arrays_to_explode=["keys"])
                ],
                "retain_matching_columns": False,
                "retain_intermediate_calculation_columns": True,
                "linker_uid": relation,
            },
            log_level=None,
            validate_settings=False,
        )
        predicted = linker.inference.predict(
            threshold_match_probability=min_probability, warning_mode="never"
        )
        rows = predicted.as_duckdbpyrelation().to_arrow_table().to_pylist()
        comparisons = (NAME, COUNTRY, WEBSITE)
        return {
            (int(row["unique_id_l"]), int(row["unique_id_r"])): _Scored(
                row["match_weight"],
                row["match_probability"],
                {name: round(row[f"mw_{name}"], 6) for name in comparisons},
            )
            for row in sorted(rows, key=lambda row: (row["unique_id_l"], row["unique_id_r"]))
        }


def _arrow_function(level: Callable[[int, int], int]) -> Callable[[Any, Any], pa.Array]:
    def of_arrays(left: pa.ChunkedArray, right: pa.ChunkedArray) -> pa.Array:
        pairs = zip(left.to_pylist(), right.to_pylist(), strict=True)
        return pa.array([level(one, other) for one, other in pairs], pa.int32())

    return of_arrays


def _comparisons(relation: str, function: str, rules: MatchRules) -> list[dict[str, Any]]:
    """splink's settings of the three comparisons, in the levels of the seed."""
    conditions = {
        COUNTRY: {
            "same, both said in the names": ("country_l = country_r and is_noted_l and is_noted_r"),
            "same": "country_l = country_r",
            "different, both said in the names": "is_noted_l and is_noted_r",
            "different": "ELSE",
        },
        WEBSITE: {
            "same": "domain_l = domain_r",
            "same label": "domain_label_l = domain_label_r",
            "different": "ELSE",
        },
    }
    unknown = {
        NAME: "record_l is null or record_r is null",
        COUNTRY: "country_l is null or country_r is null",
        WEBSITE: "domain_l is null or domain_r is null",
    }
    comparisons = []
    for comparison in (NAME, COUNTRY, WEBSITE):
        levels = rules.of(relation, comparison)
        settings: list[dict[str, Any]] = [
            {
                "sql_condition": unknown[comparison],
                "label_for_charts": "unknown",
                "is_null_level": True,
            }
        ]
        for place, level in enumerate(levels):
            if comparison == NAME:
                is_last = place == len(levels) - 1
                condition = "ELSE" if is_last else f"{function}(record_l, record_r) = {place}"
            else:
                condition = conditions[comparison][level.level]
            settings.append(
                {
                    "sql_condition": condition,
                    "label_for_charts": level.level,
                    "m_probability": level.m_share,
                    "u_probability": level.u_share,
                }
            )
        comparisons.append({"output_column_name": comparison, "comparison_levels": settings})
    return comparisons


def levels_from_rows(rows: Iterable[Mapping[str, str]]) -> tuple[Level, ...]:
    """The levels from the rows of the seed. Raises ValueError for a row that does not read."""
    levels = []
    for row in rows:
        where = f"match_levels, {row['relation']} {row['comparison']} {row['level']}"
        if row["relation"] not in (DUPLICATE, PARENT):
            raise ValueError(f"{where}: relation must be {DUPLICATE} or {PARENT}")
        try:
            levels.append(
                Level(
                    row["relation"],
                    row["comparison"],
                    row["level"],
                    float(row["min_bits"]) if row["min_bits"] else None,
                    float(row["m_share"]),
                    float(row["u_share"]),
                )
            )
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
    return tuple(levels)
