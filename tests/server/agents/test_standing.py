"""How an agent stands: never good while the server takes nothing from it, whatever health saw a moment ago."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import select

from agent.link import Rejected
from server.agents.queries import standings
from server.clock import SetClock
from server.health.follower import Follower
from server.health.queries import page
from server.queries import Everything
from server.schemas import Fault, Standing
from server.storage.database import Database
from server.tickets.tables import Ticket
from tests.server.health.conftest import START, Feed
from tests.server.health.test_follower import run

MakePc = Callable[[str], Any]


@pytest.fixture
def follower(database: Database, now: SetClock) -> Follower:
    return Follower(database, now)


@pytest.fixture
async def front(
    pc: MakePc, head: Any, follower: Follower, database: Database, bank: dict[str, int], now: SetClock
) -> Any:
    """A PC that is enrolled, runs and was heard a moment ago."""
    made = pc("front")
    await made.enroll(head.code())
    await made.asks()
    feed = Feed(database, bank)
    feed.event("1001-pc", "start", (now() - START) / 1_000_000)
    feed.write()
    now.forward(2)
    run(follower)
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


async def test_silence_in_a_quarantine_says_so_and_sends_nobody_to_the_network(
    front: Any, head: Any, tmp_path: Any, follower: Follower, database: Database, now: SetClock
) -> None:
    await copied(front, tmp_path)
    now.forward(400)
    run(follower)
    assert silence(database, now) == ("已隔离", "(已隔离)", Fault.SOFTWARE)


async def test_silence_of_one_revoked_says_so(
    front: Any, head: Any, follower: Follower, database: Database, now: SetClock
) -> None:
    head.does("revoke")
    now.forward(400)
    run(follower)
    assert silence(database, now) == ("已吊销", "(已吊销)", Fault.SOFTWARE)


async def test_silence_while_another_pc_waits_says_so(
    front: Any, head: Any, pc: MakePc, follower: Follower, database: Database, now: SetClock
) -> None:
    await pc("back").enroll(head.code())
    now.forward(400)
    run(follower)
    assert silence(database, now) == ("待确认", "(待确认)", Fault.SOFTWARE)


async def test_silence_of_one_that_is_let_in_is_the_networks(
    front: Any, follower: Follower, database: Database, now: SetClock
) -> None:
    now.forward(400)
    run(follower)
    assert silence(database, now) == ("原因不明", "采集程序离线", Fault.NETWORK)


def silence(database: Database, now: SetClock) -> tuple[str, str, Fault]:
    """Of the one condition: its cause; of its ticket: the last word of its title, and its class."""
    with database.read() as session:
        [condition] = page(session, Everything(), lang="zh", now=now(), open_=True).rows
        ticket = session.exec(select(Ticket)).one()
        return condition.cause, ticket.title.split()[-1], Fault(ticket.fault)


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
