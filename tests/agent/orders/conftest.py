"""An agent in a hurry, and what it is told."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.settings import Settings
from agent.wire import Order

if TYPE_CHECKING:
    from tests.agent.conftest import Centre
else:
    Centre = Any


@pytest.fixture(autouse=True)
def hurry(impatient: None) -> None:
    """Every agent of these tests is in one."""


@pytest.fixture
def settings(tmp_path: Path, centre: Centre, enrolled: Callable[[Path, str], Settings]) -> Settings:
    return enrolled(tmp_path / "home", centre.url)


@pytest.fixture
def order() -> Callable[..., Order]:
    """`order("o1", "poll", "1/a")`."""

    def make(uid: str, what: str, *positions: str, seconds: float = 60.0) -> Order:
        return Order(uid=uid, what=what, seconds=seconds, positions=list(positions))

    return make
