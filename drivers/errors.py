"""Why a device gave no reading.

    DeviceError                 the base; `retry` says whether asking again later may help by itself
    ├── Unreachable             nothing came back: switched off, cut line, no such port
    │   └── Busy                another program holds the port: no byte was sent
    ├── Refused                 it answered "no": wrong community, wrong key, a mode in which asking does harm
    ├── Garbled                 it answered something that is not the protocol; `raw` has it
    └── NotSupported            it speaks the protocol and does not have what we ask

`reason` lets a screen say what to do; `detail` is one English sentence for a log.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    NO_ANSWER = "noAnswer"
    CONNECTION_REFUSED = "connectionRefused"
    CONNECT_TIMEOUT = "connectTimeout"  # it did not take a connection, or took it and went no further
    NO_ROUTE = "noRoute"
    NAME_UNKNOWN = "nameUnknown"
    NO_SUCH_PORT = "noSuchPort"
    CANNOT_OPEN = "cannotOpen"  # the port is there and the system does not open it
    NO_SERVICE = "noService"  # the service of this PC that the device is reached by does not run
    AMBIGUOUS = "ambiguous"  # the address means several
    NO_PERMISSION = "noPermission"
    PORT_IN_USE = "portInUse"
    OWNER_UNKNOWN = "ownerUnknown"  # who holds the port cannot be told, so nothing was sent
    HUNG_UP = "hungUp"
    WRONG_SECRET = "wrongSecret"  # noqa: S105  (a reason's name)
    UNTRUSTED = "untrusted"  # its certificate is not one we were told to trust
    HOST_KEY_UNCONFIRMED = "hostKeyUnconfirmed"  # nobody compared the fingerprint of the host yet
    HOST_KEY_CHANGED = "hostKeyChanged"  # it shows another than the one that was confirmed
    LOGIN_REFUSED = "loginRefused"
    RUN_TIMEOUT = "runTimeout"  # it let us in, and what was run there did not end
    UNREADABLE_OUTPUT = "unreadableOutput"  # what was run there said something else
    UNKNOWN_SCRIPT = "unknownScript"  # the script a host runs by itself is none this agent knows
    NOT_POSTED = "notPosted"  # the host is to say by itself how it is, and did not
    CROWDED = "crowded"  # too many others were being asked
    WRONG_EMULATION = "wrongEmulation"
    NEGATIVE_ANSWER = "negativeAnswer"
    NOT_RESET = "notReset"
    BAD_FRAME = "badFrame"
    BAD_CHECKSUM = "badChecksum"
    TOO_LONG = "tooLong"
    NOT_IN_DEVICE = "notInDevice"
    NO_FILE = "noFile"
    NO_ROW = "noRow"
    NOT_INSTALLED = "notInstalled"  # the driver needs a package this agent does not have
    NO_DRIVER = "noDriver"  # this agent has no driver of that name
    BAD_OPTIONS = "badOptions"  # the driver does not take this address or these options
    DRIVER_FAILED = "driverFailed"  # a defect of ours, caught at the border so the rest runs on


class DeviceError(Exception):
    """A poll that gave no reading."""

    kind: ClassVar[str] = "failed"
    retry: ClassVar[bool] = False

    def __init__(self, reason: Reason, detail: str, *, raw: bytes = b"") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.raw = raw


class Unreachable(DeviceError):
    kind = "unreachable"
    retry = True


class Busy(Unreachable):
    """`parts`: what the system knows of the device without its port, by a print queue say; the device was not asked."""

    kind = "busy"

    def __init__(
        self, reason: Reason, detail: str, *, raw: bytes = b"", parts: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(reason, detail, raw=raw)
        self.parts = dict(parts or {})


class Refused(DeviceError):
    kind = "refused"


class Garbled(DeviceError):
    kind = "garbled"
    retry = True


class NotSupported(DeviceError):
    kind = "notSupported"
