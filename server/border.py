"""The border of every command: whatever goes wrong becomes one sentence on stderr and an exit code."""

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer
from sqlalchemy.exc import DBAPIError, OperationalError

from agent.commandline import legible, settle_streams
from agent.commandline import run as run_words
from agent.inventory.problems import InventoryError
from server.alone import AnotherRuns
from server.backup.archive import Newer
from server.backup.copies import DumpFailed, NoProgram, NotWhole
from server.backup.make import AlreadyThere
from server.backup.restore import NotEmpty
from server.errors import Conflict, Forbidden, NotFound, Told, reason
from server.exit import Exit
from server.home import AlreadySetUp, Broken, NotSetUp
from server.http.listening import AddressTaken
from server.journal.clock import ClockLeapt
from server.loadtest.failed import Failed
from server.migrations import DatabaseEmpty, DatabaseNewer, DatabaseOlder, NotUnicode
from server.moving.move import Occupied, StillRuns
from server.moving.rows import Differs, Unfit
from server.secrets.key import KeyFileError
from server.settings import SettingsError, default_home, load
from server.storage.full import disk_is_full
from server.texts import Gettext, gettext_for

CODES: dict[type[Told], Exit] = {
    NotFound: Exit.NO_SUCH_THING,
    Conflict: Exit.REFUSED,
    Forbidden: Exit.REFUSED,
    AlreadySetUp: Exit.REFUSED,
    NotSetUp: Exit.NOT_SET_UP,
    DatabaseNewer: Exit.DATABASE,
    DatabaseOlder: Exit.DATABASE,
    KeyFileError: Exit.DATABASE,
    Broken: Exit.DATABASE,
    AddressTaken: Exit.BUSY,
    AlreadyThere: Exit.REFUSED,
    ClockLeapt: Exit.REFUSED,
    NotEmpty: Exit.REFUSED,
    Newer: Exit.DATABASE,
    NotWhole: Exit.DATABASE,
    DumpFailed: Exit.DATABASE,
    NoProgram: Exit.NO_SUCH_THING,
    Failed: Exit.FELL_SHORT,
    Occupied: Exit.REFUSED,
    StillRuns: Exit.BUSY,
    AnotherRuns: Exit.BUSY,
    DatabaseEmpty: Exit.DATABASE,
    NotUnicode: Exit.DATABASE,
    Differs: Exit.DATABASE,
    Unfit: Exit.DATABASE,
}
NO_ROOM = (
    errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOENT, errno.EIO,
    errno.ENAMETOOLONG,
)  # fmt: skip


@contextmanager
def sentences(home: Path | None) -> Iterator[tuple[Path, Gettext]]:
    """Run a command's block with its home and its language."""
    path = home or default_home()
    _ = gettext_for(language(path))
    try:
        yield path, _
    except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):  # `| head` is no mistake
        raise
    except Exception as error:
        code, sentence = _judge(error, _)
        end(code, sentence)


def run(command: typer.Typer, arguments: list[str] | None) -> None:
    """The whole command; ends the process. What it prints is flushed here: at Python's own end nobody could say it."""
    settle_streams()
    try:
        try:
            code = run_words("branchfleet-server", command, arguments, language(default_home()))
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EPIPE):
            raise
        give_up_output()
        if error.errno == errno.EPIPE:  # `| head` has seen enough
            sys.exit(1)
        _ = gettext_for(language(default_home()))
        typer.echo(_("The output cannot be written: the disk it goes to is full."), err=True)
        sys.exit(Exit.CANNOT_WRITE)
    sys.exit(code)


def give_up_output() -> None:
    """Nothing more can be printed; else Python tries once more as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def language(home: Path) -> str:
    """The language of the settings, Chinese where they cannot be read, as far as the terminal can show it."""
    try:
        return legible(load(home).lang)
    except SettingsError:
        return legible("en" if os.environ.get("BRANCHFLEET_LANG") == "en" else "zh")


def end(code: Exit, sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(code)


def _judge(error: Exception, _: Gettext) -> tuple[Exit, str]:
    match error:
        case Told():
            return CODES.get(type(error), Exit.BAD_INPUT), error.say(_)
        case InventoryError():
            return Exit.BAD_INPUT, error.say(_)
        case DBAPIError() if disk_is_full(error):
            return Exit.CANNOT_WRITE, _("The disk is full; nothing was changed.")
        case OperationalError():
            return Exit.CANNOT_REACH, _("The database cannot be used: {why}").format(why=_(_first_line(error)))
        case DBAPIError():
            return Exit.DATABASE, _("The database is not whole: {why}").format(why=_(_first_line(error)))
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Exit.CANNOT_WRITE, _("The disk is full; nothing was changed.")
        case OSError() if error.errno in NO_ROOM and error.filename:
            return Exit.CANNOT_WRITE, _("{path}: {why}.").format(path=error.filename, why=reason(error).say(_))
    with tempfile.NamedTemporaryFile(
        "w", prefix="branchfleet-server-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        traceback.print_exception(error, file=file)
    said = _("This is a defect of the program: {what}. Please report it with the file {file}.")
    return Exit.DEFECT, said.format(what=type(error).__name__, file=file.name)


def _first_line(error: DBAPIError) -> str:
    return (str(error.orig).splitlines() or [type(error.orig).__name__])[0]
