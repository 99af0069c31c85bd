"""Questions to octets by pysnmp, answers from octets by `ber.py`. No MIB is looked at.

What is asked is encoded once: a `Question` keeps its PDU, and only the four octets of the request id change.
"""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from pyasn1.codec.ber import encoder
from pysnmp.proto.api import v2c

from drivers.snmp.ber import SEQUENCE, BadMessage, Reader, integer, tlv
from drivers.snmp.profile import Oid
from drivers.snmp.reading import Value

VERSIONS = {"1": 0, "2c": 1, "3": 3}
FIRST_ID = 0x01000000  # request ids from here to LAST_ID always take four octets
LAST_ID = 0x7FFFFFFF
RESPONSE, REPORT = 0xA2, 0xA8
_MARK = 0x5AC3F00D
_MARKED = b"\x02\x04" + _MARK.to_bytes(4, "big")


class Kind(Enum):
    GET = v2c.GetRequestPDU
    NEXT = v2c.GetNextRequestPDU
    BULK = v2c.GetBulkRequestPDU


@dataclass(frozen=True)
class Question:
    """What one request asks: the values of `oids`, what comes next after each, or `repeats` times what comes next.
    `guessed`: the device has not been seen to have them all."""

    kind: Kind
    oids: tuple[Oid, ...]
    repeats: int = 0
    guessed: bool = False

    def pdu(self, request_id: int) -> bytes:
        head, tail = self._halves
        return head + request_id.to_bytes(4, "big") + tail

    @cached_property
    def names(self) -> list[str]:
        """The objects in dotted digits."""
        return [".".join(map(str, oid)) for oid in self.oids]

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


def encode_community(version: str, community: bytes, pdu: bytes) -> bytes:
    """A message of SNMPv1 or v2c."""
    return tlv(SEQUENCE, integer(VERSIONS[version]) + tlv(0x04, community) + pdu)


def open_message(octets: bytes) -> tuple[int, Reader]:
    """The version of a message, and the rest of it. BadMessage if it is none of ours."""
    outer = Reader(octets)
    message = outer.inside(SEQUENCE)
    outer.end()
    version = message.integer()
    if version not in VERSIONS.values():
        raise BadMessage(f"SNMP of version {version}")
    return version, message


def read_community(message: Reader) -> Answer:
    """The response in what follows the version in a message of SNMPv1 or v2c."""
    message.octets()  # the community, which the request id makes superfluous
    answer = read_pdu(message)
    message.end()
    return answer


def read_pdu(message: Reader) -> Answer:
    tag, start, stop = message.element()
    if tag not in (RESPONSE, REPORT):
        raise BadMessage(f"a PDU of type {tag:02x} where a response was due")
    pdu = message.within(start, stop)
    request_id, status, index = pdu.integer(), pdu.integer(), pdu.integer()
    bindings = pdu.inside(SEQUENCE)
    pdu.end()
    return Answer(request_id, status, index, bindings.bindings(), report=tag == REPORT)
