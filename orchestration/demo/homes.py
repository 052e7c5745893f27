"""In which CRM a record stands, where acts are filed, and by which id others name an account.

What belongs here: how the company came to its CRMs, and the ids they give. What does not: the
fields of records (`crm`) and the columns of a CRM (`salesforce`, `hubspot`).

With one CRM everything stands in it. With both, Salesforce holds the accounts, but a second
organisation holds some European ones, alone or beside the first; HubSpot is marketing's, and holds
the companies that marketing works, a few of them alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from . import text
from .company import COUNTRIES, NEVER, Bools, World
from .records import COMPANY, TWIN, VARIANT, Records
from .systems import lots
from .text import Ints

SALESFORCE, EMEA, HUBSPOT = range(3)
SOURCES = ("salesforce", "salesforce@emea", "hubspot")
PODS = ("5e", "7K")  # of Salesforce organisations: a part of each id
EUROPE = ("United Kingdom", "Germany", "France", "Netherlands", "Sweden", "Spain")
# Shares of the companies in the CRM; FIXED by the promise of company.Noise.
EMEA_ALONE_SHARE, EMEA_TOO_SHARE = 0.14, 0.10  # of European ones
HUBSPOT_ALONE_SHARE, HUBSPOT_TOO_SHARE = 0.03, 0.40
HUBSPOT_LOGGED_SHARE = 0.12  # people of those whose acts are filed in HubSpot


@dataclass
class Homes:
    """Where things stand. `stands` has the shape (CRMs, records)."""

    crms: tuple[int, ...]
    of_record: Ints  # the CRM whose id others use
    stands: Bools
    of_person: Ints  # the CRM that holds the person as a contact or lead of sales
    files: Ints  # by person: the CRM in which acts with them are filed
    in_both_organisations: Bools  # by company

    def holds_person(self, crm: int, person: Ints, record: Ints) -> Bools:
        """Whether a person under an account record (-1 for none) stands in a CRM."""
        holds: Bools = self.of_person[person] == crm
        if crm == HUBSPOT:
            holds |= (record >= 0) & self.stands[HUBSPOT, np.maximum(record, 0)]
        return holds

    def of_deal(self, company: Ints, number: Ints) -> Ints:
        """The CRM that a deal stands in; deals without a company stand in the first."""
        inside = np.maximum(company, 0)
        home = self.of_record[inside]
        home = np.where(self.in_both_organisations[inside], lots(number, 72, 2), home)
        return np.where(company < 0, self.crms[0], home)

    def account_ids(self, record: Ints) -> pa.Array:
        """The ids of accounts in the CRM that names them."""
        return _by_home(self.of_record[record], record, account_ids)

    def account_names(self, record: Ints) -> pa.Array:
        """How other systems name accounts: by that id, with the organisation if it is another."""
        return _by_home(self.of_record[record], record, _named(account_ids))

    def contact_names(self, number: Ints, person: Ints) -> pa.Array:
        """How other systems name contacts."""
        return _by_home(self.of_person[person], number, _named(contact_ids))


Ids = Callable[[int, Ints], pa.Array]


def _named(ids: Ids) -> Ids:
    def names(crm: int, number: Ints) -> pa.Array:
        return text.join("emea:", ids(crm, number)) if crm == EMEA else ids(crm, number)

    return names


def _by_home(home: Ints, number: Ints, ids: Ids) -> pa.Array:
    crms = np.unique(home)
    if len(crms) < 2:  # no record, no CRM: whichever names none
        return ids(int(crms[0]) if len(crms) else SALESFORCE, number)
    pools = pa.concat_arrays([ids(int(crm), number) for crm in crms])
    place = np.searchsorted(crms, home) * len(number) + np.arange(len(number))
    return pools.take(pa.array(place))


def account_ids(crm: int, record: Ints) -> pa.Array:
    """Ids of account records in a CRM. In every CRM they sort as the records are numbered."""
    if crm == HUBSPOT:
        return text.codes("", 10_000_000_001 + record, 11)
    return text.salesforce_ids("001", record + 1, PODS[crm])


def contact_ids(crm: int, number: Ints) -> pa.Array:
    """Ids of contact records in a CRM."""
    if crm == HUBSPOT:
        return text.codes("", 20_000_000_000 + number, 11)
    return text.salesforce_ids("003", number, PODS[crm])


def lead_ids(crm: int, number: Ints) -> pa.Array:
    """Ids of leads; in HubSpot, which has none, of contacts without a company."""
    if crm == HUBSPOT:
        return text.codes("", 30_000_000_000 + number, 11)
    return text.salesforce_ids("00Q", number, PODS[crm])


def deal_ids(crm: int, number: Ints) -> pa.Array:
    """Ids of deals in a CRM."""
    if crm == HUBSPOT:
        return text.codes("", 40_000_000_000 + number, 11)
    return text.salesforce_ids("006", number, PODS[crm])


def draw(world: World, records: Records) -> Homes:
    """Say where each record stands."""
    plan, accounts, people = world.plan, world.accounts, world.people
    crms = {"salesforce": (SALESFORCE,), "hubspot": (HUBSPOT,)}.get(
        plan.crm, (SALESFORCE, EMEA, HUBSPOT)
    )
    home = np.full(accounts.n, crms[0])
    stands = np.zeros((3, accounts.n), dtype=bool)
    both_organisations = np.zeros(accounts.n, dtype=bool)
    files_elsewhere = np.zeros(people.n, dtype=bool)
    if len(crms) > 1:
        r = plan.random("homes")
        lot, other = r.random(accounts.n), r.random((2, accounts.n))
        in_europe = np.isin(accounts.country, [COUNTRIES.index(name) for name in EUROPE])
        fine = accounts.in_crm & (accounts.customer_since == NEVER)
        alone = fine & (other[0] < HUBSPOT_ALONE_SHARE)
        emea = in_europe & accounts.in_crm & ~alone
        both_organisations = emea & (lot >= EMEA_ALONE_SHARE)
        both_organisations &= lot < EMEA_ALONE_SHARE + EMEA_TOO_SHARE
        home = np.select([alone, emea & (lot < EMEA_ALONE_SHARE)], [HUBSPOT, EMEA], SALESFORCE)
        stands[EMEA] = both_organisations
        stands[HUBSPOT] = accounts.in_crm & (other[1] < HUBSPOT_TOO_SHARE)
        files_elsewhere = stands[HUBSPOT][people.account] & (
            r.random(people.n) < HUBSPOT_LOGGED_SHARE
        )
    stands[home, np.arange(accounts.n)] = True
    stands &= accounts.in_crm

    # Second records stand where the first one does; records of no company in the first CRM.
    company = np.maximum(records.company, 0)
    follows = np.isin(records.kind, [COMPANY, TWIN, VARIANT])
    first = np.zeros((3, 1), dtype=bool)
    first[crms[0]] = True
    of_person = home[people.account]
    split = both_organisations[people.account]
    of_person = np.where(split, lots(np.arange(people.n), 71, 2), of_person)
    return Homes(
        crms=crms,
        of_record=np.where(follows, home[company], crms[0]),
        stands=np.where(follows, stands[:, company], first),
        of_person=of_person,
        files=np.where(files_elsewhere, HUBSPOT, of_person),
        in_both_organisations=both_organisations,
    )
