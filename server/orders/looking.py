"""One look of the hub: what there is for the agents that wait, in as many questions for a thousand as for one."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from msgspec.structs import replace
from sqlalchemy import select
from sqlmodel import Session, col

from agent.wire import Order
from server.agents.tables import AgentToken
from server.inventory.tables import Subject
from server.orders.deeds import MANY, hand
from server.orders.ending import forget
from server.orders.tables import OPEN, AgentOrder, Push
from server.orders.window import SECOND, Times
from server.queries import bank_zone
from server.schemas.orders import OrderState
from server.storage.database import Database
from server.storage.types import Now

AT_ONCE = 20  # orders in one answer; the others come with the next
SWEEP_AGAIN = 5.0  # seconds until an agent that sweeps is looked at for its next one
NEVER = float("inf")


class Known(NamedTuple):
    """An agent that may ask."""

    id: int
    key: str


@dataclass(frozen=True)
class Asked:
    arrived: dict[str, frozenset[str]]  # who just came, by the hash of a token: the orders it has
    waiting: dict[int, tuple[str, frozenset[str]]]  # who is known and waits, by agent: the same two
    changed: set[str]  # pushes: uids
    streams: dict[str, str] = field(default_factory=dict)  # by the same hash: in which stream that agent's records are


@dataclass
class Found:
    known: dict[str, Known] = field(default_factory=dict)  # of those who just came, whose tokens are good
    orders: dict[int, list[Order]] = field(default_factory=lambda: defaultdict(list))  # by agent
    cancelled: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    strangers: set[int] = field(default_factory=set)  # of those who wait, agents whose token is none any more
    opens_in: float = NEVER  # seconds


@dataclass(frozen=True)
class _Running:
    what: str
    closes: int
    prefix: str
    rate: int


class Row(NamedTuple):
    id: int
    uid: str
    push: int
    agent: int
    state: OrderState
    positions: list[str]
    stream: str  # to which it was handed


class _Agents:
    """Who waits, and what each of them has."""

    def __init__(self, asked: Asked, known: dict[str, Known]) -> None:
        self.arrived = {agent.id for agent in known.values()}
        haves = {agent: have for agent, (_, have) in asked.waiting.items()}
        haves |= {agent.id: asked.arrived[digest] for digest, agent in known.items()}
        digests = {agent: digest for agent, (digest, _) in asked.waiting.items()}
        digests |= {agent.id: digest for digest, agent in known.items()}
        self.stream = {agent: asked.streams.get(digest, "") for agent, digest in digests.items()}
        self._waiting = haves.keys()
        self.have = {uid: agent for agent, have in haves.items() for uid in have}

    def lacking(self, rows: Iterable[Row]) -> Iterator[Row]:
        """What those who wait do not have yet, the oldest first and not too many at once."""
        many: Counter[int] = Counter()
        for row in rows:
            agent = row.agent
            if agent in self._waiting and self.have.get(row.uid) != agent and many[agent] < AT_ONCE:
                many[agent] += 1
                yield row

    def forgot(self, row: Row) -> bool:
        """It was handed to this agent before its spool was another, and is not in it: whether it was begun nobody
        knows. Agents that name no stream are told again."""
        return row.state is OrderState.HANDED and "" != row.stream != self.stream[row.agent] != ""


class Look:
    """Remembers which pushes were being handed out; `once` in one thread at a time."""

    def __init__(self, database: Database, now: Now) -> None:
        self._database = database
        self._now = now
        self._running: frozenset[int] = frozenset()

    def once(self, asked: Asked) -> Found:
        """Orders that are found are handed out: when this returns that is durable."""
        now = self._now()
        found = Found()
        with self._database.read() as session:
            found.known = _good(session, asked.arrived, now)
            agents = _Agents(asked, found.known)
            running, opens = _running(session, now)
            fresh = running.keys() - self._running
            lacking = agents.lacking(_orders(session, fresh, running.keys(), agents.arrived))
            rows, later = _one_sweep_each(session, list(lacking), running, now)
            for uid, agent in _cancelled(session, asked.changed, agents):
                found.cancelled[agent].append(uid)
            waited = ({row.agent for row in rows} | found.cancelled.keys()) - agents.arrived
            found.strangers = _strangers(session, {asked.waiting[agent][0]: agent for agent in waited}, now)
        rows = [row for row in rows if row.agent not in found.strangers]
        handed = self._hand(rows, agents, now)
        for row in rows:
            if row.id in handed:
                push = running[row.push]
                seconds = (push.closes - now) / SECOND
                order = Order(uid=row.uid, what=push.what, seconds=seconds, positions=row.positions)
                if push.prefix:
                    order = replace(order, prefix=push.prefix, rate=push.rate)
                found.orders[row.agent].append(order)
        self._running = frozenset(running) - later
        found.opens_in = NEVER if opens is None else max(0.0, (opens - now) / SECOND)
        if later:
            found.opens_in = min(found.opens_in, SWEEP_AGAIN)
        return found

    def _hand(self, rows: list[Row], agents: _Agents, now: int) -> set[int]:
        """Those that are to be told: handed now, or before and not known to have come."""
        forgotten = [row for row in rows if agents.forgot(row)]
        waiting = [row for row in rows if row.state is OrderState.WAITING]
        told = {row.id for row in rows} - {row.id for row in (*forgotten, *waiting)}
        if not forgotten and not waiting:
            return told
        with self._database.write() as session:
            if forgotten:
                forget(session, {row.id for row in forgotten}, {row.push for row in forgotten}, now)
            if waiting:
                streams = {row.id: agents.stream[row.agent] for row in waiting}
                told |= hand(session, streams, {row.push for row in waiting}, now)
        return told


def _running(session: Session, now: int) -> tuple[dict[int, _Running], int | None]:
    """Pushes whose orders may be handed out now, and when that changes next for one that is to come."""
    asked: Any = select(
        *map(col, (Push.id, Push.what, Push.prefix, Push.rate)),
        *map(col, (Push.starts, Push.expires, Push.window, Push.takes)),
    )
    pushes = session.execute(asked.where(col(Push.ended_at).is_(None))).all()
    if not pushes:
        return {}, None
    zone = bank_zone(session)
    running: dict[int, _Running] = {}
    opens: list[int] = []
    for own, what, prefix, rate, starts, expires, window, takes in pushes:
        opening = Times(starts, expires, window, takes).opening(zone, now)
        if opening is None:
            continue
        begins, closes = opening
        if begins > now:
            opens.append(begins)
            continue
        running[own] = _Running(what, closes, prefix, rate)
        if closes < expires:  # it opens again another day, and is then to be found as one that just began
            opens.append(closes)
    return running, min(opens, default=None)


def _orders(
    session: Session, fresh: Collection[int], running: Collection[int], arrived: Collection[int]
) -> Iterable[Row]:
    """Of pushes that just began every order; of the others those of agents that just came. By age."""
    asked: Any = select(
        *(col(AgentOrder.id), col(AgentOrder.uid), col(AgentOrder.push_id), col(AgentOrder.agent_id)),
        *(col(AgentOrder.state), col(AgentOrder.positions), col(AgentOrder.stream)),
    ).where(col(AgentOrder.state).in_(OPEN))
    found: dict[int, Row] = {}
    if fresh:
        found |= {row[0]: Row(*row) for row in session.execute(asked.where(col(AgentOrder.push_id).in_(fresh)))}
    if known := set(running) - set(fresh):
        asked = asked.where(col(AgentOrder.push_id).in_(known))
        for part in _parts(arrived):
            found |= {row[0]: Row(*row) for row in session.execute(asked.where(col(AgentOrder.agent_id).in_(part)))}
    return [found[own] for own in sorted(found)]


def _one_sweep_each(
    session: Session, rows: list[Row], running: dict[int, _Running], now: int
) -> tuple[list[Row], set[int]]:
    """Without the sweeps whose agent sweeps another network, or may still, and the pushes of those: each agent gets
    one at a time, in the order they were approved."""
    sweeps = [row for row in rows if running[row.push].prefix and row.state is OrderState.WAITING]
    if not sweeps:
        return rows, set()
    asked = select(col(AgentOrder.agent_id)).join(Push, col(Push.id) == col(AgentOrder.push_id))
    cancelled = (col(AgentOrder.state) == OrderState.CANCELLED) & (col(AgentOrder.handed_at) + col(Push.takes) > now)
    may_sweep = (col(AgentOrder.state) == OrderState.HANDED) | cancelled
    busy = set()
    for part in _parts({row.agent for row in sweeps}):
        handed = col(AgentOrder.agent_id).in_(part), col(AgentOrder.handed_at).is_not(None)
        unheard = col(Push.prefix) != "", may_sweep, col(AgentOrder.answered).is_(False)
        busy |= set(session.execute(asked.where(*handed, *unheard)).scalars())
    later = set()
    for row in sweeps:
        if row.agent in busy:
            later.add(row.id)
        busy.add(row.agent)
    return [row for row in rows if row.id not in later], {row.push for row in sweeps if row.id in later}


def _cancelled(session: Session, changed: Collection[str], agents: _Agents) -> Iterator[tuple[str, int]]:
    """Of the orders that agents have, those they are not to begin: where a push changed, or the agent just came."""
    of_changed = select(col(Push.id)).where(col(Push.uid).in_(changed), col(Push.cancelled_at).is_not(None))
    all_of_them = bool(changed) and session.execute(of_changed.limit(1)).first() is not None
    wanted = [uid for uid, agent in agents.have.items() if all_of_them or agent in agents.arrived]
    is_cancelled = col(AgentOrder.state) == OrderState.CANCELLED
    cancelled = select(col(AgentOrder.uid), col(AgentOrder.agent_id)).where(is_cancelled)
    for part in _parts(wanted):
        for uid, agent in session.execute(cancelled.where(col(AgentOrder.uid).in_(part))):
            if agents.have[uid] == agent:
                yield uid, agent


def _good(session: Session, digests: Collection[str], now: int) -> dict[str, Known]:
    """The agents of tokens that are good."""
    asked = (
        select(col(AgentToken.token_hash), col(AgentToken.agent_id), col(Subject.key))
        .join(Subject, col(Subject.id) == col(AgentToken.agent_id))
        .where(col(AgentToken.expires_at) > now, col(Subject.removed_at).is_(None))
    )
    parts = (session.execute(asked.where(col(AgentToken.token_hash).in_(part))) for part in _parts(digests))
    return {digest: Known(own, key) for rows in parts for digest, own, key in rows}


def _strangers(session: Session, digests: dict[str, int], now: int) -> set[int]:
    """Of agents that waited and are to be told something, those whose token was taken away meanwhile."""
    good = _good(session, digests, now)
    return {agent for digest, agent in digests.items() if digest not in good}


def _parts(items: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(items)
    return iter(lambda: list(islice(left, MANY)), [])
