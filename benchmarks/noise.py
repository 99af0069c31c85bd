"""A day of noise on every simulator: how many polls gave what, and by how much the memory grew. By hand, some minutes.

    python -m benchmarks.noise [--polls 288] [--row "crt-310"] [--seed 1]

A day of polls every 300 s is 288; to meet each fault as often, say 1728. The answers overlap: a day takes minutes.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from drivers.sim.contract import Row
from drivers.sim.noise import make_noise
from tests.drivers.test_contract import ROWS

DAY = 288


def _resident() -> float:
    """MiB of this process in memory; 0 where the system does not say."""
    if sys.platform != "linux":
        return 0.0
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polls", type=int, default=DAY, help=f"of each device ({DAY})")
    rows_help = f"only this device, may be said again: {', '.join(ROWS)}"
    parser.add_argument("--row", action="append", choices=ROWS, metavar="NAME", help=rows_help)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6, help="of the noise; printed at the end")
    given = parser.parse_args()
    rows = {name: Row(*ROWS[name]) for name in given.row or ROWS}
    began, resident = time.monotonic(), _resident()
    with tempfile.TemporaryDirectory() as folder:
        noise = asyncio.run(make_noise(rows, Path(folder), seconds=0, polls=given.polls, seed=given.seed))
    for name, heard in noise.heard.items():
        kinds = "  ".join(f"{kind} {count}" for kind, count in sorted(heard.kinds.items()))
        print(f"{name:36} {heard.polls:6}  {kinds}")
    print(f"seed {given.seed}, {time.monotonic() - began:.0f} s; resident {resident:.0f} -> {_resident():.0f} MiB")
    print(f"Python's memory in the second half: {noise.grown:+} bytes", *noise.where, sep="\n  ")


if __name__ == "__main__":
    main()
