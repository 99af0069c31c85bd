"""`branchfleet`: the console, the same in a browser, and questions for scripts. stdout is data, stderr narrates."""

import errno
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from agent import commandline
from tui import settings
from tui.commands import (
    agent,
    campaign,
    check,
    exemption,
    facts,
    licence,
    matrix,
    media,
    network,
    push,
    questions,
    register,
    sign_in,
    token,
)
from tui.commands.said import Json, Said, narrate, stop, trusted
from tui.exit import Exit
from tui.settings import BadSettings, Settings
from tui.texts import _, speak

app = typer.Typer(
    name="branchfleet",
    help="Branchfleet's console: every terminal of every branch. Without a command the console opens.",
    epilog="Example: branchfleet --server https://10.1.0.5:8088",
    invoke_without_command=True,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(questions.app)
app.add_typer(push.app)
app.add_typer(agent.app)
app.add_typer(facts.app)
app.add_typer(check.app)
app.add_typer(campaign.app)
app.add_typer(exemption.app)
check.check_app.registered_commands += matrix.app.registered_commands
app.add_typer(media.app)
app.add_typer(register.app)
app.add_typer(licence.app)
app.add_typer(network.app)
app.add_typer(sign_in.app)


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
    found = found.model_copy(update={"lang": commandline.legible(found.lang)})
    speak(found.lang)
    context.obj = Said(found, token.from_environment() or _kept_token(found))
    if context.invoked_subcommand is None:
        raise typer.Exit(run_console(context.obj))


def _kept_language() -> str:
    """Of console.toml; what is wrong with that file is told by the command itself."""
    try:
        return settings.load({}).lang
    except BadSettings:
        return "zh"


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


@app.command(epilog="Example: branchfleet web --port 8090")
def web(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port of the page.")] = 8090,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    name: Annotated[
        list[str] | None,
        typer.Option(help="A name or address browsers may use besides, as a proxy's; repeatable."),
    ] = None,
) -> None:
    """The same console in a browser. Everything the page needs comes from here; nothing from outside."""
    from tui.web.names import urls
    from tui.web.serve import CannotListen, PortTaken, serve

    said: Said = context.obj
    trusted(said)  # the windows of browsers have nobody to ask
    where = _("The console is at {urls} — Ctrl+C ends it.").format(urls=_(", ").join(urls(host, port)))
    try:
        serve(said.settings, host, port, name or (), lambda: narrate(where))
    except CannotListen as error:
        stop(Exit.BUSY if isinstance(error, PortTaken) else Exit.USAGE, str(error))


def main(words: Sequence[str] | None = None) -> None:
    """The entry of the command. Ends the process."""
    commandline.settle_streams()
    lang = commandline.language(sys.argv[1:] if words is None else words, os.environ, _kept_language())
    speak(lang)
    try:
        sys.exit(commandline.run("branchfleet", app, words, lang))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries once more as it ends
        narrate(_("The output cannot be written: the disk it goes to is full."))
        sys.exit(Exit.CANNOT_WRITE)
