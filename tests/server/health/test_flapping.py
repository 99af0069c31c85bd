"""What comes and goes without end leaves few rows: of one condition, of one position, live or told of afterwards."""

from typing import Any

import pytest

from server.health.case import OPEN_AT_MOST

DAY = 86_400


def toggles(court: Any, every: int, until: int, late: float = 0) -> None:
    """Out of paper for half of each time, and well for the other half."""
    for start in range(0, until, every):
        for at, word in ((start, "out"), (start + every // 2, "ok")):
            court.tell(at, parts={"paper": word}, late=late)
            court.hold(at + every // 2 - 1, late=late)


@pytest.mark.parametrize("late", [0, 30 * DAY])
def test_what_flaps_stays_open_though_it_is_told_of_afterwards(court: Any, late: float) -> None:
    toggles(court, 200, DAY, late)
    assert len(court.opened) == 4
    assert len(court.closed) == 3
    assert court.open == {"part.fault paper"}


def test_what_comes_and_goes_more_slowly_all_day_stays_open_too(court: Any) -> None:
    """Away for longer than ten minutes each time."""
    toggles(court, 3000, 3 * DAY)
    assert len(court.opened) == 13
    assert court.open == {"part.fault paper"}


def test_what_stayed_away_for_an_hour_is_over(court: Any) -> None:
    toggles(court, 3000, DAY)
    ended = court.state.open["part.fault paper"].ended
    assert ended == court.at(DAY - 900)
    court.hold(DAY - 900 + 3599)
    assert court.open == {"part.fault paper"}
    court.hold(DAY - 900 + 3600)
    assert court.open == set()


def test_what_failed_now_and_then_for_days_is_no_flapping(court: Any) -> None:
    toggles(court, 3 * 3600, 3 * DAY)
    assert len(court.opened) == len(court.closed) == 24


def test_a_device_that_names_other_parts_each_time_flaps_as_a_whole(court: Any) -> None:
    for turn in range(400):
        part = f"cassette.{turn}"
        court.tell(turn * 200, parts={part: "empty"})
        court.hold(turn * 200 + 99)
        court.tell(turn * 200 + 100, parts={part: "ok"})
        court.hold(turn * 200 + 199)
    assert len(court.opened) <= 2 * OPEN_AT_MOST
    assert len(court.state.ends) <= OPEN_AT_MOST


def test_a_device_has_no_more_than_so_many_conditions_and_is_no_better_for_it(court: Any) -> None:
    court.tell(0, parts={f"cassette.{number}": "empty" for number in range(500)})
    court.hold(100)
    assert len(court.opened) == OPEN_AT_MOST
    assert court.stands() == "fault"
