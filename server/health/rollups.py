"""Hourly roll-ups of numbers: what was attested, weighted by how long. A hole is not bridged. Pure.

The sums of the hour that goes on are kept in the subject's state, and added to the table once a later hour has begun:
a row of the table for each number of each observation would cost more than all the rest of judging it.
"""

import math
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from agent.wire import catalogue
from server.health.state import KEY_LIMIT, Held, Seen, State, Told, View
from server.health.sums import Abreast, Sum

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
            if self._go_on(before, after, view, told):
                return
            self._stretch(subject, before, after, told.agent, view, view.held_to, told.at)
        if told.failure is None:
            counted = _counted(told.reading.numbers, before, told.agent, told.at)
            self._add(subject, after, counted, told.at, polls=1)

    def _go_on(self, before: State, after: State, view: View, told: Told) -> bool:
        """Count a stretch and the reading that ends it, where both have the numbers of the hour; else False."""
        numbers = told.reading.numbers
        if len(after.going) != 1 or len(before.views) > 1 or told.failure is not None:
            return False
        one, start, end = after.going[0], view.held_to, told.at
        if not after.hour <= start <= end < after.hour + HOUR or not math.isfinite(sum(numbers.values())):
            return False
        if view.numbers.keys() != one.known or numbers.keys() != one.known:
            return False
        if start < end:
            one.add([view.numbers[name] for name in one.names], end - 1, 0, (end - start) / 1e6)
        one.add([numbers[name] for name in one.names], end, 1, 0)
        return True

    def _held(self, subject: int, before: State, after: State, held: Held, span: int) -> None:
        view = before.views.get(str(held.agent))
        if view is None or held.polls <= 0 or held.at < view.held_to:
            return
        start = view.held_to if held.since - view.held_to <= span else held.since
        if _holds_on(before, after, view, start, held):
            return
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
        hour = at - at % HOUR
        if hour > after.hour:
            if after.going:
                self._end(subject, after)
            after.hour, after.going = hour, []
        if hour == after.hour:
            add(after.going, counted, at, polls, seconds)
            return
        found = self.over.setdefault((subject, hour), {})
        for metric, value in counted.items():
            known = found.get(metric)
            if known is None:
                found[metric] = Sum(polls, value, value, value * seconds, seconds, value, at)
            else:
                known.add(value, at, polls, seconds)

    def _end(self, subject: int, after: State) -> None:
        """The hour that went on is over."""
        found = self.over.setdefault((subject, after.hour), {})
        for metric, total in each(after.going):
            found[metric] = merged(found[metric], total) if metric in found else total


def _holds_on(before: State, after: State, view: View, start: int, held: Held) -> bool:
    """Count a stretch in which numbers that are those of the hour held, in one go; else False."""
    if len(after.going) != 1 or len(before.views) > 1 or not after.hour <= start <= held.at < after.hour + HOUR:
        return False
    one, numbers = after.going[0], view.numbers
    if numbers.keys() != one.known or not math.isfinite(sum(numbers.values())):
        return False
    one.add([numbers[name] for name in one.names], held.at, held.polls, (held.at - start) / 1e6)
    return True


def add(going: list[Abreast], counted: dict[str, float], at: int, polls: int, seconds: float) -> None:
    """Count numbers in the hour that goes on. Those that were always told together stay side by side."""
    if going and len(going[0].names) == len(counted) and counted.keys() == going[0].known:
        going[0].add([counted[name] for name in going[0].names], at, polls, seconds)
        return
    left = dict(counted)
    for place, one in enumerate(list(going)):
        here = left.keys() & one.known
        if not here:
            continue
        if len(here) < len(one.names):
            going[place], rest = one.apart(here)
            going.append(rest)
        told = going[place]
        told.add([left.pop(name) for name in told.names], at, polls, seconds)
    if left:
        values = list(left.values())
        weighted = [value * seconds for value in values]
        going.append(Abreast(tuple(left), polls, seconds, at, values, values, weighted, values))


def each(going: list[Abreast]) -> Iterator[tuple[str, Sum]]:
    for one in going:
        yield from one.each()


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
    if not others and _all_in_catalogue(tuple(numbers)) and math.isfinite(sum(numbers.values())):
        return numbers
    return {
        metric: value
        for metric, value in numbers.items()
        if _in_catalogue(metric) and value == value and not any(metric in other for other in others)
    }


@lru_cache(512)
def _all_in_catalogue(metrics: tuple[str, ...]) -> bool:
    return all(map(_in_catalogue, metrics))


@lru_cache(4096)
def _in_catalogue(metric: str) -> bool:
    return len(metric) <= KEY_LIMIT and catalogue().find_number(metric) is not None and metric.isprintable()
