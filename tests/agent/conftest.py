"""What the agent's tests share: clocks that stand still until told, and records to put into a spool."""

import asyncio
import json
import shutil
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
import uvicorn

from agent.exit import Exit
from agent.run import Stop, run_agent
from agent.settings import Settings
from agent.spool.ranges import joined
from agent.spool.spool import Spool
from agent.wire import (
    BEHIND,
    Ack,
    AnyRecord,
    Assignment,
    Batch,
    Challenge,
    Clock,
    Entry,
    Event,
    EventName,
    Order,
    Orders,
    Polled,
    Refusal,
    Result,
    State,
    Token,
)
from tests.agent.enrolled import enrolled as enrolled_at

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NOON = 1_800_000_000_000_000  # UTC µs


class FakeClocks:
    """Both clocks of a machine; `forward` moves both, and setting `wall` is a person turning the wall clock."""

    def __init__(self) -> None:
        self.wall = NOON
        self.boot = 5_000_000
        self.boot_id = "boot-1"

    def __call__(self) -> Clock:
        return Clock(wall=self.wall, boot=self.boot, boot_id=self.boot_id)

    def forward(self, seconds: float) -> None:
        self.wall += int(seconds * 1_000_000)
        self.boot += int(seconds * 1_000_000)


@pytest.fixture
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that read what a command says in the words of the code."""
    monkeypatch.setenv("BRANCHFLEET_LANG", "en")
    monkeypatch.setattr("agent.texts._language", ContextVar("language", default="en"))


@pytest.fixture
def clocks() -> FakeClocks:
    return FakeClocks()


@pytest.fixture
def spool(tmp_path: Path, clocks: FakeClocks) -> Iterator[Spool]:
    opened = Spool(tmp_path / "spool.db", clocks)
    yield opened
    opened.close()


LampSays = Callable[..., Polled]


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the lamp's driver installed in it; on the path of this process, and good for a subprocess."""
    folder = tmp_path / "third-party"
    about = folder / "lamp-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lamp\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[branchfleet.drivers]\nlamp = lamp_driver:Lamp\nlamp_host = lamp_driver:Host\n"
    )
    shutil.copy(Path(__file__).with_name("lamp.py"), folder / "lamp_driver.py")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "lamp_driver", raising=False)  # of a test before
    return folder


@pytest.fixture
def lamp(tmp_path: Path, third_party: Path) -> LampSays:
    """`lamp("1001/lamp", device="online")` makes a lamp say so, and gives the position that polls it."""

    def say(
        position: str,
        *,
        interval: float = 0.2,
        options: dict[str, object] | None = None,
        driver: str = "lamp",
        **said: object,
    ) -> Polled:
        path = tmp_path / f"{position.replace('/', '-')}.json"
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(said), encoding="utf-8")
        fresh.replace(path)
        return Polled(
            position=position, name="灯", driver=driver, address=str(path), options=options or {}, interval=interval
        )

    return say


Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
def until() -> Until:
    """`await until(lambda: it is so)`: waits on a condition, and fails if it does not come true in time."""

    async def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 90
        while not condition():
            assert time.monotonic() < deadline, "it did not come true in 90 s"
            await asyncio.sleep(0.01)

    return wait


TOKEN = "bfa_test"


class Centre:
    """The least server there can be: keeps what agents send, and answers as it is told to.

    `mood` is taken once a request of records, the last one for ever: ok, away (503), half (an answer cut in the
    middle), deaf (kept, but the answer never comes), stranger (401), or a number: at most so many records, else 413.
    `poison` makes it refuse every batch with a state of that position; with `mended` until an empty batch came.
    """

    def __init__(self) -> None:
        self.epoch = "e1"
        self.streams: dict[str, dict[int, AnyRecord]] = {}
        self.first: dict[str, int] = {}  # of streams that go on from others: the first number of their own
        self.order: list[AnyRecord] = []
        self.batches: list[Batch] = []
        self.requests = 0
        self.gave_way: list[bool] = []  # by request of records: whether the agent said that it can wait
        self.mood: list[str | int] = ["ok"]
        self.poison = ""
        self.mended = False
        self.wait = 0.0  # seconds an agent that is behind is asked to wait
        self.foresight = True  # takes what is told ahead
        self.foreign = ""  # subject of entries it refuses
        self.credulous = False  # as the real one is: a number it has is a duplicate, whatever comes with it
        self.assignment = Assignment(agent="centre", revision="0", polled=[], hold_every=1.0)
        self.told: list[Order] = []  # until its result is here, each is told to whoever does not have it
        self.cancelled: set[str] = set()
        self.asked: list[tuple[list[str], int]] = []  # by question for orders: what the agent has, and how long to hold
        self.memories: list[str] = []  # and in the name of which stream
        self.answering = 0  # questions for orders that are being held
        self.knows_orders = True
        self.too_busy = 0  # so many questions for the assignment have no answer
        self.draining = False  # it ends: what is held is answered at once
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    # -- what tests ask of it

    def start(self) -> None:
        config = uvicorn.Config(
            self, host="127.0.0.1", port=self.port, lifespan="off", log_level="critical", ws="none", http="h11"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        deadline = time.monotonic() + 90
        while not self._server.started:
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def stop(self) -> None:
        """The line is cut: connections end in the middle of whatever they do."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join()
            self._server = self._thread = None

    def assign(self, *polled: Polled) -> None:
        revision = str(int(self.assignment.revision) + 1)
        self.assignment = Assignment(agent="centre", revision=revision, polled=list(polled), hold_every=1.0)

    def states(self, position: str) -> list[str]:
        """The device words of a position in the order they came."""
        return [
            str(record.reading.device)
            for record in self.order
            if isinstance(record, State) and record.position == position
        ]

    def results(self, uid: str | None = None) -> list[Result]:
        return [record for record in self.order if isinstance(record, Result) and uid in (None, record.order)]

    def events(self, name: EventName) -> list[Event]:
        return [record for record in self.order if isinstance(record, Event) and record.name is name]

    def whole(self) -> bool:
        """Every number from the first has come, of every stream; that none came twice is asserted when it comes."""
        return all(
            sorted(held) == list(range(self.first.get(uid, 1), self.first.get(uid, 1) + len(held)))
            for uid, held in self.streams.items()
        )

    # -- HTTP

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if scope["path"] == "/api/agent/challenge":
            dated = (time.time_ns() // 1000).to_bytes(8, "big")
            await _answer(send, 200, msgspec.msgpack.encode(Challenge(dated + b"challenge")))
            return
        if scope["path"] == "/api/agent/token":
            granted = Token(token=TOKEN, seconds=3600, rotate=False, forked_at=0, server=time.time_ns() // 1000)
            await _answer(send, 200, msgspec.msgpack.encode(granted))
            return
        assert dict(scope["headers"])[b"authorization"] == f"Bearer {TOKEN}".encode()
        if scope["path"] == "/api/agent/assignment" and self.too_busy:
            self.too_busy -= 1
            await _answer(send, 503, b'{"detail": "too much to do"}')
            return
        if scope["path"] == "/api/agent/assignment":
            said = msgspec.structs.replace(self.assignment, server=time.time_ns() // 1000)
            await _answer(send, 200, msgspec.msgpack.encode(said))
            return
        if scope["path"] == "/api/agent/orders":
            await self._orders(parse_qs(scope["query_string"].decode()), send)
            return
        self.requests += 1
        self.gave_way.append(BEHIND.lower().encode() in dict(scope["headers"]))
        mood = self.mood.pop(0) if len(self.mood) > 1 else self.mood[0]
        batch = msgspec.msgpack.decode(zstd.decompress(body), type=Batch)
        if mood == "away":
            await _answer(send, 503, b'{"detail": "restarting"}')
        elif mood == "stranger":
            await _answer(send, 401, b'{"detail": "this token was revoked"}')
        elif isinstance(mood, int) and len(batch.records) > mood:
            await _answer(send, 413, b'{"detail": "too large"}')
        elif self._poisoned(batch):
            await _answer(send, 422, b'{"detail": "this cannot be read"}')
        else:
            if self.mended and not batch.records:
                self.poison = ""
            ack = msgspec.msgpack.encode(self._keep(batch))
            if mood == "half":
                await _answer(send, 200, ack[: len(ack) // 2], length=len(ack))
            elif mood != "deaf":
                await _answer(send, 200, ack)

    async def _orders(self, query: dict[str, list[str]], send: Callable[[Any], Any]) -> None:
        if not self.knows_orders:
            await _answer(send, 404, b'{"detail": "Not Found"}')
            return
        have = query.get("have", [""])[0].split(",")
        wait = int(query["wait"][0])
        self.asked.append((have, wait))
        self.memories.append(query.get("stream", [""])[0])
        self.answering += 1
        until = time.monotonic() + wait
        try:
            # In steps: tests tell it from another thread
            while not (orders := self._orders_for(have)) and time.monotonic() < until and not self.draining:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        finally:
            self.answering -= 1
        said = orders or Orders(server=time.time_ns() // 1000)
        await _answer(send, 200, msgspec.msgpack.encode(said))

    def _orders_for(self, have: list[str]) -> Orders | None:
        ended = {result.order for result in self.results()}
        told = [order for order in self.told if order.uid not in ended and order.uid not in have]
        cancelled = sorted((self.cancelled & set(have)) - ended)
        return Orders(orders=told, cancelled=cancelled, server=time.time_ns() // 1000) if told or cancelled else None

    def _poisoned(self, batch: Batch) -> bool:
        if batch.ahead and not self.foresight:
            return True
        return any(isinstance(record, State) and record.position == self.poison for record in batch.records)

    def _keep(self, batch: Batch) -> Ack:
        self.batches.append(batch)
        held = self.streams.setdefault(batch.stream, {})
        first = self.first.setdefault(batch.stream, batch.follows.first if batch.follows else 1)
        for record in batch.records:
            if record.seq not in held:
                held[record.seq] = record
                self.order.append(record)
            assert held[record.seq] == record or self.credulous, "one number, two records"
        return Ack(
            epoch=self.epoch,
            stream=batch.stream,
            received=joined([(1, first - 1), *((seq, seq) for seq in held)]),
            server=time.time_ns() // 1000,
            assignment=self.assignment.revision,
            wait=self.wait,
            refused=[
                Refusal(record.seq, "not of its branch")
                for record in batch.records
                if isinstance(record, Entry) and record.subject == self.foreign
            ],
        )


async def _answer(send: Callable[[Any], Any], status: int, body: bytes, *, length: int | None = None) -> None:
    headers = [(b"content-length", str(len(body) if length is None else length).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def enrolled() -> Callable[[Path, str], Settings]:
    """`enrolled(home, url)`: the settings of an agent whose home is enrolled there."""

    return enrolled_at


@pytest.fixture
def centre() -> Iterator[Centre]:
    running = Centre()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole agent in a hurry."""
    for name, seconds in {
        "agent.link.uplink.GATHER_SECONDS": 0.1,
        "agent.link.uplink.URGENT_SECONDS": 0.01,
        "agent.link.backoff.FIRST_WAIT": 0.05,
        "agent.link.backoff.LONGEST_WAIT": 0.2,
        "agent.link.backoff.SLOW_WAIT": 0.2,
        "agent.schedule.FIRST_SECONDS": 0.2,
        "agent.local.keep.LOOK_SECONDS": 0.05,
        "agent.spool.opening.TRY_SECONDS": 0.05,
        "agent.orders.receiving.PAUSE_SECONDS": 0.1,
        "agent.orders.running.RETRY_SECONDS": 0.1,
    }.items():
        monkeypatch.setattr(name, seconds)


@pytest.fixture
def running(impatient: None, settings: Settings) -> Callable[[], Any]:
    """`async with running()`: an agent of the module's `settings`, for as long as the block runs."""

    @asynccontextmanager
    async def run() -> AsyncIterator[None]:
        stop = Stop()
        agent = asyncio.create_task(run_agent(settings, stop))
        try:
            yield
        finally:
            stop.ask("the test ends")
            assert await agent is Exit.DONE

    return run
