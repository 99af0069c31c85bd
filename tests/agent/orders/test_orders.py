"""Orders of a whole agent, against a server over HTTP: what each kind does, and how each ends."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.settings import Settings
from agent.status import Status, read_status
from agent.wire import Fact, Hold, Order, OrderKind, Polled, Result, State, Why

if TYPE_CHECKING:
    from tests.agent.conftest import Centre
else:
    Centre = Any

LampSays = Callable[..., Polled]
Until = Callable[[Callable[[], object]], Awaitable[None]]
Running = Callable[[], Any]
OrderSays = Callable[..., Order]
SELDOM = 3600.0  # seconds: what is polled more than once was ordered


async def result_of(centre: Centre, until: Until, told: Order) -> Result:
    """Tell it, and wait for how it ends."""
    centre.told.append(told)
    await until(lambda: centre.results(told.uid))
    (result,) = centre.results(told.uid)
    return result


def polls(polled: Polled) -> int:
    return Path(polled.address).with_suffix(".log").read_text(encoding="utf-8").count("open")


async def test_positions_are_polled_at_once_and_what_they_said_is_there_before_the_result(
    centre: Centre, running: Running, order: OrderSays, lamp: LampSays, until: Until
) -> None:
    a, b, c = (lamp(f"1/{key}", interval=SELDOM, device="online") for key in "abc")
    centre.assign(a, b, c)
    async with running():
        await until(lambda: all(centre.states(f"1/{key}") for key in "abc"))
        lamp("1/a", interval=SELDOM, device="hardwareError")
        lamp("1/b", interval=SELDOM, error="Unreachable", reason="noAnswer")
        result = await result_of(centre, until, order("o1", OrderKind.POLL, "1/a", "1/b"))
    assert result.done
    assert result.polls == {"1/a": "", "1/b": "noAnswer"}
    assert result.detail == {"polled": 2, "unread": 1}
    assert result.began is not None
    assert result.began.boot <= result.clock.boot
    assert (polls(a), polls(b), polls(c)) == (2, 2, 1)
    before = centre.order[: centre.order.index(result)]
    said = [(record.position, str(record.reading.device)) for record in before if isinstance(record, State)]
    assert said[-2:] == [("1/a", "hardwareError"), ("1/b", "offline")] or said[-2:] == [
        ("1/b", "offline"),
        ("1/a", "hardwareError"),
    ]


async def test_what_stayed_as_it_was_is_attested_before_the_result(
    centre: Centre, running: Running, order: OrderSays, lamp: LampSays, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    centre.assign(lamp("1/a", interval=SELDOM, device="online"))
    async with running():
        await until(lambda: centre.states("1/a"))
        result = await result_of(centre, until, order("o1", OrderKind.POLL))
    assert centre.states("1/a") == ["online"]
    before = centre.order[: centre.order.index(result)]
    held = [record for record in before if isinstance(record, Hold) and "1/a" in record.held]
    assert held
    assert result.began is not None
    assert held[-1].clock.boot >= result.began.boot


async def test_positions_of_others_are_refused_unless_there_are_some_of_its_own_beside(
    centre: Centre, running: Running, order: OrderSays, lamp: LampSays, until: Until
) -> None:
    centre.assign(lamp("1/a", interval=SELDOM, device="online"))
    async with running():
        await until(lambda: centre.states("1/a"))
        none = await result_of(centre, until, order("o1", OrderKind.POLL, "2/x"))
        some = await result_of(centre, until, order("o2", OrderKind.POLL, "2/x", "1/a"))
    assert (none.done, none.why) == (False, Why.NOT_MINE)
    assert some.done
    assert some.polls == {"2/x": Why.NOT_MINE, "1/a": ""}


async def test_a_position_this_agent_has_not_heard_of_yet_is_asked_for_before_it_is_refused(
    centre: Centre, running: Running, order: OrderSays, lamp: LampSays, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was added a moment ago, and no acknowledgement has named the new assignment."""
    monkeypatch.setattr("agent.duties.Duties.heard", lambda self, revision: None)
    async with running():
        await until(lambda: centre.batches)
        centre.assign(lamp("1/a", interval=SELDOM, device="online"))
        assert (await result_of(centre, until, order("o1", OrderKind.POLL, "1/a"))).polls == {"1/a": ""}


async def test_a_poll_waits_for_no_doctor(
    centre: Centre, running: Running, order: OrderSays, lamp: LampSays, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = asyncio.Event()

    async def slow(_: Settings) -> list[Any]:
        await looked.wait()
        return []

    monkeypatch.setattr("agent.orders.doctor.findings", slow)
    centre.assign(lamp("1/a", interval=SELDOM, device="online"))
    async with running():
        await until(lambda: centre.states("1/a"))
        centre.told += [order("o1", OrderKind.DOCTOR), order("o2", OrderKind.SPOOL)]
        assert (await result_of(centre, until, order("o3", OrderKind.POLL))).done
        assert [result.order for result in centre.results()] == ["o3"]
        looked.set()
        await until(lambda: len(centre.results()) == 3)
    assert [result.order for result in centre.results()] == ["o3", "o1", "o2"]


async def test_a_host_says_what_it_is_before_the_result(
    centre: Centre, running: Running, order: OrderSays, until: Until
) -> None:
    async with running():
        result = await result_of(centre, until, order("o1", OrderKind.FACTS))
    assert result.done
    facts = [record for record in centre.order if isinstance(record, Fact)]
    assert [fact.seq for fact in facts] == [result.seq - len(facts) + at for at in range(len(facts))]
    fact = facts[0]
    assert fact.topic == "host"
    if sys.platform == "linux":
        assert [fact.topic for fact in facts[1:]] == [
            "updates",
            "software",
            "network",
            "antivirus",
            "policy",
            "neighbours",
        ]
    assert "clock.offset_ms" in fact.facts
    assert fact.facts["os.family"] == sys.platform
    assert fact.facts["agent.python"] == ".".join(map(str, sys.version_info[:3]))


async def test_the_doctor_looks_from_outside_and_says_it_in_both_languages(
    centre: Centre, running: Running, order: OrderSays, lamp: LampSays, until: Until
) -> None:
    centre.assign(lamp("1/a", interval=SELDOM, device="online"))
    async with running():
        await until(lambda: centre.states("1/a"))
        result = await result_of(centre, until, order("o1", OrderKind.DOCTOR))
    assert result.done, result
    found = {finding.what: finding for finding in result.findings}
    assert found["server"].good is True or found["server"].good is None
    assert found["agent"].zh.startswith("采集程序：在运行")
    assert found["agent"].en.startswith("agent: ")
    order_of_them = [finding.good for finding in result.findings]
    assert order_of_them == sorted(order_of_them, key=lambda good: (good is True, good is None))


async def test_a_doctor_that_is_asked_right_after_a_start_finds_what_is_there_and_nothing_else(
    centre: Centre,
    running: Running,
    order: OrderSays,
    lamp: LampSays,
    until: Until,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It hears of all by the agent's status file, which is there before the first poll and the first answer."""
    heard: list[Status | None] = []

    async def look(asked: Settings) -> list[Any]:
        heard.append(read_status(asked.home))
        return []

    monkeypatch.setattr("agent.orders.doctor.findings", look)
    monkeypatch.setattr("agent.schedule.FIRST_SECONDS", 2.0)
    centre.assign(lamp("1/a", interval=SELDOM, device="online"), lamp("1/b", interval=SELDOM, device="online"))
    centre.told.append(order("o1", OrderKind.DOCTOR))
    async with running():
        await until(lambda: centre.results("o1"))
    (status,) = heard
    assert status is not None
    assert status.looked.keys() == {"1/a", "1/b"}
    assert status.answered > 0


async def test_a_doctor_that_ends_without_a_word_is_told_as_that(
    centre: Centre, running: Running, order: OrderSays, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    async with running():
        result = await result_of(centre, until, order("o1", OrderKind.DOCTOR))
    assert (result.done, result.why, result.said) == (False, Why.ERROR, "the doctor ended with exit code 1")


async def test_the_spool_tells_how_it_stands(centre: Centre, running: Running, order: OrderSays, until: Until) -> None:
    async with running():
        result = await result_of(centre, until, order("o1", OrderKind.SPOOL))
    assert result.done
    assert set(result.detail) == {"waiting", "oldest", "bytes", "limit", "days", "stream", "streams"}
    assert result.detail["stream"] in centre.streams
    assert result.detail["limit"] == 2048 << 20


async def test_an_assignment_is_in_force_when_its_order_is_done(
    centre: Centre, running: Running, order: OrderSays, lamp: LampSays, until: Until
) -> None:
    async with running():
        await until(lambda: centre.batches)
        centre.assign(lamp("1/a", interval=SELDOM, device="online"))
        await until(lambda: centre.answering)
        centre.too_busy = 2
        assert (await result_of(centre, until, order("o1", OrderKind.ASSIGNMENT))).done
        assert (await result_of(centre, until, order("o2", OrderKind.POLL, "1/a"))).polls == {"1/a": ""}


async def test_what_this_agent_does_not_know_and_what_comes_too_late_is_refused(
    centre: Centre, running: Running, order: OrderSays, until: Until
) -> None:
    async with running():
        unknown = await result_of(centre, until, order("o1", "defragment"))
        late = await result_of(centre, until, order("o2", OrderKind.SPOOL, seconds=0.0))
    assert (unknown.done, unknown.why, unknown.began) == (False, Why.UNKNOWN, None)
    assert (late.done, late.why, late.began) == (False, Why.LATE, None)


async def test_a_defect_ends_one_order_and_nothing_else(
    centre: Centre, running: Running, order: OrderSays, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object) -> None:
        raise KeyError("bulb")

    monkeypatch.setattr("agent.orders.doctor.findings", broken)
    async with running():
        result = await result_of(centre, until, order("o1", OrderKind.DOCTOR))
        assert (result.why, result.said) == (Why.ERROR, "the agent failed with KeyError")
        assert (await result_of(centre, until, order("o2", OrderKind.SPOOL))).done
