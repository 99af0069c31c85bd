"""Tickets: what is asked of people, what they note, and what becomes of it."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from server.schemas.base import Page, Schema
from server.schemas.conditions import ConditionOut


class TicketStatus(StrEnum):
    NEW = "new"
    ACCEPTED = "accepted"
    IN_PROGRESS = "inProgress"
    DONE = "done"


class Fault(StrEnum):
    HARDWARE = "hardware"
    SOFTWARE = "software"
    NETWORK = "network"
    POWER = "power"
    OTHER = "other"


class TicketNoteOut(Schema):
    at: int
    author: str
    text: str


class TicketOut(Schema):
    number: str  # "2026-0017"
    subject: str
    subject_kind: str
    subject_name: str
    branch: str
    branch_name: str
    title: str
    fault: Fault
    urgent: bool
    source: Literal["condition", "hand"]
    offline: bool = False  # entered at a branch PC while the server was away; opened_by is a typed name
    status: TicketStatus
    opened_at: int
    opened_by: str
    accepted_at: int | None
    started_at: int | None
    done_at: int | None
    done_by: str | None
    handler: str
    outcome: str
    open_conditions: int


class TicketDetail(Schema):
    ticket: TicketOut
    notes: list[TicketNoteOut]
    conditions: list[ConditionOut]


class TicketPage(Page):
    rows: list[TicketOut]


class TicketCreate(Schema):
    """A report by hand. `subject` is a position's, line's or branch's key."""

    subject: Annotated[str, Field(max_length=200)]
    title: Annotated[str, Field(min_length=1, max_length=200)]
    fault: Fault = Fault.HARDWARE
    urgent: bool = False
    note: Annotated[str, Field(max_length=2000)] = ""


class TicketStep(Schema):
    """accept, start or finish. `outcome` is asked for at the finish."""

    step: Literal["accept", "start", "finish"]
    outcome: Annotated[str, Field(max_length=500)] = ""


class TicketNoteCreate(Schema):
    text: Annotated[str, Field(min_length=1, max_length=2000)]
