"""Stops publishing where a table breaks with its own past.

What belongs here: the named checks, what a person has confirmed of what they found, and the words
for it. What does not: rows that cannot be taken (landing/), lists that are not believed
(landing/presence.py), what the models must hold (dbt tests), copying the marts (publish.py).

Judged are the deliveries of the run's days that are not published yet, each against the deliveries
before it: nothing depends on what came later, and what is published is not judged again. A first
load has no past: what is found there is said and stops nothing. To add a stop, write a function
like the others, and name it in CHECKS and in settings.CONFIRMABLE.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby

from orchestration.engine.warehouse import Warehouse, quoted
from orchestration.landing.contract import Contract, Table
from orchestration.runs import score_store
from orchestration.stages import say

CONFIRMATIONS = "confirmations"
CONFIRMATION_COLUMNS = (
    "check_name varchar, source varchar, table_name varchar, instance varchar, delivery_day date,"
    " found varchar, message varchar, run_id varchar, confirmed_at timestamp"
)
FATES = ("intermediate", "int_row_fates")
ROLLUP = (("intermediate", "int_page_days"), ("intermediate", "int_act_days"))
"""The halves of the activity rollup, which the next build rolls up anew when they are empty."""
MEETS_NOTHING = (
    "no account",
    "account unknown",
    "person unknown",
    "visitor unresolved",
    "deal unknown",
    "deal without an account",
    "deal of an unknown account",
    "activity unknown",
)
"""Reasons of int_row_fates for which a row is not used: what it names is not there."""
SOURCE_MARK = "is_deleted"
"""The column in which a CRM itself says that a record is gone (macro is_deleted); beside it stand
the marks of copying tools (`deletion: true` in the contract)."""
SHOWN_COLUMNS = 4


class StoppedError(RuntimeError):
    """A table breaks with its own past and nobody has confirmed it; the message says what to do."""


@dataclass(frozen=True)
class Limits:
    """From where on a table breaks with its past (vars of dbt_project.yml have the reasons).

    min_rows, meet_min_rows: rows; past_deliveries, part_min_deliveries: deliveries; the others are
    shares of 0 to 1.
    """

    min_rows: int
    past_deliveries: int
    full_min_share: float
    empty_max_share: float
    part_min_share: float
    part_min_deliveries: int
    meet_min_share: float
    meet_min_rows: int
    deletion_max_share: float


@dataclass(frozen=True)
class Delivery:
    """What came of a table on one day. is_judged: of the run's days, and not published yet."""

    source: str
    table: str
    instance: str
    day: date
    is_first_load: bool
    is_judged: bool
    accepted: int

    @property
    def owner(self) -> tuple[str, str, str]:
        return self.source, self.table, self.instance


@dataclass(frozen=True)
class Finding:
    """Where a table breaks with its past.

    message: the numbers then and now. found: what a confirmation is bound to besides the delivery.
    """

    check: str
    source: str
    table: str
    instance: str
    delivery_day: date
    message: str
    is_first_load: bool = False
    found: str = ""

    @property
    def key(self) -> tuple[str, str, str, str, date, str]:
        return (
            *(self.check, self.source, self.table, self.instance),
            *(self.delivery_day, self.found),
        )

    @property
    def sentence(self) -> str:
        where = f"{self.source}.{self.table}"
        if self.instance != "main":
            where += f" of {self.instance}"
        what = "first load" if self.is_first_load else "delivery"
        return f"{where}, {what} of {self.delivery_day}: {self.message}"


@dataclass(frozen=True)
class Scene:
    """What a check looks at."""

    warehouse: Warehouse
    contract: Contract
    limits: Limits
    deliveries: Sequence[Delivery]

    def tables(self) -> Iterator[tuple[Table, list[Delivery]]]:
        """Tables with their deliveries, by day; without those that no contract knows any more."""
        for key, found in groupby(self.deliveries, lambda one: (one.source, one.table)):
            if key in self.contract.tables:
                yield self.contract.tables[key], list(found)

    def past(self, judged: Delivery, rows: Mapping[Delivery, int]) -> list[Delivery]:
        """The last deliveries before one that have enough rows."""
        before = [
            one
            for one in rows
            if one.owner == judged.owner
            and one.day < judged.day
            and rows[one] >= self.limits.min_rows
        ]
        return sorted(before, key=lambda one: one.day)[-self.limits.past_deliveries :]


@dataclass(frozen=True)
class Check:
    """A check: what it finds, and what to do about that."""

    find: Callable[[Scene], Iterator[Finding]]
    remedy: str


@dataclass(frozen=True)
class Verdict:
    """What the checks found. idle: checks that were confirmed and found nothing."""

    stops: tuple[Finding, ...]
    warnings: tuple[str, ...]
    confirmed: tuple[str, ...]
    idle: tuple[str, ...]

    def heed(self) -> None:
        """Says what was confirmed and what was not there to confirm; raises StoppedError."""
        for sentence in self.confirmed:
            say(f"  confirmed: {sentence}")
        for name in self.idle:
            say(f"  note: CONFIRM={name}: this check stops nothing, so nothing is confirmed")
        if self.stops:
            raise StoppedError(_in_words(self.stops))


def judge(
    warehouse: Warehouse,
    contract: Contract,
    limits: Limits,
    days: tuple[date, date],
    *,
    run_id: str,
    now: datetime,
    confirm: Collection[str] = (),
    names: Collection[str] | None = None,
    left_out: Collection[str] = (),
) -> Verdict:
    """What the checks find in the deliveries of `days`, first and last, that are not published.

    confirm: checks whose findings this run takes for right. They are kept in
    raw_landing.confirmations and stop no later run. names: the checks to make, by default all.
    left_out: sources of which nothing counts.
    """
    warehouse.execute(
        f"create table if not exists raw_landing.{CONFIRMATIONS} ({CONFIRMATION_COLUMNS})"
    )
    looked_at = {key: table for key, table in contract.tables.items() if key[0] not in left_out}
    scene = Scene(warehouse, Contract(looked_at), limits, _deliveries(warehouse, days))
    made = [name for name in CHECKS if names is None or name in names]
    findings = [finding for name in made for finding in CHECKS[name].find(scene)]
    open_ones = [finding for finding in findings if not finding.is_first_load]
    known = set(
        warehouse.rows(
            "select check_name, source, table_name, instance, delivery_day, found"
            f" from raw_landing.{CONFIRMATIONS}"
        )
    )
    new = [one for one in open_ones if one.key not in known and one.check in confirm]
    moment = now.astimezone(UTC).replace(tzinfo=None)
    with warehouse.transaction():
        for one in new:
            warehouse.execute(
                f"insert into raw_landing.{CONFIRMATIONS} values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [*one.key, one.message, run_id, moment],
            )
        if any(one.check == "raw_rows" for one in new):
            # It adds to what it has, so acts that were lost on purpose would stay in it.
            for half in ROLLUP:
                if warehouse.has_table(*half):
                    warehouse.execute(f"delete from {'.'.join(half)}")
    known |= {one.key for one in new}
    return Verdict(
        stops=tuple(one for one in open_ones if one.key not in known),
        warnings=tuple(one.sentence for one in findings if one.is_first_load),
        confirmed=tuple(f"{one.check}: {one.sentence}" for one in open_ones if one.key in known),
        idle=tuple(
            name for name in made if name in confirm and all(one.check != name for one in open_ones)
        ),
    )


def _deliveries(warehouse: Warehouse, days: tuple[date, date]) -> list[Delivery]:
    """All deliveries that were taken, by table and day."""
    published = score_store.last_published_day(warehouse) or date.min
    return [
        Delivery(
            source,
            table,
            instance,
            day,
            is_first_load,
            is_judged=days[0] <= day <= days[1] and day > published,
            accepted=accepted,
        )
        for source, table, instance, day, is_first_load, accepted in warehouse.rows(
            """
            select
                source, table_name, instance, delivery_day, bool_or(is_first_load),
                sum(accepted)::bigint
            from raw_landing.files
            where status = 'loaded'
            group by all
            order by all
            """
        )
    ]


def _in_words(stops: Sequence[Finding]) -> str:
    lines = ["Nothing is published, for tables break with their own past:"]
    names = list(dict.fromkeys(one.check for one in stops))
    for name in names:
        lines.append(f"{name}:")
        lines += [f"  {one.sentence}" for one in stops if one.check == name]
        lines.append(f"  {CHECKS[name].remedy}")
        lines.append(f"  If it is right as it is: make refresh CONFIRM={name}")
    if len(names) > 1:
        lines.append(f"If all of it is right: make refresh CONFIRM={','.join(names)}")
    return "\n".join(lines)


def _median(shares: Sequence[float]) -> float:
    """The median; of two in the middle the higher, so that one bad delivery is not yet the rule."""
    return sorted(shares)[len(shares) // 2]


def _percent(share: float) -> str:
    """A share in words: small ones must not look like none."""
    whole = f"{share:.0%}"
    return whole if len(whole) > len("9%") or share == 0 else f"{share:.1%}"


def _is_marked(table: Table) -> str:
    """SQL of whether a row says that its record is deleted."""
    marks = [
        *table.deletions,
        *(column.name for column in table.columns if column.name == SOURCE_MARK),
    ]
    return " or ".join(f"coalesce({quoted(name)}, false)" for name in marks) or "false"


# --- the checks -----------------------------------------------------------------------------------


def raw_rows(scene: Scene) -> Iterator[Finding]:
    """Raw tables that do not hold, file by file, what the manifest counted.

    All files, also of published days: what is lost is lost for every day that is computed again. A
    confirmation holds for these numbers alone.
    """
    for (source, name), table in scene.contract.tables.items():
        for instance, day, files, *counts, file in scene.warehouse.rows(
            f"""
            with
            held as (
                select
                    _file as file, any_value(_instance) as instance,
                    any_value(_delivery_day) as delivery_day,
                    count(*) filter (_status = 'accepted') as accepted,
                    count(*) filter (_status = 'conflicting') as conflicting
                from {table.raw_table}
                group by _file
            ),
            told as (
                select
                    file, instance, delivery_day, coalesce(accepted, 0) as accepted,
                    coalesce(conflicting, 0) as conflicting
                from raw_landing.files
                where source = ? and table_name = ?
            ),
            compared as (
                select
                    file,
                    coalesce(told.instance, held.instance) as instance,
                    coalesce(told.delivery_day, held.delivery_day) as delivery_day,
                    coalesce(told.accepted, 0) as told_accepted,
                    coalesce(held.accepted, 0) as held_accepted,
                    coalesce(told.conflicting, 0) as told_conflicting,
                    coalesce(held.conflicting, 0) as held_conflicting
                from told
                full join held using (file)
            )
            select
                instance, delivery_day, count(*),
                sum(held_accepted)::bigint, sum(held_conflicting)::bigint,
                sum(told_accepted)::bigint, sum(told_conflicting)::bigint,
                min(file)
            from compared
            where (told_accepted, told_conflicting) != (held_accepted, held_conflicting)
            group by all
            order by all
            """,
            [source, name],
        ):
            held_rows, held_conflicting, told_rows, told_conflicting = counts
            of_files = f"{file} and {files - 1} more" if files > 1 else f"{file}"
            message = (
                f"the raw table holds {held_rows:,} accepted and {held_conflicting:,} conflicting"
                f" rows of {of_files}, where {told_rows:,} and {told_conflicting:,} were taken"
            )
            yield Finding("raw_rows", source, name, instance, day, message, found=message)


def empty_column(scene: Scene) -> Iterator[Finding]:
    """Columns that were filled in the deliveries before and are empty in one that is judged.

    One that was full may have a few values left; one that was filled in part has none at all.
    Of accepted rows, for these the models read, without those of deleted records, of which some
    tools bring the id alone. Stamps of copying tools say nothing of a record.
    """
    limits = scene.limits
    for table, of_table in scene.tables():
        rows = {one: one.accepted for one in of_table if one.accepted >= limits.min_rows}
        pasts = {one: scene.past(one, rows) for one in rows if one.is_judged}
        wanted = [each.day for one, past in pasts.items() if past for each in (one, past[0])]
        if not wanted:
            continue
        names = [column.name for column in table.columns if not column.is_sync]
        filled = {
            (instance, day): (total, [count / total for count in counts])
            for instance, day, total, *counts in scene.warehouse.rows(
                f"""
                select
                    _instance, _delivery_day, count(*) as total,
                    {", ".join(f"count({quoted(name)})" for name in names)}
                from {table.raw_table}
                where
                    _status = 'accepted' and not ({_is_marked(table)})
                    and _delivery_day between ? and ?
                group by _instance, _delivery_day
                having total >= ?
                """,
                [min(wanted), max(wanted), limits.min_rows],
            )
        }
        for one, past in pasts.items():
            total, now = filled.get((one.instance, one.day), (0, []))
            days = [(each.instance, each.day) for each in past]
            before = [filled[day][1] for day in days if day in filled]
            if not now or not before:
                continue
            lost = {}
            for place, name in enumerate(names):
                shares = [of_day[place] for of_day in before]
                median = _median(shares)
                was_full = median >= limits.full_min_share
                was_filled = (
                    len(shares) >= limits.part_min_deliveries
                    and min(shares) >= limits.part_min_share
                )
                if (was_full and now[place] <= limits.empty_max_share) or (
                    was_filled and not now[place]
                ):
                    lost[f"{name} ({_percent(median)} before)"] = now[place]
            if lost:
                more = len(lost) - SHOWN_COLUMNS
                shown = [*lost][:SHOWN_COLUMNS] + ([f"{more} more"] if more > 0 else [])
                message = (
                    f"{', '.join(shown)} filled in at most {_percent(max(lost.values()))} of"
                    f" {total:,} rows"
                )
                yield Finding("empty_column", *one.owner, one.day, message, one.is_first_load)


def fewer_meet(scene: Scene) -> Iterator[Finding]:
    """Deliveries of which far fewer rows than before meet an account, a person, a deal or an act.

    Of the rows that are used or meet nothing. Others are not asked: of an old delivery most are
    superseded by now, and it would look as if all of them had met somebody. Reads int_row_fates as
    the run's models made it; raises RuntimeError where it is missing, for after dbt it stands.
    """
    limits, warehouse = scene.limits, scene.warehouse
    if not warehouse.has_table(*FATES):
        raise RuntimeError(f"{'.'.join(FATES)} is missing, though the models are built")
    manifest = {(*one.owner, one.day): one for one in scene.deliveries}
    rows: dict[Delivery, int] = {}
    share: dict[Delivery, float] = {}
    reason: dict[Delivery, str] = {}
    for *owner, day, count, used, most in warehouse.rows(
        f"""
        with fates as (
            select
                source, table_name, source_instance, delivery_date, fate, reason,
                sum(row_count) as row_count
            from {".".join(FATES)}
            where fate = 'used' or list_contains($1, reason)
            group by all
        )
        select
            source, table_name, source_instance, delivery_date, sum(row_count)::bigint,
            coalesce(sum(row_count) filter (fate = 'used'), 0)::bigint,
            arg_max(reason, row_count) filter (fate != 'used')
        from fates
        group by all
        order by all
        """,
        [list(MEETS_NOTHING)],
    ):
        one = manifest.get((*owner, day))
        if one and one.owner[:2] in scene.contract.tables and count >= limits.min_rows:
            rows[one], share[one], reason[one] = count, used / count, most
    for one in [each for each in rows if each.is_judged]:
        past = scene.past(one, rows)
        numbers = f"{_percent(share[one])} of {rows[one]:,} rows meet"
        met = "an account, a person, a deal or an act"
        others = f"; of most others: {reason[one]}"
        if one.is_first_load:
            if share[one] < limits.meet_min_share:
                message = (
                    f"{numbers} {met}{others}. That is normal for visits, intent and registers;"
                    " of other tables look whether ids and domains are those of the CRM"
                )
                yield Finding("fewer_meet", *one.owner, one.day, message, is_first_load=True)
            continue
        if not past:
            continue
        median = _median([share[each] for each in past])
        expected = median * rows[one]
        if share[one] < limits.meet_min_share * median and expected >= limits.meet_min_rows:
            message = f"{numbers} {met}, {_percent(median)} before{others}"
            yield Finding("fewer_meet", *one.owner, one.day, message)


def mass_deletion(scene: Scene) -> Iterator[Finding]:
    """Deliveries that delete most of the records that were there.

    By marks in the rows, and by full lists that were believed (landing/presence.py).
    """
    for table, of_table in scene.tables():
        judged = {(one.instance, one.day): one for one in of_table if one.is_judged}
        if not judged:
            continue
        days = [day for _, day in judged]
        for instance, day in scene.warehouse.rows(
            f"""
            select _instance, _delivery_day
            from {table.raw_table}
            where _status = 'accepted' and ({_is_marked(table)}) and _delivery_day between ? and ?
            union
            select instance, delivery_day
            from raw_landing.presence_changes
            where source = ? and table_name = ? and not is_present
            order by all
            """,
            [min(days), max(days), table.source, table.name],
        ):
            one = judged.get((instance, day))
            if one and (finding := _deleted(scene, table, one)):
                yield finding


def _deleted(scene: Scene, table: Table, one: Delivery) -> Finding | None:
    """What is wrong with the deletions of a delivery, if anything."""
    keys = ", ".join(quoted(name) for name in table.key)
    last, is_marked = "(_version_at, _version_number)", _is_marked(table)
    ((there, gone),) = scene.warehouse.rows(
        f"""
        with
        marked as (
            select
                {keys}, cast({quoted(table.key[0])} as varchar) as record_id,
                arg_max({is_marked}, {last}) filter (_delivery_day < $1) as was_marked,
                arg_max({is_marked}, {last}) as is_marked
            from {table.raw_table}
            where _status = 'accepted' and _instance = $2 and _delivery_day <= $1
            group by {keys}
        ),
        listed as (
            select
                record_id,
                arg_max(is_present, (delivery_day, load_id)) filter (delivery_day < $1)
                    as was_present,
                arg_max(is_present, (delivery_day, load_id)) as is_present
            from raw_landing.presence_changes
            where source = $3 and table_name = $4 and instance = $2 and delivery_day <= $1
            group by record_id
        ),
        known as (
            select
                -- In a first load nothing was there before: all its records count.
                coalesce(not was_marked, $5) and coalesce(was_present, true) as was_there,
                is_marked or not coalesce(is_present, true) as is_gone
            from marked
            left join listed using (record_id)
        )
        select count(*), count(*) filter (is_gone) from known where was_there
        """,
        [one.day, one.instance, one.source, one.table, one.is_first_load],
    )
    if there < scene.limits.min_rows or gone <= scene.limits.deletion_max_share * there:
        return None
    message = (
        f"{gone:,} of the {there:,} records that were there are deleted ({_percent(gone / there)})"
    )
    if one.is_first_load:
        message = f"{gone:,} of {there:,} records are marked as deleted ({_percent(gone / there)})"
    return Finding("mass_deletion", *one.owner, one.day, message, one.is_first_load)


AGAIN = (
    "mend the export and deliver the rows again in a new file: for the same day where they then"
    " have a newer modification time, else for the next day, and confirm this delivery."
)
CHECKS: Mapping[str, Check] = {
    "raw_rows": Check(
        raw_rows,
        "Put back a copy of the warehouse, or make a new one from the landing files under another"
        " WAREHOUSE_PATH.",
    ),
    "empty_column": Check(
        empty_column, f"Look whether the source still has these values. If so, {AGAIN}"
    ),
    "fewer_meet": Check(
        fewer_meet,
        "Look whether ids, addresses or domains come otherwise than before, or the tables that they"
        f" name lag behind: deliver those for the same day. Else {AGAIN}",
    ),
    "mass_deletion": Check(
        mass_deletion, f"Look into the source whether they are gone. If not, {AGAIN}"
    ),
}
BEFORE_THE_MODELS = ("raw_rows",)
"""Checks that need no model: counts on lost rows would be wrong."""
