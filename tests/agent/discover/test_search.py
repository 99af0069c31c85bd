"""The search itself: rationed, bounded, stopped at any moment, and not brought down by any driver."""

import asyncio
from typing import Any, ClassVar

import pytest

from agent.discover.ranges import Place
from agent.discover.search import AT_ONCE, Pace, Search, Seeker, can_look
from agent.typed import Options
from drivers.base import DriverOptions, Found, Shared, Turn
from drivers.errors import Reason, Refused
from drivers.reach import Reach
from drivers.snmp.driver import Snmp

pytestmark = pytest.mark.usefixtures("english")


class LampOptions(DriverOptions):
    watts: int = 40


class Lamps:
    """A street of lamps; what each does is in `street`, by host."""

    Options: ClassVar[type[LampOptions]] = LampOptions
    street: ClassVar[dict[str, Any]] = {}
    inside: ClassVar[int] = 0
    most: ClassVar[int] = 0

    @staticmethod
    def check_address(address: str) -> str | None:
        return None if address.startswith("10.") else "is not a lamp"

    @classmethod
    async def look(cls, address: str, options: LampOptions, shared: Shared, turn: Turn) -> Found | None:
        cls.inside += 1
        cls.most = max(cls.most, cls.inside)
        try:
            await turn()
            await asyncio.sleep(0)
            does = cls.street.get(address)
            if isinstance(does, Exception):
                raise does
            if isinstance(does, asyncio.Event):
                await does.wait()
            return does if isinstance(does, Found) and options.watts == 60 else None
        finally:
            cls.inside -= 1


def _search(street: dict[str, Any], places: int = 5) -> tuple[Search, list[str]]:
    Lamps.street, Lamps.inside, Lamps.most = street, 0, 0
    seeker = Seeker("lamp", Lamps, [Options(LampOptions(), {}), Options(LampOptions(watts=60), {"watts": 60})])
    notes: list[str] = []
    jobs = [(Place(f"10.0.{number // 250}.{number % 250}"), seeker) for number in range(places)]
    return Search(jobs, 1e6, notes.append), notes


async def test_the_options_that_were_answered_are_the_ones_proposed() -> None:
    search, notes = _search({"10.0.0.3": Found(address="10.0.0.3", cls="lamp", options={"watts": 60})})
    await search.run()
    assert [(one.found.address, one.options) for one in search.sightings] == [("10.0.0.3", {"watts": 60})]
    assert (search.asked, notes) == (5, [])


async def test_a_bounded_number_of_places_is_under_way() -> None:
    search, _ = _search({}, places=3 * AT_ONCE)
    await search.run()
    assert 1 < Lamps.most <= AT_ONCE
    assert search.asked == 3 * AT_ONCE


def test_turns_are_given_at_the_rate_and_not_saved_up() -> None:
    pace = Pace(50)
    assert [round(pace.take(10.0), 6) for _ in range(4)] == [0, 0.02, 0.04, 0.06]
    assert pace.take(99.0) == 0
    assert round(pace.take(99.0), 6) == 0.02


async def test_what_was_found_stands_when_it_is_stopped() -> None:
    never = asyncio.Event()
    search, _ = _search({"10.0.0.0": Found(address="10.0.0.0", cls="lamp"), "10.0.0.4": never})
    running = asyncio.create_task(search.run())
    while search.asked < 4:  # noqa: ASYNC110  (what it counts tells nobody)
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    assert [one.found.address for one in search.sightings] == ["10.0.0.0"]
    assert Lamps.inside == 0


async def test_a_device_that_refuses_and_a_driver_with_a_defect_are_noted_and_the_rest_goes_on() -> None:
    search, notes = _search(
        {
            "10.0.0.0": Refused(Reason.WRONG_SECRET, "does not know\nthis user"),
            "10.0.0.1": ZeroDivisionError(),
            "10.0.0.2": Found(address="10.0.0.2", cls="lamp"),
        }
    )
    await search.run()
    assert [one.found.address for one in search.sightings] == ["10.0.0.2"]
    assert sorted(notes) == [
        "10.0.0.0: lamp finds a device and cannot read it: does not know this user.",
        "10.0.0.1: the driver lamp has a defect: ZeroDivisionError.",
    ]


async def test_what_no_inventory_could_say_is_not_proposed() -> None:
    search, notes = _search(
        {
            "10.0.0.0": Found(address="ws://elsewhere", cls="lamp"),
            "10.0.0.1": Found(address='10.\x1b"', cls="lamp"),
            "10.0.0.2": Found(address="10.0.0.2", cls="lamp", options={"colour": "red"}),
            "10.0.0.3": Found(address="10.0.0.3", cls="lamp", options={"watts": None}),
        }
    )
    await search.run()
    assert search.sightings == []
    assert len(notes) == 4
    assert all(note.isprintable() for note in notes)


def test_drivers_that_can_look_are_known_by_it() -> None:
    assert can_look(Snmp)
    assert not can_look(Reach)
