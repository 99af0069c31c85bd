"""The pure parts of ingest, fed with whatever there is."""

from contextlib import suppress
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.wire import MEDIA_JSON, MEDIA_MSGPACK
from server.errors import Invalid
from server.ingest.batch import TooLarge, WrongMedia, open_batch, unpack
from server.ingest.intervals import HeldFor, Stretch, fold
from server.ingest.ranges import holds, joined

NUMBERS = st.sets(st.integers(1, 40))
HELD = st.builds(
    lambda since, length, good: HeldFor(since, since + length, good, 1),
    st.integers(0, 1000),
    st.integers(0, 100),
    st.integers(0, 3),
)


@given(first=NUMBERS, then=NUMBERS)
def test_ranges_hold_what_was_put_in_and_nothing_else(first: set[int], then: set[int]) -> None:
    ranges = joined(joined([], first), then)
    assert {number for number in range(50) if holds(ranges, number)} == first | then
    assert ranges == sorted(ranges)
    assert all(above[0] > below[1] + 1 for below, above in pairwise(ranges))


@given(held=st.lists(HELD, max_size=8), data=st.data(), answered=st.booleans())
def test_stretches_are_the_same_in_any_order(held: list[HeldFor], data: st.DataObject, answered: bool) -> None:
    shuffled = data.draw(st.permutations(held))
    assert fold(200, held, 60, answered=answered) == fold(200, shuffled, 60, answered=answered)


@given(held=st.lists(HELD, max_size=8))
def test_stretches_are_apart_and_lose_no_poll(held: list[HeldFor]) -> None:
    stretches = fold(200, held, 60, answered=True)
    told_by_a_clock_set_back = [one.since for one in held if one.to < 200]
    assert stretches[0].start == min([200, *told_by_a_clock_set_back])
    assert all(stretch.start <= stretch.end for stretch in stretches)
    assert all(later.start - earlier.end > 60 for earlier, later in pairwise(stretches))
    assert sum(stretch.good for stretch in stretches) == 1 + sum(one.good for one in held)
    assert sum(stretch.failed for stretch in stretches) == len(held)


def test_a_hold_that_speaks_of_before_the_state_begins_with_the_state() -> None:
    assert fold(200, [HeldFor(150, 260, 2, 0)], 60, answered=True) == [Stretch(200, 260, 3, 0)]


@given(body=st.binary(max_size=200), media=st.sampled_from([MEDIA_JSON, MEDIA_MSGPACK, ""]), packed=st.booleans())
def test_no_bytes_bring_the_server_down(body: bytes, media: str, packed: bool) -> None:
    with suppress(Invalid, TooLarge, WrongMedia):
        open_batch(body, media, "zstd" if packed else "", 1, 1)


@given(plain=st.binary(max_size=300_000))
def test_what_was_packed_is_unpacked(plain: bytes) -> None:
    from backports import zstd

    assert unpack(zstd.compress(plain), "zstd") == plain


def test_a_number_of_any_length_refuses_its_record_alone() -> None:
    clock = '{"wall": 1, "boot": 1, "boot_id": "b"}'
    fact = f'{{"kind": "fact", "seq": 1, "clock": {clock}, "host": "pc", "facts": {{"n": {1 << 64}}}}}'
    start = f'{{"kind": "event", "seq": 2, "clock": {clock}, "name": "start"}}'
    state = f'{{"seq": {1 << 64}, "clock": {clock}, "position": "1001/a", "reading": {{"device": "online"}}}}'
    ahead = f'{{"state": {state}, "held": 1}}'
    body = (
        f'{{"version": 1, "stream": "s", "sent": {clock}, "records": [{fact}, {start}], "ahead": [{ahead}]}}'
    ).encode()
    parcel = open_batch(body, MEDIA_JSON, "", 1, 1)
    assert [(one.kind, one.why) for one in parcel.records] == [("refused", "a number is out of range"), ("event", "")]
    assert parcel.ahead == []
