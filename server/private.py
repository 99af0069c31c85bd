"""Files that hold keys: readable by the server's user alone, and there whole or not at all."""

import os
import sys
from pathlib import Path

from server.errors import Told, reason


def read_private(path: Path, wrong: type[Told]) -> bytes:
    """What a key file holds. `wrong` says that it cannot be read, or that others can read it too."""
    try:
        content = path.read_bytes()
        mode = path.stat().st_mode
    except OSError as error:
        raise wrong("{path}: cannot be read: {why}.", path=path, why=reason(error)) from None
    if sys.platform != "win32" and mode & 0o077:
        raise wrong("{path}: others can read this key. Say: chmod 600 {path}", path=path)
    return content


def write_private(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Put a whole file in its place; `mode` from its first moment. The old one stays if anything fails."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
