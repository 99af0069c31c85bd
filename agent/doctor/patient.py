"""What the looks share: the agent's folder, its settings, its assignment, and what it says of itself while it runs."""

import os
import shutil
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import msgspec

from agent.assignment import Target, load, make_target
from agent.causes import chinese, of_sqlite
from agent.clock import Clocks
from agent.doctor.finding import Text
from agent.exit import Trouble
from agent.link.errors import LinkError
from agent.link.identity import public_of
from agent.link.link import open_line
from agent.link.tokens import post
from agent.link.trust import Trust, context_for
from agent.proof import made_at
from agent.settings import Settings, load_settings
from agent.spool.standing import Standing, standing_of
from agent.status import STALE_SECONDS, Status, read_status
from agent.wire import Challenge, ChallengeAsk, Clock
from drivers.base import Shared

FULL = 1 << 20  # bytes: with less room than that nothing of ours can be relied on to be written


class Answer(msgspec.Struct, frozen=True):
    """What the server said to a question asked just now. `trouble` is why it said nothing of use."""

    trouble: LinkError | None
    asked: int = 0  # when, UTC µs by this PC's clock
    offset: int | None = None  # µs the server's clock is ahead of this PC's
    took: int = 0  # µs from question to answer


class SpoolFile(msgspec.Struct, frozen=True):
    """The spool as far as it lets itself be looked into."""

    there: bool
    taken: bool = False  # by a running agent
    trouble: Text | None = None
    standing: Standing | None = None


class Disk(msgspec.Struct, frozen=True):
    """Where the agent's folder lies. Bytes; None: it could not be looked at, and why."""

    free: int | None = None
    total: int = 0
    trouble: Text = Text("", "")

    @property
    def full(self) -> bool:
        return self.free is not None and self.free < FULL


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    home: Path
    now: Clock
    settings: Settings | None
    unset: Trouble | None  # why there are no settings
    status: Status | None
    spool: SpoolFile
    disk: Disk
    answer: Answer | None  # None: there was nobody to ask
    unproved: Trouble | None = None  # why nobody was asked: there is no CA to know the server by
    assigned: bool  # the server told at some time what to poll
    targets: dict[str, Target]

    @property
    def running(self) -> bool:
        """Nobody but a running agent holds the spool; where there is none yet, its process counts."""
        return self.spool.taken

    @property
    def live(self) -> Status | None:
        """What the running agent says, if that is of now."""
        status = self.status
        if not self.running or status is None or status.at.boot_id != self.now.boot_id:
            return None
        return status if self.now.boot - status.at.boot <= STALE_SECONDS * 1_000_000 else None


async def look_at(home: Path, environment: Mapping[str, str], clocks: Clocks, lang: str = "zh") -> Patient:
    """Look once at everything. `lang` is what the server is asked to speak."""
    settings, unset, answer, unproved = None, None, None, None
    try:
        settings = load_settings(home, environment)
    except Trouble as trouble:
        unset = trouble
    if settings is not None:
        try:
            answer = await _ask(settings, clocks, lang)
        except Trouble as trouble:
            unproved = trouble
    assignment = load(home)
    shared = Shared()
    targets = {polled.position: make_target(polled, shared) for polled in assignment.polled} if assignment else {}
    return Patient(
        home=home, now=clocks(), settings=settings, unset=unset, status=read_status(home),
        spool=look_into(home / "spool.db"), disk=_disk(home), answer=answer, unproved=unproved,
        assigned=assignment is not None, targets=targets,
    )  # fmt: skip


def _disk(home: Path) -> Disk:
    try:
        usage = shutil.disk_usage(home)
    except OSError as error:
        return Disk(trouble=Text(chinese(error), error.strerror or str(error)))
    return Disk(usage.free, usage.total)


async def _ask(settings: Settings, clocks: Clocks, lang: str) -> Answer:
    """A challenge, which proves that the server is there and who it is. Trouble without a CA to prove it by.

    A token is the running agent's alone to ask for: two that have one look like two agents with one identity.
    """
    context = context_for(settings.server, Trust(settings.home))
    before = clocks()
    try:
        async with open_line(settings.server, context, lang) as line:
            ask = ChallengeAsk(public_of(settings.identity.key))
            challenge = await post(line, "/api/agent/challenge", ask, Challenge)
    except LinkError as error:
        return Answer(error, before.wall)
    after = clocks()
    took = after.boot - before.boot
    return Answer(None, before.wall, made_at(challenge.challenge) - (after.wall - took // 2), took)


def look_into(path: Path) -> SpoolFile:
    """Read-only and in one go: an agent that starts meanwhile must not find its spool taken for long."""
    if not path.exists():
        return SpoolFile(there=False)
    if not os.access(path, os.R_OK):
        return SpoolFile(there=True, trouble=Text(f"这个用户无权读 {path}", f"{path} may not be read by this user"))
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)) as db:
            return SpoolFile(there=True, standing=standing_of(db))
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return SpoolFile(there=True, taken=True)
        return SpoolFile(there=True, trouble=Text(of_sqlite(error), str(error)))
    except TypeError:  # a table that should have a row has none
        trouble = Text("内容不是采集程序写的", "the file is not what was written")
        return SpoolFile(there=True, trouble=trouble)


WINDOWS = sys.platform == "win32"
