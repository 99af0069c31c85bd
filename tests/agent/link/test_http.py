"""Connections to the server: kept for a while, and never one that was broken off."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any

import pytest

from agent.link import http
from agent.link.http import Connections, HttpError
from agent.link.trust import unproven

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


class Server:
    """Answers the questions of each connection as its script says; with None it hangs up instead of answering."""

    def __init__(self, *scripts: list[bytes | None]) -> None:
        self._scripts = list(scripts)
        self.heard: list[int] = []  # the number of the connection each question came by
        self.hung_up = asyncio.Event()
        self.serving: list[asyncio.Task[None] | None] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.append(asyncio.current_task())
        try:
            await self._serve(len(set(self.heard)), self._scripts.pop(0), reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the agent hung up
        finally:
            writer.close()
            self.hung_up.set()

    async def _serve(
        self, number: int, script: list[bytes | None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for answer in script:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"content-length: 3" in head.lower():
                await reader.readexactly(3)
            self.heard.append(number)
            if answer is None:
                return
            writer.write(answer)
            await writer.drain()
        await reader.read()


@asynccontextmanager
async def asking(server: Server) -> AsyncIterator[Connections]:
    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    async with listening:
        connections = Connections(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", unproven())
        yield connections
        await connections.close()
        await asyncio.gather(*filter(None, server.serving))


async def ask(connections: Connections, content: bytes = b"", limit: int = 100) -> bytes:
    return (await connections("POST" if content else "GET", "/x", {}, content, limit)).body


async def test_a_connection_is_kept_for_the_next_question() -> None:
    server = Server([GOOD, GOOD])
    async with asking(server) as connections:
        assert await ask(connections) == await ask(connections, b"abc")
    assert server.heard == [0, 0]


async def test_one_that_rested_too_long_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line may have gone without a word; and servers end connections that rest."""
    monkeypatch.setattr(http, "REST_SECONDS", 0.0)
    server = Server([GOOD], [GOOD])
    async with asking(server) as connections:
        await ask(connections)
        await ask(connections)
    assert server.heard == [0, 1]


async def test_a_connection_that_nobody_waits_for_any_more_is_closed_however_far_it_came() -> None:
    """What is left open is told of when it is collected, and a warning is a failure here."""
    script: list[bytes | None] = [GOOD]
    server = Server(*[script] * 60)
    async with asyncio.timeout(60), asking(server) as connections:
        for turns in range(60):
            opens = asyncio.create_task(connections.opens())
            for _ in range(turns % 12):
                await asyncio.sleep(0)
            opens.cancel()
            with suppress(asyncio.CancelledError):
                await opens
        gc.collect()


async def test_a_question_a_kept_connection_lost_is_asked_again_on_a_new_one() -> None:
    server = Server([GOOD, None], [GOOD])
    async with asking(server) as connections:
        await ask(connections)
        assert await ask(connections) == GOOD[-2:]
    assert server.heard == [0, 0, 1]


async def test_a_question_a_new_connection_lost_is_not() -> None:
    server = Server([None])
    async with asking(server) as connections:
        with pytest.raises(HttpError, match="hung up"):
            await ask(connections)
    assert server.heard == [0]


async def test_after_half_an_answer_the_rest_of_it_is_nobodys() -> None:
    server = Server([HEAD], [GOOD])
    async with asking(server) as connections:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await ask(connections)
        await server.hung_up.wait()  # the agent did
        assert await ask(connections) == GOOD[-2:]
    assert server.heard == [0, 1]


async def test_what_comes_behind_an_answer_is_not_taken_for_the_next_ones() -> None:
    server = Server([GOOD + GOOD.replace(b"ok", b"no")], [GOOD])
    async with asking(server) as connections:
        assert await ask(connections) == await ask(connections) == GOOD[-2:]
    assert server.heard == [0, 1]


@pytest.mark.parametrize("said", ["bfa_\r\nX-Admin: 1", "bfa_\x00", "令牌"])
async def test_a_header_that_http_cannot_say_is_a_sentence_that_does_not_repeat_it(said: str) -> None:
    async with asking(Server()) as connections:
        with pytest.raises(HttpError) as refused:
            await connections("GET", "/x", {"Authorization": said}, b"", 100)
    assert said not in str(refused.value)


@pytest.mark.parametrize("host", ["a..b", "x" * 64, "中..心", "a%00b"])
async def test_a_name_that_no_resolver_can_be_asked_for_is_one_that_nobody_knows(host: str) -> None:
    connections = Connections(f"https://{host.replace('%00', chr(0))}:8088", unproven())
    with pytest.raises(socket.gaierror):
        await ask(connections)
    with pytest.raises(socket.gaierror):
        await connections.opens()


async def test_two_questions_at_once_do_not_share_a_connection() -> None:
    server = Server([GOOD], [GOOD])
    async with asking(server) as connections:
        assert list(await asyncio.gather(ask(connections), ask(connections))) == [GOOD[-2:]] * 2


async def test_the_path_of_a_server_behind_another_and_its_name_are_said() -> None:
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(GOOD)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        connections = Connections(f"http://localhost:{port}/watch/", unproven())
        await ask(connections)
        await connections.close()
    assert heard[0].startswith(b"GET /watch/x HTTP/1.1\r\n")
    assert f"\r\nhost: localhost:{port}\r\n".encode() in heard[0].lower()


async def test_who_says_nothing_for_a_while_is_gone_but_a_large_question_takes_its_time_to_go_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "SILENCE_SECONDS", 0.0)
    monkeypatch.setattr(http, "SLOWEST", 0.001)
    server = Server([GOOD], [GOOD])
    async with asking(server) as connections:
        with pytest.raises(TimeoutError):
            await ask(connections)
        assert await ask(connections, b"abc") == GOOD[-2:]


async def test_a_server_that_lets_connect_and_takes_longer_is_given_longer_until_it_has_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "SILENCE_SECONDS", 0.01)
    monkeypatch.setattr(http, "SLOW_SECONDS", 0.03)
    given: list[float] = []

    async def patient(self: Any, request: Any, content: bytes, limit: int, silence: float, held: float) -> Any:
        given.append(silence)
        return await real(self, request, content, limit, silence if len(given) < 4 else 3600.0)

    real = http._Connection.ask
    monkeypatch.setattr(http._Connection, "ask", patient)
    silent: list[bytes | None] = [b""]
    async with asking(Server(silent, silent, silent, [GOOD, GOOD])) as connections:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await ask(connections)
        await ask(connections)
        await ask(connections)
    assert given == [0.01, 0.02, 0.03, 0.03, 0.01]


async def test_an_answer_may_be_held_and_a_line_that_stays_silent_beyond_that_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "SILENCE_SECONDS", 0.02)
    there_is_something = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await there_is_something.wait()
        writer.write(GOOD)
        writer.close()

    listening = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        patient, hasty, half = (Connections(url, unproven(), held) for held in (3600.0, 0.0, 0.02))
        asked = asyncio.create_task(ask(patient))
        for gives_up in (hasty, half):
            with pytest.raises(TimeoutError):
                await ask(gives_up)
        assert not asked.done()
        there_is_something.set()
        assert await asked == GOOD[-2:]
        for connections in (patient, hasty, half):
            await connections.close()


async def test_a_line_where_nothing_goes_either_way_is_probed() -> None:
    """Firewalls forget a connection that rests, and a half-open one is found before the answer would be late."""
    server = Server([GOOD])
    async with asking(server) as connections:
        await ask(connections)
        connected = connections._resting[0]._writer.get_extra_info("socket")
        assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == http.PROBE_SECONDS


@asynccontextmanager
async def half_open() -> AsyncIterator[int]:
    """A port that takes connections and everything that comes over them, and answers nothing."""
    gone = asyncio.Event()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    listening = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
        gone.set()


async def test_a_line_that_takes_connections_and_answers_no_handshake_is_given_up_before_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "CONNECT_SECONDS", 3600.0)
    monkeypatch.setattr(http, "TLS_SECONDS", 0.05)
    async with half_open() as port:
        connections = Connections(f"https://127.0.0.1:{port}", unproven())
        with pytest.raises(TimeoutError):
            await connections.opens()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux lets a program say it")
async def test_a_connection_over_which_nothing_is_acknowledged_does_not_last() -> None:
    async with asking(Server([])) as connections:
        await connections.opens()
        (connection,) = connections._resting
        kept = connection._writer.get_extra_info("socket")
        assert kept.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == http.UNHEARD_SECONDS * 1000


@contextmanager
def dead_address(family: socket.AddressFamily, host: str) -> Iterator[int]:
    """A port of which SYNs are lost: so many connections wait to be accepted there that Linux drops the next."""
    with socket.socket(family) as listening, ExitStack() as waiting:
        listening.bind((host, 0))
        listening.listen(0)
        for _ in range(8):
            one = waiting.enter_context(socket.socket(family))
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux drops what finds no room")
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.2"), (socket.AF_INET6, "::1")])
async def test_of_a_name_with_a_dead_address_the_other_is_asked(
    family: socket.AddressFamily, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "CONNECT_SECONDS", 3600.0)

    async def found(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
        kind = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(family, *kind, (host, dead)), (socket.AF_INET, *kind, ("127.0.0.1", alive))]

    with dead_address(family, host) as dead:
        async with asking(Server([GOOD])) as connections:
            alive = connections._port
            connections._host = "centre.example"
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)
            assert await ask(connections) == GOOD[-2:]
