"""Removable media: the register of the bank's own, and what agents saw put in and taken out."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from server.schemas.base import Page, Schema

SERIAL, LABEL, KEEPER, NOTE = 80, 80, 40, 200  # characters


class StickStatus(StrEnum):
    KEPT = "kept"  # 在库
    LENT = "lent"  # 领用
    LOST = "lost"  # 遗失
    RETIRED = "retired"  # 注销


class StickWord(StrEnum):
    """What a medium was by the register when it was seen. Only OWN is good."""

    OWN = "own"
    OVERDUE = "overdue"
    LOST = "lost"
    RETIRED = "retired"
    UNKNOWN = "unknown"


class Way(StrEnum):
    """`found`: it was in when the agent began, so nobody knows since when."""

    IN = "in"
    OUT = "out"
    FOUND = "found"


class StickOut(Schema):
    """A medium of the bank. `seen_at` is when an agent last told of it; None: none ever did."""

    serial: str
    label: str
    branch: str
    branch_name: str
    status: StickStatus
    keeper: str
    due: date | None  # the last day it may be out
    overdue: bool
    since: int
    note: str
    seen_at: int | None
    seen_by: str  # the agent; "" also where it is of a branch that is not this person's
    seen_way: Way | None


class StickPage(Page):
    rows: list[StickOut]
    watched: int = 0  # agents that ever told of a medium: of the others' PCs nothing is known
    agents: int = 0


class SightingOut(Schema):
    """`serial`, `vendor` and `model` are the medium's own word."""

    at: int
    arrived: int
    agent: str
    branch: str
    branch_name: str
    way: Way
    serial: str
    vendor: str
    model: str
    bytes: int
    word: StickWord
    label: str  # what the register calls it now
    ticket: str | None
    left_out: int = 0  # records before this one that were too many


class SightingPage(Page):
    rows: list[SightingOut]
    watched: int = 0
    agents: int = 0


class StickCreate(Schema):
    serial: Annotated[str, Field(min_length=1, max_length=SERIAL)]
    label: Annotated[str, Field(min_length=1, max_length=LABEL)]
    branch: Annotated[str, Field(min_length=1, max_length=64)]
    keeper: Annotated[str, Field(max_length=KEEPER)] = ""
    note: Annotated[str, Field(max_length=NOTE)] = ""


class StickDeed(StrEnum):
    LEND = "lend"
    BACK = "back"
    HAND = "hand"  # to another keeper
    LOST = "lost"
    RETIRE = "retire"


class StickStep(Schema):
    """`keeper` is who has it from now on, `due` the last day of a loan."""

    serial: Annotated[str, Field(min_length=1, max_length=SERIAL)]
    deed: StickDeed
    keeper: Annotated[str, Field(max_length=KEEPER)] = ""
    due: date | None = None
    note: Annotated[str, Field(max_length=NOTE)] = ""
