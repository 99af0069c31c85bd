"""The polls of SNMPv2c by gufo-snmp (Rust), where it is installed; all else, and every error, by our own engine.

gufo reads a whole answer for less than ours does (`python -m benchmarks.snmp`). What it lacks was tried with 0.13:

- it does not check the digest of an SNMPv3 answer: a forged one is believed;
- it asks what comes next after one object at a time, where looking around asks after forty;
- error statuses are not told, nor which octets could not be read, nor a refusal apart from silence;
- a number of no octets is 0 to it, and two octets that are no message end in a Rust panic.

Its asyncio session costs as much as all of our engine, so its socket is used without it. That is private to gufo; where
it is not to be found any more, `engine.pick` takes ours.

So it is asked one thing, the GET of a poll, for objects the device was seen to have, and only its whole answers are
taken. Whatever else comes of it, our own engine asks again, and it is that one's answer or error that counts.
"""

import asyncio
import resource
import select
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, cast
from weakref import WeakKeyDictionary, WeakValueDictionary

from gufo.snmp import SnmpError
from gufo.snmp._fast import SnmpV2cClientSocket

from drivers.errors import DeviceError
from drivers.snmp.engine import LATE, Peer, SnmpEngine, no_answer, stopped
from drivers.snmp.message import Answer, Kind, Question
from drivers.snmp.profile import Oid
from drivers.snmp.reading import Value

if sys.platform != "linux":
    raise ImportError("gufo-snmp is for Linux")

Said = Mapping[str, object]

_PLAIN = {int, bytes}  # what values are mostly


class _Doubt(Exception):
    """What gufo has to say is not enough."""


class _Silent(_Doubt):
    """Nothing came in its time."""


@dataclass(eq=False)
class _Line:
    """A socket of gufo's to one device."""

    socket: SnmpV2cClientSocket
    heard: bool = False  # whether the device has answered it
    closed: bool = False  # the device is better left to our own engine
    answered: asyncio.Future[Said] | None = None  # of the question that is on its way

    async def get(self, question: Question, wait: float) -> Said:
        loop = asyncio.get_running_loop()
        self.answered = loop.create_future()
        timer = loop.call_later(wait, self._time_out, loop.time() + wait)
        try:
            self.socket.send_get_many(question.names)
            return await self.answered
        except (SnmpError, OSError) as error:
            raise _Doubt from error
        finally:
            timer.cancel()
            self.answered = None

    def end(self, error: DeviceError | _Doubt) -> None:
        if self.answered is not None and not self.answered.done():
            self.answered.set_exception(error)

    def _time_out(self, due: float) -> None:
        late = asyncio.get_running_loop().time() - due > LATE  # then the answer may lie in the socket unread
        self.end(_Doubt() if late else _Silent())

    def read(self) -> None:
        """Something lies in the socket: an answer, one that came late, or a refusal."""
        try:
            said = self.socket.recv_get_many()
        except BlockingIOError:
            return  # it was no answer to this question
        except (SnmpError, OSError):
            self.end(_Doubt())
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # Rust's is no Exception, and cannot be imported
                raise
            self.closed = True
            self.end(_Doubt())
        else:
            if self.answered is not None and not self.answered.done():
                self.answered.set_result(said)


class FastEngine:
    def __init__(self) -> None:
        self._own = SnmpEngine()
        self._lines: WeakKeyDictionary[Peer, _Line] = WeakKeyDictionary()
        self._by_number: WeakValueDictionary[int, _Line] = WeakValueDictionary()  # of its socket
        self._sockets = select.epoll()  # which forgets a socket that is closed, and asyncio does not
        # each line is a file, and there are other things to open
        self._most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4

    @classmethod
    async def start(cls) -> Self:
        engine = cls()
        asyncio.get_running_loop().add_reader(engine._sockets.fileno(), engine._read)
        return engine

    async def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._sockets.fileno())
        self._sockets.close()
        for line in self._lines.values():
            line.end(stopped())
            del line.socket  # whoever still holds the line of a poll that was broken off holds no file
        self._lines.clear()
        await self._own.close()

    def _read(self) -> None:
        for number, _ in self._sockets.poll(0):
            if (line := self._by_number.get(number)) is not None:
                line.read()
                if line.closed:
                    self._sockets.unregister(number)

    async def ask(self, peer: Peer, question: Question, wait: float) -> Answer:
        line = self._line(peer, question)
        if line is None or line.closed or line.answered is not None:
            return await self._own.ask(peer, question, wait)
        try:
            said = _whole(question, await line.get(question, wait))
        except _Silent:
            if line.heard:
                line.heard = False  # what comes back may be another device
                raise no_answer(peer, wait) from None
            answer = await self._own.ask(peer, question, wait)
            line.closed = True  # it answers from another address, or in the name of another community
            return answer
        except _Doubt:
            return await self._own.ask(peer, question, wait)
        line.heard = True
        return Answer(0, 0, 0, said)

    def _line(self, peer: Peer, question: Question) -> _Line | None:
        """Where this question may be asked by gufo; None if it may not."""
        if peer.version != "2c" or question.kind is not Kind.GET or question.guessed:
            return None
        line = self._lines.get(peer)
        if line is None and len(self._lines) < self._most:
            host, port, *scope = peer.address
            at = f"[{host}]:{port}" if scope else f"{host}:{port}"
            try:
                if any(scope):
                    raise OSError("gufo takes no scope of a link-local address")
                line = _Line(SnmpV2cClientSocket(at, peer.community.decode(), 0, 0, 0, 0))
                number = line.socket.get_fd()
                self._sockets.register(number, select.EPOLLIN)
            except OSError:  # no way there, or no file left: our own engine says which
                return None
            self._lines[peer] = self._by_number[number] = line
        return line


def _whole(question: Question, said: Said) -> list[tuple[Oid, Value | None]]:
    """The values in the order they were asked for. _Doubt if one is missing, or may mean two things."""
    try:
        values = [said[name] for name in question.names]
    except KeyError:
        raise _Doubt from None
    if not _PLAIN.issuperset(map(type, values)):
        values = [_plain(value) for value in values]
    return list(zip(question.oids, cast(list[Value], values), strict=True))


def _plain(value: object) -> Value:
    if isinstance(value, int | bytes) and not isinstance(value, bool):  # no SNMP value is one
        return value
    if isinstance(value, str) and value.count(".") != 3:  # with three it may be an address as well as an object id
        return tuple(map(int, value.split(".")))
    raise _Doubt
