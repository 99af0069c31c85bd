"""An agent tells what its PC is without being asked: soon after its start, and then at a second of its own a day."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent import telling
from agent.orders.outcome import NotDone
from agent.settings import Settings
from agent.telling import APART, DAY, Telling, wait
from agent.wire import Clock, Fact

if TYPE_CHECKING:
    from tests.agent.conftest import Centre, FakeClocks
else:
    Centre = FakeClocks = Any


@pytest.fixture
def settings(tmp_path: Path, centre: Centre, enrolled: Callable[[Path, str], Settings]) -> Settings:
    return enrolled(tmp_path / "home", centre.url)


def clock(second: int) -> Clock:
    return Clock(wall=second * 1_000_000, boot=0, boot_id="b")


def test_it_waits_for_its_second_of_the_day_and_never_tells_twice_within_an_hour() -> None:
    assert wait(clock(10 * DAY + 1000), 5000) == 4000
    assert wait(clock(10 * DAY + 5000), 5000) == DAY
    assert wait(clock(10 * DAY + 4999), 5000) == DAY + 1
    assert all(APART <= wait(clock(now), 5000) < DAY + APART for now in range(0, 2 * DAY, 977))


async def test_facts_come_without_an_order(
    centre: Centre, running: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "FIRST", 0.0)

    def facts() -> list[Fact]:
        return [record for record in centre.order if isinstance(record, Fact)]

    async with running():
        await until(facts)
    assert facts()[0].topic == "host"
    assert facts()[0].facts["agent.python"]


async def test_who_looks_is_ended_with_the_agent(tmp_path: Path, clocks: FakeClocks) -> None:
    """A host whose programs hang does not hold up the end of the agent."""
    began = asyncio.Event()
    real = asyncio.create_subprocess_exec
    children = []

    async def started(*words: str, **how: Any) -> asyncio.subprocess.Process:
        child = await real("sleep", "600", **how)
        children.append(child)
        began.set()
        return child

    own = Telling(tmp_path, None, clocks, lambda _: None)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "create_subprocess_exec", started)
        looking = asyncio.create_task(own.look())
        await began.wait()
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    assert children[0].returncode is not None


async def test_a_look_that_ends_badly_is_an_error_in_one_sentence(
    tmp_path: Path, clocks: FakeClocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(NotDone, match="ended with exit code 1"):
        await Telling(tmp_path, None, clocks, lambda _: 3).look()  # type: ignore[arg-type]
