"""What Windows says to PowerShell and not in its registry: by the one script that hosts over SSH are asked with.

It goes in by standard input, as it was shipped or not at all; the command is words of this file alone, from Windows'
own folder. What the agent reads itself counts before what the script says. Never run on a real Windows.
"""

import logging
import os
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, TypeVar

from agent.facts.sheet import NotRead, Sheet
from drivers.errors import DeviceError
from drivers.host import script
from drivers.host.told import sheets_of

SECONDS: Final = 60.0
END_SECONDS: Final = 1.0  # for its answer's end to be seen once it is killed
MOST: Final = 1 << 20  # bytes of an answer
GROUPS: Final = ("disk.", "av.")  # numbered: two sources have their own numbers, so one of them tells all
# what nobody else of this agent tells: where the script gave nothing, it is for the script's reason
ALONE: Final = {
    "host": ("machine.serial",),
    "updates": ("updates.wua", "updates.last_at"),
    "network": ("ports.", "listening", "shares", "networks"),
    "antivirus": ("av.",),
    "policy": ("administrators", "licence"),
}
_NO_WINDOW: Final = getattr(subprocess, "CREATE_NO_WINDOW", 0)

T = TypeVar("T")
log = logging.getLogger(__name__)


def program() -> Path:
    # a 32-bit Python on a 64-bit Windows sees another folder under the name System32, with another PowerShell
    system = "Sysnative" if "PROCESSOR_ARCHITEW6432" in os.environ else "System32"
    return Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), system, "WindowsPowerShell", "v1.0", "powershell.exe")


class Script:
    """One run of it, for all topics."""

    def __init__(self, powershell: Path, seconds: float = SECONDS) -> None:
        self._sheets: dict[str, Sheet] = {}
        self._error: NotRead | None = None
        try:
            self._sheets = told(powershell, seconds)
        except NotRead as error:
            self._error = error
            log.warning("What PowerShell says of this PC was not read: %s %r", error.why, error.raw[:300])

    def beside(self, own: Sheet) -> Sheet:
        """What the agent reads itself, and what the script tells more."""
        if self._error is not None:
            lacking = {name: self._error.why for name in ALONE.get(own.topic, ()) if own.unread.get(name) == "absent"}
            return Sheet(own.topic, own.facts, own.unread | lacking)
        other = self._sheets.get(own.topic)
        return own if other is None else merged(own, other)


def merged(own: Sheet, other: Sheet) -> Sheet:
    """Own facts first. No name is told and unread at once."""
    if _count(other) > _count(own):  # it knows more antivirus, the own among them
        own = Sheet(own.topic, _without(own.facts, "av."), _without(own.unread, "av."))
    taken = tuple(group for group in GROUPS if any(name.startswith(group) for name in own.facts))
    facts = {name: value for name, value in other.facts.items() if not name.startswith(taken)} | own.facts
    said = {name: why for name, why in other.unread.items() if not name.startswith(taken)}
    alone = ALONE.get(own.topic, ())
    kept = {name: why for name, why in own.unread.items() if not (name in said and name in alone)}
    return Sheet(own.topic, facts, {name: why for name, why in (said | kept).items() if not _is_told(name, facts)})


def _count(sheet: Sheet) -> int:
    count = sheet.facts.get("av.count", -1)
    return count if isinstance(count, int) else -1


def _without(names: Mapping[str, T], start: str) -> dict[str, T]:
    return {name: value for name, value in names.items() if not name.startswith(start)}


def _is_told(name: str, facts: Mapping[str, object]) -> bool:
    return name in facts or (name.endswith(".") and any(one.startswith(name) for one in facts))


def told(powershell: Path, seconds: float) -> dict[str, Sheet]:
    """By topic. Raises NotRead: absent, rights, timeout, or unreadable where it is not what our script says."""
    try:
        markers = script.new_markers()
        sent = script.to_send(script.Script(script.WINDOWS, script.POWERSHELL, "facts"), markers)
        heard = _heard(powershell, sent, markers, seconds)
        said = script.between(heard, markers)
        if said is None:
            raise NotRead("unreadable", heard[:1024])
        found = sheets_of(said, "win32", script.WINDOWS, script.SHA256[script.WINDOWS])
    except DeviceError as error:  # a script that was changed, or what it never says
        raise NotRead("unreadable", error.detail) from error
    return {one.topic: Sheet(one.topic, dict(one.facts), one.unread) for one in found}


def _heard(powershell: Path, sent: bytes, markers: script.Markers, seconds: float) -> bytes:
    """Until the last marker or its end; its errors go nowhere."""
    try:
        child = subprocess.Popen(
            [str(powershell), *script.POWERSHELL.split()[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=_NO_WINDOW,
        )
    except OSError as error:
        raise NotRead("rights" if isinstance(error, PermissionError) else "absent") from error
    heard = bytearray()
    # Windows cannot wait for a pipe with a time-out, so each end has a thread, which ends with the program's end
    reading = threading.Thread(target=_read, args=(child.stdout, heard, markers), daemon=True)
    writing = threading.Thread(target=_write, args=(child.stdin, sent), daemon=True)
    try:
        reading.start()
        writing.start()
        reading.join(seconds)
        if reading.is_alive():
            raise NotRead("timeout", bytes(heard[:1024]))
    finally:
        child.kill()
        child.wait()
        reading.join(END_SECONDS)
    if len(heard) > MOST:
        raise NotRead("unreadable", bytes(heard[:1024]))
    return bytes(heard)


def _read(pipe: IO[bytes], heard: bytearray, markers: script.Markers) -> None:
    with suppress(OSError, ValueError), pipe:
        while part := os.read(pipe.fileno(), 1 << 16):
            heard += part
            if len(heard) > MOST or b"\n%s\n" % markers.end in heard[-256:]:
                return


def _write(pipe: IO[bytes], sent: bytes) -> None:
    with suppress(OSError, ValueError), pipe:
        pipe.write(sent)
