"""How each host does by each check, as it was judged last; when to look again; and how many stood how, day by day."""

from typing import Any

from sqlalchemy import Column, ForeignKey, Index
from sqlmodel import Field, SQLModel

from server.checks.judging import Word
from server.storage.types import Id, Json, Micros, words

CHECK = 300  # characters of a check's id


class JudgedHost(SQLModel, table=True):
    """A host the checks are for. Whatever may change its verdicts sets `due` to 0, in its own transaction."""

    __tablename__ = "judged_host"

    subject_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), primary_key=True, autoincrement=False))
    due: int = Field(sa_column=Column(Micros, nullable=False, index=True))  # from then on time may have it otherwise
    basis: str = Field(max_length=32)  # the checks and the bank it was judged by; "" never


class VerdictRow(SQLModel, table=True):
    """Only as good as `holds_until` is ahead: from then on whoever reads it takes it for unknown."""

    __tablename__ = "verdict"
    __table_args__ = (Index("ix_verdict_check", "check_id", "word", "subject_id"),)

    subject_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), primary_key=True, autoincrement=False))
    check_id: str = Field(primary_key=True, max_length=CHECK)
    word: Word = Field(sa_column=Column(words(Word), nullable=False))
    why: Any = Field(
        default=None, sa_column=Column(Json)
    )  # the first sentences: keys and values; nothing where it passes
    at: int | None = Field(default=None, sa_column=Column(Micros))  # of the oldest sheet it rests on
    since: int = Field(sa_column=Column(Micros, nullable=False))  # when the word became this one
    holds_until: int = Field(sa_column=Column(Micros, nullable=False))


class VerdictDay(SQLModel, table=True):
    """How many hosts of a branch stood how at the end of a day, or of its last hour so far."""

    __tablename__ = "verdict_day"

    day: str = Field(primary_key=True, max_length=10)  # of the bank's clocks: 2026-11-30
    check_id: str = Field(primary_key=True, max_length=CHECK)
    branch_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), primary_key=True, autoincrement=False))
    passes: int
    fails: int
    unknown: int
    not_applicable: int
    exempt: int
