"""The five-second page each person sees first."""

from typing import Literal

from server.schemas.base import Coverage, Schema
from server.schemas.branches import BranchOut
from server.schemas.conditions import ConditionOut
from server.schemas.people import Role


class Figure(Schema):
    """One number of the five-second line. `opens` names the list behind it: "devices?standing=fault"."""

    key: str
    title: str
    value: str
    level: Literal["good", "attention", "fault", "unknown", "plain"]
    opens: str


class EventOut(Schema):
    at: int
    branch: str
    branch_name: str
    text: str
    level: Literal["good", "attention", "fault", "unknown", "plain"]
    opens: str


class Home(Schema):
    bank: str
    at: int
    role: Role
    place: str  # the bank, or the branch's name
    figures: list[Figure]
    coverage: Coverage
    fresh_until: int | None = None  # until when a figure that is good holds; None: nothing is known that could be
    conditions: list[ConditionOut]  # open, gravest first, at most 50
    branches: list[BranchOut]  # worst first, at most 20
    events: list[EventOut]  # newest first, at most 50
