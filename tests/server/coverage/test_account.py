"""The account of one position, over chance records: every minute due has one place, whatever order records came in."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from server.coverage.account import Account, Answer, Stretch, account, by_day, spoken, together
from server.coverage.spans import MINUTE, Spans, both, grown, joined, without
from server.schemas.coverage import Missing

DAY = 24 * 60  # minutes
spans = st.lists(st.tuples(st.integers(0, DAY), st.integers(0, DAY)), max_size=6).map(joined)
stretches = st.lists(
    st.builds(
        lambda start, length, answer: Stretch(start, start + length, answer),
        st.integers(0, DAY * MINUTE),
        st.integers(0, 300 * MINUTE),
        st.sampled_from(Answer),
    ),
    max_size=12,
)
intervals = st.sampled_from([MINUTE, 5 * MINUTE, 60 * MINUTE])
evidence = st.lists(st.tuples(st.sampled_from(Missing), spans), max_size=6)


def minutes(found: Spans) -> set[int]:
    return {minute for start, end in found for minute in range(start, end)}


@given(spans, stretches, intervals, evidence, evidence)
def test_every_minute_due_is_attested_or_missing_for_one_reason(
    due: Spans,
    told: list[Stretch],
    interval: int,
    silence: list[tuple[Missing, Spans]],
    unanswered: list[tuple[Missing, Spans]],
) -> None:
    one = account(due, spoken(told, interval, DAY * MINUTE), silence, unanswered)
    places = Counter(minutes(one.attested))
    for found in one.missing.values():
        places.update(minutes(found))
    assert set(places) == minutes(due)
    assert set(places.values()) <= {1}
    [day] = by_day(one, [0, DAY])
    assert day.due == day.attested + sum(day.missing.values())
    assert min(day.attested, *day.missing.values()) >= 0


@given(st.data(), spans, stretches, intervals, evidence)
def test_the_order_records_come_in_does_not_matter(
    data: st.DataObject, due: Spans, told: list[Stretch], interval: int, silence: list[tuple[Missing, Spans]]
) -> None:
    shuffled = data.draw(st.permutations(told))
    now = DAY * MINUTE
    assert account(due, spoken(told, interval, now), silence) == account(due, spoken(shuffled, interval, now), silence)


@given(spans, stretches, stretches, intervals)
def test_a_record_more_attests_no_less(due: Spans, told: list[Stretch], more: list[Stretch], interval: int) -> None:
    """Of records with an answer: what comes late never takes away."""
    told = [Stretch(one.start, one.end, Answer.TOLD) for one in told]
    more = [Stretch(one.start, one.end, Answer.TOLD) for one in more]
    before = account(due, spoken(told, interval, 0))
    after = account(due, spoken([*told, *more], interval, 0))
    assert minutes(before.attested) <= minutes(after.attested)


@given(spans, spans, stretches, stretches, intervals)
def test_two_observers_count_a_minute_once(
    due: Spans, other: Spans, told: list[Stretch], said: list[Stretch], interval: int
) -> None:
    accounts: list[Account] = [
        account(due, spoken(told, interval, 0)),
        account(other, spoken(said, interval, 0)),
    ]
    whole = together(accounts)
    assert minutes(whole.due) == minutes(due) | minutes(other)
    assert minutes(whole.attested) == minutes(accounts[0].attested) | minutes(accounts[1].attested)
    missing = [minute for found in whole.missing.values() for minute in minutes(found)]
    assert len(missing) == len(set(missing))
    assert set(missing) == minutes(whole.due) - minutes(whole.attested)


@given(spans, spans)
def test_spans_are_sets_of_minutes(left: Spans, right: Spans) -> None:
    assert minutes(both(left, right)) == minutes(left) & minutes(right)
    assert minutes(without(left, right)) == minutes(left) - minutes(right)
    for made in (both(left, right), without(left, right), grown(left, 3)):
        assert made == joined(made)


@given(spans, st.lists(st.integers(1, DAY - 1), max_size=4, unique=True))
def test_days_cut_an_account_into_what_it_was(due: Spans, cuts: list[int]) -> None:
    one = account(due, {})
    days = by_day(one, [0, *sorted(cuts), DAY])
    assert sum(day.due for day in days) == len(minutes(due))
    assert sum(day.missing[Missing.UNKNOWN] for day in days) == len(minutes(due))


def told(*stretches: tuple[float, float], answer: Answer = Answer.TOLD) -> list[Stretch]:
    return [Stretch(round(start * MINUTE), round(end * MINUTE), answer) for start, end in stretches]


def test_a_poll_speaks_for_its_interval_and_a_short_silence_is_no_gap() -> None:
    """Polled every 5 minutes: fresh for 16. A silence of 16 minutes is bridged, one of 17 is a gap after the fifth."""
    assert spoken(told((0, 10), (26, 30)), 5 * MINUTE, 0)[Answer.TOLD] == [(0, 35)]
    assert spoken(told((0, 10), (27, 30)), 5 * MINUTE, 0)[Answer.TOLD] == [(0, 15), (27, 35)]


def test_what_is_fresh_now_is_no_gap_and_what_is_old_is_one() -> None:
    assert spoken(told((0, 10)), 5 * MINUTE, 26 * MINUTE)[Answer.TOLD] == [(0, 26)]
    assert spoken(told((0, 10)), 5 * MINUTE, 27 * MINUTE)[Answer.TOLD] == [(0, 15)]


def test_a_device_that_gives_no_answer_is_known_to_be_off_line_unless_its_line_is_cut() -> None:
    silent = spoken(told((0, 60), answer=Answer.SILENCE), MINUTE, 60 * MINUTE)
    found = account([(0, 60)], silent, [], [(Missing.LINE, [(20, 40)])])
    assert found.attested == [(0, 20), (40, 60)]
    assert found.missing == {Missing.LINE: [(20, 40)]}


def test_an_answer_that_says_nothing_attests_nothing() -> None:
    found = account([(0, 60)], spoken(told((0, 60), answer=Answer.NONSENSE), MINUTE, 60 * MINUTE))
    assert (found.attested, found.missing) == ([], {Missing.UNREADABLE: [(0, 60)]})
