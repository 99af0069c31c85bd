"""What is written of a state and the holds after it."""

from collections.abc import Callable
from typing import Any

import pytest

from agent.wire import EventName, Failure
from server.errors import Forbidden
from server.ingest.tables import AgentSeen, Attested, Latest, RecordRow, Stream
from server.inventory.tables import PastName, Subject
from server.journal.deeds import Act, record
from server.storage.database import Database

SECOND = 1_000_000
MINUTE = 60 * SECOND
ATM = "1001/atm-1"
FAILED = Failure(kind="unreachable", reason="noAnswer", detail="Nothing came back.")


def lengths(rows: Callable[[Any], list[Any]]) -> list[tuple[int, int, int]]:
    """(seconds, good, failed) of every attested interval, oldest first."""
    found = sorted(rows(Attested), key=lambda row: row.start)
    return [((row.end - row.start) // SECOND, row.good, row.failed) for row in found]


def test_a_hold_extends_the_interval_it_follows(machine: Any, deliver: Any, now: Any, rows: Any) -> None:
    deliver(machine, machine.state(ATM), exchange=machine.exchange())
    began = now()
    for _ in range(3):
        now.forward(60)
        deliver(machine, machine.hold(1, **{"1001__atm_1": (2, 0)}))
    assert lengths(rows) == [(180, 7, 0)]
    assert [(row.at, row.held_to, row.answered) for row in rows(Latest)] == [(began, now(), True)]


def test_a_new_state_ends_the_interval_before_it(machine: Any, deliver: Any, now: Any, rows: Any) -> None:
    deliver(machine, machine.state(ATM), exchange=machine.exchange())
    now.forward(60)
    before = machine.hold(1, **{"1001__atm_1": (1, 0)})
    deliver(machine, before, machine.state(ATM, "offline", failure=FAILED))
    now.forward(60)
    deliver(machine, machine.hold(1, **{"1001__atm_1": (0, 2)}))
    assert lengths(rows) == [(60, 2, 0), (60, 0, 3)]
    assert [row.answered for row in rows(Latest)] == [False]


def test_a_night_without_an_agent_stays_a_hole(machine: Any, deliver: Any, now: Any, rows: Any) -> None:
    deliver(machine, machine.state(ATM), exchange=machine.exchange())
    now.forward(60)
    deliver(machine, machine.hold(1, **{"1001__atm_1": (1, 0)}))
    now.forward(15 * 3600)
    deliver(machine, machine.hold(1, **{"1001__atm_1": (1, 0)}))
    assert lengths(rows) == [(60, 2, 0), (60, 1, 0)]
    assert [row.held_to for row in rows(Latest)] == [now()]


def test_a_poll_every_five_minutes_leaves_no_holes(machine: Any, deliver: Any, now: Any, rows: Any) -> None:
    deliver(machine, machine.state(ATM), exchange=machine.exchange())
    for _ in range(4):
        now.forward(300)
        deliver(machine, machine.hold(1, **{"1001__atm_1": (1, 0)}))
    assert lengths(rows) == [(1200, 5, 0)]


def test_what_holds_after_the_servers_clock_was_set_back_is_attested(
    machine: Any, deliver: Any, now: Any, rows: Any
) -> None:
    """It was a day ahead when the state came; the PC's boot clock went on all the while."""
    deliver(machine, machine.state(ATM), exchange=machine.exchange())
    now.forward(60 - 86_400)
    machine.booted -= 86_400 * SECOND
    for _ in range(3):
        deliver(machine, machine.hold(1, **{"1001__atm_1": (1, 0)}), exchange=machine.exchange())
        now.forward(60)
    assert lengths(rows) == [(180, 3, 0), (0, 1, 0)]


def test_a_hold_that_arrives_after_a_newer_state_extends_the_older_one(
    machine: Any, deliver: Any, now: Any, rows: Any
) -> None:
    deliver(machine, machine.state(ATM), exchange=machine.exchange())
    now.forward(60)
    late = machine.hold(1, **{"1001__atm_1": (5, 0)})
    now.forward(30)
    deliver(machine, machine.state(ATM, "hardwareError"))
    deliver(machine, late)
    assert lengths(rows) == [(60, 6, 0), (0, 1, 0)]
    assert [row.held_to for row in rows(Latest)] == [now()]


def test_a_hold_says_nothing_of_an_older_state_while_one_may_come_in_between(
    machine: Any, deliver: Any, now: Any, rows: Any
) -> None:
    deliver(machine, machine.state(ATM), exchange=machine.exchange())
    now.forward(60)
    late = machine.state(ATM, "hardwareError")
    changed = now()
    now.forward(60)
    deliver(machine, machine.hold(1, **{"1001__atm_1": (4, 0)}))
    assert lengths(rows) == [(0, 1, 0)]
    deliver(machine, late)
    assert lengths(rows) == [(0, 1, 0), (60, 5, 0)]
    assert [(row.at, row.held_to) for row in rows(Latest)] == [(changed, now())]


def test_a_state_and_its_hold_that_arrive_late_together_count_once(
    machine: Any, deliver: Any, now: Any, rows: Any
) -> None:
    deliver(machine, exchange=machine.exchange())
    late = [machine.state(ATM)]
    now.forward(60)
    late.append(machine.hold(1, **{"1001__atm_1": (2, 1)}))
    deliver(machine, machine.state(ATM, "offline"))
    deliver(machine, *late)
    assert lengths(rows) == [(60, 3, 1), (0, 1, 0)]


def test_two_agents_have_a_view_each(machine: Any, centre: Any, deliver: Any, rows: Any, bank: Any) -> None:
    deliver(machine, machine.state(ATM), exchange=machine.exchange())
    deliver(centre, centre.state(ATM, "offline", failure=FAILED), exchange=centre.exchange())
    views = {row.agent_id: row.answered for row in rows(Latest)}
    assert views == {bank["1001-pc"]: True, bank["centre"]: False}


def test_an_old_spool_does_not_hide_what_a_new_one_says(machine: Any, deliver: Any, now: Any, rows: Any) -> None:
    old = machine.state(ATM, "hardwareError")
    now.forward(60)
    held = machine.hold(1, **{"1001__atm_1": (1, 0)})
    old_stream, machine.stream, machine.seq = machine.stream, "stream-after-reinstall", 0
    now.forward(60)
    deliver(machine, machine.state(ATM), exchange=machine.exchange())
    machine.stream = old_stream
    deliver(machine, old, held)
    newest = rows(Latest)[0]
    [record] = [row for row in rows(RecordRow) if row.id == newest.record_id]
    [stream] = [row for row in rows(Stream) if row.id == record.stream_id]
    assert stream.uid == "stream-after-reinstall"
    assert lengths(rows) == [(60, 2, 0), (0, 1, 0)]


def test_a_stream_of_another_agent_is_refused_and_changes_nothing(
    machine: Any, centre: Any, deliver: Any, rows: Any
) -> None:
    deliver(machine, machine.state(ATM), exchange=machine.exchange())
    centre.stream = machine.stream
    with pytest.raises(Forbidden, match="belongs to another agent"):
        deliver(centre, centre.state("1002/atm-1"))
    assert len(rows(RecordRow)) == 1


def test_what_an_agent_does_not_poll_is_refused_and_kept(machine: Any, deliver: Any, rows: Any) -> None:
    taken = deliver(machine, machine.state("1002/atm-1"), machine.state(ATM))
    assert [refusal.seq for refusal in taken.refused] == [1]
    assert taken.ranges == [(1, 2)]
    assert [(row.seq, row.kind) for row in rows(RecordRow)] == [(1, "refused"), (2, "state")]
    assert b"1002/atm-1" in rows(RecordRow)[0].body


def test_a_record_from_before_a_rename_is_of_what_is_called_otherwise_now(
    machine: Any, centre: Any, deliver: Any, rows: Any, database: Database, bank: dict[str, int], now: Any
) -> None:
    before, stranger = machine.state(ATM), centre.state("1001/printer-1")
    with database.write() as session:
        seq = record(session, Act("admin", "cli", now()), deed="inventory.apply", about="inventory")
        for slug in ("atm-1", "printer-1"):
            subject = session.get_one(Subject, bank[f"1001/{slug}"])
            past = PastName(kind="subject", ref=str(subject.id), until_seq=seq, key=subject.key, name=subject.name)
            subject.key += "-new"
            session.add_all([past, subject])
    assert deliver(machine, before, machine.state("1001/atm-1-new", "offline")).refused == []
    assert [row.subject_id for row in rows(RecordRow)] == [bank[ATM]] * 2
    assert len(deliver(centre, stranger).refused) == 1


def test_a_hold_counts_for_those_it_may_speak_of(machine: Any, deliver: Any, now: Any, rows: Any) -> None:
    deliver(machine, machine.state(ATM), exchange=machine.exchange())
    now.forward(60)
    taken = deliver(machine, machine.hold(1, **{"1001__atm_1": (1, 0), "1002__atm_1": (1, 0)}))
    assert taken.refused == []
    assert lengths(rows) == [(60, 2, 0)]


def test_an_event_is_of_its_agent(machine: Any, deliver: Any, rows: Any) -> None:
    deliver(machine, machine.event(EventName.GOODBYE, reason="shutdown"))
    assert [(row.kind, row.subject_id) for row in rows(RecordRow)] == [("event", machine.agent_id)]


@pytest.mark.parametrize(
    ("detail", "ranges"),
    [
        ({"from": 2, "to": 5, "count": 4, "reason": "the disk was full"}, [(1, 6)]),
        ({"from": 2, "to": 4, "count": 3, "reason": "the disk was full"}, [(1, 4), (6, 6)]),
        ({"from": 0, "to": 1 << 62, "count": 1, "reason": "nonsense"}, [(1, 1), (6, 6)]),
        ({"from": "2", "to": "5", "reason": "nonsense"}, [(1, 1), (6, 6)]),
        ({}, [(1, 1), (6, 6)]),
    ],
)
def test_numbers_that_will_never_come_count_as_received(
    machine: Any, deliver: Any, detail: dict[str, Any], ranges: list[tuple[int, int]]
) -> None:
    deliver(machine, machine.event(EventName.START))
    machine.seq = 5
    assert deliver(machine, machine.event(EventName.GAP, **detail)).ranges == ranges


def test_every_batch_says_that_the_agent_is_there(machine: Any, deliver: Any, now: Any, rows: Any) -> None:
    deliver(machine)
    now.forward(60)
    machine.waiting = 3
    deliver(machine)
    seen = rows(AgentSeen)
    assert [(row.at, row.version, row.waiting, row.boot_id) for row in seen] == [(now(), "0.1.0", 3, "boot-1")]


def test_ids_rise_and_never_come_back(machine: Any, deliver: Any, rows: Any, database: Database) -> None:
    from sqlalchemy import text

    deliver(machine, machine.event(EventName.START))
    with database.write() as session:
        session.connection().execute(text("DELETE FROM record"))
    deliver(machine, machine.event(EventName.MEDIA))
    assert [row.id for row in rows(RecordRow)] > [1]
