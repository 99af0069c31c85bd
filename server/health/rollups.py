"""Hourly roll-ups of numbers: what was attested, weighted by how long. A hole is not bridged. Pure."""

from collections.abc import Iterator
from functools import lru_cache

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
        elif value < self.low:
            self.low = value
        elif value > self.high:
            self.high = value
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
            others = _earlier(state, told.agent, told.at)
            hour = told.at - told.at % HOUR
            for metric, value in told.reading.numbers.items():
                if _counted(metric, value, others):
                    self._sum(subject, metric, hour).value(value, told.at, 1)

    def _held(self, subject: int, state: State, held: Held, span: int) -> None:
        view = state.views.get(str(held.agent))
        if view is None or held.polls <= 0 or held.at < view.held_to:
            return
        start = view.held_to if held.since - view.held_to <= span else held.since
        self._stretch(subject, state, held.agent, view, start, held.at)
        others = _earlier(state, held.agent, held.at)
        hour = held.at - held.at % HOUR
        for metric, value in view.numbers.items():
            if _counted(metric, value, others):
                self._sum(subject, metric, hour).value(value, held.at, held.polls)

    def _stretch(self, subject: int, state: State, agent: int, view: View, start: int, end: int) -> None:
        """The numbers of `view` held from `start` to `end`."""
        others = _earlier(state, agent, end)
        counted = [one for one in view.numbers.items() if _counted(*one, others)]
        for lo, hi in hours(start, end):
            hour, seconds = lo - lo % HOUR, (hi - lo) / 1e6
            for metric, value in counted:
                found = self._sum(subject, metric, hour)
                found.value(value, hi - 1, 0)
                found.hold(value, seconds)

    def _sum(self, subject: int, metric: str, hour: int) -> Sum:
        key = (subject, metric, hour)
        found = self.by_key.get(key)
        if found is None:
            found = self.by_key[key] = Sum()
        return found


def hours(start: int, end: int) -> Iterator[tuple[int, int]]:
    """start..end cut at the hours."""
    while start < end:
        cut = min(end, start - start % HOUR + HOUR)
        yield start, cut
        start = cut


def _earlier(state: State, agent: int, at: int) -> list[View]:
    """The fresh views of agents before this one: of two that see the same number only the first counts."""
    return [view for other, view in state.views.items() if int(other) < agent and view.fresh_to >= at]


def _counted(metric: str, value: float, others: list[View]) -> bool:
    return _known(metric) and value == value and not any(metric in view.numbers for view in others)


@lru_cache(4096)
def _known(metric: str) -> bool:
    return catalogue().find_number(metric) is not None and len(metric) <= 64 and metric.isprintable()
