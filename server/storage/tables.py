"""Every table there is, gathered for migrations and for a fresh database."""

from typing import Any

from sqlmodel import SQLModel

import server.accounts.tables
import server.agents.tables
import server.aside.tables
import server.campaigns.tables
import server.checks.tables
import server.coverage.tables
import server.entries.tables
import server.events.tables
import server.exemptions.tables
import server.facts.tables
import server.health.tables
import server.ingest.tables
import server.inventory.tables
import server.journal.tables
import server.ledger.tables
import server.licences.tables
import server.media.tables
import server.network.tables
import server.orders.tables
import server.registers.tables
import server.secrets.tables
import server.sweeps.tables
import server.tickets.tables  # noqa: F401  (each import registers its tables)

metadata = SQLModel.metadata


def is_compared(item: Any, name: str | None, kind: str, reflected: bool, _: Any) -> bool:
    """For Alembic, which knows neither parts nor keys that one database alone holds: not the parts of the record log,
    what is of a part alone, and keys by `server.storage.types.key_of_many`."""
    if kind == "table":
        return not (reflected and (name or "").startswith("record_"))
    if kind == "foreign_key_constraint":
        of, to = item.table.name, item.elements[0].target_fullname
        grows = ("record", "attested", "health", "latest") if to == "record.id" else ("record", "attested")
        return of not in grows and not to.startswith("record_")
    return kind != "unique_constraint" or item.table.name != "record"
