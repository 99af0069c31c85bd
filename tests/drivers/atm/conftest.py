"""ATMs that say whatever a test wants, over real websockets."""

import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Header = Mapping[str, Any]
Frames = Iterable[str | bytes]
Respond = Callable[[str, Header], Frames]
PATH = "/xfs4iot/v1.0"


class Say:
    """What a service says to the command with that header."""

    HANG_UP = b"hang up"

    @staticmethod
    def text(header: Header, payload: object = None) -> str:
        return msgspec.json.encode({"header": header, "payload": payload}).decode()

    @classmethod
    def acknowledge(cls, header: Header, **more: object) -> str:
        return cls.text({**cls._head(header), "type": "acknowledge", **more})

    @classmethod
    def complete(cls, header: Header, payload: object, code: str | None = "success") -> str:
        head = {**cls._head(header), "type": "completion"}
        return cls.text({**head, "completionCode": code} if code else head, payload)

    @classmethod
    def online(cls, header: Header, **more: object) -> list[str]:
        return [cls.acknowledge(header), cls.complete(header, {"common": {"device": "online"}, **more})]

    @classmethod
    def unsolicited(cls, name: str = "Common.StatusChangedEvent") -> str:
        return cls.text({"type": "unsolicited", "name": name, "version": "3.0"}, {})

    @staticmethod
    def _head(header: Header) -> dict[str, object]:
        return {"name": header["name"], "requestId": header["requestId"], "version": header["version"]}


@pytest.fixture
def say() -> type[Say]:
    return Say


class Scripted:
    """`respond(service, header)` gives the frames for a command to a service; the publisher names `services`."""

    def __init__(self, respond: Respond, services: Iterable[object]) -> None:
        self._respond = respond
        self._services = services
        self._server: Server | None = None
        self.address = ""
        self.links: dict[str, ServerConnection] = {}

    async def start(self) -> None:
        self._server = await serve(self._serve, "127.0.0.1", 0, max_size=None, ping_interval=None, close_timeout=0.2)
        self.address = f"127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, link: ServerConnection) -> None:
        service = link.request.path.removeprefix(PATH).lstrip("/") if link.request else ""
        self.links[service] = link
        with suppress(ConnectionClosed):
            async for frame in link:
                header = msgspec.json.decode(frame)["header"]
                for said in self._publish(header) if service == "" else self._respond(service, header):
                    if said == Say.HANG_UP:
                        link.transport.abort()
                    else:
                        await link.send(said)

    def _publish(self, header: Header) -> Frames:
        named = [
            {"serviceURI": f"ws://elsewhere.bank:{self.address.rpartition(':')[2]}{PATH}/{one}"}
            if isinstance(one, str)
            else one
            for one in self._services
        ]
        return [Say.acknowledge(header), Say.complete(header, {"vendorName": "Scripted", "services": named})]


Atm = Callable[..., Awaitable[Scripted]]


@pytest.fixture
async def atm() -> AsyncIterator[Atm]:
    """`await atm(respond, ["A", "B"])` -> an ATM with these services, started."""
    started: list[Scripted] = []

    async def begin(respond: Respond, services: Iterable[object] = ("A", "B")) -> Scripted:
        scripted = Scripted(respond, services)
        started.append(scripted)
        await scripted.start()
        return scripted

    yield begin
    for scripted in started:
        await scripted.close()


@pytest.fixture(scope="session")
def published() -> dict[str, dict[str, set[str]]]:
    """The words of the standard: {"later": {"cardReader.media": {...}}, "old": ...}."""
    text = (Path(__file__).parent / "published.toml").read_text(encoding="utf-8")
    return {
        generation: {place: set(words.split()) for place, words in places.items()}
        for generation, places in tomllib.loads(text).items()
    }
