"""The published copy: swapped in whole, never back, and never half."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import duckdb
import pytest
from runner import Result, Runs

from orchestration.engine.warehouse import Warehouse, connect
from orchestration.runs import publish as publishing
from orchestration.runs.publish import (
    CURRENT,
    LOCK,
    VERSIONS,
    PublishError,
    open_published,
    publish,
    published_day,
)
from orchestration.settings import PUBLISHED_FILE, UMASK, keep_files_private


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with connect(tmp_path / "warehouse.duckdb") as opened:
        opened.execute("create schema raw_salesforce")
        opened.execute("create table raw_salesforce.contact as select 'a@b.com' as email")
        set_day(opened, "2026-06-30", accounts=3)
        yield opened


def set_day(warehouse: Warehouse, day: str, accounts: int) -> None:
    warehouse.execute("create schema if not exists marts")
    warehouse.execute(
        "create or replace table marts.accounts as"
        f" select 'a' || range as account_id, date '{day}' as as_of_date from range({accounts})"
    )
    warehouse.execute(
        "comment on table marts.accounts is 'One row per account; it''s all of them.'"
    )
    warehouse.execute("comment on column marts.accounts.account_id is 'Our id.'")


def count(path: Path) -> int:
    with open_published(path) as published:
        row = published.execute("select count(*) from marts.accounts").fetchone()
    assert row is not None
    return int(row[0])


def test_marts_and_nothing_else_are_copied_with_their_comments(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    warehouse.execute("create schema marts_detail")
    warehouse.execute("create table marts_detail.rulesets as select 1 as change_number")
    published = publish(warehouse, tmp_path / "published")
    assert published.rows == {"accounts": 3, "rulesets": 1}
    assert str(published.as_of_date) == "2026-06-30"
    with open_published(published.path) as copy:
        tables = copy.execute(
            "select schema_name, table_name, comment from duckdb_tables()"
            " where database_name = 'published' order by schema_name"
        ).fetchall()
        comments = dict(
            copy.execute(
                "select column_name, comment from duckdb_columns()"
                " where database_name = 'published' and table_name = 'accounts'"
            ).fetchall()
        )
    assert tables == [
        ("marts", "accounts", "One row per account; it's all of them."),
        ("marts_detail", "rulesets", None),
    ]
    assert comments["account_id"] == "Our id."
    assert not comments["as_of_date"]
    assert everything(published.path.parent) == {
        ".lock",
        "activation_gap.duckdb",
        "current",
        "versions",
        "versions/000001-2026-06-30",
        "versions/000001-2026-06-30/activation_gap.duckdb",
    }


def test_what_is_restricted_or_exported_stands_beside_and_never_in_the_copy(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    warehouse.execute("create schema restricted")
    warehouse.execute(
        "create table restricted.contacts_to_reach as select '003SECRETCONTACT' as contact_id"
    )
    warehouse.execute("create schema exports")
    warehouse.execute("create table exports.account_change_feed as select 1 as version")
    folder = tmp_path / "published"
    published = publish(warehouse, folder)
    contacts = folder / "restricted" / "contacts_to_reach.parquet"
    feed = folder / "exports" / "account_change_feed.parquet"
    assert published.beside == (contacts, feed)
    assert contacts.parent.stat().st_mode & 0o077 == 0
    assert duckdb.sql(f"from '{contacts}'").fetchall() == [("003SECRETCONTACT",)]
    with open_published(published.path) as copy:
        assert copy.execute(
            "select distinct schema_name from duckdb_tables() where database_name = 'published'"
        ).fetchall() == [("marts",)]
    assert b"003SECRETCONTACT" not in published.path.read_bytes()

    # A table that is gone leaves no old file behind, and no half of one.
    warehouse.execute("drop table restricted.contacts_to_reach")
    publish(warehouse, folder)
    assert not contacts.exists()
    assert [file.name for file in feed.parent.iterdir()] == [feed.name]


def test_who_has_the_old_copy_open_keeps_it(warehouse: Warehouse, tmp_path: Path) -> None:
    path = publish(warehouse, tmp_path).path
    reader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(f"""
                import duckdb
                connection = duckdb.connect({str(path)!r}, read_only=True)
                query = "select count(*) from marts.accounts"
                print(connection.execute(query).fetchone()[0], flush=True)
                input()
                print(connection.execute(query).fetchone()[0], flush=True)
            """),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdin
    assert reader.stdout
    assert reader.stdout.readline() == "3\n"
    set_day(warehouse, "2026-07-01", accounts=5)
    publish(warehouse, tmp_path)
    assert count(path) == 5
    output, _ = reader.communicate("\n", timeout=20)
    assert output == "3\n"


# --- kills, several publishers, readers ---------------------------------------------------------


STEPS = ("mkdir", "chmod", "link", "symlink", "rename", "replace", "unlink", "rmdir", "fsync")


def publish_and_die(warehouse: Path, folder: Path, step: int) -> dict[str, int]:
    """Publishes; the process kills itself before its n-th change of the folder.

    Those are calls of the operating system and statements that write a copy. Gives how many there
    were, if there were fewer.
    """
    done = 0

    def count_and_call(call: Callable[..., Any], counts: Callable[..., bool]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            if counts(*arguments):
                done += 1
                if done == step:
                    os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return counted

    def writes(_: Warehouse, sql: str, *__: object) -> bool:
        return sql.startswith(("attach", "copy", "checkpoint"))

    with connect(warehouse) as opened:
        for name in STEPS:
            setattr(os, name, count_and_call(getattr(os, name), lambda *_: True))
        Warehouse.execute = count_and_call(Warehouse.execute, writes)  # type: ignore[method-assign]
        publish(opened, folder, keep=2)
    return {"steps": done}


def set_all(warehouse: Warehouse, day: str, number: int) -> None:
    """Marts, exports and restricted tables that all say the same number."""
    set_day(warehouse, day, accounts=number)
    for table in ("restricted.contacts_to_reach", "exports.account_change_feed"):
        warehouse.execute(f"create schema if not exists {table.split('.')[0]}")
        warehouse.execute(
            f"create or replace table {table} as select range as n from range({number})"
        )


BESIDE = ("restricted/contacts_to_reach.parquet", "exports/account_change_feed.parquet")


def numbers(folder: Path, marts: str = PUBLISHED_FILE) -> set[int]:
    """What marts, exports and restricted files of a folder say; one number if all are of one."""
    return {
        count(folder / marts),
        *(duckdb.sql(f"select 1 from '{folder / file}'").shape[0] for file in BESIDE),
    }


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def by_hand(folder: Path, warehouse: Warehouse) -> None:
    """A folder as it was before there were versions."""
    for schema in ("restricted", "exports"):
        (folder / schema).mkdir(parents=True)
    with duckdb.connect(str(folder / "marts.duckdb")) as old:
        old.execute("create schema marts.marts")
        old.execute(
            "create table marts.marts.accounts as"
            " select 'a' || range as account_id, date '2026-06-30' as as_of_date from range(3)"
        )
    for file in BESIDE:
        duckdb.sql("from range(3)").write_parquet(str(folder / file))


@pytest.mark.parametrize("before", ["versions", "old layout", "nothing"])
def test_a_kill_before_any_step_leaves_one_whole_version(
    runs: Runs, tmp_path: Path, before: str
) -> None:
    source, folder = tmp_path / "warehouse.duckdb", tmp_path / "published"
    with connect(source) as opened:
        if before == "old layout":
            by_hand(folder, opened)
        elif before == "versions":
            for number in (1, 2, 3):
                set_all(opened, "2026-06-30", number)
                publish(opened, folder, keep=2)
            opened.execute("create table exports.no_more as select 1 as n")
            publish(opened, folder, keep=2)
            opened.execute("drop table exports.no_more")
        set_all(opened, "2026-07-01", 5)
    for path in (folder, folder / "exports"):
        if path.exists():
            (path / "notes.parquet").write_text("somebody's")

    def copy(name: str) -> Path:
        if folder.exists():
            shutil.copytree(folder, tmp_path / name, symlinks=True)
        return tmp_path / name

    whole = runs.start(publish_and_die, source, copy("whole"), 0).result().check()
    steps = whole.value["steps"]
    assert steps > 15

    def kill(step: int) -> tuple[Path, Future[Result]]:
        place = copy(f"killed {step}")
        own = shutil.copy(source, tmp_path / f"{step}.duckdb")  # they run two at a time
        return place, runs.start(publish_and_die, Path(own), place, step)

    killed = [kill(step) for step in range(1, steps + 1)]
    marts = "marts.duckdb" if before == "old layout" else PUBLISHED_FILE
    seen = []
    for place, run in killed:
        assert run.result().code == -signal.SIGKILL
        if before == "nothing" and not (place / CURRENT / PUBLISHED_FILE).exists():
            assert not (place / PUBLISHED_FILE).exists()
            assert not [file for file in BESIDE if (place / file).exists()]
            seen.append(0)
        else:
            (number,) = numbers(place, marts)
            seen.append(number)
        with connect(source) as opened:
            publish(opened, place, keep=2)
        assert numbers(place) == numbers(place, marts) == {5}
        tidy = {path for path in everything(place) if not path.startswith(VERSIONS)}
        assert tidy == {
            path for path in everything(tmp_path / "whole") if not path.startswith(VERSIONS)
        }
        assert len(list((place / VERSIONS).iterdir())) <= 2
        for notes in (place / "notes.parquet", place / "exports" / "notes.parquet"):
            assert before == "nothing" or notes.read_text() == "somebody's"
    # From the one to the other in one step.
    old = {"nothing": 0}.get(before, 3)
    assert set(seen) == {old, 5}
    assert seen == sorted(seen)


def publish_often(warehouse: Path, folder: Path, first: int, times: int) -> int:
    """Publishes again and again, each time another number."""
    with connect(warehouse) as opened:
        for number in range(first, first + times):
            set_all(opened, "2026-06-30", number)
            publish(opened, folder)
    return 0


def test_two_warehouses_and_their_readers(runs: Runs, tmp_path: Path) -> None:
    folder, times = tmp_path / "published", 12
    publish_often(tmp_path / "first.duckdb", folder, 1, 1)
    context = multiprocessing.get_context("spawn")
    publishers = [
        context.Process(
            target=publish_often, args=(tmp_path / f"{first}.duckdb", folder, first, times)
        )
        for first in (100, 200)
    ]
    for publisher in publishers:
        publisher.start()
    seen = set()
    while any(publisher.is_alive() for publisher in publishers):
        # Who follows `current` once reads one version, who does not reads whole files.
        (number,) = numbers((folder / CURRENT).resolve())
        seen |= {number, count(folder / PUBLISHED_FILE)}
    assert [publisher.exitcode for publisher in publishers] == [0, 0]
    assert len(seen) > 2
    assert seen <= {1, *range(100, 100 + times), *range(200, 200 + times)}
    (last,) = numbers(folder)
    assert last in (100 + times - 1, 200 + times - 1)
    names = sorted(path.name for path in (folder / VERSIONS).iterdir())
    numbered = (f"{1 + 2 * times - back:06d}-2026-06-30" for back in (2, 1, 0))
    assert names == [*numbered]


def test_who_waits_too_long_for_another_publisher_says_so(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    script = "import sys; from filelock import FileLock; lock = FileLock(sys.argv[1])"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"{script}; lock.acquire(); print('held', flush=True); input()",
            tmp_path / LOCK,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(PublishError, match="Another refresh has been publishing into"):
        publish(warehouse, tmp_path, wait=0)
    holder.kill()
    holder.communicate()
    publish(warehouse, tmp_path, wait=0)


# --- what was there before --------------------------------------------------------------------


def test_a_folder_without_versions_is_taken_over(warehouse: Warehouse, tmp_path: Path) -> None:
    by_hand(tmp_path, warehouse)
    bytes_before = (tmp_path / "marts.duckdb").read_bytes()
    set_day(warehouse, "2026-06-29", accounts=9)
    with pytest.raises(PublishError, match=r"shows 2026-06-30.*never move back"):
        publish(warehouse, tmp_path)
    assert (tmp_path / "marts.duckdb").read_bytes() == bytes_before
    set_all(warehouse, "2026-07-01", 5)
    publish(warehouse, tmp_path)
    assert numbers(tmp_path) == numbers(tmp_path, "marts.duckdb") == {5}
    first = tmp_path / VERSIONS / "000001-2026-06-30"
    assert (first / PUBLISHED_FILE).read_bytes() == bytes_before
    assert numbers(first) == {3}


@pytest.mark.parametrize(
    "path", ["current/x", "activation_gap.duckdb", "exports", "exports/account_change_feed.parquet"]
)
def test_what_stands_in_the_way_is_named_and_stays(
    warehouse: Warehouse, tmp_path: Path, path: str
) -> None:
    set_all(warehouse, "2026-06-30", 3)
    publish(warehouse, tmp_path)
    notes = tmp_path / path
    for link in (*tmp_path.glob("exports/*"), *tmp_path.glob("current"), tmp_path / PUBLISHED_FILE):
        link.unlink()
    if path == "exports":
        notes.rmdir()
    notes.parent.mkdir(exist_ok=True)
    notes.write_text("somebody's notes")
    with pytest.raises(PublishError, match=path.removesuffix("/x").split("/")[0]):
        publish(warehouse, tmp_path)
    assert notes.read_text() == "somebody's notes"


def test_a_copy_that_followed_the_links_is_gone_on_with(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    set_all(warehouse, "2026-06-30", 3)
    publish(warehouse, tmp_path / "published")
    shutil.copytree(tmp_path / "published", tmp_path / "copy")
    with pytest.raises(PublishError, match="is no link to one of"):
        publish(warehouse, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / CURRENT)
    set_all(warehouse, "2026-07-01", 5)
    publish(warehouse, tmp_path / "copy")
    assert numbers(tmp_path / "copy") == {5}


def test_versions_are_kept_and_removed_but_for_what_is_not_ours(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    folders = []
    for number in (1, 2, 3, 4):
        set_all(warehouse, "2026-06-30", number)
        folders.append(publish(warehouse, tmp_path, keep=2).version)
        (folders[0] / "exports" / "notes.txt").parent.mkdir(exist_ok=True)
        (folders[0] / "exports" / "notes.txt").write_text("somebody's notes")
    assert [folder.name for folder in folders] == [f"00000{n}-2026-06-30" for n in (1, 2, 3, 4)]
    assert not folders[1].exists()
    assert everything(folders[0]) == {"exports", "exports/notes.txt"}
    assert (numbers(folders[2]), numbers(folders[3])) == ({3}, {4})
    # As a rollback does it, and the publishing after it.
    (tmp_path / CURRENT).unlink()
    (tmp_path / CURRENT).symlink_to(Path(VERSIONS, folders[2].name))
    assert numbers(tmp_path) == {3}
    set_all(warehouse, "2026-06-30", 6)
    assert publish(warehouse, tmp_path, keep=2).version.name == "000005-2026-06-30"
    assert numbers(tmp_path) == {6}


# --- who may read -----------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o002])
def test_marts_are_for_whom_the_umask_says_and_restricted_files_for_their_owner(
    runs: Runs, tmp_path: Path, umask: int
) -> None:
    def modes() -> dict[str, int]:
        names = ("", PUBLISHED_FILE, VERSIONS, CURRENT, "exports", "restricted", *BESIDE)
        return {name: (tmp_path / "p" / name).stat().st_mode & 0o777 for name in names}

    runs.start(publish_privately, tmp_path, umask).result().check()
    assert (tmp_path / "warehouse.duckdb").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o777 & ~umask
    first = modes()
    assert {first[name] for name in ("", VERSIONS, CURRENT)} == {0o777 & ~umask}
    assert first[PUBLISHED_FILE] == 0o666 & ~umask
    assert {first[name] for name in ("exports", "restricted")} == {0o700}
    assert first[BESIDE[0]] == 0o600
    assert (tmp_path / "p" / CURRENT / "restricted").stat().st_mode & 0o777 == 0o700

    # Found open: what is restricted is closed, exports that were opened on purpose stay so.
    for folder in ("exports", "restricted"):
        (tmp_path / "p" / folder).chmod(0o755)
    (tmp_path / "warehouse.duckdb").chmod(0o644)
    runs.start(publish_privately, tmp_path, umask).result().check()
    second = modes()
    assert (second["exports"], second["restricted"]) == (0o755, 0o700)
    assert (tmp_path / "p" / CURRENT / "exports").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "warehouse.duckdb").stat().st_mode & 0o777 == 0o600


def publish_privately(folder: Path, umask: int) -> int:
    """As a refresh does: its own files are private, what it publishes is not."""
    os.umask(umask)
    os.environ.pop(UMASK, None)
    keep_files_private()
    with connect(folder / "folder" / "other.duckdb"):
        pass
    with connect(folder / "warehouse.duckdb") as warehouse:
        set_all(warehouse, "2026-06-30", 3)
        assert Path(f"{folder / 'warehouse.duckdb'}.wal").stat().st_mode & 0o077 == 0
        publish(warehouse, folder / "p")
    return 0


# --- how it is read ---------------------------------------------------------------------------


def test_a_plain_name_is_enough(warehouse: Warehouse, tmp_path: Path) -> None:
    """The file is named unlike the schema in it, so DuckDB knows what `marts.accounts` means."""
    path = publish(warehouse, tmp_path).path
    with duckdb.connect(str(path), read_only=True) as opened:
        assert opened.execute("select count(*) from marts.accounts").fetchone() == (3,)


def test_the_format_is_that_of_the_oldest_clients(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.execute("set storage_compatibility_version = 'latest'")
    path = publish(warehouse, tmp_path).path
    # The version of the format, after checksum and magic bytes; 64 is what DuckDB 1.0 reads.
    assert path.read_bytes()[8:20] == b"DUCK" + (64).to_bytes(8, "little")


# --- never back, and never something else -------------------------------------------------------


def test_published_marts_never_move_back(warehouse: Warehouse, tmp_path: Path) -> None:
    path = publish(warehouse, tmp_path).path
    set_day(warehouse, "2026-06-29", accounts=9)
    with pytest.raises(PublishError, match=r"shows 2026-06-30.*only goes to 2026-06-29"):
        publish(warehouse, tmp_path)
    set_day(warehouse, "2026-06-30", accounts=0)
    with pytest.raises(PublishError, match="never move back"):
        publish(warehouse, tmp_path)
    assert count(path) == 3


def test_the_same_day_is_published_again(warehouse: Warehouse, tmp_path: Path) -> None:
    publish(warehouse, tmp_path)
    set_day(warehouse, "2026-06-30", accounts=4)
    assert count(publish(warehouse, tmp_path).path) == 4


def test_a_file_that_is_not_ours_is_left_alone(warehouse: Warehouse, tmp_path: Path) -> None:
    for name in ("marts.duckdb", PUBLISHED_FILE):
        (tmp_path / name).write_text("somebody's notes")
        with pytest.raises(PublishError, match="move it away"):
            publish(warehouse, tmp_path)
        assert (tmp_path / name).read_text() == "somebody's notes"
        (tmp_path / name).unlink()


def test_a_warehouse_without_marts_publishes_nothing(tmp_path: Path) -> None:
    with (
        connect(tmp_path / "empty.duckdb") as empty,
        pytest.raises(PublishError, match="no marts yet"),
    ):
        publish(empty, tmp_path / "published")
    assert not (tmp_path / "published").exists()


def test_the_day_of_a_published_file(warehouse: Warehouse, tmp_path: Path) -> None:
    assert published_day(tmp_path / PUBLISHED_FILE) is None
    path = publish(warehouse, tmp_path).path
    assert str(published_day(path)) == "2026-06-30"


def test_an_error_while_copying_leaves_the_old_copy(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = publish(warehouse, tmp_path).path

    def fail(*_: object) -> int:
        raise duckdb.Error("disk full")

    monkeypatch.setattr(publishing, "_copy", fail)
    with pytest.raises(duckdb.Error, match="disk full"):
        publish(warehouse, tmp_path)
    monkeypatch.undo()
    assert count(path) == 3
    assert count(publish(warehouse, tmp_path).path) == 3
