"""How ZVT commands travel: bare over TCP, in blocks with a CRC on a serial line.

A command is class, instruction, length and data; the length is one byte, or FF and two bytes, low first.
"""

from dataclasses import dataclass
from typing import Protocol

from drivers.errors import Garbled, Reason

DLE, STX, ETX, ACK, NAK = 0x10, 0x02, 0x03, 0x06, 0x15
_CLASSES = frozenset({0x04, 0x05, 0x06, 0x08, 0x0F, 0x80, 0x84})


@dataclass(frozen=True)
class Command:
    """`control` is class and instruction: 06 0F, or of an answer 80 00."""

    control: bytes
    data: bytes = b""

    def __bytes__(self) -> bytes:
        size = len(self.data)
        length = bytes([size]) if size < 0xFF else b"\xff" + size.to_bytes(2, "little")
        return self.control + length + self.data


class Line(Protocol):
    def wrap(self, command: Command) -> bytes: ...

    def unwrap(self, heard: bytes) -> tuple[list[Command], bytes]:
        """The whole commands in `heard`, and what has not come whole. Garbled if it can never become one."""

    def took(self) -> bytes:
        """What the taker of a command says before it does anything with it."""


class BareLine:
    def wrap(self, command: Command) -> bytes:
        return bytes(command)

    def unwrap(self, heard: bytes) -> tuple[list[Command], bytes]:
        commands = []
        while (size := _size(heard)) is not None and len(heard) >= size:
            commands.append(_command(heard[:size]))
            heard = heard[size:]
        return commands, heard

    def took(self) -> bytes:
        return b""


class SerialLine:
    def wrap(self, command: Command) -> bytes:
        told = bytes(command)
        doubled = told.replace(bytes([DLE]), bytes([DLE, DLE]))
        check = crc(told + bytes([ETX])).to_bytes(2, "little")
        return bytes([DLE, STX]) + doubled + bytes([DLE, ETX]) + check

    def unwrap(self, heard: bytes) -> tuple[list[Command], bytes]:
        commands = []
        while heard:
            if heard[0] == ACK:
                heard = heard[1:]
                continue
            if heard[0] == NAK:
                raise Garbled(Reason.BAD_CHECKSUM, "the other end did not understand the block (NAK)", raw=heard)
            block = _block(heard)
            if block is None:
                break
            told, size = block
            commands.append(_command(told))
            heard = heard[size:]
        return commands, heard

    def took(self) -> bytes:
        return bytes([ACK])


def crc(data: bytes) -> int:
    """CRC-16 with the polynomial 8408h, reflected, from 0."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0x8408 if value & 1 else value >> 1
    return value


def _size(heard: bytes) -> int | None:
    """How long the command at the front is; None if that is not known yet."""
    if heard and heard[0] not in _CLASSES:
        raise Garbled(Reason.BAD_FRAME, f"no ZVT command begins with {heard[0]:02X}", raw=heard)
    if len(heard) < 3:
        return None
    if heard[2] < 0xFF:
        return 3 + heard[2]
    return 5 + int.from_bytes(heard[3:5], "little") if len(heard) >= 5 else None


def _command(told: bytes) -> Command:
    if _size(told) != len(told):
        raise Garbled(Reason.BAD_FRAME, "the length of the command is wrong", raw=told)
    return Command(told[:2], told[3:] if told[2] < 0xFF else told[5:])


def _block(heard: bytes) -> tuple[bytes, int] | None:
    """The command in the block at the front and the block's size; None if it has not come whole."""
    if not bytes([DLE, STX]).startswith(heard[:2]):
        raise Garbled(Reason.BAD_FRAME, "the answer is not a ZVT block", raw=heard)
    told = bytearray()
    place = 2
    while place + 1 < len(heard):
        if heard[place] != DLE:
            told.append(heard[place])
            place += 1
        elif heard[place + 1] == DLE:
            told.append(DLE)
            place += 2
        elif heard[place + 1] == ETX:
            return _checked(bytes(told), heard[: place + 4]) if len(heard) >= place + 4 else None
        else:
            raise Garbled(Reason.BAD_FRAME, "a lone DLE is in the block", raw=heard)
    return None


def _checked(told: bytes, block: bytes) -> tuple[bytes, int]:
    if crc(told + bytes([ETX])) != int.from_bytes(block[-2:], "little"):
        raise Garbled(Reason.BAD_CHECKSUM, "the CRC of the block is wrong", raw=block)
    return told, len(block)
