"""An agent stays who it is through a restored server, a kill at the worst moment, and what says 401 on the way."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlmodel import SQLModel, select

from agent.link.errors import Away, Rejected
from agent.link.identity import Earlier, keep_identity, last_instances, new_key
from agent.link.tokens import Tokens
from server.agents import granting
from server.agents.tables import AgentIdentity, AgentInstance, AgentKey, AgentToken
from server.backup.restore import begin_epoch
from server.clock import SetClock
from server.inventory.tables import Subject
from server.schemas.agents import IdentityStanding
from server.storage.database import Database
from tests.server.agents.test_identity import refused

MakePc = Callable[[str], Any]
Backup = dict[type[SQLModel], list[dict[str, Any]]]
HOUR = 3600
TABLES: tuple[type[SQLModel], ...] = (AgentKey, AgentIdentity, AgentInstance, AgentToken)


def kept(database: Database) -> Backup:
    """What a backup of this moment knows of who agents are."""
    with database.read() as session:
        return {table: [row.model_dump() for row in session.exec(select(table)).all()] for table in TABLES}


def put_back(database: Database, backup: Backup) -> None:
    with database.write() as session:
        for table in TABLES:
            for row in session.exec(select(table)).all():
                session.delete(row)
        session.flush()
        for table, rows in backup.items():
            session.add_all(table(**row) for row in rows)


def restored(database: Database, backup: Backup, now: SetClock) -> None:
    put_back(database, backup)
    with database.write() as session:
        begin_epoch(session, now())


async def test_a_server_restored_from_before_a_rotation_has_the_agent_again(
    front: Any, head: Any, database: Database, now: SetClock
) -> None:
    """Twice rotated, and the backup is older than both: the key it knows puts the newest in its place."""
    backup = kept(database)
    for _ in range(2):
        head.does("ask_rotation")
        now.forward(HOUR)
        await front.asks()
    newest = front.identity.key
    put_back(database, backup)
    assert (await front.asks()).agent == "1001-pc"
    assert front.identity.key == newest
    assert head.sees().identity is IdentityStanding.ENROLLED
    front.start()
    await front.asks()


async def test_a_copy_that_comes_first_after_a_restore_goes_on_in_another_stream(
    pc: MakePc, head: Any, database: Database, now: SetClock, tmp_path: Any
) -> None:
    """The backup knows the process whose home was copied, and not what that one said since."""
    front = pc("front")
    await front.enroll(head.code())
    await front.asks()
    backup = kept(database)
    copy = front.copied(tmp_path / "copy")
    now.forward(60)
    await front.asks()
    restored(database, backup, now)
    with pytest.raises(Away, match="other numbers"):
        await copy.asks()
    assert copy.streams == 1
    await refused(front.asks(), "Two programs")
    assert head.sees().identity is IdentityStanding.QUARANTINED


async def test_a_process_that_lived_through_a_restore_goes_on_and_so_do_those_after_it(
    pc: MakePc, head: Any, database: Database, now: SetClock
) -> None:
    front = pc("front")
    await front.enroll(head.code())
    await front.asks()
    backup = kept(database)
    now.forward(60)
    restored(database, backup, now)
    now.forward(2 * HOUR)
    await front.asks()
    front.start()
    await front.asks()
    assert front.streams == 0


async def test_one_that_starts_without_end_is_not_remembered_without_end(
    pc: MakePc, head: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(granting, "INSTANCES_KEPT", 3)
    front = pc("front")
    await front.enroll(head.code())
    for _ in range(12):
        front.start()
        await front.asks()
    with database.read() as session:
        assert len(session.exec(select(AgentInstance)).all()) <= 5
    assert front.streams == 0


async def test_keys_before_this_one_are_kept_as_long_as_records_are(pc: MakePc, head: Any, now: SetClock) -> None:
    front = pc("front")
    await front.enroll(head.code())
    first = front.identity.key
    head.does("ask_rotation")
    await front.asks()
    now.forward(6 * 24 * HOUR)
    await front.asks()
    assert [one.key for one in front.identity.earlier] == [first]
    now.forward(25 * HOUR)
    await front.asks()
    assert front.identity.earlier == ()


async def test_something_that_says_401_in_the_servers_name_makes_no_copy_of_an_honest_agent(
    pc: MakePc, head: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy lets nobody in for one question, so the agent tries its earlier key, which the server knows as old."""
    front = pc("front")
    await front.enroll(head.code())
    head.does("ask_rotation")
    await front.asks()
    assert front.identity.earlier
    front.start()
    said: list[str] = []

    async def grant(self: Tokens, key: bytes) -> Any:
        if not said:
            said.append("401")
            raise Rejected("a proxy says no", unknown=True)
        return await real(self, key)

    real = Tokens._grant
    monkeypatch.setattr(Tokens, "_grant", grant)
    assert (await front.asks()).agent == "1001-pc"
    assert said == ["401"]
    assert head.sees().identity is IdentityStanding.ENROLLED


async def test_an_old_key_alone_or_with_a_strangers_is_still_a_copys(
    front: Any, head: Any, now: SetClock, tmp_path: Any
) -> None:
    image = front.copied(tmp_path / "image")
    head.does("ask_rotation")
    now.forward(HOUR)
    await front.asks()
    thief = msgspec.structs.replace(image.identity, key=new_key(), earlier=(Earlier(image.identity.key, 1 << 62),))
    keep_identity(image.home, thief)
    await refused(image.asks(), "Two programs")
    assert head.sees().identity is IdentityStanding.QUARANTINED


@pytest.mark.parametrize("kills", [1, 3])
async def test_a_kill_between_the_servers_answer_and_the_disk_is_no_copy(
    front: Any, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    class Killed(BaseException):
        pass

    async def killed(*_: Any) -> None:
        await real(*_)
        raise Killed

    real = Tokens._by_any_key
    with monkeypatch.context() as patch:
        patch.setattr(Tokens, "_by_any_key", killed)
        for _ in range(kills):
            front.start()
            with pytest.raises(Killed):
                await front.asks()
    front.start()
    assert (await front.asks()).agent == "1001-pc"
    assert front.streams == 0


async def test_starts_that_never_reached_the_server_are_no_names_to_come_after(front: Any) -> None:
    before = last_instances(front.home)
    front.cut = True
    for _ in range(3):
        front.start()
        with pytest.raises(Away):
            await front.asks()
    assert last_instances(front.home) == before


async def test_a_quarantine_is_one_line_at_the_server_and_its_end_one_at_the_agent(
    front: Any, head: Any, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    copy = front.copied(tmp_path / "copy")
    await copy.asks()
    caplog.set_level("INFO")
    await refused(front.asks(), "Two programs")
    await refused(front.asks(), "Two programs")
    told = [one.getMessage() for one in caplog.records if one.name.startswith("server.agents")]
    assert len(told) == 1
    assert "Agent 1001-pc is in quarantine: two programs speak with its key" in told[0]
    assert front.kept_out() == "quarantine"
    head.does("release")
    with pytest.raises(Away, match="other numbers"):
        await front.asks()
    await front.asks()
    await front.asks()
    again = [one.getMessage() for one in caplog.records if "again" in one.getMessage()]
    assert again == ["The server http://server lets this agent in again."]
    assert front.kept_out() == ""


@pytest.mark.parametrize("step", ["revoke", "confirm", "removed", "unknown"])
async def test_an_agent_is_told_by_a_word_why_it_is_kept_out(
    pc: MakePc, head: Any, database: Database, bank: dict[str, int], now: SetClock, step: str
) -> None:
    front, other = pc("front"), pc("other")
    await front.enroll(head.code())
    backup = kept(database)
    await other.enroll(head.code())
    with pytest.raises(Rejected):
        await other.asks()
    assert other.kept_out() == "waiting"
    if step in ("revoke", "confirm"):
        head.does(step)
    elif step == "removed":
        with database.write() as session:
            session.get_one(Subject, bank["1001-pc"]).removed_at = now()
    else:
        put_back(database, backup)
        await refused(other.asks(), "does not know this key")
        assert other.kept_out() == "unknown"
        return
    with pytest.raises(Rejected):
        await front.asks()
    assert front.kept_out() == {"revoke": "revoked", "confirm": "replaced", "removed": "removed"}[step]
