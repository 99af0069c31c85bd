"""What was said before a command, and what each is made of: narration, an end with a code, the server asked."""

import asyncio
import os
import ssl
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

import typer

from tui import settings
from tui.commands import token
from tui.exit import Exit
from tui.plain import plain
from tui.settings import Settings
from tui.texts import _


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


def trusted(said: Said, *, without: bool = False) -> ssl.SSLContext | None:
    """How to know the server. A CA that is met for the first time is shown to the person, who says yes or no.

    `without`: this PC's agent has something to show, though the server cannot be met.
    """
    from tui.trust import NoCa, NotMet, Untrusted, trust

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
    except NoCa as error:
        stop(Exit.BAD_FILE, str(error))
    except Untrusted as error:
        stop(Exit.REFUSED, str(error))


def nobody(server: str) -> str:
    """Nobody is signed in there; the sign-in of another server is named, since somebody here may think so."""
    kept = token.kept_at_all(settings.config_folder())
    if kept is None or token.same(kept.server, server):
        return _("Nobody is signed in here: branchfleet sign-in")
    told = _(
        "Nobody is signed in at {server}; what is kept here is a sign-in at {other}. "
        "branchfleet --server {server} sign-in takes its place."
    )
    return told.format(server=server, other=plain(kept.server))


def answer(
    context: typer.Context, ask: "Callable[[Any], Coroutine[Any, Any, None]]", *, signed_in: bool = True
) -> None:
    """Ask the server, and turn what it cannot or will not do into a sentence and a code."""
    from tui.client import Client
    from tui.failures import Away, Defect, Refused, SignedOut, Unable, Untrusted

    said: Said = context.obj
    if signed_in and said.token is None:
        stop(Exit.NOT_SET_UP, nobody(said.settings.server))
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
    except Unable as error:
        stop(Exit.AWAY, error.sentence)
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
