"""What crosses the line between an agent and the server. A door: `server` knows the agent by this file.

Every record stands for itself and carries three clocks: its number in the stream, the wall clock, and the boot clock
with the boot it counts from. Times are UTC µs (wall) and µs since boot (boot). Bodies are msgpack, or JSON where a
person wants to read them; either may be zstd-packed.
"""

from enum import StrEnum

import msgspec

from drivers.base import DeviceWord, Reading
from drivers.catalogue import Catalogue, Level, Number, Part, Title, Word, catalogue

__all__ = ["Catalogue", "DeviceWord", "Level", "Number", "Part", "Reading", "Title", "Word", "catalogue"]

VERSION = 1
MEDIA_MSGPACK = "application/msgpack"
MEDIA_JSON = "application/json"
BODY_LIMIT = 1 << 20  # bytes of a batch as sent
PLAIN_LIMIT = 8 << 20  # bytes of a batch unpacked
RECORDS_LIMIT = 2000  # records in one batch


class Clock(msgspec.Struct, frozen=True):
    """One instant by both clocks of one machine."""

    wall: int  # UTC µs; may jump
    boot: int  # µs since boot; never jumps
    boot_id: str


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a poll gave no reading: `DeviceError.kind` and `Reason`, one English sentence, and the bytes received."""

    kind: str
    reason: str
    detail: str
    raw: bytes = b""


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """The base of all records. `seq` counts from 1 within the stream, without holes."""

    seq: int
    clock: Clock


class State(Record, frozen=True, kw_only=True, tag="state", omit_defaults=True):
    """A whole reading of one position, sent because it differs from the last. Never a delta.

    A poll that failed is a state too: `failure` says why, and `reading.device` is the word that follows from it.
    """

    position: str  # "branch-code/position-slug", or "branch-code/line/line-key" of a line
    reading: Reading
    failure: Failure | None = None


class Held(msgspec.Struct, frozen=True, array_like=True):
    """How often one position was polled since the last hold without a change: answered, and failed."""

    good: int
    failed: int


class Hold(Record, frozen=True, kw_only=True, tag="hold"):
    """One a minute for all positions that stayed as they were, from `since` (boot µs) to this record's clock."""

    since: int
    held: dict[str, Held]


class EventName(StrEnum):
    START = "start"  # the agent began; detail: version, host, python
    GOODBYE = "goodbye"  # the agent ends on purpose; detail: reason
    # Records are sent in the order of their numbers, so what has not come of from..to when one of these two is read,
    # never will; `count` says how many that are. detail: from, to, count, reason
    GAP = "gap"  # records were lost
    THINNING = "thinning"  # holds were merged into later ones: nothing is lost but their number
    MEDIA = "mediaInserted"
    NEW_STREAM = "newStream"  # the last spool could not be continued, this is another; detail: reason, was (its stream)


class Event(Record, frozen=True, kw_only=True, tag="event", omit_defaults=True):
    name: EventName
    position: str | None = None
    detail: dict[str, str | int] = {}


class Result(Record, frozen=True, kw_only=True, tag="result", omit_defaults=True):
    """What became of an order."""

    order: str
    done: bool
    detail: dict[str, str | int] = {}


class Fact(Record, frozen=True, kw_only=True, tag="fact", omit_defaults=True):
    """What a host says of itself."""

    host: str
    facts: dict[str, str | int | list[str]]


AnyRecord = State | Hold | Event | Result | Fact


class Exchange(msgspec.Struct, frozen=True):
    """The last completed exchange with the server, for estimating the offset of the two clocks.

    `sent` and `received` are the agent's boot clock around the request, `server` is the time the answer carried.
    """

    boot_id: str
    sent: int
    received: int
    server: int


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One POST to /api/agent/records."""

    version: int
    stream: str  # random id minted with the spool file
    sent: Clock
    records: list[AnyRecord]
    exchange: Exchange | None = None
    waiting: int = 0  # records still in the spool after this batch
    agent_version: str = ""


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
    assignment: str  # revision of the assignment this agent should have
    refused: list[Refusal] = []


class Polled(msgspec.Struct, frozen=True, kw_only=True):
    """One position an agent is to poll."""

    position: str
    name: str
    driver: str
    address: str
    options: dict[str, object]  # secrets filled in
    interval: float  # seconds
    secret: list[str] = []  # names of the options that hold secrets, for nobody to show or log


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an agent is to do. GET /api/agent/assignment; cached by the agent."""

    agent: str
    revision: str  # digest of the rest
    polled: list[Polled]
    hold_every: float = 60.0  # seconds
    server: int = 0  # the server's clock when it answered, UTC µs; not part of the revision


def encode(body: Batch | Ack | Assignment) -> bytes:
    """msgpack of `body`."""
    return msgspec.msgpack.encode(body)
