"""How far into a list anybody may ask."""

import pytest
from fastapi import FastAPI

from server.app import create_app
from server.clock import SetClock
from server.settings import Settings
from server.storage.database import Database


@pytest.fixture
def app(sqlite_database: Database, settings: Settings, now: SetClock) -> FastAPI:
    return create_app(sqlite_database, settings, now)


def test_no_list_can_be_asked_for_more_than_a_database_counts(app: FastAPI) -> None:
    bounds = {
        f"{method} {path}": parameter["schema"].get("exclusiveMaximum", parameter["schema"].get("maximum"))
        for path, methods in app.openapi()["paths"].items()
        for method, told in methods.items()
        for parameter in told.get("parameters", [])
        if parameter["name"] == "offset"
    }
    assert len(bounds) > 10
    assert {where: most for where, most in bounds.items() if most != 1 << 31} == {}
