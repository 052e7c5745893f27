"""Tells one account's whole story in the terminal (make explain ACCOUNT=... DATE=...).

The first five lines say the state, what holds the account back, the decision, the next step and
why it is to be done now; the rest is the long story. Reads the published file only. Of the latest
day it tells all; of a day before what history keeps, or all of it where `make as-of` has made that
day's marts.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from orchestration.runs.publish import PublishError, open_published, published_day
from orchestration.settings import (
    PUBLISHED_FILE,
    Settings,
    SettingsError,
    load_settings,
    parse_date,
)
from orchestration.terminal import (
    feed_words,
    lines,
    marked_up,
    printable,
    unknown_coverage_words,
)

# Matches that are listed when a name says too little.
MOST_MATCHES = 20
# Days, functions and types of touch that are listed.
MOST_TOUCHES = 10
FIND_BY_DOMAIN = """
select account_id from accounts where primary_domain = $1
union select account_id from domain_ownership
where domain = $1 and is_owner and account_id is not null
    and valid_from <= (select max(as_of_date) from accounts)
    and coalesce(valid_to, date '9999-12-31') > (select max(as_of_date) from accounts)
"""
# Ways to name an account, the surest first: the first that finds any decides. $1 is what was given.
# CRM ids have 15 characters or 18, and may come with the instance in front (main has none).
FINDERS = (
    """
    select account_id from account_activation_history where account_id = $1
    union select account_id from accounts where account_id = $1
    union select account_id from account_crosswalk
    where $1 in (
        crm_account_id, split_part(crm_account_id, ':', -1), left(crm_account_id, -3),
        left(split_part(crm_account_id, ':', -1), -3)
    ) and (
        $1 in (crm_account_id, split_part(crm_account_id, ':', -1))
        or length(split_part($1, ':', -1)) = 15
    )
    """,
    # Some tools lower an id's letters. Of 15 characters that may then be several: all are named.
    """
    select account_id from account_activation_history where lower(account_id) = lower($1)
    union select account_id from account_crosswalk
    where lower($1) in (
        lower(crm_account_id), lower(split_part(crm_account_id, ':', -1)),
        lower(left(crm_account_id, -3)), lower(left(split_part(crm_account_id, ':', -1), -3))
    ) and (
        lower($1) in (lower(crm_account_id), lower(split_part(crm_account_id, ':', -1)))
        or length(split_part($1, ':', -1)) = 15
    )
    """,
    FIND_BY_DOMAIN,
    "select account_id from accounts where lower(account_name) = lower($1)",
    "select account_id from accounts where contains(lower(account_name), lower($1))",
)
# Drivers in the words of macros/text.sql, for the history has their names alone.
DRIVER_WORDS = {
    "poor_fit": "it does not fit",
    "low_intent": "it shows too little interest",
    "wrong_timing": "it cannot buy now",
    "no_signal_detected": "no channel can see its interest",
    "insufficient_coverage": "too few of its buying committee are reached",
}
LEVELS = {"none": "no"}
FIRST_LINES = ("State", "What holds it back", "Decision", "Next step", "Why now")
# What the sentence of a play says first of what is to be done.
TO_DO = ". To do: "
# What it says last of why.
# Files of older versions say what holds them, or it, back.
HELD_BACK = re.compile(r"\. What (?:keeps them from becoming active|holds (?:them|it) back): ")


class ExplainError(ValueError):
    """There is nothing to tell; the message says why and what to do."""


@dataclass(frozen=True)
class Story:
    """A published file open for one account. last_date: the day of the file."""

    connection: duckdb.DuckDBPyConnection
    console: Console
    account_id: str
    last_date: date

    def rows(self, sql: str, *more: Any) -> list[dict[str, Any]]:
        """Rows of a query as dicts; $1 is the account, $2 and on what is given."""
        result = self.connection.execute(sql, [self.account_id, *more])
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def has(self, mart: str) -> bool:
        found = self.connection.execute(
            "select 1 from duckdb_tables() where table_name = ?"
            " and database_name = current_database()",
            [mart],
        ).fetchall()
        return bool(found)

    def say(self, words: str) -> None:
        self.console.print(marked_up(words), highlight=False)

    def title(self, words: str) -> None:
        self.console.print(f"\n[bold]{marked_up(words)}[/bold]", highlight=False)

    def first(self, *five: str) -> None:
        """The five lines on top, each a line of the output however narrow the terminal is."""
        for name, words in zip(FIRST_LINES, five, strict=True):
            self.console.print(
                f"[bold]{name}:[/bold] {marked_up(words)}", highlight=False, soft_wrap=True
            )

    def facts(self, title: str, facts: Sequence[tuple[str, Any]]) -> None:
        """Each fact on a line of its own, its words in full; what is null is left out."""
        self.title(title)
        lines = Table.grid(padding=(0, 2, 0, 0))
        lines.add_column(no_wrap=True)
        lines.add_column(overflow="fold")
        for name, value in facts:
            if value is not None and value != "":
                lines.add_row(marked_up(name), marked_up(_in_words(value)))
        self.console.print(lines, highlight=False)

    def table(self, title: str, rows: Sequence[dict[str, Any]], nothing: str) -> None:
        """Rows as a table, with what to say where there are none."""
        self.title(title)
        if not rows:
            self.say(nothing)
            return
        table = Table(box=None, pad_edge=False)
        for name, value in rows[0].items():
            numbers = isinstance(value, int | float) and not isinstance(value, bool)
            table.add_column(
                name.replace("_", " "), justify="right" if numbers else "left", overflow="fold"
            )
        for row in rows:
            table.add_row(*(marked_up(_in_words(value)) for value in row.values()))
        self.console.print(table)


class Terminal(Console):
    """Who reads the first lines alone (`make explain ... | head -5`) has all that was asked for."""

    def on_broken_pipe(self) -> None:
        """Ends the command: nobody reads on."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Explains an account; returns the exit code: 2 where it cannot be told, and says why."""
    parser = argparse.ArgumentParser(prog="make explain", description=__doc__)
    parser.add_argument("account", nargs="?", default=os.environ.get("ACCOUNT", ""))
    parser.add_argument("--date", default=os.environ.get("DATE", ""))
    options = parser.parse_args(arguments)
    try:
        settings = load_settings()
        day = parse_date("DATE", options.date.strip()) if options.date.strip() else None
        explain(settings, options.account.strip(), day, Terminal())
    except (ExplainError, PublishError, SettingsError) as error:
        print("\n".join(lines(error)), file=sys.stderr)
        return 2
    return 0


def explain(settings: Settings, account: str, day: date | None, console: Console) -> None:
    """Prints the story of the account on the day (None: the latest).

    account: an account_id, a CRM id of 15 or 18 characters, a domain or a name. Raises ExplainError
    where nothing is published, nothing or too much is meant, or the day is not stored.
    """
    if not account:
        raise ExplainError(
            "Which account? make explain ACCOUNT=acme.com (an account_id, a CRM id, a domain or a"
            " name)."
        )
    last_date = published_day(settings.published_path)
    if last_date is None:
        raise ExplainError(
            f"Nothing is published at {settings.published_path}. Run make refresh first, or set"
            " PUBLISHED_DIR (of the demo: PUBLISHED_DIR=data/demo/published)."
        )
    copy = settings.published_dir / "as_of" / str(day) / PUBLISHED_FILE
    if day is not None and day < last_date and published_day(copy) == day:
        with open_published(copy) as connection:
            story = Story(connection, console, _find(connection, account), day)
            _tell_all(story)
            story.title("Where this is from")
            story.say(f"As known then, from {copy}.")
        return
    with open_published(settings.published_path) as connection:
        first_date = _first_date(connection)
        story = Story(connection, console, _find(connection, account), last_date)
        if day is None or day == last_date:
            _tell_all(story)
        elif first_date is not None and first_date <= day < last_date:
            _tell_history(story, day)
        else:
            raise ExplainError(
                f"{day} is not stored: the published file holds {first_date} to {last_date}."
            )


def _first_date(connection: duckdb.DuckDBPyConnection) -> date | None:
    row = connection.execute("select min(valid_from) from account_activation_history").fetchone()
    return row[0] if row else None


def _find(connection: duckdb.DuckDBPyConnection, account: str) -> str:
    """The account that is meant. Raises ExplainError if none is, or several are."""
    for finder in FINDERS:
        given = _as_domain(account) if finder == FIND_BY_DOMAIN else account
        found = [row[0] for row in connection.execute(finder, [given]).fetchall()]
        if len(found) == 1:
            return str(found[0])
        if found:
            raise ExplainError(_several(connection, account, found))
    raise ExplainError(
        f"No account is '{account}': no account_id, CRM id, domain or name in the published file."
    )


def _several(connection: duckdb.DuckDBPyConnection, account: str, found: Sequence[str]) -> str:
    names = connection.execute(
        "select account_id, account_name, primary_domain from accounts"
        " where list_contains(?, account_id) order by account_name, account_id limit ?",
        [list(found), MOST_MATCHES],
    ).fetchall()
    rows = [
        printable(f"  {id_}  {name or ''}  {domain or ''}".rstrip()) for id_, name, domain in names
    ]
    if len(found) > len(rows):
        rows.append(f"  and {len(found) - len(rows)} more")
    named = f"'{printable(account)}' may be any of {len(found)} accounts. Take one of these ids:"
    return "\n".join([named, *rows])


def _as_domain(text: str) -> str:
    host = text.lower().split("://")[-1].split("/")[0]
    return host.removeprefix("www.")


# --- the story of the file's own day --------------------------------------------------------------


def _tell_all(story: Story) -> None:
    rows = story.rows("select * from accounts where account_id = $1")
    if not rows:
        story.first(
            f"{story.account_id} is no longer an account on {story.last_date} (merged, deleted or"
            " off the target list)",
            "nothing, for it is gone",
            "nobody has one to make",
            "nobody has anything to do",
            "nothing is to be done",
        )
        _tell_decisions(story, story.last_date)
    else:
        _tell_first(story, rows[0])
        _tell_who(story, rows[0])
        for tell in PARTS:
            tell(story)
    _tell_states(story, story.last_date)
    _tell_movements(story, story.last_date)


def _tell_first(story: Story, account: dict[str, Any]) -> None:
    next_step, why_now = _first_of_play(story, account)
    story.first(
        _first_of_state(story, account),
        _first_of_drivers(story, account),
        _first_of_decision(story),
        next_step,
        why_now,
    )


def _first_of_state(story: Story, account: dict[str, Any]) -> str:
    name = account["account_name"] or account["account_id"]
    for row in story.rows("select * from account_activation where account_id = $1"):
        words = f"{name} has been {row['state']} since {row['state_since']}"
        if row["kept_by"] == "stale_feed":
            feeds = feed_words(row["paused_by"])
            return f"{words}, held there only because {feeds} stopped ({row['paused_by']})"
        if row["kept_by"] == "waiting_rule":
            below = counted(row["days_below"], "day")
            words += f"; for {below} now it has had too little to stay"
        return words
    return f"{name} has no state"


def _first_of_drivers(story: Story, account: dict[str, Any]) -> str:
    drivers = story.rows(
        "select * from account_gap_drivers where account_id = $1 order by is_primary desc, driver"
    )
    # A file of an older version has the drivers' names alone.
    named = [row.get("meaning") or row["driver"].replace("_", " ") for row in drivers]
    misfits = [row.get("misfits") for row in _rows_of(story, "account_fit")]
    if misfits and misfits[0] and any(row["driver"] == "poor_fit" for row in drivers):
        named[0] += f" ({misfits[0]})"
    if named:
        words = " and ".join(named)
    elif not account["is_target"]:
        words = "nothing, for it is not a target"
    else:
        words = "nothing, it is activated"
    for row in _rows_of(story, "account_coverage"):
        if row["coverage_unknown_reason"] is not None:
            why = unknown_coverage_words(row["coverage_unknown_reason"])
            words += f"; nobody knows who sits in its buying committee ({why})"
    return words


def _first_of_decision(story: Story) -> str:
    for row in _rows_of(story, "account_decisions"):
        # The first sentence says which, in brackets by what, and then why.
        sentence = row["why"].partition(". ")[0].removesuffix(".")
        until = f" until {row['revisit_on']}" if row["revisit_on"] else ""
        reason = sentence.partition("): ")[2] or sentence
        return f"{row['decision']} since {row['decision_since']}{until}: {reason}"
    return "nobody has made one"


def _first_of_play(story: Story, account: dict[str, Any]) -> tuple[str, str]:
    for row in _rows_of(story, "account_plays"):
        why, _, to_do = row["why"].removesuffix(".").partition(TO_DO)
        why = HELD_BACK.split(why)[0]
        if row["play_id"] == "none":
            waits = [d["revisit_on"] for d in _rows_of(story, "account_decisions")]
            before = f" before {waits[0]}" if row["play_decision"] == "hold" and waits else ""
            return f"nobody has anything to do{before}", why
        who = f"Led by {_listed(row['owner_function'])}".replace("_", " ")
        owner = account["owner_name"]
        who += f"; {owner} owns the account" if owner else "; nobody owns the account"
        when = "No date"
        if row["due_on"]:
            when = f"{'Overdue since' if row['is_overdue'] else 'Due on'} {row['due_on']}"
        # What holds it back has a line of its own.
        what = row["play_name"] + (f": {to_do[0].lower()}{to_do[1:]}" if to_do else "")
        return f"{what}. {who}. {when}", why
    return "nobody has anything to do", "nothing is to be done"


def _tell_who(story: Story, account: dict[str, Any]) -> None:
    story.title(f"{account['account_name'] or account['account_id']} on {account['as_of_date']}")
    known = [
        account["account_id"],
        account["primary_domain"],
        account["lifecycle"].replace("_", " "),
        "target"
        + (f" of {account['target_tier'].replace('_', ' ')}" if account["target_tier"] else "")
        if account["is_target"]
        else "not a target",
        account["industry"],
        f"{account['employees']:,} employees" if account["employees"] else None,
        account["region"],
        f"owner {account['owner_name']}" if account["owner_name"] else "no owner",
        f"part of {account['ultimate_parent_id']}" if account["hierarchy_depth"] else None,
    ]
    story.say(", ".join(str(fact) for fact in known if fact))


def _tell_state(story: Story) -> None:
    for row in story.rows("select why from account_activation where account_id = $1"):
        story.title("State")
        story.say(row["why"])
    for row in story.rows(
        "select transitions, flaps, days_in_state, warming_to_active_days, active_to_engaged_days"
        " from account_state_statistics where account_id = $1"
    ):
        changes = counted(row["transitions"], "change of state", "changes of state")
        words = f"{counted(row['days_in_state'], 'day')} in it; {changes} in a year"
        if row["flaps"]:
            words += f", {row['flaps']} of them soon taken back"
        story.say(f"{words}.")


def _tell_drivers(story: Story) -> None:
    story.table(
        "What holds it back",
        story.rows(
            "select driver, cause, share, is_primary, is_sole_blocker"
            " from account_gap_drivers where account_id = $1 order by is_primary desc, driver"
        ),
        "Nothing: it is not in the gap.",
    )


def _tell_fit(story: Story) -> None:
    for row in story.rows("select * from account_fit where account_id = $1"):
        story.title("Fit")
        score = "unknown" if row["fit_score"] is None else f"{row['fit_score']:.1f} of 100"
        # A file of an older version does not say it in words.
        if row.get("why"):
            story.say(row["why"])
        story.say(
            f"{row['fit_tier']}, {score};"
            f" {row['fit_completeness_share']:.0%} of the scorecard's weight known"
            + (", counted as fitting until more is known" if row["is_fit_assumed"] else "")
        )
    story.table(
        "Points of fit",
        story.rows(
            "select criterion, known_value, is_known, is_match, points"
            " from account_fit_contributions where account_id = $1"
            " order by points desc, criterion"
        ),
        "No criterion.",
    )


def _tell_signals(story: Story) -> None:
    for row in story.rows("select * from account_signals where account_id = $1"):
        story.title("Signals")
        story.say(
            f"{LEVELS.get(row['signal_level'], row['signal_level'])} signal,"
            f" strength {row['strength_score']:.1f} of 100;"
            f" {counted(row['engaged_people'], 'person', 'people')} engaged;"
            f" channels: {row['signal_channels'] or 'none'};"
            f" last buying signal: {row['last_buying_signal_date'] or 'none'};"
            f" can be seen by: {row['observable_channels'] or 'no channel'}"
            + (
                f"; {feed_words(row['stale_feeds'])} that stopped: {row['stale_feeds']}"
                if row["stale_feeds"]
                else ""
            )
            + "."
        )
        story.say(_changes_in_words(row))
        seen = [f"{name} {row[f'{name}_evidence_on']}" for name in _seen_channels(row)]
        story.say(f"Latest evidence that it can be seen: {', '.join(seen) or 'none ever'}.")
    story.table(
        "Points of signal",
        story.rows(
            "select signal_type, source, points from account_signal_contributions"
            " where account_id = $1 order by points desc, signal_type, source"
        ),
        "No signal counts.",
    )


def _changes_in_words(row: dict[str, Any]) -> str:
    """The flags of what changed lately. A file of an older version has no status."""
    status = row.get("momentum_status", "measured")
    if status == "stale_feed":
        words = "Spike and momentum cannot be told: a feed that would show activities has stopped"
    elif status == "cannot_see":
        words = "Spike and momentum cannot be told: no channel would see its activities"
    else:
        words = "Spike" if row["is_spiking"] else "No spike"
        words += f"; momentum {row['momentum_ratio']:.2f} (1 is steady)"
    words += "; its first signal ever" if row["is_first_signal"] else ""
    words += "; back after silence" if row["is_return_after_silence"] else ""
    return f"{words}."


def _seen_channels(row: dict[str, Any]) -> list[str]:
    names = [name.removesuffix("_evidence_on") for name in row if name.endswith("_evidence_on")]
    return [name for name in names if row[f"{name}_evidence_on"] is not None]


def _tell_coverage(story: Story) -> None:
    for row in story.rows("select * from account_coverage where account_id = $1"):
        story.title("Coverage")
        if row["coverage_unknown_reason"] is not None:
            why = unknown_coverage_words(row["coverage_unknown_reason"])
            story.say(
                f"Unknown ({why}): it counts neither for its state nor as what holds it back."
            )
            continue
        story.say(
            f"{row['coverage_level']}: reached {row['reached_coverage_share']:.1%}, on file"
            f" {row['coverage_share']:.1%}, engaged {row['engaged_coverage_share']:.1%};"
            f" {row['covered_personas']} of {row['required_personas']} personas covered"
            + ("; it rests on one engaged person" if row["is_single_threaded"] else "")
        )
    story.table(
        "Personas",
        story.rows(
            "select replace(persona, '_', ' ') as persona, decision_role as role,"
            " required_people as needed, expected_people as on_file, reached_people as reached,"
            " engaged_people as engaged,"
            " covered_share as covered, is_whitespace as missing"
            " from account_persona_coverage"
            " where account_id = $1 order by is_whitespace desc, persona"
        ),
        "No persona is required.",
    )


def _tell_paths(story: Story) -> None:
    for row in _rows_of(story, "account_activation_paths"):
        basis = row["value_basis"].replace("of its size", "with accounts of its size")
        value = f"{row['account_value_usd']:,.0f} USD a year ({basis})"
        story.title("What it would take")
        story.say(f"{row['what_it_takes']} It is worth {value}.")


def _tell_plays(story: Story) -> None:
    for row in _rows_of(story, "account_plays"):
        hours = row["first_touch_hours"]
        due = None
        if row["due_on"] is not None:
            due = f"{row['due_on']}" + (", overdue" if row["is_overdue"] else "")
        excluded = row["exclusion_reason"]
        if excluded and row["excluded_until"]:
            excluded += f", until {row['excluded_until']}"
        excluded = excluded and excluded.replace("_", " ")
        story.facts(
            "Plays",
            [
                ("what to do", row["play_decision"]),
                ("play", f"{row['play_id']}: {row['play_name']} ({row['template']})"),
                ("led by", _listed(row["owner_function"])),
                ("channels", _listed(row["channels"])),
                ("speaks to", _listed(row["content_level"])),
                ("first touch", None if hours is None else f"within {counted(hours, 'hour')}"),
                ("due on", due),
                ("last touch", row["last_touch_on"]),
                ("trigger", f"{row['trigger'].replace('_', ' ')} on {row['triggered_on']}"),
                ("response", row["response"]),
                ("excluded", excluded),
                ("rule", f"{row['rule_rank']}: {row['rule_reason']}"),
                ("why", row["why"]),
            ],
        )


def _tell_inbound(story: Story) -> None:
    rows = _rows_of(story, "inbound_routing", "act_date desc")
    if rows:
        story.facts("Inbound", [(str(row["act_date"]), _inbound_in_words(row)) for row in rows])


def _inbound_in_words(row: dict[str, Any]) -> str:
    words = f"{row['activity_types']}: to {row['route']}"
    if row["expected_functions"]:
        words += f" ({_listed(row['expected_functions'])})"
    if row["response_days"] is not None:
        words += f" within {counted(row['response_days'], 'day')}"
    words += f"; {row['outcome']}"
    if row["first_touch_on"]:
        words += f", first touched on {row['first_touch_on']} by {row['first_touch_function']}"
    if row["first_expected_touch_on"]:
        words += f", by whom it should on {row['first_expected_touch_on']}"
    return f"{words.replace('_', ' ')}. {row['route_reason']}."


def _tell_decision(story: Story) -> None:
    for row in _rows_of(story, "account_decisions"):
        stalled = row["is_stalled"]
        story.facts(
            "Decision",
            [
                ("decision", f"{row['decision']} since {row['decision_since']}"),
                ("come back on", row["revisit_on"]),
                ("before", row["previous_decision"]),
                ("times on hold", row["holds"] or None),
                ("stalled", "cannot be told, history is too short" if stalled is None else stalled),
                ("under-served", row["is_under_served"]),
                ("why", _without_readiness(story, row["why"])),
            ],
        )
    _tell_decisions(story, story.last_date)


def _without_readiness(story: Story, why: str) -> str:
    """The words on the decision; those on readiness among them stand under Readiness."""
    for row in _rows_of(story, "account_readiness"):
        why = why.replace(row["why"], "")
    return " ".join(why.split())


def _tell_decisions(story: Story, day: date) -> None:
    if not story.has("account_decision_history"):
        return
    story.table(
        "Decisions so far",
        story.rows(
            "select valid_from as since, decision, reason from account_decision_history"
            " where account_id = $1 and valid_from <= $2 order by valid_from",
            day,
        ),
        "None is stored.",
    )


def _tell_readiness(story: Story) -> None:
    for row in _rows_of(story, "account_readiness"):
        capacity = row["decision_capacity"]
        story.facts(
            "Readiness",
            [
                ("segment", row["readiness_segment"].replace("_", " ")),
                ("why", row["why"]),
                ("last asked on", row["last_research_date"]),
                ("interviews", row["interviews"] or None),
                ("capacity", None if capacity is None else f"{capacity:.0%}, only to rank by"),
                ("next deadline", row["next_deadline_on"]),
            ],
        )
        dimensions = _rows_of(story, "account_readiness_dimensions", "dimension_order")
        nothing = "nobody asked"
        if row["last_research_date"] is not None and not row["interviews"]:
            nothing = "nothing lately"
        story.table(
            "The four conditions", [_as_posterior(d, nothing) for d in dimensions], "None is told."
        )
        said = _said(dimensions)
        if said:
            story.facts("What was said", said)


def _as_posterior(row: dict[str, Any], nothing: str) -> dict[str, Any]:
    """A dimension as a row of the table. Where nobody spoke about it there is no number."""
    is_heard = row["evidence_weight"] > 0
    return {
        "dimension": row["dimension"].replace("_", " "),
        "mean": f"{row['mean_share']:.0%}" if is_heard else nothing,
        "probably": f"{row['lower_80_share']:.0%} - {row['upper_80_share']:.0%}"
        if is_heard
        else None,
        "evidence": f"{row['evidence_weight']:.2f}" if is_heard else None,
        "people": str(row["respondents"]) if is_heard else None,
        "too old from": row["expires_on"] or ("too little" if is_heard else None),
    }


def _said(dimensions: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Who spoke about each dimension, and what was named; what all say alike is said once."""
    named = {row["dimension"]: _named(row) for row in dimensions if row["roles_heard"]}
    is_alike = len(named) > 1 and len(set(named.values())) == 1
    lines = []
    for row in dimensions:
        if row["roles_heard"]:
            words = f"heard from {row['roles_heard']}, last on {row['last_heard_on']}"
            if named[row["dimension"]] and not is_alike:
                words += f"; {named[row['dimension']]}"
            lines.append((row["dimension"].replace("_", " "), words.replace("_", " ")))
    if is_alike and any(named.values()):
        lines.append(("of all of them", next(iter(named.values())).replace("_", " ")))
    return lines


def _named(row: dict[str, Any]) -> str:
    words = [
        f"{name} {row[column]}" if row[column] else None
        for name, column in (
            ("pressure", "pressure_type"),
            ("deadline", "deadline_on"),
            ("constraint", "constraint_type"),
        )
    ]
    return "; ".join(word for word in words if word)


def _tell_question(story: Story) -> None:
    if not story.has("research_queue"):
        return
    for row in story.rows(
        "select *, (select count(*) from research_queue) as places"
        " from research_queue where account_id = $1"
    ):
        budget = "within" if row["is_within_budget"] else "beyond"
        story.facts(
            "Whom to ask next",
            [
                ("place", f"{row['rank']} of {row['places']}, {budget} the budget of interviews"),
                ("role", row["respondent_role"].replace("_", " ")),
                ("begin with", row["dimension"].replace("_", " ")),
                ("why", row["why"]),
            ],
        )
        return
    for row in story.rows(
        "select is_target, play_decision = 'withheld' as is_excluded from accounts"
        " inner join account_plays using (account_id) where account_id = $1"
    ):
        reason = "no conversation could change the decision"
        if row["is_excluded"]:
            reason = "the account is excluded"
        if not row["is_target"]:
            reason = "it is not a target"
        story.title("Whom to ask next")
        story.say(f"It is not in the research queue: {reason}.")


def _tell_effort(story: Story) -> None:
    functions = ("sales_development", "sales", "marketing", "customer_success")
    for row in _rows_of(story, "account_effort"):
        by = ", ".join(f"{name} {row[f'{name}_touches']}" for name in functions)
        story.title("Effort")
        if row["is_touched"]:
            story.say(
                f"{counted(row['touches'], 'touch', 'touches')} of ours ({by.replace('_', ' ')}),"
                f" about {row['effort_usd']:,.2f} USD; the last on {row['last_touch_on']}"
                + (
                    "; made while it shows too little interest or cannot buy"
                    if row["is_against_calendar"]
                    else ""
                )
                + "."
            )
        else:
            story.say("We did not touch anybody there within the days that count.")
        # A file of an older version does not say since when it is listed.
        if row.get("listed_on") is not None:
            story.say(_listing_in_words(row))
    if story.has("account_touches"):
        story.table(
            "Last touches",
            story.rows(
                "select touch_date as day, direction, replace(function_name, '_', ' ') as by_or_to,"
                " replace(activity_type, '_', ' ') as activity_type,"
                " sum(touches) as touches from account_touches where account_id = $1"
                " group by all order by day desc, direction, by_or_to, activity_type limit $2",
                MOST_TOUCHES,
            ),
            "None, either way.",
        )


def _listing_in_words(row: dict[str, Any]) -> str:
    by = f" by {row['selected_by']}" if row["selected_by"] else " (who chose it is not recorded)"
    grounds = row["selection_basis"] or "none on record"
    return (
        f"Listed on {row['listed_on']}{by}; grounds: {grounds}. Since then"
        f" ({counted(row['days_since_listed'], 'day')})"
        f" {counted(row['touches_since_listed'], 'touch', 'touches')} and about"
        f" {row['effort_since_listed_usd']:,.2f} USD."
    )


def _tell_timing(story: Story) -> None:
    for row in _rows_of(story, "account_timing"):
        opens = row["next_window_opens_on"]
        if row["is_outside_window"] and opens is None:
            opens = "not known"
        story.facts(
            "Timing",
            [
                ("reason", row["timing_reason"]),
                ("opens next", opens),
                ("closes on", row["next_window_closes_on"]),
            ],
        )


def _tell_windows(story: Story) -> None:
    rows = _rows_of(story, "account_timing_windows", "starts_on, window_type, source")
    if rows:
        story.facts(
            "Timing windows",
            [
                (
                    f"{row['window_type']} ({row['source']})",
                    f"{row['effect']}, {row['starts_on']} to {row['ends_on']}"
                    + (", now" if row["is_current"] else "")
                    + ("" if row["decides_timing"] else ", for information")
                    + f", known since {row['known_since']}",
                )
                for row in rows
            ],
        )


def _rows_of(story: Story, mart: str, order: str = "1") -> list[dict[str, Any]]:
    """The account's rows of a mart that a file of an older version may not have."""
    if not story.has(mart):
        return []
    return story.rows(f"select * from {mart} where account_id = $1 order by {order}")


PARTS: tuple[Callable[[Story], None], ...] = (
    _tell_state,
    _tell_drivers,
    _tell_paths,
    _tell_decision,
    _tell_readiness,
    _tell_question,
    _tell_plays,
    _tell_inbound,
    _tell_effort,
    _tell_timing,
    _tell_windows,
    _tell_fit,
    _tell_signals,
    _tell_coverage,
)

# --- what history keeps ---------------------------------------------------------------------------


def _tell_history(story: Story, day: date) -> None:
    states = story.rows(
        "select state, valid_from, reason from account_activation_history"
        " where account_id = $1 and valid_from <= $2 and (valid_to is null or valid_to > $2)",
        day,
    )
    # The name is today's: what else is known only today stays out.
    names = story.rows(
        "select account_name from accounts where account_id = $1 and account_name is not null"
    )
    name = names[0]["account_name"] if names else story.account_id
    _first_of_day(story, name, day, states)
    story.title(f"{name} ({story.account_id}) on {day}" if names else f"{name} on {day}")
    if not states:
        story.say("It was no account on that day.")
    for row in states:
        story.say(f"{row['state']} since {row['valid_from']}: {row['reason']}.")
    for row in story.rows(
        "select * from account_gap_history where account_id = $1 and as_of_date <= $2"
        " order by as_of_date desc limit 1",
        day,
    ):
        story.say(_gap_in_words(row))
    _tell_judgement(story, day)
    snapshots = story.rows(
        "select * exclude (account_id, ruleset_version) from account_snapshots"
        " where account_id = $1 and as_of_date <= $2 order by as_of_date desc limit 1",
        day,
    )
    for row in snapshots:
        facts = [(name.replace("_", " "), value) for name, value in row.items()]
        story.facts("The month end before", facts)
    if not snapshots:
        story.title("The month end before")
        story.say("No month end is stored before that day.")
    _tell_decisions(story, day)
    _tell_states(story, day)
    _tell_movements(story, day)
    story.title("The rest of that day")
    story.say(
        f"make as-of DATE={day}, then this command again: fit, signals, coverage and the four"
        " conditions as then."
    )


def _first_of_day(story: Story, name: str, day: date, states: Sequence[dict[str, Any]]) -> None:
    """The five lines of a day before, as far as history keeps them."""
    if not states:
        story.first(
            f"{name} was no account on {day}",
            "nothing, for it was not there",
            "nobody had one to make",
            "nobody had anything to do",
            "nothing was to be done",
        )
        return
    gaps = story.rows(
        "select * from account_gap_history where account_id = $1 and as_of_date <= $2"
        " order by as_of_date desc limit 1",
        day,
    )
    decisions = story.has("account_decision_history") and story.rows(
        "select * from account_decision_history where account_id = $1 and valid_from <= $2"
        " and (valid_to is null or valid_to > $2)",
        day,
    )
    # A file of an older version does not say what is held.
    held = ", held there only because a feed had stopped" if gaps and gaps[0].get("is_held") else ""
    story.first(
        f"{name} had been {states[0]['state']} since {states[0]['valid_from']}{held}",
        _held_back(gaps[0]) if gaps else "nothing, for it was not a target",
        f"{decisions[0]['decision']} since {decisions[0]['valid_from']}: {decisions[0]['reason']}"
        if decisions
        else "nobody had made one",
        f"history does not keep it; make as-of DATE={day}, then this command again",
        f"the state {states[0]['reason']}",
    )


def _tell_judgement(story: Story, day: date) -> None:
    """Readiness and decision of a day before, as they were known then."""
    in_force = "account_id = $1 and valid_from <= $2 and (valid_to is null or valid_to > $2)"
    if story.has("account_readiness_history"):
        rows = story.rows(
            f"select * from account_readiness_history where {in_force}",
            day,
        )
        for row in rows:
            story.say(_readiness_in_words(row))
        if not rows:
            story.say("Readiness unknown: nobody inside had been asked, or too little was said.")
    if story.has("account_decision_history"):
        for row in story.rows(
            f"select * from account_decision_history where {in_force}",
            day,
        ):
            story.say(f"Decision {row['decision']} since {row['valid_from']}: {row['reason']}.")


def _readiness_in_words(row: dict[str, Any]) -> str:
    words = f"Readiness {row['readiness_segment']} from {row['valid_from']}"
    if row["readiness_segment"] == "unknown":
        return f"{words}: what was said was too old or said too little."
    if row["blocking_dimension"]:
        words += f", blocked by {row['blocking_dimension']}"
    words = (
        f"{words}: {row['known_dimensions']} of 4 conditions known, {row['cleared_dimensions']} met"
    ).replace("_", " ")
    if row["expires_on"] is not None:
        words += f"; too old from {row['expires_on']}"
    return f"{words}{'; it rests on one person' if row['is_single_voice'] else ''}."


def _gap_in_words(row: dict[str, Any]) -> str:
    if not row["is_target"]:
        return f"No target since {row['as_of_date']}."
    if not row["is_gap"]:
        return "A target that was activated."
    return f"A target in the gap. What held it back since {row['as_of_date']}: {_held_back(row)}."


def _held_back(row: dict[str, Any]) -> str:
    """What held an account back, of a row of account_gap_history."""
    drivers = [
        row["signal_driver"],
        "insufficient_coverage" if row["has_coverage_driver"] else None,
    ]
    named = " and ".join(DRIVER_WORDS.get(driver, driver) for driver in drivers if driver)
    if row["is_gap"]:
        return named
    return "nothing, it was activated" if row["is_target"] else "nothing, for it was not a target"


def _tell_states(story: Story, day: date) -> None:
    story.table(
        "States so far",
        story.rows(
            "select valid_from as since, state, reason from account_activation_history"
            " where account_id = $1 and valid_from <= $2 order by valid_from",
            day,
        ),
        "None.",
    )


def _tell_movements(story: Story, day: date) -> None:
    story.table(
        "Into the gap and out of it",
        story.rows(
            "select as_of_date as day, why from account_gap_movements"
            " where account_id = $1 and as_of_date <= $2 and segment_type = 'all'"
            " order by as_of_date",
            day,
        ),
        "It never came into the gap or left it since the first stored day.",
    )


def counted(number: int, one: str, many: str | None = None) -> str:
    """So many of something: 1 touch, 2 touches."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _listed(names: str | None) -> str | None:
    """Names that a mart has as a|b; None for none of them."""
    return None if names in (None, "none") else str(names).replace("|", ", ")


def _in_words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
