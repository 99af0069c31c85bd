"""The agent's questions to the server over HTTP: one request, one answer, and what an answer that is none means."""

import asyncio
import logging
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import msgspec

from agent.http import Answer, Asks, Connections, HttpError, TooLong
from agent.tidy import tidy_text
from agent.wire import MEDIA_MSGPACK, Ack, Assignment, Batch, encode

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ANSWER_SECONDS = 30.0  # for a whole exchange
ANSWER_LIMIT = 64 << 20  # bytes; an assignment of 10,000 positions has about 4 MB
_ALWAYS = {"Accept": MEDIA_MSGPACK, "Accept-Language": "en"}  # as the rest of what the agent says
WAIT_AT_MOST = 300.0  # seconds a server's Retry-After is believed

T = TypeVar("T")

log = logging.getLogger(__name__)


class LinkError(Exception):
    """No answer that can be used; the message is a sentence.

    LinkError
    ├── Away         no server, a cut line, half an answer, 5xx: ask again after a while
    ├── Rejected     this agent is not let in (401, 403): only a person can help
    ├── Elsewhere    something answers that is not a Branchfleet server (404, a redirect, a login page)
    └── NotTaken     the server cannot take this batch (400, 413, 415, 422); `judged` if it said so itself
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Away(LinkError):
    def __init__(self, sentence: str, wait: float = 0.0) -> None:
        super().__init__(sentence)
        self.wait = wait  # seconds the server asked for


class Rejected(LinkError):
    def __init__(self, sentence: str, *, unknown: bool) -> None:
        super().__init__(sentence)
        self.unknown = unknown  # 401: not this token, or not this key; another may do


class Elsewhere(LinkError):
    pass


class NotTaken(LinkError):
    def __init__(self, sentence: str, *, judged: bool) -> None:
        super().__init__(sentence)
        self.judged = judged


class _Problem(msgspec.Struct):
    detail: str


class Line:
    """One server over HTTP: a question, and the one answer to it, or a LinkError."""

    def __init__(self, asks: Asks, server: str) -> None:
        self._asks = asks
        self.server = server

    async def ask(
        self, method: str, path: str, kind: type[T], *, content: bytes = b"", headers: dict[str, str] | None = None
    ) -> T:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._asks(method, path, _ALWAYS | (headers or {}), content, ANSWER_LIMIT)
        except TooLong:
            said = f"The answer of {self.server} is longer than any a Branchfleet server gives."
            raise Elsewhere(said) from None
        except (HttpError, TimeoutError, OSError) as error:
            unproven = _unproven(error)
            if unproven is not None:
                raise Elsewhere(f"What answers at {self.server} cannot be trusted: {unproven}.") from error
            raise Away(f"The server {self.server} does not answer: {_reason(error)}.") from error
        return _judge(self.server + path, answer, kind)


class Passes(Protocol):
    """Where tokens come from: `agent/tokens.py`."""

    async def current(self) -> str:
        """Raises LinkError."""

    def drop(self, token: str) -> None: ...


class Link:
    """One server and this agent's token. Logs once when the server goes and once when it is back."""

    def __init__(self, line: Line, passes: Passes, heard: Callable[[int], None] = lambda _: None) -> None:
        self._line = line
        self._passes = passes
        self._heard = heard  # told the server's time, UTC µs
        self.trouble: LinkError | None = None  # why the last question had no answer; None after one that had
        self.tell: Callable[[str], None] = lambda trouble: None  # after every question: "", or why there is no answer
        self._said: set[str] = set()  # what trouble the log told of since the last good answer

    async def send(self, batch: Batch) -> Ack:
        body = await asyncio.to_thread(lambda: zstd.compress(encode(batch)))
        headers = {"Content-Type": MEDIA_MSGPACK, "Content-Encoding": "zstd"}
        return await self._ask("POST", "/api/agent/records", Ack, content=body, headers=headers)

    async def assignment(self) -> Assignment:
        return await self._ask("GET", "/api/agent/assignment", Assignment)

    async def _ask(
        self, method: str, path: str, kind: type[T], *, content: bytes = b"", headers: dict[str, str] | None = None
    ) -> T:
        try:
            try:
                result = await self._with_token(method, path, kind, content, headers or {})
            except Rejected as error:
                if not error.unknown:
                    raise
                # Once more with another token; where there is to be none, asking for it says why
                result = await self._with_token(method, path, kind, content, headers or {})
        except LinkError as error:
            raise self._noted(error) from None
        if isinstance(result, Ack | Assignment):
            self._heard(result.server)
        self.trouble = None
        self.tell("")
        if self._said:
            log.info("The server %s answers again.", self._line.server)
            self._said.clear()
        return result

    async def _with_token(self, method: str, path: str, kind: type[T], content: bytes, headers: dict[str, str]) -> T:
        token = await self._passes.current()
        try:
            said = {"Authorization": f"Bearer {token}", **headers}
            return await self._line.ask(method, path, kind, content=content, headers=said)
        except Rejected as error:
            if error.unknown:
                self._passes.drop(token)
            raise

    def _noted(self, error: LinkError) -> LinkError:
        trouble = error.sentence if isinstance(error, Rejected) else type(error).__name__
        if not isinstance(error, NotTaken):
            self.trouble = error
        self.tell(error.sentence)
        if trouble not in self._said and not isinstance(error, NotTaken):
            log.warning("%s Records are kept here meanwhile.", error.sentence)
            self._said.add(trouble)
        return error


@asynccontextmanager
async def open_line(server: str, context: ssl.SSLContext) -> AsyncIterator[Line]:
    """A line for as long as the block runs. `context` says whom to believe, where the address is https."""
    connections = Connections(server, context)
    try:
        yield Line(connections, server)
    finally:
        await connections.close()


def _judge(url: str, answer: Answer, kind: type[T]) -> T:
    status = answer.status
    if status == 200:
        try:
            return msgspec.msgpack.decode(answer.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Elsewhere(f"What answers at {url} is not a Branchfleet server.") from error
    said = _problem(answer.body)
    if status in (401, 403):
        sentence = f"The server does not let this agent in: {said or 'its token is wrong or was revoked'}."
        raise Rejected(sentence, unknown=status == 401)
    if status in (400, 413, 415, 422):
        raise NotTaken(f"The server cannot take a batch: {said or status}.", judged=bool(said))
    if status in (408, 425, 429) or status >= 500:
        raise Away(f"The server answers {status}{': ' + said if said else ''}.", _wait(answer))
    raise Elsewhere(f"What answers at {url} is not a Branchfleet server ({status}).")


def _problem(body: bytes) -> str:
    """The sentence of a Problem, or "" if it is none: then a proxy may have spoken, not the server."""
    try:
        return tidy_text(msgspec.json.decode(body, type=_Problem).detail, 300).rstrip("。.")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _wait(answer: Answer) -> float:
    said = answer.headers.get("retry-after", "")
    return min(float(said), WAIT_AT_MOST) if said.isascii() and said.isdigit() else 0.0


def _unproven(error: BaseException | None) -> str | None:
    """What is wrong with the certificate, if that is what went wrong."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            said = getattr(error, "verify_message", "") or error.strerror or str(error)
            return tidy_text(said, 300).rstrip(".")
        error = error.__cause__ or error.__context__
    return None


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return tidy_text(str(error), 200).rstrip(".") or type(error).__name__
