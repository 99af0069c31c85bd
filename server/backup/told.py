"""What a person is told of a backup and of a restore: sentences, with times as the bank's clocks show them."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from server.backup.archive import KEYS, Manifest
from server.backup.keys import TLS
from server.backup.restore import Restored
from server.queries import USUAL_ZONE
from server.settings import KEY
from server.texts import Gettext

KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def of_backup(manifest: Manifest, file: Path, _: Gettext, *, checked: bool) -> Iterator[str]:
    head = _("The backup {file} is whole.") if checked else _("The backup is written: {file}")
    yield head.format(file=file)
    yield _moment(manifest, _)
    yield _journal(manifest, _)
    if KEYS in manifest.files:
        yield _("The keys are in it, under the passphrase.")
    else:
        yield _("No keys are in it.")


def of_restore(restored: Restored, home: Path, _: Gettext) -> Iterator[str]:
    """Which moment the data is of, what its journal is to be compared with, and what happens next."""
    manifest, journal = restored.manifest, restored.journal
    yield _("The backup is restored into {home}.").format(home=home)
    yield _moment(manifest, _)
    yield _journal(manifest, _)
    told = _("With the restore itself the journal has {rows} entries, and its head is {head}.")
    yield told.format(rows=journal.rows, head=journal.head)
    yield _("What happens next:")
    if not restored.has_key:
        yield f"- {keys_first(home, _)}"
    yield _("- Start it with `branchfleet-server run --home {home}`. The old server must not run any more.").format(
        home=home
    )
    yield _("- Agents send again by themselves what the server lacks, of the last 7 days: no work of yours.")
    yield _(
        "- What people did after that moment is not in it: look through reports, the ledger, and who was disabled or "
        "revoked since, for they are let in again."
    )


def keys_first(home: Path, _: Gettext) -> str:
    told = _("There is no {key} in the backup: put it into {home} before the server is started.")
    return told.format(key=f"{KEY}, {TLS}/", home=home)


def _moment(manifest: Manifest, _: Gettext) -> str:
    zone = manifest.zone or USUAL_ZONE
    at = datetime.fromtimestamp(manifest.made_at / 1_000_000, ZoneInfo(zone))
    told = _("Its data is as of {at} ({zone}), by Branchfleet {version}, {kind}, {size} MB.")
    size = sum(one.size for one in manifest.files.values()) / (1 << 20)
    return told.format(
        at=f"{at:%Y-%m-%d %H:%M:%S}",
        zone=zone,
        version=manifest.version,
        kind=KINDS[manifest.database],
        size=f"{size:.1f}",
    )


def _journal(manifest: Manifest, _: Gettext) -> str:
    rows, head = manifest.journal_rows, manifest.journal_head
    if not manifest.journal_ok:
        return _("Its journal does NOT hold: {rows} entries could be read, up to {head}.").format(rows=rows, head=head)
    told = _("Its journal holds: {rows} entries, and its head is {head}. Compare it with the one kept elsewhere.")
    return told.format(rows=rows, head=head)
