"""What is posted to an agent: taken once, if the key of its position signed it, and never shown as newer than it is."""

import asyncio
import gc
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Driver, Shared, TellsByItself
from drivers.errors import DeviceError, Reason
from drivers.host import postbox, script
from drivers.host.document import Document, claimed, opened, pads, sheets, written
from drivers.host.posted import Posted, PostedOptions
from drivers.sim.base import Fault
from drivers.sim.posted import KEY, PostedSimulator, _request

Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Any]]
Start = Callable[..., Awaitable[tuple[Any, str]]]
Until = Callable[[Callable[[], bool]], Awaitable[None]]
Open = Callable[..., Awaitable[tuple[PostedSimulator, Any]]]

WRITTEN = Document(
    "1001/pc-7", 1_790_000_000_000_000, "0f" * 16, "facts.sh", "ab" * 32, b"BEGIN-FACTS\nx=1\nEND-FACTS\n"
)


@pytest.fixture
def quiet(start: Start, driver: Make, until: Until) -> Open:
    """A host that posted once and was heard, and posts now only as it is told to."""

    async def begin(state: dict[str, str] | None = None, **options: object) -> tuple[PostedSimulator, Any]:
        simulator, address = await start("host/posted", state=state)
        one: Any = driver("host/posted", address, key=KEY, **options)
        await one.open()
        await until(lambda: len(simulator.answers) == 1)
        assert simulator._posting is not None
        simulator._posting.cancel()
        return simulator, one

    return begin


@pytest.mark.parametrize("position", ["1001/pc-7", "1001/PC", "", "1001/pc 7", "../x\n", "1" * 200])
def test_a_document_opens_by_its_own_key_alone(position: str) -> None:
    raw = written(WRITTEN._replace(position=position), b"right")
    if position != WRITTEN.position:
        assert (claimed(raw), opened(raw, b"right")) == (None, None)
        return
    assert opened(raw, b"right") == WRITTEN
    assert claimed(raw) == "1001/pc-7"
    assert opened(raw, b"wrong") is None
    assert all(opened(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :], b"right") is None for at in range(len(raw)))
    assert all(opened(raw[:at], b"right") is None for at in range(len(raw)))
    assert opened(raw + b"\n", b"right") is None


@pytest.mark.parametrize("key", [b"k", b"k" * 64, b"k" * 65])
def test_the_two_blocks_of_a_key_sign_as_the_key_does(key: bytes) -> None:
    import hashlib

    raw = written(WRITTEN, key)
    inner, outer = pads(key)
    body, _, signature = raw.rpartition(b"signature=")
    by_hand = hashlib.sha256(outer + hashlib.sha256(inner + body).digest()).hexdigest()
    assert signature.decode() == f"{by_hand}\n"


async def test_a_host_is_read_and_tells_facts_as_it_posted_them(quiet: Open, poll: Poll) -> None:
    _, one = await quiet({"reboot": "pending", "antivirus": "stopped", "listens": "445"})
    reading = await poll(one)
    assert reading.parts == {"reboot": "pending", "antivirus": "stopped"}
    assert reading.identity["name"] == "simulated"
    assert reading.texts["posted.from"] == "127.0.0.1"
    assert reading.as_of is not None
    assert isinstance(one, TellsByItself)
    assert one.has_told()
    told: dict[str, Any] = {sheet.topic: sheet.facts for sheet in await one.facts()}
    assert told["network"]["ports.tcp"] == ["22", "445"]
    assert told["host"]["script.name"] == "facts.sh"
    assert -60_000 < told["host"]["clock.offset_ms"] < 60_000


async def test_a_post_is_told_once_and_never_again_as_if_it_were_new(quiet: Open, poll: Poll) -> None:
    _, one = await quiet()
    await one.facts()
    assert not one.has_told()
    with pytest.raises(DeviceError) as caught:
        await one.facts()
    assert caught.value.reason == Reason.NOT_POSTED
    assert (await poll(one)).device == "online"


async def test_a_post_is_news_to_be_polled_for_at_once(quiet: Open, poll: Poll) -> None:
    simulator, one = await quiet()
    await poll(one)
    news = asyncio.create_task(one.news())
    await asyncio.sleep(0)
    assert not news.done()
    assert await simulator.post() == (200, "taken")
    async with asyncio.timeout(10):
        assert await news is True


async def test_a_host_that_posts_no_more_is_not_good(quiet: Open, poll: Poll) -> None:
    _, one = await quiet(silent=1e-9)
    with pytest.raises(DeviceError, match="it posted last at 20") as caught:
        await poll(one)
    assert caught.value.reason == Reason.NOT_POSTED


async def test_a_host_that_never_posted_is_not_good(driver: Make, poll: Poll, start: Start) -> None:
    simulator, address = await start("host/posted")
    simulator.fault = Fault.SILENT
    with pytest.raises(DeviceError) as caught:
        await poll(driver("host/posted", address, key=KEY))
    assert caught.value.reason == Reason.NOT_POSTED


@pytest.mark.parametrize("trouble", ["unsigned", "stranger", "replay", "old"])
async def test_what_is_not_signed_anew_by_the_host_is_refused_alike_and_logged_once(
    trouble: str, quiet: Open, poll: Poll, caplog: pytest.LogCaptureFixture
) -> None:
    simulator, one = await quiet()
    before = await poll(one)
    await one.facts()
    simulator.state["trouble"] = trouble
    with caplog.at_level(logging.WARNING):
        assert [await simulator.post(), await simulator.post()] == [(403, "refused"), (403, "refused")]
    assert len([record for record in caplog.records if "was refused" in record.message]) == 1
    assert one.has_told() is (trouble == "replay")  # the first of the two was new
    if trouble != "replay":
        assert await poll(one) == before


async def test_an_earlier_nonce_is_of_no_use_once_a_later_one_was_used(quiet: Open) -> None:
    simulator, _ = await quiet()
    kept = await simulator._nonce()
    assert await simulator.post() == (200, "taken")
    held = simulator._document(kept, "none")
    assert await simulator._ask(
        b"POST /facts HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(held), held)
    ) == (
        403,
        "refused",
    )


@pytest.mark.parametrize("trouble", ["script", "none"])
async def test_what_is_signed_and_cannot_be_read_is_a_fault_of_the_host(trouble: str, quiet: Open, poll: Poll) -> None:
    simulator, one = await quiet()
    simulator.state["trouble"] = trouble
    simulator._fault = Fault.GARBAGE
    answer = await simulator.post()
    assert answer is not None
    assert answer[0] == 422
    with pytest.raises(DeviceError) as caught:
        await poll(one)
    assert caught.value.reason == (Reason.UNKNOWN_SCRIPT if trouble == "script" else Reason.UNREADABLE_OUTPUT)
    simulator.state["trouble"], simulator._fault = "none", Fault.NONE
    assert await simulator.post() == (200, "taken")
    assert (await poll(one)).device == "online"


def test_what_an_earlier_release_says_is_understood_and_what_nobody_shipped_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = WRITTEN._replace(sha256="ab" * 32, said=b"BEGIN-FACTS\nhost.name=pc\nEND-FACTS\n")
    with pytest.raises(
        DeviceError, match=r"abababababab is changed, newer .* `branchfleet-server host-script 1001/pc-7`"
    ):
        sheets(one)
    monkeypatch.setitem(script.EARLIER, one.sha256, one.script)
    assert sheets(one)[0].facts["host.name"] == "pc"


class Restarted:
    """An agent's home, and what one agent after another knows of the host there."""

    def __init__(self, home: Path, address: str) -> None:
        self._home, self._address = home, address

    @asynccontextmanager
    async def agent(self, key: str = KEY, **options: Any) -> AsyncIterator[Any]:
        shared = Shared(self._home)
        one = Posted(self._address, PostedOptions(key=key, **options), shared)
        one.be("1001/0")
        await one.open()
        try:
            yield one
        finally:
            await shared.close()


@pytest.fixture
async def restarted(start: Start, until: Until, tmp_path: Path) -> tuple[Restarted, PostedSimulator]:
    """A host that posted once to an agent that ended since."""
    simulator, address = await start("host/posted")
    agents = Restarted(tmp_path, address)
    async with agents.agent():
        await until(lambda: len(simulator.answers) == 1)
    assert simulator._posting is not None
    simulator._posting.cancel()
    return agents, simulator


def _older(home: Path, seconds: float) -> None:
    """As if the post had come so much earlier."""
    [file] = (home / "posted").iterdir()
    head, _, document = file.read_bytes().partition(b"\n")
    at = int(head.split()[1].removeprefix(b"at=")) - int(seconds * 1_000_000)
    file.write_bytes(b"posted at=%d peer=127.0.0.1\n" % at + document)


async def test_an_agent_that_starts_again_knows_the_newest_post_as_old_as_it_is(
    restarted: tuple[Restarted, PostedSimulator], poll: Poll, tmp_path: Path
) -> None:
    agents, _ = restarted
    async with agents.agent() as one:
        before = await poll(one)
        assert (before.device, one.has_told()) == ("online", True)
    _older(tmp_path, 3600)
    async with agents.agent() as one:
        reading = await poll(one)
        assert before.as_of - reading.as_of == 3_600_000_000
        assert not one.has_told()  # what is told is dated as it is told
    async with agents.agent(silent=0.5) as one:
        with pytest.raises(DeviceError, match="it posted last at 20"):
            await poll(one)
    _older(tmp_path, -7200)
    async with agents.agent() as one:
        with pytest.raises(DeviceError, match="it has not posted"):  # of a time that has not come
            await poll(one)


async def test_what_was_kept_counts_for_its_own_key_alone_and_not_once_something_unreadable_came(
    restarted: tuple[Restarted, PostedSimulator], poll: Poll, tmp_path: Path
) -> None:
    agents, simulator = restarted
    async with agents.agent(key="another key of another host") as one:
        with pytest.raises(DeviceError, match="it has not posted"):
            await poll(one)
    async with agents.agent() as one:
        simulator._fault = Fault.GARBAGE
        assert (await simulator.post() or (0, ""))[0] == 422
    async with agents.agent() as one:
        with pytest.raises(DeviceError, match="it has not posted"):
            await poll(one)
    assert list((tmp_path / "posted").iterdir()) == []


async def test_a_torn_file_and_one_nobody_asked_for_in_a_month_count_as_none(
    restarted: tuple[Restarted, PostedSimulator], poll: Poll, tmp_path: Path
) -> None:
    agents, _ = restarted
    [file] = (tmp_path / "posted").iterdir()
    whole = file.read_bytes()
    gone = file.with_name("0" * 32 + ".post")
    gone.write_bytes(whole)
    os.utime(gone, (1_000_000_000, 1_000_000_000))
    for torn in (b"", whole[:40], whole[:-1]):
        file.write_bytes(torn)
        async with agents.agent() as one:
            with pytest.raises(DeviceError, match="it has not posted"):
                await poll(one)
    assert not gone.exists()


@pytest.mark.parametrize(("trouble", "status"), [("flood", 413), ("http", 400)])
async def test_what_is_too_much_or_no_http_is_told_so(trouble: str, status: int, quiet: Open, poll: Poll) -> None:
    simulator, one = await quiet()
    before = await poll(one)
    simulator.state["trouble"] = trouble
    answer = await simulator.post()
    assert answer is None or answer[0] == status  # what it still sends may cut the answer off
    assert await poll(one) == before


async def test_who_is_slow_is_cut_off_and_hinders_nobody(quiet: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postbox, "SECONDS", 0.5)
    simulator, _ = await quiet()
    simulator.state["trouble"] = "slow"
    slow = asyncio.create_task(simulator.post())
    await asyncio.sleep(0)
    simulator.state["trouble"] = "none"
    assert await simulator.post() == (200, "taken")
    async with asyncio.timeout(10):
        assert await slow is None


async def test_one_address_has_so_many_connections_and_requests(quiet: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    simulator, _ = await quiet()
    held = [await asyncio.open_connection("127.0.0.1", simulator._port) for _ in range(postbox.OF_ONE)]
    assert await simulator._ask(b"GET /facts/nonce HTTP/1.0\r\n\r\n") is None
    for reader, writer in held:
        writer.write(b"GET /facts/nonce HTTP/1.0\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
    answers = [await simulator._ask(b"GET /else HTTP/1.0\r\n\r\n") for _ in range(postbox.BURST)]
    assert answers[0] == (404, "there is nothing here")
    assert answers[-1] is not None
    assert answers[-1][0] == 429


async def test_whoever_was_given_a_word_may_post_with_it_however_often_they_asked(quiet: Open) -> None:
    simulator, _ = await quiet()
    nonce = ""
    with suppress(ConnectionError):
        while True:
            nonce = await simulator._nonce()
    assert await simulator._ask(_request(simulator._document(nonce, "none"))) == (200, "taken")


def test_addresses_that_are_remembered_are_bounded() -> None:
    rates = postbox.Rates()
    assert all(rates.take(f"10.0.{n // 256}.{n % 256}") for n in range(postbox.PEERS + 500))
    assert len(rates._left) == postbox.PEERS


async def test_two_positions_at_one_address_are_told_apart(quiet: Open, driver: Make, poll: Poll) -> None:
    simulator, one = await quiet()
    other = driver("host/posted", f"127.0.0.1:{simulator._port}", "1001/other", key=KEY)
    with pytest.raises(DeviceError, match="has not posted"):
        await poll(other)
    simulator.name = "1001/other"
    assert await simulator.post() == (200, "taken")
    assert (await poll(other)).device == "online"
    assert (await poll(one)).device == "online"


async def test_nothing_listens_any_more_when_the_last_position_is_gone(start: Start, until: Until) -> None:
    simulator, address = await start("host/posted")
    shared = Shared()
    one = Posted(address, PostedOptions(key=KEY), shared)
    one.be("1001/0")
    await one.open()
    await until(lambda: len(simulator.answers) == 1)
    del one
    gc.collect()
    with pytest.raises(OSError):  # noqa: PT011  (which one differs between systems)
        await simulator.post()
    await shared.close()


async def test_an_address_that_is_taken_is_told(start: Start, driver: Make, poll: Poll) -> None:
    simulator, address = await start("host/posted")
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", simulator._port)
    try:
        with pytest.raises(DeviceError) as caught:
            await poll(driver("host/posted", address, key=KEY))
        assert caught.value.reason == Reason.CANNOT_OPEN
    finally:
        taken.close()


@pytest.mark.parametrize("address", ["10.1.1.1", "10.1.1.1:0", "", "http://10.1.1.1:80"])
def test_an_address_without_a_port_is_none(address: str) -> None:
    assert Posted.check_address(address) is not None
