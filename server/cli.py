"""`branchfleet-server`: sets a server up, runs it, and does what needs no console."""

import errno
import getpass
import json
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
import uvicorn
from sqlalchemy.exc import DBAPIError, OperationalError

from agent.inventory.problems import InventoryError
from server.accounts.deeds import add_person, disable_person, reset_password
from server.accounts.passwords import Passwords
from server.accounts.queries import people, person_out
from server.agents.deeds import issue_token
from server.app import create_app
from server.clock import utc_now
from server.errors import Conflict, Forbidden, NotFound, ServerError
from server.exit import Exit
from server.home import AlreadySetUp, Home, NotSetUp, make
from server.inventory.command import apply_path
from server.journal.deeds import Act
from server.journal.verify import check
from server.migrations import DatabaseNewer, DatabaseOlder
from server.problems import disk_is_full
from server.queries import status_out
from server.schemas import Role
from server.secrets.deeds import set_secret
from server.secrets.key import KeyFileError
from server.settings import SettingsError, default_home
from server.texts import gettext_for

HomeOption = Annotated[Path | None, typer.Option("--home", help="The server's folder; else BRANCHFLEET_HOME.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
person = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="People and their roles.")
agent = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Agents and their tokens.")
secret = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Communities and passwords of devices.")
journal = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The journal of deeds.")
app.add_typer(person, name="person")
app.add_typer(agent, name="agent")
app.add_typer(secret, name="secret")
app.add_typer(journal, name="journal")


@app.callback()
def about() -> None:
    """The centre of Branchfleet: takes records in, judges health, keeps tickets, ledger and journal.

    Example: branchfleet-server init && branchfleet-server apply inventory.toml && branchfleet-server run
    """


@app.command()
def init(
    home: HomeOption = None,
    login: Annotated[str, typer.Option(help="The login of the first administrator.")] = "admin",
    name: Annotated[str, typer.Option(help="Their name.")] = "管理员",
    as_json: JsonOption = False,
) -> None:
    """Make a server's home: folder, key, database, and the first administrator with a one-time password.

    The password is printed once and kept nowhere; whoever signs in with it must choose another.

    Example: branchfleet-server init --login liming --name 李某
    """
    with sentences():
        made = make(home or default_home())
        with made.database() as database, database.write() as session:
            passwords = Passwords(made.settings.password_memory)
            password = add_person(session, act(), passwords, login=login, name=name, role=Role.HEAD, branches=[])
        say(
            made,
            "The server's home is {home}. The one-time password stands below; it is shown only now.",
            home=made.path,
        )
        show({"home": str(made.path), "login": login, "password": password}, as_json)


@app.command()
def run(
    home: HomeOption = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on (127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on (8088).")] = None,
) -> None:
    """Run the server until it is told to stop (Ctrl+C, SIGTERM). The database is brought up to date first.

    Example: branchfleet-server run --port 8088
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with sentences():
        here = Home(home or default_home(), host=host, port=port)
        with here.database(bring_up_to_date=True) as database, _listening(here) as listener:
            say(here, "Listening on http://{host}:{port}", host=here.settings.host, port=listener.getsockname()[1])
            web = create_app(database, here.settings, utc_now, here.key())
            config = uvicorn.Config(web, access_log=False, log_config=None, timeout_graceful_shutdown=5)
            uvicorn.Server(config).run(sockets=[listener])


@app.command()
def apply(
    path: Annotated[Path, typer.Argument(help="An inventory: a TOML file, or a folder of them.")],
    home: HomeOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Show what an inventory would change, ask, and change it: all of it or nothing.

    Example: branchfleet-server apply inventory.toml
    """
    with sentences():
        here = Home(home or default_home())
        with here.database() as database:
            apply_path(database, path, act(via="inventory"), yes=yes, lang=here.settings.lang)


@app.command()
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print what the database holds, in figures.

    Example: branchfleet-server status --json
    """
    with sentences(), Home(home or default_home()).database() as database, database.read() as session:
        show(status_out(session, utc_now()).model_dump(mode="json"), as_json)


@person.command("add")
def person_add(
    login: Annotated[str, typer.Argument(help="Small letters, digits, '.', '_' and '-'.")],
    name: Annotated[str, typer.Option(help="The person's name.")],
    role: Annotated[Role, typer.Option(help="branch, head or auditor.")],
    branch: Annotated[list[str] | None, typer.Option(help="For the role branch: codes of what they may see.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a person; prints a one-time password, once.

    Example: branchfleet-server person add wang --name 王某 --role branch --branch 1001
    """
    with changing(home) as (here, session):
        passwords = Passwords(here.settings.password_memory)
        password = add_person(session, act(), passwords, login=login, name=name, role=role, branches=branch or [])
    show({"login": login, "password": password}, as_json)


@person.command("list")
def person_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List people, their roles and branches.

    Example: branchfleet-server person list
    """
    with sentences(), Home(home or default_home()).database() as database, database.read() as session:
        rows = [person_out(session, one).model_dump(mode="json") for one in people(session)]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        print(row["login"], row["role"], row["name"], ",".join(row["branches"]), sep="\t")


@person.command("reset")
def person_reset(login: str, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Give a person a new one-time password; unlocks the account and ends its sign-ins.

    Example: branchfleet-server person reset wang
    """
    with changing(home) as (here, session):
        password = reset_password(session, act(), Passwords(here.settings.password_memory), login)
    show({"login": login, "password": password}, as_json)


@person.command("disable")
def person_disable(login: str, home: HomeOption = None) -> None:
    """Take a person's access away. What they did stays in the journal.

    Example: branchfleet-server person disable wang
    """
    with changing(home) as (_, session):
        disable_person(session, act(), login)


@agent.command("token")
def agent_token(
    key: Annotated[str, typer.Argument(help="The agent's key in the inventory.")], home: HomeOption = None
) -> None:
    """Print a new token for an agent, once; an earlier one stops working.

    Example: branchfleet-server agent token centre
    """
    with changing(home) as (_, session):
        token = issue_token(session, act(), key)
    print(token)


@secret.command("set")
def secret_set(
    name: Annotated[str, typer.Argument(help='Its name; an option says "secret:NAME".')], home: HomeOption = None
) -> None:
    """Set a secret, read from stdin (asked for without echo at a terminal).

    Example: printf %s public-ro | branchfleet-server secret set atm-ro
    """
    with changing(home) as (here, session):
        value = getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
        set_secret(session, act(), here.key(), name, value)


@journal.command("check")
def journal_check(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check every row and link of the journal; ends with an error if one does not hold.

    Example: branchfleet-server journal check
    """
    with sentences(), Home(home or default_home()).database() as database, database.read() as session:
        found = check(session)
    show(found.model_dump(mode="json"), as_json)
    if not found.ok:
        raise typer.Exit(Exit.DATABASE)


def act(via: str = "cli") -> Act:
    """The deed's who and when: at a command the person is the machine's user."""
    return Act(actor=f"os:{getpass.getuser()}", via=via, now=utc_now())


def show(values: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(values, ensure_ascii=False))
        return
    width = max(len(key) for key in values)
    for key, value in values.items():
        print(f"{key:{width}}  {'' if value is None else value}")


def say(home: Home, sentence: str, **values: object) -> None:
    print(gettext_for(home.settings.lang)(sentence).format(**values), file=sys.stderr, flush=True)


@contextmanager
def changing(home: Path | None) -> Iterator[tuple[Home, Any]]:
    """A home and a session to change it in."""
    with sentences():
        here = Home(home or default_home())
        with here.database() as database, database.write() as session:
            yield here, session


@contextmanager
def _listening(home: Home) -> Iterator[socket.socket]:
    """The port is taken before the server starts, so a port in use is told as such and nothing else has happened."""
    family = socket.AF_INET6 if ":" in home.settings.host else socket.AF_INET
    with socket.socket(family) as listener:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((home.settings.host, home.settings.port))
        listener.listen(512)
        yield listener


@contextmanager
def sentences() -> Iterator[None]:
    """The border of every command: what can go wrong becomes one sentence and its exit code."""
    lang = "en" if os.environ.get("BRANCHFLEET_LANG", "zh").startswith("en") else "zh"
    _ = gettext_for(lang)
    try:
        yield
    except ServerError as error:
        codes = {NotFound: Exit.NO_SUCH_THING, Conflict: Exit.REFUSED, Forbidden: Exit.REFUSED}
        _end(codes.get(type(error), Exit.BAD_INPUT), _(error.template).format(**error.values))
    except InventoryError as error:
        _end(Exit.BAD_INPUT, "\n".join(problem.say(_) for problem in error.problems))
    except SettingsError as error:
        _end(Exit.BAD_INPUT, str(error))
    except (NotSetUp, AlreadySetUp) as error:
        _end(Exit.NOT_SET_UP if isinstance(error, NotSetUp) else Exit.REFUSED, str(error))
    except (DatabaseNewer, DatabaseOlder, KeyFileError) as error:
        _end(Exit.DATABASE, str(error))
    except OperationalError as error:
        if disk_is_full(error):
            _end(Exit.CANNOT_WRITE, _("The disk is full; nothing was changed."))
        _end(Exit.CANNOT_REACH, _("The database cannot be used: {why}").format(why=str(error.orig).splitlines()[0]))
    except DBAPIError as error:
        _end(Exit.DATABASE, _("The database is not whole: {why}").format(why=str(error.orig).splitlines()[0]))
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
            _end(Exit.BUSY, _("The address is in use or not this machine's; choose another with --port or --host."))
        if error.errno in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EPERM, errno.EDQUOT):
            _end(Exit.CANNOT_WRITE, f"{error.filename or ''}: {error.strerror}")
        raise


def _end(code: Exit, sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr, flush=True)
    raise typer.Exit(code)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
