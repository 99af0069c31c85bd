"""Who was to poll what, and when. What is polled now is taken to have been so since it was registered."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

POLLED = """
SELECT observer.subject_id, observer.agent_id, coalesce(position.interval_us, line.interval_us),
    subject.uid, agent.uid
FROM observer JOIN subject ON subject.id = observer.subject_id JOIN subject AS agent ON agent.id = observer.agent_id
LEFT JOIN position ON position.id = subject.id LEFT JOIN line ON line.id = subject.id
WHERE subject.removed_at IS NULL AND (position.driver IS NOT NULL OR line.probe <> '')
"""


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    duty = op.create_table(
        "duty",
        sa.Column("subject_id", number, nullable=False),
        sa.Column("agent_id", number, nullable=False),
        sa.Column("start_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("end_at", sa.BigInteger(), nullable=True),
        sa.Column("since_seq", number, nullable=False),
        sa.Column("until_seq", number, nullable=True),
        sa.Column("interval_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"]),
        sa.ForeignKeyConstraint(["subject_id"], ["subject.id"]),
        sa.PrimaryKeyConstraint("subject_id", "agent_id", "start_at"),
    )
    op.create_index(op.f("ix_duty_agent_id"), "duty", ["agent_id"], unique=False)
    rows = [
        {
            "subject_id": subject,
            "agent_id": agent,
            "start_at": max(_made(own), _made(its)),
            "since_seq": 0,
            "interval_us": interval,
        }
        for subject, agent, interval, own, its in op.get_bind().execute(sa.text(POLLED))
    ]
    if rows:
        op.bulk_insert(duty, rows)


def _made(uid: str) -> int:
    """UTC µs at which a UUIDv7 was made: its first 48 bits are milliseconds."""
    return (uuid.UUID(uid).int >> 80) * 1000
