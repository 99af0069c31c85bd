"""Keeping what could not be read. Never more than fits: who sends only rubbish pushes out its own, and nothing else."""

import hashlib
import re

from sqlmodel import Session, col, delete, func, select

from server.aside.tables import Aside

BODY = 64 << 10  # bytes kept of one
OF_AGENT = 20  # of one agent
OF_ALL = 1000  # of all together: 64 MB at the very most


def keep(session: Session, agent_id: int, at: int, why: str, media: str, encoding: str, body: bytes) -> bool:
    """Keep a batch, or count it once more; True if it is new. No deed of a person, so nothing for the journal."""
    digest = hashlib.sha256(body).hexdigest()
    known = session.exec(select(Aside).where(Aside.agent_id == agent_id, Aside.digest == digest)).first()
    if known is not None:
        known.times += 1
        known.last_at = at
        known.why = why[:400]
        session.flush()
        return False
    session.add(
        Aside(
            agent_id=agent_id,
            first_at=at,
            last_at=at,
            times=1,
            why=why[:400],
            media=_plain(media, 80),
            encoding=_plain(encoding, 40),
            size=len(body),
            digest=digest,
            body=body[:BODY],
        )
    )
    session.flush()
    _let_go(session, OF_AGENT, agent_id)
    _let_go(session, OF_ALL)
    return True


def _let_go(session: Session, most: int, agent_id: int | None = None) -> None:
    """Drop the oldest of one agent, or of all, down to `most`."""
    of = () if agent_id is None else (Aside.agent_id == agent_id,)
    extra = session.exec(select(func.count()).select_from(Aside).where(*of)).one() - most
    if extra > 0:
        oldest = session.exec(
            select(Aside.id).where(*of).order_by(col(Aside.last_at), col(Aside.id)).limit(extra)
        ).all()
        session.exec(delete(Aside).where(col(Aside.id).in_(oldest)))


def _plain(text: str, most: int) -> str:
    return re.sub(r"[^\x20-\x7e]", "?", text)[:most]
