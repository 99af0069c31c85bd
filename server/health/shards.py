"""Into which shards health is divided, so that several servers can share it, and what concerns which of them.

A subject is of the shard of its branch, and only who leads a shard writes what health knows of its subjects. A shard
reads every record of the agents that concern it: its own, and those that poll, or polled, anything of it. Of these it
hears the ones of other shards by itself, at its own place in the log (`VoiceRow`), and writes nothing else of them. So
no shard needs to know where another is, and together they find what one alone would.

A subject that comes to a branch of another shard is judged where it was (`Moving`) until both have read equally far.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, delete, func, or_, select, type_coerce, union
from sqlmodel import Session, col

from server.health.cursors import HEALTH, NAMES, cursors, named
from server.health.tables import Follower, HealthRow, VoiceRow
from server.ingest.tables import Latest
from server.inventory.tables import SHARDS, Moving, Observer, Setting, Subject
from server.journal.tables import JournalRow

MANY = 8  # of a database that none was said of: so many servers can share, and so many rows each step writes


def shard_of(branch: Any, shards: int) -> Any:
    """Of the id of a branch, or of a column of them: Fibonacci hashing, for ids come in regular steps."""
    return branch * 40503 % 65536 * shards // 65536


@dataclass(frozen=True)
class Layout:
    """What is where, as one moment of the database has it."""

    shards: int = 1
    deed: int = 0  # the last of the inventory
    moving: dict[int, int] = field(default_factory=dict)  # subject -> the branch it is judged with still
    waiting: frozenset[int] = frozenset()  # shards that something leaves or comes to: none reads further than another
    reach: dict[int, frozenset[int]] = field(default_factory=dict)  # agent -> shards but its own it concerns

    def same(self, session: Session) -> bool:
        """Whether nothing of it has changed."""
        return self.shards == 1 or (self.deed, self.moving) == _now(session)

    def branch_of(self, subject: Any = Subject) -> ColumnElement[int]:
        """The branch a subject is judged with, in SQL."""
        plain = type_coerce(col(subject.branch_id), BigInteger)
        return case(self.moving, value=col(subject.id), else_=plain) if self.moving else plain

    def of(self, branch: int) -> int:
        return int(shard_of(branch, self.shards))


@dataclass(frozen=True)
class Part:
    """The shards that are judged in one step, as one."""

    layout: Layout
    shards: frozenset[int]

    @property
    def whole(self) -> bool:
        """Whether it is all there is to judge."""
        return len(self.shards) == self.layout.shards

    def has(self, branch: int) -> bool:
        return self.layout.of(branch) in self.shards

    def mine(self, subject: Any = Subject) -> list[ColumnElement[bool]]:
        """What a statement with subjects asks for, so that it finds those of these shards."""
        shard = shard_of(self.layout.branch_of(subject), self.layout.shards)
        return [] if self.whole else [shard.in_(sorted(self.shards))]

    def foreign(self, subject: Any = Subject) -> ColumnElement[bool]:
        """The others. Not to be asked for the whole."""
        shard: ColumnElement[int] = shard_of(self.layout.branch_of(subject), self.layout.shards)
        return shard.not_in(sorted(self.shards))

    def heard(self, agent: Any) -> list[ColumnElement[bool]]:
        """What a statement with the subjects of agents asks for, to find those that concern these shards."""
        if self.whole:
            return []
        foreign = sorted(own for own, shards in self.layout.reach.items() if shards & self.shards)
        return [or_(*self.mine(agent), col(agent.id).in_(foreign))]

    def voices(self, agent: int) -> frozenset[int]:
        """The shards of these that hear an agent of another shard."""
        return self.layout.reach.get(agent, frozenset()) & self.shards


ALONE = Part(Layout(), frozenset({0}))


def laid_out(session: Session, shards: int, now: int) -> None:
    """Divide health from now on. All shards begin where the one was."""
    session.add(Setting(key=SHARDS, value=str(shards)))
    session.flush()  # of two servers the second fails here
    if shards == 1:
        return
    asked = select(Follower).where(col(Follower.name).in_(NAMES))
    known = {row.name: (row.cursor, row.at) for row in session.execute(asked).scalars()}
    session.execute(delete(Follower).where(col(Follower.name).in_(known)))
    for name, (cursor, at) in ({HEALTH: (0, now)} | known).items():
        session.add_all([Follower(name=named(name, shard, shards), cursor=cursor, at=at) for shard in range(shards)])
    for agent, reached in layout_of(session, shards, Layout()).reach.items():
        for shard in reached:
            stay_heard(session, agent, shard)


def stay_heard(session: Session, agent: int, shard: int) -> None:
    """A shard that an agent was judged in until now hears it from now on as one of another shard."""
    row = session.get(HealthRow, agent)
    if row is not None:
        session.merge(VoiceRow(agent_id=agent, shard=shard, due_at=row.due_at, state=row.state))


def layout_of(session: Session, shards: int, known: Layout) -> Layout:
    """As it is now; `known` is what it was."""
    if shards == 1:
        return known
    deed, moving = _now(session)
    if (shards, deed, moving) == (known.shards, known.deed, known.moving):
        return known
    found = Layout(shards, deed, moving)
    to = session.execute(select(col(Subject.branch_id)).where(col(Subject.id).in_(moving))).scalars() if moving else ()
    waiting = frozenset(found.of(branch) for branch in (*moving.values(), *to))
    return replace(found, waiting=waiting, reach=_reach(session, found))


def _now(session: Session) -> tuple[int, dict[int, int]]:
    deed = select(func.max(col(JournalRow.seq))).where(col(JournalRow.about) == "inventory")
    moving = select(col(Moving.subject_id), col(Moving.branch_id))
    return session.execute(deed).scalar() or 0, {own: branch for own, branch in session.execute(moving)}  # noqa: C416


def _reach(session: Session, layout: Layout) -> dict[int, frozenset[int]]:
    """By all that agents poll, and what they polled before and may have in their spools still."""
    polls = union(
        select(col(Observer.agent_id), col(Observer.subject_id)), select(col(Latest.agent_id), col(Latest.subject_id))
    ).subquery()
    homes = _shards(session, layout, select(col(Observer.agent_id)).union(select(col(Latest.agent_id))))
    shard = shard_of(layout.branch_of(), layout.shards)
    asked = select(polls.c.agent_id, shard).join(Subject, col(Subject.id) == polls.c.subject_id).distinct()
    found: dict[int, set[int]] = {}
    for agent, reached in session.execute(asked):
        if reached != homes[agent]:
            found.setdefault(agent, set()).add(reached)
    return {agent: frozenset(shards) for agent, shards in found.items()}


def _shards(session: Session, layout: Layout, subjects: Any) -> dict[int, int]:
    shard = shard_of(layout.branch_of(), layout.shards)
    asked = select(col(Subject.id), shard).where(col(Subject.id).in_(subjects))
    return {own: of for own, of in session.execute(asked)}  # noqa: C416


def heard_out(session: Session, layout: Layout, agents: set[int]) -> dict[int, int]:
    """Of agents, up to which number all shards they concern have read what waited."""
    read = cursors(session)
    homes = _shards(session, layout, agents) if layout.shards > 1 else dict.fromkeys(agents, 0)
    return {agent: min(read[shard].past for shard in (homes[agent], *layout.reach.get(agent, ()))) for agent in agents}
