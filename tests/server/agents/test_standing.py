"""How an agent stands: never good while the server takes nothing from it, whatever health saw a moment ago."""

from collections.abc import Callable
from typing import Any

import pytest

from agent.link import Rejected
from server.agents.queries import standings
from server.clock import SetClock
from server.health.follower import Follower
from server.queries import Everything
from server.schemas import Standing
from server.storage.database import Database
from tests.server.health.conftest import START, Feed
from tests.server.health.test_follower import run

MakePc = Callable[[str], Any]


@pytest.fixture
async def front(pc: MakePc, head: Any, database: Database, bank: dict[str, int], now: SetClock) -> Any:
    """A PC that is enrolled, runs and was heard a moment ago."""
    made = pc("front")
    await made.enroll(head.code())
    await made.asks()
    feed = Feed(database, bank)
    feed.event("1001-pc", "start", (now() - START) / 1_000_000)
    feed.write()
    now.forward(2)
    run(Follower(database, now))
    assert head.sees().standing is Standing.GOOD
    return made


async def copied(front: Any, folder: Any) -> Any:
    copy = front.copied(folder / "copy")
    await copy.asks()
    with pytest.raises(Rejected):
        await front.asks()
    return copy


async def test_one_in_quarantine_is_a_fault_and_none_when_released(front: Any, head: Any, tmp_path: Any) -> None:
    await copied(front, tmp_path)
    assert head.sees().standing is Standing.FAULT
    head.does("release")
    assert head.sees().standing is Standing.UNKNOWN  # nobody was let in yet


async def test_one_that_was_revoked_is_not_good(front: Any, head: Any) -> None:
    head.does("revoke")
    assert head.sees().standing is Standing.UNKNOWN


async def test_one_whose_place_another_pc_wants_needs_attention(front: Any, head: Any, pc: MakePc) -> None:
    assert (await pc("back").enroll(head.code())).waiting
    assert head.sees().standing is Standing.ATTENTION


async def test_one_whose_token_ran_out_is_not_good(front: Any, head: Any, now: SetClock, database: Database) -> None:
    with database.read() as session:
        assert standings(session, Everything(), now())[Standing.GOOD] == 1
        assert standings(session, Everything(), now() + 3_600_000_000)[Standing.GOOD] == 0
