"""Invalidations: what changed, for whom. Kept an hour, so a screen that was away can resume."""

from sqlalchemy import Column, ForeignKey
from sqlmodel import Field, SQLModel

from server.storage.types import Id, Micros


class Invalidation(SQLModel, table=True):
    __tablename__ = "invalidation"
    __table_args__ = {"sqlite_autoincrement": True}  # a cursor never comes back, even when all rows have been dropped

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    at: int = Field(sa_column=Column(Micros, nullable=False, index=True))
    topic: str = Field(max_length=32)  # position condition ticket card journal inventory
    key: str = Field(max_length=200)
    branch_id: int | None = Field(default=None, sa_column=Column(Id, ForeignKey("subject.id")))  # None: for everyone
