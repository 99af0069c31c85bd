"""Every table there is, gathered for migrations and for a fresh database."""

from typing import Any

from sqlmodel import SQLModel

import server.accounts.tables
import server.agents.tables
import server.aside.tables
import server.coverage.tables
import server.entries.tables
import server.events.tables
import server.health.tables
import server.ingest.tables
import server.inventory.tables
import server.journal.tables
import server.ledger.tables
import server.orders.tables
import server.secrets.tables
import server.tickets.tables  # noqa: F401  (each import registers its tables)

metadata = SQLModel.metadata


def is_compared(item: Any, name: str | None, kind: str, reflected: bool, _: Any) -> bool:
    """For Alembic, which does not know of parts: not the parts of the record log, and what is of a part alone."""
    if kind == "table":
        return not (reflected and (name or "").startswith("record_"))
    if kind == "foreign_key_constraint":
        to = item.elements[0].target_fullname
        return not to.startswith("record_") and (to != "record.id" or item.table.name in ("condition", "entry"))
    return kind != "unique_constraint" or item.table.name != "record"
