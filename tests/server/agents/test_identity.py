"""Who may speak as an agent: one PC at a time, the one a person let in, and nobody from the moment it is revoked."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sqlmodel import select

from agent.exit import Exit, Trouble
from agent.link.errors import Away, Rejected
from agent.link.identity import LAST, load_identity
from agent.wire import Assignment
from server.agents.limits import Limits
from server.agents.tables import AgentCode, AgentKey, AgentToken
from server.clock import SetClock
from server.errors import Conflict, NotFound, Told
from server.journal.tables import JournalRow
from server.schemas.agents import IdentityStanding
from server.storage.database import Database
from tests.in_process import InProcess

MakePc = Callable[[str], Any]
HOUR = 3600


async def refused(asking: Any, *words: str) -> None:
    with pytest.raises(Rejected) as raised:
        await asking
    for word in words:
        assert word in raised.value.sentence


def deeds_of(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.exec(select(JournalRow.deed).order_by(JournalRow.seq)).all())  # type: ignore[arg-type]


async def test_a_pc_enrols_with_a_code_and_is_told_what_to_poll(pc: MakePc, head: Any, database: Database) -> None:
    front = pc("front")
    assert head.sees().identity is IdentityStanding.NONE
    code = head.code()
    assert head.sees().identity is IdentityStanding.CODE
    assert (await front.enroll(code)).agent == "1001-pc"
    assert head.sees().identity is IdentityStanding.ENROLLED
    assert (await front.asks()).agent == "1001-pc"
    assert (front.home / "identity.json").stat().st_mode & 0o777 == 0o600
    assert front.streams == 0
    assert deeds_of(database) == ["agent.code", "agent.enroll"]
    assert [speaker.what for speaker in head.sees().speakers] == ["key", "program"]


async def test_a_code_is_good_once_and_says_what_became_of_it(pc: MakePc, head: Any, now: SetClock) -> None:
    code = head.code()
    await pc("front").enroll(code)
    await refused(pc("other").enroll(code), "used already")
    early = head.code("centre", branch="0001", hours=1)
    late = head.code("centre", branch="0001", hours=1)
    await refused(pc("other").enroll(early), "withdrawn or replaced")
    now.forward(HOUR)
    await refused(pc("other").enroll(late), "expired")
    gone = head.code("centre", branch="0001")
    head.does("withdraw", "centre")
    await refused(pc("other").enroll(gone), "withdrawn")


async def test_the_secret_of_a_code_is_in_no_row_and_no_journal(database: Database, head: Any) -> None:
    code = head.code()
    with database.read() as session:
        rows = [str(row) for table in (AgentCode, JournalRow) for row in session.exec(select(table)).all()]
    secret = code.replace("-", "")[4:]
    assert not any(secret in row.replace("-", "") or secret[:6] in row for row in rows)


async def test_the_same_command_again_is_answered_again(pc: MakePc, head: Any, database: Database) -> None:
    front, code = pc("front"), head.code()
    first = await front.enroll(code)
    key = front.identity.key
    assert await front.enroll(code) == first
    assert front.identity.key == key
    assert deeds_of(database).count("agent.enroll") == 1


@pytest.mark.parametrize("lost", ["identity.json", "answer"])
async def test_an_enrolment_that_ended_half_way_is_finished_by_the_same_command(
    pc: MakePc, head: Any, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """Ended after the server took the key: its answer never came, or the folder never got the identity."""
    front, code = pc("front"), head.code()

    def cut(*_: Any) -> None:
        raise Away("the line was cut")

    place = "agent.link.enroll.keep_identity" if lost == "identity.json" else "agent.link.enroll.last_instances"
    (front.home / "spool.db").touch()  # numbered by somebody else
    with monkeypatch.context() as patch:
        patch.setattr(place, cut)
        with pytest.raises(Away):
            await front.enroll(code)
    assert not (front.home / "identity.json").exists()
    assert head.sees().identity is IdentityStanding.ENROLLED
    assert not (await front.enroll(code)).waiting
    with pytest.raises(Away, match="other numbers"):
        await front.asks()
    assert (await front.asks()).agent == "1001-pc"
    assert not (front.home / "enrolling.json").exists()


async def test_ten_wrong_tries_void_a_code(pc: MakePc, head: Any, database: Database) -> None:
    from agent.link.identity import new_key, public_of, sign
    from agent.link.link import Line
    from agent.link.tokens import post
    from agent.proof import Code, enrollment_message, enrollment_proof, read_code
    from agent.wire import Enrollment, EnrollmentAsk

    code = read_code(head.code())
    guess = Code(code.id, code.secret[::-1])
    key = new_key()
    ask = EnrollmentAsk(
        code=code.id,
        public_key=public_of(key),
        host="h",
        system="s",
        proof=enrollment_proof(guess, public_of(key), "h", "s"),
        signature=sign(key, enrollment_message(code.id, public_of(key))),
    )
    front = pc("front")
    async with front._client() as client:
        for left in range(9, -1, -1):
            await refused(
                post(Line(InProcess(client), "http://server"), "/api/agent/enrollment", ask, Enrollment),
                f"left: {left}",
            )
    await refused(front.enroll(code), "void")
    assert deeds_of(database)[-1] == "agent.code-voided"


async def test_a_server_that_does_not_know_the_code_is_pinned_by_nobody(pc: MakePc, head: Any) -> None:
    from agent.proof import Code, read_code

    code = read_code(head.code())
    front = pc("front")
    with pytest.raises(Trouble, match="does not know this code") as raised:
        await front.enroll(Code(code.id, code.secret[::-1]))
    assert raised.value.code is Exit.REFUSED
    assert list(front.home.iterdir()) == []


async def test_a_restart_is_no_copy_whatever_was_lost(pc: MakePc, head: Any) -> None:
    front = pc("front")
    await front.enroll(head.code())
    for _ in range(5):
        front.start()
        await front.asks()
    assert front.streams == 0
    (front.home / LAST).unlink()  # killed before it could write it: the numbers begin anew, to be sure
    front.start()
    with pytest.raises(Away, match="other numbers"):
        await front.asks()
    assert (await front.asks()).agent == "1001-pc"
    assert front.streams == 1
    assert head.sees().identity is IdentityStanding.ENROLLED
    assert [speaker.what for speaker in head.sees().speakers] == ["key", "program"]  # those before it have ended


async def test_a_token_is_renewed_by_the_boot_clock_and_after_the_server_dropped_it(
    front: Any, database: Database, now: SetClock
) -> None:
    first = front._tokens._token
    now.forward(49 * 60)
    await front.asks()
    assert front._tokens._token == first
    now.forward(2 * 60)
    await front.asks()
    second = front._tokens._token
    assert second != first
    with database.write() as session:
        for row in session.exec(select(AgentToken)).all():
            session.delete(row)
    await front.asks()
    assert front._tokens._token != second


async def test_revocation_is_in_force_at_the_very_next_request(pc: MakePc, front: Any, head: Any) -> None:
    open_code = head.code()
    head.does("revoke")
    await refused(front.asks(), "revoked")
    front.start()
    await refused(front.asks(), "revoked")
    assert head.sees().identity is IdentityStanding.REVOKED
    await refused(pc("other").enroll(open_code), "withdrawn")
    assert not (await front.enroll(head.code())).waiting
    front.start()
    with pytest.raises(Away, match="other numbers"):
        await front.asks()
    assert (await front.asks()).agent == "1001-pc"


async def test_a_second_pc_waits_for_a_person_and_then_goes_on_as_the_agent(
    pc: MakePc, head: Any, database: Database
) -> None:
    old, new = pc("old"), pc("new")
    await old.enroll(head.code())
    before = await old.asks()
    assert (await new.enroll(head.code())).waiting
    identity = load_identity(new.home)
    assert identity is not None
    assert identity.waiting
    await refused(new.asks(), "waits for head office")
    assert (await old.asks()) == before or isinstance(before, Assignment)
    shown = head.sees()
    assert shown.identity is IdentityStanding.WAITING
    assert [speaker.what for speaker in shown.speakers] == ["key", "waiting", "program"]
    head.does("confirm")
    assert (await new.asks()).polled == before.polled
    identity = load_identity(new.home)
    assert identity is not None
    assert not identity.waiting
    await refused(old.asks(), "Another PC was confirmed")
    assert head.sees().identity is IdentityStanding.ENROLLED
    assert deeds_of(database)[-1] == "agent.confirm"


async def test_a_waiting_pc_can_be_turned_away(pc: MakePc, head: Any) -> None:
    old, new = pc("old"), pc("new")
    await old.enroll(head.code())
    await new.enroll(head.code())
    head.does("withdraw")
    await refused(new.asks(), "Another PC")
    await old.asks()


async def test_two_live_copies_are_both_held_off_and_asked_about(
    front: Any, head: Any, database: Database, tmp_path: Any
) -> None:
    copy = front.copied(tmp_path / "copy")
    await copy.asks()  # alone it might be a restart
    await refused(front.asks(), "Two programs")
    await refused(copy.asks(), "Two programs")
    shown = head.sees()
    assert shown.identity is IdentityStanding.QUARANTINED
    assert [speaker.what for speaker in shown.speakers] == ["key", "program", "program"]
    assert shown.speakers[1].at > shown.speakers[2].at  # the first asked last
    assert deeds_of(database)[-1] == "agent.quarantine"
    for again in (front, copy):
        again.start()
        await refused(again.asks(), "Two programs")


async def test_after_a_quarantine_nobody_goes_on_under_old_numbers(front: Any, head: Any, tmp_path: Any) -> None:
    copy = front.copied(tmp_path / "copy")
    await copy.asks()
    await refused(front.asks(), "Two programs")
    head.does("release")
    with pytest.raises(Away, match="other numbers"):
        await front.asks()
    assert (await front.asks()).agent == "1001-pc"
    with pytest.raises(Away, match="other numbers"):
        await copy.asks()
    await refused(front.asks(), "Two programs")
    assert (front.streams, copy.streams) == (1, 1)


async def test_a_copy_that_was_off_over_night_begins_new_numbers_before_it_sends(front: Any, tmp_path: Any) -> None:
    copy = front.copied(tmp_path / "copy")
    await copy.asks()
    front.start()  # in the morning
    with pytest.raises(Away, match="other numbers"):
        await front.asks()
    await refused(copy.asks(), "Two programs")


async def test_a_fresh_key_takes_the_old_ones_place(front: Any, head: Any, database: Database, now: SetClock) -> None:
    old = front.identity.key
    head.does("ask_rotation")
    now.forward(HOUR)
    await front.asks()
    assert front.identity.key != old
    assert front.identity.fresh == b""
    now.forward(HOUR)
    await front.asks()
    now.forward(91 * 24 * HOUR)
    newer = front.identity.key
    await front.asks()
    assert front.identity.key != newer
    with database.read() as session:
        assert sorted(session.exec(select(AgentKey.standing)).all()) == ["good", "rotated", "rotated"]
    assert deeds_of(database)[-3:] == ["agent.rotate", "agent.rotated", "agent.rotated"]


async def test_an_agent_that_makes_one_key_after_another_writes_few_of_them_down(
    front: Any, app: FastAPI, database: Database, now: SetClock
) -> None:
    app.state.branchfleet.limits = Limits(seconds := SetClock(0))

    async def rotates(times: int) -> int:
        for _ in range(times):
            now.forward(1)
            async with front._client() as client:
                await front._passes(client)._rotate(now())
        return deeds_of(database).count("agent.rotated")

    assert await rotates(15) == 10
    seconds.at += 86_400
    assert await rotates(15) == 20
    await front.asks()


@pytest.mark.parametrize("heard", [True, False])
async def test_a_rotation_that_ended_half_way_locks_nobody_out(
    front: Any, head: Any, now: SetClock, monkeypatch: pytest.MonkeyPatch, heard: bool
) -> None:
    """Killed with the fresh key on the disk: the server had heard of it, or had not."""
    head.does("ask_rotation")
    now.forward(HOUR)

    class Killed(BaseException):
        pass

    def killed(*_: Any) -> None:
        raise Killed

    place = "agent.link.tokens.Tokens._fresh_counts" if heard else "agent.link.tokens.rotation_message"
    with monkeypatch.context() as patch:
        patch.setattr(place, killed)
        with pytest.raises(Killed):
            await front.asks()
    assert front.identity.fresh
    front.start()
    await front.asks()
    fresh = front.identity.key
    assert front.identity.fresh == b""
    front.start()
    await front.asks()
    assert front.identity.key == fresh
    assert head.sees().identity is IdentityStanding.ENROLLED


async def test_a_key_that_was_replaced_by_a_fresh_one_is_a_copy(
    front: Any, head: Any, now: SetClock, tmp_path: Any
) -> None:
    image = front.copied(tmp_path / "image")
    head.does("ask_rotation")
    now.forward(HOUR)
    await front.asks()
    await refused(image.asks(), "Two programs")
    await refused(front.asks(), "Two programs")


async def test_an_image_from_before_the_pc_was_replaced_disturbs_nobody(
    pc: MakePc, head: Any, now: SetClock, tmp_path: Any
) -> None:
    old, new = pc("old"), pc("new")
    await old.enroll(head.code())
    image = old.copied(tmp_path / "image")
    head.does("ask_rotation")
    await old.asks()
    assert old.identity.key != image.identity.key
    await new.enroll(head.code())
    head.does("confirm")
    await new.asks()
    for gone in (old, image):
        await refused(gone.asks(), "Another PC was confirmed")
    await new.asks()
    assert head.sees().identity is IdentityStanding.ENROLLED


async def test_a_challenge_is_good_once_for_its_key_and_for_a_minute(pc: MakePc, head: Any, now: SetClock) -> None:
    from agent.link.identity import public_of, sign
    from agent.link.link import Line
    from agent.link.tokens import post
    from agent.proof import token_message
    from agent.wire import Challenge, ChallengeAsk, Token, TokenAsk

    front = pc("front")
    await front.enroll(head.code())
    identity, public_key = front.identity, public_of(front.identity.key)

    def answered(challenge: bytes, server: str = identity.name) -> TokenAsk:
        signature = sign(identity.key, token_message(server, public_key, challenge, "i", ""))
        return TokenAsk(
            public_key=public_key, challenge=challenge, instance="i", after="", host="", system="", signature=signature
        )

    async with front._client() as client:
        line = Line(InProcess(client), "http://server")

        async def challenge() -> bytes:
            now.forward(1)
            return (await post(line, "/api/agent/challenge", ChallengeAsk(public_key), Challenge)).challenge

        good = await challenge()
        later = await challenge()
        await post(line, "/api/agent/token", answered(later), Token)
        for stale in (later, good, b"", later[:-1] + b"x", later[:8] + later[9:]):
            with pytest.raises(Away, match="not, or no longer, good"):
                await post(line, "/api/agent/token", answered(stale), Token)
        old = await challenge()
        now.forward(60)
        with pytest.raises(Away, match="not, or no longer, good"):
            await post(line, "/api/agent/token", answered(old), Token)
        await refused(post(line, "/api/agent/token", answered(await challenge(), "another"), Token), "signature")


async def test_a_servers_clock_that_was_set_back_locks_nobody_out(front: Any, now: SetClock) -> None:
    now.forward(-30 * 24 * HOUR)
    front.start()
    await front.asks()


async def test_codes_are_for_the_agents_a_branch_has(head: Any, database: Database) -> None:
    from server.agents import deeds

    def code(branch: str, agent: str | None, hours: int = 1) -> str:
        with database.write() as session:
            _, key, _ = deeds.make_code(session, head.act(), bytes(32), branch, agent, hours)
        return key

    assert code("1001", None) == "1001-pc"
    for branch, agent, sentence in (
        ("9999", None, "no branch 9999"),
        ("1002", None, "has no agent"),
        ("1001", "centre", "has no agent centre; it has: 1001-pc"),
    ):
        with pytest.raises(NotFound, match=sentence):
            code(branch, agent)
    with pytest.raises(Told, match="1 to 720 hours"):
        code("1001", None, 721)


async def test_when_all_are_enrolled_the_one_to_replace_is_named(pc: MakePc, head: Any, database: Database) -> None:
    from server.agents.codes import agent_for

    await pc("front").enroll(head.code())
    with database.read() as session, pytest.raises(Conflict, match="--agent: 1001-pc"):
        agent_for(session, "1001", None)


async def test_of_several_agents_the_one_a_code_is_for_is_named(pc: MakePc, head: Any, database: Database) -> None:
    """Which of them is enrolled says nothing of which PC the person stands at."""
    from server.agents.codes import agent_for
    from server.inventory.tables import Agent, Subject, SubjectKind

    with database.write() as session:
        branch = session.exec(select(Subject).where(Subject.key == "1001")).one()
        other = Subject(kind=SubjectKind.AGENT, key="1001-b", name="", branch_id=branch.id or 0)
        session.add(other)
        session.flush()
        session.add(Agent(id=other.id or 0))
    with database.read() as session, pytest.raises(Conflict, match=r"several agents.*--agent: 1001-b, 1001-pc"):
        agent_for(session, "1001", None)
    await pc("front").enroll(head.code(agent="1001-pc"))
    with database.read() as session, pytest.raises(Conflict, match="several agents"):
        agent_for(session, "1001", None)
    with database.read() as session:
        assert agent_for(session, "1001", "1001-b").key == "1001-b"


@pytest.mark.parametrize("step", ["withdraw", "confirm", "revoke", "release", "ask_rotation"])
async def test_a_step_that_leads_nowhere_is_told(head: Any, step: str) -> None:
    with pytest.raises(Conflict):
        head.does(step)
    with pytest.raises(NotFound, match="no agent nowhere"):
        head.does(step, "nowhere")
