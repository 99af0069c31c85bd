"""The follower on a real database: records in, conditions, tickets and roll-ups out, once and only once."""

import logging
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from sqlmodel import Session, select

from server.clock import SetClock
from server.events.tables import Invalidation
from server.health.cursors import Slowest, slowest
from server.health.follower import LEAST, MOST, Follower
from server.health.hours import hours_of, metrics_of
from server.health.sums import Sum
from server.health.tables import Condition, HealthRow, RollUp
from server.ingest.tables import AgentSeen, RecordRow
from server.inventory.tables import InventoryRule, Subject
from server.journal.tables import JournalRow
from server.schemas.standing import Standing
from server.schemas.tickets import TicketStatus
from server.storage.database import Database
from server.tickets.tables import Ticket, TicketCondition, TicketNote

SECOND = 1_000_000
HOUR = 3600
PRINTER, ATM, OTHER, LINE = "1001/printer-1", "1001/atm-1", "1002/atm-1", "1001/line/main"


@pytest.fixture
def follower(database: Database, now: SetClock) -> Follower:
    return Follower(database, now)


def sums(session: Session, key: str, metric: str) -> list[tuple[int, Sum]]:
    return hours_of(session, session.exec(select(Subject.id).where(Subject.key == key)).one() or 0, metric)


def read_to(session: Session) -> Slowest:
    """How far all shards have read."""
    found = slowest(session)
    assert found is not None
    return found


def run(follower: Follower, limit: int = 1000) -> None:
    """Step until there is nothing left to do."""
    for _ in range(limit):
        if not follower.step():
            return
    raise AssertionError("the follower never came to rest")


def conditions(session: Session) -> list[tuple[str, str, str, int, int | None]]:
    """key, rule, part, opened, closed: in seconds after the first moment."""
    start = 1_793_764_800
    asked = select(Condition, Subject.key).join(Subject, Subject.id == Condition.subject_id)  # type: ignore[arg-type]
    return sorted(
        (key, c.rule, c.part, c.opened_at // SECOND - start, c.closed_at and c.closed_at // SECOND - start)
        for c, key in session.exec(asked)
    )


def health(session: Session, bank: dict[str, int], key: str) -> HealthRow:
    return session.get_one(HealthRow, bank[key])


def test_a_record_becomes_a_row_a_condition_and_a_ticket(
    database: Database, bank: dict[str, int], feed: Any, follower: Follower, now: SetClock
) -> None:
    feed.state("1001-pc", PRINTER, 0, parts={"paper": "out", "cover": "closed"})
    feed.write()
    run(follower)
    with database.read() as session:
        assert health(session, bank, PRINTER).standing is Standing.ATTENTION
        assert conditions(session) == []
    now.forward(62)
    run(follower)
    with database.read() as session:
        row = health(session, bank, PRINTER)
        assert (row.standing, row.device, row.record_id) == (Standing.FAULT, "online", 1)
        assert conditions(session) == [(PRINTER, "part.fault", "paper", 0, None)]
        ticket = session.exec(select(Ticket)).one()
        assert ticket.title.endswith("纸张 缺纸")
        assert (ticket.year, ticket.number, ticket.status) == (2026, 1, TicketStatus.NEW)
        assert session.exec(select(JournalRow.deed)).all() == ["ticket.open"]
        told = {(row.topic, row.key) for row in session.exec(select(Invalidation))}
        assert told == {
            ("position", PRINTER),
            ("agent", "1001-pc"),
            ("condition", PRINTER),
            ("ticket", "2026-0001"),
        }


def test_a_ticket_is_told_of_recovery_and_stays_open(
    database: Database, feed: Any, follower: Follower, now: SetClock
) -> None:
    feed.state("1001-pc", PRINTER, 0, parts={"paper": "out"})
    feed.write()
    now.forward(62)
    run(follower)
    feed.state("1001-pc", PRINTER, 62, parts={"paper": "ok"})
    feed.write()
    run(follower)
    with database.read() as session:
        assert conditions(session) == [(PRINTER, "part.fault", "paper", 0, 62)]
        assert session.exec(select(Ticket.status)).one() is TicketStatus.NEW
        note = session.exec(select(TicketNote)).one()
        assert (note.author, note.text) == ("system", "设备已恢复正常")


def test_further_conditions_of_a_subject_join_its_ticket(
    database: Database, feed: Any, follower: Follower, now: SetClock
) -> None:
    feed.state("1001-pc", PRINTER, 0, parts={"paper": "out"})
    feed.write()
    now.forward(62)
    run(follower)
    feed.state("1001-pc", PRINTER, 62, parts={"paper": "out", "cover": "open"})
    feed.write()
    now.forward(70)
    run(follower)
    with database.read() as session:
        assert len(conditions(session)) == 2
        assert len(session.exec(select(Ticket)).all()) == 1
        assert len(session.exec(select(TicketCondition)).all()) == 2


def test_the_same_row_is_judged_once_however_often_the_follower_starts(
    database: Database, feed: Any, now: SetClock
) -> None:
    feed.state("1001-pc", PRINTER, 0, parts={"paper": "out"}, numbers={"pages": 10})
    feed.write()
    now.forward(62)
    for _ in range(3):
        run(Follower(database, now))
    with database.read() as session:
        assert len(conditions(session)) == 1
        assert len(session.exec(select(Ticket)).all()) == 1
        assert [total.n for _, total in sums(session, PRINTER, "pages")] == [1]


def test_a_step_that_dies_before_its_commit_has_done_nothing(
    database: Database, feed: Any, now: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.state("1001-pc", PRINTER, 0, parts={"paper": "out"}, numbers={"pages": 10})
    feed.write()
    now.forward(62)

    class PowerCut(BaseException):
        pass

    def cut(self: Session) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(Session, "commit", cut)
        with pytest.raises(PowerCut):
            Follower(database, now).step()
    first = Follower(database, now)
    first._arrive(frozenset(range(first._count())))
    with monkeypatch.context() as patch:
        patch.setattr(Session, "commit", cut)
        with pytest.raises(PowerCut):
            first.step()
    with database.read() as session:
        assert conditions(session) == []
        assert read_to(session).live == 0
    run(Follower(database, now))
    with database.read() as session:
        assert len(conditions(session)) == 1
        assert [total.n for _, total in sums(session, PRINTER, "pages")] == [1]
        assert read_to(session).live == 1


def test_a_power_cut_is_one_ticket_not_twenty(
    database: Database, bank: dict[str, int], feed: Any, follower: Follower, now: SetClock
) -> None:
    """The centre's probe of the line fails, the ATM behind it does not answer, and the branch's PC falls silent."""
    feed.state("centre", LINE, 0)
    feed.state("centre", ATM, 0)
    feed.state("1001-pc", PRINTER, 0, parts={"paper": "ok"})
    feed.state("centre", OTHER, 0)
    feed.write()
    run(follower)
    feed.state("centre", LINE, 30, "offline", failure="unreachable")
    feed.state("centre", ATM, 40, "offline", failure="unreachable")
    for minute in range(1, 20):
        feed.hold("centre", [LINE, ATM, OTHER], 60 * minute)
    feed.write()
    now.forward(1200)
    run(follower)
    with database.read() as session:
        found = {(key, rule, c.cause) for c, key, rule in _with_keys(session)}
        assert found == {(LINE, "line.down", ""), ("1001-pc", "agent.silent", "line")}
        [ticket] = session.exec(select(Ticket)).all()
        assert ticket.subject_id == bank[LINE]
        assert len(session.exec(select(TicketCondition)).all()) == 2
        assert health(session, bank, ATM).standing is Standing.UNKNOWN
        assert health(session, bank, PRINTER).standing is Standing.STALE
        assert health(session, bank, OTHER).standing is Standing.GOOD


def _with_keys(session: Session) -> list[tuple[Condition, str, str]]:
    asked = select(Condition, Subject.key).join(Subject, Subject.id == Condition.subject_id)  # type: ignore[arg-type]
    return [(condition, key, condition.rule) for condition, key in session.exec(asked)]


def test_when_the_line_is_back_so_is_everything_behind_it(
    database: Database, bank: dict[str, int], feed: Any, follower: Follower, now: SetClock
) -> None:
    feed.state("centre", LINE, 0)
    feed.state("centre", ATM, 0)
    feed.state("centre", LINE, 30, "offline", failure="unreachable")
    feed.state("centre", ATM, 40, "offline", failure="unreachable")
    for minute in range(1, 10):
        feed.hold("centre", [LINE, ATM], 60 * minute)
    feed.state("centre", LINE, 600)
    feed.state("centre", ATM, 620)
    for minute in range(11, 14):
        feed.hold("centre", [LINE, ATM], 60 * minute)
    feed.write()
    now.forward(800)
    run(follower)
    with database.read() as session:
        assert conditions(session) == [(LINE, "line.down", "", 30, 600)]
        assert health(session, bank, ATM).standing is Standing.GOOD


def test_a_goodbye_closes_its_positions_and_a_start_opens_them(
    database: Database, bank: dict[str, int], feed: Any, follower: Follower, now: SetClock
) -> None:
    feed.state("1001-pc", PRINTER, 0, parts={"paper": "out"})
    feed.hold("1001-pc", [PRINTER], 90)
    feed.event("1001-pc", "goodbye", 100)
    feed.write()
    now.forward(10 * HOUR)
    run(follower)
    with database.read() as session:
        assert health(session, bank, "1001-pc").standing is Standing.CLOSED
        assert health(session, bank, PRINTER).standing is Standing.CLOSED
        assert conditions(session) == [(PRINTER, "part.fault", "paper", 0, None)]
    feed.event("1001-pc", "start", 10 * HOUR)
    feed.state("1001-pc", PRINTER, 10 * HOUR + 5, parts={"paper": "ok"})
    feed.write()
    now.forward(10)
    run(follower)
    with database.read() as session:
        assert health(session, bank, PRINTER).standing is Standing.GOOD
        assert conditions(session) == [(PRINTER, "part.fault", "paper", 0, 10 * HOUR + 5)]


def test_an_agent_with_nothing_to_tell_is_not_silent(
    database: Database, bank: dict[str, int], feed: Any, follower: Follower, now: SetClock
) -> None:
    feed.state("1001-pc", PRINTER, 0)
    feed.write()
    run(follower)
    for _ in range(10):
        at = now.forward(60)
        with database.write() as session:
            session.merge(AgentSeen(agent_id=bank["1001-pc"], at=at))
        run(follower)
    with database.read() as session:
        assert [rule for _, _, rule in _with_keys(session)] == []


def test_nobody_is_silent_while_the_server_itself_was_away(
    database: Database, bank: dict[str, int], feed: Any, now: SetClock
) -> None:
    feed.state("1001-pc", PRINTER, 0)
    feed.write()
    run(Follower(database, now))
    now.forward(2 * HOUR)
    back = Follower(database, now)
    run(back)
    now.forward(100)
    run(back)
    with database.read() as session:
        assert conditions(session) == []
    now.forward(100)
    run(back)
    with database.read() as session:
        assert [rule for _, _, rule in _with_keys(session)] == ["agent.silent"]


def test_more_falls_due_while_the_server_was_away_than_a_step_takes(
    database: Database, bank: dict[str, int], feed: Any, now: SetClock
) -> None:
    for key in (PRINTER, ATM, OTHER, LINE):
        feed.state("1001-pc" if key == PRINTER else "centre", key, 0)
    feed.write()
    run(Follower(database, now))
    now.forward(2 * HOUR)
    back = Follower(database, now, batch=2)
    run(back)
    feed.state("1001-pc", PRINTER, 2 * HOUR + 90, "inUse")
    feed.write()
    now.forward(100)
    run(back)
    with database.read() as session:
        assert health(session, bank, PRINTER).standing is Standing.IN_USE
        assert {health(session, bank, key).standing for key in (ATM, OTHER, LINE)} == {Standing.STALE}
        assert conditions(session) == []


@pytest.mark.parametrize("kind", ["state", "hold", "event"])
def test_a_record_that_cannot_be_read_is_told_of_and_passed(
    database: Database, feed: Any, follower: Follower, now: SetClock, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    feed.garbage("1001-pc", 0, kind)
    feed.state("1001-pc", PRINTER, 1, parts={"paper": "out"})
    feed.write()
    now.forward(90)
    with caplog.at_level(logging.ERROR):
        run(follower)
    assert "Record 1 cannot be read and is not judged" in caplog.text
    with database.read() as session:
        assert len(conditions(session)) == 1
        assert len(session.exec(select(RecordRow)).all()) == 2


def test_a_record_the_database_refuses_stops_no_other(
    database: Database, bank: dict[str, int], feed: Any, follower: Follower, now: SetClock, caplog: Any
) -> None:
    """A state nobody can convert stands in the way of one subject; all others are judged."""
    feed.state("1001-pc", PRINTER, 0)
    feed.write()
    run(follower)
    with database.write() as session:
        health(session, bank, PRINTER).state = {"views": "nonsense"}
    feed.state("1001-pc", PRINTER, 10)
    feed.state("centre", OTHER, 10, parts={"paper": "out"})
    feed.write()
    now.forward(75)
    run(follower, 5000)
    assert "is kept in the log and not judged" in caplog.text
    with database.read() as session:
        assert [key for key, *_ in conditions(session)] == [OTHER]
        assert read_to(session).live == 3


def test_what_fails_and_is_of_no_record_is_not_tried_without_end_in_one_go(
    database: Database, feed: Any, follower: Follower, now: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left to whoever follows, which tries again after a while and says so; records are judged meanwhile."""

    def fails(*_: object) -> list[int]:
        raise KeyError("a defect")

    monkeypatch.setattr("server.health.follower.open_conditions_of_removed", fails)
    run(follower)
    now.forward(60)
    with pytest.raises(KeyError):
        run(follower)
    feed.state("1001-pc", PRINTER, 10)
    feed.write()
    with pytest.raises(KeyError):
        run(follower)
    with database.read() as session:
        assert read_to(session).live == 1


def test_hostile_text_from_a_device_is_only_text(
    database: Database, bank: dict[str, int], feed: Any, follower: Follower, now: SetClock
) -> None:
    evil = {"paper": "out", "x\x00y": "out", "[/x]": "=cmd|", "long" * 99: "out", "toner": "'; DROP TABLE record"}
    feed.state("1001-pc", PRINTER, 0, parts=evil, numbers={"load.\x00": 99.0, "no.such": 1.0})
    feed.write()
    now.forward(90)
    run(follower)
    with database.read() as session:
        assert conditions(session) == [(PRINTER, "part.fault", "paper", 0, None)]
        assert metrics_of(session, bank[PRINTER]) == []


def test_a_record_of_an_unknown_subject_is_passed(database: Database, feed: Any, follower: Follower) -> None:
    feed.state("1001-pc", PRINTER, 0)
    feed.rows[0]["subject_id"] = None
    feed.hold("1001-pc", ["9999/nothing"], 60)
    feed.write()
    run(follower)
    with database.read() as session:
        assert read_to(session).live == 2


def test_what_the_inventory_lets_go_has_no_open_conditions(
    database: Database, bank: dict[str, int], feed: Any, follower: Follower, now: SetClock
) -> None:
    feed.state("1001-pc", PRINTER, 0, parts={"paper": "out"})
    feed.write()
    now.forward(62)
    run(follower)
    with database.write() as session:
        session.get_one(Subject, bank[PRINTER]).removed_at = now()
    now.forward(20)
    run(follower)
    with database.read() as session:
        [condition] = session.exec(select(Condition)).all()
        assert condition.cause == "removed"
        assert condition.closed_at is not None


def test_rules_of_the_inventory_count_at_once(database: Database, feed: Any, follower: Follower, now: SetClock) -> None:
    rule = {"key": "part.fault", "after": "5s", "ticket": False}
    with database.write() as session:
        session.add(InventoryRule(key="part.fault", body=rule))
    feed.state("1001-pc", PRINTER, 0, parts={"paper": "out"})
    feed.write()
    now.forward(7)
    run(follower)
    with database.read() as session:
        assert len(conditions(session)) == 1
        assert session.exec(select(Ticket)).all() == []


def test_numbers_are_rolled_up_by_how_long_they_held(
    database: Database, bank: dict[str, int], feed: Any, follower: Follower, now: SetClock
) -> None:
    feed.state("1001-pc", PRINTER, 0, numbers={"load": 10})
    for minute in range(1, 31):
        feed.hold("1001-pc", [PRINTER], 60 * minute)
    feed.state("1001-pc", PRINTER, 1800, numbers={"load": 40})
    feed.hold("1001-pc", [PRINTER], 2400, since=1860)
    feed.write()
    now.forward(2400)
    run(follower)
    with database.read() as session:
        [(_, row)] = sums(session, PRINTER, "load")
        assert (row.low, row.high, row.last, row.seconds) == (10, 40, 40, 2400)
        assert row.weighted == pytest.approx(10 * 1800 + 40 * 600)


def test_a_hole_is_not_bridged(database: Database, feed: Any, follower: Follower, now: SetClock) -> None:
    feed.state("1001-pc", PRINTER, 0, numbers={"load": 10})
    feed.hold("1001-pc", [PRINTER], 60)
    feed.state("1001-pc", PRINTER, 3 * HOUR, numbers={"load": 40})
    feed.hold("1001-pc", [PRINTER], 3 * HOUR + 60)
    feed.write()
    now.forward(4 * HOUR)
    run(follower)
    with database.read() as session:
        assert [(row.seconds, row.last) for _, row in sums(session, PRINTER, "load")] == [(60, 10), (60, 40)]


def test_a_value_held_over_the_hour_counts_in_both(
    database: Database, feed: Any, follower: Follower, now: SetClock
) -> None:
    feed.state("1001-pc", PRINTER, HOUR - 100, numbers={"load": 10})
    feed.hold("1001-pc", [PRINTER], HOUR + 50, since=HOUR - 100)
    feed.write()
    now.forward(2 * HOUR)
    run(follower)
    with database.read() as session:
        rows = sums(session, PRINTER, "load")
        assert [(row.n, row.seconds, row.low) for _, row in rows] == [(1, 100, 10), (1, 50, 10)]
        assert session.exec(select(RollUp.hour)).all() == [rows[0][0]]  # the hour that goes on is not in the table yet


def test_an_hour_that_is_over_is_added_to_by_what_comes_late(
    database: Database, feed: Any, follower: Follower, now: SetClock
) -> None:
    """Another agent, which was cut off, tells of that hour after the next has begun."""
    feed.state("1001-pc", ATM, 10, numbers={"load": 10})
    feed.hold("1001-pc", [ATM], HOUR + 60, since=10)
    feed.write()
    now.forward(HOUR + 60)
    run(follower)
    feed.state("centre", ATM, 20, numbers={"pages": 7})
    feed.hold("centre", [ATM], 50, since=20)
    feed.write()
    run(follower)
    with database.read() as session:
        assert [total.seconds for _, total in sums(session, ATM, "load")] == [HOUR - 10, 60]
        assert [total.seconds for _, total in sums(session, ATM, "pages")] == [30]
        assert sorted(session.exec(select(RollUp.metric))) == ["load", "pages"]


def test_two_followers_do_not_judge_the_same_record_twice(
    database: Database, feed: Any, now: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.following.thread import Overtaken

    first, second = Follower(database, now), Follower(database, now)
    feed.state("1001-pc", PRINTER, 0, numbers={"load": 10})
    feed.write()
    first._arrive(frozenset(range(first._count())))
    second._arrive(frozenset(range(second._count())))
    with database.read() as session:
        step = second._work(session, 100, now())
    run(first)
    with pytest.raises(Overtaken):
        second._write(step)
    with database.read() as session:
        assert [total.n for _, total in sums(session, PRINTER, "load")] == [1]


def test_the_thread_judges_within_a_second_and_stops(database: Database, bank: dict[str, int], feed: Any) -> None:
    follower = Follower(database, lambda: time.time_ns() // 1000)
    follower.start()
    try:
        feed.state("1001-pc", PRINTER, 0)
        feed.write()
        follower.wake()
        deadline = time.monotonic() + 90
        cursor = 0
        while cursor == 0 and time.monotonic() < deadline:
            with database.read() as session:
                read = slowest(session)
                cursor = read.live if read else 0
        assert cursor == 1
    finally:
        follower.stop()


def test_a_flat_battery_opens_one_ticket_and_the_list_of_agents_says_how_far_its_clock_is_off(
    database: Database,
    bank: dict[str, int],
    feed: Any,
    follower: Follower,
    now: SetClock,
    request: pytest.FixtureRequest,
    agent_token: Callable[[str], str],
) -> None:
    """The clock is faked: the row's wall clock says 2000."""
    agent_token("1001-pc")  # it is let in: another would not be listed as anything but unknown
    for minute in range(15):
        feed.event("1001-pc", "start", minute * 60)
        feed.rows[-1]["wall"] -= 26 * 365 * 24 * HOUR * SECOND
        feed.rows[-1]["confidence"] = 40_000
    feed.write()
    now.forward(14 * 60)
    run(follower)
    with database.read() as session:
        assert {(rule, closed) for _, rule, _, _, closed in conditions(session)} == {
            ("clock.battery", None),
            ("clock.off", None),
        }
        [ticket] = session.exec(select(Ticket)).all()
        assert "主板电池没电" in ticket.title
    sign_in = request.getfixturevalue("sign_in")  # not before: its server has a follower of its own
    listed = {agent["key"]: agent for agent in sign_in().get("/api/agents").json()}
    assert listed["1001-pc"]["standing"] == "attention"
    assert listed["1001-pc"]["clock_off"] == -26 * 365 * 24 * HOUR * SECOND
    assert listed["1001-pc"]["clock_unsure"] == 40_000
    assert listed["centre"]["clock_off"] is None


def test_an_agent_whose_history_is_judged_late_is_not_heard_of_now(
    database: Database, bank: dict[str, int], feed: Any, follower: Follower, now: SetClock
) -> None:
    """It told of its night at 60 s and was never heard again; the server reads that a quarter of an hour later."""
    feed.state("1001-pc", ATM, 0)
    feed.write()
    run(follower)
    for at in range(10, 60, 10):
        feed.state("1001-pc", PRINTER, at, late=60 - at)
        feed.rows[-1]["history"] = True
    with database.write() as session:
        session.add(AgentSeen(agent_id=bank["1001-pc"], at=now() + 60 * SECOND, behind=True))
    now.forward(900)
    feed.write()
    run(follower)
    with database.read() as session:
        row = health(session, bank, "1001-pc")
        assert row.seen_at == now() - 840 * SECOND
        assert row.standing is Standing.STALE
        assert ("1001-pc", "agent.silent", "", 60, None) in conditions(session)


@pytest.mark.parametrize(("seconds", "at_once"), [(0.0, LEAST), (1e9, MOST)])
def test_what_waited_at_agents_is_taken_in_steps_as_long_as_the_live_may_wait(
    database: Database,
    bank: dict[str, int],
    feed: Any,
    follower: Follower,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    at_once: int,
) -> None:
    """A machine on which no step is short enough, and one on which every step is."""
    monkeypatch.setattr("server.health.follower.STEP", seconds)
    for at in range(2000):
        feed.state("1001-pc", PRINTER, at)
        feed.rows[-1]["history"] = True
    feed.write()
    reached = [0]
    while follower.step():
        with database.read() as session:
            reached.append(read_to(session).past)
    steps = [later - earlier for earlier, later in pairwise(reached)]
    assert sum(steps) == 2000
    assert steps[-2] == at_once


def test_much_that_is_due_is_taken_in_steps_as_long_as_the_live_may_wait(
    database: Database, bank: dict[str, int], feed: Any, now: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an outage of the server, when time alone makes a whole bank stale."""
    follower = Follower(database, now, batch=1000)
    monkeypatch.setattr("server.health.follower.LEAST_LIVE", 2)
    monkeypatch.setattr("server.health.follower.STEP", 0.0)  # a machine on which no step is short enough
    for agent, key in (("1001-pc", PRINTER), ("1001-pc", LINE), ("centre", ATM), ("centre", OTHER)):
        feed.state(agent, key, 0)
    feed.write()
    run(follower)
    monkeypatch.setattr("server.health.follower.STEP", 1e9)  # and on which every one is
    now.forward(HOUR)
    taken = []
    while done := follower.step():
        taken.append((done, follower.gather))
    assert taken[:2] == [(2, 0.0), (3, 0.0)], "it rests between them, or takes no more than the least"


def test_a_hold_that_ingest_did_not_count_keeps_nothing_fresh(
    database: Database, bank: dict[str, int], feed: Any, follower: Follower, now: SetClock
) -> None:
    """A state may be lost before it: the view grows old though its agent speaks on."""
    feed.state("1001-pc", PRINTER, 0)
    feed.hold("1001-pc", [PRINTER], 60)
    feed.write()
    for at in range(120, 1860, 60):
        feed.hold("1001-pc", [PRINTER], at)
        del feed.rows[-1]["held"]
    feed.write()
    now.forward(1860)
    run(follower)
    with database.read() as session:
        row = health(session, bank, PRINTER)
        assert (row.standing, row.seen_at) == (Standing.STALE, now() - 1800 * SECOND)
        assert health(session, bank, "1001-pc").standing is Standing.GOOD
