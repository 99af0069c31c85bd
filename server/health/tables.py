"""What health knows: its cursor, its state a subject, the conditions, and the hourly roll-ups."""

from enum import StrEnum
from typing import Any

from sqlalchemy import Column, Float, ForeignKey, Index, SmallInteger, text
from sqlmodel import Field, SQLModel

from server.schemas.standing import Standing
from server.storage.types import Id, Json, Micros, key_to_record, new_uid, words


class Severity(StrEnum):
    ATTENTION = "attention"
    FAULT = "fault"


class Follower(SQLModel, table=True):
    """How far a follower has read the record log. Health has one of each name a shard: "health/3"."""

    __tablename__ = "follower"

    name: str = Field(primary_key=True, max_length=32)
    cursor: int = Field(sa_column=Column(Id, nullable=False))
    at: int = Field(sa_column=Column(Micros, nullable=False))


class HealthRow(SQLModel, table=True):
    """Health's state of one subject. `state` is the judge's own; the rest is what lists ask for."""

    __tablename__ = "health"
    __table_args__ = (
        Index("ix_health_standing", "standing"),
        Index("ix_health_due", "due_at"),
        Index("ix_health_record", "record_id"),
        key_to_record(),
    )

    subject_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), primary_key=True, autoincrement=False))
    standing: Standing = Field(sa_column=Column(words(Standing), nullable=False))
    since: int = Field(sa_column=Column(Micros, nullable=False))  # corrected time the standing began
    fresh_until: int = Field(sa_column=Column(Micros, nullable=False))  # after this the standing reads as stale
    device: str = Field(max_length=16)  # the device word last seen
    seen_at: int | None = Field(default=None, sa_column=Column(Micros))  # attested up to
    as_of: int | None = Field(default=None, sa_column=Column(Micros))  # the data's own date, where that is not now
    due_at: int | None = Field(default=None, sa_column=Column(Micros))  # when time alone may change it; None: never
    record_id: int | None = Field(default=None, sa_column=Column(Id))
    state: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))


class VoiceRow(SQLModel, table=True):
    """An agent as a shard of other branches hears it, at its own place in the log: `server/health/shards.py`."""

    __tablename__ = "voice"

    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), primary_key=True, autoincrement=False))
    shard: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    due_at: int | None = Field(default=None, sa_column=Column(Micros))
    state: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))


class Condition(SQLModel, table=True):
    """A named problem of a subject, from `opened_at` to `closed_at` in corrected time."""

    __tablename__ = "condition"
    __table_args__ = (
        Index(
            "uq_condition_open",
            "subject_id",
            "rule",
            "part",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_condition_opened", "opened_at"),
        Index(
            "ix_condition_closed",
            "closed_at",
            sqlite_where=text("closed_at IS NOT NULL"),
            postgresql_where=text("closed_at IS NOT NULL"),
        ),
        Index(
            "ix_condition_record",
            "record_id",
            sqlite_where=text("record_id IS NOT NULL"),
            postgresql_where=text("record_id IS NOT NULL"),
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    uid: str = Field(default_factory=new_uid, unique=True, max_length=36)
    subject_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), nullable=False, index=True))
    rule: str = Field(max_length=64)
    part: str = Field(default="", max_length=64)  # "cassette.2"; "" when it is of the whole
    word: str = Field(default="", max_length=64)  # what it said: "empty", "offline", "93"
    severity: Severity = Field(sa_column=Column(words(Severity), nullable=False))
    opened_at: int = Field(sa_column=Column(Micros, nullable=False))
    closed_at: int | None = Field(default=None, sa_column=Column(Micros))
    noticed_at: int = Field(sa_column=Column(Micros, nullable=False))  # server clock when it was judged open
    cause: str = ""
    record_id: int | None = Field(default=None, sa_column=Column(Id, ForeignKey("record.id")))


class RollUp(SQLModel, table=True):
    """One number of one subject in one hour. The time-weighted mean is `weighted / seconds`."""

    __tablename__ = "roll_up"

    subject_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), primary_key=True))
    metric: str = Field(primary_key=True, max_length=64)
    hour: int = Field(sa_column=Column(Micros, primary_key=True, autoincrement=False))  # its first µs, UTC
    n: int
    low: float = Field(sa_column=Column(Float(53), nullable=False))
    high: float = Field(sa_column=Column(Float(53), nullable=False))
    weighted: float = Field(sa_column=Column(Float(53), nullable=False))  # Σ value · seconds it held
    seconds: float = Field(sa_column=Column(Float(53), nullable=False))
    last: float = Field(sa_column=Column(Float(53), nullable=False))
    last_at: int = Field(sa_column=Column(Micros, nullable=False))
