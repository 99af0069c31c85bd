"""One poll: whatever the driver does, there is a reading or a failure, and the device is closed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agent.assignment import Target, make_target
from agent.poll import Poller, Seen, address_key
from agent.wire import DeviceWord, Polled
from drivers.base import Shared

LampSays = Callable[..., Polled]
Until = Callable[[Callable[[], object]], Awaitable[None]]


async def poll(polled: Polled) -> Seen:
    return await Poller().poll(make_target(polled, Shared()))


def opened_and_closed(polled: Polled) -> list[str]:
    return Path(polled.address).with_suffix(".log").read_text(encoding="utf-8").split()


async def test_a_reading_comes_back_whole(lamp: LampSays) -> None:
    polled = lamp("1/a", device="online", parts={"paper": "low"}, numbers={"load": 12})
    seen = await poll(polled)
    assert seen.failure is None
    assert seen.reading.parts == {"paper": "low"}
    assert seen.reading.numbers == {"load": 12.0}
    assert opened_and_closed(polled) == ["open", "close"]


@pytest.mark.parametrize(
    ("error", "reason", "word"),
    [
        ("Unreachable", "noAnswer", DeviceWord.OFFLINE),
        ("Unreachable", "noSuchPort", DeviceWord.NO_DEVICE),
        ("Refused", "cannotOpen", DeviceWord.UNKNOWN),
        ("Unreachable", "noPermission", DeviceWord.UNKNOWN),
        ("Unreachable", "noFile", DeviceWord.UNKNOWN),
        ("Busy", "portInUse", DeviceWord.IN_USE),
        ("Busy", "ownerUnknown", DeviceWord.UNKNOWN),
        ("Refused", "wrongSecret", DeviceWord.UNKNOWN),
        ("Garbled", "badFrame", DeviceWord.UNKNOWN),
        ("NotSupported", "notInDevice", DeviceWord.UNKNOWN),
    ],
)
async def test_a_device_error_becomes_a_failure_and_the_word_that_follows(
    lamp: LampSays, error: str, reason: str, word: DeviceWord
) -> None:
    polled = lamp("1/a", error=error, reason=reason)
    seen = await poll(polled)
    assert seen.reading.device is word
    assert seen.failure is not None
    assert seen.failure.reason == reason
    assert seen.failure.raw == b"\x15"
    assert opened_and_closed(polled) == ["open", "close"]


async def test_what_the_system_knows_of_a_device_in_use_is_kept(lamp: LampSays) -> None:
    seen = await poll(lamp("1/a", error="Busy", reason="portInUse", parts={"paper": "out"}))
    assert seen.reading.device is DeviceWord.IN_USE
    assert seen.reading.parts == {"paper": "out"}
    assert seen.failure is not None


async def test_nonsense_of_a_device_in_use_is_the_drivers_defect(lamp: LampSays) -> None:
    seen = await poll(lamp("1/a", error="Busy", reason="portInUse", parts={"cover": 7}))
    assert seen.reading.device is DeviceWord.UNKNOWN
    assert seen.failure is not None
    assert seen.failure.reason == "driverFailed"


async def test_a_driver_that_hangs_is_no_answer(lamp: LampSays) -> None:
    polled = lamp("1/a", hang=True)
    seen = await poll(polled)
    assert seen.reading.device is DeviceWord.OFFLINE
    assert seen.failure is not None
    assert seen.failure.detail == "no answer within 0.3 s"
    assert opened_and_closed(polled) == ["open", "close"]


@pytest.mark.parametrize("defect", ["crash", "type"])
async def test_a_drivers_defect_is_one_positions_failure_and_logged_once(
    lamp: LampSays, caplog: pytest.LogCaptureFixture, defect: str
) -> None:
    target = make_target(lamp("1/a", **{"device": "online", defect: True}), Shared())
    poller = Poller()
    with caplog.at_level(logging.ERROR):
        first, second = await poller.poll(target), await poller.poll(target)
    assert first == second
    assert first.failure is not None
    assert first.failure.reason == "driverFailed"
    assert first.reading.device is DeviceWord.UNKNOWN
    assert len(caplog.records) == 1


async def test_a_close_that_hangs_does_not_spoil_the_reading(lamp: LampSays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.poll.CLOSE_SECONDS", 0.05)
    seen = await poll(lamp("1/a", device="online", texts={"console": "hang_on_close"}))
    assert seen.failure is None


async def test_a_wrong_driver_address_or_option_fails_that_position_only(lamp: LampSays) -> None:
    good = lamp("1/a", device="online")
    wrong = [
        Polled(position="1/b", name="", driver="lampe", address=good.address, options={}, interval=1),
        Polled(position="1/c", name="", driver="lamp", address="COM1", options={}, interval=1),
        lamp("1/d", device="online", options={"wats": 3, "watts": "many", "password": ["geheim"]}),
    ]
    seen = [await poll(polled) for polled in [*wrong, good]]
    reasons = [each.failure.reason if each.failure else "" for each in seen]
    assert reasons == ["noDriver", "badOptions", "badOptions", ""]
    said = seen[2].failure.detail if seen[2].failure else ""
    assert "wats" in said
    assert "geheim" not in said


async def test_positions_at_one_address_take_turns(lamp: LampSays) -> None:
    polled = lamp("1/a", device="online", takes=0.02)
    other = Polled(position="1/b", name="", driver="lamp", address=polled.address, options={}, interval=1)
    poller = Poller()
    targets = [make_target(each, Shared()) for each in (polled, other)]
    await asyncio.gather(*(poller.poll(target) for target in targets * 3))
    assert opened_and_closed(polled) == ["open", "close"] * 6


async def test_different_addresses_are_polled_side_by_side(lamp: LampSays) -> None:
    poller = Poller()
    second = lamp("1/b", device="online")
    first = lamp("1/a", device="online", waits_for=str(Path(second.address).with_suffix(".log")))
    targets = [make_target(each, Shared()) for each in (first, second)]
    seen = await asyncio.gather(*(poller.poll(target) for target in targets))
    assert [each.failure for each in seen] == [None, None]


async def test_a_cancelled_poll_closes_its_device(lamp: LampSays, until: Until) -> None:
    polled = lamp("1/a", hang=True)
    task = asyncio.create_task(poll(polled))
    await until(Path(polled.address).with_suffix(".log").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert opened_and_closed(polled) == ["open", "close"]


async def test_a_target_without_a_driver_says_why() -> None:
    polled = Polled(position="1/a", name="", driver="x", address="", options={}, interval=1)
    seen = await Poller().poll(Target(polled))
    assert seen.failure is not None


def test_two_names_of_one_port_are_one_address(tmp_path: Path) -> None:
    port, link = tmp_path / "ttyUSB0", tmp_path / "by-id"
    port.touch()
    link.symlink_to(port)
    assert address_key(str(link)) == address_key(str(port))
    assert address_key("COM3") == address_key("com3 ")
    assert address_key("10.0.0.1") != address_key("10.0.0.2")
