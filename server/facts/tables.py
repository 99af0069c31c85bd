"""The newest sheet of each topic of a host, and what changed from one to the next."""

from typing import Any

from sqlalchemy import Column, ForeignKey, Index
from sqlmodel import Field, SQLModel

from server.storage.types import Id, Json, Micros

Value = str | int | bool | list[str]
TOPIC, NAME, HOST, WHY = 32, 64, 64, 16  # characters


class FactSheet(SQLModel, table=True):
    """What a host said last about a topic, guarded by corrected time. It stays when its record goes."""

    __tablename__ = "fact_sheet"

    subject_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), primary_key=True))
    topic: str = Field(primary_key=True, max_length=TOPIC)
    at: int = Field(sa_column=Column(Micros, nullable=False))  # corrected
    arrived: int = Field(sa_column=Column(Micros, nullable=False))
    record: int = Field(sa_column=Column(Id, nullable=False))  # its id in the log, which may have gone
    host: str = Field(max_length=HOST)
    facts: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))  # name -> Value
    unread: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))  # name, or beginning of names -> why


class FactChange(SQLModel, table=True):
    """One fact that differed from the sheet before. Of a list `before` has what went, and `after` what came."""

    __tablename__ = "fact_change"
    __table_args__ = (
        Index("ix_fact_change_subject_at", "subject_id", "at"),
        Index("ix_fact_change_at", "at"),
    )

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    subject_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), nullable=False))
    topic: str = Field(max_length=TOPIC)
    name: str = Field(max_length=NAME)
    before: Any = Field(default=None, sa_column=Column(Json))  # nothing: it was not known
    after: Any = Field(default=None, sa_column=Column(Json))  # nothing: it is not known any more
    at: int = Field(sa_column=Column(Micros, nullable=False))  # corrected time of the later sheet
