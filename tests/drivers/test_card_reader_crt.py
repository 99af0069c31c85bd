"""Creator card readers: the vendor's own example frames, and any other bytes."""

from binascii import crc_hqx
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import DeviceWord, Driver, Reading
from drivers.card_reader.crt import (
    SENSORS_5X1,
    SENSORS_310_V2,
    SENSORS_310_V3,
    STATUS_5X1,
    STATUS_310,
    STATUS_591H,
    frame_5x1,
    frame_310,
    frame_591h,
    parse_5x1,
    parse_310,
    parse_591h,
    read_5x1,
    read_591h,
    read_sensors_310,
    read_status_310,
)
from drivers.card_reader.frame import Said
from drivers.errors import DeviceError, Garbled, NotSupported, Reason, Refused
from drivers.sim.base import Fault

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]
Until = Callable[[Callable[[], bool]], Awaitable[None]]


# -- the vendor's frames --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        (STATUS_310, "02 00 02 31 30 03 02"),
        (SENSORS_310_V2, "02 00 02 31 2F 03 1D"),
        (SENSORS_310_V3, "02 00 02 31 2E 03 1C"),
    ],
)
def test_the_questions_to_a_crt_310_are_the_vendor_s(text: bytes, frame: str) -> None:
    assert frame_310(text) == bytes.fromhex(frame)


@pytest.mark.parametrize(
    ("text", "frame"), [(STATUS_5X1, "F2 00 00 03 43 31 30 03 B0"), (SENSORS_5X1, "F2 00 00 03 43 31 31 03 B1")]
)
def test_the_questions_to_a_crt_591_are_the_vendor_s(text: bytes, frame: str) -> None:
    assert frame_5x1(0, text) == bytes.fromhex(frame)


def test_the_crc_of_a_crt_591h_is_that_of_its_published_driver() -> None:
    """CRC-16/XMODEM over F2, LEN and text, high byte first; its check value over "123456789" is 31C3."""
    assert frame_591h(STATUS_591H) == bytes.fromhex("F2 00 03 43 31 30 C5 2A")
    assert crc_hqx(b"123456789", 0) == 0x31C3


@pytest.mark.parametrize(
    ("frame", "card"), [("02 00 05 31 30 4E 4A 4A 03 4B", "none"), ("02 00 05 31 30 4A 4A 4A 03 4F", "present")]
)
def test_a_crt_310_says_where_the_card_is(frame: str, card: str) -> None:
    assert read_status_310(parse_310(bytes.fromhex(frame))) == Said(DeviceWord("online"), {"card": card})


def test_a_crt_310_on_its_backup_power_says_so() -> None:
    said = read_status_310(parse_310(bytes.fromhex("02 00 03 4E 31 07 03 7A")))
    assert said == Said(DeviceWord("powerOff"), {"module.power": "fault"})


def test_a_crt_591_with_cards_and_room_is_fine() -> None:
    said = read_5x1(parse_5x1(bytes.fromhex("06 F2 00 00 06 50 31 30 30 32 30 03 94"), 0))
    assert said == Said(DeviceWord("online"), {"card": "none", "stacker": "ok", "retract": "ok"})


def test_a_jam_in_a_crt_591_is_a_fault_of_the_machine() -> None:
    said = read_5x1(parse_5x1(bytes.fromhex("06 F2 00 00 05 4E 31 30 31 30 03 BA"), 0))
    assert said == Said(DeviceWord("hardwareError"), {"card": "jammed"})


@pytest.mark.parametrize(
    ("place", "card"),
    [("46", "present"), ("48", "entering"), ("4B", "present"), ("4D", "captured"), ("4E", "none"), ("50", "unknown")],
)
def test_the_places_of_a_card_in_a_crt_310(place: str, card: str) -> None:
    assert read_status_310(b"\x31\x30" + bytes.fromhex(place) + b"JJ").parts == {"card": card}


@pytest.mark.parametrize(
    ("code", "device", "parts"),
    [
        ("A0", "online", {"stacker": "empty"}),
        ("A1", "online", {"retract": "full"}),
        ("51", "hardwareError", {"module.motor": "fault"}),
        ("45", "userError", {"card": "unknown"}),
        ("66", "unknown", {"card": "unknown"}),
        ("??", "unknown", {"card": "unknown"}),
    ],
)
@pytest.mark.parametrize("head", ["N", "E"])
def test_the_errors_of_a_crt_591(head: str, code: str, device: str, parts: dict[str, str]) -> None:
    assert read_5x1(f"{head}10{code}".encode()) == Said(DeviceWord(device), parts)


@pytest.mark.parametrize(
    ("text", "device", "parts"),
    [
        (b"P1000", "online", {"card": "none", "stacker": "unknown"}),
        (b"P1001", "online", {"card": "entering", "stacker": "unknown"}),
        (b"P1A02" + b"0" * 17, "online", {"card": "present", "stacker": "unknown"}),
        (b"P1007", "online", {"card": "unknown", "stacker": "unknown"}),
        (b"N1022", "hardwareError", {"card": "jammed"}),
        (b"N1011", "hardwareError", {"module.power": "fault"}),
        (b"N10A0", "online", {"stacker": "empty"}),
        (b"N1077", "unknown", {"card": "unknown"}),
    ],
)
def test_the_answers_of_a_crt_591h(text: bytes, device: str, parts: dict[str, str]) -> None:
    assert read_591h(parse_591h(b"\x06" + frame_591h(text))) == Said(DeviceWord(device), parts)


# -- what is asked, and what is not ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "question"), [("crt-591", frame_5x1(0, STATUS_5X1)), ("crt-591h", frame_591h(STATUS_591H))]
)
async def test_a_reader_that_was_not_reset_is_left_alone(
    model: str, question: bytes, start: Start, driver: Make, poll: Poll, until: Until
) -> None:
    """INIT would reset it, and may move a customer's card."""
    reader, port = await start("card_reader/crt", {"model": model}, {"initialised": "no"})
    with pytest.raises(Refused) as refused:
        await poll(driver("card_reader/crt", port, model=model))
    assert refused.value.reason == Reason.NOT_RESET
    await until(lambda: reader.heard == len(question) + 1)  # the question, and our ACK of its answer


@pytest.mark.parametrize(("knows", "shutter"), [("v3", "open"), ("v2", "open"), ("none", None)])
async def test_a_crt_310_is_asked_for_the_sensors_it_knows(
    knows: str, shutter: str | None, start: Start, driver: Make, poll: Poll
) -> None:
    reader, port = await start("card_reader/crt", {"model": "crt-310", "knows": knows}, {"shutter": "open"})
    polled = driver("card_reader/crt", port, model="crt-310")
    first = await poll(polled)
    asked = reader.heard
    second = await poll(polled)
    assert first.parts == second.parts == {"card": "none", **({"shutter": shutter} if shutter else {})}
    assert (reader.heard - asked < asked) == (knows != "v3")  # what it does not know is not asked again


@pytest.mark.parametrize(
    ("model", "state", "device", "parts"),
    [
        ("crt-310", {"card": "captured"}, "online", {"card": "captured", "shutter": "closed"}),
        ("crt-310", {"module.power": "fault"}, "hardwareError", {"module.power": "fault"}),
        ("crt-571", {"card": "jammed"}, "hardwareError", {"card": "jammed"}),
        ("crt-571", {"stacker": "low"}, "online", {"card": "none", "stacker": "low", "retract": "ok"}),
        ("crt-591", {"retract": "full"}, "online", {"card": "none", "stacker": "ok", "retract": "full"}),
        ("crt-591h", {"card": "entering"}, "online", {"card": "entering", "stacker": "unknown"}),
        ("crt-591h", {"stacker": "empty"}, "online", {"stacker": "empty"}),
        ("crt-591h", {"card": "jammed"}, "hardwareError", {"card": "jammed"}),
    ],
)
async def test_the_simulators_show_what_they_were_set_to(
    model: str, state: dict[str, str], device: str, parts: dict[str, str], start: Start, driver: Make, poll: Poll
) -> None:
    reader, port = await start("card_reader/crt", {"model": model}, state)
    shown: list[dict[str, str]] = []
    reader.showed = lambda name, told: shown.append(told)
    reading = await poll(driver("card_reader/crt", port, model=model))
    assert (reading.device, reading.parts) == (device, parts)
    assert shown == [parts]


async def test_another_unit_on_the_line_is_not_taken_for_this_one(start: Start, driver: Make, poll: Poll) -> None:
    _, port = await start("card_reader/crt", {"model": "crt-591", "unit": 3})
    assert (await poll(driver("card_reader/crt", port, model="crt-591", unit=3))).device == "online"
    with pytest.raises(DeviceError):
        await poll(driver("card_reader/crt", port, model="crt-591", unit=4))
    with pytest.raises(Garbled, match="unit 3"):
        parse_5x1(b"\x06" + frame_5x1(3, b"P10020"), 4)


async def test_a_status_stands_even_when_the_sensors_do_not_answer(start: Start, driver: Make, poll: Poll) -> None:
    reader, port = await start("card_reader/crt", {"model": "crt-310"})
    hear = reader._hear

    def go_silent_after_the_status(data: bytes) -> None:
        if SENSORS_310_V3 in data:
            reader.fault = Fault.SILENT
        hear(data)

    reader._end._hear = go_silent_after_the_status
    reading = await poll(driver("card_reader/crt", port, model="crt-310"))
    assert (reading.device, reading.parts) == ("online", {"card": "none"})


# -- any bytes ------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=20) | st.binary(min_size=1, max_size=12).map(frame_310))
def test_any_bytes_are_a_crt_310_answer_or_an_error(frame: bytes) -> None:
    readers: list[Callable[[bytes], object]] = [read_status_310, read_sensors_310]
    for read in readers:
        with suppress(Garbled, NotSupported, Refused):
            assert read(parse_310(frame))


@given(st.binary(max_size=24) | st.binary(min_size=3, max_size=16).map(lambda text: b"\x06" + frame_5x1(0, text)))
def test_any_bytes_are_a_crt_591_answer_or_an_error(answer: bytes) -> None:
    with suppress(Garbled, NotSupported, Refused):
        assert read_5x1(parse_5x1(answer, 0)).parts


@given(st.binary(max_size=24) | st.binary(min_size=3, max_size=16).map(lambda text: b"\x06" + frame_591h(text)))
def test_any_bytes_are_a_crt_591h_answer_or_an_error(answer: bytes) -> None:
    with suppress(Garbled, NotSupported, Refused):
        assert read_591h(parse_591h(answer)).parts


@given(st.binary(min_size=1, max_size=300), st.integers(0, 2**16), st.integers(1, 255))
def test_one_changed_byte_is_found(text: bytes, place: int, change: int) -> None:
    frame = bytearray(frame_310(text))
    frame[place % len(frame)] ^= change
    with pytest.raises(Garbled):
        parse_310(bytes(frame))


@given(st.binary(min_size=1, max_size=300), st.integers(0, 2**16), st.integers(1, 255))
def test_one_changed_byte_is_found_by_a_crc(text: bytes, place: int, change: int) -> None:
    frame = bytearray(frame_591h(text))
    frame[place % len(frame)] ^= change
    with pytest.raises(Garbled):
        parse_591h(b"\x06" + bytes(frame))
