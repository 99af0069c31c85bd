"""How far a sweep is stays with it: what an agent tells next is of another."""

import sqlalchemy as sa
from alembic import op

from server.storage.types import Micros

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("whole", "asked", "answered"):
        op.add_column("sweep", sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("sweep", sa.Column("told_at", Micros, nullable=True))
