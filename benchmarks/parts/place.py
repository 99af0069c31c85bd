"""The folder benchmarks write in: on which filesystem it lies, and how busy the machine is."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = ("tmpfs", "ramfs")


@contextmanager
def folder_on_disk(wanted: Path | None) -> Iterator[Path]:
    """A folder that other users may read, for as long as the block runs. SystemExit if it would be in memory."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl+C does: what was begun is ended and taken away
    with tempfile.TemporaryDirectory(prefix="bf-bench-", dir=wanted) as made:
        folder = Path(made)
        kind = filesystem(folder)
        if kind in MEMORY:
            raise SystemExit(f"{folder} is in memory ({kind}), where nothing is durable: name a disk with --folder.")
        folder.chmod(0o755)  # PostgreSQL and Zabbix run as users of their own
        yield folder


def filesystem(path: Path) -> str:
    """The kind that proc(5) says is mounted there, such as ext4."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    above = [(len(at), kind) for at, kind in mounts if path.resolve().is_relative_to(at)]
    return max(above)[1] if above else "?"


def busy() -> str:
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
