"""What a simulated host can do wrong: each has its own cause, in its time, and the next poll is as good as ever."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from drivers.base import Driver, Reading
from drivers.errors import DeviceError, NotSupported, Reason
from drivers.host.ssh import AT_ONCE
from drivers.sim.base import Fault, WrongState
from drivers.sim.ssh import as_text, host_key

Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]
Start = Callable[..., Awaitable[tuple[Any, str]]]

PRIVATE = as_text(Ed25519PrivateKey.generate())


def _options(**other: object) -> dict[str, object]:
    named = {"user": "watcher", "private_key": PRIVATE, "host_key": host_key("1001/0").fingerprint}
    return {**named, "wait": 0.5, "run": 4.0, **other}


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("endless-banner", Reason.CONNECT_TIMEOUT),
        ("flood-banner", Reason.TOO_LONG),
        ("new-key", Reason.HOST_KEY_CHANGED),
        ("no-login", Reason.CONNECT_TIMEOUT),
        ("refused", Reason.LOGIN_REFUSED),
        ("flood", Reason.UNREADABLE_OUTPUT),
        ("no-stdin", Reason.UNREADABLE_OUTPUT),
    ],
)
async def test_each_trouble_has_its_own_cause_and_ends_with_it(
    trouble: str, reason: Reason, start: Start, driver: Make, poll: Poll
) -> None:
    simulator, address = await start("host/ssh", state={"trouble": trouble})
    polled = driver("host/ssh", address, **_options())
    with pytest.raises(DeviceError) as caught:
        await poll(polled)
    assert caught.value.reason == reason
    simulator.state["trouble"] = "none"
    assert (await poll(polled)).device == "online"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.SILENT, Reason.CONNECT_TIMEOUT),
        (Fault.SLOW, Reason.RUN_TIMEOUT),
        (Fault.HALF, Reason.RUN_TIMEOUT),
        (Fault.GARBAGE, Reason.UNREADABLE_OUTPUT),
        (Fault.HANG_UP, Reason.HUNG_UP),
    ],
)
async def test_each_fault_has_its_own_cause(
    fault: Fault, reason: Reason, start: Start, driver: Make, poll: Poll
) -> None:
    simulator, address = await start("host/ssh")
    simulator.fault = fault
    with pytest.raises(DeviceError) as caught:
        await poll(driver("host/ssh", address, **_options()))
    assert caught.value.reason == reason


async def test_a_first_connection_that_is_dropped_is_made_once_more(start: Start, driver: Make, poll: Poll) -> None:
    simulator, address = await start("host/ssh", state={"trouble": "drop-first"})
    assert (await poll(driver("host/ssh", address, **_options()))).device == "online"
    assert simulator.connections == 2
    assert len(simulator.commands) == 1


async def test_no_host_is_called_with_a_script_that_was_changed(
    start: Start, driver: Make, poll: Poll, changed_script: None
) -> None:
    simulator, address = await start("host/ssh")
    with pytest.raises(NotSupported, match="not the one it was shipped with"):
        await poll(driver("host/ssh", address, **_options()))
    assert simulator.connections == 0


async def test_a_script_whose_host_hangs_up_is_not_run_again(start: Start, driver: Make, poll: Poll) -> None:
    simulator, address = await start("host/ssh")
    simulator.fault = Fault.HANG_UP
    with pytest.raises(DeviceError):
        await poll(driver("host/ssh", address, **_options()))
    assert len(simulator.commands) == 1


async def test_before_the_fingerprint_is_confirmed_nothing_is_run(start: Start, driver: Make, poll: Poll) -> None:
    simulator, address = await start("host/ssh")
    with pytest.raises(DeviceError, match=r"its host key is SHA256:\S{43} ") as caught:
        await poll(driver("host/ssh", address, **_options(host_key="")))
    assert host_key("1001/0").fingerprint in caught.value.detail
    assert simulator.commands == []


@pytest.mark.parametrize("trouble", ["endless-banner", "no-login", "none"])
async def test_a_session_that_is_cancelled_in_any_wait_leaves_nothing(
    trouble: str,
    start: Start,
    driver: Make,
    poll: Poll,
    nothing_left: Callable[[Any], Awaitable[None]],
    look_around: Callable[[], Any],
) -> None:
    simulator, address = await start("host/ssh")
    polled = driver("host/ssh", address, **_options(wait=20, run=40))
    await poll(polled)  # what is made once is made
    before = look_around()
    simulator.state["trouble"], simulator.fault = trouble, Fault.SLOW
    asked, came = len(simulator.commands), simulator.connections
    polling = asyncio.ensure_future(poll(polled))
    async with asyncio.timeout(30):
        while simulator.connections == came or (trouble == "none" and len(simulator.commands) == asked):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    polling.cancel()
    await asyncio.wait([polling])
    await nothing_left(before)


async def test_the_command_line_is_always_the_same_words(start: Start, driver: Make, poll: Poll) -> None:
    simulator, address = await start("host/ssh")
    await poll(driver("host/ssh", address, **_options(user="$(reboot)")))
    assert simulator.commands == [b"/bin/sh"]


async def test_it_is_read_with_its_words(start: Start, driver: Make, poll: Poll) -> None:
    _, address = await start("host/ssh", state={"reboot": "pending", "antivirus": "stopped", "disk.used": "96"})
    reading = await poll(driver("host/ssh", address, **_options()))
    assert reading.parts == {"reboot": "pending", "antivirus": "stopped"}
    assert reading.numbers["disk.used"] == 96
    assert reading.texts["unread.rights"] == "serial"
    assert "serial" not in reading.identity


async def test_no_more_than_sixteen_sessions_are_on_at_once(start: Start, driver: Make, poll: Poll) -> None:
    hosts = [await start("host/ssh") for _ in range(AT_ONCE + 4)]
    for simulator, _ in hosts:
        simulator.fault = Fault.SLOW
    polls: list[asyncio.Future[Reading]] = [
        asyncio.ensure_future(poll(driver("host/ssh", address, **_options(host_key=_key(n), wait=20, run=40))))
        for n, (_, address) in enumerate(hosts)
    ]
    async with asyncio.timeout(60):
        while sum(len(simulator.commands) for simulator, _ in hosts) < AT_ONCE:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        while sum(simulator.connections for simulator, _ in hosts) < len(hosts):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert sum(len(simulator.commands) for simulator, _ in hosts) == AT_ONCE
    for simulator, _ in hosts:
        simulator.fault = Fault.NONE
    asked = [task for task, (simulator, _) in zip(polls, hosts, strict=True) if simulator.commands]
    for task in asked:
        task.cancel()
    await asyncio.wait(asked)
    others = [task for task in polls if task not in asked]
    assert [(await task).device for task in others] == ["online"] * 4


async def test_it_tells_facts_as_it_is_set(start: Start, driver: Make) -> None:
    _, address = await start("host/ssh", state={"antivirus": "stopped", "reboot": "pending", "listens": "445"})
    telling: Any = driver("host/ssh", address, **_options())
    told = {sheet.topic: sheet.facts for sheet in await telling.facts()}
    await telling.close()
    assert told["network"]["ports.tcp"] == ["22", "445"]
    assert told["antivirus"]["av.1.realtime"] is False
    assert told["host"]["reboot.pending"] is True


@pytest.mark.parametrize(
    ("trouble", "fault"), [("flood", Fault.NONE), ("none", Fault.GARBAGE), ("none", Fault.HANG_UP)]
)
async def test_facts_that_cannot_be_had_have_a_cause_as_a_reading_has(
    trouble: str, fault: Fault, start: Start, driver: Make
) -> None:
    simulator, address = await start("host/ssh", state={"trouble": trouble})
    simulator.fault = fault
    telling: Any = driver("host/ssh", address, **_options())
    with pytest.raises(DeviceError) as caught:
        await telling.facts()
    assert caught.value.reason in (Reason.UNREADABLE_OUTPUT, Reason.HUNG_UP)
    await telling.close()


def _key(number: int) -> str:
    return host_key(f"1001/{number}").fingerprint


async def test_a_state_it_cannot_have_is_told(start: Start) -> None:
    with pytest.raises(WrongState, match="reboot of a simulated host"):
        await start("host/ssh", state={"reboot": "maybe"})
