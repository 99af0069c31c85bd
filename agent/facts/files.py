"""Files of a system, read so that none of them can hold the agent up: bounded, and never waited for.

A root other than "/" is a tree that a test made.
"""

import os
import stat
from pathlib import Path
from typing import Final

from agent.facts.sheet import NotRead

ROOT: Final = Path("/")
MOST: Final = 4 << 20  # bytes of one file


def read_bytes(path: Path, most: int = MOST, *, end: bool = False) -> bytes:
    """What it begins with, or with `end` what it ends with. Raises NotRead: absent, rights or unreadable."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(handle, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):  # a pipe, or a device
                raise NotRead("unreadable")
            if end:
                file.seek(max(0, os.fstat(handle).st_size - most))
            return _all(file.fileno(), most)
    except OSError as error:
        raise not_read(error) from error


def _all(handle: int, most: int) -> bytes:
    """Files of /proc come in pieces, and do not know their size."""
    parts = []
    while most > 0 and (part := os.read(handle, min(most, 1 << 16))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def read(path: Path, most: int = MOST, *, end: bool = False) -> str:
    return decoded(read_bytes(path, most, end=end))


def listed(folder: Path) -> list[Path]:
    """What is in it, by name. Raises NotRead."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise not_read(error) from error


def there(path: Path) -> bool:
    """Raises NotRead where that cannot be told."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise not_read(error) from error
    return True


def not_read(error: OSError) -> NotRead:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return NotRead("absent")
    return NotRead("rights" if isinstance(error, PermissionError) else "unreadable")


def decoded(said: bytes) -> str:
    """UTF-8 where it is that, else as Chinese systems wrote before."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return said.decode(encoding)
        except UnicodeDecodeError:
            continue
    return said.decode("utf-8", errors="replace")
