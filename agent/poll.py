"""One poll of one position: open and poll within the driver's time, then close; one question in flight a device.

Nothing a driver does gets past this file: it gives what was seen, or why nothing was.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import msgspec

from agent.assignment import Target
from agent.secrets import of_this_run
from agent.tidy import tidy, tidy_bytes, tidy_text
from agent.wire import DeviceWord, Failure, Reading
from drivers.base import CLOSE_SECONDS, Driver, FactSheet, TellsFacts
from drivers.errors import Busy, DeviceError, Reason, Unreachable

AT_ONCE = 128  # polls in flight: below the 512 sockets one Windows select takes, and kind to a branch's line

T = TypeVar("T")

log = logging.getLogger(__name__)

# These say that nobody looked, which is not the same as a device that does not answer.
_NOBODY_LOOKED = {
    Reason.NO_FILE,
    Reason.NO_ROW,
    Reason.NO_PERMISSION,
    Reason.CANNOT_OPEN,
    Reason.NAME_UNKNOWN,
    Reason.OWNER_UNKNOWN,
    Reason.NOT_POSTED,
}
_WORDS = {Unreachable.kind: DeviceWord.OFFLINE, Busy.kind: DeviceWord.IN_USE}


class Seen(msgspec.Struct, frozen=True):
    """What a poll gave. With a `failure`, the reading holds the device word that follows from it, and what the system
    knows of a device in use."""

    reading: Reading
    failure: Failure | None = None


class Poller:
    """Polls targets of one event loop. Positions at one address take turns; one that waits holds no place."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._places = asyncio.Semaphore(at_once)
        self._secrets = of_this_run()
        self._defects: set[str] = set()  # positions whose driver's defect has been logged in full

    async def poll(self, target: Target) -> Seen:
        if target.driver is None:
            return failed(target.failure or _defect("the position has no driver"))
        async with self._turn(target.polled.address), self._places:
            return await self._ask(target.polled.position, target.driver)

    async def facts(self, target: Target) -> list[FactSheet] | Failure:
        """What a host among the positions says of itself, or why nothing. Within its driver's time, as a poll is."""
        driver = target.driver
        if not isinstance(driver, TellsFacts):
            return target.failure or _defect("its driver tells no facts")
        async with self._turn(target.polled.address), self._places:
            return await self._told(target.polled.position, driver)

    def hidden(self, text: str) -> str:
        """Without the secrets of the assignment."""
        return self._secrets.hide(text)

    def _turn(self, address: str) -> asyncio.Lock:
        key = address_key(address)
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock

    async def _ask(self, position: str, driver: Driver) -> Seen:
        try:
            try:
                return Seen(tidy(self._without_secrets(await self._read(position, driver, driver.poll))))
            except DeviceError as error:
                return failed(self._failure(error), error.parts if isinstance(error, Busy) else {})
        except TimeoutError:
            return failed(self._failure(Unreachable(Reason.NO_ANSWER, f"no answer within {driver.timeout:g} s")))
        except Exception as error:  # the border: whatever a driver does is the trouble of one position only
            self._log_defect(position, error)
            return failed(_defect(f"the driver failed with {type(error).__name__}"))

    async def _told(self, position: str, driver: Any) -> list[FactSheet] | Failure:
        async def asked() -> list[FactSheet]:
            return msgspec.convert(msgspec.to_builtins(await driver.facts()), list[FactSheet])  # a third party's, too

        try:
            return await self._read(position, driver, asked)
        except DeviceError as error:
            return self._failure(error)
        except TimeoutError:
            return self._failure(Unreachable(Reason.NO_ANSWER, f"no answer within {driver.timeout:g} s"))
        except Exception as error:  # the same border
            self._log_defect(position, error)
            return _defect(f"the driver failed with {type(error).__name__}")

    async def _read(self, position: str, driver: Driver, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(driver.timeout):
                await driver.open()
                return await ask()
        finally:
            await self._close(position, driver)

    async def _close(self, position: str, driver: Driver) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await driver.close()
        except Exception as error:  # the same border; what was read stays good
            self._log_defect(position, error)

    def _without_secrets(self, reading: Reading) -> Reading:
        """A device may send back what it was asked with. Before anything is cut: half a secret is not recognized."""
        if not isinstance(reading, Reading):
            return reading  # `tidy` says what is wrong with it
        raw = {question: self._secrets.hide_bytes(answer) for question, answer in reading.raw.items()}
        return msgspec.structs.replace(reading, raw=raw)

    def _failure(self, error: DeviceError) -> Failure:
        detail, raw = self._secrets.hide(error.detail), self._secrets.hide_bytes(error.raw)
        return Failure(error.kind, str(error.reason), tidy_text(detail), tidy_bytes(raw))

    def _log_defect(self, position: str, error: Exception) -> None:
        first = position not in self._defects
        self._defects.add(position)
        if first:
            log.error("The driver of %s has a defect: %s", position, type(error).__name__, exc_info=error)


def address_key(address: str) -> str:
    """Two spellings of one port give one key, so that they share a lock."""
    if address.startswith("/"):
        return os.path.realpath(address)  # /dev/serial/by-id/... and /dev/ttyUSB0
    return address.strip().casefold()


def word_of(failure: Failure) -> DeviceWord:
    """The device word that follows from a failed poll. Silence is `offline`; everything unclear is `unknown`."""
    if failure.reason in _NOBODY_LOOKED:
        return DeviceWord.UNKNOWN
    if failure.reason == Reason.NO_SUCH_PORT:
        return DeviceWord.NO_DEVICE  # its adapter was pulled out
    return _WORDS.get(failure.kind, DeviceWord.UNKNOWN)


def failed(failure: Failure, parts: dict[str, str] | None = None) -> Seen:
    return Seen(tidy(Reading(device=word_of(failure), parts=parts or {})), failure)


def _defect(detail: str) -> Failure:
    return Failure(DeviceError.kind, str(Reason.DRIVER_FAILED), detail)
