"""One position, whole: what each agent sees of it, what is wrong, its tickets, and the machines that stood there."""

import re

import msgspec
from sqlalchemy import select
from sqlmodel import Session, col

from agent.wire import Failure
from agent.wire import State as StateRecord
from server.accounts.scope import Scoped, sees
from server.errors import NotFound
from server.facts.hosts import is_host
from server.health import queries as health
from server.health.hours import metrics_of
from server.health.state import DAY
from server.health.titles import reason_title
from server.ingest.tables import AheadRow, Latest, RecordRow
from server.inventory.tables import Position, Subject, SubjectKind
from server.ledger.queries import cards_at, machines_at
from server.places.positions import rows_of
from server.schemas.positions import PositionDetail, ReadingOut
from server.tickets import queries as tickets

_FINGERPRINT = re.compile(rb"SHA256:[A-Za-z0-9+/]{43}")  # of a host's key, as drivers/host/session.py met it
_decode = msgspec.msgpack.Decoder(StateRecord).decode


def find(session: Session, viewer: Scoped, branch: str, slug: str) -> tuple[Subject, Position]:
    """NotFound also if it is out of the person's scope."""
    key = f"{branch}/{slug}"
    asked = (
        select(Subject, Position)
        .join(Position, col(Position.id) == col(Subject.id))
        .where(col(Subject.kind) == SubjectKind.POSITION, col(Subject.key) == key, col(Subject.removed_at).is_(None))
    )
    found = session.execute(asked).first()
    if found is None or not sees(viewer, found[0].branch_id):
        raise NotFound("There is no position {key}.", key=key[:80])
    return found[0], found[1]


def detail(session: Session, viewer: Scoped, branch: str, slug: str, lang: str, now: int) -> PositionDetail:
    subject, position = find(session, viewer, branch, slug)
    own = subject.id or 0
    return PositionDetail(
        row=rows_of(session, [own], lang, now)[0],
        address=position.address,
        interval=position.interval_us / 1_000_000,
        readings=_readings(session, own, position.driver, lang),
        conditions=health.of_subjects(session, [own], lang, since=now - DAY),
        tickets=tickets.of_subjects(session, [own], lang),
        card=cards_at(session, [own]).get(own),
        machines=machines_at(session, own),
        metrics=metrics_of(session, own),
        host=is_host(session, own),
    )


def _readings(session: Session, own: int, driver: str | None, lang: str) -> list[ReadingOut]:
    """The newest state of each view, newest first; of an agent that is behind, what it told ahead."""
    asked = (
        select(Latest, RecordRow, col(Subject.key))
        .join(RecordRow, col(RecordRow.id) == col(Latest.record_id))
        .join(Subject, col(Subject.id) == col(Latest.agent_id))
        .where(col(Latest.subject_id) == own)
    )
    found: dict[str, tuple[Latest | AheadRow, RecordRow | AheadRow]]
    found = {agent: (latest, row) for latest, row, agent in session.execute(asked)}
    told = select(AheadRow, col(Subject.key)).join(Subject, col(Subject.id) == col(AheadRow.agent_id))
    for row, agent in session.execute(told.where(col(AheadRow.subject_id) == own)):
        if agent not in found or found[agent][0].held_to < row.held_to:
            found[agent] = (row, row)
    readings = [_reading(latest, row, agent, driver, lang) for agent, (latest, row) in found.items()]
    return sorted(readings, key=lambda reading: (-reading.held_to, reading.agent))


def _reading(
    latest: Latest | AheadRow, row: RecordRow | AheadRow, agent: str, driver: str | None, lang: str
) -> ReadingOut:
    record = _decode(row.body)
    reading, failure = record.reading, record.failure
    device = str(reading.device)
    raw = dict(reading.raw)
    if failure is not None and failure.raw:
        raw.setdefault("?", failure.raw)
    return ReadingOut(
        at=latest.at,
        held_to=latest.held_to,
        confidence=row.confidence,
        agent=agent,
        device="unknown" if driver == "file" and device == "offline" else device,
        parts=reading.parts,
        numbers=reading.numbers,
        texts=reading.texts,
        identity=reading.identity,
        raw={question: answer.hex(" ") for question, answer in raw.items()},
        as_of=reading.as_of,
        failure=_why(failure, lang) if failure else None,
        failure_reason=failure.reason if failure else None,
    )


def _why(failure: Failure, lang: str) -> str:
    """In words; of a host whose key nobody confirmed, or that changed, with the fingerprint a person is to compare."""
    title = reason_title(failure.reason, lang)
    if failure.reason.startswith("hostKey") and _FINGERPRINT.fullmatch(failure.raw):
        return f"{title} {failure.raw.decode('ascii')}"
    return title
