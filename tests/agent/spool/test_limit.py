"""A spool that is always too small: what is missing is named, and no hold speaks for a state that never came."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from agent.spool.ranges import joined
from agent.spool.spool import Spool
from agent.wire import AnyRecord, Clock, DeviceWord, Event, EventName, Held, Hold, Reading, State

MINUTE = 60_000_000
POSITIONS = ("1/a", "1/b", "1/c")


class Cramped(RuleBasedStateMachine):
    """An agent as report.py is: a position is held only after its state was told, and told anew after a loss."""

    @initialize(limit=st.integers(1500, 5000))
    def begin(self, limit: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="spool-"))
        self.boot = MINUTE
        self.told: set[str] = set()
        self.states: list[tuple[str, int]] = []  # position and the boot clock of every state ever written
        self.polls = 0  # good polls written in holds
        self.server: dict[int, AnyRecord] = {}
        self.spool = Spool(self.folder / "spool.db", self.clocks, limit)

    def clocks(self) -> Clock:
        return Clock(wall=self.boot, boot=self.boot, boot_id="boot")

    def write(self, *records: AnyRecord) -> None:
        if self.spool.append(records):
            self.told.clear()

    @rule(position=st.sampled_from(POSITIONS), long=st.integers(0, 300))
    def news(self, position: str, long: int) -> None:
        self.boot += 1
        self.told.add(position)
        self.states.append((position, self.boot))
        reading = Reading(device=DeviceWord.ONLINE, texts={"console": "x" * long})
        self.write(State(seq=0, clock=self.clocks(), position=position, reading=reading))

    @rule(minutes=st.integers(1, 12))
    def nothing_new(self, minutes: int) -> None:
        for _ in range(minutes):
            since, self.boot = self.boot, self.boot + MINUTE
            self.polls += len(self.told)
            self.write(Hold(seq=0, clock=self.clocks(), since=since, held=dict.fromkeys(self.told, Held(1, 0))))

    @rule(count=st.integers(1, 20), comes_back=st.booleans())
    def send(self, count: int, *, comes_back: bool) -> None:
        self.deliver(count)
        if comes_back:
            self.hear()

    def deliver(self, count: int) -> int:
        records = self.spool.next_batch(count, 1 << 20).records
        for record in records:
            self.server.setdefault(record.seq, record)
        return len(records)

    def hear(self) -> None:
        self.spool.acked(self.spool.stream, joined((seq, seq) for seq in self.server), "e", self.boot)

    def teardown(self) -> None:
        if not hasattr(self, "spool"):
            return
        try:
            self.hear()
            while self.deliver(50):
                self.hear()
            self.what_is_missing_is_named()
            self.no_hold_speaks_for_a_lost_state()
        finally:
            self.spool.close()
            shutil.rmtree(self.folder)

    def what_is_missing_is_named(self) -> None:
        losses = [
            record
            for record in self.server.values()
            if isinstance(record, Event) and record.name in (EventName.GAP, EventName.THINNING)
        ]
        last = max(self.server, default=0)
        missing = set(range(1, last + 1)) - self.server.keys()
        named = {seq for loss in losses for seq in range(int(loss.detail["from"]), int(loss.detail["to"]) + 1)}
        assert missing <= named
        counted = sum(int(loss.detail["count"]) for loss in losses)
        assert len(missing) <= counted  # what was lost here may have reached the server before its ack was heard
        if not any(loss.name is EventName.GAP for loss in losses):
            held = sum(
                polls.good
                for record in self.server.values()
                if isinstance(record, Hold)
                for polls in record.held.values()
            )
            assert held == self.polls

    def no_hold_speaks_for_a_lost_state(self) -> None:
        arrived = {(r.position, r.clock.boot) for r in self.server.values() if isinstance(r, State)}
        for record in self.server.values():
            if isinstance(record, Hold):
                for position in record.held:
                    told = [state for state in self.states if state[0] == position and state[1] <= record.since]
                    assert told
                    assert told[-1] in arrived


TestCramped = Cramped.TestCase
TestCramped.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
