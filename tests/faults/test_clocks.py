"""An agent whose PC does not know the time: it is let in over TLS, and what it says gets its true time."""

import asyncio
import datetime
import os
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import fast
from tests.faults.bank import Bank
from tests.faults.bench import Bench, bench, comes
from tests.faults.count import count
from tui.client import Client
from tui.demo.processes import command

needs_gcc = pytest.mark.skipif(bool(fast.missing()), reason=fast.missing() or "-")
FLAT = datetime.datetime(2000, 1, 1, 0, 0, 7, tzinfo=datetime.UTC)  # where a flat battery lets a PC begin
FAR = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)


@pytest.fixture
def wall(tmp_path: Path) -> Callable[[datetime.datetime | None], dict[str, str]]:
    """`wall(moment)` sets the PC's wall clock, None to the true time; gives what its programs are started with."""
    file = tmp_path / "wrong-clock"
    library = fast.build("wrong_clock.c", tmp_path)

    def set_to(moment: datetime.datetime | None) -> dict[str, str]:
        wrong = 0 if moment is None else int(moment.timestamp() * 1e9) - time.time_ns()
        with file.open("r+b" if file.exists() else "w+b") as opened:  # the same file: programs have it mapped
            opened.write(struct.pack("q", wrong))
        return {"LD_PRELOAD": library, "WRONG_CLOCK": str(file)}

    return set_to


async def open_rules(client: Client) -> set[str]:
    page = await client.conditions(open=True, limit=100)
    return {row.rule for row in page.rows}


@needs_gcc
async def test_a_pc_in_2000_and_in_2099_is_let_in_and_told_of_with_its_true_times(
    tmp_path: Path, wall: Callable[[datetime.datetime | None], dict[str, str]]
) -> None:
    set_as = wall(FLAT)
    wrap = {"agent-1001": ["env", *(f"{key}={value}" for key, value in set_as.items())]}
    home = tmp_path / "bench"
    rules = {"clock.off": {"after": "1s", "clear_after": "1s"}}
    bank = Bank(devices=2, interval=1.0, change=20.0, rules=rules)
    with bench(home, bank, host="127.0.0.2", wrap=wrap) as made:
        made.enrol("agent-1001", made.url)
        made.start_server()
        made.start_agent()
        made.tell_story()
        async with made.client() as client:
            await comes(lambda: _signed_in(made, client), "the server")

            async def flat() -> bool:
                return {"clock.off", "clock.battery"} <= await open_rules(client)

            async def jumped() -> bool:
                return "clock.jumps" in await open_rules(client)

            async def right() -> bool:
                return "clock.off" not in await open_rules(client)

            await comes(flat, "the flat battery to be told of")
            said = _doctor(made, set_as)
            assert "2000" in said
            wall(FAR)
            await comes(jumped, "the jump to 2099 to be told of")
            wall(None)
            await comes(right, "the clock to be right")
        made.end_story()
        await asyncio.sleep(2 * made.bank.interval)  # what was shown last is polled; the count says whether it was
        made.stop("agent-1001")
        made.stop("server")
        counted = count(made.database, made.shown, [made.agent_home() / "spool.db"])
    assert counted.shown
    assert counted.whole, (counted.streams, counted.lost)


async def _signed_in(made: Bench, client: Client) -> bool:
    await made.signed_in(client)
    return True


def _doctor(made: Bench, environment: dict[str, str]) -> str:
    words = [command("branchfleet-agent"), "doctor", "--home", str(made.agent_home())]
    ran = subprocess.run(words, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert "Traceback" not in ran.stderr
    return ran.stdout
