"""A ZVT payment terminal: answers a status enquiry, and says "not possible" (84 83) to anything else.

Options: the driver's `framing`, and `link = "tcp"`; bare framing there, blocks on a pty. `intermediate = true`: it says
"please wait" (04 FF 0E) first. State: `status`, its code in two hex digits ("00", "9C"), and `firmware`.
"""

import re
from pathlib import Path

from drivers.errors import Garbled
from drivers.pos.zvt import ACKNOWLEDGED, CODES, COMPLETION, INTERMEDIATE, STATUS_ENQUIRY, ZvtOptions
from drivers.pos.zvt_line import NAK, BareLine, Command, Line, SerialLine
from drivers.sim.base import check_options, check_state, choice
from drivers.sim.serial_end import Answer, SerialSimulator, serial_simulator

HEALTHY = {"status": "00", "firmware": "SIM-APP-1.0"}
_NOT_POSSIBLE = Command(b"\x84\x83")
_PLEASE_WAIT = Command(INTERMEDIATE, b"\x0e")


class ZvtDialect:
    """Says one command at a time, as a terminal does: the next when the last was taken."""

    def __init__(self, line: Line, *, intermediate: bool) -> None:
        self._line = line
        self._intermediate = intermediate
        self._next: list[Answer] = []
        self._began = False  # acknowledged in a block, and waiting for that block to be taken

    def take(self, heard: bytearray, state: dict[str, str]) -> Answer | None:
        try:
            commands, rest = self._line.unwrap(bytes(heard))
        except Garbled:
            heard.clear()
            return Answer(bytes([NAK]))
        if not commands:
            return self._taken(heard)
        del heard[: len(heard) - len(rest)]
        command = commands[-1]
        if command == ACKNOWLEDGED:
            return self._say_next(self._line.took())
        self._next = []
        if command != STATUS_ENQUIRY:
            return Answer(self._line.took() + self._line.wrap(_NOT_POSSIBLE))
        if self._intermediate:
            self._next.append(Answer(self._line.wrap(_PLEASE_WAIT)))
        self._next.append(self._status(state))
        return self._begin()

    def _begin(self) -> Answer:
        """The acknowledgement; on a line without blocks the first command follows it at once."""
        first = self._line.took() + self._line.wrap(ACKNOWLEDGED)
        self._began = bool(self._line.took())
        return Answer(first) if self._began else self._say_next(first)

    def _taken(self, heard: bytearray) -> Answer | None:
        """A block of ours was taken (06), and no command came with it."""
        took = self._line.took()
        if not took or bytes(heard) != took:
            return None
        heard.clear()
        began, self._began = self._began, False
        return self._say_next(b"") if began else Answer(b"")

    def _say_next(self, before: bytes) -> Answer:
        if not self._next:
            return Answer(before)
        answer = self._next.pop(0)
        return Answer(before + answer.data, answer.tells)

    def _status(self, state: dict[str, str]) -> Answer:
        version = state["firmware"].encode("ascii")
        length = bytes(0xF0 | int(digit) for digit in f"{len(version):03d}")
        code = bytes.fromhex(state["status"])
        known = CODES.get(code[0])
        return Answer(self._line.wrap(Command(COMPLETION, length + version + code)), dict(known.parts) if known else {})


def _check(state: dict[str, str]) -> None:
    firmware = state.get("firmware", "")
    if not firmware.isascii() or len(firmware) > 99:
        raise ValueError("firmware of a simulated ZVT terminal is at most 99 ASCII characters")
    status = state.get("status", "00")
    if not re.fullmatch("[0-9A-Fa-f]{2}", status):
        raise ValueError(f'status of a simulated ZVT terminal is a code of two hex digits, and "{status}" is none')
    codes = [status, *(f"{code:02X}" for code in CODES)]
    check_state("a simulated ZVT terminal", state, {"status": codes, "firmware": [firmware]})


def make(name: str, options: dict[str, object], state: dict[str, str], folder: Path) -> SerialSimulator:
    check_options("a simulated ZVT terminal", options, ZvtOptions, "intermediate", "link")
    _check(state)
    framing = choice(options, "framing", ("by address", "bare", "serial"), "by address")
    bare = options.get("link") == "tcp" if framing == "by address" else framing == "bare"
    dialect = ZvtDialect(BareLine() if bare else SerialLine(), intermediate=bool(options.get("intermediate")))
    return serial_simulator(name, dialect, options, {**HEALTHY, **state}, folder)
