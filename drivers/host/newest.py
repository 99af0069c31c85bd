"""The newest post of each position, kept on the agent's disk: after a restart it is known what was posted, and when.

A file a position, of the document as it came, which its key signed. What does not open any more counts as not there.
"""

import hashlib
import logging
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from drivers.host import document

FOLDER: Final = "posted"
KEPT_DAYS: Final = 31  # longer than any position may be silent; then its file goes
_HEAD: Final = re.compile(rb"posted at=([0-9]{1,17}) peer=([0-9a-fA-F.:%a-z]{0,64})\n")
_ROOM: Final = 256  # bytes of the head, at most

log = logging.getLogger(__name__)


class Came(NamedTuple):
    """A post: its document as it came, when by this PC's clock (UTC µs), and from where."""

    raw: bytes
    at: int
    peer: str


class Newest:
    """Where they are kept; nowhere without a home. Blocks: called in a thread."""

    def __init__(self, home: Path | None) -> None:
        self._folder = home / FOLDER if home else None

    def keep(self, position: str, came: Came) -> None:
        """In the place of the one before, on the disk before this returns. A disk that is full costs the next start."""
        if self._folder is None:
            return
        file = self._file(self._folder, position)
        fresh = file.with_suffix(".new")
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(handle, "wb") as opened:
                opened.write(b"posted at=%d peer=%s\n" % (came.at, came.peer.encode("ascii", "replace")) + came.raw)
                opened.flush()
                os.fsync(opened.fileno())
            os.replace(fresh, file)
            _settle(self._folder)
        except OSError as error:
            log.warning("What %s posted cannot be kept in %s: %s", position, self._folder, error.strerror)

    def forget(self, position: str) -> None:
        """Something came later that cannot be used: what was before it is not the newest any more."""
        if self._folder is not None:
            with suppress(OSError):
                self._file(self._folder, position).unlink()

    def read(self, position: str) -> Came | None:
        if self._folder is None:
            return None
        self._sweep(self._folder)
        try:
            with self._file(self._folder, position).open("rb") as opened:
                said = opened.read(_ROOM + document.LONGEST)
        except OSError:
            return None
        head = _HEAD.match(said)
        return Came(said[head.end() :], int(head[1]), head[2].decode("ascii")) if head else None

    @staticmethod
    def _file(folder: Path, position: str) -> Path:
        return folder / f"{hashlib.sha256(position.encode()).hexdigest()[:32]}.post"

    @staticmethod
    def _sweep(folder: Path) -> None:
        """What nobody asked for so long is of positions that are gone."""
        with suppress(OSError):
            for file in folder.iterdir():
                if file.stat().st_mtime < time.time() - KEPT_DAYS * 86_400:
                    file.unlink()


def _settle(folder: Path) -> None:
    """The name of a file is on the disk only when its folder is; Windows has no word for that."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
