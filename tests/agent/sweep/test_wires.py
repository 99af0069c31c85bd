"""Which networks a PC stands in, as its system says it."""

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from agent.sweep import wires
from agent.sweep.line import Line
from agent.sweep.wires import Wire, of_ip, of_windows

IP = """\
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
2: eth0    inet 10.1.1.5/24 brd 10.1.1.255 scope global eth0\\       valid_lft forever preferred_lft forever
2: eth0    inet 10.1.2.5/25 scope global secondary eth0:1\\       valid_lft forever preferred_lft forever
3: tun0    inet 10.8.0.2 peer 10.8.0.1/32 scope global tun0\\       valid_lft forever preferred_lft forever
4: vlan7@eth0    inet 10.7.0.9/22 brd 10.7.3.255 scope global vlan7
5: odd    inet 10.7.0.999/22 scope global odd
"""
ROUTES = """\
IPv4 路由表
===========================================================================
活动路由:
网络目标        网络掩码          网关       接口   跃点数
          0.0.0.0          0.0.0.0         10.1.1.1         10.1.1.5     25
         10.1.1.0    255.255.255.0            在链路上          10.1.1.5    281
         10.1.1.5  255.255.255.255            在链路上          10.1.1.5    281
       10.1.1.255  255.255.255.255            在链路上          10.1.1.5    281
        10.60.0.0      255.255.0.0         10.1.1.1         10.1.1.5     26
        127.0.0.0        255.0.0.0            On-link         127.0.0.1    331
        224.0.0.0        240.0.0.0            On-link          10.1.1.5    281
===========================================================================
"""
OFFICE = Wire("eth0", IPv4Network("10.1.1.0/24"), IPv4Address("10.1.1.5"))


def test_every_network_of_every_card_is_one_and_a_point_to_point_line_is_none() -> None:
    assert list(of_ip(IP)) == [
        OFFICE,
        Wire("eth0", IPv4Network("10.1.2.0/25"), IPv4Address("10.1.2.5")),
        Wire("vlan7", IPv4Network("10.7.0.0/22"), IPv4Address("10.7.0.9")),
    ]


def test_windows_says_it_in_any_language() -> None:
    assert list(of_windows(ROUTES)) == [Wire("10.1.1.5", IPv4Network("10.1.1.0/24"), IPv4Address("10.1.1.5"))]
    assert list(of_windows("x\n\n1 2 3 4 5\n")) == []


def test_a_card_without_arp_is_no_wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for card, flags in (("eth0", "0x1003"), ("vlan7", "0x1083")):
        (tmp_path / "sys/class/net" / card).mkdir(parents=True)
        (tmp_path / "sys/class/net" / card / "flags").write_text(f"{flags}\n")
    monkeypatch.setattr(wires, "_linux", lambda root: of_ip(IP))
    assert {wire.card for wire in wires.wires(tmp_path)} == {"eth0"}


def test_the_kernel_says_how_often_its_table_was_full_and_a_container_does_not(tmp_path: Path) -> None:
    assert Line(tmp_path).turned_away() is None
    (tmp_path / "proc/net/stat").mkdir(parents=True)
    told = "entries  allocs   table_fulls\n00000004  00000010  0000000a\n00000004  00000000  00000001\n"
    (tmp_path / "proc/net/stat/arp_cache").write_text(told)
    assert Line(tmp_path).turned_away() == 11
    (tmp_path / "proc/net/stat/arp_cache").write_text("what\n")
    assert Line(tmp_path).turned_away() is None
