"""The doors of agents stand before the layers of the frameworks, and answer as everything behind those does."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.app import create_app
from server.clock import SetClock
from server.http.front import HEADERS
from server.settings import Settings
from server.storage.database import Database

DOORS = [("GET", "/api/agent/orders"), ("POST", "/api/agent/records")]


@pytest.fixture
def app(sqlite_database: Database, settings: Settings, now: SetClock) -> FastAPI:
    return create_app(sqlite_database, settings, now)


@pytest.mark.parametrize(("method", "path"), DOORS)
def test_what_a_door_answers_is_for_no_browser(app: FastAPI, method: str, path: str) -> None:
    with TestClient(app) as client:
        answer = client.request(method, path)
    assert answer.status_code == 401
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize(("method", "path"), DOORS)
def test_a_defect_behind_a_door_is_told_in_a_sentence(
    app: FastAPI, method: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(app.state.branchfleet.limits.token, "look", broken)
    with TestClient(app, headers={"Accept-Language": "en"}) as client:
        answer = client.request(method, path)
    assert answer.status_code == 500
    assert answer.json()["detail"].endswith(".")


@pytest.mark.parametrize(("method", "path"), DOORS)
def test_a_door_is_described_like_any_route(app: FastAPI, method: str, path: str) -> None:
    assert app.openapi()["paths"][path][method.lower()]["summary"]


def test_another_method_at_a_door_is_told_so(app: FastAPI) -> None:
    with TestClient(app) as client:
        assert client.post("/api/agent/orders").status_code == 405
