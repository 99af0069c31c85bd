"""Creator card readers: CRT-310, CRT-571, CRT-591 and CRT-591H, by `model` in the options.

State: card, and of a CRT-310 shutter, of the CRT-571/591 stacker and retract. A part that can only be told by an error
answer is told by it: card "jammed", "module.motor", "module.sensor", "module.chip", "module.power" with "fault".
`initialised = "no"` is a CRT-571/591 that was powered and not reset yet.
"""

from binascii import crc_hqx
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from drivers.card_reader.crt import (
    CARD_5X1,
    CARD_591H,
    ERRORS_591H,
    F2,
    RETRACT_5X1,
    SENSORS_310_V2,
    SENSORS_310_V3,
    SHUTTER_310,
    STACKER_5X1,
    STATUS_310,
    CrtOptions,
    Model,
    frame_5x1,
    frame_310,
    frame_591h,
)
from drivers.card_reader.frame import ACK, ENQ, EOT, NAK, STX, bcc
from drivers.sim.base import check_options, check_state, choice, known_words, whole
from drivers.sim.serial_end import Answer, Dialect, SerialSimulator, serial_simulator

HEALTHY_310 = {"card": "none", "shutter": "closed"}
HEALTHY_5X1 = {"card": "none", "stacker": "ok", "retract": "ok", "initialised": "yes"}
HEALTHY_591H = {"card": "none"}
_CARD_310 = {"none": 0x4E, "entering": 0x49, "present": 0x4A, "captured": 0x4D}
_ERRORS_310 = {("module.power", "fault"): b"\x05"}
_ERRORS_5X1 = {
    ("card", "jammed"): b"10",
    ("module.sensor", "fault"): b"12",
    ("module.chip", "fault"): b"41",
    ("module.motor", "fault"): b"51",
}


class Crt310Dialect:
    """`sensors` is which sensor question it knows: "v3", "v2" or "none"."""

    def __init__(self, sensors: str) -> None:
        self._sensors = {"v3": SENSORS_310_V3, "v2": SENSORS_310_V2}.get(sensors)
        self._asked: bytes | None = None  # acknowledged, waiting for ENQ
        self._told: dict[str, str] = {}

    def take(self, heard: bytearray, state: dict[str, str]) -> Answer | None:
        if not heard:
            return None
        first = heard[0]
        if first == STX:
            return self._frame(heard)
        del heard[0]
        if first == EOT:
            self._asked = None
            return Answer(bytes([EOT]))
        if first == ENQ and self._asked is not None:
            asked, self._asked = self._asked, None
            return self._reply(asked, state)
        return Answer(b"")

    def _frame(self, heard: bytearray) -> Answer | None:
        size = 5 + int.from_bytes(heard[1:3], "big") if len(heard) >= 3 else 5
        if len(heard) < size:
            return None
        frame = bytes(heard[:size])
        del heard[:size]
        if bcc(frame):
            return Answer(bytes([NAK]))
        self._asked = frame[3:-2]
        return Answer(bytes([ACK]))

    def _reply(self, text: bytes, state: dict[str, str]) -> Answer:
        error = _error(_ERRORS_310, state)
        if text == STATUS_310:
            if error is not None:
                return Answer(frame_310(b"\x4e" + text[:1] + error[1]), error[0])
            card = state["card"] if state["card"] in _CARD_310 else "none"
            self._told = {"card": card}
            answer = frame_310(text + bytes([_CARD_310[card], 0x4A, 0x4A]))
            return Answer(answer, dict(self._told) if self._sensors is None else None)
        if text == self._sensors and error is None:
            shutter = state["shutter"] if state["shutter"] in SHUTTER_310.values() else "closed"
            width = 6 if text == SENSORS_310_V3 else 5
            sensors = bytes([0x30] * width + [_code(SHUTTER_310, shutter), 0x30])
            return Answer(frame_310(text + sensors), {**self._told, "shutter": shutter})
        return Answer(frame_310(bytes([0x4E, text[0], 0x00])))


class Crt5x1Dialect:
    def __init__(self, unit: int) -> None:
        self._unit = unit

    def take(self, heard: bytearray, state: dict[str, str]) -> Answer | None:
        if not heard:
            return None
        if heard[0] != F2:  # the host's ACK of our answer
            del heard[0]
            return Answer(b"")
        size = 6 + int.from_bytes(heard[2:4], "big") if len(heard) >= 4 else 6
        if len(heard) < size:
            return None
        frame = bytes(heard[:size])
        del heard[:size]
        if frame[1] != self._unit:
            return Answer(b"")
        if bcc(frame):
            return Answer(bytes([NAK]))
        text, tells = self._reply(frame[4:-2], state)
        return Answer(bytes([ACK]) + frame_5x1(self._unit, text), tells)

    def _reply(self, text: bytes, state: dict[str, str]) -> tuple[bytes, dict[str, str] | None]:
        head = text[1:3]
        if state.get("initialised") == "no":
            return b"N" + head + b"B0", None
        if text[1:2] != b"\x31":
            return b"N" + head + b"00", None
        error = _error(_ERRORS_5X1, state)
        if error is not None:
            return b"N" + head + error[1], error[0]
        tables = {"card": CARD_5X1, "stacker": STACKER_5X1, "retract": RETRACT_5X1}
        codes = bytes(_code(table, state[key]) for key, table in tables.items())
        sensors = b"0" * 8 if text[2:3] == b"\x31" else b""
        return b"P" + head + codes + sensors, {key: state[key] for key in tables}


class Crt591hDialect:
    def take(self, heard: bytearray, state: dict[str, str]) -> Answer | None:
        if not heard:
            return None
        if heard[0] != F2:  # the host's ACK of our answer
            del heard[0]
            return Answer(b"")
        size = 5 + int.from_bytes(heard[1:3], "big") if len(heard) >= 3 else 5
        if len(heard) < size:
            return None
        frame = bytes(heard[:size])
        del heard[:size]
        if crc_hqx(frame, 0):
            return Answer(bytes([NAK]))
        text, tells = self._reply(frame[3:-2], state)
        return Answer(bytes([ACK]) + frame_591h(text), tells)

    def _reply(self, text: bytes, state: dict[str, str]) -> tuple[bytes, dict[str, str] | None]:
        head = text[1:3]
        if state.get("initialised") == "no":
            return b"N" + head + b"13", None
        if text[1:2] != b"1":
            return b"N" + head + b"00", None
        for code, said in ERRORS_591H.items():
            if said.parts.items() <= state.items():
                return b"N" + head + code, dict(said.parts)
        card = next(code for code, word in CARD_591H.items() if word == state["card"])
        sensors = b"0" * 17 if text[2:3] == b"A" else b""
        return b"P" + head + card + sensors, {"card": state["card"], "stacker": "unknown"}


def _code(table: Mapping[int, str], word: str) -> int:
    return next(code for code, known in table.items() if known == word)


def _error(table: Mapping[tuple[str, str], bytes], state: dict[str, str]) -> tuple[dict[str, str], bytes] | None:
    """What a part of the state can only be told by, and its code."""
    return next((({key: word}, code) for (key, word), code in table.items() if state.get(key) == word), None)


def make(name: str, options: dict[str, object], state: dict[str, str], folder: Path) -> SerialSimulator:
    check_options("a simulated card reader", options, CrtOptions, "knows", "link")
    model = choice(options, "model", get_args(Model), "crt-310")
    dialect: Dialect
    if model == "crt-310":
        known = known_words({"card": _CARD_310, "shutter": SHUTTER_310.values()}, _ERRORS_310)
        dialect, healthy = Crt310Dialect(choice(options, "knows", ("v3", "v2", "none"), "v3")), HEALTHY_310
    elif model == "crt-591h":
        known = known_words(
            {"card": CARD_591H.values()}, (item for said in ERRORS_591H.values() for item in said.parts.items())
        )
        known["initialised"] = ["yes", "no"]
        dialect, healthy = Crt591hDialect(), HEALTHY_591H
    else:
        tables = {"card": CARD_5X1, "stacker": STACKER_5X1, "retract": RETRACT_5X1}
        known = known_words({key: table.values() for key, table in tables.items()}, _ERRORS_5X1)
        known["initialised"] = ["yes", "no"]
        dialect, healthy = Crt5x1Dialect(whole(options, "unit", 15)), HEALTHY_5X1
    check_state(f"a simulated {model}", state, known)
    return serial_simulator(name, dialect, options, {**healthy, **state}, folder)
