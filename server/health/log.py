"""Reading the record log: rows after a cursor, and what each of them says."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec
from sqlalchemy import func, not_, select
from sqlmodel import Session, col

from agent.wire import AnyRecord, Event, EventName, Hold
from agent.wire import State as StateRecord
from server.health.clocks import Stamp
from server.health.shards import Part
from server.health.state import Ahead, Heard, Held, Seen, Told
from server.ingest.tables import AheadRow, Attested, RecordRow, Stream
from server.ingest.times import PAST
from server.inventory.tables import Subject

CHUNK = 500  # ids in one IN (...)
T = TypeVar("T", int, str)

_decode = msgspec.msgpack.Decoder(AnyRecord).decode


class Entry(msgspec.Struct, frozen=True):
    """One row of the log."""

    id: int
    agent: int
    kind: str
    subject: int | None
    at: int
    confidence: int
    wall: int
    boot: int
    boot_id: str
    arrived: int
    body: bytes


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """`items` sorted, in pieces a statement can name."""
    left = sorted(items)
    for start in range(0, len(left), CHUNK):
        yield left[start : start + CHUNK]


def newest(session: Session) -> int:
    """The highest number in the log; no lower one can become visible after it."""
    return session.execute(select(func.max(col(RecordRow.id)))).scalar_one() or 0


def arrived(session: Session, upto: int) -> int:
    """When the newest of the records up to that number came, by the server's clock; 0 if there is none."""
    asked = select(col(RecordRow.arrived)).where(col(RecordRow.id) <= upto).order_by(col(RecordRow.id).desc()).limit(1)
    return session.execute(asked).scalar() or 0


def entries(session: Session, part: Part, after: int, upto: int, limit: int, *, history: bool) -> list[Entry]:
    """Rows after a cursor that concern these shards: what is live, or what waited at agents that were cut off."""
    if after >= upto:
        return []
    asked = (
        select(
            col(RecordRow.id),
            col(Stream.agent_id),
            col(RecordRow.kind),
            col(RecordRow.subject_id),
            col(RecordRow.at),
            col(RecordRow.confidence),
            col(RecordRow.wall),
            col(RecordRow.boot),
            col(RecordRow.boot_id),
            col(RecordRow.arrived),
            col(RecordRow.body),
        )
        .join(Stream, col(Stream.id) == col(RecordRow.stream_id))
        .where(
            col(RecordRow.id) > after,
            col(RecordRow.id) <= upto,
            col(RecordRow.history) if history else not_(col(RecordRow.history)),
        )
        .order_by(col(RecordRow.id))
        .limit(limit)
    )
    if not part.whole:
        asked = asked.join(Subject, col(Subject.id) == col(Stream.agent_id)).where(*part.heard(Subject))
    return [Entry(*row) for row in session.execute(asked)]


def attested_to(session: Session, records: Iterable[int]) -> dict[int, int]:
    """Up to when ingest found that each of these states held."""
    found: dict[int, int] = {}
    for part in chunks(records):
        asked = select(col(Attested.record_id), func.max(col(Attested.end))).where(col(Attested.record_id).in_(part))
        found.update((own, end) for own, end in session.execute(asked.group_by(col(Attested.record_id))))
    return found


def told_ahead(session: Session, part: Part, limit: int) -> list[AheadRow]:
    """What agents that are behind told ahead and nobody has seen yet."""
    asked = (
        select(AheadRow)
        .join(Subject, col(Subject.id) == col(AheadRow.subject_id))
        .where(col(AheadRow.fresh), *part.mine())
        .order_by(col(AheadRow.subject_id), col(AheadRow.agent_id))
        .limit(limit)
    )
    return list(session.execute(asked).scalars())


def ahead_of(row: AheadRow) -> Ahead:
    """Raises msgspec.MsgspecError on what cannot be read."""
    state = _decode(row.body)
    if not isinstance(state, StateRecord):
        raise msgspec.ValidationError("not a state")
    return Ahead(Told(row.agent_id, row.at, state.reading, state.failure), row.held_to)


def decode(entry: Entry) -> AnyRecord | None:
    """The record, or None if it was refused at the door. Raises msgspec.MsgspecError on what cannot be read."""
    return None if entry.kind == "refused" else _decode(entry.body)


def heard(entry: Entry, record: AnyRecord | None) -> Heard:
    """What the record says of the agent itself."""
    goodbye = isinstance(record, Event) and record.name is EventName.GOODBYE
    if record is None:
        return Heard(entry.at)  # its clocks may be as wrong as the rest of it
    return Heard(entry.at, goodbye, Stamp(entry.wall, entry.boot, entry.boot_id, entry.at, entry.confidence))


def told(entry: Entry, record: AnyRecord | None, ids: dict[str, int]) -> Iterator[tuple[int, Seen]]:
    """What the record says of positions and lines."""
    if isinstance(record, StateRecord) and entry.subject is not None:
        yield entry.subject, Told(entry.agent, entry.at, record.reading, record.failure, entry.id)
    elif isinstance(record, Hold):
        since = entry.at - min(max(0, entry.boot - record.since), PAST)
        for key, held in record.held.items():
            if key in ids:
                yield ids[key], Held(entry.agent, since, entry.at, held.good + held.failed)
