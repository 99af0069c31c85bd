"""A day of noise on every simulator leaks nothing. Here it is a short day; `python -m benchmarks.noise` has a whole.

That the promises and the noise can fail at all is seen with a driver that breaks each of them.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from drivers.sim import contract
from drivers.sim.base import Fault
from drivers.sim.contract import PROMISES, BrokenPromise, Row
from drivers.sim.noise import make_noise
from tests.drivers.test_contract import ROWS

SECONDS = float(os.environ.get("BRANCHFLEET_NOISE_SECONDS", "12"))
GROWTH = 256 << 10  # bytes, for all devices together; what is kept with every poll outgrows it


async def test_a_day_of_noise_on_every_simulator_leaks_nothing(
    with_its_peer: Callable[[Row], Row], tmp_path: Path
) -> None:
    rows = {}
    for name, row in ROWS.items():
        with suppress(pytest.skip.Exception):  # the others are tried where its peer is not installed
            rows[name] = with_its_peer(Row(*row))
    noise = await make_noise(rows, tmp_path, seconds=SECONDS, polls=4, seed=1)
    assert all(heard.polls for heard in noise.heard.values())
    assert any("reading" in heard.kinds for heard in noise.heard.values())  # and each reads again once it is quiet
    assert any("garbled" in heard.kinds for heard in noise.heard.values())
    assert noise.grown < GROWTH, "\n".join(noise.where)


@pytest.fixture
def leaky(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The leaky driver and its simulator, installed; and a broken promise is told at once."""
    about = tmp_path / "installed" / "leaky-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(
        "[branchfleet.drivers]\nleaky = leaky_driver:Leaky\n[branchfleet.simulators]\nleaky = leaky_driver:make\n",
        encoding="utf-8",
    )
    shutil.copy(Path(__file__).with_name("leaky.py"), about.parent / "leaky_driver.py")
    monkeypatch.syspath_prepend(about.parent)
    monkeypatch.setattr(contract, "LEFT_SECONDS", 0.1)
    yield
    sys.modules.pop("leaky_driver").let_go()


ENDS = f"a poll ends in time and leaves nothing, fault {Fault.SILENT}"


async def test_a_driver_of_a_third_party_that_keeps_its_promises_is_seen_to(leaky: None, tmp_path: Path) -> None:
    for promise in PROMISES.values():
        await promise(Row("leaky", {"breaks": "nothing"}), tmp_path)


@pytest.mark.parametrize(
    ("breaks", "promise", "sentence"),
    [
        ("handle", ENDS, "left: handles .*null"),
        ("task", ENDS, "tasks {<Task"),
        ("thread", ENDS, "threads {<Thread"),
        ("time", ENDS, "longer than the driver's 0.3 s"),
        ("close", ENDS, "a close took longer than 2 s"),
        ("word", ENDS, "'paper' has no word 'soggy'"),
        ("number", ENDS, "no number 'smell'"),
        ("raw", ENDS, "5000 raw bytes"),
        ("again", "it is itself again once the fault is gone", "`identity` was"),
    ],
)
async def test_a_broken_promise_is_said_in_a_sentence(
    leaky: None, breaks: str, promise: str, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(BrokenPromise, match=sentence):
        await PROMISES[promise](Row("leaky", {"breaks": breaks}), tmp_path)


@pytest.mark.parametrize("breaks", ["handle", "task", "thread"])
async def test_noise_finds_what_is_left_of_a_poll(leaky: None, breaks: str, tmp_path: Path) -> None:
    with pytest.raises(BrokenPromise, match=f"left: .*{breaks}"):
        await make_noise({"leaky": Row("leaky", {"breaks": breaks})}, tmp_path, seconds=0, polls=8, seed=1)


async def test_noise_finds_memory_that_grows(leaky: None, tmp_path: Path) -> None:
    noise = await make_noise({"leaky": Row("leaky", {"breaks": "memory"})}, tmp_path, seconds=0, polls=40, seed=1)
    assert noise.grown > GROWTH
    assert "leaky_driver" in noise.where[0]
