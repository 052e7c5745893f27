"""dbt in a process of its own: it builds, says what is wrong, and ends with who started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from orchestration.settings import PROJECT_DIR

SEED = "seed.activation_gap.activity_types"
ASK = f"""
import sys
from orchestration.engine import dbt_process
from orchestration.settings import load_settings

settings = load_settings()
dbt_process.prepare(settings)
for result in dbt_process.build(settings, ["{SEED}"], {{}}):
    print(result.name, result.status)
try:
    [*dbt_process.build(settings, ["model.activation_gap.gone"], {{}})]
except dbt_process.DbtError as error:
    print("error:", error)
print("again:", [result.status for result in dbt_process.build(settings, ["{SEED}"], {{}})])
print("pid:", dbt_process._process()._process.pid, flush=True)
sys.stdin.readline()
try:
    [*dbt_process.build(settings, ["{SEED}"], {{}})]
except dbt_process.DbtError as error:
    print("error:", error)
"""


@pytest.fixture
def asker(tmp_path: Path) -> subprocess.Popen[str]:
    environment = {
        "LANDING_DIR": str(tmp_path / "landing"),
        "WAREHOUSE_PATH": str(tmp_path / "warehouse.duckdb"),
        "PUBLISHED_DIR": str(tmp_path / "published"),
        "PYTHONPATH": str(PROJECT_DIR),
    }
    return subprocess.Popen(
        [sys.executable, "-c", ASK],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_it_builds_goes_on_after_an_error_and_ends_with_its_parent(
    asker: subprocess.Popen[str], tmp_path: Path
) -> None:
    said, pid = _until_ready(asker)
    assert said[0] == "activity_types success"
    assert said[1].startswith("error: model.activation_gap.gone is no longer in the project.")
    assert said[2] == "again: ['success']"

    asker.kill()
    asker.wait()
    deadline = time.monotonic() + 5
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(pid)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        [(rows,)] = connection.sql("select count(*) from seeds.activity_types").fetchall()
    assert rows > 0


def test_it_is_said_when_dbt_is_ended_by_somebody(asker: subprocess.Popen[str]) -> None:
    _, pid = _until_ready(asker)
    os.kill(pid, signal.SIGKILL)
    out, _ = asker.communicate("go on\n", timeout=30)
    assert "The process of dbt ended too early (exit code -9)" in out
    assert asker.returncode == 0


def _until_ready(asker: subprocess.Popen[str]) -> tuple[list[str], int]:
    """What it has said, and the number of its dbt process, which runs."""
    assert asker.stdout is not None
    said: list[str] = []
    for line in asker.stdout:
        if line.startswith("pid: "):
            pid = int(line.removeprefix("pid: "))
            assert _runs(pid)
            return said, pid
        said.append(line.strip())
    raise AssertionError(said)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that has ended stays in the table until its parent asks; nobody may have adopted it.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
