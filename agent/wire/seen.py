"""What polls saw, and for how long it stayed so."""

import msgspec

from agent.wire.record import Record
from drivers.base import Reading


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a poll gave no reading: `DeviceError.kind` and `Reason`, one English sentence, and the bytes received."""

    kind: str
    reason: str
    detail: str
    raw: bytes = b""


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


class Ahead(msgspec.Struct, frozen=True):
    """How a position stands now, told while the records that lead there still wait; its record comes in its turn."""

    state: State  # without a number
    held: int  # boot µs it was last found so, on the boot of the state's clock
