"""An agent and the real server, on both databases: what the spool wrote is what the record log holds."""

import asyncio
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from sqlmodel import select

from agent.exit import Exit, Trouble
from agent.link.enroll import enroll
from agent.run import Stop, run_agent
from agent.settings import load_settings
from agent.wire import AnyRecord, Hold, Polled, State
from server.agents.deeds import make_code
from server.clock import utc_now
from server.ingest.tables import Attested, Latest, RecordRow
from server.inventory.tables import Agent, Branch, DeviceClass, Observer, Position, Subject, SubjectKind
from server.journal.deeds import Act
from server.storage.database import Database

LampSays = Callable[..., Polled]
Until = Callable[[Callable[[], object]], Awaitable[None]]
SERVER = """
import sys, uvicorn
from server.app import create_app
from server.clock import utc_now
from server.settings import Settings
from server.storage.database import Database
app = create_app(Database(sys.argv[1]), Settings(), utc_now, bytes(range(32)))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
"""


class Server:
    """The real server in a process of its own, so that it can be killed."""

    def __init__(self, database: Database) -> None:
        self._url = database.url
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    def start(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", SERVER, self._url, str(self.port)])

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


@pytest.fixture
def server(database: Database) -> Iterator[Server]:
    made = Server(database)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def place(database: Database) -> Callable[[list[Polled]], str]:
    """`place([polled])` puts positions into the bank for one agent to poll, and gives a code to enrol it with."""

    def put(everything: list[Polled]) -> str:
        with database.write() as session:
            session.add(Subject(id=1, kind=SubjectKind.BRANCH, key="1001", name="城关支行", branch_id=1))
            session.add(Subject(id=2, kind=SubjectKind.AGENT, key="centre", name="总行采集", branch_id=1))
            session.flush()
            session.add(Branch(id=1, kind="branch"))
            session.add(Agent(id=2))
            session.add(DeviceClass(key="lamp", name="灯", counted=True, interval_us=300_000_000))
            for own, polled in enumerate(everything, 3):
                session.add(
                    Subject(id=own, kind=SubjectKind.POSITION, key=polled.position, name=polled.name, branch_id=1)
                )
                session.flush()
                position = Position(
                    id=own,
                    cls="lamp",
                    driver=polled.driver,
                    address=polled.address,
                    interval_us=int(polled.interval * 1_000_000),
                )
                session.add(position)
                session.flush()
                session.add(Observer(subject_id=own, agent_id=2))
            code, _, _ = make_code(session, Act("os:head", "cli", utc_now()), bytes(range(32)), "1001", None, 1)
        return str(code)

    return put


def enroll_once_it_answers(server: Server, code: str, home: Path) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            assert enroll(f"http://127.0.0.1:{server.port}", code, home).agent == "centre"
        except Trouble as trouble:
            if trouble.code is not Exit.UNREACHABLE or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def logged(database: Database) -> list[AnyRecord]:
    """The record log by number."""
    with database.read() as session:
        bodies = session.exec(select(RecordRow.body).order_by(RecordRow.seq)).all()  # type: ignore[arg-type]
    return [msgspec.msgpack.decode(body, type=AnyRecord) for body in bodies]


def spooled(home: Path) -> list[AnyRecord]:
    with closing(sqlite3.connect(home / "spool.db")) as spool:
        rows = spool.execute("SELECT body FROM record ORDER BY seq").fetchall()
    return [msgspec.msgpack.decode(body, type=AnyRecord) for (body,) in rows]


def words(records: list[AnyRecord], position: str) -> list[str]:
    return [
        str(record.reading.device) for record in records if isinstance(record, State) and record.position == position
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
async def test_a_server_killed_again_and_again_holds_what_the_agent_wrote(
    database: Database,
    server: Server,
    place: Callable[[list[Polled]], str],
    lamp: LampSays,
    tmp_path: Path,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, seconds in {
        "uplink.GATHER_SECONDS": 0.1,
        "uplink.URGENT_SECONDS": 0.01,
        "backoff.FIRST_WAIT": 0.05,
        "backoff.LONGEST_WAIT": 0.2,
    }.items():
        monkeypatch.setattr(f"agent.link.{name}", seconds)
    monkeypatch.setattr("agent.schedule.FIRST_SECONDS", 0.2)
    code = place([lamp("1001/a", device="online"), lamp("1001/b", device="online", numbers={"load": 10})])
    home = tmp_path / "home"
    await asyncio.to_thread(enroll_once_it_answers, server, code, home)
    stop = Stop()
    running = asyncio.create_task(run_agent(load_settings(home, {}), stop))
    try:
        said = ["online"]
        await until(lambda: words(logged(database), "1001/a") == said)
        for word in ("hardwareError", "userError", "starting"):
            server.kill()
            lamp("1001/a", device=word)
            said.append(word)
            server.start()
            await until(lambda: words(logged(database), "1001/a") == said)
    finally:
        stop.ask("the test ends")
        await running
    held, written = logged(database), spooled(home)
    assert [record.seq for record in held] == list(range(1, len(held) + 1))
    assert held == written
    with database.read() as session:
        latest = session.exec(select(Latest)).all()
        assert {row.subject_id for row in latest} == {3, 4}
        polls = sum(row.good for row in session.exec(select(Attested).where(Attested.subject_id == 4)).all())
    assert polls == 1 + sum(
        hold.held["1001/b"].good for hold in held if isinstance(hold, Hold) and "1001/b" in hold.held
    )
