"""Who else has a serial port open, and when it can be had again. Linux only: Windows refuses a second opener itself.

A program may hold a port without any lock (a teller's program of the 1990s does), so the open files of every process
are looked at, as `fuser` does. That needs the right to look: without it a process that could have opened the port, and
cannot be looked into, makes the owner unknown. Lock files of the UUCP kind (`LCK..ttyS0`) are honoured as well.

A pseudo terminal is never the teller's port: whoever holds its master is the device, not a user of it, and only
holders that can be seen count.
"""

import asyncio
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

if sys.platform == "win32":
    raise ImportError("Windows refuses a second opener of a port by itself")

_PROC = Path("/proc")
_LOCK_FOLDERS = (Path("/run/lock"), Path("/var/lock"))
_PTS_MAJORS = range(136, 144)  # Documentation/admin-guide/devices.txt: Unix98 PTY slaves
_MEMORY_MAJOR = 1  # ibidem: null, zero and the like, which any program may have open
LOOK_SECONDS = 2.0  # between two looks at a port that somebody holds, or that is not there
QUIET_LOOKS = 5  # this many in a row must find it free: a program that closes and opens it again is not come between


@dataclass(frozen=True)
class Found:
    holder: str | None  # "minicom (process 312)"
    unseen: bool  # a process that could hold the port could not be looked into
    pid: str = ""  # the holder's


def look(port: str, device: os.stat_result, likely: str = "") -> Found:
    """Who has `port`, whose status is `device`, open besides this process. `likely` is looked at before all others."""
    if not stat.S_ISCHR(device.st_mode) or os.major(device.st_rdev) == _MEMORY_MAJOR:
        return Found(None, unseen=False)  # no port at all: its open says so
    locked = locked_by(port)
    if locked:
        return Found(_named(locked), unseen=False, pid=locked)
    processes = _processes()
    if processes is None:
        return Found(None, unseen=True)
    if likely in processes:
        processes.insert(0, likely)
    unseen = False
    for pid in processes:
        try:
            if _holds(pid, device):
                return Found(_named(pid), unseen=False, pid=pid)
        except PermissionError:
            unseen = unseen or (not _is_pts(device) and _could_open(pid, device))
        except OSError:
            continue  # it ended while we looked
    return Found(None, unseen)


async def plugged_in(port: str) -> bool:
    """Wait until a port that was not there is: True. False if it is there already, and then it is no serial port."""
    if await asyncio.to_thread(os.path.exists, port):
        return False
    while not await asyncio.to_thread(os.path.exists, port):  # noqa: ASYNC110  (a folder tells nobody)
        await asyncio.sleep(LOOK_SECONDS)
    await asyncio.sleep(LOOK_SECONDS)  # for udev to give it to its group
    return True


async def let_go(port: str, *, strict: bool) -> bool:
    """Wait until whoever holds `port` let it go and it stayed free for a while: True. Nothing is opened.

    Also True when the port itself is gone, which a poll should tell. False where nobody can be seen to hold it, or,
    if `strict`, where others could hold it unseen: there is nothing to wait for.
    """
    seen, pid, free = False, "", 0
    while free < QUIET_LOOKS:
        try:
            found = await asyncio.to_thread(_look_now, port, pid)
        except OSError:
            return True
        if found.holder is None and found.unseen and (strict or not seen):
            return False
        seen, pid = seen or found.holder is not None, found.pid
        free = 0 if found.holder is not None else free + 1
        await asyncio.sleep(LOOK_SECONDS)
    return True


def _look_now(port: str, likely: str) -> Found:
    return look(port, os.stat(port), likely)


def _processes() -> list[str] | None:
    """Every process but this one; None where they cannot be listed: no /proc, or one that hides other users'."""
    try:
        pids = [name for name in os.listdir(_PROC) if name.isdigit()]
    except OSError:
        return None
    if "1" not in pids:
        return None
    return [pid for pid in pids if pid != str(os.getpid())]


def _holds(pid: str, device: os.stat_result) -> bool:
    folder = os.open(f"{_PROC}/{pid}/fd", os.O_RDONLY | os.O_DIRECTORY)  # each path below it is then a short one
    try:
        for number in os.listdir(folder):
            try:
                # The link is read first: it says "socket:[1]" or a path, and only device nodes are worth a stat; most
                # of those that are open anywhere are this one.
                path = os.readlink(number, dir_fd=folder)
                if not path.startswith("/dev/") or path == "/dev/null":
                    continue
                opened = os.stat(number, dir_fd=folder)
            except FileNotFoundError:
                continue
            if stat.S_ISCHR(opened.st_mode) and opened.st_rdev == device.st_rdev:
                return not (_is_pts(device) and _has_master(pid, os.minor(device.st_rdev)))
        return False
    finally:
        os.close(folder)


def _is_pts(device: os.stat_result) -> bool:
    return os.major(device.st_rdev) in _PTS_MAJORS


def _has_master(pid: str, index: int) -> bool:
    """Whether the process holds the other end of pseudo terminal `index` (proc(5): tty-index of a ptmx)."""
    for number in os.listdir(f"{_PROC}/{pid}/fdinfo"):
        try:
            text = Path(f"{_PROC}/{pid}/fdinfo/{number}").read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            continue
        if any(line.split() == ["tty-index:", str(index)] for line in text.splitlines()):
            return True
    return False


def _could_open(pid: str, device: os.stat_result) -> bool:
    """Whether a process's user and groups let it open the port. Kernel threads and the dead, without memory, cannot."""
    try:
        text = Path(f"{_PROC}/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return False
    except OSError:
        return True
    said = dict(line.partition(":")[::2] for line in text.splitlines())
    if "VmSize" not in said:
        return False
    users = {int(word) for word in said.get("Uid", "").split()}
    groups = {int(word) for word in (said.get("Gid", "") + said.get("Groups", "")).split()}
    if 0 in users or device.st_uid in users:
        return True
    if device.st_gid in groups:
        return bool(device.st_mode & stat.S_IRGRP)
    return bool(device.st_mode & stat.S_IROTH)


def _named(pid: str) -> str:
    try:
        name = Path(f"{_PROC}/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return f"process {pid}"
    return f"{name} (process {pid})"


def locked_by(port: str) -> str:
    """The living process named by a lock file of the port, "" if there is none: its id in ASCII, or in four bytes."""
    name = os.path.basename(os.path.realpath(port))
    for folder in _LOCK_FOLDERS:
        try:
            said = (folder / f"LCK..{name}").read_bytes()
        except OSError:
            continue
        word = said.split()[0] if said.split() else b""
        pid = int(word) if word.isdigit() else int.from_bytes(said, "little") if len(said) == 4 else 0
        if pid > 0 and pid != os.getpid() and (_PROC / str(pid)).exists():
            return str(pid)
    return ""
