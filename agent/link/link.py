"""The agent's questions to the server over HTTP: one request, one answer, and what an answer that is none means."""

import asyncio
import logging
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from agent.causes import chinese, untrusted
from agent.link.errors import (
    Away,
    Elsewhere,
    Ended,
    LinkError,
    Misnamed,
    NoSuchName,
    NotServing,
    NotTaken,
    OtherScheme,
    Rejected,
    Unable,
    Untrusted,
)
from agent.link.http import Answer, Asks, Connections, HttpError, HungUp, TooLong
from agent.tidy import tidy_text
from agent.wire import BEHIND, MEDIA_MSGPACK, Ack, Assignment, Batch, Orders, encode

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ANSWER_SECONDS = 600.0  # for a whole exchange; every silence in it is bounded by `http.py`, and slow lines carry on
HANDSHAKE_SECONDS = 3.0  # to learn whether who hung up on plain HTTP speaks TLS
ANSWER_LIMIT = 64 << 20  # bytes; an assignment of 10,000 positions has about 4 MB
MANY = 20  # records beyond one batch that say that this agent was away
WAIT_AT_MOST = 300.0  # seconds a server's Retry-After is believed

OTHER_NUMBERS = "What waits goes out under other numbers: the server cannot tell whether these were used before."

T = TypeVar("T")

log = logging.getLogger(__name__)


class _Problem(msgspec.Struct):
    detail: str = ""
    reason: str = ""


class Line:
    """One server over HTTP: a question, and the one answer to it, or a LinkError."""

    def __init__(self, asks: Asks, server: str, lang: str = "en") -> None:
        self._asks = asks
        self._always = {"Accept": MEDIA_MSGPACK, "Accept-Language": lang}
        self.server = server
        self.behind = False  # much waits here: the server may serve others first

    async def ask(
        self, method: str, path: str, kind: type[T], *, content: bytes = b"", headers: dict[str, str] | None = None
    ) -> T:
        said = self._always | (headers or {}) | ({BEHIND: "1"} if self.behind else {})
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._asks(method, path, said, content, ANSWER_LIMIT)
        except TooLong:
            raise Elsewhere(
                f"The answer of {self.server} is longer than any a Branchfleet server gives.",
                f"{self.server} 的应答比本系统服务器的任何应答都长。",
            ) from None
        except (HttpError, TimeoutError, OSError) as error:
            raise await _why_none(self.server, error) from error
        return _judge(self.server + path, answer, kind)

    async def opens(self) -> bool:
        """Whether whoever is trusted takes a connection there now."""
        try:
            return await self._asks.opens()
        except (HttpError, TimeoutError, OSError):
            return False


class Passes(Protocol):
    """Where tokens come from: `agent/link/tokens.py`."""

    async def current(self) -> str:
        """Raises LinkError."""

    def drop(self, token: str) -> None: ...


class Link:
    """One server and this agent's token. Logs once when the server goes and once when it is back, unless it is `quiet`
    because another link does."""

    def __init__(
        self, line: Line, passes: Passes, heard: Callable[[int], None] = lambda _: None, *, quiet: bool = False
    ) -> None:
        self._line = line
        self._passes = passes
        self._heard = heard  # told the server's time, UTC µs
        self._quiet = quiet
        self.trouble: LinkError | None = None  # why the last question had no answer; None after one that had
        self.troubled: Callable[[], None] = lambda: None  # told when that was found
        self._barred = False  # the server answered since then, and did not let this agent in
        self._said: set[str] = set()  # what trouble the log told of since the last good answer

    async def send(self, batch: Batch, still: Callable[[], bool] = lambda: True) -> Ack:
        """`still` says, once there is a token, whether the batch may go: what comes with a token may forbid it."""
        body = await asyncio.to_thread(lambda: zstd.compress(encode(batch)))
        headers = {"Content-Type": MEDIA_MSGPACK, "Content-Encoding": "zstd"}
        return await self._ask("POST", "/api/agent/records", Ack, content=body, headers=headers, still=still)

    def behind(self, waiting: int) -> None:
        """How many records wait here beyond what is sent: many can wait a little longer."""
        self._line.behind = waiting > MANY

    async def opens(self) -> bool:
        """Whether it would be heard now. Tells nobody."""
        return await self._line.opens()

    async def assignment(self) -> Assignment:
        return await self._ask("GET", "/api/agent/assignment", Assignment)

    async def orders(self, have: list[str], wait: int, stream: str) -> Orders:
        """What is to be done beside what is here already; held back until there is something, `wait` s at most.

        `stream`: of the spool whose memory that is. What was handed to another, and is not here, it is not told again.
        """
        named = ",".join(quote(uid, safe="") for uid in have)
        return await self._ask("GET", f"/api/agent/orders?have={named}&wait={wait}&stream={quote(stream)}", Orders)

    async def _ask(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        content: bytes = b"",
        headers: dict[str, str] | None = None,
        still: Callable[[], bool] = lambda: True,
    ) -> T:
        try:
            try:
                result = await self._with_token(method, path, kind, content, headers or {}, still)
            except Rejected as error:
                if not error.unknown:
                    raise
                # Once more with another token; where there is to be none, asking for it says why
                result = await self._with_token(method, path, kind, content, headers or {}, still)
        except LinkError as error:
            raise self._noted(error) from None
        if isinstance(result, Ack | Assignment | Orders):
            self._heard(result.server)
        self.trouble = None
        if self._said:
            does = "lets this agent in" if self._barred else "answers"
            log.info("The server %s %s again.", self._line.server, does)
            self._said.clear()
            self._barred = False
        return result

    async def _with_token(
        self,
        method: str,
        path: str,
        kind: type[T],
        content: bytes,
        headers: dict[str, str],
        still: Callable[[], bool],
    ) -> T:
        token = await self._passes.current()
        if not still():
            raise Away(OTHER_NUMBERS)
        try:
            said = {"Authorization": f"Bearer {token}", **headers}
            return await self._line.ask(method, path, kind, content=content, headers=said)
        except Rejected as error:
            if error.unknown:
                self._passes.drop(token)
            raise

    def _noted(self, error: LinkError) -> LinkError:
        trouble = error.sentence if isinstance(error, Rejected) else _kind(error)
        self._barred = self._barred or isinstance(error, Rejected)
        if not isinstance(error, NotTaken):
            self.trouble = error
            self.troubled()
        if trouble not in self._said and not isinstance(error, NotTaken) and not self._quiet:
            log.warning("%s Records are kept here meanwhile.", error.sentence)
            self._said.add(trouble)
        return error


def _kind(error: LinkError) -> str:
    """A server that goes is silent first and refuses then: that is one trouble, and one line in the log."""
    return Away.__name__ if isinstance(error, Away) else type(error).__name__


@asynccontextmanager
async def open_line(
    server: str, context: ssl.SSLContext, lang: str = "en", *, held: float = 0.0
) -> AsyncIterator[Line]:
    """A line for as long as the block runs. `context` says whom to believe, where the address is https, `held` how many
    seconds the server may keep an answer back.

    `lang` is asked of the server for its own words: English, as the rest of what a running agent says.
    """
    connections = Connections(server, context, held)
    try:
        yield Line(connections, server, lang)
    finally:
        await connections.close()


def _judge(url: str, answer: Answer, kind: type[T]) -> T:
    status = answer.status
    foreign = f"What answers at {url} is not a Branchfleet server"
    foreign_zh = f"在 {url} 应答的不是本系统的服务器"
    if status == 200:
        try:
            return msgspec.msgpack.decode(answer.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Elsewhere(f"{foreign}.", f"{foreign_zh}。") from error
    problem = _problem(answer.body)
    said = tidy_text(problem.detail, 300).rstrip("。.")
    said_zh = "" if said.isascii() else said  # a running agent asks in English, for its log
    if status in (401, 403):
        raise Rejected(
            f"The server does not let this agent in: {said or 'its token is wrong or was revoked'}.",
            f"服务器不接受本机：{said_zh or '令牌不对，或已被吊销'}。",
            unknown=status == 401,
            reason=problem.reason[:40],
        )
    if status in (400, 413, 415, 422):
        raise NotTaken(
            f"The server cannot take a batch: {said or status}.",
            f"服务器不能接收：{said_zh or status}。",
            judged=bool(said),
        )
    if status in (408, 425, 429, *_BY_PROXIES) or (status >= 500 and problem != _Problem()):
        more, more_zh = f": {said}" if said else "", f"：{said_zh}" if said_zh else "，现在不能接收"
        raise Unable(f"The server answers {status}{more}.", f"服务器应答 {status}{more_zh}。", _wait(answer))
    raise Elsewhere(f"{foreign} ({status}).", f"{foreign_zh}（{status}）。")


_BY_PROXIES = (502, 503, 504)  # what a proxy before our server says when it is away


def _problem(body: bytes) -> _Problem:
    """What a Problem says, or nothing if it is none: then a proxy may have spoken, not the server."""
    try:
        return msgspec.json.decode(body, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Problem()


def _wait(answer: Answer) -> float:
    said = answer.headers.get("retry-after", "")
    return min(float(said), WAIT_AT_MOST) if said.isascii() and said.isdigit() else 0.0


async def _why_none(server: str, error: Exception) -> LinkError:
    """What it means that there was no answer, as exactly as it can be known: each kind has its own mending step."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _untrusted(server, cause)
    if any(isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS for cause in causes):
        return OtherScheme(
            f"What answers at {server} speaks no TLS; a server that does has an address that begins with https://.",
            f"在 {server} 应答的程序没有用 TLS：核对地址和端口。",
        )
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        name = urlsplit(server).hostname
        return NoSuchName(
            f"Nobody knows the name {name} of the server {server}.", f"查不到服务器 {server} 的名称 {name}。"
        )
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return NotServing(
            f"The server {server} does not answer: its machine is there, and no program listens at that port.",
            f"服务器 {server} 没有应答：这台机器在，但这个端口上没有程序在运行。",
        )
    if _hung_up(error) and await _speaks_tls(server):
        right = server.replace("http:", "https:", 1)
        return OtherScheme(
            f"The server speaks TLS and was asked without: say {right} instead of {server}.",
            f"服务器只接受加密连接（TLS）：地址要写成 {right}，不是 {server}。",
        )
    reason, zh = _reason(error), _reason_zh(error)
    return Away(f"The server {server} does not answer: {reason}.", f"服务器 {server} 没有应答：{zh}。")


# What OpenSSL says where the first bytes of an answer are no TLS; the name depends on its version.
_NO_TLS = ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL")
_NAME_MISMATCH = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of x509_vfy.h
_HAS_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED


def _untrusted(server: str, error: ssl.SSLCertVerificationError) -> Untrusted:
    code = getattr(error, "verify_code", 0)
    why = tidy_text(getattr(error, "verify_message", "") or error.strerror or str(error), 300).rstrip(".")
    said = f"What answers at {server} cannot be trusted: {why}."
    zh = untrusted(code)
    if code in _NAME_MISMATCH:
        return Misnamed(said, f"{server} 的证书上没有这个地址。")
    if code in (0, _HAS_EXPIRED):  # 0: our own check against the time that has passed at least
        return Ended(said, f"{server} 的证书已到期。")
    return Untrusted(said, f"在 {server} 应答的不是本机登记的那台服务器，它的证书不可信：{zh}。")


async def _speaks_tls(server: str) -> bool:
    """Whether whoever hung up on plain HTTP completes a handshake. Nothing is sent to it but that."""
    parts = urlsplit(server)
    if parts.scheme != "http":
        return False
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    nobody.check_hostname = False
    nobody.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 80, ssl=nobody)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _hung_up(error: Exception) -> bool:
    """Without a byte of an answer."""
    return isinstance(error, HungUp | ConnectionResetError | BrokenPipeError)


def _reason_zh(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "规定时间内没有应答"
    if isinstance(error, HungUp):
        return "连接被对方中断"
    return chinese(error) if isinstance(error, OSError) else "应答不完整，或不是这种服务的应答"


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return tidy_text(str(error), 200).rstrip(".") or type(error).__name__
