"""UPSes with a serial port that speak Megatec, also called Q1: Santak Castle and MT-PRO, and most Chinese makes.

2400 8N1, each question and answer ends in CR. Three questions are asked, none of which changes anything:

    Q1  -> (MMM.M NNN.N PPP.P QQQ RR.R SS.S TT.T b7b6b5b4b3b2b1b0    the state, each poll
    F   -> #MMM.M QQQ SS.SS RR.R                                     ratings, once
    I   -> #maker(15) model(10) version(10)                          identity, once

A UPS gives back a question it does not know. Source: the maker's "Megatec Protocol information" V2.7 of 1996, as the
Network UPS Tools publish it; the second implementation it is held to is theirs. Recordings: tests/drivers/cases/ups.

The charge in per cent is not told by Q1 and not computed here. It would take the voltages at which this very battery is
full and empty, under this load: F tells one nominal voltage, of the block or of all blocks as the model likes.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from drivers.base import DeviceWord, Reading, Shared
from drivers.errors import DeviceError, Garbled, NotSupported, Reason
from drivers.serial_driver import SerialDriver
from drivers.serial_link import Ask, Baud, Conversation, SerialOptions

STATE, RATINGS, IDENTITY = b"Q1\r", b"F\r", b"I\r"
_HOLD_SECONDS = 2.5  # 47 bytes take 0.2 s at 2400 baud, and some UPSes think before they speak
_STATE_SECONDS = 1.0
_ONCE_SECONDS = 0.7
_LINE_LIMIT = 80

# The columns of a Q1 answer of 47 bytes, by which a value of spaces alone is told from one that is not there.
_COLUMNS = ((1, 6), (7, 12), (13, 18), (19, 22), (23, 27), (28, 32), (33, 37), (38, 46))
_NUMBER = re.compile(r"-?\d{1,4}(\.\d{1,3})?")
_MISSING = re.compile(r"[-.\s]*")
_HIGHEST_CELL = 3.5  # V; no lead-acid cell has more, no battery of a UPS has less
_NEAR_RATED = (0.7, 1.35)  # of the rated voltage: a battery from empty to charging
_NO_OUTPUT = 50.0  # V; no mains is lower
_BYPASS = (0.95, 1.05)  # output to input, where neither boost nor buck is at work
T = TypeVar("T")


class MegatecOptions(SerialOptions):
    """Those of every serial port; the speed is what the protocol says."""

    baud: Baud = 2400


@dataclass(frozen=True, kw_only=True)
class State:
    """A Q1 answer. A value the UPS left out is None. `battery` is in volts, as told."""

    input: float | None
    output: float | None
    load: float | None
    frequency: float | None
    battery: float | None
    temperature: float | None
    mains_failed: bool
    battery_low: bool
    diverted: bool  # bypass of an on-line UPS; boost or buck of a line-interactive one
    failed: bool
    line_interactive: bool  # or stand-by; otherwise on-line
    testing: bool
    shutting_down: bool


@dataclass(frozen=True)
class Ratings:
    voltage: float
    current: float
    battery: float
    frequency: float

    def __str__(self) -> str:
        current = f"{self.current:g} A, " if self.current else ""  # 000 is told by those that do not say
        return f"{self.voltage:g} V, {current}battery {self.battery:g} V, {self.frequency:g} Hz"


class Megatec(SerialDriver):
    Options = MegatecOptions
    hold = _HOLD_SECONDS

    def __init__(self, address: str, options: MegatecOptions, shared: Shared) -> None:
        super().__init__(address, options, shared)
        self._to_ask = {RATINGS, IDENTITY}
        self._ratings: Ratings | None = None
        self._identity: dict[str, str] = {}

    def talk(self) -> Conversation[Reading]:
        answer = yield Ask(STATE, _ended, seconds=_STATE_SECONDS, limit=_LINE_LIMIT)
        state = parse_state(answer)
        self._ratings = (yield from self._once(RATINGS, parse_ratings)) or self._ratings
        self._identity = (yield from self._once(IDENTITY, parse_identity)) or self._identity
        return read(state, self._ratings, self._identity, answer)

    def _once(self, question: bytes, parse: Callable[[bytes], T]) -> Conversation[T | None]:
        """What `question` gives, asked until it is answered or given back. None: nothing new came."""
        if question not in self._to_ask:
            return None
        try:
            told = parse((yield Ask(question, _ended, seconds=_ONCE_SECONDS, limit=_LINE_LIMIT)))
        except NotSupported:
            told = None
        except DeviceError:
            return None  # noise or silence: the next poll asks again
        self._to_ask.discard(question)
        return told


def _ended(answer: bytes) -> bool:
    return answer.endswith(b"\r")


# -- what it means --------------------------------------------------------------------------------------------------


def read(state: State, ratings: Ratings | None, identity: Mapping[str, str], raw: bytes) -> Reading:
    power = read_power(state)
    alarms = read_alarms(state, power)
    numbers = {
        "input.voltage": state.input,
        "output.voltage": state.output,
        "load": state.load,
        "input.frequency": state.frequency,
        "ups.temperature": state.temperature,
        **read_battery(state, ratings),
    }
    return Reading(
        device=DeviceWord.HARDWARE_ERROR if state.failed else DeviceWord.ONLINE,
        parts={
            "power": power,
            "battery": "low" if state.battery_low else "ok",
            "module.ups": "fault" if state.failed else "ok",
            "alarm": "present" if alarms else "none",
        },
        numbers={key: value for key, value in numbers.items() if value is not None},
        texts={"alarm": ", ".join(alarms)} if alarms else {},
        identity={**identity, **({"rating": str(ratings)} if ratings else {})},
        raw={"Q1": raw},
    )


def read_alarms(state: State, power: str) -> list[str]:
    """Called as the UPS-MIB calls them, so that a UPS says the same by serial line and by SNMP."""
    alarms = {
        "on battery": state.mains_failed,
        "low battery": state.battery_low,
        "on bypass": power == "bypass",
        "general fault": state.failed,
        "shutdown pending": state.shutting_down,
        "test in progress": state.testing,
    }
    return [name for name, there in alarms.items() if there]


def read_power(state: State) -> str:
    """What feeds the load. Of a UPS that was switched off no bit tells; its output of 0 V does."""
    if state.output is not None and state.output < _NO_OUTPUT:
        return "none"
    if state.mains_failed:
        return "battery"
    if not state.diverted:
        return "mains"
    if not state.line_interactive:
        return "bypass"
    if not state.input or state.output is None:
        return "unknown"
    # Mains made higher or lower is still mains, with the battery behind it; mains as it comes is the bypass.
    return "bypass" if _BYPASS[0] <= state.output / state.input <= _BYPASS[1] else "mains"


def read_battery(state: State, ratings: Ratings | None) -> dict[str, float | None]:
    """The voltage of the battery, or of one cell of it, which is what an on-line UPS is to tell.

    Many on-line UPSes tell another voltage all the same: it is the battery's where it is near the rated one. It may
    also be one block's of many, so without a rating it is not given.
    """
    volts = state.battery
    if volts is None:
        return {}
    if state.line_interactive:
        return {"battery.voltage": volts}
    if volts < _HIGHEST_CELL:
        return {"battery.cell.voltage": volts}
    if ratings is not None and _NEAR_RATED[0] <= volts / ratings.battery <= _NEAR_RATED[1]:
        return {"battery.voltage": volts}
    return {}


# -- answers --------------------------------------------------------------------------------------------------------


def parse_state(answer: bytes) -> State:
    """The answer to Q1. Columns are split by single spaces; a value that is not there is `---.-` or spaces."""
    line = _line(answer, STATE, b"(")
    columns = [line[first:last] for first, last in _COLUMNS]
    if len(line) != 46 or any(line[last] != " " for _, last in _COLUMNS[:-1]):
        columns = line[1:].split()
    if len(columns) != len(_COLUMNS) or re.fullmatch("[01]{8}", columns[-1]) is None:
        raise Garbled(Reason.BAD_FRAME, "the answer to Q1 is not seven values and eight bits", raw=answer)
    values = [_number(column, answer) for column in columns[:-1]]
    bits = [bit == "1" for bit in columns[-1]]
    return State(
        input=values[0],  # values[1] is the input when it last failed
        output=values[2],
        load=values[3],
        frequency=values[4],
        battery=values[5],
        temperature=values[6],
        mains_failed=bits[0],
        battery_low=bits[1],
        diverted=bits[2],
        failed=bits[3],
        line_interactive=bits[4],
        testing=bits[5],
        shutting_down=bits[6],  # bits[7], the beeper, says nothing of health
    )


def parse_ratings(answer: bytes) -> Ratings:
    """The answer to F: volts, amperes, volts of the battery, hertz."""
    columns = _line(answer, RATINGS, b"#")[1:].split()
    values = [_number(column, answer) for column in columns]
    known = [value for value in values if value is not None]
    if len(values) != 4 or len(known) != 4 or known[2] <= 0:
        raise Garbled(Reason.BAD_FRAME, "the answer to F is not four ratings", raw=answer)
    return Ratings(*known)


def parse_identity(answer: bytes) -> dict[str, str]:
    """The answer to I. Makers fill it as they like: what is not in the three columns is kept as it came."""
    line = _line(answer, IDENTITY, b"#")
    if not line.isprintable():
        raise Garbled(Reason.BAD_FRAME, "the answer to I holds control characters", raw=answer)
    if line[16:17] == " " and line[27:28] == " ":
        told = {"maker": line[1:16], "model": line[17:27], "firmware": line[28:]}
    else:
        told = {"description": line[1:]}
    return {key: text.strip() for key, text in told.items() if text.strip(" -")}


def _line(answer: bytes, question: bytes, first: bytes) -> str:
    """The text of an answer that begins with `first`, without its CR."""
    if answer == question:
        raise NotSupported(Reason.NOT_IN_DEVICE, f"this UPS does not know the question {question[:-1].decode()}")
    if not answer.startswith(first) or answer.find(b"\r") != len(answer) - 1 or not answer.isascii():
        raise Garbled(Reason.BAD_FRAME, f"the answer to {question[:-1].decode()} is not a Megatec line", raw=answer)
    return answer[:-1].decode("ascii")


def _number(text: str, answer: bytes) -> float | None:
    if _NUMBER.fullmatch(text.strip()):
        return float(text)
    if _MISSING.fullmatch(text):
        return None
    raise Garbled(Reason.BAD_FRAME, f"{text!r} is not a number", raw=answer)
