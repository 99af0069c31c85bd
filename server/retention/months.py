"""The parts of the record log on PostgreSQL: a month of it each, and below them what stays of months that are gone.

A part is SPAN ids, far more than a month can have. So a month begins by going on with the ids of another part, and all
bounds are known beforehand: whoever begins it, early by a wrong clock or ten months late, has done no harm. Until then
records go where those before them went.
"""

import re
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, text

from server.ingest.link import ADVISORY

SPAN = 1 << 40  # ids of a part: a month of 400,000 records a second; 8,000 parts have less than 2^53 ids
PATIENCE = "1500ms"  # that others wait behind us for a lock at most; a vacuum gives way after PostgreSQL's 1 s
PAST = "record_past"  # what stays of months that are gone
_BOUNDS = re.compile(r"FROM \((MINVALUE|'\d+')\) TO \('(\d+)'\)")
_PARTS = """
SELECT relname, pg_get_expr(relpartbound, pg_class.oid) FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'record'::regclass
"""


@dataclass(frozen=True, order=True)
class Part:
    """Ids `start`..`end - 1` and where they are."""

    start: int
    end: int
    name: str


def parts_of(link: Connection) -> list[Part]:
    """By their ids; new records go into the last."""
    return sorted(_part(name, said) for name, said in link.execute(text(_PARTS)))


def _part(name: str, said: str) -> Part:
    found = _BOUNDS.search(said)
    if found is None:
        raise ValueError(f"{name} is no part of ours: {said}")
    start, end = found.groups()
    return Part(0 if start == "MINVALUE" else int(start.strip("'")), int(end), name)


def begin_month(link: Connection, today: date) -> bool:
    """Have records go into the part of this month from here on; False if there is one already.

    A clock that was ahead has begun later months; then it goes on in the last of them, and nothing is begun twice.
    """
    parts, name = parts_of(link), f"record_{today:%Y_%m}"
    if any(part.name == name for part in parts):
        return False
    be_quick(link)
    start = parts[-1].end
    held = ", ".join(sorted({key.table for key in keys(link)}))
    link.execute(text(f"LOCK TABLE {held} IN SHARE ROW EXCLUSIVE MODE"))  # before the log, as those who write take them
    make_part(link, name)
    link.execute(text(f"ALTER TABLE record ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({start + SPAN})"))
    link.execute(text("SELECT setval('record_id_seq', :start, false)"), {"start": start})
    return True


def be_quick(link: Connection) -> None:
    """Keep the writer out until this transaction ends, and wait for no lock so long that anybody would notice."""
    link.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}'"))
    link.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY})


def make_part(link: Connection, name: str) -> None:
    """A table that can become a part. A number is there once within it."""
    link.execute(text(f"CREATE TABLE {name} (LIKE record INCLUDING ALL)"))
    link.execute(text(f"ALTER TABLE {name} ADD UNIQUE (stream_id, seq)"))
    for key in keys(link, "conrelid"):
        link.execute(text(f"ALTER TABLE {name} ADD CONSTRAINT {key.name} {key.said}"))


def study(link: Connection) -> None:
    """Have PostgreSQL look at the log as a whole, which it does by itself for each part alone."""
    link.execute(text("ANALYZE record"))


@dataclass(frozen=True)
class Key:
    """A foreign key, and how it is said. `table` and `name` are quoted where that is needed."""

    table: str
    name: str
    said: str
    valid: bool


def keys(link: Connection, whose: str = "confrelid") -> list[Key]:
    """Those to `record`, or with "conrelid" its own."""
    asked = f"""
    SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid), convalidated
    FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND {whose} = 'record'::regclass ORDER BY 1, 2
    """  # noqa: S608 - one of two words of ours
    return [Key(*row) for row in link.execute(text(asked))]
