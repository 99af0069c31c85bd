"""What a sweep does on the line: one empty datagram an address, and reading what the system knows of its neighbours.

No rights are needed: whoever sends a datagram to an address on the wire has the system ask for its MAC by ARP.
"""

import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.facts import neighbours
from agent.facts.files import ROOT, read
from agent.facts.sheet import NotRead
from agent.sweep.wires import Wire, wires

PORT: Final = 9  # discard (RFC 863): nobody listens there, and no port is asked for
IP_RECVERR: Final = 11  # linux/in.h: without it the kernel does not say that its table is full


class Line:
    def __init__(self, root: Path = ROOT) -> None:
        self._root = root

    def wires(self) -> list[Wire]:
        """Raises NotRead."""
        return wires(self._root)

    def send(self, address: str) -> None:
        """To a station of the wire and over no router: it would die at the first. Raises OSError."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:  # its own: no error of one before
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_DONTROUTE, 1)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
            if sys.platform == "linux":
                sender.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            sender.setblocking(False)
            sender.sendto(b"", (address, PORT))

    def table(self) -> list[str]:
        """ "ADDRESS MAC CARD" of neighbours that answered. Takes up to 10 s. Raises NotRead."""
        return neighbours.answered(self._root)

    def turned_away(self) -> int | None:
        """How often the kernel's table was full, if it says so (only outside of containers)."""
        with suppress(NotRead, ValueError, IndexError):
            head, *rows = read(self._root / "proc/net/stat/arp_cache").splitlines()
            column = head.split().index("table_fulls")
            return sum(int(row.split()[column], 16) for row in rows)
        return None
