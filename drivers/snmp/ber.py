"""BER as SNMP has it, definite lengths only. Reading the answer by pyasn1 was four fifths of what a poll cost, so it is
read here, and tests hold this reader to pysnmp's. What is asked is encoded by pysnmp, once.
"""

from functools import lru_cache

Oid = tuple[int, ...]
Value = int | bytes | Oid
Element = tuple[int, int, int]  # tag, where the content begins, where it ends

INTEGER, OCTETS, NULL, OBJECT_ID, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
UNSIGNED = {0x41, 0x42, 0x43, 0x46, 0x47}  # Counter32, Gauge32, TimeTicks, Counter64, UInteger32
ABSENT = {NULL, 0x80, 0x81, 0x82}  # noSuchObject, noSuchInstance, endOfMibView


class BadMessage(Exception):
    """Octets that are no SNMP message, or one that is not to be believed."""


def tlv(tag: int, content: bytes) -> bytes:
    """One element."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def integer(value: int) -> bytes:
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


class Reader:
    """Reads one element after the other from `octets`, between `at` and `end`."""

    __slots__ = ("_at", "_end", "_octets")

    def __init__(self, octets: bytes, at: int = 0, end: int | None = None) -> None:
        self._octets = octets
        self._at = at
        self._end = len(octets) if end is None else end

    @property
    def more(self) -> bool:
        return self._at < self._end

    def element(self) -> Element:
        """The next element, whatever it is."""
        octets, at, end = self._octets, self._at, self._end
        if at + 2 > end:
            raise BadMessage("it ends too early")
        size = octets[at + 1]
        start = at + 2
        if size & 0x80:
            start += size & 0x7F
            if not 0 < start - at - 2 <= 4 or start > end:
                raise BadMessage("a length that is none")
            size = int.from_bytes(octets[at + 2 : start], "big")
        if start + size > end:
            raise BadMessage("it ends too early")
        self._at = start + size
        return octets[at], start, start + size

    def expect(self, tag: int) -> tuple[int, int]:
        found, start, stop = self.element()
        if found != tag:
            raise BadMessage(f"tag {found:02x} where {tag:02x} was due")
        return start, stop

    def inside(self, tag: int) -> "Reader":
        return Reader(self._octets, *self.expect(tag))

    def within(self, start: int, stop: int) -> "Reader":
        return Reader(self._octets, start, stop)

    def octets(self, tag: int = OCTETS) -> bytes:
        start, stop = self.expect(tag)
        return self._octets[start:stop]

    def integer(self) -> int:
        start, stop = self.expect(INTEGER)
        return _number(self._octets[start:stop], signed=True)

    def object_id(self) -> Oid:
        start, stop = self.expect(OBJECT_ID)
        return parse_object_id(self._octets[start:stop])

    def value(self) -> Value | None:
        tag, start, stop = self.element()
        return _value(tag, self._octets[start:stop])

    def bindings(self) -> list[tuple[Oid, Value | None]]:
        """The objects and values up to the end. Nearly every binding has its lengths in one octet each, and is read
        without a Reader of its own: most of what an answer costs is spent here."""
        octets, at, end = self._octets, self._at, self._end
        said = []
        while at < end:
            stop = at + 2 + octets[at + 1] if at + 6 <= end else end
            after = at + 4 + octets[at + 3] if at + 6 <= end else end  # where the value begins
            short = stop <= end and stop - at < 0x82 and after + 2 <= stop and after + 2 + octets[after + 1] == stop
            if short and octets[at] == SEQUENCE and octets[at + 2] == OBJECT_ID:
                said.append((parse_object_id(octets[at + 4 : after]), _value(octets[after], octets[after + 2 : stop])))
                at = stop
            else:
                self._at = at
                said.append(self._binding())
                at = self._at
        self._at = at
        return said

    def _binding(self) -> tuple[Oid, Value | None]:
        binding = self.inside(SEQUENCE)
        said = binding.object_id(), binding.value()
        binding.end()
        return said

    def end(self) -> None:
        if self.more:
            raise BadMessage(f"{self._end - self._at} octets too many")


def _value(tag: int, content: bytes) -> Value | None:
    """A value of a binding: None if the device has none. Counters are never negative, however they are encoded."""
    if tag == OCTETS:
        return content
    if tag == INTEGER or tag in UNSIGNED:
        return _number(content, signed=tag == INTEGER)
    if tag in ABSENT:
        return None
    return parse_object_id(content) if tag == OBJECT_ID else content


def _number(content: bytes, *, signed: bool) -> int:
    if not 0 < len(content) <= 9:
        raise BadMessage("a number of no octets, or of too many")
    return int.from_bytes(content, "big", signed=signed)


@lru_cache(maxsize=1 << 14)  # a poll meets the names it met before
def parse_object_id(content: bytes) -> Oid:
    numbers: list[int] = []
    number = 0
    for octet in content:
        number = number << 7 | octet & 0x7F
        if number >> 39:
            raise BadMessage("an object id with a number too large")
        if not octet & 0x80:
            numbers.append(number)
            number = 0
    if not content or content[-1] & 0x80:
        raise BadMessage("an object id that does not end")
    if len(numbers) > 128:
        raise BadMessage("an object id that is too long")
    first = min(numbers[0] // 40, 2)
    return (first, numbers[0] - 40 * first, *numbers[1:])
