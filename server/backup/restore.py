"""Putting a backup into an empty home: all of it or nothing.

The database gets a new epoch. By that agents learn that an older database came back: they send again what it lacks and
they still have, and tell every position anew.

It keeps when that was, too. The agents it knows may have spoken since the backup, and a copy of a home be the first to
come: whoever is started from then on goes on in a stream of its own, under no numbers that another may have used.
"""

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import inspect
from sqlmodel import Session

from server.backup import archive, keys
from server.backup.archive import KEYS, POSTGRESQL, SETTINGS, WRITTEN, Manifest, Newer
from server.backup.copies import restore_postgresql
from server.backup.make import said_of, sync
from server.backup.written import put
from server.errors import Told
from server.inventory.tables import Setting
from server.journal.deeds import Act, record
from server.journal.verify import check
from server.migrations import EPOCH, RESTORED, knows, upgrade
from server.schemas.journal import JournalCheck
from server.settings import DATABASE, KEY, Settings, database_url, load
from server.storage.database import Database
from server.storage.types import new_uid


class NotEmpty(Told):
    """There is something where the backup should go."""


@dataclass(frozen=True)
class Restored:
    manifest: Manifest
    journal: JournalCheck
    epoch: str
    has_key: bool  # else server.key has to be put back by hand


def restore(file: Path, home: Path, act: Act, passphrase: Callable[[], str] | None, database: str | None) -> Restored:
    """Put `file` into `home`. `passphrase` is asked if there are keys in it; None leaves them out.

    `database` is where a PostgreSQL database goes, else where its settings say; it must be empty.
    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise NotEmpty("{home} is not empty: a backup is restored into a new folder.", home=home)
    home.parent.mkdir(parents=True, exist_ok=True)
    with said_of(home):
        staging = Path(tempfile.mkdtemp(prefix=f".{home.name}-", dir=home.parent))
        manifest, journal, epoch = _staged(file, home, staging, act, passphrase, database)
    sync(home.parent)
    return Restored(manifest, journal, epoch, (home / KEY).exists())


def _staged(
    file: Path, home: Path, staging: Path, act: Act, passphrase: Callable[[], str] | None, database: str | None
) -> tuple[Manifest, JournalCheck, str]:
    """Make the home in `staging` and put it in its place, or leave nothing."""
    try:
        manifest = archive.read(file, staging)
        if not knows(manifest.schema):
            raise Newer("{path} was made by a later version of Branchfleet: restore it with that one.", path=file)
        if (staging / KEYS).exists():
            if passphrase is not None:
                keys.put(keys.unseal((staging / KEYS).read_bytes(), passphrase()), staging)
            (staging / KEYS).unlink()
        if (staging / WRITTEN).exists():
            put((staging / WRITTEN).read_bytes(), file, staging)
            (staging / WRITTEN).unlink()
        _settings(staging, manifest, database)
        epoch, journal = _database(staging, load(staging), manifest, act)
        if home.exists():
            home.rmdir()
        staging.rename(home)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return manifest, journal, epoch


def _settings(staging: Path, manifest: Manifest, database: str | None) -> None:
    """A database elsewhere that server.toml names is that of the old home: the new one has its own."""
    if manifest.database == "postgresql" and database is None:
        return
    path = staging / SETTINGS
    said = re.sub(r"(?m)^(\s*database\s*=)", r"# before the restore: \1", path.read_text(encoding="utf-8"))
    path.write_text((f"database = '{database}'\n" if database else "") + said, encoding="utf-8")


def _database(staging: Path, settings: Settings, manifest: Manifest, act: Act) -> tuple[str, JournalCheck]:
    """Fill the database, bring it up to date, give it its new epoch, and check its journal."""
    url = database_url(staging, settings)
    if manifest.database == "sqlite" and url != f"sqlite:///{(staging / DATABASE).absolute()}":
        raise NotEmpty(
            "A backup of SQLite goes into {home} itself, and BRANCHFLEET_DATABASE names another place: unset it.",
            home=DATABASE,
        )
    database = Database(url)
    try:
        if manifest.database == "postgresql":
            if inspect(database.engine).get_table_names():
                raise NotEmpty(
                    "The database {url} is not empty. Make a new one and name it with --database.",
                    url=database.engine.url.render_as_string(),
                )
            restore_postgresql(url, staging / POSTGRESQL)
            (staging / POSTGRESQL).unlink()
        upgrade(database)
        with database.write() as session:
            epoch = begin_epoch(session, act.now)
            record(
                session,
                act,
                deed="server.restore",
                about="server",
                before={"epoch": manifest.epoch, "made_at": manifest.made_at, "head": manifest.journal_head},
                after={"epoch": epoch},
            )
        with database.read() as session:
            return epoch, check(session)
    finally:
        database.close()


def begin_epoch(session: Session, now: int) -> str:
    """An older database came back: what was said and heard since it was copied, it does not know."""
    epoch = new_uid()
    session.merge(Setting(key=EPOCH, value=epoch))
    session.merge(Setting(key=RESTORED, value=str(now)))
    return epoch
