"""A server under test: the real application on a real database, a small bank, and people who are signed in."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlmodel import select

from server.accounts.passwords import Passwords
from server.accounts.tables import Person, Scope, SignIn
from server.accounts.tokens import AGENT, PERSON, hash_token, new_token
from server.agents.tables import AgentToken
from server.app import create_app
from server.clock import SetClock
from server.http.patience import patient_protocol
from server.inventory.tables import (
    Agent,
    Branch,
    DeviceClass,
    Line,
    Observer,
    Position,
    Setting,
    Subject,
    SubjectKind,
)
from server.schemas.people import Role
from server.settings import Settings
from server.storage.database import Database
from server.storage.types import FOREVER

HOUR = 3_600_000_000
PASSWORD = "correct-horse-9"
# folders of tests in which all that follows runs
FOLLOWED = {"checks", "campaigns", "media", "registers", "licences", "network", "facts", "running", "retention"}


@pytest.fixture(scope="session")
def cheap_passwords() -> Passwords:
    return Passwords(memory=32)


@pytest.fixture
def settings() -> Settings:
    return Settings(password_memory=32)


@pytest.fixture
def idle(request: pytest.FixtureRequest) -> frozenset[str]:
    """What follows and is not started: a test of agents has no use for verdicts, and thousands start a server."""
    return frozenset() if set(request.path.parts) & FOLLOWED else frozenset({"verdicts", "campaigns", "media"})


@pytest.fixture
def app(database: Database, settings: Settings, now: SetClock, idle: frozenset[str]) -> FastAPI:
    app = create_app(database, settings, now)
    for name in idle:
        app.state.branchfleet.followers[name].start = lambda: None
    return app


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """Nobody signed in; the server's lifespan runs."""
    with TestClient(app, headers={"Accept-Language": "en"}) as client:
        yield client


@pytest.fixture
def bank(database: Database) -> dict[str, int]:
    """A small bank, and the ids of its subjects by key.

    0001 总行, below it 1001 with sub-branch 100101, and 1002. Agents: centre (at 0001) and 1001-pc (at 1001).
    1001/atm-1 is polled by both, 1001/printer-1 by 1001-pc, 1002/atm-1 and 1001/line/main by centre, and
    100101/pos-1 by nobody.
    """
    return _bank(database)


@pytest.fixture
def sqlite_bank(sqlite_database: Database) -> dict[str, int]:
    """The same bank in `sqlite_database`."""
    return _bank(sqlite_database)


def _bank(database: Database) -> dict[str, int]:
    minute = 60_000_000
    ids: dict[str, int] = {}
    subjects: list[Subject] = []
    rest: list[Branch | Agent | Line | Position] = []

    def subject(kind: SubjectKind, key: str, name: str, branch: str) -> int:
        own = ids[key] = 1 + len(ids)
        subjects.append(Subject(id=own, kind=kind, key=key, name=name, branch_id=ids[branch]))
        return own

    for code, name, kind, parent in (
        ("0001", "总行", "head-office", None),
        ("1001", "城关支行", "branch", "0001"),
        ("100101", "东门分理处", "sub-branch", "1001"),
        ("1002", "河西支行", "branch", "0001"),
    ):
        own = subject(SubjectKind.BRANCH, code, name, code)
        rest.append(Branch(id=own, kind=kind, parent_id=ids[parent] if parent else None))
    for key, name, branch in (("centre", "总行采集", "0001"), ("1001-pc", "城关采集", "1001")):
        rest.append(Agent(id=subject(SubjectKind.AGENT, key, name, branch)))
    line = subject(SubjectKind.LINE, "1001/line/main", "主线路", "1001")
    rest.append(Line(id=line, role="main", probe="192.0.2.1:443", interval_us=minute))
    for key, cls, driver in (
        ("1001/atm-1", "atm", "snmp"),
        ("1001/printer-1", "printer", "passbook"),
        ("1002/atm-1", "atm", "snmp"),
        ("100101/pos-1", "atm", None),
    ):
        own = subject(SubjectKind.POSITION, key, key.upper(), key.partition("/")[0])
        rest.append(Position(id=own, cls=cls, driver=driver, address="192.0.2.9", interval_us=5 * minute))
    with database.write() as session:
        session.add(Setting(key="bank.name", value="青禾农商银行"))
        session.add(DeviceClass(key="atm", name="自动柜员机", counted=True, interval_us=5 * minute))
        session.add(DeviceClass(key="printer", name="存折打印机", counted=False, interval_us=5 * minute))
        session.add_all(subjects)
        session.flush()
        session.add_all(rest)
        session.flush()
        for key, agent in (
            ("1001/atm-1", "centre"),
            ("1001/atm-1", "1001-pc"),
            ("1001/printer-1", "1001-pc"),
            ("1002/atm-1", "centre"),
            ("1001/line/main", "centre"),
        ):
            session.add(Observer(subject_id=ids[key], agent_id=ids[agent]))
        if not database.sqlite:  # the ids were said, so PostgreSQL does not know that they are taken
            session.connection().execute(text("SELECT setval('subject_id_seq', (SELECT max(id) FROM subject))"))
    return ids


@pytest.fixture
def sign_in(
    client: TestClient, database: Database, bank: dict[str, int], now: SetClock, cheap_passwords: Passwords
) -> Callable[..., TestClient]:
    """`sign_in(Role.BRANCH, ["1001"])` gives a client with that person's token; English unless `lang="zh"`."""

    def make(role: Role = Role.HEAD, branches: list[str] | None = None, *, lang: str = "en") -> TestClient:
        login = f"{role.value}-{'-'.join(branches or ['all'])}"
        token = new_token(PERSON)
        with database.write() as session:
            person = session.exec(select(Person).where(Person.login == login)).first()
            if person is None:
                person = Person(
                    login=login, name=login.title(), role=role, password_hash=cheap_passwords.hash(PASSWORD)
                )
                session.add(person)
                session.flush()
                for code in branches or []:
                    session.add(Scope(person_id=person.id or 0, branch_id=bank[code]))
            at = now()
            entry = SignIn(
                token_hash=hash_token(token), person_id=person.id or 0, created_at=at, expires_at=at + 12 * HOUR
            )
            session.add(entry)
        made = TestClient(client.app, headers={"Accept-Language": lang, "Authorization": f"Bearer {token}"})
        made.portal = client.portal  # one event loop for all clients of one server
        return made

    return make


@pytest.fixture
def agent_token(database: Database, bank: dict[str, int]) -> Callable[[str], str]:
    """`agent_token("centre")` gives that agent a token that lasts, as if it had enrolled and asked for one."""

    def make(key: str) -> str:
        token = new_token(AGENT)
        with database.write() as session:
            session.add(AgentToken(token_hash=hash_token(token), agent_id=bank[key], expires_at=FOREVER))
        return token

    return make


@pytest.fixture
def serving() -> Iterator[Callable[[FastAPI], str]]:
    """`serving(app)` answers on a port of this machine, as `branchfleet-server run` does, and gives its URL."""
    servers: list[tuple[uvicorn.Server, threading.Thread, socket.socket]] = []

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            state = getattr(self.config.app, "state", None)
            if state is not None:
                state.branchfleet.ticker.close()  # streams of screens would hold it up
                state.branchfleet.hub.close()
            await asyncio.sleep(0)  # lets them say their end
            await super().shutdown(sockets)

    def serve(app: FastAPI, protocol: Any = None, tls: ssl.SSLContext | None = None) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            app, log_level="critical", http=protocol or patient_protocol(), timeout_graceful_shutdown=5
        )
        config.load()
        config.ssl = tls
        server = Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        servers.append((server, thread, listener))
        return f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}"

    def end() -> None:
        while servers:
            server, thread, listener = servers.pop()
            server.should_exit = True
            thread.join()
            listener.close()

    serve.end = end  # type: ignore[attr-defined]
    yield serve
    end()
