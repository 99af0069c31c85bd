"""By exception: news is a state, sameness is counted for the next hold."""

import logging
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from agent.poll import Seen, failed
from agent.report import Report
from agent.spool.room import HOLD_POSITIONS
from agent.wire import AnyRecord, Clock, DeviceWord, Failure, Held, Hold, Reading, State, catalogue

Clocks = Callable[[], Clock]


def reading(device: DeviceWord = DeviceWord.ONLINE, **more: Any) -> Seen:
    return Seen(Reading(device=device, **more))


@pytest.fixture
def report(clocks: Clocks) -> Report:
    return Report(catalogue(), clocks())


def told(records: list[AnyRecord]) -> list[str]:
    return [type(record).__name__ for record in records]


def test_the_first_reading_is_news_and_the_same_again_is_not(report: Report, clocks: Clocks) -> None:
    first = report.seen("1/a", reading(parts={"paper": "ok"}), clocks())
    assert told(first.records) == ["State"]
    assert first.urgent
    assert report.seen("1/a", reading(parts={"paper": "ok"}), clocks()).records == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"parts": {"paper": "ok"}}, {"parts": {"paper": "out"}}),
        ({"parts": {"paper": "ok"}}, {"parts": {}}),
        ({"texts": {"console": "a"}}, {"texts": {"console": "b"}}),
        ({"identity": {"serial": "1"}}, {"identity": {"serial": "2"}}),
        ({"numbers": {"load": 10}}, {"numbers": {"load": 16}}),
        ({"numbers": {"load.2": 10}}, {"numbers": {"load.2": 16}}),
        ({"numbers": {"load": 10}}, {"numbers": {}}),
        ({"numbers": {"nobody knows": 1}}, {"numbers": {"nobody knows": 1.5}}),
        ({"numbers": {"pages": 1000}}, {"numbers": {"pages": 995}}),
        ({"as_of": 1}, {"as_of": 2}),
    ],
)
def test_what_differs_is_news(report: Report, clocks: Clocks, before: dict[str, Any], after: dict[str, Any]) -> None:
    report.seen("1/a", reading(**before), clocks())
    news = report.seen("1/a", reading(**after), clocks())
    assert told(news.records) == ["State"]
    assert not news.urgent


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"numbers": {"load": 10}}, {"numbers": {"load": 15}}),
        ({"numbers": {"pages": 1000}}, {"numbers": {"pages": 1010}}),
        ({"raw": {"q": b"a"}}, {"raw": {"q": b"b"}}),
    ],
)
def test_what_differs_within_its_deadband_or_in_raw_alone_is_not(
    report: Report, clocks: Clocks, before: dict[str, Any], after: dict[str, Any]
) -> None:
    report.seen("1/a", reading(**before), clocks())
    assert report.seen("1/a", reading(**after), clocks()).records == []


def test_a_number_that_creeps_is_news_once_it_is_beyond_its_deadband(report: Report, clocks: Clocks) -> None:
    news = [bool(report.seen("1/a", reading(numbers={"load": load}), clocks()).records) for load in range(10, 24)]
    assert [load for load, told in zip(range(10, 24), news, strict=True) if told] == [10, 16, 22]


@pytest.mark.parametrize(
    ("position", "before", "after"),
    [
        ("1/a", {"device": DeviceWord.ONLINE}, {"device": DeviceWord.HARDWARE_ERROR}),
        ("1/ups", {"parts": {"power": "mains"}}, {"parts": {"power": "battery"}}),
        ("1/ups", {"parts": {"power.2": "mains"}}, {"parts": {"power.2": "battery"}}),
        ("1/line/main", {"parts": {"port": "up"}}, {"parts": {"port": "down"}}),
    ],
)
def test_device_word_power_and_lines_are_urgent(
    report: Report, clocks: Clocks, position: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    report.seen(position, reading(**before), clocks())
    assert report.seen(position, reading(**after), clocks()).urgent


def test_a_failure_is_news_once_and_its_wording_is_not(
    report: Report, clocks: Clocks, caplog: pytest.LogCaptureFixture
) -> None:
    report.seen("1/a", reading(), clocks())
    with caplog.at_level(logging.INFO):
        gone = report.seen("1/a", failed(Failure("unreachable", "noAnswer", "after 3.01 s")), clocks())
        still = report.seen("1/a", failed(Failure("unreachable", "noAnswer", "after 3.02 s")), clocks())
        back = report.seen("1/a", reading(), clocks())
    assert gone.urgent
    assert still.records == []
    assert told(back.records) == ["Hold", "State"]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_another_reason_is_news(report: Report, clocks: Clocks) -> None:
    report.seen("1/a", failed(Failure("refused", "wrongSecret", "no")), clocks())
    news = report.seen("1/a", failed(Failure("garbled", "badFrame", "no")), clocks())
    assert told(news.records) == ["State"]
    assert not news.urgent


def test_a_hold_counts_what_was_seen_again_since_the_last_one(report: Report, clocks: Clocks) -> None:
    failure = failed(Failure("unreachable", "noAnswer", "no"))
    for _ in range(4):
        report.seen("1/a", reading(), clocks())
        report.seen("1/b", failure, clocks())
    clocks.forward(60)  # type: ignore[attr-defined]
    (hold,) = report.hold(clocks())
    assert hold.held == {"1/a": Held(3, 0), "1/b": Held(0, 3)}
    assert hold.clock.boot - hold.since == 60_000_000
    clocks.forward(60)  # type: ignore[attr-defined]
    (again,) = report.hold(clocks())
    assert again.since == hold.clock.boot
    assert again.held == {}


def test_the_polls_before_a_change_are_held_by_the_state_before_it(report: Report, clocks: Clocks) -> None:
    for _ in range(3):
        report.seen("1/a", reading(), clocks())
    news = report.seen("1/a", reading(DeviceWord.OFFLINE), clocks())
    hold, state = news.records
    assert isinstance(hold, Hold)
    assert hold.held == {"1/a": Held(2, 0)}
    assert isinstance(state, State)
    report.seen("1/a", reading(DeviceWord.OFFLINE), clocks())
    assert report.hold(clocks())[0].held == {"1/a": Held(1, 0)}


def test_what_is_forgotten_is_told_anew(report: Report, clocks: Clocks) -> None:
    for position in ("1/a", "1/b"):
        report.seen(position, reading(), clocks())
        report.seen(position, reading(), clocks())
    report.forget("1/a")
    assert told(report.seen("1/a", reading(), clocks()).records) == ["State"]
    assert report.hold(clocks())[0].held == {"1/b": Held(1, 0)}
    report.forget()
    assert told(report.seen("1/b", reading(), clocks()).records) == ["State"]


def test_thousands_of_positions_make_several_holds_of_one_minute(report: Report, clocks: Clocks) -> None:
    for _ in range(2):
        for number in range(1000):
            report.seen(f"1/{number}", reading(), clocks())
    holds = report.hold(clocks())
    assert [len(hold.held) for hold in holds] == [HOLD_POSITIONS, HOLD_POSITIONS, 200]


def test_how_things_stand_is_known_whatever_was_told(report: Report, clocks: Clocks) -> None:
    began = clocks()
    report.seen("1/a", reading(raw={"q": b"long"}), began)
    report.seen("1/a", reading(), msgspec.structs.replace(began, boot=began.boot + 60_000_000))
    report.forget()
    (ahead,) = report.ahead()
    assert (ahead.state.position, ahead.state.reading.raw) == ("1/a", {})
    assert ahead.held - ahead.state.clock.boot == 60_000_000
    report.forget("1/a")
    assert report.ahead() == []
