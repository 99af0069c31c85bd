"""Whatever happens to orders in whatever order: each ends once, is what its agent said first, and none is forgotten."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from agent.wire import Clock, Result, Why
from server.accounts.tokens import hash_token
from server.agents.tables import AgentToken
from server.clock import SetClock
from server.errors import Conflict
from server.inventory.tables import Agent, Branch, Subject, SubjectKind
from server.journal.deeds import Act
from server.journal.tables import JournalRow
from server.orders.deeds import cancel, make
from server.orders.ending import answer, lapse, overdue, tally
from server.orders.looking import Asked, Look
from server.orders.reasons import ENDS
from server.orders.tables import OPEN, AgentOrder, Push
from server.queries import Everything
from server.schemas.orders import OrderState, PushCreate
from server.schemas.people import Role
from server.storage.database import Database
from server.storage.types import FOREVER
from tests.conftest import NOON
from tests.tries import tries

AGENTS = (2, 3)
STEPS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(AGENTS), st.booleans()),  # and whether its agent keeps what it is told
    st.tuples(st.just("answer"), st.sampled_from(AGENTS), st.sampled_from(["", *Why])),
    st.tuples(st.just("meddle"), st.sampled_from(AGENTS), st.just("")),  # it answers another's order
    st.tuples(st.just("wait"), st.sampled_from([1, 60, 120, 600]), st.just("")),
    st.tuples(st.just("cancel"), st.just(0), st.just("")),
    st.tuples(st.just("restart"), st.just(0), st.just("")),  # of the server
    st.tuples(st.just("damage"), st.sampled_from(AGENTS), st.just("")),
)


class Head(Everything):
    role = Role.HEAD


class Life:
    """A push about two agents, and a model of what is known of each of its orders."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = SetClock(NOON)
        self._furnish()
        with database.write() as session:
            self.push = make(session, self._act(), Head(), PushCreate(what="facts", seconds=120)).uid
            rows = session.exec(select(AgentOrder.agent_id, AgentOrder.uid))
            self.uids = dict(rows.all())
        self.look = Look(database, self.now)
        self.have: dict[int, set[str]] = {agent: set() for agent in AGENTS}
        self.told: dict[int, int] = dict.fromkeys(AGENTS, 0)
        self.stream: dict[int, int] = dict.fromkeys(AGENTS, 1)
        self.told_in: dict[int, set[int]] = {agent: set() for agent in AGENTS}
        self.said: dict[int, str] = {}  # the first thing each agent said of its order

    def _furnish(self) -> None:
        with self.database.write() as session:
            session.add(Subject(id=1, kind=SubjectKind.BRANCH, key="0001", name="", branch_id=1))
            session.flush()
            session.add(Branch(id=1, kind="head-office"))
            for agent in AGENTS:
                session.add(Subject(id=agent, kind=SubjectKind.AGENT, key=f"a-{agent}", name="", branch_id=1))
                session.flush()
                session.add(Agent(id=agent))
                session.flush()
                session.add(AgentToken(token_hash=hash_token(str(agent)), agent_id=agent, expires_at=FOREVER))

    def _act(self) -> Act:
        return Act("head", "cli", self.now())

    def ask(self, agent: int, keeps: Any) -> None:
        digest = hash_token(str(agent))
        streams = {digest: f"stream-{self.stream[agent]}"}
        found = self.look.once(Asked({digest: frozenset(self.have[agent])}, {}, set(), streams))
        told = {order.uid for order in found.orders[agent]}
        assert told <= {self.uids[agent]} - self.have[agent]
        assert all(order.seconds > 0 for order in found.orders[agent])
        self.told[agent] += len(told)
        if told:
            self.told_in[agent].add(self.stream[agent])
        assert len(self.told_in[agent]) <= 1  # who may have begun it is not told it once more
        if keeps:
            self.have[agent] |= told

    def damage(self, agent: int, _: Any) -> None:
        """Its spool is gone, and with it what it had."""
        self.stream[agent] += 1
        self.have[agent].clear()

    def answer(self, agent: int, why: Any) -> None:
        if self.told[agent]:
            self._say(agent, self.uids[agent], why)
            self.said.setdefault(agent, str(why))

    def meddle(self, agent: int, _: Any) -> None:
        other = next(one for one in AGENTS if one != agent)
        self._say(agent, self.uids[other], "")

    def _say(self, agent: int, uid: str, why: str) -> None:
        clock = Clock(wall=self.now(), boot=1, boot_id="b")
        with self.database.write() as session:
            answer(
                session, self.now(), [(agent, self.now(), Result(seq=1, clock=clock, order=uid, done=not why, why=why))]
            )

    def wait(self, seconds: int, _: Any) -> None:
        self.now.forward(seconds)
        with self.database.write() as session:
            lapse(session, self.now(), overdue(session, self.now()))

    def cancel(self, *_: Any) -> None:
        try:
            with self.database.write() as session:
                cancel(session, self._act(), Head(), self.push)
        except Conflict:
            self.check()

    def restart(self, *_: Any) -> None:
        self.look = Look(self.database, self.now)

    def check(self) -> None:
        with self.database.read() as session:
            push = session.exec(select(Push)).one()
            orders = {order.agent_id: order for order in session.exec(select(AgentOrder))}
            counts = tally(session, [push.id or 0])[push.id or 0]
            deeds = list(session.exec(select(JournalRow.deed).order_by(col(JournalRow.seq))))
        assert sum(counts["states"].values()) == push.total == len(AGENTS)
        is_open = any(order.state in OPEN for order in orders.values())
        assert (push.ended_at is None) is is_open
        assert deeds.count("push.end") == (not is_open)
        assert push.ended_at is None or push.counts == counts
        for agent, order in orders.items():
            if agent in self.said:
                why = self.said[agent]
                state = ENDS.get(Why(why), OrderState.FAILED) if why else OrderState.DONE
                assert (order.state, order.why, order.answered) == (state, why, True)
            else:
                assert order.state is not OrderState.DONE
                assert not order.answered
            assert (order.handed_at is not None) is (self.told[agent] > 0)


@settings(max_examples=tries(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=14))
def test_every_order_ends_once_and_as_its_agent_said_first(sqlite_template: Path, steps: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "branchfleet.db"
        shutil.copyfile(sqlite_template, file)
        database = Database(f"sqlite:///{file}")
        try:
            life = Life(database)
            for step, who, said in [*steps, ("wait", 10_000, "")]:
                getattr(life, step)(who, said)
                life.check()
            with database.read() as session:
                assert session.exec(select(Push.ended_at)).one() is not None
        finally:
            database.close()
