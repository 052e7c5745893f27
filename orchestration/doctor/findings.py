"""A finding: what there is to know, how bad it is, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

SCHEMA_VERSION = 1
"""Of the JSON. A key that is added keeps it; one that goes or changes its meaning raises it."""

AREAS = ("landing", "results", "rules", "machine")
CODES = {
    # -- landing
    "no_landing_folder": "LANDING_DIR is not there",
    "nothing_landed": "LANDING_DIR holds no file that the contract knows",
    "schema_unread": "a schema that an EL tool fills cannot be read",
    "schema_read": "a schema that an EL tool fills and each refresh collects",
    "schema_column_required": "a table of such a schema lacks a column without which no row counts",
    "schema_tables_missing": "tables that such a schema does not have",
    "schema_tables_unknown": "tables of such a schema that nothing here reads",
    "no_accounts": "no table of accounts lands, so nothing can be computed",
    "contract_broken": "a source file of the contract contradicts itself",
    "unknown_source": "a folder that is no source",
    "unknown_table": "a folder of a source that is no table",
    "reserved_name": "a name that means something else, or that is passed over",
    "ignored_file": "a file or folder that is not read",
    "unreadable_file": "a file that cannot be read",
    "table_landed": "files, columns and sampled rows of a table",
    "table_missing": "a table that does not land, and what is off without it",
    "source_missing": "a source that does not land, and what is off without it",
    "column_required": "a required column that a file lacks: none of its rows can be taken",
    "record_wrapped": "a file with whole records in one column",
    "column_renamed": "a column that is missing and probably has another name in the file",
    "column_missing": "optional columns that never come",
    "column_lost": "columns that earlier files had and the last one lacks",
    "column_unknown": "columns that the contract does not know",
    "unread_mark": "an unknown column whose name says that rows are to be left out",
    "dates_unread": "dates in a form that the table does not declare",
    "dates_ambiguous": "dates that two forms read as different days",
    "numbers_unread": "numbers in a form that the table does not declare",
    "numbers_misread": "numbers that look written in another style and count for a thousandth",
    "currency_unsaid": "amounts whose signs say another currency than the one that holds",
    "empty_words": "words that stand for no value and are not declared",
    "rows_refused": "sampled rows that would go to quarantine",
    "shared_ids": "one id in two kinds of records of a source",
    "feed_unknown": "a table that nobody would miss: it has no row in feeds.csv",
    "feed_without_table": "a row of feeds.csv whose table is not in the contract",
    "source_unread": "a table that is taken in and that no model reads",
    "source_off": "a source that lands and is switched off",
    # -- results
    "no_warehouse": "there is no warehouse yet",
    "warehouse_open": "another process has the warehouse open",
    "warehouse_damaged": "the warehouse cannot be read",
    "stored_days": "the days that are stored",
    "last_publish": "when was published last, and up to which day",
    "run_unfinished": "days that are computed and not published",
    "files_wait": "files that are not taken in yet",
    "read_otherwise": "files that were taken before their mapping was changed, and stand as they"
    " were read then",
    "nothing_published": "nothing is published yet",
    "published_damaged": "the published file cannot be read",
    "published_old": "the published day lies behind",
    "table_fates": "rows of a table: used, not used, quarantined",
    "rows_lost": "delivered rows that count for nothing and may be missed",
    "stale_feed": "a feed that gave nothing new for its freshness_days",
    "features_off": "what is off for want of a table or a column",
    "to_review": "items that want a person",
    # -- rules
    "settings_wrong": "a setting that cannot be used",
    "rule_wrong": "a seed or a var that nothing can run with",
    "rule_not_set": "a rule that only the company knows and nobody has set",
    "rules_folder": "whose rules are in force",
    # -- machine
    "disk_low": "little room on a disk",
    "disk": "room on the disks",
    "version_other": "a package or Python in another version than the project's",
    "versions": "the versions in use",
    "refresh_runs": "a refresh or a publishing holds its lock",
    "environment": "settings and what they resolve to",
    "open_to_others": "a file with raw data or ids that others can read",
    "not_examined": "a part that could not be looked at",
}


class Severity(IntEnum):
    """How bad it is. A warning wants to be done, a fault first of all."""

    OK = 0
    NOTE = 1
    WARNING = 2
    FAULT = 3

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Setting:
    """What to write where. line: from 1, where the file says what is set now; 0 = at its end."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}{f', line {self.line}' if self.line else ''}: {self.text}"


@dataclass(frozen=True)
class Finding:
    """One thing to know. where: any of source, instance, table, file, column, setting, path."""

    area: str
    severity: Severity
    code: str
    what: str
    remedy: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[Setting, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.area in AREAS, self.area
        assert self.code in CODES, self.code

    def as_json(self) -> dict[str, Any]:
        return {
            "area": self.area,
            "severity": self.severity.word,
            "code": self.code,
            "what": self.what,
            "remedy": self.remedy,
            "where": dict(self.where),
            "settings": [
                {"file": setting.file, "line": setting.line, "text": setting.text}
                for setting in self.settings
            ],
            "numbers": dict(self.numbers),
        }


def exit_code(findings: Iterable[Finding]) -> int:
    """0 = nothing to do, 1 = warnings, 2 = faults."""
    worst = max((finding.severity for finding in findings), default=Severity.OK)
    return {Severity.FAULT: 2, Severity.WARNING: 1}.get(worst, 0)
