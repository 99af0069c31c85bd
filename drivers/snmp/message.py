"""SNMP messages to and from octets, by pysnmp's classes for the PDUs and pyasn1's decoder. No MIB is looked at.

What is asked is encoded once: a `Question` keeps its PDU, and only the four octets of the request id change.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from pyasn1.codec.ber import decoder, encoder
from pyasn1.type import univ
from pysnmp.proto import rfc1901
from pysnmp.proto.api import v2c

from drivers.snmp.profile import Oid
from drivers.snmp.reading import Value

VERSIONS = {"1": 0, "2c": 1, "3": 3}
FIRST_ID = 0x01000000  # request ids from here to LAST_ID always take four octets
LAST_ID = 0x7FFFFFFF
_MARK = 0x5AC3F00D
_MARKED = b"\x02\x04" + _MARK.to_bytes(4, "big")


class BadMessage(Exception):
    """Octets that are no SNMP message."""


class Kind(Enum):
    GET = v2c.GetRequestPDU
    NEXT = v2c.GetNextRequestPDU
    BULK = v2c.GetBulkRequestPDU


@dataclass(frozen=True)
class Question:
    """What one request asks: the values of `oids`, what comes next after each, or `repeats` times what comes next."""

    kind: Kind
    oids: tuple[Oid, ...]
    repeats: int = 0

    def pdu(self, request_id: int) -> bytes:
        head, tail = self._halves
        return head + request_id.to_bytes(4, "big") + tail

    @cached_property
    def _halves(self) -> tuple[bytes, bytes]:
        """The PDU before and behind the request id, which is the first thing in it."""
        pdu = self.kind.value()
        api = v2c.apiBulkPDU if self.kind is Kind.BULK else v2c.apiPDU
        api.set_defaults(pdu)
        if self.kind is Kind.BULK:
            api.set_non_repeaters(pdu, 0)
            api.set_max_repetitions(pdu, self.repeats)
        api.set_request_id(pdu, _MARK)
        api.set_varbinds(pdu, [(oid, v2c.null) for oid in self.oids])
        head, _, tail = encoder.encode(pdu).partition(_MARKED)
        return head + _MARKED[:2], tail


@dataclass(frozen=True)
class Answer:
    """A response PDU. `said` has None where the device has no such object or instance, or nothing comes next."""

    request_id: int
    status: int
    index: int
    said: list[tuple[Oid, Value | None]]
    report: bool = False


def tlv(tag: int, content: bytes) -> bytes:
    """One BER element of definite length."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def encode_community(version: str, community: bytes, pdu: bytes) -> bytes:
    """A message of SNMPv1 or v2c."""
    return tlv(0x30, integer(VERSIONS[version]) + tlv(0x04, community) + pdu)


def version_of(octets: bytes) -> int:
    """The version a message says it has: 0, 1 or 3. BadMessage if it has none."""
    if len(octets) < 2 or octets[0] != 0x30:
        raise BadMessage("not a BER sequence")
    at = 2 + (octets[1] & 0x7F if octets[1] & 0x80 else 0)
    if octets[at : at + 2] != b"\x02\x01" or octets[at + 2 : at + 3] not in (b"\x00", b"\x01", b"\x03"):
        raise BadMessage("no SNMP version")
    return octets[at + 2]


def decode_community(octets: bytes) -> tuple[bytes, Answer]:
    """The community and the response in a message of SNMPv1 or v2c."""
    message = decode(octets, rfc1901.Message())
    return bytes(message[1]), read_pdu(message[2].getComponent())


def decode(octets: bytes, spec: Any, *, padded: bool = False) -> Any:
    """The octets as pysnmp's class has them. BadMessage for anything that does not fit."""
    try:
        message, rest = decoder.decode(octets, asn1Spec=spec)
    except Exception as error:  # the border to a decoder of what strangers send: it raises what it likes
        raise BadMessage(f"{type(error).__name__}: {error}"[:200]) from None
    if rest and not padded:
        raise BadMessage(f"{len(rest)} octets too many")
    return message


def read_pdu(pdu: Any) -> Answer:
    report = isinstance(pdu, v2c.ReportPDU)
    if not report and not isinstance(pdu, v2c.ResponsePDU):
        raise BadMessage(f"a {type(pdu).__name__} where a response was due")
    try:
        said = [(name.asTuple(), _value(value)) for name, value in v2c.apiPDU.get_varbinds(pdu)]
        status, index = int(pdu[1]), int(pdu[2])
        return Answer(int(pdu[0]), status, index, said, report)
    except Exception as error:  # the same border: a PDU may decode and yet lack what it is made of
        raise BadMessage(f"{type(error).__name__}: {error}"[:200]) from None


def _value(value: Any) -> Value | None:
    match value:
        case univ.Null():
            return None
        case univ.OctetString():
            octets: bytes = value.asOctets()
            return octets
        case univ.ObjectIdentifier():
            return tuple(map(int, value.asTuple()))
        case univ.Integer():
            return int(value)
    raise BadMessage(f"a value of {type(value).__name__}")


def increasing(oids: Iterable[Oid]) -> bool:
    """Whether a walk gets on; a device that goes in circles would be walked for ever."""
    last: Oid = ()
    for oid in oids:
        if oid <= last:
            return False
        last = oid
    return True
