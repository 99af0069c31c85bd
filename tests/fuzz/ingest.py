"""What the server does with an input, on a real database: an ack or a Problem, or a finding.

Two ways in: `Pipe` opens a batch and has the writer take it, as the route does; `Whole` is the whole application.
A finding is what must not be: another error, a 5xx, a record refused for a defect of ours, a neighbour lost, or a batch
of another agent that did not get through beside it.
"""

import asyncio
import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI

from agent.wire import VERSION, Ack, Batch, Clock, DeviceWord, Reading, State, encode
from server.accounts.tokens import hash_token
from server.agents.tables import AgentToken
from server.app import create_app
from server.clock import SetClock
from server.errors import ServerError, Unavailable
from server.health.follower import Follower
from server.ingest.batch import open_batch
from server.ingest.ranges import Ranges, holds
from server.ingest.transaction import UNKNOWN
from server.ingest.writer import BUSY, Writer
from server.inventory.tables import Agent, Branch, Observer, Position, Subject, SubjectKind
from server.migrations import upgrade
from server.settings import Settings
from server.storage.database import Database
from server.storage.types import FOREVER
from tests.fuzz.mutate import MSGPACK, Input

NOON = 1_793_764_800_000_000
AGENT, OTHER = 2, 3
TOKENS = {AGENT: "bfa_fuzz", OTHER: "bfa_other"}
FAILED = "the server failed to take it"


@dataclass(frozen=True)
class Outcome:
    """What came of one input: a status, what was said without its numbers, and what must not have been."""

    status: int
    said: str
    finding: str = ""


class Heard(logging.Handler):
    """Every error the server logs is a finding."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))


@contextmanager
def database(folder: Path) -> Iterator[Database]:
    """A fresh database with a branch, two agents and two positions."""
    made = Database(f"sqlite:///{folder / 'fuzz.db'}")
    try:
        upgrade(made)
        with made.write() as session:
            session.add(Subject(id=1, kind=SubjectKind.BRANCH, key="1001", name="城关支行", branch_id=1))
            session.flush()
            session.add(Branch(id=1, kind="branch"))
            for own, token in TOKENS.items():
                session.add(Subject(id=own, kind=SubjectKind.AGENT, key=f"agent-{own}", name="", branch_id=1))
                session.flush()
                session.add(Agent(id=own))
                session.flush()
                session.add(AgentToken(token_hash=hash_token(token), agent_id=own, expires_at=FOREVER))
            for own, key in enumerate(("1001/atm-1", "1001/printer-1", "1001/other"), 4):
                session.add(Subject(id=own, kind=SubjectKind.POSITION, key=key, name=key, branch_id=1))
                session.flush()
                session.add(Position(id=own, cls="atm", driver="snmp", interval_us=60_000_000))
                session.flush()
                session.add(Observer(subject_id=own, agent_id=OTHER if own == 6 else AGENT))
        yield made
    finally:
        made.close()


def neighbour(number: int) -> bytes:
    """A good batch of the other agent."""
    clock = Clock(NOON, 3_600_000_000 + number, "boot-other")
    word = DeviceWord.ONLINE if number % 2 else DeviceWord.OFFLINE
    state = State(seq=number, clock=clock, position="1001/other", reading=Reading(device=word))
    return encode(Batch(version=VERSION, stream="other", sent=clock, records=[state]))


def outcome(one: Input, status: int, said: str, ranges: Ranges, refused: Sequence[tuple[int, str]]) -> Outcome:
    """Judge one answer."""
    finding = ""
    refused = [(seq, why) for seq, why in refused if why != UNKNOWN]  # the recorded batches have such records
    if (status >= 500 and said != BUSY) or (status != 200 and not said):
        finding = f"status {status}: {said}"
    elif any(why == FAILED for _, why in refused):
        finding = "a record was refused for a defect of the server's"
    elif status == 200 and one.untouched is not None:
        lost = [seq for seq in one.untouched if not holds(ranges, seq) or seq in dict(refused)]
        finding = f"neighbours were lost: {lost}" if lost else ""
    whys = sorted({_plain(why) for _, why in refused})
    return Outcome(status, _plain(said) + "|".join(whys)[:80], finding)


def _opened(one: Input, parcel: Any) -> Outcome:
    if isinstance(parcel, Outcome):
        return parcel
    ranges = [(incoming.seq, incoming.seq) for incoming in parcel.records]
    return outcome(one, 200, "", ranges, [(incoming.seq, incoming.why) for incoming in parcel.records if incoming.why])


def _plain(said: str) -> str:
    """A sentence without what it quotes: two inputs with the same one are of a kind."""
    said = re.sub(r"`[^`]*`|'[^']*'|\"[^\"]*\"|\(byte.*?\)| - at .*|invalid escape.*", "", said)
    return re.sub(r"[^A-Za-z ]+", "", said)[:60].strip()


class Pipe:
    """`take` a group of inputs: the reader and the writer of ingest, without HTTP."""

    def __init__(self, database: Database) -> None:
        self._now = SetClock(NOON)
        self._writer = Writer(database)
        self._follower = Follower(database, self._now)
        self._number = 0
        self.slowest = 0.0  # seconds of processor time one batch took to open

    def __enter__(self) -> "Pipe":
        self._writer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.stop()

    def read(self, group: list[Input]) -> list[Outcome]:
        """Open them, and leave it at that."""
        return [_opened(one, self._open(one)) for one in group]

    def take(self, group: list[Input]) -> list[Outcome]:
        self._number += 1
        opened: list[Any] = [self._open(one) for one in group]
        other = open_batch(neighbour(self._number), MSGPACK, "", OTHER, self._now())
        waiting = [one if isinstance(one, Outcome) else self._submit(one) for one in opened]
        beside = self._writer.submit(other).result(600)
        found: list[Outcome] = []
        for one, future in zip(group, waiting, strict=True):
            if isinstance(future, Outcome):
                found.append(future)
                continue
            error = future.exception(600)
            if error is None:
                taken = future.result()
                found.append(outcome(one, 200, "", taken.ranges, [(each.seq, each.why) for each in taken.refused]))
            else:
                status = error.status if isinstance(error, ServerError) else 500
                found.append(outcome(one, status, str(error), [], []))
        if not holds(beside.ranges, self._number) or beside.refused:
            found[0] = Outcome(500, "", "a good batch of another agent did not get through beside these")
        return found

    def _submit(self, parcel: Any) -> Any:
        """As an agent does: what waited has its turn later when too much of it is queued."""
        while True:
            future = self._writer.submit(parcel)
            if not (parcel.waited and future.done() and isinstance(future.exception(), Unavailable)):
                return future
            time.sleep(0.001)

    def judge(self) -> None:
        """Have health read all that was taken; what it cannot judge is logged as an error."""
        self._now.forward(1)
        while self._follower.step():
            pass

    def _open(self, one: Input) -> Any:
        began = time.thread_time()
        try:
            return open_batch(one.body, one.media, one.encoding, AGENT, self._now())
        except ServerError as error:
            return outcome(one, error.status, str(error), [], [])
        except Exception as error:  # the border of the fuzzer: whatever else it is, it is a finding
            return Outcome(500, type(error).__name__, repr(error)[:300])
        finally:
            self.slowest = max(self.slowest, time.thread_time() - began)


class Whole:
    """`take` a group of inputs at once through the application; use inside `async with`."""

    def __init__(self, database: Database) -> None:
        self.app: FastAPI = create_app(database, Settings(password_memory=32), SetClock(NOON))
        self._number = 0
        self._living = self.app.router.lifespan_context(self.app)

    async def __aenter__(self) -> "Whole":
        await self._living.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._living.__aexit__(*error)

    async def take(self, group: list[Input]) -> list[Outcome]:
        self._number += 1
        other = self._post(Input(neighbour(self._number), MSGPACK, ""), TOKENS[OTHER])
        beside, *found = await asyncio.gather(other, *(self._post(one, TOKENS[AGENT]) for one in group))
        if beside.status != 200 or beside.finding:
            found[0] = Outcome(500, "", f"a good batch of another agent did not get through beside these: {beside}")
        return found

    async def _post(self, one: Input, token: str) -> Outcome:
        status, answer = await self._ask(one, token)
        if status != 200:
            try:
                said = str(msgspec.json.decode(answer)["detail"])
            except (msgspec.MsgspecError, KeyError, TypeError):
                said = ""
            return outcome(one, status, said, [], [])
        ack = msgspec.msgpack.decode(answer, type=Ack)
        return outcome(one, status, "", ack.received, [(each.seq, each.why) for each in ack.refused])

    async def _ask(self, one: Input, token: str) -> tuple[int, bytes]:
        headers = {"authorization": f"Bearer {token}", "content-type": one.media, "accept-language": "en"}
        if one.encoding:
            headers["content-encoding"] = one.encoding
        headers["content-length"] = str(len(one.body))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/api/agent/records",
            "raw_path": b"/api/agent/records",
            "query_string": b"",
            "root_path": "",
            "headers": [(key.encode(), value.encode()) for key, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        status, answer = 0, b""

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": one.body, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status, answer
            status = message.get("status", status)
            answer += message.get("body", b"")

        await self.app(scope, receive, send)
        return status, answer
