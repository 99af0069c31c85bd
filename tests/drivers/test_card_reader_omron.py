"""OMRON card readers: the frames of their specification, what is never asked, and any other bytes."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import DeviceWord, Driver, Reading
from drivers.card_reader.frame import Said
from drivers.card_reader.omron import SENSORS, STATUS, frame, parse, read
from drivers.errors import Garbled, NotSupported, Reason, Refused

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]


def test_the_status_question_is_framed_as_specified() -> None:
    assert frame(STATUS) == bytes.fromhex("10 02 43 31 30 10 03 41")


def test_a_dle_in_the_text_is_doubled_and_counted_once() -> None:
    assert frame(b"P10\x10") == bytes.fromhex("10 02 50 31 30 10 10 10 03 42")
    assert parse(frame(b"P10\x10")) == b"P10\x10"


@pytest.mark.parametrize(
    ("text", "device", "card"),
    [
        (b"P1000", "online", "none"),
        (b"P1001", "online", "entering"),
        (b"P1002", "online", "present"),
        (b"P1011", "online", "present"),
        (b"P1030", "unknown", "unknown"),  # firmware is being loaded
        (b"N1010", "hardwareError", "jammed"),
        (b"N1020", "userError", "present"),
        (b"N1046", "unknown", "unknown"),  # an error of reading a stripe, which nobody asked for
        (b"N10\xff\xff", "unknown", "unknown"),
    ],
)
def test_where_the_card_is(text: bytes, device: str, card: str) -> None:
    assert read(text, STATUS) == Said(DeviceWord(device), {"card": card})


@pytest.mark.parametrize(
    ("code", "part"), [("11", "shutter"), ("12", "sensor"), ("13", "motor"), ("17", "motor"), ("81", "chip")]
)
def test_a_failed_part_is_a_fault_of_the_machine(code: str, part: str) -> None:
    assert read(f"N10{code}".encode(), STATUS) == Said(DeviceWord.HARDWARE_ERROR, {f"module.{part}": "fault"})


@pytest.mark.parametrize(
    ("sensors", "shutter"), [(b"000000000000", "closed"), (b"000001000000", "open"), (b"111112111111", "unknown")]
)
def test_the_sixth_sensor_is_the_shutter(sensors: bytes, shutter: str) -> None:
    assert read(b"P1102" + sensors, SENSORS).parts == {"card": "present", "shutter": shutter}


def test_an_answer_to_another_question_is_not_taken_for_this_one() -> None:
    with pytest.raises(Garbled, match="not to this question"):
        read(b"P6002", STATUS)


async def test_a_reader_that_was_not_reset_is_left_alone(start: Start, driver: Make, poll: Poll) -> None:
    """The initial reset would return or capture the card inside."""
    reader, port = await start("card_reader/omron", {}, {"initialised": "no"})
    with pytest.raises(Refused) as refused:
        await poll(driver("card_reader/omron", port))
    assert refused.value.reason == Reason.NOT_RESET
    assert reader.heard == len(frame(STATUS)) + len(b"\x10\x05")


@pytest.mark.parametrize(
    ("state", "device", "parts"),
    [
        ({}, "online", {"card": "none", "shutter": "closed"}),
        ({"card": "entering", "shutter": "open"}, "online", {"card": "entering", "shutter": "open"}),
        ({"card": "jammed"}, "hardwareError", {"card": "jammed"}),
        ({"module.motor": "fault"}, "hardwareError", {"module.motor": "fault"}),
    ],
)
async def test_the_simulator_shows_what_it_was_set_to(
    state: dict[str, str], device: str, parts: dict[str, str], start: Start, driver: Make, poll: Poll
) -> None:
    reader, port = await start("card_reader/omron", {}, state)
    shown: list[dict[str, str]] = []
    reader.showed = lambda name, told: shown.append(told)
    reading = await poll(driver("card_reader/omron", port, sensors=True))
    assert (reading.device, reading.parts) == (device, parts)
    assert shown == [parts]


# -- any bytes ------------------------------------------------------------------------------------------------------


@given(
    st.binary(max_size=24) | st.binary(max_size=20).map(frame) | st.binary(max_size=9).map(lambda b: b"\x10\x02" + b)
)
def test_any_bytes_are_a_frame_or_garbled(answer: bytes) -> None:
    with suppress(Garbled):
        assert frame(parse(answer)) == answer


@given(
    st.binary(max_size=20) | st.binary(max_size=16).map(lambda rest: b"P11" + rest), st.sampled_from([STATUS, SENSORS])
)
def test_any_text_is_an_answer_or_an_error(text: bytes, question: bytes) -> None:
    with suppress(Garbled, NotSupported, Refused):
        assert read(text, question).parts
