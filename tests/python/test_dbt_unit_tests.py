"""Runs the dbt unit tests of the models, in a warehouse with every relation and not one row.

The daily job leaves them out (they test the code, which does not change between two days), so they
run here. dbt takes the types of their inputs from built relations, hence the empty warehouse; that
it can be built at all, and passes the singular tests, is tested on the way.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from orchestration import score_store
from orchestration.contract import load_contract
from orchestration.landing import ingest
from orchestration.settings import MODELS_DIR, NO_TRACKING, PROJECT_DIR
from orchestration.warehouse import connect


def test_dbt_unit_tests(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    path = tmp_path / "warehouse.duckdb"
    with connect(path) as warehouse:
        ingest(
            warehouse,
            landing,
            date(2026, 3, 31),
            datetime(2026, 4, 1, tzinfo=UTC),
            load_contract(MODELS_DIR),
            cutoff_hours=12,
        )
        score_store.prepare(warehouse)

    environment = {
        **os.environ,
        **NO_TRACKING,
        "WAREHOUSE_PATH": str(path),
        "DBT_PROFILES_DIR": str(PROJECT_DIR / "profiles"),
        "START_DATE": "2026-03-31",
        "REPLAY_START_DATE": "2026-03-31",
        "END_DATE": "2026-03-31",
    }
    for command in (
        ["build", "--exclude", "resource_type:unit_test", "resource_type:test"],
        ["test", "--select", "test_type:unit", "test_type:singular"],
    ):
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("dbt")),
                "--quiet",
                *command,
                "--target-path",
                str(tmp_path / "target"),
                "--log-path",
                str(tmp_path),
            ],
            cwd=PROJECT_DIR,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"dbt {' '.join(command)}\n{done.stdout}{done.stderr}"
