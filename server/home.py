"""The home of a server: the folder with its settings, its key and, on SQLite, its database."""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from server.alone import alone
from server.authority import source as authority
from server.authority.files import FOLDER
from server.clock import utc_now
from server.errors import Told
from server.migrations import check_version, refuse_empty, upgrade
from server.secrets.key import create as create_key
from server.secrets.key import load as load_key
from server.settings import CONFIG, DATABASE, KEY, Settings, database_url, load
from server.storage.database import Database

TEMPLATE = """\
# Settings of this server; docs/settings.md tells of each. A flag or BRANCHFLEET_* goes before what stands here.
# port = 8088
# database = "postgresql://branchfleet@localhost/branchfleet"
"""


class NotSetUp(Told):
    """There is no server in this folder."""


class AlreadySetUp(Told):
    """There is one already."""


class Broken(Told):
    """Something of a server that was here is gone. Making it anew would bury what it held."""


class Home:
    """A home that exists. `flags` are settings given on the command line."""

    def __init__(self, path: Path, **flags: object) -> None:
        if not (path / KEY).exists():
            if (path / DATABASE).exists():
                raise Broken(
                    "{path} has a database and no {key}: put the key back from where it is kept.", path=path, key=KEY
                )
            raise NotSetUp("There is no server in {path}; `branchfleet-server init` makes one.", path=path)
        self.path = path
        self.settings: Settings = load(path, flags)

    def key(self) -> bytes:
        """The key secrets are sealed with; KeyFileError if it cannot be used."""
        return load_key(self.path / KEY)

    def alone(self) -> AbstractContextManager[None]:
        """As the one server of a database in a file; of one on PostgreSQL there may be several."""
        return alone(self.path / DATABASE) if self.settings.database is None else nullcontext()

    @contextmanager
    def database(self, *, bring_up_to_date: bool = False, fresh: bool = False) -> Iterator[Database]:
        """The database, of exactly this program's version; brought up to date first by the one who runs the server.

        Only a home that is being made has a `fresh` one: elsewhere a file that is missing or empty was lost.
        """
        file = self.path / DATABASE
        if not fresh and self.settings.database is None and not (file.exists() and file.stat().st_size):
            raise Broken(
                "{file} is missing or empty: this server's database was lost. Restore it from a backup.", file=file
            )
        database = Database(database_url(self.path, self.settings))
        try:
            if bring_up_to_date:
                if not fresh:
                    refuse_empty(database)
                upgrade(database)
            check_version(database)
            yield database
        finally:
            database.close()


@contextmanager
def making(path: Path) -> Iterator[tuple[Home, Database]]:
    """A new home, 0700, its key 0600, and its database. It is there only if the whole block ends well."""
    if (path / KEY).exists():
        raise AlreadySetUp("There is a server in {path} already; nothing was changed.", path=path)
    if (path / DATABASE).exists():
        raise Broken("{path} has a database and no {key}: put the key back from where it is kept.", path=path, key=KEY)
    there = path.exists()
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    if there and any(path.iterdir()) and not (path / CONFIG).exists():
        raise AlreadySetUp("{path} is a folder with other things in it; choose one of its own.", path=path)
    os.chmod(path, 0o700)
    had_authority, had_config = (path / FOLDER).exists(), (path / CONFIG).exists()
    try:
        if not had_config:
            (path / CONFIG).write_text(TEMPLATE, encoding="utf-8")
        create_key(path / KEY)
        home = Home(path)
        authority.source(path, home.settings, utc_now, make=True).trusted()
        with home.database(bring_up_to_date=True, fresh=True) as database:
            yield home, database
    except BaseException:
        (path / KEY).unlink(missing_ok=True)
        for ending in ("", "-wal", "-shm"):
            (path / f"{DATABASE}{ending}").unlink(missing_ok=True)
        if not had_authority:
            shutil.rmtree(path / FOLDER, ignore_errors=True)
        if not had_config:
            (path / CONFIG).unlink(missing_ok=True)
        if not there:
            with suppress(OSError):  # somebody put something there meanwhile
                path.rmdir()
        raise
