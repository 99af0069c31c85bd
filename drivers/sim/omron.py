"""An OMRON 3S4YR-MVFW card reader.

State: card and shutter; card "jammed", and a part of its inside ("module.motor", "module.memory") that is not "ok", are
told by an error answer. `initialised = "no"` is one that was powered and not reset yet.
"""

from pathlib import Path

from drivers.card_reader.frame import ACK, DLE, ENQ, EOT, NAK, STX
from drivers.card_reader.omron import CARD, ERRORS, SENSORS, SHUTTER, STATUS, OmronOptions, find_end, frame, parse
from drivers.errors import Garbled
from drivers.sim.base import check_options, check_state, known_words
from drivers.sim.serial_end import Answer, SerialSimulator, serial_simulator

HEALTHY = {"card": "none", "shutter": "closed", "initialised": "yes"}
_TOLD_BY_ERROR = {
    code: said.parts for code, said in ERRORS.items() if said.parts.get("card") not in ("present", "unknown")
}


class OmronDialect:
    def __init__(self) -> None:
        self._asked: bytes | None = None  # acknowledged, waiting for ENQ

    def take(self, heard: bytearray, state: dict[str, str]) -> Answer | None:
        start = heard.find(DLE)
        del heard[: len(heard) if start < 0 else start]
        if len(heard) < 2:
            return None
        if heard[1] == STX:
            return self._frame(heard)
        control = heard[1]
        del heard[:2]
        if control == EOT:
            self._asked = None
        if control == ENQ and self._asked is not None:
            asked, self._asked = self._asked, None
            return _reply(asked, state)
        return Answer(b"")

    def _frame(self, heard: bytearray) -> Answer | None:
        end = find_end(bytes(heard))
        if end is None or len(heard) < end + 3:
            return None
        received = bytes(heard[: end + 3])
        del heard[: end + 3]
        try:
            self._asked = parse(received)
        except Garbled:
            return Answer(bytes([DLE, NAK]))
        return Answer(bytes([DLE, ACK]))


def _reply(question: bytes, state: dict[str, str]) -> Answer:
    if state.get("initialised") == "no":
        return Answer(frame(b"N" + question[1:] + b"19"))
    if question not in (STATUS, SENSORS):
        return Answer(frame(b"N" + question[1:] + b"00"))
    for code, parts in _TOLD_BY_ERROR.items():
        if parts.items() <= state.items():
            return Answer(frame(b"N" + question[1:] + code.encode()), dict(parts))
    code = next(code for code, word in CARD.items() if word == state["card"])
    tells = {"card": state["card"]}
    sensors = b""
    if question == SENSORS:
        echo = next(code for code, word in SHUTTER.items() if word == state["shutter"])
        sensors = b"00000" + bytes([echo]) + b"000000"
        tells["shutter"] = state["shutter"]
    return Answer(frame(b"P" + question[1:] + code.encode() + sensors), tells)


def make(name: str, options: dict[str, object], state: dict[str, str], folder: Path) -> SerialSimulator:
    check_options("a simulated OMRON reader", options, OmronOptions, "link")
    errors = (told for parts in _TOLD_BY_ERROR.values() for told in parts.items())
    known = known_words({"card": CARD.values(), "shutter": SHUTTER.values()}, errors)
    check_state("a simulated OMRON reader", state, {**known, "initialised": ("yes", "no")})
    return serial_simulator(name, OmronDialect(), options, {**HEALTHY, **state}, folder)
