"""`branchfleet-server host-script`: what a host runs that nobody can log in to."""

from pathlib import Path
from typing import Annotated

import typer

from agent.inventory.posted import System, cron_line, task_line
from server.command import HomeOption, act, changing, say
from server.facts.posted import script_of
from server.private import write_private


def host_script(
    position: Annotated[str, typer.Argument(help="A position of the driver host/posted, like 1001/pc-7.")],
    to: Annotated[Path, typer.Option(help="The file to write; it holds the position's key.")],
    system: Annotated[System, typer.Option("--for", help="The host's system.")] = "windows",
    home: HomeOption = None,
) -> None:
    """Write the ready script of a host that posts what it says of itself: with its key and where it posts to.

    The host runs it by its Task Scheduler or cron; the line for that stands in it, and is shown. Without a network it
    writes a file for a stick (-ToFile PATH, --to-file PATH), which `branchfleet facts import` takes.

    Example: branchfleet-server host-script 1001/pc-7 --for windows --to facts.ps1
    """
    with changing(home) as (here, session, _):
        written = script_of(session, act(), here.key(), position, system)
        write_private(to, written)
    say(
        _("{file} holds the key of {position}: carry it there, and leave no copy behind.").format(
            file=to, position=position
        )
    )
    say(_("On the host, so that it posts every four hours:"))
    print(task_line() if system == "windows" else cron_line(position))
