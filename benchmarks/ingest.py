"""Values a second over the real wire, by `branchfleet-server loadtest`: on SQLite, and where it is on PostgreSQL.

    python -m benchmarks.ingest [--postgresql | --sqlite] [--runs 5] [--agents 1000] [--seconds 20] [--rate VALUES]
                                [--batch 50] [--folder /var/lib]

Each run has a database of its own, PostgreSQL's with every setting as it comes. Printed are the medians, and the
range of what is counted a second. `benchmarks/trapper.py` is the same for Zabbix.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.parts.cluster import INSTALL, installed, running
from benchmarks.parts.place import busy, folder_on_disk
from benchmarks.parts.told import show

LOADTEST = [sys.executable, "-m", "server.cli", "loadtest", "--json"]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    only = asked.add_mutually_exclusive_group()
    only.add_argument("--postgresql", action="store_true")
    only.add_argument("--sqlite", action="store_true")
    asked.add_argument("--runs", type=int, default=5)
    asked.add_argument("--agents", type=int, default=1000)
    asked.add_argument("--seconds", type=float, default=20)
    asked.add_argument("--rate", type=float)
    asked.add_argument("--batch", type=int, default=50)
    asked.add_argument("--folder", type=Path)
    wanted = asked.parse_args()
    options = ["--agents", wanted.agents, "--seconds", wanted.seconds, "--batch", wanted.batch]
    options += ["--rate", wanted.rate] if wanted.rate else []
    with folder_on_disk(wanted.folder) as folder:
        if not wanted.postgresql:
            show("SQLite", folder, [run(folder, options) for _ in range(wanted.runs)])
        if not wanted.sqlite:
            on_postgresql(folder, options, wanted.runs)


def on_postgresql(folder: Path, options: list[object], runs: int) -> None:
    if installed() is None:
        print(f"PostgreSQL: left out; it needs: {INSTALL}")
        return
    found = []
    for number in range(runs):
        with running(folder / f"pg-{number}") as cluster:
            found.append(run(folder, [*options, "--database", cluster.create("loadtest")]))
    show("PostgreSQL", folder, found)


def run(folder: Path, options: list[object]) -> dict[str, Any]:
    before = busy()
    command = [*LOADTEST, "--folder", folder, *options]
    said = subprocess.run(list(map(str, command)), capture_output=True, check=False)
    if said.returncode:
        raise SystemExit(f"The load test ended with {said.returncode}: {said.stderr.decode(errors='replace').strip()}")
    figures: dict[str, Any] = json.loads(said.stdout)
    return figures | {"before": before}


if __name__ == "__main__":
    main()
