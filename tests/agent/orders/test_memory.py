"""In the name of which spool an agent asks for orders: the server tells another one nothing again that was handed."""

import shutil
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from agent.settings import Settings
from agent.wire import Order, OrderKind

if TYPE_CHECKING:
    from tests.agent.conftest import Centre
else:
    Centre = Any

Until = Callable[[Callable[[], object]], Awaitable[None]]
Running = Callable[[], Any]
OrderSays = Callable[..., Order]


async def test_it_names_its_stream_and_asks_nothing_before_the_server_said_what_it_holds(
    centre: Centre, running: Running, until: Until
) -> None:
    centre.mood = ["away"]
    async with running():
        await until(lambda: centre.requests >= 3)
        assert centre.asked == []
        centre.mood = ["ok"]
        await until(lambda: centre.asked)
    (stream,) = centre.streams
    assert set(centre.memories) == {stream}


async def test_a_spool_that_was_put_back_asks_in_another_name_from_its_first_question_on(
    centre: Centre, settings: Settings, running: Running, order: OrderSays, until: Until
) -> None:
    async with running():
        await until(lambda: centre.asked)
    kept = settings.home.with_name("kept")
    shutil.copytree(settings.home, kept)
    async with running():
        centre.told.append(order("o1", OrderKind.SPOOL))
        await until(lambda: centre.results("o1"))
    before = set(centre.memories)
    shutil.rmtree(settings.home)
    kept.rename(settings.home)
    centre.memories.clear()
    async with running():
        await until(lambda: centre.memories)
    assert len(before) == 1
    assert not before & set(centre.memories)


async def test_a_spool_that_was_damaged_asks_in_another_name(
    centre: Centre, settings: Settings, running: Running, until: Until
) -> None:
    async with running():
        await until(lambda: centre.asked)
    before = set(centre.memories)
    settings.spool_path.write_bytes(b"no database" * 1000)
    centre.memories.clear()
    async with running():
        await until(lambda: centre.memories)
    assert not before & set(centre.memories)
