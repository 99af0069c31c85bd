"""Why an agent can write nothing down."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agent_seen", sa.Column("hindered", sa.String(), server_default=sa.text("''"), nullable=False))
