"""Making a backup of a server that runs."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import msgspec
from sqlalchemy import text
from sqlmodel import Session

from server.backup import archive, keys
from server.backup.archive import FORMAT, KEYS, NAMES, POSTGRESQL, SETTINGS, SQLITE, WRITTEN, Manifest
from server.backup.copies import copy_sqlite, dump_postgresql, one_file
from server.backup.written import packed, written_in
from server.errors import Told
from server.home import Home
from server.journal.verify import check
from server.migrations import EPOCH, check_version
from server.queries import setting
from server.settings import CONFIG
from server.storage.database import Database


class AlreadyThere(Told):
    """A file of that name is there."""


def back_up(
    home: Home,
    file: Path,
    now: int,
    passphrase: str | None = None,
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> Manifest:
    """Write `file`, whole or not at all. With a passphrase the keys are in it, sealed."""
    if file.exists():
        raise AlreadyThere("{file} is there already; nothing was written.", file=file)
    file.parent.stat()  # says which folder is not there
    with said_of(file), tempfile.TemporaryDirectory(prefix=f".{file.name}-", dir=file.parent) as made:
        staging = Path(made)
        if passphrase is not None:
            (staging / KEYS).write_bytes(keys.seal(keys.keys_in(home.path), passphrase))
        config = home.path / CONFIG
        (staging / SETTINGS).write_bytes(config.read_bytes() if config.exists() else b"")
        (staging / WRITTEN).write_bytes(packed(written_in(home.path)))
        with home.database() as database:
            if database.sqlite:
                manifest = _of_sqlite(database, staging, now, progress)
            else:
                manifest = _of_postgresql(database, staging, now)
        archive.write(staging / "packed", manifest, staging)
        os.rename(staging / "packed", file)
    sync(file.parent)
    return manifest


@contextmanager
def said_of(path: Path) -> Iterator[None]:
    """An error of the folder beside `path` in which it is made names `path`: a person knows of no other."""
    try:
        yield
    except OSError as error:
        if not any(part.startswith(f".{path.name}-") for part in Path(os.fsdecode(error.filename or "")).parts):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def _of_sqlite(database: Database, staging: Path, now: int, progress: Callable[[int, int], None]) -> Manifest:
    copy = staging / SQLITE
    copy_sqlite(Path(str(database.engine.url.database)), copy, progress)
    copied = Database(f"sqlite:///{copy}")
    try:
        check_version(copied)
        with copied.read() as session:
            told = _told(session, now)
    finally:
        copied.close()
    one_file(copy)
    return _with_files(told, staging)


def _of_postgresql(database: Database, staging: Path, now: int) -> Manifest:
    with database.read() as session:
        dump_postgresql(session, database.url, staging / POSTGRESQL)
        return _with_files(_told(session, now), staging)


def _told(session: Session, now: int) -> Manifest:
    """What the database says of itself."""
    journal = check(session)
    return Manifest(
        format=FORMAT,
        made_at=now,
        version=version("branchfleet"),
        schema=session.execute(text("SELECT version_num FROM alembic_version")).scalar_one(),
        database="sqlite" if session.get_bind().dialect.name == "sqlite" else "postgresql",
        epoch=setting(session, EPOCH, ""),
        journal_rows=journal.rows,
        journal_head=journal.head,
        journal_ok=journal.ok,
        zone=setting(session, "bank.zone", ""),
        files={},
    )


def _with_files(told: Manifest, staging: Path) -> Manifest:
    there = [name for name in NAMES if (staging / name).exists()]
    return msgspec.structs.replace(told, files={name: archive.member(staging / name) for name in there})


def sync(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
