"""What an agent is to poll, from the rows of the inventory, with secrets filled in."""

import hashlib
import logging
import threading

import msgspec
from sqlalchemy import or_
from sqlmodel import Session, col, func, select

from agent.wire import Assignment, Polled
from server.agents.lore import lore_of
from server.inventory.tables import Line, Observer, Position, Subject
from server.journal.tables import JournalRow
from server.secrets.queries import opened
from server.secrets.sealing import fill_in, names_in
from server.storage.database import Database
from server.storage.types import Now

LINE_DRIVER = "reach"
CHANGING = ("inventory.", "secret.")  # deeds that may change what an agent polls, or carries for its people
KEPT = 2_000_000  # µs until the journal is looked at again

_log = logging.getLogger(__name__)


def assignment_of(
    session: Session, key: bytes | None, agent_id: int, agent_key: str, *, log: bool = True
) -> Assignment:
    """Positions and lines by key. One that asks for a secret there is not is left out, and `log` says so."""
    wanted = [*_positions(session, agent_id), *_lines(session, agent_id)]
    names = {name for polled in wanted for name in names_in(polled.options)}
    known = opened(session, key, names) if key and names else {}
    polled: list[Polled] = []
    for one in sorted(wanted, key=lambda polled: polled.position):
        try:
            secret = sorted(key for key, value in one.options.items() if names_in(value))
            polled.append(msgspec.structs.replace(one, options=fill_in(one.options, known), secret=secret))
        except KeyError as missing:
            if log:
                _log.warning("%s is not polled: there is no secret %s.", one.position, missing)
    lore = lore_of(session, agent_id)
    digest = hashlib.sha256(msgspec.msgpack.encode([polled, lore], order="deterministic")).hexdigest()[:32]
    return Assignment(agent=agent_key, revision=digest, polled=polled, lore=lore)


def _positions(session: Session, agent_id: int) -> list[Polled]:
    rows = session.exec(
        select(Subject, Position)
        .join(Position, col(Position.id) == col(Subject.id))
        .join(Observer, col(Observer.subject_id) == col(Subject.id))
        .where(Observer.agent_id == agent_id, col(Subject.removed_at).is_(None), col(Position.driver).is_not(None))
    ).all()
    return [
        Polled(
            position=subject.key,
            name=subject.name,
            driver=position.driver or "",
            address=position.address,
            options=position.options,
            interval=position.interval_us / 1_000_000,
        )
        for subject, position in rows
    ]


def _lines(session: Session, agent_id: int) -> list[Polled]:
    rows = session.exec(
        select(Subject, Line)
        .join(Line, col(Line.id) == col(Subject.id))
        .join(Observer, col(Observer.subject_id) == col(Subject.id))
        .where(Observer.agent_id == agent_id, col(Subject.removed_at).is_(None), Line.probe != "")
    ).all()
    return [
        Polled(
            position=subject.key,
            name=subject.name,
            driver=LINE_DRIVER,
            address=line.probe,
            options=line.options,
            interval=line.interval_us / 1_000_000,
        )
        for subject, line in rows
    ]


class Revisions:
    """The revision every ack carries, computed anew after a deed of CHANGING: nothing else changes an assignment."""

    def __init__(self, database: Database, key: bytes | None, now: Now) -> None:
        self._database = database
        self._key = key
        self._now = now
        self._guard = threading.Lock()
        self._looked_at = 0
        self._journal = 0  # the last deed looked at,
        self._deed = 0  # and the last that may have changed an assignment
        self._kept: dict[int, tuple[int, str]] = {}  # by agent: that deed, and the revision after it

    def kept(self, agent_id: int) -> str | None:
        """What still holds, as far as somebody looked within KEPT µs; who finds nobody did is to look for all."""
        now = self._now()
        with self._guard:
            if not self._looked_at <= now < self._looked_at + KEPT:
                self._looked_at = now
                return None
            deed, revision = self._kept.get(agent_id, (-1, ""))
            return revision if deed == self._deed else None

    def compute(self, agent_id: int, agent_key: str) -> str:
        with self._database.read() as session:
            deed = self._last_deed(session)
            with self._guard:
                known, revision = self._kept.get(agent_id, (-1, ""))
            if known != deed:
                revision = assignment_of(session, self._key, agent_id, agent_key, log=False).revision
        with self._guard:
            self._kept[agent_id] = (deed, revision)
        return revision

    def _last_deed(self, session: Session) -> int:
        """As this session sees it. That somebody signs in is a deed too; in a province somebody always does."""
        now = self._now()
        with self._guard:
            since, deed = self._journal, self._deed
        newest = func.max(JournalRow.seq)
        changing = newest.filter(or_(*(col(JournalRow.deed).startswith(kind) for kind in CHANGING)))
        asked = select(newest, changing).where(col(JournalRow.seq) > since)
        [(seq, later)] = session.exec(asked)
        deed = later or deed
        with self._guard:
            self._looked_at = max(self._looked_at, now)
            self._journal, self._deed = max(self._journal, seq or 0), max(self._deed, deed)
        return deed
