"""Whether an address answers, for lines and for whatever has nothing but an address.

"HOST:PORT" is a TCP connection that is closed at once; a refusal proves the host just as well. "HOST" alone is an ICMP
echo, where this user may send one: Linux lets groups in net.ipv4.ping_group_range, and everybody with CAP_NET_RAW;
Windows lets administrators. IPv6 is written "[2001:db8::1]:443".
"""

import asyncio
import errno
import ipaddress
import os
import re
import socket
import struct
from typing import Any, ClassVar

from drivers.base import DeviceWord, DriverOptions, Reading, Shared
from drivers.errors import DeviceError, Reason, Refused, Unreachable

ANSWER_SECONDS = 3.0
_ECHO = {socket.AF_INET: 8, socket.AF_INET6: 128}  # RFC 792, RFC 4443
_ECHO_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
Place = tuple[Any, ...]  # what getaddrinfo gives: of IPv4, or of IPv6 with flow and scope
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")


class ReachOptions(DriverOptions):
    """`refused_is_up = false`: the service at the port is meant, not the host, so a refusal counts as no answer."""

    refused_is_up: bool = True


class Reach:
    Options: ClassVar[type[ReachOptions]] = ReachOptions
    timeout: ClassVar[float] = ANSWER_SECONDS + 2.0

    def __init__(self, address: str, options: ReachOptions, shared: Shared) -> None:
        self._host, self._port = split(address)
        self._refused_is_up = options.refused_is_up
        self._socket: socket.socket | None = None

    @staticmethod
    def check_address(address: str) -> str | None:
        try:
            split(address)
        except ValueError:
            return "is not HOST:PORT (TCP) or HOST (ICMP echo)"
        return None

    async def open(self) -> None:
        """Nothing is kept open: reaching the address is what `poll` measures."""

    async def poll(self) -> Reading:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                family, place = await self._resolve()
                began = asyncio.get_running_loop().time()
                await (self._echo(family, place) if self._port is None else self._connect(family, place))
                seconds = asyncio.get_running_loop().time() - began
        except TimeoutError:
            raise Unreachable(Reason.NO_ANSWER, f"{self._host} did not answer in {ANSWER_SECONDS:g} s") from None
        except OSError as error:
            raise why(self._host, error) from error
        return Reading(device=DeviceWord.ONLINE, numbers={"answer.time": round(seconds * 1000, 1)})

    async def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _resolve(self) -> tuple[socket.AddressFamily, Place]:
        """The first address of the host. Only a name goes to the resolver, which may block a thread for long."""
        port = self._port or 0
        try:
            numeric = ipaddress.ip_address(self._host)
        except ValueError:
            found = await asyncio.get_running_loop().getaddrinfo(self._host, port, type=socket.SOCK_STREAM)
            family, _, _, _, place = found[0]
            return family, place
        return (socket.AF_INET if numeric.version == 4 else socket.AF_INET6), (self._host, port)

    def _new(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        self._socket = socket.socket(family, kind, protocol)
        self._socket.setblocking(False)
        return self._socket

    async def _connect(self, family: socket.AddressFamily, place: Place) -> None:
        link = self._new(family, socket.SOCK_STREAM)
        try:
            await asyncio.get_running_loop().sock_connect(link, place)
        except ConnectionRefusedError:
            if not self._refused_is_up:
                raise

    async def _echo(self, family: socket.AddressFamily, place: Place) -> None:
        link = self._icmp(family)
        loop = asyncio.get_running_loop()
        token = os.urandom(16)
        await loop.sock_sendto(link, echo_request(family, token), place)
        while not is_reply(family, await loop.sock_recv(link, 1500), token):
            continue

    def _icmp(self, family: socket.AddressFamily) -> socket.socket:
        protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
        for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
            try:
                return self._new(family, kind, protocol)
            except OSError:
                continue
        raise Refused(
            Reason.NO_PERMISSION,
            "this user may not send ICMP; write HOST:PORT to connect by TCP instead, or allow it "
            "(Linux: sysctl net.ipv4.ping_group_range, or CAP_NET_RAW for the agent)",
        )


# -- addresses, packets and reasons ---------------------------------------------------------------------------------


def split(address: str) -> tuple[str, int | None]:
    """Host and port of "HOST:PORT", "[V6]:PORT" or "HOST"; ValueError if it is neither."""
    if address.startswith("["):
        host, closed, rest = address[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise ValueError(address)
        ipaddress.IPv6Address(host)
        port = rest[1:] if rest else None
    elif address.count(":") > 1:
        host, port = str(ipaddress.IPv6Address(address)), None
    else:
        host, colon, rest = address.partition(":")
        port = rest if colon else None
        if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
            raise ValueError(address)
    if port is None:
        return host, None
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError(address)
    return host, int(port)


def echo_request(family: int, token: bytes) -> bytes:
    """An echo request that carries `token`. The kernel fills in the checksum of ICMPv6 itself."""
    head = struct.pack("!BBHHH", _ECHO[socket.AddressFamily(family)], 0, 0, os.getpid() & 0xFFFF, 1)
    if family == socket.AF_INET6:
        return head + token
    return head[:2] + struct.pack("!H", checksum(head + token)) + head[4:] + token


def is_reply(family: int, packet: bytes, token: bytes) -> bool:
    """Whether `packet` is the echo reply that carries `token`. A raw IPv4 socket gives the IP header as well."""
    if family == socket.AF_INET and packet[:1] and packet[0] >> 4 == 4:
        packet = packet[(packet[0] & 0x0F) * 4 :]
    return packet[:1] == bytes([_ECHO_REPLY[socket.AddressFamily(family)]]) and packet[8:] == token


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def why(host: str, error: OSError) -> DeviceError:
    if isinstance(error, socket.gaierror):
        return Unreachable(Reason.NAME_UNKNOWN, f"the name {host} is not known")
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(Reason.CONNECTION_REFUSED, f"{host} refuses the connection")
    if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN):
        return Unreachable(Reason.NO_ROUTE, f"there is no way to {host}")
    if error.errno in (errno.EACCES, errno.EPERM):
        return Refused(Reason.NO_PERMISSION, f"this machine does not let the agent reach {host} (firewall)")
    return Unreachable(Reason.NO_ANSWER, f"{host} did not answer: {error.strerror or error}")
