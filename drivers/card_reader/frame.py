"""What the protocols of card readers share: control characters, the check byte, and what an answer means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import xor

from drivers.base import DeviceWord

STX, ETX, EOT, ENQ, ACK, DLE, NAK = 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x15


@dataclass(frozen=True)
class Said:
    """What an answer means."""

    device: DeviceWord
    parts: Mapping[str, str] = field(default_factory=dict)


def bcc(data: bytes) -> int:
    """The exclusive or of every byte; 0 over a whole frame that ends in its own."""
    return reduce(xor, data, 0)
