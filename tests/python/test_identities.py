"""Ids, addresses, IPs, websites, browsers and countries, however they are written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from landed import Landed, lines

from orchestration.landing import identities
from orchestration.landing.contract import IDENTITIES, ContractError, load_contract
from orchestration.landing.identities import NOBODY, ROUNDED, UNREAD, Reading, read_words
from orchestration.landing.presence import Snapshots
from orchestration.settings import MODELS_DIR

WORDS = read_words()
CONTRACT = load_contract(MODELS_DIR)


@pytest.fixture
def landed(tmp_path: Path) -> Landed:
    return Landed(tmp_path / "landing", CONTRACT)


def as_read(kind: str, text: str) -> Any:
    """What is read, or what became of it where that is nothing."""
    reading = identities.READERS.get(kind, identities.read_host)(text, WORDS)
    assert (reading.change is None) == (reading.text == text) or kind == "domain"
    return reading.text if reading.text is not None else reading.change


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("8123", "8123"),
        ("8123.0", "8123"),
        ("8123.000000000", "8123"),
        ("8,123", "8123"),
        ("1,008,123.00", "1008123"),
        ("8123.5", "8123.5"),
        ("12e5", "12e5"),
        ("1.2345678901E10", "12345678901"),
        ("9.8765432109E+10", "98765432109"),
        ("9.87654E+10", ROUNDED),
        ("9,87654E+10", ROUNDED),
        ("1.2345678901234568e+17", ROUNDED),
        ("1.2345678901234568E17", ROUNDED),
        ("\u00a0 A7\u200b\ufeff", "A7"),
        ('="00817"', "00817"),
        ("'00817", "00817"),
        ("{0F8FAD5B-D9CB-469F-A165-70867728950E}", "0f8fad5b-d9cb-469f-a165-70867728950e"),
        ("00000000-0000-0000-0000-000000000000", NOBODY),
        ("Undefined", NOBODY),
        ("#N/A", NOBODY),
        ("\u200b", NOBODY),
        ("deal-won", "deal-won"),
        ("0", "0"),
    ],
)
def test_an_id(written: str, read: str) -> None:
    assert as_read("id", written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0015e00002PqRsT", "0015e00002PqRsTAAV"),
        ("0015e00002PqRsTAAV", "0015e00002PqRsTAAV"),
        ("0015E00002PQRSTAAV", "0015e00002PqRsTAAV"),
        ("0015e00002pqrstaav", "0015e00002PqRsTAAV"),
        ("emea:0015e00002PqRsT", "emea:0015e00002PqRsTAAV"),
        ("123456789012345", "123456789012345"),
        ("ABCDEFGHIJKLMNO999", "ABCDEFGHIJKLMNO999"),
        ("C-77", "C-77"),
    ],
)
def test_an_id_of_a_crm(written: str, read: str) -> None:
    assert as_read("crm_id", written) == read


def test_ids_in_a_list() -> None:
    assert as_read("ids", "7.0;8.0") == "7;8"
    assert as_read("ids", "7;8") == "7;8"
    assert as_read("ids", "[7, 8]") == "[7, 8]"
    assert as_read("ids", "1.23457E+10") == ROUNDED
    assert as_read("ids", "null") == NOBODY


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Ida.Berg+x@Fjord.no", "Ida.Berg+x@Fjord.no"),
        (" ida@fjord.no\u00a0", "ida@fjord.no"),
        ("mailto:ida@fjord.no?subject=hi", "ida@fjord.no"),
        ('"Berg, Ida" <ida@fjord.no>', "ida@fjord.no"),
        ("ida@fjord.no; per@fjord.no", "ida@fjord.no"),
        ("ida%40fjord.no", "ida@fjord.no"),
        ("ida@fjord.no.", "ida@fjord.no"),
        ("'ida@fjord.no'", "ida@fjord.no"),
        ("o'hara@fjord.no", "o'hara@fjord.no"),
        ("NoEmail@fjord.no", NOBODY),
        ("no-reply+7@fjord.no", NOBODY),
        ("test@test.com", NOBODY),
        ("N/A", NOBODY),
        ("(none)", UNREAD),
        ("ask the front desk", UNREAD),
    ],
)
def test_an_address(written: str, read: str) -> None:
    assert as_read("email", written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("198.051.100.007", "198.51.100.7"),
        ("198.51.100.7:443", "198.51.100.7"),
        ("198.51.100.7/32", "198.51.100.7"),
        ("198.51.100.7, 10.1.2.3, 172.16.0.1", "198.51.100.7"),
        ("10.1.2.3, 198.51.100.7", "198.51.100.7"),
        ("unknown, 198.51.100.7", "198.51.100.7"),
        ("10.1.2.3", "10.1.2.3"),
        ("::FFFF:198.51.100.7", "198.51.100.7"),
        ("2001:0DB8:0000:0000:0000:0000:0000:00A7", "2001:db8::a7"),
        ("[2001:db8::a7]:8080", "2001:db8::a7"),
        ("fe80::1%eth0", "fe80::1"),
        ('for="[2001:db8::a7]"', "2001:db8::a7"),
        ("0.0.0.0", NOBODY),
        ("n/a", NOBODY),
        ("300.1.1.1", UNREAD),
    ],
)
def test_an_ip(written: str, read: str) -> None:
    assert as_read("ip", written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("http://https://fjord.no", "fjord.no"),
        ("http:/www.fjord.no", "www.fjord.no"),
        ("https//fjord.no/a", "fjord.no"),
        ("http:\\\\fjord.no\\start", "fjord.no"),
        ("//fjord.no", "fjord.no"),
        ("www.fjord.no, www.fjord.se", "www.fjord.no"),
        ("fjord.no / fjord.se", "fjord.no"),
        ("www,fjord.no", "fjord.no"),
        ("(fjord.no)", "fjord.no"),
        ("mailto:info@fjord.no", "fjord.no"),
        ("FJORD.NO.", "fjord.no"),
        ("https://user:secret@fjord.no:8443/x", "fjord.no"),
        ("Fjord: https://fjord.no", "fjord.no"),
        ("no website", NOBODY),
        ("see the card", UNREAD),
        ("http://", UNREAD),
        ("10.0.0.7", UNREAD),
    ],
)
def test_a_website(written: str, read: str) -> None:
    assert as_read("domain", written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (" sweden", "Sweden"),
        ("Sverige", "Sweden"),
        ("SWE", "Sweden"),
        ("Scotland", "United Kingdom"),
        ("U.S.", "United States"),
        ("Congo, The Democratic Republic of the", "DR Congo"),
        ("C\u00f4te d\u2019Ivoire", "Ivory Coast"),
        ("Japan (JP)", "Japan"),
        ("日本", "Japan"),
        ("NA", "Namibia"),
        ("n/a", NOBODY),
        ("Atlantis", "Atlantis"),
    ],
)
def test_a_country(written: str, read: str) -> None:
    assert as_read("country", written) == read


def test_a_browser() -> None:
    for word in ("undefined", "NULL", "guest", "0", "-1", "[object Object]"):
        assert as_read("anonymous_id", word) == NOBODY
    assert as_read("anonymous_id", "a1b2-C3") == "a1b2-C3"


def test_what_is_in_its_usual_form_is_not_looked_at(
    landed: Landed, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def note(read: Callable[..., Reading]) -> Callable[..., Reading]:
        return lambda text, words: seen.append(text) or read(text, words)

    readers = {kind: note(read) for kind, read in identities.READERS.items()}
    monkeypatch.setattr(identities, "READERS", readers)
    landed.put(
        "hubspot/contact/c.csv",
        lines(
            "id,property_email,property_associatedcompanyid,property_createdate,property_lastmodifieddate",
            "7,ida@fjord.no,8123,2026-01-01,2026-05-01",
            "8,per@fjord.no,8123.0,2026-01-01,2026-05-01",
        ),
    )
    landed.ingest()
    assert seen == ["8123.0"]
    assert landed.rows("select rewritten, rewrites from raw_landing.files") == [
        (1, "property_associatedcompanyid: 1 written otherwise")
    ]


def test_a_data_frame_and_a_csv_name_the_same_records(landed: Landed) -> None:
    """Nullable whole numbers of a data frame are floats, decimals carry their scale."""
    stamp = ["2026-05-01T00:00:00"]
    landed.parquet(
        "hubspot/engagement_contact/e.parquet",
        {"engagement_id": [31.0, 32.0], "contact_id": [7.0, 1e17], "created_at": stamp * 2},
    )
    landed.put("hubspot/engagement_company/e.jsonl", '{"engagement_id": 31.0, "company_id": 9}\n')
    landed.parquet(
        "marketo/activity_delete_lead/d.parquet",
        {
            "id": pa.array(["41.000"], pa.string()).cast(pa.decimal128(20, 3)),
            "lead_id": pa.array(["7.000"], pa.string()).cast(pa.decimal128(20, 3)),
            "activity_date": stamp,
        },
    )
    landed.ingest()
    assert landed.rows("select engagement_id, contact_id from raw_hubspot.engagement_contact") == [
        ("31", "7")
    ]
    assert landed.rows("select engagement_id, company_id from raw_hubspot.engagement_company") == [
        ("31", "9")
    ]
    assert landed.rows("select id, lead_id from raw_marketo.activity_delete_lead") == [("41", "7")]
    ((reason, row),) = landed.rows("select reason, row_json from raw_landing.quarantine")
    assert reason.startswith('contact_id "1e+17" was rounded')
    assert json.loads(row)["engagement_id"] == 32.0


def test_a_required_identity_that_is_none_is_put_aside(landed: Landed) -> None:
    landed.put(
        "reveal/ip_companies/r.csv",
        lines(
            "ip,domain,confidence,resolved_at",
            "unknown,fjord.no,high,2026-05-01",
            "[2001:DB8::A7]:80,fjord.no,high,2026-05-01",
        ),
    )
    landed.put(
        "salesforce/account/a.csv",
        lines(
            "id,name,owner_id,billing_country,created_date,system_modstamp",
            "\\N,Nobody,005A,Sverige,2026-01-01,2026-05-01",
            "none,Nobody,005A,Sverige,2026-01-01,2026-05-01",
            "A7,Fjord,NULL,Sverige,2026-01-01,\\N",
            "A8,NULL,005A,Sverige,2026-01-01,2026-05-01",
            "A9,Null,\\N,Sverige,2026-01-01,2026-05-01",
        ),
    )
    landed.ingest()
    assert landed.rows("select ip from raw_reveal.ip_companies") == [("2001:db8::a7",)]
    assert landed.accounts("id, name, owner_id, billing_country") == [
        ("A9", "Null", None, "Sweden")
    ]
    reasons = dict(landed.rows("select reason, count(*) from raw_landing.quarantine group by 1"))
    assert reasons == {
        "ip is required and empty": 1,
        "id is required and empty": 2,
        "name is required and empty": 1,
        "one of system_modstamp, fivetran_synced must be filled": 1,
    }


def test_a_browser_that_is_everybodys_is_nobodys(landed: Landed) -> None:
    """The visit stays, told from others by its address."""
    landed.put(
        "segment/pages/p.csv",
        lines(
            "id,anonymous_id,context_ip,context_page_path,received_at",
            "v1,guest,198.51.100.7,/,2026-06-01T00:00:00Z",
            "v2,b7,198.51.100.7,/,2026-06-01T00:00:00Z",
        ),
    )
    landed.ingest()
    assert landed.rows("select id, anonymous_id from raw_segment.pages order by id") == [
        ("v1", None),
        ("v2", "b7"),
    ]


def test_a_list_in_another_form_removes_nobody(landed: Landed) -> None:
    """15 characters in one list, 18 and another case in the next, and the ids of a data frame."""
    snapshots = Snapshots(frozenset({("salesforce", "contact"), ("hubspot", "company")}))
    contact = "id,created_date,system_modstamp"
    landed.put(
        "salesforce/contact/loaded_date=2026-06-01/c.csv",
        lines(contact, "0035e00002PqRsT,2026-01-01,2026-05-01", "C8,2026-01-01,2026-05-01"),
    )
    landed.put(
        "salesforce/contact/loaded_date=2026-06-02/c.csv",
        lines(contact, "0035E00002PQRSTAAV,2026-01-01,2026-05-01", "C8 ,2026-01-01,2026-05-01"),
    )
    company = {"property_name": ["Fjord"], "property_createdate": ["2026-01-01"]}
    company["property_hs_lastmodifieddate"] = ["2026-05-01"]
    landed.put(
        "hubspot/company/loaded_date=2026-06-01/c.csv",
        lines(",".join(["id", *company]), "9,Fjord,2026-01-01,2026-05-01"),
    )
    landed.parquet("hubspot/company/loaded_date=2026-06-02/c.parquet", {"id": [9.0], **company})
    landed.ingest(snapshots=snapshots)
    assert landed.rows("select * from raw_landing.presence_changes") == []
    assert landed.rows("select id from raw_salesforce.contact order by id") == [
        ("0035e00002PqRsTAAV",),
        ("C8",),
    ]


def test_a_list_with_a_rounded_key_is_not_whole(landed: Landed) -> None:
    """The row could be anybody's, so nobody counts as removed."""
    snapshots = Snapshots(frozenset({("hubspot", "owner")}))
    for day, other in ((1, "3"), (2, "1.23457E+10")):
        landed.put(
            f"hubspot/owner/loaded_date=2026-06-0{day}/o.csv",
            lines("owner_id,updated_at", "2,2026-05-01", f"{other},2026-05-01"),
        )
    report = landed.ingest(snapshots=snapshots)
    assert any("is not whole" in problem for problem in report.problems)
    assert landed.rows("select * from raw_landing.presence_changes") == []


def test_websites_and_addresses_have_their_domain_however_written(landed: Landed) -> None:
    texts = {
        "http://http://fjord.no": "fjord.no",
        "fjord.no; fjord.se": "fjord.no",
        "https://elv.my.site.com": "site.com",
        "elv.onmicrosoft.com": "onmicrosoft.com",
        "foss.no.invalid": "invalid",
        "see the card": None,
    }
    landed.put(
        "salesforce/lead/l.jsonl",
        lines(
            *(
                json.dumps(
                    {
                        "id": f"L{number}",
                        "website": text,
                        "email": f"Ida <ida@{(text if text.startswith('foss') else 'fjord.no')}>",
                        "created_date": "2026-01-01",
                        "system_modstamp": "2026-05-01",
                    }
                )
                for number, text in enumerate(texts)
            )
        ),
    )
    landed.ingest()
    found = dict(landed.rows("select website, website_registrable from raw_salesforce.lead"))
    assert found == texts
    addresses = landed.rows("select distinct email, email_registrable from raw_salesforce.lead")
    assert sorted(addresses) == [("ida@fjord.no", "fjord.no"), ("ida@foss.no.invalid", "invalid")]
    ((rewrites,),) = landed.rows("select rewrites from raw_landing.files")
    assert rewrites == (
        "email: 6 written otherwise; website: 1 not read; website: 2 written otherwise"
    )


def test_every_id_says_that_it_is_one() -> None:
    """Else an id of one form would be joined to another."""
    known = {("hubspot", "type_id"), ("hubspot", "source_id"), ("targets", "programme_id")}
    known |= {("plays", "play_id"), ("marketo", "email_template_id")}
    silent = [
        f"{table.label}.{column.name}"
        for table in CONTRACT.tables.values()
        for column in table.columns
        if column.data_type == "text"
        and not column.identity
        and (column.name == "id" or column.name.endswith(("_id", "email", "_ip", "country")))
        and (table.source, column.name) not in known
    ]
    assert silent == []


def test_an_unknown_kind_of_identity_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "staging" / "crm"
    folder.mkdir(parents=True)
    (folder / "_crm__sources.yml").write_text(
        "sources: [{name: crm, tables: [{name: company, config: {meta: {key: [id]}}, columns:"
        " [{name: id, data_type: text, config: {meta: {identity: passport}}}]}]}]"
    )
    with pytest.raises(ContractError, match="passport.*is none of " + ", ".join(IDENTITIES)):
        load_contract(tmp_path)
