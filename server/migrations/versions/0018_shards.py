"""What several servers need that share the judging: agents as each shard hears them, and subjects that move."""

import sqlalchemy as sa
from alembic import op

from server.storage.types import Id, Micros

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "voice",
        sa.Column("agent_id", Id, autoincrement=False, nullable=False),
        sa.Column("shard", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("due_at", Micros, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"]),
        sa.PrimaryKeyConstraint("agent_id", "shard"),
    )
    op.create_table(
        "moving",
        sa.Column("subject_id", Id, autoincrement=False, nullable=False),
        sa.Column("branch_id", Id, nullable=False),
        sa.ForeignKeyConstraint(["branch_id"], ["branch.id"]),
        sa.ForeignKeyConstraint(["subject_id"], ["subject.id"]),
        sa.PrimaryKeyConstraint("subject_id"),
    )
