"""Records on their way, and the answer to them."""

from enum import StrEnum

import msgspec

from agent.wire.clock import Clock, Exchange
from agent.wire.event import Event
from agent.wire.order import Result
from agent.wire.said import Entry, Fact
from agent.wire.seen import Ahead, Hold, State

AnyRecord = State | Hold | Event | Result | Fact | Entry


class Hindered(StrEnum):
    """Why an agent cannot keep records."""

    FULL = "full"  # its disk is
    UNWRITABLE = "unwritable"  # its disk fails, or takes nothing from it


class Follows(msgspec.Struct, frozen=True):
    """The stream that another goes on from: numbers below `first` count in it, and never come in the other."""

    stream: str  # "" where it is not known any more
    first: int


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One POST to /api/agent/records."""

    version: int
    stream: str  # random id
    follows: Follows | None = None  # with every batch of a stream that goes on from another
    sent: Clock
    records: list[AnyRecord]
    exchange: Exchange | None = None
    boots: list[Clock] = []  # earlier boots that records still to be held are of, in order: each one's last record
    waiting: int = 0  # records still in the spool after this batch
    agent_version: str = ""
    ahead: list[Ahead] = []  # while records wait: of every position
    hindered: str = ""  # a Hindered: nothing can be written down there now, and what was seen waits in memory


class Refusal(msgspec.Struct, frozen=True):
    """A record the server will never take. It counts as received, so the agent lets it go."""

    seq: int
    why: str


class Ack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a batch, sent after the durable commit."""

    epoch: str  # of the server's database; a new one means an older database came back
    stream: str
    received: list[tuple[int, int]]  # every range of this stream the server holds, ends included
    server: int  # the server's clock when it answered, UTC µs
    came: int = 0  # and when the request came, before its body was read
    assignment: str  # revision of the assignment this agent should have
    refused: list[Refusal] = []
    wait: float = 0.0  # seconds before more of what waits may be sent: a thousand agents may be catching up
