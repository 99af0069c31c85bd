"""The drop box: a console leaves a whole file under a fresh name, the agent takes it into its spool, once.

What is left there may be anything: a link, a pipe, a megabyte, half a file. None of it is followed, waited for or
believed; what is no entry of this branch is set aside with its reason.
"""

import logging
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from agent.texts import Gettext, _
from agent.wire import Clock, Entry

SIZE = 16_384  # bytes of one file
AT_ONCE = 20  # files taken at one look
NAMES = 1000  # names looked at
KEPT_ASIDE = 50
UNFINISHED = 86_400  # seconds after which a file that was never finished is removed
WHO, TITLE, TEXT = 40, 200, 2000  # characters
FARTHEST = 1 << 60  # µs of any clock; a server takes none beyond, and the spool cannot even write the largest
_NAME = re.compile(r"([0-9a-f]{32})\.json")

log = logging.getLogger(__name__)

Micros = Annotated[int, msgspec.Meta(ge=-FARTHEST, le=FARTHEST)]


class Dropped(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a console writes. `wall` is UTC µs; `boot` and `boot_id` where the console can tell them."""

    version: Literal[1]
    uid: str
    subject: str
    what: Literal["ticket", "note", "answer"]
    who: str
    wall: Micros
    title: str = ""
    text: str = ""
    fault: Literal["hardware", "software", "network", "power", "other"] = "other"
    urgent: bool = False
    answer: Literal["", "power", "line", "closed"] = ""
    boot: Micros | None = None
    boot_id: str | None = None


class Aside(msgspec.Struct, frozen=True):
    """What was left in the box and is no entry: how many lie aside, how many older ones were removed since the agent
    began, and how many could not even be moved."""

    kept: int = 0
    removed: int = 0
    stuck: int = 0


class NotTaken(Exception):
    """Why a file is no entry: a sentence with blanks, English for the log, and as people read it beside the file."""

    def __init__(self, template: str, **values: object) -> None:
        super().__init__(template.format(**values))
        self.template = template
        self.values = values

    def say(self, translate: Gettext) -> str:
        said = {name: translate(value) if isinstance(value, str) else value for name, value in self.values.items()}
        return translate(self.template).format(**said)


class Box:
    """`look` in a thread of its own: a slow disk must stop nobody. Belongs to one thread at a time."""

    def __init__(self, box: Path, aside: Path) -> None:
        self._box = box
        self._aside = aside
        self._stuck: set[str] = set()  # what cannot even be set aside; said once
        self._removed = 0
        self.standing = Aside()

    def look(self, subjects: frozenset[str]) -> list[Dropped]:
        """Entries that wait, AT_ONCE at most, in no order: each says itself when it was typed."""
        found: list[Dropped] = []
        for name in self._names():
            try:
                found.append(read(self._box / name, subjects))
            except FileNotFoundError:
                continue  # whoever left it took it back
            except NotTaken as why:
                self._set_aside(name, why)
            except OSError as error:
                self._set_aside(name, NotTaken("it cannot be read: {why}.", why=error.strerror or type(error).__name__))
            if len(found) == AT_ONCE:
                break
        self._keep_few()
        return found

    def taken(self, uid: str) -> None:
        """It is in the spool: let the file go."""
        with suppress(OSError):  # it comes again, and the spool knows it
            (self._box / f"{uid}.json").unlink(missing_ok=True)

    def _names(self) -> Iterator[str]:
        try:
            with os.scandir(self._box) as entries:
                names = [entry.name for entry, _number in zip(entries, range(NAMES), strict=False)]
        except OSError:
            return
        for name in names:
            if name.startswith("."):
                self._clear_unfinished(name)
            elif name not in self._stuck:
                yield name

    def _clear_unfinished(self, name: str) -> None:
        with suppress(OSError):
            path = self._box / name
            if time.time() - path.lstat().st_mtime > UNFINISHED:
                path.unlink()

    def _set_aside(self, name: str, why: NotTaken) -> None:
        shown = ascii(name)[:80]
        log.warning("%s in %s is no entry and is set aside: %s", shown, self._box, why)
        kept = name if _NAME.fullmatch(name) else f"{time.time_ns()}.unknown"
        try:
            os.replace(self._box / name, self._aside / kept)
        except OSError as error:
            log.error("%s cannot be set aside and stays where it is: %s", shown, error.strerror)
            self._stuck.add(name)
            return
        with suppress(OSError):  # a full disk: it lies aside without its reason, which the log has
            (self._aside / f"{kept}.why").write_text(f"{shown}: {why.say(_)}\n", encoding="utf-8")

    def _keep_few(self) -> None:
        """The newest of what lies aside, whatever it is: a folder, too, and what has no reason beside it."""
        aside = sorted(self._set_aside_ones(), key=_moved)
        kept = aside[-KEPT_ASIDE:]
        for path in aside[:-KEPT_ASIDE]:
            try:
                _remove(path)
                path.with_name(f"{path.name}.why").unlink(missing_ok=True)
                self._removed += 1
            except OSError:  # somebody else's folder, and full: it is tried again
                kept.append(path)
        self.standing = Aside(len(kept), self._removed, len(self._stuck))

    def _set_aside_ones(self) -> list[Path]:
        try:
            return [path for path in self._aside.iterdir() if path.suffix != ".why"]
        except OSError:
            return []


def _moved(path: Path) -> int:
    """When it was set aside, as far as the system knows: a rename changes the inode and not what is in it."""
    try:
        return path.lstat().st_ctime_ns
    except OSError:
        return 0


def _remove(path: Path) -> None:
    """Whatever it is; no link is followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def read(path: Path, subjects: frozenset[str]) -> Dropped:
    """The entry in `path`. Raises NotTaken with the reason, or OSError."""
    name = _NAME.fullmatch(path.name)
    if name is None:
        raise NotTaken("an entry's file is called by 32 hexadecimal digits and .json.")
    try:
        dropped = msgspec.json.decode(_content(path), type=Dropped)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotTaken("it is not what a console writes: {why}.", why=str(error)) from None
    if dropped.uid != name[1]:
        raise NotTaken("its uid is not its name.")
    if wrong := _wrong(dropped):
        raise NotTaken(wrong)
    if dropped.subject not in subjects:
        raise NotTaken("its branch has no branch, line or position of that key.")
    return dropped


def _content(path: Path) -> bytes:
    """The bytes of a plain file: no link is followed, and no pipe waited for."""
    plain = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if path.is_symlink():
        raise NotTaken("it is a link.")
    with os.fdopen(os.open(path, os.O_RDONLY | plain), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise NotTaken("it is no plain file.")
        content = file.read(SIZE + 1)
    if len(content) > SIZE:
        raise NotTaken("it is longer than {most} bytes.", most=SIZE)
    return content


def _wrong(dropped: Dropped) -> str:
    if len(dropped.who) > WHO or len(dropped.title) > TITLE or len(dropped.text) > TEXT:
        return "a text in it is too long."
    if "\0" in dropped.who + dropped.title + dropped.text:
        return "a text in it has a NUL."
    if not dropped.who.strip():
        return "it says nobody's name."
    if dropped.what == "answer":
        return "" if dropped.answer else "it says no answer."
    if dropped.answer:
        return "only the answer of a telephone call says an answer."
    if dropped.what == "ticket" and not dropped.title.strip():
        return "it does not say what is wrong."
    return "" if (dropped.title + dropped.text).strip() else "it says nothing."


def entry_of(dropped: Dropped, now: Clock) -> Entry:
    """The record. What its clocks say counts as far as it can be: nothing was typed after it was taken."""
    entered = None
    if dropped.boot is not None and dropped.boot_id == now.boot_id:
        if 0 <= dropped.boot <= now.boot:
            entered = Clock(wall=dropped.wall, boot=dropped.boot, boot_id=now.boot_id)
    elif 0 < dropped.wall <= now.wall:
        entered = Clock(wall=dropped.wall, boot=0, boot_id="wall")
    return Entry(
        seq=0,
        clock=now,
        uid=dropped.uid,
        subject=dropped.subject,
        what=dropped.what,
        who=dropped.who,
        title=dropped.title,
        text=dropped.text,
        fault=dropped.fault,
        urgent=dropped.urgent,
        answer=dropped.answer,
        entered=entered,
    )
