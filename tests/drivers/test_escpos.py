"""Receipt, journal and slip printers: the makers' tables, two kinds of answer on one wire, and any other bytes."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import DeviceWord, Driver, Reading
from drivers.catalogue import catalogue
from drivers.errors import DeviceError, Garbled
from drivers.escpos import (
    EscposOptions,
    Flags,
    Station,
    answer_bits,
    asb_bits,
    judge,
    read,
    read_asb,
    read_parts,
    split,
)
from drivers.options import WrongOptions
from drivers.sim.base import Fault

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]
Overhear = Callable[[Any], bytearray]

ROLL: tuple[Station, ...] = ("receipt",)
FOUR: tuple[Station, ...] = ("receipt", "journal", "slip")
STATIONS = st.lists(st.sampled_from(["receipt", "journal", "slip"]), min_size=1, max_size=3, unique=True).map(tuple)
ANSWERS = st.sampled_from([bytes([byte]) for byte in range(256) if byte & 0x93 == 0x12])
HEADS = st.sampled_from([byte for byte in range(256) if byte & 0x93 == 0x10])
LOW = st.sampled_from([byte for byte in range(256) if byte & 0x90 == 0])
FRAMES = st.tuples(HEADS, LOW, LOW, LOW).map(bytes)
FLOW = st.sampled_from([b"\x11", b"\x13"])


# -- one wire -------------------------------------------------------------------------------------------------------


@given(st.lists(ANSWERS | FRAMES, max_size=8), st.data())
def test_answers_and_asb_frames_are_told_apart_wherever_flow_control_falls(
    items: list[bytes], data: st.DataObject
) -> None:
    wire = bytearray(b"".join(items))
    for place in sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=5)), reverse=True):
        wire[place:place] = data.draw(FLOW)
    assert split(bytes(wire)) == items


@given(FRAMES, st.integers(1, 3), ANSWERS)
def test_the_end_of_a_frame_begun_before_is_no_answer(frame: bytes, cut: int, answer: bytes) -> None:
    assert split(frame[cut:] + answer) == [answer]


@given(FRAMES, st.integers(1, 3), ANSWERS)
def test_a_frame_that_breaks_off_spoils_what_follows(frame: bytes, cut: int, answer: bytes) -> None:
    with pytest.raises(Garbled):
        split(frame[:cut] + answer)


def test_two_answers_to_one_question_are_not_believed() -> None:
    with pytest.raises(Garbled):
        read(b"\x12\x1a", 1, ROLL)


@given(st.binary(max_size=12) | st.lists(ANSWERS | FRAMES | FLOW).map(b"".join), st.sampled_from([1, 2, 3]), STATIONS)
def test_any_bytes_are_told_or_garbled(heard: bytes, n: int, stations: tuple[Any, ...]) -> None:
    with suppress(Garbled):
        told = read(heard, n, stations)
        assert isinstance(judge(told), DeviceWord)
        _known_words(read_parts(told, EscposOptions(stations=stations, drawer="high")))


def _known_words(parts: dict[str, str]) -> None:
    for key, word in parts.items():
        part = catalogue().find_part(key)
        assert part is not None
        assert word in part.words


# -- what the bits mean ---------------------------------------------------------------------------------------------


@given(
    st.dictionaries(
        st.sampled_from(sorted({name for n in (1, 2, 3, 4) for name in answer_bits(n, ROLL)})), st.booleans()
    )
)
def test_only_a_printer_that_says_it_is_on_line_and_names_no_trouble_is_on_line(told: Flags) -> None:
    trouble = {name for name, true in told.items() if true} - {"drawer high", "feeding", "roll low", "roll out"}
    assert (judge(told) is DeviceWord.ONLINE) == (told.get("offline") is False and not trouble)


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ({}, "unknown"),
        ({"offline": False}, "online"),
        ({"offline": True}, "offline"),
        ({"offline": True, "feeding": True}, "deviceBusy"),
        ({"offline": True, "slip awaited": True}, "deviceBusy"),
        ({"offline": True, "roll out": True}, "userError"),
        ({"offline": False, "roll out": True}, "online"),  # it prints on: the paper part says what is wrong
        ({"offline": True, "cover open": True, "recoverable": True, "error": True}, "userError"),
        ({"offline": True, "cover open": True, "unrecoverable": True}, "hardwareError"),
        ({"offline": True, "recoverable": True, "error": True}, "offline"),
        ({"offline": True, "error": True}, "hardwareError"),
        ({"offline": True, "mechanical": True}, "hardwareError"),
    ],
)
def test_the_device_word_says_whose_turn_it_is(told: Flags, word: str) -> None:
    assert judge(told) == word


@pytest.mark.parametrize(
    ("answer", "paper"),
    [
        ("12", "ok"),
        ("1e", "low"),
        ("72", "out"),
        ("7e", "out"),
        ("16", "unknown"),
        ("32", "unknown"),
        ("52", "unknown"),
    ],
)
def test_the_paper_of_one_roll(answer: str, paper: str) -> None:
    told = read(bytes.fromhex(answer), 4, ROLL)
    assert read_parts(told, EscposOptions(ask=(1, 4))) == {"paper": paper}


@pytest.mark.parametrize(
    ("answer", "receipt", "journal"),
    [
        ("12", "ok", "ok"),
        ("16", "ok", "low"),
        ("1a", "low", "ok"),
        ("32", "ok", "out"),
        ("52", "out", "ok"),
        ("72", "out", "out"),
    ],
)
def test_the_paper_of_two_rolls(answer: str, receipt: str, journal: str) -> None:
    told = read(bytes.fromhex(answer), 4, FOUR)
    parts = read_parts(told, EscposOptions(stations=FOUR, ask=(1, 4)))
    assert parts == {"paper.receipt": receipt, "paper.journal": journal}


@pytest.mark.parametrize(
    ("answer", "slip"), [("72", "none"), ("7a", "awaited"), ("32", "present"), ("52", "present"), ("12", "present")]
)
def test_where_the_slip_is(answer: str, slip: str) -> None:
    told = read(bytes.fromhex(answer), 5, FOUR)
    assert read_parts(told, EscposOptions(stations=FOUR, ask=(1, 5))) == {"slip": slip}


@given(
    STATIONS, st.sets(st.sampled_from(["offline", "cover open", "cutter", "unrecoverable", "roll out", "journal low"]))
)
def test_an_asb_frame_says_the_same_as_the_answers(stations: tuple[Any, ...], true: set[str]) -> None:
    frame = [0x10, 0, 0, 0]
    for place, bits in enumerate(asb_bits(stations)):
        frame[place] |= sum(mask for name, mask in bits.items() if name in true)
    told = read_asb(bytes(frame), stations)
    for n in (1, 2, 3, 4):
        bits = answer_bits(n, stations)
        answer = bytes([0x12 | sum(mask for name, mask in bits.items() if name in true)])
        said = read(answer, n, stations)
        assert {name: said[name] for name in said if name in told} == {
            name: told[name] for name in said if name in told
        }


def test_a_printer_of_slips_alone_says_nothing_of_a_cover() -> None:
    assert read_parts(read(b"\x16", 2, ("slip",)), EscposOptions(stations=("slip",), ask=(1, 2))) == {}


# -- what is asked --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stations", "asked"),
    [(("receipt",), (1, 2, 3, 4)), (("slip",), (1, 2, 3, 5)), (("journal", "slip"), (1, 2, 3, 4, 5))],
)
def test_only_stations_that_are_there_are_asked_about(stations: tuple[Any, ...], asked: tuple[int, ...]) -> None:
    assert EscposOptions(stations=stations).questions() == asked


@pytest.mark.parametrize(
    "options",
    [
        {"ask": [1, 5]},
        {"stations": ["slip"], "ask": [1, 4]},
        {"ask": [2, 3]},
        {"stations": []},
        {"ask": [1, 6]},
        {"model": "TM"},
    ],
)
def test_options_that_ask_for_what_is_not_there_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(WrongOptions):
        EscposOptions.model_validate(options)


async def test_nothing_but_the_questions_is_sent(start: Start, driver: Make, poll: Poll, overhear: Overhear) -> None:
    printer, port = await start("escpos", {"asb": True})
    sent = overhear(printer)
    await poll(driver("escpos", port))
    assert sent == bytes.fromhex("10 04 01 10 04 02 10 04 03 10 04 04")


async def test_an_empty_answer_is_no_answer(start: Start, driver: Make, poll: Poll) -> None:
    """Not "no paper", and not plenty of it: python-escpos has said both."""
    printer, port = await start("escpos")
    printer.fault = Fault.SILENT
    with pytest.raises(DeviceError) as error:
        await poll(driver("escpos", port))
    assert error.value.kind == "unreachable"


@pytest.mark.parametrize("link", ["pty", "tcp"])
@pytest.mark.parametrize("asb", [False, True])
@pytest.mark.parametrize(
    ("options", "state", "device"),
    [
        ({}, {"cover": "open"}, "userError"),
        ({}, {"paper": "low"}, "online"),
        ({}, {"module.cutter": "fault"}, "hardwareError"),
        ({}, {"module.head": "attention"}, "offline"),
        ({}, {"device": "deviceBusy"}, "deviceBusy"),
        ({"stations": ["journal"]}, {"paper": "out"}, "userError"),
        ({"stations": list(FOUR)}, {"paper.receipt": "out", "paper.journal": "low"}, "userError"),
        ({"stations": list(FOUR), "drawer": "low"}, {"slip": "present", "drawer": "open"}, "online"),
        ({"stations": ["slip"]}, {"device": "hardwareError"}, "hardwareError"),
    ],
)
async def test_the_simulator_shows_what_it_was_set_to(
    options: dict[str, object],
    state: dict[str, str],
    device: str,
    asb: bool,
    link: str,
    start: Start,
    driver: Make,
    poll: Poll,
) -> None:
    printer, address = await start("escpos", {**options, "asb": asb, "link": link}, state)
    shown: list[dict[str, str]] = []
    printer.showed = lambda name, told: shown.append(told)
    reading = await poll(driver("escpos", address, **options))
    assert reading.device == device
    assert {key: word for key, word in state.items() if key != "device"}.items() <= reading.parts.items()
    assert shown == [reading.parts]
