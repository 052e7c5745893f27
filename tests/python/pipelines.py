"""Five invented companies' pipelines and activities, with what each name truly means.

Each lacks something else: flags of deals, probabilities, histories. Deals walk through the stages
in order, skip some, and end.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

Tables = dict[str, list[dict[str, Any]]]
FIRST = date(2025, 1, 10)


@dataclass(frozen=True)
class Pipeline:
    """stages: name to (outcome, committed), in order. acts: (table, type, outcome) to type.

    has: of flags, probabilities and history what the CRM delivers.
    """

    stages: Mapping[str, tuple[str, bool]]
    acts: Mapping[tuple[str, str, str], str]
    has: tuple[str, ...] = ()
    is_hubspot: bool = False
    deals: int = 60


def _stages(text: str) -> dict[str, tuple[str, bool]]:
    """Of `name > open, name + both sides, name = won, name - lost`."""
    said: dict[str, tuple[str, bool]] = {}
    meanings = {
        ">": ("open", False), "+": ("open", True), "=": ("won", False), "-": ("lost", False)
    }  # fmt: skip
    for part in text.split(";"):
        name, mark = part.strip().rsplit(" ", 1)
        said[name] = meanings[mark]
    return said


PIPELINES = {
    "english, names alone": Pipeline(
        _stages(
            "Warm Intro >; Gauging Interest >; Discovery Workshop +; Bake-off Pilot +;"
            " Pricing Review +; Paper with Legal +; Verbal Agreement +; Deal Signed =;"
            " Went Dark - Lost -; Closed - No Budget -; Snoozed >"
        ),
        {
            ("task", "Dial", "Spoke with buyer"): "touch_call_connected",
            ("task", "Dial", "Nobody picked up"): "touch_call",
            ("task", "Dial", "VM left"): "touch_voicemail",
            ("task", "Prospecting email", ""): "touch_email",
            ("task", "Received email", ""): "reply",
            ("event", "Product walkthrough", ""): "meeting",
            ("event", "Customer visit", ""): "meeting",
        },
    ),
    "german, flags and history": Pipeline(
        _stages(
            "1 - Erstansprache >; 2 - Bedarfsklärung >; 3 - Lösungsskizze +; 4 - Probebetrieb +;"
            " 5 - Richtangebot +; 6 - Kundengremium +; Beauftragt =; Projekt eingestellt -;"
            " Wettbewerb gewählt -"
        ),
        {
            ("task", "Telefonat", "Gesprochen"): "touch_call_connected",
            ("task", "Telefonat", "Nicht erreicht"): "touch_call",
            ("task", "Telefonat", "Mailbox"): "touch_voicemail",
            ("task", "E-Mail Ausgang", ""): "touch_email",
            ("task", "E-Mail Eingang", ""): "reply",
            ("event", "Kundentermin", ""): "meeting",
            ("event", "Vorführung beim Kunden", ""): "meeting",
        },
        has=("flags", "history"),
    ),
    "french, records of stages and probabilities": Pipeline(
        _stages(
            "Piste entrante >; Premier échange >; Étude du besoin >; Maquette chez le client +;"
            " Chiffrage remis +; Arbitrage de la direction +; Commande passée =; Sans suite -"
        ),
        {
            ("engagement_call", "outbound", "Joint"): "touch_call_connected",
            ("engagement_call", "outbound", "Pas de réponse"): "touch_call",
            ("engagement_call", "outbound", "Message sur répondeur"): "touch_voicemail",
            ("engagement_call", "inbound", "Joint"): "reply_call",
        },
        has=("flags", "probability"),
        is_hubspot=True,
    ),
    "spanish, probabilities and no flags": Pipeline(
        _stages(
            "Toma de contacto >; Detección de necesidades >; Visita técnica +; Prueba en planta +;"
            " Oferta entregada +; Cierre en curso +; Adjudicado =; Desestimado -"
        ),
        {
            ("task", "Llamada", "Contactado"): "touch_call_connected",
            ("task", "Llamada", "No contesta"): "touch_call",
            ("task", "Llamada", "Buzón de voz"): "touch_voicemail",
            ("task", "Correo enviado", ""): "touch_email",
            ("task", "Correo recibido", ""): "reply",
            ("event", "Reunión presencial", ""): "meeting",
        },
        has=("probability",),
    ),
    "codes, flags that contradict names": Pipeline(
        # "Angebot" is won here and "Auftrag" is an open step: flags and history say so.
        _stages(
            "Z10 >; Z20 >; Auftrag in Klärung >; Z40 +; Z50 +; Abschluss +; Angebot =; Gewinnung -"
        ),
        {
            ("task", "Ruckruf", "Kunde erreicht"): "touch_call_connected",
            ("task", "Ruckruf", "besetzt"): "touch_call",
            ("task", "Anschreiben", ""): "touch_email",
            ("event", "Werksbesichtigung", ""): "meeting",
        },
        has=("flags", "history", "probability"),
    ),
}


def tables(pipeline: Pipeline, seed: int = 3) -> Tables:
    """The landing tables of a company with this pipeline."""
    chance = random.Random(seed)
    return _hubspot(pipeline, chance) if pipeline.is_hubspot else _salesforce(pipeline, chance)


def _walk(pipeline: Pipeline, chance: random.Random) -> list[str]:
    """The stages that a deal goes through, an end the last of them."""
    steps = [name for name, (outcome, _) in pipeline.stages.items() if outcome == "open"]
    ends = [name for name, (outcome, _) in pipeline.stages.items() if outcome != "open"]
    start = 0 if chance.random() < 0.8 else 1
    until = chance.randrange(start + 1, len(steps) + 1)
    path = [step for step in steps[start:until] if step == steps[start] or chance.random() < 0.85]
    if chance.random() < 0.75:
        path.append(chance.choice(ends))
    return path


def _share(pipeline: Pipeline, name: str) -> float:
    """The probability that a CRM would give a stage."""
    outcome, _ = pipeline.stages[name]
    steps = [each for each, (said, _) in pipeline.stages.items() if said == "open"]
    if outcome != "open":
        return 100.0 if outcome == "won" else 0.0
    return round(10 + 80 * steps.index(name) / (len(steps) - 1), -1)


def _salesforce(pipeline: Pipeline, chance: random.Random) -> Tables:
    deals, history, acts = [], [], []
    for number in range(pipeline.deals):
        created = FIRST + timedelta(days=number)
        path = _walk(pipeline, chance)
        outcome, _ = pipeline.stages[path[-1]]
        row = {
            "id": f"006{number:012d}",
            "account_id": f"001{number:012d}",
            "name": f"Deal {number}",
            "stage_name": path[-1],
            "amount": "1000",
            "close_date": str(created + timedelta(days=90)),
            "created_date": f"{created}T09:00:00Z",
            "system_modstamp": f"{created + timedelta(days=len(path) * 9)}T09:00:00Z",
        }
        if "flags" in pipeline.has:
            row["is_closed"] = str(outcome != "open").lower()
            row["is_won"] = str(outcome == "won").lower()
        if "probability" in pipeline.has:
            row["probability"] = str(_share(pipeline, path[-1]))
        deals.append(row)
        for place, stage in enumerate(path):
            history.append(
                {
                    "id": f"008{number * 20 + place:012d}",
                    "opportunity_id": row["id"],
                    "stage_name": stage,
                    "amount": "1000",
                    "close_date": row["close_date"],
                    "created_date": f"{created + timedelta(days=place * 9)}T09:00:00Z",
                }
            )
    found: Tables = {
        "salesforce/opportunity": deals,
        "salesforce/account": [
            {
                "id": f"001{number:012d}",
                "name": f"Firm {number}",
                "created_date": f"{FIRST}T08:00:00Z",
                "system_modstamp": f"{FIRST}T08:00:00Z",
            }
            for number in range(pipeline.deals)
        ],
    }
    if "history" in pipeline.has:
        found["salesforce/opportunity_history"] = history
    for number, (table, kind, said) in enumerate([*pipeline.acts] * 3):
        row = {
            "id": f"00T{number:012d}" if table == "task" else f"00U{number:012d}",
            "type": kind,
            "subject": "Something",
            "activity_date": str(FIRST),
            "created_date": f"{FIRST}T10:00:00Z",
            "system_modstamp": f"{FIRST}T10:00:00Z",
        }
        if table == "task":
            row |= {"call_disposition": said, "status": "Completed"}
        acts.append((table, row))
    for table in ("task", "event"):
        if rows := [row for name, row in acts if name == table]:
            found[f"salesforce/{table}"] = rows
    return found


def _hubspot(pipeline: Pipeline, chance: random.Random) -> Tables:
    ids = {name: str(9_000 + number) for number, name in enumerate(pipeline.stages)}
    deals = []
    for number in range(pipeline.deals):
        created = FIRST + timedelta(days=number)
        deals.append(
            {
                "deal_id": str(500 + number),
                "property_dealname": f"Deal {number}",
                "deal_pipeline_stage_id": ids[_walk(pipeline, chance)[-1]],
                "property_amount": "1000",
                "property_createdate": f"{created}T09:00:00Z",
                "property_hs_lastmodifieddate": f"{created}T09:00:00Z",
            }
        )
    stages = [
        {
            "stage_id": ids[name],
            "label": name,
            "is_closed": str(outcome != "open").lower(),
            "closed_won": str(outcome == "won").lower(),
            "probability": str(_share(pipeline, name) / 100),
            "updated_at": f"{FIRST}T09:00:00Z",
        }
        for name, (outcome, _) in pipeline.stages.items()
    ]
    calls = [
        {
            "engagement_id": str(70 + number),
            "property_hs_call_direction": kind.upper(),
            "property_hs_call_disposition": said,
            "property_hs_call_title": "Something",
            "property_hs_call_status": "COMPLETED",
            "property_hs_timestamp": f"{FIRST}T10:00:00Z",
            "property_hs_lastmodifieddate": f"{FIRST}T10:00:00Z",
        }
        for number, (_, kind, said) in enumerate(pipeline.acts)
    ]
    return {
        "hubspot/deal": deals,
        "hubspot/deal_pipeline_stage": stages,
        "hubspot/engagement_call": calls,
    }
