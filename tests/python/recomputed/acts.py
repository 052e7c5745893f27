"""What was done, by whom, and for which account it counts on a day; and the strength that gives.

docs/method.md, section 3.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from itertools import pairwise
from math import exp, log2
from typing import Any

from recomputed.accounts import days_ago
from recomputed.deals import Deals
from recomputed.files import Row, address, moment, registrable
from recomputed.rules import constants, matches, rules, truth
from recomputed.titles import seniority

TYPES = {row["activity_type"]: row for row in rules()["activity_types"]}


@dataclass(frozen=True)
class Act:
    """Something done.

    who: the raw identity; record: a lead or contact; domain: who else it is; by: the owner of ours.
    """

    type: str
    on: date
    known: date
    feed: str
    who: str
    record: str | None = None
    email: str | None = None
    account: str | None = None
    domain: str | None = None
    amount: int = 1
    by: str | None = None

    @property
    def rule(self) -> dict[str, str]:
        return TYPES[self.type]

    @property
    def points(self) -> float:
        return float(self.rule["base_points"]) * self.amount


@dataclass(frozen=True)
class Counted:
    """An act that counts for an account. person: whom it belongs to, if anybody is known."""

    act: Act
    account: str
    person: str | None
    points: float
    multiplier: float
    share: float


@cache
def traffic_share(domain: str | None, on: date) -> float:
    """What the acts of a domain are worth."""
    for row in sorted(rules()["traffic_rules"], key=lambda row: int(row["rule_rank"])):
        holds = row["valid_from"] <= str(on) and str(on) < (row["valid_to"] or "9")
        if domain and holds and matches(row["domain_pattern"], domain):
            return float(row["weight_share"])
    return 1.0


@cache
def page_type(path: str | None) -> str:
    """What a page view is, by its path."""
    kinds = sorted(rules()["page_types"], key=lambda row: int(row["rule_rank"]))
    return next(row["activity_type"] for row in kinds if matches(row["path_pattern"], path))


@cache
def crm_type(table: str, kind: Any, subkind: Any = None, disposition: Any = None) -> Any:
    """The rule that says what a record of a CRM is."""
    for row in sorted(rules()["crm_activity_types"], key=lambda row: int(row["rule_rank"])):
        if (
            row["source_table"] == table
            and matches(row["kind_pattern"], kind)
            and matches(row["subkind_pattern"], subkind)
            and matches(row["disposition_pattern"], disposition)
        ):
            return row
    return None


class Acts(Deals):
    """A day, with all that had been done by then."""

    # --- what was done ----------------------------------------------------------------------------

    @cached_property
    def acts(self) -> list[Act]:
        found = [
            *self._salesforce_activities(),
            *self._campaign_responses(),
            *self._hubspot_engagements(),
            *self._marketo(),
            *self._pages(),
            *self._advertising(),
        ]
        return [act for act in found if act.on <= self.on]

    def _recorded(
        self,
        rows: Iterable[Row],
        table: str,
        columns: tuple[str, str | None, str | None],
        on: str,
        subject: str | None,
        people: dict[str, dict[str, date]],
        account_of: Any,
    ) -> Iterable[Act]:
        """Activities of a CRM: one act of each person; of copies of a mail one."""
        seen: set[Any] = set()
        for row in sorted(rows, key=lambda row: (row.known, row.id("id") or "")):
            kind, subkind, disposition = (row[c] if c else None for c in columns)
            rule = crm_type(table, kind, subkind, disposition)
            day = row.day(on) or row.day("created_date") or row.day("property_hs_createdate")
            if not rule or not day:
                continue
            name = row.id("id") or row.id("engagement_id") or ""
            source = "salesforce" if "id" in row.values else "hubspot"
            for person, known in (people.get(name) or {"": row.known}).items():
                if truth(rule["counts_copies_once"]) and person and subject:
                    about = re.sub(
                        constants()["copied_subject_prefix"], "", (row[subject] or "").lower()
                    )
                    copy = (person, day, rule["activity_type"], about.strip())
                    if about.strip() and copy in seen:
                        continue
                    seen.add(copy)
                account = account_of(row)
                yield Act(
                    rule["activity_type"],
                    day,
                    max(known, row.known),
                    f"{source}.{table}",
                    person or f"account {account}",
                    person or None,
                    None,
                    account,
                    by=row.id("owner_id") or row.id("property_hubspot_owner_id"),
                )

    def _salesforce_activities(self) -> Iterable[Act]:
        for table, more in (("task", "task_relation"), ("event", "event_relation")):
            people: dict[str, dict[str, date]] = defaultdict(dict)
            rows = []
            for row in self.rows(f"salesforce/{table}"):
                is_done = (row["status"] or "").lower() == "completed" or table == "event"
                if not is_done or row.yes("is_deleted") or row.yes("is_child"):
                    continue
                rows.append(row)
                if row.id("who_id"):
                    people[row.id("id") or ""][row.id("who_id") or ""] = row.known
            for row in self.rows(f"salesforce/{more}"):
                if row.yes("is_deleted") or row.yes("is_what"):
                    continue
                if (row["status"] or "").lower() in ("declined", "no show"):
                    continue
                there = people[row.id(f"{table}_id") or ""]
                there.setdefault(row.id("relation_id") or "", row.known)
            subtype = "task_subtype" if table == "task" else "event_subtype"
            columns = ("type", subtype, "call_disposition")
            yield from self._recorded(
                rows, table, columns, "activity_date", "subject", people,
                lambda row: row.id("account_id"),
            )  # fmt: skip

    def _campaign_responses(self) -> Iterable[Act]:
        campaigns = {row.id("id"): row for row in self.rows("salesforce/campaign")}
        for row in self.rows("salesforce/campaign_member"):
            campaign = campaigns.get(row.id("campaign_id"))
            person = row.id("contact_id") or row.id("lead_id")
            day = row.day("first_responded_date")
            if row.yes("has_responded") and day and person:
                rule = crm_type("campaign_member", campaign["type"] if campaign else None)
                if rule:
                    yield Act(
                        rule["activity_type"], day, row.known, "salesforce.campaign_member",
                        person, person,
                    )  # fmt: skip

    def _hubspot_engagements(self) -> Iterable[Act]:
        people: dict[str, dict[str, date]] = defaultdict(dict)
        companies: dict[str, list[str]] = defaultdict(list)
        for row in self.rows("hubspot/engagement_contact"):
            people[row.id("engagement_id") or ""][row.id("contact_id") or ""] = row.known
        for row in self.rows("hubspot/engagement_company"):
            companies[row.id("engagement_id") or ""].append(row.id("company_id") or "")
        kinds: tuple[Any, ...] = (
            ("call", "call", "property_hs_call_direction", "property_hs_call_disposition", None),
            (
                "email",
                "email",
                "property_hs_email_direction",
                "property_hs_email_status",
                "property_hs_email_subject",
            ),
            ("meeting", "property_hs_activity_type", None, "meeting_outcome", "title"),
            ("communication", "message", "property_hs_communication_channel_type", None, None),
            ("task", "task", "property_hs_task_type", None, None),
        )
        for name, kind, subkind, disposition, subject in kinds:
            rows = []
            for row in self.rows(f"hubspot/engagement_{name}"):
                outcome = (row["meeting_outcome"] or "").lower()
                status = (row["property_hs_task_status"] or "").lower()
                if row.yes("fivetran_deleted"):
                    continue
                if outcome in ("scheduled", "rescheduled", "canceled", "cancelled"):
                    continue
                if name == "task" and status != "completed":
                    continue
                values = row.values | {"_kind": kind if name != "meeting" else row[kind]}
                rows.append(replace(row, values=values))
            on = "start_time" if name == "meeting" else "property_hs_timestamp"
            if name == "meeting":
                rows = [
                    replace(
                        row,
                        values=row.values
                        | {"_on": row["start_time"] or row["property_hs_timestamp"]},
                    )
                    for row in rows
                ]
                on = "_on"
            yield from self._recorded(
                rows, f"engagement_{name}", ("_kind", subkind, disposition), on, subject, people,
                lambda row: next(iter(sorted(companies[row.id("engagement_id") or ""])), None),
            )  # fmt: skip

    def _marketo(self) -> Iterable[Act]:
        scanned = self._scanners_clicks
        for table in (
            "activity_email_delivered",
            "activity_open_email",
            "activity_click_email",
            "activity_fill_out_form",
        ):
            rule = crm_type(table, "email")
            for row in self.rows(f"marketo/{table}"):
                person = f"marketo:{row['lead_id']}"
                day = row.day("activity_date")
                if day:
                    is_scan = table == "activity_click_email" and row["id"] in scanned
                    kind = "scanner_click" if is_scan else rule["activity_type"]
                    yield Act(kind, day, row.known, f"marketo.{table}", person, person)

    @cached_property
    def _scanners_clicks(self) -> set[str]:
        """Clicks that a mail gateway made, as judged when they counted."""
        settings = constants()
        delivered: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.rows("marketo/activity_email_delivered"):
            delivered[row["lead_id"], row["campaign_id"]].append(row)
        clicks = self.rows("marketo/activity_click_email")
        links: dict[str, list[Row]] = defaultdict(list)
        by_day: dict[tuple[str, str, date | None], list[Row]] = defaultdict(list)
        for row in clicks:
            links[row["campaign_id"]].append(row)
            by_day[row["lead_id"], row["campaign_id"], row.day("activity_date")].append(row)
        found = set()
        for row in clicks:
            for mail in delivered[row["lead_id"], row["campaign_id"]]:
                seconds = (row.version - mail.version).total_seconds()
                if mail.known <= row.known and 0 <= seconds <= settings["scanner_max_seconds"]:
                    found.add(row["id"])
            same = by_day[row["lead_id"], row["campaign_id"], row.day("activity_date")]
            mine = {one["link"] for one in same if one.known <= row.known}
            all_links = {one["link"] for one in links[row["campaign_id"]] if one.known <= row.known}
            if len(mine) >= settings["scanner_min_links"] and (
                len(mine) >= settings["scanner_min_link_share"] * len(all_links)
            ):
                found.add(row["id"])
        return found

    def _pages(self) -> Iterable[Act]:
        settings = constants()
        together: dict[tuple[str, date, date], list[tuple[datetime, Row]]] = defaultdict(list)
        for row in self.rows("segment/pages"):
            at = row["timestamp"] or row["received_at"]
            seen = moment(str(at)) or row.version
            together[row["anonymous_id"], seen.date(), row.known].append((seen, row))
        for (visitor, day, known), pages in together.items():
            times = sorted(seen for seen, _ in pages)
            seconds = (times[-1] - times[0]).total_seconds()
            is_bot = len(pages) >= settings["bot_min_daily_pages"] or (
                len(pages) >= settings["bot_min_fast_pages"]
                and seconds < settings["bot_max_seconds_a_page"] * (len(pages) - 1)
            )
            for _, row in pages:
                kind = page_type(row["context_page_path"])
                yield Act(
                    "bot_page" if is_bot else kind, day, known, "segment.pages",
                    f"visitor {visitor}", None, self._visitor_address.get(visitor), None,
                    self._domain_of_ip.get(row["context_ip"] or ""),
                )  # fmt: skip

    @cached_property
    def _visitor_address(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for row in sorted(self.rows("segment/identifies"), key=lambda row: row.version):
            email = address(row["email"])
            if email:
                found[row["anonymous_id"]] = email
        return found

    @cached_property
    def _visitor_known_on(self) -> dict[str, date]:
        found: dict[str, date] = {}
        for row in self.rows("segment/identifies"):
            who = f"visitor {row['anonymous_id']}"
            found[who] = min(row.known, found.get(who, row.known))
        return found

    @cached_property
    def _domain_of_ip(self) -> dict[str, str]:
        found = {}
        for row in self.rows("reveal/ip_companies"):
            words = constants()["resolver_confidence_shares"]
            said = (row["confidence"] or "").strip().lower().replace(" ", "_")
            share = words[said] if said in words else float(said or 0)
            domain = registrable(row["domain"])
            if share >= constants()["resolver_min_confidence"] and domain:
                found[row["ip"]] = domain
        return found

    def _advertising(self) -> Iterable[Act]:
        for row in self.rows("linkedin_ads/company_engagement"):
            day, domain = row.day("date"), registrable(row["company_domain"])
            counts = {"ad_impression": "impressions", "ad_click": "clicks", "ad_lead": "leads"}
            for kind, column in counts.items():
                amount = int(row.number(column) or 0)
                if amount and day and domain:
                    rule = crm_type("company_engagement", kind)
                    yield Act(
                        rule["activity_type"], day, row.known, "linkedin_ads.company_engagement",
                        f"company {domain}", None, None, None, domain, amount,
                    )  # fmt: skip

    # --- whose it is ------------------------------------------------------------------------------

    def function_of(self, act: Act) -> str:
        """The function that did it: by what its owner is called, else by the kind of act."""
        words = self._words_of_owner.get(act.by or "")
        if words is None:
            return act.rule["default_function"]
        ranked = sorted(rules()["owner_functions"], key=lambda row: int(row["rule_rank"]))
        found = (row["function_name"] for row in ranked if matches(row["pattern"], words))
        return next(found, act.rule["default_function"])

    @cached_property
    def _words_of_owner(self) -> dict[str, str]:
        """Role, department and title of each of ours."""
        roles = {row.id("id"): row["name"] for row in self.rows("salesforce/user_role")}
        found = {}
        for row in self.rows("salesforce/user"):
            said = (roles.get(row.id("user_role_id")), row["department"], row["title"])
            found[row.id("id") or ""] = " ".join(text for text in said if text)
        teams = {row.id("id"): row["name"] for row in self.rows("hubspot/team")}
        team_of = {row.id("owner_id"): row.id("team_id") for row in self.rows("hubspot/owner_team")}
        for row in self.rows("hubspot/owner"):
            owner = row.id("owner_id") or ""
            found[owner] = teams.get(team_of.get(owner)) or ""
        return {
            owner: " " + re.sub(r"[^a-z0-9]+", " ", text.lower()).strip() + " "
            for owner, text in found.items()
        }

    def work(self, account: str) -> Iterable[tuple[date, str, str]]:
        """What ours did for an account: day, function, and one of addressed, mailing, shown."""
        meetings = constants()["effort_inbound_types"]
        for act in self._acts_of_account.get(account, ()):
            if act.type in meetings or truth(act.rule["is_addressed"]):
                yield act.on, self.function_of(act), "addressed"
            elif act.rule["direction"] == "outbound" and truth(act.rule["is_touch"]):
                reaches = truth(act.rule["reaches_person"])
                yield act.on, self.function_of(act), "mailing" if reaches else "shown"

    @cached_property
    def _acts_of_account(self) -> dict[str, list[Act]]:
        found: dict[str, list[Act]] = defaultdict(list)
        for act in self.acts:
            if account := self.owner_of(act):
                found[account].append(act)
        return found

    @cached_property
    def _person_of_address(self) -> dict[str, str]:
        return {email: person.id for person in self.people.values() for email in person.emails}

    def person_of(self, act: Act) -> str | None:
        if act.record:
            return self.person_of_record.get(act.record)
        return self._person_of_address.get(act.email or "")

    def owner_of(self, act: Act) -> str | None:
        person = self.people.get(self.person_of(act) or "")
        if person and person.account:
            return person.account
        if act.email and (owner := self.owners.get(registrable(act.email) or "")):
            return owner
        if act.account and (owner := self.account_of_record.get(act.account)):
            return owner
        return self.owners.get(act.domain or "")

    def _domain_of_act(self, act: Act) -> str | None:
        email = act.email
        if act.record and act.record in self.person_records:
            email = self.person_records[act.record].email
        return registrable(email) if email else act.domain

    @cached_property
    def counted(self) -> list[Counted]:
        """Acts of accounts, after the cap of one identity on one day."""
        by_identity: dict[tuple[str, date], list[Act]] = defaultdict(list)
        for act in self.acts:
            by_identity[act.who, act.on].append(act)
        found = []
        for (_, day), acts in by_identity.items():
            left = float(constants()["daily_identity_cap_points"])
            for act in sorted(acts, key=lambda act: (act.known, -act.points)):
                points = min(act.points, left)
                left -= points
                account = self.owner_of(act)
                share = traffic_share(self._domain_of_act(act), day)
                if account is None or account not in self.accounts:
                    continue
                if share == 0 and not truth(act.rule["is_own_touch"]):
                    continue
                person = self.person_of(act)
                found.append(
                    Counted(act, account, person, points, self._multiplier(act, person), share)
                )
        return found

    def _multiplier(self, act: Act, person: str | None) -> float:
        """That of the title known when the act became known; a company's act has none."""
        if not act.record and not act.who.startswith("visitor"):
            return 1.0
        if (
            act.who.startswith("visitor")
            and self._visitor_known_on.get(act.who, self.on) > act.known
        ):
            person = None
        level = seniority(self.title_on(person, act.known)) if person else "other"
        return next(
            float(row["multiplier"])
            for row in rules()["seniority_levels"]
            if row["seniority"] == level
        )

    def title_on(self, person: str, on: date) -> str | None:
        """The title of a person as known on a day; none while no account had the person."""
        there = self.people.get(person)
        if not there:
            return None
        record = self.speaker(there, on)
        row = record.row_on(on)
        title = record.title_on(on)
        if row is None or title is None:
            return None
        email = address(row["email"] or row["property_email"] or row["person_email"])
        named = row.id("account_id") or row.id("property_associatedcompanyid")
        if record.source != "marketo" and self.account_of_record.get(named or ""):
            return title
        return title if self.past(on).owners.get(registrable(email) or "") else None

    # --- intent -----------------------------------------------------------------------------------

    @cached_property
    def reports(self) -> dict[tuple[str, str, date], tuple[float, set[str]]]:
        """By provider, domain and report day: points, and the topics that surge."""
        scores: dict[tuple[str, str, date], dict[str, float]] = defaultdict(dict)
        for row in self.rows("bombora/company_surge"):
            domain, day = registrable(row["domain"]), row.day("report_date")
            score = row.number("composite_score")
            if domain and day and score is not None and day <= self.on:
                scores["bombora", domain, day][row["topic"].strip().lower()] = score
        for row in self.rows("intent/topic_scores"):
            domain, day = registrable(row["domain"]), row.day("report_date")
            provider = (row["provider"] or "").strip().lower()
            text = row["score"] if row["score"] not in ("-", "N/A", "null") else None
            if domain and day and day <= self.on and text is not None:
                scale = _scaled(provider, float(text))
                scores[provider, domain, day][row["topic"].strip().lower()] = scale
        for key, score in self._surges_of_counts().items():
            provider, domain, day, topic = key
            scores[provider, domain, day].setdefault(topic, score)
        return {key: _points_of_report(key[0], topics) for key, topics in scores.items()}

    def _surges_of_counts(self) -> dict[tuple[str, str, date, str], float]:
        """Scores of providers that give counts alone, each as it was when its report was known."""
        settings = constants()
        counts: dict[tuple[str, str, str], dict[date, list[Row]]] = defaultdict(dict)
        weeks: dict[str, dict[date, date]] = defaultdict(dict)
        for rows in self.versions("intent/topic_scores"):
            for row in rows:
                day, domain = row.day("report_date"), registrable(row["domain"])
                provider = (row["provider"] or "").strip().lower()
                if day is None or domain is None or row.number("interactions") is None:
                    continue
                topic = row["topic"].strip().lower()
                counts[provider, domain, topic].setdefault(day, []).append(row)
                first = weeks[provider].get(day)
                weeks[provider][day] = min(row.known, first) if first else row.known
        found = {}
        recent, base = settings["surge_recent_weeks"], settings["surge_base_weeks"]
        for (provider, domain, topic), by_day in counts.items():
            for day, versions in by_day.items():

                def count(begin: date, end: date, at: date, by_day: Any = by_day) -> float:
                    total = 0.0
                    for one, rows in by_day.items():
                        there = [(row.version, row) for row in rows if row.known <= at]
                        if begin < one <= end and there:
                            total += max(there)[1].number("interactions") or 0
                    return total

                at = max(row.known for row in versions)
                if day > self.on:
                    continue
                middle = day - timedelta(weeks=recent)
                begin = middle - timedelta(weeks=base)
                # Weeks since the provider's first report; one in which nothing came counts nothing.
                reported = min(base, (middle - min(weeks[provider])).days // 7 + 1)
                if reported < settings["surge_min_base_weeks"]:
                    continue
                expected = count(begin, middle, at) * recent / reported
                prior = settings["surge_prior_interactions"]
                ratio = (count(middle, day, at) + prior) / (expected + prior)
                score = 50 + 10 * log2(ratio) / log2(settings["surge_min_ratio"])
                found[provider, domain, day, topic] = min(100.0, max(0.0, score))
        return found

    # --- strength ---------------------------------------------------------------------------------

    def signals(self, account: str, silent: Mapping[str, date] | None = None) -> dict[str, Any]:
        """What an account's acts amount to.

        silent: feeds by the day of their last delivery. Of these the account is taken to have
        `stale_hold_factor` times what it had on that day, instead of what is left of it.
        """
        settings = constants()

        def weight_of(rule: dict[str, str], on: date, feed: str) -> float:
            last = (silent or {}).get(feed)
            if last is None:
                return _decayed(rule, (self.on - on).days)
            return settings["stale_hold_factor"] * _decayed(rule, max((last - on).days, 0))

        ends = self.deal_ends.get(account, [])

        def is_answered(on: date) -> bool:
            return any(on <= end <= self.on for end in ends)

        people: dict[str, float] = defaultdict(float)
        for one in self._counted_by_account.get(account, ()):
            if not is_answered(one.act.on):
                weight = weight_of(one.act.rule, one.act.on, one.act.feed)
                who = one.person or one.act.who
                people[who] += one.points * one.multiplier * one.share * weight
        cap = settings["person_cap_points"]
        engagement = sum(
            points if who.startswith(("company", "account")) else min(points, cap)
            for who, points in people.items()
        )
        intent = 0.0
        for domain in self.domain_of[account]:
            for provider, day, points in self._reports_by_domain.get(domain, ()):
                share = traffic_share(domain, day)
                if not is_answered(day):
                    weight = weight_of(TYPES["intent"], day, feed_of_reports(provider))
                    intent += points * share * weight
        strength = 100 * (1 - exp(-(engagement + intent) / settings["strength_saturation_points"]))
        since = days_ago(self.on, settings["engaged_days"])
        theirs = [
            one
            for one in self._counted_by_account.get(account, ())
            if since < one.act.on and one.points and not truth(one.act.rule["is_own_touch"])
        ]
        engaged: dict[str, float] = defaultdict(float)
        for one in theirs:
            if one.person or one.act.who.startswith("visitor"):
                engaged[one.person or one.act.who] += one.points * one.share
        channels = {one.act.rule["channel"] for one in theirs}
        if any(
            since < day and points
            for domain in self.domain_of[account]
            for _, day, points in self._reports_by_domain.get(domain, ())
        ):
            channels.add("intent")
        engaged_people = {p for p, v in engaged.items() if v >= settings["engaged_min_points"]}
        buying = max(
            (
                one.act.on
                for one in self._counted_by_account.get(account, ())
                if truth(one.act.rule["is_buying_signal"])
                and one.act.on >= days_ago(self.on, settings["max_age_days"])
            ),
            default=None,
        )
        is_recent = bool(buying and buying > days_ago(self.on, settings["buying_signal_days"]))
        is_broad = (
            len(engaged_people) >= settings["broad_min_people"]
            or len(channels) >= settings["broad_min_channels"]
        )
        level = "none"
        if strength >= settings["some_min_strength"]:
            level = "some"
        if strength >= settings["strong_min_strength"] and is_broad and is_recent:
            level = "strong"
        return {
            "strength_score": strength,
            "signal_level": level,
            "intent_points": intent,
            "engagement_points": engagement,
            "engaged_people": engaged_people,
            "signal_channels": ", ".join(sorted(channels)),
            "is_broad": is_broad,
            "last_buying_signal_date": buying,
            "has_recent_buying_signal": is_recent,
        }

    @cached_property
    def _counted_by_account(self) -> dict[str, list[Counted]]:
        found: dict[str, list[Counted]] = defaultdict(list)
        for one in self.counted:
            found[one.account].append(one)
        return dict(found)

    @cached_property
    def _reports_by_domain(self) -> dict[str, list[tuple[str, date, float]]]:
        found: dict[str, list[tuple[str, date, float]]] = defaultdict(list)
        for (provider, domain, day), (points, _) in self.reports.items():
            found[domain].append((provider, day, points))
        return dict(found)


def feed_of_reports(provider: str) -> str:
    return "bombora.company_surge" if provider == "bombora" else "intent.topic_scores"


def _decayed(rule: dict[str, str], age: int) -> float:
    half_life = float(rule["half_life_days"])
    oldest = min(constants()["max_age_days"], constants()["counted_half_lives"] * half_life)
    return 2 ** (-age / half_life) if 0 <= age <= oldest else 0.0


def _scaled(provider: str, score: float) -> float:
    """A provider's score on the scale on which 50 is normal, 60 surges and 100 is the most."""
    for row in rules()["intent_providers"]:
        if row["provider"] == provider:
            points = [
                (float(row["lowest_score"]), 0.0),
                (float(row["normal_score"]), 50.0),
                (float(row["surging_score"]), 60.0),
                (float(row["highest_score"]), 100.0),
            ]
            for (low, left), (high, right) in pairwise(points):
                if score <= high:
                    return max(left, left + (score - low) / (high - low) * (right - left))
            return 100.0
    return score


def _points_of_report(provider: str, topics: dict[str, float]) -> tuple[float, set[str]]:
    settings = constants()
    surging = {t for t, score in topics.items() if score >= settings["intent_surging_score"]}
    tracked = {
        row["topic"]: (row["topic_cluster"], float(row["weight"]))
        for row in rules()["intent_topics"]
        if row["provider"] == provider
    }
    clusters: dict[str, set[str]] = defaultdict(set)
    for topic, (cluster, _) in tracked.items():
        clusters[cluster].add(topic)
    points = 0.0
    for topic, score in topics.items():
        cluster, weight = tracked.get(topic, (topic, 1.0))
        size = clusters.get(cluster, {topic})
        if len(size & surging) / len(size) >= settings["intent_cluster_min_share"] or (
            topic not in tracked and topic in surging
        ):
            normal = settings["intent_normal_score"]
            points += settings["intent_topic_points"] * max(0, score - normal) / 50 * weight
    return min(points, settings["intent_report_cap_points"]), surging
