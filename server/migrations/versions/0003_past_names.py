"""What things were called before, and which machines stood at a position."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "past_name",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("ref", sa.String(64), nullable=False),
        sa.Column(
            "until_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(
            ["until_seq"],
            ["journal.seq"],
        ),
        sa.PrimaryKeyConstraint("kind", "ref", "until_seq"),
    )
    op.create_index(op.f("ix_card_version_position_id"), "card_version", ["position_id"], unique=False)
