"""What makes a customer: contracts, won deals or the type in the CRM; and what is a renewal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from orchestration.proposals import stages
from orchestration.proposals.facts import Facts, rules_of
from orchestration.proposals.store import Findings, Proposal, VarProposal, is_plain, reason
from orchestration.proposals.words import Lexicon, counted, listed

SEED = "renewal_types"
HEADING = "What makes a customer"
SHOWN = 5
DAYS_A_MONTH = 30.4
# Gaps between renewals or terms of contracts from which a typical one is taken.
LEAST_TERMS = 10
RENEWALS = Lexicon(
    {
        "renewal": """
            renew, verlanger, erneuer, renouvel, reconduc, renovac, renova, prorrog, prolong,
            verleng, rinnov, folgevertrag, bestandsvertrag, extension de contrat""",
    }
)
CUSTOMERS = Lexicon(
    {
        "former": """
            former, ehemal, ex client, ancien, antiguo, excliente, churn, lost customer, inactive
            customer, gekund, resili, baja""",
        "customer": "customer, kunde, client, klant, =kd, bestandskund, abonn, install base",
        "no customer": "prospect, interess, lead, target, partner, competitor, vendor, supplier",
    }
)


def is_renewal_type(text: str) -> bool:
    """Whether a type of deals is that of renewals, by its words."""
    return bool(text) and bool(RENEWALS.meanings(text))


def propose(facts: Facts, findings: Findings) -> None:
    """Tells where contracts, won deals and the CRM's type disagree, and what that asks for."""
    _propose_renewals(facts, findings)
    last = facts.last_day
    if last is None:
        return
    names = dict(
        facts.rows(
            "select account_id, max_by(value_text, valid_from)"
            " from intermediate.int_account_attributes where attribute = 'account_name'"
            " group by all"
        )
    )
    contracts, terms = _contracts(facts, last)
    won, gaps = _won(facts, stages.outcomes(findings))
    months = int(facts.variables["customer_months"])
    since = last - timedelta(days=round(months * DAYS_A_MONTH))
    by_deal = {account for account, day in won.items() if day >= since}
    by_type = _types(facts)
    said = []
    if contracts is not None:
        said.append(f"a contract in force: {counted(len(contracts), 'account')}")
    said.append(f"a deal won within {months} months: {counted(len(by_deal), 'account')}")
    if by_type is not None:
        said.append(f"the type in the CRM: {counted(len(by_type), 'account')}")
    decides = "contracts" if contracts is not None else "won deals, for no contracts have landed"
    findings.note(HEADING, f"Customers by {'; by '.join(said)}. What decides now: {decides}.")
    sets = {"a contract": contracts, "a won deal": by_deal, "the CRM's type": by_type}
    there = {name: members for name, members in sets.items() if members is not None}
    for name, members in there.items():
        for other, others in there.items():
            only = sorted(names.get(account, account) for account in members - others)
            if other != name and only:
                findings.note(
                    HEADING,
                    f"{counted(len(only), 'account')} by {name} and not by {other}:"
                    f" {listed(only, SHOWN)}.",
                )
    typical = terms if len(terms) >= LEAST_TERMS else gaps
    if contracts is None and len(typical) >= LEAST_TERMS:
        middle = sorted(typical)[len(typical) // 2] / DAYS_A_MONTH
        proposed = max(1, min(60, round(middle * 1.5)))
        if proposed != months:
            findings.values.append(
                VarProposal(
                    "customer_months",
                    proposed,
                    f"customers buy again after {middle:.0f} months (the middle of"
                    f" {len(typical):,} renewals); half as long again leaves time to be late",
                )
            )


def _propose_renewals(facts: Facts, findings: Findings) -> None:
    """Types of deals that are renewals by their words and that no rule knows yet."""
    known = [row["type_pattern"].strip("%") for row in rules_of("activation/renewal_types.csv")]
    rows = [
        {
            "type_pattern": kind,
            "reason": reason(f"Its words say renewal; {counted(deals, 'deal')}"),
        }
        for kind, deals in facts.rows(
            "select lower(opportunity_type), count(distinct crm_opportunity_id)"
            " from intermediate.int_crm_opportunities where opportunity_type is not null"
            " group by all order by all"
        )
        if is_renewal_type(kind)
        and is_plain(kind)
        and "%" not in kind
        and not any(word in kind for word in known)
    ]
    findings.rules.append(Proposal(SEED, rows, "words of deal types"))


def _contracts(facts: Facts, last: date) -> tuple[set[str] | None, list[int]]:
    """Accounts with a contract in force, None where none have landed; days of their terms."""
    rows = facts.rows(
        "select account_id, starts_on, ends_on from intermediate.int_contract_spans"
        " where valid_to = date '9999-12-31' order by all"
    )
    terms = [(end - start).days for _, start, end in rows if end.year < 9000]
    in_force = {account for account, start, end in rows if start <= last <= end}
    return (in_force if rows else None), terms


def _won(facts: Facts, proposed: Mapping[str, str]) -> tuple[dict[str, date], list[int]]:
    """Last day on which each account was won; days from a win to the renewal after it.

    proposed: outcomes by stage, for those that no rule in force knows yet. A further deal that is
    no renewal does not say how long somebody stays a customer.
    """
    last: dict[str, date] = {}
    gaps = []
    days: dict[str, tuple[str, date, bool]] = {}
    for account, deal, stage, said, day, is_renewal, kind in facts.rows(
        "select account_id, crm_opportunity_id, lower(coalesce(stage_name, '')), outcome,"
        " stage_changed_date, is_renewal, opportunity_type"
        " from intermediate.int_opportunity_spans"
        " order by account_id, crm_opportunity_id, valid_from"
    ):
        outcome = said if said != "open" else proposed.get(stage, "open")
        if outcome == "won" and deal not in days:
            days[deal] = account, day, bool(is_renewal) or is_renewal_type(kind or "")
    for account, day, is_renewal in sorted(days.values()):
        if is_renewal and account in last and (day - last[account]).days >= 30:
            gaps.append((day - last[account]).days)
        last[account] = day
    return last, gaps


def _types(facts: Facts) -> set[str] | None:
    """Accounts that the CRM calls customers; None where no type says so of anybody."""
    found = {
        account
        for account, kind in facts.rows(
            "select account_id, max_by(value_text, valid_from)"
            " from intermediate.int_account_attributes where attribute = 'account_type'"
            " group by all order by all"
        )
        if (said := CUSTOMERS.first(("former", "no customer", "customer"), kind or ""))
        and said[0] == "customer"
    }
    return found or None
