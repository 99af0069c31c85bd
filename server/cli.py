"""`branchfleet-server`: sets a server up, runs it, and does what needs no console."""

import getpass
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer
from sqlmodel import Session

from server.accounts.deeds import add_person, disable_person, reset_password
from server.accounts.passwords import Passwords
from server.accounts.queries import people, person_out
from server.agents import deeds as agents
from server.agents.codes import HOURS
from server.agents.queries import agents as agents_out
from server.aside.queries import listed
from server.aside.queries import one as aside_one
from server.aside.queries import out as aside_out
from server.authority.context import Tls
from server.authority.source import may_speak_plainly, source
from server.border import end, sentences
from server.clock import SteadyClock, day, leapt, utc_now
from server.exit import Exit
from server.home import Home, making
from server.journal.clock import passed, refuse_a_leap
from server.journal.deeds import Act, record
from server.journal.verify import check
from server.listening import listening
from server.queries import Everything, status_out
from server.running.access import issue_metrics_token
from server.schemas import Role
from server.secrets.deeds import set_secret
from server.texts import gettext_for

HomeOption = Annotated[Path | None, typer.Option("--home", help="The server's folder; else BRANCHFLEET_HOME.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
person = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="People and their roles.")
agent = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Agents: who may speak as each.")
secret = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Communities and passwords of devices.")
journal = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The journal of deeds.")
aside = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Batches that could not be read.")
metrics = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Figures for Prometheus.")
app.add_typer(person, name="person")
app.add_typer(agent, name="agent")
app.add_typer(secret, name="secret")
app.add_typer(journal, name="journal")
app.add_typer(aside, name="aside")
app.add_typer(metrics, name="metrics")


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
    with sentences(home) as (path, _):
        with making(path) as (made, database), database.write() as session:
            passwords = Passwords(made.settings.password_memory)
            record(session, act(), deed="server.init", about="server")
            password = add_person(session, act(), passwords, login=login, name=name, role=Role.HEAD, branches=[])
        say(_("The server's home is {home}. The one-time password below is shown only now.").format(home=path))
        show({"home": str(path), "login": login, "password": password}, as_json)


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
    from server.serving import serve

    with sentences(home) as (path, _):
        here = Home(path, host=host, port=port)
        key = here.key()
        may_speak_plainly(here.settings)
        with (
            listening(here.settings.host, here.settings.port) as listener,
            here.database(bring_up_to_date=True) as database,
        ):
            logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
            with database.read() as session:
                now = SteadyClock(passed(session))
            certificates = source(path, here.settings, now)
            tls = Tls(certificates) if here.settings.tls else None
            trusted = (lambda: tls.trusted) if tls else str
            at = f"{'https' if tls else 'http'}://{here.settings.host}:{here.settings.port}"
            say(_("The server listens on {at}; Ctrl+C ends it.").format(at=at))
            serve(create_app(database, here.settings, now, key, trusted), listener, tls)
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
        with changing(home) as (here, session):
            sentence = change(here, session, act(), step, yes=yes)
        say(sentence)
    with sentences(home) as (path, _):
        trusted, described = show_ca(Home(path), new=new)
    if as_pem:
        print(trusted.decode(), end="")
    else:
        show(described, as_json)


@app.command()
def clock(
    home: HomeOption = None,
    right: Annotated[bool, typer.Option("--right", help="The machine's clock is right: go by it from now on.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the machine's clock beside the last deed of the journal.

    A clock more than a year ahead of it is taken for wrong: nothing is dated or signed by it, the server goes by its
    own and is not ready. If it stood still for so long and the clock is right, say so here and start it again.

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
        show({"machine": day(now), "journal": day(last), "ahead": leapt(now, last)}, as_json)


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

    with sentences(home) as (path, _):
        manifest = verify(file) if check_it else make(Home(path), file, with_keys=with_keys, _=_)
        show(msgspec.to_builtins(manifest, str_keys=True), as_json)
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
    from server.backup.command import put_back

    with sentences(home) as (path, _):
        restored = put_back(file, path, act(), database, without_keys=without_keys, _=_)
        show(restored, as_json)
        if not restored["journal_ok"]:
            end(Exit.DATABASE, _("The journal in this backup does not hold: see `branchfleet-server journal check`."))


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
            apply_path(database, inventory, act(via="inventory"), yes=yes, lang=here.settings.lang)


@app.command()
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print what the database holds, in figures.

    Example: branchfleet-server status --json
    """
    with reading(home) as session:
        figures = status_out(session, utc_now()).model_dump(mode="json")
    show(figures, as_json)


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
    """List people: login, role, name, branches, and what keeps them out.

    Example: branchfleet-server person list
    """
    with reading(home) as session:
        now = utc_now()
        rows = [
            person_out(session, one).model_dump(mode="json")
            | {"disabled": one.disabled_at is not None, "locked": one.locked_until > now}
            for one in people(session)
        ]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        kept_out = ",".join(word for word in ("disabled", "locked", "must_change") if row[word])
        print(row["login"], row["role"], row["name"], ",".join(row["branches"]), kept_out, sep="\t")


@person.command("reset")
def person_reset(
    login: Annotated[str, typer.Argument(help="Whose password.")], home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Give a person a new one-time password; unlocks the account and ends its sign-ins.

    Example: branchfleet-server person reset wang
    """
    with changing(home) as (here, session):
        password = reset_password(session, act(), Passwords(here.settings.password_memory), login)
    show({"login": login, "password": password}, as_json)


@person.command("disable")
def person_disable(login: Annotated[str, typer.Argument(help="Whose access.")], home: HomeOption = None) -> None:
    """Take a person's access away. What they did stays in the journal.

    Example: branchfleet-server person disable wang
    """
    with changing(home) as (_, session):
        disable_person(session, act(), login)


AgentKey = Annotated[str, typer.Argument(help="The agent's key in the inventory.")]


@agent.command("code")
def agent_code(
    branch: Annotated[str, typer.Argument(help="The branch the PC stands in.")],
    key: Annotated[str | None, typer.Option("--agent", help="Its agent, where the branch has several.")] = None,
    hours: Annotated[int, typer.Option(help="How long the code is good, 720 at most.")] = HOURS,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a one-time code to enrol a PC as an agent with. It is shown once; an earlier one of that agent ends.

    Example: branchfleet-server agent code 1001
    """
    with changing(home) as (here, session):
        code, agent, until = agents.make_code(session, act(), here.key(), branch, key, hours)
    show({"code": str(code), "agent": agent, "until": local_time(until)}, as_json)


@agent.command("list")
def agent_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List agents: key, branch, who may speak as it, until when its code is good, and from where it speaks.

    Example: branchfleet-server agent list
    """
    with reading(home) as session:
        rows = agents_out(session, Everything(), utc_now())
    if as_json:
        print(json.dumps([row.model_dump(mode="json") for row in rows], ensure_ascii=False))
        return
    for row in rows:
        until = local_time(row.code_until) if row.code_until else ""
        heard = [f"{one.what}: {one.host} {one.address} {local_time(one.at)}" for one in row.speakers]
        print(row.key, row.branch, row.identity, until, "; ".join(heard), sep="\t")


@agent.command("withdraw")
def agent_withdraw(key: AgentKey, home: HomeOption = None) -> None:
    """Withdraw an agent's open code, and the key that waits to be confirmed.

    Example: branchfleet-server agent withdraw centre
    """
    with changing(home) as (here, session):
        agents.withdraw(session, act(), key)
    _ = gettext_for(here.settings.lang)
    say(_("The open code and the waiting key of {key} are worth nothing any more.").format(key=key))


@agent.command("confirm")
def agent_confirm(key: AgentKey, home: HomeOption = None) -> None:
    """Confirm the PC that waits: it goes on as this agent, with its positions and history, and the PC before ends.

    Example: branchfleet-server agent confirm 1001-pc
    """
    with changing(home) as (here, session):
        agents.confirm(session, act(), key)
    _ = gettext_for(here.settings.lang)
    say(_("{key} is the PC now that waited; the one before ends.").format(key=key))


@agent.command("revoke")
def agent_revoke(
    key: AgentKey,
    reason: Annotated[str, typer.Option(help="Why, for the journal.")] = "",
    home: HomeOption = None,
) -> None:
    """Let nobody speak as this agent any more, from the next request on. A new code lets a PC in again.

    Example: branchfleet-server agent revoke 1001-pc --reason "the PC was stolen"
    """
    with changing(home) as (here, session):
        agents.revoke(session, act(), key, reason)
    _ = gettext_for(here.settings.lang)
    say(_("Nobody speaks as {key} any more. A new code lets a PC in again.").format(key=key))


@agent.command("release")
def agent_release(key: AgentKey, home: HomeOption = None) -> None:
    """End a quarantine, once only one PC with this identity is left.

    Example: branchfleet-server agent release 1001-pc
    """
    with changing(home) as (here, session):
        agents.release(session, act(), key)
    _ = gettext_for(here.settings.lang)
    say(
        _("The quarantine of {key} has ended: the PC that asks first is the agent, within five minutes.").format(
            key=key
        )
    )


@agent.command("rotate")
def agent_rotate(key: AgentKey, home: HomeOption = None) -> None:
    """Have an agent make a fresh key when it next asks for a token, within the hour.

    Example: branchfleet-server agent rotate centre
    """
    with changing(home) as (here, session):
        agents.ask_rotation(session, act(), key)
    _ = gettext_for(here.settings.lang)
    say(_("{key} makes a fresh key when it next asks for a token, within the hour.").format(key=key))


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
    with reading(home) as session:
        found = check(session)
    show(found.model_dump(mode="json"), as_json)
    if not found.ok:
        raise typer.Exit(Exit.DATABASE)


@aside.command("list")
def aside_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List what agents sent and the server could not read, the newest first.

    Example: branchfleet-server aside list
    """
    with reading(home) as session:
        rows = [aside_out(*each) for each in listed(session)]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        print(*(row[key] for key in ("id", "agent", "last_at", "times", "size", "why")), sep="\t")


@aside.command("show")
def aside_show(
    id: Annotated[int, typer.Argument(help="Its number in the list.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the bytes as they came there.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one: what it is, why it could not be read, and with -o its bytes (the first 64 KiB).

    Example: branchfleet-server aside show 3 -o batch.bin
    """
    with sentences(home):
        with reading(home) as session:
            row, key = aside_one(session, id)
            said = aside_out(row, key)
        if output is not None:
            output.write_bytes(row.body)
        show(said, as_json)


@metrics.command("token")
def metrics_token(home: HomeOption = None) -> None:
    """Print a new token to read /metrics with, once; an earlier one stops working.

    Example: branchfleet-server metrics token > /etc/prometheus/branchfleet.token
    """
    with changing(home) as (_, session):
        token = issue_metrics_token(session, act())
    print(token)


def act(via: str = "cli") -> Act:
    """The deed's who and when: at a command the person is the machine's user."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid()) if hasattr(os, "getuid") else "?"
    return Act(actor=f"os:{user}"[:80], via=via, now=utc_now())


def local_time(at: int) -> str:
    """UTC µs as this machine's zone says it."""
    return datetime.fromtimestamp(at / 1_000_000).astimezone().isoformat(sep=" ", timespec="minutes")


def show(values: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(values, ensure_ascii=False))
        return
    width = max(len(key) for key in values)
    for key, value in values.items():
        print(f"{key:{width}}  {'' if value is None else value}")


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


@contextmanager
def changing(home: Path | None) -> Iterator[tuple[Home, Session]]:
    """A home and a session to change it in."""
    with sentences(home) as (path, _):
        here = Home(path)
        with here.database() as database, database.write() as session:
            refuse_a_leap(session, utc_now())
            yield here, session


@contextmanager
def reading(home: Path | None) -> Iterator[Session]:
    with sentences(home) as (path, _), Home(path).database() as database, database.read() as session:
        yield session


def main(arguments: list[str] | None = None) -> None:
    """The entry of the command. Ends the process."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")  # an old console's code page must not end a command
    app(arguments)


if __name__ == "__main__":
    main()
