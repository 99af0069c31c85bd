"""`branchfleet facts`: what a host said of itself, with an agent or without."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands.said import Json, answer, narrate
from tui.exit import Exit
from tui.texts import _

if TYPE_CHECKING:
    from server.schemas.facts import FactsImport
    from tui.client import Client

MOST = 660_000  # bytes of a file: more is more than a request may have

app = typer.Typer(rich_markup_mode=None)
facts_app = typer.Typer(
    rich_markup_mode=None, epilog="Example: branchfleet facts show 1001/front-end-1", no_args_is_help=True
)
app.add_typer(facts_app, name="facts")


@facts_app.callback()
def facts() -> None:
    """What hosts say of themselves."""


@facts_app.command(epilog="Example: branchfleet facts show 1001/front-end-1")
def show(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="Key of an agent, or of a position that is a host.", show_default=False)],
    json: Json = False,
) -> None:
    """Show what a host said of itself: system, disks, addresses, antivirus, updates, ports, and how old that is. What
    could not be read is said, with the reason."""
    from tui.commands.listed import aligned
    from tui.plain import plain, to_json
    from tui.words.host import age, pairs
    from tui.words.security import TOPICS, security

    async def ask(client: "Client") -> None:
        told = await client.facts(key, *() if json else TOPICS)
        if json:
            typer.echo(to_json(told.model_dump(mode="json")))
            return
        now = client.now()
        for line in aligned([[plain(name), plain(value)] for name, value in [*pairs(told), *security(told, now)]]):
            typer.echo(line)
        narrate(_("What it says of itself: {age}").format(age=plain(age(told, now))))

    answer(context, ask)


@facts_app.command("import", epilog="Example: branchfleet facts import E:\\facts\\*.bff")
def import_(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Files that hosts wrote for a stick.", show_default=False)],
) -> None:
    """Bring what hosts wrote into files, where no network goes. The server files what the host's key signed, as of the
    day it was written; of one that will not do it says why, and the others are taken.

    Ends with 0 where all were good, 12 where one was not."""
    from tui.failures import Refused
    from tui.plain import plain
    from tui.words.times import full

    async def ask(client: "Client") -> None:
        wrong = False
        for file in files:
            try:
                done = await client.import_facts(_read(file))
            except (OSError, ValueError) as error:
                why = _(error.strerror or str(error)) if isinstance(error, OSError) else str(error)
                narrate(_("{file}: cannot be used: {why}").format(file=file, why=plain(why)))
                wrong = True
            except Refused as error:
                narrate(error.sentence)
                wrong = True
            else:
                said = (
                    _("{position}: taken, as of {at}")
                    if done.taken
                    else _("{position}: of {at}, and {known} is known already: nothing changed")
                )
                known = full(done.known) if done.known else ""
                typer.echo(said.format(position=plain(done.position), at=full(done.at), known=known))
        if wrong:
            raise typer.Exit(Exit.NOT_ALL)

    answer(context, ask)


def _read(file: Path) -> "FactsImport":
    from base64 import b64encode

    from server.schemas.facts import FactsImport

    if file.exists() and not file.is_file() and not file.is_dir():  # a pipe is waited for, and a device has no end
        raise ValueError(_("this is a device or a pipe, and not a file"))
    with file.open("rb") as opened:
        raw = opened.read(MOST + 1)
    if len(raw) > MOST:
        raise ValueError(_("it is longer than {most} bytes").format(most=MOST))
    return FactsImport(file=file.name[-120:], content=b64encode(raw).decode("ascii"))
