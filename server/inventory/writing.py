"""Turning the changes of a plan into rows. Ids and uids stay through every rename; nothing with an id is deleted."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text, update
from sqlmodel import Session, col, delete, select

from server.inventory.plan import Change, Op
from server.inventory.queries import BRANCH_FIELDS, LINE_FIELDS, POSITION_FIELDS
from server.inventory.tables import (
    SHARDS,
    Agent,
    Branch,
    Calendar,
    Contingency,
    DeviceClass,
    InventoryRule,
    Line,
    Moving,
    Observer,
    PastName,
    Position,
    Setting,
    Subject,
    SubjectKind,
)
from server.storage.bulk import insert_all
from server.storage.types import new_uid

PLAIN: dict[str, Any] = {
    "setting": Setting,
    "calendar": Calendar,
    "class": DeviceClass,
    "rule": InventoryRule,
    "plan": Contingency,
}
ROWS: dict[SubjectKind, tuple[Any, tuple[str, ...]]] = {
    SubjectKind.BRANCH: (Branch, BRANCH_FIELDS),
    SubjectKind.AGENT: (Agent, ()),
    SubjectKind.LINE: (Line, LINE_FIELDS),
    SubjectKind.POSITION: (Position, POSITION_FIELDS),
}

FOLLOWED: dict[str, Any] = {"class": Position.cls, "calendar": Branch.calendar}


def past_names(session: Session, changes: list[Change], seq: int) -> list[PastName]:
    """What the changes are about to rename, as it was called until the deed `seq`. Asked before they are made."""
    found: list[PastName] = []
    for change in changes:
        renamed = change.op in (Op.RENAME, Op.RETIRE) or "name" in change.fields
        if change.op is Op.CREATE or not (renamed or change.key == "bank.name"):
            continue
        key = change.was or change.key
        if change.kind == "setting" and change.key == "bank.name":
            found.append(PastName(kind="bank", ref="", until_seq=seq, key="", name=change.fields["value"][0]))
        elif change.kind == "class":
            name = session.get_one(DeviceClass, key).name
            found.append(PastName(kind="class", ref=key, until_seq=seq, key=key, name=name))
        elif change.id is not None and change.op is not Op.RETIRE:
            subject = session.get_one(Subject, change.id)
            past = PastName(kind="subject", ref=str(change.id), until_seq=seq, key=subject.key, name=subject.name)
            found.append(past)
    return found


class Writer:
    """Makes the changes of one plan, in its order."""

    def __init__(self, session: Session, now: int) -> None:
        self._session = session
        self._now = now
        self._ids: dict[tuple[str, str], int] = {
            (SubjectKind(kind).value, key): own or 0
            for own, kind, key in session.exec(select(Subject.id, Subject.kind, Subject.key)).all()
        }

    def write(self, changes: list[Change]) -> None:
        """Keys first: what is created or changed then finds what it refers to by its new key."""
        self._rename(changes)
        self._create_subjects([change for change in changes if change.op is Op.CREATE and change.kind not in PLAIN])
        for change in changes:
            if change.kind in PLAIN:
                self._plain(change)
            elif change.op is Op.RETIRE:
                self._retire(change)
            elif change.op is not Op.CREATE:
                self._change(change)
        self._session.flush()

    def _rename(self, changes: list[Change]) -> None:
        for change in changes:
            if change.op is Op.RENAME and change.kind not in PLAIN:
                subject = self._session.get_one(Subject, change.id)
                subject.key = change.key
                self._session.add(subject)
                self._ids[change.kind, change.key] = self._ids.pop((change.kind, change.was))
        self._session.flush()

    def _create_subjects(self, changes: list[Change]) -> None:
        """Level by level, so that a row is there before another refers to it. A province begins with a million rows."""
        for change, own in zip(changes, self._reserve(len(changes)), strict=True):
            self._ids[change.kind, change.key] = own
        insert_all(self._session, Subject, (self._subject(change) for change in changes))
        for kind, (table, names) in ROWS.items():
            insert_all(self._session, table, (self._row(change, names) for change in changes if change.kind == kind))
        insert_all(self._session, Observer, (each for change in changes for each in self._observers(change)))

    def _subject(self, change: Change) -> dict[str, Any]:
        kind, (_, name) = SubjectKind(change.kind), change.fields["name"]
        fields = {name: new for name, (_, new) in change.fields.items()}
        own = self._ids[change.kind, change.key]
        home = own if kind is SubjectKind.BRANCH else self._home(change.kind, change.key, fields)
        return {"id": own, "uid": new_uid(), "kind": kind, "key": change.key, "name": name, "branch_id": home}

    def _row(self, change: Change, names: tuple[str, ...]) -> dict[str, Any]:
        row = {"id": self._ids[change.kind, change.key]} | {name: change.fields[name][1] for name in names}
        if "parent" in change.fields:
            row["parent_id"] = self._id("branch", change.fields["parent"][1])
        return row

    def _change(self, change: Change) -> None:
        subject = self._session.get_one(Subject, change.id)
        fields = {name: new for name, (_, new) in change.fields.items()}
        subject.removed_at = None
        subject.name = fields.get("name", subject.name)
        if subject.kind is not SubjectKind.BRANCH and (change.op is Op.RENAME or "branch" in fields):
            code = fields.get("branch") if subject.kind is SubjectKind.AGENT else None
            if subject.kind is not SubjectKind.AGENT or code:
                self._move(subject, self._home(change.kind, change.key, fields))
        table, names = ROWS[subject.kind]
        row = self._session.get_one(table, subject.id)
        for name in names:
            if name in fields:
                setattr(row, name, fields[name])
        if "parent" in fields:
            row.parent_id = self._id("branch", fields["parent"])
        self._session.add_all([subject, row])
        if "agents" in fields:
            self._unobserve(subject.id)
            insert_all(self._session, Observer, self._observers(change))

    def _move(self, subject: Subject, home: int) -> None:
        moves = home != subject.branch_id and self._session.get(Setting, SHARDS) is not None
        if moves and self._session.get(Moving, subject.id) is None:  # else it moves on from where it is judged still
            self._session.add(Moving(subject_id=subject.id or 0, branch_id=subject.branch_id))
        subject.branch_id = home

    def _retire(self, change: Change) -> None:
        subject = self._session.get_one(Subject, change.id)
        subject.removed_at = self._now
        self._session.add(subject)
        self._unobserve(subject.id)

    def _plain(self, change: Change) -> None:
        table = PLAIN[change.kind]
        fields = {name: new for name, (_, new) in change.fields.items()}
        if change.op is Op.CREATE:
            self._session.add(table(key=change.key, **fields))
            return
        row = self._session.get_one(table, change.was or change.key)
        if change.op is Op.RETIRE:
            self._session.delete(row)
            return
        if change.op is Op.RENAME:
            row.key = change.key
            self._follow(change)
        for name, value in fields.items():
            setattr(row, name, value)
        self._session.add(row)

    def _follow(self, change: Change) -> None:
        """Classes and calendars are referred to by their keys."""
        if change.kind in FOLLOWED:
            column = FOLLOWED[change.kind]
            self._session.execute(update(column.class_).where(column == change.was).values({column.key: change.key}))

    def _unobserve(self, subject_id: int | None) -> None:
        self._session.exec(delete(Observer).where(col(Observer.subject_id) == subject_id))

    def _observers(self, change: Change) -> list[dict[str, int]]:
        _, agents = change.fields.get("agents", (None, []))
        own = self._ids[change.kind, change.key]
        return [{"subject_id": own, "agent_id": self._ids["agent", agent]} for agent in agents]

    def _home(self, kind: str, key: str, fields: Mapping[str, Any]) -> int:
        """The branch a line, position or agent belongs to."""
        return self._ids["branch", fields["branch"] if kind == "agent" else key.partition("/")[0]]

    def _id(self, kind: str, key: str | None) -> int | None:
        return None if key is None else self._ids[kind, key]

    def _reserve(self, number: int) -> list[int]:
        """Ids for new subjects: a branch is its own scope, and must know its id before it is there."""
        if number == 0:
            return []
        if self._session.get_bind().dialect.name == "postgresql":
            asked = "SELECT nextval(pg_get_serial_sequence('subject', 'id')) FROM generate_series(1, :number)"
            return list(self._session.execute(text(asked), {"number": number}).scalars())
        first = 1 + (self._session.execute(text("SELECT max(id) FROM subject")).scalar_one() or 0)
        return list(range(first, first + number))
