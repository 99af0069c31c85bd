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
    SWEEP = "sweep"  # ask the addresses of a network of this PC by ARP, one after another


class Why(StrEnum):
    """Why an order was not done."""

    UNKNOWN = "unknown"  # refused: this agent is older than the order, and does not know its kind
    NOT_MINE = "notMine"  # refused: none of the positions is of this agent
    LATE = "late"  # expired: it could not be begun in time
    OFF_WIRE = "offWire"  # refused: the network to be swept is none of this PC's; `said` names those
    CANCELLED = "cancelled"  # it was withdrawn before it was begun
    STOPPED = "stopped"  # cancelled: it was under way, and is a kind that can be stopped
    INTERRUPTED = "interrupted"  # failed: the agent ended in the middle of it; it is not begun again
    TIME = "time"  # failed: it took too long
    BUSY = "busy"  # failed: another sweep was under way
    TABLE_UNREAD = "tableUnread"  # failed: the system's networks or neighbours cannot be read; `said` is an Unread
    TABLE_FULL = "tableFull"  # failed: the system's table of neighbours ran full, and the sweep ended
    NOT_SENT = "notSent"  # failed: an address could not be asked, and the sweep ended; `said` says which and why
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
    detail: dict[str, str | int] = {}  # figures of SPOOL, POLL and SWEEP


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something to be done once, and answered by a Result. It may be told again until the result is here."""

    uid: str
    what: str  # an OrderKind, or one that is not known yet
    seconds: float  # it may still be begun so long after the answer came
    # of POLL; none is all there are. Of FACTS; the agent's own key is its PC, none is the PC and all that tell
    positions: list[str] = []
    prefix: str = ""  # of SWEEP: 10.1.1.0/24
    rate: int = 0  # of SWEEP: addresses a second


class Orders(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of GET /api/agent/orders: at once if there are any, else as late as was asked for, and then empty."""

    orders: list[Order] = []
    cancelled: list[str] = []  # uids that are not to be begun any more
    came: int = 0  # the server's clock when the request came, UTC µs
    server: int = 0  # and when it answered
