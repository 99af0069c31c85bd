"""What a running server says on standard error: with the time for people, with its level for systemd's journal."""

import logging
import os
import sys
from collections.abc import Mapping
from typing import TextIO

_LEVELS = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}  # sd-daemon(3)


class ForJournal(logging.Formatter):
    """The journal has the time itself, and takes the level of every line from its beginning."""

    def __init__(self) -> None:
        super().__init__("%(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        level = _LEVELS.get(record.levelno, 6)
        return "\n".join(f"<{level}>{line}" for line in super().format(record).splitlines())


def narrate() -> None:
    shown = logging.StreamHandler(sys.stderr)
    if is_journal(sys.stderr):
        shown.setFormatter(ForJournal())
    else:
        shown.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[shown])


def is_journal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """As systemd.exec(5) has it: a shell below a service has the variable too, and a stream of its own."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
