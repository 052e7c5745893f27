"""The published copy: swapped in whole, never back, and never half."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from orchestration import publish as publishing
from orchestration.publish import ASIDE, PublishError, open_published, publish, published_day
from orchestration.settings import PROJECT_DIR
from orchestration.warehouse import Warehouse, connect


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with connect(tmp_path / "warehouse.duckdb") as opened:
        opened.execute("create schema marts")
        opened.execute("create schema raw_salesforce")
        opened.execute("create table raw_salesforce.contact as select 'a@b.com' as email")
        set_day(opened, "2026-06-30", accounts=3)
        yield opened


def set_day(warehouse: Warehouse, day: str, accounts: int) -> None:
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
    published = publish(warehouse, tmp_path / "published")
    assert published.rows == {"accounts": 3}
    assert str(published.as_of_date) == "2026-06-30"
    with open_published(published.path) as copy:
        tables = copy.execute(
            "select schema_name, table_name, comment from duckdb_tables()"
            " where database_name = 'published'"
        ).fetchall()
        comments = dict(
            copy.execute(
                "select column_name, comment from duckdb_columns()"
                " where database_name = 'published' and table_name = 'accounts'"
            ).fetchall()
        )
    assert tables == [("marts", "accounts", "One row per account; it's all of them.")]
    assert comments["account_id"] == "Our id."
    assert not comments["as_of_date"]
    assert sorted(path.name for path in published.path.parent.iterdir()) == ["marts.duckdb"]


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
                query = "select count(*) from marts.marts.accounts"
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


@pytest.mark.parametrize("killed_at", ["checkpoint published", "replace"])
def test_a_killed_publish_leaves_the_old_copy(
    warehouse: Warehouse, tmp_path: Path, killed_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = publish(warehouse, tmp_path / "published").path
    set_day(warehouse, "2026-07-01", accounts=5)
    warehouse.execute("checkpoint")
    warehouse.connection.close()
    script = f"""
        import os
        from pathlib import Path
        from orchestration import publish as publishing
        from orchestration.warehouse import Warehouse, connect

        if {killed_at!r} == "replace":
            os.replace = lambda *paths: os._exit(9)
        execute = Warehouse.execute

        def stop(self, sql, parameters=None):
            if sql == {killed_at!r}:
                os._exit(9)
            execute(self, sql, parameters)

        Warehouse.execute = stop
        with connect(Path({str(tmp_path / "warehouse.duckdb")!r})) as warehouse:
            publishing.publish(warehouse, Path({str(path.parent)!r}))
    """
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=PROJECT_DIR, check=False
    )
    assert killed.returncode == 9
    assert count(path) == 3
    assert (path.parent / ASIDE).exists()
    with connect(tmp_path / "warehouse.duckdb") as again:
        publish(again, path.parent)
    assert count(path) == 5
    assert sorted(file.name for file in path.parent.iterdir()) == ["marts.duckdb"]


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
    (tmp_path / "marts.duckdb").write_text("somebody's notes")
    with pytest.raises(PublishError, match="move it away"):
        publish(warehouse, tmp_path)
    assert (tmp_path / "marts.duckdb").read_text() == "somebody's notes"


def test_a_warehouse_without_marts_publishes_nothing(tmp_path: Path) -> None:
    with (
        connect(tmp_path / "empty.duckdb") as empty,
        pytest.raises(PublishError, match="no marts yet"),
    ):
        publish(empty, tmp_path / "published")
    assert not (tmp_path / "published").exists()


def test_the_day_of_a_published_file(warehouse: Warehouse, tmp_path: Path) -> None:
    assert published_day(tmp_path / "marts.duckdb") is None
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
