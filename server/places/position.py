"""One position, whole: what each agent sees of it, what is wrong, its tickets, and the machines that stood there."""

import msgspec
from sqlalchemy import func, select
from sqlmodel import Session, col

from agent.wire import State as StateRecord
from server.accounts.scope import Scoped, sees
from server.errors import NotFound
from server.health import queries as health
from server.health.state import DAY
from server.health.tables import RollUp
from server.health.titles import reason_title
from server.ingest.tables import Latest, RecordRow
from server.inventory.tables import Position, Subject, SubjectKind
from server.ledger.queries import cards_at, machines_at
from server.places.positions import rows_of
from server.schemas import PositionDetail, ReadingOut
from server.tickets import queries as tickets

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
    metrics = select(col(RollUp.metric)).where(col(RollUp.subject_id) == own).distinct().order_by(col(RollUp.metric))
    return PositionDetail(
        row=rows_of(session, [own], lang, now)[0],
        address=position.address,
        interval=position.interval_us / 1_000_000,
        readings=_readings(session, own, position.driver, lang),
        conditions=health.of_subjects(session, [own], lang, since=now - DAY),
        tickets=tickets.of_subjects(session, [own], lang),
        card=cards_at(session, [own]).get(own),
        machines=machines_at(session, own),
        metrics=list(session.execute(metrics).scalars()),
    )


def _readings(session: Session, own: int, driver: str | None, lang: str) -> list[ReadingOut]:
    """The newest state of each view, newest first."""
    asked = (
        select(Latest, RecordRow, col(Subject.key))
        .join(RecordRow, col(RecordRow.id) == col(Latest.record_id))
        .join(Subject, col(Subject.id) == col(Latest.agent_id))
        .where(col(Latest.subject_id) == own)
        .order_by(func.coalesce(col(Latest.held_to), col(Latest.at)).desc(), col(Latest.agent_id))
    )
    return [_reading(latest, row, agent, driver, lang) for latest, row, agent in session.execute(asked)]


def _reading(latest: Latest, row: RecordRow, agent: str, driver: str | None, lang: str) -> ReadingOut:
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
        failure=reason_title(failure.reason, lang) if failure else None,
        failure_reason=failure.reason if failure else None,
    )
