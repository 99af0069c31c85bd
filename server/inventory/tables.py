"""Rows the inventory owns. Whatever can have a condition or a ticket is a subject, and subjects share one id space."""

from enum import StrEnum
from typing import Any

from sqlalchemy import Column, ForeignKey, UniqueConstraint
from sqlmodel import Field, SQLModel

from server.storage.types import Id, Json, Micros, new_uid, words

SHARDS = "health.shards"  # the setting that says into how many shards health is divided, where it is


class SubjectKind(StrEnum):
    BRANCH = "branch"
    LINE = "line"
    AGENT = "agent"
    POSITION = "position"


class Subject(SQLModel, table=True):
    """A branch, line, agent or position. Never deleted: `removed_at` says when the inventory let it go."""

    __tablename__ = "subject"
    __table_args__ = (UniqueConstraint("kind", "key"),)

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    uid: str = Field(default_factory=new_uid, unique=True, max_length=36)
    kind: SubjectKind = Field(sa_column=Column(words(SubjectKind), nullable=False))
    key: str = Field(max_length=200)  # "1001", "1001/line/main", "centre", "1001/atm-1"
    name: str = Field(max_length=200)
    branch_id: int = Field(
        sa_column=Column(Id, ForeignKey("subject.id"), nullable=False, index=True)
    )  # scope; own id for a branch
    removed_at: int | None = Field(default=None, sa_column=Column(Micros))


class Branch(SQLModel, table=True):
    __tablename__ = "branch"

    id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), primary_key=True, autoincrement=False))
    kind: str = Field(max_length=32)  # agent.inventory.schema.Branch.kind
    parent_id: int | None = Field(default=None, sa_column=Column(Id, ForeignKey("branch.id")))
    address: str = ""
    phone: str = ""
    calendar: str | None = None
    people: dict[str, str] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))


class Line(SQLModel, table=True):
    __tablename__ = "line"

    id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), primary_key=True, autoincrement=False))
    role: str = Field(max_length=16)  # main, backup
    carrier: str = ""
    circuit: str = ""
    bandwidth: str = ""
    fault_phone: str = ""
    probe: str = ""
    interval_us: int = Field(sa_column=Column(Micros, nullable=False))
    options: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))


class Position(SQLModel, table=True):
    def __new__(_cls, /, *_: Any, **__: Any) -> "Position":  # SQLModel's own would clash with `cls=`
        made: Position = super().__new__(_cls)
        return made

    __tablename__ = "position"

    id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), primary_key=True, autoincrement=False))
    cls: str = Field(max_length=64, index=True)  # DeviceClass.key
    driver: str | None = Field(default=None, max_length=64)  # None: listed, not polled
    address: str = ""
    options: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    interval_us: int = Field(sa_column=Column(Micros, nullable=False))


class Agent(SQLModel, table=True):
    """That it is an agent. Who may speak as it is told in server/agents/tables.py."""

    __tablename__ = "agent"

    id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), primary_key=True, autoincrement=False))


class Observer(SQLModel, table=True):
    """Which agent polls which position or line. A subject may have two."""

    __tablename__ = "observer"

    subject_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), primary_key=True))
    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), primary_key=True, index=True))


class Duty(SQLModel, table=True):
    """An agent was to poll a subject, every `interval_us`, from one moment to another. Observer as it was over time.

    Written by `server.inventory.duties` whenever the inventory changes.
    """

    __tablename__ = "duty"

    subject_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), primary_key=True))
    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), primary_key=True, index=True))
    start: int = Field(sa_column=Column("start_at", Micros, primary_key=True, autoincrement=False))
    end: int | None = Field(default=None, sa_column=Column("end_at", Micros))  # None: still
    since_seq: int = Field(sa_column=Column(Id, nullable=False))  # the deed that began it; 0: before this was noted
    until_seq: int | None = Field(default=None, sa_column=Column(Id))
    interval_us: int = Field(sa_column=Column(Micros, nullable=False))


class Moving(SQLModel, table=True):
    """A subject that came to another branch, and the one it came from: health judges it there until both are level.

    Only where health is sharded (`server/health/shards.py`), which takes the row away.
    """

    __tablename__ = "moving"

    subject_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), primary_key=True, autoincrement=False))
    branch_id: int = Field(sa_column=Column(Id, ForeignKey("branch.id"), nullable=False))


class DeviceClass(SQLModel, table=True):
    __tablename__ = "device_class"

    key: str = Field(primary_key=True, max_length=64)
    name: str
    counted: bool
    interval_us: int = Field(sa_column=Column(Micros, nullable=False))


class Calendar(SQLModel, table=True):
    __tablename__ = "calendar"

    key: str = Field(primary_key=True, max_length=64)
    name: str
    body: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))


class InventoryRule(SQLModel, table=True):
    """What the inventory says of a health rule, as written; the shipped rules are a file."""

    __tablename__ = "inventory_rule"

    key: str = Field(primary_key=True, max_length=64)
    body: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))


class Contingency(SQLModel, table=True):
    """The bank's own steps for one case of the contingency plan; the shipped ones are a file."""

    __tablename__ = "contingency"

    key: str = Field(primary_key=True, max_length=16)  # agent.inventory.schema.Plan.key
    body: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))


class Setting(SQLModel, table=True):
    """Single values of the bank and the database: bank.name, bank.zone, database.epoch."""

    __tablename__ = "setting"

    key: str = Field(primary_key=True, max_length=64)
    value: str


class PastName(SQLModel, table=True):
    """What a branch, a position, a class or the bank was called until the deed `until_seq`.

    Written when a name or a key changes, so that an export at an earlier journal seq says what was said then.
    """

    __tablename__ = "past_name"

    kind: str = Field(primary_key=True, max_length=16)  # bank, class, subject
    ref: str = Field(primary_key=True, max_length=64)  # "" of the bank, a class's key, a subject's id
    until_seq: int = Field(sa_column=Column(Id, ForeignKey("journal.seq"), primary_key=True, autoincrement=False))
    key: str = Field(max_length=200)
    name: str = Field(max_length=200)
