"""The figures of a load test: what came of it, what it cost each side, and on what machine."""

import os
import platform
import sqlite3
import ssl
import statistics
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sqlalchemy import text

from server.loadtest.agents import VALUES
from server.loadtest.cost import Cost
from server.loadtest.load import Tally
from server.storage.database import Database

SHOWN = ("branchfleet", "fastapi", "uvicorn", "uvloop", "httptools", "psycopg")


@dataclass(frozen=True)
class Figures:
    """`cpu` is None where the system does not say."""

    database: str
    agents: int
    seconds: float
    observations: int  # durable, each counted once in the database
    values_a_second: int
    observations_a_second: int
    requests_a_second: int
    repeated: int  # observations that came a second time
    put_off: int  # requests answered 429 or 503, and sent again
    median_ms: float  # for an answer
    p99_ms: float
    lag_seconds: float  # health was behind what is durable, at most
    server_cpu_per_million: float | None  # seconds, for a million values
    generator_cpu_per_million: float | None
    database_cpu_per_million: float | None  # of PostgreSQL's own processes
    disk_per_million: float | None  # bytes
    log_per_million: float | None  # bytes of PostgreSQL's WAL

    def plain(self) -> dict[str, object]:
        return asdict(self)


def figures(database: Database, agents: int, tally: Tally, cost: Cost) -> Figures:
    values = max(1, tally.observations * VALUES)
    waits = sorted(tally.waits) or [0.0]
    million = cost.each(values / 1e6)
    return Figures(
        database=database.engine.dialect.name,
        agents=agents,
        seconds=round(tally.seconds, 1),
        observations=tally.observations,
        values_a_second=round(values / tally.seconds),
        observations_a_second=round(tally.observations / tally.seconds),
        requests_a_second=round(tally.requests / tally.seconds),
        repeated=tally.repeated,
        put_off=tally.put_off,
        median_ms=round(statistics.median(waits) * 1000, 1),
        p99_ms=round(waits[len(waits) * 99 // 100] * 1000, 1),
        lag_seconds=round(tally.lag, 2),
        server_cpu_per_million=_rounded(million.server, 2),
        generator_cpu_per_million=_rounded(million.generator, 2),
        database_cpu_per_million=_rounded(million.database, 2),
        disk_per_million=_rounded(million.disk),
        log_per_million=_rounded(million.log),
    )


def _rounded(figure: float | None, digits: int | None = None) -> float | None:
    return None if figure is None else round(figure, digits)


def machine(database: Database | None = None) -> str:
    """What a figure is worth nothing without: the machine, and the versions of what ran on it."""
    said = [f"{os.cpu_count()} cores", _processor(), platform.platform(), f"Python {platform.python_version()}"]
    said += [f"SQLite {sqlite3.sqlite_version}", ssl.OPENSSL_VERSION.partition("  ")[0]]
    if database is not None and not database.sqlite:
        with database.read() as session:
            said.append(f"PostgreSQL {session.execute(text('SHOW server_version')).scalar_one()}")
    for name in SHOWN:
        try:
            said.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            said.append(f"no {name}")
    return ", ".join(said)


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
