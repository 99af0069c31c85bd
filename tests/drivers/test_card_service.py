"""The smart card service: a real pcscd that dies, stands still, comes back and is waited for."""

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from drivers.base import Driver, Reading, TellsNews
from drivers.card_service import HOW_TO_GET, Known, why
from drivers.errors import NotSupported, Reason, Refused, Unreachable
from drivers.sim.pcsc import CardSimulator

KIND = "card_reader/pcsc"
READER = "Virtual PCD 00 00"
Start = Callable[..., Awaitable[tuple[CardSimulator, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Coroutine[Any, Any, Reading]]
Sees = Callable[..., Awaitable[Reading]]
Until = Callable[[Callable[[], bool]], Awaitable[None]]


async def test_a_service_that_is_not_running_is_told_and_found_again_when_it_is(
    pcscd: Any, start: Start, driver: Make, poll: Poll, sees: Sees
) -> None:
    _, address = await start(KIND, state={"card": "present"})
    polled = driver(KIND, address)
    await poll(polled)
    for end in (signal.SIGTERM, signal.SIGKILL):
        pcscd.send(end)
        pcscd.wait()
        with pytest.raises(Unreachable) as gone:
            await poll(polled)
        assert gone.value.reason == Reason.NO_SERVICE
        pcscd.start()
        await sees(polled, card="present")


async def test_a_reader_that_was_pulled_out_is_no_device(pcscd: Any, start: Start, driver: Make, poll: Poll) -> None:
    _, address = await start(KIND)
    polled = driver(KIND, address)
    await poll(polled)
    pcscd.stop()
    pcscd.start(reader=None)
    gone = await poll(polled)
    assert (gone.device, gone.parts, gone.raw) == ("noDevice", {}, {"SCardListReaders": b""})
    pcscd.stop()
    pcscd.start()
    assert (await poll(polled)).device == "online"


async def test_a_service_that_stands_still_costs_one_thread_and_leaves_none_when_it_goes_on(
    pcscd: Any,
    start: Start,
    driver: Make,
    poll: Poll,
    look_around: Callable[[], Any],
    nothing_left: Callable[[Any], Awaitable[None]],
) -> None:
    _, address = await start(KIND)
    polled = driver(KIND, address)
    await poll(polled)
    before = look_around()
    pcscd.send(signal.SIGSTOP)
    for _ in range(2):
        async with asyncio.timeout(polled.timeout):
            with pytest.raises(Unreachable) as silent:
                await poll(polled)
        assert silent.value.reason == Reason.NO_ANSWER
    assert len([thread for thread in threading.enumerate() if thread.name == "pcsc"]) == 1
    pcscd.send(signal.SIGCONT)
    await nothing_left(before)
    assert (await poll(polled)).device == "online"


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (0x8010001D, Unreachable, Reason.NO_SERVICE),
        (0x8010001E, Unreachable, Reason.NO_SERVICE),
        (0x80100013, Unreachable, Reason.HUNG_UP),
        (0x8010006A, Refused, Reason.NO_PERMISSION),
        (0x80100027, Refused, Reason.NO_PERMISSION),
        (0x80100031, Refused, Reason.NEGATIVE_ANSWER),
    ],
)
def test_an_error_of_the_service_has_a_reason(code: int, kind: type, reason: Reason) -> None:
    error = why(code)
    assert (type(error), error.reason) == (kind, reason)
    assert f"0x{code:08X}" in error.detail


# -- news -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def waits(pcscd: Any, until: Until) -> Callable[[TellsNews], Awaitable["asyncio.Task[bool]"]]:
    """`await waits(driver)` -> its news, being waited for: pcscd says when a wait has begun."""

    async def begin(polled: TellsNews) -> "asyncio.Task[bool]":
        before = pcscd.heard("CMD_WAIT_READER_STATE_CHANGE")
        news = asyncio.create_task(polled.news())
        await until(lambda: pcscd.heard("CMD_WAIT_READER_STATE_CHANGE") > before + 1)  # the first asks for the state
        return news

    return begin


Waits = Callable[[Driver], Awaitable["asyncio.Task[bool]"]]


async def test_a_card_put_in_or_taken_out_is_news(start: Start, driver: Make, poll: Poll, waits: Waits) -> None:
    card, address = await start(KIND)
    polled = driver(KIND, address)
    for there in ("present", "none", "mute"):
        await poll(polled)
        news = await waits(polled)
        card.state["card"] = there
        async with asyncio.timeout(10):
            assert await news
        assert (await poll(polled)).parts == {"card": there}


async def test_what_changed_between_a_poll_and_the_wait_is_news_at_once(
    start: Start, driver: Make, poll: Poll, sees: Sees
) -> None:
    card, address = await start(KIND)
    polled = driver(KIND, address)
    assert isinstance(polled, TellsNews)
    await poll(polled)
    card.state["card"] = "present"
    await card.wait_until_taken()
    assert await polled.news()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_a_service_that_ends_is_news_once(
    end: signal.Signals, pcscd: Any, start: Start, driver: Make, poll: Poll, waits: Waits
) -> None:
    _, address = await start(KIND)
    polled = driver(KIND, address)
    assert isinstance(polled, TellsNews)
    await poll(polled)
    news = await waits(polled)
    pcscd.send(end)
    async with asyncio.timeout(10):
        assert await news
    pcscd.wait()
    with pytest.raises(Unreachable):
        await poll(polled)
    assert not await polled.news()


@pytest.mark.parametrize("there", [True, False])
async def test_waiting_for_news_ends_when_it_is_cancelled_and_leaves_nothing(
    there: bool,
    start: Start,
    driver: Make,
    poll: Poll,
    waits: Waits,
    look_around: Callable[[], Any],
    nothing_left: Callable[[Any], Awaitable[None]],
) -> None:
    _, address = await start(KIND)
    polled = driver(KIND, address if there else "pcsc:Virtual PCD 07 00")
    assert isinstance(polled, TellsNews)
    await poll(polled)
    before = look_around()
    for begin in (waits(polled), _began(polled), _began(polled)):
        news = await begin
        news.cancel()
        async with asyncio.timeout(1):
            with pytest.raises(asyncio.CancelledError):
                await news
    await nothing_left(before)
    assert (await poll(polled)).device == ("online" if there else "noDevice")


async def _began(polled: TellsNews) -> "asyncio.Task[bool]":
    """Its thread has hardly begun."""
    news = asyncio.create_task(polled.news())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return news


async def test_waiting_for_news_of_a_service_that_stands_still_ends_when_it_is_cancelled(
    pcscd: Any,
    start: Start,
    driver: Make,
    poll: Poll,
    waits: Waits,
    look_around: Callable[[], Any],
    nothing_left: Callable[[Any], Awaitable[None]],
) -> None:
    _, address = await start(KIND)
    polled = driver(KIND, address)
    await poll(polled)
    before = look_around()
    news = await waits(polled)
    pcscd.send(signal.SIGSTOP)
    news.cancel()
    async with asyncio.timeout(polled.timeout):
        with pytest.raises(asyncio.CancelledError):
            await news
    with pytest.raises(Unreachable):
        await poll(polled)
    pcscd.send(signal.SIGCONT)
    await nothing_left(before)
    assert (await poll(polled)).device == "online"


@pytest.mark.parametrize(
    ("reader", "state", "differs"),
    [
        (READER, 0x0001_0022, False),
        (READER, 0x0001_0122, False),  # a program shares the card: the reading is the same
        (READER, 0x0001_00A2, True),  # a program has it alone
        (READER, 0x0003_0022, True),  # out and in again
        (READER, 0x0001_0222, True),
        (None, 0, True),
    ],
)
def test_only_what_changes_a_reading_is_news(reader: str | None, state: int, differs: bool) -> None:
    assert Known((READER,), reader, state).differs(Known((), READER, 0x0001_0022)) == differs


# -- without pyscard -----------------------------------------------------------------------------------------------

WITHOUT = """
import asyncio, sys
sys.modules["smartcard"] = None
from drivers.base import Shared
from drivers.errors import DeviceError
from drivers.registry import find
driver = find("card_reader/pcsc")
assert driver.check_address("pcsc:ACS ACR39U") is None
made = driver("pcsc:ACS ACR39U", driver.Options.model_validate({}), Shared())
try:
    asyncio.run(made.poll())
except DeviceError as error:
    print(error.kind, error.reason, error.detail, sep="|")
"""


def test_without_pyscard_a_poll_says_what_to_install_and_options_are_checked_all_the_same() -> None:
    ran = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    kind, reason, detail = ran.stdout.strip().split("|")
    assert (kind, reason) == (NotSupported.kind, Reason.NOT_INSTALLED)
    assert detail.startswith(HOW_TO_GET)
