"""When the server let an agent not in. What keeps one out now began when that was written down; the past is not known.

A silence said so itself before: of one that is open it is looked up from now on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = ("none", "code", "enrolled", "waiting", "quarantined", "revoked")
WORD = sa.Enum(*WORDS, name="identitystanding", native_enum=False, create_constraint=True, length=32)
NOW = """
INSERT INTO agent_kept_out (agent_id, why, start_at)
SELECT agent_id, 'quarantined', quarantined_at FROM agent_identity WHERE quarantined_at IS NOT NULL
UNION ALL
SELECT k.agent_id, 'waiting', k.made_at FROM agent_key AS k LEFT JOIN agent_identity AS i ON i.agent_id = k.agent_id
WHERE k.standing = 'waiting' AND i.quarantined_at IS NULL
UNION ALL
SELECT agent_id, 'revoked', revoked_at FROM agent_identity AS i
WHERE revoked_at IS NOT NULL AND quarantined_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM agent_key AS k WHERE k.agent_id = i.agent_id AND k.standing IN ('good', 'waiting')
)
"""


def upgrade() -> None:
    op.create_table(
        "agent_kept_out",
        sa.Column("id", ID, nullable=False),
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("why", WORD, nullable=False),
        sa.Column("start_at", sa.BigInteger(), nullable=False),
        sa.Column("end_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_agent_kept_out_agent_id"), "agent_kept_out", ["agent_id"], unique=False)
    still = sa.text("end_at IS NULL")
    op.create_index(
        "uq_agent_kept_out_open",
        "agent_kept_out",
        ["agent_id"],
        unique=True,
        sqlite_where=still,
        postgresql_where=still,
    )
    op.execute(NOW)
    op.execute(
        "UPDATE condition SET cause = 'unknown' WHERE rule = 'agent.silent' AND closed_at IS NULL"
        " AND cause IN ('quarantined', 'revoked', 'waiting')"
    )
