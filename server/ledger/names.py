"""What things were called at a journal seq: the inventory changes names in place, and notes what they were."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, case, func
from sqlmodel import Session, col, select

from server.inventory.tables import DeviceClass, PastName, Setting

BANK = "bank.name"
Named = tuple[str, str]  # key and name


@dataclass(frozen=True)
class Names:
    """`subjects` holds only those that were called otherwise then."""

    bank: str
    classes: dict[str, str]
    subjects: dict[int, Named] = field(default_factory=dict)

    def of_class(self, key: str) -> str:
        return self.classes.get(key, key)

    def of_subject(self, subject_id: int, key: str, name: str) -> Named:
        return self.subjects.get(subject_id, (key, name))

    def key(self, subject_id: Any, now: Any) -> ColumnElement[str]:
        """The SQL of a subject's key as it was then."""
        return self._then(subject_id, now, 0)

    def name(self, subject_id: Any, now: Any) -> ColumnElement[str]:
        return self._then(subject_id, now, 1)

    def _then(self, subject_id: Any, now: Any, part: int) -> ColumnElement[str]:
        if not self.subjects:
            same: ColumnElement[str] = now
            return same
        then: ColumnElement[str] = case(
            {own: named[part] for own, named in self.subjects.items()}, value=subject_id, else_=now
        )
        return then


def names_at(session: Session, seq: int | None = None) -> Names:
    """What things are called, or were when `seq` was the journal's newest deed."""
    setting = session.get(Setting, BANK)
    names = Names(setting.value if setting else "", {row.key: row.name for row in session.exec(select(DeviceClass))})
    if seq is None:
        return names
    first = (
        select(PastName.kind, PastName.ref, func.min(PastName.until_seq).label("until_seq"))
        .where(col(PastName.until_seq) > seq)
        .group_by(PastName.kind, PastName.ref)
        .subquery()
    )
    same = (
        (col(PastName.kind) == first.c.kind)
        & (col(PastName.ref) == first.c.ref)
        & (col(PastName.until_seq) == first.c.until_seq)
    )
    bank, classes = names.bank, dict(names.classes)
    for row in session.exec(select(PastName).join(first, same)):
        if row.kind == "bank":
            bank = row.name
        elif row.kind == "class":
            classes[row.ref] = row.name
        else:
            names.subjects[int(row.ref)] = (row.key, row.name)
    return Names(bank, classes, names.subjects)
