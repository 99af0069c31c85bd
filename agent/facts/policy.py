"""What a PC lets people do: sticks, and who may do everything."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from agent.facts.files import ROOT, listed, read, there
from agent.facts.sheet import NotRead, Sheet

MODPROBE: Final = (
    "etc/modprobe.d",
    "run/modprobe.d",
    "usr/local/lib/modprobe.d",
    "usr/lib/modprobe.d",
    "lib/modprobe.d",
)
GROUPS: Final = ("sudo", "wheel", "admin")
_NOTHING: Final = re.compile(r"install\s+usb_storage\s+(/usr)?/bin/(true|false)\s*$")


def policy(root: Path = ROOT) -> Sheet:
    sheet = Sheet("policy")
    sheet.read("usb.storage", lambda: usb_storage(root))
    sheet.read("administrators", lambda: administrators(root))
    return sheet


def usb_storage(root: Path) -> Literal["allowed", "denied"]:
    """Denied where the kernel's drivers of sticks are not loaded and modprobe is told not to load them.

    Either by a command that does nothing in their place, or by a blacklist of both drivers: `uas` brings in the other.
    """
    if there(root / "sys/module/usb_storage"):
        return "allowed"
    said = list(_lines(root))
    if any(_NOTHING.match(line) for line in said):
        return "denied"
    listed_black = {line.split()[1] for line in said if line.startswith("blacklist ") and len(line.split()) > 1}
    return "denied" if {"usb_storage", "uas"} <= listed_black else "allowed"


def _lines(root: Path) -> Iterator[str]:
    """Of modprobe's files; of files of one name the first folder's counts (modprobe.d(5))."""
    seen: set[str] = set()
    for folder in MODPROBE:
        if not there(root / folder):
            continue
        for path in listed(root / folder):
            if path.suffix == ".conf" and path.name not in seen:
                seen.add(path.name)
                yield from (" ".join(line.split()).replace("-", "_") for line in read(path).splitlines())


def administrators(root: Path) -> list[str]:
    """Accounts with the number 0, and members of groups that may become it. Sudo's own rules are not read."""
    groups = [line.split(":") for line in read(root / "etc/group").splitlines()]
    powerful = {line[2]: line[3] for line in groups if len(line) == 4 and line[0] in GROUPS}
    people = [line.split(":") for line in read(root / "etc/passwd").splitlines()]
    found = {line[0] for line in people if len(line) == 7 and (line[2] == "0" or line[3] in powerful)}
    for members in powerful.values():
        found |= {name for name in members.strip().split(",") if name}
    if not found:
        raise NotRead("unreadable")
    return sorted(found)
