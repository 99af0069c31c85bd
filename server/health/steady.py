"""A reading that says the same words as the one before, and numbers within all bounds, while nothing is open. Pure.

So are nearly all, and of such a one there is nothing to judge: it is the newest, and fresh for longer. Whatever is not
plainly so is judged, and what is passed over would be found the same by `judge`.
"""

import msgspec

from agent.wire import Catalogue
from server.health.findings import is_calm
from server.health.standing import by_reading
from server.health.state import Place, State, Told, View, fresh_to, sound_numbers


def steady(state: State, told: Told, place: Place, now: int, words: Catalogue) -> State | None:
    """The state after `told`, of a position or line none of whose agents said goodbye; None: judge it."""
    agent = str(told.agent)
    view, reading = state.views.get(agent), told.reading
    if view is None or told.failure is not None or told.at < view.held_to or len(state.views) > 1:
        return None
    if state.open or state.pending or state.ahead or state.explained or view.kind or place.removed:
        return None
    if reading.device != view.device or reading.parts != view.parts or reading.as_of is not None or view.as_of:
        return None
    if place.driver in (None, "file") or state.driver != place.driver or told.agent not in place.agents:
        return None
    fresh = fresh_to(told.at, None, place)
    numbers = sound_numbers(reading.numbers)
    if fresh < now or not is_calm(place.rules, view, numbers, words):
        return None
    if state.standing is not by_reading(view, words) or not state.since or state.device != view.device:
        return None
    after = View(told.at, told.at, fresh, view.device, view.parts, numbers, record=told.record)
    return msgspec.structs.replace(state, views={agent: after}, fresh_until=fresh, due=fresh + 1)
