"""The wire against the ledger, pure: who is there and not known, who is known and not there.

By MAC first, by address second. A MAC that was made up (locally administered), one that many share (VRRP, HSRP), and
one that answers for many addresses (a router, or a proxy of ARP) are no strangers; they are told apart, and counted.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from server.network.known import Known
from server.schemas.network import Sort

DAY: Final = 86_400_000_000  # µs
LOOKED: Final = 2 * DAY  # what told of a branch longer ago than this does not speak for it
WINDOW: Final = 7 * DAY  # who was not seen for longer is missing
MANY: Final = 8  # addresses of one MAC in the table of one teller
SHARED: Final = (
    "00:00:5e:00:01:",
    "00:00:5e:00:02:",
    "00:00:0c:07:ac:",
    "00:00:0c:9f:f",
    "00:05:73:a0:0",
    "00:07:b4:00:",
)


class Line(NamedTuple):
    """One line a teller told."""

    mac: str
    ip: str
    teller: int
    branch_id: int
    where: str
    first_at: int
    last_at: int
    swept_at: int | None = None  # when a sweep found it last


class Station(NamedTuple):
    """All lines of one MAC. `where` is the port that has the fewest others: the one it hangs on."""

    mac: str
    ips: tuple[str, ...]
    branch_id: int
    where: str
    first_at: int
    last_at: int
    most: int  # addresses in the table of one teller
    swept_at: int | None = None


def stations(lines: Iterable[Line]) -> list[Station]:
    by_mac: dict[str, list[Line]] = defaultdict(list)
    crowd: dict[tuple[int, str], set[str]] = defaultdict(set)
    for line in lines:
        by_mac[line.mac].append(line)
        crowd[line.teller, line.where].add(line.mac)

    def one(mac: str, own: Sequence[Line]) -> Station:
        last = max(line.last_at for line in own)
        newest = [line for line in own if line.last_at >= last - DAY]
        # a table of stations knows the port; then the port with the fewest others
        nearest = min(newest, key=lambda line: (bool(line.ip), len(crowd[line.teller, line.where]), -line.last_at))
        ips: dict[int, set[str]] = defaultdict(set)
        for line in newest:
            if line.ip:
                ips[line.teller].add(line.ip)
        every = sorted({ip for found in ips.values() for ip in found})
        most = max(map(len, ips.values()), default=0)
        first = min(line.first_at for line in own)
        swept = max((line.swept_at for line in newest if line.swept_at is not None), default=None)
        return Station(mac, tuple(every), nearest.branch_id, nearest.where, first, last, most, swept)

    return [one(mac, own) for mac, own in by_mac.items()]


def sort_of(station: Station) -> Sort:
    """What a MAC that nobody knows is."""
    if station.mac.startswith(SHARED):
        return Sort.SHARED
    if station.most >= MANY:
        return Sort.ROUTER
    return Sort.RANDOM if int(station.mac[:2], 16) & 2 else Sort.STRANGER


class Joined(NamedTuple):
    """`owner` by MAC, or by the address of one whose MAC nobody knows. `claims` is who else has that address."""

    station: Station
    owner: Known | None
    claims: Known | None


def join(found: Iterable[Station], known: Iterable[Known]) -> list[Joined]:
    by_mac: dict[str, Known] = {}
    by_ip: dict[str, list[Known]] = defaultdict(list)
    for one in known:
        by_mac.update(dict.fromkeys(one.macs, one))
        for ip in one.ips:
            by_ip[ip].append(one)

    def joined(station: Station) -> Joined:
        owner = by_mac.get(station.mac)
        if owner is not None or station.most >= MANY:
            return Joined(station, owner, None)
        alike = [one for ip in station.ips for one in by_ip.get(ip, ())]
        alike.sort(key=lambda one: one.branch_id != station.branch_id)  # two branches may number alike
        without = next((one for one in alike if not one.macs), None)
        return Joined(station, without, alike[0] if alike and without is None else None)

    return [joined(station) for station in found]


def last_seen(joined: Iterable[Joined], known: Sequence[Known]) -> dict[int, int]:
    """When each of the known was last on the wire, or spoke itself. A machine that is read in two ways is two of the
    known at one address: whoever has it stands for each of which nothing but that address is known."""
    times = {one.id: one.heard_at for one in known if one.heard_at is not None}
    by_address: dict[tuple[int, str], list[int]] = defaultdict(list)
    for each in known:
        if not each.macs:
            for ip in each.ips:
                by_address[each.branch_id, ip].append(each.id)

    def alike(branch: int, ips: Iterable[str]) -> list[int]:
        return [own for ip in ips for own in by_address.get((branch, ip), ())]

    for each in known:
        if each.heard_at is not None:
            for own in alike(each.branch_id, each.ips):
                times[own] = max(each.heard_at, times.get(own, 0))
    for one in joined:
        station = one.station
        seen = [one.owner.id] if one.owner is not None else []
        if station.most < MANY:
            seen += alike(station.branch_id, station.ips)
        for own in seen:
            times[own] = max(station.last_at, times.get(own, 0))
    return times


def looked_at(tellers: Mapping[int, Iterable[int]], now: int) -> Collection[int]:
    """Branches some teller told of lately. `tellers`: branch -> times."""
    return {branch for branch, times in tellers.items() if any(now - at <= LOOKED for at in times)}
