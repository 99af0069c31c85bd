"""Sweeps: one person asks for one, another approves or refuses it, and an agent does it slowly."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from server.schemas.base import Page, Schema
from server.schemas.orders import PushTimes

FASTEST = 4  # addresses a second


class SweepState(StrEnum):
    """How a sweep stands. Nothing was sent in the first four."""

    ASKED = "asked"  # nobody has approved it yet
    REFUSED = "refused"  # by another person of head office
    LAPSED = "lapsed"  # nobody approved it in time
    APPROVED = "approved"  # its agent has not told yet that it began
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # it ended early; the rest of its network was not asked
    EXPIRED = "expired"  # it was approved, and not begun in time
    UNANSWERED = "unanswered"  # it was sent, and its agent never said anything of it: whether it began is not known
    DECLINED = "declined"  # by the agent: the network is none of its PC's, say
    STOPPING = "stopping"  # it was cancelled while it ran, and its agent has not said yet that it stopped
    CANCELLED = "cancelled"


class SweepCreate(PushTimes):
    """Of a network by an agent that stands in it; without one, by an agent that told of that network."""

    prefix: Annotated[str, Field(min_length=1, max_length=40)]
    agent: Annotated[str, Field(max_length=200)] = ""
    rate: Annotated[int, Field(ge=1, le=FASTEST)] = 2  # addresses a second
    seconds: Annotated[int, Field(ge=60, le=30 * 86_400)] = 86_400  # after `starts`, it lapses, approved or not


class SweepRefuse(Schema):
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class SweepOut(Schema):
    """`of`, `asked` and `answered` are addresses, as the agent said last, at `told_at`."""

    uid: str
    prefix: str
    zone: str
    agent: str
    agent_name: str
    branch: str
    branch_name: str
    on_wire: bool | None  # whether the agent's PC told that it stands in that network; None: it told of none
    rate: int
    addresses: int  # of the prefix, those of nobody too
    takes: int  # seconds at most
    state: SweepState
    why: str = ""  # a sentence
    by: str
    at: int
    starts: int
    expires: int
    window: str
    reason: str
    decided_by: str | None = None
    decided_at: int | None = None
    approvers: int = 0  # of one that is asked for: other people of head office
    opens: int | None = None  # approved, and not to be begun before then
    push: str = ""  # its uid, once approved
    of: int = 0
    asked: int = 0
    answered: int = 0
    told_at: int | None = None
    ended_at: int | None = None
    cancelled_by: str | None = None


class SweepPage(Page):
    """Those that wait for approval first, `waiting` of them."""

    waiting: int
    rows: list[SweepOut]
