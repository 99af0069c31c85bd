"""Tells systemd that the agent has begun, lives and ends: sd_notify(3), a line to the socket it names."""

import asyncio
import os
import socket
import sys
from collections.abc import Mapping

BEAT = "WATCHDOG=1"
BEGUN = "READY=1"
ENDING = "STOPPING=1"


def notify(state: str, environment: Mapping[str, str] = os.environ) -> None:
    """Nothing where nobody wants to know."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address or sys.platform == "win32":
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asked:
        try:
            asked.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError:
            return  # whoever asked is gone; the agent goes on


async def beat(environment: Mapping[str, str] = os.environ) -> None:
    """Show that the event loop turns, four times in the time systemd allows, until cancelled."""
    allowed = environment.get("WATCHDOG_USEC", "")
    every = int(allowed) / 4_000_000 if allowed.isdecimal() and int(allowed) else 0.0
    while True:
        if every:
            notify(BEAT, environment)
        await asyncio.sleep(every or 3600.0)
