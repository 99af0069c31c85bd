"""What every record has."""

import msgspec

from agent.wire.clock import Clock


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """The base of all records. `seq` counts from 1 within the stream, without holes."""

    seq: int
    clock: Clock
