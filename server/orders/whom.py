"""Who gets an order of a push: the agents, each with the positions it is to poll."""

from collections import defaultdict
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from agent.wire import OrderKind
from server.accounts.scope import Scoped, sees
from server.errors import NotFound
from server.facts.hosts import may_be_hosts, tell_facts
from server.inventory.tables import Line, Observer, Position, Subject, SubjectKind

PLACES = (SubjectKind.POSITION, SubjectKind.LINE)
# what a key means that a branch and an agent share
POLLED = (*PLACES, SubjectKind.BRANCH, SubjectKind.AGENT)
ASKED = (SubjectKind.AGENT, SubjectKind.BRANCH, *PLACES)


@dataclass(frozen=True)
class Aim:
    subject: Subject | None  # None: everything there is
    agents: dict[int, list[str]] = field(
        default_factory=dict
    )  # by id: the positions named to it, its own key for its PC; none for all

    @property
    def branch_id(self) -> int | None:
        return self.subject.branch_id if self.subject else None


def aim(session: Session, viewer: Scoped, what: str, about: str) -> Aim:
    """NotFound if there is no such thing, or not for this person. There may be no agent."""
    if not about:
        return Aim(None, _all(session, polling=what == OrderKind.POLL))
    subject = _subject(session, viewer, what, about)
    own = subject.id or 0
    if subject.kind is SubjectKind.AGENT:
        return Aim(subject, {own: []})
    if what == OrderKind.FACTS:
        return Aim(subject, _tellers(session, subject))
    if subject.kind is SubjectKind.BRANCH and what != OrderKind.POLL:
        standing = select(col(Subject.id)).where(col(Subject.branch_id) == own, *_there(Subject, SubjectKind.AGENT))
        return Aim(subject, {agent: [] for agent in session.execute(standing.order_by(col(Subject.id))).scalars()})
    wanted = col(Subject.branch_id) == own if subject.kind is SubjectKind.BRANCH else col(Subject.id) == own
    found = _observers(session, wanted)
    return Aim(subject, found if what == OrderKind.POLL else {agent: [] for agent in found})


def _subject(session: Session, viewer: Scoped, what: str, about: str) -> Subject:
    asked = select(Subject).where(col(Subject.key) == about, col(Subject.removed_at).is_(None))
    found: dict[SubjectKind, Subject] = {
        one.kind: one for one in session.execute(asked).scalars() if sees(viewer, one.branch_id)
    }
    for kind in POLLED if what == OrderKind.POLL else ASKED:
        if kind in found:
            return found[kind]
    raise NotFound("There is no branch, line, position or agent {key}.", key=about[:80])


def _all(session: Session, *, polling: bool) -> dict[int, list[str]]:
    """Every agent; for a poll every one that has something to poll."""
    asked = select(col(Subject.id)).where(*_there(Subject, SubjectKind.AGENT)).order_by(col(Subject.id))
    if polling:
        asked = asked.where(col(Subject.id).in_(select(col(Observer.agent_id))))
    return {agent: [] for agent in session.execute(asked).scalars()}


def _tellers(session: Session, subject: Subject) -> dict[int, list[str]]:
    """Of a branch: the agents that stand there, by their own keys, and the hosts among its positions with those that
    poll them. Of a position that is one or may be: who polls it. Of another: the PCs of those who poll it."""
    own = subject.id or 0
    if subject.kind is not SubjectKind.BRANCH:
        found = _observers(session, col(Subject.id) == own, may_be_hosts())
        return found or _by_own_key(session, col(Subject.id).in_(_observers(session, col(Subject.id) == own)))
    found = _by_own_key(session, col(Subject.branch_id) == own)
    for agent, positions in _observers(session, col(Subject.branch_id) == own, tell_facts()).items():
        found[agent] = [*found.get(agent, []), *positions]
    return found


def _by_own_key(session: Session, which: ColumnElement[bool]) -> dict[int, list[str]]:
    asked = select(col(Subject.id), col(Subject.key)).where(which, *_there(Subject, SubjectKind.AGENT))
    return {agent: [key] for agent, key in session.execute(asked.order_by(col(Subject.id)))}


def _observers(session: Session, *wanted: ColumnElement[bool]) -> dict[int, list[str]]:
    """The agents that poll any of the subjects, as their assignments say."""
    agent = aliased(Subject)
    asked = (
        select(col(Observer.agent_id), col(Subject.key))
        .join(Subject, col(Subject.id) == col(Observer.subject_id))
        .join(agent, col(agent.id) == col(Observer.agent_id))
        .outerjoin(Position, col(Position.id) == col(Subject.id))
        .outerjoin(Line, col(Line.id) == col(Subject.id))
        .where(*wanted, *_there(Subject, *PLACES), *_there(agent, SubjectKind.AGENT))
        .where(or_(col(Position.driver).is_not(None), col(Line.probe) != ""))
        .order_by(col(Observer.agent_id), col(Subject.key))
    )
    found: dict[int, list[str]] = defaultdict(list)
    for own, key in session.execute(asked):
        found[own].append(key)
    return dict(found)


def _there(subject: type[Subject], *kinds: SubjectKind) -> tuple[ColumnElement[bool], ...]:
    return col(subject.kind).in_(kinds), col(subject.removed_at).is_(None)
