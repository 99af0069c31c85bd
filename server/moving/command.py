"""`branchfleet-server migrate-to` at a terminal: which database, how far it is, and where the old one lies."""

import json
import os
import re
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from server.backup.make import sync
from server.command import say
from server.errors import Told
from server.home import Home
from server.journal.deeds import Act
from server.moving.move import move
from server.settings import CONFIG, PREFIX, database_url
from server.texts import Gettext

KEPT = ".moved"  # added to the name of the file that is not used any more


class NotThere(Told):
    """It cannot be moved from or to such a database."""


def migrate(home: Home, url: str, act: Act, _: Gettext) -> tuple[dict[str, int], Path]:
    """Move the database of `home` to PostgreSQL; rows by table, and where the old file lies."""
    file = _file_of(home)
    _check(url)

    def tell(table: str, rows: int, compared: bool) -> None:
        template = _("compared {table}: {rows} rows") if compared else _("copied {table}: {rows} rows")
        say(template.format(table=table, rows=rows))

    target = home.settings.model_copy(update={"database": url})
    rows = move(file, database_url(home.path, target), act, lambda: _switch(home.path, url), tell)
    kept = file.with_name(file.name + KEPT)
    file.rename(kept)
    return rows, kept


def _file_of(home: Home) -> Path:
    if os.environ.get(PREFIX + "DATABASE"):
        raise NotThere("BRANCHFLEET_DATABASE names the database: unset it, what is moved is that of server.toml.")
    now = make_url(database_url(home.path, home.settings))
    if now.get_backend_name() != "sqlite" or not now.database:
        raise NotThere("This server's database is PostgreSQL already.")
    return Path(now.database)


def _check(url: str) -> None:
    try:
        made = make_url(url)
    except ArgumentError:
        made = None
    if made is None or made.get_backend_name() != "postgresql" or not made.database:
        raise NotThere("{url} is no database of PostgreSQL: say postgresql://user@host/name.", url=url)


def _switch(home: Path, url: str) -> None:
    """Have the server use `url` from its next start on."""
    path = home / CONFIG
    before = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    kept = re.sub(r"(?m)^(\s*database\s*=)", r"# before it was moved: \1", before)
    fresh = path.with_name(path.name + ".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(f"database = {json.dumps(url)}\n{kept}")  # before any table of the file
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync(home)
