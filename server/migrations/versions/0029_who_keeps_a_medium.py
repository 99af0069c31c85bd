"""Who keeps a medium of the bank while another has it on loan."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("media_stick", sa.Column("home", sa.String(40), nullable=True))
    # before, a loan put the borrower in the keeper's place: who that was is in the journal alone
    op.execute("UPDATE media_stick SET home = '' WHERE status = 'lent'")
