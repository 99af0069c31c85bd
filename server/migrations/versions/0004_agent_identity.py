"""Agents prove themselves by keys of their own. A token that was given by hand counts no longer: enrol the agent."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

AGENT = "CREATE TABLE agent ( id INTEGER NOT NULL, PRIMARY KEY (id), FOREIGN KEY(id) REFERENCES subject (id) )"


def upgrade() -> None:
    _drop_tokens()
    op.create_table(
        "agent_code",
        sa.Column("id", sa.String(8), nullable=False),
        sa.Column("agent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("branch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(80), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("used_by", sa.String(64), nullable=True),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agent.id"],
        ),
        sa.ForeignKeyConstraint(
            ["branch_id"],
            ["branch.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_agent_code_agent_id"), "agent_code", ["agent_id"], unique=False)
    op.create_table(
        "agent_identity",
        sa.Column(
            "agent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("challenged_at", sa.BigInteger(), nullable=False),
        sa.Column("rotate", sa.Boolean(), nullable=False),
        sa.Column("quarantined_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agent.id"],
        ),
        sa.PrimaryKeyConstraint("agent_id"),
    )
    op.create_table(
        "agent_instance",
        sa.Column("agent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("instance", sa.String(64), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("superseded_at", sa.BigInteger(), nullable=True),
        sa.Column("forked", sa.Boolean(), nullable=False),
        sa.Column("host", sa.String(120), nullable=False),
        sa.Column("system", sa.String(120), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agent.id"],
        ),
        sa.PrimaryKeyConstraint("agent_id", "instance"),
    )
    op.create_table(
        "agent_key",
        sa.Column("public_key", sa.String(64), nullable=False),
        sa.Column("agent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "standing",
            sa.Enum(
                "good",
                "waiting",
                "rotated",
                "replaced",
                "revoked",
                name="keystanding",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("host", sa.String(120), nullable=False),
        sa.Column("system", sa.String(120), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agent.id"],
        ),
        sa.PrimaryKeyConstraint("public_key"),
    )
    op.create_index(op.f("ix_agent_key_agent_id"), "agent_key", ["agent_id"], unique=False)
    op.create_index(
        "uq_agent_key_good",
        "agent_key",
        ["agent_id", "standing"],
        unique=True,
        sqlite_where=sa.text("standing IN ('good', 'waiting')"),
        postgresql_where=sa.text("standing IN ('good', 'waiting')"),
    )
    op.create_table(
        "agent_token",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("agent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agent.id"],
        ),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index(op.f("ix_agent_token_agent_id"), "agent_token", ["agent_id"], unique=False)


def _drop_tokens() -> None:
    """SQLite cannot drop a column with a UNIQUE of its own, and other tables point at this one: made anew in place."""
    if op.get_bind().dialect.name != "sqlite":
        for column in ("token_hash", "public_key", "revoked_at"):
            op.drop_column("agent", column)
        return
    for statement in (
        "PRAGMA defer_foreign_keys = ON",  # until the commit, when the same ids are there again
        "CREATE TABLE agent_kept AS SELECT id FROM agent",
        "DROP TABLE agent",
        AGENT,
        "INSERT INTO agent (id) SELECT id FROM agent_kept",
        "DROP TABLE agent_kept",
    ):
        op.execute(statement)
