"""What a device says is bounded and harmless before it goes anywhere."""

import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.tidy import tidy, tidy_text
from agent.wire import Clock, DeviceWord, Failure, Reading, State
from drivers.base import RAW_LIMIT

SERVER_TAKES = 64 << 10  # bytes of one record


def test_a_megabyte_of_text_is_cut() -> None:
    reading = tidy(Reading(device=DeviceWord.ONLINE, texts={"console": "字" * 1_000_000}))
    assert len(reading.texts["console"]) == 1000
    assert reading.texts["console"].endswith("…")


def test_control_bytes_lone_surrogates_and_turned_text_do_not_pass() -> None:
    assert tidy_text("a\x00b\x1b[31m\nc") == "a b [31m c"
    assert tidy_text("\ud800x") == "\ufffdx"
    assert tidy_text("abc\u202edef") == "abc def"
    assert tidy_text("=cmd|' /C calc'!A0 [/x] 中文") == "=cmd|' /C calc'!A0 [/x] 中文"


def test_raw_is_cut_to_its_limit() -> None:
    reading = tidy(Reading(device=DeviceWord.ONLINE, raw={"a": b"x" * 3000, "b": b"y" * 3000}))
    assert sum(map(len, reading.raw.values())) == RAW_LIMIT


def test_numbers_nobody_knows_are_left_out() -> None:
    numbers = {"load": float("nan"), "pages": float("inf"), "uptime": 3}
    assert tidy(Reading(device=DeviceWord.ONLINE, numbers=numbers)).numbers == {"uptime": 3.0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"parts": {"paper": 1}},
        {"numbers": {"load": "12"}},
        {"numbers": {"load": True}},
        {"raw": {"a": "text"}},
        {"texts": {3: "x"}},
        {"device": "on"},
    ],
)
def test_what_is_not_of_its_type_is_the_drivers_defect(wrong: dict[str, object]) -> None:
    reading = Reading(**{"device": DeviceWord.ONLINE, **wrong})  # type: ignore[arg-type]
    with pytest.raises((TypeError, ValueError)):
        tidy(reading)


@given(
    st.dictionaries(st.text(), st.text(max_size=3000), max_size=300),
    st.dictionaries(st.text(), st.floats() | st.integers(-(2**70), 2**70), max_size=300),
)
def test_any_reading_fits_into_one_record_and_every_database(texts: dict[str, str], numbers: dict[str, float]) -> None:
    raw = {"q": b"\xff" * 5000}
    reading = tidy(
        Reading(device=DeviceWord.ONLINE, parts=texts, numbers=numbers, texts=texts, identity=texts, raw=raw)
    )
    clock = Clock(1 << 60, 1 << 60, "b" * 64)
    failure = Failure("garbled", "badFrame", tidy_text("字" * 9999), b"x" * RAW_LIMIT)
    state = State(seq=1 << 60, clock=clock, position="p" * 128, reading=reading, failure=failure)
    assert len(msgspec.msgpack.encode(state)) < SERVER_TAKES
    for text in [*reading.texts, *reading.texts.values(), *reading.parts.values()]:
        assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)
    assert tidy(reading) == reading
