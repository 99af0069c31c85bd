"""Hourly roll-ups of numbers: what was attested, weighted by how long. A hole is not bridged. Pure."""

from collections.abc import Iterator

import msgspec

from agent.wire import catalogue
from server.health.state import Held, Seen, State, Told, View

HOUR = 3_600_000_000  # µs

Key = tuple[int, str, int]  # subject, metric, first µs of the hour


class Sum(msgspec.Struct):
    """One number in one hour, as the table `roll_up` has it."""

    n: int = 0
    low: float = 0.0
    high: float = 0.0
    weighted: float = 0.0
    seconds: float = 0.0
    last: float = 0.0
    last_at: int = -1

    def value(self, value: float, at: int, polls: int) -> None:
        if self.last_at < 0:
            self.low = self.high = value
        self.low, self.high = min(self.low, value), max(self.high, value)
        self.n += polls
        if at >= self.last_at:
            self.last, self.last_at = value, at

    def hold(self, value: float, seconds: float) -> None:
        self.weighted += value * seconds
        self.seconds += seconds


class Sums(msgspec.Struct):
    """The sums a batch of records adds to."""

    by_key: dict[Key, Sum] = {}

    def see(self, subject: int, state: State, seen: Seen, span: int) -> None:
        """Count `seen`, told of `subject` while it was in `state`."""
        if isinstance(seen, Told):
            self._told(subject, state, seen, span)
        elif isinstance(seen, Held):
            self._held(subject, state, seen, span)

    def _told(self, subject: int, state: State, told: Told, span: int) -> None:
        before = state.views.get(str(told.agent))
        if before is not None and told.at < before.held_to:
            return
        if before is not None and told.at - before.held_to <= span:
            self._stretch(subject, state, told.agent, before, before.held_to, told.at)
        if told.failure is None:
            for metric, value in told.reading.numbers.items():
                if _counted(state, told.agent, metric, told.at, value):
                    self._sum(subject, metric, told.at).value(value, told.at, 1)

    def _held(self, subject: int, state: State, held: Held, span: int) -> None:
        view = state.views.get(str(held.agent))
        if view is None or held.polls <= 0 or held.at < view.held_to:
            return
        start = view.held_to if held.since - view.held_to <= span else held.since
        self._stretch(subject, state, held.agent, view, start, held.at)
        for metric, value in view.numbers.items():
            if _counted(state, held.agent, metric, held.at, value):
                self._sum(subject, metric, held.at).value(value, held.at, held.polls)

    def _stretch(self, subject: int, state: State, agent: int, view: View, start: int, end: int) -> None:
        """The numbers of `view` held from `start` to `end`."""
        for metric, value in view.numbers.items():
            if not _counted(state, agent, metric, end, value):
                continue
            for lo, hi in hours(start, end):
                found = self._sum(subject, metric, lo)
                found.value(value, hi - 1, 0)
                found.hold(value, (hi - lo) / 1e6)

    def _sum(self, subject: int, metric: str, at: int) -> Sum:
        return self.by_key.setdefault((subject, metric, at - at % HOUR), Sum())


def hours(start: int, end: int) -> Iterator[tuple[int, int]]:
    """start..end cut at the hours."""
    while start < end:
        cut = min(end, start - start % HOUR + HOUR)
        yield start, cut
        start = cut


def _counted(state: State, agent: int, metric: str, at: int, value: float) -> bool:
    """Known numbers only, and of two agents that see the same one only the first that is fresh."""
    if catalogue().find_number(metric) is None or len(metric) > 64 or not metric.isprintable() or value != value:
        return False
    return not any(
        int(other) < agent and metric in view.numbers and view.fresh_to >= at for other, view in state.views.items()
    )


def merged(into: Sum, more: Sum) -> Sum:
    """Two sums of the same hour as one; `more` came later."""
    if into.last_at < 0:
        return more
    if more.last_at < 0:
        return into
    newest = more if more.last_at >= into.last_at else into
    return Sum(
        n=into.n + more.n,
        low=min(into.low, more.low),
        high=max(into.high, more.high),
        weighted=into.weighted + more.weighted,
        seconds=into.seconds + more.seconds,
        last=newest.last,
        last_at=newest.last_at,
    )
