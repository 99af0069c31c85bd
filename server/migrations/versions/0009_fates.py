"""What became of numbers that are settled, and refused states by position."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("received_range", sa.Column("fate", sa.String(8), server_default="here", nullable=False))
    refused = sa.text("kind = 'refused'")
    columns = ["subject_id", "stream_id", "seq"]
    op.create_index("ix_record_refused", "record", columns, sqlite_where=refused, postgresql_where=refused)
