"""Figures of the whole server, and single settings."""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func
from sqlmodel import Session, col, select

from server.accounts.scope import Scoped, in_scope
from server.health.cursors import slowest
from server.health.tables import Condition
from server.ingest.tables import RecordRow
from server.inventory.tables import DeviceClass, Setting, Subject, SubjectKind
from server.journal.tables import JournalRow
from server.schemas.status import Status
from server.schemas.tickets import TicketStatus
from server.tickets.tables import Ticket

USUAL_ZONE = "Asia/Shanghai"


def setting(session: Session, key: str, default: str) -> str:
    """A single value of the bank or the database."""
    row = session.get(Setting, key)
    return row.value if row else default


def bank_zone(session: Session) -> ZoneInfo:
    """The zone of the bank's clocks: what a person reads is in it, wherever the server's machine thinks it is."""
    return ZoneInfo(setting(session, "bank.zone", USUAL_ZONE))


def classes(session: Session) -> dict[str, str]:
    return {row.key: row.name for row in session.exec(select(DeviceClass)).all()}


@dataclass(frozen=True)
class Everything:
    """The scope of the server's own command."""

    branch_ids: None = None


def status_out(session: Session, now: int, viewer: Scoped | None = None) -> Status:
    """What the database holds, of a viewer's scope; the journal and health's lag are of the whole server."""
    bank = setting(session, "bank.name", "")
    return Status(version=version("branchfleet"), bank=bank, at=now, **_figures(session, viewer or Everything()))


def _figures(session: Session, viewer: Scoped) -> dict[str, Any]:
    """The counts of Status, by its field names."""
    mine = in_scope(viewer, Subject.branch_id)
    kinds = dict(
        session.exec(
            select(Subject.kind, func.count()).where(mine, col(Subject.removed_at).is_(None)).group_by(Subject.kind)
        ).all()
    )

    def count(table: Any, *conditions: Any) -> int:
        asked = select(func.count()).select_from(table).join(Subject, table.subject_id == Subject.id)
        return session.exec(asked.where(mine, *conditions)).one()

    read = slowest(session)
    cursor, past = (read.live, read.past) if read else (0, 0)
    live = select(func.count()).select_from(RecordRow).where(col(RecordRow.id) > cursor)
    waiting = select(func.count()).select_from(RecordRow).where(col(RecordRow.history), col(RecordRow.id) > past)
    return {
        "branches": kinds.get(SubjectKind.BRANCH, 0),
        "positions": kinds.get(SubjectKind.POSITION, 0),
        "agents": kinds.get(SubjectKind.AGENT, 0),
        "observations": count(RecordRow, RecordRow.kind == "state"),
        "conditions": count(Condition),
        "conditions_open": count(Condition, col(Condition.closed_at).is_(None)),
        "tickets": count(Ticket),
        "tickets_open": count(Ticket, Ticket.status != TicketStatus.DONE),
        "journal": session.exec(select(func.count()).select_from(JournalRow)).one(),
        "health_lag": session.exec(live).one() + session.exec(waiting).one(),
    }
