"""Files a person writes, read so that none holds the server up: no pipe is waited for, no device is drained."""

import os
import stat
from pathlib import Path
from typing import Final

from server.errors import Told, reason

LARGEST: Final = 262_144  # bytes of a file
# A pipe would else be waited for until somebody writes. Windows has neither word for it nor such pipes in folders.
_OPEN: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

Sign = tuple[int, ...]  # of a file as it stood: another one, or another sign of it, is read again


class BadFile(Told):
    """It cannot be read: which, and why."""


def sign_of(file: Path) -> Sign | None:
    """None: there is no such file."""
    try:
        there = file.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadFile("{file}: {why}", file=file, why=reason(error)) from error
    return there.st_ino, there.st_mtime_ns, there.st_ctime_ns, there.st_size


def names_in(folder: Path, ending: str = ".toml") -> list[str]:
    """Of the files there, in order; none where there is no folder. BadFile: nobody can tell what is in it."""
    try:
        names = os.listdir(folder)  # to glob it would take one that may not be read for an empty one
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadFile("{file} cannot be listed: {why}", file=folder, why=reason(error)) from error
    return sorted(name for name in names if name.endswith(ending))


def read_text(file: Path, most: int = LARGEST) -> str:
    """BadFile also for what is no file of at most `most` bytes of UTF-8."""
    try:
        handle = os.open(file, _OPEN)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise BadFile("{file} is no ordinary file", file=file)
            with os.fdopen(handle, "rb", closefd=False) as opened:
                raw = opened.read(most + 1)
        finally:
            os.close(handle)
    except OSError as error:
        raise BadFile("{file}: {why}", file=file, why=reason(error)) from error
    if len(raw) > most:
        raise BadFile("{file} is larger than {most} bytes; a check is a page", file=file, most=most)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadFile("{file} is not UTF-8", file=file) from error
