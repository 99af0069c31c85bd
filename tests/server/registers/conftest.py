"""A server whose campaigns and facts make rows, and people who read and write them."""

from typing import Any

from fastapi.testclient import TestClient

from tests.server.campaigns.conftest import app, client, folder, host  # noqa: F401 - fixtures of campaigns

URL = "/api/registers/security"


def rows(person: TestClient, **asked: Any) -> list[Any]:
    return told(person, **asked)["rows"]  # type: ignore[no-any-return]


def told(person: TestClient, **asked: Any) -> Any:
    answer = person.get(URL, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def write(person: TestClient, more: str = "", status: int = 201, **said: Any) -> Any:
    answer = person.post(URL + more, json=said)
    assert answer.status_code == status, answer.text
    return answer.json()


def enter(person: TestClient, status: int = 201, **said: Any) -> Any:
    usual = {"about": "1001/atm-1", "category": "daily", "item": "端口", "outcome": "fail", "found": "445 开放"}
    return write(person, "", status, **(usual | said))
