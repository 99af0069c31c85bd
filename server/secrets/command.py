"""`branchfleet-server secret`: what an inventory names and nobody may read."""

import getpass
import sys
from typing import Annotated

import typer

from server.command import HomeOption, act, changing
from server.secrets.deeds import LONGEST, set_secret

secret = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Communities and passwords of devices.")


@secret.command("set")
def secret_set(
    name: Annotated[str, typer.Argument(help='Its name; an option says "secret:NAME".')], home: HomeOption = None
) -> None:
    """Set a secret, read from stdin (asked for without echo at a terminal).

    Example: printf %s public-ro | branchfleet-server secret set atm-ro
    """
    with changing(home) as (here, session, _):
        value = getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.read(LONGEST + 2).rstrip("\r\n")
        set_secret(session, act(), here.key(), name, value)
