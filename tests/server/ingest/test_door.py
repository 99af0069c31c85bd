"""The door for records: whose a token is, memory says; that it is good, the transaction that takes the batch."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import event
from sqlmodel import Session, delete, func, select, update

from agent.wire import MEDIA_MSGPACK, Ack, Batch
from server.agents.limits import Limits
from server.agents.tables import AgentToken
from server.aside.tables import Aside
from server.clock import SetClock
from server.ingest.tables import RecordRow
from server.inventory.tables import Subject
from server.storage.database import Database

ATM = "1001/atm-1"
Post = Callable[[Batch | bytes], Response]


@pytest.fixture
def post(client: TestClient, agent_token: Callable[[str], str]) -> Post:
    """As the agent 1001-pc."""
    headers = {"Authorization": f"Bearer {agent_token('1001-pc')}", "Content-Type": MEDIA_MSGPACK}

    def make(body: Batch | bytes) -> Response:
        content = body if isinstance(body, bytes) else msgspec.msgpack.encode(body)
        return client.post("/api/agent/records", content=content, headers=headers)

    return make


@pytest.fixture
def elsewhere(database: Database) -> Iterator[Session]:
    """Another process at the same database: the server's memory hears nothing of what it does."""
    with closing(Database(database.url)) as other, other.write() as session:
        yield session


def count(database: Database, table: Any) -> int:
    with database.read() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def end_token(session: Session, _: SetClock) -> None:
    session.exec(delete(AgentToken))


def let_it_run_out(session: Session, now: SetClock) -> None:
    session.exec(update(AgentToken).values(expires_at=now()))


def remove_the_agent(session: Session, now: SetClock) -> None:
    session.exec(update(Subject).where(Subject.key == "1001-pc").values(removed_at=now()))  # type: ignore[arg-type]


@pytest.mark.parametrize("how", [end_token, let_it_run_out, remove_the_agent])
def test_whom_another_process_ended_is_out_at_the_next_batch(
    post: Post, machine: Any, elsewhere: Session, database: Database, now: SetClock, how: Any
) -> None:
    assert post(machine.batch(machine.state(ATM))).status_code == 200
    how(elsewhere, now)
    elsewhere.commit()
    before = count(database, RecordRow)
    assert post(machine.batch(machine.state(ATM))).status_code == 401
    assert post(machine.batch()).status_code == 401  # it is not even told what the server holds
    assert post(b"\xc1").status_code == 401
    assert (count(database, RecordRow), count(database, Aside)) == (before, 0)


def test_beside_one_that_was_ended_the_others_of_its_group_are_taken(
    client: TestClient, agent_token: Callable[[str], str], machine: Any, centre: Any, database: Database
) -> None:
    writer = client.app.state.branchfleet.writer  # type: ignore[attr-defined]
    good = msgspec_parcel(centre.batch(centre.state("1002/atm-1")), centre, agent_token("centre"))
    ended = msgspec_parcel(machine.batch(machine.state(ATM)), machine, "bfa_never")
    with database.turn():  # so both wait, and are written in one go
        futures = [writer.submit(ended), writer.submit(good)]
    assert futures[0].exception(30).status == 401
    assert futures[1].result(30).ranges == [(1, 1)]


def msgspec_parcel(batch: Batch, machine: Any, token: str) -> Any:
    from server.accounts.tokens import hash_token
    from server.ingest.batch import open_batch

    body = msgspec.msgpack.encode(batch)
    return open_batch(body, MEDIA_MSGPACK, "", machine.agent_id, machine.now(), token=hash_token(token))


def test_a_known_token_costs_the_door_no_look_at_the_database(post: Post, machine: Any, database: Database) -> None:
    assert post(machine.batch(machine.state(ATM))).status_code == 200
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda _, __, statement, *___: asked.append(statement))
    answer = post(machine.batch(machine.state(ATM)))
    assert msgspec.msgpack.decode(answer.content, type=Ack).received == [(1, 2)]
    assert not any("agent_token" in statement for statement in asked)  # the writer's own link tells no listener


def test_a_token_that_ended_counts_against_where_it_came_from(
    post: Post, machine: Any, app: FastAPI, elsewhere: Session
) -> None:
    assert post(machine.batch(machine.state(ATM))).status_code == 200
    limits = app.state.branchfleet.limits
    strict = app.state.branchfleet.limits = Limits(SetClock(0))
    strict.good, strict.token._burst = limits.good, 1
    end_token(elsewhere, SetClock(0))
    elsewhere.commit()
    assert [post(machine.batch()).status_code for _ in range(2)] == [401, 429]


def test_the_door_is_described_with_its_token_its_batch_and_its_ack(client: TestClient) -> None:
    said = client.get("/api/openapi.json").json()["paths"]["/api/agent/records"]["post"]
    assert said["security"] == [{"Agent": []}]
    assert said["operationId"] == "post_records"
    for content in (said["requestBody"]["content"], said["responses"]["200"]["content"]):
        assert set(content) == {"application/msgpack", "application/json"}
    assert "parameters" not in said
