"""Whom a router or switch has on its wires: its tables of addresses and of stations, read once a day, by walking alone.

IP-MIB (RFC 4293: ipNetToPhysicalTable; before it ipNetToMediaTable), Q-BRIDGE-MIB and BRIDGE-MIB (RFC 4363, RFC 4188)
for stations and their bridge ports, IF-MIB for names of interfaces. Nothing is sent to any station.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from drivers.base import FactSheet
from drivers.snmp.asking import Asking
from drivers.snmp.profile import Oid
from drivers.snmp.reading import Value
from drivers.snmp.text import decode_text

MEDIA: Final[Oid] = (1, 3, 6, 1, 2, 1, 4, 22, 1, 2)  # ipNetToMediaPhysAddress
PHYSICAL: Final[Oid] = (1, 3, 6, 1, 2, 1, 4, 35, 1, 4)  # ipNetToPhysicalPhysAddress
FDB: Final[Oid] = (1, 3, 6, 1, 2, 1, 17, 4, 3, 1, 2)  # dot1dTpFdbPort
Q_FDB: Final[Oid] = (1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1, 2)  # dot1qTpFdbPort
BRIDGE_PORT: Final[Oid] = (1, 3, 6, 1, 2, 1, 17, 1, 4, 1, 2)  # dot1dBasePortIfIndex
NAME: Final[Oid] = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1)  # ifName
DESCR: Final[Oid] = (1, 3, 6, 1, 2, 1, 2, 2, 1, 2)  # ifDescr
OWN: Final[Oid] = (1, 3, 6, 1, 2, 1, 2, 2, 1, 6)  # ifPhysAddress

MOST: Final = 1500  # rows told of a table: so many fit one record
READ: Final = 6000  # rows read of one
INTERFACES: Final = 2000
NAMED: Final = 24  # characters of an interface's name

Rows = Mapping[Oid, Value]
Walk = Callable[[Oid, int], Awaitable[Rows]]


async def read_tables(asking: Asking, until: float) -> list[FactSheet]:
    """Two sheets. A table the device has nothing in is absent; what took too long is said. `until` is of the loop's
    clock. DeviceError."""

    async def walk(column: Oid, rows: int) -> Rows:
        async with asyncio.timeout_at(until):
            return await asking.walk(column, rows)

    names: dict[int, str] = {}
    neighbours, own = await _sheet("neighbours", lambda: _neighbours(walk, names)), await _own(walk)
    if own:
        neighbours.facts["neighbours.own"] = own
    return [neighbours, await _sheet("stations", lambda: _stations(walk, names))]


async def _sheet(topic: str, read: Callable[[], Awaitable[list[str]]]) -> FactSheet:
    try:
        every = await read()
    except TimeoutError:
        return FactSheet(topic, {}, {topic: "timeout"})
    if not every:
        return FactSheet(topic, {}, {topic: "absent"})
    return FactSheet(topic, {topic: every[:MOST], f"{topic}.left_out": max(0, len(every) - MOST)}, {})


async def _neighbours(walk: Walk, names: dict[int, str]) -> list[str]:
    """As "ADDRESS MAC INTERFACE"."""
    names |= await names_of(walk)
    found = [*of_physical(await walk(PHYSICAL, READ)), *of_media(await walk(MEDIA, READ))]
    return list(dict.fromkeys(f"{address} {mac} {names.get(index, index)}" for address, mac, index in found))


async def _stations(walk: Walk, names: dict[int, str]) -> list[str]:
    """As "MAC VLAN INTERFACE"; of the older table, which knows no VLAN, it is 0."""
    rows = await walk(Q_FDB, READ) or {(0, *index): value for index, value in (await walk(FDB, READ)).items()}
    if not rows:
        return []
    ports = {index[-1]: value for index, value in (await walk(BRIDGE_PORT, INTERFACES)).items() if index}
    found = of_bridge(rows)
    return [f"{mac} {vlan} {_port(port, ports, names)}" for mac, vlan, port in found]


async def names_of(walk: Walk) -> dict[int, str]:
    """Of interfaces, in one word each."""
    rows = await walk(NAME, INTERFACES) or await walk(DESCR, INTERFACES)
    texts = {index[-1]: decode_text(value) for index, value in rows.items() if index and isinstance(value, bytes)}
    return {index: "".join(text.split())[:NAMED] or str(index) for index, text in texts.items()}


async def _own(walk: Walk) -> list[str]:
    """The device's own MACs, by which it is known to others."""
    with suppress(TimeoutError):
        rows = await walk(OWN, INTERFACES)
        return sorted({mac for value in rows.values() if (mac := mac_of(value))})[:64]
    return []


def _port(port: int, ports: Mapping[int, Value], names: Mapping[int, str]) -> str:
    index = ports.get(port)
    return names.get(index, f"if{index}") if isinstance(index, int) else f"port{port}"


def of_media(rows: Rows) -> Iterator[tuple[str, str, int]]:
    """Its index is the interface and the four parts of the address."""
    for index, value in rows.items():
        mac = mac_of(value)
        if mac and len(index) == 5 and all(part < 256 for part in index[1:]):
            yield str(IPv4Address(bytes(index[1:]))), mac, index[0]


def of_physical(rows: Rows) -> Iterator[tuple[str, str, int]]:
    """Its index is the interface, the kind of address, how many parts it has, and these; a zone comes behind."""
    for index, value in rows.items():
        mac = mac_of(value)
        if not mac or len(index) < 3 or len(index) != 3 + index[2] or any(part > 255 for part in index[3:]):
            continue
        size = 4 if index[1] in (1, 3) else 16 if index[1] in (2, 4) else 0
        if size and index[2] in (size, size + 4):
            address: IPv4Address | IPv6Address = ip_address(bytes(index[3 : 3 + size]))
            yield str(address), mac, index[0]


def of_bridge(rows: Rows) -> Iterator[tuple[str, int, int]]:
    """Its index is the filtering database, which mostly is the VLAN's number, and the MAC. Port 0 is the bridge."""
    for index, port in rows.items():
        if len(index) == 7 and all(part < 256 for part in index[1:]) and isinstance(port, int) and port > 0:
            mac = mac_of(bytes(index[1:]))
            if mac:
                yield mac, index[0], port


def mac_of(value: Value) -> str:
    """Nothing for what is no station's: empty, of another length, or a group's."""
    if not isinstance(value, bytes) or len(value) != 6 or value[0] & 1 or not any(value):
        return ""
    return value.hex(":")
