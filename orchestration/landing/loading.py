"""Takes in one table: its files are read, judged and appended in one transaction.

What belongs here: the order of these steps, the counts of each file, appending to the raw table,
the quarantine and the manifest. What does not: each step by itself (files.py, identities.py,
verdicts.py, presence.py), and which files are taken (ingest.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from orchestration.engine.warehouse import Warehouse, quoted
from orchestration.landing import flags, identities, manifest, messages, presence, verdicts
from orchestration.landing.contract import REGISTRABLE_SUFFIX, Table
from orchestration.landing.discovery import FoundFile, hash_of, moves
from orchestration.landing.files import FileToRead, Outcome, stage, unstage
from orchestration.landing.identities import registrable_domain
from orchestration.landing.manifest import Entry, LiveSince
from orchestration.landing.presence import Snapshots

TABLES_AT_A_TIME = 2  # two processors are in every machine

TableLoad = tuple[Table, Sequence[tuple[Entry, FoundFile]], Sequence[Entry]]


def load_all(
    warehouse: Warehouse,
    loads: Sequence[TableLoad],
    live_since: LiveSince,
    snapshots: Snapshots,
    flag_words: Sequence[str],
    load_id: int,
) -> tuple[list[str], list[tuple[Table, Exception]]]:
    """Loads tables, some at a time; gives the problems and what failed, in the order of the tables.

    Much of a table's load is many small statements, each of which keeps one processor busy. A table
    that fails leaves the others to be loaded and told.
    """

    def load(one: TableLoad) -> list[str]:
        with warehouse.another() as mine:
            return _load(mine, *one, live_since, snapshots, flag_words, load_id)

    def size(number: int) -> int:
        return sum(file.size for _, file in loads[number][1])

    with ThreadPoolExecutor(TABLES_AT_A_TIME) as threads:
        # The largest first, so that no thread is left alone with it at the end.
        largest_first = sorted(range(len(loads)), key=size, reverse=True)
        started = {number: threads.submit(load, loads[number]) for number in largest_first}
        problems, failures = [], []
        for number in sorted(started):
            try:
                problems += started[number].result()
            except Exception as error:  # it is raised when the others have ended
                failures.append((loads[number][0], error))
        return problems, failures


def _load(
    warehouse: Warehouse,
    table: Table,
    files: Sequence[tuple[Entry, FoundFile]],
    entries: Sequence[Entry],
    live_since: LiveSince,
    snapshots: Snapshots,
    flag_words: Sequence[str],
    load_id: int,
) -> list[str]:
    """Reads files of a table and appends their rows, with the manifest, in one transaction.

    entries: all that the manifest has of the table. Gives what is wrong with the files, in words.
    """
    problems: list[str] = []
    outcome = stage(
        warehouse,
        table,
        [
            FileToRead(
                number=number,
                path=file.path,
                format=file.format,
                instance=entry.instance,
                delivery_day=entry.delivery_day.isoformat(),
                mapping=file.mapping,
            )
            for number, (entry, file) in enumerate(files)
        ],
    )
    hashes = _settled(warehouse, files, outcome)
    known_columns: dict[str, set[str]] = {}
    for entry in entries:
        known_columns.setdefault(entry.instance, set()).update(entry.columns or ())
    messages.tell(table, files, outcome, known_columns, problems)
    told = {files[number][0].file for number in outcome.faults}
    # What still cannot be read stays as it stands in the manifest.
    again = [number for number in outcome.unreadable if files[number][0].status == "unreadable"]
    if again:
        numbers = ", ".join(map(str, again))
        warehouse.execute(f"delete from staged_files where file_number in ({numbers})")
    taken = [
        number
        for number in range(len(files))
        if number not in outcome.postponed and number not in again
    ]
    if not taken:
        return problems
    # A first delivery that nobody can read is none: the next one is the first load then.
    unread = {files[number][0].file for number in (*outcome.unreadable, *outcome.postponed)}
    first_days = manifest.first_days(
        [entry for entry in entries if entry.file not in unread], live_since
    )
    warehouse.connection.register(
        "_batch",
        pa.table(
            {
                "file_number": pa.array(taken, pa.int32()),
                "file": [files[number][0].file for number in taken],
                "is_first_load": [
                    number not in outcome.unreadable
                    and files[number][0].delivery_day <= first_days[files[number][0].owner]
                    for number in taken
                ],
                "delivery_day": [files[number][0].delivery_day for number in taken],
                "is_late": [files[number][0].is_late for number in taken],
                "size_bytes": [files[number][1].size for number in taken],
                "content_hash": pa.array([hashes.get(number) for number in taken], pa.string()),
                "written_ns": [files[number][1].written_ns for number in taken],
                "read_as": pa.array([files[number][1].read_as for number in taken], pa.string()),
                "reason": pa.array(
                    [
                        outcome.unreadable.get(number) or outcome.faults.get(number)
                        for number in taken
                    ],
                    pa.string(),
                ),
                "rows_before": [outcome.rows_before.get(number, 0) for number in taken],
                "is_unreadable": [number in outcome.unreadable for number in taken],
                "columns": pa.array(
                    [outcome.columns.get(number) for number in taken], pa.list_(pa.string())
                ),
            }
        ),
    )
    try:
        identities.normalise(warehouse, table)
        if table.hosts:
            _resolve_hosts(warehouse, table)
        verdicts.judge(warehouse, table)
        _summarise(warehouse)
        with warehouse.transaction():
            flags.keep(warehouse, table, flag_words)
            if snapshots.covers(table):
                problems += presence.take(warehouse, table, snapshots, load_id)
            lost = _append(warehouse, table, load_id)
            identities.note(warehouse)
        problems += [
            f"{file}: all its rows ({rows:,}) are in quarantine"
            for file, rows in lost
            if file not in told
        ]
        problems += messages.conflicts(warehouse, table)
    finally:
        warehouse.connection.unregister("_batch")
        for name in ("staged", "staged_lines", "staged_files", "staged_left_out", "verdicts"):
            warehouse.execute(f"drop table if exists temp.{name}")
    return problems


def _settled(
    warehouse: Warehouse, files: Sequence[tuple[Entry, FoundFile]], outcome: Outcome
) -> dict[int, str]:
    """Hashes of the files as they were read. One that was written to meanwhile is postponed."""
    hashes = {}
    for number, (_, file) in enumerate(files):
        if number in outcome.postponed:
            continue
        try:
            hashes[number] = hash_of(file.path)
            fault = "it is still being written" if moves(file) else ""
        except OSError as error:
            fault = error.strerror or "it is gone"
        if fault:
            unstage(warehouse, [number])
            for noted in (outcome.unreadable, outcome.faults, outcome.columns, hashes):
                noted.pop(number, None)
            outcome.postponed[number] = fault
    return hashes


def _resolve_hosts(warehouse: Warehouse, table: Table) -> None:
    """Fills the temporary table `staged_hosts` (host, registrable) for the hosts of the load."""
    parts = " union all ".join(
        f"select {quoted('_host_' + name)} as host from staged" for name in table.hosts
    )
    found = warehouse.rows(f"select distinct host from ({parts}) where host <> ''")
    pairs = [(host, registrable_domain(host)) for (host,) in found]
    warehouse.connection.register(
        "_hosts",
        pa.table(
            {
                "host": pa.array([host for host, _ in pairs], pa.string()),
                "registrable": pa.array([domain for _, domain in pairs], pa.string()),
            }
        ),
    )
    warehouse.execute("create or replace temp table staged_hosts as select * from _hosts")
    warehouse.connection.unregister("_hosts")


def _summarise(warehouse: Warehouse) -> None:
    """Fills the temporary table `staged_counts`: a row per file of the batch with its counts."""
    warehouse.execute(
        """
        create or replace temp table staged_counts as
        with rows as (
            select
                _file_number as file_number,
                count(*) as delivered,
                count(*) filter (_reason is not null) as quarantined
            from staged
            group by _file_number
        ),
        lines as (select file_number, count(*) as malformed from staged_lines group by file_number),
        repeats as (
            select
                file_number,
                count(*) filter (status = 'duplicate') as duplicate,
                count(*) filter (status = 'conflicting') as conflicting
            from verdicts
            group by file_number
        )
        select
            batch.*,
            coalesce(rows.delivered, 0) + coalesce(malformed, 0) + coalesce(left_out, 0)
                as delivered,
            coalesce(left_out, 0) as left_out,
            coalesce(rows.quarantined, 0) + coalesce(malformed, 0) as quarantined,
            coalesce(duplicate, 0) as duplicate,
            coalesce(conflicting, 0) as conflicting,
            coalesce(rows.delivered, 0) - coalesce(rows.quarantined, 0)
                - coalesce(duplicate, 0) - coalesce(conflicting, 0) as accepted
        from _batch as batch
        left join rows using (file_number)
        left join lines using (file_number)
        left join repeats using (file_number)
        left join staged_left_out using (file_number)
        """
    )


def _append(warehouse: Warehouse, table: Table, load_id: int) -> list[tuple[str, int]]:
    """Appends the load to the raw table, the quarantine and the manifest.

    Returns the files of which every row is in quarantine, with the number of rows.

    Duplicates are counted and not kept: what they say is in the row that they repeat, and a full
    export each day would make the table grow without end.
    Raises RuntimeError, before anything is committed, if a row got lost or was counted twice.
    """
    names = [quoted(column.name) for column in table.columns]
    hosts = [
        f"host_{place}.registrable as {quoted(name + REGISTRABLE_SUFFIX)}"
        for place, name in enumerate(table.hosts)
    ]
    host_joins = "\n".join(
        f"left join staged_hosts as host_{place}"
        f" on host_{place}.host = staged.{quoted('_host_' + name)}"
        for place, name in enumerate(table.hosts)
    )
    [(appended,)] = warehouse.rows(
        f"""
        insert into {table.raw_table} by name
        select
            {", ".join(["staged." + name for name in names] + hosts)},
            staged._instance,
            staged._delivery_day,
            counts.is_first_load as _is_first_load,
            counts.file as _file,
            staged._row_number - counts.rows_before as _row,
            ? as _load_id,
            coalesce(verdicts.status, 'accepted') as _status,
            {verdicts.version_at(table, "staged")} as _version_at,
            case when verdicts.status is null then 1 else verdicts.version_number end
                as _version_number,
            staged._extra
        from staged
        inner join staged_counts as counts on staged._file_number = counts.file_number
        left join verdicts
            on
                staged._file_number = verdicts.file_number
                and staged._row_number = verdicts.row_number
        {host_joins}
        where staged._reason is null and verdicts.status is distinct from 'duplicate'
        """,
        [load_id],
    )
    [(good, bad, lost)] = warehouse.rows(
        "select sum(accepted + conflicting), sum(quarantined),"
        " list((file, quarantined) order by file)"
        " filter (quarantined = delivered and delivered > 0)"
        " from staged_counts"
    )
    quarantined = _append_quarantine(warehouse, load_id) if bad else 0
    if (appended, quarantined) != (good, bad):
        raise RuntimeError(
            f"{table.label}: {appended} rows appended and {quarantined} put in quarantine, where"
            f" {good} and {bad} were counted; nothing of this table was taken"
        )
    warehouse.execute(
        """
        update raw_landing.files set
            delivery_day = done.delivery_day,
            is_late = done.is_late,
            is_first_load = done.is_first_load,
            status = case when done.is_unreadable then 'unreadable' else 'loaded' end,
            load_id = done.load_id,
            delivered = done.delivered,
            accepted = done.accepted,
            duplicate = done.duplicate,
            conflicting = done.conflicting,
            quarantined = done.quarantined,
            left_out = done.left_out,
            reason = done.reason,
            size_bytes = done.size_bytes,
            content_hash = done.content_hash,
            written_ns = done.written_ns,
            read_as = done.read_as,
            columns = done.columns
        from (select *, ? as load_id from staged_counts) as done
        where files.file = done.file
        """,
        [load_id],
    )
    return lost or []


def _append_quarantine(warehouse: Warehouse, load_id: int) -> int:
    """Appends what is wrong to the quarantine; returns how many rows that were."""
    [(quarantined,)] = warehouse.rows(
        """
        insert into raw_landing.quarantine by name
        with faults as (
            select
                _file_number as file_number, _row_number as row_number,
                _column_name as column_name, _cause as cause, _reason as reason,
                _row_json as row_json, true as is_row
            from staged
            where _reason is not null
            union all
            select
                file_number, row_number, null as column_name, cause, reason, row_json,
                false as is_row
            from staged_lines
        )
        select
            files.source,
            files.table_name,
            files.instance,
            files.file,
            case when is_row then row_number - counts.rows_before else row_number end as row_number,
            faults.column_name,
            faults.cause,
            faults.reason,
            faults.row_json,
            counts.delivery_day,
            ? as load_id
        from faults
        inner join staged_counts as counts using (file_number)
        inner join raw_landing.files as files on files.file = counts.file
        """,
        [load_id],
    )
    return int(quarantined)
