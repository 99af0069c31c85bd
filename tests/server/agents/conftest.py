"""PCs with homes of their own that run the agent's real code against the real application, without a socket."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from agent.clock import Clocks
from agent.link.enroll import _enroll
from agent.link.identity import Identity, load_identity
from agent.link.link import Line, Link
from agent.link.tokens import Tokens
from agent.proof import Code, read_code
from agent.status import kept_out
from agent.wire import Assignment, Batch, Clock, Enrollment
from server.agents import deeds
from server.app import create_app
from server.clock import SetClock
from server.journal.deeds import Act
from server.schemas.agents import AgentOut
from server.storage.database import Database
from tests.in_process import InProcess

KEY = bytes(range(32))
SERVER = "http://server"


@pytest.fixture
def app(database: Database, settings: Any, now: SetClock) -> FastAPI:
    # no two challenges of a real server are of one moment
    return create_app(database, settings, lambda: now.forward(0.000001), KEY)


class NoLine(httpx2.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("the line is cut", request=request)


class Pc:
    """A PC: a folder, and an agent that runs in it or does not."""

    def __init__(self, home: Path, app: FastAPI, now: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.streams = 0  # begun anew because the server said so
        self.cut = False  # the line
        self._app = app
        self._now = now
        self._patch = monkeypatch
        self._tokens: Tokens | None = None
        self._link: Link | None = None
        self._line: Line | None = None
        home.mkdir(exist_ok=True)

    @property
    def identity(self) -> Identity:
        identity = load_identity(self.home)
        assert identity is not None
        return identity

    def clock(self) -> Clock:
        return Clock(wall=0, boot=self._now(), boot_id="boot")

    async def enroll(self, code: str | Code) -> Enrollment:
        """Raises Rejected or Trouble."""

        @asynccontextmanager
        async def open_line(server: str, *_: Any) -> AsyncIterator[Line]:
            async with self._client() as client:
                yield Line(InProcess(client), server)

        self._patch.setattr("agent.link.enroll.open_line", open_line)
        self._now.forward(1)
        return await _enroll(SERVER, read_code(str(code)), self.home)

    def start(self) -> None:
        """The agent begins, or begins again; what it had in memory is gone."""
        self._tokens = self._link = None

    async def asks(self) -> Assignment:
        """What the running agent is told to poll. Raises LinkError."""
        self._now.forward(1)
        async with self._client() as client:
            passes = self._passes(client)
            if self._link is None:
                self._link = Link(Line(InProcess(client), SERVER), passes)
            self._link._line = Line(InProcess(client), SERVER)
            return await self._link.assignment()

    def kept_out(self) -> str:
        """What the people of this PC are told of the last question."""
        return kept_out(self._link.trouble if self._link else None)

    async def sends(self, batch: Batch) -> Any:
        async with self._client() as client:
            return await Link(Line(InProcess(client), SERVER), self._passes(client)).send(batch)

    def _passes(self, client: httpx2.AsyncClient) -> Tokens:
        if self._tokens is None:
            clocks: Clocks = self.clock
            self._tokens = Tokens(Line(InProcess(client), SERVER), self.home, self.identity, clocks, self._begin_stream)
        self._tokens._line = Line(InProcess(client), SERVER)  # a connection of this moment
        return self._tokens

    async def _begin_stream(self) -> None:
        self.streams += 1

    def copied(self, home: Path) -> "Pc":
        """Another PC with a copy of this one's disk."""
        shutil.copytree(self.home, home)
        return Pc(home, self._app, self._now, self._patch)

    def _client(self) -> httpx2.AsyncClient:
        transport = NoLine() if self.cut else httpx2.ASGITransport(self._app)
        headers = {"Accept": "application/msgpack", "Accept-Language": "en"}
        return httpx2.AsyncClient(transport=transport, base_url=SERVER, headers=headers)


MakePc = Callable[[str], Pc]


@pytest.fixture
def pc(tmp_path: Path, app: FastAPI, now: SetClock, monkeypatch: pytest.MonkeyPatch) -> MakePc:
    """`pc("front-desk")`: a PC with an empty home."""
    return lambda name: Pc(tmp_path / name, app, now, monkeypatch)


class Head:
    """A person of head office at the server's command line."""

    def __init__(self, database: Database, now: SetClock) -> None:
        self._database = database
        self._now = now

    def code(self, agent: str = "1001-pc", *, branch: str = "1001", hours: int = 72) -> str:
        with self._database.write() as session:
            code, key, _ = deeds.make_code(session, self.act(), KEY, branch, agent, hours)
        assert key == agent
        return str(code)

    def does(self, step: str, agent: str = "1001-pc") -> None:
        with self._database.write() as session:
            getattr(deeds, step)(session, self.act(), agent)

    def act(self) -> Act:
        self._now.forward(1)
        return Act("os:head", "cli", self._now())

    def sees(self, agent: str = "1001-pc") -> AgentOut:
        from server.agents import queries
        from server.queries import Everything

        with self._database.read() as session:
            return queries.agent(session, Everything(), "zh", agent, self._now())


@pytest.fixture
def head(database: Database, now: SetClock, bank: dict[str, int]) -> Head:
    return Head(database, now)


@pytest.fixture
async def front(pc: MakePc, head: Head) -> Pc:
    """The branch's PC, enrolled, and its agent let in."""
    made = pc("front")
    await made.enroll(head.code())
    await made.asks()
    return made
