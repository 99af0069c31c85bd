"""What a stretch of load costs: processor time of each side, and bytes on disk."""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sqlalchemy import text

from server.storage.database import Database

LOCAL = ("", "localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Cost:
    """Since something began. None is what nobody here can say: of a PostgreSQL elsewhere, or where /proc is not."""

    server: float | None  # seconds of processor time
    generator: float | None  # this process
    database: float | None  # all processes of PostgreSQL, those that ended too
    disk: float | None  # bytes of tables and indexes, whatever of them is still in a log
    log: float | None  # bytes PostgreSQL wrote ahead to its log (WAL)

    def since(self, before: "Cost") -> "Cost":
        return Cost(*map(_less, self._all(), before._all()))

    def each(self, count: float) -> "Cost":
        return Cost(*(None if one is None else one / count for one in self._all()))

    def _all(self) -> Iterator[float | None]:
        return (getattr(self, one.name) for one in fields(self))


def cost_so_far(database: Database, server: int) -> Cost:
    """`server`: the id of its first process."""
    postmaster = postmaster_of(database)
    return Cost(
        server=cpu_of_family(server),
        generator=time.process_time(),
        database=None if postmaster is None else cpu_of_family(postmaster),
        disk=_size_of(database),
        log=None if database.sqlite else float(_one(database, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")),
    )


def cpu_of(pid: int) -> float | None:
    """Seconds of processor time of a process; None where /proc is not."""
    said = _stat(pid)
    return None if said is None else _seconds(said, 11, 12)


def cpu_of_family(pid: int) -> float | None:
    """The same of a process with all that came of it, those that ended too: it has waited for them."""
    said = _stat(pid)
    return None if said is None else _seconds(said, 11, 12, 13, 14) + _seconds_of_children(pid)


def _seconds_of_children(pid: int) -> float:
    return sum(cpu_of_family(child) or 0.0 for child, parent in _parents() if parent == pid)


def postmaster_of(database: Database) -> int | None:
    """The first process of a PostgreSQL that runs on this machine."""
    if database.sqlite or (database.engine.url.host or "") not in LOCAL:
        return None
    said = _stat(int(_one(database, "SELECT pg_backend_pid()")))
    found = None if said is None else int(said[1])
    return found if found is not None and _name(found).startswith("postgres") else None


def _size_of(database: Database) -> float:
    asked = (
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        if database.sqlite
        else "SELECT pg_database_size(current_database())"
    )
    return float(_one(database, asked))


def _one(database: Database, asked: str) -> Any:
    with database.read() as session:
        return session.execute(text(asked)).scalar_one()


def _less(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else now - before


def _parents() -> Iterator[tuple[int, int]]:
    for path in Path("/proc").glob("[0-9]*"):
        said = _stat(int(path.name))
        if said is not None:
            yield int(path.name), int(said[1])


def _stat(pid: int) -> list[str] | None:
    """What proc(5) has of a process from its state on; None where there is none."""
    if sys.platform == "win32":
        return None
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def _seconds(said: list[str], *which: int) -> float:
    if sys.platform == "win32":
        return 0.0
    return sum(int(said[one]) for one in which) / float(os.sysconf("SC_CLK_TCK"))


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
