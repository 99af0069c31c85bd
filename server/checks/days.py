"""How many hosts stood how at the end of each day: counted every hour, so a day that ends has its last hour."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlmodel import col

from server.checks.standing import ALL, branch_words
from server.checks.tables import VerdictDay
from server.queries import bank_zone
from server.storage.database import Database


def count_day(database: Database, now: int) -> None:
    """Write down how today stands: a transaction a check. What is there of the day already is taken for older."""
    with database.read() as session:
        day = datetime.fromtimestamp(now / 1_000_000, bank_zone(session)).date().isoformat()
        counted = branch_words(session, ALL, now)
    by_check: dict[str, list[dict[str, Any]]] = {}
    for (branch, check), words in counted.items():
        row = {"day": day, "check_id": check, "branch_id": branch, **words.columns()}
        by_check.setdefault(check, []).append(row)
    for check, rows in by_check.items():
        with database.write() as session:
            session.execute(delete(VerdictDay).where(col(VerdictDay.day) == day, col(VerdictDay.check_id) == check))
            session.execute(insert(VerdictDay), rows)


def first_day(session: Any) -> str | None:
    found: str | None = session.execute(select(func.min(col(VerdictDay.day)))).scalar_one()
    return found
