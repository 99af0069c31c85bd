"""Sweeps of networks by agents: who asked, who approved, and what their pushes say to the agent."""

import sqlalchemy as sa
from alembic import op

from server.storage.types import Id, Micros

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

OPEN = sa.text("decided_at IS NULL AND cancelled_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "sweep",
        sa.Column("id", Id, nullable=False),
        sa.Column("uid", sa.String(36), nullable=False),
        sa.Column("prefix", sa.String(18), nullable=False),
        sa.Column("agent_id", Id, nullable=False),
        sa.Column("branch_id", Id, nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("starts", Micros, nullable=False),
        sa.Column("expires", Micros, nullable=False),
        sa.Column("hours", sa.String(11), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("made_by", sa.String(80), nullable=False),
        sa.Column("at", Micros, nullable=False),
        sa.Column("decided_by", sa.String(80), nullable=True),
        sa.Column("decided_at", Micros, nullable=True),
        sa.Column("refusal", sa.String(500), nullable=False),
        sa.Column("push", sa.String(36), nullable=False),
        sa.Column("cancelled_by", sa.String(80), nullable=True),
        sa.Column("cancelled_at", Micros, nullable=True),
        sa.CheckConstraint("starts < expires", name="expires_after_it_starts"),
        sa.CheckConstraint("(decided_at IS NULL) = (decided_by IS NULL)", name="decided_by_somebody"),
        sa.CheckConstraint("decided_by IS NULL OR decided_by <> made_by", name="decided_by_another"),
        sa.CheckConstraint("push = '' OR decided_by IS NOT NULL", name="sent_when_approved"),
        sa.CheckConstraint("(cancelled_at IS NULL) = (cancelled_by IS NULL)", name="cancelled_by_somebody"),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"]),
        sa.ForeignKeyConstraint(["branch_id"], ["subject.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uid"),
    )
    op.create_index("ix_sweep_branch_id", "sweep", ["branch_id"], unique=False)
    op.create_index("ix_sweep_push", "sweep", ["push"], unique=False)
    op.create_index("ix_sweep_open", "sweep", ["expires"], unique=False, sqlite_where=OPEN, postgresql_where=OPEN)
    op.add_column("push", sa.Column("prefix", sa.String(18), server_default=sa.text("''"), nullable=False))
    op.add_column("push", sa.Column("rate", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("push", sa.Column("takes", Micros, server_default=sa.text("0"), nullable=False))
    op.add_column("wire_seen", sa.Column("swept_at", Micros, nullable=True))
