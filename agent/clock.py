"""The clocks of a record: the wall clock, which people set, the boot clock, which nobody can, and the boot's name.

Everything that needs the time is handed a `Clocks`; only this file reads the machine's.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from agent.files import write_private
from agent.wire import Clock

Clocks = Callable[[], Clock]

_LINUX_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_KEPT = "boot.json"
_KUSER_BOOT_ID = 0x7FFE0000 + 0x2C4  # KUSER_SHARED_DATA.BootId (ntddk.h): counts boots, Windows 8 and later


def system_clocks(home: Path) -> Clocks:
    """The clocks of this machine. `home` keeps the boot's name where the system gives none that lasts."""
    boot_id = _boot_id(home)
    return lambda: Clock(wall=time.time_ns() // 1000, boot=boot_micros(), boot_id=boot_id)


def boot_micros() -> int:
    """µs since boot, the time asleep included, so that a laptop lid does not shorten an outage."""
    if sys.platform == "win32":
        import ctypes

        ticks = ctypes.windll.kernel32.GetTickCount64  # ms; time.monotonic is another clock from Python 3.13 on
        ticks.restype = ctypes.c_ulonglong
        return int(ticks()) * 1000
    if sys.platform == "linux":
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000  # macOS: this one counts sleep, time.monotonic does not


def _boot_id(home: Path) -> str:
    if sys.platform == "linux":
        try:
            return _LINUX_BOOT_ID.read_text(encoding="ascii").strip()
        except OSError:  # a container may hide it
            pass
    return kept_boot_id(home / _KEPT, _boot_mark())


def kept_boot_id(path: Path, mark: str) -> str:
    """The name given to the boot that `mark` tells apart, kept in `path`; a new one for a new mark.

    Without a mark every start of the agent counts as a boot. That costs a better clock for a minute; taking two
    boots for one would date records wrongly, and with a dead CMOS battery two boots look alike by the wall clock.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if mark and kept["mark"] == mark:
            return str(kept["boot_id"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no such file yet, or a torn one: a new name is right in both cases
    boot_id = str(uuid4())
    if mark:
        with suppress(OSError):  # a full disk: the next start gives another name
            write_private(path, json.dumps({"mark": mark, "boot_id": boot_id}).encode())
    return boot_id


def _boot_mark() -> str:
    """What this system calls the running boot, or "" where it has no word for it."""
    if sys.platform == "win32":
        import ctypes

        return str(ctypes.c_uint32.from_address(_KUSER_BOOT_ID).value)
    if sys.platform == "darwin":
        import ctypes

        system = ctypes.CDLL(None)
        answer = ctypes.create_string_buffer(64)
        size = ctypes.c_size_t(len(answer))
        if system.sysctlbyname(b"kern.bootsessionuuid", answer, ctypes.byref(size), None, 0) == 0:
            return os.fsdecode(answer.value)
    return ""
