"""Settings and rules: what cannot be used, whose rules are in force, what nobody has set."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestration.doctor.findings import Finding, Severity
from orchestration.project import COMPANY_RULES, PROPOSED, own_files, own_vars, project
from orchestration.rules import checks
from orchestration.settings import (
    PROJECT_DIR,
    Settings,
    SettingsError,
    home_path,
    read_settings,
    rules_dir,
)

AREA = "rules"


def settings_of(environment: Mapping[str, str]) -> tuple[Settings | None, list[Finding]]:
    """The settings and what is wrong with them; None where a path leads nowhere."""
    settings, faults = read_settings(environment)
    if settings:
        faults += checks.faults_of_paths(settings)
    try:
        home_path(environment)
    except SettingsError as error:
        faults.append(str(error))
    return settings, [
        Finding(
            AREA,
            Severity.FAULT,
            "settings_wrong",
            fault,
            where={"setting": fault.split(" ")[0]},
        )
        for fault in dict.fromkeys(faults)
    ]


def project_of(environment: Mapping[str, str]) -> tuple[Path, list[Finding]]:
    """The project with the company's rules; the general one where those cannot be read."""
    try:
        return project(environment), []
    except SettingsError as error:
        return PROJECT_DIR, [
            Finding(AREA, Severity.FAULT, "rule_wrong", line, where={"setting": "RULES_DIR"})
            for line in str(error).split("\n")
        ]


def examine(environment: Mapping[str, str], project_dir: Path) -> Iterator[Finding]:
    """What is wrong with seeds and vars, and what the company has not said yet."""
    faults = checks.faults_of_rules(project_dir)
    for line in checks.shown(faults):
        yield Finding(AREA, Severity.FAULT, "rule_wrong", line)
    folder = None
    try:
        folder = rules_dir(environment)
        names = (
            [*own_files(folder), *(f"var {name}" for name in own_vars(folder))] if folder else []
        )
    except SettingsError:
        names = []  # told already
    said = f"Rules of {folder} over the general ones: {', '.join(names)}" if folder else ""
    yield Finding(
        AREA,
        Severity.OK,
        "rules_folder",
        said or "General rules alone are in force",
        numbers={"folder": str(folder) if folder else None, "rules": names},
    )
    yield from _not_set(project_dir, folder)


def _not_set(project_dir: Path, folder: Path | None) -> Iterator[Finding]:
    path = project_dir / COMPANY_RULES
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
    except (OSError, UnicodeDecodeError, csv.Error):
        return  # the checks say what is wrong with it
    place = folder or PROJECT_DIR / "rules"
    for row in rows:
        if row.get("set_by") == "nobody":
            said = "; make init proposes it" if row.get("is_proposable") == "true" else ""
            remedy = f"Write {place / (row['rule'] + '.csv')}{said}."
        elif row.get("set_by") == PROPOSED:
            proposed = place / PROPOSED / f"{row['rule']}.csv"
            remedy = f"Look at {proposed}, and move it to {place} if it is right."
        else:
            continue
        is_proposed = row["set_by"] == PROPOSED
        yield Finding(
            AREA,
            Severity.WARNING,
            "rule_not_set",
            f"{row['rule']} ({row['decides']}) is {'only proposed' if is_proposed else 'not set'}:"
            f" {row['until_then']}",
            remedy,
            {"path": row["rule"]},
            numbers={"set_by": row["set_by"]},
        )
