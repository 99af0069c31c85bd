"""The spool: every record on disk before it is sent, kept until the server holds it and for a while after.

One SQLite file, one writer: a second agent is refused. Numbers count from 1 and never begin again in a file; which of
them count in which stream is told in `streams.py`. A number that was given and never comes is named by a GAP or
THINNING event, so the server can tell a loss from a record under way. Nothing here knows threads or retries;
`outbox.py` keeps the spool in a thread of its own.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from agent.clock import Clocks
from agent.orders import keeping
from agent.spool import held, streams
from agent.spool.ranges import joined
from agent.spool.room import Loss, drop_before, let_go_of_state, make_room, read, read_within
from agent.spool.standing import Standing, standing_of
from agent.spool.streams import Part
from agent.spool.tables import SpoolDamaged, SpoolFull, open_file, translated
from agent.wire import AnyRecord, Break, Clock, Entry, Event, EventName, Follows, State

LIMIT = 2048 << 20  # bytes of records; a quiet branch writes about 1 MB a day
DAYS = 60  # records wait this long at most, counting only the time the agent ran: no clock can make them older
DAY = 86_400_000_000  # µs
KEPT_MICROS = 7 * DAY  # acknowledged records stay this long, by the server's clock
OLDER = "an older copy of the spool was brought back"
FORKED = (
    "the server did not know this program as the one after the last: it was killed while nothing could be written, "
    "it was enrolled anew, or a copy of this home speaks"
)
RESTORED = "the server was brought back from a backup, and cannot tell this home from a copy of it"
TAKEN_OVER = "this home was another agent's before"
FORGOTTEN = "the server lost them when they had been let go of here"
_TOLD_BOOTS = 500  # boots one batch speaks of

T = TypeVar("T")


class Parcel(msgspec.Struct, frozen=True):
    """What is to be sent next, all of one stream, how many records wait behind it, and the boots these are of."""

    stream: str
    records: list[AnyRecord]
    waiting: int
    boots: list[Clock] = []
    lost: bool = False  # a record could not be read back: whatever it said has to be told anew
    follows: Follows | None = None


class Acked(msgspec.Struct, frozen=True):
    """What an ack changed: records now held by the server, records it held and holds no longer, whether its database
    is another than before, and "" or why another stream was begun."""

    held: int = 0
    again: int = 0
    another: bool = False
    begun: str = ""

    @property
    def lacks(self) -> bool:
        """The server may lack states it had: holds would speak of them."""
        return bool(self.again) or self.another or self.begun == OLDER


class Spool:
    """An open spool. Any method may raise SpoolFull or SpoolDamaged; what it was to change is then as before."""

    def __init__(self, path: Path, clocks: Clocks, limit: int = LIMIT, days: int = DAYS) -> None:
        self.path = path
        self._clocks = clocks
        self._limit = limit
        self._days = days
        with self._translated():
            self._db = open_file(path)
            with suppress(sqlite3.OperationalError):  # a full disk: slower, and no more
                self._db.execute("CREATE INDEX IF NOT EXISTS entries ON record (seq) WHERE kind = 'entry'")

    def close(self) -> None:
        self._db.close()

    @property
    def stream(self) -> str:
        """What is written now counts in."""
        return self.parts()[-1].uid

    def parts(self) -> list[Part]:
        """The streams of the file, in the order of their numbers; the last is the current one."""
        with self._translated():
            return streams.parts(self._db)

    # -- writing ------------------------------------------------------------------------------------

    def append(self, records: Sequence[AnyRecord], *, lost: int = 0, why: str = "", ends: str = "") -> bool:
        """Number the records and make them durable. Their own `seq` is ignored.

        `lost` records before them never got here: they take numbers too, and a GAP event says why they never come.
        `ends` is the uid of the order whose Result is the last of them.
        True if records had to be dropped to stay within the limit.
        """
        with self._writing():
            if lost:
                first = self._next()
                self._db.execute("UPDATE spool SET next = next + ?", (lost,))
                loss = Loss(streams.parts(self._db))
                loss.add(first, first + lost - 1, lost)
                self._note(EventName.GAP, loss, why)
            another_day = self._pass_time()
            self._insert(records)
            if ends:
                keeping.note_result(self._db, ends, self._next() - 1)
            dropped = another_day and self._drop_old()
            return make_room(self._db, self._limit, self._note) or dropped

    def change(self, deed: Callable[[sqlite3.Connection], T]) -> T:
        """What `orders/keeping.py` does with the file, durable when this returns."""
        with self._writing():
            return deed(self._db)

    def _pass_time(self) -> bool:
        """Count how long the agent has run. True if another day of that has begun."""
        clock = self._clocks()
        ran, boot_id, boot = self._db.execute("SELECT ran, boot_id, boot FROM spool").fetchone()
        if boot_id == clock.boot_id:
            ran += max(0, clock.boot - boot)
        self._db.execute("UPDATE spool SET ran = ?, boot_id = ?, boot = ?", (ran, clock.boot_id, clock.boot))
        begun = self._db.execute("INSERT OR IGNORE INTO day SELECT ?, next FROM spool", (ran // DAY,))
        return begun.rowcount > 0

    def _drop_old(self) -> bool:
        oldest = "SELECT max(first) FROM day WHERE day <= (SELECT max(day) FROM day) - ?"
        first = self._db.execute(oldest, (self._days,)).fetchone()[0]
        if first is None:
            return False
        self._db.execute("DELETE FROM day WHERE first < ?", (first,))
        return drop_before(self._db, first, self._note)

    def append_once(self, entry: Entry) -> bool:
        """Take an entry of a person, unless one of its uid is here already: then it was taken before a crash."""
        if any(kept.uid == entry.uid for kept, _ in self.entries()):
            return False
        self.append([entry])
        return True

    def entries(self) -> list[tuple[Entry, bool]]:
        """What people entered and is still here, oldest first, and whether the server holds it."""
        with self._translated():
            asked = "SELECT body, acked IS NOT NULL FROM record WHERE kind = 'entry' ORDER BY seq"
            rows = self._db.execute(asked).fetchall()
        found = ((read(body), bool(held)) for body, held in rows)
        return [(record, held) for record, held in found if isinstance(record, Entry)]

    def waiting(self) -> int:
        """How many records the server does not hold yet."""
        with self._translated():
            found: int = self._db.execute("SELECT waiting FROM spool").fetchone()[0]
        return found

    def _insert(self, records: Iterable[AnyRecord]) -> None:
        rows = []
        boots: dict[str, tuple[str, int, int, int, int]] = {}
        for seq, record in enumerate(records, self._next()):
            clock = record.clock
            first = boots[clock.boot_id][1] if clock.boot_id in boots else seq
            boots[clock.boot_id] = (clock.boot_id, first, seq, clock.wall, clock.boot)
            body = msgspec.msgpack.encode(msgspec.structs.replace(record, seq=seq))
            rows.append((seq, type(record).__struct_config__.tag, body))
        self._db.executemany("INSERT INTO record (seq, kind, body) VALUES (?, ?, ?)", rows)
        self._db.execute("UPDATE spool SET next = next + ?", (len(rows),))
        self._db.executemany(
            "INSERT INTO boot (boot_id, first, last, wall, boot) VALUES (?, ?, ?, ?, ?) ON CONFLICT (boot_id)"
            " DO UPDATE SET last = excluded.last, wall = excluded.wall, boot = excluded.boot",
            list(boots.values()),
        )

    def _next(self) -> int:
        found: int = self._db.execute("SELECT next FROM spool").fetchone()[0]
        return found

    def _note(self, name: EventName, loss: Loss, why: str) -> None:
        """Say that numbers never come, with what earlier events not yet handed out said of the same."""
        rows = self._db.execute(
            "SELECT seq, body FROM record WHERE kind = 'event' AND acked IS NULL AND seq > (SELECT offered FROM spool)"
        ).fetchall()
        for seq, body in rows:
            event = read(body)
            if isinstance(event, Event) and event.name is name and event.detail.get("reason") == why:
                self._db.execute("DELETE FROM record WHERE seq = ?", (seq,))
                loss.add(seq)
                loss.absorb(event)
        current = streams.parts(self._db)[-1].uid
        for uid, span in loss.spans.items():
            detail: dict[str, str | int] = {"from": span.first, "to": span.last, "count": span.count, "reason": why}
            if uid != current:
                detail["stream"] = uid
            self._insert([Event(seq=0, clock=self._clocks(), name=name, detail=detail)])

    def set_aside(self, seq: int, why: str) -> None:
        """Let go of a record the server cannot take, and say so with a GAP."""
        self._set_aside([seq], why)

    def _set_aside(self, numbers: Sequence[int], why: str) -> None:
        with self._writing():
            loss = Loss(streams.parts(self._db))
            for seq in numbers:
                row = self._db.execute("SELECT body FROM record WHERE seq = ?", (seq,)).fetchone()
                self._db.execute("DELETE FROM record WHERE seq = ?", (seq,))
                if row and isinstance(record := read(row[0]), State):
                    let_go_of_state(self._db, record)
                loss.add(seq)
            self._note(EventName.GAP, loss, why)

    # -- sending ------------------------------------------------------------------------------------

    def next_batch(self, count: int, size: int) -> Parcel:
        """The oldest records the server does not hold: at most `count`, and `size` bytes unless the first is longer."""
        parcel, unreadable = self._read(count, size)
        lost = bool(unreadable)
        while unreadable:
            self._set_aside(unreadable, "the record could not be read back from the spool")
            parcel, unreadable = (parcel, []) if parcel.records else self._read(count, size)
        if parcel.records and parcel.stream == self.stream:
            self._offer(parcel.records[-1].seq)
        return msgspec.structs.replace(parcel, boots=self._boots(parcel.records), lost=lost)

    def _read(self, count: int, size: int) -> tuple[Parcel, list[int]]:
        """The same, and the numbers of those among them that cannot be read."""
        with self._translated():
            waiting = self._db.execute("SELECT waiting FROM spool").fetchone()[0]
            first = self._db.execute("SELECT min(seq) FROM record WHERE acked IS NULL").fetchone()[0] or self._next()
            part = streams.part_of(streams.parts(self._db), first)
            asked = "SELECT seq, body FROM record WHERE acked IS NULL AND seq < ? ORDER BY seq LIMIT ?"
            with closing(self._db.execute(asked, (part.end, count))) as rows:
                records, unreadable = read_within(rows, size)
        return Parcel(part.uid, records, waiting - len(records), follows=part.follows), unreadable

    def _boots(self, records: Sequence[AnyRecord]) -> list[Clock]:
        """The boots that have records from the first of `records` on, and each one's end.

        Only whoever knows them all can place boots that never met the server, and they come in several batches.
        """
        if not records:
            return []
        with self._translated():
            rows = self._db.execute(
                "SELECT wall, boot, boot_id FROM boot WHERE last >= ? ORDER BY first LIMIT ?",
                (records[0].seq, _TOLD_BOOTS),
            ).fetchall()
        return [Clock(*row) for row in rows]

    def _offer(self, seq: int) -> None:
        offered = self._db.execute("SELECT offered FROM spool").fetchone()[0]
        if seq > offered:
            with suppress(SpoolFull), self._writing():  # a full disk must not keep records from being sent
                self._db.execute("UPDATE spool SET offered = ?", (seq,))

    def met(self, stream: str, ranges: Iterable[tuple[int, int]], epoch: str, server: int) -> Acked:
        """As `acked`, of the first answer since this file was opened, to a batch without records.

        What the server holds beyond what was ever handed out shows a copy brought back, even if as many new records
        have been written meanwhile as the old file had. Later on, only numbers never given would show it. And where
        `part` asked for it, another stream begins: by now it is known what the server lacks of this one.
        """
        return self._hear(stream, joined(ranges), epoch, server, met=True)

    def acked(self, stream: str, ranges: Iterable[tuple[int, int]], epoch: str, server: int) -> Acked:
        """The server holds exactly `ranges` of `stream`, and `server` is its clock.

        What it held before and holds no longer (an older database came back) waits again. Numbers it holds and we
        never gave mean that this file is a copy brought back (a restored image of the PC): those numbers were used
        for other records, so what waits goes on in another stream.
        """
        return self._hear(stream, joined(ranges), epoch, server, met=False)

    def _hear(self, stream: str, ranges: list[tuple[int, int]], epoch: str, server: int, *, met: bool) -> Acked:
        with self._writing():
            part = next((part for part in streams.parts(self._db) if part.uid == stream), None)
            if part is None:
                return Acked()
            heard, offered, parting = self._db.execute("SELECT heard, offered, parting FROM spool").fetchone()
            older = part.current and bool(ranges) and ranges[-1][1] > (offered if met else part.end - 1)
            another = part.epoch not in ("", epoch)
            newly, again = 0, held.take_back(self._db, part, ranges)
            if not (part.current and (older or parting)):  # else another may have used the numbers that wait
                newly = held.let_go(self._db, part, ranges, server)
            if another and server >= heard:
                self._name_forgotten(part, ranges)
            if epoch != part.epoch:
                self._db.execute("UPDATE stream SET epoch = ? WHERE uid = ?", (epoch, stream))
            if server > heard:
                self._db.execute("UPDATE spool SET heard = ?", (server,))
            self._db.execute("DELETE FROM record WHERE acked < ?", (server - KEPT_MICROS,))
            self._db.execute("DELETE FROM orders WHERE acked < ?", (server - KEPT_MICROS,))
            self._db.execute("DELETE FROM boot WHERE last < (SELECT min(seq) FROM record)")
            begun = ""
            if older:
                begun = self._begin(Break.OLDER, OLDER)
            elif part.current and parting and met:
                begun = self._begin(Break.COPY, RESTORED if another else parting)
        return Acked(newly, again, another, begun)

    def _name_forgotten(self, part: Part, ranges: list[tuple[int, int]]) -> None:
        loss = Loss(streams.parts(self._db))
        for low, high in held.forgotten(self._db, part, ranges):
            loss.add(low, high, high - low + 1)
        if loss.spans:
            self._note(EventName.GAP, loss, FORGOTTEN)

    # -- streams ------------------------------------------------------------------------------------

    def part(self, why: str = FORKED) -> None:
        """The numbers that wait may have been used by another: have another stream begin once the server was met."""
        with self._writing():
            self._db.execute("UPDATE spool SET parting = ?", (why,))

    def belong(self, owner: str) -> bool:
        """Whose records these are. True if the file was another agent's: what waits goes on in a stream of its own,
        and what the other was acknowledged is let go of, because nobody but it could send that again."""
        with self._writing():
            before: str = self._db.execute("SELECT owner FROM spool").fetchone()[0]
            if before == owner:
                return False
            self._db.execute("UPDATE spool SET owner = ?", (owner,))
            if not before:
                return False
            former = "DELETE FROM stream WHERE first < (SELECT max(first) FROM stream)"
            self._db.execute("DELETE FROM record WHERE acked IS NOT NULL")
            self._db.execute("DELETE FROM orders")
            self._db.execute(former)
            self._db.execute("UPDATE spool SET settled = coalesce((SELECT min(seq) FROM record), next)")
            self._db.execute("UPDATE stream SET first = min(first, (SELECT settled FROM spool)), epoch = ''")
            self._begin(Break.COPY, TAKEN_OVER)
            self._db.execute(former)
        return True

    def _begin(self, why: Break, reason: str) -> str:
        """Begin another stream from the first number on that the server does not hold, and say so in it, last."""
        was = streams.parts(self._db)[-1].uid
        first = self._db.execute("SELECT settled FROM spool").fetchone()[0]
        streams.begin(self._db, first)
        detail: dict[str, str | int] = {"reason": reason, "why": why.value, "was": was}
        if first > 1:
            detail |= {"from": 1, "to": first - 1, "count": first - 1}
        self._insert([Event(seq=0, clock=self._clocks(), name=EventName.NEW_STREAM, detail=detail)])
        return reason

    def standing(self) -> Standing:
        with self._translated():
            return standing_of(self._db)

    # -- borders ------------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction: durable when the block ends, and nothing changed if it raises."""
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # on a full disk SQLite may have rolled back by itself
                    self._db.execute("ROLLBACK")
                raise

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self.path)


def open_spool(path: Path, clocks: Clocks, limit: int = LIMIT, days: int = DAYS) -> tuple[Spool, str]:
    """The spool at `path`, and "" or what was wrong with the file that had to be moved aside for it."""
    try:
        return Spool(path, clocks, limit, days), ""
    except SpoolDamaged as damage:
        return begin_anew(path, clocks, limit, str(damage), days), str(damage)


def begin_anew(path: Path, clocks: Clocks, limit: int, damage: str, days: int = DAYS) -> Spool:
    """Move a damaged spool aside, as `NAME.damaged`, and begin another that tells of it. The old one must be closed.

    It is moved when the new one is whole: on a full disk it stays, and the next try finds the same.
    """
    aside, fresh = path.with_name(f"{path.name}.damaged"), path.with_name(f"{path.name}.new")
    detail: dict[str, str | int] = {"reason": damage, "why": Break.DAMAGED.value, "was": ""}
    try:
        for ending in ("-wal", ""):  # of a try before
            fresh.with_name(fresh.name + ending).unlink(missing_ok=True)
        with closing(Spool(fresh, clocks, limit, days)) as spool:
            spool.append([Event(seq=0, clock=clocks(), name=EventName.NEW_STREAM, detail=detail)])
        for ending in ("-wal", ""):  # the file itself last: without its log it would look whole
            part = path.with_name(path.name + ending)
            if part.exists():
                os.replace(part, aside.with_name(aside.name + ending))
        os.replace(fresh, path)
    except OSError as error:
        raise SpoolFull(f"The damaged spool {path} cannot be moved aside: {error.strerror}.") from error
    return Spool(path, clocks, limit, days)
