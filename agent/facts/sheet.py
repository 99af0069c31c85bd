"""What a host knows of one topic, and what of it could not be read, and why."""

import logging
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from agent.tidy import tidy_text
from agent.wire import Told, Unread

Facts = dict[str, Told]

NAME: Final = 64  # characters
TEXT: Final = 300
LONGEST: Final = 5000  # texts of a list
BYTES: Final = 60_000  # of facts and unread together: a server takes 64 KiB as one record

log = logging.getLogger(__name__)


class NotRead(Exception):
    """Why something is not known. `raw` is what was said and nobody could read; it stays in this agent's log."""

    def __init__(self, why: Unread, raw: bytes | str = "") -> None:
        super().__init__(why)
        self.why: Unread = why
        self.raw = raw


class Sheet(msgspec.Struct):
    """Filled name by name."""

    topic: str
    facts: Facts = {}
    unread: dict[str, str] = {}

    def read(self, name: str, how: Callable[[], Told | None]) -> None:
        """The fact `name`, or why there is none. None of `how` is nothing to say: it was not asked for."""
        try:
            value = how()
        except NotRead as error:
            self.lacks(name, error)
        else:
            if value is not None:
                self.facts[name] = value

    def take(self, names: str, how: Callable[[], Mapping[str, Told]]) -> None:
        """Several facts of one source, or why there are none; `names` is the name they begin with."""
        try:
            self.facts |= how()
        except NotRead as error:
            self.lacks(names, error)

    def lacks(self, name: str, error: NotRead) -> None:
        self.unread[name] = error.why
        if error.raw:
            log.warning("The fact %s was said and could not be read: %r", name, error.raw[:TEXT])

    def bounded(self) -> "Sheet":
        """In one line each and within a record. What there is no room for is not read, and says so."""
        unread = {tidy_text(name, NAME): str(why) for name, why in self.unread.items()}
        left = BYTES - sum(len(name.encode()) + len(why) + 8 for name, why in unread.items())
        facts: Facts = {}
        for name, value in self.facts.items():
            name, value = tidy_text(name, NAME), _tidied(value)
            size = len(name.encode()) + _size(value)
            if size > left:
                unread[name] = "unreadable"
                left -= len(name.encode()) + 16
                continue
            left -= size
            facts[name] = value
        return Sheet(self.topic, facts, unread)


def _tidied(value: Told) -> Told:
    if isinstance(value, str):
        return tidy_text(value, TEXT)
    return [_tab(one) for one in value[:LONGEST]] if isinstance(value, list) else value


def _tab(text: str) -> str:
    """A name and a version stand in one text with a tab between them."""
    return "\t".join(tidy_text(part, TEXT) for part in text.split("\t", 1))


def _size(value: Told) -> int:
    """Bytes of msgpack, at most."""
    if isinstance(value, str):
        return len(value.encode()) + 8
    return sum(len(one.encode()) + 5 for one in value) + 8 if isinstance(value, list) else 16
