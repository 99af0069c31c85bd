"""How bodies are written, and how large they may be."""

import msgspec

from agent.wire.assignment import Assignment
from agent.wire.batch import Ack, Batch
from agent.wire.identity import IdentityAsk
from agent.wire.order import Orders

VERSION = 1
BUILT = 1_735_689_600_000_000  # UTC µs, 2025-01-01: no machine that runs this lives earlier; releases move it on
BEHIND = "Branchfleet-Behind"  # a header: of an agent behind which much waits, which can wait a little longer
MEDIA_MSGPACK = "application/msgpack"
MEDIA_JSON = "application/json"
BODY_LIMIT = 1 << 20  # bytes of a batch as sent
PLAIN_LIMIT = 8 << 20  # bytes of a batch unpacked
RECORDS_LIMIT = 2000  # records in one batch


def encode(body: Batch | Ack | Assignment | Orders | IdentityAsk) -> bytes:
    """msgpack of `body`."""
    return msgspec.msgpack.encode(body)
