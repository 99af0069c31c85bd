"""Whom a sweep asks and how fast, whom it believes to be there, and what stops it. The clock is a number."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from agent.orders.outcome import NotDone, Outcome
from agent.sweep.sweeping import FASTEST, Sweeping
from agent.wire import Fact, Order, Why

if TYPE_CHECKING:
    from tests.agent.conftest import FakeClocks
    from tests.agent.sweep.conftest import FakeLine, Told
else:
    FakeClocks = FakeLine = Told = Any

OrderSays = Callable[..., Order]
MAC = "00:1b:21:0a:00:07"


def found(outcome: Outcome) -> Any:
    [fact] = outcome.records
    assert isinstance(fact, Fact)
    assert fact.topic == "sweep"
    return fact.facts["sweep"]


def most_in_a_second(times: list[float]) -> int:
    """Of any second: it begins with one of them."""
    return max(sum(begin <= at < begin + 1 for at in times) for begin in times)


async def test_every_address_is_asked_once_in_order_but_those_of_nobody_and_its_own(
    sweeping: Sweeping, line: FakeLine, order: OrderSays
) -> None:
    line.here = {1, 7, 254}
    outcome = await sweeping.do(order())
    assert line.addresses == [f"10.1.1.{at}" for at in range(1, 255) if at != 5]
    assert found(outcome) == [f"10.1.1.{at} 00:1b:21:0a:00:{at:02x} eth0" for at in (1, 7, 254)]
    assert (outcome.why, outcome.detail) == (
        "",
        {"prefix": "10.1.1.0/24", "of": 253, "asked": 253, "answered": 3, "upTo": "10.1.1.254"},
    )


async def test_a_part_of_its_network_has_hosts_where_the_part_begins_and_ends(
    sweeping: Sweeping, line: FakeLine, order: OrderSays
) -> None:
    await sweeping.do(order("10.1.1.64/30"))
    await sweeping.do(order("10.1.1.252/30"))
    assert line.addresses == [f"10.1.1.{at}" for at in (64, 65, 66, 67, 252, 253, 254)]


@pytest.mark.parametrize(("asked", "most"), [(0, 1), (1, 1), (2, 2), (4, 4), (1000, FASTEST)])
async def test_in_no_second_more_addresses_are_asked_than_were_approved(
    sweeping: Sweeping, line: FakeLine, order: OrderSays, asked: int, most: int
) -> None:
    await sweeping.do(order(rate=asked))
    times = [at for _, at in line.asked]
    assert most_in_a_second(times) == most
    assert times[-1] - times[0] == pytest.approx(252 / most)


async def test_a_table_that_is_slow_to_read_is_not_made_up_for_by_haste(
    sweeping: Sweeping, line: FakeLine, order: OrderSays, clocks: FakeClocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow() -> list[str]:
        clocks.forward(9.0)
        return []

    monkeypatch.setattr(line, "table", slow)
    await sweeping.do(order("10.1.1.0/25"))
    assert most_in_a_second([at for _, at in line.asked]) == 2


async def test_how_far_it_is_is_told_on_the_way(
    sweeping: Sweeping, line: FakeLine, order: OrderSays, told: Told
) -> None:
    line.here = set(range(1, 31))
    await sweeping.do(order())
    facts = [fact.facts for fact in told.records if isinstance(fact, Fact)]
    assert [fact["sweep.asked"] for fact in facts] == [40, 80, 120, 160, 200, 240]
    assert {(fact["sweep.order"], fact["sweep.of"], "sweep" in fact) for fact in facts} == {("o1", 253, False)}
    answered = [fact["sweep.answered"] for fact in facts]
    assert (answered[0], answered[-1]) == (
        21,
        29,
    )  # of the first forty those of more than ten seconds ago; 5 is its own


@pytest.mark.parametrize("prefix", ["10.1.2.0/24", "10.1.0.0/22", "192.0.2.1/32"])
async def test_nobody_is_asked_on_a_network_that_is_not_its_own(
    sweeping: Sweeping, line: FakeLine, order: OrderSays, prefix: str
) -> None:
    line.cards["eth1"] = "172.16.0.9/16"
    with pytest.raises(NotDone) as refused:
        await sweeping.do(order(prefix))
    assert (refused.value.why, refused.value.said) == (Why.OFF_WIRE, "10.1.1.0/24, 172.16.0.0/16")
    assert line.asked == []


@pytest.mark.parametrize("prefix", ["", "10.1.1.7/24", "2001:db8::/120", "x; reboot", "172.16.0.0/16", "172.16.0.0/21"])
async def test_what_no_server_may_ask_is_not_done_whoever_asks(
    sweeping: Sweeping, line: FakeLine, order: OrderSays, prefix: str
) -> None:
    line.cards = {"eth0": "172.16.0.9/16"}
    with pytest.raises(NotDone) as refused:
        await sweeping.do(order(prefix))
    assert refused.value.why == Why.ERROR
    assert line.asked == []


async def test_a_table_that_cannot_be_read_is_noticed_before_anything_is_sent(
    sweeping: Sweeping, line: FakeLine, order: OrderSays
) -> None:
    line.unread = True
    with pytest.raises(NotDone) as refused:
        await sweeping.do(order())
    assert (refused.value.why, refused.value.said) == (Why.TABLE_UNREAD, "rights")
    assert line.asked == []
    line.unread = False
    assert (await sweeping.do(order())).why == ""


async def test_a_table_that_cannot_be_read_any_more_ends_it(
    sweeping: Sweeping, line: FakeLine, order: OrderSays
) -> None:
    def locks(address: str) -> None:
        line.unread = address == "10.1.1.13" or line.unread

    line.before = locks
    outcome = await sweeping.do(order())
    assert (outcome.why, outcome.said, outcome.detail["asked"]) == (Why.TABLE_UNREAD, "rights", 20)


async def test_who_was_not_asked_is_not_found_whatever_the_table_says(
    sweeping: Sweeping, line: FakeLine, order: OrderSays
) -> None:
    """Neighbours of before, of another card, beyond the network, and what is no line at all."""
    line.lines = [
        f"10.1.1.200 {MAC} eth0",
        f"10.1.1.9 {MAC} eth1",
        f"10.1.1.10 {MAC}",
        f"192.0.2.1 {MAC} eth0",
        f"10.1.1.11 {MAC} eth0 and more",
        *(f"10.9.{at // 250}.{at % 250} {MAC} eth0" for at in range(5000)),
        "x" * 100_000,
        "",
    ]
    line.here = {8}
    assert found(await sweeping.do(order("10.1.1.0/26"))) == ["10.1.1.8 00:1b:21:0a:00:08 eth0"]


async def test_two_that_answer_for_one_address_are_both_told(
    sweeping: Sweeping, line: FakeLine, order: OrderSays
) -> None:
    line.here, line.lines = {8}, [f"10.1.1.8 {MAC} eth0"]
    outcome = await sweeping.do(order("10.1.1.0/28"))
    assert found(outcome) == [f"10.1.1.8 {MAC} eth0", "10.1.1.8 00:1b:21:0a:00:08 eth0"]
    assert outcome.detail["answered"] == 1


async def test_an_old_entry_of_a_machine_that_is_gone_is_not_believed(
    sweeping: Sweeping, line: FakeLine, order: OrderSays, clocks: FakeClocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel keeps it for eight seconds after somebody asked again."""
    begun = clocks.boot

    def table() -> list[str]:
        return [f"10.1.1.9 {MAC} eth0"] if clocks.boot - begun < 8_000_000 else []

    monkeypatch.setattr(line, "table", table)
    assert found(await sweeping.do(order("10.1.1.8/29"))) == []


async def test_it_stops_when_the_kernel_turns_neighbours_away(
    sweeping: Sweeping, line: FakeLine, order: OrderSays
) -> None:
    line.full, line.here = 3, {1}

    def fills(address: str) -> None:
        line.full = 4 if address == "10.1.1.50" else line.full

    line.before = fills
    outcome = await sweeping.do(order())
    assert (outcome.why, outcome.said) == (Why.TABLE_FULL, "")
    assert outcome.detail["asked"] == 50
    assert found(outcome) == ["10.1.1.1 00:1b:21:0a:00:01 eth0"]


async def test_it_stops_at_the_first_address_that_cannot_be_asked(
    sweeping: Sweeping, line: FakeLine, order: OrderSays
) -> None:
    def fails(address: str) -> None:
        if address == "10.1.1.40":
            raise OSError(105, "No buffer space available")

    line.before = fails
    outcome = await sweeping.do(order())
    assert (outcome.why, outcome.said) == (Why.NOT_SENT, "10.1.1.40: No buffer space available")
    assert (outcome.detail["asked"], outcome.detail["upTo"]) == (38, "10.1.1.39")


async def test_it_ends_when_it_is_stopped_and_says_how_far_it_came(
    sweeping: Sweeping, line: FakeLine, order: OrderSays
) -> None:
    def stops(address: str) -> None:
        sweeping.stop("another")
        if address == "10.1.1.31":
            sweeping.stop("o1")

    line.before, line.here = stops, {2}
    outcome = await sweeping.do(order())
    assert (outcome.why, line.addresses[-1], outcome.detail["asked"]) == (Why.STOPPED, "10.1.1.31", 30)
    assert found(outcome) == ["10.1.1.2 00:1b:21:0a:00:02 eth0"]
    sweeping.stop("o1")  # again, as a server may say it


async def test_a_pc_that_slept_in_the_middle_does_not_go_on_beyond_its_time(
    sweeping: Sweeping, line: FakeLine, order: OrderSays, clocks: FakeClocks
) -> None:
    def sleeps(address: str) -> None:
        clocks.forward(8 * 3600.0 if address == "10.1.1.20" else 0)

    line.before = sleeps
    outcome = await sweeping.do(order())
    assert (outcome.why, outcome.detail["upTo"]) == (Why.TIME, "10.1.1.20")


async def test_two_at_once_would_be_twice_as_fast(sweeping: Sweeping, order: OrderSays) -> None:
    first = asyncio.create_task(sweeping.do(order()))
    await asyncio.sleep(0)
    with pytest.raises(NotDone) as refused:
        await sweeping.do(order(uid="o2"))
    assert refused.value.why == Why.BUSY
    assert (await first).why == ""
