"""Campaigns, their hosts, and what checks said of each."""

import sqlalchemy as sa
from alembic import op

from server.storage.types import Id, Micros

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_open = sa.text("ended_at IS NULL")
    op.create_table(
        "campaign",
        sa.Column("id", Id, nullable=False),
        sa.Column("uid", sa.String(36), nullable=False),
        sa.Column("push", sa.String(36), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("checks", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("at", Micros, nullable=False),
        sa.Column("starts", Micros, nullable=False),
        sa.Column("expires", Micros, nullable=False),
        sa.Column("hours", sa.String(length=11), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("tallied", sa.Text(), nullable=False),
        sa.Column("root", sa.String(64), nullable=False),
        sa.Column("ended_at", Micros, nullable=True),
        sa.Column("cancelled_by", sa.String(80), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uid"),
    )
    op.create_index(
        "ix_campaign_open", "campaign", ["id"], unique=False, sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index("ix_campaign_push", "campaign", ["push"], unique=False)
    op.create_table(
        "campaign_host",
        sa.Column("id", Id, nullable=False),
        sa.Column("campaign_id", Id, nullable=False),
        sa.Column("subject_id", Id, nullable=False),
        sa.Column("branch_id", Id, nullable=False),
        sa.Column("agent_id", Id, nullable=True),
        sa.Column("order_uid", sa.String(length=36), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting", "answered", "undone", name="hoststate", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("seen", sa.String(16), nullable=False),
        sa.Column("heard", sa.Boolean(), nullable=False),
        sa.Column("word", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("detail", sa.String(64), nullable=False),
        sa.Column("said", sa.String(500), nullable=False),
        sa.Column("since", Micros, nullable=True),
        sa.Column("at", Micros, nullable=True),
        sa.CheckConstraint("(state = 'answered') = (word <> '')", name="answered_with_a_word"),
        sa.CheckConstraint("(state = 'undone') = (reason <> '')", name="undone_for_a_reason"),
        sa.CheckConstraint("(state = 'waiting') = (at IS NULL)", name="settled_some_time"),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agent.id"],
        ),
        sa.ForeignKeyConstraint(
            ["branch_id"],
            ["subject.id"],
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
        ),
        sa.ForeignKeyConstraint(
            ["subject_id"],
            ["subject.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("campaign_id", "subject_id"),
    )
    op.create_index("ix_campaign_host_state", "campaign_host", ["campaign_id", "state", "branch_id"], unique=False)
    op.create_index("ix_campaign_host_subject_id", "campaign_host", ["subject_id"], unique=False)
    op.create_table(
        "campaign_verdict",
        sa.Column("host_id", Id, autoincrement=False, nullable=False),
        sa.Column("check_id", sa.String(120), nullable=False),
        sa.Column("word", sa.String(16), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("at", Micros, nullable=True),
        sa.ForeignKeyConstraint(
            ["host_id"],
            ["campaign_host.id"],
        ),
        sa.PrimaryKeyConstraint("host_id", "check_id"),
    )
