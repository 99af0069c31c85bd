"""Which CAs an agent trusts is known, so that one can be changed for the next."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agent_identity", sa.Column("trusts", sa.String(200), server_default=sa.text("''"), nullable=False))
