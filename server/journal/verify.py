"""Whether the journal is as it was written: every row's hash, and its link to the row before."""

from collections.abc import Iterable, Iterator

from sqlmodel import Session, col, select

from server.journal.deeds import GENESIS, digest
from server.journal.tables import JournalRow
from server.schemas.journal import JournalCheck

_AT_ONCE = 1000


def check(session: Session) -> JournalCheck:
    """Read the whole journal in pieces; the memory it takes does not grow with it."""
    return verify(_rows(session))


def verify(rows: Iterable[JournalRow]) -> JournalCheck:
    """The first row that does not hold, if any. `head` is the hash to compare with one held by somebody else."""
    count = 0
    head = GENESIS
    for row in rows:
        count += 1
        if row.seq != count or row.previous != head or row.hash != digest(row):
            return JournalCheck(rows=count, ok=False, broken_at=row.seq, head=head)
        head = row.hash
    return JournalCheck(rows=count, ok=True, broken_at=None, head=head)


def _rows(session: Session) -> Iterator[JournalRow]:
    after = None
    while True:
        asked = select(JournalRow).order_by(col(JournalRow.seq)).limit(_AT_ONCE)
        rows = session.exec(asked if after is None else asked.where(col(JournalRow.seq) > after)).all()
        yield from rows
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1].seq
        session.expunge_all()
