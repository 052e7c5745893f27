"""Published marts against the truth: states, gap drivers and readiness.

    python -m tools.evaluate --truth DIR --landing DIR --marts FILE

What belongs here: the comparison. What does not: any way for the truth to reach the marts; the
project is read only through the published file.

True state of a company on a day: the published state table applied to its motion (interest is some
signal, buying strong signal, a deal committed motion) and to the true share of needed seats
reached. True cause of a gap: in the words of `_causes`. Judged are the companies that are targets
on the day and whose domain did not change hands.

Readiness is judged where the marts have it: of companies with evidence, how often the 80% interval
of a dimension holds the true value, and how often a company that is said to decide, or to be
blocked, truly can decide or cannot (all four true values above a half, or not).

Three judged methods of states and drivers:
- `project`: the marts.
- `baseline`: acts in 30 days, resolved in the plainest way (contact to account, address to domain
  to website): 1 act is warming, 5 are active, 15 with an open deal are engaged. Its drivers: no
  act, `no_signal_detected`; too few, `low_intent`; fewer than 3 people touched in 90 days,
  `insufficient_coverage`.
- `oracle`: knows the truth and only obeys the waiting rule (up at once, down after 7 days), so its
  loss is the price of waiting.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

STATES = ("cold", "warming", "active", "engaged")
DRIVERS = (
    "poor_fit",
    "no_signal_detected",
    "wrong_timing",
    "low_intent",
    "insufficient_coverage",
)
DIMENSIONS = ("pressure", "ownership", "authority_alignment", "timing_tolerance")
CALLS = ("can_decide", "blocked")
DECIDES_ABOVE = 0.5
WAIT_DAYS = 7
ACTIVE_REACH, ENGAGED_REACH = 0.5, 0.7
COLD, WARMING, ACTIVE, ENGAGED = range(4)
MOTIONS = ("none", "interest", "buying", "deal")
MONTH_ENDS = 6

Codes = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Score:
    """Precision, recall and F1 of one class; `support` is how often it is true."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Comparison:
    """Scores by class for one method on one question, and the confusion counts of states."""

    scores: Mapping[str, Score]
    confusion: npt.NDArray[np.int64] | None = None  # (true, found), STATES; found has 'missing'

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes."""
        return float(np.mean([s.f1 for s in self.scores.values()]))


@dataclass(frozen=True)
class Interval:
    """Intervals of one dimension: companies with evidence, and the shares that hold the truth."""

    companies: int
    held_share: float
    known: int
    known_held_share: float


@dataclass(frozen=True)
class Readiness:
    """`calls[segment]`: companies in it, and the share of them of which it is true.

    `decides_share`: the share of companies with evidence that truly can decide.
    """

    intervals: Mapping[str, Interval]
    calls: Mapping[str, tuple[int, float]]
    decides_share: float


@dataclass(frozen=True)
class Evaluation:
    """What was compared: `states[when][method]` and `drivers[method]`.

    `when` is `end` (the marts' date) or `month_ends` (the last six month ends before it, pooled).
    """

    as_of_date: dt.date
    month_ends: tuple[dt.date, ...]
    companies: int
    missing: int  # targets that the marts do not have
    states: Mapping[str, Mapping[str, Comparison]]
    drivers: Mapping[str, Comparison]
    readiness: Readiness | None = None  # none where the marts have no readiness


# -- the truth ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Truth:
    """True motion and reach by company and day, shape (companies, days) from `first` on."""

    first: dt.date
    companies: npt.NDArray[np.object_]  # domains
    facts: Mapping[str, Any]  # columns of the accounts table, as (masked) arrays
    motion: npt.NDArray[np.uint8]
    reach: npt.NDArray[np.uint8]  # hundredths

    def day(self, date: dt.date) -> int:
        """Column of a date."""
        return (date - self.first).days

    def states(self) -> npt.NDArray[np.uint8]:
        """The true state of each company on each day."""
        reach, motion = self.reach, self.motion
        state = np.where(motion > 0, WARMING, COLD).astype(np.uint8)
        state[(motion >= 2) & (reach >= round(100 * ACTIVE_REACH))] = ACTIVE
        state[(motion == 3) & (reach >= round(100 * ENGAGED_REACH))] = ENGAGED
        return state


def read_truth(folder: Path, last: dt.date) -> Truth:
    """The truth folder's daily motion and reach up to `last`."""
    con = duckdb.connect()
    facts = con.sql(
        f"""
        select *, row_number() over (order by domain) - 1 as place
        from read_parquet('{folder}/accounts.parquet') order by place
        """
    ).fetchnumpy()
    count = len(facts["place"])
    (first,) = con.sql(f"select min(starts_on) from '{folder}/reach.parquet'").fetchall()[0]
    days = (last - first).days + 1

    def spread(table: str, value: str) -> npt.NDArray[np.uint8]:
        rows = con.sql(
            f"""
            select a.place, {value} as value,
                greatest(0, starts_on - date '{first}') as since,
                least({days}, ends_on - date '{first}' + 1) as until
            from read_parquet('{folder}/{table}.parquet') as t
            join (
                select domain, row_number() over (order by domain) - 1 as place
                from read_parquet('{folder}/accounts.parquet')
            ) as a using (domain)
            where ends_on >= date '{first}' and starts_on <= date '{last}'
            """
        ).fetchnumpy()
        length = (rows["until"] - rows["since"]).astype(np.int64)
        grid = np.zeros(count * days, dtype=np.uint8)
        start = rows["place"].astype(np.int64) * days + rows["since"].astype(np.int64)
        offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        grid[np.repeat(start, length) + offset] = np.repeat(rows["value"].astype(np.uint8), length)
        return grid.reshape(count, days)

    names = "case motion " + " ".join(f"when '{m}' then {i}" for i, m in enumerate(MOTIONS))
    motion = spread("motions", names + " end")
    reach = spread("reach", "round(100 * true_reached_share)")
    return Truth(first, facts["domain"], facts, motion, reach)


def wait(states: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """States after the waiting rule: up at once, down after 7 days below; same shape."""
    held = np.empty_like(states)
    state, below = states[:, 0].copy(), np.zeros(len(states), dtype=np.int64)
    held[:, 0] = state
    for day in range(1, states.shape[1]):
        entry = states[:, day]
        below = np.where(entry < state, below + 1, 0)
        falls = below >= WAIT_DAYS
        state = np.where((entry > state) | falls, entry, state)
        below = np.where(falls, 0, below)
        held[:, day] = state
    return held


def _causes(truth: Truth, folder: Path, date: dt.date, states: Codes) -> Bools:
    """True causes on a date for given states, shape (companies, DRIVERS).

    A company that is not activated and fits badly has `poor_fit` alone. One that fits misses the
    signal (no buying and no deal: seen on no channel, else outside its window, else low intent),
    the coverage (true reach under a half), or both.
    """
    con = duckdb.connect()
    windows = con.sql(
        f"""
        select a.place,
            coalesce(bool_or(not is_open and covers), false) as is_shut,
            coalesce(bool_or(is_open), false) and not coalesce(bool_or(is_open and covers), false)
                as is_between
        from (
            select domain, row_number() over (order by domain) - 1 as place
            from read_parquet('{folder}/accounts.parquet')
        ) as a
        left join (
            select domain, effect = 'open' as is_open,
                date '{date}' between starts_on and ends_on as covers
            from read_parquet('{folder}/windows.parquet')
        ) as w using (domain)
        group by a.place order by a.place
        """
    ).fetchnumpy()
    f = truth.facts
    day = truth.day(date)
    gap = states < ACTIVE
    fits = f["true_fit"].astype(bool)
    seen = np.any([f[channel] for channel in f if channel.startswith("sees_")], axis=0)
    outside = windows["is_shut"].astype(bool) | windows["is_between"].astype(bool)
    quiet = gap & fits & (truth.motion[:, day] < 2)
    return np.stack(
        [
            gap & ~fits,
            quiet & ~seen,
            quiet & seen & outside,
            quiet & seen & ~outside,
            gap & fits & (truth.reach[:, day] < round(100 * ACTIVE_REACH)),
        ],
        axis=1,
    )


# -- what the methods say ----------------------------------------------------------------------


def _is_published(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    counted = con.execute(
        "select count(*) from duckdb_tables() where database_name = 'published'"
        " and table_name = $1",
        [table],
    ).fetchall()
    return counted > [(0,)]


def _matched(marts: Path, truth: Truth) -> duckdb.DuckDBPyConnection:
    """The marts, as `published`, and the place of each of their companies in the truth: `matched`.

    Companies are matched by CRM id (15 characters) of any record of theirs, else by domain.
    """
    con = duckdb.connect()
    con.execute(f"attach '{marts}' as published (read_only)")
    con.register("truth", _keys(truth))
    has_crosswalk = _is_published(con, "account_crosswalk")
    named = "published." + ("marts_detail.account_crosswalk" if has_crosswalk else "marts.accounts")
    con.execute(
        f"""
        create table matched as
        select t.place, min(m.account_id) as account_id
        from truth as t
        join {named} as m on left(regexp_replace(m.crm_account_id, '^.*:', ''), 15) = t.crm_id
        where m.account_id in (select account_id from published.marts.accounts)
        group by t.place
        union all
        select t.place, min(m.account_id)
        from truth as t
        join published.marts.accounts as m on m.primary_domain = t.domain
        where t.crm_id is null
        group by t.place
        """
    )
    return con


def _project(
    marts: Path, truth: Truth, dates: Iterable[dt.date]
) -> tuple[dict[dt.date, Codes], Bools, Bools]:
    """The marts' states by date (-1 where missing), their drivers, which companies they have."""
    con = _matched(marts, truth)
    count = len(truth.companies)
    found: dict[dt.date, Codes] = {}
    for date in dates:
        rows = con.execute(
            """
            select place, state
            from matched join published.marts.account_activation_history as h using (account_id)
            where h.valid_from <= $1 and (h.valid_to is null or h.valid_to >= $1)
            qualify row_number() over (partition by place order by valid_from desc) = 1
            """,
            [date],
        ).fetchall()
        found[date] = _codes(rows, count)
    end = max(found)
    rows = con.execute(
        "select place, state from matched join published.marts.account_activation"
        " using (account_id)"
    ).fetchall()
    found[end] = _codes(rows, count)
    drivers = np.zeros((count, len(DRIVERS)), dtype=bool)
    for place, driver in con.execute(
        "select place, driver from matched join published.marts.account_gap_drivers"
        " using (account_id)"
    ).fetchall():
        drivers[place, DRIVERS.index(driver)] = True
    has = np.zeros(count, dtype=bool)
    has[[r[0] for r in con.execute("select place from matched").fetchall()]] = True
    return found, drivers, has


def _readiness(marts: Path, truth: Truth, judged: Bools) -> Readiness | None:
    """What the marts say of readiness on their date against the true values."""
    con = _matched(marts, truth)
    needed = ("account_readiness", "account_readiness_dimensions")
    if not all(_is_published(con, table) for table in needed):
        return None
    true = np.stack([np.asarray(truth.facts[name], dtype=float) for name in DIMENSIONS], axis=1)
    decides: Bools = np.asarray((true > DECIDES_ABOVE).all(axis=1), dtype=bool)
    intervals = {}
    asked = np.zeros(len(true), dtype=bool)
    for place, name in enumerate(DIMENSIONS):
        rows = con.execute(
            "select place, lower_80_share, upper_80_share, is_known"
            " from matched join published.marts.account_readiness_dimensions using (account_id)"
            " where dimension = $1 and mean_share is not null",
            [name],
        ).fetchnumpy()
        where = rows["place"].astype(np.int64)
        value = true[where, place]
        here = judged[where]
        lower, upper = (np.asarray(rows[f"{end}_80_share"], float) for end in ("lower", "upper"))
        held = (lower <= value) & (value <= upper)
        known = here & np.ma.filled(rows["is_known"], False).astype(bool)
        asked[where[here]] = True
        intervals[name] = Interval(
            int(here.sum()), _share(held[here]), int(known.sum()), _share(held[known])
        )
    calls = {}
    for segment in CALLS:
        rows = con.execute(
            "select place from matched join published.marts.account_readiness using (account_id)"
            " where readiness_segment = $1",
            [segment],
        ).fetchnumpy()
        where = rows["place"].astype(np.int64)
        where = where[judged[where]]
        right = decides[where] == (segment == "can_decide")
        calls[segment] = (len(where), _share(right))
    return Readiness(intervals, calls, _share(decides[asked]))


def _share(holds: npt.NDArray[Any]) -> float:
    """The share that holds; not a number where there is nothing."""
    return float(np.mean(holds)) if len(holds) else float("nan")


def _keys(truth: Truth) -> pa.Table:
    """Place, domain and 15-character CRM id (null where the CRM lacks it) of each company."""
    ids = truth.facts["crm_account_id"]
    masked = np.ma.getmaskarray(ids)
    return pa.table(
        {
            "place": np.arange(len(truth.companies)),
            "domain": pa.array(truth.companies.tolist()),
            "crm_id": pa.array(
                [
                    None if blank or not key else key[:15]
                    for key, blank in zip(np.ma.getdata(ids).tolist(), masked, strict=True)
                ],
                pa.string(),
            ),
        }
    )


def _codes(rows: Sequence[tuple[int, str]], count: int) -> Codes:
    codes = np.full(count, -1)
    for place, state in rows:
        codes[place] = STATES.index(state)
    return codes


def _baseline(
    landing: Path, truth: Truth, dates: Sequence[dt.date]
) -> tuple[dict[dt.date, Codes], Bools]:
    """States by date and drivers on the last date, from plain counts over the landing files."""
    con = duckdb.connect()
    con.register("truth", _keys(truth))

    def rows(names: str, *reads: tuple[str, str]) -> str:
        """All rows of some feeds that read without effort, as text, under these names.

        A read is a feed (of every organisation of its source) and what is taken from it.
        """
        empty = ", ".join(f"null::varchar as {name}" for name in names.split())
        parts = [f"select {empty} where false"]
        for feed, columns in reads:
            texts = zip(columns.split(), names.split(), strict=True)
            taken = ", ".join(f"{column}::varchar as {name}" for column, name in texts)
            source, table = feed.split("/")
            folders = [landing / source / table, *sorted(landing.glob(f"{source}@*/{table}"))]
            for pattern, reader in (
                ("part-*.parquet", "read_parquet({})"),
                (
                    "data.csv*",  # the dialect is given, because sniffing each file takes longer
                    "read_csv({}, all_varchar = true, union_by_name = true, header = true,"
                    " delim = ',', quote = '\"', escape = '\"')",
                ),
                ("data.jsonl", "read_json({}, union_by_name = true)"),
            ):
                paths = [path for folder in folders for path in sorted(folder.rglob(pattern))]
                paths = [path for path in paths if path.stat().st_size > 0]
                if paths:
                    listed = "[" + ", ".join(f"'{path}'" for path in paths) + "]"
                    parts.append(f"select {taken} from {reader.format(listed)}")
        return "(" + " union all ".join(parts) + ")"

    websites = rows(
        "id website",
        ("salesforce/account", "id website"),
        ("hubspot/company", "id property_domain"),
    )
    contacts = rows(
        "id account_id email",
        ("salesforce/contact", "id account_id email"),
        ("hubspot/contact", "id property_associatedcompanyid property_email"),
    )
    activities = rows(
        "who_id type status date",
        ("salesforce/task", "who_id type status activity_date"),
        ("salesforce/event", "who_id 'MEETING' status activity_date"),
    )
    attendance = rows("id who_id", ("hubspot/engagement_contact", "engagement_id contact_id"))
    engagements = rows(
        "id type status stamp",
        (
            "hubspot/engagement_email",
            "engagement_id property_hs_email_direction 'COMPLETED' property_hs_timestamp",
        ),
        (
            "hubspot/engagement_call",
            "engagement_id 'CALL' property_hs_call_status property_hs_timestamp",
        ),
        (
            "hubspot/engagement_communication",
            "engagement_id 'MESSAGE' 'COMPLETED' property_hs_timestamp",
        ),
        (
            "hubspot/engagement_meeting",
            "engagement_id 'MEETING' meeting_outcome property_hs_timestamp",
        ),
    )
    sold_to = rows(
        "id account_id type",
        ("salesforce/opportunity", "id account_id type"),
        ("hubspot/deal_company", "deal_id company_id 'New'"),
    )
    renewals = rows("id type", ("hubspot/deal", "deal_id property_dealtype"))
    stages = rows(
        "id stage stamp",
        ("salesforce/opportunity_history", "opportunity_id stage_name created_date"),
        ("hubspot/deal_stage", "deal_id value date_entered"),
    )
    labels = rows("id label", ("hubspot/deal_pipeline_stage", "stage_id label"))
    members = rows(
        "contact_id responded date",
        ("salesforce/campaign_member", "contact_id has_responded first_responded_date"),
    )
    followed = rows(
        "lead_id stamp",
        ("marketo/activity_click_email", "lead_id activity_date"),
        ("marketo/activity_fill_out_form", "lead_id activity_date"),
    )
    con.execute("set timezone = 'UTC'")
    con.execute(
        f"""
        create table sites as
        select left(id, 15) as crm_id, max(website_domain) as domain
        from (
            select id, regexp_replace(
                regexp_replace(lower(website), '^(https?://)?(www\\.)?', ''), '/.*$', ''
            ) as website_domain
            from {websites}
        ) group by all;
        create table places as
        select place, domain from truth
        union
        select place, s.domain from truth as t join sites as s on s.crm_id = t.crm_id
        where s.domain is not null;
        create table by_domain as select domain, min(place) as place from places group by all;
        create table by_contact as
        select c.id as contact_id, min(t.place) as place, min(lower(c.email)) as email
        from {contacts} as c
        join truth as t on t.crm_id = left(c.account_id, 15) group by all;
        create table by_email as select email, min(place) as place from by_contact group by all;
        create table tasks as
        select who_id, type, status, try_cast(date as date) as date
        from {activities}
        union all
        select who_id, case type when 'INCOMING_EMAIL' then 'Reply' else type end, status,
            try_cast(left(stamp, 10) as date)
        from {engagements} join {attendance} using (id);
        create table mails as
        select lower(l.email) as email, try_cast(left(a.stamp, 10) as date) as date
        from {followed} as a
        join (
            select id as lead_id, max(email) as email
            from {rows("id email", ("marketo/lead", "id email"))} group by all
        ) as l using (lead_id);
        create table acts as
        select place, date from tasks join by_contact on who_id = contact_id where type = 'Reply'
        union all
        select place, date from tasks join by_contact on who_id = contact_id
        where type = 'MEETING' and upper(status) = 'COMPLETED'
        union all
        select place, try_cast(date as date)
        from {members} join by_contact using (contact_id) where responded = 'true'
        union all
        select place, date from mails join by_email using (email)
        union all
        select coalesce(e.place, d.place), try_cast(left(p.stamp, 10) as date)
        from {rows("id ip stamp", ("segment/pages", "anonymous_id context_ip received_at"))} as p
        left join (
            select id, min(place) as place
            from {rows("id email", ("segment/identifies", "anonymous_id email"))}
            join by_email using (email) group by all
        ) as e using (id)
        left join (
            select ip, min(place) as place
            from {rows("ip domain", ("reveal/ip_companies", "ip domain"))}
            join by_domain using (domain) group by all
        ) as d using (ip);
        create table touches as
        select place, who_id, date from tasks join by_contact on who_id = contact_id
        where type not in ('Reply', 'MEETING') and upper(status) = 'COMPLETED';
        create table open_deals as
        select place, opened, closed from (
            select t.place, min(try_cast(left(h.stamp, 10) as date)) as opened,
                min(try_cast(left(h.stamp, 10) as date))
                    filter (where coalesce(l.label, h.stage) like 'Closed%') as closed
            from {stages} as h
            left join {labels} as l on l.id = h.stage
            join (
                select id, min(account_id) as account_id from {sold_to}
                where type <> 'Renewal'
                    and id not in (select id from {renewals} where type = 'renewal')
                group by all
            ) as o on o.id = h.id
            join truth as t on t.crm_id = left(o.account_id, 15)
            group by t.place, h.id
        )
        """
    )
    count = len(truth.companies)

    def by_place(query: str) -> Codes:
        values = np.zeros(count, dtype=np.int64)
        for place, value in con.execute(query).fetchall():
            values[place] = value
        return values

    found: dict[dt.date, Codes] = {}
    for date in dates:
        acts = by_place(
            f"select place, count(*) from acts where place is not null and date <= date '{date}'"
            f" and date > date '{date}' - 30 group by all"
        )
        deals = by_place(
            f"select place, count(*) from open_deals where opened <= date '{date}'"
            f" and (closed is null or closed > date '{date}') group by all"
        )
        state = np.where(acts >= 1, WARMING, COLD)
        state = np.where(acts >= 5, ACTIVE, state)
        found[date] = np.where((acts >= 15) & (deals > 0), ENGAGED, state)
    date = dates[-1]
    touched = by_place(
        f"select place, count(distinct who_id) from touches where date <= date '{date}'"
        f" and date > date '{date}' - 90 group by all"
    )
    gap = found[date] < ACTIVE
    nothing = np.zeros(count, dtype=bool)
    drivers = np.stack(
        [
            nothing,
            gap & (found[date] == COLD),
            nothing,
            gap & (found[date] == WARMING),
            gap & (touched < 3),
        ],
        axis=1,
    )
    return found, drivers


# -- comparing ---------------------------------------------------------------------------------


def _score(true: Bools, found: Bools) -> Score:
    hit = int((true & found).sum())
    precision = hit / int(found.sum()) if found.any() else 0.0
    recall = hit / int(true.sum()) if true.any() else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hit else 0.0
    return Score(precision, recall, f1, int(true.sum()))


def _compare_states(true: Codes, found: Codes) -> Comparison:
    scores = {name: _score(true == i, found == i) for i, name in enumerate(STATES)}
    confusion = np.zeros((len(STATES), len(STATES) + 1), dtype=np.int64)
    np.add.at(confusion, (true, np.where(found < 0, len(STATES), found)), 1)
    return Comparison(scores, confusion)


def _compare_drivers(true: Bools, found: Bools) -> Comparison:
    return Comparison({name: _score(true[:, i], found[:, i]) for i, name in enumerate(DRIVERS)})


def evaluate(truth_folder: Path, landing: Path, marts: Path) -> Evaluation:
    """Compare published marts with the truth on their date and on the six month ends before it.

    Raises FileNotFoundError if the truth folder, landing folder or marts file is missing.
    """
    for path in (truth_folder / "accounts.parquet", landing, marts):
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing")
    with duckdb.connect() as con:
        con.execute(f"attach '{marts}' as published (read_only)")
        row = con.execute(
            "select (select max(as_of_date) from published.marts.accounts),"
            " (select min(valid_from) from published.marts.account_activation_history)"
        ).fetchone()
    assert row is not None
    end, stored_since = row
    truth = read_truth(truth_folder, end)
    month_ends = []
    day = end.replace(day=1)
    for _ in range(MONTH_ENDS + 1):
        before = day - dt.timedelta(days=1)
        if before >= max(stored_since, truth.first) and before != end:
            month_ends.append(before)
        day = before.replace(day=1)
    month_ends = sorted(month_ends)[-MONTH_ENDS:]
    dates = [*month_ends, end]

    states = truth.states()
    oracle = wait(states)
    project, project_drivers, has = _project(marts, truth, dates)
    baseline, baseline_drivers = _baseline(landing, truth, dates)

    def judged(date: dt.date) -> Bools:
        f = truth.facts
        listed = np.ma.filled(f["listed_on"].astype("datetime64[D]"), np.datetime64("9999-01-01"))
        removed = np.ma.filled(f["removed_on"].astype("datetime64[D]"), np.datetime64("NaT"))
        removed = np.where(np.isnat(removed), np.datetime64("9999-01-01"), removed)
        listed = np.where(np.isnat(listed), np.datetime64("9999-01-01"), listed)
        here = (listed <= np.datetime64(date)) & (removed > np.datetime64(date))
        judged_here: Bools = here & ~f["domain_changes_hands"].astype(bool)
        return judged_here

    def pooled(when: Sequence[dt.date]) -> dict[str, Comparison]:
        rows = [np.flatnonzero(judged(d)) for d in when]
        true = np.concatenate([states[r, truth.day(d)] for r, d in zip(rows, when, strict=True)])
        result = {}
        for name, by_date in (
            ("project", project),
            ("baseline", baseline),
            ("oracle", {d: oracle[:, truth.day(d)].astype(np.int64) for d in when}),
        ):
            found = np.concatenate([by_date[d][r] for r, d in zip(rows, when, strict=True)])
            result[name] = _compare_states(true.astype(np.int64), found)
        return result

    here = judged(end)
    last = truth.day(end)
    causes = _causes(truth, truth_folder, end, states[:, last].astype(np.int64))
    oracle_drivers = _causes(truth, truth_folder, end, oracle[:, last].astype(np.int64))
    return Evaluation(
        as_of_date=end,
        month_ends=tuple(month_ends),
        companies=int(here.sum()),
        missing=int((here & ~has).sum()),
        states={"end": pooled([end])} | ({"month_ends": pooled(month_ends)} if month_ends else {}),
        drivers={
            "project": _compare_drivers(causes[here], project_drivers[here]),
            "baseline": _compare_drivers(causes[here], baseline_drivers[here]),
            "oracle": _compare_drivers(causes[here], oracle_drivers[here]),
        },
        readiness=_readiness(marts, truth, here),
    )


def report(result: Evaluation) -> str:
    """The evaluation as plain text tables."""
    lines = [
        f"{result.companies:,} targets on {result.as_of_date}; {result.missing} not in the marts",
    ]

    def table(title: str, methods: Mapping[str, Comparison]) -> None:
        lines.extend(["", title])
        lines.append(f"{'':24}" + "".join(f"{name:>24}" for name in methods))
        lines.append(f"{'class':18}{'true':>6}" + f"{'prec.   rec.     F1':>24}" * len(methods))
        for name, score in next(iter(methods.values())).scores.items():
            cells = (m.scores[name] for m in methods.values())
            row = "".join(f"{s.precision:>10.2f}{s.recall:>7.2f}{s.f1:>7.2f}" for s in cells)
            lines.append(f"{name[:18]:18}{score.support:>6}{row}")
        macro = "".join(f"{m.macro_f1:>24.3f}" for m in methods.values())
        lines.append(f"{'macro-F1':24}{macro}")

    for when, methods in result.states.items():
        dates = [result.as_of_date] if when == "end" else list(result.month_ends)
        title = str(dates[0]) if len(dates) == 1 else f"{len(dates)} month ends from {dates[0]}"
        table(f"State against true state, {title}", methods)
        lines.append(
            "  true state (rows) by state in the marts: " + ", ".join(STATES) + ", missing"
        )
        confusion = methods["project"].confusion
        assert confusion is not None
        for name, row in zip(STATES, confusion, strict=True):
            lines.append(f"  {name:16}" + "".join(f"{value:>8,}" for value in row))
    table(f"Driver against true cause, {result.as_of_date}", result.drivers)
    if result.readiness:
        lines += _readiness_lines(result.readiness, result.as_of_date)
    return "\n".join(lines)


def _readiness_lines(readiness: Readiness, date: dt.date) -> list[str]:
    lines = ["", f"Readiness against true readiness, {date}"]
    lines.append(f"{'80% intervals':24}{'evidence':>10}{'hold':>8}{'known':>10}{'hold':>8}")
    for name, interval in readiness.intervals.items():
        lines.append(
            f"{name:24}{interval.companies:>10,}{interval.held_share:>8.2f}"
            f"{interval.known:>10,}{interval.known_held_share:>8.2f}"
        )
    for segment, (companies, share) in readiness.calls.items():
        lines.append(f"  {segment}: {companies:,} companies, {share:.2f} of them truly so")
    lines.append(f"  of companies with evidence, {readiness.decides_share:.2f} truly can decide")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Judge published marts against the truth.")
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--landing", type=Path, required=True)
    parser.add_argument("--marts", type=Path, required=True)
    given = parser.parse_args(arguments)
    try:
        print(report(evaluate(given.truth, given.landing, given.marts)))
    except FileNotFoundError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
