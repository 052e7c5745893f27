"""What is stored of earlier runs: scores, checkpoints, which days are done, plans of runs.

What belongs here: the tables of schema `scores` and `raw_landing.plans`, how the scorer's blocks
are read and written, and the rules that runs have used. What does not: the rules of the states
(scoring/), the choice of days (planning.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from orchestration.engine.warehouse import Warehouse
from orchestration.rules.ruleset import RuleChange, Rules, changes_between
from orchestration.runs.planning import ONE_DAY, History, Plan, month_blocks, plan_range
from orchestration.scoring import activation, readiness
from orchestration.scoring.agreement import AGREEMENT_SCHEMA, coder_agreement
from orchestration.scoring.matching import PROPOSAL_SCHEMA

TRANSITIONS = "scores.activation_transitions"
CHECKPOINTS = "scores.activation_checkpoints"
RUNS = "scores.runs"
RULE_CHANGES = "scores.rule_changes"
RULE_CONTENTS = "scores.rule_contents"
MATCHES = "scores.match_proposals"
MATCH_RUNS = "scores.match_runs"
READINESS = "scores.readiness_changes"
READINESS_DIMENSIONS = "scores.readiness_dimensions"
QUESTIONS = "scores.research_questions"
AGREEMENT = "scores.coder_agreement"
PLANS = "raw_landing.plans"
DAILY = (READINESS, READINESS_DIMENSIONS)
"""Of the tables of readiness those that hold days of the past; the others are of the last day."""
MATCH_ACCOUNTS = "features.feat_match_accounts"
FEATURES = "features.feat_account_days"
FINDINGS = "features.feat_research_findings"

DAY = pa.field("as_of_date", pa.date32())
RULESET = pa.field("ruleset_version", pa.string())

TABLES: dict[str, pa.Schema] = {
    TRANSITIONS: activation.TRANSITION_SCHEMA.append(RULESET),
    CHECKPOINTS: activation.CHECKPOINT_SCHEMA.append(RULESET),
    MATCHES: PROPOSAL_SCHEMA.insert(0, DAY).append(RULESET),
    # Of what the proposals of a day were made: the same again need not be made again.
    MATCH_RUNS: pa.schema([DAY, ("input_hash", pa.string())]),
    READINESS: readiness.CHANGE_SCHEMA.append(RULESET),
    READINESS_DIMENSIONS: readiness.DIMENSION_SCHEMA.append(RULESET),
    QUESTIONS: readiness.QUESTION_SCHEMA.append(RULESET),
    AGREEMENT: AGREEMENT_SCHEMA.insert(0, DAY).append(RULESET),
    RUNS: pa.schema([("start_date", pa.date32()), ("end_date", pa.date32()), RULESET]),
    # What differed whenever a run used other rules than the run before it, and the content of every
    # rule that was new or another then. Both are only added to.
    RULE_CHANGES: pa.schema(
        [
            ("change_number", pa.int32()),
            RULESET,
            ("previous_ruleset_version", pa.string()),
            ("used_from", pa.date32()),
            ("rule_kind", pa.string()),
            ("rule", pa.string()),
            ("change", pa.string()),
            ("rows_added", pa.int32()),
            ("rows_removed", pa.int32()),
            ("rows_changed", pa.int32()),
            ("value_before", pa.string()),
            ("value_after", pa.string()),
            ("what_changed", pa.string()),
        ]
    ),
    RULE_CONTENTS: pa.schema(
        [
            ("change_number", pa.int32()),
            ("rule_kind", pa.string()),
            ("rule", pa.string()),
            ("content", pa.string()),
        ]
    ),
    # One row per run. What a run computes is settled when it starts, for its own scores change
    # what the same request would mean; and a run that stored scores but never published is redone.
    PLANS: pa.schema(
        [
            ("run_id", pa.string()),
            ("start_date", pa.date32()),
            ("end_date", pa.date32()),
            ("replay_start_date", pa.date32()),
            ("planned_at", pa.timestamp("us")),
            ("scored_at", pa.timestamp("us")),
            ("checked_at", pa.timestamp("us")),
            ("published_at", pa.timestamp("us")),
        ]
    ),
}
"""What is stored, by table: of scores what the scorer returns, with its day and its rules."""

SQL_TYPES = {
    pa.string(): "varchar",
    pa.date32(): "date",
    pa.timestamp("us"): "timestamp",
    pa.int32(): "integer",
    pa.float64(): "double",
    pa.bool_(): "boolean",
}

NOT_KEPT = "Not recorded: these rules were used before the content of rules was kept."
NOTHING_ELSE = "The rules are the same; only how their version is computed has changed."

# The run that stored scores last, and when its marts passed their checks.
LAST_SCORED = (
    f"select run_id, checked_at from {PLANS} where scored_at is not null"
    " order by scored_at desc, planned_at desc limit 1"
)

# accounts -> proposals
Matcher = Callable[[pa.Table], pa.Table]
# checkpoint, features -> transitions, checkpoint
Scorer = Callable[[pa.Table, pa.Table], tuple[pa.Table, pa.Table]]


class StoredScoresError(RuntimeError):
    """What is stored does not fit this run; the message says what to run."""


@dataclass(frozen=True)
class ScoreCounts:
    """Rows read and written by one run of the scorer."""

    account_days: int
    transitions: int
    checkpoint_rows: int


def prepare(warehouse: Warehouse) -> None:
    """Makes the tables that are missing, and the columns that a newer version added to them."""
    for table, schema in TABLES.items():
        columns = [f"{column.name} {SQL_TYPES[column.type]}" for column in schema]
        warehouse.execute(f"create schema if not exists {table.split('.')[0]}")
        warehouse.execute(f"create table if not exists {table} ({', '.join(columns)})")
        for column in columns:
            warehouse.execute(f"alter table {table} add column if not exists {column}")


def read_history(warehouse: Warehouse) -> History | None:
    """The stored days, None when nothing is stored. Reads only, also in a new warehouse."""
    if not warehouse.has_table("scores", "runs"):
        return None
    ((first, last),) = warehouse.rows(f"select min(start_date), max(end_date) from {RUNS}")
    if first is None:
        return None
    days = warehouse.rows(f"select distinct as_of_date from {CHECKPOINTS}")
    ((redo_from,),) = warehouse.rows(
        f"select min(start_date) from {PLANS} where scored_at is not null and published_at is null"
    )
    return History(first, last, frozenset(day for (day,) in days), redo_from)


def last_published_day(warehouse: Warehouse) -> date | None:
    """The last day that was published from this warehouse."""
    ((day,),) = warehouse.rows(f"select max(end_date) from {PLANS} where published_at is not null")
    return cast("date | None", day)


def plan_of_run(
    warehouse: Warehouse,
    run_id: str,
    requested_start: date | None,
    requested_end: date | None,
    *,
    last_complete_day: date | None,
    now: datetime,
) -> Plan:
    """The plan of this run: as it was settled by its first step, else settled here and kept."""
    prepare(warehouse)
    kept = warehouse.rows(
        f"select start_date, end_date, replay_start_date from {PLANS} where run_id = ?", [run_id]
    )
    if kept:
        return Plan(*kept[0])
    plan = plan_range(
        requested_start,
        requested_end,
        last_complete_day=last_complete_day,
        history=read_history(warehouse),
        today=now.astimezone(UTC).date(),
    )
    warehouse.execute(
        f"insert into {PLANS} (run_id, start_date, end_date, replay_start_date, planned_at)"
        " values (?, ?, ?, ?, ?)",
        [run_id, plan.start, plan.end, plan.replay_start, _naive(now)],
    )
    return plan


def score_activation(
    warehouse: Warehouse,
    run_id: str,
    plan: Plan,
    scorer: Scorer,
    ruleset_version: str,
    now: datetime,
) -> ScoreCounts:
    """Runs the state machine over the plan's days, month by month, and stores what it gives.

    Features are read a month at a time, so memory holds accounts x 31 days. Days before plan.start
    only bring the waiting days up to it; everything from plan.start on is replaced in one
    transaction. Raises StoredScoresError when the features were
    built for other days.
    """
    _check_features(warehouse, plan)
    checkpoint = warehouse.read(
        f"select * from {CHECKPOINTS} where as_of_date = ? order by account_id",
        [plan.replay_start - ONE_DAY],
    )
    transitions: list[pa.Table] = []
    checkpoints: list[pa.Table] = []
    account_days = 0
    blocks = [*month_blocks(plan.replay_start, plan.start - ONE_DAY)]
    blocks += month_blocks(plan.start, plan.end)
    for first, last in blocks:
        if first == plan.start > plan.replay_start:
            checkpoint = _as_stored(warehouse, checkpoint, plan.start)
        features = warehouse.read(
            f"select {', '.join(activation.FEATURES)} from {FEATURES}"
            " where as_of_date between ? and ?",
            [first, last],
        )
        account_days += features.num_rows
        moved, checkpoint = scorer(checkpoint, features)
        if first < plan.start:
            continue
        transitions.append(moved)
        if features.num_rows:
            checkpoints.append(checkpoint)
    new_transitions = _with_ruleset(pa.concat_tables(transitions), ruleset_version)
    new_checkpoints = _with_ruleset(pa.concat_tables(checkpoints), ruleset_version)
    with warehouse.transaction():
        warehouse.replace(TRANSITIONS, new_transitions, "as_of_date >= ?", [plan.start])
        warehouse.replace(CHECKPOINTS, new_checkpoints, "as_of_date >= ?", [plan.start])
        warehouse.execute(
            f"insert into {RUNS} values (?, ?, ?)", [plan.start, plan.end, ruleset_version]
        )
        warehouse.execute(
            f"update {PLANS} set scored_at = ? where run_id = ?", [_naive(now), run_id]
        )
    return ScoreCounts(account_days, new_transitions.num_rows, new_checkpoints.num_rows)


def keep_rules(
    warehouse: Warehouse, plan: Plan, ruleset_version: str, read_rules: Callable[[], Rules]
) -> int:
    """Notes what differs from the rules of the run before; returns how many rows that took.

    Of the first rules that are kept nobody can say what they changed, nor of those that runs used
    before them: each of these versions has one row that says so. read_rules: asked only where the
    version is another than that of the run before.
    """
    last = warehouse.rows(
        f"select change_number, ruleset_version from {RULE_CHANGES}"
        " order by change_number desc limit 1"
    )
    if last and last[0][1] == ruleset_version:
        return 0
    rules, kept = read_rules(), _kept_rules(warehouse)
    if last:
        changes = [asdict(change) for change in changes_between(kept, rules)]
        uses = [(ruleset_version, plan.start, changes or [_of_all_rules(NOTHING_ELSE)])]
    else:
        first_days = dict(
            warehouse.rows(
                f"select ruleset_version, min(start_date) from {RUNS}"
                " group by ruleset_version order by min(rowid)"
            )
        )
        since = first_days.pop(ruleset_version, plan.start)
        uses = [(version, day, [_of_all_rules(NOT_KEPT)]) for version, day in first_days.items()]
        uses.append((ruleset_version, since, [_of_all_rules(first_kept(len(rules.contents)))]))
    number, previous = last[0] if last else (0, None)
    rows = []
    for version, used_from, differences in uses:
        number += 1
        rows += [
            {
                "change_number": number,
                "ruleset_version": version,
                "previous_ruleset_version": previous,
                "used_from": used_from,
                **difference,
            }
            for difference in differences
        ]
        previous = version
    contents = [
        {"change_number": number, "rule_kind": kind, "rule": rule, "content": content}
        for kind, rule in sorted(kept.keys() | rules.contents.keys())
        if (content := rules.contents.get((kind, rule))) != kept.get((kind, rule))
    ]
    with warehouse.transaction():
        warehouse.append(RULE_CHANGES, pa.Table.from_pylist(rows))
        if contents:
            warehouse.append(RULE_CONTENTS, pa.Table.from_pylist(contents))
    return len(rows)


def first_kept(rules: int) -> str:
    """The words for the first rules of which it is kept what they are."""
    return f"The first rules on record: {rules:,} seeds and vars."


def _of_all_rules(words: str) -> dict[str, object]:
    return asdict(RuleChange(None, "all rules", "not recorded", words))


def _kept_rules(warehouse: Warehouse) -> dict[tuple[str, str], str]:
    """The content of every rule that was in force when rules were last noted."""
    return {
        (kind, rule): content
        for kind, rule, content in warehouse.rows(
            f"""
            select rule_kind, rule, content from {RULE_CONTENTS}
            qualify row_number() over (
                partition by rule_kind, rule order by change_number desc
            ) = 1
            """
        )
        if content is not None
    }


def score_matches(
    warehouse: Warehouse, plan: Plan, matcher: Matcher, version: str, ruleset_version: str
) -> int:
    """Stores the pairs that match review proposes on the plan's last day; returns how many.

    version: of the rules and the code that make them. Where neither it nor the accounts have
    changed since a stored day, that day's proposals are taken over. Raises StoredScoresError when
    the features were built for another day.
    """
    accounts = warehouse.read(f"select * from {MATCH_ACCOUNTS} order by account_id")
    days = accounts["as_of_date"].unique().to_pylist()
    if days not in ([plan.end], []):
        raise StoredScoresError(
            f"The accounts to match are those of {days[0]}, this run needs {plan.end}: another run"
            " came between. Run the whole job again (make refresh)."
        )
    read = accounts.drop_columns(["as_of_date"])
    input_hash = _hash(version, read)
    kept = warehouse.rows(
        f"select max(as_of_date) from {MATCH_RUNS} where input_hash = ? and as_of_date <= ?",
        [input_hash, plan.end],
    )[0][0]
    if kept is None:
        proposals = matcher(read)
    else:
        proposals = warehouse.read(
            f"select {', '.join(PROPOSAL_SCHEMA.names)} from {MATCHES} where as_of_date = ?"
            " order by left_account_id, right_account_id",
            [kept],
        )
    days_of_rows = pa.array([plan.end] * proposals.num_rows, pa.date32())
    proposals = proposals.add_column(0, "as_of_date", days_of_rows)
    run = pa.table({"as_of_date": pa.array([plan.end]), "input_hash": pa.array([input_hash])})
    with warehouse.transaction():
        for table, rows in (
            (MATCHES, _with_ruleset(proposals, ruleset_version)),
            (MATCH_RUNS, run),
        ):
            warehouse.replace(table, rows, "as_of_date >= ?", [plan.start])
    return int(proposals.num_rows)


def score_readiness(
    warehouse: Warehouse, plan: Plan, rules: readiness.ReadinessRules, ruleset_version: str
) -> dict[str, int]:
    """Stores what research says of accounts on the plan's days; returns rows written by table.

    A change is one from the account's last stored row before plan.start, which stands. Dimensions
    are stored at month ends and on the last day; what to ask next and how coders agree, on the last
    day. Rows from plan.start on are replaced in one transaction.
    """
    last_rows = warehouse.read(
        f"""
        select {", ".join(readiness.CHANGE_SCHEMA.names)}
        from {READINESS}
        where as_of_date < ?
        qualify row_number() over (partition by account_id order by as_of_date desc) = 1
        order by account_id
        """,
        [plan.start],
    )
    # Of a finding that ended before the run nothing is left to say.
    findings = warehouse.read(
        f"select {', '.join(readiness.FINDINGS)}, interview_id, coder from {FINDINGS}"
        " where valid_to > ?",
        [plan.start],
    )
    ends = [last for _, last in month_blocks(plan.start, plan.end)]
    dimensions = [readiness.posteriors(findings, day, rules) for day in ends]
    known = pc.and_(
        pc.greater(findings["valid_to"], plan.end),
        pc.and_(
            pc.less_equal(findings["valid_from"], plan.end),
            pc.less_equal(findings["held_on"], plan.end),
        ),
    )
    agreement = coder_agreement(findings.filter(known))
    days = pa.array([plan.end] * agreement.num_rows, pa.date32())
    tables = {
        READINESS: readiness.changes(last_rows, findings, plan.start, plan.end, rules),
        READINESS_DIMENSIONS: pa.concat_tables(dimensions),
        QUESTIONS: readiness.questions(findings, plan.end, rules),
        AGREEMENT: agreement.add_column(0, "as_of_date", days),
    }
    with warehouse.transaction():
        for table, rows in tables.items():
            with_ruleset = _with_ruleset(rows, ruleset_version)
            # Nobody asks what would have been worth asking on a day that is over.
            days = ("true", []) if table == QUESTIONS else ("as_of_date >= ?", [plan.start])
            warehouse.replace(table, with_ruleset, *days)
    return {table: rows.num_rows for table, rows in tables.items()}


def _hash(version: str, rows: pa.Table) -> str:
    digest = hashlib.sha256(version.encode())
    for row in rows.to_pylist():
        digest.update(repr(sorted(row.items())).encode())
    return digest.hexdigest()


def check_scored(warehouse: Warehouse, plan: Plan) -> None:
    """Raises StoredScoresError unless the scores of all of the plan's days are stored."""
    history = read_history(warehouse)
    if history is None or not history.first <= plan.start <= plan.end <= history.last:
        stored = f"{history.first} to {history.last}" if history else "none"
        raise StoredScoresError(
            f"This needs the scores of {plan.start} to {plan.end}, and stored are {stored}. Choose"
            " days that are stored, or all assets, so that the scores are made too."
        )


def mark_checked(warehouse: Warehouse, run_id: str, now: datetime) -> None:
    """Notes that all marts of this run were built and every check passed.

    So have the scores that were stored last, by a run that this one goes on with: Dagster tries a
    failed step again in a run of its own. They must be of the same days.
    """
    warehouse.execute(
        f"""
        update {PLANS} set checked_at = ?
        where run_id = ? or (run_id, start_date, end_date) in (
            select last.run_id, this.start_date, this.end_date
            from {PLANS} as this
            cross join ({LAST_SCORED}) as last
            where this.run_id = ?
        )
        """,
        [_naive(now), run_id, run_id],
    )


def take_back_check(warehouse: Warehouse) -> str | None:
    """Takes back that the scores written last passed their checks; gives their run if they did."""
    rows = warehouse.rows(LAST_SCORED)
    if not rows or rows[0][1] is None:
        return None
    warehouse.execute(f"update {PLANS} set checked_at = null where run_id = ?", [rows[0][0]])
    return str(rows[0][0])


def check_publishable(warehouse: Warehouse) -> None:
    """Raises StoredScoresError unless the run that wrote the scores last passed its checks."""
    last = warehouse.rows(LAST_SCORED)
    if not last or last[0][1] is None:
        raise StoredScoresError(
            "The last refresh did not pass all of its checks, so there is nothing to publish."
            " Run make refresh and mend what it names."
        )


def mark_published(warehouse: Warehouse, now: datetime) -> None:
    """Notes that everything stored so far has been published."""
    warehouse.execute(
        f"update {PLANS} set published_at = ? where scored_at is not null and published_at is null",
        [_naive(now)],
    )


def _as_stored(warehouse: Warehouse, replayed: pa.Table, start: date) -> pa.Table:
    """The memory at the day before `start`: states as they are stored, waiting days as replayed.

    Days before `start` were replayed under today's rules, but what is stored of them stands. Where
    the two states differ the rules have changed since, and the waiting starts anew. So it is with
    accounts that the rules of today take away (a source that was switched off) or bring: they leave
    and arrive on `start`, or their history would stay open, or never begin.
    """
    stored = warehouse.read(
        f"""
        select account_id, to_state as state, as_of_date as state_since
        from {TRANSITIONS}
        where as_of_date < ?
        qualify row_number() over (partition by account_id order by as_of_date desc) = 1
        order by account_id
        """,
        [start],
    )
    memory = {row["account_id"]: row for row in replayed.to_pylist()}
    rows = []
    for kept in stored.to_pylist():
        if kept["state"] is None:
            continue
        row = memory.get(kept["account_id"], {"as_of_date": start - ONE_DAY, "state": None})
        if kept["state"] != row["state"]:
            row |= {"days_below": 0, "is_attribution_changed": False}
        rows.append(row | kept)
    return pa.Table.from_pylist(rows, schema=replayed.schema)


def _check_features(warehouse: Warehouse, plan: Plan) -> None:
    ((first, last),) = warehouse.rows(f"select min(as_of_date), max(as_of_date) from {FEATURES}")
    if first is None:
        raise StoredScoresError(
            "There is no account on any day of this run. Those that were delivered are known only"
            " later (take a later START_DATE), or are left out by record_exclusions.csv (in"
            " RULES_DIR, or else in seeds/identity)."
        )
    if first < plan.replay_start or last != plan.end:
        raise StoredScoresError(
            f"The features hold {first} to {last}, this run needs {plan.replay_start} to"
            f" {plan.end}: another run came between. Run the whole job again (make refresh)."
        )


def _with_ruleset(table: pa.Table, ruleset_version: str) -> pa.Table:
    versions = pa.array([ruleset_version] * table.num_rows, pa.string())
    if "ruleset_version" in table.column_names:
        index = table.column_names.index("ruleset_version")
        return table.set_column(index, "ruleset_version", versions)
    return table.append_column("ruleset_version", versions)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
