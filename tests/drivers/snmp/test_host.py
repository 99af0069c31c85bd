"""What a PC or server tells of itself by SNMP: net-snmp on this machine, a recording of Windows XP, a Windows 10 as its
MIBs have it, and agents that mean harm. What cannot be told so is never good."""

import asyncio
import platform
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.facts.network import network
from agent.facts.software import software
from drivers.base import Driver, FactSheet, TellsFacts
from drivers.snmp.asking import Asking
from drivers.snmp.engine import Peer
from drivers.snmp.host import Unread, boot_at, endpoint, named_by, read_host, system_of
from drivers.snmp.message import Answer, Kind, Question
from drivers.snmp.profile import Oid
from server.checks.bank import Bank
from server.checks.judging import judge
from server.checks.kept import shipped
from server.checks.sheets import Host, Sheet

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]
Told = dict[str, FactSheet]
CASES = Path(__file__).parents[1] / "cases" / "snmp"
WINDOWS_10 = """\
1.3.6.1.2.1.1.1.0|4|Hardware: Intel64 Family 6 Model 158 Stepping 10 AT/AT COMPATIBLE - Software: Windows Version 6.3 (Build 19045 Multiprocessor Free)
1.3.6.1.2.1.1.5.0|4|PC-7
1.3.6.1.2.1.2.2.1.2.1|4|Loopback
1.3.6.1.2.1.2.2.1.2.4|4|Intel Ethernet
1.3.6.1.2.1.2.2.1.6.4|4x|001b210a0007
1.3.6.1.2.1.4.20.1.2.10.66.1.7|2|4
1.3.6.1.2.1.4.20.1.2.127.0.0.1|2|1
1.3.6.1.2.1.4.20.1.3.10.66.1.7|64|255.255.255.0
1.3.6.1.2.1.4.20.1.3.127.0.0.1|64|255.0.0.0
1.3.6.1.2.1.6.13.1.1.0.0.0.0.135.0.0.0.0.0|2|2
1.3.6.1.2.1.6.20.1.4.1.4.0.0.0.0.3389|66|1100
1.3.6.1.2.1.6.20.1.4.1.4.127.0.0.1.5354|66|1200
1.3.6.1.2.1.6.20.1.4.2.16.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.445|66|4
1.3.6.1.2.1.6.20.1.4.2.16.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.5939|66|1300
1.3.6.1.2.1.7.7.1.8.1.4.0.0.0.0.161.0.0.0.1|66|1400
1.3.6.1.2.1.7.7.1.8.1.4.0.0.0.0.60123.0.0.0.1|66|1500
1.3.6.1.2.1.7.7.1.8.1.4.10.66.1.7.5000.1.4.10.66.1.1.53.1|66|1600
1.3.6.1.2.1.25.1.1.0|67|360000
1.3.6.1.2.1.25.1.2.0|4x|07ea0b1e111e00002b0800
1.3.6.1.2.1.25.6.3.1.2.1|4|7-Zip 23.01 (x64)
"""  # noqa: E501 - lines of a recording


async def told(driver: Driver) -> Told:
    assert isinstance(driver, TellsFacts)
    await driver.open()
    try:
        return {sheet.topic: sheet for sheet in await driver.facts()}
    finally:
        await driver.close()


def judged(sheets: Told) -> dict[str, str]:
    now = time.time_ns() // 1000
    facts = {topic: Sheet(now, dict(one.facts), one.unread) for topic, one in sheets.items()}
    return {check.id: str(judge(check, Host("x", facts), Bank(), now).word) for check in shipped()}


async def test_net_snmp_tells_of_this_machine_what_its_agent_tells(snmpd: str, driver: Make) -> None:
    def here() -> set[str]:
        return set(network().facts["ports.tcp"])  # type: ignore[arg-type]

    before = here()
    sheets = await told(driver("snmp", snmpd, profile="host"))
    after, host = here(), sheets["host"].facts
    assert before & after <= set(sheets["network"].facts["ports.tcp"]) <= before | after  # type: ignore[arg-type]
    assert (host["os.family"], host["kernel"]) == ("linux", platform.release())
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    assert abs(host["boot.at"] / 1_000_000 - booted) < 300  # type: ignore[operator]
    packages = (await asyncio.to_thread(software)).facts["software"]
    there = set(sheets["software"].facts["software"])  # type: ignore[arg-type]
    assert len(there & set(packages)) > 0.9 * len(there) > 0  # type: ignore[arg-type]
    words = judged(sheets)
    assert {words[name] for name in ("antivirus-present", "antivirus-realtime", "reboot-pending")} == {"unknown"}


@pytest.mark.parametrize("version", ["1", "2c"])
@pytest.mark.parametrize("profile", ["auto", "host", "windows"])
async def test_a_windows_tells_what_listens_and_leaves_unread_what_snmp_does_not_know(
    profile: str, version: str, start: Start, driver: Make, tmp_path: Path
) -> None:
    recording = tmp_path / "pc.snmprec"
    recording.write_text(WINDOWS_10, encoding="utf-8")
    _, address = await start("snmp", {"profile": "windows", "recording": str(recording), "version": version}, {})
    sheets = await told(driver("snmp", address, profile=profile, version=version))
    host, ports = sheets["host"], sheets["network"].facts
    assert (host.facts["os.build"], host.facts["os.family"], host.facts["host.name"]) == ("19045", "win32", "PC-7")
    assert host.facts["boot.at"] == 1_796_027_400_000_000  # an hour before the date it says, UTC
    assert (host.facts["addresses"], host.facts["macs"]) == (["10.66.1.7"], ["00:1b:21:0a:00:07"])
    assert (ports["ports.tcp"], ports["ports.udp"]) == (["445", "3389"], ["161"])
    assert ports["listening"] == ["tcp [::]:445", "tcp 0.0.0.0:3389", "udp 0.0.0.0:161"]
    assert ports["networks"] == ["IntelEthernet 10.66.1.7/24"]
    assert sheets["software"].facts == {"software": ["7-Zip 23.01 (x64)"]}
    words = judged(sheets)
    assert words["high-risk-ports"] == "fail"
    assert {name for name, word in words.items() if word == "pass"} == {"one-network"}
    assert words["unauthorised-software"] == "unknown"  # 64 bits: programs of 32 are not in the list


async def test_a_windows_xp_as_it_was_recorded_tells_its_programs_and_build(start: Start, driver: Make) -> None:
    _, address = await start("snmp", {"profile": "windows", "recording": str(CASES / "windows-xp/device.snmprec")}, {})
    sheets = await told(driver("snmp", address, profile="windows"))
    assert (sheets["host"].facts["os.build"], sheets["host"].unread["boot.at"]) == ("2600", "unreadable")  # no zone
    assert "7-Zip 9.20" in sheets["software"].facts["software"]  # type: ignore[operator]
    assert sheets["software"].facts["software.left_out"] == 0
    assert sheets["network"].unread["ports.tcp"] == "absent"  # nobody recorded them
    assert {name for name, word in judged(sheets).items() if word == "pass"} <= {"unauthorised-software"}


async def test_the_old_tables_tell_enough_of_a_windows_xp_and_too_little_of_what_has_ipv6(
    start: Start, driver: Make, tmp_path: Path
) -> None:
    old = "1.3.6.1.2.1.6.13.1.1.0.0.0.0.445.0.0.0.0.0|2|2\n1.3.6.1.2.1.6.13.1.1.10.1.1.5.1033.10.1.1.9.80|2|5\n"
    old += "1.3.6.1.2.1.7.5.1.1.0.0.0.0.1027|64|0.0.0.0\n"
    for build, tcp in ((2600, ["445"]), (7601, None)):
        recording = tmp_path / f"{build}.snmprec"
        said = f"Hardware: x86 Family 6 - Software: Windows Version 5.1 (Build {build} Uniprocessor Free)"
        recording.write_text(f"1.3.6.1.2.1.1.1.0|4|{said}\n{old}", encoding="utf-8")
        _, address = await start("snmp", {"profile": "windows", "recording": str(recording)}, {})
        sheets = await told(driver("snmp", address, profile="windows"))
        assert sheets["network"].facts.get("ports.tcp") == tcp
        assert judged(sheets)["high-risk-ports"] == ("fail" if tcp else "unknown")


LINUX = """\
1.3.6.1.2.1.1.1.0|4|Linux pc 6.1.0 #1 SMP x86_64
1.3.6.1.2.1.2.2.1.2.2|4|eth0
1.3.6.1.2.1.4.20.1.2.10.66.1.7|2|2
1.3.6.1.2.1.4.20.1.3.10.66.1.7|64|255.255.255.0
{}1.3.6.1.2.1.25.6.3.1.2.1|4|bash_5.2_amd64
{}"""


@pytest.mark.parametrize(
    ("address", "program", "asked"),
    [
        ("", "", {"one-network": "pass", "unauthorised-software": "pass"}),
        ("1.3.6.1.2.1.4.20.1.2.192.168.7.5|4|x\n", "", {"one-network": "unknown"}),
        ("1.3.6.1.2.1.4.20.1.2.192.168.7|2|3\n", "", {"one-network": "unknown"}),
        ("", "1.3.6.1.2.1.25.6.3.1.2.2|4|\n", {"unauthorised-software": "unknown"}),
        ("", "1.3.6.1.2.1.25.6.3.1.2.2|4x|1b00\n", {"unauthorised-software": "unknown"}),
        ("", "1.3.6.1.2.1.25.6.3.1.2.2|2|7\n", {"unauthorised-software": "unknown"}),
    ],
)
async def test_a_row_that_cannot_be_read_makes_its_list_no_whole_one(
    address: str, program: str, asked: dict[str, str], start: Start, driver: Make, tmp_path: Path
) -> None:
    recording = tmp_path / "pc.snmprec"
    recording.write_text(LINUX.format(address, program), encoding="utf-8")
    _, where = await start("snmp", {"profile": "host", "recording": str(recording)}, {})
    words = judged(await told(driver("snmp", where, profile="host")))
    assert {name: words[name] for name in asked} == asked


async def test_what_is_no_pc_tells_nothing_of_itself(start: Start, driver: Make, tmp_path: Path) -> None:
    recording = tmp_path / "camera.snmprec"
    recording.write_text("1.3.6.1.2.1.1.1.0|4|Linux cam 3.10.0 #1 Thu Jan 1 armv7l\n", encoding="utf-8")
    for profile, topics in (("auto", set()), ("host", {"host", "network"})):
        _, address = await start("snmp", {"profile": "host", "recording": str(recording)}, {})
        assert set(await told(driver("snmp", address, profile=profile))) & {"host", "network"} == topics


# -- pure ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "family", "build"),
    [
        (WINDOWS_10.partition("\n")[0].partition("|4|")[2], "win32", "19045"),
        ("Hardware: x86 - Software: Windows 2000 Version 5.1 (Build 2600 Uniprocessor Free)", "win32", "2600"),
        ("Linux fw 5.10.0-26-amd64 #1 SMP Debian 5.10.197-1 (2023) x86_64", "linux", "#1 SMP Debian 5.10.197-1 (2023)"),
        ("Windows", "", None),
        ("Software: Windows Version 10.0 (Build 19045)", "", None),
        ("Hardware: x - Software: Windows Version 10.0 (Build $(id) Free)", "", None),
        ("Linux", "", None),
        ("Linux\x1b[2J x y", "", None),
        ("", "", None),
    ],
)
def test_a_system_is_what_it_says_in_full_and_nothing_is_guessed(said: str, family: str, build: str | None) -> None:
    system = system_of(said)
    assert (system.family, system.facts.get("os.build")) == (family, build)


@pytest.mark.parametrize(
    ("ticks", "date", "why"),
    [
        (None, b"", "absent"),
        (100, b"\x07\xea\x0b\x1e\x11\x1e\0\0", "unreadable"),  # without a zone
        (100, b"2019-6-20,17:45:44.6", "unreadable"),  # as a Server 2003 was recorded
        (100, b"\x07\xea\x0d\x1e\x11\x1e\0\0+\x08\0", "unreadable"),
        (100, b"\0\0\x01\x01\0\0\0\0+\x00\0", "unreadable"),
        (100, b"\x07\xea\x0b\x1e\x11\x1e\0\0+\xff\0", "unreadable"),
        (b"x", b"\x07\xea\x0b\x1e\x11\x1e\0\0+\x08\0", "unreadable"),
    ],
)
def test_a_start_that_cannot_be_told_is_not_told(ticks: Any, date: bytes, why: str) -> None:
    with pytest.raises(Unread) as said:
        boot_at(ticks, date)
    assert said.value.why == why


@pytest.mark.parametrize("index", [(), (1,), (1, 4, 0, 0, 0, 0), (1, 4, 0, 0, 0, 999, 80), (1, 4, 0, 0, 0, 0, 99999)])
def test_a_row_that_is_none_leaves_the_ports_unread(index: Oid) -> None:
    with pytest.raises(Unread):
        endpoint(index)


def test_packages_have_their_name_and_version_apart_and_a_name_nobody_can_part_is_not_believed() -> None:
    assert named_by(["bash_5.2-1_amd64", "g++_4:12.2_amd64"], "linux") == ["bash\t5.2-1", "g++\t4:12.2"]
    assert named_by(["bash-5.1.8-6.el9.x86_64", "mod_ssl-2.4-1.el9"], "linux") == [
        "bash\t5.1.8-6.el9.x86_64",
        "mod_ssl\t2.4-1.el9",
    ]
    with pytest.raises(Unread):
        named_by(["bash_5.2-1_amd64", "thunder"], "linux")


# -- agents that mean harm ----------------------------------------------------------------------------

SAYS: dict[Oid, bytes] = {
    (1, 3, 6, 1, 2, 1, 1, 1, 0): b"Hardware: x86 - Software: Windows Version 5.1 (Build 2600 Free)",
    (1, 3, 6, 1, 2, 1, 1, 5, 0): b"\x1b[2J$(reboot)\xe2\x80\xae",
}
Next = Callable[[Oid, int], tuple[Oid, Any]]


class Hostile:
    """Whatever comes next is made up by `next_`, of the object and how many were asked so far."""

    def __init__(self, next_: Next) -> None:
        self.next = next_
        self.asked = 0

    async def ask(self, peer: Peer, question: Question, wait: float) -> Answer:
        if question.kind is Kind.GET:
            return Answer(0, 0, 0, [(oid, SAYS.get(oid)) for oid in question.oids])
        said: list[tuple[Oid, Any]] = []
        last = question.oids[0]
        for _ in range(max(1, question.repeats)):
            self.asked += 1
            last, value = self.next(last, self.asked)
            said.append((last, value))
        await asyncio.sleep(0)
        return Answer(0, 0, 0, said)


def endless(oid: Oid, asked: int) -> tuple[Oid, Any]:
    return (*oid[:11], asked), b"x" * 200


def circles(oid: Oid, asked: int) -> tuple[Oid, Any]:
    return (*oid[:11], 1 + asked % 3), 2


def huge(oid: Oid, asked: int) -> tuple[Oid, Any]:
    return (*oid[:11], asked), b"\x1b]0;" + b"A" * 60_000


@pytest.mark.parametrize("next_", [endless, circles, huge])
async def test_an_agent_that_never_ends_is_left_and_what_it_said_is_not_whole(next_: Next) -> None:
    hostile = Hostile(next_)
    asking = Asking(hostile, Peer.of(("127.0.0.1", 161), "2c", "public", None), 1.0)
    until = asyncio.get_running_loop().time() + 20
    sheets = {sheet.topic: sheet for sheet in await read_host(asking, until, ("win32",))}
    assert sheets["host"].facts["host.name"] == "[2J$(reboot)"
    assert "software.left_out" not in sheets["software"].facts
    assert {sheets["network"].unread[name] for name in ("ports.tcp", "ports.udp", "listening", "networks")} == {
        "unreadable"
    }
    assert not {name for name, word in judged(sheets).items() if word == "pass"}
    assert sum(len(one) for one in sheets["software"].facts.get("software", [])) < 50_000  # type: ignore[union-attr,misc]
    assert hostile.asked < 60_000


async def test_an_agent_that_is_slow_for_ever_costs_its_own_time_alone() -> None:
    class Slow(Hostile):
        async def ask(self, peer: Peer, question: Question, wait: float) -> Answer:
            if question.kind is not Kind.GET:
                await asyncio.Event().wait()
            return await super().ask(peer, question, wait)

    asking = Asking(Slow(endless), Peer.of(("127.0.0.1", 161), "2c", "public", None), 1.0)
    sheets = {s.topic: s for s in await read_host(asking, asyncio.get_running_loop().time() + 0.01, ("win32",))}
    assert (sheets["software"].unread["software"], sheets["network"].unread["ports.tcp"]) == ("timeout", "timeout")
    assert sheets["host"].facts["os.build"] == "2600"
