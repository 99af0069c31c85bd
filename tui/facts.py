"""`branchfleet facts`: what a host said of itself, with an agent or without."""

from typing import TYPE_CHECKING, Annotated

import typer

from tui.said import Json, answer, narrate
from tui.texts import _

if TYPE_CHECKING:
    from tui.client import Client

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
    from tui.hosts import age, pairs
    from tui.listed import aligned
    from tui.plain import plain, to_json
    from tui.security import TOPICS, security

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
