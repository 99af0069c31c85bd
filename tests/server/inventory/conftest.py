"""A small inventory to change and apply again."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlmodel import Session, col, select

from agent.inventory.schema import Inventory
from server.clock import SetClock
from server.inventory.deeds import apply
from server.inventory.plan import Plan
from server.inventory.tables import Observer, Subject
from server.journal.deeds import Act
from server.storage.database import Database

SMALL: dict[str, Any] = {
    "bank": {"name": "青禾农商银行"},
    "calendar": [{"key": "counter", "name": "柜面", "mon": ["08:30-17:00"], "open": {"2026-10-10": ["09:00-12:00"]}}],
    "class": [
        {"key": "atm", "name": "取款机", "interval": "1m", "counted": True},
        {"key": "printer", "name": "存折打印机"},
    ],
    "rule": [{"key": "part.fault", "after": "10s"}],
    "branch": [
        {"key": "1001", "name": "城关支行", "kind": "branch", "parent": "0001", "people": {"a": "王某", "b": "李某"}},
        {"key": "0001", "name": "总行", "kind": "head-office", "calendar": "counter"},
    ],
    "agent": [
        {"key": "1001-pc", "name": "城关采集", "branch": "1001"},
        {"key": "centre", "name": "总行采集", "branch": "0001"},
    ],
    "line": [{"branch": "1001", "key": "main", "name": "主线路", "role": "main", "probe": "10.0.0.1:22"}],
    "position": [
        {
            "branch": "1001",
            "key": "atm-1",
            "name": "大堂 ATM-1",
            "class": "atm",
            "agent": ["centre", "1001-pc"],
            "driver": "reach",
            "address": "10.0.0.2:161",
        },
        {
            "branch": "1001",
            "key": "printer-1",
            "name": "1号窗口",
            "class": "printer",
            "driver": "reach",
            "address": "a:1",
        },
        {"branch": "0001", "key": "pc", "name": "机房", "class": "printer", "driver": "reach", "address": "b:1"},
        {"branch": "1001", "key": "listed", "name": "只登记", "class": "printer"},
    ],
    "device": [
        {"asset": "BF-1", "name": "取款机", "class": "atm", "branch": "1001", "position": "atm-1", "keeper": "赵某"},
        {"asset": "BF-2", "name": "备机", "class": "atm", "branch": "0001", "status": "spare"},
    ],
}
MakeInventory = Callable[..., Inventory]
Apply = Callable[..., Plan]


@pytest.fixture
def inventory() -> MakeInventory:
    """`inventory()` is the small one; `inventory(position=[...])` has other tables of a kind."""

    def make(**tables: Any) -> Inventory:
        said = {"class" if kind == "cls" else kind: value for kind, value in tables.items()}
        return Inventory.model_validate({**SMALL, **said})

    return make


@pytest.fixture
def small() -> Callable[[str], list[dict[str, Any]]]:
    """A copy of the small inventory's tables of a kind, to be changed."""
    return lambda kind: [dict(table) for table in SMALL[kind]]


@pytest.fixture
def apply_now(database: Database, now: SetClock) -> Apply:
    """`apply_now(inventory)` applies it, a second after the last."""

    def make(wanted: Inventory) -> Plan:
        now.forward(1)
        with database.write() as session:
            return apply(session, Act("os:root", "inventory", now()), wanted)

    return make


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """A look into the database after everything before was committed."""
    with database.write() as session:
        yield session


@pytest.fixture
def observers(database: Database) -> Callable[[], dict[str, list[str]]]:
    """Who polls what, by keys."""

    def ask() -> dict[str, list[str]]:
        with database.read() as session:
            keys = {row.id: row.key for row in session.exec(select(Subject))}
            found: dict[str, list[str]] = {}
            for row in session.exec(select(Observer).order_by(col(Observer.subject_id))):
                found.setdefault(keys[row.subject_id], []).append(keys[row.agent_id])
        return {key: sorted(agents) for key, agents in found.items()}

    return ask
