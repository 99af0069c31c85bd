"""Wall clocks that leap: an agent's, which is let in over TLS and told of by its true times, and the server's own."""

import asyncio
import datetime
import json
import os
import sqlite3
import struct
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from server.schemas.standing import Standing
from tests.faults import fast
from tests.faults.bank import Bank
from tests.faults.bench import Bench, bench, comes
from tests.faults.count import count
from tui.client import Client
from tui.demo.processes import command

needs_gcc = pytest.mark.skipif(bool(fast.missing()), reason=fast.missing() or "-")
FLAT = datetime.datetime(2000, 1, 1, 0, 0, 7, tzinfo=datetime.UTC)  # where a flat battery lets a PC begin
FAR = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)
MINUTE = 60_000_000  # µs
DATED = ("record.at", "record.arrived", "attested.start_at", "attested.end_at", "journal.at", "condition.opened_at")
SLIP = datetime.timedelta(hours=3)  # of a hand


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


@needs_gcc
async def test_a_server_whose_clock_leaps_dates_nothing_by_it_and_is_right_again_by_itself(
    tmp_path: Path, wall: Callable[[datetime.datetime | None], dict[str, str]]
) -> None:
    wrap = {"server": ["env", *(f"{key}={value}" for key, value in wall(None).items())]}
    rules = {"power.battery": {"after": "1s", "clear_after": "1s"}}
    bank = Bank(devices=8, interval=0.5, change=4.0, rules=rules)
    began = micros()
    with bench(tmp_path / "bench", bank, wrap=wrap) as made:
        made.enrol("agent-1001", made.url)
        made.start_server()
        made.start_agent()
        made.tell_story()
        async with made.client() as client:
            await comes(lambda: _signed_in(made, client), "the server")
            right = datetime.datetime.now(datetime.UTC)
            for moment, word in (right + SLIP, "moved"), (FAR, "ahead"), (FLAT, "behind"):
                for set_to, said in (moment, word), (None, "ok"):
                    wall(set_to)
                    await comes(partial(_says, made, said), f"readyz to say {said}")
                    await _more_records(made, 3)
                    standings = {row.key: row.standing for row in await client.agents()}  # nobody signed in anew
                    assert standings["agent-1001"] is Standing.GOOD

            async def told_of() -> bool:
                return bool((await client.conditions(open=None, limit=100)).rows)

            async def accounted() -> bool:
                return (await client.coverage()).total.due > 0

            await comes(told_of, "a supply on battery to be told of")
            await comes(accounted, "a whole minute to be accounted for")
            told = (await client.coverage()).total
            conditions = (await client.conditions(open=None, limit=100)).rows
        made.end_story()
        await asyncio.sleep(2 * made.bank.interval)  # what was shown last is polled; the count says whether it was
        made.stop("agent-1001")
        made.stop("server")
        counted = count(made.database, made.shown, [made.agent_home() / "spool.db"])
        times = {column: _times(made, *column.split(".")) for column in DATED}
        _, trusted = _times(made, "health", "fresh_until")
    ended = micros()
    assert counted.shown
    assert counted.whole, (counted.streams, counted.lost)
    assert all(began <= row.opened_at <= (row.closed_at or ended) <= ended for row in conditions)
    assert told.due == told.attested + sum(told.missing.values())
    assert 0 < told.due <= bank.devices * ((ended - began) / MINUTE + 1)
    assert {column: span for column, span in times.items() if not began <= span[0] <= span[1] <= ended} == {}
    assert trusted <= ended + 5 * MINUTE  # nobody passes for well as long as the clock was ahead


def micros() -> int:
    return time.time_ns() // 1000


async def _says(made: Bench, word: str) -> bool:
    """What the server says of its clock to whoever asks."""

    def ask() -> str:
        try:
            with urllib.request.urlopen(f"{made.url}/readyz") as answer:
                said = json.load(answer)
        except urllib.error.HTTPError as refused:
            said = json.load(refused)
        return str(said["checks"]["clock"])

    return await asyncio.to_thread(ask) == word


async def _more_records(made: Bench, number: int) -> None:
    before = _ask(made, "SELECT count(*) FROM record")[0]

    async def came() -> bool:
        return _ask(made, "SELECT count(*) FROM record")[0] >= before + number

    await comes(came, "records to be taken")


def _times(made: Bench, table: str, column: str) -> tuple[int, int]:
    """The least and the greatest, UTC µs."""
    low, high = _ask(made, f"SELECT min({column}), max({column}) FROM {table}")
    return low, high


def _ask(made: Bench, sql: str) -> tuple[int, ...]:
    with closing(sqlite3.connect(f"file:{made.database}?mode=ro", uri=True)) as database:
        found: tuple[int, ...] = database.execute(sql).fetchone()
    return found


async def _signed_in(made: Bench, client: Client) -> bool:
    await made.signed_in(client)
    return True


def _doctor(made: Bench, environment: dict[str, str]) -> str:
    words = [command("branchfleet-agent"), "doctor", "--home", str(made.agent_home())]
    ran = subprocess.run(words, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert "Traceback" not in ran.stderr
    return ran.stdout
