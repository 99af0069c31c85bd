"""All SNMP questions of one agent: two sockets, many questions in flight, each answered, refused or timed out once.

The rest of the driver knows `Engine`. `SnmpEngine` is ours and does everything; `fast.py` is a second one, which leaves
to it what gufo-snmp does not do as well.

Questions and keys are pysnmp's (`message.py`, `usm.py`); what is ours is the matching. pysnmp's own dispatcher takes
its time-outs from the wall clock, which jumps on branch machines, and its engine reads MIB files on the event loop.
Here no MIB is read, the time is the loop's, and a question ends as soon as its device refuses it.
"""

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, Self

from drivers.base import Sharable
from drivers.errors import DeviceError, Garbled, Reason, Refused, Unreachable
from drivers.snmp import usm
from drivers.snmp.ber import BadMessage, Reader
from drivers.snmp.datagrams import Address, Datagrams
from drivers.snmp.message import (
    FIRST_ID,
    LAST_ID,
    VERSIONS,
    Answer,
    Question,
    encode_community,
    open_message,
    read_community,
)
from drivers.snmp.profile import Oid
from drivers.snmp.usm import Keyring, User, Usm

RAW_LIMIT = 1024  # octets kept of what could not be read
LATE = 0.05  # seconds after its time that a busy or suspended machine ends a wait
_UNKNOWN_CONTEXT: Oid = (1, 3, 6, 1, 6, 3, 12, 1, 5)  # snmpUnknownContexts

_REPORTS = {
    usm.UNSUPPORTED_LEVEL: "takes this user only with more, or with less, protection than the options say",
    usm.NOT_IN_TIME: "says twice that our message is out of its time",
    usm.UNKNOWN_USER: "does not know this user",
    usm.UNKNOWN_ENGINE: "does not keep to its own engine id",
    usm.WRONG_DIGEST: "says that the authentication password, or its protocol, is wrong",
    usm.NOT_DECRYPTED: "cannot decrypt the question: the privacy password, or its protocol, is wrong",
}


@dataclass(eq=False)
class Peer:
    """One device as one poller knows it: where it is and how it is asked."""

    address: Address
    version: str
    community: bytes = b""
    usm: Usm | None = None

    @classmethod
    def of(cls, address: Address, version: str, community: str, user: User | None) -> Self:
        return cls(address, version, community.encode(), Usm(user) if user else None)

    def forget(self) -> None:
        """After it was away it may be another device."""
        if self.usm is not None:
            self.usm.forget()


class Asks(Protocol):
    """What asks devices. One question at a time is in flight to a peer."""

    async def ask(self, peer: Peer, question: Question, wait: float) -> Answer:
        """The answer of `peer`, or a DeviceError after at most `wait` seconds for each message it takes."""


class Engine(Asks, Sharable, Protocol):
    """What asks the devices of one agent; `Shared` makes and closes it."""


def pick(choice: Literal["auto", "own"]) -> type[Engine]:
    """The engine of this machine. gufo-snmp is there if the extra `fast` was installed, which is on Linux only."""
    if choice == "auto":
        with contextlib.suppress(ImportError):
            from drivers.snmp.fast import FastEngine

            return FastEngine
    return SnmpEngine


@dataclass(eq=False)
class _Waiting:
    peer: Peer
    answered: asyncio.Future[tuple[Answer, bytes]]
    timer: asyncio.TimerHandle | None = None
    garbage: bytes = b""
    complaint: str = ""


@dataclass(eq=False)
class _Family:
    datagrams: Datagrams
    places: asyncio.Semaphore


class SnmpEngine:
    """One an agent; `Shared` makes and closes it."""

    def __init__(self) -> None:
        self._families: dict[socket.AddressFamily, asyncio.Future[_Family]] = {}
        self._waiting: dict[int, _Waiting] = {}
        self._keyring = Keyring()

    @classmethod
    async def start(cls) -> Self:
        return cls()

    async def close(self) -> None:
        for waiting in list(self._waiting.values()):
            _end(waiting, stopped())
        while self._families:
            _, opening = self._families.popitem()
            with contextlib.suppress(OSError):  # it never opened
                await (await opening).datagrams.close()

    async def ask(self, peer: Peer, question: Question, wait: float) -> Answer:
        family = await self._family(socket.AF_INET6 if len(peer.address) == 4 else socket.AF_INET)
        async with family.places:
            if peer.usm is None:
                answer, _ = await self._exchange(
                    family, peer, lambda one: encode_community(peer.version, peer.community, question.pdu(one)), wait
                )
                return answer
            return await self._ask_secured(family, peer, peer.usm, question, wait)

    async def _ask_secured(self, family: _Family, peer: Peer, secured: Usm, question: Question, wait: float) -> Answer:
        """RFC 3414: find out the engine id, then ask; once more if the device's clock was not what we thought."""
        now = asyncio.get_running_loop().time
        for last in (False, True):
            if not secured.engine_id:
                await self._meet(family, peer, secured, wait)
            try:
                answer, engine_id = await self._exchange(
                    family, peer, lambda one: secured.wrap(one, question.pdu(one), now()), wait
                )
            except Unreachable as error:
                if error.reason is Reason.NO_ANSWER and secured.user.priv:
                    raise Unreachable(
                        Reason.NO_ANSWER,
                        f"{_named(peer)} said who it is and then nothing: a cut line, or the privacy password is wrong",
                    ) from None
                raise
            if not answer.report:
                return answer
            about = usm.report_of(answer)
            if last or about not in (usm.NOT_IN_TIME, usm.UNKNOWN_ENGINE):
                break
            if about == usm.UNKNOWN_ENGINE:
                secured.meet(engine_id, await self._keyring.keys(secured.user, engine_id))
        raise _refusal(peer, answer)

    async def _meet(self, family: _Family, peer: Peer, secured: Usm, wait: float) -> None:
        """Ask for the engine id, and make the user's keys for it."""
        now = asyncio.get_running_loop().time
        answer, engine_id = await self._exchange(family, peer, lambda one: secured.discovery(one, now()), wait)
        if usm.report_of(answer) != usm.UNKNOWN_ENGINE or not 5 <= len(engine_id) <= 32:
            raise Garbled(Reason.BAD_FRAME, f"{_named(peer)} does not say its engine id", raw=engine_id)
        secured.meet(engine_id, await self._keyring.keys(secured.user, engine_id))

    async def _exchange(
        self, family: _Family, peer: Peer, message: Callable[[int], bytes], wait: float
    ) -> tuple[Answer, bytes]:
        loop = asyncio.get_running_loop()
        ident = self._new_id()
        waiting = self._waiting[ident] = _Waiting(peer, loop.create_future())
        waiting.timer = loop.call_later(wait, self._time_out, waiting, wait, loop.time() + wait)
        try:
            try:
                family.datagrams.send(message(ident), peer.address)
            except OSError as error:
                raise _unreachable(peer, error.errno or 0) from None
            return await waiting.answered
        finally:
            waiting.timer.cancel()
            del self._waiting[ident]

    def _new_id(self) -> int:
        """Not to be guessed, so that nobody can answer who has not seen the question."""
        while (ident := int.from_bytes(os.urandom(4), "big") & LAST_ID | FIRST_ID) in self._waiting:
            pass
        return ident

    async def _family(self, family: socket.AddressFamily) -> _Family:
        opening = self._families.get(family)
        if opening is None:
            opening = self._families[family] = asyncio.ensure_future(self._open(family))
        try:
            return await asyncio.shield(opening)
        except OSError as error:
            self._families.pop(family, None)
            raise Unreachable(Reason.NO_ROUTE, f"no UDP socket can be opened: {error.strerror}") from None

    async def _open(self, family: socket.AddressFamily) -> _Family:
        datagrams = Datagrams(self._heard, self._refused)
        await datagrams.open(family)
        return _Family(datagrams, asyncio.Semaphore(datagrams.room))

    def _heard(self, octets: bytes, address: Address) -> None:
        """A datagram. A device may answer from another of its addresses; the id says which question it is about."""
        try:
            version, message = open_message(octets)
            if version == VERSIONS["3"]:
                self._heard_secured(octets, message)
            else:
                answer = read_community(message)
                waiting = self._waiting.get(answer.request_id)
                if waiting is not None and waiting.peer.usm is None:
                    _answered(waiting, (answer, b""))
        except BadMessage as error:
            self._complain(octets, address, str(error))

    def _heard_secured(self, octets: bytes, message: Reader) -> None:
        header = usm.read_header(message)
        waiting = self._waiting.get(header.message_id)
        if waiting is not None and waiting.peer.usm is not None:
            now = asyncio.get_running_loop().time()
            _answered(waiting, waiting.peer.usm.unwrap(octets, header.level, message, now))

    def _complain(self, octets: bytes, address: Address, complaint: str) -> None:
        """Keep what could not be read for who waits for that device. The right answer may still come."""
        for waiting in self._waiting.values():
            if waiting.peer.address[:2] == address[:2]:
                waiting.garbage, waiting.complaint = octets[:RAW_LIMIT], complaint

    def _refused(self, number: int, address: Address) -> None:
        for waiting in list(self._waiting.values()):
            if waiting.peer.address[:2] == address[:2]:
                _end(waiting, _unreachable(waiting.peer, number))

    def _time_out(self, waiting: _Waiting, wait: float, due: float | None) -> None:
        """No answer came. If we come late ourselves, it may lie in the socket unread: it gets that much time again."""
        loop = asyncio.get_running_loop()
        if due is not None and (late := loop.time() - due) > LATE:
            waiting.timer = loop.call_later(min(late, wait), self._time_out, waiting, wait, None)
            return
        if waiting.garbage:
            said = f"{_named(waiting.peer)} answers what is not SNMP ({waiting.complaint})"
            _end(waiting, Garbled(Reason.BAD_FRAME, said, raw=waiting.garbage))
        else:
            _end(waiting, no_answer(waiting.peer, wait))


def _answered(waiting: _Waiting, answered: tuple[Answer, bytes]) -> None:
    if not waiting.answered.done():
        waiting.answered.set_result(answered)


def _end(waiting: _Waiting, error: DeviceError) -> None:
    if not waiting.answered.done():
        waiting.answered.set_exception(error)


def _refusal(peer: Peer, report: Answer) -> DeviceError:
    about = usm.report_of(report)
    if about in _REPORTS:
        return Refused(Reason.WRONG_SECRET, f"{_named(peer)} {_REPORTS[about]}")
    name = report.said[0][0] if report.said else ()
    if name[: len(_UNKNOWN_CONTEXT)] == _UNKNOWN_CONTEXT:
        return Refused(Reason.NEGATIVE_ANSWER, f"{_named(peer)} has no such SNMP context")
    return Refused(Reason.NEGATIVE_ANSWER, f"{_named(peer)} reports {'.'.join(map(str, name)) or 'nothing'}")


def no_answer(peer: Peer, wait: float) -> Unreachable:
    why = "switched off or cut" if peer.version == "3" else "switched off, cut, or the community is wrong"
    return Unreachable(Reason.NO_ANSWER, f"no answer from {_named(peer)} in {wait:g} s: {why}")


def stopped() -> Unreachable:
    return Unreachable(Reason.NO_ANSWER, "the agent stopped before an answer came")


def _unreachable(peer: Peer, number: int) -> Unreachable:
    named = _named(peer)
    if number in (errno.ECONNREFUSED, errno.ECONNRESET):
        return Unreachable(Reason.CONNECTION_REFUSED, f"nothing answers SNMP at {named}: the port is closed there")
    return Unreachable(Reason.NO_ROUTE, f"no way to {named}: {errno.errorcode.get(number, number)}")


def _named(peer: Peer) -> str:
    host, port = peer.address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def resolve(host: str, port: int) -> Address:
    """Where datagrams for `host` go. Unreachable if the name is not known."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        address = None
    if address is not None and address.version == 4:
        return (str(address), port)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (socket.gaierror, UnicodeError):
        raise Unreachable(Reason.NAME_UNKNOWN, f"the name {host} is not known here") from None
    return min(found, key=lambda one: one[0] != socket.AF_INET)[4]  # IPv4 first: a branch's routers seldom do the other
