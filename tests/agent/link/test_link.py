"""What an answer means, and what is none: hostile, half or foreign ones become a LinkError and nothing else."""

import asyncio
import errno
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.link.errors import (
    Away,
    Elsewhere,
    LinkError,
    NoSuchName,
    NotServing,
    NotTaken,
    OtherScheme,
    Rejected,
    Unable,
)
from agent.link.http import HttpError, HungUp
from agent.link.link import Line, Link, open_line
from agent.link.tokens import post
from agent.link.trust import unproven
from agent.wire import Ack, Assignment, Batch, ChallengeAsk, Clock, Token

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]
BATCH = Batch(version=1, stream="s", sent=Clock(1, 2, "b"), records=[])
ACK = msgspec.msgpack.encode(Ack(epoch="e", stream="s", received=[], server=1, assignment="a"))


@asynccontextmanager
async def answering(raw: bytes) -> AsyncIterator[str]:
    """A server that answers every request with these bytes and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1) != b"\x16":  # the first byte of TLS, which it does not speak
            await reader.readuntil(b"\r\n\r\n")
            writer.write(raw)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


class Given:
    """Tokens as an agent would get them: another each time one was dropped."""

    def __init__(self) -> None:
        self.number = 0

    async def current(self) -> str:
        return f"bfa_{self.number}"

    def drop(self, token: str) -> None:
        self.number += token == f"bfa_{self.number}"


@asynccontextmanager
async def linked(url: str) -> AsyncIterator[Link]:
    async with open_line(url, unproven()) as line:
        yield Link(line, Given())


def http(status: int, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def trouble(raw: bytes) -> LinkError:
    async with answering(raw) as url, linked(url) as link:
        with pytest.raises(LinkError) as raised:
            await link.send(BATCH)
    return raised.value


async def test_a_good_answer_is_an_ack() -> None:
    async with answering(http(200, ACK)) as url, linked(url) as link:
        assert (await link.send(BATCH)).epoch == "e"


@pytest.mark.parametrize(
    ("raw", "kind", "said"),
    [
        (b"", Away, "does not answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Away, "does not answer"),
        (http(200, ACK)[:-3], Away, "does not answer"),
        (http(500, b'{"detail": "a defect"}'), Unable, "answers 500"),
        (http(500), Elsewhere, "not a Branchfleet server (500)"),
        (http(501, b"<html>Unsupported method</html>"), Elsewhere, "not a Branchfleet server (501)"),
        (http(502), Unable, "502"),
        (http(504, b"<html>gateway</html>"), Unable, "504"),
        (http(503, b'{"detail": "starting"}'), Unable, "starting"),
        (http(429), Unable, "429"),
        (http(401, b'{"detail": "not known"}'), Rejected, "not known"),
        (http(403, b'{"detail": "revoked"}'), Rejected, "revoked"),
        (http(403), Rejected, "token is wrong"),
        (http(404), Elsewhere, "not a Branchfleet server"),
        (http(302, b"", "Location: http://login.example/"), Elsewhere, "not a Branchfleet server"),
        (http(200, b"<html>login</html>"), Elsewhere, "not a Branchfleet server"),
        (http(200, b""), Elsewhere, "not a Branchfleet server"),
        (http(413), NotTaken, "413"),
        (http(422, b'{"detail": "the version"}'), NotTaken, "the version"),
    ],
)
async def test_what_is_no_ack_is_a_sentence_of_its_kind(raw: bytes, kind: type[LinkError], said: str) -> None:
    error = await trouble(raw)
    assert type(error) is kind
    assert said in error.sentence


@pytest.mark.parametrize("status", [401, 413, 503])
async def test_a_chinese_sentence_holds_no_english_one(status: int) -> None:
    """A running agent asks in English, for its log; doctor shows what it heard to a teller."""
    english = await trouble(http(status, b'{"detail": "Its disk is full"}'))
    chinese = await trouble(http(status, '{"detail": "磁盘已满"}'.encode()))
    assert "disk" in english.sentence
    assert "disk" not in english.zh
    assert "磁盘已满" in chinese.zh


@pytest.mark.parametrize("token", ["", "bfa_1\n", "bfa_1\r\nX: 1", "bfa 1", "令牌"])
async def test_a_token_that_no_header_can_say_is_not_of_a_branchfleet_server(token: str) -> None:
    body = msgspec.msgpack.encode(Token(token=token, seconds=3600, rotate=False, forked_at=0, server=0))
    async with answering(http(200, body)) as url, open_line(url, unproven()) as line:
        with pytest.raises(Elsewhere):
            await post(line, "/api/agent/token", ChallengeAsk(b""), Token)


async def test_only_the_server_itself_can_judge_a_batch() -> None:
    proxy, server = await trouble(http(413, b"<html>too large")), await trouble(http(413, b'{"detail": "too large"}'))
    assert isinstance(proxy, NotTaken)
    assert isinstance(server, NotTaken)
    assert (proxy.judged, server.judged) == (False, True)


async def test_retry_after_is_believed_within_reason() -> None:
    waits = []
    for said in ("7", "99999999", "Wed, 21 Oct 2015 07:28:00 GMT", "-1", "٣"):
        error = await trouble(http(503, b"", f"Retry-After: {said}"))
        assert isinstance(error, Away)
        waits.append(error.wait)
    assert waits == [7.0, 300.0, 0.0, 0.0, 0.0]


async def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.link.link.ANSWER_LIMIT", 1000)
    error = await trouble(http(200, b"x" * 5000))
    assert "longer than any" in error.sentence


async def test_a_server_that_takes_the_question_and_never_answers_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.link.http.SILENCE_SECONDS", 0.2)
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with linked(url) as link:
            with pytest.raises(Away, match="no answer in time"):
                await link.assignment()
        gone.set()


async def test_the_assignment_is_asked_with_the_token() -> None:
    asked: list[bytes] = []
    body = msgspec.msgpack.encode(Assignment(agent="a", revision="r", polled=[]))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(http(200, body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with linked(url) as link:
            assert (await link.assignment()).revision == "r"
    assert b"GET /api/agent/assignment " in asked[0]
    assert b"authorization: bearer bfa_0" in asked[0].lower()
    assert b"accept: application/msgpack" in asked[0].lower()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.builds(http, st.integers(200, 599), st.binary(max_size=60)))
def test_no_answer_raises_anything_but_a_link_error(raw: bytes) -> None:
    async def ask() -> None:
        async with answering(raw) as url, linked(url) as link:
            try:
                await link.send(BATCH)
            except LinkError as error:
                assert error.sentence.endswith((".", ")"))  # noqa: PT017

    asyncio.run(ask())


async def test_a_server_that_speaks_no_tls_is_told_from_one_that_is_away() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(http(400))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server, open_line(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", unproven()) as line:
        with pytest.raises(OtherScheme, match="speaks no TLS"):
            await line.ask("GET", "/", Ack)


async def test_a_port_where_nobody_listens_and_a_name_nobody_knows_have_kinds_of_their_own() -> None:
    async with answering(b"") as url:
        gone = url
    for server, kind in ((gone, NotServing), ("https://nosuch.invalid:8088", NoSuchName)):
        async with open_line(server, unproven()) as line:
            with pytest.raises(kind) as caught:
                await line.ask("GET", "/", Ack)
        assert server in caught.value.sentence
        assert server in caught.value.zh


async def test_a_server_that_goes_in_several_ways_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with answering(http(503)) as url, linked(url) as link:
        with pytest.raises(Away):
            await link.send(BATCH)
        gone = link
    async with linked(url) as away:
        away._said = gone._said
        with pytest.raises(NotServing):
            await away.send(BATCH)
    assert len([record for record in caplog.records if record.name == "agent.link.link"]) == 1


def _certificate_error(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "unable to get local issuer certificate"
    return error


class _Fails:
    """An `Asks` that never has an answer."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def __call__(self, *_: Any, **__: Any) -> Any:
        raise self._error

    async def opens(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EHOSTUNREACH, "Connect call failed ('192.0.2.77', 8088)"), "到不了这台机器"),
        (OSError(errno.ENETUNREACH, "Connect call failed ('192.0.2.77', 8088)"), "网络不通"),
        (ConnectionResetError(), "连接被对方中断"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "连接被对方中断"),
        (OSError(errno.ETIMEDOUT, "timed out"), "规定时间内没有应答"),
        (TimeoutError(), "规定时间内没有应答"),
        (HungUp("no answer"), "连接被对方中断"),
        (HttpError("half an answer"), "应答不完整"),
        (_certificate_error(20), "签发它的 CA 不是本机登记的"),
        (_certificate_error(18), "证书是自己签发的"),
        (_certificate_error(10), "证书已到期"),
        (_certificate_error(62), "证书上没有这个地址"),
        (_certificate_error(77), "代码 77"),
    ],
)
async def test_why_there_is_no_answer_is_chinese_in_the_chinese_sentence(error: Exception, said: str) -> None:
    with pytest.raises(LinkError) as raised:
        await Line(_Fails(error), "https://10.66.0.10:8088").ask("GET", "/", Ack)
    assert said in raised.value.zh
    left = raised.value.zh.replace("https://10.66.0.10:8088", "").replace("CA", "")
    assert not re.search("[A-Za-z]", left)
