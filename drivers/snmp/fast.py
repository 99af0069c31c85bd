"""The polls of SNMPv2c by gufo-snmp (Rust), where it is installed; all else, and every error, by our own engine.

gufo reads a whole answer for less than ours does (`python -m benchmarks.snmp`). What it lacks was tried with 0.13:

- it does not check the digest of an SNMPv3 answer: a forged one is believed;
- it asks what comes next after one object at a time, where looking around asks after forty;
- error statuses are not told, nor which octets could not be read, nor a refusal apart from silence;
- a number of no octets is 0 to it, and two octets that are no message end in a Rust panic.

So it is asked one thing, the GET of a poll, for objects the device was seen to have, and only its whole answers are
taken. Whatever else comes of it, our own engine asks again, and it is that one's answer or error that counts.
"""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, cast
from weakref import WeakKeyDictionary

from gufo.snmp import SnmpError
from gufo.snmp.aio import SnmpSession

from drivers.snmp.engine import LATE, Peer, SnmpEngine, no_answer, stopped
from drivers.snmp.message import Answer, Kind, Question
from drivers.snmp.profile import Oid
from drivers.snmp.reading import Value

_SURE = (int, bytes, tuple)  # not bool: no SNMP value is one


@dataclass(eq=False)
class _Line:
    """gufo's session with one device, which has a socket of its own; None once it is better left to our own engine."""

    session: SnmpSession | None
    heard: bool = False  # whether the device has answered it
    busy: bool = False


class FastEngine:
    def __init__(self) -> None:
        self._own = SnmpEngine()
        self._lines: WeakKeyDictionary[Peer, _Line] = WeakKeyDictionary()
        self._most = _most_lines()
        self._asking: set[asyncio.Task[object]] = set()
        self._closed = False

    @classmethod
    async def start(cls) -> Self:
        return cls()

    async def close(self) -> None:
        self._closed = True
        for task in self._asking:
            task.cancel()
        self._lines.clear()
        await self._own.close()

    async def ask(self, peer: Peer, question: Question, wait: float) -> Answer:
        if peer.version != "2c" or question.kind is not Kind.GET or question.guessed:
            return await self._own.ask(peer, question, wait)
        line = self._line(peer, wait)
        if line is None or line.session is None or line.busy:
            return await self._own.ask(peer, question, wait)
        said, silent = await self._get(line, line.session, question, wait)
        if said is not None:
            line.heard = True
            return Answer(0, 0, 0, said)
        if silent and line.heard:
            line.heard = False  # what comes back may be another device
            raise no_answer(peer, wait)
        answer = await self._own.ask(peer, question, wait)
        if silent:
            line.session = None  # it answers from another address, or in the name of another community
        return answer

    def _line(self, peer: Peer, wait: float) -> _Line | None:
        line = self._lines.get(peer)
        if line is None and len(self._lines) < self._most:
            host, port, *scope = peer.address
            try:
                if any(scope):
                    raise OSError("gufo takes no scope of a link-local address")
                line = _Line(SnmpSession(host, port, community=peer.community.decode(), timeout=wait))
            except OSError:  # no way there, or no file left: our own engine says which
                return None
            self._lines[peer] = line
        return line

    async def _get(
        self, line: _Line, session: SnmpSession, question: Question, wait: float
    ) -> tuple[list[tuple[Oid, Value | None]] | None, bool]:
        """What was said to `question`, if all of it was; and whether nothing came in its time."""
        loop, task = asyncio.get_running_loop(), cast("asyncio.Task[object]", asyncio.current_task())
        self._asking.add(task)
        line.busy = True
        due = loop.time() + wait
        try:
            return _whole(question, await session.get_many(question.names)), False
        except TimeoutError as error:
            return None, not error.args and loop.time() - due < LATE  # else it was refused, or we were late ourselves
        except (SnmpError, OSError):
            return None, False
        except asyncio.CancelledError:
            if self._closed and not task.uncancel():
                raise stopped() from None
            raise
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # of Rust; it is no Exception, and cannot be imported
                raise
            line.session = None
            return None, False
        finally:
            self._asking.discard(task)
            line.busy = False


def _whole(question: Question, said: Mapping[str, object]) -> list[tuple[Oid, Value | None]] | None:
    """The values in the order they were asked for; None if one is missing, or may mean two things."""
    values: list[tuple[Oid, Value | None]] = []
    for oid, name in zip(question.oids, question.names, strict=True):
        value = said.get(name)
        if type(value) is str and value.count(".") != 3:  # with three it may be an address as well
            value = tuple(map(int, value.split(".")))
        if not isinstance(value, _SURE) or isinstance(value, bool):
            return None
        values.append((oid, value))
    return values


def _most_lines() -> int:
    """A quarter of the files this process may have open, as each line has one."""
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4
