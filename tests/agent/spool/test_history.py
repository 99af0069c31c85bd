"""Whatever happens between an agent's spool and a server, in whatever order, nothing is lost or doubled."""

import shutil
import tempfile
from pathlib import Path

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from agent.spool.ranges import joined
from agent.spool.spool import KEPT_MICROS, Spool
from agent.wire import Ack, Clock, Fact

DAY = 86_400_000_000


class Centre:
    """A server as the spool sees it: keeps what it gets, refuses nothing, may be brought back from a backup."""

    def __init__(self) -> None:
        self.epoch = 1
        self.now = 1_800_000_000_000_000
        self.streams: dict[str, dict[int, bytes]] = {}
        self.backups: list[tuple[int, dict[str, dict[int, bytes]]]] = []

    def take(self, stream: str, records: list[Fact]) -> None:
        held = self.streams.setdefault(stream, {})
        for record in records:
            body = msgspec.msgpack.encode(record)
            assert held.setdefault(record.seq, body) == body, "one number, two records"

    def ack(self, stream: str) -> Ack:
        numbers = self.streams.get(stream, {})
        received = joined((seq, seq) for seq in numbers)
        return Ack(epoch=str(self.epoch), stream=stream, received=received, server=self.now, assignment="")


class Histories(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="spool-"))
        self.lives = 0
        self.written = 0
        self.centre = Centre()
        self.acks: list[Ack] = []
        self.spool = Spool(self.folder / "spool.db", self.clocks)

    def clocks(self) -> Clock:
        return Clock(wall=self.centre.now, boot=self.written, boot_id="boot")

    @rule(count=st.integers(1, 7))
    def write(self, count: int) -> None:
        records = []
        for _ in range(count):
            self.written += 1
            records.append(Fact(seq=0, clock=self.clocks(), host="pc", facts={"n": self.written}))
        self.spool.append(records)

    @rule(count=st.integers(1, 5), size=st.integers(1, 400), comes_back=st.booleans())
    def send(self, count: int, size: int, *, comes_back: bool) -> None:
        parcel = self.spool.next_batch(count, size)
        self.centre.take(parcel.stream, parcel.records)  # type: ignore[arg-type]
        self.acks.append(self.centre.ack(parcel.stream))
        if comes_back:
            self.hear(self.acks[-1])

    @precondition(lambda self: self.acks)
    @rule(data=st.data())
    def an_old_answer_comes_late_or_twice(self, data: st.DataObject) -> None:
        self.hear(data.draw(st.sampled_from(self.acks[-4:])))

    def hear(self, ack: Ack) -> None:
        self.spool.acked(ack.stream, ack.received, ack.epoch, ack.server)

    @rule()
    def the_agent_is_killed(self) -> None:
        """The files as they are on disk, without the end of the process that wrote them."""
        self.lives += 1
        after = self.folder.parent / f"{self.folder.name}-{self.lives}"
        shutil.copytree(self.folder, after)
        self.spool.close()
        shutil.rmtree(self.folder)
        self.folder = after
        self.spool = Spool(self.folder / "spool.db", self.clocks)

    @rule()
    def the_server_is_backed_up(self) -> None:
        self.centre.backups.append((self.centre.now, {uid: dict(held) for uid, held in self.centre.streams.items()}))

    @precondition(lambda self: self.centre.backups)
    @rule(data=st.data())
    def the_server_is_restored(self, data: st.DataObject) -> None:
        _, streams = data.draw(st.sampled_from(self.centre.backups))
        self.centre.streams = {uid: dict(held) for uid, held in streams.items()}
        self.centre.epoch += 1
        self.acks.clear()  # the server that said those is gone

    @rule(days=st.integers(1, 4))
    def days_pass(self, days: int) -> None:
        self.centre.now += days * DAY
        oldest = self.centre.now - KEPT_MICROS
        self.centre.backups = [backup for backup in self.centre.backups if backup[0] >= oldest]

    def teardown(self) -> None:
        if not hasattr(self, "spool"):
            return
        try:
            self.everything_arrives_once()
        finally:
            self.spool.close()
            shutil.rmtree(self.folder)

    def everything_arrives_once(self) -> None:
        for _ in range(200):
            self.hear(self.centre.ack(self.spool.stream))
            parcel = self.spool.next_batch(50, 1 << 20)
            self.centre.take(parcel.stream, parcel.records)  # type: ignore[arg-type]
            if not parcel.records:
                break
        held = self.centre.streams.get(self.spool.stream, {})
        assert sorted(held) == list(range(1, self.written + 1))
        numbers = [msgspec.msgpack.decode(held[seq], type=Fact).facts["n"] for seq in sorted(held)]
        assert numbers == list(range(1, self.written + 1))


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
