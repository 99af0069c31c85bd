"""A reading that says the same words as the one before, and numbers within all bounds, while nothing is open; or the
word that it still holds. Pure.

So are nearly all, and of such a one there is nothing to judge: it is the newest, and fresh for longer. Whatever is not
plainly so is judged, and what is passed over would be found the same by `judge`.
"""

from msgspec.structs import replace

from agent.wire import Catalogue
from server.health.findings import is_calm
from server.health.standing import by_reading
from server.health.state import Held, Place, State, Told, View, fresh_to, sound_numbers


def steady(state: State, seen: Told | Held, place: Place, now: int, words: Catalogue) -> State | None:
    """The state after `seen`, of a position or line none of whose agents said goodbye; None: judge it."""
    view = state.views.get(str(seen.agent))
    if view is None or seen.at < view.held_to or not _quiet(state, view, seen.agent, place):
        return None
    after = _told(view, seen, place) if isinstance(seen, Told) else _held(view, seen, place)
    if after is None or after.fresh_to < now or not is_calm(place.rules, view, after.numbers, words):
        return None
    if state.standing is not by_reading(view, words) or not state.since or state.device != view.device:
        return None
    return replace(state, views={str(seen.agent): after}, fresh_until=after.fresh_to, due=after.fresh_to + 1)


def _quiet(state: State, view: View, agent: int, place: Place) -> bool:
    """One agent sees it, got an answer, and nothing is open or waits."""
    if len(state.views) > 1 or state.open or state.pending or state.ahead or state.explained:
        return False
    if view.kind or view.as_of or place.removed or agent not in place.agents:
        return False
    return place.driver not in (None, "file") and state.driver == place.driver


def _told(view: View, told: Told, place: Place) -> View | None:
    reading = told.reading
    if told.failure is not None or reading.as_of is not None:
        return None
    if reading.device != view.device or reading.parts != view.parts:
        return None
    numbers, fresh = sound_numbers(reading.numbers), fresh_to(told.at, None, place)
    return View(told.at, told.at, fresh, view.device, view.parts, numbers, record=told.record)


def _held(view: View, held: Held, place: Place) -> View | None:
    if held.polls <= 0:
        return None
    return replace(view, held_to=held.at, fresh_to=fresh_to(held.at, None, place))
