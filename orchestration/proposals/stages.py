"""Which stages of deals are open, won or lost, their order, and in which both sides work.

Flags of deals (is_closed, is_won) go before probabilities, those before what becomes of deals in
stage history, and all of them before names. Where little is known the proposal says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestration.proposals.facts import Facts
from orchestration.proposals.store import Findings, Proposal, is_plain, reason
from orchestration.proposals.words import Lexicon, counted, listed, number_in_front

SEED = "opportunity_stages"
DECIDES = "deal flags, probabilities, stage history, then names"

# Of fewer deals flags and history say little.
FEW = 3
# Deals that never left a stage, of those that entered it, from which it looks like an end, and up
# to which it is surely none.
ENDS_MIN_SHARE, PASSES_MAX_SHARE = 0.97, 0.6
# CRMs come with 0.5 and more for stages in which both sides work, and under a third before.
COMMITTED_MIN_PROBABILITY, EARLY_MAX_PROBABILITY = 0.5, 0.3
# A stage stands late in history from this place on (0 first, 1 last of the open ones).
LATE_MIN_PLACE, EARLY_MAX_PLACE = 0.6, 0.35

# Order of meanings by which names are read: what ends a deal goes first, and of two steps the later.
LOST, WON, PARKED = "lost", "won", "parked"
STEPS = ("new", "contact", "qualify", "discover", "evaluate", "propose", "negotiate")
COMMITTED = ("discover", "evaluate", "propose", "negotiate")
CLEARLY_COMMITTED = ("evaluate", "propose", "negotiate")
WORDS = Lexicon(
    {
        LOST: """lost, =loss, verloren, verlust, perdu, perdid, perdit, =perso, =persa, verlor,
            reject, declin, refus, rechaz, rifiut, afgewezen, abgelehnt, ablehn, absage, abgesagt,
            cancel, annul, anul, storn, abgebrochen, abbruch, abandon, disqual, descalif, descart,
            dead, =tot, =tote, no decision, no deal, no go, =nogo, kein interesse, keine, sans suite,
            sin interes, pas interess, no interes, not interested, not qualified, unqualif,
            nicht qualif, no cualif, no calif, no concret, non qualif, non abouti, ausgeschieden,
            churn, gescheitert, echec, fracas, desist, withdrawn, zuruckgezogen, =retire,
            dropped, drop out, qualified out, duplicat, dublette, doublon, =spam, unterlegen,
            competitor, konkurrenz, concurren, competencia, cerrada =sin, cerrado =sin, nicht gewonn,
            not won, non gagn, no ganad, sin exito, sans succes, ohne erfolg, niedergelegt, verworfen,
            archiviert, ecart, elimin, negativ, fallido, fallida, geen interesse, sem interesse,
            recusad, scartat, aufgegeben, geplatzt, expired, verfallen, caduc, abgeschrieben""",
        WON: """=won, gewonnen, gewinn, gagn, ganad, ganh, =vinto, =vinta, vinci, vencid, signed,
            =signe, =signee, =signes, firmad, unterschrieb, unterzeich, assinad, firmat, getekend,
            order received, purchase order, =po received, auftrag, beauftragt, zuschlag, bestell,
            commande, pedido, ordine, bestelling, closed won, =sold, verkauft, vendu, vendid,
            deal done, =customer, =kunde, =client, =cliente, live, go live, onboarding, accepted,
            angenommen, accepte, aceptad, akzeptiert, erfolgreich, success, exito, conclu, adjudic,
            remport, erteilt, handover, ubergabe, implementation, implementier, conseguid, lograd,
            abschluss erfolgt, vertragsabschluss, facturad, invoiced, fakturiert, realis, erfolg""",
        PARKED: """on hold, =hold, paused, =pause, parked, parken, geparkt, pausiert, zuruckgestellt,
            en attente, en pausa, suspend, stalled, nurtur, dormant, ruht, ruhend, wiedervorlage,
            aplazad, reporte, later, spater, plus tard, mas tarde, backlog, verschoben, postpon,
            pospuest, in sospeso, gelee, congelad, eingefroren, frozen""",
        "negotiate": """negotiat, verhandl, =nego, negoci, contrat, contract, vertrag, legal, juridi,
            recht, procure, einkauf, achats, compras, verbal, mundlich, commit, closing, redlin,
            approval, freigab, genehmig, approbation, valid, aprobac, signature, unterschrift, =firma,
            signing, unterzeichnung, bought in, buy in, decision, entscheid, decid, beschluss,
            trattativ, onderhandel, contratt, final, letzte, abschluss, cierre, cloture,
            paperwork, msa, terms, konditionen, conditions, condiciones, budget confirm, forecast,
            best case, zusage, accord, acuerdo, intent, absichtserklarung, security review,
            vendor onboarding, feilsch, last mile, bon pour, arbitrage, tarifgesprach, preisgesprach,
            rabatt, ratif, conclusion, schlussrunde, zielgerade, finalis, zeichn, bouclage""",
        "propose": """propos, quote, quotat, angebot, offer, ofert, offre, offert, devis, presup,
            cotiz, preis, pricing, tender, ausschreib, rfp, rfq, appel d offres, licita, business case,
            kostenvoranschlag, preventiv, orcament, propost, voorstel, bid, chiffr, estimat,
            wirtschaftlichkeit, tarif, kalkul, konzept vorgelegt, valoracion economica""",
        "evaluate": """evalu, trial, pilot, poc, proof, testphase, =test, teststellung, essai, prueba,
            prova, prototyp, assess, bewert, prufung, prufen, demo, technical, technisch,
            techniqu, tecnic, validac, workshop, atelier, taller, shortlist, perception, vergleich,
            compar, benchmark, sandbox, fachpruf, decision maker, probe, erprob, machbar, feasib,
            faisab, factib, vorauswahl, presentac, prasent, present, vorfuhr, showcase,
            vorstellung, pitch, in review, consensus, auswahl, selection, seleccion, concept, konzept,
            ensayo, maquette, experiment, examin, etude, estudio, audit, champion, sponsor""",
        "discover": """discover, solution, losung, solucion, scoping, scope, anforder, value prop,
            exigenc, cadrage, alcance, diagnos, decouvert, descubr, workshop bedarf, solutioning,
            soluzione, oplossing, analysis call, exploration, explor, design, entwurf,
            vor ort, on site, deep dive""",
        "qualify": """qualif, cualif, calific, bedarf, needs, besoin, necesidad, bant, meddic, meddpicc,
            sql, =sal, mql, prequal, vorquali, bisogn, behoeft, necessidad, abklar, klarung, triage,
            sondier, bestimm, ermittl, geeignet, eignung, filtr, tri""",
        "contact": """contact, kontakt, outreach, appointment, termin, rendez, =rdv, cita, reunion,
            meeting, erstgesprach, gesprach, first call, intro, anruf, appel, llamada, angesproch,
            approach, connect, engag, incontro, afspraak, besuch, visit, kennenlern, ansprach,
            dialog, einladung, invitation, kick off, anbahn, replied, response, repondu, contesto""",
        "new": """=new, neu, nouv, nuev, prospec, prospek, lead, suspect, identif, =open, eingang,
            incoming, inbound, piste, interes, intent signal, target, ziel, pre pipeline, idea,
            =idee, untouched, unbearb, sin contactar, a contacter, nuov, novo, nova, nieuw,
            anfrage, demande, solicitud, consulta, enquiry, inquiry, entrada, entree, erfasst,
            raw, potential, potenzial, potenciel, potentiel, created, angelegt, opportunity,
            chance, oportunidad, recherche, research, detect, reper, verdacht, aufgenommen, signal""",
    }
)


@dataclass
class Seen:
    """What is known of one stage. Shares and places are 0-1."""

    name: str
    deals: int = 0
    closed: int = 0
    won: int = 0
    record: str | None = None
    probabilities: list[float] = field(default_factory=list)
    entered: int = 0
    left: int = 0
    place: float | None = None
    order: float | None = None
    paid: int = 0
    """Deals of accounts that have a contract."""

    @property
    def probability(self) -> float | None:
        if not self.probabilities:
            return None
        ordered = sorted(self.probabilities)
        return ordered[len(ordered) // 2]


def propose(facts: Facts, findings: Findings) -> None:
    """Proposes a row for each stage that deals are in or come from."""
    stages = read(facts)
    if not stages:
        findings.note("Stages", "No deals with stages have landed, so no stage is proposed.")
        return
    plain_ones = {key: stage for key, stage in stages.items() if is_plain(stage.name)}
    if odd := [stage.name for key, stage in stages.items() if key not in plain_ones]:
        findings.note(
            "Stages",
            f"Not proposed, for their names hold characters that a file should not: {listed(odd)}."
            " Rename them in the CRM.",
        )
    findings.rules.append(Proposal(SEED, rows_of([*plain_ones.values()]), DECIDES))


def rows_of(stages: Sequence[Seen]) -> list[dict[str, str]]:
    """The proposed rows, in the order of the stages."""
    flagged = sum(stage.closed for stage in stages) > 0
    won_flagged = sum(stage.won for stage in stages) > 0
    judged = [(stage, *_outcome(stage, flagged, won_flagged)) for stage in stages]
    places = _places([stage for stage, outcome, *_ in judged if outcome == "open"])
    ranks = {name: rank for rank, name in enumerate(places, start=1)}
    rows = []
    for stage, outcome, why, is_sure in judged:
        committed, sure_of_it = False, True
        if outcome == "open":
            place = (
                (ranks[stage.name] - 1) / (len(ranks) - 1) if len(ranks) > 2 else None
            )
            committed, said, sure_of_it = _is_committed(stage, place)
            why = f"{why}; {said}"
        rows.append(
            {
                "stage_name": stage.name,
                "is_committed": str(committed).lower(),
                "outcome": outcome,
                "stage_rank": str(ranks.get(stage.name, len(ranks) + 1)),
                "reason": reason(
                    f"{why}; seen in {counted(stage.deals, 'deal')}",
                    unsure=not (is_sure and sure_of_it),
                ),
            }
        )
    return sorted(rows, key=lambda row: (int(row["stage_rank"]), row["outcome"] != "won"))


def _outcome(stage: Seen, flagged: bool, won_flagged: bool) -> tuple[str, str, bool]:
    """open, won or lost; why; and whether that is sure."""
    if stage.record:
        return stage.record, f"{stage.record} by the CRM's own record of the stage", True
    name = WORDS.first((LOST, WON), stage.name)
    step = WORDS.first((PARKED, *reversed(STEPS)), stage.name)
    by_name = name[0] if name else ("open" if step else None)
    # A word of an end beside one of a step: "order negotiation" is a step.
    if name and name[0] == WON and step and step[0] in CLEARLY_COMMITTED:
        by_name = None
    if flagged and stage.deals:
        share = stage.closed / stage.deals
        if share >= 0.5:
            if won_flagged and 0.1 < stage.won / stage.closed < 0.9 and by_name in (WON, LOST):
                said = f"is_won in {stage.won:,} of {stage.closed:,}, so '{name[1] if name else ''}' decides"
                return by_name, said, False
            outcome = WON if stage.won > stage.closed / 2 else LOST
            if won_flagged or outcome == WON or by_name == LOST:
                said = (
                    f"closed in {stage.closed:,} of {stage.deals:,} and is_won in"
                    f" {stage.won:,}"
                )
                return outcome, said, share >= 0.8
            outcome = WON if by_name == WON else LOST
            return outcome, f"closed in {stage.closed:,} of {stage.deals:,}; no deal has is_won", False
        enough = stage.deals >= FEW or by_name == "open"
        if stage.deals >= FEW or by_name != LOST:
            said = f"is_closed in {stage.closed:,} of {stage.deals:,}"
            return "open", said, enough and share <= 0.2
    if won_flagged and stage.deals and stage.won / stage.deals >= 0.5:
        return WON, f"is_won in {stage.won:,} of {stage.deals:,}", True
    probability = stage.probability
    if probability is not None and probability >= 0.995:
        return WON, "its probability is 100%", True
    stays = 1 - stage.left / stage.entered if stage.entered else None
    if probability is not None and 0 < probability < 0.995:
        return "open", f"its probability is {probability:.0%}", True
    if probability == 0 and (by_name == LOST or (stays or 0) >= ENDS_MIN_SHARE):
        return LOST, "its probability is 0% and deals end in it", True
    if stays is not None and stage.entered >= FEW:
        seen = f"{stage.left:,} of {stage.entered:,} deals that entered it went on"
        if stays <= PASSES_MAX_SHARE:
            return "open", seen, True
        if stays >= ENDS_MIN_SHARE and by_name in (WON, LOST):
            return by_name, f"{seen}; '{name[1] if name else ''}' says {by_name}", True
        if stays >= ENDS_MIN_SHARE and by_name is None:
            outcome = WON if stage.paid else LOST
            said = f"{counted(stage.paid, 'account')} of its deals have a contract"
            return outcome, f"{seen}; {said}", False
    if by_name == "open":
        return "open", f"'{step[1] if step else ''}' in its name", True
    if by_name:
        return by_name, f"'{name[1] if name else ''}' in its name says {by_name}", stays is None
    if name and step:
        return "open", f"'{step[1]}' beside '{name[1]}' in its name", False
    return "open", "nothing says that deals end in it", False


def _is_committed(stage: Seen, place: float | None) -> tuple[bool, str, bool]:
    """Whether both sides work on a deal in an open stage; why; and whether that is sure."""
    found = WORDS.first((PARKED, *reversed(STEPS)), stage.name)
    probability = stage.probability
    step = found[0] if found else None
    seen = []
    if probability is not None:
        seen.append(f"probability {probability:.0%}")
    if found:
        seen.append(f"'{found[1]}' in its name")
    elif place is not None:
        seen.append(f"place {place:.0%} on the way to the end")
    said = " and ".join(seen) or "nothing says how far it is"
    if step == PARKED:
        return False, f"{said}: nobody works on it", True
    if probability is not None and not 0 < probability < 1:
        probability = None
    if step in CLEARLY_COMMITTED:
        doubt = probability is not None and probability < 0.15 or (
            place is not None and place < 0.2 and stage.entered >= FEW
        )
        return True, f"{said}: both sides work on it", not doubt
    if step == "discover":
        early = probability is not None and probability < 0.15
        return not early, f"{said}: both sides spend time on it", not early
    if step in ("new", "contact", "qualify"):
        late = (probability is not None and probability >= COMMITTED_MIN_PROBABILITY) or (
            probability is None and place is not None and place >= 0.75 and stage.entered >= FEW
        )
        if late:
            return True, f"{said}: late, so both sides work on it", False
        return False, f"{said}: nobody there has agreed to anything", True
    if probability is not None:
        committed = probability >= 0.4
        between = EARLY_MAX_PROBABILITY < probability < COMMITTED_MIN_PROBABILITY
        return committed, said, not between
    if place is not None and stage.order is not None:
        committed = place >= 0.5
        return committed, said, place <= EARLY_MAX_PLACE or place >= LATE_MIN_PLACE
    return False, said, False


def _places(stages: Sequence[Seen]) -> list[str]:
    """Names of the open stages in the order in which deals go through them."""

    def by_name(stage: Seen) -> float:
        found = WORDS.first((PARKED, *reversed(STEPS)), stage.name)
        if found is None:
            return 0.5
        if found[0] == PARKED:
            return 0.0
        return (STEPS.index(found[0]) + 0.5) / len(STEPS)

    # Each evidence gives a place of 0 to 1; the best there is for all stages decides, else a mean.
    numbers = {stage.name: number_in_front(stage.name) for stage in stages}
    probabilities = {stage.name: stage.probability for stage in stages}
    placed = [stage for stage in stages if stage.place is not None]
    if stages and all(value is not None for value in probabilities.values()) and len(
        {*probabilities.values()}
    ) > 1:
        main = {name: value or 0.0 for name, value in probabilities.items()}
    elif len(placed) == len(stages) and stages:
        main = {stage.name: stage.place or 0.0 for stage in stages}
    elif all(stage.order is not None for stage in stages) and stages:
        main = {stage.name: stage.order or 0.0 for stage in stages}
    elif all(value is not None for value in numbers.values()) and stages:
        main = {name: float(value or 0) for name, value in numbers.items()}
    else:
        known = [s.place for s in placed if s.place is not None]
        main = {
            stage.name: stage.place
            if stage.place is not None
            else by_name(stage) * (max(known) if known else 1.0)
            for stage in stages
        }
    ordered = sorted(
        stages,
        key=lambda s: (
            main[s.name],
            s.place if s.place is not None else by_name(s),
            numbers[s.name] or 0,
            by_name(s),
            s.name,
        ),
    )
    return [stage.name for stage in ordered]


# --- reading --------------------------------------------------------------------------------------

PROBABILITY = r"(probab|wahrscheinlich|vraisemblan)"
ORDER = r"(display_?order|sort_?order|reihenfolge)"


def read(facts: Facts) -> dict[str, Seen]:
    """What is known of each stage, by its name in lower case."""
    stages: dict[str, Seen] = {}
    names = _read_records(facts, stages)
    for stage_name, stage_id, deals, closed, won in facts.rows(
        "select stage_name, stage_id, count(distinct crm_opportunity_id),"
        " count(distinct crm_opportunity_id) filter (is_closed),"
        " count(distinct crm_opportunity_id) filter (is_won)"
        " from intermediate.int_crm_opportunities"
        " where not is_deleted and coalesce(stage_name, stage_id) is not null"
        " group by all order by all"
    ):
        seen = _stage(stages, stage_name or names.get(stage_id, stage_id))
        seen.deals += deals
        seen.closed += closed
        seen.won += won
    _read_history(facts, stages)
    _read_fields(facts, stages, names)
    return stages


def _stage(stages: dict[str, Seen], name: str) -> Seen:
    return stages.setdefault(name.lower(), Seen(name))


def _read_records(facts: Facts, stages: dict[str, Seen]) -> dict[str, str]:
    """Names by stage id, of CRMs that keep stages as records; what those say is noted."""
    records = facts.kind("stages", ["stage_id", "stage_name", "is_closed", "is_won", "version_at"])
    rows = facts.rows(
        "select stage_id, max_by(stage_name, version_at), max_by(cast(is_closed as boolean),"
        f" version_at), max_by(cast(is_won as boolean), version_at) from {records}"
        " where stage_id is not null group by stage_id order by stage_id"
    )
    # Where no record is an end, nobody filled the marks in.
    is_marked = any(row[2] or row[3] for row in rows)
    for stage_id, name, is_closed, is_won in rows:
        seen = _stage(stages, name or stage_id)
        if is_marked:
            seen.record = "won" if is_won else "lost" if is_closed else "open"
    return {stage_id: name or stage_id for stage_id, name, *_ in rows}


def _read_history(facts: Facts, stages: dict[str, Seen]) -> None:
    """Who entered and left a stage, and how far it stands on the way, by the days of deals."""
    moves: dict[str, dict[str, int]] = {}
    for name, next_name, deals in facts.rows(
        """
        with seen as (
            select crm_opportunity_id, stage_name, min(valid_from) as first_day,
                min(version) as version
            from (
                select *, row_number() over (
                    partition by crm_opportunity_id order by valid_from, valid_to
                ) as version
                from intermediate.int_opportunity_stages where stage_name is not null
            ) as numbered
            group by all
        ),
        pairs as (
            select one.stage_name, other.stage_name as next_name
            from seen as one
            inner join seen as other
                on one.crm_opportunity_id = other.crm_opportunity_id
                and one.version < other.version
        )
        select stage_name, next_name, count(*) from pairs group by all
        union all
        select stage_name, null, count(*) from seen group by all
        order by all
        """
    ):
        seen = _stage(stages, name)
        if next_name is None:
            seen.entered = deals
        else:
            moves.setdefault(name.lower(), {})[next_name.lower()] = deals
            _stage(stages, next_name)
    for name, deals in facts.rows(
        """
        select stage_name, count(distinct crm_opportunity_id)
        from (
            select *, lead(stage_name) over (
                partition by crm_opportunity_id order by valid_from, valid_to
            ) as next_name
            from intermediate.int_opportunity_stages where stage_name is not null
        ) as steps
        where next_name is not null and lower(next_name) != lower(stage_name)
        group by stage_name order by stage_name
        """
    ):
        _stage(stages, name).left = deals
    for name, deals in facts.rows(
        """
        select stages.stage_name, count(distinct stages.crm_opportunity_id)
        from intermediate.int_opportunity_stages as stages
        inner join intermediate.int_opportunity_spans as spans
            on stages.crm_opportunity_id = spans.crm_opportunity_id
        inner join intermediate.int_contract_spans as contracts
            on spans.account_id = contracts.account_id
        where stages.stage_name is not null
        group by stages.stage_name order by stages.stage_name
        """
    ):
        _stage(stages, name).paid = deals
    for name, seen in stages.items():
        # Against each stage that deals share with it: whether it comes after it.
        after = []
        for other in stages:
            back, forth = moves.get(other, {}).get(name, 0), moves.get(name, {}).get(other, 0)
            if other != name and back + forth >= FEW:
                after.append((back + 0.5) / (back + forth + 1))
        if after:
            seen.place = sum(after) / len(after)


def _read_fields(facts: Facts, stages: dict[str, Seen], names: Mapping[str, str]) -> None:
    """Probabilities and places in order that deals, or the records of stages, bring along."""
    found: dict[str, list[float]] = defaultdict(list)
    for kind in ("stages", "opportunities"):
        for _, relation, value in facts.fields(kind, PROBABILITY):
            for name, text in facts.rows(
                f"select coalesce(staged.stage_name, staged.stage_id), {value}"
                f" from {relation} where {value} is not null order by all"
            ):
                if name and (number := _number(text)) is not None:
                    found[names.get(name, name).lower()].append(number)
    # A probability is 0 to 1 or 0 to 100 (%); one above 1 tells which.
    most = max((number for values in found.values() for number in values), default=0.0)
    for name, values in found.items():
        if name in stages:
            stages[name].probabilities = [v / 100 if most > 1 else v for v in values]
    for _, relation, value in facts.fields("stages", ORDER):
        for name, text in facts.rows(
            f"select coalesce(staged.stage_name, staged.stage_id), {value} from {relation}"
            f" where {value} is not null order by all"
        ):
            if name and names.get(name, name).lower() in stages:
                stages[names.get(name, name).lower()].order = _number(text)


def _number(text: object) -> float | None:
    try:
        number = float(str(text).strip().rstrip("%").strip().replace(",", "."))
    except ValueError:
        return None
    return number if 0 <= number <= 10_000 else None
