"""What the agent's tests share: clocks that stand still until told, and records to put into a spool."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.spool import Spool
from agent.wire import Clock

NOON = 1_800_000_000_000_000  # UTC µs


class FakeClocks:
    """Both clocks of a machine; `forward` moves both, and setting `wall` is a person turning the wall clock."""

    def __init__(self) -> None:
        self.wall = NOON
        self.boot = 5_000_000
        self.boot_id = "boot-1"

    def __call__(self) -> Clock:
        return Clock(wall=self.wall, boot=self.boot, boot_id=self.boot_id)

    def forward(self, seconds: float) -> None:
        self.wall += int(seconds * 1_000_000)
        self.boot += int(seconds * 1_000_000)


@pytest.fixture
def clocks() -> FakeClocks:
    return FakeClocks()


@pytest.fixture
def spool(tmp_path: Path, clocks: FakeClocks) -> Iterator[Spool]:
    opened = Spool(tmp_path / "spool.db", clocks)
    yield opened
    opened.close()
