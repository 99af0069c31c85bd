"""Who a PC spoke with on its network: what its system says, in every shape it says it."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agent.facts.neighbours import MOST, filled, neighbours, of_arp_file, of_ip, of_windows
from agent.facts.sheet import Sheet

Tree = Callable[[Mapping[str, str | bytes]], Path]
linux = pytest.mark.skipif(sys.platform == "win32", reason="programs are shell scripts")
NEIGH = """\
10.1.1.1 dev eth0 lladdr 00:11:22:33:44:55 REACHABLE
10.1.1.7 dev eth0 FAILED
10.1.1.8 dev eth0 lladdr 00:11:22:33:44:66 INCOMPLETE
fe80::1 dev eth0 lladdr 00:11:22:33:44:55 router STALE
2001:db8::7 dev eth0 lladdr 00:11:22:33:44:77 router proxy DELAY
ff02::fb dev eth0 lladdr 33:33:00:00:00:fb PERMANENT
"""
ARP = """\
IP address       HW type     Flags       HW address            Mask     Device
10.1.1.1         0x1         0x2         00:11:22:33:44:55     *        eth0
10.1.1.9         0x1         0x0         00:00:00:00:00:00     *        eth0
"""
WINDOWS = """

接口: 10.1.1.5 --- 0xb
  Internet 地址         物理地址              类型
  10.1.1.1              00-11-22-33-44-55     动态
  10.1.1.255            ff-ff-ff-ff-ff-ff     静态
  224.0.0.22            01-00-5e-00-00-16     静态

Interface: 192.168.9.2 --- 0x10
  Internet Address      Physical Address      Type
  192.168.9.1           00-11-22-33-44-99     dynamic
"""


def test_a_linux_says_both_families_and_only_who_answered() -> None:
    assert list(of_ip(NEIGH)) == [
        "10.1.1.1 00:11:22:33:44:55 eth0",
        "fe80::1 00:11:22:33:44:55 eth0",
        "2001:db8::7 00:11:22:33:44:77 eth0",
    ]
    assert list(of_arp_file(ARP)) == ["10.1.1.1 00:11:22:33:44:55 eth0"]


def test_a_windows_of_any_language_is_read_by_shape_and_without_broadcast() -> None:
    assert list(of_windows(WINDOWS)) == [
        "10.1.1.1 00:11:22:33:44:55 10.1.1.5",
        "192.168.9.1 00:11:22:33:44:99 192.168.9.2",
    ]


@pytest.mark.parametrize("said", ["", "\x1b[2J $(reboot) dev", "10.1.1.1 dev eth0 lladdr", "a b c d e f\n" * 9])
def test_what_is_no_table_has_no_neighbours(said: str) -> None:
    assert [*of_ip(said), *of_arp_file(said), *of_windows(said)] == []


def test_what_there_is_no_room_for_is_counted() -> None:
    many = (f"10.1.{at // 256}.{at % 256} 00:11:22:33:44:55" for at in range(MOST + 7))
    sheet = filled(Sheet("neighbours"), many).bounded()
    assert (len(sheet.facts["neighbours"]), sheet.facts["neighbours.left_out"]) == (MOST, 7)  # type: ignore[arg-type]


@linux
def test_the_program_is_asked_and_else_the_kernels_file(tree: Tree) -> None:
    root = tree({"proc/net/arp": ARP})
    assert neighbours(root).facts["neighbours"] == ["10.1.1.1 00:11:22:33:44:55 eth0"]
    tree({"usr/sbin/ip": "#!/bin/sh\necho '10.1.1.2 dev eth1 lladdr 00:11:22:33:44:55 STALE'\n"})
    assert neighbours(root).facts["neighbours"] == ["10.1.1.2 00:11:22:33:44:55 eth1"]


@linux
def test_a_host_that_says_neither_is_not_read(tree: Tree) -> None:
    sheet = neighbours(tree({}))
    assert (sheet.facts, sheet.unread) == ({}, {"neighbours": "absent"})


@pytest.mark.skipif(sys.platform != "linux", reason="what this Linux itself remembers")
def test_this_machine_says_who_it_spoke_with() -> None:
    assert isinstance(neighbours().facts["neighbours"], list)
