"""`branchfleet`: the console, the same in a browser, and questions for scripts. stdout is data, stderr narrates."""

import asyncio
import contextlib
import os
import ssl
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from tui import settings, token
from tui.exit import Exit
from tui.settings import BadSettings, Settings
from tui.texts import _, speak

T = TypeVar("T")

app = typer.Typer(
    name="branchfleet",
    help="Branchfleet's console: every terminal of every branch. Without a command the console opens.",
    epilog="Example: branchfleet --server https://10.1.0.5:8088",
    invoke_without_command=True,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    add_completion=False,
)
ledger_app = typer.Typer(
    help="The register of machines.", epilog="Example: branchfleet ledger export --format xlsx -o 台账.xlsx"
)
app.add_typer(ledger_app, name="ledger")


@dataclass(frozen=True)
class Said:
    """What was said before the command."""

    settings: Settings
    token: str | None


Json = Annotated[bool, typer.Option("--json", help="One JSON document a program may read.")]
Search = Annotated[str, typer.Option("--q", help="Text in the name, key, class, model, asset or serial number.")]


def narrate(sentence: str) -> None:
    typer.echo(sentence, err=True)


def stop(exit: Exit, sentence: str = "") -> NoReturn:
    """One sentence and a code."""
    narrate(sentence or exit.sentence)
    raise typer.Exit(exit)


@app.callback()
def start(
    context: typer.Context,
    server: Annotated[str, typer.Option(help="The server's address.", show_default=settings.SERVER)] = "",
    ca: Annotated[str, typer.Option(help="A file with the CA of the server, for scripts; else the accepted one.")] = "",
    lang: Annotated[str, typer.Option(help="zh or en.", show_default="zh")] = "",
    marks: Annotated[
        str, typer.Option(help="shapes, ascii, or auto: what fits the terminal.", show_default="auto")
    ] = "",
    theme: Annotated[str, typer.Option(help="dark or light.", show_default="dark")] = "",
    local: Annotated[str, typer.Option(help="The folder of this PC's agent.", show_default="its usual place")] = "",
    show_version: Annotated[bool, typer.Option("--version", help="Say the version and end.")] = False,
) -> None:
    if show_version:
        typer.echo(version("branchfleet"))
        raise typer.Exit
    try:
        found = settings.load(
            {"server": server, "ca": ca, "lang": lang, "marks": marks, "theme": theme, "local": local}
        )
    except BadSettings as error:
        stop(Exit.BAD_FILE, str(error))
    speak(found.lang)
    context.obj = Said(found, token.from_environment() or _kept_token(found))
    if context.invoked_subcommand is None:
        raise typer.Exit(run_console(context.obj))


def _kept_token(found: Settings) -> str | None:
    kept = token.kept(settings.config_folder(), found.server)
    return kept.token if kept else None


def run_console(said: Said) -> int:
    """The console in this terminal."""
    from tui.app import ConsoleApp  # Textual takes 0.2 s to load, and the other commands do without
    from tui.narrow import draws_wide

    in_browser = token.in_browser()
    # Textual draws on stderr.
    if not in_browser and not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        stop(Exit.USAGE, _("The console needs a terminal. For scripts: branchfleet devices --json"))
    marks = said.settings.marks
    ascii_marks = marks == "ascii" or (marks == "auto" and not in_browser and draws_wide())
    # In a browser everybody signs in: the sign-in kept here belongs to the person at this machine.
    # Nor is the box of this PC's agent for whoever opens the page.
    from tui.local.folder import find

    token_here = None if in_browser else said.token
    local = None if in_browser else find(said.settings.local)
    trust = trusted(said, without=local is not None)
    return ConsoleApp(said.settings, token=token_here, ascii_marks=ascii_marks, local=local, trust=trust).run() or 0


def trusted(said: Said, *, without: bool = False) -> ssl.SSLContext | None:
    """How to know the server. A CA that is met for the first time is shown to the person, who says yes or no.

    `without`: this PC's agent has something to show, though the server cannot be met.
    """
    from tui.trust import NotMet, Untrusted, trust

    def accept(fingerprint: str) -> bool:
        narrate(
            _("{server} is met here for the first time. The fingerprint of its CA (SHA-256):").format(
                server=said.settings.server
            )
        )
        narrate(f"  {fingerprint}")
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            narrate(_("No person is here to compare it: say --ca FILE, or accept it once at a terminal."))
            return False
        narrate(_("Compare it with what head office has (branchfleet-server ca)."))
        answer: str = typer.prompt(_("Is it the same? 1 yes, 2 no"), err=True, default="2")
        return answer.strip() == "1"

    try:
        return trust(said.settings.server, said.settings.ca, settings.config_folder(), accept)
    except NotMet as error:
        if not without:
            stop(Exit.AWAY, str(error))
        return None
    except Untrusted as error:
        stop(Exit.REFUSED, str(error))


@app.command(epilog="Example: branchfleet demo; without a screen: branchfleet demo --headless --seconds 60 --json")
def demo(
    context: typer.Context,
    headless: Annotated[bool, typer.Option("--headless", help="No console: live a while, then count and end.")] = False,
    seconds: Annotated[float | None, typer.Option(min=1.0, help="How long a headless demo lives.")] = None,
    json: Json = False,
    home: Annotated[Path | None, typer.Option(help="An empty folder to live in, kept; else one thrown away.")] = None,
) -> None:
    """Watch an invented bank live: simulators over real protocols, a server, four agents, and the console.

    Everything runs on this machine alone. Without a terminal it lives 60 seconds, prints an account and ends.
    """
    from tui.demo.command import run_demo

    said: Said = context.obj
    screen = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))  # Textual draws on stderr
    headless = headless or seconds is not None or not screen

    def console(server: str, ca: str, token: str) -> None:
        run_console(Said(said.settings.model_copy(update={"server": server, "ca": ca}), token))

    raise typer.Exit(run_demo(home, seconds, json, None if headless else console))


@app.command(epilog="Example: branchfleet devices --standing fault --branch 1001 --json")
def devices(
    context: typer.Context,
    branch: Annotated[str, typer.Option(help="A branch's code.")] = "",
    standing: Annotated[
        list[str] | None,
        typer.Option(help="good, attention, fault, inUse, unknown, stale, never, closed, unpolled; repeatable."),
    ] = None,
    q: Search = "",
    json: Json = False,
) -> None:
    """List devices, the worst first."""
    from server.schemas import Standing
    from tui.client import Client, PositionQuery
    from tui.listed import all_pages, device_lines

    known = {word.value for word in Standing}
    for word in standing or ():
        if word not in known:
            stop(
                Exit.USAGE,
                _("{word}: no such standing. There are: {known}").format(word=word, known=", ".join(sorted(known))),
            )
    query = PositionQuery(q=q, branch=branch or None, standing=tuple(Standing(word) for word in standing or ()))

    async def ask(client: Client) -> None:
        await all_pages(lambda offset, limit: client.positions(query, offset=offset, limit=limit), device_lines, json)

    _answer(context, ask)


@app.command(epilog="Example: branchfleet tickets --status new --status accepted")
def tickets(
    context: typer.Context,
    branch: Annotated[str, typer.Option(help="A branch's code.")] = "",
    status: Annotated[list[str] | None, typer.Option(help="new, accepted, inProgress, done; repeatable.")] = None,
    q: Search = "",
    json: Json = False,
) -> None:
    """List tickets, the newest first."""
    from server.schemas import TicketStatus
    from tui.client import Client, TicketQuery
    from tui.listed import all_pages, ticket_lines

    known = [word.value for word in TicketStatus]
    for word in status or ():
        if word not in known:
            stop(Exit.USAGE, _("{word}: no such status. There are: {known}").format(word=word, known=", ".join(known)))
    query = TicketQuery(q=q, branch=branch or None, status=tuple(TicketStatus(word) for word in status or ()))

    async def ask(client: Client) -> None:
        await all_pages(lambda offset, limit: client.tickets(query, offset=offset, limit=limit), ticket_lines, json)

    _answer(context, ask)


@app.command(epilog="Example: branchfleet entries --branch 1001")
def entries(
    context: typer.Context,
    branch: Annotated[str, typer.Option(help="A branch's code.")] = "",
    json: Json = False,
) -> None:
    """List what branches entered while the server was away, the newest first."""
    from tui.client import Client
    from tui.listed import all_pages, entry_lines

    async def ask(client: Client) -> None:
        await all_pages(
            lambda offset, limit: client.entries(branch=branch or None, offset=offset, limit=limit), entry_lines, json
        )

    _answer(context, ask)


@app.command(epilog="Example: branchfleet told 1001 power")
def told(
    context: typer.Context,
    branch: Annotated[str, typer.Argument(help="A branch's code.")],
    answer: Annotated[str, typer.Argument(help="power (the mains are off), line (it is cut), closed (switched off).")],
    text: Annotated[str, typer.Option(help="Whom you spoke with, and what else was said.")] = "",
) -> None:
    """Note what was said on the telephone of a silent branch: the cause shown until something says otherwise."""
    from server.schemas import Answer, AnswerCreate
    from tui.client import Client
    from tui.local.words import ANSWERS

    known = [word.value for word in Answer]
    if answer not in known:
        stop(Exit.USAGE, _("{word}: no such answer. There are: {known}").format(word=answer, known=", ".join(known)))

    async def ask(client: Client) -> None:
        made = await client.told(AnswerCreate(branch=branch[:64], answer=Answer(answer), text=text[:500]))
        narrate(f"{made.branch}: {_(ANSWERS[made.answer])} ({made.who})")

    _answer(context, ask)


@app.command(epilog="Example: branchfleet coverage --branch 1001 --from 2026-11-01 --to 2026-11-30 --json")
def coverage(
    context: typer.Context,
    agent: Annotated[str, typer.Option(help="An agent's key.")] = "",
    branch: Annotated[str, typer.Option(help="A branch's code: its positions, by whichever agent.")] = "",
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day.")] = None,
    json: Json = False,
) -> None:
    """Say what was due, what is attested and why the rest is missing, in position-minutes, by agent and day.

    The last seven days where no day is named; 92 days at most.
    """
    from server.schemas import AgentCoverage, BranchCoverage
    from tui.client import Client
    from tui.listed import aligned, coverage_lines
    from tui.plain import to_json
    from tui.words import minutes

    async def ask(client: Client) -> None:
        report = await client.coverage(
            agent=agent or None, branch=branch or None, first=first and first.date(), last=last and last.date()
        )
        if json:
            typer.echo(to_json(report.model_dump(mode="json")))
            return
        rows: Sequence[AgentCoverage | BranchCoverage] = report.branches if branch else report.agents
        for line in aligned(coverage_lines(rows)):
            typer.echo(line)
        narrate(f"{report.first} … {report.last}: {minutes(report.total)}")

    _answer(context, ask)


@app.command(epilog="Example: branchfleet local --json")
def local(context: typer.Context, json: Json = False) -> None:
    """What this PC's agent knows, without the server: devices, lines and numbers to call, what to do."""
    from tui.local import listed
    from tui.local.folder import Unreadable, find, read
    from tui.plain import to_json

    said: Said = context.obj
    folder = find(said.settings.local)
    if folder is None:
        stop(Exit.NO_SUCH_THING, _("There is no agent on this PC, or it keeps its folder elsewhere: --local FOLDER"))
    try:
        known = read(folder)
    except Unreadable as error:
        stop(Exit.BAD_FILE, _("What this PC's agent says cannot be read: {why}").format(why=error))
    if json:
        typer.echo(to_json(listed.as_json(known)))
        return
    for line in listed.lines(known):
        typer.echo(line)
    narrate(listed.narration(known))


@ledger_app.command(epilog="Example: branchfleet ledger export --format csv -o - | head")
def export(
    context: typer.Context,
    output: Annotated[str, typer.Option("-o", "--output", help="The file; - is stdout, for csv and json.")],
    format: Annotated[str, typer.Option(help="xlsx, csv or json; else by the file's name.", show_default=False)] = "",
    q: Search = "",
    branch: Annotated[str, typer.Option(help="A branch's code.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write the ledger to a file: whole or not at all."""
    from tui.client import Client, LedgerQuery
    from tui.files import CannotWrite, Exists, write
    from tui.words import watched

    chosen = format or Path(output).suffix.removeprefix(".")
    if chosen not in ("xlsx", "csv", "json"):
        stop(Exit.USAGE, _("Say --format xlsx, csv or json."))
    if output == "-" and chosen == "xlsx":
        stop(Exit.USAGE, _("An Excel file is not for the screen: give -o a file name."))
    query = LedgerQuery(q=q, branch=branch or None)

    async def ask(client: Client) -> None:
        async with client.ledger_export(query, chosen) as download:
            if output == "-":
                async for chunk in download.chunks:
                    sys.stdout.buffer.write(chunk)
                sys.stdout.buffer.flush()
                narrate(watched(download.rows, download.watched))
                return
            try:
                size = await write(Path(output), download.chunks, force=force, progress=lambda _done: None)
            except Exists:
                stop(Exit.CANNOT_WRITE, _("{path} is there already; --force replaces it.").format(path=output))
            except CannotWrite as error:
                stop(Exit.CANNOT_WRITE, _("The file cannot be written: {why}").format(why=error))
            told = _("{path} is written: {size} bytes, as of journal no. {seq}.")
            narrate(told.format(path=output, size=f"{size:,}", seq=download.journal_seq))
            narrate(watched(download.rows, download.watched))

    _answer(context, ask)


@app.command(epilog="Example: echo $PASSWORD | branchfleet sign-in --login li")
def sign_in(
    context: typer.Context,
    login: Annotated[str, typer.Option(prompt=True, help="The name to sign in with.")],
) -> None:
    """Sign in for the commands. The token is kept in a file only you can read; the password may come from stdin."""
    from tui.client import Client
    from tui.token import Kept, keep

    said: Said = context.obj
    password = (
        typer.prompt(_("Password"), hide_input=True, err=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip("\n")
    )

    async def ask(client: Client) -> None:
        person = await client.sign_in(login, password)
        try:
            path = keep(settings.config_folder(), Kept(said.settings.server, login, client.token or ""))
        except OSError as error:
            stop(Exit.CANNOT_WRITE, _("The file cannot be written: {why}").format(why=error))
        narrate(_("{name} is signed in; the token is in {path}.").format(name=person.name, path=path))
        if person.must_change:
            narrate(_("This is a first password: open the console and choose your own."))

    _answer(context, ask, signed_in=False)


@app.command(epilog="Example: branchfleet sign-out")
def sign_out(context: typer.Context) -> None:
    """Give up the sign-in kept here."""
    from tui.client import Client, ClientError

    said: Said = context.obj

    async def ask(client: Client) -> None:
        with contextlib.suppress(
            ClientError
        ):  # the file goes even when the server is away; its token runs out by itself
            await client.sign_out()

    if said.token is not None:
        _answer(context, ask)
    token.forget(settings.config_folder())
    narrate(_("Signed out."))


@app.command(epilog="Example: branchfleet web --port 8090")
def web(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port of the page.")] = 8090,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """The same console in a browser. Everything the page needs comes from here; nothing from outside."""
    from tui.web.serve import PortTaken, serve

    said: Said = context.obj
    trusted(said)  # the windows of browsers have nobody to ask
    where = _("The console is at http://{host}:{port} — Ctrl+C ends it.").format(host=host, port=port)
    try:
        serve(said.settings, host, port, lambda: narrate(where))
    except PortTaken:
        stop(Exit.BUSY, _("Port {port} is in use; choose another with --port.").format(port=port))


def _answer(
    context: typer.Context, ask: "Callable[[Any], Coroutine[Any, Any, None]]", *, signed_in: bool = True
) -> None:
    """Ask the server, and turn what it cannot or will not do into a sentence and a code."""
    from tui.client import Away, Client, Defect, Refused, SignedOut, Untrusted

    said: Said = context.obj
    if signed_in and said.token is None:
        stop(Exit.NOT_SET_UP, _("Nobody is signed in here: branchfleet sign-in"))
    context_of_server = trusted(said)

    async def run() -> None:
        async with Client(
            said.settings.server, token=said.token, lang=said.settings.lang, trust=context_of_server
        ) as client:
            await ask(client)

    try:
        asyncio.run(run())
    except Untrusted as error:
        stop(Exit.REFUSED, error.sentence)
    except Away:
        stop(Exit.AWAY, _("The server {server} does not answer. Is the line up?").format(server=said.settings.server))
    except SignedOut as error:
        stop(Exit.NOT_SET_UP, _("{why} branchfleet sign-in").format(why=error))
    except Refused as error:
        stop(Exit.NO_SUCH_THING if error.status == 404 else Exit.REFUSED, error.sentence)
    except Defect as error:
        stop(Exit.DEFECT, _("The server's answer cannot be read: {why}").format(why=error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `| head` has seen enough


def main() -> None:
    app()
