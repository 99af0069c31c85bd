"""A sighting is written down, and one that should not be opens a ticket: one a medium and PC, while that is open."""

from typing import Final

from sqlmodel import Session, col, select

from agent.wire import Event
from server.events.publish import invalidate
from server.following.log import agent_of
from server.ingest.tables import RecordRow
from server.inventory.tables import Subject
from server.journal.deeds import Act
from server.media.late import standing as late_ticket
from server.media.seen import Seen, seen, word_of
from server.media.tables import MediaSighting, MediaStick
from server.schemas.media import StickWord, Way
from server.schemas.tickets import Fault, TicketStatus
from server.texts import gettext_for
from server.tickets.deeds import ITSELF, note_by_itself, open_by_itself
from server.tickets.tables import Ticket

VIA: Final = "media"
OPEN: Final = 5  # tickets of one PC: whoever plugs in a hundred media is one matter
TITLES: Final = {
    StickWord.UNKNOWN: "A medium that is not registered is in: {name}",
    StickWord.OVERDUE: "A medium that should be back is in: {name}",
    StickWord.LOST: "A medium that was lost is in: {name}",
    StickWord.RETIRED: "A medium that was retired is in: {name}",
}


def keep(session: Session, now: int, row: RecordRow, event: Event) -> MediaSighting | None:
    """None where the record says nothing of a medium."""
    one = seen(event.detail)
    if one is None:
        return None
    agent = agent_of(session, row)
    known = session.exec(select(MediaStick).where(MediaStick.stick == one.stick)).first() if one.serial else None
    made = MediaSighting(
        record=row.id or 0,
        agent_id=agent.id or 0,
        at=row.at,
        arrived=row.arrived,
        way=one.way,
        stick=one.stick,
        serial=one.serial,
        vendor=one.vendor,
        model=one.model,
        bytes=one.bytes,
        word=word_of(known, row.at),
        left_out=one.left_out,
    )
    if made.word is not StickWord.OWN and made.way is not Way.OUT:
        late = late_ticket(session, known) if known and known.branch_id == agent.branch_id else None
        made.ticket_id = _ticket(session, Act(ITSELF, VIA, now), made, one, agent, late).id
    session.add(made)
    session.flush()
    invalidate(session, "media", agent.key, agent.branch_id, now)
    return made


def _ticket(session: Session, act: Act, made: MediaSighting, one: Seen, agent: Subject, late: Ticket | None) -> Ticket:
    standing = _open(session, made.agent_id)
    for ticket, stick in standing:
        if stick == made.stick:
            return ticket
    title = gettext_for("zh")(TITLES[made.word]).format(name=one.name)[:200]
    if late is not None:
        note_by_itself(session, act, late, agent, text=f"{agent.key}: {title}")
        return late
    if len({ticket.id for ticket, _ in standing}) >= OPEN:
        ticket = standing[-1][0]
        note_by_itself(session, act, ticket, agent, text=title)
        return ticket
    return open_by_itself(session, act, agent, title=title, fault=Fault.OTHER, at=made.at)


def _open(session: Session, agent: int) -> list[tuple[Ticket, str]]:
    """The tickets of media of this PC that are not done, with each medium they are about, the oldest first."""
    asked = select(Ticket, MediaSighting.stick).join(MediaSighting, col(MediaSighting.ticket_id) == col(Ticket.id))
    asked = asked.where(MediaSighting.agent_id == agent, col(Ticket.status) != TicketStatus.DONE)
    return list(session.exec(asked.distinct().order_by(col(Ticket.id))).all())
