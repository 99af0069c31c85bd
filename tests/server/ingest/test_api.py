"""POST /api/agent/records: what is taken, what is refused, and what a bad batch cannot do."""

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import msgspec
import pytest
from backports import zstd
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import event, text
from sqlmodel import col, select

from agent.wire import BODY_LIMIT, MEDIA_JSON, MEDIA_MSGPACK, PLAIN_LIMIT, Ack, Batch, Clock, Entry, EventName
from server.app import create_app
from server.ingest.tables import RecordRow
from server.storage.database import Database
from server.storage.full import disk_is_full

ATM = "1001/atm-1"


@pytest.fixture
def post(client: TestClient, agent_token: Callable[[str], str]) -> Callable[..., Response]:
    """`post(batch)` as the agent 1001-pc; bytes go as they are."""
    token = agent_token("1001-pc")

    def make(
        body: Batch | bytes | Iterator[bytes], media: str = MEDIA_MSGPACK, encoding: str = "", **headers: str
    ) -> Response:
        if isinstance(body, Batch):
            body = msgspec.msgpack.encode(body) if media == MEDIA_MSGPACK else msgspec.json.encode(body)
        said = {"Authorization": f"Bearer {token}", "Content-Type": media, **headers}
        if encoding:
            said["Content-Encoding"] = encoding
        return client.post("/api/agent/records", content=body, headers=said)

    return make


def ack(response: Response) -> Ack:
    assert response.status_code == 200, response.text
    return msgspec.msgpack.decode(response.content, type=Ack)


def spoil(batch: Batch, at: int, **changes: Any) -> bytes:
    """The batch with one of its records changed, as no agent of ours would send it."""
    plain = msgspec.to_builtins(batch, str_keys=True, builtin_types=(bytes,))
    plain["records"][at].update(changes)
    return msgspec.msgpack.encode(plain)


def stored(database: Database) -> list[tuple[int, str]]:
    with database.read() as session:
        return [(row.seq, row.kind) for row in session.exec(select(RecordRow).order_by(col(RecordRow.seq))).all()]


def test_the_ack_names_what_the_server_holds(post: Any, machine: Any, now: Any, database: Database) -> None:
    answer = ack(post(machine.batch(machine.state(ATM), machine.state("1001/printer-1"))))
    assert answer.received == [(1, 2)]
    assert answer.stream == machine.stream
    assert answer.server == now()
    assert len(answer.epoch) == 36
    assert len(answer.assignment) == 32
    assert stored(database) == [(1, "state"), (2, "state")]


def test_the_ack_says_when_the_request_came_and_when_its_answer_left(post: Any, machine: Any, now: Any) -> None:
    """The server's clock is set: the body takes it two seconds."""
    began = now()
    body = msgspec.msgpack.encode(machine.batch(machine.state(ATM)))

    def slowly() -> Iterator[bytes]:
        yield body[:10]
        now.forward(2)
        yield body[10:]

    answer = ack(post(slowly()))
    assert (answer.came, answer.server) == (began, began + 2_000_000)


def test_a_batch_that_speaks_of_impossible_boots_is_refused_whole(post: Any, machine: Any) -> None:
    batch = machine.batch(machine.state(ATM))
    for boots in ([Clock(0, -1, "boot")], [Clock(0, 1, "a b")]):
        assert post(msgspec.structs.replace(batch, boots=boots)).status_code == 422
    assert post(msgspec.structs.replace(batch, boots=[Clock(0, 1, "boot")] * 2001)).status_code == 413


def test_json_and_zstd_say_the_same_as_msgpack(post: Any, machine: Any, database: Database) -> None:
    first = post(machine.batch(machine.state(ATM)), MEDIA_JSON, Accept=MEDIA_JSON)
    assert msgspec.json.decode(first.content, type=Ack).received == [(1, 1)]
    packed = zstd.compress(msgspec.msgpack.encode(machine.batch(machine.state(ATM, "offline"))))
    assert ack(post(packed, encoding="zstd")).received == [(1, 2)]
    with database.read() as session:
        bodies = session.exec(select(RecordRow.body).order_by(col(RecordRow.seq))).all()
    assert [msgspec.msgpack.decode(body)["reading"]["device"] for body in bodies] == ["online", "offline"]


def test_who_is_behind_hears_what_it_is_to_poll_when_there_is_room(
    post: Any, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = {"waiting": 100}
    monkeypatch.setattr("server.ingest.door.crowded", lambda: True)
    first = msgspec.structs.replace(machine.batch(machine.state(ATM)), **behind)
    assert ack(post(first)).assignment == ""
    caught_up = ack(post(machine.batch(machine.state(ATM)))).assignment
    monkeypatch.setattr("server.ingest.door.crowded", lambda: False)
    again = msgspec.structs.replace(machine.batch(machine.state(ATM)), **behind)
    assert ack(post(again)).assignment == caught_up != ""


def entry(machine: Any) -> Entry:
    record = machine.event(EventName.MEDIA)
    uid = f"{record.seq:032x}"
    return Entry(seq=record.seq, clock=record.clock, uid=uid, subject=ATM, what="note", who="王芳", text="纸没了")


def test_one_agent_does_not_fill_the_disk_nor_the_journal_by_itself(
    post: Any, client: Any, machine: Any, database: Database
) -> None:
    """It comes again when there is room, and loses nothing; another agent is not concerned."""
    limits = client.app.state.branchfleet.limits
    agent_id = machine.agent_id
    limits.entries.take(agent_id, 1000)
    batch = machine.batch(entry(machine))
    held_off = post(batch)
    assert held_off.status_code == 429
    assert 0 < int(held_off.headers["Retry-After"]) <= 87
    assert ack(post(machine.batch(machine.state(ATM)))).received == [(2, 2)]
    limits.volume.take(agent_id, 8 << 30)
    assert post(machine.batch(machine.state(ATM))).status_code == 429
    limits.volume.take(agent_id + 1)
    assert stored(database) == [(2, "state")]


def test_without_a_token_nothing_is_taken(client: TestClient, machine: Any, sign_in: Any) -> None:
    body = msgspec.msgpack.encode(machine.batch(machine.state(ATM)))
    headers = {"Content-Type": MEDIA_MSGPACK}
    assert client.post("/api/agent/records", content=body, headers=headers).status_code == 401
    assert sign_in().post("/api/agent/records", content=body, headers=headers).status_code == 401


def test_a_malformed_record_spoils_no_other(post: Any, machine: Any, database: Database) -> None:
    batch = machine.batch(machine.state(ATM), machine.state(ATM, "offline"), machine.state(ATM))
    answer = ack(post(spoil(batch, 1, reading={"device": "on fire"})))
    assert answer.received == [(1, 3)]
    assert [(refusal.seq, "on fire" in refusal.why) for refusal in answer.refused] == [(2, True)]
    assert stored(database) == [(1, "state"), (2, "refused"), (3, "state")]


@pytest.mark.parametrize(
    "changes",
    [
        {"clock": {"wall": 0, "boot": -1, "boot_id": "boot-1"}},
        {"clock": {"wall": 0, "boot": 1, "boot_id": "with space"}},
        {"clock": {"wall": 0, "boot": 1, "boot_id": "x" * 65}},
        {"clock": {"wall": 1 << 62, "boot": 1, "boot_id": "boot-1"}},
        {"reading": {"device": "online", "numbers": {"load": float("nan")}}},
        {"reading": {"device": "online", "texts": {"console": "x" * 70_000}}},
        {"position": "1001/atm-1\0"},
        {"position": ""},
        {"kind": "wish"},
    ],
)
def test_what_cannot_be_a_record_is_refused_and_kept(
    post: Any, machine: Any, database: Database, changes: dict[str, Any]
) -> None:
    answer = ack(post(spoil(machine.batch(machine.state(ATM)), 0, **changes)))
    assert answer.received == [(1, 1)]
    assert [refusal.seq for refusal in answer.refused] == [1]
    assert stored(database) == [(1, "refused")]


def test_hostile_text_of_a_device_is_kept_as_it_came(post: Any, machine: Any, database: Database) -> None:
    hostile = {"device": "online", "texts": {"console": "[/x] =cmd|' /C calc'!A0 \x00\x1b[2J ' OR 1=1 --"}}
    answer = ack(post(spoil(machine.batch(machine.state(ATM)), 0, reading=hostile)))
    assert answer.refused == []
    with database.read() as session:
        body = session.exec(select(RecordRow.body)).one()
    assert msgspec.msgpack.decode(body)["reading"]["texts"] == hostile["texts"]


NESTED = b"\x91" * 100_000 + b"\x90"


@pytest.mark.parametrize(
    ("body", "media", "encoding", "status"),
    [
        (b"", MEDIA_MSGPACK, "", 422),
        (b"\xc1", MEDIA_MSGPACK, "", 422),
        (b"[]", MEDIA_JSON, "", 422),
        (NESTED, MEDIA_MSGPACK, "", 422),
        (b"[" * 100_000, MEDIA_JSON, "", 422),
        (b"\x80", "text/html", "", 415),
        (b"\x80", MEDIA_MSGPACK, "gzip", 415),
        (b"not zstd", MEDIA_MSGPACK, "zstd", 422),
        (zstd.compress(bytes(PLAIN_LIMIT + 1)), MEDIA_MSGPACK, "zstd", 413),
        (zstd.compress(b"\x80") + b"more", MEDIA_MSGPACK, "zstd", 422),
        (zstd.compress(b"\x80" * 1000)[:-2], MEDIA_MSGPACK, "zstd", 422),
        (bytes(BODY_LIMIT + 1), MEDIA_MSGPACK, "", 413),
    ],
)
def test_a_batch_that_is_none_is_told_so_in_one_sentence(
    post: Any, body: bytes, media: str, encoding: str, status: int
) -> None:
    refused = post(body, media, encoding)
    assert refused.status_code == status, refused.text
    assert set(refused.json()) == {"detail"}
    assert refused.json()["detail"].endswith(".")


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"stream": "../../etc"},
        {"stream": "x" * 65},
        {"sent": {"wall": 0, "boot": 0, "boot_id": ""}},
        {"exchange": {"boot_id": "b", "sent": -1, "received": 0, "server": 0}},
    ],
)
def test_a_batch_that_cannot_be_right_is_refused_whole(post: Any, machine: Any, changes: dict[str, Any]) -> None:
    plain = msgspec.to_builtins(machine.batch(), builtin_types=(bytes,)) | changes
    assert post(msgspec.msgpack.encode(plain)).status_code == 422


def test_more_records_than_a_batch_may_have_are_refused(post: Any, machine: Any) -> None:
    plain = msgspec.to_builtins(machine.batch(), builtin_types=(bytes,)) | {"records": [{"seq": 1}] * 2001}
    assert post(msgspec.msgpack.encode(plain)).status_code == 413


def test_another_agents_stream_is_refused(post: Any, machine: Any, centre: Any, deliver: Any) -> None:
    deliver(centre, centre.state("1002/atm-1"))
    machine.stream = centre.stream
    refused = post(machine.batch(machine.state(ATM)))
    assert refused.status_code == 403
    assert "another agent" in refused.json()["detail"]


def test_a_record_the_database_will_not_take_is_refused_alone(post: Any, machine: Any, database: Database) -> None:
    """A defect of ours must not keep an agent from being heard for ever."""
    with database.write() as session:
        if database.sqlite:
            made = (
                "CREATE TRIGGER defect BEFORE INSERT ON record WHEN NEW.kind = 'state' AND NEW.seq = 3 "
                "BEGIN SELECT RAISE(ABORT, 'as if by a defect'); END"
            )
        else:
            made = "ALTER TABLE record ADD CONSTRAINT defect CHECK (kind <> 'state' OR seq <> 3)"
        session.connection().execute(text(made))
    answer = ack(post(machine.batch(*(machine.state(ATM, word) for word in ["online", "offline"] * 3))))
    assert answer.received == [(1, 6)]
    assert [refusal.seq for refusal in answer.refused] == [3]
    assert [kind for _, kind in stored(database)] == ["state", "state", "refused", "state", "state", "state"]


def test_a_full_disk_is_told_and_nothing_is_acknowledged_until_there_is_room(
    sqlite_database: Database, settings: Any, now: Any, sqlite_bank: dict[str, int], sqlite_machine: Any
) -> None:
    from server.accounts.tokens import AGENT, hash_token, new_token
    from server.agents.tables import AgentToken
    from server.storage.types import FOREVER

    token = new_token(AGENT)
    with sqlite_database.write() as session:
        agent_id = sqlite_bank["1001-pc"]
        session.add(AgentToken(token_hash=hash_token(token), agent_id=agent_id, expires_at=FOREVER))
    connections: list[Any] = []
    pages = 0

    @event.listens_for(sqlite_database.engine, "connect")
    def _small(connection: Any, _: object) -> None:
        nonlocal pages
        pages = pages or connection.execute("PRAGMA page_count").fetchone()[0] + 8
        connection.execute(f"PRAGMA max_page_count = {pages}")
        connections.append(connection)

    sqlite_database.close()
    raw = {"answer": bytes(4000)}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": MEDIA_MSGPACK, "Accept-Language": "en"}

    def body(first: int) -> bytes:
        sqlite_machine.seq = first - 1
        records = [sqlite_machine.state(ATM, word) for word in ["online", "offline"] * 20]
        plain = msgspec.to_builtins(sqlite_machine.batch(*records), builtin_types=(bytes,))
        for one in plain["records"]:
            one["reading"]["raw"] = raw
        return msgspec.msgpack.encode(plain)

    with TestClient(create_app(sqlite_database, settings, now), headers=headers) as client:
        refused = client.post("/api/agent/records", content=body(1))
        assert refused.status_code == 503
        assert "disk is full" in refused.json()["detail"]
        assert refused.headers["retry-after"] == "10"
        assert stored(sqlite_database) == []
        assert client.get("/api/agent/assignment").status_code == 200
        for connection in connections:
            connection.execute("PRAGMA max_page_count = 100000")
        assert ack(client.post("/api/agent/records", content=body(1))).received == [(1, 40)]


def test_postgresqls_word_for_a_full_disk_is_known() -> None:
    from psycopg.errors import DeadlockDetected, DiskFull

    assert disk_is_full(DiskFull("could not extend file"))
    assert not disk_is_full(DeadlockDetected("deadlock detected"))


def test_observations_are_paged_by_id_within_the_scope(
    post: Any, machine: Any, centre: Any, deliver: Any, sign_in: Any
) -> None:
    ack(post(machine.batch(machine.state(ATM, load=12.5), machine.state("1001/printer-1", "offline"))))
    deliver(centre, centre.state("1002/atm-1"))
    everything = sign_in().get("/api/observations", params={"limit": 2}).json()
    assert everything["total"] == 3
    assert [row["subject"] for row in everything["rows"]] == [ATM, "1001/printer-1"]
    assert everything["rows"][0]["numbers"] == {"load": 12.5}
    rest = sign_in().get("/api/observations", params={"after": everything["rows"][-1]["id"]}).json()
    assert [(row["subject"], row["agent"]) for row in rest["rows"]] == [("1002/atm-1", "centre")]
    mine = sign_in(role_of("branch"), ["1002"]).get("/api/observations").json()
    assert [row["subject"] for row in mine["rows"]] == ["1002/atm-1"]
    one = sign_in().get("/api/observations", params={"subject": ATM}).json()
    assert one["total"] == 1


def role_of(word: str) -> Any:
    from server.schemas.people import Role

    return Role(word)


async def test_a_batch_whose_line_is_cut_in_the_middle_is_no_defect(
    app: FastAPI, agent_token: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    """Branches' lines are cut every day; the log is for what a person must look at."""
    came: Iterator[dict[str, Any]] = iter(
        [{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> dict[str, Any]:
        return next(came)

    async def send(message: MutableMapping[str, Any]) -> None:
        del message

    headers = [
        (b"authorization", f"Bearer {agent_token('centre')}".encode()),
        (b"content-type", b"application/msgpack"),
    ]
    path = "/api/agent/records"
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    await app({**scope, "headers": headers, "http_version": "1.1", "scheme": "http"}, receive, send)
    assert not [line for line in caplog.records if line.levelname == "ERROR"]
