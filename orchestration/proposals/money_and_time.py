"""Default currency, what amounts are, and the time zone in which a day begins."""

from __future__ import annotations

from collections import Counter
from statistics import median
from zoneinfo import available_timezones

from orchestration.proposals.facts import Facts, rules_of
from orchestration.proposals.store import Findings, VarProposal
from orchestration.proposals.words import counted

HEADING = "Money and time"
# Accounts with a contract and a won deal from which amounts can be held against contracts.
LEAST_PAIRS = 10
# A ratio of amount to yearly contract value up to this one is a year's value.
YEARLY_RATIO = 1.4
# Of fewer rows the hours of the day say nothing; people work in eight to ten of them.
LEAST_STAMPS, WORKING_HOURS, CLEAR_SHARE = 200, 9, 0.75
# The middle of a working day by the clock on the wall.
MIDDLE_OF_DAY = 13
# One large place for each offset in winter, for people who will know better.
PLACES = {
    -8: "America/Los_Angeles",
    -7: "America/Denver",
    -6: "America/Chicago",
    -5: "America/New_York",
    -3: "America/Sao_Paulo",
    0: "Europe/London",
    1: "Europe/Berlin",
    2: "Europe/Athens",
    3: "Europe/Istanbul",
    8: "Asia/Singapore",
    9: "Asia/Tokyo",
    10: "Australia/Sydney",
}


def propose(facts: Facts, findings: Findings) -> None:
    """Proposes values of default_currency, amount_basis and reporting_timezone."""
    _propose_currency(facts, findings)
    _propose_basis(facts, findings)
    _propose_zone(facts, findings)


def _propose_currency(facts: Facts, findings: Findings) -> None:
    known = {row["currency_code"] for row in rules_of("opportunities/currency_rates.csv")}
    deals = Counter(
        dict(
            facts.rows(
                "select upper(trim(currency_code)), count(distinct crm_opportunity_id)"
                " from intermediate.int_crm_opportunities"
                " where currency_code is not null and amount is not null group by all order by all"
            )
        )
    )
    ((without,),) = facts.rows(
        "select count(distinct crm_opportunity_id) from intermediate.int_crm_opportunities"
        " where currency_code is null and amount is not null"
    )
    if unknown := sorted(code for code in deals if code not in known):
        findings.note(
            HEADING,
            f"No rate for {', '.join(unknown)}: add them to currency_rates.csv, or their amounts"
            " count for nothing.",
        )
    named = sum(deals.values())
    best = next(((c, n) for c, n in deals.most_common() if c in known), None)
    if best is None:
        if without:
            findings.note(
                HEADING,
                f"{counted(without, 'deal')} name no currency, and nothing tells theirs;"
                f" {facts.variables['default_currency']} holds (var default_currency).",
            )
        return
    code, count = best
    findings.values.append(
        VarProposal(
            "default_currency",
            code,
            f"{count:,} of {counted(named, 'deal')} with a currency are in {code};"
            f" {without:,} name none",
            is_unsure=count < 0.5 * named,
        )
    )


def _propose_basis(facts: Facts, findings: Findings) -> None:
    rows = facts.rows(
        """
        with contracts as (
            select survivors.account_id, min_by(stated.arr_usd, stated.starts_on) as arr_usd,
                min_by(datediff('day', stated.starts_on, stated.ends_on), stated.starts_on) as days
            from staging.stg_billing__contracts as stated
            inner join intermediate.int_account_survivors as survivors
                on stated.crm_account_id = survivors.crm_account_id
            where stated.arr_usd > 0 and stated.ends_on > stated.starts_on
            group by all
        ),
        deals as (
            select spans.account_id,
                min_by(spans.amount * rates.usd_per_unit, spans.valid_from) as amount_usd
            from intermediate.int_opportunity_spans as spans
            inner join intermediate.int_currency_rates as rates
                on spans.currency_code = rates.currency_code
                and spans.valid_from >= rates.valid_from and spans.valid_from < rates.valid_to
            where spans.outcome = 'won' and not spans.is_renewal and spans.amount > 0
            group by all
        )
        select amount_usd / arr_usd, days / 365.25 from deals
        inner join contracts using (account_id)
        where amount_usd is not null
        """
    )
    if len(rows) < LEAST_PAIRS:
        findings.note(
            HEADING,
            f"What amounts of deals are cannot be told: {len(rows):,} accounts have both a won deal"
            f" and a contract. {facts.variables['amount_basis']} holds (var amount_basis).",
        )
        return
    ratio, years = median(row[0] for row in rows), median(row[1] for row in rows)
    said = (
        f"won amounts are {ratio:.1f} times the yearly value of the contract and terms"
        f" {years:.1f} years long (medians of {counted(len(rows), 'account')})"
    )
    if ratio <= YEARLY_RATIO:
        findings.values.append(VarProposal("amount_basis", "acv", said, is_unsure=not ratio >= 0.7))
    else:
        months = round(12 * max(ratio, 1))
        is_unsure = abs(ratio - years) > 0.5 * years
        findings.values.append(VarProposal("amount_basis", "tcv", said, is_unsure=is_unsure))
        findings.values.append(VarProposal("amount_term_months", months, said, is_unsure))


def _propose_zone(facts: Facts, findings: Findings) -> None:
    zones: Counter[str] = Counter()
    known = available_timezones()
    for _, relation, value in facts.fields("owners", r"time_?zone"):
        for zone, users in facts.rows(
            f"select {value}, count(distinct staged.owner_id) from {relation} group by all"
            " order by all"
        ):
            if zone in known:
                zones[zone] += users
    if zones:
        zone, users = zones.most_common(1)[0]
        everybody = sum(zones.values())
        findings.values.append(
            VarProposal(
                "reporting_timezone",
                zone,
                f"{users:,} of {counted(everybody, 'user')} with a time zone have it",
                is_unsure=users < 0.5 * everybody,
            )
        )
        return
    # A bulk load stamps many rows with one second; each second counts once.
    hours = Counter(
        dict(
            facts.rows(
                "select extract(hour from version_at), count(*) from ("
                " select distinct cast(version_at as timestamp) as version_at"
                f" from {facts.kind('activities', ['version_at'])}"
                " union select distinct version_at from intermediate.int_crm_opportunities"
                ") where version_at is not null and date_trunc('day', version_at) != version_at"
                " group by all order by all"
            )
        )
    )
    stamps = sum(hours.values())
    windows = {
        start: sum(hours[(start + offset) % 24] for offset in range(WORKING_HOURS))
        for start in range(24)
    }
    start = max(windows, key=lambda hour: (windows[hour], -hour))
    if stamps < LEAST_STAMPS or windows[start] < CLEAR_SHARE * stamps:
        findings.note(
            HEADING,
            "The time zone of your days cannot be told: users bring none, and work is spread over"
            f" the hours. {facts.variables['reporting_timezone']} holds (var reporting_timezone).",
        )
        return
    offset = MIDDLE_OF_DAY - (start + WORKING_HOURS / 2)
    offset = (offset + 12) % 24 - 12
    place = min(PLACES, key=lambda each: abs(each - offset))
    findings.values.append(
        VarProposal(
            "reporting_timezone",
            PLACES[place],
            f"{windows[start]:,} of {stamps:,} stamps are between {start}:00 and"
            f" {(start + WORKING_HOURS) % 24}:00 UTC; a place with such hours, not surely yours",
            is_unsure=True,
        )
    )
