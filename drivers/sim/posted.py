"""A host that posts: when it begins, and whenever its state or its fault is set. Its address is where a driver listens.

State: reboot, antivirus, antivirus.age and `listens` as of `host/ssh`, and `trouble`, what a host or a stranger may do:

    unsigned  signs with another key        stranger  says it is another position     replay    posts the same twice
    old       uses a word of another agent  script    names a script nobody shipped   flood     says 2 MiB
    slow      a byte of its request, and another, until it is cut off                 http      says something else
"""

import asyncio
import itertools
import secrets
import time
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from drivers.host import script
from drivers.host.document import MARKERS, Document, written
from drivers.host.posted import PostedOptions
from drivers.sim.base import Fault, Showed, check_options, check_state, read_port
from drivers.sim.ssh import linux_facts

KEY = "a key of a simulated host"
TROUBLES = "none unsigned stranger replay old script flood slow http".split()  # noqa: SIM905
WORDS = {"reboot": ("none", "pending"), "antivirus": ("running", "stopped"), "trouble": TROUBLES}
HEALTHY = {"reboot": "none", "antivirus": "running", "antivirus.age": "1", "listens": "0", "trouble": "none"}
GARBAGE = b'\x1b[2J\xff\xfe$(reboot)=`id`\n{"a":' + b"[" * 300 + "\u202e存折\n".encode()
TRY_SECONDS = 0.05  # until somebody listens
SLOW_SECONDS = 0.1


class PostedSimulator:
    """`answers` has the status and sentence of each post; `await post()` makes one now."""

    def __init__(self, name: str, state: dict[str, str], key: str, port: int) -> None:
        self.name = name
        self.state = state
        self.garbage = GARBAGE
        self.showed: Showed | None = None
        self.answers: list[tuple[int, str]] = []
        self._key = key.encode()
        self._port = port
        self._fault = Fault.NONE
        self._set = asyncio.Event()
        self._posting: asyncio.Task[None] | None = None

    @property
    def fault(self) -> Fault:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        self._fault = fault
        self._set.set()

    async def start(self) -> str:
        if not self._port:
            free = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
            self._port = free.sockets[0].getsockname()[1]
            free.close()
            await free.wait_closed()
        self._posting = asyncio.create_task(self._run())
        return f"127.0.0.1:{self._port}"

    async def close(self) -> None:
        if self._posting is not None:
            self._posting.cancel()
            await asyncio.wait([self._posting])

    async def _run(self) -> None:
        while True:
            self._set.clear()
            told, fault = dict(self.state), self.fault
            try:
                if fault not in (Fault.SILENT, Fault.SLOW):
                    answer = await self.post()
                    if answer is not None and answer[0] == HTTPStatus.TOO_MANY_REQUESTS:
                        raise ConnectionError(answer[1])
            except OSError:
                await asyncio.sleep(TRY_SECONDS)
                continue
            if fault is Fault.NONE and self.showed is not None:
                self.showed(self.name, {key: told[key] for key in ("reboot", "antivirus")})
            await self._until_set(told)

    async def _until_set(self, told: dict[str, str]) -> None:
        while self.state == told:
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._set.wait()
                    return

    async def post(self) -> tuple[int, str] | None:
        """The answer to a post, or to the second of two. OSError where nobody listens, None where nobody answers."""
        if self.fault is Fault.HANG_UP:
            await self._say(b"")
            return None
        trouble = self.state["trouble"]
        if trouble == "slow":
            await self._slowly()
            return None
        if trouble == "http":
            return await self._ask(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
        nonce = secrets.token_hex(32) if trouble == "old" else await self._nonce()
        body = self._document(nonce, trouble)
        if self.fault is Fault.HALF:
            await self._say(_request(body)[: len(body) // 2])
            return None
        if trouble == "replay":
            await self._ask(_request(body))
        answer = await self._ask(_request(body))
        if answer is not None:
            self.answers.append(answer)
        return answer

    def _document(self, nonce: str, trouble: str) -> bytes:
        said = linux_facts(self.state, int(time.time()))
        if self.fault is Fault.GARBAGE:
            said = self.garbage
        if trouble == "flood":
            said = b"x" * (2 << 20)
        told = Document(
            position="1001/another" if trouble == "stranger" else self.name,
            at=time.time_ns() // 1000,
            nonce=nonce,
            script=script.FACTS,
            sha256="0" * 64 if trouble == "script" else script.SHA256[script.FACTS],
            said=b"%s\n%s%s\n" % (MARKERS.begin, said, MARKERS.end),
        )
        return written(told, b"another key altogether" if trouble == "unsigned" else self._key)

    async def _nonce(self) -> str:
        answer = await self._ask(b"GET /facts/nonce HTTP/1.0\r\n\r\n")
        if answer is None or answer[0] != 200:
            raise ConnectionError("no nonce")
        return answer[1]

    async def _slowly(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            for byte in itertools.cycle(b"a"):
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(SLOW_SECONDS)
                if reader.at_eof():
                    return
        except OSError:
            return  # it was cut off
        finally:
            writer.transport.abort()

    async def _say(self, request: bytes) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(request)
        writer.close()
        await writer.wait_closed()

    async def _ask(self, request: bytes) -> tuple[int, str] | None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            with suppress(OSError):  # it may answer before it took all
                writer.write(request)
                await writer.drain()
            try:
                heard = await reader.read()
            except OSError:
                heard = b""
            head, _, said = heard.partition(b"\r\n\r\n")
            return (int(head.split(b" ", 2)[1]), said.decode().strip()) if head else None
        finally:
            writer.transport.abort()


def _request(body: bytes) -> bytes:
    return b"POST /facts HTTP/1.1\r\nHost: agent\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def make(name: str, options: dict[str, object], state: dict[str, str], folder: Path) -> PostedSimulator:
    check_options("a simulated host", options, PostedOptions)
    check_state("a simulated host", state, {**WORDS, "antivirus.age": None, "listens": None})
    key = str(options.get("key", KEY))
    return PostedSimulator(name, {**HEALTHY, **state}, key, read_port(options))
