"""The key of a server's home: 32 random bytes in a file of their own that only the server's user may read."""

import base64
import os
import secrets
from pathlib import Path

from server.errors import Told
from server.private import read_private

BYTES = 32


class KeyFileError(Told):
    """The key cannot be used: one sentence."""


def create(path: Path) -> bytes:
    """Write a fresh key, 0600 from its first moment; FileExistsError if there is one."""
    key = secrets.token_bytes(BYTES)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(base64.b64encode(key) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return key


def load(path: Path) -> bytes:
    """The key, unless others can read it too."""
    text = read_private(path, KeyFileError)
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != BYTES:
        raise KeyFileError(
            "{path}: this is not a server's key. Put the right file back from where it is kept.", path=path
        )
    return key
