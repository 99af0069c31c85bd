"""The drill: a server under load is backed up, lives on, is killed and restored; its agents give back what it lacks."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import func
from sqlmodel import select

from agent.exit import Exit, Trouble
from agent.link.enroll import enroll
from agent.run import Stop, run_agent
from agent.settings import Settings, load_settings
from agent.wire import Polled
from server.agents.deeds import make_code
from server.clock import utc_now
from server.ingest.tables import RecordRow
from server.inventory.tables import Agent, Branch, DeviceClass, Observer, Position, Subject, SubjectKind
from server.journal.deeds import Act
from server.secrets.key import load as load_key
from server.storage.database import Database
from tests.server.free import free_port

LampSays = Callable[..., Polled]
Until = Callable[[Callable[[], object]], Awaitable[None]]
COUNT = Path(__file__).with_name("count.py")
LAMPS = ("1001/a", "1001/b", "1001/c")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")


class Home:
    """A server's home, and the process that serves it."""

    def __init__(self, path: Path, port: int) -> None:
        self.path = path
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    def say(self, *words: str) -> None:
        done = subprocess.run(self._command(*words), env=self._environ(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    async def say_meanwhile(self, *words: str) -> None:
        await asyncio.to_thread(self.say, *words)

    def start(self) -> None:
        command = self._command("run", "--port", str(self.port))
        self._process = subprocess.Popen(command, env=self._environ(), stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def database(self) -> Database:
        return Database(f"sqlite:///{self.path / 'branchfleet.db'}")

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "server.cli", *words]

    def _environ(self) -> dict[str, str]:
        return {**os.environ, "BRANCHFLEET_HOME": str(self.path), "BRANCHFLEET_PASSWORD_MEMORY": "32"}


def held(home: Home) -> int:
    database = home.database()
    with database.read() as session:
        found = session.exec(select(func.count()).select_from(RecordRow)).one()
    database.close()
    return found


def place(home: Home, everything: list[Polled]) -> str:
    """Put positions into the bank for one agent to poll, and give a code to enrol it with."""
    database = home.database()
    with database.write() as session:
        session.add(Subject(id=1, kind=SubjectKind.BRANCH, key="1001", name="城关支行", branch_id=1))
        session.add(Subject(id=2, kind=SubjectKind.AGENT, key="centre", name="总行采集", branch_id=1))
        session.flush()
        session.add(Branch(id=1, kind="branch"))
        session.add(Agent(id=2))
        session.add(DeviceClass(key="lamp", name="灯", counted=True, interval_us=300_000_000))
        for own, one in enumerate(everything, 3):
            session.add(Subject(id=own, kind=SubjectKind.POSITION, key=one.position, name=one.name, branch_id=1))
            session.flush()
            interval = int(one.interval * 1_000_000)
            session.add(Position(id=own, cls="lamp", driver=one.driver, address=one.address, interval_us=interval))
            session.flush()
            session.add(Observer(subject_id=own, agent_id=2))
        act = Act("os:head", "cli", utc_now())
        code, _, _ = make_code(session, act, load_key(home.path / "server.key"), "1001", None, 1)
    database.close()
    return str(code)


def enroll_once_it_answers(home: Home, code: str, folder: Path) -> Settings:
    deadline = time.monotonic() + 300
    while True:
        try:
            enroll(f"https://127.0.0.1:{home.port}", code, folder)
        except Trouble as trouble:
            if trouble.code is not Exit.UNREACHABLE or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return load_settings(folder, {})


@asynccontextmanager
async def load(lamp: LampSays) -> AsyncIterator[None]:
    """Every lamp says something new all the time."""

    async def change() -> None:
        for number in count():
            for position in LAMPS:
                lamp(position, device=("online", "hardwareError")[number % 2], numbers={"load": number})
            await asyncio.sleep(0.05)

    changing = asyncio.create_task(change())
    try:
        yield
    finally:
        changing.cancel()
        with suppress(asyncio.CancelledError):
            await changing


async def test_a_server_restored_from_a_backup_under_load_has_again_all_its_agents_have(
    lamp: LampSays, tmp_path: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in {
        "uplink.GATHER_SECONDS": 0.1,
        "uplink.URGENT_SECONDS": 0.01,
        "backoff.FIRST_WAIT": 0.05,
        "backoff.LONGEST_WAIT": 0.2,
    }.items():
        monkeypatch.setattr(f"agent.link.{name}", seconds)
    monkeypatch.setattr("agent.schedule.FIRST_SECONDS", 0.2)
    first, second = Home(tmp_path / "first", free_port()), Home(tmp_path / "second", 0)
    second.port = first.port
    first.say("init")
    code = place(first, [lamp(position, device="online") for position in LAMPS])
    spool = tmp_path / "agent"
    stop = Stop()
    first.start()
    settings = await asyncio.to_thread(enroll_once_it_answers, first, code, spool)
    running = asyncio.create_task(run_agent(settings, stop))
    try:
        async with load(lamp):
            await until(lambda: held(first) > 20)
            await first.say_meanwhile("backup", str(tmp_path / "backup"))
            after = held(first)
            await until(lambda: held(first) > after + 20)
            first.kill()
            await second.say_meanwhile("restore", str(tmp_path / "backup"))
            assert held(second) < held(first), "the backup lacks what came after it"
            shutil.copy(first.path / "server.key", second.path)
            shutil.copytree(first.path / "tls", second.path / "tls")
            second.start()
            await until(lambda: held(second) > held(first))
    finally:
        stop.ask("the test ends")
        await running
        first.kill()
    databases = [spool / "spool.db", second.path / "branchfleet.db", first.path / "branchfleet.db"]
    counted = await asyncio.to_thread(
        lambda: subprocess.run([sys.executable, COUNT, *databases], capture_output=True, text=True, check=False)
    )
    second.kill()
    assert counted.returncode == 0, counted.stdout + counted.stderr
    figures = json.loads(counted.stdout)
    assert figures["held"] == figures["written"] > figures["held by the dead"] > 40
