"""Whatever people and PCs do, and in whatever order: the rightful PC is never locked out, and no other is let in."""

import asyncio
import contextlib
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.link.errors import Away, Rejected
from server.errors import Conflict
from server.storage.database import Database
from tests.tries import tries

STEPS = ["enroll", "again", "restart", "rotate", "killed", "revoke", "confirm", "withdraw", "release", "copy"]
NUMBERS = count(1)


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    """The rules are the same on both; one will do for many orders."""
    return sqlite_database


class Told:
    """What has happened, as a person would tell it."""

    def __init__(self, pc: Callable[[str], Any], head: Any, now: Any, patch: pytest.MonkeyPatch) -> None:
        self._pc, self._head, self._now, self._patch = pc, head, now, patch
        self.holder: Any = None  # the rightful PC
        self.waiting: Any = None
        self.out: list[Any] = []  # PCs that were, and are not any more
        self.held_off = False
        self._code = ""

    async def does(self, step: str) -> None:
        await getattr(self, step)()

    async def enroll(self) -> None:
        """A new PC, by a new code."""
        fresh = self._pc(f"pc-{next(NUMBERS)}")
        self._code = self._head.code()
        enrolled = await fresh.enroll(self._code)
        assert enrolled.waiting == (self.holder is not None)
        if self.holder is None:
            self.holder = fresh
            return
        if self.waiting is not None:
            self.out.append(self.waiting)
        self.waiting = fresh

    async def again(self) -> None:
        """The answer was lost, and the command is said again."""
        last = self.waiting or self.holder
        if last is not None and last.identity.code == self._code[:4] and not self.held_off:
            try:
                await last.enroll(self._code)
            except Rejected as error:
                assert "replaced" in error.sentence or "used already" in error.sentence  # noqa: PT017

    async def restart(self) -> None:
        if self.holder is not None:
            self.holder.start()

    async def rotate(self) -> None:
        if self.holder is not None:
            self._head.does("ask_rotation")
            self._now.forward(3600)

    async def killed(self) -> None:
        """In the middle of a rotation, after the server took the fresh key."""
        if self.holder is None or self.held_off:
            return
        await self.rotate()

        class Killed(BaseException):
            pass

        def kill(*_: Any) -> None:
            raise Killed

        with self._patch.context() as patch:
            patch.setattr("agent.link.tokens.Tokens._fresh_counts", kill)
            with contextlib.suppress(Killed, Away):
                await self.holder.asks()
        self.holder.start()

    async def revoke(self) -> None:
        with contextlib.suppress(Conflict):
            self._head.does("revoke")
        self.out += [one for one in (self.holder, self.waiting) if one is not None]
        self.holder = self.waiting = None
        self.held_off = False

    async def confirm(self) -> None:
        if self.waiting is not None:
            self._head.does("confirm")
            self.out.append(self.holder)
            self.holder, self.waiting, self.held_off = self.waiting, None, False

    async def withdraw(self) -> None:
        if self.waiting is not None:
            self._head.does("withdraw")
            self.out.append(self.waiting)
            self.waiting = None

    async def release(self) -> None:
        if self.held_off:
            self._head.does("release")
            self.held_off = False

    async def copy(self) -> None:
        """The disk is copied, both live for a while, and the copy is found and stopped."""
        if self.holder is None or self.held_off:
            return
        await lives(self.holder)
        copy = self.holder.copied(self.holder.home.with_name(f"copy-{next(NUMBERS)}"))
        await lives(copy)
        with pytest.raises(Rejected, match="Two programs"):
            await self.holder.asks()
        self.held_off = True

    async def check(self) -> None:
        if self.holder is not None and not self.held_off:
            await lives(self.holder)
        locked = [*self.out, self.waiting, self.holder if self.held_off else None]
        for one in [pc for pc in locked if pc is not None]:
            with pytest.raises(Rejected):
                await one.asks()


async def lives(pc: Any) -> None:
    """It is let in, if need be after it has begun other numbers."""
    try:
        assert (await pc.asks()).agent == "1001-pc"
    except Away as away:
        assert "other numbers" in away.sentence  # noqa: PT017
        assert (await pc.asks()).agent == "1001-pc"


@settings(max_examples=tries(8), suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.sampled_from(STEPS), max_size=12))
def test_nobody_rightful_is_locked_out_and_nobody_else_let_in(
    pc: Any, head: Any, now: Any, monkeypatch: pytest.MonkeyPatch, steps: list[str]
) -> None:
    async def play() -> None:
        told = Told(pc, head, now, monkeypatch)
        await told.revoke()  # what the example before left
        await told.enroll()
        for step in steps:
            await told.does(step)
            await told.check()

    asyncio.run(play())
