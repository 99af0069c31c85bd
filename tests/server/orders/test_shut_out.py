"""Orders of agents that nobody may speak as any more, and of agents that forgot them, end at once and say why."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, delete

from server.agents.tables import AgentIdentity, AgentToken
from server.clock import SetClock
from server.events.publish import invalidate
from server.schemas.people import Role
from server.storage.database import Database
from tests.server.orders.conftest import Asking, Asks, ender, orders, push, settle, state_of

SignIn = Callable[..., TestClient]
DECIDED = [
    ({"revoked_at": 1}, "The agent was revoked: nobody speaks as it."),
    ({"quarantined_at": 1}, "The agent is in quarantine: two programs spoke as it."),
]


def shut_out(client: TestClient, database: Database, bank: dict[str, int], identity: dict[str, Any]) -> None:
    """As deeds of `server.agents` do, of an agent with a token alone."""
    with database.write() as session:
        session.exec(delete(AgentToken).where(col(AgentToken.agent_id) == bank["centre"]))
        session.add(AgentIdentity(agent_id=bank["centre"], **identity))
        invalidate(session, "agent", "centre", bank["0001"], state_of(client).now())
    ender(client).decide()  # the ticker says so, when it hears of it
    settle(client)


def ends(head: TestClient, uid: str) -> list[tuple[str, str]]:
    return [(row["state"], row["why"]) for row in orders(head, uid)]


@pytest.mark.parametrize(("identity", "sentence"), DECIDED)
@pytest.mark.parametrize("handed", [True, False])
def test_what_it_had_and_what_waited_for_it_is_refused_at_once(
    sign_in: SignIn,
    asking: Asks,
    client: TestClient,
    database: Database,
    bank: dict[str, int],
    identity: dict[str, Any],
    sentence: str,
    handed: bool,
) -> None:
    centre, head = asking("centre"), sign_in(Role.HEAD)
    made = push(head, "doctor", "centre", seconds=86_400)
    if handed:
        assert len(centre.ask(wait=30).orders) == 1
    shut_out(client, database, bank, identity)
    assert ends(head, made["uid"]) == [("refused", sentence)]
    assert head.get(f"/api/pushes/{made['uid']}").json()["ended_at"] is not None


def test_the_server_hears_of_it_by_itself(
    sign_in: SignIn, asking: Asks, client: TestClient, database: Database, bank: dict[str, int]
) -> None:
    asking("centre")
    push(sign_in(Role.HEAD), "doctor", "centre")
    settle(client)
    decided: list[bool] = []
    ender(client).decide = lambda: decided.append(True)  # type: ignore[method-assign]
    with database.write() as session:
        invalidate(session, "agent", "centre", bank["0001"], state_of(client).now())
    portal: Any = client.portal
    portal.call(state_of(client).ticker.tick)
    assert decided


def test_a_server_that_was_away_meanwhile_finds_it_when_it_begins(
    sign_in: SignIn, asking: Asks, client: TestClient, database: Database, bank: dict[str, int]
) -> None:
    asking("centre")
    head = sign_in(Role.HEAD)
    made = push(head, "doctor", "centre")
    settle(client)
    with database.write() as session:
        session.exec(delete(AgentToken))
        session.add(AgentIdentity(agent_id=bank["centre"], revoked_at=1))
    ender(client).arrive()
    settle(client)
    assert ends(head, made["uid"]) == [("refused", DECIDED[0][1])]


def test_others_go_on(
    sign_in: SignIn, asking: Asks, client: TestClient, database: Database, bank: dict[str, int]
) -> None:
    asking("centre")
    pc, head = asking("1001-pc"), sign_in(Role.HEAD)
    made = push(head, "facts")
    shut_out(client, database, bank, {"revoked_at": 1})
    (order,) = pc.ask(wait=30).orders
    pc.tell(order.uid)
    assert [state for state, _ in ends(head, made["uid"])] == ["refused", "done"]


def test_what_it_did_before_it_was_held_off_is_the_truth_once_it_is_released(
    sign_in: SignIn, asking: Asks, client: TestClient, database: Database, bank: dict[str, int]
) -> None:
    centre, head = asking("centre"), sign_in(Role.HEAD)
    made = push(head, "facts", "centre")
    (order,) = centre.ask(wait=30).orders
    result = centre.result(order.uid)
    shut_out(client, database, bank, {"quarantined_at": 1})
    assert [state for state, _ in ends(head, made["uid"])] == ["refused"]
    asking("centre").send(result)
    assert ends(head, made["uid"]) == [("done", "")]


# -- an agent that forgot what it had ---------------------------------------------------------------


@pytest.fixture
def handed(sign_in: SignIn, asking: Asks) -> tuple[Asking, TestClient, str, str]:
    """The agent, head office, the push, and the order that was handed to the agent's first stream."""
    centre, head = asking("centre"), sign_in(Role.HEAD)
    made = push(head, "facts", "centre", seconds=3600)
    (order,) = centre.ask(wait=30, stream="first").orders
    return centre, head, made["uid"], order.uid


def test_an_agent_with_another_spool_is_not_told_again_and_the_order_has_failed(
    handed: tuple[Asking, TestClient, str, str],
) -> None:
    centre, head, uid, _ = handed
    assert centre.ask(stream="second").orders == []
    ((state, why),) = ends(head, uid)
    assert (state, "does not know it any more" in why) == ("failed", True)


def test_an_agent_with_the_same_spool_is_told_again(handed: tuple[Asking, TestClient, str, str], now: SetClock) -> None:
    centre, _, _, order = handed
    assert [one.uid for one in centre.ask(wait=30, stream="first").orders] == [order]


def test_an_order_it_still_has_lives_on_in_another_stream(handed: tuple[Asking, TestClient, str, str]) -> None:
    centre, head, uid, order = handed
    assert centre.ask(order, stream="second").orders == []
    assert [state for state, _ in ends(head, uid)] == ["handed"]
    centre.tell(order)
    assert [state for state, _ in ends(head, uid)] == ["done"]


def test_an_agent_older_than_this_is_told_again(handed: tuple[Asking, TestClient, str, str]) -> None:
    centre, _, _, order = handed
    assert [one.uid for one in centre.ask(wait=30).orders] == [order]


def test_a_result_that_comes_after_all_is_the_truth(handed: tuple[Asking, TestClient, str, str]) -> None:
    centre, head, uid, order = handed
    centre.ask(stream="second")
    centre.tell(order)
    assert ends(head, uid) == [("done", "")]


def test_what_is_pushed_then_it_is_told(handed: tuple[Asking, TestClient, str, str]) -> None:
    centre, head, _, _ = handed
    centre.ask(stream="second")
    push(head, "spool", "centre")
    assert [order.what for order in centre.ask(wait=30, stream="second").orders] == ["spool"]
