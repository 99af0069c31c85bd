"""A branch's line is cut for hours, 25 as the carrier's once was, and comes back.

Run by a fast clock (`fast.py`), so that hours are minutes: here nothing knows of it, all seconds are of that clock.
"""

import asyncio
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from server.schemas.conditions import ConditionOut
from server.schemas.standing import Standing
from tests.faults.bank import Bank
from tests.faults.bench import Bench, bench, comes, free_port
from tests.faults.count import Count, count
from tests.faults.namespace import Branch, branch
from tui.client import Client, PositionQuery
from tui.demo.processes import module

TOLD = (Standing.GOOD, Standing.ATTENTION, Standing.FAULT)
AROUND = 600.0  # seconds all is well before and after
RULES = ("line.down", "agent.silent")  # what an outage is to be called

T = TypeVar("T")

Minutes = dict[str, int]  # position-minutes: due, attested, and by its reason what is missing


@dataclass
class Found:
    """Of one outage, in seconds: by how much conditions are off its true begin and end, what the screens took."""

    hours: float
    opened_off: dict[str, float] = field(default_factory=dict)  # rule -> after the cut
    closed_off: dict[str, float] = field(default_factory=dict)  # rule -> after the return
    acked_after: float = 0.0  # the first ack after the return
    fresh_after: float = 0.0  # every position of the branch is fresh on the screens
    caught_up_after: float = 0.0  # nothing waits at the agent any more
    records: int = 0
    longest_hole: float = 0.0  # in what the branch's positions attest, over all of it
    while_cut: Minutes = field(default_factory=dict)  # what the server accounted for of the cut, before the return
    accounted: Minutes = field(default_factory=dict)  # and at the end, of all from the cut on
    counted: Count = field(default_factory=lambda: Count([]))


def run(home: Path, hours: float, around: float = AROUND, interval: float = 120.0) -> Found:
    with branch() as place:
        probe = f"{place.inner}:{free_port()}"
        bank = Bank(devices=4, interval=interval, change=15 * interval, wait=5.0, probe=probe)
        inside = {"simulators": place.words, "agent-1001": place.words}
        with bench(home, bank, host=place.outer, wrap=inside) as made:
            host, _, port = bank.probe.rpartition(":")
            router = [*place.words, *module("http.server"), "--bind", host, port]
            made.started.start("router", router)
            made.start_server()
            for key in bank.agents:
                made.enrol(key, made.url)
                made.start_agent(key)
            return asyncio.run(_outage(made, place, hours, around))


async def _outage(made: Bench, place: Branch, hours: float, around: float) -> Found:
    found = Found(hours)
    async with made.client() as client:
        await comes(lambda: _signed_in(made, client), "the server")
        await comes(lambda: _all_fresh(client, made), "every position to be told", 10800)
        made.tell_story()
        await asyncio.sleep(around)
        before = await _told(lambda: _accounted(client), "the coverage")
        place.cut()
        cut = time.time()
        end = cut + 3600 * hours
        while (left := end - time.time()) > 0:
            await asyncio.sleep(min(left, 900.0))
            print(f"{(time.time() - cut) / 3600:.2f} h of {hours:g} h", file=sys.stderr, flush=True)  # noqa: T201
        await comes(lambda: _signed_in(made, client), "the console to be let in")  # a session lasts half a day
        found.while_cut = _since(before, await _told(lambda: _accounted(client), "the coverage"))
        waiting = _numbers(made)
        place.join()
        back = time.time()
        await comes(lambda: _more_than(made, waiting), "an acknowledgement", 3600)
        found.acked_after = time.time() - back
        await comes(lambda: _all_fresh(client, made), "the screens to be right", 3600)
        found.fresh_after = time.time() - back
        await comes(lambda: _caught_up(made), "all to be sent", 36000)
        found.caught_up_after = time.time() - back
        await asyncio.sleep(around)
        page = await _told(lambda: client.conditions(open=None, limit=500), "the conditions")
        _conditions(found, page.rows, cut, back)
        found.accounted = _since(before, await _told(lambda: _accounted(client), "the coverage"))
    made.end_story()
    await asyncio.sleep(2 * made.bank.interval)
    for key in made.bank.agents:
        made.stop(key)
    made.stop("server")
    found.longest_hole = longest_hole(made.database, made.bank.keys)
    spools = [made.agent_home(key) / "spool.db" for key in made.bank.agents]
    found.counted = count(made.database, made.shown, spools, tolerance=made.bank.interval)
    found.records = sum(one.held for one in found.counted.streams if one.agent == "agent-1001")
    return found


async def _signed_in(made: Bench, client: Client) -> bool:
    await made.signed_in(client)
    return True


async def _told(ask: Callable[[], Awaitable[T]], what: str) -> T:
    """The answer, asked for until there is one: by a fast clock a busy machine is soon too late."""
    answers: list[T] = []

    async def came() -> bool:
        answers.append(await ask())
        return True

    await comes(came, what, 3600)
    return answers[0]


async def _all_fresh(client: Client, made: Bench) -> bool:
    """As the console asks: no position of the branch is stale or was never told."""
    page = await client.positions(PositionQuery(branch="1001"), limit=200)
    told = [row for row in page.rows if row.standing in TOLD]
    return len(told) == len(made.bank.keys)


async def _accounted(client: Client) -> Minutes:
    total = (await client.coverage()).total
    return {"due": total.due, "attested": total.attested, **{str(why): each for why, each in total.missing.items()}}


def _since(before: Minutes, after: Minutes) -> Minutes:
    return {word: more for word, each in after.items() if (more := each - before.get(word, 0))}


def _conditions(found: Found, rows: list[ConditionOut], cut: float, back: float) -> None:
    """Of each rule the one that began nearest to the cut: a busy machine may have made others."""
    for rule in RULES:
        of_it = [row for row in rows if row.rule == rule and row.branch == "1001"]
        row = min(of_it, key=lambda row: abs(row.opened_at / 1e6 - cut), default=None)
        if row is not None:
            found.opened_off[rule] = row.opened_at / 1e6 - cut
            if row.closed_at is not None:
                found.closed_off[rule] = row.closed_at / 1e6 - back


def _numbers(made: Bench) -> int:
    return int(_ask(made, "SELECT max(seq) FROM record JOIN stream ON stream.id = stream_id JOIN subject ON"
                    " subject.id = stream.agent_id WHERE subject.key = 'agent-1001'"))  # fmt: skip


async def _more_than(made: Bench, number: int) -> bool:
    return _numbers(made) > number


async def _caught_up(made: Bench) -> bool:
    """The server's own word for it: nothing waited behind the agent's last batch."""
    return not _ask(made, "SELECT waiting FROM agent_seen JOIN subject ON subject.id = agent_id"
                    " WHERE subject.key = 'agent-1001'")  # fmt: skip


def _ask(made: Bench, sql: str) -> int:
    with closing(sqlite3.connect(f"file:{made.database}?mode=ro", uri=True)) as database:
        row = database.execute(sql).fetchone()
    return row[0] or 0 if row else 0


def longest_hole(database: str, keys: list[str]) -> float:
    """Seconds of the longest time between the first and the last word of a position that nothing attests."""
    longest = 0
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as file:
        for key in keys:
            sql = (
                "SELECT start_at, end_at FROM attested JOIN subject ON subject.id = subject_id WHERE key = ? ORDER BY 1"
            )
            reached = 0
            for start, end in file.execute(sql, (key,)):
                longest = max(longest, start - reached if reached else 0)
                reached = max(reached, end)
    return longest / 1e6


def say(found: Found) -> list[str]:
    lines = [f"line cut for {found.hours:g} h of the agent's clock; {found.records} records of its agent held"]
    lines += [f"{rule} opened {off:+.0f} s from the cut" for rule, off in found.opened_off.items()]
    lines += [f"{rule} closed {off:+.0f} s from the return" for rule, off in found.closed_off.items()]
    lines.append(f"first acknowledgement {found.acked_after:.0f} s after the return")
    lines.append(f"screens right {found.fresh_after:.0f} s after, all sent {found.caught_up_after:.0f} s after")
    lines.append(f"longest time nothing attests, over all positions and the whole outage: {found.longest_hole:.0f} s")
    lines.append(f"position-minutes since the cut, before the return: {found.while_cut}; at the end: {found.accounted}")
    return lines
