"""A landing folder with a warehouse in memory, for the tests of ingestion."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.engine.warehouse import Warehouse
from orchestration.landing.contract import Contract
from orchestration.landing.ingest import IngestReport, ingest

NOW = datetime(2026, 6, 30, 13, tzinfo=UTC)
END = date(2026, 6, 30)


class Landed:
    """A landing folder with a warehouse in memory."""

    def __init__(self, folder: Path, contract: Contract) -> None:
        self.folder = folder
        self.contract = contract
        self.warehouse = Warehouse(duckdb.connect())
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, file: str, content: str | bytes = b"") -> Path:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(data) if file.endswith(".gz") and data else data)
        return path

    def parquet(self, file: str, columns: dict[str, Any]) -> None:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path)

    def ingest(self, end: date = END, now: datetime = NOW, **options: Any) -> IngestReport:
        report = ingest(
            self.warehouse, self.folder, end, now, self.contract, cutoff_hours=12, **options
        )
        self.reconcile()
        return report

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.warehouse.rows(sql)

    def accounts(self, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        return self.rows(f"select {columns} from raw_salesforce.account where {where} order by all")

    def verdicts(self) -> list[tuple[Any, ...]]:
        """Accepted, duplicate and conflicting rows of each file, by delivery day and file."""
        return self.rows(
            "select accepted, duplicate, conflicting from raw_landing.files"
            " order by delivery_day, file"
        )

    def reconcile(self) -> None:
        """Every file's counts add up, and are what the raw tables and the quarantine hold."""
        for file, source, name, status, *counts in self.rows(
            "select file, source, table_name, status, delivered, accepted, duplicate, conflicting,"
            " quarantined, left_out from raw_landing.files"
        ):
            if status == "pending":
                assert counts == [None] * 6
                continue
            delivered, accepted, duplicate, conflicting, quarantined, left_out = counts
            taken_off = duplicate + quarantined + left_out
            assert delivered == accepted + conflicting + taken_off
            held = {"accepted": accepted, "conflicting": conflicting}  # duplicates are not kept
            found = dict(
                self.warehouse.connection.execute(
                    f"select _status, count(*) from raw_{source}.{name} where _file = ? group by 1",
                    [file],
                ).fetchall()
            )
            assert found == {status: count for status, count in held.items() if count}
            in_quarantine = self.warehouse.connection.execute(
                "select count(*) from raw_landing.quarantine where file = ?", [file]
            ).fetchall()
            assert in_quarantine == [(quarantined,)]


def lines(*rows: str) -> str:
    return "".join(row + "\n" for row in rows)
