"""What a PC or server says of itself by SNMP, where that is all it can be asked by: facts of docs/facts.md, once a day.

SNMPv2-MIB (RFC 3418) for what it is, HOST-RESOURCES-MIB (RFC 2790) for its start and its software, TCP-MIB and UDP-MIB
(RFC 4022, RFC 4113; before them RFC 2012, RFC 2013) for what listens, IF-MIB and IP-MIB for its addresses. Of updates,
antivirus and policies SNMP tells nothing, and of a list that is not whole nothing is said. Recordings of Windows XP and
Server 2003: tests/drivers/cases/snmp; a newer Windows was never seen.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from typing import Final, NamedTuple

from drivers.base import FactSheet
from drivers.errors import NotSupported, Reason
from drivers.snmp.asking import Asking, Walked
from drivers.snmp.profile import Oid
from drivers.snmp.reading import Value
from drivers.snmp.tables import OWN, mac_of, names_of
from drivers.snmp.text import decode_text

Fact = str | int | bool | list[str]
Address = IPv4Address | IPv6Address
Walk = Callable[[Oid, int], Awaitable[Walked]]
Socket = tuple[Address, int]

DESCR: Final[Oid] = (1, 3, 6, 1, 2, 1, 1, 1, 0)
SYS_NAME: Final[Oid] = (1, 3, 6, 1, 2, 1, 1, 5, 0)
UPTIME: Final[Oid] = (1, 3, 6, 1, 2, 1, 25, 1, 1, 0)  # hrSystemUptime, 1/100 s
DATE: Final[Oid] = (1, 3, 6, 1, 2, 1, 25, 1, 2, 0)  # hrSystemDate
MEMORY: Final[Oid] = (1, 3, 6, 1, 2, 1, 25, 2, 2, 0)  # hrMemorySize, KiB
SOFTWARE: Final[Oid] = (1, 3, 6, 1, 2, 1, 25, 6, 3, 1, 2)  # hrSWInstalledName
TCP_LISTENER: Final[Oid] = (1, 3, 6, 1, 2, 1, 6, 20, 1, 4)  # tcpListenerProcess
TCP_STATE: Final[Oid] = (1, 3, 6, 1, 2, 1, 6, 13, 1, 1)  # tcpConnState
UDP_ENDPOINT: Final[Oid] = (1, 3, 6, 1, 2, 1, 7, 7, 1, 8)  # udpEndpointProcess
UDP_ADDRESS: Final[Oid] = (1, 3, 6, 1, 2, 1, 7, 5, 1, 1)  # udpLocalAddress
IP_INDEX: Final[Oid] = (1, 3, 6, 1, 2, 1, 4, 20, 1, 2)  # ipAdEntIfIndex
IP_MASK: Final[Oid] = (1, 3, 6, 1, 2, 1, 4, 20, 1, 3)  # ipAdEntNetMask

LISTEN: Final = 2  # of tcpConnState
ROWS: Final = 6000  # of one table
LIST_BYTES: Final = 48 << 10  # of software in a record
LISTED: Final = 64  # addresses, cards
VISTA: Final = 6000  # the build from which Windows has IPv6 unasked
# of ports UDP sends from, which a system gives out by itself: for those a socket waits for one answer
GIVEN: Final = {"win32": 49152, "linux": 32768}

_WINDOWS: Final = re.compile(
    r"Hardware: (?P<cpu>.*) - Software: Windows (?:2000 )?Version \d+\.\d+ \(Build (?P<build>\d{3,6})[ )].*"
)
_LINUX: Final = re.compile(r"Linux (?P<name>\S+) (?P<kernel>\d\S*) (?P<build>#.+) (?P<arch>\S+)")
_DPKG: Final = re.compile(r"([a-z0-9][a-z0-9+.-]*)_(\d[^_\s]*)_[a-z][a-z0-9-]*")
_RPM: Final = re.compile(r"(\S+)-([^-\s]+-[^-\s]+)")


class System(NamedTuple):
    """What sysDescr says; `family` is "" where it is no PC's or server's."""

    family: str
    facts: dict[str, Fact]
    build: int  # of Windows, else 0
    narrow: bool  # a Windows of 32 bits


class Unread(Exception):
    """`why` of docs/facts.md."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


async def read_host(asking: Asking, until: float, families: Collection[str]) -> list[FactSheet]:
    """Nothing of what does not say that it is one of `families`; "" is whatever says neither Windows nor Linux.
    `until` is of the loop's clock. DeviceError."""

    async def walk(column: Oid, rows: int) -> Walked:
        async with asyncio.timeout_at(until):
            return await asking.walked(column, rows)

    said = await asking.get((DESCR, SYS_NAME, UPTIME, DATE, MEMORY))
    system = system_of(_text(said.get(DESCR)))
    if system.family not in families:
        return []
    if not said:
        raise NotSupported(Reason.NOT_IN_DEVICE, "it says nothing of itself")
    return [
        await _host(walk, said, system),
        FactSheet("updates", {}, {"updates.": "absent", "file.srv.sys": "absent"}),
        await _software(walk, system),
        await _network(walk, system),
        FactSheet("antivirus", {}, {"av.": "absent"}),
        FactSheet("policy", {}, dict.fromkeys(("usb.storage", "administrators", "licence"), "absent")),
    ]


def system_of(text: str) -> System:
    """Of Windows the build alone: the version it names is 6.3 since Windows 8.1, whatever it is."""
    if found := _WINDOWS.fullmatch(text):
        facts: dict[str, Fact] = {"os.family": "win32", "os.id": "windows", "os.build": found["build"]}
        facts["os.name"] = f"Windows (Build {found['build']})"
        return System("win32", facts, int(found["build"]), narrow=found["cpu"].startswith("x86 "))
    if found := _LINUX.fullmatch(text):
        facts = {"os.family": "linux", "os.name": f"Linux {found['kernel']}", "kernel": found["kernel"]}
        return System("linux", facts | {"os.build": found["build"], "arch": found["arch"]}, 0, narrow=False)
    return System("", {}, 0, narrow=False)


async def _host(walk: Walk, said: dict[Oid, Value], system: System) -> FactSheet:
    sheet = FactSheet(
        "host", {**system.facts, "facts.source": "snmp"}, {"reboot.": "absent", "machine.serial": "absent"}
    )
    sheet.unread.update(dict.fromkeys(("os.version", "os.edition"), "absent"))
    if not system.family:
        sheet.unread["os.family"] = sheet.unread["os.build"] = "unreadable"
    if name := _text(said.get(SYS_NAME)):
        sheet.facts["host.name"] = name
    memory = said.get(MEMORY)
    if isinstance(memory, int) and 0 < memory < 1 << 40:
        sheet.facts["memory.bytes"] = memory * 1024
    await _fill(sheet, "boot.at", lambda: _now(boot_at(said.get(UPTIME), said.get(DATE))))
    await _fill(sheet, "macs", lambda: _macs(walk))
    await _fill(sheet, "addresses", lambda: _addresses(walk))
    return sheet


async def _now(value: Fact) -> Fact:
    return value


def boot_at(ticks: Value | None, date: Value | None) -> int:
    """UTC µs by the host's own clock, to the second. Unread where it does not say which zone that shows."""
    if ticks is None or date is None:
        raise Unread("absent")
    now = moment_of(date)
    if not isinstance(ticks, int) or not 0 <= ticks < 1 << 32 or now is None:
        raise Unread("unreadable")
    return int((now - timedelta(seconds=ticks // 100)).timestamp()) * 1_000_000


def moment_of(date: Value) -> datetime | None:
    """Of DateAndTime (RFC 2579) with its zone; None of anything else, such as the eight octets of a local time."""
    if not isinstance(date, bytes) or len(date) != 11 or date[8:9] not in (b"+", b"-"):
        return None
    offset = timedelta(hours=date[9], minutes=date[10]) * (1 if date[8:9] == b"+" else -1)
    try:
        year, zone = int.from_bytes(date[:2]), timezone(offset)
        return datetime(year, date[2], date[3], date[4], date[5], min(date[6], 59), tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


async def _fill(sheet: FactSheet, name: str, read: Callable[[], Awaitable[Fact]]) -> None:
    try:
        sheet.facts[name] = await read()
    except Unread as error:
        sheet.unread[name] = error.why
    except TimeoutError:
        sheet.unread[name] = "timeout"


async def _whole(walk: Walk, column: Oid) -> dict[Oid, Value]:
    """All of a column. Unread where it does not end, or goes in circles: who knows what would come."""
    found = await walk(column, ROWS)
    if not found.whole:
        raise Unread("unreadable")
    return found.rows


async def _macs(walk: Walk) -> list[str]:
    found = sorted({mac for value in (await _whole(walk, OWN)).values() if (mac := mac_of(value))})
    if not found:
        raise Unread("absent")
    return found[:LISTED]


async def _addresses(walk: Walk) -> list[str]:
    found = [str(address) for address, _ in _own(await _whole(walk, IP_INDEX))]
    if not found:
        raise Unread("absent")
    return found[:LISTED]


def _own(rows: dict[Oid, Value]) -> Iterator[tuple[Address, int]]:
    """Addresses of ipAddrTable with their interfaces, but loopback and link-local. Unread if one cannot be read."""
    for index, value in rows.items():
        if len(index) != 4 or any(part > 255 for part in index) or not isinstance(value, int):
            raise Unread("unreadable")
        address = IPv4Address(bytes(index))
        if not (address.is_loopback or address.is_link_local or address.is_unspecified):
            yield address, value


async def _networks(walk: Walk) -> list[str]:
    """As "CARD ADDRESS/PREFIX", of IPv4: the table has no other."""

    async def rows_of(column: Oid, most: int) -> dict[Oid, Value]:
        return (await walk(column, most)).rows

    rows = await _whole(walk, IP_INDEX)
    if not rows:
        raise Unread("absent")
    names, masks = await names_of(rows_of), await _whole(walk, IP_MASK)
    found = []
    for address, index in _own(rows):
        mask = masks.get(tuple(address.packed))
        if not isinstance(mask, bytes) or len(mask) != 4:
            raise Unread("unreadable")
        try:
            prefix = IPv4Network((int(address), str(IPv4Address(mask))), strict=False).prefixlen
        except ValueError:
            raise Unread("unreadable") from None
        found.append(f"{names.get(index, f'if{index}')} {address}/{prefix}")
    return found


async def _software(walk: Walk, system: System) -> FactSheet:
    sheet = FactSheet("software", {}, {})
    try:
        walked = await walk(SOFTWARE, ROWS)
        read = [_text(value) for value in walked.rows.values()]
        told = sorted({text for text in read if text})
        if not told:
            raise Unread("unreadable" if read else "absent")
        named = named_by(told, system.family)
    except (Unread, TimeoutError) as error:
        sheet.unread["software"] = error.why if isinstance(error, Unread) else "timeout"
        return sheet
    kept, nameless = list(_fitting(named)), read.count("")
    sheet.facts["software"] = kept
    # Windows of 64 bits leaves out programs of 32 bits: how many, nobody says
    if walked.whole and (system.family == "linux" or system.narrow):
        count = len(named) + nameless
        sheet.facts.update({"software.count": count, "software.left_out": count - len(kept)})
    else:
        sheet.unread.update({"software.count": "absent", "software.left_out": "absent"})
    return sheet


def named_by(told: Sequence[str], family: str) -> list[str]:
    """Of Linux with a tab between name and version, as dpkg or rpm has them. Unread where they are neither's."""
    if family != "linux":
        return list(told)
    for form in (_DPKG, _RPM):
        found = [form.fullmatch(text) for text in told]
        if all(found):
            return [f"{one[1]}\t{one[2]}" for one in found if one]
    raise Unread("unreadable")


def _fitting(named: Sequence[str]) -> Iterator[str]:
    left = LIST_BYTES
    for one in named:
        left -= len(one.encode()) + 5
        if left < 0:
            return
        yield one


async def _network(walk: Walk, system: System) -> FactSheet:
    sheet = FactSheet("network", {}, dict.fromkeys(("shares", "smb1.server", "firewall."), "absent"))
    found: dict[str, list[Socket]] = {}

    async def ports(kind: str, read: Callable[[Walk, System], Awaitable[list[Socket]]]) -> list[str]:
        found[kind] = await read(walk, system)
        return [str(port) for port in sorted({port for _, port in found[kind]})]

    await _fill(sheet, "ports.tcp", lambda: ports("tcp", _tcp))
    await _fill(sheet, "ports.udp", lambda: ports("udp", _udp))
    if len(found) == 2:
        sheet.facts["listening"] = [f"{kind} {_shown(*one)}" for kind, every in found.items() for one in every]
    else:
        sheet.unread["listening"] = next(
            sheet.unread[name] for name in ("ports.tcp", "ports.udp") if name in sheet.unread
        )
    await _fill(sheet, "networks", lambda: _networks(walk))
    return sheet


async def _tcp(walk: Walk, system: System) -> list[Socket]:
    rows = await _whole(walk, TCP_LISTENER)
    if rows:
        return _sorted(endpoint(index) for index in rows)
    states = await _whole(walk, TCP_STATE)
    if not all(isinstance(state, int) for state in states.values()):
        raise Unread("unreadable")
    return _old(system, [index[:5] for index, state in states.items() if state == LISTEN])


async def _udp(walk: Walk, system: System) -> list[Socket]:
    given = GIVEN.get(system.family, 1 << 16)
    if 0 < system.build < VISTA:
        given = 1 << 16  # it gives out 1025 to 5000, where services listen too
    rows = await _whole(walk, UDP_ENDPOINT)
    found = (
        _sorted(endpoint(index) for index in rows if _waits(index))
        if rows
        else _old(system, list(await _whole(walk, UDP_ADDRESS)))
    )
    return [one for one in found if one[1] < given]


def _old(system: System, places: list[Oid]) -> list[Socket]:
    """Of tables that know IPv4 alone: of a system that listens by IPv6 too they tell not enough."""
    if not places or not 0 < system.build < VISTA:
        raise Unread("absent")
    return _sorted(endpoint((1, 4, *place)) for place in places)


def _sorted(found: Iterator[Socket]) -> list[Socket]:
    open_to = {one for one in found if not _loopback(one[0])}
    return sorted(open_to, key=lambda one: (one[1], str(one[0])))


def endpoint(index: Oid) -> Socket:
    """Kind of address, how many parts it has, these (a zone comes behind), and the port. No address: of both kinds."""
    length = index[1] if len(index) > 1 else 0
    if len(index) < 3 + length or any(part > 255 for part in index[2 : 2 + length]) or index[2 + length] > 65_535:
        raise Unread("unreadable")
    size = {0: 0, 1: 4, 2: 16, 3: 4, 4: 16}.get(index[0])
    if size is None or length not in (size, size + 4):
        raise Unread("unreadable")
    address = ip_address(bytes(index[2 : 2 + size])) if size else IPv6Address(0)
    return address, index[2 + length]


def _waits(index: Oid) -> bool:
    """Whether a UDP socket takes from anybody: one with a partner waits for its answer alone."""
    rest = index[3 + index[1] :] if len(index) > 2 else ()
    return len(rest) < 3 + (rest[1] if len(rest) > 1 else 0) or rest[2 + rest[1]] == 0


def _loopback(address: Address) -> bool:
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address.is_loopback or (inner is not None and inner.is_loopback)


def _shown(address: Address, port: int) -> str:
    return f"[{address}]:{port}" if isinstance(address, IPv6Address) else f"{address}:{port}"


def _text(value: Value | None) -> str:
    return decode_text(value) if isinstance(value, bytes) else ""
