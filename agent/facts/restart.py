"""Whether a Linux waits for a restart: what it says itself, and a kernel that is newer than the one that runs."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.facts.files import ROOT, listed, read, there
from agent.facts.sheet import NotRead
from agent.facts.versions import order
from agent.wire import Told

SAID: Final = ("run/reboot-required", "var/run/reboot-required")
SLACK: Final = 60  # seconds: while it was starting


def restart(root: Path = ROOT) -> dict[str, Told]:
    """Raises NotRead where neither can be told, as in a container that has no kernel of its own."""
    why = list(_said(root))
    try:
        why += _newer(root)
    except NotRead:
        if not why:
            raise
    return {"reboot.pending": True, "reboot.why": why} if why else {"reboot.pending": False}


def _said(root: Path) -> Iterator[str]:
    for path in SAID:
        if there(root / path):
            packages: list[str] = []
            with suppress(NotRead):
                packages = read(root / f"{path}.pkgs", 1 << 16).split()
            yield from [f"package {name}" for name in sorted(set(packages))[:20]] or ["said by the system"]
            return


def _newer(root: Path) -> list[str]:
    """Raises NotRead where the running kernel is none of those installed and no newer one is."""
    runs = read(root / "proc/sys/kernel/osrelease").strip()
    images = {path.name.partition("-")[2]: path for path in listed(root / "boot") if path.name.startswith("vmlinuz-")}
    kind = runs.rpartition("-")[2] if "-" in runs else ""
    if kind.isalnum() and not kind.isdigit() and not kind[:1].isdigit():
        images = {name: path for name, path in images.items() if name.endswith(f"-{kind}")}
    newer = [name for name in images if order(name) > order(runs)]
    if newer:
        return [f"kernel {max(newer, key=order)}"]
    if runs not in images:
        raise NotRead("absent")
    return [f"kernel {runs}"] if _replaced(root, images[runs]) else []


def _replaced(root: Path, image: Path) -> bool:
    """Whether the file of the running kernel came after it was started: an update under the same name."""
    for line in read(root / "proc/stat", 1 << 20).splitlines():
        if line.startswith("btime ") and line[6:].strip().isdigit():
            return image.stat().st_ctime > int(line[6:]) + SLACK
    raise NotRead("unreadable")
