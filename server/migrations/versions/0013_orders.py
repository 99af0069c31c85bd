"""Orders: what people push to agents, and the order each agent got."""

import sqlalchemy as sa
from alembic import op

from server.storage.types import Id, Micros

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

STATES = ("waiting", "handed", "done", "failed", "expired", "refused", "cancelled")
STATE = sa.Enum(*STATES, name="orderstate", native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    op.create_table(
        "push",
        sa.Column("id", Id, nullable=False),
        sa.Column("uid", sa.String(36), nullable=False),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("subject_id", Id, nullable=True),
        sa.Column("branch_id", Id, nullable=True),
        sa.Column("made_by", sa.String(80), nullable=False),
        sa.Column("at", Micros, nullable=False),
        sa.Column("starts", Micros, nullable=False),
        sa.Column("expires", Micros, nullable=False),
        sa.Column("hours", sa.String(11), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("ended_at", Micros, nullable=True),
        sa.Column("cancelled_at", Micros, nullable=True),
        sa.Column("cancelled_by", sa.String(80), nullable=True),
        sa.CheckConstraint("(cancelled_at IS NULL) = (cancelled_by IS NULL)", name="cancelled_by_somebody"),
        sa.CheckConstraint("starts < expires", name="expires_after_it_starts"),
        sa.ForeignKeyConstraint(["branch_id"], ["subject.id"]),
        sa.ForeignKeyConstraint(["subject_id"], ["subject.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uid"),
    )
    op.create_index("ix_push_branch_id", "push", ["branch_id"], unique=False)
    op.create_index("ix_push_subject_id", "push", ["subject_id"], unique=False)
    running = sa.text("ended_at IS NULL")
    op.create_index("ix_push_open", "push", ["expires"], unique=False, sqlite_where=running, postgresql_where=running)
    op.create_table(
        "agent_order",
        sa.Column("id", Id, nullable=False),
        sa.Column("uid", sa.String(36), nullable=False),
        sa.Column("push_id", Id, nullable=False),
        sa.Column("agent_id", Id, nullable=False),
        sa.Column("state", STATE, nullable=False),
        sa.Column("positions", sa.Text(), nullable=False),
        sa.Column("handed_at", Micros, nullable=True),
        sa.Column("ended_at", Micros, nullable=True),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("why", sa.String(32), nullable=False),
        sa.Column("said", sa.String(500), nullable=False),
        sa.Column("heard_at", Micros, nullable=True),
        sa.Column("polled", sa.Integer(), nullable=False),
        sa.Column("unread", sa.Integer(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.CheckConstraint("(state = 'done') <= answered", name="done_by_a_result"),
        sa.CheckConstraint("(state IN ('waiting', 'handed')) = (ended_at IS NULL)", name="ended_when_it_is_over"),
        sa.CheckConstraint("state <> 'handed' OR handed_at IS NOT NULL", name="handed_some_time"),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"]),
        sa.ForeignKeyConstraint(["push_id"], ["push.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("push_id", "agent_id"),
        sa.UniqueConstraint("uid"),
    )
    to_do = sa.text("state IN ('waiting', 'handed')")
    op.create_index(
        "ix_agent_order_open", "agent_order", ["agent_id"], unique=False, sqlite_where=to_do, postgresql_where=to_do
    )
    op.create_index("ix_agent_order_push_state", "agent_order", ["push_id", "state"], unique=False)
    result = sa.text("kind = 'result'")
    op.create_index("ix_record_result", "record", ["id"], unique=False, sqlite_where=result, postgresql_where=result)
