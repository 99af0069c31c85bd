"""What a Windows tells its agent by PowerShell: a stand-in gives recorded answers, and no real one ever ran here."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.facts import powershell
from agent.facts.powershell import Script, merged, told
from agent.facts.registry import network, policy
from agent.facts.sheet import NotRead, Sheet
from drivers.host import script
from tests.agent.facts.test_registry import Sample
from tests.drivers.host.test_windows import ANSWER

# Takes the one line, and gives what lies beside it between the markers that came: `answer`, or does what `deed` says.
STAND_IN = """#!{python}
import base64, os, re, sys, time
here = os.path.dirname(os.path.abspath(__file__))
said = sys.stdin.buffer.readline()
open(here + "/words", "w").write("\\n".join(sys.argv[1:]))
whole = base64.b64decode(re.search(rb"FromBase64String\\('([^']*)'\\)", said)[1])
begin, end = re.findall(rb"_marker = '([^']*)'", whole)[:2]
out = sys.stdout.buffer
answer = open(here + "/answer", "rb").read()
sys.stderr.write("#< CLIXML error " * 20_000)
exec(open(here + "/deed").read())
"""
WHOLE = "out.write(b'\\xef\\xbb\\xbf#< CLIXML\\r\\n' + begin + b'\\n' + answer + end + b'\\n'); out.flush()"
PowerShell = Callable[..., Path]


@pytest.fixture
def standing_in(tmp_path: Path) -> PowerShell:
    """`standing_in(answer, deed)` is a program in PowerShell's place."""
    if sys.platform == "win32":
        pytest.skip("it is a script with a first line")

    def put(answer: bytes = ANSWER, deed: str = WHOLE) -> Path:
        (tmp_path / "answer").write_bytes(answer)
        (tmp_path / "deed").write_text(deed)
        program = tmp_path / "powershell.exe"
        program.write_text(STAND_IN.format(python=sys.executable))
        program.chmod(0o755)
        return program

    return put


def test_what_the_registry_does_not_say_is_told_by_the_script(standing_in: PowerShell, tmp_path: Path) -> None:
    ran = Script(standing_in())
    net = ran.beside(network(Sample({}), Sheet("updates", {"file.srv.sys": "6.1.7601.23689"})))
    assert (net.facts["ports.tcp"], net.facts["ports.udp"], net.facts["shares"]) == (["135", "445"], [], ["C$", "IPC$"])
    assert not {"ports.", "shares"} & set(net.unread)
    assert net.unread["networks"] == "absent"  # neither of them
    own = ran.beside(policy(Sample({})))
    assert (own.facts["licence"], own.unread["administrators"]) == ("grace", "rights")
    software = ran.beside(Sheet("software", {}, {"software": "rights"}))
    assert software.facts["software"] == ["财务软件 9\t9.0"]
    host = ran.beside(Sheet("host", {"os.name": "Windows 7 Ultimate", "os.build": "7601.24000"}, {}))
    assert (host.facts["os.name"], host.facts["os.build"]) == ("Windows 7 Ultimate", "7601.24000")  # its own counts
    assert host.facts["script.sha256"] == script.SHA256[script.WINDOWS]
    assert (tmp_path / "words").read_text().splitlines() == script.POWERSHELL.split()[1:]


def test_of_two_who_number_antivirus_the_one_that_knows_more_tells_all() -> None:
    one = Sheet("antivirus", {"av.count": 1, "av.1.product": "A", "av.1.library": "7"}, {"av.1.scanned_at": "absent"})
    two = Sheet("antivirus", {"av.count": 2, "av.1.product": "B", "av.2.product": "A"}, {"av.2.library": "absent"})
    assert (merged(one, two).facts, merged(one, two).unread) == (two.facts, two.unread)
    assert merged(two, one) == two
    assert merged(one, Sheet("antivirus", {"av.count": 1, "av.1.product": "C"})) == one
    none = Sheet("antivirus", {}, {"av.": "absent"})
    assert merged(none, one) == one
    assert merged(one, none) == one


def test_a_driver_that_is_not_there_by_the_agents_own_look_stays_so() -> None:
    own = Sheet("updates", {}, {"file.srv.sys": "absent", "updates.wua": "absent"})
    both = merged(own, Sheet("updates", {}, {"file.srv.sys": "rights", "updates.wua": "rights"}))
    assert both.unread == {"file.srv.sys": "absent", "updates.wua": "rights"}


@pytest.mark.parametrize(
    ("deed", "why"),
    [
        ("out.write(begin + b'\\n' + answer[:200])", "unreadable"),  # cut off
        ("out.write(begin + b'\\n\\x00\\x1b[2J\\n' + end + b'\\n')", "unreadable"),
        ("out.write((begin + b'\\n' + answer + end + b'\\n').decode('latin-1').encode('utf-16'))", "unreadable"),
        ("out.write(b'x' * (9 << 20))", "unreadable"),  # floods
        ("", "unreadable"),  # says nothing
        ("out.write(begin + b'\\n'); out.flush(); time.sleep(600)", "timeout"),
        ("out.close(); os.close(1); time.sleep(600)", "unreadable"),
    ],
)
def test_an_answer_nobody_can_read_leaves_what_the_agent_knows_and_says_why(
    deed: str, why: str, standing_in: PowerShell
) -> None:
    ran = Script(standing_in(deed=deed), seconds=5 if why == "unreadable" else 0.5)
    own = ran.beside(Sheet("policy", {"usb.storage": "denied"}, {"administrators": "absent", "licence": "absent"}))
    assert own == Sheet("policy", {"usb.storage": "denied"}, {"administrators": why, "licence": why})


def test_one_that_takes_no_script_is_left_in_its_time(standing_in: PowerShell) -> None:
    program = standing_in()
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    began = time.monotonic()
    with pytest.raises(NotRead) as said:
        told(program, 0.2)
    assert (said.value.why, time.monotonic() - began < 60) == ("timeout", True)


def test_a_pc_without_powershell_says_that_it_has_none_and_a_changed_script_is_not_run(
    standing_in: PowerShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotRead) as said:
        told(tmp_path / "nothing.exe", 5)
    assert said.value.why == "absent"
    monkeypatch.setattr(script, "SHA256", dict.fromkeys(script.SHA256, "0" * 64))
    script.shipped.cache_clear()
    with pytest.raises(NotRead) as said:
        told(standing_in(), 5)
    script.shipped.cache_clear()
    assert said.value.why == "unreadable"
    assert not (tmp_path / "words").exists()


def test_the_powershell_that_is_run_is_windows_own_by_its_whole_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYSTEMROOT", "C:/Windows")
    assert powershell.program().as_posix() == "C:/Windows/System32/WindowsPowerShell/v1.0/powershell.exe"
