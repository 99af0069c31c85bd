"""The assignment: kept whole or not at all, and one wrong position spoils no other."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.assignment import CACHE, Target, keep, load, make_target
from agent.inventory.options import model_of
from agent.wire import Assignment, Polled
from drivers import registry
from drivers.base import Shared
from tests.drivers.test_contract import ROWS

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


MODELLED = """
from pydantic import BaseModel, ConfigDict, Field
import lamp_of_ours


class LampOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")
    password: str = Field("", repr=False)
    watts: int = 40


class Lamp(lamp_of_ours.Lamp):
    Options = LampOptions
"""


@pytest.mark.parametrize("modelled", [False, True], ids=["options as ours", "a model of pydantic"])
def test_a_third_partys_options_are_read_and_what_is_wrong_with_them_is_told_without_values(
    modelled: bool, tmp_path: Path, third_party: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if modelled:
        (third_party / "lamp_driver.py").rename(third_party / "lamp_of_ours.py")
        (third_party / "lamp_driver.py").write_text(MODELLED)
        monkeypatch.delitem(sys.modules, "lamp_of_ours", raising=False)

    def made(**options: object) -> Target:
        return make_target(
            Polled(position="1/a", name="", driver="lamp", address="/x", options=options, interval=1), Shared()
        )

    assert made(watts=60, password="hunter2").driver is not None
    for wrong in ({"watts": "hunter2"}, {"wats": "hunter2"}):
        failure = made(**wrong).failure
        assert failure is not None
        assert failure.reason == "badOptions"
        assert next(iter(wrong)) in failure.detail
        assert "hunter2" not in failure.detail


@pytest.mark.parametrize("row", ROWS)
def test_both_readers_take_what_every_driver_is_tested_with(row: str) -> None:
    name, options, _ = ROWS[row]
    kind = registry.find(name).Options
    assert kind.model_validate(options).model_dump().keys() == kind.model_fields.keys()
    assert model_of(kind).model_validate(options)
