"""PCs that enrol while head office makes codes, all at once: nobody waits for one that waits for him."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from agent.link.errors import Away, Rejected
from agent.link.identity import new_key, public_of, sign
from agent.link.link import Line
from agent.link.tokens import post
from agent.proof import NONCE_BYTES, Code, enrollment_message, enrollment_proof, read_code
from agent.wire import Enrollment, EnrollmentAsk, IntroductionAsk
from server.agents import deeds
from server.agents.challenges import Voice
from server.agents.codes import TRIES
from server.agents.enrolling import enroll, introduce
from server.agents.tables import AgentCode
from server.clock import SetClock
from server.errors import Forbidden
from server.journal.deeds import Act
from server.storage.database import Database
from tests.in_process import InProcess

KEY = bytes(range(32))
TURNS = 40


def ask_for(code: Code, guess: str = "") -> EnrollmentAsk:
    key = new_key()
    public_key = public_of(key)
    proof = enrollment_proof(Code(code.id, guess or code.secret), public_key, "h", "s")
    signature = sign(key, enrollment_message(code.id, public_key))
    return EnrollmentAsk(code=code.id, public_key=public_key, host="h", system="s", proof=proof, signature=signature)


async def test_guesses_void_no_code_faster_than_one_address_may_and_keep_no_right_one_out(
    pc: Callable[[str], Any], head: Any, app: FastAPI, database: Database
) -> None:
    app.state.branchfleet.limits.code._burst = 3
    code = read_code(head.code())
    front = pc("front")
    async with front._client() as client:
        line = Line(InProcess(client), "http://server")
        for n in range(5):
            with pytest.raises(Rejected if n < 3 else Away):
                await post(line, "/api/agent/enrollment", ask_for(code, "A" * 17), Enrollment)
    with database.read() as session:
        assert session.get_one(AgentCode, code.id).tries == 3
    assert (await front.enroll(code)).agent == "1001-pc"
    assert (await front.asks()).agent == "1001-pc"


def all_at_once(*works: Callable[[], object]) -> list[BaseException]:
    """What went wrong in any of them."""
    wrong: list[BaseException] = []
    ready = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        try:
            ready.wait(30)
            work()
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


@pytest.fixture
def code_of(database: Database, bank: dict[str, int], now: SetClock) -> Callable[[], Code]:
    def make() -> Code:
        with database.write() as session:
            act = Act("os:head", "cli", now())
            return deeds.make_code(session, act, KEY, "1001", "1001-pc", 72)[0]

    return make


def test_codes_are_made_and_used_at_once(database: Database, code_of: Callable[[], Code], now: SetClock) -> None:
    for _ in range(TURNS):
        code = code_of()

        def use(code: Code = code) -> None:
            with database.write() as session:
                enroll(session, KEY, ask_for(code), "10.1.1.1", now())

        assert all_at_once(code_of, use, code_of, use) == []


def test_an_introduction_waits_for_nobody_who_tries_the_code(
    database: Database, code_of: Callable[[], Code], now: SetClock
) -> None:
    voice = Voice("bank", KEY, str)
    for _ in range(TURNS // 4):
        code = code_of()

        def guess(code: Code = code) -> None:
            with database.write() as session:
                enroll(session, KEY, ask_for(code, "A" * 17), "10.1.1.1", now())

        def meet(code: Code = code) -> None:
            with database.read() as session:
                introduce(session, voice, KEY, IntroductionAsk(code.id, bytes(NONCE_BYTES)), now())

        assert all_at_once(guess, meet, guess, meet) == []


def test_tries_at_once_are_all_counted(database: Database, code_of: Callable[[], Code], now: SetClock) -> None:
    code = code_of()
    answers: list[Any] = []

    def guess() -> None:
        with database.write() as session:
            answers.append(enroll(session, KEY, ask_for(code, "A" * 17), "10.1.1.1", now()))

    assert all_at_once(*[guess] * (TRIES + 2)) == []
    assert all(isinstance(answer, Forbidden) for answer in answers)
    with database.read() as session:
        assert session.get_one(AgentCode, code.id).tries == TRIES
    assert read_code(str(code)) == code
