"""Reads ids, addresses, IPs, domains, browsers and countries in one way, whoever wrote them.

What belongs here: what a value of each kind (`identity` of a column of the contract) is once
everything is off it that tells nobody apart: blanks and invisible letters, the .0 of a data frame,
the 15 characters of a Salesforce id, mailto:, ports. And which values stand for nobody, by the
seeds `placeholders`, `country_names` and `country_regions`. What does not: files and their formats
(files.py), and which domain can be owned (the models, by `excluded_domains`).

Rows are not looked at one by one: SQL marks those of which a value is not in its usual form, and
only distinct ones of these values are read here. What was changed is counted by file.
"""

from __future__ import annotations

import csv
import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import idna
import pyarrow as pa
import tldextract

from orchestration.engine.warehouse import Warehouse
from orchestration.landing.contract import Column, Table
from orchestration.landing.fates import MISSING, Fault, one_more_fault
from orchestration.landing.fates import ROUNDED as WAS_ROUNDED
from orchestration.project import project
from orchestration.scoring.names import fold, split_words

SPELLING, NOBODY, UNREAD, ROUNDED = "written otherwise", "stands for nobody", "not read", "rounded"
"""What became of a value: the same identity, none, none that could be read, one that is lost."""

# Usual forms, as patterns that a whole value must match. What matches none is looked at.
USUAL_ID = "[0-9A-Za-z_:-]*[0-9][0-9A-Za-z_:-]*"
USUAL_CRM_ID = "[0-9A-Za-z_-]*[0-9][0-9A-Za-z_-]*"
USUAL_IP = "[1-9][0-9]{0,2}([.](0|[1-9][0-9]{0,2})){3}"
USUAL_ADDRESS = "[0-9A-Za-z._%+-]+@([0-9A-Za-z-]+[.])+[A-Za-z]{2,}"
USUAL_SITE = "(https?://)?([0-9A-Za-z-]+[.])+[A-Za-z]{2,}(:[0-9]+)?([/?#].*)?"

SHORT_ID, LONG_ID = 15, 18  # characters of a Salesforce id, without and with those for its case
CASE_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
UUID_LETTERS = 36
WHOLE_IN_A_DOUBLE = 2**53  # a greater whole number was rounded when it became a double

UUID = re.compile(r"\{?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\}?", re.I)
NO_ID = re.compile(r"0{8}-(0{4}-){3}0{12}|0{15}(AAA)?")
WHOLE_NUMBER = re.compile(r"\+?([0-9]+)[.]0*|\+?([0-9]{1,3}(?:,[0-9]{3})+)(?:[.]0*)?")
POWER_OF_TEN = re.compile(r"\+?([0-9])(?:[.,]([0-9]+))?[eE](\+?)([0-9]{1,3})")
ADDRESS = re.compile(r"[^\s<>()\[\],;:\"|@]+@[^\s<>()\[\],;:\"'|@?]+")
SCHEMES = re.compile(r"^(?:(?:https?|ftp)(?::/*|/+)|/+)+", re.I)
PORT = re.compile(r"(\d+[.]\d+[.]\d+[.]\d+):\d+|\[([0-9a-f:.]+)(?:%\w+)?\](?::\d+)?", re.I)
INSIDE = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
        *("127.0.0.0/8", "169.254.0.0/16", "fc00::/7", "fe80::/10", "::1/128"),
    )
)
"""Networks of which the world outside sees nothing: no visitor's own address."""

RESERVED_ENDINGS = frozenset(
    ("invalid", "test", "example", "localhost", "localdomain", "local")
    + ("internal", "lan", "home", "corp", "arpa", "onion")
)
"""Top-level domains that nobody can register (RFC 2606, 6761, 6762, 7686; ICANN)."""


@dataclass(frozen=True)
class Reading:
    """What a value is read as. text: None for nobody. change: None where it stays as it is."""

    text: str | None
    change: str | None = None


@dataclass(frozen=True)
class Words:
    """The seeds: values that stand for nobody, by kind, and countries by their folded names."""

    nothing: frozenset[str]
    browsers: frozenset[str]
    mailboxes: frozenset[str]
    addresses: frozenset[str]
    countries: Mapping[str, str]


def read_words(folder: Path | None = None) -> Words:
    """Reads the seeds, those of the project unless told. A missing file is an empty one."""
    return _read_words(folder or project() / "seeds" / "identity")


@lru_cache(maxsize=2)
def _read_words(folder: Path) -> Words:
    values: dict[str, set[str]] = {}
    for row in _rows(folder / "placeholders.csv"):
        values.setdefault(row["kind"], set()).add(row["value"].casefold())
    names = {row["country_code"]: row["country"] for row in _rows(folder / "country_regions.csv")}
    countries = {
        _folded(row["country_name"]): names[row["country_code"]]
        for row in _rows(folder / "country_names.csv")
        if row["country_code"] in names
    }
    words, browsers, mailboxes, addresses = (
        frozenset(values.get(kind, ())) for kind in ("word", "browser", "mailbox", "address")
    )
    return Words(words, browsers, mailboxes, addresses, countries)


def nobodys_domains() -> tuple[str, ...]:
    """Domains that name no company: of free mail, of hosts that many share and the like."""
    return _nobodys_domains(project() / "seeds" / "identity")


@lru_cache(maxsize=2)
def _nobodys_domains(folder: Path) -> tuple[str, ...]:
    return tuple(sorted({row["domain"] for row in _rows(folder / "excluded_domains.csv")}))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if path.exists():
        with path.open(newline="", encoding="utf-8-sig") as handle:
            yield from csv.DictReader(handle)


# --- one value ------------------------------------------------------------------------------------


def _bare(text: str) -> str:
    """A text without what nobody sees: blanks around it, letters without width, an export's quotes.

    Spreadsheets keep a number as text by writing ="5071" or '5071.
    """
    text = "".join(
        letter for letter in text if unicodedata.category(letter) not in ("Cf", "Cc", "Co", "Cn")
    ).strip()
    if len(text) > 1 and text[0] == "=" and text[1] == text[-1] == '"':
        text = text[2:-1]
    elif len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    elif len(text) > 1 and text[0] == "'":
        text = text[1:].removesuffix("'")
    return text.strip()


def read_id(text: str, words: Words, kind: str = "id") -> Reading:
    """An id: digits of a number as the whole number, a UUID in small letters, else as it stands."""
    bare = _bare(text)
    lower = bare.casefold()
    if not bare or lower in words.nothing or NO_ID.fullmatch(bare):
        return Reading(None, NOBODY)
    if kind == "anonymous_id" and lower in words.browsers:
        return Reading(None, NOBODY)
    if found := WHOLE_NUMBER.fullmatch(bare):
        bare = (found[1] or found[2]).replace(",", "")
    elif found := POWER_OF_TEN.fullmatch(bare):
        decimals, power = found[2] or "", int(found[4])
        whole = int(f"{found[1]}{decimals}") * 10 ** max(power - len(decimals), 0)
        if found[3] or decimals:  # else a word such as 12e5
            # A spreadsheet writes 1.23457E+10 and drops the rest; programs write 1.2345678901E10.
            is_cut = bool(found[3]) and len(decimals) < power
            if is_cut or len(decimals) > power or whole > WHOLE_IN_A_DOUBLE:
                return Reading(None, ROUNDED)
            bare = str(whole)
    elif found := UUID.fullmatch(bare):
        bare = found[1].lower()
    if kind == "crm_id":
        bare = _salesforce_id(bare)
    return Reading(bare, None if bare == text else SPELLING)


def _salesforce_id(text: str) -> str:
    """A Salesforce id in its 18 characters; other ids as they are. An instance may stand in front.

    Of each five characters the capitals are the bits of one of the last three, so of an id that
    came in one case the letters can be put back.
    """
    instance, colon, bare = text.rpartition(":")
    if not (bare.isascii() and bare.isalnum()) or bare.isdigit():
        return text
    if len(bare) == SHORT_ID:
        return f"{instance}{colon}{bare}{_case_of(bare)}"
    if len(bare) == LONG_ID and bare in (bare.upper(), bare.lower()):
        ending = bare[SHORT_ID:].upper()
        if set(ending) <= set(CASE_LETTERS):
            letters = [
                one.upper()
                if CASE_LETTERS.index(ending[place // 5]) >> place % 5 & 1
                else one.lower()
                for place, one in enumerate(bare[:SHORT_ID])
            ]
            restored = "".join(letters)
            if _case_of(restored) == ending:
                return f"{instance}{colon}{restored}{ending}"
    return text


def _case_of(bare: str) -> str:
    """The three characters that say which of the fifteen are capitals."""
    numbers = (
        sum(1 << place for place, letter in enumerate(bare[first : first + 5]) if letter.isupper())
        for first in (0, 5, 10)
    )
    return "".join(CASE_LETTERS[number] for number in numbers)


def read_ids(text: str, words: Words) -> Reading:
    """Several ids in one text, as ids with a semicolon between them."""
    parts = re.split(r"[;,|\s]+", _bare(text))
    readings = [read_id(part, words) for part in parts if part]
    if any(reading.change == ROUNDED for reading in readings):
        return Reading(None, ROUNDED)
    joined = ";".join(reading.text for reading in readings if reading.text)
    if not joined:
        return Reading(None, NOBODY)
    is_same = all(reading.change is None for reading in readings)
    return Reading(text) if is_same else Reading(joined, SPELLING)


def read_address(text: str, words: Words) -> Reading:
    """The first e-mail address in a text, as it stands there."""
    bare = unicodedata.normalize("NFKC", _bare(text)).replace("%40", "@")
    bare = re.sub(r"^mailto:\s*", "", bare, flags=re.IGNORECASE)
    if not bare or bare.casefold() in words.nothing:
        return Reading(None, NOBODY)
    found = ADDRESS.search(bare)
    if not found:
        return Reading(None, UNREAD)
    address = found[0].strip(".'")
    lower = address.casefold()
    if lower in words.addresses or lower.split("@")[0].split("+")[0] in words.mailboxes:
        return Reading(None, NOBODY)
    return Reading(address, None if address == text else SPELLING)


def read_ip(text: str, words: Words) -> Reading:
    """The IP address of the visitor: of a list of proxies the first that the world outside sees."""
    inside: str | None = None
    for part in re.split(r"[,;\s]+", _bare(text)):
        plain = PORT.sub(lambda found: found[1] or found[2], part.strip("\"'"))
        plain = re.sub(r"^for=|%\w+$|/(32|128)$", "", plain, flags=re.IGNORECASE).strip("\"'[]")
        try:
            # ipaddress takes no leading zeros, which some read as octal; proxies mean decimal.
            address = ipaddress.ip_address(re.sub(r"\b0+(?=\d+(?:[.]|$))", "", plain))
        except ValueError:
            continue
        address = getattr(address, "ipv4_mapped", None) or address
        if address.is_unspecified:
            continue
        if not any(address in network for network in INSIDE):
            return Reading(str(address), None if str(address) == text else SPELLING)
        inside = inside or str(address)
    if inside:
        return Reading(inside, None if inside == text else SPELLING)
    is_word = _bare(text).casefold() in (*words.nothing, "", "0.0.0.0", "::")
    return Reading(None, NOBODY if is_word else UNREAD)


def read_country(text: str, words: Words) -> Reading:
    """A country by the one name that `country_regions` gives it; an unknown one as it stands."""
    bare = _bare(text)
    # Namibia's code is a word for nothing only where it is not written as a code.
    if not bare or (bare.casefold() in words.nothing and bare != "NA"):
        return Reading(None, NOBODY)
    name = words.countries.get(_folded(bare)) or words.countries.get(
        _folded(re.sub(r"\s*\([^)]*\)$", "", bare)), bare
    )
    return Reading(name, None if name == text else SPELLING)


def _folded(name: str) -> str:
    return " ".join(split_words(fold(name)))


def read_host(text: str, words: Words) -> Reading:
    """The host in what stands for a website, a domain or an address: the first that can be read."""
    bare = unicodedata.normalize("NFKC", _bare(text)).replace("\\", "/").lower()
    if not bare or bare in words.nothing:
        return Reading(None, NOBODY)
    for part in re.split(r"[\s;|<>]+|,|(?<=[a-z]{2})/(?=\s|$)", bare):
        plain = SCHEMES.sub("", part.removeprefix("mailto:").strip("\"'()[]{}"))
        plain = re.split(r"[/?#]", plain)[0].rpartition("@")[2].split(":")[0].strip(".")
        if plain and registrable_domain(plain):
            return Reading(plain, SPELLING)
    return Reading(None, UNREAD)


READERS: Mapping[str, Callable[[str, Words], Reading]] = {
    "id": read_id,
    "crm_id": partial(read_id, kind="crm_id"),
    "anonymous_id": partial(read_id, kind="anonymous_id"),
    "ids": read_ids,
    "email": read_address,
    "ip": read_ip,
    "country": read_country,
}


# --- the rows of a load ---------------------------------------------------------------------------


def columns_of(table: Table) -> list[tuple[Column, str]]:
    """The columns that hold an identity, each with its kind; `domain` where only a host is read."""
    return [
        (column, column.identity or "domain")
        for column in table.columns
        if column.identity or column.is_host
    ]


@lru_cache(maxsize=256)
def unusual(table: Table, given: tuple[str, ...]) -> tuple[str, str]:
    """SQL conditions: a row has a value to be looked at; one that may be none at all.

    given: the columns that the files have.
    """
    doubts, forms = [], []
    for column, kind in columns_of(table):
        if column.name in given:
            doubt, form = _unusual(f'"{column.name}"', kind)
            doubts.append(doubt)
            if form:
                forms.append(form)
    if not doubts:
        return "false", "false"
    return (
        f"coalesce({' or '.join([*doubts, *forms])}, false)",
        f"coalesce({' or '.join(doubts)}, false)",
    )


@lru_cache(maxsize=1024)
def _unusual(name: str, kind: str) -> tuple[str, str]:
    """SQL: a value of this kind may be none or another; it is the same, written otherwise."""
    words = read_words()
    is_uuid = f"(length({name}) = {UUID_LETTERS} and {name} <> lower({name}))"
    if kind in ("id", "anonymous_id", "crm_id"):
        usual = USUAL_CRM_ID if kind == "crm_id" else USUAL_ID
        doubt = f"not regexp_full_match({name}, '{usual}') or starts_with({name}, '00000000')"
        if kind == "anonymous_id":
            doubt += f" or {name} in ('0', '-1')"
        if kind == "crm_id":
            return doubt, (
                f"{is_uuid} or length({name}) = {SHORT_ID} or (length({name}) = {LONG_ID}"
                f" and {name} in (upper({name}), lower({name})))"
            )
        return doubt, is_uuid
    if kind == "ids":
        return f"not regexp_full_match({name}, '{USUAL_ID}(;{USUAL_ID})*')", ""
    if kind == "email":
        mailboxes = _listed(words.mailboxes)
        return (
            f"not regexp_full_match({name}, '{USUAL_ADDRESS}')"
            f" or lower(split_part(split_part({name}, '@', 1), '+', 1)) in ({mailboxes})"
            f" or lower({name}) in ({_listed(words.addresses)})"
        ), ""
    if kind == "ip":
        return f"not regexp_full_match({name}, '{USUAL_IP}')", ""
    if kind == "country":
        return f"{name} not in ({_listed(set(words.countries.values()))})", ""
    return f"not regexp_full_match({name}, '{USUAL_SITE}')", ""


def _listed(values: set[str] | frozenset[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in sorted(values)) or "''"


def normalise(warehouse: Warehouse, table: Table) -> None:
    """Puts the identities in the temporary table `staged` into their one form.

    A row whose id was rounded, or whose required identity is none, gets its reason. Fills the
    temporary table `staged_rewrites`: file_number, column_name, change, rows.
    """
    warehouse.execute(
        "create or replace temp table staged_rewrites"
        " (file_number integer, column_name varchar, change varchar, rows bigint)"
    )
    columns = [
        (column, kind, " or ".join(part for part in _unusual(f'"{column.name}"', kind) if part))
        for column, kind in columns_of(table)
    ]
    if not columns or not warehouse.rows("select 1 from staged where _is_unusual limit 1"):
        return
    looks = ", ".join(f"bool_or({condition})" for _, _, condition in columns)
    (found,) = warehouse.rows(f"select {looks} from staged where _is_unusual")
    for (column, kind, condition), is_found in zip(columns, found, strict=True):
        if is_found:
            _rewrite(warehouse, column, kind, condition)
    for group in table.required_any:
        if any(column.identity and column.name in group for column in table.columns):
            empty = " and ".join(f'"{name}" is null' for name in group)
            words = f"'one of {', '.join(group)} must be filled'"
            _refuse(warehouse, Fault(empty, words, MISSING))


def _rewrite(warehouse: Warehouse, column: Column, kind: str, condition: str) -> None:
    name, words = f'"{column.name}"', read_words()
    read = READERS.get(kind)
    readings: list[tuple[str, str | None, str | None, str | None]] = []
    for (text,) in warehouse.rows(
        f"select distinct {name} from staged where _is_unusual and ({condition})"
    ):
        reading = read(text, words) if read else Reading(text)
        host = None
        if column.is_host and reading.text is not None:
            found = read_host(reading.text, words)
            host, change = found.text, found.change
            if kind == "domain":
                reading = Reading(text, change)
        if reading.change or host:
            readings.append((text, reading.text, reading.change, host))
    if not readings:
        return
    texts = pa.string()
    written, read_as, changes, hosts = zip(*readings, strict=True)
    warehouse.connection.register(
        "_readings",
        pa.table(
            {
                "written": pa.array(written, texts),
                "read_as": pa.array(read_as, texts),
                "change": pa.array(changes, texts),
                "host": pa.array(hosts, texts),
            }
        ),
    )
    try:
        warehouse.execute(
            f"insert into staged_rewrites select _file_number, '{column.name}', change, count(*)"
            f" from staged inner join _readings on {name} = written"
            " where _is_unusual and change is not null group by _file_number, change"
        )
        _refuse(
            warehouse,
            Fault(
                f"{name} in (select written from _readings where change = '{ROUNDED}')",
                f"'{column.name} \"' || left({name}, 40) || '\" was rounded by a spreadsheet or a"
                " program, so nobody can tell whose it is: export it as text'",
                WAS_ROUNDED,
                column.name,
            ),
        )
        sets = [f'"_host_{column.name}" = host'] if column.is_host else []
        if kind != "domain":
            sets.append(f"{name} = read_as")
        warehouse.execute(
            f"update staged set {', '.join(sets)} from _readings"
            f" where _is_unusual and {name} = written"
        )
    finally:
        warehouse.connection.unregister("_readings")
    if column.is_required and kind != "domain":
        empty = f"{name} is null and _reason is null"
        reason = f"'{column.name} is required and empty'"
        _refuse(warehouse, Fault(empty, reason, MISSING, column.name))


def _refuse(warehouse: Warehouse, fault: Fault) -> None:
    """Gives rows that are not as usual a reason for which they go to quarantine."""
    warehouse.execute(
        f"update staged set {one_more_fault(fault)} where _is_unusual and ({fault.condition})"
    )


def note(warehouse: Warehouse) -> None:
    """Writes what was changed on reading into the manifest. Within the load's transaction."""
    if not warehouse.rows("select 1 from staged_rewrites limit 1"):
        return
    warehouse.execute(
        """
        update raw_landing.files set rewritten = done.rewritten, rewrites = done.rewrites
        from (
            select
                counts.file,
                sum(rows)::bigint as rewritten,
                string_agg(
                    column_name || ': ' || rows || ' ' || change, '; ' order by column_name, change
                ) as rewrites
            from staged_rewrites
            inner join staged_counts as counts using (file_number)
            group by counts.file
        ) as done
        where files.file = done.file
        """
    )


# --- domains --------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _suffixes() -> tldextract.TLDExtract:
    """The public suffix list that the package ships; the network is never asked."""
    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


@lru_cache(maxsize=1 << 17)
def registrable_domain(host: str) -> str | None:
    """The part of a host that is registered: `www.Acme.co.uk` -> `acme.co.uk`.

    Lower case, international names in punycode. Names under a suffix where customers register
    (`acme.github.io`) are kept apart. A top-level domain that the list does not know counts as a
    suffix, as the list's own rules say; of one where nobody can register the domain is the ending
    itself (`acme.com.invalid` -> `invalid`). None for addresses, single labels and what is no host.
    """
    host = host.strip().strip(".").lower()
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii").strip(".")
        except idna.IDNAError:
            return None
    labels = host.split(".")
    if len(labels) < 2 or not all(_is_label(label) for label in labels):
        return None
    if labels[-1] in RESERVED_ENDINGS:
        return labels[-1]
    if not ((labels[-1].isalpha() and len(labels[-1]) > 1) or labels[-1].startswith("xn--")):
        return None
    for is_private_too in (True, False):
        parts = _suffixes().extract_str(host, include_psl_private_domains=is_private_too)
        if parts.domain and parts.suffix:
            return f"{parts.domain}.{parts.suffix}"
    return None if parts.suffix else ".".join(labels[-2:])


def _is_label(label: str) -> bool:
    inner = label.replace("-", "").replace("_", "")
    return 0 < len(label) < 64 and inner.isalnum() and not label.startswith("-")
