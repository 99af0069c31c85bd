"""Letting whole months of records go on PostgreSQL: the few that stay are copied, and the tables of the others dropped.

The copy is made beside the log, in pieces, while everybody works on; then it takes the place of the months in one short
transaction. Whatever ends this on the way, the log is as it was, and it is begun anew. What refers to a record came to
do so while records were copied is looked for again at the end, when nobody writes.
"""

from dataclasses import dataclass, replace
from secrets import token_hex

from sqlalchemy import Connection, column, func, insert, select, table, text, update
from sqlmodel import Session, col

from server.following.thread import Overtaken
from server.health.tables import Condition
from server.ingest.tables import RecordRow
from server.retention.months import PAST, PATIENCE, Part, be_quick, keys, make_part, parts_of
from server.retention.sweep import Before, Judged, goes, sweep_records

AT_ONCE = 20_000  # records looked at in one transaction
COPY = "record_copy_"  # what the table's name begins with while it is filled


@dataclass(frozen=True)
class Copying:
    """How far it is. Of one that is lost nothing is lost but its work."""

    gone: tuple[Part, ...] = ()  # the months that go
    copy: str = ""  # the table of what stays of them, while it is filled
    after: int | None = 0  # records up to this are copied; None: all are


def let_go(session: Session, before: Before, at: Copying) -> Copying | None:
    """Do a piece of it; how far it is then, or None if there is nothing to do.

    Raises Overtaken if another server did the same meanwhile.
    """
    if not at.copy:
        return at if _check_one(session.connection()) else _begun(session, before)
    if at.after is not None:
        return replace(at, after=_copied(session, before, at, at.after))
    _put_in_place(session.connection(), at)
    return Copying()


def sweep_past(session: Session, before: Before, after: int) -> int | None:
    """As `sweep_records`, of what stayed of months that are gone: something newer may stand in its place now."""
    oldest = parts_of(session.connection())[0]
    return sweep_records(session, before, after, oldest.end) if oldest.name == PAST else None


def _begun(session: Session, before: Before) -> Copying | None:
    gone = _gone(session, before.detail)
    if not gone or gone[-1].name == PAST:
        return None
    link, end = session.connection(), gone[-1].end
    _drop_copies(link)
    copy = COPY + token_hex(4)
    make_part(link, copy)
    link.execute(text(f"ALTER TABLE {copy} ADD CHECK (id < {end})"))  # nothing need be read to see that it fits
    over = col(Condition.closed_at).is_not(None), col(Condition.record_id) < end
    session.execute(update(Condition).where(*over).values(record_id=None))
    return Copying(tuple(gone), copy)


def _copied(session: Session, before: Before, at: Copying, after: int) -> int | None:
    """Copy what stays of the records that come next; the number of the last, or None if that was all."""
    id_, end = col(RecordRow.id), at.gone[-1].end
    asked = select(id_).where(id_ > after, id_ < end).order_by(id_).offset(AT_ONCE - 1).limit(1)
    last: int | None = session.execute(asked).scalar()
    rows = RecordRow.metadata.tables["record"]
    names = [one.name for one in rows.columns]
    stays = select(rows).where(id_ > after, id_ < end if last is None else id_ <= last)
    stays = stays.where(~goes(Judged.by(session), before))
    session.execute(insert(table(at.copy, *(column(name) for name in names))).from_select(names, stays))
    if last is None:
        session.execute(text(f"ANALYZE {at.copy}"))
    return last


def _gone(session: Session, before: int) -> list[Part]:
    """The parts whose newest records arrived before then and are judged. The last is never among them."""
    id_, judged = col(RecordRow.id), Judged.by(session)
    gone: list[Part] = []
    for part in parts_of(session.connection())[:-1]:
        within = id_ >= part.start, id_ < part.end
        newest = session.execute(select(id_, col(RecordRow.arrived)).where(*within).order_by(id_.desc()).limit(1))
        waited = session.execute(select(func.max(id_)).where(*within, col(RecordRow.history))).scalar() or 0
        if any(own > judged.live or arrived >= before for own, arrived in newest) or waited > judged.history:
            break
        gone.append(part)
    return gone


def _drop_copies(link: Connection) -> None:
    """Of those who did not come to an end; whoever still works at one finds it gone."""
    here = "relnamespace = current_schema()::regnamespace AND relkind = 'r' AND starts_with(relname, :copy)"
    for name in link.execute(text(f"SELECT relname FROM pg_class WHERE {here}"), {"copy": COPY}).scalars().all():  # noqa: S608
        link.execute(text(f"DROP TABLE {name}"))


def _put_in_place(link: Connection, at: Copying) -> None:
    """Put the copy in the place of the months that go, and drop these."""
    gone, copy, end = at.gone, at.copy, at.gone[-1].end
    be_quick(link)
    to = keys(link)
    others = referring()  # before the log, as those who write take them
    link.execute(text(f"LOCK TABLE {', '.join(others)} IN SHARE ROW EXCLUSIVE MODE"))
    link.execute(text(f"LOCK TABLE {', '.join([*(key.table for key in to), 'record'])} IN ACCESS EXCLUSIVE MODE"))
    there = link.execute(text("SELECT to_regclass(:copy) IS NOT NULL"), {"copy": copy}).scalar_one()
    if not there or tuple(parts_of(link)[: len(gone)]) != gone:
        raise Overtaken
    for name in others:
        _copy_what_is_needed(link, name, end, copy)
    for key in to:
        link.execute(text(f"ALTER TABLE {key.table} DROP CONSTRAINT {key.name}"))
    for part in gone:
        link.execute(text(f"ALTER TABLE record DETACH PARTITION {part.name}"))
        link.execute(text(f"DROP TABLE {part.name}"))
    link.execute(text(f"ALTER TABLE {copy} RENAME TO {PAST}"))
    link.execute(text(f"ALTER TABLE record ATTACH PARTITION {PAST} FOR VALUES FROM (MINVALUE) TO ({end})"))
    for key in to:
        said = key.said.removesuffix(" NOT VALID")
        link.execute(text(f"ALTER TABLE {key.table} ADD CONSTRAINT {key.name} {said} NOT VALID"))


def referring() -> list[str]:
    """The tables that refer to a record by their `record_id`. PostgreSQL itself holds some of them to it."""
    tables = RecordRow.metadata.tables.values()
    return sorted(one.name for one in tables if any(key.column.table.name == "record" for key in one.foreign_keys))


def _copy_what_is_needed(link: Connection, name: str, end: int, copy: str) -> None:
    """What came to be referred to since it was copied, or was left out then."""
    needed = f"SELECT record_id FROM {name} WHERE record_id < {end} EXCEPT SELECT id FROM {copy}"  # noqa: S608
    link.execute(text(f"INSERT INTO {copy} SELECT * FROM record WHERE id IN ({needed})"))  # noqa: S608


def _check_one(link: Connection) -> bool:
    """Have PostgreSQL look through one table whether all it refers to is there, while everybody works on."""
    for key in keys(link):
        if not key.valid:
            link.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}'"))
            link.execute(text(f"ALTER TABLE {key.table} VALIDATE CONSTRAINT {key.name}"))
            return True
    return False
