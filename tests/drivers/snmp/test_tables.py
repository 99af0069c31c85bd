"""Whom a router or switch has on its wires, by its own tables: of the simulator, of net-snmp, and as bare rows."""

import asyncio
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Driver, FactSheet, TellsFacts
from drivers.errors import Unreachable
from drivers.sim.snmp_devices import STATIONS
from drivers.snmp.tables import MOST, mac_of, of_bridge, of_media, of_physical
from tests.drivers.snmp.conftest import free_port

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]
SECURED = {
    "version": "3",
    "user": "watcher",
    "auth": "SHA",
    "auth_password": "authpass123",
    "priv": "AES",
    "priv_password": "privpass123",
}


async def told(driver: Driver) -> dict[str, FactSheet]:
    assert isinstance(driver, TellsFacts)
    await driver.open()
    try:
        return {sheet.topic: sheet for sheet in await driver.facts()}
    finally:
        await driver.close()


@pytest.mark.parametrize("version", [{"version": "1"}, {}, SECURED], ids=["v1", "v2c", "v3"])
async def test_a_switch_tells_who_is_on_which_port(version: dict[str, str], start: Start, driver: Make) -> None:
    options = {"profile": "network", **version}
    _, address = await start("snmp", options, {})
    sheets = await told(driver("snmp", address, **options))
    assert sheets["stations"].facts["stations"] == sorted(
        (f"{mac} {vlan} GE0/0/{port}" for vlan, port, mac, _ in STATIONS), key=lambda one: (one.split()[1], one)
    )
    assert set(sheets["neighbours"].facts["neighbours"]) == {  # type: ignore[arg-type]
        f"{ip} {mac} GE0/0/{port}" for _, port, mac, ip in STATIONS if ip
    }
    assert sheets["neighbours"].facts["neighbours.own"] == ["00:1b:21:0a:00:fe"]
    assert sheets["stations"].facts["stations.left_out"] == 0


async def test_a_router_without_a_table_of_stations_says_that_it_has_none(start: Start, driver: Make) -> None:
    _, address = await start("snmp", {"profile": "host"}, {})
    sheets = await told(driver("snmp", address, profile="host"))
    assert {topic: sheet.unread for topic, sheet in sheets.items()} == {
        "neighbours": {"neighbours": "absent"},
        "stations": {"stations": "absent"},
    }


async def test_a_ups_is_not_asked(start: Start, driver: Make) -> None:
    simulator, address = await start("snmp", {"profile": "ups"}, {})
    assert await told(driver("snmp", address, profile="ups")) == {}
    assert simulator.messages == 0


async def test_a_large_table_says_how_much_of_it_is_left_out(start: Start, driver: Make, tmp_path: Path) -> None:
    rows = [f"1.3.6.1.2.1.17.4.3.1.2.0.27.33.1.{at // 256}.{at % 256}|2|1" for at in range(MOST + 100)]
    recording = tmp_path / "core.snmprec"
    recording.write_text("\n".join(["1.3.6.1.2.1.17.1.4.1.2.1|2|7", *rows]), encoding="utf-8")
    _, address = await start("snmp", {"profile": "network", "recording": str(recording)}, {})
    stations = (await told(driver("snmp", address, profile="network")))["stations"].facts
    assert (len(stations["stations"]), stations["stations.left_out"]) == (MOST, 100)  # type: ignore[arg-type]
    assert stations["stations"][0] == "00:1b:21:01:00:00 0 if7"  # type: ignore[index]


async def test_a_device_that_is_silent_is_a_failure_and_no_empty_table(driver: Make) -> None:
    with pytest.raises(Unreachable):
        await told(driver("snmp", f"127.0.0.1:{free_port()}", profile="network", wait=0.1))


async def test_net_snmp_tells_the_neighbours_this_machine_has(snmpd: str, driver: Make) -> None:
    if shutil.which("ip") is None:
        pytest.skip("what it tells is held against `ip neigh`: apt-get install -y iproute2")
    sheet = (await told(driver("snmp", snmpd, profile="host")))["neighbours"]
    said = await asyncio.to_thread(subprocess.check_output, ["ip", "-4", "neigh", "show"], text=True)
    there = {tuple(line.split()[at] for at in (0, 4)) for line in said.splitlines() if "lladdr" in line}
    found = {tuple(one.split()[:2]) for one in sheet.facts.get("neighbours", [])}  # type: ignore[union-attr]
    assert not there or there & found  # the one or other may have come or gone meanwhile


def test_rows_of_both_families_are_read_and_what_is_none_is_left_out() -> None:
    mac = bytes.fromhex("001b210a0005")
    six = (0x20, 1, 0x0D, 0xB8, *[0] * 11, 7)
    assert list(of_media({(3, 10, 1, 1, 5): mac, (3, 10, 1, 1): mac, (3, 10, 1, 1, 999): mac})) == [
        ("10.1.1.5", "00:1b:21:0a:00:05", 3)
    ]
    rows = {
        (3, 1, 4, 10, 1, 1, 5): mac,
        (3, 2, 16, *six): mac,
        (3, 4, 20, *six, 0, 0, 0, 3): mac,  # with its zone
        (3, 2, 4, 10, 1, 1, 5): mac,
        (3, 16, 2, 65, 66): mac,
        (3, 1, 4, 10, 1, 1): mac,
        (3, 1): mac,
    }
    assert [address for address, _, _ in of_physical(rows)] == ["10.1.1.5", "2001:db8::7", "2001:db8::7"]
    assert list(
        of_bridge({(10, *mac): 5, (1, *mac): 0, (10, *mac[:5]): 5, (10, 999, *mac[1:]): 5, (11, *mac): b""})
    ) == [("00:1b:21:0a:00:05", 10, 5)]


@pytest.mark.parametrize("octets", [b"", b"\0" * 6, b"\xff" * 6, b"\x01\0\x5e\0\0\x16", b"\0\x1b\x21", 5, (1, 3)])
def test_what_is_no_stations_mac_is_none(octets: Any) -> None:
    assert mac_of(octets) == ""
