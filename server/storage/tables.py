"""Every table there is, gathered for migrations and for a fresh database."""

from sqlmodel import SQLModel

import server.accounts.tables
import server.agents.tables
import server.aside.tables
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
