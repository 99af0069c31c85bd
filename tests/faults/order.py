"""Nothing is sent before it is durable: no record before the spool's fdatasync, no ack before the database's.

Both programs run under strace. Of each record the trace must say, in this order: its bytes were written to the log of
the spool; an fdatasync of that file that began after this came back; the record left. And of each ack: the bytes of
every record that it is the first to name were written to the database's log, an fdatasync came back, the ack left.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agent.wire import Ack, Batch
from tests.faults import trace
from tests.faults.bank import Bank
from tests.faults.bench import bench, until
from tests.faults.count import Count
from tests.faults.kills import settle
from tests.faults.line import RECORDS, Half, line
from tests.faults.trace import Call

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SPOOL_LOG = "/spool.db-wal"
DATABASE_LOG = "/branchfleet.db-wal"
Numbered = tuple[str, int]  # stream, number


@dataclass
class Found:
    """How many records were seen to leave after they were durable, and acks, and what was not in that order."""

    records: int = 0
    acks: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def ordered(self) -> bool:
        return self.records > 0 and self.acks > 0 and not self.wrong


def run(home: Path, acks: int, bank: Bank | None = None) -> tuple[Found, Count]:
    """Trace both until so many acks have passed, and look at the traces."""
    bank = bank or Bank(devices=4, interval=0.5, change=8.0)
    logs = {"server": home / "server.trace", "agent-1001": home / "agent.trace"}
    wrap = {name: trace.words(log) for name, log in logs.items()}
    with bench(home, bank, wrap=wrap) as made, line((made.host, made.port)) as through:
        made.enrol("agent-1001", through.url)
        pids = {"server": made.start_server().pid, "agent-1001": made.start_agent().pid}
        made.tell_story()
        until(lambda: through.acked >= acks, "acknowledgements")
        counted = settle(made, through)
        for name, log in logs.items():
            until(lambda log=log, pid=pids[name]: trace.ended(log, pid), f"the trace of {name}")  # type: ignore[misc]
    return judge(logs["agent-1001"], logs["server"]), counted


def judge(agent: Path, server: Path) -> Found:
    found = Found()
    sent = sending(read(agent), found)
    acknowledging(read(server), sent, found)
    return found


def read(log: Path) -> list[Call]:
    with log.open(encoding="ascii", errors="replace") as lines:
        return list(trace.calls(lines))


def sending(calls: Sequence[Call], found: Found) -> dict[Numbered, bytes]:
    """Judge what the agent sent; gives each record's bytes as they went over the line."""
    durable = Durable(calls, SPOOL_LOG)
    sent: dict[Numbered, bytes] = {}
    for began, head, body in messages(calls):
        if not head.startswith(RECORDS):
            continue
        batch = msgspec.msgpack.decode(zstd.decompress(body), type=Batch)
        for record in batch.records:
            packed = msgspec.msgpack.encode(record)
            if (batch.stream, record.seq) in sent:
                continue
            sent[batch.stream, record.seq] = packed
            found.records += 1
            if not durable.before(packed, began):
                found.wrong.append(f"record {record.seq} left the agent before it was durable in its spool")
    return sent


def acknowledging(calls: Sequence[Call], sent: dict[Numbered, bytes], found: Found) -> None:
    """Judge what the server acknowledged."""
    durable = Durable(calls, DATABASE_LOG)
    acked: set[Numbered] = set()
    for began, head, body in messages(calls):
        ack = _ack(head, body)
        if ack is None:
            continue
        named = {key for key in sent if key[0] == ack.stream and any(lo <= key[1] <= hi for lo, hi in ack.received)}
        fresh = named - acked
        acked |= named
        found.acks += bool(fresh)
        found.wrong += [
            f"record {seq} was acknowledged before it was durable in the database"
            for stream, seq in sorted(fresh)
            if not durable.before(sent[stream, seq], began)
        ]
    if never := set(sent) - acked:
        found.wrong.append(f"{len(never)} records were never acknowledged")


def _ack(head: bytes, body: bytes) -> Ack | None:
    if not head.startswith(b"HTTP/1.1 200"):
        return None
    try:
        return msgspec.msgpack.decode(body, type=Ack)
    except msgspec.MsgspecError:
        return None


class Durable:
    """When a file had what was written to it on the disk."""

    def __init__(self, calls: Sequence[Call], ending: str) -> None:
        of_file = [call for call in calls if call.path.endswith(ending)]
        self._writes = [call for call in of_file if call.name in trace.WRITES]
        self._syncs = [call for call in of_file if call.name in trace.SYNCS]

    def before(self, packed: bytes, moment: int) -> bool:
        """Whether `packed` was written, and a sync that began after that came back, all before `moment`."""
        written = next((call.ended for call in self._writes if packed in call.data), None)
        if written is None:
            return False
        return any(written < call.began and call.ended < moment for call in self._syncs)


def messages(calls: Sequence[Call]) -> Iterator[tuple[int, bytes, bytes]]:
    """HTTP messages a program sent, of every connection: when the last of it began to be sent, head, body."""
    halves: dict[str, Half] = {}
    for call in calls:
        if call.path.startswith("socket:") and call.name in trace.WRITES:
            half = halves.setdefault(call.path, Half())
            half.heard += call.data
            while (message := half.message()) is not None:
                yield call.began, *message


def say(found: Found) -> list[str]:
    lines = [f"{found.records} records left the agent, {found.acks} acks the server"]
    lines += [f"  WRONG: {wrong}" for wrong in found.wrong[:10]]
    lines.append("each after the fdatasync of what it tells of" if found.ordered else "NOT each after its fdatasync")
    return lines
