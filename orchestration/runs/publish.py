"""Publishes the marts: read-only copies of them, all of one version, swapped in by one link.

People and BI tools read the copies, never the warehouse, so a refresh never locks them out and a
failed one leaves yesterday's copies. In the published folder stand

    versions/<number>-<day>/   what one publishing wrote: marts, exports/ and restricted/
    current                    a link to one version; renaming a new link over it is the whole swap
    activation_gap.duckdb      a link through `current`, as is each file in exports/ and restricted/

A version is written under a hidden name and takes its own when it is whole. Whoever has an old file
open keeps it. Who reads several files and wants one version of all follows `current` once.
Whatever else stands in the folder is not ours and stays.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from orchestration.engine.warehouse import Warehouse, literal, quoted
from orchestration.settings import (
    KEEP_VERSIONS,
    PUBLISHED_FILE,
    as_umask_says,
)

SCHEMA = "marts"
DETAIL = "marts_detail"
SCHEMAS = (SCHEMA, DETAIL)
"""Schemas of the marts: those that people open first, and all others. No name is in both."""
RESTRICTED = "restricted"
BESIDE = (RESTRICTED, "exports")
"""Schemas written as Parquet files beside the marts: ids of single people, and what goes back into
other tools. Neither is for everybody who opens the marts."""
DATED_TABLE = "accounts"
EVERY_DAY_TABLE = "activation_gap"
CURRENT = "current"
VERSIONS = "versions"
LOCK = ".lock"
A_VERSION = re.compile(r"(\d{6})-(?:\d{4}-\d\d-\d\d|empty)")
UNFINISHED = ".new-"
OLD_FILE = "marts.duckdb"
"""The marts' name before there were versions. Where it was read it goes on as one more link."""
# The oldest format that holds our types: clients from DuckDB 1.0 on read it, and another release
# here does not shut them out.
STORAGE_VERSION = "v1.0.0"
# Somebody else's publishing takes seconds, or minutes of a large company on a slow disk.
WAIT_SECONDS = 600


class PublishError(RuntimeError):
    """Nothing was published; the message says why and what to do."""


@dataclass(frozen=True)
class Published:
    """What was published.

    path: the marts, by the name that stays. version: the folder of this version. rows: row count by
    table. as_of_date: its day, None if empty. beside: the files beside the marts, by the names that
    stay.
    """

    path: Path
    version: Path
    rows: dict[str, int]
    as_of_date: date | None
    beside: tuple[Path, ...] = ()


def publish(
    warehouse: Warehouse, published_dir: Path, keep: int = KEEP_VERSIONS, wait: float = WAIT_SECONDS
) -> Published:
    """Copies every table of `SCHEMAS` with its comments and those of `BESIDE`, and swaps.

    keep: how many versions stay, this one among them. wait: seconds for which to wait while another
    process publishes into the same folder. A folder in which the marts were still a file of its own
    becomes a version, and its files links.

    Raises PublishError when there are no marts, when the copy would be older than what is
    published, and when something that is not ours stands in the way.
    """
    if DATED_TABLE not in _tables(warehouse, SCHEMA):
        raise PublishError("The warehouse has no marts yet. Run make refresh.")
    with as_umask_says():
        published_dir.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(published_dir / LOCK, timeout=wait):
                return _publish(warehouse, published_dir, keep)
        except Timeout:
            raise PublishError(
                f"Another refresh has been publishing into {published_dir} for {wait:.0f} seconds."
                " Wait until it is done and run make refresh again, or give this warehouse a"
                " PUBLISHED_DIR of its own."
            ) from None


@contextmanager
def open_published(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection in which each mart goes by its name, whatever the file's name.

    So a file from before `marts_detail`, with all of them in schema `marts`, is read alike.
    """
    with duckdb.connect() as connection:
        connection.execute(f"attach {literal(str(path))} as published (read_only)")
        there = connection.execute(
            "select schema_name from duckdb_schemas() where database_name = 'published'"
        ).fetchall()
        path_of_names = [f"published.{schema}" for schema in SCHEMAS if (schema,) in there]
        connection.execute(f"set search_path = '{','.join(path_of_names) or 'published.main'}'")
        yield connection


def published_day(path: Path) -> date | None:
    """The day of a published file, None if there is no file or it holds no account.

    Raises PublishError when the file is there and cannot be read.
    """
    return _day_of(path, f"select max(as_of_date) from {SCHEMA}.{DATED_TABLE}")


def first_published_day(path: Path) -> date | None:
    """The first of the days that a published file holds, None if it holds none.

    Raises PublishError when the file is there and cannot be read.
    """
    return _day_of(path, f"select min(as_of_date) from {SCHEMA}.{EVERY_DAY_TABLE}")


def _day_of(path: Path, query: str) -> date | None:
    if not path.exists():
        return None
    try:
        with open_published(path) as connection:
            row = connection.execute(query).fetchone()
    except duckdb.Error as error:
        raise PublishError(
            f"The published file {path} cannot be read ({str(error).splitlines()[0]}). If another"
            " program has it open for writing, close that program; if it is not ours, move it away."
        ) from error
    return row[0] if row else None


def _publish(warehouse: Warehouse, published_dir: Path, keep: int) -> Published:
    ((as_of_date,),) = warehouse.rows(f"select max(as_of_date) from {SCHEMA}.{DATED_TABLE}")
    names = {schema: _tables(warehouse, schema) for schema in BESIDE}
    files = [
        Path(PUBLISHED_FILE),
        *(Path(schema, f"{name}.parquet") for schema in BESIDE for name in names[schema]),
    ]
    versions, current = published_dir / VERSIONS, published_dir / CURRENT
    _refuse_folders_in_the_way(published_dir)
    versions.mkdir(exist_ok=True)
    _tidy(versions)
    _take_over(published_dir)
    links = {file: _through_current(file) for file in files}
    if _may_be_link(published_dir, Path(OLD_FILE), _through_current(files[0])):
        links[Path(OLD_FILE)] = _through_current(files[0])
    _refuse_files_in_the_way(published_dir, links)
    _refuse_to_go_back(current / PUBLISHED_FILE, as_of_date)
    for schema in BESIDE:
        _open_folder(published_dir / schema, is_wanted=bool(names[schema]))

    version, aside = _next_version(versions, as_of_date)
    rows = _write_marts(warehouse, aside / PUBLISHED_FILE)
    for schema in BESIDE:
        if names[schema]:
            _write_beside(warehouse, schema, names[schema], aside, published_dir)
    _to_disk(aside)
    aside.rename(version)
    _to_disk(versions)

    for file, through in links.items():
        _link(published_dir / file, through)
    _link(current, Path(VERSIONS, version.name))
    _to_disk(published_dir)
    for schema in BESIDE:
        for link in _links(published_dir / schema):
            if not link.exists():
                link.unlink()  # its table is gone
    for old in _whole_versions(versions)[:-keep]:
        _clear(old)
    beside = tuple(published_dir / file for file in files[1:])
    return Published(published_dir / PUBLISHED_FILE, version, rows, as_of_date, beside)


def _take_over(published_dir: Path) -> None:
    """Makes a version of the files of a folder that has none yet.

    Each name goes on showing what it showed, and is a link from the publishing that follows on.
    """
    if os.path.lexists(published_dir / CURRENT):
        return
    for name in (OLD_FILE, PUBLISHED_FILE):
        old = published_dir / name
        if old.is_file() and not old.is_symlink():
            break
    else:
        return
    version, aside = _next_version(published_dir / VERSIONS, published_day(old))
    _hold(old, aside / PUBLISHED_FILE)
    for schema in BESIDE:
        for file in (published_dir / schema).glob("*.parquet"):
            if file.is_file() and not file.is_symlink():
                (aside / schema).mkdir(mode=0o700, exist_ok=True)
                _hold(file, aside / schema / file.name)
    aside.rename(version)
    _to_disk(version.parent)
    _link(published_dir / CURRENT, Path(VERSIONS, version.name))
    # What a killed run of that time left behind.
    (published_dir / f".{OLD_FILE}.new").unlink(missing_ok=True)


def _hold(file: Path, also: Path) -> None:
    try:
        os.link(file, also)
    except OSError:  # not every file system has second names for a file
        shutil.copy2(file, also)


def _refuse_folders_in_the_way(published_dir: Path) -> None:
    current = published_dir / CURRENT
    if os.path.lexists(current) and not (
        current.is_symlink() and A_VERSION.fullmatch(current.readlink().name)
    ):
        raise PublishError(
            f"{current} is no link to one of {published_dir / VERSIONS}, and that is how the marts"
            " are published. If it is not wanted, remove it; otherwise move it away."
        )
    for folder in (published_dir / VERSIONS, *(published_dir / schema for schema in BESIDE)):
        if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir()):
            raise PublishError(
                f"{folder} is no folder of its own, and one is needed there. Move it away."
            )


def _refuse_files_in_the_way(published_dir: Path, links: Mapping[Path, Path]) -> None:
    for file, through in links.items():
        if not _may_be_link(published_dir, file, through, or_missing=True):
            raise PublishError(
                f"{published_dir / file} is not ours, and what is published needs that name. Move"
                " it away."
            )


def _may_be_link(
    published_dir: Path, file: Path, through: Path, *, or_missing: bool = False
) -> bool:
    """Whether a name is our link already, or a file that the current version holds as well."""
    path = published_dir / file
    if path.is_symlink():
        return path.readlink() == through
    if not os.path.lexists(path):
        return or_missing
    held = path.parent / through
    return path.is_file() and held.is_file() and filecmp.cmp(path, held, shallow=False)


def _refuse_to_go_back(there_now: Path, as_of_date: date | None) -> None:
    there = published_day(there_now)
    if there is not None and (as_of_date is None or as_of_date < there):
        raise PublishError(
            f"{there_now.parent.parent} shows {there}, and this warehouse only goes to"
            f" {as_of_date}: published marts never move back. Give this warehouse another"
            f" PUBLISHED_DIR, refresh it to {there}, or remove the link"
            f" {there_now.parent} if what is published is not wanted any more."
        )


def _open_folder(folder: Path, *, is_wanted: bool) -> None:
    """Makes a folder of links that only its owner may enter.

    Exports may be opened on purpose, for the tool that loads them; what is restricted is closed.
    """
    if is_wanted:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
    if folder.name == RESTRICTED and folder.is_dir():
        folder.chmod(0o700)


def _through_current(file: Path) -> Path:
    """Where a name in the published folder links to, seen from its own folder."""
    return Path(*(".." for _ in file.parent.parts), CURRENT, file)


def _link(path: Path, target: Path) -> None:
    """Makes the name a link in one step, whatever file or link it was."""
    if path.is_symlink() and path.readlink() == target:
        return
    aside = path.with_name(f".{path.name}.link")
    aside.unlink(missing_ok=True)
    try:
        aside.symlink_to(target)
    except OSError as error:
        raise PublishError(
            f"{path} cannot be made a link ({error.strerror}), and links are how all that is"
            " published changes at once. Give PUBLISHED_DIR a folder on a disk that has links."
        ) from error
    os.replace(aside, path)


def _links(folder: Path) -> list[Path]:
    """Our links in a folder beside the marts."""
    return [
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.is_symlink() and path.readlink() == _through_current(Path(folder.name, path.name))
    ]


def _next_version(versions: Path, day: date | None) -> tuple[Path, Path]:
    """The folder of the next version, and the one in which it is written."""
    numbers = [int(found[1]) for path in versions.iterdir() if (found := _number(path))]
    version = versions / f"{max(numbers, default=0) + 1:06d}-{day or 'empty'}"
    aside = version.with_name(UNFINISHED + version.name)
    aside.mkdir()
    return version, aside


def _number(path: Path) -> re.Match[str] | None:
    return A_VERSION.fullmatch(path.name) if path.is_dir() else None


def _whole_versions(versions: Path) -> list[Path]:
    """By age, the latest last. Of one that is being removed the marts go first."""
    return sorted(
        path for path in versions.iterdir() if _number(path) and (path / PUBLISHED_FILE).exists()
    )


def _tidy(versions: Path) -> None:
    """Removes what a killed run left."""
    whole = set(_whole_versions(versions))
    for path in list(versions.iterdir()):
        if path.name.startswith(UNFINISHED) and A_VERSION.fullmatch(path.name[len(UNFINISHED) :]):
            shutil.rmtree(path)
        elif _number(path) and path not in whole:
            _clear(path)


def _clear(version: Path) -> None:
    """Removes a version, and leaves what somebody else has put there."""
    (version / PUBLISHED_FILE).unlink(missing_ok=True)
    for folder in (*(version / schema for schema in BESIDE), version):
        for file in folder.glob("*.parquet"):
            file.unlink()
        with suppress(OSError):
            folder.rmdir()


def _write_marts(warehouse: Warehouse, file: Path) -> dict[str, int]:
    warehouse.execute(
        f"attach {literal(str(file))} as published (storage_version '{STORAGE_VERSION}')"
    )
    try:
        with warehouse.transaction():
            for schema in SCHEMAS:
                warehouse.execute(f"create schema published.{schema}")
            rows = {
                table: _copy(warehouse, schema, table)
                for schema in SCHEMAS
                for table in _tables(warehouse, schema)
            }
        warehouse.execute("checkpoint published")
    finally:
        warehouse.execute("detach published")
    if file.with_name(file.name + ".wal").exists():
        raise PublishError(f"{file} was not written to its end. Run make refresh again.")
    _to_disk(file)
    return rows


def _write_beside(
    warehouse: Warehouse, schema: str, tables: Sequence[str], version: Path, published_dir: Path
) -> None:
    """One Parquet file per table of a schema, in a folder as closed as the one of its links."""
    folder = version / schema
    folder.mkdir(mode=0o700)
    for table in tables:
        file = folder / f"{table}.parquet"
        if schema == RESTRICTED:
            file.touch(mode=0o600)
        warehouse.execute(
            f"copy {schema}.{quoted(table)} to {literal(str(file))}"
            " (format parquet, use_tmp_file false)"
        )
        _to_disk(file)
    folder.chmod(stat.S_IMODE((published_dir / schema).stat().st_mode))
    _to_disk(folder)


def _tables(warehouse: Warehouse, schema: str) -> list[str]:
    return [
        name
        for (name,) in warehouse.rows(
            "select table_name from information_schema.tables where table_schema = ?"
            " and table_catalog = current_database() order by table_name",
            [schema],
        )
    ]


def _copy(warehouse: Warehouse, schema: str, table: str) -> int:
    new = f"published.{schema}.{quoted(table)}"
    warehouse.execute(f"create table {new} as select * from {schema}.{quoted(table)}")
    for kind, name, comment in warehouse.rows(
        """
        select 'table', null, comment from duckdb_tables()
        where schema_name = $1 and table_name = $2 and database_name = current_database()
        union all
        select 'column', column_name, comment from duckdb_columns()
        where schema_name = $1 and table_name = $2 and database_name = current_database()
        """,
        [schema, table],
    ):
        if comment is not None:
            what = new if kind == "table" else f"{new}.{quoted(name)}"
            warehouse.execute(f"comment on {kind} {what} is {literal(comment)}")
    ((count,),) = warehouse.rows(f"select count(*) from {new}")
    return int(count)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
