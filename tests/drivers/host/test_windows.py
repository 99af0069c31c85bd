"""Windows over SSH: what is sent, and what is believed of its answer. No real Windows was ever asked here."""

import base64
import re
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

import pytest

from drivers.base import Driver
from drivers.host import script
from drivers.host.ssh import SCRIPTS
from drivers.host.told import sheets_of
from server.checks.bank import Bank
from server.checks.judging import judge
from server.checks.kept import shipped
from server.checks.sheets import Host, Sheet
from tests.drivers.host.test_said import MARKERS
from tests.drivers.host.test_simulated import _options

Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Any]]
Start = Callable[..., Awaitable[tuple[Any, str]]]
NEWER = re.compile(
    r"ConvertTo-Json|ConvertFrom-Json|Get-CimInstance|Get-NetTCPConnection|Get-MpComputerStatus|\[pscustomobject\]"
    r"|\[ordered\]|Invoke-RestMethod|Invoke-WebRequest|-Raw\b|\.ForEach\(|\.Where\(|::new\(|\?\?|\$PSItem|-in\b|-notin\b",
    re.IGNORECASE,
)
NOW = 1_796_000_000_000_000
# As an old Chinese Windows may send it: its own words in cp936, line ends of its own, progress in between.
ANSWER = (
    b"#< CLIXML\r\nhost.name=FRONT-3\r\nos.id=windows\r\nos.name="
    + "Windows 7 旗舰版".encode("cp936")
    + b"\r\nos.build=7601\r\nos.edition=Ultimate\r\nreboot.pending=false\r\nfile.srv.sys=6.1.7601.17514\r\n"
    b'<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"></Objs>\r\n'
    b"smb1.server=true\r\nports.tcp[]\r\nports.tcp[]=135\r\nports.tcp[]=445\r\nports.udp[]\r\nshares[]=C$\r\nshares[]=IPC$\r\n"
    b"unread.administrators=rights\r\nlicence=grace\r\nusb.storage=allowed\r\nsoftware[]="
    + "财务软件 9\t9.0".encode("cp936")
    + b"\r\nav.count=1\r\nav.1.product=Trend Micro OfficeScan\r\nav.1.library=13.403.00\r\n"
    b"av.1.library_at=1489449600000000\r\n"
    b"av.1.realtime=true\r\nav.1.read=registry\r\n"
)


def test_the_script_is_of_what_powershell_2_knows_and_ascii() -> None:
    text = files("drivers.host").joinpath(script.WINDOWS).read_bytes().decode("ascii")
    assert NEWER.findall(text) == []
    code = re.sub(r"#.*", "", text)
    assert not re.search(r"\b(Set|Remove|New|Stop|Start|Restart|Clear|Rename|Move|Copy)-(?!Object\b)\w+", code)


@pytest.mark.parametrize("part", ["read", "facts"])
def test_the_script_goes_in_one_line_with_nothing_of_a_host_in_it(part: str) -> None:
    sent = script.to_send(script.Script(script.WINDOWS, script.POWERSHELL, part), MARKERS)
    line, rest = sent.split(b"\n", 1)
    assert rest == b"\nexit\n"
    packed = re.search(rb"FromBase64String\('([^']*)'\)", line)
    assert packed is not None
    first, whole = base64.b64decode(packed[1]).split(b"\n", 1)
    assert whole == script.shipped(script.WINDOWS)
    assert first.decode() == f"$begin_marker = 'BEGIN-1'; $end_marker = 'END-1'; $part = '{part}'"


def test_an_old_chinese_windows_is_understood_and_judged() -> None:
    told = sheets_of(ANSWER, "win32", script.WINDOWS, "0" * 64)
    sheets = {one.topic: Sheet(NOW, one.facts, one.unread) for one in told}
    assert sheets["host"].facts["os.name"] == "Windows 7 旗舰版"
    assert sheets["software"].facts["software"] == ["财务软件 9\t9.0"]
    host = Host("1001/pc-3", sheets)
    words = {check.id: str(judge(check, host, Bank(), NOW).word) for check in shipped()}
    failing = ("ms17-010", "high-risk-ports", "os-supported", "removable-storage", "default-shares", "licence")
    assert {words[check] for check in failing} == {"fail"}
    assert words["antivirus-library-15"] != "pass"
    assert words["antivirus-realtime"] == "pass"


async def test_it_is_asked_by_powershell_and_by_nothing_of_the_inventory(
    start: Start, driver: Make, poll: Poll
) -> None:
    simulator, address = await start("host/ssh", state={"listens": "445"})
    asked: Any = driver("host/ssh", address, **_options(os="windows", user="$(reboot)"))
    assert (await poll(asked)).texts["script"] == f"SHA256 {script.SHA256[script.WINDOWS]}"
    told = {sheet.topic: sheet.facts for sheet in await asked.facts()}
    await asked.close()
    assert (told["host"]["os.family"], told["network"]["ports.tcp"]) == ("win32", ["445"])
    assert simulator.commands == [SCRIPTS["windows"].facts.command.encode()] * 2
