"""How long an agent waits after a failure, and what ends the wait."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from agent.link.backoff import Backoff
from agent.link.errors import Away, Elsewhere, NotTaken, Rejected, Unable
from agent.spool.tables import SpoolFull


class Door:
    """Opens at the look of that number; 0: never."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.looks = 0

    async def opens(self) -> bool:
        self.looks += 1
        return self.looks == self.at


def most(asked: float) -> float:
    return asked


def test_the_wait_doubles_up_to_a_minute_with_full_jitter() -> None:
    asked: list[float] = []

    def jitter(most: float) -> float:
        asked.append(most)
        return 0.0

    backoff = Backoff(Door().opens, jitter)
    assert [backoff.wait_after(Away("gone")) for _ in range(9)] == [0.0] * 9
    assert asked == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    backoff.succeeded()
    backoff.wait_after(Away("gone"))
    assert asked[-1] == 1


def test_each_trouble_has_its_wait() -> None:
    backoff = Backoff(Door().opens, most)
    assert backoff.wait_after(Rejected("no", unknown=False)) == 300
    assert backoff.wait_after(NotTaken("no", judged=True)) == 300
    assert backoff.wait_after(Elsewhere("no")) == 1
    assert backoff.wait_after(SpoolFull("no")) == 2
    assert backoff.wait_after(Away("no", wait=30)) == 34


def test_who_waits_to_be_confirmed_asks_again_soon_for_half_an_hour_and_then_as_any_who_is_not_let_in() -> None:
    backoff = Backoff(Door().opens, most)
    waiting = Rejected("not confirmed yet", unknown=False, reason="waiting")
    waits = [backoff.wait_after(waiting) for _ in range(100)]
    assert (waits[0], waits[-1], set(waits)) == (30, 300, {30, 300})
    assert 15 * waits.count(30) <= 3600 / 2 <= 30 * waits.count(30)  # with any jitter
    assert backoff.wait_after(Rejected("two speak", unknown=False, reason="quarantine")) == 300
    backoff.succeeded()
    assert backoff.wait_after(waiting) == 30
    assert Backoff(Door().opens, lambda _: 0.0).wait_after(waiting) == 15


@pytest.mark.parametrize("error", [Away("no answer"), Elsewhere("a portal")])
async def test_where_nobody_answered_the_wait_ends_when_the_server_is_there(
    error: Away | Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.link.backoff.FIRST_WAIT", 3600.0)
    monkeypatch.setattr("agent.link.backoff.LONGEST_WAIT", 3600.0)
    monkeypatch.setattr("agent.link.backoff.KNOCK_SECONDS", 0.0)
    door = Door(3)
    await Backoff(door.opens, lambda asked: asked).rest(error)
    assert door.looks == 3


async def test_a_server_that_answered_is_left_alone_as_long_as_it_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.link.backoff.FIRST_WAIT", 0.01)
    monkeypatch.setattr("agent.link.backoff.KNOCK_SECONDS", 0.0)
    door = Door(1)
    backoff = Backoff(door.opens, most)
    await backoff.rest(Unable("busy"))
    await backoff.rest(SpoolFull("full"))
    assert door.looks == 0


@dataclass
class Loop:
    """An event loop's time, which passes where somebody waits."""

    now: float = 0.0
    looks: list[float] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def hangs(self) -> bool:
        """A look over a line that swallows."""
        self.looks.append(self.now)
        self.now += 6.0
        return len(self.looks) == 3


async def test_after_a_look_that_hung_nobody_waits_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop()
    monkeypatch.setattr("agent.link.backoff.asyncio", SimpleNamespace(get_running_loop=lambda: loop, sleep=loop.sleep))
    monkeypatch.setattr("agent.link.backoff.FIRST_WAIT", 60.0)
    await Backoff(loop.hangs, lambda asked: asked / 2).rest(Away("no answer"))
    assert loop.looks == [5.0, 11.0, 17.0]
