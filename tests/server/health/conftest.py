"""A subject to judge by hand: a small court that keeps the state, applies what is due, and collects what changed."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlmodel import Session, select

from agent.wire import Clock, DeviceWord, Event, EventName, Failure, Hold, Reading
from agent.wire import Held as HeldCount
from agent.wire import State as StateRecord
from server.health.judge import judge
from server.health.rules import Rules, compose, shipped_rules
from server.health.state import (
    Around,
    Change,
    Closed,
    Evidence,
    Heard,
    Held,
    Opened,
    Place,
    Seen,
    State,
    Told,
    Voice,
)
from server.ingest.tables import Attested, RecordRow, Stream
from server.inventory.tables import SubjectKind
from server.schemas.standing import Standing
from server.storage.database import Database

SECOND = 1_000_000
START = 1_793_764_800 * SECOND
SUBJECT, AGENT, BRANCH, ELSEWHERE = 50, 7, 1, 2


class Court:
    """One subject, judged. Times are seconds after START."""

    def __init__(
        self, kind: SubjectKind = SubjectKind.POSITION, rules: Rules | None = None, interval: float = 60, **place: Any
    ) -> None:
        self.rules = rules or shipped_rules()
        self.state = State()
        self.changes: list[Change] = []
        self.place = Place(
            id=SUBJECT,
            kind=kind,
            key="1001/x",
            name="x",
            branch=BRANCH,
            interval=round(interval * SECOND),
            agents=frozenset({AGENT}) if kind is not SubjectKind.AGENT else frozenset(),
            rules=self.rules.of(kind, place.get("cls", "")),
            **place,
        )
        self.evidence = Evidence()
        self.voices = {AGENT: Voice(branch=ELSEWHERE, told=START, steady=START, closed=False, silent=False)}

    def at(self, seconds: float) -> int:
        return START + round(seconds * SECOND)

    def see(self, seen: Seen | None, now: float) -> None:
        around = Around(self.evidence, self.voices)
        self.state, changes = judge(self.state, seen, self.place, around, self.at(now))
        self.changes += changes

    def tell(self, at: float, device: str = "online", *, agent: int = AGENT, late: float = 0.2, **said: Any) -> None:
        """A state, heard `late` seconds after it became so; what was due before is done first."""
        failure, reason = said.pop("failure", None), said.pop("reason", "noAnswer")
        reading = Reading(device=DeviceWord(device), **said)
        told = Told(agent, self.at(at), reading, Failure(failure, reason, "") if failure else None)
        self.pass_to(at + late)
        self.see(told, at + late)

    def fail(self, at: float, device: str = "offline", kind: str = "unreachable") -> None:
        self.tell(at, device, failure=kind)

    def hold(self, at: float, *, since: float | None = None, agent: int = AGENT, late: float = 0.2) -> None:
        self.pass_to(at + late)
        self.see(Held(agent, self.at(at - 60 if since is None else since), self.at(at), 1), at + late)

    def hear(self, at: float, *, goodbye: bool = False) -> None:
        self.pass_to(at)
        self.see(Heard(self.at(at), goodbye), at)

    def pass_to(self, now: float) -> None:
        """Time passes; nothing is heard."""
        while self.state.due is not None and self.state.due <= self.at(now):
            due = self.state.due
            self.see(None, (due - START) / SECOND)

    def speak(self, told: float, **changes: Any) -> None:
        """The agent has told of this time."""
        voice = self.voices[AGENT]
        fields = {name: getattr(voice, name) for name in voice.__struct_fields__}
        self.voices[AGENT] = Voice(**{**fields, "told": self.at(told), **changes})

    def stands(self) -> Standing:
        return self.state.standing

    @property
    def opened(self) -> list[tuple[str, str, str, float]]:
        return [(c.rule.key, c.part, c.word, (c.at - START) / SECOND) for c in self.changes if isinstance(c, Opened)]

    @property
    def closed(self) -> list[tuple[str, str, float]]:
        return [(c.rule, c.part, (c.at - START) / SECOND) for c in self.changes if isinstance(c, Closed)]

    @property
    def open(self) -> set[str]:
        return {key.strip() for key in self.state.open}


@pytest.fixture
def court() -> Court:
    """A position polled every minute by an agent elsewhere."""
    return Court()


@pytest.fixture
def court_of() -> Callable[..., Court]:
    return Court


@pytest.fixture
def rules_with() -> Callable[..., Rules]:
    """The shipped rules with fields replaced: `rules_with({"part.fault": {"after": "0s"}})`."""
    return compose


class Feed:
    """Agents telling: rows as ingest would commit them. Seconds count from START; `late` is the way to the server."""

    def __init__(self, database: Database, bank: dict[str, int]) -> None:
        self.database = database
        self.bank = bank
        self.rows: list[dict[str, Any]] = []
        self._streams: dict[str, int] = {}
        self._seq: dict[str, int] = {}
        self._held: dict[tuple[str, int], int] = {}

    def state(self, agent: str, key: str, at: float, device: str = "online", late: float = 0, **said: Any) -> None:
        self._add(agent, "state", self.bank[key], self.record(agent, key, at, device, **said), at, late)

    def record(self, agent: str, key: str, at: float, device: str = "online", **said: Any) -> StateRecord:
        failure = Failure(said.pop("failure"), "noAnswer", "No answer.") if "failure" in said else None
        reading = Reading(device=DeviceWord(device), **said)
        return StateRecord(seq=self._next(agent), clock=self._clock(at), position=key, reading=reading, failure=failure)

    def hold(self, agent: str, keys: list[str], at: float, since: float | None = None, late: float = 0) -> None:
        start = self._clock(at - 60 if since is None else since).boot
        held = {key: HeldCount(1, 0) for key in keys}
        record = Hold(seq=self._next(agent), clock=self._clock(at), since=start, held=held)
        self._add(agent, "hold", None, record, at, late)
        self.rows[-1]["held"] = [self.bank[key] for key in keys if key in self.bank]

    def event(self, agent: str, name: str, at: float, late: float = 0) -> None:
        record = Event(seq=self._next(agent), clock=self._clock(at), name=EventName(name))
        self._add(agent, "event", self.bank[agent], record, at, late)

    def garbage(self, agent: str, at: float, kind: str = "state") -> None:
        self._next(agent)
        self._add(agent, kind, self.bank["1001/atm-1"], None, at, 0, b"\xc1 not a record")

    def write(self, *, only: slice | None = None) -> None:
        """Commit what was told, in the order it was told."""
        rows, self.rows = (self.rows, []) if only is None else (self.rows[only], self.rows)
        with self.database.write() as session:
            for row in rows:
                row = dict(row)
                agent, held = row.pop("agent"), row.pop("held", [])
                row["stream_id"] = self._stream(session, agent)
                record = RecordRow(**row)
                session.add(record)
                session.flush()
                self._attest(session, agent, record, held)

    def _attest(self, session: Session, agent: str, record: RecordRow, held: list[int]) -> None:
        """A state holds from its own time on, and up to that of the holds after it."""
        if record.kind == "state" and record.subject_id is not None:
            own = self._held[agent, record.subject_id] = record.id or 0
            same = {"subject_id": record.subject_id, "agent_id": self.bank[agent], "good": 1, "failed": 0}
            session.add(Attested(record_id=own, start=record.at, end=record.at, **same))
        for subject in held:
            if state := self._held.get((agent, subject)):
                session.exec(select(Attested).where(Attested.record_id == state)).one().end = record.at
        session.flush()

    def _clock(self, at: float) -> Clock:
        return Clock(wall=START + round(at * SECOND), boot=round((at + 1e7) * SECOND), boot_id="boot")

    def _next(self, agent: str) -> int:
        self._seq[agent] = self._seq.get(agent, 0) + 1
        return self._seq[agent]

    def _add(
        self, agent: str, kind: str, subject: int | None, record: Any, at: float, late: float, body: bytes = b""
    ) -> None:
        clock = self._clock(at)
        self.rows.append(
            {
                "agent": agent,
                "seq": self._seq[agent],
                "kind": kind,
                "subject_id": subject,
                "at": clock.wall,
                "confidence": 0,
                "wall": clock.wall,
                "boot": clock.boot,
                "boot_id": clock.boot_id,
                "arrived": clock.wall + round(late * SECOND),
                "body": body or msgspec.msgpack.encode(record),
            }
        )

    def _stream(self, session: Session, agent: str) -> int:
        if agent not in self._streams:
            stream = Stream(agent_id=self.bank[agent], uid=f"stream-{agent}", first_seen=START)
            session.add(stream)
            session.flush()
            self._streams[agent] = stream.id or 0
        return self._streams[agent]


@pytest.fixture
def feed(database: Database, bank: dict[str, int]) -> Feed:
    return Feed(database, bank)


@pytest.fixture
def feed_of() -> Callable[..., Feed]:
    return Feed
