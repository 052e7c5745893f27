"""Looks at everything, part by part: what fails in one part costs the others nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestration.doctor import landing, machine, results, rules
from orchestration.doctor.findings import Finding, Severity
from orchestration.landing.contract import ContractError
from orchestration.landing.discovery import FoundFile
from orchestration.rules.ruleset import project_vars
from orchestration.runs.context import contract as contract_of_run
from orchestration.settings import PROJECT_DIR

# Where the var cannot be read.
LOST_ROWS_MIN_SHARE = 0.01


def examine(
    environment: Mapping[str, str], now: datetime, *, is_thorough: bool = False
) -> list[Finding]:
    """All findings, the worst of each area first. now: UTC, without a zone."""
    findings: list[Finding] = []

    def part(area: str, what: str, look: Callable[[], Iterable[Finding]]) -> None:
        try:
            findings.extend(look())
        except Exception as error:
            said = str(error).strip().split("\n")[0] or type(error).__name__
            findings.append(
                Finding(
                    area,
                    Severity.WARNING,
                    "not_examined",
                    f"{what} could not be looked at: {said}",
                    "If it names a setting or a file, correct that; else please report it.",
                )
            )

    settings, wrong = rules.settings_of(environment)
    findings += wrong
    project_dir, wrong = rules.project_of(environment)
    findings += wrong
    variables = _variables(project_dir)
    part(rules.AREA, "The rules", lambda: rules.examine(environment, project_dir))
    files: list[FoundFile] = []
    if settings is not None:

        def look_at_landing() -> list[Finding]:
            try:
                contract = contract_of_run()
            except ContractError as error:
                return [Finding(landing.AREA, Severity.FAULT, "contract_broken", str(error))]
            landed = landing.examine(
                settings,
                contract,
                landing.Rules(project_dir, variables),
                now,
                is_thorough=is_thorough,
            )
            files.extend(landed.files)
            return landed.findings

        min_share = float(variables.get("lost_rows_min_share") or LOST_ROWS_MIN_SHARE)
        part(landing.AREA, "The landing folder", look_at_landing)
        part(
            results.AREA,
            "The results",
            lambda: results.examine(settings, files, now, min_share),
        )
    part(machine.AREA, "The machine", lambda: machine.examine(environment, settings))
    return sorted(findings, key=lambda finding: -finding.severity)


def _variables(project_dir: Path) -> dict[str, Any]:
    """The vars, of the general project where those of the company do not read."""
    for place in (project_dir, PROJECT_DIR):
        try:
            return project_vars(place)
        except Exception:
            continue  # rules.py says what is wrong with them
    return {}
