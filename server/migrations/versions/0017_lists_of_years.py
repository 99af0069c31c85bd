"""Indexes of what lists ask for among conditions and tickets of years: the last that ended, the few that are open."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _index("ix_condition_closed", "condition", "closed_at", "closed_at IS NOT NULL")
    _index("ix_ticket_open", "ticket", "subject_id", "status <> 'done'")
    _index("ix_ticket_hand", "ticket", "id", "source = 'hand'")
    _index("ix_ticket_accepted", "ticket", "accepted_at", "accepted_at IS NOT NULL")
    _index("ix_ticket_done", "ticket", "done_at", "done_at IS NOT NULL")


def _index(name: str, table: str, column: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, [column], unique=False, sqlite_where=where, postgresql_where=where)
