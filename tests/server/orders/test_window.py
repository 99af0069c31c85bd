"""When an order may be handed out, by the bank's clock."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.orders.window import SECOND, Times, hours

BANK = ZoneInfo("Asia/Shanghai")
DAY = 86_400 * SECOND


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=BANK).timestamp()) * SECOND


MONDAY, FRIDAY = at("2026-11-02 00:00"), at("2026-11-06 00:00")


@pytest.mark.parametrize(
    ("window", "now", "opening"),
    [
        ("", "2026-11-03 12:00", ("2026-11-03 12:00", "2026-11-06 00:00")),
        ("", "2026-11-01 12:00", ("2026-11-02 00:00", "2026-11-06 00:00")),
        ("", "2026-11-06 00:00", None),
        ("09:00-17:00", "2026-11-03 12:00", ("2026-11-03 12:00", "2026-11-03 17:00")),
        ("09:00-17:00", "2026-11-03 17:00", ("2026-11-04 09:00", "2026-11-04 17:00")),
        ("09:00-17:00", "2026-11-05 17:00", None),  # it opens again after they expire
        ("17:30-08:00", "2026-11-03 12:00", ("2026-11-03 17:30", "2026-11-04 08:00")),
        ("17:30-08:00", "2026-11-04 02:00", ("2026-11-04 02:00", "2026-11-04 08:00")),
        ("17:30-08:00", "2026-11-01 02:00", ("2026-11-02 00:00", "2026-11-02 08:00")),
        ("17:30-08:00", "2026-11-05 20:00", ("2026-11-05 20:00", "2026-11-06 00:00")),
    ],
)
def test_the_next_opening(window: str, now: str, opening: tuple[str, str] | None) -> None:
    expected = (at(opening[0]), at(opening[1])) if opening else None
    assert Times(MONDAY, FRIDAY, window).opening(BANK, at(now)) == expected


@pytest.mark.parametrize(
    ("window", "now", "opening"),
    [
        ("", "2026-11-03 12:00", ("2026-11-03 12:00", "2026-11-05 23:30")),
        ("", "2026-11-05 23:30", None),
        ("09:00-17:00", "2026-11-03 16:29", ("2026-11-03 16:29", "2026-11-03 16:30")),
        ("09:00-17:00", "2026-11-03 16:30", ("2026-11-04 09:00", "2026-11-04 16:30")),
        ("17:30-08:00", "2026-11-05 20:00", ("2026-11-05 20:00", "2026-11-05 23:30")),
        ("09:00-09:30", "2026-11-03 08:00", None),  # it never fits
    ],
)
def test_what_takes_half_an_hour_is_begun_so_early_that_it_ends_in_its_hours(
    window: str, now: str, opening: tuple[str, str] | None
) -> None:
    expected = (at(opening[0]), at(opening[1])) if opening else None
    assert Times(MONDAY, FRIDAY, window, 1800 * SECOND).opening(BANK, at(now)) == expected


CLOCK = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))


@given(begin=CLOCK, end=CLOCK, now=st.integers(MONDAY - 3 * DAY, FRIDAY + 3 * DAY))
def test_an_opening_is_within_the_hours_and_none_is_missed(begin: str, end: str, now: int) -> None:
    if begin == end:
        return
    window = f"{begin}-{end}"

    def inside(moment: int) -> bool:
        clock = datetime.fromtimestamp(moment / SECOND, BANK).strftime("%H:%M")
        of_day = begin <= clock < end if begin < end else clock >= begin or clock < end
        return MONDAY <= moment < FRIDAY and of_day

    found = Times(MONDAY, FRIDAY, window).opening(BANK, now)
    opens, closes = found or (FRIDAY, FRIDAY)
    assert now <= opens <= closes or found is None
    assert not found or (inside(opens) and inside(closes - 1) and not inside(closes))
    tried = range(max(now, MONDAY), opens, 7 * 60 * SECOND)
    assert not any(map(inside, tried))


@pytest.mark.parametrize("window", ["24:00-06:00", "8:00-17:00", "08:00-08:00", "", "08:00-17:60", "08:00 - 17:00"])
def test_what_are_no_hours(window: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  (what was said is all it says)
        hours(window)
    assert refused.value.args == (window,)
