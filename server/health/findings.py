"""What the rules say to a reading: met, not met, or not to be told. Pure.

`unknown` never counts as good: what cannot be told neither opens nor closes anything.
"""

import math
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from agent.inventory.schema import When
from agent.wire import Catalogue, Level
from server.health.rules import HOST_KEY, UNREADABLE, Rule
from server.health.state import State, View

REMEMBERED = 256  # sayings, and sets of numbers, of which it is known what some rules say to them
USUAL = 40  # parts or numbers; what says more is not remembered: what hostile devices say is not to fill the memory
RULED = 200  # sets of rules: one a class of devices
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


KEY_CHANGED = "hostKeyChanged"  # drivers.errors.Reason
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

    met: dict[str, tuple[Rule, str]]  # -> rule, word; in the order of the rules
    refuted: frozenset[str]  # of what is open or waits in the state that was asked about


class ByWords(msgspec.Struct, frozen=True):
    """What rules say to words, whatever the numbers are."""

    met: dict[str, tuple[int, Rule, str]]  # "rule part" -> the rule's place, itself, the word
    refuted: frozenset[str]
    given: dict[int, bool]  # of rules of numbers, by place: whether what they are given stands; without what is unknown


class Bound(msgspec.Struct, frozen=True):
    """One number that one rule looks at."""

    place: int
    rule: Rule
    number: str
    key: str
    low: float  # within these nothing is met, while nothing is open
    high: float


class Known:
    """What some rules said before. Positions of one class say the same words and the same numbers all day."""

    def __init__(self, rules: tuple[Rule, ...], words: Catalogue) -> None:
        self.rules = rules
        self.words = words
        self.by_words = lru_cache(REMEMBERED)(self._by_words)
        self.bounds = lru_cache(REMEMBERED)(self._bounds)

    def _by_words(
        self, device: str, answered: bool, unreachable: bool, reason: str, parts: tuple[tuple[str, str], ...]
    ) -> ByWords:
        merged = Merged(device, answered, unreachable, reason, dict(parts), {}, None)
        met: dict[str, tuple[int, Rule, str]] = {}
        refuted: set[str] = set()
        given: dict[int, bool] = {}
        taken: set[tuple[str, str]] = set()  # part and word that a rule of its own looks at
        for place, rule in enumerate(self.rules):
            if rule.when is not None and rule.when.number is not None:
                stands = _stands(rule.when, merged.parts)
                if stands is not None:
                    given[place] = stands
                continue
            for part, word, verdict in _judged(rule, merged, self.words, taken):
                key = f"{rule.key} {part}"
                if verdict:
                    met[key] = (place, rule, word)
                else:
                    refuted.add(key)
        return ByWords(met, frozenset(refuted), given)

    def _bounds(self, keys: tuple[str, ...]) -> tuple[Bound, ...]:
        return tuple(
            Bound(place, rule, key, f"{rule.key} {key}", *_edges(rule.when))
            for place, rule in enumerate(self.rules)
            if rule.when is not None and rule.when.number is not None
            for key in keys
            if rule.when.number in (key, key.rpartition(".")[0])
        )


_known: dict[tuple[int, int], Known] = {}


def known(rules: tuple[Rule, ...], words: Catalogue) -> Known:
    """By identity: a rule is dear to hash, and the same ones are handed on from step to step."""
    found = _known.get((id(rules), id(words)))
    if found is None:
        if len(_known) >= RULED:
            _known.clear()
        found = _known[id(rules), id(words)] = Known(rules, words)  # it holds both, so no other can have their ids
    return found


def words_of(rules: tuple[Rule, ...], merged: Merged | View, words: Catalogue) -> ByWords:
    asked = known(rules, words)
    ask = asked.by_words if len(merged.parts) <= USUAL else asked._by_words
    return ask(merged.device, merged.answered, merged.unreachable, merged.reason, tuple(merged.parts.items()))


def beyond(
    rules: tuple[Rule, ...], given: dict[int, bool], numbers: dict[str, float], state: State, words: Catalogue
) -> Iterator[tuple[Bound, bool]]:
    """Numbers that rules look at, where they can be told, and whether they are out of bounds."""
    asked = known(rules, words)
    ask = asked.bounds if len(numbers) <= USUAL else asked._bounds
    for bound in ask(tuple(numbers)):
        stands = given.get(bound.place)
        when = bound.rule.when
        if stands is not None and when is not None:
            is_open = bound.key in state.open
            yield bound, stands and _beyond(numbers[bound.number], when.above, when.below, when.clear, is_open)


def is_calm(rules: tuple[Rule, ...], view: View, numbers: dict[str, float], words: Catalogue) -> bool:
    """Whether no rule has anything against the words of a view and these numbers, while nothing is open."""
    said = words_of(rules, view, words)
    if said.met or len(numbers) > USUAL:
        return False
    for bound in known(rules, words).bounds(tuple(numbers)):
        if not bound.low <= numbers[bound.number] <= bound.high and said.given.get(bound.place):
            return False
    return True


def find(rules: tuple[Rule, ...], merged: Merged, state: State, words: Catalogue) -> Findings:
    by_words = words_of(rules, merged, words)
    met = by_words.met
    refuted = {key for key in (*state.pending, *state.open) if key in by_words.refuted}
    for bound, out in beyond(rules, by_words.given, merged.numbers, state, words):
        if out:
            met = {**met, bound.key: (bound.place, bound.rule, f"{merged.numbers[bound.number]:g}")}
        elif bound.key in state.open or bound.key in state.pending:
            refuted.add(bound.key)
    in_order = sorted(met.items(), key=_place) if met is not by_words.met else met.items()
    return Findings({key: (rule, word) for key, (_, rule, word) in in_order}, frozenset(refuted))


def _place(found: tuple[str, tuple[int, Rule, str]]) -> int:
    return found[1][0]


Verdict = tuple[str, str, bool]  # part, word, met


def _judged(rule: Rule, merged: Merged, catalogue: Catalogue, taken: set[tuple[str, str]]) -> Iterator[Verdict]:
    when = rule.when
    if rule.key == UNREADABLE:
        yield from _unreadable(merged)
    elif rule.key == HOST_KEY:
        yield from _host_key(merged)
    elif when is None:
        return
    elif when.part is not None:
        yield from _parts(when, merged, catalogue, taken)
    else:
        yield from _device(when, merged, catalogue)


def _unreadable(merged: Merged) -> Iterator[Verdict]:
    if merged.answered:
        yield "", "", False
    elif not merged.unreachable and merged.device == "unknown" and merged.reason != KEY_CHANGED:
        yield "", merged.reason, True


def _host_key(merged: Merged) -> Iterator[Verdict]:
    """Only the confirmed key takes it back: an impostor that falls silent was one all the same."""
    if merged.answered:
        yield "", "", False
    elif merged.reason == KEY_CHANGED:
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


def _stands(when: When, parts: dict[str, str]) -> bool | None:
    """Whether the parts a rule of a number is given say what they must; None if that cannot be told."""
    if any(parts.get(part, "unknown") == "unknown" for part in when.given):
        return None
    return all(parts[part] == word for part, word in when.given.items())


def _edges(when: When) -> tuple[float, float]:
    return (-math.inf if when.below is None else when.below, math.inf if when.above is None else when.above)


def _beyond(number: float, above: float | None, below: float | None, clear: float | None, is_open: bool) -> bool:
    """Out of bounds; once open it must come back over `clear`."""
    if is_open and clear is not None:
        above = clear if above is not None else None
        below = clear if below is not None else None
    return (above is not None and number > above) or (below is not None and number < below)
