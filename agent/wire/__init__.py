"""What crosses the line between an agent and the server. A door: `server` knows the agent by this folder.

Every record stands for itself and carries three clocks: its number in the stream, the wall clock, and the boot clock
with the boot it counts from. Times are UTC µs (wall) and µs since boot (boot). Bodies are msgpack, or JSON where a
person wants to read them; either may be zstd-packed.
"""

from agent.wire.assignment import Assignment, Card, Lore, LoreLine, LorePosition, Polled, Steps
from agent.wire.batch import Ack, AnyRecord, Batch, Follows, Hindered, Refusal
from agent.wire.body import (
    BEHIND,
    BODY_LIMIT,
    BUILT,
    MEDIA_JSON,
    MEDIA_MSGPACK,
    PLAIN_LIMIT,
    RECORDS_LIMIT,
    VERSION,
    encode,
)
from agent.wire.clock import Clock, Exchange
from agent.wire.event import Break, Event, EventName
from agent.wire.identity import (
    Challenge,
    ChallengeAsk,
    Enrollment,
    EnrollmentAsk,
    IdentityAnswer,
    IdentityAsk,
    Introduction,
    IntroductionAsk,
    Rotation,
    RotationAsk,
    Token,
    TokenAsk,
)
from agent.wire.order import Finding, Order, OrderKind, Orders, Result, Why
from agent.wire.record import Record
from agent.wire.said import Entry, Fact, Told, Unread
from agent.wire.seen import Ahead, Failure, Held, Hold, State
from drivers.base import DeviceWord, Reading
from drivers.catalogue import Catalogue, Level, Number, Part, Title, Word, catalogue

__all__ = [
    "BEHIND",
    "BODY_LIMIT",
    "BUILT",
    "MEDIA_JSON",
    "MEDIA_MSGPACK",
    "PLAIN_LIMIT",
    "RECORDS_LIMIT",
    "VERSION",
    "Ack",
    "Ahead",
    "AnyRecord",
    "Assignment",
    "Batch",
    "Break",
    "Card",
    "Catalogue",
    "Challenge",
    "ChallengeAsk",
    "Clock",
    "DeviceWord",
    "Enrollment",
    "EnrollmentAsk",
    "Entry",
    "Event",
    "EventName",
    "Exchange",
    "Fact",
    "Failure",
    "Finding",
    "Follows",
    "Held",
    "Hindered",
    "Hold",
    "IdentityAnswer",
    "IdentityAsk",
    "Introduction",
    "IntroductionAsk",
    "Level",
    "Lore",
    "LoreLine",
    "LorePosition",
    "Number",
    "Order",
    "OrderKind",
    "Orders",
    "Part",
    "Polled",
    "Reading",
    "Record",
    "Refusal",
    "Result",
    "Rotation",
    "RotationAsk",
    "State",
    "Steps",
    "Title",
    "Token",
    "TokenAsk",
    "Told",
    "Unread",
    "Why",
    "Word",
    "catalogue",
    "encode",
]
