"""Deals as they stood on a day: motion and endings.

docs/method.md, sections 1, 2 and 6.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from recomputed.accounts import World, days_ago, is_left_out
from recomputed.files import Row, crm_id, day
from recomputed.rules import constants, matches, rules, truth


@dataclass
class Deal:
    """steps: what is said of its stage, oldest first: moment, day it was known, stage."""

    id: str
    account: str | None
    type: str
    created: date
    close_date: date | None
    steps: list[tuple[datetime, date, str]] = field(default_factory=list)
    is_closed: bool = False
    is_won: bool = False

    @property
    def is_renewal(self) -> bool:
        return any(matches(row["type_pattern"], self.type) for row in rules()["renewal_types"])


class Deals(World):
    """A day, with its deals."""

    @cached_property
    def deals(self) -> list[Deal]:
        found = [*self._salesforce_deals(), *self._hubspot_deals()]
        return [deal for deal in found if deal.account in self.accounts]

    def _salesforce_deals(self) -> list[Deal]:
        steps: dict[str, list[tuple[datetime, date, str]]] = defaultdict(list)
        dates: dict[str, list[tuple[datetime, date | None]]] = defaultdict(list)
        for row in self.rows("salesforce/opportunity_history"):
            name = row.id("opportunity_id") or ""
            steps[name].append((row.version, row.known, row["stage_name"]))
            if row["close_date"]:
                dates[name].append((row.version, row.day("close_date")))
        for row in self.rows("salesforce/opportunity_field_history"):
            name = row.id("opportunity_id") or ""
            if row["field"] == "StageName":
                steps[name].append((row.version, row.known, row["new_value"]))
            elif row["field"] == "CloseDate":
                dates[name].append((row.version, row.day("new_value")))
        found = []
        for versions in self.versions("salesforce/opportunity"):
            row = max(versions, key=lambda row: row.version)
            if row.yes("is_deleted") or is_left_out("opportunity", {"name": row["name"]}):
                continue
            name = row.id("id") or ""
            said = [(one.version, one.day("close_date")) for one in versions]
            found.append(
                self._deal(
                    name,
                    self.account_of_record.get(row.id("account_id") or ""),
                    row["type"] or "",
                    row.day("created_date") or row.known,
                    sorted(steps[name]),
                    max([*said, *dates[name]], key=lambda one: one[0])[1],
                    (row.version, row.known, row["stage_name"]),
                    row.yes("is_closed"),
                    row.yes("is_won"),
                )
            )
        return found

    def _hubspot_deals(self) -> list[Deal]:
        stages = {row["stage_id"]: row for row in self.rows("hubspot/deal_pipeline_stage")}
        companies: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows("hubspot/deal_company"):
            companies[row.id("deal_id") or ""].append(row)
        steps: dict[str, list[tuple[datetime, date, str]]] = defaultdict(list)
        dates: dict[str, list[tuple[datetime, date | None]]] = defaultdict(list)

        def label(stage: Any) -> str:
            return stages[stage]["label"] if stage in stages else str(stage)

        for row in self.rows("hubspot/deal_stage"):
            name = row.id("deal_id") or ""
            steps[name].append((row.version, row.known, label(row["value"])))
        for row in self.rows("hubspot/deal_property_history"):
            if row["name"] == "closedate":
                dates[row.id("deal_id") or ""].append((row.version, day(row["value"])))
        found = []
        for row in self.rows("hubspot/deal"):
            if row.yes("is_deleted") or is_left_out(
                "opportunity", {"name": row["property_dealname"]}
            ):
                continue
            name = row.id("deal_id") or ""
            mine = sorted(
                companies[name], key=lambda one: (one["type_id"] != "5", one["company_id"])
            )
            account = next(
                (
                    self.account_of_record[crm_id(one["company_id"], one.instance) or ""]
                    for one in mine
                    if crm_id(one["company_id"], one.instance) in self.account_of_record
                ),
                None,
            )
            stage = stages.get(row["deal_pipeline_stage_id"])
            found.append(
                self._deal(
                    name,
                    account,
                    row["property_dealtype"] or "",
                    row.day("property_createdate") or row.known,
                    sorted(steps[name]),
                    max(
                        [(row.version, row.day("property_closedate")), *dates[name]],
                        key=lambda one: one[0],
                    )[1],
                    (row.version, row.known, label(row["deal_pipeline_stage_id"])),
                    bool(stage and stage.yes("is_closed")),
                    bool(stage and stage.yes("closed_won")),
                )
            )
        return found

    def _deal(
        self,
        name: str,
        account: str | None,
        kind: str,
        created: date,
        steps: list[tuple[datetime, date, str]],
        close_date: date | None,
        now: tuple[datetime, date, str],
        is_closed: bool,
        is_won: bool,
    ) -> Deal:
        if not steps or (now[0] > steps[-1][0] and now[2] != steps[-1][2]):
            if not steps and is_closed and close_date:
                now = (now[0], min(now[1], close_date), now[2])
            steps = [*steps, now]
        outcome = _outcome(steps[-1][2])
        if outcome:
            is_closed, is_won = outcome in ("won", "lost"), outcome == "won"
        return Deal(name, account, kind, created, close_date, steps, is_closed, is_won)

    def ended_on(self, deal: Deal) -> date | None:
        """The day on which its end became known."""
        if not deal.is_closed:
            return None
        end = None
        for _, known, stage in reversed(deal.steps):
            if _outcome(stage) not in ("won", "lost") and end:
                break
            end = known
        return end

    @cached_property
    def deal_ends(self) -> dict[str, list[date]]:
        found: dict[str, list[date]] = defaultdict(list)
        for deal in self.deals:
            end = self.ended_on(deal)
            if end and not deal.is_renewal:
                found[deal.account or ""].append(end)
        return found

    @cached_property
    def deals_of(self) -> dict[str, list[Deal]]:
        found: dict[str, list[Deal]] = defaultdict(list)
        for deal in self.deals:
            found[deal.account or ""].append(deal)
        return found

    def open_deals(self, account: str) -> list[Deal]:
        return [d for d in self.deals_of[account] if not d.is_closed and d.created <= self.on]

    def has_committed_motion(self, account: str, last_two_way: date | None) -> bool:
        settings = constants()
        for deal in self.open_deals(account):
            if deal.is_renewal or not _is_committed(deal.steps[-1][2]):
                continue
            last_step = max(known for _, known, _ in deal.steps)
            moved = max(last_step, last_two_way or date.min)
            if moved >= days_ago(self.on, settings["motion_days"]):
                return True
            grace = timedelta(days=settings["close_date_grace_days"])
            if deal.close_date and deal.close_date + grace >= self.on:
                return True
        return False

    def is_cooling_down(self, account: str) -> bool:
        """Whether a deal was lost lately and no other is open."""
        lost = [
            end
            for deal in self.deals_of[account]
            if deal.is_closed and not deal.is_won and (end := self.ended_on(deal))
        ]
        since = days_ago(self.on, constants()["lost_deal_cooldown_days"])
        return any(end > since for end in lost) and not self.open_deals(account)


def _row(stage: str) -> dict[str, str] | None:
    return next(
        (r for r in rules()["opportunity_stages"] if r["stage_name"].lower() == stage.lower()), None
    )


def _outcome(stage: str) -> str | None:
    row = _row(stage)
    return row["outcome"] if row else None


def _is_committed(stage: str) -> bool:
    row = _row(stage)
    return bool(row and truth(row["is_committed"]))
