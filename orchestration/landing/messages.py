"""What somebody should look at after a load, in words.

What belongs here: sentences about files, tables and contradictions. What does not: how the
quarantine is told (fates.py), and what is ignored while files are found (discovery.py).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestration.engine.warehouse import Warehouse, quoted
from orchestration.landing import verdicts
from orchestration.landing.contract import Contract, Table
from orchestration.landing.discovery import SHOWN_FILES, FoundFile, counted
from orchestration.landing.files import Outcome
from orchestration.landing.manifest import Entry

NARROW_SHARE = 0.05  # of a delivery: when more rows share a key, the key is to blame
COMPARED_ROWS = 200  # conflicting ones, for the columns in which they differ
SHOWN_COLUMNS = 4
SHOWN_REASONS = 3  # why the rows of a file are in quarantine
REREAD = (
    "To have all files read anew, move WAREHOUSE_PATH and PUBLISHED_DIR away and run make refresh"
    " START_DATE=<the first day>; every day is then computed anew. Leave it where the change"
    " concerns files to come"
)
_REMEDY = (
    "Give the source its line there, with the kinds that they bring (docs/adding-a-source.md)."
)


@dataclass(frozen=True)
class Unread:
    """What no model reads of a table.

    models: its staging models that no other model reads; none where it has no staging model.
    is_whole: whether nothing of the table is read.
    """

    models: tuple[str, ...]
    is_whole: bool = True


NOTHING_UNREAD: Mapping[tuple[str, str], Unread] = {}


def missing_universe(
    warehouse: Warehouse,
    contract: Contract,
    *,
    sources_off: Collection[str] = (),
    unread: Mapping[tuple[str, str], Unread] = NOTHING_UNREAD,
) -> str | None:
    """Why there is no account to compute anything for, in words; None when there is one.

    It looks at all that was ever taken, so a run after the faulty one says the same.
    sources_off, unread: what does not count.
    """
    landing = [
        table
        for table in contract.tables.values()
        if table.is_universe and table.source not in sources_off
    ]
    whole = {key for key, what in unread.items() if what.is_whole}
    left_out = [table.label for table in landing if (table.source, table.name) in whole]
    universe = [table for table in landing if table.label not in left_out]
    labels = [table.label for table in universe]
    files = warehouse.rows(
        "select file, status, delivered, accepted, quarantined, reason from raw_landing.files"
        " where list_contains(?, source || '.' || table_name) and status <> 'pending'"
        " order by delivered = 0, delivery_day, file",
        [labels],
    )
    if any(accepted for _, _, _, accepted, _, _ in files):
        return None
    delivered_in_vain = [
        label
        for (label,) in warehouse.rows(
            "select distinct source || '.' || table_name from raw_landing.files"
            " where list_contains(?, source || '.' || table_name) and accepted > 0 order by 1",
            [left_out],
        )
    ]
    if delivered_in_vain:
        names = ", ".join(delivered_in_vain)
        return (
            f"No CRM account and no target has been delivered that counts: rows of {names} were"
            f" taken, but the var sources (dbt_project.yml) does not name their models. {_REMEDY}"
        )
    if not files:
        return (
            f"No CRM account and no target has been delivered: {', '.join(labels)} have no file in"
            " LANDING_DIR. One of them is needed: without it there is no account to compute."
        )
    sentences = ["No CRM account and no target has been delivered that could be taken:"]
    for file, status, delivered, _, quarantined, reason in files[:SHOWN_FILES]:
        if status == "unreadable":
            sentences.append(f"{file} cannot be read: {reason}")
        elif delivered == 0:
            sentences.append(f"{file} has no rows")
        else:
            sentences.append(f"{file}: {_all_quarantined(warehouse, file, quarantined)}")
    if len(files) > SHOWN_FILES:
        sentences.append(f"and {counted(len(files) - SHOWN_FILES, 'more file')}")
    return "\n".join([*sentences, "Deliver them again, corrected, in a new file."])


def read_otherwise(entries: Iterable[Entry], found: Mapping[str, FoundFile]) -> list[str]:
    """Sentences on files that were taken under another mapping than today's, by system."""
    otherwise: dict[str, list[str]] = {}
    for entry in entries:
        file = found.get(entry.file)
        if not file or not file.mapping or entry.status != "loaded" or not entry.read_as:
            continue
        if entry.read_as != file.read_as:
            otherwise.setdefault(file.mapping.system, []).append(entry.file)
    return [
        f"{files[0]}{_and_more(len(files))}: taken before the mapping {system}.yml was changed;"
        f" {'its rows stand' if len(files) == 1 else 'their rows stand'} as they were read then."
        f" {REREAD}"
        for system, files in sorted(otherwise.items())
    ]


def told_again(entries: Sequence[Entry], found: Mapping[str, FoundFile]) -> list[str]:
    """Sentences on files of earlier loads of which no row was taken, as long as they are there."""
    lost: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if entry.is_lost and entry.file in found:
            lost.setdefault((entry.source, entry.table), []).append(entry)
    return [
        f"{files[0].file}{_and_more(len(files))}: all rows are still in quarantine; deliver them"
        " corrected in a new file and take this one away"
        for files in lost.values()
    ]


def _and_more(files: int) -> str:
    return f" and {counted(files - 1, 'more file')}" if files > 1 else ""


def failed(table: Table, error: Exception) -> str:
    """What failed in the load of a table, in words."""
    message = str(error).strip().split("\n")[0].removeprefix(f"{table.label}: ")
    return f"{table.label} could not be taken: {message or type(error).__name__}"


def conflicts(warehouse: Warehouse, table: Table) -> list[str]:
    """Sentences on the rows of this load that contradict another of the same key and version.

    Which columns differ, and one key as an example. Rows that contradict one of their own delivery
    are told apart from rows with newer content under an old stamp.
    """
    if not warehouse.rows("select 1 from verdicts where status = 'conflicting' limit 1"):
        return []
    keys = ["_instance", *(quoted(name) for name in table.key)]
    same_key = " and ".join(f"standing.{key} is not distinct from new.{key}" for key in keys)
    names = [column.name for column in table.columns if column.name not in table.key]
    names = [name for name in names if name not in table.syncs]
    columns = ["_extra", *map(quoted, names)]
    warehouse.execute(
        f"""
        create or replace temp table contradictions as
        select
            {", ".join(f"new.{key}" for key in keys)},
            new._delivery_day, new._file_number,
            standing._delivery_day = new._delivery_day as _is_of_one_delivery,
            {", ".join(f"new.{name} as _new_{place}" for place, name in enumerate(columns))},
            {", ".join(f"standing.{name} as _old_{place}" for place, name in enumerate(columns))}
        from staged as new
        inner join verdicts
            on
                new._file_number = verdicts.file_number
                and new._row_number = verdicts.row_number
        left join {table.raw_table} as standing
            on {same_key}
            and standing._status = 'accepted'
            and standing._version_at = {verdicts.version_at(table, "new")}
        where verdicts.status = 'conflicting'
        qualify row_number() over (
            partition by new._file_number, new._row_number order by standing._delivery_day
        ) = 1
        """
    )
    sentences = []
    for (is_of_one,) in warehouse.rows(
        "select distinct coalesce(_is_of_one_delivery, false) from contradictions order by all"
    ):
        where = f"where coalesce(_is_of_one_delivery, false) = {is_of_one}"
        rows = warehouse.rows(
            f"select {', '.join(quoted(name) for name in table.key)},"
            f" {', '.join(f'_new_{place}, _old_{place}' for place in range(len(columns)))}"
            f" from contradictions {where} order by all limit {COMPARED_ROWS}"
        )
        [(count, delivered)] = warehouse.rows(
            f"select count(*), (select count(*) from staged) from contradictions {where}"
        )
        differ = Counter(name for row in rows for name in _differing(row[len(table.key) :], names))
        shown = [name for name, _ in differ.most_common(SHOWN_COLUMNS)]
        if len(differ) > SHOWN_COLUMNS:
            shown.append(counted(len(differ) - SHOWN_COLUMNS, "more column"))
        example = ", ".join(
            f"{name} {value}" for name, value in zip(table.key, rows[0], strict=False)
        )
        of_key = f"{', '.join(table.key)} (for example {example})"
        in_columns = f" in {', '.join(shown)}" if shown else ""
        if is_of_one:
            text = (
                f"{count:,} of {delivered:,} rows share {of_key} with another row of their delivery"
                f" and differ from it{in_columns}: one of each counts, the first by content hash,"
                " the others are left out as conflicting"
            )
            if count >= NARROW_SHARE * delivered:
                text += (
                    ". The key is too narrow for this export: deliver one row for each"
                    f" {', '.join(table.key)}"
                )
        else:
            stamps = (
                " or ".join(name for name in table.version if name not in table.syncs) or "version"
            )
            text = (
                f"{counted(count, 'row')} with newer content under an old {stamps} left out as"
                f" conflicting: {of_key} differs{in_columns} from what was taken before, which"
                f" stands. A formula field changes so; deliver the record with a newer {stamps}"
            )
        sentences.append(f"{table.label}: {text}")
    warehouse.execute("drop table temp.contradictions")
    return sentences


def _differing(pairs: Sequence[object], names: Sequence[str]) -> list[str]:
    """The columns in which two rows differ: new and old value of _extra, then of each column."""
    extras = [json.loads(str(extra)) if extra else {} for extra in pairs[:2]]
    differing = [
        name
        for place, name in enumerate(names, start=1)
        if pairs[2 * place] != pairs[2 * place + 1]
    ]
    return differing + [
        name
        for name in sorted({*extras[0], *extras[1]})
        if not name.startswith("_") and extras[0].get(name) != extras[1].get(name)
    ]


def tell(
    table: Table,
    files: Sequence[tuple[Entry, FoundFile]],
    outcome: Outcome,
    known_columns: Mapping[str, set[str]],
    problems: list[str],
) -> None:
    """Puts into words what is wrong with files, one sentence for files with the same fault.

    known_columns: what earlier files had, by the instance that delivered them.
    """
    sentences: dict[str, list[str]] = {}
    for number, (entry, _) in enumerate(files):
        if number in outcome.unreadable:
            text = f"cannot be read: {outcome.unreadable[number]}"
        elif number in outcome.postponed:
            text = f"could not be read now and will be tried again: {outcome.postponed[number]}"
        elif number in outcome.faults:
            text = f"all its rows are in quarantine: {outcome.faults[number]}"
            if number in outcome.header_lines:
                text += f" (its header was taken to be line {outcome.header_lines[number]})"
        elif number in outcome.header_lines:
            line = outcome.header_lines[number]
            text = f"its header is line {line}; what stands above it is not read"
        else:
            has = outcome.columns.get(number, ())
            had = known_columns.get(entry.instance, ())
            lost = [name for name in table.optional if name in had and name not in has]
            if not has or not lost:
                continue
            text = f"lacks {', '.join(lost)}, which earlier files had; these values are empty"
        sentences.setdefault(text, []).append(entry.file)
    for text, names in sentences.items():
        problems.append(f"{names[0]}{_and_more(len(names))}: {text}")


def taken_for_nothing(
    chosen: Mapping[tuple[str, str], Sequence[Entry]], sources_off: Collection[str]
) -> list[str]:
    """Sentences on files of sources that are switched off."""
    files = {
        source: sum(len(entries) for (owner, _), entries in chosen.items() if owner == source)
        for source in sources_off
    }
    return [
        f"{source}: {counted(number, 'file')} taken in, but the source is switched off (var"
        " sources_off), so nothing of them counts"
        for source, number in files.items()
        if number
    ]


def left_out(
    chosen: Mapping[tuple[str, str], Sequence[Entry]],
    sources_off: Collection[str],
    unread: Mapping[tuple[str, str], Unread],
) -> list[str]:
    """Sentences on files whose rows are taken in and read by no model, one for each source.

    A single table without a staging model, of a source that counts, is told in data_health alone.
    """
    found: dict[str, tuple[list[str], list[str]]] = {}
    for source, table in chosen:
        if (source, table) not in unread or source in sources_off:
            continue
        tables, models = found.setdefault(source, ([], []))
        tables.append(f"{source}.{table}")
        models += unread[source, table].models
    sentences = []
    for source, (tables, models) in found.items():
        names = ", ".join(sorted(tables))
        if models:
            sentences.append(
                f"{names}: taken in, but the var sources (dbt_project.yml) does not name"
                f" {', '.join(sorted(models))}, so what they bring does not count. {_REMEDY}"
            )
        elif all(key in unread for key in chosen if key[0] == source):
            sentences.append(
                f"{names}: taken in, but no model reads them, so nothing of them counts. They need"
                " staging models (docs/adding-a-source.md)."
            )
    return sentences


def _all_quarantined(warehouse: Warehouse, file: str, rows: int) -> str:
    """Why all rows of a file are in quarantine, with the most frequent reasons."""
    reasons = warehouse.rows(
        "select reason, count(*) from raw_landing.quarantine where file = ? group by reason"
        " order by count(*) desc, reason",
        [file],
    )
    shown = [f"{reason} ({count:,})" for reason, count in reasons[:SHOWN_REASONS]]
    if len(reasons) > SHOWN_REASONS:
        shown.append(counted(len(reasons) - SHOWN_REASONS, "more reason"))
    return f"all its rows ({rows:,}) are in quarantine: {'; '.join(shown)}"


def notes(warehouse: Warehouse) -> tuple[str, ...]:
    """What tables lack, by `raw_landing.tables`: one sentence for each thing."""
    notes = []
    for source, name, has_landed, missing, features, lost, _, marks in warehouse.rows(
        "select * from raw_landing.tables order by source, table_name"
    ):
        if not has_landed:
            notes.append(f"{source}.{name} has not landed; it serves: {features}")
        elif missing:
            notes.append(f"{source}.{name} has landed without {', '.join(missing)}")
        if lost:
            notes.append(f"{source}.{name} lands no longer with {', '.join(lost)}")
        if marks:
            notes.append(
                f"{source}.{name} has columns that may mark rows to be left out and are not read:"
                f" {', '.join(marks)}"
            )
    return tuple(notes)
