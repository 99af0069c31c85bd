"""The server's own clock was ahead and is set right: it shows what is, and not what was for as long as that."""

from typing import Any

import pytest

from server.clock import SetClock
from server.health.answers import heard_now
from server.health.clocks import Stamp
from server.health.follower import Follower
from server.health.set_back import state_set_back
from server.health.state import MINUTE, Open, Pending, SelfTest, State, View, dump
from server.health.tables import Severity
from server.ingest.tables import AgentSeen
from server.schemas.standing import Standing
from server.storage.database import Database
from tests.server.health.test_follower import ATM, LINE, PRINTER, conditions, health, run

DAY = 86_400
AGENT = "1001-pc"


@pytest.fixture
def follower(database: Database, now: SetClock) -> Follower:
    return Follower(database, now)


@pytest.fixture
def ahead(database: Database, feed: Any, follower: Follower, now: SetClock) -> Follower:
    """The clock is a day ahead; an agent tells of a good printer, and another of a line."""
    now.forward(DAY)
    feed.state(AGENT, PRINTER, DAY, parts={"paper": "ok"})
    feed.state(AGENT, ATM, DAY, parts={"paper": "out"})
    feed.state("centre", LINE, DAY)
    feed.write()
    run(follower)
    return follower


def live(feed: Any, follower: Follower, now: SetClock, first: int, last: int) -> None:
    """The agents tell each minute that all is as it was."""
    for minute in range(first, last + 1):
        now.forward(60)
        feed.hold(AGENT, [PRINTER, ATM], minute * 60.0)
        feed.hold("centre", [LINE], minute * 60.0)
        feed.write()
        run(follower)


@pytest.mark.parametrize("restarted", [False, True])
def test_what_fails_afterwards_is_no_good_device(
    database: Database, bank: dict[str, int], feed: Any, ahead: Follower, now: SetClock, restarted: bool
) -> None:
    now.forward(60 - DAY)
    follower = Follower(database, now) if restarted else ahead
    run(follower)
    feed.state(AGENT, PRINTER, 60, parts={"paper": "out"})
    feed.write()
    live(feed, follower, now, 2, 8)
    with database.read() as session:
        assert health(session, bank, PRINTER).standing is Standing.FAULT
        assert (PRINTER, "part.fault", "paper", 60, None) in conditions(session)


def test_who_falls_silent_afterwards_is_not_heard_for_a_day(
    database: Database, bank: dict[str, int], feed: Any, ahead: Follower, now: SetClock
) -> None:
    now.forward(60 - DAY)
    live(feed, ahead, now, 2, 4)
    with database.read() as session:
        assert health(session, bank, AGENT).standing is Standing.GOOD
        assert health(session, bank, PRINTER).standing is Standing.GOOD
    now.forward(3600)
    run(ahead)
    with database.read() as session:
        assert health(session, bank, AGENT).standing is Standing.STALE
        assert health(session, bank, PRINTER).fresh_until < now()
        assert any(rule == "agent.silent" for _, rule, *_ in conditions(session))


def test_who_was_heard_by_the_clock_of_before_was_not_heard_just_now(
    database: Database, bank: dict[str, int], ahead: Follower, now: SetClock
) -> None:
    """Else what the telephone says of its branch is refused for a day: "its agent speaks"."""
    with database.write() as session:
        session.merge(AgentSeen(agent_id=bank[AGENT], at=now()))
    now.forward(60 - DAY)
    run(ahead)
    with database.read() as session:
        assert session.get_one(AgentSeen, bank[AGENT]).at <= now()
    now.forward(600)
    with database.read() as session:
        assert heard_now(session, bank["1001"], now()) is None


def test_what_was_open_goes_on_and_is_closed_when_it_is_over(
    database: Database, feed: Any, ahead: Follower, now: SetClock
) -> None:
    now.forward(600)
    run(ahead)
    now.forward(60 - DAY - 600)
    live(feed, ahead, now, 2, 4)
    feed.state(AGENT, ATM, 300, parts={"paper": "ok"})
    feed.write()
    live(feed, ahead, now, 6, 20)
    with database.read() as session:
        assert [(key, closed is None) for key, rule, _, _, closed in conditions(session) if rule == "part.fault"] == [
            (ATM, False)
        ]


def test_what_arrived_by_the_clock_of_before_is_judged_first(
    database: Database, bank: dict[str, int], feed: Any, ahead: Follower, now: SetClock
) -> None:
    feed.state(AGENT, PRINTER, DAY + 1, parts={"paper": "out"})
    feed.write()
    now.forward(60 - DAY)
    live(feed, ahead, now, 2, 8)
    with database.read() as session:
        assert health(session, bank, PRINTER).standing is Standing.FAULT
        assert (health(session, bank, PRINTER).seen_at or 0) <= now()


def test_nothing_is_remembered_of_later_than_now() -> None:
    now, later = 1_000 * MINUTE, 5_000 * MINUTE
    view = View(later, later, later + 16 * MINUTE, "online", tested=SelfTest(later, "online"))
    state = State(
        since=later,
        views={"1": view, "2": View(now, now, now + 16 * MINUTE, "online")},
        ahead={"1": view},
        pending={"a ": Pending("a", later, later), "b ": Pending("b", now)},
        open={"c ": Open("c", Severity.FAULT, later, later, later), "d ": Open("d", Severity.FAULT, now)},
        ends={"c ": [now, later]},
        fresh_until=later + 16 * MINUTE,
        due=later,
        heard=later,
        told=later,
        steady=later,
        stamp=Stamp(0, 0, "b", later, 0),
    )
    put_right = state_set_back(state, now)
    fresh = {put_right.fresh_until, *(view.fresh_to for view in put_right.views.values())}
    assert max(times(dump(put_right)) - fresh) <= now
    assert max(fresh) <= now + 16 * MINUTE
    assert put_right.views["2"] == state.views["2"]


def times(plain: Any) -> set[int]:
    """Every number of something plain."""
    if isinstance(plain, dict):
        return {number for value in plain.values() for number in times(value)}
    if isinstance(plain, list):
        return {number for value in plain for number in times(value)}
    return {plain} if isinstance(plain, int) and not isinstance(plain, bool) else set()
