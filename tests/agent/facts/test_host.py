"""What a host says of itself: each fact has a documented name, and what a system does not say is not made up."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from agent.facts import linux, windows
from agent.facts.host import LISTED, TEXT_LIMIT, _tidied
from agent.facts.topics import sheets
from agent.wire import Fact, Told

if TYPE_CHECKING:
    from tests.agent.conftest import FakeClocks
else:
    FakeClocks = Any

PAGE = Path(__file__).parents[3] / "docs" / "facts.md"


def documented() -> set[str]:
    rows = [row for row in PAGE.read_text(encoding="utf-8").splitlines() if row.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([a-z0-9_.N]+)`", row.split("|")[1])}


def test_every_fact_has_a_name_that_is_documented(clocks: FakeClocks) -> None:
    told = list(sheets(clocks(), 5))
    found = {re.sub(r"\.\d+\.", ".N.", name) for sheet in told for name in (*sheet.facts, *sheet.unread)}
    found = {name for name in found if not name.endswith(".")}  # a beginning of several
    assert {"host.name", "os.family", "arch", "boot.at", "disk.N.free", "agent.version", "clock.offset_ms"} <= found
    assert found <= documented()


@pytest.mark.parametrize("system", ["linux", "windows"])
def test_every_name_a_system_gives_is_documented(system: str) -> None:
    source = Path(sys.modules[f"agent.facts.{system}"].__file__ or "").read_text(encoding="utf-8")
    names = set(re.findall(r'"((?:os|host|machine|cpu|memory|swap|disk)\.[a-zN.]+)"', source))
    assert names
    assert names <= documented()


def host(root: Path) -> Path:
    """A Linux as its files tell of it: a branch PC with one network card, a bridge, and a share of a file server."""
    files = {
        "etc/os-release": 'PRETTY_NAME="Kylin V10 SP1"\nNAME="Kylin"\nID=kylin\nVERSION_ID="V10"\n',
        "proc/meminfo": "MemTotal:        4028412 kB\nMemFree:  1 kB\nMemAvailable:    2014206 kB\n",
        "proc/cpuinfo": "processor\t: 0\nmodel name\t: ZHAOXIN KaiXian KX-6640MA\n\nmodel name\t: other\n",
        "proc/sys/kernel/osrelease": "4.19.90-52\n",
        "proc/sys/kernel/version": "#1 SMP\n",
        "proc/self/mounts": "/dev/sda1 / ext4 rw 0 0\nproc /proc proc rw 0 0\n/dev/sdb1 /media/U\\040disk vfat rw 0 0\n"
        "server:/share /mnt nfs rw 0 0\n/dev/sda1 /var/bind ext4 rw 0 0\n",
        "proc/net/if_inet6": f"fd{2:030x} 02 40 00 80 eth0\nfe8{1:029x} 02 40 20 80 eth0\nrubbish\n",
        "sys/class/dmi/id/sys_vendor": "Great Wall\n",
        "sys/class/dmi/id/product_name": "TN133A2\n",
        "sys/class/net/eth0/address": "02:00:00:00:00:01\n",
        "sys/class/net/eth0/device/vendor": "x",
        "sys/class/net/br0/address": "02:00:00:00:00:02\n",
        "etc/timezone": "Asia/Shanghai\n",
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


@pytest.mark.skipif(sys.platform == "win32", reason="a colon is no part of a file's name there")
def test_a_linux_is_read_from_its_files(tmp_path: Path) -> None:
    found = linux.facts(host(tmp_path))
    assert "fd00::2" in found.pop("addresses")  # type: ignore[operator]
    assert found == {
        "os.name": "Kylin V10 SP1",
        "os.id": "kylin",
        "os.version": "V10",
        "os.build": "#1 SMP",
        "kernel": "4.19.90-52",
        "machine.maker": "Great Wall",
        "machine.model": "TN133A2",
        "cpu.name": "ZHAOXIN KaiXian KX-6640MA",
        "timezone": "Asia/Shanghai",
        "macs": ["02:00:00:00:00:01"],
        "memory.bytes": 4028412 * 1024,
        "memory.free": 2014206 * 1024,
    }


def test_disks_are_listed_once_and_no_file_server_is_asked(tmp_path: Path) -> None:
    assert linux.disks(host(tmp_path)) == ["/", "/media/U disk"]


def test_a_host_that_says_nothing_is_not_made_up(tmp_path: Path) -> None:
    assert linux.facts(tmp_path) == {}
    assert linux.disks(tmp_path) == ["/"]


def test_windows_11_is_not_called_10_as_its_registry_does() -> None:
    assert windows.os_name("Windows 10 Pro", "19045") == "Windows 10 Pro"
    assert windows.os_name("Windows 10 Pro", "22631") == "Windows 11 Pro"
    assert windows.os_name("Windows Server 2022 Standard", "20348") == "Windows Server 2022 Standard"


def test_whatever_a_system_says_fits_a_record(clocks: FakeClocks) -> None:
    wild: dict[str, Told] = {f"name.{n}": "字\x00" * 5000 for n in range(40)}
    found = _tidied(wild | {"addresses": ["127.0.0.1", *("10.0.0.1" for _ in range(500))], "empty": "", "none": []})
    assert len(found["addresses"]) == LISTED  # type: ignore[arg-type]
    assert "127.0.0.1" not in found["addresses"]  # type: ignore[operator]
    assert not {"empty", "none"} & found.keys()
    assert all(len(text) <= TEXT_LIMIT and text.isprintable() for text in found.values() if isinstance(text, str))
    assert len(msgspec.msgpack.encode(Fact(seq=1, clock=clocks(), host="pc", facts=found))) < 64 << 10
