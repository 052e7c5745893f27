"""What holds for any company, tried on the small one and the days that are refreshed anyway.

1. Neither the order of files and rows nor other accounts matter: the company is delivered once
   more, half of its families cut out of every file, the rest shuffled and its files renamed. What
   is left of it gets what it got before. Where others do count is said in docs/method.md.
2. Scaling all points, caps and the saturation changes nothing.
3. One more buying signal lowers neither strength nor state.

The last two rebuild the models between the rollup and the features alone. The state machine has its
own properties in test_activation_scoring.py.
"""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from conftest import REFRESHED
from marts import Rows, differences, query, read
from runner import Place, compute, remake

from orchestration.rules.ruleset import state_rules
from orchestration.scoring.activation import CHECKPOINT_SCHEMA, FEATURES, advance
from orchestration.settings import PROJECT_DIR

DAYS = (str(REFRESHED[0]), str(REFRESHED[1]))
# What points and their limits are made of, from the rollup to the features and what channels catch.
WITH_POINTS = (
    "int_intent_points",
    "int_account_acts",
    "int_reach_steps",
    "int_reach_spans",
    "int_persona_spans",
    "int_account_changes",
    "int_signal_days",
    "feat_account_days",
    "int_account_captures",
)
# In points; all else in dbt_project.yml is none.
IN_POINTS = (
    "daily_identity_cap_points",
    "person_cap_points",
    "strength_saturation_points",
    "engaged_min_points",
    "intent_topic_points",
    "intent_report_cap_points",
    "capture_min_points",
)
FACTOR = 3
# What an account is worth is the median of everybody's deals.
OF_OTHERS = {
    "account_activation_paths": ("account_value_usd", "value_basis"),
    # Norms are medians of everybody's won deals.
    "pipeline": (
        "cycle_norm_days",
        "stage_norm_days",
        "stage_norm_unknown_reason",
        # Unknown while the CRM names nobody on anybody's open deal.
        "named_people",
    ),
    # How many accounts a member of its team has besides.
    "account_teams": ("member_accounts", "member_load_share", "is_over_capacity", "why"),
    # A place in a queue is one among others.
    "research_queue": (
        *("rank", "is_within_budget", "account_value_usd", "value_basis", "expected_value_usd"),
        "why",
    ),
}


ACCOUNTS = "select account_id from marts.accounts"


# --- other accounts, other order ------------------------------------------------------------------


def families(place: Place) -> dict[str, str]:
    """A family's name by account: whoever shares a parent, a domain, records or people."""
    head = {account_id: account_id for (account_id,) in query(place.warehouse, ACCOUNTS)}

    def top(account_id: str) -> str:
        while head[account_id] != account_id:
            account_id = head[account_id]
        return account_id

    ties = query(
        place.warehouse,
        """
        select account_id, ultimate_parent_id from marts.accounts
        union select account_id, parent_account_id from marts_detail.account_parents
        union select one.account_id, other.account_id
        from marts_detail.domain_ownership as one
        inner join marts_detail.domain_ownership as other using (domain)
        union select one.account_id, other.account_id
        from intermediate.int_person_records as one
        inner join intermediate.int_person_records as other using (person_id)
        """,
    )
    for one, other in ties:
        if one in head and other in head:
            # The same half of them whatever the order of the ties.
            first, second = sorted((top(one), top(other)))
            head[second] = first
    return {account_id: top(account_id) for account_id in head}


@dataclass(frozen=True)
class Names:
    """How the accounts that are cut out are named in files: by ids and by domains."""

    ids: re.Pattern[str]
    domains: re.Pattern[str]

    @classmethod
    def of(cls, ids: Iterable[str], domains: Iterable[str]) -> Names:
        some_id = "|".join(sorted(re.escape(name[:15]) for name in ids))
        some_domain = "|".join(sorted(re.escape(name) for name in domains))
        return cls(
            re.compile(rf"(?<!\w)({some_id})(\w{{3}})?(?!\w)"),
            re.compile(rf"(?<![a-z0-9-])({some_domain})(?![a-z0-9-]|\.[a-z])", re.IGNORECASE),
        )

    def are_in(self, text: str) -> bool:
        return bool(self.ids.search(text) or self.domains.search(text))


def redeliver(source: Path, target: Path, cut: Names) -> tuple[int, int]:
    """The files of a landing folder without some accounts, shuffled; gives rows there and left."""
    there = left = 0
    chance = random.Random(11)
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        # Another name, and another place among the files of its day.
        name = f"{chance.randrange(10**6):06}-{path.name}"
        to = target / path.relative_to(source).parent / name
        to.parent.mkdir(parents=True, exist_ok=True)
        try:
            if path.suffix == ".parquet":
                table = pq.read_table(path, partitioning=None)
                rows = list(range(table.num_rows))
                texts = [
                    column.cast(pa.string())
                    for column in table.columns
                    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
                ]
                joined = pc.binary_join_element_wise(*texts, " ", null_handling="replace")
                kept = [row for row in rows if not cut.are_in(joined[row].as_py())]
                chance.shuffle(kept)
                pq.write_table(table.take(pa.array(kept, pa.int64())), to)
                there, left = there + len(rows), left + len(kept)
                continue
            data = path.read_bytes()
            text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("latin-1")
        except (OSError, EOFError, pa.ArrowInvalid):
            to.write_bytes(path.read_bytes())  # delivered broken
            continue
        lines = text.splitlines(keepends=True)
        first = 0 if ".jsonl" in path.name else 1
        head, body = (
            lines[:first],
            [line if line.endswith("\n") else line + "\n" for line in lines[first:]],
        )
        assert all(line.count('"') % 2 == 0 for line in body), f"{path}: a line goes on"
        kept_lines = [line for line in body if not cut.are_in(line)]
        chance.shuffle(kept_lines)
        data = "".join(head + kept_lines).encode("latin-1")
        to.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        there, left = there + len(body), left + len(kept_lines)
    return there, left


@dataclass(frozen=True)
class Less:
    """The company without some families. kept: its accounts. there, left: rows in files."""

    place: Place
    kept: list[str]
    gone: list[str]
    there: int
    left: int


@pytest.fixture(scope="module")
def less(refreshed: Place, template: Place, tmp_path_factory: pytest.TempPathFactory) -> Less:
    folder = tmp_path_factory.mktemp("less")
    heads = families(refreshed)
    # In which weeks a provider of counts has reported is a fact of its feed, and holds for all.
    reported = query(
        refreshed.warehouse,
        """
        select account_id
        from raw_intent.topic_scores as scores
        inner join marts_detail.domain_ownership as owners
            on scores.domain_registrable = owners.domain
        where scores.interactions is not null
        """,
    )
    assert reported
    stays = {heads[account_id] for (account_id,) in reported if account_id in heads}
    out = set(sorted(set(heads.values()) - stays)[::2])
    gone = sorted(account_id for account_id, head in heads.items() if head in out)
    kept = sorted(set(heads) - set(gone))
    names = query(
        refreshed.warehouse,
        f"""
        select distinct crm_account_id, domain
        from marts_detail.account_crosswalk
        full join marts_detail.domain_ownership using (account_id)
        where list_contains({gone}, account_id)
        """,
    )
    cut = Names.of(
        {crm_id for crm_id, _ in names if crm_id}, {domain for _, domain in names if domain}
    )
    there, left = redeliver(refreshed.landing, folder / "landing", cut)
    place = template.copy(folder / "place", folder / "landing")
    compute(place, *DAYS)
    return Less(place, kept, gone, there, left)


def test_half_of_the_company_is_gone(less: Less) -> None:
    assert len(less.kept) > 25
    assert len(less.gone) > 25
    assert 0.2 < less.left / less.there < 0.9
    there = {account_id for (account_id,) in query(less.place.warehouse, ACCOUNTS)}
    assert there >= set(less.kept)
    assert not there & set(less.gone)
    states = query(less.place.warehouse, "select distinct state from marts.account_activation")
    assert len(states) > 1


def of_kept(
    place: Place, table: str, less: Less, without: Iterable[str]
) -> dict[str, list[object]]:
    return read(place.warehouse, table, f"list_contains({less.kept}, account_id)", without=without)


def marts_of_accounts(place: Place) -> list[str]:
    return [
        str(name)
        for (name,) in query(
            place.warehouse,
            "select table_name from information_schema.columns"
            " where table_schema like 'marts%' and column_name = 'account_id' order by 1",
        )
    ]


def test_neither_other_accounts_nor_the_order_of_anything_matters(
    refreshed: Place, less: Less
) -> None:
    tables = ["features.feat_account_days"]
    tables += marts_of_accounts(refreshed)
    found = {}
    for table in tables:
        without = OF_OTHERS.get(table, ())
        one, other = (of_kept(place, table, less, without) for place in (refreshed, less.place))
        if difference := differences(one, other):
            found[table] = difference
    assert found == {}


# --- points ---------------------------------------------------------------------------------------


def again(refreshed: Place, folder: Path, change: str, variables: Mapping[str, float]) -> Place:
    """The features once more, after a change in the warehouse."""
    place = refreshed.copy(folder / "place")
    with duckdb.connect(str(place.warehouse)) as connection:
        connection.execute(change)
    remake(place, WITH_POINTS, *DAYS, variables)
    return place


def states(place: Place) -> Rows:
    """Account, day and state, as if history began with these days."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{place.warehouse}' as db (read_only)")
        features = connection.execute(
            f"select {', '.join(FEATURES)} from db.features.feat_account_days"
        ).to_arrow_table()
        moves = advance(CHECKPOINT_SCHEMA.empty_table(), features, state_rules(PROJECT_DIR))
        transitions = moves.transitions
        assert transitions.num_rows
        return connection.execute(
            """
            select features.account_id, features.as_of_date, max_by(to_state, moves.as_of_date)
            from features inner join transitions as moves
                on features.account_id = moves.account_id
                and features.as_of_date >= moves.as_of_date
            group by all order by all
            """
        ).fetchall()


def test_scaling_all_points_changes_nothing(refreshed: Place, tmp_path: Path) -> None:
    values = yaml.safe_load((PROJECT_DIR / "dbt_project.yml").read_text())["vars"]
    # A new var in points wants to be scaled too.
    assert {name for name in values if name.endswith("_points")} == set(IN_POINTS)
    scaled = again(
        refreshed,
        tmp_path,
        f"update seeds.activity_types set base_points = base_points * {FACTOR}"
        " where activity_type != 'intent'",
        {name: values[name] * FACTOR for name in IN_POINTS},
    )
    in_points = ("intent_points", "engagement_points", "strength_score")
    before, after = (
        read(place.warehouse, "features.feat_account_days", without=in_points)
        for place in (refreshed, scaled)
    )
    assert differences(before, after) == []
    assert states(refreshed) == states(scaled)
    caught = "select account_id, channel from intermediate.int_account_captures order by all"
    assert query(refreshed.warehouse, caught) == query(scaled.warehouse, caught) != []
    # Points are hundredths, so that a third of one may be lost on the way.
    columns = ", ".join(in_points)
    rows = [
        query(
            place.warehouse,
            f"select {columns} from features.feat_account_days order by account_id, as_of_date",
        )
        for place in (refreshed, scaled)
    ]
    assert sum(strength > 10 for *_, strength in rows[0]) > 10
    for (intent, engagement, strength), (intent3, engagement3, strength3) in zip(
        *rows, strict=True
    ):
        assert intent3 == pytest.approx(FACTOR * intent, abs=0.2)
        assert engagement3 == pytest.approx(FACTOR * engagement, abs=0.2)
        assert strength3 == pytest.approx(strength, abs=0.2)


def test_one_more_buying_signal_lowers_nothing(refreshed: Place, tmp_path: Path) -> None:
    """Every account gets one: another type, and another age, in each."""
    more = again(
        refreshed,
        tmp_path,
        f"""
        insert into intermediate.int_act_days by name
        with types as (
            select activity_type, row_number() over (order by activity_type) as number,
                count(*) over () as types
            from seeds.activity_types where is_buying_signal
        ),
        identities as (
            select
                account_id,
                row_number() over (order by account_id) as number,
                min_by(
                    {{'type': identity_type, 'name': identity, 'fallback': fallback_identity}},
                    concat(person_id is null, identity, fallback_identity)
                ) as identity
            from intermediate.int_identity_owners
            where identity_type != 'domain'
                and valid_from <= date '{DAYS[0]}' and valid_to > date '{DAYS[1]}'
            group by account_id
        )
        select
            date '{DAYS[0]}' - cast(identities.number % 40 as integer) as known_date,
            known_date as occurred_date,
            identity.type as identity_type, identity.name as identity,
            identity.fallback as fallback_identity, activity_type,
            'salesforce.event' as feed, 1 as load_id, 1 as quantity
        from identities inner join types on identities.number % types = types.number - 1
        """,
        {},
    )
    strengths = [
        query(
            place.warehouse,
            "select strength_score, account_id, as_of_date from features.feat_account_days"
            " order by account_id, as_of_date",
        )
        for place in (refreshed, more)
    ]
    pairs = list(zip(*strengths, strict=True))
    assert all(one[1:] == other[1:] and one[0] <= other[0] for one, other in pairs)
    assert sum(one[0] < other[0] for one, other in pairs) > 100
    ranks = {rule.state: rule.rank for rule in state_rules(PROJECT_DIR).states}
    moved = [
        ranks[new] - ranks[old]
        for (*_, old), (*_, new) in zip(states(refreshed), states(more), strict=True)
    ]
    assert min(moved) == 0
    assert max(moved) > 0
