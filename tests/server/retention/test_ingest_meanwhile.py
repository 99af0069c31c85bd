"""Agents send while months go: nothing they sent is missing after, and what it speaks of is there."""

import threading
from typing import TYPE_CHECKING

import msgspec
import pytest
from sqlmodel import col, func, select

from agent.wire import MEDIA_MSGPACK, VERSION, AnyRecord, Batch, Clock, DeviceWord, Hold, Reading, State
from agent.wire import Held as HeldOn
from server.health.follower import Follower
from server.health.tables import RollUp
from server.ingest.batch import open_batch
from server.ingest.tables import Attested, Latest, RecordRow, Stream
from server.ingest.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.retention.conftest import Log

DAY = 86_400_000_000


class Sender:
    """An agent on a line of its own, that sends until it is told to stop."""

    def __init__(self, log: "Log", writer: Writer, stream: str) -> None:
        self._log, self._writer, self.stream = log, writer, stream
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.acked = 0
        self._booted = log.now() - 400 * DAY

    def __enter__(self) -> "Sender":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def send(self, *records: AnyRecord) -> None:
        batch = Batch(version=VERSION, stream=self.stream, sent=self.clock(), records=list(records))
        body = msgspec.msgpack.encode(batch)
        parcel = open_batch(body, MEDIA_MSGPACK, "", self._log.bank["centre"], self._log.now())
        self.acked = self._writer.submit(parcel).result(60).ranges[-1][1]

    def clock(self) -> Clock:
        now = self._log.now()
        return Clock(wall=now, boot=now - self._booted, boot_id="boot-1")

    def state(self, seq: int) -> State:
        word = DeviceWord.ONLINE if seq % 4 else DeviceWord.OFFLINE
        return State(seq=seq, clock=self.clock(), position="1002/atm-1", reading=Reading(device=word))

    def _run(self) -> None:
        while not self._stop.is_set():
            first = self.acked + 1
            self.send(*(self.state(seq) for seq in range(first, first + 5)))


@pytest.fixture
def writer(log: "Log") -> "Iterator[Writer]":
    made = Writer(log.database)
    made.start()
    yield made
    made.stop()


def test_agents_send_while_a_month_begins_and_others_go_and_nothing_of_it_is_missing(
    log: "Log", writer: Writer
) -> None:
    log.sweeper.step()
    with Sender(log, writer, "before") as before:
        while before.acked < 40:
            assert before._thread.is_alive()
    judged(log)
    log.forward(125)
    log.now.forward(10 * 86_400)  # another month begins
    log.add("event")
    with Sender(log, writer, "during") as during:
        while during.acked < 20:
            assert during._thread.is_alive()
        log.sweep()
        held = during.acked
        while during.acked < held + 20:
            assert during._thread.is_alive()
    assert "record_past" in log.parts()
    with log.database.read() as session:
        stream = session.exec(select(Stream.id).where(Stream.uid == "during")).one()
        numbers = session.exec(select(RecordRow.seq).where(RecordRow.stream_id == stream).order_by(col(RecordRow.id)))
        assert numbers.all() == list(range(1, during.acked + 1))
        old = select(func.count()).select_from(RecordRow).join(Stream, col(Stream.id) == RecordRow.stream_id)
        assert session.exec(old.where(Stream.uid == "before")).one() <= 1  # its newest, if that is of the position
        newest = session.exec(select(Latest)).one()
        assert session.get_one(RecordRow, newest.record_id).seq == during.acked


def judged(log: "Log") -> None:
    log.add("event")  # judges all there is


def test_what_is_dated_long_ago_is_of_the_time_of_a_spool_and_adds_to_no_sum(log: "Log", writer: Writer) -> None:
    """By a boot clock that says thirty years, and holds of as long."""
    sender = Sender(log, writer, "liar")
    sender._booted = log.now() - 30 * 365 * DAY
    follower = Follower(log.database, log.now)
    for seq, charge in ((1, 50.0), (3, 60.0)):
        reading = Reading(device=DeviceWord.ONLINE, numbers={"battery.charge": charge})
        long_ago = Clock(wall=0, boot=seq, boot_id="boot-1")
        told = State(seq=seq, clock=long_ago, position="1002/atm-1", reading=reading)
        hold = Hold(seq=seq + 1, clock=sender.clock(), since=seq, held={"1002/atm-1": HeldOn(good=9, failed=0)})
        sender.send(told, hold)
        log.now.forward(7200)
        while follower.step():
            pass
    sender.send(State(seq=5, clock=sender.clock(), position="1002/atm-1", reading=reading))
    log.now.forward(7200)
    while follower.step():
        pass
    with log.database.read() as session:
        assert session.exec(select(func.min(RecordRow.at))).one() >= log.now() - 401 * DAY
        assert session.exec(select(func.min(Attested.start))).one() >= log.now() - 401 * DAY
        hours = session.exec(select(RollUp.hour)).all()
        assert hours
        assert min(hours) >= log.now() - 8 * DAY
