"""`branchfleet-server backup` and `restore` at a terminal: passphrases, progress, and what is said at the end."""

import getpass
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server.backup import archive, keys
from server.backup.archive import Manifest
from server.backup.keys import TLS, WrongPassphrase
from server.backup.make import back_up
from server.backup.restore import Restored, restore
from server.clock import utc_now
from server.home import Home
from server.journal.deeds import Act
from server.settings import KEY
from server.texts import Gettext

SHOWN = 1.0  # seconds between two lines of progress


def make(home: Home, file: Path, *, with_keys: bool, _: Gettext) -> Manifest:
    passphrase = None
    if with_keys:
        passphrase = _asked(_("Passphrase for the keys: "))
        if sys.stdin.isatty() and getpass.getpass(_("The same once more: ")) != passphrase:
            raise WrongPassphrase("The two passphrases are not the same; nothing was written.")
        keys.check(passphrase)
    manifest = back_up(home, file, utc_now(), passphrase, _progress(_))
    if not with_keys:
        _say(
            _("The keys are not in it: keep a copy of {key} somewhere else.").format(
                key=f"{home.path / KEY}, {home.path / TLS}"
            )
        )
    return manifest


def verify(file: Path) -> Manifest:
    return archive.read(file)


def put_back(file: Path, home: Path, act: Act, database: str | None, *, without_keys: bool, _: Gettext) -> Restored:
    asking = None if without_keys else lambda: _asked(_("Passphrase of the keys: "))
    return restore(file, home, act, asking, database)


def as_json(restored: Restored, home: Path) -> dict[str, Any]:
    """What there is to say of it, for a program."""
    return {
        "home": str(home),
        "made_at": restored.manifest.made_at,
        "epoch": restored.epoch,
        "has_key": restored.has_key,
        "backup_journal_rows": restored.manifest.journal_rows,
        "backup_journal_head": restored.manifest.journal_head,
        "journal_rows": restored.journal.rows,
        "journal_ok": restored.journal.ok,
        "journal_head": restored.journal.head,
    }


def _asked(prompt: str) -> str:
    """From the terminal without echo, or a line of stdin; never among the command's words."""
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")


def _progress(_: Gettext) -> Callable[[int, int], None]:
    last = time.monotonic()

    def told(done: int, whole: int) -> None:
        nonlocal last
        if time.monotonic() - last >= SHOWN:
            last = time.monotonic()
            _say(_("Copied so far: {done} of {whole} MB.").format(done=done >> 20, whole=whole >> 20))

    return told


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
