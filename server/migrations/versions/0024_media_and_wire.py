"""Removable media: the bank's own, and each time one was seen; and who was seen on the wire."""

import sqlalchemy as sa
from alembic import op

from server.storage.types import Id, Micros

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def _words(name: str, *words: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    op.create_table(
        "media_stick",
        sa.Column("id", Id, nullable=False),
        sa.Column("stick", sa.String(200), nullable=False),
        sa.Column("serial", sa.String(80), nullable=False),
        sa.Column("label", sa.String(80), nullable=False),
        sa.Column("branch_id", Id, nullable=False),
        sa.Column("status", _words("stickstatus", "kept", "lent", "lost", "retired"), nullable=False),
        sa.Column("keeper", sa.String(40), nullable=False),
        sa.Column("due", Micros, nullable=True),
        sa.Column("since", Micros, nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.CheckConstraint("due IS NULL OR status = 'lent'", name="lent_has_due"),
        sa.ForeignKeyConstraint(["branch_id"], ["subject.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("label"),
        sa.UniqueConstraint("stick"),
    )
    op.create_index("ix_media_stick_branch_id", "media_stick", ["branch_id"], unique=False)
    op.create_table(
        "media_sighting",
        sa.Column("id", Id, nullable=False),
        sa.Column("record", Id, nullable=False),
        sa.Column("agent_id", Id, nullable=False),
        sa.Column("at", Micros, nullable=False),
        sa.Column("arrived", Micros, nullable=False),
        sa.Column("way", _words("way", "in", "out", "found"), nullable=False),
        sa.Column("stick", sa.String(200), nullable=False),
        sa.Column("serial", sa.String(80), nullable=False),
        sa.Column("vendor", sa.String(80), nullable=False),
        sa.Column("model", sa.String(80), nullable=False),
        sa.Column("bytes", Micros, nullable=False),
        sa.Column("word", _words("stickword", "own", "overdue", "lost", "retired", "unknown"), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("ticket_id", Id, nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"]),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("record"),
    )
    op.create_index("ix_media_sighting_agent", "media_sighting", ["agent_id", "id"], unique=False)
    op.create_index("ix_media_sighting_at", "media_sighting", ["at"], unique=False)
    op.create_index("ix_media_sighting_stick", "media_sighting", ["stick", "id"], unique=False)
    op.create_index("ix_media_sighting_ticket_id", "media_sighting", ["ticket_id"], unique=False)
    op.create_table(
        "wire_seen",
        sa.Column("teller_id", Id, nullable=False),
        sa.Column("mac", sa.String(17), nullable=False),
        sa.Column("ip", sa.String(45), nullable=False),
        sa.Column("port", sa.String(32), nullable=False),
        sa.Column("first_at", Micros, nullable=False),
        sa.Column("last_at", Micros, nullable=False),
        sa.ForeignKeyConstraint(["teller_id"], ["subject.id"]),
        sa.PrimaryKeyConstraint("teller_id", "mac", "ip"),
    )
    op.create_index("ix_wire_seen_last", "wire_seen", ["last_at"], unique=False)
    event = sa.text("kind = 'event'")
    op.create_index("ix_record_event", "record", ["id"], unique=False, sqlite_where=event, postgresql_where=event)
