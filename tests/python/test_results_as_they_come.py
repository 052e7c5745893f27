"""A long run of tests that somebody ends by hand leaves what it has found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from orchestration.settings import PROJECT_DIR

ENDED_BY_HAND = """
import os
import signal

def test_sound(): pass
def test_broken(): assert "one" == "other"
def test_ended(): os.kill(os.getpid(), signal.SIGKILL)
"""


def test_each_result_is_stored_as_it_comes(tmp_path: Path) -> None:
    file, results = tmp_path / "test_of_a_kind.py", tmp_path / "results" / "results.xml"
    file.write_text(ENDED_BY_HAND)
    options = ["-n0", "-p", "conftest", "-c", PROJECT_DIR / "pyproject.toml"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--junitxml={results}", file],
        cwd=PROJECT_DIR,
        env={**os.environ, "PYTHONPATH": str(PROJECT_DIR / "tests" / "python")},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    assert [*results.parent.iterdir()] == [results.with_suffix(".txt")]
    lines = results.with_suffix(".txt").read_text().splitlines()
    told = [
        line.split()[0] for line in lines if line.split("::")[-1] in ("test_sound", "test_broken")
    ]
    assert told == ["passed", "failed"]
    assert any("'one' == 'other'" in line for line in lines)


def test_long_tests_are_run_that_way() -> None:
    recipe = (
        (PROJECT_DIR / "Makefile").read_text().partition("\ntest-long:")[2].partition("\n\n")[0]
    )
    assert "--junitxml=$(LONG)/results.xml" in recipe
    assert "mkdir" not in recipe
