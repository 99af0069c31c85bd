"""What agents of each released wire version send is taken for ever, to the rows noted beside it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select
from sqlmodel import col

from agent.wire import MEDIA_JSON, MEDIA_MSGPACK, VERSION, Ack, Batch, Fact
from server.clock import SetClock
from server.ingest.tables import Attested, RecordRow
from server.inventory.tables import Subject
from server.storage.database import Database

RECORDED = Path(__file__).parent / "recorded"
BATCHES = sorted(path.with_suffix("") for path in RECORDED.glob("v*/*.msgpack"))
NEW_VERSION = """\
agent.wire.VERSION is {version} and tests/server/ingest/recorded has no folder of it. What agents in the branches send
does not change with the wire: keep every older folder, see that the server still takes what is in them, and record the
new version by `python tests/server/ingest/recorded/make.py`."""


def test_the_present_version_is_recorded() -> None:
    assert (RECORDED / f"v{VERSION}").is_dir(), NEW_VERSION.format(version=VERSION)


@pytest.mark.parametrize("form", [".msgpack", ".json", ".msgpack.zst", ".json.zst"])
@pytest.mark.parametrize("batch", BATCHES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_recorded_batch_is_taken_to_the_rows_noted_beside_it(
    batch: Path, form: str, client: Any, agent_token: Callable[[str], str], database: Database, now: SetClock
) -> None:
    headers = {"Authorization": f"Bearer {agent_token('1001-pc')}", "Accept": MEDIA_JSON}
    headers["Content-Type"] = MEDIA_JSON if ".json" in form else MEDIA_MSGPACK
    if form.endswith(".zst"):
        headers["Content-Encoding"] = "zstd"
    body = Path(f"{batch}{form}").read_bytes()
    answer = client.post("/api/agent/records", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    rows = what_came(database, msgspec.json.decode(answer.content, type=Ack), now())
    noted = Path(f"{batch}.rows.json")
    if os.environ.get("BRANCHFLEET_NOTE_ROWS"):
        noted.write_text(_readable(rows), encoding="utf-8")
    assert rows == json.loads(noted.read_text(encoding="utf-8"))


def what_came(database: Database, ack: Ack, noon: int) -> dict[str, Any]:
    """The ack, the record log and what is attested, without ids; corrected times in µs from when the batch arrived."""
    with database.read() as session:
        records = session.execute(
            select(RecordRow, col(Subject.key))
            .join(Subject, col(Subject.id) == col(RecordRow.subject_id), isouter=True)
            .order_by(col(RecordRow.seq))
        ).all()
        attested = session.execute(
            select(Attested, col(Subject.key))
            .join(Subject, col(Subject.id) == col(Attested.subject_id))
            .order_by(col(Subject.key), col(Attested.start))
        ).all()
    return {
        "received": [list(span) for span in ack.received],
        "refused": [refusal.seq for refusal in ack.refused],
        "records": [
            {
                "seq": row.seq,
                "kind": row.kind,
                "subject": key,
                "at": row.at - noon,
                "clock": [row.wall, row.boot, row.boot_id],
                "body": json.loads(msgspec.json.encode(msgspec.msgpack.decode(row.body))),
            }
            for row, key in records
        ],
        "attested": [[key, row.start - noon, row.end - noon, row.good, row.failed] for row, key in attested],
    }


def _readable(rows: dict[str, Any]) -> str:
    """JSON with a line a row."""

    def lines(key: str) -> str:
        return ",\n".join(f"  {json.dumps(row, ensure_ascii=False, sort_keys=True)}" for row in rows[key])

    parts = [f'"{key}": {json.dumps(rows[key])}' for key in ("received", "refused")]
    parts += [f'"{key}": [\n{lines(key)}\n]' for key in ("records", "attested")]
    return "{" + ",\n".join(parts) + "}\n"


def facts_of(batch: str) -> list[Fact]:
    said = msgspec.msgpack.decode((RECORDED / "v1" / f"{batch}.msgpack").read_bytes(), type=Batch)
    return [record for record in said.records if isinstance(record, Fact)]


def test_what_an_agent_said_before_there_were_topics_is_of_its_host() -> None:
    (old,) = facts_of("every-kind")
    assert (old.topic, old.unread) == ("host", {})
    assert b"topic" not in msgspec.msgpack.encode(old)  # and it is still said in the same bytes


def test_true_is_not_one_and_false_not_zero() -> None:
    host, antivirus, network = facts_of("facts")
    assert host.facts["reboot.pending"] is True
    assert type(host.facts["cpu.count"]) is int
    assert type(antivirus.facts["av.count"]) is int
    assert network.facts["smb1.server"] is False
    assert (network.topic, network.facts["shares"], network.unread) == ("network", [], {"firewall.": "rights"})
