"""Reporting by exception: news is sent as a state, sameness is counted for the next hold.

The comparison is with the last state *sent*, so a number that creeps is news once it has crept beyond its deadband.
"""

import logging

import msgspec

from agent.poll import Seen
from agent.spool.room import HOLD_POSITIONS
from agent.wire import Ahead, AnyRecord, Catalogue, Clock, Held, Hold, State

log = logging.getLogger(__name__)


class News(msgspec.Struct, frozen=True):
    """Records to be written, and whether somebody should know within a second."""

    records: list[AnyRecord]
    urgent: bool = False


class Report:
    """What the server was told last of every position, and how often that was seen again since the last hold."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._last: dict[str, State] = {}
        self._counts: dict[str, Held] = {}
        self._stands: dict[str, Ahead] = {}  # how each position stands, whatever the server was told of it
        self._since = clock.boot
        self._gone: set[str] = set()  # the log said of these that they give no reading

    def seen(self, position: str, seen: Seen, clock: Clock) -> News:
        """Take what a poll gave."""
        last = self._last.get(position)
        state = State(seq=0, clock=clock, position=position, reading=seen.reading, failure=seen.failure)
        self._log_turn(state)
        if last is not None and not self._differs(last, state):
            so_far = self._counts.get(position, Held(0, 0))
            answered = seen.failure is None
            self._counts[position] = Held(so_far.good + answered, so_far.failed + (not answered))
            self._stands[position] = Ahead(self._stands[position].state, clock.boot)
            return News([])
        self._last[position] = state
        self._stands[position] = Ahead(_without_raw(state), clock.boot)
        counted = self._counts.pop(position, None)
        if counted is None:
            return News([state], _urgent(last, state))
        # The polls before the change belong to the state before it; after the state they would count for this one.
        before = Hold(seq=0, clock=clock, since=self._since, held={position: counted})
        return News([before, state], _urgent(last, state))

    def hold(self, clock: Clock) -> list[Hold]:
        """All that stayed the same since the last hold. Empty says at least that the agent is there."""
        counted = list(self._counts.items())
        groups = [dict(counted[at : at + HOLD_POSITIONS]) for at in range(0, len(counted), HOLD_POSITIONS)] or [{}]
        holds = [Hold(seq=0, clock=clock, since=min(self._since, clock.boot), held=group) for group in groups]
        self._counts = {}
        self._since = clock.boot
        return holds

    def ahead(self) -> list[Ahead]:
        """How every position stands, for a server that will hear of it in its turn only."""
        return list(self._stands.values())

    def forget(self, position: str | None = None) -> None:
        """The next poll is news: the server does not know what it was told, or the position is another one now."""
        if position is None:
            self._last.clear()
            self._counts.clear()
        else:
            self._gone.discard(position)
            self._last.pop(position, None)
            self._counts.pop(position, None)
            self._stands.pop(position, None)

    def _log_turn(self, now: State) -> None:
        """Once when a device goes, once when it is back; however often the server must be told anew meanwhile."""
        about = {"position": now.position}
        if now.failure is not None and now.position not in self._gone:
            self._gone.add(now.position)
            why = (now.position, now.failure.detail, now.failure.reason)
            log.warning("%s gives no reading: %s (%s)", *why, extra=about)
        elif now.failure is None and now.position in self._gone:
            self._gone.discard(now.position)
            log.info("%s gives readings again", now.position, extra=about)

    def _differs(self, last: State, now: State) -> bool:
        a, b = last.reading, now.reading
        if (a.device, a.parts, a.texts, a.identity, a.as_of) != (b.device, b.parts, b.texts, b.identity, b.as_of):
            return True
        if _trouble(last) != _trouble(now) or a.numbers.keys() != b.numbers.keys():
            return True
        return any(self._moved(key, number, b.numbers[key]) for key, number in a.numbers.items())

    def _moved(self, key: str, before: float, now: float) -> bool:
        known = self._catalogue.find_number(key)
        if known is None:
            return before != now
        if known.counter and now < before:
            return True  # a reset
        return abs(now - before) > known.deadband


def _without_raw(state: State) -> State:
    """The bytes come with the record."""
    failure = state.failure and msgspec.structs.replace(state.failure, raw=b"")
    return msgspec.structs.replace(state, reading=msgspec.structs.replace(state.reading, raw={}), failure=failure)


def _trouble(state: State) -> tuple[str, str] | None:
    """A failure without its wording and bytes, which differ from poll to poll."""
    return (state.failure.kind, state.failure.reason) if state.failure else None


def _urgent(last: State | None, now: State) -> bool:
    """Device word, power and lines; and what was never told."""
    if last is None or last.reading.device != now.reading.device or _power(last) != _power(now):
        return True
    return "/line/" in now.position and last.reading.parts != now.reading.parts


def _power(state: State) -> dict[str, str]:
    return {part: word for part, word in state.reading.parts.items() if part.partition(".")[0] == "power"}
