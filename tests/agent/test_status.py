"""What a running agent tells of itself."""

from pathlib import Path

import pytest

from agent.link.errors import NotServing
from agent.link.link import Link, open_line
from agent.link.trust import unproven
from agent.poll import Seen
from agent.spool.outbox import Outbox
from agent.spool.spool import LIMIT, Spool
from agent.status import Account, read_status
from agent.wire import DeviceWord, Reading
from tests.agent.conftest import FakeClocks

HOUR = 3_600_000_000


class Given:
    async def current(self) -> str:
        return "bfa_1"

    def drop(self, token: str) -> None: ...


class NoTokens:
    async def current(self) -> str:
        raise AssertionError("nobody is asked here")

    def drop(self, token: str) -> None: ...


@pytest.mark.parametrize("turned", [-3 * HOUR, 0, 9000 * HOUR])
async def test_what_is_an_hour_old_stays_so_whatever_the_wall_clock_is_set_to(
    tmp_path: Path, clocks: FakeClocks, turned: int
) -> None:
    """Set back, it made what was heard and seen look as if it were of now: `doctor` called it well."""
    outbox = Outbox(Spool(tmp_path / "spool.db", clocks), clocks, LIMIT, forget=lambda: None)
    async with open_line("http://127.0.0.1:1", unproven()) as line:
        account = Account(tmp_path, clocks, outbox, Link(line, NoTokens()), "1")
        account.saw("1001/a", Seen(Reading(device=DeviceWord.ONLINE)), clocks())
        account.answered()
        clocks.forward(3600)
        clocks.wall += turned
        await account.write()
    await outbox.close()
    status = read_status(tmp_path)
    assert status is not None
    assert {status.at.wall - one for one in (status.started, status.answered, status.looked["1001/a"].at)} == {HOUR}


async def test_a_server_that_never_answered_is_told_as_such(tmp_path: Path, clocks: FakeClocks) -> None:
    outbox = Outbox(Spool(tmp_path / "spool.db", clocks), clocks, LIMIT, forget=lambda: None)
    async with open_line("http://127.0.0.1:1", unproven()) as line:
        await Account(tmp_path, clocks, outbox, Link(line, NoTokens()), "1").write()
    await outbox.close()
    status = read_status(tmp_path)
    assert status is not None
    assert status.answered == 0


async def test_why_there_is_no_answer_is_told_with_the_time_it_was_found(tmp_path: Path, clocks: FakeClocks) -> None:
    outbox = Outbox(Spool(tmp_path / "spool.db", clocks), clocks, LIMIT, forget=lambda: None)
    async with open_line("http://127.0.0.1:1", unproven()) as line:
        link = Link(line, Given())
        account = Account(tmp_path, clocks, outbox, link, "1")
        with pytest.raises(NotServing):
            await link.assignment()
        clocks.forward(40)
        await account.write()
    await outbox.close()
    status = read_status(tmp_path)
    assert status is not None
    assert status.trouble is not None
    assert status.trouble.kind == "NotServing"
    assert status.at.wall - status.trouble.at == 40_000_000
