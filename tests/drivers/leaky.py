"""A driver that breaks the promise its option names, and its simulator. Installed by entry point where a test asks."""

import asyncio
import threading
from pathlib import Path
from typing import Any, ClassVar, Literal

from drivers.base import DeviceWord, DriverOptions, Reading, Shared
from drivers.sim.base import Fault, Showed

KEPT: list[Any] = []
ENOUGH = threading.Event()


class LeakyOptions(DriverOptions):
    breaks: Literal["nothing", "handle", "task", "thread", "memory", "time", "close", "word", "number", "raw", "again"]


class Leaky:
    Options: ClassVar[type[LeakyOptions]] = LeakyOptions
    timeout: ClassVar[float] = 0.3

    def __init__(self, address: str, options: LeakyOptions, shared: Shared) -> None:
        self._breaks = options.breaks
        self._polls = 0

    @staticmethod
    def check_address(address: str) -> str | None:
        return None if address == "here" else "is not here"

    async def open(self) -> None:
        await asyncio.sleep(0)

    async def poll(self) -> Reading:
        self._polls += 1
        if self._polls > 1:  # it behaves the first time
            await self._leak()
        wrong = self._polls > 1
        return Reading(
            device=DeviceWord.ONLINE,
            parts={"paper": "soggy" if wrong and self._breaks == "word" else "ok"},
            numbers={"smell": 1.0} if wrong and self._breaks == "number" else {},
            identity={"serial": str(self._polls)} if self._breaks == "again" else {},
            raw={"?": bytes(5000)} if wrong and self._breaks == "raw" else {},
        )

    async def _leak(self) -> None:
        match self._breaks:
            case "handle":
                KEPT.append(open("/dev/null", "rb"))  # noqa: ASYNC230, SIM115
            case "task":
                KEPT.append(asyncio.create_task(asyncio.sleep(3600)))
            case "thread":
                KEPT.append(threading.Thread(target=ENOUGH.wait, daemon=True))
                KEPT[-1].start()
            case "memory":
                KEPT.append(bytearray(20_000))
            case "time" | "close":
                await asyncio.sleep(3600)

    async def close(self) -> None:
        if self._breaks == "close" and self._polls > 1:
            await asyncio.sleep(3600)


class LeakySimulator:
    def __init__(self, name: str) -> None:
        self.name = name
        self.fault = Fault.NONE
        self.state: dict[str, str] = {}
        self.showed: Showed | None = None

    async def start(self) -> str:
        return "here"

    async def close(self) -> None:
        """Nothing was started."""


def make(name: str, options: dict[str, object], state: dict[str, str], folder: Path) -> LeakySimulator:
    return LeakySimulator(name)


def let_go() -> None:
    ENOUGH.set()
    for kept in KEPT:
        if isinstance(kept, asyncio.Task):
            kept.cancel()
        elif hasattr(kept, "close"):
            kept.close()
    KEPT.clear()
