"""Branch PCs with the agent's own report and spool, a server's ingest and health, and a clock that is moved by hand.

The clock of `now` is the only one: an agent's wall and boot clock follow it.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlmodel import select

from agent.poll import Seen
from agent.report import Report
from agent.spool.spool import LIMIT, Spool, open_spool
from agent.wire import (
    MEDIA_MSGPACK,
    VERSION,
    AnyRecord,
    Batch,
    Clock,
    DeviceWord,
    Event,
    EventName,
    Failure,
    Reading,
    catalogue,
)
from server.accounts.scope import Scoped
from server.agents.deeds import release
from server.agents.identity import done, identity_by_key
from server.clock import SetClock
from server.coverage.queries import report
from server.health.follower import Follower
from server.ingest.batch import open_batch
from server.ingest.writer import Writer
from server.inventory.duties import note_duties
from server.inventory.tables import Line, Observer, Position, Subject
from server.journal.deeds import Act
from server.queries import Everything
from server.schemas.coverage import AgentCoverage, BranchCoverage, CoverageReport, MinutesOut
from server.storage.database import Database

SECOND = 1_000_000
NO_ANSWER = Seen(Reading(device=DeviceWord.OFFLINE), Failure("unreachable", "noAnswer", "No answer."))
FINE = Seen(Reading(device=DeviceWord.ONLINE))
BOOTS = count(1)


@dataclass
class Pc:
    """A machine with an agent. `sees` is what its polls give; `online` whether its line to the server is up."""

    now: SetClock
    writer: Writer
    agent_id: int
    folder: Path
    positions: tuple[str, ...]
    sees: dict[str, Seen] = field(default_factory=dict)
    online: bool = True
    running: bool = False
    limit: int = LIMIT
    spoiled: str = ""  # states of this position leave so that no server can read them
    hold_back: int = 0  # of what waits, so many of the oldest records are sent last
    epoch: str = "epoch"
    wrong: int = 0  # µs its wall clock is ahead
    spool: Spool | None = None

    def clock(self) -> Clock:
        at = self.now()
        return Clock(wall=at + self.wrong, boot=at - self.booted, boot_id=self.boot_id)

    def start(self) -> None:
        """Boot, and start the agent."""
        self.booted, self.boot_id = self.now() - 60 * SECOND, f"boot-{next(BOOTS)}"
        self.spool, _ = open_spool(self.folder / "spool.db", self.clock, self.limit)
        self.report = Report(catalogue(), self.clock())
        self._event(EventName.START)
        self.running = True
        self.poll()
        self.deliver()

    def goodbye(self) -> None:
        self._event(EventName.GOODBYE)
        self.deliver()
        self.kill()

    def kill(self) -> None:
        """The power goes, or the process: not a word."""
        self.running = False
        self.close()

    def close(self) -> None:
        if self.spool is not None:
            self.spool.close()
            self.spool = None

    def waiting(self) -> list[int]:
        assert self.spool is not None
        return [record.seq for record in self.spool.next_batch(1000, 1 << 19).records]

    def lose(self, *numbers: int) -> None:
        """Records that wait cannot be taken, and the agent tells everything anew."""
        assert self.spool is not None
        for number in numbers:
            self.spool.set_aside(number, "it could not be read back")
        self.report.forget()
        self.poll()

    def part(self) -> None:
        """The server finds that this home may have been copied."""
        assert self.spool is not None
        self.spool.part()
        self.meet()

    def meet(self) -> None:
        """As the uplink does before it sends."""
        assert self.spool is not None
        for part in self.spool.parts():
            batch = Batch(version=VERSION, stream=part.uid, follows=part.follows, sent=self.clock(), records=[])
            body = msgspec.msgpack.encode(batch)
            taken = self.writer.submit(open_batch(body, MEDIA_MSGPACK, "", self.agent_id, self.now())).result(30)
            self.spool.met(part.uid, taken.ranges, self.epoch, self.now())

    def image(self) -> None:
        """Keep a copy of the spool, while the agent is not running."""
        shutil.copyfile(self.folder / "spool.db", self.folder / "image.db")

    def set_back(self) -> None:
        shutil.copyfile(self.folder / "image.db", self.folder / "spool.db")

    def replace(self) -> None:
        """Another machine, with an agent that is enrolled there, takes the place of this one."""
        (self.folder / "spool.db").unlink()

    def damage(self) -> None:
        """The spool file, while the agent is not running."""
        path = self.folder / "spool.db"
        path.write_bytes(b"\0" * 4096 + path.read_bytes()[4096:])

    def poll(self) -> None:
        """Every position once, and the hold of what stayed as it was."""
        records: list[AnyRecord] = []
        for position in self.positions:
            records += self.report.seen(position, self.sees.get(position, FINE), self.clock()).records
        self._append([*records, *self.report.hold(self.clock())])

    def deliver(self) -> None:
        while self.online and self.spool is not None:
            parcel = self.spool.next_batch(1000, 1 << 19)
            records = parcel.records[self.hold_back :]
            if not records:
                return
            batch = Batch(
                version=VERSION,
                stream=parcel.stream,
                follows=parcel.follows,
                sent=self.clock(),
                records=records,
                waiting=parcel.waiting,
            )
            body = msgspec.msgpack.encode(self._spoil(msgspec.to_builtins(batch)))
            taken = self.writer.submit(open_batch(body, MEDIA_MSGPACK, "", self.agent_id, self.now())).result(30)
            self.spool.acked(parcel.stream, taken.ranges, self.epoch, self.now())

    def _spoil(self, batch: dict[str, Any]) -> dict[str, Any]:
        for record in batch["records"]:
            if record["kind"] == "state" and record["position"] == self.spoiled:
                record["reading"]["device"] = "on fire"
        return batch

    def _event(self, name: EventName) -> None:
        self._append([Event(seq=0, clock=self.clock(), name=name)])

    def _append(self, records: Sequence[AnyRecord]) -> None:
        assert self.spool is not None
        if self.spool.append(records):
            self.report.forget()


class World:
    """The PC of 1001 (`pc`) and the centre at 0001 (`centre`), from midnight on, and the report of the days."""

    def __init__(self, database: Database, now: SetClock, bank: dict[str, int], writer: Writer, folder: Path) -> None:
        self.database, self.now, self.bank = database, now, bank
        self._follower = Follower(database, now)
        self.judges = True  # unless a server runs, which has a follower of its own
        (folder / "pc").mkdir()
        (folder / "centre").mkdir()
        now.forward(-12 * 3600)
        self.every(900)
        own = ("1001/atm-1", "1001/printer-1")
        self.pc = Pc(now, writer, bank["1001-pc"], folder / "pc", own)
        far = ("1001/atm-1", "1002/atm-1", "1001/line/main")
        self.centre = Pc(now, writer, bank["centre"], folder / "centre", far)

    def every(self, seconds: int) -> None:
        """Everything is polled so often from now on."""
        self.step = seconds
        with self.database.write() as session:
            for row in [*session.exec(select(Line)), *session.exec(select(Position))]:
                row.interval_us = seconds * SECOND
            session.flush()
            note_duties(session, self.now(), 0)

    def go(self, hours: float) -> None:
        """Time passes; who runs polls, sends every fourth time, and health judges."""
        steps = round(hours * 3600 / self.step)
        for step in range(1, steps + 1):
            self.now.forward(self.step)
            for pc in (self.pc, self.centre):
                if pc.running:
                    pc.poll()
            if step % 4 == 0 or step == steps:
                self.send()

    def send(self) -> None:
        self.pc.deliver()
        self.centre.deliver()
        while self.judges and self._follower.step():
            pass

    def cut(self) -> None:
        """The line of 1001."""
        self.pc.online = False
        for key in ("1001/line/main", "1001/atm-1"):
            self.centre.sees[key] = NO_ANSWER

    def mend(self) -> None:
        self.pc.online = True
        self.centre.sees.clear()

    def hold_off(self) -> None:
        """The server finds that two speak as the PC of 1001, and lets none of them in."""
        self.pc.online = False
        with self.database.write() as session:
            whose = identity_by_key(session, "1001-pc")
            whose.identity.quarantined_at = self.now()
            done(session, Act("system", "agent", self.now()), whose, "agent.quarantine")

    def release(self) -> None:
        self.pc.online = True
        with self.database.write() as session:
            release(session, Act("head", "cli", self.now()), "1001-pc")

    def report(self, viewer: Scoped | None = None, **asked: Any) -> CoverageReport:
        with self.database.read() as session:
            return report(session, viewer or Everything(), now=self.now(), **asked)

    def agent(self, key: str, **asked: Any) -> AgentCoverage:
        return next(one for one in self.report(**asked).agents if one.key == key)

    def branch(self, code: str, **asked: Any) -> BranchCoverage:
        return next(one for one in self.report(**asked).branches if one.code == code)


@pytest.fixture
def world(database: Database, now: SetClock, bank: dict[str, int], tmp_path: Path) -> Iterator[World]:
    writer = Writer(database)
    writer.start()
    made = World(database, now, bank, writer, tmp_path)
    yield made
    made.pc.close()
    made.centre.close()
    writer.stop()


@pytest.fixture
def missing() -> Callable[[MinutesOut], dict[str, int]]:
    """The reasons that count for something."""
    return lambda one: {reason.value: minutes for reason, minutes in one.missing.items() if minutes}


@pytest.fixture
def no_answer() -> Seen:
    return NO_ANSWER


@pytest.fixture
def on_battery() -> Seen:
    return Seen(Reading(device=DeviceWord.ONLINE, parts={"power": "battery"}))


@pytest.fixture
def refused() -> Seen:
    return Seen(Reading(device=DeviceWord.UNKNOWN), Failure("refused", "wrongSecret", "Refused."))


@pytest.fixture
def let_go(world: World) -> Callable[[str, bool], None]:
    """`let_go(key, True)`: the inventory has it no more; False: it is back, polled by the PC of 1001."""

    def make(key: str, gone: bool) -> None:
        own = world.bank[key]
        with world.database.write() as session:
            session.get_one(Subject, own).removed_at = world.now() if gone else None
            note_duties(session, world.now(), 0)

    return make


@pytest.fixture
def hand_over(world: World) -> Callable[[str, str], None]:
    """`hand_over(key, agent)`: from now on that agent polls it, and no other."""

    def make(key: str, agent: str) -> None:
        with world.database.write() as session:
            for observer in session.exec(select(Observer).where(Observer.subject_id == world.bank[key])).all():
                session.delete(observer)
            session.flush()
            session.add(Observer(subject_id=world.bank[key], agent_id=world.bank[agent]))
            session.flush()
            note_duties(session, world.now(), 0)

    return make
