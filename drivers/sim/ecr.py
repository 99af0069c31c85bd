"""A payment terminal that answers a till's poll, by `dialect`: "generic" or "mellon". It has no state to show."""

from pathlib import Path

from drivers.pos.ecr import ACK, NAK, STX, EcrOptions, lrc, mellon_frame
from drivers.sim.base import check_options, check_state, choice
from drivers.sim.serial_end import Answer, Dialect, SerialSimulator, serial_simulator

_POLL_SIZE = 7


class GenericDialect:
    def take(self, heard: bytearray, state: dict[str, str]) -> Answer | None:
        while heard and heard[0] != STX:
            del heard[0]
        if len(heard) < _POLL_SIZE:
            return None
        told = bytes(heard[1:_POLL_SIZE])
        del heard[:_POLL_SIZE]
        return Answer(bytes([NAK])) if lrc(told) else Answer(bytes([ACK]), {})


class MellonDialect:
    def take(self, heard: bytearray, state: dict[str, str]) -> Answer | None:
        size = int.from_bytes(heard[:2], "big") + 2
        if len(heard) < max(size, 9):
            return None
        body = bytes(heard[9:size])
        del heard[:size]
        return Answer(mellon_frame(b"MEL0101" + body + b"/T00000001:1.0"), {})


def make(name: str, options: dict[str, object], state: dict[str, str], folder: Path) -> SerialSimulator:
    check_options("a simulated till terminal", options, EcrOptions, "link")
    check_state("a simulated till terminal", state, {})
    mellon = choice(options, "dialect", ("generic", "mellon"), "generic") == "mellon"
    dialect: Dialect = MellonDialect() if mellon else GenericDialect()
    return serial_simulator(name, dialect, options, state, folder)
