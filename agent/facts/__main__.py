"""Look at this host and write what it knows of itself: `python -m agent.facts HOME [MS]`, msgpack on standard output.

A process of its own, which the agent starts and ends. MS is how far the PC's clock is ahead of the server's.
"""

import signal
import sys
from pathlib import Path

import msgspec

from agent.clock import system_clocks
from agent.facts.topics import sheets


def main(words: list[str]) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that programs it asks end with it
    home, off = Path(words[0]), int(words[1]) if len(words) > 1 else None
    sys.stdout.buffer.write(msgspec.msgpack.encode(list(sheets(system_clocks(home)(), off))))


if __name__ == "__main__":
    main(sys.argv[1:])
