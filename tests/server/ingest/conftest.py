"""An agent as ingest sees it: a machine with two clocks, and records in batches."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec
import pytest
from sqlmodel import Session, select

from agent.wire import (
    MEDIA_MSGPACK,
    VERSION,
    Ahead,
    AnyRecord,
    Batch,
    Clock,
    DeviceWord,
    Event,
    EventName,
    Exchange,
    Failure,
    Follows,
    Held,
    Hold,
    Reading,
    State,
)
from server.clock import SetClock
from server.ingest.batch import open_batch
from server.ingest.transaction import Taken
from server.ingest.writer import Writer
from server.inventory.tables import Agent, Branch, Observer, Position, Subject, SubjectKind
from server.storage.database import Database

SECOND = 1_000_000
MINUTE = 60 * SECOND
STREAMS = count(1)


@dataclass
class Machine:
    """A branch PC. Its wall clock is wrong by `wall_error`, and it was booted `up` µs before noon."""

    now: SetClock
    agent_id: int = 0
    boot_id: str = "boot-1"
    up: int = 3600 * SECOND
    wall_error: int = 0
    stream: str = ""
    follows: Follows | None = None
    seq: int = 0
    waiting: int = 0  # that wait behind a batch, as it says
    ahead: list[Ahead] = field(default_factory=list)
    hindered: str = ""
    told: list[Clock] = field(default_factory=list)  # what its batches say of earlier boots
    booted: int = field(init=False)

    def __post_init__(self) -> None:
        self.booted = self.now() - self.up
        self.stream = self.stream or f"stream-{next(STREAMS)}"

    def clock(self) -> Clock:
        at = self.now()
        return Clock(wall=at + self.wall_error, boot=at - self.booted, boot_id=self.boot_id)

    def go_on(self, first: int) -> None:
        """From this number on, its records come in another stream."""
        self.follows = Follows(self.stream, first)
        self.stream = f"stream-{next(STREAMS)}"

    def reboot(self, boot_id: str) -> None:
        self.boot_id = boot_id
        self.booted = self.now()

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    def state(self, position: str, device: str = "online", failure: Failure | None = None, **numbers: float) -> State:
        reading = Reading(device=DeviceWord(device), numbers=numbers)
        return State(seq=self._next(), clock=self.clock(), position=position, reading=reading, failure=failure)

    def hold(self, minutes: float, **held: tuple[int, int]) -> Hold:
        """Of positions written with `__` for `/` and `_` for `-`."""
        clock = self.clock()
        names = {name.replace("__", "/").replace("_", "-"): Held(*counts) for name, counts in held.items()}
        return Hold(seq=self._next(), clock=clock, since=clock.boot - round(minutes * MINUTE), held=names)

    def event(self, name: EventName, **detail: str | int) -> Event:
        return Event(seq=self._next(), clock=self.clock(), name=name, detail=detail)

    def exchange(self, round_trip: int = 0) -> Exchange:
        clock = self.clock()
        return Exchange(
            boot_id=self.boot_id,
            sent=clock.boot - round_trip,
            received=clock.boot,
            server=self.now() - round_trip // 2,
        )

    def batch(self, *records: AnyRecord, exchange: Exchange | None = None) -> Batch:
        return Batch(
            version=VERSION,
            stream=self.stream,
            follows=self.follows,
            sent=self.clock(),
            records=list(records),
            exchange=exchange,
            boots=self.told,
            waiting=self.waiting,
            agent_version="0.1.0",
            ahead=self.ahead,
            hindered=self.hindered,
        )


@pytest.fixture
def writer(database: Database) -> Iterator[Writer]:
    made = Writer(database)
    made.start()
    yield made
    made.stop()


def send(writer: Writer, machine: Machine, *records: AnyRecord, exchange: Exchange | None = None) -> Taken:
    """What the API does with a batch, without HTTP."""
    body = msgspec.msgpack.encode(machine.batch(*records, exchange=exchange))
    parcel = open_batch(body, MEDIA_MSGPACK, "", machine.agent_id, machine.now())
    return writer.submit(parcel).result(30)


@pytest.fixture
def deliver(writer: Writer) -> Callable[..., Taken]:
    """`deliver(machine, record, ...)` as one batch, written before it returns."""

    def make(machine: Machine, *records: AnyRecord, exchange: Exchange | None = None) -> Taken:
        return send(writer, machine, *records, exchange=exchange)

    return make


@pytest.fixture
def machine(now: SetClock, bank: dict[str, int]) -> Machine:
    """The PC of 1001, which polls 1001/atm-1 and 1001/printer-1."""
    return Machine(now, bank["1001-pc"])


@pytest.fixture
def sqlite_machine(now: SetClock, sqlite_bank: dict[str, int]) -> Machine:
    return Machine(now, sqlite_bank["1001-pc"])


@pytest.fixture
def centre(now: SetClock, bank: dict[str, int]) -> Machine:
    return Machine(now, bank["centre"], boot_id="boot-centre", up=86_400 * SECOND)


@pytest.fixture
def fresh_machine(database: Database, now: SetClock, bank: dict[str, int]) -> Callable[[], Machine]:
    """For property tests: an agent nobody heard of, that polls two new positions, "KEY/a" and "KEY/b"."""
    numbers = count(1)

    def make() -> Machine:
        key = f"new-{next(numbers)}"
        with database.write() as session:
            agent_id = _subject(session, SubjectKind.AGENT, key, bank["1001"])
            session.add(Agent(id=agent_id))
            session.flush()
            for slug in ("a", "b"):
                own = _subject(session, SubjectKind.POSITION, f"{key}/{slug}", bank["1001"])
                session.add(Position(id=own, cls="atm", driver="snmp", interval_us=MINUTE))
                session.flush()
                session.add(Observer(subject_id=own, agent_id=agent_id))
        machine = Machine(now, agent_id, boot_id=key)
        machine.stream = key
        return machine

    return make


def _subject(session: Session, kind: SubjectKind, key: str, branch_id: int) -> int:
    subject = Subject(kind=kind, key=key, name=key, branch_id=branch_id)
    session.add(subject)
    session.flush()
    return subject.id or 0


@pytest.fixture
def rows(database: Database) -> Callable[[Any], list[Any]]:
    """`rows(Latest)`: every row of a table."""

    def make(table: Any) -> list[Any]:
        with database.read() as session:
            return list(session.exec(select(table)).all())

    return make


__all__ = ["Branch", "Machine", "send"]
