"""The files that make a service of the agent, filled in for this installation."""

import os
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path, PureWindowsPath
from typing import NamedTuple
from xml.sax.saxutils import escape

LINUX_HOME = "/var/lib/branchfleet-agent"  # the unit's StateDirectory
UNIT = "etc/systemd/system/branchfleet-agent.service"
SYSUSERS = "etc/sysusers.d/branchfleet.conf"
TASK = r"\Branchfleet\agent"


class File(NamedTuple):
    path: Path
    content: bytes


def own_program() -> str:
    """This installation's command, whole."""
    name = "branchfleet-agent.exe" if sys.platform == "win32" else "branchfleet-agent"
    return str(Path(sys.executable).absolute().with_name(name))


def template(name: str) -> str:
    return files("agent.service").joinpath(name).read_text(encoding="utf-8")


def unit(program: str, root: Path = Path("/")) -> list[File]:
    """The systemd unit, and the user it runs as."""
    text = template("branchfleet-agent.service").replace("{program}", _quoted(program)).replace("{home}", LINUX_HOME)
    return [File(root / UNIT, text.encode()), File(root / SYSUSERS, template("sysusers.conf").encode())]


def _quoted(program: str) -> str:
    """As systemd takes it: a per cent sign begins a specifier, a space ends a word."""
    escaped = program.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if " " in program else escaped


def windows_home(environment: Mapping[str, str] = os.environ) -> str:
    return str(PureWindowsPath(environment.get("PROGRAMDATA", r"C:\ProgramData"), "Branchfleet", "agent"))


def task(program: str, home: str) -> bytes:
    """The task for Windows' scheduler; it takes no encoding but UTF-16."""
    text = template("task.xml").replace("{program}", escape(program)).replace("{home}", escape(home))
    return text.replace("\n", "\r\n").encode("utf-16")


def at_logon(program: str, home: str, environment: Mapping[str, str] = os.environ, encoding: str = "oem") -> File:
    """The script for the Startup folder of one user. cmd reads it in the system's own code page."""
    startup = Path(environment["APPDATA"], "Microsoft", "Windows", "Start Menu", "Programs", "Startup")
    text = template("at-logon.cmd").replace("{program}", _in_batch(program)).replace("{home}", _in_batch(home))
    return File(startup / "branchfleet-agent.cmd", text.replace("\n", "\r\n").encode(encoding))


def _in_batch(text: str) -> str:
    return text.replace("%", "%%")
