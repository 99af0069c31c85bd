"""A spool whose disk is full, and has room again."""

from agent.spool.outbox import Outbox
from agent.spool.spool import Spool


async def fill_disk(outbox: Outbox) -> None:
    """SQLite's own "database or disk is full"."""

    def fill(spool: Spool) -> None:
        pages = spool._db.execute("PRAGMA page_count").fetchone()[0]
        spool._db.execute(f"PRAGMA max_page_count = {pages}")

    await outbox.ask(fill)


async def free_disk(outbox: Outbox) -> None:
    def free(spool: Spool) -> None:
        spool._db.execute("PRAGMA max_page_count = 1000000")

    await outbox.ask(free)
