"""What the rules say to a reading: met, not met, or not to be told. Pure.

`unknown` never counts as good: what cannot be told neither opens nor closes anything.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache

import msgspec

from agent.inventory.schema import When
from agent.wire import Catalogue, Level
from server.health.rules import UNREADABLE, Rule
from server.health.state import State, View

UNTOLD = frozenset({"unknown", "inUse", ""})  # device words that say nothing of how the device is


class Merged(msgspec.Struct, frozen=True):
    """One picture from all views of a subject."""

    device: str
    answered: bool
    unreachable: bool
    reason: str
    parts: dict[str, str]
    numbers: dict[str, float]
    as_of: int | None


_WEIGHT = {Level.FAULT: 3, Level.ATTENTION: 2, Level.UNKNOWN: 1, Level.GOOD: 0}


def merge(state: State, now: int, catalogue: Catalogue) -> Merged | None:
    """Fresh views that answered count before those that did not; of several answers the gravest word counts."""
    views = sorted(state.views.values(), key=lambda view: view.at, reverse=True)
    if len(views) <= 1:  # as nearly always: whatever it is, it is all there is
        return _alone(views[0]) if views else None
    fresh = [view for view in views if view.fresh_to >= now] or views[:1]
    answered = [view for view in fresh if view.answered]
    asked = answered or fresh
    gravest = max(asked, key=lambda view: _weight(catalogue, view.device))
    tell = answered or [view for view in fresh if view.busy]  # of a device in use its print queue may tell
    parts, numbers = _said(tell)
    return Merged(
        device=gravest.device,
        answered=bool(answered),
        unreachable=not answered and any(view.unreachable for view in fresh),
        reason=gravest.reason,
        parts=parts,
        numbers=numbers,
        as_of=asked[0].as_of,
    )


def _alone(view: View) -> Merged:
    told = view.answered or view.busy
    return Merged(
        device=view.device,
        answered=view.answered,
        unreachable=view.unreachable,
        reason=view.reason,
        parts=view.parts if told else {},
        numbers=view.numbers if told else {},
        as_of=view.as_of,
    )


def _said(views: list[View]) -> tuple[dict[str, str], dict[str, float]]:
    """Parts and numbers of all views, the newest first: newer ones overwrite, but never with "unknown"."""
    parts: dict[str, str] = {}
    numbers: dict[str, float] = {}
    for view in reversed(views):
        parts.update({key: w for key, w in view.parts.items() if w != "unknown" or key not in parts})
        numbers.update(view.numbers)
    return parts, numbers


def _weight(catalogue: Catalogue, device: str) -> int:
    word = catalogue.device.get(device)
    return _WEIGHT[word.level if word else Level.UNKNOWN]


class Findings(msgspec.Struct, frozen=True):
    """Keys are "rule part"."""

    met: dict[str, tuple[Rule, str]]  # -> rule, word
    refuted: frozenset[str]


def find(rules: Iterable[Rule], merged: Merged, state: State, catalogue: Catalogue) -> Findings:
    met: dict[str, tuple[Rule, str]] = {}
    refuted: set[str] = set()
    taken: set[tuple[str, str]] = set()  # part and word that a rule of its own looks at
    keys = tuple(merged.numbers)
    for rule in rules:
        if rule.when is not None and rule.when.number is not None and not _of_family(rule.when.number, keys):
            continue
        for part, word, verdict in _judged(rule, merged, state, catalogue, taken):
            key = f"{rule.key} {part}"
            if verdict:
                met[key] = (rule, word)
            else:
                refuted.add(key)
    return Findings(met, frozenset(refuted))


Verdict = tuple[str, str, bool]  # part, word, met


def _judged(
    rule: Rule, merged: Merged, state: State, catalogue: Catalogue, taken: set[tuple[str, str]]
) -> Iterator[Verdict]:
    when = rule.when
    if rule.key == UNREADABLE:
        yield from _unreadable(merged)
    elif when is None:
        return
    elif when.part is not None:
        yield from _parts(when, merged, catalogue, taken)
    elif when.number is not None:
        yield from _numbers(rule.key, when, merged, state)
    else:
        yield from _device(when, merged, catalogue)


def _unreadable(merged: Merged) -> Iterator[Verdict]:
    if merged.answered:
        yield "", "", False
    elif not merged.unreachable and merged.device == "unknown":
        yield "", merged.reason, True


def _device(when: When, merged: Merged, catalogue: Catalogue) -> Iterator[Verdict]:
    if merged.device in UNTOLD:
        return
    # "needs a person" says nothing more where a part says what for: the cover is open, the paper is out
    told_by_part = merged.device == "userError" and any(
        catalogue.level(part, word) is Level.FAULT for part, word in merged.parts.items()
    )
    if merged.device in when.device and not told_by_part:
        yield "", merged.device, True
    elif merged.answered:
        yield "", merged.device, False


def _parts(when: When, merged: Merged, catalogue: Catalogue, taken: set[tuple[str, str]]) -> Iterator[Verdict]:
    for key, word in merged.parts.items():
        if when.part not in ("*", key, key.rpartition(".")[0]):
            continue
        level = catalogue.level(key, word)
        met = word in when.words if when.words else level == when.level
        if met and when.part == "*" and (key, word) in taken:
            met = False
        if met:
            taken.add((key, word))
            yield key, word, True
        elif level is not Level.UNKNOWN:
            yield key, word, False


def _numbers(rule: str, when: When, merged: Merged, state: State) -> Iterator[Verdict]:
    given = [merged.parts.get(part, "unknown") for part in when.given]
    if any(word == "unknown" for word in given):
        return
    stands = all(merged.parts[part] == word for part, word in when.given.items())
    for key in _of_family(when.number or "", tuple(merged.numbers)):
        number = merged.numbers[key]
        is_open = f"{rule} {key}" in state.open
        yield key, f"{number:g}", stands and _beyond(number, when.above, when.below, when.clear, is_open)


@lru_cache(512)  # what hostile devices name is not to fill the memory
def _of_family(family: str, keys: tuple[str, ...]) -> tuple[str, ...]:
    """Of "load" the keys "load" and "load.2"; positions of one model have the same keys."""
    return tuple(key for key in keys if family in (key, key.rpartition(".")[0]))


def _beyond(number: float, above: float | None, below: float | None, clear: float | None, is_open: bool) -> bool:
    """Out of bounds; once open it must come back over `clear`."""
    if is_open and clear is not None:
        above = clear if above is not None else None
        below = clear if below is not None else None
    return (above is not None and number > above) or (below is not None and number < below)
