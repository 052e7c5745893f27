"""States, the gap, what holds targets back, and what moved the gap.

docs/method.md, sections 3, 6 and 7.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from recomputed.accounts import days_ago
from recomputed.acts import feed_of_reports
from recomputed.files import Row, Table, crm_id, registrable
from recomputed.research import Research
from recomputed.rules import constants, rules, truth

STATES = sorted(rules()["activation_states"], key=lambda row: int(row["state_rank"]))
ACTIVATED = next(row for row in STATES if truth(row["is_activated"]))
LEVELS = {"none": 0, "some": 1, "strong": 2}


@dataclass
class State:
    """A state, and for each state the days in a row on which an account was below it."""

    rank: int
    below: dict[int, int] = field(default_factory=dict)


class Gap(Research):
    """A day, with the reasons why an account is or is not activated."""

    def facts(self, account: str) -> dict[str, Any]:
        """What decides the state of an account."""
        signals = self.signals(account)
        two_way = max(
            (
                one.act.on
                for one in self._counted_by_account.get(account, ())
                if truth(one.act.rule["is_two_way"])
            ),
            default=None,
        )
        return {
            **signals,
            "reached": round(self.coverage(account)["reached_coverage_share"], 6),
            "motion": self.has_committed_motion(account, two_way),
        }

    # --- what is stale ----------------------------------------------------------------------------

    def is_stale(self, feed: str, instance: str | None = None, at: date | None = None) -> bool:
        """Whether nothing came of a feed for its freshness_days."""
        at = at or self.on
        source, _, table = feed.partition(".")
        row = next(
            (
                row
                for row in rules()["feeds"]
                if (row["source"], row["table_name"]) == (source, table)
            ),
            None,
        )
        delivered = self.tables[f"{source}/{table}"].deliveries if row else {}
        days = [
            one
            for name, found in delivered.items()
            if instance in (None, name)
            for one in found
            if one <= at
        ]
        if not row or not days or (row["retired_on"] and row["retired_on"] <= str(at)):
            return False
        return (at - max(days)).days > int(row["freshness_days"])

    @cached_property
    def silent(self) -> dict[str, date]:
        """Feeds that are stale, no longer than a hold lasts, by the day of the last delivery."""
        longest = days_ago(self.on, constants()["stale_hold_days"])
        found = {}
        for row in rules()["feeds"]:
            feed = f"{row['source']}.{row['table_name']}"
            table = self.tables.get(f"{row['source']}/{row['table_name']}")
            if table and self.is_stale(feed) and not self.is_stale(feed, None, longest):
                days = [day for found in table.deliveries.values() for day in found]
                found[feed] = max(day for day in days if day <= self.on)
        return found

    def held_rank(self, account: str) -> int:
        """Rank of the highest state that the silent feeds could have kept; 0 without any."""
        return highest(self._could(account), constants()["keep_factor"]) if self.silent else 0

    def reachable_rank(self, account: str) -> int:
        """Rank of the highest state that it could have entered by them; 0 without any.

        A buying signal of theirs in the last weeks that were delivered could have come again.
        """
        if not self.silent:
            return 0
        days = timedelta(days=int(constants()["engaged_days"]))
        has_signal = self.facts(account)["has_recent_buying_signal"] or any(
            self.silent[feed] < on + days
            for on, feed, conditions in self._acts_and_reports(account)
            if feed in self.silent and "is_buying_signal" in conditions
        )
        facts = self.facts(account)
        could = {"has_recent_buying_signal": has_signal, "reached": facts["reached"]}
        return highest({**self._could(account), **could})

    def _could(self, account: str) -> dict[str, Any]:
        """What decides the state, had the silent feeds gone on as before."""
        settings = constants()

        def has_lapsed(window: str, condition: str) -> bool:
            """Whether an act of a silent feed counted on its last day, and is too old by now."""
            return any(
                last < on + timedelta(days=int(settings[window])) <= self.on
                for on, feed, conditions in self._acts_and_reports(account)
                if condition in conditions
                for last in (self.silent.get(feed),)
                if last is not None
            )

        facts = self.facts(account)
        return {
            **facts,
            "strength_score": self.signals(account, self.silent)["strength_score"],
            "is_broad": facts["is_broad"] or has_lapsed("engaged_days", "points"),
            "has_recent_buying_signal": facts["has_recent_buying_signal"]
            or has_lapsed("buying_signal_days", "is_buying_signal"),
            "motion": facts["motion"]
            or (
                has_lapsed("motion_days", "is_two_way")
                and self.has_committed_motion(account, self.on)
            ),
            "reached": 1.0 if has_lapsed("reached_days", "reaches") else facts["reached"],
        }

    def _acts_and_reports(self, account: str) -> Iterator[tuple[date, str, set[str]]]:
        """Day, feed and what it is good for, of each act and each report of intent."""
        for one in self._counted_by_account.get(account, ()):
            good_for = {
                name for name in ("is_buying_signal", "is_two_way") if truth(one.act.rule[name])
            }
            good_for |= {"points"} if one.points else set()
            good_for |= (
                {"reaches"} if one.person and truth(one.act.rule["reaches_person"]) else set()
            )
            yield one.act.on, one.act.feed, good_for
        for domain in self.domain_of[account]:
            for provider, day, points in self._reports_by_domain.get(domain, ()):
                if points:
                    yield day, feed_of_reports(provider), {"points"}

    # --- whether anybody could see it -----------------------------------------------------------

    @cached_property
    def seen_domains(self) -> dict[str, dict[str, date]]:
        """By channel the last day on which it saw a domain."""
        found: dict[str, dict[str, date]] = {"intent": {}, "web": {}, "ads": {}}

        def see(channel: str, domain: str | None, day: date | None) -> None:
            if domain and day and day <= self.on:
                found[channel][domain] = max(day, found[channel].get(domain, day))

        universe = self.rows("intent_coverage/domains")
        providers = {(row["provider"] or "").strip().lower() for row in universe}
        for row in universe:
            see("intent", registrable(row["domain"]), row.day("seen_on"))
        reports = [("bombora", row) for row in self.rows("bombora/company_surge")]
        reports += [
            ((row["provider"] or "").strip().lower(), row)
            for row in self.rows("intent/topic_scores")
        ]
        for provider, row in reports:
            if provider not in providers:
                see("intent", registrable(row["domain"]), row.day("report_date"))
        for versions in self.versions("reveal/ip_companies"):
            for row in versions:
                words = constants()["resolver_confidence_shares"]
                said = (row["confidence"] or "").strip().lower().replace(" ", "_")
                share = words[said] if said in words else float(said or 1)
                if share >= constants()["resolver_min_confidence"]:
                    see("web", registrable(row["domain"]), row.day("resolved_at"))
        for row in self.rows("linkedin_ads/company_engagement"):
            see("ads", registrable(row["company_domain"]), row.day("date"))
        return found

    def channels(self, account: str) -> set[str]:
        """The channels that could see an account, were it to act; silent feeds or not."""
        since = days_ago(self.on, constants()["observable_days"])
        found = {
            channel
            for channel, domains in self.seen_domains.items()
            if any(domains.get(domain, date.min) >= since for domain in self.domain_of[account])
        }
        if any(self.is_there(p) and self.speaker(p).email for p in self.people_of[account]):
            found.add("contacts")
        return found

    @cached_property
    def silent_channels(self) -> set[str]:
        feeds: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
        for row in rules()["observability_channels"]:
            name = f"{row['source']}.{row['table_name']}"
            if self.tables.get(f"{row['source']}/{row['table_name']}"):
                group = "" if row["channel"] == "web" else row["source"]
                feeds[row["channel"]][group].append(self.is_stale(name))
        return {
            channel
            for channel, sources in feeds.items()
            if all(any(stale) for stale in sources.values())
        }

    def is_observable(self, account: str) -> bool:
        return bool(self.channels(account) - self.silent_channels)

    # --- timing -----------------------------------------------------------------------------------

    @cached_property
    def windows(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows("timing/windows"):
            account = self.account_of_record.get(crm_id(row["crm_account_id"]) or "")
            account = account or self.owners.get(registrable(row["domain"]) or "")
            if account:
                found[account].append(row)
        return found

    def is_outside_window(self, account: str) -> bool:
        opened = []
        for row in self.windows[account]:
            starts, ends = row.day("starts_on") or self.on, row.day("ends_on") or self.on
            if row["window_type"] == "fiscal_year_end":
                days = next(
                    int(rule["opens_days_before"])
                    for rule in rules()["window_rules"]
                    if (rule["window_type"], rule["source"]) == ("fiscal_year_end", "timing")
                )
                starts = min(starts, ends - timedelta(days=days))
            is_now = starts <= self.on <= ends
            if row["effect"] == "closed" and is_now:
                return True
            if row["effect"] == "open":
                opened.append(is_now)
        if opened and not any(opened):
            return True
        return self.is_cooling_down(account) or self.revisit_on(account) is not None

    # --- drivers ----------------------------------------------------------------------------------

    def drivers(self, account: str) -> list[tuple[str, float, bool, bool]]:
        """Of a target in the gap: driver, share, whether it is the primary one and the only one."""
        if not self.fit(account)["fits_icp"]:
            return [("poor_fit", 1.0, True, False)]
        facts = self.facts(account)
        names = []
        has_signal = LEVELS[facts["signal_level"]] >= LEVELS[ACTIVATED["min_signal_level"]]
        if not has_signal and not facts["motion"]:
            if not self.is_observable(account):
                names.append("no_signal_detected")
            elif self.is_outside_window(account):
                names.append("wrong_timing")
            else:
                names.append("low_intent")
        if facts["reached"] < float(ACTIVATED["min_reached_coverage"]):
            names.append("insufficient_coverage")
        return [
            (name, 1 / len(names), place == 0, len(names) == 1) for place, name in enumerate(names)
        ]


# --- states ---------------------------------------------------------------------------------------


def highest(facts: Mapping[str, Any], factor: float = 1.0) -> int:
    """Rank of the highest state whose rule holds, thresholds taken times a factor."""
    settings = constants()
    strength = facts["strength_score"]
    level = 0
    if strength >= settings["some_min_strength"] * factor:
        level = 1
    is_sure = facts["is_broad"] and facts["has_recent_buying_signal"]
    if strength >= settings["strong_min_strength"] * factor and is_sure:
        level = 2
    best = 1
    for row in STATES:
        has_signal = level >= LEVELS[row["min_signal_level"]] or (
            truth(row["motion_replaces_signal"]) and facts["motion"]
        )
        has_motion = facts["motion"] or not truth(row["needs_committed_motion"])
        has_coverage = facts["reached"] >= float(row["min_reached_coverage"]) * factor - 1e-9
        if has_signal and has_motion and has_coverage:
            best = int(row["state_rank"])
    return best


def next_state(before: State | None, facts: Mapping[str, Any], held_rank: int) -> State:
    """The state of a day, of that of the day before.

    What the silent feeds could have kept, up to `held_rank`, is not left; the day does not count.
    """
    enters, keeps = highest(facts), highest(facts, constants()["keep_factor"])
    if before is None:
        return State(enters, dict.fromkeys(range(1, len(STATES) + 1), 0))
    below = {
        rank: (days if rank <= held_rank else days + 1) if keeps < rank else 0
        for rank, days in before.below.items()
    }
    wait = constants()["days_below_to_fall"]
    rank = before.rank
    if below[rank] >= wait and rank > held_rank:
        rank = max(other for other in below if other < rank and below[other] < wait)
    return State(max(rank, enters), below)


@dataclass
class History:
    """Some days in a row: what held on each, and the state of each account."""

    days: dict[date, Gap]
    states: dict[date, dict[str, State]]

    def is_activated(self, account: str, on: date) -> bool:
        return truth(STATES[self.states[on][account].rank - 1]["is_activated"])

    def gap(self, on: date) -> set[str]:
        """Targets that are not activated."""
        return {one for one in self.days[on].targets if not self.is_activated(one, on)}

    def movements(self, first: date, last: date) -> dict[str, Any]:
        """What moved the gap after the first day; nobody's rules or identities change."""
        found: dict[str, Any] = {
            "opening_gap": len(self.gap(first)),
            "listed": 0,
            "removed": 0,
            "activated": 0,
            "cooled": 0,
        }
        for offset in range((last - first).days):
            before, on = first + timedelta(offset), first + timedelta(offset + 1)
            was, now = self.gap(before), self.gap(on)
            for account in was - now:
                found["activated" if account in self.days[on].targets else "removed"] += 1
            for account in now - was:
                found["cooled" if account in self.days[before].targets else "listed"] += 1
        found["closing_gap"] = len(self.gap(last))
        return found


def history(tables: Mapping[str, Table], first: date, last: date) -> History:
    """All days from the first to the last, computed one after the other."""
    found = History({}, {})
    before: dict[str, State] = {}
    for offset in range((last - first).days + 1):
        on = first + timedelta(days=offset)
        world = Gap(tables, on)
        before = {
            account: next_state(before.get(account), world.facts(account), world.held_rank(account))
            for account in world.accounts
        }
        found.days[on], found.states[on] = world, before
    return found
