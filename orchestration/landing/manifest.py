"""The manifest: which files were seen when, their delivery days, and which load took them.

What belongs here: the rows of `raw_landing.files` and `raw_landing.loads`, delivery days, and what
follows from them alone: the last complete day, tables that are waited for, first loads. What does
not: finding files (discovery.py), counts of a load (loading.py).
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from orchestration.engine.warehouse import Warehouse
from orchestration.landing.contract import Contract
from orchestration.landing.discovery import MAIN_INSTANCE, FoundFile, discover, hash_of

# Days running on which a table delivered before it is waited for: two are a habit, and a table that
# comes weekly or on working days keeps nobody waiting on most days that it skips.
HABIT_DAYS = 2

LiveSince = Mapping[tuple[str, str, str], date]


@dataclass(frozen=True)
class Entry:
    """A row of the manifest."""

    file: str
    source: str
    table: str
    instance: str
    delivery_day: date
    is_late: bool
    status: str
    size: int
    columns: Sequence[str] | None  # of the contract, that the file has
    content_hash: str | None = None
    written_ns: int | None = None
    is_lost: bool = False  # it has rows, all in quarantine
    read_as: str | None = None  # its mapping when it was taken; see FoundFile.read_as

    @property
    def owner(self) -> tuple[str, str, str]:
        return self.source, self.table, self.instance


def last_complete_day(
    landing_dir: Path,
    warehouse: Warehouse,
    now: datetime,
    contract: Contract,
    *,
    cutoff_hours: int,
) -> date | None:
    """The latest delivery day before the delivery day of `now`, which may still go on.

    The latest one at all if there is none before; None if nothing has landed. Writes nothing.
    """
    days = [day for _, day in _deliveries(landing_dir, warehouse, now, contract, cutoff_hours)]
    today = (utc(now) - timedelta(hours=cutoff_hours)).date()
    return max((day for day in days if day < today), default=max(days, default=None))


def awaited(
    landing_dir: Path,
    warehouse: Warehouse,
    day: date,
    now: datetime,
    contract: Contract,
    *,
    cutoff_hours: int,
    collected: Collection[str] = (),
) -> list[str]:
    """Tables that delivered on each of the `HABIT_DAYS` before the day, and not on it.

    As `source.table`, or `source@instance.table` of another organisation. collected: folders of the
    landing folder that nothing is put into but by the run itself. Writes nothing.
    """
    days: dict[tuple[str, str, str], set[date]] = {}
    for owner, delivered in _deliveries(landing_dir, warehouse, now, contract, cutoff_hours):
        days.setdefault(owner, set()).add(delivered)
    before = {day - timedelta(days=back) for back in range(1, HABIT_DAYS + 1)}
    return sorted(
        f"{source}.{table}" if instance == MAIN_INSTANCE else f"{source}@{instance}.{table}"
        for (source, table, instance), delivered in days.items()
        if before <= delivered
        and day not in delivered
        # A system that is mapped is the instance itself.
        and not {
            source if instance == MAIN_INSTANCE else f"{source}@{instance}",
            instance,
        }.intersection(collected)
    )


def _deliveries(
    landing_dir: Path, warehouse: Warehouse, now: datetime, contract: Contract, cutoff_hours: int
) -> Iterator[tuple[tuple[str, str, str], date]]:
    """Whose each file is and its delivery day, of those that are taken in and of those to come."""
    known = {entry.file: entry for entry in read_entries(warehouse)}
    yield from ((entry.owner, entry.delivery_day) for entry in known.values())
    last_published_day = published_until(warehouse)
    for file in discover(landing_dir, contract, [], utc(now)):
        if file.file not in known:
            day, _ = _delivery_day(file, utc(now), cutoff_hours, last_published_day)
            yield (file.source, file.table, file.instance), day


def read_live_since(path: Path) -> dict[tuple[str, str, str], date]:
    """The seed of days since when tables are live: source, table_name, instance, live_since.

    Raises ValueError naming the line that cannot be read. A missing file is an empty one.
    """
    days: dict[tuple[str, str, str], date] = {}
    if not path.exists():
        return days
    with path.open(newline="", encoding="utf-8-sig") as handle:
        for number, row in enumerate(csv.DictReader(handle), start=2):
            try:
                owner = row["source"], row["table_name"], row["instance"] or MAIN_INSTANCE
                days[owner] = date.fromisoformat(row["live_since"])
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"{path}, line {number}: wants source,table_name,instance,live_since with a"
                    f" date like 2026-01-31, got {dict(row)}"
                ) from error
    return days


def utc(moment: datetime) -> datetime:
    """A moment as a UTC timestamp without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def published_until(warehouse: Warehouse) -> date | None:
    """The last day that is published: what is delivered for it now comes too late.

    A day that was scored by a run that failed afterwards is computed again, so its own correction
    still counts for it.
    """
    if not warehouse.has_table("raw_landing", "plans"):
        return None
    day: date | None = warehouse.rows(
        "select max(end_date) from raw_landing.plans where published_at is not null"
    )[0][0]
    return day


def _delivery_day(
    file: FoundFile, first_seen: datetime, cutoff_hours: int, last_published_day: date | None
) -> tuple[date, bool]:
    """The delivery day of a new file, and whether it came too late for the day it was meant for."""
    day = file.folder_day or (first_seen - timedelta(hours=cutoff_hours)).date()
    if last_published_day and day <= last_published_day:
        return last_published_day + timedelta(days=1), True
    return day, False


def read_entries(warehouse: Warehouse) -> list[Entry]:
    """All rows of the manifest, by delivery day and file; none where there is no manifest yet."""
    if not warehouse.has_table("raw_landing", "files"):
        return []
    # The doctor reads warehouses of older versions too, and changes nothing.
    has_it = warehouse.rows(
        "select 1 from duckdb_columns() where database_name = current_database()"
        " and schema_name = 'raw_landing' and table_name = 'files' and column_name = 'read_as'"
    )
    read_as = "read_as" if has_it else "null"
    rows = warehouse.rows(
        "select file, source, table_name, instance, delivery_day, is_late, status, size_bytes,"
        " columns, content_hash, written_ns, coalesce(delivered > 0 and quarantined = delivered,"
        f" false) as is_lost, {read_as} from raw_landing.files order by delivery_day, file"
    )
    return [Entry(*row) for row in rows]


def register(
    warehouse: Warehouse,
    found: Mapping[str, FoundFile],
    now: datetime,
    cutoff_hours: int,
    last_published_day: date | None,
) -> list[Entry]:
    """Writes new files to the manifest, which fixes their delivery day; returns all of it."""
    known = {entry.file for entry in read_entries(warehouse)}
    new = [file for file in found.values() if file.file not in known]
    if new:
        days = [_delivery_day(file, now, cutoff_hours, last_published_day) for file in new]
        rows = pa.table(
            {
                "file": [file.file for file in new],
                "source": [file.source for file in new],
                "table_name": [file.table for file in new],
                "instance": [file.instance for file in new],
                "delivery_day": [day for day, _ in days],
                "first_seen_at": [now] * len(new),
                "is_late": [is_late for _, is_late in days],
                "status": ["pending"] * len(new),
                "size_bytes": [file.size for file in new],
            }
        )
        with warehouse.transaction():
            warehouse.append("raw_landing.files", rows)
    return read_entries(warehouse)


def changed(
    warehouse: Warehouse, entries: Sequence[Entry], found: Mapping[str, FoundFile]
) -> list[str]:
    """Sentences on files whose content is no longer what was taken.

    Size and time only say whether to look: a file that was copied or touched is the same.
    """
    sentences, same = [], []
    for entry in entries:
        file = found.get(entry.file)
        if not file or entry.status != "loaded":
            continue
        now = f"{entry.size} bytes then, {file.size} now"
        if file.size == entry.size:
            if not entry.content_hash or file.written_ns == entry.written_ns:
                continue
            try:
                content = hash_of(file.path)
            except OSError:
                continue
            if content == entry.content_hash:
                same.append((entry.file, file.written_ns))
                continue
            now = f"other content of the same {file.size} bytes"
        sentences.append(
            f"{entry.file} changed after it was taken ({now}); files are only ever added: deliver"
            " the rows again in a new file"
        )
    if same:
        touched = pa.table(
            {"file": [file for file, _ in same], "written_ns": [when for _, when in same]}
        )
        warehouse.connection.register("_touched", touched)
        warehouse.execute(
            "update raw_landing.files set written_ns = _touched.written_ns from _touched"
            " where files.file = _touched.file"
        )
        warehouse.connection.unregister("_touched")
    return sentences


def first_days(entries: Sequence[Entry], live_since: LiveSince) -> dict[tuple[str, str, str], date]:
    """The day up to which deliveries are a table's first load, per instance.

    A day set by a person, else the earliest day taken, else the earliest day known.
    """
    days: dict[tuple[str, str, str], date] = {}
    for status in ("loaded", "pending", "unreadable"):
        earliest: dict[tuple[str, str, str], date] = {}
        for entry in entries:
            if entry.status == status:
                day = earliest.get(entry.owner, entry.delivery_day)
                earliest[entry.owner] = min(day, entry.delivery_day)
        days = earliest | days
    return days | dict(live_since)


def start_load(warehouse: Warehouse, end_date: date, now: datetime) -> int:
    """The number of this load: that of one that was interrupted and goes on, else a new one."""
    open_load, last_load = warehouse.rows(
        "select max(load_id) filter (not is_finished), max(load_id) from raw_landing.loads"
    )[0]
    if open_load is not None:
        return int(open_load)
    load_id = int(last_load or 0) + 1
    warehouse.execute(
        "insert into raw_landing.loads values (?, ?, ?, false)", [load_id, end_date, utc(now)]
    )
    return load_id
