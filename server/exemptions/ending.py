"""Exemptions end by themselves when their day is over, and the journal says so."""

from sqlalchemy import ColumnElement, exists, select
from sqlmodel import Session, col

from server.checks.due import judge_again
from server.exemptions.granted import hosts_of
from server.exemptions.tables import ExemptionRow
from server.exemptions.told import about
from server.journal.deeds import Act, Deed, record_all

AT_ONCE = 50
SYSTEM, VIA = "system", "checks"


def any_over(session: Session, now: int) -> bool:
    return bool(session.execute(select(exists().where(*_over(now)))).scalar_one())


def end_those_over(session: Session, now: int) -> int:
    """Write down those whose day is over. Their hosts stopped being let be at that moment, written down or not."""
    asked = select(ExemptionRow).where(*_over(now)).order_by(col(ExemptionRow.id)).limit(AT_ONCE).with_for_update()
    rows = list(session.execute(asked).scalars())
    for row in rows:
        row.ended_at = row.ends_at
        session.add(row)
        judge_again(session, hosts_of(session, row))
    session.flush()
    if rows:
        deeds = [Deed("exemption.end", about(session, row), after={"until": row.until}) for row in rows]
        record_all(session, Act(SYSTEM, VIA, now), deeds)
    return len(rows)


def _over(now: int) -> tuple[ColumnElement[bool], ...]:
    return col(ExemptionRow.ended_at).is_(None), col(ExemptionRow.ends_at) <= now
