"""Accounts that do not say when they were created: from when they count, and that it is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from marts import query
from runner import Place, compute

FIRST, LAST = "2026-02-01", "2026-03-10"
LOOKED_AT = ("activation_gap", "review_items")
ACCOUNTS = {
    # Two CRMs, one without the column; a second file brings another account, and the day on which
    # one of the first came into being.
    "salesforce/account/loaded_date=2026-03-05/a.csv": (
        "id,name,website,billing_country,system_modstamp",
        "S1,Sone,sone.com,Spain,2026-02-20T00:00:00Z",
        "S2,Stwo,stwo.com,Spain,2026-03-04T00:00:00Z",
    ),
    "salesforce/account/loaded_date=2026-03-08/a.csv": (
        "id,name,website,billing_country,system_modstamp,created_date",
        "S1,Sone,sone.com,Spain,2026-03-07T00:00:00Z,2026-02-15T00:00:00Z",
        "S3,Sthree,sthree.com,Spain,2026-03-07T00:00:00Z,",
    ),
    "hubspot/company/loaded_date=2026-03-05/a.csv": (
        "id,property_name,property_domain,property_createdate,property_hs_lastmodifieddate",
        "71,Hone,hone.com,2026-02-10,2026-03-01",
        "72,Htwo,htwo.com,,2026-03-01",
    ),
}


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undated") / "landing"
    for file, lines in ACCOUNTS.items():
        path = folder / file
        path.parent.mkdir(parents=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def counted(place: Place) -> list[tuple[Any, ...]]:
    """First day and accounts of each stretch of days with as many."""
    return query(
        place.warehouse,
        "select target_accounts, min(as_of_date)::varchar, count(*) from marts.activation_gap"
        " where segment_type = 'all' group by 1 order by 2",
    )


def test_they_count_on_every_day_and_it_is_said(
    landing: Path, template: Place, tmp_path: Path
) -> None:
    place = template.copy(tmp_path / "whole", landing)
    compute(place, FIRST, LAST, only=LOOKED_AT)
    assert counted(place) == [
        (3, "2026-02-01", 9),
        (4, "2026-02-10", 26),
        (5, "2026-03-08", 3),
    ]
    assert query(
        place.warehouse,
        "select item, occurrences from marts_detail.review_items"
        " where item_type = 'account_without_created_date' order by 1",
    ) == [("hubspot", 1), ("salesforce", 2)]
    # The same day by day, also before the date of one of them is delivered.
    steps = template.copy(tmp_path / "steps", landing)
    for start, end in (("2026-02-01", "2026-03-06"), ("2026-03-07", LAST)):
        compute(steps, start, end, only=("activation_gap",))
    assert counted(steps) == counted(place)
