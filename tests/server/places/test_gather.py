"""Stretches gathered into points: bounds hold, holes stay, nothing is invented."""

from hypothesis import given
from hypothesis import strategies as st

from server.places.history import Stretch, gather

values = st.floats(-1e6, 1e6, allow_nan=False)
spans = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 300), values), max_size=30)


@given(spans=spans, step=st.integers(1, 400))
def test_points_stay_within_what_was_attested(spans: list[tuple[int, int, float]], step: int) -> None:
    stretches = [Stretch(start, start + length, v, v, v) for start, length, v in spans]
    points = gather(stretches, 100, 1000, step)
    assert [point.at for point in points] == sorted({point.at for point in points})
    for point in points:
        inside = [s for s in stretches if s.start < point.at + step and s.end >= point.at]
        assert inside
        assert min(s.low for s in inside) <= point.low <= point.mean <= point.high <= max(s.high for s in inside)
    for at in range(100, 1000, step):
        attested = any(s.start < min(at + step, 1000) and s.end > at and s.end > 100 for s in stretches)
        assert attested <= (at in {point.at for point in points})


def test_a_mean_is_by_time() -> None:
    [point] = gather([Stretch(0, 90, 10, 10, 10), Stretch(90, 100, 50, 50, 50)], 0, 100, 100)
    assert (point.low, point.high, point.mean) == (10, 50, 14)


def test_a_single_poll_is_a_point() -> None:
    [point] = gather([Stretch(50, 50, 7, 7, 7)], 0, 100, 10)
    assert (point.at, point.mean) == (50, 7)
