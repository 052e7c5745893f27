"""Mistakes in seeds, vars and settings: each is told before anything runs, in words that help."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from orchestration.project import project as project_in_force
from orchestration.rules import checks
from orchestration.rules.checks import CheckError, check_rules, faults_of_rules, read_vars, ready
from orchestration.settings import PROJECT_DIR, PUBLISHED_FILE

VARS = "dbt_project.yml"
FEEDS = "seeds/landing/feeds.csv"
FEEDS_YML = "seeds/landing/_landing__seeds.yml"
RULES = "seeds/plays/play_rules.csv"
SEGMENTS = "seeds/coverage/personas.csv"
OVERRIDES = "seeds/identity/domain_owner_overrides.csv"
EXCLUSIONS = "seeds/plays/account_exclusions.csv"
STATES = "seeds/activation/activation_states.csv"

Change = Callable[[bytes], bytes]
NAMES = checks.names_of_vars(PROJECT_DIR)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's rules that a test may change; its models are ours."""
    monkeypatch.setattr(checks, "names_of_vars", lambda _: NAMES)
    folder = tmp_path / "project"
    shutil.copytree(project_in_force() / "seeds", folder / "seeds")
    shutil.copy(PROJECT_DIR / VARS, folder)
    for name in ("models", "macros"):
        (folder / name).symlink_to(PROJECT_DIR / name)
    return folder


def change(path: Path, how: Change) -> None:
    before = path.read_bytes()
    after = how(before)
    assert after != before, f"the edit of {path.name} changed nothing: the test proves nothing"
    path.write_bytes(after)


def put(old: str, new: str) -> Change:
    return lambda text: text.replace(old.encode(), new.encode(), 1)


def added(row: str) -> Change:
    return lambda text: text + row.encode() + b"\n"


# What a person does to a file, and what the message must name: the line (0 for the last one, None
# for the file as a whole, -1 for the one that was changed, -2 for the one on which the
# var begins), the column, the value and what to do.
MISTAKES: dict[str, tuple[str, Change, int | None, str, str, str]] = {
    # The mistakes that were told late, by a traceback, by SQL or not at all.
    "a number in words": (
        FEEDS, put("account,3,", "account,three,"),
        2, "freshness_days", "'three' is not a whole number", "Write it like 3",
    ),
    "a var in words": (
        VARS, put("person_cap_points: 20", "person_cap_points: about 10"),
        -1, "var person_cap_points", "'about 10' is not a number", "Write a number above 0",
    ),
    "a var under another name": (
        VARS, put("  keep_factor:", "  keeping_factor:"),
        -1, "var keeping_factor", "is a var that nothing reads", "did you mean keep_factor?",
    ),
    "a var that is gone": (
        VARS, put("  keep_factor: 0.8  # number above 0 to 1\n", ""),
        None, "var keep_factor", "is missing", "Put its line back",
    ),
    "a town for a time zone": (
        VARS, put("reporting_timezone: UTC", "reporting_timezone: Berlin"),
        -1, "var reporting_timezone", "'Berlin' is no time zone", "IANA name: Europe/Berlin",
    ),
    "the Windows code page": (
        FEEDS, lambda text: text.replace(b"a weekend", "für".encode("cp1252"), 1),
        2, "character 50", "is not UTF-8", "Save it as plain UTF-8",
    ),
    "a byte order mark": (
        FEEDS, lambda text: b"\xef\xbb\xbf" + text,
        1, "", "begins with a byte order mark", "without a byte order mark",
    ),
    "a tab in the vars": (
        VARS, put("  keep_factor:", "\tkeep_factor:"),
        -1, "character 1", "has a tab", "Put blanks in its place",
    ),
    "a tab in the yml of seeds": (
        FEEDS_YML, put("    config:", "\tconfig:"),
        -1, "character 1", "has a tab", "Put blanks in its place",
    ),
    "a quote that stays open": (
        FEEDS, added('zendesk,tickets,3,,,,"never closed'),
        0, "", "opens a quote that is never closed", "Close it",
    ),
    "a comma too many": (
        FEEDS, added("zendesk,tickets,3,,,,daily, as a rule"),
        0, "", "has 8 cells, and the first line names 7 columns", "into quotes",
    ),
    "a seed that is gone": (
        RULES, lambda text: b"",
        None, "", "is not there", "Put it back",
    ),
    "a date of another country": (
        OVERRIDES, added("acme.com,001,31.01.2026,,ours"),
        0, "valid_from", "'31.01.2026' is not a date", "Write it like 2026-01-31",
    ),
    "a domain that matches nothing": (
        EXCLUSIONS, added("www.acme.com,,legal,2026-01-31,,legal team"),
        0, "domain", "'www.acme.com' is not a domain as it is registered", "Write acme.com",
    ),
    "a source that is none": (
        VARS, put("sources_off: []", "sources_off: [hubspott]"),
        -1, "var sources_off", "names hubspott", "did you mean hubspot?",
    ),
    # And others like them.
    "a reference into nothing": (
        RULES, put(",check_capacity,", ",check_capazity,"),
        5, "play_id", "'check_capazity' is no play_id of seeds/plays/plays.csv",
        "did you mean check_capacity?",
    ),
    "a column under another name": (
        FEEDS, put("freshness_days", "fresh_days"),
        1, "fresh_days", "is no column of this seed", "did you mean freshness_days?",
    ),
    "a row twice": (
        FEEDS, added("salesforce,account,3,,,,again"),
        0, "source and table_name", "'salesforce, account' stands on line 2 too", "Take one",
    ),
    "semicolons": (
        FEEDS, lambda text: text.replace(b",", b";"),
        1, "", "separates columns by something else than commas", "Save it with commas",
    ),
    "a comma for a point": (
        STATES, put("0.48", '"0,48"'),
        4, "min_reached_coverage", "'0,48' is not a number", "Write it like 0.48",
    ),
    "a share in percent": (
        STATES, put("0.48", "48"),
        4, "min_reached_coverage", "'48' is not between 0 and 1", "in this range",
    ),
    "yes for true": (
        STATES, put("3,active,true,strong,false", "3,active,true,strong,yes"),
        4, "needs_committed_motion", "'yes' is not true or false", "Write it like true",
    ),
    "a word that is not among those that may be": (
        FEEDS, put("account,3,,", "account,3,snapshots,"),
        2, "load_mode", "'snapshots' is none of incremental, snapshot", "did you mean snapshot?",
    ),
    "a blank behind a word": (
        RULES, put("10,withheld,any,", "10,withheld,any ,"),
        2, "trigger", "'any ' has blanks before or behind it", "Take them out",
    ),
    "nothing where something must be": (
        RULES, put("10,withheld,", "10,,"),
        2, "decision", "is empty", "Write something",
    ),
    "a row that holds on no day": (
        EXCLUSIONS, added("acme.com,,legal,2026-01-31,2026-01-31,legal team"),
        0, "valid_to", "is not after valid_from", "first day on which it holds no more",
    ),
    "a cell too few": (
        RULES, put(",any,none,,,Excluded by name; nobody acts on it", ",any,none"),
        2, "", "has 9 of 12 cells", "Put in the commas",
    ),
    "UTF-16": (
        FEEDS, lambda text: text.decode().encode("utf-16"),
        1, "", "is written in UTF-16", "Save it as plain UTF-8",
    ),
    "a state that no model knows": (
        STATES, put("3,active,", "3,in_market,"),
        None, "state", "should be cold, warming, active, engaged", "none can be renamed",
    ),
    "an activated state that asks for a deal": (
        STATES, put("3,active,true", "3,active,false"),
        None, "is_activated", "'engaged' should be one that asks for strong signal", "holds",
    ),
    "an activated state below one that is not": (
        STATES, put("4,engaged,true", "4,engaged,false"),
        None, "is_activated", "'active' should be one that asks for strong signal", "holds",
    ),
    "no activated state": (
        STATES, lambda text: text.replace(b",true,strong", b",false,strong").replace(
            b"engaged,true", b"engaged,false"
        ),
        None, "is_activated", "'' should be one that asks for strong signal", "holds",
    ),
    "a limit above the one that should be higher": (
        VARS, put("strong_min_strength: 40", "strong_min_strength: 9"),
        -1, "var strong_min_strength", "9 is too small", "above some_min_strength (10) to 100",
    ),
    "a limit that equals one that should be lower": (
        VARS, put("strong_min_strength: 40", "strong_min_strength: 10"),
        -1, "var strong_min_strength", "10 is too small", "above some_min_strength (10) to 100",
    ),
    "a kind of facts that no source brings": (
        VARS, put("      outcomes: [emails_bounced, unsubscribes, deleted_leads]\n", ""),
        -2, "var sources", "names no source that brings outcomes", "sources_off",
    ),
    "half a day": (
        VARS, put("days_below_to_fall: 7", "days_below_to_fall: 7.5"),
        -1, "var days_below_to_fall", "7.5 is not a whole number", "Write a whole number 1 or more",
    ),
    "a var twice": (
        VARS, put("  flap_days: 14", "  keep_factor: 0.7\n  flap_days: 14"),
        -1, "var keep_factor", "only the last one counts", "Take one of them out",
    ),
    "a currency without a rate": (
        VARS, put("default_currency: USD", "default_currency: usd"),
        -1, "var default_currency", "names usd, which is no currency_code of", "add it there",
    ),
    "an expression that does not read": (
        VARS, put("'^\\s*((", "'^\\s*((("),
        -1, "var copied_subject_prefix", "is no regular expression", "Correct it",
    ),
    "a word that YAML reads as nothing": (
        VARS, put('na, none, "null"', "na, none, null"),
        -2, "var blank_titles", "is not a list of words", "in quotes",
    ),
    "a table that no model stages": (
        VARS, put("accounts: [companies]", "accounts: [company]"),
        -2, "var sources", "'company' is no table of hubspot", "did you mean companies?",
    ),
    "a kind of facts that no model reads": (
        VARS, put("merges: [merged_leads]", "merge: [merged_leads]"),
        -2, "var sources", "'merge' of marketo is a kind that no model reads", "mean merges?",
    ),
    "a part of a mapping under another name": (
        VARS, put("{duplicate: 0.05, parent", "{double: 0.05, parent"),
        -1, "var match_pairs_per_account", "is not a number for each of duplicate, parent", "like",
    ),
    "true for a number": (
        VARS, put("touched_days: 90", "touched_days: yes"),
        -1, "var touched_days", "True is not a whole number", "Write a whole number 1 or more",
    ),
}  # fmt: skip


def line_meant(project: Path, file: str, line: int | None, column: str) -> int | None:
    if line is None or line > 0:
        return line
    text = (project / file).read_bytes().split(b"\n")
    if line == 0:
        return len(text) - 1
    before = (PROJECT_DIR / file).read_bytes().split(b"\n")
    if line == -2:  # where the var begins
        name = column.removeprefix("var ").encode()
        return next(n for n, said in enumerate(text, 1) if said.startswith(b"  " + name + b":"))
    return next(n for n, (a, b) in enumerate(zip(text, before, strict=False), 1) if a != b)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_place_and_what_to_do(project: Path, name: str) -> None:
    file, how, line, column, problem, remedy = MISTAKES[name]
    change(project / file, how)
    if not (project / file).read_bytes():
        (project / file).unlink()
    at = line_meant(project, file, line, column)
    place = file + (f", line {at}" if at else "") + (f", {column}" if column else "")
    with pytest.raises(CheckError) as refused:
        check_rules(project)
    said = str(refused.value).splitlines()
    assert any(
        text.startswith(f"{place}: ") and problem in text and remedy in text for text in said
    ), f"expected {place}: ... {problem} ... {remedy}, got\n" + "\n".join(said)


def test_our_own_rules_have_no_fault() -> None:
    assert faults_of_rules(PROJECT_DIR) == []


def test_all_faults_are_told_at_once_and_those_alike_once(project: Path) -> None:
    change(project / FEEDS, lambda text: text.replace(b",3,", b",three,"))
    change(project / VARS, put("keep_factor: 0.8", "keep_factor: 8"))
    change(project / STATES, put("0.48", "48"))
    change(project / RULES, put("check_capacity", "check_capazity"))
    change(project / RULES, lambda text: b"\xef\xbb\xbf" + text)
    change(project / "seeds/timing/_timing__seeds.yml", put("    config:", "\tconfig:"))
    with pytest.raises(CheckError) as refused:
        check_rules(project)
    said = str(refused.value).splitlines()
    spoilt = (project / FEEDS).read_bytes().count(b",three,")
    assert [text.split(":")[0] for text in said] == [
        f"{VARS}, line {read_vars(project, [])['keep_factor'].line}, var keep_factor",  # type: ignore[index]
        f"{STATES}, line 4, min_reached_coverage",
        *(f"{FEEDS}, line {line}, freshness_days" for line in (2, 3, 4)),
        f"{RULES}, line 1",
        f"{RULES}, line 5, play_id",
        "seeds/timing/_timing__seeds.yml, line 9, character 1",
        f"{FEEDS}, freshness_days",
    ]
    assert said[-1] == f"{FEEDS}, freshness_days: {spoilt - 3} more rows alike."


def test_what_harms_nobody_is_let_through(project: Path) -> None:
    change(project / FEEDS, lambda text: text.replace(b"\n", b"\r\n"))
    change(project / STATES, put("4,engaged,true,none,true", " 4 ,engaged,true,none,TRUE"))
    change(project / VARS, put("keep_factor: 0.8 ", "keep_factor: 1.0 "))
    change(
        project / VARS,
        put(
            "raw_schemas: {}",
            "raw_schemas: {hubspot: fivetran, zoho@emea: {database: el.duckdb, schema: zoho}}",
        ),
    )
    change(
        project / OVERRIDES,
        added('a.com,001, 2026-01-31 ,,"two\r\nlines, and a ""quote"""'),
    )
    (project / "seeds/coverage/persona_overrides.csv").write_text(
        "reason,persona,email\nleft,no_seat,a@b.com\n"
    )
    check_rules(project)


def test_what_dbt_alone_understands_is_left_to_dbt(project: Path) -> None:
    """Seeds of somebody's own, and tests of other kinds."""
    (project / "seeds/own").mkdir()
    (project / "seeds/own/own_words.csv").write_text("a;b\n1;2\n")
    (project / "seeds/own/_own__seeds.yml").write_text(
        "seeds:\n  - name: own_words\n    columns:\n      - name: a\n        data_tests: [unique]\n"
    )
    (project / "seeds/own/_nothing.yml").write_text("seeds:\n")
    change(project / FEEDS_YML, put("key: [source, table_name]", "key: [source || table_name]"))
    change(project / FEEDS_YML, put("      - well_formed:", "      - unique\n      - well_formed:"))
    check_rules(project)


def test_lines_are_those_of_the_file_where_cells_have_several(project: Path) -> None:
    change(project / OVERRIDES, added('a.com,001,2026-01-31,,"two\nlines"'))
    change(project / OVERRIDES, added("\nb.com,002,2026-02-30,,no such day"))
    faults = faults_of_rules(project)
    assert [(fault.line, fault.column, fault.value) for fault in faults] == [
        (5, "valid_from", "2026-02-30")
    ]


def test_every_var_says_behind_it_what_it_may_be() -> None:
    """In words that the check understands: a var without them could be anything."""
    values = read_vars(PROJECT_DIR, [])
    assert values
    understood = (checks.NUMBER, checks.CHOICE, checks.NAMED)
    not_understood = {
        name: var.declared
        for name, var in values.items()
        if not any(pattern.fullmatch(var.declared) for pattern in understood)
        and var.declared not in checks.CHECKS
        and name not in ("sources", "raw_schemas")
    }
    assert not_understood == {}
    limits = [
        limit
        for var in values.values()
        if (found := checks.NUMBER.fullmatch(var.declared))
        for limit in (found["from"], found["to"], found["above"], found["up_to"])
        if limit and not re.fullmatch(r"-?\d+(\.\d+)?", limit)
    ]
    assert [limit for limit in limits if limit not in values] == []


def test_every_var_would_be_missed() -> None:
    """Names are found where they are read, in SQL and in Python."""
    needed, known = checks.names_of_vars(PROJECT_DIR)
    assert needed == known == {*(read_vars(PROJECT_DIR, []) or ())}


def test_every_reference_of_a_seed_is_looked_up() -> None:
    """dbt's tests may say more than the check reads; then it must learn it."""
    seeds = checks.read_seeds(PROJECT_DIR, [])
    text = "".join(path.read_text("utf-8") for path in (PROJECT_DIR / "seeds").rglob("*.yml"))
    assert text.count("relationships:") == sum(len(seed.references) for seed in seeds.values())
    assert text.count("where:") == sum(
        bool(none) for seed in seeds.values() for *_, none in seed.references
    )
    kinds = {kind for seed in seeds.values() for kind in seed.types.values()}
    assert kinds - {"varchar"} == {*checks.READ}


WRITTEN = ("PUBLISHED_DIR", "WAREHOUSE_PATH", "DAGSTER_HOME", "SPILL_DIR")
# Root has the right to write there, and cannot.
NOBODY_WRITES = Path("/proc/activation_gap")

# --- settings -------------------------------------------------------------------------------------


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "landing").mkdir()
    return {
        "LANDING_DIR": str(tmp_path / "landing"),
        "WAREHOUSE_PATH": str(tmp_path / "warehouse.duckdb"),
        "PUBLISHED_DIR": str(tmp_path / "published"),
    }


def text_file(folder: Path) -> Path:
    path = folder / "notes.txt"
    path.write_text("this is no database, and was never meant to be one\n")
    return path


def damaged_database(folder: Path) -> Path:
    """Its header says another format than its checksum."""
    path = folder / "damaged.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table t as select 1 as a")
    data = bytearray(path.read_bytes())
    data[12:20] = (9999).to_bytes(8, "little")
    path.write_bytes(bytes(data))
    return path


def circle(folder: Path) -> Path:
    (folder / "one").symlink_to(folder / "other")
    (folder / "other").symlink_to(folder / "one")
    return folder / "one"


def under_a_file(folder: Path) -> Path:
    return text_file(folder) / "warehouse.duckdb"


def in_published(folder: Path) -> Path:
    path = folder / "published/in"
    path.mkdir(parents=True)
    return path


@pytest.mark.parametrize(
    ("name", "make", "problem", "remedy"),
    [
        ("WAREHOUSE_PATH", text_file, "which is no DuckDB database", "Set WAREHOUSE_PATH to"),
        ("WAREHOUSE_PATH", damaged_database, "cannot open", "Set WAREHOUSE_PATH to"),
        ("WAREHOUSE_PATH", circle, "round in a circle", "another path"),
        ("WAREHOUSE_PATH", under_a_file, "which is a file", "Name a folder"),
        ("WAREHOUSE_PATH", lambda f: f / "landing/w.duckdb", "in LANDING_DIR", "elsewhere"),
        ("WAREHOUSE_PATH", lambda f: f / "published/w.duckdb", "in PUBLISHED_DIR", "elsewhere"),
        ("LANDING_DIR", circle, "round in a circle", "another path"),
        ("LANDING_DIR", text_file, "which is a file", "Name a folder"),
        ("LANDING_DIR", lambda f: f / "lost", "does not exist", "make it and put files there"),
        ("LANDING_DIR", in_published, "are in each other", "folder of its own"),
        ("PUBLISHED_DIR", lambda f: f / "landing", "are in each other", "folder of its own"),
        ("PUBLISHED_DIR", lambda f: f / "landing/out", "are in each other", "folder of its own"),
        ("PUBLISHED_DIR", under_a_file, "which is a file", "Name a folder"),
        ("DAGSTER_HOME", text_file, "which is a file", "Name a folder"),
        ("SPILL_DIR", under_a_file, "which is a file", "Name a folder"),
        *(
            (name, lambda _: NOBODY_WRITES, "no file can be made in /proc", "Name another")
            for name in WRITTEN
            if NOBODY_WRITES.parent.is_dir() and os.access("/proc", os.W_OK)
        ),
    ],
)
def test_a_path_that_cannot_be_used_is_told(
    tmp_path: Path,
    places: dict[str, str],
    name: str,
    make: Callable[[Path], Path],
    problem: str,
    remedy: str,
) -> None:
    with pytest.raises(CheckError) as refused:
        ready({**places, name: str(make(tmp_path))})
    said = str(refused.value).splitlines()
    assert len(said) == 1
    assert name in said[0]
    assert problem in said[0]
    assert remedy in said[0]


@pytest.mark.parametrize(
    ("name", "right"), [("LANDING_DIR", "read"), *((n, "written to") for n in WRITTEN)]
)
def test_a_folder_without_rights_is_told(
    tmp_path: Path,
    places: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    right: str,
) -> None:
    """Root may do everything, so the answer of the system is put in its place."""
    closed = tmp_path / "closed"
    closed.mkdir()
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, rights: path != closed and may(path, rights))
    path = closed if name == "LANDING_DIR" else closed / "x"
    with pytest.raises(CheckError, match=f"{name} is {path}, and {closed} cannot be {right}"):
        ready({**places, name: str(path)})


def test_settings_that_can_be_used_are_given_back(tmp_path: Path, places: dict[str, str]) -> None:
    assert ready(places).landing_dir == tmp_path / "landing"
    Path(places["WAREHOUSE_PATH"]).touch()  # DuckDB makes a database of it
    ready(places)
    with duckdb.connect(str(tmp_path / "here.duckdb")):  # of another command, told later
        ready({**places, "WAREHOUSE_PATH": str(tmp_path / "here.duckdb")})


def test_settings_and_rules_are_told_at_once(
    project: Path, places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "project", lambda _: project)
    change(project / VARS, put("keep_factor: 0.8", "keep_factor: 8"))
    change(project / FEEDS, put("account,3,", "account,three,"))
    wrong = {"START_DATE": "soon", "END_DATE": "2026-6-1", "CONFIRM": "all", "DAGSTER_HOME": ""}
    with pytest.raises(CheckError) as refused:
        ready({**places, **wrong, "PUBLISHED_DIR": places["LANDING_DIR"]})
    assert re.findall(r"^[A-Z_]{4,}|var \w+|freshness_days", str(refused.value), re.M) == [
        *("START_DATE", "END_DATE", "CONFIRM", "LANDING_DIR"),
        *("var keep_factor", "freshness_days"),
    ]


def test_a_lost_landing_folder_and_all_other_settings_are_told_at_once(
    tmp_path: Path, places: dict[str, str]
) -> None:
    """One path leads nowhere, so there are no settings as a whole; the rest is told even so."""
    wrong = {
        "LANDING_DIR": str(tmp_path / "lost"),
        "KEEP_VERSIONS": "0",
        "WAIT_UNTIL": "noon",
        "MEMORY_LIMIT": "much",
        "WAREHOUSE_PATH": str(text_file(tmp_path)),
        "PUBLISHED_DIR": str(circle(tmp_path)),
        "DAGSTER_HOME": str(text_file(tmp_path) / "home"),
        "SPILL_DIR": str(text_file(tmp_path) / "spill"),
    }
    with pytest.raises(CheckError) as refused:
        ready({**places, **wrong})
    said = str(refused.value).splitlines()
    assert sorted(line.split()[0] for line in said) == sorted(wrong)


def test_each_schema_that_cannot_be_meant_is_told(project: Path) -> None:
    change(
        project / VARS,
        put(
            "raw_schemas: {}",
            "raw_schemas: {hubspt: a, salesforce@main: b, marketo: raw_salesforce, zoho: {path: x},"
            " hubspot: 3, crm: c, crm@two: c}",
        ),
    )
    with pytest.raises(CheckError) as refused:
        check_rules(project)
    said = str(refused.value).splitlines()
    for line, words in zip(
        said,
        (
            "'hubspt' is neither a source nor a system",
            "'salesforce@main' names no other organisation",
            "'raw_salesforce' is a schema that this project fills itself",
            "{'path': 'x'} says no schema for zoho",
            "3 says no schema for hubspot",
            "'c' is the schema of crm and of crm@two",
        ),
        strict=True,
    ):
        assert line.startswith(f"{VARS}, line "), line
        assert words in line, line
    assert "(did you mean hubspot?)" in said[0]


def test_the_landing_folder_is_made_where_schemas_are_collected_into_it(
    project: Path, places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = {**places, "LANDING_DIR": places["LANDING_DIR"] + "/lost"}
    ready(lost, is_landing_needed=False)  # the demo makes it
    with pytest.raises(CheckError, match="does not exist"):
        ready(lost)
    monkeypatch.setattr(checks, "project", lambda _: project)
    change(project / VARS, put("raw_schemas: {}", "raw_schemas: {salesforce: crm}"))
    ready(lost)
    # Later a folder that is not there is a lost disk.
    published = Path(places["PUBLISHED_DIR"]) / PUBLISHED_FILE
    published.parent.mkdir(parents=True, exist_ok=True)
    published.touch()
    with pytest.raises(CheckError, match="does not exist"):
        ready(lost)


def test_it_takes_less_than_three_seconds_and_starts_neither_dbt_nor_dagster(
    places: dict[str, str],
) -> None:
    """The time of the processor, imports and all: what others do on the machine is not measured."""
    program = (
        "import json, sys, time\n"
        "import orchestration.commands.refresh as refresh\n"
        "code = refresh._main([])\n"
        "heavy = sorted({'dagster', 'dbt'} & {*sys.modules})\n"
        "print(json.dumps([code, time.process_time(), heavy]))\n"
    )
    environment = {**os.environ, **places, "END_DATE": "soon", "PYTHONPATH": str(PROJECT_DIR)}
    environment["PYTHONDONTWRITEBYTECODE"] = ""
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    code, seconds, heavy = json.loads(done.stdout)
    assert code == 1
    assert "END_DATE is 'soon'" in done.stderr
    assert heavy == []
    assert seconds < 3


FIT = "seeds/fit/fit_criteria.csv"


@pytest.mark.parametrize(
    ("row", "old", "new", "said"),
    [
        ("industry_served", "in,software|", "in,space travel|software|", "space travel,"),
        ("industry_not_served", "not_in,software|", "not_in,", "software,"),
        ("company_size", ",200,20000,", ",50,20000,", "50 to 20,000,"),
        ("size_not_served", ",200,20000,", ",200,10000,", "200 to 20,000,"),
    ],
)
def test_a_criterion_that_a_must_not_excludes_is_refused(
    project: Path, row: str, old: str, new: str, said: str
) -> None:
    def one_row(text: bytes) -> bytes:
        return b"\n".join(
            line.replace(old.encode(), new.encode())
            if line.startswith(f"{row},".encode())
            else line
            for line in text.split(b"\n")
        )

    change(project / FIT, one_row)
    with pytest.raises(CheckError, match=f"line [0-9]+.* counts for {said} which the must-not"):
        check_rules(project)


def test_a_must_not_may_allow_more_than_a_criterion_counts_for(project: Path) -> None:
    change(project / FIT, put("not_in,software|", "not_in,space travel|software|"))
    change(project / FIT, put("outside,,200,20000,", "outside,,100,,"))
    check_rules(project)
