"""The smart card service of this PC, pcscd or Windows' SCardSvr, asked by pyscard. The one file where pyscard blocks.

SCardListReaders and SCardGetStatusChange are all that is asked: both answer from what the service knows already.
Nothing here connects to a card, powers one or sends it a byte; a teller's program does, and cannot tell that somebody
looked.

Each question has a context and a thread of its own (blocking.py), so a service that was restarted is found by the next
question, and one that takes questions and answers none is asked nothing more.

Specified by PC/SC part 5 and winscard.h. What pcsc-lite adds and is used: the upper half of a state word counts how
often a card was put in or taken out since the service found the reader.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from drivers.blocking import Blocking, in_a_thread
from drivers.errors import DeviceError, NotSupported, Reason, Refused, Unreachable

HOW_TO_GET = "card readers are asked by pyscard, which is not installed here: pip install 'branchfleet[pcsc]'"
PLUGS = "\\\\?PnP?\\Notification"  # the reader that is none: its state changes when readers come and go
ANSWER_SECONDS = 3.0  # a mute card alone takes pcsc-lite 0.4 s
CLOSE_SECONDS = 1.0
_WAIT_MS = 10_000  # then the readers are listed anew
_FRUITLESS_SECONDS = 1.0
_CANCEL_SECONDS = 0.05

Scard = Any  # pyscard has no types
Choose = Callable[[Sequence[str]], str | None]


# SCARD_STATE_*, the lower half of a state word.
CHANGED = 0x0002
UNKNOWN = 0x0004
UNAVAILABLE = 0x0008
EMPTY = 0x0010
PRESENT = 0x0020
EXCLUSIVE = 0x0080
IN_USE = 0x0100
MUTE = 0x0200

_OK = 0
_CANCELLED = 0x80100002
_UNKNOWN_READER = 0x80100009
_TIMEOUT = 0x8010000A
_NO_READERS = 0x8010002E
_NOT_RUNNING = {0x8010001D, 0x8010001E}  # SCARD_E_NO_SERVICE, SCARD_E_SERVICE_STOPPED
_BROKE_OFF = {0x80100012, 0x80100013}  # SCARD_E_SYSTEM_CANCELLED, SCARD_F_COMM_ERROR
_FORBIDDEN = {0x80100027, 0x8010006A}  # SCARD_E_NO_ACCESS, SCARD_W_SECURITY_VIOLATION


@dataclass(frozen=True)
class Known:
    """What the service knows: every reader, and of the chosen one the state word. `plugs` is the state of PLUGS."""

    readers: tuple[str, ...]
    reader: str | None = None  # the chosen one, if it is there
    state: int = 0
    plugs: int = 0

    def differs(self, other: "Known") -> bool:
        """Whether a reading would differ. That a program begins or ends to share a card makes no difference."""
        return self.reader != other.reader or bool((self.state ^ other.state) & ~IN_USE)


class CardService:
    """Asks about one reader: the one `choose` picks from the names there are, or none."""

    def __init__(self, choose: Choose) -> None:
        self._choose = choose
        self._service = Blocking("the smart card service", "pcsc")

    async def look(self) -> Known:
        """What the service knows now, or a DeviceError."""
        return await self._service.ask(partial(_look_once, self._choose), ANSWER_SECONDS)

    async def change(self, known: Known) -> bool:
        """Wait until what the service knows differs from `known`, or it goes away. Ends promptly when cancelled."""
        waiting = _Waiting(self._choose, known)
        asked = await self._service.begin(waiting.run)
        try:
            await asyncio.wait([asked])
            return asked.result()
        finally:
            await _give_up(waiting, asked)

    async def close(self) -> None:
        """Return when nothing is being asked any more, or after CLOSE_SECONDS: a question cannot be taken back."""
        await self._service.done(CLOSE_SECONDS)


async def _give_up(waiting: "_Waiting", asked: "asyncio.Future[bool]") -> None:
    """End the wait. SCardCancel does nothing to a wait that has not begun, so it is said until the wait is over."""
    waiting.given_up.set()
    cancelled: asyncio.Future[None] | None = None
    loop = asyncio.get_running_loop()
    until = loop.time() + CLOSE_SECONDS
    while not asked.done() and loop.time() < until:
        if cancelled is None or cancelled.done():
            cancelled = in_a_thread(waiting.cancel, "pcsc")
        await asyncio.wait([asked], timeout=_CANCEL_SECONDS)


# -- in the thread --------------------------------------------------------------------------------------------------


def _look_once(choose: Choose) -> Known:
    scard = _load()
    with _context(scard) as context:
        return _look(scard, context, choose)


class _Waiting:
    """One wait, and what another thread needs to end it."""

    def __init__(self, choose: Choose, known: Known) -> None:
        self.given_up = threading.Event()
        self._choose = choose
        self._known = known
        self._scard: Scard = None
        self._context: int | None = None
        self._held = threading.Lock()  # SCardCancel on a context that is being released reads freed memory

    def run(self) -> bool:
        self._scard = _load()
        with _context(self._scard) as context:
            self._hold(context)
            try:
                return self._wait(context)
            finally:
                self._hold(None)

    def cancel(self) -> None:
        with self._held:
            if self._context is not None:
                self._scard.SCardCancel(self._context)

    def _hold(self, context: int | None) -> None:
        with self._held:
            self._context = context

    def _wait(self, context: int) -> bool:
        woken = False
        while not self.given_up.is_set():
            now = _look(self._scard, context, self._choose)
            if now.differs(self._known):
                return True
            if woken:  # for another reader, for a program that shares the card, or by a service that always wakes
                self.given_up.wait(_FRUITLESS_SECONDS)
            watched = [(PLUGS, now.plugs), *([(now.reader, now.state)] if now.reader is not None else [])]
            code = _unsigned(self._scard.SCardGetStatusChange(context, _WAIT_MS, watched)[0])
            if code not in (_OK, _TIMEOUT, _CANCELLED):
                return True  # the reader or the service went away: a poll will tell which
            woken = code == _OK
        return False


def _load() -> Scard:
    try:
        from smartcard import scard
    except ImportError as error:
        raise NotSupported(Reason.NOT_INSTALLED, f"{HOW_TO_GET} ({error})") from error
    return scard


@contextmanager
def _context(scard: Scard) -> Iterator[int]:
    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    if code != _OK:
        raise why(_unsigned(code))
    try:
        yield context
    finally:
        scard.SCardReleaseContext(context)


def _look(scard: Scard, context: int, choose: Choose) -> Known:
    code, names = scard.SCardListReaders(context, [])
    if _unsigned(code) not in (_OK, _NO_READERS):
        raise why(_unsigned(code))
    reader = choose(names)
    asked = [(PLUGS, 0), *([(reader, 0)] if reader is not None else [])]
    code, told = scard.SCardGetStatusChange(context, 0, asked)
    if _unsigned(code) not in (_OK, _TIMEOUT, _UNKNOWN_READER):
        raise why(_unsigned(code))
    if reader is None or _unsigned(code) == _UNKNOWN_READER:  # pulled out since the list was made
        return Known(tuple(names), plugs=_settled(told[0][1]))
    return Known(tuple(names), reader, _settled(told[1][1]), _settled(told[0][1]))


def _unsigned(code: int) -> int:
    """Error codes are signed on Windows and not on 64-bit Linux."""
    return code & 0xFFFFFFFF


def _settled(state: int) -> int:
    """A state as it is given back to ask for changes of it."""
    return _unsigned(state) & ~CHANGED


def why(code: int) -> DeviceError:
    """What the service's error code means."""
    said = f"0x{code:08X}"
    if code in _NOT_RUNNING:
        return Unreachable(
            Reason.NO_SERVICE,
            f"the smart card service of this PC does not run ({said}): start pcscd; Windows starts its own when a "
            "reader is plugged in",
        )
    if code in _BROKE_OFF:
        return Unreachable(Reason.HUNG_UP, f"the smart card service ended while it was asked ({said})")
    if code in _FORBIDDEN:
        return Refused(
            Reason.NO_PERMISSION,
            f"the smart card service does not let this user ask ({said}): a polkit rule for "
            "org.debian.pcsc-lite.access_pcsc allows it",
        )
    return Refused(Reason.NEGATIVE_ANSWER, f"the smart card service answered {said}")
