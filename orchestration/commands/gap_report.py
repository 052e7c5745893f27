"""Prints what a published database says: funnel, drivers, states, decisions, lost rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from orchestration.project import project
from orchestration.rules.ruleset import project_vars, state_rules
from orchestration.runs.publish import open_published
from orchestration.terminal import feed_words, marked_up, unknown_coverage_words

# Places of the research queue, and lines on lost rows, that are printed.
FIRST_PLACES = 3
# What to ask and whom, in the words of macros/text.sql (question_words, persona_words).
QUESTIONS = {
    "pressure": "what forces them to act",
    "ownership": "who answers for the problem that we solve",
    "authority_alignment": "who controls budget and priority",
    "timing_tolerance": "how long they can wait",
}
ROLES = {
    "technical": "technical evaluator",
    "procurement": "procurement contact",
    "blocker": "security or legal reviewer",
}
# Without any act of anybody for so long the files have ended, whatever a company sells.
QUIET_DAYS = 30


def print_gap(published_path: Path, console: Console | None = None) -> None:
    """The gap of the latest day in the published file, over all accounts; first what is missing."""
    console = console or Console()
    with open_published(published_path) as connection:
        funnel = connection.execute(
            """
            select
                as_of_date, target_accounts, icp_accounts, icp_assumed_accounts,
                activated_accounts, activated_icp_accounts, target_gap, icp_gap, gap_rate,
                held_accounts, target_gap_without_held, may_have_risen_accounts,
                target_gap_if_risen, held_by
            from activation_gap
            where segment_type = 'all'
            order by as_of_date desc
            limit 1
            """
        ).fetchone()
        if funnel is None:
            console.print("No day has been computed yet, so there is no gap to show.")
            return
        day = funnel[0]
        drivers = connection.execute(
            """
            select driver, attributed_accounts, primary_accounts, sole_blocker_accounts
            from activation_gap_drivers
            where segment_type = 'all' and as_of_date = ?
            order by attributed_accounts desc, driver
            """,
            [day],
        ).fetchall()
        states = connection.execute(
            """
            select account_activation.state, count(*), count(*) filter (accounts.is_target)
            from account_activation
            inner join accounts using (account_id)
            group by account_activation.state
            """
        ).fetchall()
        scope = connection.execute(
            """
            select
                target_accounts, asked_accounts, known_accounts, can_decide_accounts,
                blocked_accounts, contested_accounts, partial_accounts
            from research_scope
            where segment_type = 'all'
            """
        ).fetchone()
        decisions = connection.execute(
            """
            select account_decisions.decision, count(*)
            from account_decisions
            inner join accounts using (account_id)
            where accounts.is_target
            group by account_decisions.decision
            """
        ).fetchall()
        questions = connection.execute(
            """
            select
                research_queue.rank, coalesce(accounts.account_name, accounts.account_id),
                research_queue.respondent_role, research_queue.dimension,
                research_queue.flip_share
            from research_queue
            inner join accounts using (account_id)
            order by research_queue.rank
            limit ?
            """,
            [FIRST_PLACES],
        ).fetchall()
        missing = _missing(connection)
    for line in missing:
        console.print(marked_up(line), highlight=False, soft_wrap=True)
    console.print(_funnel(funnel[:9]))
    if held := _held(*funnel[4:7:2], *funnel[9:]):
        console.print(marked_up(held), highlight=False, soft_wrap=True)
    console.print(_drivers(drivers, target_gap=funnel[6]))
    console.print(_states(states))
    if scope is not None:
        for line in _readiness(scope, dict(decisions), questions):
            console.print(marked_up(line), highlight=False, soft_wrap=True)


def print_lost_rows(published_path: Path, console: Console | None = None) -> None:
    """The delivered rows that count for nothing, or for no account, the greatest share first."""
    console = console or Console()
    with open_published(published_path) as connection:
        rows = connection.execute(
            """
            select
                source || case when source_instance = 'main' then '' else '@' || source_instance end
                || '.' || table_name as feed,
                reason, row_count, share, remedy
            from load_audit
            where is_loss and (share >= ? or reason = 'no reason found')
            order by reason <> 'no reason found', share desc, row_count desc, feed
            """,
            [float(project_vars(project())["lost_rows_min_share"])],
        ).fetchall()
    if not rows:
        return
    lines = ["Delivered rows that count for no account or for nothing (marts_detail.load_audit):"]
    for table, reason, count, share, remedy in rows[:FIRST_PLACES]:
        lines.append(
            f"  {table}: {count:,} {'row' if count == 1 else 'rows'} ({share:.0%}), {reason}"
            f"{f'. {remedy}' if remedy else ''}"
        )
    if len(rows) > FIRST_PLACES:
        more = f"{len(rows) - FIRST_PLACES:,} more"
        lines.append(f"  and {more} (marts_detail.review_items, lost_rows)")
    for line in lines:
        console.print(marked_up(line), highlight=False, soft_wrap=True)


def _missing(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """What cannot be known for want of a table or a column, and what that does to the numbers."""
    coverage = connection.execute(
        """
        select
            coverage_unknown_reason, count(*), sum(count(*)) over (),
            count(*) filter (is_activated)
        from account_coverage
        inner join accounts using (account_id)
        inner join account_hierarchy using (account_id)
        where is_target
        group by coverage_unknown_reason
        qualify coverage_unknown_reason is not null
        order by coverage_unknown_reason desc
        """
    ).fetchall()
    lines = []
    if coverage:
        unknown, targets = sum(row[1] for row in coverage), coverage[0][2]
        activated = sum(row[3] for row in coverage)
        reasons = " and ".join(
            f"{unknown_coverage_words(reason)} for {count:,}" for reason, count, *_ in coverage
        )
        lines.append(
            f"Unknown: who sits in the buying committee of {unknown:,} of {targets:,} targets"
            f" ({reasons}). Neither their state nor what holds them back rests on it:"
            f" {activated:,} of them {'counts' if activated == 1 else 'count'} as activated by"
            " what people there did alone."
        )
    settings = project_vars(project())
    providers = [
        source
        for source, kinds in settings["sources"].items()
        if "intent_scores" in kinds and source not in settings["sources_off"]
    ]
    has_intent, unseen = connection.execute(
        """
        select
            exists(
                select 1 from data_health
                where list_contains(?, split_part(source, '@', 1)) and accepted > 0
            ),
            (select count(*) from account_gap_drivers where cause = 'no_intent_source')
        """,
        [providers],
    ).fetchall()[0]
    has_list = connection.execute(
        "select exists(select 1 from data_health"
        " where split_part(source, '@', 1) = 'targets' and accepted > 0)"
    ).fetchall()[0][0]
    lines += _rules_not_set(connection)
    lines += _nothing_new(connection)
    if not has_list:
        lines.append(
            "Unknown: which accounts you target (no target list delivered). Every account of the"
            " CRM counts as a target."
        )
    if not has_intent:
        lines.append(
            "Unknown: who researches your topics elsewhere (no intent source delivered). Signal is"
            f" only what accounts did with you. {unseen:,} of the gap, whom web and ads do not show"
            f" either, {'counts' if unseen == 1 else 'count'} as no_signal_detected, not as"
            " low_intent."
        )
    return lines


def _nothing_new(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Says if the files end long before the day of the report, which makes everybody look cold.

    Files that were copied once count as delivered on the day of the copy, so no feed is stale.
    """
    newest, day = connection.execute(
        """
        select
            greatest(
                (select max(touch_date) from account_touches),
                (select max(last_signal_date) from account_signals)
            ),
            (select max(as_of_date) from account_signals)
        """
    ).fetchall()[0]
    if newest is None or day is None or (day - newest).days <= QUIET_DAYS:
        return []
    return [
        f"The newest act that was delivered is of {newest}, {(day - newest).days:,} days before"
        f" {day}: accounts look cold because the files end there. Deliver newer exports. To see"
        f" {newest} instead, move WAREHOUSE_PATH and PUBLISHED_DIR away and run make refresh"
        f" START_DATE=<the first day> END_DATE={newest}."
    ]


def _rules_not_set(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Rules that only the company can know and nobody has said, as one sentence."""
    rules = [
        rule
        for (rule,) in connection.execute(
            "select item from review_items where item_type = 'rule_not_set'"
        ).fetchall()
    ]
    if not rules:
        return []
    fit = "Which accounts fit is unknown, so all count. " if "fit_criteria" in rules else ""
    return [
        f"Unknown: what your company alone can say ({', '.join(rules)}). {fit}General rules hold"
        " until then: make init proposes most of yours, review_items says what each decides."
    ]


def _funnel(row: Sequence[Any]) -> Table:
    day, targets, fits, assumed, activated, activated_fits, target_gap, icp_gap, gap_rate = row
    table = _table(f"Activation gap on {day}", "", "accounts", "of targets")
    for label, count in (
        ("Target accounts", targets),
        (f"Fit the ideal profile ({assumed:,} assumed)", fits),
        (f"Activated ({activated_fits:,} of those that fit)", activated),
        ("Gap: targets not activated", target_gap),
        ("Gap: fitting targets not activated", icp_gap),
    ):
        table.add_row(label, f"{count:,}", _share(count, targets))
    table.add_section()
    table.add_row(
        "Gap rate (of fitting targets)", "" if gap_rate is None else f"{gap_rate:.1%}", ""
    )
    return table


def _held(
    activated: int, gap: int, held: int, without: int, risen: int, with_risen: int, feeds: str
) -> str:
    """How many are activated, or are not, only because feeds have stopped, in one line."""
    told = []
    if held:
        count, it = ("counts", "it") if held == 1 else ("count", "they")
        told.append(
            f"{held:,} of the {activated:,} activated {count} only because {feed_words(feeds)}"
            f" stopped ({feeds}). If {it} fell meanwhile, the gap is {without:,}, not {gap:,}."
        )
    if risen:
        by = "" if held else f" because {feed_words(feeds)} stopped ({feeds})"
        told.append(
            f"{risen:,} of the gap may be active without our seeing it{by}."
            f" If {'it is' if risen == 1 else 'they are'}, the gap is {with_risen:,}."
        )
    return " ".join(told)


def _drivers(rows: Sequence[Sequence[Any]], target_gap: int) -> Table:
    table = _table("What holds them back", "driver", "attributed", "primary", "sole blocker")
    for driver, attributed, primary, sole in rows:
        table.add_row(marked_up(driver), _number(attributed), f"{primary:,}", f"{sole:,}")
    table.add_section()
    total = sum(row[1] for row in rows)
    table.add_row(f"sum (gap: {target_gap:,})", _number(total), f"{sum(r[2] for r in rows):,}", "")
    return table


def _states(rows: Sequence[Sequence[Any]]) -> Table:
    counts = {state: (accounts, targets) for state, accounts, targets in rows}
    ranks = [rule.state for rule in reversed(state_rules(project()).states)]
    table = _table("Activation states", "state", "accounts", "targets")
    for state in [*ranks, *sorted(counts.keys() - set(ranks))]:
        accounts, targets = counts.get(state, (0, 0))
        table.add_row(marked_up(state), f"{accounts:,}", f"{targets:,}")
    return table


def _readiness(
    scope: Sequence[Any], decisions: dict[str, int], questions: Sequence[Sequence[Any]]
) -> list[str]:
    """What to do about the targets, and whom to ask next, a line each."""
    targets, asked, known, can_decide, blocked, contested, partial = scope
    if not asked:
        return [
            "Nobody inside a target has been asked yet: marts.research_queue says whom to ask first"
            " (docs/research.md)."
        ]
    counts = ", ".join(
        f"{name} {decisions.get(name, 0):,}" for name in ("pursue", "research", "hold", "drop")
    )
    return [
        f"Decisions on targets: {counts}",
        f"Targets where people inside told us whether they can decide: {known:,} of {targets:,}",
        f"  can decide {can_decide:,}, will not now (blocked) {blocked:,},"
        f" contradict each other (contested) {contested:,}, known in part (partial) {partial:,}",
        *(["Ask next (chance that the answer changes our decision):"] if questions else []),
        *(
            f"  {rank}. {name}: ask {_one(ROLES.get(role, _words(role)))}"
            f" {QUESTIONS.get(dimension, _words(dimension))} ({flip_share:.0%})"
            for rank, name, role, dimension, flip_share in questions
        ),
    ]


def _table(title: str, label: str, *numbers: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column(label)
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def _share(count: int, whole: int) -> str:
    return f"{count / whole:.1%}" if whole else ""


def _words(name: str) -> str:
    return name.replace("_", " ")


def _one(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeio' else 'a'} {noun}"


def _number(value: float) -> str:
    # Attributed accounts come in halves where two drivers share an account.
    return f"{value:,.1f}".removesuffix(".0")
