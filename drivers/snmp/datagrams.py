"""One UDP socket for all questions of an address family, with room for a burst of answers, that notices refusals."""

import asyncio
import errno
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, cast

Address = tuple[Any, ...]  # as the socket module has it: host and port first

BUFFER = 4 << 20  # bytes; at the usual 208 KiB a burst of some 200 answers loses a part of them
ANSWER_ROOM = 4096  # bytes of that buffer one waiting answer takes at most, the kernel's own included
_SO_RCVBUFFORCE = 33  # Linux: beyond net.core.rmem_max, for who may
_IP_RECVERR, _IPV6_RECVERR = 11, 25  # Linux: tell an unconnected socket of ICMP errors
_MSG_ERRQUEUE = 0x2000
_EXTENDED_ERROR = struct.Struct("=IBBB")  # sock_extended_err: errno, origin, type, code


class Datagrams(asyncio.DatagramProtocol):
    """Sends, and calls `heard(octets, address)` and `refused(errno, address)`."""

    def __init__(self, heard: Callable[[bytes, Address], None], refused: Callable[[int, Address], None]) -> None:
        self._heard = heard
        self._refused = refused
        self._transport: asyncio.DatagramTransport | None = None
        self._closed: asyncio.Future[None] | None = None
        self._failed: OSError | None = None
        self._socket: socket.socket

    async def open(self, family: socket.AddressFamily) -> None:
        loop = asyncio.get_running_loop()
        self._socket = sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            enlarge(sock)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if sys.platform == "linux" and isinstance(loop, asyncio.SelectorEventLoop):
                level, option = (41, _IPV6_RECVERR) if family == socket.AF_INET6 else (0, _IP_RECVERR)
                sock.setsockopt(level, option, 1)
            sock.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", 0))  # noqa: S104  (answers come to any address)
            self._closed = loop.create_future()
            await loop.create_datagram_endpoint(lambda: self, sock=sock)
        except BaseException:
            sock.close()
            raise

    @property
    def room(self) -> int:
        """How many answers may be under way at once without loss."""
        return max(16, self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // ANSWER_ROOM)

    def send(self, octets: bytes, address: Address) -> None:
        """OSError if this machine has no way there."""
        transport = self._transport
        if transport is None or transport.is_closing():
            raise OSError(errno.EBADF, "the socket is closed")
        # A sendto may fail because an earlier datagram was refused, and then this one was not sent: asyncio calls
        # error_received from within sendto for that as for what is wrong with this one.
        for last in (False, False, True):
            self._failed = None
            transport.sendto(octets, address)
            failed = self._take_failure()
            if failed is None:
                return
            if last:
                raise failed

    def _take_failure(self) -> OSError | None:
        failed, self._failed = self._failed, None
        return failed

    async def close(self) -> None:
        if self._transport is not None and self._closed is not None:
            self._transport.close()
            await self._closed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._heard(data, addr)

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, OSError):
            self._failed = exc
            self._drain()

    def _drain(self) -> None:
        """Empty the kernel's queue of refusals, which tells who refused, and would wake us for ever."""
        if sys.platform != "linux":
            return
        while True:
            try:
                _, told, _, address = self._socket.recvmsg(0, 512, _MSG_ERRQUEUE | socket.MSG_DONTWAIT)
            except OSError:
                return
            for level, kind, data in told:
                if (level, kind) in ((0, _IP_RECVERR), (41, _IPV6_RECVERR)) and len(data) >= _EXTENDED_ERROR.size:
                    self._refused(_EXTENDED_ERROR.unpack_from(data)[0], address)


def enlarge(sock: socket.socket) -> None:
    """The receive buffer as large as the system lets it be."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    if sys.platform == "linux":
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER)
        except PermissionError:
            return
