"""Whatever lands, no file ends a run or costs another file a row, and every line is counted."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from landed import END, Landed

from orchestration import landing
from orchestration.assets.triggers import landing_fingerprint
from orchestration.contract import Column, Contract, Table, load_contract
from orchestration.landing import IngestReport
from orchestration.settings import PROJECT_DIR, Settings

PAGE = Table(
    source="shop",
    name="orders",
    columns=(
        Column("order_id", "text", is_required=True),
        Column("buyer", "text"),
        Column("total", "double", between=(0, 1e6)),
        Column("items", "integer"),
        Column("ordered_on", "date", is_required=True),
        Column("ends_on", "date", is_open_end=True),
        Column("changed_at", "timestamp", is_required=True),
    ),
    key=("order_id",),
    version=("changed_at",),
    ordered=(("ordered_on", "ends_on"),),
)
CLUB = Table(
    source="club",
    name="members",
    columns=(Column("id", "text", is_required=True), Column("name", "text")),
    key=("id",),
)
ONE = Contract({("shop", "orders"): PAGE, ("club", "members"): CLUB})
HEADER = "order_id,buyer,total,items,ordered_on,ends_on,changed_at"
STAMP = "2026-05-04T10:00:00Z"


def order(number: int, total: str = "9.5", ends_on: str = "") -> str:
    return f'{number},"Ann, {number}",{total},{number % 7},2026-05-01,{ends_on},{STAMP}'


def text(*rows: str) -> str:
    return "".join(f"{row}\n" for row in (HEADER, *rows))


@pytest.fixture
def landed(tmp_path: Path) -> Landed:
    made = Landed(tmp_path / "landing", ONE)
    made.put("club/members/loaded_date=2026-06-01/members.csv", "id,name\n1,Cy\n2,Di\n")
    return made


def told(report: IngestReport, *parts: str) -> bool:
    return any(all(part in problem for part in parts) for problem in report.problems)


def files(landed: Landed, where: str = "true") -> dict[str, tuple[str, int, int]]:
    """Status, delivered and quarantined of each file."""
    return {
        file.rsplit("/", 1)[-1]: (status, delivered, quarantined)
        for file, status, delivered, quarantined in landed.rows(
            "select file, status, delivered, quarantined from raw_landing.files"
            f" where {where} order by file"
        )
    }


def reasons(landed: Landed) -> list[str]:
    return [row[0] for row in landed.rows("select reason from raw_landing.quarantine order by 1")]


# --- files that nobody meant ----------------------------------------------------------------------


def spoilt_parquet(draw: random.Random, folder: Path) -> Iterator[tuple[str, bytes]]:
    """66 ways to damage a parquet file: cut, flipped, swapped, filled, with odd names and types."""
    columns = {
        "order_id": [str(number) for number in range(40)],
        "buyer": [f"buyer {number}" * draw.randint(1, 9) for number in range(40)],
        "total": [float(number) for number in range(40)],
        "ordered_on": [date(2026, 5, 1)] * 40,
        "changed_at": [datetime(2026, 5, 4)] * 40,
    }
    path = folder / "whole.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=10)
    whole = path.read_bytes()
    for place in range(50):
        spoilt = bytearray(whole)
        first = draw.randrange(len(whole))
        way = place % 5
        if way == 0:
            del spoilt[first:]
        elif way == 1:
            for _ in range(draw.randint(1, 40)):
                spoilt[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        elif way == 2:
            spoilt[first : first + 50] = bytes(draw.randrange(256) for _ in range(50))
        elif way == 3:
            spoilt[first : first + draw.randint(1, 300)] = b""
        else:  # the footer, where all else is described
            last = len(whole) - draw.randint(9, 400)
            spoilt[last : last + 4] = bytes(draw.randrange(256) for _ in range(4))
        yield f"spoilt {place}", bytes(spoilt)
    odd: list[pa.Table | bytes] = [b"PAR1", b"PAR1PAR1", b"\x00" * 400, b"PK\x03\x04" * 90]
    odd += [pa.table(columns).select([]), pa.table({"a\x00b": [1]}), pa.table({"": [1]})]
    odd += [pa.table({"vertrag": [1, 2]}), pa.table(columns).rename_columns(list("abcde"))]
    odd += [pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["order_id", "order_id"])]
    odd += [pa.table({**columns, "total": [value] * 40}) for value in (float("inf"), 1e308)]
    odd += [pa.table({**columns, "order_id": [[1, 2]] * 40, "extra": [{"a": None}] * 40})]
    odd += [pa.table({**columns, "ordered_on": [date(1, 1, 1)] * 40}), pa.table({"order_id": []})]
    odd += [pa.table({**columns, "order_id": pa.array([b"\xff\xfe"] * 40, pa.binary())})]
    for place, made in enumerate(odd):
        if isinstance(made, pa.Table):
            pq.write_table(made, path)
            made = path.read_bytes()
        yield f"odd {place}", made


def test_no_damaged_parquet_file_costs_anything_else(landed: Landed, tmp_path: Path) -> None:
    put = list(spoilt_parquet(random.Random(31), tmp_path))
    assert len(put) == 66
    for name, content in put:
        landed.put(f"shop/orders/loaded_date=2026-06-02/{name}.parquet", content)
    landed.put("shop/orders/loaded_date=2026-06-03/good.csv", text(order(901), order(902)))
    report = landed.ingest()
    taken = files(landed)
    assert taken["good.csv"] == ("loaded", 2, 0)
    assert len(taken) == 68
    assert not files(landed, "status = 'pending'")
    unreadable = files(landed, "status = 'unreadable'")
    assert len(unreadable) > 20
    assert not landed.rows("select 1 from raw_landing.files where delivered > 40")
    # Each is told again, and tried again, as long as it is there.
    again = landed.ingest()
    assert again.load_id is None
    assert sum("cannot be read" in problem for problem in report.problems) == sum(
        "cannot be read" in problem for problem in again.problems
    )
    for name in unreadable:
        (landed.folder / "shop/orders/loaded_date=2026-06-02" / name).unlink()
    assert not told(landed.ingest(), "cannot be read")


def spoil(draw: random.Random, lines: list[bytes]) -> bytes:
    """Damages a text file in one to three places."""
    lines = list(lines)
    content = b""
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(len(lines))
        line = lines[place]
        at = draw.randrange(len(line) + 1)
        bits = [b'"', b"\xff", b"\x00", b"\r", b",", b"\n", b"\xef\xbb\xbf", b"{", b"\\", b"'"]
        way = draw.randrange(7)
        if way < 3:
            lines[place] = line[:at] + draw.choice(bits) + line[at:]
        elif way == 3:
            lines[place] = line[:at]
        elif way == 4:
            lines[place:place] = [draw.choice([b"", b"Report", b'"', b"{}", b"total;12", b"sep=,"])]
        elif way == 5:
            lines[place] = bytes(draw.randrange(256) for _ in range(draw.randint(1, 30)))
        else:
            del lines[place + draw.randrange(3) :]
        lines = lines or [b""]
    ends = draw.choice([b"\n", b"\n", b"\r\n", b"\r"])
    content = ends.join(lines)
    return content if draw.randrange(3) else content + ends


def test_no_damaged_text_file_costs_anything_else(landed: Landed) -> None:
    draw = random.Random(32)
    rows = [HEADER, *(order(number) for number in range(12))]
    objects = [
        json.dumps({"order_id": str(n), "ordered_on": "2026-05-01", "changed_at": STAMP, "b": n})
        for n in range(12)
    ]
    put: dict[str, bytes] = {}
    for number in range(200):
        kind, lines = ("csv", rows) if number % 2 else ("jsonl", objects)
        put[f"{number}.{kind}"] = spoil(draw, [line.encode() for line in lines])
    for name, content in put.items():
        landed.put(f"shop/orders/loaded_date=2026-06-02/{name}", content)
    landed.put("shop/orders/loaded_date=2026-06-03/good.csv", text(order(901), order(902)))
    landed.ingest()
    taken = files(landed)
    assert taken["good.csv"] == ("loaded", 2, 0)
    assert len(taken) == 202
    assert not files(landed, "status = 'pending'")
    for name, content in put.items():
        status, delivered, _ = taken[name]
        lines = [line for line in content.replace(b"\r", b"\n").split(b"\n") if line.strip()]
        if status == "unreadable" or not lines:
            continue
        if name.endswith(".jsonl"):
            assert delivered == len(lines), (name, content)
        elif b'"' not in content.replace(b'"Ann, ', b"").replace(b'",', b""):
            # But for the header and what stands above it, each line is a row of some fate.
            assert len(lines) - 1 - 3 <= delivered <= len(lines) - 1, (name, content)


HARMLESS = {
    "a lone carriage return before the header": "\r" + text(order(1), order(2)),
    "a quote in the header": '"' + text(order(1), order(2)),
    "a line of Excel": "sep=;\n"
    + text(order(1), order(2)).replace('"Ann, ', '"Ann ').replace(",", ";"),
    "lines of a report": 'Orders of "May\nDate,2026-05-31\n\n' + text(order(1), order(2)),
}


@pytest.mark.parametrize("content", HARMLESS.values(), ids=HARMLESS)
def test_what_can_be_read_with_certainty_is_read(landed: Landed, content: str) -> None:
    landed.put("shop/orders/a.csv", content)
    report = landed.ingest()
    assert landed.rows("select order_id, total from raw_shop.orders order by 1") == [
        ("1", 9.5),
        ("2", 9.5),
    ]
    if content.startswith("Orders"):
        assert told(report, "its header is line 4; what stands above it is not read")


NO_TABLE = {
    "<!DOCTYPE html>\n<html><body>502</body></html>\n": "a web page and no table",
    '{"error":"rate limit"}': 'it begins with {"error":"rate limit"}',
    "Report run\n": 'the contract knows none of its columns: "Report run"',
}


@pytest.mark.parametrize("content", NO_TABLE)
def test_what_is_no_table_is_named(landed: Landed, content: str) -> None:
    landed.put("shop/orders/a.csv", content)
    report = landed.ingest()
    assert told(report, "shop/orders/a.csv: cannot be read", NO_TABLE[content])
    assert files(landed)["members.csv"] == ("loaded", 2, 0)


def test_rows_of_unknown_columns_are_rows_in_quarantine(landed: Landed) -> None:
    landed.put("shop/orders/loaded_date=2026-06-02/a.csv", "Auftrag,Kunde\n1,x\n2,y\n")
    landed.put("shop/orders/loaded_date=2026-06-02/b.jsonl", '{"_raw":{"order_id":"7"}}\n{}\n')
    landed.put("shop/orders/loaded_date=2026-06-02/c.jsonl", '{"a\\u0000b":1}\n')
    landed.parquet("shop/orders/loaded_date=2026-06-02/d.parquet", {"auftrag": [1, 2, 3]})
    report = landed.ingest()
    assert list(files(landed, "source = 'shop'").values()) == [
        ("loaded", 2, 2),
        ("loaded", 2, 2),
        ("loaded", 1, 1),
        ("loaded", 3, 3),
    ]
    why = "the contract knows none of its columns; required column order_id is missing"
    assert told(report, "a.csv", why)
    assert "a name holds a NUL character" in reasons(landed)
    # They are told as long as they are there.
    assert told(landed.ingest(), "a.csv and 3 more files: all rows are still in quarantine")


def test_a_bad_byte_or_an_open_quote_costs_its_own_line(landed: Landed) -> None:
    objects = [
        json.dumps({"order_id": str(n), "ordered_on": "2026-05-01", "changed_at": STAMP}).encode()
        for n in range(1000)
    ]
    objects[400] = objects[400].replace(b"400", b"4\xff0")
    landed.put("shop/orders/a.jsonl", b"\n".join(objects))
    rows = [order(2001), order(2002).replace('",', ",", 1), order(2003), order(2004)]
    rows[3] = rows[3].replace("Ann, ", "Ann\nthe second, ")
    landed.put("shop/orders/b.csv", text(*rows))
    landed.ingest()
    assert files(landed, "source = 'shop'") == {
        "a.jsonl": ("loaded", 1000, 1),
        "b.csv": ("loaded", 4, 1),
    }
    assert reasons(landed)[0] == 'not a csv row: a quote (") is not closed'
    assert landed.rows("select buyer from raw_shop.orders where order_id = '2004'") == [
        ("Ann\nthe second, 2004",)
    ]


def test_names_of_json_lines_meet_row_by_row(landed: Landed) -> None:
    lines = [
        {"order_id": "1", "ordered_on": "2026-05-01", "changed_at": STAMP, "buyer": "A"},
        {"OrderId": "2", "OrderedOn": "2026-05-01", "Changed At": STAMP, "Buyer": "B"},
        {
            "ORDER_ID": "3",
            "ordered_on": "2026-05-01",
            "changed_at": STAMP,
            "buyer": "C",
            "Buyer": "D",
        },
        {"ordered_on": "2026-05-01", "changed_at": STAMP},
    ]
    landed.put("shop/orders/a.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    landed.ingest()
    assert landed.rows("select order_id, buyer, _extra from raw_shop.orders order by 1") == [
        ("1", "A", None),
        ("2", "B", None),
        ("3", "C", '{"Buyer":"D"}'),
    ]
    assert reasons(landed) == ["order_id is required and empty"]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_file_of_thousands_of_columns_takes_seconds(landed: Landed, kind: str) -> None:
    first = {"order_id": "1", "ordered_on": "2026-05-01", "changed_at": STAMP}
    count = 1000 if kind == "parquet" else 5000  # of which even writing the file takes its time
    wide = {f"field {number:04}": "" if number % 3 else f"v{number}" for number in range(count)}
    row = first | wide
    if kind == "parquet":
        landed.parquet("shop/orders/a.parquet", {name: [value] for name, value in row.items()})
    else:
        content = (
            json.dumps(row) if kind == "jsonl" else ",".join(row) + "\n" + ",".join(row.values())
        )
        landed.put(f"shop/orders/a.{kind}", content + "\n")
    started = time.process_time()
    landed.ingest()
    assert time.process_time() - started < 10
    [(extra,)] = landed.rows("select _extra from raw_shop.orders")
    assert json.loads(extra) == {name: value for name, value in wide.items() if value}


# --- names and folders ----------------------------------------------------------------------------


def test_odd_names_and_folders_are_named_and_cost_nothing(
    landed: Landed, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(33)
    orders = landed.folder / "shop/orders"
    landed.put("shop/orders/good.csv", text(order(1)))
    bad_name = b"bad\xff" + bytes(draw.sample(range(128, 256), 3)) + b".csv"
    Path(os.fsdecode(os.fsencode(orders) + b"/" + bad_name)).write_bytes(text(order(2)).encode())
    (orders / "loop").symlink_to(orders / "loop")
    (orders / "up").symlink_to(landed.folder / "shop")
    (orders / "gone.csv").symlink_to(orders / "nowhere.csv")
    (landed.folder / "circle").symlink_to(landed.folder / "circle")
    (orders / "closed").mkdir()
    for name in ("naïve [1]*.csv", "a'b\n.csv", "x" * 200 + ".csv"):
        landed.put(f"shop/orders/{name}", text(order(draw.randint(10, 10_000))))
    scandir = os.scandir

    def refuse(folder: Path) -> os.PathLike[str]:
        if str(folder).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)  # type: ignore[return-value]

    monkeypatch.setattr(os, "scandir", refuse)
    report = landed.ingest()
    for parts in (
        ("shop/orders/bad\\xff", "not UTF-8"),
        ("shop/orders/loop", "broken link"),
        ("shop/orders/gone.csv", "broken link"),
        ("shop/orders/up/orders", "is a link to a folder above it"),
        ("shop/orders/closed", "Permission denied"),
        ("circle is no folder",),
    ):
        assert told(report, *parts), (parts, report.problems)
    assert report.tables["shop", "orders"].accepted == 4


DAYS = {
    "loaded_date=0001-01-01": "no delivery is of 0001-01-01",
    "loaded_date=1970-01-01": "no delivery is of 1970-01-01",
    "loaded_date=2199-06-01": "no delivery is of 2199-06-01",
    "loaded_date=20260601": "the folder's date is not like",
    "loaded-date=2026-06-01": "the folder's date is not like",
    "loaded_date=2026-06-01/loaded_date=2026-06-02": "its folders name 2 days",
}


@pytest.mark.parametrize("folder", DAYS)
def test_a_day_that_cannot_be_is_no_first_load(landed: Landed, folder: str) -> None:
    landed.put(f"shop/orders/{folder}/a.csv", text(order(1)))
    landed.put("shop/orders/Loaded_Date=2026-06-03/b.csv", text(order(2)))
    report = landed.ingest()
    assert told(report, f"shop/orders/{folder}/a.csv", DAYS[folder], "ignored")
    assert landed.rows("select order_id, _delivery_day, _is_first_load from raw_shop.orders") == [
        ("2", date(2026, 6, 3), True)
    ]
    assert landing.last_complete_day(
        landed.folder, landed.warehouse, datetime(2026, 6, 30, 13), ONE, cutoff_hours=12
    ) == date(2026, 6, 3)


@pytest.mark.parametrize("name", ["shop@main", "shop@", "shop@Main", "shop@a b", "shop@x:y"])
def test_a_folder_that_names_no_organisation_is_told(landed: Landed, name: str) -> None:
    landed.put(f"{name}/orders/a.csv", text(order(1)))
    assert told(landed.ingest(), f"{name} names no other organisation and is ignored")
    assert files(landed, "source = 'shop'") == {}


# --- again ----------------------------------------------------------------------------------------


def test_a_mended_file_counts_from_a_day_that_is_open(landed: Landed) -> None:
    landed.put("shop/orders/loaded_date=2026-06-01/a.csv", text(order(1)))
    path = landed.put("shop/orders/loaded_date=2026-06-05/b.parquet", b"half a file")
    landed.put("shop/orders/loaded_date=2026-06-05/c.csv.gz", text(order(3)))
    gone = landed.folder / "shop/orders/loaded_date=2026-06-05/c.csv.gz"
    whole = gone.read_bytes()
    gone.write_bytes(whole[:-9])
    assert told(landed.ingest(), "b.parquet: cannot be read")
    landed.warehouse.execute(
        "create table raw_landing.plans as"
        " select date '2026-06-04' as end_date, now() as published_at"
    )
    gone.write_bytes(whole)
    landed.ingest()
    assert landed.rows("select _delivery_day from raw_shop.orders where order_id = '3'") == [
        (date(2026, 6, 5),)
    ]
    landed.warehouse.execute("insert into raw_landing.plans values (date '2026-06-20', now())")
    path.unlink()
    assert not told(landed.ingest(), "b.parquet")
    landed.parquet(
        "shop/orders/loaded_date=2026-06-05/b.parquet",
        {"order_id": ["2"], "ordered_on": ["2026-05-01"], "changed_at": [STAMP]},
    )
    assert not told(landed.ingest(), "b.parquet", "cannot be read")
    assert landed.rows(
        "select delivery_day, is_late, status from raw_landing.files where file like '%b.parquet'"
    ) == [(date(2026, 6, 21), True, "loaded")]
    assert landed.rows("select _delivery_day from raw_shop.orders where order_id = '2'") == [
        (date(2026, 6, 21),)
    ]


def test_a_file_that_vanishes_while_it_is_read_is_taken_when_it_is_back(
    landed: Landed, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = landed.put("shop/orders/a.csv", text(order(1)))
    landed.put("shop/orders/b.csv", text(order(2)))
    stage = landing.stage

    def stage_without(*arguments: object) -> object:
        path.unlink(missing_ok=True)
        return stage(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(landing, "stage", stage_without)
    assert told(landed.ingest(), "shop/orders/a.csv", "will be tried again")
    monkeypatch.undo()
    landed.put("shop/orders/a.csv", text(order(1)))
    landed.ingest()
    assert files(landed, "source = 'shop'") == {
        "a.csv": ("loaded", 1, 0),
        "b.csv": ("loaded", 1, 0),
    }


def test_content_says_whether_a_file_is_the_one_that_was_taken(landed: Landed) -> None:
    path = landed.put("shop/orders/a.csv", text(order(1)))
    landed.ingest()
    os.utime(path, ns=(path.stat().st_mtime_ns + 10**9,) * 2)
    assert not told(landed.ingest(), "changed after it was taken")
    landed.put("shop/orders/a.csv", text(order(2)))
    assert told(landed.ingest(), "shop/orders/a.csv changed after it was taken (other content of")


@pytest.mark.parametrize("moves", [True, False])
def test_a_file_that_still_grows_waits(
    landed: Landed, monkeypatch: pytest.MonkeyPatch, moves: bool
) -> None:
    path = landed.put("shop/orders/a.csv", text(order(1)))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if moves and len(slept) == 1:
            path.write_text(text(order(1), order(2)))

    monkeypatch.setattr("orchestration.landing.time.sleep", sleep)
    moment = datetime.fromtimestamp(path.stat().st_mtime).astimezone() + timedelta(seconds=2)
    report = landed.ingest(now=moment, settle_seconds=5)
    assert 0 < slept[0] < 4
    assert told(report, "shop/orders/a.csv is still being written") == moves
    assert not told(report, "delivered after")
    landed.ingest(end=moment.date(), now=moment + timedelta(minutes=5), settle_seconds=5)
    assert files(landed, "source = 'shop'") == {"a.csv": ("loaded", 2 if moves else 1, 0)}


def test_a_file_that_is_written_while_it_is_read_waits(
    landed: Landed, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = landed.put("shop/orders/a.csv", text(order(1)))
    stage: Callable[..., object] = landing.stage

    def stage_and_write(*arguments: object) -> object:
        outcome = stage(*arguments)
        path.write_text(text(order(1), order(2)))
        return outcome

    monkeypatch.setattr(landing, "stage", stage_and_write)
    assert told(landed.ingest(), "shop/orders/a.csv", "still being written")
    monkeypatch.undo()
    landed.ingest()
    assert files(landed, "source = 'shop'") == {"a.csv": ("loaded", 2, 0)}


# --- values ---------------------------------------------------------------------------------------


def test_values_outside_all_limits_are_put_aside(landed: Landed) -> None:
    never = f"7,x,1,1,2026-05-01,9999-12-31,{STAMP}"
    rows = [
        order(1, total="-1"),
        order(2, total="1e308"),
        f"3,x,1,9223372036854775807,2026-05-01,,{STAMP}",
        f"4,x,1,1,0026-05-01,,{STAMP}",
        f"5,x,1,1,2126-05-01,,{STAMP}",
        order(6, ends_on="2026-04-01"),
        never,
        "8,x,1,1,2026-05-01,,9999-01-01T00:00:00Z",
        "9,x,1,1,2026-05-01,,2030-01-01T00:00:00Z",
        order(10, total="99999999999999999"),
    ]
    landed.put("shop/orders/loaded_date=2026-06-02/a.csv", text(*rows))
    landed.ingest()
    assert landed.rows("select order_id, ends_on from raw_shop.orders") == [("7", None)]
    assert [
        row[0]
        for row in landed.rows("select reason from raw_landing.quarantine order by row_number")
    ] == [
        'total "-1" is not between 0 and 1,000,000',
        'total "1e308" is not between 0 and 1,000,000',
        'items "9223372036854775807" is not between -10,000,000,000,000 and 10,000,000,000,000',
        'ordered_on "0026-05-01" is not between 1900-01-01 and 2099-12-31',
        'ordered_on "2126-05-01" is not between 1900-01-01 and 2099-12-31',
        "ordered_on is after ends_on",
        'changed_at "9999-01-01T00:00:00Z" is not between 1900-01-01 and 2099-12-31;'
        ' changed_at "9999-01-01T00:00:00Z" is more than a year after the delivery',
        'changed_at "2030-01-01T00:00:00Z" is more than a year after the delivery',
        'total "99999999999999999" is not between 0 and 1,000,000',
    ]


def test_no_head_count_revenue_or_spend_of_any_source_is_negative() -> None:
    words = ("employees", "revenue", "spend", "arr_", "cost", "clicks", "impressions", "people")
    columns = [
        (table.label, column)
        for table in load_contract(PROJECT_DIR / "models").tables.values()
        for column in table.columns
        if column.data_type in ("integer", "double") and any(word in column.name for word in words)
    ]
    assert len(columns) > 10
    assert [(label, column.name) for label, column in columns if column.limits[0] != 0] == []


MONEY = {
    "$22,700.00": 22700,
    "$1,117.10K": 1117100,
    "(1,200.00)": -1200,
    "($1.5M)": -1500000,
    "1.2M": 1200000,
    "€ 3,000": 3000,
    "£4.50": 4.5,
    "-$5": -5,
    "$-5": -5,
    "USD 1,000": 1000,
    "1,000 EUR": 1000,
    "2.5bn": 2500000000,
    "45%": 45,
    "1,234.5": 1234.5,
    "1e3": 1000,
    " 7 ": 7,
    "\u22128": -8,
    "12,34": None,
    "about 10": None,
    "$": None,
    "(5": None,
    "1.2.3": None,
    "5 XYZ": None,
    "--5": None,
}


def test_money_is_read_as_people_write_it(tmp_path: Path) -> None:
    table = Table(
        source="sales",
        name="deals",
        columns=(
            Column("id", "text", is_required=True),
            Column("amount", "double"),
            Column("seats", "integer"),
        ),
        key=("id",),
        number_style="us",
    )
    landed = Landed(tmp_path / "landing", Contract({("sales", "deals"): table}))
    rows = "".join(f'{number},"{written}",\n' for number, written in enumerate(MONEY))
    landed.put("sales/deals/a.csv", f'id,amount,seats\n{rows}x,,"1,200"\ny,,1.2K\nz,,1.25\n')
    landed.ingest(end=END)
    read = dict(landed.rows("select id, amount from raw_sales.deals where id not in ('x', 'y')"))
    assert read == {
        str(number): value for number, value in enumerate(MONEY.values()) if value is not None
    }
    assert landed.rows("select id, seats from raw_sales.deals where seats is not null") == [
        ("x", 1200),
        ("y", 1200),
    ]
    assert 'amount is no double: "about 10"' in reasons(landed)
    assert 'seats is no integer: "1.25"' in reasons(landed)


# --- rows that contradict each other --------------------------------------------------------------


def test_newer_content_under_an_old_stamp_is_said(landed: Landed) -> None:
    landed.put("shop/orders/loaded_date=2026-06-01/a.csv", text(order(1), order(2)))
    landed.put("shop/orders/loaded_date=2026-06-02/a.csv", text(order(1, total="7"), order(2)))
    report = landed.ingest()
    assert told(
        report,
        "shop.orders: 1 row with newer content under an old changed_at left out as conflicting",
        "order_id (for example order_id 1) differs in total from what was taken before",
    )


def test_a_key_that_is_too_narrow_is_told_as_that(landed: Landed) -> None:
    rows = [f"{order(1)},{city}" for city in ("Bern", "Basel", "Chur")]
    landed.put("shop/orders/a.csv", text(*rows).replace(HEADER, f"{HEADER},city"))
    assert told(
        landed.ingest(),
        "shop.orders: 2 of 3 rows share order_id (for example order_id 1)",
        "differ from it in city",
        "The key is too narrow",
    )
    # One slip in a delivery is no fault of the key.
    slip = [*map(order, range(100, 150)), order(100, total="8")]
    landed.put("shop/orders/b.csv", text(*slip))
    report = landed.ingest()
    assert told(report, "1 of 51 rows share order_id", "differ from it in total")
    assert not told(report, "too narrow")


def test_the_sensor_passes_over_hidden_files_and_waits_for_those_that_grow(tmp_path: Path) -> None:
    settings = Settings(tmp_path, tmp_path / "w.duckdb", tmp_path / "published")
    path = tmp_path / "a.csv"
    path.write_text("1")
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    later = written + timedelta(minutes=10)
    assert landing_fingerprint(settings, written + timedelta(seconds=1)) is None
    seen = landing_fingerprint(settings, later)
    (tmp_path / ".a.csv.part").write_text("1")
    (tmp_path / "_temporary").mkdir()
    (tmp_path / "_temporary/b.csv").write_text("1")
    assert landing_fingerprint(settings, later) == seen is not None
    (tmp_path / "b.csv").write_text("1")
    assert landing_fingerprint(settings, later) != seen
