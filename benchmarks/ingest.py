"""Values a second over the real wire, by `branchfleet-server loadtest`: on SQLite, and where it is on PostgreSQL.

    python -m benchmarks.ingest [--runs 5] [--agents 1000] [--seconds 20] [--rate VALUES] [--batch 50]

Printed are the medians, and the range of what is counted a second.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOADTEST = [sys.executable, "-m", "server.cli", "loadtest", "--json"]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--runs", type=int, default=5)
    asked.add_argument("--agents", type=int, default=1000)
    asked.add_argument("--seconds", type=float, default=20)
    asked.add_argument("--rate", type=float)
    asked.add_argument("--batch", type=int, default=50)
    wanted = asked.parse_args()
    options = ["--agents", wanted.agents, "--seconds", wanted.seconds, "--batch", wanted.batch]
    options += ["--rate", wanted.rate] if wanted.rate else []
    with tempfile.TemporaryDirectory(prefix="bf-bench-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL runs as another user
        show("SQLite", [run(options) for _ in range(wanted.runs)])
        found: list[dict[str, Any]] = []
        for number in range(wanted.runs):
            with postgresql(Path(folder) / f"pg-{number}") as url:
                found += [run([*options, "--database", url])] if url else []
        show("PostgreSQL", found)


def run(options: list[object]) -> dict[str, Any]:
    said = subprocess.run(
        [*LOADTEST, *map(str, options)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    figures: dict[str, Any] = json.loads(said.stdout)
    return figures


def show(name: str, runs: list[dict[str, Any]]) -> None:
    if not runs:
        return
    counted = {key for key, value in runs[0].items() if isinstance(value, int | float)}
    medians = {key: round(statistics.median(one[key] for one in runs), 2) for key in runs[0] if key in counted}
    rates = [one["values_a_second"] for one in runs]
    print(f"{name}, medians of {len(runs)}, {min(rates)} to {max(rates)} values a second:", flush=True)
    print(json.dumps(medians, indent=1), flush=True)


@contextmanager
def postgresql(folder: Path) -> Iterator[str | None]:
    """A PostgreSQL with its usual durability, for as long as the block runs; None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        print("PostgreSQL: left out; it needs: apt-get install -y postgresql")
        yield None
        return
    programs = found[-1].parent
    folder.mkdir()
    who: dict[str, str] = {}
    if os.getuid() == 0:  # its programs refuse to run as root
        who = {"user": "postgres", "group": "postgres"}
        shutil.chown(folder, "postgres", "postgres")
    data = str(folder / "data")
    make = [str(programs / "initdb"), "-D", data, "-U", "branchfleet", "-A", "trust", "-E", "UTF8", "--locale=C"]
    subprocess.run(make, check=True, capture_output=True, cwd=folder, **who)  # type: ignore[call-overload]
    command = [str(programs / "pg_ctl"), "-D", data, "-w", "-o", f"-c listen_addresses='' -k {folder}"]
    log = str(folder / "log")
    subprocess.run([*command, "-l", log, "start"], check=True, capture_output=True, cwd=folder, **who)  # type: ignore[call-overload]
    try:
        yield f"postgresql+psycopg://branchfleet@/postgres?host={folder}"
    finally:
        subprocess.run([*command, "-m", "fast", "stop"], check=True, capture_output=True, cwd=folder, **who)  # type: ignore[call-overload]


if __name__ == "__main__":
    main()
