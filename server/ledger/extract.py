"""What an export holds: the cards as they were at a journal seq, and what is said of them at the top."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select
from sqlmodel import Session, col, select

from server.accounts.scope import Scoped
from server.errors import NotFound
from server.inventory.tables import Subject
from server.journal.queries import head_seq
from server.journal.tables import JournalRow
from server.ledger.cells import clean, moment
from server.ledger.columns import WORDS, Column, Kind
from server.ledger.names import Names, names_at
from server.ledger.queries import Asked, AsOf, count, stream, versions, watched
from server.ledger.tables import CardVersion
from server.queries import bank_zone
from server.schemas.ledger import CardOut
from server.texts import Gettext


@dataclass(frozen=True)
class Extract:
    """What one export holds: everything it says but the format."""

    session: Session
    wanted: Select[*tuple[Any, ...]]
    asked: Asked
    names: Names
    scope: list[str] | None  # names of the branches in it; None for all
    seq: int
    at: int  # UTC µs of the deed `seq`
    rows: int
    watched: int  # machines of them at a position that was polled
    zone: ZoneInfo

    def cards(self) -> Iterator[CardOut]:
        return stream(self.session, self.wanted, self.names)


def extract(session: Session, viewer: Scoped, asked: Asked, seq: int | None = None) -> Extract:
    """The cards `viewer` may see, as the ledger was after deed `seq`; None is now."""
    head = head_seq(session)
    seq = head if seq is None else seq
    deed = session.get(JournalRow, seq)
    if deed is None and seq != 0:
        raise NotFound("The journal has no deed {seq}; the newest is {head}.", seq=seq, head=head)
    names = names_at(session, seq)
    wanted = versions(viewer, asked, AsOf(known=_known_at(session, seq)), names)
    return Extract(
        session=session,
        wanted=wanted,
        asked=asked,
        names=names,
        scope=_scope(session, viewer, names),
        seq=seq,
        at=deed.at if deed else 0,
        rows=count(session, wanted),
        watched=watched(session, wanted, seq),
        zone=bank_zone(session),
    )


def said(card: CardOut, column: Column, zone: ZoneInfo, translate: Gettext) -> str:
    """A cell as text."""
    value = getattr(card, column.key)
    if value is None or value == "":
        return ""
    if column.kind is Kind.WORD:
        word = WORDS[column.key].get(value, value)
        return translate(word) if word else ""
    if column.kind is Kind.TIME:
        return moment(value, zone).strftime("%Y-%m-%d")
    return str(value)


def heading(extract: Extract, translate: Gettext) -> tuple[str, str]:
    """The title of the printed ledger, and the line that says what it is an extract of."""
    title = translate("{bank} register of electronic equipment").format(bank=extract.names.bank)
    at = moment(extract.at, extract.zone).strftime("%Y-%m-%d %H:%M:%S")
    parts = [
        translate("As of {at}").format(at=at),
        translate("journal no. {seq}").format(seq=extract.seq),
        translate("{rows} machines").format(rows=extract.rows),
        translate("{watched} of them at polled positions").format(watched=extract.watched),
        translate("Scope: {scope}").format(scope=_scope_text(extract.scope, translate)),
        *_asked_text(extract.asked, extract.names, translate),
    ]
    return clean(title), clean("　".join(parts))


def _scope_text(scope: list[str] | None, translate: Gettext) -> str:
    if scope is None:
        return translate("all branches")
    if len(scope) > 3:
        return translate("{first} and {others} more").format(first="、".join(scope[:3]), others=len(scope) - 3)
    return "、".join(scope)


def _asked_text(asked: Asked, names: Names, translate: Gettext) -> Iterator[str]:
    if asked.branch:
        yield f"{translate('Branch')}: {asked.branch}"
    if asked.cls:
        yield f"{translate('Device class')}: {names.of_class(asked.cls)}"
    if asked.status:
        yield f"{translate('Status')}: {translate(WORDS['status'][asked.status])}"
    if asked.keeperless:
        yield translate("Without a keeper")
    if asked.q.strip():
        yield f"{translate('Search')}: {asked.q.strip()}"


def _known_at(session: Session, seq: int) -> int:
    """The time of knowing of the newest version the journal had told of by `seq`; times of knowing grow with it."""
    newest = select(CardVersion.known_from).where(CardVersion.journal_seq <= seq).order_by(col(CardVersion.id).desc())
    return session.exec(newest.limit(1)).first() or 0


def _scope(session: Session, viewer: Scoped, names: Names) -> list[str] | None:
    if viewer.branch_ids is None:
        return None
    rows = session.exec(select(Subject).where(col(Subject.id).in_(viewer.branch_ids)).order_by(col(Subject.id)))
    return [names.of_subject(row.id or 0, row.key, row.name)[1] for row in rows]
