"""What a stolen key opens, route by route: an agent's own records and assignment, and nothing else."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlmodel import delete, select
from starlette.routing import BaseRoute

from agent.wire import (
    MEDIA_MSGPACK,
    Ack,
    Assignment,
    Batch,
    Clock,
    DeviceWord,
    Event,
    EventName,
    Fact,
    Held,
    Hold,
    Reading,
    Result,
    State,
)
from server.agents.limits import Limits, neighbours
from server.agents.tables import AgentToken
from server.clock import SetClock
from server.ingest.tables import AgentSeen, Attested, ClockOffset, Latest, RecordRow, Stream
from server.inventory.tables import Position
from server.journal.deeds import Act
from server.schemas.people import Role
from server.secrets.deeds import set_secret
from server.storage.database import Database

KEY = bytes(range(32))
# Every route there is belongs to one of these three. A new one is decided here, or the first test fails.
OF_AGENTS = {("GET", "/api/agent/assignment"), ("POST", "/api/agent/records"), ("GET", "/api/agent/orders")}
OF_NOBODY = {  # asked without a token
    ("GET", "/api/openapi.json"),
    ("GET", "/api/authority"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),  # from this machine; else with a token of its own
    ("POST", "/api/sign-in"),
    ("POST", "/api/agent/introduction"),
    ("POST", "/api/agent/enrollment"),
    ("POST", "/api/agent/challenge"),
    ("POST", "/api/agent/token"),
    ("POST", "/api/agent/rotation"),
}
OF_PEOPLE = {
    ("DELETE", "/api/sign-in"),
    ("POST", "/api/password"),
    ("GET", "/api/me"),
    ("GET", "/api/home"),
    ("GET", "/api/coverage"),
    ("GET", "/api/entries"),
    ("POST", "/api/entries/answers"),
    ("GET", "/api/branches"),
    ("GET", "/api/branches/{code}"),
    ("GET", "/api/positions"),
    ("GET", "/api/positions/{branch}/{slug}"),
    ("GET", "/api/positions/{branch}/{slug}/history"),
    ("GET", "/api/conditions"),
    ("GET", "/api/tickets"),
    ("POST", "/api/tickets"),
    ("GET", "/api/tickets/{number}"),
    ("POST", "/api/tickets/{number}/step"),
    ("POST", "/api/tickets/{number}/notes"),
    ("GET", "/api/ledger"),
    ("GET", "/api/ledger/export"),
    ("GET", "/api/ledger/{asset:path}"),
    ("GET", "/api/journal"),
    ("GET", "/api/journal/check"),
    ("GET", "/api/agents"),
    ("GET", "/api/checks"),
    ("GET", "/api/checks/verdicts"),
    ("POST", "/api/checks/test"),
    ("GET", "/api/agents/{key}/facts"),
    ("GET", "/api/agents/{key}/facts/changes"),
    ("POST", "/api/agents/{key}/code"),
    ("POST", "/api/agents/{key}/step"),
    ("GET", "/api/pushes"),
    ("POST", "/api/pushes"),
    ("GET", "/api/pushes/{uid}"),
    ("GET", "/api/pushes/{uid}/orders"),
    ("POST", "/api/pushes/{uid}/cancel"),
    ("GET", "/api/observations"),
    ("GET", "/api/events"),
    ("GET", "/api/status"),
    ("GET", "/api/catalogue"),
    ("GET", "/api/campaigns"),
    ("POST", "/api/campaigns"),
    ("GET", "/api/campaigns/templates"),
    ("GET", "/api/campaigns/{uid}"),
    ("GET", "/api/campaigns/{uid}/branches"),
    ("POST", "/api/campaigns/{uid}/cancel"),
    ("GET", "/api/campaigns/{uid}/export"),
    ("GET", "/api/campaigns/{uid}/hosts"),
    ("GET", "/api/campaigns/{uid}/items"),
    ("GET", "/api/campaigns/{uid}/text"),
    ("POST", "/api/campaigns/{uid}/ticks"),
    ("GET", "/api/checks/export"),
    ("GET", "/api/checks/hosts"),
    ("GET", "/api/checks/matrix"),
    ("GET", "/api/checks/trend"),
    ("GET", "/api/exemptions"),
    ("POST", "/api/exemptions"),
    ("POST", "/api/exemptions/{uid}/withdraw"),
    ("POST", "/api/facts/import"),
    ("GET", "/api/licences"),
    ("POST", "/api/licences"),
    ("POST", "/api/licences/change"),
    ("GET", "/api/licences/export"),
    ("GET", "/api/licences/hosts"),
    ("GET", "/api/licences/register"),
    ("POST", "/api/licences/withdraw"),
    ("GET", "/api/media"),
    ("POST", "/api/media"),
    ("GET", "/api/media/export"),
    ("GET", "/api/media/sightings"),
    ("POST", "/api/media/step"),
    ("GET", "/api/network/coverage"),
    ("GET", "/api/network/export"),
    ("GET", "/api/network/lists/{which}"),
    ("GET", "/api/network/sweeps"),
    ("GET", "/api/network/sweeps/{uid}"),
    ("POST", "/api/network/sweeps"),
    ("POST", "/api/network/sweeps/{uid}/approve"),
    ("POST", "/api/network/sweeps/{uid}/cancel"),
    ("POST", "/api/network/sweeps/{uid}/refuse"),
    ("GET", "/api/positions/{branch}/{slug}/facts"),
    ("GET", "/api/positions/{branch}/{slug}/facts/changes"),
    ("GET", "/api/registers/security"),
    ("POST", "/api/registers/security"),
    ("GET", "/api/registers/security/export"),
    ("GET", "/api/registers/security/{no}"),
    ("POST", "/api/registers/security/{no}/correct"),
    ("POST", "/api/registers/security/{no}/follow"),
}
OF_HEAD_OFFICE = {("POST", "/api/agents/{key}/code"), ("POST", "/api/agents/{key}/step")}
OWN, OTHERS = "1001/printer-1", "1002/atm-1"  # of the agent 1001-pc, and of centre


def walk(routes: list[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Every method and path the application answers, however deep its routers are nested."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from walk(inner.routes)
            continue
        for method in getattr(route, "methods", None) or {"ANY"}:
            if method != "HEAD":
                yield method, getattr(route, "path", repr(route))


def ask(client: TestClient, method: str, path: str, token: str) -> int:
    """The status an empty question gets; a stream is left at once."""
    url = re.sub(r"\{\w+(:\w+)?\}", "x", path)
    body: dict[str, Any] = {} if method == "GET" else {"json": {"step": "confirm"}}
    status: int = client.request(method, url, headers={"Authorization": f"Bearer {token}"}, **body).status_code
    return status


def test_every_route_is_decided(app: FastAPI) -> None:
    every = list(walk(app.routes))
    assert len(every) == len(set(every))
    assert set(every) == OF_AGENTS | OF_NOBODY | OF_PEOPLE
    assert len(every) == len(OF_AGENTS) + len(OF_NOBODY) + len(OF_PEOPLE)  # each in one alone


def test_an_agent_is_let_in_at_no_route_of_people(client: TestClient, agent_token: Callable[[str], str]) -> None:
    token = agent_token("1001-pc")
    let_in = {route: status for route in sorted(OF_PEOPLE) if (status := ask(client, *route, token)) != 401}
    assert let_in == {}


@pytest.mark.parametrize("role", list(Role))
def test_nobody_is_let_in_at_a_route_of_agents(client: TestClient, sign_in: Any, role: Role) -> None:
    person = sign_in(role, ["1001"] if role is Role.BRANCH else None)
    token = person.headers["Authorization"].removeprefix("Bearer ")
    assert {route: ask(client, *route, token) for route in OF_AGENTS} == dict.fromkeys(OF_AGENTS, 401)
    assert {route: ask(client, *route, "") for route in OF_AGENTS} == dict.fromkeys(OF_AGENTS, 401)


@pytest.mark.parametrize("role", [Role.BRANCH, Role.AUDITOR])
def test_only_head_office_decides_who_speaks_as_an_agent(sign_in: Any, client: TestClient, role: Role) -> None:
    person = sign_in(role, ["1001"] if role is Role.BRANCH else None)
    token = person.headers["Authorization"].removeprefix("Bearer ")
    assert {route: ask(client, *route, token) for route in OF_HEAD_OFFICE} == dict.fromkeys(OF_HEAD_OFFICE, 403)


def test_a_token_ends_with_its_hour_and_with_its_agent(
    client: TestClient, agent_token: Callable[[str], str], database: Database, now: SetClock
) -> None:
    token = agent_token("1001-pc")
    with database.write() as session:
        row = session.exec(select(AgentToken)).one()
        row.expires_at = now() + 1_000_000
        session.add(row)
    route = ("GET", "/api/agent/assignment")
    assert ask(client, *route, token) == 200
    now.forward(2)
    assert ask(client, *route, token) == 401


# -- what an agent says of others -------------------------------------------------------------------


@pytest.fixture
def tell(client: TestClient, agent_token: Callable[[str], str]) -> Callable[..., Any]:
    """`tell("1001-pc", record, ...)`: a batch of that agent, of its own stream unless another is named."""
    tokens: dict[str, str] = {}

    def make(agent: str, *records: Any, stream: str = "") -> Any:
        tokens[agent] = tokens.get(agent) or agent_token(agent)
        batch = Batch(version=1, stream=stream or f"of-{agent}", sent=CLOCK, records=list(records))
        headers = {"Authorization": f"Bearer {tokens[agent]}", "Content-Type": MEDIA_MSGPACK}
        return client.post("/api/agent/records", content=msgspec.msgpack.encode(batch), headers=headers)

    return make


CLOCK = Clock(wall=0, boot=5_000_000, boot_id="boot")


def state(seq: int, position: str) -> State:
    return State(seq=seq, clock=CLOCK, position=position, reading=Reading(device=DeviceWord.ONLINE))


def count(database: Database, table: Any) -> int:
    with database.read() as session:
        return len(session.exec(select(table)).all())


@pytest.mark.parametrize("place", [OTHERS, "1001/line/main", "1001", "centre", "1001-pc", "nothing"])
def test_a_state_of_what_is_not_its_own_is_refused_and_changes_nothing(
    tell: Any, database: Database, place: str
) -> None:
    event = Event(seq=2, clock=CLOCK, name=EventName.MEDIA, position=place)
    answer = msgspec.msgpack.decode(tell("1001-pc", state(1, place), event, state(3, OWN)).content, type=Ack)
    assert [refusal.seq for refusal in answer.refused] == [1, 2]
    with database.read() as session:
        rows = session.exec(select(RecordRow).order_by(RecordRow.seq)).all()  # type: ignore[arg-type]
        assert [(row.kind, row.subject_id is None) for row in rows] == [
            ("refused", True), ("refused", True), ("state", False),
        ]  # fmt: skip
        assert len(session.exec(select(Latest)).all()) == 1


def test_a_hold_attests_only_what_is_its_own(tell: Any, database: Database, bank: dict[str, int]) -> None:
    tell("centre", state(1, OTHERS))
    tell("1001-pc", state(1, OWN))
    later = Clock(wall=0, boot=65_000_000, boot_id="boot")
    held = {OTHERS: Held(1, 0), OWN: Held(1, 0), "1001/line/main": Held(1, 0)}
    assert tell("1001-pc", Hold(seq=2, clock=later, since=5_000_000, held=held)).status_code == 200
    with database.read() as session:
        attested = session.exec(select(Attested).where(Attested.end > Attested.start)).all()
    assert {row.subject_id for row in attested} == {bank[OWN]}


def test_facts_results_and_events_are_of_the_agent_that_says_them(
    tell: Any, database: Database, bank: dict[str, int]
) -> None:
    """Whatever host or order they name: it is kept as said by this agent, and by nobody else."""
    fact = Fact(seq=1, clock=CLOCK, host="centre", facts={"os": "x"})
    result = Result(seq=2, clock=CLOCK, order="of-another", done=True)
    goodbye = Event(seq=3, clock=CLOCK, name=EventName.GOODBYE, detail={"agent": "centre"})
    assert tell("1001-pc", fact, result, goodbye).status_code == 200
    with database.read() as session:
        assert {row.subject_id for row in session.exec(select(RecordRow)).all()} == {bank["1001-pc"]}
        assert {row.agent_id for row in session.exec(select(AgentSeen)).all()} == {bank["1001-pc"]}
        assert {row.agent_id for row in session.exec(select(ClockOffset)).all()} == {bank["1001-pc"]}


def test_a_stream_of_another_agent_is_closed_to_it(tell: Any, database: Database, bank: dict[str, int]) -> None:
    tell("centre", state(1, OTHERS))
    answer = tell("1001-pc", state(2, OWN), stream="of-centre")
    assert answer.status_code == 403
    gap = Event(seq=9, clock=CLOCK, name=EventName.GAP, detail={"from": 2, "to": 8, "count": 7, "reason": "x"})
    assert tell("1001-pc", gap, stream="of-centre").status_code == 403
    assert count(database, RecordRow) == 1
    with database.read() as session:
        assert [row.agent_id for row in session.exec(select(Stream)).all()] == [bank["centre"]]


def test_an_assignment_has_its_own_positions_and_secrets_alone(
    client: TestClient, agent_token: Callable[[str], str], database: Database, bank: dict[str, int], now: SetClock
) -> None:
    with database.write() as session:
        for name, place in (("mine", OWN), ("theirs", OTHERS)):
            position = session.get_one(Position, bank[place])
            position.options = {"community": f"secret:{name}"}
            session.add(position)
        for name in ("mine", "theirs"):
            set_secret(session, Act("admin", "cli", now()), KEY, name, f"the secret {name}")
    headers = {"Authorization": f"Bearer {agent_token('1001-pc')}"}
    # nothing the question carries changes whose assignment it is
    answer = client.get("/api/agent/assignment?agent=centre&id=1", headers={**headers, "X-Agent": "centre"})
    assignment = msgspec.msgpack.decode(answer.content, type=Assignment)
    assert assignment.agent == "1001-pc"
    assert [polled.position for polled in assignment.polled] == ["1001/atm-1", OWN]
    assert b"the secret mine" in answer.content
    assert b"the secret theirs" not in answer.content


# -- how often --------------------------------------------------------------------------------------


def test_an_agent_that_asks_without_end_is_told_when_to_come_again(
    client: TestClient, agent_token: Callable[[str], str], now: SetClock, app: FastAPI
) -> None:
    """By a clock that nobody sets: the machine's, set back by a day, forgives as soon."""
    seconds = SetClock(0)
    limits = app.state.branchfleet.limits = Limits(seconds)
    limits.agent._burst = 3
    tokens = [agent_token("1001-pc"), agent_token("centre")]
    route = ("GET", "/api/agent/assignment")
    assert [ask(client, *route, tokens[0]) for _ in range(3)] == [200] * 3
    answer = client.get(route[1], headers={"Authorization": f"Bearer {tokens[0]}"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert ask(client, *route, tokens[1]) == 200
    now.forward(-60)
    seconds.at = 1
    assert ask(client, *route, tokens[0]) == 200


def test_bad_tokens_are_looked_up_only_so_often_and_good_ones_of_the_same_address_always(
    client: TestClient, agent_token: Callable[[str], str], app: FastAPI, database: Database
) -> None:
    limits = app.state.branchfleet.limits = Limits(SetClock(0))
    limits.token._burst = 3
    route = ("GET", "/api/agent/assignment")
    good = agent_token("1001-pc")
    assert ask(client, *route, good) == 200
    assert [ask(client, *route, f"bfa_guess{n}") for n in range(3)] == [401, 401, 401]
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda _, __, statement, *___: asked.append(statement))
    assert ask(client, *route, "bfa_guess4") == 429
    assert not any("agent_token" in statement for statement in asked)  # the ticker asks for news of its own
    assert ask(client, *route, good) == 200
    with database.write() as session:
        session.exec(delete(AgentToken))
    assert ask(client, *route, good) == 429  # it is none any more, and was looked up to find so


def test_the_table_of_callers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.agents.limits.KNOWN", 5)
    limits = Limits(SetClock(0))
    for n in range(20):
        limits.token.take(f"10.0.0.{n}")
        limits.good.add(str(n))
    assert len(limits.token._left) == len(limits.good._hashes) == 5
    assert "19" in limits.good


def test_of_ipv6_a_whole_network_is_one_neighbour() -> None:
    assert neighbours("2001:db8::1") == neighbours("2001:db8::ffff:1") != neighbours("2001:db8:0:1::1")
    assert neighbours("10.1.1.1") != neighbours("10.1.1.2")
    assert neighbours("testclient") == "testclient"


@pytest.mark.parametrize("path", sorted(path for _, path in OF_NOBODY if path.startswith("/api/agent/")))
def test_who_is_not_understood_asks_only_so_often(client: TestClient, app: FastAPI, path: str) -> None:
    limits = app.state.branchfleet.limits = Limits(SetClock(0))
    limits.code._burst = limits.token._burst = 2
    statuses = [client.post(path, content=b"\xc1").status_code for _ in range(3)]
    assert statuses == [422, 422, 429]


@pytest.mark.parametrize("path", sorted(path for _, path in OF_NOBODY if path.startswith("/api/agent/")))
@pytest.mark.parametrize("body", [b"", b"\xc1", b"{}", b"[" * 5000, b"\x91" * 5000, bytes(9000)])
def test_a_question_that_is_none_is_one_sentence(client: TestClient, path: str, body: bytes) -> None:
    for media in (MEDIA_MSGPACK, "application/json"):
        answer = client.post(path, content=body, headers={"Content-Type": media})
        assert answer.status_code == 422
        assert set(answer.json()) == {"detail"}
