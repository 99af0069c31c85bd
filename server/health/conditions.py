"""The conditions a step opens, rewords and closes: those that are open are asked for once, and written in order."""

from sqlmodel import Session, col, select

from server.health.log import chunks
from server.health.state import Closed, Opened, Reworded
from server.health.tables import Condition

WORD = 64  # characters of a condition's word

Key = tuple[int, str, str]  # subject, rule, part


class Conditions:
    """Those of some subjects. What is opened has its id after a flush."""

    def __init__(self, session: Session, subjects: set[int]) -> None:
        self._session = session
        self._open: dict[Key, Condition] = {}
        self._closed: set[Key] = set()  # since the last flush
        for part in chunks(subjects):
            asked = select(Condition).where(col(Condition.subject_id).in_(part), col(Condition.closed_at).is_(None))
            self._open.update(((one.subject_id, one.rule, one.part), one) for one in session.exec(asked))

    def open(self, change: Opened) -> Condition:
        """A new row, or the one that is open already: then the state was begun anew and the condition goes on."""
        key = (change.subject, change.rule.key, change.part)
        standing = self._open.get(key)
        if standing is not None:
            return standing
        if key in self._closed:  # the database takes no second one that is open
            self._session.flush()
            self._closed.clear()
        condition = self._open[key] = Condition(
            subject_id=change.subject,
            rule=change.rule.key,
            part=change.part,
            word=change.word[:WORD],
            severity=change.rule.severity,
            opened_at=change.at,
            noticed_at=change.noticed,
            cause=change.cause,
            record_id=change.record,
        )
        self._session.add(condition)
        return condition

    def reword(self, change: Reworded) -> None:
        condition = self._open.get((change.subject, change.rule, change.part))
        if condition is not None:
            condition.word = change.word[:WORD]

    def close(self, change: Closed) -> Condition | None:
        """None if the row is not there, and then there is nothing to mend."""
        key = (change.subject, change.rule, change.part)
        condition = self._open.pop(key, None)
        if condition is not None:
            condition.closed_at = max(change.at, condition.opened_at)
            condition.cause = change.cause or condition.cause
            self._closed.add(key)
        return condition
