"""The journal as a witness of time: its last deed is past, whatever the machine's clock says."""

from sqlmodel import Session, col, select

from agent.wire import BUILT
from server.clock import day, leapt
from server.errors import Told
from server.journal.tables import JournalRow


class ClockLeapt(Told):
    """The machine's clock leapt, so nothing is dated by it."""


def passed(session: Session) -> int:
    """A time that is over for certain, UTC µs."""
    last = session.exec(select(JournalRow.at).order_by(col(JournalRow.seq).desc()).limit(1)).first()
    return max(BUILT, last or 0)


def refuse_a_leap(session: Session, now: int) -> None:
    """ClockLeapt if `now` is more than a year from the last deed."""
    last = passed(session)
    if leapt(now, last):
        raise ClockLeapt(
            "This machine's clock says {now}, and the last deed in the journal is of {last}: set the clock; nothing "
            "was changed. If the clock is right, say `branchfleet-server clock --right`.",
            now=day(now),
            last=day(last),
        )
