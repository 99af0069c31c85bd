"""A server that is measured: when it answers, and what it costs."""

import asyncio
import os
from pathlib import Path

from server.http.listening import answers
from server.loadtest.cost import cpu_of

PATIENCE = 60.0  # seconds


async def answering(port: int) -> None:
    """Wait until it takes a connection."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE
    while loop.time() < until:
        if await asyncio.to_thread(answers, "127.0.0.1", port):
            return
        await asyncio.sleep(0.1)
    raise SystemExit("the server did not start")


def cpu(pid: int) -> float:
    """Seconds of processor time; 0 where /proc is not."""
    return cpu_of(pid) or 0.0


def memory(pid: int) -> int:
    """Resident bytes; 0 where /proc is not."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
