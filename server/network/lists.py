"""The three lists of one moment, made of what was told and of whom the ledger knows. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from server.network.known import Known
from server.network.segments import Segments
from server.network.wire import DAY, LOOKED, MANY, WINDOW, Joined, last_seen, looked_at, sort_of
from server.schemas.network import Antivirus, NetworkList, NetworkRow, Sort
from server.sweeps.queries import Swept

Names = Mapping[int, tuple[str, str]]  # of branches: code and name
ODD = (Sort.RANDOM, Sort.SHARED, Sort.ROUTER)


class Told(NamedTuple):
    """`tellers`: branch -> when each of its tellers told last."""

    joined: Sequence[Joined]
    known: Sequence[Known]
    tellers: Mapping[int, Sequence[int]]
    segments: Segments
    branches: Names
    now: int
    swept: Sequence[Swept] = ()  # lately, and whole; newest first


def rows(told: Told, which: NetworkList, mine: Callable[[int], bool]) -> Iterator[NetworkRow]:
    """What the reader may see of it. Strangers of the last week come with what is told apart from them."""
    make = {NetworkList.STRANGERS: _strangers, NetworkList.MISSING: _missing, NetworkList.ANTIVIRUS: _antivirus}[which]
    return make(told, mine)


def _strangers(told: Told, mine: Callable[[int], bool]) -> Iterator[NetworkRow]:
    for one in told.joined:
        station = one.station
        if one.owner is None and mine(station.branch_id) and told.now - station.last_at <= WINDOW:
            yield _row(
                told, sort_of(station), station.branch_id, mac=station.mac, ips=list(station.ips), where=station.where,
                first_at=station.first_at, last_at=station.last_at, claims=one.claims.key if one.claims else "",
                swept=station.swept_at,
            )  # fmt: skip


def _missing(told: Told, mine: Callable[[int], bool]) -> Iterator[NetworkRow]:
    looked = looked_at(told.tellers, told.now)
    seen = last_seen(told.joined, told.known)
    answered = {
        (one.station.branch_id, ip) for one in told.joined if one.station.swept_at is not None
        for ip in one.station.ips if told.now - one.station.swept_at <= LOOKED
    }  # fmt: skip
    proxied = {(one.station.branch_id, ip) for one in told.joined if one.station.most >= MANY for ip in one.station.ips}
    for one in told.known:
        last = seen.get(one.id)
        if mine(one.branch_id) and (last is None or told.now - last > WINDOW):
            silent = None if any((one.branch_id, ip) in answered for ip in one.ips) else _silent(told, one, last)
            veiled = any((one.branch_id, ip) in proxied for ip in one.ips)  # whoever answers there answers for many
            sort = Sort.UNLOOKED
            if silent is not None or (one.branch_id in looked and not veiled):
                sort = Sort.MISSING
            yield _of(told, one, sort, last, silent=silent)


def _silent(told: Told, one: Known, last: int | None) -> int | None:
    """When a sweep asked an address of it last and nobody answered; None if none did."""
    addresses = [ip_address(ip) for ip in one.ips]
    for sweep in told.swept:
        net = sweep.network
        nobody = {net.network_address, net.broadcast_address} if net.prefixlen < 31 else set()  # they are not asked
        if sweep.branch_id == one.branch_id and any(each in net and each not in nobody for each in addresses):
            return sweep.at if last is None or last < sweep.at else None
    return None


def _antivirus(told: Told, mine: Callable[[int], bool]) -> Iterator[NetworkRow]:
    """Of machines that should have one, and were seen or spoke within the week."""
    seen = last_seen(told.joined, told.known)
    where: dict[int, Joined] = {}
    for one in told.joined:
        if one.owner is not None:
            where[one.owner.id] = max(where.get(one.owner.id, one), one, key=lambda each: each.station.last_at)
    for known in told.known:
        last = seen.get(known.id)
        if last is None or told.now - last > WINDOW or not mine(known.branch_id):
            continue
        if known.antivirus in (Antivirus.NONE, Antivirus.UNKNOWN):
            sort = Sort.NO_ANTIVIRUS if known.antivirus is Antivirus.NONE else Sort.ANTIVIRUS_UNKNOWN
            yield _of(told, known, sort, last, where.get(known.id))


def _of(
    told: Told, one: Known, sort: Sort, last: int | None, seen: Joined | None = None, silent: int | None = None
) -> NetworkRow:
    mac = seen.station.mac if seen else min(one.macs, default="")
    where = seen.station.where if seen else ""
    return _row(told, sort, one.branch_id, mac=mac, ips=sorted(one.ips), key=one.key, name=one.name, where=where,
                last_at=last, first_at=seen.station.first_at if seen else None,
                swept=seen.station.swept_at if seen else silent)  # fmt: skip


def _row(
    told: Told,
    sort: Sort,
    branch: int,
    *,
    mac: str,
    ips: list[str],
    where: str,
    first_at: int | None,
    last_at: int | None,
    key: str = "",
    name: str = "",
    claims: str = "",
    swept: int | None = None,
) -> NetworkRow:
    segment = told.segments.find(ips)
    code, branch_name = told.branches.get(branch, ("", ""))
    return NetworkRow(
        sort=sort,
        mac=mac,
        ips=ips[:8],
        key=key,
        name=name,
        branch=code,
        branch_name=branch_name,
        segment=(segment.zone or str(segment.network)) if segment else "",
        where=where,
        first_at=first_at,
        last_at=last_at,
        claims=claims,
        swept_at=swept,
    )


def counts(lists: Sequence[Sequence[NetworkRow]]) -> dict[str, int]:
    """Every sort there is, those of which there is none too."""
    found = Counter(row.sort for rows in lists for row in rows)
    return {sort.value: found[sort] for sort in Sort}


def in_use(told: Told) -> dict[str, int]:
    """How many addresses of each segment were seen within the week."""
    seen: dict[str, set[str]] = defaultdict(set)
    for one in told.joined:
        if told.now - one.station.last_at <= 7 * DAY:
            for ip in one.station.ips:
                if segment := told.segments.find([ip]):
                    seen[str(segment.network)].add(ip)
    return {prefix: len(ips) for prefix, ips in seen.items()}
