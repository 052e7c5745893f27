"""The database file: as small as what it holds, as much memory as it is given, and its lock."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import yaml

from orchestration.engine import warehouse as engine
from orchestration.engine.warehouse import NO_COMPRESSION_BY, compact, connect
from orchestration.runs.context import BusyError, lock
from orchestration.settings import PROJECT_DIR, Settings, SettingsError

ROWS = "select range as id, 'name ' || range as name from range(300000)"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with a table, a view over it and a key, and twice as much that is gone again."""
    monkeypatch.setattr(engine, "LEAST_DEAD_BYTES", 1_000_000)
    path = tmp_path / "it's a warehouse.duckdb"
    with connect(path) as warehouse:
        warehouse.execute("create schema marts")
        warehouse.execute(f"create table marts.accounts as {ROWS}")
        warehouse.execute("comment on column marts.accounts.name is 'As the CRM has it'")
        warehouse.execute("create view marts.named as select name from marts.accounts")
        warehouse.execute("create table marts.keys (id bigint primary key)")
        warehouse.execute("insert into marts.keys values (1)")
        for name in ("one", "other"):
            warehouse.execute(f"create table marts.{name} as {ROWS}")
        warehouse.execute("force checkpoint")
        for name in ("one", "other"):
            warehouse.execute(f"drop table marts.{name}")
    return path


def test_a_file_that_is_half_empty_is_written_anew(file: Path) -> None:
    before = file.stat().st_size
    sizes = compact(file)
    assert sizes == (before, file.stat().st_size)
    assert sizes[1] < before / 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(file.parent) == [file.name]
    with connect(file) as warehouse:
        assert warehouse.rows("select count(*), min(name) from marts.accounts") == [
            (300_000, "name 0")
        ]
        assert warehouse.rows("select count(*) from marts.named") == [(300_000,)]
        comments = "select comment from duckdb_columns() where column_name = 'name'"
        assert ("As the CRM has it",) in warehouse.rows(comments)
        with pytest.raises(duckdb.ConstraintException):
            warehouse.execute("insert into marts.keys values (1)")
    assert compact(file) is None, "nothing in it is dead any more"


def test_a_file_that_is_full_is_left(file: Path) -> None:
    with connect(file) as warehouse:
        for name in ("one", "other"):
            warehouse.execute(f"create table marts.{name} as {ROWS}")
    before = file.stat()
    assert compact(file) is None
    assert file.stat().st_ino == before.st_ino


def test_a_little_that_is_dead_is_left(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LEAST_DEAD_BYTES", 100_000_000)
    assert compact(file) is None


def test_who_is_stopped_midway_has_the_file_of_before(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = file.stat().st_size
    with monkeypatch.context() as stopped:
        stopped.setattr(engine.os, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            compact(file)
    assert file.stat().st_size == before
    with connect(file) as warehouse:
        assert warehouse.rows("select count(*) from marts.accounts") == [(300_000,)]
    assert compact(file) is not None
    assert os.listdir(file.parent) == [file.name]


def test_no_room_leaves_the_file_and_nothing_beside_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = engine.Warehouse.execute

    def refuse(self: engine.Warehouse, sql: str, *rest: object) -> None:
        if sql.startswith("copy from database"):
            raise duckdb.IOException("No space left on device")
        execute(self, sql)

    monkeypatch.setattr(engine.Warehouse, "execute", refuse)
    with pytest.raises(duckdb.IOException, match="No space left"):
        compact(file)
    assert os.listdir(file.parent) == [file.name]


def test_memory_and_spill_are_those_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMORY_LIMIT", "700MiB")
    monkeypatch.setenv("SPILL_DIR", str(tmp_path / "it's here"))
    asked = "select current_setting('memory_limit'), current_setting('temp_directory')"
    with connect(tmp_path / "warehouse.duckdb") as warehouse:
        assert warehouse.rows(asked) == [("700.0 MiB", str(tmp_path / "it's here"))]


# --- the lock -------------------------------------------------------------------------------------


def settings_of(warehouse: Path) -> Settings:
    return Settings(Path("/landing"), warehouse, Path("/published"))


def test_dbt_and_we_write_tables_alike(tmp_path: Path) -> None:
    profile = yaml.safe_load((PROJECT_DIR / "profiles" / "profiles.yml").read_text())
    settings = profile["activation_gap"]["outputs"]["duckdb"]["settings"]
    assert settings["disabled_compression_methods"] == NO_COMPRESSION_BY
    with connect(tmp_path / "warehouse.duckdb") as warehouse:
        # Alike enough for FSST and too different for a dictionary.
        warehouse.execute(
            "create table ids as select 'account-' || md5(range::varchar) as id from range(200000)"
        )
        warehouse.execute("checkpoint")
        kinds = warehouse.rows(
            "select distinct compression from pragma_storage_info('ids')"
            " where segment_type = 'VARCHAR'"
        )
    assert kinds
    assert not any("FSST" in kind for (kind,) in kinds)


def test_only_a_lock_that_is_held_is_another_refresh(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "new/warehouse.duckdb")
    with lock(settings), lock(settings):  # made with its folder, and taken again by the same run
        pass
    program = (
        "import sys\nfrom filelock import FileLock\n"
        "with FileLock(sys.argv[1]):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, settings.lock_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(BusyError, match="Another refresh of"), lock(settings):
        pass
    holder.communicate()
    with lock(settings):
        pass


def test_what_a_refresh_fails_with_is_not_told_of_the_lock(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "warehouse.duckdb")
    with pytest.raises(PermissionError), lock(settings):
        raise PermissionError
    with lock(settings):
        pass


def a_folder(folder: Path) -> Path:
    (folder / "w.duckdb.lock").mkdir()
    return folder / "w.duckdb"


def a_link(folder: Path) -> Path:
    (folder / "w.duckdb.lock").symlink_to(folder / "nowhere")
    return folder / "w.duckdb"


def under_a_file(folder: Path) -> Path:
    (folder / "notes.txt").touch()
    return folder / "notes.txt" / "w.duckdb"


# No file and no folder can be made in /proc, not by root either.
IN_PROC = pytest.mark.skipif(not Path("/proc/self").exists(), reason="Linux alone has it")


@pytest.mark.parametrize(
    ("make", "problem", "remedy"),
    [
        (a_folder, "Is a directory", "Move that folder away"),
        (a_link, "symbolic links", "Take that link away"),
        (under_a_file, "File exists", "Name a file in a folder that can be written to"),
        (lambda folder: folder / ("w" * 255), "File name too long", "Name a file"),
        pytest.param(lambda _: Path("/proc/w.duckdb"), "No such", "Name a file", marks=IN_PROC),
        pytest.param(lambda _: Path("/proc/a/w.duckdb"), "No such", "Name a file", marks=IN_PROC),
    ],
)
def test_a_lock_that_cannot_be_made_is_no_other_refresh(
    tmp_path: Path, make: Callable[[Path], Path], problem: str, remedy: str
) -> None:
    settings = settings_of(make(tmp_path))
    with pytest.raises(SettingsError) as refused, lock(settings):
        pass
    said = str(refused.value)
    assert said.startswith(f"WAREHOUSE_PATH is {settings.warehouse_path}, and ")
    assert problem in said
    assert remedy in said


def test_a_lock_without_rights_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may do everything, so the answer of the system is put in its place."""
    settings = settings_of(tmp_path / "w.duckdb")
    system = os.open

    def refused(path: str, *rest: int, **more: int) -> int:
        if str(path) == str(settings.lock_path):
            raise PermissionError(13, "Permission denied", str(path))
        return system(path, *rest, **more)

    monkeypatch.setattr(os, "open", refused)
    with (
        pytest.raises(SettingsError, match="Change its rights"),
        lock(settings),
    ):
        pass
