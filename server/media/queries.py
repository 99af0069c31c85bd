"""What is asked of media. All that a medium says of itself is its own word: bounded, and nowhere markup."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope, sees
from server.health.queries import Home
from server.inventory.tables import Subject, SubjectKind
from server.media.tables import MediaSighting, MediaStick
from server.queries import bank_zone
from server.schemas.media import SightingOut, SightingPage, StickOut, StickPage, StickStatus, StickWord
from server.tickets.numbers import number_text
from server.tickets.tables import Ticket


def register(session: Session, viewer: Scoped, now: int, offset: int = 0, limit: int = 100) -> StickPage:
    """What is overdue or lost first, then by label."""
    asked = (
        select(MediaStick, Home)
        .join(Home, col(Home.id) == col(MediaStick.branch_id))
        .where(in_scope(viewer, col(MediaStick.branch_id)))
    )
    total = session.execute(asked.with_only_columns(func.count())).scalar_one()
    late = (col(MediaStick.due) < now).is_not(True), col(MediaStick.status) != StickStatus.LOST
    found = session.execute(asked.order_by(*late, col(MediaStick.label)).offset(offset).limit(limit)).all()
    last = _last(session, [one.stick for one, _ in found])
    zone = bank_zone(session)
    rows = [_stick(one, home, last.get(one.stick), viewer, zone, now) for one, home in found]
    return StickPage(total=total, offset=offset, at=now, rows=rows, **_watched(session, viewer))


def _last(session: Session, sticks: list[str]) -> dict[str, tuple[MediaSighting, Subject]]:
    """Of each the newest sighting, and the agent."""
    newest = select(func.max(col(MediaSighting.id))).where(col(MediaSighting.stick).in_(sticks))
    newest = newest.group_by(col(MediaSighting.stick))
    asked = select(MediaSighting, Subject).join(Subject, col(Subject.id) == col(MediaSighting.agent_id))
    return {one.stick: (one, agent) for one, agent in session.execute(asked.where(col(MediaSighting.id).in_(newest)))}


def _stick(
    one: MediaStick, home: Any, last: tuple[MediaSighting, Subject] | None, viewer: Scoped, zone: ZoneInfo, now: int
) -> StickOut:
    seen, agent = last or (None, None)
    return StickOut(
        serial=one.serial,
        label=one.label,
        branch=home.key,
        branch_name=home.name,
        status=one.status,
        keeper=one.keeper,
        due=None if one.due is None else datetime.fromtimestamp(one.due // 1_000_000, zone).date(),
        overdue=one.due is not None and one.due < now,
        since=one.since,
        note=one.note,
        seen_at=seen.at if seen else None,
        seen_by=agent.key if agent and sees(viewer, agent.branch_id) else "",
        seen_way=seen.way if seen else None,
    )


def one(session: Session, viewer: Scoped, stick: MediaStick, now: int) -> StickOut:
    home = session.execute(select(Home).where(col(Home.id) == stick.branch_id)).scalar_one()
    last = _last(session, [stick.stick]).get(stick.stick)
    return _stick(stick, home, last, viewer, bank_zone(session), now)


def sightings(
    session: Session,
    viewer: Scoped,
    now: int,
    *,
    branch: str | None = None,
    serial: str = "",
    odd: bool = False,
    offset: int = 0,
    limit: int = 100,
) -> SightingPage:
    """Newest first. `odd`: only of what should not have been in. The branch is that of the PC."""
    wanted = [in_scope(viewer, col(Subject.branch_id))]
    if branch is not None:
        wanted.append(col(Home.key) == branch)
    if serial:
        wanted.append(col(MediaSighting.stick) == serial.upper())
    if odd:
        wanted.append(col(MediaSighting.word) != StickWord.OWN)
    asked = (
        select(MediaSighting, Subject, Home, col(MediaStick.label), Ticket)
        .join(Subject, col(Subject.id) == col(MediaSighting.agent_id))
        .join(Home, col(Home.id) == col(Subject.branch_id))
        .join(MediaStick, col(MediaStick.stick) == col(MediaSighting.stick), isouter=True)
        .join(Ticket, col(Ticket.id) == col(MediaSighting.ticket_id), isouter=True)
        .where(*wanted)
    )
    total = session.execute(asked.with_only_columns(func.count())).scalar_one()
    newest = col(MediaSighting.at).desc(), col(MediaSighting.id).desc()
    rows = [_sighting(*row) for row in session.execute(asked.order_by(*newest).offset(offset).limit(limit))]
    return SightingPage(total=total, offset=offset, at=now, rows=rows, **_watched(session, viewer))


def _sighting(seen: MediaSighting, agent: Subject, home: Any, label: str | None, ticket: Ticket | None) -> SightingOut:
    return SightingOut(
        at=seen.at,
        arrived=seen.arrived,
        agent=agent.key,
        branch=home.key,
        branch_name=home.name,
        way=seen.way,
        serial=seen.serial,
        vendor=seen.vendor,
        model=seen.model,
        bytes=seen.bytes,
        word=seen.word,
        label=label or "",
        ticket=number_text(ticket.year, ticket.number) if ticket else None,
        left_out=seen.left_out,
    )


def _watched(session: Session, viewer: Scoped) -> dict[str, int]:
    """How many agents ever told of a medium, of how many there are: of a PC without an agent nothing is known."""
    there = col(Subject.kind) == SubjectKind.AGENT, col(Subject.removed_at).is_(None)
    own = select(func.count()).select_from(Subject).where(*there, in_scope(viewer, col(Subject.branch_id)))
    told = own.where(col(Subject.id).in_(select(col(MediaSighting.agent_id))))
    return {"watched": session.execute(told).scalar_one(), "agents": session.execute(own).scalar_one()}
