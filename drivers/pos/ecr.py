"""Payment terminals that answer a till's poll: is it there, and does it take commands. Nothing more is asked.

    generic  till 02 "0100" 03 LRC -> terminal 06. LRC is the exclusive or of everything after 02. RS-232 or USB, 8N1.
             Verifone, Ingenico and PAX as Transbank (Chile) has them: its "POS Integrado" reference, "Mensaje de Poll".
    mellon   till LENGTH "ECR0101X/text" -> terminal LENGTH "...X/text/Ttid:version", over TCP (port 4000): the echo of
             Mellon's ECR protocol. LENGTH is two bytes, high first, of what follows. Known from one public client.

Neither changes anything in the terminal. Every other command is a payment, a settlement or a load of keys.
Cases: tests/drivers/cases/ecr.
"""

from functools import reduce
from operator import xor
from typing import Literal

from drivers.base import DeviceWord, Reading, Shared
from drivers.errors import Garbled, Reason
from drivers.serial_driver import SerialDriver
from drivers.serial_link import Ask, Conversation, SerialOptions

STX, ETX, ACK, NAK = 0x02, 0x03, 0x06, 0x15
POLL = b"0100"
ECHO = b"X/branchfleet"
_MELLON_HEAD = 7  # three letters for the sender, two digits for the variant, two for the version
_MELLON_LIMIT = 256
_SECONDS = 1.0


class EcrOptions(SerialOptions, kw_only=True):
    """`dialect` must be said: to a terminal of the other, the question is noise."""

    dialect: Literal["generic", "mellon"]
    baud: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 115200


class Ecr(SerialDriver):
    Options = EcrOptions

    def __init__(self, address: str, options: EcrOptions, shared: Shared) -> None:
        super().__init__(address, options, shared)
        self._dialect = options.dialect

    def talk(self) -> Conversation[Reading]:
        return _poll() if self._dialect == "generic" else _echo()


def _poll() -> Conversation[Reading]:
    answer = yield Ask(frame(POLL), bool, _SECONDS)
    check_poll(answer)
    return Reading(device=DeviceWord.ONLINE, raw={"0100": answer})


def _echo() -> Conversation[Reading]:
    answer = yield Ask(mellon_frame(b"ECR0101" + ECHO), _mellon_whole, _SECONDS, _MELLON_LIMIT)
    return Reading(device=DeviceWord.ONLINE, identity=read_echo(answer), raw={"X": answer})


# -- generic --------------------------------------------------------------------------------------------------------


def frame(data: bytes) -> bytes:
    told = data + bytes([ETX])
    return bytes([STX]) + told + bytes([lrc(told)])


def lrc(data: bytes) -> int:
    return reduce(xor, data, 0)


def check_poll(answer: bytes) -> None:
    if answer == bytes([NAK]):
        raise Garbled(Reason.BAD_CHECKSUM, "the terminal did not understand the poll (NAK)", raw=answer)
    if answer != bytes([ACK]):
        raise Garbled(Reason.BAD_FRAME, "the answer to the poll is not ACK", raw=answer)


# -- mellon ---------------------------------------------------------------------------------------------------------


def mellon_frame(body: bytes) -> bytes:
    return len(body).to_bytes(2, "big") + body


def _mellon_whole(heard: bytes) -> bool:
    return len(heard) >= 2 and len(heard) >= 2 + int.from_bytes(heard[:2], "big")


def read_echo(answer: bytes) -> dict[str, str]:
    """Who answered: the terminal's number and version after our own text, where it says them."""
    if int.from_bytes(answer[:2], "big") != len(answer) - 2:
        raise Garbled(Reason.BAD_FRAME, "the length of the echo is wrong", raw=answer)
    body = answer[2 + _MELLON_HEAD :]
    if not body.startswith(ECHO) or not body.isascii() or not body.decode("ascii").isprintable():
        raise Garbled(Reason.BAD_FRAME, "the answer is not an echo", raw=answer)
    mark, _, version = body[len(ECHO) :].decode("ascii").partition(":")
    identity = {"name": mark.removeprefix("/T"), "firmware": version} if mark.startswith("/T") else {}
    return {key: text for key, text in identity.items() if text}
