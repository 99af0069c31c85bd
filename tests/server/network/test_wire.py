"""Who is on the wire and who is known, without a server: joined by MAC, then by address; who is no stranger."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.network.known import Known
from server.network.seen import read
from server.network.wire import DAY, Line, join, last_seen, sort_of, stations
from server.schemas.network import Antivirus, Sort

MAC = "00:1b:21:0a:00:05"
SWITCH, ROUTER = 7, 8


def line(mac: str = MAC, ip: str = "", *, teller: int = SWITCH, where: str = "sw GE1", at: int = 0) -> Line:
    return Line(mac, ip, teller, 1, where, at, at)


def owner(key: str, macs: Sequence[str] = (), ips: Sequence[str] = (), branch: int = 1) -> Known:
    return Known(hash(key), key, key, branch, frozenset(macs), frozenset(ips), None, Antivirus.UNKNOWN)


def test_a_station_hangs_on_the_port_that_has_the_fewest_others() -> None:
    uplink = [line(f"00:1b:21:0b:00:{at:02x}", where="core GE9", teller=ROUTER) for at in range(5)]
    [own] = [
        one
        for one in stations([*uplink, line(where="core GE9", teller=ROUTER), line(), line(ip="10.1.1.5", where="pc")])
        if one.mac == MAC
    ]
    assert (own.where, own.ips) == ("sw GE1", ("10.1.1.5",))


def test_an_address_it_had_last_week_is_not_its_own_any_more() -> None:
    [own] = stations([line(ip="10.1.1.5", at=0), line(ip="10.1.1.9", at=5 * DAY)])
    assert (own.ips, own.first_at, own.last_at) == (("10.1.1.9",), 0, 5 * DAY)


@pytest.mark.parametrize(
    ("mac", "sort"),
    [
        (MAC, Sort.STRANGER),
        ("02:1b:21:0a:00:05", Sort.RANDOM),
        ("00:00:5e:00:01:0a", Sort.SHARED),
        ("00:00:0c:07:ac:01", Sort.SHARED),
    ],
)
def test_made_up_and_shared_macs_are_told_apart(mac: str, sort: Sort) -> None:
    [own] = stations([line(mac)])
    assert sort_of(own) is sort


def test_who_answers_for_many_addresses_is_a_router_and_owns_none_of_them() -> None:
    many = [line(ip=f"10.1.1.{at}") for at in range(1, 9)]
    [proxy] = join(stations(many), [owner("1001-pc", ips=["10.1.1.3"])])
    assert (sort_of(proxy.station), proxy.owner, proxy.claims) == (Sort.ROUTER, None, None)
    [few] = join(stations(many[:7]), [])
    assert sort_of(few.station) is Sort.STRANGER


def test_the_mac_counts_before_the_address() -> None:
    by_mac, by_ip = owner("by-mac", macs=[MAC]), owner("by-ip", ips=["10.1.1.5"])
    [one] = join(stations([line(ip="10.1.1.5")]), [by_ip, by_mac])
    assert one.owner is by_mac
    [one] = join(stations([line(ip="10.1.1.5")]), [by_ip])
    assert one.owner is by_ip


def test_a_machine_that_is_read_in_two_ways_is_there_for_both() -> None:
    """By SSH, whose facts tell its MAC, and by a check of its address."""
    by_mac, by_ip, other = (
        owner("ssh", [MAC], ["10.1.1.5"]),
        owner("reach", ips=["10.1.1.5"]),
        owner("x", ips=["10.1.1.6"]),
    )
    elsewhere = owner("theirs", ips=["10.1.1.5"], branch=2)
    known = [by_mac, by_ip, other, elsewhere]
    seen = last_seen(join(stations([line(ip="10.1.1.5", at=DAY)]), known), known)
    assert seen == {by_mac.id: DAY, by_ip.id: DAY}
    heard = [by_mac._replace(heard_at=7), by_ip, other]  # it spoke itself, and nobody saw it
    assert last_seen([], heard) == {by_mac.id: 7, by_ip.id: 7}


def test_another_machine_at_a_known_address_is_a_stranger_that_claims_it() -> None:
    pc = owner("1001-pc", macs=["00:1b:21:0a:00:99"], ips=["10.1.1.5"])
    [one] = join(stations([line(ip="10.1.1.5")]), [pc])
    assert (one.owner, one.claims) == (None, pc)


def test_of_two_branches_that_number_alike_the_own_one_counts() -> None:
    theirs, ours = owner("theirs", ips=["192.168.1.5"], branch=2), owner("ours", ips=["192.168.1.5"], branch=1)
    [one] = join(stations([line(ip="192.168.1.5")]), [theirs, ours])
    assert one.owner is ours


def test_lines_are_read_and_what_is_none_is_left_out() -> None:
    assert list(read("neighbours", [f"10.1.1.5 {MAC} eth0 with spaces", f"fe80::1%3 {MAC}", "x", f"a {MAC} b", 5])) == [
        (MAC, "10.1.1.5", "eth0 with spaces"),
        (MAC, "fe80::1", ""),
    ]
    assert list(read("stations", [f"{MAC} 10 GE0/0/1", f"{MAC.upper()} 10 x", "", f"{MAC} 1 \x1b[2J"])) == [
        (MAC, "", "GE0/0/1"),
        (MAC, "", "[2J"),
    ]
    assert list(read("software", [f"{MAC} 10 x"])) == []


@given(st.lists(st.text(max_size=60)), st.sampled_from(["neighbours", "stations"]))
def test_no_line_breaks_the_reading(lines: list[str], topic: str) -> None:
    assert all(len(mac) == 17 and len(port) <= 32 and port.isprintable() for mac, _, port in read(topic, lines))
