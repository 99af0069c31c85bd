"""The question that is held: what it says, how it ends, and that it stands in nobody's way."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from agent.exit import Exit
from agent.orders import keeping
from agent.run import Stop, run_agent
from agent.settings import Settings
from agent.spool.tables import SpoolFull
from agent.wire import EventName, Order, OrderKind, Polled, Why

if TYPE_CHECKING:
    from tests.agent.conftest import Centre
else:
    Centre = Any

LampSays = Callable[..., Polled]
Until = Callable[[Callable[[], object]], Awaitable[None]]
Running = Callable[[], Any]
OrderSays = Callable[..., Order]


async def test_while_nothing_is_to_be_done_one_question_is_held_and_records_go_as_ever(
    centre: Centre, running: Running, order: OrderSays, lamp: LampSays, until: Until
) -> None:
    centre.assign(lamp("1/a", device="online"))
    async with running():
        await until(lambda: centre.answering)
        await until(lambda: centre.states("1/a"))
        lamp("1/a", device="hardwareError")
        await until(lambda: centre.states("1/a") == ["online", "hardwareError"])
        assert centre.answering == 1
    ((have, wait),) = centre.asked
    assert have == [""]
    assert 40 <= wait <= 50


async def test_what_an_agent_has_it_says_until_the_server_has_read_the_result(
    centre: Centre, running: Running, order: OrderSays, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every result is acknowledged at once here; a real server reads it some time later."""
    async with running():
        centre.told.append(order("o1", OrderKind.SPOOL))
        await until(lambda: centre.results("o1") and centre.answering)
        centre.told.append(order("o2", OrderKind.SPOOL))
        await until(lambda: centre.results("o2") and centre.answering)
    assert [have for have, _ in centre.asked][-1] == ["o2", "o1"] or [have for have, _ in centre.asked][-1] == [
        "o1",
        "o2",
    ]
    assert len(centre.results()) == 2


async def test_what_is_told_again_is_not_done_again_nor_asked_for_without_a_pause(
    centre: Centre, running: Running, order: OrderSays, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = []
    real = asyncio.sleep

    async def sleep(seconds: float, *args: Any) -> None:
        pauses.append(seconds)
        await real(min(seconds, 0.05), *args)

    def forgetful(_: object) -> list[str]:
        return []

    monkeypatch.setattr("agent.orders.receiving.asyncio.sleep", sleep)
    monkeypatch.setattr("agent.orders.receiving.PAUSE_SECONDS", 7.0)
    monkeypatch.setattr("agent.orders.keeping.have", forgetful)
    monkeypatch.setattr(centre, "results", lambda uid=None: [])  # it never reads them
    async with running():
        centre.told.append(order("o1", OrderKind.SPOOL))
        await until(lambda: sum(3.5 <= pause <= 7.0 for pause in pauses) >= 3)
    monkeypatch.undo()
    assert len(centre.results("o1")) == 1


async def test_a_server_that_ends_answers_what_it_holds_and_is_not_asked_without_a_pause(
    centre: Centre, running: Running, order: OrderSays, until: Until
) -> None:
    async with running():
        await until(lambda: centre.answering)
        centre.draining = True
        await until(lambda: len(centre.asked) > 3)
        centre.stop()
        centre.draining = False
        centre.told.append(order("o1", OrderKind.SPOOL))
        centre.start()
        await until(lambda: centre.results("o1"))
    assert centre.results("o1")[0].done


async def test_a_server_of_before_there_were_orders_is_asked_seldom_and_nobody_hears_of_it(
    centre: Centre,
    running: Running,
    order: OrderSays,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    rests: list[float] = []
    asked_again = asyncio.Event()
    real = asyncio.sleep

    async def sleep(seconds: float, *args: Any) -> None:
        if 150 <= seconds <= 300:
            rests.append(seconds)
            centre.knows_orders = True
            await asked_again.wait()
            return
        await real(seconds, *args)

    monkeypatch.setattr("agent.orders.receiving.asyncio.sleep", sleep)
    centre.knows_orders = False
    async with running():
        await until(lambda: rests)
        centre.told.append(order("o1", OrderKind.SPOOL))
        asked_again.set()
        await until(lambda: centre.results("o1"))
    assert len(rests) == 1
    assert not [message for message in caplog.messages if "server" in message]


async def test_an_order_is_withdrawn_as_long_as_it_was_not_begun(
    centre: Centre, running: Running, order: OrderSays, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, looks = asyncio.Event(), []

    async def slow(_: Settings) -> list[Any]:
        looks.append(1)
        await looked.wait()
        return []

    monkeypatch.setattr("agent.orders.doctor.findings", slow)
    async with running():
        centre.told += [order("o1", OrderKind.DOCTOR), order("o2", OrderKind.DOCTOR), order("o3", OrderKind.SPOOL)]
        await until(lambda: any({"o1", "o2", "o3"} <= set(have) for have, _ in centre.asked))
        centre.cancelled |= {"o1", "o2", "unheard-of"}
        await until(lambda: centre.results("o2"))
        looked.set()
        await until(lambda: centre.results("o3"))
    (first,), (second,) = centre.results("o1"), centre.results("o2")
    assert first.done
    assert len(looks) == 1
    assert (second.done, second.why, second.began) == (False, Why.CANCELLED, None)


async def test_what_is_under_way_when_the_agent_ends_has_failed_and_is_told_before_the_goodbye(
    centre: Centre, running: Running, order: OrderSays, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(_: Settings) -> list[Any]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr("agent.orders.doctor.findings", slow)
    async with running():
        centre.told += [order("o1", OrderKind.DOCTOR), order("o2", OrderKind.SPOOL)]
        await until(lambda: any({"o1", "o2"} <= set(have) for have, _ in centre.asked))
    (result,) = centre.results()
    assert (result.order, result.done, result.why) == ("o1", False, Why.INTERRUPTED)
    assert result.began is not None
    (goodbye,) = centre.events(EventName.GOODBYE)
    assert centre.order[-1] is goodbye
    async with running():
        await until(lambda: centre.results("o2"))
    assert centre.results("o2")[0].done
    assert len(centre.results()) == 2


async def test_a_spool_that_is_full_takes_no_order_and_polls_on_and_takes_it_when_it_is_told_again(
    centre: Centre, running: Running, order: OrderSays, lamp: LampSays, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, real = [], keeping.take

    def take(*_: object) -> None:
        refused.append(1)
        raise SpoolFull("The spool cannot be written.")

    monkeypatch.setattr("agent.orders.keeping.take", take)
    centre.assign(lamp("1/a", device="online"))
    async with running():
        centre.told.append(order("o1", OrderKind.POLL))
        await until(lambda: len(refused) >= 2)
        lamp("1/a", device="starting")
        await until(lambda: "starting" in centre.states("1/a"))
        assert centre.results() == []
        monkeypatch.setattr("agent.orders.keeping.take", real)
        await until(lambda: centre.results("o1"))
    assert len(centre.results()) == 1
    assert centre.results()[0].done


async def test_on_a_full_disk_no_order_is_begun_and_all_are_done_once_there_is_room(
    centre: Centre,
    settings: Settings,
    running: Running,
    order: OrderSays,
    lamp: LampSays,
    until: Until,
    full_disk: Callable[[Path], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.spool.outbox.RETRY_SECONDS", 0.1)
    centre.assign(lamp("1/a", device="online"))
    async with running():
        await until(lambda: centre.states("1/a"))
    home = full_disk(settings.home)
    on_it = msgspec.structs.replace(settings, home=home)
    stop = Stop()
    agent = asyncio.create_task(run_agent(on_it, stop))
    try:
        centre.told += [order("o1", OrderKind.POLL), order("o2", OrderKind.FACTS)]
        log = Path(lamp("1/a", device="starting").address).with_suffix(".log")
        polls = log.read_text(encoding="utf-8").count("open")
        await until(lambda: log.read_text(encoding="utf-8").count("open") > polls + 3)
        assert centre.results() == []
        (home.parent / "rubbish").unlink()
        await until(lambda: {result.order for result in centre.results()} == {"o1", "o2"})
    finally:
        stop.ask("the test ends")
        assert await agent is Exit.DONE
    assert len(centre.results()) == 2
    assert all(result.done for result in centre.results())
