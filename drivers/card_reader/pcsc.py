"""Card readers the system knows by PC/SC: the USB chip card and contactless readers of a teller's desk.

Nothing is asked of the reader or of a card in it. The system's smart card service is asked what it knows, by the two
questions in drivers/card_service.py, so a poll goes on beside the teller's program and cannot disturb it. The answer to
reset (ATR) the service hands out with a state is dropped: nothing here needs it, and what cards customers carry is
not a bank's fleet's business; some hold numbers of their own in its historical bytes.

An address is "pcsc:" and the reader's name as `branchfleet-agent ports` prints it. The system adds numbers to a name,
"ACS ACR39U ICC Reader 00 00" on Linux and "... 0" on Windows, which may change with the USB port and the order readers
were found in. An address without them means the only reader of that name; one with them means that one and no other.

State words: PC/SC part 5, SCARD_READERSTATE. They have no recordings: the tests put cards into a real pcscd.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from drivers.base import DeviceWord, DriverOptions, Reading, Shared
from drivers.card_service import (
    ANSWER_SECONDS,
    CLOSE_SECONDS,
    EMPTY,
    EXCLUSIVE,
    MUTE,
    PRESENT,
    UNAVAILABLE,
    UNKNOWN,
    CardService,
    Known,
)
from drivers.errors import Reason, Refused

SCHEME = "pcsc:"
_NAME = re.compile(r"(?! )[^\x00-\x1f\x7f]{1,127}(?<! )")
_NUMBERS = re.compile(r" [0-9A-F]{2} [0-9A-F]{2}$| \d{1,2}$")  # reader and slot of pcsc-lite; the one of Windows


class PcscOptions(DriverOptions):
    """There is nothing to set."""


class Pcsc:
    Options: ClassVar[type[PcscOptions]] = PcscOptions
    timeout: ClassVar[float] = ANSWER_SECONDS + CLOSE_SECONDS + 1.0

    def __init__(self, address: str, options: PcscOptions, shared: Shared) -> None:
        self._service = CardService(partial(choose, address.removeprefix(SCHEME)))
        self._last: Known | None = None  # what the last poll was told, if it was told anything

    @staticmethod
    def check_address(address: str) -> str | None:
        if address.startswith(SCHEME) and _NAME.fullmatch(address.removeprefix(SCHEME)):
            return None
        return "is not pcsc:NAME with the name of a reader, as `branchfleet-agent ports` prints it"

    @staticmethod
    async def plugged_in() -> list[str]:
        known = await CardService(lambda names: None).look()
        return addresses(known.readers)

    async def open(self) -> None:
        """Nothing is kept open: a context of yesterday dies with the service."""

    async def poll(self) -> Reading:
        self._last = None
        self._last = await self._service.look()
        return read(self._last)

    async def close(self) -> None:
        await self._service.close()

    async def news(self) -> bool:
        """A card put in or taken out, the reader pulled out or plugged in, the service gone."""
        return self._last is not None and await self._service.change(self._last)


def plain_name(name: str) -> str:
    """A reader's name without the numbers the system added."""
    return _NUMBERS.sub("", name)


def choose(wanted: str, names: Sequence[str]) -> str | None:
    """The reader an address means, or None if it is not there.

    A name with numbers never matches other numbers: of two readers alike, one would show as the other that is gone.
    """
    if wanted in names:
        return wanted
    alike = [name for name in names if plain_name(name) == wanted]
    if len(alike) > 1:
        raise Refused(Reason.AMBIGUOUS, f"{len(alike)} readers are called {wanted}: write one of {', '.join(alike)}")
    return alike[0] if alike else None


def addresses(names: Sequence[str]) -> list[str]:
    """An address for each reader, without the numbers where no other is called the same."""
    called = Counter([*names, *map(plain_name, names)])
    return [SCHEME + (plain_name(name) if called[plain_name(name)] == 1 else name) for name in names]


def read(known: Known) -> Reading:
    """The reading. A reader that is not there is `noDevice`, with the names of those that are in `raw`."""
    if known.reader is None or known.state & UNKNOWN:
        return Reading(device=DeviceWord.NO_DEVICE, raw={"SCardListReaders": "\n".join(known.readers).encode()})
    return Reading(
        device=_device(known.state),
        parts={"card": _card(known.state)},
        numbers={"cards.operations": float(known.state >> 16 & 0xFFFF)},
        identity={"model": plain_name(known.reader)},
        raw={"SCardGetStatusChange": known.state.to_bytes(4, "big")},
    )


def _device(state: int) -> DeviceWord:
    """A program that shares a card leaves the reader to others: `online`. One that has it alone makes it busy."""
    if state & UNAVAILABLE:
        return DeviceWord.OFFLINE  # plugged in, and the system's driver gets no sense out of it
    if not state & (EMPTY | PRESENT):
        return DeviceWord.UNKNOWN
    return DeviceWord.DEVICE_BUSY if state & EXCLUSIVE else DeviceWord.ONLINE


def _card(state: int) -> str:
    if state & UNAVAILABLE or not state & (EMPTY | PRESENT):
        return "unknown"
    if state & EMPTY:
        return "none"
    return "mute" if state & MUTE else "present"
