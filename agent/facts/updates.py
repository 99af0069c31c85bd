"""What was updated, and what would be: by dpkg and apt's lists, or by rpm. No network is asked, nothing is changed."""

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.facts.files import ROOT, listed, read, there
from agent.facts.programs import ask
from agent.facts.sheet import NotRead, Sheet
from agent.wire import Told

# As an upgrade with new packages would be, for a new kernel is one. Without locks: a real upgrade may be under way.
SIMULATED: Final = ("-s", "-qq", "-o", "Debug::NoLocking=true", "-o", "APT::Get::Show-User-Simulation-Note=no")
SIMULATE_SECONDS: Final = 30.0
LISTED: Final = 300  # of a PC that is years behind the rest is counted
LOG_TAIL: Final = 1 << 20  # bytes
_UPGRADED: Final = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) upgrade ", re.MULTILINE | re.ASCII)
_WOULD: Final = re.compile(r"^Inst (\S+)(?: \[(\S+)\])? \((\S+)", re.MULTILINE)


def updates(root: Path = ROOT) -> Sheet:
    sheet = Sheet("updates")
    source = source_of(root)
    if source is None:
        sheet.unread["updates."] = "absent"
        return sheet
    sheet.facts["updates.source"] = source
    if source == "dpkg":
        sheet.read("updates.last_at", lambda: last_by_dpkg(root))
        sheet.take("updates.pending", lambda: pending(root))
        sheet.read("updates.lists_at", lambda: lists_at(root))
    else:
        sheet.read("updates.last_at", lambda: last_by_rpm(root))
        sheet.unread["updates.pending"] = "absent"  # rpm keeps no lists, and dnf's are read by nothing here yet
    return sheet


def source_of(root: Path) -> str | None:
    if there(root / "var/lib/dpkg/status"):
        return "dpkg"
    stores = ("var/lib/rpm", "usr/lib/sysimage/rpm")
    return "rpm" if any(there(root / store) for store in stores) else None


def last_by_dpkg(root: Path) -> int:
    """When a package was last replaced by a newer one (µs); dpkg writes the time of the PC's zone."""
    for name in ("dpkg.log", "dpkg.log.1"):
        with suppress(NotRead):
            if found := _UPGRADED.findall(read(root / "var/log" / name, LOG_TAIL, end=True)):
                with suppress(ValueError, OverflowError):
                    return int(time.mktime(time.strptime(found[-1], "%Y-%m-%d %H:%M:%S"))) * 1_000_000
    raise NotRead("absent")


def last_by_rpm(root: Path) -> int:
    said = ask(root, "rpm", "-qa", "--qf", "%{INSTALLTIME}\n")
    times = [int(line) for line in said.text.split() if line.isdigit() and line.isascii() and len(line) < 12]
    if said.code or not times:
        raise NotRead("unreadable", said.text)
    return max(times) * 1_000_000


def pending(root: Path) -> dict[str, Told]:
    """What apt would install by the lists it has: name, version there, version to come; and how many that are."""
    lists_at(root)  # without lists nothing would be to come, of a PC that is years behind
    said = ask(root, "apt-get", *SIMULATED, "dist-upgrade", seconds=SIMULATE_SECONDS)
    if said.code:
        raise NotRead("unreadable", said.text)
    found = [f"{name}\t{before or '-'} {after}" for name, before, after in _WOULD.findall(said.text)]
    return {"updates.pending": found[:LISTED], "updates.pending_count": len(found)}


def lists_at(root: Path) -> int:
    """When the newest of the lists was made, by its archive (µs): apt keeps its time with the file."""
    times = list(_times(root / "var/lib/apt/lists"))
    if not times:
        raise NotRead("absent")
    return max(times)


def _times(folder: Path) -> Iterator[int]:
    for path in listed(folder):
        if path.name.endswith(("Release", "_Packages", "_Packages.lz4", "_Packages.xz", "_Packages.gz")):
            with suppress(OSError):
                yield path.stat().st_mtime_ns // 1_000_000_000 * 1_000_000
