"""Puts the service's files in their place and tells the system, or says which commands would."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from agent.exit import Exit, Trouble
from agent.link.identity import FILE as IDENTITY
from agent.service.files import LINUX_HOME, SYSUSERS, TASK, UNIT, File, at_logon, own_program, task, unit, windows_home
from agent.settings import find_home
from agent.texts import _

NAME = "branchfleet-agent.service"
USER = "branchfleet"  # as in sysusers.conf
_OWNERS = ("*S-1-5-19:(OI)(CI)F", "*S-1-5-18:(OI)(CI)F", "*S-1-5-32-544:(OI)(CI)F")  # LocalService, SYSTEM, admins

Say = Callable[[str], None]
Command = list[str]


def shown() -> str:
    """What `install` would write, for a person to read."""
    if sys.platform == "win32":
        return task(own_program(), windows_home()).decode("utf-16")
    return unit(own_program())[0].content.decode()


def install(say: Say, *, root: Path | None = None, logon: bool = False) -> None:
    """Make the service, and start it if the agent is set up. With `root` only write the files there: for an image."""
    if sys.platform == "win32":
        _install_windows(say, logon=logon)
        return
    if logon:
        raise Trouble(Exit.USAGE, _("--at-logon is for Windows; here the service starts with the machine."))
    for file in unit(own_program(), root or Path("/")):
        _write(file)
        say(_("Written: {path}").format(path=file.path))
    commands = [
        ["systemd-sysusers"],
        ["install", "-d", "-o", USER, "-g", USER, "-m", "0700", LINUX_HOME],  # to be set up before the first start
        ["systemctl", "daemon-reload"],
        ["systemctl", "enable", NAME],
    ]
    start = ["systemctl", "restart", NAME]
    if root is not None or not Path("/run/systemd/system").exists():
        then = _("Then, on the machine it is for: {commands}")
        say(then.format(commands=" && ".join(map(" ".join, commands))))
    else:
        _run(commands, say)
        if Path(LINUX_HOME, IDENTITY).exists():
            _run([start], say)
            return
    enroll = f"runuser -u {USER} -- {own_program()} enroll https://SERVER:8088 CODE --home {LINUX_HOME}"
    then = _("Once it is set up it starts with the machine. To set it up: {commands}")
    say(then.format(commands=f"{enroll} && {' '.join(start)}"))


def _install_windows(say: Say, *, logon: bool) -> None:
    if logon:
        file = at_logon(own_program(), str(find_home(None, os.environ)))
        _write(file)
        say(_("Written: {path}. It starts when this user logs on.").format(path=file.path))
        return
    home = windows_home()
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "task.xml")
        _write(File(written, task(own_program(), home)))
        Path(home).mkdir(parents=True, exist_ok=True)
        rights = [each for owner in _OWNERS for each in ("/grant:r", owner)]
        _run(
            [
                ["icacls", home, "/inheritance:r", *rights],
                ["schtasks", "/Create", "/TN", TASK, "/XML", str(written), "/F"],
                ["schtasks", "/Run", "/TN", TASK],
            ],
            say,
        )


def remove(say: Say, *, root: Path | None = None) -> None:
    """Stop the service and take its files away. The agent's folder stays."""
    if sys.platform == "win32":
        _run([["schtasks", "/End", "/TN", TASK], ["schtasks", "/Delete", "/TN", TASK, "/F"]], say)
        return
    here = root or Path("/")
    running = root is None and Path("/run/systemd/system").exists()
    if running:
        _run([["systemctl", "disable", "--now", NAME]], say)
    gone = [here / UNIT, here / SYSUSERS]
    for path in gone:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _not_written(path, error) from error
        say(_("Removed: {path}").format(path=path))
    if running:
        _run([["systemctl", "daemon-reload"]], say)


def _write(file: File) -> None:
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        file.path.write_bytes(file.content)
    except OSError as error:
        raise _not_written(file.path, error) from error


def _not_written(path: Path, error: OSError) -> Trouble:
    told = _("{path} cannot be written: {why}. Say it again as root, on Windows as an administrator.")
    return Trouble(Exit.CANNOT_WRITE, told.format(path=path, why=_(error.strerror or "")))


def _run(commands: list[Command], say: Say) -> None:
    for command in commands:
        say(_("Running: {command}").format(command=" ".join(command)))
        try:
            ran = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        except OSError as error:
            told = _("{program} cannot be run: {why}.").format(program=command[0], why=_(error.strerror or ""))
            raise Trouble(Exit.CANNOT_WRITE, told) from error
        if ran.returncode != 0:
            why = " ".join((ran.stderr or ran.stdout).split()) or _("it ended with {code}").format(code=ran.returncode)
            raise Trouble(Exit.CANNOT_WRITE, f"{' '.join(command)}: {why}")
