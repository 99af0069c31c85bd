"""However many shards health has, and whoever judges them in which order: the same conditions, tickets and roll-ups."""

import random
import shutil
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from server.clock import SetClock
from server.health.cursors import slowest
from server.health.follower import Follower
from server.health.shards import Layout, laid_out, layout_of, shard_of
from server.health.tables import VoiceRow
from server.ingest.tables import AgentSeen, AheadRow
from server.inventory.tables import Agent, Branch, Line, Moving, Observer, Position, Setting, Subject, SubjectKind
from server.inventory.writing import Writer
from server.journal.deeds import Act, record
from server.journal.verify import check
from server.storage.database import Database
from server.tickets.tables import Ticket
from tests.server.health.test_replay import MINUTE, SECOND, START, outcome
from tests.tries import tries

SHARDS = 5
LINE, ATM, UPS, PRINTER = "line/main", "atm-1", "ups", "printer-1"
CODES = ("0001", "1001", "1002", "1003")
POLLS = {
    "centre": [f"{code}/{key}" for code in CODES[1:] for key in (LINE, ATM)],
    "pc": [f"1001/{UPS}", f"1001/{PRINTER}", f"1002/{UPS}"],
    "other-pc": [f"1002/{PRINTER}", f"1001/{ATM}", f"1003/{UPS}", f"1003/{PRINTER}"],
}
HOMES = {"centre": "0001", "pc": "1001", "other-pc": "1002"}
SAYINGS = [
    (LINE, "online", {}, None),
    (LINE, "offline", {}, "unreachable"),
    (ATM, "online", {"cassette.1": "ok"}, None),
    (ATM, "online", {"cassette.1": "empty"}, None),
    (ATM, "offline", {}, "unreachable"),
    (UPS, "online", {"power": "mains"}, None),
    (UPS, "online", {"power": "battery"}, None),
    (PRINTER, "online", {"paper": "ok"}, None),
    (PRINTER, "online", {"paper": "out"}, None),
    (PRINTER, "unknown", {}, "garbled"),
]
telling = st.tuples(
    st.integers(1, 90),  # seconds since the step before
    st.one_of(
        st.tuples(st.sampled_from(sorted(HOMES)), st.sampled_from(SAYINGS), st.integers(0, 3)),
        st.sampled_from([f"hold {agent}" for agent in HOMES] * 2 + ["goodbye pc", "goodbye centre", "nothing"]),
    ),
)
Stories = st.lists(telling, min_size=5, max_size=60)
quick = settings(
    phases=[Phase.explicit, Phase.generate],
    max_examples=tries(10),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class Bank:
    """A bank whose agents poll things of one another's branches, in a database with so many shards."""

    def __init__(self, database: Database, shards: int, now: SetClock, feed_of: Callable[..., Any]) -> None:
        self.database = database
        self.shards = shards
        self.ids: dict[str, int] = {}
        with database.write() as session:
            self._fill(session)
            laid_out(session, shards, now())
        self.feed = feed_of(database, self.ids)

    def _fill(self, session: Session) -> None:
        session.add(Setting(key="bank.zone", value="Asia/Shanghai"))
        for code in CODES:
            session.add(Branch(id=self._subject(session, SubjectKind.BRANCH, code, code), kind="branch"))
        for agent, home in HOMES.items():
            session.add(Agent(id=self._subject(session, SubjectKind.AGENT, agent, home)))
        for key in sorted({key for keys in POLLS.values() for key in keys}):
            code = key.partition("/")[0]
            kind = SubjectKind.LINE if key.endswith(LINE) else SubjectKind.POSITION
            own = self._subject(session, kind, key, code)
            made = Line(id=own, role="main", interval_us=MINUTE)
            session.add(made if kind is SubjectKind.LINE else Position(id=own, cls="x", driver="x", interval_us=MINUTE))
        session.flush()
        for agent, keys in POLLS.items():
            session.add_all([Observer(subject_id=self.ids[key], agent_id=self.ids[agent]) for key in keys])

    def _subject(self, session: Session, kind: SubjectKind, key: str, code: str) -> int:
        own = self.ids[key] = 1 + len(self.ids)
        session.add(Subject(id=own, kind=kind, key=key, name=key, branch_id=self.ids[code]))
        session.flush()
        return own

    def tell(self, story: list[Any], begins: int = 0) -> int:
        """Tell it from then on (s), and give when it ended."""
        at = begins
        for wait, what in story:
            at += wait
            if isinstance(what, tuple):
                agent, (device, word, parts, failure), which = what
                keys = [key for key in POLLS[agent] if key.endswith(device)] or POLLS[agent][:1]
                said = {"failure": failure} if failure else {"numbers": {"load": float(at)}}
                self.feed.state(agent, keys[which % len(keys)], at, word, parts=parts, **said)
            elif what.startswith("hold"):
                self.feed.hold(what.split()[1], POLLS[what.split()[1]], at)
            elif what.startswith("goodbye"):
                self.feed.event(what.split()[1], "goodbye", at)
        return at


class Servers:
    """Some servers that share the shards of one database, and hand them to one another."""

    def __init__(self, bank: Bank, now: SetClock, number: int, seed: int, batch: int) -> None:
        self.chance = random.Random(seed)
        self.bank = bank
        self.all = [Follower(bank.database, now, batch=batch) for _ in range(number)]
        for one in self.all:
            one._shares.led = frozenset()
        for shard in range(bank.shards):
            self.give(shard, self.chance.randrange(number))

    def give(self, shard: int, to: int) -> None:
        """Another may lead it from now on: by itself only, so it is let go of before."""
        for one in self.all:
            one._shares.led = (one._shares.led or frozenset()) - {shard}
        self.all[to]._shares.led = (self.all[to]._shares.led or frozenset()) | {shard}

    def step(self) -> int:
        """One of them, whichever it is; and sometimes a shard goes to another."""
        if self.chance.random() < 0.2:
            self.give(self.chance.randrange(self.bank.shards), self.chance.randrange(len(self.all)))
        return self.chance.choice(self.all).step()

    def run(self) -> None:
        """Until none has anything to do, in any of its shards: those that are not as far are looked at in turn."""
        for _ in range(5000):
            self.step()
            if self.chance.random() < 0.1 and not any(one.step() for _ in range(self.bank.shards) for one in self.all):
                return
        raise AssertionError("they never came to rest")


@pytest.fixture
def bank_of(tmp_path: Path, sqlite_template: Path, feed_of: Any) -> Iterator[Callable[[int, SetClock], Bank]]:
    numbers, made = count(), []

    def make(shards: int, now: SetClock) -> Bank:
        path = tmp_path / f"{next(numbers)}.db"
        shutil.copyfile(sqlite_template, path)
        bank = Bank(Database(f"sqlite:///{path}"), shards, now, feed_of)
        made.append(bank)
        return bank

    yield make
    for bank in made:
        bank.database.close()


def test_the_branches_of_this_bank_are_in_shards_of_their_own(bank_of: Any) -> None:
    """Else nothing below would show anything. SQL says the same as Python."""
    bank = bank_of(SHARDS, SetClock(START))
    shards = [shard_of(bank.ids[code], SHARDS) for code in CODES]
    assert len(set(shards)) == len(CODES)
    with bank.database.read() as session:
        asked = select(Subject.id, shard_of(Subject.branch_id, SHARDS)).where(Subject.kind == SubjectKind.BRANCH)
        assert sorted(session.exec(asked).all()) == [
            (bank.ids[code], shard) for code, shard in zip(CODES, shards, strict=True)
        ]
        reach = layout_of(session, SHARDS, Layout()).reach
    assert reach[bank.ids["centre"]] == frozenset(shards[1:])


def assert_same(shared: Bank, alone: Bank) -> None:
    for found, wanted in zip(outcome(shared.database), outcome(alone.database), strict=True):
        assert found == wanted


@pytest.fixture
def no_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    """While nobody leads a shard for over a minute, nobody there is called silent. Here that is not the point."""
    monkeypatch.setattr("server.health.follower.ABSENCE", 24 * 3600 * SECOND)


@quick
@given(story=Stories, servers=st.integers(1, 4), batch=st.integers(1, 9), seed=st.integers(0, 1000))
@example(
    story=[
        *((50, "hold other-pc"), (85, "hold other-pc"), (85, "hold other-pc")),
        *((1, ("other-pc", (LINE, "online", {}, None), 0)), (1, ("other-pc", (LINE, "online", {}, None), 0))),
    ],
    servers=3,
    batch=1,
    seed=35,
)
def test_any_sharing_gives_what_one_alone_finds(
    bank_of: Any, story: list[Any], servers: int, batch: int, seed: int
) -> None:
    now = SetClock(START + 2 * 3600 * SECOND)
    alone, shared = bank_of(1, now), bank_of(SHARDS, now)
    for bank in (alone, shared):
        bank.tell(story)
        bank.feed.write()
    Servers(alone, now, 1, 0, 1000).run()
    Servers(shared, now, servers, seed, batch).run()
    assert_same(shared, alone)


@quick
@given(story=Stories, servers=st.integers(2, 4), seed=st.integers(0, 1000))
def test_judged_live_by_servers_that_lag_it_is_the_same(
    bank_of: Any, no_absence: None, story: list[Any], servers: int, seed: int
) -> None:
    """One lags for minutes while another has judged what came after."""
    now = SetClock(START)
    alone, shared = bank_of(1, now), bank_of(SHARDS, now)
    for bank in (alone, shared):
        bank.tell(story)
    one, many = Servers(alone, now, 1, 0, 1000), Servers(shared, now, servers, seed, 7)
    for number, row in enumerate(alone.feed.rows):
        now.at = max(now.at, row["arrived"])
        for bank in (alone, shared):
            bank.feed.write(only=slice(number, number + 1))
        one.run()
        many.step()
    now.forward(7200)
    one.run()
    many.run()
    assert_same(shared, alone)


def test_two_servers_at_work_at_once_write_what_one_alone_would(
    bank_of: Any, no_absence: None, two: list[Database], feed_of: Any
) -> None:
    """Real threads with real locks on PostgreSQL: the journal holds together, and no ticket's number is given twice."""
    chance = random.Random(7)
    story = [(chance.randint(1, 40), _anything(chance)) for _ in range(400)]
    now = SetClock(START)
    alone, shared = bank_of(1, now), Bank(two[0], SHARDS, now, feed_of)
    for bank in (alone, shared):
        bank.tell(story)
    rows = len(alone.feed.rows)
    both = [Follower(database, now, batch=5) for database in two]

    def write(first: int, end: int) -> None:
        for start in range(first, end, 20):
            part = slice(start, min(start + 20, end))
            shared.feed.write(only=part)
            now.at = shared.feed.rows[part][-1]["arrived"]
        _until(lambda: _read(shared) == end)

    try:
        for one in both:
            one.start()
        _until(lambda: sorted(one.shards_led for one in both) == [2, 3])
        write(0, rows // 2)
        assert all(one.shards_led for one in both)
        both[0].stop()  # the other goes on with all of them
        write(rows // 2, rows)
        _until(lambda: both[1].shards_led == SHARDS)
        assert [one.defects for one in both] == [0, 0]
    finally:
        for one in both:
            one.stop()
    now.forward(12 * 3600)
    alone.feed.write()
    for bank in (alone, shared):
        Servers(bank, now, 1, 0, 1000).run()
    assert_same(shared, alone)
    with shared.database.read() as session:
        assert check(session).ok
        numbers = sorted(session.exec(select(Ticket.number)))
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 5


@pytest.fixture
def two(cluster: Any) -> Iterator[list[Database]]:
    """One database of PostgreSQL, as two servers have it."""
    name, url = cluster.create()
    both = [Database(url), Database(url)]
    yield both
    for one in both:
        one.close()
    cluster.drop(name)


def _anything(chance: random.Random) -> Any:
    if chance.random() < 0.4:
        return f"hold {chance.choice(sorted(HOMES))}"
    return chance.choice(sorted(HOMES)), chance.choice(SAYINGS), chance.randrange(4)


def _read(bank: Bank) -> int:
    with bank.database.read() as session:
        found = slowest(session)
        return found.live if found else 0


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, "it never came true"


@pytest.mark.parametrize("seed", range(4))
def test_what_comes_to_a_branch_of_another_shard_is_judged_once_each_record(
    bank_of: Any, no_absence: None, seed: int
) -> None:
    """A printer and the agent that polls it move while the shard they leave has not read what the other has."""
    now = SetClock(START + 1800 * SECOND)
    alone, shared = bank_of(1, now), bank_of(SHARDS, now)
    moved = f"1001/{PRINTER}"

    def tell(bank: Bank, begins: int) -> None:
        for minute in range(30):
            at = begins + minute * 60
            word = "out" if minute % 10 > 6 else "ok"
            bank.feed.state("pc", moved, at, parts={"paper": word}, numbers={"load": float(minute)})
            bank.feed.hold("pc", POLLS["pc"], at + 30)
            bank.feed.hold("centre", POLLS["centre"], at + 31)
        bank.feed.write()

    one, many = Servers(alone, now, 1, 0, 1000), Servers(shared, now, 3, seed, 7)
    for bank in (alone, shared):
        tell(bank, 0)
    one.run()
    for _ in range(many.chance.randrange(25)):
        many.step()
    for bank in (alone, shared):
        with bank.database.write() as session:
            for key in (moved, "pc"):
                Writer(session, now())._move(session.get_one(Subject, bank.ids[key]), bank.ids["1003"])
            record(session, Act("cli", "inventory", now()), deed="inventory.apply", about="inventory")
        tell(bank, 1800)
    now.forward(4 * 3600)
    one.run()
    many.run()
    with shared.database.read() as session:
        assert session.exec(select(Moving)).all() == []
        assert session.exec(select(VoiceRow).where(VoiceRow.agent_id == shared.ids["pc"])).all()
    assert_same(shared, alone)


@pytest.mark.parametrize("seed", range(4))
def test_an_agent_behind_is_so_until_every_shard_has_judged_what_waited(
    bank_of: Any, no_absence: None, seed: int
) -> None:
    """What it polls is of two branches; of one it told ahead, and while it does it is not silent for any."""
    now = SetClock(START)
    alone, shared = bank_of(1, now), bank_of(SHARDS, now)
    one, many = Servers(alone, now, 1, 0, 1000), Servers(shared, now, 3, seed, 7)
    for bank in (alone, shared):
        for key in POLLS["pc"]:
            bank.feed.state("pc", key, 0)
        bank.feed.write()
    one.run()
    many.run()
    now.forward(3600)
    one.run()
    many.run()
    for bank in (alone, shared):
        for minute in range(1, 58):
            bank.feed.hold("pc", POLLS["pc"], minute * 60, late=3600 - minute * 60)
            bank.feed.rows[-1]["history"] = True
        pc, foreign = bank.ids["pc"], bank.ids[f"1002/{UPS}"]
        ahead = msgspec.msgpack.encode(bank.feed.record("pc", f"1002/{UPS}", 3590))
        with bank.database.write() as session:
            session.add(AgentSeen(agent_id=pc, at=now(), behind=True))
            row = AheadRow(
                subject_id=foreign, agent_id=pc, at=START, held_to=now(), confidence=0, fresh=True, body=ahead
            )
            session.add(row)
        bank.feed.write()
    now.forward(11)
    one.run()
    many.run()
    now.forward(11)
    one.run()
    many.run()
    assert_same(shared, alone)
    with shared.database.read() as session:
        assert not session.get_one(AgentSeen, pc).behind
        assert session.exec(select(AheadRow)).all() == []


@pytest.mark.parametrize("seed", range(2))
def test_what_was_judged_as_one_goes_on_in_shards(bank_of: Any, no_absence: None, seed: int) -> None:
    """As when a server of this version first comes to a database of the one before."""
    chance = random.Random(seed)
    story = [(chance.randint(1, 40), _anything(chance)) for _ in range(60)]
    now = SetClock(START)
    alone, shared = bank_of(1, now), bank_of(1, now)
    one = Servers(alone, now, 1, 0, 1000)
    for bank in (alone, shared):
        now.at = START + bank.tell(story[:30]) * SECOND
        bank.feed.write()
    one.run()
    Servers(shared, now, 1, 0, 1000).run()
    with shared.database.write() as session:
        session.delete(session.get_one(Setting, "health.shards"))
        session.flush()
        laid_out(session, SHARDS, now())
    shared.shards = SHARDS
    begins = (now() - START) // SECOND
    for bank in (alone, shared):
        bank.tell(story[30:], begins)
        bank.feed.write()
    now.forward(4 * 3600)
    one.run()
    Servers(shared, now, 3, seed, 7).run()
    assert_same(shared, alone)
