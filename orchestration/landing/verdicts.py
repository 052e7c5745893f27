"""Verdicts on rows whose key repeats: accepted, duplicate or conflicting, and which version.

What belongs here: what the version of a row is, and how rows of one key are weighed. What does not:
rows that cannot be taken (files.py, identities.py), which records a full list lacks (presence.py).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from orchestration.engine.warehouse import Warehouse, quoted
from orchestration.landing.contract import Table
from orchestration.landing.files import content_hash


def version_at(table: Table, relation: str = "") -> str:
    """SQL of the version of a row: its modification time, else the start of its delivery day.

    Tools that copy rows mark one as deleted without touching its modification time. That is a
    version of its own, of when it was copied.

    relation: the name that the columns stand behind, if any.
    """
    behind = f"{relation}." if relation else ""
    stamps = [behind + quoted(name) for name in table.version]
    if table.is_always_stamped:
        return stamps[0]
    seen = f"cast({behind}_delivery_day as timestamp)"
    version = f"coalesce({', '.join([*stamps, seen])})"
    if not table.deletions:
        return version
    copied = ", ".join([*(behind + quoted(name) for name in sorted(table.syncs)), seen])
    return (
        f"case when {_is_marked_deleted(table, behind)}"
        f" then greatest({version}, coalesce({copied})) else {version} end"
    )


def _is_only_seen(table: Table) -> str:
    """SQL of whether the version of a row says when the row was seen, not when the record changed.

    So it is where the first column filled is a sync stamp, where none is, and of a row that the
    copying tool marks as deleted.
    """
    if table.is_always_stamped:
        return "false"
    cases = [
        f"when {quoted(name)} is not null then {str(name in table.syncs).lower()}"
        for name in table.version
    ]
    if table.deletions:
        cases.insert(0, f"when {_is_marked_deleted(table)} then true")
    return f"case {' '.join(cases)} else true end" if cases else "true"


def _is_marked_deleted(table: Table, behind: str = "") -> str:
    """SQL of whether the copying tool marks a row as deleted; null counts as no."""
    return " or ".join(f"coalesce({behind}{quoted(name)}, false)" for name in table.deletions)


def judge(warehouse: Warehouse, table: Table) -> None:
    """Fills the temporary table `verdicts`: status and version number of rows whose key repeats.

    Columns: file_number, row_number, status, version_number (accepted rows only). A good row that
    is not in it is the first and only one of its key: accepted, version 1.

    A row with a modification time: of the rows of one time the first stands (one that was taken
    earlier, else by delivery day and content hash); the same content again is a duplicate, other
    content is conflicting. A row that was only seen (see `_is_only_seen`) is a duplicate if the
    record had this content when it was last delivered, and a new version if not; of several on one
    day with one version the first by content hash stands. What comes later never enters: judged
    day by day or all at once, a row gets the same verdict.
    """
    keys = ["_instance", *(quoted(name) for name in table.key)]
    key_list = ", ".join(keys)

    def same_key(left: str, right: str) -> str:
        return " and ".join(f"{left}.{key} is not distinct from {right}.{key}" for key in keys)

    warehouse.execute(
        "create or replace temp table verdicts"
        " (file_number integer, row_number bigint, status varchar, version_number bigint)"
    )
    if not warehouse.rows("select 1 from staged where _reason is null limit 1"):
        return
    within = _touched_months(warehouse, table)
    # Where the month is part of the record, its earlier versions lie in the same months.
    anywhere = within if table.is_immutable or table.month in table.key else "true"
    warehouse.execute(
        f"""
        create or replace temp table earlier as
        select {key_list}, max(_version_number) as _last_number
        from {table.raw_table} as taken
        semi join (select {key_list} from staged where _reason is null) as new
            on {same_key("new", "taken")}
        where _status = 'accepted' and {anywhere}
        group by {key_list}
        """
    )
    [(contested,)] = warehouse.rows(
        f"""
        create or replace temp table contested as
        select {key_list} from staged where _reason is null
        group by {key_list} having count(*) > 1
        union
        select {key_list} from earlier
        """
    )
    if not contested:
        return
    warehouse.execute(
        f"""
        insert into verdicts
        with
        lineup as (
            select
                0 as _origin, {key_list}, _version_at,
                {_is_only_seen(table)} as _is_only_seen,
                _delivery_day, {content_hash(table)} as _content_hash,
                null as _file_number, null as _row_number
            from {table.raw_table} as taken
            semi join earlier on {same_key("earlier", "taken")}
            where _status = 'accepted' and {within}
            union all
            select
                1, {key_list}, {version_at(table)}, {_is_only_seen(table)},
                _delivery_day, {content_hash(table)}, _file_number, _row_number
            from staged
            semi join contested on {same_key("contested", "staged")}
            where _reason is null
        ),
        placed as (
            select
                *,
                row_number() over one_version as _place,
                first_value(_content_hash) over one_version as _standing
            from lineup
            window one_version as (
                partition by
                    {key_list}, _version_at, case when _is_only_seen then _delivery_day end
                order by _origin, _delivery_day, _content_hash, _file_number, _row_number
            )
        ),
        {_judged(table, key_list, same_key)}
        select
            _file_number, _row_number, _verdict,
            case when _verdict = 'accepted' then
                coalesce(earlier._last_number, 0) + row_number() over (
                    partition by {", ".join(f"judged.{key}" for key in keys)}, _verdict
                    order by judged._delivery_day, _version_at, judged._content_hash
                )
            end
        from judged
        left join earlier on {same_key("judged", "earlier")}
        """
    )


def _judged(table: Table, key_list: str, same_key: Callable[[str, str], str]) -> str:
    """SQL of the CTE `judged` over `placed`: the new rows with their status."""
    by_place = """
        when _place = 1 then 'accepted'
        when placed._content_hash = _standing then 'duplicate'
        else 'conflicting'
    """
    if table.is_always_stamped:
        verdict = f"case {by_place} end as _verdict"
        return f"judged as (select *, {verdict} from placed where _origin = 1)"
    # A modification time that says the same moment is the better witness of the two.
    is_beaten = f"""
        _is_only_seen and coalesce(
            _delivery_day >= min(_delivery_day) filter (where not _is_only_seen)
                over (partition by {key_list}, _version_at),
            false
        )
    """
    return f"""
        weighed as (
            select *, {is_beaten if table.version else "false"} as _is_beaten from placed
        ),
        last_seen as (
            select
                {key_list}, _version_at, _delivery_day, _is_only_seen,
                lag(_content_hash) over (
                    partition by {key_list} order by _delivery_day, _version_at
                ) as _content
            from weighed
            where _place = 1 and not _is_beaten
        ),
        judged as (
            select
                placed.*,
                case
                    when placed._content_hash = last_seen._content then 'duplicate'
                    when _is_beaten then 'conflicting'
                    {by_place}
                end as _verdict
            from weighed as placed
            left join last_seen
                on placed._is_only_seen
                and last_seen._is_only_seen
                and placed._version_at = last_seen._version_at
                and placed._delivery_day = last_seen._delivery_day
                and {same_key("placed", "last_seen")}
            where _origin = 1
        )
    """


def _touched_months(warehouse: Warehouse, table: Table) -> str:
    """A condition on a raw table's month column: the months of the staged rows, as ranges."""
    if table.month is None:
        return "true"
    month = quoted(table.month)
    months = [
        row[0]
        for row in warehouse.rows(
            f"select distinct date_trunc('month', {month})::date as month from staged"
            f" where _reason is null order by month"
        )
    ]
    ranges: list[list[date]] = []
    for first in months:
        after = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        if ranges and ranges[-1][1] == first:
            ranges[-1][1] = after
        else:
            ranges.append([first, after])
    touched = " or ".join(
        f"({month} >= date '{start}' and {month} < date '{end}')" for start, end in ranges
    )
    return f"({touched})" if touched else "false"
