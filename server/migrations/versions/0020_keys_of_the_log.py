"""PostgreSQL no longer looks up for each record that its stream, subject and agent are there: none is ever deleted.

Looking cost it more than writing. And attaching a month to a log that has such keys locks the tables they lead to,
`stream` and `subject`, against all who read.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

KEYS = """
SELECT conrelid::regclass::text, quote_ident(conname) FROM pg_constraint
WHERE contype = 'f' AND conparentid = 0 AND conrelid IN ('record'::regclass, 'attested'::regclass) ORDER BY 1, 2
"""


def upgrade() -> None:
    link = op.get_bind()
    if link.dialect.name == "postgresql":
        for table, name in link.execute(sa.text(KEYS)).all():
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
