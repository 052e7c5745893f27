"""What lands: folders, files, columns, how values are written, ids, feeds.

Each finding about a column or a form has the setting to write. What belongs here: findings about
LANDING_DIR and the contract. What does not: reading samples (samples.py), guessing (likely.py).
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from orchestration.doctor import contract_lines, likely, samples
from orchestration.doctor.findings import Finding, Setting, Severity
from orchestration.doctor.samples import Refusal, Sample
from orchestration.engine.warehouse import Warehouse
from orchestration.landing import el_schemas, fates
from orchestration.landing.contract import Contract, Output, Table
from orchestration.landing.discovery import MAIN_INSTANCE, FoundFile, counted, discover
from orchestration.landing.el_schemas import ElSchema, Survey
from orchestration.landing.flags import looks_like_a_flag
from orchestration.landing.mappings import LAYER, as_mapped
from orchestration.project import FEEDS_SEED, VARS_FILE, rule_file, source_of
from orchestration.settings import MODELS_DIR, Settings, rules_path

AREA = "landing"
CUSTOM_FIELDS = Path("seeds/identity/custom_fields.csv")
SHOWN = 4  # names in a sentence
# Of more tables than this only one file each is read whole: a look takes seconds, not minutes.
MANY_TABLES = 30
# Kinds of records that others name by their ids.
NAMED_KINDS = ("accounts", "people", "opportunities")
# How discovery says what it passes over, and what to do about it.
PASSED_OVER = (
    (
        "is no source of the contract",
        "unknown_source",
        "Rename the folder to the source it is, or write a mapping: make add-source NAME=<folder>.",
    ),
    (
        "names no other organisation",
        "reserved_name",
        "Rename the folder: a name after the @, other than main, is another organisation.",
    ),
    ("is no table of the contract", "unknown_table", "Rename the folder, if it is that table."),
    (
        "the contract has no table",
        "unknown_table",
        "Nothing, if you need none of them; docs/adding-a-source.md says how a table is added.",
    ),
    (
        ".yml names no table",
        "unknown_table",
        "Nothing, if you need none of them; else rename the folder, or add it under files in a copy"
        " of the mapping in RULES_DIR/mappings (docs/mappings.md).",
    ),
    (
        "is no csv, parquet or jsonl file",
        "ignored_file",
        "Export it as csv, parquet or jsonl, also zipped (.gz).",
    ),
    ("", "ignored_file", "Mend what it says, or take it away."),
)
SOURCE_READ = re.compile(r"""['"](\w+)['"]\s*,\s*['"](\w+)['"]""")
# Whoever lands an EL tool's tables has many that nobody here reads.
HARMLESS = ("the contract has no table", ".yml names no table")


@dataclass
class Landed:
    """What lies in the landing folder, and what was found about it."""

    files: list[FoundFile] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Rules:
    """What of the rules is needed here. project_dir: the project with the company's rules."""

    project_dir: Path
    variables: Mapping[str, Any]

    @property
    def sources(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        return self.variables.get("sources") or {}

    @property
    def sources_off(self) -> Sequence[str]:
        return self.variables.get("sources_off") or ()

    @property
    def schemas(self) -> list[ElSchema]:
        try:
            return el_schemas.read_setting(self.variables.get("raw_schemas"))
        except (AttributeError, KeyError, TypeError):
            return []  # rules.py says what is wrong with it


def examine(
    settings: Settings,
    contract: Contract,
    rules: Rules,
    now: datetime,
    *,
    is_thorough: bool = False,
) -> Landed:
    """All that can be said of the landing folder, and of the schemas that are collected into it.

    now: UTC, without a zone. is_thorough: rows of several files are read also where there are many
    tables.
    """
    landed, landing_dir = Landed(), settings.landing_dir
    surveys = el_schemas.examine(rules.schemas, contract, settings.warehouse_path)
    landed.findings += _schemas(surveys)
    # What the next refresh collects is not missing.
    to_come = {
        (known.table.source, table)
        for survey in surveys
        for known, _, _ in survey.tables
        for table in ([output.table for output in known.outputs] or [known.table.name])
    }
    if not landing_dir.is_dir():
        if not to_come or settings.published_path.exists():
            landed.findings.append(
                Finding(
                    AREA,
                    Severity.FAULT,
                    "no_landing_folder",
                    f"{landing_dir} does not exist",
                    "Set LANDING_DIR to the folder that holds <source>/<table>/, or make it and put"
                    " files there (docs/landing.md says which).",
                    {"setting": "LANDING_DIR"},
                )
            )
        return landed
    problems: list[str] = []
    landed.files = discover(landing_dir, contract, problems, now)
    landed.findings += _passed_over(problems, contract)
    landed.findings += _passed_over_silently(landing_dir, contract)
    groups: dict[tuple[str, str, str], list[FoundFile]] = {}
    for file in landed.files:
        groups.setdefault((file.source, file.table, file.instance), []).append(file)
    # Files of several folders may become rows of one table, each in its own way.
    read_alike: dict[tuple[str, str, Output | None], dict[str, list[FoundFile]]] = {}
    for file in landed.files:
        alike = read_alike.setdefault((file.source, file.table, file.mapping), {})
        alike.setdefault(file.instance, []).append(file)
    if not groups and not to_come:
        landed.findings.append(
            Finding(
                AREA,
                Severity.FAULT,
                "nothing_landed",
                f"{landing_dir} holds no file of a table that the contract knows",
                "Put files under <source>/<table>/, such as salesforce/account/accounts.csv.",
                {"setting": "LANDING_DIR"},
            )
        )
    is_quick = len(groups) > MANY_TABLES and not is_thorough
    currency = str(rules.variables.get("default_currency") or "")
    taken = _look(contract, read_alike, now, is_quick, currency)
    remedies = _remedies(rules.project_dir)
    words = tuple(rules.variables.get("flag_words") or ())
    for sample, of_values in taken:
        landed.findings += _of_table(sample, of_values, remedies, words)
    landed.findings += _missing_tables(contract, {key[:2] for key in groups} | to_come, rules)
    landed.findings += _shared_ids([sample for sample, _ in taken], rules)
    landed.findings += _feeds(contract, groups, rules)
    landed.findings += _unread(contract, {key[:2] for key in groups}, rules)
    return landed


# --- folders --------------------------------------------------------------------------------------


def _passed_over(problems: Iterable[str], contract: Contract) -> Iterator[Finding]:
    own = _own_sources(contract)
    for problem in problems:
        words, code, remedy = next(each for each in PASSED_OVER if each[0] in problem)
        name = problem.split(" ")[0].rstrip(":")
        where = {"path": name}
        severity = Severity.NOTE if words in HARMLESS else Severity.WARNING
        if code == "unknown_source":
            source, at, instance = name.partition("@")
            if source in own:
                code, remedy = "reserved_name", "Rename the folder: the project itself uses it."
            elif near := get_close_matches(source.lower(), contract.sources, n=1, cutoff=0.5):
                remedy = f"Rename the folder to {near[0]}{at}{instance}, if it is that source;"
                remedy += (
                    f" else make add-source NAME={source} begins a mapping (docs/mappings.md)."
                )
        yield Finding(AREA, severity, code, problem, remedy, where)


def _own_sources(contract: Contract) -> frozenset[str]:
    """Sources of the project that nothing lands in: its own tables."""
    folders = {path.name for path in (MODELS_DIR / "staging").glob("*/")}
    return frozenset(folders - {*contract.sources})


def _passed_over_silently(landing_dir: Path, contract: Contract) -> Iterator[Finding]:
    """Folders and data files whose names say that nobody is to read them."""
    names = []
    for depth in ("*", "*/*", "*/*/*", "*/*/*/*"):
        for path in landing_dir.glob(depth):
            if not path.name.startswith(("_", ".")):
                continue
            bare = path.name.lstrip("_.").lower()
            is_meant = (
                bare.partition("@")[0] in contract.sources
                if depth == "*"
                else bare in contract.of_source(path.parent.name.partition("@")[0])
                or re.search(r"[.](csv|parquet|jsonl)([.]gz)?$", bare) is not None
            )
            if is_meant:
                names.append(path.relative_to(landing_dir).as_posix())
    if names:
        yield Finding(
            AREA,
            Severity.NOTE,
            "reserved_name",
            f"{_some(sorted(names))}: passed over, for the name begins with _ or a dot",
            "Rename them if they are to be read.",
            {"path": sorted(names)[0]},
        )


def _schemas(surveys: Iterable[Survey]) -> Iterator[Finding]:
    """What stands in the schemas that EL tools fill, and what keeps one from being read."""
    for survey in surveys:
        schema = survey.schema
        source, at, instance = schema.name.partition("@")
        where = {"source": source, **({"instance": instance} if at else {})}
        if survey.fault:
            what, _, remedy = survey.fault.rpartition(". ")
            yield Finding(
                AREA, Severity.FAULT, "schema_unread", what or remedy, what and f"{remedy}.", where
            )
            continue
        names = [
            name if name.lower() == known.folder.lower() else f"{known.folder} (as {name})"
            for known, name, _ in survey.tables
        ]
        yield Finding(
            AREA,
            Severity.OK,
            "schema_read",
            f"{schema.name}: {schema.where} is collected by each refresh: {_some(names)}",
            where=where,
            numbers={"tables": names},
        )
        for known, name, columns in survey.tables:
            if lacking := el_schemas.lacking(known, [column for column, _ in columns]):
                yield Finding(
                    AREA,
                    Severity.FAULT,
                    "schema_column_required",
                    f"{schema.name}: the table {name} of {schema.where} lacks"
                    f" {', '.join(lacking)}, so none of its rows can be taken",
                    "Have the tool copy it, or name it in the contract or the mapping.",
                    {**where, "table": name},
                    numbers={"columns": lacking},
                )
        if survey.missing and not survey.is_mapped:
            absent = [known.folder for known in survey.missing]
            yield Finding(
                AREA,
                Severity.NOTE,
                "schema_tables_missing",
                f"{schema.name}: {schema.where} has no table {_some(absent)}",
                "Have the tool copy them if you want what they serve (docs/landing.md).",
                where,
                numbers={"tables": absent},
            )
        if survey.unknown:
            yield Finding(
                AREA,
                Severity.OK,
                "schema_tables_unknown",
                f"{schema.name}: nothing here reads {_some(survey.unknown)} of {schema.where}",
                where=where,
                numbers={"tables": list(survey.unknown)},
            )


# --- tables ---------------------------------------------------------------------------------------


def _look(
    contract: Contract,
    read_alike: Mapping[tuple[str, str, Output | None], Mapping[str, Sequence[FoundFile]]],
    now: datetime,
    is_quick: bool,
    currency: str,
) -> list[tuple[Sample, list[Finding]]]:
    """A sample of each table and organisation, with what its values show."""
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set threads = 1")  # small queries, several at a time
        warehouse = Warehouse(connection)

        def look(
            number: int, of_table: tuple[str, str], mapping: Output | None
        ) -> list[tuple[Sample, list[Finding]]]:
            place = Path(folder) / str(number)
            place.mkdir()
            table = contract.tables[of_table]
            by_instance = read_alike[(*of_table, mapping)]
            if mapping:
                table = as_mapped(table, mapping)
            with warehouse.another() as own:
                taken = samples.take(own, table, by_instance, now.date(), place, is_quick=is_quick)
                return [
                    (sample, list(_of_values(own, sample, currency)) if sample.sampled else [])
                    for sample in taken
                ]

        with ThreadPoolExecutor(max_workers=2) as workers:
            jobs = [
                workers.submit(look, number, (source, table), mapping)
                for number, (source, table, mapping) in enumerate(read_alike)
            ]
            return [pair for job in jobs for pair in job.result()]


def _of_table(
    sample: Sample,
    of_values: Sequence[Finding],
    remedies: Mapping[str, str],
    flag_words: Sequence[str],
) -> Iterator[Finding]:
    table, where = sample.table, _where(sample)
    days = sorted(file.folder_day for file in sample.found if file.folder_day)
    span = f", {days[0]} to {days[-1]}" if days and days[0] < days[-1] else ""
    unknown = _unknown(sample)
    matched = len(sample.columns)
    never = [name for name in table.optional if sample.matches and name not in sample.columns]
    yield Finding(
        AREA,
        Severity.OK,
        "table_landed",
        f"{sample.feed}: {counted(len(sample.found), 'file')}{span}; {matched} of"
        f" {len(table.columns)} columns, {len(unknown)} unknown; {sample.good:,} of"
        f" {sample.rows:,} sampled rows can be taken",
        where=where,
        numbers={
            "files": len(sample.found),
            "bytes": sum(file.size for file in sample.found),
            "first_day": str(days[0]) if days else None,
            "last_day": str(days[-1]) if days else None,
            "columns_of_contract": len(table.columns),
            "columns_matched": sorted(sample.columns),
            "columns_missing": never,
            "columns_unknown": unknown,
            "sampled_rows": sample.rows,
            "good_rows": sample.good,
        },
    )
    for file, reason in sample.unreadable.items():
        yield Finding(
            AREA,
            Severity.FAULT,
            "unreadable_file",
            f"{file} cannot be read: {reason}",
            "Export it again, or take it away.",
            {**where, "file": file},
        )
    yield from of_values
    renamed = {finding.where["column"] for finding in of_values if finding.code == "column_renamed"}
    told = {
        (column, cause)
        for finding in of_values
        for column in finding.numbers.get("columns") or [finding.where.get("column")]
        for cause in finding.numbers.get("causes", ())
    }
    wrapped = {finding.where["file"] for finding in of_values if finding.code == "record_wrapped"}
    lacking: dict[str, list[str]] = {}  # the last file that lacks a required column or group
    for name, file in {
        name: file for file, match in sample.matches.items() for name in match.missing
    }.items():
        if file not in wrapped and renamed.isdisjoint(name.split(" or ")):
            lacking.setdefault(file, []).append(name)
    for file, names in lacking.items():
        described = "; ".join(f"{name}{_described(table, name)}" for name in names)
        columns = "columns" if len(names) > 1 else "column"
        yield Finding(
            AREA,
            Severity.FAULT,
            "column_required",
            f"{file} lacks the required {columns} {described}, so none of its rows can be taken."
            f" {_cost(sample)}",
            f"Export {'them' if len(names) > 1 else names[0]}.{_known_as(sample, file)}",
            {**where, "file": file, "column": names[0]},
            numbers={"columns": names},
        )
    yield from _missing_columns(sample, [name for name in never if name not in renamed])
    yield from _lost_columns(sample, renamed)
    if unknown:
        yield Finding(
            AREA,
            Severity.OK,
            "column_unknown",
            f"{sample.feed}: the contract does not know {_some(unknown)}",
            f"{'It is' if len(unknown) == 1 else 'They are'} kept as delivered;"
            f" to make one an attribute of the account, name it in {rule_file(CUSTOM_FIELDS)}.",
            where,
            numbers={"columns": unknown},
        )
    marks = [name for name in unknown if looks_like_a_flag(name, flag_words)]
    if marks:
        yield Finding(
            AREA,
            Severity.NOTE,
            "unread_mark",
            f"{sample.feed}: {_some(marks)} may mark rows to be left out, and no model reads"
            f" {'it' if len(marks) == 1 else 'them'}",
            "If so, leave such rows out of the export.",
            {**where, "column": marks[0]},
            numbers={"columns": marks},
        )
    for refusal in sample.refusals:
        if refusal.cause != fates.COLUMN_MISSING and not _is_told(refusal, told):
            yield _refused(sample, refusal, remedies)


def _is_told(refusal: Refusal, told: set[tuple[str | None, str]]) -> bool:
    if not refusal.column and refusal.cause != fates.SEVERAL:  # several columns with one fault
        return refusal.cause in {cause for _, cause in told}
    return (refusal.column, refusal.cause) in told or (None, refusal.cause) in told


def _refused(sample: Sample, refusal: Refusal, remedies: Mapping[str, str]) -> Finding:
    column = f"{refusal.column} " if refusal.column else ""
    is_all = refusal.rows == sample.rows
    remedy = remedies.get(refusal.cause, fates.REMEDY)
    return Finding(
        AREA,
        Severity.FAULT if is_all else Severity.WARNING,
        "rows_refused",
        f"{sample.feed}: {refusal.rows:,} of {sample.rows:,} sampled rows would go to quarantine:"
        f" {column}{refusal.cause} (first in {refusal.file}, row {refusal.row}: {refusal.reason})",
        f"{remedy[:1].upper()}{remedy[1:]}.",
        {**_where(sample), "file": refusal.file, "column": refusal.column},
        numbers={
            "rows": refusal.rows,
            "sampled_rows": sample.rows,
            "cause": refusal.cause,
            "row": refusal.row,
        },
    )


def _missing_columns(sample: Sample, names: Sequence[str]) -> Iterator[Finding]:
    table = sample.table
    names = [name for name in names if name not in {*table.syncs, *table.deletions}]
    if not names:
        return
    described = "; ".join(f"{name}{_described(table, name)}" for name in names[:SHOWN])
    more = f" and {counted(len(names) - SHOWN, 'more column')}" if len(names) > SHOWN else ""
    it = "it" if len(names) == 1 else "them"
    yield Finding(
        AREA,
        Severity.NOTE,
        "column_missing",
        f"{sample.feed} comes without {described}{more}. {_cost(sample)}",
        f"Add {it} to the export if you have {it}.",
        {**_where(sample), "column": names[0]},
        numbers={"columns": list(names)},
    )


def _lost_columns(sample: Sample, renamed: set[str]) -> Iterator[Finding]:
    files = list(sample.matches)
    if len(files) < 2:
        return
    last = sample.matches[files[-1]]
    table = sample.table
    lost = [
        name
        for name in table.optional
        if name in sample.columns and name not in last.places and name not in table.syncs
    ]
    for name in lost:
        if name not in renamed:
            yield Finding(
                AREA,
                Severity.WARNING,
                "column_lost",
                f"{files[-1]} lacks {name}{_described(table, name)}, which earlier files had."
                f" {_cost(sample)}",
                f"Export {name} again.",
                {**_where(sample), "file": files[-1], "column": name},
            )


def _unknown(sample: Sample) -> list[str]:
    return sorted({name for match in sample.matches.values() for name in match.extras})


def _known_as(sample: Sample, file: str) -> str:
    extras = [name for name in sample.matches[file].extras if not name.startswith("_")]
    if not extras:
        return ""
    return f" If the file calls it {' or '.join(extras[:SHOWN])}, write that name down (also)."


def _cost(sample: Sample) -> str:
    features = sample.table.features
    return f"{sample.table.label} serves: {features}." if features else ""


def _described(table: Table, names: str) -> str:
    said = [contract_lines.description(table, name) for name in names.split(" or ")]
    return f" ({said[0].rstrip('.')})" if said[0] and len(said) == 1 else ""


# --- values ---------------------------------------------------------------------------------------


def _of_values(warehouse: Warehouse, sample: Sample, currency: str) -> Iterator[Finding]:
    """What names and values show together: columns with another name, dates, numbers."""
    table = sample.table
    missing = {
        part
        for match in sample.matches.values()
        for name in (*match.missing, *(name for name in table.optional if name not in match.places))
        for part in name.split(" or ")
    }
    causes = {refusal.cause for refusal in sample.refusals}
    is_unread = not causes.isdisjoint((fates.NO_DATE, fates.NO_NUMBER, fates.SEVERAL))
    unknown = _unknown(sample)
    of_numbers = [
        column.name
        for column in table.columns
        if column.name in sample.columns and column.data_type in ("integer", "double")
    ]
    if not is_unread and not (missing and unknown) and not of_numbers:
        return
    values = samples.texts(warehouse, sample)
    extras = {name: values.get(name, []) for name in unknown}
    is_bare = any(match.missing and not match.places for match in sample.matches.values())
    if is_bare and (wrapped := likely.wrapped(table, extras)):
        name, columns = wrapped
        file = next(file for file, match in sample.matches.items() if name in match.extras)
        yield Finding(
            AREA,
            Severity.FAULT,
            "record_wrapped",
            f"{file} has its records in the column {name}, as JSON with"
            f" {counted(columns, 'column')} of the contract, so none of its rows can be taken",
            f"Have the tool unpack {name}, or land its content as JSON lines.",
            {**_where(sample), "file": file, "column": name},
        )
        return
    found = likely.columns(table, sorted(missing - _named_otherwise(sample)), extras)
    yield from _renamed(sample, found)
    # Values of a column under its other name count with those of the column.
    for each in found:
        values[each.column] = [*values.get(each.column, ()), *extras[each.names[0]]]
    if is_unread or found:
        yield from _forms(warehouse, sample, values, {each.column for each in found})
    else:
        yield from _numbers(sample, {name: values.get(name, []) for name in of_numbers})
    yield from _currency(sample, {name: values.get(name, []) for name in of_numbers}, currency)


def _currency(
    sample: Sample, numbers: Mapping[str, Sequence[str]], currency: str
) -> Iterator[Finding]:
    """Amounts whose signs say another currency than the one that holds. currency: that one."""
    if any("currency" in name for name in sample.columns):
        return
    said = {name: code for name, texts in numbers.items() if (code := likely.currency(texts))}
    name, code = next(iter(said.items()), ("", ""))
    if code and code != currency:
        file = rules_path(os.environ) / VARS_FILE
        yield Finding(
            AREA,
            Severity.WARNING,
            "currency_unsaid",
            f"{sample.feed}: {name} is in {code} by its signs, no column says a currency, and"
            f" {currency} holds for what says none",
            "Write the line.",
            {**_where(sample), "column": name},
            (Setting(str(file), 0, f"default_currency: {code}"),),
        )


def _named_otherwise(sample: Sample) -> set[str]:
    """Columns that name an owner, person or account where another column does so already."""
    table = sample.table
    if table.source != LAYER:
        return set()
    needless = set[str]()
    for kind in ("account", "person", "owner", "parent"):
        names = {f"{kind}_{by}" for by in ("id", "website", "email", "name")}
        # The name of an account is no other way to say which account it is.
        is_own = table.key and table.key[0].startswith(kind)
        if not is_own and not names.isdisjoint(sample.columns):
            needless |= names
    return needless


def _renamed(sample: Sample, found: Sequence[likely.Likely]) -> Iterator[Finding]:
    table = sample.table
    for each in found:
        file = next(
            file
            for file, match in reversed(sample.matches.items())
            if any(name in match.extras for name in each.names)
        )
        required = [
            group for group in sample.matches[file].missing if each.column in group.split(" or ")
        ]
        either = " or ".join(f'"{name}"' for name in each.names)
        by = ", by its values" if each.by_values else ""
        none = ", so none of its rows can be taken" if required else ""
        yield Finding(
            AREA,
            Severity.FAULT if required else Severity.WARNING,
            "column_renamed",
            f"{file} lacks {each.column}{_described(table, each.column)}{none};"
            f" {either} is probably it{by}. {_cost(sample)}",
            f"{_write(table)}, or export it as {each.column}.",
            {**_where(sample), "file": file, "column": each.column},
            tuple(contract_lines.also(table, each.column, name) for name in each.names),
            {"likely": list(each.names), "by_values": each.by_values},
        )


def _forms(
    warehouse: Warehouse,
    sample: Sample,
    values: Mapping[str, Sequence[str]],
    renamed: set[str],
) -> Iterator[Finding]:
    """How dates and numbers are written, where that is not what the table declares."""
    table = sample.table
    present = [column for column in table.columns if column.name in sample.columns | renamed]
    of_dates = [column for column in present if column.data_type in ("date", "timestamp")]
    of_numbers = [column for column in present if column.data_type in ("integer", "double")]
    typed = [text for column in (*of_dates, *of_numbers) for text in values.get(column.name, ())]
    words = [word for word in likely.nothing(typed) if word not in table.nulls]
    nulls = (*table.nulls, *words)
    if words:
        yield _form(
            sample,
            "empty_words",
            f"{_some(words)} {'stands' if len(words) == 1 else 'stand'} for no value",
            "",
            contract_lines.of_table(table, "nulls", nulls),
        )
    texts = [
        text
        for column in of_dates
        for text in values.get(column.name, ())
        if text.strip() not in nulls
    ]
    read = likely.dates(warehouse, table, texts)
    names = ", ".join(column.name for column in of_dates if values.get(column.name))
    if read and read.rivals:
        settings = [
            contract_lines.of_table(table, "date_formats", [form])
            for form in (read.forms[0], read.rivals[0])
        ]
        if read.forms[0] not in table.date_formats and read.rivals[0] not in table.date_formats:
            yield _form(
                sample,
                "dates_ambiguous",
                f"{names}: {read.example} is one day by {read.forms[0]} and another by"
                f" {read.rivals[0]}, and both read all dates of the sample: it cannot be told",
                "Ask who exports it, and write the line that is right.",
                *settings,
            )
    elif read and read.forms and set(read.forms) - {*table.date_formats}:
        kept = [form for form in table.date_formats if form in read.forms]
        forms = [*kept, *(form for form in read.forms if form not in kept)]
        yield _form(
            sample,
            "dates_unread",
            f"{names}: dates are written as {', '.join(read.forms)}, which reads all of the sample",
            "",
            contract_lines.of_table(table, "date_formats", forms),
        )
    numbers = {
        column.name: [text for text in values.get(column.name, ()) if text.strip() not in nulls]
        for column in of_numbers
    }
    yield from _numbers(sample, numbers)


def _numbers(sample: Sample, numbers: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """How numbers are written, where that is not what the table declares."""
    table = sample.table
    key = contract_lines.key_of(table, "number_style")
    if seen := likely.misread(numbers, table.number_style):
        matches = reversed(sample.matches.items())
        file = next(
            (file for file, match in matches if not seen.keys().isdisjoint(match.places)), ""
        )
        style, marks = ("us", "commas") if table.number_style == "eu" else ("eu", "points")
        said = ", ".join(
            f"{name} (such as {' and '.join(examples)})" for name, examples in seen.items()
        )
        read = "45,000" if style == "us" else "45.000"
        finding = _form(
            sample,
            "numbers_misread",
            f"in {file} {marks} seem to stand between thousands: {said}. {key}:"
            f" {table.number_style} takes them for decimals, so {read} counts as 45",
            "",
            contract_lines.of_table(table, "number_style", style),
            column=next(iter(seen)),
        )
        yield replace(finding, numbers={**finding.numbers, "columns": [*seen]})
    elif table.number_style == "plain" and (written := likely.written(numbers)):
        name, example = written
        yield _form(
            sample,
            "numbers_unread",
            f'{name}: numbers are written as "{example}", which {key} us reads',
            "",
            contract_lines.of_table(table, "number_style", "us"),
            column=name,
        )


def _write(table: Table) -> str:
    """What to do with the line that a finding shows."""
    if table.mapping and (copy := contract_lines.copy_of(table.mapping)):
        return f"Copy the file to {copy} and write the line in the copy"
    return "Write the line"


def _form(
    sample: Sample, code: str, what: str, remedy: str, *settings: Setting, column: str = ""
) -> Finding:
    causes = {
        "dates_unread": [fates.NO_DATE, fates.SEVERAL],
        "dates_ambiguous": [fates.NO_DATE, fates.SEVERAL],
        "numbers_unread": [fates.NO_NUMBER, fates.SEVERAL],
        "numbers_misread": [fates.NO_NUMBER],
    }.get(code, [])
    refused = [each for each in sample.refusals if each.cause in causes]
    rows = sum(each.rows for each in refused)
    is_all = bool(sample.rows) and rows == sample.rows
    lost = f" As declared now {rows:,} of {sample.rows:,} sampled rows go to quarantine for it."
    return Finding(
        AREA,
        Severity.FAULT if is_all else Severity.WARNING,
        code,
        f"{sample.feed}: {what}.{lost if rows else ''}",
        remedy
        or f"{_write(sample.table)}, or export in the form of the contract (docs/landing.md).",
        {**_where(sample), **({"column": column} if column else {})},
        settings,
        {"causes": causes, "rows": rows, "sampled_rows": sample.rows},
    )


# --- tables that do not land, ids, feeds ----------------------------------------------------------


def _missing_tables(
    contract: Contract, landed: set[tuple[str, str]], rules: Rules
) -> Iterator[Finding]:
    universe = [table for table in contract.tables.values() if table.is_universe]
    if landed and not any((table.source, table.name) in landed for table in universe):
        labels = ", ".join(table.label for table in universe)
        yield Finding(
            AREA,
            Severity.FAULT,
            "no_accounts",
            f"None of {labels} lands: there is no account to compute anything for",
            "Land one of them.",
        )
    for source in contract.sources:
        tables = [contract.tables[source, name] for name in contract.of_source(source)]
        missing = [table for table in tables if (source, table.name) not in landed]
        if source in rules.sources_off or not missing:
            continue
        if len(missing) == len(tables):
            features = "; ".join(dict.fromkeys(table.features for table in tables))
            yield Finding(
                AREA,
                Severity.NOTE,
                "source_missing",
                f"{source} does not land; it serves: {features}",
                "Land it if you have it.",
                {"source": source},
                numbers={"tables": [table.name for table in tables]},
            )
            continue
        for table in missing:
            yield Finding(
                AREA,
                Severity.NOTE,
                "table_missing",
                f"{table.label} does not land; it serves: {table.features}",
                "Land it if you have it.",
                {"source": source, "table": table.name},
            )


def _shared_ids(taken: Sequence[Sample], rules: Rules) -> Iterator[Finding]:
    """Ids that two kinds of records of one source have, such as a lead and a contact."""
    ids: dict[tuple[str, str], list[Sample]] = {}
    for sample in taken:
        if sample.ids and _kinds(sample.table, rules):
            ids.setdefault((sample.table.source, sample.instance), []).append(sample)
    for of_source in ids.values():
        for one, other in combinations(of_source, 2):
            shared = one.ids & other.ids
            if shared:
                both_people = "people" in _kinds(one.table, rules) & _kinds(other.table, rules)
                example = min(shared)
                yield Finding(
                    AREA,
                    Severity.WARNING if both_people else Severity.NOTE,
                    "shared_ids",
                    f"{one.feed} and {other.feed} have {counted(len(shared), 'id')} in common in"
                    f" the sample, such as {example}: they are two records, and what names the id"
                    " alone counts for the account it was logged on only",
                    "Nothing, if the source counts each kind by itself. Else export ids that say"
                    " which kind they are of.",
                    {**_where(one), "column": one.table.key[0]},
                    numbers={"ids": len(shared), "tables": [one.table.name, other.table.name]},
                )


def _kinds(table: Table, rules: Rules) -> set[str]:
    """The kinds of records that others name, of which a table is one."""
    return {
        kind
        for kind, models in (rules.sources.get(table.source) or {}).items()
        if kind in NAMED_KINDS and any(_is_model_of(model, table.name) for model in models)
    }


def _is_model_of(model: str, table: str) -> bool:
    """Whether a staging model is named after a table: `companies` after `company`."""
    plural = f"{table[:-1]}ies" if table.endswith("y") else f"{table}s"
    return model in (table, plural)


def _feeds(
    contract: Contract, groups: Mapping[tuple[str, str, str], object], rules: Rules
) -> Iterator[Finding]:
    path = rules.project_dir / FEEDS_SEED
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            feeds = {(row["source"], row["table_name"]) for row in csv.DictReader(handle)}
    except (OSError, KeyError, UnicodeDecodeError, csv.Error):
        return  # rules.py says what is wrong with it
    file = source_of(rules.project_dir, FEEDS_SEED.as_posix())
    for source, table in sorted({key[:2] for key in groups} - feeds):
        yield Finding(
            AREA,
            Severity.NOTE,
            "feed_unknown",
            f"{source}.{table} lands and has no feed: nobody hears of it when it stops",
            "Write the line, with the days after which it is late.",
            {"source": source, "table": table},
            (Setting(file, 0, f"{source},{table},7,,,,Comes each week"),),
        )
    for source, table in sorted(feeds - {*contract.tables}):
        yield Finding(
            AREA,
            Severity.WARNING,
            "feed_without_table",
            f"{file} names {source}.{table}, which is no table of the contract",
            "Correct the row or take it out.",
            {"source": source, "table": table},
        )


def _unread(contract: Contract, landed: set[tuple[str, str]], rules: Rules) -> Iterator[Finding]:
    """Tables that are taken in and count for nothing."""
    for source in sorted({source for source, _ in landed} & {*rules.sources_off}):
        yield Finding(
            AREA,
            Severity.NOTE,
            "source_off",
            f"{source} lands and is switched off (var sources_off): nothing of it counts",
            "Take it out of sources_off if it is to count.",
            {"source": source},
        )
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(MODELS_DIR.rglob("*.sql"))}
    read_by: dict[tuple[str, str], list[str]] = {}
    for path, text in texts.items():
        for key in SOURCE_READ.findall(text):
            read_by.setdefault(key, []).append(path.stem)
    for source, table in sorted(landed):
        if source in rules.sources_off or (source, table) not in contract.tables:
            continue
        staging = read_by.get((source, table), [])
        named = {
            f"stg_{source}__{model}"
            for models in (rules.sources.get(source) or {}).values()
            for model in models
        }
        idle = [
            model
            for model in staging
            if model not in named
            and not any(model in text for path, text in texts.items() if path.stem != model)
        ]
        if len(idle) == len(staging):
            why = (
                f"the var sources (dbt_project.yml) does not name {_some(idle)}"
                if idle
                else "no model reads it"
            )
            is_alone = any(
                read_by.get((source, name)) for name in contract.of_source(source) if name != table
            )
            yield Finding(
                AREA,
                Severity.NOTE if is_alone and not idle else Severity.WARNING,
                "source_unread",
                f"{source}.{table} is taken in and counts for nothing: {why}",
                "Give the source its line in the var sources (docs/adding-a-source.md)."
                if idle
                else "If it is to count, it needs a staging model (docs/adding-a-source.md).",
                {"source": source, "table": table},
            )


def _remedies(project_dir: Path) -> dict[str, str]:
    try:
        return fates.read_remedies(project_dir / "seeds" / "landing" / "row_fates.csv")
    except (ValueError, OSError):
        return {}


def _where(sample: Sample) -> dict[str, str]:
    where = {"source": sample.table.source, "table": sample.table.name}
    return where if sample.instance == MAIN_INSTANCE else {**where, "instance": sample.instance}


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
