"""What an entry of a branch PC becomes: a ticket, or a note. No account stands behind it, and every trace says so."""

from datetime import datetime

from sqlmodel import Session, col, select

from agent.wire import Clock, Entry
from server.accounts.scope import known_branch
from server.entries.tables import AnswerRow, EntryRow
from server.errors import Conflict, Forbidden, Invalid
from server.events.publish import invalidate
from server.health.answers import ANSWERS, heard_now
from server.ingest.tables import RecordRow
from server.inventory.tables import Subject, SubjectKind
from server.journal.deeds import Act, record
from server.plain import clean
from server.queries import bank_zone
from server.schemas.entries import TEXT, Answer, EntryKind
from server.schemas.people import Role
from server.schemas.tickets import Fault, TicketStatus
from server.texts import gettext_for
from server.tickets.deeds import Who, note_from_branch, open_from_branch
from server.tickets.tables import Ticket

VIA = "branch-pc"
LONGEST = 400 * 86_400_000_000  # µs; no spool and no drop box is older


def entered_at(row: RecordRow, entered: Clock | None) -> int:
    """When it was typed, in corrected time: by the boot clock where it ran on, else by what the wall clock moved."""
    if entered is None:
        return row.at
    same_boot = entered.boot_id == row.boot_id
    before = row.boot - entered.boot if same_boot else row.wall - entered.wall
    return row.at - before if 0 <= before <= LONGEST else row.at


def take(session: Session, now: int, row: RecordRow, entry: Entry, agent: Subject) -> bool:
    """Make what the entry asks for; False if that was done already. Its subject was looked at when it came in."""
    if session.get(EntryRow, entry.uid) is not None:
        return False
    about = session.get_one(Subject, row.subject_id)
    at = entered_at(row, entry.entered)
    made = EntryRow(
        uid=entry.uid,
        record_id=row.id or 0,
        agent_id=agent.id or 0,
        subject_id=about.id or 0,
        what=EntryKind(entry.what),
        at=at,
        arrived=row.arrived,
        who=clean(entry.who)[:40],
        text=clean(entry.text)[:2000],
        answer=Answer(entry.answer) if entry.what == "answer" else None,
    )
    # "name @ agent" is no login: whoever typed it cannot pass for a person who had signed in
    act = Act(f"{made.who} @ {agent.key}"[:80], VIA, now)
    ticket = _ticket(session, act, made, entry, about)
    made.ticket_id = ticket.id if ticket else None
    session.add(made)
    if made.answer is not None:
        session.flush()
        _answered(session, act, about, made.answer, at, uid=made.uid)
    if made.what is not EntryKind.TICKET and ticket is None:
        after = {"subject": about.key, "text": told(made, "zh"), "entered": entry.uid, "signed_in": False}
        record(session, act, deed="entry.note", about=f"{about.kind.value}:{about.key}", after=after, effective_at=at)
    session.flush()
    return True


def answer(session: Session, act: Act, who: Who, *, branch: str, said: Answer, text: str) -> AnswerRow:
    """What a person who is signed in was told on the telephone of a silent branch.

    Conflict while its agent is heard: whatever it sends next would undo the answer, and nobody would know.
    """
    if who.role is Role.AUDITOR:
        raise Forbidden("Your role may not do this.")
    if len(text) > TEXT:
        raise Invalid("What was said on the telephone is longer than {most} characters; nothing was noted.", most=TEXT)
    known_branch(session, who, branch)
    about = session.exec(select(Subject).where(Subject.kind == SubjectKind.BRANCH, Subject.key == branch)).one()
    voice = heard_now(session, about.branch_id, act.now)
    if voice is not None:
        since = datetime.fromtimestamp(voice.since / 1_000_000, bank_zone(session))
        raise Conflict(
            "Nothing was noted: branch {branch} is not silent. Its agent {agent} has been heard since {since}, last "
            "{seconds} s ago. If it falls silent, say it again.",
            branch=branch,
            agent=voice.agent,
            since=f"{since:%Y-%m-%d %H:%M}",
            seconds=max(0, act.now - voice.last) // 1_000_000,
        )
    row = _answered(session, act, about, said, act.now)
    after = {"subject": about.key, "answer": said.value, "text": clean(text), "signed_in": True}
    record(session, act, deed="entry.note", about=f"branch:{about.key}", after=after)
    return row


def _answered(session: Session, act: Act, about: Subject, said: Answer, at: int, uid: str | None = None) -> AnswerRow:
    row = AnswerRow(branch_id=about.branch_id, answer=said, at=at, who=act.actor[:80], entry_uid=uid)
    session.add(row)
    session.flush()
    invalidate(session, "condition", about.key, about.branch_id, act.now)
    return row


def _ticket(session: Session, act: Act, made: EntryRow, entry: Entry, about: Subject) -> Ticket | None:
    """The report's own, or the newest one open on the subject, which then carries the note."""
    if made.what is EntryKind.TICKET:
        title = clean(entry.title)[:200] or clean(entry.text)[:200]
        fault = Fault(entry.fault)
        return open_from_branch(
            session, act, about, title=title, fault=fault, urgent=entry.urgent, note=made.text, at=made.at, uid=made.uid
        )
    open_on = select(Ticket).where(Ticket.subject_id == about.id, col(Ticket.status) != TicketStatus.DONE)
    ticket = session.exec(open_on.order_by(col(Ticket.id).desc())).first()
    if ticket is not None:
        note_from_branch(session, act, ticket, about, text=told(made, "zh"), at=made.at, uid=made.uid)
    return ticket


def told(made: EntryRow, lang: str) -> str:
    """The text of a note, with what the telephone said before it."""
    _ = gettext_for(lang)
    said = _("By telephone: {answer}.").format(answer=_(ANSWERS[made.answer])) if made.answer else ""
    return f"{said} {made.text}".strip()
