"""In which stream its agent numbered its records when an order was handed to it."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agent_order", sa.Column("stream", sa.String(64), server_default=sa.text("''"), nullable=False))
