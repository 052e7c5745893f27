"""Tells from full lists which records a source has removed, and which removed ones are back.

What belongs here: tables that land as snapshots (each delivery day is the complete list), and the
two tables that are kept about them: `raw_landing.snapshots`, one row per list taken, and
`raw_landing.presence_changes`, one row per record removed or back. What does not: files, versions
(verdicts.py), and what a removal means for an account (the models).

A record counts as removed only on the evidence of a whole list. A list that is empty, has a file
or a row that cannot be read, or is much shorter than the one before takes nobody away: a broken
export would otherwise empty the company in one night.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestration.engine.warehouse import Warehouse, literal, quoted
from orchestration.landing.contract import Contract, Table

LOAD_MODES = ("incremental", "snapshot")
PRESENCE_TABLES = {
    "snapshots": (
        "source varchar, table_name varchar, instance varchar, delivery_day date, status varchar,"
        " records bigint, removed bigint, returned bigint, load_id bigint"
    ),
    "presence_changes": (
        "source varchar, table_name varchar, instance varchar, record_id varchar,"
        " delivery_day date, is_present boolean, load_id bigint"
    ),
}


@dataclass(frozen=True)
class Snapshots:
    """Tables that land as snapshots, by (source, table).

    min_share: a list with fewer than this share of the records of the one before is held.
    """

    tables: frozenset[tuple[str, str]] = frozenset()
    min_share: float = 0.5

    def covers(self, table: Table) -> bool:
        return (table.source, table.name) in self.tables and len(table.key) == 1


def read_snapshots(path: Path, min_share: float) -> Snapshots:
    """The tables whose `load_mode` is snapshot in the seed of feeds (empty = incremental).

    Raises ValueError naming the line that cannot be used. A missing file is an empty one.
    """
    tables = set()
    if path.exists():
        with path.open(newline="", encoding="utf-8-sig") as handle:
            for number, row in enumerate(csv.DictReader(handle), start=2):
                mode = (row.get("load_mode") or LOAD_MODES[0]).strip()
                if mode not in LOAD_MODES:
                    raise ValueError(
                        f"{path}, line {number}: load_mode {mode!r} is none of"
                        f" {', '.join(LOAD_MODES)}"
                    )
                if mode == "snapshot":
                    tables.add((row["source"], row["table_name"]))
    return Snapshots(frozenset(tables), min_share)


def unfit(snapshots: Snapshots, contract: Contract) -> list[str]:
    """What is wrong with the choice of snapshot tables, one sentence each."""
    return [
        f"{table.label} is a snapshot by feeds.csv, but its key has several columns"
        f" ({', '.join(table.key)}): removals are not worked out"
        for table in contract.tables.values()
        if (table.source, table.name) in snapshots.tables and len(table.key) > 1
    ]


def take(warehouse: Warehouse, table: Table, snapshots: Snapshots, load_id: int) -> list[str]:
    """Appends what the load says about presence; returns what somebody should look at.

    Reads the temporary tables of the load (staged, staged_lines, staged_files, _batch) and the raw
    table as it was before the load. To be called in the load's transaction, before its rows are
    appended.
    """
    _gather(warehouse, table)
    _weigh(warehouse, table, snapshots.min_share)
    _compare(warehouse)
    owner = f"{literal(table.source)} as source, {literal(table.name)} as table_name"
    warehouse.execute(
        f"insert into raw_landing.presence_changes by name select {owner}, instance, record_id,"
        " day as delivery_day, is_present, ? as load_id from changes",
        [load_id],
    )
    warehouse.execute(
        f"""
        insert into raw_landing.snapshots by name
        select
            {owner}, instance, day as delivery_day, status, records,
            coalesce(removed, 0) as removed, coalesce(returned, 0) as returned, ? as load_id
        from lists
        left join (
            select
                instance, day,
                count(*) filter (not is_present) as removed,
                count(*) filter (is_present) as returned
            from changes
            group by instance, day
        ) using (instance, day)
        """,
        [load_id],
    )
    told = _tell(warehouse, table, snapshots.min_share)
    for name in ("listed", "known", "lists", "changes"):
        warehouse.execute(f"drop table temp.{name}")
    return told


def _gather(warehouse: Warehouse, table: Table) -> None:
    """Fills `listed` (instance, day, record_id, is_good) and `known` (instance, record_id, ...).

    listed: the ids of the load, also those of quarantined rows: a record whose row is broken is
    there. known: the records taken before, whether they are present, and the day of that.
    """
    key = quoted(table.key[0])
    warehouse.execute(
        f"""
        create or replace temp table listed as
        select
            _instance as instance, _delivery_day as day, cast({key} as varchar) as record_id,
            bool_or(_reason is null) as is_good
        from staged
        where {key} is not null
        group by all
        """
    )
    warehouse.execute(
        f"""
        create or replace temp table known as
        with
        taken as (
            select distinct _instance as instance, cast({key} as varchar) as record_id
            from {table.raw_table}
            where _status = 'accepted' and _instance in (select instance from staged_files)
        ),
        last_changes as (
            select
                instance, record_id,
                arg_max(is_present, (delivery_day, load_id)) as is_present
            from raw_landing.presence_changes
            where source = ? and table_name = ?
            group by instance, record_id
        )
        select instance, record_id, coalesce(last_changes.is_present, true) as is_present
        from taken
        left join last_changes using (instance, record_id)
        """,
        [table.source, table.name],
    )


def _weigh(warehouse: Warehouse, table: Table, min_share: float) -> None:
    """Fills `lists`: a row per instance and day of the load, with what its list is worth.

    Columns: instance, day, records, unreadable (files), nameless (rows), before (records of the
    list before, which may itself have been held: so the next list confirms or refutes a fall) and
    status: late, older than a list taken before; addition, to the last one taken; first_load (its
    parts are no lists, so records are all that are known by then); incomplete; empty; held;
    compared.
    """
    key = quoted(table.key[0])
    warehouse.execute(
        f"""
        create or replace temp table lists as
        with
        files as (
            select
                staged_files.instance, staged_files.delivery_day as day,
                bool_or(coalesce(is_first_load, false)) as is_first_load,
                -- A file that is not in the batch could not be opened and will be tried again.
                count(*) filter (coalesce(is_unreadable, true)) as unreadable
            from staged_files
            left join _batch using (file_number)
            group by all
        ),
        nameless as (
            select instance, delivery_day as day, count(*) as nameless
            from (
                select _file_number as file_number from staged where {key} is null
                union all
                select file_number from staged_lines
            ) as rows
            inner join staged_files using (file_number)
            group by all
        ),
        names as (select instance, day, count(*) as names from listed group by all),
        new_names as (
            select instance, day, count(*) as new_names
            from (
                select instance, min(day) as day
                from listed
                anti join known using (instance, record_id)
                where is_good
                group by instance, record_id
            ) as born
            group by all
        ),
        known_names as (
            select instance, count(*) as known, count(*) filter (is_present) as present
            from known
            group by all
        ),
        earlier as (
            select
                instance, delivery_day as day, sum(records) as records,
                bool_or(status in ('first_load', 'held', 'compared')) as is_measure
            from raw_landing.snapshots
            where source = ? and table_name = ?
            group by instance, delivery_day
        ),
        last_lists as (
            select
                instance, max(day) as last_day, max(day) filter (is_measure) as measure_day,
                arg_max(records, day) filter (is_measure) as measure
            from earlier
            group by instance
        ),
        sorted as (
            select
                instance, day, unreadable, measure_day,
                coalesce(names, 0) as names,
                coalesce(nameless, 0) as nameless,
                coalesce(measure, present, 0) as measure,
                coalesce(known, 0) + sum(coalesce(new_names, 0)) over (
                    partition by instance order by day
                ) as known,
                case
                    when day < last_day then 'late'
                    when day = last_day then 'addition'
                    when is_first_load then 'first_load'
                    when unreadable > 0 or coalesce(nameless, 0) > 0 then 'incomplete'
                    when coalesce(names, 0) = 0 then 'empty'
                    else 'whole'
                end as kind
            from files
            left join names using (instance, day)
            left join new_names using (instance, day)
            left join nameless using (instance, day)
            left join known_names using (instance)
            left join last_lists using (instance)
        ),
        measured as (
            select
                instance, day, unreadable, nameless, kind,
                case when kind = 'first_load' then known else names end as records,
                measure + coalesce(
                    sum(names) filter (kind = 'addition' and day = measure_day)
                        over (partition by instance),
                    0
                ) as measure
            from sorted
        ),
        in_line as (
            select
                * exclude (measure),
                coalesce(
                    lag(records) over (
                        partition by instance, kind in ('first_load', 'whole') order by day
                    ),
                    measure
                ) as before
            from measured
        )
        select
            * exclude (kind),
            case
                when kind <> 'whole' then kind
                when records < ? * before then 'held'
                else 'compared'
            end as status
        from in_line
        """,
        [table.source, table.name, min_share],
    )


def _compare(warehouse: Warehouse) -> None:
    """Fills `changes`: instance, record_id, day, is_present.

    A record is removed on the first list compared after it was last there, unless it was listed
    again by then; it is back on the day it is listed next, on whatever list.
    """
    warehouse.execute(
        """
        create or replace temp table changes as
        with
        compared as (select instance, day from lists where status = 'compared'),
        born as (
            select instance, record_id, min(day) as day
            from listed
            where is_good
            group by all
        ),
        seen as (
            select listed.instance, listed.record_id, listed.day, known.is_present as was_present
            from listed
            inner join lists
                on listed.instance = lists.instance
                and listed.day = lists.day
                and lists.status <> 'late'
            left join known
                on listed.instance = known.instance and listed.record_id = known.record_id
            left join born
                on listed.instance = born.instance and listed.record_id = born.record_id
            where known.record_id is not null or listed.day >= born.day
            union all
            -- Before the load: present, and not yet missed on any list.
            select instance, record_id, date '0001-01-01', true from known where is_present
        ),
        in_line as (
            select
                *,
                lag(day) over one_record as seen_before,
                lead(day) over one_record as seen_next
            from seen
            window one_record as (partition by instance, record_id order by day)
        ),
        missed as (
            select in_line.*, compared.day as missed_on
            from in_line
            asof inner join compared
                on in_line.instance = compared.instance and in_line.day < compared.day
        )
        select instance, record_id, missed_on as day, false as is_present
        from missed
        where seen_next is null or seen_next > missed_on
        union all
        select instance, record_id, seen_next, true from missed where seen_next > missed_on
        union all
        select instance, record_id, day, true
        from in_line
        where seen_before is null and not was_present
        """
    )


def _tell(warehouse: Warehouse, table: Table, min_share: float) -> list[str]:
    sentences = []
    for instance, day, status, records, before, unreadable, nameless in warehouse.rows(
        "select instance, day, status, records, before, unreadable, nameless from lists"
        " order by instance, day"
    ):
        fault = _in_words(
            status,
            {"records": records, "before": before, "files": unreadable, "rows": nameless},
            min_share,
        )
        if fault:
            where = table.label if instance == "main" else f"{table.label} of {instance}"
            sentences.append(f"{where}: the snapshot of {day} {fault}")
    return sentences


def _in_words(status: str, counts: Mapping[str, int], min_share: float) -> str:
    if status == "empty":
        return "is empty; no record counts as removed"
    if status == "held":
        return (
            f"has {counts['records']:,} records after {counts['before']:,} (less than"
            f" {min_share:.0%}, var snapshot_min_share); no record counts as removed unless the"
            " next snapshot confirms it"
        )
    if status == "incomplete":
        faults = [
            f"{counts[name]:,} {text}"
            for name, text in (
                ("files", "unreadable file(s)"),
                ("rows", "row(s) of which the key cannot be read"),
            )
            if counts[name]
        ]
        return f"is not whole ({' and '.join(faults)}); no record counts as removed"
    if status == "late":
        return "came after a later one; it tells of no removals"
    return ""
