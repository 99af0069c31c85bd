"""Agents that are behind come again later while there is enough to do, one after the other."""

import asyncio
import threading

import httpx2
import pytest
from anyio.to_thread import current_default_thread_limiter, run_sync
from fastapi import FastAPI

from agent.wire import BEHIND
from server.agents.limits import TooMany
from server.agents.turns import APART, Turns

PATHS = ("/api/agent/records", "/api/agent/token", "/api/agent/challenge")


def test_turns_are_given_one_after_the_other_and_none_is_kept_for_the_past() -> None:
    now = 1000.0
    turns = Turns(lambda: now)

    def wait() -> int:
        with pytest.raises(TooMany) as told:
            turns.wait()
        return told.value.wait

    thousand = [wait() for _ in range(1000)]
    assert thousand == sorted(thousand)
    assert thousand[0] == 1
    assert thousand[-1] == pytest.approx(1000 * APART, abs=1)
    now += 3600
    assert wait() == 1


@pytest.mark.parametrize("path", PATHS)
async def test_while_every_thread_is_at_work_who_is_behind_gives_way_and_nobody_else(app: FastAPI, path: str) -> None:
    threads = current_default_thread_limiter()
    threads.total_tokens = 1
    free = threading.Event()
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://server") as client:
        working = [asyncio.create_task(run_sync(free.wait)) for _ in range(2)]
        try:
            while not threads.statistics().tasks_waiting:  # noqa: ASYNC110
                await asyncio.sleep(0)
            told = await client.post(path, headers={BEHIND: "1"})
            others = asyncio.create_task(client.post(path))
        finally:
            free.set()
        await asyncio.gather(*working)
        again = await client.post(path, headers={BEHIND: "1"})
        assert (told.status_code, told.headers["retry-after"]) == (429, "1")
        assert (await others).status_code not in (429, 500)
        assert again.status_code not in (429, 500)
