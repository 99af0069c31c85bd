"""How quick the lists are at 100,000 positions: `python -m benchmarks.places [--positions N] [--url URL]`.

Prints milliseconds, the best of five: a page of 100 by each order, a search, the branches, and a home.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session

from server.accounts.dependencies import Viewing
from server.accounts.tables import Person
from server.health.state import State, View, dump
from server.health.tables import HealthRow
from server.inventory.tables import Branch, DeviceClass, Position, Setting, Subject, SubjectKind
from server.journal.deeds import Act, record
from server.ledger.tables import Card, CardStatus, CardVersion
from server.migrations import upgrade
from server.places import branches, home, positions
from server.places.search import Asked
from server.schemas.people import Role
from server.schemas.standing import Standing
from server.storage.database import Database
from server.storage.types import FOREVER
from server.texts import gettext_for

NOW = 1_793_764_800_000_000
MINUTE = 60_000_000
A_BRANCH = 60  # positions


def fill(database: Database, count: int) -> None:
    chance = random.Random(7)
    standings = [Standing.GOOD] * 90 + [Standing.FAULT] * 2 + [Standing.ATTENTION] * 3 + [Standing.IN_USE] * 5
    subjects: list[dict[str, Any]] = []
    branch_rows, position_rows, health, cards, versions = [], [], [], [], []
    own, branch = 0, 0
    for number in range(count):
        if number % A_BRANCH == 0:
            own = branch = own + 1
            code = f"{1000 + branch_number(number)}"
            subjects.append(_subject(own, SubjectKind.BRANCH, code, f"第{code}支行", own))
            branch_rows.append({"id": own, "kind": "branch", "people": {}})
        own += 1
        key = f"{1000 + branch_number(number)}/p-{number}"
        subjects.append(_subject(own, SubjectKind.POSITION, key, f"{number % 9 + 1}号窗口打印机", branch))
        position_rows.append({"id": own, "cls": "printer", "driver": "passbook", "options": {}, "interval_us": MINUTE})
        at = NOW - chance.randrange(0, 5 * MINUTE)
        view = View(
            at=at, held_to=at, fresh_to=at + 4 * MINUTE, device="online", parts={"paper": "ok", "cover": "closed"}
        )
        state = State(standing=Standing.GOOD, since=at, views={"1": view}, device="online", fresh_until=at + 4 * MINUTE)
        health.append(
            {
                "subject_id": own,
                "standing": chance.choice(standings),
                "since": at,
                "fresh_until": at + 4 * MINUTE,
                "device": "online",
                "seen_at": at,
                "state": dump(state),
            }
        )
        cards.append({"id": number + 1, "asset": f"BF-{number:06}"})
        versions.append(
            {
                "card_id": number + 1,
                "effective_from": 1,
                "effective_to": FOREVER,
                "known_from": 1,
                "known_to": FOREVER,
                "branch_id": branch,
                "position_id": own,
                "status": CardStatus.IN_USE,
                "fields": {"name": "存折打印机", "cls": "printer", "model": "PR2-E", "serial": f"SN{number:07}"},
                "journal_seq": 1,
            }
        )
    with database.write() as session:
        session.add(Setting(key="bank.name", value="基准农商银行"))
        session.add(DeviceClass(key="printer", name="存折打印机", counted=False, interval_us=MINUTE))
        session.flush()
        for table, rows in ((Subject, subjects), (Branch, branch_rows), (Position, position_rows), (HealthRow, health)):
            _put(session, table, rows)
        record(session, Act("bench", "cli", NOW), deed="server.init", about="server:bench")
        _put(session, Card, cards)
        _put(session, CardVersion, versions)
    if not database.sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")


def branch_number(number: int) -> int:
    return number // A_BRANCH


def _subject(own: int, kind: SubjectKind, key: str, name: str, branch: int) -> dict[str, Any]:
    return {"id": own, "uid": f"{own:036}", "kind": kind, "key": key, "name": name, "branch_id": branch}


def _put(session: Session, table: Any, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), 5000):
        session.execute(insert(table), rows[start : start + 5000])


def best(ask: Callable[[], object], times: int = 5) -> float:
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        spent.append(time.perf_counter() - began)
    return min(spent) * 1000


def run(database: Database, count: int) -> None:
    began = time.perf_counter()
    fill(database, count)
    print(f"{count:,} positions written in {time.perf_counter() - began:.1f} s")
    person = Person(login="bench", name="Bench", role=Role.HEAD, password_hash="-")
    viewer = Viewing(person, None, "zh", gettext_for("zh"), "")

    def page(**asked: Any) -> Callable[[], object]:
        def ask() -> object:
            with database.read() as session:
                return positions.page(session, viewer, Asked(**asked), lang="zh", now=NOW)

        return ask

    def branch_page() -> object:
        with database.read() as session:
            return branches.page(session, viewer, lang="zh", now=NOW)

    def home_page() -> object:
        with database.read() as session:
            return home.home(session, viewer, NOW)

    lists: dict[str, Callable[[], object]] = {
        "worst first": page(),
        "by name": page(sort="name"),
        "oldest data first": page(sort="seen"),
        "faults only": page(standings=(Standing.FAULT,)),
        "one branch": page(branch="1005"),
        "search 'SN0004711'": page(q="SN0004711"),
        "search '3号窗口'": page(q="3号窗口"),
        "branches": branch_page,
        "home": home_page,
    }
    for name, ask in lists.items():
        print(f"{name:<22}{best(ask):8.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--positions", type=int, default=100_000)
    parser.add_argument("--url", help="an empty database; a temporary SQLite file if left out")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = Database(given.url or f"sqlite:///{Path(folder) / 'bench.db'}")
        upgrade(database)
        run(database, given.positions)
        database.close()


if __name__ == "__main__":
    main()
