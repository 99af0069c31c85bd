"""The assignment: kept whole or not at all, and one wrong position spoils no other."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.assignment import CACHE, keep, load, make_target
from agent.wire import Assignment, Polled
from drivers.base import Shared

LampSays = Callable[..., Polled]


def assignment(*polled: Polled) -> Assignment:
    return Assignment(agent="centre", revision="1", polled=list(polled))


def test_what_is_kept_is_what_was_given_and_its_owners_alone(tmp_path: Path, lamp: LampSays) -> None:
    given = assignment(lamp("1/a", device="online", options={"password": "口令"}))
    keep(tmp_path, given)
    assert load(tmp_path) == given
    assert (tmp_path / CACHE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("torn", [b"", b"{", b"null", b"\xff", b'{"agent": 1}'])
def test_a_torn_file_counts_as_none(tmp_path: Path, caplog: pytest.LogCaptureFixture, torn: bytes) -> None:
    (tmp_path / CACHE).write_bytes(torn)
    assert load(tmp_path) is None
    assert len(caplog.messages) == 1


def test_no_file_is_none_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert load(tmp_path) is None
    assert caplog.messages == []


def test_a_failed_write_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path, assignment())

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    keep(tmp_path, Assignment(agent="other", revision="2", polled=[]))
    assert load(tmp_path) == assignment()
    assert [path.name for path in tmp_path.iterdir()] == [CACHE]


def test_a_third_partys_driver_that_cannot_be_made_is_that_positions_failure(
    tmp_path: Path, third_party: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (third_party / "lamp_driver.py").write_text("import nothing_of_that_name\n")
    with caplog.at_level(logging.ERROR):
        target = make_target(
            Polled(position="1/a", name="", driver="lamp", address="/x", options={}, interval=1), Shared()
        )
    assert target.driver is None
    assert target.failure is not None
    assert target.failure.reason == "noDriver"
    assert "nothing_of_that_name" in target.failure.detail
