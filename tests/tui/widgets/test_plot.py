"""A curve that never claims what was not seen."""

import pytest

from server.schemas.conditions import ConditionOut
from server.schemas.positions import History, Point
from tui.widgets.plot import Plot, _bars, bounds

STEP = 60
START, END = 0, 3600


def points(*minutes: int) -> list[Point]:
    return [Point(at=minute * STEP, low=minute, high=minute + 1, mean=minute + 0.5) for minute in minutes]


def columns(found: list[Point]) -> set[int]:
    return {x for x, _top, _bottom in _bars(found, STEP, START, END, 240)}


def test_a_hole_is_never_bridged() -> None:
    drawn = columns(points(*range(10), *range(40, 50)))
    assert drawn == {*range(9 * 4 + 1), *range(160, 49 * 4 + 1)}


def test_neighbours_are_joined() -> None:
    assert columns(points(1, 2)) == {4, 5, 6, 7, 8}


def test_points_outside_the_time_asked_for_are_left_out() -> None:
    early = Point(at=-5 * STEP, low=0, high=1, mean=0)
    assert columns([early, *points(70)]) == set()


def test_a_level_line_has_room_above_and_below() -> None:
    assert bounds([Point(at=0, low=5, high=5, mean=5)]) == (4, 6)
    assert bounds([Point(at=0, low=0, high=0, mean=0)]) == (0, 1)  # of a count there is nothing below nought
    assert bounds([Point(at=0, low=-3, high=-3, mean=-3)]) == (-4, -2)


@pytest.mark.parametrize(
    ("opened", "closed", "shaded"), [(900, 1800, range(15, 31)), (-50, 0, range(1)), (3000, None, range(50, 60))]
)
def test_a_condition_is_shaded_from_its_beginning_to_its_end(opened: int, closed: int | None, shaded: range) -> None:
    condition = ConditionOut(
        uid="u",
        subject="1001/a",
        subject_kind="position",
        subject_name="a",
        branch="1001",
        branch_name="",
        rule="r",
        title="t",
        part="",
        word="",
        cause="",
        fix_card=[],
        ticket=None,
        severity="fault",
        opened_at=opened,
        closed_at=closed,
    )
    history = History(
        position="1001/a", metric="m", unit="", title="t", step=STEP, points=points(1), conditions=[condition]
    )
    plot = Plot()
    plot._history, plot._start, plot._end = history, START, END
    assert [x for x, severity in enumerate(plot._shades(60)) if severity] == list(shaded)
