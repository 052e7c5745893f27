"""Readiness: what primary research says of an account's capacity to decide, and what to ask next.

Source of the rules: docs/method.md, "Readiness". Per account, day D and dimension, with x = rating
/ 4 and w = weight of a finding on D (its own, halved every `half_life_days`, 0 after
`max_age_days`):

* posterior Beta(1 + s sum w x, 1 + s sum w (1 - x)), s = `rating_strength`; P = P(above 0.5);
* evidence = sum w; a dimension is known from `evidence_min_weight` on;
* disagreement = standard deviation between respondents of their mean x, weighted by their evidence;
* segment, the first that holds: unknown (no dimension known), contested (a known one's
  disagreement > limit), blocked (a known P <= limit), can_decide (all known, each P >= limit),
  partial.

Only findings that were known and held by D count, and a day asks for no other day: any range of
days may be computed at once or one by one. Evidence is a sum of integers (millionths), so that it
does not depend on the order of findings; what is compared with a threshold besides is rounded to 6
decimals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import special

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

DIMENSIONS = ("pressure", "ownership", "authority_alignment", "timing_tolerance")
"""In the order in which ties between them are settled."""

SEGMENTS = ("unknown", "contested", "blocked", "partial", "can_decide")
UNKNOWN, CONTESTED, BLOCKED, PARTIAL, CAN_DECIDE = range(len(SEGMENTS))

ALL = "all"
"""One conversation about all dimensions, among the questions."""

NOBODY = ""
"""Among the questions: any account without evidence."""

STEPS = 4  # a rating is 0 to 4
UNIT = 1_000_000  # weights are kept in millionths
HUNDREDTHS = 100  # ratings are kept in hundredths of a step
FULL = STEPS * HUNDREDTHS
NEVER = -1  # day of what does not come to an end
CELLS = 4_000_000  # respondents x days x dimensions held in memory at a time

FINDINGS = (
    "account_id",
    "dimension",
    "respondent",
    "rating",
    "weight_millionths",
    "held_on",
    "valid_from",
    "valid_to",
)
"""Columns of the findings: one row per finding and interval of days (half open) in which it was in
force on an account. rating 0-4; weight: of the finding when it is fresh."""

CHANGE_SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("as_of_date", pa.date32()),
        ("segment", pa.string()),
        ("blocking_dimension", pa.string()),
        ("known_dimensions", pa.int32()),
        ("cleared_dimensions", pa.int32()),
        ("expires_on", pa.date32()),
        ("is_single_voice", pa.bool_()),
    ]
)
DIMENSION_SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("as_of_date", pa.date32()),
        ("dimension", pa.string()),
        ("mean_share", pa.float64()),
        ("lower_80_share", pa.float64()),
        ("upper_80_share", pa.float64()),
        ("evidence_weight", pa.float64()),
        ("probability_above_half", pa.float64()),
        ("disagreement", pa.float64()),
        ("is_known", pa.bool_()),
        ("respondents", pa.int32()),
        ("findings", pa.int32()),
        ("expires_on", pa.date32()),
    ]
)
QUESTION_SCHEMA = pa.schema(
    [
        ("as_of_date", pa.date32()),
        ("account_id", pa.string()),
        ("respondent_role", pa.string()),
        ("dimension", pa.string()),
        ("segment_without", pa.string()),
        *((f"{segment}_share", pa.float64()) for segment in SEGMENTS),
    ]
)


@dataclass(frozen=True)
class ReadinessRules:
    """The numbers of readiness: vars of the project and the seeds of research.

    half_life_days, max_age_days, lead_days: days. rating_strength: yes-or-no answers that a rating
    of full weight counts as. evidence_min_weight: weight, > 0. contested_min_spread: 0-0.5, the
    limits of P 0-1. interview_weight_share: 0-1. relevance_share: role -> one share (0-1) per
    dimension, in the order of DIMENSIONS.
    """

    half_life_days: float
    max_age_days: int
    rating_strength: float
    evidence_min_weight: float
    contested_min_spread: float
    blocked_max_probability: float
    cleared_min_probability: float
    lead_days: int
    interview_weight_share: float
    relevance_share: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        for name, holds, wanted in (
            ("research_half_life_days", self.half_life_days > 0, "more than 0"),
            ("research_max_age_days", self.max_age_days >= 0, "0 or more"),
            ("rating_strength", self.rating_strength > 0, "more than 0"),
            ("evidence_min_weight", self.evidence_min >= 1, "more than 0"),
            ("contested_min_spread", 0 <= self.contested_min_spread <= 0.5, "0 to 0.5"),
            ("blocked_max_probability", 0 <= self.blocked_max_probability <= 0.5, "0 to 0.5"),
            ("cleared_min_probability", 0.5 <= self.cleared_min_probability <= 1, "0.5 to 1"),
            (
                "blocked_max_probability",
                self.blocked_max_probability < self.cleared_min_probability,
                "under cleared_min_probability",
            ),
            ("research_lead_days", self.lead_days >= 0, "0 or more"),
            ("the weight of an interview", 0 <= self.interview_weight_share <= 1, "0 to 1"),
        ):
            if not holds:
                raise ValueError(f"{name} must be {wanted}")
        if not self.relevance_share:
            raise ValueError("role_relevance names no role")
        for role, shares in self.relevance_share.items():
            if len(shares) != len(DIMENSIONS) or not all(0 <= share <= 1 for share in shares):
                raise ValueError(
                    f"role_relevance, role {role}: one share of 0 to 1 per dimension is needed"
                )

    @property
    def evidence_min(self) -> int:
        """evidence_min_weight in millionths."""
        return round(self.evidence_min_weight * UNIT)

    @cached_property
    def decay(self) -> IntArray:
        """What is left of a weight, in millionths, by age in days; 0 for the last age and on."""
        ages = np.arange(self.max_age_days + 1)
        left = np.rint(UNIT * 2.0 ** (-ages / self.half_life_days)).astype(np.int64)
        return np.append(left, 0)

    def decayed(self, weight: IntArray, age: IntArray) -> IntArray:
        """Weights (millionths) at ages of 0 days and more, rounded to integers."""
        return (weight * self.decay[np.minimum(age, self.max_age_days + 1)] + UNIT // 2) // UNIT


@dataclass(frozen=True)
class Findings:
    """Findings as arrays of one length, ordered by account and respondent.

    accounts: their ids, sorted. account, dimension: positions. voice: position of the respondent of
    an account, from 0 through all accounts. weight: millionths. rating: hundredths. held, since,
    until: days since 1970, since <= day < until.
    """

    accounts: pa.Array
    account: IntArray
    voice: IntArray
    dimension: IntArray
    rating: IntArray
    weight: IntArray
    held: IntArray
    since: IntArray
    until: IntArray

    @property
    def voice_account(self) -> IntArray:
        """Account of each voice, rising."""
        first = np.flatnonzero(np.append(True, np.diff(self.voice) > 0)[: len(self.voice)])
        return self.account[first]

    @property
    def counts_from(self) -> IntArray:
        """First day on which each is known and held."""
        return np.maximum(self.since, self.held)

    def where(self, keep: BoolArray) -> Findings:
        """Those that are kept, of the same accounts; voices without any are gone."""
        _, voice = np.unique(self.voice[keep], return_inverse=True)
        return Findings(
            self.accounts,
            self.account[keep],
            voice.astype(np.int64),
            self.dimension[keep],
            self.rating[keep],
            self.weight[keep],
            self.held[keep],
            self.since[keep],
            self.until[keep],
        )


@dataclass(frozen=True)
class Sums:
    """Sums over findings, arrays of one shape ending in dimensions.

    weight: sum w in millionths. rated: sum w x rating, in millionths x hundredths. squared: sum
    over respondents of weight x (mean rating)^2, in millionths x hundredths^2.
    """

    weight: FloatArray
    rated: FloatArray
    squared: FloatArray


@dataclass(frozen=True)
class Verdict:
    """What sums say. All but the last three end in dimensions, those are one axis shorter."""

    is_known: BoolArray
    probability: FloatArray  # of lying above the middle, 6 decimals; only where known
    spread: FloatArray  # 0-0.5, 6 decimals; only where known
    is_contested: BoolArray
    is_blocked: BoolArray
    is_cleared: BoolArray
    segment: IntArray  # position in SEGMENTS
    blocking: IntArray  # dimension, -1 where the segment is another
    known: IntArray  # number of dimensions


def read_findings(table: pa.Table, accounts: pa.Array | None = None) -> Findings:
    """Findings from rows with the columns FINDINGS, in any order.

    accounts: ids to hold besides those of the rows. Raises ValueError for a dimension that is none
    of DIMENSIONS, a rating outside 0-4, a negative weight or a null.
    """
    table = table.select(list(FINDINGS))
    for name in FINDINGS:
        if table[name].null_count:
            raise ValueError(f"findings: {name} is null in {table[name].null_count} rows")
    ids = table["account_id"].cast(pa.string()).combine_chunks()
    known = ids if accounts is None else pa.concat_arrays([ids, accounts.cast(pa.string())])
    names = pc.unique(known).sort()
    account = _positions(ids, names)
    dimension = pc.index_in(table["dimension"].cast(pa.string()), pa.array(DIMENSIONS))
    if dimension.null_count:
        raise ValueError(f"findings: a dimension is none of {', '.join(DIMENSIONS)}")
    rating = np.rint(HUNDREDTHS * _floats(table["rating"])).astype(np.int64)
    weight = _floats(table["weight_millionths"]).astype(np.int64)
    if np.any((rating < 0) | (rating > FULL)):
        raise ValueError(f"findings: a rating is not 0 to {STEPS}")
    if np.any(weight < 0):
        raise ValueError("findings: a weight is negative")
    respondents = table["respondent"].cast(pa.string()).combine_chunks()
    respondent = _positions(respondents, pc.unique(respondents).sort())
    order = np.lexsort((respondent, account))
    pairs = np.stack([account[order], respondent[order]])
    is_new = np.append(True, np.any(np.diff(pairs) != 0, axis=0))[: len(order)]
    return Findings(
        accounts=names,
        account=account[order],
        voice=np.cumsum(is_new) - 1,
        dimension=dimension.to_numpy().astype(np.int64)[order],
        rating=rating[order],
        weight=weight[order],
        held=_days(table["held_on"])[order],
        since=_days(table["valid_from"])[order],
        until=_days(table["valid_to"])[order],
    )


def changes(
    stored: pa.Table,
    table: pa.Table,
    first: date,
    last: date,
    rules: ReadinessRules,
) -> pa.Table:
    """The days from `first` to `last` on which what is said of an account changed.

    Args:
        stored: the last row of CHANGE_SCHEMA before `first` of each account that has one (more
            columns are ignored); an account without one is unknown.
        table: rows with the columns FINDINGS, all that is known by `last`.
        first, last: days, inclusive.
        rules: the numbers.

    Returns:
        CHANGE_SCHEMA rows ordered by day and account. expires_on: the first day on which a
        dimension that is known now is known no more if nothing is added. is_single_voice: without
        some one respondent the segment would be another.
    """
    start, end = _day(first), _day(last)
    earlier = stored["account_id"].cast(pa.string()).combine_chunks()
    findings = read_findings(table, earlier)
    state = _stored_state(stored, findings.accounts)
    parts: list[tuple[IntArray, IntArray, IntArray]] = []
    while start <= end:
        soon = findings.where(_may_count(findings, start, end, rules))
        voices = int(soon.voice[-1]) + 1 if len(soon.voice) else 0
        width = max(len(findings.accounts), voices, 1) * len(DIMENSIONS)
        block = min(end, start + max(CELLS // width, 1) - 1, start + 30)
        states = _states(soon.where(_may_count(soon, start, block, rules)), start, block, rules)
        before = np.concatenate([state[:, np.newaxis], states[:, :-1]], axis=1)
        account, day = np.nonzero(np.any(states != before, axis=2))
        parts.append((account, day + start, states[account, day]))
        state, start = states[:, -1], block + 1
    account, day = (
        np.concatenate([part[i] for part in parts] or [np.empty(0, np.int64)]) for i in (0, 1)
    )
    rows = np.concatenate([part[2] for part in parts] or [np.empty((0, STATE), np.int64)])
    order = np.lexsort((account, day))
    return _changes(findings.accounts.take(pa.array(account[order])), day[order], rows[order])


def posteriors(table: pa.Table, day: date, rules: ReadinessRules) -> pa.Table:
    """What is known of each dimension of each account at the end of `day`.

    table: rows with the columns FINDINGS. Returns DIMENSION_SCHEMA rows where there is any
    evidence, ordered by account and dimension; shares, probabilities and disagreement (0-0.5) have
    6 decimals. The interval holds the middle 80% of the posterior.
    """
    on = _day(day)
    findings = read_findings(table)
    findings = findings.where(_may_count(findings, on, on, rules))
    n = len(findings.accounts)
    sums, voices = _sums(findings, on, on, n, rules)
    account, dimension = np.nonzero(sums.weight[:, 0] > 0)
    weight, rated, squared = (
        part[account, 0, dimension] for part in (sums.weight, sums.rated, sums.squared)
    )
    yes, no = shapes(weight, rated, rules)
    expires = _expires(findings, on, on, n, rules)[account, 0, dimension]
    is_known = weight >= rules.evidence_min
    cell = findings.account * len(DIMENSIONS) + findings.dimension
    has_weight = rules.decayed(findings.weight, on - findings.held) > 0
    count = np.bincount(cell[has_weight], minlength=n * len(DIMENSIONS))
    people = np.zeros((n, len(DIMENSIONS)), np.int64)
    np.add.at(people, findings.voice_account, (voices.weight[:, 0] > 0).astype(np.int64))
    return pa.table(
        {
            "account_id": findings.accounts.take(pa.array(account)),
            "as_of_date": _dates(np.full(len(account), on)),
            "dimension": _names(DIMENSIONS, dimension),
            "mean_share": pa.array(np.round(yes / (yes + no), 6)),
            "lower_80_share": pa.array(np.round(special.betaincinv(yes, no, 0.1), 6)),
            "upper_80_share": pa.array(np.round(special.betaincinv(yes, no, 0.9), 6)),
            "evidence_weight": pa.array(weight / UNIT),
            "probability_above_half": pa.array(above_half(yes, no)),
            "disagreement": pa.array(_spread(weight, rated, squared)),
            "is_known": pa.array(is_known),
            "respondents": pa.array(people[account, dimension], pa.int32()),
            "findings": pa.array(count[account * len(DIMENSIONS) + dimension], pa.int32()),
            "expires_on": _dates(np.where(is_known, expires, NEVER)),
        },
        schema=DIMENSION_SCHEMA,
    )


def questions(table: pa.Table, day: date, rules: ReadinessRules) -> pa.Table:
    """What one more answer would do: the chance of each segment after it, by account and role.

    A pre-posterior analysis (Raiffa and Schlaifer 1961, "Applied Statistical Decision Theory") for
    the day `lead_days` after `day`, on which an interview that is asked for now is held. Until then
    evidence goes on decaying and nothing is added. The answer comes from somebody not heard before,
    as an interview; its chances are what the posterior predicts, the beta-binomial distribution of
    4 yes-or-no answers (uniform where nothing is known).

    Args:
        table: rows with the columns FINDINGS, of which only what is known and held by `day` counts.
        day: the day on which the question is put.
        rules: the numbers.

    Returns:
        QUESTION_SCHEMA rows for every account with evidence on `day` and for NOBODY, each role and
        each dimension and ALL; the shares sum to 1.
    """
    on = _day(day)
    then = on + rules.lead_days
    findings = read_findings(table)
    now = findings.where(_may_count(findings, on, on, rules))
    there = np.unique(now.account[rules.decayed(now.weight, on - now.held) > 0])
    n = len(findings.accounts)
    # What is in force on the day stays so; the last row is of an account without evidence.
    kept = replace(now, until=np.full(len(now.until), then + 1))
    sums, _ = _sums(kept, then, then, n + 1, rules)
    rows = np.append(there, n)
    at = Sums(sums.weight[rows, 0], sums.rated[rows, 0], sums.squared[rows, 0])
    roles = sorted(rules.relevance_share)
    asked = np.array([rules.relevance_share[role] for role in roles])
    weight = np.rint(UNIT * rules.interview_weight_share * asked)
    without = judge(at, rules)
    chances = _chances_of_answers(at, weight, rules)
    fixed = kinds(without)[:, np.newaxis]
    shares = [
        segment_chances(
            np.where((np.arange(len(DIMENSIONS)) == place)[:, np.newaxis], chances, fixed)
        )
        for place in range(len(DIMENSIONS))
    ]
    shares.append(segment_chances(chances))
    share = np.stack(shares, axis=2).reshape(-1, len(SEGMENTS))
    size = (len(rows), len(roles), len(DIMENSIONS) + 1)
    account, role, dimension = (index.ravel() for index in np.indices(size))
    names = pa.concat_arrays(
        [findings.accounts.take(pa.array(there)), pa.array([NOBODY], pa.string())]
    )
    return pa.table(
        {
            "as_of_date": _dates(np.full(len(account), on)),
            "account_id": names.take(pa.array(account)),
            "respondent_role": _names(roles, role),
            "dimension": _names((*DIMENSIONS, ALL), dimension),
            "segment_without": _names(SEGMENTS, without.segment[account]),
            **{f"{name}_share": pa.array(share[:, i]) for i, name in enumerate(SEGMENTS)},
        },
        schema=QUESTION_SCHEMA,
    )


# --- the parts ------------------------------------------------------------------------------------


def shapes(
    weight: FloatArray, rated: FloatArray, rules: ReadinessRules
) -> tuple[FloatArray, FloatArray]:
    """Both parameters of the beta posterior, from sums as in Sums; shape: theirs."""
    scale = rules.rating_strength / (UNIT * FULL)
    return 1 + scale * rated, 1 + scale * (FULL * weight - rated)


def above_half(yes: FloatArray, no: FloatArray) -> FloatArray:
    """Probability that a Beta(yes, no) lies above 0.5, to 6 decimals."""
    probability: FloatArray = np.round(special.betainc(no, yes, 0.5), 6)
    return probability


def judge(sums: Sums, rules: ReadinessRules) -> Verdict:
    """Dimensions and segment by the rules, from sums of shape (..., dimensions)."""
    is_known = sums.weight >= rules.evidence_min
    weight, rated = sums.weight[is_known], sums.rated[is_known]
    probability = np.full(is_known.shape, 0.5)
    probability[is_known] = above_half(*shapes(weight, rated, rules))
    spread = np.zeros(is_known.shape)
    spread[is_known] = _spread(weight, rated, sums.squared[is_known])
    is_contested = is_known & (spread > rules.contested_min_spread)
    is_blocked = is_known & (probability <= rules.blocked_max_probability)
    is_cleared = is_known & (probability >= rules.cleared_min_probability)
    segment = np.select(
        [
            ~is_known.any(axis=-1),
            is_contested.any(axis=-1),
            is_blocked.any(axis=-1),
            is_cleared.all(axis=-1),
        ],
        [UNKNOWN, CONTESTED, BLOCKED, CAN_DECIDE],
        PARTIAL,
    )
    lowest = np.argmin(np.where(is_known, probability, 2.0), axis=-1)
    return Verdict(
        is_known=is_known,
        probability=probability,
        spread=spread,
        is_contested=is_contested,
        is_blocked=is_blocked,
        is_cleared=is_cleared,
        segment=segment,
        blocking=np.where(segment == BLOCKED, lowest, -1),
        known=np.count_nonzero(is_known, axis=-1),
    )


def kinds(verdict: Verdict) -> FloatArray:
    """Of each dimension which of unknown, contested, blocked, neither, cleared: 1, else 0.

    Shape (..., dimensions, 5). One of them holds; contested goes before blocked and cleared, as it
    does in the segment.
    """
    rest = verdict.is_known & ~verdict.is_contested
    blocked, cleared = rest & verdict.is_blocked, rest & verdict.is_cleared
    neither = rest & ~blocked & ~cleared
    return np.stack(
        [~verdict.is_known, verdict.is_contested, blocked, neither, cleared], axis=-1
    ).astype(np.float64)


def segment_chances(chances: FloatArray) -> FloatArray:
    """Chances of the segments, shape (..., 5) as SEGMENTS, if dimensions are independent.

    chances: of the kinds (see `kinds`) of each dimension, shape (..., dimensions, 5).
    """
    unknown, _, blocked, neither, cleared = np.moveaxis(chances, -1, 0)
    none_blocks = (unknown + neither + cleared).prod(axis=-1)
    none_contested = (unknown + neither + cleared + blocked).prod(axis=-1)
    all_unknown, all_cleared = unknown.prod(axis=-1), cleared.prod(axis=-1)
    found = np.stack(
        [
            all_unknown,
            1 - none_contested,
            none_contested - none_blocks,
            none_blocks - all_unknown - all_cleared,
            all_cleared,
        ],
        axis=-1,
    )
    # Differences of equal products leave dust.
    shares: FloatArray = np.round(found.clip(0, 1), 9)
    return shares


def rating_chances(yes: FloatArray, no: FloatArray) -> FloatArray:
    """Chances of ratings 0 to 4 that a Beta(yes, no) predicts (beta-binomial); shape (..., 5)."""
    rating = np.arange(STEPS + 1)
    yes, no = yes[..., np.newaxis], no[..., np.newaxis]
    log = special.betaln(yes + rating, no + STEPS - rating) - special.betaln(yes, no)
    chances: FloatArray = special.comb(STEPS, rating) * np.exp(log)
    chances /= chances.sum(axis=-1, keepdims=True)
    return chances


def _chances_of_answers(at: Sums, weight: FloatArray, rules: ReadinessRules) -> FloatArray:
    """Chances of the kinds of each dimension after an answer to it.

    at: sums of shape (accounts, dimensions). weight: of an answer, (roles, dimensions), millionths.
    Shape (accounts, roles, dimensions, 5 kinds).
    """
    before = Sums(*(part[:, np.newaxis, np.newaxis] for part in (at.weight, at.rated, at.squared)))
    rating = (HUNDREDTHS * np.arange(STEPS + 1.0))[:, np.newaxis]
    added = weight[:, np.newaxis]
    after = Sums(
        before.weight + added + 0 * rating,
        before.rated + added * rating,
        before.squared + added * rating**2,
    )
    predicted = rating_chances(*shapes(at.weight, at.rated, rules))
    kind = kinds(judge(after, rules))  # (accounts, roles, ratings, dimensions, kinds)
    chances: FloatArray = np.einsum("apxdk,adx->apdk", kind, predicted)
    return chances


def _may_count(findings: Findings, first: int, last: int, rules: ReadinessRules) -> BoolArray:
    """Which count on some day from `first` to `last`."""
    counts: BoolArray = (
        (findings.counts_from <= last)
        & (findings.until > np.maximum(first, findings.counts_from))
        & (findings.held + rules.max_age_days >= first)
    )
    return counts


def _sums(
    findings: Findings, first: int, last: int, n: int, rules: ReadinessRules
) -> tuple[Sums, Sums]:
    """Sums by account (n of them) and by voice: shape (accounts or voices, days, dimensions)."""
    days = last - first + 1
    start = np.maximum(findings.counts_from, first)
    stop = np.minimum(np.minimum(findings.until, findings.held + rules.max_age_days + 1), last + 1)
    row, offset = _expand((stop - start).clip(0, None))
    day = start[row] + offset
    weight = rules.decayed(findings.weight[row], day - findings.held[row])
    voice_account = findings.voice_account
    shape = (len(voice_account), days, len(DIMENSIONS))
    cell = (findings.voice[row] * days + day - first) * shape[2] + findings.dimension[row]
    # Sums of integers under 2^53: exact, in whatever order.
    size = int(np.prod(shape))
    voice_weight, voice_rated = (
        np.bincount(cell, amount, size).astype(np.float64).reshape(shape)
        for amount in (weight, weight * findings.rating[row])
    )
    squared = voice_rated * (voice_rated / np.maximum(voice_weight, 1))
    voices = Sums(voice_weight, voice_rated, squared)
    return Sums(*(_by_account(part, voice_account, n) for part in vars(voices).values())), voices


def _by_account(part: FloatArray, voice_account: IntArray, n: int) -> FloatArray:
    """Sums over the voices of each account."""
    total = np.zeros((n, *part.shape[1:]))
    if len(voice_account):
        starts = np.flatnonzero(np.append(True, np.diff(voice_account) > 0))
        total[voice_account[starts]] = np.add.reduceat(part, starts, axis=0)
    return total


def _spread(weight: FloatArray, rated: FloatArray, squared: FloatArray) -> FloatArray:
    """Weighted standard deviation of x between respondents, to 6 decimals; weights are > 0."""
    variance = (squared / weight - (rated / weight) ** 2).clip(0, None)
    spread: FloatArray = np.round(np.sqrt(variance) / FULL, 6)
    return spread


def _is_single_voice(
    findings: Findings, sums: Sums, voices: Sums, segment: IntArray, rules: ReadinessRules
) -> BoolArray:
    """Whether leaving out some one respondent changes the segment; shape of the segment."""
    account = findings.voice_account
    speaks = voices.weight.any(axis=2) & (segment[account] != UNKNOWN)
    voice, day = np.nonzero(speaks)
    owner = account[voice]
    without = judge(
        Sums(
            sums.weight[owner, day] - voices.weight[voice, day],
            sums.rated[owner, day] - voices.rated[voice, day],
            sums.squared[owner, day] - voices.squared[voice, day],
        ),
        rules,
    )
    differs = without.segment != segment[owner, day]
    single = np.zeros(segment.shape, dtype=np.bool_)
    single[owner[differs], day[differs]] = True
    return single


def _expires(findings: Findings, first: int, last: int, n: int, rules: ReadinessRules) -> IntArray:
    """First day on which evidence would be too little if nothing were added to what counts.

    Shape (n, days, dimensions); right where the dimension is known. What counts changes only on
    some days; between them the day of expiry stands still and is searched for once.
    """
    days = last - first + 1
    group = findings.account * len(DIMENSIONS) + findings.dimension
    start = np.maximum(findings.counts_from, first)
    stop = np.minimum(findings.until, last + 1)
    span = last + 2 - first  # of the days of one group, in the order of groups and days
    begins = np.concatenate([start, stop[stop <= last]]) - first
    groups = np.concatenate([group, group[stop <= last]])
    epoch = np.unique(groups * span + begins)
    low = np.searchsorted(epoch, group * span + start - first)
    high = np.searchsorted(epoch, group * span + stop - first)
    row, offset = _expand((high - low).clip(0, None))
    member = low[row] + offset
    epoch_day = epoch % span + first
    # The last day of enough evidence is before `after`; evidence only falls from here on.
    before, after = np.full(len(epoch), -1), np.full(len(epoch), rules.max_age_days + 1)
    while np.any(after - before > 1):
        middle = (before + after) // 2
        age = (epoch_day + middle)[member] - findings.held[row]
        evidence = np.bincount(member, rules.decayed(findings.weight[row], age), len(epoch))
        is_enough = evidence >= rules.evidence_min
        before, after = np.where(is_enough, middle, before), np.where(is_enough, after, middle)
    found = np.full(n * len(DIMENSIONS) * days, NEVER)
    # Each epoch holds up to the next of its group, or to the end.
    owner = epoch // span
    until = np.append(np.where(np.diff(owner) == 0, epoch_day[1:], last + 1), last + 1)[
        : len(epoch)
    ]
    spread, later = _expand(until - epoch_day)
    account, dimension = np.divmod(owner[spread], len(DIMENSIONS))
    cell = (account * days + epoch_day[spread] - first + later) * len(DIMENSIONS) + dimension
    found[cell] = (epoch_day + after)[spread]
    return found.reshape(n, days, len(DIMENSIONS))


# --- states of accounts, as integers that can be compared -----------------------------------------

STATE = 6
"""segment, blocking dimension, known and cleared dimensions, day of expiry, single voice."""
START = (UNKNOWN, -1, 0, 0, NEVER, 0)


def _states(findings: Findings, first: int, last: int, rules: ReadinessRules) -> IntArray:
    """What is said of every account on each day: shape (accounts, days, STATE)."""
    n = len(findings.accounts)
    states = np.tile(np.array(START), (n, last - first + 1, 1))
    if not len(findings.account):
        return states
    sums, voices = _sums(findings, first, last, n, rules)
    verdict = judge(sums, rules)
    expires = _expires(findings, first, last, n, rules)
    soonest = np.where(verdict.is_known, expires, np.iinfo(np.int64).max).min(axis=2)
    states[..., 0] = verdict.segment
    states[..., 1] = verdict.blocking
    states[..., 2] = verdict.known
    states[..., 3] = np.count_nonzero(verdict.is_cleared, axis=2)
    states[..., 4] = np.where(verdict.known > 0, soonest, NEVER)
    states[..., 5] = _is_single_voice(findings, sums, voices, verdict.segment, rules)
    return states


def _stored_state(stored: pa.Table, accounts: pa.Array) -> IntArray:
    """The last states that are stored, of each account: shape (accounts, STATE)."""
    state = np.tile(np.array(START), (len(accounts), 1))
    at = _positions(stored["account_id"].cast(pa.string()).combine_chunks(), accounts)
    segments = pc.index_in(stored["segment"].cast(pa.string()), pa.array(SEGMENTS))
    state[at, 0] = pc.fill_null(segments, UNKNOWN).to_numpy()
    blocking = pc.index_in(stored["blocking_dimension"].cast(pa.string()), pa.array(DIMENSIONS))
    state[at, 1] = pc.fill_null(blocking, -1).to_numpy()
    state[at, 2] = stored["known_dimensions"].to_numpy()
    state[at, 3] = stored["cleared_dimensions"].to_numpy()
    state[at, 4] = pc.fill_null(stored["expires_on"].cast(pa.int32()), NEVER).to_numpy()
    state[at, 5] = pc.cast(stored["is_single_voice"], pa.int8()).to_numpy()
    return state


def _changes(accounts: pa.Array, day: IntArray, states: IntArray) -> pa.Table:
    return pa.table(
        {
            "account_id": accounts,
            "as_of_date": _dates(day),
            "segment": _names(SEGMENTS, states[:, 0]),
            "blocking_dimension": _names(DIMENSIONS, states[:, 1]),
            "known_dimensions": pa.array(states[:, 2], pa.int32()),
            "cleared_dimensions": pa.array(states[:, 3], pa.int32()),
            "expires_on": _dates(states[:, 4]),
            "is_single_voice": pa.array(states[:, 5] == 1),
        },
        schema=CHANGE_SCHEMA,
    )


def _expand(lengths: IntArray) -> tuple[IntArray, IntArray]:
    """For each of `lengths` so many rows: the position it stems from, and its number from 0."""
    row = np.repeat(np.arange(len(lengths)), lengths)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def _positions(values: pa.Array, names: pa.Array) -> IntArray:
    found: IntArray = pc.index_in(values, names).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def _names(names: Sequence[str], codes: IntArray) -> pa.Array:
    """Names of codes; null for -1."""
    return pa.array(names, pa.string()).take(pa.array(codes, pa.int64(), mask=codes < 0))


def _floats(column: pa.ChunkedArray) -> FloatArray:
    floats: FloatArray = column.cast(pa.float64()).to_numpy()
    return floats


def _days(column: pa.ChunkedArray) -> IntArray:
    days: IntArray = column.cast(pa.date32()).cast(pa.int32()).to_numpy().astype(np.int64)
    return days


def _day(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _dates(days: IntArray) -> pa.Array:
    """Dates; null for NEVER."""
    dates = np.asarray(days, np.int64).astype(np.int32)
    return pa.array(dates, pa.int32(), mask=dates == NEVER).cast(pa.date32())
