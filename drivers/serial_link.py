"""A serial port, held so shortly and so quietly that the teller never notices. The one file where pyserial blocks.

A conversation is a generator: it yields an `Ask` and is sent the bytes that answered. `SerialLink.converse` runs the
whole of it in a thread of its own: open, every question, close. So the port is held no longer than was said even
when the event loop is late, and a device file holds no blocking call and can be run without a port. One conversation
at a time: where an open hangs, nothing more is asked until it is through.

Before the first byte:
- nobody else may have it open. That is looked for before the port is opened, because Linux raises DTR and RTS at every
  open, over what the program that holds it has set; and once more when it is locked (flock and TIOCEXCL). On Windows
  every opener is alone;
- DTR and RTS are left alone: pyserial would set both, here neither is touched. Linux itself raises them as we open
  and, with `hupcl`, lowers them as we close; `stty -F /dev/ttyS0 -hupcl` stops that;
- speed and framing are put back when the port is let go. Not on Windows: there they stay as the poll set them until the
  next program that opens the port sets its own.

Addresses: "COM3", "/dev/ttyS0", and for terminal servers "socket://HOST:PORT" (raw TCP) and "rfc2217://HOST:PORT".
"""

import asyncio
import errno
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

import serial
import serial.rfc2217
import serial.urlhandler.protocol_socket

from drivers.base import RAW_LIMIT, DriverOptions, Shared
from drivers.blocking import Blocking
from drivers.errors import Busy, DeviceError, Garbled, Reason, Refused, Unreachable
from drivers.options import Check
from drivers.serial_local import LocalPort, Watches, let_go, plugged_in
from drivers.spooler import Queue, check_queue

HOLD_SECONDS = 0.5  # of a port of this machine, first byte to last
NETWORK_HOLD_SECONDS = 2.0  # of a port behind a network, where the line's delay is added to each answer
CONNECT_SECONDS = 2.0
CLOSE_SECONDS = 1.5  # for a conversation that is given up to let the port go
ANSWER_SECONDS = 0.3
_SLICE_SECONDS = 0.02  # a read blocks this long at most, so that giving up is noticed

Baud = Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200]
Parity = Literal["none", "even", "odd"]
T = TypeVar("T")
AnyPort = Any  # pyserial's stubs give its three port classes no common open, read and close


class SerialOptions(DriverOptions):
    """How the port is set. `owner_check = "trust"`: ask even where it cannot be known whether a program holds it."""

    baud: Baud = 9600
    data_bits: Literal[7, 8] = 8
    parity: Parity = "none"
    stop_bits: Literal[1, 2] = 1
    flow: Literal["none", "software", "hardware"] = "none"
    owner_check: Literal["strict", "trust"] = "strict"


class PrinterPortOptions(SerialOptions):
    """`queue`: the print queue that prints there. It is asked about the printer while a program holds the port."""

    queue: Annotated[str, Check(check_queue)] = ""


def check_serial_address(address: str) -> str | None:
    """What is wrong with the address of a serial port, or None."""
    if "://" in address:
        parts = urlsplit(address)
        try:
            fine = parts.scheme in ("socket", "rfc2217") and bool(parts.hostname) and parts.port is not None
        except ValueError:
            fine = False
        bare = not (parts.path or parts.query or parts.fragment)
        return None if fine and bare else "is not socket://HOST:PORT or rfc2217://HOST:PORT"
    if re.fullmatch(r"(\\\\\.\\)?COM\d{1,3}", address, re.IGNORECASE) or re.fullmatch(r"/[^\0]+", address):
        return None
    return "is not a serial port (COM3, /dev/ttyS0), socket://HOST:PORT or rfc2217://HOST:PORT"


@dataclass(frozen=True)
class Ask:
    """One question. `whole` tells from what came so far whether the answer is complete; None waits for no answer."""

    question: bytes
    whole: Callable[[bytes], bool] | None
    seconds: float = ANSWER_SECONDS
    limit: int = 256  # bytes; what sends more is not answering
    fresh: bool = True  # what lies in the port from before is thrown away first


Conversation = Generator[Ask, bytes, T]


class SerialLink:
    """The serial port of one position, opened anew for each conversation.

    With `shared`, ports are watched, and one that nobody opened meanwhile is looked over once a poll and not twice.
    `hold` seconds instead of half a second are for a port that serves no teller and answers slowly: a UPS's.
    """

    def __init__(
        self, address: str, options: SerialOptions, shared: Shared | None = None, *, hold: float | None = None
    ) -> None:
        self._address = address
        self._options = options
        self._hold_seconds = hold or (NETWORK_HOLD_SECONDS if "://" in address else HOLD_SECONDS)
        self._thread = Blocking(f"the port {address}", "serial")
        self._given_up = threading.Event()  # of the newest conversation; each has its own
        self._failed: Reason | None = None
        self._queue = Queue(options.queue) if isinstance(options, PrinterPortOptions) and options.queue else None
        self._shared = shared

    async def converse(self, conversation: Conversation[T]) -> T:
        """Open the port, run `conversation` to its end, let the port go; its result, or a DeviceError.

        While an earlier conversation that was given up still waits for the port to open, nothing is asked: Unreachable.
        """
        self._failed = None
        try:
            given_up = threading.Event()
            job = await self._thread.begin(partial(self._hold, conversation, given_up, await self._watches()))
            self._given_up = given_up
            return await asyncio.shield(job)
        except DeviceError as error:
            self._failed = error.reason
            if isinstance(error, Busy) and self._queue is not None:
                said = await self._queue.look()
                raise Busy(error.reason, f"{error.detail}; its queue: {said.words}", parts=said.parts) from error
            raise

    async def news(self) -> bool:
        """After a conversation that could not have its port: wait until it is let go or plugged in. Else False."""
        if self._failed is Reason.PORT_IN_USE:
            return await let_go(self._address, strict=self._options.owner_check == "strict")
        return self._failed is Reason.NO_SUCH_PORT and await plugged_in(self._address)

    async def close(self) -> None:
        """Return when the port is let go; a conversation that still runs is given up.

        Or after CLOSE_SECONDS: an open that blocks cannot be broken off. Once it is through, the port is let go and
        nothing is sent.
        """
        self._given_up.set()
        await self._thread.done(CLOSE_SECONDS)

    async def _watches(self) -> Watches | None:
        return None if self._shared is None or "://" in self._address else await self._shared.get(Watches)

    def _hold(self, conversation: Conversation[T], given_up: threading.Event, watches: Watches | None) -> T:
        port = self._open(watches)
        try:
            return _converse(port, conversation, time.monotonic() + self._hold_seconds, given_up)
        except (serial.SerialException, OSError) as error:
            raise Unreachable(Reason.HUNG_UP, f"{self._address} hung up: {error}") from error
        finally:
            conversation.close()
            with suppress(serial.SerialException, OSError):
                port.close()

    def _open(self, watches: Watches | None) -> AnyPort:
        port = _make(self._address, self._options, watches)
        try:
            port.open()
        except (serial.SerialException, OSError) as error:
            raise _cannot_open(self._address, error) from error
        return port


def _converse(port: AnyPort, conversation: Conversation[T], let_go: float, given_up: threading.Event) -> T:
    """Ask what `conversation` yields until it returns. A DeviceError is thrown into it: it may go on without."""
    try:
        ask = next(conversation)
        while True:
            try:
                answer = _ask(port, ask, let_go, given_up)
            except DeviceError as error:
                ask = conversation.throw(error)
            else:
                ask = conversation.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result


def _ask(port: AnyPort, ask: Ask, let_go: float, given_up: threading.Event) -> bytes:
    until = min(time.monotonic() + ask.seconds, let_go)
    if given_up.is_set() or time.monotonic() >= let_go:
        raise Unreachable(Reason.NO_ANSWER, "the port was let go before this could be asked")
    if ask.fresh:
        port.reset_input_buffer()
    port.write(ask.question)
    if ask.whole is None:
        return b""
    answer = bytearray()
    while not given_up.is_set() and time.monotonic() < until:
        room = ask.limit + 1 - len(answer)
        answer += port.read(max(1, min(port.in_waiting, room)))
        if len(answer) > ask.limit:
            raise Garbled(Reason.TOO_LONG, f"more than {ask.limit} bytes came for one answer", raw=bytes(answer))
        if answer and ask.whole(bytes(answer)):
            return bytes(answer)
    if answer:
        raise Garbled(Reason.BAD_FRAME, "the answer stopped in the middle", raw=bytes(answer[:RAW_LIMIT]))
    raise Unreachable(Reason.NO_ANSWER, "nothing was answered")


_NO_PORT = (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTTY)


def _cannot_open(address: str, error: Exception) -> DeviceError:
    """Why a port did not open, by the error number where pyserial keeps it and by its text where it does not."""
    cause = error if getattr(error, "errno", None) is not None else error.__context__ or error
    number = getattr(cause, "errno", None)
    text = str(error)
    if number == errno.EBUSY or (sys.platform == "win32" and "PermissionError" in text):
        return Busy(Reason.PORT_IN_USE, f"another program holds {address}")
    if number in (errno.EACCES, errno.EPERM):
        return Refused(
            Reason.NO_PERMISSION, f"this user may not open {address}; add it to the port's group, often dialout"
        )
    if number == errno.ECONNREFUSED:
        return Unreachable(Reason.CONNECTION_REFUSED, f"{address} refuses the connection")
    if isinstance(cause, socket.gaierror):
        return Unreachable(Reason.NAME_UNKNOWN, f"the name in {address} is not known")
    if number in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return Unreachable(Reason.NO_ROUTE, f"there is no way to {address}")
    if "://" in address:
        return Unreachable(Reason.NO_ANSWER, f"{address} does not answer: {text}")
    if number in _NO_PORT or (sys.platform == "win32" and "FileNotFoundError" in text):
        return Unreachable(Reason.NO_SUCH_PORT, f"{address} is not a serial port of this machine")
    return Refused(Reason.CANNOT_OPEN, f"the system does not open {address}: {text}")


# -- ports that leave the lines alone -------------------------------------------------------------------------------

_PARITY = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}


def _make(address: str, options: SerialOptions, watches: Watches | None) -> AnyPort:
    """The port at `address`, not opened yet."""
    port: AnyPort
    if address.startswith("socket://"):
        port = _SocketPort()
    elif address.startswith("rfc2217://"):
        port = _RemotePort()
    else:
        port = LocalPort(watches, strict=options.owner_check == "strict")
        port.write_timeout = HOLD_SECONDS
    port.baudrate = options.baud
    port.bytesize = options.data_bits
    port.parity = _PARITY[options.parity]
    port.stopbits = options.stop_bits
    port.xonxoff = options.flow == "software"
    port.rtscts = options.flow == "hardware"
    port.timeout = _SLICE_SECONDS  # set once: setting it on an open port writes the port's settings again
    port.port = f"{address}?timeout=1" if isinstance(port, _RemotePort) else address
    return port


class _SocketPort(serial.urlhandler.protocol_socket.Serial):
    """pyserial's own waits 5 s for a connection, leaks the socket of a peer that reset, and sleeps when it closes."""

    _socket: socket.socket | None

    def open(self) -> None:
        self.logger = None
        parts = urlsplit(str(self.port))
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=CONNECT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self.is_open = True

    def reset_input_buffer(self) -> None:
        """What came by now, and no more: a peer that never stops sending would hold pyserial's own for ever."""
        with suppress(BlockingIOError):
            if self._socket is not None:
                self._socket.recv(1 << 16)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self.is_open = False


class _RemotePort(serial.rfc2217.Serial):
    def _update_dtr_state(self) -> None:
        """Left alone."""

    def _update_rts_state(self) -> None:
        """Left alone."""
