"""What a driver is and what it says. A door: `agent` knows drivers by it, `errors`, `catalogue` and `registry` alone.

A driver is made once for each position and lives as long as the position is polled. For every poll the agent calls
`open`, `poll`, `close`, in that order, with `close` called whatever happened before. A driver never retries, sleeps,
schedules, or knows the database, the inventory or the time. What more a driver can do or wants (`TellsNews`,
`GoesFirst`, `TellsFacts`, `TellsByItself`, `Named`, `Lists`, `Discovers`) is asked for with isinstance.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeVar, runtime_checkable

import msgspec

from drivers.options import DriverOptions as DriverOptions

CLOSE_SECONDS = 2.0  # that a close may take, whatever open and poll took
RAW_LIMIT = 4096  # bytes of raw answer kept with a reading; the rest is cut


class DeviceWord(StrEnum):
    """The device word of CEN/XFS (WFS_STAT_DEV*), plus `inUse` (another program holds the port) and `unknown`."""

    ONLINE = "online"
    OFFLINE = "offline"
    POWER_OFF = "powerOff"
    NO_DEVICE = "noDevice"
    HARDWARE_ERROR = "hardwareError"
    USER_ERROR = "userError"
    DEVICE_BUSY = "deviceBusy"
    FRAUD_ATTEMPT = "fraudAttempt"
    POTENTIAL_FRAUD = "potentialFraud"
    STARTING = "starting"
    IN_USE = "inUse"
    UNKNOWN = "unknown"


class Reading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a driver saw just now. Keys of `parts` and `numbers` are the catalogue's, with `.N` for one of several."""

    device: DeviceWord
    parts: dict[str, str] = {}  # "paper" -> "low", "cassette.1" -> "empty"
    numbers: dict[str, float] = {}  # "battery.charge" -> 97, in the unit the catalogue gives
    texts: dict[str, str] = {}  # what the device says in words just now, e.g. "console" -> its display
    identity: dict[str, str] = {}  # maker, model, serial, firmware, name, location
    raw: dict[str, bytes] = {}  # question -> answer as it came, RAW_LIMIT bytes together at most
    as_of: int | None = None  # UTC µs the data speaks of, where that is not now (files another system drops)


class FactSheet(msgspec.Struct, frozen=True):
    """All a host says of one topic. The names, and what the words of `unread` mean, are in docs/facts.md."""

    topic: str
    facts: dict[str, str | int | bool | list[str]] = {}
    unread: dict[str, str] = {}  # name, or a beginning of names that ends in "." -> rights absent timeout unreadable


class Sharable(Protocol):
    """Something the drivers of one agent share: an SNMP engine, say. Made on first use, closed with the agent."""

    @classmethod
    async def start(cls) -> Self: ...

    async def close(self) -> None: ...


S = TypeVar("S", bound=Sharable)


class Shared:
    """The shared things of one agent, one of each kind. Belongs to one event loop.

    `home`: where a driver may keep what a restart must not forget, in a folder of its own; None: it keeps nothing.
    """

    def __init__(self, home: Path | None = None) -> None:
        self.home = home
        self._made: dict[type[Any], Any] = {}

    async def get(self, kind: type[S]) -> S:
        """The one `kind` of this agent, made now if nobody asked before, or if making it failed."""
        import asyncio

        made = self._made.get(kind)
        if made is None:
            made = self._made[kind] = asyncio.ensure_future(kind.start())
            made.add_done_callback(lambda done: self._drop_failed(kind, done))
        result: S = await asyncio.shield(made)  # a poll that is cancelled waits no more; the others still do
        return result

    def _drop_failed(self, kind: type[Any], done: Any) -> None:
        if (done.cancelled() or done.exception() is not None) and self._made.get(kind) is done:
            del self._made[kind]

    async def close(self) -> None:
        import asyncio

        while self._made:
            _, making = self._made.popitem()
            await asyncio.wait([making])
            if not making.cancelled() and making.exception() is None:  # else whoever asked for it was told
                await making.result().close()


class Driver(Protocol):
    """One device of one family at one address."""

    Options: ClassVar[type[DriverOptions]]  # or a model of pydantic with extra="forbid"
    timeout: ClassVar[float]  # seconds: open and poll together never last longer; close has CLOSE_SECONDS of its own

    def __init__(self, address: str, options: Any, shared: Shared) -> None: ...

    @staticmethod
    def check_address(address: str) -> str | None:
        """What is wrong with an address, as a sentence's end ("is not HOST or HOST:PORT"), or None."""

    async def open(self) -> None: ...

    async def poll(self) -> Reading: ...

    async def close(self) -> None: ...


@runtime_checkable
class TellsNews(Protocol):
    """A driver that can tell between two polls that the next is worth having now: its device speaks unasked, the port
    another program held was let go, or one that was missing is plugged in. Asked for with isinstance.

    The agent calls `news` after a poll has ended and cancels it before the next begins, so it never runs beside one.
    What it learns is no reading: the poll that follows asks for everything again.
    """

    async def news(self) -> bool:
        """Wait. True: poll now. False, at once: there is nothing to wait for until the next poll in its time.
        A DeviceError means the same. Nothing is sent that a poll would not send."""


@runtime_checkable
class GoesFirst(Protocol):
    """A driver whose device another program takes in the morning and keeps until the evening. After a start the agent
    asks such a device at once, before all others."""

    goes_first: ClassVar[bool]


@runtime_checkable
class TellsFacts(Protocol):
    """A driver of a host that can say of it what an agent says of its own PC. Asked for with isinstance.

    The agent calls `facts` once a day and when it is asked to, between `open` and `close` as it does `poll`, and within
    the driver's `timeout`. What it gives is the host's word: the agent bounds it and cleans it.
    """

    async def facts(self) -> list[FactSheet]:
        """One a topic. What a sheet has no name for was not asked for. A DeviceError if nothing could be read."""


@runtime_checkable
class TellsByItself(TellsFacts, Protocol):
    """A `TellsFacts` whose host cannot be asked: it says what it says at its own time, to this agent.

    The agent looks every few seconds, and calls `facts` soon after there is something. Where there is nothing new
    `facts` raises: what is old is never given as if it were of now.
    """

    def has_told(self) -> bool:
        """Whether its host told something that `facts` has not given yet. At once, and nothing is sent."""


@runtime_checkable
class Named(Protocol):
    """A driver whose device speaks of itself by the key of its position. Called once, before anything else."""

    def be(self, position: str) -> None: ...


@runtime_checkable
class Lists(Protocol):
    """A driver class that can list what of its family is plugged into this PC. Asked for with isinstance."""

    @staticmethod
    async def plugged_in() -> list[str]:
        """Addresses, as an inventory says them. A DeviceError says why nothing can be listed. Nothing is opened."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A device that was looked for and met: how a position would ask it, and what it said of itself."""

    address: str  # as the driver takes it
    cls: str  # the class of machines by its usual key: "printer", "ups", "atm", "router", "pc"
    options: dict[str, object] = {}  # to be said beside those it was looked for with: {"profile": "ups"}
    identity: dict[str, str] = {}  # as of a Reading


Turn = Callable[[], Awaitable[None]]


@runtime_checkable
class Discovers(Protocol):
    """A driver whose devices can be looked for, host by host. Asked for with isinstance, of the class.

    Most hosts that are asked are not ours: what is sent must do no harm to anything that may listen there.
    """

    @classmethod
    async def look(cls, address: str, options: Any, shared: Shared, turn: Turn) -> Found | None:
        """The device at "HOST", where this family usually listens, or at "HOST:PORT". None: nothing is there, or
        something else. A DeviceError: one of ours, that does not let itself be read.

        `await turn()` before every question and every connection: they are rationed over all hosts."""


def cut_raw(raw: dict[str, bytes]) -> dict[str, bytes]:
    """`raw` within RAW_LIMIT bytes together, longest answers cut first to what is left."""
    left = RAW_LIMIT
    kept: dict[str, bytes] = {}
    for question, answer in raw.items():
        if left <= 0:
            break
        kept[question] = answer[:left]
        left -= len(kept[question])
    return kept
