"""What the script of facts says, what is believed of it, and that it is what an agent says of the same PC."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import system_clocks
from agent.facts.topics import sheets
from drivers.base import FactSheet
from drivers.errors import Garbled
from drivers.host import script
from drivers.host.told import NAMES, sheets_of
from tests.drivers.host.test_said import MARKERS, SHELLS

# What moves while it is looked at, is of the agent itself, or is known in more detail by the one than by the other.
OTHERWISE = ("agent.", "memory.free", "disk.", "encoding", "os.family", "script.", "timezone", "addresses", "networks")


def told(said: str | bytes) -> dict[str, FactSheet]:
    lines = said if isinstance(said, bytes) else said.encode()
    return {sheet.topic: sheet for sheet in sheets_of(lines, "linux", "facts.sh", "0" * 64)}


@cache
def ran(shell: str) -> dict[str, FactSheet]:
    program = shutil.which(SHELLS[shell][0])
    if program is None:
        pytest.skip(f"the script is tried with {shell}: apt-get install {shell}")
    sent = script.to_send(script.Script(script.FACTS), MARKERS)
    done = subprocess.run([program, *SHELLS[shell][1:]], input=sent, capture_output=True, check=True)
    assert done.stderr == b""
    said = script.between(done.stdout, MARKERS)
    assert said is not None
    return told(said)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_tells_all_topics(shell: str) -> None:
    assert list(ran(shell)) == list(NAMES)


def test_a_host_says_what_its_own_agent_would_say(tmp_path: Path) -> None:
    by_script = ran("dash")
    of_agent = sheets(system_clocks(tmp_path)())
    assert {own.topic for own in of_agent} - by_script.keys() == {
        "neighbours"
    }  # a host that is asked tells of itself alone
    for own in of_agent:
        if own.topic == "neighbours":
            continue
        here = by_script[own.topic]
        for name in own.facts.keys() | own.unread.keys():
            if not name.startswith(OTHERWISE):
                theirs = here.facts.get(name), _why(here, name)
                assert theirs == (own.facts.get(name), own.unread.get(name)), name


def _why(sheet: FactSheet, name: str) -> str | None:
    return sheet.unread.get(name)


def test_what_is_not_of_its_kind_costs_only_itself() -> None:
    sheet = told(
        "host.name=$(reboot)\nos.name=a\x1b[31m\u202eb\nreboot.pending=yes\ncpu.count=1e9\nmemory.bytes=99999999999999999999\n"
        "addresses=10.1.1.1\nkernel[]=6.1\nunread.machine.serial=because\nwhatever=1\nav.0.product=x\nboot.at=１７\n"
    )["host"]
    assert sheet.facts == {
        "host.name": "$(reboot)",
        "os.name": "a [31m b",
        "os.family": "linux",
        "script.name": "facts.sh",
        "script.sha256": "0" * 64,
    }
    unreadable = ("machine.serial", "reboot.pending", "cpu.count", "memory.bytes", "addresses", "kernel", "boot.at")
    assert sheet.unread == dict.fromkeys(unreadable, "unreadable")


def test_text_that_is_no_utf_8_costs_only_its_own_line() -> None:
    sheet = told(b"host.name=" + "前置机".encode("gbk") + b"\nos.name=\xff\xfe\xff\nos.id=" + "统信".encode())
    assert sheet["host"].facts["host.name"] == "前置机"
    assert sheet["host"].facts["os.id"] == "统信"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{" * 10_000,
        b'{"host.name": "a"}',
        b"host.name=a\nhost.name=b",
        b"host.name=a\n\x1b[2J",
        b"host.name=a\n" * 30_000,
        b"ports.tcp[]\n",  # of no host
    ],
)
def test_what_is_not_the_scripts_is_garbled(said: bytes) -> None:
    with pytest.raises(Garbled):
        told(said)


def test_only_what_listens_on_more_than_the_host_itself_is_a_port() -> None:
    sheet = told(
        "host.name=a\nbyte_order=1\ngiven=32768 60999\nsocket.tcp[]=0100007F:01BD\nsocket.tcp[]=00000000:0016\n"
        "socket.tcp[]=0101010A:01BD\nsocket.tcp[]=00000000000000000000000000000000:0016\n"
        "socket.tcp[]=0000000000000000FFFF00000100007F:1F90\nsocket.udp[]\nsocket.udp[]=00000000:9C40\n"
        "socket.udp[]=00000000:0089\n"
    )["network"]
    assert sheet.facts["ports.tcp"] == ["22", "445"]
    assert sheet.facts["ports.udp"] == ["137"]
    assert sheet.facts["listening"] == ["tcp 0.0.0.0:22", "tcp [::]:22", "tcp 10.1.1.1:445", "udp 0.0.0.0:137"]
    big = told("host.name=a\nbyte_order=256\nsocket.tcp[]=0A010101:01BD\nsocket.udp[]\n")["network"]
    assert big.facts["listening"] == ["tcp 10.1.1.1:445"]


@pytest.mark.parametrize("said", ["byte_order=1\nsocket.tcp[]=zz:00\n", "socket.tcp[]=00000000:0016\n"])
def test_a_table_of_sockets_nobody_can_read_is_no_empty_one(said: str) -> None:
    sheet = told(f"host.name=a\n{said}socket.udp[]\n")["network"]
    assert "ports.tcp" not in sheet.facts
    assert sheet.unread["ports.tcp"] == sheet.unread["listening"] == "unreadable"


def test_what_software_has_no_room_is_counted() -> None:
    many = "".join(f"software[]=package-{number:05}\t1.0\n" for number in range(4000))
    facts = told(f"host.name=a\n{many}")["software"].facts
    kept = facts["software"]
    assert isinstance(kept, list)
    assert facts["software.count"] == 4000 == len(kept) + int(str(facts["software.left_out"]))


@given(st.binary(max_size=300))
def test_whatever_a_host_says_is_sheets_or_garbled(said: bytes) -> None:
    try:
        sheets = told(b"host.name=a\n" + said)
    except Garbled:
        return
    assert set(sheets) <= set(NAMES)
