"""Requests that are held: answered when there is something, at no cost until then, and in order at the end."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx2
import msgspec
import pytest
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlmodel import Session, col, delete

from agent.wire import Order, Orders
from server.accounts.tokens import AGENT, hash_token, new_token
from server.agents.tables import AgentToken
from server.app import create_app
from server.clock import SetClock
from server.events.publish import invalidate
from server.inventory.tables import Agent, Subject, SubjectKind
from server.journal.deeds import Act
from server.orders import hub as holding
from server.orders.deeds import make
from server.orders.hub import Hub
from server.orders.looking import Asked, Look
from server.queries import Everything
from server.schemas.orders import PushCreate
from server.schemas.people import Role
from server.settings import Settings
from server.storage.database import Database
from server.storage.types import FOREVER
from tests.server.orders.conftest import Asking, Asks, push, state_of, states

SignIn = Callable[..., TestClient]


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def held(client: TestClient, count: int) -> None:
    """Until so many requests are held."""
    until(lambda: state_of(client).hub.held == count)


def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_request_that_is_held_is_answered_by_the_push(
    sign_in: SignIn, asking: Asks, client: TestClient, beside: ThreadPoolExecutor
) -> None:
    centre = asking("centre")
    waiting = beside.submit(centre.ask, wait=50)
    held(client, 1)
    made = push(sign_in(Role.HEAD), "facts", "centre")
    (order,) = waiting.result(60).orders
    assert order.what == "facts"
    assert states(sign_in(Role.HEAD), made["uid"]) == {"centre": "handed"}
    held(client, 0)


def test_a_push_of_another_process_is_heard_of_too(
    app: FastAPI,
    sign_in: SignIn,
    asking: Asks,
    client: TestClient,
    beside: ThreadPoolExecutor,
    database: Database,
    settings: Settings,
    now: SetClock,
) -> None:
    waiting = beside.submit(asking("centre").ask, wait=50)
    held(client, 1)
    head = sign_in(Role.HEAD)
    with TestClient(create_app(database, settings, now), headers=dict(head.headers)) as other:
        push(other, "facts", "centre")
        assert [order.what for order in waiting.result(60).orders] == ["facts"]


def test_what_is_held_costs_no_thread_and_no_connection(
    asking: Asks, client: TestClient, beside: ThreadPoolExecutor, database: Database
) -> None:
    agents = [asking("centre"), asking("1001-pc")]
    waiting = [beside.submit(agent.ask, wait=50) for agent in agents]
    held(client, 2)

    async def borrowed() -> int:
        return current_default_thread_limiter().borrowed_tokens

    portal: Any = client.portal
    pool: Any = database.engine.pool
    until(lambda: not portal.call(borrowed) and not pool.checkedout())  # a look, or a tick, is over in a moment
    assert state_of(client).hub.held == 2
    state_of(client).hub.close()
    assert [future.result(60).orders for future in waiting] == [[], []]


def test_another_request_of_an_agent_ends_the_one_before(
    asking: Asks, client: TestClient, beside: ThreadPoolExecutor, sign_in: SignIn
) -> None:
    centre = asking("centre")
    first = beside.submit(centre.ask, wait=50)
    held(client, 1)
    second = beside.submit(centre.ask, wait=50)
    assert first.result(60).orders == []
    push(sign_in(Role.HEAD), "facts", "centre")
    assert len(second.result(60).orders) == 1


def test_a_revoked_agents_request_ends_with_what_every_request_of_it_gets(
    sign_in: SignIn,
    asking: Asks,
    client: TestClient,
    beside: ThreadPoolExecutor,
    database: Database,
    now: SetClock,
    bank: dict[str, int],
) -> None:
    centre = asking("centre")
    waiting = beside.submit(centre.asked, wait=50)
    held(client, 1)
    with database.write() as session:  # as `server.agents.deeds.revoke` does, of an agent with a token alone
        session.exec(delete(AgentToken).where(col(AgentToken.agent_id) == bank["centre"]))
        invalidate(session, "agent", "centre", bank["0001"], now())
    answer = waiting.result(60)
    assert answer.status_code == 401
    assert answer.json() == client.get("/api/agent/assignment", headers=centre._headers).json()


def test_who_lost_its_token_a_moment_ago_is_handed_nothing(
    sign_in: SignIn, asking: Asks, client: TestClient, beside: ThreadPoolExecutor, database: Database
) -> None:
    centre, pc = asking("centre"), asking("1001-pc")
    waiting = [beside.submit(agent.asked, wait=50) for agent in (centre, pc)]
    held(client, 2)
    made = push(sign_in(Role.HEAD), "facts", starts=_later(client))
    with database.write() as session:  # nobody tells the hub
        session.exec(delete(AgentToken).where(col(AgentToken.token_hash) == hash_token(centre.token)))
    state_of(client).now.forward(60)  # type: ignore[attr-defined]
    state_of(client).hub.changed(made["uid"])
    assert [future.result(60).status_code for future in waiting] == [401, 200]
    assert states(sign_in(Role.HEAD), made["uid"]) == {"centre": "waiting", "1001-pc": "handed"}


def _later(client: TestClient) -> int:
    return state_of(client).now() + 60_000_000


@pytest.mark.parametrize("token", ["", "Bearer x", "Basic bfa_x"])
def test_without_a_token_nobody_is_held(client: TestClient, bank: dict[str, int], token: str) -> None:
    answer = client.get("/api/agent/orders", headers={"Authorization": token} if token else {})
    assert answer.status_code == 401
    assert "POST /api/agent/token" in answer.json()["detail"]
    assert state_of(client).hub.held == 0


@pytest.mark.parametrize("asked", [{"wait": "51"}, {"wait": "-1"}, {"wait": "x"}, {"wait": "nan"}, {"have": "many"}])
def test_what_cannot_be_asked_is_told(asking: Asks, client: TestClient, asked: dict[str, str]) -> None:
    if "have" in asked:
        asked = {"have": ",".join(map(str, range(1001)))}
    answer = client.get("/api/agent/orders", params=asked, headers=asking("centre")._headers)
    assert answer.status_code == 422


def test_what_was_handed_is_told_again_unless_the_agent_has_it(
    sign_in: SignIn, asking: Asks, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "AGAIN", 0.0)
    centre = asking("centre")
    push(sign_in(Role.HEAD), "facts", "centre")
    (first,) = centre.ask(wait=30).orders  # and the answer is lost
    assert [order.uid for order in centre.ask(wait=30).orders] == [first.uid]
    assert centre.ask(first.uid, wait=0.3).orders == []
    centre.tell(first.uid)
    assert centre.ask(wait=0.3).orders == []


def test_an_agent_that_does_not_take_an_order_is_not_told_of_it_all_the_time(
    sign_in: SignIn, asking: Asks, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "AGAIN", 3600.0)
    centre = asking("centre")
    push(sign_in(Role.HEAD), "facts", "centre")
    assert len(centre.ask(wait=30).orders) == 1
    assert centre.ask(wait=0.3).orders == []


def test_a_server_that_was_killed_tells_again_what_it_handed_out(
    sign_in: SignIn, asking: Asks, client: TestClient, database: Database, settings: Settings, now: SetClock
) -> None:
    centre = asking("centre")
    push(sign_in(Role.HEAD), "facts", "centre")
    (order,) = centre.ask(wait=30).orders
    with TestClient(create_app(database, settings, now)) as another:
        restarted = Asking(another, centre.token, now, "again")
        assert restarted.ask(order.uid, wait=0.3).orders == []
        assert [told.uid for told in restarted.ask(wait=30).orders] == [order.uid]


def test_a_start_and_hours_wake_those_who_wait_by_themselves(
    sign_in: SignIn,
    asking: Asks,
    client: TestClient,
    now: SetClock,
    beside: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(holding, "LONGEST", 0.05)
    centre = asking("centre")
    head = sign_in(Role.HEAD)
    made = push(head, "facts", "centre", window="17:30-08:00", seconds=86_400)  # it is noon
    assert centre.ask(wait=0.3).orders == []
    waiting = beside.submit(centre.ask, wait=50)
    held(client, 1)
    now.forward(5.5 * 3600)
    (order,) = waiting.result(60).orders
    assert order.seconds == 14.5 * 3600  # until the hours end, which is before it expires
    assert states(head, made["uid"]) == {"centre": "handed"}


@pytest.fixture
def served(database: Database, settings: Settings, now: SetClock) -> FastAPI:
    return create_app(database, settings, now)


def test_at_the_end_a_held_request_gets_an_empty_answer_and_no_reset(
    served: FastAPI, asking: Asks, serving: Any, beside: ThreadPoolExecutor
) -> None:
    url = serving(served)
    headers = {"Authorization": f"Bearer {asking('centre').token}"}

    def ask() -> httpx2.Response:
        return httpx2.get(f"{url}/api/agent/orders", headers=headers, timeout=60)

    waiting: Future[httpx2.Response] = beside.submit(ask)
    until(lambda: served.state.branchfleet.hub.held == 1)
    serving.end()
    answer = waiting.result(60)
    assert answer.status_code == 200
    assert msgspec.msgpack.decode(answer.content, type=Orders).orders == []


def test_who_hangs_up_is_held_no_longer(served: FastAPI, asking: Asks, serving: Any) -> None:
    url = serving(served)
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        head = f"GET /api/agent/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {asking('centre').token}\r\n\r\n"
        line.sendall(head.encode())
        until(lambda: served.state.branchfleet.hub.held == 1)
    until(lambda: served.state.branchfleet.hub.held == 0)


# -- one look for all -------------------------------------------------------------------------------


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield said
    event.remove(database.engine, "before_cursor_execute", note)


def crowd(database: Database, branch: int, count: int) -> dict[int, str]:
    """So many agents more, and the hashes of their tokens."""
    made: dict[int, str] = {}
    with database.write() as session:
        for number in range(count):
            subject = Subject(kind=SubjectKind.AGENT, key=f"crowd-{number}", name="", branch_id=branch)
            session.add(subject)
            session.flush()
            made[subject.id or 0] = hash_token(new_token(AGENT))
            session.add(Agent(id=subject.id or 0))
            session.flush()
            session.add(AgentToken(token_hash=made[subject.id or 0], agent_id=subject.id or 0, expires_at=FOREVER))
    return made


class Head(Everything):
    role = Role.HEAD


def pushed(session: Session, now: SetClock) -> str:
    return make(session, Act("head", "cli", now()), Head(), PushCreate(what="facts")).uid


@pytest.mark.parametrize("many", [1, 300])
def test_a_look_asks_as_much_for_one_as_for_hundreds(
    database: Database, bank: dict[str, int], now: SetClock, many: int
) -> None:
    agents = crowd(database, bank["0001"], many)
    look = Look(database, now)
    came = look.once(Asked({digest: frozenset() for digest in agents.values()}, {}, set()))
    assert {known.id for known in came.known.values()} == agents.keys()
    waiting = {agent: (digest, frozenset[str]()) for agent, digest in agents.items()}
    with database.write() as session:
        uid = pushed(session, now)
    with statements(database) as said:
        found = look.once(Asked({}, waiting, {uid}))
    assert found.orders.keys() == agents.keys()
    assert len([one for one in said if not one.startswith(("BEGIN", "SET", "COMMIT", "ROLLBACK"))]) <= 12


def test_too_many_orders_come_in_more_than_one_answer(database: Database, bank: dict[str, int], now: SetClock) -> None:
    ((agent, digest),) = crowd(database, bank["0001"], 1).items()
    look = Look(database, now)
    with database.write() as session:
        uids = {pushed(session, now) for _ in range(45)}
    told: list[Order] = []
    for expected in (20, 20, 5):
        have = frozenset(order.uid for order in told)
        found = look.once(Asked({digest: have}, {}, uids)).orders[agent]
        assert len(found) == expected
        told += found
    assert len({order.uid for order in told}) == 45


async def test_a_crowd_is_told_no_faster_than_the_server_takes_its_answers(
    database: Database, bank: dict[str, int], now: SetClock
) -> None:
    tokens = crowd(database, bank["0001"], 200).values()
    busy = True
    hub = Hub(database, now, busy=lambda: busy)
    running = asyncio.create_task(hub.run())
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = [asyncio.create_task(hub.hold(digest, frozenset(), 50, never)) for digest in tokens]

    async def until_so(so: Callable[[], bool]) -> None:
        async with asyncio.timeout(90):
            while not so():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def told() -> int:
        return sum(task.done() for task in waiting)

    await until_so(lambda: hub.held == 200)
    with database.write() as session:
        uid = pushed(session, now)
    hub.changed(uid)
    await until_so(lambda: told() > 0)
    assert told() == holding.AT_ONCE
    busy = False
    await until_so(lambda: told() == 200)
    assert {len(task.result().orders) for task in waiting} == {1}
    hub.close()
    await running
