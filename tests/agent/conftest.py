"""What the agent's tests share: clocks that stand still until told, and records to put into a spool."""

import asyncio
import json
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from agent.spool import Spool
from agent.wire import Clock, Polled

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


LampSays = Callable[..., Polled]


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the lamp's driver installed in it; on the path of this process, and good for a subprocess."""
    folder = tmp_path / "third-party"
    about = folder / "lamp-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lamp\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[branchfleet.drivers]\nlamp = lamp_driver:Lamp\n")
    shutil.copy(Path(__file__).with_name("lamp.py"), folder / "lamp_driver.py")
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.fixture
def lamp(tmp_path: Path, third_party: Path) -> LampSays:
    """`lamp("1001/lamp", device="online")` makes a lamp say so, and gives the position that polls it."""

    def say(
        position: str, *, interval: float = 0.2, options: dict[str, object] | None = None, **said: object
    ) -> Polled:
        path = tmp_path / f"{position.replace('/', '-')}.json"
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(said), encoding="utf-8")
        fresh.replace(path)
        return Polled(
            position=position, name="灯", driver="lamp", address=str(path), options=options or {}, interval=interval
        )

    return say


Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
def until() -> Until:
    """`await until(lambda: it is so)`: waits on a condition, and fails if it does not come true in time."""

    async def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, "it did not come true in 20 s"
            await asyncio.sleep(0.01)

    return wait
