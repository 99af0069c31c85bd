"""Programs of the system that are asked something, each from a fixed folder, for a bounded time and answer.

No shell, and no word of a command that came from a file, a device or another program: the lists stand in the code.
"""

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from agent.facts.files import decoded
from agent.facts.sheet import NotRead

FOLDERS: Final = ("usr/sbin", "usr/bin", "sbin", "bin", "usr/local/sbin", "usr/local/bin")
ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"}
SECONDS: Final = 10.0
MOST: Final = 4 << 20  # bytes of an answer


class Said(NamedTuple):
    text: str
    code: int


def where(root: Path, name: str) -> Path | None:
    return next((path for folder in FOLDERS if os.access(path := root / folder / name, os.X_OK)), None)


def ask(root: Path, name: str, *words: str, seconds: float = SECONDS, most: int = MOST) -> Said:
    """What it says on its standard output. Raises NotRead; what says too much is unreadable."""
    path = where(root, name)
    if path is None:
        raise NotRead("absent")
    try:
        child = subprocess.Popen(
            [str(path), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    except PermissionError as error:
        raise NotRead("rights") from error
    except OSError as error:
        raise NotRead("unreadable") from error
    try:
        said, code = _heard(child, time.monotonic() + seconds, most)
    finally:
        _end(child)
    return Said(decoded(said), code)


def _heard(child: "subprocess.Popen[bytes]", until: float, most: int) -> tuple[bytes, int]:
    parts: list[bytes] = []
    if child.stdout is None:
        raise TypeError(child)
    handle = child.stdout.fileno()
    while True:
        ready, _, _ = select.select([handle], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise NotRead("timeout")
        part = os.read(handle, 1 << 16)
        if not part:
            break
        parts.append(part)
        most -= len(part)
        if most < 0:
            raise NotRead("unreadable", parts[0])
    try:
        return b"".join(parts), child.wait(max(0.1, until - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise NotRead("timeout") from error


def _end(child: "subprocess.Popen[bytes]") -> None:
    """With whatever it started itself."""
    if sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    if child.poll() is None:
        child.kill()
        child.wait()
    if child.stdout is not None:
        child.stdout.close()
