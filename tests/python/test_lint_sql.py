"""A kept pass of the SQL linter never hides a fault, and is not linted again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestration.settings import PROJECT_DIR
from tools import lint_sql

CONFIG = """[sqlfluff]
dialect = duckdb
templater = jinja
rules = CP01
[sqlfluff:templater:jinja]
library_path = macros/lint
[sqlfluff:rules:capitalisation.keywords]
capitalisation_policy = lower
"""
SOUND = "select {{ one() }} as one\n"
FAULTY = "SELECT 1 as one\n"

Lint = Callable[[], tuple[int, int, str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two sound SQL files, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    for name, text in {
        ".sqlfluff": CONFIG,
        "dbt_project.yml": "vars: {}\n",
        "macros/lint/__init__.py": "def one():\n    return '1'\n",
        "models/first.sql": SOUND,
        "models/deep/second.sql": SOUND,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def lint(project: Path, capsys: pytest.CaptureFixture[str]) -> Lint:
    """Lints the folder: exit code, how many files were left out, all that was printed."""

    def run() -> tuple[int, int, str]:
        code = lint_sql.main(["models", "--processes=1"])
        out = capsys.readouterr().out
        (left_out,) = re.findall(r"^(\d+) of \d+ SQL files passed before", out, re.MULTILINE)
        return code, int(left_out), out

    return run


def test_what_passed_is_not_linted_again(lint: Lint, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lint()[:2] == (0, 0)
    monkeypatch.delattr(lint_sql, "get_linter_and_formatter")
    assert lint()[:2] == (0, 2)


def test_a_fault_is_found_until_it_is_mended(lint: Lint, project: Path) -> None:
    (project / "models" / "first.sql").write_text(FAULTY)
    assert lint()[0] == 1
    for _ in range(2):
        code, left_out, out = lint()
        assert (code, left_out) == (1, 1)
        assert "[models/first.sql] FAIL" in out
        assert "CP01" in out
    (project / "models" / "first.sql").write_text(SOUND)
    assert lint()[:2] == (0, 1)


def test_a_fault_that_is_put_into_what_passed_is_found(lint: Lint, project: Path) -> None:
    assert lint()[0] == 0
    (project / "models" / "deep" / "second.sql").write_text(FAULTY)
    assert lint()[:2] == (1, 1)


UPPER = "[sqlfluff:rules:capitalisation.keywords]\ncapitalisation_policy = upper\n"


@pytest.mark.parametrize(
    ("file", "text", "left_out", "code"),
    [
        (".sqlfluff", CONFIG.replace("= lower", "= upper"), 0, 1),
        ("models/deep/.sqlfluff", UPPER, 1, 1),
        ("pyproject.toml", "[tool.sqlfluff.core]\nmax_line_length = 90\n", 0, 0),
        ("macros/lint/__init__.py", "def another():\n    return '1'\n", 0, 1),
        ("macros/numbers.sql", "{% macro one() %} 1 {% endmacro %}\n", 0, 0),
        ("dbt_project.yml", "vars: {one: 1}\n", 0, 0),
    ],
)
def test_a_change_around_a_file_lints_it_again(
    file: str, text: str, left_out: int, code: int, lint: Lint, project: Path
) -> None:
    """left_out: files that the change does not reach. code: 1 where the change makes faults."""
    assert lint()[0] == 0
    assert lint()[1] == 2
    (project / file).write_text(text)
    assert lint()[:2] == (code, left_out)


def test_going_back_to_another_branch_lints_nothing_again(lint: Lint, project: Path) -> None:
    """Here the branches differ in a macro; the last three are remembered, as they were used."""
    macro = project / "macros" / "one.sql"
    for text in ("first", "second", "third"):
        macro.write_text(text)
        assert lint()[:2] == (0, 0)
    macro.write_text("first")
    assert lint()[:2] == (0, 2)
    macro.write_text("fourth")
    assert lint()[:2] == (0, 0)
    for text in ("third", "first"):
        macro.write_text(text)
        assert lint()[:2] == (0, 2)
    assert {len(keys) for keys in lint_sql._read_cache().values()} == {3}


def test_a_path_without_sql_is_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "README.md").write_text("words")
    (project / "empty").mkdir()
    for path in ("README.md", "empty"):
        assert lint_sql.main(["models", path, "--processes=1"]) == 2
        assert f"{path} is no SQL file and holds none" in capsys.readouterr().err


def test_another_version_of_a_package_lints_all_again(
    lint: Lint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lint()[0] == 0
    other = [*lint_sql.distributions(), SimpleNamespace(name="another", version="1.0")]
    monkeypatch.setattr(lint_sql, "distributions", lambda: other)
    assert lint()[:2] == (0, 0)


def test_a_warning_is_shown_every_time(lint: Lint, project: Path) -> None:
    (project / ".sqlfluff").write_text(CONFIG.replace("rules = CP01", "warnings = CP01"))
    (project / "models" / "first.sql").write_text(FAULTY)
    for left_out in (0, 1):
        code, number, out = lint()
        assert (code, number) == (0, left_out)
        assert "CP01" in out


def test_a_file_that_sqlfluff_skips_has_not_passed(lint: Lint, project: Path) -> None:
    (project / ".sqlfluff").write_text(
        CONFIG.replace("rules = CP01", "rules = CP01\nlarge_file_skip_byte_limit = 40")
    )
    (project / "models" / "first.sql").write_text(f"{SOUND}-- {'long ' * 20}\n")
    for left_out in (0, 1):
        code, number, out = lint()
        assert (code, number) == (1, left_out)
        assert "models/first.sql was not linted." in out


def test_what_changes_while_it_is_linted_has_not_passed(
    lint: Lint, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project / "models" / "first.sql"
    linter_of = lint_sql.get_linter_and_formatter

    def mend_before_linting(*arguments: Any) -> Any:
        file.write_text(SOUND)
        return linter_of(*arguments)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(lint_sql, "get_linter_and_formatter", mend_before_linting)
        file.write_text(FAULTY)
        assert lint()[:2] == (0, 0)
    file.write_text(FAULTY)
    assert lint()[:2] == (1, 1)


def test_a_cache_that_cannot_be_read_is_none(lint: Lint) -> None:
    assert lint()[0] == 0
    lint_sql.CACHE.write_text("{")
    assert lint()[:2] == (0, 0)


def test_the_command_lints_with_several_processes(project: Path) -> None:
    (project / "models" / "first.sql").write_text(FAULTY)
    done = subprocess.run(
        [sys.executable, "-m", "tools.lint_sql", "models"],
        env={"PYTHONPATH": str(PROJECT_DIR)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "[models/first.sql] FAIL" in done.stdout
    assert list(lint_sql._read_cache()) == ["models/deep/second.sql"]


WHAT_IS_OPENED = """
import json, sys
opened = set()
def heed(event, arguments):
    # Numbers are files that are open already.
    if event == "open" and not isinstance(arguments[0], int):
        opened.add(str(arguments[0]))
sys.addaudithook(heed)
from sqlfluff.core import FluffConfig, Linter
linter = Linter(config=FluffConfig.from_root())
linter.render_file(sys.argv[1], linter.config)
print(json.dumps(sorted(opened)))
"""


def test_all_that_the_templater_reads_is_in_the_key() -> None:
    """sqlfluff's own config is in the key as sqlfluff puts it together."""
    file = "models/marts/accounts/accounts.sql"
    done = subprocess.run(
        [sys.executable, "-c", WHAT_IS_OPENED, file],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    opened = {(PROJECT_DIR / path).resolve() for path in json.loads(done.stdout)}
    of_project = {
        path.relative_to(PROJECT_DIR)
        for path in opened
        if path.is_relative_to(PROJECT_DIR) and not path.is_relative_to(sys.prefix)
    }
    assert Path("dbt_project.yml") in of_project
    others = {
        path.as_posix()
        for path in of_project
        if not any(path.is_relative_to(seen) for seen in lint_sql.SEEN_BY_TEMPLATER)
    }
    assert others == {file, ".sqlfluff", "pyproject.toml"}
