"""The folder people of this PC may read, with a box they may leave files in. Nothing secret is ever written here.

now.json    what the agent knows just now; everybody reads it, the agent alone writes it
in/         where a console leaves what a person entered; everybody writes, nobody takes away another's
aside/      what was left there and is no entry, each with its reason beside it
"""

import os
from pathlib import Path

NOW = "now.json"
BOX = "in"
ASIDE = "aside"


def make(folder: Path) -> None:
    """The folder and its parts. Raises OSError. Whoever made it beforehand for the agent keeps its mode."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(0o755)
    for name, mode in ((BOX, 0o1777), (ASIDE, 0o755)):
        part = folder / name
        part.mkdir(exist_ok=True)
        if os.name == "posix" and part.stat().st_mode & 0o7777 != mode:
            part.chmod(mode)


def write_public(path: Path, content: bytes) -> None:
    """Put `content` in place of `path` whole, for everybody to read. Raises OSError.

    Not made durable: it is written anew every minute, and after a cut of the power it would be old anyway.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        fresh.chmod(0o644)  # whatever the umask of a service is
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
