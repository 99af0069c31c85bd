"""Streams go on from one another."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    # in one statement: SQLite takes no constraint afterwards
    op.execute(f"ALTER TABLE stream ADD COLUMN after_id {kind} REFERENCES stream (id)")
    op.add_column("stream", sa.Column("first", ID, server_default="1", nullable=False))
    op.create_index(op.f("ix_stream_after_id"), "stream", ["after_id"])
