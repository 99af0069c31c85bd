"""The few agents that are behind or hindered are found without looking at all: each step of health asks for them."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_agent_seen_odd",
        "agent_seen",
        ["agent_id"],
        unique=False,
        sqlite_where=sa.text("behind = 1 OR hindered <> ''"),
        postgresql_where=sa.text("behind OR hindered <> ''"),
    )
