"""On PostgreSQL the record log is in parts of ids, one a month; what records refer to is found by an index.

The table of before becomes the first part. It is read once, to see that its ids fit, and nothing of it is copied.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

SPAN = 1 << 40  # ids of a part; as in server.retention.months
# Of these PostgreSQL would look for each row in all parts of the log; server.retention looks when records go.
WRITTEN_BY_MANY = ("attested", "health", "latest")
KEYS = """
SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = 'f' AND {whose} = 'record'::regclass ORDER BY 1, 2
"""
INDEXES = """
SELECT relname, pg_get_indexdef(indexrelid), indisprimary,
       indisunique AND NOT indisprimary FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE indrelid = 'record'::regclass ORDER BY 1
"""


def upgrade() -> None:
    op.create_index("ix_latest_record", "latest", ["record_id"])
    op.create_index("ix_health_record", "health", ["record_id"])
    is_there = sa.text("record_id IS NOT NULL")
    op.create_index("ix_condition_record", "condition", ["record_id"], sqlite_where=is_there, postgresql_where=is_there)
    link = op.get_bind()
    if link.dialect.name == "postgresql":
        _part(link)


def _part(link: Connection) -> None:
    to = link.execute(sa.text(KEYS.format(whose="confrelid"))).all()
    own = link.execute(sa.text(KEYS.format(whose="conrelid"))).all()
    indexes = link.execute(sa.text(INDEXES)).all()
    for table, name, _ in to:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    op.execute("ALTER TABLE record RENAME TO record_first")
    for name, *_ in indexes:
        op.execute(f'ALTER INDEX "{name}" RENAME TO "{_of_first(name)}"')
    op.execute("CREATE TABLE record (LIKE record_first INCLUDING ALL EXCLUDING INDEXES) PARTITION BY RANGE (id)")
    op.execute("ALTER SEQUENCE record_id_seq OWNED BY record.id")
    for _, said, primary, unique in indexes:  # what is unique without the id is so within a part alone
        if primary:
            op.execute("ALTER TABLE record ADD PRIMARY KEY (id)")
        elif not unique:
            op.execute(said)
    for _, name, said in own:
        op.execute(f"ALTER TABLE record ADD CONSTRAINT {name} {said}")
    highest = link.execute(sa.text("SELECT coalesce(max(id), 0) FROM record_first")).scalar_one()
    end = (highest // SPAN + 1) * SPAN
    op.execute(f"ALTER TABLE record ATTACH PARTITION record_first FOR VALUES FROM (MINVALUE) TO ({end})")
    for table, name, said in to:
        if table in WRITTEN_BY_MANY:
            continue
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {said}")


def _of_first(name: str) -> str:
    return name.replace("record", "record_first", 1)
