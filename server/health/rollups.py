"""Hourly roll-ups of numbers: what was attested, weighted by how long. A hole is not bridged. Pure.

The sums of the hour that goes on are kept in the subject's state, and added to the table once a later hour has begun:
a row of the table for each number of each observation would cost more than all the rest of judging it.
"""

from collections.abc import Iterator
from functools import lru_cache

import msgspec

from agent.wire import catalogue
from server.health.state import KEY_LIMIT, Held, Seen, State, Sum, Told, View

HOUR = 3_600_000_000  # µs
DAY = 24 * HOUR
LONGEST = 7 * DAY  # of one stretch that is summed up; an honest one is of a hold, or of three intervals
LATEST = 70 * DAY  # after an hour nothing is added to it: no spool is so old, and what it told of may be gone

Metrics = dict[str, Sum]


class Sums(msgspec.Struct):
    """What a batch of records adds to hours that are over, by subject and the first µs of the hour."""

    over: dict[tuple[int, int], Metrics] = {}

    def see(self, subject: int, before: State, after: State, seen: Seen, span: int) -> None:
        """Count `seen`, told of `subject` while it was in `before`; `after` has the hour that goes on."""
        if isinstance(seen, Told):
            self._told(subject, before, after, seen, span)
        elif isinstance(seen, Held):
            self._held(subject, before, after, seen, span)

    def _told(self, subject: int, before: State, after: State, told: Told, span: int) -> None:
        view = before.views.get(str(told.agent))
        if view is not None and told.at < view.held_to:
            return
        if view is not None and told.at - view.held_to <= span:
            self._stretch(subject, before, after, told.agent, view, view.held_to, told.at)
        if told.failure is None:
            counted = _counted(told.reading.numbers, before, told.agent, told.at)
            self._add(subject, after, counted, told.at, polls=1)

    def _held(self, subject: int, before: State, after: State, held: Held, span: int) -> None:
        view = before.views.get(str(held.agent))
        if view is None or held.polls <= 0 or held.at < view.held_to:
            return
        start = view.held_to if held.since - view.held_to <= span else held.since
        self._stretch(subject, before, after, held.agent, view, start, held.at)
        counted = _counted(view.numbers, before, held.agent, held.at)
        self._add(subject, after, counted, held.at, polls=held.polls)

    def _stretch(self, subject: int, before: State, after: State, agent: int, view: View, start: int, end: int) -> None:
        """The numbers of `view` held from `start` to `end`."""
        counted = _counted(view.numbers, before, agent, end)
        for lo, hi in hours(max(start, end - LONGEST), end):
            self._add(subject, after, counted, hi - 1, seconds=(hi - lo) / 1e6)

    def _add(
        self, subject: int, after: State, counted: dict[str, float], at: int, *, polls: int = 0, seconds: float = 0
    ) -> None:
        found = self._of_hour(subject, after, at - at % HOUR)
        for metric, value in counted.items():
            known = found.get(metric)
            if known is None:
                found[metric] = Sum(polls, value, value, value * seconds, seconds, value, at)
            else:
                known.add(value, at, polls, seconds)

    def _of_hour(self, subject: int, after: State, hour: int) -> Metrics:
        if hour > after.hour:
            if after.sums:
                self._end(subject, after)
            after.hour, after.sums = hour, {}
        if hour == after.hour:
            return after.sums
        return self.over.setdefault((subject, hour), {})

    def _end(self, subject: int, after: State) -> None:
        """The hour that went on is over."""
        found = self.over.setdefault((subject, after.hour), {})
        for metric, total in after.sums.items():
            found[metric] = merged(found[metric], total) if metric in found else total


def hours(start: int, end: int) -> Iterator[tuple[int, int]]:
    """start..end cut at the hours."""
    while start < end:
        cut = min(end, start - start % HOUR + HOUR)
        yield start, cut
        start = cut


def merged(one: Sum, other: Sum) -> Sum:
    """Two sums of the same hour as one."""
    newest = other if other.last_at >= one.last_at else one
    return Sum(
        n=one.n + other.n,
        low=min(one.low, other.low),
        high=max(one.high, other.high),
        weighted=one.weighted + other.weighted,
        seconds=one.seconds + other.seconds,
        last=newest.last,
        last_at=newest.last_at,
    )


def _counted(numbers: dict[str, float], state: State, agent: int, at: int) -> dict[str, float]:
    """Known numbers only, and of two agents that see the same one only the first that is fresh."""
    others = [view.numbers for other, view in state.views.items() if int(other) < agent and view.fresh_to >= at]
    return {
        metric: value
        for metric, value in numbers.items()
        if len(metric) <= KEY_LIMIT
        and _in_catalogue(metric)
        and value == value
        and not (others and any(metric in other for other in others))
    }


@lru_cache(4096)
def _in_catalogue(metric: str) -> bool:
    return catalogue().find_number(metric) is not None and metric.isprintable()
