"""The register of security checks, which refuses UPDATE and DELETE, whoever asks."""

import sqlalchemy as sa
from alembic import op

from server.storage.types import Id, Micros

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

SQLITE = """
CREATE TRIGGER security_register_refuses_{verb} BEFORE {verb} ON security_register
BEGIN SELECT RAISE(ABORT, 'the register is append-only'); END
"""

# An empty one may be emptied: so begins a move from SQLite.
POSTGRESQL = """
CREATE FUNCTION security_register_refuses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
IF TG_OP = 'TRUNCATE' AND NOT EXISTS (SELECT 1 FROM security_register) THEN RETURN NULL; END IF;
RAISE EXCEPTION 'the register is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER security_register_refuses BEFORE UPDATE OR DELETE OR TRUNCATE ON security_register
FOR EACH STATEMENT EXECUTE FUNCTION security_register_refuses();
ALTER TABLE security_register ENABLE ALWAYS TRIGGER security_register_refuses
"""


def upgrade() -> None:
    op.create_table(
        "security_register",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", Micros, nullable=False),
        sa.Column("since", Micros, nullable=True),
        sa.Column("written", Micros, nullable=False),
        sa.Column("subject_id", Id, nullable=False),
        sa.Column("branch_id", Id, nullable=False),
        sa.Column("asset", sa.String(80), nullable=False),
        sa.Column("made_by", sa.String(80), nullable=False),
        sa.Column("source", _words("source", "hand", "remote", "import"), nullable=False),
        sa.Column("kind", _words("entry", "check", "antivirus", "patch", "mend", "review"), nullable=False),
        sa.Column("category", _words("category", "", "daily", "special", "self", "spot"), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("outcome", _words("outcome", *OUTCOMES), nullable=False),
        sa.Column("patch", sa.String(500), nullable=False),
        sa.Column("library", sa.String(300), nullable=False),
        sa.Column("library_at", Micros, nullable=True),
        sa.Column("found", sa.Text(), nullable=False),
        sa.Column("measure", sa.String(2000), nullable=False),
        sa.Column("due", sa.String(10), nullable=False),
        sa.Column("corrects", Id, nullable=True),
        sa.Column("root", Id, nullable=True),
        sa.Column("follows", Id, nullable=True),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("campaign", sa.String(36), nullable=False),
        sa.ForeignKeyConstraint(["subject_id"], ["subject.id"]),
        sa.ForeignKeyConstraint(["branch_id"], ["subject.id"]),
        sa.ForeignKeyConstraint(["corrects"], ["security_register.id"]),
        sa.ForeignKeyConstraint(["follows"], ["security_register.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("corrects"),
    )
    for name, columns in (
        ("at", ["at", "id"]),
        ("branch", ["branch_id", "at"]),
        ("subject", ["subject_id", "at"]),
        ("campaign", ["campaign", "subject_id"]),
        ("follows", ["follows"]),
    ):
        op.create_index(f"ix_security_register_{name}", "security_register", columns, unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(SQLITE.format(verb=verb))
    else:
        op.execute(POSTGRESQL)


OUTCOMES = (
    *("", "pass", "fail", "unknown", "exempt", "not_applicable"),
    *("undone", "updated", "reverted", "changed"),
)


def _words(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)
