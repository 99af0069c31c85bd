"""Whatever clocks do, times stay sane: through the real spool, ingest and health.

Every clock here is faked: the PC's boot clock and wall clock, and the server's. True time is a number that only the
test knows. The line, its delays and its copies are the test's too; nothing waits.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from agent.spool.spool import Spool
from agent.wire import MEDIA_MSGPACK, VERSION, AnyRecord, Batch, Clock, DeviceWord, Exchange, Held, Hold, Reading, State
from server.clock import SetClock
from server.health.follower import Follower
from server.health.tables import Condition
from server.ingest.batch import open_batch
from server.ingest.tables import Attested, RecordRow, Stream
from server.ingest.writer import Writer
from server.storage.database import Database
from tests.tries import tries

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
IN_2000 = 946_684_800 * SECOND
WALLS = {"kept": None, "2000": IN_2000, "1970": 0, "2099": 4_070_908_800 * SECOND}
NAMES = count(1)


@dataclass
class Pc:
    """A branch PC with a real spool, its line, and the truth about when it recorded what."""

    database: Database
    writer: Writer
    server: SetClock
    agent_id: int
    key: str
    spool: Spool = field(init=False)
    true: int = field(init=False)
    step: int = 0  # how far the server's clock is off
    boots: int = 0
    booted: int = 0
    drift: int = 0  # µs a second
    wall_error: int = 0
    exchange: Exchange | None = None
    record_at: dict[int, int] = field(default_factory=dict)  # number -> true time
    met: set[str] = field(default_factory=set)  # boots that sent something
    copies: list[tuple[bytes, int]] = field(default_factory=list)  # batches as sent
    held_back: list[bytes] = field(default_factory=list)
    last_boot: int = 0

    def begin(self, path: Path) -> None:
        self.true = self.server()
        self.booted = self.true
        self.spool = Spool(path, self.clocks)

    def clocks(self) -> Clock:
        up = self.true - self.booted
        return Clock(self.true + self.wall_error, up + up * self.drift // SECOND, f"{self.key}-{self.boots}")

    def boot(self, off: int, clock: str, drift: int) -> None:
        self.true += off
        self.booted, self.drift, self.boots, self.exchange = self.true, drift, self.boots + 1, None
        if (wall := WALLS[clock]) is not None:
            self.wall_error = wall - self.true
        self.last_boot = 0

    def record(self) -> None:
        clock = self.clocks()
        names = [f"{self.key}/{slug}" for slug in "ab"]
        number = len(self.record_at) + 1
        record: AnyRecord
        if number % 3 == 1 or not self.last_boot:
            record = State(seq=0, clock=clock, position=names[number % 2], reading=Reading(device=DeviceWord.ONLINE))
        else:
            record = Hold(seq=0, clock=clock, since=self.last_boot, held={name: Held(1, 0) for name in names})
        self.spool.append([record])
        self.record_at[number] = self.true
        self.last_boot = clock.boot

    def send(self, most: int, there: int, waited: int, back: int, *, hold_back: bool = False) -> bool:
        """One batch of the spool's, and the exchange it makes. False if there is none left."""
        parcel = self.spool.next_batch(most, 900_000)
        if not parcel.records:
            return False
        sent = self.clocks()
        body = msgspec.msgpack.encode(
            Batch(
                version=VERSION,
                stream=parcel.stream,
                sent=sent,
                records=parcel.records,
                exchange=self.exchange,
                boots=parcel.boots,
                waiting=parcel.waiting,
            )
        )
        self.true += there
        came = self.true + self.step
        if hold_back:
            self.held_back.append(body)
            numbers = [(record.seq, record.seq) for record in parcel.records]
        else:
            numbers = self.deliver(body)
            self.met.add(sent.boot_id)
        self.copies.append((body, self.true))
        self.true += waited
        answered = self.true + self.step
        self.true += back
        if not hold_back:
            self.exchange = Exchange(sent.boot_id, sent.boot, self.clocks().boot, answered, came)
        had = [(record.seq, record.seq) for record in parcel.records]
        self.spool.acked(parcel.stream, [*self.acked, *had], "e", answered)
        self.acked += had
        assert hold_back or all(any(lo <= seq <= hi for lo, hi in numbers) for seq, _ in had)
        return True

    acked: list[tuple[int, int]] = field(default_factory=list)

    def deliver(self, body: bytes) -> list[tuple[int, int]]:
        self.server.at = self.true + self.step
        return self.writer.submit(open_batch(body, MEDIA_MSGPACK, "", self.agent_id, self.server())).result(30).ranges


@pytest.fixture
def pc(
    database: Database, writer: Writer, now: SetClock, tmp_path: Path, fresh_machine: Callable[[], Any]
) -> Callable[[], Pc]:
    def make() -> Pc:
        machine = fresh_machine()
        made = Pc(database, writer, now, machine.agent_id, machine.stream)
        made.begin(tmp_path / f"{next(NAMES)}.db")
        return made

    return make


SECONDS = st.integers(1, 6 * 3600)
DELAY = st.integers(0, 9 * SECOND)
DELAYS = st.tuples(DELAY, DELAY, DELAY)
MOVES = st.one_of(st.none(), st.none(), st.just(0), st.integers(-40 * DAY, 40 * DAY), st.sampled_from([8 * HOUR]))
BOOT = st.fixed_dictionaries(
    {
        "off": st.integers(1, 4 * 86_400),
        "steps": st.lists(st.tuples(SECONDS, MOVES), min_size=1, max_size=6),
        "clock": st.sampled_from(["kept", "kept", "2000", "1970", "2099"]),
        "drift": st.integers(-90, 90),
        "batches": st.one_of(st.just([]), st.lists(st.tuples(st.integers(1, 4), DELAYS), max_size=3)),
    }
)
LIVES = st.lists(BOOT, min_size=1, max_size=6)
SETTINGS = settings(
    max_examples=tries(12),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def live(pc: Pc, boots: list[dict[str, Any]], data: st.DataObject, *, people: bool = False, odd: bool = False) -> None:
    """Boots in a row, the last of which sends all that is left. `people` set its wall clock, for better or worse;
    `odd` things happen to batches. Without people a wall clock is right where the PC meets the server."""
    for boot in boots:
        clock = boot["clock"] if people or not boot["batches"] else "kept"
        pc.boot(boot["off"] * SECOND, clock, boot["drift"])
        if not people and clock == "kept":
            pc.wall_error = 0
        pc.record()
        for seconds, moved in boot["steps"]:
            pc.true += seconds * SECOND
            if people and moved is not None:
                pc.wall_error = moved
            pc.record()
        for most, delays in boot["batches"]:
            pc.send(most, *delays, hold_back=odd and data.draw(st.booleans(), label="held back"))
            if odd and pc.copies and data.draw(st.booleans(), label="a copy"):
                pc.deliver(data.draw(st.sampled_from(pc.copies), label="which")[0])
    pc.boot(HOUR, "kept", 0)
    pc.wall_error = 0 if not people else pc.wall_error
    pc.record()
    while pc.send(data.draw(st.integers(1, 9), label="most"), SECOND, SECOND, SECOND):
        pass
    for body in data.draw(st.permutations(pc.held_back), label="late"):
        pc.deliver(body)


def rows_of(pc: Pc, session: Session) -> list[RecordRow]:
    stream = session.exec(select(Stream).where(Stream.uid == pc.spool.stream)).one()
    found = session.exec(select(RecordRow).where(RecordRow.stream_id == stream.id).order_by(col(RecordRow.seq))).all()
    assert [row.seq for row in found] == sorted(pc.record_at), "nothing is missing"
    return list(found)


def assert_sane(pc: Pc, began: int, *, in_order: bool = True) -> None:
    end = pc.server()
    follower = Follower(pc.database, pc.server)
    while follower.step():
        pass
    with pc.database.read() as session:
        rows = rows_of(pc, session)
        for row in rows:
            assert 0 <= row.at <= row.arrived, "nothing happened after it was told"
            assert row.confidence >= 0
        if in_order:
            assert all(one.at <= two.at for one, two in pairwise(rows)), "nothing lasts less than nothing"
            # by a clock that was wrong by 40 days when it was recorded, and by as much the other way when it was sent
            assert rows[0].at >= began - 80 * DAY - HOUR, "nor absurdly long"
        for stretch in session.exec(select(Attested).where(Attested.agent_id == pc.agent_id)):
            assert stretch.start <= stretch.end <= max(row.arrived for row in rows)
            if in_order:
                assert stretch.end - stretch.start <= end - began
        for condition in session.exec(select(Condition).where(Condition.subject_id == pc.agent_id)):
            assert condition.opened_at <= (condition.closed_at or condition.opened_at)
            if in_order:
                assert condition.opened_at <= end


@SETTINGS
@given(boots=LIVES, data=st.data())
def test_the_truth_lies_within_the_confidence(boots: Any, data: st.DataObject, pc: Callable[[], Pc]) -> None:
    """Boots that met the server and boots that never did, their batteries flat or not, batches cut anywhere."""
    mine = pc()
    began = mine.true
    live(mine, boots, data)
    assert_sane(mine, began)
    with mine.database.read() as session:
        rows = rows_of(mine, session)
        for row in rows:
            assert abs(row.at - mine.record_at[row.seq]) <= row.confidence
        for one, two in pairwise(rows):
            if one.boot_id != two.boot_id:
                continue
            lasted, apart = two.boot - one.boot, two.at - one.at
            slack = 0 if one.boot_id not in mine.met else one.confidence + two.confidence
            assert abs(apart - lasted) <= slack, "within a boot lengths are exact"
    mine.spool.close()


@SETTINGS
@given(boots=LIVES, data=st.data())
def test_nothing_lasts_less_than_nothing_whatever_people_do_to_clocks(
    boots: Any, data: st.DataObject, pc: Callable[[], Pc]
) -> None:
    mine = pc()
    began = mine.true
    live(mine, boots, data, people=True, odd=True)
    assert_sane(mine, began)
    mine.spool.close()


@SETTINGS
@given(boots=LIVES, data=st.data(), moved=st.lists(st.integers(-3 * DAY, 3 * DAY), min_size=1, max_size=6))
def test_a_server_whose_own_clock_is_set_makes_no_negative_durations(
    boots: Any, data: st.DataObject, moved: list[int], pc: Callable[[], Pc]
) -> None:
    """What it says of the order is lost with it; what it says of lengths is not."""
    mine = pc()
    began = mine.true
    for boot in boots:
        mine.step = data.draw(st.sampled_from([0, *moved]), label="the server's clock")
        live(mine, [boot], data, people=True, odd=True)
    mine.step = 0
    mine.true = max(mine.true, began) + 4 * DAY  # so that the next life begins after all of this one
    mine.server.at = mine.true
    assert_sane(mine, began, in_order=False)
    mine.spool.close()
