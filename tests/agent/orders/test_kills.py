"""kill -9 at every step of an order: none is lost, none begins twice, and each has one result.

The agent is the real one, in a process of its own that ends itself by SIGKILL before or after a step. Whenever a poll
that was ordered begins, a byte goes into a file, so it is seen how often one did.
"""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.settings import Settings
from agent.wire import Order, OrderKind, Polled, Why

if TYPE_CHECKING:
    from tests.agent.conftest import Centre
else:
    Centre = Any

if sys.platform == "win32":
    raise pytest.skip.Exception("kill -9 is a POSIX signal", allow_module_level=True)

LampSays = Callable[..., Polled]
Until = Callable[[Callable[[], object]], Awaitable[None]]
AGENT = """
import importlib, os, signal, sys
from pathlib import Path
import agent.link.backoff, agent.schedule, agent.link.uplink
from agent.orders import doing, keeping, receiving
from agent.wire import Result
home, begun, step, when = sys.argv[1:]
agent.link.uplink.URGENT_SECONDS = agent.link.backoff.FIRST_WAIT = agent.link.backoff.LONGEST_WAIT = 0.05
agent.schedule.FIRST_SECONDS = 0.05
receiving.PAUSE_SECONDS = 0.05

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def dies(owner, name, only=lambda *args, **kwargs: True):
    real = getattr(owner, name)
    def killed(*args, **kwargs):
        its = only(*args, **kwargs)
        if its and when == "before":
            die()
        answer = real(*args, **kwargs)
        if its and when == "after":
            die()
        return answer
    setattr(owner, name, killed)

poll = doing.Doing._poll
async def marked(self, order):
    with open(begun, "ab") as file:
        file.write(b".")
    if step == "beginning":
        die()
    return await poll(self, order)
doing.Doing._poll = marked

from agent.spool.spool import Spool
from agent.link.link import Link
if step == "taking":
    change = Spool.change
    dies(Spool, "change", lambda self, deed: "take" in deed.__code__.co_names)
if step == "marking":
    dies(Spool, "change", lambda self, deed: "begin" in deed.__code__.co_names)
if step == "polling":
    dies(agent.schedule.Schedule, "turn", lambda self, target: os.path.exists(begun))
if step == "writing":
    dies(Spool, "append", lambda self, records, **more: bool(more.get("ends")))
if step == "sending":
    dies(agent.link.uplink, "Batch", lambda **said: any(isinstance(one, Result) for one in said["records"]))
if step == "acknowledging":
    dies(Spool, "acked", lambda self, *said: any(kind == "result" for (kind,) in self._db.execute(
        "SELECT kind FROM record WHERE acked IS NULL AND seq <= (SELECT offered FROM spool)")))

from agent.main import main
main(["run", "--home", home])
"""
# By step, when, whether the order was begun and could not end before the kill
STEPS = [
    ("taking", "before", False),
    ("taking", "after", False),
    ("marking", "before", False),
    ("marking", "after", True),
    ("beginning", "within", True),
    ("polling", "before", True),
    ("writing", "before", True),
    ("writing", "after", False),
    ("sending", "before", False),
    ("acknowledging", "before", False),
    ("acknowledging", "after", False),
]


@pytest.mark.parametrize(("step", "when", "interrupted"), STEPS, ids=[f"{when} {step}" for step, when, _ in STEPS])
async def test_a_kill_loses_no_order_and_none_begins_twice(
    centre: Centre,
    enrolled: Callable[[Path, str], Settings],
    third_party: Path,
    lamp: LampSays,
    until: Until,
    tmp_path: Path,
    step: str,
    when: str,
    *,
    interrupted: bool,
) -> None:
    home, begun = tmp_path / "home", tmp_path / "begun"
    enrolled(home, centre.url)
    centre.assign(lamp("1/a", device="online", interval=3600))
    centre.told.append(Order(uid="o1", what=OrderKind.POLL, seconds=3600))

    def start(*how: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(third_party), os.getcwd()])}
        command = [sys.executable, "-c", AGENT, str(home), str(begun), *how]
        return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

    with start(step, when) as first:
        await until(lambda: first.poll() is not None)
    assert first.returncode == -signal.SIGKILL
    with start("never", "") as second:
        try:
            await until(lambda: centre.results("o1"))
            await until(lambda: centre.answering)
        finally:
            second.kill()
    (result,) = centre.results("o1")
    assert begun.stat().st_size == 1 if begun.exists() else interrupted
    assert (result.done, result.why) == ((False, Why.INTERRUPTED) if interrupted else (True, ""))
    assert centre.whole()
    with closing(sqlite3.connect(home / "spool.db")) as spool:
        assert spool.execute("SELECT count(*) FROM record WHERE kind = 'result'").fetchone() == (1,)
    if interrupted:
        assert result.began is not None
