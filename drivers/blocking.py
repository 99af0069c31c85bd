"""Calls that block, in threads that nobody waits for: asyncio's own are waited for when the program ends.

The threads are daemons: one that never comes back keeps neither a poll nor the agent's end waiting, and until it does
come back nothing more is begun beside it.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from drivers.errors import Reason, Unreachable

T = TypeVar("T")


def in_a_thread(work: Callable[[], T], name: str) -> "asyncio.Future[T]":
    job: Future[T] = Future()

    def run() -> None:
        job.set_running_or_notify_cancel()
        try:
            job.set_result(work())
        except BaseException as error:  # the border of the thread: it belongs to whoever asked
            job.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    asked = asyncio.wrap_future(job)
    asked.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be left to be told
    return asked


class Blocking:
    """Something asked by calls that block, one question at a time. `what` begins a sentence: "the print service"."""

    def __init__(self, what: str, thread: str) -> None:
        self._what = what
        self._thread = thread
        self._asked: asyncio.Future[Any] | None = None

    async def begin(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """`work`, begun. Unreachable while the work before is not done."""
        if not await self.done(0):
            raise Unreachable(Reason.NO_ANSWER, f"{self._what} still owes the answer to an earlier question")
        asked = in_a_thread(work, self._thread)
        self._asked = asked
        return asked

    async def ask(self, work: Callable[[], T], seconds: float) -> T:
        """What `work` gives. Unreachable if it does not come in `seconds`; the thread is left behind."""
        asked = await self.begin(work)
        await asyncio.wait([asked], timeout=seconds)
        if not asked.done():
            raise Unreachable(Reason.NO_ANSWER, f"{self._what} did not answer in {seconds:g} s")
        return asked.result()

    async def done(self, seconds: float) -> bool:
        """Whether nothing is being asked any more, waited for `seconds` at most: a question cannot be taken back."""
        return self._asked is None or bool((await asyncio.wait([self._asked], timeout=seconds))[0])
