"""Signing in for the commands, and out."""

import contextlib
import sys
from typing import Annotated

import typer

from tui import settings
from tui.commands import token
from tui.commands.said import Said, answer, narrate, nobody, stop
from tui.exit import Exit
from tui.plain import plain
from tui.texts import _

app = typer.Typer(rich_markup_mode=None)


@app.command(epilog="Example: echo $PASSWORD | branchfleet sign-in --login li")
def sign_in(
    context: typer.Context,
    login: Annotated[str, typer.Option(help="The name to sign in with.")] = "",
) -> None:
    """Sign in for the commands. The token is kept in a file only you can read; the password may come from stdin."""
    from tui.client import Client
    from tui.commands.token import Kept, keep

    said: Said = context.obj
    if not login and not sys.stdin.isatty():
        stop(Exit.USAGE, _("Say who signs in: --login NAME, with the password as a line of stdin."))
    login = login or typer.prompt("Login", err=True)
    password = (
        typer.prompt(_("Password"), hide_input=True, err=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip("\n")
    )

    async def ask(client: Client) -> None:
        person = await client.sign_in(login, password)
        try:
            before = token.kept_at_all(settings.config_folder())
            path = keep(settings.config_folder(), Kept(said.settings.server, login, client.token or ""))
        except OSError as error:
            stop(Exit.CANNOT_WRITE, _("The file cannot be written: {why}").format(why=error))
        narrate(_("{name} is signed in; the token is in {path}.").format(name=person.name, path=path))
        if before is not None and not token.same(before.server, said.settings.server):
            told = _("The sign-in at {other} is not kept any more: there is room for one.")
            narrate(told.format(other=plain(before.server)))
        if person.must_change:
            narrate(_("This is a first password: open the console and choose your own."))

    answer(context, ask, signed_in=False)


@app.command(epilog="Example: branchfleet sign-out")
def sign_out(context: typer.Context) -> None:
    """Give up the sign-in kept here, at the server it is of."""
    from tui.client import Client
    from tui.failures import ClientError

    said: Said = context.obj

    async def ask(client: Client) -> None:
        with contextlib.suppress(
            ClientError
        ):  # the file goes even when the server is away; its token runs out by itself
            await client.sign_out()

    kept = token.kept_at_all(settings.config_folder())
    here = kept is not None and token.same(kept.server, said.settings.server)
    if said.token is None and kept is not None and not here:
        stop(Exit.NOT_SET_UP, nobody(said.settings.server))
    if said.token is not None:
        answer(context, ask)
    if here:
        token.forget(settings.config_folder())
    narrate(_("Signed out."))
