"""A thread that follows goes on, whatever its steps end by."""

import logging
from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError

from server.following.thread import LONGEST_PAUSE, Following
from server.storage.database import Database
from server.storage.lead import Lead, Role


class Follows(Following):
    """Its steps do what they are told, one after the other; the last ends the thread."""

    name = "test"
    pause = 0.25

    def __init__(self, *steps: Callable[[], int]) -> None:
        super().__init__(Lead(Database("sqlite:///nobody-opens-it.db"), Role.HEALTH))
        self._steps = list(steps)
        self.pauses: list[float] = []
        self._stopping.wait = self._pauses  # type: ignore[method-assign, assignment]

    def _pauses(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return False

    def step(self) -> int:
        if len(self._steps) == 1:
            self._stopping.set()
        return self._steps.pop(0)()


def defect() -> int:
    raise KeyError("nobody thought of it")


def locked() -> int:
    raise OperationalError("", None, Exception("database is locked"))


def test_a_step_that_ends_by_a_defect_is_tried_again_after_growing_pauses(caplog: pytest.LogCaptureFixture) -> None:
    told: list[bool] = []

    def good() -> int:
        told.append(follows.failing)
        return 1

    follows = Follows(*[defect] * 8, good, good)
    with caplog.at_level(logging.INFO):
        follows._run()
    assert follows.pauses == [0.5, 1, 2, 4, 8, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    assert told == [True, False]
    assert follows.defects == 8
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "nobody thought of it" in caplog.text


def test_while_it_fails_news_do_not_hurry_it() -> None:
    """Else each batch of an agent would be one more try, and one core would do nothing else."""
    follows = Follows(defect, locked, lambda: 1)
    follows.wake()
    follows._run()
    assert follows.pauses == [0.5, 1]


def test_a_database_that_is_locked_is_no_defect() -> None:
    follows = Follows(locked, lambda: 1)
    follows._run()
    assert (follows.defects, follows.failing) == (0, False)
