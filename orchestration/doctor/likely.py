"""What was probably meant: which column a missing one is, how dates and numbers are written.

Names are compared by their words and letters, values by their look. Nothing is decided: a person
reads the proposal and writes it down.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import product

from orchestration.engine.warehouse import Warehouse, literal
from orchestration.landing.contract import ISO_DAY, Column, Table, contradicts, plain_name
from orchestration.landing.files import FIRST_YEAR, WRITTEN_DAY, WRITTEN_NUMBER, met
from orchestration.landing.flags import WORD
from orchestration.landing.identities import read_words

ALIKE_NAME = 0.6  # likeness of names from which on values decide
ALIKE_VALUES = 0.8  # share of the values that look like what the column holds
SURE_VALUES = 0.9  # the same where the values alone decide
ALIKE_WORDS = 0.7  # likeness of names of which one has all words of the other
NEEDED = 0.15  # by which a column without which no row can be taken goes first
CLOSE = 0.03  # two columns so close to each other are both told
MANY_FORMS = 3  # forms of dates in one export

DAYS = (
    *("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%m-%d-%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y"),
    *("%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%Y%m%d"),
)
TIMES = (
    *("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %I:%M %p"),
    *(", %I:%M:%S %p", "T%H:%M:%S"),
)
FORMS = tuple(day + time for day, time in product(DAYS, TIMES))
NOTHING = frozenset(
    ("-", "--", "---", "n/a", "#n/a", "na", "nan", "none", "nil", "null", "(null)", "?", "unknown")
    + ("(blank)", "(none)", "tbd", "not available", "not set", "(not set)")
)
"""Words that exports write for no value, in small letters."""

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+[.][A-Za-z]{2,}")
SITE = re.compile(r"(?:https?://)?(?:[\w-]+[.])+[A-Za-z]{2,}(?:[:/?#].*)?", re.I)
IP = re.compile(r"(?:\d{1,3}[.]){3}\d{1,3}|[0-9a-f:]*:[0-9a-f:]+", re.I)
DATE = re.compile(
    r"\s*(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})"
    r"|\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{2,4}|[A-Za-z]{3,9} \d{1,2},? \d{4})(?:[T ,].*)?"
)
NUMBER = re.compile(WRITTEN_NUMBER, re.I)
# Of 45.000 and 1.250K the second is no count of thousands.
WRITTEN_DIGITS = re.compile(
    r"[^0-9.,A-Za-z]*(?:[A-Z]{3} ?)?([0-9.,]+)(?: ?[A-Z]{3})?[^0-9.,A-Za-z]*"
)
CURRENCY_SIGNS = {"€": "EUR", "£": "GBP"}
CURRENCY = re.compile(r"[€£]|\b(?:EUR|GBP|CHF|SEK|NOK|DKK|PLN|INR|BRL)\b", re.I)
FEW_NUMBERS = 3  # from which it is no chance that all have three digits behind their only mark
PLAIN_NUMBER = re.compile(r"[+-]?[0-9.]+(?:E[+-]?[0-9]+)?", re.I)
TRUTH = frozenset(("true", "false", "t", "f", "yes", "no", "y", "n", "0", "1"))
ID = re.compile(r"[0-9A-Za-z_:.{}-]{1,80}")
# Words of names that are in many of them.
SAYS_LITTLE = frozenset(("c", "of", "the", "number", "is", "utc", "property", "hs"))
# Kinds of values that are told by their look alone.
DISTINCT = ("email", "host", "ip", "date", "one_of")


@dataclass(frozen=True)
class Likely:
    """A missing column and the columns of the file that it may be, the likeliest first."""

    column: str
    names: tuple[str, ...]
    by_values: bool  # the names do not resemble each other


@dataclass(frozen=True)
class Dates:
    """How dates are written.

    forms: what reads all of them, none if nothing does. rivals: other forms that read all of them,
    and some as other days. example: one that nothing reads, or that two forms read.
    """

    forms: tuple[str, ...]
    rivals: tuple[str, ...] = ()
    example: str = ""


def columns(
    table: Table, missing: Sequence[str], values: Mapping[str, Sequence[str]]
) -> list[Likely]:
    """The likely names of missing columns, none of which is given to two of them.

    values: by unknown column, as written.
    """
    wanted = [column for column in table.columns if column.name in missing and not column.is_sync]
    known = {plain_name(name) for column in table.columns for name in column.names}
    if table.mapping:
        known |= {plain_name(name) for _, names in table.mapping.columns for name in names}
    scored: list[tuple[float, float, str, str]] = []
    for column in wanted:
        kind, fits = _kind(column)
        for name, texts in values.items():
            if name.startswith("_") or plain_name(name) in known:
                continue  # a copying tool's own, or one more name of a column that is there
            alike = likeness(column, name)
            share = _share(texts, fits)
            if alike >= ALIKE_NAME and (share >= ALIKE_VALUES if texts else alike >= ALIKE_VALUES):
                scored.append((alike, share, column.name, name))
            elif kind in DISTINCT and texts and share >= SURE_VALUES and _is_needed(table, column):
                scored.append((0.0, share, column.name, name))
    needed = {column.name for column in wanted if _is_needed(table, column)}

    def rank(pair: tuple[float, float, str, str]) -> tuple[float, float, str, str]:
        alike, share, column_name, name = pair
        return -alike - (NEEDED if column_name in needed else 0), -share, column_name, name

    scored.sort(key=rank)
    found: list[Likely] = []
    given: set[str] = set()
    for alike, share, column_name, name in scored:
        if name in given or any(each.column == column_name for each in found):
            continue
        close = [
            other
            for other_alike, other_share, of_column, other in scored
            if of_column == column_name
            and other != name
            and other not in given
            and alike - other_alike <= CLOSE
            and (alike > 0 or share - other_share <= CLOSE)
        ]
        rivals = {of for of_alike, _, of, other in scored if other == name and of_alike == 0}
        if alike == 0 and (close or len(rivals) > 1):
            continue  # values alone do not say which
        found.append(Likely(column_name, (name, *close[:1]), alike == 0))
        given.add(name)
    return found


def likeness(column: Column, name: str) -> float:
    """How much a name resembles one of a column's names, 0 to 1."""
    best = 0.0
    for own in column.names:
        ratio = SequenceMatcher(None, plain_name(own), plain_name(name)).ratio()
        ours, theirs = _words(own), _words(name)
        if ours and theirs and (ours <= theirs or theirs <= ours):
            shared = len(ours & theirs) / len(ours | theirs)
            ratio = max(ratio, ALIKE_WORDS + (1 - ALIKE_WORDS) * shared)
        best = max(best, ratio)
    return best


def wrapped(table: Table, values: Mapping[str, Sequence[str]]) -> tuple[str, int] | None:
    """The column in which whole records stand as JSON objects, and how many columns they have.

    None where there is none. values: by unknown column, as written.
    """
    for name, texts in values.items():
        try:
            record = json.loads(texts[0]) if texts else None
        except ValueError:
            continue
        if isinstance(record, dict) and record:
            match = met(table, tuple(record))
            if match.places:
                return name, len(match.places)
    return None


def nothing(texts: Sequence[str]) -> list[str]:
    """Words among the texts that stand for no value, as written."""
    return sorted({text.strip() for text in texts if text.strip().lower() in NOTHING})


def dates(warehouse: Warehouse, table: Table, texts: Sequence[str]) -> Dates | None:
    """How the dates are written that are not ISO; None where all are, or nothing looks like one."""
    other = [text for text in dict.fromkeys(texts) if not re.match(WRITTEN_DAY, text)]
    if not other:
        return None
    candidates = [*table.date_formats, *(form for form in FORMS if form not in table.date_formats)]
    rows = ", ".join(f"({literal(text)})" for text in other)
    reads = ", ".join(
        f"case when try_strptime(trim(t), {literal(form)}) >= timestamp '{FIRST_YEAR}-01-01'"
        f" then try_strptime(trim(t), {literal(form)}) end"
        for form in candidates
    )
    read = warehouse.rows(f"select {reads} from (values {rows}) as texts (t)")
    by_form = {
        form: [row[place] for row in read]
        for place, form in enumerate(candidates)
        if any(row[place] is not None for row in read)
    }
    left, forms = set(range(len(other))), list[str]()
    while left and len(forms) < MANY_FORMS:
        best = max(
            (
                form
                for form in by_form
                if form not in forms
                and not any(contradicts(form, taken) for taken in (ISO_DAY, *forms))
            ),
            key=lambda form: sum(by_form[form][place] is not None for place in left),
            default=None,
        )
        if best is None or not any(by_form[best][place] is not None for place in left):
            break
        reading = {place for place in left if by_form[best][place] is not None}
        for form, moments in by_form.items():
            if not contradicts(form, best):
                continue
            if {place for place in left if moments[place] is not None} >= reading:
                differs = [place for place in reading if moments[place] != by_form[best][place]]
                if differs:
                    return Dates((best,), (form,), other[min(differs)])
        forms.append(best)
        left -= reading
    if left:
        return Dates((), example=other[min(left)])
    return Dates(tuple(forms))


def written(numbers: Mapping[str, Sequence[str]]) -> tuple[str, str] | None:
    """A column whose numbers are written as people do, and one of them; None if there is none.

    numbers: texts by column. What is neither a plain number nor one as people write it speaks
    against the style, as 1.234,50 does.
    """
    found = None
    for name, texts in numbers.items():
        other = [text for text in texts if not PLAIN_NUMBER.fullmatch(text.strip())]
        if any(not NUMBER.fullmatch(text.strip()) for text in other):
            continue
        if other and found is None:
            found = name, other[0]
    return found


def misread(numbers: Mapping[str, Sequence[str]], style: str) -> dict[str, tuple[str, ...]]:
    """Columns that look written in the other style, with numbers that tell it.

    numbers: texts by column. 45.000 is 45 in one style and 45,000 in the other, so a column speaks
    for the other one where each mark has three digits behind it, and one number has two marks, or
    several have one. Any number that the declared style alone reads speaks against it.
    """
    decimal, thousands = (",", ".") if style == "eu" else (".", ",")
    own, other = _style(thousands, decimal), _style(decimal, thousands)
    found = {}
    for name, texts in numbers.items():
        read = [WRITTEN_DIGITS.fullmatch(text.strip()) for text in dict.fromkeys(texts)]
        bare = {match[0]: match[1] for match in read if match}
        silent = [text for text, digits in bare.items() if other.either.fullmatch(digits)]
        clear = [text for text, digits in bare.items() if other.surely.fullmatch(digits)]
        against = any(
            own.either.fullmatch(digits) or own.surely.fullmatch(digits) for digits in bare.values()
        )
        if not against and (clear or len(silent) >= FEW_NUMBERS):
            found[name] = (*silent[:1], *clear[:1]) if clear else tuple(silent[:2])
    return found


def currency(texts: Sequence[str]) -> str:
    """The code of the one currency whose sign or code stands at the amounts; nothing if none does.

    A dollar has many.
    """
    found = {match[0].upper() for text in texts if (match := CURRENCY.search(text))}
    said = sum(CURRENCY.search(text) is not None for text in texts)
    codes = {CURRENCY_SIGNS.get(sign, sign) for sign in found}
    return codes.pop() if len(codes) == 1 and said >= ALIKE_VALUES * len(texts) else ""


@dataclass(frozen=True)
class _Style:
    """surely: what no other style writes. either: thousands here, decimals in the other style."""

    surely: re.Pattern[str]
    either: re.Pattern[str]


def _style(thousands: str, decimal: str) -> _Style:
    group, mark = rf"(?:[{thousands}][0-9]{{3}})", f"[{decimal}]"
    surely = (
        rf"[0-9]{{1,3}}{group}{{2,}}(?:{mark}[0-9]*)?|[0-9]{{1,3}}{group}{mark}[0-9]+"
        rf"|[0-9]*{mark}(?:[0-9]{{1,2}}|[0-9]{{4,}})|(?:0?|0[0-9]+|[0-9]{{4,}}){mark}[0-9]{{3}}"
    )
    return _Style(re.compile(surely), re.compile(rf"[1-9][0-9]{{0,2}}{group}"))


def _words(name: str) -> frozenset[str]:
    words = frozenset(word.lower() for word in WORD.findall(name))
    return words - SAYS_LITTLE or words


def _is_needed(table: Table, column: Column) -> bool:
    return column.is_required or any(column.name in group for group in table.required_any)


def _share(texts: Sequence[str], fits: Callable[[str], bool]) -> float:
    return sum(map(fits, texts)) / len(texts) if texts else 0.0


def _kind(column: Column) -> tuple[str, Callable[[str], bool]]:
    """What a column holds, and whether a text looks like it."""

    def whole(pattern: re.Pattern[str]) -> Callable[[str], bool]:
        return lambda text: pattern.fullmatch(text.strip()) is not None

    if column.identity == "email":
        return "email", whole(ADDRESS)
    if column.identity == "ip":
        return "ip", whole(IP)
    if column.identity == "country":
        countries = read_words().countries
        return "country", lambda text: text.strip().lower() in countries or len(text) < 4
    if column.is_host:
        return "host", lambda text: bool(SITE.fullmatch(text.strip()) or ADDRESS.fullmatch(text))
    if column.identity:
        return "id", whole(ID)
    if column.one_of:
        return "one_of", lambda text: text.strip().lower() in column.one_of
    if column.data_type in ("date", "timestamp"):
        return "date", whole(DATE)
    if column.data_type in ("integer", "double"):
        return "number", whole(NUMBER)
    if column.data_type == "boolean":
        return "truth", lambda text: text.strip().lower() in TRUTH
    return "text", lambda text: not DATE.fullmatch(text)
