"""What an agent can be asked to do, and what becomes of it."""

from enum import StrEnum

import msgspec

from agent.wire.clock import Clock
from agent.wire.record import Record


class OrderKind(StrEnum):
    """What an agent can be asked to do. None of them changes a device or the PC."""

    POLL = "poll"  # poll positions now
    FACTS = "facts"  # tell what this host, and the positions that are hosts, say of themselves
    DOCTOR = "doctor"  # look the agent over, and tell what was found
    SPOOL = "spool"  # tell how the spool stands
    ASSIGNMENT = "assignment"  # fetch the assignment anew


class Why(StrEnum):
    """Why an order was not done."""

    UNKNOWN = "unknown"  # refused: this agent is older than the order, and does not know its kind
    NOT_MINE = "notMine"  # refused: none of the positions is of this agent
    LATE = "late"  # expired: it could not be begun in time
    CANCELLED = "cancelled"  # it was withdrawn before it was begun
    INTERRUPTED = "interrupted"  # failed: the agent ended in the middle of it; it is not begun again
    TIME = "time"  # failed: it took too long
    ERROR = "error"  # failed: `said` says how


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing a doctor looked at: a sentence, and what mends it, for people."""

    what: str
    good: bool | None  # None: it cannot be told
    zh: str
    en: str
    mend_zh: str = ""
    mend_en: str = ""


class Result(Record, frozen=True, kw_only=True, tag="result", omit_defaults=True):
    """What became of an order: done, or `why` not."""

    order: str  # its uid
    done: bool
    why: str = ""  # a Why
    said: str = ""  # one sentence about an error
    began: Clock | None = None  # the record's own clock is when it ended
    # of POLL and FACTS: each position, and "" or why it gave nothing: a `Failure.reason`, or Why.NOT_MINE. Those that
    # gave nothing come first: where a record has no room for all, `detail` still counts them (polled, unread)
    polls: dict[str, str] = {}
    findings: list[Finding] = []  # of DOCTOR
    detail: dict[str, str | int] = {}  # figures of SPOOL, and of POLL


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something to be done once, and answered by a Result. It may be told again until the result is here."""

    uid: str
    what: str  # an OrderKind, or one that is not known yet
    seconds: float  # it may still be begun so long after the answer came
    # of POLL; none is all there are. Of FACTS; the agent's own key is its PC, none is the PC and all that tell
    positions: list[str] = []


class Orders(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of GET /api/agent/orders: at once if there are any, else as late as was asked for, and then empty."""

    orders: list[Order] = []
    cancelled: list[str] = []  # uids that are not to be begun any more
    came: int = 0  # the server's clock when the request came, UTC µs
    server: int = 0  # and when it answered
