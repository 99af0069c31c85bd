"""Count what a spool holds and what a server holds: `python count.py spool.db server.db [dead-server.db]`.

By plain SQL, with nothing of Branchfleet's own: every number of every stream once, with the same bytes and clocks; and
against the database of a server that is dead, whatever that had, row by row but for ids and arrival. Corrected times
may differ by no more than the two rows say they may.
"""

import json
import sqlite3
import sys
from typing import Any

SERVER = """
SELECT stream.uid, seq, kind, subject_id, wall, boot, boot_id, body, at, confidence
FROM record JOIN stream ON stream.id = record.stream_id
"""


def main() -> int:
    spool, server, *dead = [sqlite3.connect(f"file:{path}?mode=ro", uri=True) for path in sys.argv[1:]]
    stream = spool.execute("SELECT uid FROM stream").fetchone()[0]
    written = dict(spool.execute("SELECT seq, body FROM record").fetchall())
    rows = server.execute(SERVER).fetchall()
    held = {(row[0], row[1]): row for row in rows}
    figures: dict[str, Any] = {
        "written": len(written),
        "held": len(rows),
        "twice": len(rows) - len(held),
        "missing": [seq for seq in written if (stream, seq) not in held],
        "other bytes": [seq for seq, body in written.items() if held.get((stream, seq), [b""] * 8)[7] != body],
        "holes": len(written) - max(written, default=0),
    }
    for one in dead:
        before = one.execute(SERVER).fetchall()
        figures["held by the dead"] = len(before)
        figures["other than the dead had"] = [row[1] for row in before if not _same(row, held.get((row[0], row[1])))]
    print(json.dumps(figures))
    wrong = ("twice", "missing", "other bytes", "holes", "other than the dead had")
    return int(any(figures.get(key) for key in wrong))


def _same(one: tuple[Any, ...], other: tuple[Any, ...] | None) -> bool:
    return other is not None and one[:8] == other[:8] and abs(one[8] - other[8]) <= one[9] + other[9]


if __name__ == "__main__":
    raise SystemExit(main())
