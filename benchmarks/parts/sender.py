"""What `zabbix_sender` does: packets of values to trapper items, each over a connection of its own.

A packet is `ZBXD`, flags, length and JSON, both ways:
https://www.zabbix.com/documentation/6.0/en/manual/appendix/protocols/header_datalen
"""

import asyncio
import json
import random
import re
import struct
import time
from dataclasses import dataclass
from itertools import count, cycle

HEADER = struct.Struct("<4sBII")
PROTOCOL = 1
VALUES = range(10, 70)  # as the load test tells
INFO = re.compile(r"processed: (\d+); failed: (\d+)")


@dataclass
class Tally:
    accepted: int = 0  # values the server said it processed
    packets: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Shape:
    """As of the load test: an agent is a host, a number of a position is an item of it."""

    hosts: int
    positions: int  # of each host
    values: int  # of each position
    observations: int  # in a packet, each of all values of one position


class Sender:
    """Host by host, and of each its positions in turn; of an observation a quarter changed."""

    def __init__(self, port: int, shape: Shape) -> None:
        self._port = port
        self._shape = shape
        self._hosts = count()
        self._positions = [cycle(range(shape.positions)) for _ in range(shape.hosts)]
        self._chance = random.Random(1)
        items = shape.positions * shape.values
        self._numbers = [[self._number() for _ in range(items)] for _ in range(shape.hosts)]

    async def go(self, connections: int, seconds: float) -> Tally:
        """As fast as it is taken, over so many connections at once."""
        tally, began = Tally(), time.monotonic()

        async def carry() -> None:
            while time.monotonic() < began + seconds:
                await self._tell(tally)

        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(carry())
        tally.seconds = time.monotonic() - began
        return tally

    async def known(self) -> bool:
        """Whether the server knows the last host: it reads what is configured when it starts."""
        processed, _ = await self._ask([self._value(self._shape.hosts - 1, 0, time.time_ns())])
        return processed == 1

    async def _tell(self, tally: Tally) -> None:
        host, now = next(self._hosts) % self._shape.hosts, time.time_ns()
        values: list[str] = []
        for left in reversed(range(self._shape.observations)):
            values += self._observation(host, now - left * 1000)  # no two of an item at one moment
        processed, failed = await self._ask(values)
        if failed:
            raise SystemExit(f"Zabbix would not take {failed} of {len(values)} values.")
        tally.accepted += processed
        tally.packets += 1

    def _observation(self, host: int, at: int) -> list[str]:
        first = next(self._positions[host]) * self._shape.values
        items = range(first, first + self._shape.values)
        for item in self._chance.sample(items, max(1, len(items) // 4)):
            self._numbers[host][item] = self._number()
        return [self._value(host, item, at) for item in items]

    def _number(self) -> str:
        return str(self._chance.choice(VALUES))

    def _value(self, host: int, item: int, at: int) -> str:
        clock, ns = divmod(at, 1_000_000_000)
        number = self._numbers[host][item]
        return f'{{"host":"h{host}","key":"v{item}","value":"{number}","clock":{clock},"ns":{ns}}}'

    async def _ask(self, values: list[str]) -> tuple[int, int]:
        """How many values the server says it processed, and how many failed."""
        clock, ns = divmod(time.time_ns(), 1_000_000_000)
        body = f'{{"request":"sender data","data":[{",".join(values)}],"clock":{clock},"ns":{ns}}}'.encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(HEADER.pack(b"ZBXD", PROTOCOL, len(body), 0) + body)
            _, _, length, _ = HEADER.unpack(await reader.readexactly(HEADER.size))
            said = json.loads(await reader.readexactly(length))
        finally:
            writer.close()
        counted = INFO.search(said.get("info", ""))
        if said.get("response") != "success" or counted is None:
            raise SystemExit(f"Zabbix answered: {said}")
        return int(counted[1]), int(counted[2])
