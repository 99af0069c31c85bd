"""What a named person said on the telephone explains a silent branch, until something says otherwise."""

from typing import Any

import pytest
from sqlmodel import select

from server.agents.tables import KeptOut
from server.clock import SetClock
from server.entries.deeds import answer
from server.entries.queries import not_shown
from server.entries.tables import AnswerRow
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.health.follower import Follower
from server.health.queries import page
from server.ingest.tables import AgentSeen
from server.journal.deeds import Act
from server.places import branches
from server.places.positions import rows_of
from server.queries import Everything
from server.schemas.agents import IdentityStanding
from server.schemas.entries import Answer
from server.schemas.people import Role
from server.storage.database import Database
from server.texts import gettext_for
from tests.server.health.test_follower import LINE, PRINTER, run

SECOND = 1_000_000


class Head(Everything):
    role = Role.HEAD


class Auditor(Everything):
    role = Role.AUDITOR


@pytest.fixture
def follower(database: Database, now: SetClock) -> Follower:
    return Follower(database, now)


@pytest.fixture
def silent(feed: Any, follower: Follower, now: SetClock) -> Any:
    """The PC of 1001 told of its printer once, and is not heard since."""
    feed.state("1001-pc", PRINTER, 0)
    feed.write()
    run(follower)
    now.forward(400)
    run(follower)
    return feed


def tell(database: Database, now: SetClock, said: Answer, branch: str = "1001", who: Any = None) -> None:
    with database.write() as session:
        answer(session, Act("王某", "api", now()), who or Head(), branch=branch, said=said, text="")


def causes(database: Database, now: SetClock) -> dict[str, str]:
    with database.read() as session:
        rows = page(session, Everything(), lang="zh", now=now(), open_=True).rows
        return {row.subject: row.cause for row in rows}


def test_an_answer_is_the_cause_of_a_silence_with_the_name_of_who_said_it(
    database: Database, silent: Any, now: SetClock
) -> None:
    assert causes(database, now) == {"1001-pc": "原因不明"}
    tell(database, now, Answer.POWER)
    assert causes(database, now) == {"1001-pc": "停电（王某 电话告知）"}
    now.forward(60)
    tell(database, now, Answer.CLOSED)  # whoever calls later knows better
    assert causes(database, now) == {"1001-pc": "已关机（王某 电话告知）"}


def test_an_answer_says_nothing_of_another_branch_or_of_a_silence_long_after(
    database: Database, silent: Any, now: SetClock
) -> None:
    tell(database, now, Answer.POWER, "1002")
    assert causes(database, now) == {"1001-pc": "原因不明"}


def test_an_answer_is_undone_once_the_branch_is_heard(
    database: Database, silent: Any, now: SetClock, bank: dict[str, int]
) -> None:
    tell(database, now, Answer.CLOSED)
    with database.write() as session:
        session.add(AgentSeen(agent_id=bank["1001-pc"], at=now() + SECOND))
    assert causes(database, now) == {"1001-pc": "原因不明"}


def test_a_line_that_is_seen_to_be_well_undoes_that_it_was_cut(
    database: Database, silent: Any, follower: Follower, now: SetClock
) -> None:
    tell(database, now, Answer.LINE)
    assert causes(database, now)["1001-pc"] == "断线（王某 电话告知）"
    silent.state("centre", LINE, 430)
    silent.write()
    now.forward(30)
    run(follower)
    assert "王某" not in causes(database, now)["1001-pc"]


def test_a_fault_that_is_no_silence_is_not_explained_by_the_telephone(
    database: Database, feed: Any, follower: Follower, now: SetClock
) -> None:
    feed.state("1001-pc", PRINTER, 0, parts={"paper": "out"})
    feed.write()
    now.forward(62)
    run(follower)
    tell(database, now, Answer.POWER)
    assert causes(database, now) == {PRINTER: ""}


def test_nothing_is_noted_of_a_branch_whose_agent_is_heard_and_it_says_since_when(
    database: Database, bank: dict[str, int], feed: Any, follower: Follower, now: SetClock
) -> None:
    feed.state("1001-pc", PRINTER, 0)
    feed.hold("1001-pc", [PRINTER], 60)
    feed.write()
    now.forward(70)
    with database.write() as session:
        session.add(AgentSeen(agent_id=bank["1001-pc"], at=now() - 10 * SECOND))
    run(follower)
    with pytest.raises(Conflict) as refused:
        tell(database, now, Answer.POWER)
    assert refused.value.say(gettext_for("zh")) == (
        "未登记：网点 1001 没有失联。采集程序 1001-pc 自 2026-11-04 12:00 起一直有数据，"
        "最近一次在 10 秒前。以后失联了请再登记。"
    )
    assert noted(database) == 0
    tell(database, now, Answer.POWER, "1002")  # no agent stands there
    now.forward(81)
    tell(database, now, Answer.POWER)  # it may be silent already, and the server does not say so yet
    assert noted(database) == 2


def test_of_a_branch_that_was_never_heard_it_stands_beside_its_devices(
    database: Database, feed: Any, follower: Follower, now: SetClock, bank: dict[str, int]
) -> None:
    def shown() -> tuple[str, str]:
        with database.read() as session:
            position = rows_of(session, [bank[PRINTER]], "zh", now())[0]
            return position.detail, branches.one(session, Everything(), "1001", "zh", now()).worst

    assert shown() == ("从未上报", "")
    tell(database, now, Answer.LINE)
    tell(database, now, Answer.POWER)
    assert shown() == ("从未上报；2026-11-04 12:00 停电（王某 电话告知）",) * 2
    now.forward(60)
    with database.write() as session:
        session.add(AgentSeen(agent_id=bank["1001-pc"], at=now()))
    assert shown() == ("从未上报", "")


def test_of_an_agent_that_is_held_off_it_is_said_where_the_answer_is_not_shown(
    database: Database, silent: Any, now: SetClock, bank: dict[str, int]
) -> None:
    with database.write() as session:
        assert not_shown(session, bank["1001"], "zh") == ""
        session.add(KeptOut(agent_id=bank["1001-pc"], why=IdentityStanding.REVOKED, start=now()))
    tell(database, now, Answer.CLOSED)
    assert causes(database, now) == {"1001-pc": "已吊销"}
    with database.read() as session:
        assert not_shown(session, bank["1001"], "zh").startswith("服务器不接收采集程序 1001-pc（已吊销）")
        assert not_shown(session, bank["1002"], "zh") == ""


def test_what_was_said_is_refused_where_it_was_cut(database: Database, silent: Any, now: SetClock) -> None:
    with database.write() as session, pytest.raises(Invalid, match="500"):
        answer(session, Act("王某", "api", now()), Head(), branch="1001", said=Answer.POWER, text="长" * 501)


@pytest.mark.parametrize("how", ["goodbye", "quarantine"])
def test_an_agent_that_ended_or_is_held_off_is_not_heard(
    how: str, database: Database, bank: dict[str, int], feed: Any, follower: Follower, now: SetClock
) -> None:
    feed.state("1001-pc", PRINTER, 0)
    if how == "goodbye":
        feed.event("1001-pc", "goodbye", 1)
    feed.write()
    now.forward(2)
    run(follower)
    with database.write() as session:
        session.add(AgentSeen(agent_id=bank["1001-pc"], at=now()))
        if how == "quarantine":
            session.add(KeptOut(agent_id=bank["1001-pc"], why=IdentityStanding.QUARANTINED, start=now()))
    tell(database, now, Answer.CLOSED)
    assert noted(database) == 1


def noted(database: Database) -> int:
    with database.read() as session:
        return len(session.exec(select(AnswerRow)).all())


def test_auditors_and_strangers_tell_nothing(database: Database, bank: dict[str, int], now: SetClock) -> None:
    with pytest.raises(Forbidden):
        tell(database, now, Answer.POWER, who=Auditor())
    with pytest.raises(NotFound):
        tell(database, now, Answer.POWER, "9999")
