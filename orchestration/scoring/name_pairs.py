"""Compares two company names: which words agree and how, which are left over, and what that tells.

What belongs here: aligning the words of two names and counting features of the alignment. What does
not: reading a name (names.py), probabilities and everything but names (matching.py).

The weight of a feature is how many bits (log2 of the odds) it adds to "these are names of one
company"; the weights are the seed `match_weights`, fitted as a logistic regression on labelled
pairs. A word that agrees counts by how rare it is, -log2 of the share of companies that carry it:
the weight that the Fellegi-Sunter model gives to agreement on a value (Winkler 1989, "Frequency-
based matching in Fellegi-Sunter model of record linkage").
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz.distance import OSA

from orchestration.scoring.names import (
    BRAND,
    DESCRIPTOR,
    GLUE,
    HOUSE,
    INDUSTRY,
    LEGAL,
    LETTER,
    NUMBER,
    OWN,
    PLACE,
    STRUCTURE,
    TRADE,
    UNIT,
    Name,
    NameRules,
    Token,
)

NAMING = frozenset({OWN, BRAND, HOUSE})
"""Classes of words that name a company, beside those that describe it."""
CLASSES = (
    OWN,
    BRAND,
    HOUSE,
    DESCRIPTOR,
    TRADE,
    INDUSTRY,
    UNIT,
    STRUCTURE,
    PLACE,
    NUMBER,
    LETTER,
    LEGAL,
)
DESCRIBING = frozenset({DESCRIPTOR, STRUCTURE})
"""What a company leaves out or replaces when it names itself anew."""
STRONG = NAMING | {UNIT, INDUSTRY, NUMBER, LETTER}
"""Left over, these often name another company."""
COUNTING = frozenset({NUMBER, LETTER})
"""What tells the members of a series apart: Fund II, Fund III; Pier A, Pier B."""
DEALING = frozenset({TRADE, INDUSTRY, UNIT})
"""What a company does or deals in: where it differs, it is another company's."""
DOING = DESCRIBING | DEALING | {PLACE, LEGAL}

FEATURES = (
    "constant",
    "naming_word_bits",
    "describing_word_bits",
    "naming_words",
    "joined_bits",
    "acronym_bits",
    "variant_words",
    "typo_words",
    "short_typo_words",
    "begins_alike_words",
    "only_doubtful_words",
    "nothing_left",
    *(f"one_side_{word_class}" for word_class in CLASSES),
    *(f"both_sides_{word_class}" for word_class in CLASSES),
    "both_sides_left",
    "many_left",
    "first_word_left",
    "first_naming_word_left",
    "numbers_differ",
    "places_differ",
    "other_trade",
    "house_unit",
    "house_many_left",
    "other_descriptor",
    "house_other_descriptor",
    "common_word_both_sides",
    "common_word_one_side",
    "both_sides_telling",
)

ACRONYM_LETTER_BITS = 3.5
"""Initials are no even draw of 26 letters: the entropy of first letters of English words."""
MAX_NAMING_BITS = 18.0
"""One company in 260,000: rarer agreement tells no more, for the words of a name go together."""
SHARE_BY_LENGTH = {1: 0.02, 2: 2e-3, 3: 6e-4, 4: 2e-4, 5: 1e-4}
SHARE_OF_LONG_WORDS = 4e-5
SHARE_OF_NUMBERS = 2e-3
SHARE_OF_COUNTRIES = 1e-2
PRIOR_COMPANIES = 5_000
"""How many companies the word lists stand for beside the accounts at hand."""

# Spellings of one sound, for transliterated and adapted names (Mueller, Müller).
SOUNDS = (
    ("ae", "a"),
    ("oe", "o"),
    ("ue", "u"),
    ("ou", "u"),
    ("oo", "o"),
    ("ph", "f"),
    ("ck", "k"),
    ("th", "t"),
    ("sh", "s"),
    ("tz", "z"),
    ("ts", "z"),
    ("kh", "h"),
    ("y", "i"),
    ("w", "v"),
    ("c", "k"),
    ("q", "k"),
    ("x", "ks"),
    ("j", "i"),
)
DOUBLED = re.compile(r"(.)\1+")
DIGITS = re.compile(r"\d+")
MIN_SOUND_LETTERS = 3
"""Words whose sounds are fewer letters are alike by chance: kkkk and qqqq both sound k."""
# The compass in the languages that names mostly are in, a spelling before those it begins with;
# other words begin with these (northern, Norddeutsche, Westgate).
COMPASS = (
    ("north", "n"),
    ("norte", "n"),
    ("nord", "n"),
    ("south", "s"),
    ("sued", "s"),
    ("sud", "s"),
    ("sur", "s"),
    ("east", "e"),
    ("este", "e"),
    ("ost", "e"),
    ("est", "e"),
    ("ouest", "w"),
    ("oeste", "w"),
    ("west", "w"),
)


@dataclass(frozen=True)
class Agreement:
    """Words that say the same on both sides. kind: same, joined, acronym, variant, typo,
    short_typo, begins_alike. bits: how rare the agreement is."""

    kind: str
    bits: float
    left: tuple[Token, ...]
    right: tuple[Token, ...]


@dataclass(frozen=True)
class Alignment:
    """Two names side by side: what agrees, and what stands on one side only."""

    agreements: tuple[Agreement, ...]
    left_only: tuple[Token, ...]
    right_only: tuple[Token, ...]


@dataclass(frozen=True)
class NameEvidence:
    """What two names tell of being one company. bits: log2 odds, without any prior."""

    bits: float
    alignment: Alignment
    left: Name
    right: Name


class Rarity:
    """How rare a word is among companies: the word lists, blended with the accounts at hand."""

    def __init__(self, rules: NameRules, names: Iterable[Name] = ()) -> None:
        self._rules = rules
        self._companies = 0
        self._carrying: Counter[str] = Counter()
        self._known: dict[Token, float] = {}
        self.short_forms: defaultdict[str, list[str]] = defaultdict(list)
        for form, word in rules.abbreviations.items():
            if 2 <= len(form) < len(word):
                self.short_forms[word].append(form)
        for name in names:
            self._companies += 1
            self._carrying.update(set(name.words))

    def bits(self, token: Token) -> float:
        """-log2 of the share of other companies that carry the word."""
        known = self._known.get(token)
        if known is None:
            # The two names that are compared carry it themselves.
            others = max(0, self._carrying[token.word] - 2)
            share = others + PRIOR_COMPANIES * _listed_share(token, self._rules)
            known = -math.log2(share / (self._companies + PRIOR_COMPANIES))
            self._known[token] = known
        return known


def _listed_share(token: Token, rules: NameRules) -> float:
    listed = rules.words.get(token.word)
    if listed is not None:
        return listed.companies_per_10000 / 10_000
    if token.word.startswith("="):
        return SHARE_OF_COUNTRIES
    if token.word_class == NUMBER:
        return SHARE_OF_NUMBERS
    # A sign of a script without spaces says about as much as two letters.
    length = len(token.raw) if token.raw.isascii() else 2 * len(token.raw)
    return SHARE_BY_LENGTH.get(length, SHARE_OF_LONG_WORDS)


def compare_names(
    left: Name, right: Name, rarity: Rarity, weights: Mapping[str, float]
) -> NameEvidence:
    """The evidence of the two names, or of the other names said with them, whichever is most."""
    best: NameEvidence | None = None
    for one in (left, *left.alternates):
        for other in (right, *right.alternates):
            alignment = align(one, other, rarity)
            bits = weigh(count_features(one, other, alignment), weights)
            if best is None or bits > best.bits:
                best = NameEvidence(bits, alignment, one, other)
    assert best is not None
    return best


def weigh(features: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Sum of the weights of the features, in the order of FEATURES."""
    return sum(features[name] * weights[name] for name in FEATURES if features.get(name))


def align(left: Name, right: Name, rarity: Rarity) -> Alignment:
    """Aligns the words of two names, surest agreements first. Symmetric in its two names."""
    if (right.compact, right.words) < (left.compact, left.words):
        turned = align(right, left, rarity)
        return Alignment(
            tuple(Agreement(a.kind, a.bits, a.right, a.left) for a in turned.agreements),
            turned.right_only,
            turned.left_only,
        )
    found: list[Agreement] = []
    ours, theirs = list(left.tokens), list(right.tokens)
    if left.compact and left.compact == right.compact and left.words != right.words:
        found.append(_whole(ours, theirs, rarity))
        ours = [token for token in ours if token.word.startswith("=")]
        theirs = [token for token in theirs if token.word.startswith("=")]
    _take_same(ours, theirs, found, rarity)
    _take_joined(ours, theirs, found, rarity, turned=False)
    _take_joined(theirs, ours, found, rarity, turned=True)
    _take_acronym(ours, theirs, right, found, turned=False)
    _take_acronym(theirs, ours, left, found, turned=True)
    _take_contraction(ours, theirs, found, rarity, turned=False)
    _take_contraction(theirs, ours, found, rarity, turned=True)
    _take_alike(ours, theirs, found, rarity)
    # "Virbac New Zealand" is "Virbac (New Zealand)".
    if right.is_country_noted and not theirs:
        ours = [token for token in ours if token.word != f"={right.country}"]
    if left.is_country_noted and not ours:
        theirs = [token for token in theirs if token.word != f"={left.country}"]
    return Alignment(tuple(found), tuple(ours), tuple(theirs))


def _whole(ours: list[Token], theirs: list[Token], rarity: Rarity) -> Agreement:
    left = tuple(token for token in ours if not token.word.startswith("="))
    right = tuple(token for token in theirs if not token.word.startswith("="))
    bits = min(sum(map(rarity.bits, left)), sum(map(rarity.bits, right)))
    return Agreement("joined", bits, left, right)


def _take_same(
    ours: list[Token], theirs: list[Token], found: list[Agreement], rarity: Rarity
) -> None:
    left = list(ours)
    ours.clear()
    for token in left:
        for place, other in enumerate(theirs):
            if other.word == token.word:
                found.append(Agreement("same", rarity.bits(token), (token,), (other,)))
                del theirs[place]
                break
        else:
            ours.append(token)


def _take_joined(
    split: list[Token],
    whole: list[Token],
    found: list[Agreement],
    rarity: Rarity,
    *,
    turned: bool,
) -> None:
    """Neighbouring words of one name that are one word of the other (Deep Blue, DeepBlue)."""
    size = 2
    while size <= 4:
        for start in range(len(split) - size + 1):
            part = tuple(split[start : start + size])
            other = next((token for token in whole if _is_joined(part, token.raw)), None)
            if other is None:
                continue
            bits = min(sum(map(rarity.bits, part)), rarity.bits(other) + 3)
            # "Health Care" and "Healthcare" only describe: that they agree names nobody.
            is_naming = any(token.word_class in NAMING for token in (*part, other))
            pair = ((other,), part) if turned else (part, (other,))
            found.append(Agreement("joined" if is_naming else "same", bits, *pair))
            del split[start : start + size]
            whole.remove(other)
            size = 1
            break
        size += 1


def _is_joined(part: tuple[Token, ...], text: str) -> bool:
    """Whether the words joined are the text, the last of them perhaps cut short (LigaChemBio)."""
    if len(text) < MIN_JOINED_LETTERS:
        return False
    if "".join(token.raw for token in part) == text:
        return True
    begin = "".join(token.raw for token in part[:-1])
    rest = text.removeprefix(begin)
    is_cut = len(begin) >= MIN_JOINED_LETTERS and len(rest) >= 3 and text.startswith(begin)
    return is_cut and part[-1].raw.startswith(rest)


MIN_JOINED_LETTERS = 4


def _take_acronym(
    short: list[Token],
    long: list[Token],
    long_name: Name,
    found: list[Agreement],
    *,
    turned: bool,
) -> None:
    """A word that is the initials of the other name, or of all that is left of it.

    A country at the end may stand beside the initials (MSD Peru, Merck Sharp & Dohme Peru). Two
    letters are initials only beside another agreement.
    """
    if not long:
        return
    spelled = [token for token in long if not token.word.startswith("=")]
    rest = "".join(token.raw[0] for token in spelled)
    for token in short:
        is_word = token.raw.isalpha() and token.raw.isascii() and token.word_class in SPELLED
        if not is_word or not 2 <= len(token.raw) <= 7:
            continue
        is_whole = token.raw in long_name.initials
        if is_whole or (token.raw == rest and (len(rest) > 2 or found)):
            taken = spelled if token.raw == rest else list(long)
            bits = ACRONYM_LETTER_BITS * len(token.raw)
            pair = (tuple(taken), (token,)) if turned else ((token,), tuple(taken))
            found.append(Agreement("acronym", bits, *pair))
            short.remove(token)
            for used in taken:
                long.remove(used)
            return


SPELLED = NAMING | {GLUE}


def _take_contraction(
    short: list[Token],
    long: list[Token],
    found: list[Agreement],
    rarity: Rarity,
    *,
    turned: bool,
) -> None:
    """A word made of the beginnings or short forms of the other name's words (ComEd, InfexTx)."""
    for token in short:
        if len(token.raw) < MIN_CONTRACTION_LETTERS or token.word_class not in UNLISTED:
            continue
        for size in (2, 3, 4):
            part = tuple(long[:size])
            saved = sum(len(word.raw) for word in part) - len(token.raw)
            if len(part) < size or saved < MIN_LETTERS_SAVED:
                continue
            if not _is_contraction(token.raw, part, rarity):
                continue
            # Where each word is cut is free, which costs about a letter a word.
            bits = ACRONYM_LETTER_BITS * (len(token.raw) - size)
            pair = (part, (token,)) if turned else ((token,), part)
            found.append(Agreement("acronym", bits, *pair))
            short.remove(token)
            del long[:size]
            return


MIN_CONTRACTION_LETTERS = 5
"""ComEd, FedEx: in four letters the beginnings of two words meet by chance."""


VOWELS = re.compile("[aeiouy]+")

MIN_LETTERS_SAVED = 4
"""A contraction is made to be short: Allstate is none of Ally State."""


def _is_contraction(text: str, part: tuple[Token, ...], rarity: Rarity) -> bool:
    """Whether the text is two letters and more of the beginning of each word, or a short form."""
    if not part or not text:
        return not part and not text
    raw = part[0].raw
    begins = [raw[:size] for size in range(2, min(len(raw), len(text)) + 1)]
    if len(part) == 1:
        # FedEx ends on a syllable of Express; Centene would end on two and a half of Energy.
        begins = [begin for begin in begins if begin == raw or len(VOWELS.findall(begin)) < 2]
    return any(
        text.startswith(begin) and _is_contraction(text[len(begin) :], part[1:], rarity)
        for begin in (*begins, *rarity.short_forms.get(part[0].word, ()))
    )


def _take_alike(
    ours: list[Token], theirs: list[Token], found: list[Agreement], rarity: Rarity
) -> None:
    """Words that differ by spelling. Two listed words are two words, however near."""
    left = list(ours)
    ours.clear()
    for token in left:
        best: tuple[int, int] | None = None
        for place, other in enumerate(theirs):
            if token.word_class not in UNLISTED and other.word_class not in UNLISTED:
                continue
            kind = likeness(token.raw, other.raw)
            if kind == "begins_alike" and not _is_shortened(token, other):
                kind = None
            if kind and (best is None or ALIKE.index(kind) < best[0]):
                best = (ALIKE.index(kind), place)
        if best is None:
            ours.append(token)
        else:
            other = theirs.pop(best[1])
            bits = min(rarity.bits(token), rarity.bits(other))
            found.append(Agreement(ALIKE[best[0]], bits, (token,), (other,)))


def _is_shortened(one: Token, other: Token) -> bool:
    """Whether a beginning is a shortening: of a listed word, or of six letters and more."""
    short, long = sorted((one, other), key=lambda token: len(token.raw))
    if short.word_class not in UNLISTED:
        return False
    return long.word_class not in UNLISTED or len(short.raw) >= 6


UNLISTED = frozenset({OWN, HOUSE})
ALIKE = ("variant", "typo", "short_typo", "begins_alike")


@lru_cache(maxsize=200_000)
def likeness(one: str, other: str) -> str | None:
    """How two folded words are alike, one of ALIKE, or None. Symmetric.

    typo: one edit (letter changed, left out, put in, or two swapped) in seven letters or more, two
    in nine or more; short_typo: one edit in five or six letters, which is as often another word.
    The first letter is seldom a slip (Pollock and Zamora 1984, "Automatic spelling correction in
    scientific and scholarly text"), and as often another name: Genomics, qGenomics.
    """
    short, long = sorted((one, other), key=lambda word: (len(word), word))
    if short.isdigit() or long.isdigit() or " " in long or " " in short or len(short) < 4:
        return None
    if DIGITS.findall(short) != DIGITS.findall(long) or are_opposed(short, long):
        return None
    if long in (short + "s", short + "es"):
        return "variant"
    if len(long) - len(short) <= 3 and sounds(short) == sounds(long):
        return "variant" if len(sounds(short)) >= MIN_SOUND_LETTERS else None
    if len(short) >= 5 and len(long) - len(short) <= 2 and short[0] == long[0]:
        edits = OSA.distance(short, long, score_cutoff=2)
        if edits == 1:
            return "typo" if len(short) >= 7 else "short_typo"
        if edits == 2 and len(short) >= 9:
            return "typo"
    return "begins_alike" if long.startswith(short) else None


@lru_cache(maxsize=100_000)
def sounds(word: str) -> str:
    """The word with spellings of one sound made one, and doubled letters single."""
    for spelling, sound in SOUNDS:
        word = word.replace(spelling, sound)
    return DOUBLED.sub(r"\1", word)


def are_opposed(one: str, other: str) -> bool:
    """Whether two folded words differ in the compass only (East, West; Northgate, Southgate)."""
    (side, rest), (other_side, other_rest) = _direction(one), _direction(other)
    if not side or not other_side:
        return False
    if side == other_side:
        return are_opposed(rest, other_rest)
    return rest == other_rest


@lru_cache(maxsize=100_000)
def _direction(word: str) -> tuple[str, str]:
    """The direction that a word begins with, empty for none, and what follows it."""
    for spelling, side in COMPASS:
        if word.startswith(spelling):
            return side, word[len(spelling) :]
    return "", word


def series_differ(alignment: Alignment) -> bool:
    """Whether each name has a number or lone letter that the other lacks."""
    return all(
        any(token.word_class in COUNTING for token in side)
        for side in (alignment.left_only, alignment.right_only)
    )


def places_differ(alignment: Alignment) -> bool:
    """Whether each name has a place that the other lacks, or they differ in the compass.

    Countries are left to the field of countries, which both names and accounts tell.
    """
    left, right = (
        [token for token in side if not token.word.startswith("=")]
        for side in (alignment.left_only, alignment.right_only)
    )
    is_place = all(any(token.word_class == PLACE for token in side) for side in (left, right))
    if is_place:
        return True
    # Few words begin with a direction, and all pairs of accounts come by here.
    left, right = ([token for token in side if _direction(token.raw)[0]] for side in (left, right))
    return any(are_opposed(one.raw, other.raw) for one in left for other in right)


def count_features(left: Name, right: Name, alignment: Alignment) -> dict[str, float]:
    """Features of an alignment, by the names of FEATURES; what is missing is 0."""
    features: defaultdict[str, float] = defaultdict(float)
    features["constant"] = 1
    shared: list[Token] = []
    doubtful = sure = 0
    for agreement in alignment.agreements:
        is_naming = False
        if agreement.kind == "same":
            is_naming = agreement.left[0].word_class in NAMING
            which = "naming_word_bits" if is_naming else "describing_word_bits"
            features[which] += agreement.bits
        elif agreement.kind == "joined":
            features["joined_bits"] += min(agreement.bits, MAX_NAMING_BITS)
        elif agreement.kind == "acronym":
            features["acronym_bits"] += agreement.bits
        else:
            features[f"{agreement.kind}_words"] += 1
        if agreement.kind in ("short_typo", "begins_alike"):
            doubtful += 1
        elif agreement.kind != "same" or is_naming:
            sure += 1
        shared += (
            token
            for token in max(agreement.left, agreement.right, key=len)
            if token.word_class in NAMING
        )
    features["naming_word_bits"] = min(features["naming_word_bits"], MAX_NAMING_BITS)
    features["naming_words"] = min(3, len(shared))
    features["only_doubtful_words"] = doubtful > 0 and sure == 0
    left_over = alignment.left_only + alignment.right_only
    is_both = bool(alignment.left_only and alignment.right_only)
    is_one = bool(left_over) and not is_both
    side = "both_sides" if is_both else "one_side"
    for token in left_over:
        features[f"{side}_{token.word_class if token.word_class in CLASSES else OWN}"] += 1
    features["nothing_left"] = not left_over
    features["both_sides_left"] = is_both
    features["many_left"] = is_one and len(left_over) > 2
    features["numbers_differ"] = series_differ(alignment)
    features["places_differ"] = places_differ(alignment)
    features["first_naming_word_left"] = (
        naming_word(left) in alignment.left_only or naming_word(right) in alignment.right_only
    )
    features["both_sides_telling"] = all(
        any(token.word_class in STRONG for token in tokens)
        for tokens in (alignment.left_only, alignment.right_only)
    )
    has_house = any(token.word_class == HOUSE for token in shared)
    if shared and left_over and all(token.word_class in (BRAND, HOUSE) for token in shared):
        is_common = is_both or (len(shared) == 1 and not has_house)
        features[f"common_word_{side}"] = is_common
    if is_both and shared and all(token.word_class in DESCRIBING for token in left_over):
        features["house_other_descriptor" if has_house else "other_descriptor"] = 1
    elif is_both and shared and all(token.word_class in DOING for token in left_over):
        # A maker that names its industry anew (Therapeutics, Genetics) is mostly the same one.
        classes = {token.word_class for token in left_over}
        features["other_trade"] = bool(classes & {TRADE, UNIT}) or (
            INDUSTRY in classes and DESCRIPTOR not in classes
        )
    if is_one:
        longer = left if alignment.left_only else right
        first = longer.tokens[0]
        features["first_word_left"] = first in left_over and first.word_class != PLACE
        is_strong = any(token.word_class in STRONG for token in left_over)
        features["house_unit"] = has_house and is_strong
        features["house_many_left"] = has_house and len(left_over) > 1
    return {name: float(value) for name, value in features.items()}


def naming_word(name: Name) -> Token | None:
    """The first word that names the company, else its first word."""
    for token in name.tokens:
        if token.word_class in NAMING:
            return token
    return name.tokens[0] if name.tokens else None
