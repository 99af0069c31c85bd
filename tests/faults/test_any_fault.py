"""Whatever happens to line, spool and server, in whatever order: nothing is lost unsaid, and nothing is there twice.

The real spool, outbox, report, uplink and tokens against the real application on a real database; only the line is
ours. Both ends have one true clock that moves when a step says so: corrected times can be compared to the microsecond.
"""

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import make_url

from agent.link.enroll import _enroll
from agent.link.errors import LinkError
from agent.link.identity import LAST, load_identity, public_of
from agent.link.link import Line, Link
from agent.link.tokens import Tokens
from agent.link.uplink import Uplink
from agent.poll import Seen
from agent.report import Report
from agent.spool.outbox import Outbox
from agent.spool.spool import LIMIT, open_spool
from agent.spool.tables import SpoolFull
from agent.wire import (
    MEDIA_MSGPACK,
    VERSION,
    Ack,
    AnyRecord,
    Batch,
    Clock,
    DeviceWord,
    Event,
    EventName,
    Exchange,
    Follows,
    Reading,
    State,
    catalogue,
)
from server.agents import deeds
from server.agents.identity import identity_of, issue_token, key_of
from server.agents.tables import AgentKey, KeyStanding
from server.app import create_app
from server.backup.restore import begin_epoch
from server.clock import SetClock
from server.ingest.batch import open_batch, unpack
from server.ingest.writer import Writer
from server.journal.deeds import Act
from server.settings import Settings
from server.storage.database import Database
from tests.conftest import NOON, Cluster
from tests.faults.count import count
from tests.faults.small_bank import SLUGS, put_bank
from tests.in_process import InProcess

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
KEY = bytes(range(32))
ANSWERS = {"Accept": "application/msgpack", "Accept-Language": "en"}
TIGHT = 4000  # bytes of a spool that reaches its limit
BOOTED = NOON - 3_600_000_000


class SqliteStore:
    """Databases to be used, copied and brought back."""

    examples = 8

    def __init__(self, template: Path, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "bank.db"
        shutil.copyfile(template, self._template)
        database = Database(f"sqlite:///{self._template}")
        put_bank(database)
        database.close()
        self._number = 0

    def fresh(self) -> str:
        return self.copy(f"sqlite:///{self._template}")

    def copy(self, url: str) -> str:
        """Another database with what `url` holds now; nobody may be using it."""
        self._number += 1
        path = self._folder / f"{self._number}.db"
        with (
            closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as source,
            closing(sqlite3.connect(path)) as target,
        ):
            source.backup(target)
        return f"sqlite:///{path}"

    def drop(self, url: str) -> None:
        for ending in ("", "-wal", "-shm"):
            Path(url.removeprefix("sqlite:///") + ending).unlink(missing_ok=True)

    def counted(self, url: str) -> str:
        return url.removeprefix("sqlite:///")


class PostgresStore:
    """The same of a PostgreSQL cluster: its templates are copies of one moment."""

    examples = 4  # a copy takes a third of a second

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._template, url = cluster.create()
        database = Database(url)
        put_bank(database)
        database.close()

    def fresh(self) -> str:
        return self._cluster.copy(self._template)

    def copy(self, url: str) -> str:
        return self._cluster.copy(self._name(url))

    def drop(self, url: str) -> None:
        self._cluster.drop(self._name(url))

    def counted(self, url: str) -> str:
        return url

    def close(self) -> None:
        self._cluster.drop(self._template)

    def _name(self, url: str) -> str:
        return make_url(url).database or ""


Store = SqliteStore | PostgresStore


class FaultyLine(httpx2.AsyncBaseTransport):
    """To the application, in process. `weather` says what becomes of the next requests; every batch is kept."""

    def __init__(self) -> None:
        self.app: Any = None
        self.weather = "fine"
        self.sent: list[bytes] = []  # bodies of batches that reached the server
        self.answers: list[Ack] = []
        self.acknowledged: Callable[[Ack], None] = lambda ack: None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.weather == "cut":
            raise httpx2.ConnectError("the line is cut", request=request)
        answer = await httpx2.ASGITransport(app=self.app).handle_async_request(request)
        content = await answer.aread()
        if request.url.path.endswith("/records") and answer.status_code == 200:
            self.sent.append(await request.aread())
            self.acknowledged(msgspec.msgpack.decode(content, type=Ack))
        if self.weather == "lost ack":
            raise httpx2.ReadError("the answer never came", request=request)
        if self.weather == "half an ack":
            raise httpx2.RemoteProtocolError("the answer broke off", request=request)
        if self.weather == "portal":
            return httpx2.Response(200, content=b"<html>please sign in</html>", request=request)
        return httpx2.Response(answer.status_code, headers=answer.headers, content=content, request=request)


class Faults(RuleBasedStateMachine):
    """`store` is set by the test."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.now = SetClock(NOON)
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="bf-faults-"))
        self.home = self.folder / "home"
        self.homes: list[Path] = []  # copies of it, on PCs that do not run
        self.quarantined = False
        self.url = self.store.fresh()
        self.copies: list[tuple[str, set[bytes]]] = []
        self.line = FaultyLine()
        self.line.acknowledged = self.check_durable
        self.put: dict[bytes, AnyRecord] = {}  # everything the agent said, by what it said, without its number
        self.excused: set[bytes] = set()  # of it, what may be missing: a fault took it before the server had it
        self.spool_copy: tuple[Path, set[bytes]] | None = None
        self.readings: dict[str, Reading] = {}
        self.limited = False
        self.said = 0

    # -- both ends ----------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.home.mkdir()
        self.start_server()
        self.start_agent(LIMIT)

    def start_server(self) -> None:
        self.database = Database(self.url)
        self.app = create_app(self.database, Settings(), self.now, KEY)
        self.app.state.branchfleet.writer.start()
        self.line.app = self.app

    def stop_server(self) -> None:
        self.app.state.branchfleet.writer.stop()
        self.database.close()

    def clock(self) -> Clock:
        """Of a new instant: no two things are said at one."""
        self.now.forward(0.001)
        return self.still()

    def still(self) -> Clock:
        """For what is under way: an exchange takes no time, so its offset is exact."""
        return Clock(wall=self.now(), boot=self.now() - BOOTED, boot_id="boot")

    def start_agent(self, limit: int) -> None:
        self.runner.run(self._start_agent(limit))

    async def _start_agent(self, limit: int) -> None:
        await self._admit()
        spool, _ = open_spool(self.home / "spool.db", self.still, limit)
        self.report = Report(catalogue(), self.clock())
        self.outbox = Outbox(spool, self.still, limit, forget=self.report.forget)
        self.client = httpx2.AsyncClient(transport=self.line, base_url="http://server", headers=ANSWERS)
        line = Line(InProcess(self.client), "http://server")
        identity = load_identity(self.home)
        assert identity is not None
        self.tokens = Tokens(line, self.home, identity, self.still, self.outbox.part)
        link = Link(line, self.tokens)
        self.uplink = Uplink(link, self.outbox, self.still, version="1", on_ack=lambda ack: None)
        self.writing = asyncio.create_task(self.outbox.run())
        await self._say([Event(seq=0, clock=self.clock(), name=EventName.START)])

    async def _stop_agent(self) -> None:
        self.writing.cancel()
        await asyncio.gather(self.writing, return_exceptions=True)
        await self.outbox.close()
        await self.client.aclose()

    async def _admit(self) -> None:
        """Head office sees to it that this home's key counts: a restored server may not know it, or know another."""
        identity = load_identity(self.home)
        with self.database.write() as session:
            key = session.get(AgentKey, public_of(identity.key).hex()) if identity else None
            known = key is not None and key.standing is KeyStanding.GOOD
            waits = key_of(session, 2, KeyStanding.WAITING) is not None
            kept = identity_of(session, 2).identity.quarantined_at is not None
        if kept:
            self.head("release")
        self.quarantined = False
        if known:
            return
        if waits:
            self.head("withdraw")
        await self._enroll()

    async def _enroll(self) -> None:
        self.now.forward(1)
        with self.database.write() as session:
            code, _, _ = deeds.make_code(session, Act("os:head", "cli", self.now()), KEY, "1001", "centre", 1)

        @asynccontextmanager
        async def open_line(*_: Any) -> AsyncIterator[Line]:
            transport = httpx2.ASGITransport(app=self.app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://server", headers=ANSWERS) as client:
                yield Line(InProcess(client), "http://server")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("agent.link.enroll.open_line", open_line)
            enrolled = await _enroll("http://server", code, self.home)
        if enrolled.waiting:
            self.head("confirm")

    def head(self, deed: str) -> None:
        """A person at head office."""
        self.now.forward(1)
        with self.database.write() as session:
            getattr(deeds, deed)(session, Act("os:head", "cli", self.now()), "centre")

    async def _say(self, records: list[AnyRecord]) -> None:
        for record in records:
            self.put[said(record)] = record
        self.outbox.put(records)
        assert await self.outbox.written(30)

    # -- what an agent does -------------------------------------------------------------------------

    @rule(slug=st.sampled_from(SLUGS), word=st.sampled_from([DeviceWord.ONLINE, DeviceWord.OFFLINE]))
    def reads(self, slug: str, word: DeviceWord) -> None:
        self.said += 1
        self.readings[slug] = Reading(device=word, texts={"n": str(self.said)})
        self._poll(slug)

    @rule(slug=st.sampled_from(SLUGS))
    def reads_the_same(self, slug: str) -> None:
        if slug in self.readings:
            self._poll(slug)

    def _poll(self, slug: str) -> None:
        news = self.report.seen(f"1001/{slug}", Seen(self.readings[slug]), self.clock())
        self.runner.run(self._say(list(news.records)))

    @rule()
    def holds(self) -> None:
        self.runner.run(self._say(list(self.report.hold(self.clock()))))

    @rule(seconds=st.sampled_from([1, 60, 3600]))
    def time_passes(self, seconds: int) -> None:
        self.now.forward(seconds)

    @rule()
    def sends(self) -> None:
        self.runner.run(self._send())

    def live(self, word: DeviceWord) -> None:
        """For a while, and tell the server all of it."""
        for _ in range(5):
            self.reads("a", word)
        self.runner.run(self._send_all())

    async def _send(self) -> bool:
        """One batch; whether there may be more."""
        self.now.forward(0.001)  # no two challenges are of one moment
        try:
            return await self.uplink.send_one()
        except (LinkError, SpoolFull):
            return True

    # -- what befalls it ----------------------------------------------------------------------------

    @rule(weather=st.sampled_from(["fine", "cut", "lost ack", "half an ack", "portal"]))
    def weather_turns(self, weather: str) -> None:
        self.line.weather = weather

    @precondition(lambda self: self.line.sent)
    @rule(data=st.data())
    def old_batches_come_again(self, data: st.DataObject) -> None:
        """As they were or in pieces, in any order."""
        for index in data.draw(
            st.lists(st.integers(0, len(self.line.sent) - 1), min_size=1, max_size=3), label="batches"
        ):
            body = self.line.sent[index]
            piece = data.draw(st.sampled_from(["whole", "first", "last"]), label="piece")
            before = self.rows()
            content, packed = (body, "zstd") if piece == "whole" else (cut(body, piece), "")
            with self.database.write() as session:
                token = issue_token(session, 2, self.now())
            headers = {"Authorization": f"Bearer {token}", "Content-Type": MEDIA_MSGPACK, "Content-Encoding": packed}
            answer = self.runner.run(self._post(content, headers))
            assert answer.status_code == 200
            after = self.rows()
            assert before[0] <= after[0]
            if before[0] == after[0]:
                assert before == after, "a batch that said nothing new changed something"

    async def _post(self, content: bytes, headers: dict[str, str]) -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app)) as client:
            return await client.post("http://server/api/agent/records", content=content, headers=headers)

    @rule(tight=st.booleans())
    def agent_restarts(self, tight: bool) -> None:
        self.runner.run(self._stop_agent())
        self.limited = self.limited or tight
        self.start_agent(TIGHT if tight else LIMIT)

    @rule()
    def server_restarts(self) -> None:
        self.stop_server()
        self.start_server()

    @rule()
    def server_is_copied(self) -> None:
        held = self.held()  # asked of a running server: a database that was closed would open anew, and stay open
        self.stop_server()
        self.copies.append((self.store.copy(self.url), held))
        self.start_server()

    @precondition(lambda self: self.copies)
    @rule(data=st.data())
    def older_server_comes_back(self, data: st.DataObject) -> None:
        """What it lacks comes again, as far as the agent's spool has it still, whichever home speaks first.

        But a home whose spool reached its limit says of what another still has that nobody has it.
        """
        if self.limited:
            self.excused |= self.unsent(self.homes)
            self.homes.clear()
        self.bring_back(*data.draw(st.sampled_from(self.copies), label="copy"))

    def bring_back(self, copy: str, knew: set[bytes]) -> None:
        self.excused |= self.held() - knew - self.spooled()
        self.now.forward(1)
        self.stop_server()
        self.url = self.store.copy(copy)
        database = Database(self.url)
        with database.write() as session:
            begin_epoch(session, self.now())
            self.quarantined = identity_of(session, 2).identity.quarantined_at is not None
        database.close()
        self.line.sent.clear()  # nobody but the agent sends now
        self.start_server()

    # -- homes --------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.homes) < 3)
    @rule()
    def home_is_copied(self) -> None:
        self.runner.run(self._stop_agent())
        self.homes.append(Path(tempfile.mkdtemp(prefix="home-", dir=self.folder)))
        shutil.copytree(self.home, self.homes[-1], dirs_exist_ok=True)
        self.start_agent(LIMIT)

    @precondition(lambda self: self.homes)
    @rule(data=st.data())
    def another_home_takes_over(self, data: st.DataObject) -> None:
        """This PC is switched off, and one with a copy of its home is switched on."""
        self.switch_on(data.draw(st.integers(0, len(self.homes) - 1), label="home"))

    def switch_on(self, at: int) -> None:
        self.runner.run(self._stop_agent())
        self.home, self.homes[at] = self.homes[at], self.home
        self.start_agent(LIMIT)

    @precondition(lambda self: not self.quarantined and self.line.weather == "fine")
    @rule()
    def a_copy_speaks_meanwhile(self) -> None:
        """It asks for a token; and this one, whose tokens end by that, for another: both are held off."""
        self.runner.run(self._send())
        ghost = Path(tempfile.mkdtemp(prefix="ghost-", dir=self.folder))
        shutil.copytree(self.home, ghost, dirs_exist_ok=True)
        self.runner.run(self._speak(ghost))
        self.runner.run(self._meets_the_ghost())

    async def _speak(self, home: Path) -> None:
        async def part() -> None:
            """It sends nothing."""

        identity = load_identity(home)
        assert identity is not None
        self.now.forward(1)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), headers=ANSWERS) as client:
            with suppress(LinkError):
                await Tokens(Line(InProcess(client), "http://server"), home, identity, self.still, part).current()

    async def _meets_the_ghost(self) -> None:
        self.now.forward(1)
        with suppress(LinkError):
            await self.uplink._link.assignment()
        with self.database.write() as session:
            self.quarantined = identity_of(session, 2).identity.quarantined_at is not None

    @precondition(lambda self: self.quarantined)
    @rule()
    def head_office_releases_it(self) -> None:
        self.head("release")
        self.quarantined = False

    @rule()
    def it_is_enrolled_again_and_confirmed(self) -> None:
        self.runner.run(self._stop_agent())
        if self.quarantined:
            self.head("release")
            self.quarantined = False
        self.runner.run(self._enroll())
        self.start_agent(LIMIT)

    @rule()
    def agent_is_killed_before_it_noted_its_token(self) -> None:
        self.runner.run(self._stop_agent())
        (self.home / LAST).unlink(missing_ok=True)
        self.start_agent(LIMIT)

    # -- spools -------------------------------------------------------------------------------------

    @rule()
    def spool_is_copied(self) -> None:
        self.runner.run(self._stop_agent())
        shutil.copyfile(self.home / "spool.db", self.folder / "image.db")
        self.spool_copy = (self.folder / "image.db", set(self.put))
        self.start_agent(LIMIT)

    @precondition(lambda self: self.spool_copy is not None)
    @rule()
    def older_spool_comes_back(self) -> None:
        """A PC is restored from an image: what it wrote since, and had not sent, is gone and nobody can know."""
        assert self.spool_copy is not None
        self.runner.run(self._stop_agent())
        self.excused |= set(self.put) - self.held() - self.spool_copy[1]
        shutil.copyfile(self.spool_copy[0], self.home / "spool.db")
        self.start_agent(LIMIT)

    @rule(how=st.sampled_from(["garbage", "half", "empty"]))
    def spool_is_damaged(self, how: str) -> None:
        self.runner.run(self._stop_agent())
        self.excused |= self.spooled() - self.held()
        path = self.home / "spool.db"
        whole = path.read_bytes()
        path.write_bytes({"garbage": b"?" * len(whole), "half": whole[: len(whole) // 2], "empty": b"\0" * 4096}[how])
        self.start_agent(LIMIT)

    # -- what must be so ----------------------------------------------------------------------------

    def check_durable(self, ack: Ack) -> None:
        """What an ack names is in the database, or named there as never to come."""
        rows = self.ask(
            "SELECT seq, kind, body FROM record JOIN stream ON stream.id = stream_id WHERE uid = ?", ack.stream
        )
        ((first,),) = self.ask("SELECT first FROM stream WHERE uid = ?", ack.stream)
        there = {seq for seq, _, _ in rows} | set(range(1, first))
        others = self.ask("SELECT seq, kind, body FROM record WHERE kind = 'event'")
        for row in others:
            event = msgspec.msgpack.decode(row[2], type=AnyRecord)
            if not isinstance(event, Event) or event.name not in (EventName.GAP, EventName.THINNING):
                continue
            if event.detail.get("stream", ack.stream if row in rows else "") == ack.stream:
                there |= set(range(int(event.detail["from"]), int(event.detail["to"]) + 1))
        named = {seq for lo, hi in ack.received for seq in range(lo, hi + 1)}
        assert named <= there, f"acknowledged and not held: {sorted(named - there)}"

    @invariant()
    def nothing_is_twice(self) -> None:
        held = [said(msgspec.msgpack.decode(body, type=AnyRecord)) for (body,) in self.ask("SELECT body FROM record")]
        assert len(held) == len(set(held)) or self.moved_to_new_stream(), "one record is there under two numbers"

    def moved_to_new_stream(self) -> bool:
        return len(self.ask("SELECT 1 FROM stream")) > 1

    def teardown(self) -> None:
        try:
            self.line.weather = "fine"
            self.finish()
        finally:
            self.runner.run(self._stop_agent())
            self.runner.close()
            self.stop_server()
            self.store.drop(self.url)
            for copy, _ in self.copies:
                self.store.drop(copy)
            shutil.rmtree(self.folder)

    def finish(self) -> None:
        """The weather is fine and stays so, and every home is switched on once: all that is left comes, and all is
        accounted for."""
        for at in range(len(self.homes)):
            self.restart()
            self.runner.run(self._send_all())
            self.home, self.homes[at] = self.homes[at], self.home
        self.restart()
        for slug in self.readings:
            self._poll(slug)
        self.holds()
        self.runner.run(self._send_all())
        for slug in self.readings:  # what was to be told anew
            self._poll(slug)
        self.runner.run(self._send_all())
        counted = count(self.store.counted(self.url))
        assert counted.whole, counted.streams
        missing = set(self.put) - self.held() - self.excused
        lost = [self.put[key] for key in missing]
        if not self.limited:
            assert not lost, f"lost, and nobody says so: {lost}"
        self.check_newest()
        self.check_attested()

    def restart(self) -> None:
        self.runner.run(self._stop_agent())
        self.start_agent(LIMIT)

    async def _send_all(self) -> None:
        for _ in range(60):
            if not await self._send():
                return
        raise AssertionError("it is never done")

    def check_newest(self) -> None:
        """A screen shows of each position what it said last."""
        sql = (
            "SELECT subject.key, record.body FROM latest JOIN record ON record.id = record_id"
            " JOIN subject ON subject.id = latest.subject_id"
        )
        shown = {key: msgspec.msgpack.decode(body, type=State).reading for key, body in self.ask(sql)}
        assert shown == {f"1001/{slug}": reading for slug, reading in self.readings.items()}

    def check_attested(self) -> None:
        """The stretches are those of a database that got the same records once, in order, and nothing else."""
        asked = "SELECT stream.id, stream.uid, before.uid, stream.first FROM stream"
        streams = self.ask(f"{asked} LEFT JOIN stream AS before ON before.id = stream.after_id ORDER BY stream.id")
        url = self.store.fresh()
        calm = Database(url)
        writer = Writer(calm)
        writer.start()
        try:
            for number, uid, before, first in streams:
                follows = Follows(before or "", first) if first > 1 else None
                rows = self.ask("SELECT body FROM record WHERE stream_id = ? ORDER BY seq", number)
                records = [msgspec.msgpack.decode(body, type=AnyRecord) for (body,) in rows]
                for start in range(0, len(records), 100):
                    clock = self.still()
                    exchange = Exchange("boot", clock.boot, clock.boot, clock.wall)
                    batch = Batch(
                        version=VERSION,
                        stream=uid,
                        follows=follows,
                        sent=clock,
                        records=records[start : start + 100],
                        exchange=exchange,
                    )
                    body = msgspec.msgpack.encode(batch)
                    writer.submit(open_batch(body, MEDIA_MSGPACK, "", 2, self.now())).result(30)
            assert attested(calm) ^ attested(self.database) == set()
        finally:
            writer.stop()
            calm.close()
            self.store.drop(url)

    # -- looking ------------------------------------------------------------------------------------

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return ask(self.database, sql, *values)

    def rows(self) -> tuple[set[Any], set[Any], set[Any]]:
        return (
            set(self.ask("SELECT id, stream_id, seq, at, body FROM record")),
            set(self.ask("SELECT record_id, start_at, end_at, good, failed FROM attested")),
            set(self.ask("SELECT subject_id, record_id, at, held_to FROM latest")),
        )

    def held(self) -> set[bytes]:
        return {said(msgspec.msgpack.decode(body, type=AnyRecord)) for (body,) in self.ask("SELECT body FROM record")}

    def spooled(self, home: Path | None = None, which: str = "1") -> set[bytes]:
        """What is in a spool's file; its owner may have it open."""
        image = self.folder / "look.db"
        for ending in ("", "-wal"):
            source = (home or self.home) / f"spool.db{ending}"
            if source.exists():
                shutil.copyfile(source, f"{image}{ending}")
        with closing(sqlite3.connect(image)) as spool:
            rows = spool.execute(f"SELECT body FROM record WHERE {which}").fetchall()
        for ending in ("", "-wal", "-shm"):
            Path(f"{image}{ending}").unlink(missing_ok=True)
        return {said(msgspec.msgpack.decode(body, type=AnyRecord)) for (body,) in rows}

    def unsent(self, homes: list[Path]) -> set[bytes]:
        return {said for home in homes for said in self.spooled(home, "acked IS NULL")}


def said(record: AnyRecord) -> bytes:
    return msgspec.msgpack.encode(msgspec.structs.replace(record, seq=0))


def cut(body: bytes, piece: str) -> bytes:
    """A batch with the first or the last half of its records, not packed."""
    batch = msgspec.msgpack.decode(unpack(body, "zstd"), type=Batch)
    half = len(batch.records) // 2
    records = batch.records[:half] if piece == "first" else batch.records[half:]
    return msgspec.msgpack.encode(msgspec.structs.replace(batch, records=records))


def ask(database: Database, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with database.engine.connect() as link:
        found = link.exec_driver_sql(sql if database.sqlite else sql.replace("?", "%s"), values)
        return [tuple(bytes(one) if isinstance(one, memoryview) else one for one in row) for row in found]


def attested(database: Database) -> set[Any]:
    sql = (
        "SELECT stream.uid, record.seq, start_at, end_at, good, failed FROM attested"
        " JOIN record ON record.id = record_id JOIN stream ON stream.id = record.stream_id"
    )
    return set(ask(database, sql))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        yield SqliteStore(request.getfixturevalue("sqlite_template"), tmp_path)
        return
    there = PostgresStore(request.getfixturevalue("cluster"))
    yield there
    there.close()


def test_whatever_befalls_line_spool_and_server_every_record_is_there_once_or_named(store: Store) -> None:
    class Here(Faults):
        pass

    Here.store = store
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=store.examples,
            stateful_step_count=30,
            deadline=None,
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_copy_that_speaks_first_to_a_restored_server_takes_no_number_of_the_other(store: Store) -> None:
    class Here(Faults):
        pass

    Here.store = store
    here = Here()
    here.begin()
    try:
        here.reads("a", DeviceWord.ONLINE)
        here.runner.run(here._send_all())
        here.server_is_copied()
        here.home_is_copied()
        here.live(DeviceWord.OFFLINE)
        here.bring_back(*here.copies[-1])
        here.switch_on(0)
        here.live(DeviceWord.ONLINE)
        assert not here.excused, "each home has all it said"
    finally:
        here.teardown()


def test_what_two_copies_of_one_home_both_send_after_a_quarantine_is_counted_once(store: Store) -> None:
    class Here(Faults):
        pass

    Here.store = store
    here = Here()
    here.begin()
    try:
        here.a_copy_speaks_meanwhile()
        here.agent_restarts(tight=False)
        here.home_is_copied()
    finally:
        here.teardown()
