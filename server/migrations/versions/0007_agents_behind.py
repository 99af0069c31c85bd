"""Agents that are behind: their records apart from what is live, and how things stand there told ahead."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "ahead",
        sa.Column("subject_id", ID, autoincrement=False, nullable=False),
        sa.Column("agent_id", ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("held_to", sa.BigInteger(), nullable=False),
        sa.Column("confidence", sa.BigInteger(), nullable=False),
        sa.Column("fresh", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"]),
        sa.ForeignKeyConstraint(["subject_id"], ["subject.id"]),
        sa.PrimaryKeyConstraint("subject_id", "agent_id"),
    )
    _create_index("ix_ahead_fresh", "ahead", "agent_id", where="fresh")
    op.add_column("agent_seen", sa.Column("behind", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("record", sa.Column("history", sa.Boolean(), server_default=sa.false(), nullable=False))
    _create_index("ix_record_history", "record", "id", where="history")


def _create_index(name: str, table: str, column: str, *, where: str) -> None:
    op.create_index(name, table, [column], sqlite_where=sa.text(f"{where} = 1"), postgresql_where=sa.text(where))
