"""Files people are given: whole or not at all, and never over another one unasked."""

import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO

from tui.texts import _


class CannotWrite(Exception):
    """The message is one sentence."""


class Exists(CannotWrite):
    pass


async def write(path: Path, chunks: AsyncIterator[bytes], *, force: bool, progress: Callable[[int], None]) -> int:
    """Write `chunks` beside `path` and put them in its place at the end; gives the bytes written.

    Anything that goes wrong, or a cancellation, leaves no half file.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    done = 0
    try:
        with _open(part, path, force) as file:
            async for chunk in chunks:
                file.write(chunk)
                done += len(chunk)
                progress(done)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise CannotWrite(f"{path}: {_(error.strerror or str(error))}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return done


def _open(part: Path, path: Path, force: bool) -> BinaryIO:
    if path.exists() and not force:
        raise Exists(str(path))
    if (
        path.exists() and not path.is_file() and not path.is_dir()
    ):  # /dev/null would be a file for everybody from then on
        raise CannotWrite(f"{path}: {_('this is a device or a pipe, and not a file')}")
    part.unlink(missing_ok=True)
    return part.open("xb")
