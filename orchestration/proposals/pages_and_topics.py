"""What pages of the site are, by their paths, and which topics intent providers deliver."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from orchestration.proposals.facts import Facts, rules_of
from orchestration.proposals.store import Findings, Proposal, is_plain, reason
from orchestration.proposals.words import Lexicon, counted

PAGES, TOPICS = "page_types", "intent_topics"
PAGES_DECIDE, TOPICS_DECIDE = "words in paths, by frequency", "what providers deliver, by frequency"
SHOWN = 15
# Paths with fewer visits are not worth a rule.
LEAST_VISITS = 5
KINDS = ("sent", "service_page", "docs_page", "trial", "pricing_page")
WORDS = Lexicon(
    {
        "sent": """
            thank, danke, merci, gracias, confirm, bestat, success, submitted, bedankt, grazie,
            obrigad, erfolg, envoye, enviado""",
        "service_page": """
            login, log in, signin, sign in, anmeld, connexion, acceso, iniciar sesion, account,
            konto, compte, cuenta, career, karriere, carrier, =jobs, =job, stellen, emploi,
            recrut, empleo, trabaja, support, helpdesk, help center, hilfe, =aide, ayuda, status,
            imprint, impressum, mentions legales, aviso legal, privacy, datenschutz,
            confidential, privacidad, cookie, terms, =agb, =cgv, =cgu, unsubscribe, abmeld,
            desabonn, vacature, password, passwort, kundenportal, customer portal, werken bij,
            lavora""",
        "docs_page": """
            =docs, =doc, documentation, dokumentation, documentac, =api, reference, developer,
            entwickler, knowledge base, wissensdatenbank, changelog, release notes, handbuch,
            manual, manuel, tutorial""",
        "trial": "trial started, trial welcome, signup complete, test gestartet, essai demarre",
        "pricing_page": """
            pricing, price, =preise, preis, tarif, prix, precio, =plans, cost, kosten, cout,
            coste, calculator, kalkulator, rechner, calculat, simulateur, calculadora, quote,
            angebot, devis, presupuesto, prijzen, prezzi, precos, editions, pakete, forfait,
            planes""",
    }
)
FORMS = Lexicon(
    {
        "form": """
            demo, contact, kontakt, contacto, anfrage, demande, solicit, request, termin, offer,
            trial, test, quote, angebot, devis, newsletter, download, whitepaper, webinar""",
    }
)


def propose(facts: Facts, findings: Findings) -> None:
    """Proposes page types and topics."""
    _propose_pages(facts, findings)
    _propose_topics(facts, findings)


def _propose_pages(facts: Facts, findings: Findings) -> None:
    rules = rules_of("signals/page_types.csv")
    known = [_like(rule["path_pattern"]) for rule in rules if rule["path_pattern"] != "%"]
    taken = {int(rule["rule_rank"]) for rule in rules}
    visits: dict[str, Counter[str]] = defaultdict(Counter)
    unknown: Counter[str] = Counter()
    for path, count in facts.rows(
        "select page_path, count(*) from staging.stg_segment__pages group by all"
        " having page_path is not null order by all"
    ):
        if any(pattern.match(path) for pattern in known):
            continue
        parts = [part for part in path.split("/") if part]
        place, kind = _kind_of(parts)
        if kind and place is not None:
            visits["/" + "/".join(parts[: place + 1])][kind] += count
        elif parts:
            unknown[f"/{parts[0]}"] += count
    rows = []
    rank = 0
    for path, kinds in sorted(visits.items(), key=lambda item: (-sum(item[1].values()), item[0])):
        count = sum(kinds.values())
        if count < LEAST_VISITS or not is_plain(path) or "%" in path:
            continue
        rank = next(number for number in range(rank + 1, rank + 1000) if number not in taken)
        kind = kinds.most_common(1)[0][0]
        rows.append(
            {
                "rule_rank": str(rank),
                "path_pattern": f"{path}%",
                "activity_type": kind,
                "reason": reason(f"Its path says so; {counted(count, 'visit')}"),
            }
        )
        taken.add(rank)
    # The first rule that matches holds, so what names more of a path goes first.
    ranks = sorted(int(row["rule_rank"]) for row in rows)
    rows.sort(key=lambda row: (-len(row["path_pattern"]), row["path_pattern"]))
    rows = [{**row, "rule_rank": str(rank)} for row, rank in zip(rows, ranks, strict=True)]
    findings.rules.append(Proposal(PAGES, rows, PAGES_DECIDE))
    often = [(path, count) for path, count in unknown.most_common() if count >= LEAST_VISITS]
    if often:
        findings.note(
            "Pages that count as any page, by visits",
            *(f"{path}: {counted(count, 'visit')}" for path, count in often[:SHOWN]),
        )


def _kind_of(parts: list[str]) -> tuple[int | None, str | None]:
    """The part of a path that says what the page is, and the type of the act."""
    for place, part in enumerate(parts):
        found = WORDS.first(KINDS, part)
        if found is None:
            continue
        if found[0] != "sent":
            return place, found[0]
        if FORMS.meanings(*parts[: place + 1]):
            return place, "form"
    return None, None


def _propose_topics(facts: Facts, findings: Findings) -> None:
    known = {
        (row["provider"].lower(), row["topic"].lower())
        for row in rules_of("signals/intent_topics.csv")
    }
    scores = facts.kind("intent_scores", ["provider", "topic", "domain"])
    found = facts.rows(
        f"select provider, topic, count(*), count(distinct domain) from {scores}"
        " where topic is not null and provider is not null group by all order by 3 desc, 1, 2"
    )
    rows = [
        {
            "provider": provider,
            "topic": topic,
            "topic_cluster": topic,
            "weight": "1",
            "reason": reason(
                f"{provider} delivers it: {counted(reports, 'score')} of"
                f" {counted(domains, 'company', 'companies')}; put topics that mean one thing into"
                " one cluster, and delete what is not yours",
                unsure=len(found) > SHOWN,
            ),
        }
        for provider, topic, reports, domains in found
        if (provider.lower(), topic.lower()) not in known and is_plain(topic) and is_plain(provider)
    ]
    findings.rules.append(Proposal(TOPICS, rows, TOPICS_DECIDE))


def _like(pattern: str) -> re.Pattern[str]:
    parts = {"%": ".*", "_": "."}
    return re.compile(
        "".join(parts.get(letter, re.escape(letter)) for letter in pattern) + r"\Z", re.DOTALL
    )
