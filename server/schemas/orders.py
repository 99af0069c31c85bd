"""Orders: what people have agents do now, and what became of it. A push is one deed; it makes an order an agent."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from server.schemas.base import Page, Schema


class OrderState(StrEnum):
    """How an order stands. The last five are ends, and each has a reason but DONE."""

    WAITING = "waiting"  # not handed to its agent yet
    HANDED = "handed"  # the agent has it, and did not answer yet
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class PushTimes(Schema):
    """When it may be begun, and why it is."""

    starts: int | None = None  # UTC µs; None: now
    seconds: Annotated[int, Field(ge=5, le=30 * 86_400)] = 120  # after `starts`, orders that were not begun expire
    window: Annotated[str, Field(pattern=r"^(|[0-2]\d:[0-5]\d-[0-2]\d:[0-5]\d)$")] = ""  # "17:30-08:00", bank's time
    reason: Annotated[str, Field(max_length=500)] = ""


class PushCreate(PushTimes):
    """Have the agents of `about` do `what`."""

    what: Literal["poll", "facts", "doctor", "spool", "assignment"]
    about: Annotated[str, Field(max_length=200)] = ""  # key of a position, branch or agent; "" is all


class PushOut(Schema):
    """A push and how far it is; `what` is "sweep" of an approved sweep. The counts by state add up to `total`."""

    uid: str
    what: str
    about: str
    about_name: str
    by: str
    at: int
    starts: int
    expires: int
    window: str
    reason: str
    opens: int | None = None  # it is not handed out now: before its start, or outside its hours; and from when it is
    total: int  # of what is about the whole bank, and seen by somebody of a branch: orders of their own agents
    counts: dict[OrderState, int]
    positions: int = 0  # of a poll: positions that were polled so far, and how many of them gave no reading
    unread: int = 0
    ended_at: int | None  # every order has ended
    cancelled_by: str | None = None


class FindingOut(Schema):
    what: str
    good: bool | None
    sentence: str
    mend: str


class OrderOut(Schema):
    """One agent's order. `why` is a sentence for people, "" of one that is done or under way."""

    uid: str
    agent: str
    agent_name: str
    branch: str
    branch_name: str
    state: OrderState
    why: str
    handed_at: int | None
    ended_at: int | None
    polls: dict[str, str]  # of a poll: key of each position, and "" or a sentence why it gave no reading
    findings: list[FindingOut]
    detail: dict[str, str | int]


class PushPage(Page):
    rows: list[PushOut]


class OrderPage(Page):
    rows: list[OrderOut]
