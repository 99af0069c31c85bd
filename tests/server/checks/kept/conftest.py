"""A fleet of two hosts whose verdicts are kept: the tests step the follower, and time stands until they move it."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from server.app import create_app
from server.checks.due import judge_again
from server.checks.follower import VerdictFollower
from server.checks.kept import Checks
from server.checks.tables import VerdictRow
from server.clock import SetClock
from server.facts.tables import FactSheet
from server.journal.tables import JournalRow
from server.settings import Settings
from server.storage.database import Database

DAY = 86_400
OWN = """\
id = "enough-memory"
title = "内存够用"
title_en = "Enough memory"
clause = "本行规定"
severity = "critical"
fresh = "1d"
applies = "true"
passes = 'f["memory.bytes"] >= {least}'
[mend]
zh = ["加内存"]
en = ["Add memory"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "checks"
    made.mkdir()
    (made / "memory.toml").write_text(OWN.format(least=4000), encoding="utf-8")
    return made


@pytest.fixture
def app(database: Database, settings: Settings, now: SetClock, folder: Path) -> FastAPI:
    return create_app(database, settings, now, checks=folder)


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """Without what runs beside it: here the tests step."""
    return TestClient(app, headers={"Accept-Language": "en"})


class Fleet:
    """Hosts that tell, and one server that follows."""

    def __init__(self, database: Database, bank: dict[str, int], now: SetClock, folder: Path) -> None:
        self.database, self.bank, self.now, self.folder = database, bank, now, folder
        self.follower = self.another()

    def another(self) -> VerdictFollower:
        return VerdictFollower(self.database, self.now, Checks(self.folder))

    def tell(self, key: str, topic: str = "host", **facts: Any) -> None:
        names = {name if "." in name else name.replace("_", "."): value for name, value in facts.items()}
        with self.database.write() as session:
            row = session.get(FactSheet, (self.bank[key], topic)) or FactSheet(
                subject_id=self.bank[key], topic=topic, at=0, arrived=0, record=0, host="", facts={}, unread={}
            )
            row.at, row.arrived, row.facts = self.now(), self.now(), names
            session.add(row)
            session.flush()
            judge_again(session, [self.bank[key]])

    def settle(self) -> None:
        while self.follower.step():
            pass

    def word(self, key: str, check: str = "enough-memory") -> str:
        with self.database.read() as session:
            return session.get_one(VerdictRow, (self.bank[key], check)).word.value


@pytest.fixture
def fleet(database: Database, bank: dict[str, int], now: SetClock, folder: Path) -> Fleet:
    return Fleet(database, bank, now, folder)


def cell(person: TestClient, host: str, check: str = "enough-memory") -> dict[str, Any]:
    told = person.get("/api/checks/hosts", params={"check": check}).json()
    [row] = [one for one in told["rows"] if one["host"] == host]
    return dict(row["cells"][0])


def deeds(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.exec(select(JournalRow.deed).order_by(JournalRow.seq)))  # type: ignore[arg-type]
