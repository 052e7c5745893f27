"""Who of the buying committee is on file, reached and engaged (docs/method.md, section 5)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from recomputed import titles
from recomputed.accounts import Person, days_ago
from recomputed.acts import Act, Acts
from recomputed.rules import constants, rules, truth


@dataclass
class Seat:
    """A person who may take part. share: probability of being there."""

    person: str
    persona: str
    share: float
    is_reached: bool
    is_engaged: bool


class Coverage(Acts):
    """A day, with the committees."""

    def persona_of(self, person: Person) -> tuple[str, float] | None:
        """The part a CRM states goes before the title if it is at least as sure."""
        for row in rules()["persona_overrides"]:
            if row["email"].lower() in person.emails:
                return row["persona"], 1.0
        record = self.speaker(person)
        by_title = titles.persona(record.title, record.department)
        roles = [self.stated_roles[one.id] for one in person.records if one.id in self.stated_roles]
        said = [found for text in roles for one in text if (found := titles.stated(one))]
        said += [found for one in person.records if (found := titles.stated(one.buying_role))]
        surest = max(said, key=lambda one: (one[1], one[0]), default=None)
        if surest and (by_title is None or surest[1] >= by_title[1]):
            return surest
        return by_title

    @cached_property
    def stated_roles(self) -> dict[str, list[str]]:
        """Roles of contacts in opportunities."""
        found: dict[str, list[str]] = defaultdict(list)
        for row in self.rows("salesforce/opportunity_contact_role"):
            found[row.id("contact_id") or ""].append(row["role"])
        return found

    @cached_property
    def verified_on(self) -> dict[str, date]:
        """The last day on which something showed that a person is there."""
        found: dict[str, date] = {}
        for act in self.acts:
            person = self.people.get(self.person_of(act) or "")
            if person and truth(act.rule["proves_presence"]) and self._was_theirs(act, person):
                found[person.id] = max(act.on, found.get(person.id, act.on))
        return found

    def _was_theirs(self, act: Act, person: Person) -> bool:
        """Whether the record of an act was the person's already: what was merged later was not."""
        if len(person.emails) < 2 or not act.record:
            return True
        then = self.past(act.known)
        before = then.people.get(then.person_of_record.get(act.record, ""))
        return before is None or then.speaker(before).email == self.speaker(person).email

    @cached_property
    def reached_people(self) -> set[str]:
        since = days_ago(self.on, constants()["reached_days"])
        return {
            one.person
            for one in self.counted
            if one.person and truth(one.act.rule["reaches_person"]) and one.act.on > since
        }

    @cached_property
    def people_of(self) -> dict[str, list[Person]]:
        found: dict[str, list[Person]] = defaultdict(list)
        for person in self.people.values():
            if person.account:
                found[person.account].append(person)
        return found

    def is_there(self, person: Person) -> bool:
        """Not gone in any system: opted out as a person, bounced by address, or left."""
        record = self.speaker(person)
        return not (
            self.is_opted_out(person)
            or record.email in self.bounced_addresses
            or titles.has_left(record.title)
        )

    def seats(self, account: str) -> list[Seat]:
        engaged = self.signals(account)["engaged_people"]
        found = []
        for person in self.people_of[account]:
            part = self.persona_of(person)
            if not part or part[0] == "no_seat" or not self.is_there(person):
                continue
            verified = max(self.speaker(person).created, self.verified_on.get(person.id, date.min))
            months = _months(verified, self.on)
            stay = (1 - constants()["yearly_leave_share"]) ** (months / 12)
            share = min(stay * part[1], constants()["max_presence_probability"])
            is_reached = person.id in self.reached_people
            found.append(Seat(person.id, part[0], share, is_reached, person.id in engaged))
        return found

    def personas(self, account: str) -> dict[str, dict[str, str]]:
        """For each persona the row that holds for the account."""
        known = self.attributes(account)
        employees = known.get("employees")
        values = {"all": "all", **{name: value for name, value in known.items() if value}}
        for band in rules()["employee_bands"]:
            high = float(band["max_employees"] or "inf")
            if employees is not None and float(band["min_employees"]) <= employees <= high:
                values["employee_band"] = band["employee_band"]
        for row in rules()["country_regions"]:
            if row["country"].lower() == str(known.get("country") or "").strip().lower():
                values["region"] = row["region"]
        found: dict[str, dict[str, str]] = {}
        for row in sorted(rules()["personas"], key=lambda row: int(row["rule_rank"])):
            value = str(values.get(row["segment_type"], "")).lower()
            if value and value in row["segment_value"].lower().split("|"):
                found.setdefault(row["persona"], row)
        return found

    def coverage(self, account: str) -> dict[str, Any]:
        seats = self.seats(account)
        groups = {
            "coverage_share": seats,
            "reached_coverage_share": [seat for seat in seats if seat.is_reached],
            "engaged_coverage_share": [seat for seat in seats if seat.is_engaged],
        }
        required = [row for row in self.personas(account).values() if truth(row["is_required"])]
        weight = sum(float(row["weight"]) for row in required)
        found: dict[str, Any] = {}
        for name, group in groups.items():
            covered = 0.0
            for row in required:
                shares = [seat.share for seat in group if seat.persona == row["persona"]]
                people = int(row["required_people"])
                covered += float(row["weight"]) * expected_filled(shares, people) / people
            found[name] = covered / weight if weight else 0.0
        settings = constants()
        reached = found["reached_coverage_share"]
        found["coverage_level"] = next(
            (
                level
                for level in ("full", "meaningful", "limited")
                if reached >= settings[f"coverage_{level}_min_share"]
            ),
            "minimal",
        )
        return found


def expected_filled(shares: list[float], people: int) -> float:
    """E[min(K, people)], K the number of those who are there."""
    chances = [1.0]
    for share in shares:
        chances = [
            (chances[k] * (1 - share) if k < len(chances) else 0)
            + (chances[k - 1] * share if k else 0)
            for k in range(len(chances) + 1)
        ]
    return sum(min(k, people) * chance for k, chance in enumerate(chances))


def _months(begin: date, end: date) -> int:
    """Calendar months: a probability steps down on the first of each."""
    return max(0, (end.year - begin.year) * 12 + end.month - begin.month)
