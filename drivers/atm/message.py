"""XFS4IoT messages: one JSON object of a header and a payload in each websocket frame.

    command -> acknowledge -> event, as many as there are -> completion      all with the requestId of the command
    unsolicited                                                              at any time, with none

Two generations are in the field. Release 2021-1 puts completionCode, errorDescription and an acknowledgement's status
into the payload, and a command's timeout too; later ones put them into the header, send no payload with a command, and
may leave out a completionCode that would be "success". What is read here is read in either place.

Only the three COMMANDS are ever made: none moves anything, changes a state, or needs a token.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from drivers.base import RAW_LIMIT
from drivers.errors import Garbled, Reason

GET_SERVICES = "ServicePublisher.GetServices"
STATUS = "Common.Status"
GET_STORAGE = "Storage.GetStorage"
COMMANDS = frozenset({GET_SERVICES, STATUS, GET_STORAGE})
# A service may take one version of a command and no other. The newest in the field first, then 2021-1, then 2024.
VERSIONS = ("2.0", "1.0", "3.0")
OF_2021 = "1.0"
SUCCESS = "success"
# How a service says that it does not take this version of a command; which of them it chooses differs by maker.
NOT_TAKEN = frozenset({"unsupportedCommand", "invalidCommand", "internalError", "invalidData", "invalidMessage"})

# Unsolicited messages after which a poll would read something else. The others tell of a customer's banknotes and keys.
_NEWS = re.compile(
    r"Common\.(StatusChanged|Error|DevicePosition)Event"
    r"|Storage\.\w+Event"
    r"|Printer\.\w*(Threshold|BinStatus)Event"
    r"|CardReader\.Media\w+Event"
    r"|CashManagement\.(SafeDoor|Shutter)\w+Event"
    r"|(Auxiliaries|VendorMode)\.\w+Event"
)


@dataclass(frozen=True)
class Message:
    """What came. `code` is "" where none was given; `refusal` is the status of an acknowledgement that says no."""

    kind: str  # acknowledge, event, completion, unsolicited
    name: str
    request: int | None
    payload: Mapping[str, Any]
    code: str = ""
    refusal: str = ""
    description: str = ""

    @property
    def is_news(self) -> bool:
        """Whether a poll is worth it now."""
        return self.kind == "unsolicited" and _NEWS.fullmatch(self.name) is not None


def command(name: str, request: int, version: str, seconds: float) -> str:
    """The text of a command that shall take no longer than `seconds`."""
    if name not in COMMANDS:
        raise ValueError(f"{name} is never sent")
    milliseconds = int(seconds * 1000)
    header: dict[str, Any] = {"type": "command", "name": name, "requestId": request, "version": version}
    if version == OF_2021:
        return msgspec.json.encode({"header": header, "payload": {"timeout": milliseconds}}).decode()
    return msgspec.json.encode({"header": {**header, "timeout": milliseconds}}).decode()


def parse(frame: bytes) -> Message:
    """The message in a frame, or Garbled."""
    try:
        told = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _garbled(frame, "is not JSON") from error
    header = told.get("header") if isinstance(told, dict) else None
    if not isinstance(header, dict):
        raise _garbled(frame, "has no header")
    kind, name, request = header.get("type"), header.get("name"), header.get("requestId")
    if not isinstance(kind, str) or not isinstance(name, str):
        raise _garbled(frame, "has a header without type and name")
    if request is not None and (not isinstance(request, int) or isinstance(request, bool)):
        raise _garbled(frame, "has a requestId that is no number")
    payload = told.get("payload")
    if payload is None:
        payload = {}
    if not isinstance(payload, dict):
        raise _garbled(frame, "has a payload that is no object")
    status = _text(header, payload, "status") if kind == "acknowledge" else ""
    return Message(
        kind,
        name,
        request,
        payload,
        code=_text(header, payload, "completionCode") if kind == "completion" else "",
        refusal="" if status == "ok" else status,
        description=_text(header, payload, "errorDescription"),
    )


def _text(header: Mapping[str, Any], payload: Mapping[str, Any], key: str) -> str:
    """What the header says, or else the payload. A value that is no text is kept as text: it is no "success"."""
    value = header.get(key)
    if value is None:
        value = payload.get(key)
    return "" if value is None else as_text(value)


def as_text(value: Any) -> str:
    """A value that should have been a text. Lists within lists may be deeper than Python can write them."""
    if isinstance(value, int | float):
        return repr(value)[:64]
    return value if isinstance(value, str) else type(value).__name__


def _garbled(frame: bytes, what: str) -> Garbled:
    return Garbled(Reason.BAD_FRAME, f"a message {what}", raw=frame[:RAW_LIMIT])
