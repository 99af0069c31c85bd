"""Keeps now.json right while the agent runs, and takes into the spool what people leave in the box."""

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from agent.clock import Clocks
from agent.duties import Duties
from agent.link.errors import Elsewhere, NotServing, Rejected, Unable
from agent.link.link import Link
from agent.local import folder, now
from agent.local.box import Aside, Box, entry_of
from agent.poll import Seen
from agent.spool.outbox import Outbox
from agent.spool.streams import Part, part_of
from agent.spool.tables import SpoolFull
from agent.status import kept_out
from agent.wire import Ack, Clock, Entry, Lore, catalogue

LOOK_SECONDS: Final = 1.0
EVERY_SECONDS: Final = 10.0  # the file is written anew at least so often
WAITING: Final = 500  # entries the server has not got; more stay in the box, and nobody fills the spool by it
LISTED: Final = 100  # entries told of

log = logging.getLogger(__name__)


class Local:
    """One folder of one agent. Without the folder (a disk that is full, no permission) the agent goes on as ever."""

    def __init__(self, path: Path, server: str, clocks: Clocks, link: Link, outbox: Outbox, duties: Duties) -> None:
        self._path = path
        self._server = server
        self._clocks = clocks
        self._link = link
        self._outbox = outbox
        self._duties = duties
        self._box = Box(path / folder.BOX, path / folder.ASIDE)
        self._known: dict[str, now.Known] = {}
        self._changed = True
        self._state = ""
        self._began = clocks().boot
        self._contact: int | None = None  # boot µs
        self._contact_before: int | None = None  # wall µs, of an earlier run
        self._numbers: dict[tuple[str, int], str] = {}  # refused records by stream and number -> why
        self._refused: dict[str, str] = {}  # entries by uid -> why
        self._held: tuple[list[Part], int, list[tuple[Entry, bool]]] = ([], 0, [])  # streams, records waiting, entries
        self._told: dict[str, now.NowEntry] = {}  # entries by uid as they were told last, oldest first
        self._hindered = False
        self._full = False

    # -- heard from the rest of the agent -----------------------------------------------------------

    def seen(self, position: str, seen: Seen, *, news: bool) -> None:
        at = self._clocks().boot
        known = self._known.get(position)
        if known is None or news:
            self._changed = True
        same = known is not None and (known.seen.reading.device, known.seen.reading.parts) == (
            seen.reading.device,
            seen.reading.parts,
        )
        self._known[position] = now.Known(seen, at, known.since if known is not None and same else at)

    def answered(self, ack: Ack) -> None:
        self._contact = self._clocks().boot
        for refusal in ack.refused:
            self._numbers[ack.stream, refusal.seq] = refusal.why
            self._changed = True

    @property
    def aside(self) -> Aside:
        """What lies in the box and is no entry."""
        return self._box.standing

    # -- the work -----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look and write until cancelled."""
        await asyncio.to_thread(self._begin)
        written = -EVERY_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            self._changed = await self._take() or self._changed
            state = self._server_state(self._clocks())
            if self._changed or state != self._state or loop.time() - written >= EVERY_SECONDS:
                self._changed, self._state, written = False, state, loop.time()
                await self._write(ended=False)
            await asyncio.sleep(LOOK_SECONDS)

    async def end(self) -> None:
        """The last word: from here nobody looks any more."""
        await self._write(ended=True)

    def _begin(self) -> None:
        try:
            folder.make(self._path)
            before = msgspec.json.decode((self._path / folder.NOW).read_bytes(), type=now.Now)
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            if isinstance(error, OSError):
                self._cannot(error)
            return
        self._contact_before = before.server.contact
        self._told = {entry.uid: entry for entry in before.entries}
        self._refused.update((entry.uid, entry.why) for entry in before.entries if entry.state == "refused")

    async def _take(self) -> bool:
        """Take what waits in the box. True if there was something."""
        lore = self._lore()
        if lore is None:
            return False  # nobody knows yet what stands in this branch
        subjects = frozenset({lore.branch, *lore.positions, *(line.key for line in lore.lines)})
        dropped = await asyncio.to_thread(self._box.look, subjects)
        took = False
        for one in dropped:
            entry = entry_of(one, self._clocks())
            try:
                if await self._outbox.ask(lambda spool: sum(not held for _, held in spool.entries())) >= WAITING:
                    break
                await self._outbox.ask(lambda spool, entry=entry: spool.append_once(entry))  # type: ignore[misc]
            except SpoolFull as error:
                if not self._full:
                    log.error("%s What people entered stays in %s.", error, self._path / folder.BOX)
                self._full = True
                break
            self._full, took = False, True
            await asyncio.to_thread(self._box.taken, one.uid)
            log.info("Took entry %s about %s.", entry.uid, entry.subject)
        if took:
            self._outbox.news.set()
            self._outbox.urgent.set()
        return took

    async def _write(self, *, ended: bool) -> None:
        with suppress(SpoolFull):  # then what it held a moment ago
            self._held = await self._outbox.ask(lambda spool: (spool.parts(), spool.waiting(), spool.entries()))
        parts, waiting, entries = self._held
        self._note_refused(parts, entries)
        content = msgspec.json.encode(self._now(self._clocks(), waiting, entries, ended))
        try:
            if self._hindered:
                await asyncio.to_thread(folder.make, self._path)
            await asyncio.to_thread(folder.write_public, self._path / folder.NOW, content)
            self._hindered = False
        except OSError as error:
            self._cannot(error)

    def _note_refused(self, parts: list[Part], entries: list[tuple[Entry, bool]]) -> None:
        for entry, _ in entries:
            if why := self._numbers.get((part_of(parts, entry.seq).uid, entry.seq)):
                self._refused[entry.uid] = why
        self._numbers.clear()
        kept = {entry.uid for entry, _ in entries}
        self._refused = {uid: why for uid, why in self._refused.items() if uid in kept}

    def _entries(self, entries: list[tuple[Entry, bool]], clock: Clock) -> list[now.NowEntry]:
        """The newest of what people entered, oldest first.

        What the spool has no longer (it was let go of after its days, or another file is in its place) stays as it was
        told last: nobody's report may vanish from the list. Of what waited then, nobody here knows any more.
        """
        kept = {entry.uid: self._entry(entry, held, clock) for entry, held in entries}
        gone = [_gone(entry) for uid, entry in self._told.items() if uid not in kept]
        self._told = {entry.uid: entry for entry in [*gone, *kept.values()][-LISTED:]}
        return list(self._told.values())

    def _cannot(self, error: OSError) -> None:
        if not self._hindered:
            log.error("The people of this PC are told nothing: %s: %s.", self._path, error.strerror)
        self._hindered = True

    # -- what is known just now ---------------------------------------------------------------------

    def _lore(self) -> Lore | None:
        return self._duties.assignment.lore if self._duties.assignment else None

    def _server_state(self, clock: Clock) -> str:
        if self._link.trouble is not None:
            return "refused" if kept_out(self._link.trouble) else "away"
        last = self._contact if self._contact is not None else self._began
        if clock.boot - last > now.CONTACT:
            return "away"
        return "here" if self._contact is not None else "asking"

    def _now(self, clock: Clock, waiting: int, entries: list[tuple[Entry, bool]], ended: bool) -> now.Now:
        assignment, lore = self._duties.assignment, self._lore()
        polled = assignment.polled if assignment else []
        asked = {one.position for one in polled}
        self._known = {key: known for key, known in self._known.items() if key in asked}
        listed = now.positions(polled, self._known, clock, lore, catalogue())
        server = self._server_now(clock, waiting)
        return now.Now(
            version=now.VERSION,
            written=clock,
            agent=assignment.agent if assignment else "",
            ended=ended,
            server=server,
            branch=now.branch_of(lore) if lore else None,
            suspect=now.suspect(polled, self._known, clock, server, met=self._met()),
            positions=listed[: now.POSITIONS],
            left_out=max(0, len(listed) - now.POSITIONS),
            lines=now.lines(lore, polled, self._known, clock, catalogue()),
            plans=lore.plans if lore else [],
            entries=self._entries(entries, clock),
        )

    def _met(self) -> bool:
        """Whether the way to the server is whole, and what is at its end is the trouble."""
        return isinstance(self._link.trouble, Rejected | Elsewhere | NotServing | Unable)

    def _server_now(self, clock: Clock, waiting: int) -> now.NowServer:
        contact = self._contact_before
        if self._contact is not None:
            contact = clock.wall - (clock.boot - self._contact)
        return now.NowServer(
            url=self._server,
            state=self._server_state(clock),  # type: ignore[arg-type]
            contact=contact,
            trouble=self._link.trouble.sentence if self._link.trouble else "",
            kept_out=kept_out(self._link.trouble),
            waiting=waiting,
            stopped=isinstance(self._link.trouble, NotServing),
            unable=isinstance(self._link.trouble, Unable),
        )

    def _entry(self, entry: Entry, held: bool, clock: Clock) -> now.NowEntry:
        entered = entry.entered or entry.clock
        same_boot = entered.boot_id == clock.boot_id
        why = self._refused.get(entry.uid, "")
        return now.NowEntry(
            uid=entry.uid,
            what=entry.what,
            subject=entry.subject,
            who=entry.who,
            said=entry.title or entry.text,
            answer=entry.answer,
            at=clock.wall - (clock.boot - entered.boot) if same_boot else entered.wall,
            state="refused" if why else "delivered" if held else "waiting",
            why=why,
        )


def _gone(entry: now.NowEntry) -> now.NowEntry:
    return msgspec.structs.replace(entry, state="lost") if entry.state == "waiting" else entry
