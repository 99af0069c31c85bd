"""Two databases, one of each kind, to which the same happens; and a record log whose rows are written by hand."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session, col, delete, select

from server.clock import SetClock
from server.coverage.kept import UNTIL
from server.health.cursors import HEALTH, PAST
from server.health.tables import Condition, Follower, HealthRow, Severity
from server.ingest.tables import Attested, Latest, RecordRow, Stream
from server.inventory.tables import Setting
from server.retention.sweeper import Sweeper
from server.schemas.standing import Standing
from server.storage.database import Database
from tests.server.conftest import _bank as furnish

DAY = 86_400_000_000
DAYS = 90
Number = int  # of the one stream there is


@dataclass
class Log:
    """What one agent sent, with what refers to it. Records are told apart by their numbers: ids differ."""

    database: Database
    now: SetClock
    bank: dict[str, int] = field(default_factory=dict)
    ids: dict[Number, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bank = furnish(self.database)
        with self.database.write() as session:
            session.add(Stream(id=1, agent_id=self.bank["centre"], uid="one", first_seen=self.now()))
            session.add(Follower(name=HEALTH, cursor=0, at=self.now()))
            session.add(Follower(name=PAST, cursor=0, at=self.now()))
            session.add(Setting(key=UNTIL, value="2100-01-01"))  # days are counted elsewhere
        self.sweeper = Sweeper(self.database, self.now, DAYS)

    @property
    def session(self) -> Any:
        return self.database.write()

    def add(self, kind: str, subject: str | None = "1001/atm-1", **more: Any) -> Number:
        """A record that comes now and is judged at once."""
        at, number = self.now(), len(self.ids) + 1
        said: dict[str, Any] = {"at": at, "confidence": 5, "wall": at, "boot": 7, "boot_id": "b", "arrived": at}
        own = self.bank[subject] if subject else None
        with self.session as session:
            row = RecordRow(stream_id=1, seq=number, kind=kind, subject_id=own, body=b"x", **(said | more))
            session.add(row)
            session.flush()
            self.ids[number] = row.id or 0
            for name in (HEALTH, PAST):
                session.get_one(Follower, name).cursor = self.ids[number]
        return number

    def newest(self, number: Number, subject: str) -> None:
        with self.session as session:
            whose = {"subject_id": self.bank[subject], "agent_id": self.bank["centre"]}
            row = session.get(Latest, tuple(whose.values()))
            at = self.now()
            row = row or Latest(**whose, record_id=0, at=at, held_to=at, answered=True)
            row.record_id = self.ids[number]
            session.add(row)

    def judge(self, number: Number, subject: str) -> None:
        with self.session as session:
            row = session.get(HealthRow, self.bank[subject])
            row = row or HealthRow(
                subject_id=self.bank[subject], standing=Standing.GOOD, since=0, fresh_until=0, device="online"
            )
            row.record_id = self.ids[number]
            session.add(row)

    def attest(self, number: Number, subject: str, days: int) -> None:
        at = self.now()
        with self.session as session:
            session.add(
                Attested(record_id=self.ids[number], start=at, end=at + days * DAY, good=1, failed=0,
                         subject_id=self.bank[subject], agent_id=self.bank["centre"])
            )  # fmt: skip

    def open(self, number: Number, subject: str, rule: str) -> None:
        with self.session as session:
            session.add(
                Condition(subject_id=self.bank[subject], rule=rule, severity=Severity.FAULT, opened_at=self.now(),
                          noticed_at=self.now(), record_id=self.ids[number])
            )  # fmt: skip

    def close(self, rule: str) -> None:
        with self.session as session:
            for one in session.exec(select(Condition).where(Condition.rule == rule)).all():
                one.closed_at = self.now()

    def forward(self, days: int) -> None:
        """Week after week a server runs that begins months, and an agent is heard."""
        for done in range(0, days, 7):
            self.now.forward(86_400 * min(7, days - done))
            self.sweeper.step()
            with self.session as session:
                at = self.now()
                session.exec(delete(RecordRow).where(col(RecordRow.kind) == "beat"))
                session.add(RecordRow(stream_id=1, seq=1 << 40, kind="beat", at=at, confidence=5, wall=at, boot=7,
                                      boot_id="b", arrived=at, body=b""))  # fmt: skip

    def sweep(self) -> None:
        while self.sweeper.step():
            pass

    def kept(self) -> set[Number]:
        with self.database.read() as session:
            asked = select(RecordRow.seq).where(col(RecordRow.seq) < 1 << 40)
            return set(session.exec(asked).all())

    def referred(self) -> set[Number]:
        """The numbers of what other rows refer to; fails where that is not there."""
        numbers = {own: number for number, own in self.ids.items()}
        with self.database.read() as session:
            found = _referred(session)
        return {numbers[own] for own in found}

    def parts(self) -> list[str]:
        with self.database.engine.connect() as link:
            asked = (
                "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'record'::regclass"
            )
            return sorted(link.execute(text(asked)).scalars())


def _referred(session: Session) -> set[int]:
    found: set[int] = set()
    for table in (Latest, HealthRow, Condition, Attested):
        found |= {own for own in session.exec(select(table.record_id)).all() if own is not None}
    return found


@pytest.fixture
def postgres(cluster: Any) -> Iterator[Database]:
    name, url = cluster.create()
    database = Database(url)
    yield database
    database.close()
    cluster.drop(name)


@pytest.fixture
def log(postgres: Database, now: SetClock) -> Log:
    return Log(postgres, now)


@pytest.fixture
def twin(sqlite_database: Database, tmp_path: Path) -> Log:
    """The same on SQLite, with a clock of its own."""
    from tests.conftest import NOON

    return Log(sqlite_database, SetClock(NOON))
