"""Ticket numbers: "2026-0017", counted from 1 in each year of the bank's zone, without a hole."""

import re
from datetime import UTC, datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from server.journal.deeds import take_turn
from server.queries import bank_zone
from server.tickets.tables import Ticket

_NUMBER = re.compile(r"([0-9]{4})-([0-9]{4,9})")


def number_text(year: int, number: int) -> str:
    return f"{year}-{number:04}"


def parse(text: str) -> tuple[int, int] | None:
    """ "2026-0017" -> (2026, 17); None for what is no ticket's number."""
    match = _NUMBER.fullmatch(text.strip())
    return (int(match[1]), int(match[2])) if match else None


def next_number(session: Session, now: int) -> tuple[int, int]:
    """The year and the number after the last. Writers queue from here to the commit, so no number is given twice."""
    zone = bank_zone(session)
    year = datetime.fromtimestamp(now / 1_000_000, UTC).astimezone(zone).year
    take_turn(session)
    last = session.exec(select(func.max(Ticket.number)).where(col(Ticket.year) == year)).one()
    return year, (last or 0) + 1
