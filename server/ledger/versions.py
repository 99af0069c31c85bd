"""Cards as rows: reading what is known of one now, and writing what is known from now on.

A row is never changed but for `known_to`, which says until when it was believed. Times of knowing grow with the
journal, over all cards, so an export at a journal seq is an export at a time of knowing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from server.ledger.tables import Card, CardVersion
from server.ledger.timeline import Standing, Stretch, Timeline
from server.storage.bulk import insert_all
from server.storage.types import FOREVER


@dataclass
class Known:
    """A card, its rows that are believed now, and the timeline they are."""

    card: Card
    rows: list[CardVersion]
    timeline: Timeline

    @property
    def id(self) -> int:
        return self.card.id or 0


def known(session: Session, card: Card) -> Known:
    rows = list(
        session.exec(
            select(CardVersion)
            .where(CardVersion.card_id == card.id, CardVersion.known_to == FOREVER)
            .order_by(col(CardVersion.effective_from))
        )
    )
    return Known(card, rows, tuple(_stretch(row) for row in rows))


def known_at_position(session: Session, position_id: int) -> list[Known]:
    """Every card that is known to have stood at a position at any time."""
    there = select(CardVersion.card_id).where(CardVersion.position_id == position_id, CardVersion.known_to == FOREVER)
    cards = session.exec(select(Card).where(col(Card.id).in_(there)).order_by(col(Card.id))).all()
    return [known(session, card) for card in cards]


def next_knowing(session: Session, now: int) -> int:
    """A time of knowing later than every earlier one, which `now` is unless a clock was set back."""
    newest = session.exec(select(CardVersion.known_from).order_by(col(CardVersion.id).desc()).limit(1)).first()
    return now if newest is None else max(now, newest + 1)


def close(session: Session, changes: list[tuple[Known, Timeline]], at: int) -> None:
    """Stop believing what the new timelines do not say. Comes first: there is room for one current version only."""
    for before, after in changes:
        kept = set(map(_identity, after))
        for row in before.rows:
            if _identity(_stretch(row)) not in kept:
                row.known_to = at
                session.add(row)
    session.flush()


def open_new(session: Session, changes: list[tuple[Known, Timeline]], at: int, seq: int) -> None:
    """Believe from now on what the new timelines say and the old did not; `seq` is the deed that said so."""
    session.flush()
    insert_all(session, CardVersion, _said_anew(changes, at, seq))


def open_first(session: Session, timelines: Iterable[tuple[int, Timeline]], at: int, seq: int) -> None:
    """The same of cards that nothing was known of, each by its id."""
    rows = (_row(card, stretch, at, seq) for card, timeline in timelines for stretch in timeline)
    insert_all(session, CardVersion, rows)


def _said_anew(changes: list[tuple[Known, Timeline]], at: int, seq: int) -> Iterator[dict[str, Any]]:
    for before, after in changes:
        there = {_identity(_stretch(row)) for row in before.rows}
        for stretch in after:
            if _identity(stretch) not in there:
                yield _row(before.id, stretch, at, seq)


def _row(card_id: int, stretch: Stretch, at: int, seq: int) -> dict[str, Any]:
    return {
        "card_id": card_id,
        "effective_from": stretch.start,
        "effective_to": stretch.end,
        "known_from": at,
        "known_to": FOREVER,
        "branch_id": stretch.standing.branch_id,
        "position_id": stretch.standing.position_id,
        "status": stretch.standing.status,
        "fields": stretch.fields,
        "journal_seq": seq,
    }


def _stretch(row: CardVersion) -> Stretch:
    standing = Standing(row.branch_id, row.position_id, row.status)
    return Stretch(row.effective_from, row.effective_to, standing, row.fields)


def _identity(stretch: Stretch) -> tuple[object, ...]:
    return (stretch.start, stretch.end, stretch.standing, tuple(sorted(stretch.fields.items())))
