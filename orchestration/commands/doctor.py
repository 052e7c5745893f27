"""Says in a screen what lands, what came of it, and what to do: make doctor.

It reads and never writes, before a refresh as after it. Exit code: 0 nothing to do, 1 warnings,
2 faults.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from orchestration.doctor.examination import examine
from orchestration.doctor.findings import AREAS, SCHEMA_VERSION, Finding, Severity, exit_code
from orchestration.settings import NO_TRACKING
from orchestration.terminal import printable

TITLES = {
    "landing": "What lands",
    "results": "What came of it",
    "rules": "Rules",
    "machine": "Machine",
}
STYLES = {
    Severity.FAULT: "bold red",
    Severity.WARNING: "yellow",
    Severity.NOTE: "cyan",
    Severity.OK: "dim",
}
# One screen; --all is as long as it takes.
LINES = 50
# Findings of one kind that may be shown in it: whoever sees these knows what the rest is.
OF_A_KIND = {Severity.FAULT: 20, Severity.WARNING: 10, Severity.NOTE: 2, Severity.OK: 0}
FEEDS = 6  # rows of the overview
WIDEST = 120
SUMMARY = {
    "results": ("stored_days", "last_publish"),
    "rules": ("rules_folder",),
    "machine": ("environment", "disk", "versions"),
}


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> int:
    """Prints the findings; returns the exit code."""
    options = _options(arguments)
    os.environ.update(NO_TRACKING)
    warnings.simplefilter("ignore")
    now = datetime.now(UTC).replace(tzinfo=None)
    findings = examine(os.environ, now, is_thorough=options.all)
    if options.json:
        print(as_json(findings))
    else:
        show(findings, console or Console(), everything=options.all)
    return exit_code(findings)


def as_json(findings: Sequence[Finding]) -> str:
    """The findings for a script; docs/doctor.md says what the keys are."""
    return json.dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "exit_code": exit_code(findings),
            "counts": {
                severity.word: sum(finding.severity == severity for finding in findings)
                for severity in sorted(Severity, reverse=True)
            },
            "findings": [finding.as_json() for finding in findings],
        },
        indent=2,
        default=str,
    )


def show(findings: Sequence[Finding], console: Console, *, everything: bool = False) -> None:
    """Prints the findings area by area, the worst first; all of them, or what fits one screen."""
    width = min(console.width, WIDEST)
    options = console.options.update(width=width)
    by_area = {area: [finding for finding in findings if finding.area == area] for area in AREAS}
    worst = sorted(AREAS, key=lambda area: -max((f.severity for f in by_area[area]), default=0))
    shown = list(findings) if everything else _few(findings)

    def screen() -> Group:
        parts: list[RenderableType] = [_title(findings)]
        for area in worst:
            chosen = [finding for finding in shown if finding.area == area]
            parts.append(_heading(area, by_area[area]))
            if area == "landing":
                parts.append(_overview(by_area[area], everything=everything))
            elif not everything:
                parts += _summary(area, by_area[area])
            parts.append(_rows(chosen))
            parts += _rest(by_area[area], chosen)
        if not everything:
            parts.append(Text("All of it: make doctor ALL=1. For scripts: JSON=1.", "dim"))
        return Group(*parts)

    def lines(part: RenderableType) -> int:
        return len(console.render_lines(part, options, pad=False))

    if not everything:
        heights = {id(finding): lines(_rows([finding])) for finding in shown}
        over = lines(screen()) - LINES
        while shown and over > 0:
            over -= heights[id(_drop(shown))]
            if over <= 0:  # what is left out is told, which takes lines too
                over = lines(screen()) - LINES
    console.print(screen(), width=width, highlight=False)


def _drop(shown: list[Finding]) -> Finding:
    """Takes away the least of what is shown: the last of the kind that has most."""
    least = min(finding.severity for finding in shown)
    kinds = Counter(finding.code for finding in shown if finding.severity == least)
    most = max(kinds.values())
    finding = next(
        each for each in reversed(shown) if each.severity == least and kinds[each.code] == most
    )
    shown.remove(finding)
    return finding


def _few(findings: Sequence[Finding]) -> list[Finding]:
    """Some of each kind."""
    seen: Counter[tuple[Severity, str]] = Counter()
    few = []
    for finding in findings:
        kind = finding.severity, finding.code
        seen[kind] += 1
        if seen[kind] <= OF_A_KIND[finding.severity]:
            few.append(finding)
    return few


def _title(findings: Sequence[Finding]) -> Text:
    counts = Counter(finding.severity for finding in findings)
    if not counts[Severity.FAULT] and not counts[Severity.WARNING]:
        return Text("Nothing to do.", "bold green")
    return Text("To do: ", "bold").append(_counts(counts, (Severity.FAULT, Severity.WARNING)))


def _heading(area: str, findings: Sequence[Finding]) -> Text:
    counts = Counter(finding.severity for finding in findings)
    said = _counts(counts, (Severity.FAULT, Severity.WARNING, Severity.NOTE))
    return Text(TITLES[area], "bold").append(f"  {said or 'nothing to do'}", "dim")


def _counts(counts: Mapping[Severity, int], severities: Iterable[Severity]) -> str:
    return ", ".join(
        f"{counts[severity]} {severity.word}{'' if counts[severity] == 1 else 's'}"
        for severity in severities
        if counts[severity]
    )


def _overview(findings: Sequence[Finding], *, everything: bool) -> RenderableType:
    """Files, columns and rows of each table, or of each source where there are many."""
    landed = [finding for finding in findings if finding.code == "table_landed"]
    if not landed:
        return Group()
    groups: dict[str, list[Finding]] = {}
    by_source = not everything and len(landed) > FEEDS
    for finding in landed:
        where = finding.where
        name = where["source"] + (f"@{where['instance']}" if "instance" in where else "")
        key = name if by_source else f"{name}.{where['table']}"
        groups.setdefault(key, []).append(finding)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("  source" if by_source else "  table", overflow="fold")
    for name in ("tables", "files", "columns", "missing", "unknown", "sampled", "refused"):
        if name != "tables" or by_source:
            table.add_column(name, justify="right")
    # Those with most to lose first.
    ranked = sorted(groups.items(), key=lambda group: (-_refused_share(group[1]), group[0]))
    shown = ranked if everything else ranked[:FEEDS]
    for name, each in shown:
        table.add_row(*_overview_row(name, each, with_tables=by_source))
    if len(shown) < len(ranked):
        rest = [finding for _, each in ranked[len(shown) :] for finding in each]
        name = f"and {len(ranked) - len(shown)} more"
        table.add_row(*_overview_row(name, rest, with_tables=by_source))
    return table


def _refused_share(findings: Sequence[Finding]) -> float:
    rows = sum(finding.numbers["sampled_rows"] for finding in findings)
    good = sum(finding.numbers["good_rows"] for finding in findings)
    return (rows - good) / rows if rows else 0.0


def _overview_row(name: str, findings: Sequence[Finding], *, with_tables: bool) -> list[Text]:
    def total(key: str) -> int:
        values = (finding.numbers[key] for finding in findings)
        return sum(len(value) if isinstance(value, list) else value for value in values)

    rows, good = total("sampled_rows"), total("good_rows")
    cells = [
        *([f"{len(findings):,}"] if with_tables else []),
        *(f"{total('files'):,}", f"{total('columns_matched'):,}", f"{total('columns_missing'):,}"),
        *(f"{total('columns_unknown'):,}", f"{rows:,}", f"{rows - good:,}"),
    ]
    style = "yellow" if rows > good else ""
    return [
        Text(f"  {printable(name)}"),
        *(Text(cell) for cell in cells[:-1]),
        Text(cells[-1], style),
    ]


def _summary(area: str, findings: Sequence[Finding]) -> list[RenderableType]:
    said = [
        finding.what
        for code in SUMMARY.get(area, ())
        for finding in findings
        if finding.code == code
        and finding.severity == Severity.OK
        and finding.numbers.get("given", "") is not None  # a setting that nobody has set
    ]
    return [Padding(Text(printable("; ".join(said)), "dim"), (0, 0, 0, 2))] if said else []


def _rows(findings: Sequence[Finding]) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=9)
    table.add_column(overflow="fold", ratio=1)
    for finding in findings:
        text = Text(_sentence(finding.what))
        if finding.remedy:
            text.append(f" {printable(finding.remedy)}", "italic")
        for setting in finding.settings:
            text.append(f"\n{printable(setting)}", "green")
        table.add_row(Text(f"  {finding.severity.word}", STYLES[finding.severity]), text)
    return table


def _sentence(text: str) -> str:
    said = printable(text)
    return said if said.endswith((".", "?")) else f"{said}."


def _rest(all_of_them: Sequence[Finding], shown: Sequence[Finding]) -> list[RenderableType]:
    """What is not shown, by its kind."""
    left = Counter(
        finding.code for finding in all_of_them if finding.severity > Severity.OK
    ) - Counter(finding.code for finding in shown)
    if not left:
        return []
    kinds = ", ".join(f"{code} {count:,}" for code, count in left.most_common())
    return [Padding(Text(f"and {kinds}", "dim"), (0, 0, 0, 10))]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make doctor",
        description="What lands, what came of it, and what to do. LANDING_DIR, WAREHOUSE_PATH,"
        " PUBLISHED_DIR and RULES_DIR are read from the environment. Exit code: 0 nothing to do,"
        " 1 warnings, 2 faults.",
    )
    parser.add_argument("--all", action="store_true", help="every finding, table by table")
    parser.add_argument("--json", action="store_true", help="every finding, for a script")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
