"""A sweep as an order of a whole agent: stopped in the middle, killed in the middle, and never begun twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.settings import Settings
from agent.sweep.wires import Wire
from agent.wire import Fact, Order, OrderKind, Why

if TYPE_CHECKING:
    from tests.agent.conftest import Centre
else:
    Centre = Any

Until = Callable[[Callable[[], object]], Awaitable[None]]
Running = Callable[[], Any]


class Line:
    """Nobody is there; whoever is asked is written down."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def wires(self) -> list[Wire]:
        return [Wire("eth0", IPv4Network("10.1.0.0/22"), IPv4Address("10.1.0.5"))]

    def send(self, address: str) -> None:
        self.asked.append(address)

    def table(self) -> list[str]:
        return []

    def turned_away(self) -> int | None:
        return None


def sweep(uid: str, prefix: str = "10.1.0.0/22") -> Order:
    return Order(uid=uid, what=OrderKind.SWEEP, seconds=60.0, prefix=prefix, rate=4)


async def test_a_sweep_that_is_cancelled_ends_at_once_and_tells_how_far_it_came(
    centre: Centre, running: Running, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line()
    monkeypatch.setattr("agent.sweep.sweeping._line", lambda: line)
    centre.told.append(sweep("o1"))
    async with running():
        await until(lambda: len(line.asked) > 2)
        centre.cancelled.add("o1")
        await until(lambda: centre.results("o1"))
        asked = list(line.asked)
        centre.told.append(sweep("o2", "192.0.2.0/24"))  # and nothing stands in the way of the next
        await until(lambda: centre.results("o2"))
    (result,) = centre.results("o1")
    assert (result.done, result.why, result.began is not None) == (False, Why.STOPPED, True)
    assert result.detail == {"prefix": "10.1.0.0/22", "of": 1021, "asked": len(asked), "answered": 0, "upTo": asked[-1]}
    [before] = [record for record in centre.order if isinstance(record, Fact) and record.facts["sweep.order"] == "o1"]
    assert before.seq == result.seq - 1
    assert before.facts["sweep"] == []
    (other,) = centre.results("o2")
    assert (other.why, other.said, line.asked) == (Why.OFF_WIRE, "10.1.0.0/22", asked)


async def test_another_order_is_done_while_a_sweep_takes_its_time(
    centre: Centre, running: Running, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line()
    monkeypatch.setattr("agent.sweep.sweeping._line", lambda: line)
    centre.told.append(sweep("o1"))
    async with running():
        await until(lambda: line.asked)
        centre.told.append(Order(uid="o2", what=OrderKind.SPOOL, seconds=60.0))
        await until(lambda: centre.results("o2"))
        assert not centre.results("o1")
    (result,) = centre.results("o1")  # the agent ended
    assert result.why == Why.INTERRUPTED


AGENT = """
import os, signal, sys
import agent.link.backoff, agent.sweep.sweeping, agent.link.uplink
from ipaddress import IPv4Address, IPv4Network
from agent.sweep.wires import Wire
home, log = sys.argv[1:]
agent.link.uplink.URGENT_SECONDS = agent.link.backoff.FIRST_WAIT = agent.link.backoff.LONGEST_WAIT = 0.05

class Line:
    def wires(self):
        return [Wire("eth0", IPv4Network("10.1.0.0/22"), IPv4Address("10.1.0.5"))]
    def send(self, address):
        with open(log, "ab") as file:
            file.write(b".")
        if os.stat(log).st_size == 2:
            os.kill(os.getpid(), signal.SIGKILL)
    def table(self):
        return []
    def turned_away(self):
        return None

agent.sweep.sweeping._line = Line
from agent.main import main
main(["run", "--home", home])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
async def test_a_kill_in_the_middle_ends_it_for_ever(
    centre: Centre, settings: Settings, until: Until, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    centre.told.append(sweep("o1"))

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", AGENT, str(settings.home), str(log)]
        return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": os.getcwd()}, stderr=subprocess.DEVNULL)

    with start() as first:
        await until(lambda: first.poll() is not None)
    assert first.returncode == -signal.SIGKILL
    with start() as second:
        try:
            await until(lambda: centre.results("o1"))
            await until(lambda: centre.answering)
        finally:
            second.kill()
    (result,) = centre.results("o1")
    assert (result.why, log.stat().st_size) == (Why.INTERRUPTED, 2)
