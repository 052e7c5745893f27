"""What makes an account fit, from the company's own won, lost and kept deals.

Each attribute is cut in two (splits.py); what shuffled deals would give as well is left out, with a
line that says so. Weights follow the evidence. A must-not needs many accounts, of which hardly any
was won. Renewals and test records are no deals here, and an attribute counts as it was on file when
the deal was decided.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import product

import numpy as np

from orchestration.landing.contract import plain_name
from orchestration.landing.mappings import LAYER
from orchestration.proposals import splits, stages
from orchestration.proposals.customers import is_renewal_type
from orchestration.proposals.facts import Facts, rules_of
from orchestration.proposals.splits import Floats, Group, Split
from orchestration.proposals.store import Findings, Proposal, is_plain, reason
from orchestration.proposals.words import plain
from orchestration.runs.context import contract

SEED = "fit_criteria"
HEADING = "Ideal customer: what separates won from lost, and what does not"
DECIDES = "won, lost and kept deals by attribute"
# Of fewer decided accounts nothing is proposed.
LEAST_ACCOUNTS = 30
# An account that is on file for less than this has not had its chance yet.
TIME_TO_BUY = timedelta(days=180)
LEAST_WEIGHT = 5
# A must-not: so many accounts, and an upper end of the interval under this part of the lower end of
# the others'.
MUST_NOT_ACCOUNTS, MUST_NOT_PART = 10, 0.5
# A field of which each value is won nearly always or never is filled in after the fact. Nearly, for
# the two are not written in the same minute.
TELLS_ALL = 0.9
YEAR = timedelta(days=365)

TEXTS, NUMBERS, LISTS = ("industry", "country"), ("employees", "revenue_usd"), ("technologies",)
# What is ours to say of an account, or follows from its deals, is no reason why it was won.
NOT_A_REASON = re.compile(
    r"(^|_| )(id|name|owner|status|stage|lifecycle|type|tier|score|rating|grade|health|nps|churn"
    r"|renew|contract|arr|mrr|acv|won|lost|closed?|customer|kunde|client|cliente|since|date|priority"
    r"|phone|street|city|zip|postal|fax|url|email|source|campaign|key|hash|deleted|created|modified"
    r"|prospect|target|icp|fit|potential|forecast|campagne)(_|s?$| )"
)
MOST_VALUES, LEAST_FILLED = 20, 0.3


@dataclass
class Account:
    """An account with decided deals or contracts."""

    won: int = 0
    lost: int = 0
    day: date | None = None
    value: list[float] = field(default_factory=list)
    kept: bool | None = None
    is_on_file: bool = False


@dataclass(frozen=True)
class Attribute:
    """Values by account. origin: (source, instance, table, field) of a field nobody named yet."""

    name: str
    kind: str
    values: Mapping[str, object]
    origins: tuple[tuple[str, str, str, str], ...] = ()


@dataclass(frozen=True)
class Measure:
    """What is compared: accounts and the share of each. words: what a share of them did."""

    name: str
    words: str
    accounts: tuple[str, ...]
    shares: Floats
    least_difference: float
    least_ratio: float

    def differs(self, split: Split) -> bool:
        """Whether a cut is large enough to change anybody's list."""
        high, low = split.high.share, split.low.share
        return high - low >= self.least_difference and high >= self.least_ratio * low


@dataclass(frozen=True)
class Cut:
    """An attribute cut in two by a measure. low, high: ends of the range of numbers."""

    attribute: Attribute
    measure: Measure
    split: Split
    low: float | None = None
    high: float | None = None

    @property
    def name(self) -> str:
        return f"{self.measure.name} {self.attribute.name}"

    def __str__(self) -> str:
        return (
            f"{self.measure.words} {self.split.high}; the others {self.split.low};"
            f" {self.split.p:.1%} of shuffles cut as well"
        )


def propose(facts: Facts, findings: Findings) -> None:
    """Proposes criteria, and the custom fields that they read; notes what separates nothing."""
    accounts = _accounts(facts, findings)
    measures = _measures(facts, accounts)
    if len(measures[0].accounts) < LEAST_ACCOUNTS:
        said = (
            f"{len(measures[0].accounts):,} accounts have a deal that was won or lost (renewals and"
            f" tests left out). From {LEAST_ACCOUNTS} on their attributes are compared."
        )
        findings.note(HEADING, said)
        findings.brief.append(f"fit_criteria: {said}")
        return
    usable = [measure for measure in measures if _varies(measure)]
    for measure in usable:
        findings.note(HEADING, f"All accounts: {measure.words} {splits.group(measure.shares)}.")
    findings.note(
        HEADING,
        "Each account counts once. In brackets: where the share lies in 95 of 100 cases. An"
        " attribute is cut where the shares differ most; where shuffled deals are cut as well, the"
        " cut is chance. Accounts on file that nobody worked count as not won: look at a criterion"
        " again if you have worked some industries or sizes only.",
    )
    attributes = _attributes(facts, accounts)
    cuts: dict[str, Cut] = {}
    for attribute, measure in product(attributes, usable):
        if (cut := _cut(attribute, measure)) is not None:
            cuts[cut.name] = cut
    standing = splits.discoveries({name: cut.split.p for name, cut in cuts.items()})
    chosen = _chosen(attributes, cuts, standing, findings)
    if not chosen:
        said = "No attribute separates what you won or kept, so no criterion is proposed."
        findings.note(HEADING, said)
        findings.brief.append(said)
        return
    findings.rules.append(Proposal(SEED, _rows(chosen, accounts), DECIDES))
    fields = [cut.attribute for cut in chosen if cut.attribute.origins]
    if fields:
        findings.rules.append(
            Proposal(
                "custom_fields",
                [
                    {
                        "source": source,
                        "source_instance": instance,
                        "table_name": table,
                        "field": name,
                        "attribute": attribute.name,
                        "reason": reason("A proposed criterion reads it"),
                    }
                    for attribute in fields
                    for source, instance, table, name in attribute.origins
                ],
                "fields that separate won from lost deals",
            )
        )


def _brief(name: str, said: str, cut: Cut) -> str:
    """A line for the terminal."""
    high, low = cut.split.high.share, cut.split.low.share
    return f"{name}: {said} ({high:.0%} against {low:.0%}; chance alone {cut.split.p:.0%})"


def _measures(facts: Facts, accounts: Mapping[str, Account]) -> list[Measure]:
    """Deals won of those decided, accounts won of those on file, customers kept."""
    decided = sorted(name for name, each in accounts.items() if each.won + each.lost)
    rates = [accounts[name].won / (accounts[name].won + accounts[name].lost) for name in decided]
    on_file = sorted({*decided, *(name for name, each in accounts.items() if each.is_on_file)})
    bought = [float(accounts[name].won > 0) for name in on_file]
    customers = sorted(name for name, each in accounts.items() if each.kept is not None)
    kept = [float(bool(accounts[name].kept)) for name in customers]
    return [
        Measure("won", "deals won:", tuple(decided), np.array(rates), 0.1, 1.0),
        Measure("bought", "ever won:", tuple(on_file), np.array(bought), 0.0, 1.5),
        Measure("kept", "customers kept:", tuple(customers), np.array(kept), 0.1, 1.0),
    ]


def _varies(measure: Measure) -> bool:
    shares = measure.shares
    return len(shares) >= LEAST_ACCOUNTS and bool(shares.min() < shares.max())


def _cut(attribute: Attribute, measure: Measure) -> Cut | None:
    values = [attribute.values.get(name) for name in measure.accounts]
    if attribute.kind == "number":
        numbers = [float(v) if isinstance(v, int | float) else None for v in values]
        found = splits.of_numbers(numbers, measure.shares, _edges(numbers))
        return None if found is None else Cut(attribute, measure, *found)
    if attribute.kind == "text":
        split = splits.of_values([None if v is None else str(v) for v in values], measure.shares)
    else:
        lists = [v if isinstance(v, tuple) else None for v in values]
        split = splits.of_words(lists, measure.shares)
    return None if split is None else Cut(attribute, measure, split)


def _edges(numbers: Sequence[float | None]) -> list[float]:
    """1, 2 and 5 of each power of ten: limits that a person would write."""
    taken = [number for number in numbers if number is not None and number > 0]
    if not taken:
        return []
    powers = range(math.floor(math.log10(min(taken))), math.ceil(math.log10(max(taken))) + 1)
    return [first * 10.0**power for power, first in product(powers, (1, 2, 5))]


def _chosen(
    attributes: Sequence[Attribute],
    cuts: Mapping[str, Cut],
    standing: set[str],
    findings: Findings,
) -> list[Cut]:
    """The cuts that stand, each beyond those before it; a line for each attribute."""
    best: dict[str, Cut] = {}
    for attribute in attributes:
        own = [cut for cut in cuts.values() if cut.attribute is attribute]
        own.sort(key=lambda cut: -cut.split.evidence)
        if not own:
            findings.note(HEADING, f"{attribute.name}: too few accounts, or one value only.")
            continue
        sure = [cut for cut in own if cut.name in standing and cut.measure.differs(cut.split)]
        if sure:
            best[attribute.name] = sure[0]
        else:
            said = "; ".join(f"{cut}" for cut in own)
            findings.note(HEADING, f"{attribute.name}: this attribute separates nothing ({said}).")
            findings.brief.append(
                _brief(attribute.name, "this attribute separates nothing", own[0])
            )
    chosen: list[Cut] = []
    groups: dict[str, tuple[int, ...]] = {}
    for name, cut in sorted(best.items(), key=lambda item: -item[1].split.evidence):
        split, known = cut.split, np.flatnonzero(cut.split.known)
        here = [cut.measure.accounts[number] for number in known]
        told = {key: number for number, key in enumerate(sorted({*groups.values(), ()}))}
        strata = np.array([told[groups.get(account, ())] for account in here])
        if cut.attribute.origins and min(split.high.share, 1 - split.low.share) > TELLS_ALL:
            findings.note(
                HEADING,
                f"{name}: left out, for it tells won from lost almost without fault ({cut}), as"
                " fields do that are filled in after the deal.",
            )
        elif chosen and splits.adds(split.is_high, cut.measure.shares[known], strata) > splits.RATE:
            before = ", ".join(each.attribute.name for each in chosen)
            findings.note(HEADING, f"{name}: separates nothing beyond {before} ({cut}).")
            findings.brief.append(f"{name}: separates nothing beyond {before}")
        else:
            chosen.append(cut)
            sides = {a: 2 if high else 1 for a, high in zip(here, split.is_high, strict=True)}
            for account in {*groups, *cut.measure.accounts}:
                padded = groups.get(account, (0,) * (len(chosen) - 1))
                groups[account] = (*padded, sides.get(account, 0))
            values = "; ".join(
                f"{value or 'rare ones'} {each}"
                for value, each in zip(split.names, split.groups, strict=True)
            )
            findings.note(HEADING, f"{name}: separates; {cut}. By value: {values}.")
    return chosen


# --- rows -----------------------------------------------------------------------------------------


def _rows(chosen: Sequence[Cut], accounts: Mapping[str, Account]) -> list[dict[str, str]]:
    strengths = [_strength(cut.split.high, cut.split.low) for cut in chosen]
    rows = []
    for cut, strength in zip(chosen, strengths, strict=True):
        cells = _condition(cut)
        if cells is None:
            continue
        weight = max(LEAST_WEIGHT, round(100 * strength / sum(strengths)))
        why = reason(f"{cut}{_beside(cut, accounts)}")
        rows.append(_row(f"{cut.attribute.name}_{cut.measure.name}", cut, cells, weight, why))
    for cut in chosen:
        if (said := _must_not(cut)) is not None:
            cells, why = said
            rows.append(
                _row(f"{cut.attribute.name}_hardly_{cut.measure.name}", cut, cells, 0, reason(why))
            )
    return rows


def _row(
    criterion: str, cut: Cut, cells: Mapping[str, str], weight: int, why: str
) -> dict[str, str]:
    return {
        "criterion": criterion,
        "attribute": cut.attribute.name,
        **cells,
        "weight": str(weight),
        "is_must_not": str(weight == 0).lower(),
        "owner_function": "customer_success" if cut.measure.name == "kept" else "sales",
        "source_kind": "internal",
        "reason": why,
    }


def _condition(cut: Cut) -> dict[str, str] | None:
    """The cells that say which accounts the better group is."""
    if cut.attribute.kind == "number":
        return {
            "operator": "between",
            "min_value": _number(cut.low),
            "max_value": _number(cut.high),
        }
    usable = [name for name in cut.split.high_names if _is_usable(name)]
    if not usable:
        return None
    if cut.attribute.kind == "list":
        # The words of `contains` are read as a regular expression.
        return {"operator": "contains", "list_values": "|".join(re.escape(w) for w in usable)}
    return {"operator": "in", "list_values": "|".join(usable)}


def _is_usable(name: str) -> bool:
    return is_plain(name) and "|" not in name


def _must_not(cut: Cut) -> tuple[dict[str, str], str] | None:
    """What was hardly ever won, with strong evidence; None where nothing was."""
    split = cut.split
    limit = split.high.interval[0] * MUST_NOT_PART
    if cut.attribute.kind == "list":
        return None
    if cut.attribute.kind == "text":
        poor = [
            (name, each)
            for name, each in zip(split.names, split.groups, strict=True)
            if name in split.low_names
            and _is_usable(name)
            and each.share < split.high.interval[0] * MUST_NOT_PART
        ]
        together = _sum([each for _, each in poor])
        if not _is_poor(together, limit):
            return None
        cells = {"operator": "in", "list_values": "|".join(name for name, _ in poor)}
        return cells, f"{cut.measure.words} {together}; of the fitting {split.high}"
    inside = [split.names.index(name) for name in split.high_names]
    below, above = _sum(split.groups[: inside[0]]), _sum(split.groups[inside[-1] + 1 :])
    is_low, is_high = _is_poor(below, limit), _is_poor(above, limit)
    if not is_low and not is_high:
        return None
    cells = {
        "operator": "outside",
        "min_value": _number(cut.low) if is_low else "",
        "max_value": _number(cut.high) if is_high else "",
    }
    said = [f"below {below}"] * is_low + [f"above {above}"] * is_high
    return cells, f"{cut.measure.words} {'; '.join(said)}; between {split.high}"


def _is_poor(group: Group, limit: float) -> bool:
    return group.accounts >= MUST_NOT_ACCOUNTS and group.interval[1] < limit


def _sum(groups: Sequence[Group]) -> Group:
    return Group(sum(each.accounts for each in groups), sum(each.sum for each in groups))


def _strength(high: Group, low: Group) -> float:
    """The difference of log odds, less its standard error: effect and certainty in one number."""

    def log_odds(group: Group) -> tuple[float, float]:
        one, other = group.sum + 0.5, group.accounts - group.sum + 0.5
        return math.log(one / other), 1 / one + 1 / other

    (one, var_one), (other, var_other) = log_odds(high), log_odds(low)
    return max(one - other - math.sqrt(var_one + var_other), 0.1)


def _beside(cut: Cut, accounts: Mapping[str, Account]) -> str:
    """Of both groups: deals won, the median value of those, and customers kept."""
    known = np.flatnonzero(cut.split.known)
    members: tuple[list[Account], list[Account]] = ([], [])
    for at, is_high in zip(known, cut.split.is_high, strict=True):
        members[0 if is_high else 1].append(accounts[cut.measure.accounts[at]])
    said = ""
    if cut.measure.name != "won":
        rates = [
            splits.group(np.array([a.won / (a.won + a.lost) for a in each if a.won + a.lost]))
            for each in members
        ]
        if all(each.accounts for each in rates):
            said += f"; deals won {rates[0]} against {rates[1]}"
    values = [[value for account in each for value in account.value] for each in members]
    if all(len(each) >= splits.LEAST for each in values):
        one, other = (np.median(each) for each in values)
        said += f"; median yearly value {one:,.0f} against {other:,.0f} USD"
    if cut.measure.name != "kept":
        kept = [
            splits.group(np.array([float(a.kept) for a in each if a.kept is not None]))
            for each in members
        ]
        if kept[0].accounts >= splits.LEAST and kept[1].accounts:
            said += f"; customers kept {kept[0]} against {kept[1]}"
    return said


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}" if value == int(value) else f"{value}"


# --- reading --------------------------------------------------------------------------------------


def _accounts(facts: Facts, findings: Findings) -> dict[str, Account]:
    """Accounts with what came of their deals and contracts."""
    proposed = stages.outcomes(findings)
    accounts: dict[str, Account] = defaultdict(Account)
    renewals: dict[str, tuple[date, bool]] = {}
    for account_id, stage, said, day, kind, is_renewal, value in facts.rows(
        """
        select account_id, stage_name, outcome, stage_changed_date, opportunity_type, is_renewal,
            annual_amount_usd
        from (
            select *, row_number() over (
                partition by crm_opportunity_id order by valid_from desc
            ) as recency
            from intermediate.int_opportunity_spans
        ) as spans
        where recency = 1
        order by crm_opportunity_id
        """
    ):
        outcome = said if said != "open" else proposed.get((stage or "").lower(), "open")
        if outcome == "open":
            continue
        account = accounts[account_id]
        if is_renewal or is_renewal_type(kind or ""):
            if account_id not in renewals or day > renewals[account_id][0]:
                renewals[account_id] = (day, outcome == "won")
            continue
        account.won += outcome == "won"
        account.lost += outcome == "lost"
        account.day = max(filter(None, (account.day, day)), default=None)
        if outcome == "won" and value:
            account.value.append(float(value))
    last = facts.last_day or date.max
    for account_id, created in facts.rows(
        """
        select survivors.account_id, min(least(versions.created_date, versions.valid_from))
        from intermediate.int_account_versions as versions
        inner join intermediate.int_account_survivors as survivors
            on versions.crm_account_id = survivors.crm_account_id
        where versions.valid_to = date '9999-12-31' and survivors.valid_to = date '9999-12-31'
            and not versions.is_deleted and not versions.is_excluded and not versions.is_person
        group by all order by all
        """
    ):
        accounts[account_id].is_on_file = created is None or created <= last - TIME_TO_BUY
    contracts = facts.rows(
        "select account_id, min(starts_on), max(ends_on) from intermediate.int_contract_spans"
        " where valid_to = (select max(valid_to) from intermediate.int_contract_spans)"
        " group by account_id order by account_id"
    )
    if contracts:
        for account_id, start, end in contracts:
            # Who signed within the year has not yet had the chance to leave.
            if end < last or start <= last - YEAR:
                accounts[account_id].kept = end >= last
    else:
        for account_id, (_, is_kept) in renewals.items():
            accounts[account_id].kept = is_kept
    return accounts


def _attributes(facts: Facts, accounts: Mapping[str, Account]) -> list[Attribute]:
    """Attributes of accounts, those of custom fields among them, as of the deal's day."""
    mapped = {row["attribute"] for row in rules_of("identity/custom_fields.csv")}
    found: dict[str, dict[str, tuple[tuple[bool, int], object, object]]] = defaultdict(dict)
    for account_id, name, text, number, start, end in facts.rows(
        "select account_id, attribute, value_text, value_number, valid_from, valid_to"
        " from intermediate.int_account_attributes order by all"
    ):
        if account_id not in accounts or name not in (*TEXTS, *NUMBERS, *LISTS, *mapped):
            continue
        day = accounts[account_id].day or facts.last_day
        if day is None:
            continue
        away = 0 if start <= day < end else min(abs((day - start).days), abs((day - end).days))
        rank = (away > 0, away)
        if account_id not in found[name] or rank < found[name][account_id][0]:
            found[name][account_id] = (rank, text, number)
    attributes = []
    for name in (*TEXTS, *NUMBERS, *LISTS, *sorted(mapped - {*TEXTS, *NUMBERS, *LISTS})):
        if name not in found or (name in mapped and NOT_A_REASON.search(name.lower())):
            continue
        cells = found[name].items()
        if name in NUMBERS:
            values: dict[str, object] = {a: n for a, (_, _, n) in cells if n is not None}
            attributes.append(Attribute(name, "number", values))
        elif name in LISTS:
            values = {
                a: tuple(w.strip().lower() for w in re.split(r"[;,|]", str(t)) if w.strip())
                for a, (_, t, _) in cells
            }
            attributes.append(Attribute(name, "list", values))
        else:
            attributes.append(
                Attribute(name, "text", {a: str(t).strip().lower() for a, (_, t, _) in cells})
            )
    return attributes + _unnamed_fields(facts, accounts)


def _mapped_columns() -> dict[str, set[str]]:
    """Columns of account files that a mapping reads, by system: they are attributes already."""
    return {
        name: {
            plain_name(header)
            for outputs in system.folders.values()
            for output in outputs
            if output.table == "accounts"
            for _, headers in output.columns
            for header in headers
        }
        for name, system in contract().systems.items()
    }


def _unnamed_fields(facts: Facts, accounts: Mapping[str, Account]) -> list[Attribute]:
    """Fields outside the contract that nobody has named yet and that hold few values."""
    named = {
        (row["source"], row["source_instance"], row["field"])
        for row in rules_of("identity/custom_fields.csv")
    }
    values: dict[str, dict[str, object]] = defaultdict(dict)
    origins: dict[str, dict[tuple[str, str, str, str], None]] = defaultdict(dict)
    tables = {
        source: facts.tables[model][0].split(".")[1]
        for source, model in facts.models("accounts")
        if facts.tables.get(model)
    }
    read = _mapped_columns()
    for account_id, source, instance, name, value in facts.rows(
        """
        with fields as (
            select survivors.account_id, versions.source_system, versions.source_instance,
                versions.valid_from,
                unnest(json_keys(versions.custom_fields)) as field, versions.custom_fields
            from intermediate.int_account_versions as versions
            inner join intermediate.int_account_survivors as survivors
                on versions.crm_account_id = survivors.crm_account_id
            where versions.custom_fields is not null and survivors.valid_to = date '9999-12-31'
        )
        select account_id, source_system, source_instance, field,
            max_by(json_extract_string(custom_fields, '$."' || field || '"'), valid_from)
        from fields where position('"' in field) = 0
        group by all having max(valid_from) is not null order by all
        """
    ):
        table = tables.get(source, "")
        known = (source, instance, name) in named or not value or account_id not in accounts
        # A mapping keeps the words that it changed, such as those of the account's type, and of
        # `industrycode` and `industrycodename` it reads the one that is filled.
        if source == LAYER and plain_name(name) in read.get(instance.split("@")[0], ()):
            continue
        attribute = re.sub(r"_+", "_", plain(re.sub(r"__c$", "", name)).replace(" ", "_"))
        if known or not is_plain(name) or not attribute or NOT_A_REASON.search(attribute):
            continue
        if attribute in (*TEXTS, *NUMBERS, *LISTS):
            attribute += "_field"
        values[attribute][account_id] = str(value).strip().lower()
        origins[attribute][(source, instance, table, name)] = None
    attributes = []
    for attribute, by_account in sorted(values.items()):
        distinct = {*by_account.values()}
        if len(by_account) < LEAST_FILLED * len(accounts) or len(distinct) < 2:
            continue
        origin = tuple(origins[attribute])
        if len(distinct) <= MOST_VALUES:
            attributes.append(Attribute(attribute, "text", by_account, origin))
        elif all(re.fullmatch(r"-?\d+(\.\d+)?", str(value)) for value in distinct):
            numbers: dict[str, object] = {a: float(str(v)) for a, v in by_account.items()}
            attributes.append(Attribute(attribute, "number", numbers, origin))
    return attributes
