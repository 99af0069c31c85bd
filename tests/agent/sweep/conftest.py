"""A line that is no line: it remembers when who was asked, and its table of neighbours is what a test says."""

import asyncio
from collections.abc import Callable
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING, Any

import pytest

from agent.facts.sheet import NotRead
from agent.sweep.sweeping import Sweeping
from agent.sweep.wires import Wire
from agent.wire import AnyRecord, Order

if TYPE_CHECKING:
    from tests.agent.conftest import FakeClocks
else:
    FakeClocks = Any

MAC = "00:1b:21:0a:00:{:02x}"


class FakeLine:
    """`here` are the last numbers of addresses that answer. `before` is called before each address is asked."""

    def __init__(self, clocks: FakeClocks) -> None:
        self.clocks = clocks
        self.cards = {"eth0": "10.1.1.5/24"}
        self.asked: list[tuple[str, float]] = []
        self.here: set[int] = set()
        self.lines: list[str] = []  # of its table, besides
        self.unread = False
        self.full: int | None = 0
        self.before: Callable[[str], None] = lambda address: None

    def wires(self) -> list[Wire]:
        ones = {card: IPv4Interface(own) for card, own in self.cards.items()}
        return [Wire(card, one.network, one.ip) for card, one in ones.items()]

    def send(self, address: str) -> None:
        self.before(address)
        self.asked.append((address, self.clocks.boot / 1_000_000))

    def table(self) -> list[str]:
        if self.unread:
            raise NotRead("rights")
        asked = [address for address, _ in self.asked]
        numbers = {address: int(address.rsplit(".", 1)[1]) for address in asked}
        return [f"{one} {MAC.format(at)} eth0" for one, at in numbers.items() if at in self.here] + self.lines

    def turned_away(self) -> int | None:
        return self.full

    @property
    def addresses(self) -> list[str]:
        return [address for address, _ in self.asked]


class Told:
    """An outbox nobody empties."""

    def __init__(self) -> None:
        self.records: list[AnyRecord] = []

    def put(self, records: list[AnyRecord], *, urgent: bool = False) -> None:
        self.records += records


@pytest.fixture
def line(clocks: FakeClocks) -> FakeLine:
    return FakeLine(clocks)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def sweeping(clocks: FakeClocks, line: FakeLine, told: Told) -> Sweeping:
    """Its pauses take no time; the clock goes on by as much."""

    async def pause(seconds: float, stop: asyncio.Event) -> None:
        clocks.forward(seconds)
        await asyncio.sleep(0)

    outbox: Any = told
    return Sweeping(outbox, clocks, line, pause)


@pytest.fixture
def order() -> Callable[..., Order]:
    def make(prefix: str = "10.1.1.0/24", rate: int = 2, uid: str = "o1") -> Order:
        return Order(uid=uid, what="sweep", seconds=60.0, prefix=prefix, rate=rate)

    return make
