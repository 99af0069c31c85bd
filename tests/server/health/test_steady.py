"""A reading that says what was said before is not looked at; whoever looked at it would have found the same."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.wire import DeviceWord, Failure, Reading, catalogue
from server.health.looking import Looking
from server.health.state import Around, Held, State, Told, Voice
from server.health.steady import steady
from tests.server.health.conftest import AGENT, START, Court

SECOND = 1_000_000
OTHER = AGENT + 1

words = st.sampled_from(
    [{}, {"paper": "ok"}, {"paper": "ok"}, {"paper": "out"}, {"power": "mains"}, {"paper": "unknown"}]
)
numbers = st.sampled_from(
    [{}, {"load": 40.0}, {"load": 41.0}, {"load": 99.0}, {"load": 40.0, "x" * 65: 1.0}, {"load": float("nan")}]
)
device = st.sampled_from([DeviceWord.ONLINE] * 4 + [DeviceWord.HARDWARE_ERROR, DeviceWord.UNKNOWN, DeviceWord.IN_USE])
failure = st.sampled_from([None] * 6 + [Failure("unreachable", "noAnswer", ""), Failure("busy", "held", "")])
as_of = st.sampled_from([None, None, None, START - 3600 * SECOND])
sayings = st.tuples(
    st.sampled_from([1, 30, 60, 60, 400, -5]),  # seconds since what was said before
    st.sampled_from([AGENT, AGENT, AGENT, AGENT, OTHER]),
    st.builds(Reading, device=device, parts=words, numbers=numbers, as_of=as_of),
    failure,
    st.sampled_from(["told", "told", "held", "held", "nothing"]),
    st.sampled_from([0, 0, 0, 500]),  # seconds it was under way
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    said=st.lists(sayings, min_size=2, max_size=25),
    driver=st.sampled_from(["reach", "reach", "file", None]),
    closed=st.sampled_from([False, False, False, True]),
)
def test_what_is_passed_over_would_have_been_found_the_same(said: list[Any], driver: str, closed: bool) -> None:
    court = Court(cls="ups", driver=driver)
    state, at = State(), 0
    for number, (passed, agent, reading, failed, how, under_way) in enumerate(said):
        at += passed
        gone = closed and number % 3 == 0
        around = Around(voices={AGENT: Voice(1, START, START, gone, False)})
        now = court.at(max(at, 0) + under_way)
        seen: Told | Held | None = None
        if how == "told":
            seen = Told(agent, court.at(at), reading, failed, number)
        elif how == "held":
            seen = Held(agent, court.at(at - 1), court.at(at), number % 4)
        case = Looking(state, court.place, around, now, catalogue())
        quick = None if gone or seen is None else steady(state, seen, court.place, now, catalogue())
        case.look(seen)
        if quick is not None:
            assert (_plain(quick), []) == (_plain(case.state), case.changes)
        state = case.state


@pytest.mark.parametrize("cls", ["ups", ""])
def test_a_reading_of_the_same_words_is_passed_over(cls: str) -> None:
    court = Court(cls=cls, driver="reach")
    court.tell(0, numbers={"load": 40.0})
    same = Told(AGENT, court.at(60), Reading(device=DeviceWord.ONLINE, numbers={"load": 41.0}), record=9)
    quick = steady(court.state, same, court.place, court.at(61), catalogue())
    assert quick is not None
    assert quick.views[str(AGENT)].numbers == {"load": 41.0}
    over = Told(AGENT, court.at(60), Reading(device=DeviceWord.ONLINE, numbers={"load": 99.0}), record=9)
    assert steady(court.state, over, court.place, court.at(61), catalogue()) is None


def test_the_word_that_it_still_holds_is_passed_over() -> None:
    court = Court(cls="ups", driver="reach")
    court.tell(0, numbers={"load": 40.0})
    quick = steady(court.state, Held(AGENT, court.at(0), court.at(60), 1), court.place, court.at(61), catalogue())
    assert quick is not None
    assert (quick.seen_at, quick.views[str(AGENT)].numbers) == (court.at(60), {"load": 40.0})
    court.tell(60, numbers={"load": 99.0})
    over = Held(AGENT, court.at(60), court.at(120), 1)
    assert steady(court.state, over, court.place, court.at(121), catalogue()) is None


def _plain(state: State) -> dict[str, Any]:
    return {field: value for field, value in msgspec.structs.asdict(state).items() if field not in ("going", "hour")}
