"""Where a running agent says what it does: for people on standard error, for programs in the home's `log` folder.

The files are JSON lines, together LOG_BYTES at most. A secret gets into neither, whoever wrote the line.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO, cast

from agent.secrets import Secrets

FOLDER = "log"
FILE = "agent.jsonl"
LOG_BYTES = 10 << 20
FILES = 5  # the one that is written, and four before it
LINE_LIMIT = 16_000  # characters of one text in a line: a driver's exception may carry a megabyte
QUIET = ("apscheduler",)  # it tells of every job
_JOURNAL_LEVELS = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}  # sd-daemon(3)


@contextmanager
def logging_to(home: Path, secrets: Secrets, environment: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Within the block everything logged goes to standard error and to the files of `home`."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    shown = logging.StreamHandler(sys.stderr)
    shown.setFormatter(ForJournal(secrets) if is_journal(sys.stderr, environment) else ForPeople(secrets))
    kept = LogFile(home / FOLDER / FILE)
    kept.setFormatter(ForPrograms(secrets))
    for handler in (shown, kept):
        root.addHandler(handler)
    try:
        yield
    finally:
        root.setLevel(level)
        for handler in (shown, kept):
            root.removeHandler(handler)
            handler.close()


def is_journal(stream: TextIO | None, environment: Mapping[str, str] = os.environ) -> bool:
    """As systemd.exec(5) has it: a shell below a service has the variable too, and a stream of its own."""
    if stream is None:  # Windows, without a console
        return False
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def narrate(secrets: Secrets) -> None:
    """What a command logs that sets up no log of its own goes to standard error; there too without a secret."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(ForPeople(secrets, "%(message)s"))


class ForPeople(logging.Formatter):
    def __init__(self, secrets: Secrets, form: str = "%(asctime)s %(levelname)s %(message)s") -> None:
        super().__init__(form)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return _bounded(self._secrets.hide(super().format(_fresh(record))))


class ForJournal(ForPeople):
    """systemd's journal has the time itself, and takes the level of every line from its beginning."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__(secrets, "%(message)s")

    def format(self, record: logging.LogRecord) -> str:
        level = _JOURNAL_LEVELS.get(record.levelname, 6)
        return "\n".join(f"<{level}>{line}" for line in super().format(record).splitlines())


class ForPrograms(logging.Formatter):
    """One JSON object a line: at, level, where, said, and where there is one position and trace."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "where": record.name,
            "said": record.getMessage(),
            "position": getattr(record, "position", None),
            "trace": self.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else None,
        }
        hidden = {key: _bounded(self._secrets.hide(text)) for key, text in line.items() if text}
        return json.dumps(hidden, ensure_ascii=False)


class LogFile(RotatingFileHandler):
    """The owner's alone, bounded, and no trouble of its own: a full disk is said once and stops nothing."""

    def __init__(self, path: Path) -> None:
        self._broken = False
        self._there = path.parent
        super().__init__(
            path, maxBytes=LOG_BYTES // FILES, backupCount=FILES - 1, encoding="utf-8", delay=True, errors="replace"
        )

    def _open(self) -> TextIOWrapper:
        self._there.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = open(  # noqa: SIM115
            self.baseFilename, self.mode, encoding=self.encoding, errors=self.errors, opener=_open_private
        )
        return cast(TextIOWrapper, opened)

    def emit(self, record: logging.LogRecord) -> None:
        before, self._failed = self._broken, False
        super().emit(record)
        self._broken = self._failed
        if before and not self._broken:
            self._say(f"The log {self.baseFilename} can be written again.")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        """Called within the except block of whatever failed."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._failed = True
        if self.stream is not None:
            with suppress(OSError):
                self.stream.close()  # what is in its buffer would fail again
            self.stream = cast(TextIOWrapper, None)  # opened anew with the next line
        if not self._broken:
            self._say(f"The log {self.baseFilename} cannot be written: {error.strerror}.")

    @staticmethod
    def _say(sentence: str) -> None:
        stderr: TextIO | None = sys.stderr
        if stderr is not None:
            with suppress(OSError):
                stderr.write(sentence + "\n")


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _fresh(record: logging.LogRecord) -> logging.LogRecord:
    """A formatter keeps the trace it made in the record for the next one: here each makes its own."""
    record.exc_text = None
    return record


def _bounded(text: str) -> str:
    return text if len(text) <= LINE_LIMIT else f"{text[: LINE_LIMIT // 2]} … {text[-LINE_LIMIT // 2 :]}"
