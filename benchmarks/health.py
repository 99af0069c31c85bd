"""How quick health follows the record log: `python -m benchmarks.health [--positions N] [--records N]`.

Prints records and held positions a second of a backlog, on a temporary SQLite file.
"""

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import insert
from sqlmodel import Session

from agent.wire import Clock, DeviceWord, Held, Hold, Reading
from agent.wire import State as StateRecord
from server.health.follower import Follower
from server.ingest.tables import Attested, RecordRow, Stream
from server.inventory.tables import Agent, Branch, Observer, Position, Subject, SubjectKind
from server.migrations import upgrade
from server.storage.database import Database

NOW = 1_793_764_800_000_000
MINUTE = 60_000_000
A_HOLD = 500  # positions in one hold


def fill(database: Database, positions: int) -> None:
    with database.write() as session:
        for own, kind, key in ((1, SubjectKind.BRANCH, "1001"), (2, SubjectKind.AGENT, "centre")):
            session.add(Subject(id=own, kind=kind, key=key, name=key, branch_id=1))
            session.flush()
        session.add(Branch(id=1, kind="branch"))
        session.add(Agent(id=2))
        session.flush()
        session.add(Stream(id=1, agent_id=2, uid="bench", first_seen=NOW))
        for number in range(positions):
            own = number + 3
            session.add(Subject(id=own, kind=SubjectKind.POSITION, key=_key(number), name="x", branch_id=1))
            session.flush()
            session.add(Position(id=own, cls="printer", driver="passbook", interval_us=MINUTE))
            session.flush()
            session.add(Observer(subject_id=own, agent_id=2))


def _key(number: int) -> str:
    return f"1001/p-{number}"


def tell(session: Session, positions: int, records: int) -> int:
    """States of chance positions, and a hold of A_HOLD positions after every 100; gives how many were held."""
    chance = random.Random(7)
    rows: list[dict[str, Any]] = []
    held = 0
    for seq in range(1, records + 1):
        at = NOW + seq * 10_000
        clock = Clock(wall=at, boot=at - NOW + MINUTE, boot_id="boot")
        record: StateRecord | Hold
        number = chance.randrange(positions)
        if seq % 100:
            parts = {"paper": chance.choice(["ok", "ok", "ok", "low", "out"]), "cover": "closed"}
            reading = Reading(device=DeviceWord.ONLINE, parts=parts, numbers={"pages": float(seq), "load": 20.0})
            record = StateRecord(seq=seq, clock=clock, position=_key(number), reading=reading)
        else:
            keys = [_key((number + n) % positions) for n in range(min(A_HOLD, positions))]
            record = Hold(seq=seq, clock=clock, since=clock.boot - MINUTE, held={key: Held(1, 0) for key in keys})
            held += len(keys)
        rows.append(
            {
                "stream_id": 1,
                "seq": seq,
                "kind": "state" if seq % 100 else "hold",
                "subject_id": number + 3 if seq % 100 else None,
                "at": at,
                "confidence": 0,
                "wall": at,
                "boot": clock.boot,
                "boot_id": "boot",
                "arrived": at,
                "body": msgspec.msgpack.encode(record),
            }
        )
    session.execute(insert(RecordRow), rows)
    session.execute(insert(Attested), [_held(row, records) for row in rows if row["kind"] == "state"])
    return held


def _held(row: dict[str, Any], records: int) -> dict[str, Any]:
    """As if every hold went on from the state."""
    same = {"subject_id": row["subject_id"], "agent_id": 2, "good": 1, "failed": 0}
    return {"record_id": row["seq"], "start": row["at"], "end": NOW + records * 10_000, **same}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--positions", type=int, default=3_000)
    parser.add_argument("--records", type=int, default=20_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'bench.db'}")
        upgrade(database)
        fill(database, given.positions)
        with database.write() as session:
            held = tell(session, given.positions, given.records)
        follower = Follower(database, lambda: NOW + given.records * 10_000)
        began = time.perf_counter()
        while follower.step():
            pass
        spent = time.perf_counter() - began
        print(f"{given.records / spent:,.0f} records/s, {held / spent:,.0f} held positions/s")
        database.close()


if __name__ == "__main__":
    main()
