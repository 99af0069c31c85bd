"""Tickets, the conditions behind them, and what people wrote on them."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from server.schemas.tickets import Fault, TicketStatus
from server.storage.types import Id, Micros, new_uid, words


class TicketSource(StrEnum):
    CONDITION = "condition"
    HAND = "hand"


def _where(name: str, column: str, condition: str) -> Index:
    return Index(name, column, sqlite_where=text(condition), postgresql_where=text(condition))


class Ticket(SQLModel, table=True):
    __tablename__ = "ticket"
    __table_args__ = (
        UniqueConstraint("year", "number"),
        # a done ticket says when and by whom; no other does
        CheckConstraint("(status = 'done') = (done_at IS NOT NULL)", name="done_has_time"),
        CheckConstraint("(done_at IS NULL) = (done_by IS NULL)", name="done_has_person"),
        Index(
            "uq_ticket_open_by_condition",
            "subject_id",
            unique=True,
            sqlite_where=text("status <> 'done' AND source = 'condition'"),
            postgresql_where=text("status <> 'done' AND source = 'condition'"),
        ),
        # of a bank's years of tickets lists ask for the few that are open, and for the last that something was done to
        _where("ix_ticket_open", "subject_id", "status <> 'done'"),
        _where("ix_ticket_hand", "id", "source = 'hand'"),
        _where("ix_ticket_accepted", "accepted_at", "accepted_at IS NOT NULL"),
        _where("ix_ticket_done", "done_at", "done_at IS NOT NULL"),
    )

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    uid: str = Field(default_factory=new_uid, unique=True, max_length=36)
    year: int  # in the bank's zone
    number: int  # counts from 1 each year
    subject_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), nullable=False, index=True))
    title: str = Field(max_length=200)
    fault: Fault = Field(sa_column=Column(words(Fault), nullable=False))
    urgent: bool = False
    source: TicketSource = Field(sa_column=Column(words(TicketSource), nullable=False))
    status: TicketStatus = Field(sa_column=Column(words(TicketStatus), nullable=False))
    opened_at: int = Field(sa_column=Column(Micros, nullable=False))
    opened_by: str = Field(max_length=80)
    accepted_at: int | None = Field(default=None, sa_column=Column(Micros))
    started_at: int | None = Field(default=None, sa_column=Column(Micros))
    done_at: int | None = Field(default=None, sa_column=Column(Micros))
    done_by: str | None = Field(default=None, max_length=80)
    handler: str = Field(default="", max_length=80)
    outcome: str = ""


class TicketCondition(SQLModel, table=True):
    __tablename__ = "ticket_condition"

    ticket_id: int = Field(sa_column=Column(Id, ForeignKey("ticket.id"), primary_key=True))
    condition_id: int = Field(sa_column=Column(Id, ForeignKey("condition.id"), primary_key=True, index=True))


class TicketNote(SQLModel, table=True):
    __tablename__ = "ticket_note"

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    ticket_id: int = Field(sa_column=Column(Id, ForeignKey("ticket.id"), nullable=False, index=True))
    at: int = Field(sa_column=Column(Micros, nullable=False))
    author: str = Field(max_length=80)
    text: str = Field(max_length=2000)
