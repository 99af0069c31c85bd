"""Corrected time: by the boot clock and an offset, and honest about how sure it is. Every clock here is a number."""

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


def exchange(after_boot: int, there: int, back: int, waited: int = 0, *, said: bool = True) -> Exchange:
    """One that left `after_boot`, took `there` and `back` µs, and for which the server took `waited`."""
    came = BOOTED + after_boot + there
    received = after_boot + there + waited + back
    return Exchange("now", after_boot, received, server=came + waited, came=came if said else 0)


@given(at=TIMES, there=DELAYS, back=DELAYS, waited=DELAYS)
def test_the_true_offset_lies_within_what_both_ways_took(at: int, there: int, back: int, waited: int) -> None:
    offset = times.from_exchange(exchange(at, there, back, waited))
    assert offset is not None
    assert abs(offset.offset - BOOTED) <= offset.error
    assert offset.error <= (there + back) // 2 + 1 + times.GRAIN + waited * times.DRIFT // SECOND + 1


@given(
    at=TIMES,
    there=DELAYS,
    back=DELAYS,
    waited=DELAYS,
    drift=st.integers(-100, 100),
    grain=st.sampled_from([1, 1000, 15_625]),
)
def test_neither_a_coarse_clock_nor_a_bad_quartz_puts_the_truth_outside(
    at: int, there: int, back: int, waited: int, drift: int, grain: int
) -> None:
    """The agent's boot clock moves in steps of `grain` and runs `drift` µs a second fast."""
    took = there + waited + back
    sent = (at + there) // grain * grain
    received = (at + there + took + took * drift // SECOND) // grain * grain
    came = BOOTED + at + there + there
    offset = times.from_exchange(Exchange("now", sent, received, came + waited, came))
    assert offset is not None
    # at the middle of the exchange the quartz is off by half of what it lost during it, and both ends are allowed for
    assert abs(offset.offset - BOOTED) <= offset.error + (there + back) * times.DRIFT // SECOND + 1


def test_a_server_that_waited_twenty_seconds_for_its_commit_is_still_sharp() -> None:
    slow = exchange(HOUR, there=30_000, back=10_000, waited=20 * SECOND)
    offset = times.from_exchange(slow)
    assert offset is not None
    assert abs(offset.offset - BOOTED) <= 10_000
    assert offset.error < 40_000
    of_one_stamp = times.from_exchange(exchange(HOUR, 30_000, 10_000, 20 * SECOND, said=False))
    assert of_one_stamp is not None
    assert of_one_stamp.error > 10 * SECOND
    assert abs(of_one_stamp.offset - BOOTED) <= of_one_stamp.error


@given(at=TIMES, there=DELAYS, back=DELAYS, waited=DELAYS)
def test_a_server_that_does_not_say_when_the_request_came_is_understood(
    at: int, there: int, back: int, waited: int
) -> None:
    offset = times.from_exchange(exchange(at, there, back, waited, said=False))
    assert offset is not None
    assert abs(offset.offset - BOOTED) <= offset.error


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
    corrected = times.correct(at, [offset], arrived=NOON + 30 * DAY)
    assert abs(corrected.at - true) <= corrected.confidence


def test_the_surest_offset_decides() -> None:
    far = Offset(at=NOON, offset=BOOTED + 20 * SECOND, error=30 * SECOND)
    near = Offset(at=NOON, offset=BOOTED, error=SECOND)
    corrected = times.correct(5 * HOUR, [far, near], NOON)
    assert corrected == times.Corrected(NOON, near.error_at(NOON))
    assert SECOND <= corrected.confidence < 2 * SECOND


@given(
    delays=st.lists(st.tuples(TIMES, DELAYS, DELAYS, DELAYS), min_size=1, max_size=6),
    at=TIMES,
    drift=st.integers(-99, 99),
)
def test_several_exchanges_narrow_it_down_and_the_truth_stays_inside(
    delays: list[tuple[int, int, int, int]], at: int, drift: int
) -> None:
    """One quartz, `drift` µs a second fast all the time, seen several times in one boot."""

    def boot_clock(true: int) -> int:
        return true - true * drift // SECOND  # true: µs since boot by the server's second

    offsets = []
    for left, there, back, waited in delays:
        came = left + there
        end = came + waited + back
        shown = Exchange("now", boot_clock(left), boot_clock(end), BOOTED + came + waited, BOOTED + came)
        offset = times.from_exchange(shown)
        assert offset is not None
        offsets.append(offset)
    all_of_them = times.correct(boot_clock(at), offsets, NOON + 30 * DAY)
    assert abs(all_of_them.at - (BOOTED + at)) <= all_of_them.confidence + 1
    for offset in offsets:
        assert all_of_them.confidence <= times.correct(boot_clock(at), [offset], NOON + 30 * DAY).confidence


@given(boot=st.integers(0, 1 << 60), offset=st.integers(-(1 << 60), 1 << 60))
def test_nothing_happened_after_it_was_told(boot: int, offset: int) -> None:
    corrected = times.correct(boot, [Offset(NOON, offset, 0)], NOON)
    assert 0 <= corrected.at <= NOON
    assert corrected.confidence >= 0


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
    assert third[-1].error == 900 + times.GRAIN


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
        corrected = times.correct(sent.boot, seen, arrived)
        assert abs(corrected.at - arrived) <= corrected.confidence


def test_an_exchange_that_cannot_be_is_not_believed() -> None:
    assert times.from_exchange(Exchange(boot_id="now", sent=10, received=9, server=NOON)) is None
    assert times.from_exchange(Exchange(boot_id="now", sent=0, received=2 * HOUR, server=NOON)) is None
    late = Exchange(boot_id="now", sent=0, received=SECOND, server=NOON, came=NOON + 1)
    assert times.from_exchange(late) is None, "the answer left before the request came"
    short = Exchange(boot_id="now", sent=0, received=SECOND, server=NOON + 2 * SECOND, came=NOON)
    assert times.from_exchange(short) is None, "the server took longer than the whole exchange"
    seen, _ = times.see([], clock(HOUR), exchange(HOUR, 10, 10), BOOTED + HOUR)
    assert [offset.error for offset in seen] == [times.TRANSIT], "an exchange that ends after the batch left"
    lying = Exchange(boot_id="now", sent=HOUR - 10, received=HOUR, server=NOON + 30 * DAY)
    seen, _ = times.see([], clock(HOUR), lying, BOOTED + HOUR)
    assert [offset.error for offset in seen] == [times.TRANSIT]
