"""How a card was over effective time: stretches without holes, from its first day on. Pure.

A change says from when it is so; it holds until the next change of the same thing that is known already. So a keeper
entered late for March is the keeper until the change of keeper known for June, and a transfer in May stays what it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from server.ledger.tables import CardStatus
from server.storage.types import FOREVER

SERVING = frozenset({CardStatus.IN_USE, CardStatus.STOPPED})  # only such a machine fills a position


@dataclass(frozen=True)
class Standing:
    """Where a machine is and as what."""

    branch_id: int
    position_id: int | None
    status: CardStatus

    def away(self) -> "Standing":
        """Taken out of its position, kept as a spare."""
        return replace(self, position_id=None, status=CardStatus.SPARE)


@dataclass(frozen=True)
class Stretch:
    start: int
    end: int
    standing: Standing
    fields: dict[str, Any]


Timeline = tuple[Stretch, ...]


def begin(at: int, standing: Standing, fields: dict[str, Any]) -> Timeline:
    return (Stretch(at, FOREVER, standing, fields),)


def stretch_at(timeline: Timeline, at: int) -> Stretch | None:
    return next((stretch for stretch in timeline if stretch.start <= at < stretch.end), None)


def with_fields(timeline: Timeline, at: int, changes: dict[str, Any]) -> Timeline:
    """Each field as in `changes` from `at` until its next known change; None takes a field away."""
    for name, value in changes.items():
        timeline = _with_field(timeline, at, name, value)
    return _joined(timeline)


def _with_field(timeline: Timeline, at: int, name: str, value: Any) -> Timeline:
    end = _end_of_run(timeline, at, lambda stretch: stretch.fields.get(name))
    return _between(timeline, at, end, lambda stretch: replace(stretch, fields=_set(stretch, name, value)))


def with_standing(timeline: Timeline, at: int, change: Callable[[Standing], Standing], end: int = FOREVER) -> Timeline:
    """Where and as what, from `at` until the next known change of it, and not beyond `end`."""
    end = min(end, standing_ends(timeline, at))
    return _joined(_between(timeline, at, end, lambda stretch: replace(stretch, standing=change(stretch.standing))))


def without_position(timeline: Timeline, at: int) -> Timeline:
    """Out of the position it fills at `at`, for as long as it was known to fill it."""
    end = _end_of_run(timeline, at, lambda stretch: stretch.standing.position_id)
    return _joined(_between(timeline, at, end, lambda stretch: replace(stretch, standing=stretch.standing.away())))


def standing_ends(timeline: Timeline, at: int) -> int:
    """When the standing at `at` next changes, as known now."""
    return _end_of_run(timeline, at, lambda stretch: stretch.standing)


def arrivals(timeline: Timeline, position_id: int, after: int) -> list[int]:
    """The moments after `after` at which the machine comes to a position."""
    before = [None, *(stretch.standing.position_id for stretch in timeline)]
    return [
        stretch.start
        for stretch, earlier in zip(timeline, before, strict=False)
        if stretch.standing.position_id == position_id != earlier and stretch.start > after
    ]


def everywhere(timeline: Timeline, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Timeline:
    """The fields changed over the whole of it: a correction of how things are written, not of how they were."""
    return _joined(tuple(replace(stretch, fields=change(stretch.fields)) for stretch in timeline))


def _set(stretch: Stretch, name: str, value: Any) -> dict[str, Any]:
    fields = {**stretch.fields, name: value}
    return {key: inner for key, inner in fields.items() if inner not in (None, "")}


def _end_of_run(timeline: Timeline, at: int, look: Callable[[Stretch], Any]) -> int:
    """Until when what `look` sees at `at` stays the same."""
    end = FOREVER
    seen: list[Any] = []
    for stretch in timeline:
        if stretch.end <= at:
            continue
        if seen and look(stretch) != seen[0]:
            return stretch.start
        seen = [look(stretch)]
        end = stretch.end
    return end


def _between(timeline: Timeline, at: int, end: int, change: Callable[[Stretch], Stretch]) -> Timeline:
    """Changed from `at` to `end`, with stretches cut there."""
    made: list[Stretch] = []
    for stretch in timeline:
        for start, stop, inside in (
            (stretch.start, min(stretch.end, at), False),
            (max(stretch.start, at), min(stretch.end, end), True),
            (max(stretch.start, end), stretch.end, False),
        ):
            if start < stop:
                piece = replace(stretch, start=start, end=stop)
                made.append(change(piece) if inside else piece)
    return tuple(made)


def _joined(timeline: Timeline) -> Timeline:
    """Neighbours that say the same are one stretch."""
    made: list[Stretch] = []
    for stretch in timeline:
        last = made[-1] if made else None
        if last and (last.standing, last.fields) == (stretch.standing, stretch.fields):
            made[-1] = replace(last, end=stretch.end)
        else:
            made.append(stretch)
    return tuple(made)
