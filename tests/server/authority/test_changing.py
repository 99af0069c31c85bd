"""A bank's CA is changed for the next: agents that were on meanwhile go on, over real TLS, and none is cut off."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from fastapi import FastAPI

from agent.clock import system_clocks
from agent.link.enroll import enroll
from agent.link.errors import Elsewhere
from agent.link.identity import load_identity
from agent.link.link import Link, open_line
from agent.link.tokens import Tokens
from agent.link.trust import Trust
from server.agents import deeds
from server.agents.queries import strangers_to
from server.app import create_app
from server.authority import changing
from server.authority.certificates import pem, prints
from server.authority.context import Tls
from server.authority.files import CertificateError
from server.authority.local import Local
from server.clock import SetClock, utc_now
from server.journal.deeds import Act
from server.storage.database import Database

KEY = bytes(range(32))
Serving = Callable[..., str]


class Bank:
    """A server behind TLS with its own CA."""

    def __init__(self, folder: Path, database: Database, settings: Any, serving: Serving) -> None:
        self.home, self.database = folder, database
        self.tls = Tls(Local(folder, lambda: {"127.0.0.1"}, utc_now, make=True))
        app: FastAPI = create_app(database, settings, utc_now, KEY, lambda: self.tls.trusted)
        self.url = serving(app, tls=self.tls.context)

    def code(self) -> str:
        with self.database.write() as session:
            return str(deeds.make_code(session, Act("os:head", "cli", utc_now()), KEY, "1001", "1001-pc", 1)[0])

    def does(self, step: str) -> None:
        folder = self.home / "tls"
        changing.begin(folder, utc_now) if step == "next" else getattr(changing, step)(folder)
        self.tls.look()

    def late(self) -> list[str]:
        """Who does not know the newest CA."""
        newest = x509.load_pem_x509_certificates(self.tls.trusted.encode())[-1]
        with self.database.read() as session:
            return strangers_to(session, prints(pem(newest).decode())[0])


@pytest.fixture
def served(tmp_path: Path, database: Database, settings: Any, bank: Any, serving: Serving) -> Bank:
    folder = tmp_path / "server"
    folder.mkdir()
    return Bank(folder, database, settings, serving)


class Agent:
    """A running agent's way to the server: one connection pool and one trust for as long as it runs."""

    def __init__(self, url: str, home: Path) -> None:
        self.url, self.home = url, home
        self.between: Callable[[], None] = lambda: None

    async def asks(self, times: int = 1) -> None:
        """Started, it asks for a token and what to poll, so often; each with a connection and a token of its own."""
        trust = Trust(self.home)
        identity = load_identity(self.home)
        assert identity is not None

        async def no_stream() -> None: ...

        context = trust.context()
        tokens: Tokens | None = None
        for _ in range(times):
            async with open_line(self.url, context) as line:
                if tokens is None:
                    tokens = Tokens(line, self.home, identity, system_clocks(self.home), no_stream, trust)
                tokens._line = line
                tokens._token = ""
                assert (await Link(line, tokens).assignment()).agent == "1001-pc"
            self.between()


@pytest.fixture
async def agent(served: Bank, tmp_path: Path) -> Agent:
    await asyncio.to_thread(enroll, served.url, served.code(), tmp_path / "pc")
    return Agent(served.url, tmp_path / "pc")


def pinned(agent: Agent) -> int:
    return (agent.home / "ca.pem").read_text().count("BEGIN")


async def test_an_agent_that_runs_through_a_change_goes_on(served: Bank, agent: Agent) -> None:
    steps = iter(["next", "", "switch", "drop", "", ""])

    def between() -> None:
        if step := next(steps):
            served.does(step)

    agent.between = between
    await agent.asks(6)
    agent.between = lambda: None
    assert (agent.home / "ca.pem").read_text() == served.tls.trusted
    assert pinned(agent) == 1
    await agent.asks()


async def test_two_steps_at_once_cut_off_nobody_who_learned_the_next(served: Bank, agent: Agent) -> None:
    """The server looks every ten minutes: it may never have seen the step between."""
    served.does("next")
    await agent.asks(2)
    changing.switch(served.home / "tls")
    changing.drop(served.home / "tls")
    await agent.asks()  # by the certificate the server still shows
    served.tls.look()
    await agent.asks(2)
    assert (agent.home / "ca.pem").read_text() == served.tls.trusted
    assert pinned(agent) == 1


async def test_who_has_learned_the_next_ca_is_known_before_the_switch(served: Bank, agent: Agent) -> None:
    await agent.asks()
    served.does("next")
    assert served.late() == ["1001-pc"]
    await agent.asks(2)  # it learns by the first answer, and says so with the next question
    assert served.late() == []
    assert pinned(agent) == 2


async def test_an_agent_that_was_off_is_not_let_down_silently(served: Bank, agent: Agent) -> None:
    for step in ("next", "switch", "drop"):
        served.does(step)
    with pytest.raises(Elsewhere, match="cannot be trusted"):
        await agent.asks()
    assert pinned(agent) == 1


async def test_the_old_ca_is_believed_no_longer_by_an_agent_that_runs_on(served: Bank, agent: Agent) -> None:
    """OpenSSL forgets no CA of a context: the agent looks itself."""
    trust = Trust(agent.home)
    context = trust.context()
    other = Local(agent.home, lambda: {"127.0.0.1"}, utc_now, make=True)
    trust.learn(other.trusted().decode())
    with pytest.raises(Elsewhere, match="uses no longer"):
        async with open_line(served.url, context) as line:
            await line.ask("GET", "/api/authority", dict)


async def test_nothing_that_is_no_ca_is_pinned(served: Bank, agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    before = (agent.home / "ca.pem").read_bytes()
    trust = Trust(agent.home)
    trust.context()
    for said in (
        "",
        "half a certif",
        "é",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "x" * 70_000,
    ):
        trust.learn(said)
    assert (agent.home / "ca.pem").read_bytes() == before


def test_steps_out_of_their_order_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    with pytest.raises(CertificateError, match="there is no CA to change"):
        changing.begin(folder, utc_now)
    local = Local(tmp_path, lambda: {"127.0.0.1"}, SetClock(utc_now()), make=True)
    first = local.trusted()
    for step in (changing.switch, changing.drop):
        with pytest.raises(CertificateError):
            step(folder)
    changing.begin(folder, utc_now)
    with pytest.raises(CertificateError, match="under way"):
        changing.begin(folder, utc_now)
    changing.drop(folder)  # taken back
    assert local.trusted() == first
    changing.begin(folder, utc_now)
    changing.switch(folder)
    assert local.trusted() != first
    assert local.trusted().count(b"BEGIN") == 2
    with pytest.raises(CertificateError, match="under way"):
        changing.begin(folder, utc_now)


def test_the_command_says_who_would_be_left_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.cli import main
    from server.exit import Exit

    monkeypatch.setenv("BRANCHFLEET_LANG", "en")
    monkeypatch.setenv("BRANCHFLEET_PASSWORD_MEMORY", "32")
    home = tmp_path / "home"

    def says(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main([*words, "--home", str(home)])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out + told.err

    says("init")
    before = (home / "tls" / "ca.pem").read_bytes()
    assert says("ca", "--new")[0] == Exit.BAD_INPUT
    assert (home / "tls" / "ca.pem").read_bytes() == before
    code, told = says("ca", "--step", "next")
    assert (code, "agents to learn the next CA  0" in told, "trusted too" in told) == (Exit.DONE, True, True)
    monkeypatch.setattr("server.authority.command.strangers_to", lambda *_: ["1001-pc", "1002-pc"])
    code, told = says("ca", "--step", "switch")
    assert (code, "2 agents do not know the next CA yet, the first is 1001-pc" in told) == (Exit.REFUSED, True)
    assert says("ca", "--step", "switch", "--yes")[0] == Exit.DONE
    assert says("ca", "--step", "drop")[0] == Exit.DONE
    assert (home / "tls" / "ca.pem").read_bytes() != before
