"""Primary research of the company: interviews and discovery calls, coded, and a survey.

What belongs here: whom the team asks and when, what is answered, how it is coded, and what a form
tool exports. What does not: how ready a company truly is (`company`) and how files arrive
(`deliveries`).

An answer follows the model of the method: a rating is the number of yes in four yes-or-no
observations, each of them yes with the true value of the dimension. Nothing else knows of these
draws: with another programme every other feed stays the same, byte for byte.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import text, titles
from .addresses import emails, personal_emails
from .batches import SECONDS, Batch
from .company import MONTH, NEVER, PERSONAS, Bools, Plan, World
from .homes import Homes
from .systems import lots
from .text import Ints

DIMENSIONS = ("pressure", "ownership", "authority_alignment", "timing_tolerance")
PRESSURE, OWNERSHIP, AUTHORITY, TIMING = range(4)
STEPS = 4
"""Yes-or-no observations behind a rating."""


@dataclass(frozen=True)
class ResearchNoise:
    """How the programme goes and how blurred its records are. Shares are 0-1.

    How blurred they are was fixed before any readiness was computed on them and is never tuned to
    results. Whom the team asks (`whom`) was set so that all five segments occur on the last day; it
    says how much evidence there is and about whom, and never what it says.
    """

    # how much is asked
    months: int = 10
    first_month: float = 0.019  # conversations in the first month, per target
    growth: float = 1.19  # from month to month
    survey_wave: float = 0.075  # answers to a wave of the survey, per target
    survey_day: float = 0.0003  # answers on any day, per target
    # whom
    tier_weights: tuple[float, ...] = (5.0, 2.0, 1.0)
    motion_weight: float = 3.0  # for companies that are in touch because they want something
    willingness: float = 6.0  # who could decide likes to talk: power of the mean true value
    persona_weights: tuple[float, ...] = (4.0, 4.0, 2.5, 2.0, 0.7, 0.6, 0.5)
    good_mean: float = 2.5  # from this mean rating on the team asks on
    ask_on_shares: tuple[float, float] = (0.14, 0.95)  # after poor first answers, after good ones
    again_shares: tuple[float, float] = (0.06, 0.95)  # a quarter later, likewise
    same_person_share: float = 0.12
    # what is said
    asked_shares: tuple[float, float] = (0.90, 0.75)  # dimensions: in interviews, in calls
    call_shares: tuple[float, float] = (0.25, 0.65)  # calls: at quiet companies, at others
    later_share: float = 0.97  # dimensions, when somebody is asked after another
    # what is written down
    coder_error_share: float = 0.28  # codings one step off
    twice_share: float = 0.20  # conversations that two coders code
    title_share: float = 0.18  # of roles, as titles instead of names of personas
    no_role_share: float = 0.15  # of respondents on file
    # the form
    blank_share: float = 0.06  # questions left out
    unsure_share: float = 0.012  # answers that are none of those offered
    out_of_range_share: float = 0.008
    free_mail_share: float = 0.05
    no_address_share: float = 0.01
    double_share: float = 0.05  # sent twice, minutes apart


@dataclass(frozen=True)
class Question:
    """A question of the form. `answers` are what is offered: for ratings 0 to 4, or of kinds."""

    column: str
    answers: tuple[str, ...]


# The default form: seeds survey_questions and survey_answers map these texts.
RATED = (
    Question(
        "How much does something outside your team (a law, a contract, a customer, a goal) force"
        " you to deal with this now?",
        (
            "Nothing forces us",
            "It annoys us and nobody else",
            "It costs something, without a date",
            "Management follows it",
            "It must be done by a set date",
        ),
    ),
    Question(
        "How clear is it who in your company has to solve this?",
        (
            "Nobody has to",
            "A team, among other things",
            "A person, who has not started",
            "A person, who is working on it",
            "A person, who has it as a goal",
        ),
    ),
    Question(
        "How close are those who have the problem to those who decide on budget and priority?",
        (
            "They know nobody who decides",
            "Those who decide have not heard of it",
            "Those who decide have heard of it",
            "It is on the deciders' list, an approval is open",
            "They decide themselves or have a yes",
        ),
    ),
    Question(
        "What happens if nothing changes in the next six to twelve months?",
        (
            "Nothing, we can wait",
            "It is inconvenient, a workaround holds",
            "It costs something, nobody counts it",
            "It hurts within six months",
            "Something stops, lapses or is fined within six months",
        ),
    ),
)
"""A question for each dimension."""
FORCED_BY = Question(
    "What is it that forces you most?",
    (
        "A law, a standard or an audit",
        "A contract or a system that ends",
        "Growth",
        "A goal to spend less",
        "An incident or a risk",
        "A customer or a partner",
        "New leadership or strategy",
        "A merger or a split",
    ),
)
IN_THE_WAY = Question(
    "What stands most in the way of a decision?",
    (
        "Other things come first",
        "Somebody would lose standing",
        "Rules and approvals",
        "Those who would have to act gain nothing",
    ),
)
DEADLINE = "Is there a date by which it must be done? If so, which?"
REVISIT = "When should we talk again?"
ANSWERED_ON, BEGUN_ON, RESPONSE = "Submit Date (UTC)", "Start Date (UTC)", "#"
ADDRESS, TITLE = "Work email", "Job title"
FREE_TEXT = "Is there anything you would like to add?"
UNMAPPED = "Which of our events have you been to?"
"""A question that somebody added to the form and nobody to the mapping."""

ROLES: tuple[tuple[str, ...], ...] = (
    ("CFO", "COO", "VP Finance"),
    ("Head of Data", "VP Operations", "Director Business Intelligence"),
    ("CTO", "Data Architect", "Head of IT"),
    ("Data Analyst", "Controller", "Marketing Manager"),
    ("Head of Procurement", "Purchasing Manager"),
    ("Data Protection Officer", "General Counsel"),
    ("Office Manager", "Assistant"),
)
"""Titles that people write for a persona, by persona."""
VERBATIMS = (
    "Nobody is asking for this.",
    "We may look at it one day.",
    "It comes up now and then.",
    "This is on our list for the year.",
    "We have to solve this, there is a date.",
)
REMARKS = (
    None,
    None,
    None,
    "No.",
    'Our board calls it "the data thing", and nobody owns it.',
    "Budget is released in March, May, or never.",
    "Two things:\nfirst, the audit in autumn\nsecond, we lack people",
    'He said "come back later",\nso come back later; thanks, bye',
    "Zu früh für uns, nächstes Jahr vielleicht",
    "=SUM(A1:A9) is how we do it today, honestly",
)
PRESSURES = (
    "regulation",
    "contract_end",
    "growth",
    "cost",
    "risk",
    "customer_demand",
    "leadership",
    "merger",
)
CONSTRAINTS = ("competing_priority", "political_cost", "governance", "incentives")
# Which constraint people name, by dimension: shares of the four above.
CONSTRAINT_SHARES = np.array(
    [
        [0.70, 0.10, 0.10, 0.10],
        [0.20, 0.35, 0.25, 0.20],
        [0.20, 0.35, 0.30, 0.15],
        [0.55, 0.10, 0.15, 0.20],
    ]
)
CODERS = ("coder_a", "coder_b", "coder_c")
INTERVIEW, CALL = 0, 1
SOURCE_TYPES = ("interview", "discovery_call")


@dataclass
class Talks:
    """Conversations in the order in which they were had; ratings are -1 where nothing was asked."""

    person: Ints
    held: Ints
    kind: Ints
    rating: Ints  # (talks, 4)

    @property
    def n(self) -> int:
        return len(self.person)


def _held_talks(world: World, noise: ResearchNoise) -> Talks:
    """Day by day: who is due to be asked again, and new companies with what time is left."""
    plan, accounts, people = world.plan, world.accounts, world.people
    r = plan.random("research talks")
    chance = np.array(noise.tier_weights)[accounts.tier - 1]
    chance = chance * accounts.readiness.mean(axis=1) ** noise.willingness
    persona = np.array(noise.persona_weights)[people.persona]
    first = np.searchsorted(people.account, np.arange(accounts.n + 1))
    asked: dict[int, list[int]] = {}
    heard: defaultdict[int, list[int]] = defaultdict(list)
    due: list[tuple[int, int, int]] = []  # day, company, further voices wanted
    rows: list[tuple[int, int, int]] = []
    ratings: list[Ints] = []
    start = max(15, plan.days - noise.months * MONTH)

    def respondent(company: int, day: int) -> int | None:
        """Somebody who is there, mostly one who was not asked yet."""
        those = np.arange(first[company], first[company + 1])
        those = those[people.left_day[those] > day]
        before = asked.get(company, [])
        fresh = those[~np.isin(those, before)]
        known = those[np.isin(those, before)]
        if len(known) and (not len(fresh) or r.random() < noise.same_person_share):
            return int(known[int(r.random() * len(known))])
        if not len(fresh):
            return None
        weight = persona[fresh] * np.where(people.known_day[fresh] <= day, 2.0, 1.0)
        return int(fresh[np.searchsorted(np.cumsum(weight) / weight.sum(), r.random())])

    def talk(company: int, day: int, wanted: int | None) -> bool:
        """One conversation; `wanted` further voices, None if this is the first of a round."""
        person = respondent(company, day)
        if person is None:
            return False
        moves = bool(world.motion[day, company])
        kind = CALL if r.random() < noise.call_shares[int(moves)] else INTERVIEW
        spoken = r.random(4) < (noise.asked_shares[kind] if wanted is None else noise.later_share)
        spoken[int(r.random() * 4)] = True
        rating = np.where(spoken, r.binomial(STEPS, accounts.readiness[company]), -1)
        heard[company].extend(rating[spoken])
        good = int(np.mean(heard[company]) >= noise.good_mean)
        asked.setdefault(company, []).append(person)
        rows.append((person, day, kind))
        ratings.append(rating)
        if wanted is None:
            goes_on = r.random() < noise.ask_on_shares[good]
            wanted = int(r.integers(1, 3)) + good if goes_on else 0
        if wanted:
            heapq.heappush(due, (day + int(r.integers(5, 30)), company, wanted - 1))
        elif r.random() < noise.again_shares[good]:
            heapq.heappush(due, (day + int(r.integers(55, 85)), company, -1))
        return True

    debt = 0.0
    for day in range(start, plan.days - 1):
        if plan.weekday(np.array([day]))[0] > 4:
            continue
        month = (day - start) / MONTH
        # At least one every other week, so that the smallest company has some.
        debt += max(0.1, plan.accounts * noise.first_month * noise.growth**month * 7 / 5 / MONTH)
        while debt >= 1 and due and due[0][0] <= day:
            _, company, wanted = heapq.heappop(due)
            gone = accounts.removed_day[company] <= day
            if not gone and talk(company, day, None if wanted < 0 else wanted):
                debt -= 1
        there = (accounts.listed_day <= day) & (accounts.removed_day > day)
        there[list(asked)] = False
        weight = chance * there * np.where(world.motion[day] > 0, noise.motion_weight, 1.0)
        while debt >= 1 and weight.any():
            company = int(np.searchsorted(np.cumsum(weight) / weight.sum(), r.random()))
            weight[company] = 0
            if talk(company, day, None):
                debt -= 1
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Talks(
        columns[:, 0],
        columns[:, 1],
        columns[:, 2],
        np.array(ratings, dtype=np.int64).reshape(-1, 4),
    )


def _reopens(world: World, account: Ints, day: Ints) -> Ints:
    """The day on which a window opens next, for companies that are in none; NEVER if unknown."""
    windows = world.windows
    opens = np.flatnonzero(windows.is_open)
    result = np.full(len(account), NEVER)
    for row in range(len(account)):
        mine = opens[windows.account[opens] == account[row]]
        starts, ends = windows.starts[mine], windows.ends[mine]
        if len(mine) and not ((starts <= day[row]) & (ends >= day[row])).any():
            result[row] = min(starts[starts > day[row]], default=NEVER)
    return result


def _forced_by(account: Ints) -> Ints:
    """What presses a company, the same for whoever is asked: index of PRESSURES."""
    return lots(account, 91, len(PRESSURES))


def _constraint(r: np.random.Generator, dimension: Ints) -> Ints:
    """What stands in the way, where a dimension is poor: index of CONSTRAINTS."""
    share = np.cumsum(CONSTRAINT_SHARES, axis=1)[dimension]
    named: Ints = (r.random(len(dimension))[:, None] > share[:, :-1]).sum(axis=1)
    return named


def _miscoded(r: np.random.Generator, rating: Ints, noise: ResearchNoise) -> Ints:
    """What a coder makes of answers: mostly the same, sometimes a step off."""
    lot = r.random(len(rating))
    off = np.where(lot < noise.coder_error_share / 2, -1, 0)
    off = np.where(lot > 1 - noise.coder_error_share / 2, 1, off)
    coded: Ints = (rating + off).clip(0, STEPS)
    return coded


def _coded(world: World, homes: Homes, talks: Talks, noise: ResearchNoise) -> Iterator[Batch]:
    """Interviews and findings."""
    plan, accounts, people = world.plan, world.accounts, world.people
    r = plan.random("research coding")
    k = talks.n
    account = people.account[talks.person]
    recorded = np.minimum(talks.held + r.integers(0, 5, k), plan.days - 1)
    on_file = (people.contact_day()[talks.person] <= talks.held) & (r.random(k) < 0.9)
    by_id = accounts.in_crm[account] & (r.random(k) < 0.7)
    persona = people.persona[talks.person]
    flat = [title for wordings in ROLES for title in wordings]
    count = np.array([len(wordings) for wordings in ROLES])
    place = (np.cumsum(count) - count)[persona] + (r.random(k) * count[persona]).astype(np.int64)
    written = (r.random(k) < noise.title_share) | (persona == len(PERSONAS) - 1)
    role = pc.if_else(pa.array(written), text.pick(flat, place), text.pick(PERSONAS, persona))
    role = text.blank(role, on_file & (r.random(k) < noise.no_role_share))
    coder = r.integers(0, len(CODERS), k)
    interviews = pa.table(
        {
            "interview_id": text.codes("INT-", np.arange(1, k + 1), 5),
            "account_domain": text.blank(accounts.domain.take(pa.array(account)), by_id),
            "crm_account_id": text.blank(homes.account_names(account), ~by_id),
            "respondent_role": role,
            "contact_id": text.blank(homes.contact_names(talks.person + 1, talks.person), ~on_file),
            "source_type": text.pick(SOURCE_TYPES, talks.kind),
            "held_on": plan.dates(talks.held),
            "recorded_at": plan.stamps(recorded * SECONDS + 64_800),
            "coder": text.pick(CODERS, coder),
        }
    )
    yield Batch("research/interviews", interviews, recorded)

    twice = r.random(k) < noise.twice_share
    other = (coder + r.integers(1, len(CODERS), k)) % len(CODERS)
    later = recorded + r.integers(1, 9, k)
    row, dimension = np.nonzero(talks.rating >= 0)
    second = np.flatnonzero(twice[row] & (later[row] < plan.days))
    of = np.concatenate([np.arange(len(row)), second])
    again = np.arange(len(of)) >= len(row)
    row, dimension = row[of], dimension[of]
    rating = _miscoded(r, talks.rating[row, dimension], noise)
    # What was said beside the rating is the same for both coders; the second notes only ratings.
    n = len(row)
    held = talks.held[row]
    opens = np.full(n, NEVER)
    asked = np.flatnonzero((dimension == TIMING) & ~again & (r.random(n) < 0.5))
    opens[asked] = _reopens(world, account[row[asked]], held[asked])
    pressed = (dimension == PRESSURE) & (rating >= 2) & ~again & (r.random(n) < 0.65)
    dated = pressed & (r.random(n) < 0.6)
    blocked = (rating <= 1) & ~again & (r.random(n) < 0.5)
    constraint = _constraint(r, dimension)
    forced = _forced_by(account)
    named = np.where(again, other[row], np.where(twice[row], coder[row], -1))
    findings = pa.table(
        {
            "finding_id": text.codes("FND-", np.arange(1, n + 1), 6),
            "interview_id": text.codes("INT-", row + 1, 5),
            "dimension": text.pick(DIMENSIONS, dimension),
            "rating": pa.array(rating),
            "verbatim": text.blank(text.pick(VERBATIMS, rating), again),
            "revisit_on": plan.dates(opens),
            "pressure_type": text.pick(PRESSURES, np.where(pressed, forced[row], -1)),
            "deadline_on": plan.dates(np.where(dated, held + r.integers(45, 270, n), NEVER)),
            "constraint_type": text.pick(CONSTRAINTS, np.where(blocked, constraint, -1)),
            "coder": text.pick(CODERS, named),
        }
    )
    yield Batch("research/findings", findings, np.where(again, later[row], recorded[row]))


def _survey(world: World, noise: ResearchNoise, planted: list[dict[str, str]]) -> Batch:
    """What a form tool exports: a wide table of texts, a row for each time somebody sent the form.

    Appends to `planted` what is wrong with it, a row for each kind of fault.
    """
    plan, people, accounts = world.plan, world.people, world.accounts
    r = plan.random("research survey")
    known = (people.known_day < plan.days) & accounts.is_listed[people.account]
    invited = np.flatnonzero(known)
    waves = [plan.days - back for back in (205, 115, 27) if back < plan.days - 20]
    wave = max(4, round(noise.survey_wave * plan.accounts))
    since = max(15, plan.days - noise.months * MONTH)
    trickle = max(3, round(noise.survey_day * plan.accounts * (plan.days - since)))
    day = np.concatenate(
        [
            *(start + r.exponential(6.0, wave).astype(np.int64) for start in waves),
            r.integers(since, plan.days, trickle),
        ]
    )
    weight = np.array(noise.tier_weights)[accounts.tier[people.account[invited]] - 1]
    size = min(len(day), len(invited))
    person = r.choice(invited, size, replace=False, p=weight / weight.sum())
    day = r.permutation(day)[:size]
    fine = (day < plan.days) & (people.known_day[person] <= day) & (people.left_day[person] > day)
    person, day = person[fine], day[fine]
    second = np.sort(day * SECONDS + r.integers(27_000, 66_000, len(day)))
    person = person[np.argsort(day, kind="stable")]
    k = len(person)

    # What is chosen, and whether it is wrong.
    account = people.account[person]
    rating = r.binomial(STEPS, accounts.readiness[account])
    columns: dict[str, pa.Array] = {}
    faults: dict[str, Bools] = {}
    for dimension, question in enumerate(RATED):
        lot = r.random(k)
        unsure, wild = lot < noise.unsure_share, lot > 1 - noise.out_of_range_share
        blank = ~unsure & ~wild & (r.random(k) < noise.blank_share)
        for kind, rows in (("blank_answer", blank), ("no_answer", unsure), ("out_of_range", wild)):
            faults[kind] = faults.get(kind, np.zeros(k, dtype=bool)) | rows
        offered = (*question.answers, "It depends whom you ask", "7")
        chosen = np.select([unsure, wild, blank], [5, 6, -1], rating[:, dimension])
        columns[question.column] = text.pick(offered, chosen)
    pressed = (rating[:, PRESSURE] >= 2) & (r.random(k) < 0.7)
    forced = np.where(pressed, _forced_by(account), -1)
    dated = pressed & (r.random(k) < 0.35)
    deadline = plan.dates(np.where(dated, day + r.integers(45, 270, k), NEVER)).cast(pa.string())
    vague = pressed & ~dated & (r.random(k) < 0.06)
    poorest = rating.argmin(axis=1)
    stopped = (rating.min(axis=1) <= 1) & (r.random(k) < 0.7)
    later = np.where(r.random(k) < 0.5, _reopens(world, account, day), NEVER)
    faults["no_date"] = vague
    columns |= {
        FORCED_BY.column: text.pick(FORCED_BY.answers, forced),
        DEADLINE: pc.if_else(pa.array(vague), "before the next audit", deadline),
        IN_THE_WAY.column: text.pick(
            IN_THE_WAY.answers, np.where(stopped, _constraint(r, poorest), -1)
        ),
        REVISIT: plan.dates(later).cast(pa.string()),
    }
    private = r.random(k) < noise.free_mail_share
    nameless = ~private & (r.random(k) < noise.no_address_share)
    faults |= {"free_mail": private, "no_address": nameless}
    address = pc.if_else(
        pa.array(private), personal_emails(world).take(pa.array(person)), emails(world, person)
    )
    shouted = pc.if_else(pa.array(r.random(k) < 0.05), pc.utf8_upper(address), address)
    own = titles.wordings(people.title[person])
    short = text.pick([wordings[0] for wordings in ROLES], people.persona[person])
    visited = text.pick(["Spring summit, Berlin", "None", "A webinar", None], r.integers(0, 4, k))
    order_of_form = [RATED[PRESSURE].column, FORCED_BY.column, DEADLINE, RATED[OWNERSHIP].column]
    order_of_form += [RATED[AUTHORITY].column, IN_THE_WAY.column, RATED[TIMING].column, REVISIT]
    columns = {
        ADDRESS: text.blank(shouted, nameless),
        TITLE: text.blank(pc.if_else(pa.array(r.random(k) < 0.35), short, own), r.random(k) < 0.08),
        **{name: columns[name] for name in order_of_form},
        FREE_TEXT: text.pick(REMARKS, r.integers(0, len(REMARKS), k)),
        UNMAPPED: visited,
    }
    # Some press the button twice: the same answers, another number, minutes later.
    twice = np.flatnonzero((r.random(k) < noise.double_share) & (second % SECONDS < 64_000))
    of = np.concatenate([np.arange(k), twice])
    sent = np.concatenate([second, second[twice] + r.integers(20, 1500, len(twice))])
    order = np.argsort(sent, kind="stable")
    of, sent = of[order], sent[order]
    faults["sent_twice"] = np.isin(np.arange(k), twice)
    begun = sent - 90 - lots(of, 92, 600)
    table = pa.table(
        {RESPONSE: pc.replace_substring(text.uuids(order + 1, 90), "-", "")}
        | {name: values.take(pa.array(of)) for name, values in columns.items()}
        | {BEGUN_ON: _written(plan, begun), ANSWERED_ON: _written(plan, sent)}
    )
    for kind, rows in faults.items():
        if rows.any():
            hit = second[rows] // SECONDS
            planted.append(_planted(plan, kind, int(hit.min()), int(hit.max()), int(rows.sum())))
    return Batch("research/survey_responses", table, sent // SECONDS)


def _written(plan: Plan, second: Ints) -> pa.Array:
    """Timestamps as a form tool writes them."""
    return pc.strftime(plan.stamps(second).cast(pa.timestamp("s")), format="%Y-%m-%d %H:%M:%S")


FAULTS = {
    "blank_answer": "answers with a question left out",
    "no_answer": "answers that are none of those offered",
    "no_date": "words where a date is asked for",
    "out_of_range": "a number beyond the scale",
    "free_mail": "sent with a private address",
    "no_address": "sent without an address",
    "sent_twice": "sent again within minutes, under another number",
}
"""What is planted in the answers of the survey, by kind."""


def _planted(plan: Plan, kind: str, day: int, until: int, rows: int) -> dict[str, str]:
    first, last = plan.dates([day, until]).to_pylist()
    feed = "research/survey_responses"
    return {
        "kind": kind,
        "feed": feed,
        "day": str(first),
        "until": str(last),
        "rows": str(rows),
        "note": FAULTS[kind],
    }


def research(
    world: World,
    homes: Homes,
    planted: list[dict[str, str]],
    noise: ResearchNoise | None = None,
) -> Iterator[Batch]:
    """All of it, with people whom the months have made contacts.

    Appends what is wrong with the answers of the survey to `planted`, in the shape of the truth's
    table of mishaps.
    """
    noise = noise or ResearchNoise()
    yield from _coded(world, homes, _held_talks(world, noise), noise)
    yield _survey(world, noise, planted)
