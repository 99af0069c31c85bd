"""A file that is made, handed out and gone: whole before its first byte is sent, and nothing of it stays."""

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from server.errors import FULL, Unavailable


@dataclass(frozen=True)
class Handed:
    """`path` is where it is to be written."""

    path: Path
    gone: BackgroundTask

    def answer(self, media: str, name: str, headers: dict[str, str]) -> FileResponse:
        return FileResponse(self.path, media_type=media, filename=name, headers=headers, background=self.gone)


@contextmanager
def handing() -> Iterator[Handed]:
    """For as long as it is made. Unavailable where the disk has no room for it."""
    folder = tempfile.TemporaryDirectory(prefix="branchfleet-")
    try:
        yield Handed(Path(folder.name) / "file", BackgroundTask(folder.cleanup))
    except BaseException as error:
        folder.cleanup()
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Unavailable(FULL) from error
        raise
