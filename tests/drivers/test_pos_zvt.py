"""ZVT terminals: blocks and commands as other clients recorded them, what is never answered, and any other bytes."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import DeviceWord, Driver, Reading
from drivers.catalogue import catalogue
from drivers.errors import Garbled, NotSupported, Refused
from drivers.options import WrongOptions
from drivers.pos.zvt import CODES, Said, ZvtOptions, read, read_completion
from drivers.pos.zvt_line import BareLine, Command, Line, SerialLine
from drivers.sim.serial_end import Answer, SerialSimulator

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]
Overhear = Callable[[Any], bytearray]

COMMANDS = st.builds(
    Command,
    st.sampled_from([b"\x05\x01", b"\x06\x0f", b"\x06\x1e", b"\x04\xff", b"\x80\x00", b"\x84\x9c", b"\x06\xd1"]),
    st.binary(max_size=8) | st.binary(min_size=250, max_size=260) | st.just(b"\x10" * 5),
)
LINES = st.sampled_from([BareLine(), SerialLine()])


# -- how commands travel --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "block"),
    [
        ("80 00 00", "10 02 80 00 00 10 03 f5 1f"),
        ("84 9c 00", "10 02 84 9c 00 10 03 c3 41"),
        ("05 01 03 12 34 56", "10 02 05 01 03 12 34 56 10 03 e0 43"),
        ("06 0f 0b f0 f0 f7 32 2e 31 34 2e 31 35 00", "10 02 06 0f 0b f0 f0 f7 32 2e 31 34 2e 31 35 00 10 03 b1 11"),
        (
            "06 01 0a 04 00 00 00 01 10 00 49 09 78",  # a 10 in it is doubled, and counted once
            "10 02 06 01 0a 04 00 00 00 01 10 10 00 49 09 78 10 03 f2 ff",
        ),
    ],
)
def test_a_block_is_what_ecrterm_recorded(command: str, block: str) -> None:
    told = bytes.fromhex(command)
    assert SerialLine().wrap(Command(told[:2], told[3:])) == bytes.fromhex(block)
    assert SerialLine().unwrap(bytes.fromhex(block)) == ([Command(told[:2], told[3:])], b"")


def test_the_check_bytes_of_a_block_are_not_doubled() -> None:
    """Those of the status enquiry itself hold a 10."""
    assert SerialLine().wrap(Command(b"\x05\x01")) == bytes.fromhex("10 02 05 01 00 10 03 10 06")


@pytest.mark.parametrize(
    ("told", "size"), [("04 0f 01 6c", 1), ("04 0f ff 01 00 6c", 1), ("04 0f ff 00 01" + "00" * 256, 256)]
)
def test_a_length_is_one_byte_or_three(told: str, size: int) -> None:
    commands, rest = BareLine().unwrap(bytes.fromhex(told))
    assert [len(command.data) for command in commands] == [size]
    assert rest == b""


@given(LINES, st.lists(COMMANDS, max_size=4), st.integers(0, 40))
def test_commands_come_back_whole_wherever_the_wire_stops(line: Line, commands: list[Command], cut: int) -> None:
    wire = b"".join(line.wrap(command) for command in commands)
    assert line.unwrap(wire) == (commands, b"")
    come, rest = line.unwrap(wire[: max(0, len(wire) - cut)])
    assert come == commands[: len(come)]
    assert wire.startswith(b"".join(map(line.wrap, come)) + rest)


@given(COMMANDS, st.integers(0, 2**16), st.integers(1, 255))
def test_a_changed_byte_in_a_block_never_makes_another_command(command: Command, place: int, change: int) -> None:
    block = bytearray(SerialLine().wrap(command))
    block[place % len(block)] ^= change
    with suppress(Garbled):
        assert SerialLine().unwrap(bytes(block))[0] in ([], [command])


@given(LINES, st.binary(max_size=40))
def test_any_bytes_are_commands_or_garbled(line: Line, heard: bytes) -> None:
    with suppress(Garbled):
        commands, rest = line.unwrap(heard)
        assert len(rest) <= len(heard)
        for command in commands:
            with suppress(Garbled, NotSupported, Refused):
                assert isinstance(read(command), Said)


# -- what they mean -------------------------------------------------------------------------------------------------


def test_every_code_says_words_of_the_catalogue() -> None:
    for said in CODES.values():
        for key, word in said.parts.items():
            part = catalogue().find_part(key)
            assert part is not None
            assert word in part.words


@pytest.mark.parametrize(
    ("data", "device", "firmware"),
    [
        ("00", "online", ""),
        ("f0 f0 f7 32 2e 31 34 2e 31 35 00", "online", "2.14.15"),
        ("f0 f0 f7 32 2e 31 34 2e 31 35 9c", "deviceBusy", "2.14.15"),
        ("f6", "userError", ""),  # a status, not the length of a version
        ("f0 f0 f7 32 2e 31", "unknown", "2.1"),  # the status is missing
        ("", "unknown", ""),
        ("42", "unknown", ""),
    ],
)
def test_a_completion_holds_the_version_and_the_status(data: str, device: str, firmware: str) -> None:
    said = read_completion(bytes.fromhex(data))
    assert (said.device, said.firmware) == (device, firmware)


@given(st.binary(max_size=20))
def test_only_a_status_of_ready_or_of_a_card_inside_is_on_line(data: bytes) -> None:
    said = read_completion(data)
    assert (said.device is DeviceWord.ONLINE) <= bool({0x00, 0xDC} & set(data))


@pytest.mark.parametrize("code", [0x00, 0x51, 0x62, 0xDC])
def test_a_no_is_never_good_and_codes_of_the_operator_are_not_known(code: int) -> None:
    assert read(Command(b"\x06\x1e", bytes([code]))).device is DeviceWord.UNKNOWN


@pytest.mark.parametrize("control", [b"\x80\x00", b"\x84\x00"])
def test_an_acknowledgement_alone_is_no_status(control: bytes) -> None:
    assert read(Command(control)).device is DeviceWord.UNKNOWN


# -- what is sent ---------------------------------------------------------------------------------------------------


def test_the_terminal_s_timetable_must_be_said() -> None:
    for options in ({}, {"timetable": "nightly"}):
        with pytest.raises(WrongOptions, match="timetable"):
            ZvtOptions.model_validate(options)


@pytest.mark.parametrize(
    ("address", "framing", "line"),
    [
        ("socket://10.1.2.3:20007", "by address", BareLine),
        ("socket://10.1.2.3:4001", "serial", SerialLine),
        ("COM3", "by address", SerialLine),
        ("rfc2217://10.1.2.3:4001", "by address", SerialLine),
        ("/dev/ttyACM0", "bare", BareLine),
    ],
)
def test_the_framing_follows_from_the_address_unless_it_is_said(address: str, framing: str, line: type[Line]) -> None:
    options = ZvtOptions.model_validate({"timetable": "none", "framing": framing})
    assert isinstance(options.line(address), line)


@pytest.mark.parametrize("link", ["pty", "tcp"])
async def test_nothing_but_the_enquiry_and_acknowledgements_is_sent(
    link: str, start: Start, driver: Make, poll: Poll, overhear: Overhear
) -> None:
    terminal, address = await start("pos/zvt", {"link": link, "intermediate": True})
    sent = overhear(terminal)
    await poll(driver("pos/zvt", address, timetable="none"))
    line: Line = BareLine() if link == "tcp" else SerialLine()
    commands, _ = line.unwrap(bytes(sent))
    assert commands == [Command(b"\x05\x01"), Command(b"\x80\x00"), Command(b"\x80\x00")]


class OfItsOwn:
    """A terminal that answers the enquiry with an acknowledgement and one command, and says no more."""

    def __init__(self, command: Command) -> None:
        self._says = b"\x80\x00\x00" + bytes(command)
        self.heard: list[Command] = []

    def take(self, heard: bytearray, state: dict[str, str]) -> Answer | None:
        commands, rest = BareLine().unwrap(bytes(heard))
        if not commands:
            return None
        del heard[: len(heard) - len(rest)]
        self.heard += commands
        says, self._says = self._says, b""
        return Answer(says)


@pytest.mark.parametrize("control", ["06 d1", "06 d3", "04 0f"])
async def test_a_till_s_business_is_neither_acknowledged_nor_kept(
    control: str, tmp_path: Any, driver: Make, poll: Poll
) -> None:
    """What is acknowledged counts as printed or booked, and status information holds the card's number."""
    own = OfItsOwn(Command(bytes.fromhex(control), b"\x22\xf1\xf0\x67\x25\x90"))
    terminal = SerialSimulator("own", own, {}, tmp_path, tcp=True)
    reading = await poll(driver("pos/zvt", await terminal.start(), timetable="none"))
    await terminal.close()
    assert reading.device is DeviceWord.DEVICE_BUSY
    assert reading.raw == {"05 01": b"\x80\x00\x00" + bytes.fromhex(control)}
    assert own.heard == [Command(b"\x05\x01")]


@pytest.mark.parametrize(
    ("status", "device", "parts"),
    [
        ("00", "online", {}),
        ("9C", "deviceBusy", {}),
        ("CC", "userError", {"module.printer": "fault"}),
        ("E2", "hardwareError", {"module.reader": "fault"}),
        ("DF", "offline", {"service": "outOfService"}),
        ("42", "unknown", {}),
    ],
)
@pytest.mark.parametrize("link", ["pty", "tcp"])
async def test_the_simulator_shows_what_it_was_set_to(
    status: str, device: str, parts: dict[str, str], link: str, start: Start, driver: Make, poll: Poll
) -> None:
    terminal, address = await start("pos/zvt", {"link": link}, {"status": status})
    shown: list[dict[str, str]] = []
    terminal.showed = lambda name, told: shown.append(told)
    reading = await poll(driver("pos/zvt", address, timetable="none"))
    assert (reading.device, reading.parts) == (device, parts)
    assert shown == [parts]


async def test_of_what_cannot_be_read_only_the_beginning_is_kept(tmp_path: Any, driver: Make, poll: Poll) -> None:
    own = OfItsOwn(Command(b"\x04\x0f", b"\x22\xf1\xf0\x67\x25\x90"))
    own._says = own._says[:-1]
    terminal = SerialSimulator("own", own, {}, tmp_path, tcp=True)
    with pytest.raises(Garbled) as error:
        await poll(driver("pos/zvt", await terminal.start(), timetable="none"))
    await terminal.close()
    assert error.value.raw in (bytes.fromhex("04 0f 06 22"), bytes.fromhex("80 00 00 04"))  # as it came in pieces


@pytest.mark.parametrize("control", ["05 01", "08 30", "0f 22"])
def test_of_a_command_that_is_none_of_ours_only_the_name_is_kept(control: str) -> None:
    with pytest.raises(Garbled) as error:
        read(Command(bytes.fromhex(control), b"4111111111111111"))
    assert error.value.raw == bytes.fromhex(control)


async def test_a_terminal_still_at_work_when_the_port_is_let_go_is_busy(
    tmp_path: Any, driver: Make, poll: Poll
) -> None:
    own = OfItsOwn(Command(b"\x04\xff", b"\xca"))
    terminal = SerialSimulator("own", own, {}, tmp_path, tcp=True)
    reading = await poll(driver("pos/zvt", await terminal.start(), timetable="none"))
    await terminal.close()
    assert reading.device is DeviceWord.DEVICE_BUSY
    assert own.heard == [Command(b"\x05\x01"), Command(b"\x80\x00")]
