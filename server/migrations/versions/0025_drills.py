"""Monthly lists, and what people answer in a campaign that was begun from a template."""

import sqlalchemy as sa
from alembic import op

from server.storage.types import Id, Micros

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kind = sa.Column("kind", sa.String(16), server_default="pushed", nullable=False)
    op.add_column("campaign", kind)
    op.add_column("campaign", sa.Column("template", sa.Text(), server_default="{}", nullable=False))
    op.create_table(
        "campaign_item",
        sa.Column("id", Id, nullable=False),
        sa.Column("campaign_id", Id, nullable=False),
        sa.Column("branch_id", Id, nullable=True),
        sa.Column("item", sa.String(64), nullable=False),
        sa.Column("word", sa.String(16), nullable=False),
        sa.CheckConstraint("word IN ('', 'done', 'notPossible')", name="a_word_there_is"),
        sa.ForeignKeyConstraint(["branch_id"], ["subject.id"]),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("campaign_id", "branch_id", "item"),
    )
    op.create_table(
        "campaign_tick",
        sa.Column("id", Id, nullable=False),
        sa.Column("item_id", Id, nullable=False),
        sa.Column(
            "word",
            sa.Enum("done", "notPossible", name="tick", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("said_by", sa.String(length=80), nullable=False),
        sa.Column("at", Micros, nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["campaign_item.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_campaign_tick_item_id", "campaign_tick", ["item_id"], unique=False)
