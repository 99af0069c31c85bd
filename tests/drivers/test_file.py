"""Files another system drops: whole ones only, the right row, the data's own date, and never off-line."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.base import Driver, Reading, Shared
from drivers.errors import DeviceError, Garbled, NotSupported, Reason
from drivers.file import FileOptions, activity, read_number, read_row
from drivers.file_layout import Layout, layout_names, shipped_layout
from drivers.file_rows import SIZE_LIMIT, Drop, Drops, plain_key, read_rows

Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]
HEADER = "终端号,商户名称,日期,交易笔数,最近交易日期"
SHANGHAI = ZoneInfo("Asia/Shanghai")


def pos_line(terminal: str = "62010001", date: str = "2026-11-20", count: str = "12", last: str = "2026-11-20") -> str:
    return f"{terminal},张家庄村级服务站,{date},{count},{last}"


def text(*lines: str, encoding: str = "utf-8") -> bytes:
    return ("\n".join(lines) + "\n").encode(encoding)


def day(year: int, month: int, date: int) -> int:
    return round(datetime(year, month, date, tzinfo=SHANGHAI).timestamp()) * 1_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pos"
    made.mkdir()
    return made


@pytest.fixture
def pos(driver: Make, folder: Path) -> Driver:
    return driver("file", str(folder), layout="pos-daily", row="62010001")


# -- a reading ------------------------------------------------------------------------------------------------------


async def test_a_row_is_a_reading_of_the_data_s_own_date(folder: Path, pos: Driver, poll: Poll) -> None:
    (folder / "pos_20261120.csv").write_bytes(text(HEADER, pos_line("62010000"), pos_line(), encoding="gb18030"))
    reading = await poll(pos)
    assert reading.as_of == day(2026, 11, 20)
    assert reading.device == "unknown"  # a file of yesterday's transactions does not know how the terminal is
    assert reading.parts == {"activity": "active"}
    assert reading.numbers == {"transactions": 12, "transactions.age": 0}
    assert reading.texts == {"merchant": "张家庄村级服务站"}


@pytest.mark.parametrize(
    ("last", "age", "word"),
    [
        ("2026-11-20", 0, "active"),
        ("2026-08-23", 89, "active"),
        ("2026-08-22", 90, "dormant"),
        ("2025-11-21", 364, "dormant"),
        ("2025-11-20", 365, "stop"),
        ("2026-11-21", 0, "active"),
    ],
)
async def test_a_terminal_sleeps_after_90_days_and_is_to_be_stopped_after_365(
    last: str, age: int, word: str, folder: Path, pos: Driver, poll: Poll
) -> None:
    (folder / "pos_20261120.csv").write_bytes(text(HEADER, pos_line(last=last)))
    reading = await poll(pos)
    assert reading.parts == {"activity": word}
    assert reading.numbers["transactions.age"] == age


async def test_a_terminal_without_any_transaction_is_not_judged(folder: Path, pos: Driver, poll: Poll) -> None:
    (folder / "pos_20261120.csv").write_bytes(text(HEADER, pos_line(last="")))
    reading = await poll(pos)
    assert reading.parts == {"activity": "unknown"}
    assert "transactions.age" not in reading.numbers


async def test_a_spare_terminal_is_left_out_of_the_rule(folder: Path, driver: Make, poll: Poll) -> None:
    (folder / "pos_20261120.csv").write_bytes(text(HEADER, pos_line(last="2020-01-01")))
    reading = await poll(driver("file", str(folder), layout="pos-daily", row="62010001", spare=True))
    assert reading.parts == {}


async def test_an_atm_platform_s_export_says_parts_and_counts(folder: Path, driver: Make, poll: Poll) -> None:
    columns = "设备号\t统计时间\t服务状态\t读卡器\t出钞模块\t凭条打印机\t钞箱1\t钞箱2\t钞箱1张数\t钞箱2张数"
    row = 'A0010001\t2026-11-21 08:30:00\t暂停服务\t正常\t故障\t纸少\t正常\t新词\t"1,820"\t-'
    (folder / "export.txt").write_bytes(text(columns, row))
    reading = await poll(driver("file", str(folder), layout="atm-status", row="A0010001"))
    assert reading.device == "userError"
    assert reading.as_of == day(2026, 11, 21) + (8 * 60 + 30) * 60_000_000
    assert reading.parts == {
        "service": "outOfService",
        "module.reader": "ok",
        "module.dispenser": "fault",
        "paper": "low",
        "cassette.1": "ok",
        "cassette.2": "unknown",
    }
    assert reading.numbers == {"cassette.count.1": 1820}


async def test_a_layout_of_the_bank_is_read_from_its_path(
    tmp_path: Path, folder: Path, driver: Make, poll: Poll
) -> None:
    layout = tmp_path / "host.toml"
    layout.write_text(
        """
        format = "fixed"
        columns = ["no", "name", "state", "day"]
        widths = [8, 10, 1, 8]
        key = "no"
        date = "day"
        date_format = "%Y%m%d"
        texts = { shop = "name" }
        [parts.paper]
        column = "state"
        words = { "0" = "ok", "1" = "out" }
        """,
        encoding="utf-8",
    )
    lines = ["00000001张家庄    020261120", "00000002李家庄小店120261120"]
    (folder / "host.dat").write_bytes("\r\n".join([*lines, ""]).encode("gb18030"))
    reading = await poll(driver("file", str(folder), layout=str(layout), row="00000002"))
    assert (reading.parts, reading.texts) == ({"paper": "out"}, {"shop": "李家庄小店"})
    assert reading.as_of == day(2026, 11, 20)


# -- which file -----------------------------------------------------------------------------------------------------


async def test_the_newest_file_by_its_name_counts_whenever_it_was_written(
    folder: Path, pos: Driver, poll: Poll
) -> None:
    for name, count, written in (("pos_20261120.csv", "20", 1000), ("pos_20261119.csv", "19", 2000)):
        (folder / name).write_bytes(text(HEADER, pos_line(count=count)))
        os.utime(folder / name, (written, written))
    (folder / "readme.csv").write_bytes(b"no date in my name\n")
    assert (await poll(pos)).numbers["transactions"] == 20


async def test_without_a_date_in_the_name_the_file_written_last_counts(folder: Path, driver: Make, poll: Poll) -> None:
    layout = {"key": "no", "numbers": {"transactions": "count"}}
    for name, written in (("b.csv", 1000), ("a.csv", 2000)):
        (folder / name).write_bytes(text("no,count", f"1,{written}"))
        os.utime(folder / name, (written, written))
    reading = await poll(driver("file", str(folder), layout=layout, row="1"))
    assert reading.numbers == {"transactions": 2000}
    assert reading.as_of == 2_000_000_000


async def test_a_pattern_in_the_address_chooses_the_files(folder: Path, driver: Make, poll: Poll) -> None:
    (folder / "a_20261120.csv").write_bytes(text(HEADER, pos_line(count="1")))
    (folder / "b_20261121.csv").write_bytes(text(HEADER, pos_line(count="2")))
    reading = await poll(driver("file", f"{folder}/a_*.csv", layout="pos-daily", row="62010001"))
    assert reading.numbers["transactions"] == 1


async def test_a_half_written_file_waits_and_the_one_before_it_serves(folder: Path, pos: Driver, poll: Poll) -> None:
    (folder / "pos_20261119.csv").write_bytes(text(HEADER, pos_line(count="19")))
    whole = text(HEADER, pos_line("62010000"), pos_line(count="20"))
    (folder / "pos_20261120.csv").write_bytes(whole[:-20])
    assert (await poll(pos)).numbers["transactions"] == 19
    (folder / "pos_20261120.csv").write_bytes(whole)
    assert (await poll(pos)).numbers["transactions"] == 20


async def test_a_file_that_never_gets_its_last_newline_counts_once_it_rests(
    folder: Path, pos: Driver, poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "pos_20261120.csv").write_bytes(text(HEADER, pos_line()).rstrip(b"\n"))
    with pytest.raises(NotSupported):
        await poll(pos)
    monkeypatch.setattr("drivers.file_rows.SETTLE_SECONDS", 0.0)
    assert (await poll(pos)).numbers["transactions"] == 12


async def test_a_file_with_a_marker_counts_once_the_marker_lies_beside_it(
    folder: Path, driver: Make, poll: Poll
) -> None:
    layout = {"key": "no", "marker": ".ok", "numbers": {"transactions": "count"}}
    polled = driver("file", str(folder), layout=layout, row="1")
    (folder / "day.csv").write_bytes(text("no,count", "1,5"))
    with pytest.raises(NotSupported):
        await poll(polled)
    (folder / "day.csv.ok").touch()
    assert (await poll(polled)).numbers == {"transactions": 5}


async def test_a_hundred_positions_share_one_reading_of_the_file(folder: Path, driver: Make) -> None:
    numbers = [f"{number:08}" for number in range(100)]
    (folder / "pos_20261120.csv").write_bytes(text(HEADER, *(pos_line(number) for number in numbers)))
    shared, layout = Shared(), shipped_layout("pos-daily")
    drops = await shared.get(Drops)
    seen = await asyncio.gather(*(drops.newest(str(folder), layout) for _ in numbers))
    again = await drops.newest(str(folder), layout)
    assert {id(drop) for drop in seen} == {id(again)}
    assert list(again.rows) == numbers
    await shared.close()


# -- what is missing or wrong ---------------------------------------------------------------------------------------


async def test_a_missing_folder_file_or_row_is_not_supported_and_never_unreachable(
    folder: Path, pos: Driver, poll: Poll
) -> None:
    (folder / "pos_20261120.csv").write_bytes(text(HEADER, pos_line("62019999")))
    reasons = []
    for missing_now in ("row", "file", "folder"):
        if missing_now == "file":
            (folder / "pos_20261120.csv").unlink()
        elif missing_now == "folder":
            shutil.rmtree(folder)
        with pytest.raises(NotSupported) as missing:
            await poll(pos)
        reasons.append(missing.value.reason)
    assert reasons == [Reason.NO_ROW, Reason.NO_FILE, Reason.NO_FILE]


@pytest.mark.parametrize("word", ["offline", "powerOff", "noDevice", "inUse"])
def test_a_layout_cannot_say_off_line(word: str) -> None:
    with pytest.raises(ValidationError, match="cannot be told by a file"):
        Layout.model_validate({"key": "no", "device": {"column": "state", "words": {"1": word}}})


@pytest.mark.parametrize(
    "line", ["62010001,张家庄", "62010001,张家庄,村,2026-11-20,12,2026-11-20", "62010001,x,yesterday,12,2026-11-20"]
)
async def test_a_row_that_has_shifted_or_has_no_date_is_garbled(
    line: str, folder: Path, pos: Driver, poll: Poll
) -> None:
    (folder / "pos_20261120.csv").write_bytes(text(HEADER, line))
    with pytest.raises(Garbled):
        await poll(pos)


async def test_a_file_of_another_layout_is_garbled_and_the_column_is_named(
    folder: Path, pos: Driver, poll: Poll
) -> None:
    (folder / "pos_20261120.csv").write_bytes(text("terminal,count", "62010001,1"))
    for _ in range(2):
        with pytest.raises(Garbled, match="终端号"):
            await poll(pos)


async def test_bytes_that_are_no_text_are_garbled(folder: Path, pos: Driver, poll: Poll) -> None:
    (folder / "pos_20261120.csv").write_bytes(b"\xff\x80\x81\n")
    with pytest.raises(Garbled):
        await poll(pos)


async def test_a_file_too_large_to_be_meant_is_not_read(folder: Path, pos: Driver, poll: Poll) -> None:
    (folder / "pos_20261120.csv").touch()
    os.truncate(folder / "pos_20261120.csv", SIZE_LIMIT + 1)
    with pytest.raises(Garbled) as garbled:
        await poll(pos)
    assert garbled.value.reason == Reason.TOO_LONG


async def test_a_layout_that_is_not_there_is_told_with_its_path(folder: Path, driver: Make, poll: Poll) -> None:
    with pytest.raises(NotSupported, match=r"gone\.toml"):
        await poll(driver("file", str(folder), layout=str(folder / "gone.toml"), row="1"))


async def test_a_layout_with_an_unknown_key_is_told_in_one_sentence(folder: Path, driver: Make, poll: Poll) -> None:
    (folder / "layout.toml").write_text('key = "no"\nkolumn = "x"\n')
    with pytest.raises(NotSupported, match="kolumn") as wrong:
        await poll(driver("file", str(folder), layout=str(folder / "layout.toml"), row="1"))
    assert "\n" not in wrong.value.detail


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ({"key": "no", "parts": {"papers": {"column": "x", "words": {}}}}, "not a part"),
        ({"key": "no", "numbers": {"transaction": "x"}}, "not a number"),
        ({"key": "no", "zone": "Asia/Peking"}, "not a time zone"),
        ({"key": "no", "format": "fixed", "columns": ["no"]}, "as many"),
        ({"key": "no", "columns": ["a"]}, "'no' is not among"),
        ("pos-dayly", "pos-daily"),
    ],
)
def test_a_wrong_layout_is_told_when_the_inventory_is_read(layout: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FileOptions.model_validate({"layout": layout, "row": "1"})


# -- any text -------------------------------------------------------------------------------------------------------

PLAIN = Layout(
    key="a",
    date="b",
    numbers={"transactions": "c"},
    last="b",
    parts={"paper": {"column": "c", "words": {"1": "ok"}}},
)
FIXED = PLAIN.model_copy(update={"format": "fixed", "columns": ["a", "b", "c"], "widths": [3, 10, 2]})
LINES = st.lists(st.text(st.sampled_from('a,b"\t 0123-\n\r\0é张'), max_size=30)).map(
    lambda rows: "\n".join(rows).encode()
)


@given(st.binary(max_size=400) | LINES.map(lambda rows: b"a,b,c\n" + rows), st.sampled_from([PLAIN, FIXED]))
def test_any_bytes_are_rows_or_garbled_and_any_row_a_reading_or_garbled(data: bytes, layout: Layout) -> None:
    try:
        columns, rows = read_rows(data, layout)
    except Garbled:
        return
    drop = Drop("x.csv", None, 0, columns, rows)
    for row in rows.values():
        try:
            reading = read_row(row, drop, layout, spare=False)
        except DeviceError as error:
            kind = type(error)
        else:
            assert reading.device == "unknown"
            kind = Garbled
        assert kind is Garbled


@given(st.text(max_size=30))
def test_any_cell_is_a_number_or_none(cell: str) -> None:
    number = read_number(cell)
    assert number is None or abs(number) < 1e15


@pytest.mark.parametrize("cell", ["00012345", " 00012345 ", "'00012345", '="00012345"', '"00012345"', "\t00012345"])
def test_what_excel_wraps_around_a_number_is_taken_off(cell: str) -> None:
    assert plain_key(cell) == "00012345"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_the_encoding_is_found(encoding: str) -> None:
    _, rows = read_rows(text(HEADER, pos_line(), encoding=encoding), shipped_layout("pos-daily"))
    assert rows["62010001"][1] == "张家庄村级服务站"


@pytest.mark.parametrize("name", layout_names())
def test_every_shipped_layout_shows_its_header_and_a_row_that_fits_it(name: str) -> None:
    """The lines in its own comment are an example: they are read here."""
    import importlib.resources

    comment = importlib.resources.files("drivers").joinpath("file_layouts", f"{name}.toml").read_text(encoding="utf-8")
    lines = [line.removeprefix("#   ") for line in comment.splitlines() if line.startswith("#   ")]
    columns, rows = read_rows(text(*lines), shipped_layout(name))
    assert len(rows) == len(lines) - 1 >= 1
    for row in rows.values():
        reading = read_row(row, Drop("example", None, 0, columns, rows), shipped_layout(name), spare=False)
        assert "unknown" not in reading.parts.values()


def test_the_days_of_the_rule_are_settings() -> None:
    layout = Layout(key="a", dormant_days=30, stop_days=60)
    assert [activity(days, layout) for days in (29, 30, 59, 60)] == ["active", "dormant", "dormant", "stop"]
