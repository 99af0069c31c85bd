"""What the bank had written down when a campaign began, and the tickets of media that are not brought back."""

import sqlalchemy as sa
from alembic import op

from server.storage.types import Id, Micros

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("campaign", sa.Column("bank", sa.Text(), nullable=True))
    op.create_table(
        "media_late",
        sa.Column("stick_id", Id, autoincrement=False, nullable=False),
        sa.Column("due", Micros, autoincrement=False, nullable=False),
        sa.Column("ticket_id", Id, nullable=False),
        sa.ForeignKeyConstraint(["stick_id"], ["media_stick.id"]),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"]),
        sa.PrimaryKeyConstraint("stick_id", "due"),
    )
