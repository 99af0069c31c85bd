"""Software licences that were bought."""

import sqlalchemy as sa
from alembic import op

from server.storage.types import Day, Id, Json, Micros

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kinds = sa.Enum(
        "volume", "oem", "retail", "subscription",
        name="licencekind", native_enum=False, create_constraint=True, length=32,
    )  # fmt: skip
    op.create_table(
        "licence",
        sa.Column("id", Id, nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("product", sa.String(80), nullable=False),
        sa.Column("publisher", sa.String(80), nullable=False),
        sa.Column("kind", kinds, nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("contract", sa.String(80), nullable=False),
        sa.Column("bought_on", Day, nullable=False),
        sa.Column("expires_on", Day, nullable=True),
        sa.Column("keeper", sa.String(40), nullable=False),
        sa.Column("key_at", sa.String(80), nullable=False),
        sa.Column("patterns", Json, nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("since", Micros, nullable=False),
        sa.Column("withdrawn_at", Micros, nullable=True),
        sa.CheckConstraint("seats > 0", name="licence_has_seats"),
        sa.CheckConstraint("expires_on IS NULL OR expires_on >= bought_on", name="licence_ends_later"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_index("ix_licence_product", "licence", ["product"], unique=False)
