"""The simulator: repeatable, to scale, complete, dirty as planned, and blind to the rules."""

from __future__ import annotations

import ast
import csv
import datetime as dt
import gzip
import hashlib
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from orchestration.demo import deals, homes, records, research, systems, text
from orchestration.demo.acting import STEP, STEPS, Acting
from orchestration.demo.batches import Batch
from orchestration.demo.company import MONTH, Noise, Plan, Rates, build
from orchestration.demo.deliveries import MISHAPS, NOW_AND_THEN, SELDOM, feeds
from orchestration.demo.planning import planning
from orchestration.demo.simulate import main, simulate
from orchestration.demo.systems import SystemNoise
from tools import evaluate

ROOT = Path(__file__).parents[2]
END = dt.date(2026, 6, 30)
ACTIVITY = (
    "segment/pages",
    "salesforce/task",
    "salesforce/event",
    "salesforce/campaign_member",
    "bombora/company_surge",
    "intent/topic_scores",
    "linkedin_ads/company_engagement",
    "marketo/activity_email_delivered",
    "marketo/activity_open_email",
    "marketo/activity_click_email",
)


def small(seed: int = 7, activities: int = 12_000, crm: str = "salesforce") -> Plan:
    return Plan(accounts=60, months=6, activities=activities, seed=seed, end=END, crm=crm)


def run(folder: Path, plan: Plan) -> tuple[Path, Path, dict[str, int]]:
    landing, truth = folder / "landing", folder / "truth"
    rows = simulate(plan, landing, truth, say=lambda line: None)
    return landing, truth, rows


def contents(landing: Path) -> dict[str, str]:
    """Hash of every landing file."""
    return {
        str(path.relative_to(landing)): hashlib.md5(path.read_bytes()).hexdigest()
        for path in sorted(landing.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, int]]:
    return run(tmp_path_factory.mktemp("company"), small())


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, int]]:
    """The same company with two Salesforce organisations and HubSpot."""
    return run(tmp_path_factory.mktemp("mixed"), small(crm="both"))


def test_same_seed_same_bytes_other_seed_other_company(
    company: tuple[Path, Path, dict[str, int]], tmp_path: Path
) -> None:
    landing, truth, _ = company
    again, again_truth, _ = run(tmp_path / "again", small())
    other, _, _ = run(tmp_path / "other", small(seed=8))
    assert contents(landing) == contents(again)
    assert contents(truth) == contents(again_truth)
    history = "segment/pages/loaded_date=2026-05-31/part-000.parquet"
    assert contents(landing)[history] != contents(other)[history]


@pytest.mark.parametrize("seed", [1, 4])
def test_the_smallest_company_has_all_that_happens_to_one(seed: int, tmp_path: Path) -> None:
    plan = Plan(accounts=40, months=3, activities=1_000, seed=seed, end=END, crm="both")
    _, truth, rows = run(tmp_path, plan)
    assert rows["salesforce/account"] > 0
    assert (truth / "accounts.parquet").exists()


def test_scale_is_honoured(company: tuple[Path, Path, dict[str, int]], tmp_path: Path) -> None:
    _, truth, rows = company
    assert 0.8 * 12_000 <= sum(rows[feed] for feed in ACTIVITY) <= 1.2 * 12_000
    (listed,) = duckdb.sql(
        f"select count(*) from '{truth}/accounts.parquet' where listed_on is not null"
    ).fetchall()[0]
    assert listed == 60
    for activities in (4_000, 40_000):  # fewer than the company would leave, and more
        _, _, rows = run(tmp_path / str(activities), small(activities=activities))
        assert 0.8 <= sum(rows[feed] for feed in ACTIVITY) / activities <= 1.2


def test_truth_stays_out_of_the_landing_folder(
    company: tuple[Path, Path, dict[str, int]], tmp_path: Path
) -> None:
    landing, truth, _ = company
    landed = {str(folder.relative_to(landing)) for folder in landing.glob("*/*")}
    assert landed == set(feeds(small()))
    names = {path.name for path in landing.rglob("*") if path.is_file()}
    assert not names & {path.name for path in truth.iterdir()}
    with pytest.raises(ValueError, match="inside the landing folder"):
        simulate(small(), tmp_path, tmp_path / "truth")


def test_foreign_folders_are_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "landing"
    mine.mkdir()
    (mine / "precious.csv").write_text("keep me")
    given = ["--landing", str(mine), "--truth", str(tmp_path / "truth"), "--accounts", "60"]
    assert main(given) == 1
    assert (mine / "precious.csv").read_text() == "keep me"


# Columns that a source of this company lacks, and custom ones that it has, as sources do.
MISSING = {
    "firmographics/companies": {"company_id", "status", "parent_company_id"},
    "firmographics/relationships": {"company_id", "related_company_id"},
    "salesforce/event": {"call_disposition"},
    # Nobody takes back what was said.
    "research/interviews": {"is_retracted"},
    "research/findings": {"is_retracted"},
    # Its form asks for an address and for nothing else that names a company.
    "research/survey_responses": {"account_domain", "crm_account_id", "contact_id"},
    # What only some systems say of their records and acts.
    "salesforce/opportunity_contact_role": {"is_deleted"},
    "salesforce/campaign_member": {"is_deleted"},
    "salesforce/task": {"completed_date_time"},
    "hubspot/company": {"property_hs_additional_domains"},
    "hubspot/contact": {"property_hs_additional_emails", "property_hs_calculated_merged_vids"},
    "hubspot/deal": {"property_hs_merged_object_ids"},
    "hubspot/engagement_task": {"property_hs_task_completion_date"},
    "marketo/activity_open_email": {"is_bot_activity"},
    "marketo/activity_click_email": {"is_bot_activity"},
    # The records have their own stamp, so none of a copying tool is needed.
    **{
        f"salesforce/{table}": {"fivetran_synced"}
        for table in ("account", "opportunity", "user", "user_role")
    },
}
CUSTOM = {
    "salesforce/account": {"Segment__c", "Territory__c"},
    "hubspot/company": {"property_segment", "property_territory"},
    "research/survey_responses": {
        *(question.column for question in (*research.RATED, research.FORCED_BY)),
        *(research.DEADLINE, research.IN_THE_WAY.column, research.REVISIT, research.FREE_TEXT),
        *(research.UNMAPPED, research.BEGUN_ON),
    },
}


def contract() -> dict[str, dict[str, str]]:
    """Columns of every contract table, from the dbt sources, by every name a file may give them."""
    tables: dict[str, dict[str, str]] = {}
    for path in (ROOT / "models" / "staging").glob("*/_*__sources.yml"):
        for source in yaml.safe_load(path.read_text())["sources"]:
            for table in source["tables"]:
                name = f"{source['name']}/{table['name']}"
                tables[name] = {
                    named: column["name"]
                    for column in table.get("columns", [])
                    for named in (
                        column["name"],
                        *column.get("config", {}).get("meta", {}).get("also", []),
                    )
                }
    return tables


def test_every_table_has_its_contract_columns(mixed: tuple[Path, Path, dict[str, int]]) -> None:
    landing, _, _ = mixed
    columns = contract()
    for feed in feeds(small(crm="both")):
        part = next((landing / feed).rglob("part-000.parquet"))
        table = feed.replace("@emea", "")
        names = (name.removeprefix("_") for name in pq.read_schema(part).names)
        landed = {columns[table].get(name, name) for name in names}
        expected = set(columns[table].values())
        assert expected, feed
        # Most records say themselves that they are deleted, so no copying tool has to.
        missing = expected - landed - {"fivetran_deleted"}
        assert missing == MISSING.get(table, set()), feed
        assert landed - expected == CUSTOM.get(table, set()), feed


def test_every_day_has_a_delivery_except_where_planned(
    company: tuple[Path, Path, dict[str, int]],
) -> None:
    landing, truth, _ = company
    planned = duckdb.sql(
        f"select feed, kind, day::date, until::date from '{truth}/mishaps.parquet'"
    )
    every = feeds(small())
    silent: dict[str, set[dt.date]] = {feed: set() for feed in every}
    for feed, kind, day, until in planned.fetchall():
        if kind in ("missing", "late_file"):
            silent[feed].add(day)
        if kind == "stopped":
            silent[feed] |= {day + dt.timedelta(d) for d in range((until - day).days + 1)}
    seldom = {feed for feed in every if feed.split("/")[1] in SELDOM}
    for feed in set(every) - NOW_AND_THEN - seldom:
        for back in range(30):
            day = END - dt.timedelta(days=back)
            files = list((landing / feed / f"loaded_date={day}").glob("data.*"))
            assert bool(files) == (day not in silent[feed]), (feed, day)
    for feed in NOW_AND_THEN:
        days = {path.parent.name for path in (landing / feed).glob("loaded_date=*/*.csv")}
        assert 4 <= len(days) <= 5, feed
    for feed in seldom:
        assert len(list((landing / feed).glob("loaded_date=*/data.*"))) >= 6, feed
    assert len(silent["segment/pages"]) == 12


@pytest.mark.parametrize("days", [0, 21])
def test_visits_stop_for_as_long_as_is_asked(days: int, tmp_path: Path) -> None:
    """And nothing else changes: of what is delivered, nothing but the visits of these days."""
    landed = {}
    for silent in (days, 12):
        landing, truth, _ = run(tmp_path / str(silent), replace(small(), silent_days=silent))
        landed[silent] = {
            str(path.relative_to(landing)): path.read_bytes()
            for path in landing.rglob("loaded_date=*/*")
        }
        stops = duckdb.sql(
            f"select day::date, until::date from '{truth}/mishaps.parquet' where kind = 'stopped'"
        ).fetchall()
        assert stops == ([(END - dt.timedelta(days=silent - 1), END)] if silent else [])
    other = {name for name, _ in landed[days].items() ^ landed[12].items()}
    first = END - dt.timedelta(days=max(days, 12) - 1)
    assert other
    for name in other:
        assert name.startswith("segment/pages/loaded_date="), name
        assert name[26:36] >= str(first), name


def test_planted_dirt_exists(company: tuple[Path, Path, dict[str, int]]) -> None:
    landing, truth, _ = company
    planted = {
        (kind, feed)
        for kind, feed in duckdb.sql(f"select kind, feed from '{truth}/mishaps.parquet'").fetchall()
    }
    identity = {"merged", "website_moved", "target_moved"}
    kinds = {kind for kind, _ in planted} - set(research.FAULTS)
    assert kinds == {m.kind for m in MISHAPS} | identity
    with pytest.raises(gzip.BadGzipFile):
        gzip.decompress(next(landing.rglob("broken.csv.gz")).read_bytes())
    bad = next((landing / "salesforce/task").rglob("extra.csv")).read_text()
    assert "31/31/2026" in bad

    con = duckdb.connect()

    def one(query: str) -> int:
        (value,) = con.sql(query).fetchall()[0]
        return int(value)

    load = f"{landing}/salesforce/{{}}/loaded_date=2026-05-31/*.parquet"
    account, contact = load.format("account"), load.format("contact")
    assert one(f"select count(*) from '{account}' where name ilike '%test%'") >= 3
    assert one(f"select count(*) from '{account}' where parent_id is not null") >= 1
    assert one(f"select count(*) from '{account}' where website is null") >= 2
    assert one(f"select count(*) from '{contact}' where email like '%gmail.com'") >= 1
    assert one(f"select count(*) from '{contact}' where email_bounced_date is not null") >= 5
    assert one(f"select count(*) from '{contact}' where has_opted_out_of_email") >= 2
    merged = f"read_csv('{landing}/salesforce/account/*/data.csv', union_by_name = true)"
    assert one(f"select count(*) from {merged} where master_record_id is not null") == 3
    surge = f"{landing}/bombora/company_surge/loaded_date=2026-05-31/*.parquet"
    assert one(f"select count(*) filter (company_name is null) > count(*) / 2 from '{surge}'")
    assert one(f"select count(*) from '{surge}' where composite_score < 60") > 0


# What both CRMs say of one thing, and the day on which it is delivered: Salesforce, then HubSpot.
SAME = {
    "accounts": (
        """select day, number(id), system_modstamp::timestamptz, is_deleted, name, website,
            number(parent_id), industry, number_of_employees, annual_revenue, type,
            number(owner_id), Territory__c from {account} where is_person_account = 'false'""",
        """select day, id::bigint - 10000000000, property_hs_lastmodifieddate::timestamptz,
            is_deleted, property_name, property_website,
            property_hs_parent_company_id::bigint - 10000000000, property_industry,
            property_numberofemployees, property_annualrevenue, property_type,
            property_hubspot_owner_id::bigint - 70000000, property_territory from {company}""",
    ),
    "merged accounts": (
        "select number(master_record_id), number(id) from {account} where is_deleted = 'true'",
        """select distinct id::bigint - 10000000000,
            property_hs_merged_object_ids::bigint - 10000000000 from {company}
        where property_hs_merged_object_ids is not null""",
    ),
    "people": (
        """select day, number(id), system_modstamp::timestamptz, is_deleted, email,
            (select 1 from {account} as a where a.id = account_id and a.is_person_account = 'false'
            limit 1) * number(account_id), title, department, email_bounced_date is not null,
            has_opted_out_of_email from {contact}
        union all
        select day, 10000000000 + number(id), system_modstamp::timestamptz, is_converted, email,
            null, title, null, email_bounced_date is not null, has_opted_out_of_email from {lead}
        """,
        """select day, id::bigint - 20000000000, property_lastmodifieddate::timestamptz,
            _fivetran_deleted, property_email, property_associatedcompanyid::bigint - 10000000000,
            property_jobtitle, property_department, property_hs_email_bounce = '1',
            property_hs_email_optout from {contact}
        """,
    ),
    "converted and merged people": (
        """select number(converted_contact_id), 30000000000 + number(id) from {lead}
        where is_converted = 'true'
        union
        select number(master_record_id), 20000000000 + number(id) from {contact}
        where is_deleted = 'true'""",
        """select distinct id::bigint - 20000000000,
            unnest(string_split(property_hs_merged_object_ids, ';'))::bigint from {contact}""",
    ),
    "deals": (
        """select day, number(id), system_modstamp::timestamptz, number(account_id), name,
            amount::double, stage_name, is_won, is_closed, close_date::date, type = 'Renewal',
            currency_iso_code, number(owner_id) from {opportunity}""",
        """select d.day, d.deal_id::bigint - 40000000000,
            property_hs_lastmodifieddate::timestamptz, c.company_id::bigint - 10000000000,
            property_dealname, property_amount::double, s.label, s.closed_won, s.is_closed,
            property_closedate::timestamptz::date, property_dealtype = 'renewal',
            property_deal_currency_code, owner_id::bigint - 70000000
        from {deal} as d
        join {deal_pipeline_stage} as s on s.stage_id = d.deal_pipeline_stage_id
        left join {deal_company} as c on c.deal_id = d.deal_id and c.type_id = '5'""",
    ),
    "stages of deals": (
        """select day, number(opportunity_id), stage_name, created_date::timestamptz
        from {opportunity_history}""",
        """select d.day, deal_id::bigint - 40000000000, s.label, date_entered::timestamptz
        from {deal_stage} as d join {deal_pipeline_stage} as s on s.stage_id = d.value""",
    ),
    "changes of deals": (
        """select day, number(opportunity_id), lower(field), new_value, created_date::timestamptz
        from {opportunity_field_history} where field <> 'StageName'""",
        """select day, deal_id::bigint - 40000000000, name,
            case name when 'closedate' then left(value, 10) else value end, timestamp::timestamptz
        from {deal_property_history} where name <> 'dealstage'
        qualify row_number() over (partition by deal_id, name order by timestamp) > 1""",
    ),
    "acts": (
        """select day, number(id), system_modstamp::timestamptz, created_date::timestamptz,
            activity_date::date, number(account_id), number(what_id),
            lower(replace(call_disposition, 'Voicemail', 'Left voicemail')),
            case status when 'Completed' then subject end, status = 'Completed', number(owner_id)
        from {task}
        union all
        select day, 10000000000 + number(id), system_modstamp::timestamptz,
            created_date::timestamptz, activity_date::date, number(account_id),
            number(what_id), lower(case status when 'No Show' then status end),
            case when status in ('Completed', 'No Show') then subject end,
            status in ('Completed', 'No Show'), number(owner_id)
        from {event} where is_child = 'false'""",
        """with acts as (
            select day, engagement_id as id, property_hs_lastmodifieddate as stamp,
                property_hs_createdate as created, property_hs_timestamp as happened,
                null as answer,
                property_hs_email_subject as subject, true as is_done, property_hubspot_owner_id
            from {engagement_email}
            union all by name
            select day, engagement_id as id, property_hs_lastmodifieddate as stamp,
                property_hs_createdate as created, property_hs_timestamp as happened,
                property_hs_call_disposition as answer, property_hs_call_title as subject,
                property_hs_call_status = 'COMPLETED' as is_done, property_hubspot_owner_id
            from {engagement_call}
            union all by name
            select day, engagement_id as id, property_hs_lastmodifieddate as stamp,
                property_hs_createdate as created, property_hs_timestamp as happened,
                null as answer,
                null as subject, true as is_done, property_hubspot_owner_id
            from {engagement_communication}
            union all by name
            select day, engagement_id as id, property_hs_lastmodifieddate as stamp,
                property_hs_createdate as created, property_hs_timestamp as happened,
                null as answer,
                null as subject, false as is_done, property_hubspot_owner_id
            from {engagement_task}
            union all by name
            select day, engagement_id as id, property_hs_lastmodifieddate as stamp,
                property_hs_createdate as created, start_time as happened,
                case meeting_outcome when 'NO_SHOW' then 'No Show' end as answer, title as subject,
                meeting_outcome in ('COMPLETED', 'NO_SHOW') as is_done, property_hubspot_owner_id
            from {engagement_meeting}
        )
        select acts.day, id::bigint - 50000000000, stamp::timestamptz, created::timestamptz,
            happened::timestamptz::date,
            c.company_id::bigint - 10000000000, d.deal_id::bigint - 40000000000, lower(answer),
            case when is_done then subject end, is_done,
            property_hubspot_owner_id::bigint - 70000000
        from acts
        left join {engagement_company} as c on c.engagement_id = id
        left join {engagement_deal} as d on d.engagement_id = id""",
    ),
    "attendees": (
        """select day, number(task_id), who(relation_id) from {task_relation}
        union all
        select day, 10000000000 + number(event_id), who(relation_id) from {event_relation}
        union all
        select min(day), number(id), who(who_id) from {task} group by all
        union all
        select min(day), 10000000000 + number(id), who(who_id) from {event}
        where is_child = 'false' group by all""",
        """select day, engagement_id::bigint - 50000000000, contact_id::bigint - 20000000000
        from {engagement_contact}""",
    ),
    "owners": (
        """select day, number(id), name, email, is_active, system_modstamp::timestamptz, department
        from {user}""",
        """select o.day, o.owner_id::bigint - 70000000, first_name || ' ' || last_name, email,
            active_user_id is not null, updated_at::timestamptz, t.name
        from {owner} as o join {owner_team} as m using (owner_id)
        join {team} as t on t.id = m.team_id""",
    ),
}


def all_rows(
    con: duckdb.DuckDBPyConnection, landing: Path, source: str, names: str = "data.csv*"
) -> dict[str, str]:
    """A view of text for each table of a source: every delivered row, with the day it came."""
    views = {}
    for folder in sorted((landing / source).iterdir()):
        views[folder.name] = f"{source.replace('@', '_')}_{folder.name}"
        files = sorted(str(path) for path in folder.rglob(names))
        con.execute(
            f"""
            create view {views[folder.name]} as
            select columns(* exclude (filename))::varchar as "\\0",
                regexp_extract(filename, 'loaded_date=([0-9-]+)', 1) as day
            from read_parquet('{folder}/*/part-*.parquet', filename = true)
            union all by name
            select * exclude (filename), regexp_extract(filename, 'loaded_date=([0-9-]+)', 1) as day
            from read_csv({files}, filename = true, all_varchar = true, union_by_name = true,
                header = true, delim = ',', quote = '"', escape = '"')
            """
        )
    return views


def test_hubspot_lands_what_salesforce_would(tmp_path: Path) -> None:
    """The same facts on the same days in the words of another CRM; so the marts can be the same."""
    plan = replace(small(), mishaps=False, campaigns=False)
    landing, truth, _ = run(tmp_path / "salesforce", plan)
    other, other_truth, _ = run(tmp_path / "hubspot", replace(plan, crm="hubspot"))
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

    def number(key: str) -> int:
        value = 0
        for letter in key[8:15]:
            value = 62 * value + digits.index(letter)
        return value

    def who(key: str) -> int:  # HubSpot numbers leads apart
        return number(key) + (10_000_000_000 if key.startswith("00Q") else 0)

    con = duckdb.connect()
    con.execute("set timezone = 'UTC'")
    con.create_function("number", number, ["varchar"], "bigint")
    con.create_function("who", who, ["varchar"], "bigint")
    left, right = all_rows(con, landing, "salesforce"), all_rows(con, other, "hubspot")
    for what, (one, two) in SAME.items():
        queries = one.format(**left), two.format(**right)
        for query, against in (queries, queries[::-1]):
            missing = con.sql(f"select * from ({query}) except all select * from ({against})")
            assert missing.fetchall() == [], what
        assert con.sql(f"select count(*) from ({queries[0]})").fetchall() > [(2,)], what
    for name in ("motions", "windows", "reach"):  # and it is the same company
        tables = [pq.read_table(folder / f"{name}.parquet") for folder in (truth, other_truth)]
        assert tables[0].drop(["crm_account_id"]).equals(tables[1].drop(["crm_account_id"]))


def test_the_simulator_knows_nothing_of_the_project() -> None:
    """Acts cannot depend on points, half-lives or thresholds that are never read."""
    for path in (ROOT / "orchestration" / "demo").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level <= 1, path
                names = [] if node.level else [node.module or ""]
            else:
                continue
            others = ("orchestration", "tools", "dbt", "dagster")
            assert not [name for name in names if name.split(".")[0] in others]


def test_the_truth_has_the_shape_of_a_market() -> None:
    world = build(Plan(accounts=2000))
    fits = world.accounts.true_fit & world.accounts.is_listed
    last = world.motion[-1][fits]
    assert 0.78 <= fits.sum() / world.accounts.is_listed.sum() <= 0.88
    assert 0.10 <= np.isin(last, [2, 3]).mean() <= 0.15
    assert 0.10 <= (last == 1).mean() <= 0.20
    hidden = ~world.accounts.sees_intent & ~world.accounts.sees_web
    assert hidden.mean() > Noise().dark_share


def checksum(*parts: object) -> int:
    value = 0
    for part in parts:
        if isinstance(part, np.ndarray):
            value = zlib.crc32(np.ascontiguousarray(part).tobytes(), value)
        else:
            value = zlib.crc32(str(part).encode(), value)
    return value


def test_the_market_and_its_noise_stay_what_they_were() -> None:
    """Chances were set before any mart was computed; what is drawn from them moves for nothing."""
    assert checksum(repr(Noise())) == 561640363
    assert checksum(repr(Rates())) == 2543681563
    assert checksum(repr(SystemNoise())) == 456010305
    world = build(small())
    a, p, w, r = world.accounts, world.people, world.windows, world.runs
    assert checksum("|".join(a.name.to_pylist() + a.domain.to_pylist())) == 2059734564
    assert checksum(world.motion, r.account, r.motion, r.starts, r.ends) == 921337059
    assert checksum(w.account, w.kind, w.is_open, w.starts, w.ends, w.is_known) == 1115809365
    columns = (a.listed_day, a.removed_day, a.tier, a.in_crm, a.created_day, a.true_fit)
    columns += (a.industry, a.country, a.employees, a.revenue, a.sees_intent, a.sees_web)
    columns += (a.owner, a.customer_since, a.customer_until, a.parent)
    assert checksum(*columns) == 2627394039
    columns = (p.account, p.persona, p.first, p.last, p.has_free_mail, p.known_day, p.cookie)
    columns += (p.left_day, p.bounced_day, p.opted_out_day)
    assert checksum(*columns) == 772861698


def test_a_programme_lifts_half_of_its_targets_from_its_first_day_on() -> None:
    """And one without effect leaves every rate as it is."""
    plan = Plan(accounts=400, months=6, activities=20_000, programme_lift=0.5)
    world = build(plan)
    held = records.draw(world)
    parts = (held, homes.draw(world, held), systems.draw(world), deals.draw(world))
    acting = Acting(world, *parts)
    plain = Acting(replace(world, plan=replace(plan, programme_lift=0.0)), *parts)
    listed = world.accounts.is_listed
    assert 0.4 < world.lifted[listed].mean() < 0.6
    assert not world.lifted[~listed].any()
    rate = np.full((STEPS, world.accounts.n), 0.1)
    for month in range(plan.months):
        acting.begin(month)
        plain.begin(month)
        begun = month * MONTH + STEP * np.arange(STEPS) >= world.programme_start
        raised = np.where(begun[:, None] & world.lifted[None, :], 0.15, 0.1)
        assert acting.lift(rate) == pytest.approx(raised)
        assert (plain.lift(rate) == rate).all()
    assert acting.lift(rate[:, :2], np.flatnonzero(world.lifted)[:2]) == pytest.approx(0.15)


def test_machines_open_and_click_within_seconds_and_people_do_not(
    company: tuple[Path, Path, dict[str, int]],
) -> None:
    landing, _, _ = company
    con = duckdb.connect()
    con.execute("set timezone = 'UTC'")
    marketo = all_rows(con, landing, "marketo")
    (sent, prefetched, scanned, clicked) = con.sql(
        """
        with sent as (
            select lead_id, primary_attribute_value as mail, min(activity_date::timestamptz) as at
            from {activity_email_delivered} group by all
        ), opens as (
            select distinct lead_id, mail from sent
            join {activity_open_email} as o using (lead_id)
            where o.primary_attribute_value = mail
                and o.activity_date::timestamptz - sent.at < interval 30 second
        ), clicks as (
            select lead_id, mail, count(distinct link) as links,
                min(c.activity_date::timestamptz - sent.at) <= interval 2 second as is_fast
            from sent join {activity_click_email} as c using (lead_id)
            where c.primary_attribute_value = mail group by all
        )
        select (select count(*) from sent), (select count(*) from opens),
            count(*) filter (is_fast and links = 3), count(*) filter (not is_fast) from clicks
        """.format(**marketo)
        .replace(" as at", " as happened")
        .replace("sent.at", "sent.happened")
    ).fetchall()[0]
    assert sent > 200
    assert 0.25 < prefetched / sent < 0.50
    assert 0.01 < scanned / sent < 0.20
    assert 0.005 < clicked / sent < 0.15


def test_a_provider_has_its_own_scale_and_ways_to_write(
    company: tuple[Path, Path, dict[str, int]],
) -> None:
    landing, _, _ = company
    con = duckdb.connect()
    con.execute("set timezone = 'UTC'")
    scores = all_rows(con, landing, "intent", "*.csv")["topic_scores"]
    counts = con.sql(
        f"""
        select count(*) filter (report_date like '%/%/20__'),
            count(*) filter (report_date like '20__-__-__'), count(*) filter (score = '-'),
            count(*) filter (provider = 'g2' and score is null and interactions::int > 0),
            count(*) filter (try_cast(score as double) > 100)
        from {scores}
        """
    ).fetchall()[0]
    assert min(counts[:4]) > 0
    assert counts[4] == 0


def test_what_real_crms_look_like_is_there(mixed: tuple[Path, Path, dict[str, int]]) -> None:
    landing, truth, _ = mixed
    con = duckdb.connect()
    con.execute("set timezone = 'UTC'")
    main = all_rows(con, landing, "salesforce")
    emea = all_rows(con, landing, "salesforce@emea")
    hubspot = all_rows(con, landing, "hubspot")

    def count(query: str, tables: dict[str, str] = main) -> int:
        (number,) = con.sql("select count(*) from " + query.format(**tables)).fetchall()[0]
        return int(number)

    assert count("{account} where is_person_account = 'true' and person_email is not null") >= 3
    assert count("{account} where type = 'Partner'") >= 3
    assert count("{account} where Segment__c is not null and Territory__c is not null") > 20
    assert count("{contact} where is_deleted = 'true' and master_record_id is not null") >= 1
    assert count("{task} where subject like '[Outreach] [Email] [Out] %'") > 20
    assert count("{task} where status = 'Open'") > 20
    assert count("{task_relation}") > 5
    assert count("{event_relation}") > 3
    assert count("{event} where is_child = 'true'") > 1
    gone = "{event} where type = 'Meeting: no show' or is_deleted = 'true'"
    assert count(gone) >= 1
    assert count("(select distinct currency_iso_code from {opportunity})") >= 2
    assert count("{account}", emea) >= 5
    assert count("{task}", emea) >= 5
    assert count("{company} where property_salesforceaccountid is not null", hubspot) >= 5
    assert count("{company} where property_salesforceaccountid is null", hubspot) >= 3
    assert count("{engagement_email}", hubspot) >= 5
    # Ids of two organisations look alike and are different; some companies stand in both.
    both = "{account} as a join " + emea["account"] + " as e on "
    assert count(both + "a.id = e.id") == 0
    assert count(both + "a.website = e.website") >= 1
    names = {row[0] for row in con.sql(f"select name from {main['user']}").fetchall()}
    assert not names & {row[0] for row in con.sql(f"select name from {emea['user']}").fetchall()}

    # The truth knows what is one company, one person, one family.
    kinds = con.sql(f"select kind, count(*) from '{truth}/records.parquet' group by all").fetchall()
    assert {kind for kind, _ in kinds} == set(records.KINDS)
    doubles = con.sql(f"select distinct kind from '{truth}/duplicates.parquet'").fetchall()
    assert {kind for (kind,) in doubles} == {"merged", "probable_duplicate"}
    people = f"'{truth}/people.parquet'"
    assert count(f"(select person_id from {people} group by 1 having count(*) > 2)") > 20
    assert count(f"'{truth}/families.parquet' where valid_from is not null") >= 3
    assert (
        count(
            f"{people} where person_id not in (select person_id from '{truth}/committee.parquet')"
        )
        == 0
    )


@dataclass(frozen=True)
class Programme:
    """Research of a company of usual size. ratings: one row per finding, with what is true."""

    batches: dict[str, Batch]
    planted: dict[str, int]
    ratings: duckdb.DuckDBPyRelation


@pytest.fixture(scope="module")
def programme() -> Programme:
    world = build(Plan(end=END))
    held = records.draw(world)
    home = homes.draw(world, held)
    faults: list[dict[str, str]] = []
    batches = {batch.feed: batch for batch in research.research(world, home, faults)}
    con = duckdb.connect()
    accounts = world.accounts
    con.register("interviews", batches["research/interviews"].table)
    con.register("findings", batches["research/findings"].table)
    con.register(
        "truth",
        pa.table(
            {
                "domain": accounts.domain,
                "crm_account_id": home.account_names(np.arange(accounts.n)),
                **{d: accounts.readiness[:, i] for i, d in enumerate(research.DIMENSIONS)},
            }
        ),
    )
    true = " ".join(f"when '{d}' then {d}" for d in research.DIMENSIONS)
    ratings = con.sql(
        f"""
        select findings.* exclude (coder), findings.coder, interviews.coder as interview_coder,
            truth.domain, interviews.contact_id, interviews.respondent_role,
            case dimension {true} end as true_share
        from findings
        join interviews using (interview_id)
        join truth on truth.domain = account_domain
            or truth.crm_account_id = interviews.crm_account_id
        """
    )
    return Programme(batches, {f["kind"]: int(f["rows"]) for f in faults}, ratings)


def test_ratings_tell_the_truth_but_for_chance(programme: Programme) -> None:
    ratings = programme.ratings
    count = programme.batches["research/findings"].table.num_rows
    assert ratings.aggregate("count(*)").fetchall() == [(count,)]
    rows = ratings.aggregate(
        "dimension, avg(rating / 4 - true_share), stddev(rating / 4 - true_share),"
        " min(rating), max(rating)"
    )
    for _, error, spread, least, most in rows.fetchall():
        assert abs(error) < 0.03
        assert 0.18 < spread < 0.28  # four observations have 0.22, and coders add little
        assert (least, most) == (0, 4)
    # Some have one voice, some several, and a role or a contact says whose it is.
    voices = ratings.aggregate("domain, count(distinct interview_id) as voices")
    shares = voices.aggregate("avg((voices = 1)::int), avg((voices >= 2)::int), count(*)")
    ((one, several, companies),) = shares.fetchall()
    assert 0.3 < one < 0.6
    assert several > 0.3
    assert 200 < companies < 500
    nobody = ratings.filter("contact_id is null and respondent_role is null")
    assert nobody.fetchall() == []


def test_some_conversations_are_coded_twice(programme: Programme) -> None:
    pairs = programme.ratings.filter("coder is not null").aggregate(
        "interview_id, dimension, count(*) as codings, count(distinct coder) as coders,"
        " bool_or(coder = interview_coder) as has_first, max(rating) - min(rating) as steps"
    )
    doubles = pairs.filter("codings = 2").aggregate(
        "count(*), avg((steps = 0)::int), max(steps), min(coders), min(has_first::int)"
    )
    ((count, same, steps, coders, first),) = doubles.fetchall()
    share = count / programme.batches["research/findings"].table.num_rows
    assert 0.1 < share < 0.2
    assert 0.5 < same < 0.8
    assert steps <= 2
    assert (coders, first) == (2, 1)


def test_the_survey_is_an_export_of_a_form_with_what_people_type(
    programme: Programme, company: tuple[Path, Path, dict[str, int]]
) -> None:
    answers = programme.batches["research/survey_responses"].table
    assert len(set(answers[research.RESPONSE].to_pylist())) == answers.num_rows
    for question in research.RATED:
        given = set(answers[question.column].to_pylist())
        assert given > {None, *question.answers}
    assert set(programme.planted) == set(research.FAULTS)
    addresses = [a or "" for a in answers[research.ADDRESS].to_pylist()]
    assert sum(a.lower().endswith("@gmail.com") for a in addresses) >= 3
    remarks = "".join(r or "" for r in answers[research.FREE_TEXT].to_pylist())
    assert {",", '"', "\n"} <= set(remarks)
    # Files of the days are csv that any reader of csv takes.
    landing, _, _ = company
    files = sorted((landing / "research/survey_responses").glob("*/*.csv"))
    assert len(files) >= 30
    for file in files:
        with file.open(newline="") as lines:
            header, *rows = csv.reader(lines)
        assert header == answers.column_names
        assert all(len(row) == len(header) for row in rows)


def test_the_form_asks_in_the_words_of_the_seeds() -> None:
    def seed(name: str) -> list[dict[str, str]]:
        path = ROOT / "seeds" / "research" / f"{name}.csv"
        return list(csv.DictReader(path.read_text().splitlines()))

    fields = {row["question_text"]: row["field"] for row in seed("survey_questions")}
    values = {(row["question_text"], row["answer"]): row["value"] for row in seed("survey_answers")}
    for dimension, rated in zip(research.DIMENSIONS, research.RATED, strict=True):
        assert fields[rated.column] == dimension
        for rating, answer in enumerate(rated.answers):
            assert values[rated.column, answer] == str(rating)
    for kind, question, words in (
        ("pressure_type", research.FORCED_BY, research.PRESSURES),
        ("constraint_type", research.IN_THE_WAY, research.CONSTRAINTS),
    ):
        assert fields[question.column] == kind
        assert tuple(values[question.column, a] for a in question.answers) == words
    assert (fields[research.DEADLINE], fields[research.REVISIT]) == ("deadline_on", "revisit_on")
    assert fields[research.FREE_TEXT] == "ignore"
    assert research.UNMAPPED not in fields


def test_salesforce_ids_carry_the_published_checksum() -> None:
    # The checksum letter of five characters has a bit for each upper-case one.
    def letters_of(short: str) -> str:
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
        groups = (short[i : i + 5] for i in (0, 5, 10))
        return "".join(
            letters[sum(1 << k for k, c in enumerate(g) if "A" <= c <= "Z")] for g in groups
        )

    for long in text.salesforce_ids("00T", np.array([1, 61, 62, 9_999, 123_456_789])).to_pylist():
        assert len(long) == 18
        assert long[15:] == letters_of(long[:15])


def test_the_oracle_loses_only_by_waiting() -> None:
    states = np.array([[0, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1], [3, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]])
    held = evaluate.wait(states.astype(np.uint8))
    assert held[0].tolist() == [0, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1]
    assert held[1].tolist() == [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0]


def test_evaluation_of_perfect_marts_is_perfect(
    company: tuple[Path, Path, dict[str, int]], tmp_path: Path
) -> None:
    """Marts that state the truth score 1 in states and drivers, and the baseline less."""
    landing, folder, _ = company
    truth = evaluate.read_truth(folder, END)
    states = truth.states().astype(np.int64)
    causes = evaluate._causes(truth, folder, END, states[:, -1])
    marts = tmp_path / "marts.duckdb"
    with duckdb.connect(str(tmp_path / "marts.duckdb")) as con:
        # A file and a schema of one name are ambiguous in SQL: hence the attachment.
        con.execute("create schema marts")
        con.execute("use marts.marts")
        con.register("keys", evaluate._keys(truth))
        con.execute(
            f"create table accounts as select place as account_id, date '{END}' as as_of_date,"
            " crm_id as crm_account_id, domain as primary_domain from keys"
        )
        con.execute(
            "create table account_activation_history"
            " (account_id bigint, state text, valid_from date, valid_to date)"
        )
        con.execute("create table account_activation (account_id bigint, state text)")
        con.execute("create table account_gap_drivers (account_id bigint, driver text)")
        intervals = [
            (place, evaluate.STATES[row[day]], truth.first + dt.timedelta(int(day)))
            for place, row in enumerate(states)
            for day in np.flatnonzero(np.append(True, row[1:] != row[:-1]))
        ]
        con.executemany("insert into account_activation_history values (?, ?, ?, null)", intervals)
        con.executemany(
            "insert into account_activation values (?, ?)",
            [(place, evaluate.STATES[row[-1]]) for place, row in enumerate(states)],
        )
        con.executemany(
            "insert into account_gap_drivers values (?, ?)",
            [(int(p), evaluate.DRIVERS[d]) for p, d in zip(*np.nonzero(causes), strict=True)],
        )
    result = evaluate.evaluate(folder, landing, marts)
    assert result.missing == 0
    for when in ("end", "month_ends"):
        for score in result.states[when]["project"].scores.values():
            assert score.support == 0 or score.f1 == 1.0
    for score in result.drivers["project"].scores.values():
        assert score.support == 0 or score.f1 == 1.0
    baseline, oracle = result.states["end"]["baseline"], result.states["end"]["oracle"]
    assert baseline.macro_f1 < oracle.macro_f1
    assert "macro-F1" in evaluate.report(result)
    assert result.readiness is None


def test_evaluation_of_readiness(
    company: tuple[Path, Path, dict[str, int]], tmp_path: Path
) -> None:
    """Intervals that hold the truth in every dimension but one, and calls that are half right."""
    _, folder, _ = company
    truth = evaluate.read_truth(folder, END)
    values = np.stack([truth.facts[name] for name in evaluate.DIMENSIONS], axis=1).astype(float)
    marts = tmp_path / "marts.duckdb"
    here = np.ones(len(values), dtype=bool)
    with duckdb.connect(str(marts)) as con:
        con.execute("create schema marts")
        con.execute("use marts.marts")
        con.register("keys", evaluate._keys(truth))
        con.execute(
            "create table accounts as select place as account_id,"
            " crm_id as crm_account_id, domain as primary_domain from keys"
        )
    assert evaluate._readiness(marts, truth, here) is None
    decides = np.flatnonzero((values > 0.5).all(axis=1))
    other = np.flatnonzero(~(values > 0.5).all(axis=1))
    with duckdb.connect(str(marts)) as con:
        con.execute("use marts.marts")
        con.execute("create table account_readiness (account_id bigint, readiness_segment text)")
        con.execute(
            "create table account_readiness_dimensions (account_id bigint, dimension text,"
            " mean_share double, lower_80_share double, upper_80_share double, is_known boolean)"
        )
        con.executemany(
            "insert into account_readiness values (?, ?)",
            [(int(decides[0]), "can_decide"), (int(other[0]), "can_decide")]
            + [(int(place), "blocked") for place in other[1:4]],
        )
        con.executemany(
            "insert into account_readiness_dimensions values (?, ?, ?, ?, ?, ?)",
            [
                (place, name, value, *((2.0, 3.0) if d == 1 else (0.0, 1.0)), place % 2 == 0)
                for place in range(10)
                for d, (name, value) in enumerate(
                    zip(evaluate.DIMENSIONS, values[place], strict=True)
                )
            ],
        )
    found = evaluate._readiness(marts, truth, here)
    assert found is not None
    assert found.intervals["pressure"] == evaluate.Interval(10, 1.0, 5, 1.0)
    assert found.intervals["ownership"] == evaluate.Interval(10, 0.0, 5, 0.0)
    assert found.calls == {"can_decide": (2, 0.5), "blocked": (3, 1.0)}
    assert "truly can decide" in "".join(evaluate._readiness_lines(found, END))


def test_plans_and_milestones_come_with_the_dirt_that_is_promised() -> None:
    """Of a company of the usual size; nothing else of it needs to be simulated for that."""
    plan = Plan(accounts=600, months=6, activities=1_000, seed=7, end=END, crm="both")
    world = build(plan)
    homes_of = homes.draw(world, records.draw(world))
    deal = deals.draw(world)
    batches = list(planning(world, homes_of, deal))
    again = planning(world, homes_of, deal)
    assert all(one.table.equals(two.table) for one, two in zip(batches, again, strict=True))
    rows = {
        feed: pa.concat_tables([batch.table for batch in batches if batch.feed == feed])
        for feed in {batch.feed for batch in batches}
    }
    # Of teams only the history, in a file of their own: the daily files stay as they were.
    for batch in batches:
        if batch.feed.endswith("account_team_member"):
            assert batch.part == "teams"
            assert batch.day.max() <= plan.load_day
    accounts = homes_of.account_names(np.arange(world.accounts.n))
    twins = homes_of.account_names(world.accounts.n + np.arange(len(world.duplicates.survivor)))
    plans, reviews, milestones, usage = (
        rows[feed]
        for feed in ("planning/plans", "planning/reviews", "success/milestones", "success/usage")
    )
    team = rows["salesforce/account_team_member"]
    with duckdb.connect() as connection:

        def count(sql: str) -> int:
            names = {"plans": plans, "reviews": reviews, "milestones": milestones}
            names |= {"usage": usage, "team": team}
            names |= {"accounts": pa.table({"id": accounts}), "twins": pa.table({"id": twins})}
            for name, table in names.items():
                connection.register(f"the_{name}", table)
            ((found,),) = connection.execute(sql).fetchall()
            return int(found)

        versions = "count(distinct due_on) > 1"
        for dirt in (
            "select count(*) from the_reviews where held_on > due_on + 10",
            "select count(*) from the_reviews group by review_id having count(held_on) = 0 limit 1",
            "select count(*) from the_plans where crm_account_id in (from the_twins)",
            "select count(*) from the_plans where crm_account_id not in (from the_accounts)"
            " and crm_account_id not in (from the_twins)",
            "select count(*) from the_milestones where done_on < due_on",
            f"select count(*) from the_milestones group by milestone_id having {versions} limit 1",
            "select count(*) from the_milestones where escalated_to is not null",
            "select count(*) from the_usage where deployed_people > licensed_people",
            "select count(*) from the_usage where active_people > deployed_people",
            "select count(*) - (select count(*) from (select distinct * from the_usage))"
            " from the_usage",
            "select count(*) from the_team where team_member_role is null",
            "select count(*) from the_team where is_deleted",
        ):
            assert count(dirt) > 0, dirt
