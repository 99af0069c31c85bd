"""What every driver promises, whatever its device does: a Reading or a DeviceError in time, and nothing left behind.

A driver is added by one row in ROWS: its name, options for it, and options for its simulator.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from drivers.base import RAW_LIMIT, Driver, Reading
from drivers.catalogue import catalogue
from drivers.errors import DeviceError
from drivers.registry import BUILT_IN, find
from drivers.sim.base import Fault
from drivers.sim.registry import SIMULATORS

Options = dict[str, object]
PASSBOOK: Options = {"emulation": "olivetti", "profile": "simulated"}
FOUR_STATIONS: Options = {"stations": ["receipt", "journal", "slip"]}

SECURED: Options = {
    "version": "3",
    "user": "watcher",
    "auth": "SHA",
    "auth_password": "authpass123",
    "priv": "AES",
    "priv_password": "privpass123",
}

ROWS: dict[str, tuple[str, Options, Options]] = {
    "snmp ups": ("snmp", {"profile": "ups", "wait": 0.4}, {"profile": "ups"}),
    "snmp apc ups": ("snmp", {"profile": "ups", "wait": 0.4}, {"profile": "ups-apc"}),
    "snmp switch": ("snmp", {"wait": 0.4}, {"profile": "network"}),
    "snmp windows": ("snmp", {"wait": 0.4}, {"profile": "windows"}),
    "snmp ups by our own engine": ("snmp", {"profile": "ups", "wait": 0.4, "engine": "own"}, {"profile": "ups"}),
    "snmp printer of v1": ("snmp", {"version": "1", "wait": 0.4}, {"profile": "printer", "version": "1"}),
    "snmp atm": ("snmp", {"wait": 0.4}, {"profile": "atm-ncr"}),
    "snmp host of v3": ("snmp", {**SECURED, "wait": 0.4}, {"profile": "host", **SECURED}),
    "passbook": ("passbook", PASSBOOK, {}),
    "passbook behind a terminal server": ("passbook", PASSBOOK, {"link": "tcp"}),
    "passbook of an unknown model": ("passbook", {"emulation": "olivetti"}, {}),
    "passbook in ncr 5021 emulation": ("passbook", {"emulation": "ncr-5021"}, {"emulation": "ncr-5021"}),
    "crt-310": ("card_reader/crt", {"model": "crt-310"}, {"model": "crt-310"}),
    "crt-591": ("card_reader/crt", {"model": "crt-591"}, {"model": "crt-591"}),
    "crt-571 with sensors": ("card_reader/crt", {"model": "crt-571", "sensors": True}, {"model": "crt-571"}),
    "crt-591h": ("card_reader/crt", {"model": "crt-591h"}, {"model": "crt-591h"}),
    "omron": ("card_reader/omron", {}, {}),
    "omron with sensors": ("card_reader/omron", {"sensors": True}, {}),
    "ups": ("ups/megatec", {}, {}),
    "ups behind a terminal server": ("ups/megatec", {}, {"link": "tcp", "type": "line-interactive"}),
    "ups that knows one question": ("ups/megatec", {}, {"knows": "Q1"}),
    "xfs4iot": ("atm/xfs4iot", {"wait": 0.4}, {}),
    "xfs4iot of 2021": ("atm/xfs4iot", {"wait": 0.4}, {"version": "2021-1"}),
    "xfs4iot without events": ("atm/xfs4iot", {"wait": 0.4, "events": False}, {}),
    "pcsc": ("card_reader/pcsc", {}, {}),
    "receipt printer": ("escpos", {}, {}),
    "receipt printer that speaks unasked": ("escpos", {"drawer": "high"}, {"asb": True, "drawer": "high"}),
    "four-station printer behind a terminal server": ("escpos", FOUR_STATIONS, {**FOUR_STATIONS, "link": "tcp"}),
    "slip printer": ("escpos", {"stations": ["slip"]}, {"stations": ["slip"]}),
    "zvt terminal": ("pos/zvt", {"timetable": "none"}, {"intermediate": True}),
    "zvt terminal on the network": ("pos/zvt", {"timetable": "none"}, {"link": "tcp"}),
    "ecr terminal": ("pos/ecr", {"dialect": "generic"}, {}),
    "ecr terminal of mellon": ("pos/ecr", {"dialect": "mellon"}, {"dialect": "mellon", "link": "tcp"}),
    "reach": ("reach", {}, {}),
    "file of pos": ("file", {"layout": "pos-daily", "row": "62010001"}, {"layout": "pos-daily", "row": "62010001"}),
    "file of atms": ("file", {"layout": "atm-status", "row": "A0010001"}, {"layout": "atm-status", "row": "A0010001"}),
}

Start = Callable[[str, Options], Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Coroutine[Any, Any, Reading]]


def test_every_driver_and_its_simulator_are_held_to_the_contract() -> None:
    held = {name for name, _, _ in ROWS.values()}
    assert held == set(BUILT_IN) == set(SIMULATORS)


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("row", ROWS)
async def test_a_poll_ends_in_time_with_a_reading_or_a_device_error_and_leaves_nothing(
    row: str,
    fault: Fault,
    start: Start,
    driver: Make,
    poll: Poll,
    look_around: Callable[[], Any],
    nothing_left: Callable[[Any], Awaitable[None]],
) -> None:
    name, options, sim_options = ROWS[row]
    simulator, address = await start(name, sim_options)
    polled = driver(name, address, **options)
    await _settled(poll, polled)  # what is made once, such as an SNMP engine, is made now
    simulator.fault = fault
    before = look_around()
    seen: Reading | DeviceError
    async with asyncio.timeout(polled.timeout):
        try:
            seen = await poll(polled)
        except DeviceError as error:
            seen = error
    await nothing_left(before)
    if isinstance(seen, DeviceError):
        assert seen.detail
        assert len(seen.raw) <= RAW_LIMIT
        assert fault is not Fault.NONE
    else:
        _check(seen)


async def _settled(poll: Poll, polled: Driver) -> None:
    reading = await poll(polled)
    assert isinstance(reading, Reading)


def _check(reading: Reading) -> None:
    """Keys are the catalogue's, words its words, and the raw bytes within their limit."""
    known = catalogue()
    for key, word in reading.parts.items():
        part = known.find_part(key)
        assert part is not None, key
        assert word in part.words, (key, word)
    for key in reading.numbers:
        assert known.find_number(key) is not None, key
    assert sum(len(answer) for answer in reading.raw.values()) <= RAW_LIMIT


@pytest.mark.parametrize("row", ROWS)
async def test_a_poll_that_is_cancelled_leaves_nothing(
    row: str,
    start: Start,
    driver: Make,
    poll: Poll,
    look_around: Callable[[], Any],
    nothing_left: Callable[[Any], Awaitable[None]],
) -> None:
    name, options, sim_options = ROWS[row]
    simulator, address = await start(name, sim_options)
    polled = driver(name, address, **options)
    await _settled(poll, polled)
    simulator.fault = Fault.SILENT
    before = look_around()
    polling = asyncio.create_task(poll(polled))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    polling.cancel()
    await asyncio.wait([polling])
    await nothing_left(before)


@pytest.mark.parametrize("row", ROWS)
async def test_a_driver_is_itself_again_once_the_fault_is_gone(
    row: str, start: Start, driver: Make, poll: Poll
) -> None:
    name, options, sim_options = ROWS[row]
    simulator, address = await start(name, sim_options)
    polled = driver(name, address, **options)
    first = await poll(polled)
    for fault in (Fault.HALF, Fault.GARBAGE, Fault.HANG_UP):
        simulator.fault = fault
        with suppress(DeviceError):
            await poll(polled)
    simulator.fault = Fault.NONE
    async with asyncio.timeout(5):
        while True:
            try:
                again = await poll(polled)
            except DeviceError:
                await asyncio.sleep(0.05)  # a dropped file takes a moment to be dropped again
            else:
                break
    assert (again.device, again.parts, again.identity) == (first.device, first.parts, first.identity)


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("address", ["", "\0", "a b", "http://x", "[", "1.2.3.4:99999999999", "；", "socket://:1"])
def test_a_bad_address_is_told_by_the_end_of_a_sentence(name: str, address: str) -> None:
    wrong = find(name).check_address(address)
    assert wrong is not None
    assert wrong.startswith("is ")
