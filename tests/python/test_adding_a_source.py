"""Plays docs/adding-a-source.md as it stands, and says that what the page promises comes of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from textwrap import dedent
from typing import Any

import duckdb
import pytest
from landed import lines
from runner import Place, program

from orchestration.rules.ruleset import project_vars
from orchestration.settings import PROJECT_DIR

PAGE = (PROJECT_DIR / "docs" / "adding-a-source.md").read_text(encoding="utf-8")
VAR = "dbt_project.yml"
NOT_COPIED = (".venv*", ".git", ".*_cache", ".dagster", "target", "data", "logs", "__pycache__")
START, END, NEXT = "2026-06-08", "2026-06-10", "2026-06-11"

LANDED = {
    "salesforce/account/1": """
        id,name,website,created_date,system_modstamp
        A1,Alder Works,alderworks.com,2026-01-01,2026-02-01
        A2,Birch Works,birchworks.com,2026-01-01,2026-02-01
        """,
    "salesforce/contact/1": """
        id,account_id,email,title,created_date,system_modstamp
        C1,A1,ada@alderworks.com,CTO,2026-01-01,2026-02-01
        """,
    # The first load, history: of somebody in the CRM, of one known by the domain alone, of nobody's
    # domain, without an address.
    "chat/conversation/8": """
        id,email,answered_by,began_at,updated_at
        v1,ada@alderworks.com,U1,2026-06-05T09:00:00Z,2026-06-05T09:10:00Z
        v2,Bo Berg <Bo+chat@birchworks.com>,U1,2026-06-06T09:00:00Z,2026-06-06T09:10:00Z
        v3,somebody@gmail.com,U1,2026-06-06T09:00:00Z,2026-06-06T09:10:00Z
        v4,,U1,2026-06-06T09:00:00Z,2026-06-06T09:10:00Z
        """,
    # One again, and two new ones.
    "chat/conversation/9": """
        id,email,answered_by,began_at,updated_at
        v1,ada@alderworks.com,U1,2026-06-05T09:00:00Z,2026-06-05T09:10:00Z
        v5,ada@alderworks.com,U1,2026-06-09T09:00:00Z,2026-06-09T09:10:00Z
        v6,cy@alderworks.com,U1,2026-06-09T09:00:00Z,2026-06-09T09:10:00Z
        """,
    # One that the copying tool says is gone, and one that comes late.
    "chat/conversation/10": """
        id,email,answered_by,_deleted,began_at,updated_at
        v5,ada@alderworks.com,U1,true,2026-06-09T09:00:00Z,2026-06-09T09:10:00Z
        v7,dee@birchworks.com,U1,,2026-06-08T12:00:00Z,2026-06-08T12:10:00Z
        """,
    "intent@trendwatch/topic_scores/8": """
        provider,domain,topic,score,report_date
        trendwatch,birchworks.com,joinery,50,6/7/2026
        """,
}
# Delivered after their day was published.
LANDED_LATER = {
    "chat/conversation/9/late": """
        id,email,answered_by,began_at,updated_at
        v8,dee@birchworks.com,U1,2026-06-09T12:00:00Z,2026-06-09T12:10:00Z
        """,
}


# --- the page -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A fenced block of the page, and the file that the text before it names last."""

    path: str
    text: str


def blocks() -> list[Block]:
    found, read_until = [], 0
    for match in re.finditer(r"^( *)```\w*\n(.*?)^ *```$", PAGE, re.DOTALL | re.MULTILINE):
        named = re.findall(
            r"`(dbt_project\.yml|\w+/[\w/]+\.(?:yml|sql|csv))`", PAGE[read_until : match.start()]
        )
        text = re.sub(rf"^{match[1]}", "", match[2], flags=re.MULTILINE)
        found.append(Block(named[-1], text))
        read_until = match.end()
    return found


def write(project: Path, block: Block) -> None:
    """A new file, rows for one that is there, or lines at the end of the var `sources`."""
    path = project / block.path
    if block.path == VAR:
        before = path.read_text(encoding="utf-8")
        (held,) = re.findall(r"^  sources:.*\n(?:    .*\n)+", before, flags=re.MULTILINE)
        path.write_text(before.replace(held, held + block.text), encoding="utf-8")
    elif path.exists():
        header = path.read_text(encoding="utf-8").partition("\n")[0]
        with path.open("a", encoding="utf-8") as file:
            file.write(block.text.removeprefix(f"{header}\n"))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")


def take_out(project: Path, block: Block) -> None:
    path = project / block.path
    before = path.read_text(encoding="utf-8")
    assert before.count(block.text) == 1
    path.write_text(before.replace(block.text, ""), encoding="utf-8")


# --- the run --------------------------------------------------------------------------------------


def land(landing: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        source, table, day, *rest = name.split("/")
        path = (
            landing / source / table / f"loaded_date=2026-06-{day:0>2}" / f"{'-'.join(rest)}a.csv"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lines(*dedent(content).strip().splitlines()), encoding="utf-8")
        os.utime(path, (0, 0))  # nothing is being written any more


def refresh(project: Path, place: Place, start: str, end: str) -> str:
    """`make refresh` in a copy of the project; gives what it prints."""
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        **place.settings.as_environment(),
        "DAGSTER_HOME": str(place.folder / "dagster"),
        "START_DATE": start,
        "END_DATE": end,
    }
    command = [sys.executable, "-m", "orchestration.commands.refresh"]
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return " ".join(done.stdout.split())


def contents(project: Path) -> dict[str, str]:
    """Hashes of a project's files, by path; without what a run writes."""
    return {
        str(path.relative_to(project)): sha256(path.read_bytes()).hexdigest()
        for path in project.rglob("*")
        if path.is_file()
        and not any(Path(part).match(name) for part in path.parts for name in NOT_COPIED)
    }


@dataclass(frozen=True)
class Played:
    """What came of the page; and a day later, with its line in `sources` out again."""

    touched: set[str]
    printed: str
    after: Place
    printed_without: str
    without: Place


def rows(place: Place, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(place.warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("adding")
    project, place = folder / "project", Place(folder / "place", folder / "landing")
    shutil.copytree(PROJECT_DIR, project, ignore=shutil.ignore_patterns(*NOT_COPIED))
    before = contents(project)
    for block in blocks():
        write(project, block)
    land(place.landing, LANDED)
    printed = refresh(project, place, START, END)
    after = contents(project)
    touched = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    kept = place.copy(folder / "after")
    take_out(project, blocks()[-1])
    land(place.landing, LANDED_LATER)
    return Played(touched, printed, kept, refresh(project, place, NEXT, NEXT), place)


def test_only_the_files_that_the_page_names_are_touched(played: Played) -> None:
    assert played.touched == {
        "models/staging/chat/_chat__sources.yml",
        "models/staging/chat/stg_chat__visitors.sql",
        "models/staging/chat/stg_chat__conversations.sql",
        "seeds/landing/feeds.csv",
        "seeds/signals/crm_activity_types.csv",
        "seeds/signals/intent_providers.csv",
        VAR,
    }
    assert "does not name" not in played.printed


def test_conversations_are_acts_of_the_persons_account(played: Played) -> None:
    """Also of somebody whom the CRM does not know, by the domain; a copy counts once."""
    acts = rows(
        played.after,
        "select known_date::varchar, identity, activity_type, owner_id, sum(quantity)::int"
        " from intermediate.int_activity_daily where feed = 'chat.conversation'"
        " group by all having sum(quantity) != 0 order by all",
    )
    assert acts == [
        ("2026-06-05", "chat:ada@alderworks.com", "reply_message", "U1", 1),
        ("2026-06-06", "chat:bo@birchworks.com", "reply_message", "U1", 1),
        ("2026-06-06", "chat:somebody@gmail.com", "reply_message", "U1", 1),
        ("2026-06-09", "chat:ada@alderworks.com", "reply_message", "U1", 1),
        ("2026-06-09", "chat:cy@alderworks.com", "reply_message", "U1", 1),
        ("2026-06-10", "chat:ada@alderworks.com", "reply_message", "U1", -1),
        ("2026-06-10", "chat:dee@birchworks.com", "reply_message", "U1", 1),
    ]
    assert rows(
        played.after,
        "select account_name, touch_date::varchar, touches::int from marts_detail.account_touches"
        " where activity_type = 'reply_message' order by all",
    ) == [
        ("Alder Works", "2026-06-05", 1),
        ("Alder Works", "2026-06-09", 1),
        ("Birch Works", "2026-06-06", 1),
        ("Birch Works", "2026-06-08", 1),
    ]
    # Six points each, twice of a CTO and half of who has no title; half is left after ten days. So
    # Ada of the chat is Ada of the CRM.
    assert rows(
        played.after,
        "select account_name, round(points, 4) from marts.account_signal_contributions"
        " where source = 'chat.conversation' order by 1",
    ) == [("Alder Works", 11.2844), ("Birch Works", 4.8852)]


def test_every_row_is_told_once(played: Played) -> None:
    audit = rows(
        played.after,
        "select reason, sum(row_count)::int from marts_detail.load_audit where source = 'chat'"
        " group by 1 order by 1",
    )
    assert audit == [
        ("account unknown", 1),
        ("no account", 1),
        ("record merged or deleted", 1),
        ("repeats an earlier row", 1),
        ("superseded by a later version", 1),
        ("used", 4),
    ]
    assert rows(
        played.after,
        "select is_stale, delivered, accepted, duplicate, features_off"
        " from marts.data_health where source = 'chat'",
    ) == [(False, 9, 8, 1, None)]


def test_another_intent_provider_is_one_row(played: Played) -> None:
    """Its score reads as the row says: its 50 surges, which is 60 on our scale."""
    assert rows(
        played.after,
        "select provider, topic, score from intermediate.int_intent_scores"
        " where feed = 'intent@trendwatch.topic_scores'",
    ) == [("trendwatch", "joinery", 60.0)]


def test_without_its_line_in_sources_nothing_of_it_counts(played: Played) -> None:
    place = played.without
    assert "the var sources (dbt_project.yml) does not name stg_chat__conversations" in (
        played.printed_without
    )
    acts = "from intermediate.int_activity_daily where feed = 'chat.conversation'"
    assert rows(place, f"select count(*) {acts}") == [(0,)]
    assert rows(
        place,
        "select late_files, features_off from marts.data_health where source = 'chat'",
    ) == [
        (
            1,
            "the var sources (dbt_project.yml) does not name stg_chat__conversations,"
            " stg_chat__visitors",
        )
    ]


# --- what the page says of kinds ------------------------------------------------------------------


def kinds() -> dict[str, set[str]]:
    """The columns of each kind, as the page has them."""
    found = re.findall(r"^\| `(\w+)` \| .* \| (`.*) \|$", PAGE, flags=re.MULTILINE)
    return {kind: set(re.findall(r"`(\w+)`", columns)) for kind, columns in found}


def of_every_row() -> set[str]:
    """The columns that say where a row is from, of any kind."""
    (sentence,) = re.findall(r"says where it is from: ([^.]*),", PAGE)
    return set(re.findall(r"`(\w+)`", sentence))


def columns_read() -> dict[frozenset[str], set[str]]:
    """By staging models that some model puts side by side, the columns that it reads of them."""
    found: dict[frozenset[str], set[str]] = {}
    for model in program().by_name.values():
        alike: dict[str, set[str]] = {}
        for columns, name in re.findall(
            r"\bselect\s+((?:[\w']+(?: as \w+)?,\s+)*[\w']+)\s+from \S*?(stg_\w+)",
            " ".join(model.fresh),
        ):
            plain = re.sub(r"'\w+' as model, |\d+ as source_rank, |false, | as id\b", "", columns)
            alike.setdefault(plain, set()).add(name)
        for columns, names in alike.items():
            found.setdefault(frozenset(names), set()).update(re.findall(r"\w+", columns))
    return found


def test_the_page_names_the_columns_of_each_kind(template: Place) -> None:
    """All that are read of a kind, and no others."""
    sources = project_vars(PROJECT_DIR)["sources"]
    assert set(kinds()) == {kind for brought in sources.values() for kind in brought}
    read = columns_read()
    for kind, columns in kinds().items():
        models = frozenset(
            f"stg_{source}__{table}"
            for source, brought in sources.items()
            for table in brought.get(kind, [])
        )
        assert columns == read[models] - of_every_row(), kind
