"""The database's schema, step by step. Every database is made and brought up to date here, never by `create_all`.

A new step, once tables have changed: `python -m server.migrations.generate "what changes"`.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlmodel import Session

from server.errors import Told
from server.inventory.tables import Setting
from server.storage.database import Database
from server.storage.types import new_uid

EPOCH = "database.epoch"
RESTORED = "database.restored"  # from a backup, UTC µs
NAME = "server.name"  # by which agents know this server: its copies and restored backups have the same
_ADVISORY = 0x6272_6D67  # "brmg": of several servers on one PostgreSQL, one at a time changes the schema


class DatabaseNewer(Told):
    """The database was made by a later Branchfleet than this one."""


class DatabaseOlder(Told):
    """The database lacks a step that this program needs."""


class DatabaseEmpty(Told):
    """Nothing is in the database: no server was set up there."""


class NotUnicode(Told):
    """The database cannot hold every text."""


def upgrade(database: Database) -> None:
    """Make or bring up to date, in one transaction. DatabaseNewer, and nothing changed, if the program is the older."""
    options = {"branchfleet_writes": True}
    with database.turn(), database.engine.connect().execution_options(**options) as connection, connection.begin():
        if not database.sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY})
            _refuse_encoding(connection)
        _refuse_newer(connection)
        command.upgrade(config(connection), "head")
        with Session(connection) as session:
            for key in (EPOCH, NAME):
                if session.get(Setting, key) is None:
                    session.add(Setting(key=key, value=new_uid()))
            session.flush()


def check_version(database: Database) -> None:
    """DatabaseNewer or DatabaseOlder unless the database is exactly what this program was written for."""
    refuse_empty(database)
    with database.engine.connect() as connection:
        _refuse_newer(connection)
        if set(_present(connection)) != heads():
            raise DatabaseOlder(
                "The database is older than this program. Stop every Branchfleet server on it and start this one: "
                "`branchfleet-server run` brings the database up to date."
            )


def refuse_empty(database: Database) -> None:
    """DatabaseEmpty where no server was set up: one that began there would know nobody who may sign in."""
    with database.engine.connect() as connection:
        if _present(connection):
            return
    raise DatabaseEmpty(
        "The database {url} is empty: no server was set up there. Take it out of server.toml and move this server's "
        "data there by `branchfleet-server migrate-to`; a new server is told of it before `branchfleet-server init`.",
        url=database.engine.url.render_as_string(),
    )


def _refuse_encoding(connection: Connection) -> None:
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise NotUnicode(
            "The database holds texts as {encoding}, which has no room for every name. Make it anew: "
            "CREATE DATABASE branchfleet ENCODING 'UTF8' TEMPLATE template0.",
            encoding=encoding,
        )


@cache
def heads() -> frozenset[str]:
    """The schema this program was written for."""
    return frozenset(_scripts().get_heads())


def knows(revision: str) -> bool:
    """Whether a database of this schema can be brought up to date by this program."""
    return revision in {script.revision for script in _scripts().walk_revisions()}


def config(connection: Connection | None = None) -> Config:
    """Alembic's settings: there is no alembic.ini, the package says it all."""
    made = Config()
    made.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    made.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    made.attributes["connection"] = connection
    return made


def _refuse_newer(connection: Connection) -> None:
    scripts = _scripts()
    for revision in _present(connection):
        try:
            known = scripts.get_revision(revision)
        except CommandError:
            known = None
        if known is None:
            raise DatabaseNewer(
                "The database has schema {revision}, which this program does not know: it was used by a later version. "
                "Install that version of Branchfleet again, or restore a backup made before it.",
                revision=revision,
            )


def _present(connection: Connection) -> tuple[str, ...]:
    return MigrationContext.configure(connection).get_current_heads()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(config())


def _folder() -> Path:
    return Path(str(files("server.migrations")))
