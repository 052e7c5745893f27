"""Which stages of deals are open, won or lost, their order, and in which both sides work.

Flags of deals (is_closed, is_won) go before probabilities, those before what becomes of deals in
stage history, and all of them before names. Where little is known the proposal says so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchestration.proposals.facts import Facts, rules_of
from orchestration.proposals.store import UNSURE, Findings, Proposal, is_plain, reason
from orchestration.proposals.words import Lexicon, counted, listed, number_in_front, plain

SEED = "opportunity_stages"
SEED_PATH = "activation/opportunity_stages.csv"
DECIDES = "deal flags, probabilities, stage history, then names"

# Of fewer deals flags and history say little.
FEW = 3
# Of the deals in a stage, those that are open while others are closed, or won while others are
# lost, from which the stage does not say how they end.
APART_MIN_SHARE = 0.1
# Deals that never left a stage, of those that entered it, from which it looks like an end, and up
# to which it is surely none.
ENDS_MIN_SHARE, PASSES_MAX_SHARE = 0.97, 0.6
# CRMs come with 0.5 and more for stages in which both sides work, and under a third before.
COMMITTED_MIN_PROBABILITY, EARLY_MAX_PROBABILITY = 0.5, 0.3
# From which a meeting that is no first one is held by both sides.
NEUTRAL_MIN_PROBABILITY = 0.4
# A stage stands late in history from this place on (0 first, 1 last of the open ones).
LATE_MIN_PLACE, EARLY_MAX_PLACE = 0.6, 0.25

# Meanings of names. An order is won unless it is still being negotiated; `closed` alone says only
# that it is over; a word of waiting makes an end one that is still to come.
LOST, WON, ORDER, CLOSED, SALE = "lost", "won", "order", "closed", "sale"
WAITING, NOT, PARKED, NEED = "waiting", "not", "parked", "need"
STEPS = ("new", "contact", "qualify", "discover", "evaluate", "propose", "negotiate")
# The later step speaks, but who studies a need is still asking.
BY_NAME = ("negotiate", "propose", NEED, "evaluate", "discover", "qualify", "contact", "new")
CLEARLY_COMMITTED = ("evaluate", "propose", "negotiate")
WORDS = Lexicon(
    {
        LOST: """
            lost, verloren, verlust, perdu, perdid, perdit, =perso, =persa, =verlor, reject,
            declin, refus, rechaz, rifiut, afgewezen, abgelehnt, ablehn, absage, abgesagt,
            cancel, annul, anul, storn, abgebrochen, abbruch, abandon, disqual, descalif,
            descart, ^dead, =tot, =tote, =dq, no go, =nogo, unqualif, ausgeschieden, churn,
            gescheitert, echec, echou, fracas, desist, withdraw, zuruckgezogen, dropped, drop
            out, qualified out, duplicat, dublette, doublon, =spam, unterlegen, competitor,
            konkurrenz, concurren, competencia, mitbewerb, wettbewerber, competidor, verworfen,
            archiviert, ecart, elimin, negativ, fallid, recusad, scartat, aufgegeben, geplatzt,
            expired, verfallen, caduc, abgeschrieben, ghost, eingestellt, classee, =classe,
            desestim, unrespons, unreach, stopped, gestoppt, killed, walked, lapsed,
            ausgefallen, infructu, =caida, =caido, frustrad, denegad, irrelevant, disinterest,
            desinteres, unsuccess, erfolglos, infrutt, malsuced, wettbewerb, injoign,
            unerreichb, irreperib, inalcanz, otro, tercero, to another, elsewhere, ailleurs,
            anderswo, altrove, noutro, un autre, altanbieter, bleibt bei, remains with, too
            high, too low, te laat, demasiado, trop, failed, quiet, funkstill, keine reaktion,
            geen reactie, abbandon, aufgehoben, rejete, bad timing, falsches timing, falscher
            zeitpunkt, mauvais moment, out of budget, over budget, insuffis, insufic, zu hoch,
            zu lang, fuera de, =hors, ausserhalb, fuori, went with, chose incumbent, stayed
            with, par un tiers, otro proveedor, autre fournisseur, anderer anbieter,
            anderweitig, andere partij, altro fornitore, outro fornecedor, pulled, gestrichen,
            supprim, retirad, ritirat, =teuer, expensive, =cher, =caro, =duur, manquee,
            terminated, beeindigd, =gone, vanished, disappear, verschwunden, dispar, desaparec,
            moved on, opted out, ausgestiegen, abgesprungen, desengag, geen interesse, turned
            down, passed on us, =perte, pierde, verliert, downgrad, opgezegd, disdett, not
            renewed, no renov, misslung, uitgevallen, fallita, naufrag, funkstille, silen,
            gekundigt, resili, hinfallig, obsolet, rebot, descolg, cayo, fermee sans, gave up,
            afgevallen, vervallen, verlies, bocciat, fallit, cancelad, eliminad, nada, unfit,
            ungeeignet, bad fit, poor fit, too small, zu klein, =trash, =junk, closed out, wrong""",
        WON: """
            =won, inked, gewonnen, gewinn, gagn, ganad, =ganho, =ganha, =vinto, =vinta, vinci,
            signed, =signe, =signee, =signes, firmad, unterschrieb, unterzeichnet, assinad,
            firmat, getekend, closed won, =sold, verkauft, vendu, vendid, =live, go live,
            onboard, accepted, angenommen, =accepte, =acceptee, aceptad, akzeptiert,
            erfolgreich, succes, exito, adjudicad, =adjuge, remport, handover, ubergabe,
            implement, conseguid, lograd, abschluss erfolgt, facturad, facture, invoiced,
            fakturiert, geholt, dach und fach, formalizad, contratad, decroch, victor, =sieg,
            converted, umgewandelt, concretad, =cerrada, =cerrado, erteilt, purchased, gekauft,
            achete, comprad, paid, bezahlt, gegund, akkoord, aangenomen, concluid, fechad, chius
            vint, en service, deployed, =venta, account open, ausgestellt, policy issued,
            =boarding, subscription start, vertrag geschlossen, active customer, renewed,
            verlangert, =renouvele, =renouvelee, reconduit, renovad, rinnovat, prolongad,
            =awarded, =gezeichnet, countersign, contresign, aggiudicat, stipulat, closed
            successfully, expanded, upsold, neukunde, nouveau client, nuevo cliente, finalisee,
            zugesagt""",
        ORDER: """
            =order, orders, order placed, order received, =po, auftrag, beauftrag, zuschlag,
            bestell, commande, pedido, ordine, opdracht, encomenda, =customer, =kunde, =client,
            =cliente, =klant, abschluss, vertragsabschluss, adjudic, attribu, lieferung,
            delivery, encargo, compra realizada, booked, =booking, delivered, =win, geboekt,
            confirmad, bestatigt, confirmed, confirme, confirmee, confermat, bevestigd""",
        CLOSED: """
            closed, geschlossen, abgeschlossen, beendet, cerrad, clos, cloture, ferme, conclu,
            termine, finalizad, erledigt, fertig, afgesloten, gesloten, chius, encerrad,
            completed, done, terminad, finished""",
        SALE: "venta, vente, sale, deal, geschaft, vendita, verkoop, trato, marche, verkauf",
        WAITING: """
            ausstehend, pending, await, attente, pendiente, erwart, espera, waiting, outstand,
            wartet, warten, in vorbereitung, en curso, en cours, laufend, in progress, in
            arbeit, proceso, in corso, em curso, andamento, lopend, provisional, provisor,
            provisio, imminent, inminent, bevorsteh, kurz vor, soon, expected, =vor, en
            preparation, in prufung, under review, ongoing, steht an, en revision, in attesa,
            wacht""",
        NOT: """
            kein, ohne, nicht, sans, =pas, =non, =sin, =no, =not, without, never, geen, niet,
            senza, nessun, =sem, =nao, noch nicht, =nie, jamais, nunca, aucun, ningun, didn,
            wouldn, won t""",
        PARKED: """
            on hold, =hold, paused, =pause, parked, parken, geparkt, pausiert, zuruckgestellt,
            en attente, en pausa, suspend, stall, nurtur, dormant, ruht, ruhend, wiedervorlage,
            aplazad, reporte, =later, spater, plus tard, mas tarde, backlog, verschoben,
            postpon, pospuest, in sospeso, =gele, gelee, congelad, eingefroren, frozen, en
            sommeil, recycl, deferred, vertagt, ausgesetzt, standby, stand by, en pause, snooz,
            long term, langfrist, revisit, warmhalten, dormid, en veille, auf eis, ijskast,
            rimandat, sospes, adiad, geschoben, uitgesteld, in pauze, stilgelegd, next quarter,
            next year, nachstes, prochain, proximo ano, cool off, cooling, sleeping, schlaf,
            hibern, shelved, remis a, em espera, in stand, =ice, mas adelante, recontact, later on,
            wieder aufnehmen, re engage""",
        "negotiate": """
            negotiat, verhandl, =nego, negoci, contrat, contract, vertrag, legal, juridi,
            jurist, ^recht, procure, einkauf, achats, compras, verbal, mundlich, commit,
            closing, redlin, approv, freigab, genehmig, approbation, valid, aprob, signature,
            signatur, unterschrift, =firma, signing, unterzeichnung, bought in, buy in,
            decision, entscheid, decid, beschluss, trattativ, onderhandel, final, letzte,
            abschlussphase, cierre, paperwork, paper process, =msa, =nda, terms, konditionen,
            condition, condicion, budget confirm, budget freigegeben, budget valid, budget
            aprob, best case, aussicht, kurz vor, zusage, accord, acuerd, =loi, of intent,
            absichtserkl, security review, feilsch, last mile, bon pour, arbitrage,
            preisgesprach, rabatt, ratif, schlussrunde, zielgerade, finalis, zeichnung,
            bouclage, vergabe, attribution, award, gremium, board, vorstand, direction generale,
            comite de dir, direccion general, vendor, lieferantenfreigabe, bestellanforderung,
            requisition, nachverhandl, regateo, handover to legal, ultim, dernier, endrunde,
            tratativa, contraprop, gegenangebot, avtal, juridico, mutual plan, close plan,
            stichwahl, finalist, preferred, bevorzugt, compliance, dsgvo, avenant, klausel,
            clausul, clause, bestellung in, avant signature, aval, visto bueno, =paper, =papers,
            infosec, =dpa, commission, red line, rechtsabt, einkaufsabt, ufficio acquisti,
            inkoop, validation, autorizz, autoriz, besluit, delibera, firma pend,
            countersignature, agreement, convention, steering, lenkungs, geschaftsleitung,
            geschaftsfuhrung, direktion, concordat, concord, tekenen, ondertek, firmare,
            assinatura, haggl, last call, =yes, sign off, signoff, handteken, negoz, action
            plan, chiusura, compromis, nachbesser""",
        "propose": """
            propos, propuest, propale, rate card, order form, insertion order, quote, quotat,
            angebot, offer, ofert, offre, offert, devis, presup, cotiz, preis, pricing, =price,
            tender, ausschreib, =rfp, =rfq, =rfi, appel d offres, licita, business case,
            kostenvoranschlag, kostensch, schatzung, preventiv, orcament, propost, voorstel,
            chiffr, estimat, estimac, wirtschaftlich, tarif, kalkul, commercials, commercial
            terms, =sow, statement of work, leistungsbeschreib, valoracion econ, =roi, bepreis,
            economic, =bid, bidding, konditionsblatt, offerte, prijs, prezz, dossier remis,
            cahier des charges, pliego, lastenheft, pflichtenheft, cost, kosten, cout, coste,
            conception commercial, memoire, licenc, paquete, vorschlag, remise de l offre,
            submiss, prijsopgave, begroting, =quoted, soumission, =fee, =fees, cotac, advies,
            honorar, honorair, onorari""",
        NEED: """
            need, bedarf, besoin, necesidad, requerimient, bisogn, behoeft, necessidad,
            anforder, requirement, exigence, requisit, attentes, =wants, wunsch, esigenz,
            expectativ, eisen""",
        "evaluate": """
            evalu, trial, pilot, =poc, =pov, proof, preuve, ^test, teststell, essai, prueba,
            prova, prototyp, assess, bewert, prufung, prufen, demo, ldemo, tdemo, edemo, ndemo,
            technical, technisch, techniqu, tecnic, workshop, atelier, taller, shortlist, short
            list, perception, vergleich, compar, benchmark, sandbox, decision maker, =probe,
            probe, erprob, machbar, feasib, faisab, factib, viabil, vorauswahl, presentac,
            prasent, present, vorfuhr, showcase, vorstellung, =pitch, in review, consensus,
            auswahl, selection, seleccion, concept, konzept, ensayo, maquette, experiment,
            examin, etude, estudio, audit, champion, sponsor, soutenance, stakeholder, komitee,
            comite, committee, musterung, bemuster, muster, sample, muestra, echantillon,
            referenz, reference, fachlich, validacion, testbetrieb, simulation, analyse
            technique, business review, buying committee, vorprufung, inspection, inspecc,
            begeh, aufmass, beurteil, begutacht, verificac, verific, recette, sichtung der
            losung, hands on, mvp, proeftuin, proef, valutaz, beoordel, avaliac, sopralluog,
            vistoria, schouw, bezichtig, dimostraz, demonstr, apresentac, presentaz, aftest,
            testen, collaudo, homolog, qualification technique, try out, ausprobier,
            walkthrough, walk through, site walk, validar tecn, degust, verkost, messung,
            medicion, showroom, besichtig, survey, consideration, visite sur site, visite du
            site, visite de chant, site visit, visita en sitio, visita a obra, ortstermin,
            simulac, kalkulier, massenermitt, campiona, tech win, technical win, panel, vendor
            of choice""",
        "discover": """
            discover, avant vente, presales, pre sales, preventa, use case, anwendungsfall,
            solution, losung, solucion, scoping, =scope, value prop, exigenc, cadrage, alcance,
            diagnos, decouvert, descubr, solutioning, soluzione, oplossing, explor, design,
            entwurf, vor ort, on site, deep dive, aushandlung, skizze, esquisse, immersion,
            levantamiento, analyse, analisis, analysis, recueil, erhebung, ist aufnahme,
            mapping, value, valor, valeur, tiefen, erkund, ontdek, scoperta, relevamient, mapeo,
            current state, ist zustand, ist analyse, etat des lieux, situacion actual, health
            check, blueprint, stato attuale, verkenn, inventaris, approfond, aprofund, configur,
            =fit, solution fit, gap analy, bestandsaufnahme, descobert, rilevament, as is,
            konzeption, =qbr, whiteboard, projektier, intake session, =sizing, dimension""",
        "qualify": """
            qualif, cualif, calific, =bant, meddic, meddpicc, =sql, =sal, =mql, prequal,
            vorquali, abklar, klarung, triage, sondier, ermittl, geeignet, eignung, filtr, =tri,
            pain, problem, potenzialpruf, budget, vorprufen, fit check, gekwalific, validar
            interes, screening, vetting, einordn, precision, scoring, profil, screen, klaren,
            eligib, relevanz, pertinen, vorprufung, precalific, bid no bid, go no go, pruf
            bedarf""",
        "contact": """
            contact, kontakt, outreach, appointment, termin, rendez, =rdv, =cita, reunion,
            meeting, erstgesprach, gesprach, first call, =intro, anruf, appel, llamada,
            angesproch, angeruf, gatekeep, reached out, fact finding, entrevist, interview,
            intake, approach, connect, engag, incontro, afspraak, besuch, visit, kennenlern,
            ansprach, dialog, einladung, invitation, kick off, anbahn, replied, response,
            repondu, contesto, echange, first touch, premier, primera, primer, erst, conversa,
            attempt, relance, touch, nachfass, contatt, contato, =chat, kennismak, chiamat,
            conoscit, riunion, reuniao, primeir, =prima, =primo, eerste, terminier, conversat,
            convo, aangesproken, benader, =met, =spoke, telefonat, entretien, gebeld, chamada,
            ligac, visita, bezoek, erreicht, warm up, respond, follow up, seguimient, call, cita
            agendada, introduc, agendad, meet, brief""",
        "new": """
            =new, =neu, neue, neuer, neukontakt, nouv, nuev, prospec, prospek, prospect, lead,
            suspect, identif, =open, eingang, incoming, inbound, piste, interes, signal, target,
            ziel, pre pipeline, =idea, =idee, untouched, unbearb, nuov, novo, nova, nieuw,
            anfrage, demande, solicitud, consulta, enquiry, inquiry, entrada, entree, entrant,
            erfasst, =raw, potential, potenzial, potenciel, potentiel, created, angelegt,
            opportunity, chance, oportunidad, recherche, research, detect, reper, verdacht,
            aufgenommen, akquise, vorfeld, awareness, =cible, kalt, froid, =frio, =cold,
            hunting, sourc, recib, registr, backlog, suche, buscar, verteil, assigned,
            zugewiesen, asignad, offen, abierta, ouvert, =start, not start, funnel, hello,
            adress, database, datei, liste, detectad, cadastr, nominativ, registro, =fria,
            freddo, fredda, =koud, =koude, handrais, hand rais, =inbox, unworked, working, sales
            accepted, lead review, segnalaz, referral, empfehl, recommand, =eoi, expression of,
            upcoming, anstehend, a venir, bevorstehend, seed, aanvraag, richiest, pedido de
            contato, solicitac, binnengekomen, in arrivo, days out, tage vor, jours avant, dias
            antes, fallig, echeance, vencim, scadenz, logged, expiring, interess, capt""",
    }
)


# A probability that stands in the name of a stage, as in "Solution Fit (40%)".
SHARE = re.compile(r"\b(100|\d{1,2}) ?%")
# A decision that is still to come: go/no-go, bid or no bid.
BOTH_WAYS = re.compile(r"\b(\w+)(?: or| oder| ou| o)? (?:no|not|non|kein|nicht|pas) \1\b")
# An order or signature that is there, unless it is of a draft.
SIGNED = re.compile(
    r"\b(?:\w*unterschrift|signature|firma|po|purchase order|\w*vertrag|contracts?|contrat|"
    r"contrato|contratto|agreement|engagement letter|\w*auftrag|\w*bestellung|commande|pedido|"
    r"ordine|order)\b"
    r".*\b(?:executed|received|in hand|erhalten|liegt vor|eingegangen|eingetroffen|da|recue?|"
    r"recibid[oa]|recebid[oa]|ricevut[oa]|obtenue?|obtenid[oa]|rentree?|ontvangen|binnen|award)\b"
)
# Who buys, which alone in a name says that they have bought.
CUSTOMER = ("customer", "kunde", "client", "cliente", "klant")
# Of a step, such as interest, and of no order.
CONFIRMED = re.compile("confirm|bestat|bevest|conferm")
# Taken on by our own sales: a lead, not an order.
BY_US = re.compile(
    r"\b(?:sales|lead|mql|sql|sal|vertrieb|marketing) (?:accepted|akzeptiert|accept)"
)
TO_REVIEW = re.compile(r"review|lead|klar|a qualifier|por calificar")
TO_COME = re.compile(
    r"\b(?:out|sent|form|aussicht|draft|versendet|verschickt|envoyee?|enviad[oa])\b"
)
# What is missing where there is no deal.
NO_WAY = re.compile(
    r"suite|respo|repon|risp|ruckmeld|feedback|decision|entscheid|fit|viab|budget|interes|inter\w?s|"
    r"retenu|beruck|show|reply|answer|renew|ausgew|select|seleccion"
)
DRAFT = re.compile(r"draft|entwurf|projet|borrador|bozza|concept|minuta")
# Signs that people put where words would stand.
SIGNS = {LOST: "❌💀🚫👎☠🪦⛔", WON: "🏆🎉🥇🎊🍾", PARKED: "⏸💤🧊❄"}
# Words of an end of the deal itself, and not of a step that is done.
ENDED = re.compile(r"\b(closed|geschlossen|abgeschlossen|cerrad|clos\b|clotur|chius|encerrad)")


@dataclass
class Seen:
    """What is known of one stage. Shares and places are 0-1."""

    name: str
    deals: int = 0
    closed: int = 0
    won: int = 0
    record: str | None = None
    """What the CRM's own record says; of several stages of one name, what each of them says."""
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
    rows = [_as_ruled(row) for row in rows_of([*plain_ones.values()])]
    findings.rules.append(Proposal(SEED, rows, DECIDES))


def outcomes(findings: Findings) -> dict[str, str]:
    """What is proposed of each stage's end, by its name in small letters."""
    return {
        row["stage_name"].lower(): row["outcome"]
        for proposal in findings.rules
        if proposal.seed == SEED
        for row in proposal.rows
    }


def _as_ruled(row: dict[str, str]) -> dict[str, str]:
    """Where it is not sure whether both sides work, the rule in force for the stage says it."""
    ruled = next(
        (
            rule
            for rule in rules_of(SEED_PATH)
            if rule["stage_name"].lower() == row["stage_name"].lower()
            and rule["outcome"] == row["outcome"] == "open"
        ),
        None,
    )
    if ruled is None or not row["reason"].startswith(UNSURE):
        return row
    said = row["reason"].removeprefix(UNSURE).strip(" :")
    why = reason(f"{said}; as the rule in force has it: {ruled['reason'].lower()}")
    return row | {"is_committed": ruled["is_committed"], "reason": why}


def rows_of(stages: Sequence[Seen]) -> list[dict[str, str]]:
    """The proposed rows, in the order of the stages."""
    stages = [_with_its_share(stage) for stage in stages]
    if not any(stage.left for stage in stages):
        # No deal was ever seen to leave a stage: that is no history, and says nothing of ends.
        stages = [replace(stage, entered=0) for stage in stages]
    flagged = sum(stage.closed for stage in stages) > 0
    won_flagged = sum(stage.won for stage in stages) > 0
    # Dynamics and Pipedrive keep the end apart: a lost deal stays in the stage it was lost in.
    apart = sum(_ends_apart(stage) for stage in stages) >= 2
    judged = [(stage, *_outcome(stage, flagged, won_flagged, apart)) for stage in stages]
    places = _places([stage for stage, outcome, *_ in judged if outcome == "open"])
    ranks = {name: rank for rank, name in enumerate(places, start=1)}
    rows = []
    for stage, outcome, why, is_sure in judged:
        committed, sure_of_it = False, True
        if outcome == "open":
            place = (ranks[stage.name] - 1) / (len(ranks) - 1) if len(ranks) > 2 else None
            committed, said, sure_of_it = _is_committed(stage, place)
            # A name that says both is given once.
            why = said if said.startswith(why) else f"{why}; {said}"
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


def _with_its_share(stage: Seen) -> Seen:
    """With the probability in its name, as in "Solution Fit (40%)", if nothing else tells it."""
    found = None if stage.probabilities else SHARE.search(stage.name)
    return replace(stage, probabilities=[int(found[1]) / 100]) if found else stage


def _ends_apart(stage: Seen) -> bool:
    """Whether deals of one stage end differently, or not yet."""
    ends = (stage.deals - stage.closed, stage.won, stage.closed - stage.won)
    least = max(FEW, APART_MIN_SHARE * stage.deals)
    return stage.closed >= FEW and sum(each >= least for each in ends) >= 2


def _outcome(
    stage: Seen, flagged: bool, won_flagged: bool, apart: bool = False
) -> tuple[str, str, bool]:
    """open, won or lost; why; and whether that is sure.

    apart: whether deals say for themselves how they end, whatever stage they are in.
    """
    if stage.record and ", " in stage.record:
        outcome = "open" if "open" in stage.record else "won"
        said = f"several stages have this name, which the CRM's records call {stage.record}"
        return outcome, f"{said}; of a deal its own record counts", False
    if stage.record:
        return stage.record, f"{stage.record} by the CRM's own record of the stage", True
    by_name, word, is_clear = outcome_by_name(stage.name)
    if apart and stage.deals and by_name not in (WON, LOST):
        lost = stage.closed - stage.won
        said = (
            f"of its deals {stage.deals - stage.closed:,} are open, {stage.won:,} won and {lost:,}"
            " lost, and each says so itself"
        )
        return "open", said, _ends_apart(stage) or stage.closed == 0
    if flagged and stage.deals:
        share = stage.closed / stage.deals
        if share >= 0.5:
            if won_flagged and 0.1 < stage.won / stage.closed < 0.9 and by_name in (WON, LOST):
                said = f"is_won in {stage.won:,} of {stage.closed:,}, so '{word}' decides"
                return by_name, said, False
            outcome = WON if stage.won > stage.closed / 2 else LOST
            if won_flagged or outcome == WON or by_name == LOST:
                said = f"closed in {stage.closed:,} of {stage.deals:,} and is_won in {stage.won:,}"
                return outcome, said, share >= 0.8
            outcome = WON if by_name == WON else LOST
            return (
                outcome,
                f"closed in {stage.closed:,} of {stage.deals:,}; no deal has is_won",
                False,
            )
        enough = stage.deals >= FEW or by_name == "open"
        if stage.deals >= FEW or by_name != LOST:
            said = f"is_closed in {stage.closed:,} of {stage.deals:,}"
            if by_name in (WON, LOST) or (
                by_name is None and word and not step_by_name(stage.name)
            ):
                return "open", f"{said}, though '{word}' in its name says an end", False
            return "open", said, enough and share <= 0.2
    if won_flagged and stage.deals and stage.won / stage.deals >= 0.5:
        return WON, f"is_won in {stage.won:,} of {stage.deals:,}", True
    probability = stage.probability
    if probability is not None and probability >= 0.995:
        return WON, "its probability is 100%", True
    stays = 1 - stage.left / stage.entered if stage.entered else None
    if probability is not None and 0 < probability < 0.995:
        return "open", f"its probability is {probability:.0%}", True
    if probability == 0 and by_name is None and not step_by_name(stage.name):
        return LOST, "its probability is 0%, and its name says nothing", False
    if probability == 0 and (by_name == LOST or (stays or 0) >= ENDS_MIN_SHARE):
        return LOST, "its probability is 0% and deals end in it", True
    if stays is not None and stage.entered >= FEW:
        seen = f"{stage.left:,} of {stage.entered:,} deals that entered it went on"
        if stays <= PASSES_MAX_SHARE:
            return "open", seen, True
        if stays >= ENDS_MIN_SHARE and by_name in (WON, LOST):
            return by_name, f"{seen}; '{word}' says {by_name}", True
        if stays >= ENDS_MIN_SHARE and by_name is None:
            outcome = WON if stage.paid else LOST
            said = f"{counted(stage.paid, 'account')} of its deals have a contract"
            return outcome, f"{seen}; {said}", False
    if by_name:
        said = f"'{word}' in its name"
        return by_name, said if by_name == "open" else f"{said} says {by_name}", is_clear
    return "open", "nothing says that deals end in it", False


def outcome_by_name(name: str) -> tuple[str | None, str, bool]:
    """What a name says of the end, if anything; its words; and whether that is clear."""
    said = _told(name)
    found = WORDS.meanings(said)
    step = step_by_name(name)
    if decision := BOTH_WAYS.search(said):
        return "open", decision[0], True
    if not found:  # a sign speaks where no word does
        sign = next((each for each, signs in SIGNS.items() if any(s in name for s in signs)), None)
        if sign:
            return "open" if sign == PARKED else sign, "its sign", False
    is_open = WAITING in found and LOST not in found
    if LOST in found and not (TO_REVIEW.search(said) and "qualif" in found[LOST]):
        return "lost", found[LOST], True
    if PARKED in found:
        return "open", found[PARKED], True
    if NOT in found and (WON in found or CLOSED in found):
        return "lost", found[NOT], True
    if NOT in found and step and step[0] in ("contact", "qualify", "new", "propose"):
        # Who was not reached yet is new; who has no need, interest or budget is lost.
        if step[0] == "contact" and not re.search("respon|repon", step[1]):
            return "open", f"{found[NOT]} {step[1]}", False
        return "lost", f"{found[NOT]} {step[1]}", True
    if NOT in found:
        return "lost", found[NOT], bool(NO_WAY.search(said))
    signed = SIGNED.search(said)
    if signed and NOT not in found and not DRAFT.search(said):
        return "won", signed[0], True
    if WON in found and not is_open and not BY_US.search(said):
        return "won", found[WON], True
    if CLOSED in found and not is_open:
        if SALE in found or ORDER in found:
            return "won", f"{found[CLOSED]} {found.get(SALE) or found[ORDER]}", True
        if plain(name) == found[CLOSED]:
            return None, found[CLOSED], False
        if step and not ENDED.search(plain(name)):
            return "open", step[1], True  # a demo that is done
        return "lost", found[CLOSED], False
    if found.get(ORDER) in CUSTOMER and said != found[ORDER]:
        del found[ORDER]
    if ORDER in found and not is_open and (to_come := TO_COME.search(said)):
        return "open", to_come[0], True
    if ORDER in found and not is_open and (step is None or step[0] == "new"):
        if step and CONFIRMED.search(found[ORDER]):
            return "open", step[1], True
        return "won", found[ORDER], True
    if step:
        return "open", step[1], ORDER not in found
    if is_open and (WON in found or ORDER in found):
        return "open", found[WAITING], True
    return None, "", False


def _told(name: str) -> str:
    """The words of a name. What is signed off is approved, and nothing is signed yet."""
    return re.sub(r"\bsigned off\b", "sign off", plain(name))


def step_by_name(name: str) -> tuple[str, str] | None:
    """The step that a name says, and its words."""
    said = _told(name)
    if decision := BOTH_WAYS.search(said):
        return "qualify", decision[0]
    found = WORDS.meanings(said)
    if PARKED in found and not (WAITING in found and any(s in found for s in CLEARLY_COMMITTED)):
        return PARKED, found[PARKED]
    if WAITING in found and (WON in found or ORDER in found):
        return "negotiate", f"{found[WAITING]} {found.get(WON) or found[ORDER]}"
    step = WORDS.first(BY_NAME, said)
    if step and step[0] == NEED and re.search(r"workshop|atelier|taller|laborator", said):
        return "discover", step[1]
    return ("qualify", step[1]) if step and step[0] == NEED else step


# Meetings that say nothing of how far a deal is: not first ones.
NEUTRAL = re.compile(
    r"meet|termin|gesprach|visit|besuch|reunion|riunion|rendez|rdv|cita|call|anruf"
)
FIRST = re.compile(
    r"erst|first|intro|initial|inicial|inizial|prim|premi|kennen|kalt|telef|book|plan"
)


def _is_committed(stage: Seen, place: float | None) -> tuple[bool, str, bool]:
    """Whether both sides work on a deal in an open stage; why; and whether that is sure."""
    found = step_by_name(stage.name)
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
        doubt = (probability is not None and probability < 0.15) or (
            place is not None and place < 0.2 and stage.entered >= FEW
        )
        return True, f"{said}: both sides work on it", not doubt
    if step == "discover":
        early = probability is not None and probability < 0.15
        return not early, f"{said}: both sides spend time on it", not early
    if step in ("new", "contact", "qualify"):
        is_neutral = (
            found is not None
            and step == "contact"
            and NEUTRAL.search(found[1])
            and not FIRST.search(found[1])
        )
        late = (
            probability is not None
            and probability
            >= (NEUTRAL_MIN_PROBABILITY if is_neutral else COMMITTED_MIN_PROBABILITY)
        ) or (
            probability is None
            and place is not None
            and place >= (LATE_MIN_PLACE if is_neutral else 0.75)
            and stage.entered >= FEW
        )
        if late:
            return True, f"{said}: late, so both sides work on it", False
        return False, f"{said}: nobody there has agreed to anything", True
    if probability is not None:
        committed = probability >= 0.4
        between = EARLY_MAX_PROBABILITY < probability < COMMITTED_MIN_PROBABILITY
        return committed, said, not between
    # A place among names alone is a guess; the CRM's order and history are none.
    if place is not None and (stage.order is not None or stage.place is not None):
        committed = place >= 0.5
        return committed, said, place <= EARLY_MAX_PLACE or place >= LATE_MIN_PLACE
    return False, said, False


def _places(stages: Sequence[Seen]) -> list[str]:
    """Names of the open stages in the order in which deals go through them."""

    def by_name(stage: Seen) -> float:
        found = step_by_name(stage.name)
        if found is None:
            return 0.5
        if found[0] == PARKED:
            return 0.0
        return (STEPS.index(found[0]) + 0.5) / len(STEPS)

    # Each evidence gives a place of 0 to 1; the best there is for all stages decides, else a mean.
    numbers = {stage.name: number_in_front(stage.name) for stage in stages}
    probabilities = {stage.name: stage.probability for stage in stages}
    placed = [stage for stage in stages if stage.place is not None]
    if (
        stages
        and all(value is not None for value in probabilities.values())
        and len({*probabilities.values()}) > 1
    ):
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
PLACE = r"(display_?order|sort_?order|reihenfolge)"


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
            said = "won" if is_won else "lost" if is_closed else "open"
            seen.record = ", ".join(sorted({*(seen.record or said).split(", "), said}))
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
    for _, relation, value in facts.fields("stages", PLACE):
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
