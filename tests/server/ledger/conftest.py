"""A ledger over the small bank of the server's tests, and short ways to look into it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlmodel import Session, col, select

from server.clock import SetClock
from server.journal.deeds import Act
from server.ledger.fields import CardFields
from server.ledger.tables import Card, CardVersion
from server.storage.database import Database


@dataclass(frozen=True)
class Seen:
    """One version of a card as a person would tell it."""

    asset: str
    position: int | None
    status: str
    keeper: str


def look(session: Session, effective: int, known: int) -> list[Seen]:
    """Every card as it was at `effective`, as known at `known`."""
    rows = session.exec(
        select(Card.asset, CardVersion)
        .join(Card, col(CardVersion.card_id) == Card.id)
        .where(CardVersion.effective_from <= effective, CardVersion.effective_to > effective)
        .where(CardVersion.known_from <= known, CardVersion.known_to > known)
        .order_by(Card.asset)
    )
    return [Seen(asset, row.position_id, row.status.value, row.fields.get("keeper", "")) for asset, row in rows]


@pytest.fixture
def fields() -> CardFields:
    return CardFields(name="自动柜员机", cls="atm", maker="青山", model="QS-6000", serial="BF-S-0001", keeper="王某")


@pytest.fixture
def act(now: SetClock) -> Callable[[], Act]:
    """An act of the moment: each a second after the last."""

    def make() -> Act:
        now.forward(1)
        return Act(actor="liming", via="console", now=now())

    return make


@pytest.fixture
def seen(database: Database) -> Callable[..., list[Seen]]:
    """`seen(effective, known)` as `look` says."""

    def ask(effective: int, known: int) -> list[Seen]:
        with database.read() as session:
            return look(session, effective, known)

    return ask
