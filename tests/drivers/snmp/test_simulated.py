"""The driver and the simulator tell each other's story: what a state is set to is what is read."""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from drivers.base import DeviceWord, Driver, Reading, Shared
from drivers.errors import DeviceError, Garbled, Reason, Unreachable
from drivers.registry import find
from drivers.sim.base import Fault
from drivers.sim.registry import make
from drivers.sim.snmp import SnmpSimulator

Start = Callable[..., Awaitable[tuple[SnmpSimulator, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Coroutine[Any, Any, Reading]]

SECURED: dict[str, object] = {
    "version": "3",
    "user": "watcher",
    "auth": "SHA",
    "auth_password": "authpass123",
    "priv": "AES",
    "priv_password": "privpass123",
}
VERSIONS: dict[str, dict[str, object]] = {"v1": {"version": "1"}, "v2c": {}, "v3": SECURED}
STATES: dict[str, tuple[str, dict[str, str], DeviceWord]] = {
    "ups on battery": ("ups", {"power": "battery", "load": "47"}, DeviceWord.ONLINE),
    "ups low": ("ups", {"power": "battery", "battery": "low"}, DeviceWord.ONLINE),
    "ups to be mended": ("ups", {"battery": "replace", "alarm": "present"}, DeviceWord.ONLINE),
    "ups bypassed": ("ups", {"power": "bypass"}, DeviceWord.ONLINE),
    "apc on battery": ("ups-apc", {"power": "battery", "battery": "replace", "load": "47"}, DeviceWord.ONLINE),
    "apc without a battery": ("ups-apc", {"battery": "missing", "battery.runtime": "0"}, DeviceWord.ONLINE),
    "printer out of paper": ("printer", {"paper": "out"}, DeviceWord.USER_ERROR),
    "printer open": ("printer", {"cover": "open", "toner": "low"}, DeviceWord.USER_ERROR),
    "printer low": ("printer", {"paper": "low", "supply.level": "6"}, DeviceWord.ONLINE),
    "printer full": ("printer", {"output": "full"}, DeviceWord.USER_ERROR),
    "atm out of cash": ("atm-ncr", {"cassette.2": "empty", "module": "attention"}, DeviceWord.ONLINE),
    "atm closed": ("atm-ncr", {"service": "outOfService", "module": "fault"}, DeviceWord.ONLINE),
    "crs full": ("atm-ncr", {"cassette.1": "full"}, DeviceWord.ONLINE),
    "atm low": ("atm-ncr", {"cassette.1": "low", "cassette.count.3": "77"}, DeviceWord.ONLINE),
    "router": ("host", {"port.1": "up", "port.2": "down", "port.3": "disabled", "cpu.load": "91"}, DeviceWord.ONLINE),
    "switch": (
        "network",
        {"port.1": "down", "fan.2": "fault", "psu.1": "missing", "temperature": "63"},
        DeviceWord.ONLINE,
    ),
    "teller's pc": ("windows", {"software.count": "31", "cpu.load": "97", "port.1": "up"}, DeviceWord.ONLINE),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", STATES)
async def test_a_state_is_read_as_it_was_set(name: str, version: str, start: Start, driver: Make, poll: Poll) -> None:
    profile, state, word = STATES[name]
    options = {"profile": profile, "full": 2400, **VERSIONS[version]}
    _, address = await start("snmp", options, state)
    reading = await poll(driver("snmp", address, **options))
    assert reading.device is word
    said = {**reading.parts, **{key: f"{value:g}" for key, value in reading.numbers.items()}}
    for key, value in state.items():
        assert said.get(key, said.get(f"{key}.1")) == value


@pytest.mark.parametrize("name", STATES)
async def test_what_a_simulator_says_it_showed_is_in_the_reading(
    name: str, start: Start, driver: Make, poll: Poll
) -> None:
    profile, state, _ = STATES[name]
    options = {"profile": profile, "full": 2400}
    simulator, address = await start("snmp", options, state)
    told: list[dict[str, str]] = []
    simulator.showed = lambda _, words: told.append(words)
    polled = driver("snmp", address, **options)
    await poll(polled)
    told.clear()
    reading = await poll(polled)
    assert len(told) == 1
    assert told[0].items() <= reading.parts.items()


async def test_a_port_nobody_chose_is_neither_read_nor_said_to_be_shown(start: Start, driver: Make, poll: Poll) -> None:
    options: dict[str, object] = {"profile": "host", "ports": ["GE0/0/2"]}
    simulator, address = await start("snmp", options, {"port.1": "down", "port.2": "up"})
    told: list[dict[str, str]] = []
    simulator.showed = lambda _, words: told.append(words)
    reading = await poll(driver("snmp", address, **options))
    assert told[-1] == reading.parts == {"port.2": "up"}


async def test_a_change_shows_in_the_next_poll(start: Start, driver: Make, poll: Poll) -> None:
    simulator, address = await start("snmp", {"profile": "ups"}, {})
    polled = driver("snmp", address, profile="ups")
    assert (await poll(polled)).parts["power"] == "mains"
    simulator.state.update(power="battery", battery="depleted")
    reading = await poll(polled)
    assert (reading.parts["power"], reading.parts["battery"]) == ("battery", "depleted")
    assert reading.texts["alarm"] == "on battery · depleted battery"
    simulator.state.update(power="mains", battery="ok")
    assert "alarm" not in (await poll(polled)).texts


async def test_a_device_that_began_anew_is_looked_at_anew(start: Start, driver: Make, poll: Poll) -> None:
    simulator, address = await start("snmp", {"profile": "host"}, {"port.1": "up"})
    polled = driver("snmp", address, profile="host")
    simulator.switched_on(seconds_ago=100)
    await poll(polled)
    simulator.state["port.2"] = "down"
    assert "port.2" not in (await poll(polled)).parts
    simulator.switched_on(seconds_ago=0)
    assert (await poll(polled)).parts["port.2"] == "down"


async def test_another_device_at_the_address_is_noticed(start: Start, driver: Make, poll: Poll) -> None:
    """A UPS is taken away, and a printer gets its address."""
    simulator, address = await start("snmp", {"profile": "ups"}, {})
    polled = driver("snmp", address, wait=0.5)
    assert "power" in (await poll(polled)).parts
    await simulator.close()
    with pytest.raises(Unreachable):
        await poll(polled)
    printer = make("snmp", "printer", {"profile": "printer", "port": int(address.rpartition(":")[2])}, {}, None)  # type: ignore[arg-type]
    assert await printer.start() == address
    try:
        assert "paper" in (await poll(polled)).parts
    finally:
        await printer.close()


FAULTS: dict[Fault, tuple[type[DeviceError], Reason]] = {
    Fault.SILENT: (Unreachable, Reason.NO_ANSWER),
    Fault.SLOW: (Unreachable, Reason.NO_ANSWER),
    Fault.HALF: (Garbled, Reason.BAD_FRAME),
    Fault.GARBAGE: (Garbled, Reason.BAD_FRAME),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_has_its_own_error(fault: Fault, version: str, start: Start, driver: Make, poll: Poll) -> None:
    options = {"profile": "ups", **VERSIONS[version]}
    simulator, address = await start("snmp", options, {})
    polled = driver("snmp", address, wait=0.3, **options)
    await poll(polled)
    simulator.fault = fault
    kind, reason = FAULTS[fault]
    with pytest.raises(DeviceError) as caught:
        await poll(polled)
    assert type(caught.value) is kind
    assert caught.value.reason is reason
    assert bool(caught.value.raw) == (kind is Garbled)
    simulator.fault = Fault.NONE
    assert (await poll(polled)).parts["power"] == "mains"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of refused datagrams")
async def test_a_closed_port_is_told_at_once(start: Start, driver: Make, poll: Poll) -> None:
    simulator, address = await start("snmp", {"profile": "ups"}, {})
    polled = driver("snmp", address, profile="ups", wait=5)
    simulator.fault = Fault.HANG_UP
    async with asyncio.timeout(3):
        with pytest.raises(Unreachable) as caught:
            await poll(polled)
    assert caught.value.reason is Reason.CONNECTION_REFUSED


async def test_devices_that_share_an_engine_id_are_kept_apart(start: Start, driver: Make, poll: Poll) -> None:
    """Two cards with one engine id and two passwords of one user name: pysnmp's own engine mixes them up."""
    others = {**SECURED, "auth_password": "otherpass123", "priv_password": "otherpriv123"}
    made: list[tuple[Driver, int]] = []
    for options in (SECURED, others):
        _, address = await start("snmp", {"profile": "ups", **options}, {"load": str(10 + len(made))})
        made.append((driver("snmp", address, profile="ups", **options), 10 + len(made)))
    for _ in range(2):
        for polled, load in made:
            assert (await poll(polled)).numbers["load"] == load


async def test_two_hundred_devices_at_once_are_all_heard(start: Start, driver: Make, poll: Poll) -> None:
    profiles = ("ups", "printer", "atm-ncr", "host")
    polled = []
    for number in range(200):
        profile = profiles[number % 4]
        _, address = await start("snmp", {"profile": profile}, {})
        polled.append(driver("snmp", address, profile=profile, wait=5))
    for _ in range(2):
        readings = await asyncio.gather(*map(poll, polled))
        assert len({reading.identity["name"] for reading in readings}) == 200
        assert {reading.device for reading in readings} == {DeviceWord.ONLINE}


async def test_the_engine_leaves_nothing_behind(
    start: Start, poll: Poll, look_around: Callable[[], Any], nothing_left: Callable[[Any], Awaitable[None]]
) -> None:
    _, address = await start("snmp", {"profile": "ups", **SECURED}, {})
    found = find("snmp")
    before = look_around()
    shared = Shared()
    polled = found(address, found.Options.model_validate({"profile": "ups", **SECURED}), shared)
    await poll(polled)
    silent = find("snmp")(address, found.Options.model_validate({"community": "wrong", "wait": 5.0}), shared)
    waiting = asyncio.create_task(poll(silent))
    await asyncio.sleep(0.05)
    await shared.close()  # the agent stops while a question is on its way
    with pytest.raises(Unreachable):
        await waiting
    del polled, silent, waiting, shared
    gc.collect()
    await nothing_left(before)


def test_a_state_a_device_cannot_have_is_an_error_when_it_is_made() -> None:
    with pytest.raises(ValueError, match='has no "shutter"'):
        make("snmp", "x", {"profile": "ups"}, {"shutter": "open"}, None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='power of a simulated ups cannot be "shut"'):
        make("snmp", "x", {"profile": "ups"}, {"power": "shut"}, None)  # type: ignore[arg-type]


async def test_a_port_that_is_switched_off_and_on_at_once_is_there_in_the_end(
    start: Start, driver: Make, poll: Poll
) -> None:
    """Faults come and go faster than a port opens."""
    simulator, address = await start("snmp", {"profile": "ups"})
    for steps in range(4):
        for fault in (Fault.HANG_UP, Fault.NONE, Fault.HANG_UP, Fault.NONE):
            simulator.fault = fault
            for _ in range(steps):
                await asyncio.sleep(0)
        assert simulator._settling is not None
        await simulator._settling
        assert (await poll(driver("snmp", address, profile="ups"))).device == "online"
