"""Corrected time: by the boot clock and an offset, and honest about how sure it is."""

from hypothesis import example, given
from hypothesis import strategies as st

from agent.wire import Clock, Exchange
from server.ingest import times
from server.ingest.times import DAY, HOUR, SECOND, Offset

NOON = 1_793_764_800_000_000
BOOTED = NOON - 5 * HOUR
TIMES = st.integers(0, 10 * DAY)
DELAYS = st.integers(0, 20 * SECOND)


def clock(after_boot: int, wall_error: int = 0, boot_id: str = "now") -> Clock:
    return Clock(wall=BOOTED + after_boot + wall_error, boot=after_boot, boot_id=boot_id)


def exchange(after_boot: int, there: int, back: int) -> Exchange:
    """One that left `after_boot` and took `there` and `back` µs."""
    left = BOOTED + after_boot
    return Exchange(boot_id="now", sent=after_boot, received=after_boot + there + back, server=left + there)


@given(at=TIMES, there=DELAYS, back=DELAYS)
def test_an_exchange_is_off_by_half_its_round_trip_at_most(at: int, there: int, back: int) -> None:
    offset = times.from_exchange(exchange(at, there, back))
    assert offset is not None
    assert abs(offset.offset - BOOTED) <= offset.error
    assert offset.error <= (there + back) // 2 + 1


@given(at=TIMES, transit=st.integers(0, times.TRANSIT))
def test_an_arrival_alone_is_off_by_what_a_request_may_take(at: int, transit: int) -> None:
    offset = times.from_arrival(clock(at), BOOTED + at + transit)
    assert abs(offset.offset - BOOTED) <= offset.error


@given(seen=TIMES, there=DELAYS, back=DELAYS, at=TIMES, drift=st.integers(-100, 100))
@example(seen=0, there=0, back=40_002, at=30_000, drift=100)
def test_the_true_time_lies_within_the_confidence(seen: int, there: int, back: int, at: int, drift: int) -> None:
    """A quartz that runs `drift` µs a second fast, seen once and asked about at any other time."""
    offset = times.from_exchange(exchange(seen, there, back))
    assert offset is not None
    true = BOOTED + at + (at - seen) * drift // SECOND
    corrected = times.correct(clock(at), [offset], arrived=NOON + 30 * DAY)
    assert corrected is not None
    assert abs(corrected.at - true) <= corrected.confidence


def test_the_surest_offset_decides() -> None:
    far = Offset(at=NOON, offset=BOOTED + 20 * SECOND, error=30 * SECOND)
    near = Offset(at=NOON, offset=BOOTED, error=SECOND)
    corrected = times.correct(clock(5 * HOUR), [far, near], NOON)
    assert corrected == times.Corrected(NOON, near.error_at(NOON))
    assert SECOND <= corrected.confidence < 2 * SECOND


def test_a_boot_nobody_has_an_offset_of_has_no_corrected_time() -> None:
    assert times.correct(clock(1), [], NOON) is None


@given(boot=st.integers(0, 1 << 60), offset=st.integers(-(1 << 60), 1 << 60))
def test_nothing_happened_after_it_was_told(boot: int, offset: int) -> None:
    corrected = times.correct(Clock(wall=0, boot=boot, boot_id="now"), [Offset(NOON, offset, 0)], NOON)
    assert corrected is not None
    assert 0 <= corrected.at <= NOON
    assert corrected.confidence >= 0


def test_an_earlier_boot_goes_by_the_wall_clock_less_its_error_now() -> None:
    sent = clock(HOUR, wall_error=-8 * HOUR)
    began = BOOTED
    yesterday = Clock(wall=BOOTED - 3 * HOUR - 8 * HOUR, boot=HOUR, boot_id="yesterday")
    corrected = times.by_wall(yesterday, sent, began, arrived=BOOTED + HOUR)
    assert corrected == times.Corrected(BOOTED - 3 * HOUR, HOUR)


def test_a_dead_battery_leaves_only_that_it_was_before_this_boot() -> None:
    sent = clock(HOUR)
    in_1970 = Clock(wall=7 * HOUR, boot=7 * HOUR, boot_id="yesterday")
    corrected = times.by_wall(in_1970, sent, BOOTED, arrived=BOOTED + HOUR)
    assert corrected.at == BOOTED
    assert corrected.confidence >= 30 * DAY


def test_the_first_batch_of_a_boot_is_written_down_as_unsure() -> None:
    seen, written = times.see([], clock(HOUR), None, BOOTED + HOUR)
    assert not written
    assert [offset.error for offset in seen] == [times.TRANSIT]


def test_a_surer_offset_is_written_down_and_an_equal_one_is_not() -> None:
    sent = clock(HOUR)
    arrived = BOOTED + HOUR
    first, _ = times.see([], sent, None, arrived)
    second, written = times.see(first, sent, exchange(HOUR - 2000, 1000, 1000), arrived)
    assert not written
    third, written = times.see([second[-1]], sent, exchange(HOUR - 1800, 900, 900), arrived)
    assert written
    assert third[-1].error == 900


def test_after_the_servers_clock_was_set_the_new_offset_counts() -> None:
    """Half an hour back: what was seen before contradicts what is seen now, and now is right."""
    before = Offset(at=BOOTED + HOUR, offset=BOOTED, error=10)
    sent = clock(2 * HOUR)
    arrived = BOOTED + 2 * HOUR - 30 * 60 * SECOND
    shown = Exchange(boot_id="now", sent=2 * HOUR - 2000, received=2 * HOUR - 1000, server=arrived - 1500)
    for asked in (shown, None):
        seen, written = times.see([before], sent, asked, arrived)
        assert not written
        assert before not in seen
        corrected = times.correct(sent, seen, arrived)
        assert corrected is not None
        assert abs(corrected.at - arrived) <= corrected.confidence


def test_an_exchange_that_cannot_be_is_not_believed() -> None:
    assert times.from_exchange(Exchange(boot_id="now", sent=10, received=9, server=NOON)) is None
    assert times.from_exchange(Exchange(boot_id="now", sent=0, received=2 * HOUR, server=NOON)) is None
    lying = Exchange(boot_id="now", sent=HOUR - 10, received=HOUR, server=NOON + 30 * DAY)
    seen, _ = times.see([], clock(HOUR), lying, BOOTED + HOUR)
    assert [offset.error for offset in seen] == [times.TRANSIT]
