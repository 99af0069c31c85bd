"""A living bank for the console: the real server on a socket, a ledger, people, and an agent that told something."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
import uvicorn
from sqlmodel import select
from textual.pilot import Pilot
from textual.screen import Screen

from agent.wire import MEDIA_MSGPACK, VERSION, AnyRecord, Batch, Clock, DeviceWord, Failure, Held, Hold, Reading, State
from server.accounts.deeds import add_person
from server.accounts.passwords import Passwords
from server.accounts.tables import Person, SignIn
from server.accounts.tokens import AGENT, PERSON, hash_token, new_token
from server.agents.tables import AgentToken
from server.app import create_app
from server.authority.context import Tls
from server.clock import utc_now
from server.facts.follower import FactFollower
from server.inventory.tables import Agent, Branch, DeviceClass, Observer, Position, Setting, Subject, SubjectKind
from server.journal.deeds import Act
from server.ledger.deeds import register
from server.ledger.fields import CardFields
from server.schemas.people import Role
from server.settings import Settings
from server.storage.database import Database
from server.storage.types import FOREVER
from tui.app import ConsoleApp
from tui.settings import Settings as ConsoleSettings
from tui.texts import speak

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOSTILE = "[/x] \x1b[2J 坏\x07"
BRANCHES = (("0001", "总行", "head-office"), ("1001", "正午支行", "branch"), ("1002", "滨河支行", "branch"))
POSITIONS = (
    ("1001/atm-1", "大堂 ATM-1", "atm"),
    ("1001/atm-2", "大堂 ATM-2", "atm"),
    ("1001/printer-1", "1号窗口 存折打印机", "printer"),
    ("1002/atm-1", "大堂 ATM-1", "atm"),
    ("1002/printer-1", "1号窗口 存折打印机", "printer"),
)


@pytest.fixture(autouse=True)
def _chinese() -> None:
    """Tests speak Chinese until they say otherwise."""
    speak("zh")


class Bank:
    """A running server and what a test does to it. The agent `centre` polls every position but 1002/printer-1."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.passwords = Passwords(memory=32)
        self._booted = utc_now() - 3600 * SECOND
        self._seq = 0
        self._ids: dict[str, int] = {}
        self._agent_token = new_token(AGENT)
        self._furnish()
        self.url = ""
        self.tls: Tls | None = None  # set before `open`: the server speaks TLS then
        self.addresses: list[str] = []  # what people named it
        self.checks: Path | None = None  # its folder of them, set before `open`
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._port = 0

    # the server

    def open(self) -> None:
        """Start serving, on the same port as before if there was one."""
        tls = self.tls
        trusted = (lambda: tls.trusted) if tls else str
        settings = Settings(password_memory=32)
        addressed = lambda: self.addresses  # noqa: E731
        app = create_app(self.database, settings, utc_now, bytes(range(32)), trusted, addressed, checks=self.checks)
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self._port}"
        config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
        config.load()
        config.ssl = self.tls.context if self.tls else None
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]})
        self._thread.start()
        self.until(lambda: self._server is not None and self._server.started)

    def close(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(20)
            self._server = None

    @staticmethod
    def until(true: Callable[[], object]) -> None:
        deadline = time.monotonic() + 90
        while not true():
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.02)

    # people

    def person(self, login: str, role: Role, branches: list[str] | None = None) -> str:
        """A person as the administrator adds one; gives the one-time password."""
        with self.database.write() as session:
            act = Act("admin", "cli", utc_now())
            return add_person(session, act, self.passwords, login=login, name=login, role=role, branches=branches or [])

    def token(self, login: str, role: Role, branches: list[str] | None = None) -> str:
        """A person who has signed in already."""
        self.person(login, role, branches)
        token, at = new_token(PERSON), utc_now()
        with self.database.write() as session:
            person = session.exec(select(Person).where(Person.login == login)).one()
            person.must_change = False
            session.add(person)
            entry = SignIn(
                token_hash=hash_token(token), person_id=person.id or 0, created_at=at, expires_at=at + 3600 * SECOND
            )
            session.add(entry)
        return token

    def forget(self, token: str) -> None:
        """End a sign-in behind its person's back."""
        with self.database.write() as session:
            session.delete(session.exec(select(SignIn).where(SignIn.token_hash == hash_token(token))).one())

    def ask(self, token: str, path: str) -> Any:
        answer = httpx2.get(self.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, token: str, path: str, body: dict[str, Any]) -> Any:
        answer = httpx2.post(self.url + path, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    # the agent

    def _clock(self, ago: int) -> Clock:
        at = utc_now() - ago
        return Clock(wall=at, boot=at - self._booted, boot_id="boot")

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def state(
        self, position: str, *, ago: int = 0, device: str = "online", failure: Failure | None = None, **said: Any
    ) -> State:
        reading = Reading(device=DeviceWord(device), **said)
        return State(seq=self._next(), clock=self._clock(ago), position=position, reading=reading, failure=failure)

    def hold(self, *positions: str, minutes: int, ago: int = 0) -> Hold:
        clock = self._clock(ago)
        held = {position: Held(good=minutes, failed=0) for position in positions}
        return Hold(seq=self._next(), clock=clock, since=clock.boot - minutes * MINUTE, held=held)

    def tell(self, *records: AnyRecord) -> None:
        """One batch, committed and judged before this returns."""
        batch = Batch(
            version=VERSION, stream="s" * 32, sent=self._clock(0), records=list(records), agent_version="0.1.0"
        )
        headers = {
            "Authorization": f"Bearer {self._agent_token}",
            "Content-Type": MEDIA_MSGPACK,
            "Accept": MEDIA_MSGPACK,
        }
        answer = httpx2.post(
            f"{self.url}/api/agent/records", content=msgspec.msgpack.encode(batch), headers=headers, timeout=60
        )
        assert answer.status_code == 200, answer.text
        token = self._watcher
        self.until(lambda: self.ask(token, "/api/status")["health_lag"] == 0)
        facts = FactFollower(self.database, utc_now)
        while facts.step():
            pass

    # the rows

    def _furnish(self) -> None:
        with self.database.write() as session:
            session.add(Setting(key="bank.name", value="清溪农商银行"))
            session.add(DeviceClass(key="atm", name="自动取款机", counted=True, interval_us=MINUTE))
            session.add(DeviceClass(key="printer", name="存折打印机", counted=False, interval_us=MINUTE))
            for code, name, kind in BRANCHES:
                self._subject(session, SubjectKind.BRANCH, code, name)
                session.add(
                    Branch(id=self._ids[code], kind=kind, parent_id=None if code == "0001" else self._ids["0001"])
                )
                session.flush()
            self._subject(session, SubjectKind.AGENT, "centre", "总行采集", "0001")
            session.add(Agent(id=self._ids["centre"]))
            session.flush()
            session.add(
                AgentToken(token_hash=hash_token(self._agent_token), agent_id=self._ids["centre"], expires_at=FOREVER)
            )
            for key, name, cls in POSITIONS:
                self._subject(session, SubjectKind.POSITION, key, name, key[:4])
                driver = None if key == "1002/printer-1" else "snmp"
                session.add(
                    Position(id=self._ids[key], cls=cls, driver=driver, address="192.0.2.9:161", interval_us=MINUTE)
                )
                session.flush()
                if driver:
                    session.add(Observer(subject_id=self._ids[key], agent_id=self._ids["centre"]))
            act = Act("admin", "cli", utc_now())
            for number, (key, name, cls) in enumerate(POSITIONS[:4], 1):
                keeper = "" if number == 2 else "王小兰"
                fields = CardFields(name=name, cls=cls, model="H68N", serial=f"SN{number:05}", keeper=keeper)
                register(session, act, f"ZC{number:05}", fields, branch=key[:4], position=key)
        self._watcher = self.token("watcher", Role.HEAD)

    def _subject(self, session: Any, kind: SubjectKind, key: str, name: str, branch: str = "") -> None:
        own = self._ids[key] = 1 + len(self._ids)
        session.add(Subject(id=own, kind=kind, key=key, name=name, branch_id=self._ids.get(branch, own)))
        session.flush()


@pytest.fixture
def empty_bank(sqlite_database: Database) -> Iterator[Bank]:
    """A bank nothing has been told of yet."""
    bank = Bank(sqlite_database)
    bank.open()
    yield bank
    bank.close()


@pytest.fixture
def bank(empty_bank: Bank) -> Bank:
    """1001/atm-1 has an empty cassette since ten minutes, 1001/atm-2 says hostile things, the printer is well; of 1002
    nothing was ever heard."""
    long_ago = 10 * MINUTE
    bank = empty_bank
    bank.tell(
        bank.state(
            "1001/atm-1",
            ago=long_ago,
            parts={"cassette.2": "empty", "paper": "ok", "newPart": HOSTILE},
            numbers={"answer.time": 43.0},
            raw={HOSTILE: b"\x1b[01R" + "钞".encode("gbk")},
        ),
        bank.state("1001/atm-2", ago=long_ago, texts={"sysDescr": HOSTILE}, identity={"model": HOSTILE}),
        bank.state("1001/printer-1", ago=long_ago, parts={"cover": "closed"}, numbers={"pages": 812.0}),
        bank.hold("1001/atm-1", "1001/atm-2", "1001/printer-1", minutes=9, ago=SECOND),
    )
    return bank


@pytest.fixture
def used_bank(bank: Bank) -> Bank:
    """A program took the printer of 1001 a moment ago, two minutes after its last self-test."""
    failure = Failure("busy", "portInUse", "teller.exe holds COM3")
    bank.tell(
        bank.state("1001/printer-1", ago=2 * MINUTE, parts={"cover": "closed", "paper": "ok"}),
        bank.state("1001/printer-1", device="inUse", failure=failure),
    )
    return bank


@pytest.fixture
def console(bank: Bank, tmp_path: Path) -> Callable[..., ConsoleApp]:
    """`console(token)` is a console at this bank, signed in with the token."""

    def make(token: str | None = None, *, lang: str = "zh", **more: Any) -> ConsoleApp:
        settings = ConsoleSettings.model_validate({"server": bank.url, "lang": lang})
        return ConsoleApp(settings, token=token, **more)

    return make


Until = Callable[[Pilot[Any], Callable[[], object]], Awaitable[None]]


@pytest.fixture
def until() -> Until:
    """`await until(pilot, lambda: ...)`: wait for something to be seen, 90 s at most, and for what comes with it.

    What a screen says of its rows is a message behind them: whoever looks at both wants that one handled too.
    """

    async def wait(pilot: Pilot[Any], true: Callable[[], object]) -> None:
        deadline = time.monotonic() + 90
        while True:
            await pilot.pause(0.02)
            try:
                if true():
                    for _bubble in range(3):  # from a widget in a box to its screen
                        await pilot.pause(0)
                    return
            except LookupError:  # a screen that is not drawn yet
                pass
            assert time.monotonic() < deadline, f"never seen; on the screen: {seen(pilot.app.screen)}"

    return wait


def seen(screen: Screen[Any]) -> str:
    """Everything on the screen as text."""
    return "\n".join(strip.text.rstrip() for strip in screen._compositor.render_strips())


@pytest.fixture
def text() -> Callable[[Pilot[Any]], str]:
    """`text(pilot)` is what the person sees."""
    return lambda pilot: seen(pilot.app.screen)


Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def run(bank: Any, tmp_path: Path) -> Run:
    """`run("devices", "--json", token=...)` as a person types it."""

    def command(
        *words: str, token: str = "", stdin: bytes = b"", server: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BRANCHFLEET_")},
            "BRANCHFLEET_CONFIG": str(tmp_path / "config"),
            "BRANCHFLEET_SERVER": server or bank.url,
            "PYTHONIOENCODING": "utf-8",
        }
        if token:
            environment["BRANCHFLEET_TOKEN"] = token
        return subprocess.run(
            [sys.executable, "-m", "tui", *words],
            input=stdin,
            capture_output=True,
            env=environment,
            timeout=60,
            check=False,
        )

    return command
