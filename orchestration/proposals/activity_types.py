"""What activities of the CRM are: from their kind, subtype and outcome, in several languages.

Proposed is a row for each combination that no rule knows, and for those that only a rule for
anything else catches though their words say more. What the words do not tell is listed and not
guessed at: an internal note is no act of anybody.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from re import DOTALL, escape, match

from orchestration.proposals.facts import Facts, rules_of
from orchestration.proposals.store import Findings, Proposal, is_plain, reason
from orchestration.proposals.words import Lexicon, counted, listed, plain

SEED = "crm_activity_types"
DECIDES = "words of type, subtype and outcome"
SEED_PATH = "signals/crm_activity_types.csv"
# Ranks of proposed rows: behind all that come with the project, or in front of them where such a
# rule would catch the row first.
BEHIND, IN_FRONT = 1_000, -1_000
SHOWN_AS_UNKNOWN = 10

KINDS: tuple[str, ...] = (
    "nothing",
    "online_meeting",
    "mail_campaign",
    "webinar",
    "fair",
    "form",
    "trial",
    "linkedin",
    "message",
)
KINDS += ("mail", "meeting", "call", "letter", "follow_up", "todo")
NO_ACTS = ("nothing", "todo")
WORDS = Lexicon(
    {
        # Work of our own that reaches nobody.
        "nothing": "internal, intern, interne, interno, admin, datenpflege, data entry",
        "todo": """
            =note, notiz, remarque, =nota, aufgabe, to do, =todo, tache, tarea, erinner,
            reminder, recordatorio, wiedervorlage, =task, taak, recherche, research,
            vorbereitung""",
        "mail_campaign": """
            newsletter, mailing, email blast, mass mail, massen, mail merge, serienmail,
            serienbrief, rundmail, infolettre, boletin, emailing, e mailing, drip, sequence mail
            campaign""",
        "online_meeting": """
            visio, videoconf, videokonf, webkonf, webconf, videocall, videollam, videochiam,
            videochamad, videogesprach, video call, telefonkonf, teleconf, telekonf, audioconf,
            conference call, conf call, appel conf, telko, online meeting, web meeting""",
        "webinar": """
            webinar, webinair, seminaire en ligne, online seminar, seminario web, webcast,
            virtual event, live stream, web seminar, seminario online""",
        "fair": """
            trade show, tradeshow, messe, salon, feria, fiera, =fair, conference, konferenz,
            conferencia, congres, kongress, congreso, =event, =evento, =evenement, veranstalt,
            roundtable, round table, stammtisch, tagung, =expo, exhibition, exposi, summit,
            forum, beurs, kundentag, journee, jornada, symposium, roadshow, road show,
            hausmesse, user group, matinee, soiree, seminar, seminaire, seminario""",
        "form": """
            =form, formular, formulair, download, telecharg, descarg, herunterlad, whitepaper,
            white paper, livre blanc, ebook, e book, content, leitfaden, guide, =guia,
            registration, anmeldung, inscription, inscripc, contact request, kontaktanfrage,
            demande de contact, webformular, landing page, checklist, studie, ratgeber, libro
            blanco""",
        "trial": """
            trial, teststart, testbeginn, testversion, teststellung, testzugang, testphase,
            essai, prueba gratis, periodo de prueba, =prueba, pilot, =poc, proof of concept,
            sandbox, probezeit, demozugang""",
        "linkedin": """
            linkedin, linked in, inmail, xing, =sn, sales navigator, social, reseau social""",
        "message": """
            =sms, whatsapp, whats app, =chat, messenger, =message, =messages, nachricht,
            mensaje, texto, slack, messaggi, mensage, recado, teams nachricht, telegram,
            instant, messaggio, kurznachricht, bericht, wechat, viber""",
        "mail": """
            mail, email, correo, courriel, =mel, posta elettronica, sequence, anschreiben,
            =posta, smail, nmail, omail""",
        # By mail, where nothing says by telephone.
        "follow_up": "follow up, nachfass, relance, seguimiento, opvolg",
        "meeting": """
            meeting, besprech, termin, reunion, =rdv, rendez, =cita, visit, besuch, visite,
            demo, prasent, present, workshop, atelier, taller, video, zoom, webex, vor ort, on
            site, onsite, kick off, entrevista, entretien, kundengesprach, =gesprach, beratung,
            afspraak, incontro, riunione, vorfuhr, lunch, dejeuner, mittagessen, almuerzo,
            appointment, dejeun, cafe, treffen, face to face, presenciel, presencial,
            beratungsgesprach, jour fixe, begehung, conferenc call, teams, kennenlern, showroom,
            encuentro, comida, werksfuhr, sitzung, seance, demostrac, tour, besichtig, briefing,
            bezoek, riunion, reuniao, rencontre, colloqui, sopralluog, dimostraz, apresentac,
            dinner, abendessen, =diner, cena, =coffee, kaffee, desayuno, colazione, pranzo,
            entrevist, vergader, gesprek, bijeenkomst, begegn, inspection, audit, ^formation,
            walkthrough, walk through,
            schulung, training""",
        "call": """
            call, anruf, telefon, =appel, =appels, llamad, tel, phone, ruckruf, chiamat, gebeld,
            belletje, fernsprech, cold, kaltakquise, rappel, phoning, dial, akquise, bellen,
            ligac, contacto telef, coup de fil, chamad, belpoging""",
        "letter": """
            =letter, postcard, =brief, =briefe, courrier, =lettre, =carta, postkarte, post card,
            paket, geschenk, cadeau, regalo, =gift, direct mail, postal, brochure, broschure,
            prospekt, folleto, flyer, catalog""",
    }
)
OUTCOMES = ("bounced", "no_show", "voicemail", "unreached", "reached", "cancelled")
# Nobody is absent from a call: that they were says why there is a message.
CALLED = ("voicemail", "unreached", "reached")
SAID = Lexicon(
    {
        "bounced": """
            bounce, unzustell, non remis, no entregad, hard bounce, undeliver, rebot, retour""",
        "no_show": """
            no show, noshow, nicht erschien, absent, no asist, no present, no se present, non
            presente, ausgeblieben, versetzt, pas venu, ferngeblieb, ausente, inasist, did not
            attend, nicht gekommen, not attended, lapin, planton""",
        "voicemail": """
            voicemail, voice mail, mailbox, anrufbeantworter, messagerie, repondeur, buzon,
            contestador, =ab, =vm, left message, nachricht hinterlassen, message laisse, mensaje
            dejado, segreteria, left vm, boite vocale, mailbox besprochen, laisse un message,
            dejo mensaje, dejado mensaje, sprachnachricht, voicebox, antwoordapparaat, caixa
            postal, ingesproken, auf band, voice mess, left a mess, left mess, deje mens, deje
            rec, mensagem deixad, correio de voz, message vocal, mensaje de voz, messaggio
            lasciat""",
        "unreached": """
            nicht erreicht, unreach, niemand, no answer, keine antwort, unbeantwortet, nicht
            abgenommen, pas de reponse, sans reponse, injoignable, non joint, pas joint, sin
            respuesta, no contest, no respond, no localiz, no disponible, besetzt, occupe,
            ocupad, comunica, =busy, wrong number, falsche nummer, kein anschluss, mauvais
            numero, faux numero, numero equivoc, missed, verpasst, manque, perdida, not
            connected, nicht verbunden, not reached, nobody, nicht angetroffen, nadie, personne,
            geen gehoor, non risponde, ilocaliz, pas abouti, nicht da, abwesend, nichts, sonne
            dans le vide, attempted, versuch, tentative, intento, indisponible, nicht verfugbar,
            unavailable, ohne erfolg, fehlgeschlag, occupat, sin contestar, pas joignable, no
            reply, nummer falsch, bezet, nao atend, repond pas, repondu pas, ring out, rang out,
            no pick, hung up, aufgelegt, raccroch, colgo, no conecta, did not pick, didn t pick,
            nimmt nicht, ging nicht, niet bereik, niet opgenomen, nessuna risposta, sem
            resposta, geht nicht, numero non""",
        "reached": """
            connected, reached, erreicht, gesprochen, gesprach, verbunden, spoke, talked, joint,
            parle, abouti, hablad, contactad, conectad, atendi, contesto, contestad, answered,
            beantwortet, completed call, live conversation, decroche, discute, repondu,
            abgenommen, localizad, habl, echange, conversa, contact etabli, durchgestellt,
            bereikt, parlato, gesproken, interessiert, interested, interess, positive, positiv,
            unterhalten, interesad, exito, efectiv, convo, live c, chatted, discussion, parlo,
            gesproch, opgenomen, falou, atendeu, risposto, abgehoben, entretien, rappel demande,
            callback, ruckruf vereinbart, termin vereinbart, meeting booked""",
        "cancelled": "cancel, abgesagt, annul, cancelad, anulad, storniert, verschoben, reporte",
    }
)
INBOUND = Lexicon(
    {
        "inbound": """
            inbound, incoming, eingehend, eingang, entrant, recu, recibid, =in, erhalten,
            received, antwort, =reply, replied, reponse, respuesta, ankommend, hereinkommend,
            ruft uns, hereinbekomm, kundenanruf, appel client, =von kunde, ricevut, ontvangen,
            inkommend, rucklauf, contestacion, ruckmeld, recebid, in arrivo, in entrata,
            empfangen, binnenkom, inkomend, retour client, nous a, meldet sich, wrote back, came
            in, risposta, resposta, antwoord, arrivee""",
        "outbound": """
            outbound, outgoing, ausgehend, ausgang, sortant, emis, saliente, =out, enviad,
            gesendet, envoye, sent, verschickt, versandt, realizada, gehend""",
    }
)
# Words of an answer, which is theirs whatever it came by.
ANSWERS = re.compile(r"repl|antwort|repon|respuest|rispost|respost|antwoord|ruckmeld")
# In front of a word that they were reached: they were not. Who is not interested was reached.
DENIED = re.compile(
    r"\b(?:no|not|nicht|non|niet|nao|kein\w*|pas|sin|sans|didn t|never|ohne|geen|sem|nunca|"
    r"jamais)\b"
)
# Types of acts; those of calls, mails and meetings hang on how they went.
PLAIN = {
    "mail_campaign": "touch_marketing_email",
    "webinar": "webinar",
    "fair": "event",
    "form": "form",
    "trial": "trial",
    "linkedin": "touch_linkedin",
    "letter": "touch_message",
}
COPIED = ("touch_email", "touch_linkedin", "reply", "reply_call", "reply_message", "meeting")


@dataclass(frozen=True)
class Kind:
    """A combination that activities have; texts are lower case, as the models compare them."""

    table: str
    kind: str
    subkind: str
    disposition: str
    acts: int

    @property
    def words(self) -> str:
        said = [self.kind or "no type", self.subkind, self.disposition]
        return f"{self.table}: {' / '.join(each for each in said if each)}"


def propose(facts: Facts, findings: Findings) -> None:
    """Proposes a row for each combination that the rules do not tell well."""
    kinds = read(facts)
    rows, unknown = rows_of(kinds, rules_of(SEED_PATH))
    findings.rules.append(Proposal(SEED, rows, DECIDES))
    if unknown:
        findings.note(
            "Activity types",
            "Left as they are, for nothing says that they are an act of anybody:"
            f" {listed([f'{k.words} ({k.acts:,})' for k in unknown], SHOWN_AS_UNKNOWN)}."
            " Activities of these types count for nothing.",
        )
    if not kinds:
        findings.note("Activity types", "No activities have landed, so none is proposed.")


def read(facts: Facts) -> list[Kind]:
    """The combinations that activities have, the most frequent first."""
    acts = facts.kind(
        "activities",
        ["source_system", "source_table", "activity_kind", "activity_subkind", "disposition"]
        + ["campaign_id", "act_id"],
    )
    campaigns = facts.kind(
        "campaigns", ["source_system", "crm_campaign_id", "campaign_type", "version_at"]
    )
    return [
        Kind(*row)
        for row in facts.rows(
            f"""
            with campaigns as (
                select source_system, crm_campaign_id,
                    min_by(lower(campaign_type), version_at) as campaign_type
                from {campaigns} group by all
            )
            select acts.source_table,
                coalesce(acts.activity_kind, campaigns.campaign_type, '') as kind,
                coalesce(acts.activity_subkind, ''), coalesce(acts.disposition, ''),
                count(distinct acts.act_id) as acts
            from {acts} as acts
            left join campaigns
                on acts.source_system = campaigns.source_system
                and acts.campaign_id = campaigns.crm_campaign_id
            where acts.source_table is not null
            group by all order by 5 desc, 1, 2, 3, 4
            """
        )
    ]


def rows_of(
    kinds: Sequence[Kind], rules: Sequence[dict[str, str]]
) -> tuple[list[dict[str, str]], list[Kind]]:
    """The proposed rows, and the combinations of which nothing is known."""
    ordered = sorted(rules, key=lambda rule: int(rule["rule_rank"]))
    taken = {int(rule["rule_rank"]) for rule in rules}
    rows: list[dict[str, str]] = []
    unknown: list[Kind] = []
    counts: Counter[str] = Counter()
    for kind in kinds:
        rule = next((rule for rule in ordered if _matches(rule, kind)), None)
        judged = judge(kind)
        if judged is None:
            if rule is None:
                unknown.append(kind)
            continue
        activity_type, why, is_sure = judged
        if rule is not None and (
            rule["activity_type"] == activity_type or not _is_better(rule, kind, is_sure)
        ):
            continue
        if not all(
            is_plain(text) or not text for text in (kind.kind, kind.subkind, kind.disposition)
        ):
            unknown.append(kind)
            continue
        place = "front" if rule is not None else "behind"
        counts[place] += 1
        rank = (IN_FRONT if place == "front" else BEHIND) + counts[place]
        while rank in taken:
            counts[place] += 1
            rank += 1
        taken.add(rank)
        rows.append(
            {
                "rule_rank": str(rank),
                "source_table": kind.table,
                "kind_pattern": kind.kind,
                "subkind_pattern": kind.subkind,
                "disposition_pattern": kind.disposition,
                "activity_type": activity_type,
                "counts_copies_once": str(activity_type in COPIED).lower(),
                "reason": reason(
                    f"{why}; {counted(kind.acts, 'activity', 'activities')}", unsure=not is_sure
                ),
            }
        )
    return rows, unknown


def judge(kind: Kind) -> tuple[str, str, bool] | None:
    """The type of an act, why, and whether that is sure; None where it is nobody's act."""
    table = kind.table.replace("_", " ")
    by_kind = WORDS.first(KINDS, kind.kind)
    found = by_kind
    if found is None or found[0] in NO_ACTS:
        found = WORDS.first([each for each in KINDS if each not in NO_ACTS], kind.subkind)
        if found is None and by_kind is not None:
            return None
    is_named = found is not None
    if found is None and kind.table not in ("task", "event", "campaign_member"):
        found = WORDS.first(KINDS, table)
    order = CALLED if found and found[0] == "call" else OUTCOMES
    outcome = said_by(kind.disposition, order) or said_by(kind.kind, order)
    if found is None and kind.table == "event":
        found = ("meeting", "an entry in the calendar")
    if found is None and outcome and outcome[0] in ("voicemail", "unreached", "reached"):
        found = ("call", outcome[1])
    answer = INBOUND.first(("inbound", "outbound"), kind.kind)
    if found is None and kind.table == "task" and answer and ANSWERS.search(answer[1]):
        return "reply", f"'{answer[1]}' says that they answered, and not by what", False
    if found is None or found[0] in NO_ACTS:
        return None
    meaning, word = found
    meaning = {"online_meeting": "meeting", "follow_up": "mail"}.get(meaning, meaning)
    is_response = kind.table == "campaign_member"
    direction = INBOUND.first(("inbound", "outbound"), kind.subkind, kind.kind)
    is_inbound = bool(direction and direction[0] == "inbound")
    why = f"'{word}' says {meaning.replace('_', ' ')}"
    if direction:
        why += f", '{direction[1]}' {direction[0]}"
    if outcome:
        why += f", '{outcome[1]}' {outcome[0].replace('_', ' ')}"
    sure = is_named or outcome is not None
    if is_response:
        # Who answers a campaign acts: of a mail it is a click, of a meeting that they came.
        types = {"mail": "click", "mail_campaign": "click", "meeting": "event", "call": "click"}
        types |= {"linkedin": "click", "message": "click", "letter": "click"}
        return types.get(meaning, PLAIN.get(meaning, "click")), why, sure
    said = outcome[0] if outcome else ""
    if meaning == "call":
        if is_inbound:
            return "reply_call", why, sure
        by_outcome = {"voicemail": "touch_voicemail", "reached": "touch_call_connected"}
        if kind.disposition and not outcome:
            return "touch_call", f"{why}; its outcome says nothing known", False
        return by_outcome.get(said, "touch_call"), why, sure
    if meaning == "mail":
        if is_inbound:
            return "reply", why, sure
        return ("touch_email_bounced" if said == "bounced" else "touch_email"), why, sure
    if meaning == "message":
        return ("reply_message" if is_inbound else "touch_message"), why, sure
    if meaning == "meeting":
        return (
            ("touch_meeting_no_show" if said in ("no_show", "cancelled") else "meeting"),
            why,
            sure,
        )
    return PLAIN[meaning], why, sure and meaning != "letter"


def said_by(text: str, order: Sequence[str] = OUTCOMES) -> tuple[str, str] | None:
    """What a text says of how an act went, and its words; of several the first in the order."""
    found = SAID.first(order, text)
    if found and found[0] == "reached" and not found[1].startswith("interes"):
        before = plain(text).partition(found[1])[0]
        if denial := DENIED.search(before):
            return "unreached", f"{denial[0]} {found[1]}"
    return found


def _is_better(rule: dict[str, str], kind: Kind, is_sure: bool) -> bool:
    """Whether words say more than the rule that catches the combination."""
    # A rule that names the outcome, or the type and no outcome is there, was written for it.
    if not is_sure or kind.kind == kind.table:
        return False
    names_outcome = rule["disposition_pattern"] not in ("%", "")
    # A pattern such as %mail% is met by names that say more: "E-Mail Eingang", "InMail".
    is_broad = re.fullmatch("%[^%]*%", rule["kind_pattern"]) is not None
    names_kind = rule["kind_pattern"] not in ("%", "") and not is_broad and bool(kind.kind)
    return not (names_outcome or (names_kind and not kind.disposition and not kind.subkind))


def _matches(rule: dict[str, str], kind: Kind) -> bool:
    return rule["source_table"] == kind.table and all(
        bool(match(_like(rule[column]), text, DOTALL))
        for column, text in (
            ("kind_pattern", kind.kind),
            ("subkind_pattern", kind.subkind),
            ("disposition_pattern", kind.disposition),
        )
    )


@cache
def _like(pattern: str) -> str:
    """The regular expression of a LIKE pattern."""
    parts = {"%": ".*", "_": "."}
    return "".join(parts.get(letter, escape(letter)) for letter in pattern) + r"\Z"
