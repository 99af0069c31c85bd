"""No secret is in a log line, a row or the journal, whatever went well or wrong."""

import json
import logging
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import MetaData, text
from sqlmodel import select

from agent.exit import Trouble
from agent.proof import Code, read_code
from agent.wire import MEDIA_MSGPACK
from server.accounts import deeds as people
from server.accounts.passwords import Passwords
from server.clock import SetClock
from server.inventory.tables import Position
from server.journal.deeds import Act
from server.running.access import issue_metrics_token
from server.schemas.people import Role
from server.secrets.deeds import set_secret
from server.storage.database import Database
from tests.server.agents.conftest import KEY

COMMUNITY = "canary-community-of-the-atm"
OWN = "canary-青禾-own-password"
WRONG = "canary-wrong-password"


def rows(database: Database) -> str:
    """Every cell of every table, bytes as they are and in hexadecimal."""
    said: list[str] = []
    with database.read() as session:
        connection = session.connection()
        tables = MetaData()
        tables.reflect(connection)
        for table in tables.sorted_tables:
            for row in connection.execute(select(*table.columns)):
                for cell in row:
                    plain = bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode()
                    said += [plain.decode(errors="replace"), plain.hex()]
    return "\n".join(said)


def forms(secret: str | bytes) -> list[str]:
    plain = secret.encode() if isinstance(secret, str) else secret
    return [plain.hex(), repr(plain)[2:-1], *([secret, json.dumps(secret)[1:-1]] if isinstance(secret, str) else [])]


async def test_no_secret_is_in_a_log_line_a_row_or_the_journal(
    pc: Any,
    head: Any,
    client: TestClient,
    database: Database,
    bank: dict[str, int],
    now: SetClock,
    cheap_passwords: Passwords,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with database.write() as session:
        act = Act("admin", "cli", now())
        given = people.add_person(session, act, cheap_passwords, login="zhou", name="周敏", role=Role.HEAD, branches=[])
        metrics = issue_metrics_token(session, act)
        set_secret(session, act, KEY, "atm-ro", COMMUNITY)
        position = session.get_one(Position, bank["1001/atm-1"])
        position.options = {"community": "secret:atm-ro"}
        session.add(position)

    # people: signed in, refused, the password changed
    token = client.post("/api/sign-in", json={"login": "zhou", "password": given}).json()["token"]
    mine = {"Authorization": f"Bearer {token}"}
    assert client.post("/api/password", json={"old": given, "new": OWN}, headers=mine).status_code < 300
    assert client.post("/api/sign-in", json={"login": "zhou", "password": WRONG}).status_code == 401
    assert client.post("/api/sign-in", json={"login": "zhou", "password": [WRONG]}).status_code == 422

    # an agent: enrolled, wrong once, let in, told its secrets; a batch that is none
    code = read_code(head.code())
    front = pc("front")
    with pytest.raises(Trouble):
        await front.enroll(Code(code.id, code.secret[::-1]))
    await front.enroll(code)
    assert COMMUNITY in str(await front.asks())
    passed = front._tokens._token
    headers = {"Authorization": f"Bearer {passed}", "Content-Type": MEDIA_MSGPACK}
    assert client.post("/api/agent/records", content=b"\xc1", headers=headers).status_code == 422

    # the database fails in the middle of a question
    with database.write() as session:
        session.connection().execute(text("ALTER TABLE sign_in RENAME TO sign_out"))
    assert client.post("/api/sign-in", json={"login": "zhou", "password": OWN}).status_code == 503
    with database.write() as session:
        session.connection().execute(text("ALTER TABLE sign_out RENAME TO sign_in"))

    assert "sign_in" in caplog.text  # the failure was logged, without what was to be written
    assert "parameters: (" not in caplog.text
    assert "parameters: {" not in caplog.text
    kept = {"logs": caplog.text, "rows": rows(database)}
    assert any(form in kept["rows"] for form in forms("zhou"))  # what is there is found
    secrets = {
        "the given password": given,
        "a person's own password": OWN,
        "a wrong password": WRONG,
        "a person's token": token,
        "the token for metrics": metrics,
        "an agent's token": passed,
        "an agent's key": front.identity.key,
        "a code": str(code),
        "a code's secret": code.secret,
        "a device's community": COMMUNITY,
        "the server's key": KEY,
    }
    found = [
        (what, where)
        for what, secret in secrets.items()
        for where, said in kept.items()
        for form in forms(secret)
        if form in said
    ]
    assert not found
