"""An agent that starts on a full disk: it stays, the server hears so, and it begins when there is room."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from agent.exit import Exit, Trouble
from agent.run import Stop, run_agent
from agent.settings import Settings
from agent.spool.spool import Spool
from agent.wire import EventName, Hindered, Polled

if TYPE_CHECKING:
    from tests.agent.conftest import Centre, FakeClocks
else:
    Centre = FakeClocks = Any

pytestmark = pytest.mark.usefixtures("impatient")
LampSays = Callable[..., Polled]
Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
def full(
    tmp_path: Path,
    centre: Centre,
    enrolled: Callable[[Path, str], Settings],
    full_disk: Callable[[Path], Path],
) -> Settings:
    """An agent that was enrolled and never ran, on a disk that is full to its last byte."""
    settings = enrolled(tmp_path / "home", centre.url)
    return msgspec.structs.replace(settings, home=full_disk(settings.home))


async def test_it_says_so_and_begins_when_there_is_room(
    full: Settings, centre: Centre, lamp: LampSays, until: Until
) -> None:
    centre.assign(lamp("1/a", device="online"))
    stop = Stop()
    agent = asyncio.create_task(run_agent(full, stop))
    await until(lambda: agent.done() or centre.batches)
    assert not agent.done()
    assert {(batch.hindered, len(batch.records)) for batch in centre.batches} == {(Hindered.FULL, 0)}
    (full.home.parent / "rubbish").unlink()
    await until(lambda: agent.done() or centre.states("1/a"))
    stop.ask("the test ends")
    assert await agent is Exit.DONE
    assert centre.whole()
    [started] = centre.events(EventName.START)
    assert centre.order[0] is started
    assert centre.batches[-1].hindered == ""


async def test_it_ends_when_it_is_asked_to_while_it_waits(full: Settings, centre: Centre, until: Until) -> None:
    stop = Stop()
    agent = asyncio.create_task(run_agent(full, stop))
    await until(lambda: agent.done() or centre.batches)
    stop.ask("the service ends")
    assert await agent is Exit.DONE
    assert centre.order == []


async def test_a_server_that_is_away_keeps_it_from_nothing(
    full: Settings, centre: Centre, lamp: LampSays, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    centre.assign(lamp("1/a", device="online"))
    centre.stop()
    stop = Stop()
    agent = asyncio.create_task(run_agent(full, stop))
    await until(lambda: agent.done() or "no room for the spool" in caplog.text)
    (full.home.parent / "rubbish").unlink()
    await until(lambda: agent.done() or "the agent begins" in caplog.text)
    centre.start()
    await until(lambda: agent.done() or centre.states("1/a"))
    stop.ask("the test ends")
    assert await agent is Exit.DONE
    assert centre.whole()


async def test_what_waiting_does_not_mend_ends_it_at_once(
    tmp_path: Path, centre: Centre, enrolled: Callable[[Path, str], Settings], clocks: FakeClocks
) -> None:
    settings = enrolled(tmp_path / "home", centre.url)
    settings.spool_path.parent.mkdir(parents=True, exist_ok=True)
    taken = Spool(settings.spool_path, clocks)
    with pytest.raises(Trouble) as ended:
        await run_agent(settings, Stop())
    taken.close()
    assert ended.value.code is Exit.BUSY
