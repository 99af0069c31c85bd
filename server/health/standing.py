"""How a subject stands, in one word. Only GOOD is good; what is open or raw decides before what is merely unknown."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, String, case, false, literal, null, or_, type_coerce
from sqlmodel import col

from agent.wire import Catalogue, Level
from server.health.findings import Merged
from server.health.rules import SILENT, Rule
from server.health.state import State, View
from server.health.tables import HealthRow, Severity
from server.inventory.tables import Position
from server.schemas.standing import Standing

# Worst first: what a person should look at before the next.
WORST = (
    Standing.FAULT,
    Standing.ATTENTION,
    Standing.STALE,
    Standing.UNKNOWN,
    Standing.NEVER,
    Standing.IN_USE,
    Standing.GOOD,
    Standing.CLOSED,
    Standing.UNPOLLED,
)

AGELESS = (Standing.NEVER, Standing.CLOSED)  # they hold until something is heard

Met = Mapping[str, tuple[Rule, str]]


def stand(
    state: State, merged: Merged | None, now: int, *, gone: bool, words: Catalogue, met: Met | None = None
) -> None:
    """Set `standing`, and `since` if it changed. `met`: the rules met by what is told ahead, where there is such."""
    standing = _standing(state, merged, now, gone, words) if met is None else _ahead(merged, gone, words, met)
    if standing is state.standing and state.since:
        return
    state.standing = standing
    if standing is Standing.STALE:
        state.since = min(now, state.fresh_until)
    elif standing is Standing.FAULT and met is None:
        state.since = min(o.began for o in state.open.values() if o.severity is Severity.FAULT)
    else:
        newest = max(state.shown.values(), key=lambda view: view.at, default=None)
        state.since = newest.at if newest and standing is not Standing.CLOSED else now


def _standing(state: State, merged: Merged | None, now: int, gone: bool, words: Catalogue) -> Standing:
    if gone:
        return Standing.CLOSED
    if f"{SILENT} " in state.open:
        return Standing.STALE
    severities = {open_.severity for open_ in state.open.values()}
    if merged is None:
        return _by_conditions(severities) if state.heard else Standing.NEVER
    if state.fresh_until < now:
        return Standing.STALE
    if Severity.FAULT in severities:
        return Standing.FAULT
    if state.explained or (not merged.answered and merged.device in ("unknown", "")):
        return Standing.UNKNOWN
    if Severity.ATTENTION in severities or state.pending:
        return Standing.ATTENTION
    return by_reading(merged, words)


def _ahead(merged: Merged | None, gone: bool, words: Catalogue, met: Met) -> Standing:
    """By what is fresh alone: what is open was opened before, and history has not come to its end."""
    if merged is None:
        return Standing.CLOSED if gone else Standing.NEVER  # a goodbye in its history does not close what it tells now
    severities = {rule.severity for rule, _ in met.values()}
    if Severity.FAULT in severities:
        return Standing.FAULT
    if not merged.answered and merged.device in ("unknown", ""):
        return Standing.UNKNOWN
    if Severity.ATTENTION in severities:
        return Standing.ATTENTION
    return by_reading(merged, words)


def _by_conditions(severities: set[Severity]) -> Standing:
    """Of an agent, which has no reading of its own."""
    if Severity.FAULT in severities:
        return Standing.FAULT
    return Standing.ATTENTION if severities else Standing.GOOD


def by_reading(merged: Merged | View, words: Catalogue) -> Standing:
    """Of what nothing is open and nothing waits."""
    if merged.device == "inUse":
        return Standing.IN_USE
    of_parts = {words.level(part, said) for part, said in merged.parts.items()}
    # A file need not speak of the machine itself; what it does speak of is good only if every word of it is.
    by_file = merged.answered and merged.as_of is not None and bool(of_parts) and Level.UNKNOWN not in of_parts
    if not by_file and (not merged.answered or merged.device in ("unknown", "")):
        return Standing.UNKNOWN
    word = words.device.get(merged.device)
    level = word.level if word else Level.UNKNOWN
    if by_file and merged.device == "unknown":
        level = Level.GOOD
    levels = {level, *of_parts}
    if Level.FAULT in levels or Level.ATTENTION in levels:
        return Standing.ATTENTION  # no rule looks at it; it is still not good
    if level is Level.UNKNOWN or (of_parts and levels == {level, Level.UNKNOWN}):
        return Standing.UNKNOWN
    return Standing.GOOD


def standing_now(now: int) -> ColumnElement[str]:
    """The standing of a position as SQL, at read time: what nobody judged for too long reads as stale.

    Needs `position` and, by an outer join, `health` in the statement.
    """
    return _by_standing(now, lambda word: literal(word.value), type_coerce(col(HealthRow.standing), String))


def rank_now(now: int) -> ColumnElement[int]:
    """The place of that standing in `WORST`: the worse the smaller."""
    places = {word.value: literal(place) for place, word in enumerate(WORST)}
    word = type_coerce(col(HealthRow.standing), String)
    return _by_standing(now, lambda word: places[word.value], case(places, value=word, else_=literal(len(WORST))))


def _by_standing(now: int, of: Callable[[Standing], Any], of_judged: ColumnElement[Any]) -> ColumnElement[Any]:
    return case(
        (col(Position.driver).is_(null()), of(Standing.UNPOLLED)),
        (col(HealthRow.subject_id).is_(null()), of(Standing.NEVER)),
        (col(HealthRow.standing).in_(AGELESS), of_judged),
        (col(HealthRow.fresh_until) < now, of(Standing.STALE)),
        else_=of_judged,
    )


def stands(now: int, *words: Standing) -> ColumnElement[bool]:
    """Whether a position stands as one of `words`, as `standing_now` says it.

    For what is asked of every position there is: a plain condition, where the word itself would be made for each.
    """
    wanted: list[ColumnElement[bool]] = []
    judged, polled, fresh = col(HealthRow.standing), col(Position.driver).is_not(None), HealthRow.fresh_until >= now
    if ageless := [word for word in words if word in AGELESS]:
        wanted.append(polled & judged.in_(ageless))
    if lasting := [word for word in words if word not in AGELESS]:
        wanted.append(polled & fresh & judged.in_(lasting))
    if Standing.STALE in words:
        wanted.append(polled & ~fresh & judged.not_in(AGELESS))
    if Standing.NEVER in words:
        wanted.append(polled & col(HealthRow.subject_id).is_(None))
    if Standing.UNPOLLED in words:
        wanted.append(~polled)
    return or_(false(), *wanted)
