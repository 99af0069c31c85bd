"""Signing in: who gets in, who does not, and what the journal says of it."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from server.accounts import deeds
from server.accounts.passwords import Passwords
from server.accounts.tables import Person
from server.clock import SetClock
from server.journal.deeds import Act
from server.journal.tables import JournalRow
from server.schemas.people import Role
from server.storage.database import Database

SignInAs = Callable[..., TestClient]
MINUTE = 60


@pytest.fixture
def given(database: Database, now: SetClock, bank: dict[str, int], cheap_passwords: Passwords) -> str:
    """The one-time password of `zhou`, who keeps branch 1001."""
    with database.write() as session:
        act = Act("admin", "cli", now())
        return deeds.add_person(
            session, act, cheap_passwords, login="zhou", name="周敏", role=Role.BRANCH, branches=["1001"]
        )


def ask(client: TestClient, password: str, login: str = "zhou") -> int:
    return client.post("/api/sign-in", json={"login": login, "password": password}).status_code


def told(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.exec(select(JournalRow.deed).order_by(col(JournalRow.seq))).all())


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_given_password_lets_in_and_must_be_changed_first(client: TestClient, given: str, database: Database) -> None:
    answer = client.post("/api/sign-in", json={"login": "zhou", "password": given}).json()
    assert answer["person"] == {
        "login": "zhou",
        "name": "周敏",
        "role": "branch",
        "branches": ["1001"],
        "must_change": True,
    }
    headers = bearer(answer["token"])
    assert client.get("/api/me", headers=headers).status_code == 200
    refused = client.get("/api/status", headers=headers)
    assert refused.status_code == 403
    assert "choose one of your own" in refused.json()["detail"]

    change = {"old": given, "new": "青禾-2026-zhou"}
    assert client.post("/api/password", json=change, headers=headers).status_code == 204
    assert client.get("/api/status", headers=headers).status_code == 200
    assert ask(client, given) == 401
    assert ask(client, "青禾-2026-zhou") == 200
    assert told(database) == [
        "person.add",
        "person.sign-in",
        "person.password",
        "person.sign-in-failed",
        "person.sign-in",
    ]


def test_an_unknown_login_and_a_wrong_password_get_the_same_answer(client: TestClient, given: str) -> None:
    wrong = client.post("/api/sign-in", json={"login": "zhou", "password": "not this one"})
    unknown = client.post("/api/sign-in", json={"login": "nobody", "password": "not this one"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()


def test_an_unknown_login_costs_a_hash_as_a_known_one_does() -> None:
    verified: list[str] = []

    class Counting(Passwords):
        def __init__(self) -> None:
            super().__init__(memory=32)
            inner = self._hasher

            class Hasher:
                def verify(self, hashed: str, password: str) -> bool:
                    verified.append(hashed)
                    return inner.verify(hashed, password)

            self._hasher = Hasher()  # type: ignore[assignment]

    assert Counting().check(None, "anything") is False
    assert verified[0].startswith("$argon2id$")


def test_five_failures_lock_for_a_quarter_of_an_hour(
    client: TestClient, given: str, now: SetClock, database: Database
) -> None:
    assert [ask(client, "wrong") for _ in range(5)] == [401] * 5
    assert ask(client, given) == 401
    now.forward(15 * MINUTE - 1)
    assert ask(client, given) == 401
    now.forward(1)
    assert ask(client, given) == 200
    assert told(database).count("person.locked") == 1


def test_a_success_between_failures_starts_the_count_again(client: TestClient, given: str) -> None:
    for _ in range(3):
        assert [ask(client, "wrong") for _ in range(4)] == [401] * 4
        assert ask(client, given) == 200


def test_a_lock_of_a_clock_that_was_years_ahead_is_not_one_for_years(
    client: TestClient, given: str, now: SetClock
) -> None:
    now.forward(2 * 365 * 1440 * MINUTE)
    assert [ask(client, "wrong") for _ in range(5)] == [401] * 5
    now.forward(-2 * 365 * 1440 * MINUTE)
    assert ask(client, given) == 200


def test_a_sign_in_ends_after_its_hours(client: TestClient, given: str, now: SetClock) -> None:
    token = client.post("/api/sign-in", json={"login": "zhou", "password": given}).json()["token"]
    now.forward(12 * 3600 - 1)
    assert client.get("/api/me", headers=bearer(token)).status_code == 200
    now.forward(1)
    assert client.get("/api/me", headers=bearer(token)).status_code == 401


def test_signing_out_ends_this_token_and_no_other(client: TestClient, given: str) -> None:
    one, other = (
        client.post("/api/sign-in", json={"login": "zhou", "password": given}).json()["token"] for _ in range(2)
    )
    assert client.delete("/api/sign-in", headers=bearer(one)).status_code == 204
    assert client.get("/api/me", headers=bearer(one)).status_code == 401
    assert client.get("/api/me", headers=bearer(other)).status_code == 200


def test_a_changed_password_ends_the_other_sign_ins(client: TestClient, given: str) -> None:
    one, other = (
        client.post("/api/sign-in", json={"login": "zhou", "password": given}).json()["token"] for _ in range(2)
    )
    change = {"old": given, "new": "a longer password"}
    assert client.post("/api/password", json=change, headers=bearer(one)).status_code == 204
    assert client.get("/api/me", headers=bearer(one)).status_code == 200
    assert client.get("/api/me", headers=bearer(other)).status_code == 401


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("wrong", "a longer password", "old password is wrong"),
        (None, "short", "at least 10 characters"),
        (None, None, "neither the login nor the old"),
    ],
)
def test_a_bad_password_change_is_refused(
    client: TestClient, given: str, old: str | None, new: str | None, says: str
) -> None:
    token = client.post("/api/sign-in", json={"login": "zhou", "password": given}).json()["token"]
    change = {"old": old or given, "new": new or given}
    refused = client.post("/api/password", json=change, headers=bearer(token))
    assert refused.status_code == 422
    assert says in refused.json()["detail"]


def test_a_disabled_person_is_out_at_once(client: TestClient, given: str, database: Database, now: SetClock) -> None:
    token = client.post("/api/sign-in", json={"login": "zhou", "password": given}).json()["token"]
    with database.write() as session:
        deeds.disable_person(session, Act("admin", "cli", now()), "zhou")
    assert client.get("/api/me", headers=bearer(token)).status_code == 401
    assert ask(client, given) == 401


def test_a_password_is_nowhere_in_the_database(client: TestClient, given: str, database: Database) -> None:
    token = client.post("/api/sign-in", json={"login": "zhou", "password": given}).json()["token"]
    with database.read() as session:
        person = session.exec(select(Person).where(Person.login == "zhou")).one()
        rows = session.exec(select(JournalRow)).all()
    assert person.password_hash.startswith("$argon2id$")
    assert not any(given in str(row) or token in str(row) for row in rows)


def test_the_api_answers_in_chinese_unless_asked_for_english(client: TestClient) -> None:
    assert client.get("/api/me").json()["detail"].startswith("You are not signed in")
    chinese = client.get("/api/me", headers={"Accept-Language": "zh-CN"})
    assert chinese.json()["detail"] == "尚未登录或登录已过期，请重新登录。"
    assert chinese.headers["www-authenticate"] == "Bearer"
