"""Asking a network: every place by every driver that can look, rationed and bounded, and stopped at any moment."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from agent.discover.ranges import Place
from agent.discover.toml import toml_value
from agent.inventory.problems import shown
from agent.texts import _
from agent.tidy import tidy_text
from agent.typed import Options
from drivers.base import Discovers, Found, Shared
from drivers.errors import DeviceError

AT_ONCE = 100  # places under way; those that never answer wait a second or two each

log = logging.getLogger(__name__)


class Seeker(NamedTuple):
    """A driver that can look, by its name, and the options to try one after the other until a device answers."""

    driver: str
    kind: Any  # the driver's class, which is a Discovers
    tries: list[Options]


class Sighting(NamedTuple):
    """A device found: which driver met it, and its options as an inventory writes them."""

    driver: str
    found: Found
    options: dict[str, Any]


class Pace:
    """So many turns a second, each in its order."""

    def __init__(self, a_second: float) -> None:
        self._gap = 1 / a_second
        self._next = 0.0

    def take(self, now: float) -> float:
        """The seconds from `now` until the next turn, which is taken with it."""
        mine = max(now, self._next)
        self._next = mine + self._gap
        return mine - now

    async def turn(self) -> None:
        seconds = self.take(asyncio.get_running_loop().time())
        if seconds > 0:
            await asyncio.sleep(seconds)


class Search:
    """`sightings`, `asked` and what is noted grow while `run` runs; they stand when it is cancelled."""

    def __init__(self, jobs: Iterable[tuple[Place, Seeker]], rate: float, note: Callable[[str], None]) -> None:
        self._jobs = list(jobs)
        self._pace = Pace(rate)
        self._note = note
        self.sightings: list[Sighting] = []
        self.asked = 0

    @property
    def size(self) -> int:
        return len(self._jobs)

    async def run(self) -> None:
        shared = Shared()
        jobs = iter(self._jobs)
        try:
            async with asyncio.TaskGroup() as group:
                for _worker in range(min(AT_ONCE, self.size)):
                    group.create_task(self._work(jobs, shared))
        finally:
            await shared.close()

    async def _work(self, jobs: Iterator[tuple[Place, Seeker]], shared: Shared) -> None:
        for place, seeker in jobs:
            sighting = await self._look(place, seeker, shared)
            self.asked += 1
            if sighting is not None:
                self.sightings.append(sighting)

    async def _look(self, place: Place, seeker: Seeker, shared: Shared) -> Sighting | None:
        refused: DeviceError | None = None
        for options in seeker.tries:
            try:
                found = await seeker.kind.look(place.address, options.asked_with, shared, self._pace.turn)
            except DeviceError as error:
                refused = error
                continue
            except Exception as error:  # the border to third parties' drivers, as in agent/poll.py
                log.error("The driver %s failed at %s", seeker.driver, place.address, exc_info=error)
                told = _("{address}: the driver {driver} has a defect: {what}.")
                self._note(told.format(address=place.address, driver=seeker.driver, what=type(error).__name__))
                return None
            if isinstance(found, Found):
                return self._fitting(seeker, found, options)
        if refused is not None:
            told = _("{address}: {driver} finds a device and cannot read it: {why}.")
            why = tidy_text(refused.detail)
            self._note(told.format(address=place.address, driver=seeker.driver, why=why))
        return None

    def _fitting(self, seeker: Seeker, found: Found, options: Options) -> Sighting | None:
        """Addresses and options may be the device's own words: what an inventory could not say is none."""
        wrong = seeker.kind.check_address(found.address)
        if wrong is None and not found.address.isprintable():
            wrong = "holds a control character"
        try:
            seeker.kind.Options.model_validate({**options.asked_with.model_dump(), **found.options})
            toml_value(found.options)
        except (ValueError, TypeError):
            wrong = wrong or "has options no inventory can say"
        if wrong is None:
            return Sighting(seeker.driver, found, {**options.written, **found.options})
        told = _("{driver} found {address}, which {wrong}.")
        self._note(told.format(driver=seeker.driver, address=shown(found.address), wrong=_(wrong)))
        return None


def can_look(kind: object) -> bool:
    return isinstance(kind, Discovers)
