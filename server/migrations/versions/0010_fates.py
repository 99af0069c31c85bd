"""What became of numbers that are settled, refused states by position, and what was said on the telephone."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ANSWER = sa.Enum("power", "line", "closed", name="answer", native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    op.add_column("received_range", sa.Column("fate", sa.String(8), server_default="here", nullable=False))
    refused = sa.text("kind = 'refused'")
    columns = ["subject_id", "stream_id", "seq"]
    op.create_index("ix_record_refused", "record", columns, sqlite_where=refused, postgresql_where=refused)
    op.create_table(
        "answer",
        sa.Column("id", ID, nullable=False),
        sa.Column("branch_id", ID, nullable=False),
        sa.Column("answer", ANSWER, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(80), nullable=False),
        sa.Column("entry_uid", sa.String(32), nullable=True),
        sa.ForeignKeyConstraint(["branch_id"], ["subject.id"]),
        sa.ForeignKeyConstraint(["entry_uid"], ["entry.uid"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("entry_uid"),
    )
    op.create_index("ix_answer_branch_at", "answer", ["branch_id", "at"])
    op.execute(
        "INSERT INTO answer (branch_id, answer, at, who, entry_uid) "
        "SELECT subject.branch_id, entry.answer, entry.at, entry.who, entry.uid "
        "FROM entry JOIN subject ON subject.id = entry.subject_id WHERE entry.what = 'answer'"
    )
