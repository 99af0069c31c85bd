"""What the bytes of a passbook printer say, and what is never asked."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import Driver, Reading
from drivers.errors import DeviceError, Garbled, Reason, Refused, Unreachable
from drivers.options import WrongOptions
from drivers.passbook import ncr_5021
from drivers.passbook.driver import PassbookOptions
from drivers.passbook.olivetti import Olivetti, parse_document, parse_firmware, parse_status
from drivers.passbook.table import CodeTable, profile_names, read_profile
from drivers.sim.base import Fault

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]


@pytest.mark.parametrize("emulation", ["ibm", "oki", "epson"])
async def test_a_printer_in_another_emulation_is_refused_before_a_byte(
    emulation: str, start: Start, driver: Make, poll: Poll
) -> None:
    printer, port = await start("passbook")
    with pytest.raises(Refused, match="Olivetti"):
        await poll(driver("passbook", port, emulation=emulation))
    assert printer.heard == 0


async def test_a_printer_in_ibm_emulation_behind_our_back_never_gets_the_question_that_takes_it_off_line(
    start: Start, driver: Make, poll: Poll
) -> None:
    printer, port = await start("passbook")
    printer.fault = Fault.SILENT  # it does not know ESC SP B, so it says nothing
    with pytest.raises(Unreachable):
        await poll(driver("passbook", port, emulation="olivetti"))
    assert printer.heard == len(b"\x1b B")


async def test_the_shipped_table_maps_nothing_and_keeps_the_bytes(start: Start, driver: Make, poll: Poll) -> None:
    _, port = await start("passbook", {}, {"paper": "out"})
    reading = await poll(driver("passbook", port, emulation="olivetti"))
    assert reading.device == "unknown"
    assert reading.parts == {"cover": "unknown", "paper": "unknown", "document": "unknown"}
    assert reading.raw == {"ESC SP B": b"\x1bB50\x1bZ", "ESC j": b"\x1br2"}
    assert reading.identity == {"firmware": "1.00E;011;1.00;005;"}


async def test_a_bank_s_own_table_says_what_its_bytes_mean(start: Start, driver: Make, poll: Poll) -> None:
    _, port = await start("passbook", {}, {"paper": "out"})
    table = {"status": {"32": {"device": "userError", "paper": "out"}}}
    reading = await poll(driver("passbook", port, emulation="olivetti", table=table))
    assert reading.device == "userError"
    assert reading.parts == {"cover": "unknown", "paper": "out", "document": "unknown"}


@pytest.mark.parametrize(
    ("state", "device"),
    [
        ({}, "online"),
        ({"cover": "open"}, "userError"),
        ({"paper": "low"}, "online"),
        ({"paper": "out", "cover": "open"}, "userError"),
        ({"paper": "jammed"}, "hardwareError"),
        ({"document": "jammed"}, "online"),
        ({"device": "deviceBusy"}, "deviceBusy"),
    ],
)
async def test_the_simulator_shows_what_it_was_set_to(
    state: dict[str, str], device: str, start: Start, driver: Make, poll: Poll
) -> None:
    printer, port = await start("passbook", {}, state)
    shown: list[tuple[str, dict[str, str]]] = []
    printer.showed = lambda name, parts: shown.append((name, parts))
    reading = await poll(driver("passbook", port, emulation="olivetti", profile="simulated"))
    assert reading.device == device
    healthy = {"cover": "closed", "paper": "ok", "document": "none"}
    assert reading.parts == {**healthy, **{key: word for key, word in state.items() if key in healthy}}
    assert shown == [(printer.name, reading.parts)]


async def test_the_firmware_is_asked_once(start: Start, driver: Make, poll: Poll) -> None:
    printer, port = await start("passbook")
    polled = driver("passbook", port, emulation="olivetti")
    first = await poll(polled)
    asked = printer.heard
    assert (await poll(polled)).identity == first.identity
    assert printer.heard - asked == asked - len(b"\x1b b")


def _firmware_of(printer: Olivetti, answer: bytes | DeviceError) -> tuple[bool, str]:
    """One poll of a printer that is well. Whether it was asked for its firmware, and the one then known."""
    talk = printer.talk()
    asked = False
    try:
        next(talk)
        ask = talk.send(b"\x1br0")
        asked = ask.question == b"\x1b b"
        talk.throw(answer) if isinstance(answer, DeviceError) else talk.send(answer)
    except StopIteration as end:
        return asked, end.value.identity.get("firmware", "")
    raise AssertionError("a poll asks no more than that")


def test_a_firmware_that_was_not_heard_once_is_asked_for_again() -> None:
    printer = Olivetti(read_profile("simulated"), asks_document=False)
    assert _firmware_of(printer, Unreachable(Reason.NO_ANSWER, "nothing was answered")) == (True, "")
    assert _firmware_of(printer, b"\x1bb1.00E;011;\x1bZ") == (True, "1.00E;011;")
    assert _firmware_of(printer, b"") == (False, "1.00E;011;")


def test_a_model_that_does_not_tell_its_firmware_holds_the_teller_up_in_three_polls_and_no_more() -> None:
    printer = Olivetti(read_profile("simulated"), asks_document=False)
    silence = Unreachable(Reason.NO_ANSWER, "nothing was answered")
    assert [_firmware_of(printer, silence)[0] for _ in range(5)] == [True, True, True, False, False]


async def test_a_model_without_the_document_question_is_not_asked_it(start: Start, driver: Make, poll: Poll) -> None:
    _, port = await start("passbook")
    reading = await poll(driver("passbook", port, emulation="olivetti", document=False, profile="simulated"))
    assert reading.parts == {"cover": "closed", "paper": "ok", "document": "unknown"}
    assert set(reading.raw) == {"ESC j"}


def test_every_shipped_table_can_be_read_and_none_but_the_simulator_s_maps_a_byte() -> None:
    mapped = [name for name in profile_names() if read_profile(name).status or read_profile(name).document]
    assert mapped == ["simulated"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"status": {"3": {}}}, "two hex digits"),
        ({"status": {"30": {"papier": "out"}}}, "not a part"),
        ({"status": {"30": {"paper": "leer"}}}, "not a word of 'paper'"),
        ({"status": {"30": {"device": "fine"}}}, "not a device word"),
    ],
)
def test_a_table_that_would_never_be_judged_is_an_error(table: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongOptions, match=said):
        CodeTable.model_validate(table)


def test_a_profile_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(WrongOptions, match="unmapped"):
        PassbookOptions.model_validate({"emulation": "olivetti", "profile": "pr9"})


@pytest.mark.parametrize(
    ("answer", "device", "parts"),
    [
        ("31 30 30 30", "online", {"shutter": "closed"}),
        ("31 30 31 31", "online", {"shutter": "open"}),  # data waits in its buffer: no fault
        ("31 31 30 30", "deviceBusy", {"shutter": "closed"}),
        ("30 30 30 30", "offline", {"shutter": "closed"}),
        ("30 32 30 30", "hardwareError", {"shutter": "closed", "document": "jammed"}),
        ("31 33 30 30", "unknown", {"shutter": "closed"}),
        ("32 30 30 30", "unknown", {"shutter": "closed"}),
        ("31 30 30 32", "online", {"shutter": "unknown"}),
    ],
)
def test_the_status_of_an_ncr_5021(answer: str, device: str, parts: dict[str, str]) -> None:
    frame = b"\x1b[" + bytes.fromhex(answer) + b"p"
    reading = ncr_5021.read(frame)
    assert (reading.device, reading.parts, reading.raw) == (device, parts, {"ESC [ 1": frame})


async def test_an_ncr_5021_is_asked_for_its_status_and_nothing_else(start: Start, driver: Make, poll: Poll) -> None:
    printer, port = await start("passbook", {"emulation": "ncr-5021"}, {"document": "jammed", "shutter": "open"})
    shown: list[dict[str, str]] = []
    printer.showed = lambda name, parts: shown.append(parts)
    reading = await poll(driver("passbook", port, emulation="ncr-5021"))
    assert (reading.device, reading.parts) == ("hardwareError", {"document": "jammed", "shutter": "open"})
    assert shown == [reading.parts]
    assert printer.heard == len(b"\x1b[1")


@pytest.mark.parametrize("told", [{"document": False}, {"profile": "simulated"}, {"table": {}}])
def test_what_is_said_of_an_olivetti_s_bytes_does_not_fit_an_ncr_5021(told: dict[str, object]) -> None:
    with pytest.raises(WrongOptions, match="is for the emulation olivetti"):
        PassbookOptions.model_validate({"emulation": "ncr-5021", **told})


def test_the_emulation_must_be_said() -> None:
    with pytest.raises(WrongOptions, match="emulation"):
        PassbookOptions.model_validate({})


def read_or_none(parse: Callable[[bytes], Any], answer: bytes) -> Any:
    """None is Garbled, with the bytes in it."""
    try:
        return parse(answer)
    except Garbled as garbled:
        return None if garbled.raw == answer else garbled


@given(st.binary(max_size=8) | st.binary(max_size=1).map(lambda x: b"\x1br" + x))
def test_any_bytes_are_a_status_or_garbled(answer: bytes) -> None:
    x = read_or_none(parse_status, answer)
    assert x is None or answer == b"\x1br" + bytes([x])


@given(st.binary(max_size=8) | st.binary(max_size=2).map(lambda m: b"\x1bB5" + m + b"\x1bZ"))
def test_any_bytes_are_a_document_position_or_garbled(answer: bytes) -> None:
    m = read_or_none(parse_document, answer)
    assert m is None or answer == b"\x1bB5" + bytes([m]) + b"\x1bZ"


@given(st.binary(max_size=40) | st.binary(max_size=40).map(lambda text: b"\x1bb" + text + b"\x1bZ"))
def test_any_bytes_are_a_firmware_or_garbled(answer: bytes) -> None:
    text = read_or_none(parse_firmware, answer)
    assert text is None or (text.isprintable() and answer == b"\x1bb" + text.encode() + b"\x1bZ")


@given(st.binary(max_size=9) | st.binary(max_size=4).map(lambda told: b"\x1b[" + told + b"p"))
def test_any_bytes_are_the_status_of_an_ncr_5021_or_garbled(answer: bytes) -> None:
    reading = read_or_none(ncr_5021.read, answer)
    assert reading is None or reading.raw == {"ESC [ 1": answer}
