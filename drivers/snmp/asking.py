"""Questions to one device in the order they are asked: as many values to a message as fit, and nothing asked twice.

A device that says "too big" gets smaller messages from then on; a value it does not have is left out of the answer, as
SNMPv1 can say only by refusing the whole message.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from drivers.errors import Garbled, Reason, Refused
from drivers.snmp.engine import Asks, Peer
from drivers.snmp.message import Answer, Kind, Question
from drivers.snmp.profile import Oid
from drivers.snmp.reading import Value, as_octets

VALUES_AT_ONCE = 40
OCTETS_AT_ONCE = 1300  # of values and names: with headers and SNMPv3's envelope below the 1,472 of an Ethernet frame
_VALUE_OCTETS = 24  # what a value not seen yet is taken for
_ROWS_FIRST, _ROWS_MOST = 12, 60  # of a column, in one SNMPv2 message: before it is known how long they are, and ever

_TOO_BIG, _NO_SUCH_NAME, _GENERAL, _NOT_ALLOWED = 1, 2, 5, 16

MOST_OCTETS = 4 << 20  # of one column


class Walked(NamedTuple):
    """Rows of a column by index. Not `whole`: there are more, or the device went in circles or failed."""

    rows: dict[Oid, Value]
    whole: bool


class Asking:
    """One device's questions. Lives as long as its driver, because it learns how much the device takes at once."""

    def __init__(self, engine: Asks, peer: Peer, wait: float) -> None:
        self._engine = engine
        self._peer = peer
        self._wait = wait
        self.most = VALUES_AT_ONCE
        self._bulk = peer.version != "1"
        self._gave_up = False  # whether it failed at what came next, instead of saying that nothing does

    async def get(self, oids: Sequence[Oid], sizes: dict[Oid, int] | None = None) -> dict[Oid, Value]:
        """The values of those of `oids` the device has; `sizes` is how many octets each is expected to have."""
        values: dict[Oid, Value] = {}
        for packed in pack(oids, sizes or {}, self.most):
            values.update(await self.get_packed(Question(Kind.GET, packed, guessed=True)))
        return values

    async def get_packed(self, question: Question) -> dict[Oid, Value]:
        """The values of one message's objects; more messages only if the device refuses this one."""
        asked = question.oids
        said = {name: value for name, value in await self._ask(question) if value is not None}
        values = {name: said[name] for name in asked if name in said}
        if said and not values:
            raise Garbled(Reason.BAD_FRAME, "the device answers about other objects than those asked for")
        return values

    async def next(self, oids: Sequence[Oid]) -> dict[Oid, tuple[Oid, Value]]:
        """For each of `oids` the first object below it, where there is one."""
        found: dict[Oid, tuple[Oid, Value]] = {}
        for packed in pack(oids, {}, self.most):
            for oid, name, value in await self._next(packed):
                if value is not None and name[: len(oid)] == oid:
                    found[oid] = (name, value)
        return found

    async def walk(self, column: Oid, rows: int) -> dict[Oid, Value]:
        """The first `rows` objects of a column, by index. A device that goes in circles is left where it turns."""
        return (await self.walked(column, rows)).rows

    async def walked(self, column: Oid, rows: int, octets: int = MOST_OCTETS) -> Walked:
        """The same, and whether that is all there is; no more than about `octets` of values are taken."""
        found: dict[Oid, Value] = {}
        last = column
        while len(found) < rows and octets > 0:
            steps = await self._step(last, min(_rows_that_fit(column, found), rows - len(found)))
            for name, value in steps:
                if value is None:
                    return Walked(found, whole=True)
                if name <= last:
                    return Walked(found, whole=False)
                if name[: len(column)] != column:
                    return Walked(found, whole=True)
                found[name[len(column) :]] = value
                octets -= len(value) if isinstance(value, bytes) else 4
                last = name
            if not steps:
                return Walked(found, whole=not self._gave_up)
        return Walked(dict(list(found.items())[:rows]), whole=False)

    async def _step(self, last: Oid, repeats: int) -> list[tuple[Oid, Value | None]]:
        if self._bulk:
            answer = await self._engine.ask(self._peer, Question(Kind.BULK, (last,), repeats), self._wait)
            if answer.status == 0 and answer.said:
                return answer.said
            self._bulk = False  # it does not know GETBULK, or not at this size; one row at a time it will
        return [(name, value) for _, name, value in await self._next((last,))]

    async def _next(self, oids: tuple[Oid, ...]) -> list[tuple[Oid, Oid, Value | None]]:
        """(after which, name, value), where something comes next."""
        while oids:
            answer = await self._engine.ask(self._peer, Question(Kind.NEXT, oids), self._wait)
            self._gave_up = answer.status not in (0, _NO_SUCH_NAME)
            if answer.status == 0:
                pairs = zip(oids, answer.said, strict=False)
                return [(oid, name, value) for oid, (name, value) in pairs]
            halves = self._halves(oids, answer)
            if halves is not None:
                return [step for half in halves for step in await self._next(half)]
            oids = _without(oids, answer)
        return []

    async def _ask(self, question: Question) -> list[tuple[Oid, Value | None]]:
        while question.oids:
            answer = await self._engine.ask(self._peer, question, self._wait)
            if answer.status == 0:
                return answer.said
            halves = self._halves(question.oids, answer)
            if halves is not None:
                return [pair for half in halves for pair in await self._ask(Question(Kind.GET, half))]
            question = Question(Kind.GET, _without(question.oids, answer))
        return []

    def _halves(self, oids: tuple[Oid, ...], answer: Answer) -> tuple[tuple[Oid, ...], ...] | None:
        """What to ask instead, if the device wants less at once or does not say what it minds; None if it does."""
        if answer.status == _TOO_BIG:
            self.most = max(1, min(self.most, len(oids) // 2))
        elif answer.status == _NOT_ALLOWED:
            raise Refused(Reason.WRONG_SECRET, "the device does not let this user or community read it")
        elif answer.status not in (_NO_SUCH_NAME, _GENERAL):
            raise Refused(Reason.NEGATIVE_ANSWER, f"the device refuses the question with SNMP error {answer.status}")
        elif 1 <= answer.index <= len(oids):
            return None
        half = len(oids) // 2
        return (oids[:half], oids[half:]) if half else ()


def _rows_that_fit(column: Oid, found: dict[Oid, Value]) -> int:
    """How many more rows go into one answer, if they are as long as those found."""
    if not found:
        return _ROWS_FIRST
    octets = sum(len(column) + len(index) + 6 + len(as_octets(value)) for index, value in found.items())
    return max(1, min(_ROWS_MOST, OCTETS_AT_ONCE * len(found) // octets))


def _without(oids: tuple[Oid, ...], answer: Answer) -> tuple[Oid, ...]:
    return oids[: answer.index - 1] + oids[answer.index :]


def pack(oids: Iterable[Oid], sizes: dict[Oid, int], most: int = VALUES_AT_ONCE) -> list[tuple[Oid, ...]]:
    """`oids` in messages that hold `most` of them, and whose answers fit a frame by the `sizes` values had before."""
    packs: list[tuple[Oid, ...]] = []
    now: list[Oid] = []
    octets = 0
    for oid in oids:
        size = len(oid) + 6 + sizes.get(oid, _VALUE_OCTETS)
        if now and (len(now) >= most or octets + size > OCTETS_AT_ONCE):
            packs.append(tuple(now))
            now, octets = [], 0
        now.append(oid)
        octets += size
    return [*packs, tuple(now)] if now else packs
