"""Files in the bank's folder of checks: one that is broken makes nobody green, and none holds the server up."""

import os
from pathlib import Path

import pytest

from server.checks.files import LARGEST
from server.checks.kept import Checks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "checks"
    made.mkdir()
    return made


def wrong(checks: Checks) -> list[str]:
    return [str(told) for told in checks.kept().wrong]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes in folders")
@pytest.mark.parametrize("name", ["pipe.toml", "bank.toml"])
def test_a_pipe_is_not_waited_for(folder: Path, name: str) -> None:
    os.mkfifo(folder / name)
    assert wrong(Checks(folder)) == [f"{folder / name} is no ordinary file"]


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no device that never ends")
@pytest.mark.parametrize("name", ["zero.toml", "bank.toml"])
def test_a_device_is_not_drained(folder: Path, name: str) -> None:
    (folder / name).symlink_to("/dev/zero")
    assert wrong(Checks(folder)) == [f"{folder / name} is no ordinary file"]


@pytest.mark.parametrize("name", ["long.toml", "bank.toml"])
def test_of_a_file_no_more_is_read_than_a_check_may_have(folder: Path, name: str) -> None:
    (folder / name).write_text("#" * (LARGEST + 1), encoding="utf-8")
    assert wrong(Checks(folder)) == [f"{folder / name} is larger than {LARGEST} bytes; a check is a page"]
