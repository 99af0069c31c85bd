"""The same records give the same conditions: live or replayed, and however the log is cut into steps."""

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from server.clock import SetClock
from server.health.follower import Follower
from server.health.hours import hours_of, metrics_of
from server.health.state import Closed, Opened
from server.health.tables import Condition, HealthRow
from server.inventory.tables import Agent, Branch, Line, Observer, Position, Setting, Subject, SubjectKind
from server.schemas.standing import Standing
from server.storage.database import Database

SECOND = 1_000_000
START = 1_793_764_800 * SECOND
MINUTE = 60 * SECOND
LINE, ATM, UPS, PRINTER = "1001/line/main", "1001/atm-1", "1001/ups", "1001/printer-1"

# What is said, by whom: (agent, subject, device, parts, failure)
SAYINGS = [
    ("centre", LINE, "online", {}, None),
    ("centre", LINE, "offline", {}, "unreachable"),
    ("centre", ATM, "online", {"cassette.1": "ok"}, None),
    ("centre", ATM, "online", {"cassette.1": "empty"}, None),
    ("centre", ATM, "offline", {}, "unreachable"),
    ("pc", UPS, "online", {"power": "mains"}, None),
    ("pc", UPS, "online", {"power": "battery"}, None),
    ("pc", PRINTER, "online", {"paper": "ok"}, None),
    ("pc", PRINTER, "online", {"paper": "out"}, None),
    ("pc", PRINTER, "inUse", {}, "busy"),
    ("pc", PRINTER, "unknown", {}, "garbled"),
]
HOLDS = {"centre": [LINE, ATM], "pc": [UPS, PRINTER]}
step = st.tuples(
    st.integers(1, 90),  # seconds since the step before
    st.one_of(
        st.sampled_from(SAYINGS),
        st.sampled_from(["hold centre", "hold pc", "hold centre", "hold pc", "goodbye pc", "nothing", "nothing"]),
    ),
)


def open_bank(path: Path, template: Path) -> tuple[Database, dict[str, int]]:
    shutil.copyfile(template, path)
    database = Database(f"sqlite:///{path}")
    ids: dict[str, int] = {}
    with database.write() as session:

        def subject(kind: SubjectKind, key: str, branch: str) -> int:
            own = ids[key] = 1 + len(ids)
            session.add(Subject(id=own, kind=kind, key=key, name=key, branch_id=ids[branch]))
            session.flush()
            return own

        session.add(Setting(key="bank.zone", value="Asia/Shanghai"))
        for code in ("0001", "1001"):
            session.add(Branch(id=subject(SubjectKind.BRANCH, code, code), kind="branch"))
        session.add(Agent(id=subject(SubjectKind.AGENT, "centre", "0001")))
        session.add(Agent(id=subject(SubjectKind.AGENT, "pc", "1001")))
        session.add(Line(id=subject(SubjectKind.LINE, LINE, "1001"), role="main", interval_us=MINUTE))
        for key in (ATM, UPS, PRINTER):
            session.add(
                Position(id=subject(SubjectKind.POSITION, key, "1001"), cls="x", driver="x", interval_us=MINUTE)
            )
        session.flush()
        for agent, keys in HOLDS.items():
            for key in keys:
                session.add(Observer(subject_id=ids[key], agent_id=ids[agent]))
    return database, ids


def write_story(feed: Any, story: list[Any]) -> None:
    at = 0
    for wait, what in story:
        at += wait
        if isinstance(what, tuple):
            agent, key, device, parts, failure = what
            said = {"failure": failure} if failure else {}
            feed.state(agent, key, at, device, parts=parts, **said)
        elif what.startswith("hold"):
            agent = what.split()[1]
            feed.hold(agent, HOLDS[agent], at)
        elif what == "goodbye pc":
            feed.event("pc", "goodbye", at)


def outcome(database: Database) -> tuple[list[Any], list[Any], dict[int, Standing]]:
    with database.read() as session:
        conditions = sorted(
            (c.subject_id, c.rule, c.part, c.opened_at, c.closed_at or 0, c.word, c.cause, c.noticed_at)
            for c in session.exec(select(Condition))
        )
        sums = [
            (subject, metric, hour, total.n, round(total.weighted, 3))
            for subject in sorted(session.exec(select(HealthRow.subject_id)))
            for metric in metrics_of(session, subject)
            for hour, total in hours_of(session, subject, metric)
        ]
        return conditions, sums, {row.subject_id: row.standing for row in session.exec(select(HealthRow))}


def run(follower: Follower) -> None:
    while follower.step():
        pass


@pytest.fixture
def fresh(tmp_path: Path, sqlite_template: Path) -> Callable[[], tuple[Database, dict[str, int]]]:
    numbers = count()
    return lambda: open_bank(tmp_path / f"{next(numbers)}.db", sqlite_template)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(step, min_size=5, max_size=60), batch=st.integers(1, 9), restarts=st.booleans())
def test_any_batching_gives_the_same_conditions(
    fresh: Any, feed_of: Any, story: list[Any], batch: int, restarts: bool
) -> None:
    outcomes = []
    for size in (1000, batch):
        database, ids = fresh()
        feed = feed_of(database, ids)
        write_story(feed, story)
        feed.write()
        now = SetClock(START + 2 * 3600 * SECOND)
        follower = Follower(database, now, batch=size)
        while follower.step():
            if restarts:
                follower = Follower(database, now, batch=size)
        outcomes.append(outcome(database))
        database.close()
    assert outcomes[0] == outcomes[1]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(step, min_size=5, max_size=40))
def test_what_is_judged_live_is_what_a_replay_finds(fresh: Any, feed_of: Any, story: list[Any]) -> None:
    live, ids = fresh()
    feed = feed_of(live, ids)
    write_story(feed, story)
    now = SetClock(START)
    follower = Follower(live, now)
    for number, row in enumerate(feed.rows):
        while now() + 7 * SECOND < row["arrived"]:
            now.forward(7)
            run(follower)
        now.at = row["arrived"]
        feed.write(only=slice(number, number + 1))
        run(follower)
    now.forward(7200)
    run(follower)

    replayed, ids = fresh()
    again = feed_of(replayed, ids)
    write_story(again, story)
    again.write()
    run(Follower(replayed, SetClock(now())))
    assert outcome(live) == outcome(replayed)
    live.close()
    replayed.close()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    story=st.lists(
        st.tuples(
            st.integers(1, 200),
            st.sampled_from(["ok", "out", "jammed", "unknown", "", "inUse", "offline", "hold", "hold", "late ok"]),
        ),
        max_size=40,
    )
)
def test_conditions_open_and_close_by_turns_and_only_ok_closes(court_of: Any, story: list[Any]) -> None:
    court = court_of()
    at = 0
    good: list[int] = []
    for wait, what in story:
        at += wait
        if what == "hold":
            court.hold(at)
        elif what in ("inUse", "offline"):
            court.fail(at, what, "busy" if what == "inUse" else "unreachable")
        elif what == "late ok":
            court.tell(at - wait - 1, parts={"paper": "ok"}, late=wait + 2)
            good.append(court.at(at - wait - 1))
        else:
            court.tell(at, parts={"paper": what} if what else {})
            if what == "ok":
                good.append(court.at(at))
    is_open: dict[tuple[str, str], int] = {}
    last_closed: dict[tuple[str, str], int] = {}
    for change in court.changes:
        if isinstance(change, Opened):
            key = (change.rule.key, change.part)
            assert key not in is_open
            assert change.at >= last_closed.get(key, 0)
            is_open[key] = change.at
        elif isinstance(change, Closed):
            key = (change.rule, change.part)
            assert change.at >= is_open.pop(key)
            last_closed[key] = change.at
            if key == ("part.fault", "paper"):
                assert change.at in good
