"""As much of the Internet Printing Protocol as it takes to ask a print service how a queue is (RFC 8010, RFC 8011).

Only Get-Printer-Attributes and Get-Jobs are asked, which change nothing. Blocking: call it from a thread.
"""

import http.client
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from drivers.errors import Garbled, NotSupported, Reason, Refused, Unreachable

GET_JOBS = 0x000A
GET_PRINTER_ATTRIBUTES = 0x000B
SECONDS = 2.0  # from the question's first byte to the answer's last: it comes from this machine
LIMIT = 1 << 20  # bytes of one answer
_PORT = 631
_OPERATION, _END = 0x01, 0x03
_INTEGER, _BOOLEAN, _ENUM = 0x21, 0x22, 0x23
_KEYWORD, _URI, _CHARSET, _LANGUAGE = 0x44, 0x45, 0x47, 0x48
_NOT_FOUND = 0x0406

Value = int | bool | str
Group = dict[str, list[Value]]  # attribute -> its values


def ask(operation: int, uri: str, wanted: list[str]) -> list[Group]:
    """The groups of attributes that answer, the operation's own left out. A DeviceError if there is no such answer."""
    place = urlsplit(uri)
    link = _Connection(place.hostname or "", place.port or _PORT, timeout=SECONDS)
    try:
        link.request("POST", place.path, question(operation, uri, wanted), {"Content-Type": "application/ipp"})
        answer = link.getresponse()
        body = answer.read(LIMIT + 1)
    except ConnectionRefusedError as error:
        raise Unreachable(Reason.CONNECTION_REFUSED, f"no print service answers at {place.netloc}") from error
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(Reason.NO_ANSWER, f"the print service at {place.netloc} does not answer: {error}") from error
    finally:
        link.close()
    if answer.status != http.client.OK:
        raise Refused(Reason.NEGATIVE_ANSWER, f"the print service at {place.netloc} says HTTP {answer.status}")
    if len(body) > LIMIT:
        raise Garbled(Reason.TOO_LONG, "the print service's answer is too long")
    return parse(body)


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = _Line(socket.create_connection((self.host, self.port), timeout=SECONDS))


class _Line(socket.socket):
    """Reads until SECONDS are over. A socket's own time-out begins anew with each byte a service drips."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__(connected.family, connected.type, connected.proto, connected.detach())
        self._until = time.monotonic() + SECONDS
        self.settimeout(SECONDS)

    def recv_into(self, *words: Any) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left)
        return super().recv_into(*words)


def question(operation: int, uri: str, wanted: list[str]) -> bytes:
    head = struct.pack(">BBHI", 1, 1, operation, 1)
    body = _attribute(_CHARSET, "attributes-charset", "utf-8")
    body += _attribute(_LANGUAGE, "attributes-natural-language", "en")
    body += _attribute(_URI, "printer-uri", uri)
    for number, name in enumerate(wanted):
        body += _attribute(_KEYWORD, "" if number else "requested-attributes", name)
    return head + bytes([_OPERATION]) + body + bytes([_END])


def _attribute(tag: int, name: str, value: str) -> bytes:
    said, text = name.encode(), value.encode()
    return struct.pack(">BH", tag, len(said)) + said + struct.pack(">H", len(text)) + text


def parse(answer: bytes) -> list[Group]:
    """The groups of a successful answer. Values of kinds nobody here asks for are left out."""
    if len(answer) < 9:
        raise Garbled(Reason.BAD_FRAME, "the print service's answer is too short", raw=answer)
    status = int.from_bytes(answer[2:4], "big")
    if status == _NOT_FOUND:
        raise NotSupported(Reason.NOT_IN_DEVICE, "the print service has no such queue", raw=answer[:256])
    if status >= 0x0100:
        raise Refused(Reason.NEGATIVE_ANSWER, f"the print service refuses (status {status:04x})", raw=answer[:256])
    groups: list[tuple[int, Group]] = []
    name = ""
    for tag, said, value in _items(answer):
        if tag < 0x10:
            groups.append((tag, {}))
            name = ""
            continue
        if not groups or not (said or name):
            raise Garbled(Reason.BAD_FRAME, "the print service's answer has a value of nothing", raw=answer[:256])
        name = said or name
        if (read := _value(tag, value)) is not None:
            groups[-1][1].setdefault(name, []).append(read)
    return [group for tag, group in groups if tag != _OPERATION]


def _items(answer: bytes) -> Iterator[tuple[int, str, bytes]]:
    """Tag, name and value, up to the end tag; a delimiter has neither name nor value."""
    at = 8
    while at < len(answer):
        tag = answer[at]
        at += 1
        if tag == _END:
            return
        if tag < 0x10:
            yield tag, "", b""
            continue
        name, at = _counted(answer, at)
        value, at = _counted(answer, at)
        yield tag, name.decode("utf-8", errors="replace"), value
    raise Garbled(Reason.BAD_FRAME, "the print service's answer has no end", raw=answer[:256])


def _counted(answer: bytes, at: int) -> tuple[bytes, int]:
    start = at + 2
    end = start + int.from_bytes(answer[at:start], "big")
    if start > len(answer) or end > len(answer):
        raise Garbled(Reason.BAD_FRAME, "the print service's answer is cut off", raw=answer[:256])
    return answer[start:end], end


def _value(tag: int, value: bytes) -> Value | None:
    if tag in (_INTEGER, _ENUM) and len(value) == 4:
        return int.from_bytes(value, "big", signed=True)
    if tag == _BOOLEAN and len(value) == 1:
        return value != b"\0"
    if 0x40 <= tag < 0x60:  # character strings
        return value.decode("utf-8", errors="replace")
    return None


def number(group: Mapping[str, list[Value]], name: str) -> int | None:
    """The one number called `name`, if it is there."""
    found = group.get(name, [])
    return found[0] if found and type(found[0]) is int else None
