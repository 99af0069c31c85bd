"""Files that hold secrets: never readable by others, never half written."""

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Put `content` in place of `path` whole, mode 0600; the old file stays if anything fails. Raises OSError."""
    fresh = path.with_name(f"{path.name}.new")
    try:
        fresh.unlink(missing_ok=True)  # left by a crash, perhaps with another mode
        binary = getattr(os, "O_BINARY", 0)  # Windows would write \r\n else
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | binary, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
