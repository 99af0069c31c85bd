"""What the drivers of an agent share is made once, and a poll that ends early spoils it for nobody."""

import asyncio
from typing import ClassVar, Self

import pytest

from drivers.base import Shared


class Line:
    """Takes until `made` is set to be made; fails while `broken`."""

    made: ClassVar[asyncio.Event]
    broken: ClassVar[bool] = False
    starts: ClassVar[int] = 0
    closed: ClassVar[int] = 0

    @classmethod
    async def start(cls) -> Self:
        cls.starts += 1
        await cls.made.wait()
        if cls.broken:
            raise OSError("there is no line")
        return cls()

    async def close(self) -> None:
        type(self).closed += 1


@pytest.fixture(autouse=True)
async def line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Line, "made", asyncio.Event(), raising=False)
    for name in ("starts", "closed"):
        monkeypatch.setattr(Line, name, 0)


async def test_a_poll_that_is_cancelled_leaves_the_others_what_they_wait_for() -> None:
    shared = Shared()
    first, second = (asyncio.create_task(shared.get(Line)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    Line.made.set()
    assert await second is await shared.get(Line)
    await shared.close()
    assert (Line.starts, Line.closed) == (1, 1)


async def test_what_could_not_be_made_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = Shared()
    Line.made.set()
    monkeypatch.setattr(Line, "broken", True)
    with pytest.raises(OSError, match="no line"):
        await shared.get(Line)
    monkeypatch.setattr(Line, "broken", False)
    assert isinstance(await shared.get(Line), Line)
    await shared.close()
    assert (Line.starts, Line.closed) == (2, 1)


async def test_closing_asks_nothing_of_what_was_never_made(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = Shared()
    Line.made.set()
    monkeypatch.setattr(Line, "broken", True)
    with pytest.raises(OSError, match="no line"):
        await shared.get(Line)
    await shared.close()
    assert Line.closed == 0
