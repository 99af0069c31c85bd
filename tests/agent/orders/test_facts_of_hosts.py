"""Facts of hosts among the positions: by an order and once a day, under the position's turn, and each by itself."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent import hosts
from agent.wire import Fact, Order, OrderKind, Polled, Why
from drivers.sim.registry import make
from tests.agent.orders.test_orders import result_of

if TYPE_CHECKING:
    from tests.agent.conftest import Centre
else:
    Centre = Any

LampSays = Callable[..., Any]
OrderSays = Callable[..., Order]
Until = Callable[[Callable[[], object]], Awaitable[None]]
FACTS = {"host": {"host.name": "front-end", "os.family": "linux"}, "network": {"ports.tcp": ["22"]}}


def facts(centre: Centre) -> list[Fact]:
    return [record for record in centre.order if isinstance(record, Fact) and record.position]


@pytest.fixture
def host(lamp: LampSays) -> LampSays:
    def say(position: str, **said: Any) -> Any:
        return lamp(position, driver="lamp_host", interval=3600.0, device="online", **said)

    return say


async def test_an_order_that_names_positions_has_these_told_and_not_the_pc(
    centre: Centre, running: Any, order: OrderSays, host: LampSays, lamp: LampSays, until: Until
) -> None:
    centre.assign(
        host("1/a", facts=FACTS, unread={"firewall.": "rights"}),
        host("1/b", error="Unreachable", reason="connectTimeout", facts={}),
        host("1/c", crash=True, facts={}),
        lamp("1/d", interval=3600.0, device="online"),
        host("1/e", facts={}),
    )
    wanted = ("1/a", "1/b", "1/c", "1/d", "1/e", "1/gone")
    async with running():
        result = await result_of(centre, until, order("o1", OrderKind.FACTS, *wanted))
    assert result.done
    assert result.polls == {
        "1/a": "",
        "1/b": "connectTimeout",
        "1/c": "driverFailed",
        "1/d": "notInDevice",
        "1/e": "notInDevice",
        "1/gone": Why.NOT_MINE,
    }
    assert result.detail == {"polled": 6, "unread": 5}
    told = facts(centre)
    assert [(one.position, one.host, one.topic) for one in told] == [
        ("1/a", "front-end", "host"),
        ("1/a", "front-end", "network"),
    ]
    assert told[1].unread == {"firewall.": "rights"}
    assert all(one.seq < result.seq for one in told)
    assert not any(isinstance(one, Fact) and not one.position for one in centre.order)


async def test_an_order_that_names_none_has_the_pc_told_and_every_host(
    centre: Centre, running: Any, order: OrderSays, host: LampSays, lamp: LampSays, until: Until
) -> None:
    centre.assign(host("1/a", facts=FACTS), lamp("1/d", interval=3600.0, device="online"), host("1/none", facts={}))
    async with running():
        await until(lambda: centre.states("1/a"))
        result = await result_of(centre, until, order("o1", OrderKind.FACTS))
    own = {one.position for one in centre.order if isinstance(one, Fact)}
    assert own == {"", "1/a"}
    assert {key: why for key, why in result.polls.items() if "/" in key} == {"1/a": ""}


async def test_what_a_host_says_beyond_a_record_or_of_another_kind_costs_only_itself(
    centre: Centre, running: Any, order: OrderSays, host: LampSays, until: Until
) -> None:
    wild = {"host": {"host.name": "\x1b[31m$(reboot)\n", "big": ["x" * 300] * 5000, "ok": True}}
    centre.assign(host("1/a", facts=wild), host("1/b", facts={"host": {"x": {"deep": 1}}}))
    async with running():
        result = await result_of(centre, until, order("o1", OrderKind.FACTS, "1/a", "1/b"))
    assert result.polls == {"1/b": "driverFailed", "1/a": ""}
    (told,) = facts(centre)
    assert told.facts == {"host.name": "[31m$(reboot)", "ok": True}
    assert told.unread == {"big": "unreadable"}


async def test_each_is_asked_without_an_order_once_it_is_due(
    centre: Centre, running: Any, host: LampSays, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "FIRST", 0.0)
    monkeypatch.setattr(hosts, "FIRST_WITHIN", 0.0)
    monkeypatch.setattr(hosts, "TICK", 0.02)
    centre.assign(host("1/a", facts=FACTS))
    async with running():
        await until(lambda: len(facts(centre)) == 2)
    assert {one.topic for one in facts(centre)} == {"host", "network"}


async def test_a_host_that_posts_is_heard_at_once_and_an_order_says_that_it_cannot_be_asked(
    centre: Centre, running: Any, order: OrderSays, until: Until, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hosts, "TICK", 0.02)
    posting: Any = make("host/posted", "1/a", {"key": "a key of one host alone"}, {"listens": "445"}, tmp_path)
    address = await posting.start()
    options: dict[str, object] = {"key": "a key of one host alone"}
    centre.assign(
        Polled(position="1/a", name="", driver="host/posted", address=address, options=options, interval=3600.0)
    )
    try:
        async with running():
            await until(lambda: len(facts(centre)) == 6)
            result = await result_of(centre, until, order("o1", OrderKind.FACTS, "1/a"))
    finally:
        await posting.close()
    assert {one.topic: one.facts for one in facts(centre)}["network"]["ports.tcp"] == ["22", "445"]
    assert result.polls == {"1/a": "notPosted"}
    assert len(facts(centre)) == 6
