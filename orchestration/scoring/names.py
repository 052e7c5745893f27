"""Reads a company name: which words carry it, which are its legal form, which say where.

What belongs here: turning the text of one name into words with classes, and how much a word tells.
What does not: comparing two names (matching.py). The word lists are seeds: `legal_forms`,
`country_names`, `name_words`, `name_abbreviations` in seeds/identity.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

GLUE, STRUCTURE, DESCRIPTOR, TRADE, INDUSTRY, UNIT, PLACE, HOUSE, BRAND = (
    "glue",
    "structure",
    "descriptor",
    "trade",
    "industry",
    "unit",
    "place",
    "house",
    "brand",
)
NUMBER, LETTER, LEGAL, OWN = "number", "letter", "legal", "own"
"""Classes of words; `own` is a word on no list, which is what tells companies apart.

A descriptor says what kind of maker a company is and is changed for another at will
(Biosciences, Therapeutics); a trade says what it deals in (Logistics, Foods) and is not. A number
may be written in digits, in words, as a Roman numeral or as a code (B2); a letter stands alone.
"""

SPECIAL_LETTERS = str.maketrans(
    {
        "ß": "ss",
        "ø": "o",
        "æ": "ae",
        "œ": "oe",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ı": "i",
        "ə": "a",
        "’": "'",
        "‘": "'",
        "`": "'",
        "´": "'",
        "＆": "&",
        "·": " ",
        "・": " ",
    }
)
# Letter by letter, roughly as passports do (ICAO 9303): enough for a name to meet its Latin self.
CYRILLIC = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґў",
        (
            "a b v g d e e zh z i i k l m n o p r s t u f kh ts ch sh shch - y - e yu ya i i e g u"
        ).split(),
        strict=True,
    )
)
GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψω",
        "a v g d e z i th i k l m n x o p r s s t y f ch ps o".split(),
        strict=True,
    )
)
TRANSLITERATION = str.maketrans(
    {letter: latin.replace("-", "") for letter, latin in {**CYRILLIC, **GREEK}.items()}
)

BRACKETS = re.compile(r"[(\[{]([^()\[\]{}]*)[)\]}]")
OTHER_NAME = re.compile(
    r"\s*(?:\b(?:d\s?/\s?b\s?/\s?a|d\.b\.a\.?|dba|doing business as|trading as|t/a|"
    r"a/k/a|a\.k\.a\.?|aka|also known as|f/k/a|f\.k\.a\.?|fka|formerly known as|formerly|"
    r"previously known as|previously|now known as|operating as|o/a)(?![\w/])[\s.:,]*)"
)
INITIALS = re.compile(r"\b(?:[^\W\d_]\.){2,}(?:[^\W\d_]\b)?")
LEADING_INITIAL = re.compile(r"\b([^\W\d_])\.(?=[^\W\d_]{2})")
SLASHED = re.compile(r"\b([a-z])\s?/\s?([a-z])\b")
JOINED_AND = re.compile(r"\b(\w{1,2})(?:\s?&\s?| and )(\w{1,2})\b")
"""AT&T, AT and T, B & Q: initials with a word between them."""
BRITISH = re.compile(r"isation(s?)$")
ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)?")
ROMAN = re.compile(r"x{0,3}(?:ix|iv|v?i{0,3})")
"""Roman numerals up to 39: larger ones are words oftener than numbers (MD, DC, LI)."""
ROMAN_DIGITS = {"i": 1, "v": 5, "x": 10}
CODE = re.compile(r"[a-z]\d+|\d+[a-z]")
CAPITAL = re.compile(r"(?<![\w.&'/-])[A-Z](?![\w.&'/-])")
WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Word:
    """A word of a list: its class and how many of 10,000 companies carry it."""

    word_class: str
    companies_per_10000: float


@dataclass(frozen=True)
class NameRules:
    """The word lists. Forms are tuples of folded words; countries map to ISO 3166 codes."""

    legal_any: frozenset[tuple[str, ...]]
    legal_end: frozenset[tuple[str, ...]]
    legal_start: frozenset[tuple[str, ...]]
    legal_scripts: tuple[str, ...]
    countries: Mapping[tuple[str, ...], str]
    countries_in_names: Mapping[tuple[str, ...], str]
    words: Mapping[str, Word]
    abbreviations: Mapping[str, str]


@dataclass(frozen=True)
class Token:
    """A word of a name: as it stands (folded), as it counts, and its class."""

    raw: str
    word: str
    word_class: str


@dataclass(frozen=True)
class Name:
    """A name as read.

    tokens: the words that carry it, without legal form and glue. compact: those words as one
    string. initials: the strings its words could be abbreviated to. country: ISO code said in
    brackets or, last, in the words. is_country_noted: said in brackets, which is a note and no part
    of the name. alternates: other names said with it (d/b/a, formerly, brackets).
    """

    text: str
    tokens: tuple[Token, ...]
    compact: str
    initials: frozenset[str] = frozenset()
    country: str | None = None
    is_country_noted: bool = False
    alternates: tuple[Name, ...] = field(default=())

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(token.word for token in self.tokens)


def fold(text: str) -> str:
    """Lower case, Latin letters, no accents; other scripts stay as they are."""
    text = unicodedata.normalize("NFKC", text).casefold().translate(SPECIAL_LETTERS)
    text = text.translate(TRANSLITERATION)
    text = unicodedata.normalize("NFKD", text)
    text = "".join(letter for letter in text if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", text)


def one_spelling(word: str) -> str:
    """Organisation is organization."""
    return BRITISH.sub(r"ization\1", word)


def split_words(text: str) -> list[str]:
    """Words of folded text: dotted initials and lone letters become one word."""
    text = INITIALS.sub(lambda found: found.group().replace(".", ""), text)
    text = LEADING_INITIAL.sub(r"\1", text)
    text = SLASHED.sub(r"\1\2", text)
    text = JOINED_AND.sub(r"\1\2", text).replace("&", " and ").replace("'", "")
    words: list[str] = []
    lone = False
    for word in map(one_spelling, WORD.findall(text)):
        is_lone = len(word) == 1 and word.isalpha() and word.isascii()
        if is_lone and lone:
            words[-1] += word
        else:
            words.append(word)
        lone = is_lone
    return words


def read_name(text: str, rules: NameRules) -> Name:
    """Reads a name; never fails, an empty text gives a name without tokens."""
    folded = fold(text).replace(",", " , ")
    for script_form in rules.legal_scripts:
        folded = folded.replace(script_form, " ")
    country: str | None = None
    others: list[str] = []

    def bracket(found: re.Match[str]) -> str:
        nonlocal country
        content = found.group(1).strip()
        words = tuple(split_words(content))
        if not words or (len(words) == 1 and len(words[0]) == 1):
            return " "
        for size in range(len(words), 0, -1):
            # "(Germany)", "(Beijing, China)"
            if words[-size:] in rules.countries and (size == len(words) or "," in content):
                country = country or rules.countries[words[-size:]]
                return f" {' '.join(words[:-size])} "
        # "(Suzhou)", "(Holdings)" are words of the name; "(IRISYS)" is another name.
        known = (rules.words.get(rules.abbreviations.get(word, word)) for word in words)
        is_form = words in rules.legal_any or words in rules.legal_end
        if is_form or all(
            word is not None and word.word_class not in (BRAND, HOUSE) for word in known
        ):
            return f" {content} "
        others.append(OTHER_NAME.sub(" ", f" {content}").strip() or content)
        return " "

    while BRACKETS.search(folded):
        folded = BRACKETS.sub(bracket, folded)
    first, *more = OTHER_NAME.split(folded)
    others += more
    if not first.strip(" ,.-") and others:
        first, others = others[0], others[1:]
    name = _read_words(text, first, rules, country)
    alternates = tuple(
        other
        for other in (_read_words(text, other, rules, country) for other in others)
        if other.tokens and other.words != name.words
    )
    return Name(
        name.text,
        name.tokens,
        name.compact,
        name.initials,
        name.country,
        name.is_country_noted,
        alternates,
    )


def number(raw: str, *, is_last: bool) -> str | None:
    """The number that a folded word after the first is, in digits; None where it is none.

    A lone i, v or x is one where it ends the name (Fund V); before that it is a letter.
    """
    ordinal = ORDINAL.fullmatch(raw)
    if ordinal:
        return ordinal.group(1).lstrip("0") or "0"
    if ROMAN.fullmatch(raw) and (len(raw) > 1 or is_last):
        values = [ROMAN_DIGITS[letter] for letter in raw]
        following = [*values[1:], 0]
        return str(
            sum(-one if one < after else one for one, after in zip(values, following, strict=True))
        )
    return raw if CODE.fullmatch(raw) else None


def _read_words(text: str, folded: str, rules: NameRules, noted_country: str | None) -> Name:
    words = split_words(folded)
    core, legal = _without_legal_forms(words, rules)
    # "Quay E Partners" has a letter of its own, "Silva e Souza" an and.
    capitals = set() if text.isupper() else {found.casefold() for found in CAPITAL.findall(text)}
    country = noted_country
    tokens: list[Token] = []
    position = 0
    while position < len(core):
        size, code = _country_at(core, position, rules)
        # A country that opens a name is part of it ("China Steel"); later it says where.
        if code is not None:
            place = " ".join(core[position : position + size])
            if position > 0 and (position > 1 or not _is_glue(core[0], rules)):
                tokens.append(Token(place, f"={code}", PLACE))
                country = country or code
            else:
                tokens.append(Token(place, place, PLACE))
            position += size
            continue
        raw = core[position]
        word = canonical(raw, rules)
        known = rules.words.get(word)
        word_class = known.word_class if known else OWN
        is_last = position == len(core) - 1
        is_alone = position > 0 and len(raw) == 1 and "a" <= raw <= "z"
        digits = number(word, is_last=is_last) if position > 0 or word[0].isdigit() else None
        if digits and (known is None or is_alone):
            word, word_class = digits, NUMBER
        elif position > 0 and word == "one":
            word, word_class = "1", NUMBER
        elif is_alone and (known is None or is_last or raw in capitals):
            word_class = LETTER
        elif not known and len(raw) > 3 and (raw,) in rules.countries:
            word_class = PLACE  # "Austrian", "Portuguesa"
        if position == 0 and len(raw) <= 2 and (raw,) in rules.legal_start and len(core) > 1:
            word_class = LEGAL
        tokens.append(Token(raw, word, word_class))
        position += 1
    carrying = [
        token
        for index, token in enumerate(tokens)
        if token.word_class != GLUE or (index == 0 and len(token.raw) == 1 and len(tokens) > 1)
    ]
    kept = tuple(carrying or tokens)
    spelled = [token for token in kept if not token.word.startswith("=")] or list(kept)
    return Name(
        text=text,
        tokens=kept,
        compact="".join(token.raw for token in spelled).replace(" ", ""),
        initials=_initials(core, legal, rules) | _humps(text),
        country=country,
        is_country_noted=noted_country is not None,
    )


MAX_LETTERS_OF_NO_PLURAL = 4
"""In so few letters the s is part of a name as often as not."""


def canonical(raw: str, rules: NameRules) -> str:
    """The word that a form stands for: abbreviations, translations and plurals of listed words."""
    if raw in rules.abbreviations:
        return rules.abbreviations[raw]
    singular = rules.words.get(raw[:-1])
    if raw.endswith("s") and singular and raw not in rules.words and singular.word_class != GLUE:
        # What names a company is no plural in so few letters: Neos is not Neo.
        is_name = singular.word_class in (BRAND, HOUSE) and len(raw) <= MAX_LETTERS_OF_NO_PLURAL
        return raw if is_name else raw[:-1]
    return raw


def _without_legal_forms(words: list[str], rules: NameRules) -> tuple[list[str], list[str]]:
    """The words without legal forms, and the words of the forms. Never leaves nothing."""
    core, legal = list(words), []
    longest = 6
    position = 1
    while position < len(core):
        for size in range(min(longest, len(core) - position), 0, -1):
            if tuple(core[position : position + size]) in rules.legal_any:
                legal += core[position : position + size]
                del core[position : position + size]
                break
        else:
            position += 1
    found = True
    while found and len(core) > 1:
        found = False
        for size in range(min(longest, len(core) - 1), 0, -1):
            if all(_is_glue(word, rules) for word in core[:-size]):
                continue
            if tuple(core[-size:]) in rules.legal_end or tuple(core[-size:]) in rules.legal_any:
                legal = core[-size:] + legal
                del core[-size:]
                found = True
                break
        # "Dupont et Cie"; what no form followed joins nothing (Pier E).
        is_left = legal or len(core[-1]) > 1
        if not found and len(core) > 1 and is_left and core[-1] in JOINING:
            del core[-1]
            found = True
    if len(core) > 1:
        for size in range(min(longest, len(core) - 1), 0, -1):
            form = tuple(core[:size])
            # Of "Société Générale" the form is half the name: one common word would be left.
            is_start = form in rules.legal_start and len("".join(form)) > 2
            is_start = is_start and (len(core) - size > 1 or not _is_listed(core[-1], rules))
            if form in rules.legal_any or is_start:
                legal += core[:size]
                del core[:size]
                break
    return core, legal


def _country_at(words: list[str], position: int, rules: NameRules) -> tuple[int, str | None]:
    for size in (3, 2, 1):
        if position + size <= len(words):
            code = rules.countries_in_names.get(tuple(words[position : position + size]))
            if code is not None:
                return size, code
    return 0, None


def _initials(core: list[str], legal: list[str], rules: NameRules) -> frozenset[str]:
    """What the words could be abbreviated to: with and without glue and a spoken legal form."""
    if len(core) < 2:
        return frozenset()
    bare = [word for word in core if not _is_glue(word, rules)]
    spoken = [word for word in legal if len(word) > 3][:1]
    chains = (core, bare, core + spoken, bare + spoken)
    return frozenset("".join(word[0] for word in chain) for chain in chains if 2 <= len(chain) <= 8)


def _humps(text: str) -> frozenset[str]:
    """Capitals of one word written with humps: GlaxoSmithKline can be GSK."""
    words = text.split()
    capitals = "".join(letter for letter in words[0] if letter.isupper()) if words else ""
    # A hump begins a word, so there are two letters to each and more: WSP is not short for WiSP.
    is_long = 3 <= len(capitals) <= 5 and len(words[0]) >= 2 * len(capitals)
    is_humped = is_long and words[0].isalpha()
    return frozenset({capitals.casefold()}) if is_humped else frozenset()


JOINING = frozenset({"and", "et", "y", "e", "und", "the", "og"})


def _is_listed(word: str, rules: NameRules) -> bool:
    return canonical(word, rules) in rules.words


def _is_glue(word: str, rules: NameRules) -> bool:
    known = rules.words.get(word)
    return known is not None and known.word_class == GLUE


def rules_from_rows(
    legal_forms: Iterable[Mapping[str, str]],
    country_names: Iterable[Mapping[str, str]],
    name_words: Iterable[Mapping[str, str]],
    name_abbreviations: Iterable[Mapping[str, str]],
) -> NameRules:
    """The rules from the rows of the four seeds. Raises ValueError for a row that does not read."""
    forms: dict[str, set[tuple[str, ...]]] = {"any": set(), "end": set(), "start": set()}
    scripts: list[str] = []
    for row in legal_forms:
        if row["position"] not in forms:
            raise ValueError(f"legal_forms, {row['form']}: position must be any, end or start")
        folded = fold(row["form"])
        if not folded.isascii() or not folded[0].isalnum():
            scripts.append(folded)
        else:
            forms[row["position"]].add(tuple(folded.split()))
    countries: dict[tuple[str, ...], str] = {}
    safe: dict[tuple[str, ...], str] = {}
    for row in country_names:
        words = tuple(split_words(fold(row["country_name"])))
        countries[words] = row["country_code"]
        if row["is_safe_in_names"].lower() == "true":
            safe[words] = row["country_code"]
    words_by_name = {}
    for row in name_words:
        share = float(row["companies_per_10000"])
        if not 0 < share < 10_000:
            raise ValueError(f"name_words, {row['word']}: companies_per_10000 must be above 0")
        words_by_name[one_spelling(row["word"])] = Word(row["word_class"], share)
    return NameRules(
        legal_any=frozenset(forms["any"]),
        legal_end=frozenset(forms["end"]),
        legal_start=frozenset(forms["start"]),
        legal_scripts=tuple(sorted(scripts, key=lambda form: (-len(form), form))),
        countries=countries,
        countries_in_names=safe,
        words=words_by_name,
        abbreviations={
            one_spelling(row["form"]): one_spelling(row["word"]) for row in name_abbreviations
        },
    )
