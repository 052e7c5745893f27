"""The macros as sqlfluff sees them: plain calls and short selects, read without running dbt.

sqlfluff lints what people write in models. Rendered in full, one line of a macro becomes a hundred
lines of SQL, and linting takes ten times as long (minutes). Nothing rendered here is ever run.
"""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import yaml

MACROS = Path(__file__).resolve().parent.parent
# sqlfluff loads this module anew for each file, and the loader in C takes a tenth of the time.
VARS = yaml.load(
    (MACROS.parent / "dbt_project.yml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
)["vars"]
LIST = re.compile(r"{% macro (\w+)\(\) -%}\s*{{ return\((.*?)\) }}", re.DOTALL)
MACRO = re.compile(r"{%-?\s*macro\s+(\w+)\(.*?\)\s*-?%}\s*(\w*)", re.DOTALL)


def var(name: str, default: object = None) -> object:
    """The project's own value."""
    return VARS.get(name, default)


def _call(name: str) -> Callable[..., str]:
    return lambda *arguments, **_: f"{name}({', '.join(map(str, arguments))})"


def _query(*relations: object, **_: object) -> str:
    """Reads its first argument, so that a CTE given by name counts as used."""
    return f"select 1 as one from {relations[0]}"


class _Dbt:
    """dbt's cross-database macros."""

    def type_string(self) -> str:
        return "varchar"

    def generate_series(self, upper_bound: object) -> str:
        return _query("numbers")

    def date_spine(self, datepart: str, start_date: str, end_date: str) -> str:
        return _query("days")

    def __getattr__(self, name: str) -> Callable[..., str]:
        return _call(name)


dbt = _Dbt()
globals().update(
    {
        name: _query if first_word == "select" else _call(name)
        for path in MACROS.glob("*.sql")
        for name, first_word in MACRO.findall(path.read_text(encoding="utf-8"))
    }
)


def follow_links(nodes: str, links: str) -> str:
    """Both relations count as used."""
    return f"select 1 as one from {nodes} cross join {links}"


def changed_records(field_changes: str, feed: str, record_id: str) -> str:
    """Both relations count as used."""
    return f"select 1 as {record_id} from {field_changes} cross join {feed}"


listed_ids = _query
each_day = _query


def _listed(words: object) -> Callable[[], object]:
    return lambda: words


# Models loop over these too: the real ones, which are written as Python would.
globals().update(
    {
        name: _listed(ast.literal_eval(words))
        for name, words in LIST.findall((MACROS / "words.sql").read_text(encoding="utf-8"))
    }
)


def rows_of_words(words: list[str], column: str) -> str:
    """One row, so that what reads it can be checked."""
    return f"select '{words[0]}' as {column}"


def shares_of_drivers() -> str:
    """What it reads, under the names that it gives."""
    return "signal_driver as primary_driver, 1 as signal_driver_halves, 1 as coverage_driver_halves"


def sources_of(kind: str) -> list[dict[str, object]]:
    """The real thing: models loop over it."""
    return [
        {"model": f"stg_{source}__{table}", "is_on": True, "rank": rank}
        for rank, (source, kinds) in enumerate(dict(VARS["sources"]).items(), 1)
        for table in kinds.get(kind, [])
    ]


def rows_of_sources(kind: str, columns: list[str]) -> str:
    """The columns, so that what reads them can be checked."""
    return f"select {', '.join(columns)} from {kind}"


def feed_name(prefix: str = "", source: str = "source_system", table: str = "source_table") -> str:
    """The columns it reads, behind the name of their relation."""
    return f"feed_name({prefix}{source}, {prefix}{table})"


def is_backfilled(prefix: str = "") -> str:
    """The column it reads, behind the name of its relation."""
    return f"{prefix}is_first_load"


def backfilled_from(date: str, condition: str = "true", prefix: str = "") -> str:
    """What it reads."""
    return f"backfilled_from({date}, {condition}, {prefix}known_date)"


def reasons_of_versions(prefix: str = "") -> str:
    """Branches of a case."""
    return f"when {prefix}is_newest then 'a reason'"


def on_last_day(prefix: str = "") -> str:
    """The columns it reads, behind the name of their relation."""
    return f"{prefix}valid_from < {prefix}valid_to"


def reason_of_account(crm_account_id: str, domain: str, or_domain: bool = False) -> str:
    """Both relations that it looks at count as used."""
    return f"coalesce(accounts.id, domains.id, {crm_account_id}, {domain})"
