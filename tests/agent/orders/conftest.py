"""An agent in a hurry, and what it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.exit import Exit
from agent.run import Stop, run_agent
from agent.settings import Settings
from agent.wire import Order

if TYPE_CHECKING:
    from tests.agent.conftest import Centre
else:
    Centre = Any


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same agent in a hurry."""
    monkeypatch.setattr("agent.uplink.GATHER_SECONDS", 0.1)
    monkeypatch.setattr("agent.uplink.URGENT_SECONDS", 0.01)
    monkeypatch.setattr("agent.backoff.FIRST_WAIT", 0.05)
    monkeypatch.setattr("agent.backoff.LONGEST_WAIT", 0.2)
    monkeypatch.setattr("agent.schedule.FIRST_SECONDS", 0.2)
    monkeypatch.setattr("agent.orders.receiving.PAUSE_SECONDS", 0.1)
    monkeypatch.setattr("agent.orders.running.RETRY_SECONDS", 0.1)


@pytest.fixture
def settings(tmp_path: Path, centre: Centre, enrolled: Callable[[Path, str], Settings]) -> Settings:
    return enrolled(tmp_path / "home", centre.url)


@pytest.fixture
def running(settings: Settings) -> Callable[[], Any]:
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


@pytest.fixture
def order() -> Callable[..., Order]:
    """`order("o1", "poll", "1/a")`."""

    def make(uid: str, what: str, *positions: str, seconds: float = 60.0) -> Order:
        return Order(uid=uid, what=what, seconds=seconds, positions=list(positions))

    return make
