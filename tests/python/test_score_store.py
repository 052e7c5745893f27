"""What is stored between runs: scores in one piece, and runs that have to be redone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest
import yaml

from orchestration.engine.warehouse import Warehouse, connect
from orchestration.rules.ruleset import Rules, readiness_rules
from orchestration.runs import score_store
from orchestration.runs.planning import Plan
from orchestration.runs.score_store import StoredScoresError
from orchestration.scoring.activation import CHECKPOINT_SCHEMA, FEATURES, TRANSITION_SCHEMA
from orchestration.scoring.matching import PROPOSAL_SCHEMA
from orchestration.settings import PROJECT_DIR

NOW = datetime(2026, 7, 10, 14, tzinfo=UTC)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with connect(tmp_path / "warehouse.duckdb") as opened:
        score_store.prepare(opened)
        opened.execute("create schema features")
        yield opened


def scorer(checkpoint: pa.Table, features: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Every account rises to warming on each day; remembers the last day."""
    rows = features.to_pylist()
    transitions = [
        {
            "account_id": row["account_id"],
            "as_of_date": row["as_of_date"],
            "to_state": "warming",
            "reason": "rise",
        }
        for row in rows
    ]
    last = max(row["as_of_date"] for row in rows)
    return (
        pa.Table.from_pylist(transitions, schema=TRANSITION_SCHEMA),
        pa.Table.from_pylist(
            [{"account_id": "a", "as_of_date": last, "state": "warming"}], schema=CHECKPOINT_SCHEMA
        ),
    )


def run(warehouse: Warehouse, run_id: str, start: date, end: date, now: datetime = NOW) -> Plan:
    """A run up to and with its scores."""
    plan = score_store.plan_of_run(warehouse, run_id, start, end, last_complete_day=None, now=NOW)
    warehouse.execute(
        "create or replace table features.feat_account_days as"
        " select 'a' as account_id, cast(range as date) as as_of_date, "
        + ", ".join(f"0 as {column}" for column in FEATURES[2:])
        + f" from range(date '{plan.replay_start}', date '{plan.end + timedelta(days=1)}',"
        " interval 1 day)"
    )
    score_store.score_activation(warehouse, run_id, plan, scorer, "rules", now)
    return plan


def finish(warehouse: Warehouse, run_id: str) -> None:
    score_store.mark_checked(warehouse, run_id, NOW)
    score_store.check_publishable(warehouse)
    score_store.mark_published(warehouse, NOW)


def days(warehouse: Warehouse, table: str) -> list[date]:
    return [day for (day,) in warehouse.rows(f"select as_of_date from {table} order by as_of_date")]


def test_nothing_stored_is_no_history(tmp_path: Path) -> None:
    with connect(tmp_path / "new.duckdb") as new:
        assert score_store.read_history(new) is None


def test_a_plan_holds_for_its_run_though_its_scores_change_history(warehouse: Warehouse) -> None:
    first = run(warehouse, "one", date(2026, 6, 20), date(2026, 7, 5))
    assert (
        score_store.plan_of_run(warehouse, "one", None, None, last_complete_day=None, now=NOW)
        == first
    )


def test_scores_are_kept_at_month_ends_and_at_the_end(warehouse: Warehouse) -> None:
    run(warehouse, "one", date(2026, 5, 20), date(2026, 7, 5))
    assert days(warehouse, score_store.CHECKPOINTS) == [
        date(2026, 5, 31),
        date(2026, 6, 30),
        date(2026, 7, 5),
    ]
    history = score_store.read_history(warehouse)
    assert history is not None
    assert (history.first, history.last) == (date(2026, 5, 20), date(2026, 7, 5))


def test_a_refill_replaces_its_days_and_leaves_the_ones_before(warehouse: Warehouse) -> None:
    run(warehouse, "one", date(2026, 6, 20), date(2026, 7, 5))
    finish(warehouse, "one")
    before = days(warehouse, score_store.TRANSITIONS)
    plan = run(warehouse, "two", date(2026, 7, 3), date(2026, 7, 3))
    assert plan == Plan(date(2026, 7, 3), date(2026, 7, 5), replay_start=date(2026, 7, 1))
    assert days(warehouse, score_store.TRANSITIONS) == before


def test_a_run_that_never_published_is_redone(warehouse: Warehouse) -> None:
    run(warehouse, "one", date(2026, 6, 20), date(2026, 6, 30))
    finish(warehouse, "one")
    later = NOW + timedelta(hours=1)
    run(warehouse, "two", date(2026, 7, 1), date(2026, 7, 3), later)
    with pytest.raises(StoredScoresError, match="did not pass"):
        score_store.check_publishable(warehouse)
    third = run(warehouse, "three", date(2026, 7, 4), date(2026, 7, 4), later + timedelta(hours=1))
    assert third.start == date(2026, 7, 1)
    finish(warehouse, "three")
    history = score_store.read_history(warehouse)
    assert history is not None
    assert history.redo_from is None


def test_a_run_that_stopped_before_its_scores_leaves_no_trace(warehouse: Warehouse) -> None:
    score_store.plan_of_run(
        warehouse, "stopped", date(2016, 1, 1), date(2016, 1, 2), last_complete_day=None, now=NOW
    )
    assert score_store.read_history(warehouse) is None


def test_scores_are_stored_whole_or_not_at_all(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(warehouse, "one", date(2026, 6, 20), date(2026, 6, 30))
    finish(warehouse, "one")
    execute = Warehouse.execute

    def stop(self: Warehouse, sql: str, parameters: object = None) -> None:
        if sql.startswith(f"insert into {score_store.RUNS}"):
            raise KeyboardInterrupt
        execute(self, sql, parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(Warehouse, "execute", stop)
    with pytest.raises(KeyboardInterrupt):
        run(warehouse, "two", date(2026, 7, 1), date(2026, 7, 2))
    monkeypatch.undo()
    assert days(warehouse, score_store.TRANSITIONS)[-1] == date(2026, 6, 30)
    history = score_store.read_history(warehouse)
    assert history is not None
    assert history.last == date(2026, 6, 30)
    assert history.redo_from is None


def test_features_of_other_days_are_refused(warehouse: Warehouse) -> None:
    run(warehouse, "one", date(2026, 6, 20), date(2026, 6, 30))
    other = Plan(date(2026, 7, 1), date(2026, 7, 2), date(2026, 7, 1))
    with pytest.raises(StoredScoresError, match="another run came between"):
        score_store.score_activation(warehouse, "two", other, scorer, "rules", NOW)
    warehouse.execute("delete from features.feat_account_days")
    with pytest.raises(StoredScoresError, match="no account on any day of this run"):
        score_store.score_activation(warehouse, "two", other, scorer, "rules", NOW)


def test_a_range_is_remembered_by_dagster_day_by_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our event log, which writes in batches, says what Dagster's own would say."""
    partitions = dg.DailyPartitionsDefinition("2026-01-01")

    @dg.asset(partitions_def=partitions, backfill_policy=dg.BackfillPolicy.single_run())
    def numbers() -> None: ...

    @dg.asset_check(asset=numbers)
    def are_there() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    settings = (PROJECT_DIR / "orchestration" / "dagster.yaml").read_text(encoding="utf-8")
    (tmp_path / "dagster.yaml").write_text(settings, encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    defs = dg.Definitions(
        assets=[numbers], asset_checks=[are_there], jobs=[dg.define_asset_job("all", selection="*")]
    )
    with dg.DagsterInstance.get() as instance:
        result = defs.resolve_job_def("all").execute_in_process(
            instance=instance,
            tags={
                "dagster/asset_partition_range_start": "2026-02-01",
                "dagster/asset_partition_range_end": "2026-03-01",
            },
        )
        assert result.success
        done = instance.get_materialized_partitions(numbers.key)
        assert sorted(done) == [
            (date(2026, 2, 1) + timedelta(days=step)).isoformat() for step in range(29)
        ]
        latest = instance.get_latest_materialization_event(numbers.key)
        assert latest is not None
        assert latest.run_id == result.run_id
        key = dg.AssetCheckKey(numbers.key, "are_there")
        check = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
        assert check.status.value == "SUCCEEDED"


def test_a_replay_under_other_rules_leaves_what_is_stored(warehouse: Warehouse) -> None:
    """The days before the range are replayed, but the state that is stored of them goes on."""
    run(warehouse, "one", date(2026, 6, 20), date(2026, 7, 5))
    finish(warehouse, "one")
    seen: list[pa.Table] = []

    def other_rules(checkpoint: pa.Table, features: pa.Table) -> tuple[pa.Table, pa.Table]:
        seen.append(checkpoint)
        last = max(features["as_of_date"].to_pylist())
        memory = {
            "account_id": "a",
            "as_of_date": last,
            "state": "engaged",
            "state_since": last,
            "days_below": 4,
        }
        return (
            TRANSITION_SCHEMA.empty_table(),
            pa.Table.from_pylist([memory], schema=CHECKPOINT_SCHEMA),
        )

    plan = score_store.plan_of_run(
        warehouse, "two", date(2026, 7, 3), date(2026, 7, 5), last_complete_day=None, now=NOW
    )
    assert plan.replay_start < plan.start
    warehouse.execute("delete from features.feat_account_days where as_of_date < '2026-07-01'")
    score_store.score_activation(warehouse, "two", plan, other_rules, "other rules", NOW)
    resumed = seen[-1].to_pylist()
    assert [(row["state"], row["state_since"], row["days_below"]) for row in resumed] == [
        ("warming", date(2026, 7, 2), 0)
    ]


def test_accounts_that_new_rules_take_away_or_bring_leave_and_arrive_in_the_range(
    warehouse: Warehouse,
) -> None:
    """Replayed days end without the one and with the other; what is stored has it the other way."""
    run(warehouse, "one", date(2026, 6, 20), date(2026, 7, 5))
    finish(warehouse, "one")
    seen: list[list[tuple[str, str, date]]] = []

    def other_universe(checkpoint: pa.Table, features: pa.Table) -> tuple[pa.Table, pa.Table]:
        seen.append(
            [(row["account_id"], row["state"], row["as_of_date"]) for row in checkpoint.to_pylist()]
        )
        last = max(features["as_of_date"].to_pylist())
        brought = {"account_id": "b", "as_of_date": last, "state": "engaged", "days_below": 0}
        return (
            TRANSITION_SCHEMA.empty_table(),
            pa.Table.from_pylist([brought], schema=CHECKPOINT_SCHEMA),
        )

    plan = score_store.plan_of_run(
        warehouse, "two", date(2026, 7, 3), date(2026, 7, 5), last_complete_day=None, now=NOW
    )
    warehouse.execute("delete from features.feat_account_days where as_of_date < '2026-07-01'")
    score_store.score_activation(warehouse, "two", plan, other_universe, "other rules", NOW)
    assert seen[-1] == [("a", "warming", date(2026, 7, 2))]


# -- proposals of match review ---------------------------------------------------------------------


class Matcher:
    """Proposes the first two accounts; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, accounts: pa.Table) -> pa.Table:
        self.asked += 1
        left, right = accounts["account_id"].to_pylist()[:2]
        row = {"left_account_id": left, "right_account_id": right, "probability_share": 0.9}
        return pa.Table.from_pylist([row], schema=PROPOSAL_SCHEMA)


def match(
    warehouse: Warehouse, matcher: Matcher, day: date, names: str, version: str = "v"
) -> list[tuple[date, str]]:
    """Scores the accounts a, b, ... with these names on a day; returns what is stored."""
    values = ", ".join(f"('{chr(97 + i)}', '{name}')" for i, name in enumerate(names.split()))
    warehouse.execute(
        "create or replace table features.feat_match_accounts as"
        f" select account_id, date '{day}' as as_of_date, account_name"
        f" from (values {values}) as accounts(account_id, account_name)"
    )
    score_store.score_matches(warehouse, Plan(day, day, day), matcher, version, "r")
    return [
        (row[0], row[1])
        for row in warehouse.rows(
            "select as_of_date, left_account_id || right_account_id"
            " from scores.match_proposals order by 1"
        )
    ]


def test_accounts_that_did_not_change_are_not_matched_again(warehouse: Warehouse) -> None:
    matcher = Matcher()
    first, second = date(2026, 7, 1), date(2026, 7, 2)
    assert match(warehouse, matcher, first, "Acme Acme") == [(first, "ab")]
    assert match(warehouse, matcher, second, "Acme Acme") == [(first, "ab"), (second, "ab")]
    assert matcher.asked == 1
    match(warehouse, matcher, second, "Acme Bolt")
    match(warehouse, matcher, second, "Acme Acme", version="another rule")
    assert matcher.asked == 3


def test_the_proposals_of_a_day_computed_again_replace_it_and_later_ones(
    warehouse: Warehouse,
) -> None:
    matcher = Matcher()
    first, second = date(2026, 7, 1), date(2026, 7, 2)
    match(warehouse, matcher, first, "Acme Acme")
    match(warehouse, matcher, second, "Acme Bolt")
    assert match(warehouse, matcher, first, "Acme Cogs") == [(first, "ab")]


def test_accounts_of_another_day_are_refused(warehouse: Warehouse) -> None:
    day = date(2026, 7, 1)
    match(warehouse, Matcher(), day, "Acme Acme")
    with pytest.raises(StoredScoresError, match="another run"):
        score_store.score_matches(warehouse, Plan(NEXT, NEXT, NEXT), Matcher(), "v", "r")


NEXT = date(2026, 7, 2)


# --- readiness ------------------------------------------------------------------------------------

READINESS_RULES = readiness_rules(PROJECT_DIR)


def put_findings(warehouse: Warehouse, *rows: str) -> None:
    """Rows: account, finding, interview, dimension, person, coder, rating, held on, known on."""
    warehouse.execute(
        "create or replace table features.feat_research_findings ("
        "account_id varchar, finding_id varchar, interview_id varchar, dimension varchar,"
        " respondent varchar, coder varchar, rating double, weight_millionths bigint,"
        " held_on date, valid_from date, valid_to date)"
    )
    for row in rows:
        warehouse.execute(
            "insert into features.feat_research_findings"
            " select v.* exclude (held, known), 1000000, held, known, date '9999-12-31'"
            f" from (values ({row})) as v (a, f, i, d, p, c, rating, held, known)"
        )


def readiness(warehouse: Warehouse, start: date, end: date) -> dict[str, int]:
    return score_store.score_readiness(warehouse, Plan(start, end, start), READINESS_RULES, "rules")


BLOCKER = "'a', 'f1', 'i1', 'pressure', 'p', 'x', 0, date '2026-06-10', date '2026-06-12'"
SECOND = "'a', 'f2', 'i1', 'pressure', 'p', 'y', 4, date '2026-06-10', date '2026-07-02'"


def test_a_team_without_research_has_only_the_questions_of_an_unknown_account(
    warehouse: Warehouse,
) -> None:
    put_findings(warehouse)
    written = readiness(warehouse, date(2026, 6, 1), date(2026, 7, 5))
    assert written[score_store.READINESS] == written[score_store.READINESS_DIMENSIONS] == 0
    assert warehouse.rows(
        f"select distinct as_of_date, account_id, segment_without from {score_store.QUESTIONS}"
    ) == [(date(2026, 7, 5), "", "unknown")]
    assert warehouse.rows(f"select distinct alpha, units from {score_store.AGREEMENT}") == [
        (None, 0)
    ]


def test_readiness_is_stored_where_it_changes_and_at_month_ends(warehouse: Warehouse) -> None:
    put_findings(warehouse, BLOCKER)
    readiness(warehouse, date(2026, 6, 1), date(2026, 7, 5))
    assert warehouse.rows(
        "select as_of_date, segment, blocking_dimension, expires_on, is_single_voice,"
        f" ruleset_version from {score_store.READINESS}"
    ) == [(date(2026, 6, 12), "blocked", "pressure", date(2026, 9, 9), True, "rules")]
    assert days(warehouse, score_store.READINESS_DIMENSIONS) == [
        date(2026, 6, 30),
        date(2026, 7, 5),
    ]


def test_day_by_day_stores_the_changes_of_the_range_and_late_findings_rewrite_nothing(
    warehouse: Warehouse,
) -> None:
    everything = f"select * from {score_store.READINESS} order by as_of_date"
    put_findings(warehouse, BLOCKER, SECOND)
    readiness(warehouse, date(2026, 6, 1), date(2026, 7, 5))
    at_once = warehouse.rows(everything)
    assert [row[1] for row in at_once] == [date(2026, 6, 12), date(2026, 7, 2)]
    warehouse.execute(f"delete from {score_store.READINESS}")
    put_findings(warehouse, BLOCKER)
    day = date(2026, 6, 1)
    while day <= date(2026, 7, 5):
        if day == date(2026, 7, 2):
            put_findings(warehouse, BLOCKER, SECOND)
        readiness(warehouse, day, day)
        day += timedelta(days=1)
    assert warehouse.rows(everything) == at_once
    # A range anew from its middle goes on from what is stored.
    readiness(warehouse, date(2026, 6, 20), date(2026, 7, 5))
    assert warehouse.rows(everything) == at_once


def test_agreement_is_of_what_is_known_on_the_day(warehouse: Warehouse) -> None:
    put_findings(warehouse, BLOCKER, SECOND)
    agreement = f"select units, ratings, coders from {score_store.AGREEMENT}"
    agreement += " where dimension = 'all' order by as_of_date"
    readiness(warehouse, date(2026, 7, 1), date(2026, 7, 1))
    readiness(warehouse, date(2026, 7, 2), date(2026, 7, 2))
    assert warehouse.rows(agreement) == [(0, 0, 0), (1, 2, 2)]


# --- the rules that runs have used ----------------------------------------------------------------


def keep(warehouse: Warehouse, plan: Plan, version: str, **values: str) -> int:
    """Notes rules of these vars, and of one seed with two rows."""
    seed = '[["name", "weight"], ["a", "1"], ["b", "2"]]'
    contents = {("var", name): value for name, value in values.items()}
    rules = Rules({**contents, ("seed", "fit/weights.csv"): seed}, {"fit/weights.csv": ("name",)})
    return score_store.keep_rules(warehouse, plan, version, lambda: rules)


def told(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.rows(
        "select change_number, ruleset_version, previous_ruleset_version, used_from, rule,"
        f" what_changed from {score_store.RULE_CHANGES} order by change_number, rule"
    )


def test_what_differs_from_the_rules_of_the_run_before_is_kept(warehouse: Warehouse) -> None:
    """Also when rules come back, and once however many runs use them."""
    first, second = date(2026, 7, 1), date(2026, 7, 2)
    plan = run(warehouse, "one", first, first)
    assert keep(warehouse, plan, "rules", limit="1", old="1") == 1
    assert keep(warehouse, plan, "rules", limit="1", old="1") == 0
    finish(warehouse, "one")
    plan = run(warehouse, "two", second, second)
    assert keep(warehouse, plan, "more", limit="2", new="3") == 3
    assert keep(warehouse, plan, "rules", limit="1", old="1") == 3
    assert told(warehouse) == [
        (1, "rules", None, first, "all rules", "The first rules on record: 3 seeds and vars."),
        (2, "more", "rules", plan.start, "limit", "limit is 2; it was 1."),
        (2, "more", "rules", plan.start, "new", "new is new: 3."),
        (2, "more", "rules", plan.start, "old", "old is gone; it was 1."),
        (3, "rules", "more", plan.start, "limit", "limit is 1; it was 2."),
        (3, "rules", "more", plan.start, "new", "new is gone; it was 3."),
        (3, "rules", "more", plan.start, "old", "old is new: 1."),
    ]
    # What stayed the same is kept once.
    assert warehouse.rows(
        f"select count(*) from {score_store.RULE_CONTENTS} where rule = 'fit/weights.csv'"
    ) == [(1,)]


def test_of_rules_that_were_used_before_any_were_kept_nobody_can_say(warehouse: Warehouse) -> None:
    day = date(2026, 7, 1)
    plan = run(warehouse, "one", day, day)
    warehouse.execute(
        f"insert into {score_store.RUNS} values ('2026-06-01', '2026-06-30', 'older'),"
        " ('2026-06-20', '2026-07-10', 'newer')"
    )
    warehouse.execute(f"delete from {score_store.RUNS} where ruleset_version = 'rules'")
    keep(warehouse, plan, "rules", limit="1")
    assert told(warehouse) == [
        (1, "older", None, date(2026, 6, 1), "all rules", score_store.NOT_KEPT),
        (2, "newer", "older", date(2026, 6, 20), "all rules", score_store.NOT_KEPT),
        (
            *(3, "rules", "newer", plan.start, "all rules"),
            "The first rules on record: 2 seeds and vars.",
        ),
    ]


def test_rules_are_kept_whole_or_not_at_all(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = run(warehouse, "one", date(2026, 7, 1), date(2026, 7, 1))
    append = Warehouse.append

    def dies(self: Warehouse, table: str, rows: pa.Table) -> None:
        append(self, table, rows)
        if table == score_store.RULE_CONTENTS:
            raise KeyboardInterrupt

    monkeypatch.setattr(Warehouse, "append", dies)
    with pytest.raises(KeyboardInterrupt):
        keep(warehouse, plan, "rules", limit="1")
    monkeypatch.undo()
    assert told(warehouse) == []
    assert keep(warehouse, plan, "rules", limit="1") == 1


SCORES = PROJECT_DIR / "models" / "staging" / "scores"
YAML_TYPES = {
    "text": "VARCHAR",
    "integer": "INTEGER",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
}
NAMED_ANEW = {"reason": "reason_code"}
MEMORY = [
    *("days_below_states", "is_attribution_changed", "strength_score"),
    *("reached_coverage_share", "is_broad", "has_recent_buying_signal", "has_committed_motion"),
]
"""What the state machine alone reads of its checkpoints."""


def test_the_sources_and_their_staging_have_the_columns_of_the_scores(warehouse: Warehouse) -> None:
    """The scorers' schemas say which; the other two cannot be made of them, so they are held."""
    (source,) = yaml.safe_load((SCORES / "_scores__sources.yml").read_text())["sources"]
    for table in source["tables"]:
        name = table["name"]
        stored = warehouse.rows(f"select column_name, column_type from (describe scores.{name})")
        declared = [(row["name"], YAML_TYPES[row["data_type"]]) for row in table["columns"]]
        memory = MEMORY if name == "activation_checkpoints" else []
        assert declared == [column for column in stored if column[0] not in memory], name
        sql = (SCORES / f"stg_scores__{name}.sql").read_text()
        sql = sql.replace(f"{{{{ source('scores', '{name}') }}}}", f"scores.{name}")
        staged = warehouse.rows(f"select column_name, column_type from (describe {sql})")
        assert staged == [(NAMED_ANEW.get(name, name), type_) for name, type_ in declared], name
