"""What a host tells of itself when nobody logs in to it: one document, posted or carried on a stick, signed by its key.

    branchfleet-facts 1
    position=1001/pc-7
    time=1790000000                        seconds UTC, by the host's clock
    nonce=...                              the agent's, of a post; the host's own, of a stick
    script=facts.sh 8047d4f0...            and its SHA-256

    BEGIN-FACTS
    ...                                    what the script said
    END-FACTS
    signature=...                          HMAC-SHA256 over every byte before this line

Pure, and below a server as well as an agent: both open it.
"""

import hashlib
import hmac
import re
from typing import Final, NamedTuple

from drivers.base import FactSheet
from drivers.errors import Garbled, Reason
from drivers.host import script
from drivers.host.told import sheets_of

LONGEST: Final = (1 << 20) + 4096  # bytes
MARKERS: Final = script.Markers(b"BEGIN-FACTS", b"END-FACTS")
FAMILY: Final = {script.FACTS: "linux", script.WINDOWS: "win32"}
_BLOCK: Final = 64  # bytes, of SHA-256 (RFC 2104)
_HEAD: Final = re.compile(
    rb"branchfleet-facts 1\nposition=([a-z0-9][a-z0-9./-]{0,129})\ntime=([0-9]{1,11})\nnonce=([0-9a-f]{16,96})\n"
    rb"script=([a-z0-9.-]{1,32}) ([0-9a-f]{64})\n\n"
)
_SIGNED: Final = re.compile(rb"\nsignature=([0-9a-f]{64})\n\Z")


class Document(NamedTuple):
    position: str
    at: int  # UTC µs by the host's clock, which may be wrong
    nonce: str
    script: str
    sha256: str
    said: bytes  # with its markers


def claimed(raw: bytes) -> str | None:
    """The position a document says it is of; None if it is none. Nobody vouches for it yet."""
    head = _HEAD.match(raw)
    return head[1].decode("ascii") if head and len(raw) <= LONGEST else None


def opened(raw: bytes, key: bytes) -> Document | None:
    """The document if `key` signed it, else None."""
    head, signed = _HEAD.match(raw), _SIGNED.search(raw[-76:])
    if head is None or signed is None or len(raw) > LONGEST:
        return None
    body = raw[: len(raw) - 75]  # the last line is 75 bytes
    if not hmac.compare_digest(_signature(body, key), signed[1]):
        return None
    position, at, nonce, name, sha256 = (part.decode("ascii") for part in head.groups())
    return Document(position, int(at) * 1_000_000, nonce, name, sha256, body[head.end() :])


def written(document: Document, key: bytes) -> bytes:
    """As a host writes it."""
    body = (
        f"branchfleet-facts 1\nposition={document.position}\ntime={document.at // 1_000_000}\nnonce={document.nonce}\n"
        f"script={document.script} {document.sha256}\n\n"
    ).encode("ascii") + document.said
    return body + b"signature=%s\n" % _signature(body, key)


def sheets(document: Document) -> list[FactSheet]:
    """What it tells. Garbled if it is not what a script of ours says, of this release or an earlier, or not all."""
    name, sha256 = document.script, document.sha256
    if name not in FAMILY or not script.is_known(name, sha256):
        raise Garbled(
            Reason.UNKNOWN_SCRIPT,
            f"its script {name} {sha256[:12]} is changed, newer than this agent, or too old: "
            f"write it anew with `branchfleet-server host-script {document.position}`",
        )
    said = script.between(document.said, MARKERS)
    if said is None:
        raise Garbled(Reason.UNREADABLE_OUTPUT, "the script was cut off", raw=document.said[:1024])
    return sheets_of(said, FAMILY[document.script], document.script, document.sha256)


def pads(key: bytes) -> tuple[bytes, bytes]:
    """The two blocks a key becomes (RFC 2104): with them a shell signs by sha256sum alone."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def _signature(body: bytes, key: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).hexdigest().encode("ascii")
