"""The ready script of one position: a shipped script of facts, and around it what signs and posts it.

Everything that is put in is checked to be what it is: nobody's words become part of a script.
"""

import base64
import re
from importlib.resources import files
from typing import Final, Literal

from drivers.host import script
from drivers.host.document import pads
from drivers.reach import split

System = Literal["windows", "linux"]
EVERY_HOURS: Final = 4
_POSITION: Final = re.compile(r"[a-z0-9][a-z0-9./-]{0,129}")
_WORD: Final = "END_OF_THE_SCRIPT_OF_FACTS"
_TASK: Final = (
    f"schtasks /create /tn branchfleet-facts /ru SYSTEM /sc hourly /mo {EVERY_HOURS} /tr "
    r'"powershell.exe -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -File C:\branchfleet\facts.ps1"'
)


def ready(system: System, position: str, address: str, key: bytes) -> bytes:
    """ValueError for a position or an address that is none; NotSupported as of `script.shipped`."""
    host, port = split(address)
    if port is None or not _POSITION.fullmatch(position):
        raise ValueError(position if port else address)
    name = script.FACTS if system == "linux" else script.WINDOWS
    told = script.shipped(name).decode("ascii")
    inner, outer = pads(key)
    given = {
        "POSITION": position,
        "ADDRESS": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "SHA256": script.SHA256[name],
        "INNER": _octal(inner),
        "OUTER": _octal(outer),
        "KEY": base64.b64encode(key).decode("ascii"),
        "CRON": cron_line(position),
        "TASK": _TASK,
        "WORD": _WORD,
        "SCRIPT": told.rstrip("\n"),
    }
    around = files("drivers.host").joinpath("post.sh" if system == "linux" else "post.ps1").read_bytes().decode("ascii")
    return re.sub(r"@([A-Z0-9]+)@", lambda found: given[found[1]], around).encode("ascii")


def cron_line(position: str) -> str:
    """At a minute of its own, so that a branch's hosts do not all come at once."""
    minute = sum(position.encode()) % 60
    return f"{minute} */{EVERY_HOURS} * * * root sh /opt/branchfleet/facts-post.sh"


def task_line() -> str:
    return _TASK


def _octal(block: bytes) -> str:
    """As printf '%b' takes it."""
    return "".join(f"\\0{byte:03o}" for byte in block)
