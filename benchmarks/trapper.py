"""Zabbix's trapper on PostgreSQL, beside what `benchmarks.ingest --postgresql` says of Branchfleet.

    apt-get install -y --no-install-recommends postgresql zabbix-server-pgsql
    python -m benchmarks.trapper [--runs 5] [--hosts 1000] [--positions 20] [--seconds 20] [--batch 50]
                                 [--connections 4] [--folder /var/lib]

Each run has a PostgreSQL of its own with every setting as it comes, a database with Zabbix's schema, and a Zabbix
server with a configuration of its own (`parts/zabbix.py` has it). All is taken away at the end. The shape is the load
test's: a host for an agent, 20 trapper items for a position; a packet has 50 observations of 20 values of one host, its
positions in turn. With `--positions 1` there are 20 items a host, 50 values of each in a packet, which Zabbix likes.

Zabbix answers from memory. So what counts is the rows of its table `history`: the rate is theirs, until the last that
was answered for is there. Processor time is that of all processes of Zabbix and of PostgreSQL, from the first packet to
that moment, but for the connection that counts.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from benchmarks.parts import cluster, zabbix
from benchmarks.parts.place import busy, folder_on_disk
from benchmarks.parts.sender import Sender, Shape, Tally
from benchmarks.parts.told import show
from server.loadtest.agents import VALUES
from server.loadtest.cost import Cost, cost_so_far, cpu_of
from server.loadtest.figures import machine
from server.storage.database import Database

KNOWN_SECONDS = 180.0  # until it knows its hosts
WRITTEN_SECONDS = 600.0  # until what it took is in its table
LOOK = 0.5  # seconds between looks


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--runs", type=int, default=5)
    asked.add_argument("--hosts", type=int, default=1000)
    asked.add_argument("--positions", type=int, default=20, help=f"of each host, with {VALUES} items each")
    asked.add_argument("--seconds", type=float, default=20)
    asked.add_argument("--batch", type=int, default=50, help="observations in a packet")
    asked.add_argument("--connections", type=int, default=4, help="at once")
    asked.add_argument("--folder", type=Path)
    wanted = asked.parse_args()
    lost = zabbix.missing() or (None if cluster.installed() else f"PostgreSQL is missing: {cluster.INSTALL}")
    if lost:
        print(f"Zabbix's trapper: left out; {lost}")
        return
    with folder_on_disk(wanted.folder) as folder:
        runs = [run(folder / f"run-{number}", wanted) for number in range(wanted.runs)]
        print(f"{zabbix.version()}; {json.dumps(zabbix.SETTINGS)}")
        show("Zabbix's trapper", folder, runs)


def run(folder: Path, wanted: argparse.Namespace) -> dict[str, Any]:
    folder.mkdir()
    folder.chmod(0o755)
    before = busy()
    with cluster.running(folder / "pg") as postgresql:
        zabbix.fill(postgresql, "zabbix", wanted.hosts, wanted.positions * VALUES)
        with (
            zabbix.serving(postgresql, "zabbix", folder / "zabbix") as (port, pid),
            closing(Database(postgresql.url("zabbix"))) as database,
        ):
            sender = Sender(port, Shape(wanted.hosts, wanted.positions, VALUES, wanted.batch))
            figures = asyncio.run(measure(sender, database, pid, wanted))
            return figures | {"before": before, "machine": machine(database)}


async def measure(sender: Sender, database: Database, pid: int, wanted: argparse.Namespace) -> dict[str, Any]:
    await _until(sender.known, KNOWN_SECONDS, "knows its hosts")
    with database.engine.connect() as connection:
        history = History(connection)
        await _until(history.has(1), WRITTEN_SECONDS, "writes what it took")
        began, before = time.monotonic(), cost_so_far(database, pid)
        tally = await sender.go(wanted.connections, wanted.seconds)
        await _until(history.has(1 + tally.accepted), WRITTEN_SECONDS, "writes what it took")
        cost = cost_so_far(database, pid).since(before)
    return figures(tally, history.looked - began, replace(cost, database=(cost.database or 0) - history.counting()))


class History:
    """Zabbix's table of numbers. What it costs to count it is known, and is not Zabbix's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._connection.execute(text("SET max_parallel_workers_per_gather = 0"))
        self._pid: int = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        connection.commit()
        self.looked = 0.0  # when the last look began

    def has(self, rows: int) -> Callable[[], Awaitable[bool]]:
        async def look() -> bool:
            self.looked = time.monotonic()
            return await asyncio.to_thread(self._rows) >= rows

        return look

    def counting(self) -> float:
        """Seconds of processor time."""
        return cpu_of(self._pid) or 0.0

    def _rows(self) -> int:
        rows: int = self._connection.execute(text("SELECT count(*) FROM history")).scalar_one()
        self._connection.commit()
        return rows


def figures(tally: Tally, seconds: float, cost: Cost) -> dict[str, Any]:
    """`seconds`: until all that was accepted was written."""
    million = cost.each(tally.accepted / 1e6)
    counted = {
        "values_a_second": tally.accepted / seconds,
        "accepted_a_second": tally.accepted / tally.seconds,
        "packets_a_second": tally.packets / tally.seconds,
        "written_seconds_later": seconds - tally.seconds,
        "server_cpu_per_million": million.server,
        "database_cpu_per_million": million.database,
        "generator_cpu_per_million": million.generator,
        "disk_per_million": million.disk,
        "log_per_million": million.log,
    }
    return {
        name: None if figure is None else round(figure, 2 if figure < 1000 else None)
        for name, figure in counted.items()
    }


async def _until(true: Callable[[], Awaitable[bool]], seconds: float, what: str) -> None:
    ends = time.monotonic() + seconds
    while not await true():
        if time.monotonic() > ends:
            raise SystemExit(f"Not within {seconds:.0f} s: Zabbix {what}.")
        await asyncio.sleep(LOOK)


if __name__ == "__main__":
    main()
