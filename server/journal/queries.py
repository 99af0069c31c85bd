"""The journal as auditors read it."""

import json
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from server.journal.names import title_of
from server.journal.personal import reveal
from server.journal.tables import JournalRow
from server.schemas.journal import JournalOut, JournalPage


def head_seq(session: Session) -> int:
    """The seq of the newest deed; 0 when there is none."""
    return session.exec(select(func.max(JournalRow.seq))).one() or 0


def page(session: Session, lang: str, *, about: str | None, after: int | None, limit: int, now: int) -> JournalPage:
    """Newest first; with `after`, the rows after that seq, oldest first, for those who follow along."""
    asked = select(JournalRow)
    counted = select(func.count()).select_from(JournalRow)
    if about:
        asked, counted = asked.where(JournalRow.about == about), counted.where(JournalRow.about == about)
    if after is None:
        asked = asked.order_by(col(JournalRow.seq).desc())
    else:
        asked = asked.where(col(JournalRow.seq) > after).order_by(col(JournalRow.seq))
    rows = session.exec(asked.limit(limit)).all()
    total = session.exec(counted).one()
    return JournalPage(total=total, offset=0, at=now, rows=[_out(session, row, lang) for row in rows])


def _out(session: Session, row: JournalRow, lang: str) -> JournalOut:
    return JournalOut(
        seq=row.seq,
        at=row.at,
        actor=row.actor,
        via=row.via,
        about=row.about,
        deed=row.deed,
        title=title_of(row.deed, lang),
        before=_value(session, row.before),
        after=_value(session, row.after),
        reason=row.reason,
        hash=row.hash,
    )


def _value(session: Session, text: str | None) -> Any:
    return None if text is None else reveal(session, json.loads(text))
