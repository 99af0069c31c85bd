"""How hosts do by checks, day by day, and who is let be."""

import sqlalchemy as sa
from alembic import op

from server.storage.types import Id, Micros

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "exemption",
        sa.Column("id", Id, nullable=False),
        sa.Column("uid", sa.String(36), nullable=False),
        sa.Column("check_id", sa.String(300), nullable=False),
        sa.Column("subject_id", Id, nullable=False),
        sa.Column("of_class", sa.String(64), nullable=False),
        sa.Column("approver", sa.String(300), nullable=False),
        sa.Column("control", sa.String(300), nullable=False),
        sa.Column("until", sa.String(10), nullable=False),
        sa.Column("ends_at", Micros, nullable=False),
        sa.Column("by", sa.String(80), nullable=False),
        sa.Column("at", Micros, nullable=False),
        sa.Column("ended_at", Micros, nullable=True),
        sa.Column("withdrawn_by", sa.String(80), nullable=True),
        sa.ForeignKeyConstraint(
            ["subject_id"],
            ["subject.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uid"),
    )
    op.create_index(
        "ix_exemption_open",
        "exemption",
        ["ends_at"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "judged_host",
        sa.Column("subject_id", Id, autoincrement=False, nullable=False),
        sa.Column("due", Micros, nullable=False),
        sa.Column("basis", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject_id"],
            ["subject.id"],
        ),
        sa.PrimaryKeyConstraint("subject_id"),
    )
    op.create_index(op.f("ix_judged_host_due"), "judged_host", ["due"], unique=False)
    op.create_table(
        "verdict",
        sa.Column("subject_id", Id, autoincrement=False, nullable=False),
        sa.Column("check_id", sa.String(300), nullable=False),
        sa.Column(
            "word",
            sa.Enum(
                "pass",
                "fail",
                "unknown",
                "not_applicable",
                "exempt",
                name="word",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("at", Micros, nullable=True),
        sa.Column("since", Micros, nullable=False),
        sa.Column("holds_until", Micros, nullable=False),
        sa.ForeignKeyConstraint(
            ["subject_id"],
            ["subject.id"],
        ),
        sa.PrimaryKeyConstraint("subject_id", "check_id"),
    )
    op.create_index("ix_verdict_check", "verdict", ["check_id", "word", "subject_id"], unique=False)
    op.create_table(
        "verdict_day",
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("check_id", sa.String(300), nullable=False),
        sa.Column("branch_id", Id, autoincrement=False, nullable=False),
        sa.Column("passes", sa.Integer(), nullable=False),
        sa.Column("fails", sa.Integer(), nullable=False),
        sa.Column("unknown", sa.Integer(), nullable=False),
        sa.Column("not_applicable", sa.Integer(), nullable=False),
        sa.Column("exempt", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["branch_id"],
            ["subject.id"],
        ),
        sa.PrimaryKeyConstraint("day", "check_id", "branch_id"),
    )
