"""Hourly sums and pushes go when they are older than they are kept, and no others; on both databases."""

import uuid
from datetime import UTC, datetime

import pytest
from sqlmodel import col, select

from server.clock import SetClock
from server.health.tables import RollUp
from server.ingest.tables import RecordRow, Stream
from server.inventory.tables import Setting
from server.orders.tables import AgentOrder, Push
from server.retention import sweep
from server.retention.sweeper import Sweeper
from server.schemas.orders import OrderState
from server.storage.database import Database

HOUR = 3_600_000_000
DAY = 24 * HOUR
DAYS, HOUR_DAYS = 90, 366


@pytest.fixture
def sweeper(database: Database, now: SetClock, bank: dict[str, int]) -> Sweeper:
    """Whose date is believed, because an agent was just heard."""
    with database.write() as session:
        session.add(Setting(key="coverage.kept", value="2100-01-01"))
        session.add(Stream(id=1, agent_id=bank["centre"], uid="one", first_seen=now()))
        session.flush()
        at = now()
        session.add(
            RecordRow(stream_id=1, seq=1, kind="event", at=at, confidence=1, wall=at, boot=1, boot_id="b", arrived=at,
                      body=b"")
        )  # fmt: skip
    return Sweeper(database, now, DAYS, HOUR_DAYS)


def run(sweeper: Sweeper) -> None:
    while sweeper.step():
        pass


def hours(database: Database, bank: dict[str, int], at: int) -> None:
    """Ten hours around `at` of two numbers of each of three positions."""
    with database.write() as session:
        for key in ("1001/atm-1", "1001/printer-1", "1002/atm-1"):
            for metric in ("battery.charge", "页数"):
                for hour in range(at - 5 * HOUR, at + 5 * HOUR, HOUR):
                    told = {"low": 1, "high": 1, "weighted": 1, "seconds": 1, "last": 1, "last_at": hour}
                    session.add(RollUp(subject_id=bank[key], metric=metric, hour=hour, n=1, **told))


def test_sums_go_by_months_once_they_are_older_than_they_are_kept(
    database: Database, bank: dict[str, int], sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noon on 4 November 2026: 366 days before is 3 November 2025, so October 2025 goes."""
    monkeypatch.setattr(sweep, "SERIES", 2)  # several pieces
    edge = int(datetime(2025, 10, 31, 16, tzinfo=UTC).timestamp()) * 1_000_000  # the month begins in the bank's zone
    hours(database, bank, edge)
    run(sweeper)
    with database.read() as session:
        left = session.exec(select(RollUp.hour)).all()
    assert len(left) == 3 * 2 * 5
    assert min(left) == edge


def test_pushes_that_ended_go_with_their_orders_and_those_under_way_stay(
    database: Database, bank: dict[str, int], sweeper: Sweeper, now: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "PUSHES", 2)
    ended = [now() - days * DAY for days in (400, 92, 91, 95, 92, 89, 1)]
    with database.write() as session:
        for at in [*ended, None]:
            push = Push(what="poll", by="head", at=1, starts=1, expires=2, total=1, ended_at=at)
            session.add(push)
            session.flush()
            state = OrderState.WAITING if at is None else OrderState.EXPIRED
            session.add(
                AgentOrder(
                    uid=str(uuid.uuid4()), push_id=push.id or 0, agent_id=bank["centre"], state=state, ended_at=at
                )
            )
    run(sweeper)
    with database.read() as session:
        left = session.exec(select(Push).order_by(col(Push.id))).all()
        assert [push.ended_at for push in left] == [now() - 89 * DAY, now() - DAY, None]
        assert session.exec(select(AgentOrder.push_id).order_by(col(AgentOrder.id))).all() == [push.id for push in left]
