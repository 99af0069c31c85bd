"""Roll-ups: a hold counts for as long as it lasted, however quickly it is counted."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.wire import DeviceWord, Reading
from server.health import rollups
from server.health.rollups import HOUR, Sums, each
from server.health.state import Held, State, Told, View

AGENT, SUBJECT, MINUTE = 7, 42, 60_000_000
START = 1_790_000_000_000_000 // HOUR * HOUR

said = st.lists(
    st.tuples(
        st.sampled_from([1, 5, 20, 50, 90, 300]),  # minutes since what was said before
        st.sampled_from([{"load": 1.5}, {"load": 2.25, "pages": 7.0}, {"nobody.knows": 1.0, "load": 3.0}, {}]),
        st.integers(min_value=0, max_value=3),  # polls of a hold; a reading where there are none
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(said=said)
def test_a_hold_counted_at_once_is_counted_as_piece_by_piece(said: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rollups, "_holds_on", lambda *_: False)
        pieces = counted(said)
    assert counted(said) == pieces


def test_a_held_number_weighs_what_it_lasted() -> None:
    over, going = counted([(1, {"load": 4.0}, 0), (20, {}, 2), (20, {}, 1)])
    assert over == {}
    load = going["load"]
    assert (load.n, load.low, load.high, load.last) == (4, 4.0, 4.0, 4.0)
    assert (load.seconds, load.weighted, load.last_at) == (40 * 60, 4.0 * 40 * 60, START + 41 * MINUTE)


def counted(said: list[Any]) -> tuple[Any, dict[str, Any]]:
    """What a subject's sums are after all of that: hours that are over, and the one that goes on."""
    state, sums, at = State(), Sums(), START
    for minutes, numbers, polls in said:
        before, at = at, at + minutes * MINUTE
        view = state.views.get(str(AGENT))
        seen: Told | Held = Told(AGENT, at, Reading(device=DeviceWord.ONLINE, numbers=numbers))
        if polls and view is not None:
            numbers, seen = view.numbers, Held(AGENT, before, at, polls)
        after = State(views={str(AGENT): View(at, at, at + HOUR, "online", numbers=numbers)})
        after.hour, after.going = state.hour, state.going
        sums.see(SUBJECT, state, after, seen, 61 * MINUTE)
        state = after
    return sums.over, dict(each(state.going))
