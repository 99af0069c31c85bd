"""What one agent of a load test tells: observations of its positions in turn, in batches, some of them twice."""

import random
import sys
import time
from collections import deque
from itertools import count
from uuid import uuid4

import msgspec

from agent.wire import (
    RECORDS_LIMIT,
    VERSION,
    Ack,
    Batch,
    Clock,
    DeviceWord,
    Exchange,
    Reading,
    State,
    catalogue,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

VALUES = 20  # numbers of an observation
CHANGED = VALUES // 4  # of them, since the observation before
MOVES = 100  # of so many observations one opens a condition, or closes it
TWICE = 20  # of so many batches one comes twice, as after an answer that was lost
OLD = "antivirus.age"  # 10 to 40 days would be a condition
NUMBERS = [name for name in catalogue().number if name != OLD][:VALUES]
LOW, HIGH = 10, 40  # what they say: no rule of a number has anything against it
BOOTED = 3_600_000_000  # µs ago: the boot clock of an agent that just began would be younger than its history


class Agent:
    """Its stream, its positions and its clock."""

    def __init__(self, positions: list[str], seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311
        self._positions = positions
        self._stream = uuid4().hex
        self._boot_id = uuid4().hex
        self._numbers = {key: {name: float(self._number()) for name in NUMBERS} for key in positions}
        self._down: str | None = None  # the position that has a fault
        self._turns = deque(positions)
        self._exchange: Exchange | None = None
        self._last: list[State] = []
        self._batches = count(seed)  # of a thousand agents not all tell something twice at once
        self._first = seed % MOVES
        self.told = 0  # observations, each once
        self.moved = 0  # of them those that open a condition or close it

    def opening(self) -> bytes:
        """A batch without records, as every agent begins with: to hear what the server holds."""
        return self._packed([])

    def batch(self, observations: int) -> tuple[bytes, int]:
        """The next batch, and how many observations in it are new."""
        if self._last and next(self._batches) % TWICE == 0:
            return self._packed(self._last), 0
        now = _boot()
        self._last = [self._state(now - left) for left in reversed(range(min(observations, RECORDS_LIMIT)))]
        return self._packed(self._last), len(self._last)

    def heard(self, ack: Ack, sent: int) -> None:
        """`sent`: by `boot`, when the batch left."""
        self._exchange = Exchange(boot_id=self._boot_id, sent=sent, received=_boot(), server=ack.server, came=ack.came)

    @staticmethod
    def boot() -> int:
        return _boot()

    def _packed(self, records: list[State]) -> bytes:
        batch = Batch(
            version=VERSION,
            stream=self._stream,
            sent=self._clock(_boot()),
            records=list(records),
            exchange=self._exchange,
            agent_version="loadtest",
        )
        return zstd.compress(msgspec.msgpack.encode(batch))

    def _state(self, boot: int) -> State:
        self.told += 1
        key = self._moving() if (self.told + self._first) % MOVES == 0 else self._next()
        numbers = self._numbers[key]
        for name in self._chance.sample(NUMBERS, CHANGED):
            numbers[name] = float(self._number())
        word = DeviceWord.HARDWARE_ERROR if key == self._down else DeviceWord.ONLINE
        reading = Reading(device=word, numbers=dict(numbers))
        return State(seq=self.told, clock=self._clock(boot), position=key, reading=reading)

    def _next(self) -> str:
        self._turns.rotate(-1)
        return self._turns[-1]

    def _moving(self) -> str:
        """A position that gets a fault, or the one that has it and gets well."""
        self.moved += 1
        if self._down is not None:
            key, self._down = self._down, None
            return key
        self._down = self._next()
        return self._down

    def _number(self) -> int:
        return self._chance.randrange(LOW, HIGH)

    def _clock(self, boot: int) -> Clock:
        return Clock(wall=time.time_ns() // 1000 - _boot() + boot, boot=boot, boot_id=self._boot_id)


def _boot() -> int:
    return time.monotonic_ns() // 1000 + BOOTED
