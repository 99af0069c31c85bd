"""The agent's questions to the server over HTTP: one request, one answer, and what an answer that is none means."""

import asyncio
import logging
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import httpx2
import msgspec

from agent.tidy import tidy_text
from agent.wire import MEDIA_MSGPACK, Ack, Assignment, Batch, encode

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ANSWER_SECONDS = 30.0  # for a whole exchange
CONNECT_SECONDS = 10.0
ANSWER_LIMIT = 64 << 20  # bytes; an assignment of 10,000 positions has about 4 MB
WAIT_AT_MOST = 300.0  # seconds a server's Retry-After is believed

OTHER_NUMBERS = "What waits goes out under other numbers, because a copy of this home may have used these."

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
    def __init__(self, sentence: str, *, unknown: bool, reason: str = "") -> None:
        super().__init__(sentence)
        self.unknown = unknown  # 401: not this token, or not this key; another may do
        self.reason = reason  # quarantine, waiting, revoked, replaced, removed, unknown: the server's word, or ""


class Elsewhere(LinkError):
    pass


class NotTaken(LinkError):
    def __init__(self, sentence: str, *, judged: bool) -> None:
        super().__init__(sentence)
        self.judged = judged


class _Problem(msgspec.Struct):
    detail: str = ""
    reason: str = ""


class Line:
    """One server over HTTP: a question, and the one answer to it, or a LinkError."""

    def __init__(self, client: httpx2.AsyncClient, server: str) -> None:
        self._client = client
        self.server = server

    async def ask(
        self, method: str, path: str, kind: type[T], *, content: bytes = b"", headers: dict[str, str] | None = None
    ) -> T:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                request = self._client.stream(method, path, content=content or None, headers=headers)
                async with request as response:
                    answer = await _read(response)
            return _judge(response, answer, kind)
        except (httpx2.HTTPError, httpx2.StreamError, TimeoutError, OSError) as error:
            unproven = _unproven(error)
            if unproven is not None:
                raise Elsewhere(f"What answers at {self.server} cannot be trusted: {unproven}.") from error
            raise Away(f"The server {self.server} does not answer: {_reason(error)}.") from error


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
        self._barred = False  # the server answered since then, and did not let this agent in
        self._said: set[str] = set()  # what trouble the log told of since the last good answer

    async def send(self, batch: Batch, still: Callable[[], bool] = lambda: True) -> Ack:
        """`still` says, once there is a token, whether the batch may go: what comes with a token may forbid it."""
        body = await asyncio.to_thread(lambda: zstd.compress(encode(batch)))
        headers = {"Content-Type": MEDIA_MSGPACK, "Content-Encoding": "zstd"}
        return await self._ask("POST", "/api/agent/records", Ack, content=body, headers=headers, still=still)

    async def assignment(self) -> Assignment:
        return await self._ask("GET", "/api/agent/assignment", Assignment)

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
        if isinstance(result, Ack | Assignment):
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
        trouble = error.sentence if isinstance(error, Rejected) else type(error).__name__
        self._barred = self._barred or isinstance(error, Rejected)
        if not isinstance(error, NotTaken):
            self.trouble = error
        if trouble not in self._said and not isinstance(error, NotTaken):
            log.warning("%s Records are kept here meanwhile.", error.sentence)
            self._said.add(trouble)
        return error


@asynccontextmanager
async def open_line(server: str, context: ssl.SSLContext) -> AsyncIterator[Line]:
    """A line for as long as the block runs. `context` says whom to believe, where the address is https."""
    client = httpx2.AsyncClient(
        base_url=server,
        headers={"Accept": MEDIA_MSGPACK, "Accept-Language": "en"},  # as the rest of what the agent says
        timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,  # a branch PC's browser proxy is not ours
        verify=context,
    )
    async with client:
        yield Line(client, server)


async def _read(response: httpx2.Response) -> bytes:
    answer = bytearray()
    async for chunk in response.aiter_bytes():
        answer += chunk
        if len(answer) > ANSWER_LIMIT:
            raise Elsewhere(f"The answer of {response.url.host} is longer than any a Branchfleet server gives.")
    return bytes(answer)


def _judge(response: httpx2.Response, answer: bytes, kind: type[T]) -> T:
    status = response.status_code
    if status == 200:
        try:
            return msgspec.msgpack.decode(answer, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Elsewhere(f"What answers at {response.url} is not a Branchfleet server.") from error
    problem = _problem(answer)
    said = tidy_text(problem.detail, 300).rstrip("。.")
    if status in (401, 403):
        sentence = f"The server does not let this agent in: {said or 'its token is wrong or was revoked'}."
        raise Rejected(sentence, unknown=status == 401, reason=problem.reason[:40])
    if status in (400, 413, 415, 422):
        raise NotTaken(f"The server cannot take a batch: {said or status}.", judged=bool(said))
    if status in (408, 425, 429) or status >= 500:
        raise Away(f"The server answers {status}{': ' + said if said else ''}.", _wait(response))
    raise Elsewhere(f"What answers at {response.url} is not a Branchfleet server ({status}).")


def _problem(answer: bytes) -> _Problem:
    """What a Problem says, or nothing if it is none: then a proxy may have spoken, not the server."""
    try:
        return msgspec.json.decode(answer, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Problem()


def _wait(response: httpx2.Response) -> float:
    said = response.headers.get("Retry-After", "")
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
    if isinstance(error, TimeoutError | httpx2.TimeoutException):
        return "no answer in time"
    return tidy_text(str(error), 200).rstrip(".") or type(error).__name__
