"""Which account and contact records the CRM holds of which companies and people, and the odd ones.

What belongs here: the numbers of records, and what is odd about them: companies and people entered
twice, tests, partners, persons as accounts, companies that are bought. What does not: the fields of
a record (`crm`), and in which CRM it stands (`homes`).

Account records are numbered from 0 in this order: companies, second records that somebody merges in
time, tests, second records under another name that nobody has noticed, partners, persons. Contact
records: a person p has p + 1, their second record is `people.n` further, and a person who stands as
an account has a number above all those.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import text
from .company import COUNTRIES, FIRST_NAMES, LAST_NAMES, NEVER, Bools, World
from .systems import lots
from .text import Ints

COMPANY, TWIN, TEST, VARIANT, PARTNER, PERSON = range(6)
KINDS = ("company", "merged", "test", "probable_duplicate", "partner", "person")
TEST_NAMES = (
    "Test Account",
    "sandbox company",
    "TEST - do not use",
    "Demo Sandbox Inc",
    "Acme Test Account 2",
    "zz_test",
)
LEGAL_FORMS = {
    "United States": "Inc.",
    "United Kingdom": "Ltd",
    "Germany": "GmbH",
    "France": "S.A.S.",
    "Netherlands": "B.V.",
    "Sweden": "AB",
    "Canada": "Corp.",
    "Spain": "S.L.",
    "Brazil": "Ltda.",
    "India": "Pvt Ltd",
}
# Shares of people and companies; FIXED by the promise of company.Noise.
SECOND_CONTACT_SHARE = 0.012
VARIANT_PEOPLE_SHARE = 0.25
ACQUIRED_SHARE = 0.012


@dataclass
class Records:
    """Account records by number, and the second contact records of people."""

    n: int
    people: int
    kind: Ints
    company: Ints  # which one it stands for, -1 for none
    created_day: Ints
    survivor: Ints  # the record that this one is merged into, -1
    merged_day: Ints
    name: pa.Array
    # people
    filed_under: Ints  # by person: account record
    doubled: Bools  # by person: stands twice
    double_created_day: Ints
    double_merged_day: Ints
    # companies that are bought, by company
    acquired_day: Ints
    buyer: Ints

    def of_person(self, person: Ints, day: Ints) -> Ints:
        """The account record a person is filed under on a day."""
        filed = self.filed_under[person]
        gone = self.merged_day[filed] <= day
        return np.where(gone, self.survivor[filed], filed)

    def doubles(self, contact_day: Ints) -> Bools:
        """People who stand twice, given since when they are contacts at all."""
        twice: Bools = self.doubled & (self.double_created_day > contact_day)
        return twice

    def contact_of(self, person: Ints, day: Ints, lot: Ints, contact_day: Ints) -> Ints:
        """The contact number under which an act with a person is filed: now and then the second."""
        second = self.doubles(contact_day)[person] & (self.double_created_day[person] <= day)
        second &= (self.double_merged_day[person] > day) & (lot % 3 == 0)
        return person + 1 + self.people * second

    def parent(self, record: Ints, day: Ints | int, world: World) -> Ints:
        """The record of the parent company on a day, -1 for none."""
        company = np.maximum(self.company[record], 0)
        bought = self.acquired_day[company] <= day
        parent = np.where(bought, self.buyer[company], world.accounts.parent[company])
        return np.where(self.kind[record] == COMPANY, parent, -1)


def draw(world: World) -> Records:
    """Number the records and draw the odd ones."""
    plan, accounts, people, twins = world.plan, world.accounts, world.people, world.duplicates
    r = plan.random("odd records")
    k, tests = len(twins.survivor), len(TEST_NAMES)
    v, q, z = max(3, accounts.n // 100), max(3, accounts.n // 120), max(3, accounts.n // 200)
    first = np.cumsum([accounts.n, k, tests, v, q])
    n = int(first[-1]) + z
    kind = np.repeat(np.arange(6), [accounts.n, k, tests, v, q, z])

    taken = np.zeros(accounts.n, dtype=bool)
    taken[twins.survivor] = True
    fine = accounts.in_crm & (accounts.created_day < -60) & ~taken & (accounts.parent < 0)
    again = np.sort(r.choice(np.flatnonzero(fine), v, replace=False))
    company = np.concatenate(
        [np.arange(accounts.n), twins.survivor, np.full(tests, -1), again, np.full(q + z, -1)]
    )
    created = np.concatenate(
        [
            accounts.created_day,
            twins.created_day,
            np.linspace(-300, 200, tests).astype(int),
            accounts.created_day[again] + r.integers(20, 200, v),
            r.integers(-900, 0, q),
            r.integers(-300, plan.load_day, z),
        ]
    )
    survivor, merged = np.full(n, -1), np.full(n, NEVER)
    survivor[first[0] : first[1]] = twins.survivor
    merged[first[0] : first[1]] = twins.merged_day

    filed = people.filed_under.copy()
    there = np.full(accounts.n, -1)
    there[again] = first[2] + np.arange(v)
    variant = there[people.account]
    moves = (variant >= 0) & (r.random(people.n) < VARIANT_PEOPLE_SHARE)
    filed[moves] = variant[moves]

    known = np.where(people.known_day < NEVER, people.known_day, 0)
    doubled = r.random(people.n) < SECOND_CONTACT_SHARE
    second = known + r.integers(5, 200, people.n)
    noticed = np.where(r.random(people.n) < 0.7, second + r.integers(10, 400, people.n), NEVER)

    bought, buyer = _acquisitions(world, r)
    return Records(
        n=n,
        people=people.n,
        kind=kind,
        company=company,
        created_day=created,
        survivor=survivor,
        merged_day=merged,
        name=_names(world, r, company, again, q, z),
        filed_under=filed,
        doubled=doubled,
        double_created_day=np.where(doubled & (second < plan.days), second, -NEVER),
        double_merged_day=np.where(noticed < plan.days, noticed, NEVER),
        acquired_day=bought,
        buyer=buyer,
    )


def _acquisitions(world: World, r: np.random.Generator) -> tuple[Ints, Ints]:
    """Companies that get a new parent: subsidiaries that are sold and companies that are bought.

    Nobody is bought by a subsidiary, and no parent is bought, so no circle comes of it.
    """
    plan, accounts = world.plan, world.accounts
    is_parent = np.isin(np.arange(accounts.n), accounts.parent)
    known = accounts.in_crm & (accounts.created_day < -30) & (np.arange(accounts.n) > 20)
    count = max(3, round(ACQUIRED_SHARE * accounts.n))
    sold = np.flatnonzero(known & (accounts.parent >= 0))
    free = np.flatnonzero(known & (accounts.parent < 0) & ~is_parent)
    bought = np.concatenate(
        [
            r.choice(sold, min(len(sold), count // 3), replace=False),
            r.choice(free, count - min(len(sold), count // 3), replace=False),
        ]
    )
    buyers = known & (accounts.parent < 0) & ~np.isin(np.arange(accounts.n), bought)
    day = r.integers(20, plan.load_day, len(bought))
    day[::4] = plan.days - r.integers(3, 27, len(day[::4]))
    acquired, buyer = np.full(accounts.n, NEVER), np.full(accounts.n, -1)
    acquired[bought] = day
    buyer[bought] = r.choice(np.flatnonzero(buyers), len(bought))
    same = buyer == accounts.parent  # bought by whom it belongs to: nothing happens
    acquired[same] = NEVER
    buyer[same] = -1
    return acquired, buyer


def _names(
    world: World, r: np.random.Generator, company: Ints, again: Ints, partners: int, persons: int
) -> pa.Array:
    """Names of all records, as typed by people."""
    accounts, k = world.accounts, len(world.duplicates.survivor)
    own = accounts.name
    twins = text.join(own.take(pa.array(company[accounts.n : accounts.n + k])), " Inc.")
    # The same company under another name: its legal form, capitals, an abbreviation, a slip.
    true = own.take(pa.array(again))
    form = text.pick(list(LEGAL_FORMS.values()), accounts.country[again])
    assert tuple(LEGAL_FORMS) == COUNTRIES
    words = pc.replace_substring_regex(true, "(Group|Holdings|Partners|Services|Systems)$", "Grp")
    slip = pc.replace_substring_regex(true, "^(.{3})(.)(.)", "\\1\\3\\2")
    shapes = [
        text.join(true, form, by=" "),
        pc.utf8_upper(true),
        text.join(words, form, by=" "),
        text.join(slip, form, by=" "),
    ]
    which = r.integers(0, len(shapes), len(again))
    variant = pc.choose(pa.array(which), *shapes)
    lot = np.arange(partners)
    partner = text.join(
        text.pick(["Northwind", "Bluepeak", "Kestrel", "Harbour", "Atlas"], lot % 5),
        text.pick(["Consulting", "Advisory", "Integration", "Cloud Partners"], lot // 5 % 4),
        text.codes("", lot, 2),
        by=" ",
    )
    first, last = person_names(np.arange(persons))
    return pa.concat_arrays(
        [own, twins, pa.array(TEST_NAMES), variant, partner, text.join(first, last, by=" ")]
    )


def person_names(number: Ints) -> tuple[pa.Array, pa.Array]:
    """First and last names of the persons who stand as accounts."""
    return (
        text.pick(FIRST_NAMES, lots(number, 91, len(FIRST_NAMES))),
        text.pick(LAST_NAMES, lots(number, 92, len(LAST_NAMES))),
    )
