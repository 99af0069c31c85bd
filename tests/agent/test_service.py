"""The service's files are sound where they can be tried, and say what they must where they cannot (Windows)."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from agent.cli import main
from agent.exit import Exit
from agent.notify import beat, notify
from agent.service.files import at_logon, own_program, task, unit
from agent.wire import Polled
from tests.agent.enrolled import enrolled

pytestmark = pytest.mark.usefixtures("english")


if TYPE_CHECKING:
    from tests.agent.conftest import Centre
else:
    Centre = Any

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze: apt-get install systemd"
)
linux = pytest.mark.skipif(sys.platform != "linux", reason="a socket of systemd's kind: needs Linux")
HOME = r"C:\ProgramData\Branchfleet & Söhne\agent"
PROGRAM = r"C:\Program Files\100% Bank\branchfleet-agent.exe"
EXPOSURE = 35  # tenths; what serial ports and the look for their holders need costs about 3
Until = Callable[[Callable[[], object]], Awaitable[None]]


@needs_systemd
def test_systemd_finds_nothing_to_say_against_the_unit(tmp_path: Path) -> None:
    program = str(shutil.copy("/bin/true", tmp_path / "a program"))  # systemd looks whether it can be run
    file, _ = unit(program, tmp_path)
    file.path.parent.mkdir(parents=True)
    file.path.write_bytes(file.content)
    ran = subprocess.run(["systemd-analyze", "verify", str(file.path)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    security = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", str(file.path)]
    rated = subprocess.run(security, capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout.splitlines()[-1]


@needs_systemd
def test_the_unit_in_the_servers_documentation_is_sound_and_tight(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "server.md").read_text(encoding="utf-8")
    unit_file = tmp_path / "branchfleet-server.service"
    text = page.partition("```ini\n")[2].partition("```")[0]
    unit_file.write_text(text.replace("/opt/branchfleet/bin/branchfleet-server", "/bin/true"), encoding="utf-8")
    ran = subprocess.run(["systemd-analyze", "verify", str(unit_file)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    security = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", str(unit_file)]
    rated = subprocess.run(security, capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout.splitlines()[-1]


@needs_systemd
def test_the_user_it_runs_as_can_be_made(tmp_path: Path) -> None:
    _, file = unit("/bin/true", tmp_path)
    file.path.parent.mkdir(parents=True)
    file.path.write_bytes(file.content)
    command = ["systemd-sysusers", "--dry-run", f"--root={tmp_path}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "branchfleet" in ran.stdout + ran.stderr


def test_the_unit_does_not_retry_what_a_person_must_mend() -> None:
    text = unit("/opt/b/bin/branchfleet-agent")[0].content.decode()
    (line,) = [line for line in text.splitlines() if line.startswith("RestartPreventExitStatus=")]
    said = {int(code) for code in line.partition("=")[2].split()}
    assert said == {Exit.USAGE, Exit.BAD_INPUT, Exit.SPOOL_UNUSABLE, Exit.NOT_SET_UP}
    assert "ExecStart=/opt/b/bin/branchfleet-agent run --home /var/lib/branchfleet-agent\n" in text


def test_a_per_cent_sign_in_the_place_it_is_installed_is_no_specifier() -> None:
    assert 'ExecStart="/opt/100%% bank/bin/agent" run' in unit("/opt/100% bank/bin/agent")[0].content.decode()


def test_the_windows_task_starts_with_the_pc_for_ever_and_once() -> None:
    content = task(PROGRAM, HOME)
    root = ElementTree.fromstring(content)
    names = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    said = {path: root.findtext(f"t:{path.replace('/', '/t:')}", namespaces=names) for path in (
        "Actions/Exec/Command", "Actions/Exec/Arguments", "Principals/Principal/UserId",
        "Triggers/BootTrigger/Enabled", "Settings/ExecutionTimeLimit", "Settings/MultipleInstancesPolicy",
        "Settings/DisallowStartIfOnBatteries", "Settings/StopIfGoingOnBatteries",
    )}  # fmt: skip
    assert list(said.values()) == [
        PROGRAM, f'run --home "{HOME}"', "S-1-5-19", "true", "PT0S", "IgnoreNew", "false", "false",
    ]  # fmt: skip
    assert content.startswith(b"\xff\xfe")


def test_the_log_on_script_is_for_cmd_and_for_this_user(tmp_path: Path) -> None:
    file = at_logon(PROGRAM, r"D:\柜员\agent", {"APPDATA": str(tmp_path)}, "cp936")
    text = file.content.decode("cp936")
    assert file.path.parent.name == "Startup"
    assert f'"{PROGRAM.replace("%", "%%")}" run --home "D:\\柜员\\agent"\r\n' in text
    assert "\n" not in text.replace("\r\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="there the files go to the scheduler")
def test_installing_below_a_folder_writes_two_files_and_removing_takes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["service", "install", "--root", str(tmp_path)])
    assert ended.value.code == 0
    said = capsys.readouterr()
    written = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.name for path in written} == {"branchfleet-agent.service", "branchfleet.conf"}
    assert all(str(path) in said.err for path in written)
    assert "systemctl enable branchfleet-agent.service" in said.err
    assert "enroll https://SERVER:8088 CODE --home /var/lib/branchfleet-agent" in said.err
    with pytest.raises(SystemExit):
        main(["service", "show"])
    (shown,) = [path for path in written if path.suffix == ".service"]
    assert capsys.readouterr().out == shown.read_text(encoding="utf-8")
    assert own_program() in shown.read_text(encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["service", "remove", "--root", str(tmp_path)])
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


@pytest.mark.skipif(sys.platform == "win32", reason="--at-logon is for Windows")
def test_what_is_for_windows_is_refused_here(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["service", "install", "--at-logon"])
    assert ended.value.code == Exit.USAGE
    assert "Windows" in capsys.readouterr().err


@linux
async def test_systemd_hears_the_beginning_every_beat_and_the_end(centre: Centre, tmp_path: Path, until: Until) -> None:
    home = tmp_path / "home"
    enrolled(home, centre.url)
    centre.assign(Polled(position="1/a", name="", driver="reach", address="127.0.0.1:9", options={}, interval=60))
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        asyncio.get_running_loop().add_reader(systemd, lambda: heard.append(systemd.recv(100).decode()))
        agent = start(home, {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"})
        try:
            await until(lambda: heard.count("WATCHDOG=1") >= 3)
        finally:
            agent.terminate()
            agent.wait()
        await until(lambda: "STOPPING=1" in heard)
        asyncio.get_running_loop().remove_reader(systemd)
    assert heard.index("READY=1") < heard.index("STOPPING=1")
    assert heard.count("READY=1") == 1


def start(home: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "agent.cli", "run", "--home", str(home)]
    return subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.DEVNULL)


@linux
async def test_without_systemd_nobody_is_told_and_nothing_fails() -> None:
    notify("READY=1", {})
    notify("READY=1", {"NOTIFY_SOCKET": "@branchfleet-nobody-listens-here"})
    beating = asyncio.create_task(beat({"WATCHDOG_USEC": "not a number"}))
    await asyncio.sleep(0)
    assert not beating.done()
    beating.cancel()
