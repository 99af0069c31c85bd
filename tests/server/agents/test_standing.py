"""How an agent stands: never good while the server takes nothing from it, whatever health saw a moment ago."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import col, select

from agent.link.errors import Rejected
from server.agents.queries import standings
from server.clock import SetClock
from server.entries.deeds import answer
from server.health.follower import Follower
from server.health.queries import page
from server.journal.deeds import Act
from server.queries import Everything
from server.schemas.conditions import ConditionOut
from server.schemas.entries import Answer
from server.schemas.people import Role
from server.schemas.standing import Standing
from server.schemas.tickets import Fault
from server.storage.database import Database
from server.tickets.tables import Ticket, TicketNote
from tests.server.health.conftest import START, Feed
from tests.server.health.test_answers import Head as HeadOffice
from tests.server.health.test_follower import LINE, run

MakePc = Callable[[str], Any]


@pytest.fixture
def follower(database: Database, now: SetClock) -> Follower:
    return Follower(database, now)


@pytest.fixture
def feed(database: Database, bank: dict[str, int]) -> Feed:
    return Feed(database, bank)


@pytest.fixture
async def front(pc: MakePc, head: Any, feed: Feed, follower: Follower, now: SetClock) -> Any:
    """A PC that is enrolled, runs and was heard a moment ago."""
    made = pc("front")
    await made.enroll(head.code())
    await made.asks()
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


async def test_a_quarantine_explains_a_silence_that_was_there_before_and_only_while_it_lasts(
    front: Any, head: Any, tmp_path: Any, follower: Follower, database: Database, now: SetClock
) -> None:
    now.forward(400)
    run(follower)
    assert silence(database, now) == ("原因不明", "采集程序离线", Fault.NETWORK)
    await copied(front, tmp_path)
    assert silence(database, now) == ("已隔离", "(已隔离)", Fault.SOFTWARE)
    head.does("release")
    assert silence(database, now) == ("原因不明", "采集程序离线", Fault.NETWORK)
    with database.read() as session:
        notes = session.exec(select(TicketNote.text).order_by(col(TicketNote.id))).all()
        assert notes == ["离线原因：已隔离", "离线原因不再是：已隔离"]


@pytest.mark.parametrize(("after", "cause"), [(300, "已隔离"), (3600, "原因不明")])
async def test_a_silence_that_is_over_says_what_explained_it_until_the_agent_came_back(
    after: int,
    cause: str,
    front: Any,
    head: Any,
    tmp_path: Any,
    feed: Feed,
    follower: Follower,
    database: Database,
    now: SetClock,
) -> None:
    await copied(front, tmp_path)
    now.forward(400)
    run(follower)
    head.does("release")
    now.forward(after)
    feed.event("1001-pc", "start", (now() - START) / 1_000_000)
    feed.write()
    now.forward(2)
    run(follower)
    with database.read() as session:
        [condition] = page(session, Everything(), lang="zh", now=now()).rows
    assert (condition.cause, condition.closed_at is not None) == (cause, True)


async def test_a_code_that_is_out_lets_nobody_in(
    front: Any, head: Any, pc: MakePc, follower: Follower, database: Database, now: SetClock
) -> None:
    head.does("revoke")
    now.forward(400)
    run(follower)
    code = head.code()
    assert silence(database, now)[0] == "已吊销"
    await pc("back").enroll(code)
    assert silence(database, now)[0] == "原因不明"


@pytest.mark.parametrize("step", ["revoke", "copy", "wait"])
async def test_what_the_server_knows_goes_before_what_was_said_on_the_telephone(
    step: str, front: Any, head: Any, pc: MakePc, tmp_path: Any, follower: Follower, database: Database, now: SetClock
) -> None:
    now.forward(400)
    run(follower)
    with database.write() as session:
        answer(session, Act("王某", "api", now()), HeadOffice(), branch="1001", said=Answer.POWER, text="")
    assert silence(database, now)[0] == "停电（王某 电话告知）"
    match step:
        case "revoke":
            head.does("revoke")
        case "copy":
            await copied(front, tmp_path)
        case "wait":
            await pc("back").enroll(head.code())
    assert silence(database, now)[0] == {"revoke": "已吊销", "copy": "已隔离", "wait": "待确认"}[step]


async def test_a_line_that_is_down_explains_a_silence_unless_the_agent_is_held_off(
    front: Any, head: Any, pc: MakePc, feed: Feed, follower: Follower, database: Database, now: SetClock
) -> None:
    at = (now() - START) / 1_000_000
    feed.state("centre", LINE, at + 30, "offline", failure="unreachable")
    feed.write()
    now.forward(400)
    run(follower)
    await pc("back").enroll(head.code())
    assert of_agent(database, now).cause == "线路中断"
    head.does("revoke")
    assert of_agent(database, now).cause == "已吊销"


async def test_the_card_of_one_that_is_not_let_in_sends_to_head_office_and_not_to_the_cable(
    front: Any, head: Any, tmp_path: Any, pc: MakePc, follower: Follower, database: Database, now: SetClock
) -> None:
    now.forward(400)
    run(follower)
    usual = of_agent(database, now).fix_card
    await pc("back").enroll(head.code())
    waiting = of_agent(database, now).fix_card
    head.does("withdraw")
    assert of_agent(database, now).fix_card == usual
    await copied(front, tmp_path)
    quarantined = of_agent(database, now).fix_card
    head.does("revoke")
    revoked = of_agent(database, now).fix_card
    assert [card[0].partition("，")[0] for card in (waiting, quarantined, revoked)] == [
        "打电话给总行科技：采集程序待确认",
        "打电话给总行科技：采集程序已隔离",
        "打电话给总行科技：采集程序已吊销",
    ]
    assert "按 5 解除隔离" in quarantined[2]


def of_agent(database: Database, now: SetClock) -> ConditionOut:
    with database.read() as session:
        rows = page(session, Everything(), lang="zh", now=now(), open_=True).rows
        return next(row for row in rows if row.subject == "1001-pc")


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


async def test_head_office_sees_at_home_who_waits_to_be_confirmed_and_who_is_in_quarantine(
    front: Any, head: Any, pc: MakePc, tmp_path: Any, sign_in: Any
) -> None:
    client = sign_in(Role.HEAD)

    def undecided() -> dict[str, tuple[str, str, str]]:
        figures = client.get("/api/home").json()["figures"]
        wanted = ("waiting", "quarantined")
        return {one["key"]: (one["value"], one["level"], one["opens"]) for one in figures if one["key"] in wanted}

    assert undecided() == {}
    await pc("back").enroll(head.code())
    assert undecided() == {"waiting": ("1", "attention", "agents?identity=waiting")}
    await copied(front, tmp_path)
    assert undecided() == {"quarantined": ("1", "fault", "agents?identity=quarantined")}
    head.does("revoke")
    assert undecided() == {}


async def test_an_agent_that_is_a_fault_says_what_is_wrong_with_it_and_why(
    front: Any, head: Any, tmp_path: Any, follower: Follower, now: SetClock, sign_in: Any
) -> None:
    assert head.sees().problems == []
    now.forward(400)
    run(follower)
    assert [(one.rule, one.title, one.cause) for one in head.sees().problems] == [
        ("agent.silent", "采集程序离线", "原因不明")
    ]
    await copied(front, tmp_path)
    listed = {one["key"]: one["problems"] for one in sign_in(Role.HEAD, lang="zh").get("/api/agents").json()}
    assert [one["cause"] for one in listed["1001-pc"]] == ["已隔离"]
    assert listed["centre"] == []
