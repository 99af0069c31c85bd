"""What hosts say of themselves by topics, and what changed in it."""

import sqlalchemy as sa
from alembic import op

from server.storage.types import Id, Micros

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fact_change",
        sa.Column("id", Id, nullable=False),
        sa.Column("subject_id", Id, nullable=False),
        sa.Column("topic", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("at", Micros, nullable=False),
        sa.ForeignKeyConstraint(
            ["subject_id"],
            ["subject.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_fact_change_at", "fact_change", ["at"], unique=False)
    op.create_index("ix_fact_change_subject_at", "fact_change", ["subject_id", "at"], unique=False)
    op.create_table(
        "fact_sheet",
        sa.Column("subject_id", Id, nullable=False),
        sa.Column("topic", sa.String(32), nullable=False),
        sa.Column("at", Micros, nullable=False),
        sa.Column("arrived", Micros, nullable=False),
        sa.Column("record", Id, nullable=False),
        sa.Column("host", sa.String(64), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("unread", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject_id"],
            ["subject.id"],
        ),
        sa.PrimaryKeyConstraint("subject_id", "topic"),
    )
    fact = sa.text("kind = 'fact'")
    op.create_index("ix_record_fact", "record", ["id"], unique=False, sqlite_where=fact, postgresql_where=fact)
