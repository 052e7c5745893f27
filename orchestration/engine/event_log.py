"""Dagster's event log in SQLite, made fast enough for a range of hundreds of days in one run.

Dagster writes an event for every asset and day of a range. Its own SQLite log makes an engine,
compiles the statement and commits for each of them (about 15 ms; 540 days of ten assets take three
minutes). This one keeps its engines and writes the events of an asset in one transaction (0.3 ms).
The files are the same, so the Dagster UI reads them as ever.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorageTable, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, AssetEventTagsTable
from dagster._core.storage.sql import create_engine
from dagster._serdes import ConfigurableClassData
from sqlalchemy import select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.event import listen
from sqlalchemy.pool import QueuePool

# Dagster hands events over in batches only where this variable says so, in every process.
os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")

BUSY_TIMEOUT_SECONDS = 60
BATCHED = ASSET_EVENTS | ASSET_CHECK_EVENTS


def _wait_for_no_disk(connection: Any, _: Any) -> None:
    # With a write-ahead log, which Dagster's files have, a crash of the machine may lose the last
    # events and breaks nothing; waiting for the disk after each is a tenth of a run.
    connection.execute("pragma synchronous = normal")


class BatchedSqliteEventLog(SqliteEventLogStorage):
    """SQLite event log with engines that live as long as the process, and real batches."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._known: set[str] = set()
        super().__init__(base_dir=str(Path(base_dir) / "events"), inst_data=inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> BatchedSqliteEventLog:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engines.get(shard)
            if engine is None:
                engine = self._engines[shard] = create_engine(
                    self.conn_string_for_shard(shard),
                    poolclass=QueuePool,
                    connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
                )
                listen(engine, "connect", _wait_for_no_disk)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def delete_events(self, run_id: str) -> None:
        """Forgets a run, its file with it; which days are computed stays known."""
        events, tags, checks = (
            SqlEventLogStorageTable,
            AssetEventTagsTable,
            AssetCheckExecutionsTable,
        )
        # What has days, the states and the gap, is known by the events of these days.
        gone = (events.c.run_id == run_id) & events.c.partition.is_(None)
        with self.index_transaction() as connection:
            ids = select(events.c.id).where(gone)
            connection.execute(tags.delete().where(tags.c.event_id.in_(ids)))
            connection.execute(events.delete().where(gone))
            connection.execute(checks.delete().where(checks.c.run_id == run_id))
        with self._db_lock:
            if (engine := self._engines.pop(run_id, None)) is not None:
                engine.dispose()
            self._initialized_dbs.discard(run_id)
            for ending in ("", "-wal", "-shm"):
                Path(self.path_for_shard(run_id) + ending).unlink(missing_ok=True)

    def has_table(self, table_name: str) -> bool:
        """Asked for every event; a table that is there stays."""
        return self._is_known(table_name, super().has_table)

    def has_secondary_index(self, name: str) -> bool:
        """Asked for every event; a migration that is done stays so."""
        return self._is_known(name, super().has_secondary_index)

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        """Asked for every event; a column that is there stays."""
        look = super()._has_asset_key_col_on_connection
        return self._is_known(column_name, lambda name: look(conn, name))

    def _is_known(self, name: str, look: Callable[[str], bool]) -> bool:
        if name not in self._known and look(name):
            self._known.add(name)
        return name in self._known

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """One event says which days a run plans for an asset, not one a day.

        The price: days of a failed run show as missing in the UI, not as failed.
        """
        return True

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Stores events of assets and checks of one run, in a few transactions for all of them."""
        kinds = {event.dagster_event_type for event in events}
        if len({event.run_id for event in events}) > 1 or not kinds <= BATCHED:
            for event in events:
                self.store_event(event)
            return
        insert = SqlEventLogStorageTable.insert()
        rows = [self._event_to_row(event) for event in events]
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(insert, rows)
        with self.index_transaction() as connection:
            ids: list[int] = [
                connection.execute(insert, row).inserted_primary_key[0]  # type: ignore[index]
                for row in rows
            ]
            numbered = list(zip(events, ids, strict=True))
            of_assets = [pair for pair in numbered if pair[0].dagster_event_type in ASSET_EVENTS]
            # The table of assets holds what came last, so only the last event of a kind matters.
            last = {
                (event.get_dagster_event().asset_key, event.dagster_event_type): (event, event_id)
                for event, event_id in of_assets
            }
            for event, event_id in last.values():
                self._store_asset_event(connection, event, event_id)
            if of_assets:
                self._store_asset_event_tags(connection, *zip(*of_assets, strict=True))
        for event, event_id in numbered:
            if event.dagster_event_type in ASSET_CHECK_EVENTS:
                self.store_asset_check_event(event, event_id)
