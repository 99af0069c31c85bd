"""Several servers on one database, and a writer that ends."""

import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from sqlmodel import col, select

from agent.wire import MEDIA_MSGPACK
from server.errors import Unavailable
from server.ingest import writer as writing
from server.ingest.batch import Parcel, open_batch
from server.ingest.tables import RecordRow
from server.ingest.transaction import Taken
from server.ingest.writer import Writer
from server.storage.database import Database

ATM = "1001/atm-1"


def parcel(machine: Any, *records: Any) -> Parcel:
    body = msgspec.msgpack.encode(machine.batch(*records))
    return open_batch(body, MEDIA_MSGPACK, "", machine.agent_id, machine.now())


def test_a_cursor_over_records_misses_none_of_two_servers(database: Database, fresh_machine: Any, now: Any) -> None:
    machines = [fresh_machine() for _ in range(4)]
    writers = [Writer(database), Writer(database)]
    seen: list[int] = []
    done = threading.Event()

    def follow() -> None:
        cursor = 0
        while True:
            last = done.is_set()
            with database.read() as session:
                asked = select(RecordRow.id).where(col(RecordRow.id) > cursor).order_by(col(RecordRow.id))
                found = [number or 0 for number in session.exec(asked).all()]
            seen.extend(found)
            cursor = max([cursor, *found])
            if last:
                return

    follower = threading.Thread(target=follow)
    follower.start()
    for writer in writers:
        writer.start()
    futures: list[Future[Taken]] = []
    for turn in range(40):
        for number, machine in enumerate(machines):
            sent = parcel(machine, machine.state(f"{machine.stream}/a", load=float(turn)))
            futures.append(writers[number % 2].submit(sent))
    results = [future.result(60) for future in futures]
    for writer in writers:
        writer.stop()
    done.set()
    follower.join(60)
    assert results[-1].ranges == [(1, 40)]
    assert len(seen) == 160


def test_what_was_submitted_before_the_end_is_written(database: Database, machine: Any) -> None:
    writer = Writer(database)
    writer.start()
    futures = [writer.submit(parcel(machine, machine.state(ATM, load=float(turn)))) for turn in range(50)]
    writer.stop()
    assert [future.result(0).ranges for future in futures][-1] == [(1, 50)]
    with pytest.raises(Unavailable, match="shutting down"):
        writer.submit(parcel(machine)).result(0)


def test_what_is_submitted_at_the_instant_of_the_end_is_answered_too(
    database: Database, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(database)
    writer.start()
    ending = threading.Thread(target=writer.stop)

    def look() -> int:
        """The end comes while `submit` looks how much waits."""
        ending.start()
        writer._thread.join(0.5)
        return 0

    with monkeypatch.context() as patch:
        patch.setattr(writer._jobs, "qsize", look)
        future = writer.submit(parcel(machine, machine.state(ATM)))
    ending.join(30)
    assert not writer.alive
    assert future.done()
    assert future.result().ranges == [(1, 1)]


def test_an_answer_nobody_waits_for_any_more_is_no_defect(
    database: Database, machine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """At the end of a server, what still waits is broken off; its batch is taken as the others are."""
    writer = Writer(database)  # not started: all get into one transaction
    futures = [writer.submit(parcel(machine, machine.state(ATM, load=float(turn)))) for turn in range(3)]
    futures[1].cancel()
    writer.start()
    writer.stop()
    assert futures[2].result(30).ranges == [(1, 3)]
    assert not writer.failing
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_more_than_can_wait_is_asked_to_come_again(
    database: Database, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "WAITING", 2)
    writer = Writer(database)  # not started: nothing is taken off the queue
    waiting = [writer.submit(parcel(machine, machine.state(ATM))) for _ in range(2)]
    with pytest.raises(Unavailable, match="more to write"):
        writer.submit(parcel(machine, machine.state(ATM))).result(0)
    writer.start()
    assert [len(future.result(30).ranges) for future in waiting] == [1, 1]
    writer.stop()


def test_a_connection_that_broke_is_opened_again(database: Database, machine: Any) -> None:
    writer = Writer(database)
    writer.start()
    writer.submit(parcel(machine, machine.state(ATM))).result(30)
    link: Any = writer._link
    link._connection.driver_connection.close()
    again = parcel(machine, machine.state(ATM))
    with suppress(Unavailable):  # it may be noticed only now
        writer.submit(again).result(30)
    assert writer.submit(again).result(30).ranges == [(1, 2)]
    writer.stop()
