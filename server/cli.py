"""`branchfleet-server`: sets a server up, runs it, and does what needs no console."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from server.accounts.command import person
from server.accounts.deeds import add_person
from server.accounts.passwords import Passwords
from server.agents.command import agent
from server.aside.command import aside
from server.authority.addresses import addresses
from server.authority.context import Tls
from server.authority.source import may_speak_plainly, source
from server.border import end, language, sentences
from server.border import run as run_command
from server.clock import SteadyClock, day, leapt, utc_now
from server.command import HomeOption, JsonOption, act, changing, local_time, reading, say, show, show_once
from server.exit import Exit
from server.facts.command import host_script
from server.home import Home, making
from server.http.listening import listening
from server.journal.clock import passed, refuse_a_leap
from server.journal.command import journal
from server.journal.deeds import record
from server.loadtest.command import loadtest
from server.narrating import narrate
from server.queries import status_out
from server.running.command import metrics
from server.schemas.people import Role
from server.secrets.command import secret

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
app.add_typer(person, name="person")
app.add_typer(agent, name="agent")
app.add_typer(secret, name="secret")
app.add_typer(journal, name="journal")
app.add_typer(aside, name="aside")
app.add_typer(metrics, name="metrics")
app.command()(loadtest)
app.command("host-script")(host_script)


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
    with sentences(home) as (path, _), making(path) as (made, database), database.write() as session:
        passwords = Passwords(made.settings.password_memory)
        record(session, act(), deed="server.init", about="server")
        password = add_person(session, act(), passwords, login=login, name=name, role=Role.HEAD, branches=[])
    say(_("The server's home is {home}. The one-time password below is shown only now.").format(home=path))
    again = f"branchfleet-server person reset {login}"
    show_once({"home": str(path), "login": login, "password": password}, as_json, _, again)


@app.command()
def run(
    home: HomeOption = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on (127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on (8088).")] = None,
) -> None:
    """Run the server until it is told to stop (Ctrl+C, SIGTERM). The database is brought up to date first.

    Example: branchfleet-server run --port 8088
    """
    from server.app import create_app  # takes a second, which the other commands need not wait for
    from server.checks.kept import FOLDER
    from server.http.serving import serve

    with sentences(home) as (path, _):
        here = Home(path, host=host, port=port)
        key = here.key()
        may_speak_plainly(here.settings)
        with (
            listening(here.settings.host, here.settings.port) as listener,
            here.alone(),
            here.database(bring_up_to_date=True) as database,
        ):
            narrate()
            with database.read() as session:
                now = SteadyClock(passed(session))
            certificates = source(path, here.settings, now)
            tls = Tls(certificates) if here.settings.tls else None
            trusted = (lambda: tls.trusted) if tls else str
            at = f"{'https' if tls else 'http'}://{here.settings.host}:{here.settings.port}"
            say(_("The server listens on {at}; Ctrl+C ends it.").format(at=at))
            named = partial(addresses, certificates, here.settings)
            serve(create_app(database, here.settings, now, key, trusted, named, path / FOLDER), listener, tls)
        say(_("The server has ended; everything it acknowledged is written."))


@app.command()
def ca(
    home: HomeOption = None,
    as_pem: Annotated[bool, typer.Option("--pem", help="Print the CA itself, for `branchfleet --ca FILE`.")] = False,
    new: Annotated[bool, typer.Option("--new", help="Make one where there is none; agents must enrol anew.")] = False,
    step: Annotated[
        Literal["next", "switch", "drop"] | None, typer.Option(help="Of a change to another CA, see docs/security.md.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Switch, though agents do not know the next one yet.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the CA that agents and consoles trust, and the certificate the server shows them; change it in three steps.

    Consoles show the fingerprint when they first meet the server: a person compares it with this one.

    Example: branchfleet-server ca
    """
    from server.authority.command import change, show_ca

    if step is not None:
        with changing(home) as (here, session, _):
            sentence = change(here, session, act(), step, yes=yes, _=_)
        say(sentence)
    with sentences(home) as (path, _):
        trusted, described = show_ca(Home(path), new=new)
    if as_pem:
        print(trusted.decode(), end="")
    else:
        show(described, as_json, _)


@app.command()
def clock(
    home: HomeOption = None,
    right: Annotated[bool, typer.Option("--right", help="The machine's clock is right: go by it from now on.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the machine's clock beside the last deed of the journal.

    A clock more than a year away from it is taken for wrong: nothing is dated or signed by it, the server goes by its
    own and is not ready. If the clock is right all the same, say so here and start the server again.

    Example: branchfleet-server clock
    """
    with sentences(home) as (path, _), Home(path).database() as database:
        if right:
            with database.write() as session:
                record(session, act(), deed="server.clock", about="server")
            say(_("The journal has the machine's time now. A server that runs takes it up when it is started again."))
        now = utc_now()
        with database.read() as session:
            last = passed(session)
            machine, journal = (day(at) if as_json else local_time(session, at) for at in (now, last))
        show({"machine": machine, "journal": journal, "leapt": leapt(now, last)}, as_json, _)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write, or to check.")],
    home: HomeOption = None,
    with_keys: Annotated[bool, typer.Option("--with-keys", help="The keys too, under a passphrase asked for.")] = False,
    check_it: Annotated[
        bool, typer.Option("--check", help="Hold a file that is there to what it says of itself.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write database and settings into one file while the server runs; the keys only under a passphrase.

    The passphrase is asked for, or is a line of stdin.

    Example: branchfleet-server backup /backup/branchfleet-$(date +%F).bfb
    """
    from server.backup.command import make, verify
    from server.backup.told import of_backup

    with sentences(home) as (path, _):
        manifest = verify(file) if check_it else make(Home(path), file, with_keys=with_keys, _=_)
        if as_json:
            show(msgspec.to_builtins(manifest, str_keys=True), as_json, _)
        else:
            print(*of_backup(manifest, file, _, checked=check_it), sep="\n")
        if not manifest.journal_ok:
            end(Exit.DATABASE, _("The journal in this backup does not hold: see `branchfleet-server journal check`."))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")],
    home: HomeOption = None,
    without_keys: Annotated[bool, typer.Option("--without-keys", help="Leave keys that are in it out.")] = False,
    database: Annotated[str | None, typer.Option(help="Of PostgreSQL: an empty database to fill.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Put a backup into a new home: all of it or nothing. Agents then send again what it lacks.

    Example: branchfleet-server restore /backup/branchfleet-2026-11-04.bfb --home /var/lib/branchfleet-server
    """
    from server.backup.command import as_json as restored_as_json
    from server.backup.command import put_back
    from server.backup.told import keys_first, of_restore

    with sentences(home) as (path, _):
        restored = put_back(file, path, act(), database, without_keys=without_keys, _=_)
        if as_json:
            show(restored_as_json(restored, path), as_json, _)
            if not restored.has_key:
                say(keys_first(path, _))
        else:
            print(*of_restore(restored, path, _), sep="\n")
        if not restored.journal.ok:
            end(Exit.DATABASE, _("The journal in this backup does not hold: see `branchfleet-server journal check`."))


@app.command("migrate-to")
def migrate_to(
    url: Annotated[str, typer.Argument(help="An empty database: postgresql://user@host/name.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move the database from SQLite to PostgreSQL while no server runs: every row copied, then compared, or nothing.

    The settings name the new database afterwards; the old file stays beside it, under another name.

    Example: branchfleet-server migrate-to postgresql://branchfleet@db/branchfleet
    """
    from server.moving.command import migrate

    with sentences(home) as (path, _):
        rows, kept = migrate(Home(path), url, act(), _)
        if as_json:
            show({"rows": rows, "kept": str(kept)}, as_json, _)
        else:
            total = sum(rows.values())
            say(_("{total} rows moved and compared. The old database lies in {kept}.").format(total=total, kept=kept))


@app.command()
def apply(
    inventory: Annotated[Path, typer.Argument(help="A TOML file, or a folder of them.")],
    home: HomeOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Show what an inventory would change, ask, and change it: all of it or nothing.

    Example: branchfleet-server apply inventory.toml
    """
    from server.inventory.command import apply_path

    with sentences(home) as (path, _):
        here = Home(path)
        with here.database() as database:
            with database.read() as session:
                refuse_a_leap(session, utc_now())
            apply_path(database, inventory, act(via="inventory"), yes=yes, lang=language(path))


@app.command()
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print what the database holds, in figures.

    Example: branchfleet-server status --json
    """
    with reading(home) as (session, _):
        figures = status_out(session, utc_now()).model_dump(mode="json")
        if not as_json:
            figures["at"] = local_time(session, figures["at"])
    show(figures, as_json, _)


def main(arguments: list[str] | None = None) -> None:
    """The entry of the command. Ends the process."""
    run_command(app, arguments)


if __name__ == "__main__":
    main()
