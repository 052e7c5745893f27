"""The machine: disks, versions, locks, what the environment says, who may read what."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestration.doctor.findings import Finding, Severity
from orchestration.runs.publish import LOCK, RESTRICTED
from orchestration.settings import (
    DEFAULTS,
    PROJECT_DIR,
    Settings,
    SettingsError,
    home_path,
    rules_dir,
)

AREA = "machine"
LOCK_FILE = "requirements.lock"
# What a refresh stands on; a package beside them shows itself when something is imported.
PACKAGES = ("duckdb", "dbt-core", "dbt-duckdb", "dagster", "dagster-dbt", "pyarrow", "splink")
PYTHONS = ((3, 11), (3, 14))
# A refresh moves to disk what does not fit into memory, and may write the warehouse anew beside the
# old one.
LEAST_FREE_BYTES = 2_000_000_000
SETTINGS = (
    *("LANDING_DIR", "WAREHOUSE_PATH", "PUBLISHED_DIR", "RULES_DIR", "START_DATE", "END_DATE"),
    *("CONFIRM", "KEEP_VERSIONS", "WAIT_UNTIL", "MEMORY_LIMIT", "SPILL_DIR", "DAGSTER_HOME"),
)
LOCKS = Path("/proc/locks")


def examine(environment: Mapping[str, str], settings: Settings | None) -> Iterator[Finding]:
    """Findings about the machine; settings: None where they cannot be read."""
    yield from _versions()
    yield from _environment(environment, settings)
    if settings is not None:
        yield from _disks(settings)
        yield from _locks(settings)
        yield from _rights(settings)


def _versions() -> Iterator[Finding]:
    text = (PROJECT_DIR / LOCK_FILE).read_text(encoding="utf-8")
    locked = dict(re.findall(r"(?m)^([\w.-]+)==([^\s\\;]+)", text))
    here: dict[str, str] = {}
    for name in PACKAGES:
        try:
            here[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            here[name] = "none"
        if name in locked and here[name] != locked[name]:
            yield Finding(
                AREA,
                Severity.WARNING,
                "version_other",
                f"{name} is {here[name]}; {LOCK_FILE} names {locked[name]}",
                f"Run touch {LOCK_FILE} and make doctor: it installs what the file names.",
                {"path": name},
            )
    python = platform.python_version()
    if not PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]:
        yield Finding(
            AREA,
            Severity.WARNING,
            "version_other",
            f"Python is {python}; 3.11, 3.12 or 3.13 is needed",
            "Remove .venv and run make doctor with such a python3.",
            {"path": "python"},
        )
    shown = ", ".join(f"{name} {version}" for name, version in here.items())
    yield Finding(
        AREA,
        Severity.OK,
        "versions",
        f"Python {python}, {shown}",
        numbers={"python": python, **here},
    )


def _environment(environment: Mapping[str, str], settings: Settings | None) -> Iterator[Finding]:
    for name in SETTINGS:
        given = environment.get(name, "").strip()
        value = _resolved(name, environment, settings)
        if not given and name not in DEFAULTS:
            continue
        yield Finding(
            AREA,
            Severity.OK,
            "environment",
            f"{name} is {value or given}" + ("" if given else " (default)"),
            where={"setting": name},
            numbers={"given": given or None, "value": value or given or None},
        )


def _resolved(name: str, environment: Mapping[str, str], settings: Settings | None) -> str:
    try:
        if name == "RULES_DIR":
            return str(rules_dir(environment) or "")
        if name == "DAGSTER_HOME":
            return str(home_path(environment))
    except SettingsError:
        return ""  # told already
    if settings is None:
        return ""
    values = settings.as_environment() | {
        "START_DATE": str(settings.start_date or ""),
        "END_DATE": str(settings.end_date or ""),
        "CONFIRM": ",".join(settings.confirm),
    }
    return values.get(name, "")


def _disks(settings: Settings) -> Iterator[Finding]:
    size = settings.warehouse_path.stat().st_size if settings.warehouse_path.is_file() else 0
    needs = {
        "WAREHOUSE_PATH": (settings.warehouse_path, max(LEAST_FREE_BYTES, size)),
        "PUBLISHED_DIR": (settings.published_dir, max(LEAST_FREE_BYTES // 4, size // 4)),
        "LANDING_DIR": (settings.landing_dir, 0),
    }
    if settings.spill_dir:
        needs["SPILL_DIR"] = Path(settings.spill_dir), LEAST_FREE_BYTES
    told = []
    for name, (path, need) in needs.items():
        there = next(place for place in (path, *path.parents) if place.exists())
        free = shutil.disk_usage(there).free
        told.append(f"{name} {_bytes(free)}")
        if free < need:
            yield Finding(
                AREA,
                Severity.WARNING,
                "disk_low",
                f"{_bytes(free)} free where {name} lies ({path}); a refresh may want"
                f" {_bytes(need)}",
                f"Make room there, or set {name} to a larger disk.",
                {"setting": name, "path": str(path)},
                numbers={"free_bytes": free, "wanted_bytes": need},
            )
    yield Finding(AREA, Severity.OK, "disk", f"Free: {', '.join(told)}")


def _locks(settings: Settings) -> Iterator[Finding]:
    for path, what in (
        (settings.lock_path, "A refresh of this warehouse is running"),
        (settings.published_dir / LOCK, "A refresh is publishing into this folder"),
    ):
        holder = _holder(path)
        if holder:
            yield Finding(
                AREA,
                Severity.NOTE,
                "refresh_runs",
                f"{what} ({holder} holds {path})",
                "Wait until it is done; another one will not start.",
                {"path": str(path)},
            )


def _holder(path: Path) -> str:
    """Who holds a lock, read off the system: to try it would keep others away. '' = nobody.

    On systems that do not say so nobody is known.
    """
    if not path.exists() or not LOCKS.exists():
        return ""
    entry = path.stat()
    wanted = f"{os.major(entry.st_dev):02x}:{os.minor(entry.st_dev):02x}:{entry.st_ino}"
    for line in LOCKS.read_text().splitlines():
        parts = line.split()
        if "->" not in parts and wanted in parts:
            pid = parts[4]
            name = Path(f"/proc/{pid}/comm")
            try:
                return f"process {pid}, {name.read_text().strip()},"
            except OSError:
                return f"process {pid}" if pid != "-1" else "a process"
    return ""


def _rights(settings: Settings) -> Iterator[Finding]:
    restricted = settings.published_dir / RESTRICTED
    for path, what in (
        (settings.warehouse_path, "raw data"),
        (restricted, "ids of single people"),
    ):
        if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            rights = "700" if path.is_dir() else "600"
            yield Finding(
                AREA,
                Severity.WARNING,
                "open_to_others",
                f"{path} holds {what}, and others may read it",
                f"chmod {rights} {path}",
                {"path": str(path)},
            )


def _bytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"
