"""The journal, and the personal values it holds only as commitments. Triggers refuse UPDATE and DELETE on it."""

from sqlalchemy import Column, Index, Text
from sqlmodel import Field, SQLModel

from server.storage.types import Id, Micros


class JournalRow(SQLModel, table=True):
    """One deed. `before` and `after` are canonical JSON; `hash` covers every other column and the previous hash."""

    __tablename__ = "journal"
    __table_args__ = (Index("ix_journal_about", "about"),)

    seq: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))  # 1, 2, 3, ... without holes
    at: int = Field(sa_column=Column(Micros, nullable=False))
    actor: str = Field(max_length=80)  # a login as text, or "system", or "agent:KEY"
    via: str = Field(max_length=80)  # console, cli, api, health, inventory
    about: str = Field(max_length=200)  # "position:1001/atm-1", "ticket:2026-0017", "card:BF-0001"
    deed: str = Field(max_length=64)  # server.journal.deeds names every one
    before: str | None = Field(default=None, sa_column=Column(Text))
    after: str | None = Field(default=None, sa_column=Column(Text))
    reason: str = ""
    effective_at: int = Field(sa_column=Column(Micros, nullable=False))
    previous: str = Field(max_length=64)
    hash: str = Field(max_length=64, unique=True)


class Personal(SQLModel, table=True):
    """A personal value behind a commitment: digest = SHA-256(salt, value). May be erased; the chain still holds."""

    __tablename__ = "personal"

    digest: str = Field(primary_key=True, max_length=64)
    salt: str = Field(max_length=64)
    value: str
