"""What people entered at a branch PC while the server was away, and the bank's own contingency steps."""

import sqlalchemy as sa
from alembic import op

from server.storage.types import Id, Micros

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contingency",
        sa.Column("key", sa.String(16), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "entry",
        sa.Column("uid", sa.String(32), nullable=False),
        sa.Column("record_id", Id, nullable=False),
        sa.Column("agent_id", Id, nullable=False),
        sa.Column("subject_id", Id, nullable=False),
        sa.Column(
            "what",
            sa.Enum("ticket", "note", "answer", name="entrykind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("at", Micros, nullable=False),
        sa.Column("arrived", Micros, nullable=False),
        sa.Column("who", sa.String(40), nullable=False),
        sa.Column("text", sa.String(2000), nullable=False),
        sa.Column(
            "answer",
            sa.Enum("power", "line", "closed", name="answer", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column("ticket_id", Id, nullable=True),
        sa.CheckConstraint("what <> 'ticket' OR ticket_id IS NOT NULL", name="report_has_ticket"),
        sa.CheckConstraint("(what = 'answer') = (answer IS NOT NULL)", name="answer_says_what"),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"]),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"]),
        sa.ForeignKeyConstraint(["subject_id"], ["subject.id"]),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"]),
        sa.PrimaryKeyConstraint("uid"),
        sa.UniqueConstraint("record_id"),
    )
    op.create_index("ix_entry_subject_at", "entry", ["subject_id", "at"], unique=False)
    op.create_index(op.f("ix_entry_ticket_id"), "entry", ["ticket_id"], unique=False)
    only = sa.text("kind = 'entry'")
    op.create_index("ix_record_entry", "record", ["id"], unique=False, sqlite_where=only, postgresql_where=only)
