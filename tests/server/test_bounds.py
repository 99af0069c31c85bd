"""What a client may cost: bodies and heads that never end, and bodies far too large. On real connections."""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from agent import duties
from agent.link import http
from agent.wire import BODY_LIMIT
from server.app import create_app
from server.clock import SetClock
from server.http import bodies
from server.http.bodies import BoundedBody
from server.http.patience import REST_SECONDS, patient_protocol, room_for
from server.loadtest import line as load
from server.settings import Settings
from server.storage.database import Database
from tui.line import KEPT

HEAD = b"POST /api/sign-in HTTP/1.1\r\nHost: x\r\nAccept-Language: en\r\nContent-Type: application/json\r\n"
Serve = Callable[..., str]


@pytest.fixture
def app(sqlite_database: Database, settings: Settings, now: SetClock) -> FastAPI:
    return create_app(sqlite_database, settings, now)


def connected(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").partition(":")
    made = socket.create_connection((host, int(port)), timeout=90)
    made.settimeout(90)
    return made


def answered(line: socket.socket) -> bytes:
    """Everything until the server closes."""
    said = b""
    while piece := line.recv(65536):
        said += piece
    return said


@pytest.mark.parametrize("megabytes", [2, 16, 31])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_far_too_large_is_told_so_and_not_reset(
    app: FastAPI, serving: Serve, megabytes: int, chunked: bool
) -> None:
    with connected(serving(app)) as line:
        piece = b"x" * (1 << 20)
        if chunked:
            line.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(megabytes):
                line.sendall(b"100000\r\n" + piece + b"\r\n")
            line.sendall(b"0\r\n\r\n")
        else:
            line.sendall(HEAD + f"Content-Length: {megabytes << 20}\r\n\r\n".encode())
            for _ in range(megabytes):
                line.sendall(piece)
        said = answered(line)
    assert said.startswith(b"HTTP/1.1 413 ")
    assert b"What was sent is too large." in said


def test_a_body_at_the_limit_is_read(app: FastAPI, serving: Serve) -> None:
    with connected(serving(app)) as line:
        line.sendall(HEAD + f"Connection: close\r\nContent-Length: {BODY_LIMIT}\r\n\r\n".encode() + b"x" * BODY_LIMIT)
        assert answered(line).startswith(b"HTTP/1.1 422 ")


def test_a_body_that_does_not_come_to_its_end_is_given_up(
    app: FastAPI, serving: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bound,) = [one for one in app.user_middleware if str(one.cls) == str(BoundedBody)]
    bound.kwargs["seconds"] = 0.5
    with connected(serving(app)) as line:
        line.sendall(HEAD + b"Content-Length: 1000\r\n\r\nabc")
        said = answered(line)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"did not come to its end in time" in said


async def test_a_body_that_comes_over_a_slow_line_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time there is at first is over at once: what came earns the rest."""
    monkeypatch.setattr(bodies, "SLOWEST", 0.001)
    pieces = [{"type": "http.request", "body": b"abc", "more_body": True}, {"type": "http.request", "body": b"def"}]
    read = bytearray()

    async def receive() -> Any:
        if read:
            await asyncio.sleep(0.001)
        return pieces.pop(0)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while len(read) < 6:
            read.extend((await receive())["body"])

    async def send(_: Any) -> None:
        """It answers nothing."""

    await BoundedBody(app, 0.0)({"type": "http", "headers": []}, receive, send)
    assert read == b"abcdef"


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: "])
@pytest.mark.parametrize("kind", ["h11", "httptools"])
def test_a_head_that_does_not_come_to_its_end_is_given_up(app: FastAPI, serving: Serve, sent: bytes, kind: str) -> None:
    if kind == "httptools":
        pytest.importorskip("httptools", reason="a faster parser: pip install 'branchfleet[fast]'")
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Base
    else:
        from uvicorn.protocols.http.h11_impl import H11Protocol as Base  # type: ignore[assignment]
    with connected(serving(app, patient_protocol(Base, 0.3))) as line:
        line.sendall(sent)
        assert not answered(line).startswith(b"HTTP/1.1 200")


def test_who_asks_again_lets_a_connection_go_before_the_server_does() -> None:
    assert (
        max(KEPT, http.REST_SECONDS, load.REST_SECONDS) < REST_SECONDS
    )  # or it would ask on one that is just being closed
    assert http.REST_SECONDS > duties.HOLD_SECONDS


def test_a_second_head_on_the_same_connection_is_waited_for_no_longer(app: FastAPI, serving: Serve) -> None:
    with connected(serving(app, patient_protocol(seconds=0.5))) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert line.recv(65536).startswith(b"HTTP/1.1 200")
        line.sendall(b"GET /hea")
        deadline = time.monotonic() + 90
        while True:  # drips must not keep it open
            try:
                line.sendall(b"l")
            except OSError:
                break
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_an_answer_that_takes_longer_than_a_head_may_is_given(serving: Serve) -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await asyncio.sleep(0.6)
            await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
            await send({"type": "http.response.body", "body": b"done"})

    with connected(serving(slow, patient_protocol(seconds=0.2))) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answered(line).endswith(b"done\r\n0\r\n\r\n")


def test_the_server_waits_longer_for_a_body_than_an_agent_gives_itself() -> None:
    for size in (1, 1000, BODY_LIMIT):
        assert http.SLOW_SECONDS + size / http.SLOWEST < bodies.BODY_SECONDS + size / bodies.SLOWEST


def test_there_are_never_more_connections_than_the_system_has_files() -> None:
    resource = pytest.importorskip("resource", reason="POSIX only")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert room_for(64) == 64
    room = room_for(50_000_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert room <= 50_000_000
    assert soft == resource.RLIM_INFINITY or room + 128 <= soft <= max(hard, soft)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
