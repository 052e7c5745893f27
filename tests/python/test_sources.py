"""Which sources count: one that is switched off leaves nothing broken and counts for nothing."""

from __future__ import annotations

from pathlib import Path

import duckdb
from conftest import REFRESHED, Company
from runner import Place, Runs

OFF = ["marketo", "linkedin_ads", "intent", "hubspot"]


def test_a_source_that_is_off_counts_for_nothing_and_breaks_nothing(
    company: Company, runs: Runs, template: Place, tmp_path: Path
) -> None:
    landing = company.until(REFRESHED[0], tmp_path / "landing")
    place = template.copy(tmp_path / "place", landing)
    day = str(REFRESHED[0])
    runs.compute(place, day, day, variables={"sources_off": OFF}).check()
    with duckdb.connect(str(place.warehouse), read_only=True) as connection:
        feeds = {
            row[0].split(".")[0].split("@")[0]
            for row in connection.execute(
                "select distinct feed from intermediate.int_activity_daily"
            ).fetchall()
        }
        features = dict(
            connection.execute(
                "select distinct source, features_off from marts.data_health"
                " where source in ('marketo', 'linkedin_ads', 'intent')"
            ).fetchall()
        )
        ((delivered,),) = connection.execute(
            "select sum(accepted) from marts.data_health where source = 'marketo'"
        ).fetchall()
    assert "salesforce" in feeds
    assert not feeds & set(OFF)
    assert set(features.values()) == {"switched off in the var sources_off"}
    assert delivered > 0, "files of a source that is off are still taken in"
