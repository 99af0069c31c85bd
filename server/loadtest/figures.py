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
    disk_per_million: int  # bytes

    def plain(self) -> dict[str, object]:
        return asdict(self)


def figures(database: Database, agents: int, tally: Tally, spent: tuple[float | None, float], grown: int) -> Figures:
    values = max(1, tally.observations * VALUES)
    waits = sorted(tally.waits) or [0.0]
    server, generator = spent
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
        server_cpu_per_million=None if server is None else round(server / values * 1e6, 2),
        generator_cpu_per_million=round(generator / values * 1e6, 2),
        disk_per_million=round(grown / values * 1e6),
    )


def cpu_of(pid: int) -> float | None:
    """Seconds of processor time of a process; None where /proc is not."""
    if sys.platform == "win32":
        return None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def size_of(database: Database) -> int:
    """Bytes of tables and indexes, whatever of them is still in a log."""
    asked = (
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        if database.sqlite
        else "SELECT pg_database_size(current_database())"
    )
    with database.read() as session:
        return int(session.execute(text(asked)).scalar_one())


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
