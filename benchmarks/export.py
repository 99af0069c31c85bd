"""The ledger as a file: rows a second for each format, and the memory each takes at 2,000 and at 10,000 machines."""

import gc
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.inventory.schema import Inventory
from server.inventory.deeds import apply
from server.journal.deeds import Act
from server.ledger.export import Format, write
from server.ledger.extract import extract
from server.ledger.queries import Asked
from server.migrations import upgrade
from server.storage.database import Database
from server.texts import gettext_for

SIZES = (2_000, 10_000)
BRANCHES = 40
START = 1_793_764_800_000_000  # UTC µs


@dataclass(frozen=True)
class Everybody:
    branch_ids: frozenset[int] | None = None


def bank(machines: int) -> Inventory:
    """A bank with its machines spread over its branches."""
    branches = [{"key": f"{1000 + n}", "name": f"第{n}支行", "kind": "branch"} for n in range(BRANCHES)]
    devices = [
        {
            "asset": f"BF-{n:06}",
            "name": "存取款一体机",
            "class": "crs",
            "branch": f"{1000 + n % BRANCHES}",
            "status": "spare",
            "maker": "示例机具",
            "model": "CRS-60",
            "serial": f"BF{n:012}",
            "keeper": "王某",
            "place": "自助区",
            "zone": "production",
            "bought": "2024-03-01",
            "price": "158000.00",
            "supplier": "示例金融设备公司",
        }
        for n in range(machines)
    ]
    said = {"bank": {"name": "青禾农商银行"}, "class": [{"key": "crs", "name": "存取款一体机"}]}
    return Inventory.model_validate({**said, "branch": branches, "device": devices})


@contextmanager
def ledger(machines: int) -> Iterator[tuple[Database, Path, float]]:
    """A database with so many machines, a folder, and the seconds it took to register them."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/bench.db")
        upgrade(database)
        inventory = bank(machines)
        began = time.perf_counter()
        with database.write() as session:
            apply(session, Act("bench", "cli", START), inventory)
        try:
            yield database, Path(folder), time.perf_counter() - began
        finally:
            database.close()


def export(database: Database, path: Path, format: Format) -> None:
    with database.read() as session:
        write(path, extract(session, Everybody(), Asked()), format, gettext_for("zh"))


def main() -> None:
    for machines in SIZES:
        with ledger(machines) as (database, folder, seconds):
            print(f"{machines:>7,} machines registered by one apply: {machines / seconds:,.0f}/s")
            for kind in Format:
                path = folder / f"ledger.{kind.value}"
                began = time.perf_counter()
                export(database, path, kind)
                seconds = time.perf_counter() - began
                gc.collect()
                tracemalloc.start()
                export(database, path, kind)
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
                size = path.stat().st_size
                speed = f"{machines / seconds:>9,.0f} rows/s"
                print(f"{'':7} {kind.value:5} {speed} {peak >> 20:>5} MiB at most {size:>11,} bytes")


if __name__ == "__main__":
    main()
