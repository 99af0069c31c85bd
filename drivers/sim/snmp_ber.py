"""The answering end of SNMPv1 and v2c in BER, by hand: a second implementation beside pysnmp's, at a tenth of its cost.

Only what a simulator needs: GET, GETNEXT and GETBULK in, a response out.
"""

from typing import NamedTuple

Oid = tuple[int, ...]

GET, NEXT, RESPONSE, BULK = 0xA0, 0xA1, 0xA2, 0xA5
TAGS = {
    "integer": 0x02,
    "octets": 0x04,
    "oid": 0x06,
    "address": 0x40,
    "counter": 0x41,
    "gauge": 0x42,
    "ticks": 0x43,
    "counter64": 0x46,
}
NO_SUCH_INSTANCE, END_OF_VIEW = b"\x81\x00", b"\x82\x00"
NO_ERROR, TOO_BIG, NO_SUCH_NAME = 0, 1, 2


class Request(NamedTuple):
    version: int  # 0: v1, 1: v2c
    community: bytes
    kind: int
    request_id: int
    first: int  # non-repeaters of a GETBULK
    repeats: int  # max-repetitions of a GETBULK
    oids: list[Oid]


def parse_request(octets: bytes) -> Request:
    """ValueError for anything that is not a request of v1 or v2c."""
    message = _Reader(octets).inside(0x30)
    version = message.integer()
    community = message.take(0x04)
    kind = message.peek()
    if version not in (0, 1) or kind not in (GET, NEXT, BULK):
        raise ValueError("no request of SNMPv1 or v2c")
    pdu = message.inside(kind)
    request_id, first, repeats = pdu.integer(), pdu.integer(), pdu.integer()
    bindings = pdu.inside(0x30)
    oids = []
    while bindings.left:
        binding = bindings.inside(0x30)
        oids.append(_oid(binding.take(0x06)))
    return Request(version, community, kind, request_id, first, repeats, oids)


def encode_response(request: Request, bindings: list[tuple[Oid, bytes]], status: int = 0, index: int = 0) -> bytes:
    """The answer to `request`; `bindings` are names with values already encoded."""
    listed = b"".join(tlv(0x30, encode("oid", oid) + value) for oid, value in bindings)
    pdu = _integer(request.request_id) + _integer(status) + _integer(index) + tlv(0x30, listed)
    return tlv(0x30, _integer(request.version) + tlv(0x04, request.community) + tlv(RESPONSE, pdu))


def encode(kind: str, value: int | bytes | Oid) -> bytes:
    """One value of a kind in TAGS."""
    match value:
        case bytes():
            return tlv(TAGS[kind], value)
        case tuple():
            return tlv(TAGS[kind], _base128(40 * value[0] + value[1]) + b"".join(map(_base128, value[2:])))
    return tlv(TAGS[kind], _two_complement(value))


def tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _integer(value: int) -> bytes:
    return tlv(0x02, _two_complement(value))


def _two_complement(value: int) -> bytes:
    return value.to_bytes((value.bit_length() if value >= 0 else (~value).bit_length()) // 8 + 1, "big", signed=True)


def _base128(number: int) -> bytes:
    octets = [number & 0x7F]
    while number := number >> 7:
        octets.append(number & 0x7F | 0x80)
    return bytes(reversed(octets))


def _oid(octets: bytes) -> Oid:
    numbers: list[int] = []
    number = 0
    for octet in octets:
        number = number << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(number)
            number = 0
    if not numbers or octets[-1] & 0x80:
        raise ValueError("an object id that does not end")
    first = min(numbers[0] // 40, 2)
    return (first, numbers[0] - 40 * first, *numbers[1:])


class _Reader:
    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._octets) - self._at

    def peek(self) -> int:
        if not self.left:
            raise ValueError("cut off")
        return self._octets[self._at]

    def take(self, tag: int) -> bytes:
        if self.left < 2 or self._octets[self._at] != tag:
            raise ValueError(f"no element {tag:02x}")
        size = self._octets[self._at + 1]
        start = self._at + 2
        if size & 0x80:
            end = start + (size & 0x7F)
            size, start = int.from_bytes(self._octets[start:end], "big"), end
        if start + size > len(self._octets):
            raise ValueError("cut off")
        self._at = start + size
        return self._octets[start : self._at]

    def integer(self) -> int:
        return int.from_bytes(self.take(0x02), "big", signed=True)

    def inside(self, tag: int) -> "_Reader":
        return _Reader(self.take(tag))
