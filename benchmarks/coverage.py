"""How quick coverage is counted from the rows: `python -m benchmarks.coverage [--branches N] [--days N] [--states N]`.

Every branch has an agent and 40 positions; `--states` is how many stretches a position has a day. Nothing is cached.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session

from server.coverage.queries import report
from server.ingest.tables import Attested, RecordRow, Stream
from server.inventory.duties import note_duties
from server.inventory.tables import Agent, Branch, Observer, Position, Subject, SubjectKind
from server.migrations import upgrade
from server.queries import Everything
from server.storage.database import Database

DAY = 86_400_000_000
START = 1_793_721_600_000_000  # midnight in the bank's zone
INTERVAL = 300_000_000
A_BRANCH = 40


def furnish(session: Session, branches: int) -> list[tuple[int, int]]:
    """Branches with an agent and positions each; gives (position, agent)."""
    found = []
    own = 0
    for code in range(branches):
        home, agent = own + 1, own + 2
        session.add(Subject(id=home, kind=SubjectKind.BRANCH, key=f"{1000 + code}", name="x", branch_id=home))
        session.flush()
        session.add(Branch(id=home, kind="branch"))
        session.add(Subject(id=agent, kind=SubjectKind.AGENT, key=f"{1000 + code}-pc", name="x", branch_id=home))
        session.flush()
        session.add(Agent(id=agent))
        session.flush()
        session.add(Stream(id=agent, agent_id=agent, uid=f"s-{agent}", first_seen=START))
        for number in range(A_BRANCH):
            position = agent + 1 + number
            key = f"{1000 + code}/p-{number}"
            session.add(Subject(id=position, kind=SubjectKind.POSITION, key=key, name="x", branch_id=home))
            session.flush()
            session.add(Position(id=position, cls="printer", driver="passbook", interval_us=INTERVAL))
            session.flush()
            session.add(Observer(subject_id=position, agent_id=agent))
            found.append((position, agent))
        own = agent + A_BRANCH
    note_duties(session, START, 0)
    return found


def stretches(places: list[tuple[int, int]], days: int, states: int) -> Iterator[dict[str, Any]]:
    """Open from 7:30 to 17:30, `states` of them a day one after the other, as ingest writes them: in order of time."""
    opens, open_for = DAY * 75 // 240, DAY * 100 // 240
    record = 0
    for day in range(days):
        for state in range(states):
            for position, agent in places:
                record += 1
                start = START + day * DAY + opens + state * open_for // states
                yield {
                    "record_id": record,
                    "start": start,
                    "end": start + open_for // states - INTERVAL,
                    "subject_id": position,
                    "agent_id": agent,
                    "good": 5,
                    "failed": 0,
                }


def put(session: Session, rows: Iterator[dict[str, Any]]) -> int:
    """Stretches, and the state records they are of."""
    count = 0
    part: list[dict[str, Any]] = []

    def write() -> None:
        session.execute(insert(RecordRow), [_record(row) for row in part])
        session.execute(insert(Attested), part)

    for row in rows:
        part.append(row)
        if len(part) == 5000:
            count += len(part)
            write()
            part.clear()
    if part:
        count += len(part)
        write()
    return count


def _record(row: dict[str, Any]) -> dict[str, Any]:
    at, own = row["start"], row["record_id"]
    same = {"at": at, "wall": at, "boot": at, "arrived": at, "confidence": 0, "boot_id": "boot", "kind": "state"}
    body = b"\x80" + bytes(250)  # about as long as a state
    return {"id": own, "stream_id": row["agent_id"], "seq": own, "subject_id": row["subject_id"], "body": body, **same}


def told(name: str, ask: Callable[[], object]) -> None:
    began, worked = time.perf_counter(), time.process_time()
    ask()
    spent, work = time.perf_counter() - began, time.process_time() - worked
    print(f"{name:<24}{spent * 1000:9,.0f} ms, {work * 1000:9,.0f} ms of the processor")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--branches", type=int, default=60)
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("--states", type=int, default=10)
    parser.add_argument("--url", help="an empty database; a temporary SQLite file if left out")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = Database(given.url or f"sqlite:///{Path(folder) / 'bench.db'}")
        upgrade(database)
        with database.write() as session:
            places = furnish(session, given.branches)
            rows = put(session, stretches(places, given.days, given.states))
        print(f"{len(places):,} positions, {rows:,} stretches")
        now = START + given.days * DAY
        last = datetime.fromtimestamp(now / 1e6, UTC).date()

        def asked(days: int, **more: str) -> Callable[[], object]:
            def ask() -> object:
                with database.read() as session:
                    first = last - timedelta(days=days - 1)
                    return report(session, Everything(), first=first, last=last, now=now, **more)

            return ask

        asked(1, agent="1007-pc")()  # statements are compiled once
        told("one agent, a week", asked(7, agent="1007-pc"))
        told(f"one agent, {given.days} days", asked(given.days, agent="1007-pc"))
        told(f"one branch, {given.days} days", asked(given.days, branch="1007"))
        told("the bank, a day", asked(1))
        told("the bank, a week", asked(7))
        told(f"the bank, {given.days} days", asked(given.days))
        database.close()


if __name__ == "__main__":
    main()
